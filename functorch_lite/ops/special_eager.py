"""How records of special functions are declared and computed: by SciPy, always in float64.

SciPy is loaded when one is first used. What CuPy lacks is computed by SciPy on the host.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functorch_lite.core.dtypes import float64, is_complex, is_float
from functorch_lite.core.op import Op
from functorch_lite.ops.arithmetic import abs, add, div, mul
from functorch_lite.ops.compare import lt, select
from functorch_lite.ops.convert import cast
from functorch_lite.ops.families import const, elementwise, full_like, ones_like, zeros_like

__all__ = [
    "in_float64", "member", "on_host", "power_series", "quotient", "scipy_special", "special",
]  # fmt: skip


def scipy_special(name: str) -> Callable[..., Any]:
    """``fn(xp, *arrays)`` that calls ``scipy.special``'s function, or CuPy's where there is one."""

    def call(xp: Any, *arrays: Any) -> Any:
        if xp is not np:
            from cupyx.scipy import special as on_gpu

            found = getattr(on_gpu, name, None)
            if found is not None:
                return found(*arrays)
            arrays = tuple(xp.asnumpy(a) for a in arrays)
        from scipy import special

        found = getattr(special, name)(*arrays)
        return found if xp is np else xp.asarray(found)

    return call


def on_host(fn: Callable[..., Any]) -> Callable[..., Any]:
    """``fn(xp, *arrays)`` of a function of NumPy arrays, whatever module the operands are of."""

    def call(xp: Any, *arrays: Any, **params: Any) -> Any:
        if xp is np:
            return fn(*arrays, **params)
        return xp.asarray(fn(*[xp.asnumpy(a) for a in arrays], **params))

    return call


def _wide(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Compute ``fn`` in float64 whatever the float type, and round the answer once.

    Integers beside the floats become float64 as well.
    """

    def wrapper(xp: Any, *arrays: Any, **params: Any) -> Any:
        dtype = arrays[-1].dtype
        if is_complex(dtype):
            return fn(xp, *arrays, **params)
        answer = fn(xp, *[a.astype(float64) for a in arrays], **params)
        return answer if dtype == float64 else answer.astype(dtype)

    return wrapper


def special(
    name: str,
    eager: Callable[..., Any] | str,
    partials: Any,
    *,
    operands: tuple[str, ...] = ("x",),
    domain: Any = (-3.0, 3.0),
    code: str,
    order: bool = False,
    kinds: str = "f",
) -> Op:
    """Declare a special function: an elementwise record that compiled programs call.

    Args:
        name: the op's name.
        eager: a name of ``scipy.special``, or ``fn(xp, *arrays, **params)`` over float64.
        partials: as :func:`functorch_lite.ops.families.elementwise` takes them.
        operands: operand names.
        domain: interval, or one per operand.
        code: C-like expression.
        order: whether the first operand is an integer.
        kinds: legal dtype kinds of the others.
    """
    op = elementwise(
        name,
        _wide(scipy_special(eager) if isinstance(eager, str) else eager),
        partials,
        operands=operands,
        kinds=kinds,
        domain=domain,
        code=code,
        same=tuple(range(1, len(operands))) if order else None,
        first="i" if order else None,
    )
    op.info["library"] = "scipy.special"  # no scalar code of its own
    return op


def in_float64(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A function of arrays whose intermediate results are float64, for rules that cancel."""

    def wrapper(*arrays: Any, **params: Any) -> Any:
        dtype = arrays[-1].dtype
        if dtype == float64 or not is_float(dtype):
            return fn(*arrays, **params)
        return cast(fn(*[cast(a, dtype=float64) for a in arrays], **params), dtype=dtype)

    return wrapper


def quotient(x: Any, y: Any, near_zero: Callable[[Any], Any], radius: float = 1.0) -> Any:
    """x / y, and its series ``near_zero`` of y where abs(y) < radius.

    Both vanish at 0, so there is no quotient there, and around it each derivative of the quotient
    loses as many digits as y has zeros. The series must be exact to the last digit in the radius.
    """
    near = lt(abs(y), const(radius, y.dtype))
    outside = div(x, select(near, ones_like(y), y))
    return select(near, near_zero(select(near, y, zeros_like(y))), outside)


def power_series(y: Any, coefficients: Sequence[float]) -> Any:
    """The sum of coefficients[k] y**k."""
    *lower, highest = coefficients
    total = full_like(y, highest)
    for c in reversed(lower):
        total = add(mul(total, y), const(c, y.dtype))
    return total


def member(name: str, which: int) -> Callable[..., Any]:
    """One of the functions that SciPy computes together, and CuPy does not."""
    function = scipy_special(name)

    def call(x: Any) -> Any:
        return function(np, x)[which]

    return on_host(call)
