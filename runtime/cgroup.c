// cgroup.c: see cgroup.h. Groups that the mount does not show, as inside a container, are passed over; the root of what
// is mounted is then the container's own group.
#include "cgroup.h"

#include "os.h"

#include <stdio.h>
#include <string.h>

enum { PATH_SIZE = 2048, TEXT_SIZE = 8192 };

// Reads a decimal number of at most 18 digits, moving *p past it and the blank after it; -1 if there is none ("max",
// "-1").
static int64_t take_number(const char **p) {
  int64_t value = 0;
  int digits = 0;
  for (; **p >= '0' && **p <= '9' && digits < 18; (*p)++, digits++) value = value * 10 + (**p - '0');
  if (**p == ' ') (*p)++;
  return digits ? value : -1;
}

static int whole_cpus(int64_t quota, int64_t period) {
  if (quota < 0 || period <= 0) return CGROUP_NONE;
  int64_t cpus = quota / period;
  return cpus < 1 ? 1 : cpus < CGROUP_NONE ? (int)cpus : CGROUP_NONE;
}

static bool read_file(const char *dir, const char *name, char *text, size_t size) {
  char path[PATH_SIZE + 32];
  int n = snprintf(path, sizeof path, "%s/%s", dir, name);
  return n > 0 && (size_t)n < sizeof path && os_read_text(path, text, size);
}

// "200000 100000" or "max 100000".
static int quota_v2(const char *dir) {
  char text[64];
  if (!read_file(dir, "cpu.max", text, sizeof text)) return CGROUP_NONE;
  const char *p = text;
  int64_t quota = take_number(&p);
  return whole_cpus(quota, take_number(&p));
}

static int quota_v1(const char *dir) {
  char quota[32], period[32];
  if (!read_file(dir, "cpu.cfs_quota_us", quota, sizeof quota) ||
      !read_file(dir, "cpu.cfs_period_us", period, sizeof period))
    return CGROUP_NONE;
  const char *q = quota, *p = period;
  return whole_cpus(take_number(&q), take_number(&p));
}

// The tightest quota of `group` and the groups above it, below mount/controller.
static int tightest(const char *mount, const char *controller, const char *group, int (*quota)(const char *dir)) {
  char dir[PATH_SIZE];
  int n = snprintf(dir, sizeof dir, "%s%s%s", mount, controller, group);
  if (n < 0 || (size_t)n >= sizeof dir) return CGROUP_NONE;
  size_t root = strlen(mount) + strlen(controller);
  int least = CGROUP_NONE;
  for (;;) {
    int cpus = quota(dir);
    if (cpus < least) least = cpus;
    char *slash = strrchr(dir + root, '/');
    if (!slash) return least;
    *slash = 0;
  }
}

static bool lists_cpu(const char *controllers) {
  for (const char *p = controllers;; p++) {
    if (!strncmp(p, "cpu", 3) && (p[3] == ',' || p[3] == 0)) return true;
    if (!(p = strchr(p, ','))) return false;
  }
}

// One line of the table, "number:controllers:group"; version 2 lists no controllers.
static int line_cpus(char *line, const char *mount) {
  char *controllers = strchr(line, ':');
  char *group = controllers ? strchr(controllers + 1, ':') : NULL;
  if (!group) return CGROUP_NONE;
  *controllers++ = 0;
  *group++ = 0;
  if (!*controllers) return tightest(mount, "", group, quota_v2);
  if (!lists_cpu(controllers)) return CGROUP_NONE;
  int alone = tightest(mount, "/cpu", group, quota_v1);
  int joint = tightest(mount, "/cpu,cpuacct", group, quota_v1);
  return alone < joint ? alone : joint;
}

int cgroup_cpus(const char *table, const char *mount) {
  char text[TEXT_SIZE];
  if (!os_read_text(table, text, sizeof text)) return CGROUP_NONE;
  int least = CGROUP_NONE;
  for (char *line = text, *next; line; line = next) {
    next = strchr(line, '\n');
    if (next) *next++ = 0;
    int cpus = line_cpus(line, mount);
    if (cpus < least) least = cpus;
  }
  return least;
}
