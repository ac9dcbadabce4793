"""The processor. Source: ``torch.backends.cpu``."""

from __future__ import annotations


def get_cpu_capability() -> str:
    """The widest vector instructions that kernels use: ``DEFAULT``, ``AVX2`` or ``AVX512``."""
    try:
        from functorch_lite.backends.cpu.machine import vector_bytes
    except ImportError:
        return "DEFAULT"
    return {64: "AVX512", 32: "AVX2"}.get(vector_bytes(), "DEFAULT")
