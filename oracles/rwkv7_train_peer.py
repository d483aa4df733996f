"""An RWKV-7 language model in PyTorch, written from the equations: the peer of `bench train`.

Plain modules as somebody would write them without kernels: `torch.nn.Linear`, `layer_norm`, and for
the scan flash-linear-attention's chunked form in plain PyTorch (`dplr_chunkwise`), the fastest there
is on a CPU. Sizes are the keys of our config.json; low ranks follow the published rule.
"""

import math

import torch
import torch.nn.functional as F
from fla.ops.generalized_delta_rule.dplr.naive import dplr_chunkwise
from torch import nn

CHUNK = 32


def shifted(x):
    """The inputs one position earlier, zero before the first."""
    return F.pad(x, (0, 0, 1, -1))


class LowRank(nn.Module):
    """base + act(x A) B."""

    def __init__(self, width, rank, activation, base=True):
        super().__init__()
        self.first = nn.Parameter(torch.randn(width, rank) * 0.01)
        self.second = nn.Parameter(torch.randn(rank, width) * 0.01)
        self.base = nn.Parameter(torch.zeros(width)) if base else None
        self.activation = activation

    def forward(self, x):
        y = self.activation(x @ self.first) @ self.second
        return y if self.base is None else y + self.base


class TimeMix(nn.Module):
    def __init__(self, width, head, layer):
        super().__init__()

        def rank(factor):
            return max(1, round(factor * math.sqrt(width) / 32)) * 32

        def same(x):
            return x

        self.heads, self.head, self.layer = width // head, head, layer
        self.mix = nn.Parameter(torch.rand(6, width))
        self.decay = LowRank(width, rank(2.5), torch.tanh)
        self.rate = LowRank(width, rank(2.5), same)
        self.residual = LowRank(width, rank(1.7), same) if layer else None
        self.gate = LowRank(width, rank(5.0), torch.sigmoid, base=False)
        self.k_k, self.k_a = nn.Parameter(torch.ones(width)), nn.Parameter(torch.ones(width))
        self.r_k = nn.Parameter(torch.zeros(self.heads, head))
        self.receptance, self.key, self.value, self.output = (
            nn.Linear(width, width, bias=False) for _ in range(4)
        )
        self.norm = nn.GroupNorm(self.heads, width, eps=64e-5)

    def forward(self, x, first):
        batch, length, width = x.shape
        heads = (batch, length, self.heads, self.head)
        mixed = x + (shifted(x) - x) * self.mix[:, None, None]
        xr, xw, xk, xv, xa, xg = mixed
        r, k, v = self.receptance(xr), self.key(xk), self.value(xv)
        log_w = -math.exp(-0.5) * torch.sigmoid(self.decay(xw))
        if first is None:
            first = v
        else:
            v = v + (first - v) * torch.sigmoid(self.residual(xv))
        a = torch.sigmoid(self.rate(xa))
        kk = F.normalize((k * self.k_k).view(heads), dim=-1)
        k = k * (1 + (a - 1) * self.k_a)
        r, k, v, a, log_w = (t.view(heads) for t in (r, k, v, a, log_w))
        scanned = [t.transpose(1, 2) for t in (r, k, v, -kk, kk * a, log_w)]
        # The reference scales r by head^-1/2, which RWKV-7 does not.
        scanned[0] = scanned[0] * math.sqrt(self.head)
        y, _ = dplr_chunkwise(*scanned, chunk_size=CHUNK)
        y = self.norm(y.transpose(1, 2).reshape(batch * length, width)).view(x.shape)
        bonus = ((r * k * self.r_k).sum(-1, keepdim=True) * v).view(x.shape)
        return self.output((y + bonus) * self.gate(xg)), first


class ChannelMix(nn.Module):
    def __init__(self, width, inner):
        super().__init__()
        self.mix = nn.Parameter(torch.rand(width))
        self.key = nn.Linear(width, inner, bias=False)
        self.value = nn.Linear(inner, width, bias=False)

    def forward(self, x):
        return self.value(torch.relu(self.key(x + (shifted(x) - x) * self.mix)) ** 2)


class LanguageModel(nn.Module):
    def __init__(self, config):
        super().__init__()
        width, head = config["hidden_size"], config["head_dim"]
        inner = config.get("intermediate_size") or 4 * width
        layers = range(config["num_hidden_layers"])
        self.embedding = nn.Embedding(config["vocab_size"], width)
        self.norm_in, self.norm_out = nn.LayerNorm(width), nn.LayerNorm(width)
        self.time_norms = nn.ModuleList(nn.LayerNorm(width) for _ in layers)
        self.channel_norms = nn.ModuleList(nn.LayerNorm(width) for _ in layers)
        self.time_mixes = nn.ModuleList(TimeMix(width, head, layer) for layer in layers)
        self.channel_mixes = nn.ModuleList(ChannelMix(width, inner) for _ in layers)
        self.head = nn.Linear(width, config["vocab_size"], bias=False)

    def forward(self, tokens):
        x, first = self.norm_in(self.embedding(tokens)), None
        layers = zip(self.time_norms, self.time_mixes, self.channel_norms, self.channel_mixes)
        for time_norm, time_mix, channel_norm, channel_mix in layers:
            y, first = time_mix(time_norm(x), first)
            x = x + y
            x = x + channel_mix(channel_norm(x))
        return self.head(self.norm_out(x))
