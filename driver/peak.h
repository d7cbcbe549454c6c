// The machine's single-precision peak, measured: what a kernel's speed is compared with.
#pragma once

// GFLOP/s of `threads` at once on independent fused multiply-adds in vectors of at most `bits` bits, as wide as the
// processor has them; takes about 30 ms.
double peak_gflops(int threads, int bits);
// "AMD EPYC 9R14 (avx512vnni, avx512bf16)": as the system tells.
const char *peak_cpu(char buffer[160]);
