// Heads of detectors with their non-maximum suppression, and a U-Net, as exporters write them: imported, compiled and
// run, with results worked out by hand.
#include "frontend/onnx/onnx.h"
#include "tests/lower/native.h"
#include "tests/onnx/writer.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

enum { MOST = 3 };

typedef struct Run {
  Diag *diag;
  Module *m;
  RefTensor in[MOST], out[MOST];
} Run;

static void fail_with(const Diag *d) {
  StrBuf b = {0};
  diag_print(d, &b, false);
  fail_msg("%s", strbuf_str(&b));
}

// `batch`: the value of the open dimension; the inputs' elements one after another.
static Run run(const char *text, int64_t batch, int level, const double *elements) {
  char path[] = "/tmp/detect-XXXXXX.onnx";
  close(mkstemps(path, 5));
  StrBuf b = {0};
  writer_model(&b, text);
  writer_file(path, &b);
  strbuf_free(&b);
  Run r = {.diag = diag_create()};
  r.m = onnx_import(r.diag, path, &(OnnxOptions){0});
  unlink(path);
  if (!r.m) fail_with(r.diag);
  assert_true(r.m->inputs.len <= MOST && r.m->outputs.len <= MOST);
  for (size_t i = 0; i < r.m->inputs.len; i++) {
    assert_true(ref_tensor_create(&r.in[i], r.m, r.m->inputs.data[i]->type, &batch));
    for (int64_t k = 0; k < r.in[i].count; k++) r.in[i].f[k] = *elements++;
  }
  if (!native_evaluate(r.m, &(NativeOptions){.level = level}, &batch, 2, r.in, r.out, r.diag)) fail_with(r.diag);
  return r;
}

static void drop(Run *r) {
  for (int i = 0; i < MOST; i++) ref_tensor_free(&r->in[i]), ref_tensor_free(&r->out[i]);
  module_destroy(r->m);
  diag_destroy(r->diag);
}

static void expect(const RefTensor *t, int rank, const int64_t *dims, const double *elements) {
  assert_int_equal(t->rank, rank);
  for (int i = 0; i < rank; i++) assert_int_equal(t->dims[i], dims[i]);
  for (int64_t k = 0; k < t->count; k++)
    if (fabs(ref_at(t, k) - elements[k]) > 1e-6)
      fail_msg("element %lld is %g, not %g", (long long)k, ref_at(t, k), elements[k]);
}
#define DIMS(...)                                                                                                      \
  (int64_t[]) { __VA_ARGS__ }
#define ELEMENTS(...)                                                                                                  \
  (double[]) { __VA_ARGS__ }

#define COLUMNS                                                                                                        \
  "init i0 i64 1 0\ninit i1 i64 1 1\ninit i2 i64 1 2\ninit i3 i64 1 3\ninit i4 i64 1 4\ninit i6 i64 1 6\n"             \
  "init most i64 1 10\ninit iou f32 1 0.5\ninit half f32 - 0.5\n"

// Softmax, boxes as offsets to anchors, and Gathers of what is picked. Anchor 1 is nearly anchor 0.
static const char ssd[] = "opset 13\nin logits f32 N,3,3\nin deltas f32 N,3,4\nout boxes\nout best\nout label\n" COLUMNS
                          "init centres f32 3,2 2,2,2,2.25,8,8\ninit sides f32 3,2 4,4,4,4,2,2\ninit least f32 1 0.25\n"
                          "node Softmax logits prob axis=-1\n"
                          "node Transpose prob all perm=[0,2,1]\n"
                          "node Slice all,i1,i3,i1 scores\n"
                          "node Slice deltas,i0,i2,i2 shift\n"
                          "node Slice deltas,i2,i4,i2 grow\n"
                          "node Mul shift,sides moved\nnode Add moved,centres centre\n"
                          "node Exp grow factor\nnode Mul factor,sides size\nnode Mul size,half radius\n"
                          "node Sub centre,radius low\nnode Add centre,radius high\n"
                          "node Concat low,high corners axis=2\n"
                          "node NonMaxSuppression corners,scores,most,iou,least picked\n"
                          "node Slice picked,i0,i1,i1 picture\nnode Slice picked,i2,i3,i1 number\n"
                          "node Slice picked,i1,i2,i1 class\n"
                          "node Concat picture,number where axis=1\n"
                          "node GatherND corners,where boxes\nnode GatherND scores,picked best\n"
                          "node Squeeze class,i1 label\n";

static void test_ssd(void **state) {
  (void)state;
  double a = log(2), b = log(6); // scores 1/8, 1/4 - not more than the least -, 5/8 and so on
  double in[] = {0, 0, b, 0, 0, a, 0, b, 0, /**/ 0, 0, 0, 0, 0, 0, 0, 0, 0,   0, 0, 0,
                 0, 0, 0, 0, 0, 0, 0, 0, 0, /**/ 0, 0, 0, 0, 0, 0, 0, 0, 0.5, 0, 0, 0};
  for (int level = 0; level < 3; level += 2) {
    Run r = run(ssd, 2, level, in);
    // Of picture 0: anchor 2 as class 0, anchor 0 as class 1, which covers anchor 1. Of picture 1 all scores are 1/3:
    // anchors 0 and 2, which moved by half its side, of each class.
    expect(&r.out[0], 2, DIMS(6, 4),
           ELEMENTS(7, 7, 9, 9, 0, 0, 4, 4, 0, 0, 4, 4, 8, 7, 10, 9, 0, 0, 4, 4, 8, 7, 10, 9));
    expect(&r.out[1], 1, DIMS(6), ELEMENTS(0.75, 0.75, 1 / 3., 1 / 3., 1 / 3., 1 / 3.));
    expect(&r.out[2], 1, DIMS(6), ELEMENTS(0, 1, 0, 0, 1, 1));
    drop(&r);
  }
}

// Centres, sides and scores in columns; rows of [picture, box, class, score], of which there may be none.
static const char yolo[] = "opset 17\nin y f32 N,6,3\nout rows\n" COLUMNS "init least f32 1 0.6\n"
                           "node Slice y,i0,i4,i1 sides\nnode Transpose sides boxes perm=[0,2,1]\n"
                           "node Slice y,i4,i6,i1 logits\nnode Sigmoid logits scores\n"
                           "node NonMaxSuppression boxes,scores,most,iou,least picked center_point_box=1\n"
                           "node Gather picked,i0 picture axis=1\nnode Gather picked,i1 class axis=1\n"
                           "node Gather picked,i2 number axis=1\n"
                           "node Concat picture,number where axis=1\nnode GatherND boxes,where box\n"
                           "node GatherND scores,picked score\nnode Unsqueeze score,i1 last\n"
                           "node Cast picture first to=1\nnode Cast class kind to=1\n"
                           "node Concat first,box,kind,last rows axis=1\n";

static void test_yolo(void **state) {
  (void)state;
  double s = log(3), t = log(9), in[] = {1, 1, 5, 1, 1.5, 5, 2, 2, 2, 2, 2, 2, s, t, -t, -s, -s, s};
  for (int level = 0; level < 3; level += 2) {
    Run r = run(yolo, 1, level, in);
    expect(&r.out[0], 2, DIMS(2, 7), ELEMENTS(0, 1, 1.5, 2, 2, 0, 0.9, 0, 5, 5, 2, 2, 1, 0.75));
    drop(&r);
    double none[18] = {0};
    r = run(yolo, 1, level, none);
    expect(&r.out[0], 2, DIMS(0, 7), NULL);
    drop(&r);
  }
}

// Half the size and back, beside the picture itself: 1 where a pixel is below 3/4 of the largest of its four.
static const char unet[] = "opset 13\nin x f32 N,1,4,4\nout mask\ninit one f32 1,1,1,1 1\ninit up f32 1,1,2,2 1,1,1,1\n"
                           "init last f32 2,2,1,1 0,1,0.75,0\n"
                           "node Conv x,one c\nnode Relu c skip\n"
                           "node MaxPool skip small kernel_shape=[2,2] strides=[2,2]\n"
                           "node ConvTranspose small,up large kernel_shape=[2,2] strides=[2,2]\n"
                           "node Concat large,skip both axis=1\nnode Conv both,last logits\n"
                           "node ArgMax logits mask axis=1 keepdims=0\n";

static void test_unet(void **state) {
  (void)state;
  double in[32];
  for (int i = 0; i < 32; i++) in[i] = i < 16 ? 1 + i : 32 - i;
  for (int level = 0; level < 3; level += 2) {
    Run r = run(unet, 2, level, in);
    expect(&r.out[0], 3, DIMS(2, 4, 4),
           ELEMENTS(1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, /**/
                    0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1));
    drop(&r);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_ssd), cmocka_unit_test(test_yolo),
                                     cmocka_unit_test(test_unet)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
