"""User-defined operations: ``Function`` with a forward and a backward of its own."""

from __future__ import annotations

import inspect
import warnings
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.inplace import bump, rebase
from functorch_lite.torch._core.node import Node, Saved, edge_of, freed_error, save
from functorch_lite.torch._core.public import overrides
from functorch_lite.torch._core.tensor import Tensor, View, make, share, version
from functorch_lite.torch._core.view import inherit
from functorch_lite.torch.autograd.once import once_differentiable

__all__ = ["Function", "FunctionCtx", "InplaceFunction", "once_differentiable"]

_EMPTY: tuple[Any, ...] = ()


class FunctionCtx:
    """What forward hands on to backward; attributes of any name may be put on it.

    Attributes:
        needs_input_grad: per argument of ``apply`` whether its gradient is wanted.

    Source: ``torch.autograd.function.FunctionCtx``.
    """

    needs_input_grad: tuple[bool, ...] = ()
    materialize_grads = True
    to_save: Any = None
    saved_for_forward: Any = None
    dirty_tensors: Any = None
    non_differentiable: Any = None
    _kept: Sequence[Saved | None] | None = _EMPTY
    _node_ref: Any = None

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors, or None, for backward; later writes to them are found out.

        Source: ``torch.autograd.function.FunctionCtx.save_for_backward``.
        """
        self.to_save = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """Keep tensors for ``jvp``. Source: ``FunctionCtx.save_for_forward``."""
        self.saved_for_forward = tensors

    def mark_dirty(self, *args: Tensor) -> None:
        """Name the arguments that forward writes to. Source: ``FunctionCtx.mark_dirty``."""
        self.dirty_tensors = args

    def mark_non_differentiable(self, *args: Tensor) -> None:
        """Name the results without gradient. Source: ``FunctionCtx.mark_non_differentiable``."""
        self.non_differentiable = args

    def set_materialize_grads(self, value: bool) -> None:
        """Whether backward gets zeros instead of None. Source: ``FunctionCtx``."""
        self.materialize_grads = value

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """The tensors that were kept.

        Raises:
            RuntimeError: they have been freed, or were written to since.
        """
        kept = self._kept
        if kept is None:
            raise freed_error()
        if not kept:
            return ()
        node = self._node_ref()
        return tuple([None if s is None else s.get(node) for s in kept])


class FunctionNode(Node):
    """The node of a user-defined operation; attributes of its context can be read on it.

    Attributes:
        ctx: what forward handed on.
        places: per edge, the argument of ``apply`` that it belongs to.
        count: number of arguments.
        plain: results that are no tensors.
    """

    __slots__ = ("count", "ctx", "places", "plain", "what")

    count: int
    ctx: FunctionCtx
    places: list[int]
    plain: set[int]
    what: type[Function]

    def backward(self, grads: list[Tensor | None]) -> Sequence[Tensor | None]:
        ctx = self.ctx
        if ctx.materialize_grads:
            grads = [
                make(np.zeros(*self.metas[i])) if g is None and i not in self.plain else g
                for i, g in enumerate(grads)
            ]
        found = self.what._pull(ctx, *grads)
        if found.__class__ is not tuple:
            found = tuple(found) if isinstance(found, list) else (found,)
        count = self.count
        if len(found) != count:
            if len(found) < count or any(g is not None for g in found[count:]):
                raise RuntimeError(
                    f"function {self.name()} returned an incorrect number of gradients (expected "
                    f"{count}, got {len(found)})"
                )
        places = self.places
        for i in range(count):
            g = found[i]
            if g is None:
                continue
            if i not in places:
                raise RuntimeError(
                    f"function {self.name()} returned a gradient different than None at position "
                    f"{i + 1}, but the corresponding forward input was not a Variable"
                )
            if not isinstance(g, Tensor):
                raise RuntimeError(f"expected Variable or None (got {type(g).__name__})")
        return [found[i] for i in places]

    def release(self) -> None:
        if self.ctx._kept:
            self.ctx._kept = None

    def __getattr__(self, name: str) -> Any:
        if name in Node.__slots__ or name == "ctx":
            raise AttributeError(name)
        return getattr(self.ctx, name)


class FunctionMeta(type):
    """Gives each Function the class of its nodes and of its contexts."""

    def __init__(cls, name: str, bases: tuple[type, ...], space: dict[str, Any]) -> None:
        super().__init__(name, bases, space)
        place = {"__slots__": (), "__module__": "torch.autograd.function"}
        title = f"{name}Backward"
        cls._node_class = type(title, (FunctionNode,), place)
        cls._ctx_class = type(title, (FunctionCtx,), {"__module__": "torch.autograd.function"})

    _node_class: type[FunctionNode]
    _ctx_class: type[FunctionCtx]


class Function(metaclass=FunctionMeta):
    """An operation with a derivative of its own: subclass it, and call ``apply``.

    A subclass has static methods ``forward(ctx, *args)`` and ``backward(ctx, *grads)``; or
    ``forward(*args)`` with ``setup_context(ctx, inputs, output)``.

    Source: ``torch.autograd.Function``.
    """

    __module__ = "torch.autograd.function"
    generate_vmap_rule = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        warnings.warn(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all "
            "static, so you should invoke them on the class itself. Instantiating an autograd "
            "function will raise an error in a future version of PyTorch.",
            DeprecationWarning,
            stacklevel=2,
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use "
            "new-style autograd function with static forward method. (Example: "
            "https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function)"
        )

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """What the operation computes."""
        raise NotImplementedError(
            "You must implement the forward function for custom autograd.Function."
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        """What it keeps for backward, where ``forward`` takes no context."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradients of the arguments from those of the results."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom "
            "autograd.Function to use it with backward mode AD."
        )

    vjp = backward

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """The tangents of the results from those of the arguments."""
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with "
            "forward mode AD."
        )

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        """The operation on batches."""
        raise NotImplementedError(
            "To use autograd.Function with vmap, you must either override the vmap staticmethod "
            "or set generate_vmap_rule=True."
        )

    @classmethod
    def _pull(cls, ctx: Any, *grads: Any) -> Any:
        """Call ``backward``, or ``vjp`` where that is given."""
        own_vjp = cls.vjp is not Function.vjp
        if own_vjp and cls.backward is not Function.backward:
            raise RuntimeError(
                "Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You "
                "should only implement one of them."
            )
        return (cls.vjp if own_vjp else cls.backward)(ctx, *grads)

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run the operation, and record it.

        Args:
            args: what ``forward`` takes; tensors among them can get gradients.

        Raises:
            RuntimeError: an argument was written to and may not be, or is not returned.
            TypeError: what was kept is no tensor.

        Source: ``torch.autograd.Function.apply``.
        """
        apart = cls.setup_context is not Function.setup_context
        if mode.transforms and not apart:
            raise RuntimeError(
                "In order to use an autograd.Function with functorch transforms (vmap, grad, jvp, "
                "jacrev, ...), it must override the setup_context staticmethod. For more details, "
                "please see https://pytorch.org/docs/main/notes/extending.func.html"
            )
        if kwargs or apart:
            args = _bound(cls.forward, args, kwargs, not apart)
        if overrides.known:
            handled = overrides.custom(cls, args)
            if handled is not NotImplemented:
                return handled
        ctx = cls._ctx_class()
        places: list[int] = []
        needs = []
        recorded = False
        for i, a in enumerate(args):
            if isinstance(a, Tensor):
                places.append(i)
                needs.append(a.requires_grad)
                recorded = recorded or needs[-1]
            else:
                needs.append(False)
        ctx.needs_input_grad = tuple(needs)
        was = mode.enabled
        recorded = recorded and was
        tensors = [args[i] for i in places]
        node = cls._node_class([edge_of(t) for t in tensors] if recorded else [])
        node.what, node.ctx, node.places, node.count = cls, ctx, places, len(args)
        node.plain = set()
        ctx._node_ref = weakref.ref(node)
        forward, mode.forward = mode.forward, None
        mode.enabled = False
        try:
            if apart:
                made = cls.forward(*args)
                cls.setup_context(ctx, args, made)
            else:
                made = cls.forward(ctx, *args)
        finally:
            mode.enabled, mode.forward = was, forward
        single = not isinstance(made, tuple)
        raw = (made,) if single else made
        if recorded and len(raw) > 1 and any(t._view is not None for t in ctx.dirty_tensors or ()):
            raise RuntimeError(
                "If your Function modifies inplace an input that is a view of another Tensor, your "
                "Function cannot return more than one Tensor. This is not supported by the current "
                "autograd engine. You should either make sure the input is not a view (using "
                ".clone() for example) or make your Function only return one Tensor (potentially "
                "splitting it into two Functions: one doing the inplace that returns a single "
                "Tensor and a second one that does the other operations). You can ask on the forum "
                "https://discuss.pytorch.org/ if you need help to do this change."
            )
        for t in ctx.dirty_tensors or ():
            bump(t)
        outs = [_wrapped(t, nr, node, tensors, recorded) for nr, t in enumerate(raw)]
        for t in ctx.dirty_tensors or ():
            if not any(t is r for r in raw):
                raise RuntimeError(
                    "Some elements marked as dirty during the forward method were not returned as "
                    "output. The inputs that are modified inplace must all be outputs of the "
                    "Function."
                )
        if ctx.to_save is not None:
            if recorded:
                ctx._kept = _kept(ctx.to_save, node)
            ctx.to_save = None
        ctx.non_differentiable = ctx.dirty_tensors = ctx.saved_for_forward = None
        return outs[0] if single else tuple(outs)


def _bound(forward: Any, args: Any, kwargs: Any, with_ctx: bool) -> tuple[Any, ...]:
    """All arguments by position, defaults included."""
    signature = inspect.signature(forward)
    bound = signature.bind(None, *args, **kwargs) if with_ctx else signature.bind(*args, **kwargs)
    if not with_ctx:
        bound.apply_defaults()
    return bound.args[1:] if with_ctx else bound.args


def _among(t: Any, tensors: Any) -> bool:
    return any(t is other for other in tensors or ())


def _wrapped(t: Any, nr: int, node: FunctionNode, inputs: Sequence[Tensor], recorded: bool) -> Any:
    """A result as part of the graph."""
    if not isinstance(t, Tensor):
        node.plain.add(nr)
        node.metas.append(((), np.dtype(np.float32)))
        return t
    array = t._np
    node.metas.append((array.shape, array.dtype))
    given = _among(t, inputs)
    dirty = _among(t, node.ctx.dirty_tensors)
    if not recorded or _among(t, node.ctx.non_differentiable) or array.dtype.kind not in "fcV":
        if t.requires_grad:
            return share(t, array, t._offset)
        return share(t, array, t._offset) if given and not dirty else t
    if given and dirty:
        view = t._view
        if view is None and t._fn is None and t._rg:
            raise RuntimeError(
                "a leaf Variable that requires grad has been used in an in-place operation."
            )
        if view is not None and view.base._fn is None and view.base._rg:
            raise RuntimeError(
                "a view of a leaf Variable that requires grad is being used in an in-place "
                "operation."
            )
        rebase(t, node)
        if view is None:
            t._nr = nr
        return t
    if given:
        was = mode.enabled
        mode.enabled = False
        try:
            t = inherit(t, share(t, array, t._offset), "", _same, "custom")
        finally:
            mode.enabled = was
    elif t._view is not None:
        t._view = View(t._view.base, version(t).count, "custom")
    t._fn, t._nr, t._rg = node, nr, False
    return t


def _same(g: Tensor) -> Tensor:
    return g


def _kept(given: Any, node: FunctionNode) -> list[Saved | None]:
    """The tensors of ``save_for_backward``; a result is kept without its node."""
    found: list[Saved | None] = []
    for i, t in enumerate(given):
        if t is None:
            found.append(None)
        elif not isinstance(t, Tensor):
            raise TypeError(
                f"save_for_backward can only save variables, but argument {i} is of type "
                f"{type(t).__name__}"
            )
        elif t._fn is node:
            found.append(Saved(None, t._np, version(t), t._nr))
        else:
            found.append(save(t))
    return found


class InplaceFunction(Function):
    """A Function whose instances say whether they write in place.

    Source: ``torch.autograd.function.InplaceFunction``.
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace
