#!/usr/bin/env python3
"""fetch_onnx.py CACHE FOLDER: unpacks the data of ONNX's backend suite, as the pinned wheel has it, into FOLDER.

Done once: FOLDER appears whole or not at all. The data is the same in the wheels of all platforms.
"""
import hashlib
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "examples"))
from common import pypi

VERSION = "1.22.0"
SHA256 = "964886db5a46b3ae43fcb34df9915d82953633d2ce820bff22f86b643b824f8d"  # of the names and contents of its files, in order of their names
BELOW = "onnx/backend/test/data/"


def unpack(wheel, folder):
    digest = hashlib.sha256()
    for name in sorted(n for n in wheel.namelist() if n.startswith(BELOW) and not n.endswith("/")):
        path = folder / name.removeprefix(BELOW)
        if not path.resolve().is_relative_to(folder.resolve()):
            raise SystemExit(f"{name} would be written outside its folder")
        content = wheel.read(name)
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return digest.hexdigest()


def main(cache, folder):
    if folder.exists():
        return
    partial = folder.with_name(folder.name + ".part")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        wheel = pypi.fetch("onnx", VERSION, cache)
    except subprocess.CalledProcessError:
        raise SystemExit(f"onnx {VERSION} is not in {cache} and cannot be downloaded") from None
    digest = unpack(wheel, partial)
    if digest != SHA256:
        raise SystemExit(f"the data of onnx {VERSION} has the hash {digest}, not {SHA256}")
    partial.rename(folder)


main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
