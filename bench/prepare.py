"""Makes what a measurement needs: the network as ONNX, its int8 copy, the same weights as safetensors, ncnn's files, and our
libraries."""
import json
import pathlib
import subprocess
import time

import numpy as np

import engines
import memory
import models
import unseen_models

HERE = pathlib.Path(__file__).resolve().parent


def newer(made, *sources):
    return made.exists() and all(made.stat().st_mtime > pathlib.Path(source).stat().st_mtime for source in sources)


class Case:
    """One network at one batch size, in f32, bf16 or int8: where its files are, and what is known of it."""

    def __init__(self, name, batch, work, dtype="f32"):
        self.name, self.batch, self.dtype, self.int8 = name, batch, dtype, dtype == "int8"
        self.unseen = name in unseen_models.NETWORKS
        plain, self.stem = f"{name}-b{batch}", f"{name}-b{batch}" + (f"-{dtype}" if dtype != "f32" else "")
        self.work, self.weights = work, work / f"{name}.safetensors"
        self.plain_onnx, self.onnx = work / f"{plain}.onnx", work / f"{self.stem if self.int8 else plain}.onnx"
        self.ncnn, self.input = work / f"{name}.ncnn", work / f"{plain}.npy"
        self.facts, self.build = work / f"{plain}.facts.json", work / f"{self.stem}.build.json"
        self.outputs = {engine: work / f"{self.stem}.{engine}.npy" for engine in engines.ALL}
        self.errors = {}                                                # engine -> why it cannot take part
        language = HERE / "unseen" / f"{name}.nn" if self.unseen else HERE.parent / "examples" / "models" / f"{name}.nn"
        self.sources = {"nncc": self.onnx if self.int8 else language, "imported": self.onnx}

    def library(self, engine):
        return self.work / f"{self.stem}.{engine}.so"

    def symbols(self, engine):
        """What the names of a library's functions begin with."""
        return self.sources[engine].stem.replace("-", "_")

    def job(self, threads):
        """The file that tells a worker everything."""
        path = self.work / f"{self.stem}-t{threads}.job.json"
        job = dict(threads=threads, precision="bf16" if self.dtype == "bf16" else "f32", onnx=str(self.onnx),
                   ncnn=str(self.ncnn), input=str(self.input),
                   libraries={engine: [str(self.library(engine)), self.symbols(engine)] for engine in engines.OURS},
                   outputs={engine: str(output) for engine, output in self.outputs.items()})
        path.write_text(json.dumps(job))
        return path

    def read(self):
        """What prepare found, from its files."""
        self.facts = json.loads(self.facts.read_text())
        self.build = json.loads(self.build.read_text()) if self.build.exists() else None
        for engine in engines.OURS:
            if not self.library(engine).exists():
                self.errors[engine] = "does not compile"
        if self.int8:
            self.errors["ncnn"] = "reads no QDQ"
        elif not (self.ncnn / "m.bin").exists():
            self.errors["ncnn"] = "pnnx does not convert it"

    # ---- making

    def write_onnx(self):
        import graph                                                    # needs onnx, as only those do who write it
        module = unseen_models if self.unseen else models
        if newer(self.facts, module.__file__, graph.__file__) and self.plain_onnx.exists() and self.weights.exists():
            return
        image = unseen_models.IMAGES.get(self.name, (3, 224, 224))
        g = graph.Graph(self.batch, image)
        result = module.NETWORKS[self.name](g)
        np.save(self.input, np.random.default_rng(2).standard_normal(g.image).astype(np.float32))
        g.save(result, self.plain_onnx, self.weights, self.facts)

    def write_int8(self):
        if not newer(self.onnx, self.plain_onnx):
            import quantize                                             # needs onnx as well
            quantize.write_int8(self.plain_onnx, self.onnx, np.load(self.input, mmap_mode="r").shape)

    def write_ncnn(self):
        if self.batch != 1:
            one = Case(self.name, 1, self.work)
            one.write_onnx()
            return one.write_ncnn()
        if newer(self.ncnn / "m.bin", self.onnx):
            return
        try:
            engines.convert_for_ncnn(self.onnx, self.ncnn, np.load(self.input, mmap_mode="r").shape)
        except (subprocess.CalledProcessError, OSError) as error:
            print(f"{self.name}: pnnx: {error}")

    def compile(self, engine, nncc, flags):
        """Compiles ours, and notes how long it took and how much memory."""
        library, model = self.library(engine), self.sources[engine]
        library.unlink(missing_ok=True)
        command = [nncc, model, *["--precision=bf16"] * (self.dtype == "bf16"), *flags, "-o", library]
        if model.suffix == ".nn":
            shape = ",".join(map(str, np.load(self.input, mmap_mode="r").shape))
            command += [f"--weights={self.weights}", f"--shape=image={shape}"]
        start = time.perf_counter()
        process = subprocess.Popen(command)
        with memory.Watch(process.pid, 0.01) as watch:
            process.wait()
        if process.returncode == 0 and engine == "nncc":
            self.build.write_text(json.dumps({"compile_s": time.perf_counter() - start, "compile_peak_mb": watch.peak_mb}))

    def prepare(self, chosen, nncc, flags):
        self.write_onnx()
        if self.int8:
            self.write_int8()
        elif "ncnn" in chosen:
            self.write_ncnn()
        for engine in engines.OURS:
            if engine in chosen:
                self.compile(engine, nncc, flags)
