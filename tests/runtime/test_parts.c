// test_parts.c: the runtime's small parts alone: control-group quotas, processor features, the hash.
#include "runtime/cgroup.h"
#include "runtime/cpu.h"
#include "runtime/hash.h"
#include "runtime/nncc_rt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

// ---- quotas, read below a folder made for each test

static char root[64];

static void write_file(const char *name, const char *text) {
  char path[256];
  snprintf(path, sizeof path, "%s/%s", root, name);
  for (char *p = strchr(path + strlen(root) + 1, '/'); p; p = strchr(p + 1, '/')) {
    *p = 0;
    mkdir(path, 0700);
    *p = '/';
  }
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  fputs(text, f);
  fclose(f);
}

static int quota(const char *table) {
  char path[128];
  write_file("table", table);
  snprintf(path, sizeof path, "%s/table", root);
  return cgroup_cpus(path, root);
}

static int make_root(void **state) {
  (void)state;
  strcpy(root, "cgroup-XXXXXX");
  return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state) {
  (void)state;
  char command[128];
  snprintf(command, sizeof command, "rm -r %s", root);
  return system(command);
}

static void no_group_has_no_quota(void **state) {
  (void)state;
  assert_int_equal(cgroup_cpus("/nowhere", root), CGROUP_NONE);
  assert_int_equal(quota(""), CGROUP_NONE);
  assert_int_equal(quota("0::/absent/group\n"), CGROUP_NONE);
  assert_int_equal(quota("nonsense\n:\n::\n1:cpu\n"), CGROUP_NONE);
}

static void version_2(void **state) {
  (void)state;
  const struct {
    const char *text;
    int cpus;
  } cases[] = {
      {"max 100000\n", CGROUP_NONE},
      {"200000 100000\n", 2},
      {"150000 100000\n", 1},
      {"50000 100000\n", 1},
      {"1000000 250000\n", 4},
      {"", CGROUP_NONE},
      {"100000", CGROUP_NONE},
      {"5 0\n", CGROUP_NONE},
      {"x y\n", CGROUP_NONE},
      {"-1 100000\n", CGROUP_NONE},
      {"999999999999999999 1\n", CGROUP_NONE},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    write_file("a/b/cpu.max", cases[i].text);
    assert_int_equal(quota("0::/a/b\n"), cases[i].cpus);
  }
}

static void tightest_group_above_counts(void **state) {
  (void)state;
  write_file("a/b/c/cpu.max", "800000 100000\n");
  write_file("a/b/cpu.max", "max 100000\n");
  write_file("a/cpu.max", "300000 100000\n");
  assert_int_equal(quota("0::/a/b/c\n"), 3);
  write_file("cpu.max", "200000 100000\n"); // the mount's root: the own group, in a container
  assert_int_equal(quota("0::/a/b/c\n"), 2);
  assert_int_equal(quota("0::/\n"), 2);
  assert_int_equal(quota("0::/absent\n"), 2);
}

static void version_1(void **state) {
  (void)state;
  write_file("cpu/a/cpu.cfs_quota_us", "350000\n");
  write_file("cpu/a/cpu.cfs_period_us", "100000\n");
  write_file("cpu/cpu.cfs_quota_us", "-1\n");
  write_file("cpu/cpu.cfs_period_us", "100000\n");
  assert_int_equal(quota("5:memory:/a\n4:cpu:/a\n1:name=systemd:/\n"), 3);
  assert_int_equal(quota("4:cpuset,cpu:/a\n"), 3);
  assert_int_equal(quota("4:cpuset:/a\n3:cpuacct:/a\n"), CGROUP_NONE);
  assert_int_equal(quota("4:cpu:/\n"), CGROUP_NONE);
  write_file("cpu,cpuacct/a/cpu.cfs_quota_us", "100000\n");
  write_file("cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
  assert_int_equal(quota("4:cpu,cpuacct:/a\n"), 1);
}

// ---- features

#if defined(__x86_64__)
static void features_agree_with_the_compilers(void **state) {
  (void)state;
  uint64_t found = cpu_features();
#define SAME(id, name) assert_int_equal(found >> NNCC_RT_##id & 1, !!__builtin_cpu_supports(name))
  __builtin_cpu_init();
  SAME(SSE3, "sse3");
  SAME(SSE42, "sse4.2");
  SAME(POPCNT, "popcnt");
  SAME(BMI, "bmi");
  SAME(BMI2, "bmi2");
  SAME(AVX, "avx");
  SAME(FMA, "fma");
  SAME(AVX2, "avx2");
  SAME(GFNI, "gfni");
  SAME(AVX512F, "avx512f");
  SAME(AVX512DQ, "avx512dq");
  SAME(AVX512BW, "avx512bw");
  SAME(AVX512CD, "avx512cd");
  SAME(AVX512VL, "avx512vl");
  SAME(AVX512VBMI, "avx512vbmi");
  SAME(AVX512VNNI, "avx512vnni");
#undef SAME
}
#endif

// Every bit stands for the feature that its row says, and no bit or name stands twice.
static void features_are_numbered_in_order(void **state) {
  (void)state;
  const int numbers[] = {
#define FEATURE(number, id, name, leaf, reg, bit, state) number,
#include "runtime/features.def"
  };
  const char *const names[] = {
#define FEATURE(number, id, name, leaf, reg, bit, state) name,
#include "runtime/features.def"
  };
  assert_int_equal(sizeof numbers / sizeof *numbers, NNCC_RT_FEATURES);
  assert_true(NNCC_RT_FEATURES < 64);
  for (int i = 0; i < NNCC_RT_FEATURES; i++) {
    assert_int_equal(numbers[i], i);
    for (int j = 0; j < i; j++) assert_string_not_equal(names[i], names[j]);
  }
}

// ---- hash

static uint64_t hash(const char *text, size_t n, size_t step) {
  NnccRtHash h;
  nncc_rt_hash_init(&h);
  for (size_t i = 0; i < n; i += step) nncc_rt_hash_update(&h, text + i, n - i < step ? n - i : step);
  return nncc_rt_hash_final(&h);
}

// Published values of XXH64 with seed 0.
static void hash_is_xxh64(void **state) {
  (void)state;
  const struct {
    const char *text;
    uint64_t hash;
  } cases[] = {{"", 0xef46db3751d8e999},
               {"a", 0xd24ec4f1a98c6e5b},
               {"abc", 0x44bc2cf5ad770999},
               {"Nobody inspects the spammish repetition", 0xfbcea83c8a378bf1}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    assert_int_equal(hash(cases[i].text, strlen(cases[i].text), 1000), cases[i].hash);
}

static void hash_does_not_depend_on_the_pieces(void **state) {
  (void)state;
  char text[200];
  for (size_t i = 0; i < sizeof text; i++) text[i] = (char)(i * 7);
  for (size_t n = 0; n <= sizeof text; n++)
    for (size_t step = 1; step < 70; step++) assert_int_equal(hash(text, n, step), hash(text, n, sizeof text));
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(no_group_has_no_quota, make_root, remove_root),
    cmocka_unit_test_setup_teardown(version_2, make_root, remove_root),
    cmocka_unit_test_setup_teardown(tightest_group_above_counts, make_root, remove_root),
    cmocka_unit_test_setup_teardown(version_1, make_root, remove_root),
#if defined(__x86_64__)
    cmocka_unit_test(features_agree_with_the_compilers),
#endif
    cmocka_unit_test(features_are_numbered_in_order),
    cmocka_unit_test(hash_is_xxh64),
    cmocka_unit_test(hash_does_not_depend_on_the_pieces),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
