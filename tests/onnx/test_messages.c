// What is said of models that cannot be imported: each message whole.
#include "frontend/onnx/encode.h"
#include "frontend/onnx/onnx.h"
#include "tests/onnx/writer.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct Refused {
  const char *model, *message; // without the file's name
} Refused;

static void check_bytes(const StrBuf *b, const OnnxOptions *o, const char *message) {
  char path[64], expected[2048];
  snprintf(path, sizeof path, "test_onnx_%d.onnx", (int)getpid());
  writer_file(path, b);
  Diag *d = diag_create();
  Module *m = onnx_import(d, path, o);
  StrBuf said = {0};
  diag_print(d, &said, false);
  unlink(path);
  if (m) fail_msg("it was imported; expected: %s", message);
  if (strstr(message, "error: "))
    snprintf(expected, sizeof expected, "%s", message);
  else
    snprintf(expected, sizeof expected, "%s: error: %s\n", path, message);
  assert_string_equal(strbuf_str(&said), expected);
  strbuf_free(&said);
  diag_destroy(d);
}

static void check(const char *model, const OnnxOptions *o, const char *message) {
  StrBuf b = {0};
  writer_model(&b, model);
  check_bytes(&b, o, message);
  strbuf_free(&b);
}

#define X23 "in x f32 2,3\nout y\n"

static void test_nodes(void **state) {
  (void)state;
  static const Refused all[] = {
#define R(node, message) {X23 "node " node, "the node of `y` " message}
      R("Identity - y", "(Identity): it has no operand"),
      R("Relu - y", "(Relu): an operand is missing, or is of a kind "
                    "that it cannot have"),
      R("Add x y", "(Add): an operand is missing, or is of a kind that it cannot have"),
      R("Relu z y", "(Relu): no node before it makes `z`"),
      R("Flatten x y axis=3", "(Flatten): its axis 3 is not "
                              "one of 2 dimensions"),
      R("Flatten x y axis='a'", "(Flatten): `axis` is not an integer"),
      R("Transpose x y perm=1", "(Transpose): `perm` is not a list of integers"),
      R("Transpose x y perm=[0]", "(Transpose): `perm` does not name each dimension once"),
      R("Elu x y alpha=1", "(Elu): `alpha` is not a number"),
      R("Gelu x y approximate=1", "(Gelu): `approximate` is not a text"),
      R("Cast x y to=8", "(Cast): nncc has no elements of type string"),
      R("Cast x y to=99", "(Cast): nncc has no elements "
                          "of type of unknown type"),
      R("CastLike x y", "(CastLike): its second operand is missing"),
      R("Shape - y", "(Shape): an operand is missing, or is of a kind that it cannot have"),
      R("ReduceSum - y", "(ReduceSum): it has no operand"),
      R("Split - y", "(Split): it has no operand"),
      R("Split x y,b,c,d,e num_outputs=9", "(Split): `num_outputs` is not the number of its results"),
      R("Pad x y", "(Pad): `pads` has -1 numbers for 2 dimensions"),
      R("Pad x y pads=[1,1]", "(Pad): `pads` has 2 numbers for 2 dimensions"),
      R("Pad x y pads=[1,1,1,1] mode='odd'", "(Pad): `mode` \"odd\" is not known"),
      R("Pad x y pads=[0,999,0,0] mode='wrap'", "(Pad): a border is more than 61 times its dimension"),
      R("Slice x y", "(Slice): its starts, ends, axes and steps do not fit each other"),
      R("Slice x y starts=[0] ends=[1,2]", "(Slice): its starts, ends, axes and "
                                           "steps do not fit each other"),
      R("Squeeze x y axes=[0]", "(Squeeze): dimension 0 is not 1"),
      R("Unsqueeze x y axes=[0,0]", "(Unsqueeze): its axes name one dimension "
                                    "twice"),
      R("DepthToSpace x y", "(DepthToSpace): its operand is not of 4 dimensions"),
      R("BitShift x,x y", "(BitShift): `direction` is neither LEFT nor RIGHT"),
      R("Hardmax x y axis=5", "(Hardmax): its axis 5 is not one of 2 "
                              "dimensions"),
      R("CenterCropPad x,x y", "(CenterCropPad): what it makes depends on the elements of "
                               "`x`, which are not known when it "
                               "is compiled"),
      R("Reshape x,x y", "(Reshape): what it makes depends on the "
                         "elements of `x`, which are not known when "
                         "it is compiled"),
      R("If x y", "(If): what it makes depends on the elements of "
                  "`x`, which are not known when it is compiled"),
      R("Loop - y", "(Loop): its body does not fit its "
                    "operands"),
      R("Scan x y num_scan_inputs=1", "(Scan): its body does "
                                      "not fit its operands"),
      R("SequenceLength x y", "(SequenceLength): its "
                              "operand is no list of "
                              "tensors"),
      R("SequenceConstruct x,_ y", "(SequenceConstruct): a tensor of the list is "
                                   "missing"),
      R("Constant - y", "(Constant): it holds no numbers"),
      R("NegativeLogLikelihoodLoss x,x y", "(NegativeLogLikelihoodLoss): its target "
                                           "does "
                                           "not fit its scores"),
#undef R
  };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) check(all[i].model, &(OnnxOptions){0}, all[i].message);
}

static void test_operands(void **state) {
  (void)state;
  static const Refused all[] = {
#define R(more, message) {X23 more, "the node of `y` " message}
      R("in p f32 1,4,2,2\nnode DepthToSpace p y blocksize=0", "(DepthToSpace): `blocksize` is 0"),
      R("init k i64 1 2\nnode ConstantOfShape k y value=<f32/2/1,2>", "(ConstantOfShape): `value` is not one number"),
      R("in e f32 0\nnode Elu e y", "(Elu): `e` has no elements"),
      R("init k i64 1 2\nnode Tile x,k y", "(Tile): it has 1 repeats for 2 dimensions"),
      R("in n f32 N\ninit a f32 - 0\ninit e f32 - 99999\ninit s f32 - 0.5\nnode Range a,e,s y",
        "(Range): it is neither of known numbers nor of sizes in "
        "whole steps"),
      R("in n f32 N,3\nnode Shape n s\nnode Cast s c to=1\nnode Unsqueeze x,_ z axes=[0]\nnode Resize z,_,c y",
        "(Resize): `c` depends on an open dimension"),
      R("init k i64 2 1,2\nnode Trilu x,k y", "(Trilu): its k is not one number"),
      R("in v f32 3\nnode Trilu v y", "(Trilu): its operand is no matrix"),
      R("in v f32 3\nnode EyeLike v y", "(EyeLike): its operand is no matrix"),
      R("in l i64 1,3\nnode ReverseSequence x,l y", "(ReverseSequence): its lengths are not one a sequence"),
      R("init k f32 2 1,2\nnode Reshape x,k y", "(Reshape): `k` is not of integers"),
      R("init k i64 2 2,5\nin e f32 0,3\nnode Reshape e,k y",
        "(Reshape): its shape does not fit a tensor of no elements"),
      R("in n f32 N,3\ninit s i64 1 3\ninit e "
        "i64 1 3\ninit a i64 1 1\nnode Slice "
        "n,s,e,a y",
        "(Slice): a tensor of no elements has "
        "an open dimension"),
      R("init s i64 1 0\ninit e i64 1 2\ninit a i64 1 0\ninit t i64 1 0\nnode Slice x,s,e,a,t y",
        "(Slice): a step is 0 or too large"),
      R("in c bool N\nnode Shape c s\ninit b bool - 1\nnode Cast s "
        "q to=9\nnode If q y",
        "(If): its condition depends on a dimension that is open: --shape fixes those of an input"),
      R("init q bool 2 1,0\nnode If q y", "(If): its condition is not known when it is compiled"),
      R("in c bool -\nin n i64 N\nnode Shape n s\ngraph b\nin i i64 -\nin k bool -\nout k\nend\nnode "
        "Loop s,_ y body={b}",
        "(Loop): how often it goes round is not known when it is compiled"),
      R("init n i64 - 0\ngraph b\nin i i64 -\nin k bool -\nout k\nout i\nend\nnode Loop n,_ y "
        "body={b}",
        "(Loop): it makes nothing of no rounds"),
      R("in n f32 N,2\ngraph b\nin s f32 2\nout "
        "s\nend\nnode Scan n y num_scan_inputs=1 "
        "body={b}",
        "(Scan): how often it goes round is not known "
        "when it is compiled, or more than 4096 times"),
      R("init t bool - 1\ninit r f32 - 0.5\nnode Dropout x,r,t y", "(Dropout): dropout in "
                                                                   "training is not known"),
      R("in v f32 3\ninit d i64 - 4\nnode OneHot x,d,v y", "(OneHot): its depth is not one number, or its values are "
                                                           "not two"),
      R("in v f32 2\ninit d f32 - nan\nnode OneHot x,d,v y",
        "(OneHot): its depth is not one number, or its values are not two"),
      R("init i i64 1,3 0,0,0\nnode GatherND x,i y", "(GatherND): its index does not fit "
                                                     "its operand"),
      R("init i i64 1,3 0,0,0\nnode ScatterND x,i,x y", "(ScatterND): its index does not fit its operand"),
      R("in b f32 1,5,4\nin s f32 1,2,5\ninit k i64 2 3,3\nnode NonMaxSuppression b,s,k y",
        "(NonMaxSuppression): its max_output_boxes_per_class is not one number"),
      R("in t i64 2\nnode NegativeLogLikelihoodLoss x,t y reduction='odd'",
        "(NegativeLogLikelihoodLoss): `reduction` \"odd\" is not known"),
      R("in n f32 N\ninit a i64 - 0\nnode CumSum n,a y", "(CumSum): it sums along "
                                                         "a dimension whose size "
                                                         "is open"),
      R("init a i64 2 0,1\nnode CumSum x,a y", "(CumSum): its axis is not one number"),
      R("init k i64 2 0,1\nnode TopK x,k y", "(TopK): its k is not one number"),
      R("in n f32 N\nnode Shape n k\ninit z i64 3 0,0,0\nnode Concat k,z p "
        "axis=0\nnode Pad x,p y",
        "(Pad): a border's size is not known when it is compiled"),
      R("in n f32 N\nnode Pad n y pads=[1,1] mode='wrap'", "(Pad): it wraps a dimension whose size is open"),
      R("init s i64 1 4\nnode CenterCropPad x,s y", "(CenterCropPad): its sizes do not fit its axes"),
      R("in n f32 N\ninit s i64 1 4\nnode CenterCropPad n,s y", "(CenterCropPad): a size is not known when it is "
                                                                "compiled"),
      R("node ReduceSum x y "
        "axes=[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]",
        "(ReduceSum): it reduces too many dimensions"),
      R("node ScatterElements x,x,x y reduction='odd'", "(ScatterElements): `reduction` \"odd\" is not "
                                                        "known"),
      R("in u f32 2\nnode TensorScatter x,u "
        "y",
        "(TensorScatter): its update does "
        "not fit its cache"),
      R("init s i64 2 5,5\ninit b i64 1 2\nnode "
        "Col2Im x,s,b y",
        "(Col2Im): its lists have not one number a "
        "dimension"),
      R("init s i64 2 5,5\ninit b "
        "i64 2 2,-2\nnode Col2Im "
        "x,s,b y",
        "(Col2Im): a number of its "
        "lists is not possible"),
      R("init s i64 2 5,5\ninit b i64 2 "
        "9,9\nnode Col2Im x,s,b y",
        "(Col2Im): its blocks do not fit its "
        "picture"),
      R("init s i64 9 "
        "1,1,1,1,1,1,1,1,1\ninit "
        "b i64 1 1\nnode Col2Im "
        "x,s,b y",
        "(Col2Im): its picture is "
        "of 9 dimensions"),
      R("init s i64 2 99999,99999\ninit b "
        "i64 2 1,1\nnode Col2Im x,s,b y",
        "(Col2Im): its picture is too "
        "large"),
      R("in n f32 N\nnode Split n y,z", "(Split): it splits a "
                                        "dimension whose size is open"),
      R("init s i64 2 1,1\nnode "
        "Split x,s y,z,w axis=0",
        "(Split): it has 2 parts "
        "for 3 results"),
      R("init s i64 2 100,100\nnode ConstantOfShape s k value=<f32/1/1>\nnode NonZero k y",
        "(NonZero): it makes too many positions"),
      R("in s f32 1,1,3\ngraph b\nin t f32 1,1,3\nin r f32 3\nnode Squeeze t u axes=[0]\nout u\nout u\nend\n"
        "node Scan s,x y,z num_scan_inputs=1 scan_output_axes=[2] body={b}",
        "(Scan): its rounds' results are not of one rank"),
#undef R
  };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) check(all[i].model, &(OnnxOptions){0}, all[i].message);
}

static void test_lists(void **state) {
  (void)state;
  static const Refused all[] = {
#define R(more, message) {X23 "init n i64 - 1\n" more, "the node of `l` " message}
      R("in o f32 N\nnode SplitToSequence o,n l", "(SplitToSequence): the parts' number is not known"),
      R("in o f32 9999\nnode SplitToSequence o,n l", "(SplitToSequence): it has more than 1024 parts"),
      R("init s i64 2 1,9\nnode SplitToSequence x,s l", "(SplitToSequence): its parts are larger than their dimension"),
#undef R
#define R(more, message) {X23 more, "the node of `y` " message}
      R("in o f32 3\nnode SequenceConstruct x,o l\nnode ConcatFromSequence l y axis=2 new_axis=1",
        "(ConcatFromSequence): the tensors of the list are not of one rank"),
#undef R
  };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) check(all[i].model, &(OnnxOptions){0}, all[i].message);
}

// The graph's own messages, with a note of the node.
static void test_inference(void **state) {
  (void)state;
  check(X23 "in z f32 4\nnode Add x,z y @sum", &(OnnxOptions){0},
        "error: add: dimension 1 does not broadcast: 3 beside 4\nnote: in node `sum` (Add)\n");
  check(X23 "node TopK x y k=0", &(OnnxOptions){0},
        "error: topk: `k` must be positive, not 0\nnote: in the node of `y` (TopK)\n");
  check("in x f32 1,3,4\nout y\nnode MaxPool x y kernel_shape=[2] pads=[9223372036854775807,0]", &(OnnxOptions){0},
        "error: pad: a border of 4611686018427387903\nnote: in the node of `y` (MaxPool)\n");
}

static void test_models(void **state) {
  (void)state;
  static const Refused all[] = {
      {"opset -1\n" X23 "node Relu x y", "it is of opset -1; opsets from 1 on are known"},
      {"opset 8\n" X23 "node Scan x,x y num_scan_inputs=1",
       "the node of `y` (Scan): it is of opset 8, whose scans are not known"},
      {"in x f32 2", "the graph has no output"},
      {"in x f32 2\nout y", "no node makes the output `y`"},
      {X23 "node Relu x a,y", "no node makes the output `y`"},
      {X23 "function f a b\nnode Neg a c\nend\nnode local.f x y", "no node makes the output `y`"},
      {"in x f32 2\nout x\nout x", "two outputs are named `x`"},
      {"in _ f32 2\nout x", "an input has no name"},
      {"in x\nout x", "input `x` is no tensor of known rank"},
      {"in x str 2\nout x", "input `x`: nncc has no elements of type string"},
      {"in x f32 1048576,1048576,1048576\nout x", "input `x` is too large"},
      {"in x f32 9223372036854775807\nout x", "input `x` is too large"},
      {"in x f32 0,N\nout x", "input `x` has no elements"},
      {X23 "node Foo x y", "1 op is not known\n   Foo version 17   1 node, the first `y`"},
      {X23 "node Foo x a @one\nnode Foo x b\nnode my.own.Bar a y",
       "2 ops are not known\n   Foo version 17   2 nodes, the first `one`\n   my.own.Bar version 0   1 node, the first "
       "`y`"},
      {X23 "init k str 1 2\nnode Relu x y", "initializer `k`: nncc has no elements of type string"},
      {X23 "init k i64 3 1,2\nnode Relu x y", "initializer `k`: it has fewer elements than its shape says"},
      {X23 "init k i64 1 1,2\nnode Relu x y", "initializer `k`: the number of its elements is not that of its shape"},
      {X23 "init k i64 -5 1,2\nnode Relu x y", "initializer `k`: its shape is not possible"},
      {X23 "init k i64 1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1 1\nnode Relu x y",
       "initializer `k`: it has more than 16 dimensions"},
      {X23 "external k f32 2\nnode Relu x y",
       "initializer `k`: its elements are in another file, whose name is missing"},
      {X23 "external k f32 2 location=w offset=a\nnode Relu x y", "initializer `k`: its `offset` is no number"},
      {X23 "external k f32 2 location=w length=-8\nnode Relu x y", "initializer `k`: its `length` is no number"},
      {X23 "external k f32 2 location=w length=4\nnode Relu x y",
       "initializer `k`: its elements in another file do not have the length of its shape"},
      {X23 "node SequenceConstruct x,x l\nnode Relu l y", "`l` is a list of tensors where a tensor is needed"},
      {X23 "node SequenceConstruct x,x l\nnode Shape l y", "the node of `y` (Shape): `l` is a list of tensors"},
      {X23 "node SequenceConstruct x,x l\ninit i i64 - 2\nnode SequenceAt l,i y",
       "the node of `y` (SequenceAt): its position is not within the list"},
      {X23 "node SequenceEmpty - l\nnode ConcatFromSequence l y",
       "the node of `y` (ConcatFromSequence): the list is empty"},
      {X23 "init c bool - 1\nnode If c y", "the node of `y` (If): a branch is missing"},
      {X23 "init n i64 - 2\ngraph b\nin i i64 -\nin c bool -\ninit e f32 0\nout c\nout e\nend\n"
           "node Loop n,_ y body={b}",
       "`e` has no elements"},
      {X23 "init n i64 - 9999\ngraph b\nin i i64 -\nin c bool -\nin s f32 2,3\nnode Relu s t\nout c\nout t\nend\n"
           "node Loop n,_,x y body={b}",
       "the node of `y` (Loop): it goes round more than 4096 times"},
      {X23 "graph b\nin i i64 -\nin c bool -\nin s f32 2,3\nnode IsNaN s d\nnode Relu s t\nout d\nout t\nend\n"
           "init n i64 - 2\nnode Loop n,_,x y body={b}",
       "the node of `y` (Loop): when it ends is not known when it is compiled"},
      {X23 "function f a b\nnode local.f a b\nend\nnode local.f x y",
       "the node of `b` (f): functions and branches are nested more than 64 deep"},
  };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) check(all[i].model, &(OnnxOptions){0}, all[i].message);
}

static void test_shape_option(void **state) {
  (void)state;
  static const struct {
    const char *option, *message;
  } all[] = {
      {"z=1,2", "--shape: error: 'z=1,2': the model has no such input\n"},
      {"x=1", "--shape: error: 'x=1': the input has another number of dimensions\n"},
      {"x=1,a", "--shape: error: 'x=1,a': a shape is a list of positive sizes, such as image=8,3,224,224\n"},
  };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    check("in x f32 N,3\nout y\nnode Relu x y", &(OnnxOptions){.shapes = &all[i].option, .n_shapes = 1},
          all[i].message);
}

static void test_many_symbols(void **state) {
  (void)state;
  check("in x f32 a,b,c,d,e,f,g,h,i,j,k,l\nin z f32 m,n,o,p,q\nout y\nnode Relu x y", &(OnnxOptions){0},
        "a model has at most 16 symbolic dimensions; --shape fixes some");
}

static void test_long_list(void **state) {
  (void)state;
  StrBuf b = {0};
  strbuf_puts(&b, "out y\nnode Constant - y value_ints=[1");
  for (int i = 0; i < 1 << 14; i++) strbuf_puts(&b, ",1");
  strbuf_puts(&b, "]");
  check(b.s, &(OnnxOptions){0}, "the node of `y` (Constant): its list has more than 16384 numbers");
  strbuf_free(&b);
}

// Functions that call twice the one before, loops of loops.
static void test_many_nodes(void **state) {
  (void)state;
  StrBuf b = {0};
  strbuf_puts(&b, X23 "function f0 a b\nnode Relu a b\nend\n");
  for (int i = 1; i <= 20; i++)
    strbuf_printf(&b, "function f%d a b\nnode local.f%d a c\nnode local.f%d a b\nend\n", i, i - 1, i - 1);
  strbuf_puts(&b, "node local.f20 x y");
  check(b.s, &(OnnxOptions){0}, "the node of `b` (f4): with functions and loops there are more than 1048576 nodes");
  strbuf_free(&b);
#define NESTED(within)                                                                                                 \
  X23 "init n i64 - 4000\ninit s i64 1 16384\ngraph in\nin i i64 -\nin c bool -\n" within "out c\nend\n"               \
      "graph mid\nin i i64 -\nin c bool -\nnode Loop n,_ q body={in}\nout c\nend\nnode Loop n,_ y body={mid}"
  check(NESTED(""), &(OnnxOptions){0},
        "the node of `q` (Loop): with functions and loops there are more than 1048576 nodes");
  check(NESTED("node ConstantOfShape s k\n"), &(OnnxOptions){0},
        "the node of `q` (Loop): with functions and loops there are more than 1048576 nodes");
#undef NESTED
}

static void test_damaged(void **state) {
  (void)state;
  StrBuf b = {0};
  strbuf_puts(&b, "\x3a\x7f not ONNX");
  check_bytes(&b, &(OnnxOptions){0}, "it is no ONNX file, or damaged: a field is longer than what holds it");
  strbuf_clear(&b);
  encode_int(&b, 1, 8);
  check_bytes(&b, &(OnnxOptions){0}, "it holds no graph");
  strbuf_free(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_nodes),        cmocka_unit_test(test_inference),    cmocka_unit_test(test_models),
      cmocka_unit_test(test_shape_option), cmocka_unit_test(test_many_symbols), cmocka_unit_test(test_damaged),
      cmocka_unit_test(test_operands),     cmocka_unit_test(test_lists),        cmocka_unit_test(test_long_list),
      cmocka_unit_test(test_many_nodes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
