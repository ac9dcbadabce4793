"""Weights without some of their elements: masks that modules multiply their parameters by.

>>> import functorch_lite.torch as torch
>>> layer = torch.nn.Linear(4, 1)
>>> _ = l1_unstructured(layer, "weight", amount=3)
>>> sorted(layer.state_dict())
['bias', 'weight_mask', 'weight_orig']
>>> int(layer.weight.count_nonzero())
1

Source: ``torch.nn.utils.prune``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

from functorch_lite.torch._core.layout import contiguous_format
from functorch_lite.torch._core.public import FUNCTIONS
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.nn.utils._pruning import (
    channel_count,
    check_amount,
    lengths_along,
    pruned_count,
)

__all__ = [
    "BasePruningMethod", "CustomFromMask", "Identity", "L1Unstructured", "LnStructured",
    "PruningContainer", "RandomStructured", "RandomUnstructured", "custom_from_mask",
    "global_unstructured", "identity", "is_pruned", "l1_unstructured", "ln_structured",
    "random_structured", "random_unstructured", "remove",
]  # fmt: skip

_MODULE = "torch.nn.utils.prune"
_cat, _ones_like, _zeros_like = (FUNCTIONS[name] for name in ("cat", "ones_like", "zeros_like"))
_rand, _rand_like, _topk = (FUNCTIONS[name] for name in ("rand", "rand_like", "topk"))


class BasePruningMethod(ABC):
    """A way to choose elements; subclasses define ``compute_mask`` and ``PRUNING_TYPE``.

    The type is ``unstructured`` for elements, ``structured`` for whole channels, ``global`` for
    what is told about all elements at once.

    Source: ``torch.nn.utils.prune.BasePruningMethod``.
    """

    __module__ = _MODULE
    PRUNING_TYPE: str
    _tensor_name: str

    def __call__(self, module: Any, inputs: Any) -> None:
        """Before each call of the module: multiply anew."""
        setattr(module, self._tensor_name, self.apply_mask(module))

    @abstractmethod
    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        """The mask of what remains.

        Args:
            t: by how much elements count.
            default_mask: the mask so far, of the same shape.
        """

    def apply_mask(self, module: Any) -> Any:
        """The parameter times its mask."""
        name = self._tensor_name
        orig = getattr(module, name + "_orig")
        return getattr(module, name + "_mask").to(dtype=orig.dtype) * orig

    @classmethod
    def apply(
        cls, module: Any, name: str, *args: Any, importance_scores: Any = None, **kwargs: Any
    ) -> Any:
        """Prune a parameter, which becomes ``name_orig`` beside the buffer ``name_mask``.

        Args:
            module: whose parameter.
            name: of the parameter.
            args, kwargs: what the class takes.
            importance_scores: by how much elements count; the parameter by default.

        Returns:
            the method, or the container of all methods so far.

        Source: ``torch.nn.utils.prune.BasePruningMethod.apply``.
        """
        found = _hooks_of(module, name)
        if len(found) > 1:
            raise AssertionError(
                "Avoid adding multiple pruning hooks to the same tensor "
                f"{name} of module {module}. Use a PruningContainer."
            )
        old = found[0][1] if found else None
        if old is not None:
            del module._forward_pre_hooks[found[0][0]]
        method: BasePruningMethod = cls(*args, **kwargs)
        method._tensor_name = name
        if old is not None:
            container = old if isinstance(old, PruningContainer) else PruningContainer(old)
            container.add_pruning_method(method)
            method = container
        orig = getattr(module, name)
        if not isinstance(orig, Tensor):
            raise TypeError(
                "ones_like(): argument 'input' (position 1) must be Tensor, not "
                f"{type(orig).__name__}"
            )
        if importance_scores is None:
            importance_scores = orig
        elif importance_scores.shape != orig.shape:
            raise AssertionError(
                f"importance_scores should have the same shape as parameter {name} of {module}, "
                f"got {importance_scores.shape} vs {orig.shape}"
            )
        if old is None:
            module.register_parameter(name + "_orig", orig)
            del module._parameters[name]
            mask = _ones_like(orig)
        else:
            mask = getattr(module, name + "_mask").detach().clone(memory_format=contiguous_format)
        try:
            mask = method.compute_mask(importance_scores, mask)
            module.register_buffer(name + "_mask", mask)
            setattr(module, name, method.apply_mask(module))
            module.register_forward_pre_hook(method)
        except Exception:
            if old is None:
                module.register_parameter(name, module._parameters.pop(name + "_orig"))
            raise
        return method

    def prune(self, t: Any, default_mask: Any = None, importance_scores: Any = None) -> Any:
        """A tensor without the elements that the method chooses.

        Args:
            t: the tensor.
            default_mask: a mask so far.
            importance_scores: by how much elements count; ``t`` by default.

        Source: ``torch.nn.utils.prune.BasePruningMethod.prune``.
        """
        if importance_scores is None:
            importance_scores = t
        elif importance_scores.shape != t.shape:
            raise AssertionError("importance_scores should have the same shape as tensor t")
        if default_mask is None:
            default_mask = _ones_like(t)
        return t * self.compute_mask(importance_scores, default_mask)

    def remove(self, module: Any) -> None:
        """Make what is left the parameter; the hook stays.

        Source: ``torch.nn.utils.prune.BasePruningMethod.remove``.
        """
        name = self._tensor_name
        left = self.apply_mask(module)
        if hasattr(module, name):
            delattr(module, name)
        orig = module._parameters.pop(name + "_orig")
        orig.data = left.data
        del module._buffers[name + "_mask"]
        setattr(module, name, orig)


class PruningContainer(BasePruningMethod):
    """Methods one after the other, each on what those before it left.

    Args:
        args: methods for one tensor.

    Source: ``torch.nn.utils.prune.PruningContainer``.
    """

    __module__ = _MODULE

    def __init__(self, *args: Any) -> None:
        self._pruning_methods: tuple[Any, ...] = ()
        if args:
            self._tensor_name = args[0]._tensor_name
        for method in args:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: Any) -> None:
        """Add a method for the same tensor.

        Raises:
            TypeError: it is no method.
            ValueError: it is for another tensor.
        """
        if not isinstance(method, BasePruningMethod) and method is not None:
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if method is not None and self._tensor_name != method._tensor_name:
            raise ValueError(
                "Can only add pruning methods acting on the parameter named "
                f"'{self._tensor_name}' to PruningContainer {self}. Found '{method._tensor_name}'"
            )
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Any:
        return iter(self._pruning_methods)

    def __getitem__(self, idx: Any) -> Any:
        return self._pruning_methods[idx]

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        """The mask so far, changed by the last method where it is not zero yet."""
        method = self._pruning_methods[-1]
        mask = default_mask.to(dtype=t.dtype)
        if method.PRUNING_TYPE == "unstructured":
            part: Any = mask == 1
        elif method.PRUNING_TYPE == "structured":
            dim = method.dim % t.dim()
            left = mask.sum([d for d in range(t.dim()) if d != dim]) != 0
            part = (slice(None),) * dim + (left,)
        elif method.PRUNING_TYPE == "global":
            part = (slice(None),) * t.dim()
        else:
            raise ValueError(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}")
        found = mask.clone()
        found[part] = method.compute_mask(t[part], default_mask=mask[part]).to(mask.dtype)
        return found


class Identity(BasePruningMethod):
    """No elements: the parameter gets a mask of ones. Source: ``torch.nn.utils.prune.Identity``."""

    __module__ = _MODULE
    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        """The mask so far."""
        return default_mask


class _Amount(BasePruningMethod):
    """A method with an amount.

    Args:
        amount: how many elements go, or their share.
    """

    __module__ = _MODULE

    def __init__(self, amount: Any) -> None:
        check_amount(amount)
        self.amount = amount

    def _elements(self, t: Any, default_mask: Any, largest: bool, scores: Any) -> Any:
        """The mask without the elements of the largest, or the smallest, scores."""
        count = pruned_count(self.amount, t.nelement())
        mask = default_mask.clone(memory_format=contiguous_format)
        if count != 0:
            mask.view(-1)[_topk(scores(t).view(-1), k=count, largest=largest).indices] = 0
        return mask


class RandomUnstructured(_Amount):
    """Elements by chance. Source: ``torch.nn.utils.prune.RandomUnstructured``."""

    __module__ = _MODULE
    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        """The mask so far without some elements."""
        return self._elements(t, default_mask, True, _rand_like)


class L1Unstructured(_Amount):
    """The smallest elements. Source: ``torch.nn.utils.prune.L1Unstructured``."""

    __module__ = _MODULE
    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        """The mask so far without the smallest elements."""
        return self._elements(t, default_mask, False, FUNCTIONS["abs"])


class RandomStructured(_Amount):
    """Channels by chance.

    Args:
        amount: how many channels go, or their share.
        dim: the dimension of the channels.

    Source: ``torch.nn.utils.prune.RandomStructured``.
    """

    __module__ = _MODULE
    PRUNING_TYPE = "structured"

    def __init__(self, amount: Any, dim: int = -1) -> None:
        super().__init__(amount)
        self.dim = dim

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        """The mask so far without some channels."""
        size = channel_count(t, self.dim)
        count = pruned_count(self.amount, size)
        if count == 0:
            return default_mask
        chances = _rand(size)
        return self._only(chances > FUNCTIONS["kthvalue"](chances, k=count).values, t, default_mask)

    def _only(self, channels: Any, t: Any, default_mask: Any) -> Any:
        """The mask so far where the channels are."""
        mask = _zeros_like(t)
        mask[(slice(None),) * (self.dim % t.dim()) + (channels,)] = 1
        return mask * default_mask.to(mask.dtype)


class LnStructured(RandomStructured):
    """The channels of the smallest norms.

    Args:
        amount: how many channels go, or their share.
        n: the order of the norm, as of ``torch.norm``.
        dim: the dimension of the channels.

    Source: ``torch.nn.utils.prune.LnStructured``.
    """

    __module__ = _MODULE

    def __init__(self, amount: Any, n: Any, dim: int = -1) -> None:
        super().__init__(amount, dim)
        self.n = n

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        """The mask so far without the channels of the smallest norms."""
        size = channel_count(t, self.dim)
        count = pruned_count(self.amount, size)
        if count == 0:
            return default_mask
        left = _topk(lengths_along(t, self.n, self.dim), k=size - count, largest=True).indices
        return self._only(left, t, default_mask)


class CustomFromMask(BasePruningMethod):
    """A mask that is given.

    Args:
        mask: of the shape of the parameter.

    Source: ``torch.nn.utils.prune.CustomFromMask``.
    """

    __module__ = _MODULE
    PRUNING_TYPE = "global"

    def __init__(self, mask: Any) -> None:
        self.mask = mask

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        """The mask so far times that mask."""
        if default_mask.shape != self.mask.shape:
            raise AssertionError(
                f"default_mask shape {default_mask.shape} must match self.mask shape "
                f"{self.mask.shape}"
            )
        return default_mask * self.mask.to(dtype=default_mask.dtype)


# ---------------------------------------------------------------------------------------- functions
def identity(module: Any, name: str) -> Any:
    """Give a parameter a mask of ones. Source: ``torch.nn.utils.prune.identity``."""
    Identity.apply(module, name)
    return module


def random_unstructured(module: Any, name: str, amount: Any) -> Any:
    """Take elements of a parameter away by chance.

    Args:
        module: whose parameter.
        name: of the parameter.
        amount: how many elements, or their share of those that are left.

    Returns:
        the module.

    Source: ``torch.nn.utils.prune.random_unstructured``.
    """
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module: Any, name: str, amount: Any, importance_scores: Any = None) -> Any:
    """Take the smallest elements away; arguments as of ``random_unstructured``.

    Source: ``torch.nn.utils.prune.l1_unstructured``.
    """
    L1Unstructured.apply(module, name, amount=amount, importance_scores=importance_scores)
    return module


def random_structured(module: Any, name: str, amount: Any, dim: int) -> Any:
    """Take channels along a dimension away by chance.

    Source: ``torch.nn.utils.prune.random_structured``.
    """
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(
    module: Any, name: str, amount: Any, n: Any, dim: int, importance_scores: Any = None
) -> Any:
    """Take the channels of the smallest norms away.

    Source: ``torch.nn.utils.prune.ln_structured``.
    """
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def global_unstructured(
    parameters: Any, pruning_method: Any, importance_scores: Any = None, **kwargs: Any
) -> None:
    """Take elements of several parameters away, chosen among all of them together.

    Args:
        parameters: pairs of a module and a name.
        pruning_method: a class of type ``unstructured``.
        importance_scores: by how much elements count, by pair; the parameters by default.
        kwargs: what the class takes, such as ``amount``.

    Raises:
        TypeError: the method chooses no single elements.

    Source: ``torch.nn.utils.prune.global_unstructured``.
    """
    if not isinstance(parameters, Iterable):
        raise TypeError("global_unstructured(): parameters is not an Iterable")
    if importance_scores is None:
        importance_scores = {}
    elif not isinstance(importance_scores, dict):
        raise TypeError("global_unstructured(): importance_scores must be of type dict")
    pairs: list[Any] = [(module, name) for module, name in parameters]
    tensors = [getattr(module, name) for module, name in pairs]
    scores = [
        importance_scores.get(pair, t).reshape(-1) for pair, t in zip(pairs, tensors, strict=True)
    ]
    masks = [
        getattr(module, f"{name}_mask", _ones_like(t)).reshape(-1)
        for (module, name), t in zip(pairs, tensors, strict=True)
    ]
    all_scores = _cat(scores)
    container = PruningContainer()
    method = pruning_method(**kwargs)
    container._tensor_name = method._tensor_name = "temp"
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method '
            f"{pruning_method} of type {method.PRUNING_TYPE}"
        )
    container.add_pruning_method(method)
    found = container.compute_mask(all_scores, _cat(masks))
    parts = found.split([t.numel() for t in tensors])
    for (module, name), t, part in zip(pairs, tensors, parts, strict=True):
        custom_from_mask(module, name, mask=part.view_as(t))


def custom_from_mask(module: Any, name: str, mask: Any) -> Any:
    """Give a parameter a mask. Source: ``torch.nn.utils.prune.custom_from_mask``."""
    CustomFromMask.apply(module, name, mask)
    return module


def remove(module: Any, name: str) -> Any:
    """Make what is left of a parameter the parameter itself.

    Args:
        module: whose parameter.
        name: of the parameter.

    Returns:
        the module.

    Raises:
        ValueError: it is not pruned.

    Source: ``torch.nn.utils.prune.remove``.
    """
    for key, hook in _hooks_of(module, name):
        hook.remove(module)
        del module._forward_pre_hooks[key]
        return module
    raise ValueError(
        f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed"
    )


def is_pruned(module: Any) -> bool:
    """Whether a module or one below it is pruned. Source: ``torch.nn.utils.prune.is_pruned``."""
    return any(
        isinstance(hook, BasePruningMethod)
        for each in module.modules()
        for hook in each._forward_pre_hooks.values()
    )


def _hooks_of(module: Any, name: str) -> list[tuple[int, Any]]:
    """The pruning hooks of a parameter, with their keys."""
    return [
        (key, hook)
        for key, hook in module._forward_pre_hooks.items()
        if isinstance(hook, BasePruningMethod) and hook._tensor_name == name
    ]
