"""Complex tensors made of two real ones."""

from __future__ import annotations

from typing import Any

from functorch_lite import ops
from functorch_lite.torch._core.op import Composite, RecordOp
from functorch_lite.torch._core.public import public, put_out
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._ops.elementwise import argument, refusal

__all__ = ["complex_of", "polar"]

_COMPLEX = RecordOp("ComplexBackward0", ops.complex)


def _polar(radius: Any, angle: Any) -> Any:
    return ops.complex(ops.mul(radius, ops.cos(angle)), ops.mul(radius, ops.sin(angle)))


_POLAR = Composite("PolarBackward0", _polar)


def _check(name: str, parts: tuple[str, str], a: Any, b: Any, out: Tensor | None) -> None:
    """Refuse what are no two tensors of one real dtype.

    Raises:
        TypeError: an argument is no tensor.
        RuntimeError: a dtype does not fit.
        NotImplementedError: half precision.
    """
    for i, (part, t) in enumerate(zip(parts, (a, b), strict=True)):
        if not isinstance(t, Tensor):
            raise argument(t, name, part, i + 1)
    one, two = a.dtype, b.dtype
    if one.kind != 2 or two.kind != 2:
        raise RuntimeError(
            "Expected both inputs to be Half, Float or Double tensors but got "
            f"{one.scalar_name} and {two.scalar_name}"
        )
    if one is not two:
        raise RuntimeError(
            f"Expected object of scalar type {one.scalar_name} but got scalar type "
            f"{two.scalar_name} for second argument"
        )
    if one.itemsize == 2:
        raise refusal(f"{name}_cpu", one)
    if out is not None and out.dtype is not one.to_complex():
        raise RuntimeError(
            f"Expected object of scalar type {one.to_complex().scalar_name} but got scalar type "
            f"{out.dtype.scalar_name} for argument 'out'"
        )


@public("complex", methods=False)
def complex_of(real: Tensor, imag: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Complex numbers of a real and an imaginary part.

    Args:
        real, imag: of one floating dtype; they broadcast.

    Raises:
        RuntimeError, NotImplementedError: a dtype does not fit.

    Source: ``torch.complex``.
    """
    _check("complex", ("real", "imag"), real, imag, out)
    return _placed(_COMPLEX((real, imag)), out)


@public("polar", methods=False)
def polar(abs: Tensor, angle: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Complex numbers of absolute values and angles.

    Args:
        abs, angle: of one floating dtype; they broadcast.

    Raises:
        RuntimeError, NotImplementedError: a dtype does not fit.

    Source: ``torch.polar``.
    """
    _check("polar", ("abs", "angle"), abs, angle, out)
    return _placed(_POLAR([abs, angle]), out)


def _placed(value: Tensor, out: Tensor | None) -> Tensor:
    if out is None:
        return value
    put_out(out, value)
    return out
