#!/usr/bin/env python3
"""Writes data/*.np[yz]: what numpy itself makes of every order, type and compression that the readers take."""
import pathlib

import numpy as np

data = pathlib.Path(__file__).resolve().parent / "data"
ramp = np.arange(24).reshape(2, 3, 4)

arrays = {
    "f32": ramp.astype("<f4"), "f16": ramp.astype("<f2"), "f64": ramp.astype("<f8"), "i8": ramp.astype("|i1"),
    "i16": ramp.astype("<i2"), "i32": ramp.astype("<i4"), "i64": ramp.astype("<i8"), "u8": ramp.astype("|u1"),
    "u16": ramp.astype("<u2"), "u32": ramp.astype("<u4"), "u64": ramp.astype("<u8"), "bool": ramp % 2 == 1,
    "fortran": np.asfortranarray(ramp.astype("<f4")), "fortran64": np.asfortranarray(ramp.astype("<f8")),
    "scalar": np.float32(7), "empty": np.zeros((0, 5), "<f4"), "c64": ramp.astype("<c8"), "big": ramp.astype(">f4"),
}
np.savez(data / "stored.npz", **arrays)
np.savez_compressed(data / "deflated.npz", **arrays)
np.save(data / "fortran.npy", arrays["fortran"])
np.lib.format.write_array(open(data / "version3.npy", "wb"), arrays["f32"], version=(3, 0))
