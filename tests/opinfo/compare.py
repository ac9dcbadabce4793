"""Whether a result of ours is PyTorch's: structure, dtype, sizes, values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tests.opinfo.translate import array_of, ours, real

__all__ = ["Comparison", "Tolerance", "tensors_in", "tolerance_of"]


class Tolerance(NamedTuple):
    """|a - b| <= absolute + relative * |b|."""

    relative: float
    absolute: float


# Those of ``torch.testing.assert_close``.
TOLERANCES = {
    "float16": Tolerance(1e-3, 1e-5),
    "bfloat16": Tolerance(1.6e-2, 1e-5),
    "float32": Tolerance(1.3e-6, 1e-5),
    "float64": Tolerance(1e-7, 1e-7),
    "complex64": Tolerance(1.3e-6, 1e-5),
    "complex128": Tolerance(1e-7, 1e-7),
}
EXACT = Tolerance(0.0, 0.0)
NEAR = 0.02
"""Of the largest element: how far from the result in float64 an element may be at most."""


def tolerance_of(dtype: Any, widened: dict[str, Tolerance]) -> Tolerance:
    """The tolerance for results of a dtype.

    Args:
        widened: by dtype, what the database asks for where that is more.
    """
    name = str(dtype).removeprefix("torch.")
    found = TOLERANCES.get(name, EXACT)
    more = widened.get(name, EXACT)
    return Tolerance(*map(max, found, more))


def tensors_in(x: Any) -> list[Any]:
    """All tensors inside a result, in order."""
    if isinstance(x, (real.Tensor, ours.Tensor)):
        return [x]
    if isinstance(x, (tuple, list)):
        return [t for each in x for t in tensors_in(each)]
    if isinstance(x, dict):
        return [t for each in x.values() for t in tensors_in(each)]
    return []


Found = tuple[str, str] | None


class Comparison:
    """Compares a result of ours with PyTorch's, to the tolerances of ``assert_close``.

    An element that is beyond them counts as right all the same if it is no farther than PyTorch's
    from what PyTorch computes of the same operands in float64, and near to that: which of two
    roundings is made is no matter of correctness.

    Args:
        widened: by dtype, the tolerance that the database asks for.
        values: whether elements are compared, too.
        exact: makes the result in float64, or None.

    Attributes:
        closer: how many elements were right only so.
    """

    def __init__(
        self, widened: dict[str, Tolerance], values: bool, exact: Callable[[], Any]
    ) -> None:
        self.widened, self.values, self._exact = widened, values, exact
        self.closer = 0
        self._made: Any = None

    def of_gradients(self, exact: Callable[[], Any]) -> Comparison:
        """The same for gradients."""
        return Comparison(self.widened, True, exact)

    def __call__(self, mine: Any, theirs: Any, path: tuple[int, ...] = ()) -> Found:
        """What is different, as a cause and a sentence; None if nothing.

        Args:
            mine, theirs: the result of our package and of PyTorch.
            path: where these are in the whole result.
        """
        if isinstance(theirs, real.Tensor):
            return self._tensors(mine, theirs, path)
        if isinstance(theirs, (tuple, list)):
            if not isinstance(mine, (tuple, list)) or len(mine) != len(theirs):
                return "wrong value", f"{_short(mine)} instead of {_short(theirs)}"
            for i, (a, b) in enumerate(zip(mine, theirs, strict=True)):
                if found := self(a, b, (*path, i)):
                    return found
            return None
        if type(theirs).__module__.startswith("torch"):
            same = str(mine) == str(theirs)
        elif isinstance(theirs, float | complex):
            relative, absolute = TOLERANCES["float32"]
            same = type(mine) is type(theirs) and bool(
                np.isclose(mine, theirs, relative, absolute, equal_nan=True)
            )
        else:
            same = type(mine) is type(theirs) and mine == theirs
        if same or not self.values:
            return None
        return "wrong value", f"{mine!r} instead of {theirs!r}"

    def _tensors(self, mine: Any, theirs: Any, path: tuple[int, ...]) -> Found:
        if not isinstance(mine, ours.Tensor):
            return "wrong value", f"{type(mine).__name__} instead of a tensor"
        if str(mine.dtype) != str(theirs.dtype):
            return "wrong dtype", f"{mine.dtype} instead of {theirs.dtype}"
        if tuple(mine.shape) != tuple(theirs.shape):
            return "wrong shape", f"{tuple(mine.shape)} instead of {tuple(theirs.shape)}"
        if not self.values:
            return None
        a, b = array_of(mine), array_of(theirs)
        if a.dtype.kind in "biu":
            wrong = np.asarray(a != b)
        else:
            relative, absolute = tolerance_of(theirs.dtype, self.widened)
            wide = np.complex128 if a.dtype.kind == "c" else np.float64
            own, a, b = a.dtype, a.astype(wide), b.astype(wide)
            with np.errstate(all="ignore"):
                wrong = np.asarray(~np.isclose(a, b, relative, absolute, equal_nan=True))
                if wrong.any():
                    wrong = self._farther(wrong, a, b, own, path)
        if not wrong.any():
            return None
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        return "wrong value", (
            f"{int(wrong.sum())} of {wrong.size} elements, "
            f"at {place} {a[place]} instead of {b[place]}"
        )

    def _farther(self, wrong: Any, a: Any, b: Any, own: Any, path: tuple[int, ...]) -> Any:
        """Which of the wrong elements are farther than PyTorch's from the result in float64.

        Args:
            own: the NumPy dtype in which they are.
        """
        if self._made is None:
            self._made = (self._exact(),)
        exact = self._made[0]
        for i in path:
            exact = None if exact is None else exact[i]
        if not isinstance(exact, real.Tensor):
            return wrong
        c = array_of(exact)
        if c.shape != a.shape or c.dtype != a.dtype:
            return wrong
        # What is drawn at random in float64 has nothing to do with either.
        near = NEAR * np.max(abs(c), initial=0.0, where=np.isfinite(c))
        # Where PyTorch overflows and the result in float64 does not, it is infinitely far.
        theirs = np.where(np.isfinite(c) & ~np.isfinite(b), np.inf, abs(b - c))
        rounded = c.astype(own).astype(c.dtype)
        farther = wrong & ~(abs(a - c) <= np.minimum(theirs, near)) & (a != rounded)
        self.closer += int(wrong.sum()) - int(farther.sum())
        return farther


def _short(x: Any) -> str:
    text = f"{type(x).__name__} of {len(x)}" if isinstance(x, (tuple, list)) else repr(x)
    return text[:80]
