"""Time-invariant systems: `golden/lti_*.safetensors`.

Oracles: `scipy.signal` in f64.
  lti_long_conv   x [b,l,c], kernel [c,k], reverse [c,r], skip [c] -> y [b,l,c] by `fftconvolve`;
                  reverse meets the positions after the present one
  lti_scan        x [b,l,2c] (real parts, then imaginary parts), a_re, a_im [c] -> h [b,l,2c] by a
                  complex `lfilter` per channel
  lti_kernel_*    a_re, a_im [c,n], dt [c], c_re, c_im [c,n] (one of each conjugate pair)
                  -> kernel [c,l]: the impulse response that `cont2discrete` (zoh or bilinear) and
                  `dlsim` give for the real system of both halves
  lti_companion   a, b, c [k,d] -> kernel [k,l] by `dlsim` of the companion matrix
Checked inside: `lfilter` against the loop, impulse responses against matrix powers.
"""

import numpy as np
import scipy
import torch
from scipy import signal

from golden import Draw, run

TOLERANCE = 1e-10


def as_numpy(tensors):
    return {name: value.numpy() for name, value in tensors.items()}


def long_conv(draw, batch, length, channels, taps, ahead):
    inputs = {
        "x": draw.normal(batch, length, channels),
        "kernel": draw.normal(channels, taps),
        "reverse": draw.normal(channels, ahead),
        "skip": draw.normal(channels),
    }
    a = as_numpy(inputs)
    y = a["x"] * a["skip"]
    for row in range(batch):
        for channel in range(channels):
            x = a["x"][row, :, channel]
            y[row, :, channel] += signal.fftconvolve(x, a["kernel"][channel])[:length]
            future = signal.fftconvolve(x[::-1], a["reverse"][channel])[:length][::-1]
            y[row, :-1, channel] += future[1:]
    return inputs | {"y": torch.from_numpy(y)}


def scan(draw, batch, length, channels):
    radius, angle = draw.uniform(0.3, 0.999, channels), draw.uniform(0.0, 3.0, channels)
    a_re, a_im = (radius * torch.cos(angle)).float().double(), (radius * torch.sin(angle)).float().double()
    x = draw.normal(batch, length, 2 * channels)
    a = torch.complex(a_re, a_im).numpy()
    u = x[..., :channels].numpy() + 1j * x[..., channels:].numpy()
    h = np.stack([signal.lfilter([1.0], [1.0, -a[c]], u[..., c], axis=1) for c in range(channels)], axis=2)
    state = np.zeros((batch, channels), complex)
    for t in range(length):
        state = a * state + u[:, t]
        assert np.abs(h[:, t] - state).max() < 1e-10 * max(1.0, np.abs(state).max())
    return {"x": x, "a_re": a_re, "a_im": a_im, "h": torch.from_numpy(np.concatenate([h.real, h.imag], axis=2))}


def impulse(a, b, c, length):
    """The kernel c a^k b: `dlsim` answers an impulse with zero first, for it reads the state before."""
    impulse = np.zeros((length + 1, 1))
    impulse[0] = 1.0
    system = (a, b[:, None], c[None, :], np.zeros((1, 1)), 1.0)
    kernel = signal.dlsim(system, impulse)[1][1:, 0]
    power = b.copy()
    for value in kernel:
        assert abs(value - c @ power) < 1e-9 * max(1.0, np.abs(kernel).max())
        power = a @ power
    return kernel


def diagonal_kernel(draw, rule, channels, modes, length):
    inputs = {
        "a_re": draw.uniform(-1.5, -0.1, channels, modes),
        "a_im": draw.uniform(0.1, 20.0, channels, modes),
        "dt": draw.uniform(0.01, 0.1, channels),
        "c_re": draw.normal(channels, modes),
        "c_im": draw.normal(channels, modes),
    }
    v = as_numpy(inputs)
    kernels = []
    for channel in range(channels):
        # Real system of order 2 n: h = (Re, Im) of every mode, input enters the real part.
        blocks, rows = np.zeros((2 * modes, 2 * modes)), np.zeros(2 * modes)
        for n in range(modes):
            re, im = v["a_re"][channel, n], v["a_im"][channel, n]
            blocks[2 * n : 2 * n + 2, 2 * n : 2 * n + 2] = [[re, -im], [im, re]]
            rows[2 * n : 2 * n + 2] = [2 * v["c_re"][channel, n], -2 * v["c_im"][channel, n]]
        b = np.tile([1.0, 0.0], modes)[:, None]
        # SciPy's bilinear rule also changes C and D, which state-space models do not: A and B are used.
        a_d, b_d, *_ = signal.cont2discrete((blocks, b, rows[None, :], np.zeros((1, 1))), v["dt"][channel], rule)
        kernels.append(impulse(a_d, b_d[:, 0], rows, length))
    return inputs | {"kernel": torch.from_numpy(np.stack(kernels))}


def companion(draw, kernels, order, length):
    a = draw.normal(kernels, order)
    a = (a / a.abs().sum(dim=1, keepdim=True)).float().double()
    inputs = {"a": a, "b": draw.normal(kernels, order), "c": draw.normal(kernels, order)}
    v = as_numpy(inputs)
    values = []
    for k in range(kernels):
        matrix = np.diag(np.ones(order - 1), -1)
        matrix[:, -1] += v["a"][k]
        values.append(impulse(matrix, v["b"][k], v["c"][k], length))
    return inputs | {"kernel": torch.from_numpy(np.stack(values))}


def cases():
    facts = {"scipy": scipy.__version__}
    yield "lti_long_conv", long_conv(Draw(1), 2, 61, 3, 61, 40), facts
    yield "lti_scan", scan(Draw(2), 2, 70, 5), facts
    for seed, rule in ((3, "zoh"), (4, "bilinear")):
        yield f"lti_kernel_{rule}", diagonal_kernel(Draw(seed), rule, 3, 4, 100), facts | {"rule": rule}
    yield "lti_companion", companion(Draw(5), 2, 12, 90), facts


if __name__ == "__main__":
    run("oracles/lti.py", __doc__, cases(), TOLERANCE)
