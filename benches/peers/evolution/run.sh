#!/usr/bin/env bash
# A generation of XOR in lehr and in neat-python, in turns, one thread: bash benches/peers/evolution/run.sh [--rounds N] [--generations N]
#
# Installs neat-python into a virtual environment and builds lehr's side, both below benches/peers/build (LEHR_PEERS_BUILD elsewhere),
# which git ignores.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=${LEHR_PEERS_BUILD:-$here/../build}
mkdir -p "$build"
build=$(cd "$build" && pwd)
if [ ! -x "$build/evolution/bin/python" ]; then
    python3 -m venv "$build/evolution"
fi
"$build/evolution/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
CARGO_TARGET_DIR="$build/target" cargo build --release --locked --manifest-path "$here/../sides/Cargo.toml" --bin evolution_side
exec "$build/evolution/bin/python" "$here/generation.py" "$build/target/release/evolution_side" "$@"
