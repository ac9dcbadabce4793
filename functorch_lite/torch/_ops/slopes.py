"""Integrals and derivatives of samples: ``trapezoid``, ``cumulative_trapezoid``, ``gradient``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from functorch_lite.torch._core.public import FUNCTIONS, public
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._ops.shape import dimension

__all__ = ["cumulative_trapezoid", "gradient", "trapezoid"]


# ---------------------------------------------------------------------------------------- integrals
def _steps(name: str, y: Tensor, x: Tensor, dim: int) -> Any:
    """The distances of neighbouring points, to be broadcast to the values between."""
    size = x._np.shape
    if len(size) == 1:
        if size[0] != y._np.shape[dim]:
            raise RuntimeError(f"{name}: There must be one `x` value for each sample point")
        x = x.view([size[0] if d == dim else 1 for d in range(y._np.ndim)])
    elif len(size) < y._np.ndim:
        x = x.view((1,) * (y._np.ndim - len(size)) + size)
    n = x._np.shape[dim]
    return x.narrow(dim, 1, n - 1) - x.narrow(dim, 0, n - 1)


def _between(y: Tensor, dim: int) -> Any:
    """The sums of neighbouring values."""
    n = y._np.shape[dim]
    return y.narrow(dim, 0, n - 1) + y.narrow(dim, 1, n - 1)


def _checked(name: str, y: Tensor, x: Tensor | None, dim: int) -> int:
    if not y._np.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    at = dimension(dim, y._np.ndim)
    for letter, t in (("y", y), ("x", x)):
        if t is not None and t._np.dtype.kind == "b":
            raise RuntimeError(
                f"{name}: received a bool input for `{letter}`, but bool is not supported"
            )
    return at


@public("trapezoid", "trapz", methods=False)
def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = 1, dim: int = -1) -> Tensor:
    """The integral of samples by the trapezoidal rule.

    Args:
        y: the samples.
        x: where they were taken: one point per sample of a line, or points to broadcast.
        dx: the distance of neighbouring samples where there is no ``x``.
        dim: the dimension along which to integrate.

    Raises:
        RuntimeError: bools, or points that do not fit.

    >>> import functorch_lite.torch as torch
    >>> torch.trapezoid(torch.tensor([1.0, 5.0, 10.0]))
    tensor(10.5000)

    Source: ``torch.trapezoid``.
    """
    at = _checked("trapezoid", y, x, dim)
    if not y._np.shape[at]:
        return y.sum(at, dtype=None if y.dtype.kind > 1 else FUNCTIONS["true_divide"](y, 1).dtype)
    if x is None:
        return (y.sum(at) - (y.select(at, 0) + y.select(at, -1)) * 0.5) * dx
    found: Tensor = (_steps("trapezoid", y, x, at) * _between(y, at)).sum(at) / 2
    return found


@public("cumulative_trapezoid", methods=False)
def cumulative_trapezoid(
    y: Tensor, x: Tensor | None = None, *, dx: Any = 1, dim: int = -1
) -> Tensor:
    """The integral up to each sample but the first, by the trapezoidal rule.

    Source: ``torch.cumulative_trapezoid``.
    """
    at = _checked("cumulative_trapezoid", y, x, dim)
    if x is None:
        found: Tensor = dx / 2.0 * _between(y, at).cumsum(at)
        return found
    found = (_steps("cumulative_trapezoid", y, x, at) * _between(y, at)).cumsum(at) / 2
    return found


# -------------------------------------------------------------------------------------- derivatives
def _all_dims(input: Tensor, dim: Any) -> list[int]:
    ndim = input._np.ndim
    if dim is None:
        return list(range(ndim))
    dims = [dimension(d, ndim) for d in (dim if isinstance(dim, (tuple, list)) else (dim,))]
    for d in dims:
        if dims.count(d) > 1:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
    return dims


def _all_spacings(input: Tensor, spacing: Any, dims: Sequence[int], given: bool) -> list[Any]:
    """A number or a tensor of points per dimension."""
    if not isinstance(spacing, (tuple, list)):
        return [1 if spacing is None else spacing] * len(dims)
    if len(spacing) == len(dims):
        return list(spacing)
    if given:
        raise RuntimeError(
            "torch.gradient expected spacing to be unspecified, a scalar or it's spacing and dim "
            f"arguments to have the same length, but got a spacing argument of length "
            f"{len(spacing)} and a dim argument of length {len(dims)}."
        )
    raise RuntimeError(
        "torch.gradient expected spacing to be unspecified, a scalar, or a list of length equal "
        f"to 'self.dim() = {input._np.ndim}', since dim argument was not given, but got a list of "
        f"length {len(spacing)}"
    )


def _even(f: Tensor, at: int, h: Any, order: int) -> Tensor:
    """The derivative of evenly spaced samples."""

    def part(start: int, length: int) -> Any:
        return f.narrow(at, start, length)

    n = f._np.shape[at]
    inner = (part(2, n - 2) - part(0, n - 2)) / (2 * h)
    if order == 1:
        first, last = (part(1, 1) - part(0, 1)) / h, (part(n - 1, 1) - part(n - 2, 1)) / h
    else:
        first = (-1.5 * part(0, 1) + 2 * part(1, 1) - 0.5 * part(2, 1)) / h
        last = (0.5 * part(n - 3, 1) - 2 * part(n - 2, 1) + 1.5 * part(n - 1, 1)) / h
    found: Tensor = FUNCTIONS["cat"]((first, inner, last), at)
    return found


def _in_the_middle(a: Any, b: Any) -> tuple[Any, Any, Any]:
    return -b / (a * (a + b)), (b - a) / (a * b), a / (b * (a + b))


def _at_the_start(a: Any, b: Any) -> tuple[Any, Any, Any]:
    return -(2 * a + b) / (a * (a + b)), (a + b) / (a * b), -a / (b * (a + b))


def _at_the_end(a: Any, b: Any) -> tuple[Any, Any, Any]:
    return b / (a * (a + b)), -(a + b) / (a * b), (a + 2 * b) / (b * (a + b))


def _uneven(f: Tensor, at: int, points: Any, order: int) -> Tensor:
    """The derivative of samples at some points: that of the parabola through three neighbours."""
    n = f._np.shape[at]
    if points._np.ndim != 1 or points._np.size != n:
        raise RuntimeError(
            "torch.gradient expected each element of spacing to have one coordinate per sample: "
            f"{n} of dimension {at}, but got a tensor of size {list(points._np.shape)}"
        )
    h = (points[1:] - points[:-1]).view([n - 1 if d == at else 1 for d in range(f._np.ndim)])

    def part(t: Tensor, start: int, length: int) -> Any:
        return t.narrow(at, start, length)

    def slope(start: int, length: int, of: Callable[[Any, Any], tuple[Any, Any, Any]]) -> Any:
        """The weighted sum of three neighbours, by the distances of the first two and last two."""
        a, b, c = of(part(h, start, length), part(h, start + 1, length))
        return (
            a * part(f, start, length) + b * part(f, start + 1, length)
            + c * part(f, start + 2, length)
        )  # fmt: skip

    inner = slope(0, n - 2, _in_the_middle)
    if order == 1:
        first = (part(f, 1, 1) - part(f, 0, 1)) / part(h, 0, 1)
        last = (part(f, n - 1, 1) - part(f, n - 2, 1)) / part(h, n - 2, 1)
    else:
        first, last = slope(0, 1, _at_the_start), slope(n - 3, 1, _at_the_end)
    found: Tensor = FUNCTIONS["cat"]((first, inner, last), at)
    return found


@public("gradient", methods=False)
def gradient(
    input: Tensor, *, spacing: Any = None, dim: Any = None, edge_order: int = 1
) -> tuple[Tensor, ...]:
    """Derivatives of samples along dimensions, by central differences.

    Args:
        spacing: the distance of neighbouring samples; or per dimension a distance, or a tensor
            of points.
        dim: the dimensions; all by default.
        edge_order: 1 or 2, of the one-sided differences at the ends.

    Returns:
        a tensor of the input's size per dimension.

    Raises:
        RuntimeError: there are too few samples, or other arguments do not fit.

    >>> import functorch_lite.torch as torch
    >>> torch.gradient(torch.tensor([1.0, 4.0, 9.0]))
    (tensor([3., 4., 5.]),)

    Source: ``torch.gradient``.
    """
    dims = _all_dims(input, dim)
    spacings = _all_spacings(input, spacing, dims, dim is not None)
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    for d in dims:
        if input._np.shape[d] < edge_order + 1:
            raise RuntimeError(
                "torch.gradient expected each dimension size to be at least edge_order+1"
            )
    return tuple([
        _uneven(input, d, h, edge_order) if isinstance(h, Tensor) and h._np.ndim
        else _even(input, d, h, edge_order)
        for d, h in zip(dims, spacings, strict=True)
    ])  # fmt: skip
