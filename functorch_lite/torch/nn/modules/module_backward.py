"""What lets hooks of modules see gradients: nodes around the inputs and the outputs of a call."""

from __future__ import annotations

import functools
import warnings
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from functorch_lite.torch._core.grad_mode import is_grad_enabled
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.autograd.function import Function

__all__ = ["BackwardHook", "BackwardHookFunction", "WrappedHook", "hook_last_node"]


class BackwardHookFunction(Function):
    """The identity, as one node for several tensors, on which hooks can be put."""

    @staticmethod
    def forward(ctx: Any, *args: Tensor) -> tuple[Tensor, ...]:
        ctx.mark_non_differentiable(*[a for a in args if not a.requires_grad])
        return args

    @staticmethod
    def backward(ctx: Any, *args: Any) -> Any:
        return args


class _Side:
    """The inputs, or the outputs, of one call.

    Attributes:
        values: all of them, the tensors among them through one node if gradients are recorded.
        places: where the tensors are; None if nothing is recorded.
    """

    def __init__(self, values: tuple[Any, ...], hook: Callable[[Any, Any], Any]) -> None:
        self.values = values
        self.places: list[int] | None = None
        places = [i for i, v in enumerate(values) if isinstance(v, Tensor)]
        if not (is_grad_enabled() and any(values[i].requires_grad for i in places)):
            return
        made = BackwardHookFunction.apply(*[values[i] for i in places])
        found = list(values)
        for i, t in zip(places, made, strict=True):
            found[i] = t
        next(t for t in made if t.requires_grad).grad_fn.register_hook(hook)
        named = type(values) is not tuple
        self.values = type(values)(*found) if named else tuple(found)
        self.places = places

    def spread(self, grads: Sequence[Any]) -> tuple[Any, ...]:
        """Gradients of the tensors, with None for all other values."""
        found: list[Any] = [None] * len(self.values)
        for i, g in zip(self.places or (), grads, strict=True):
            found[i] = g
        return tuple(found)

    def collected(self, grads: Sequence[Any]) -> tuple[Any, ...]:
        """The reverse of ``spread``."""
        return tuple([grads[i] for i in self.places or ()])


class BackwardHook:
    """The full backward hooks of one call of a module.

    Args:
        module: what is called.
        hooks: functions of (module, gradients of inputs, gradients of outputs).
        pre_hooks: functions of (module, gradients of outputs), called before the module's
            backward.
    """

    def __init__(self, module: Any, hooks: list[Any], pre_hooks: list[Any]) -> None:
        self._module = module
        self._hooks = hooks
        self._pre_hooks = pre_hooks
        self._grad_outputs: Any = None

    def setup_input_hook(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments to call the module with."""
        self._inputs = _Side(args, self._after)
        return self._inputs.values

    def setup_output_hook(self, result: Any) -> Any:
        """The result that the caller gets."""
        is_tuple = isinstance(result, tuple)
        self._outputs = _Side(result if is_tuple else (result,), self._before)
        return self._outputs.values if is_tuple else self._outputs.values[0]

    def _before(self, _: Any, grads: tuple[Any, ...]) -> Any:
        """Backward comes to the module."""
        found: Any = self._outputs.spread(grads)
        for hook in self._pre_hooks:
            made = hook(self._module, found)
            if made is None:
                continue
            if len(made) != len(found):
                raise RuntimeError(
                    "Backward pre hook returned an invalid number of grad_output, "
                    f"got {len(made)}, but expected {len(found)}"
                )
            found = made
        if self._inputs.places is None:
            self._without_inputs(found)
        else:
            self._grad_outputs = found
        return self._outputs.collected(found)

    def _without_inputs(self, grad_outputs: tuple[Any, ...]) -> None:
        warnings.warn(
            "Full backward hook is firing when gradients are computed with respect to module "
            "outputs since no inputs require gradients. See https://docs.pytorch.org/docs/main/"
            "generated/torch.nn.Module.html#torch.nn.Module.register_full_backward_hook for more "
            "details.",
            stacklevel=5,
        )
        nothing = (None,) * len(self._inputs.values)
        for hook in self._hooks:
            made = hook(self._module, nothing, grad_outputs)
            if made is not None and not (isinstance(made, tuple) and set(made) <= {None}):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always "
                    "return None or None for all gradients."
                )

    def _after(self, grads: tuple[Any, ...], _: Any) -> Any:
        """Backward leaves the module."""
        if self._grad_outputs is None:
            # Gradients reached the inputs by another way than through the outputs.
            return None
        found: Any = self._inputs.spread(grads)
        for hook in self._hooks:
            made = hook(self._module, found, self._grad_outputs)
            if made is None:
                continue
            if len(made) != len(found):
                raise RuntimeError(
                    "Backward hook returned an invalid number of grad_input, "
                    f"got {len(made)}, but expected {len(found)}"
                )
            found = made
        self._grad_outputs = None
        return self._inputs.collected(found)


class WrappedHook:
    """A hook, with the module to call it with, which it does not keep alive.

    Args:
        hook: a function.
        module: its first argument; None if it takes none.
    """

    def __init__(self, hook: Callable[..., Any], module: Any = None) -> None:
        self.hook = hook
        functools.update_wrapper(self, hook)
        self.with_module = module is not None
        if module is not None:
            self.module: Any = weakref.ref(module)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not self.with_module:
            return self.hook(*args, **kwargs)
        module = self.module()
        if module is None:
            raise RuntimeError("You are trying to call the hook of a dead Module!")
        return self.hook(module, *args, **kwargs)

    def __getstate__(self) -> dict[str, Any]:
        state = {"hook": self.hook, "with_module": self.with_module}
        if self.with_module:
            state["module"] = self.module()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["hook"], state.get("module"))  # type: ignore[misc]


# ----------------------------------------------------------------------- hooks of the older kind
def hook_last_node(module: Any, hooks: list[Any], args: Any, result: Any) -> None:
    """Put hooks on the node that made a result; they see that node's gradients only."""
    last = result
    while not isinstance(last, Tensor):
        if isinstance(last, dict):
            last = next(v for v in last.values() if isinstance(v, Tensor))
        else:
            last = last[0]
    fn = last.grad_fn
    if fn is None:
        return
    for hook in hooks:
        fn.register_hook(WrappedHook(hook, module))
    fault = _what_is_missed(args, result, fn)
    if fault is not None:
        warnings.warn(
            f"Using {fault} Please use register_full_backward_hook to get the documented behavior.",
            FutureWarning,
            stacklevel=4,
        )


def _all_tensors(values: Any) -> bool:
    return isinstance(values, tuple) and all(isinstance(v, Tensor) for v in values)


def _what_is_missed(args: Any, result: Any, fn: Any) -> str | None:
    """Why hooks on a node do not see the gradients of a whole module."""
    ending = "is deprecated and will be removed in future versions. This hook will be missing some"
    if isinstance(result, Tensor):
        result = (result,)
    if not _all_tensors(result):
        return (
            "non-full backward hooks on a Module that does not return a single Tensor or a tuple "
            f"of Tensors {ending} of the grad_output."
        )
    if not _all_tensors(args):
        return (
            "non-full backward hooks on a Module that does not take as input a single Tensor or a "
            f"tuple of Tensors {ending} of the grad_input."
        )
    ends = {t.grad_fn for t in result} - {None}
    if not ends or (len(ends) == 1 and fn not in ends):
        return (
            "a non-full backward hook when outputs are nested in python data structure "
            f"{ending} grad_output."
        )
    if len(ends) > 1:
        return (
            "a non-full backward hook when outputs are generated by different autograd Nodes "
            f"{ending} grad_output."
        )
    if {t.grad_fn for t in args} - {None} != {node for node, _ in fn.next_functions}:
        return (
            "a non-full backward hook when the forward contains multiple autograd Nodes "
            f"{ending} grad_input."
        )
    return None
