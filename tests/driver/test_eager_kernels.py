"""Large eager operations run as compiled kernels; their values are NumPy's to a few last places."""

from __future__ import annotations

import gc
import importlib
import weakref

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors, nn
from functorch_lite.core.op import REGISTRY
from functorch_lite.driver import eager, jitted

composites = importlib.import_module("functorch_lite.lax.composite")
LARGE = eager.ELEMENTS + 7
TWO = ("pow", "logaddexp", "atan2", "hypot")
UNARY = [n for n in eager.ELEMENTWISE if n not in (*TWO, "threefry2x32")]
UNIT = ("asin", "acos", "atanh", "erfinv")
# SciPy's erfc is itself up to 31 last places away from the true value for operands below 1 (more
# above), and logaddexp of what cancels has no relative accuracy in either.
LOOSE = {"erfc": 40, "logaddexp": 64}
SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-40, -1e-40, 3e38, 1.0, -1.0, 0.5])


@pytest.fixture(autouse=True)
def limits(monkeypatch):
    """What counts as large here, so that the tests stay quick wherever the limits are put."""
    monkeypatch.setattr(eager, "WORK", 1 << 17)
    monkeypatch.setattr(composites, "ELEMENTS", 1 << 15)


@pytest.fixture
def met(monkeypatch):
    """The programs of ops, none at first."""
    monkeypatch.setattr(eager, "_programs", type(eager._programs)())
    return eager._programs


def by_numpy(monkeypatch, f, *args):
    """What the eager functions give where nothing is large."""
    with monkeypatch.context() as patch:
        patch.setattr(eager, "ELEMENTS", 1 << 60)
        patch.setattr(eager, "WORK", 1 << 60)
        patch.setattr(composites, "ELEMENTS", 1 << 60)
        return f(*args)


def last_places(got, expected):
    """The largest distance in units of the last place; where both are NaN or equal it is 0."""
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.dtype == expected.dtype and got.shape == expected.shape
    same = (got == expected) | (np.isnan(got) & np.isnan(expected))
    with np.errstate(all="ignore"):
        away = np.abs(got.astype("f8") - expected.astype("f8")) / np.spacing(np.abs(expected))
    return float(np.max(np.where(same, 0, away), initial=0))


# ---------------------------------------------------------------------------------- elementwise
def operands(name, values):
    arrays = [values] if name not in TWO else [np.abs(values), values[::-1]]
    return [fnp.asarray(np.ascontiguousarray(a)) for a in arrays]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [*UNARY, *TWO])
def test_values_of_elementwise_ops(name, dtype, rng, met, monkeypatch):
    values = rng.uniform(0.01, 0.99, LARGE)
    if name not in (*UNIT, "erfc"):
        values[::2] *= 20
    if name == "acosh":
        values += 1
    if name not in ("acosh", "log", "log2", "log10", "sqrt", "rsqrt"):
        values[::3] *= -1
    args = operands(name, values.astype(dtype))
    expected = by_numpy(monkeypatch, REGISTRY[name], *args)
    assert not met
    got = REGISTRY[name](*args)
    assert [key[0] for key in met] == [name]
    assert met[next(iter(met))], "it was left to NumPy"
    assert last_places(got, expected) <= LOOSE.get(name, 4)


@pytest.mark.parametrize("name", [*UNARY, *TWO])
def test_special_values(name, monkeypatch):
    x = np.tile(SPECIAL.astype(np.float32), LARGE // len(SPECIAL) + 1)
    args = [fnp.asarray(x)]
    if name in TWO:
        args.append(fnp.asarray(np.resize(np.repeat(SPECIAL, len(SPECIAL)), x.size).astype("f4")))
    got = np.asarray(REGISTRY[name](*args))
    expected = np.asarray(by_numpy(monkeypatch, REGISTRY[name], *args))
    zero = expected == 0
    assert np.array_equal(np.signbit(got[zero]), np.signbit(expected[zero]))
    assert last_places(got, expected) <= LOOSE.get(name, 4)


DTYPES = ["float16", "bfloat16", "int32", "int64", "uint8", "bool", "complex64"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes_are_those_of_small_arrays(dtype, monkeypatch):
    x = fnp.asarray(np.arange(LARGE) % 40 + 1).astype(dtype)
    for f in (fnp.exp, fnp.sqrt, fnp.sin, fnp.log, lambda x: fnp.power(x, x)):
        try:
            expected = by_numpy(monkeypatch, f, x)
        except errors.FunctorchLiteError as error:
            with pytest.raises(type(error)):
                f(x)
            continue
        got = f(x)
        assert got.dtype == expected.dtype == f(x[:3]).dtype
        tolerance = {"float16": 2e-3, "bfloat16": 1e-2}.get(got.dtype.name, 1e-5)
        a, b = (np.asarray(v.astype("complex128")) for v in (got, expected))
        assert np.allclose(a, b, rtol=tolerance, equal_nan=True)


def test_layouts(rng):
    x = rng.normal(size=(300, 240)).astype(np.float32)
    given = fnp.asarray(x)
    for got, view in (
        (fnp.exp(given.T), x.T),
        (fnp.exp(given[::2, ::-1]), x[::2, ::-1]),
        (fnp.exp(fnp.broadcast_to(given[0], x.shape)), np.broadcast_to(x[0], x.shape)),
    ):
        assert last_places(got, np.exp(np.ascontiguousarray(view))) <= 4
        assert np.shares_memory(np.asarray(got), x) is False
    assert last_places(fnp.arctan2(given, given[0]), np.arctan2(x, x[0])) <= 4
    assert last_places(fnp.arctan2(given, 0.5), np.arctan2(x, np.float32(0.5))) <= 4


def test_small_arrays_are_left_to_numpy(met, rng):
    x = rng.normal(size=(eager.ELEMENTS - 1,)).astype(np.float32)
    assert np.array_equal(fnp.tanh(fnp.asarray(x)), np.tanh(x))
    assert not met


def test_random_numbers_do_not_depend_on_it(monkeypatch):
    key = fl.random.key(7)
    for draw in (
        lambda: fl.random.bits(key, (LARGE * 2,)),
        lambda: fl.random.uniform(key, (LARGE * 2,)),
        lambda: fl.random.permutation(key, LARGE),
    ):
        assert np.array_equal(draw(), by_numpy(monkeypatch, draw))
    normal = [
        fl.random.normal(key, (LARGE,)),
        by_numpy(monkeypatch, fl.random.normal, key, (LARGE,)),
    ]
    assert np.allclose(*normal, rtol=1e-5, atol=1e-6)


def test_a_nan_is_still_found():
    with fl.debug_nans(), pytest.raises(errors.NanError, match="log"):
        fnp.log(fnp.full(LARGE, -1.0))


def test_under_transforms(rng):
    x = fnp.asarray(rng.normal(size=LARGE).astype(np.float32))
    cos = np.cos(np.asarray(x))
    assert np.allclose(fl.grad(lambda x: fnp.sin(x).sum())(x), cos, atol=1e-6)
    assert np.allclose(fl.jvp(fnp.sin, (x,), (x * 0 + 1,))[1], cos, atol=1e-6)
    assert np.allclose(fl.vmap(fnp.sin)(x), np.sin(np.asarray(x)), atol=1e-6)
    assert np.allclose(fl.jit(fnp.sin)(x), np.sin(np.asarray(x)), atol=1e-6)
    with fl.disable_jit():
        assert np.allclose(fnp.sin(x), np.sin(np.asarray(x)), atol=1e-6)


# ------------------------------------------------------------------------------------- windowed
def windowed(rng):
    image = fnp.asarray(rng.normal(size=(4, 4, 60, 60)).astype(np.float32))
    kernel = fnp.asarray(rng.normal(size=(6, 4, 3, 3)).astype(np.float32))
    numbers = fnp.asarray(rng.integers(-50, 50, (4, 4, 60, 60)), "int32")
    index = fnp.asarray(rng.integers(0, 900, 40_000))
    sizes = (1, 1, 3, 3), (1, 1, 2, 2)
    lax = fl.lax
    return {
        "conv": lambda: lax.conv_general_dilated(image, kernel, (1, 1), "SAME"),
        "strided conv": lambda: lax.conv_general_dilated(image, kernel, (2, 1), "VALID"),
        "window sum": lambda: lax.reduce_window(image, 0.0, lax.add, *sizes, "SAME"),
        "window max": lambda: lax.reduce_window(image, -np.inf, lax.max, *sizes, "VALID"),
        "window of ints": lambda: lax.reduce_window(numbers, 0, lax.add, *sizes, "SAME"),
        "gradient of gather": lambda: fl.grad(lambda x: (x[index] * 2).sum())(fnp.ones(1000)),
        "gradient of conv": lambda: fl.grad(
            lambda k: (lax.conv_general_dilated(image, k, (1, 1), "SAME") ** 2).mean()
        )(kernel),
        "gradient of max": lambda: fl.grad(
            lambda x: lax.reduce_window(x, -np.inf, lax.max, *sizes, "VALID").sum()
        )(image),
    }


@pytest.mark.parametrize("name", list(windowed(np.random.default_rng(0))))
def test_windowed_ops(name, rng, monkeypatch, met):
    f = windowed(rng)[name]
    expected = by_numpy(monkeypatch, f)
    assert not met
    for _ in range(3):
        got = f()
        assert got.dtype == expected.dtype
        assert np.allclose(got, expected, rtol=1e-4, atol=1e-4)
        if got.dtype.kind == "i":
            assert np.array_equal(got, expected)
    assert met


def test_every_call_gives_the_same_bits(rng, met):
    for f in windowed(rng).values():
        first = np.asarray(f())
        for _ in range(2):
            assert np.array_equal(f(), first)


def test_programs_of_ops_have_a_bound(monkeypatch, met):
    monkeypatch.setattr(eager, "MOST_PROGRAMS", 2)
    for k in range(4):
        fnp.sin(fnp.ones(LARGE + k))
        assert len(met) <= 2
    assert float(fnp.sin(fnp.ones(LARGE))[0]) == pytest.approx(np.sin(1.0), rel=1e-6)


# ----------------------------------------------------------------------------------- composites
def scaled(x, y=None, *, by=1.0):
    return {"out": fnp.exp(x) * by + (0 if y is None else y), "sum": x.sum()}


def test_a_composite_equals_its_decomposition(rng):
    op = fl.lax.composite(scaled, "test.scaled", version=2)
    x = fnp.asarray(rng.normal(size=(200, 300)).astype(np.float32))
    for arrays in ((x,), (x, x), (x, None), (x[0],), (x.T,), (x, 2.0), (np.asarray(x),)):
        for by in (1.0, 2, True, -0.0):
            expected = scaled(*arrays, by=by)
            for _ in range(3):
                got = op(*arrays, by=by)
                assert fl.tree.structure(got) == fl.tree.structure(expected)
                for a, b in zip(fl.tree.leaves(got), fl.tree.leaves(expected), strict=True):
                    assert a.dtype == b.dtype
                    assert np.allclose(a, b, rtol=1e-4, atol=1e-5)
                assert np.array_equal(np.signbit(got["out"]), np.signbit(expected["out"]))


def test_large_calls_are_compiled_once():
    calls = []
    op = fl.lax.composite(lambda x: calls.append(type(x) is fl.Array) or x * 2, "test.double")
    large, small = fnp.ones(composites.ELEMENTS), fnp.ones(3)
    for _ in range(4):
        assert float(op(large)[0]) == 2.0
    assert calls == [False]
    for _ in range(2):
        op(small)
        with fl.disable_jit():
            op(large)
    assert calls == [False] + [True] * 4
    op(fnp.ones((2, composites.ELEMENTS)))
    assert calls[5:] == [False]


def test_composites_under_transforms(rng):
    x = fnp.asarray(rng.normal(size=(210, 200)).astype(np.float32))
    op = fl.lax.composite(lambda x: x * fnp.tanh(x), "test.gate")

    def plain(x):
        return x * fnp.tanh(x)

    for _ in range(3):
        for f, g in (
            (fl.grad(lambda x: op(x).sum()), fl.grad(lambda x: plain(x).sum())),
            (fl.vmap(op), fl.vmap(plain)),
            (fl.jit(op), fl.jit(plain)),
            (fl.jit(fl.vmap(fl.grad(lambda r: op(r).sum()))), fl.grad(lambda x: plain(x).sum())),
            (lambda x: fl.jvp(op, (x,), (x,))[1], lambda x: fl.jvp(plain, (x,), (x,))[1]),
            (op, plain),
        ):
            assert np.allclose(f(x), g(x), rtol=1e-4, atol=1e-5)


def trained(x, target):
    layer = nn.BatchNorm(6)
    params, state = layer.init(None)
    return layer.apply(params, x, state, train=True)


@pytest.mark.parametrize(
    ("name", "f"),
    [
        ("softmax", lambda x, t: nn.softmax(x, axis=1)),
        ("log_softmax", lambda x, t: nn.log_softmax(x, axis=(1, 2))),
        ("logsumexp", lambda x, t: nn.logsumexp(x * 100, axis=-1)),
        ("logsumexp of all", lambda x, t: nn.logsumexp(-x * fnp.inf, keepdims=True)),
        ("mse", lambda x, t: nn.mse_loss(x, fnp.sin(x))),
        ("mse, each", lambda x, t: nn.mse_loss(x, fnp.sin(x), reduction="none")),
        ("cross entropy", nn.cross_entropy),
        ("cross entropy, sum", lambda x, t: nn.cross_entropy(x, t - 100, "sum", -99)),
        ("batch norm", lambda x, t: nn.batch_norm(x, x[0, :, 0], x[1, :, 1] ** 2, eps=1e-3)),
        ("a training layer", trained),
    ],
)
def test_norms_and_losses_are_composites(monkeypatch, rng, name, f):
    x = fnp.asarray(rng.normal(size=(20, 6, 300)).astype(np.float32))
    target = fnp.asarray(rng.integers(0, 6, (20, 300)))
    target = fnp.where(target == 5, -100, target)
    if name == "cross entropy, sum":
        target = fnp.where(target == -100, 101, target + 100)
    expected = by_numpy(monkeypatch, f, x, target)
    ran = []
    call = jitted.Jitted.__call__
    monkeypatch.setattr(
        jitted.Jitted, "__call__", lambda *args, **kw: ran.append(args[0]) or call(*args, **kw)
    )
    got = f(x, target)
    assert len(ran) == 1
    for a, b in zip(fl.tree.leaves(got), fl.tree.leaves(expected), strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_attributes_and_containers_that_cannot_be_hashed():
    large = fnp.ones((4, composites.ELEMENTS))
    total = fl.lax.composite(lambda x, *, axes: x.sum(axis=tuple(axes)), "test.total")
    shifted = fl.lax.composite(lambda x, *, by: x + by["b"], "test.shifted")
    for _ in range(3):
        assert total(large, axes=[0]).shape == (composites.ELEMENTS,)
        assert float(shifted(large, by={"b": fnp.asarray(2.0)})[0, 0]) == 3.0


def test_a_decomposition_that_looks_at_values():
    op = fl.lax.composite(lambda x: x * 2 if x[0] > 0 else -x, "test.looking")
    large = fnp.ones(composites.ELEMENTS)
    for _ in range(3):
        assert float(op(large)[0]) == 2.0
        assert float(op(-large)[0]) == 1.0


def test_an_error_of_a_large_call():
    op = fl.lax.composite(lambda x, y: x @ y, "test.product")
    x = fnp.ones((200, 200))
    for _ in range(3):
        with pytest.raises(errors.ShapeError):
            op(x, x[:3])


def test_composites_keep_no_arrays():
    op = fl.lax.composite(lambda x: x * 2, "test.kept")
    x = fnp.ones(composites.ELEMENTS)
    for _ in range(3):
        y = op(x)
    references = [weakref.ref(x), weakref.ref(y)]
    del x, y
    gc.collect()
    assert [r() for r in references] == [None, None]


def test_composites_under_debug_nans():
    op = fl.lax.composite(lambda x: fnp.log(x) * 2, "test.log")
    x = fnp.full(composites.ELEMENTS, -1.0)
    for _ in range(3):
        op(x)
        with fl.debug_nans(), pytest.raises(errors.NanError):
            op(x)


# -------------------------------------------------------------------------- library composites
@pytest.mark.parametrize("axis", [-1, 0, None, (0, 1)])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax(name, axis, rng, monkeypatch):
    f = getattr(fl.nn, name)
    x = fnp.asarray(rng.normal(size=(220, 200)).astype(np.float32) * 3)
    expected = by_numpy(monkeypatch, lambda: f(x, axis=axis))
    for _ in range(3):
        assert np.allclose(f(x, axis=axis), expected, rtol=2e-5, atol=1e-6)
    grad = fl.grad(lambda x: (f(x, axis=axis) ** 2).sum())
    expected = by_numpy(monkeypatch, grad, x)
    for g in (grad, fl.jit(grad)):
        assert np.allclose(g(x), expected, rtol=1e-3, atol=1e-5)


OPTIMISERS = {
    "sgd": lambda: fl.optim.sgd(0.1),
    "adam": lambda: fl.optim.adam(0.1),
    "scheduled": lambda: fl.optim.adam(lambda step: 0.1 / (step + 1.0)),
    "looking": lambda: fl.optim.sgd(lambda step: 0.1 if int(step) < 2 else 0.01),
    "rmsprop": lambda: fl.optim.rmsprop(0.1),
    "adagrad": lambda: fl.optim.adagrad(0.1),
}


@pytest.mark.parametrize("name", OPTIMISERS)
def test_updates(name, rng):
    init, update = OPTIMISERS[name]()
    start = {
        "w": fnp.asarray(rng.normal(size=(200, 210)).astype(np.float32)),
        "b": fnp.ones(3, "float64"),
    }
    plain, compiled = (start, init(start)), (start, init(start))
    for k in range(5):
        grads = fl.tree.map(lambda p, k=k: p * 0.3 + k, start)
        with fl.disable_jit():
            plain = update(grads, plain[1], plain[0])
        if k % 2:
            compiled = update(grads, compiled[1], compiled[0])
        else:
            compiled = update(grads, compiled[1], params=compiled[0])
        assert fl.tree.structure(plain) == fl.tree.structure(compiled)
        for a, b in zip(fl.tree.leaves(plain), fl.tree.leaves(compiled), strict=True):
            assert a.dtype == b.dtype
            assert np.allclose(a, b, rtol=1e-5, atol=1e-6)
    assert int(compiled[1]["step"]) == 5


def test_the_checks_of_an_update_hold_for_large_parameters():
    init, update = fl.optim.sgd(0.1)
    params = {"w": fnp.ones(composites.ELEMENTS)}
    state = init(params)
    for _ in range(3):
        update(params, state, params)
        with pytest.raises(errors.TreeError, match="order is"):
            update(params, params, state)
        with pytest.raises(errors.ShapeError, match="shapes of params"):
            update({"w": fnp.ones((composites.ELEMENTS, 1))}, state, params)
