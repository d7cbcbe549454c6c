"""Calls a model compiled by nncc through its description, `<model>_info` of runtime/nncc.h."""
import ctypes

import numpy as np

P, I32, I64 = ctypes.c_void_p, ctypes.c_int32, ctypes.c_int64
ABI_VERSION = 3


class Options(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("threads", ctypes.c_int), ("parallel_for", P), ("parallel_user", P),
                ("weights_path", ctypes.c_char_p), ("isa", ctypes.c_char_p), ("phase_ns", P)]


class Tensor(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("dtype", I32), ("rank", I32), ("dims", ctypes.POINTER(I64)), ("extents", P)]


class Info(ctypes.Structure):
    _fields_ = [("abi_version", I32), ("n_dims", I32), ("n_inputs", I32), ("n_outputs", I32), ("n_labels", I32),
                ("n_meta", I32), ("name", ctypes.c_char_p), ("dims", P), ("inputs", ctypes.POINTER(Tensor)),
                ("outputs", ctypes.POINTER(Tensor)), ("labels", P), ("meta", P),
                ("weights_hash", ctypes.c_uint64), ("weights_bytes", ctypes.c_uint64),
                ("open", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(P), ctypes.POINTER(Options))),
                ("close", ctypes.CFUNCTYPE(None, P)),
                ("arena_bytes", ctypes.CFUNCTYPE(ctypes.c_size_t, P, ctypes.POINTER(I64))),
                ("run", ctypes.CFUNCTYPE(ctypes.c_int, P, P, ctypes.c_size_t, ctypes.POINTER(I64), ctypes.POINTER(P),
                                         ctypes.POINTER(P))),
                ("status_text", ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.c_int)), ("describe", P)]


def aligned(size, alignment=64):
    buffer = np.empty(size + alignment, np.uint8)
    start = -buffer.ctypes.data % alignment
    return buffer[start:start + size]


class Model:
    """One f32 input and one f32 output; every symbolic dimension is the batch."""

    def __init__(self, library, name, threads):
        self.info = Info.in_dll(ctypes.CDLL(str(library)), f"{name}_info")
        if self.info.abi_version != ABI_VERSION:
            raise RuntimeError(f"{library}: ABI version {self.info.abi_version}, this script knows {ABI_VERSION}")
        options = Options(size=ctypes.sizeof(Options), threads=threads)
        self.handle = P()
        self.check(self.info.open(ctypes.byref(self.handle), ctypes.byref(options)))

    def check(self, status):
        if status:
            raise RuntimeError(self.info.status_text(status).decode())

    def prepare(self, x):
        """Returns a function that runs the model on x and gives its output."""
        dims = (I64 * max(1, self.info.n_dims))(*[len(x)] * self.info.n_dims)
        output = self.info.outputs[0]
        y = np.empty([len(x) if d < 0 else d for d in output.dims[:output.rank]], np.float32)
        arena = aligned(self.info.arena_bytes(self.handle, dims))
        inputs, outputs = (P * 1)(x.ctypes.data), (P * 1)(y.ctypes.data)

        def run():
            self.check(self.info.run(self.handle, arena.ctypes.data, arena.size, dims, inputs, outputs))
            return y

        return run

    def close(self):
        self.info.close(self.handle)
