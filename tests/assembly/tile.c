// tile MR NR CPU FILE: writes the assembly of a kernel whose register tile has MR rows and NR vectors, whether it fits
// the registers of the CPU or not. The gate must tell the one from the other.
#include "codegen/codegen.h"
#include "ir/core/check.h"
#include <stdlib.h>

static const char text[] =
    "loop 1 tile\n"
    "input a: f32[16384]\n"
    "output y: f32[16384]\n"
    "arena_bytes 0\nscratch_bytes 0\nweight_bytes 0\narena_bound 0\n"
    "buffer a: input 0 f32 bytes 65536\n"
    "buffer y: output 0 f32 bytes 65536\n"
    "kernel gemm(a: in f32*, y: out f32*) {\n"
    "  for t in begin..end {\n"
    "    local acc: f32x16[%d, %d]\n"
    "    for i in 0..%d unroll { for j in 0..%d unroll { acc[i, j] = a[j * 16; 16] } }\n"
    "    for k in 0..64 {\n"
    "      local b: f32x16[%d]\n"
    "      for j_2 in 0..%d unroll { b[j_2] = a[k * 16 + j_2 * 1024; 16] }\n"
    "      for i_2 in 0..%d unroll {\n"
    "        let x = splat16(a[i_2 * 64 + k])\n"
    "        for j_3 in 0..%d unroll { acc[i_2, j_3] = fma(x, b[j_3], acc[i_2, j_3]) }\n"
    "      }\n"
    "    }\n"
    "    for i_3 in 0..%d unroll { for j_4 in 0..%d unroll { y[(i_3 * %d + j_4) * 16; 16] = acc[i_3, j_4] } }\n"
    "  }\n"
    "}\n"
    "phase \"tile\" = gemm(a, y) tasks 1\n";

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  int mr = atoi(argv[1]), nr = atoi(argv[2]);
  StrBuf s = {0};
  strbuf_printf(&s, text, mr, nr, mr, nr, nr, nr, mr, nr, mr, nr, nr);
  Diag *d = diag_create();
  LProgram *p = loop_read(d, "tile", strbuf_str(&s), s.len);
  bool ok = p && codegen_emit(p, OUTPUT_ASM, argv[4], &(CodegenOptions){.cpu = argv[3], .opt_level = 2}, NULL, d);
  StrBuf said = {0};
  diag_print(d, &said, false);
  fputs(strbuf_str(&said), stderr);
  strbuf_free(&said);
  if (p) loop_program_destroy(p);
  diag_destroy(d);
  strbuf_free(&s);
  return ok ? 0 : 1;
}
