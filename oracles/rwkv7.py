"""RWKV-7 language model: `golden/rwkv7/`.

Oracle: the PyTorch model of the `rwkv` package on a small random `.pth`. The folder holds
  model.safetensors     the weights under the published names (f32; block 0 with its unused v0, v1, v2)
  expected.safetensors  input_ids [1,l] i64, logits [1,l,vocab] of every position, and of the state
                        behind the last one, per layer i, `att_x_prev.i` [1,channel],
                        `S.i` [1,head,value,key], `ffn_x_prev.i` [1,channel]
Before anything is written: token by token gives the same logits and state as one pass, and so does
the recurrence written out in f64 in this script.
"""

import importlib.metadata
import os
import tempfile
from pathlib import Path

os.environ.update(RWKV_V7_ON="1", RWKV_JIT_ON="0", RWKV_CUDA_ON="0")

import torch
import torch.nn.functional as F
from rwkv.model import RWKV

from golden import FOLDER, Draw, assert_close, check, wants_check, write

TOLERANCE = 1e-4
LAYERS, WIDTH, HEAD, VOCABULARY, INNER, LENGTH = 3, 16, 8, 29, 40, 37
RANKS = {"w": 3, "a": 4, "v": 2, "g": 5}


def weights(seed):
    """Random weights, of a size at which every path matters."""
    draw = Draw(seed)
    z = {"emb.weight": draw.normal(VOCABULARY, WIDTH)}

    def norm(name):
        z[f"{name}.weight"] = 1 + draw.normal(WIDTH, scale=0.2)
        z[f"{name}.bias"] = draw.normal(WIDTH, scale=0.2)

    norm("blocks.0.ln0")
    for i in range(LAYERS):
        block, att, ffn = f"blocks.{i}", f"blocks.{i}.att", f"blocks.{i}.ffn"
        norm(f"{block}.ln1")
        norm(f"{block}.ln2")
        norm(f"{att}.ln_x")
        for name in "rwkvag":
            z[f"{att}.x_{name}"] = draw.uniform(0.0, 1.0, 1, 1, WIDTH)
        for name, rank in RANKS.items():
            z[f"{att}.{name}1"] = draw.normal(WIDTH, rank, scale=0.5)
            z[f"{att}.{name}2"] = draw.normal(rank, WIDTH, scale=0.5)
        for name, low, high in (("w0", -4, 2), ("a0", -1, 1), ("v0", -1, 1), ("k_k", 0.5, 1.5), ("k_a", 0.5, 1.5)):
            z[f"{att}.{name}"] = draw.uniform(low, high, 1, 1, WIDTH)
        z[f"{att}.r_k"] = draw.normal(WIDTH // HEAD, HEAD, scale=0.3)
        for name in ("receptance", "key", "value", "output"):
            z[f"{att}.{name}.weight"] = draw.normal(WIDTH, WIDTH, scale=WIDTH**-0.5)
        z[f"{ffn}.x_k"] = draw.uniform(0.0, 1.0, 1, 1, WIDTH)
        z[f"{ffn}.key.weight"] = draw.normal(INNER, WIDTH, scale=WIDTH**-0.5)
        z[f"{ffn}.value.weight"] = draw.normal(WIDTH, INNER, scale=INNER**-0.5)
    norm("ln_out")
    z["head.weight"] = draw.normal(VOCABULARY, WIDTH, scale=WIDTH**-0.5)
    return {k: v.float() for k, v in z.items()}


def low_rank(z, prefix, x, between):
    return between(x @ z[f"{prefix}1"]) @ z[f"{prefix}2"]


def time_mix(z, att, i, x, before, state, first):
    """One position in f64: output, new S, values of the first layer."""
    lerp = {n: x + (before - x) * z[f"{att}.x_{n}"].flatten() for n in "rwkvag"}
    r, k, v = (z[f"{att}.{n}.weight"] @ lerp[n[0]] for n in ("receptance", "key", "value"))
    bias = {n: z[f"{att}.{n}"].flatten() for n in ("w0", "a0", "v0", "k_k", "k_a")}
    decay = torch.exp(-(torch.tensor(-0.5, dtype=x.dtype).exp()) * torch.sigmoid(bias["w0"] + low_rank(z, f"{att}.w", lerp["w"], torch.tanh)))
    if i == 0:
        first = v
    else:
        v = v + (first - v) * torch.sigmoid(bias["v0"] + low_rank(z, f"{att}.v", lerp["v"], lambda y: y))
    rate = torch.sigmoid(bias["a0"] + low_rank(z, f"{att}.a", lerp["a"], lambda y: y))
    gate = low_rank(z, f"{att}.g", lerp["g"], torch.sigmoid)
    removal = F.normalize((k * bias["k_k"]).view(-1, HEAD), dim=-1)
    k = k * (1 + (rate - 1) * bias["k_a"])
    r, k, v, rate, decay = (t.view(-1, HEAD) for t in (r, k, v, rate, decay))
    read = (state @ -removal[:, :, None]) @ (removal * rate)[:, None]
    state = state * decay[:, None] + read + v[:, :, None] @ k[:, None]
    y = (state @ r[:, :, None]).view(1, WIDTH)
    y = F.group_norm(y, WIDTH // HEAD, z[f"{att}.ln_x.weight"], z[f"{att}.ln_x.bias"], eps=64e-5).flatten()
    y = y + ((r * k * z[f"{att}.r_k"]).sum(-1, keepdim=True) * v).flatten()
    return z[f"{att}.output.weight"] @ (y * gate), state, first


def written_out(z, tokens):
    """The whole model in f64, position by position: logits and the state of every layer."""
    z = {k: v.double() for k, v in z.items()}
    norm = lambda x, name: F.layer_norm(x, (WIDTH,), z[f"{name}.weight"], z[f"{name}.bias"])
    zero = torch.zeros(WIDTH, dtype=torch.float64)
    states = [[zero, torch.zeros(WIDTH // HEAD, HEAD, HEAD).double(), zero] for _ in range(LAYERS)]
    logits = []
    for token in tokens:
        x, first = norm(z["emb.weight"][token], "blocks.0.ln0"), None
        for i, state in enumerate(states):
            h = norm(x, f"blocks.{i}.ln1")
            y, state[1], first = time_mix(z, f"blocks.{i}.att", i, h, state[0], state[1], first)
            x, state[0] = x + y, h
            h = norm(x, f"blocks.{i}.ln2")
            mixed = h + (state[2] - h) * z[f"blocks.{i}.ffn.x_k"].flatten()
            inner = torch.relu(z[f"blocks.{i}.ffn.key.weight"] @ mixed) ** 2
            x, state[2] = x + z[f"blocks.{i}.ffn.value.weight"] @ inner, h
        logits.append(z["head.weight"] @ norm(x, "ln_out"))
    return torch.stack(logits), states


def published(z, tokens):
    """The package's logits and states, in one pass and token by token."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        torch.save(z, path.with_suffix(".pth"))
        model = RWKV(model=str(path), strategy="cpu fp32")
        whole, state = model.forward(tokens, None, full_output=True)
        steps, carried = [], None
        for token in tokens:
            row, carried = model.forward([token], carried)
            steps.append(row)
    assert_close("token by token", torch.stack(steps), whole, TOLERANCE)
    for i, (a, b) in enumerate(zip(carried, state)):
        assert_close(f"state {i} token by token", a, b, TOLERANCE)
    return whole, state


def expected(z):
    generator = torch.Generator().manual_seed(41)
    ids = torch.randint(VOCABULARY, (1, LENGTH), generator=generator)
    tokens = ids[0].tolist()
    logits, state = published(z, tokens)
    ours, states = written_out(z, tokens)
    assert_close("logits written out", logits, ours, TOLERANCE)
    out = {"input_ids": ids, "logits": logits[None]}
    for i in range(LAYERS):
        for name, value, want in zip(("att_x_prev", "S", "ffn_x_prev"), state[3 * i : 3 * i + 3], states[i]):
            assert_close(f"{name}.{i} written out", value, want, TOLERANCE)
            out[f"{name}.{i}"] = value[None].clone()
    return out


def main():
    checking = wants_check(__doc__)
    folder = FOLDER / "rwkv7"
    z = weights(700)
    facts = {"rwkv": importlib.metadata.version("rwkv")}
    for name, tensors in (("model", z), ("expected", expected(z))):
        path = folder / f"{name}.safetensors"
        if checking:
            check(path, tensors, TOLERANCE)
        else:
            write(path, tensors, "oracles/rwkv7.py", TOLERANCE, **facts)
        print(f"{'checked' if checking else 'wrote'} rwkv7/{path.name}")


if __name__ == "__main__":
    main()
