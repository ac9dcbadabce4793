"""The context for the CPU alone, deprecated. Source: ``torch.cpu.amp.autocast_mode``."""

from functorch_lite.torch._core.dtypes import bfloat16
from functorch_lite.torch.amp._deprecated import autocast_of

__all__ = ["autocast"]

autocast = autocast_of("cpu", bfloat16)
