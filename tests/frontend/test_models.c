// Whole networks: every file parses; weight names and shapes equal those of the originals (torchvision, timm, the
// trained EfficientNet-Lite0), one "name 64x3x7x7" a line in names/.
#include "frontend/frontend.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HERE SOURCE_DIR "/tests/frontend/"
#define EXAMPLES SOURCE_DIR "/examples/"

static const char *const sources[] = {
    HERE "models/blocks.nn",
    HERE "models/googlenet.nn",
    HERE "models/lenet.nn",
    HERE "models/regnet_y_400mf.nn",
    HERE "models/siamese.nn",
    HERE "models/swin_t.nn",
    HERE "models/ssdlite320.nn",
    HERE "models/unet.nn",
    EXAMPLES "models/alexnet.nn",
    EXAMPLES "models/efficientnet_b0.nn",
    EXAMPLES "models/googlenet.nn",
    EXAMPLES "models/lenet.nn",
    EXAMPLES "models/mnasnet1_0.nn",
    EXAMPLES "models/mobilenet_v2.nn",
    EXAMPLES "models/resnet18.nn",
    EXAMPLES "models/resnet50.nn",
    EXAMPLES "models/regnet_y_400mf.nn",
    EXAMPLES "models/resnext50_32x4d.nn",
    EXAMPLES "models/squeezenet1_1.nn",
    EXAMPLES "models/ssdlite320.nn",
    EXAMPLES "models/swin_t.nn",
    EXAMPLES "models/unet.nn",
    EXAMPLES "models/vgg16.nn",
    EXAMPLES "models/vit_b_16.nn",
    EXAMPLES "models/vit_tiny_patch16.nn",
    EXAMPLES "digits/cnn.nn",
    EXAMPLES "digits/vit.nn",
    EXAMPLES "efficientnet_lite0/efficientnet_lite0.nn",
};

static void test_parse(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
    Diag *d = diag_create();
    if (!frontend_parse_only(d, sources[i])) fail_msg("%s does not parse", sources[i]);
    diag_destroy(d);
  }
}

typedef struct Network {
  const char *source, *model, *names;
} Network;

static Network networks[] = {
    {HERE "models/lenet.nn", NULL, "lenet"},
    {HERE "models/siamese.nn", "embed", "siamese"},
    {HERE "models/googlenet.nn", NULL, "googlenet"},
    {HERE "models/regnet_y_400mf.nn", NULL, "regnet_y_400mf"},
    {HERE "models/swin_t.nn", NULL, "swin_t"},
    {HERE "models/unet.nn", NULL, "unet"},
    {HERE "models/ssdlite320.nn", NULL, "ssdlite320_mobilenet_v3_large"},
    {EXAMPLES "models/alexnet.nn", NULL, "alexnet"},
    {EXAMPLES "models/efficientnet_b0.nn", NULL, "efficientnet_b0"},
    {EXAMPLES "models/googlenet.nn", NULL, "googlenet"},
    {EXAMPLES "models/mnasnet1_0.nn", NULL, "mnasnet1_0"},
    {EXAMPLES "models/mobilenet_v2.nn", NULL, "mobilenet_v2"},
    {EXAMPLES "models/resnet18.nn", NULL, "resnet18"},
    {EXAMPLES "models/resnet50.nn", NULL, "resnet50"},
    {EXAMPLES "models/regnet_y_400mf.nn", NULL, "regnet_y_400mf"},
    {EXAMPLES "models/resnext50_32x4d.nn", NULL, "resnext50_32x4d"},
    {EXAMPLES "models/ssdlite320.nn", NULL, "ssdlite320_mobilenet_v3_large"},
    {EXAMPLES "models/swin_t.nn", NULL, "swin_t"},
    {EXAMPLES "models/unet.nn", NULL, "unet"},
    {EXAMPLES "models/squeezenet1_1.nn", NULL, "squeezenet1_1"},
    {EXAMPLES "models/vgg16.nn", NULL, "vgg16"},
    {EXAMPLES "models/vit_b_16.nn", NULL, "vit_b_16"},
    {EXAMPLES "models/vit_tiny_patch16.nn", NULL, "vit_tiny_patch16_224"},
    {EXAMPLES "efficientnet_lite0/efficientnet_lite0.nn", NULL, "efficientnet_lite0"},
};

// Not read: counters, GoogLeNet's auxiliary heads, and positions, which follow from the window.
static bool is_ignored(const char *name) {
  return strstr(name, "num_batches_tracked") || strstr(name, "relative_position_index") || !strncmp(name, "aux", 3);
}

static void shape_text(const Type *t, char *out, size_t size) {
  *out = 0;
  for (int i = 0; i < t->rank; i++)
    snprintf(out + strlen(out), size - strlen(out), "%s%lld", i ? "x" : "", (long long)t->dims[i]);
}

static size_t check_names(const Module *m, const char *names) {
  char path[256], name[200], expected[64], found[64];
  snprintf(path, sizeof path, HERE "names/%s.txt", names);
  FILE *f = fopen(path, "r");
  assert_non_null(f);
  size_t n = 0;
  for (char line[300]; fgets(line, sizeof line, f);) {
    if (is_ignored(line)) continue;
    assert_int_equal(sscanf(line, "%199s %63s", name, expected), 2);
    const Weight *w = graph_find_weight(m, name);
    if (!w) fail_msg("%s is missing", name);
    shape_text(w->type, found, sizeof found);
    if (strcmp(found, expected)) fail_msg("%s is %s, not %s", name, found, expected);
    n++;
  }
  fclose(f);
  return n;
}

static void test_names(void **state) {
  const Network *net = *state;
  Diag *d = diag_create();
  const char *weights;
  Module *m = frontend_compile(d, net->source, &(FrontendOptions){.model = net->model}, &weights);
  assert_non_null(m);
  size_t declared = 0, named = check_names(m, net->names);
  for (size_t i = 0; i < m->weights.len; i++) declared += m->weights.data[i]->source == WEIGHT_MISSING;
  assert_true(named > 0);
  assert_int_equal(declared, named);
  module_destroy(m);
  diag_destroy(d);
}

int main(void) {
  enum { N = sizeof networks / sizeof *networks };
  struct CMUnitTest tests[N + 1] = {cmocka_unit_test(test_parse)};
  for (int i = 0; i < N; i++)
    tests[i + 1] =
        (struct CMUnitTest){.name = networks[i].names, .test_func = test_names, .initial_state = &networks[i]};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
