"""The model $MODEL$, compiled by nncc. Needs NumPy, and its library beside this file.

    import $MODULE$
    model = $MODULE$.Model()
    $RESULTS$ = model($PARAMETERS$)

$TENSORS$

Arrays of other shapes or types are refused. Any number of threads may call one model at once.
"""
import collections
import ctypes
import os
import threading

import numpy

# Name, type and shape; a text in a shape is a dimension of DIMS, one of COUNTS, or "?" where it is computed from DIMS.
INPUTS = $INPUTS$
OUTPUTS = $OUTPUTS$
DIMS = $DIMS$  # name: (least, greatest)
COUNTS = $COUNTS$  # sizes of outputs that a call finds

_LIBRARY = $LIBRARY$
_ABI = $ABI$
_ALIGN = $ALIGN$
_COMPUTED = -(2**63)
_DTYPES = ("float32", "float16", "uint16", "int8", "uint8", "int32", "int64", "bool", "float64",
           "int16", "uint16", "uint32", "uint64")


class Error(RuntimeError):
    """What the library refused, in its words."""


# ---- nncc.h

_Pointer, _Int64s = ctypes.c_void_p, ctypes.POINTER(ctypes.c_int64)


class _Options(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("threads", ctypes.c_int), ("parallel_for", _Pointer),
                ("parallel_user", _Pointer), ("weights_path", ctypes.c_char_p), ("isa", ctypes.c_char_p),
                ("phase_ns", _Pointer), ("streams", ctypes.c_int)]


class _Tensor(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("dtype", ctypes.c_int32), ("rank", ctypes.c_int32), ("dims", _Int64s),
                ("extents", ctypes.CFUNCTYPE(None, _Int64s, _Int64s))]


class _Dim(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("min", ctypes.c_int64), ("max", ctypes.c_int64)]


class _Meta(ctypes.Structure):
    _fields_ = [("key", ctypes.c_char_p), ("value", ctypes.c_char_p)]


class _Info(ctypes.Structure):
    _fields_ = [(n, ctypes.c_int32) for n in ("abi", "n_dims", "n_inputs", "n_outputs", "n_labels", "n_meta")] + [
        ("name", ctypes.c_char_p), ("dims", ctypes.POINTER(_Dim)), ("inputs", ctypes.POINTER(_Tensor)),
        ("outputs", ctypes.POINTER(_Tensor)), ("labels", ctypes.POINTER(ctypes.c_char_p)),
        ("meta", ctypes.POINTER(_Meta)), ("weights_hash", ctypes.c_uint64), ("weights_bytes", ctypes.c_uint64),
        ("open", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Pointer), ctypes.POINTER(_Options))),
        ("close", ctypes.CFUNCTYPE(None, _Pointer)),
        ("arena_bytes", ctypes.CFUNCTYPE(ctypes.c_size_t, _Pointer, _Int64s)),
        ("run", ctypes.CFUNCTYPE(ctypes.c_int, _Pointer, _Pointer, ctypes.c_size_t, _Int64s,
                                 ctypes.POINTER(_Pointer), ctypes.POINTER(_Pointer))),
        ("status_text", ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.c_int)), ("describe", _Pointer), ("submit", _Pointer),
        ("wait", _Pointer), ("counts", ctypes.POINTER(ctypes.c_char_p)), ("n_counts", ctypes.c_int32)]


def _shape(tensor, dims):
    return tuple(d if d >= 0 else "?" if d == _COMPUTED else dims[-1 - d] for d in tensor.dims[:tensor.rank])


def _tensors(array, n, dims):
    return tuple((t.name.decode(), _DTYPES[t.dtype], _shape(t, dims)) for t in array[:n])


def _text(name, dtype, shape):
    return f"`{name}` is {dtype}[{', '.join(map(str, shape))}]"


# ---- the model

Results = collections.namedtuple("Results", $RESULT_NAMES$)


class Model:
    """An open model. `threads`: of one call, by default as many as this process may use. `weights`: a file of
    nncc --emit=weights to use instead of the weights inside. `isa`: a variant of the code. `library`: where it is."""

    def __init__(self, threads=0, weights=None, isa=None, library=None):
        self._model = None
        path = library or os.path.join(os.path.dirname(os.path.abspath(__file__)), _LIBRARY)
        self._library = ctypes.CDLL(path)
        self._info = _Info.in_dll(self._library, "$MODEL$_info")
        self._check(path)
        options = _Options(size=ctypes.sizeof(_Options), threads=threads, weights_path=weights and os.fsencode(weights),
                           isa=isa and isa.encode())
        model = _Pointer()
        self._raise(self._info.open(ctypes.byref(model), ctypes.byref(options)))
        self._model = model
        self._own = threading.local()

    def _check(self, path):
        info = self._info
        if info.abi != _ABI:
            raise Error(f"{path} was made by another version of nncc")
        dims = [d.name.decode() for d in info.dims[:info.n_dims]]
        dims += [c.decode() for c in info.counts[:info.n_counts]]
        made = (_tensors(info.inputs, info.n_inputs, dims), _tensors(info.outputs, info.n_outputs, dims))
        if made != (INPUTS, OUTPUTS):
            raise Error(f"{path} is another model than this module's: {made}")

    def _raise(self, status):
        if status:
            raise Error(self._info.status_text(status).decode())

    @property
    def labels(self):
        """The names of the classes, or an empty list."""
        return [s.decode() for s in self._info.labels[:self._info.n_labels]]

    @property
    def meta(self):
        """What the model says of itself: mean, std, ... as texts."""
        return {m.key.decode(): m.value.decode() for m in self._info.meta[:self._info.n_meta]}

    def __call__(self$COMMA$$PARAMETERS$):
        if self._model is None:
            raise Error("the model is closed")
        sizes = {}
        arrays = [self._input(tensor, array, sizes) for tensor, array in zip(INPUTS, ($ARGUMENTS$))]
        for name, (least, greatest) in DIMS.items():
            if not least <= sizes.setdefault(name, least) <= greatest:
                raise ValueError(f"{name} is {sizes[name]}, not from {least} to {greatest}")
        dims = (ctypes.c_int64 * (len(DIMS) + 1))(*(sizes[name] for name in DIMS))
        outputs = [numpy.empty(self._extents(i, sizes, dims), OUTPUTS[i][1]) for i in range(len(OUTPUTS))]
        counts = numpy.zeros((len(COUNTS), 1), numpy.int64)
        arena, size = self._arena(dims)
        self._raise(self._info.run(self._model, arena, size, dims, _pointers(arrays), _pointers(outputs + list(counts))))
        found = dict(zip(COUNTS, counts[:, 0].tolist()))
        outputs = [_cut(output, [found.get(d, size) for d, size in zip(shape, output.shape)])
                   for output, (_, _, shape) in zip(outputs, OUTPUTS)]
        return outputs[0] if len(outputs) == 1 else Results(*outputs)

    @staticmethod
    def _input(tensor, array, sizes):
        name, dtype, shape = tensor
        array = numpy.asarray(array)
        fits = array.dtype == dtype and array.ndim == len(shape)
        for wanted, size in zip(shape, array.shape):
            fits = fits and (wanted == "?" or size == (sizes.setdefault(wanted, size) if isinstance(wanted, str) else wanted))
        if not fits:
            known = "".join(f", {name} = {size}" for name, size in sizes.items() if name in shape)
            kind = ValueError if array.dtype == dtype else TypeError
            raise kind(f"{_text(*tensor)}, but this array is {array.dtype}{list(array.shape)}{known}")
        return numpy.ascontiguousarray(array)

    def _extents(self, i, sizes, dims):
        tensor, shape = self._info.outputs[i], OUTPUTS[i][2]
        if "?" not in shape and not any(d in COUNTS for d in shape):
            return [sizes[d] if isinstance(d, str) else d for d in shape]
        extents = (ctypes.c_int64 * tensor.rank)()
        tensor.extents(dims, extents)
        return list(extents)

    def _arena(self, dims):
        """This thread's memory for a run, kept until it calls with larger dimensions."""
        size = self._info.arena_bytes(self._model, dims)
        if getattr(self._own, "size", -1) < size:
            self._own.size, self._own.memory = size, numpy.empty(size + _ALIGN, numpy.uint8)
        address = self._own.memory.ctypes.data
        return (address + _ALIGN - 1) // _ALIGN * _ALIGN, self._own.size

    def close(self):
        if self._model is not None:
            self._info.close(self._model)
        self._model = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        self.close()


def _cut(array, shape):
    """What a call has written of an array that has room for more."""
    return array if list(array.shape) == shape else array.reshape(-1)[:numpy.prod(shape, dtype=int)].reshape(shape)


def _pointers(arrays):
    return (_Pointer * (len(arrays) + 1))(*(a.ctypes.data for a in arrays))


if __name__ == "__main__":
    print(__doc__.strip())
