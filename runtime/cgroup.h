// cgroup.h: the processor quota of this process's control groups, versions 1 and 2.
#ifndef NNCC_RUNTIME_CGROUP_H
#define NNCC_RUNTIME_CGROUP_H

#define CGROUP_NONE 0x7fffffff

// Whole processors that the tightest quota on the way to the root allows, at least 1; CGROUP_NONE without a quota.
// `table` is /proc/self/cgroup and `mount` /sys/fs/cgroup, except in tests.
int cgroup_cpus(const char *table, const char *mount);

#endif
