"""CUDA's switches: they can be set, and change nothing. Source: ``torch.backends.cuda``."""

from __future__ import annotations


class _Matmul:
    """How products are computed on a GPU."""

    allow_tf32 = False
    allow_fp16_reduced_precision_reduction = True
    allow_bf16_reduced_precision_reduction = True
    fp32_precision = "none"


matmul = _Matmul()


def is_built() -> bool:
    """Whether tensors can be put on a GPU."""
    return False
