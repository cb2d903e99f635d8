"""Features of a restricted Boltzmann machine on nudged digits, by lehr and by scikit-learn, in turns; medians, and medians of ratios.

    python rbm.py LEHR [--rounds N] [--hidden N] [--epochs N]

LEHR is the executable `lehr`. The data are those of scikit-learn's own example: 1,797 digits of 8x8, each also moved by a pixel in
four directions, scaled to 0..1 by pixel, a fifth for the test (random_state 0); raw pixels by logistic regression reach .78.
scikit-learn: BernoulliRBM(100, rate .06, 10 iterations) as in its example, then LogisticRegression(C 6000, newton-cg) at its own
tolerance (that of the example, 1, ends at once where the loss is a mean). Ours, 100 hidden units
at rate .1 with batches and particles of 16, are whole processes that start, read the data and learn, one without and one with the
regression. Seconds of wall time and of processor; one thread each.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np
from scipy.ndimage import convolve
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import BernoulliRBM
from sklearn.preprocessing import minmax_scale

MOVES = [
    [[0, 1, 0], [0, 0, 0], [0, 0, 0]],
    [[0, 0, 0], [1, 0, 0], [0, 0, 0]],
    [[0, 0, 0], [0, 0, 1], [0, 0, 0]],
    [[0, 0, 0], [0, 0, 0], [0, 1, 0]],
]

SCENE = """// Restricted Boltzmann machine on nudged digits: watch test_accuracy.
Scene(
    format: 1, name: "nudged_digits", seed: {seed}, steps: {epochs},
    data: Data(source: Npz(path: "{path}", inputs: "x", targets: "y", test_inputs: "x_test", test_targets: "y_test")),
    populations: [Spins(name: "pixels", count: 64, values: Binary), Spins(name: "hidden", count: {hidden}, values: Binary)],
    projections: [Symmetric(name: "pixels->hidden", couplings: Bipartite(strengths: Gaussian(0.01), instance: {seed}))],
    systems: [TrainBoltzmann(
        rule: {rule}, rate: {rate}, centred: false, batch: {batch}, measure_every: 0,
        readout: {readout},
    )],
)
"""


def nudged():
    x, y = load_digits(return_X_y=True)
    x = x.astype("float32")
    moved = [[convolve(image.reshape(8, 8), weights=move, mode="constant").ravel() for image in x] for move in MOVES]
    x = minmax_scale(np.concatenate([x, *map(np.asarray, moved)]), feature_range=(0, 1))
    return train_test_split(x, np.concatenate([y] * 5), test_size=0.2, random_state=0)


def clocks():
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return np.array([time.perf_counter(), own.ru_utime + own.ru_stime, children.ru_utime + children.ru_stime])


def theirs(data, seed):
    x, x_test, y, y_test = data
    start = clocks()
    rbm = BernoulliRBM(n_components=100, learning_rate=0.06, n_iter=10, random_state=seed).fit(x)
    fitted = clocks() - start
    regression = LogisticRegression(solver="newton-cg", C=6000).fit(rbm.transform(x), y)
    both = clocks() - start
    return fitted[:2], both[:2], regression.score(rbm.transform(x_test), y_test)


def ours(lehr, folder, settings, seed, readout):
    scene = os.path.join(folder, "nudged.ron")
    with open(scene, "w") as file:
        file.write(SCENE.format(path=os.path.join(folder, "nudged.npz"), seed=seed, readout=readout, **settings))
    out = tempfile.mkdtemp(dir=folder)
    start = clocks()
    subprocess.run([lehr, "run", scene, "--threads", "1", "--out", os.path.join(out, "run")], check=True, capture_output=True)
    took = clocks() - start
    with open(os.path.join(out, "run", "metrics.jsonl")) as file:
        last = [json.loads(line) for line in file][-1]
    return took[[0, 2]], last.get("test_accuracy")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("lehr")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--hidden", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--rate", type=float, default=0.1)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--penalty", type=float, default=1e-4)
    parser.add_argument("--iterations", type=int, default=60)
    parser.add_argument("--rule", default="Persistent(particles: 16)")
    parser.add_argument("--alone", action="store_true", help="lehr alone")
    options = parser.parse_args()
    data = nudged()
    x, x_test, y, y_test = data
    settings = {name: getattr(options, name) for name in ("hidden", "epochs", "rate", "batch", "rule")}
    readout = f"Logistic(penalty: {options.penalty}, iterations: {options.iterations})"
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        arrays = {"x": x, "x_test": x_test, "y": y.astype("int64"), "y_test": y_test.astype("int64")}
        np.savez(os.path.join(folder, "nudged.npz"), **arrays)
        for seed in range(options.rounds):
            learned, _ = ours(options.lehr, folder, settings, seed, "Off")
            whole, accuracy = ours(options.lehr, folder, settings, seed, readout)
            print(f"lehr          seed {seed}: {learned[0]:6.2f} s, {learned[1]:6.2f} s of processor, the machine alone; "
                  f"{whole[0]:.2f} s, {whole[1]:.2f} s with its regression; accuracy {accuracy:.4f}", flush=True)
            if options.alone:
                continue
            fit, both, peer = theirs(data, seed)
            print(f"scikit-learn  seed {seed}: {fit[0]:6.2f} s, {fit[1]:6.2f} s of processor, the machine alone; "
                  f"{both[0]:.2f} s, {both[1]:.2f} s with its regression; accuracy {peer:.4f}", flush=True)
            rows.append([*(learned / fit), *(whole / both), accuracy, peer])
    if rows:
        medians = [statistics.median(column) for column in zip(*rows)]
        print("medians of lehr / scikit-learn: the machine alone {:.3f} by wall, {:.3f} by processor; with regression {:.3f}, {:.3f}; "
              "accuracy {:.4f} and {:.4f}".format(*medians))


if __name__ == "__main__":
    sys.exit(main())
