"""Causal softmax attention with rotary positions: `golden/attention*.safetensors`.

Oracle: one `LlamaAttention` layer of transformers (rotate_half: channel i pairs with i + p/2;
angle of pair i at position t is t * 10000^(-2i/p)), compared in this script with a plain f64
formula. Weights are in f64, but transformers computes the angles in f32: hence the tolerance.
Tensors: x [b,l,d], q [h*p,d], k and v [kv*p,d], o [d,h*p] (stored [out, in], no bias)
-> y [b,l,d], and gradients of sum(y * gy). The header holds heads h, key_value_heads kv and
rope_theta; query head i reads key head floor(i / (h/kv)); scores are scaled by p^-1/2.
"""

import torch
from torch.func import functional_call
from transformers.models.llama.modeling_llama import LlamaAttention, LlamaConfig, LlamaRotaryEmbedding

from golden import Draw, assert_close, run, with_gradients

TOLERANCE = 1e-5
BASE = 10_000.0


def llama(x, q, k, v, o, heads, key_value_heads):
    config = LlamaConfig(
        hidden_size=x.shape[-1],
        num_attention_heads=heads,
        num_key_value_heads=key_value_heads,
        rope_parameters={"rope_type": "default", "rope_theta": BASE},
        attn_implementation="sdpa",  # the eager path takes its softmax in f32
    )
    layer = LlamaAttention(config, layer_idx=0).double()
    positions = LlamaRotaryEmbedding(config)(x, torch.arange(x.shape[1])[None])
    weights = {f"{name}_proj.weight": w for name, w in zip("qkvo", (q, k, v, o))}
    inputs = {"hidden_states": x, "position_embeddings": positions, "attention_mask": None}
    return {"y": functional_call(layer, weights, kwargs=inputs)[0]}


def formula(x, q, k, v, o, heads, key_value_heads):
    batch, length, width = x.shape
    size = width // heads

    def split(weight, count):
        return (x @ weight.T).view(batch, length, count, size).transpose(1, 2)

    pair = torch.arange(size // 2, dtype=torch.float64)
    angle = torch.arange(length, dtype=torch.float64)[:, None] * BASE ** (-2 * pair / size)

    def rotate(t):
        low, high = t.chunk(2, dim=-1)
        cos, sin = angle.cos(), angle.sin()
        return torch.cat([low * cos - high * sin, high * cos + low * sin], dim=-1)

    share = heads // key_value_heads
    key = rotate(split(k, key_value_heads)).repeat_interleave(share, dim=1)
    value = split(v, key_value_heads).repeat_interleave(share, dim=1)
    scores = rotate(split(q, heads)) @ key.transpose(2, 3) / size**0.5
    future = torch.ones(length, length, dtype=torch.bool).triu(1)
    mixed = scores.masked_fill(future, -torch.inf).softmax(-1) @ value
    return {"y": mixed.transpose(1, 2).reshape(batch, length, width) @ o.T}


def cases():
    for seed, (name, heads, key_value_heads) in enumerate([("attention", 4, 4), ("attention_grouped", 4, 2)]):
        batch, length, width = 2, 19, 24
        draw = Draw(500 + seed)
        shared = width * key_value_heads // heads
        inputs = {
            "x": draw.normal(batch, length, width),
            "q": draw.normal(width, width, scale=0.4),
            "k": draw.normal(shared, width, scale=0.4),
            "v": draw.normal(shared, width, scale=0.4),
            "o": draw.normal(width, width, scale=0.2),
        }
        head_counts = {"heads": heads, "key_value_heads": key_value_heads}
        tensors = with_gradients(inputs, lambda **t: llama(**t, **head_counts), Draw(600 + seed))
        plain = with_gradients(inputs, lambda **t: formula(**t, **head_counts), Draw(600 + seed))
        for key, value in plain.items():
            assert_close(f"{name}: {key} against the formula", tensors[key], value, TOLERANCE)
        yield name, tensors, {**head_counts, "rope_theta": BASE}


if __name__ == "__main__":
    run("oracles/attention.py", __doc__, cases(), TOLERANCE)
