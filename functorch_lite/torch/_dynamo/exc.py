"""Errors of ``torch.compile``. Source: ``torch._dynamo.exc``."""

from functorch_lite.torch._compile.compiled import (
    InvalidBackend,
    TorchDynamoException,
    Unsupported,
)

__all__ = ["InvalidBackend", "TorchDynamoException", "Unsupported"]
