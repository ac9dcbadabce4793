"""Parts of the ``DataLoader`` that programs reach by PyTorch's names."""

from functorch_lite.torch._scripts.names import module_getattr as _module_getattr
from functorch_lite.torch._utils import ExceptionWrapper
from functorch_lite.torch.utils.data._utils import collate, fetch, pin_memory, worker

__all__ = [
    "MP_STATUS_CHECK_INTERVAL",
    "ExceptionWrapper",
    "collate",
    "fetch",
    "pin_memory",
    "worker",
]

MP_STATUS_CHECK_INTERVAL = 5.0
"""How often it is seen whether workers live, and how long they have to end, in seconds."""

__getattr__ = _module_getattr(globals())
