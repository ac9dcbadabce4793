"""Arrays and tracers inside jaxtyping annotations, checked at run time by beartype."""

import pytest
from jaxtyping import Bool, Float, Float32, Float64, Int, Int64, Shaped, TypeCheckError, jaxtyped

from functorch_lite import Array, grad, jit, jvp, vmap
from functorch_lite import numpy as fnp

beartype = pytest.importorskip("beartype").beartype


@jaxtyped(typechecker=beartype)
def linear(
    x: Float[Array, "batch features"],  # noqa: F722
    w: Float[Array, "features out"],  # noqa: F722
) -> Float[Array, "batch out"]:  # noqa: F722
    return x @ w


X = fnp.ones((5, 4))
W = fnp.ones((4, 3))


def total(w):
    return fnp.sum(linear(X, w))


def test_arrays_pass():
    assert linear(X, W).shape == (5, 3)


@pytest.mark.parametrize(
    "run",
    [
        lambda: grad(total)(W),
        lambda: jit(linear)(X, W),
        lambda: jit(grad(total))(W),
        lambda: jvp(lambda w: linear(X, w), (W,), (W,)),
        lambda: vmap(linear, in_axes=(0, None))(fnp.ones((2, 5, 4)), W),
        lambda: vmap(grad(total))(fnp.ones((2, 4, 3))),
    ],
    ids=["grad", "jit", "jit-grad", "jvp", "vmap", "vmap-grad"],
)
def test_tracers_pass(run):
    run()


@pytest.mark.parametrize(
    "wrap", [lambda f: f, jit, lambda f: lambda x, w: grad(lambda v: fnp.sum(f(x, v)))(w)]
)
def test_a_wrong_shape_is_reported(wrap):
    with pytest.raises(TypeCheckError, match="features"):
        wrap(linear)(X, fnp.ones((5, 3)))


def test_a_wrong_dtype_is_reported():
    with pytest.raises(TypeCheckError):
        linear(X, fnp.ones((4, 3), dtype="int64"))


@pytest.mark.parametrize(
    ("annotation", "dtype", "fits"),
    [
        (Float32, "float32", True),
        (Float64, "float32", False),
        (Float, "bfloat16", True),
        (Int, "int8", True),
        (Int64, "int64", True),
        (Bool, "bool", True),
        (Bool, "int8", False),
        (Shaped, "complex64", True),
    ],
)
def test_dtypes(annotation, dtype, fits):
    x = fnp.zeros((2, 3), dtype=dtype)
    assert isinstance(x, annotation[Array, "a b"]) is fits
    seen = []
    jit(lambda t: seen.append(isinstance(t, annotation[Array, "a b"])) or t)(x)
    assert seen == [fits]
