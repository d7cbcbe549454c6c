// The readers and writers of safetensors, npz and npy: numpy's own files, round trips, and files that lie.
#include "frontend/weights/archive.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
// cmocka.h wants the standard headers before it
#include <cmocka.h>

typedef struct Fixture {
  Diag *diag;
  char path[64];
} Fixture;

static int setup(void **state) {
  Fixture *f = calloc(1, sizeof *f);
  f->diag = diag_create();
  strcpy(f->path, "archive_XXXXXX");
  int fd = mkstemp(f->path);
  if (fd < 0) return -1;
  close(fd);
  *state = f;
  return 0;
}

static int teardown(void **state) {
  Fixture *f = *state;
  unlink(f->path);
  diag_destroy(f->diag);
  free(f);
  return 0;
}

static void put(const Fixture *f, const void *bytes, size_t n) {
  FILE *out = fopen(f->path, "wb");
  assert_non_null(out);
  assert_int_equal(fwrite(bytes, 1, n, out), n);
  fclose(out);
}

static char *read_file(const char *path, size_t *n) {
  FILE *in = fopen(path, "rb");
  assert_non_null(in);
  char *bytes = malloc(1 << 20);
  *n = fread(bytes, 1, 1 << 20, in);
  fclose(in);
  return bytes;
}

// The last message is `text`, all of it.
static void expect_message(Fixture *f, const char *text) {
  StrBuf b = {0}, end = {0};
  diag_print(f->diag, &b, false);
  strbuf_printf(&end, ": error: %s\n", text);
  if (b.len < end.len || strcmp(b.s + b.len - end.len, end.s)) fail_msg("not `%s` but: %s", text, strbuf_str(&b));
  strbuf_free(&b);
  strbuf_free(&end);
  diag_clear(f->diag);
}

static void expect_ramp(Archive *a, const char *name, DType dtype, Diag *d) {
  const ArchiveEntry *e = archive_find(a, name);
  assert_non_null(e);
  assert_int_equal(e->rank, 3);
  assert_true(e->dims[0] == 2 && e->dims[1] == 3 && e->dims[2] == 4);
  assert_int_equal(e->dtype, dtype);
  Blob *b = archive_blob(a, e, d);
  assert_non_null(b);
  assert_int_equal(b->size, 24 * dtype_size(dtype));
  for (int i = 0; i < 24; i++) assert_true(dtype_load(dtype, b->data, i) == (dtype == DT_BOOL ? i % 2 : i));
  blob_unref(b);
}

static void reads_numpy(void **state) {
  Fixture *f = *state;
  static const char *const files[] = {DATA "/stored.npz", DATA "/deflated.npz"};
  for (int i = 0; i < 2; i++) {
    Archive *a = archive_open(files[i], f->diag);
    assert_non_null(a);
    for (int t = 0; t < DT_COUNT; t++)
      if (t != DT_BF16) expect_ramp(a, dtype_name((DType)t), (DType)t, f->diag);
    expect_ramp(a, "fortran", DT_F32, f->diag);
    expect_ramp(a, "fortran64", DT_F64, f->diag);
    assert_int_equal(archive_find(a, "scalar")->rank, 0);
    assert_int_equal(archive_elements(archive_find(a, "empty")), 0);
    assert_null(archive_find(a, "absent"));
    Blob *narrow = archive_blob_as(a, archive_find(a, "fortran64"), DT_F32, f->diag);
    assert_true(((const float *)narrow->data)[23] == 23);
    blob_unref(narrow);
    assert_null(archive_blob(a, archive_find(a, "c64"), f->diag));
    expect_message(f, "`c64` has elements of type <c8, which nncc does not have");
    assert_null(archive_blob(a, archive_find(a, "big"), f->diag));
    diag_clear(f->diag);
    archive_unref(a);
  }
}

static void reads_npy(void **state) {
  Fixture *f = *state;
  static const char *const files[] = {DATA "/fortran.npy", DATA "/version3.npy"};
  for (int i = 0; i < 2; i++) {
    Archive *a = archive_open(files[i], f->diag);
    assert_non_null(a);
    expect_ramp(a, "", DT_F32, f->diag);
    archive_unref(a);
  }
}

static void round_trips(void **state) {
  Fixture *f = *state;
  float ramp[24];
  int64_t numbers[3] = {1, -2, INT64_MAX};
  for (int i = 0; i < 24; i++) ramp[i] = (float)i;
  ArchiveArray arrays[] = {{"a \"b\"\\", DT_I64, 1, (Dim[]){3}, numbers},
                           {"ramp", DT_F32, 3, (Dim[]){2, 3, 4}, ramp},
                           {"s", DT_F32, 0, NULL, ramp + 5}};
  static const char *const suffixes[] = {".npz", ".safetensors"};
  for (int i = 0; i < 2; i++) {
    char path[80];
    snprintf(path, sizeof path, "%s%s", f->path, suffixes[i]);
    assert_true(archive_write(path, arrays, 3, f->diag));
    Archive *a = archive_open(path, f->diag);
    assert_non_null(a);
    expect_ramp(a, "ramp", DT_F32, f->diag);
    Blob *b = archive_blob(a, archive_find(a, arrays[0].name), f->diag);
    assert_memory_equal(b->data, numbers, sizeof numbers);
    archive_unref(a); // the blob keeps the file
    assert_true(((const int64_t *)b->data)[2] == INT64_MAX);
    blob_unref(b);
    unlink(path);
  }
  assert_false(archive_write("two.npy", arrays, 2, f->diag));
  expect_message(f, "npy holds one array, not 2: write .npz");
  ArchiveArray halves = {"halves", DT_BF16, 1, (Dim[]){3}, numbers};
  assert_false(archive_write("halves.npy", &halves, 1, f->diag));
  expect_message(f, "numpy has no bf16: write .safetensors");
  assert_false(archive_write("x.txt", arrays, 1, f->diag));
  expect_message(f, "arrays are written to .npz, .npy or .safetensors");
}

static void round_trips_all_types(void **state) {
  Fixture *f = *state;
  static const Dim dims[] = {2, 3, 4};
  uint64_t ramps[DT_COUNT][24];
  ArchiveArray arrays[DT_COUNT];
  for (int t = 0; t < DT_COUNT; t++) {
    for (int i = 0; i < 24; i++) dtype_store((DType)t, ramps[t], i, t == DT_BOOL ? i % 2 : i);
    arrays[t] = (ArchiveArray){dtype_name((DType)t), (DType)t, 3, dims, ramps[t]};
  }
  char path[80];
  for (int npz = 0; npz < 2; npz++) {
    snprintf(path, sizeof path, "%s%s", f->path, npz ? ".npz" : ".safetensors");
    if (npz) arrays[DT_BF16] = arrays[DT_F32]; // which numpy does not have
    if (npz) arrays[DT_BF16].name = "again";
    assert_true(archive_write(path, arrays, DT_COUNT, f->diag));
    Archive *a = archive_open(path, f->diag);
    assert_non_null(a);
    for (int t = 0; t < DT_COUNT; t++) expect_ramp(a, arrays[t].name, arrays[t].dtype, f->diag);
    archive_unref(a);
    unlink(path);
  }
}

static void put_safetensors(Fixture *f, const char *header, size_t data) {
  size_t n = strlen(header);
  char *bytes = calloc(1, 8 + n + data);
  for (int i = 0; i < 8; i++) bytes[i] = (char)(n >> (8 * i));
  memcpy(bytes + 8, header, n);
  put(f, bytes, 8 + n + data);
  free(bytes);
}

static void rejects_lies(void **state) {
  Fixture *f = *state;
  static const struct {
    const char *header, *message;
  } cases[] = {
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", "entry `a` is shorter than its shape says"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[8,24]}}", "entry `a` lies outside the file"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[8,4]}}", "entry `a` lies outside the file"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[-16,0]}}", "entry `a` lies outside the file"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,16]}}",
       "entry `a` is shorter than its shape says"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,16]}}",
       "entry `a` has a dimension that is not a number of elements"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,16]}}",
       "entry `a` has more than 16 dimensions"},
      {"{\"a\":{\"shape\":[4],\"data_offsets\":[0,16]}}", "entry `a` lacks dtype, shape or data_offsets"},
      {"{\"a\":3}", "entry `a` lacks dtype, shape or data_offsets"},
      {"[]", "has no valid safetensors header: it is not an object"},
      {"{\"a\":", "has no valid safetensors header: unexpected token near end of file"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_"
       "offsets\":[0,4]}}",
       "has no valid safetensors header: duplicate object key near '\"a\"'"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    put_safetensors(f, cases[i].header, 16);
    assert_null(archive_open(f->path, f->diag));
    expect_message(f, cases[i].message);
  }
  put(f, "\377\377\377\377\377\377\377\377{}", 10);
  assert_null(archive_open(f->path, f->diag));
  expect_message(f, "is cut short, or no safetensors, npz or npy file");
  put(f, "", 0);
  assert_null(archive_open(f->path, f->diag));
  expect_message(f, "is too short for safetensors");
}

// ---- zip archives with one byte or two changed

enum { EXTRA = 46 + 5 }; // where the 64-bit sizes begin in the record of the one member, "a.npy"

typedef enum Part { PART_NONE, PART_CENTRAL, PART_END, PART_NPY } Part;

typedef struct Change {
  Part part;
  int at;
  char byte;
} Change;

static size_t find_part(const char *bytes, size_t n, Part part) {
  static const char *const marks[] = {[PART_CENTRAL] = "PK\1\2", [PART_END] = "PK\6\6", [PART_NPY] = "\x93NUM"};
  for (size_t i = 0; i + 4 <= n; i++)
    if (!memcmp(bytes + i, marks[part], 4)) return i;
  fail_msg("no such part");
  return 0;
}

// A good archive of one array, and what becomes of it.
static void put_changed(Fixture *f, const Change *changes) {
  char path[80];
  float x[4] = {0};
  snprintf(path, sizeof path, "%s.npz", f->path);
  assert_true(archive_write(path, &(ArchiveArray){"a", DT_F32, 1, (Dim[]){4}, x}, 1, f->diag));
  size_t n;
  char *bytes = read_file(path, &n);
  unlink(path);
  for (int i = 0; i < 2 && changes[i].part; i++)
    bytes[find_part(bytes, n, changes[i].part) + (size_t)changes[i].at] = changes[i].byte;
  put(f, bytes, n);
  free(bytes);
}

static void rejects_zip_lies(void **state) {
  Fixture *f = *state;
  static const struct {
    Change changes[2];
    const char *message;
  } cases[] = {
      {{{PART_CENTRAL, 8, 1}}, "member `a.npy` is encrypted"},
      {{{PART_CENTRAL, 10, 12}}, "member `a.npy` is compressed by another method than deflate"},
      {{{PART_CENTRAL, EXTRA + 4, 5}}, "member `a.npy` claims a size it cannot have"},
      {{{PART_CENTRAL, EXTRA + 12 + 7, 127}}, "member `a.npy` lies outside the file"},
      {{{PART_CENTRAL, 45, 127}}, "member `a.npy` lies outside the file"},
      {{{PART_CENTRAL, EXTRA + 2, 127}}, "member `a.npy` has damaged sizes"},
      {{{PART_CENTRAL, 0, 'Q'}}, "has a damaged zip directory"},
      {{{PART_CENTRAL, 29, 127}}, "has a damaged zip directory"},
      {{{PART_END, 48 + 7, 127}}, "has a damaged zip directory, or is cut short"},
      {{{PART_NPY, 0, 'N'}}, "member `a` is not in npy format"},
      {{{PART_NPY, 6, 9}}, "member `a` has an npy version that is not known"},
      {{{PART_NPY, 9, 127}}, "member `a` has an npy header that is cut short or too long"},
      {{{PART_NPY, 10, '('}}, "member `a` has a damaged npy header"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    put_changed(f, cases[i].changes);
    assert_null(archive_open(f->path, f->diag));
    expect_message(f, cases[i].message);
  }
  put_changed(f, (const Change[2]){{PART_CENTRAL, 16, 0}, {PART_CENTRAL, 17, 0}});
  Archive *a = archive_open(f->path, f->diag);
  assert_non_null(a);
  assert_null(archive_blob(a, archive_find(a, "a"), f->diag));
  expect_message(f, "`a` is damaged");
  archive_unref(a);
}

static void rejects_repeats(void **state) {
  Fixture *f = *state;
  float x[4] = {0};
  ArchiveArray arrays[] = {{"a", DT_F32, 1, (Dim[]){4}, x}, {"a", DT_F32, 1, (Dim[]){4}, x}};
  assert_true(archive_write("twice.npz", arrays, 2, f->diag));
  assert_null(archive_open("twice.npz", f->diag));
  unlink("twice.npz");
  expect_message(f, "holds `a` twice");
}

static void put_npy(Fixture *f, const char *header) {
  char bytes[200] = "\x93NUMPY\1";
  size_t n = strlen(header);
  bytes[8] = (char)n;
  memcpy(bytes + 10, header, n);
  put(f, bytes, 10 + n + 16);
}

static void rejects_npy_lies(void **state) {
  Fixture *f = *state;
  static const char *const cases[][2] = {
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (5,), }", "is shorter than its shape says"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': 4, }", "has a shape that cannot be read"},
      {"{'descr': '<f4', 'fortran_order': 0, 'shape': (4,), }", "has a damaged npy header"},
      {"{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (4,), }", "holds records, not plain numbers"},
      {"{'descr': '<f4', 'shape': (4,), }", "has an npy header without descr, fortran_order or shape"},
      {"{'order': '<f4'}", "has a damaged npy header"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    put_npy(f, cases[i][0]);
    assert_null(archive_open(f->path, f->diag));
    expect_message(f, cases[i][1]);
  }
}

// Pages around the bytes stay, those within come back from the file.
static void rests(void **state) {
  enum { N = 1 << 16 };
  Diag *d = diag_create();
  char path[] = "/tmp/nncc_rests_XXXXXX";
  int fd = mkstemp(path);
  for (int i = 0; i < N; i++) assert_int_equal(write(fd, &i, sizeof i), sizeof i);
  close(fd);
  Mapped *m = mapped_open(path, d);
  unlink(path);
  assert_non_null(m);
  Blob *b = mapped_blob(m, m->data + 100 * sizeof(int), (N - 200) * sizeof(int));
  mapped_unref(m); // the blob keeps it
  for (int turn = 0; turn < 2; turn++) {
    for (int i = 100; i < N - 100; i++) assert_int_equal(((const int *)b->data)[i - 100], i);
    b->rest(b);
  }
  blob_unref(b);
  diag_destroy(d);
  (void)state;
}

static void stays_beneath(void **state) {
  Fixture *f = *state;
  assert_null(archive_open_beneath(DATA, "../data/stored.npz", f->diag));
  expect_message(f, "cannot be read: a model may only name files below its own folder");
  assert_null(archive_open_beneath(DATA, "/etc/passwd", f->diag));
  expect_message(f, "cannot be read: a model may only name files below its own folder");
  assert_int_equal(symlink(DATA "/stored.npz", "link.npz"), 0);
  assert_null(archive_open_beneath(".", "link.npz", f->diag));
  unlink("link.npz");
  expect_message(f, "cannot be read: it is a symbolic link");
  assert_null(archive_open("/dev/zero", f->diag));
  expect_message(f, "cannot be read: it is not a regular file");
  assert_null(archive_open(DATA, f->diag));
  expect_message(f, "cannot be read: it is a folder");
  Archive *a = archive_open_beneath(DATA "/..", "data//./stored.npz", f->diag);
  assert_non_null(a);
  archive_unref(a);
}

// Whatever a flipped, cut or repeated byte makes of a good file, readers end in entries or in a diagnostic; entries can
// be fetched or say why not. The sanitizer builds give this its teeth.
static void survives_mutations(void **state) {
  Fixture *f = *state;
  static const char *const seeds[] = {DATA "/stored.npz", DATA "/deflated.npz", DATA "/version3.npy",
                                      "seed.safetensors"};
  float x[6] = {0};
  ArchiveArray arrays[] = {{"a", DT_F32, 2, (Dim[]){2, 3}, x}, {"b", DT_F32, 1, (Dim[]){6}, x}};
  assert_true(archive_write(seeds[3], arrays, 2, f->diag));
  uint64_t rng = 1;
  int opened = 0, refused = 0;
  for (int i = 0; i < 2000; i++) {
    size_t n;
    char *bytes = read_file(seeds[i % 4], &n);
    for (int k = 0; k < 1 + i % 5; k++) {
      rng = rng * 6364136223846793005u + 1442695040888963407u;
      size_t at = (rng >> 33) % n, tail = n - at < 64 ? n - at : 64;
      if (rng >> 62 == 0)
        bytes[at] = (char)(rng >> 20);
      else if (rng >> 62 == 1)
        bytes[n - 1 - at % (n < 400 ? n : 400)] = (char)(rng >> 20);
      else if (rng >> 62 == 2)
        bytes[at % 200 % n] = "\377\0\177\200"[(rng >> 20) & 3];
      else
        memmove(bytes + at % 100 % n, bytes + at, at % 100 % n + tail <= n ? tail : 0);
    }
    if (i % 7 == 0) n = (rng >> 40) % (n + 1);
    put(f, bytes, n);
    free(bytes);
    Archive *a = archive_open(f->path, f->diag);
    if (a)
      opened++;
    else
      refused++;
    if (!a) assert_true(diag_errors(f->diag) > 0);
    for (size_t k = 0; a && k < a->entries.len; k++) {
      diag_clear(f->diag);
      Blob *b = archive_blob(a, &a->entries.data[k], f->diag);
      if (!b)
        assert_true(diag_errors(f->diag) > 0);
      else
        blob_unref(b);
    }
    archive_unref(a);
    diag_clear(f->diag);
  }
  unlink(seeds[3]);
  assert_true(opened > 50 && refused > 50);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(reads_numpy, setup, teardown),
      cmocka_unit_test_setup_teardown(reads_npy, setup, teardown),
      cmocka_unit_test_setup_teardown(round_trips_all_types, setup, teardown),
      cmocka_unit_test_setup_teardown(round_trips, setup, teardown),
      cmocka_unit_test_setup_teardown(rejects_lies, setup, teardown),
      cmocka_unit_test_setup_teardown(rejects_zip_lies, setup, teardown),
      cmocka_unit_test_setup_teardown(rejects_npy_lies, setup, teardown),
      cmocka_unit_test_setup_teardown(rejects_repeats, setup, teardown),
      cmocka_unit_test_setup_teardown(stays_beneath, setup, teardown),
      cmocka_unit_test(rests),
      cmocka_unit_test_setup_teardown(survives_mutations, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
