"""Selective scan (Mamba-1): `golden/selective_scan_*.safetensors`.

Oracle: mamba-ssm's `selective_scan_ref` in f64 and torch autograd. It, gradients included, must
equal the plain recurrence
  h_t = exp(dt_t a) h_{t-1} + dt_t b_t x_t,  y_t = (sum_n c_t h_t + d x_t) silu(z_t)
in this script before anything is written. Tensors:
  x, dt, z [b,l,e], a [e,n] (< 0), b and c [b,l,g,n], d and dt_bias [e], init [b,e,n],
  seq_idx [b,l] (packed only) -> y [b,l,e], final [b,e,n]
and gradients of sum(y * gy) + sum(final * gfinal). Channel e reads group floor(e / (E/G)). Step sizes
pass through softplus(dt + dt_bias) unless the case's name says `plain`; d, dt_bias, z are in the
file only where the case has them.

The reference takes no initial state and no sequence indices. The scan is linear in its state, so an
initial state adds its own decayed copy to the reference's run from zero; packed rows run the oracle
sequence by sequence.
"""

import torch
import torch.nn.functional as F

from golden import Draw, assert_close, packed_index, packed_parts, run, with_gradients
from mamba_ssm_references import references_in_double, selective_scan_ref

TOLERANCE = 1e-10


def per_channel(grouped, channels):
    """[b,l,g,n] -> [b,l,e,n]."""
    return grouped.repeat_interleave(channels // grouped.shape[2], dim=2)


def step_sizes(dt, dt_bias, softplus):
    """What the scan multiplies with; torch's softplus is the identity above 20, as the reference's."""
    raw = dt if dt_bias is None else dt + dt_bias
    return F.softplus(raw) if softplus else raw


def reference(x, dt, a, b, c, init, d=None, dt_bias=None, z=None, softplus=True):
    """The published function in its own layout, plus what `init` adds by linearity."""
    with references_in_double():
        y, final = selective_scan_ref(
            *(t.transpose(1, 2) for t in (x, dt)),
            a,
            *(t.permute(0, 2, 3, 1) for t in (b, c)),
            D=d,
            z=None if z is None else z.transpose(1, 2),
            delta_bias=dt_bias,
            delta_softplus=softplus,
            return_last_state=True,
        )
    y = y.transpose(1, 2)
    steps = step_sizes(dt, dt_bias, softplus)
    decayed = torch.exp(steps.cumsum(1)[..., None] * a) * init[:, None]
    carried = (decayed * per_channel(c, x.shape[2])).sum(-1)
    y = y + (carried if z is None else carried * F.silu(z))
    return {"y": y, "final": final + decayed[:, -1]}


def recurrence(x, dt, a, b, c, init, d=None, dt_bias=None, z=None, softplus=True):
    """The definition, step by step."""
    steps = step_sizes(dt, dt_bias, softplus)
    b, c = (per_channel(t, x.shape[2]) for t in (b, c))
    state, outputs = init, []
    for t in range(x.shape[1]):
        update = (steps[:, t] * x[:, t])[..., None] * b[:, t]
        state = torch.exp(steps[:, t, :, None] * a) * state + update
        outputs.append((state * c[:, t]).sum(-1))
    y = torch.stack(outputs, dim=1)
    y = y if d is None else y + d * x
    return {"y": y if z is None else y * F.silu(z), "final": state}


def packed(one, seq_idx, init, z=None, **tensors):
    """Runs `one` row by row and sequence by sequence."""
    along = {"z": z, **{k: tensors.pop(k) for k in ("x", "dt", "b", "c")}}
    ys, finals = [], []
    for row, lengths in enumerate(packed_parts(seq_idx)):
        parts = {k: torch.split(t[row : row + 1], lengths, dim=1) for k, t in along.items()}
        outputs, state = [], init[row : row + 1]
        for i in range(len(lengths)):
            outputs.append(one(init=state, **{k: p[i] for k, p in parts.items()}, **tensors))
            state = torch.zeros_like(state)
        ys.append(torch.cat([o["y"] for o in outputs], dim=1))
        finals.append(outputs[-1]["final"])
    return {"y": torch.cat(ys), "final": torch.cat(finals)}


def solve(one, inputs, softplus, seed):
    """Outputs and gradients of `one`, with cotangents that depend on the seed alone."""

    def outputs_of(seq_idx=None, **tensors):
        if seq_idx is None:
            return one(**tensors, softplus=softplus)
        return packed(one, seq_idx, **tensors, softplus=softplus)

    return with_gradients(inputs, outputs_of, Draw(seed))


def inputs_of(seed, sizes, dt_range, with_init, extras, lengths):
    batch, length, channels, groups, state = sizes
    draw = Draw(seed)
    inputs = {
        "x": draw.normal(batch, length, channels),
        "dt": draw.uniform(*dt_range, batch, length, channels),
        "a": -draw.uniform(0.5, 4.0, channels, state),
        "b": draw.normal(batch, length, groups, state),
        "c": draw.normal(batch, length, groups, state),
        "init": draw.normal(batch, channels, state, scale=float(with_init)),
    }
    drawn = {
        "d": draw.normal(channels),
        "dt_bias": draw.uniform(-1.0, 1.0, channels),
        "z": draw.normal(batch, length, channels),
    }
    inputs.update({name: drawn[name] for name in extras})
    if lengths:
        inputs["seq_idx"] = packed_index(lengths)
    return inputs


def cases():
    usual, large, small, step = (-4.0, 0.5), (30.0, 60.0), (-12.0, -7.0), (0.001, 0.4)
    every, none = ("d", "dt_bias", "z"), ()
    parts = ((7, 1, 20, 9), (16, 16, 5))
    # name, (b, l, e, g, n), range of dt before softplus, initial state, extras, packed lengths
    table = [
        ("g1", (2, 37, 6, 1, 8), usual, False, every, None),
        ("init_g1", (2, 37, 6, 1, 8), usual, True, every, None),
        ("init_g2", (2, 37, 6, 2, 5), usual, True, every, None),
        ("bare_g1", (1, 37, 6, 1, 8), usual, False, none, None),
        ("wide_g1", (1, 33, 20, 1, 16), usual, True, every, None),
        ("long_g1", (1, 130, 4, 1, 6), usual, True, every, None),
        ("single_step_g2", (2, 1, 6, 2, 5), usual, True, every, None),
        ("strong_decay_g1", (1, 65, 4, 1, 4), large, True, every, None),
        ("weak_decay_g1", (1, 65, 4, 1, 4), small, True, every, None),
        ("plain_g1", (1, 37, 6, 1, 4), step, True, ("d", "z"), None),
        ("plain_zero_dt_g1", (1, 19, 4, 1, 4), (0.0, 0.0), True, ("d",), None),
        ("packed_g2", (2, 37, 6, 2, 4), usual, True, every, parts),
    ]
    for seed, (name, sizes, dt_range, with_init, extras, lengths) in enumerate(table):
        softplus = "plain" not in name
        inputs = inputs_of(900 + seed, sizes, dt_range, with_init, extras, lengths)
        tensors = solve(reference, inputs, softplus, 1000 + seed)
        for key, value in solve(recurrence, inputs, softplus, 1000 + seed).items():
            assert_close(f"{name}: {key} against the recurrence", tensors[key], value, TOLERANCE)
        yield f"selective_scan_{name}", tensors, {"softplus": softplus}


if __name__ == "__main__":
    run("oracles/selective_scan.py", __doc__, cases(), TOLERANCE)
