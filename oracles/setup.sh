#!/usr/bin/env bash
# Makes the Python environment of the outside oracles and speed peers (about 5.4 GB).
# Idempotent: does nothing when the environment already matches the pins.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
venv="${RESOLVENT_ORACLES:-${XDG_CACHE_HOME:-$HOME/.cache}/resolvent/oracles}"
mamba_ssm="2.3.2.post1"

# The stamp holds the pins, so changing them causes one more installation.
pins="$(cat "$here/requirements.txt"; echo "mamba-ssm==$mamba_ssm")"
if [ -f "$venv/pins.txt" ] && [ "$(cat "$venv/pins.txt")" = "$pins" ]; then
  echo "oracles ready: $venv"
  exit 0
fi

[ -x "$venv/bin/python" ] || "${PYTHON:-python3}" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet -r "$here/requirements.txt"

# mamba-ssm without its CUDA extension: only its reference functions in Python are wanted.
# --no-deps keeps out the CUDA-only packages; --no-build-isolation lets it see our torch.
MAMBA_SKIP_CUDA_BUILD=TRUE MAMBA_FORCE_BUILD=TRUE \
  "$venv/bin/python" -m pip install --quiet --no-deps --no-build-isolation "mamba-ssm==$mamba_ssm"

printf '%s\n' "$pins" > "$venv/pins.txt"
echo "oracles ready: $venv"
