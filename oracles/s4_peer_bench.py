"""Speed peers of the time-invariant layers; prints one JSON document on stdout.

Layers of S4 and S4D written from the published formulas with torch.fft, as a user of PyTorch would:
the kernel by a Vandermonde or Cauchy sum over complex tensors, the convolution by transforms of twice
the length, the direct term, GELU, a linear map to twice the channels and a gated linear unit.

  s4_peer_bench.py --layer s4d --batch 8 --width 256 --length 1024 [--backward]
"""

import argparse
import importlib.metadata
import json
import math
import os
import platform
import statistics
import time

import torch
import torch.nn.functional as F


class Layer(torch.nn.Module):
    """Everything around the kernel."""

    def __init__(self, width):
        super().__init__()
        self.skip = torch.nn.Parameter(torch.randn(width))
        self.output_linear = torch.nn.Linear(width, 2 * width)
        self.log_dt = torch.nn.Parameter(torch.empty(width).uniform_(math.log(1e-3), math.log(1e-1)))

    def forward(self, u):
        """[batch, length, width] -> the same."""
        length = u.shape[1]
        kernel = self.kernel(length)
        size = 2 * length
        u = u.transpose(1, 2)
        y = torch.fft.irfft(torch.fft.rfft(u, n=size) * torch.fft.rfft(kernel, n=size), n=size)[..., :length]
        y = F.gelu(y + u * self.skip[:, None]).transpose(1, 2)
        return F.glu(self.output_linear(y), dim=-1)


class S4D(Layer):
    """Zero-order hold, S4D-Lin; K_l = 2 Re sum_n C_n (exp(dt A_n) - 1) / A_n exp(dt A_n l)."""

    def __init__(self, width, state):
        super().__init__(width)
        modes = state // 2
        self.log_a_real = torch.nn.Parameter(torch.full((width, modes), math.log(0.5)))
        self.a_imag = torch.nn.Parameter(math.pi * torch.arange(modes).repeat(width, 1).float())
        self.c = torch.nn.Parameter(torch.randn(width, modes, 2) * 0.5**0.5)

    def kernel(self, length):
        a = torch.complex(-self.log_a_real.exp(), self.a_imag)
        dt_a = self.log_dt.exp()[:, None] * a
        c = torch.view_as_complex(self.c) * torch.expm1(dt_a) / a
        powers = torch.exp(dt_a[..., None] * torch.arange(length))
        return 2 * torch.einsum("hn,hnl->hl", c, powers).real


class S4(Layer):
    """Bilinear, diagonal plus rank one; C stands for C (I - A_d^length), as the published code trains it."""

    def __init__(self, width, state):
        super().__init__(width)
        modes = state // 2
        n = torch.arange(state, dtype=torch.float64)
        root = (2 * n + 1).sqrt()
        normal = -torch.tril(root[:, None] * root, -1) + torch.triu(root[:, None] * root, 1)
        values, vectors = torch.linalg.eigh(-0.5j * normal)
        values, vectors = values[:modes], vectors[:, :modes]
        project = lambda v: (vectors.conj().T @ v.to(vectors.dtype)).to(torch.complex64)
        wide = lambda v: torch.nn.Parameter(torch.view_as_real(v.expand(width, modes).contiguous()))
        self.log_a_real = torch.nn.Parameter(torch.full((width, modes), math.log(0.5)))
        self.a_imag = torch.nn.Parameter(values.float().expand(width, modes).contiguous())
        self.p, self.b = wide(project((n + 0.5).sqrt())), wide(project(root))
        self.c = torch.nn.Parameter(torch.randn(width, modes, 2) * 0.5**0.5)

    def kernel(self, length):
        dt = self.log_dt.exp()[:, None]
        poles = dt * torch.complex(-self.log_a_real.exp(), self.a_imag)
        p, b, c = (torch.view_as_complex(v) for v in (self.p, self.b, self.c))
        nodes = torch.exp(-2j * math.pi * torch.arange(length // 2 + 1) / length)
        # Multiplied through by 1 + w, which is zero at the last node of even lengths.
        plus, minus = 1 + nodes, 2 * (1 - nodes)
        here = 1 / (minus - poles[..., None] * plus)
        there = 1 / (minus - poles.conj()[..., None] * plus)

        def total(v):
            v = dt * v
            return torch.einsum("hn,hnl->hl", v, here) + torch.einsum("hn,hnl->hl", v.conj(), there)

        s00, s01, s10, s11 = total(c * b), total(c * p), total(p.conj() * b), total(p.conj() * p)
        spectrum = 2 * (s00 - plus * s01 * s10 / (1 + plus * s11))
        return torch.fft.irfft(spectrum, n=length)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--layer", choices=("s4", "s4d"), required=True)
    for flag, default in (("batch", 8), ("width", 256), ("state", 64), ("length", 1024)):
        parser.add_argument(f"--{flag}", type=int, default=default)
    for flag, default in (("repeat", 10), ("warm-up", 2), ("threads", 2)):
        parser.add_argument(f"--{flag}", type=int, default=default)
    parser.add_argument("--backward", action="store_true", help="time forward + backward")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    load = os.getloadavg()[0]
    layer = {"s4": S4, "s4d": S4D}[args.layer](args.width, args.state)
    u = torch.randn(args.batch, args.length, args.width, requires_grad=args.backward)
    kernel = layer.kernel(args.length)
    assert kernel.isfinite().all(), "the kernel must be finite at every node"
    seconds = []
    for call in range(args.warm_up + args.repeat):
        start = time.perf_counter()
        if args.backward:
            layer(u).sum().backward()
        else:
            with torch.no_grad():
                layer(u)
        if call >= args.warm_up:
            seconds.append(time.perf_counter() - start)
    print(json.dumps({
        "versions": {"torch": importlib.metadata.version("torch")},
        "machine": platform.machine(),
        "load_average": load,  # of the minute before; above the core count the times mean little
        "dtype": "float32",
        "arguments": vars(args),
        "pass": "forward+backward" if args.backward else "forward",
        "seconds": seconds,
        "median_seconds": statistics.median(seconds),
    }))


if __name__ == "__main__":
    main()
