"""Makes what a measurement needs: the network as ONNX, the same weights as safetensors, ncnn's files, and our library."""
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
    """One network at one batch size: where its files are, and what is known of it."""

    def __init__(self, name, batch, work):
        self.name, self.batch = name, batch
        self.unseen = name in unseen_models.NETWORKS
        self.source = HERE / "unseen" / f"{name}.nn" if self.unseen else HERE.parent / "examples" / "models" / f"{name}.nn"
        stem = f"{name}-b{batch}"
        self.work, self.weights = work, work / f"{name}.safetensors"
        self.onnx, self.library = work / f"{stem}.onnx", work / f"{stem}.so"
        self.ncnn, self.input = work / f"{name}.ncnn", work / f"{stem}.npy"
        self.facts, self.build = work / f"{stem}.facts.json", work / f"{stem}.build.json"
        self.outputs = {engine: work / f"{stem}.{engine}.npy" for engine in engines.ALL}
        self.errors = {}                                                # engine -> why it cannot take part

    def job(self, threads):
        """The file that tells a worker everything."""
        path = self.work / f"{self.name}-b{self.batch}-t{threads}.job.json"
        job = dict(name=self.name, threads=threads, onnx=str(self.onnx), library=str(self.library), ncnn=str(self.ncnn),
                   input=str(self.input), outputs={engine: str(output) for engine, output in self.outputs.items()})
        path.write_text(json.dumps(job))
        return path

    def read(self):
        """What prepare found, from its files."""
        self.facts = json.loads(self.facts.read_text())
        self.build = json.loads(self.build.read_text()) if self.build.exists() else None
        if self.build is None:
            self.errors["nncc"] = "does not compile"
        if not (self.ncnn / "m.bin").exists():
            self.errors["ncnn"] = "pnnx does not convert it"

    # ---- making

    def write_onnx(self):
        import graph                                                    # needs onnx, as only those do who write it
        module = unseen_models if self.unseen else models
        if newer(self.facts, module.__file__, graph.__file__) and self.onnx.exists() and self.weights.exists():
            return
        image = unseen_models.IMAGES.get(self.name, (3, 224, 224))
        g = graph.Graph(self.batch, image)
        result = module.NETWORKS[self.name](g)
        np.save(self.input, np.random.default_rng(2).standard_normal(g.image).astype(np.float32))
        g.save(result, self.onnx, self.weights, self.facts)

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

    def compile(self, nncc, flags):
        """Compiles ours, and notes how long it took and how much memory."""
        self.build.unlink(missing_ok=True)
        shape = ",".join(map(str, np.load(self.input, mmap_mode="r").shape))
        command = [nncc, self.source, f"--weights={self.weights}", f"--shape=image={shape}", *flags, "-o", self.library]
        start = time.perf_counter()
        process = subprocess.Popen(command)
        with memory.Watch(process.pid, 0.01) as watch:
            process.wait()
        if process.returncode == 0:
            self.build.write_text(json.dumps({"compile_s": time.perf_counter() - start, "compile_peak_mb": watch.peak_mb}))

    def prepare(self, chosen, nncc, flags):
        self.write_onnx()
        if "ncnn" in chosen:
            self.write_ncnn()
        if "nncc" in chosen:
            self.compile(nncc, flags)
