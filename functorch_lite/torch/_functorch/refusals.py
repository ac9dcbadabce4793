"""What cannot be done to a tensor inside ``vmap``, in PyTorch's words."""

from __future__ import annotations

__all__ = ["CONTROL_FLOW", "DYNAMIC", "ITEM", "MASK", "RANDOM", "REFUSALS", "UNMAPPED_TARGET"]

CONTROL_FLOW = (
    "vmap: It looks like you're attempting to use a Tensor in some data-dependent control flow. "
    "We don't support that yet, please file an issue at "
    "https://github.com/pytorch/pytorch/issues . Each example has a truth value of its own: "
    "choose by it with torch.where(condition, a, b)"
)

ITEM = (
    "vmap: It looks like you're calling .item() on a Tensor. We don't support vmap over calling "
    ".item() on a Tensor, please try to rewrite what you're doing with other operations. If error "
    "is occurring somewhere inside PyTorch internals, please file a bug report."
)

UNMAPPED_TARGET = (
    "vmap: inplace arithmetic(self, *extra_args) is not possible because there exists a Tensor "
    "`other` in extra_args that has more elements than `self`. This happened due to `other` being "
    "vmapped over but `self` not being vmapped over in a vmap. Please try to use out-of-place "
    "operators instead of inplace arithmetic. If said operator is being called inside the PyTorch "
    "framework, please file a bug report instead."
)

DYNAMIC = (
    "vmap: We do not support batching operators that can output dynamic shape. Attempted to vmap "
    "over aten::{}. Please file an issue at https://github.com/pytorch/pytorch/issues if you need "
    "this feature."
)

MASK = (
    "vmap: We do not support batching operators that can support dynamic shape. Attempting to "
    "batch over indexing with a boolean mask. Choose elements with torch.where(mask, a, b)"
)

RANDOM = (
    "vmap: called random operation while in randomness error mode. Please either use the 'same' or "
    "'different' randomness flags on vmap or perform the randomness operation out of vmap"
)

_NO_STORAGE = "Cannot access data pointer of Tensor that doesn't have storage"

REFUSALS = {
    "item": ITEM,
    "is_nonzero": CONTROL_FLOW,
    "nonzero": DYNAMIC.format("nonzero"),
    "argwhere": DYNAMIC.format("nonzero"),
    "unique": DYNAMIC.format("_unique2"),
    "unique_consecutive": DYNAMIC.format("unique_consecutive"),
    "masked_select": (
        "vmap: Attempted to vmap over `mask` in torch.masked_select(self, mask) We cannot support "
        "this because for each batch this would return a differently shaped Tensor. Please file an "
        "issue at https://github.com/pytorch/pytorch/issues if you need this feature."
    ),
    "allclose": (
        "vmap over torch.allclose isn't supported yet. Please file an issue at "
        "https://github.com/pytorch/pytorch/issues if you need this feature."
    ),
    "equal": "Batching rule not implemented for aten::equal. We could not generate a fallback.",
    "data_ptr": _NO_STORAGE,
    "numpy": _NO_STORAGE,
    "storage": _NO_STORAGE,
    "tolist": _NO_STORAGE,
    "untyped_storage": _NO_STORAGE,
}
"""By the name of the function."""
