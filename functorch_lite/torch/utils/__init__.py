"""Tools around tensors: data sets and batches, checkpoints of activations, handles of hooks."""

from functorch_lite.torch.utils import checkpoint, data, hooks, serialization

__all__ = ["checkpoint", "data", "hooks", "serialization"]
