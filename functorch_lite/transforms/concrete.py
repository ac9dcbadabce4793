"""What happens when Python asks a traced array for its value: the value, or the right message."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from functorch_lite.core.array import Array, Tracer
from functorch_lite.core.aval import Aval, StackAval, make_aval
from functorch_lite.core.trace import frame_location, state, user_frame
from functorch_lite.errors import NonConcreteError

__all__ = ["PrimalTracer", "line_of_request", "refuse_conversion", "remedy_for"]

CONVERSIONS = (
    "numpy.asarray()", "DLPack export", "pickle", "float()", "complex()", "item()", "tolist()",
)  # fmt: skip
"""What turns a value into one without a derivative; bool() and int() have none to lose."""


def line_of_request() -> str:
    """The user's line that asked for the value."""
    frame = user_frame(2)
    return "" if frame is None else f"Asked for at {frame_location(frame)}."


def remedy_for(wanted: str, statics: Sequence[str] = ()) -> str:
    """One change that lets the function be transformed.

    Args:
        wanted: the Python protocol that needs the value.
        statics: names of arguments that may be marked static, if any.
    """
    if wanted.startswith("bool"):
        return _remedy_for_bool(statics)
    if wanted.startswith(("int", "operator.index", "range")) and statics:
        listed = ", ".join(map(repr, statics))
        names = listed if len(statics) == 1 else f"({listed})"
        return f"Make it an ordinary Python number: jit(f, static_argnames={names})."
    if wanted.startswith(("int", "operator.index", "range")):
        return _remedy_in_loop(wanted) + (
            "Sizes and loop bounds must be Python numbers: take them from a shape, or pass them in."
        )
    if wanted.endswith("without size="):
        return "The number of results must be static: pass size=n, which cuts off or fills."
    return (
        "Use functorch_lite.numpy on it instead of NumPy or Python, or compute this part outside."
    )


def _remedy_for_bool(statics: Sequence[str]) -> str:
    label = "" if state.trace is None else state.trace.label
    if label.startswith("the condition "):
        return (
            "Return the comparison itself, and join several with & or numpy.logical_and, e.g. "
            "(0 <= x) & (x < 3)."
        )
    text = (
        "Choose between values with numpy.where(condition, a, b), or between computations with "
        "lax.cond(condition, f, g, *operands)"
    )
    flags = [name for name in statics if name in _discrete_arguments()]
    if not flags:
        return f"{text}."
    listed = ", ".join(map(repr, flags))
    names = listed if len(flags) == 1 else f"({listed})"
    return f"{text}, or keep it an ordinary Python value: jit(f, static_argnames={names})."


def _discrete_arguments() -> set[str]:
    """Names of the bool and integer arguments of the functions that are being staged."""
    found: set[str] = set()
    trace = state.trace
    while trace is not None:
        inputs = getattr(trace, "inputs", ())
        found.update(v.name for v in inputs if v.name and v.aval.dtype.kind in "bi")
        trace = trace.parent
    return found


def _remedy_in_loop(wanted: str) -> str:
    """What to do with a loop's index, which nothing makes static."""
    label = "" if state.trace is None else state.trace.label
    if not label.startswith(("fori_loop of", "scan of", "while_loop of", "map of")):
        return ""
    if wanted.startswith("int("):
        return "If an array will do, i.astype(int) converts it. "
    return "To pick from a list by a traced index, write numpy.asarray(values)[i]. "


def refuse_conversion(wanted: str, label: str) -> str:
    """Why a differentiated value does not turn into another library's array."""
    return (
        f"{wanted} would drop the derivative of a value inside {label}. {line_of_request()} Use "
        "functorch_lite.numpy on it, or convert stop_gradient(x) if no derivative is wanted."
    )


class PrimalTracer(Tracer):
    """A tracer that carries its value, as those of forward and reverse mode do."""

    __slots__ = ("primal",)

    primal: Array

    shape = property(attrgetter("primal.shape"))
    dtype = property(attrgetter("primal.dtype"))

    @property
    def aval(self) -> Aval:
        """Shape and dtype."""
        aval = self.primal.aval
        if isinstance(aval, StackAval):
            return aval
        return make_aval(aval.shape, aval.dtype, self.weak)

    def concrete(self, wanted: str) -> Any:
        """The value, if the transform around this one has it."""
        if wanted in CONVERSIONS:
            raise NonConcreteError(refuse_conversion(wanted, self._trace.label))
        primal = self.primal
        return primal.concrete(wanted) if isinstance(primal, Tracer) else primal
