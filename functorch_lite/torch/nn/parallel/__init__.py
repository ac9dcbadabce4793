"""Modules on several devices. Source: ``torch.nn.parallel``."""

from functorch_lite.torch.nn.parallel.data_parallel import DataParallel, data_parallel

__all__ = ["DataParallel", "data_parallel"]
