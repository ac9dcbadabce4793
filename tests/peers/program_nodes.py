"""What the nodes of a program do, written once for both libraries.

A node's name says where its function is: ``np.sin`` in the NumPy-like namespace, ``op.add`` among
Python's operators, ``lax.clamp`` among the methods of the backend, ``x.sum`` among an array's own,
``my.affine`` in the table here, ``control.scan`` among those of ``program_control_nodes``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = [
    "COMPOSITES",
    "CONTROLS",
    "block_names",
    "composite",
    "decode_index",
    "drawn",
    "run_node",
]


def run_node(backend: Any, node: Any, operands: list[Any], seed: int) -> Any:
    """Apply one node to values of a backend."""
    where, _, function = node.op.partition(".")
    params = dict(node.params)
    if where == "np":
        return getattr(backend.np, function)(*operands, **params)
    if where == "op":
        return getattr(operator, function)(*operands)
    if where == "x":
        return getattr(operands[0], function)(*operands[1:], **params)
    if where == "lax":
        return getattr(backend, function)(*operands, **params)
    if where == "control":
        return CONTROLS[function](backend, node, operands, seed)
    if function == "constant":
        return backend.array(drawn([seed, params["key"]], node.shape, node.dtype))
    return COMPOSITES[function](backend, *operands, **params)


def drawn(seed: Any, shape: tuple[int, ...], dtype: str = "f8") -> np.ndarray:
    """A constant: ``f8`` in (-1, 1), ``i8`` 0 or 1, ``b1`` even odds."""
    rng = np.random.default_rng(seed)
    if dtype == "i8":
        return rng.integers(0, 2, shape)
    if dtype == "b1":
        return rng.random(shape) < 0.5
    return rng.uniform(-1.0, 1.0, shape)


def decode_index(index: tuple[Any, ...], operands: Any) -> tuple[Any, ...]:
    """The index that a description stands for.

    Parts: an int, a slice, ``None``, ``"..."``, ``("array", nested tuples)``, and ``("ref", k)``
    for the k-th of ``operands``.
    """
    out: list[Any] = []
    for part in index:
        if part == "...":
            out.append(Ellipsis)
        elif isinstance(part, tuple):
            out.append(np.array(part[1]) if part[0] == "array" else operands[part[1]])
        else:
            out.append(part)
    return tuple(out)


COMPOSITES: dict[str, Callable[..., Any]] = {}
CONTROLS: dict[str, Callable[..., Any]] = {}


def composite(f: Callable[..., Any]) -> Callable[..., Any]:
    """Register under the function's name."""
    COMPOSITES[f.__name__] = f
    return f


# ------------------------------------------------------------------------------- values in a range
@composite
def affine(B: Any, x: Any, *, a: float, b: float) -> Any:
    return x * a + b


@composite
def scale(B: Any, x: Any, *, a: float) -> Any:
    return a * x


@composite
def from_scalar(B: Any, x: Any, *, operator: str, a: float) -> Any:
    """A Python scalar on the left or an unusual operator."""
    forms = {
        "rsub": lambda: a - x,
        "rdiv": lambda: a / x,
        "pow": lambda: x**a,
        "rpow": lambda: a**x,
        "neg": lambda: -x,
        "abs": lambda: abs(x),
        "rmod": lambda: a % x,
        "mod": lambda: x % a,
        "div": lambda: x / a,
        "floordiv": lambda: x // a,
    }
    return forms[operator]()


# -------------------------------------------------------------------------------- dtypes and bits
@composite
def to_int(B: Any, x: Any) -> Any:
    return B.np.floor(x * 3.0).astype("int64")


@composite
def to_float(B: Any, x: Any) -> Any:
    return x.astype("float64") * 0.25


@composite
def round_trip(B: Any, x: Any, *, dtype: str) -> Any:
    return x.astype(dtype).astype("float64")


@composite
def int_round_trip(B: Any, x: Any, *, dtype: str) -> Any:
    return x.astype(dtype).astype("int64")


@composite
def top_bits(B: Any, x: Any) -> Any:
    """The upper bits of integers written as floats, which every library rounds alike."""
    bits = B.bitcast(x.astype("float64"), dtype=np.dtype("int64"))
    return B.np.right_shift(bits, 52)


@composite
def shift(B: Any, x: Any, *, by: int, how: str, dtype: str) -> Any:
    moved = getattr(B.np, how)(x.astype(dtype), B.np.full((), by, dtype=dtype))
    return B.np.bitwise_and(moved.astype("int64"), 63)


@composite
def at_least_one(B: Any, x: Any) -> Any:
    """Positive integers."""
    return B.np.bitwise_and(x, 3) + 1


@composite
def complex_part(B: Any, x: Any, y: Any, *, part: str) -> Any:
    z = B.complex(B.stop_gradient(x), B.stop_gradient(y))
    product = B.np.conj(z) * z * (0.5 + 0.25j) + z
    return getattr(B.np, part)(product)


@composite
def constant_nextafter(B: Any, x: Any, y: Any) -> Any:
    return x * B.nextafter(B.stop_gradient(x), B.stop_gradient(y))


# ------------------------------------------------------------------------------ joining, indexing
@composite
def join(B: Any, *xs: Any, how: str, axis: int) -> Any:
    return getattr(B.np, how)(list(xs), axis=axis)


@composite
def take(B: Any, x: Any, *indices: Any, index: Any) -> Any:
    return x[decode_index(index, indices)]


@composite
def get(B: Any, x: Any, *indices: Any, index: Any, mode: str, fill: Any = None) -> Any:
    at = x.at[decode_index(index, indices)]
    return at.get(mode=mode) if fill is None else at.get(mode=mode, fill_value=fill)


@composite
def put(
    B: Any, x: Any, value: Any, *indices: Any, index: Any, how: str, unique: bool,
    mode: str | None = None,
) -> Any:  # fmt: skip
    return B.update(x.at[decode_index(index, indices)], how, value, unique, mode)


@composite
def put_scalar(B: Any, x: Any, *indices: Any, index: Any, how: str, value: float) -> Any:
    return B.update(x.at[decode_index(index, indices)], how, value, True, None)


@composite
def einsum(B: Any, *xs: Any, spec: str) -> Any:
    return B.np.einsum(spec, *xs)


@composite
def library(B: Any, *xs: Any, name: str, params: tuple[tuple[str, Any], ...]) -> Any:
    """A function of the NumPy namespace; tuples among its params stand for arrays."""
    given = {k: B.array(np.array(v)) if isinstance(v, tuple) else v for k, v in params}
    return getattr(B.np, name)(*xs, **given)


@composite
def masked(B: Any, x: Any, *, key: int) -> Any:
    """A boolean mask that is known while tracing."""
    mask = drawn(key, x.shape, "b1")
    mask.reshape(-1)[0] = True
    return B.np.sum(x[mask] ** 2)


# --------------------------------------------------------------------------------- random numbers
@composite
def random_uniform(B: Any, x: Any, *, seed: int) -> Any:
    """Noise like dropout's: numbers in [0, 1) of the operand's shape."""
    return x * B.uniform(B.random.PRNGKey(seed), x.shape)


@composite
def random_folded(B: Any, x: Any, i: Any, *, seed: int) -> Any:
    """Random numbers whose key depends on a value."""
    return x * B.uniform(B.random.fold_in(B.random.PRNGKey(seed), i), x.shape)


@composite
def random_bits(B: Any, *, seed: int, shape: tuple[int, ...]) -> Any:
    return (B.random.bits(B.random.PRNGKey(seed), shape, "uint32") % 8).astype("int64")


# ------------------------------------------------------------------- transforms within the program
def _dampened(B: Any, a: Any) -> Any:
    return B.np.sum(B.np.sin(a) * 0.5)


@composite
def jit_block(B: Any, x: Any, y: Any) -> Any:
    """A jitted function that closes over a value of the surrounding function."""
    return B.T.jit(lambda a: B.np.tanh(a) * B.np.mean(y))(x)


@composite
def jit_twice(B: Any, x: Any, y: Any) -> Any:
    """One jitted function called twice, of two outputs, one of which may not matter."""
    f = B.T.jit(lambda a, b: {"sum": B.np.sin(a) + _dampened(B, b), "other": (b * 2.0, 3.0)})
    return f(f(x, y)["sum"], y)["sum"]


@composite
def vmap_block(B: Any, x: Any, y: Any) -> Any:
    """A mapped function that closes over a value and ignores the axis for another."""
    return B.T.vmap(lambda a: B.np.cos(a) * _dampened(B, y) + _dampened(B, a))(x)


@composite
def vmap_pair(B: Any, x: Any, y: Any) -> Any:
    """Both operands mapped, one over its last axis; the result's mapped axis goes last."""
    return B.T.vmap(lambda a, b: B.np.sum(a) * b, in_axes=(0, -1), out_axes=-1)(x, y)


@composite
def grad_block(B: Any, x: Any, y: Any) -> Any:
    """The gradient of a function that closes over a value."""
    return B.T.grad(lambda a: B.np.sum(B.np.sin(a) * B.np.mean(y) + B.np.cos(a * a)))(x)


@composite
def jvp_block(B: Any, x: Any, y: Any) -> Any:
    """A directional derivative along a value of the program."""
    return B.T.jvp(lambda a: B.np.sin(a) * y, (x,), (y,))[1]


@composite
def vjp_block(B: Any, x: Any, y: Any) -> Any:
    """A pullback called twice."""
    out, pull = B.T.vjp(lambda a: B.np.tanh(a * y), x)
    return pull(out)[0] + pull(y)[0]


def block_names() -> list[str]:
    """Composites that apply a transform to (x, y) of one shape and keep the shape."""
    return ["jit_block", "jit_twice", "grad_block", "jvp_block", "vjp_block"]


@composite
def barrier(B: Any, x: Any, y: Any) -> Any:
    x, y = B.barrier(x, y)
    return x + y
