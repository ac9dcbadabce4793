"""Normalisation of each channel of each example by itself."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import functorch_lite as fl
from functorch_lite import lax
from functorch_lite import numpy as fnp
from functorch_lite.errors import ShapeError
from functorch_lite.nn.checks import as_float, check_vector, wide, widest
from functorch_lite.nn.group_norm import by_groups
from functorch_lite.nn.layer import Layer
from functorch_lite.nn.normalization import running_value

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["InstanceNorm", "instance_norm"]


def instance_norm(
    x: Array,
    running_mean: Array | None = None,
    running_var: Array | None = None,
    weight: Array | None = None,
    bias: Array | None = None,
    use_input_stats: bool = True,
    eps: float = 1e-5,
) -> Array:
    """Normalises each channel of each example by its mean and variance over the other dimensions.

    Args:
        x: f[batch, channels, *sizes], with at least one size.
        running_mean: f[channels], used only without ``use_input_stats``.
        running_var: f[channels], likewise.
        weight: f[channels], 1 by default.
        bias: f[channels], 0 by default.
        use_input_stats: whether the examples' own statistics are used.
        eps: added to the variance.

    Returns:
        Array of the shape of ``x``. Half precision is computed in float32.

    Raises:
        ShapeError: the sizes do not go together, or each channel has one element.
        ValueError: no statistics to use.
        DtypeError: ``x`` holds no floats.

    >>> instance_norm(fnp.asarray([[[1.0, 3.0]]]), eps=1e-6).round(3)
    Array([[[-1.,  1.]]], dtype=float32)

    Source: Ulyanov et al., arXiv:1607.08022; ``torch.nn.functional.instance_norm``, which moves
    the running statistics in place: here the layer returns them.
    """
    name = "instance_norm"
    stats = None
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise ValueError(
                "nn.instance_norm: expected running_mean and running_var with "
                "use_input_stats=False; got None. Remedy: pass both."
            )
        stats = (running_mean, running_var)
    return _instance_norm(name, x, None, stats, weight, bias, eps)


def _instance_norm(
    name: str, x: Any, channels: int | None, stats: tuple[Array, Array] | None,
    weight: Array | None, bias: Array | None, eps: float,
) -> Array:  # fmt: skip
    x = as_float(name, x)
    if x.ndim < 3 or channels not in (None, x.shape[1]):
        wanted = "channels" if channels is None else channels
        raise ShapeError(
            f"nn.{name}: expected x of shape [batch, {wanted}, *sizes] with at least one size; "
            f"got {tuple(x.shape)}. Remedy: x[None] for a single example."
        )
    vector = (x.shape[1],)
    check_vector(name, "weight", weight, vector)
    check_vector(name, "bias", bias, vector)
    dtype = widest(x, weight, bias)
    operands = [None if a is None else wide(a) for a in (x, weight, bias)]
    if stats is not None:
        check_vector(name, "running_mean", stats[0], vector)
        check_vector(name, "running_var", stats[1], vector)
        return _by_running(*operands, *map(wide, stats), eps=float(eps)).astype(dtype)
    if math.prod(x.shape[2:]) == 1:
        raise ShapeError(
            f"nn.{name}: expected more than one value per channel to normalise by; "
            f"got x of shape {tuple(x.shape)}."
        )
    return by_groups(*operands, groups=max(x.shape[1], 1), eps=float(eps)).astype(dtype)


_by_running = lax.composite(running_value, "nn.instance_norm")


def InstanceNorm(
    num_features: int,
    eps: float = 1e-5,
    momentum: float = 0.1,
    affine: bool = False,
    track_running_stats: bool = False,
) -> Layer:
    """Instance normalisation over any number of dimensions; stateless unless it tracks statistics.

    Parameters: none, or ``weight`` and ``bias`` f32[channels] with ``affine``.
    State with ``track_running_stats``: ``running_mean``, ``running_var`` f32[channels] and
    ``num_batches_tracked`` i64[], which stays 0 as PyTorch's does.

    Args:
        num_features: number of channels, the second size of the input.
        eps: added to the variance.
        momentum: weight of the batch in the running statistics.
        affine: whether to scale and shift.
        track_running_stats: whether to keep running statistics, and to use them in evaluation;
            makes the layer stateful.

    Returns:
        Layer with ``apply(params, x) -> out`` for ``x: f[batch, channels, *sizes]``; or with
        ``apply(params, x, state, *, train=False) -> (out, state)`` if it tracks statistics.

    Raises:
        ShapeError: ``apply`` got another number of channels, or one element for each.
        DtypeError: ``apply`` got no floats.

    >>> layer = InstanceNorm(3)
    >>> layer.apply(layer.init(fl.random.key(0)), fnp.ones((2, 3, 4))).shape
    (2, 3, 4)

    Source: ``torch.nn.InstanceNorm1d``, ``InstanceNorm2d``, ``InstanceNorm3d``.
    """
    name = f"InstanceNorm({num_features})"

    def make_params() -> dict[str, Array]:
        if not affine:
            return {}
        return {"weight": fnp.ones(num_features), "bias": fnp.zeros(num_features)}

    def init(key: Any) -> tuple[dict[str, Array], dict[str, Array]]:
        state = {
            "running_mean": fnp.zeros(num_features),
            "running_var": fnp.ones(num_features),
            "num_batches_tracked": fnp.zeros((), "int64"),
        }
        return make_params(), state

    def run(params: dict[str, Array], x: Array, stats: tuple[Array, Array] | None) -> Array:
        weight, bias = (params["weight"], params["bias"]) if affine else (None, None)
        return _instance_norm(name, x, num_features, stats, weight, bias, eps)

    def apply(
        params: dict[str, Array], x: Array, state: dict[str, Array], *, train: bool = False
    ) -> tuple[Array, dict[str, Array]]:
        old_mean, old_var = state["running_mean"], state["running_var"]
        if not train:
            return run(params, x, (old_mean, old_var)), state
        out = run(params, x, None)
        # The state's derivative would keep the whole batch alive for a number nobody asks for.
        seen = wide(fl.stop_gradient(fnp.asarray(x)))
        axes = tuple(range(2, seen.ndim))
        mean, var = seen.mean(axis=axes).mean(0), seen.var(axis=axes, ddof=1).mean(0)
        moved = {
            "running_mean": old_mean * (1 - momentum) + mean.astype(old_mean.dtype) * momentum,
            "running_var": old_var * (1 - momentum) + var.astype(old_var.dtype) * momentum,
        }
        return out, {**state, **moved}

    if not track_running_stats:
        return Layer(lambda key: make_params(), lambda params, x: run(params, x, None), name)
    return Layer(init, apply, name)
