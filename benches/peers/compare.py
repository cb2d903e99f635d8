"""Runs lehr and its peers side by side on the same instances and prints medians of ratios.

usage: compare.py BUILD_FOLDER [--reps N] [--only NAME] [--without PEER|threads|agreement] [--gset FOLDER]

In each repetition every engine runs once on every instance, one after another, so that other load on
the machine hits all alike; a ratio compares two runs of one repetition. Rates are spin updates
(spins x sweeps x reads) a second of CPU time on one thread, with reading and set-up left out for all.
`lehr_roof` is no sampler: as many spins and lanes without couplings, which draw numbers, compare them and do nothing else.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
MANY = 512  # replicas of a lane engine

# instance: peer -> (sweeps, reads). Chosen for about half a second of CPU time each.
SPARSE = {"openjij": (2000, 1), "dwave": (2000, 1), "ferrotherm": (2000, 1)}
THRML = {"thrml": (100, 32)}
DENSE = {"openjij": (4000, 1), "dwave": (600, 1), "ferrotherm": (400, 1)}
INSTANCES = {
    "torus_128": {**SPARSE, **THRML, "lehr_one": (4000, 4), "lehr_lanes": (1000, MANY), "lehr_shared": (4000, MANY)},
    "regular_3": {**SPARSE, **THRML, "lehr_one": (8000, 4), "lehr_lanes": (1500, MANY), "lehr_shared": (8000, MANY)},
    "G1": {k: (20000, 1) for k in SPARSE} | {"lehr_one": (80000, 2), "lehr_lanes": (3000, MANY), "lehr_shared": (5000, MANY)},
    "G22": {k: (10000, 1) for k in SPARSE}
    | {"lehr_one": (40000, 2), "lehr_lanes": (3000, MANY), "lehr_shared": (8000, MANY), "lehr_roof": (3000, MANY)},
    "torus_gauss": {**SPARSE, "lehr_one": (4000, 2), "lehr_lanes": (200, MANY)},
    "sk_gauss": {**DENSE, "lehr_one": (8000, 1), "lehr_lanes": (300, 64)},
    "sk_pm1": {**DENSE, "lehr_one": (16000, 1), "lehr_lanes": (300, 64)},
}
PEERS = ("openjij", "dwave", "ferrotherm", "thrml")

# Two threads against one in wall time: (instance, engine, sweeps, reads), aims all 1.8.
THREADS = [
    ("torus_128", "lehr_lanes", 1500, MANY),
    ("torus_128", "lehr_shared", 8000, MANY),
    ("regular_3", "lehr_lanes", 2500, MANY),
    ("torus_gauss", "lehr_lanes", 200, MANY),
    ("torus_1000", "lehr_one", 400, 1),
    ("torus_1000", "lehr_lanes", 30, MANY),
]

# What the engines aim at: (instances, engine, denominator, least ratio); "best" is the best peer of the repetition.
AIMS = [
    (("torus_128", "regular_3", "G1", "G22"), "lehr_one", "openjij", 3.5),
    (("torus_128", "regular_3", "G1", "G22"), "lehr_one", "dwave", 4.5),
    (("sk_gauss",), "lehr_one", "openjij", 3.0),
    (("sk_pm1",), "lehr_one", "openjij", 8.0),
    (("torus_128", "regular_3"), "lehr_lanes", "best", 80.0),
    (("G22",), "lehr_lanes", "best", 20.0),
    (("torus_128", "regular_3"), "lehr_shared", "best", 250.0),
    (("G22",), "lehr_shared", "best", 90.0),
    (("torus_gauss",), "lehr_lanes", "best", 15.0),
]


def command(build, engine, path, sweeps, reads, seed):
    numbers = [str(sweeps), str(reads), str(seed)]
    binaries = os.path.join(build, "target", "release")
    if engine.startswith("lehr_"):
        return [os.path.join(binaries, "lehr_side"), engine.removeprefix("lehr_"), path, *numbers]
    if engine == "ferrotherm":
        return [os.path.join(binaries, "ferrotherm_side"), path, *numbers]
    return [os.path.join(build, "venv", "bin", "python"), os.path.join(HERE, "peers.py"), engine, path, *numbers]


def measure(build, engine, path, sweeps, reads, seed, threads=1):
    """The JSON line of one run, or None if the engine does not take the instance."""
    env = {**os.environ, "RAYON_NUM_THREADS": str(threads)}
    run = subprocess.run(command(build, engine, path, sweeps, reads, seed), capture_output=True, text=True, env=env)
    if run.returncode != 0:
        print(f"  {engine}: {run.stderr.strip().splitlines()[-1] if run.stderr.strip() else run.returncode}", file=sys.stderr)
        return None
    return json.loads(run.stdout.strip().splitlines()[-1])


def rate(line):
    return line["updates"] / line["cpu_seconds"] / 1e6


def table_of(name, runs):
    """`runs` is one dictionary engine -> line a repetition."""
    print(f"\n{name}")
    print(f"  {'engine':<14}{'M updates/s':>12}{'of best peer':>14}{'best energy':>14}{'mean energy':>14}")
    for engine in dict.fromkeys(engine for run in runs for engine in run):
        lines = [run[engine] for run in runs if engine in run]
        ratios = [rate(run[engine]) / best_peer(run) for run in runs if engine in run and best_peer(run)]
        ratio = f"{statistics.median(ratios):.2f}" if ratios else "-"
        best = min(line["best_energy"] for line in lines)
        mean = statistics.fmean(line["mean_energy"] for line in lines)
        print(f"  {engine:<14}{statistics.median(map(rate, lines)):>12.1f}{ratio:>14}{best:>14.2f}{mean:>14.2f}")


def best_peer(run):
    return max((rate(run[peer]) for peer in PEERS if peer in run), default=None)


def print_aims(results):
    print("\nratios in CPU time, median over repetitions")
    print(f"  {'instance':<14}{'engine':<14}{'against':<12}{'ratio':>8}{'asked':>8}")
    for instances, engine, against, least in AIMS:
        for name in instances:
            ratios = []
            for run in results.get(name, []):
                denominator = best_peer(run) if against == "best" else rate(run[against]) if against in run else None
                if engine in run and denominator:
                    ratios.append(rate(run[engine]) / denominator)
            if ratios:
                ratio = statistics.median(ratios)
                print(f"  {name:<14}{engine:<14}{against:<12}{ratio:>8.2f}{least:>8.1f}  {'' if ratio >= least else 'SHORT'}")


def print_threads(build, reps):
    print("\ntwo threads against one, wall time, median over repetitions (only a quiet machine shows it)")
    for name, engine, sweeps, reads in THREADS:
        path = os.path.join(build, "instances", f"{name}.txt")
        ratios = []
        for rep in range(1, reps + 1):
            lines = [measure(build, engine, path, sweeps, reads, rep, threads) for threads in (1, 2)]
            if None not in lines:
                ratios.append(lines[0]["wall_seconds"] / lines[1]["wall_seconds"])
        if ratios:
            print(f"  {name:<14}{engine:<14}{statistics.median(ratios):>8.2f}")


def agreement(build, instances):
    """Mean energies at fixed temperatures: lanes with independent numbers against one replica."""
    print("\nmean energy a spin at fixed beta, +- standard error: lanes against one replica")
    for name, path in instances.items():
        run = subprocess.run(
            [os.path.join(build, "target", "release", "agreement"), path], capture_output=True, text=True,
            env={**os.environ, "RAYON_NUM_THREADS": "1"},
        )
        if run.returncode == 0:
            for line in map(json.loads, run.stdout.splitlines()):
                print("  {instance:<12} beta {beta:<4} one {one:+.5f} +- {one_error:.5f}   lanes {lanes:+.5f} +- {lanes_error:.5f}"
                      "   {sigmas:+.1f} sigma".format(**line))
        else:
            print(f"  {name}: {run.stderr.strip()}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--reps", type=int, default=5)
    parser.add_argument("--only", action="append")
    parser.add_argument("--without", action="append", default=[], choices=[*PEERS, "agreement", "threads"])
    parser.add_argument("--gset")
    options = parser.parse_args()
    options.gset = options.gset or os.path.join(options.build, "gset")
    paths = {}
    for name in options.only or INSTANCES:
        folder = options.gset if name.startswith("G") else os.path.join(options.build, "instances")
        path = os.path.join(folder, f"{name}.txt")
        if os.path.exists(path):
            paths[name] = path
        else:
            print(f"{name}: no file {path}: left out (give the folder of the G-set by --gset)")
    results = {name: [] for name in paths}
    skipped = {(name, engine) for name in paths for engine in options.without}
    try:
        for rep in range(1, options.reps + 1):
            for name, path in paths.items():
                run = {}
                for engine, (sweeps, reads) in INSTANCES[name].items():
                    if (name, engine) in skipped:
                        continue
                    line = measure(options.build, engine, path, sweeps, reads, rep)
                    if line is None:
                        skipped.add((name, engine))
                    else:
                        run[engine] = line
                results[name].append(run)
            print(f"repetition {rep} of {options.reps} done", file=sys.stderr)
    except KeyboardInterrupt:
        print("interrupted: what was measured so far follows", file=sys.stderr)
    for name, runs in results.items():
        if runs:
            table_of(name, runs)
    print_aims(results)
    if "threads" not in options.without:
        print_threads(options.build, options.reps)
    if "agreement" not in options.without:
        agreement(options.build, {name: path for name, path in paths.items() if name in ("torus_128", "regular_3", "G22")})


if __name__ == "__main__":
    main()
