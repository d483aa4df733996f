"""Times other people's GPU kernels at the sizes of `device_bench` and prints the same CSV columns.

Peers: mamba-ssm's `mamba_chunk_scan_combined` and gated norm (Triton), flash-linear-attention's
`chunk_simple_gla` (the same recurrence with one group per head), `chunk_dplr_delta_rule` and
`chunk_rwkv7` (peer `fla_rwkv7`: the same with longer chunks, for bounded decays), PyTorch's depthwise `conv1d` and
SiLU. The packages are pure Python; put the folders `mamba_ssm` (of the sdist) and `fla` (of the
wheel fla-core) on PYTHONPATH, no installation is needed:

  PYTHONPATH=folder python oracles/gpu_peer_bench.py --peers mamba_ssm,fla --dtypes bf16

A sample is the wall-clock time of five calls, the device synchronised before and after, over five,
as in `device_bench`; the first calls, which compile and tune, are not timed. `reserved_bytes` is the
peak that PyTorch allocated.
"""

import argparse
import importlib.util
import sys
import time
import traceback
import types

import torch
import torch.nn.functional as F

CALLS = 5
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
    made = make(size, DTYPES[name])
    if made is None:
        return
    leaves, run = made
    torch.cuda.reset_peak_memory_stats()
    if mode == "forward":

        def call():
            with torch.no_grad():
                run(*leaves)

    else:
        with torch.no_grad():
            ones = torch.ones_like(run(*leaves))

        def call():
            torch.autograd.grad(run(*leaves), leaves, ones)

    times = ",".join(f"{t:.4f}" for t in quantiles(call, runs))
    sizes = ",".join(str(n) for n in size)
    peak = torch.cuda.max_memory_allocated()
    print(f"{peer},{op},{mode},{NAMES[name]},{sizes},{times},{runs},{peak}", flush=True)


def ceilings():
    """The two rates that everything is measured against: a copy and a matrix product."""
    source = torch.randn(1 << 28, device="cuda")
    target = torch.empty_like(source)
    copy, *_ = quantiles(lambda: target.copy_(source), 10)
    print(f"# copy: {2 * source.numel() * 4 / copy / 1e6:.0f} GB/s")
    a, b = (torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    product, *_ = quantiles(lambda: a @ b, 10)
    print(f"# bf16 product 8192^3: {2 * 8192**3 / product / 1e9:.0f} TFLOP/s")


def numbers(text):
    return [int(part) for part in text.split(",")]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", default="mamba_ssm,fla,fla_rwkv7,torch")
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
    args = parser.parse_args()
    if args.runs < 10:
        parser.error("--runs: at least 10, or the quantiles mean nothing")
    torch.manual_seed(0)
    print(f"# {torch.cuda.get_device_name()}, torch {torch.__version__}", flush=True)
    ceilings()
    if "mamba_ssm" in args.peers:
        without_init("mamba_ssm")
    print(
        "library,op,mode,dtype,batch,len,heads,head_dim,state,groups,"
        "median_ms,q20_ms,q80_ms,runs,reserved_bytes"
    )
    for peer in args.peers.split(","):
        for op, make in PEERS[peer].items():
            if op not in args.ops.split(","):
                continue
            for name in args.dtypes.split(","):
                for groups in args.groups if op == "ssd" else [1]:
                    for length in args.lens:
                        size = (args.batch, length, args.heads, args.head_dim, args.state, groups)
                        for mode in args.modes.split(","):
                            try:
                                bench(peer, op, make, size, name, mode, args.runs)
                            except Exception as error:  # one missing peer must not end the sweep
                                traceback.print_exc(limit=3)
                                print(f"# {peer} {op} {mode} {size}: {error!r}"[:300], flush=True)
                            torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
