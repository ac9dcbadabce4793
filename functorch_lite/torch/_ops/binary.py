"""Operations on two operands: promotion, quick ways for plain tensors, sums and products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite import ops
from functorch_lite.core.array import Array, wrap
from functorch_lite.core.trace import state
from functorch_lite.ops.families import HALF_CHARS, const
from functorch_lite.torch._core.dtypes import FROM_NP
from functorch_lite.torch._core.dtypes import dtype as DType
from functorch_lite.torch._core.foreign import is_foreign, refused_here
from functorch_lite.torch._core.grad_mode import mode
from functorch_lite.torch._core.inplace import apply_ready, ready
from functorch_lite.torch._core.large import BIG, when_large
from functorch_lite.torch._core.node import needs_grad
from functorch_lite.torch._core.op import RecordOp, before, wants_grad
from functorch_lite.torch._core.order import in_order
from functorch_lite.torch._core.promotion import pair_dtype, result_type, with_scalar
from functorch_lite.torch._core.public import method, override, overrides, public
from functorch_lite.torch._core.tensor import Tensor, is_symbol, make, version
from functorch_lite.torch._ops.copying import cast
from functorch_lite.torch._ops.elementwise import Local, Unary, argument, cannot_hold, halved

__all__ = [
    "ADD", "MUL", "SUB", "NoOperand", "by_number", "common", "in_single", "is_operand", "local2",
    "never", "number", "operand", "operate", "operate_inplace", "operators", "pair",
    "quick_inplace", "quick_pair", "tolerant", "written_from",
]  # fmt: skip

_NONE: dict[str, Any] = {}
NUMBERS = (bool, int, float, complex)


def is_operand(value: Any) -> bool:
    """Whether it is a tensor or a number.

    Raises:
        TypeError: it is a tensor of PyTorch.
    """
    if is_foreign(value):
        raise refused_here("operation")
    return isinstance(value, (Tensor, np.generic, *NUMBERS))


_numbers: dict[Any, Array] = {}
_MOST_NUMBERS = 512


def number(value: Any, dtype: np.dtype[Any]) -> Array:
    """A Python number as an operand in a dtype; integers wrap."""
    key = (value, dtype.char, value.__class__)
    found = _numbers.get(key)
    if found is None:
        found = wrap(state.run(np.array(value).astype, dtype))
        # The two zeros are equal, alone and in complex numbers, and so cannot both be keys; what
        # is no number is not equal to itself, and would never be found.
        if value and value == value and key[2] is not complex and len(_numbers) < _MOST_NUMBERS:
            _numbers[key] = found
    return found


class NoOperand(TypeError):
    """An operand is neither a tensor nor a number."""


def common(a: Any, b: Any) -> DType:
    """The dtype of an operation on two tensors or numbers.

    Raises:
        TypeError: an operand is neither.
    """
    if isinstance(a, Tensor):
        x = a._np
        if isinstance(b, Tensor):
            y = b._np
            if x.dtype == y.dtype:
                return FROM_NP[x.dtype]
            return pair_dtype(FROM_NP[x.dtype], x.ndim, FROM_NP[y.dtype], y.ndim)
        return with_scalar(FROM_NP[x.dtype], x.ndim, python_type(b))
    if isinstance(b, Tensor):
        return common(b, a)
    python_type(a), python_type(b)
    return result_type((a, b))


def python_type(value: Any) -> type:
    """The Python type of a number.

    Raises:
        TypeError: it is none.
    """
    cls = value.__class__
    if cls in NUMBERS:
        found: type = cls
        return found
    if isinstance(value, np.generic):
        return python_type(value.item())
    for each in (bool, int, float, complex):
        if isinstance(value, each):
            return each
    is_operand(value)  # has a word of its own for tensors of PyTorch
    raise NoOperand(f"unsupported operand type(s): {cls.__name__!r}")


def operand(value: Any, dtype: DType) -> Any:
    """A tensor as it is, a number as an operand in a dtype."""
    return value if isinstance(value, Tensor) else number(value, dtype.np)


def operate(what: RecordOp, a: Any, b: Any, dtype: DType | None = None) -> Tensor:
    """Apply an op to two tensors or numbers, in their common dtype."""
    dtype = common(a, b) if dtype is None else dtype
    if dtype.np.char in HALF_CHARS and what in BY_NUMBER and isinstance(a, Tensor):
        single = _single(b)
        if single is not None:
            return BY_NUMBER[what]((a,), {"number": single}, dtype.np)
    try:
        return what((operand(a, dtype), operand(b, dtype)), _NONE, dtype.np)
    except ValueError:
        raise broadcast_error(a, b) from None


BY_NUMBER: dict[RecordOp, RecordOp] = {}
"""Operations of 16-bit floats and a number, which is not rounded to 16 bits first."""
_SINGLE = np.dtype(np.float32)


def by_number(what: RecordOp, eager: Callable[..., Any], rule: Callable[..., Any]) -> None:
    """Let an operation take numbers as float32 beside 16-bit floats.

    Args:
        eager: of raw arrays.
        rule: of the gradient, as of an operation with one parameter, ``number``.
    """
    run = halved(lambda x, *, number: eager(x, number))
    BY_NUMBER[what] = RecordOp(what.node.__name__, Local(("x",), run, rule))


def in_single(back: Callable[..., Any]) -> Callable[..., Any]:
    """The rule of an operation with a number, computed in float32."""

    def rule(t: Any, number: Any) -> Any:
        single = wrap(number) if is_symbol(number) else const(number, _SINGLE)
        return ops.cast(back(ops.cast(t, dtype=_SINGLE), single), dtype=t.dtype)

    return rule


def _single(b: Any) -> Any:
    """A number as float32; None for tensors with dimensions or a gradient."""
    if not isinstance(b, Tensor):
        return np.float32(b)
    return None if b._np.ndim or (mode.enabled and needs_grad(b)) else b._np.astype(np.float32)[()]


def broadcast_error(a: Any, b: Any) -> RuntimeError:
    """Why two shapes do not go together."""
    x, y = np.shape(getattr(a, "_np", a)), np.shape(getattr(b, "_np", b))
    for i in range(1, min(len(x), len(y)) + 1):
        if x[-i] != y[-i] and 1 not in (x[-i], y[-i]):
            return RuntimeError(
                f"The size of tensor a ({x[-i]}) must match the size of tensor b ({y[-i]}) at "
                f"non-singleton dimension {max(len(x), len(y)) - i}"
            )
    return RuntimeError(f"shapes {list(x)} and {list(y)} cannot be broadcast")


def operate_inplace(what: RecordOp, t: Tensor, b: Any, dtype: DType | None = None) -> Tensor:
    """Like ``operate``, with the result written into the first operand."""
    own = FROM_NP[t._np.dtype]
    dtype = common(t, b) if dtype is None else dtype
    recorded = wants_grad((t, b))
    ready(t, (b,), recorded)
    check_result(dtype, own)
    if isinstance(b, Tensor) and b._np.ndim and b._np.shape != t._np.shape:
        check_fits(t, b)
    if dtype is not own:
        return written_from(t, recorded, lambda x: operate(what, x, b, dtype))
    if own.np.char in HALF_CHARS and what in BY_NUMBER:
        single = _single(b)
        if single is not None:
            return apply_ready(BY_NUMBER[what], (t,), {"number": single}, recorded)
    other = cast(b, own) if isinstance(b, Tensor) else number(b, own.np)
    return apply_ready(what, (t, other), _NONE, recorded)


def written_from(t: Tensor, recorded: bool, f: Callable[[Tensor], Tensor]) -> Tensor:
    """Write what a function makes of a tensor, in another dtype, into it."""
    # The function's node must not watch the memory that is written to.
    found: Tensor = t.copy_(f(before(t) if recorded else t))
    return found


def check_result(dtype: DType, own: DType) -> None:
    """Refuse to put a result into a tensor of a lower category."""
    if dtype.kind > own.kind:
        raise cannot_hold(dtype, own)


def check_fits(t: Tensor, b: Tensor) -> None:
    """Refuse an operand that would make the result larger than the tensor written to."""
    try:
        shape = np.broadcast_shapes(t._np.shape, b._np.shape)
    except ValueError:
        raise broadcast_error(t, b) from None
    if shape != t._np.shape:
        raise RuntimeError(
            f"output with shape {list(t._np.shape)} doesn't match the broadcast shape {list(shape)}"
        )


# ---------------------------------------------------------------------------------- the quick ways
Quick = Callable[[Any, Any], "Tensor | None"]
REALS = "fd"
PLAIN = "fdil"


def local2(name: str, eager: Callable[..., Any], *partials: Any, big: Any = None) -> RecordOp:
    """An operation on two tensors; ``big`` is the core's function, for those of many elements."""
    many = None if big is None else when_large(eager, big, BIG)
    return RecordOp(name, Local(("x", "y"), eager, *partials), many)


ADD = local2("AddBackward0", np.add, lambda t: t, lambda t: t, big=ops.add)
SUB = local2("SubBackward0", np.subtract, lambda t: t, lambda t: ops.neg(t), big=ops.sub)
MUL = local2(
    "MulBackward0", np.multiply, lambda t, y: ops.mul(t, y), lambda t, x: ops.mul(t, x),
    big=ops.mul,
)  # fmt: skip
by_number(MUL, np.multiply, in_single(ops.mul))


def quick_pair(
    what: RecordOp, run: Callable[..., Any], chars: str = REALS, numbers: bool = True
) -> Quick:
    """A function for operands that need no promotion; it returns None for all others.

    Args:
        what: the operation if it is recorded.
        run: the operation on raw arrays, and on Python numbers.
        chars: of NumPy dtypes that two tensors may have.
        numbers: whether the second operand may be a number.
    """

    big = what.big

    def quick(a: Any, b: Any) -> Tensor | None:
        if not isinstance(a, Tensor):
            return None
        x = a._np
        if isinstance(b, Tensor):
            y = b._np
            if x.dtype is not y.dtype or x.dtype.char not in chars:
                return None
            try:
                if mode.enabled and (needs_grad(a) or needs_grad(b)):
                    return what.recorded((a, b), _NONE)[0]
                if big is not None and x.size >= BIG:
                    return make(in_order(big(x, y), (x, y)))
                data = state.run(run, x, y)
                return make(in_order(data, (x, y)) if x.ndim > 1 or y.ndim > 1 else data)
            except ValueError:
                raise broadcast_error(a, b) from None
        cls = b.__class__
        if (cls is float or cls is int) and numbers and x.dtype.char in REALS:
            if mode.enabled and needs_grad(a):
                return what.recorded((a, number(b, x.dtype)), _NONE)[0]
            if big is not None and x.size >= BIG:
                return make(in_order(big(x, number(b, x.dtype)._data), (x,)))
            data = state.run(run, x, b)
            return make(in_order(data, (x,)) if x.ndim > 1 else data)
        return None

    return quick


def quick_inplace(run: np.ufunc, chars: str = REALS) -> Quick:
    """Like ``quick_pair``, for unrecorded operations into the first operand."""

    def quick(a: Tensor, b: Any) -> Tensor | None:
        x = a._np
        if x.dtype.char not in chars:
            return None
        if isinstance(b, Tensor):
            y = b._np
            if x.dtype is not y.dtype or (y.ndim and x.shape != y.shape):
                return None
            if mode.enabled and (needs_grad(a) or needs_grad(b)):
                return None
        else:
            cls = b.__class__
            if (cls is not float and cls is not int) or x.dtype.char not in REALS:
                return None
            if mode.enabled and needs_grad(a):
                return None
            y = b
        ready(a, (b,), False)
        state.run(run, x, y, x)
        version(a).count += 1
        return a

    return quick


def never(a: Any, b: Any) -> None:
    """The quick way of operators that have none."""


def operators(
    name: str, quick: Quick, slow: Callable[[Any, Any], Tensor], public_form: Any,
    reflected: Callable[[Any, Any], Any] | None = None,
) -> None:  # fmt: skip
    """Define ``__name__`` and ``__rname__``.

    Args:
        quick, slow: the ways to compute it.
        public_form: what classes that see operations are told of.
        reflected: of the tensor and the first operand; None for none at all.
    """

    def operator(self: Any, other: Any) -> Any:
        if overrides.known:
            handled = override(public_form, (self, other), {})
            if handled is not NotImplemented:
                return handled
        found = quick(self, other)
        if found is not None:
            return found
        try:
            return slow(self, other)
        except NoOperand:
            return NotImplemented

    setattr(Tensor, f"__{name}__", operator)
    if reflected is not None:
        setattr(Tensor, f"__r{name}__", tolerant(reflected, f"__r{name}__"))


def no_descriptor(name: str, value: Any) -> TypeError:
    """What is said where a method, looked up in the class, is called with no tensor."""
    return TypeError(
        f"descriptor '{name}' for 'torch._C.TensorBase' objects doesn't apply to a "
        f"'{type(value).__name__}' object"
    )


def tolerant(f: Callable[[Any, Any], Any], name: str = "") -> Callable[[Any, Any], Any]:
    """A dunder that leaves operands that are none to the other side.

    Args:
        name: if given, looked up in the class it refuses to be called with no tensor.
    """

    def operator(self: Any, other: Any) -> Any:
        if overrides.known and (overrides.recorder is not None or overrides.meta is not None):
            handled = override(operator, (self, other), {})
            if handled is not NotImplemented:
                return handled
        if name and not isinstance(self, Tensor):
            raise no_descriptor(name, self)
        try:
            return f(self, other)
        except NoOperand:
            return NotImplemented

    operator.__name__ = f.__name__
    return operator


def checked(f: Callable[..., Tensor], name: str, a: Any, b: Any) -> Tensor:
    """Run an operation; the message for what is no operand names the argument."""
    try:
        return f(a, b)
    except NoOperand:
        if isinstance(a, (Tensor, *NUMBERS)):
            raise argument(b, name, "other", 2) from None
        raise argument(a, name) from None


def pair(
    names: tuple[str, ...],
    what: RecordOp,
    rule: Unary,
    *,
    run: Callable[..., Any] | None = None,
    inplace: bool = True,
    function_inplace: bool = False,
) -> Callable[[Any, Any], Tensor]:
    """Make a function of two tensors public.

    Args:
        names: its name and aliases.
        what: the operation.
        rule: of the common dtype.
        run: on raw float32 and float64; by default the operation's own.
        inplace: whether it exists in place; ``function_inplace``, as ``torch.name_`` as well.
    """
    name = names[0]
    quick = quick_pair(what, what.eager if run is None else run, numbers=False)

    def f(input: Tensor, other: Tensor) -> Tensor:
        found = quick(input, other)
        if found is not None:
            return found
        _both(input, other, name)
        return operate(what, input, other, rule.dtype(common(input, other)))

    f.__name__ = name
    f.__doc__ = f"{name} of two tensors, element by element. Source: ``torch.{name}``."
    public(*names, out=True)(f)

    def g(self: Tensor, other: Tensor) -> Tensor:
        _both(self, other, name + "_")
        dtype = common(self, other)
        check_result(rule.promoted(dtype), FROM_NP[self._np.dtype])
        return operate_inplace(what, self, other, rule.dtype(dtype))

    if inplace:
        g.__name__ = name + "_"
        g.__doc__ = f"{name} in place. Source: ``torch.Tensor.{name}_``."
        publish = public if function_inplace else method
        publish(*[f"{n}_" for n in names])(g)
    return f


def _both(a: Any, b: Any, name: str) -> None:
    """Refuse operands that are no tensors."""
    if not isinstance(a, Tensor):
        raise argument(a, name)
    if not isinstance(b, Tensor):
        raise argument(b, name, "other", 2)
