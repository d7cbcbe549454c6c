// The readers and writers of safetensors, npz and npy: numpy's own files, round trips, and files that lie.
#include "tests/weights/fixture.h"

static void reads_numpy(void **state) {
  Fixture *f = *state;
  static const char *const files[] = {DATA "/stored.npz", DATA "/deflated.npz"};
  for (int i = 0; i < 2; i++) {
    Archive *a = archive_open(files[i], f->diag);
    assert_non_null(a);
    for (int t = 0; t < DT_COUNT; t++)
      if (t != DT_BF16) fixture_expect_ramp(a, dtype_name((DType)t), (DType)t, f->diag);
    fixture_expect_ramp(a, "fortran", DT_F32, f->diag);
    fixture_expect_ramp(a, "fortran64", DT_F64, f->diag);
    assert_int_equal(archive_find(a, "scalar")->rank, 0);
    assert_int_equal(archive_elements(archive_find(a, "empty")), 0);
    assert_null(archive_find(a, "absent"));
    Blob *narrow = archive_blob_as(a, archive_find(a, "fortran64"), DT_F32, f->diag);
    assert_true(((const float *)narrow->data)[23] == 23);
    blob_unref(narrow);
    assert_null(archive_blob(a, archive_find(a, "c64"), f->diag));
    fixture_expect(f, "`c64` holds <c8 elements, which nncc does not read");
    fixture_expect_ramp(a, "big", DT_F32, f->diag);
    archive_unref(a);
  }
}

static void reads_npy(void **state) {
  Fixture *f = *state;
  static const char *const files[] = {DATA "/fortran.npy", DATA "/version3.npy"};
  for (int i = 0; i < 2; i++) {
    Archive *a = archive_open(files[i], f->diag);
    assert_non_null(a);
    fixture_expect_ramp(a, "", DT_F32, f->diag);
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
    fixture_expect_ramp(a, "ramp", DT_F32, f->diag);
    Blob *b = archive_blob(a, archive_find(a, arrays[0].name), f->diag);
    assert_memory_equal(b->data, numbers, sizeof numbers);
    archive_unref(a); // the blob keeps the file
    assert_true(((const int64_t *)b->data)[2] == INT64_MAX);
    blob_unref(b);
    unlink(path);
  }
  assert_false(archive_write("two.npy", arrays, 2, f->diag));
  fixture_expect(f, "npy holds one array, not 2: write .npz");
  ArchiveArray halves = {"halves", DT_BF16, 1, (Dim[]){3}, numbers};
  assert_false(archive_write("halves.npy", &halves, 1, f->diag));
  fixture_expect(f, "numpy has no bf16: write .safetensors");
  assert_false(archive_write("x.txt", arrays, 1, f->diag));
  fixture_expect(f, "arrays are written to .npz, .npy or .safetensors");
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
    for (int t = 0; t < DT_COUNT; t++) fixture_expect_ramp(a, arrays[t].name, arrays[t].dtype, f->diag);
    archive_unref(a);
    unlink(path);
  }
}

static void put_safetensors(Fixture *f, const char *header, size_t data) {
  size_t n = strlen(header);
  char *bytes = calloc(1, 8 + n + data);
  for (int i = 0; i < 8; i++) bytes[i] = (char)(n >> (8 * i));
  memcpy(bytes + 8, header, n);
  fixture_put(f, bytes, 8 + n + data);
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
    fixture_expect(f, cases[i].message);
  }
  fixture_put(f, "\377\377\377\377\377\377\377\377{}", 10);
  assert_null(archive_open(f->path, f->diag));
  fixture_expect(f, "is cut short, or no safetensors, npz, npy or PyTorch file");
  fixture_put(f, "", 0);
  assert_null(archive_open(f->path, f->diag));
  fixture_expect(f, "is too short for safetensors");
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
  char *bytes = fixture_read(path, &n);
  unlink(path);
  for (int i = 0; i < 2 && changes[i].part; i++)
    bytes[find_part(bytes, n, changes[i].part) + (size_t)changes[i].at] = changes[i].byte;
  fixture_put(f, bytes, n);
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
    fixture_expect(f, cases[i].message);
  }
  put_changed(f, (const Change[2]){{PART_CENTRAL, 16, 0}, {PART_CENTRAL, 17, 0}});
  Archive *a = archive_open(f->path, f->diag);
  assert_non_null(a);
  assert_null(archive_blob(a, archive_find(a, "a"), f->diag));
  fixture_expect(f, "`a` is damaged");
  archive_unref(a);
}

static void rejects_repeats(void **state) {
  Fixture *f = *state;
  float x[4] = {0};
  ArchiveArray arrays[] = {{"a", DT_F32, 1, (Dim[]){4}, x}, {"a", DT_F32, 1, (Dim[]){4}, x}};
  assert_true(archive_write("twice.npz", arrays, 2, f->diag));
  assert_null(archive_open("twice.npz", f->diag));
  unlink("twice.npz");
  fixture_expect(f, "holds `a` twice");
}

static void put_npy(Fixture *f, const char *header) {
  char bytes[200] = "\x93NUMPY\1";
  size_t n = strlen(header);
  bytes[8] = (char)n;
  memcpy(bytes + 10, header, n);
  fixture_put(f, bytes, 10 + n + 16);
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
    fixture_expect(f, cases[i][1]);
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
  fixture_expect(f, "cannot be read: a model may only name files below its own folder");
  assert_null(archive_open_beneath(DATA, "/etc/passwd", f->diag));
  fixture_expect(f, "cannot be read: a model may only name files below its own folder");
  assert_int_equal(symlink(DATA "/stored.npz", "link.npz"), 0);
  assert_null(archive_open_beneath(".", "link.npz", f->diag));
  unlink("link.npz");
  fixture_expect(f, "cannot be read: it is a symbolic link");
  assert_null(archive_open("/dev/zero", f->diag));
  fixture_expect(f, "cannot be read: it is not a regular file");
  assert_null(archive_open(DATA, f->diag));
  fixture_expect(f, "cannot be read: it is a folder");
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
    char *bytes = fixture_read(seeds[i % 4], &n);
    fixture_put(f, bytes, fixture_mutate(bytes, n, i, &rng));
    free(bytes);
    if (fixture_try(f))
      opened++;
    else
      refused++;
  }
  unlink(seeds[3]);
  assert_true(opened > 50 && refused > 50);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(reads_numpy, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(reads_npy, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(round_trips_all_types, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(round_trips, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(rejects_lies, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(rejects_zip_lies, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(rejects_npy_lies, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(rejects_repeats, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(stays_beneath, fixture_setup, fixture_teardown),
      cmocka_unit_test(rests),
      cmocka_unit_test_setup_teardown(survives_mutations, fixture_setup, fixture_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
