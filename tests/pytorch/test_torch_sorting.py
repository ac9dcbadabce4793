"""Sorting, order statistics, distinct values and histograms against PyTorch."""

import numpy as np
import pytest
from oracle import array_of, compare, ours, real, same, to_ours, to_real

rng = np.random.default_rng(5)
NAN, INF = float("nan"), float("inf")


def normal(*shape, dtype=np.float32):
    return np.asarray(rng.normal(size=shape)).astype(dtype)


MATRIX = normal(3, 4)
TURNED = normal(2, 3, 4).transpose(2, 0, 1)
SLICED = normal(6, 8)[::2, 1::2]
SCALAR = np.array(2.5, np.float32)
EMPTY = np.empty((0, 4), np.float32)
INTEGERS = np.array([[3, 1, 1], [2, 3, 3]])
HOLES = np.array([[1, NAN, 2, 0], [3, 4, NAN, 0], [NAN, NAN, NAN, 1]], np.float32)
TIES = np.array([[1, 3, 3, 1], [3, 0, 3, 0]], np.float32)
INPUTS = {
    "matrix": MATRIX, "turned": TURNED, "sliced": SLICED, "scalar": SCALAR, "empty": EMPTY,
    "integers": INTEGERS, "bools": INTEGERS > 1, "bytes": INTEGERS.astype(np.uint8),
    "holes": HOLES, "half": MATRIX.astype(np.float16), "double": normal(3, 4, dtype=np.float64),
    "ties": TIES, "complex": MATRIX.astype(np.complex64),
}  # fmt: skip
inputs = pytest.mark.parametrize("x", INPUTS.values(), ids=INPUTS)


def check(source, *arrays, **options):
    """Compare ``source``, an expression of T (the package) and x, y, z, in both worlds."""
    f = eval(f"lambda T, x=None, y=None, z=None: {source}", {"nan": NAN, "inf": INF})  # noqa: S307
    if any(a.dtype.kind == "c" for a in arrays):
        options.update(grads=False)
    return compare(f, *arrays, **options)


SORTS = """
x.sort()
x.sort(0)
x.sort(0, True)
x.sort(dim=-1, descending=True, stable=True)
x.sort(stable=True)
T.sort(x, dim=0, stable=False)
T.sort(x, axis=0)
x.sort(4)
x.sort(True)
x.argsort()
x.argsort(0, True)
T.argsort(x, dim=0, descending=True, stable=True)
x.argsort(5)
x.msort()
x.kthvalue(1, 0)
x.kthvalue(9)
x.kthvalue(0)
x.kthvalue(1, 5)
x.median()
x.median(0)
x.median(-1, True)
T.median(x, dim=0, keepdim=True)
x.median(4)
x.nanmedian()
x.nanmedian(0)
x.nanmedian(dim=-1, keepdim=True)
x.mode()
x.mode(0)
x.mode(0, True)
x.mode(3)
x.topk(1)
x.topk(2, 0)
x.topk(2, -1, False)
x.topk(k=1, dim=0, largest=False, sorted=False)
x.topk(0)
x.topk(9)
x.topk(-1)
x.topk(1, 7)
"""


@pytest.mark.parametrize("source", SORTS.strip().splitlines())
@inputs
def test_sort(source, x):
    if "mode" in source and x is HOLES:
        return  # NaN has no place in PyTorch's order here
    unordered = ("topk", "kthvalue") if x is not MATRIX else ()
    if any(name in source for name in unordered) and (x.dtype.kind in "biu" or x is TIES
                                                      or x is HOLES):  # fmt: skip
        # Which of several equal elements is taken is not said.
        source += "[0]"
        check(source, x, grads=False)
        return
    check(source, x)


@pytest.mark.parametrize("source", ["x.kthvalue(2, 1)", "x.kthvalue(2, 1, True)", "x.kthvalue(3)"])
def test_kthvalue(source):
    check(source, MATRIX)
    check(source, TURNED)
    check(source, HOLES[:2], grads=False)


def test_positions_of_equal_elements_belong_to_the_values():
    x = rng.integers(0, 4, (20, 300)).astype(np.float32)
    t = to_ours(x)
    for found in (t.topk(7, 1), t.topk(9, 1, False), t.topk(200), t.kthvalue(50), t.median(1),
                  t.mode(1), t.sort(1), t.sort(1, True)):  # fmt: skip
        values, indices = (array_of(v) for v in found)
        if values.ndim == 1:
            values, indices = values[:, None], indices[:, None]
        np.testing.assert_array_equal(np.take_along_axis(x, indices, 1), values)
        assert all(len(set(row)) == len(row) for row in indices.tolist())
    for source in ("x.topk(7, 1)[0]", "x.topk(9, 1, False)[0]", "x.topk(200)[0]",
                   "x.kthvalue(50)[0]", "x.median(1)", "x.median()", "x.nanmedian()",
                   "x.mode(1)[0]",
                   "x.sort(dim=1, stable=True)",
                   "x.sort(dim=0, descending=True, stable=True)"):  # fmt: skip
        check(source, x, grads=False)


def test_large_sort_is_stable():
    x = rng.integers(-3, 4, (30, 100)).astype(np.float32)
    x[x == 0] = np.where(rng.random((x == 0).sum()) < 0.5, -0.0, 0.0)
    x[rng.random(x.shape) < 0.1] = NAN
    x[0, :3] = INF, -INF, 1e-40
    flat = rng.permutation(5000) % 97 - 40
    arrays = [x, x.T, x.astype(np.float16), x.astype(np.float64), flat, flat.astype(np.float32)]
    arrays += [flat.astype(d) for d in (np.int32, np.int16, np.int8, np.uint8)] + [flat > 0]
    for a in arrays:
        for source in ("x.sort(stable=True)", "x.sort(dim=0, stable=True, descending=True)"):
            check(source, a)
    check("x.to(T.bfloat16).sort(stable=True)", x, grads=False)


QUANTILES = """
x.{0}(0.5)
x.{0}(0.3, 0)
x.{0}(0.3, -1, True)
x.{0}(q=1, dim=None, keepdim=True)
x.{0}(T.tensor([0.1, 0.5, 1.0]))
x.{0}(T.tensor([0.1, 0.5]), 0)
x.{0}(T.tensor([0.1, 0.5]), -1, True)
x.{0}(T.tensor([0.1, 0.5]), None, True)
x.{0}(T.tensor(0.7), 0)
x.{0}(0.3, 0, interpolation='lower')
x.{0}(0.3, 0, interpolation='higher')
x.{0}(0.3, 0, interpolation='nearest')
x.{0}(0.3, 0, interpolation='midpoint')
x.{0}(0.3, interpolation='bad')
x.{0}(1.5)
x.{0}(T.tensor([1.5]))
x.{0}(T.tensor([[0.5]]))
x.{0}(T.tensor([0.5]).double())
x.{0}([0.5])
x.{0}(0.5, 6)
"""


@pytest.mark.parametrize("name", ["quantile", "nanquantile"])
@pytest.mark.parametrize("source", QUANTILES.strip().splitlines())
@inputs
def test_quantile(name, source, x):
    check(source.format(name), x, text="[0.5])" not in source)


UNIQUE = """
T.unique(x)
T.unique(x, return_inverse=True)
T.unique(x, return_counts=True)
x.unique(True, True, True)
x.unique(sorted=False)
T.unique(x, dim=0)
T.unique(x, dim=0, return_inverse=True, return_counts=True)
T.unique(x, dim=-1)
T.unique(x, dim=4)
T.unique_consecutive(x)
x.unique_consecutive(return_inverse=True, return_counts=True)
T.unique_consecutive(x, dim=0)
T.unique_consecutive(x, return_counts=True, return_inverse=True, dim=-1)
"""


@pytest.mark.parametrize("source", UNIQUE.strip().splitlines())
@inputs
def test_unique(source, x):
    if "consecutive" in source and x.dtype.kind == "c" or "dim" in source and x is HOLES:
        return  # slices with NaN have no order
    if "dim=0" in source and x.dtype.kind == "c":
        x = x.real
    found = [None, None]
    for i, (module, convert) in enumerate(((ours, to_ours), (real, to_real))):
        f = eval(f"lambda T, x: {source}")  # noqa: S307
        t = convert(x)
        try:
            found[i] = f(module, t)
        except (RuntimeError, IndexError, NotImplementedError) as error:
            found[i] = type(error)
    if isinstance(found[1], type):
        assert found[0] is found[1]
    else:
        same(*found)


def test_unique_has_no_derivative():
    for source, node in (("T.unique(x)", "Unique2Backward0"),
                         ("T.unique(x, dim=0)", "UniqueDimBackward0"),
                         ("T.unique_consecutive(x)", "UniqueConsecutiveBackward0")):  # fmt: skip
        f = eval(f"lambda T, x: {source}")  # noqa: S307
        texts = []
        for module, convert in ((ours, to_ours), (real, to_real)):
            out = f(module, convert(MATRIX).requires_grad_())
            assert type(out.grad_fn).__name__ == node
            with pytest.raises(NotImplementedError) as error:
                out.sum().backward()
            texts.append(str(error.value).split("\n")[0])
        assert texts[0] == texts[1]


COUNTS = """
T.bincount(x)
x.bincount(minlength=9)
T.bincount(x, y)
T.bincount(x, y.double())
T.bincount(x, x)
T.bincount(x, y[:2])
T.bincount(-x)
T.bincount(y)
T.bincount(x.view(2, 3))
T.bincount(x[:0])
T.bincount(x, minlength=-1)
T.histc(y)
y.histc(3)
T.histc(y, bins=4, min=-1, max=1)
T.histc(y, 4, 5, 1)
T.histc(y, 0)
T.histc(x)
T.histc(y[:0], 3)
T.histc(y * 0, 4)
T.histogram(y, 3)
T.histogram(y, 5, range=(-1., 1.))
T.histogram(y, 5, range=(-1., 1.), density=True)
y.histogram(T.tensor([-1., 0, 2]))
T.histogram(y, T.tensor([-1., 0, 2]), weight=y * y)
T.histogram(y, 3, weight=y * y, density=True)
T.histogram(x, 3)
"""


@pytest.mark.parametrize("source", COUNTS.strip().splitlines())
def test_counts(source):
    check(source, np.array([3, 1, 1, 2, 3, 3]), normal(6), grads=False, text=True)


SEARCHES = """
T.searchsorted(x, y)
T.searchsorted(x, 0.5)
T.searchsorted(x, y, right=True)
T.searchsorted(x, y, side='right')
T.searchsorted(x, y, side='left', right=True)
T.searchsorted(x, y, side='up')
T.searchsorted(x, y, out_int32=True)
T.searchsorted(x, y[0])
T.searchsorted(x[None], y)
T.searchsorted(x.expand(3, 4), y)
T.searchsorted(x.expand(2, 4), y)
T.searchsorted(x[0], y)
T.searchsorted(x.flip(0), y, sorter=T.tensor([3, 2, 1, 0]))
T.searchsorted(x, y, sorter=T.tensor([3, 2]))
T.searchsorted(x, y, sorter=T.tensor([3., 2, 1, 0]))
T.searchsorted(x, y * nan)
T.bucketize(y, x)
T.bucketize(0.5, x)
T.bucketize(y, x, right=True)
T.bucketize(y.t(), x, out_int32=True)
T.bucketize(y, y)
"""


@pytest.mark.parametrize("source", SEARCHES.strip().splitlines())
def test_searches(source):
    check(source, np.array([-1, 0, 0.5, 2], np.float32), normal(3, 5), grads=False, text=True)


MESSAGES = """
T.empty(0, 2).median(0)
T.empty(0, 2).mode(0)
x.topk(9)
x.kthvalue(9)
(x > 0).topk(1)
(x > 0).kthvalue(1)
(x > 0).median()
(x + 0j).sort()
(x + 0j).median()
(x + 0j).mode()
T.unique(x + 0j)
x.median(4)
T.empty(0).quantile(0.5)
T.arange(3).quantile(0.5)
T.median(x, out=T.empty(()))
T.sort(x, out=(T.empty(0), T.empty(0)))
"""


@pytest.mark.parametrize("source", MESSAGES.strip().splitlines())
def test_message(source):
    check(source, MATRIX, grads=False, text=True)


def test_out():
    for source in ("T.sort(x, 0, out=(T.empty(3, 4), T.empty(3, 4, dtype=T.long)))",
                   "T.topk(x, 2, out=(T.empty(0), T.empty(0, dtype=T.long)))",
                   "T.kthvalue(x, 2, out=(T.empty(3), T.empty(3, dtype=T.long)))",
                   "T.median(x, 0, out=(T.empty(4), T.empty(4, dtype=T.long)))",
                   "T.mode(x, 0, out=(T.empty(4), T.empty(4, dtype=T.long)))",
                   "T.quantile(x, 0.5, out=T.empty(()))", "T.histc(x, out=T.empty(100))",
                   "T.histogram(x, 3, out=(T.empty(3), T.empty(4)))",
                   "T.searchsorted(x[0].sort()[0], x, out=T.empty(3, 4, dtype=T.long))",
                   "T.bucketize(x, x[0].sort()[0], out=T.empty(3, 4, dtype=T.long))",
                   "T.msort(x, out=T.empty(3, 4))"):  # fmt: skip
        check(source, MATRIX, grads=False)


def test_infinities_and_nan_are_ordered():
    x = np.array([NAN, INF, -INF, 0, NAN, 1], np.float32)
    for source in ("x.sort()", "x.sort(descending=True)", "x.topk(3)[0]", "x.unique()",
                   "x.median()", "x.nanmedian()", "x.nanmedian(0)", "x.quantile(0.2)",
                   "x.nanquantile(0.2)", "x.max(0)", "x.argmin()"):  # fmt: skip
        for dtype in ("float32", "bfloat16", "float16", "float64"):
            if "quantile" in source and "16" in dtype:
                continue
            check(f"{source.replace('x.', f'x.to(T.{dtype}).', 1)}", x, grads=False)


@pytest.mark.long
def test_many_sorts():
    for _ in range(300):
        shape = tuple(rng.integers(1, 6, rng.integers(1, 4)))
        x = rng.integers(0, 5, shape).astype(rng.choice(["float32", "int64", "float64"]))
        dim = int(rng.integers(-len(shape), len(shape)))
        for source in (f"x.sort({dim})", f"x.sort({dim}, True)",
                       f"x.median({dim})", f"x.mode({dim})", f"x.cummax({dim})",
                       f"x.max({dim})", f"x.unique(dim={dim}, return_counts=True)"):  # fmt: skip
            check(source, x, grads=False)
