"""y = Q8(x W + sigma n): lehr beside PyTorch's three operations and ONNX Runtime's noiseless dynamic int8.

    python fused.py BENCH [--rounds N] [--seconds S] [--only 784x512]

BENCH is lehr's bench `quantised`, which answers `--serve`. All run on one thread, from f32 inputs to written f32 outputs, with quantising
of the inputs included. In each round every program runs in turn; a ratio is the median of the ratios of the rounds. PyTorch runs the
faster of two ways to write the operations. Ratios are labelled by weights: int8 and int4 of lehr against f32 of PyTorch are different
work for the same layer; f32 against f32 is beside them.
"""

import argparse
import statistics
import subprocess
import tempfile
import time

import numpy
import onnx
import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic


def microseconds(run, seconds):
    """Median of blocks of about 0.3 ms, as lehr's bench takes it."""
    run()
    start = time.perf_counter()
    run()
    once = max(time.perf_counter() - start, 1e-7)
    per_block = max(int(3e-4 / once), 1)
    times = []
    for _ in range(min(max(int(seconds / (once * per_block)), 5), 1000)):
        start = time.perf_counter()
        for _ in range(per_block):
            run()
        times.append((time.perf_counter() - start) * 1e6 / per_block)
    return statistics.median(times)


def eager(weights, x):
    """Two ways to write product, noise and quantising; both write f32."""
    w, x, step = torch.from_numpy(weights), torch.from_numpy(x), 4.0 / 127

    def separate():
        y = x @ w
        y = y + 0.1 * torch.randn_like(y)
        return torch.clamp(torch.round(y / step), -127, 127)

    def in_place():
        y = x @ w
        y.add_(torch.randn_like(y), alpha=0.1)
        return torch.fake_quantize_per_tensor_affine(y, step, 0, -127, 127)

    return [separate, in_place]


def dynamic_int8(weights, x):
    """ONNX Runtime with weights and inputs in 8 bits, the inputs' scale found at run time; no noise, no output codes."""
    n_in, n_out = weights.shape
    tensor = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["x", "w"], ["y"])],
        "layer",
        [tensor("x", onnx.TensorProto.FLOAT, [len(x), n_in])],
        [tensor("y", onnx.TensorProto.FLOAT, [len(x), n_out])],
        [onnx.numpy_helper.from_array(weights, "w")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)
    with tempfile.TemporaryDirectory() as folder:
        onnx.save(model, f"{folder}/f32.onnx")
        quantize_dynamic(f"{folder}/f32.onnx", f"{folder}/int8.onnx", weight_type=QuantType.QInt8)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(f"{folder}/int8.onnx", options, providers=["CPUExecutionProvider"])
    y = onnxruntime.OrtValue.ortvalue_from_numpy(numpy.zeros((len(x), n_out), numpy.float32))
    binding = session.io_binding()
    binding.bind_ortvalue_input("x", onnxruntime.OrtValue.ortvalue_from_numpy(x))
    binding.bind_ortvalue_output("y", y)
    return lambda: session.run_with_iobinding(binding)


class Lehr:
    def __init__(self, bench):
        self.process = subprocess.Popen([bench, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return [float(word) for word in self.process.stdout.readline().split()]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bench")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.2)
    parser.add_argument("--only")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    lehr = Lehr(arguments.bench)
    products, *reads = lehr.ask("roofs")
    print(f"torch {torch.__version__}, onnxruntime {onnxruntime.__version__}, one thread, {arguments.rounds} interleaved rounds")
    print(f"roofs: int8 products {products:.0f} GOP/s; reads {reads[0]:.0f}, {reads[1]:.0f}, {reads[2]:.0f} GB/s from 0.4, 4, 16 MB")
    random = numpy.random.default_rng(1)
    kinds = ["int8", "int4", "f32"]
    for n_in, n_out in [(784, 512), (2048, 2048)]:
        if arguments.only and arguments.only != f"{n_in}x{n_out}":
            continue
        weights = (random.standard_normal((n_in, n_out)) / n_in**0.5).astype(numpy.float32)
        for batch in [1, 32, 256]:
            x = random.standard_normal((batch, n_in)).astype(numpy.float32)
            ways, runtime = eager(weights, x), dynamic_int8(weights, x)
            rounds = []
            for _ in range(arguments.rounds):
                took = {"eager": min(microseconds(way, arguments.seconds / 2) for way in ways)}
                took["onnx"] = microseconds(runtime, arguments.seconds)
                for kind in kinds:
                    took[kind] = lehr.ask(f"{kind} {n_in} {n_out} {batch} {arguments.seconds}")[0]
                rounds.append(took)

            def median(of):
                return statistics.median(of(took) for took in rounds)

            operations, cells = 2e-3 * n_in * n_out * batch, n_in * n_out * 1e-3
            cell_roof = cells / (reads[0] if cells < 1000 else reads[1])
            print(f"\n{n_in}x{n_out}, batch {batch}: PyTorch f32 eager {median(lambda t: t['eager']):.1f} us, "
                  f"ONNX Runtime int8 without noise {median(lambda t: t['onnx']):.1f} us")
            for kind in kinds:
                note = "" if kind == "f32" else f", {median(lambda t: t['onnx'] / t[kind]):.2f} times ONNX Runtime"
                print(f"  lehr {kind} fused: {median(lambda t: t[kind]):.2f} us = {median(lambda t: t['eager'] / t[kind]):.2f} times "
                      f"PyTorch eager ({kind} weights against f32){note}")
            print(f"  roofs of int8: products {operations / products:.1f} us, weights read once {cell_roof:.1f} us", flush=True)


if __name__ == "__main__":
    main()
