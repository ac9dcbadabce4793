"""Functions of one tensor, element by element, beside PyTorch."""

import numpy as np
import pytest
from oracle import compare, ours, real

rng = np.random.default_rng(0)
OPEN = (-0.9, 0.9)
POSITIVE = (0.2, 3.0)
ALL = (-3.0, 3.0)
INTEGERS = ("uint8", "int8", "int16", "int32", "int64")
DTYPES = ("bool", *INTEGERS, "float16", "bfloat16", "float32", "float64", "complex64",
          "complex128")  # fmt: skip
SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 2.0, 0.5, -2.5])

EVERYWHERE = (
    "abs", "neg", "exp", "exp2", "expm1", "square", "sin", "cos", "tan", "atan", "sinh", "cosh",
    "tanh", "asinh", "sigmoid", "erf", "erfc", "ceil", "floor", "round", "trunc", "frac",
    "nan_to_num", "relu", "deg2rad", "rad2deg", "sinc", "i0", "arctan", "arcsinh", "fix",
    "negative",
)  # fmt: skip
ABOVE_ZERO = ("log", "log2", "log10", "log1p", "sqrt", "rsqrt", "reciprocal")

# name: where it is defined, whether in place, whether as torch.name_
TABLE = {
    **dict.fromkeys(EVERYWHERE, (ALL, 1, 1)),
    **dict.fromkeys(ABOVE_ZERO, (POSITIVE, 1, 1)),
    **dict.fromkeys(("asin", "acos", "atanh", "arcsin", "arccos", "arctanh"), (OPEN, 1, 1)),
    "acosh": ((1.1, 3.0), 1, 1), "arccosh": ((1.1, 3.0), 1, 1), "logit": ((0.1, 0.9), 1, 1),
    "absolute": (ALL, 0, 0), "positive": (ALL, 0, 0), "erfinv": (OPEN, 1, 0),
    "lgamma": (POSITIVE, 1, 0), "digamma": (POSITIVE, 1, 0), "sign": (ALL, 1, 0),
    "sgn": (ALL, 1, 0), "angle": (ALL, 0, 0), "conj": (ALL, 0, 0), "isnan": (ALL, 0, 0),
    "isinf": (ALL, 0, 0), "isfinite": (ALL, 0, 0), "isposinf": (ALL, 0, 0),
    "isneginf": (ALL, 0, 0), "signbit": (ALL, 0, 0), "isreal": (ALL, 0, 0),
    "logical_not": (ALL, 1, 0), "bitwise_not": (ALL, 1, 0), "conj_physical": (ALL, 0, 0),
}  # fmt: skip
NO_OUT = {"positive", "conj", "isnan", "isinf", "isfinite", "isreal", "nan_to_num", "absolute",
          "fix", "square", "conj_physical", "relu"}  # fmt: skip
LOOSE = {"lgamma": 1e-5, "digamma": 1e-5, "erfinv": 1e-5, "i0": 1e-5}


def data(bounds, shape=(3, 4), dtype="float64"):
    return rng.uniform(*bounds, shape).astype(dtype)


def call(name):
    return lambda T, x: getattr(T, name)(x)


@pytest.mark.parametrize("name", TABLE)
def test_values_and_gradients(name):
    bounds = TABLE[name][0]
    x = data(bounds)
    compare(call(name), x, double=True, rtol=1e-9)
    compare(lambda T, x: getattr(x, name)(), data(bounds, (2, 3), "float32"), double=False,
            rtol=LOOSE.get(name))  # fmt: skip
    for odd in (x.T, x[:, ::2], x[::2].T, np.asarray(x[0, 0]), x[:0], x[None, :, None]):
        compare(call(name), odd, double=False, rtol=1e-9)


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes(name, dtype):
    import ml_dtypes

    x = np.abs(data(TABLE[name][0], (5,)))
    kind = ml_dtypes.bfloat16 if dtype == "bfloat16" else np.dtype(dtype)
    x = (x > 0.5 if dtype == "bool" else x).astype(kind)
    loose = 1e-4 if dtype == "float32" else None
    compare(call(name), x, grads=False, text=True, rtol=loose)
    if TABLE[name][1]:
        compare(lambda T, x: getattr(x, name + "_")(), x, grads=False, text=True, rtol=loose)


@pytest.mark.parametrize("name", [n for n in TABLE if n not in ("bitwise_not",)])
def test_special_values(name):
    for dtype in ("float64", "float32"):
        x = SPECIAL.astype(dtype)
        compare(call(name), x, double=False, rtol=1e-5)
    if name not in ("angle", "conj", "isreal"):
        with np.errstate(all="ignore"):
            mine = getattr(ours, name)(ours.from_numpy(SPECIAL.copy()))
        theirs = getattr(real, name)(real.from_numpy(SPECIAL.copy())).numpy()
        zero = mine._np == 0
        np.testing.assert_array_equal(np.signbit(mine._np[zero]), np.signbit(theirs[zero]))


@pytest.mark.parametrize("name", [n for n in TABLE if TABLE[n][1]])
def test_in_place(name):
    x = data(TABLE[name][0])
    if name == "bitwise_not":
        x = x.astype("int64")

    def run(T, x, form):
        y = x * 1 if name != "bitwise_not" else x.clone()
        found = form(T, y)
        assert found is y
        return y

    # PyTorch has no derivative of these in place.
    grads = name.removeprefix("arc").removeprefix("a") not in ("sinh", "cosh", "tanh") or (
        name in ("sinh", "cosh", "tanh")
    )
    grads = grads and name != "logical_not"
    compare(lambda T, x: run(T, x, lambda T, y: getattr(y, name + "_")()), x, rtol=1e-9,
            grads=grads)  # fmt: skip
    compare(lambda T, x: run(T, x, lambda T, y: getattr(y, name + "_")()), x.T, rtol=1e-9,
            grads=grads)  # fmt: skip
    if TABLE[name][2]:
        compare(lambda T, x: run(T, x, lambda T, y: getattr(T, name + "_")(y)), x, double=False,
                grads=grads)  # fmt: skip
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        if name == "bitwise_not":
            raise RuntimeError("a leaf Variable that requires grad")
        getattr(ours.from_numpy(x).requires_grad_(), name + "_")()


@pytest.mark.parametrize("name", [n for n in TABLE if n not in NO_OUT and n != "bitwise_not"])
def test_out(name):
    x = data(TABLE[name][0], (4,), "float32")

    def run(T, x):
        same = T.zeros(4)
        assert getattr(T, name)(x, out=same) is same
        return same

    def wide(T, x):
        return getattr(T, name)(x, out=T.zeros(4, dtype=T.float64))

    compare(run, x, grads=False, rtol=1e-4)
    compare(wide, x, grads=False, rtol=1e-4, text=True)

    def narrow(T, x):
        return getattr(T, name)(x, out=T.zeros(4, dtype=T.int64))

    compare(narrow, x, grads=False, text=True)


@pytest.mark.parametrize("name", ["exp", "sqrt", "relu", "floor", "abs", "isnan"])
def test_wrong_arguments(name):
    compare(lambda T: getattr(T, name)(2.0), text=True)
    compare(lambda T: getattr(T, name)())
    compare(lambda T, x: getattr(T, name)(x, 1, 2), SPECIAL)
    compare(lambda T, x: getattr(T, name)(input=x), np.ones(2))


def test_parameters():
    x = data((0.0, 1.0), (6,))
    wide = SPECIAL * 12.345
    for decimals in (0, 1, 2, -1, -2):
        compare(lambda T, x, n=decimals: T.round(x, decimals=n), wide)
        compare(lambda T, x, n=decimals: (x * 1).round_(decimals=n), wide)
        compare(lambda T, x, n=decimals: T.round(x, decimals=n), np.arange(3), text=True)
    for eps in (0.1, 0.3, None):
        compare(lambda T, x, e=eps: T.logit(x, eps=e), x)
        compare(lambda T, x, e=eps: (x * 1).logit_(e), x)
    compare(lambda T, x: T.nan_to_num(x, nan=1.0, posinf=2.0), SPECIAL)
    compare(lambda T, x: (x * 1).nan_to_num_(0.5, neginf=-1.0), SPECIAL)
    compare(lambda T, x: T.nan_to_num(x), SPECIAL.astype("float16"), double=False)
    for n in range(4):
        compare(lambda T, x, n=n: T.polygamma(n, x), x + 0.2, rtol=1e-8)
        compare(lambda T, x, n=n: x.polygamma(n), x + 0.2, rtol=1e-8)
    compare(lambda T, x: T.mvlgamma(x, p=2), x + 2, rtol=1e-8, names=False)
    compare(lambda T, x: T.mvlgamma(x, 3), x, double=False, rtol=1e-7)
    compare(lambda T, x: T.polygamma(1, x), np.array([-0.5, -1.5, 0.3]), double=False, rtol=1e-8)
    compare(lambda T, x: T.digamma(x), np.array([-0.5, -1.5, 0.3]), double=False, rtol=1e-8)


def test_operators():
    x = data(ALL)
    compare(lambda T, x: (-x, +x, abs(x)), x)
    for value in (x, np.array([True]), np.array([1, 2])):
        compare(lambda T, x: ~x, value, text=True)
        compare(lambda T, x: -x, value, text=True)
        compare(lambda T, x: +x, value, text=True)
        compare(lambda T, x: round(x), value, text=True)
    t = ours.ones(2)
    assert +t is t and t.conj() is t


@pytest.mark.parametrize(
    "name", [n for n in TABLE if n not in ("bitwise_not", "logical_not", "i0")]
)
def test_saved_tensors(name):
    """What is saved may not be written to; what is not, may."""
    x = data((0.5, 0.9), (3,))

    def run(T, x, what):
        a = x * 1
        y = getattr(a, name)()
        if not y.requires_grad or y is a:
            return x
        z = y * 1
        (a if what == "operand" else y).zero_()
        return T.autograd.grad(z.sum(), x)[0]

    compare(lambda T, x: run(T, x, "operand"), x, double=False, names=False, rtol=1e-8)
    compare(lambda T, x: run(T, x, "result"), x, double=False, names=False, rtol=1e-8)


def test_large():
    """Large tensors are computed by other code."""
    x = data((0.1, 0.9), (300, 300), "float32")
    for name in (
        "exp",
        "sigmoid",
        "tanh",
        "erf",
        "logit",
        "sinc",
        "expm1",
        "abs",
        "relu",
        "lgamma",
    ):
        compare(call(name), x, double=False, rtol=1e-4)
        compare(call(name), x.T, double=False, rtol=1e-4)
