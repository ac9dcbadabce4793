"""Bounds, choice, interpolation, fused sums and activations, beside PyTorch."""

import numpy as np
import pytest
from oracle import compare, ours, real

rng = np.random.default_rng(2)
A, B, C = (rng.uniform(-2.0, 2.0, (3, 4)) for _ in range(3))
POSITIVE = np.abs(B) + 0.3
SPECIAL = np.array([-4.0, -3.0, -2.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 3.0, 4.0, 6.0, np.nan, 25.0])
KINDS = ("bool", "uint8", "int8", "int64", "float16", "bfloat16", "float32", "complex64")


def as_kind(x, dtype):
    import ml_dtypes

    return x.astype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)


# ------------------------------------------------------------------------------------------- bounds
BOUNDS = [
    lambda T, x, y, z: T.clamp(x, -0.5, 1.0), lambda T, x, y, z: T.clamp(x, min=0),
    lambda T, x, y, z: x.clamp(max=0.25), lambda T, x, y, z: x.clamp(y, z),
    lambda T, x, y, z: T.clip(x, min=y), lambda T, x, y, z: x.clamp(max=z),
    lambda T, x, y, z: x.clamp_min(y), lambda T, x, y, z: T.clamp_max(x, z),
    lambda T, x, y, z: (x * 1).clamp_(-1, 1), lambda T, x, y, z: (x * 1).clamp_(y, z),
    lambda T, x, y, z: T.clamp_(x * 1, min=0), lambda T, x, y, z: (x * 1).clamp_min_(0.5),
    lambda T, x, y, z: (x * 1).clamp_max_(y), lambda T, x, y, z: (x * 1).clip_(0, 2),
    lambda T, x, y, z: x.clamp(2, 1), lambda T, x, y, z: T.clamp(x, y[0], z[:, :1]),
    lambda T, x, y, z: T.clamp(x), lambda T, x, y, z: T.clamp(x, y[:, :3]),
    lambda T, x, y, z: T.clamp(x, 0, y), lambda T, x, y, z: T.clamp(x, 1j),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(BOUNDS)))
def test_bounds(case):
    compare(BOUNDS[case], A, B, C)
    compare(BOUNDS[case], A.T, B.T, C.T)
    s = SPECIAL[:12].reshape(3, 4)
    compare(BOUNDS[case], s, np.roll(s, 3), np.roll(s, 5), double=False)
    for dtype in KINDS if case < 19 else ():
        with np.errstate(all="ignore"):
            x = as_kind(np.abs(A) * 3, dtype)
        compare(BOUNDS[case], x, x, x, grads=False)


def test_bound_errors():
    i = np.array([1, 2, 3])
    compare(lambda T, x: x.clamp(0, 300), i.astype("int8"), text=True)
    compare(lambda T, x: x.clamp(-1, 3), i.astype("uint8"), text=True)
    compare(lambda T, x: x.clamp_(0.5), i)
    compare(lambda T, x: T.clamp(x), A, text=True)
    compare(lambda T, x: x.clamp(0.5, 2), i)


# ------------------------------------------------------------------------------------------- choice
def test_where():
    for f in (
        lambda T, x, y: T.where(x > 0, x, y), lambda T, x, y: x.where(y > 0, y),
        lambda T, x, y: T.where(x > 0, 1.5, y), lambda T, x, y: T.where(x > 0, x, 2),
        lambda T, x, y: T.where(x > 0, 1, 2), lambda T, x, y: T.where(x > 0, 1, 2.5),
        lambda T, x, y: x.where(x > 0, 0), lambda T, x, y: T.where(x[0] > 0, x, y[:, :1]),
        lambda T, x, y: T.where((x > 0).to(T.uint8), x, y), lambda T, x, y: T.where(x, x, y),
        lambda T, x, y: T.where(True, x, y), lambda T, x, y: T.where(x > 0, x, y[:, :3]),
        lambda T, x, y: T.where(x > 0, x, T.tensor(2)), lambda T, x, y: T.where(x > 0, True, 2),
        lambda T, x, y: T.where(condition=x > 0, input=x, other=y),
    ):  # fmt: skip
        compare(f, A, B, text=True)
        compare(f, A.T, B.T)
        compare(f, A.astype("f"), B, double=False)
    compare(lambda T, x, y: T.where(x > 1, x, y), np.arange(3), np.ones(3))


# ----------------------------------------------------------------- interpolation, sums with factors
FUSED = [
    lambda T, x, y, z: T.lerp(x, y, 0.3), lambda T, x, y, z: T.lerp(x, y, 0.8),
    lambda T, x, y, z: T.lerp(x, y, z), lambda T, x, y, z: x.lerp(y[0], z[:, :1]),
    lambda T, x, y, z: (x * 1).lerp_(y, 0.9), lambda T, x, y, z: (x * 1).lerp_(y, z),
    lambda T, x, y, z: T.addcmul(x, y, z), lambda T, x, y, z: T.addcmul(x, y, z, value=0.1),
    lambda T, x, y, z: T.addcdiv(x, y, z), lambda T, x, y, z: x.addcdiv(y, z, value=-0.5),
    lambda T, x, y, z: (x * 1).addcmul_(y, z, value=2), lambda T, x, y, z: T.addcmul(x, 0.5, y, z),
    lambda T, x, y, z: (x * 1).addcdiv_(y, z, value=2.5), lambda T, x, y, z: x.addcmul(y[0], z),
    lambda T, x, y, z: (x * 1).addcmul_(x, x), lambda T, x, y, z: T.lerp(x, y, z[:, :2]),
    lambda T, x, y, z: T.addcmul(x[0], y, z), lambda T, x, y, z: T.addcmul(x, y, 2.0),
    lambda T, x, y, z: x[0].clone().addcmul_(y, z), lambda T, x, y, z: T.lerp(x, 2.0, 0.5),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(FUSED)))
def test_fused(case):
    f = FUSED[case]
    compare(f, A, B, POSITIVE)
    compare(f, A.T, B.T, POSITIVE.T)
    compare(f, A.astype("f"), B.astype("f"), POSITIVE.astype("f"), double=False)
    for dtype in KINDS[
        1 if case in (15, 18) else 0 : 1 if case == 15 else None
    ]:  # two errors at once have no order
        x, y, z = (as_kind(np.abs(v) + 1, dtype) for v in (A, B, C))
        compare(f, x, y, z, grads=False, rtol=2e-2 if dtype.endswith("16") else None)
    text = case < 17
    compare(f, A, B.astype("f"), POSITIVE, grads=False, text=text)
    compare(f, A.astype("f"), B, POSITIVE, grads=False, text=text)


def test_isin_and_closeness():
    i = np.array([[1, 2, 3], [4, 5, 6]])
    for f in (
        lambda T, x: T.isin(x, T.tensor([2, 5])), lambda T, x: T.isin(2, x),
        lambda T, x: T.isin(x, 2), lambda T, x: T.isin(x, x, invert=True),
        lambda T, x: T.isin(x > 2, x > 3), lambda T, x: T.isin(elements=x, test_elements=x[0]),
    ):  # fmt: skip
        compare(f, i, text=True)
        compare(f, i.astype("f"), text=True)
    near = A + 1e-9
    odd = np.array([np.nan, np.inf, -np.inf, 1.0])
    for f in (
        lambda T, x, y: T.isclose(x, y), lambda T, x, y: x.isclose(y, rtol=0, atol=0),
        lambda T, x, y: T.allclose(x, y), lambda T, x, y: T.allclose(x, y + 1),
        lambda T, x, y: T.isclose(x, y, equal_nan=True), lambda T, x, y: T.equal(x, y),
        lambda T, x, y: T.isclose(x, y, rtol=-1.0), lambda T, x, y: T.equal(x, x),
        lambda T, x, y: T.isclose(x, y, atol=-0.5),
    ):  # fmt: skip
        compare(f, A, near, text=True)
        compare(f, odd, odd.copy(), text=True)
        compare(f, np.arange(3), np.arange(3), text=True)
        compare(f, A, near.astype("f"), text=True)
        compare(f, A > 0, A > 0, grads=False)


# -------------------------------------------------------------------------------------- activations
F = real.nn.functional
CALLS = {
    "relu": [{}], "relu6": [{}], "elu": [{}, {"alpha": 0.7}], "selu": [{}],
    "celu": [{}, {"alpha": 1.5}], "leaky_relu": [{}, {"negative_slope": 0.3}],
    "hardtanh": [{}, {"min_val": -0.2, "max_val": 0.7}], "hardsigmoid": [{}], "hardswish": [{}],
    "silu": [{}], "mish": [{}], "gelu": [{}, {"approximate": "tanh"}, {"approximate": "x"}],
    "softplus": [{}, {"beta": 2.0, "threshold": 1.0}], "softsign": [{}], "tanhshrink": [{}],
    "softshrink": [{}, {"lambd": 0.1}, {"lambd": -1.0}], "hardshrink": [{}, {"lambd": 0.1}],
    "logsigmoid": [{}], "threshold": [{"threshold": 0.1, "value": 3.0}], "sigmoid": [{}],
    "tanh": [{}], "rrelu": [{}], "glu": [{}, {"dim": 0}],
}  # fmt: skip
IN_PLACE = ("relu", "relu6", "elu", "selu", "celu", "leaky_relu", "hardtanh", "hardsigmoid",
            "hardswish", "silu", "mish", "threshold", "rrelu")  # fmt: skip


def act(T, name):
    from functorch_lite.torch._ops.activations import FUNCTIONAL

    return getattr(F, name) if T is real else FUNCTIONAL[name]


@pytest.mark.parametrize("name", CALLS)
def test_activations(name):
    x = rng.normal(size=(4, 6)) * 2
    for options in CALLS[name]:

        def f(T, x, o=options):
            return act(T, name)(x, **o)

        # PyTorch does not differentiate hardsigmoid twice.
        compare(f, x, text=True, rtol=1e-9, double=name != "hardsigmoid")
        compare(f, x.T, double=False, strides=name not in ("glu", "logsigmoid", "rrelu"))
        compare(f, x.astype("f"), double=False, rtol=1e-5)
        compare(f, SPECIAL, double=False, rtol=1e-6)
        compare(f, SPECIAL.astype("f"), double=False, rtol=1e-6)
        compare(f, np.asarray(0.3), text=True, double=False)
        for dtype in KINDS:
            if dtype == "complex64" and name == "mish":
                continue
            compare(f, as_kind(np.abs(x) + 0.1, dtype), grads=False)
        if name in IN_PLACE:
            compare(lambda T, x, o=options: act(T, name)(x * 1, inplace=True, **o), x, double=False)
    big = rng.normal(size=(200, 300)).astype("f")
    compare(lambda T, x: act(T, name)(x, **CALLS[name][0]), big, double=False, rtol=1e-4)


def test_prelu():
    w = np.array([0.25, -0.5, 0.1, 2.0])
    for x in (A, rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 4, 3, 2)), A[0], A.T):
        for weight in (w, w[:1], w[:2], w.astype("f")):
            compare(lambda T, x, y: act(T, "prelu")(x, y), x, weight, text=True)
            compare(lambda T, x, y: T.prelu(x, y), x, weight, double=False)


def test_published_activations():
    for name in ("selu", "celu", "hardshrink"):
        compare(lambda T, x, n=name: getattr(T, n)(x), A)
    for name in ("selu_", "celu_"):
        compare(lambda T, x, n=name: getattr(T, n)(x * 1), A, double=False)
    compare(lambda T, x: T.threshold(x, 0.1, 2.0), A)
    compare(lambda T, x: x.hardshrink(0.2), A)
    assert not hasattr(ours, "elu") and not hasattr(ours, "gelu")


def test_large_tensors():
    """Large tensors are written part by part."""
    x, y = (rng.normal(size=(300, 301)).astype("f") for _ in range(2))
    x[0, :3] = 0.0, -0.0, np.nan
    for f in (
        lambda T, x, y: x.clamp(0, 1), lambda T, x, y: x.clamp(min=0.5), lambda T, x, y: x.relu(),
        lambda T, x, y: x.clamp(max=0.5), lambda T, x, y: x.clone().add_(y, alpha=-0.3),
        lambda T, x, y: x.clone().sub_(y, alpha=2), lambda T, x, y: x.clone().addcmul_(y, x),
        lambda T, x, y: x.clone().addcdiv_(y, x, value=0.5), lambda T, x, y: x.clone().clamp_(0, 1),
        lambda T, x, y: x.clone().mul_(y), lambda T, x, y: x.clone().sigmoid_(),
    ):  # fmt: skip
        compare(f, x, y, grads=False, rtol=1e-4)
        compare(f, x.T, y.T, grads=False, rtol=1e-4)
    zero = ours.from_numpy(np.full(100_000, -0.0)).relu()
    assert np.signbit(zero._np).all()


def test_overlaps():
    """Writing through memory that overlaps is refused."""
    for f in (
        lambda x: x[1:].add_(x[:-1]), lambda x: x[1:].add_(x[:-1], alpha=2),
        lambda x: x[:1].expand(3).add_(1.0), lambda x: x[1:].mul_(x[:-1]), lambda x: x.add_(x),
        lambda x: x[1:].addcmul_(x[:-1], x[1:]), lambda x: x[:1].expand(3).exp_(),
        lambda x: x[:1].expand(3).clamp_(0, 1), lambda x: x[1:].lerp_(x[:-1], 0.5),
        lambda x: x[:1].expand(3).eq_(1.0),
    ):  # fmt: skip
        compare(lambda T, x, f=f: f(x), np.arange(4.0), grads=False, text=True)
