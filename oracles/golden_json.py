"""Golden files in JSON for numerics without tensors: numpy and scipy only, no torch.

`run` writes `golden/<name>.json` or, with `--check`, recomputes and fails when a number has drifted.
"""

import argparse
import importlib.metadata
import json
import os
import sys
from pathlib import Path

# One thread: with more, the order of the sums and so the last digits depend on the machine.
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

FOLDER = Path(__file__).parent / "golden"
MAX_BYTES = 100_000
PACKAGES = ("numpy", "scipy")


def versions():
    """Installed versions of the packages that decide the numbers."""
    return {name: importlib.metadata.version(name) for name in PACKAGES}


def drift(old, new):
    """Largest difference of two nested values, relative to max(1, |value|); infinite for other shapes."""
    if isinstance(new, dict):
        same = isinstance(old, dict) and old.keys() == new.keys()
        return max((drift(old[k], v) for k, v in new.items()), default=0.0) if same else float("inf")
    if isinstance(new, list):
        same = isinstance(old, list) and len(old) == len(new)
        return max((drift(o, n) for o, n in zip(old, new)), default=0.0) if same else float("inf")
    if isinstance(new, (int, float)) and isinstance(old, (int, float)):
        return abs(old - new) / max(1.0, abs(new))
    return 0.0 if old == new else float("inf")


def run(name, script, cases, tolerance):
    """Writes or checks one file of `{group: [case, ...]}`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    check = parser.parse_args().check
    path = FOLDER / f"{name}.json"
    if check:
        stored = json.loads(path.read_text())
        for group, expected in cases.items():
            error = drift(stored.get(group), expected)
            if not error <= tolerance:  # also catches NaN
                sys.exit(f"{path.name}: {group} differs by {error:.3g}, tolerance {tolerance:g}")
        print(f"{path.name}: ok")
        return
    header = {"script": script, "tolerance": tolerance, **versions()}
    text = json.dumps({"header": header, **cases}, separators=(",", ":")) + "\n"
    if len(text) > MAX_BYTES:
        sys.exit(f"{path.name} would have {len(text)} bytes, at most {MAX_BYTES}")
    path.write_text(text)
    print(f"{path.name}: {len(text)} bytes")
