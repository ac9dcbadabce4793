"""Batch normalisation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import functorch_lite as fl
from functorch_lite import lax
from functorch_lite import numpy as fnp
from functorch_lite.errors import ShapeError
from functorch_lite.nn.checks import as_float, check_vector, wide, widest
from functorch_lite.nn.layer import Layer
from functorch_lite.nn.normalization import batch_value, running_value

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["BatchNorm", "batch_norm"]


def batch_norm(
    x: Array,
    mean: Array,
    var: Array,
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
) -> Array:
    """Normalises every channel: (x - mean) / sqrt(var + eps) * weight + bias.

    Args:
        x: f[batch, channels, ...].
        mean: f[channels].
        var: f[channels].
        weight: f[channels], 1 by default.
        bias: f[channels], 0 by default.
        eps: added to the variance.

    Returns:
        Array of the shape of ``x``. Half precision is computed in float32.

    Raises:
        ShapeError: the sizes do not go together.
        DtypeError: ``x`` holds no floats.

    >>> batch_norm(fnp.ones((1, 1)), fnp.zeros(1), fnp.ones(1), eps=0.0)
    Array([[1.]], dtype=float32)

    Source: Ioffe and Szegedy, ICML 2015; ``torch.nn.functional.batch_norm``.
    """
    x = as_float("batch_norm", x)
    if x.ndim < 2:
        raise ShapeError(
            f"nn.batch_norm: expected x of shape [batch, channels, ...]; got {tuple(x.shape)}. "
            "Remedy: x[None] for a single example."
        )
    vectors = {"mean": mean, "var": var, "weight": weight, "bias": bias}
    for what, value in vectors.items():
        check_vector("batch_norm", what, value, (x.shape[1],))
    operands = [None if a is None else wide(a) for a in (x, weight, bias, mean, var)]
    out = _by_running(*operands, eps=float(eps))
    return out.astype(widest(x, *vectors.values()))


_by_running = lax.composite(running_value, "nn.batch_norm")
_by_batch = lax.composite(batch_value, "nn.BatchNorm")


def BatchNorm(
    num_features: int,
    eps: float = 1e-5,
    momentum: float | None = 0.1,
    affine: bool = True,
    track_running_stats: bool = True,
) -> Layer:
    """Batch normalisation over all dimensions but the second; stateful.

    In training the batch's own statistics are used and the running ones move towards them; in
    evaluation the running ones are used.  Parameters: ``weight`` and ``bias`` f32[channels].
    State: ``running_mean``, ``running_var`` f32[channels] and ``num_batches_tracked`` i64[].

    Args:
        num_features: number of channels, the second dimension of the input.
        eps: added to the variance.
        momentum: weight of the batch in the running statistics; None averages over all batches.
        affine: whether to scale and shift.
        track_running_stats: False uses the batch's statistics in evaluation too, and makes the
            layer stateless.

    Returns:
        Layer with ``apply(params, x, state, *, train=False) -> (out, state)`` for
        ``x: f[batch, channels, ...]``.

    Raises:
        ShapeError: ``apply`` got another number of channels, or one value per channel to train on.
        DtypeError: ``apply`` got no floats.

    >>> layer = BatchNorm(3)
    >>> params, state = layer.init(fl.random.key(0))
    >>> out, state = layer.apply(params, fnp.ones((4, 3, 5, 5)), state, train=True)
    >>> int(state["num_batches_tracked"])
    1

    Source: ``torch.nn.BatchNorm1d``, ``BatchNorm2d``, ``BatchNorm3d``; the running variance is the
    unbiased one.
    """
    name = f"BatchNorm({num_features})"

    def make_params() -> dict[str, Array]:
        if not affine:
            return {}
        return {"weight": fnp.ones(num_features), "bias": fnp.zeros(num_features)}

    def scale_and_shift(params: dict[str, Array]) -> tuple[Array | None, Array | None]:
        return (params["weight"], params["bias"]) if affine else (None, None)

    def by_batch(params: dict[str, Array], x: Array) -> tuple[Array, Array, Array, int]:
        count = x.size // num_features if num_features else 0
        if count <= 1:
            raise ShapeError(
                f"nn.{name}: expected more than one value per channel to normalise by; "
                f"got x of shape {tuple(x.shape)}. Remedy: a larger batch, or train=False."
            )
        weight, bias = scale_and_shift(params)
        check_vector(name, "weight", weight, (num_features,))
        check_vector(name, "bias", bias, (num_features,))
        operands = [None if a is None else wide(a) for a in (x, weight, bias)]
        out, mean, var = _by_batch(*operands, eps=float(eps))
        dtype = widest(x, weight, bias)
        return out.astype(dtype), mean.reshape(-1), var.reshape(-1), count

    def checked(x: Any) -> Array:
        x = as_float(name, x)
        if x.ndim < 2 or x.shape[1] != num_features:
            raise ShapeError(
                f"nn.{name}: expected x of shape [batch, {num_features}, ...]; "
                f"got {tuple(x.shape)}. Remedy: fnp.moveaxis(x, axis, 1) puts the channels there."
            )
        return x

    def init(key: Any) -> tuple[dict[str, Array], dict[str, Array]]:
        state = {
            "running_mean": fnp.zeros(num_features),
            "running_var": fnp.ones(num_features),
            "num_batches_tracked": fnp.zeros((), "int64"),
        }
        return make_params(), state

    def apply(
        params: dict[str, Array], x: Array, state: dict[str, Array], *, train: bool = False
    ) -> tuple[Array, dict[str, Array]]:
        x = checked(x)
        old_mean, old_var = state["running_mean"], state["running_var"]
        if not train:
            return batch_norm(x, old_mean, old_var, *scale_and_shift(params), eps), state
        check_vector(name, "running_mean", old_mean, (num_features,))
        check_vector(name, "running_var", old_var, (num_features,))
        out, mean, var, count = by_batch(params, x)
        tracked = state["num_batches_tracked"] + 1
        rate = momentum if momentum is not None else 1 / tracked.astype(old_mean.dtype)
        unbiased = var * (count / (count - 1))
        # The state's derivative would keep the whole batch alive for a number that nobody asks for.
        new_state = {
            "running_mean": _move(old_mean, mean, rate),
            "running_var": _move(old_var, unbiased, rate),
            "num_batches_tracked": tracked,
        }
        return out, new_state

    def apply_stateless(params: dict[str, Array], x: Array) -> Array:
        return by_batch(params, checked(x))[0]

    if not track_running_stats:
        return Layer(lambda key: make_params(), apply_stateless, name)
    return Layer(init, apply, name)


def _move(old: Array, new: Array, rate: Any) -> Array:
    return old * (1 - rate) + fl.stop_gradient(new).astype(old.dtype) * rate
