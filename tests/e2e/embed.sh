#!/bin/sh
# examples/embed/README.md as its readers follow it: every command there, in order, with nncc installed.
. "${0%/*}/lib.sh"
expect 0 "$CMAKE" --install "$BUILD" --prefix "$work/tree"
mkdir bin
ln -s "$PYTHON" bin/python3
ln -s "$CMAKE" bin/cmake
export PATH="$work/bin:$work/tree/bin:$PATH" CMAKE_PREFIX_PATH="$work/tree"
cp -r "$SOURCE/examples/embed" "$SOURCE/examples/digits" .
cd embed || exit 1
printf 'cnn: 7 0\nvit: 7 0\n' >want
programs=0
sed -n 's/^    //p' README.md >commands
while read -r command; do
  expect 0 sh -c "$command"
  case $command in
  ./* | python3*)
    programs=$((programs + 1))
    cmp -s out want || fail "$command says $(cat out)"
    ;;
  esac
done <commands
[ $programs -eq 5 ] || fail "$programs programs, not five"
expect 0 cc -std=c11 -Wall -Wextra -pedantic -Werror -c main.c -o strict.o
expect 0 c++ -std=c++17 -Wall -Wextra -pedantic -Werror -c main.cc -o strict.o
finish
