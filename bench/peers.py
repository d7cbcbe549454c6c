"""Each peer as a function (paths, x, threads) -> a function that runs the model on x; all with their latency settings."""
import importlib.util
import subprocess

import numpy as np

import native


def nncc(paths, x, threads):
    return native.Model(paths.library, paths.name, threads).prepare(x)


def onnxruntime(paths, x, threads):
    import onnxruntime as ort
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = ort.InferenceSession(str(paths.onnx), options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"image": x})[0]


def openvino(paths, x, threads):
    import openvino as ov
    settings = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_PRECISION_HINT": "f32"}
    request = ov.Core().compile_model(str(paths.onnx), "CPU", settings).create_infer_request()
    request.set_input_tensor(ov.Tensor(x))

    def run():
        request.infer()
        return request.get_output_tensor().data

    return run


def ncnn(paths, x, threads):
    import ncnn as engine
    folder = paths.onnx.parent / f"{paths.name}.ncnn"
    made = folder / "m.bin"
    if not made.exists() or made.stat().st_mtime < paths.onnx.stat().st_mtime:
        folder.mkdir(exist_ok=True)
        kept = [f"ncnnparam={folder}/m.param", f"ncnnbin={folder}/m.bin"]
        by_products = [f"{key}={folder}/unused" for key in ("pnnxparam", "pnnxbin", "pnnxpy", "pnnxonnx", "ncnnpy")]
        package = importlib.util.find_spec("pnnx").submodule_search_locations[0]        # importing it would ask for torch
        converter = f"{package}/pnnx"
        shape = "[" + ",".join(map(str, x.shape)) + "]"
        arguments = [str(paths.onnx), f"inputshape={shape}", *kept, *by_products, "fp16=0"]
        subprocess.run([converter, *arguments], check=True, capture_output=True, cwd=folder)
    net = engine.Net()
    net.opt.num_threads = threads
    net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = net.opt.use_fp16_packed = net.opt.use_bf16_storage = False
    net.load_param(f"{folder}/m.param")
    net.load_model(f"{folder}/m.bin")
    source, sink, image = net.input_names()[0], net.output_names()[0], engine.Mat(x[0])

    def run():
        extractor = net.create_extractor()
        extractor.input(source, image)
        return np.array(extractor.extract(sink)[1])

    return run


ALL = {"nncc": nncc, "onnxruntime": onnxruntime, "openvino": openvino, "ncnn": ncnn}
