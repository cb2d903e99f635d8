"""Times the peers that come from PyPI on one instance file and prints one JSON line a measurement.

usage: peers.py PEER INSTANCE SWEEPS READS SEED

An instance is a rudy edge list (`n m`, then `i j w` from 1); the energy is H = sum w s_i s_j. Every
peer is used as its documentation says it is fastest, on one thread, and only its sampling loop is
timed, in CPU time: reading the file and building the model are left out, which favours the peer.
Betas run geometrically from 0.1 to 3, except for thrml, whose program has one fixed beta.
"""

import json
import os
import sys
import time

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["JAX_PLATFORMS"] = "cpu"

import numpy as np  # noqa: E402  (after the thread limits)

BETA_MIN, BETA_MAX = 0.1, 3.0
DENSE_ABOVE = 0.5  # share of all pairs


def read_instance(path):
    with open(path) as file:
        n, m = (int(word) for word in file.readline().split()[:2])
        rows = np.loadtxt(file, ndmin=2)
    assert rows.shape == (m, 3), f"{path}: {rows.shape[0]} edges, the header says {m}"
    return n, rows[:, 0].astype(int) - 1, rows[:, 1].astype(int) - 1, rows[:, 2]


def cpu_time_of(function, spent):
    """Wraps `function` so that its CPU time is added to `spent[0]`."""

    def timed(*args, **kwargs):
        start = time.process_time()
        result = function(*args, **kwargs)
        spent[0] += time.process_time() - start
        return result

    return timed


def dwave(n, i, j, w, sweeps, reads, seed):
    import dimod
    import dwave.samplers.sa.sampler as module

    bqm = dimod.BinaryQuadraticModel.from_numpy_vectors(np.zeros(n), (i, j, w), 0.0, dimod.SPIN)
    sampler, inner, spent = module.SimulatedAnnealingSampler(), module.simulated_annealing, [0.0]
    module.simulated_annealing = cpu_time_of(inner, spent)
    found = sampler.sample(
        bqm,
        beta_range=(BETA_MIN, BETA_MAX),
        beta_schedule_type="geometric",
        num_sweeps=sweeps,
        num_reads=reads,
        seed=seed,
        randomize_order=False,
        proposal_acceptance_criteria="Metropolis",
    )
    module.simulated_annealing = inner
    return spent[0], found.record.energy.tolist()


def openjij(n, i, j, w, sweeps, reads, seed):
    import openjij as oj

    sparse = len(w) < DENSE_ABOVE * n * (n - 1) / 2
    quadratic = {(int(a), int(b)): float(x) for a, b, x in zip(i, j, w)}
    bqm = oj.model.model.BinaryQuadraticModel({k: 0.0 for k in range(n)}, quadratic, 0.0, "SPIN", sparse=sparse)
    sampler, spent = oj.SASampler(), [0.0]
    sampler._algorithm["singlespinflip"] = cpu_time_of(sampler._algorithm["singlespinflip"], spent)
    found = sampler.sample(
        bqm, beta_min=BETA_MIN, beta_max=BETA_MAX, num_sweeps=sweeps, num_reads=reads, sparse=sparse, seed=seed
    )
    return spent[0], [float(e) for e in found.energies]


def openjij_hubo(n, i, j, w, sweeps, reads, seed):
    """OpenJij's newer polynomial sampler, timed as a whole since its loop has no seam (small models only)."""
    import openjij as oj

    quadratic = {(int(a), int(b)): float(x) for a, b, x in zip(i, j, w)}
    times = []
    for count in (1, sweeps + 1):
        start = time.process_time()
        found = oj.SASampler().sample_hubo(
            quadratic, "SPIN", num_sweeps=count, num_reads=reads, num_threads=1,
            beta_min=BETA_MIN, beta_max=BETA_MAX, updater="METROPOLIS", random_number_engine="XORSHIFT", seed=seed,
        )
        times.append(time.process_time() - start)
    return times[1] - times[0], [float(e) for e in found.energies]


def colours_of(n, i, j):
    """Greedy colouring in index order."""
    neighbours = [[] for _ in range(n)]
    for a, b in zip(i.tolist(), j.tolist()):
        neighbours[a].append(b)
        neighbours[b].append(a)
    colour = [-1] * n
    for v in range(n):
        taken = {colour[u] for u in neighbours[v]}
        colour[v] = next(c for c in range(n + 1) if c not in taken)
    return colour


def thrml(n, i, j, w, sweeps, reads, seed):
    """Block Gibbs sampling on CPU, `reads` chains under one vmap, at beta 1 (its cost does not depend on it)."""
    import jax
    import jax.numpy as jnp
    from thrml import Block, SamplingSchedule, SpinNode, sample_states
    from thrml.models import IsingEBM, IsingSamplingProgram, hinton_init

    nodes = [SpinNode() for _ in range(n)]
    edges = [(nodes[a], nodes[b]) for a, b in zip(i.tolist(), j.tolist())]
    model = IsingEBM(nodes, edges, jnp.zeros(n), jnp.array(-w, dtype=jnp.float32), jnp.array(1.0))
    colour = colours_of(n, i, j)
    blocks = [Block([nodes[v] for v in range(n) if colour[v] == c]) for c in range(max(colour) + 1)]
    program = IsingSamplingProgram(model, blocks, clamped_blocks=[])
    schedule = SamplingSchedule(n_warmup=sweeps - 1, n_samples=1, steps_per_sample=1)
    init = hinton_init(jax.random.key(seed), model, blocks, (reads,))
    chains = jax.jit(jax.vmap(lambda key, start: sample_states(key, program, schedule, start, [], [Block(nodes)])))
    keys = jax.random.split(jax.random.key(seed + 1), reads)
    jax.block_until_ready(chains(keys, init))  # compiles
    start = time.process_time()
    states = jax.block_until_ready(chains(keys, init))
    spent = time.process_time() - start
    spins = np.asarray(states[0]).reshape(reads, n) * 2.0 - 1.0
    return spent, [float((w * s[i] * s[j]).sum()) for s in spins]


PEERS = {"dwave": dwave, "openjij": openjij, "openjij_hubo": openjij_hubo, "thrml": thrml}


def main():
    peer, path, sweeps, reads, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
    n, i, j, w = read_instance(path)
    seconds, energies = PEERS[peer](n, i, j, w, sweeps, reads, seed)
    print(json.dumps({
        "engine": peer,
        "instance": os.path.splitext(os.path.basename(path))[0],
        "updates": n * sweeps * reads,
        "cpu_seconds": seconds,
        "best_energy": min(energies),
        "mean_energy": sum(energies) / len(energies),
    }))


if __name__ == "__main__":
    main()
