"""One record per operation, and the registry of all records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from operator import attrgetter
from typing import Any, Final

import numpy as np

from functorch_lite.core.array import Array, Tracer, raise_escaped, wrap_stack
from functorch_lite.core.aval import Aval
from functorch_lite.core.stack import Stack
from functorch_lite.core.trace import run_again, state
from functorch_lite.errors import DeviceError, DtypeError, FunctorchLiteError

_new = object.__new__
_asarray = np.asarray
_ndarray = np.ndarray
_get_data = attrgetter("_data")

ANS: Final = "ans"


class _Marker:
    """A named constant that stands for a rule that is absent on purpose."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


NOT_DIFFERENTIABLE: Final = _Marker("NOT_DIFFERENTIABLE")
"""The answer is piecewise constant or discrete: no tangent, no cotangent, on purpose."""


class Rule:
    """A derivative rule for one operand, with the list of what it needs.

    ``fn`` takes a tangent or cotangent first. Its other parameters are looked up by name: ``ans``,
    an operand's name (its value), ``<operand>_shape``, ``<operand>_dtype``, ``which`` (the
    position inside a variadic operand) or a param of the op. Reverse mode keeps in memory what is
    named, nothing else.
    """

    __slots__ = ("ans", "args", "fn", "getters", "shapes")

    def __init__(self, fn: Callable[..., Any], operands: tuple[str, ...]) -> None:
        self.fn = fn
        self.ans = False
        args: set[int] = set()
        self.shapes = False
        self.getters: list[tuple[str, Any]] = []
        plain = [name.lstrip("*") for name in operands]
        for name in parameters_of(fn)[1:]:
            kind, key = self._classify(name, plain, operands)
            self.getters.append((kind, key))
            if kind == "ans":
                self.ans = True
            elif kind == "arg" or kind == "star":
                args.add(key)
            elif kind in ("shape", "dtype", "star_shape"):
                self.shapes = True
        self.args = frozenset(args)

    @staticmethod
    def _classify(name: str, plain: list[str], operands: tuple[str, ...]) -> tuple[str, Any]:
        if name == ANS:
            return "ans", None
        if name == "which":
            return "which", None
        for i, operand in enumerate(plain):
            star = operands[i].startswith("*")
            if name == operand:
                return ("star" if star else "arg"), i
            if name == operand + "_shape":
                return ("star_shape" if star else "shape"), i
            if name == operand + "_dtype" and not star:
                return "dtype", i
        return "param", name

    def __call__(
        self, t: Any, ans: Any, args: Sequence[Any], params: dict[str, Any], which: int = 0
    ) -> Any:
        """Apply the rule; ``args`` holds values, or ``Aval`` where only the shape is needed."""
        getters = self.getters
        if len(getters) == 1:  # most rules name one value
            kind, key = getters[0]
            if kind == "ans":
                return self.fn(t, ans)
            if kind == "arg":
                return self.fn(t, args[key])
        found = []
        for kind, key in getters:
            if kind == "arg":
                found.append(args[key])
            elif kind == "ans":
                found.append(ans)
            elif kind == "shape":
                found.append(args[key].shape)
            elif kind == "param":
                found.append(params[key])
            elif kind == "dtype":
                found.append(args[key].dtype)
            elif kind == "star":
                found.append(tuple(args[key:]))
            elif kind == "star_shape":
                found.append(tuple(a.shape for a in args[key:]))
            else:
                found.append(which)
        return self.fn(t, *found)


class Whole:
    """A derivative rule for all operands at once, for ops where they cannot be separated.

    Args:
        fn: forward mode ``fn(primals, tangents, params) -> (ans, tangent)``; reverse mode
            ``fn(ct, ans, args, params, wants) -> list of cotangents``.
        saves: of ``"args"`` and ``"ans"``, what reverse mode keeps in memory.
        linear: positions of operands in which alone the op is linear, as a system is in its right
            side: for their cotangents the rule reads the other operands, and not the answer.
    """

    __slots__ = ("fn", "linear", "saves")

    def __init__(
        self, fn: Callable[..., Any], saves: tuple[str, ...] = (), linear: tuple[int, ...] = ()
    ) -> None:
        self.fn = fn
        self.saves = saves
        self.linear = linear


class Shared:
    """An output of a batching rule that is the same for every example and lacks the mapped axis.

    Only ops with several outputs return it, and ``batch_with``.
    """

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def whole_vjp(
    fn: Callable[..., Any], saves: tuple[str, ...] = (), linear: tuple[int, ...] = ()
) -> Whole:
    """Reverse rule for all operands at once; see :class:`Whole`."""
    return Whole(fn, saves, linear)


REGISTRY: dict[str, Op] = {}


class Op:
    """Every rule of one operation, and nothing about it anywhere else.

    Calling the record applies the operation: eagerly when no transform is running, otherwise
    through the current trace. Operands are Arrays of equal dtype; promotion belongs to the callers.

    Attributes:
        name: unique name, also the name under which ``functorch_lite.ops`` exports the record.
        operands: names of the operands; a last one with a leading ``*`` is variadic.
        eager: NumPy implementation over raw arrays, params by keyword.
        aval: shape and dtype rule over ``Aval``.
        jvp: forward rules, one per operand (``Rule`` or ``None``), or a ``Whole``, or
            NOT_DIFFERENTIABLE.
        vjp: reverse rules, likewise.
        batch: ``batch(size, args, batched, params)`` with the mapped axis at 0.
        multi: whether the op returns a tuple.
        family: ``elementwise``, ``reduction``, ``linear`` or ``general``.
        info: what the family adds (domain, kinds, code …).
        batch_with: optional replacement of ``batch`` that is given the whole trace,
            ``batch_with(trace, args, batched, params)``, also when no operand varies: for ops that
            look at the axis's name, and for those that hold graphs. Outputs come as from ``batch``,
            a ``Shared`` one from an op with one output too.
        fwd: optional replacement of the forward pass of reverse mode, for higher-order ops.
        partial: optional rule that splits known from unknown operands, for higher-order ops.
        inline: optional rule that applies the op as a sequence of other ops.
        stage: optional rule that writes the op down, ``stage(trace, args, params)``.
    """

    __slots__ = (
        "__weakref__", "_plans", "_source", "aval", "batch", "batch_with", "eager", "family", "fwd",
        "info", "inline", "jvp", "multi", "name", "operands", "partial", "per_device",
        "stage", "takes_namespace", "unbroadcasts", "vjp",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        operands: tuple[str, ...],
        eager: Callable[..., Any],
        aval: Callable[..., Any],
        jvp: Any,
        vjp: Any,
        batch: Callable[..., Any],
        *,
        multi: bool = False,
        family: str = "general",
        info: dict[str, Any] | None = None,
    ) -> None:
        if name in REGISTRY:
            raise ValueError(f"op {name!r} is declared twice")
        self.name = name
        self.operands = operands
        self._source = eager
        self.takes_namespace = parameters_of(eager)[:1] == ("xp",)
        self.eager = partial(eager, np) if self.takes_namespace else eager
        self.per_device: dict[str, Callable[..., Any]] = {}
        self.aval = aval
        self.jvp = _rules(name, "jvp", jvp, operands)
        self.vjp = _rules(name, "vjp", vjp, operands)
        self.batch = batch
        self.batch_with: Callable[..., Any] | None = None
        self.multi = multi
        self.family = family
        self.info = info or {}
        self.fwd: Callable[..., Any] | None = None
        self.partial: Callable[..., Any] | None = None
        self.inline: Callable[..., Any] | None = None
        self.stage: Callable[..., Any] | None = None
        self.unbroadcasts = family == "elementwise"
        self._plans: dict[int, tuple[bool, tuple[bool, ...], bool]] = {}
        REGISTRY[name] = self

    def __call__(self, *args: Any, **params: Any) -> Any:
        trace = state.trace
        if trace is None:
            try:
                out = state.run(self.eager, *map(_get_data, args), **params)
            except Exception as error:
                out = self._recover(error, args, params)
            if out.__class__ is _ndarray:
                array = _new(Array)
                array._data = out
                return array
            if self.multi:
                return tuple(map(wrap_result, out))
            if isinstance(out, np.generic):
                array = _new(Array)
                array._data = _asarray(out)
                return array
            return wrap_result(out)
        state.trace = trace.parent
        try:
            return trace.process(self, args, params)
        finally:
            state.trace = trace

    def __repr__(self) -> str:
        return f"<op {self.name}({', '.join(self.operands)})>"

    def eager_for(self, xp: Any) -> Callable[..., Any]:
        """The eager implementation for an array namespace (``numpy`` or ``cupy``)."""
        if xp is np:
            return self.eager
        found = self.per_device.get(xp.__name__)
        if found is None:
            if isinstance(self._source, np.ufunc):
                found = getattr(xp, self._source.__name__)
            elif self.takes_namespace:
                found = partial(self._source, xp)
            else:
                found = self._source
            self.per_device[xp.__name__] = found
        return found

    def save_plan(self, mask: int, count: int) -> tuple[bool, tuple[bool, ...], bool]:
        """What reverse mode keeps when the operands in ``mask`` want a cotangent.

        Returns:
            whether the answer is kept, per operand whether its value is kept, and whether shapes
            are.
        """
        plan = self._plans.get(mask << 32 | count)
        if plan is None:
            plan = self._plans[mask << 32 | count] = self._make_plan(mask, count)
        return plan

    def _make_plan(self, mask: int, count: int) -> tuple[bool, tuple[bool, ...], bool]:
        if isinstance(self.vjp, Whole):
            keep = "args" in self.vjp.saves
            return "ans" in self.vjp.saves, (keep,) * count, True
        ans, shapes, keep_args = False, False, [False] * count
        for i in range(count):
            rule = self.rule_for(self.vjp, i)
            if not (mask >> i) & 1 or rule is None:
                continue
            ans |= rule.ans
            shapes |= rule.shapes
            for k in rule.args:
                last = count if self.operands[k].startswith("*") else k + 1
                keep_args[k:last] = [True] * (last - k)
        return ans, tuple(keep_args), shapes

    def rule_for(self, rules: Any, i: int) -> Rule | None:
        """The rule of the i-th argument among ``self.jvp`` or ``self.vjp``."""
        if rules is NOT_DIFFERENTIABLE:
            return None
        found: Rule | None = rules[min(i, len(self.operands) - 1)]
        return found

    def which(self, i: int) -> int:
        """Position of the i-th argument inside the variadic operand (0 for ordinary ones)."""
        return max(0, i - (len(self.operands) - 1))

    def _recover(self, error: Exception, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Explain a failure of the eager implementation; run it again if it never began."""
        for arg in args:
            if isinstance(arg, Tracer):
                raise_escaped(arg, self.name)
        for i, arg in enumerate(args):
            if not isinstance(arg, Array):
                raise DtypeError(
                    f"op {self.name} takes Arrays, but argument {i} is {type(arg).__name__}; the "
                    "functions of functorch_lite.numpy and .lax convert their arguments"
                ) from error
        check_same_device(self.name, args)
        try:
            self.aval(*[a.aval for a in args], **params)
        except FunctorchLiteError as better:
            raise better from None
        datas = [a._data for a in args]
        return run_again(error, self.eager_for(namespace_of(datas)), *datas, **params)


def wrap_result(data: Any) -> Array:
    """An Array around what an eager function returned: an array, a NumPy scalar, or a stack."""
    if data.__class__ is Stack:
        return wrap_stack(data)
    array = _new(Array)
    array._data = _asarray(data) if isinstance(data, np.generic) else data
    return array


def device_of(data: Any) -> str:
    """``cpu`` or ``cuda:N`` for a raw array or a stack."""
    if isinstance(data, Stack):
        return device_of(data.items[0]) if data.items else state.device or "cpu"
    return "cpu" if isinstance(data, (np.ndarray, np.generic)) else f"cuda:{data.device.id}"


def device_behind(x: Any) -> str | None:
    """The device of the concrete array behind a value, or None while it is only staged."""
    while isinstance(x, Tracer):
        inner = getattr(x, "primal", None)
        x = getattr(x, "value", None) if inner is None else inner
    return device_of(x._data) if isinstance(x, Array) else None


def gpu_among(args: Sequence[Any]) -> str | None:
    """The device of the first value that is on a GPU."""
    for arg in args:
        place = device_behind(arg)
        if place is not None and place != "cpu":
            return place
    return None


class allocating_beside:
    """Context in which ops without operands allocate where values live; free without GPU arrays."""

    __slots__ = ("place", "was")

    def __init__(self, values: Sequence[Any]) -> None:
        self.place = gpu_among(values) if devices_enabled() else None

    def __enter__(self) -> None:
        self.was = state.device
        if self.place is not None:
            state.device = self.place

    def __exit__(self, *exc: object) -> None:
        state.device = self.was


def check_same_device(name: str, args: Sequence[Any]) -> None:
    """Raise if the operands of ``name`` live on different devices; scalars go anywhere."""
    places = [(i, device_of(a._data)) for i, a in enumerate(args) if a.ndim]
    if len({place for _, place in places}) > 1:
        listed = ", ".join(f"argument {i} on {place}" for i, place in places)
        raise DeviceError(
            f"{name} got operands on different devices: {listed}. Move one of them first, e.g. "
            f"device_put(x, {places[0][1]!r})."
        )


def enable_devices() -> None:
    """Let eager calls look at where their operands live; once, when a GPU array first appears."""
    Op.__call__ = _call_on_device  # type: ignore[method-assign]


def devices_enabled() -> bool:
    """Whether an array has ever been put on a GPU."""
    return Op.__call__ is _call_on_device


def _call_on_device(self: Op, *args: Any, **params: Any) -> Any:
    """``Op.__call__`` where operands may be on a GPU; what rules allocate goes there too."""
    trace = state.trace
    was = state.device
    state.device = gpu_among(args) or was
    try:
        if trace is None:
            try:
                datas = [a._data for a in args]
                xp = namespace_of(datas)
                if xp is not np:
                    datas = scalars_to(xp, datas)
                out = state.run(self.eager_for(xp), *datas, **params)
            except Exception as error:
                out = self._recover(error, args, params)
            return tuple(map(wrap_result, out)) if self.multi else wrap_result(out)
        state.trace = trace.parent
        return trace.process(self, args, params)
    finally:
        state.trace = trace
        state.device = was


def scalars_to(xp: Any, datas: Sequence[Any]) -> list[Any]:
    """Move 0-d CPU arrays (constants of rules, Python scalars) to where the others are."""
    return [xp.asarray(d) if isinstance(d, np.ndarray) and d.ndim == 0 else d for d in datas]


def namespace_of(datas: Sequence[Any]) -> Any:
    """The array module that made ``datas``; the default device's where there are none."""
    for data in datas:
        if not isinstance(data, np.ndarray) and device_of(data) != "cpu":
            return cupy_module()
    if not datas and state.device is not None and state.device != "cpu":
        return cupy_module()
    return np


def cupy_module() -> Any:
    """CuPy, imported when first needed."""
    import cupy

    return cupy


def parameters_of(fn: Callable[..., Any]) -> tuple[str, ...]:
    """Names of a Python function's parameters; ``inspect`` would be slow for hundreds of rules."""
    code = getattr(fn, "__code__", None)
    return () if code is None else code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def _rules(name: str, mode: str, rules: Any, operands: tuple[str, ...]) -> Any:
    if rules is NOT_DIFFERENTIABLE or isinstance(rules, Whole):
        return rules
    if callable(rules):
        return Whole(rules)
    if len(rules) != len(operands):
        raise ValueError(f"op {name}: {len(rules)} {mode} rules for {len(operands)} operands")
    return tuple(r if r is None or isinstance(r, Rule) else Rule(r, operands) for r in rules)


def output_avals(op: Op, out: Any) -> tuple[Aval, ...]:
    """The answer of an ``aval`` rule as a tuple, whether or not the op is multi."""
    return out if op.multi else (out,)
