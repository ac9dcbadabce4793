"""NVIDIA's library for sparse products: not used. Source: ``torch.backends.cusparselt``."""


def is_available() -> bool:
    """Whether it is used."""
    return False


def version() -> int | None:
    """Its version, or None."""
    return None
