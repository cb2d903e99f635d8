"""What does training 10 M synapses among 100,000 neurons cost in a running world, every synapse an entity?

    python3 benches/large_network.py

Builds lehr, writes 64 random samples and two scenes into a temporary folder, and runs them: three sparse projections of
134 synapses a neuron between four populations of 25,000, learned by Adam and by heat. Prints, for each, bytes a synapse
resident while it learns and at the peak, and the seconds of a step (a run of 12 steps less one of 2, over 10), metrics
of each step included. `cargo bench --bench train -- sparse` has the same network without a world.
"""

import array
import os
import random
import statistics
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
N_SYNAPSES = 3 * 25_000 * 134
SYSTEMS = {
    "Adam, batch 16": "TrainGradient(optimiser: Adam(), rate: 0.0001, batch: 16)",
    "heat, 200 proposals a step": "AnnealWeights(schedule: Constant(0.001), order: Random, proposals_per_step: 200)",
}
SCENE = """// Watch nothing: this asks for memory and time.
Scene(
    format: 1, seed: 1, loss: MeanSquare,
    data: Data(task: Values, source: Npy(inputs: "inputs.npy", targets: "targets.npy")),
    populations: [
        Neurons(name: "in", role: Input),
        Neurons(name: "a", count: 25000, unit: Tanh),
        Neurons(name: "b", count: 25000, unit: Tanh),
        Neurons(name: "out", role: Output),
    ],
    projections: [
        Directed(name: "in->a", pattern: RandomFanIn(134), weights: Normal(0.08)),
        Directed(name: "a->b", pattern: RandomFanIn(134), weights: Normal(0.08)),
        Directed(name: "b->out", pattern: RandomFanIn(134), weights: Normal(0.08)),
    ],
    systems: [SYSTEM],
)
"""


def write_npy(path, rows, columns, numbers):
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}"
    header += " " * (63 - (len(header) + 10) % 64) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode())
        array.array("f", (numbers.gauss(0, 0.5) for _ in range(rows * columns))).tofile(file)


def resident(pid):
    try:
        with open(f"/proc/{pid}/status") as status:
            return next((int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS")), None)
    except OSError:
        return None


def run(lehr, folder, n_steps):
    """Seconds, and the resident bytes over time."""
    start, seen = time.monotonic(), []
    command = [lehr, "run", "scene.ron", "--steps", str(n_steps), "--quiet", "--memory-limit", "8GiB", "--out", f"run{start}"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            seen.append(resident(process.pid))
            time.sleep(0.05)
        assert process.returncode == 0, f"lehr ended with {process.returncode}"
    return time.monotonic() - start, [bytes for bytes in seen if bytes]


def main():
    subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=os.path.dirname(HERE), check=True)
    lehr = os.path.join(os.path.dirname(HERE), "target", "release", "lehr")
    numbers = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        for name in ("inputs.npy", "targets.npy"):
            write_npy(os.path.join(folder, name), 64, 25_000, numbers)
        for name, system in SYSTEMS.items():
            with open(os.path.join(folder, "scene.ron"), "w") as file:
                file.write(SCENE.replace("SYSTEM", system))
            (short, _), (long, seen) = run(lehr, folder, 2), run(lehr, folder, 12)
            # Most of the run is learning, so the median is what learning holds.
            held, peak = statistics.median(seen) / N_SYNAPSES, max(seen) / N_SYNAPSES
            print(f"{name}: {held:.0f} B a synapse resident, {peak:.0f} at the peak, {(long - short) / 10:.2f} s a step", flush=True)


if __name__ == "__main__":
    main()
