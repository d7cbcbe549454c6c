// {"nncc_calibration": 1, "model": "cnn", "samples": 200,
//  "values": [
//   {"name": "image", "minmax": [-0.42, 2.82], "percentile": [...], "mse": [...], "entropy": [...], "means": [...]},
//   ...
#include "driver/calibration_file.h"
#include "driver/build.h"
#include "ir/core/outfile.h"
#include <math.h>
#include <string.h>

enum { VERSION = 1, MOST_CHANNELS = 1 << 24 };

// ---- reading

static bool number(const json_t *j, double *out) {
  *out = json_number_value(j);
  return json_is_number(j) && isfinite(*out);
}

static bool read_value(const json_t *j, Calibration *c) {
  CalibrationValue v = {.name = json_string_value(json_object_get(j, "name"))};
  bool ok = v.name;
  for (int o = 0; ok && o < OBSERVERS; o++) {
    const json_t *range = json_object_get(j, observe_names[o]);
    ObservedRange *r = &v.ranges[o];
    ok = json_array_size(range) == 2 && number(json_array_get(range, 0), &r->low) &&
         number(json_array_get(range, 1), &r->high) && r->low <= 0 && r->high >= 0;
  }
  const json_t *list = json_object_get(j, "means");
  size_t n = json_array_size(list);
  double *means = xcalloc(n + 1, sizeof *means);
  ok = ok && n >= 1 && n <= MOST_CHANNELS;
  for (size_t i = 0; ok && i < n; i++) ok = number(json_array_get(list, i), &means[i]);
  v.channels = (int64_t)n, v.means = means;
  if (ok) calibration_add(c, &v);
  free(means);
  return ok;
}

Calibration *calibration_of_json(const json_t *top, const char *path, Diag *d) {
  const json_t *values = json_object_get(top, "values"), *j;
  if (json_integer_value(json_object_get(top, "nncc_calibration")) != VERSION || !json_is_array(values)) {
    diag_error_file(d, path, "is no calibration that --save-calibration of this nncc wrote");
    return NULL;
  }
  Calibration *c = calibration_create();
  c->samples = json_integer_value(json_object_get(top, "samples"));
  size_t i;
  json_array_foreach((json_t *)values, i, j) {
    if (read_value(j, c)) continue;
    diag_error_file(d, path, "value %zu needs a `name`, ranges [low, high] around 0 for each observer, and `means`", i);
    calibration_destroy(c);
    return NULL;
  }
  return c;
}

json_t *calibration_load(const char *path, Diag *d) {
  size_t size;
  char *text = build_read_text(path, &size, d);
  if (!text) return NULL;
  json_error_t why;
  json_t *top = json_loadb(text, size, JSON_REJECT_DUPLICATES, &why);
  if (!top) diag_error_file(d, path, "line %d: %s", why.line, why.text);
  free(text);
  return top;
}

Calibration *calibration_read(const char *path, Diag *d) {
  json_t *top = calibration_load(path, d);
  Calibration *c = top ? calibration_of_json(top, path, d) : NULL;
  json_decref(top);
  return c;
}

// ---- writing: a value a line

void calibration_print_text(const char *s, StrBuf *out) {
  json_t *j = json_string(s);
  char *text = j ? json_dumps(j, JSON_ENCODE_ANY) : NULL;
  strbuf_puts(out, text ? text : "\"?\""); // a name that is no UTF-8 will not be found again
  free(text);
  json_decref(j);
}

// So that they are read as the same numbers.
static void write_numbers(const double *v, int64_t n, StrBuf *out) {
  for (int64_t i = 0; i < n; i++) {
    strbuf_puts(out, i ? ", " : "[");
    strbuf_double(out, v[i]);
  }
  strbuf_putc(out, ']');
}

void calibration_print(const Calibration *c, const char *model, StrBuf *out) {
  strbuf_printf(out, "{\"nncc_calibration\": %d, \"model\": ", VERSION);
  calibration_print_text(model, out);
  strbuf_printf(out, ", \"samples\": %lld,\n \"values\": [", (long long)c->samples);
  for (size_t i = 0; i < c->values.len; i++) {
    const CalibrationValue *v = &c->values.data[i];
    strbuf_puts(out, i ? ",\n  {\"name\": " : "\n  {\"name\": ");
    calibration_print_text(v->name, out);
    for (int o = 0; o < OBSERVERS; o++) {
      strbuf_printf(out, ", \"%s\": ", observe_names[o]);
      write_numbers((const double[]){v->ranges[o].low, v->ranges[o].high}, 2, out);
    }
    strbuf_puts(out, ", \"means\": ");
    write_numbers(v->means, v->channels, out);
    strbuf_putc(out, '}');
  }
  strbuf_puts(out, "\n]}\n");
}

bool calibration_write(const Calibration *c, const char *model, const char *path, Diag *d) {
  StrBuf out = {0};
  calibration_print(c, model, &out);
  bool ok = outfile_write(path, strbuf_str(&out), out.len, d);
  strbuf_free(&out);
  return ok;
}
