autocmd BufNewFile,BufRead *.nn setfiletype nn
