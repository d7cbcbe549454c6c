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

finish() {
  [ $failures -eq 0 ] && echo "all as expected"
  exit $((failures > 0))
}
