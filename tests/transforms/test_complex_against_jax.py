"""Random programs over complex numbers: value, gradient, Jacobian products and batches as JAX's."""

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import lax

jax = pytest.importorskip("jax")
jnp = jax.numpy

pytestmark = pytest.mark.peers


class Ours:
    np, lax = fnp, lax
    grad, vjp, jvp, vmap = fl.grad, fl.vjp, fl.jvp, fl.vmap
    array = staticmethod(fnp.asarray)


class Theirs:
    np, lax = jnp, jax.lax
    grad, vjp, jvp, vmap = jax.grad, jax.vjp, jax.jvp, jax.vmap
    array = staticmethod(jnp.asarray)


# Each takes a namespace and one or two complex matrices of 3 by 3, and returns another. Conditions
# stay away from 0, which sums that vanish miss by a rounding to either side.
UNARY = {
    "exp": lambda m, x: m.np.exp(0.3 * x),
    "log": lambda m, x: m.np.log(x + 0.1j),
    "log1p": lambda m, x: m.np.log1p(x),
    "expm1": lambda m, x: m.np.expm1(0.3 * x),
    "sqrt": lambda m, x: m.np.sqrt(x),
    "rsqrt": lambda m, x: m.lax.rsqrt(x + 3),
    "square": lambda m, x: m.np.square(x),
    "reciprocal": lambda m, x: m.np.reciprocal(x + 2j),
    "integer_pow": lambda m, x: x**3 / 4,
    "power": lambda m, x: (x + 0.5) ** 0.7,
    "negative_power": lambda m, x: (x + 2) ** -2,
    "sin": lambda m, x: m.np.sin(0.5 * x),
    "cos": lambda m, x: m.np.cos(0.5 * x),
    "tan": lambda m, x: m.np.tan(0.3 * x),
    "tanh": lambda m, x: m.np.tanh(0.4 * x),
    "sinh": lambda m, x: m.np.sinh(0.4 * x),
    "cosh": lambda m, x: m.np.cosh(0.4 * x),
    "arcsin": lambda m, x: m.np.arcsin(x + 0.2j),
    "arccos": lambda m, x: m.np.arccos(x + 0.2j),
    "arctan": lambda m, x: m.np.arctan(0.4 * x),
    "arcsinh": lambda m, x: m.np.arcsinh(0.5 * x),
    "arctanh": lambda m, x: m.np.arctanh(0.4 * x),
    "conj": lambda m, x: m.np.conj(x),
    "real": lambda m, x: m.np.real(x) * (1 + 0.5j),
    "imag": lambda m, x: m.np.imag(x) + 0.5j,
    "abs": lambda m, x: m.np.abs(x) * 1j,
    "angle": lambda m, x: m.np.angle(x) + 1j,
    "rotate": lambda m, x: m.lax.complex(m.np.imag(x), m.np.real(x)),
    "sum": lambda m, x: x / 3 + m.np.sum(x, 0) / 5,
    "mean": lambda m, x: x - m.np.mean(x, 1, keepdims=True),
    "var": lambda m, x: x * 0.5 + m.np.var(x, 0),
    "prod": lambda m, x: x + m.np.prod(x, 0) / 9,
    "cumsum": lambda m, x: m.np.cumsum(x, 1) / 2,
    "cumprod": lambda m, x: m.np.cumprod(x, 0) / 4,
    "transpose": lambda m, x: x.T,
    "flip": lambda m, x: x[::-1],
    "roll": lambda m, x: m.np.roll(x, 1, 1),
    "take": lambda m, x: x[np.array([2, 0, 0])],
    "scatter": lambda m, x: x.at[np.array([0, 0, 1])].add(x * 1j),
    "set": lambda m, x: x.at[1].set(m.np.conj(x[0])),
    "where": lambda m, x: m.np.where(m.np.real(x) > 1e-3, x, m.np.conj(x) * 2j),
    "concatenate": lambda m, x: m.np.concatenate([x[1:], x[:1] * 1j]),
    "pad": lambda m, x: m.np.pad(x[:2], ((1, 0), (0, 0))),
    "sort": lambda m, x: m.np.sort(x, 0),
    "fft": lambda m, x: m.np.fft.fft(x, axis=0) / 2,
    "ifft": lambda m, x: m.np.fft.ifft(x) * 2,
    "rfft": lambda m, x: x + m.np.fft.rfft(m.np.real(x), 4),
    "irfft": lambda m, x: m.np.fft.irfft(x, 3) * (1 - 1j),
    "norm": lambda m, x: x / m.np.sqrt(1 + m.np.sum(m.np.abs(x) ** 2)),
    "trace": lambda m, x: x + m.np.trace(x) / 4,
    "single": lambda m, x: x.astype("complex64").astype("complex128"),
    "real_dtype": lambda m, x: m.np.real(x).astype("complex128") * x / 2,
}
BINARY = {
    "add": lambda m, x, y: x + y,
    "sub": lambda m, x, y: x - y,
    "mul": lambda m, x, y: x * y / 2,
    "div": lambda m, x, y: x / (y + 3),
    "pow": lambda m, x, y: (x + 2.5) ** (y / 4),
    "matmul": lambda m, x, y: x @ y / 3,
    "einsum": lambda m, x, y: m.np.einsum("ij,kj->ik", x, m.np.conj(y)) / 3,
    "outer": lambda m, x, y: m.np.outer(x[0], y[1]),
    "vdot": lambda m, x, y: x + m.np.vdot(x, y) / 9,
    "dot_general": lambda m, x, y: m.lax.dot_general(x, y, (((0,), (1,)), ((), ()))) / 3,
    "where": lambda m, x, y: m.np.where(m.np.imag(y) > 1e-3, x, y),
    "real_by_imag": lambda m, x, y: m.np.real(x) * m.np.imag(y) + 0.3j * x,
    "convolve": lambda m, x, y: x * 0.5 + m.np.convolve(x[0], y[0], "same") / 3,
}


def program(rng, length=6):
    """A chain of operations, the binary ones with an earlier value."""
    steps = []
    for i in range(length):
        if rng.random() < 0.35:
            steps.append(("two", rng.choice(sorted(BINARY)), int(rng.integers(0, i + 2))))
        else:
            steps.append(("one", rng.choice(sorted(UNARY)), 0))
    return steps


def run(m, steps, x, y):
    values = [x, y]
    for kind, name, other in steps:
        here = values[-1]
        values.append(
            UNARY[name](m, here) if kind == "one" else BINARY[name](m, here, values[other])
        )
    return values[-1]


def results(m, steps, x, y, ct, ts, whole):
    """Everything that is compared, as a list of arrays."""
    x, y, ct = m.array(x), m.array(y), m.array(ct)

    def f(x, y):
        return run(m, steps, x, y)

    def loss(x, y):
        return m.np.sum(m.np.abs(f(x, y) + 0.25) ** 2)

    out, pull = m.vjp(f, x, y)
    tangents = tuple(map(m.array, ts))
    dot = m.jvp(f, (x, y), tangents)[1]
    if not whole:
        return [np.asarray(r) for r in (out, *pull(ct), dot)]
    again = m.jvp(m.grad(loss), (x, y), tangents)[1]
    rows = m.vmap(m.grad(loss), (0, None))(m.np.stack([x, y]), y)
    return [np.asarray(r) for r in (out, *pull(ct), dot, *m.grad(loss, (0, 1))(x, y), again, rows)]


def compare(steps, seed, whole=True):
    rng = np.random.default_rng(seed)
    x, y, ct, *ts = (rng.normal(size=(5, 3, 3)) + 1j * rng.normal(size=(5, 3, 3))).copy()
    with jax.enable_x64(True):
        want = results(Theirs, steps, x, y, ct, ts, whole)
    got = results(Ours, steps, x, y, ct, ts, whole)
    names = ["value", "pull x", "pull y", "tangent", "grad x", "grad y", "second", "vmap"]
    names = names[: len(want)]
    single = any(name == "single" for _, name, _ in steps)
    for name, g, w in zip(names, got, want, strict=True):
        assert g.dtype == w.dtype, (name, steps)
        scale = max(1.0, float(np.abs(w).max()))
        tolerance = (1e-4 if single else 1e-9) * scale
        np.testing.assert_allclose(g, w, tolerance, tolerance, err_msg=f"{name} of {steps}")


@pytest.mark.parametrize("name", UNARY)
def test_one_operand(name):
    compare([("one", name, 0)], 1, whole=False)


@pytest.mark.parametrize("name", BINARY)
def test_two_operands(name):
    compare([("two", name, 0)], 2, whole=False)


@pytest.mark.parametrize("seed", range(2))
def test_random_programs(seed):
    compare(program(np.random.default_rng(seed)), seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 300))
def test_many_random_programs(seed):
    compare(program(np.random.default_rng(seed), 8), seed)


# ------------------------------------------------------------------------------- special points
POINTS = [0j, -0.0 + 0j, 1 + 0j, -1 + 0j, -1 - 0.0j, 2 + 0j, -2 + 0j, 1j, -1j, 2j, -2j, 1e-30 + 0j]
CUTS = "sqrt log log1p arcsin arccos arctan arcsinh arccosh arctanh exp sin tanh abs".split()


@pytest.mark.parametrize("name", CUTS)
def test_branch_cuts(name):
    """Values lie on NumPy's side of each cut; derivatives continue that side."""
    x = np.array(POINTS)
    ours = getattr(fnp, name)
    with np.errstate(all="ignore"):
        want = getattr(np, name)(x)
    value, dot = fl.jvp(ours, (fnp.asarray(x),), (fnp.ones(len(x), "complex128"),))
    np.testing.assert_array_equal(np.asarray(value), want)
    step = 1e-7
    inside = np.isfinite(np.asarray(dot)) & (np.abs(x) > 1e-3)
    inside &= np.abs(np.abs(x) - 1) > 1e-3  # branch points
    for i in np.flatnonzero(inside):
        direction = 1j if x[i].imag >= 0 and not np.signbit(x[i].imag) else -1j
        if x[i].real == 0:
            direction = 1.0 if not np.signbit(x[i].real) else -1.0
        tangent = fl.jvp(ours, (fnp.asarray(x[i]),), (fnp.asarray(np.complex128(direction)),))[1]
        near = getattr(np, name)(x[i] + step * direction)
        np.testing.assert_allclose(
            np.asarray(tangent), (near - want[i]) / step, 1e-5, 1e-6, err_msg=str(x[i])
        )


def test_abs_angle_and_division_at_zero():
    z = np.array([0j, 1 + 1j])
    with jax.enable_x64(True):
        for f in (
            lambda m, z: m.np.sum(m.np.abs(z)),
            lambda m, z: m.np.sum(m.np.real(z**2)),
            lambda m, z: m.np.sum(m.np.real(m.np.power(z, 0))),
        ):
            want = np.asarray(jax.grad(lambda z, f=f: f(Theirs, z))(z))
            got = np.asarray(fl.grad(lambda z, f=f: f(Ours, z))(fnp.asarray(z)))
            np.testing.assert_allclose(got, want)
