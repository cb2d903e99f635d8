"""Inference of sparse networks: lehr beside PyTorch, one thread, ratios in one run.

    python inference.py PATH_OF_INFERENCE_SIDE

Networks with 10 % of their synapses and tanh units, at 1 and 64 samples, from f32 inputs to written answers. PyTorch
holds the weights dense (zeros stored; eager, `linear` and `tanh_`) or as torch.sparse_csr (`sparse.mm`, `addmm`). Both
sides take turns, so that a busy machine slows both; what is printed are medians, and the medians of the ratios.
"""

import json
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import warnings

import torch

warnings.filterwarnings("ignore", message="Sparse")
TURNS = 9


def read_network(path):
    """Weights as (values, sources, offsets) and biases, layer by layer."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()

    def tensor(name):
        entry = header[name]
        start, end = entry["data_offsets"]
        kind = {"F32": torch.float32, "U32": torch.int32}[entry["dtype"]]
        return torch.frombuffer(bytearray(data[start:end]), dtype=kind) if end > start else torch.empty(0, dtype=kind)

    n_blocks = len(json.loads(header["__metadata__"]["network"])["blocks"])
    for b in range(n_blocks):
        parts = [tensor(f"block.{b}.{part}") for part in ("weight", "sources", "offsets")]
        yield parts, tensor(f"layer.{b + 1}.bias")


def peers(path, sizes):
    layers = []
    for b, ((weights, sources, offsets), bias) in enumerate(read_network(path)):
        csr = torch.sparse_csr_tensor(offsets.long(), sources.long(), weights, (sizes[b + 1], sizes[b]))
        layers.append((csr.to_dense(), csr, bias, bias.unsqueeze(1)))

    def dense(x):
        for weights, _, bias, _ in layers:
            x = torch.nn.functional.linear(x, weights, bias).tanh_()
        return x

    def sparse(x):
        x = x.t()
        for _, csr, _, bias in layers:
            x = (csr @ x).add_(bias).tanh_()
        return x.t().contiguous()

    return {"dense": dense, "sparse_csr": sparse}


def median_ns(run, n_repeats):
    times = []
    for _ in range(n_repeats):
        start = time.perf_counter_ns()
        run()
        times.append(time.perf_counter_ns() - start)
    return statistics.median(times)


def main():
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    print(f"PyTorch {torch.__version__}, one thread; microseconds, and times as fast as that peer")
    for sizes in [(784, 512, 10), (2048, 2048, 10)]:
        with tempfile.NamedTemporaryFile(suffix=".safetensors") as file:
            command = [sys.argv[1], file.name, *map(str, sizes)]
            lehr = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
            lehr.stdin.write("1 1\n")
            lehr.stdout.readline()
            compare(lehr, peers(file.name, sizes), sizes)
            lehr.stdin.close()
            lehr.wait()


def compare(lehr, runs, sizes):
    for n_samples, n_repeats in [(1, 300), (64, 60)]:
        k = torch.arange(n_samples * sizes[0]) * 37 % 101
        x = (k.float() / 50 - 1).reshape(n_samples, sizes[0])
        ours, theirs, sums = [], {name: [] for name in runs}, []
        for _ in range(TURNS):
            lehr.stdin.write(f"{n_samples} {n_repeats}\n")
            ns, total = lehr.stdout.readline().split()
            ours.append(float(ns))
            for name, run in runs.items():
                theirs[name].append(median_ns(lambda: run(x), n_repeats))
        for name, run in runs.items():
            difference = abs(run(x).double().sum().item() - float(total))
            assert difference < 1e-3 * n_samples * sizes[-1], f"{name} answers otherwise: {difference}"
            ratio = statistics.median(t / o for t, o in zip(theirs[name], ours))
            us = statistics.median(theirs[name]) / 1e3
            print(f"{'-'.join(map(str, sizes))} at 10 %, batch {n_samples:3}: lehr {statistics.median(ours) / 1e3:8.1f}, torch {name:10} {us:8.1f}, ratio {ratio:6.2f}")


if __name__ == "__main__":
    main()
