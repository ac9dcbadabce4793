"""OpenMP: threads are the library's own. Source: ``torch.backends.openmp``."""


def is_available() -> bool:
    """Whether OpenMP is used."""
    return False
