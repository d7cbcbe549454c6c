// blob.c: see blob.h. The build passes the folders of the two files to the assembler.
#include "blob.h"

__asm__(".section .rodata\n"
        ".balign 16\n"
        ".globl nncc_rt_object\n"
        "nncc_rt_object: .incbin \"nncc_rt.o\"\n"
        "1:\n"
        ".globl nncc_rt_header\n"
        "nncc_rt_header: .incbin \"nncc.h\"\n"
        "2: .byte 0\n"
        ".balign 8\n"
        ".globl nncc_rt_object_size, nncc_rt_header_size\n"
        "nncc_rt_object_size: .quad 1b - nncc_rt_object\n"
        "nncc_rt_header_size: .quad 2b - nncc_rt_header\n"
        ".previous");
