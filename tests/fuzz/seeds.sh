#!/bin/sh
# seeds.sh FOLDER LONGEST PATTERNS: copies what matches the patterns (parted by `;`) below $SOURCE and is not too long.
# `cases` are the networks of tests/lower, `cases.nn` some of them, `cases.KIND` what $NNCC --emit=KIND makes of these,
# `cases.onnx` what onnx_seeds.c holds.
set -eu
folder=$1 longest=$2
cases=$folder.cases
rm -rf "$cases"
mkdir -p "$cases"
awk -v folder="$cases" -f "$(dirname "$0")/cases.awk" "$SOURCE"/tests/lower/*.c
n=0

# Names may repeat in other folders.
take() {
  for file in "$@"; do
    if [ -f "$file" ] && [ "$(wc -c <"$file")" -le "$longest" ]; then
      n=$((n + 1))
      cp "$file" "$folder/$n-${file##*/}"
    fi
  done
}

emit() {
  for file in "$cases"/case*[13579]5.nn; do
    "$NNCC" "$file" --init=1 -mcpu=x86-64-v3 --emit="$1" -o "${file%.nn}.$1" 2>/dev/null || continue
    case $1 in weights) # without the zeros between the header and the rest
      { head -c 24 "${file%.nn}.$1" && tail -c +4097 "${file%.nn}.$1"; } >"$cases/cut"
      mv "$cases/cut" "${file%.nn}.$1" ;;
    esac
  done
  take "$cases"/*."$1"
}

IFS=';'
for pattern in $3; do
  unset IFS
  case $pattern in
  cases) take "$cases"/*.nn ;;
  cases.nn) take "$cases"/case*5.nn ;;
  cases.onnx) ./onnx_seeds "$cases" && take "$cases"/*.onnx ;;
  cases.*) emit "${pattern#cases.}" ;;
  *) take "$SOURCE"/$pattern ;; # shellcheck disable=SC2086
  esac
done
rm -rf "$cases"
[ "$n" -gt 0 ] || { echo "no seeds for $3"; exit 1; }
echo "$n seeds"
