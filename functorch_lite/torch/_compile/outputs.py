"""What a recorded call returns, as a recipe: nested containers of program results, and views."""

from __future__ import annotations

import copy
import dataclasses
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from functorch_lite.torch._compile.guards import PLAIN
from functorch_lite.torch._compile.recording import Recording
from functorch_lite.torch._compile.symbol import symbol_of
from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.node import needs_grad
from functorch_lite.torch._core.order import is_dense
from functorch_lite.torch._core.tensor import Tensor, is_symbol, memory

__all__ = ["Outputs", "leaves_of"]

Tensors = Sequence[Tensor]


@dataclasses.dataclass(frozen=True)
class _Given:
    """A tensor that the call was given, by its place among them."""

    slot: int

    def build(self, given: Tensors, roots: Tensors) -> Any:
        return given[self.slot]


@dataclasses.dataclass(frozen=True)
class _Root:
    """A result of the program."""

    index: int

    def build(self, given: Tensors, roots: Tensors) -> Any:
        return roots[self.index]


@dataclasses.dataclass(frozen=True)
class _Seen:
    """A view of a tensor that was given, or of a result of the program."""

    source: _Given | _Root
    shape: tuple[int, ...]
    steps: tuple[int, ...]
    offset: int
    recorded: bool

    def build(self, given: Tensors, roots: Tensors) -> Any:
        base = self.source.build(given, roots)
        memory(base)
        offset = base._offset + self.offset
        if self.recorded:
            return base.as_strided(self.shape, self.steps, offset)
        was, mode.enabled = mode.enabled, False
        try:
            return base.detach().as_strided(self.shape, self.steps, offset)
        finally:
            mode.enabled = was


@dataclasses.dataclass(frozen=True)
class _Plain:
    """A value that is no tensor."""

    value: Any

    def build(self, given: Tensors, roots: Tensors) -> Any:
        return self.value


@dataclasses.dataclass(frozen=True)
class _Many:
    """A container, made anew in each call; ``kind`` is a class, or a dataclass to be copied."""

    kind: Any
    names: tuple[Any, ...]
    items: tuple[Any, ...]

    def build(self, given: Tensors, roots: Tensors) -> Any:
        found = [item.build(given, roots) for item in self.items]
        kind = self.kind
        if not isinstance(kind, type):
            made = copy.copy(kind)
            for name, value in zip(self.names, found, strict=True):
                object.__setattr__(made, name, value)
            return made
        if hasattr(kind, "_fields"):
            return kind(*found)
        return kind(zip(self.names, found, strict=True)) if self.names else kind(found)


def leaves_of(x: Any) -> list[Tensor]:
    """The tensors in a result, in order."""
    if isinstance(x, Tensor):
        return [x]
    if dataclasses.is_dataclass(x) and not isinstance(x, type):
        return [t for f in dataclasses.fields(x) for t in leaves_of(getattr(x, f.name))]
    if isinstance(x, dict):
        return [t for v in x.values() for t in leaves_of(v)]
    if isinstance(x, (tuple, list)):
        return [t for v in x for t in leaves_of(v)]
    return []


class Outputs:
    """The recipe, and what the program has to compute for it.

    Args:
        recording: a call that has just run.
        out: what it returned.
        given: the tensors that the guards know.

    Attributes:
        recipe: how to build the result.
        roots: the tensors that the program computes; every tensor is one of these, or views one.
        leaves: for each of them, which tensor of the result it is, or is viewed by.
        writes: places of tensors that the call has written to, and what stands for them.
    """

    def __init__(self, recording: Recording, out: Any, given: Tensors) -> None:
        self._recording = recording
        self._given = given
        self._places: dict[int, int] = {}
        self.roots: list[Tensor] = []
        self.leaves: list[int] = []
        found = [recording.lift(t) for t in leaves_of(out)]
        for wanted in (True, False):  # memory is that of a tensor with a gradient, if there is one
            for i, t in enumerate(found):
                if needs_grad(t) is wanted:
                    self._collect(i, t)
        self.recipe = self._spec(out)
        self.writes = [
            (slot, twin) for slot, twin in recording.twins.items() if symbol_of(twin).storage.writes
        ]
        for _, twin in self.writes:
            if twin._fn is not None:
                raise recording.unsupported("writing into an argument, with a gradient,")

    def _collect(self, place: int, t: Tensor) -> None:
        """Find the tensor whose memory a result lies in."""
        if not is_symbol(t._np) or symbol_of(t).storage.source is not None:
            return
        storage = symbol_of(t).storage
        if id(storage) in self._places:
            return
        base = t if t._view is None else t._view.base
        if symbol_of(base).storage is not storage or base._np.size != storage.count:
            raise self._recording.unsupported("a result that views part of hidden memory")
        self._places[id(storage)] = len(self.roots)
        self.roots.append(base)
        self.leaves.append(place)

    def _spec(self, x: Any) -> Any:
        if isinstance(x, Tensor):
            return self._tensor(x)
        if isinstance(x, PLAIN):
            return _Plain(x)
        cls = type(x)
        if cls is list or isinstance(x, tuple):
            return _Many(cls, (), tuple(map(self._spec, x)))
        if cls in (dict, OrderedDict):
            return _Many(cls, tuple(x), tuple(map(self._spec, x.values())))
        if dataclasses.is_dataclass(x) and not isinstance(x, (type, dict)):
            names = tuple(f.name for f in dataclasses.fields(x))
            blank = copy.copy(x)
            for name in names:
                object.__setattr__(blank, name, None)
            return _Many(blank, names, tuple(self._spec(getattr(x, n)) for n in names))
        raise self._recording.unsupported(f"a result of type {cls.__name__}")

    def _tensor(self, t: Tensor) -> Any:
        recording = self._recording
        lifted = recording.lift(t)
        for slot, twin in recording.twins.items():
            if lifted is twin:
                return _Given(slot)
        symbol = symbol_of(lifted)
        if not is_symbol(symbol) or type(lifted) is not Tensor:
            raise recording.unsupported(f"a result of type {type(t).__name__}")
        storage, wanted = symbol.storage, needs_grad(lifted)
        source: _Given | _Root
        if storage.source is not None:
            if not is_dense(self._given[storage.source]._np):
                raise recording.unsupported("a view of a tensor with gaps in memory, as a result")
            source = _Given(storage.source)
        else:
            source = _Root(self._places[id(storage)])
            root = self.roots[source.index]
            if root is lifted:
                return source
            if wanted and not needs_grad(root):
                raise recording.unsupported("a result that shares memory with one without gradient")
        return _Seen(source, symbol.shape, symbol.steps, symbol.offset, wanted)
