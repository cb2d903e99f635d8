#!/usr/bin/env bash
# Compares lehr with its peers on this machine: bash benches/peers/run.sh [--reps N] [--only NAME] [--gset FOLDER]
#
# Installs dwave-samplers, OpenJij and thrml (with jax for CPU) into a virtual environment and builds ferrotherm and lehr (sides/),
# all below benches/peers/build (LEHR_PEERS_BUILD elsewhere), which git ignores. G1 and G22 are read from the folder given by
# --gset or GSET, by default benches/peers/build/gset, and left out if absent.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=${LEHR_PEERS_BUILD:-$here/build}
mkdir -p "$build/instances"

if [ ! -x "$build/venv/bin/python" ]; then
    python3 -m venv "$build/venv"
fi
"$build/venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
CARGO_TARGET_DIR="$build/target" cargo build --release --locked --manifest-path "$here/sides/Cargo.toml"
"$build/target/release/instances" all "$build/instances"

exec "$build/venv/bin/python" "$here/compare.py" "$build" ${GSET:+--gset "$GSET"} "$@"
