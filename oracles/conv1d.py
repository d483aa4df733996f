"""Depthwise conv1d over time with a carried state: `golden/conv1d_*.safetensors`.

Oracle: `torch.nn.functional.conv1d` in f64, then SiLU or nothing. Tensors:
  x [b,l,c], weight [c,k] (weight[:, k-1] meets the newest input), bias [c],
  init [b,c,k-1] (the k-1 inputs before x, oldest first; causal only), seq_idx [b,l] (packed only)
  -> y [b,l,c], final [b,c,k-1] (the last k-1 inputs; causal only)
and gradients of sum(y * gy) + sum(final * gfinal).

Causal: y_t = sum_j weight[:, j] * input_{t-k+1+j}. Centred ("same"): left = (k-1)//2 zeros before,
k-1-left zeros after, as torch's padding="same"; so k = 4 reads one step back and two ahead.
Packed: a position never reads one of another seq_idx; `init` belongs to a row's first sequence and
`final` to its last.
"""

import warnings

import torch
import torch.nn.functional as F

from golden import Draw, packed_index, packed_parts, run, with_gradients

# torch warns that an even width costs it one copy.
warnings.filterwarnings("ignore", message="Using padding='same'")

TOLERANCE = 1e-12
ACTIVATION = {"silu": F.silu, "none": lambda y: y}


def causal(x, weight, bias, init, activation):
    channels, width = weight.shape
    padded = torch.cat([init, x.transpose(1, 2)], dim=2)
    y = F.conv1d(padded, weight[:, None], bias, groups=channels)
    final = padded[:, :, padded.shape[2] - (width - 1) :]
    return {"y": ACTIVATION[activation](y).transpose(1, 2), "final": final}


def centred(x, weight, bias, activation):
    y = F.conv1d(x.transpose(1, 2), weight[:, None], bias, groups=weight.shape[0], padding="same")
    return {"y": ACTIVATION[activation](y).transpose(1, 2)}


def packed(x, weight, bias, init, seq_idx, activation):
    """One row and one sequence at a time; a later sequence starts from zeros."""
    ys, finals = [], []
    for row, lengths in enumerate(packed_parts(seq_idx)):
        outputs, state = [], init[row : row + 1]
        for part in torch.split(x[row : row + 1], lengths, dim=1):
            outputs.append(causal(part, weight, bias, state, activation))
            state = torch.zeros_like(state)
        ys.append(torch.cat([o["y"] for o in outputs], dim=1))
        finals.append(outputs[-1]["final"])
    return {"y": torch.cat(ys), "final": torch.cat(finals)}


def cases():
    # name, function, batch, length, channels, width, activation, lengths of the packed sequences per row
    table = [
        *[(f"causal_k{k}_silu", causal, 2, 13, 5, k, "silu", None) for k in (1, 2, 3, 4)],
        ("causal_k4_none", causal, 2, 13, 5, 4, "none", None),
        ("causal_k4_short_silu", causal, 2, 2, 5, 4, "silu", None),
        ("causal_k4_single_silu", causal, 1, 1, 3, 4, "silu", None),
        ("causal_k4_wide_silu", causal, 1, 66, 19, 4, "silu", None),
        ("packed_k4_silu", packed, 2, 17, 5, 4, "silu", ((5, 1, 2, 9), (1, 12, 4))),
        *[(f"centred_k{k}_silu", centred, 2, 13, 5, k, "silu", None) for k in (1, 2, 3, 4)],
        ("centred_k4_none", centred, 2, 13, 5, 4, "none", None),
        ("centred_k4_short_silu", centred, 2, 2, 5, 4, "silu", None),
    ]
    for seed, (name, function, batch, length, channels, width, activation, parts) in enumerate(table):
        draw = Draw(100 + seed)
        inputs = {
            "x": draw.normal(batch, length, channels),
            "weight": draw.normal(channels, width, scale=0.5),
            "bias": draw.normal(channels, scale=0.5),
        }
        if function is not centred:
            inputs["init"] = draw.normal(batch, channels, width - 1)
        if parts:
            inputs["seq_idx"] = packed_index(parts)
        tensors = with_gradients(inputs, lambda **t: function(**t, activation=activation), draw)
        facts = {"activation": activation, "causal": function is not centred}
        yield f"conv1d_{name}", tensors, facts


if __name__ == "__main__":
    run("oracles/conv1d.py", __doc__, cases(), TOLERANCE)
