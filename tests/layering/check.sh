#!/bin/sh
# Which folder may include which (docs/ARCHITECTURE.md): prints every #include that breaks the rule, fails if there is one.
set -eu
cd "$(dirname "$0")/../.."
find frontend ir passes codegen runtime driver -name '*.[chly]' | sort | xargs awk '
  BEGIN {
    may["ir/core"] = ""
    may["ir/graph"] = "ir/core"
    may["ir/loop"] = "ir/core"
    may["ir/ref"] = "ir/core ir/graph"
    may["frontend"] = "ir/core ir/graph"
    may["frontend/write_onnx"] = "ir/core ir/graph frontend"
    may["passes"] = "ir/core ir/graph ir/loop ir/ref"
    may["codegen"] = "ir/core ir/loop runtime"
    may["runtime"] = ""
    may["driver"] = "ir/core ir/graph ir/loop ir/ref frontend frontend/write_onnx passes codegen runtime"
  }
  function folder(path,   parts) {
    split(path, parts, "/")
    return parts[1] == "ir" || parts[2] == "write_onnx" ? parts[1] "/" parts[2] : parts[1]
  }
  /^[ \t]*#[ \t]*include[ \t]*"/ {
    split($0, quoted, "\"")
    from = folder(FILENAME); to = folder(quoted[2])
    if (quoted[2] !~ /\// || to == from) next
    if (!(to in may)) next                     # generated in the build folder
    checked++
    if (index(" " may[from] " ", " " to " ")) next
    printf "%s:%d: %s may not include %s\n", FILENAME, FNR, from, quoted[2]; bad++
  }
  /llvm-c\// && FILENAME !~ /^codegen\// { printf "%s:%d: only codegen may include llvm-c\n", FILENAME, FNR; bad++ }
  END {
    if (checked < 20) { print "only " checked " includes seen: is this the right folder?"; exit 1 }
    printf "%d includes between folders checked, %d wrong\n", checked, bad
    exit bad > 0
  }'
