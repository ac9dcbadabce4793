"""``custom_jvp``: arguments, dtypes, captured values, symbolic zeros, and wrong rules."""

import functools

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors

X = fnp.asarray(np.array([0.3, -0.7]))
S = fnp.asarray(np.array(0.3))


def same(got, want, rtol=1e-12):
    np.testing.assert_allclose(np.asarray(got), np.asarray(want), rtol=rtol)


def with_rule(f, rule, **kwargs):
    f = fl.custom_jvp(f, **kwargs)
    f.defjvp(rule)
    return f


# -------------------------------------------------------------------------------------- arguments
@fl.custom_jvp
def affine(params, scale):
    return {"out": params["w"] * scale, "none": None, "rest": [params["b"]]}


@affine.defjvp
def affine_rule(primals, tangents):
    (p, s), (dp, ds) = primals, tangents
    assert p["none"] is None
    assert dp["none"] is None
    return affine(p, s), {
        "out": 2 * (dp["w"] * s + p["w"] * ds),
        "none": None,
        "rest": [3 * dp["b"]],
    }


PARAMS = {"w": X, "b": S, "none": None}


def affine_loss(params, scale):
    out = affine(params, scale)
    assert out["none"] is None
    return fnp.sum(out["out"]) + out["rest"][0]


@pytest.mark.parametrize("wrap", [lambda f: f, fl.jit, fl.checkpoint])
def test_trees_in_and_out(wrap):
    g, gs = fl.grad(wrap(affine_loss), (0, 1))(PARAMS, S)
    same(g["w"], [0.6, 0.6])
    same(g["b"], 3.0)
    assert g["none"] is None
    same(gs, 2 * np.sum(np.asarray(X)))
    out, dot = fl.jvp(wrap(affine), (PARAMS, S), (PARAMS, S))
    assert fl.tree.structure(out) == fl.tree.structure(dot)
    same(dot["out"], 4 * 0.3 * np.asarray(X))
    same(dot["rest"][0], 0.9)
    batch = {"w": X[None] * fnp.ones((3, 1)), "b": fnp.ones(3), "none": None}
    gs = fl.vmap(fl.grad(wrap(affine_loss), 1), in_axes=(0, None))(batch, S)
    same(gs, np.full(3, 2 * np.sum(np.asarray(X))))


def test_keywords_defaults_and_integers():
    @fl.custom_jvp
    def power(x, scale=3.0, n=2):
        return x**n * scale

    @power.defjvp
    def rule(primals, tangents):
        x, scale, n = primals
        assert tangents[2].dtype == fl.float0
        assert tangents[2].shape == ()
        return power(x, scale, n), 7.0 * tangents[0] + tangents[1]

    for wrap in (lambda f: f, fl.jit):
        same(fl.grad(wrap(power))(S), 7.0)
        same(fl.grad(wrap(lambda x: power(n=3, scale=2.0, x=x)))(S), 7.0)
        same(fl.grad(wrap(lambda x: power(x, n=fnp.asarray(3))))(S), 7.0)
        same(fl.grad(wrap(lambda c: power(S, c)))(S), 1.0)
    same(power(S), 3 * 0.09)
    same(power(x=S, n=1), 0.9)
    with pytest.raises(TypeError, match=r"^power: missing a required argument: 'x'$"):
        power(n=2)
    with pytest.raises(TypeError, match=r"^power: got an unexpected keyword argument 'm'$"):
        power(S, m=2)


def test_integer_outputs_have_no_tangent():
    f = with_rule(lambda x: (x * 2, fnp.argmax(x)), lambda p, t: (f(p[0]), (5 * t[0], t[0])))
    out, dot = fl.jvp(f, (X,), (X,))
    assert dot[1].dtype == fl.float0
    same(dot[0], 5 * np.asarray(X))
    same(fl.grad(lambda x: f(x)[0][f(x)[1]])(X), [5, 0])
    same(fl.jit(fl.grad(lambda x: f(x)[0][f(x)[1]]))(X), [5, 0])


def test_methods_and_static_methods():
    class Model:
        scale = 2.0

        @functools.partial(fl.custom_jvp, nondiff_argnums=0)
        def apply(self, x):
            return self.scale * x

        @staticmethod
        @fl.custom_jvp
        def double(x):
            return 2 * x

    @Model.apply.defjvp
    def rule(self, primals, tangents):
        return self.apply(*primals), 100 * self.scale * tangents[0]

    Model.double.defjvps(lambda t, out, x: 50 * t)
    model = Model()
    same(model.apply(S), 0.6)
    same(fl.grad(model.apply)(S), 200)
    same(fl.jit(fl.grad(model.apply))(S), 200)
    same(fl.grad(model.double)(S), 50)
    assert Model.apply.__name__ == "apply"


def test_it_keeps_the_functions_name_and_text():
    @fl.custom_jvp
    def documented(x):
        """Text."""
        return x

    assert (documented.__name__, documented.__doc__) == ("documented", "Text.")
    assert repr(documented) == "<custom_jvp of documented>"
    assert documented.defjvp(affine_rule) is affine_rule


def test_stacked_with_jit():
    inner = fl.custom_jvp(fl.jit(lambda x: fnp.sin(x)))
    inner.defjvps(lambda t, out, x: 10 * t)
    outer = fl.jit(inner)
    for f in (inner, outer, fl.jit(outer)):
        same(fl.grad(f)(S), 10)
        same(fl.vmap(fl.grad(f))(X), [10, 10])
        same(f(S), np.sin(0.3))


@pytest.mark.parametrize("nums", [(0, 2), (-3, 2), [0, -1], np.array([0, 2])])
def test_nondiff_argnums(nums):
    @functools.partial(fl.custom_jvp, nondiff_argnums=nums)
    def apply(f, x, how):
        return f(x) if how == "once" else f(f(x))

    @apply.defjvp
    def rule(f, how, primals, tangents):
        return apply(f, *primals, how), {"once": 5, "twice": 7}[how] * tangents[0]

    for how, want in (("once", 5), ("twice", 7)):
        same(fl.grad(lambda x: apply(fnp.sin, x, how))(S), want)  # noqa: B023
        same(fl.jit(fl.grad(lambda x: apply(fnp.sin, x, how)))(S), want)  # noqa: B023
        same(fl.vmap(fl.grad(lambda x: apply(fnp.sin, x, how)))(X), [want] * 2)  # noqa: B023
    same(apply(fnp.sin, S, "twice"), np.sin(np.sin(0.3)))


# ------------------------------------------------------------------------------------------ dtypes
def plain_scale(x, c):
    return x * c


def plain_double(c):
    return c * 2


scale = fl.custom_jvp(plain_scale)
scale.defjvps(lambda t, out, x, c: t * c, lambda t, out, x, c: t * x)
double = fl.custom_jvp(plain_double)
double.defjvps(lambda t, out, c: t * 2)


def dtypes(value):
    return [leaf.dtype.name for leaf in fl.tree.leaves(value)]


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32", "float64"])
def test_python_scalars_stay_weak(dtype):
    """The results have the dtypes that the same function has without a rule."""
    x = fnp.ones(2, dtype)
    programs = [
        lambda scale, double: scale(x, 2.0),
        lambda scale, double: x * double(2.0),
        lambda scale, double: fl.jit(scale)(x, 2.0),
        lambda scale, double: fl.jit(lambda x, c: x * double(c))(x, 2.0),
        lambda scale, double: fl.vmap(lambda x: x * double(2.0) + scale(x, 3.0))(x),
        lambda scale, double: fl.vjp(scale, x, 2.0)[1](x),
        lambda scale, double: fl.jvp(scale, (x, 2.0), (x, 1.0)),
        lambda scale, double: fl.linearize(scale, x, 2.0)[1](x, 1.0),
        lambda scale, double: fl.value_and_grad(
            lambda x, c: fnp.sum(x * double(c)), argnums=(0, 1)
        )(x, 2.0),
        lambda scale, double: fl.jvp(lambda x, c: x * double(c), (x, 2.0), (x, 1.0)),
        lambda scale, double: fl.lax.scan(lambda c, _: (scale(c, 2.0), None), x, None, length=2)[0],
    ]
    for program in programs:
        assert dtypes(program(scale, double)) == dtypes(program(plain_scale, plain_double))


def test_a_result_of_python_numbers_alone():
    for f in (fl.jit(double), lambda c: fl.vmap(double)(fnp.asarray([c]))[0], fl.grad(double)):
        assert f(2.0).dtype == np.float32


# -------------------------------------------------------------------- values that are closed over
def scaled_sine(a, x, lie=7.0):
    f = fl.custom_jvp(lambda x: a * fnp.sin(x))
    f.defjvps(lambda t, out, x: lie * a * t)
    return f(x)


def test_closing_over_values_of_jit_and_vmap():
    xs, ys = np.asarray(X), np.array([0.5, 2.0])
    want = ys * np.sin(xs)
    same(fl.jit(scaled_sine)(S, S), 0.3 * np.sin(0.3))
    same(fl.jit(fl.grad(scaled_sine, 1))(S, S), 2.1)
    for wrap in (fl.vmap, lambda f: fl.jit(fl.vmap(f)), lambda f: fl.vmap(fl.jit(f))):
        same(wrap(scaled_sine)(ys, X), want)
    same(fl.vmap(scaled_sine, (0, None))(ys, S), ys * np.sin(0.3))
    same(fl.vmap(fl.grad(scaled_sine, 1))(ys, X), 7 * ys)
    same(fl.jit(fl.vmap(fl.grad(scaled_sine, 1)))(ys, X), 7 * ys)
    same(fl.grad(lambda x: fnp.sum(fl.vmap(scaled_sine)(ys, x)))(X), 7 * ys)
    grid = fl.vmap(lambda a: fl.vmap(lambda x: scaled_sine(a, x))(X))(ys)
    same(grid, ys[:, None] * np.sin(xs))
    inside = fl.vmap(lambda a, x: fl.vmap(lambda c: scaled_sine(a, x + c - c))(X)[0])(ys, X)
    same(inside, want)
    same(fl.lax.scan(lambda c, a: (c, scaled_sine(a, c)), S, ys)[1], ys * np.sin(0.3))


def test_closing_over_a_value_of_vmap_with_control_flow_inside():
    def f(a, x):
        g = with_rule(
            lambda x: fl.jit(lambda y: fl.lax.cond(y > 0, lambda y: a * y, lambda y: -a * y, y))(x),
            lambda p, t: (g(p[0]), 7 * a * t[0]),
        )
        return g(x)

    ys = np.array([0.5, 2.0])
    same(fl.vmap(f)(ys, X), ys * np.abs(np.asarray(X)))
    same(fl.vmap(fl.grad(f, 1))(ys, X), 7 * ys)


MESSAGE = (
    r"custom_jvp of <lambda>: \S+ uses a value of {} that is not an argument: it closes over it.*"
    r"closure_convert finds"
)


@pytest.mark.parametrize("argnums", [0, (0, 1)])
@pytest.mark.parametrize(
    ("transform", "whose"),
    [
        (lambda f, n: fl.grad(f, n)(S, S), "grad of scaled_sine"),
        (lambda f, n: fl.jit(fl.grad(f, n))(S, S), "grad of scaled_sine"),
        (lambda f, n: fl.jit(fl.jacfwd(f, n))(S, S), "j.*"),
        (lambda f, n: fl.vmap(fl.grad(f, n))(X, X), "grad of scaled_sine"),
        (lambda f, n: fl.linearize(f, S, S) if n else fl.linearize(lambda a: f(a, S), S), "line.*"),
        (lambda f, n: fl.jvp(f, (S, S), (S, S)), "jvp of scaled_sine"),
        (lambda f, n: fl.grad(lambda a: fl.vmap(f, (None, 0))(a, X).sum())(S), "grad of <lambda>"),
    ],
)
def test_closing_over_a_differentiated_value(transform, whose, argnums):
    with pytest.raises(errors.GradientError, match=MESSAGE.format(whose)):
        transform(scaled_sine, argnums)


def test_closing_over_a_differentiated_value_inside_jit():
    with pytest.raises(errors.GradientError, match="closes over a value that is differentiated"):
        fl.grad(fl.jit(scaled_sine))(S, S)
    with pytest.raises(errors.GradientError, match="closes over a value that is differentiated"):
        fl.jvp(fl.jit(scaled_sine), (S, S), (S, S))


def test_a_rule_that_outlives_what_it_closes_over():
    with pytest.raises(
        errors.EscapedTracerError,
        match=r"uses a value of jit of scaled_sine, which has ended, that is not an argument",
    ):
        fl.grad(fl.jit(scaled_sine), 1)(S, S)


def test_a_differentiated_value_as_a_nondiff_argument():
    f = fl.custom_jvp(lambda a, x: a * x, nondiff_argnums=0)
    f.defjvp(lambda a, p, t: (f(a, *p), a * t[0]))
    same(fl.jit(fl.grad(f, 1))(S, S), 0.3)
    same(fl.vmap(fl.grad(f, 1))(X, X), np.asarray(X))
    with pytest.raises(errors.GradientError, match="or gets it by nondiff_argnums"):
        fl.grad(f)(S, S)


def test_an_error_of_the_function_passes_through():
    f = with_rule(lambda x: int("no"), lambda p, t: int("no"))
    for run in (f, fl.grad(f), fl.jit(f), fl.vmap(f), lambda x: fl.grad(lambda y: f(S) * y)(x)):
        with pytest.raises(ValueError, match="invalid literal"):
            run(X)
    same(fl.grad(fnp.sin)(S), np.cos(0.3))  # nothing is left switched on


# ----------------------------------------------------------------------------------------- the rule
def test_python_control_flow_on_values():
    def rule(primals, tangents):
        (x,) = primals
        return x, tangents[0] * (2.0 if x > 0 else 3.0)

    f = with_rule(lambda x: x, rule)
    same(fl.grad(f)(S), 2.0)
    same(fl.grad(f)(-S), 3.0)
    same(fl.jvp(f, (-S,), (1.0,))[1], 3.0)
    same(fl.linearize(f, -S)[1](1.0), 3.0)
    with pytest.raises(errors.NonConcreteError):
        fl.jit(fl.grad(f))(S)


@pytest.mark.parametrize("wrap", [lambda f: f, fl.jit, lambda f: lambda *a: fl.jit(f)(*a)])
def test_symbolic_zeros(wrap):
    seen = []

    def rule(primals, tangents):
        seen.append([type(t).__name__ == "SymbolicZero" for t in fl.tree.leaves(tangents)])
        zero = next(t for t in fl.tree.leaves(tangents) if type(t).__name__ == "SymbolicZero")
        assert (zero.shape, zero.ndim, zero.size) == ((2,), 1, 2)
        assert zero.dtype == np.float64
        assert repr(zero) == "SymbolicZero(f64[2])"
        assert zero.instantiate().shape == (2,)
        (x, pair), (t, _) = primals, tangents
        return f(x, pair), zero if zero is t else t * 5

    f = fl.custom_jvp(lambda x, pair: x * pair[0] + pair[1])
    f.defjvp(rule, symbolic_zeros=True)
    same(fl.grad(wrap(lambda x: fnp.sum(f(x, (X, X)))))(X), [5, 5])
    assert seen == [[False, True, True]]
    same(fl.grad(wrap(lambda y: fnp.sum(f(X, (y, X)))))(X), [0, 0])
    assert seen[1:] == [[True, False, True]]


def test_zeros_are_arrays_by_default():
    def rule(primals, tangents):
        assert all(isinstance(t, fl.Array) for t in tangents)
        assert [t.shape for t in tangents] == [(2,), (2,), (3,)]
        assert [t.dtype for t in tangents[1:]] == [np.float64, fl.float0]
        return primals[0] * primals[1], tangents[0] * 5 + tangents[1]

    f = with_rule(lambda x, y, n: x * y, rule)
    same(fl.grad(lambda x: fnp.sum(f(x, X, fnp.arange(3))))(X), [5, 5])


def test_defjvps_of_trees_and_of_nothing():
    f = fl.custom_jvp(lambda p, y, n: {"a": p["w"] * p["b"], "n": y})
    f.defjvps(
        lambda t, out, p, y, n: {"a": 5 * (t["w"] * p["b"] + p["w"] * t["b"]), "n": None},
        None,
        None,
    )
    tree = {"w": X, "b": X}

    def loss(w, y):
        return fnp.sum(f({"w": w, "b": X}, y, 3)["a"]) + f({"w": w, "b": X}, y, 3)["n"]

    same(fl.grad(loss)(X, S), 5 * np.asarray(X))
    same(fl.grad(loss, 1)(X, S), 0)
    same(fl.jvp(lambda t: f(t, S, 3)["a"], (tree,), (tree,))[1], 10 * np.asarray(X) ** 2)
