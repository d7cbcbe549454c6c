#!/usr/bin/env python3
"""Checks examples/common/: a checkpoint cannot call code or read beyond its data, and safetensors survive a round trip."""
import collections
import io
import os
import pathlib
import pickle
import struct
import sys
import tempfile
import types

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "examples"))
from common import checkpoint, tensorfile


class Storage:
    """Pickles as PyTorch's storages do: by persistent id."""


class Rebuilt:
    """Pickles as a tensor of PyTorch does: a call of torch._utils._rebuild_tensor_v2."""

    def __init__(self, offset, shape, stride):
        self.arguments = Storage(), offset, shape, stride, False, collections.OrderedDict()

    def __reduce__(self):
        return sys.modules["torch._utils"]._rebuild_tensor_v2, self.arguments


class Pickler(pickle._Pickler):
    def persistent_id(self, value):
        return ("storage", sys.modules["torch"].FloatStorage, "0", "cpu", 6, None) if isinstance(value, Storage) else None


def pose_as_torch():
    """Modules that lend their names to what is pickled here."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    torch.FloatStorage = type("FloatStorage", (), {"__module__": "torch"})
    exec("def _rebuild_tensor_v2(): pass", {"__name__": "torch._utils"}, vars(utils))
    sys.modules.update({"torch": torch, "torch._utils": utils})


def legacy(state, data):
    file = io.BytesIO()
    for value in (checkpoint.MAGIC, checkpoint.PROTOCOL, {"little_endian": True}, state, ["0"]):
        Pickler(file, 2).dump(value)
    return file.getvalue() + struct.pack("<q", data.size) + data.tobytes()


class Evil:
    def __reduce__(self):
        return os.getcwd, ()


def refused(state, data):
    try:
        checkpoint.load(legacy(state, data))
    except pickle.UnpicklingError:
        return True
    return False


def main():
    pose_as_torch()
    data = np.arange(6, dtype=np.float32)
    state = {"a": Rebuilt(0, (2, 3), (3, 1)), "b": Rebuilt(1, (3, 1), (2, 1)), "t": Rebuilt(0, (3, 2), (1, 3))}
    read = checkpoint.load(legacy(state, data))
    assert np.array_equal(read["a"], data.reshape(2, 3)) and np.array_equal(read["b"], [[1], [3], [5]])
    assert np.array_equal(read["t"], data.reshape(2, 3).T)
    assert refused({"a": Evil()}, data)
    assert refused({"a": Rebuilt(0, (7,), (1,))}, data) and refused({"a": Rebuilt(4, (3,), (1,))}, data)
    assert refused({"a": Rebuilt(5, (3,), (-1,))}, data) and refused({"a": Rebuilt(0, (2, 3), (3,))}, data)

    arrays = {"x": data.reshape(3, 2), "scalar": np.array(2.5, np.float32), "empty": np.zeros((0, 4), np.int64),
              "bytes": np.arange(5, dtype=np.uint8)}
    with tempfile.TemporaryDirectory() as folder:
        tensorfile.save(f"{folder}/t", arrays)
        for name, array in tensorfile.load(f"{folder}/t").items():
            assert array.dtype == arrays[name].dtype and array.shape == arrays[name].shape, name
            assert np.array_equal(array, arrays[name]), name
    print("examples/common: ok")


if __name__ == "__main__":
    main()
