"""Settings of ``torch.save`` and ``torch.load``. Source: ``torch.utils.serialization``."""

from functorch_lite.torch.utils.serialization import config

__all__ = ["config"]
