"""Reverse mode: what it computes, what it keeps in memory, and what it leaves alone."""

import gc
import tracemalloc
import weakref

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors
from functorch_lite.core.op import Op


def vec(*values):
    return fnp.asarray(np.array(values))


def same(got, want):
    np.testing.assert_allclose(np.asarray(got), want, rtol=1e-12)


class CountedOps:
    """The names of the ops that ran while the block was active."""

    def __enter__(self):
        self.names = []
        self.call = Op.__call__
        names, call = self.names, self.call

        def counted(op, *args, **params):
            names.append(op.name)
            return call(op, *args, **params)

        Op.__call__ = counted
        return self

    def __exit__(self, *exc):
        Op.__call__ = self.call

    def count(self, name):
        return self.names.count(name)


# ------------------------------------------------------------------------------- zeros and float0
def test_unused_inputs_have_zero_gradients():
    x, y = vec(1.0, 2.0), vec(3.0)
    gx, gy = fl.grad(lambda x, y: fnp.sum(x), argnums=(0, 1))(x, y)
    same(gx, [1, 1])
    same(gy, [0])
    same(fl.grad(lambda x: 1.0)(x), [0, 0])
    same(fl.grad(lambda x: fnp.sum(fnp.floor(x)))(x), [0, 0])
    same(fl.grad(lambda x: fnp.sum(fl.stop_gradient(x)))(x), [0, 0])
    same(fl.vjp(lambda x: vec(5.0), x)[1](y)[0], [0, 0])
    same(fl.grad(fl.jit(lambda x, y: fnp.sum(x)), argnums=1)(x, y), [0])
    same(fl.jacrev(lambda x: vec(5.0))(x), [[0, 0]])
    same(fl.jacfwd(lambda x: vec(5.0))(x), [[0, 0]])


def test_integers_get_float0():
    x, n = vec(2.0), fnp.asarray(np.array([3]))
    out, pull = fl.vjp(lambda x, n: x * n, x, n)
    gx, gn = pull(out)
    same(gx, [18])
    assert gn.dtype == fl.float0
    assert gn.shape == (1,)
    tree = {"w": x, "step": np.int32(3), "mask": fnp.asarray([True])}
    g = fl.grad(lambda t: fnp.sum(t["w"] * t["step"] * t["mask"]), allow_int=True)(tree)
    same(g["w"], [3])
    assert g["step"].dtype == g["mask"].dtype == fl.float0
    jitted = fl.jit(
        lambda t: fl.grad(lambda t: fnp.sum(t["w"] * t["step"]), allow_int=True)(t)["w"]
    )
    same(jitted(tree), [3])


def test_integer_outputs_take_no_cotangent():
    out, pull = fl.vjp(lambda x: (x * 2, fnp.argmax(x)), vec(1.0, 2.0))
    assert out[1].dtype == np.int64
    same(pull((vec(1.0, 1.0), np.zeros((), fl.float0)))[0], [2, 2])


# -------------------------------------------------------------------------------------- pullbacks
def test_a_pullback_may_be_called_again_and_anywhere():
    x = vec(1.0, 2.0, 3.0)
    _, pull = fl.vjp(lambda x: x * x, x)
    basis = fnp.asarray(np.eye(3))
    for _ in range(2):
        same(pull(vec(1.0, 1.0, 1.0))[0], [2, 4, 6])
    same(fl.vmap(pull)(basis)[0], np.diag([2, 4, 6]))
    same(fl.jit(pull)(x)[0], [2, 8, 18])
    same(fl.grad(lambda ct: fnp.sum(pull(ct)[0]))(x), [2, 4, 6])
    same(fl.jvp(pull, (x,), (x,))[1][0], [2, 8, 18])
    same(fl.linear_transpose(pull, x)((x,))[0], [2, 8, 18])


def test_cotangents_are_checked():
    _, pull = fl.vjp(lambda x: {"out": x * 2}, fnp.ones(3))
    with pytest.raises(errors.TreeError, match="the cotangent has structure"):
        pull(fnp.ones(3))
    with pytest.raises(
        errors.GradientError, match=r"cotangent 0 has shape \(4,\), the output \(3,\)"
    ):
        pull({"out": fnp.ones(4)})
    with pytest.raises(errors.GradientError, match=r"Convert it with ct.astype\('float32'\)"):
        pull({"out": vec(1.0, 1.0, 1.0)})
    same(pull({"out": vec(1.0, 1.0, 1.0).astype("float32")})[0], [2, 2, 2])


def test_an_output_that_appears_twice_collects_both_cotangents():
    out, pull = fl.vjp(lambda x: (x, x, x * 2), vec(3.0))
    same(pull((vec(1.0), vec(10.0), vec(100.0)))[0], [211])


@pytest.mark.parametrize("count", [3, 64, 65, 100])
def test_ops_of_many_operands(count):
    parts = [vec(float(i)) for i in range(count)]

    def f(*parts):
        return fnp.sum(fnp.concatenate(parts) ** 2)

    for argnums in ((0,), (count - 1,), (0, count - 1)):
        grads = fl.grad(f, argnums=argnums)(*parts)
        for i, g in zip(argnums, grads, strict=True):
            same(g, [2.0 * i])


# ---------------------------------------------------------------------------- only what is wanted
def test_rules_compute_only_the_wanted_cotangents():
    x, y = fnp.ones((4, 5)), fnp.ones((5, 6))
    for argnums, products in ((0, 1), (1, 1), ((0, 1), 2)):
        out, pull = fl.vjp(
            lambda *parts: _with(parts, argnums, (x, y)),  # noqa: B023
            *[(x, y)[i] for i in (argnums if isinstance(argnums, tuple) else (argnums,))],
        )
        with CountedOps() as counted:
            pull(out)
        assert counted.count("dot_general") == products


def _with(parts, argnums, both):
    args = list(both)
    for i, part in zip(argnums if isinstance(argnums, tuple) else (argnums,), parts, strict=True):
        args[i] = part
    return args[0] @ args[1]


def test_a_constant_factor_costs_one_multiplication_backwards():
    x = fnp.ones(3)
    out, pull = fl.vjp(lambda x: x * fnp.ones(3), x)
    with CountedOps() as counted:
        pull(out)
    assert counted.names == ["mul"]


def test_work_that_nothing_depends_on_is_not_pulled_back():
    def f(x):
        fnp.exp(fnp.sin(x))  # forgotten
        return fnp.sum(x * 2)

    _, pull = fl.vjp(f, fnp.ones(3))
    with CountedOps() as counted:
        pull(1.0)
    assert not {"cos", "exp", "sin"} & set(counted.names)


def test_the_backward_pass_of_jit_computes_only_what_is_wanted():
    f = fl.jit(lambda x, y: fnp.sum(x @ y))
    x, y = fnp.ones((4, 5)), fnp.ones((5, 6))
    for argnums, products in ((0, 1), ((0, 1), 2)):
        graph = fl.make_graph(fl.grad(f, argnums=argnums))(x, y)
        assert str(graph).count("dot_general(") == products + 1
        # The forward product has no use left, which dead code elimination finds.
        text = fl.jit(fl.grad(f, argnums=argnums)).lower(x, y).as_text("optimised")
        assert text.count("dot_general(") == products


# ----------------------------------------------------------------------------------------- memory
def kept(values):
    gc.collect()
    return [ref() is not None for ref in values]


def test_exp_keeps_its_answer_and_nothing_else():
    refs = []

    def f(x):
        inner = x + 1.0
        refs.append(weakref.ref(inner.primal))
        out = fnp.exp(inner)
        refs.append(weakref.ref(out.primal))
        return out + 1.0

    x = fnp.ones(1000)
    refs.append(weakref.ref(x))
    out, pull = fl.vjp(f, x)
    refs.append(weakref.ref(out))
    del x, out
    assert kept(refs) == [False, False, True, False]
    same(pull(fnp.ones(1000))[0][:1], [np.exp(np.float32(2))])


def test_a_product_with_a_constant_keeps_the_constant_only():
    refs = []

    def f(x):
        inner = x + 1.0
        refs.append(weakref.ref(inner.primal))
        constant = fnp.asarray(np.full(1000, 3.0))
        refs.append(weakref.ref(constant))
        return inner * constant

    _, pull = fl.vjp(f, fnp.ones(1000, "float64"))
    assert kept(refs) == [False, True]
    del pull
    assert kept(refs) == [False, False]


def test_sums_and_shapes_keep_no_values():
    refs = []

    def f(x):
        y = fnp.reshape(x + 1.0, (10, 100))
        refs.append(weakref.ref(y.primal))
        z = fnp.sum(fnp.transpose(y) - 1.0, axis=0)
        refs.append(weakref.ref(z.primal))
        return fnp.concatenate([z, z])

    out, pull = fl.vjp(f, fnp.ones(1000))
    assert kept(refs) == [False, False]
    same(pull(out)[0][:1], [200])


def test_linearize_keeps_what_its_rules_need():
    refs = []

    def f(x):
        y = x + 1.0
        refs.append(weakref.ref(y.primal))
        z = fnp.exp(y)
        refs.append(weakref.ref(z.primal))
        return z - 1.0

    x = fnp.ones(1000)
    refs.append(weakref.ref(x))
    out, f_jvp = fl.linearize(f, x)
    del out, x
    assert kept(refs) == [False, False, True]


LOOPS = {
    "grad": lambda x: fl.grad(lambda x: fnp.sum(fnp.exp(x) * x))(x),
    "vjp": lambda x: fl.vjp(lambda x: fnp.exp(x) * x, x)[1](x),
    "jvp": lambda x: fl.jvp(lambda x: fnp.exp(x) * x, (x,), (x,)),
    "linearize": lambda x: fl.linearize(lambda x: fnp.exp(x) * x, x)[1](x),
    "vmap": lambda x: fl.vmap(lambda x: fnp.exp(x) * x)(x),
    "make_graph": lambda x: fl.make_graph(lambda x: fnp.exp(x) * x)(x),
    "fresh jit": lambda x: fl.jit(lambda x: fnp.exp(x) * x)(x),
    "grad of fresh jit": lambda x: fl.grad(fl.jit(lambda x: fnp.sum(fnp.exp(x) * x)))(x),
    "hessian": lambda x: fl.hessian(lambda x: fnp.sum(x**3))(x),
    "scan": lambda x: fl.grad(lambda x: fl.lax.scan(_step, x, x)[0].sum())(x),
    "jit of scan": lambda x: fl.jit(fl.grad(lambda x: fl.lax.scan(_step, x, x)[0].sum()))(x),
    "linearize of scan": lambda x: fl.linearize(lambda x: fl.lax.scan(_step, x, x)[0], x)[1](x),
    "while_loop": lambda x: fl.grad(lambda x: _double(x).sum())(x),
    "vmap of while_loop": lambda x: fl.vmap(fl.grad(_double))(x),
    "grad of vmap of while_loop": lambda x: fl.grad(lambda x: fl.vmap(_double)(x).sum())(x),
    "max_steps": lambda x: fl.grad(lambda x: _double(x, max_steps=9).sum())(x),
    "cond": lambda x: fl.grad(lambda x: fl.lax.cond(True, fnp.sum, fnp.max, x))(x),
    "checkpoint": lambda x: fl.grad(fl.checkpoint(lambda x: fnp.exp(fnp.sin(x)).sum()))(x),
    "custom_jvp": lambda x: fl.grad(lambda x: _custom(x).sum())(x),
}


def _step(c, x):
    return c * fnp.cos(x), c


def _double(x, **options):
    return fl.lax.while_loop(lambda s: fnp.max(s) < 9, lambda s: s * 2 + fnp.sin(s), x, **options)


@fl.custom_jvp
def _custom(x):
    return x * 2


_custom.defjvps(lambda t, out, x: t * fnp.cos(x))


@pytest.mark.parametrize("name", LOOPS)
def test_no_reference_cycles(name):
    x = fnp.ones(3)
    work = LOOPS[name]
    for _ in range(3):
        work(x)
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            work(x)
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_a_thousand_training_steps_stay_flat_without_the_collector():
    def loss(w, x):
        return fnp.sum(fnp.tanh(x @ w) ** 2)

    step = fl.jit(lambda w, x: w - 0.01 * fl.grad(loss)(w, x))
    x = fnp.ones((8, 16))
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        sizes = []
        for mode in (step, lambda w, x: w - 0.01 * fl.grad(loss)(w, x)):
            w = fnp.ones((16, 4))
            for i in range(3200):
                w = mode(w, x)
                if i in (2199, 3199):
                    sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
        gc.enable()
    # CPython and NumPy keep up to 2,000 freed tuples and some small blocks, which the first steps
    # fill; after them, one leaked object a step would exceed this.
    assert sizes[1] - sizes[0] < 30_000
    assert sizes[3] - sizes[2] < 30_000


# ----------------------------------------------------------------------------------------- shapes
@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (1,), (2, 3)])
def test_scalars_and_empty_arrays(shape):
    x = fnp.ones(shape, "float64")
    same(fl.grad(lambda x: fnp.sum(x * x))(x), np.full(shape, 2.0))
    same(fl.jit(fl.grad(lambda x: fnp.sum(fnp.sin(x))))(x), np.full(shape, np.cos(1)))
    same(fl.jvp(lambda x: x * x, (x,), (x,))[1], np.full(shape, 2.0))
    same(fl.linearize(lambda x: x * x, x)[1](x), np.full(shape, 2.0))
    eye = np.eye(x.size).reshape(shape * 2)
    same(fl.jacrev(lambda x: x * x)(x), 2 * eye)
    same(fl.jacfwd(lambda x: x * x)(x), 2 * eye)
    same(fl.hessian(lambda x: fnp.sum(x * x))(x), 2 * eye)


def test_broadcast_operands_get_summed_cotangents():
    x, y = fnp.ones((3, 1), "float64"), fnp.ones((2, 1, 4), "float64")
    gx, gy = fl.grad(lambda x, y: fnp.sum(x * y), argnums=(0, 1))(x, y)
    same(gx, np.full((3, 1), 8.0))
    same(gy, np.full((2, 1, 4), 3.0))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_gradients_have_the_arguments_dtype(dtype):
    x = fnp.ones(3, dtype)
    assert fl.grad(lambda x: fnp.sum(x * x))(x).dtype.name == dtype
    assert fl.grad(lambda x: fnp.sum(x.astype("float32")))(x).dtype.name == dtype
    assert fl.jvp(fnp.exp, (x,), (x,))[1].dtype.name == dtype


# --------------------------------------------------------------------------------------- integers
def test_a_python_int_has_a_float0_gradient():
    x = fnp.asarray(0.5)
    for found in (
        fl.vjp(lambda x, n: x * n, x, 3)[1](x),
        fl.grad(lambda x, n: x * n, argnums=(0, 1), allow_int=True)(x, 3),
    ):
        assert found[1].dtype == fl.float0 and found[1].shape == ()
    same(found[0], 3.0)
