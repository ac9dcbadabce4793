"""Arrays of a second module travel through every op and transform; no GPU is needed."""

import sys

import numpy as np
import pytest

import functorch_lite as fl
from functorch_lite import numpy as fnp
from functorch_lite.core.array import wrap
from functorch_lite.core.dtypes import is_complex, is_float
from functorch_lite.core.op import REGISTRY, Op
from functorch_lite.errors import DeviceError
from functorch_lite.testing.samples import dtypes_for, samples_for
from tests.cuda.fake_cupy import FakeArray, fake_cupy
from tests.registry.cases import Case
from tests.registry.higher_order import HIGHER_ORDER

OPS = sorted(REGISTRY)


@pytest.fixture(autouse=True)
def gpu(monkeypatch):
    monkeypatch.setattr(Op, "__call__", Op.__call__)  # enable_devices() replaces it for good
    for name, module in fake_cupy().items():
        monkeypatch.setitem(sys.modules, name, module)
    for op in REGISTRY.values():
        monkeypatch.setattr(op, "per_device", {})
    fl.device_put(0.0, "cuda")


def on_gpu(x):
    return fl.device_put(x, "cuda")


def memory(x):
    assert isinstance(x._data, FakeArray), f"{x!r} is not on the GPU"
    return x._data.memory


def applied(op, args, params):
    return Case(op, (), params).function(*args)


def cases(name):
    op = REGISTRY[name]
    if name in HIGHER_ORDER:
        samples = HIGHER_ORDER[name]["samples"](np.dtype(np.float64), np.random.default_rng(0))
    else:
        dtypes = dtypes_for(name)
        floats = [d for d in dtypes if d == np.float64]
        dtype = floats[0] if floats else dtypes[-1]
        samples = samples_for(name, dtype, np.random.default_rng(0))
    for args, params in samples:
        if op.operands and args:
            yield op, [np.asarray(a) for a in args], params


@pytest.mark.parametrize("name", OPS)
def test_values(name):
    for op, args, params in cases(name):
        want = applied(op, map(wrap, args), params)
        got = applied(op, map(on_gpu, args), params)
        for w, g in zip(want, got, strict=True):
            np.testing.assert_allclose(memory(g), w._data, rtol=1e-12, atol=1e-12)
            assert g.dtype == w.dtype


@pytest.mark.parametrize("name", OPS)
def test_under_jit(name):
    for op, args, params in cases(name):
        got = fl.jit(lambda *a, op=op, params=params: applied(op, a, params))(*map(on_gpu, args))
        for w, g in zip(applied(op, map(wrap, args), params), got, strict=True):
            np.testing.assert_allclose(memory(g), w._data, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", OPS)
def test_derivatives(name):
    for op, args, params in cases(name):
        live = [i for i, a in enumerate(args) if is_float(a.dtype) and op.family != "host"]
        answers = applied(op, map(wrap, args), params)
        if not live or any(is_complex(a.dtype) for a in answers):
            continue

        def f(*xs, op=op, args=args, params=params, live=live, put):
            full = [put(a) for a in args]
            for i, x in zip(live, xs, strict=True):
                full[i] = x
            return [o for o in applied(op, full, params) if is_float(o.dtype)]

        for put, read in ((wrap, lambda x: x._data), (on_gpu, memory)):
            xs = [put(args[i]) for i in live]
            outs, pull = fl.vjp(lambda *a, put=put: f(*a, put=put), *xs)
            grads = pull([put(np.ones(o.shape, o.dtype)) for o in outs])
            tangents = tuple(put(np.ones(x.shape, x.dtype)) for x in xs)
            dots = fl.jvp(lambda *a, put=put: f(*a, put=put), tuple(xs), tangents)[1]
            found = [np.asarray(read(x)) for x in (*grads, *dots)]
            if put is wrap:
                want = found
            else:
                for w, g in zip(want, found, strict=True):
                    np.testing.assert_allclose(g, w, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", OPS)
def test_batching(name):
    for op, args, params in cases(name):
        stacked = [np.stack([a, a]) for a in args]
        run = fl.vmap(lambda *a, op=op, params=params: applied(op, a, params))
        want, got = run(*map(wrap, stacked)), run(*map(on_gpu, stacked))
        for w, g in zip(want, got, strict=True):
            np.testing.assert_allclose(memory(g), w._data, rtol=1e-12, atol=1e-12)


def loss(params, x, y):
    hidden = fnp.tanh(x @ params["w"] + params["b"])
    return fnp.mean((hidden.sum(axis=1) - y) ** 2) + 0.1 * fnp.sum(params["w"] ** 2)


PARAMS = {"w": np.linspace(-1, 1, 12).reshape(4, 3), "b": np.ones(3)}
X, Y = np.linspace(0, 1, 20).reshape(5, 4), np.arange(5.0)


@pytest.mark.parametrize(
    "transform",
    [
        fl.grad,
        lambda f: fl.jit(fl.grad(f)),
        lambda f: fl.grad(fl.jit(f)),
        fl.hessian,
        lambda f: fl.jit(fl.hessian(f)),
        lambda f: fl.vmap(fl.grad(f), in_axes=(None, 0, 0)),
    ],
    ids=["grad", "jit-grad", "grad-jit", "hessian", "jit-hessian", "vmap-grad"],
)
def test_a_model(transform, request):
    x, y = (X[:, None], Y[:, None]) if "vmap" in request.node.name else (X, Y)
    want = fl.tree.leaves(transform(loss)(PARAMS, x, y))
    got = fl.tree.leaves(transform(loss)(*on_gpu((PARAMS, x, y))))
    for w, g in zip(want, got, strict=True):
        np.testing.assert_allclose(memory(g), w._data, rtol=1e-12)


def test_mixed_devices_are_named():
    with pytest.raises(DeviceError, match=r"argument 0 on cuda:0, argument 1 on cpu"):
        on_gpu(X) + fnp.asarray(X)
    with pytest.raises(DeviceError, match="different devices"):
        fl.jit(lambda a, b: a + b)(on_gpu(X), fnp.asarray(X))


def test_scalars_go_anywhere():
    assert memory(on_gpu(X) * 2 + fnp.asarray(1.0, dtype="float64")).shape == X.shape


def test_there_and_back():
    x = on_gpu(X)
    assert x.device == "cuda:0" and fl.device_put(x, "cpu").device == "cpu"
    np.testing.assert_array_equal(fl.device_get(x), X)
    assert fl.block_until_ready([x])[0] is x
