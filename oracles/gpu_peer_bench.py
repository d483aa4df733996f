"""Times other people's GPU kernels at the sizes of `device_bench` and prints the same CSV columns.

Peers: mamba-ssm's `mamba_chunk_scan_combined` and gated norm (Triton), flash-linear-attention's
`chunk_simple_gla` (the same recurrence with one group per head), `chunk_dplr_delta_rule` and
`chunk_rwkv7` (peer `fla_rwkv7`: the same with longer chunks, for bounded decays), PyTorch's depthwise `conv1d` and
SiLU. The packages are pure Python; put the folders `mamba_ssm` (of the sdist) and `fla` (of the
wheel fla-core) on PYTHONPATH, no installation is needed:

  PYTHONPATH=folder python oracles/gpu_peer_bench.py --peers mamba_ssm,fla --dtypes bf16

A sample is the wall-clock time of five calls, the device synchronised before and after, over five,
as in `device_bench`; the first calls, which compile and tune, are not timed. `bytes_beyond_inputs` is
the peak that PyTorch allocated less what it had before: outputs and gradients count, inputs do not. With `--json` the same goes into one document, with versions and failures,
which `resolvent bench lengths` reads.
"""

import argparse
import contextlib
import importlib.metadata
import importlib.util
import json
import sys
import time
import traceback
import types

import torch
import torch.nn.functional as F

CALLS = 5
SIZES = ["batch", "len", "heads", "head_dim", "state", "groups"]
COLUMNS = ["library", "op", "mode", "dtype", *SIZES]
COLUMNS += ["median_ms", "q20_ms", "q80_ms", "runs", "bytes_beyond_inputs"]
DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}
NAMES = {"f32": "F32", "bf16": "BF16", "f16": "F16"}


def without_init(package):
    """Makes a package importable without running its __init__, which wants CUDA extensions."""
    spec = importlib.util.find_spec(package)
    module = types.ModuleType(package)
    module.__path__ = list(spec.submodule_search_locations)
    sys.modules[package] = module


def uniform(shape, low, high, dtype, grad=True):
    values = torch.empty(shape, device="cuda", dtype=torch.float32).uniform_(low, high)
    return values.to(dtype).requires_grad_(grad)


def mamba_ssd(size, dtype):
    from mamba_ssm.ops.triton.ssd_combined import mamba_chunk_scan_combined

    batch, length, heads, head_dim, state, groups = size
    leaves = [
        uniform((batch, length, heads, head_dim), -1, 1, dtype),
        uniform((batch, length, heads), 0.001, 0.1, torch.float32),
        uniform((heads,), -16, -1, torch.float32),
        uniform((batch, length, groups, state), -1, 1, dtype),
        uniform((batch, length, groups, state), -1, 1, dtype),
        uniform((heads,), -1, 1, torch.float32),
    ]

    def run(x, dt, a, b, c, d):
        return mamba_chunk_scan_combined(x, dt, a, b, c, 256, D=d)

    return leaves, run


def simple_gla(size, dtype):
    from fla.ops.simple_gla import chunk_simple_gla

    batch, length, heads, head_dim, state, groups = size
    if groups != heads:
        return None
    leaves = [
        uniform((batch, length, heads, state), -1, 1, dtype),
        uniform((batch, length, heads, state), -1, 1, dtype),
        uniform((batch, length, heads, head_dim), -1, 1, dtype),
        uniform((batch, length, heads), -1.6, -0.001, torch.float32),
    ]

    def run(q, k, v, g):
        return chunk_simple_gla(q, k, v, g=g, scale=1.0)[0]

    return leaves, run


def dplr_leaves(size, dtype):
    """r, g, k, v, a, b as `device_bench` draws them: keys of size state, values of size head_dim."""
    batch, length, heads, head_dim, state, _ = size
    keyed = (batch, length, heads, state)
    most = state**-0.5
    return [
        uniform(keyed, -1, 1, dtype),
        uniform(keyed, -0.6065, -0.001, torch.float32),
        uniform(keyed, -1, 1, dtype),
        uniform((batch, length, heads, head_dim), -1, 1, dtype),
        uniform(keyed, -most, most, dtype),
        uniform(keyed, -most, most, dtype),
    ]


def chunk_dplr(size, dtype):
    """With chunks of 16, which any decay allows."""
    from fla.ops.generalized_delta_rule import chunk_dplr_delta_rule

    def run(r, g, k, v, a, b):
        return chunk_dplr_delta_rule(r, k, v, a, b, g, scale=1.0)[0]

    return dplr_leaves(size, dtype), run


def chunk_rwkv7(size, dtype):
    """Told RWKV-7's bound on its decay, which allows chunks of 64."""
    from fla.ops.rwkv7 import chunk_rwkv7 as chunk

    def run(r, g, k, v, a, b):
        return chunk(r, g, k, v, a, b, scale=1.0, lower_bound=-0.60654)[0]

    return dplr_leaves(size, dtype), run


def gated_norm(size, dtype):
    from mamba_ssm.ops.triton.layernorm_gated import rmsnorm_fn

    batch, length, heads, head_dim, *_ = size
    shape = (batch, length, heads * head_dim)
    leaves = [
        uniform(shape, -1, 1, dtype),
        uniform(shape[2:], -1, 1, torch.float32),
        uniform(shape, -1, 1, dtype),
    ]

    def run(x, weight, z):
        return rmsnorm_fn(x, weight, None, z=z, eps=1e-5, norm_before_gate=False)

    return leaves, run


def torch_conv(size, dtype):
    batch, length, heads, head_dim, *_ = size
    channels = heads * head_dim
    leaves = [
        uniform((batch, channels, length), -1, 1, dtype),
        uniform((channels, 1, 4), -1, 1, dtype),
        uniform((channels,), -1, 1, dtype),
    ]

    def run(x, weight, bias):
        return F.silu(F.conv1d(x, weight, bias, padding=3, groups=channels)[..., :length])

    return leaves, run


PEERS = {
    "mamba_ssm": {"ssd": mamba_ssd, "rms_norm": gated_norm},
    "fla": {"ssd": simple_gla, "dplr": chunk_dplr},
    "fla_rwkv7": {"dplr": chunk_rwkv7},
    "torch": {"conv1d": torch_conv},
}


def quantiles(call, runs):
    for _ in range(3):
        call()
    samples = []
    for _ in range(runs):
        torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(CALLS):
            call()
        torch.cuda.synchronize()
        samples.append((time.perf_counter() - start) * 1e3 / CALLS)
    samples.sort()
    return [samples[round((len(samples) - 1) * q)] for q in (0.5, 0.2, 0.8)]


def bench(peer, op, make, size, name, mode, runs):
    """One row, or None where the peer does not compute this."""
    made = make(size, DTYPES[name])
    if made is None:
        return None
    leaves, run = made
    torch.cuda.reset_peak_memory_stats()
    inputs = torch.cuda.memory_allocated()
    if mode == "forward":

        def call():
            with torch.no_grad():
                run(*leaves)

    else:
        with torch.no_grad():
            ones = torch.ones_like(run(*leaves))

        def call():
            torch.autograd.grad(run(*leaves), leaves, ones)

    median, low, high = quantiles(call, runs)
    peak = torch.cuda.max_memory_allocated()
    row = {"library": peer, "op": op, "mode": mode, "dtype": NAMES[name]}
    row |= dict(zip(SIZES, size))
    row |= {"median_ms": median, "q20_ms": low, "q80_ms": high, "runs": runs}
    return row | {"bytes_beyond_inputs": peak - inputs}


def line(row):
    cells = [row[name] for name in COLUMNS]
    return ",".join(f"{cell:.4f}" if isinstance(cell, float) else str(cell) for cell in cells)


def versions():
    """Of the packages that lie on the path; folders without metadata say their own."""
    found = {}
    for name, module in {"torch": "torch", "triton": "triton", "fla": "fla"}.items():
        try:
            found[name] = __import__(module).__version__
        except Exception:
            continue
    try:
        found["mamba_ssm"] = importlib.metadata.version("mamba-ssm")
    except importlib.metadata.PackageNotFoundError:
        found["mamba_ssm"] = version_in_source("mamba_ssm")
    return found


def version_in_source(package):
    """`__version__` as it is written in an __init__ that must not run: see `without_init`."""
    for folder in sys.modules[package].__path__ if package in sys.modules else []:
        for text in open(f"{folder}/__init__.py"):
            if text.startswith("__version__"):
                return text.split("=")[1].strip().strip("\"'")
    return None


def ceilings():
    """The two rates that everything is measured against: a copy and a bf16 product of 8192^3."""
    source = torch.randn(1 << 28, device="cuda")
    target = torch.empty_like(source)
    copy, *_ = quantiles(lambda: target.copy_(source), 10)
    a, b = (torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    product, *_ = quantiles(lambda: a @ b, 10)
    copied = 2 * source.numel() * source.element_size()
    return {"copy_gb_per_second": copied / copy / 1e6, "gemm_gflops": 2 * 8192**3 / product / 1e6}


def numbers(text):
    return [int(part) for part in text.split(",")]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--peers", default="mamba_ssm,fla,fla_rwkv7,torch", help='"" measures the ceilings alone'
    )
    parser.add_argument("--ops", default="ssd,dplr,conv1d,rms_norm")
    parser.add_argument("--dtypes", default="bf16")
    parser.add_argument("--lens", type=numbers, default="1024,2048,4096,8192,16384")
    parser.add_argument("--groups", type=numbers, default="1,32")
    parser.add_argument("--modes", default="forward,both")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--heads", type=int, default=32)
    parser.add_argument("--head-dim", type=int, default=128)
    parser.add_argument("--state", type=int, default=128)
    parser.add_argument("--json", action="store_true", help="one document instead of lines")
    args = parser.parse_args()
    if args.runs < 10:
        parser.error("--runs: at least 10, or the quantiles mean nothing")
    return args


def cases(args):
    """Everything that the flags ask for: peer, op, its maker, sizes, number format, mode."""
    for peer in filter(None, args.peers.split(",")):
        for op, make in PEERS[peer].items():
            if op not in args.ops.split(","):
                continue
            for name in args.dtypes.split(","):
                for groups in args.groups if op == "ssd" else [1]:
                    for length in args.lens:
                        size = (args.batch, length, args.heads, args.head_dim, args.state, groups)
                        for mode in args.modes.split(","):
                            yield peer, op, make, size, name, mode


def main():
    args = arguments()
    # Some libraries talk while they tune; the document must stand alone.
    with contextlib.redirect_stdout(sys.stderr if args.json else sys.stdout):
        found = measured(args)
    if args.json:
        print(json.dumps(found))


def measured(args):
    torch.manual_seed(0)
    # A program asks for them alone, once, and then for every peer.
    limits = None if args.json and args.peers else ceilings()
    torch.cuda.empty_cache()
    if not args.json:
        print(f"# {torch.cuda.get_device_name()}, torch {torch.__version__}, {limits}")
        print(",".join(COLUMNS), flush=True)
    if "mamba_ssm" in args.peers:
        without_init("mamba_ssm")
    rows, failures = [], []
    for case in cases(args):
        peer, op, _, size, _, mode = case
        try:
            row = bench(*case, args.runs)
        except Exception as error:  # one missing peer must not end the sweep
            traceback.print_exc(limit=3)
            failures.append(f"{peer} {op} {mode} {size}: {error!r}"[:300])
            if not args.json:
                print(f"# {failures[-1]}", flush=True)
            row = None
        if row is not None:
            rows.append(row)
            if not args.json:
                print(line(row), flush=True)
        torch.cuda.empty_cache()
    found = {"device": torch.cuda.get_device_name(), "ceilings": limits, "versions": versions()}
    return found | {"rows": rows, "failures": failures}


if __name__ == "__main__":
    main()
