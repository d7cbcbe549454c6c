// PyTorch checkpoints: its own, of both formats; hand-made ones that PyTorch would not write; files that lie.
#include "frontend/weights/pickle.h"
#include "tests/weights/checkpoint.h"
#include "tests/weights/fixture.h"

static void expect_said(Fixture *f, const char *text) {
  StrBuf b = {0};
  diag_print(f->diag, &b, false);
  if (strcmp(strbuf_str(&b), text)) fail_msg("not `%s` but: %s", text, strbuf_str(&b));
  strbuf_free(&b);
  diag_clear(f->diag);
}

// What make_checkpoints.py put into all of them.
static void expect_tensors(Fixture *f, Archive *a) {
  static const char *const floats[] = {"permuted", "channels_last", "offset", "every_second", "parameter", "tied"};
  for (int t = 0; t < DT_COUNT; t++)
    if (t != DT_U16 && t != DT_U32 && t != DT_U64) fixture_expect_ramp(a, dtype_name((DType)t), (DType)t, f->diag);
  for (size_t i = 0; i < sizeof floats / sizeof *floats; i++) fixture_expect_ramp(a, floats[i], DT_F32, f->diag);
  assert_int_equal(archive_find(a, "scalar")->rank, 0);
  assert_int_equal(archive_elements(archive_find(a, "empty")), 0);
  assert_null(archive_find(a, "none"));
  assert_null(archive_find(a, "_extra_state"));
  assert_int_equal(a->entries.len, 21);
  static const char *const unread[][2] = {
      {"expanded", "`expanded` holds overlapping elements, which nncc does not read"},
      {"sparse", "`sparse` holds sparse_tensor elements, which nncc does not read"},
      {"complex", NULL}};
  for (int i = 0; i < 3; i++) {
    assert_null(archive_blob(a, archive_find(a, unread[i][0]), f->diag));
    if (unread[i][1]) fixture_expect(f, unread[i][1]);
    diag_clear(f->diag);
  }
}

static void reads_state_dicts(void **state) {
  Fixture *f = *state;
  static const char *const files[] = {DATA "/zip.pth", DATA "/legacy.pth", DATA "/deflated.pth"};
  for (int i = 0; i < 3; i++) {
    Archive *a = archive_open(files[i], f->diag);
    expect_said(f, "");
    assert_non_null(a);
    expect_tensors(f, a);
    const ArchiveEntry *e = archive_find(a, "f32");
    Blob *b = archive_blob(a, e, f->diag);
    if (!i) assert_ptr_equal(b->data, a->file->data + e->offset); // mapped, not copied
    blob_unref(b);
    archive_unref(a);
  }
}

static void reads_training_checkpoints(void **state) {
  Fixture *f = *state;
  static const char *const files[] = {DATA "/training.pth", DATA "/training_protocol4.pth",
                                      DATA "/training_legacy.pth"};
  for (int i = 0; i < 3; i++) {
    Archive *a = archive_open(files[i], f->diag);
    StrBuf said = {0};
    strbuf_printf(&said,
                  "%1$s: remark: the weights are those in its `state_dict`\n"
                  "%1$s: remark: the prefix `module.` of its names is left out\n"
                  "%1$s: remark: the prefix `_orig_mod.` of its names is left out\n",
                  files[i]);
    expect_said(f, said.s);
    strbuf_free(&said);
    assert_non_null(a);
    expect_tensors(f, a);
    archive_unref(a);
  }
}

static void reads_modules(void **state) {
  Fixture *f = *state;
  Archive *a = archive_open(DATA "/module.pt", f->diag);
  assert_non_null(a);
  static const char *const names[] = {"conv.bias",         "conv.weight",      "norm.bias",  "norm.num_batches_tracked",
                                      "norm.running_mean", "norm.running_var", "norm.weight"};
  assert_int_equal(a->entries.len, 7);
  for (int i = 0; i < 7; i++) assert_string_equal(a->entries.data[i].name, names[i]);
  archive_unref(a);
  assert_null(archive_open(DATA "/script.pt", f->diag));
  fixture_expect(f, "is a TorchScript program, not weights: write its state_dict() with torch.save");
}

// ---- by hand

// The pickle as a checkpoint with one storage, "0", of 24 floats 0, 1, 2, ...
static void put_checkpoint(Fixture *f, const StrBuf *pickle, const char *byteorder) {
  uint8_t storage[96];
  for (int i = 0; i < 24; i++) {
    float v = (float)i;
    memcpy(storage + 4 * i, &v, 4);
    for (int k = 0; !strcmp(byteorder, "big") && k < 2; k++) {
      uint8_t byte = storage[4 * i + k];
      storage[4 * i + k] = storage[4 * i + 3 - k], storage[4 * i + 3 - k] = byte;
    }
  }
  CheckpointMember members[] = {{"data.pkl", pickle->s, pickle->len},
                                {"byteorder", byteorder, strlen(byteorder)},
                                {"data/0", storage, sizeof storage}};
  StrBuf zip = {0};
  checkpoint_zip(&zip, members, 3);
  fixture_put(f, zip.s, zip.len);
  strbuf_free(&zip);
}

// {"x": tensor}
static void put_tensor(Fixture *f, const char *storage, const char *key, int64_t offset, const int64_t *size,
                       const int64_t *stride, int rank, const char *byteorder) {
  StrBuf b = {0};
  strbuf_puts(&b, "\x80\x02}");
  pickle_text(&b, "x");
  pickle_tensor(&b, storage, key, offset, size, stride, rank);
  strbuf_puts(&b, "s.");
  put_checkpoint(f, &b, byteorder);
  strbuf_free(&b);
}

static void reads_either_byte_order(void **state) {
  Fixture *f = *state;
  static const char *const orders[] = {"little", "big"};
  for (int i = 0; i < 2; i++) {
    put_tensor(f, "FloatStorage", "0", 0, (int64_t[]){2, 3, 4}, (int64_t[]){12, 4, 1}, 3, orders[i]);
    Archive *a = archive_open(f->path, f->diag);
    assert_non_null(a);
    fixture_expect_ramp(a, "x", DT_F32, f->diag);
    archive_unref(a);
  }
}

static void keeps_tensors_in_their_storages(void **state) {
  Fixture *f = *state;
  static const struct {
    const char *storage, *key;
    int64_t offset, size[17], stride[17];
    int rank;
    const char *message; // NULL: it is read
  } cases[] = {
      {"FloatStorage", "0", 0, {24}, {1}, 1, NULL},
      {"FloatStorage", "0", 23, {1}, {9}, 1, NULL},
      {"FloatStorage", "0", 24, {0, 7}, {7, 1}, 2, NULL},
      {"FloatStorage", "0", 3, {3, 7}, {7, 1}, 2, NULL},
      {"FloatStorage", "0", 0, {12}, {2}, 1, NULL},
      {"DoubleStorage", "0", 0, {12}, {1}, 1, NULL},
      {"FloatStorage",
       "0",
       0,
       {2, INT64_C(1) << 39},
       {0, 0},
       2,
       "`x` holds overlapping elements, which nncc does not read"},
      {"FloatStorage", "0", 0, {3, 3}, {2, 1}, 2, "`x` holds overlapping elements, which nncc does not read"},
      {"ComplexFloatStorage", "0", 0, {12}, {1}, 1, "`x` holds ComplexFloatStorage elements, which nncc does not read"},
      {"FloatStorage", "0", 1, {24}, {1}, 1, "entry `x` lies outside its storage"},
      {"DoubleStorage", "0", 1, {12}, {1}, 1, "entry `x` lies outside its storage"},
      {"FloatStorage", "0", 0, {13}, {2}, 1, "entry `x` lies outside its storage"},
      {"FloatStorage", "0", 0, {3, 7}, {INT64_MAX / 2, 1}, 2, "entry `x` lies outside its storage"},
      {"FloatStorage", "0", INT64_MAX, {1}, {1}, 1, "entry `x` lies outside its storage"},
      {"FloatStorage", "0", 0, {INT64_MAX, INT64_MAX}, {0, 0}, 2, "entry `x` lies outside its storage"},
      {"FloatStorage", "1", 0, {1}, {1}, 1, "entry `x` lies in storage `1`, which is missing"},
      {"FloatStorage", "0", 0, {1}, {1}, 17, "entry `x` has more than 16 dimensions"},
      {"FloatStorage", "0", -1, {1}, {1}, 1, "entry `x` is a tensor whose storage, offset, size or stride is none"},
      {"FloatStorage", "0", 0, {-1}, {1}, 1, "entry `x` is a tensor whose storage, offset, size or stride is none"},
      {"FloatStorage", "0", 0, {2}, {-1}, 1, "entry `x` is a tensor whose storage, offset, size or stride is none"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    put_tensor(f, cases[i].storage, cases[i].key, cases[i].offset, cases[i].size, cases[i].stride, cases[i].rank,
               "little");
    Archive *a = archive_open(f->path, f->diag);
    Blob *b = a ? archive_blob(a, archive_find(a, "x"), f->diag) : NULL;
    if (cases[i].message)
      fixture_expect(f, cases[i].message);
    else
      assert_non_null(b);
    blob_unref(b);
    archive_unref(a);
  }
}

// The pickle as it is, of `n` bytes.
static void expect_pickle_refused(Fixture *f, const char *bytes, size_t n, const char *message) {
  StrBuf b = {0};
  strbuf_write(&b, bytes, n);
  put_checkpoint(f, &b, "little");
  strbuf_free(&b);
  assert_null(archive_open(f->path, f->diag));
  fixture_expect(f, message);
}

static void rejects_pickles(void **state) {
  Fixture *f = *state;
#define P(text) text, sizeof(text) - 1
  static const struct {
    const char *bytes;
    size_t n;
    const char *message;
  } cases[] = {
      {P(""), "ends within its pickle"},
      {P("\x80\x02}"), "ends within its pickle"},
      {P("\x80\x02X\xff\xff\xff\xff"), "ends within its pickle"},
      {P("\x80\x02\x8d\xff\xff\xff\xff\xff\xff\xff\xff"), "ends within its pickle"},
      {P("\x80\x02"
         "ctorch"),
       "ends within its pickle"},
      {P("\x80\x06}."), "has a pickle of a protocol that is not known"},
      {P("\x80\x02."), "has a pickle that takes more than it put down"},
      {P("\x80\x02N(0N."), "has a pickle that takes more than it put down"},
      {P("\x80\x02t."), "has a pickle that takes more than it put down"},
      {P("\x80\x02NR."), "has a pickle that takes more than it put down"},
      {P("\x80\x02N\x86."), "has a pickle that takes more than it put down"},
      {P("\x80\x02}(Nu."), "has a pickle with a key without a value"},
      {P("\x80\x02(NNNd."), "has a pickle with a key without a value"},
      {P("\x80\x02NNNs."), "has a pickle that stores into what holds nothing"},
      {P("\x80\x02}Na."), "has a pickle that stores into what holds nothing"},
      {P("\x80\x02NN\x93."), "has a pickle that imports what is no name"},
      {P("\x80\x02h\x01."), "has a pickle with a memo index out of range"},
      {P("\x80\x02}r\xff\xff\xff\xff."), "has a pickle with a memo index out of range"},
      {P("\x80\x02I1\n."), "has a pickle with an instruction that nncc does not read"},
      {P("\x80\x02N."), "holds no tensors by name: write model.state_dict() with torch.save"},
      {P("\x80\x02}q\x01h\x01"
         "Nh\x01s."),
       "holds no tensors by name: write model.state_dict() with torch.save"},
      {P("\x80\x02]q\x01h\x01"
         "a."),
       "holds no tensors by name: write model.state_dict() with torch.save"},
  };
#undef P
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    expect_pickle_refused(f, cases[i].bytes, cases[i].n, cases[i].message);
}

// Nothing is called, whatever a pickle would have Python call.
static void skips_objects(void **state) {
  Fixture *f = *state;
  StrBuf b = {0};
  strbuf_puts(&b, "\x80\x02}(");
  pickle_text(&b, "gift");
  strbuf_puts(&b, "cos\nsystem\n");
  pickle_text(&b, "touch called");
  strbuf_puts(&b, "\x85R");
  pickle_text(&b, "x");
  pickle_tensor(&b, "FloatStorage", "0", 0, (int64_t[]){2, 3, 4}, (int64_t[]){12, 4, 1}, 3);
  strbuf_puts(&b, "u.");
  put_checkpoint(f, &b, "little");
  strbuf_free(&b);
  Archive *a = archive_open(f->path, f->diag);
  assert_non_null(a);
  assert_int_equal(a->entries.len, 1);
  fixture_expect_ramp(a, "x", DT_F32, f->diag);
  assert_int_equal(access("called", F_OK), -1);
  archive_unref(a);
}

// 2^30 ways through 30 dicts, and lists within lists within lists: neither time nor stack runs out.
static void bounds_what_it_looks_at(void **state) {
  Fixture *f = *state;
  StrBuf b = {0};
  strbuf_puts(&b, "\x80\x02}q");
  strbuf_putc(&b, 0);
  for (int i = 1; i <= 30; i++) {
    strbuf_puts(&b, "}(");
    for (int k = 0; k < 2; k++) {
      pickle_text(&b, k ? "b" : "a");
      strbuf_putc(&b, 'h');
      strbuf_putc(&b, (char)(i - 1));
    }
    strbuf_puts(&b, "uq");
    strbuf_putc(&b, (char)i);
  }
  strbuf_puts(&b, ".");
  expect_pickle_refused(f, b.s, b.len, "holds more than 262144 values");
  strbuf_clear(&b);
  strbuf_puts(&b, "\x80\x02");
  for (int i = 0; i < 100000; i++) strbuf_puts(&b, "}K\1");
  for (int i = 0; i < 100000; i++) strbuf_puts(&b, i ? "s" : "Ns");
  strbuf_puts(&b, ".");
  expect_pickle_refused(f, b.s, b.len, "holds no tensors by name: write model.state_dict() with torch.save");
  strbuf_clear(&b);
  strbuf_puts(&b, "\x80\x02}X"); // one name of 4 KB before those of 17,000 tensors, which are one
  strbuf_write(&b, "\0\x10\0\0", 4);
  strbuf_fill(&b, 'n', 1 << 12);
  strbuf_puts(&b, "}(");
  for (int i = 0; i < 17000; i++) {
    char name[8];
    snprintf(name, sizeof name, "%d", i);
    pickle_text(&b, name);
    if (!i) pickle_tensor(&b, "FloatStorage", "0", 0, (int64_t[]){1}, (int64_t[]){1}, 1);
    strbuf_write(&b, i ? "h\0" : "q\0", 2);
  }
  strbuf_puts(&b, "us.");
  expect_pickle_refused(f, b.s, b.len, "has names of more than 67108864 bytes");
  strbuf_clear(&b);
  strbuf_fill(&b, 'N', PICKLE_MAX + 1);
  expect_pickle_refused(f, b.s, b.len, "has a pickle of more than 16777216 bytes");
  strbuf_free(&b);
}

// ---- files that are damaged

// Where the list of keys begins that a legacy file ends with: an empty list, its memo, a mark, the first key.
static char *find_keys(char *bytes, size_t n) {
  for (size_t i = n - 5; i > 0; i--)
    if (!memcmp(bytes + i, "]q\0(X", 5)) return bytes + i;
  fail_msg("no list of keys");
  return NULL;
}

static void rejects_cut_files(void **state) {
  Fixture *f = *state;
  size_t n;
  char *bytes = fixture_read(DATA "/legacy.pth", &n);
  fixture_put(f, bytes, n - 1);
  assert_null(archive_open(f->path, f->diag));
  StrBuf message = {0};
  char *keys = find_keys(bytes, n);
  char key[32] = {0};
  char *last = NULL;
  for (char *k = keys + 4; *k == 'X'; k += 5 + k[1] + 2) last = k; // X, its length, its digits, its memo
  memcpy(key, last + 5, (size_t)last[1]);
  strbuf_printf(&message, "is cut short: storage `%s` lies outside the file", key);
  fixture_expect(f, message.s);
  strbuf_clear(&message);
  memset(last + 5, '7', (size_t)last[1]);
  memset(key, '7', (size_t)last[1]);
  fixture_put(f, bytes, n);
  assert_null(archive_open(f->path, f->diag));
  strbuf_printf(&message, "has a storage `%s` of unknown type", key);
  fixture_expect(f, message.s);
  *keys = '}', keys[1] = '.';
  fixture_put(f, bytes, n);
  assert_null(archive_open(f->path, f->diag));
  fixture_expect(f, "has no list of its storages");
  strbuf_free(&message);
  free(bytes);
}

static void rejects_damaged_compression(void **state) {
  Fixture *f = *state;
  static const char name[] = "zip/data.pkl";
  size_t n, at = 0;
  char *bytes = fixture_read(DATA "/deflated.pth", &n);
  while (at + sizeof name < n && memcmp(bytes + at, name, sizeof name - 1)) at++;
  bytes[at + sizeof name - 1] = '\xff'; // no kind of block
  fixture_put(f, bytes, n);
  free(bytes);
  assert_null(archive_open(f->path, f->diag));
  fixture_expect(f, "member `zip/data.pkl` cannot be decompressed");
}

static void survives_mutations(void **state) {
  Fixture *f = *state;
  static const char *const seeds[] = {DATA "/zip.pth", DATA "/legacy.pth", DATA "/training.pth", DATA "/module.pt"};
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
  assert_true(opened > 50 && refused > 50);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(reads_state_dicts, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(reads_training_checkpoints, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(reads_modules, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(reads_either_byte_order, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(keeps_tensors_in_their_storages, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(rejects_pickles, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(skips_objects, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(bounds_what_it_looks_at, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(rejects_cut_files, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(rejects_damaged_compression, fixture_setup, fixture_teardown),
      cmocka_unit_test_setup_teardown(survives_mutations, fixture_setup, fixture_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
