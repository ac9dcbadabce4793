"""Arm's library of kernels: not used. Source: ``torch.backends.kleidiai``."""


def is_available() -> bool:
    """Whether it is used."""
    return False
