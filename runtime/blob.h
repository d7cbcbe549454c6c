// blob.h: the compiled runtime and its public header, as bytes inside the compiler: the one is linked into every model,
// the other opens every generated header.
#ifndef NNCC_RUNTIME_BLOB_H
#define NNCC_RUNTIME_BLOB_H

#include <stddef.h>

extern const unsigned char nncc_rt_object[]; // nncc_rt.o, a relocatable object for x86-64 Linux
extern const size_t nncc_rt_object_size;
extern const unsigned char nncc_rt_aarch64_object[]; // the same for AArch64 Linux
extern const size_t nncc_rt_aarch64_object_size;     // 0 where this compiler was built without a cross compiler
extern const char nncc_rt_header[];                  // nncc.h, zero-terminated
extern const size_t nncc_rt_header_size;

#endif
