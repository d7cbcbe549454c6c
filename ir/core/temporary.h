// What must not outlive this process, whichever way it ends: temporary files and folders, and a tool that may be making
// more of them. Who makes one adds it first and removes or forgets it later; main.c calls temporary_end when a signal,
// a lack of memory or a fault ends the process. The list belongs to the process as its signals do, not to a
// compilation: it is the only mutable data of file scope.
#pragma once
#include <stdbool.h>
#include <sys/types.h>

// A file or folder that may come to be; the text must stay until it is removed or forgotten. Allocates nothing.
void temporary_add(const char *path);
// It is no temporary any more: it was renamed or never made.
void temporary_forget(const char *path);
// Removes the file, or the folder with the files in it, and forgets it. False, and errno, where one is left.
bool temporary_remove(const char *path);
// A process that runs for this one, 0: there is none any more.
void temporary_child(pid_t child);

// Ends the child and removes all. For signal handlers too. The process must end then: other threads that call this wait
// for that.
void temporary_end(void);
