// The loop IR: a program is a list of phases, each a kernel over a range of tasks; kernels are structured loops over
// typed pointers, vectors and mutable register tiles. It is free of networks (see passes/lower) and of LLVM (see
// codegen). Arithmetic is target-neutral; tiling, unrolling, vector width and threads are expressed here and nowhere
// else.
//
//   kernel linear_16(x: in f32*, w: in f32*, y: out f32*, N: index) {
//     for t in begin..end {                         # begin, end: the range of tasks, parameters of every kernel
//       let row = x + t * 64
//       local acc: f32x16[6, 2]
//       for i in 0..6 unroll { for j in 0..2 unroll { acc[i, j] = 0.0 } }
//       for k in 0..64 {
//         for i in 0..6 unroll { for j in 0..2 unroll {
//           acc[i, j] = fma(splat16(row[i * 64 + k]), w[k * 32 + j * 16; 16], acc[i, j])
//         } }
//       }
//       ...
#pragma once
#include "ir/core/arena.h"
#include "ir/core/diag.h"
#include "ir/core/dim.h"
#include "ir/core/dtype.h"
#include "ir/core/vec.h"

// A scalar (lanes 1), a vector, or a pointer to elements. Indices and loop variables are DT_I64 scalars; comparisons
// give DT_BOOL of their operands' lanes (one bit each, in registers; one byte in memory).
typedef struct LType {
  DType dtype;
  uint8_t lanes;
  bool pointer;
} LType;
#define L_INDEX ((LType){DT_I64, 1, false})
#define L_BOOL ((LType){DT_BOOL, 1, false})
#define L_F32 ((LType){DT_F32, 1, false})
#define L_F32X(n) ((LType){DT_F32, (n), false})
#define L_POINTER(dtype) ((LType){(dtype), 1, true})
static inline bool ltype_equal(LType a, LType b) {
  return a.dtype == b.dtype && a.lanes == b.lanes && a.pointer == b.pointer;
}

typedef enum LOp {
#define LOOP_OP(ID, name, arity, text) LOOP_##ID,
#include "ir/loop/loop_ops.def"
  LOOP_OP_COUNT
} LOp;

typedef struct LOpInfo {
  const char *name, *text;
  int arity;
} LOpInfo;
const LOpInfo *loop_op_info(LOp op);

typedef struct LVar LVar;
typedef struct LExpr LExpr;
typedef struct LStmt LStmt;

typedef enum LVarKind { LVAR_PARAM, LVAR_LOOP, LVAR_LET, LVAR_LOCAL } LVarKind;
typedef enum LAccess { ACCESS_NONE, ACCESS_IN, ACCESS_OUT, ACCESS_INOUT } LAccess; // of pointer parameters

enum { MAX_LOCAL_RANK = 3, MAX_LOCAL_ELEMENTS = 1024 };

struct LVar {
  LVarKind kind;
  const char *name; // unique in its kernel
  LType type;
  LAccess access;
  bool aliases; // a pointer parameter that may point to the same bytes as another (in-place); else it is noalias
  int rank;     // of a local array (0: a lone local)
  int dims[MAX_LOCAL_RANK];
  uint32_t id; // dense in its kernel, for side tables
};

struct LExpr {
  LOp op;
  LType type;
  union {
    int64_t i; // INT: value; EXTRACT: lane
    double f;  // FLOAT
    LVar *var; // VAR, LOCAL
  };
  union {
    const int *lanes;     // SHUFFLE: indices into the lanes of a, then b
    const float *entries; // LOOKUP
  };
  int n; // operands; SHUFFLE: indices; LOOKUP: entries
  LExpr *args[];
};

typedef enum LStmtKind {
  STMT_LET,
  STMT_LOCAL,
  STMT_SET,
  STMT_STORE,
  STMT_FOR,
  STMT_IF,
  STMT_PREFETCH,
  STMT_RETURN
} LStmtKind;

enum { LOOP_ASSERTION_FAILED = 9 }; // the status of a RETURN that is NNCC_E_ASSERT

typedef struct LBlock {
  LStmt *first, *last;
} LBlock;

struct LStmt {
  LStmtKind kind;
  LStmt *next;
  LVar *var;                    // LET, LOCAL, SET, FOR
  LExpr *value;                 // LET, SET, STORE; IF: the condition
  LExpr *index[MAX_LOCAL_RANK]; // SET: one a rank, constant after unrolling
  LExpr *pointer, *offset;      // STORE, PREFETCH: element offset
  LExpr *count;                 // STORE: number of leading lanes to write; NULL: all
  LExpr *lo, *hi;               // FOR: half-open
  int64_t step;                 // FOR: > 0
  bool unroll;        // FOR: bounds are constant then, and the body is repeated with constants for the variable
  int status;         // RETURN: leaves the kernel
  int locality;       // PREFETCH: 0..3 as in LLVM
  LBlock body, other; // FOR, IF
};

typedef struct LKernel {
  const char *name;
  Vec(LVar *) params; // without begin and end
  LVar *begin, *end;
  LBlock body;
  uint32_t n_vars;
  uint32_t id;   // in the program
  Arena *arena;  // its own, so that one that the program has already leaves nothing
  uint32_t next; // the number that the next kernel of this name may get
  uint64_t hash; // of its code
} LKernel;

// A COUNT is where a phase writes what a symbol of the program is in the phases behind it.
typedef enum LBufferKind {
  BUFFER_INPUT,
  BUFFER_OUTPUT,
  BUFFER_COUNT,
  BUFFER_WEIGHT,
  BUFFER_ARENA,
  BUFFER_SCRATCH
} LBufferKind;

// Writes some of the equal parts that a weight buffer's bytes are made of to `out`, which is zeroed.
typedef void (*LFill)(void *context, int64_t first, int64_t count, void *out);

typedef struct LBuffer {
  LBufferKind kind;
  const char *name; // unique in the program
  DType dtype;
  int index;  // INPUT, OUTPUT: which; COUNT: the symbol
  Dim bytes;  // size
  Dim offset; // WEIGHT, ARENA, SCRATCH: from its base, a multiple of 64; -1 until planned, and where no phase uses it
  LFill fill; // WEIGHT: NULL in a program that was read from text
  void *context;
  int64_t parts; // WEIGHT: of its bytes, which are a constant
  uint64_t hash; // WEIGHT: of the content, 0 if unknown
  uint32_t id;
} LBuffer;

// An argument of a phase: a buffer plus a constant or symbolic number of elements, or a dimension.
typedef struct LArg {
  LBuffer *buffer; // NULL: `dim` is the argument
  Dim dim;
} LArg;

typedef struct LPhase {
  const char *name;   // of what it computes: layer paths joined by spaces
  Span span;          // the layer's call in the source; nowhere in a program that was read from text
  const char *detail; // layout and tile, for profiles; may be empty
  LKernel *kernel;
  Vec(LArg) args; // as the kernel's params
  Dim tasks;
  int64_t macs, bytes; // at symbols = 1, for profiles; 0: unknown
} LPhase;

typedef struct LTensor { // an input or output of the program
  const char *name;
  DType dtype;
  int rank;
  Dim dims[16];
} LTensor;

// What a run tells of its outputs' dimensions that it found.
typedef struct LCount {
  const char *name;
  Dim value; // has counts
} LCount;

typedef struct LMeta {
  const char *key, *value; // value in the language's spelling
} LMeta;

typedef struct LAssertion {
  Dim condition;
  const char *text;
} LAssertion;

typedef struct LProgram {
  Arena *arena;
  DimTable *dims;
  bool owns_dims; // else borrowed from the module
  const char *name;
  Vec(LTensor) inputs, outputs;
  Vec(LCount) counts; // the callers' own, see loop_report_counts
  Vec(const char *) labels;
  Vec(LMeta) meta;
  Vec(LAssertion) assertions;
  Vec(LBuffer *) buffers;
  struct LProgramIndex *index; // of buffers and kernels; kept by program.c
  Vec(LKernel *) kernels;
  Vec(LPhase *) phases;
  Dim arena_bytes, scratch_bytes; // -1 until planned
  int64_t weight_bytes;           // likewise
  Dim arena_bound;                // lower bound of the plan, for reports
} LProgram;

// `dims` NULL: a table of its own; else the module's, which must outlive the program.
LProgram *loop_program_create(const char *name, DimTable *dims);
void loop_program_destroy(LProgram *p);
LBuffer *loop_buffer(LProgram *p, LBufferKind kind, const char *name, DType dtype, Dim bytes);
// Each dimension of an output that has counts becomes one of the program's counts, once, named after the output.
void loop_report_counts(LProgram *p);
LBuffer *loop_find_buffer(const LProgram *p, const char *name); // NULL: no buffer has the name
LKernel *loop_find_kernel(const LProgram *p, const char *name);
LPhase *loop_phase(LProgram *p, const char *name, LKernel *k, Dim tasks); // push its args afterwards

// ---- building kernels (build.c). A builder holds the kernel and the open blocks. Expressions are folded as they are
// built where operands are constants (index arithmetic, x + 0, x * 1), and belong to the program's arena.
typedef struct LBuilder LBuilder;
LBuilder *loop_begin_kernel(LProgram *p, const char *name);
// Adds the kernel to the program, or returns an existing one that is equal.
LKernel *loop_end_kernel(LBuilder *b);
LVar *loop_param(LBuilder *b, const char *name, LType type, LAccess access);
LExpr *loop_begin(LBuilder *b); // the range of tasks
LExpr *loop_end(LBuilder *b);

LExpr *lx_int(LBuilder *b, int64_t v);                 // an index
LExpr *lx_const(LBuilder *b, LType t, double v);       // a scalar or splat of any type; below 0 an unsigned one wraps
LExpr *lx_var(LBuilder *b, LVar *v);                   // parameter, loop variable, let
LExpr *lx_local(LBuilder *b, LVar *v, ...);            // v->rank LExpr* indices
LExpr *lx_op(LBuilder *b, LOp op, LExpr *a, LExpr *c); // arithmetic of equal types; comparisons; pointer + index
LExpr *lx_unary(LBuilder *b, LOp op, LExpr *a);
LExpr *lx_fma(LBuilder *b, LExpr *a, LExpr *c, LExpr *d);  // a c + d
LExpr *lx_dot4(LBuilder *b, LExpr *a, LExpr *c, LExpr *d); // a's bytes times c's, by fours, + d; all i32
LExpr *lx_select(LBuilder *b, LExpr *cond, LExpr *yes, LExpr *no);
LExpr *lx_cast(LBuilder *b, DType to, LExpr *a);    // value conversion; float to integer truncates
LExpr *lx_bitcast(LBuilder *b, DType to, LExpr *a); // same width
LExpr *lx_splat(LBuilder *b, int lanes, LExpr *a);
LExpr *lx_load(LBuilder *b, LExpr *pointer, LExpr *offset, int lanes);
LExpr *lx_load_n(LBuilder *b, LExpr *pointer, LExpr *offset, int lanes,
                 LExpr *count); // lanes from `count` on are 0, not read
LExpr *lx_shuffle(LBuilder *b, LExpr *a, LExpr *c, int n, const int *lanes);
LExpr *lx_extract(LBuilder *b, LExpr *a, int lane);
LExpr *lx_lookup(LBuilder *b, LExpr *index, int n, const float *entries); // each lane's entry number index mod n
LExpr *lx_table(LBuilder *b, LExpr *pointer, LExpr *index);               // of 256 u8 or i8, by a vector of u8
#define lx_add(b, x, y) lx_op((b), LOOP_ADD, (x), (y))
#define lx_sub(b, x, y) lx_op((b), LOOP_SUB, (x), (y))
#define lx_mul(b, x, y) lx_op((b), LOOP_MUL, (x), (y))
#define lx_min(b, x, y) lx_op((b), LOOP_MIN, (x), (y))
#define lx_max(b, x, y) lx_op((b), LOOP_MAX, (x), (y))
#define lx_addi(b, x, n) lx_op((b), LOOP_ADD, (x), lx_int((b), (n)))
#define lx_muli(b, x, n) lx_op((b), LOOP_MUL, (x), lx_int((b), (n)))

LExpr *loop_let(LBuilder *b, const char *name,
                LExpr *value); // names are made unique; returns the variable's expression
LVar *loop_local(LBuilder *b, const char *name, LType t, int rank, const int *dims);
void loop_set(LBuilder *b, LVar *local, LExpr *value, ...); // v->rank LExpr* indices
void loop_store(LBuilder *b, LExpr *pointer, LExpr *offset, LExpr *value);
void loop_store_n(LBuilder *b, LExpr *pointer, LExpr *offset, LExpr *value, LExpr *count);
void loop_prefetch(LBuilder *b, LExpr *pointer, LExpr *offset, int locality);
LExpr *loop_for(LBuilder *b, const char *name, LExpr *lo, LExpr *hi, int64_t step); // returns the loop variable
LExpr *loop_unroll(LBuilder *b, const char *name, int64_t lo, int64_t hi);
void loop_end_for(LBuilder *b);
void loop_if(LBuilder *b, LExpr *cond);
void loop_else(LBuilder *b);
void loop_end_if(LBuilder *b);
void loop_return(LBuilder *b, int status);

// ---- text (print.c, read.c), checks (verify.c)
void loop_print(const LProgram *p, StrBuf *out);
void loop_print_kernel(const LProgram *p, const LKernel *k, StrBuf *out);
LProgram *loop_read(Diag *d, const char *name, const char *text, size_t size);
bool loop_verify(const LProgram *p, StrBuf *problems); // invariants listed at the top of verify.c
bool loop_verify_kernel(const LProgram *p, const LKernel *k, StrBuf *problems);
// What is wrong with the types of an expression's operands or its own, or NULL (type.c).
const char *loop_expr_problem(const LExpr *e);
void loop_print_type(LType t, StrBuf *out);

// ---- comparison (code.c): all of a kernel but names
void loop_kernel_code(const LKernel *k, StrBuf *out); // appends bytes that are equal for equal kernels
bool loop_kernel_equal(const LKernel *a, const LKernel *b);
