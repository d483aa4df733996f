"""Training of a classifier, step by step: `golden/classifier_training_*.safetensors`.

Oracle: PyTorch in f64, from the published formulas: a linear encoder, residual blocks h += mixer(norm(h))
with batch norms, a last norm, the mean over positions, a linear head; the mixer is S4D over both directions
(zero-order hold, one transform of twice the length), GELU, a linear map to twice the channels, a gated linear
unit. Every step takes all cases, clips the global norm of the gradient, and updates by AdamW in three groups
(A and step sizes at a peak of 0.001, no decay for them and for D, norms and biases) under warm-up and cosine.

Tensors: `start.<parameter>` under published names, x [case, position], labels [case] -> losses, grad_norms
[step] and `end.<parameter>`. The header holds the settings. The encoder's bias has no gradient but rounding
(the norms take it out), so that its end is not stored.
"""

import math

import torch
import torch.nn.functional as F
from golden import Draw, run

TOLERANCE = 1e-9
WIDTH, MODES, LAYERS, CLASSES = 5, 3, 3, 3
CASES, LENGTH = 12, 21
STEPS, WARMUP, RATE, DECAY, CLIP = 20, 4, 0.008, 0.05, 0.45
DYNAMICS = ("log_a_real", "a_imag", "log_dt")
FREE = ("D", "norm", "norm_f", "bias")


def start(draw):
    """Every parameter, by its published name."""
    weights = {"encoder.weight": draw.normal(WIDTH, 1), "encoder.bias": draw.normal(WIDTH)}
    for layer in range(LAYERS):
        block = f"backbone.layers.{layer}"
        weights[f"{block}.norm.weight"] = draw.uniform(0.5, 1.5, WIDTH)
        weights[f"{block}.norm.bias"] = draw.normal(WIDTH, scale=0.1)
        for side in ("past", "future"):
            kernel = f"{block}.mixer.{side}"
            weights[f"{kernel}.log_a_real"] = draw.uniform(-1.0, 0.0, WIDTH, MODES)
            weights[f"{kernel}.a_imag"] = draw.uniform(0.0, 12.0, WIDTH, MODES)
            weights[f"{kernel}.log_dt"] = draw.uniform(math.log(0.02), math.log(0.3), WIDTH)
            weights[f"{kernel}.c"] = draw.normal(WIDTH, MODES, 2)
        weights[f"{block}.mixer.D"] = draw.normal(WIDTH)
        weights[f"{block}.mixer.output_linear.weight"] = draw.normal(2 * WIDTH, WIDTH, scale=0.4)
        weights[f"{block}.mixer.output_linear.bias"] = draw.normal(2 * WIDTH, scale=0.4)
    weights["backbone.norm_f.weight"] = draw.uniform(0.5, 1.5, WIDTH)
    weights["backbone.norm_f.bias"] = draw.normal(WIDTH, scale=0.1)
    weights["head.weight"] = draw.normal(CLASSES, WIDTH, scale=0.4)
    weights["head.bias"] = draw.normal(CLASSES, scale=0.1)
    return weights


def kernel(weights, name):
    """K_l = 2 Re sum_n C_n (exp(dt A_n) - 1) / A_n exp(dt A_n l), [channel, position]."""
    a = torch.complex(-weights[f"{name}.log_a_real"].exp(), weights[f"{name}.a_imag"])
    dt_a = weights[f"{name}.log_dt"].exp()[:, None] * a
    c = torch.view_as_complex(weights[f"{name}.c"]) * torch.expm1(dt_a) / a
    positions = torch.arange(LENGTH, dtype=torch.float64)
    return 2 * torch.einsum("hn,hnl->hl", c, torch.exp(dt_a[..., None] * positions)).real


def mixer(weights, name, u):
    """Lags 0, 1, .. from the past, -1, -2, .. from the future."""
    size = 2 * LENGTH
    past, future = (kernel(weights, f"{name}.{side}") for side in ("past", "future"))
    both = F.pad(past, (0, LENGTH)) + F.pad(future.flip(-1), (LENGTH, 0))
    u = u.transpose(1, 2)
    y = torch.fft.irfft(torch.fft.rfft(u, n=size) * torch.fft.rfft(both, n=size), n=size)[..., :LENGTH]
    y = F.gelu(y + u * weights[f"{name}.D"][:, None]).transpose(1, 2)
    out = F.linear(y, weights[f"{name}.output_linear.weight"], weights[f"{name}.output_linear.bias"])
    return F.glu(out, dim=-1)


def norm(weights, name, h):
    """With the moments of the batch."""
    rows = h.reshape(-1, WIDTH)
    args = (weights[f"{name}.weight"], weights[f"{name}.bias"])
    return F.batch_norm(rows, None, None, *args, training=True, eps=1e-5).reshape(h.shape)


def logits(weights, x):
    h = F.linear(x[..., None], weights["encoder.weight"], weights["encoder.bias"])
    for layer in range(LAYERS):
        block = f"backbone.layers.{layer}"
        h = h + mixer(weights, f"{block}.mixer", norm(weights, f"{block}.norm", h))
    pooled = norm(weights, "backbone.norm_f", h).mean(1)
    return F.linear(pooled, weights["head.weight"], weights["head.bias"])


def group(name):
    parts = name.split(".")
    if any(part in DYNAMICS for part in parts):
        return "dynamics"
    return "free" if any(part in FREE for part in parts) else "others"


def rate(step):
    """Of step 1, 2, ..: linear to the peak, then half a cosine to 0."""
    if step <= WARMUP:
        return RATE * step / WARMUP
    return RATE * 0.5 * (1 + math.cos(math.pi * (step - WARMUP) / (STEPS - WARMUP)))


def training(draw):
    first = start(draw)
    weights = {name: value.clone().requires_grad_() for name, value in first.items()}
    x = draw.normal(CASES, LENGTH)
    labels = torch.arange(CASES) % CLASSES
    groups = {"others": (DECAY, 1.0), "free": (0.0, 1.0), "dynamics": (0.0, 0.001 / RATE)}
    optimiser = torch.optim.AdamW(
        [
            {"params": [w for name, w in weights.items() if group(name) == kind], "weight_decay": decay}
            for kind, (decay, _) in groups.items()
        ],
        lr=RATE,
    )
    losses, norms = [], []
    for step in range(1, STEPS + 1):
        loss = F.cross_entropy(logits(weights, x), labels)
        optimiser.zero_grad()
        loss.backward()
        losses.append(loss.detach())
        norms.append(torch.nn.utils.clip_grad_norm_(list(weights.values()), CLIP))
        for settings, (_, scale) in zip(optimiser.param_groups, groups.values()):
            settings["lr"] = rate(step) * scale
        optimiser.step()
    tensors = {"x": x, "labels": labels.int(), "losses": torch.stack(losses), "grad_norms": torch.stack(norms)}
    tensors |= {f"start.{name}": value for name, value in first.items()}
    ends = {f"end.{name}": value.detach() for name, value in weights.items() if name != "encoder.bias"}
    return tensors | ends


def cases():
    facts = {"layers": LAYERS, "steps": STEPS, "warmup_steps": WARMUP, "learning_rate": RATE}
    facts |= {"weight_decay": DECAY, "clip": CLIP}
    yield "classifier_training_s4d", training(Draw(900)), facts


if __name__ == "__main__":
    run("oracles/classifier_training.py", __doc__, cases(), TOLERANCE)
