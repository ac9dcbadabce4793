"""Operations on tensors of the device ``meta``.

They are the operations of the package, run on symbols (``symbol.py``) as ``torch.compile`` and
``torch.vmap`` run them: shapes, strides, dtypes, promotion, messages and gradients are the eager
ones. Unlike theirs, these symbols live outside of any call; so each operation enters by itself.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from functorch_lite.core.op import Op
from functorch_lite.core.trace import state
from functorch_lite.torch._compile.symbol import Symbol, apply_op
from functorch_lite.torch._core.device import ON_META, default, when_on_meta
from functorch_lite.torch._core.device import device as Device
from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.node import Node
from functorch_lite.torch._core.public import overrides
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._meta import standin
from functorch_lite.torch._meta.numpy_rules import META_RULES
from functorch_lite.torch._meta.operands import (
    CONSTRUCTORS,
    are_lanes,
    check_devices,
    found_in,
    is_number,
    name_of,
)
from functorch_lite.torch._meta.refusals import BY_VALUES, REFUSED, NoRule, Unknown, no_item, plain
from functorch_lite.torch._meta.symbol import (
    ALIVE,
    MetaSymbol,
    bare,
    bare_like,
    current_trace,
    is_meta,
    set_home,
)
from functorch_lite.torch._meta.text import text_of
from functorch_lite.torch._ops.binary import is_operand
from functorch_lite.torch.autograd.function import FunctionNode

__all__ = ["META", "Meta"]

META_DEVICE = Device("meta")

# What code for arrays meets in a symbol; a mistake of the user's comes up again with elements.
_NO_RULE = (NotImplementedError, TypeError, AttributeError, ValueError)


class _Within(threading.local):
    """Whether the thread is within an operation."""

    operation = False


_within = _Within()
_waking = threading.RLock()


class Meta:
    """What sees operations as long as there are tensors without memory."""

    numpy_rules = META_RULES
    symbols = MetaSymbol

    # ---------------------------------------------------------------------------------- presence
    def wake(self) -> None:
        """Have all operations ask here, until no array of the device is alive.

        A thread that finds another one at it waits for its end.
        """
        with _waking:
            overrides.see_meta(self)

    def _idle(self) -> bool:
        """Whether there is nothing to see any more; then operations ask no longer."""
        return not (ALIVE or ON_META) and overrides.forget_meta(lambda: not (ALIVE or ON_META))

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Within it, operations run on symbols without being asked for."""
        before, trace = overrides.record(self), state.trace
        state.trace = current_trace()
        try:
            yield
        finally:
            state.trace = trace
            overrides.record(before)

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Within it, operations are those of tensors with elements."""
        before, trace = overrides.record(None), state.trace
        state.trace = None
        try:
            yield
        finally:
            state.trace = trace
            overrides.record(before)

    def owns(self, t: Any) -> bool:
        """Whether a tensor is on the device."""
        return is_meta(t)

    # --------------------------------------------------------------------------------- operations
    def enter(self, f: Any, args: Any, kwargs: Any) -> Any:
        """An operation, if one of its tensors is on the device; else NotImplemented."""
        if overrides.recorder is self:
            return NotImplemented
        if self._idle():
            return NotImplemented
        name = name_of(f)
        if name in ("eq", "ne") and not is_operand(args[-1]):
            return NotImplemented  # Python compares by identity then
        if name == "backward":
            return NotImplemented  # the user's hooks run in it; nodes ask one by one
        tensors = found_in(args, kwargs)
        if not any(map(is_meta, tensors)):
            if ON_META and default.current.type == "meta" and not _within.operation:
                return self._by_default(f, name, args, kwargs)
            return NotImplemented
        overrides.refuse("a tensor of the device meta")
        if overrides.recorder is not None and are_lanes(tensors):
            return NotImplemented
        refusal = REFUSED.get(name)
        if refusal is not None:
            raise plain(refusal(name))
        if name in ("getitem", "setitem") and any(map(is_number, found_in(args[1:2], None))):
            raise no_item()
        try:
            check_devices(name, tensors)
            if name in standin.DIRECT and standin.is_small(tensors):
                return standin.run(self, f, args, kwargs)
            with self.at_work():
                return self._converted(f(*args, **kwargs), tensors, kwargs)
        except Unknown as error:
            raise plain(error) from None
        except _NO_RULE as error:
            if name == "setitem" and isinstance(error, NoRule):
                return standin.written(tensors)
            if name in BY_VALUES:
                raise BY_VALUES[name]() if isinstance(error, NoRule) else error from None
            return standin.run(self, f, args, kwargs, error)

    def _by_default(self, f: Any, name: str, args: Any, kwargs: Any) -> Any:
        """An operation while new tensors go to the device, but for those that it makes inside."""
        if name in CONSTRUCTORS and kwargs.get("device") is None:
            kwargs = {**kwargs, "device": META_DEVICE}
        _within.operation = True
        try:
            return f(*args, **kwargs)
        finally:
            _within.operation = False

    def __call__(self, f: Any, args: Any, kwargs: Any) -> Any:
        """An operation of the library's own runs on symbols."""
        if f.__name__ == "item":
            raise no_item()
        return NotImplemented

    def _converted(self, made: Any, tensors: Sequence[Tensor], kwargs: Any) -> Any:
        """The results of an operation; one that depends on sizes only is on the device as well."""
        if isinstance(made, Tensor):
            if not is_meta(made) and not any(made is t for t in tensors):
                place = kwargs.get("device")
                if place is None or Device(place).type == "meta":
                    self.convert(made)
        elif isinstance(made, (tuple, list)):
            for x in made:
                self._converted(x, tensors, kwargs)
        return made

    def convert(self, t: Tensor) -> None:
        """Take its memory from a new tensor that nobody else has."""
        symbol: Any = bare_like(t._np)
        t._np, t._memory, t._offset = symbol, None, 0

    def backward(self, node: Node, grads: list[Tensor | None]) -> Sequence[Tensor | None]:
        """The gradients that a node gives, of sizes only where symbols cannot do it.

        A user's Function runs as it is, and so do hooks: they are told what they may not ask.
        """
        if isinstance(node, FunctionNode):
            if node.ctx.materialize_grads:
                grads = [
                    make(bare(*node.metas[i])) if g is None and i not in node.plain else g
                    for i, g in enumerate(grads)
                ]
            return node.backward(grads)
        with self.at_work():
            try:
                found = node.backward(grads)
            except _NO_RULE:
                if mode.enabled:
                    raise
                return [None if edge is None else standin.gradient_of(edge) for edge in node.edges]
            for g in found:
                if g is not None and not is_meta(g):
                    self.convert(g)
        return found

    def custom(self, function: Any, args: Any) -> Any:
        """A user's Function runs as it is: its operations enter by themselves."""
        return NotImplemented

    # ----------------------------------------------------------------------- what symbols ask of it
    def in_library(self) -> bool:
        """Whether an operation is at work, and not the user's code."""
        current = overrides.recorder
        return current is self or (current is not None and current.in_library())

    def needs_values(self, what: str | None = None) -> Exception:
        """The error where elements are asked for."""
        return NoRule(f"the device meta has no elements for {what or 'this'}")

    def unsupported(self, what: str) -> Exception:
        """The error where there is no rule."""
        return NoRule(f"the device meta has no rule for {what}")

    def assumed(self, truth: Symbol) -> bool:
        """What the library's own checks take a truth value to be."""
        if not self.in_library():
            raise no_item()
        return bool(truth.guess)

    def demand(self, truth: Any, wanted: bool) -> None:
        """Nobody can check what an operation relies on."""

    def applied(self, record: Op, operands: Sequence[Any], params: dict[str, Any]) -> Symbol:
        """The result of an op on symbols and arrays of one dtype."""
        return apply_op(self, record, operands, params)  # type: ignore[arg-type]

    def room(self, zeros: Any) -> Symbol:
        """An array to write into."""
        return bare_like(zeros)

    def drawn(self, sample: Any, engine: Any, args: Any, options: dict[str, Any]) -> Any:
        """Random numbers for an array: there are none, and no generator moves.

        Raises:
            NotImplementedError: the sampler makes the array.
        """
        if sample.__name__ not in standin.INTO_FIRST:
            raise self.unsupported("drawing random numbers")

    # ----------------------------------------------------------------- what the package tells it
    def refuse(self, what: str) -> None:
        """What no graph can hold is no obstacle here."""

    def values_asked(self, t: Tensor, why: str = "") -> Any:
        """The text of a tensor, or a truth value that a check of the package asks for.

        Raises:
            RuntimeError: the user's code asks for a number.
        """
        array: Any = t._np
        if array.__class__ is not MetaSymbol:
            return None
        if why == "text":
            return text_of(t)
        if array.size != 1:
            return None
        if why == "bool" and self.in_library():
            return self.assumed(array)
        if not self.in_library():
            raise no_item()
        return None


META = Meta()
set_home(META, META.wake)
when_on_meta.append(META.wake)
