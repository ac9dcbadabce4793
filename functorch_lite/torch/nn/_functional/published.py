"""Functions as subclasses and autocast see them, for those that PyTorch composes of their calls."""

from __future__ import annotations

from functorch_lite.torch._core.public import public
from functorch_lite.torch.nn._functional import attention, class_losses
from functorch_lite.torch.nn._functional import linear as _linear

__all__ = ["cross_entropy", "linear", "scaled_dot_product_attention"]

_hidden = public(function=False, methods=False)
cross_entropy = _hidden(class_losses.cross_entropy)
linear = _hidden(_linear.linear)
scaled_dot_product_attention = _hidden(attention.scaled_dot_product_attention)
