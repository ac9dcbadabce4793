"""Forward mode, linear maps, and Jacobians."""

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


# -------------------------------------------------------------------------------------------- jvp
def test_jvp_of_several_arguments():
    x, y = vec(2.0, 3.0), vec(5.0, 7.0)
    out, tangent = fl.jvp(
        lambda x, y: {"xy": x * y, "x": x}, (x, y), (vec(1.0, 0.0), vec(0.0, 1.0))
    )
    same(out["xy"], [10, 21])
    same(tangent["xy"], [5, 3])
    same(tangent["x"], [1, 0])


def test_integer_primals_have_no_tangent():
    x, n = vec(2.0), fnp.asarray(np.array([3]))
    out, tangent = fl.jvp(lambda x, n: (x * n, n + 1), (x, n), (x, np.zeros(1, fl.float0)))
    same(tangent[0], [6])
    assert tangent[1].dtype == fl.float0
    assert tangent[1].shape == (1,)
    same(out[1], [4])


def test_constant_outputs_have_zero_tangents():
    x = vec(2.0)
    same(fl.jvp(lambda x: vec(1.0, 2.0), (x,), (x,))[1], [0, 0])
    same(fl.jvp(lambda x: fnp.floor(x), (x,), (x,))[1], [0])
    same(fl.linearize(lambda x: vec(1.0, 2.0), x)[1](x), [0, 0])


def test_tangents_are_checked():
    x = fnp.ones(3)
    f = lambda x: x  # noqa: E731
    with pytest.raises(errors.TreeError, match="primals have structure"):
        fl.jvp(f, (x,), (x, x))
    with pytest.raises(
        errors.GradientError, match=r"tangent 0 has shape \(2,\), its primal \(3,\)"
    ):
        fl.jvp(f, (x,), (fnp.ones(2),))
    with pytest.raises(errors.GradientError, match=r"Convert it with t.astype\('float32'\)"):
        fl.jvp(f, (x,), (vec(1.0, 2.0, 3.0),))
    with pytest.raises(errors.TransformError, match=r"Write jvp\(<lambda>, \(x,\), \(t,\)\)"):
        fl.jvp(f, x, x)
    _, f_jvp = fl.linearize(f, x)
    with pytest.raises(errors.TreeError, match="primals have structure"):
        f_jvp(x, x)


# -------------------------------------------------------------------------------------- linearize
def counted(f):
    """f(), and the names of the ops that ran meanwhile."""
    names, call = [], Op.__call__

    def counting(op, *args, **params):
        names.append(op.name)
        return call(op, *args, **params)

    Op.__call__ = counting
    try:
        return f(), names
    finally:
        Op.__call__ = call


def test_linearize_repeats_no_primal_work():
    x, t = vec(0.5, 1.0), vec(1.0, 2.0)
    calls = []

    def f(x):
        calls.append(x)
        return fnp.sin(fnp.exp(x)) * 2.0

    for function in (f, fl.jit(f)):
        out, f_jvp = fl.linearize(function, x)
        same(out, 2 * np.sin(np.exp(np.asarray(x))))
        want = 2 * np.cos(np.exp(np.asarray(x))) * np.exp(np.asarray(x)) * np.asarray(t)
        runs = len(calls)
        for _ in range(3):
            same(f_jvp(t), want)
        assert len(calls) == runs
        program = str(fl.make_graph(f_jvp)(t))
        assert not any(f" {name}(" in program for name in ("sin", "cos", "exp"))
        _, names = counted(lambda: f_jvp(t))  # noqa: B023
        assert not {"sin", "cos", "exp"} & set(names)


def test_a_linearized_function_composes():
    x = vec(0.5, 1.0)
    _, f_jvp = fl.linearize(lambda x: x**3, x)
    slope = 3 * np.asarray(x) ** 2
    same(fl.vmap(f_jvp)(fnp.asarray(np.eye(2))), np.diag(slope))
    same(fl.jit(f_jvp)(x), slope * np.asarray(x))
    same(fl.grad(lambda t: fnp.sum(f_jvp(t)))(x), slope)
    same(fl.linear_transpose(f_jvp, x)(x)[0], slope * np.asarray(x))


def test_linearize_inside_other_transforms():
    def second(x):
        return fl.linearize(fl.grad(lambda x: fnp.sum(x**3)), x)[1](fnp.ones(2, "float64"))

    x = vec(0.5, 1.0)
    same(second(x), 6 * np.asarray(x))
    same(fl.jit(second)(x), 6 * np.asarray(x))
    same(fl.grad(lambda x: fnp.sum(second(x)))(x), [6, 6])
    same(fl.vmap(second)(fnp.stack([x, 2 * x])), [6 * np.asarray(x), 12 * np.asarray(x)])


# ------------------------------------------------------------------------------- linear_transpose
LINEAR = {
    "scale": lambda x: 3.0 * x,
    "matmul": lambda x: fnp.asarray(np.arange(6.0).reshape(2, 3)) @ x,
    "reshape": lambda x: fnp.reshape(x, (3, 1)),
    "reverse": lambda x: x[::-1],
    "gather": lambda x: x[fnp.asarray([2, 0, 2])],
    "sum": lambda x: fnp.sum(x) * fnp.ones(2, "float64"),
    "two outputs": lambda x: (x, fnp.cumsum(x)),
    "jit": fl.jit(lambda x: x * 2.0 + x),
    "pad": lambda x: fnp.pad(x, (1, 2)),
    "concatenate": lambda x: fnp.concatenate([x, 2 * x]),
    "constant": lambda x: fnp.zeros(2, "float64"),
    "identity": lambda x: x,
}


@pytest.mark.parametrize("name", LINEAR)
def test_the_transpose_obeys_the_inner_product(name):
    f = LINEAR[name]
    x = vec(1.0, -2.0, 5.0)
    out = f(x)
    ct = fl.tree.map(lambda o: fnp.cos(o + 1.0), out)
    (back,) = fl.linear_transpose(f, x)(ct)
    (from_struct,) = fl.linear_transpose(f, fl.ShapeDtypeStruct((3,), "float64"))(ct)
    dot = lambda a, b: sum(  # noqa: E731
        float(fnp.sum(p * q)) for p, q in zip(fl.tree.leaves(a), fl.tree.leaves(b), strict=True)
    )
    np.testing.assert_allclose(dot(ct, out), dot(back, x), rtol=1e-12)
    np.testing.assert_array_equal(np.asarray(back), np.asarray(from_struct))
    np.testing.assert_allclose(
        np.asarray(fl.jit(fl.linear_transpose(f, x))(ct)[0]), np.asarray(back), rtol=1e-12
    )


def test_the_transpose_of_two_arguments():
    f = lambda x, y: 2.0 * x - y  # noqa: E731
    gx, gy = fl.linear_transpose(f, 1.0, 1.0)(5.0)
    assert (float(gx), float(gy)) == (10, -5)


@pytest.mark.parametrize(
    ("f", "op"),
    [
        (lambda x: fnp.sin(x), "sin"),
        (lambda x: x * x, "mul"),
        (lambda x: fnp.floor(x), "floor"),
        (lambda x: 1.0 / x, "div"),
        (lambda x: fnp.maximum(x, 0.0), "maximum"),
        (lambda x: x @ x, "dot_general"),
        (lambda x: fnp.linalg.inv(fnp.diag(x)), "inv"),
        (lambda x: fnp.linalg.cholesky(fnp.diag(x)), "cholesky"),
        (lambda x: fnp.linalg.solve(fnp.diag(x), x), "solve"),
    ],
)
def test_what_is_not_linear_is_named_with_its_line(f, op):
    with pytest.raises(errors.GradientError, match=rf"{op} at .*test_forward.py.*is not linear"):
        out = f(fnp.ones(3))
        fl.linear_transpose(f, fnp.ones(3))(out)


def test_the_transpose_checks_its_arguments():
    with pytest.raises(errors.GradientError, match="argument x is int64"):
        fl.linear_transpose(lambda x: x, fnp.asarray([1]))
    transposed = fl.linear_transpose(lambda x: x, fnp.ones(3))
    with pytest.raises(errors.GradientError, match=r"cotangent of shape \(2,\)"):
        transposed(fnp.ones(2))
    with pytest.raises(errors.TreeError, match="the cotangent has structure"):
        transposed((fnp.ones(3),))


# -------------------------------------------------------------------------------------- Jacobians
def test_jacobians_of_matrices_have_the_shapes_of_both_sides():
    x = fnp.asarray(np.arange(6.0).reshape(2, 3))

    def f(x):
        return fnp.sin(x) @ fnp.ones((3, 4), "float64")

    want = np.zeros((2, 4, 2, 3))
    for i in range(2):
        want[i, :, i, :] = np.cos(np.asarray(x))[i]
    for jacobian in (fl.jacfwd, fl.jacrev, lambda f: fl.jit(fl.jacrev(fl.jit(f)))):
        same(jacobian(f)(x), want)


def test_jacobians_of_two_arguments():
    x, y = vec(1.0, 2.0), vec(3.0)
    for jacobian in (fl.jacfwd, fl.jacrev):
        jx, jy = jacobian(lambda x, y: x * y, argnums=(0, 1))(x, y)
        same(jx, 3 * np.eye(2))
        same(jy, [[1], [2]])
    blocks = fl.hessian(lambda x, y: fnp.sum(x * x * y), argnums=(0, 1))(x, y)
    same(blocks[0][0], 6 * np.eye(2))
    same(blocks[0][1], [[2], [4]])
    same(blocks[1][0], [[2, 4]])
    same(blocks[1][1], [[0]])


@pytest.mark.parametrize("name", ["jacfwd", "jacrev", "hessian"])
def test_jacobians_refuse_integers_by_name(name):
    transform = getattr(fl, name)
    with pytest.raises(errors.GradientError, match=f"{name} of <lambda>: argument n is int64"):
        transform(lambda n: n * 1.0)(fnp.asarray([1]))
    if name != "hessian":
        with pytest.raises(
            errors.GradientError, match="must return floating-point arrays, got int64"
        ):
            transform(lambda x: (x, fnp.argmax(x)))(fnp.ones(2))
