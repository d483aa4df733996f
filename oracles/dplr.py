"""Diagonal plus low rank (RWKV-7, generalised delta rule): `golden/dplr_*.safetensors`.

Oracle: flash-linear-attention's `dplr_recurrence` in f64 and torch autograd; where the length is a
multiple of its chunk also `dplr_chunkwise`. Both, gradients of the first included, must equal the
recurrence
  S_t = S_{t-1} diag(exp(g_t)) + (S_{t-1} a_t) b_t^T + v_t k_t^T,  y_t = key^(-1/2) S_t r_t
in this script, where S is [value, key] (theirs is [key, value]), before anything is written. Tensors:
  r, g (<= 0), k, a, b [b,l,h,key], v [b,l,h,value], init [b,h,value,key], seq_idx [b,l] (packed only)
  -> y [b,l,h,value], final [b,h,value,key]
and gradients of sum(y * gy) + sum(final * gfinal). As in RWKV-7, a = -kk and b = kk * iclr with unit
vectors kk. Packed: as in `ssd.py`.
"""

import importlib.metadata

import torch
import torch.nn.functional as F
from fla.ops.generalized_delta_rule.dplr.naive import dplr_chunkwise, dplr_recurrence

from golden import Draw, assert_close, packed_index, packed_parts, run, with_gradients
from mamba_ssm_references import references_in_double

TOLERANCE = 1e-10


def head_first(*tensors):
    """[b,l,h,d] -> [b,h,l,d], the layout of their references."""
    return [t.transpose(1, 2) for t in tensors]


def fla(function, r, g, k, v, a, b, init, **options):
    """One of their references; it applies key^(-1/2) itself."""
    r, g, k, v, a, b = head_first(r, g, k, v, a, b)
    y, state = function(r, k, v, a, b, g, initial_state=init.transpose(2, 3), **options)
    return {"y": y.transpose(1, 2), "final": state.transpose(2, 3)}


def published(**inputs):
    """`dplr_recurrence`."""
    with references_in_double():
        return fla(dplr_recurrence, **inputs)


def recurrence(r, g, k, v, a, b, init):
    """The definition, step by step."""
    state, outputs = init, []
    for t in range(r.shape[1]):
        read = (state * a[:, t, :, None]).sum(-1)
        state = state * g[:, t, :, None].exp() + read[..., None] * b[:, t, :, None]
        state = state + v[:, t, ..., None] * k[:, t, :, None]
        outputs.append((state * r[:, t, :, None]).sum(-1) * r.shape[-1] ** -0.5)
    return {"y": torch.stack(outputs, dim=1), "final": state}


def packed(one, seq_idx, init, **inputs):
    """Runs `one` row by row and sequence by sequence."""
    ys, finals = [], []
    for row, lengths in enumerate(packed_parts(seq_idx)):
        parts = {n: torch.split(t[row : row + 1], lengths, dim=1) for n, t in inputs.items()}
        outputs, state = [], init[row : row + 1]
        for i in range(len(lengths)):
            outputs.append(one(init=state, **{n: part[i] for n, part in parts.items()}))
            state = torch.zeros_like(state)
        ys.append(torch.cat([o["y"] for o in outputs], dim=1))
        finals.append(outputs[-1]["final"])
    return {"y": torch.cat(ys), "final": torch.cat(finals)}


def solve(one, inputs, seed):
    """Outputs and gradients of `one`, with cotangents that depend on the seed alone."""

    def outputs_of(seq_idx=None, **tensors):
        return one(**tensors) if seq_idx is None else packed(one, seq_idx, **tensors)

    return with_gradients(inputs, outputs_of, Draw(seed))


def inputs_of(seed, batch, length, heads, key, value, log_decay, iclr, lengths):
    draw = Draw(seed)
    keyed = (batch, length, heads, key)
    unit = F.normalize(draw.normal(*keyed), dim=-1).float().double()
    inputs = {
        "r": draw.normal(*keyed),
        "g": draw.uniform(*log_decay, *keyed),
        "k": draw.normal(*keyed),
        "v": draw.normal(batch, length, heads, value),
        "a": -unit,
        "b": (unit * draw.uniform(*iclr, *keyed)).float().double(),
        "init": draw.normal(batch, heads, value, key),
    }
    if lengths:
        inputs["seq_idx"] = packed_index(lengths)
    return inputs


def cases():
    usual, strong, none = (-0.6065, -0.001), (-60.0, -40.0), (0.0, 0.0)
    rate, parts = (0.0, 1.0), ((7, 1, 20, 9), (16, 16, 5))
    # name, b, l, h, key, value, range of g, range of iclr, packed lengths
    table = [
        ("ragged", 2, 37, 2, 4, 4, usual, rate, None),
        ("whole_chunks", 1, 64, 2, 4, 6, usual, rate, None),
        ("head_16", 1, 33, 1, 16, 16, usual, rate, None),
        ("wide_value", 1, 21, 1, 24, 40, usual, rate, None),
        ("single_step", 2, 1, 2, 8, 8, usual, rate, None),
        ("long", 1, 130, 1, 4, 4, usual, rate, None),
        ("strong_decay", 1, 65, 1, 4, 4, strong, rate, None),
        ("no_decay_rate_1", 1, 65, 1, 4, 4, none, (1.0, 1.0), None),
        ("rate_0", 1, 33, 1, 4, 4, usual, (0.0, 0.0), None),
        ("packed", 2, 37, 2, 4, 4, usual, rate, parts),
    ]
    version = importlib.metadata.version("flash-linear-attention")
    for seed, (name, *sizes) in enumerate(table):
        inputs = inputs_of(500 + seed, *sizes)
        tensors = solve(published, inputs, 600 + seed)
        for key, value in solve(recurrence, inputs, 600 + seed).items():
            assert_close(f"{name}: {key} against the recurrence", tensors[key], value, TOLERANCE)
        if name == "whole_chunks":
            single = {k: v.float() for k, v in inputs.items()}  # it has buffers in f32
            for key, value in fla(dplr_chunkwise, **single, chunk_size=16).items():
                assert_close(f"{name}: {key} against dplr_chunkwise", value, tensors[key], 2e-5)
        yield f"dplr_{name}", tensors, {"flash-linear-attention": version, "scale": "key^-0.5"}


if __name__ == "__main__":
    run("oracles/dplr.py", __doc__, cases(), TOLERANCE)
