"""Reads and writes safetensors with numpy alone: 8 bytes of little-endian header length, a JSON header, the data.

Beside it stand pypi.py (packages as data), checkpoint.py (.pth files) and png.py (pictures); the scripts of examples/,
tests/peers/ and bench/ share them.
"""
import json
import struct

import numpy as np

DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I8": "|i1", "U8": "|u1", "BOOL": "|b1"}
NAMES = {np.dtype(dtype): name for name, dtype in DTYPES.items()}


def save(path, arrays):
    """Writes a dict of arrays. The header is padded with spaces so that the data begins on a multiple of 64 bytes."""
    header, offset = {}, 0
    arrays = {name: np.asarray(a, order="C") for name, a in arrays.items()}
    for name, a in arrays.items():
        header[name] = {"dtype": NAMES[a.dtype], "shape": list(a.shape), "data_offsets": [offset, offset + a.nbytes]}
        offset += a.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % 64)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for a in arrays.values():
            f.write(a.tobytes())


def load(path):
    """Returns a dict of arrays."""
    with open(path, "rb") as f:
        data = f.read()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__", None)
    arrays = {}
    for name, entry in header.items():
        begin, end = (8 + length + o for o in entry["data_offsets"])
        arrays[name] = np.frombuffer(data[begin:end], DTYPES[entry["dtype"]]).reshape(entry["shape"])
    return arrays


def save_state_dict(path, state):
    """Writes a PyTorch state_dict; batch norm's counters are of no use outside training."""
    save(path, {name: t.detach().cpu().numpy() for name, t in state.items() if not name.endswith("num_batches_tracked")})
