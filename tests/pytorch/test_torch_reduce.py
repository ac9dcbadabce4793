"""Reductions, norms, running sums and softmax against PyTorch: values, gradients, errors."""

import pickle

import numpy as np
import pytest
from oracle import compare, ours, real, same, to_ours, to_real

rng = np.random.default_rng(3)
NAN, INF = float("nan"), float("inf")


def normal(*shape, dtype=np.float32):
    return np.asarray(rng.normal(size=shape)).astype(dtype)


MATRIX = normal(3, 4)
CUBE = normal(2, 3, 4)
TURNED = CUBE.transpose(2, 0, 1)
SLICED = normal(6, 8)[::2, 1::2]
SCALAR = np.array(2.5, np.float32)
EMPTY = np.empty((0, 4), np.float32)
INTEGERS = np.arange(6).reshape(2, 3) - 2
BOOLS = INTEGERS > 0
BYTES = (INTEGERS + 2).astype(np.uint8)
COMPLEX = (normal(3, 2) + 1j * normal(3, 2)).astype(np.complex64)
HOLES = np.array([[1, NAN, 2, 0], [3, 4, NAN, 0], [NAN, NAN, NAN, 1]], np.float32)
TIES = np.array([[1, 3, 3], [3, 0, 3]], np.float32)
INPUTS = {
    "matrix": MATRIX, "cube": CUBE, "turned": TURNED, "sliced": SLICED, "scalar": SCALAR,
    "empty": EMPTY, "integers": INTEGERS, "bools": BOOLS, "bytes": BYTES, "holes": HOLES,
    "half": MATRIX.astype(np.float16), "double": normal(3, 4, dtype=np.float64), "ties": TIES,
    "long": normal(300, 200),
}  # fmt: skip
inputs = pytest.mark.parametrize("x", INPUTS.values(), ids=INPUTS)


def check(source, *arrays, **options):
    """Compare ``source``, an expression of T (the package) and x, y, ..., in both worlds."""
    f = eval(f"lambda T, x=None, y=None, z=None: {source}", {"nan": NAN, "inf": INF})  # noqa: S307
    return compare(f, *arrays, **options)


REDUCTIONS = """
x.sum()
x.sum(0)
x.sum(-1, keepdim=True)
x.sum(())
x.sum(None, True)
T.sum(x, (0, -1))
x.sum(dim=(0, 1), keepdim=True)
x.sum(dtype=T.float64)
x.sum(axis=0)
x.sum(2)
x.sum(5)
x.sum((0, 0))
x.sum('a')
x.sum(1.5)
x.mean()
x.mean(0)
x.mean((0, -1), True)
x.mean(dtype=T.float64)
x.mean(0, dtype=T.int32)
x.nansum()
x.nansum(0)
x.nansum(-1, True)
x.nanmean()
x.nanmean(0)
x.nanmean(-1, keepdim=True)
x.prod()
x.prod(0)
x.prod(-1, True)
x.prod(dtype=T.float64)
x.prod((0, 1))
x.all()
x.all(0)
x.all((0, -1), True)
x.any(())
x.any()
x.any(-1, keepdim=True)
x.count_nonzero()
x.count_nonzero(0)
x.count_nonzero((0, -1))
T.trace(x)
x.amax()
x.amax(0)
x.amax((0, -1))
x.amax(-1, True)
x.amin()
x.amin(0, keepdim=True)
x.aminmax()
x.aminmax(dim=0)
T.aminmax(x, dim=-1, keepdim=True)
x.max()
x.max(0)
x.max(-1, True)
x.max(dim=-1)
x.max(axis=0)[1]
x.max(True)
x.max((0, 1))
x.min()
x.min(0)
T.min(x, -1, keepdim=True)
x.argmax()
x.argmax(0)
x.argmax(-1, True)
x.argmax(keepdim=True)
x.argmin()
x.argmin(-1)
x.argmin(7)
x.logsumexp(0)
x.logsumexp((0, -1), True)
T.logsumexp(x, -1)
"""


@pytest.mark.parametrize("source", REDUCTIONS.strip().splitlines())
@inputs
def test_reduction(source, x):
    rough = x.dtype == np.float16 or x.size > 1000
    # What zeros times NaN give in gradients of products depends on the order of operations.
    product = "prod" in source
    grads = not (product and np.isnan(x).any())
    check(source, x, rtol=1e-3 if rough else None, grads=grads, double=not (product and rough))


DEVIATIONS = """
T.{0}(x)
T.{0}(x, 0)
T.{0}(x, False)
T.{0}(x, 0, False)
T.{0}(x, -1, True, True)
T.{0}(x, (0, -1), unbiased=False)
T.{0}(x, dim=0, correction=2, keepdim=True)
T.{0}(x, correction=1.5)
T.{0}(x, dim=0, correction=None)
T.{0}(x, 9)
"""


@pytest.mark.parametrize("name", ["std", "var", "std_mean", "var_mean"])
@pytest.mark.parametrize("source", DEVIATIONS.strip().splitlines())
@inputs
def test_deviation(name, source, x):
    if x.dtype == np.float16:
        x = x[:2]
    check(source.format(name), x, rtol=2e-2 if x.dtype == np.float16 else 1e-4)


def test_deviation_of_constants_and_complex_numbers():
    for source in ("x.std(0)", "x.var(0)", "T.std_mean(x)", "x.std(1, correction=2)"):
        check(source, np.ones((3, 2), np.float32), double=False)
        check(source, COMPLEX, grads=False)
    for source in ("x.std(True, 0)", "x.std(0, 1)", "x.var(x)"):
        check(source, MATRIX)


NORMS = """
x.norm()
x.norm(2)
x.norm(1)
x.norm(inf)
x.norm(-inf, 0)
x.norm(0, -1)
x.norm(3, 0, True)
x.norm(1.5, -1)
x.norm(p=2.5, dim=(0, 1))
x.norm(-1)
x.norm('fro')
x.norm(dim=0)
x.norm(p=2, dtype=T.float64)
x.norm('inf')
T.norm(x, p=2, dim=-1)
x.norm(2, 5)
"""
FLOATING = {n: x for n, x in INPUTS.items() if n not in ("holes", "ties", "long")}


@pytest.mark.parametrize("source", NORMS.strip().splitlines())
@pytest.mark.parametrize("x", FLOATING.values(), ids=FLOATING)
def test_norm(source, x):
    double = source not in ("x.norm(1)", "x.norm(inf)", "x.norm(-inf, 0)")  # PyTorch: a ZeroTensor
    check(source, x, rtol=2e-2 if x.dtype == np.float16 else 1e-4, double=double)


@pytest.mark.parametrize("p", [0, 0.5, 1, 1.5, 2, 3, INF])
def test_gradient_of_a_norm_where_there_is_none(p):
    x = np.array([[0, 0], [0, 2.0]])
    check(f"x.norm({p}, 1)", x, double=False)


RUNNING = """
x.{0}(0)
x.{0}(-1)
T.{0}(input=x, dim=0)
T.{0}(x, 3)
x.{0}('a')
"""


@pytest.mark.parametrize("name", ["cumsum", "cumprod", "logcumsumexp", "cummax", "cummin"])
@pytest.mark.parametrize("source", RUNNING.strip().splitlines())
@inputs
def test_running(name, source, x):
    if x.size > 1000:
        x = x[:40, :30] * np.float32(0.7)
    strict = x.dtype != np.float16
    double = x.size > 0 and not (name == "logcumsumexp" and np.isnan(x).any())
    if not x.size and "3" in source:
        return  # cummax does not look at the dimension then
    check(source.format(name), x, rtol=None if strict else 2e-2, double=double and strict)


def test_running_in_place():
    for source in (
        "x.clone().cumsum_(0)", "(x * 2).cumsum_(-1)", "x.clone().cumprod_(0)",
        "(x * 2).cumprod_(1)", "x.cumsum(0, dtype=T.float64)", "x.cumprod(0, dtype=T.float64)",
        "x.cumsum_(0)", "x.clone().cumsum_(0, dtype=T.float64)", "(x * 2).t().cumsum_(0)",
    ):  # fmt: skip
        check(source, MATRIX)
        check(source, INTEGERS)
    check("x.clone().cumsum_(0)", BOOLS, text=True)
    check("x.clone().cumprod_(0)", BOOLS, text=True)
    check("x.cumprod(0)", np.array([[1, 0.0, 2], [0, 3, 0], [4, 5, 6]]), rtol=1e-6)
    check("x.cumsum(0)", COMPLEX, grads=False)
    check("x.logcumsumexp(0)", np.array([-INF, 1, 2]), grads=False)


@pytest.mark.parametrize(
    "source",
    ["x.diff()", "x.diff(n=2)", "x.diff(n=0)", "x.diff(n=7)", "x.diff(dim=0)", "x.diff(n=-1)",
     "x.diff(prepend=x)", "T.diff(x, 1, 0, x, x)", "x.diff(1, 3)"],
)  # fmt: skip
@pytest.mark.parametrize("x", [MATRIX, INTEGERS, BOOLS, SCALAR, EMPTY])
def test_diff(source, x):
    check(source, x, names="n=0" not in source)


SOFTMAX = """
x.{0}(0)
x.{0}(-1)
T.{0}(x, dim=0, dtype=T.float64)
x.{0}(1)
x.{0}(4)
x.{0}('a')
"""


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("source", SOFTMAX.strip().splitlines())
@inputs
def test_softmax(name, source, x):
    check(
        source.format(name), x, rtol=1e-3 if x.dtype != np.float64 else None, double=x.size < 1000
    )


def test_softmax_of_extreme_values():
    x = np.array([[1000, -1000, 0], [-INF, 0, 1], [-INF, -INF, -INF]], np.float32)
    for source in ("x.softmax(1)", "x.log_softmax(1)", "x.logsumexp(1)"):
        check(source, x, double=False)
    check("x.softmax(0)", COMPLEX, grads=False)


DISTANCES = """
T.dist(x, y)
T.dist(x, y, 1)
T.dist(x, y, 0)
T.dist(x, y, inf)
x.dist(y[0], p=3)
T.dist(x, x)
T.dist(x, y[:, :1])
T.dist(x, y[:2])
"""


@pytest.mark.parametrize("source", DISTANCES.strip().splitlines())
def test_dist(source):
    check(source, MATRIX, normal(3, 4), rtol=1e-4, grads="0)" not in source, double=False)
    check("T.dist(x, y, 3)", MATRIX, normal(3, 4), rtol=1e-4)
    check(source, INTEGERS, INTEGERS)


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, INF, -1.0])
@pytest.mark.parametrize(
    "shapes", [((3, 4), (2, 4)), ((2, 3, 4), (1, 2, 4)), ((30, 3), (40, 3)), ((0, 4), (3, 4)),
               ((4,), (3, 4)), ((3, 4), (3, 2))],
)  # fmt: skip
def test_cdist(p, shapes):
    arrays = [normal(*s, dtype=np.float64) for s in shapes]
    # For many rows PyTorch composes the Euclidean distance of operations with other names.
    check(f"T.cdist(x, y, {p})", *arrays, rtol=1e-7, double=False, names=shapes[0][0] < 25)


def test_cdist_of_equal_rows_and_arguments():
    check("T.cdist(x, x)", MATRIX[:2], double=False)
    check("T.cdist(x, y)", MATRIX, MATRIX.astype(np.float64), text=True)
    check("T.cdist(x, x)", INTEGERS, text=True)
    check("T.cdist(x, x, compute_mode='bad')", MATRIX, text=True)
    check("T.cdist(x, y, compute_mode='use_mm_for_euclid_dist')", MATRIX, normal(2, 4),
          double=False, rtol=1e-3, names=False)  # fmt: skip


@pytest.mark.parametrize("p", [0.5, 1, 2, 3, INF, -1])
def test_renorm(p):
    for source in (f"x.renorm({p}, 0, 1.)", f"T.renorm(x, {p}, 1, 0.5)", f"x.renorm({p}, 3, 1)",
                   f"(x * 1).renorm_({p}, 0, 1.)", f"x.renorm({p}, 0, -1.)"):  # fmt: skip
        check(source, normal(3, 4, dtype=np.float64), rtol=1e-5)
    check(f"x.renorm({p}, 0, 1.)", np.array([[0, 0], [3, 4.0]]), double=False)
    check(f"x.renorm({p}, 0, 1.)", SCALAR, text=True)


COVARIANCES = """
T.cov(x)
T.cov(x[0])
x.cov(correction=0)
T.cov(x, fweights=T.tensor([1, 2, 3, 4]))
T.cov(x, aweights=T.tensor([1., 2, 3, 4]))
T.cov(x, fweights=T.tensor([1, 2, 3, 4]), aweights=T.tensor([1., 2, 3, 4]))
T.cov(x, fweights=T.tensor([1., 2, 3, 4]))
T.cov(x, aweights=T.tensor([1, 2, 3, 4]))
T.cov(x, fweights=T.tensor([1, 2]))
T.cov(x, fweights=-T.tensor([1, 2, 3, 4]))
T.cov(x[None])
T.cov(x, correction=9)
T.corrcoef(x)
T.corrcoef(x[0])
x[None].corrcoef()
T.cov(x > 0)
"""


@pytest.mark.parametrize("source", COVARIANCES.strip().splitlines())
def test_covariance(source):
    check(source, MATRIX, rtol=1e-4, text=True)
    check(source, np.arange(12).reshape(3, 4) ** 2, rtol=1e-4)


MESSAGES = """
x.sum(5)
x.sum((0, 0))
x.mean(0, dtype=T.int32)
T.arange(3).mean()
T.arange(3).nanmean()
T.arange(3).std()
T.var_mean(T.arange(3))
T.empty(0).max()
T.empty(0, 3).max(0)
T.empty(0).min()
T.empty(0).amax()
T.empty(0, 2).amin(0)
T.empty(0).argmax()
T.empty(0, 2).argmin(0)
T.empty(0).aminmax()
T.empty(0, 2).aminmax(dim=0)
T.empty(0).norm(inf)
T.empty(0, 2).norm(inf, 0)
T.empty(0).norm(-1)
(x > 0).argmax()
x[0].trace()
(x > 0).trace()
T.arange(3).softmax(0)
T.arange(3).log_softmax(0)
T.arange(3).logcumsumexp(0)
T.arange(3).norm()
T.dist(T.arange(3), T.arange(3))
x.sum(0, dtype=T.int64)
x.cumsum_(0)
x.detach().cumsum_(0, dtype=T.float64)
x.softmax('a')
x.sum('a')
x.max(True)
x.diff(n=-1)
T.tensor(1.).diff()
"""


@pytest.mark.parametrize("source", MESSAGES.strip().splitlines())
def test_message(source):
    check(source, MATRIX, text=True)


def test_complex_numbers():
    for source in ("x.sum()", "x.sum(0)", "x.mean(0)", "x.prod(0)", "x.nansum()", "x.max()",
                   "x.max(0)", "x.amax()", "x.aminmax()", "x.argmax()", "x.all()", "x.norm()",
                   "x.count_nonzero()", "x.cummax(0)", "T.dist(x, x + 1)"):  # fmt: skip
        check(source, COMPLEX, grads=False, text=True)


def test_two_operand_max_and_min():
    for source in ("x.max(y)", "T.max(x, other=y)", "x.min(y)", "T.min(x, y)", "x.max(y, 0)"):
        check(source, MATRIX, normal(3, 4), text=True)


def test_bfloat16_and_half_are_added_up_in_single_precision():
    for dtype in ("float16", "bfloat16"):
        for source in ("x.sum()", "x.mean(0)", "x.max(0)", "x.argmax()", "x.prod(1)", "x.norm()",
                       "x.cumsum(0)", "x.softmax(1)", "x.amax(0)", "x.std(0)", "x.logsumexp(0)",
                       "x.cummax(1)", "x.sum(dtype=T.float32)", "x.nansum(1)"):  # fmt: skip
            text = source.replace("x.", f"x.to(T.{dtype}).", 1)
            check(text, MATRIX, rtol=2e-2, names="to(" not in text, double=False)
    check("x.half().sum()", np.ones(5000, np.float32), grads=False)


def test_out():
    for source in ("T.sum(x, 0, out=T.empty(4))", "T.mean(x, 1, out=T.empty(3))",
                   "T.max(x, 0, out=(T.empty(4), T.empty(4, dtype=T.long)))",
                   "T.max(x, 0, out=(T.empty(0), T.empty(0, dtype=T.long)))",
                   "T.max(x, out=T.empty(()))", "T.argmax(x, 0, out=T.empty(4, dtype=T.long))",
                   "T.aminmax(x, dim=0, out=(T.empty(4), T.empty(4)))",
                   "T.std(x, 0, out=T.empty(4))",
                   "T.cumsum(x, 0, out=T.empty(3, 4))", "T.all(x, 0, out=T.empty(4, dtype=T.bool))",
                   "T.all(x, out=T.empty(()))", "T.any(x, out=T.empty((), dtype=T.uint8))",
                   "T.cummax(x, 0, out=(T.empty(3, 4), T.empty(3, 4, dtype=T.long)))",
                   "T.softmax(x, 0, out=T.empty(3, 4))", "T.logsumexp(x, 0, out=T.empty(4))",
                   "T.norm(x, 2, 0, out=T.empty(4))"):  # fmt: skip
        check(source, MATRIX, grads=False)


def test_named_results():
    a, b = ours.arange(6).reshape(2, 3).max(0), real.arange(6).reshape(2, 3).max(0)
    assert repr(a) == repr(b)
    assert type(a).__module__ == type(b).__module__ and a.n_fields == b.n_fields
    assert a + (1,) == (*a, 1) and type(a + (1,)) is tuple
    again = pickle.loads(pickle.dumps(ours.return_types.max((1, 2))))
    assert type(again) is ours.return_types.max and again.values == 1
    for bad in ((1, 2, 3), 1):
        with pytest.raises(TypeError) as theirs:
            real.return_types.max(bad)
        with pytest.raises(TypeError) as mine:
            ours.return_types.max(bad)
        assert str(mine.value) == str(theirs.value)


def test_what_is_saved_is_guarded():
    for source in ("x.std(0)", "x.amax(0)", "x.norm()", "x.prod()", "x.logsumexp(0)"):
        f = eval(f"lambda x: {source}")  # noqa: S307
        for module, convert in ((ours, to_ours), (real, to_real)):
            base = convert(MATRIX).requires_grad_()
            y = base * 2
            out = f(y).sum()
            with module.no_grad():
                y += 1
            with pytest.raises(RuntimeError, match="modified by an inplace"):
                out.backward()
    for source in ("x.sum(0)", "x.mean()", "x.cumsum(0)"):
        f = eval(f"lambda x: {source}")  # noqa: S307
        found = []
        for module, convert in ((ours, to_ours), (real, to_real)):
            base = convert(MATRIX).requires_grad_()
            y = base * 2
            out = f(y).sum()
            with module.no_grad():
                y += 1
            out.backward()
            found.append(base.grad)
        same(*found)


@pytest.mark.parametrize(
    "source",
    ["x.sum()", "x.sum(0)", "x.mean(1)", "x.max(1)", "x.amax()", "x.softmax(1)", "x.softmax(0)",
     "x.log_softmax(1)", "x.logsumexp(1)", "x.std()", "x.var(0)", "x.norm()", "x.norm(3, 1)",
     "x.cumsum(1)", "x.cumprod(0)", "x.argmax(0)", "x.logcumsumexp(1)", "x.nansum(0)"],
)  # fmt: skip
def test_large(source):
    x = normal(200, 400)
    check(source, x, rtol=2e-4, double=False)
    check(source, x.T, rtol=2e-4, double=False)
