"""Whether there is mixed precision at all. Source: ``torch.cuda.amp.common``."""

from importlib.util import find_spec

from functorch_lite.torch import cuda

__all__ = ["amp_definitely_not_available"]


def amp_definitely_not_available() -> bool:
    """Whether there is nothing to run mixed precision of GPUs on.

    Source: ``torch.cuda.amp.common.amp_definitely_not_available``.
    """
    return not (cuda.is_available() or find_spec("torch_xla"))
