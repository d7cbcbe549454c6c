#!/bin/sh
# An installed tree, moved elsewhere: a CMake project that uses it, pkg-config, man pages, completion, syntax files.
. "${0%/*}/lib.sh"
expect 0 "$CMAKE" --install "$BUILD" --prefix "$work/made"
mv made tree
prefix=$work/tree
[ -x "$prefix/bin/nncc" ] || fail "no program"

expect 0 "$CMAKE" -S "$SOURCE/tests/e2e/package" -B user -DCMAKE_PREFIX_PATH="$prefix"
expect 0 "$CMAKE" --build user
for program in user/user_c user/user_cpp; do
  expect 0 $program
  says out right
done
expect 0 "$CMAKE" --build user # again: nothing to do
grep -q Compiling out && fail "models are compiled again: $(cat out)"

pc=$(dirname "$(find "$prefix" -name nncc.pc)")
flags=$(PKG_CONFIG_PATH=$pc pkg-config --cflags nncc) || fail "pkg-config"
printf '#include <nncc.h>\nint v = NNCC_ABI_VERSION;\n' >abi.c
# shellcheck disable=SC2086 # flags are words
expect 0 cc $flags -c abi.c -o abi.o
expect 0 "$(PKG_CONFIG_PATH=$pc pkg-config --variable=compiler nncc)" --version

# Every option that --help lists stands in the man page and in the completion.
for command in "" run bench inspect verify opt fmt; do
  page=$prefix/share/man/man1/nncc${command:+-$command}.1
  [ -s "$page" ] || fail "no $page"
  sed 's/\\-/-/g; s/\\f.//g' "$page" >page
  expect 0 "$NNCC" $command --help
  grep -oE '^ +(-[A-Za-z?#], |    )?--?[A-Za-z#-]+' out | grep -oE -- '--?[A-Za-z#-]+$' | sort -u >options
  [ "$(wc -l <options)" -ge 4 ] || fail "--help of nncc $command lists $(cat options)"
  while read -r option; do
    grep -qF -- "$option" page || fail "nncc $command: no $option in the man page"
  done <options
  if command -v man >/dev/null && command -v groff >/dev/null; then
    expect 0 groff -man -Tutf8 -ww -z "$page"
    [ -s err ] && fail "groff says of $page: $(cat err)"
  fi
done
says "$prefix/share/man/man1/nncc.1" "nncc inspect"

complete() { # WORDS...: what bash offers for the last one
  bash -c '. "$0"; COMP_WORDS=(nncc "$@"); COMP_CWORD=$#; _nncc; printf "%s\n" "${COMPREPLY[@]}"' \
    "$prefix/share/bash-completion/completions/nncc" "$@"
}
[ "$(complete ins)" = inspect ] || fail "completion of ins: $(complete ins)"
[ "$(complete run --inpu | sort | tr '\n' ' ')" = "--input-format= --input= " ] || fail "of --inpu: $(complete run --inpu)"
[ "$(complete fmt --che)" = --check ] || fail "of fmt --che"
[ "$(complete model.nn --rep)" = --reproducible ] || fail "of --rep"
[ -z "$(complete run mod)" ] || fail "files are bash's to complete"

for word in conv2d block f32 true reshape sqrt; do
  grep -qwF $word "$prefix/share/vim/vimfiles/syntax/nn.vim" || fail "no $word for vim"
  grep -qE "[(|]$word[)|]" "$prefix/share/nncc/nn.tmLanguage.json" || fail "no $word for TextMate"
done
grep -qw attention_core "$prefix/share/vim/vimfiles/syntax/nn.vim" && fail "an op of the compiler's own for vim"
[ -s "$prefix/share/vim/vimfiles/ftdetect/nn.vim" ] || fail "vim does not know the suffix"
"$PYTHON" - "$prefix/share/nncc/nn.tmLanguage.json" <<'P' || fail "the TextMate grammar"
import json, re, sys
grammar = json.load(open(sys.argv[1]))
patterns = [re.compile(p.get("match") or p["begin"]) for p in grammar["patterns"]]
scopes = {"# a": "comment.", '"a': "string.", "@a.{i + 1}.b": "entity.", "for": "keyword.control", "true": "constant.lang",
          "u8": "storage.", "conv2d": "support.", "1.5e-3": "constant.numeric", "|>": "keyword.operator"}
for text, scope in scopes.items():
    first = [p["name"] for p, r in zip(grammar["patterns"], patterns) if (m := r.match(text)) and m.end() >= min(len(text), 1)]
    assert first and first[0].startswith(scope), (text, first)
P
if command -v vim >/dev/null; then
  printf 'nn 1\nmodel m(x: f32[N]) -> y { y = relu(x) @a }\n' >m.nn
  vim -u NONE -es --cmd "set rtp^=$prefix/share/vim/vimfiles" -c 'filetype on | syntax on | edit m.nn' \
    -c 'call writefile([synIDattr(synID(2, 1, 1), "name")], "group")' -c 'qa!'
  [ "$(cat group)" = nnKeyword ] || fail "vim sees $(cat group)"
fi
finish
