// The packed weights as one stream of bytes. One thread makes the next chunk from the weights' files while another
// writes the last one, so that a model of half a gigabyte takes little more than writing it does, and little memory.
#include "codegen/internal.h"
#include "ir/core/checked.h"
#include "runtime/hash.h"
#include <inttypes.h>
#include <pthread.h>
#include <string.h>

enum { MAX_GAP = 1 << 16, CHUNK_BYTES = 1 << 20, CHUNKS = 3 }; // between weights; of a full chunk, more or less

typedef struct Chunk {
  char *bytes;
  size_t size, capacity;
} Chunk;

// A ring of chunks: those from `written` to `filled` are the writer's, the one at `filled` is under way.
typedef struct Stream {
  FILE *file; // NULL: the bytes are only hashed
  NnccRtHash hash;
  Chunk chunks[CHUNKS];
  pthread_mutex_t lock;
  pthread_cond_t moved;
  size_t filled, written;
  bool ended, threaded;
} Stream;

static void *write_chunks(void *argument) {
  Stream *s = argument;
  pthread_mutex_lock(&s->lock);
  for (;;) {
    while (s->written == s->filled && !s->ended) pthread_cond_wait(&s->moved, &s->lock);
    if (s->written == s->filled) break;
    const Chunk *c = &s->chunks[s->written % CHUNKS];
    pthread_mutex_unlock(&s->lock);
    fwrite(c->bytes, 1, c->size, s->file); // errors stay in the file
    pthread_mutex_lock(&s->lock);
    s->written++;
    pthread_cond_signal(&s->moved);
  }
  pthread_mutex_unlock(&s->lock);
  return NULL;
}

// The chunk under way goes to the writer.
static void hand_over(Stream *s) {
  Chunk *c = &s->chunks[s->filled % CHUNKS];
  nncc_rt_hash_update(&s->hash, c->bytes, c->size);
  if (s->threaded) {
    pthread_mutex_lock(&s->lock);
    s->filled++;
    pthread_cond_signal(&s->moved);
    while (s->filled - s->written == CHUNKS) pthread_cond_wait(&s->moved, &s->lock);
    pthread_mutex_unlock(&s->lock);
  } else if (s->file) {
    fwrite(c->bytes, 1, c->size, s->file);
  }
  s->chunks[s->filled % CHUNKS].size = 0;
}

// Room for the stream's next n bytes, zeroed, until the next call.
static char *next(Stream *s, size_t n) {
  Chunk *c = &s->chunks[s->filled % CHUNKS];
  if (c->size && c->size + n > CHUNK_BYTES) {
    hand_over(s);
    c = &s->chunks[s->filled % CHUNKS];
  }
  if (!c->bytes || c->capacity < c->size + n) {
    c->capacity = c->size + n > CHUNK_BYTES ? c->size + n : CHUNK_BYTES;
    c->bytes = xrealloc(c->bytes, c->capacity);
  }
  char *room = memset(c->bytes + c->size, 0, n);
  c->size += n;
  return room;
}

static void fill(Stream *s, const LBuffer *b) {
  int64_t part = b->bytes / b->parts, most = max_i64(CHUNK_BYTES / max_i64(part, 1), 1);
  for (int64_t first = 0, count; first < b->parts; first += count) {
    count = min_i64(b->parts - first, most);
    b->fill(b->context, first, count, next(s, (size_t)(count * part)));
  }
}

// ---- what is streamed

static int by_offset(const void *a, const void *b) {
  const LBuffer *x = *(LBuffer *const *)a, *y = *(LBuffer *const *)b;
  if (x->offset != y->offset) return x->offset < y->offset ? -1 : 1;
  return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

static bool same_content(const LBuffer *a, const LBuffer *b) {
  if (!a || a->offset != b->offset || a->bytes != b->bytes) return false;
  return a->hash ? a->hash == b->hash : a->fill == b->fill && a->context == b->context;
}

static bool fill_sorted(Stream *s, LBuffer *const *weights, size_t n, int64_t total, Diag *d) {
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
    next(s, (size_t)(b->offset - at));
    fill(s, b);
    at = end;
  }
  if (total - at > MAX_GAP) {
    diag_error(d, (Span){0}, "the weights' size, %" PRId64 ", is not that of what they hold", total);
    return false;
  }
  next(s, (size_t)(total - at));
  return true;
}

static bool stream_sorted(Stream *s, LBuffer *const *weights, size_t n, int64_t total, Diag *d) {
  pthread_t writer;
  s->threaded = s->file && total > CHUNK_BYTES && !pthread_create(&writer, NULL, write_chunks, s);
  bool ok = fill_sorted(s, weights, n, total, d);
  if (ok) hand_over(s);
  if (s->threaded) {
    pthread_mutex_lock(&s->lock);
    s->ended = true;
    pthread_cond_signal(&s->moved);
    pthread_mutex_unlock(&s->lock);
    pthread_join(writer, NULL);
  }
  return ok;
}

bool weights_stream(const Abi *abi, FILE *file, uint64_t *hash, Diag *d) {
  Vec(LBuffer *) weights = {0};
  for (size_t u = 0; u < abi->n_units; u++) {
    const LProgram *p = abi->units[u].program;
    for (size_t i = 0; i < p->buffers.len; i++)
      if (p->buffers.data[i]->kind == BUFFER_WEIGHT) vec_push(&weights, p->buffers.data[i]);
  }
  if (weights.len) qsort(weights.data, weights.len, sizeof *weights.data, by_offset);
  Stream s = {.file = file, .lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER};
  nncc_rt_hash_init(&s.hash);
  bool ok = stream_sorted(&s, weights.data, weights.len, abi->weight_bytes, d);
  for (int i = 0; i < CHUNKS; i++) free(s.chunks[i].bytes);
  vec_free(&weights);
  *hash = nncc_rt_hash_final(&s.hash);
  return ok;
}
