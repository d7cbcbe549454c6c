// Writers of npy, npz and safetensors.
#include "frontend/weights/archive.h"
#include "frontend/weights/formats.h"
#include "ir/core/outfile.h"
#include <string.h>
#include <zlib.h>

static size_t bytes_of(const ArchiveArray *a) {
  size_t n = dtype_size(a->dtype);
  for (int i = 0; i < a->rank; i++) n *= (size_t)a->dims[i];
  return n;
}

// Magic, version 1.0, length, dict; padded so that the data begins at a multiple of 64.
static void npy_head(const ArchiveArray *a, StrBuf *out) {
  StrBuf dict = {0};
  strbuf_printf(&dict, "{'descr': '%s', 'fortran_order': False, 'shape': (", npy_code(a->dtype));
  for (int i = 0; i < a->rank; i++)
    strbuf_printf(&dict, "%lld%s", (long long)a->dims[i], a->rank == 1 || i + 1 < a->rank ? ", " : "");
  strbuf_puts(&dict, "), }");
  strbuf_fill(&dict, ' ', (int)(63 - (10 + dict.len) % 64));
  strbuf_putc(&dict, '\n');
  strbuf_write(out, "\x93NUMPY\1\0", 8);
  strbuf_putc(out, (char)(dict.len & 255));
  strbuf_putc(out, (char)(dict.len >> 8));
  strbuf_write(out, dict.s, dict.len);
  strbuf_free(&dict);
}

static void put_number(StrBuf *b, uint64_t v, int bytes) {
  for (int i = 0; i < bytes; i++) strbuf_putc(b, (char)(v >> (8 * i)));
}

// The fields that a local header and a central one share, from "version needed" on, and the zip64 sizes as extra.
static void put_common(StrBuf *b, uint32_t crc, size_t name, size_t extra) {
  put_number(b, 45, 2);
  put_number(b, 0, 2);          // flags
  put_number(b, 0, 2);          // stored
  put_number(b, 0x00210000, 4); // 1980-01-01, so that equal arrays give equal files
  put_number(b, crc, 4);
  put_number(b, UINT32_MAX, 4);
  put_number(b, UINT32_MAX, 4);
  put_number(b, name, 2);
  put_number(b, extra, 2);
}

static void put_sizes(StrBuf *b, uint64_t size, uint64_t offset, bool central) {
  put_number(b, 1, 2);
  put_number(b, central ? 24 : 16, 2);
  put_number(b, size, 8);
  put_number(b, size, 8);
  if (central) put_number(b, offset, 8);
}

static void put_end(StrBuf *b, uint64_t n, uint64_t size, uint64_t offset) {
  put_number(b, 0x06064b50, 4);
  put_number(b, 44, 8);
  put_number(b, 45, 2);
  put_number(b, 45, 2);
  put_number(b, 0, 8);
  put_number(b, n, 8);
  put_number(b, n, 8);
  put_number(b, size, 8);
  put_number(b, offset, 8);
  put_number(b, 0x07064b50, 4);
  put_number(b, 0, 4);
  put_number(b, offset + size, 8);
  put_number(b, 1, 4);
  put_number(b, 0x06054b50, 4);
  put_number(b, 0, 4);
  put_number(b, UINT16_MAX, 2);
  put_number(b, UINT16_MAX, 2);
  put_number(b, UINT32_MAX, 4);
  put_number(b, UINT32_MAX, 4);
  put_number(b, 0, 2);
}

// Always in zip64 form: one path to test, and every reader of npz knows it.
static void write_npz(FILE *f, const ArchiveArray *arrays, int n) {
  StrBuf central = {0}, head = {0}, local = {0};
  uint64_t offset = 0;
  for (const ArchiveArray *a = arrays; a < arrays + n; a++) {
    strbuf_clear(&head);
    strbuf_clear(&local);
    npy_head(a, &head);
    size_t name = strlen(a->name) + 4, size = bytes_of(a), pad = (64 - (offset + 30 + name + 20 + 4) % 64) % 64;
    uint32_t crc = (uint32_t)crc32_z(crc32_z(0, (const Bytef *)head.s, head.len), size ? a->data : head.s, size);
    put_number(&local, 0x04034b50, 4);
    put_common(&local, crc, name, 20 + 4 + pad);
    strbuf_printf(&local, "%s.npy", a->name);
    put_sizes(&local, head.len + size, 0, false);
    put_number(&local, 0xffff, 2); // filler: arrays that are mapped lie at a multiple of 64
    put_number(&local, pad, 2);
    strbuf_fill(&local, 0, (int)pad);
    put_number(&central, 0x02014b50, 4);
    put_number(&central, 45, 2);
    put_common(&central, crc, name, 28);
    put_number(&central, 0, 6); // comment, disk, internal attributes
    put_number(&central, 0, 4); // external attributes
    put_number(&central, UINT32_MAX, 4);
    strbuf_printf(&central, "%s.npy", a->name);
    put_sizes(&central, head.len + size, offset, true);
    fwrite(local.s, 1, local.len, f);
    fwrite(head.s, 1, head.len, f);
    if (size) fwrite(a->data, 1, size, f);
    offset += local.len + head.len + size;
  }
  size_t size = central.len;
  put_end(&central, (uint64_t)n, size, offset);
  fwrite(central.s, 1, central.len, f);
  strbuf_free(&local);
  strbuf_free(&head);
  strbuf_free(&central);
}

static void put_json_string(StrBuf *b, const char *s) {
  strbuf_putc(b, '"');
  for (; *s; s++) {
    unsigned char c = (unsigned char)*s;
    if (c == '"' || c == '\\')
      strbuf_printf(b, "\\%c", c);
    else if (c < 0x20)
      strbuf_printf(b, "\\u%04x", c);
    else
      strbuf_putc(b, (char)c);
  }
  strbuf_putc(b, '"');
}

static void write_safetensors(FILE *f, const ArchiveArray *arrays, int n) {
  StrBuf head = {0};
  uint64_t offset = 0;
  put_number(&head, 0, 8);
  for (const ArchiveArray *a = arrays; a < arrays + n; a++) {
    strbuf_putc(&head, a == arrays ? '{' : ',');
    put_json_string(&head, a->name);
    strbuf_printf(&head, ":{\"dtype\":\"%s\",\"shape\":[", dtype_code(a->dtype));
    for (int i = 0; i < a->rank; i++) strbuf_printf(&head, "%s%lld", i ? "," : "", (long long)a->dims[i]);
    strbuf_printf(&head, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)offset,
                  (unsigned long long)(offset + bytes_of(a)));
    offset = (offset + bytes_of(a) + 63) / 64 * 64;
  }
  strbuf_puts(&head, n ? "}" : "{}");
  strbuf_fill(&head, ' ', (int)((64 - head.len % 64) % 64));
  for (int i = 0; i < 8; i++) head.s[i] = (char)((head.len - 8) >> (8 * i));
  fwrite(head.s, 1, head.len, f);
  static const char zeros[64];
  for (const ArchiveArray *a = arrays; a < arrays + n; a++) {
    size_t size = bytes_of(a);
    if (size) fwrite(a->data, 1, size, f);
    if (a + 1 < arrays + n) fwrite(zeros, 1, (64 - size % 64) % 64, f);
  }
  strbuf_free(&head);
}

static bool has_suffix(const char *s, const char *suffix) {
  size_t n = strlen(s), k = strlen(suffix);
  return n > k && !strcmp(s + n - k, suffix);
}

bool archive_write(const char *path, const ArchiveArray *arrays, int n, Diag *d) {
  bool npy = has_suffix(path, ".npy"), npz = has_suffix(path, ".npz");
  if (!npy && !npz && !has_suffix(path, ".safetensors"))
    return diag_error_file(d, path, "arrays are written to .npz, .npy or .safetensors"), false;
  if (npy && n != 1) return diag_error_file(d, path, "npy holds one array, not %d: write .npz", n), false;
  for (int i = 0; i < n; i++)
    if ((npy || npz) && !npy_code(arrays[i].dtype))
      return diag_error_file(d, path, "numpy has no %s: write .safetensors", dtype_name(arrays[i].dtype)), false;
  OutFile o;
  if (!outfile_open(&o, path, d)) return false;
  if (npz)
    write_npz(o.file, arrays, n);
  else if (!npy)
    write_safetensors(o.file, arrays, n);
  else {
    StrBuf head = {0};
    npy_head(arrays, &head);
    fwrite(head.s, 1, head.len, o.file);
    if (bytes_of(arrays)) fwrite(arrays->data, 1, bytes_of(arrays), o.file);
    strbuf_free(&head);
  }
  return outfile_commit(&o, d);
}
