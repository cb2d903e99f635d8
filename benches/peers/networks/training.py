"""Training in lehr and in PyTorch, in turns, so that a busy machine slows both; medians, and medians of ratios.

    python training.py BENCH [iteration] [sparse] [--rounds N]

BENCH is the executable of `cargo bench --bench train`.
iteration: milliseconds of processor of an update of 784-512-10, batch 64, Adam (PyTorch eager and fused), one thread:
  plain            forward, cross-entropy, backward, step
  noisy outputs    y = Q8(x W + 0.1 n) behind each layer, straight-through
  4-bit analogue   weights Q4 (a scale a row) + 0.02 max|w| n; inputs Q8 (a scale a sample); output noise 0.06 cells; Q8 over 12 cells
sparse: 100,000 neurons, 10.05 M synapses as edge lists (gather, multiply, index_add), Adam; bytes resident and seconds a step
of wall time, all threads of the machine on both sides.
"""

import argparse
import re
import resource
import statistics
import subprocess
import time

import torch


def through(x, quantised):
    """Quantised forwards, the identity backwards."""
    return x + (quantised - x).detach()


def codes(x, largest, step):
    return torch.clamp(torch.round(x / step), -largest, largest) * step


def plain(x, w, b):
    return torch.nn.functional.linear(x, w, b)


def noisy_outputs(x, w, b):
    y = torch.nn.functional.linear(x, w)
    y = y + 0.1 * torch.randn_like(y)
    return through(y, codes(y, 127, 8.0 / 127)) + b


def analogue(x, w, b):
    with torch.no_grad():
        top = w.abs().max()
        held = codes(w, 7, w.abs().amax(dim=1, keepdim=True) / 7 + 1e-30)
        read = held + 0.02 * top * torch.randn_like(w)
        reach = x.abs().amax(dim=1, keepdim=True)
        seen = codes(x, 127, reach / 127 + 1e-30)
        cell = reach * top
    y = torch.nn.functional.linear(through(x, seen), through(w, read))
    y = y + 0.06 * cell * torch.randn_like(y)
    return through(y, codes(y, 127, 12.0 * cell / 127 + 1e-30)) + b


KINDS = {"plain": plain, "noisy outputs": noisy_outputs, "4-bit analogue": analogue}


def torch_update(layer, fused, n_updates=100, n_first=30):
    """Milliseconds of processor of an update."""
    data, classes = torch.rand(2048, 784), torch.randint(0, 10, (2048,))
    w1, w2 = [torch.nn.Parameter(torch.empty(s)) for s in [(512, 784), (10, 512)]]
    b1, b2 = torch.nn.Parameter(torch.zeros(512)), torch.nn.Parameter(torch.zeros(10))
    for w in (w1, w2):
        torch.nn.init.xavier_uniform_(w)
    adam = torch.optim.Adam([w1, b1, w2, b2], lr=1e-3, fused=fused)
    for t in range(n_first + n_updates):
        if t == n_first:
            start = time.process_time()
        batch = slice(64 * (t % 32), 64 * (t % 32) + 64)
        adam.zero_grad()
        hidden = torch.relu(layer(data[batch], w1, b1))
        loss = torch.nn.functional.cross_entropy(layer(hidden, w2, b2), classes[batch])
        loss.backward()
        adam.step()
    return 1e3 * (time.process_time() - start) / n_updates


def lehr_lines(bench, mode):
    run = subprocess.run([bench, mode], capture_output=True, text=True, check=True)
    return [line for line in run.stdout.splitlines() if line.startswith(f"train/{mode}")]


def iteration(bench, rounds):
    torch.set_num_threads(1)
    torch.manual_seed(1)
    ours, theirs = {name: [] for name in KINDS}, {}
    for _ in range(rounds):
        # The last line is the best backend's.
        times = re.findall(r"\(([\d.]+) ms of processor\)", lehr_lines(bench, "iteration")[-1])
        for (name, layer), ms in zip(KINDS.items(), times, strict=True):
            ours[name].append(float(ms))
            for fused in [False, True]:
                theirs.setdefault((name, fused), []).append(torch_update(layer, fused))
    print(f"784-512-10, batch 64, Adam, one thread, milliseconds of processor an update; PyTorch {torch.__version__}")
    for (name, fused), ms in theirs.items():
        ratio = statistics.median(t / o for t, o in zip(ms, ours[name]))
        peer = "fused Adam" if fused else "eager"
        print(f"{name:<15} lehr {statistics.median(ours[name]):6.3f}  torch {peer:<10} {statistics.median(ms):6.3f}  ratio {ratio:5.2f}", flush=True)


def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))


def sparse(bench, _rounds):
    for line in lehr_lines(bench, "sparse"):
        print(line, flush=True)
    torch.manual_seed(1)
    n, fan_in, n_blocks = 25_000, 134, 3
    before = resident()
    blocks = []
    for _ in range(n_blocks):
        source = torch.randint(0, n, (n * fan_in,))
        target = torch.arange(n).repeat_interleave(fan_in)
        weight = torch.nn.Parameter(torch.randn(n * fan_in) / fan_in**0.5)
        blocks.append((source, target, weight, torch.nn.Parameter(torch.zeros(n))))
    parameters = [p for block in blocks for p in block[2:]]
    adam = torch.optim.Adam(parameters, lr=1e-4)
    n_synapses = n * fan_in * n_blocks
    for batch in [1, 16]:
        x, y = torch.randn(batch, n), 0.5 * torch.randn(batch, n)
        times = []
        for _ in range(4):
            start = time.perf_counter()
            adam.zero_grad()
            a = x
            for source, target, weight, bias in blocks:
                z = bias.expand(batch, n).clone()
                a = torch.tanh(z.index_add(1, target, a[:, source] * weight))
            torch.nn.functional.mse_loss(a, y).backward()
            adam.step()
            times.append(time.perf_counter() - start)
        held = (resident() - before) / n_synapses
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / n_synapses
        print(
            f"torch/sparse  {4 * n} neurons, {n_synapses} synapses, Adam, edge lists, batch {batch}: "
            f"{statistics.median(times[1:]):.4f} s a step, {held:.1f} B a synapse resident, {peak:.1f} at peak ({torch.get_num_threads()} threads)",
            flush=True,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("bench")
    parser.add_argument("modes", nargs="*", choices=["iteration", "sparse"], default=["iteration", "sparse"])
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    for mode in arguments.modes:
        {"iteration": iteration, "sparse": sparse}[mode](arguments.bench, arguments.rounds)
