#include "driver/results.h"
#include <math.h>

typedef struct Ranked {
  int label;
  double probability;
} Ranked;

static bool is_distribution(const float *scores, int n) {
  double sum = 0;
  for (int i = 0; i < n; i++) {
    if (!(scores[i] >= 0)) return false;
    sum += scores[i];
  }
  return fabs(sum - 1) < 1e-3;
}

// The best few by probability: softmax of the scores, unless they are probabilities already.
static int rank(const float *scores, int n, Ranked *out, int count) {
  bool given = is_distribution(scores, n);
  double sum = 0, most = -INFINITY;
  for (int i = 0; i < n; i++) most = fmax(most, scores[i]);
  for (int i = 0; i < n; i++) sum += exp(scores[i] - most);
  for (int k = 0; k < count; k++) {
    out[k] = (Ranked){-1, -1};
    for (int i = 0; i < n; i++) {
      double p = given ? scores[i] : exp(scores[i] - most) / sum;
      bool taken = false;
      for (int t = 0; t < k; t++) taken = taken || out[t].label == i;
      if (!taken && (p > out[k].probability || out[k].label < 0)) out[k] = (Ranked){i, p};
    }
  }
  return count;
}

void results_open(Results *r, const Loaded *l, bool json) {
  const nncc_model_info *info = l->info;
  *r = (Results){.loaded = l, .output = -1, .json = json ? json_array() : NULL};
  for (int i = 0; i < info->n_outputs && r->output < 0; i++) {
    const nncc_tensor_info *t = &info->outputs[i];
    if (info->n_labels && t->dtype == NNCC_F32 && t->rank && t->dims[t->rank - 1] == info->n_labels) r->output = i;
  }
  r->classes = info->n_labels < RESULTS_TOP ? info->n_labels : RESULTS_TOP;
  char *a = r->alignment;
  *a++ = 'l';
  for (int i = 0; i < r->classes; i++) *a++ = 'l', *a++ = 'r';
  *a++ = 'r';
  table_open(&r->table, r->output < 0 ? "llrrr" : r->alignment);
}

// ---- outputs without labels

static void add_summary(Results *r, const Session *s, int output, const char *label) {
  const nncc_tensor_info *t = &r->loaded->info->outputs[output];
  const void *data = s->outputs[output];
  int64_t extents[MAX_RANK], n = session_extents(s, output, extents);
  StrBuf type = {0};
  strbuf_printf(&type, "%s[", dtype_name(loaded_dtype(t)));
  for (int k = 0; k < t->rank; k++) strbuf_printf(&type, "%s%lld", k ? ", " : "", (long long)extents[k]);
  strbuf_putc(&type, ']');
  double lo = INFINITY, hi = -INFINITY, sum = 0;
  for (int64_t k = 0; k < n; k++) {
    double v = dtype_load(loaded_dtype(t), data, k);
    lo = fmin(lo, v), hi = fmax(hi, v), sum += v;
  }
  if (r->json) {
    json_array_append_new(r->json, json_pack("{s:s, s:s, s:s, s:f, s:f, s:f}", "input", label, "output", t->name,
                                             "type", type.s, "min", lo, "max", hi, "mean", n ? sum / (double)n : 0));
  } else {
    table_cell(&r->table, "%s", label);
    table_cell(&r->table, "%s   %s", t->name, type.s);
    table_cell(&r->table, "min %.6g", lo);
    table_cell(&r->table, "max %.6g", hi);
    table_cell(&r->table, "mean %.6g", n ? sum / (double)n : 0);
  }
  strbuf_free(&type);
}

// ---- classes

static void add_row(Results *r, const Ranked *ranked, const char *label, double ms) {
  const char *const *labels = r->loaded->info->labels;
  json_t *top = r->json ? json_array() : NULL;
  if (!r->json) table_cell(&r->table, "%s", label);
  for (int i = 0; i < r->classes; i++) {
    const char *name = labels[ranked[i].label];
    if (top) json_array_append_new(top, json_pack("{s:s, s:f}", "label", name, "probability", ranked[i].probability));
    if (!r->json) table_cell(&r->table, "%s", name);
    if (!r->json) table_cell(&r->table, "%.1f%%", 100 * ranked[i].probability);
  }
  if (r->json)
    json_array_append_new(r->json, json_pack("{s:s, s:o, s:f}", "input", label, "top", top, "ms", ms));
  else
    table_cell(&r->table, "%.2f ms", ms);
}

void results_add(Results *r, const Session *s, const char *label, double ms) {
  const nncc_model_info *info = r->loaded->info;
  r->ms = ms;
  for (int i = 0; r->output < 0 && i < info->n_outputs; i++) add_summary(r, s, i, label);
  if (r->output < 0) return;
  int64_t extents[MAX_RANK], n = session_extents(s, r->output, extents) / info->n_labels;
  for (int64_t row = 0; row < n && row < RESULTS_ROWS; row++) {
    Ranked ranked[RESULTS_TOP];
    rank((const float *)s->outputs[r->output] + row * info->n_labels, info->n_labels, ranked, r->classes);
    StrBuf name = {0};
    strbuf_puts(&name, label);
    if (n > 1) strbuf_printf(&name, "[%lld]", (long long)row);
    add_row(r, ranked, strbuf_str(&name), ms);
    strbuf_free(&name);
  }
}

bool results_line(Results *r, int64_t frame, FILE *to) {
  json_t *line = json_pack("{s:I, s:f}", "frame", (json_int_t)frame, "ms", r->ms), *entry;
  size_t i;
  json_array_foreach(r->json, i, entry) {
    json_object_del(entry, "input");
    json_object_del(entry, "ms");
  }
  if (r->output >= 0 && json_array_size(r->json) == 1)
    json_object_update(line, json_array_get(r->json, 0));
  else
    json_object_set(line, r->output >= 0 ? "rows" : "outputs", r->json);
  bool ok = !json_dumpf(line, to, JSON_COMPACT | JSON_REAL_PRECISION(9)) && fputc('\n', to) != EOF && !fflush(to);
  json_decref(line);
  json_array_clear(r->json);
  return ok;
}

void results_print(const Results *r, FILE *to) {
  if (!r->json) return table_print(&r->table, 0, to);
  json_dumpf(r->json, to, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
  fputc('\n', to);
}

void results_close(Results *r) {
  table_close(&r->table);
  json_decref(r->json);
}
