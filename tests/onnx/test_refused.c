// What is said of convolutions, pools, norms, products, attention and resampling that cannot be imported.
#include "frontend/onnx/onnx.h"
#include "tests/onnx/writer.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

// Inputs of the models: a matrix, pictures of known and of open size, queries, and some lists.
#define INPUTS                                                                                                         \
  "opset 24\nin x f32 2,3\nin p f32 1,4,6,6\nin o f32 1,4,N,6\nin w f32 4,4,3,3\nin v f32 4\nin q f32 2,5,8\n"         \
  "in h f32 2,4,5,N\nin u u8 2,3\nin i i64 2\nin s f32 -\nin g f32 1,5,5,2\nin r f32 3,4\nin ow f32 8,M\nin qq f32 "   \
  "2,8\nin m f32 8,24\nout y\n"

#define RECURRENT "in X f32 3,4,5\nin W f32 1,8,5\nin R f32 1,8,2\nin B f32 1,16\nin D f32 2,8,5\nin E f32 2,8,2\n"

static void check(const char *node, const char *message) {
  char path[64], model[2048], expected[1024];
  snprintf(path, sizeof path, "test_refused_%d.onnx", (int)getpid());
  snprintf(model, sizeof model, INPUTS "%s", node);
  StrBuf b = {0}, said = {0};
  writer_model(&b, model);
  writer_file(path, &b);
  Diag *d = diag_create();
  Module *m = onnx_import(d, path, &(OnnxOptions){0});
  diag_print(d, &said, false);
  unlink(path);
  if (m) fail_msg("%s: it was imported; expected: %s", node, message);
  snprintf(expected, sizeof expected, "%s: error: the node of `y` %s\n", path, message);
  assert_string_equal(strbuf_str(&said), expected);
  strbuf_free(&said);
  strbuf_free(&b);
  diag_destroy(d);
}

static const char *const refused[][2] = {
    {"node Attention q,q,q y q_num_heads=3 kv_num_heads=3",
     "(Attention): its last dimension does not divide into 3 heads"},
    {"node Attention q,p,p y q_num_heads=2 kv_num_heads=2",
     "(Attention): queries, keys and values are not of one rank"},
    {"node Attention h,h,h y", "(Attention): the depth of its heads is open"},
    {"node Attention q,q,q y q_num_heads=4 kv_num_heads=3",
     "(Attention): its last dimension does not divide into 3 heads"},
    {"node Attention q,q,q y q_num_heads=2 kv_num_heads=4", "(Attention): the numbers of heads do not fit each other"},
    {"node Attention q,_,q y", "(Attention): it needs queries, keys and values"},
    {"node Attention q,q,q,_,_,_,x y q_num_heads=2 kv_num_heads=2", "(Attention): its numbers of keys are no list"},
    {"node Attention x,x,x y", "(Attention): its operands are not of 3 or 4 dimensions"},
    {"node Conv p,_ y", "(Conv): it has no weight"},
    {"node Conv p,x y", "(Conv): its operand is not of 3 to 5 dimensions"},
    {"node Conv p,w y strides=[0,1]", "(Conv): `strides` is not positive"},
    {"node ConvTranspose p,w y pads=[1]",
     "(ConvTranspose): `output_padding`, `output_shape` or `pads` does not fit 2 dimensions"},
    {"node ConvTranspose p,w y pads=[-1,0,0,0]", "(ConvTranspose): `pads` is negative"},
    {"node ConvTranspose p,q y", "(ConvTranspose): its operands do not fit each other"},
    {"node Conv o,h y", "(Conv): the size of its kernel is not known"},
    {"node Einsum - y equation='->'", "(Einsum): it has no operand"},
    {"node Einsum x,x y equation='i#,ij'", "(Einsum): `equation` cannot be read"},
    {"node Einsum x y equation='i'", "(Einsum): `equation` does not name each dimension of operand 0"},
    {"node Einsum x y equation='ij->k'", "(Einsum): `equation` has a result of a label that no operand has"},
    {"node Einsum x,x y equation='ij'", "(Einsum): `equation` is not of 2 operands"},
    {"node Einsum x y equation='ii'", "(Einsum): label `i` stands for dimensions that differ"},
    {"init a i64 3 1,1,1\nnode RoiAlign p,r,a y sampling_ratio=2 output_height=-1", "(RoiAlign): a size of -1"},
    {"init a i64 3 1,1,1\nnode RoiAlign p,r,a y mode='odd'", "(RoiAlign): its mode `odd` is not known"},
    {"node GridSample o,g y", "(GridSample): dimension 2 of its operand is open"},
    {"node GridSample p,g y mode='odd'", "(GridSample): its mode `odd` is not known"},
    {"node GridSample p,g y padding_mode='odd'", "(GridSample): its padding `odd` is not known"},
    {"node GridSample p,x y", "(GridSample): its picture and grid do not fit each other"},
    {"node RoiAlign p,r,x y", "(RoiAlign): its picture, regions and their numbers do not fit each other"},
    {"node MatMul x,s y", "(MatMul): a product of matrices needs dimensions"},
    {"node Gemm x,v y", "(Gemm): its operands are no matrices"},
    {"node com.microsoft.FusedConv p y", "(FusedConv): it has no weight"},
    {"node com.microsoft.SkipLayerNormalization s,s,s y", "(SkipLayerNormalization): it needs a value and a scale"},
    {"node com.microsoft.FusedConv p,w y activation='Odd'", "(FusedConv): its activation `Odd` is not known"},
    {"node com.microsoft.Attention q,w,v y num_heads=2", "(Attention): its operands do not fit each other"},
    {"node com.microsoft.MultiHeadAttention q,q,q,_,p y num_heads=2",
     "(MultiHeadAttention): its mask is of a form that is not known"},
    {"node com.microsoft.MultiHeadAttention q,q,q y,a,b,c num_heads=2",
     "(MultiHeadAttention): its scores as a result are not known"},
    {"init l f32 3,6 1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1\nnode com.microsoft.Attention x,l y num_heads=2",
     "(Attention): its operand is not of 3 dimensions"},
    {"node com.microsoft.SkipLayerNormalization q,q,v y,a",
     "(SkipLayerNormalization): its statistics as results are not known"},
    {"node com.microsoft.Attention q,qq,_,_,p y num_heads=2",
     "(Attention): keys and values of past runs are not known"},
    {"node com.microsoft.MultiHeadAttention q y num_heads=2",
     "(MultiHeadAttention): queries, keys and values in one operand are not known"},
    {"node com.microsoft.Attention q,ow y num_heads=2", "(Attention): the width of its projections is open"},
    {"node MeanVarianceNormalization p y axes=[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]",
     "(MeanVarianceNormalization): `axes` has 17 numbers"},
    {"node LpNormalization x y p=3", "(LpNormalization): its `p` is neither 1 nor 2"},
    {"node BatchNormalization s,v,v,v,v y", "(BatchNormalization): its operand has no channels"},
    {"node GroupNormalization x,v,v y num_groups=2", "(GroupNormalization): its operand has no channels"},
    {"node BatchNormalization p,v,v,v,v y spatial=0", "(BatchNormalization): statistics of each element are not known"},
    {"node MaxPool p y", "(MaxPool): `kernel_shape` is missing"},
    {"node MaxPool p y,a kernel_shape=[3,3] pads=[2,2,2,2]",
     "(MaxPool): indices of maxima are known of pictures with small borders only"},
    {"node LpPool p y kernel_shape=[2,2] p=-1", "(LpPool): its `p` is not positive"},
    {"node GlobalAveragePool x y", "(GlobalAveragePool): its operand has no picture"},
    {"node GlobalLpPool x y", "(GlobalLpPool): its operand has no picture, or its `p` is not positive"},
    {"init z i64 2 1,1\nin t i64 1,4,6,6\nnode MaxUnpool p,t,z y kernel_shape=[2,2]",
     "(MaxUnpool): its size has 2 numbers for 4 dimensions"},
    {"node LpPool o y kernel_shape=[2,2] ceil_mode=1", "(LpPool): the size of its operand is open"},
    {"node LpPool o y kernel_shape=[3,3] auto_pad='SAME_UPPER' strides=[2,2]",
     "(LpPool): the size of its padding is open"},
    {"init z i64 4 1,4,9,9\nin t i64 1,4,N,6\nnode MaxUnpool o,t,z y kernel_shape=[2,2]",
     "(MaxUnpool): the size of its result is open"},
    {"node DynamicQuantizeLinear u y", "(DynamicQuantizeLinear): it quantizes f32 only"},
    {"node QuantizeLinear x,s y output_dtype=1", "(QuantizeLinear): it quantizes to f32"},
    {"node DequantizeLinear x,s y", "(DequantizeLinear): it makes f32 of f32"},
    {"node MatMulInteger x,x y", "(MatMulInteger): an operand is f32"},
    {"node ConvInteger p,w y", "(ConvInteger): an operand is f32"},
    {"node MaxPool x y kernel_shape=[2,2]", "(MaxPool): its operand is not of 3 to 5 dimensions"},
    {"init k f32 4 1,1,2,2\nnode Resize p,_,k y axes=[0,1,2,3,0]", "(Resize): `axes` has 5 numbers for 4 dimensions"},
    {"init k f32 4 1,1,0.01,2\nnode Resize p,_,k y", "(Resize): a dimension of 6 times 0.01"},
    {"init k f32 4 1,1,0.3,2\nnode Resize o,_,k y",
     "(Resize): a dimension that is open is scaled by 0.3, which is no multiple of 1/1024"},
    {"init k f32 4 1,1,-1,2\nnode Resize p,_,k y", "(Resize): a scale of -1"},
    {"init k i64 4 1,4,-1,2\nnode Resize p,_,_,k y", "(Resize): a size of -1"},
    {"init k f32 2 1,1\nnode Resize p,_,k y", "(Resize): it has 2 numbers where it needs 4"},
    {"init k i64 2 1,1\nnode Resize p,_,_,k y", "(Resize): it has 2 sizes where it needs 4"},
    {"init k i64 4 1,4,9,9\nnode Resize o,_,_,k y keep_aspect_ratio_policy='not_larger'",
     "(Resize): it keeps the ratio of sizes that are open"},
    {"node Resize p y", "(Resize): it needs either scales or sizes"},
    {"init k i64 4 1,4,9,9\nnode Resize o,_,_,k y coordinate_transformation_mode='half_pixel_symmetric' mode='linear'",
     "(Resize): it resizes dimension 2, whose size is open, in a way of its own"},
    {"node Resize p y coordinate_transformation_mode='odd'", "(Resize): its coordinates `odd` are not known"},
    {"node Resize p y mode='odd'", "(Resize): its mode `odd` is not known"},
    {"init k f32 4 1,1,2,2\nnode Resize p,_,k y coordinate_transformation_mode='tf_crop_and_resize'",
     "(Resize): the region that it crops is missing"},
    {"init k i64 4 1,1,2,2\nnode Resize p,_,k y", "(Resize): `k` is not of real numbers"},
    {RECURRENT "node LSTM x,W,R y", "(LSTM): its operand X is not of 3 dimensions"},
    {RECURRENT "node LSTM X,W,x y", "(LSTM): R is no matrix for each direction"},
    {RECURRENT "node LSTM X,W y", "(LSTM): R is no matrix for each direction"},
    {RECURRENT "node LSTM X,W,h y", "(LSTM): R is no matrix for each direction"},
    {RECURRENT "node LSTM X,W,R y direction='odd'", "(LSTM): its direction `odd` is not known"},
    {RECURRENT "node LSTM X,W,R y hidden_size=3", "(LSTM): its hidden_size is not that of R, 2"},
    {RECURRENT "node LSTM X,W,R y direction='bidirectional'",
     "(LSTM): W is f32[1, 8, 5]; it has to be of 2 directions and 8 rows, for f32[3, 4, 5]"},
    {RECURRENT "node LSTM X,_,R y", "(LSTM): W is absent; it has to be of 1 directions and 8 rows, for f32[3, 4, 5]"},
    {RECURRENT "node GRU X,W,R y",
     "(GRU): W is f32[1, 8, 5]; it has to be of 1 directions and 6 rows, for f32[3, 4, 5]"},
    {RECURRENT "node LSTM X,W,E y", "(LSTM): R does not belong to W and a state of 2"},
    {RECURRENT "node LSTM X,W,R,x y", "(LSTM): B is no list of 16 numbers for each direction"},
    {RECURRENT "node LSTM X,W,R y clip=-1.0", "(LSTM): its `clip` is below 0"},
    {RECURRENT "node LSTM X,W,R y activations=['Tanh']", "(LSTM): it has 1 activations, not 3"},
    {RECURRENT "node LSTM X,W,R y activations=['Tanh','Swish','Tanh']", "(LSTM): its activation `Swish` is not known"},
    {RECURRENT "node LSTM X,D,E y direction='bidirectional' activations=['Tanh','Tanh','Tanh','Tanh','Relu','Tanh']",
     "(LSTM): activations of its directions that differ are not known"},
    {"node com.microsoft.Attention q,m y num_heads=2 qkv_hidden_sizes=[8,8,10]",
     "(Attention): its sizes do not fit its weights"},
};

static void test_refused(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) check(refused[i][0], refused[i][1]);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
