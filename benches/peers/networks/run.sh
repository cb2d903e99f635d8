#!/usr/bin/env bash
# Compares networks with their peers: bash benches/peers/networks/run.sh [fused|inference|training|rewiring|rbm [OPTIONS]]
#
#   fused       fused quantised passes [--rounds N] [--seconds S] [--only 784x512]
#   inference   sparse networks at 10 %, 1 and 64 samples
#   training    an update noise-aware and plain, and 10 M synapses by Adam [iteration] [sparse] [--rounds N]
#   rewiring    sparse digits against masks with rewiring in the style of RigL [--seeds N] [--sizes 64:474] [--methods rigl thermo]
#   rbm         a restricted Boltzmann machine on digits, beside scikit-learn [--rounds N]
#
# All five if none is named. Installs the peers into a virtual environment and builds lehr's sides, both below
# benches/peers/build (LEHR_PEERS_BUILD elsewhere), which git ignores. LEHR_PEERS_PYTHON names a Python that has the peers
# already. One thread each, but for the 10 M synapses.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=${LEHR_PEERS_BUILD:-$here/../build}
mkdir -p "$build"
build=$(cd "$build" && pwd)
python=${LEHR_PEERS_PYTHON:-$build/networks/bin/python}

if [ ! -x "$python" ]; then
    python3 -m venv "$build/networks"
    "$python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt"
fi
cd "$here/../../.."

bench() {
    cargo bench --locked --bench "$1" --no-run --message-format=json ${LEHR_PEERS_TARGET:+--target-dir "$LEHR_PEERS_TARGET"} |
        "$python" -c 'import json, sys; print([m["executable"] for m in map(json.loads, sys.stdin) if m.get("executable")][-1])'
}

fused() {
    OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 "$python" "$here/fused.py" "$(bench quantised)" "$@"
}

inference() {
    CARGO_TARGET_DIR="$build/target" cargo build --release --locked --manifest-path "$here/../sides/Cargo.toml" --bin inference_side
    OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 "$python" "$here/inference.py" "$build/target/release/inference_side" "$@"
}

training() {
    "$python" "$here/training.py" "$(bench train)" "$@"
}

rewiring() {
    OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 "$python" "$here/rewiring.py" "$(bench rewiring)" "$@"
}

rbm() {
    CARGO_TARGET_DIR="$build/target" cargo build --release --locked --bin lehr
    "$python" "$here/rbm.py" "$build/target/release/lehr" "$@"
}

case ${1:-all} in
fused | inference | training | rewiring | rbm) "$@" ;;
all)
    fused
    inference
    training
    rewiring
    rbm
    ;;
*)
    echo "run.sh: no comparison $1: fused, inference, training, rewiring or rbm" >&2
    exit 2
    ;;
esac
