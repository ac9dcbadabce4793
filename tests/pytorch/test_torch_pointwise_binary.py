"""Functions of two and three tensors, element by element, beside PyTorch."""

import numpy as np
import pytest
from oracle import compare, ours

rng = np.random.default_rng(1)
A = rng.uniform(0.3, 3.0, (3, 4))
B = rng.uniform(0.3, 3.0, (3, 4))
SPECIAL_A = np.array(
    [0.0, 0.0, 1.0, 1.0, np.nan, 1.0, np.inf, np.inf, -np.inf, -0.0, 2.0, 0.0, -3.0]
)
SPECIAL_B = np.array([0.0, 1.0, 0.0, 1.0, 1.0, np.nan, np.inf, 1.0, -np.inf, 0.0, 1.0, -1.0, 2.0])
DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32",
          "float64", "complex64")  # fmt: skip

# forms: t tensor and tensor, s tensor and number, r number and tensor; i in place; f torch.name_
TABLE = {
    "add": "tsri", "sub": "tsri", "subtract": "tsri", "mul": "tsri", "multiply": "tsri",
    "div": "tsri", "divide": "tsri", "true_divide": "tsri", "floor_divide": "tsri",
    "remainder": "tsri", "fmod": "tsi", "pow": "tsri", "float_power": "tsr", "maximum": "t",
    "minimum": "t", "fmax": "t", "fmin": "t", "atan2": "ti", "arctan2": "ti", "hypot": "ti",
    "copysign": "tsi", "nextafter": "ti", "logaddexp": "t", "logaddexp2": "t", "ldexp": "tif",
    "xlogy": "tsrif", "heaviside": "ti", "eq": "tsi", "ne": "tsi", "lt": "tsi", "le": "tsi",
    "gt": "tsi", "ge": "tsi", "greater": "tsi", "less_equal": "tsi", "not_equal": "tsi",
    "logical_and": "ti", "logical_or": "ti", "logical_xor": "ti", "rsub": "ts",
    "clamp_min": "tsif", "clamp_max": "tsif",
    "bitwise_and": "tsri", "bitwise_or": "tsri", "bitwise_xor": "tsri",
    "bitwise_left_shift": "tsri", "bitwise_right_shift": "tsri", "gcd": "tif", "lcm": "tif",
    "isclose": "t", "equal": "t", "allclose": "t",
}  # fmt: skip
NO_GRADIENT = {"floor_divide", "heaviside"}
FLOATS = [n for n in TABLE if not n.startswith("bitwise") and n not in ("gcd", "lcm")]


def call(name):
    return lambda T, x, y: getattr(T, name)(x, y)


@pytest.mark.parametrize("name", FLOATS)
def test_values_and_gradients(name):
    grads = name not in NO_GRADIENT
    f = call(name)
    compare(f, A, B, grads=grads)
    if name not in ("rsub",):
        compare(lambda T, x, y: getattr(x, name)(y), A, B, grads=grads, double=False)
    one = np.float32
    compare(f, A.astype(one), B.astype(one), grads=grads, double=False, rtol=1e-4)
    shapes = [(A.T, B.T), (A.T, B.reshape(4, 3)), (B.reshape(4, 3), A.T),
              (A[:, ::2], B[:, ::2]), (A, B[0]), (A[:, :1], B[:1]), (A[0, 0], B[0, 0]),
              (A[:0], B[:0]), (A, B[:1, :1]), (A[0], B[:, :1])]  # fmt: skip
    for a, b in shapes:
        compare(f, np.asarray(a), np.asarray(b), grads=grads, double=False)
    compare(f, A, B[:, :3], text=True)
    if "s" in TABLE[name]:
        for value in (2, 2.0, 0.5):
            compare(lambda T, x, v=value: getattr(T, name)(x, v), A, grads=grads)
    else:
        compare(lambda T, x: getattr(T, name)(x, 2.0), A)
    if "r" in TABLE[name]:
        compare(lambda T, x: getattr(T, name)(2.0, x), A, grads=grads and name != "remainder")
    else:
        compare(lambda T, x: getattr(T, name)(2.0, x), A)


@pytest.mark.parametrize("name", FLOATS)
def test_special_values(name):
    if name in NO_GRADIENT:
        compare(call(name), SPECIAL_A, SPECIAL_B, grads=False)
        return
    compare(call(name), SPECIAL_A, SPECIAL_B, double=False)
    compare(call(name), SPECIAL_A.astype("f"), SPECIAL_B.astype("f"), double=False)
    if "s" in TABLE[name]:
        for value in (0, 1, 2, 3, -1, -2, 0.5, -0.5, 2.5):
            compare(lambda T, x, v=value: getattr(T, name)(x, v), SPECIAL_A, double=False)
    if "r" in TABLE[name] and name != "remainder":
        for value in (0, 1, 2, -1.5):
            compare(lambda T, x, v=value: getattr(T, name)(v, x), SPECIAL_A, double=False)


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes(name, dtype):
    import ml_dtypes

    kind = ml_dtypes.bfloat16 if dtype == "bfloat16" else np.dtype(dtype)
    x, y = np.array([1, 2, 3, 100]).astype(kind), np.array([2, 2, 1, 3]).astype(kind)
    loose = 1e-5 if dtype == "float32" else None
    given = [(x, y)]
    text = name != "ldexp" and not name.startswith("clamp")
    if name != "ldexp" and dtype != "complex64":
        given += [(x, y.astype("int64")), (x, y.astype("float32")), (x, np.asarray(y[0])),
                  (x, np.asarray(2.0)), (x.astype("float32"), y.astype("float64"))]  # fmt: skip
    for a, b in given:
        compare(call(name), a, b, grads=False, rtol=loose, text=True)
        if "i" in TABLE[name]:
            compare(lambda T, x, y: getattr(x, name + "_")(y), a, b, grads=False, text=text,
                    rtol=loose)  # fmt: skip
    if "s" in TABLE[name]:
        for value in (True, 2, 2.5, np.float32(1.5), np.int64(3)):
            compare(lambda T, x, v=value: getattr(T, name)(x, v), x, grads=False, rtol=loose,
                    text=True)  # fmt: skip
            if "i" in TABLE[name]:
                compare(lambda T, x, v=value: getattr(x, name + "_")(v), x, grads=False,
                        text=text, rtol=loose)  # fmt: skip
    if "r" in TABLE[name]:
        for value in (True, 2, 2.5):
            compare(lambda T, x, v=value: getattr(T, name)(v, x), x, grads=False, rtol=loose,
                    text=True)  # fmt: skip


@pytest.mark.parametrize("name", [n for n in FLOATS if "i" in TABLE[n]])
def test_in_place(name):
    logical = {"eq", "ne", "lt", "le", "gt", "ge"}
    grads = not (name in NO_GRADIENT | logical or "_" in name.removeprefix("clamp_")) and (
        name != "greater"
    )

    def run(T, x, y):
        z = x * 1
        found = getattr(z, name + "_")(y)
        assert found is z
        return z

    compare(run, A, B, grads=grads)
    compare(run, A, B[0], grads=grads, double=False)
    compare(run, A.T, B.T, grads=grads, double=False)
    compare(run, A[0], B, text=True)
    compare(run, A.astype("f"), B, grads=False)
    if "s" in TABLE[name]:
        compare(lambda T, x: run(T, x, 2.0), A, grads=grads)
    if "f" in TABLE[name]:
        compare(lambda T, x, y: getattr(T, name + "_")(x * 1, y), A, B, double=False)
    if not name.startswith("logical"):
        compare(lambda T, x, y: getattr(x, name + "_")(y), A, B, text=True)

    def counted(T, x, y):
        before = x._version
        getattr(x, name + "_")(y)
        return x._version - before

    compare(counted, A, B, grads=False)


@pytest.mark.parametrize("name", [n for n in FLOATS if n not in ("isclose", "equal", "allclose",
                                                                 "rsub")])  # fmt: skip
def test_out(name):
    if name.startswith("clamp"):
        compare(lambda T, x: getattr(T, name)(x, 1.0, out=T.zeros(3, 4, dtype=T.float64)), A,
                grads=False)  # fmt: skip
        return
    x, y = A.astype("f"), B.astype("f")
    if name == "float_power":
        x, y = A, B
    compare(lambda T, x, y: getattr(T, name)(x, y, out=T.zeros_like(x)), x, y, grads=False,
            rtol=1e-4)  # fmt: skip
    compare(lambda T, x, y: getattr(T, name)(x, y, out=T.zeros(3, 4, dtype=T.int64)), x, y,
            grads=False, text=name not in ("ldexp", "heaviside", "float_power"))  # fmt: skip


def test_operators():
    x, i = A, np.array([[7, -7], [5, -5]])
    for f in (
        lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / b,
        lambda a, b: a // b, lambda a, b: a % b, lambda a, b: a**b, lambda a, b: a < b,
        lambda a, b: a <= b, lambda a, b: a > b, lambda a, b: a >= b, lambda a, b: a == b,
        lambda a, b: a != b, lambda a, b: a & b, lambda a, b: a | b, lambda a, b: a ^ b,
        lambda a, b: a << b, lambda a, b: a >> b,
    ):  # fmt: skip
        compare(lambda T, x, y, f=f: f(x, y), A, B, grads=False, text=True)
        compare(lambda T, x, y, f=f: f(x, y), i, np.array([2, 3]), grads=False, text=True)
        compare(lambda T, x, y, f=f: f(x, y), i > 0, i > 5, grads=False, text=True)
        for value in (2, 2.5, True, 0, np.float64(1.5), np.int32(2)):
            for a in (x, i, i > 0):
                compare(lambda T, a, f=f, v=value: f(a, v), a, grads=False, text=True)
                if not isinstance(value, np.generic):
                    compare(lambda T, a, f=f, v=value: f(v, a), a, grads=False, text=True)
        for value in (None, "a", [1, 2], (1,)):
            compare(lambda T, a, f=f, v=value: f(a, v), x, grads=False)
            compare(lambda T, a, f=f, v=value: f(v, a), x, grads=False)
    names = ("iadd", "isub", "imul", "itruediv", "ifloordiv", "imod", "ipow", "iand", "ior", "ixor",
             "ilshift", "irshift")  # fmt: skip
    for name in names:
        for a in (x, i, i > 0):
            for value in (2, 2.5, True):
                compare(lambda T, a, n=name, v=value: getattr(a, f"__{n}__")(v), a, grads=False,
                        text=True)  # fmt: skip
    t = ours.ones(2)
    assert hash(t) == id(t) and {t: 1}[t] == 1 and (t == None) is False  # noqa: E711


def test_integers():
    i = np.array([1, 2, -3, -8])
    for dtype in ("int8", "uint8", "int32", "int64"):
        x, y = i.astype(dtype), np.array([2, 65, 64, -1]).astype(dtype)
        for name in ("bitwise_left_shift", "bitwise_right_shift"):
            compare(call(name), x, y)
            compare(lambda T, x, n=name: getattr(T, n)(x, 9), x)
    compare(
        lambda T, x, y: x**y, np.array([2, -2, 0, 1, -1, 2]), np.array([-1, -1, -1, -1, -1, 70])
    )
    compare(lambda T, x: x**-1, i, text=True)
    compare(lambda T, x: 2**x, i)
    zero = np.array([0, 1, 2, 0])
    for f in (lambda x, y: x // y, lambda x, y: x % y, lambda x, y: x.fmod(y),
              lambda x, y: x.div(y, rounding_mode="trunc")):  # fmt: skip
        compare(lambda T, x, y, f=f: f(x, y), i, zero, text=True)
        compare(lambda T, x, y, f=f: f(x, y), i, np.array([2, -2, 3, -3]), text=True)
        compare(lambda T, x, f=f: f(x, 0), i, text=True)
    for value in (300, -1, 2**40, -200):
        for f in (lambda x, v: x == v, lambda x, v: x < v, lambda x, v: x + v, lambda x, v: x * v):
            for dtype in ("int8", "uint8"):
                compare(lambda T, x, f=f, v=value: f(x, v), i.astype(dtype))
    compare(lambda T, x: x + 2**70, i)


def test_alpha_and_rounding():
    for name in ("add", "sub", "rsub"):
        compare(lambda T, x, y, n=name: getattr(T, n)(x, y, alpha=2.5), A, B)
        compare(lambda T, x, n=name: getattr(T, n)(x, 2, alpha=2), A)
    for name in ("add_", "sub_"):
        compare(lambda T, x, y, n=name: getattr(x * 1, n)(y, alpha=-0.1), A, B)
    i, b = np.array([1, 2]), np.array([True, False])
    for x in (i, b):
        for alpha in (2, 2.5, True):
            compare(lambda T, x, a=alpha: T.add(x, x, alpha=a), x, text=True)
            compare(lambda T, x, a=alpha: T.sub(x, x, alpha=a), x, text=True)
    for mode in ("floor", "trunc", None, "x"):
        compare(lambda T, x, y, m=mode: T.div(x, y, rounding_mode=m), A, B, text=True, names=False)
        compare(lambda T, x, m=mode: x.div(2, rounding_mode=m), A, text=True, names=False)
        compare(lambda T, x, y, m=mode: (x * 1).div_(y, rounding_mode=m), A, B, names=False)
        compare(lambda T, x, y, m=mode: T.div(x, y, rounding_mode=m), SPECIAL_A, SPECIAL_B,
                grads=False)  # fmt: skip
    compare(lambda T: (T.add(2, 3), T.mul(2.0, 3)))
    for name in ("add", "mul", "div", "sub"):
        compare(lambda T, x, n=name: getattr(T, n)(x, "a"), A, text=True)


def test_numpy_operands():
    a = np.ones(4)
    for f in (lambda x: x + a, lambda x: x * np.float64(2), lambda x: x == np.float32(2)):
        compare(lambda T, x, f=f: f(x), A.astype("f"), grads=False)
    compare(lambda T, x: x + a, A)


@pytest.mark.parametrize("name", ["mul", "div", "pow", "maximum", "atan2", "hypot", "fmod",
                                  "logaddexp", "xlogy", "lerp", "addcmul", "addcdiv", "where",
                                  "clamp", "copysign"])  # fmt: skip
def test_saved_tensors(name):
    """What is saved may not be written to; what is not, may."""
    calls = {
        "lerp": lambda T, a, b: T.lerp(a, b, 0.5), "addcmul": lambda T, a, b: T.addcmul(a, a, b),
        "addcdiv": lambda T, a, b: T.addcdiv(a, a, b),
        "where": lambda T, a, b: T.where(a > 1, a, b),
        "clamp": lambda T, a, b: T.clamp(a, b, b),
    }  # fmt: skip
    f = calls.get(name, lambda T, a, b: getattr(T, name)(a, b))
    for target in range(3):
        for wanted in range(2):

            def run(T, x, y, target=target, wanted=wanted):
                a, b = x * 1, y * 1
                a, b = (a, b.detach()) if wanted == 0 else (a.detach(), b)
                out = f(T, a, b)
                z = out * 1
                with T.no_grad():
                    (a, b, out)[target].zero_()
                return T.autograd.grad(z.sum(), (x, y)[wanted])[0]

            compare(run, A, B, double=False, names=False)
