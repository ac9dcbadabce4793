"""The database's wrong calls: each must be refused with PyTorch's class of error."""

from __future__ import annotations

import linecache
import re
import warnings
from typing import Any

import numpy as np

from tests.opinfo.check import called, line, title, words
from tests.opinfo.tally import Tally, same_kind
from tests.opinfo.translate import Missing, ours, real, to_ours, together

__all__ = ["check_errors"]


def check_errors(op: Any, dtypes: Any, samples: int) -> dict[str, Any]:
    """Run an entry's ``error_inputs``.

    Args:
        dtypes: not asked; the wrong calls have their own.
        samples: how many of them at most.

    Returns:
        a ``Tally``; causes are "no error", "wrong type", "internal" (an error that no line of our
        own raises, so that it speaks of the implementation) and "missing name".
    """
    tally = Tally(title(op))
    if op.error_inputs_func is None:
        return tally.result()
    real.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002  (which the database draws from)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for wrong in list(op.error_inputs("cpu"))[:samples]:
            sample = wrong.sample_input
            _, theirs = called(real, op.op, sample.input, sample.args, sample.kwargs)
            if theirs is None:
                continue
            try:
                given = together((sample.input, sample.args, sample.kwargs))
            except Missing:
                continue  # what cannot be had here cannot be passed
            try:
                f = to_ours(op.op)
            except Missing as error:
                tally.add(("missing name", str(error)))
                continue
            made, mine = called(ours, f, *given)
            if made is NotImplemented:
                mine = TypeError("NotImplemented")
            tally.add(_failure(mine, theirs, words(sample)))
            if mine is not None and re.search(wrong.error_regex, str(mine)):
                tally.messages += 1
    return tally.result()


def _failure(mine: Exception | None, theirs: Exception, what: str) -> tuple[str, str] | None:
    text = f"instead of {type(theirs).__name__}: {str(theirs)[:150]}{what}"
    if mine is None:
        return "no error", line(text)
    cause = "internal" if is_internal(mine) else "wrong type"
    if cause == "wrong type" and same_kind(mine, theirs):
        return None
    return cause, line(f"{type(mine).__name__}: {str(mine)[:150]} {text}")


def is_internal(error: Exception) -> bool:
    """Whether an error comes from a line that does not raise one, and is not about arguments."""
    trace = error.__traceback__
    last = None
    while trace is not None:
        if "functorch_lite" in trace.tb_frame.f_code.co_filename:
            last = trace
        deepest, trace = trace, trace.tb_next
    if last is None:
        return False  # of the call itself: a wrong number of arguments
    if deepest is not last and not deepest.tb_frame.f_code.co_filename.startswith("<"):
        return True
    # A statement's line is its last's where the message is long.
    return not any(
        "raise" in linecache.getline(last.tb_frame.f_code.co_filename, last.tb_lineno - i)
        for i in range(4)
    )
