"""Structured state-space duality (Mamba-2): `golden/ssd_*.safetensors`.

Oracle: mamba-ssm's `ssd_minimal_discrete` in f64 and torch autograd; where there is no initial
state also `ssd_chunk_scan_combined_ref`. Both, gradients included, must equal the plain recurrence
  S_t = exp(dt_t a) S_{t-1} + dt_t x_t b_t^T,  y_t = S_t c_t + d x_t
in this script before anything is written. Tensors:
  x [b,l,h,p], dt [b,l,h] (after softplus, >= 0), a [h] (< 0), b and c [b,l,g,n], d [h],
  init [b,h,p,n], seq_idx [b,l] (packed only) -> y [b,l,h,p], final [b,h,p,n]
and gradients of sum(y * gy) + sum(final * gfinal). Head h reads group floor(h / (H/G)).
Packed: `init` belongs to a row's first sequence, later ones start from zero; `final` is that of
the row's last sequence.
"""

import torch
import torch.nn.functional as F

from golden import Draw, assert_close, packed_index, packed_parts, run, with_gradients
from mamba_ssm_references import references_in_double, ssd_chunk_scan_combined_ref, ssd_minimal_discrete

TOLERANCE = 1e-10


def per_head(grouped, heads):
    """[b,l,g,n] -> [b,l,h,n]."""
    return grouped.repeat_interleave(heads // grouped.shape[2], dim=2)


def minimal(x, dt, a, b, c, d, init, chunk):
    """The published listing; it wants whole chunks, and a step with dt = 0 changes nothing."""
    length, heads = x.shape[1], x.shape[2]
    tail = -length % chunk
    scaled = F.pad(x * dt[..., None], (0, 0, 0, 0, 0, tail))
    decay = F.pad(dt * a, (0, 0, 0, tail))
    b, c = (F.pad(per_head(t, heads), (0, 0, 0, 0, 0, tail)) for t in (b, c))
    y, final = ssd_minimal_discrete(scaled, decay, b, c, chunk, initial_states=init[:, None])
    return {"y": y[:, :length] + x * d[:, None], "final": final}


def recurrence(x, dt, a, b, c, d, init):
    """The definition, step by step."""
    heads = x.shape[2]
    b, c = per_head(b, heads), per_head(c, heads)
    state, outputs = init, []
    for t in range(x.shape[1]):
        update = (dt[:, t, :, None] * x[:, t])[..., None] * b[:, t, :, None, :]
        state = torch.exp(dt[:, t] * a)[..., None, None] * state + update
        outputs.append((state * c[:, t, :, None, :]).sum(-1) + d[:, None] * x[:, t])
    return {"y": torch.stack(outputs, dim=1), "final": state}


def packed(one, seq_idx, x, dt, a, b, c, d, init):
    """Runs `one` row by row and sequence by sequence."""
    ys, finals = [], []
    for row, lengths in enumerate(packed_parts(seq_idx)):
        parts = [torch.split(t[row : row + 1], lengths, dim=1) for t in (x, dt, b, c)]
        outputs, state = [], init[row : row + 1]
        for x_part, dt_part, b_part, c_part in zip(*parts):
            outputs.append(one(x_part, dt_part, a, b_part, c_part, d, state))
            state = torch.zeros_like(state)
        ys.append(torch.cat([o["y"] for o in outputs], dim=1))
        finals.append(outputs[-1]["final"])
    return {"y": torch.cat(ys), "final": torch.cat(finals)}


def solve(one, inputs, seed):
    """Outputs and gradients of `one`, with cotangents that depend on the seed alone."""

    def outputs_of(seq_idx=None, **tensors):
        return one(**tensors) if seq_idx is None else packed(one, seq_idx, **tensors)

    return with_gradients(inputs, outputs_of, Draw(seed))


def inputs_of(seed, batch, length, heads, head_dim, groups, state, dt_range, with_init, lengths):
    draw = Draw(seed)
    inputs = {
        "x": draw.normal(batch, length, heads, head_dim),
        "dt": draw.uniform(*dt_range, batch, length, heads),
        "a": -draw.uniform(0.5, 4.0, heads),
        "b": draw.normal(batch, length, groups, state),
        "c": draw.normal(batch, length, groups, state),
        "d": draw.normal(heads),
        "init": draw.normal(batch, heads, head_dim, state, scale=float(with_init)),
    }
    if lengths:
        inputs["seq_idx"] = packed_index(lengths)
    return inputs


def cases():
    usual, strong, weak, zero = (0.001, 0.4), (40.0, 60.0), (1e-5, 1e-3), (0.0, 0.0)
    parts = ((7, 1, 20, 9), (16, 16, 5))
    # name, b, l, h, p, g, n, chunk of the oracle, range of dt, initial state, packed lengths
    table = [
        ("whole_chunks_g1", 2, 32, 4, 4, 1, 8, 16, usual, False, None),
        ("ragged_g1", 2, 37, 4, 4, 1, 8, 16, usual, True, None),
        ("ragged_g2", 2, 37, 4, 4, 2, 4, 16, usual, True, None),
        ("ragged_g4", 1, 37, 4, 3, 4, 5, 16, usual, True, None),
        ("long_g1", 1, 130, 2, 3, 1, 6, 64, usual, True, None),
        ("single_step_g2", 2, 1, 4, 4, 2, 4, 16, usual, True, None),
        ("strong_decay_g1", 1, 65, 2, 4, 1, 4, 16, strong, True, None),
        ("weak_decay_g1", 1, 65, 2, 4, 1, 4, 16, weak, True, None),
        ("zero_dt_g1", 1, 19, 2, 4, 1, 4, 16, zero, True, None),
        ("packed_g2", 2, 37, 4, 4, 2, 4, 16, usual, True, parts),
    ]
    for seed, (name, b, l, h, p, g, n, chunk, dt_range, with_init, lengths) in enumerate(table):
        inputs = inputs_of(200 + seed, b, l, h, p, g, n, dt_range, with_init, lengths)
        tensors = solve(lambda *a, **k: minimal(*a, **k, chunk=chunk), inputs, 300 + seed)
        for key, value in solve(recurrence, inputs, 300 + seed).items():
            assert_close(f"{name}: {key} against the recurrence", tensors[key], value, TOLERANCE)
        # The staged reference takes neither an initial state nor a ragged tail.
        if not with_init:
            scanned = [inputs[k] for k in ("x", "dt", "a", "b", "c")]
            with references_in_double():
                y = ssd_chunk_scan_combined_ref(*scanned, chunk, D=inputs["d"])
            assert_close(f"{name}: y against ssd_chunk_scan_combined_ref", tensors["y"], y, TOLERANCE)
        yield f"ssd_{name}", tensors, {"oracle_chunk": chunk}


if __name__ == "__main__":
    run("oracles/ssd.py", __doc__, cases(), TOLERANCE)
