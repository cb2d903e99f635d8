"""Sparse networks on the digits: lehr and PyTorch masks with rewiring in the style of RigL, on the same splits, in turns.

    python rewiring.py BENCH [--seeds N] [--sizes 64:474 64:237 256:947] [--methods rigl set fixed prune thermo]

BENCH is the executable of `cargo bench --bench rewiring`. Both sides: 64-H-10 with ReLU, cross-entropy, Adam at .01 falling along a cosine to
a hundredth, L2 .001, batches of 64, 300 epochs; every 4 epochs until three quarters of them a share of the synapses, .3 falling to 0 along
a cosine, is dropped by |w| and grown where the slope of the loss over all samples is steepest, from weight 0 and without moments.
PyTorch holds dense weights, a mask and Adam's moments; lehr holds living synapses with source, target, weight and moments.
One thread each. Splits: lehr's, stratified by seed (`BENCH splits seeds=N` prints them).
"""

import argparse
import math
import os
import re
import statistics
import subprocess
import time

import torch


def read(path):
    rows = []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            values = line.strip().split(",")
            try:
                rows.append([float(v) for v in values])
            except ValueError:
                continue
    table = torch.tensor(rows)
    return table[:, :-1] / 16.0, table[:, -1].long()


def wiring(n_inputs, n_hidden, k, lit, random):
    """Masks of k random synapses, the layers sharing them as fan-in plus fan-out."""
    second = int(k * (n_hidden + 10) / (n_inputs + 2 * n_hidden + 10))
    masks = []
    for shape, count, sources in [((n_hidden, n_inputs), k - second, lit), ((10, n_hidden), second, torch.ones(n_hidden, dtype=torch.bool))]:
        may = sources.expand(shape).reshape(-1).nonzero().squeeze(1)
        mask = torch.zeros(shape).reshape(-1)
        mask[may[torch.randperm(len(may), generator=random)[:count]]] = 1.0
        masks.append(mask.reshape(shape))
    return masks


def train(x, y, n_hidden, k, seed, epochs=300, rate=0.01, decay=1e-3, every=4, share=0.75, fraction=0.3):
    random = torch.Generator().manual_seed(seed)
    masks = wiring(x.shape[1], n_hidden, k, (x != 0).any(0), random)
    weights = []
    for mask in masks:
        fans = mask.sum() / mask.shape[0] + mask.sum() / mask.shape[1]
        w = torch.randn(mask.shape, generator=random) * math.sqrt(2.0 / max(float(fans), 1.0)) * mask
        weights.append(torch.nn.Parameter(w))
    biases = [torch.nn.Parameter(torch.zeros(len(mask))) for mask in masks]
    adam = torch.optim.Adam(weights + biases, lr=rate, weight_decay=decay)
    n_updates = epochs * math.ceil(len(x) / 64)
    schedule = torch.optim.lr_scheduler.LambdaLR(adam, lambda t: 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(t, n_updates) / n_updates)))

    def answer(inputs):
        hidden = torch.relu(torch.nn.functional.linear(inputs, weights[0], biases[0]))
        return torch.nn.functional.linear(hidden, weights[1], biases[1])

    for epoch in range(epochs):
        order = torch.randperm(len(x), generator=random)
        for first in range(0, len(x), 64):
            batch = order[first : first + 64]
            adam.zero_grad()
            torch.nn.functional.cross_entropy(answer(x[batch]), y[batch]).backward()
            for w, mask in zip(weights, masks):
                w.grad *= mask
            adam.step()
            schedule.step()
        progress = epoch / (share * epochs)
        if epoch % every == 0 and progress < 1.0:
            rewire(answer, x, y, weights, masks, adam, fraction * 0.5 * (1 + math.cos(math.pi * progress)))
    return answer, masks


def rewire(answer, x, y, weights, masks, adam, fraction):
    adam.zero_grad()
    torch.nn.functional.cross_entropy(answer(x), y, reduction="sum").backward()
    with torch.no_grad():
        flat = [torch.cat([t.reshape(-1) for t in tensors]) for tensors in (weights, masks, [w.grad for w in weights])]
        w, mask, slope = flat
        n = round(fraction * float(mask.sum()))
        weakest = torch.where(mask > 0, w.abs(), torch.inf).topk(n, largest=False).indices
        mask[weakest] = 0.0
        grown = torch.where(mask > 0, -1.0, slope.abs()).topk(n).indices
        mask[grown] = 1.0
        fresh = torch.zeros_like(mask)
        fresh[weakest] = 1.0
        fresh[grown] = 1.0
        sizes = [m.numel() for m in masks]
        for weight, old, new, changed in zip(weights, masks, mask.split(sizes), fresh.split(sizes)):
            old.copy_(new.reshape(old.shape))
            keep = 1.0 - changed.reshape(old.shape)
            weight *= keep * old
            for moment in ("exp_avg", "exp_avg_sq"):
                adam.state[weight][moment] *= keep * old


def report(side, hidden, k, accuracies, seconds, size):
    sd = statistics.stdev(accuracies) if len(accuracies) > 1 else 0.0
    print(f"{side:12} 64-{hidden}-10 {k:5} synapses: {statistics.mean(accuracies):.4f} (sd {sd:.4f}), "
          f"{statistics.median(seconds):.1f} s of processor a run, {size:.0f} bytes a synapse", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bench")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--sizes", nargs="+", default=["64:474", "64:237", "256:947"])
    parser.add_argument("--methods", nargs="+", default=["rigl"])
    args = parser.parse_args()
    torch.set_num_threads(1)
    here = os.path.dirname(os.path.abspath(__file__))
    x, y = read(os.path.join(here, "../../../assets/digits.csv"))
    text = subprocess.run([args.bench, "splits", f"seeds={args.seeds}"], capture_output=True, text=True, check=True).stdout
    tests = [torch.tensor([int(i) for i in line.split()]) for line in text.splitlines() if line.strip()]
    for size in args.sizes:
        hidden, k = (int(part) for part in size.split(":"))
        ours = {method: ([], []) for method in args.methods}
        theirs, seconds = [], []
        for seed, test in enumerate(tests, 1):
            for method, (accuracies, times) in ours.items():
                start = os.times()
                line = subprocess.run(
                    [args.bench, "one", f"method={method}", f"hidden={hidden}", f"synapses={k}", "seeds=1", f"first={seed - 1}"],
                    capture_output=True, text=True, check=True).stdout
                end = os.times()
                times.append(end.children_user + end.children_system - start.children_user - start.children_system)
                accuracies.append(float(re.search(r"synapses: ([0-9.]+)", line).group(1)))
            is_test = torch.zeros(len(x), dtype=torch.bool)
            is_test[test] = True
            start = time.process_time()
            answer, masks = train(x[~is_test], y[~is_test], hidden, k, seed)
            seconds.append(time.process_time() - start)
            assert int(sum(mask.sum() for mask in masks)) == k
            with torch.no_grad():
                theirs.append((answer(x[is_test]).argmax(1) == y[is_test]).float().mean().item())
        candidates = 64 * hidden + 10 * hidden
        for method, (accuracies, times) in ours.items():
            # State: source, target, weight, two moments and the entity of a living synapse. While the wiring moves, beside it the pair,
            # place, number, weight (three times) and slope of every candidate.
            report(f"lehr {method}", hidden, k, accuracies, times, 28)
            moving = 28 + (8 + 8 + 4 + 12 + 4) * candidates / k
            print(f"{'':12} {moving:.0f} bytes a synapse while all pairs are candidates")
        # Weight, mask, slope and two moments of every candidate.
        report("torch rigl", hidden, k, theirs, seconds, 20 * candidates / k)


if __name__ == "__main__":
    main()
