# The small networks in the tables of tests/lower as files of the language: rows {"f32[1, 3, 7, 9]", "y = relu(a)"}.
# `folder`: where to.
match($0, /\{"[a-z0-9]+\[[^"]*\][!-]?", *"[^"%]*y = [^"%]*"\}/) {
  split(substr($0, RSTART, RLENGTH), part, "\"")
  inputs = ""
  for (i = 1; match(part[2], /[a-z0-9]+\[[^\]]*\]/); i++) {
    inputs = inputs (i > 1 ? ", " : "") substr("abcdefgh", i, 1) ": " substr(part[2], RSTART, RLENGTH)
    part[2] = substr(part[2], RSTART + RLENGTH)
  }
  gsub(/\\n/, "\n", part[4])
  file = sprintf("%s/case%04d.nn", folder, ++n)
  printf "nn 1\nmodel m(%s) -> y {\n  %s\n}\n# %d\n", inputs, part[4], n > file
  close(file)
}
