"""mamba-ssm's reference functions on a machine without its CUDA extension.

mamba-ssm imports the extension at once although the references never call it, so an empty module
stands in. Import transformers' Mamba-2 *before* this module: it would otherwise find an importable
mamba-ssm and choose its GPU kernels over its own PyTorch path.
"""

import contextlib
import sys
import types

import torch

sys.modules.setdefault("selective_scan_cuda", types.ModuleType("selective_scan_cuda"))

from mamba_ssm.modules.ssd_minimal import ssd_minimal_discrete  # noqa: E402
from mamba_ssm.ops.selective_scan_interface import selective_scan_ref  # noqa: E402
from mamba_ssm.ops.triton.layernorm_gated import rms_norm_ref  # noqa: E402
from mamba_ssm.ops.triton.ssd_combined import ssd_chunk_scan_combined_ref  # noqa: E402

__all__ = [
    "references_in_double",
    "rms_norm_ref",
    "selective_scan_ref",
    "ssd_chunk_scan_combined_ref",
    "ssd_minimal_discrete",
]


@contextlib.contextmanager
def references_in_double():
    """Makes `tensor.float()` keep f64, because the references "upcast" to f32 with it."""
    single = torch.Tensor.float
    torch.Tensor.float = torch.Tensor.double
    try:
        yield
    finally:
        torch.Tensor.float = single
