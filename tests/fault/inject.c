#include "tests/fault/inject.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SECONDS_MOST = 60, UNABLE = 77 };

static void check(bool ok, const char *what) {
  if (ok) return;
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  _exit(UNABLE);
}

// A filter that asks about these calls; the descriptor that answers.
static int ask_about(const int *calls) {
  struct sock_filter code[INJECT_CALLS + 3] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
  unsigned short n = 1;
  int count = 0;
  while (calls[count] >= 0) count++;
  for (int i = 0; i < count; i++)
    code[n++] =
        (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[i], (unsigned char)(count - i), 0);
  code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
  struct sock_fprog program = {n, code};
  check(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
  return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

typedef union Passed { // a message with a descriptor
  struct cmsghdr head;
  char bytes[CMSG_SPACE(sizeof(int))];
} Passed;

static void send_descriptor(int to, int fd) {
  Passed passed = {0};
  struct iovec byte = {"", 1};
  struct msghdr m = {.msg_iov = &byte, .msg_iovlen = 1, .msg_control = &passed, .msg_controllen = sizeof passed};
  passed.head = (struct cmsghdr){CMSG_LEN(sizeof fd), SOL_SOCKET, SCM_RIGHTS};
  memcpy(CMSG_DATA(&passed.head), &fd, sizeof fd);
  check(sendmsg(to, &m, 0) == 1, "sendmsg");
}

static int receive_descriptor(int from) {
  Passed passed = {0};
  char byte;
  struct iovec one = {&byte, 1};
  struct msghdr m = {.msg_iov = &one, .msg_iovlen = 1, .msg_control = &passed, .msg_controllen = sizeof passed};
  int fd = -1;
  if (recvmsg(from, &m, MSG_CMSG_CLOEXEC) == 1) memcpy(&fd, CMSG_DATA(&passed.head), sizeof fd);
  return fd;
}

static void run(char *const *command, const Fault *f, int to) {
  int in = open("/dev/null", O_RDONLY), out = open("out", O_WRONLY | O_CREAT | O_TRUNC, 0666),
      err = open("err", O_WRONLY | O_CREAT | O_TRUNC, 0666);
  check(in >= 0 && out >= 0 && err >= 0, "files for a command");
  check(!setpgid(0, 0), "setpgid");
  dup2(in, 0), dup2(out, 1);
  int listener = ask_about(f->calls);
  check(listener >= 0, "seccomp");
  send_descriptor(to, listener);
  dup2(err, 2);
  execvp(command[0], command);
  perror(command[0]);
  _exit(126);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void note_caller(Outcome *o, const struct seccomp_notif *call) {
  char path[32];
  snprintf(path, sizeof path, "/proc/%d/comm", (int)call->pid);
  FILE *f = fopen(path, "r");
  if (f && fgets(o->caller, sizeof o->caller, f)) o->caller[strcspn(o->caller, "\n")] = 0;
  if (f) fclose(f);
  o->number = call->data.nr;
}

static void answer(int listener, const Fault *f, pid_t child, Outcome *o) {
  struct seccomp_notif call = {0};
  if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call)) return; // the caller is gone
  struct seccomp_notif_resp reply = {.id = call.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
  bool own = call.data.nr == SYS_execve && (pid_t)call.pid == child; // by which the command begins
  if (!own && ++o->calls == f->at) {
    note_caller(o, &call);
    if (f->error)
      reply.flags = 0, reply.error = call.data.nr == SYS_brk ? 0 : -f->error; // brk gives an address, here 0
    if (f->signal) kill(child, f->signal);
  }
  ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &reply);
}

Outcome inject(char *const *command, const Fault *f) {
  int ends[2];
  Outcome o = {0};
  check(!prctl(PR_SET_CHILD_SUBREAPER, 1), "subreaper");
  check(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), "socketpair");
  pid_t child = fork();
  check(child >= 0, "fork");
  if (!child) run(command, f, ends[1]);
  close(ends[1]);
  int listener = receive_descriptor(ends[0]);
  close(ends[0]);
  double end = now() + SECONDS_MOST;
  struct pollfd p = {listener, POLLIN, 0};
  while (listener >= 0 && !(p.revents & POLLHUP)) { // until nobody is left whom the filter holds
    if (poll(&p, 1, 1000) > 0 && p.revents & POLLIN) answer(listener, f, child, &o);
    if (!o.hung && now() > end) o.hung = true, kill(-child, SIGKILL);
  }
  if (listener >= 0) close(listener);
  waitpid(child, &o.status, 0);
  while (waitpid(-1, NULL, WNOHANG) > 0) {}
  if (WIFEXITED(o.status) && WEXITSTATUS(o.status) == UNABLE) exit(UNABLE);
  return o;
}
