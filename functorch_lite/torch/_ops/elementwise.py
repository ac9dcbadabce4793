"""What elementwise operations share: ops that only tensors use, dtypes, the forms of a function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functorch_lite.core.op import Op as Record
from functorch_lite.core.op import Rule
from functorch_lite.core.trace import state
from functorch_lite.driver.eager import ELEMENTWISE
from functorch_lite.ops.families import HALF_CHARS
from functorch_lite.torch._core.dtypes import FROM_NP, default
from functorch_lite.torch._core.dtypes import dtype as DType
from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.inplace import apply_inplace, ready, rebase, write
from functorch_lite.torch._core.keeping import keep, keep_result
from functorch_lite.torch._core.large import BIG, at_size
from functorch_lite.torch._core.node import attach, needs_grad
from functorch_lite.torch._core.op import RecordOp, before, wants_grad
from functorch_lite.torch._core.public import method, public, put_out
from functorch_lite.torch._core.tensor import Tensor, is_symbol, make, version

__all__ = [
    "Local",
    "Unary",
    "argument",
    "beside",
    "halved",
    "in_parts",
    "publish",
    "raw",
    "refusal",
    "ruled",
    "ruled_inplace",
]

_NONE: dict[str, Any] = {}


class Local(Record):
    """An op of tensors that no transform ever sees: its rules are made of the core's ops.

    Args:
        operands: their names, as the rules know them.
        eager: over raw arrays.
        partials: per operand None or a rule; see :class:`functorch_lite.core.op.Rule`.
    """

    __slots__ = ()

    def __init__(
        self, operands: tuple[str, ...], eager: Callable[..., Any], *partials: Any
    ) -> None:
        self.name = "local"
        self.operands = operands
        self.eager = eager
        self.vjp = tuple([None if p is None else Rule(p, operands) for p in partials])
        self._plans = {}

    @classmethod
    def of(cls, record: Record) -> Local:
        """A function of the core, whose results lie in memory as its operand does."""
        made = cls(record.operands, ordered(record))
        made.vjp = record.vjp
        return made


def raw(record: Record, *operands: Any) -> Any:
    """A core op on raw arrays, or on what stands for them while a call is recorded."""
    for x in operands:
        if x.__class__ is not np.ndarray and is_symbol(x):
            return x.recording.applied(record, operands, {})
    return record.eager(*map(np.asarray, operands))


LARGE = 1 << 15
"""Elements from which on the core's functions run compiled, on all cores."""


def ordered(record: Record) -> Callable[..., Any]:
    """The eager function of a core op on one array; large results keep the order of dimensions."""
    source = record._source
    plain: Any = source if isinstance(source, np.ufunc) else record.eager
    # What is bound by arithmetic the core compiles itself; the rest pays on all cores only.
    compiled = record.eager if record.name in ELEMENTWISE else at_size(plain, record, BIG)

    def run(x: Any) -> Any:
        if x.size < LARGE:
            return plain(x)
        if x.flags.c_contiguous:
            return compiled(x)
        order = sorted(range(x.ndim), key=lambda d: -x.strides[d])
        return compiled(x.transpose(order)).transpose(np.argsort(order))

    return run


_ROW = 1 << 16


def beside(number: Any, ufunc: np.ufunc, x: Any, into: Any = None) -> Any:
    """A ufunc of a number and a raw array, in this order.

    NumPy has fast loops for two arrays but not for a number and an array; so the number comes as a
    row of many.

    Args:
        into: an array for the result, which may be ``x``.
    """
    size = x.size
    if size < LARGE or not x.flags.c_contiguous:
        return ufunc(number, x, out=into)
    row = np.full(_ROW, number, x.dtype)
    out = np.empty(x.shape, x.dtype) if into is None else into
    flat, target = x.reshape(-1), out.reshape(-1)
    for i in range(0, size, _ROW):
        part = flat[i : i + _ROW]
        ufunc(row[: part.size], part, out=target[i : i + _ROW])
    return out


def in_parts(f: Callable[..., Any], *arrays: Any) -> None:
    """Let a function write into the first of some arrays of one size, part by part.

    Temporary results then stay in the cache.
    """
    size = arrays[0].size
    first = arrays[0]
    # An operand that overlaps, shifted, must be read before the first part is written.
    if size < LARGE or not all(
        a.flags.c_contiguous
        and (a.ctypes.data == first.ctypes.data or not np.may_share_memory(a, first))
        for a in arrays
    ):
        state.run(f, *arrays)
        return
    flat = [a.reshape(-1) for a in arrays]
    for i in range(0, size, _ROW):
        state.run(f, *[a[i : i + _ROW] for a in flat])


def halved(run: Callable[..., Any]) -> Callable[..., Any]:
    """A function of raw arrays that computes 16-bit floats in float32."""

    def half(x: Any, *rest: Any, **params: Any) -> Any:
        if x.dtype.char in HALF_CHARS:
            wide = [a.astype(np.float32) if a.dtype == x.dtype else a for a in rest]
            return run(x.astype(np.float32), *wide, **params).astype(x.dtype)
        return run(x, *rest, **params)

    return half


# ------------------------------------------------------------------------ rules written on tensors
def ruled(
    name: str, data: Any, operands: Sequence[Any], rule: Callable[..., Any], result: bool = False
) -> Tensor:
    """A result computed outside of the graph, with a rule over the tensors that it saves.

    Args:
        data: the result.
        operands: what is differentiated, and saved.
        rule: ``rule(g, *operands)``, or ``rule(g, answer)``, gives gradients per operand.
        result: whether the answer is saved instead of the operands.
    """
    out = make(data)
    if wants_grad(operands) and out._np.dtype.kind in "fcV":
        node = keep(name, operands, () if result else operands, rule)
        if result:
            keep_result(out, node)
        else:
            attach(out, node)
    return out


def ruled_inplace(name: str, t: Tensor, data: Any, rule: Callable[..., Any]) -> Tensor:
    """Write a result computed from a tensor into it, with a rule over the tensor as it was.

    Args:
        data: the result, in memory of its own.
        rule: ``rule(g, operand)`` gives the gradient.
    """
    recorded = wants_grad((t,))
    ready(t, (), recorded)
    node = None
    if recorded:
        was = before(t)
        node = keep(name, (was,), (was,), rule)
        node.metas.append((t._np.shape, t._np.dtype))
    write(t, data)
    if recorded:
        rebase(t, node)
    return t


# ----------------------------------------------------------------------------- arguments and dtypes
def argument(value: Any, function: str, name: str = "input", position: int = 1) -> TypeError:
    """What is said of an argument that is no tensor."""
    return TypeError(
        f"{function}(): argument '{name}' (position {position}) must be Tensor, not "
        f"{type(value).__name__}"
    )


def refusal(kernel: str, dtype: DType) -> NotImplementedError:
    """What is said of a dtype that a function does not take."""
    return NotImplementedError(f"\"{kernel}\" not implemented for '{dtype.scalar_name}'")


class Unary:
    """How a function of one tensor treats dtypes.

    Args:
        kinds: of ``bifc`` what it takes: bool, integers, floats, complex numbers.
        kernel: its name in messages.
        promote: whether bools and integers become floats.
        errors: by kind, errors other than the usual one.
        keeps_integers: whether integers are their own result.
    """

    __slots__ = ("errors", "keeps_integers", "kernel", "kinds", "promote")

    def __init__(
        self,
        kinds: str,
        kernel: str = "",
        *,
        promote: bool = True,
        errors: dict[str, Exception] | None = None,
        keeps_integers: bool = False,
    ) -> None:
        self.kinds = kinds
        self.kernel = kernel
        self.promote = promote
        self.errors = errors or {}
        self.keeps_integers = keeps_integers

    def dtype(self, own: DType) -> DType:
        """In which it is computed.

        Raises:
            RuntimeError, NotImplementedError: not at all.
        """
        kind = "bifc"[own.kind]
        if kind not in self.kinds:
            error = self.errors.get(kind)
            raise refusal(self.kernel, own) if error is None else type(error)(*error.args)
        return self.promoted(own)

    def promoted(self, own: DType) -> DType:
        """The dtype of the result, if there is one."""
        return default.dtype if self.promote and own.kind < 2 else own


FLOAT = Unary("bifc")


# ------------------------------------------------------------------------------ forms of a function
def publish(
    names: Sequence[str],
    what: RecordOp,
    rule: Unary = FLOAT,
    *,
    quick: Callable[..., Any] | None = None,
    inplace: bool = True,
    function_inplace: bool = True,
    node_inplace: str = "",
) -> Callable[[Tensor], Tensor]:
    """Make a function of one tensor public: as function, method and in place.

    Args:
        names: its name and aliases.
        what: the operation.
        rule: of dtypes.
        quick: what computes float32 and float64; by default the operation's own.
        inplace: whether it exists in place; ``function_inplace``, as ``torch.name_`` as well.
        node_inplace: the name of the node in place, if it is another.

    Returns:
        the function itself, without the checks of keywords.
    """
    name = names[0]
    eager = what.eager if quick is None else quick

    strict = not rule.promote

    def f(input: Tensor, *, out: Tensor | None = None) -> Tensor:
        if out is not None:
            return put_strictly(f(input), out) if strict else put_any(f(input), out)
        try:
            array = input._np
        except AttributeError:
            raise argument(input, name) from None
        if array.dtype.char in "fd":
            if mode.enabled and needs_grad(input):
                return what.recorded((input,), _NONE)[0]
            return make(state.run(eager, array))
        own = FROM_NP[array.dtype]
        dtype = rule.dtype(own)
        if dtype.kind == 1 and rule.keeps_integers:
            return make(array.copy(order="K"))
        return what((input,), _NONE, None if dtype is own else dtype.np)

    f.__name__ = name
    f.__doc__ = _doc(name, rule)
    public(*names)(f)
    if inplace:
        written = RecordOp(node_inplace, what.record) if node_inplace else what
        _publish_inplace(names, written, rule, eager, function_inplace)
    return f


def put_any(value: Tensor, out: Tensor) -> Tensor:
    """A result in the tensor given as ``out=``."""
    put_out(out, value)
    return out


def put_strictly(value: Tensor, out: Tensor) -> Tensor:
    """A result in the tensor given as ``out=``, which must have its dtype."""
    if out._np.dtype != value._np.dtype:
        raise RuntimeError(
            f"Found dtype {out.dtype.scalar_name} but expected {value.dtype.scalar_name}"
        )
    return put_any(value, out)


def _doc(name: str, rule: Unary) -> str:
    """The docstring of a function of one tensor."""
    words = [w for k, w in zip("bifc", ("bool", "integral", "floating", "complex"), strict=True)
             if k in rule.kinds]  # fmt: skip
    becomes = "; integers become floats" if rule.promote else ""
    return (
        f"{name} of each element.\n\n    Args:\n        input: of any shape; {', '.join(words)}"
        f"{becomes}.\n\n    Source: ``torch.{name}``."
    )


def _publish_inplace(
    names: Sequence[str], what: RecordOp, rule: Unary, eager: Callable[..., Any], function: bool
) -> None:
    name = names[0]

    def f(self: Tensor) -> Tensor:
        try:
            array = self._np
        except AttributeError:
            raise argument(self, name + "_") from None
        if array.dtype.char in "fd":
            if mode.enabled and needs_grad(self):
                return apply_inplace(what, (self,), _NONE)
            ready(self, (), False)
            array[...] = state.run(eager, array)
            version(self).count += 1
            return self
        own = FROM_NP[array.dtype]
        dtype = rule.dtype(own)
        if dtype is not own:
            raise cannot_hold(dtype, own)
        if own.kind == 1 and rule.keeps_integers:
            ready(self, (), False)
            version(self).count += 1
            return self
        return apply_inplace(what, (self,), _NONE)

    f.__name__ = name + "_"
    f.__doc__ = f"{name} of each element, in place. Source: ``torch.Tensor.{name}_``."
    for each in names:
        (public if function else method)(each + "_")(f)


def cannot_hold(dtype: DType, own: DType) -> RuntimeError:
    """Why a result does not go into a tensor."""
    return RuntimeError(
        f"result type {dtype.scalar_name} can't be cast to the desired output type "
        f"{own.scalar_name}"
    )
