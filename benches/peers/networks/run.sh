#!/usr/bin/env bash
# Compares fused quantised passes with PyTorch and ONNX Runtime: bash benches/peers/networks/run.sh [--rounds N] [--seconds S] [--only 784x512]
#
# Installs the peers into a virtual environment and builds lehr's bench, both below benches/peers/build (LEHR_PEERS_BUILD
# elsewhere), which git ignores. LEHR_PEERS_PYTHON names a Python that has the peers already. One thread each.
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
bench=$(cargo bench --locked --bench quantised --no-run --message-format=json ${LEHR_PEERS_TARGET:+--target-dir "$LEHR_PEERS_TARGET"} |
    "$python" -c 'import json, sys; print([m["executable"] for m in map(json.loads, sys.stdin) if m.get("executable")][-1])')
export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
exec "$python" "$here/fused.py" "$bench" "$@"
