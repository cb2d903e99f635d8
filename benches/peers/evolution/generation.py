"""A generation of XOR in lehr and in neat-python, in turns, so that a busy machine slows both: medians, and medians of ratios.

    python generation.py SIDE [--rounds N] [--generations N]

SIDE is the executable evolution_side. Both evolve XOR with 150 and with 1,000 genomes for so many generations, solved or not: breeding,
species, building networks and judging, in processor time, one thread. neat-python has the settings of its own XOR example.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time

import neat

CASES = [((0.0, 0.0), 0.0), ((0.0, 1.0), 1.0), ((1.0, 0.0), 1.0), ((1.0, 1.0), 0.0)]

CONFIG = """
[NEAT]
fitness_criterion = max
fitness_threshold = 1000
no_fitness_termination = True
pop_size = {population}
reset_on_extinction = True

[DefaultStagnation]
species_fitness_func = max
max_stagnation = 20
species_elitism = 2

[DefaultReproduction]
elitism = 2
survival_threshold = 0.2
min_species_size = 2

[DefaultSpeciesSet]
compatibility_threshold = 3.0

[DefaultGenome]
num_inputs = 2
num_hidden = 0
num_outputs = 1
initial_connection = full_direct
feed_forward = True
compatibility_disjoint_coefficient = 1.0
compatibility_weight_coefficient = 0.5
compatibility_excess_coefficient = auto
conn_add_prob = 0.5
conn_delete_prob = 0.5
node_add_prob = 0.2
node_delete_prob = 0.2
single_structural_mutation = False
structural_mutation_surer = default
activation_default = sigmoid
activation_options = sigmoid
activation_mutate_rate = 0.0
aggregation_default = sum
aggregation_options = sum
aggregation_mutate_rate = 0.0
bias_init_mean = 0.0
bias_init_stdev = 1.0
bias_init_type = gaussian
bias_replace_rate = 0.1
bias_mutate_rate = 0.7
bias_mutate_power = 0.5
bias_max_value = 30.0
bias_min_value = -30.0
response_init_mean = 1.0
response_init_stdev = 0.0
response_init_type = gaussian
response_replace_rate = 0.0
response_mutate_rate = 0.0
response_mutate_power = 0.0
response_max_value = 30.0
response_min_value = -30.0
time_constant_init_mean = 1.0
time_constant_init_stdev = 0.0
time_constant_init_type = gaussian
time_constant_replace_rate = 0.0
time_constant_mutate_rate = 0.0
time_constant_mutate_power = 0.0
time_constant_max_value = 10.0
time_constant_min_value = 0.01
weight_max_value = 30
weight_min_value = -30
weight_init_mean = 0.0
weight_init_stdev = 1.0
weight_init_type = gaussian
weight_mutate_rate = 0.8
weight_replace_rate = 0.1
weight_mutate_power = 0.5
enabled_default = True
enabled_mutate_rate = 0.01
enabled_rate_to_true_add = 0.0
enabled_rate_to_false_add = 0.0
"""


def judge(genomes, config):
    for _, genome in genomes:
        genome.fitness = 4.0
        net = neat.nn.FeedForwardNetwork.create(genome, config)
        for x, y in CASES:
            genome.fitness -= (net.activate(x)[0] - y) ** 2


def neat_python(population, generations):
    """Processor seconds a generation."""
    with tempfile.NamedTemporaryFile("w", suffix=".ini", delete=False) as file:
        file.write(CONFIG.format(population=population))
    config = neat.Config(neat.DefaultGenome, neat.DefaultReproduction, neat.DefaultSpeciesSet, neat.DefaultStagnation, file.name)
    os.unlink(file.name)
    everyone = neat.Population(config)
    start = time.process_time()
    everyone.run(judge, generations)
    return (time.process_time() - start) / generations


def lehr(side, population, generations, seed):
    line = subprocess.run(
        [side, str(population), str(generations), str(seed)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "RAYON_NUM_THREADS": "1"},
    ).stdout
    return json.loads(line)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("side")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--generations", type=int, default=60)
    args = parser.parse_args()
    print(f"{'genomes':>8} {'neat-python ms':>15} {'lehr ms':>9} {'ratio':>8}   lehr us a genome: breed, species, plan, judge")
    for population in (150, 1000):
        theirs, ours, parts = [], [], []
        for seed in range(args.rounds):
            theirs.append(neat_python(population, args.generations))
            line = lehr(args.side, population, args.generations, seed)
            ours.append(line["total"])
            parts.append(line)
        ratio = statistics.median(a / b for a, b in zip(theirs, ours))
        us = ", ".join(f"{1e6 * statistics.median(p[k] for p in parts) / population:.2f}" for k in ("breed", "species", "plan", "judge"))
        print(f"{population:>8} {1e3 * statistics.median(theirs):>15.2f} {1e3 * statistics.median(ours):>9.3f} {ratio:>8.0f}   {us}")
    rate = statistics.median(p["multiplexer"] for p in parts)
    print(f"11-multiplexer, 600 genomes: {rate:,.0f} genomes a second over 2,048 cases, one thread (SharpNEAT 4.1's notes: 20,000 on 8)")


if __name__ == "__main__":
    main()
