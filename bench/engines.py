"""Each engine as a function (paths, x, threads) -> a function that runs the model on x; all with their latency settings."""
import importlib.util
import subprocess

import numpy as np


def ours(engine):
    def prepare(paths, x, threads):
        import native
        library, symbols = paths["libraries"][engine]
        return native.Model(library, symbols, threads).prepare(x)

    return prepare


def onnxruntime(paths, x, threads):
    import onnxruntime as ort
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = ort.InferenceSession(paths["onnx"], options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"image": x})[0]


def openvino(paths, x, threads):
    import openvino as ov
    settings = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_PRECISION_HINT": paths["precision"]}
    request = ov.Core().compile_model(paths["onnx"], "CPU", settings).create_infer_request()
    request.set_input_tensor(ov.Tensor(x))

    def run():
        request.infer()
        return request.get_output_tensor().data

    return run


def convert_for_ncnn(onnx, folder, shape):
    """pnnx turns a model for one picture into ncnn's own two files; shapes are fixed, and fp32 stays."""
    folder.mkdir(exist_ok=True)
    kept = [f"ncnnparam={folder}/m.param", f"ncnnbin={folder}/m.bin"]
    by_products = [f"{key}={folder}/unused" for key in ("pnnxparam", "pnnxbin", "pnnxpy", "pnnxonnx", "ncnnpy")]
    package = importlib.util.find_spec("pnnx").submodule_search_locations[0]            # importing it would ask for torch
    arguments = [str(onnx), "inputshape=[" + ",".join(map(str, shape)) + "]", *kept, *by_products, "fp16=0"]
    subprocess.run([f"{package}/pnnx", *arguments], check=True, capture_output=True, cwd=folder)


def ncnn(paths, x, threads):
    """ncnn has no batches: the pictures go one by one."""
    import ncnn as engine
    net = engine.Net()
    net.opt.num_threads = threads
    net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = net.opt.use_fp16_packed = net.opt.use_bf16_storage = False
    if net.load_param(f"{paths['ncnn']}/m.param") or net.load_model(f"{paths['ncnn']}/m.bin"):
        raise RuntimeError("ncnn cannot load the converted model")
    source, sink, pictures = net.input_names()[0], net.output_names()[0], [engine.Mat(picture) for picture in x]

    def run():
        results = []
        for picture in pictures:
            extractor = net.create_extractor()
            extractor.input(source, picture)
            results.append(np.array(extractor.extract(sink)[1]))
        return np.stack(results)

    return run


OURS = {"nncc": ours("nncc"), "imported": ours("imported")}              # imported: the same network from its ONNX file
ALL = {**OURS, "onnxruntime": onnxruntime, "openvino": openvino, "ncnn": ncnn}
