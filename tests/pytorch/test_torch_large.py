"""Operations on many elements, which run as compiled programs: beside PyTorch, zeros' signs too."""

import numpy as np
import pytest
from oracle import array_of, compare, ours

from functorch_lite.torch._core import large
from functorch_lite.torch._core.large import BIG

ROWS, COLUMNS = 363, 365  # more than BIG together
SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 0.5, 2.5, -2.5, 1e-40, 3e38])

UNARY = {
    "neg": lambda T, x: -x,
    "abs": lambda T, x: x.abs(),
    "sign": lambda T, x: x.sign(),
    "floor": lambda T, x: x.floor(),
    "ceil": lambda T, x: x.ceil(),
    "trunc": lambda T, x: x.trunc(),
    "reciprocal": lambda T, x: x.reciprocal(),
    "relu": lambda T, x: T.relu(x),
    "square": lambda T, x: x**2,
    "gelu": lambda T, x: T.nn.functional.gelu(x.clamp(-9, 9)),
    "gelu by tanh": lambda T, x: T.nn.functional.gelu(x.clamp(-9, 9), approximate="tanh"),
    "clamp": lambda T, x: x.clamp(-0.5, 0.75),
    "clamp from zero": lambda T, x: x.clamp(min=0.0),
    "clamp at most": lambda T, x: x.clamp(max=-0.0),
    "clamp by nan": lambda T, x: x.clamp(min=float("nan")),
    "clamp crossed": lambda T, x: x.clamp(1.0, -1.0),
    "scaled sum": lambda T, x: x.add(x, alpha=-0.5),
    "scaled difference": lambda T, x: T.sub(x, x.flip(0), alpha=0.25),
    "where": lambda T, x: T.where(x > 0, x, -1.0),
    "where broadcast": lambda T, x: T.where(x[:, :1] > 0, x, x.flip(1)),
}
BINARY = {
    "maximum": lambda T, x, y: T.maximum(x, y),
    "minimum": lambda T, x, y: T.minimum(x, y),
    "sum": lambda T, x, y: x + y,
    "product": lambda T, x, y: x * y,
    "quotient": lambda T, x, y: x / y,
}
REDUCTIONS = {
    "sum": lambda T, x: x.sum(),
    "sum of rows": lambda T, x: x.sum(1),
    "sum of columns": lambda T, x: x.sum(0, keepdim=True),
    "mean": lambda T, x: x.mean(1),
    "nansum": lambda T, x: T.nansum(x, 1),
    "largest": lambda T, x: x.amax(1),
    "smallest": lambda T, x: x.amin(dim=1, keepdim=True),
    "largest of all": lambda T, x: x.max(),
    "norm": lambda T, x: x.norm(dim=1),
    "var": lambda T, x: x.var(1),
}
LAYOUTS = {
    "rows": lambda x: x,
    "columns": lambda x: x.T,
    "strided": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
}


def values(dtype, special=True, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(ROWS, COLUMNS))
    if special:
        places = rng.integers(0, x.size, 5000)
        x.ravel()[places] = rng.choice(SPECIAL, 5000)
    with np.errstate(over="ignore"):
        return x.astype(dtype)


def same_signs(pair):
    mine, theirs = map(array_of, pair)
    known = ~np.isnan(theirs)
    np.testing.assert_array_equal(np.signbit(mine[known]), np.signbit(theirs[known]))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", UNARY)
def test_of_one(name, layout):
    dtype = "float32" if layout != "columns" else "float64"
    x = LAYOUTS[layout](values(dtype))
    strides = layout == "rows" or "where" not in name
    same_signs(compare(UNARY[name], x, double=False, strides=strides))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", BINARY)
def test_of_two(name, dtype):
    x, y = values(dtype), values(dtype, seed=1)
    y[::7] = x[::7]  # ties
    found = compare(BINARY[name], x, y, double=False)
    if name not in ("maximum", "minimum"):  # PyTorch's depend on an element's place
        same_signs(found)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions(name, dtype):
    compare(REDUCTIONS[name], values(dtype, special=False), double=False)


@pytest.mark.parametrize("name", ["largest", "smallest", "largest of all"])
def test_a_nan_anywhere_is_the_extreme(name):
    x = values("float32", special=False)
    for place in (0, 7, 100, ROWS - 1):
        x[place, place] = np.nan
    compare(REDUCTIONS[name], x, double=False)


@pytest.mark.parametrize("turned", [(False, False), (True, False), (False, True), (True, True)])
def test_matrix_products(turned):
    rng = np.random.default_rng(2)
    a, b = (rng.normal(size=(80, 80)).astype("float32")[:n, :m] for n, m in ((80, 64), (64, 80)))
    a, b = (np.asfortranarray(x) if t else np.ascontiguousarray(x)
            for x, t in zip((a, b), turned, strict=True))  # fmt: skip
    compare(lambda T, x, y: x @ y, a, b, rtol=1e-4)
    compare(lambda T, x, y: T.nn.functional.linear(x, y.t(), y[0]), a, b, rtol=1e-4)
    compare(lambda T, x, y: x[:, ::2] @ y[::2], a, np.ascontiguousarray(b), rtol=1e-4)


def test_a_number_that_changes_is_no_new_program(monkeypatch):
    made = []
    program = large._program
    monkeypatch.setattr(large, "_program", lambda *given: made.append(given) or program(*given))
    x = ours.ones(BIG + 7)  # of a size of its own
    for a in (0.25, 0.5, 0.75):
        assert float(x.add(x, alpha=a)[0]) == 1 + a
        assert float(x.clamp(max=a)[0]) == a
    assert len(made) == 2


def test_programs_are_forgotten_in_time(monkeypatch):
    monkeypatch.setattr(large, "MOST_PROGRAMS", 3)
    traced = []

    @large.compiled
    def double(x):
        traced.append(x.shape[0])
        return x + x

    for n in (1, 2, 1, 3, 4, 1):
        np.testing.assert_array_equal(double(np.ones(n, np.float32)), np.full(n, 2.0))
    assert traced == [1, 2, 3, 4, 1]  # the fourth makes room


def test_what_is_large_runs_inside_of_recorded_operations_too():
    compare(lambda T, x: (T.tanh(x) ** 2).sum(), values("float32", special=False), double=False)
    compare(lambda T, x: (T.tanh(x) ** 2).neg().floor(), np.ones(1 << 16, "float32"), double=False)


def test_without_the_compiler_the_interpreter_runs_them(monkeypatch):
    monkeypatch.setattr("functorch_lite.driver.programs._default", ["interpret"])
    x = values("float32", special=False)[:-1]  # of a size that has no program yet
    for f in (UNARY["neg"], UNARY["relu"], UNARY["clamp"], REDUCTIONS["sum of rows"]):
        compare(f, x, double=False, rtol=1e-4)
