#!/bin/sh
# words.sh SOURCES: a dictionary of the string literals of the sources (parted by `;`) below $SOURCE; for `nncc` of the
# words of the language and the ops and their arguments, as $NNCC prints them.
set -eu
IFS=';'
for source in $1; do
  unset IFS
  case $source in
  nncc)
    "$NNCC" --syntax=vim | sed -n 's/^syn keyword [a-zA-Z]* //p' | tr ' ' '\n' | sed 's/.*/"&"/'
    "$NNCC" --op-table | grep -oE '[a-z_0-9]+=' | sed 's/.*/"&"/'
    ;;
  *) cat "$SOURCE"/$source | grep -oE '"[A-Za-z0-9_<>=|]+"' ;; # shellcheck disable=SC2086
  esac
done | sort -u
