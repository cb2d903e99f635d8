#!/bin/sh
# Question: does a scene of 10 million synapses load, run 10 steps and checkpoint within 4 GB?
# The address space is limited to 4 GB, so that passing is proof.
set -eu
cd "$(dirname "$0")/.."
cargo build --release --quiet
lehr="$PWD/target/release/lehr"
dir="$(mktemp -d)"
trap 'rm -rf "$dir"' EXIT
cat > "$dir/large.ron" <<'SCENE'
// Watch nothing: this asks for memory. A million neurons, ten million couplings.
Scene(
    format: 1,
    steps: 10,
    populations: [Spins(name: "spins", count: 1000000)],
    projections: [Symmetric(couplings: RandomGraph(n_couplings: 10000000, strengths: PlusMinus(1.0)))],
    systems: [Sample(temperature: 2.0)],
)
SCENE
cd "$dir"
ulimit -v 3906250
export MALLOC_ARENA_MAX=2
"$lehr" check large.ron --memory-limit 4GiB
"$lehr" run large.ron --memory-limit 4GiB --checkpoint-every 5 --json --out run --threads 2 | tail -n 1
ls -l run
"$lehr" info run
