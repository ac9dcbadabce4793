"""Initializers against JAX's numbers, PyTorch's identities and their laws."""

import numpy as np
import pytest

import functorch_lite as fl
from functorch_lite import errors, nn, random

KEY = random.key(0)


@pytest.mark.peers
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "name",
    ["glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "lecun_normal", "lecun_uniform"],
)
def test_scaled_initializers_draw_jaxs_numbers(name, dtype):
    jax = pytest.importorskip("jax", exc_type=ImportError)
    with jax.enable_x64(True):
        for settings in ({}, {"in_axis": 1, "out_axis": 0}, {"batch_axis": 0}):
            shape = (4, 5, 6)
            expected = getattr(jax.nn.initializers, name)(**settings)(
                jax.random.key(3), shape, dtype
            )
            found = getattr(nn.initializers, name)(**settings)(random.key(3), shape, dtype)
            np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-7)


@pytest.mark.peers
@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg", "fan_geo_avg"])
@pytest.mark.parametrize("kind", ["normal", "uniform", "truncated_normal"])
def test_variance_scaling(mode, kind):
    jax = pytest.importorskip("jax", exc_type=ImportError)
    shape = (2, 3, 8, 5)
    expected = jax.nn.initializers.variance_scaling(0.7, mode, kind)(jax.random.key(1), shape)
    found = nn.initializers.variance_scaling(0.7, mode, kind)(random.key(1), shape)
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-7)


@pytest.mark.peers
@pytest.mark.parametrize("shape", [(4, 4), (3, 7), (7, 3), (2, 3, 4), (5, 2, 2)])
@pytest.mark.parametrize("axis", [-1, 0])
def test_orthogonal(shape, axis):
    jax = pytest.importorskip("jax", exc_type=ImportError)
    expected = jax.nn.initializers.orthogonal(1.5, axis)(jax.random.key(2), shape)
    make = nn.initializers.orthogonal(1.5, axis)
    found = make(random.key(2), shape)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-5)
    np.testing.assert_allclose(fl.jit(lambda k: make(k, shape))(random.key(2)), found, atol=1e-5)
    rows = np.moveaxis(np.asarray(make(random.key(2), shape, "float64")), axis, -1)
    rows = rows.reshape(-1, shape[axis]) / 1.5
    gram = rows.T @ rows if rows.shape[0] >= rows.shape[1] else rows @ rows.T
    np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-12)


@pytest.mark.peers
def test_delta_orthogonal_and_truncated_normal():
    jax = pytest.importorskip("jax", exc_type=ImportError)
    for shape in ((3, 4, 5), (3, 2, 4, 4), (1, 3, 3, 2, 6)):
        expected = jax.nn.initializers.delta_orthogonal()(jax.random.key(0), shape)
        found = nn.initializers.delta_orthogonal()(KEY, shape)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    expected = jax.nn.initializers.truncated_normal(0.3, lower=-1.0)(jax.random.key(0), (9, 9))
    found = nn.initializers.truncated_normal(0.3, lower=-1.0)(KEY, (9, 9))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.peers
def test_identities_and_gains():
    torch = pytest.importorskip("torch", exc_type=ImportError)
    np.testing.assert_array_equal(
        nn.initializers.eye()(None, (3, 4)), torch.nn.init.eye_(torch.empty(3, 4))
    )
    for shape, groups in (((4, 2, 3), 2), ((6, 3, 3, 2), 1), ((2, 5, 1, 2, 4), 1)):
        expected = torch.nn.init.dirac_(torch.empty(shape), groups)
        np.testing.assert_array_equal(nn.initializers.dirac(groups)(None, shape), expected)
    for name in ("linear", "conv2d", "conv_transpose3d", "sigmoid", "tanh", "relu", "selu"):
        assert nn.initializers.calculate_gain(name) == torch.nn.init.calculate_gain(name)
    for param in (None, 0.3):
        assert nn.initializers.calculate_gain("leaky_relu", param) == pytest.approx(
            torch.nn.init.calculate_gain("leaky_relu", param)
        )


def test_sparse():
    values = np.asarray(nn.initializers.sparse(0.3, 2.0)(KEY, (50, 20)))
    np.testing.assert_array_equal((values == 0).sum(0), [15] * 20)
    assert abs(values[values != 0].std() - 2) < 0.2


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda i: i.variance_scaling(1.0, "fan", "normal"), ValueError, "mode.*'fan'"),
        (lambda i: i.variance_scaling(1.0, "fan_in", "x"), ValueError, "distribution.*'x'"),
        (lambda i: i.glorot_normal()(KEY, (3,)), errors.ShapeError, r"got \(3,\)"),
        (lambda i: i.orthogonal()(KEY, (3,)), errors.ShapeError, r"orthogonal.*got \(3,\)"),
        (lambda i: i.orthogonal(1.0, 2)(KEY, (3, 3)), errors.AxisError, "column_axis 2"),
        (lambda i: i.delta_orthogonal()(KEY, (3, 4, 3)), errors.ShapeError, "as many outputs"),
        (lambda i: i.eye()(KEY, (3,)), errors.ShapeError, r"\[rows, columns\]; got \(3,\)"),
        (lambda i: i.dirac(2)(KEY, (3, 1, 1)), errors.ShapeError, "2 groups divide"),
        (lambda i: i.sparse(2.0), ValueError, r"sparsity in \[0, 1\]; got 2.0"),
        (lambda i: i.truncated_normal(lower=2.0), ValueError, "lower below upper"),
    ],
)
def test_messages(call, error, message):
    with pytest.raises(error, match=message):
        call(nn.initializers)
