"""Second derivatives and forward mode of an entry, in float64 and complex128."""

from __future__ import annotations

import functools
import warnings
from typing import Any

import numpy as np

from tests.opinfo.check import called, cause_of, leaves_of, line, spread, title, words
from tests.opinfo.compare import tensors_in
from tests.opinfo.tally import Tally
from tests.opinfo.translate import Missing, array_of, ours, real, to_ours

__all__ = ["check_forward", "check_second"]

DTYPES = ("float64", "complex128")
SMALL = 600
# Functions of Hermitian matrices, whose derivatives in other directions are anybody's choice;
# of results only the Hermitian part is compared.
HERMITIAN = frozenset(
    ("cholesky", "linalg.cholesky", "linalg.cholesky_ex", "linalg.eigh", "linalg.eigvalsh",
     "linalg.pinv[hermitian]")
)  # fmt: skip
TOLERANCE = 1e-6


def check_second(op: Any, dtypes: Any, samples: int) -> dict[str, Any]:
    """Differentiate random products of the gradients again, by the leaves and the cotangents.

    Returns:
        a ``Tally``, a case per sample for which PyTorch has second derivatives.
    """
    return _check(op, dtypes, samples, _second, bool(op.supports_gradgrad))


def check_forward(op: Any, dtypes: Any, samples: int) -> dict[str, Any]:
    """Compare products with tangents, by ``torch.autograd.forward_ad``.

    Returns:
        a ``Tally``, a case per sample for which PyTorch has a forward mode.
    """
    return _check(op, dtypes, samples, _forward, bool(op.supports_forward_ad))


def _check(op: Any, dtypes: Any, samples: int, derive: Any, supported: bool) -> dict[str, Any]:
    tally = Tally(title(op))
    if not supported or not op.supports_autograd:
        return tally.result()
    derive = functools.partial(derive, hermitian=title(op) in HERMITIAN)
    known = {str(d).removeprefix("torch.") for d in op.supported_backward_dtypes("cpu")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            f = to_ours(op.op)
        except Missing as error:
            tally.add(("missing name", str(error)))
            return tally.result()
        for dtype in (d for d in DTYPES if d in dtypes and d in known):
            real.manual_seed(0)
            np.random.seed(0)  # noqa: NPY002  (which the database draws from)
            made = op.sample_inputs("cpu", getattr(real, dtype), requires_grad=True)
            for sample in spread(list(made), samples):
                leaves = leaves_of((sample.input, sample.args, sample.kwargs))
                if not leaves or sum(t.numel() for t in leaves) > SMALL:
                    continue
                try:
                    given = to_ours((sample.input, sample.args, sample.kwargs))
                except Missing:
                    continue
                try:
                    expected = derive(real, op.op, sample, leaves, lambda x: x)
                except Exception:
                    continue
                if not expected:
                    continue
                tally.add(_compared(derive, f, sample, given, expected))
    return tally.result()


def _compared(derive: Any, f: Any, sample: Any, given: Any, expected: Any) -> list[str] | None:
    what = words(sample)

    class Given:
        input, args, kwargs = given
        output_process_fn_grad = staticmethod(to_ours(sample.output_process_fn_grad))

    try:
        found = derive(ours, f, Given, leaves_of(given), to_ours)
    except Exception as error:
        return [cause_of(error), line(f"{type(error).__name__}: {error}{what}")]
    if len(found) != len(expected):
        return ["wrong gradient", line(f"{len(found)} instead of {len(expected)}{what}")]
    for i, (a, b) in enumerate(zip(found, expected, strict=True)):
        a, b = (None if x is None else array_of(x) for x in (a, b))
        if a is None or b is None:
            rest = b if a is None else a
            if rest is not None and np.any(rest):
                return ["wrong gradient", line(f"{i}: {a} instead of {b}{what}")]
            continue
        if a.shape != b.shape or a.dtype != b.dtype:
            return ["wrong shape", line(f"{i}: {a.dtype}{a.shape}, not {b.dtype}{b.shape}{what}")]
        halves = derive.func is _second and derive.keywords["hermitian"]
        if halves and a.shape[-2:-1] == a.shape[-1:]:
            a, b = (x + x.swapaxes(-1, -2).conj() for x in (a, b))
        scale = np.max(abs(b), initial=0.0, where=np.isfinite(b))
        wrong = ~np.isclose(a, b, TOLERANCE, TOLERANCE * max(scale, 1.0), equal_nan=True)
        if wrong.any():
            place = tuple(int(k) for k in np.argwhere(wrong)[0])
            return ["wrong gradient", line(
                f"{i}: {int(wrong.sum())} of {a.size} elements, at {place} {a[place]} instead of "
                f"{b[place]}{what}")]  # fmt: skip
    return None


def _random(rng: Any, like: Any, take: Any, hermitian: bool = False) -> Any:
    """A tensor of standard normal numbers, like another of either package."""
    made = rng.normal(size=tuple(like.shape))
    if like.is_complex():
        made = made + 1j * rng.normal(size=tuple(like.shape))
    if hermitian:
        made = made + made.swapaxes(-1, -2).conj()
    return take(real.from_numpy(np.asarray(made)).to(getattr(real, str(like.dtype)[6:])))


def _second(torch: Any, f: Any, sample: Any, leaves: Any, take: Any, hermitian: bool) -> Any:
    rng = np.random.default_rng(1)
    made, error = called(torch, f, sample.input, sample.args, sample.kwargs)
    if error is not None:
        raise error
    outs = [t for t in tensors_in(sample.output_process_fn_grad(made)) if t.requires_grad]
    if not outs:
        return []
    cotangents = [_random(rng, t, take).requires_grad_() for t in outs]
    first = torch.autograd.grad(outs, leaves, cotangents, create_graph=True, allow_unused=True)
    # A gradient that PyTorch knows to be zero may be one that we compute, and the other way round.
    weights = [_random(rng, t, take, hermitian) for t in leaves]
    pairs = [(g, w) for g, w in zip(first, weights, strict=True)
             if g is not None and g.requires_grad]  # fmt: skip
    if not pairs:
        return []
    return torch.autograd.grad(
        [g for g, _ in pairs], [*leaves, *cotangents], [w for _, w in pairs], allow_unused=True
    )


def _forward(torch: Any, f: Any, sample: Any, leaves: Any, take: Any, hermitian: bool) -> Any:
    rng = np.random.default_rng(1)
    forward = torch.autograd.forward_ad
    with forward.dual_level():
        duals = {
            id(t): forward.make_dual(t.detach(), _random(rng, t, take, hermitian)) for t in leaves
        }

        def dual(x: Any) -> Any:
            if isinstance(x, dict):
                return {k: dual(v) for k, v in x.items()}
            if isinstance(x, (list, tuple)) and not isinstance(x, torch.Size):
                return type(x)([dual(v) for v in x])
            return duals.get(id(x), x)

        made, error = called(torch, f, *dual((sample.input, tuple(sample.args), sample.kwargs)))
        if error is not None:
            raise error
        outs = tensors_in(sample.output_process_fn_grad(made))
        return [forward.unpack_dual(t).tangent for t in outs]
