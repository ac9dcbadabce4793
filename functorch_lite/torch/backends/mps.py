"""Apple's GPUs: absent. Source: ``torch.backends.mps``."""


def is_available() -> bool:
    """Whether tensors can be put on such a GPU."""
    return False


def is_built() -> bool:
    """Whether the package has code for such GPUs."""
    return False
