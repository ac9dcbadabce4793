"""Comparison of gradients with finite differences."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functorch_lite.torch._core.dtypes import FROM_NP
from functorch_lite.torch._core.grad_mode import enable_grad, no_grad
from functorch_lite.torch._core.gradients import grad
from functorch_lite.torch._core.node import attach
from functorch_lite.torch._core.op import formula
from functorch_lite.torch._core.public import FUNCTIONS
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._ops.copying import zeros_like_of

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]


class GradcheckError(RuntimeError):
    """A gradient is wrong. Source: ``torch.autograd.gradcheck.GradcheckError``."""

    __module__ = "torch.autograd.gradcheck"


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Whether the gradients of a function agree with finite differences of it.

    Args:
        func: a function of tensors that returns a tensor or several.
        inputs: its arguments; those that require gradients, of double precision, are varied.
        eps: the step.
        atol, rtol: tolerances of each entry.
        raise_exception: whether a difference is an error; else False is returned.
        nondet_tol: by how much two backward passes may differ.
        check_undefined_grad: whether backward must take missing gradients.
        check_grad_dtypes: whether gradients must have the dtypes of their inputs.
        fast_mode: no faster here; every entry is compared.

    Raises:
        GradcheckError: the gradients are wrong.
        ValueError: there is nothing to check, or forward mode is asked for.

    Source: ``torch.autograd.gradcheck``.
    """
    if not (check_forward_ad or check_backward_ad):
        raise AssertionError(
            "Expected at least one of check_forward_ad or check_backward_ad to be True"
        )
    if check_forward_ad:
        raise ValueError("gradcheck compares gradients of backward passes: check_forward_ad=False")
    try:
        tensors = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
        _check_inputs(tensors)
        outs = _outputs(func(*tensors))
        _check_outputs(func, tensors, outs, eps)
        _compare(func, tensors, outs, eps, atol, rtol, nondet_tol, check_grad_dtypes)
        if check_undefined_grad:
            _check_undefined(func, tensors)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _inexact(t: Any) -> bool:
    return isinstance(t, Tensor) and (t.dtype.is_floating_point or t.dtype.is_complex)


def _varied(inputs: Sequence[Any]) -> list[tuple[int, Tensor]]:
    return [(i, t) for i, t in enumerate(inputs) if _inexact(t) and t.requires_grad]


def _check_inputs(inputs: Sequence[Any]) -> None:
    found = _varied(inputs)
    if not found:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them "
            "have requires_grad=True."
        )
    for i, t in found:
        array = t._np
        if array.dtype not in (np.float64, np.complex128):
            warnings.warn(
                f"Input #{i} requires gradient and is not a double precision floating point or "
                "complex. This check will likely fail if all the inputs are not of double "
                "precision floating point or complex. ",
                stacklevel=3,
            )
        for stride, size in zip(array.strides, array.shape, strict=True):
            if stride == 0 and size > 1:
                raise RuntimeError(
                    f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs"
                    " that are non-overlapping to be able to compute the numerical gradients "
                    "correctly. You should call .contiguous on the input before passing it to "
                    "gradcheck."
                )


def _outputs(found: Any) -> list[Tensor]:
    many = found if isinstance(found, (tuple, list)) else (found,)
    return [t for t in many if isinstance(t, Tensor)]


def _check_outputs(
    func: Callable[..., Any], inputs: Sequence[Any], outs: list[Tensor], eps: float
) -> None:
    if any(_inexact(o) and o.requires_grad for o in outs):
        return
    for _, t in _varied(inputs):
        for jacobian in _numerical(func, inputs, t, eps):
            if np.any(jacobian != 0):
                raise GradcheckError("Numerical gradient for function expected to be zero")


# --------------------------------------------------------------------------------------- jacobians
def _numerical(
    func: Callable[..., Any], inputs: Sequence[Any], t: Tensor, eps: float
) -> list[np.ndarray[Any, Any]]:
    """Per output, central differences: rows are entries of the input, columns of the output.

    Complex entries count as two, their real and their imaginary part.
    """
    array = t._np
    rows: list[list[np.ndarray[Any, Any]]] = []

    def values() -> list[np.ndarray[Any, Any]]:
        with no_grad():
            return [_parts(o._np) for o in _outputs(func(*inputs)) if _inexact(o)]

    def difference(place: Any, step: complex) -> list[np.ndarray[Any, Any]]:
        before = array[place]
        try:
            array[place] = before - step
            low = values()
            array[place] = before + step
            high = values()
        finally:
            array[place] = before
        return [(b - a) / (2 * eps) for a, b in zip(low, high, strict=True)]

    steps = (eps, 1j * eps) if array.dtype.kind == "c" else (eps,)
    for place in np.ndindex(array.shape):
        rows += [difference(place, step) for step in steps]
    count = len(values())
    return [np.array([r[j] for r in rows]) if rows else np.zeros((0, 0)) for j in range(count)]


def _parts(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A copy of the entries in a row, complex ones as two."""
    flat = np.array(array, order="C").reshape(-1)
    return flat.view(flat.real.dtype) if flat.dtype.kind == "c" else flat


def _analytical(out: Tensor, inputs: list[Tensor], dtypes_too: bool) -> list[np.ndarray[Any, Any]]:
    """Per input, its gradient for each entry of an output, as columns."""
    shape, dtype = out._np.shape, out._np.dtype
    count = _parts(out._np).size
    found = [np.zeros((_parts(t._np).size, count), _parts(t._np).dtype) for t in inputs]
    for k in range(count):
        ct = np.zeros(count, _parts(out._np).dtype)
        ct[k] = 1
        ct = ct.view(dtype)
        grads = grad(out, inputs, make(ct.reshape(shape)), retain_graph=True, allow_unused=True)
        for t, g, jacobian in zip(inputs, grads, found, strict=True):
            if g is None:
                continue
            if g._np.shape != t._np.shape:
                raise GradcheckError("Backward: incorrect gradient size")
            if dtypes_too and g._np.dtype != t._np.dtype:
                raise GradcheckError("Backward: incorrect gradient type")
            whole = g._np.astype(t._np.dtype) if t._np.dtype.kind == "c" else g._np
            jacobian[:, k] = _parts(whole)
    return found


def _compare(
    func: Callable[..., Any],
    inputs: Sequence[Any],
    outs: list[Tensor],
    eps: float,
    atol: float,
    rtol: float,
    nondet_tol: float,
    dtypes_too: bool,
) -> None:
    places = _varied(inputs)
    outs = [o for o in outs if _inexact(o)]
    numerical = [_numerical(func, inputs, t, eps) for _, t in places]
    wanted = [t for _, t in places]
    for j, out in enumerate(outs):
        if not out.requires_grad:
            continue
        first = _analytical(out, wanted, dtypes_too)
        for (i, _), analytical, numbers in zip(places, first, numerical, strict=True):
            number = numbers[j]
            if not np.allclose(number, analytical, rtol, atol, equal_nan=True):
                raise GradcheckError(_mismatch(j, i, number, analytical))
        again = _analytical(out, wanted, dtypes_too)
        for a, b in zip(first, again, strict=True):
            if a.size and np.abs(a - b).max() > nondet_tol:
                raise GradcheckError(
                    "Backward is not reentrant, i.e., running backward with same input and "
                    "grad_output multiple times gives different values, although analytical "
                    "gradient matches numerical gradient.The tolerance for nondeterminism was "
                    f"{nondet_tol}."
                )
        _check_multiplied(out, wanted)


def _mismatch(j: int, i: int, number: Any, analytical: Any) -> str:
    return (
        f"Jacobian mismatch for output {j} with respect to input {i},\n"
        f"numerical:{make(number)!r}\nanalytical:{make(analytical)!r}\n"
    )


def _check_multiplied(out: Tensor, inputs: list[Tensor]) -> None:
    """Backward has to be zero where the gradient of the output is."""
    for g in grad(out, inputs, zeros_like_of(out), retain_graph=True, allow_unused=True):
        if g is not None and np.any(g._np != 0):
            raise GradcheckError("backward not multiplied by grad_output")


def _check_undefined(func: Callable[..., Any], inputs: Sequence[Any]) -> None:
    """Backward has to take the absence of all gradients, and of each of several."""
    wanted = [t for _, t in _varied(inputs)]
    count = len(_differentiable(func(*inputs)))
    cases = [set(range(count))]
    if count > 1:
        cases += [{i} for i in range(count)]
    for gone in cases:
        outs = [
            _undefined(o) if i in gone else o for i, o in enumerate(_differentiable(func(*inputs)))
        ]
        zeros = [zeros_like_of(o) for o in outs]
        try:
            found = grad(outs, wanted, zeros, allow_unused=True) if outs else ()
        except RuntimeError as error:
            raise GradcheckError(
                "Expected backward function to handle undefined output grads. Please look at "
                '"Notes about undefined output gradients" in "tools/autograd/derivatives.yaml"'
            ) from error
        if any(g is not None and np.any(g._np != 0) for g in found):
            raise GradcheckError(
                "Expected all input grads to be undefined or zero when all output grads are "
                'undefined or zero. Please look at "Notes about undefined output gradients" in '
                '"tools/autograd/derivatives.yaml"'
            )


def _differentiable(made: Any) -> list[Tensor]:
    return [o for o in _outputs(made) if _inexact(o) and o.requires_grad]


def _undefined(t: Tensor) -> Tensor:
    """The same values, with a gradient that is None."""
    out = make(t._np)
    return attach(out, formula("UndefinedGradBackward", (t,), lambda g: None))


# ------------------------------------------------------------------------------------ second order
def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Whether the gradients of the gradients of a function agree with finite differences.

    Args:
        func, inputs: as of ``gradcheck``.
        grad_outputs: gradients of the outputs; random numbers by default.
        gen_non_contig_grad_outputs: whether those are not contiguous.

    Raises:
        GradcheckError, ValueError: as ``gradcheck``.

    Source: ``torch.autograd.gradgradcheck``.
    """
    if check_fwd_over_rev:
        raise ValueError("gradgradcheck compares backward passes: check_fwd_over_rev=False")
    tensors = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    if grad_outputs is None:
        cts = []
        for out in _outputs(func(*tensors)):
            if not _inexact(out):
                continue
            ct = FUNCTIONS["randn"](out._np.shape, dtype=FROM_NP[out._np.dtype])
            if gen_non_contig_grad_outputs and ct._np.ndim:
                wide = np.zeros((*ct._np.shape, 2), ct._np.dtype)
                wide[..., 0] = ct._np
                ct = make(wide[..., 0])
            cts.append(ct.requires_grad_())
    else:
        cts = list((grad_outputs,) if isinstance(grad_outputs, Tensor) else grad_outputs)
    count = len(tensors)

    def gradients(*given: Any) -> Any:
        with enable_grad():
            own, weights = given[:count], given[count:]
            own = tuple(
                t.detach().requires_grad_() if _inexact(t) and not t.requires_grad else t
                for t in own
            )
            outs = [o for o in _outputs(func(*own)) if _inexact(o)]
            pairs = [(o, w) for o, w in zip(outs, weights, strict=True) if o.requires_grad]
            wanted = [t for t, g in zip(own, tensors, strict=True)
                      if _inexact(t) and g.requires_grad]  # fmt: skip
            found = grad([o for o, _ in pairs], wanted, [w for _, w in pairs], create_graph=True,
                         allow_unused=True)  # fmt: skip
        return tuple(g for g in found if g is not None)

    return gradcheck(
        gradients,
        (*tensors, *cts),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        fast_mode=fast_mode,
    )
