// save_graphs layers|any FOLDER [count [first seed]]: random graphs as files, for comparison with other programs. For
// each KIND-SEED.nnir, its weights beside it, and KIND-SEED.npz with inputs `in.NAME`, what the reference computes
// `out.NAME`, and how far rounding may move each of its elements `room.NAME` (f64).
#include "frontend/weights/archive.h"
#include "ir/core/check.h"
#include "tests/lower/generate.h"
#include "tests/lower/room.h"
#include <stdio.h>
#include <string.h>

static ArchiveArray array(Module *m, const char *prefix, const char *name, const RefTensor *t) {
  DType stored = t->type->dtype == DT_BF16 ? DT_F32 : t->type->dtype; // NumPy has no bf16
  void *data = xcalloc((size_t)t->count + 1, dtype_size(stored));
  ref_tensor_pack(t, stored, data);
  return (ArchiveArray){.name = arena_printf(m->arena, "%s.%s", prefix, name),
                        .dtype = stored,
                        .rank = t->rank,
                        .dims = t->dims,
                        .data = data};
}

static bool save_arrays(Module *m, const char *path, const RefTensor *in, const RefTensor *out, double **room) {
  Vec(ArchiveArray) arrays = {0};
  for (size_t i = 0; i < m->inputs.len; i++) vec_push(&arrays, array(m, "in", m->inputs.data[i]->name, &in[i]));
  for (size_t i = 0; i < m->outputs.len; i++) {
    const char *name = m->outputs.data[i].name;
    vec_push(&arrays, array(m, "out", name, &out[i]));
    ArchiveArray r = vec_last(&arrays);
    r.name = arena_printf(m->arena, "room.%s", name);
    r.dtype = DT_F64;
    r.data = memcpy(xcalloc((size_t)out[i].count + 1, sizeof **room), room[i], (size_t)out[i].count * sizeof **room);
    vec_push(&arrays, r);
  }
  bool ok = archive_write(path, arrays.data, (int)arrays.len, m->diag);
  for (size_t i = 0; i < arrays.len; i++) free((void *)(uintptr_t)arrays.data[i].data);
  vec_free(&arrays);
  return ok;
}

static bool save_text(Module *m, const char *stem) {
  StrBuf text = {0};
  graph_print(m, &text, &(PrintOptions){.side_file = arena_printf(m->arena, "%s.safetensors", stem)});
  FILE *f = fopen(arena_printf(m->arena, "%s.nnir", stem), "w");
  bool ok = f && fwrite(strbuf_str(&text), 1, text.len, f) == text.len;
  ok = f && !fclose(f) && ok;
  strbuf_free(&text);
  return ok;
}

static bool save(GeneratedKind kind, const char *folder, const char *word, uint64_t seed) {
  Diag *d = diag_create();
  Generated g = generate(kind, seed, d);
  const char *stem = arena_printf(g.m->arena, "%s/%s-%llu", folder, word, (unsigned long long)seed);
  RefTensor *in = generate_inputs(g.m, g.symbols, seed, false), *out = xcalloc(g.m->outputs.len + 1, sizeof *out);
  bool ok = ref_run(g.m, g.symbols, in, out, NULL, NULL, d);
  double **room = ok ? room_create(g.m, g.symbols, in, out, seed) : NULL;
  ok = ok && save_text(g.m, stem) && save_arrays(g.m, arena_printf(g.m->arena, "%s.npz", stem), in, out, room);
  room_free(room, g.m->outputs.len);
  for (size_t i = 0; i < g.m->outputs.len; i++) ref_tensor_free(&out[i]);
  free(out);
  generated_inputs_free(in, g.m);
  module_destroy(g.m);
  diag_destroy(d);
  return ok;
}

int main(int argc, char **argv) {
  if (argc < 3) return fprintf(stderr, "usage: save_graphs layers|any FOLDER [count [first seed]]\n"), 2;
  GeneratedKind kind = strcmp(argv[1], "any") ? GENERATED_LAYERS : GENERATED_ANY;
  uint64_t count = argc > 3 ? strtoull(argv[3], NULL, 10) : 100, first = argc > 4 ? strtoull(argv[4], NULL, 10) : 1;
  for (uint64_t seed = first; seed < first + count; seed++)
    if (!save(kind, argv[2], argv[1], seed)) return fprintf(stderr, "seed %llu fails\n", (unsigned long long)seed), 1;
  return 0;
}
