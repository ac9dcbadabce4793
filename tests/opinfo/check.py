"""One entry of PyTorch's op database, run with its own sample inputs in both packages."""

from __future__ import annotations

import importlib
import re
import sys
import types
import unittest
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.opinfo.compare import Comparison, Tolerance, tensors_in
from tests.opinfo.ties import same_choice
from tests.opinfo.translate import Missing, ours, real, to_ours

__all__ = ["called", "cause_of", "check", "comparison_of", "database", "difference", "leaves_of",
           "line", "processed_by", "spread", "title", "words"]  # fmt: skip

GRADIENT_DTYPES = ("float32", "float64")

# Their elements are whatever lay in memory.
UNINITIALISED = frozenset(
    ("empty", "empty_like", "empty_permuted", "empty_strided", "new_empty", "new_empty_strided",
     "resize_", "resize_as_")
)  # fmt: skip


def database() -> list[Any]:
    """The entries that have a dtype on the CPU, in the database's order."""
    if "expecttest" not in sys.modules:
        # The database's module defines test classes over this package, which nothing here needs.
        stand_in = types.ModuleType("expecttest")
        stand_in.TestCase = unittest.TestCase  # type: ignore[attr-defined]
        sys.modules["expecttest"] = stand_in
    module = importlib.import_module("torch.testing._internal.common_methods_invocations")
    seen: dict[str, Any] = {}
    for op in module.op_db:
        if op.supported_dtypes("cpu") and not _is_for_cuda(op):
            seen.setdefault(title(op), op)
    return list(seen.values())


def _is_for_cuda(op: Any) -> bool:
    return type(op.op).__name__ == "_JittedFunction"


def title(op: Any) -> str:
    """The name of an entry, with that of its variant."""
    return f"{op.name}[{op.variant_test_name}]" if op.variant_test_name else str(op.name)


class Failure(Exception):
    """Why a sample fails: a cause of a few kinds, and a sentence."""

    def __init__(self, cause: str, text: str) -> None:
        super().__init__(f"{cause}: {text}")
        self.cause, self.text = cause, text


def check(op: Any, dtypes: Sequence[str], samples: int, kind: str = "samples") -> dict[str, Any]:
    """Run an entry.

    Args:
        op: the entry.
        dtypes: by name; those that the entry does not support on the CPU are left out.
        samples: how many of a dtype's samples at most, spread over all.
        kind: of inputs, one of ``children.KINDS``; conjugated ones are complex and
            have no gradients.

    Returns:
        ``name``; ``forward`` and ``gradient``, each a dict from a dtype to None or a failure
        ``[cause, text]``; ``gradient`` is empty for an entry without derivatives. ``samples``
        counts all, ``compared`` those for which neither package raised an error, ``closer`` the
        elements that were right only by the result in float64.
    """
    supported = {str(d).removeprefix("torch.") for d in op.supported_dtypes("cpu")}
    backward = {str(d).removeprefix("torch.") for d in op.supported_backward_dtypes("cpu")}
    result: dict[str, Any] = {
        "name": title(op), "forward": {}, "gradient": {}, "samples": 0, "compared": 0,
        "closer": 0,
    }  # fmt: skip
    for name in dtypes:
        if name not in supported or (kind == "conjugated" and not name.startswith("complex")):
            continue
        wanted = op.supports_autograd and name in GRADIENT_DTYPES and name in backward
        entry = _Entry(op, name, bool(wanted), kind)
        result["forward"][name], gradient = entry.run(samples)
        result["samples"] += entry.count
        result["compared"] += entry.compared
        result["closer"] += entry.closer
        if wanted:
            result["gradient"][name] = gradient
    return result


class _Entry:
    """An entry in one dtype."""

    def __init__(self, op: Any, dtype: str, gradient: bool, kind: str) -> None:
        self.op, self.dtype, self.gradient, self.kind = op, dtype, gradient, kind
        self.count = self.compared = self.closer = 0

    def run(self, most: int) -> tuple[Any, Any]:
        """The first failure of the results, and of the gradients."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                f = to_ours(self.op.op)
            except Missing as error:
                return ["missing name", str(error)], ["missing name", str(error)]
            forward = gradient = None
            for sample in self._samples(most):
                self.count += 1
                found = self._sample(f, sample)
                forward = forward or found[0]
                gradient = gradient or found[0] or found[1]
                if forward and (gradient or not self.gradient):
                    break
        return forward, gradient

    def _samples(self, most: int) -> list[Any]:
        real.manual_seed(0)
        np.random.seed(0)  # noqa: NPY002  (which the database draws from)
        dtype = getattr(real, self.dtype)
        of = self.op.reference_inputs if self.kind == "reference" else self.op.sample_inputs
        made = spread(list(of("cpu", dtype, requires_grad=self.gradient)), most)
        if self.kind == "noncontiguous":
            return [s.noncontiguous() for s in made]
        return made

    def _sample(self, f: Any, sample: Any) -> tuple[Any, Any]:
        try:
            given = to_ours((sample.input, sample.args, sample.kwargs))
        except Missing as error:
            return ["missing name", str(error)], None
        what = words(sample)
        if self.kind == "conjugated":
            sample = sample.transform(lambda x: _conjugated(x, real))
            given = _each(given, lambda x: _conjugated(x, ours))
        theirs, their_error = called(real, self.op.op, sample.input, sample.args, sample.kwargs)
        mine, my_error = called(ours, f, *given)
        if their_error is not None:
            if my_error is None:
                text = f"no error instead of {type(their_error).__name__} {their_error}{what}"
                return ["wrong value", line(text)], None
            return None, None
        if my_error is not None:
            return [cause_of(my_error), line(f"{type(my_error).__name__}: {my_error}{what}")], None
        try:
            processed = processed_by(sample, mine, theirs)
        except Exception as error:
            return ["raises", line(f"{error!r} in the database's own function{what}")], None
        self.compared += 1
        compare = comparison_of(self.op, sample)
        found = difference(self.op, sample, compare, mine, theirs)
        self.closer += compare.closer
        if found is not None:
            return [found[0], line(found[1] + what)], None
        if not self.gradient or not compare.values:
            return None, None
        try:
            self._gradients(compare, given, sample, *processed)
        except Failure as failure:
            return None, [failure.cause, line(failure.text + what)]
        return None, None

    def _gradients(
        self, compare: Comparison, given: Any, sample: Any, mine: Any, theirs: Any
    ) -> None:
        """Compare the gradients of the leaves under one random cotangent.

        Raises:
            Failure: they differ.
        """
        leaves = leaves_of((sample.input, sample.args, sample.kwargs))
        my_leaves = leaves_of(given)
        pairs = [
            (a, b)
            for a, b in zip(tensors_in(mine), tensors_in(theirs), strict=True)
            if b.requires_grad
        ]
        if not pairs or not leaves:
            return
        for a, _ in pairs:
            if not a.requires_grad:
                raise Failure("wrong gradient", "the result requires no gradient")
        rng = np.random.default_rng(0)
        cotangents = [
            real.from_numpy(np.asarray(rng.normal(size=tuple(b.shape)))).to(b.dtype)
            for _, b in pairs
        ]
        try:
            expected = real.autograd.grad(
                [b for _, b in pairs], leaves, cotangents, allow_unused=True
            )
        except Exception:
            return
        try:
            found = ours.autograd.grad(
                [a for a, _ in pairs], my_leaves, to_ours(cotangents), allow_unused=True
            )
        except Exception as error:
            raise Failure(cause_of(error), f"{type(error).__name__}: {error}") from error
        compare = compare.of_gradients(lambda: self._exact_gradients(sample, cotangents))
        for i, (a, b) in enumerate(zip(found, expected, strict=True)):
            if a is None or b is None:
                rest = b if a is None else a
                if rest is not None and bool((rest != 0).any()):
                    raise Failure("wrong gradient", f"leaf {i}: {a} instead of {b}"[:200])
                continue
            different = compare(a, b.to_dense() if b.is_sparse else b, (i,))
            if different is not None:
                raise Failure("wrong gradient", f"leaf {i}: {different[1]}")
        self.closer += compare.closer

    def _exact_gradients(self, sample: Any, cotangents: Any) -> Any:
        """The gradients of the same call in float64."""
        wide = _widened_sample((sample.input, sample.args, sample.kwargs))
        found, error = called(real, self.op.op, *wide)
        if error is not None:
            return None
        outs = [t for t in tensors_in(sample.output_process_fn_grad(found)) if t.requires_grad]
        return real.autograd.grad(
            outs, leaves_of(wide), [c.to(o.dtype) for c, o in zip(cotangents, outs, strict=True)],
            allow_unused=True,
        )  # fmt: skip


def comparison_of(op: Any, sample: Any, f: Any = None) -> Comparison:
    """How results and gradients of a sample are compared.

    Args:
        f: of PyTorch, if it is not the entry's own.
    """

    def exact() -> Any:
        wide = _widened_sample((sample.input, sample.args, sample.kwargs))
        found, error = called(real, f or op.op, *wide)
        return None if error is not None else found

    return Comparison(_widened(op), op.name not in UNINITIALISED, exact)


def processed_by(sample: Any, mine: Any, theirs: Any) -> tuple[Any, Any]:
    """Both results after the database's own function, which takes away what is ambiguous."""
    process = sample.output_process_fn_grad
    return to_ours(process)(mine), process(theirs)


def difference(op: Any, sample: Any, compare: Comparison, mine: Any, theirs: Any) -> Any:
    """What is different in results, up to signs of factors and positions of equal elements."""
    found = compare(mine, theirs)
    if found is not None and found[0] == "wrong value":
        if _is_decomposition(op.name):
            found = compare(*processed_by(sample, mine, theirs))
        elif same_choice(op.name, sample, mine, theirs):
            found = None
    return found


def spread(made: list[Any], most: int) -> list[Any]:
    """At most so many, spread over all."""
    if len(made) <= most:
        return made
    return [made[i * len(made) // most] for i in range(most)]


def _conjugated(x: Any, module: Any) -> Any:
    """A complex tensor of the same values, as the conjugate of another."""
    if isinstance(x, module.Tensor) and x.is_complex():
        return x.conj().clone().conj()
    return x


def _each(x: Any, f: Any) -> Any:
    """A function on all that lists, tuples and dicts hold."""
    if isinstance(x, dict):
        return {k: _each(v, f) for k, v in x.items()}
    if isinstance(x, (list, tuple)) and not isinstance(x, ours.Size):
        return type(x)([_each(v, f) for v in x])
    return f(x)


def called(module: Any, f: Any, first: Any, args: Any, kwargs: Any) -> tuple[Any, Any]:
    """The result or the error of a call, random numbers from a fixed seed."""
    module.manual_seed(0)
    try:
        return f(first, *args, **kwargs), None
    except Exception as error:
        return None, error


_WIDE = {real.float32: real.float64, real.float16: real.float64, real.bfloat16: real.float64,
         real.complex64: real.complex128}  # fmt: skip


def _widened_sample(x: Any) -> Any:
    """Arguments in float64 where they are less."""
    if isinstance(x, real.Tensor):
        made = x.detach().to(_WIDE.get(x.dtype, x.dtype))
        return made.requires_grad_(x.requires_grad)
    if isinstance(x, real.dtype):
        return _WIDE.get(x, x)
    if isinstance(x, dict):
        return {k: _widened_sample(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)) and not isinstance(x, real.Size):
        return type(x)([_widened_sample(v) for v in x])
    return x


def leaves_of(given: Any) -> list[Any]:
    return [t for t in tensors_in(given) if t.requires_grad and t.is_leaf]


def _is_decomposition(name: str) -> bool:
    return name.startswith(("linalg.", "svd", "pca", "qr", "lu", "geqrf", "triangular"))


def _widened(op: Any) -> dict[str, Tolerance]:
    """By dtype, the widest tolerance that the database asks for in any test of the entry."""
    found: dict[str, Tolerance] = {}
    for decorator in op.decorators or ():
        for each in getattr(decorator, "decorators", (decorator,)):
            for dtype, more in getattr(each, "d", {}).items():
                name = str(dtype).removeprefix("torch.")
                absolute, relative = (more, 0.0) if isinstance(more, float) else more
                known = found.get(name, Tolerance(0.0, 0.0))
                found[name] = Tolerance(max(known[0], relative), max(known[1], absolute))
    return found


_DTYPE_WORDS = re.compile(
    r"not implemented for|unsupported dtype|dtype|complex|Bool|Half|BFloat16|integral|ufunc '"
)
_ARGUMENT_WORDS = re.compile(
    r"unexpected keyword|positional argument|multiple values|argument '|required argument"
)


def cause_of(error: Exception) -> str:
    """The group of an error that PyTorch does not raise."""
    text = str(error)
    if isinstance(error, Missing) or "has no attribute" in text or "is not defined" in text:
        return "missing name"
    if isinstance(error, TypeError) and _ARGUMENT_WORDS.search(text):
        return "argument not accepted"
    if _DTYPE_WORDS.search(text):
        return "missing dtype"
    return "raises"


def words(sample: Any) -> str:
    """A sample in few words, for the report."""

    def word(x: Any) -> str:
        if isinstance(x, real.Tensor):
            return f"{str(x.dtype).removeprefix('torch.')}{list(x.shape)}"
        if isinstance(x, (list, tuple)):
            return "(" + ", ".join(map(word, x)) + ")"
        return repr(x)

    parts = [word(x) for x in (sample.input, *sample.args)]
    parts += [f"{k}={word(v)}" for k, v in sample.kwargs.items()]
    return " for (" + ", ".join(parts) + ")"


def line(text: str) -> str:
    return " ".join(text.split())[:400]
