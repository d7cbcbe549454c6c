// A check runs in a process of its own: what is looked for may be a crash, or no end.
#include "driver/commands.h"
#include "driver/loaded.h"
#include "driver/reduce.h"
#include "driver/timing.h"
#include "driver/verify.h"
#include <ctype.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SAID_MAX = 1 << 14 };

// ---- in the child

static void say(int to, const char *what, const char *detail) {
  if (dprintf(to, "%s%s", what, detail) < 0) {}
}

static void say_errors(int to, const char *what, const Diag *d) {
  StrBuf b = {0};
  diag_print(d, &b, false);
  const char *error = strstr(strbuf_str(&b), "error: ");
  say(to, what, error ? error + strlen("error: ") : "");
  strbuf_free(&b);
}

static const char *verdict(const Verification *v) {
  if (!v->compared) return "no layer can be compared";
  if (v->first_bad >= 0) {
    const VerifiedLayer *l = &v->layers[v->first_bad];
    return !l->difference.finite    ? "a layer is not finite"
           : l->difference.constant ? "a layer is constant"
           : l->unchanged           ? "a layer ignores the input"
                                    : "a layer differs from the reference";
  }
  return v->outputs_ok ? "the outputs depend on the number of threads" : "the outputs differ from the reference";
}

static bool compiles(const ReduceCheck *c, const char *path, int to) {
  Diag *d = diag_create();
  Build b;
  char *library = loaded_temporary(d);
  bool ok = library && build_open(&b, path, c->build, d) && build_lower(&b) && build_emit(&b, OUTPUT_SHARED, library);
  if (!ok) say_errors(to, "it does not compile: ", d);
  if (library) unlink(library);
  return ok;
}

static void check_and_exit(const ReduceCheck *c, const char *path, int to) {
  if (compiles(c, path, to)) {
    Diag *d = diag_create();
    VerifyOptions o = {.build = c->build, .seed = 1, .nmse = c->nmse};
    Verification v;
    if (!verify_model(path, &o, &v, d))
      say_errors(to, "it cannot be verified: ", d);
    else if (!verify_passed(&v))
      say(to, "it is wrong: ", verdict(&v));
  }
  _exit(EXIT_DONE);
}

static void run_command(const char *command, const char *path) {
  const char *hole = strstr(command, "{}");
  StrBuf b = {0};
  strbuf_write(&b, command, hole ? (size_t)(hole - command) : strlen(command));
  strbuf_puts(&b, hole ? "\"$1\"" : " \"$1\"");
  if (hole) strbuf_puts(&b, hole + 2);
  int null = open("/dev/null", O_RDWR);
  for (int fd = 0; null >= 0 && fd < 3; fd++) dup2(null, fd);
  execl("/bin/sh", "sh", "-c", strbuf_str(&b), "sh", path, (char *)NULL);
  _exit(127);
}

// ---- the parent

// Until the child is gone, or its time is. What it says is kept as far as there is room.
static bool listen_to(int from, int seconds, char *said, size_t *n) {
  double end = timing_ms() + 1e3 * seconds;
  for (char rest[512];;) {
    double left = end - timing_ms();
    struct pollfd p = {.fd = from, .events = POLLIN};
    if (left <= 0) return false;
    if (poll(&p, 1, (int)left + 1) <= 0) continue;
    bool room = *n < SAID_MAX - 1;
    ssize_t got = room ? read(from, said + *n, SAID_MAX - 1 - *n) : read(from, rest, sizeof rest);
    if (got <= 0) return true;
    if (room) *n += (size_t)got;
  }
}

// One line, without the names in backticks and without numbers: those change while a model shrinks.
static void put_likeness(StrBuf *out, const char *text) {
  for (const char *s = text; *s && *s != '\n'; s++) {
    const char *end = *s == '`' ? strchr(s + 1, '`') : NULL;
    if (end) {
      strbuf_puts(out, "`...`");
      s = end;
    } else if (isdigit((unsigned char)*s)) {
      strbuf_putc(out, '0');
      while (isdigit((unsigned char)s[1])) s++;
    } else if (*s == '[' && strchr(s, ']')) { // a shape
      strbuf_puts(out, "[...]");
      s = strchr(s, ']');
    } else {
      strbuf_putc(out, *s);
    }
  }
}

static bool judge(const ReduceCheck *c, bool ended, int status, const char *said, StrBuf *how) {
  if (!ended) {
    strbuf_printf(how, "it takes more than %d seconds", c->timeout);
  } else if (c->command) {
    if (!WIFEXITED(status) || WEXITSTATUS(status)) return false;
    strbuf_printf(how, "`%s` says so", c->command);
  } else if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_DONE) {
    put_likeness(how, said);
  } else {
    strbuf_puts(how, "it crashes: ");
    put_likeness(how, said);
  }
  return how->len;
}

bool reduce_check(const ReduceCheck *c, const char *path, StrBuf *how) {
  int ends[2], status = 0;
  char said[SAID_MAX];
  size_t n = 0;
  strbuf_clear(how);
  if (pipe(ends)) return false;
  fflush(NULL);
  pid_t child = fork();
  if (!child) {
    setpgid(0, 0); // so that what it starts ends with it
    close(ends[0]);
    if (c->command) run_command(c->command, path);
    dup2(ends[1], STDERR_FILENO);
    check_and_exit(c, path, ends[1]);
  }
  close(ends[1]);
  bool ended = child > 0 && listen_to(ends[0], c->timeout, said, &n);
  said[n] = 0;
  close(ends[0]);
  if (child < 0) return false;
  if (!ended) kill(-child, SIGKILL);
  while (waitpid(child, &status, 0) < 0) {}
  return judge(c, ended, status, said, how);
}
