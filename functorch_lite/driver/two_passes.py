"""``fwd_and_bwd``: the two passes of reverse mode as two functions, each compiled once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from functorch_lite.core import tree
from functorch_lite.core.array import lift
from functorch_lite.core.aval import Aval
from functorch_lite.core.dtypes import float0, is_inexact
from functorch_lite.core.trace import function_name
from functorch_lite.driver.jitted import jit
from functorch_lite.transforms.arguments import check_callable, normalise_argnums
from functorch_lite.transforms.closed import ClosedFunction
from functorch_lite.transforms.grad import vjp

__all__ = ["fwd_and_bwd"]


def fwd_and_bwd(
    fun: Callable[..., Any],
    argnums: int | Sequence[int],
    has_aux: bool = False,
    jitted: bool = True,
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The forward and the backward pass of a function, with what goes between them as data.

    Unlike the pullback of :func:`vjp`, ``bwd`` is one function for all calls, so that it is
    compiled once where the passes are not in one program.

    Args:
        fun: function of trees of arrays.
        argnums: which positional arguments to differentiate with respect to.
        has_aux: ``fun`` returns ``(output, aux)``.
        jitted: whether both functions are compiled.

    Returns:
        ``(fwd, bwd)``. ``fwd(*args)`` returns ``(output, residuals)``, with ``has_aux``
        ``(output, residuals, aux)``; residuals are a tree. ``bwd(residuals, cotangent)`` returns
        the cotangent of the argument, a tuple for several ``argnums``.

    >>> fwd, bwd = fwd_and_bwd(lambda x, y: x * y, argnums=(0, 1))
    >>> out, residuals = fwd(2.0, 3.0)
    >>> bwd(residuals, 1.0)
    (Array(3., dtype=float32), Array(2., dtype=float32))

    Source: ``jax.fwd_and_bwd``.
    """
    check_callable(fun, "fwd_and_bwd")
    label = f"fwd_and_bwd of {function_name(fun)}"
    one = isinstance(argnums, int)

    def fwd(*args: Any, **kwargs: Any) -> Any:
        nums = normalise_argnums(argnums, len(args), label)

        def of_chosen(*chosen: Any) -> Any:
            whole = list(args)
            for i, x in zip(nums, chosen, strict=True):
                whole[i] = x
            return fun(*whole, **kwargs)

        out, pull, *aux = vjp(of_chosen, *[args[i] for i in nums], has_aux=has_aux)
        return (out, ClosedFunction.of(pull, (tree.map(_type, out),), label), *aux)

    def bwd(residuals: ClosedFunction, cotangent: Any) -> Any:
        found = residuals(cotangent)
        return found[0] if one else found

    return (jit(fwd), jit(bwd)) if jitted else (fwd, bwd)


def _type(x: Any) -> Aval:
    aval = lift(x).aval
    return Aval(aval.shape, aval.dtype if is_inexact(aval.dtype) else float0, aval.weak)
