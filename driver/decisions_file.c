// {"nncc_decisions": 1, "model": "cnn", "observer": "mse", "held_out": 4, "layers": [
//   {"layer": "layer1.conv", "choice": "int8"},
//   ...
//  ],
//  "calibration": {"nncc_calibration": 1, ...}}
#include "driver/decisions_file.h"
#include "driver/calibration_file.h"
#include "ir/core/outfile.h"
#include <string.h>

enum { VERSION = 1, MOST_LAYERS = 1 << 14, MOST_HELD_OUT = 1000 };

// ---- reading

static bool read_layer(const json_t *j, size_t i, Decisions *out, const char *path, Diag *d) {
  const char *layer = json_string_value(json_object_get(j, "layer")),
             *choice = json_string_value(json_object_get(j, "choice"));
  StrBuf why = {0};
  bool named = layer && *layer && choice, twice = false, ok = named;
  for (size_t k = 0; named && k < out->list.len; k++) twice = twice || !strcmp(out->list.data[k].layer, layer);
  if (!named)
    diag_error_file(d, path, "layer %zu needs texts `layer` and `choice`", i);
  else if ((ok = !twice) && !(ok = decisions_add(out, layer, choice, &why)))
    diag_error_file(d, path, "the choice of `%s` must be %s", layer, strbuf_str(&why));
  else if (twice)
    diag_error_file(d, path, "`%s` is decided twice", layer);
  strbuf_free(&why);
  return ok;
}

static bool read_observer(const json_t *j, Decisions *out, const char *path, Diag *d) {
  StrBuf why = {0};
  bool ok = !j || (json_is_string(j) && observe_read(json_string_value(j), &out->observer, &why));
  if (!ok)
    diag_error_file(d, path, "`observer` must be %s, %s, %s or %s", observe_names[0], observe_names[1],
                    observe_names[2], observe_names[3]);
  strbuf_free(&why);
  return ok;
}

static bool read_held_out(const json_t *j, Decisions *out, const char *path, Diag *d) {
  json_int_t n = json_integer_value(j);
  bool ok = !j || (n >= 2 && n <= MOST_HELD_OUT);
  if (!ok) diag_error_file(d, path, "`held_out` must be an integer from 2 to %d", MOST_HELD_OUT);
  if (j && ok) out->held_out = (int)n;
  return ok;
}

static bool read_all(const json_t *top, Decisions *out, const char *path, Diag *d) {
  const json_t *layers = json_object_get(top, "layers"), *j, *known = json_object_get(top, "calibration");
  if (json_integer_value(json_object_get(top, "nncc_decisions")) != VERSION || !json_is_array(layers)) {
    diag_error_file(d, path, "holds no decisions that --save-decisions of this nncc wrote");
    return false;
  }
  if (json_array_size(layers) > MOST_LAYERS) {
    diag_error_file(d, path, "decides of more than %d layers", MOST_LAYERS);
    return false;
  }
  bool ok = read_observer(json_object_get(top, "observer"), out, path, d);
  ok = read_held_out(json_object_get(top, "held_out"), out, path, d) && ok;
  size_t i;
  json_array_foreach((json_t *)layers, i, j) ok = read_layer(j, i, out, path, d) && ok;
  return ok && (!known || (out->calibration = calibration_of_json(known, path, d)));
}

Decisions *decisions_read(const char *path, Diag *d) {
  json_t *top = calibration_load(path, d);
  if (!top) return NULL;
  Decisions *out = decisions_create();
  bool ok = read_all(top, out, path, d);
  json_decref(top);
  if (ok) return out;
  decisions_destroy(out);
  return NULL;
}

// ---- writing

bool decisions_write(const Decisions *decisions, const char *model, const char *path, Diag *d) {
  StrBuf out = {0}, choice = {0};
  strbuf_printf(&out, "{\"nncc_decisions\": %d, \"model\": ", VERSION);
  calibration_print_text(model, &out);
  strbuf_printf(&out, ", \"observer\": \"%s\"", observe_names[decisions->observer]);
  if (decisions->held_out) strbuf_printf(&out, ", \"held_out\": %d", decisions->held_out);
  strbuf_puts(&out, ", \"layers\": [");
  for (size_t i = 0; i < decisions->list.len; i++) {
    const Decision *one = &decisions->list.data[i];
    strbuf_clear(&choice);
    decisions_print(one, &choice);
    strbuf_puts(&out, i ? ",\n  {\"layer\": " : "\n  {\"layer\": ");
    calibration_print_text(one->layer, &out);
    strbuf_printf(&out, ", \"choice\": \"%s\"}", strbuf_str(&choice));
  }
  strbuf_puts(&out, "\n ]");
  if (decisions->calibration) {
    strbuf_puts(&out, ",\n \"calibration\": ");
    calibration_print(decisions->calibration, model, &out);
  }
  strbuf_puts(&out, "}\n");
  bool ok = outfile_write(path, strbuf_str(&out), out.len, d);
  strbuf_free(&choice), strbuf_free(&out);
  return ok;
}
