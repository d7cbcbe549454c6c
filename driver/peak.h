// The machine's single-precision peak, measured: what a kernel's speed is compared with.
#pragma once

// GFLOP/s of one thread on independent fused multiply-adds in the widest vectors there are; takes about 30 ms.
double peak_gflops(void);
// "AMD EPYC 9R14 (avx512vnni, avx512bf16)": as the system tells.
const char *peak_cpu(char buffer[160]);
