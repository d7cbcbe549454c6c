"""int8 copies of networks, as ONNX Runtime's static quantizer makes them: QDQ, weights per channel, u8 activations.

Calibrated on seeded noise, as the weights are noise too: what counts is that all engines are given the same integers.
"""
import tempfile
import pathlib

import numpy as np
from onnxruntime import quantization
from onnxruntime.quantization import shape_inference

PICTURES = 4


class Noise(quantization.CalibrationDataReader):
    def __init__(self, shape):
        self.pictures = iter([np.random.default_rng(k).standard_normal(shape).astype(np.float32) for k in range(PICTURES)])

    def get_next(self):
        picture = next(self.pictures, None)
        return None if picture is None else {"image": picture}


def write_int8(source, target, shape):
    """`source`: an f32 network of one input `image` of that shape."""
    with tempfile.TemporaryDirectory() as folder:
        prepared = pathlib.Path(folder) / "prepared.onnx"
        shape_inference.quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        quantization.quantize_static(
            str(prepared), str(target), Noise(shape), quant_format=quantization.QuantFormat.QDQ, per_channel=True,
            activation_type=quantization.QuantType.QUInt8, weight_type=quantization.QuantType.QInt8)
