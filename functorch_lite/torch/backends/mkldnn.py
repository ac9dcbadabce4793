"""oneDNN: not used. Source: ``torch.backends.mkldnn``."""

enabled = True
deterministic = False
allow_tf32 = True


def is_available() -> bool:
    """Whether oneDNN is used."""
    return False
