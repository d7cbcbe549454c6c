// Protobuf's wire format, and messages read by the schema: whole, cut short and malformed.
#include "frontend/onnx/encode.h"
#include "frontend/onnx/proto.h"
#include "frontend/onnx/wire.h"
#include "tests/onnx/writer.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static Wire wire(const void *bytes, size_t n) { return (Wire){bytes, (const uint8_t *)bytes + n, NULL}; }

static void check_field_problem(const char *bytes, size_t n, const char *problem) {
  Wire w = wire(bytes, n);
  WireField f;
  while (wire_next(&w, &f)) {}
  assert_string_equal(w.problem, problem);
  assert_false(wire_next(&w, &f)); // and it stays at the end
}

static void test_fields(void **state) {
  (void)state;
  static const uint8_t bytes[] = {0x08, 0x96, 0x01, 0x15, 1, 0,    0,    0, 0x19, 2,  0,
                                  0,    0,    0,    0,    0, 0x80, 0x22, 2, 'o',  'k'};
  Wire w = wire(bytes, sizeof bytes);
  WireField f;
  assert_true(wire_next(&w, &f));
  assert_int_equal(f.number, 1);
  assert_int_equal(f.value, 150);
  assert_true(wire_next(&w, &f));
  assert_int_equal(f.type, WIRE_FIXED32);
  assert_int_equal(f.value, 1);
  assert_true(wire_next(&w, &f));
  assert_true(f.value == (UINT64_C(0x80) << 56 | 2));
  assert_true(wire_next(&w, &f));
  assert_int_equal(f.size, 2);
  assert_memory_equal(f.data, "ok", 2);
  assert_false(wire_next(&w, &f));
  assert_null(w.problem);
}

static void test_malformed_fields(void **state) {
  (void)state;
  check_field_problem("\x08", 1, "it ends within a number");
  check_field_problem("\x08\x80", 2, "it ends within a number");
  check_field_problem("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12, "a number has more than 64 bits");
  check_field_problem("\x0d\1\2\3", 4, "it ends within a number");
  check_field_problem("\x09\1\2\3\4\5\6\7", 8, "it ends within a number");
  check_field_problem("\x0a\2x", 3, "a field is longer than what holds it");
  check_field_problem("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7fx", 11, "a field is longer than what holds it");
  check_field_problem("\x00", 1, "a field has no valid number");
  check_field_problem("\x88\x80\x80\x80\x80\x01", 6, "a field has no valid number");
  check_field_problem("\x0b", 1, "a field is of an unknown kind");
  check_field_problem("\x0e", 1, "a field is of an unknown kind");
}

static const char *read_problem(const ProtoInfo *of, const StrBuf *b) {
  Arena *a = arena_create();
  const char *problem;
  uint8_t *exact = malloc(b->len + 1); // so that sanitizers see what reads behind the end
  memcpy(exact, strbuf_str(b), b->len);
  bool ok = proto_read(a, of, exact, b->len, &problem);
  free(exact);
  arena_destroy(a);
  return ok ? NULL : problem;
}

static void check_tensor_problem(StrBuf b, const char *problem) {
  assert_string_equal(read_problem(&proto_Tensor, &b), problem);
  strbuf_free(&b);
}

static void test_tensor(void **state) {
  (void)state;
  StrBuf b = {0};
  encode_int(&b, 1, 2);
  encode_bytes(&b, 1, "\3\4", 2); // packed, behind one that is not
  encode_bytes(&b, 4, "", 0);
  encode_int(&b, 2, 7);
  encode_bytes(&b, 7, "\1\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", 11);
  encode_text(&b, 99, "passed over");
  encode_text(&b, 8, "first");
  encode_text(&b, 8, "k");
  Arena *a = arena_create();
  const char *problem;
  const OnnxTensor *t = proto_read(a, &proto_Tensor, strbuf_str(&b), b.len, &problem);
  assert_non_null(t);
  assert_int_equal(t->dims.n, 3);
  assert_int_equal(t->dims.data[2], 4);
  assert_int_equal(t->int64_data.n, 2);
  assert_int_equal(t->int64_data.data[1], -1);
  assert_string_equal(t->name, "k");
  assert_null(t->raw_data.data);
  arena_destroy(a);
  strbuf_free(&b);
}

static void test_malformed_messages(void **state) {
  (void)state;
  StrBuf b = {0};
  encode_bytes(&b, 8, "a\0b", 3);
  check_tensor_problem(b, "a name holds a NUL");
  b = (StrBuf){0};
  encode_text(&b, 2, "seven");
  check_tensor_problem(b, "a field is of another kind");
  b = (StrBuf){0};
  encode_int(&b, 8, 7);
  check_tensor_problem(b, "a field is of another kind");
  b = (StrBuf){0};
  encode_bytes(&b, 7, "\1\x80", 2);
  check_tensor_problem(b, "a list of numbers ends within one");
  b = (StrBuf){0};
  encode_bytes(&b, 4, "\1\2\3\4\5", 5);
  check_tensor_problem(b, "a list of numbers ends within one");
}

static void test_nesting(void **state) {
  (void)state;
  StrBuf graph = {0};
  for (int i = 0; i < PROTO_NESTING; i++) { // a graph in an attribute of a node of the graph
    StrBuf attribute = {0}, node = {0}, outer = {0};
    encode_part(&attribute, 6, &graph);
    encode_part(&node, 5, &attribute);
    encode_part(&outer, 1, &node);
    graph = outer;
  }
  StrBuf model = {0};
  encode_part(&model, 7, &graph);
  assert_string_equal(read_problem(&proto_Model, &model), "its parts are nested too deep");
  strbuf_free(&model);
}

// Every shorter file is read as a smaller message or refused, and nothing beside it is touched; the same for each byte
// changed.
static void test_cut_and_changed(void **state) {
  (void)state;
  StrBuf b = {0};
  writer_model(&b, "in x f32 N,3\n"
                   "init k i64 2 3,-1\n"
                   "graph g\nin i f32 2\nnode Relu i o\nout o\nend\n"
                   "node Reshape x,k y @shaped allowzero=0 list=[1,2] real=0.5 body={g} value=<i64/2/3,4>\n"
                   "function f a b\nnode Neg a b\nend\n"
                   "out y f32 3,N");
  assert_null(read_problem(&proto_Model, &b));
  size_t whole = b.len;
  for (b.len = 0; b.len < whole; b.len++) read_problem(&proto_Model, &b);
  for (size_t i = 0; i < whole; i++)
    for (int bit = 0; bit < 8; bit++) {
      b.s[i] = (char)(b.s[i] ^ 1 << bit);
      read_problem(&proto_Model, &b);
      b.s[i] = (char)(b.s[i] ^ 1 << bit);
    }
  strbuf_free(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_fields),  cmocka_unit_test(test_malformed_fields),   cmocka_unit_test(test_tensor),
      cmocka_unit_test(test_nesting), cmocka_unit_test(test_malformed_messages), cmocka_unit_test(test_cut_and_changed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
