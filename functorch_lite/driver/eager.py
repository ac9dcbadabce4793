"""Large eager operations by compiled kernels.

NumPy runs on one thread and knows no convolution. Above a size, ops whose arithmetic outweighs a
call of a compiled program are run by one: the program that ``jit`` of the op alone would make.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.core.aval import make_aval
from functorch_lite.core.graph import Eqn, Graph, Var
from functorch_lite.core.op import REGISTRY, Op, output_avals
from functorch_lite.core.trace import state
from functorch_lite.driver.programs import default_backend
from functorch_lite.transforms.call import program_of

__all__ = ["install"]

ELEMENTS = 1 << 15
"""Elements of an operand from which on elementwise ops are compiled."""
WORK = 1 << 20
"""Elements times window size from which on convolutions and windows are compiled."""
MOST_PROGRAMS = 512

ELEMENTWISE = (
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "logistic", "logaddexp", "pow", "sqrt",
    "rsqrt", "cbrt", "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "hypot", "sinh", "cosh",
    "tanh", "asinh", "acosh", "atanh", "erf", "erfc", "erfinv", "threefry2x32",
)  # fmt: skip
WINDOWED = (
    "conv", "window_sum", "window_max", "window_min", "window_argmax", "window_argmin",
    "scatter_add",
)  # fmt: skip

_programs: OrderedDict[Any, Any] = OrderedDict()
_lock = threading.Lock()


def install() -> None:
    """Let the eager functions of these ops choose; the driver does so when it is imported."""
    for name in ELEMENTWISE:
        op = REGISTRY[name]
        op.eager = _elementwise(op, op.eager)
    for name in WINDOWED:
        op = REGISTRY[name]
        op.eager = _windowed(op, op.eager)


def _elementwise(op: Op, plain: Callable[..., Any]) -> Callable[..., Any]:
    def unary(x: Any) -> Any:  # small arrays pay for one comparison
        return plain(x) if x.size < ELEMENTS else eager(x)

    def eager(x: Any, *rest: Any, **params: Any) -> Any:
        size = x.size
        for other in rest:
            size = max(size, other.size)
        if size >= ELEMENTS and state.backend is None and x.dtype.kind not in "cV":
            program = _program(op, (x, *rest), params)
            if program is not None:
                return program(x, *rest)[0]
        return plain(x, *rest, **params)

    return unary if len(op.operands) == 1 else eager


def _windowed(op: Op, plain: Callable[..., Any]) -> Callable[..., Any]:
    def eager(x: Any, *rest: Any, **params: Any) -> Any:
        other = params["window"] if "window" in params else rest[0].shape
        if state.backend is None and x.size * _product(other) >= WORK and x.dtype.kind in "fiu":
            program = _program(op, (x, *rest), params)
            if program is not None:
                return program(x, *rest)[0]
        return plain(x, *rest, **params)

    return eager


def _product(shape: tuple[int, ...]) -> int:
    total = 1
    for n in shape:
        total *= n
    return total


def _program(op: Op, datas: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """The program of one op; None where NumPy is to do it."""
    for data in datas:
        if data.__class__ is not np.ndarray:
            return None
    key = (op.name, *[(d.shape, d.dtype) for d in datas], *params.items())
    found = _programs.get(key)
    if found is None:
        with _lock:
            found = _programs[key] = _compile(op, datas, params)
            while len(_programs) > MOST_PROGRAMS:
                _programs.popitem(last=False)
    return found or None


def _compile(op: Op, datas: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """The compiled program, or False if it would only call NumPy."""
    if default_backend() != "cpu":
        return False
    inputs = [Var(make_aval(d.shape, d.dtype)) for d in datas]
    outs = [Var(a) for a in output_avals(op, op.aval(*[v.aval for v in inputs], **params))]
    graph = Graph(inputs, [Eqn(op, inputs, outs, params)], outs, name=op.name)
    program = program_of(graph, "cpu")
    return False if getattr(program, "calls", True) else program


install()
