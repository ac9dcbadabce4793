"""Tools around tensors: checkpoints of activations, handles of hooks."""

from functorch_lite.torch.utils import checkpoint, hooks

__all__ = ["checkpoint", "hooks"]
