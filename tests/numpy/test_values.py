"""Every function against NumPy, and compiled, and mapped over a leading axis."""

import numpy as np
import pytest
from numpy_cases import CASES, DYNAMIC

import functorch_lite as fl
import functorch_lite.numpy as fnp

# What NumPy 2.1 does not have yet.
NEWER = {
    "matvec": lambda a, b: np.einsum("...ij,...j->...i", a, b),
    "vecmat": lambda a, b: np.einsum("...i,...ij->...j", a.conj(), b),
}
STATIC = {"repeat", "take", "isin", "block", "delete", "insert"}


def label(case):
    name, args, kwargs = case
    shown = [f"{a.dtype.kind}{list(a.shape)}" if isinstance(a, np.ndarray) else a for a in args]
    return f"{name}({', '.join(map(str, shown))}, {kwargs})"[:80]


def compare(got, want):
    if isinstance(want, (tuple, list)):
        assert len(got) == len(want)
        for g, w in zip(got, want, strict=True):
            compare(g, w)
        return
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape
    assert got.dtype.kind == want.dtype.kind or (got.dtype.kind, want.dtype.kind) in (
        ("f", "i"),  # histograms count in floats
        ("i", "u"),  # counts of bits have the operand's dtype
    )
    if want.dtype.kind in "biu":
        np.testing.assert_array_equal(got, want)
    else:
        tolerance = 1e-12 if got.dtype.itemsize >= 8 and got.dtype != np.complex64 else 2e-6
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


def with_arrays(x):
    """NumPy arrays, also inside lists, as Arrays."""
    if isinstance(x, np.ndarray):
        return fnp.asarray(x)
    if isinstance(x, list) and any(isinstance(y, (np.ndarray, list)) for y in x):
        return [with_arrays(y) for y in x]
    return x


@pytest.mark.parametrize("case", CASES + DYNAMIC, ids=label)
def test_value_as_numpy(case):
    name, args, kwargs = case
    with np.errstate(all="ignore"):
        want = (getattr(np, name, None) or NEWER[name])(*args, **kwargs)
    given = {k: with_arrays(v) for k, v in kwargs.items()}
    compare(getattr(fnp, name)(*map(with_arrays, args), **given), want)


def split_static(args):
    """Positions of the array arguments (arrays, or sequences of them)."""
    return [i for i, a in enumerate(args) if isinstance(a, np.ndarray)]


COMPILED = [c for c in CASES if split_static(c[1]) and c[0] not in STATIC]


@pytest.mark.parametrize("case", COMPILED[::3], ids=label)
def test_jit_gives_the_same(case):
    name, args, kwargs = case
    where = split_static(args)
    given = {k: with_arrays(v) for k, v in kwargs.items()}

    def f(*arrays):
        full = list(map(with_arrays, args))
        for i, a in zip(where, arrays, strict=True):
            full[i] = a
        return getattr(fnp, name)(*full, **given)

    arrays = [fnp.asarray(args[i]) for i in where]
    eager, compiled = f(*arrays), fl.jit(f)(*arrays)
    leaves = fl.tree.leaves
    for e, c in zip(leaves(eager), leaves(compiled), strict=True):
        assert (e.shape, e.dtype) == (c.shape, c.dtype)
        if e.dtype.kind in "fc":  # compiled sums and functions round differently
            tolerance = 50 * np.finfo(e.dtype).eps
            np.testing.assert_allclose(np.asarray(c), np.asarray(e), rtol=tolerance, atol=tolerance)
        else:
            np.testing.assert_array_equal(np.asarray(e), np.asarray(c))


@pytest.mark.parametrize("case", COMPILED[1::3], ids=label)
def test_vmap_gives_the_same_as_a_loop(case):
    name, args, kwargs = case
    where = split_static(args)
    given = {k: with_arrays(v) for k, v in kwargs.items()}

    def f(*arrays):
        full = list(map(with_arrays, args))
        for i, a in zip(where, arrays, strict=True):
            full[i] = a
        return getattr(fnp, name)(*full, **given)

    stacks = [np.stack([args[i], np.flip(args[i]), args[i]]) for i in where]
    mapped = fl.tree.leaves(fl.vmap(f)(*map(fnp.asarray, stacks)))
    loop = [fl.tree.leaves(f(*[fnp.asarray(s[k]) for s in stacks])) for k in range(3)]
    for i, m in enumerate(mapped):
        want = np.stack([np.asarray(row[i]) for row in loop])
        assert m.dtype == want.dtype
        np.testing.assert_allclose(np.asarray(m), want, rtol=1e-12, atol=1e-12)
