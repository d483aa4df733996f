"""Golden files: one place that fixes determinism, the header and the comparison.

Every oracle script builds `{case: tensors}` and hands it to `run`, which either writes
`golden/<case>.safetensors` or, with `--check`, recomputes and fails when a file has drifted.
"""

import argparse
import importlib.metadata
import json
import sys
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

FOLDER = Path(__file__).parent / "golden"
MAX_BYTES = 100_000
PACKAGES = ("torch", "transformers", "mamba-ssm", "safetensors", "numpy")

# One thread: with more, the order of the sums and so the last digits depend on the machine.
torch.set_num_threads(1)


def versions():
    """Installed versions of the packages that decide the numbers."""
    return {name: importlib.metadata.version(name) for name in PACKAGES}


class Draw:
    """Seeded random tensors: f64, but exactly representable in f32.

    An f32 reader therefore starts from the very same inputs as an f64 one.
    """

    def __init__(self, seed):
        self.generator = torch.Generator().manual_seed(seed)

    def normal(self, *shape, scale=1.0):
        values = scale * torch.randn(*shape, generator=self.generator, dtype=torch.float64)
        return values.float().double()

    def uniform(self, low, high, *shape):
        values = low + (high - low) * torch.rand(*shape, generator=self.generator, dtype=torch.float64)
        return values.float().double()


def with_gradients(inputs, outputs_of, draw):
    """Runs `outputs_of(**inputs)` and back-propagates random cotangents.

    Returns inputs, outputs, the cotangents `g<output>` and the gradients `grad_<input>` of the
    scalar loss `sum(output * g<output>)` over all outputs.
    """
    leaves = {k: v.clone().requires_grad_(v.is_floating_point()) for k, v in inputs.items()}
    outputs = outputs_of(**leaves)
    cotangents = {f"g{k}": draw.normal(*v.shape) for k, v in outputs.items()}
    loss = sum((outputs[k] * cotangents[f"g{k}"]).sum() for k in outputs)
    wanted = [k for k, v in leaves.items() if v.requires_grad]
    gradients = torch.autograd.grad(
        loss, [leaves[k] for k in wanted], allow_unused=True, materialize_grads=True
    )
    detached = {k: v.detach() for k, v in outputs.items()}
    return {**inputs, **detached, **cotangents, **{f"grad_{k}": g for k, g in zip(wanted, gradients)}}


def packed_index(lengths):
    """`seq_idx [batch, length]` i32 from the lengths of the packed sequences of every row."""
    rows = [torch.repeat_interleave(torch.arange(len(row)), torch.tensor(row)) for row in lengths]
    return torch.stack(rows).int()


def packed_parts(seq_idx):
    """The inverse: for every row the lengths of its packed sequences."""
    return [torch.unique_consecutive(row, return_counts=True)[1].tolist() for row in seq_idx]


def assert_close(what, got, want, tolerance):
    """Fails unless `got` equals `want` within `tolerance`, relative to max(1, |want|)."""
    if got.shape != want.shape:
        sys.exit(f"{what}: shape {tuple(got.shape)}, expected {tuple(want.shape)}")
    if got.numel() == 0:
        return
    error = ((got.double() - want.double()).abs() / want.double().abs().clamp(min=1.0)).max().item()
    if not error <= tolerance:  # also catches NaN
        sys.exit(f"{what}: differs by {error:.3g}, tolerance {tolerance:g}")


def sort_header(path):
    """safetensors shuffles its metadata; sorted, equal contents are equal bytes (and no diff)."""
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8 : 8 + size]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)  # keeps the tensors aligned
    path.write_bytes(len(header).to_bytes(8, "little") + header + content[8 + size :])


def write(path, tensors, script, tolerance, **facts):
    """Writes one golden file with its header."""
    header = {"script": script, "tolerance": f"{tolerance:g}", **versions()}
    header.update({k: str(v) for k, v in facts.items()})
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({k: v.contiguous() for k, v in tensors.items()}, path, metadata=header)
    sort_header(path)
    path.chmod(0o644)  # safetensors writes for the owner alone
    if path.stat().st_size >= MAX_BYTES:
        sys.exit(f"{path.name}: {path.stat().st_size} bytes, golden files stay under {MAX_BYTES}")


def check(path, tensors, tolerance):
    """Fails when the stored tensors differ from freshly computed ones."""
    if not path.exists():
        sys.exit(f"{path}: missing; run the script without --check")
    with safe_open(path, framework="pt") as stored:
        if set(stored.keys()) != set(tensors):
            sys.exit(f"{path.name}: holds {sorted(stored.keys())}, expected {sorted(tensors)}")
        header = stored.metadata()
        for package, version in versions().items():
            if header[package] != version:
                print(f"{path.name}: made with {package} {header[package]}, checking with {version}")
        for name, value in tensors.items():
            assert_close(f"{path.name}: {name}", stored.get_tensor(name), value, tolerance)


def wants_check(description):
    """Reads the one flag that all oracle scripts share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--check", action="store_true", help="recompute, fail on drift, write nothing")
    return parser.parse_args().check


def run(script, description, cases, tolerance):
    """Writes or checks `golden/<case>.safetensors` for every `(case, tensors, facts)`."""
    checking = wants_check(description)
    for case, tensors, facts in cases:
        path = FOLDER / f"{case}.safetensors"
        if checking:
            check(path, tensors, tolerance)
        else:
            write(path, tensors, script, tolerance, **facts)
        print(f"{'checked' if checking else 'wrote'} {path.name}")
