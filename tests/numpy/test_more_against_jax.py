"""Polynomials, tapers, bits, grids and mapped functions: NumPy's numbers, and JAX's derivatives."""

import numpy as np
import pytest

import functorch_lite as fl
from functorch_lite import numpy as fnp
from functorch_lite.errors import DtypeError, NonConcreteError, ShapeError

RNG = np.random.default_rng(5)
FLOATS, MORE = RNG.normal(size=5), RNG.normal(size=3)
INTS, BYTES = RNG.integers(-40, 40, (3, 7)), RNG.integers(0, 256, (3, 5)).astype("uint8")
BITS = RNG.integers(0, 2, (3, 11))

# (name, arguments): the same call of NumPy
CALLS = [
    ("polyadd", (FLOATS, MORE)), ("polyadd", (MORE, FLOATS)), ("polysub", (FLOATS, MORE)),
    ("polymul", (FLOATS, MORE)), ("polyder", (FLOATS,)), ("polyder", (FLOATS, 2)),
    ("polyder", (MORE, 3)), ("polyint", (FLOATS,)), ("polyint", (FLOATS, 2, [1.0, 2.0])),
    ("polyint", (FLOATS, 3, 1.5)), ("poly", (FLOATS,)), ("poly", (FLOATS[:4].reshape(2, 2),)),
    ("polyfit", (np.arange(6.0), RNG.normal(size=6), 2)),
    ("polyfit", (np.arange(6.0), RNG.normal(size=(6, 2)), 3)),
    ("trim_zeros", (np.array([0.0, 0, 1, 0, 2, 0]),)), ("trim_zeros", (np.zeros(3),)),
    ("trim_zeros", (np.array([0.0, 1, 0]), "f")), ("trim_zeros", (np.array([0.0, 1, 0]), "b")),
    ("gcd", (INTS, INTS[::-1])), ("lcm", (INTS, INTS[::-1])), ("gcd", (0, INTS)),
    ("lcm", (0, INTS)),
    ("spacing", (np.array([1.0, -1.0, 1e300, 5e-324, np.inf, np.nan]),)),
    ("packbits", (BITS,)), ("packbits", (BITS, 0)), ("packbits", (BITS, 1, "little")),
    ("unpackbits", (BYTES,)), ("unpackbits", (BYTES, 1)), ("unpackbits", (BYTES, 0, 20)),
    ("unpackbits", (BYTES, 1, -3, "little")), ("unpackbits", (BYTES, 1, 50)),
    ("i0", (FLOATS,)), ("mask_indices", (4, np.triu)), ("mask_indices", (4, np.tril, -1)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args"), CALLS)
def test_values(name, args):
    if name == "mask_indices":
        ours = fnp.mask_indices(args[0], getattr(fnp, args[1].__name__), *args[2:])
    else:
        ours = getattr(fnp, name)(*args)
    theirs = getattr(np, name)(*args)
    for a, b in zip(*[v if isinstance(v, tuple) else (v,) for v in (ours, theirs)], strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["bartlett", "blackman", "hamming", "hanning"])
@pytest.mark.parametrize("m", [0, 1, 2, 7, 12])
def test_tapers(name, m):
    found = getattr(fnp, name)(m)
    assert found.dtype.name == "float32"
    np.testing.assert_allclose(found, getattr(np, name)(m), atol=1e-6)
    np.testing.assert_allclose(fnp.kaiser(m, 5.0), np.kaiser(m, 5.0), rtol=1e-5)


def test_roots():
    p = np.array([0.0, 2.0, -3.0, 0.5, 1.0, 0.0])
    np.testing.assert_allclose(
        np.sort_complex(fnp.roots(p)), np.sort_complex(np.roots(p)), atol=1e-12
    )
    assert fnp.roots(np.zeros(3)).shape == (0,)
    inner = fl.jit(lambda q: fnp.sort_complex(fnp.roots(q, strip_zeros=False)))(fnp.asarray(p[1:5]))
    np.testing.assert_allclose(inner, np.sort_complex(np.roots(p[1:5])), atol=1e-12)
    with pytest.raises(NonConcreteError):
        fl.jit(fnp.roots)(fnp.asarray(p))


def test_polydiv():
    u, v = RNG.normal(size=6), RNG.normal(size=3)
    (q, r), (wanted, rest) = fnp.polydiv(u, v), np.polydiv(u, v)
    np.testing.assert_allclose(q, wanted, rtol=1e-10)
    np.testing.assert_allclose(r[-len(rest) :], rest, atol=1e-10)
    np.testing.assert_allclose(fnp.polyadd(fnp.polymul(q, v), r), u, atol=1e-10)
    assert fnp.polydiv(v, u)[0].tolist() == [0.0]
    assert fnp.polydiv([1.0, -1.0], [1.0, -1.0], trim_leading_zeros=True)[1].shape == (1,)


def test_polyfit_more():
    x, y = np.arange(8.0), RNG.normal(size=8)
    w = RNG.uniform(0.5, 1.0, 8)
    ours, theirs = fnp.polyfit(x, y, 2, w=w, cov=True), np.polyfit(x, y, 2, w=w, cov=True)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8)
    ours, theirs = fnp.polyfit(x, y, 2, full=True), np.polyfit(x, y, 2, full=True)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8)
    unscaled = fnp.polyfit(x, y, 2, cov="unscaled")[1]
    np.testing.assert_allclose(unscaled, np.polyfit(x, y, 2, cov="unscaled")[1], rtol=1e-8)
    slope = fl.grad(lambda v: fnp.polyfit(x, v, 1)[0])(fnp.asarray(y))
    np.testing.assert_allclose(slope, (x - x.mean()) / ((x - x.mean()) ** 2).sum(), rtol=1e-9)


def test_histograms():
    points, weights = RNG.normal(size=(40, 3)), RNG.uniform(size=40)
    limits = [(-1.0, 1.0), None, (-2.0, 2.0)]
    for options in ({}, {"weights": weights}, {"density": True}, {"range": limits}):
        ours = fnp.histogramdd(points, [3, 4, 2], **options)
        theirs = np.histogramdd(points, [3, 4, 2], **options)
        np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-12)
        for a, b in zip(ours[1], theirs[1], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)
    edges = np.array([-1.0, 0.0, 0.5, 2.0])
    for bins in (5, edges, [edges, 4], [3, 4]):
        ours = fnp.histogram2d(points[:, 0], points[:, 1], bins)
        theirs = np.histogram2d(points[:, 0], points[:, 1], bins)
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)
    jitted = fl.jit(lambda p: fnp.histogramdd(p, 3)[0])(fnp.asarray(points))
    assert float(fnp.spacing(np.array(1.7976931348623157e308))) == 2.0**971
    np.testing.assert_allclose(jitted, np.histogramdd(points, 3)[0])


def test_apply_along_axis_and_over_axes():
    x = RNG.normal(size=(2, 3, 4))
    for axis in (0, 1, -1):
        for f in (lambda v: v.sum(), lambda v: v[::-1], lambda v: v[:, None] * v[None]):
            ours = fnp.apply_along_axis(f, axis, x)
            np.testing.assert_allclose(ours, np.apply_along_axis(f, axis, x), rtol=1e-12)
    for axes in (1, -1, (0, 2)):
        ours = fnp.apply_over_axes(lambda v, a: fnp.sum(v, axis=a), x, axes)
        np.testing.assert_allclose(ours, np.apply_over_axes(np.sum, x, axes), rtol=1e-12)
    with pytest.raises(ShapeError, match="apply_over_axes: func must keep the axis or drop it"):
        fnp.apply_over_axes(lambda v, a: v.sum(), x, 0)


def test_vectorize():
    add = fnp.vectorize(lambda x, y: x + 2.0 * y)
    x, y = RNG.normal(size=(3, 1)), RNG.normal(size=4)
    np.testing.assert_allclose(add(x, y), x + 2.0 * y)
    np.testing.assert_allclose(add(x, 1.0), x + 2.0)
    np.testing.assert_allclose(add(x, y=y), x + 2.0 * y)
    product = fnp.vectorize(lambda a, v: a @ v, signature="(m,n),(n)->(m)")
    a, v = RNG.normal(size=(5, 1, 2, 3)), RNG.normal(size=(4, 3))
    np.testing.assert_allclose(
        product(a, v), np.einsum("abmn,bn->abm", np.broadcast_to(a, (5, 4, 2, 3)), v)
    )
    pair = fnp.vectorize(lambda v: (v.max(), v[::-1]), signature="(n)->(),(n)")
    top, flipped = pair(v)
    np.testing.assert_allclose(top, v.max(-1))
    np.testing.assert_allclose(flipped, v[:, ::-1])
    chosen = fnp.vectorize(lambda x, how: x * 2 if how == "double" else x, excluded={1})
    np.testing.assert_allclose(chosen(y, "double"), 2 * y)
    assert fl.grad(lambda v: add(v, y).sum())(fnp.asarray(x)).shape == (3, 1)
    np.testing.assert_allclose(fl.jit(add)(fnp.asarray(x), fnp.asarray(y)), x + 2.0 * y)
    assert add(np.zeros((0, 3)), 1.0).shape == (0, 3)
    with pytest.raises(ValueError, match=r"'\(n\)' is no signature"):
        fnp.vectorize(lambda x: x, signature="(n)")
    with pytest.raises(ShapeError, match="the axis n has 3 elements in one argument and 4"):
        product(np.ones((2, 3)), np.ones(4))
    with pytest.raises(ShapeError, match="lacks the axes"):
        product(np.ones(3), np.ones(3))
    with pytest.raises(ShapeError, match="does not fit the axes"):
        fnp.vectorize(lambda v: v[:2], signature="(n)->(n)")(np.ones(3))
    with pytest.raises(TypeError, match="takes 2 arguments, got 1"):
        product(np.ones((2, 3)))


@pytest.mark.parametrize("shape", [(3, 3), (2, 5), (7, 3), (8, 1), (4, 0), (3, 3, 3)])
@pytest.mark.parametrize("wrap", [False, True])
def test_fill_diagonal(shape, wrap):
    x = RNG.normal(size=shape)
    want = x.copy()
    np.fill_diagonal(want, 9.0, wrap=wrap)
    np.testing.assert_array_equal(fnp.fill_diagonal(x, 9.0, wrap), want)
    jitted = fl.jit(lambda v: fnp.fill_diagonal(v, 9.0, wrap=wrap))
    np.testing.assert_array_equal(jitted(fnp.asarray(x)), want)
    with pytest.raises(NotImplementedError, match="do not change in place"):
        fnp.fill_diagonal(x, 9.0, inplace=True)


def test_place_text_and_files(tmp_path):
    x, mask = np.arange(6).reshape(2, 3), np.array([[1, 0, 1], [0, 1, 1]])
    want = x.copy()
    np.place(want, mask, [7, 8, 9])
    np.testing.assert_array_equal(fnp.place(x, mask, [7, 8, 9], inplace=False), want)
    with pytest.raises(ValueError, match="inplace=False"):
        fnp.place(x, mask, [1])
    path = tmp_path / "numbers"
    np.arange(5, dtype="float32").tofile(path)
    np.testing.assert_array_equal(fnp.fromfile(path), np.arange(5))
    assert fnp.array_str(x) == np.array_str(x) and fnp.array_repr(x) == np.array_repr(x)
    assert fnp.iterable([1]) and not fnp.iterable(fnp.asarray(1.0))


def test_wrong_arguments():
    with pytest.raises(DtypeError, match="gcd: expected integers"):
        fnp.gcd(1.5, 2)
    with pytest.raises(DtypeError, match="unpackbits: expected uint8"):
        fnp.unpackbits(np.arange(3))
    with pytest.raises(DtypeError, match="packbits: expected bools or integers"):
        fnp.packbits(np.ones(3))
    with pytest.raises(ValueError, match="bitorder must be 'big' or 'little'"):
        fnp.packbits(np.ones(3, int), bitorder="middle")
    with pytest.raises(ValueError, match="polyder: the order m must not be negative"):
        fnp.polyder([1.0], -1)
    with pytest.raises(ShapeError, match="polyadd: a1 must be a vector"):
        fnp.polyadd(np.ones((2, 2)), [1.0])
    with pytest.raises(ValueError, match="polyint: k must hold one constant"):
        fnp.polyint([1.0], 3, [1.0, 2.0])
    with pytest.raises(ShapeError, match="histogramdd: bins must have one entry"):
        fnp.histogramdd(np.ones((3, 2)), [1, 2, 3])
    with pytest.raises(NonConcreteError):
        fl.jit(fnp.trim_zeros)(fnp.zeros(3))


def test_lcm_of_the_smallest_integer():
    """It has no absolute value in its dtype; JAX's loop does not end there."""
    x, y = np.int8([-128, -128, 0]), np.int8([-128, 0, 0])
    np.testing.assert_array_equal(fnp.lcm(x, y), np.lcm(x, y))


@pytest.mark.peers
def test_names_and_dtypes_of_jax():
    jax = pytest.importorskip("jax", exc_type=ImportError)
    with jax.enable_x64(True):
        for name, args in CALLS:
            if name in ("mask_indices", "trim_zeros") or any(isinstance(a, list) for a in args):
                continue
            ours, theirs = getattr(fnp, name)(*args), getattr(jax.numpy, name)(*args)
            assert ours.dtype == theirs.dtype, name
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


A, B = np.array([5, 3, 3, 1, 9]), np.array([3, 4, 9, 9])
SETS = ["intersect1d", "setdiff1d", "setxor1d"]


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("dtype", ["int64", "float64"])
def test_sets(name, dtype):
    a, b = A.astype(dtype), B.astype(dtype)
    for x, y in ((a, b), (a, a), (a, b[:0]), (a[:0], b), (a[:0], b[:0])):
        np.testing.assert_array_equal(getattr(fnp, name)(x, y), getattr(np, name)(x, y))
    ordered = fnp.setdiff1d(a, b, assume_unique=True)
    np.testing.assert_array_equal(ordered, np.setdiff1d(a, b, assume_unique=True))
    for mine, theirs in zip(
        fnp.intersect1d(a, b, return_indices=True),
        np.intersect1d(a, b, return_indices=True),
        strict=True,
    ):
        np.testing.assert_array_equal(mine, theirs)
    with pytest.raises(NonConcreteError):
        fl.jit(getattr(fnp, name))(fnp.asarray(a), fnp.asarray(b))


@pytest.mark.parametrize("name", SETS)
def test_sets_of_a_size_pad_what_numpy_finds(name):
    """Also where the largest value, which fills up the distinct ones, is in one array only."""
    for x, y in ((A, B[:2]), (B[:2], A), (A, A[-1:]), (A[:0], B)):
        want = getattr(np, name)(x, y)
        found = fl.jit(lambda v, w: getattr(fnp, name)(v, w, size=6, fill_value=-1))(
            fnp.asarray(x), fnp.asarray(y)
        )
        np.testing.assert_array_equal(found, [*want, *[-1] * (6 - len(want))])


@pytest.mark.peers
@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("size", [2, pytest.param(6, marks=pytest.mark.long)])
def test_sets_of_a_size_are_jaxs(name, size):
    jax = pytest.importorskip("jax", exc_type=ImportError)
    with jax.enable_x64(True):
        for more in ({}, {"fill_value": 7}):
            for x, y in ((A, B), (A, A)):
                ours = fl.jit(lambda v, w, m=more: getattr(fnp, name)(v, w, size=size, **m))
                found = ours(fnp.asarray(x), fnp.asarray(y))
                theirs = getattr(jax.numpy, name)(x, y, size=size, **more)
                np.testing.assert_array_equal(found, theirs)
        both = fnp.intersect1d(A, B, return_indices=True, size=4)
        theirs = jax.numpy.intersect1d(A, B, return_indices=True, size=4)
        for a, b in zip(both, theirs, strict=True):
            np.testing.assert_array_equal(a, b)
