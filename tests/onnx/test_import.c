// What models become: dimensions, weights of all places, functions, branches, loops and shape arithmetic.
#include "frontend/onnx/onnx.h"
#include "frontend/write/write.h"
#include "tests/onnx/writer.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];

static Module *import_with(Diag *d, const char *text, const OnnxOptions *o) {
  char path[128];
  snprintf(path, sizeof path, "%s/model.onnx", folder);
  StrBuf b = {0};
  writer_model(&b, text);
  writer_file(path, &b);
  strbuf_free(&b);
  Module *m = onnx_import(d, path, o);
  unlink(path);
  return m;
}

static void fail_with(const Diag *d) {
  StrBuf b = {0};
  diag_print(d, &b, false);
  fail_msg("%s", strbuf_str(&b));
}

static void check_with(const char *text, const OnnxOptions *o, const char *expected) {
  Diag *d = diag_create();
  Module *m = import_with(d, text, o);
  if (!m) fail_with(d);
  StrBuf b = {0};
  assert_true(graph_verify(m, &b));
  graph_print(m, &b, &(PrintOptions){0});
  const char *begin = strstr(strbuf_str(&b), "input ");
  assert_string_equal(begin ? begin : strbuf_str(&b), expected);
  strbuf_free(&b);
  module_destroy(m);
  diag_destroy(d);
}

static void check(const char *text, const char *expected) { check_with(text, &(OnnxOptions){0}, expected); }

static void check_type(const char *text, const OnnxOptions *o, const char *type) {
  Diag *d = diag_create();
  Module *m = import_with(d, text, o);
  if (!m) fail_with(d);
  assert_string_equal(type_str(m, m->outputs.data[0].value->type), type);
  module_destroy(m);
  diag_destroy(d);
}

static void refused(const char *text, const char *part) {
  Diag *d = diag_create();
  assert_null(import_with(d, text, &(OnnxOptions){0}));
  StrBuf b = {0};
  diag_print(d, &b, false);
  if (!strstr(strbuf_str(&b), part)) fail_msg("%s", strbuf_str(&b));
  strbuf_free(&b);
  diag_destroy(d);
}

// ---- dimensions

static void test_dimensions(void **state) {
  (void)state;
  check_type("in x f32 batch,3,_\nout y\nnode Relu x y", &(OnnxOptions){0}, "f32[batch, 3, x_2]");
  check_type("in x f32 1,1,N,4\ninit a i64 1 2\ninit s i64 1 0\ninit e i64 1 9223372036854775807\nout y\n"
             "node AveragePool x p kernel_shape=[2,1]\nnode Slice p,s,e,a y",
             &(OnnxOptions){0}, "f32[1, 1, N - 1, 4]");
  check_type("in x f32 2-b,H*W\nout y\nnode Relu x y", &(OnnxOptions){0}, "f32[d2_b, H_W]");
  check_type("in x f32 N,3\nin z f32 N,1\nout y\nnode Add x,z y", &(OnnxOptions){0}, "f32[N, 3]");
  check_type("in x f32 H\nin z f32 N,2*H+1\nout y\nnode Relu z y", &(OnnxOptions){0}, "f32[N, 2*H + 1]");
  check_type("in x f32 H\nin z f32 H-1,K+H,H/\nout y\nnode Relu z y", &(OnnxOptions){0}, "f32[H_1, K_H, H_]");
  check_type("in x f32 -\nout y\nnode Relu x y", &(OnnxOptions){0}, "f32[]");
  check_type("in x f32 ?,3,?,?\nout y\nnode Relu x y", &(OnnxOptions){0}, "f32[x_0, 3, x_2, x_3]"); // not one size
}

// A dimension that Squeeze removes is 1 in every run.
static void test_squeeze(void **state) {
  (void)state;
  Diag *d = diag_create();
  Module *m = import_with(d, "in x f32 N,M,3\nout y\ninit a i64 1 1\nnode Squeeze x,a y", &(OnnxOptions){0});
  assert_non_null(m);
  assert_int_equal(m->assertions.len, 1);
  assert_int_equal(dim_eval(m->dims, m->assertions.data[0].condition, (int64_t[]){5, 1}), 1);
  assert_int_equal(dim_eval(m->dims, m->assertions.data[0].condition, (int64_t[]){5, 2}), 0);
  assert_string_equal(m->assertions.data[0].text, "the node of `y` (Squeeze): dimension 1 is 1");
  module_destroy(m);
  diag_destroy(d);
  check("in x f32 N,M,3\nout y\ninit a i64 1 1\nnode Squeeze x,a y",
        "input %x : f32[N, M, 3]\n"
        "%0 = slice %x {dims=[1], starts=[0], ends=[1], steps=[1]} : f32[N, 1, 3]\n"
        "%y = reshape %0 {shape=[N, 3]} : f32[N, 3]\n"
        "output y = %y\n");
}

static void test_shape_option(void **state) {
  (void)state;
  const char *all = "x=4,_", *both[] = {"x=4,3", "z=4,1"};
  check_type("in x f32 N,M\nout y\nnode Relu x y", &(OnnxOptions){.shapes = &all, .n_shapes = 1}, "f32[4, M]");
  check_type("in x f32 N,M\nin z f32 N,1\nout y\nnode Add x,z y", &(OnnxOptions){.shapes = both, .n_shapes = 2},
             "f32[4, 3]");
}

// ---- weights

static void test_initializers(void **state) {
  (void)state;
  check_type("in x f32 2\nin w f32 2\ninit w f32 2 1,2\nout y\nnode Add x,w y", &(OnnxOptions){0}, "f32[2]");
  Diag *d = diag_create();
  Module *m = import_with(d, "in x f32 2\nin w f32 2\ninit w f32 2 1,2\nout y\nnode Add x,w y", &(OnnxOptions){0});
  assert_non_null(m);
  assert_int_equal(m->inputs.len, 1); // an initializer that is an input is a weight
  assert_true(weight_at(graph_find_weight(m, "w"), 1) == 2);
  module_destroy(m);
  diag_destroy(d);
}

static void test_external_data(void **state) {
  (void)state;
  char path[128];
  StrBuf b = {0};
  strbuf_write(&b, "xxxx\0\0\0\x3f\0\0\x40\x40", 12); // 0.5, 3
  snprintf(path, sizeof path, "%s/w.bin", folder);
  writer_file(path, &b);
  Diag *d = diag_create();
  Module *m = import_with(d, "in x f32 2\nexternal w f32 2 location=w.bin offset=4 length=8\nout y\nnode Add x,w y",
                          &(OnnxOptions){0});
  if (!m) fail_with(d);
  assert_true(weight_at(graph_find_weight(m, "w"), 0) == 0.5 && weight_at(graph_find_weight(m, "w"), 1) == 3);
  module_destroy(m);
  diag_destroy(d);
#define MODEL(where) "in x f32 2\nexternal w f32 2 location=" where "\nout y\nnode Add x,w y"
  refused(MODEL("w.bin offset=8"), "initializer `w`: its elements lie behind the end of their file");
  refused(MODEL("w.bin offset=18446744073709551615"), "its elements lie behind the end of their file");
  refused(MODEL("absent.bin"), "absent.bin");
  refused(MODEL("../w.bin"), "../w.bin");
  refused(MODEL("/etc/passwd"), "/etc/passwd");
  char link[160], outside[128];
  snprintf(outside, sizeof outside, "%s.bin", folder);
  snprintf(link, sizeof link, "%s/link.bin", folder);
  writer_file(outside, &b);
  char target[140];
  snprintf(target, sizeof target, "../%s", outside);
  assert_int_equal(symlink(target, link), 0);
  refused(MODEL("link.bin offset=4"), "link.bin");
  unlink(link);
  unlink(outside);
  unlink(path);
  strbuf_free(&b);
}

// ---- graphs within

static void test_functions(void **state) {
  (void)state;
  check("in x f32 2\nout y\n"
        "function scaled a b slope\nnode LeakyRelu a h alpha=$slope\nnode Neg h b\nend\n"
        "node local.scaled x y slope=0.5",
        "input %x : f32[2]\n"
        "%0 = leaky_relu %x {negative_slope=0.5} : f32[2]\n"
        "%y = neg %0 : f32[2]\n"
        "output y = %y\n");
}

static void test_branch(void **state) {
  (void)state;
  const char *text = "in x f32 2\nout y\ninit c bool - 1\n"
                     "graph yes\nnode Relu x a\nout a\nend\n"
                     "graph no\nnode Neg x b\nout b\nend\n"
                     "node If c y then_branch={yes} else_branch={no}";
  check(text, "input %x : f32[2]\n%y = relu %x : f32[2]\noutput y = %y\n");
}

static void test_loop(void **state) {
  (void)state;
  check("in x f32 2\nout y\nout all\ninit n i64 - 2\n"
        "graph body\nin i i64 -\nin c bool -\nin s f32 2\nnode Neg s t\nout c\nout t\nout t\nend\n"
        "node Loop n,_,x y,all body={body}",
        "input %x : f32[2]\n"
        "%0 = neg %x : f32[2]\n"
        "%y = neg %0 : f32[2]\n"
        "%1 = reshape %0 {shape=[1, 2]} : f32[1, 2]\n"
        "%2 = reshape %y {shape=[1, 2]} : f32[1, 2]\n"
        "%all = concat %1, %2 {dim=0} : f32[2, 2]\n"
        "output y = %y\n"
        "output all = %all\n");
}

static void test_lists(void **state) {
  (void)state;
  check("in x f32 2\nin z f32 2\nout y\ninit at i64 - -1\n"
        "node SequenceConstruct x,z l\nnode SequenceInsert l,x more\nnode SequenceErase more fewer\n"
        "node SequenceAt fewer,at last\nnode Relu last y",
        "input %x : f32[2]\ninput %z : f32[2]\n%y = relu %z : f32[2]\noutput y = %y\n");
}

// ---- shape arithmetic

static void test_arithmetic(void **state) {
  (void)state;
  const char *flat = "in x f32 N,4,H,W\nout y\ninit zero i64 - 0\ninit rest i64 1 -1\ninit axes i64 1 0\n"
                     "node Shape x s\nnode Gather s,zero n\nnode Unsqueeze n,axes n1\n"
                     "node Concat n1,rest to axis=0\nnode Reshape x,to y";
  check_type(flat, &(OnnxOptions){0}, "f32[N, 4*H*W]");
  const char *half = "in x f32 N,8\nout y\ninit two i64 - 2\ninit one i64 - 1\ninit axes i64 1 0\n"
                     "node Shape x s\nnode Gather s,one c\nnode Div c,two h\nnode Unsqueeze h,axes h1\n"
                     "init zero i64 1 0\nnode Slice x,zero,h1,ax y\ninit ax i64 1 1";
  check_type(half, &(OnnxOptions){0}, "f32[N, 4]");
  const char *behind = "in x f32 N,3\nout y\ninit one i64 1 1\ninit end i64 1 9223372036854775807\n"
                       "node Shape x s end=1\nnode Sub one,s d\nnode Sub d,one from\nnode Slice x,from,end y";
  check_type(behind, &(OnnxOptions){0}, "f32[N, 3]"); // from -N on
}

// Older exporters scale sizes as real numbers.
static void test_real_arithmetic(void **state) {
  (void)state;
#define SIZES                                                                                                          \
  "in x f32 N,3,H,W\nout y\ninit h i64 1 2\nnode Shape x s\nnode Gather s,h size\nnode Cast size real to=1\n"
  check_type(SIZES
             "init f f32 1 0.5\nnode Mul real,f m\nnode Floor m r\nnode Cast r to to=7\nnode ConstantOfShape to y",
             &(OnnxOptions){0}, "f32[H // 2]");
  check_type(SIZES "init f f32 1 4\nnode Div real,f m\nnode Ceil m r\nnode Cast r to to=7\nnode ConstantOfShape to y",
             &(OnnxOptions){0}, "f32[(H + 3) // 4]");
  check_type(SIZES "init f f32 1 1.5\ninit one f32 1 1\nnode Mul real,f m\nnode Sub m,one n\nnode Cast n to to=7\n"
                   "init zero f32 1 0\nnode ConstantOfShape to y",
             &(OnnxOptions){0}, "f32[H + H // 2 - 1]");
  check_type(SIZES "init zero f32 - 0\ninit one f32 - 1\nnode Range zero,real,one y", &(OnnxOptions){0}, "f32[H]");
  check_type(SIZES "node Div real,real ratio\nnode Cast ratio to to=7\nnode ConstantOfShape to y", &(OnnxOptions){0},
             "f32[1]");
  check_type(SIZES "init k f32 1 0.25\nnode Concat real,k both axis=0\nnode Mul both,both y", &(OnnxOptions){0},
             "f32[2]");
#undef SIZES
}

static void test_empty(void **state) {
  (void)state;
  check_type("in x f32 2,0,4\nout y\nnode ReduceMax x y axes=[1] keepdims=0", &(OnnxOptions){0}, "f32[2, 4]");
  check_type("in x f32 2,3\nout y\ninit s i64 1 2\ninit e i64 1 2\nnode Slice x,s,e y", &(OnnxOptions){0}, "f32[0, 3]");
  check_type("in x f32 4\nout y\nout z\ninit s i64 2 4,0\nnode Split x,s y,z", &(OnnxOptions){0}, "f32[4]");
}

// What no exporter writes, but files may hold.
static void test_odd(void **state) {
  (void)state;
  check_type("in x f32 2\nout y\nnode Constant - - value_int=1\nnode Relu x y", &(OnnxOptions){0}, "f32[2]");
  check_type("in x f32 1,1,4,4\nout y\ninit r f32 8 nan,nan,nan,nan,nan,nan,nan,nan\ninit k i64 4 1,1,2,2\n"
             "node Resize x,r,_,k y coordinate_transformation_mode='tf_crop_and_resize'",
             &(OnnxOptions){0}, "f32[1, 1, 2, 2]");
  check_type("out y\ninit k i64 1 2\nnode ConstantOfShape k y value=<i64/1/9223372036854775807>", &(OnnxOptions){0},
             "i64[2]");
}

// An input that sizes are computed from becomes part of the model where its elements are given.
static void test_frozen(void **state) {
  (void)state;
  int64_t elements[] = {2, 3};
  Blob blob = {.refs = 1, .data = elements, .size = sizeof elements};
  OnnxArray array = {.name = "s", .dtype = DT_I64, .rank = 1, .dims = {2}, .blob = &blob};
  bool frozen = false;
  OnnxOptions o = {.values = &array, .n_values = 1, .frozen = &frozen};
  check_type("in x f32 6\nin s i64 2\nout y\nnode Reshape x,s y", &o, "f32[2, 3]");
  assert_true(frozen);
  frozen = false;
  check_type("in x f32 1\nin s i64 2\nout y\nnode Add s,s t\nnode Expand x,t y", &o, "f32[4, 6]");
  assert_true(frozen);
}

// Graphs of many nodes, functions and outputs are read and written in a time that grows as they do.
static void test_large(void **state) {
  (void)state;
  enum { NODES = 50000, FUNCTIONS = 5000 };
  StrBuf b = {0};
  strbuf_puts(&b, "in v0 f32 4\n");
  for (int i = 0; i < FUNCTIONS; i++) strbuf_printf(&b, "function F%d x y\nnode Relu x y\nend\n", i);
  for (int i = 0; i < NODES; i++) {
    if (i < FUNCTIONS)
      strbuf_printf(&b, "node local.F%d v%d v%d\n", FUNCTIONS - 1 - i, i, i + 1);
    else
      strbuf_printf(&b, "node Relu v%d v%d\n", i, i + 1);
    if (i < 2 * FUNCTIONS || i == NODES - 1) strbuf_printf(&b, "out v%d\n", i + 1);
  }
  Diag *d = diag_create();
  Module *m = import_with(d, strbuf_str(&b), &(OnnxOptions){0});
  if (!m) fail_with(d);
  assert_int_equal(m->n_nodes, NODES);
  Written written;
  assert_true(write_module(m, "", &written));
  write_free(&written);
  module_destroy(m);
  diag_destroy(d);
  strbuf_free(&b);
}

// Results are known by the names that the model gives its tensors, in a clone too.
static void test_names(void **state) {
  (void)state;
  Diag *d = diag_create();
  Module *m = import_with(d, "in x f32 2\nout y\nnode Relu x hidden/1\nnode Identity hidden/1 same\nnode Neg same y",
                          &(OnnxOptions){0});
  if (!m) fail_with(d);
  Module *clone = module_clone(m);
  assert_string_equal(result(m->first)->alias, "hidden/1");
  assert_null(result(m->first)->name);
  assert_string_equal(result(clone->last)->alias, "y");
  assert_string_equal(result(clone->first)->alias, "hidden/1");
  module_destroy(clone);
  module_destroy(m);
  diag_destroy(d);
}

// ---- integers of ONNX Runtime

#define SCALES "init s f32 - 0.5\ninit t f32 - 0.25\ninit z u8 - 3\ninit k u8 - 7\n"

static void test_quantized(void **state) {
  (void)state;
  check("in a u8 2,3\nin b u8 2,3\nout y\n" SCALES "node com.microsoft.QLinearMul a,s,z,b,t,_,t,k y",
        "input %a : u8[2, 3]\n"
        "input %b : u8[2, 3]\n"
        "%0 = dequantize_linear %a, @s, @z {axis=0} : f32[2, 3]\n"
        "%1 = dequantize_linear %b, @t {axis=0} : f32[2, 3]\n"
        "%2 = mul %0, %1 : f32[2, 3]\n"
        "%y = quantize_linear %2, @t, @k {axis=0} : u8[2, 3]\n"
        "output y = %y\n");
  check("in a u8 2,3\nout y\n" SCALES "node com.microsoft.QLinearLeakyRelu a,s,z,t y alpha=0.5",
        "input %a : u8[2, 3]\n"
        "%0 = dequantize_linear %a, @s, @z {axis=0} : f32[2, 3]\n"
        "%1 = leaky_relu %0 {negative_slope=0.5} : f32[2, 3]\n"
        "%y = quantize_linear %1, @t {axis=0} : u8[2, 3]\n"
        "output y = %y\n");
  check("in a u8 2,3\nout y\n" SCALES "node com.microsoft.QLinearSoftmax a,s,z,t,k y axis=0 opset=13",
        "input %a : u8[2, 3]\n"
        "%0 = dequantize_linear %a, @s, @z {axis=0} : f32[2, 3]\n"
        "%1 = softmax %0 {dim=0} : f32[2, 3]\n"
        "%y = quantize_linear %1, @t, @k {axis=0} : u8[2, 3]\n"
        "output y = %y\n");
  check("in a u8 2,3\nout y\n" SCALES "node com.microsoft.QLinearReduceMean a,s,z,t,k y axes=[1] keepdims=0",
        "input %a : u8[2, 3]\n"
        "%0 = dequantize_linear %a, @s, @z {axis=0} : f32[2, 3]\n"
        "%1 = mean %0 {dim=[1]} : f32[2]\n"
        "%y = quantize_linear %1, @t, @k {axis=0} : u8[2]\n"
        "output y = %y\n");
  check("in a u8 1,2,4,4\nout y\n" SCALES "node com.microsoft.QLinearGlobalAveragePool a,s,z,t,k y",
        "input %a : u8[1, 2, 4, 4]\n"
        "%0 = dequantize_linear %a, @s, @z {axis=0} : f32[1, 2, 4, 4]\n"
        "%1 = global_avg_pool %0 : f32[1, 2, 1, 1]\n"
        "%y = quantize_linear %1, @t, @k {axis=0} : u8[1, 2, 1, 1]\n"
        "output y = %y\n");
  check("in a u8 2,3\nin b u8 2,1\nout y\n" SCALES "node com.microsoft.QLinearConcat t,k,a,s,z,b,t,z y axis=1",
        "input %a : u8[2, 3]\n"
        "input %b : u8[2, 1]\n"
        "%0 = dequantize_linear %a, @s, @z {axis=0} : f32[2, 3]\n"
        "%1 = dequantize_linear %b, @t, @z {axis=0} : f32[2, 1]\n"
        "%2 = concat %0, %1 {dim=1} : f32[2, 4]\n"
        "%y = quantize_linear %2, @t, @k {axis=0} : u8[2, 4]\n"
        "output y = %y\n");
  check("in c bool 2,3\nin a u8 2,3\nout y\n" SCALES "node com.microsoft.QLinearWhere c,a,s,z,a,t,k,t,k y",
        "input %c : bool[2, 3]\n"
        "input %a : u8[2, 3]\n"
        "%0 = dequantize_linear %a, @s, @z {axis=0} : f32[2, 3]\n"
        "%1 = dequantize_linear %a, @t, @k {axis=0} : f32[2, 3]\n"
        "%2 = where %c, %0, %1 : f32[2, 3]\n"
        "%y = quantize_linear %2, @t, @k {axis=0} : u8[2, 3]\n"
        "output y = %y\n");
  check("in a u8 2,3\nout y\n" SCALES "init w i8 4,3 1,2,3,4,5,6,7,8,9,10,11,12\ninit v f32 4 0.5,1,2,4\n"
        "init n i8 4 0,0,0,0\ninit b i32 4 1,2,3,4\nnode com.microsoft.QGemm a,s,z,w,v,n,b y transB=1 alpha=2.0",
        "input %a : u8[2, 3]\n"
        "%0 = dequantize_linear %a, @s, @z {axis=0} : f32[2, 3]\n"
        "%1 = dequantize_linear @w, @v, @n {axis=0} : f32[4, 3]\n"
        "%2 = mul @s, @v : f32[4]\n"
        "%3 = dequantize_linear @b, %2 {axis=0} : f32[4]\n"
        "%4 = mul %3, @\"f32:2.0\" : f32[4]\n"
        "%5 = mul %0, @\"f32:2.0\" : f32[2, 3]\n"
        "%6 = permute %1 {dims=[1, 0]} : f32[3, 4]\n"
        "%7 = matmul %5, %6 : f32[2, 4]\n"
        "%y = add %7, %4 : f32[2, 4]\n"
        "output y = %y\n");
  refused("in a u8 1,4,4,2\nout y\n" SCALES "node com.microsoft.QLinearGlobalAveragePool a,s,z,t,k y channels_last=1",
          "(QLinearGlobalAveragePool): its channels are last");
  refused("in a u8 2,3\nout y\n" SCALES "node com.microsoft.QLinearSigmoid a,s y",
          "(QLinearSigmoid): it has 2 operands");
  refused("in a u8 2,3\nout y\n" SCALES "node com.microsoft.QLinearConcat t,k,a,s y",
          "(QLinearConcat): it has 4 operands");
  refused("in a u8 2,3\nout y\n" SCALES "node com.microsoft.QLinearSigmoid a,_,z,t y",
          "(QLinearSigmoid): an operand is missing");
  refused("in a u8 2,3\nout y\n" SCALES "node com.microsoft.QLinearSigmoid a,s,z,_,k y",
          "(QLinearSigmoid): an operand is missing");
}

// Gates in another order, which of constants are constants, too; lengths that are those of all samples are none.
static void test_recurrent(void **state) {
  (void)state;
  check("opset 14\nin x f32 2,2,1\ninit w f32 1,3,1 1,2,3\ninit r f32 1,3,1 4,5,6\ninit l i32 2 2,2\nout y\n"
        "node GRU x,w,r,_,l y",
        "input %x : f32[2, 2, 1]\n%0 = gru %x, _, _, @w.0, @r.0 {reset_after=false} : f32[2, 2, 1]\n"
        "%y = reshape %0 {shape=[2, 1, 2, 1]} : f32[2, 1, 2, 1]\noutput y = %y\n");
  check("opset 14\nin x f32 N,2,1\nin w f32 1,3,1\ninit r f32 1,3,1 4,5,6\ninit b f32 1,6 1,2,3,4,5,6\n"
        "init l i32 2 2,1\nout h\nnode GRU x,w,r,b,l _,h layout=1 direction='reverse' linear_before_reset=1",
        "input %x : f32[N, 2, 1]\ninput %w : f32[1, 3, 1]\n"
        "%0 = slice %w {dims=[1], starts=[1], ends=[2], steps=[1]} : f32[1, 1, 1]\n"
        "%1 = slice %w {dims=[1], starts=[0], ends=[1], steps=[1]} : f32[1, 1, 1]\n"
        "%2 = slice %w {dims=[1], starts=[2], ends=[3], steps=[1]} : f32[1, 1, 1]\n"
        "%3 = concat %0, %1, %2 {dim=1} : f32[1, 3, 1]\n%4 = reshape %3 {shape=[3, 1]} : f32[3, 1]\n"
        "%5, %6 = gru %x, _, @l, %4, @r.0, @b.0, @b.0.1 {batch_first=true, return_state=true, reverse=true} : "
        "f32[N, 2, 1], f32[1, N, 1]\n%7 = reshape %5 {shape=[N, 2, 1, 1]} : f32[N, 2, 1, 1]\n"
        "%h = permute %6 {dims=[1, 0, 2]} : f32[N, 1, 1]\noutput h = %h\n");
}

static void check_weight(const char *text, const char *name, int n, const double *expected) {
  Diag *d = diag_create();
  Module *m = import_with(d, text, &(OnnxOptions){0});
  if (!m) fail_with(d);
  Weight *w = graph_find_weight(m, name);
  assert_non_null(w);
  assert_int_equal(weight_count(w), n);
  for (int i = 0; i < n; i++) assert_true(weight_at(w, i) == expected[i]);
  module_destroy(m);
  diag_destroy(d);
}

// i, o, f, c and z, r, h as i, f, c, o and r, z, h, of either direction, of W and of both halves of B.
static void test_gates(void **state) {
  (void)state;
  const char *gru = "opset 14\nin x f32 2,2,1\ninit w f32 1,3,1 1,2,3\ninit r f32 1,3,1 4,5,6\n"
                    "init b f32 1,6 1,2,3,4,5,6\nout y\nnode GRU x,w,r,b y";
  check_weight(gru, "w.0", 3, (double[]){2, 1, 3});
  check_weight(gru, "r.0", 3, (double[]){5, 4, 6});
  check_weight(gru, "b.0", 3, (double[]){2, 1, 3});
  check_weight(gru, "b.0.1", 3, (double[]){5, 4, 6});
  const char *both = "opset 14\nin x f32 2,2,2\ninit w f32 2,4,2 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16\n"
                     "init r f32 2,4,1 1,2,3,4,5,6,7,8\nout y\nnode LSTM x,w,r y direction='bidirectional'";
  check_weight(both, "w.0", 8, (double[]){1, 2, 5, 6, 7, 8, 3, 4});
  check_weight(both, "w.1", 8, (double[]){9, 10, 13, 14, 15, 16, 11, 12});
  check_weight(both, "r.1", 4, (double[]){5, 7, 8, 6});
}

int main(void) {
  snprintf(folder, sizeof folder, "test_onnx_import_%d", (int)getpid());
  if (mkdir(folder, 0777)) return 1;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_dimensions),   cmocka_unit_test(test_shape_option),
      cmocka_unit_test(test_initializers), cmocka_unit_test(test_external_data),
      cmocka_unit_test(test_functions),    cmocka_unit_test(test_branch),
      cmocka_unit_test(test_loop),         cmocka_unit_test(test_lists),
      cmocka_unit_test(test_arithmetic),   cmocka_unit_test(test_real_arithmetic),
      cmocka_unit_test(test_squeeze),      cmocka_unit_test(test_empty),
      cmocka_unit_test(test_frozen),       cmocka_unit_test(test_odd),
      cmocka_unit_test(test_large),        cmocka_unit_test(test_names),
      cmocka_unit_test(test_quantized),    cmocka_unit_test(test_recurrent),
      cmocka_unit_test(test_gates),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  rmdir(folder);
  return failed;
}
