"""The other ways to call an entry: methods, operators, in place, by another name, with ``out=``."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tests.opinfo.check import cause_of, comparison_of, difference, line, spread, title, words
from tests.opinfo.compare import tensors_in
from tests.opinfo.tally import Tally, same_kind
from tests.opinfo.translate import Missing, array_of, ours, real, to_ours

__all__ = ["check_out", "check_variants"]

OUT_DTYPES = ("float32", "int64", "complex64")


def _samples(op: Any, dtype: str, most: int, gradient: bool = False) -> list[Any]:
    real.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002  (which the database draws from)
    made = op.sample_inputs("cpu", getattr(real, dtype), requires_grad=gradient)
    return spread(list(made), most)


def _supported(op: Any, dtypes: Any) -> list[str]:
    known = {str(d).removeprefix("torch.") for d in op.supported_dtypes("cpu")}
    return [d for d in dtypes if d in known]


def _attempt(module: Any, f: Callable[[], Any]) -> tuple[Any, Exception | None, list[str]]:
    """The result or the error of a call, and its warnings of resized outputs."""
    module.manual_seed(0)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            made, error = f(), None
        except Exception as failure:
            made, error = None, failure
    return made, error, [str(w.message) for w in seen if "resized" in str(w.message)]


def _different(mine: Any, theirs: Any, what: str) -> list[str] | None:
    """What is different in the errors of two attempts; None if both or neither have one."""
    (_, my_error, _), (_, their_error, _) = mine, theirs
    if their_error is not None:
        text = f"instead of {type(their_error).__name__}: {str(their_error)[:150]}{what}"
        if my_error is None:
            return ["no error", line(text)]
        if not same_kind(my_error, their_error):
            return ["wrong type", line(f"{type(my_error).__name__}: {str(my_error)[:150]} {text}")]
        return None
    if my_error is not None:
        return [cause_of(my_error), line(f"{type(my_error).__name__}: {my_error}{what}")]
    return None


# --------------------------------------------------------------------------------------------- out=
def check_out(op: Any, dtypes: Any, samples: int) -> dict[str, Any]:
    """Run an entry with ``out=`` of right and wrong sizes, steps and dtypes.

    Returns:
        a ``Tally``; a case is a sample with one kind of output.
    """
    tally = Tally(title(op))
    if not op.supports_out:
        return tally.result()
    try:
        f = to_ours(op.op)
    except Missing as error:
        tally.add(("missing name", str(error)))
        return tally.result()
    for dtype in _supported(op, [d for d in OUT_DTYPES if d in dtypes]):
        for sample in _samples(op, dtype, min(samples, 4)):
            expected, error, _ = _attempt(
                real, lambda s=sample: op.op(s.input, *s.args, **s.kwargs)
            )
            if error is not None or not tensors_in(expected):
                continue
            for kind, out in _outs(expected):
                tally.add(_with_out(op, f, sample, kind, out, expected))
    return tally.result()


def _outs(expected: Any) -> Iterator[tuple[str, Any]]:
    """Outputs for a result: the word for them, and how to make them anew."""

    def each(make: Callable[[Any], Any]) -> Callable[[], Any]:
        if isinstance(expected, real.Tensor):
            return lambda: make(expected)
        return lambda: tuple(make(t) for t in expected)

    def filled(t: Any, shape: Any, dtype: Any) -> Any:
        return real.zeros(shape, dtype=dtype) + 1

    yield "right", each(lambda t: filled(t, t.shape, t.dtype))
    yield "spread", each(lambda t: filled(t, (*t.shape, 2), t.dtype)[..., 0])
    yield "reversed", each(lambda t: filled(t, t.shape[::-1], t.dtype).permute(
        tuple(range(t.dim()))[::-1]))  # fmt: skip
    yield "empty", each(lambda t: filled(t, (0,), t.dtype))
    yield "larger", each(lambda t: filled(t, (*t.shape, 2), t.dtype))
    yield "integer", each(lambda t: filled(t, t.shape, real.int64))
    yield "double", each(lambda t: filled(t, t.shape, real.float64))
    yield "complex", each(lambda t: filled(t, t.shape, real.complex128))
    yield "leaf", each(lambda t: filled(t, t.shape, t.dtype).requires_grad_(
        t.dtype.is_floating_point))  # fmt: skip


def _narrowed(outs: Any, expected: Any) -> Any:
    """Outputs in the dtypes of the results."""
    if isinstance(expected, real.Tensor):
        outs, dtype = outs.detach(), expected.dtype
        if outs.is_complex() and not dtype.is_complex:
            outs = outs.real
        return outs.to(dtype if isinstance(outs, real.Tensor) else to_ours(dtype))
    return tuple(_narrowed(a, b) for a, b in zip(outs, expected, strict=True))


def _with_out(
    op: Any, f: Any, sample: Any, kind: str, make: Any, expected: Any
) -> list[str] | None:
    what = f" for out={kind},{words(sample)[4:]}"
    their_out = make()
    try:
        my_out = to_ours(their_out)
        given = to_ours((sample.input, sample.args, sample.kwargs))
    except Missing as error:
        return ["missing name", str(error)]
    theirs = _attempt(
        real, lambda: op.op(sample.input, *sample.args, **sample.kwargs, out=their_out)
    )
    mine = _attempt(ours, lambda: f(given[0], *given[1], **given[2], out=my_out))
    if mine[1] is not None or theirs[1] is not None:
        return _different(mine, theirs, what)
    if [str(t.dtype) for t in tensors_in(my_out)] != [str(t.dtype) for t in tensors_in(their_out)]:
        return ["wrong dtype", line(f"{my_out} instead of {their_out}{what}"[:300])]
    # What is written to a wider output has been rounded to the narrower dtype before.
    compare = comparison_of(op, sample)
    outs = (_narrowed(out, expected) for out in (my_out, their_out))
    if found := difference(op, sample, compare, *outs):
        return [found[0], line(found[1] + what)]
    for a, b in zip(tensors_in(my_out), tensors_in(their_out), strict=True):
        if a.stride() != b.stride():
            return ["wrong strides", line(f"{a.stride()} instead of {b.stride()}{what}")]
    same = [[a is b for a, b in zip(tensors_in(outs), tensors_in(made), strict=False)]
            for outs, made in ((my_out, mine[0]), (their_out, theirs[0]))]  # fmt: skip
    if same[0] != same[1]:
        return ["wrong identity", line(f"{mine[0]} instead of {theirs[0]}{what}"[:300])]
    if bool(mine[2]) != bool(theirs[2]):
        return ["wrong warning", line(f"{mine[2]} instead of {theirs[2]}{what}")]
    return None


# ----------------------------------------------------------------------------------------- variants
def check_variants(op: Any, dtypes: Any, samples: int) -> dict[str, Any]:
    """Run an entry's methods, operators, in-place forms and aliases.

    Returns:
        a ``Tally``; a case is a sample with one variant. In place, gradients are compared too.
    """
    tally = Tally(title(op))
    variants = [("method", op.method_variant, False), ("in place", op.inplace_variant, True),
                ("operator", op.operator_variant, False),
                ("operator in place", op.inplace_operator_variant, True)]  # fmt: skip
    for alias in op.aliases:
        variants += [(f"{alias.name}", alias.op, False),
                     (f"method {alias.name}", alias.method_variant, False),
                     (f"{alias.name} in place", alias.inplace_variant, True)]  # fmt: skip
    for word, variant, inplace in variants:
        if variant is None:
            continue
        try:
            f = to_ours(variant)
        except Missing as error:
            tally.add(("missing name", f"{error} ({word})"))
            continue
        for dtype in _supported(op, dtypes):
            gradient = inplace and dtype == "float64" and op.supports_autograd
            for sample in _samples(op, dtype, samples, gradient):
                tally.add(_variant(op, variant, f, word, sample, inplace))
    return tally.result()


def _variant(op: Any, variant: Any, f: Any, word: str, sample: Any, inplace: bool) -> Any:
    what = f" as {word},{words(sample)[4:]}"
    try:
        given = to_ours((sample.input, sample.args, sample.kwargs))
    except Missing as error:
        return ["missing name", str(error)]
    if inplace and not isinstance(sample.input, real.Tensor):
        return None
    first, my_first = sample.input, given[0]
    if inplace:
        first, my_first = first.clone(), my_first.clone()
    theirs = _attempt(real, lambda: variant(first, *sample.args, **sample.kwargs))
    mine = _attempt(ours, lambda: f(my_first, *given[1], **given[2]))
    if mine[1] is not None or theirs[1] is not None:
        return _different(mine, theirs, what)
    compare = comparison_of(op, sample)
    if found := difference(op, sample, compare, mine[0], theirs[0]):
        return [found[0], line(found[1] + what)]
    if inplace and (mine[0] is my_first) != (theirs[0] is first):
        return ["wrong identity", line(f"the result is not the operand{what}")]
    if inplace and theirs[0].requires_grad and sample.input.requires_grad:
        return _gradient(sample.input, given[0], theirs[0], mine[0], what)
    return None


def _gradient(leaf: Any, my_leaf: Any, theirs: Any, mine: Any, what: str) -> list[str] | None:
    """Compare gradients of a sum of squares."""
    if not mine.requires_grad:
        return ["wrong gradient", line(f"the result requires no gradient{what}")]
    try:
        expected = real.autograd.grad((theirs * theirs.conj()).real.sum(), leaf)[0]
    except NotImplementedError:
        return None
    found = ours.autograd.grad((mine * mine.conj()).real.sum(), my_leaf)[0]
    if not np.allclose(array_of(found), array_of(expected), 1e-6, 1e-6, equal_nan=True):
        return ["wrong gradient", line(f"{found} instead of {expected}{what}")]
    return None
