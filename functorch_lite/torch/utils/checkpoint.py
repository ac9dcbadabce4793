"""Checkpoints: what backward needs is computed again instead of kept."""

from __future__ import annotations

import contextlib
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from functorch_lite.torch._core import gradients
from functorch_lite.torch._core.autocast import Kept
from functorch_lite.torch._core.grad_mode import enable_grad, is_grad_enabled
from functorch_lite.torch._core.node import Saved
from functorch_lite.torch._core.public import overrides
from functorch_lite.torch._core.tensor import Tensor, version
from functorch_lite.torch._object.generator import get_rng_state, set_rng_state
from functorch_lite.torch.autograd.function import Function
from functorch_lite.torch.autograd.graph import saved_tensors_hooks
from functorch_lite.torch.random import fork_rng

__all__ = [
    "CheckpointError", "DefaultDeviceType", "check_backward_validity", "checkpoint",
    "checkpoint_sequential", "detach_variable", "get_device_states", "noop_context_fn",
    "set_checkpoint_early_stop", "set_device_states",
]  # fmt: skip


class CheckpointError(RuntimeError):
    """The function did something else the second time.

    Source: ``torch.utils.checkpoint.CheckpointError``.
    """

    __module__ = "torch.utils.checkpoint"


def noop_context_fn() -> tuple[Any, Any]:
    """Contexts that do nothing. Source: ``torch.utils.checkpoint.noop_context_fn``."""
    return contextlib.nullcontext(), contextlib.nullcontext()


def detach_variable(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Values with the tensors among them outside of the graph, as leaves that want what these want.

    Raises:
        RuntimeError: they are no tuple.

    Source: ``torch.utils.checkpoint.detach_variable``.
    """
    if not isinstance(inputs, tuple):
        raise RuntimeError(
            "Only tuple of tensors is supported. Got Unsupported input type: "
            f"{type(inputs).__name__}"
        )
    found = []
    for t in inputs:
        if isinstance(t, Tensor):
            x = t.detach()
            x.requires_grad = t.requires_grad
            found.append(x)
        else:
            found.append(t)
    return tuple(found)


def check_backward_validity(inputs: Iterable[Any]) -> None:
    """Warn where no input wants a gradient.

    Source: ``torch.utils.checkpoint.check_backward_validity``.
    """
    if not any(isinstance(t, Tensor) and t.requires_grad for t in inputs):
        warnings.warn(
            "None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2
        )


def get_device_states(*args: Any) -> tuple[list[int], list[Tensor]]:
    """The accelerators that tensors are on, and their generators' states: none.

    Source: ``torch.utils.checkpoint.get_device_states``.
    """
    return [], []


def set_device_states(devices: Any, states: Any, *, device_type: str | None = None) -> None:
    """Set the states of accelerators' generators; there are none to set.

    Source: ``torch.utils.checkpoint.set_device_states``.
    """


class DefaultDeviceType:
    """The kind of device whose generators are kept where no tensor says it.

    Source: ``torch.utils.checkpoint.DefaultDeviceType``.
    """

    _type = "cpu"

    @staticmethod
    def set_device_type(device: str = "cuda") -> None:
        """Choose it."""
        DefaultDeviceType._type = device

    @staticmethod
    def get_device_type() -> str:
        """The kind that was chosen."""
        return DefaultDeviceType._type


class _Wanted:
    """What contexts say for all checkpoints; None leaves it to each."""

    early_stop: bool | None = None


@contextlib.contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """Within it, checkpoints do or do not end the second run as soon as all is there.

    Args:
        enable: whether they do; it counts when the function first runs.

    Source: ``torch.utils.checkpoint.set_checkpoint_early_stop``.
    """
    before, _Wanted.early_stop = _Wanted.early_stop, enable
    try:
        yield
    finally:
        _Wanted.early_stop = before


# -------------------------------------------------------------------------------- one node for all
class CheckpointFunction(Function):
    """A function of which only the inputs are kept; backward runs it again, recorded."""

    @staticmethod
    def forward(ctx: Any, run_function: Any, preserve_rng_state: bool, *args: Any) -> Any:
        check_backward_validity(args)
        ctx.run_function = run_function
        ctx.rng = get_rng_state() if preserve_rng_state else None
        ctx.autocast = Kept()
        places = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        ctx.inputs = [None if i in places else a for i, a in enumerate(args)]
        ctx.places = places
        ctx.save_for_backward(*[args[i] for i in places])
        return run_function(*args)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        if gradients.engine.inside.wanted:
            raise RuntimeError(
                "When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or "
                "passing an `inputs` parameter to .backward(). To resolve this error, you can "
                "either set use_reentrant=False, or call .backward() without passing the `inputs` "
                "argument."
            )
        inputs = list(ctx.inputs)
        for i, t in zip(ctx.places, ctx.saved_tensors, strict=True):
            inputs[i] = t
        given = detach_variable(tuple(inputs))
        with fork_rng(enabled=ctx.rng is not None):
            if ctx.rng is not None:
                set_rng_state(ctx.rng)
            with enable_grad(), ctx.autocast:
                outs = ctx.run_function(*given)
        if isinstance(outs, Tensor):
            outs = (outs,)
        pairs = [
            (o, g)
            for o, g in zip(outs, grads, strict=True)
            if isinstance(o, Tensor) and o.requires_grad
        ]
        if not pairs:
            raise RuntimeError(
                "none of output has requires_grad=True, this checkpoint() is not necessary"
            )
        gradients.backward([o for o, _ in pairs], [g for _, g in pairs])
        return (None, None, *[t.grad if isinstance(t, Tensor) else None for t in given])


# ------------------------------------------------------------- hooks on what nodes would keep
class _Slot:
    """Stands for a tensor that a node would have kept."""

    __slots__ = ("__weakref__", "value")

    def __init__(self) -> None:
        self.value: Tensor | None = None


class _Stop(Exception):
    """All that was asked for has been computed again."""


class _Frame:
    """One run of a function under a checkpoint.

    Attributes:
        slots: what stands for the kept tensors, in the order in which they were kept.
        metas: shape and dtype of each.
    """

    def __init__(self, again: Callable[[], Any], early_stop: bool, check: bool) -> None:
        self.again = again
        self.early_stop = early_stop
        self.check = check
        self.slots: list[weakref.ref[_Slot]] = []
        self.metas: list[Any] = []

    def pack(self, t: Tensor) -> _Slot:
        """Keep nothing but the place of a tensor."""
        slot = _Slot()
        self.slots.append(weakref.ref(slot))
        self.metas.append((t._np.shape, t._np.dtype))
        return slot

    def unpack(self, slot: _Slot) -> Tensor:
        """The tensor of a place; all are computed again together, and each is given out once."""
        if slot.value is None:
            self.run_again()
        found = slot.value
        if found is None:
            raise CheckpointError(
                "torch.utils.checkpoint: Unpack is being triggered for a tensor that was already "
                "unpacked once. If you are calling ctx.saved_tensors in backward, make sure to do "
                "so only once. Otherwise please open an issue with details on your use case."
            )
        slot.value = None
        return found

    def run_again(self) -> None:
        """Run the function once more, and take what its nodes would keep."""
        count = 0
        total = len(self.slots)

        def pack(t: Tensor) -> Any:
            nonlocal count
            place = count
            count += 1
            if place < total:
                if self.check and (t._np.shape, t._np.dtype) != self.metas[place]:
                    raise CheckpointError(
                        "torch.utils.checkpoint: Recomputed values for the following tensors have "
                        f"different metadata than during the forward pass.\ntensor at position "
                        f"{place}:\nsaved metadata: {self.metas[place]}\nrecomputed metadata: "
                        f"{(t._np.shape, t._np.dtype)}"
                    )
                slot = self.slots[place]()
                if slot is not None:
                    slot.value = t.detach()
            if self.early_stop and count == total:
                raise _Stop
            return t.detach()

        try:
            with saved_tensors_hooks(pack, lambda t: t), enable_grad():
                self.again()
        except _Stop:
            return
        if count != total and self.check:
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of tensors was saved during the "
                "original forward and recomputation.\nNumber of tensors saved during forward: "
                f"{total}\nNumber of tensors saved during recomputation: {count}."
            )


def _without_reentry(
    function: Callable[..., Any], preserve: bool, context_fn: Any, check: bool, early_stop: bool,
    args: tuple[Any, ...], kwargs: dict[str, Any],
) -> Any:  # fmt: skip
    if overrides.known:
        overrides.refuse("torch.utils.checkpoint")
    forward_context, again_context = context_fn()
    if not is_grad_enabled():
        with forward_context:
            return function(*args, **kwargs)
    state = get_rng_state() if preserve else None
    autocast = Kept()
    saved = [
        Saved(a, a._np, version(a), hooks=False)
        for a in (*args, *kwargs.values())
        if isinstance(a, Tensor)
    ]

    def again() -> None:
        for s in saved:
            s.raw(None)  # complains if it has changed
        with fork_rng(enabled=preserve):
            if state is not None:
                set_rng_state(state)
            with autocast, again_context:
                function(*args, **kwargs)

    frame = _Frame(again, early_stop, check)
    with saved_tensors_hooks(frame.pack, frame.unpack), forward_context:
        return function(*args, **kwargs)


# ------------------------------------------------------------------------------------------ public
def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], tuple[Any, Any]] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    **kwargs: Any,
) -> Any:
    """Run a function, and keep only its inputs for backward, which runs it again.

    Args:
        function: of tensors.
        args: its arguments.
        use_reentrant: whether backward is a pass of its own inside the pass; without it,
            gradients of inputs and closures come out as if there was no checkpoint.
        context_fn: two contexts, of the first run and of the second one.
        determinism_check: ``default`` compares what both runs keep; ``none`` does not.
        early_stop: whether the second run ends as soon as all is there.
        kwargs: further arguments; with re-entry only ``preserve_rng_state``.

    Returns:
        what the function returns.

    Raises:
        ValueError: keywords that are not known.
        CheckpointError: the function kept something else the second time.

    Source: ``torch.utils.checkpoint.checkpoint``.
    """
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly. "
            "Starting in PyTorch 2.9, calling checkpoint without use_reentrant will raise an "
            "exception. use_reentrant=False is recommended, but if you need to preserve the "
            "current default behavior, you can pass use_reentrant=True. Refer to docs for more "
            "details on the differences between the two variants.",
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if use_reentrant:
        if kwargs:
            raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
        if context_fn is not noop_context_fn or debug:
            raise ValueError(
                "Passing `context_fn` or `debug` is only supported when use_reentrant=False."
            )
        return CheckpointFunction.apply(function, preserve, *args)
    check = determinism_check != "none"
    if _Wanted.early_stop is not None:
        early_stop = _Wanted.early_stop
    return _without_reentry(function, preserve, context_fn, check, early_stop, args, kwargs)


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """Run functions one after the other, checkpointed in pieces.

    Args:
        functions: a sequence of functions, or a ``Sequential``.
        segments: how many pieces; the last one is not checkpointed.
        input: of the first function.
        use_reentrant: as of ``checkpoint``.

    Raises:
        ValueError: keywords that are not known.

    Source: ``torch.utils.checkpoint.checkpoint_sequential``.
    """
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint.checkpoint_sequential: the use_reentrant parameter should be "
            "passed explicitly. In version 2.9 we will raise an exception if use_reentrant is not "
            "passed. use_reentrant=False is recommended, but if you need to preserve the current "
            "default behavior, you can pass use_reentrant=True. Refer to docs for more details on "
            "the differences between the two variants.",
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    steps = list(functions.children()) if hasattr(functions, "children") else list(functions)
    size = len(steps) // segments
    for start in range(0, size * (segments - 1), size):
        piece = _in_turn(steps[start : start + size])
        input = checkpoint(piece, input, use_reentrant=use_reentrant, preserve_rng_state=preserve)
    return _in_turn(steps[size * (segments - 1) :])(input)


def _in_turn(steps: Iterable[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    def run(x: Any) -> Any:
        for step in steps:
            x = step(x)
        return x

    return run
