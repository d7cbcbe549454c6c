// Packed weights never pass through LLVM: they are streamed, one buffer in memory at a time, into a relocatable ELF
// file of one read-only section (System V ABI, x86-64 supplement: SHF_X86_64_LARGE keeps them out of reach of 32-bit
// addresses).
#include "codegen/internal.h"
#include "ir/core/checked.h"
#include "ir/core/outfile.h"
#include "runtime/hash.h"
#include "runtime/nncc_rt.h"
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum { DATA_OFFSET = 4096, MAX_GAP = 1 << 16 }; // in the file, also the section's alignment; between weights
#define LARGE_SECTION 0x10000000

static int by_offset(const void *a, const void *b) {
  const LBuffer *x = *(LBuffer *const *)a, *y = *(LBuffer *const *)b;
  if (x->offset != y->offset) return x->offset < y->offset ? -1 : 1;
  return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

static void put(FILE *file, NnccRtHash *h, const void *bytes, size_t n) {
  nncc_rt_hash_update(h, bytes, n);
  if (file) fwrite(bytes, 1, n, file); // errors stay in the stream
}

static void put_zeros(FILE *file, NnccRtHash *h, int64_t n) {
  static const char zeros[4096];
  for (; n > 0; n -= (int64_t)sizeof zeros) put(file, h, zeros, (size_t)min_i64(n, sizeof zeros));
}

static bool same_content(const LBuffer *a, const LBuffer *b) {
  if (!a || a->offset != b->offset || a->bytes != b->bytes) return false;
  return a->hash ? a->hash == b->hash : a->fill == b->fill && a->context == b->context;
}

static bool stream_sorted(LBuffer *const *weights, size_t n, int64_t total, FILE *file, NnccRtHash *h, Diag *d) {
  int64_t at = 0, end;
  const LBuffer *previous = NULL;
  for (size_t i = 0; i < n; previous = weights[i++]) {
    const LBuffer *b = weights[i];
    if (same_content(previous, b)) continue;
    if (!b->fill) {
      diag_error(d, (Span){0}, "the content of weight %s is not known: a program read from text has none", b->name);
      return false;
    }
    if (b->offset < at || b->offset - at > MAX_GAP || b->bytes < 0 || !checked_add(b->offset, b->bytes, &end) ||
        end > total) {
      diag_error(d, (Span){0}, "weight %s has no place of its own", b->name);
      return false;
    }
    put_zeros(file, h, b->offset - at);
    void *bytes = xcalloc(1, (size_t)b->bytes + 1);
    b->fill(b->context, bytes);
    put(file, h, bytes, (size_t)b->bytes);
    free(bytes);
    at = end;
  }
  if (total - at > MAX_GAP) {
    diag_error(d, (Span){0}, "the weights' size, %" PRId64 ", is not that of what they hold", total);
    return false;
  }
  put_zeros(file, h, total - at);
  return true;
}

bool weights_stream(const Abi *abi, FILE *file, uint64_t *hash, Diag *d) {
  Vec(LBuffer *) weights = {0};
  NnccRtHash h;
  nncc_rt_hash_init(&h);
  for (size_t u = 0; u < abi->n_units; u++) {
    const LProgram *p = abi->units[u].program;
    for (size_t i = 0; i < p->buffers.len; i++)
      if (p->buffers.data[i]->kind == BUFFER_WEIGHT) vec_push(&weights, p->buffers.data[i]);
  }
  if (weights.len) qsort(weights.data, weights.len, sizeof *weights.data, by_offset);
  bool ok = stream_sorted(weights.data, weights.len, abi->weight_bytes, file, &h, d);
  vec_free(&weights);
  *hash = nncc_rt_hash_final(&h);
  return ok;
}

// ---- ELF

enum { SECTION_NULL, SECTION_WEIGHTS, SECTION_SYMBOLS, SECTION_STRINGS, SECTION_NAMES, SECTION_STACK, SECTIONS };

static const char section_names[] = "\0.lrodata\0.symtab\0.strtab\0.shstrtab\0.note.GNU-stack";
static const uint32_t section_name_at[SECTIONS] = {0, 1, 10, 18, 26, 36};

static Elf64_Ehdr elf_header(uint64_t sections_at) {
  return (Elf64_Ehdr){
      .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT, ELFOSABI_NONE},
      .e_type = ET_REL,
      .e_machine = EM_X86_64,
      .e_version = EV_CURRENT,
      .e_shoff = sections_at,
      .e_ehsize = sizeof(Elf64_Ehdr),
      .e_shentsize = sizeof(Elf64_Shdr),
      .e_shnum = SECTIONS,
      .e_shstrndx = SECTION_NAMES,
  };
}

// Behind the weights: symbols, their names, the sections' names, the section table.
static void write_tail(FILE *file, const char *symbol, uint64_t bytes) {
  uint64_t padding = (8 - bytes % 8) % 8, symbols_at = DATA_OFFSET + bytes + padding, strings = strlen(symbol) + 2;
  uint64_t strings_at = symbols_at + 2 * sizeof(Elf64_Sym), names_at = strings_at + strings;
  uint64_t names_end = names_at + sizeof section_names, more = (8 - names_end % 8) % 8;
  Elf64_Sym symbols[2] = {{0}, {1, ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT), STV_HIDDEN, SECTION_WEIGHTS, 0, bytes}};
  Elf64_Shdr s[SECTIONS] = {
      [SECTION_WEIGHTS] = {0, SHT_PROGBITS, SHF_ALLOC | LARGE_SECTION, 0, DATA_OFFSET, bytes, 0, 0, DATA_OFFSET, 0},
      [SECTION_SYMBOLS] = {0, SHT_SYMTAB, 0, 0, symbols_at, sizeof symbols, SECTION_STRINGS, 1, 8, sizeof(Elf64_Sym)},
      [SECTION_STRINGS] = {0, SHT_STRTAB, 0, 0, strings_at, strings, 0, 0, 1, 0},
      [SECTION_NAMES] = {0, SHT_STRTAB, 0, 0, names_at, sizeof section_names, 0, 0, 1, 0},
      [SECTION_STACK] = {0, SHT_PROGBITS, 0, 0, names_at, 0, 0, 0, 1, 0},
  };
  for (int i = 0; i < SECTIONS; i++) s[i].sh_name = section_name_at[i];
  static const char zeros[8];
  fwrite(zeros, 1, padding, file);
  fwrite(symbols, sizeof symbols, 1, file);
  fputc(0, file);
  fwrite(symbol, 1, strings - 1, file);
  fwrite(section_names, 1, sizeof section_names, file);
  fwrite(zeros, 1, more, file);
  fwrite(s, sizeof s, 1, file);
  Elf64_Ehdr header = elf_header(names_end + more);
  if (!fseek(file, 0, SEEK_SET)) fwrite(&header, sizeof header, 1, file);
}

static void write_zeros(FILE *file, size_t n) {
  while (n--) fputc(0, file);
}

bool weights_write_elf(const Abi *abi, const char *symbol, const char *path, uint64_t *hash, Diag *d) {
  FILE *file = fopen(path, "wb");
  if (!file) {
    diag_error_file(d, path, "cannot be written: %s", strerror(errno));
    return false;
  }
  write_zeros(file, DATA_OFFSET);
  bool ok = weights_stream(abi, file, hash, d);
  write_tail(file, symbol, (uint64_t)abi->weight_bytes);
  bool written = !ferror(file);
  written &= !fclose(file);
  if (ok && !written) diag_error_file(d, path, "cannot be written: %s", strerror(errno));
  return ok && written;
}

bool weights_write_packed(const Abi *abi, const char *path, Diag *d) {
  OutFile o;
  if (!outfile_open(&o, path, d)) return false;
  NnccRtWeightsHeader header = {.bytes = (uint64_t)abi->weight_bytes};
  memcpy(header.magic, NNCC_RT_WEIGHTS_MAGIC, sizeof header.magic);
  write_zeros(o.file, NNCC_RT_WEIGHTS_OFFSET);
  bool ok = weights_stream(abi, o.file, &header.hash, d);
  if (ok && fseek(o.file, 0, SEEK_SET)) {
    diag_error_file(d, path, "packed weights need a file that can be rewound");
    ok = false;
  }
  if (!ok) {
    outfile_abandon(&o);
    return false;
  }
  fwrite(&header, sizeof header, 1, o.file);
  return outfile_commit(&o, d);
}
