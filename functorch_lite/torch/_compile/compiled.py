"""A compiled function: recorded once for each kind of call, eager where that does not work."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import Any

from functorch_lite.torch._compile import config
from functorch_lite.torch._compile.breaks import GraphBreak
from functorch_lite.torch._compile.entry import Entry, NotAsAssumed
from functorch_lite.torch._compile.guards import Call, State, Unguarded, put_back, settings
from functorch_lite.torch._compile.impure import Streams, Watch
from functorch_lite.torch._compile.recording import Recording
from functorch_lite.torch._core.autocast import Kept, paused
from functorch_lite.torch._core.dtypes import default
from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.public import overrides

__all__ = ["Compiled", "InvalidBackend", "TorchDynamoException", "Unsupported", "live"]

MOST_SURPRISES = 8
"""How often values may not be as assumed before a kind of call runs eagerly for good."""

live: weakref.WeakSet[Compiled] = weakref.WeakSet()
"""All compiled functions."""


class TorchDynamoException(RuntimeError):
    """The base of the errors of ``torch.compile``. Source: ``torch._dynamo.exc``."""

    __module__ = "torch._dynamo.exc"


class Unsupported(TorchDynamoException):
    """A function that was to be one graph cannot be. Source: ``torch._dynamo.exc``."""

    __module__ = "torch._dynamo.exc"


class InvalidBackend(TorchDynamoException):
    """There is no such backend. Source: ``torch._dynamo.exc``."""

    __module__ = "torch._dynamo.exc"


class _Kind:
    """What is known of one kind of call.

    Attributes:
        entry: its program; None if it runs eagerly.
        reason: why.
        kept: objects that the key knows by identity.
    """

    __slots__ = ("entry", "kept", "reason", "surprises")

    def __init__(self, entry: Entry | None, reason: str | None, kept: list[Any]) -> None:
        self.entry, self.reason, self.kept = entry, reason, kept
        self.surprises = 0


class Compiled:
    """Runs calls of a function as compiled programs.

    Args:
        f: the function.
        fullgraph: whether it is an error that a call cannot be compiled.

    Attributes:
        reasons: why calls ran eagerly, each once, in the order in which that happened.
    """

    guards_its_function_only = True

    def __init__(self, f: Callable[..., Any], fullgraph: bool) -> None:
        self.f = f
        self.fullgraph = fullgraph
        self.name = getattr(f, "__name__", type(f).__name__)
        self.kinds: dict[Any, _Kind] = {}
        self.reasons: dict[str, None] = {}
        self._last: State | None = None
        self._states: dict[Any, int] = {}
        self._lock = threading.RLock()
        live.add(self)

    def reset(self) -> None:
        """Forget all kinds of calls."""
        with self._lock:
            self.kinds.clear()
            self._states.clear()
            self._last = None
            self.reasons.clear()

    def __reduce__(self) -> tuple[Any, ...]:
        # Programs belong to one process; a module that is copied or loaded is not compiled.
        return _nothing, ()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        f = self.f
        if overrides.known and overrides.recorder is not None:
            return f(*args, **kwargs)  # part of the graph of the caller
        try:
            call = Call(self._state(), args, kwargs)
        except Unguarded as error:
            reason = f"the state of {self.name} cannot be guarded: {error}"
            return self._eagerly(reason, args, kwargs)
        kind = self.kinds.get(call.key)
        if kind is None:
            with self._lock:
                kind = self.kinds.get(call.key) or self._new_kind(call, args, kwargs)
        if kind is None:
            return self._eagerly(
                f"{self.name} has been compiled for {_limit()} kinds of calls already "
                "(recompile limit)", args, kwargs,
            )  # fmt: skip
        if kind.entry is not None:
            try:
                return kind.entry.run(call)
            except NotAsAssumed:
                kind.surprises += 1
                if kind.surprises >= MOST_SURPRISES:
                    reason = "values are not as an operation usually has them"
                    kind.entry, kind.reason = None, reason
                    self.reasons[reason] = None
                return f(*args, **kwargs)
        return self._eagerly(kind.reason or "", args, kwargs)

    def _state(self) -> State:
        """What the function depends on besides its arguments."""
        last = self._last
        if last is not None and last.unchanged():
            return last
        found = State(self.f)
        with self._lock:
            # A number in its place: keys of calls are compared in each of them.
            found.number = self._states.setdefault(found.key, len(self._states))
        self._last = found
        return found

    def _eagerly(self, reason: str, args: Any, kwargs: Any) -> Any:
        self.reasons[reason] = None
        if self.fullgraph:
            raise Unsupported(
                f"{self.name}: {reason}. Remedy: take it out of the function, or leave out "
                "fullgraph=True"
            )
        return self.f(*args, **kwargs)

    # -------------------------------------------------------------------------------- recording
    def _new_kind(self, call: Call, args: Any, kwargs: Any) -> _Kind | None:
        if len(self.kinds) >= _limit():
            return None
        entry, reason = self._record(call, args, kwargs)
        kind = self.kinds[call.key] = _Kind(entry, reason, [*call.state.kept, *call.kept])
        return kind

    def _record(self, call: Call, args: Any, kwargs: Any) -> tuple[Entry | None, str | None]:
        """The program of a kind of call, or why there is none."""
        recording = Recording(self.name, {id(t): i for i, t in enumerate(call.tensors)})
        streams, set_before, autocast = Streams(), settings(), Kept()
        entry = None
        broken: list[GraphBreak] = []
        try:
            with recording:
                with Watch(broken.append, recording.in_library):
                    out = self.f(*args, **kwargs)
                with paused():  # backward passes run outside of it
                    entry = Entry(recording, out, call.tensors)
            reason = None
        except GraphBreak as error:
            reason = str(error)
        except Exception as error:
            # The eager call raises it again if it is the user's.
            reason = f"{type(error).__name__}: {error}"
        first = recording.broken or (broken[0] if broken else None)
        if first is not None:
            entry, reason = None, str(first)
        changed = put_back(call)
        if settings() != set_before:
            mode.enabled, mode.inference, dtype, _ = set_before
            default.set(dtype)
            autocast.restore()
            changed.append("settings of torch")
        if changed and reason is None:
            entry, reason = None, f"the call changes {', '.join(changed)}"
        moved = streams.moved()
        if moved is not None and reason is None:
            entry, reason = None, f"random numbers of {moved} are drawn unseen"
        streams.restore()
        return entry, reason


def _limit() -> int:
    """How many kinds of calls are recorded."""
    return min(config.recompile_limit, config.cache_size_limit)


def _nothing() -> None:
    """What a pickle has in the place of a compiled function."""
