"""Reads a PyTorch checkpoint in the legacy format (a .pth that is not a zip file) without PyTorch.

Such a file is five pickles in a row (magic number, protocol version, the writer's machine, the object itself, the list of
storage keys), then for each key the element count and the elements. Pickles can call anything, so this unpickler knows
the four names that a state_dict of tensors needs and refuses every other.
"""
import collections
import dataclasses
import io
import pickle
import struct

import numpy as np

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
STORAGES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


@dataclasses.dataclass
class Tensor:
    """Stands for a tensor until the storages, which come last in the file, have been read."""
    key: str
    dtype: np.dtype
    offset: int
    shape: tuple
    stride: tuple                                # in elements


def _tensor(storage, offset, shape, stride, requires_grad, hooks):
    key, dtype = storage
    return Tensor(key, dtype, offset, shape, stride)


class _Unpickler(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        raise pickle.UnpicklingError(f"refused: {module}.{name}")

    def persistent_load(self, saved):
        kind, dtype, key, _device, _count, view = saved
        if kind != "storage" or view is not None:
            raise pickle.UnpicklingError(f"refused: persistent object {kind!r}")
        return key, dtype


def _view(name, t, storage):
    last = t.offset + sum((dim - 1) * step for dim, step in zip(t.shape, t.stride))
    if min((t.offset, *t.shape, *t.stride)) < 0 or len(t.shape) != len(t.stride) or last >= len(storage):
        raise pickle.UnpicklingError(f"{name}: outside its storage")
    strides = [step * t.dtype.itemsize for step in t.stride]
    return np.lib.stride_tricks.as_strided(storage[t.offset:], t.shape, strides, writeable=False)


def load(data):
    """bytes -> dict of arrays, names in the file's order."""
    file = io.BytesIO(data)
    read = lambda: _Unpickler(file).load()
    if read() != MAGIC or read() != PROTOCOL or not read().get("little_endian"):
        raise pickle.UnpicklingError("not a legacy PyTorch checkpoint")
    state, keys = read(), read()
    dtypes = {t.key: t.dtype for t in state.values()}
    storages = {}
    for key in keys:
        (count,) = struct.unpack("<q", file.read(8))
        storages[key] = np.frombuffer(file.read(count * dtypes[key].itemsize), dtypes[key], count)
    return {name: _view(name, t, storages[t.key]) for name, t in state.items()}
