#!/bin/sh
# run.sh NAME LONGEST SEEDS WORDS: runs fuzz_NAME of the current folder for $FUZZ_SECONDS; see CMakeLists.txt for the
# rest. What it learns stays in corpus/NAME, what fails in found/.
set -eu
name=$1 longest=$2 seeds=$3 words=$4
here=$(dirname "$0")
mkdir -p "corpus/$name" found
rm -rf "seeds/$name"
mkdir -p "seeds/$name"
sh "$here/seeds.sh" "seeds/$name" "$longest" "$seeds"
dictionary=
if [ -n "$words" ]; then
  sh "$here/words.sh" "$words" >"seeds/$name.dict"
  dictionary=-dict=seeds/$name.dict
fi
export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1:detect_stack_use_after_return=0 UBSAN_OPTIONS=print_stacktrace=1
./"fuzz_$name" -max_total_time="${FUZZ_SECONDS:-25}" -timeout=20 -rss_limit_mb=2048 -malloc_limit_mb=1024 \
  -max_len="$longest" $dictionary -artifact_prefix="found/$name-" -print_final_stats=1 \
  "corpus/$name" "seeds/$name" || {
  echo "to repeat it: $PWD/fuzz_$name $PWD/found/$name-..."
  exit 1
}
