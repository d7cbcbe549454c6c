# Shared by the scripts here. NNCC, NPZDIFF and SOURCE are set by CMake; each script runs in an empty folder of its own.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0

fail() {
  echo "FAIL: $*"
  failures=$((failures + 1))
}

# expect STATUS COMMAND...: runs it, output to out and err.
expect() {
  want=$1
  shift
  "$@" >out 2>err </dev/null
  got=$?
  if [ $got -ne "$want" ]; then
    fail "status $got, not $want: $*"
    head -n 20 out err
  fi
}

# says FILE TEXT: the file contains it.
says() { grep -qF -- "$2" "$1" || { fail "no \`$2\` in:"; cat "$1"; }; }

# follow DOCUMENT: as its readers do, in this folder: source blocks become files, named by their first line; shell blocks
# run in order. Sets `blocks` to all of them.
follow() {
  mkdir -p bin
  ln -sf "$NNCC" bin/nncc
  ln -sf "$(command -v /usr/bin/python3 || command -v python3)" bin/python3 # Debian's, which has python3-numpy
  PATH=$PWD/bin:$PATH
  blocks=$(awk -v folder=. '
    /^## / { part = $2 + 0 }
    /^```[a-z]/ { n++; file = folder "/block." n "." part "." substr($0, 4); next }
    /^```/ { if (file) print file; file = ""; next }
    file { print > file }
  ' "$1")
  for block in $blocks; do
    case $block in
    *.sh) expect 0 sh -e "$block" ;;
    *) cp "$block" "$(sed -n '1s/^[^ ]* //p' "$block")" ;;
    esac
  done
}

finish() {
  [ $failures -eq 0 ] && echo "all as expected"
  exit $((failures > 0))
}
