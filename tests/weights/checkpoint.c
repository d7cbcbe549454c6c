#include "tests/weights/checkpoint.h"
#include <string.h>

static void number(StrBuf *b, uint64_t v, int bytes) {
  for (int i = 0; i < bytes; i++, v >>= 8) strbuf_putc(b, (char)v);
}

// From "version needed" to the length of the extra field; checksums are left out, as torch.save can.
static void common(StrBuf *b, const CheckpointMember *m, const char *folder) {
  number(b, 20, 2);
  number(b, 0, 12); // flags, stored, time, date, checksum
  number(b, m->size, 4);
  number(b, m->size, 4);
  number(b, strlen(folder) + strlen(m->name), 2);
  number(b, 0, 2);
}

void checkpoint_zip(StrBuf *out, const CheckpointMember *members, int n) {
  static const char folder[] = "archive/";
  StrBuf central = {0};
  for (const CheckpointMember *m = members; m < members + n; m++) {
    number(&central, 0x02014b50, 4);
    number(&central, 20, 2);
    common(&central, m, folder);
    number(&central, 0, 10); // comment, disk, attributes
    number(&central, out->len, 4);
    strbuf_printf(&central, "%s%s", folder, m->name);
    number(out, 0x04034b50, 4);
    common(out, m, folder);
    strbuf_printf(out, "%s%s", folder, m->name);
    strbuf_write(out, m->data, m->size);
  }
  size_t at = out->len;
  strbuf_write(out, central.s, central.len);
  number(out, 0x06054b50, 4);
  number(out, 0, 4);
  number(out, (uint64_t)n, 2);
  number(out, (uint64_t)n, 2);
  number(out, central.len, 4);
  number(out, at, 4);
  number(out, 0, 2);
  strbuf_free(&central);
}

void pickle_text(StrBuf *b, const char *text) {
  strbuf_putc(b, 'X');
  number(b, strlen(text), 4);
  strbuf_puts(b, text);
}

void pickle_int(StrBuf *b, int64_t v) {
  number(b, 0x088a, 2); // LONG1 of eight bytes
  number(b, (uint64_t)v, 8);
}

void pickle_ints(StrBuf *b, const int64_t *v, int n) {
  strbuf_putc(b, '(');
  for (int i = 0; i < n; i++) pickle_int(b, v[i]);
  strbuf_putc(b, 't');
}

void pickle_tensor(StrBuf *b, const char *storage, const char *key, int64_t offset, const int64_t *size,
                   const int64_t *stride, int rank) {
  strbuf_puts(b, "ctorch._utils\n_rebuild_tensor_v2\n((");
  pickle_text(b, "storage");
  strbuf_printf(b, "ctorch\n%s\n", storage);
  pickle_text(b, key);
  pickle_text(b, "cpu");
  strbuf_puts(b, "K\x18tQ"); // 24 elements
  pickle_int(b, offset);
  pickle_ints(b, size, rank);
  pickle_ints(b, stride, rank);
  strbuf_puts(b, "NNtR");
}
