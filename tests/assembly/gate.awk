# Reads assembly as LLVM writes it and judges microkernels: innermost loops whose products take a broadcast element of
# the activations. None may touch the stack; products are fused; and in each function that has such loops one must spend
# at least `share` percent of its instructions on them. `want`: at least so many functions have some. `quiet`: say
# nothing of those that pass.
function judge(   i, j, l, inner, fused, apart, broadcasts, stack, best, loops, line) {
  best = -1
  loops = 0
  for (i = 1; i <= n_loops; i++) {
    inner = 1
    for (j = 1; j <= n_loops; j++)
      if (j != i && first[j] >= first[i] && last[j] <= last[i] && !(first[j] == first[i] && last[j] == last[i])) inner = 0
    if (!inner) continue
    fused = apart = broadcasts = stack = total = 0
    for (l = first[i]; l <= last[i]; l++) {
      line = text[l]
      if (line !~ /^\t[a-z]/) continue
      total++
      if (line ~ /^\tvfn?m(add|sub)[0-9]*ps/) fused++
      if (line ~ /^\tv?(mul|add)ps/) apart++
      if (line ~ /^\tvbroadcastss\t.*\(%r/ || line ~ /\(%r.*\{1to/) if (line !~ /\(%rip/) broadcasts++
      if (line ~ /\(%rsp/ || (frame && line ~ /\(%rbp/)) stack++
    }
    if (!broadcasts || fused + apart < 4) continue
    loops++
    if (stack) complain("an inner loop touches the stack " stack " times", first[i])
    if (apart > fused) complain("an inner loop has products without FMA", first[i])
    if (100 * fused / total > best) best = 100 * fused / total
  }
  if (!loops) return
  functions++
  if (best < share) complain(sprintf("the best inner loop is only %d%% FMA", best), 0)
  else if (!quiet) printf "%s: %s: %d microkernels, up to %d%% FMA\n", FILENAME, name, loops, best
}
function complain(what, at) {
  printf "%s: %s%s: %s\n", FILENAME, name, at ? " at " substr(text[at], 1, index(text[at], ":") - 1) : "", what
  bad++
}
function begin(label) {
  name = label
  n_lines = n_loops = frame = 0
  split("", place)
}
/^[A-Za-z_][A-Za-z0-9_.$]*:/ { begin(substr($1, 1, index($1, ":") - 1)) }
{ text[++n_lines] = $0 }
/^\tmovq\t%rsp, %rbp/ { frame = 1 }
/^\.L[A-Za-z0-9_]*:/ { place[substr($1, 1, index($1, ":") - 1)] = n_lines }
/^\tj[a-z]*\t\.L/ && ($2 in place) { first[++n_loops] = place[$2]; last[n_loops] = n_lines }
/^\t\.size\t/ { judge(); begin("") }
END {
  if (functions < want) { printf "%s: %d functions with microkernels, expected %d\n", FILENAME, functions, want; bad++ }
  exit bad > 0
}
