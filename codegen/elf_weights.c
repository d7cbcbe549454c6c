// Packed weights pass neither through LLVM nor through ld, which is given an object with a section of their size and no
// bytes (System V ABI, x86-64 supplement: SHF_X86_64_LARGE keeps it out of reach of 32-bit addresses). When all is
// linked they are streamed behind the file.
#include "codegen/internal.h"
#include "ir/core/check.h"
#include "ir/core/outfile.h"
#include "runtime/nncc_rt.h"
#include <elf.h>
#include <errno.h>
#include <string.h>

enum { WEIGHTS_ALIGN = 4096 }; // of the section
#define LARGE_SECTION 0x10000000

static void write_zeros(FILE *file, size_t n) {
  while (n--) fputc(0, file);
}

// ---- the object that stands for them

enum { SECTION_NULL, SECTION_WEIGHTS, SECTION_SYMBOLS, SECTION_STRINGS, SECTION_NAMES, SECTION_STACK, SECTIONS };

static const char section_names[] = "\0.lrodata\0.symtab\0.strtab\0.shstrtab\0.note.GNU-stack";
static const uint32_t section_name_at[SECTIONS] = {0, 1, 10, 18, 26, 36};

static Elf64_Ehdr elf_header(bool aarch64, uint64_t sections_at) {
  return (Elf64_Ehdr){
      .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT, ELFOSABI_NONE},
      .e_type = ET_REL,
      .e_machine = aarch64 ? EM_AARCH64 : EM_X86_64,
      .e_version = EV_CURRENT,
      .e_shoff = sections_at,
      .e_ehsize = sizeof(Elf64_Ehdr),
      .e_shentsize = sizeof(Elf64_Shdr),
      .e_shnum = SECTIONS,
      .e_shstrndx = SECTION_NAMES,
  };
}

bool weights_write_elf(const Abi *abi, const char *symbol, const char *path, Diag *d) {
  FILE *file = fopen(path, "wb");
  if (!file) {
    diag_error_file(d, path, "cannot be written: %s", strerror(errno));
    return false;
  }
  bool aarch64 = abi->units[0].target->aarch64;
  uint64_t bytes = (uint64_t)abi->weight_bytes, strings = strlen(symbol) + 2;
  uint64_t flags = SHF_ALLOC | (aarch64 ? 0 : LARGE_SECTION);
  uint64_t symbols_at = sizeof(Elf64_Ehdr), strings_at = symbols_at + 2 * sizeof(Elf64_Sym);
  uint64_t names_at = strings_at + strings, names_end = names_at + sizeof section_names, more = (8 - names_end % 8) % 8;
  Elf64_Sym symbols[2] = {{0}, {1, ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT), STV_HIDDEN, SECTION_WEIGHTS, 0, bytes}};
  Elf64_Shdr s[SECTIONS] = {
      [SECTION_WEIGHTS] = {0, SHT_NOBITS, flags, 0, symbols_at, bytes, 0, 0, WEIGHTS_ALIGN, 0},
      [SECTION_SYMBOLS] = {0, SHT_SYMTAB, 0, 0, symbols_at, sizeof symbols, SECTION_STRINGS, 1, 8, sizeof(Elf64_Sym)},
      [SECTION_STRINGS] = {0, SHT_STRTAB, 0, 0, strings_at, strings, 0, 0, 1, 0},
      [SECTION_NAMES] = {0, SHT_STRTAB, 0, 0, names_at, sizeof section_names, 0, 0, 1, 0},
      [SECTION_STACK] = {0, SHT_PROGBITS, 0, 0, names_at, 0, 0, 0, 1, 0},
  };
  for (int i = 0; i < SECTIONS; i++) s[i].sh_name = section_name_at[i];
  Elf64_Ehdr header = elf_header(aarch64, names_end + more);
  fwrite(&header, sizeof header, 1, file);
  fwrite(symbols, sizeof symbols, 1, file);
  fputc(0, file);
  fwrite(symbol, 1, strings - 1, file);
  fwrite(section_names, 1, sizeof section_names, file);
  write_zeros(file, more);
  fwrite(s, sizeof s, 1, file);
  bool written = !ferror(file);
  written &= !fclose(file);
  if (!written) diag_error_file(d, path, "cannot be written: %s", strerror(errno));
  return written;
}

// ---- behind a linked file

// A file open for changes, and the tables that say where its parts are.
typedef struct Elf {
  FILE *file;
  int error; // errno of what failed first; the rest is done with zeros
  Elf64_Ehdr header;
  Elf64_Shdr *sections;
  Elf64_Phdr *segments;
} Elf;

static void note(Elf *e, bool ok) {
  if (!ok && !e->error) e->error = errno ? errno : EIO; // EIO: the file ends too early
}

static void seek(Elf *e, uint64_t at, int whence) { note(e, !fseeko(e->file, (off_t)at, whence)); }

static void *read_at(Elf *e, uint64_t at, size_t bytes) {
  void *to = xcalloc(1, bytes + 1);
  errno = 0;
  seek(e, at, SEEK_SET);
  note(e, fread(to, 1, bytes, e->file) == bytes);
  if (e->error) memset(to, 0, bytes);
  return to;
}

static void write_at(Elf *e, uint64_t at, const void *bytes, size_t n) {
  seek(e, at, SEEK_SET);
  note(e, fwrite(bytes, 1, n, e->file) == n);
}

static void elf_open(Elf *e, const char *path) {
  *e = (Elf){.file = fopen(path, "r+b")};
  note(e, e->file);
  if (!e->file) return;
  Elf64_Ehdr *header = read_at(e, 0, sizeof *header);
  e->header = *header;
  free(header);
  e->sections = read_at(e, e->header.e_shoff, e->header.e_shnum * sizeof *e->sections);
  e->segments = read_at(e, e->header.e_phoff, e->header.e_phnum * sizeof *e->segments);
}

// False after a diagnostic where anything failed.
static bool elf_close(Elf *e, const char *path, Diag *d) {
  if (e->file) note(e, !ferror(e->file));
  if (e->file) note(e, !fclose(e->file));
  free(e->sections);
  free(e->segments);
  if (e->error) diag_error_file(d, path, "cannot be written: %s", strerror(e->error));
  return !e->error;
}

// The section of the weights: the one that is large and empty.
static Elf64_Shdr *find_section(const Elf *e, uint64_t bytes) {
  for (int i = 1; i < e->header.e_shnum; i++)
    if (e->sections[i].sh_type == SHT_NOBITS && e->sections[i].sh_size == bytes &&
        !(e->sections[i].sh_flags & SHF_WRITE))
      return &e->sections[i];
  return NULL;
}

// Where in the file a symbol's bytes are; 0: nowhere.
static uint64_t find_symbol(Elf *e, const char *name) {
  uint64_t found = 0;
  for (int i = 1; i < e->header.e_shnum && !found; i++) {
    const Elf64_Shdr *s = &e->sections[i];
    if (s->sh_type != SHT_SYMTAB && s->sh_type != SHT_DYNSYM) continue;
    Elf64_Sym *symbols = read_at(e, s->sh_offset, s->sh_size);
    char *names = read_at(e, e->sections[s->sh_link].sh_offset, e->sections[s->sh_link].sh_size);
    for (size_t k = 1; k < s->sh_size / sizeof *symbols && !found; k++) {
      const Elf64_Sym *y = &symbols[k];
      if (y->st_shndx == SHN_UNDEF || y->st_shndx >= e->header.e_shnum || strcmp(names + y->st_name, name)) continue;
      found = e->sections[y->st_shndx].sh_offset + y->st_value - e->sections[y->st_shndx].sh_addr;
    }
    free(symbols);
    free(names);
  }
  return found;
}

// The segment that is section s and nothing else; NULL in an object, which has none.
static Elf64_Phdr *segment_of(const Elf *e, const Elf64_Shdr *s) {
  for (int i = 0; i < e->header.e_phnum; i++)
    if (e->segments[i].p_type == PT_LOAD && e->segments[i].p_vaddr == s->sh_addr) return &e->segments[i];
  return NULL;
}

// Makes the section, and its segment, be the bytes from the file's end on, where the file is left.
static void move_to_end(Elf *e, Elf64_Shdr *s) {
  Elf64_Phdr *segment = segment_of(e, s);
  uint64_t align = segment ? segment->p_align : s->sh_addralign; // file and memory agree in a page's lower bits
  seek(e, 0, SEEK_END);
  uint64_t end = (uint64_t)ftello(e->file);
  s->sh_type = SHT_PROGBITS;
  s->sh_offset = (end + align - 1) / align * align;
  if (segment) segment->p_offset = s->sh_offset, segment->p_filesz = segment->p_memsz;
  write_at(e, e->header.e_shoff, e->sections, e->header.e_shnum * sizeof *e->sections);
  write_at(e, e->header.e_phoff, e->segments, e->header.e_phnum * sizeof *e->segments);
  seek(e, 0, SEEK_END);
  write_zeros(e->file, s->sh_offset - end);
}

// The weights behind what was linked; false after a diagnostic of theirs.
static bool append(Elf *e, const Abi *abi, Diag *d) {
  uint64_t hash = 0;
  char *info = xprintf("%s_info", abi->model);
  uint64_t described = find_symbol(e, info);
  Elf64_Shdr *section = find_section(e, (uint64_t)abi->weight_bytes);
  free(info);
  if (e->error) return true;
  CHECK(section && described, "the linker left no place for the weights");
  move_to_end(e, section);
  bool ok = weights_stream(abi, e->file, &hash, d);
  write_at(e, described + offsetof(nncc_model_info, weights_hash), &hash, sizeof hash);
  return ok;
}

bool weights_append(const Abi *abi, const char *path, Diag *d) {
  Elf e;
  elf_open(&e, path);
  bool ok = e.error || append(&e, abi, d);
  return elf_close(&e, path, d) && ok;
}

// ---- a file of their own

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
    outfile_abandon(&o, d);
    return false;
  }
  fwrite(&header, sizeof header, 1, o.file);
  return outfile_commit(&o, d);
}
