// DWARF for -g: a kernel that belongs to one layer is a function of that layer's name, all of its code on the line of
// the model's source that calls the layer. A debugger stops in a layer by its name, and shows that line.
#include "codegen/internal.h"
#include <limits.h>
#include <llvm-c/DebugInfo.h>
#include <string.h>
#include <unistd.h>

enum { DWARF_VERSION = 4 };

static void add_flag(Emitter *e, const char *name, unsigned value) {
  size_t n = strlen(name);
  if (LLVMGetModuleFlag(e->module, name, n)) return;
  LLVMMetadataRef v = LLVMValueAsMetadata(LLVMConstInt(e->i32, value, false));
  LLVMAddModuleFlag(e->module, LLVMModuleFlagBehaviorWarning, name, n, v);
}

static LLVMMetadataRef create_unit(LLVMDIBuilderRef b, LLVMMetadataRef file) {
  return LLVMDIBuilderCreateCompileUnit(b, LLVMDWARFSourceLanguageC99, file, "nncc", 4, true, "", 0, 0, "", 0,
                                        LLVMDWARFEmissionFull, 0, false, false, "", 0, "", 0);
}

void debug_begin(Emitter *e, const KernelJob *k) {
  char here[PATH_MAX];
  if (!getcwd(here, sizeof here)) *here = 0;
  LLVMDIBuilderRef b = LLVMCreateDIBuilder(e->module);
  LLVMMetadataRef file = LLVMDIBuilderCreateFile(b, k->file, strlen(k->file), here, strlen(here));
  create_unit(b, file);
  LLVMMetadataRef type = LLVMDIBuilderCreateSubroutineType(b, file, NULL, 0, LLVMDIFlagZero);
  unsigned line = (unsigned)k->line;
  LLVMMetadataRef function = // without the symbol's name, which gdb would take for that of the function
      LLVMDIBuilderCreateFunction(b, file, k->layer, strlen(k->layer), "", 0, file, line, type, true, true, line,
                                  LLVMDIFlagZero, true);
  LLVMSetSubprogram(e->function, function);
  LLVMMetadataRef at = LLVMDIBuilderCreateDebugLocation(e->context, line, (unsigned)k->column, function, NULL);
  LLVMSetCurrentDebugLocation2(e->builder, at);
  LLVMSetCurrentDebugLocation2(e->allocas, at);
  LLVMDIBuilderFinalize(b);
  LLVMDisposeDIBuilder(b);
  add_flag(e, "Debug Info Version", LLVMDebugMetadataVersion());
  add_flag(e, "Dwarf Version", DWARF_VERSION);
}

void debug_end(Emitter *e) {
  LLVMSetCurrentDebugLocation2(e->builder, NULL);
  LLVMSetCurrentDebugLocation2(e->allocas, NULL);
}
