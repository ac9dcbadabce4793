"""Compiled reductions, gathers, scatters, windows … equal interpreted ones, in every dtype.

What only moves or compares numbers must be equal, bit for bit but for the sign of zeros in
extrema. Sums may be rounded in another order: a few units of the last place of the largest sum that
the magnitudes of the terms allow.
"""

from __future__ import annotations

import numpy as np
import pytest
from agreement import LENGTHS, batch, both_ways, epsilon, same
from structured_calls import PRODUCTS, SUMS, calls

from functorch_lite.core.dtypes import DTYPES, is_complex

pytest.importorskip("llvmlite.binding")

REAL = [d for d in map(np.dtype, DTYPES) if not is_complex(d)]
EXTREMA = {
    "reduce_max", "reduce_min", "cummax", "cummin", "scatter_max", "scatter_min", "sort",
    "window_max", "window_min",
}  # fmt: skip


def check(name, operands, want, got):
    if want.dtype.kind in "biu" or name not in SUMS | PRODUCTS:
        ok = same(want, got, name not in EXTREMA)
    else:
        eps = epsilon(want.dtype)
        w, g = want.astype(np.float64), got.astype(np.float64)
        terms = max(2, max(x.size for x in operands))
        if name in PRODUCTS:
            bound = 2 * terms * eps * np.abs(w) + float(np.finfo(np.float32).tiny) * terms
        else:
            most = [float(np.nanmax(np.abs(x.astype(float)), initial=0.0, where=np.isfinite(x)))
                    for x in operands if x.dtype == want.dtype]  # fmt: skip
            size = np.prod(most) if name == "dot_general" else sum(most)
            bound = 4 * np.sqrt(terms) * eps * size + eps * np.abs(w)
        with np.errstate(invalid="ignore"):
            ok = same(w, g, zero_sign=False) | (np.abs(w - g) <= bound)
    if not ok.all():
        at = np.unravel_index(int(np.argmin(ok)), ok.shape)
        pytest.fail(
            f"{name} of {[f'{x.dtype}{list(x.shape)}' for x in operands]} at {at}: {want[at]!r}, "
            f"compiled {got[at]!r}; {np.sum(~ok)} of {ok.size} differ"
        )


def check_all(dtype, n, special):
    rng = np.random.default_rng([n, special])
    listed = list(calls(dtype, n, rng, special))
    f, operands = batch([(call, given) for _, call, given in listed])
    wants, gots = both_ways(f, *operands)
    for (name, _, given), want, got in zip(listed, wants, gots, strict=True):
        check(name, given, want, got)


def pairs():
    """One length of every dtype, and one with special values; with --long many of each."""
    for i, dtype in enumerate(REAL):
        for k, n in enumerate(LENGTHS):
            for special in (False, True) if dtype.kind not in "biu" else (False,):
                short = k == (3 * i + 5 * special) % len(LENGTHS)
                marks = [] if short else [pytest.mark.long]
                if not short and k % 2 and dtype.name not in ("float32", "float64", "int32"):
                    continue
                name = f"{dtype.name}-{n}{'-special' if special else ''}"
                yield pytest.param(dtype, n, special, marks=marks, id=name)


@pytest.mark.parametrize(("dtype", "n", "special"), list(pairs()))
def test_structured(dtype, n, special):
    check_all(dtype, n, special)


def test_a_wrong_result_is_noticed():
    x = np.linspace(1, 2, 50)
    check("reduce_sum", [x], x.sum(), np.nextafter(x.sum(), 100))
    for name, want, got in (
        ("reduce_sum", x.sum(), x.sum() * (1 + 1e-13)),
        ("reduce_max", x.max(), np.nextafter(x.max(), 3)),
        ("gather", x, -x),
        ("reduce_prod", x.prod(), x.prod() * (1 + 1e-12)),
    ):
        with pytest.raises(pytest.fail.Exception):
            check(name, [x], np.asarray(want), np.asarray(got))
