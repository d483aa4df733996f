"""RMS norm, plain and gated per group (Mamba-2): `golden/rms_norm_*.safetensors`.

Oracle: mamba-ssm's `rms_norm_ref` in f64 with norm_before_gate=False, that is, per group of e/groups
channels:  y = u / sqrt(mean(u^2) + eps) * weight  with  u = x * SiLU(z)  (u = x when ungated).
Tensors: x [b,l,e], z [b,l,e] (gated only), weight [e] -> y [b,l,e], and gradients of sum(y * gy).
The header holds `groups` and `eps`.
"""

from golden import Draw, run, with_gradients
from mamba_ssm_references import references_in_double, rms_norm_ref

TOLERANCE = 1e-12
EPS = 1e-5


def norm(x, weight, groups, z=None):
    size = x.shape[-1] // groups
    return {"y": rms_norm_ref(x, weight, None, z=z, eps=EPS, group_size=size, norm_before_gate=False)}


def cases():
    # name, batch, length, channels, groups, gated, scale of x
    table = [
        ("gated_g1", 2, 5, 24, 1, True, 1.0),
        ("gated_g2", 2, 5, 24, 2, True, 1.0),
        ("gated_g4", 1, 7, 20, 4, True, 1.0),
        ("ungated_g1", 2, 5, 24, 1, False, 1.0),
        ("ungated_g3", 2, 5, 24, 3, False, 1.0),
        # eps decides when the mean square is near it
        ("gated_tiny_g2", 1, 5, 24, 2, True, 1e-3),
        ("gated_zero_g2", 1, 3, 8, 2, True, 0.0),
    ]
    for seed, (name, batch, length, channels, groups, gated, scale) in enumerate(table):
        draw = Draw(400 + seed)
        inputs = {
            "x": draw.normal(batch, length, channels, scale=scale),
            "weight": draw.uniform(0.5, 1.5, channels),
        }
        if gated:
            inputs["z"] = draw.normal(batch, length, channels)
        with references_in_double():
            tensors = with_gradients(inputs, lambda **t: norm(**t, groups=groups), draw)
        yield f"rms_norm_{name}", tensors, {"groups": groups, "eps": EPS}


if __name__ == "__main__":
    run("oracles/norm.py", __doc__, cases(), TOLERANCE)
