"""``checkpoint``: what is computed again, what is kept, and that nothing else changes."""

import gc
import re
import weakref

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import checkpoint_policies as policies
from functorch_lite import errors
from functorch_lite.core.rewrite import all_equations

X = fnp.asarray(np.array([0.3, -0.7]))
S = fnp.asarray(np.array(0.3))
W = fnp.asarray(np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))


def same(got, want, rtol=1e-12):
    np.testing.assert_allclose(np.asarray(got), np.asarray(want), rtol=rtol)


def count(f, *args, op="sin"):
    """How often an op stands in the optimised program, the graphs inside it included."""
    graph = fl.jit(f).lower(*args).optimised
    return sum(eqn.op.name == op for eqn in all_equations(graph))


def three_sines(x):
    return fnp.sum(fnp.sin(fnp.sin(fnp.sin(x))))


# ---------------------------------------------------------------------------------- recomputation
def test_it_computes_again_even_after_the_passes():
    both = fl.value_and_grad
    assert count(both(three_sines), X) == 3
    assert count(both(fl.checkpoint(three_sines)), X) == 3 + 2
    assert count(both(fl.remat(three_sines)), X) == 3 + 2
    assert count(both(fl.jit(fl.checkpoint(three_sines))), X) == 3 + 2
    assert count(both(fl.checkpoint(fl.jit(three_sines))), X) == 3 + 2
    assert count(both(lambda x: fl.vmap(fl.checkpoint(three_sines))(x[None])[0]), X) == 3 + 2
    assert count(fl.vmap(both(fl.checkpoint(three_sines))), X[None]) == 3 + 2
    # Without the value there is one computation, the second.
    assert count(fl.grad(fl.checkpoint(three_sines)), X) == 2


def test_a_linear_function_computes_again():
    def both(f):
        def run(x):
            out, f_jvp = fl.linearize(f, x)
            return out, f_jvp(x), fl.linear_transpose(f_jvp, x)(out)

        return run

    assert count(both(three_sines), X) == 3
    assert count(both(fl.checkpoint(three_sines)), X) > 3
    assert count(both(fl.checkpoint(three_sines, prevent_cse=False)), X) == 3
    for wrap in (lambda f: f, fl.jit):
        got, want = (wrap(both(f))(X) for f in (fl.checkpoint(three_sines), three_sines))
        for a, b in zip(fl.tree.leaves(got), fl.tree.leaves(want), strict=True):
            same(a, b)


def test_prevent_cse_false_lets_the_passes_merge_it():
    f = fl.checkpoint(three_sines, prevent_cse=False)
    assert count(fl.value_and_grad(f), X) == 3
    assert count(fl.value_and_grad(f), X, op="optimization_barrier") == 0
    same(fl.grad(f)(X), fl.grad(three_sines)(X))


def test_a_barrier_stands_before_the_second_computation():
    def backward(x, ct):
        return fl.vjp(fl.checkpoint(three_sines), x)[1](ct)

    graph = fl.jit(backward).lower(X, S).optimised
    names = [eqn.op.name for eqn in all_equations(graph)]
    assert names.count("optimization_barrier") == 1
    assert "sin" not in names[: names.index("optimization_barrier")]


def test_two_calls_and_nested_calls():
    inner = fl.checkpoint(lambda x: fnp.sin(fnp.sin(x)))
    outer = fl.checkpoint(lambda x: fnp.sum(inner(fnp.sin(x))))
    twice = lambda x: fnp.sum(inner(inner(x)))  # noqa: E731
    plain = lambda x: fnp.sum(fnp.sin(fnp.sin(fnp.sin(fnp.sin(x)))))  # noqa: E731
    assert count(fl.value_and_grad(twice), X) == 4 + 2
    same(fl.grad(twice)(X), fl.grad(plain)(X))
    # Of the outer recomputation: one sine for the inner argument, one inside for its derivative.
    assert count(fl.value_and_grad(outer), X) == 3 + 2
    same(fl.grad(outer)(X), fl.grad(three_sines)(X))
    same(fl.hessian(outer)(X), fl.hessian(three_sines)(X), rtol=1e-10)


# ------------------------------------------------------------------------------------ what is kept
def shapes_kept(f, *args):
    """Shapes of the values that the backward pass of jit takes from the forward pass."""

    def split(*args):
        out, pull = fl.vjp(f, *args)
        return out, pull

    _, pull = split(*args)
    record = next(
        c.cell_contents for c in pull.__closure__ if type(c.cell_contents).__name__ == "Recording"
    )
    found, todo, seen = [], [n for n in record.nodes if n is not None], set()
    while todo:
        node = todo.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        todo.extend(getattr(node, "parents", None) or [])
        if node.op is not None:
            assert node.op.name == "checkpoint"
            found += [v.shape for v in node.ans.values]
    return found


def mlp(w, x):
    hidden = fnp.sin(x @ w)
    return fnp.sum(fnp.sin(hidden @ w.T))


@pytest.mark.parametrize(
    ("policy", "intermediate"),
    [
        (None, []),
        (policies.nothing_saveable, []),
        (policies.dots_saveable, [(3,), (2,)]),
        (policies.checkpoint_dots, [(3,), (2,)]),
        (policies.dots_with_no_batch_dims_saveable, [(3,), (2,)]),
        (policies.everything_saveable, [(3,), (3,), (3, 2), (2,)]),
        (lambda op, *avals, **params: op.name == "sin" and avals[0].shape == (3,), [(3,)]),
    ],
)
def test_policies_keep_exactly_what_they_say(policy, intermediate):
    f = fl.checkpoint(mlp, policy=policy)
    assert sorted(shapes_kept(f, W, X)) == sorted([(2, 3), (2,), *intermediate])
    for got, want in zip(fl.grad(f, (0, 1))(W, X), fl.grad(mlp, (0, 1))(W, X), strict=True):
        same(got, want)
    same(fl.jit(fl.hessian(f, 1))(W, X), fl.hessian(mlp, 1)(W, X))


def test_arguments_that_the_backward_pass_does_not_need_are_not_kept():
    f = fl.checkpoint(lambda x, y: fnp.sum(fnp.sin(x)) + fnp.sum(y))
    assert shapes_kept(f, X, W) == [(2,)]
    same(fl.grad(f, 1)(X, W), np.ones((2, 3)))


def test_batched_products_are_told_apart():
    def f(x, y):
        return fnp.sum(fnp.sin(fnp.einsum("bij,bjk->bik", x, y)))

    x, y = fnp.ones((4, 2, 3)), fnp.ones((4, 3, 5))
    kept = {
        policy.__name__: len(shapes_kept(fl.checkpoint(f, policy=policy), x, y))
        for policy in (policies.dots_saveable, policies.dots_with_no_batch_dims_saveable)
    }
    assert kept == {"dots_saveable": 3, "dots_with_no_batch_dims_saveable": 2}


def test_intermediate_arrays_die_before_the_backward_pass():
    """Only the argument lives on; an array that is as large as it may not."""
    size = 100_000
    refs = []

    def watched(x):
        return fnp.sum(fnp.sin(fnp.exp(fnp.sin(x))))

    x = fnp.ones(size)
    _, plain_pull = fl.vjp(watched, x)
    assert live_bytes(plain_pull) >= 2 * 4 * size
    _, pull = fl.vjp(fl.checkpoint(watched), x)
    assert live_bytes(pull) == 4 * size
    refs.append(weakref.ref(x))
    del x, plain_pull
    gc.collect()
    assert refs[0]() is not None
    same(pull(1.0)[0][0], fl.grad(watched)(fnp.ones(1))[0], rtol=1e-6)
    del pull
    gc.collect()
    assert refs[0]() is None


def live_bytes(pull):
    """Bytes of the distinct large arrays that a pullback holds on to."""
    seen, todo, total = set(), [pull], {}
    while todo:
        x = todo.pop()
        if id(x) in seen or isinstance(x, type) or type(x).__name__ == "module":
            continue
        seen.add(id(x))
        if isinstance(x, fl.Array) and x.size > 1000:
            total[id(x._data)] = x._data.nbytes
            continue
        for child in gc.get_referents(x):
            if not isinstance(child, dict) or "__name__" not in child:  # not a module's globals
                todo.append(child)
    return sum(total.values())


# -------------------------------------------------------------------------------------------- loops
def cell(w, c, x):
    return fnp.tanh(fnp.sin(c * w) + fnp.exp(fnp.sin(c)) * x)


def recurrent(wrap):
    body = wrap(cell)

    def f(w, xs):
        return fl.lax.scan(lambda c, x: (body(w, c, x), None), w * 0.0, xs)[0]

    return f


def stacks(graph):
    """How many arrays of one value per step the forward loop hands to the backward loop."""
    forward, backward = (e for e in graph.eqns if e.op.name == "scan")
    return sum(v in forward.outputs for v in backward.inputs)


@pytest.mark.parametrize("prevent_cse", [True, False])
def test_a_scan_of_a_checkpointed_body_keeps_the_carries(prevent_cse):
    xs = fnp.asarray(np.linspace(-1, 1, 7))
    plain = recurrent(lambda f: f)
    f = recurrent(lambda f: fl.checkpoint(f, prevent_cse=prevent_cse))
    assert stacks(fl.jit(fl.grad(plain)).lower(S, xs).optimised) > 1
    graph = fl.jit(fl.grad(f)).lower(S, xs).optimised
    assert stacks(graph) == 1
    backward = [e for e in graph.eqns if e.op.name == "scan"][1].params["body"]
    assert sum(e.op.name in ("sin", "exp", "tanh") for e in all_equations(backward)) >= 3
    for argnums in (0, 1):
        want = fl.grad(plain, argnums)(S, xs)
        same(fl.grad(f, argnums)(S, xs), want)
        same(fl.jit(fl.grad(f, argnums))(S, xs), want)
    same(fl.hessian(f)(S, xs), fl.hessian(plain)(S, xs), rtol=1e-10)
    same(fl.vmap(fl.grad(f), (0, None))(X, xs), fl.vmap(fl.grad(plain), (0, None))(X, xs))
    same(fl.jvp(f, (S, xs), (S, xs))[1], fl.jvp(plain, (S, xs), (S, xs))[1])


def test_a_checkpoint_of_a_scan_and_of_branches():
    xs = fnp.asarray(np.linspace(-1, 1, 5))
    plain = recurrent(lambda f: f)
    both = fl.value_and_grad(fl.checkpoint(plain))
    assert count(both, S, xs, op="scan") == count(fl.value_and_grad(plain), S, xs, op="scan") + 1
    same(both(S, xs)[1], fl.grad(plain)(S, xs))
    branch = lambda x: fl.lax.cond(x > 0, fnp.sin, fnp.cos, x) * x  # noqa: E731
    loop = lambda x: fl.lax.while_loop(lambda c: c[1] < 3, lambda c: (fnp.sin(c[0]), c[1] + 1), (x, 0))[0]  # fmt: skip  # noqa: E731, E501
    for f in (branch, loop):
        for wrap in (lambda g: g, fl.jit):
            same(wrap(fl.grad(fl.checkpoint(f)))(S), fl.grad(f)(S))
        same(fl.vmap(fl.grad(fl.checkpoint(f)))(X), fl.vmap(fl.grad(f))(X))


# --------------------------------------------------------------------------------- all else is kept
TRANSFORMS = {
    "value": lambda f: f,
    "jit": lambda f: fl.jit(f),
    "grad": lambda f: fl.grad(f),
    "jit of grad": lambda f: fl.jit(fl.grad(f)),
    "grad of jit": lambda f: fl.grad(fl.jit(f)),
    "jvp": lambda f: lambda x: fl.jvp(f, (x,), (x + 1,))[1],
    "linearize": lambda f: lambda x: fl.linearize(f, x)[1](x + 1),
    "jit of linearize": lambda f: fl.jit(lambda x: fl.linearize(f, x)[1](x + 1)),
    "linearize of jit": lambda f: lambda x: fl.linearize(fl.jit(f), x)[1](x + 1),
    "vmap": lambda f: fl.vmap(f, in_axes=0),
    "vmap of grad": lambda f: fl.vmap(fl.grad(lambda x: f(x))),
    "grad of vmap": lambda f: fl.grad(lambda x: fnp.sum(fl.vmap(f)(x))),
    "hessian": lambda f: fl.hessian(f),
    "third": lambda f: fl.grad(lambda x: fnp.sum(fl.grad(lambda y: fnp.sum(fl.grad(f)(y)))(x))),
    "transposed": lambda f: (
        lambda x: fl.vjp(lambda t: fl.jvp(f, (x,), (t,))[1], x)[1](x[0] * 0 + 1)[0]
    ),  # fmt: skip  # noqa: E501
}


@pytest.mark.parametrize("policy", [None, policies.everything_saveable])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_the_same_values_and_derivatives(name, policy):
    def f(x):
        return fnp.sum(fnp.sin(x) * fnp.exp(fnp.cos(x)))

    transform = TRANSFORMS[name]
    same(transform(fl.checkpoint(f, policy=policy))(X), transform(f)(X), rtol=1e-11)


def test_random_numbers_are_the_same_in_both_passes():
    key = fl.random.key(3)

    def dropped(x, key):
        noise = fl.random.normal(key, x.shape, "float64")
        return fnp.sum(fnp.sin(x * noise) * fnp.where(fl.random.bernoulli(key, 0.5), 2.0, 3.0))

    for wrap in (lambda f: f, fl.jit):
        same(wrap(fl.grad(fl.checkpoint(dropped)))(X, key), fl.grad(dropped)(X, key))


def test_outputs_arguments_and_captured_values():
    def outputs(x):
        return {"a": fnp.sin(x), "n": None, "i": fnp.argmax(x), "c": 1.0}

    out = fl.checkpoint(outputs)(X)
    assert out["n"] is None
    assert (out["i"].dtype, out["c"].dtype) == (np.int64, np.float32)
    same(fl.grad(lambda x: fnp.sum(fl.checkpoint(outputs)(x)["a"]))(X), np.cos(np.asarray(X)))
    same(fl.grad(fl.checkpoint(lambda x, *, k: fnp.sum(x * k["a"])))(X, k={"a": X}), X)
    indexed = fl.checkpoint(lambda x, i: fnp.sin(x[i]))
    same(fl.grad(indexed)(X, 1), [0, np.cos(-0.7)])
    same(fl.vmap(fl.grad(indexed), (None, 0))(X, fnp.arange(2)), np.diag(np.cos(np.asarray(X))))
    captured = lambda a: fl.checkpoint(lambda x: fnp.sum(fnp.sin(a * x)))(X)  # noqa: E731
    plain = lambda a: fnp.sum(fnp.sin(a * X))  # noqa: E731
    for wrap in (lambda f: f, fl.jit):
        same(wrap(fl.grad(captured))(S), fl.grad(plain)(S))
        same(wrap(fl.vmap(fl.grad(captured)))(X), fl.vmap(fl.grad(plain))(X))
    same(fl.hessian(captured)(S), fl.hessian(plain)(S))


def test_static_arguments_and_decorators():
    def f(x, n, how):
        return fnp.sum(x**n) if how == "sum" else x

    g = fl.checkpoint(f, static_argnums=(1, -1))
    same(fl.grad(g)(X, 3, "sum"), 3 * np.asarray(X) ** 2)
    same(fl.jit(fl.grad(g), static_argnums=(1, 2))(X, 3, "sum"), 3 * np.asarray(X) ** 2)

    @fl.checkpoint(prevent_cse=False, static_argnums=1)
    def power(x, n):
        """Text."""
        return x**n

    same(fl.grad(power)(S, 2), 0.6)
    assert (power.__name__, power.__doc__) == ("power", "Text.")


def test_effects_run_once_more(capsys):
    def f(x):
        fl.debug.print("x {}", x)
        return fnp.sin(x)

    fl.checkpoint(f)(S)
    assert capsys.readouterr().out == "x 0.3\n"
    for wrap in (lambda f: f, fl.jit):
        wrap(fl.grad(fl.checkpoint(f)))(S)
        assert capsys.readouterr().out == "x 0.3\n" * 2


@pytest.mark.parametrize("jit", [False, True])
def test_no_reference_cycles(jit):
    def work():
        f = fl.grad(fl.checkpoint(three_sines, policy=policies.dots_saveable))
        return (fl.jit(f) if jit else f)(X)

    for _ in range(3):
        work()
    gc.collect()
    gc.disable()
    try:
        for _ in range(10):
            work()
        assert gc.collect() == 0
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: fl.checkpoint(3.0), "checkpoint: the first argument must be a function, got flo"),
        (
            lambda: fl.checkpoint(three_sines, policy="dots"),
            "policy must be a function, got str 'dots'",
        ),
        (
            lambda: fl.checkpoint(
                three_sines, policy=type("P", (), {"__call__": 0, "__hash__": None})()
            ),
            "policy must be hashable, got P",
        ),
        (
            lambda: fl.grad(fl.checkpoint(three_sines, policy=policies.save_only_these_names))(X),
            "checkpoint: save_only_these_names is not a policy: ",
        ),
        (
            lambda: fl.grad(fl.checkpoint(three_sines, policy=lambda op, *a, **k: "yes"))(X),
            "it returned str 'yes' for sin, and must return a bool",
        ),
        (lambda: fl.checkpoint(three_sines, static_argnums=4)(X), "asks for positional argument 4"),
    ],
)
def test_mistakes(make, text):
    with pytest.raises(errors.TransformError, match=re.escape(text)):
        make()
