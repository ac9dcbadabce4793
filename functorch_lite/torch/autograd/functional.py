"""Jacobians and Hessians of functions, and their products with vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functorch_lite.torch._core.grad_mode import enable_grad, is_grad_enabled
from functorch_lite.torch._core.gradients import grad
from functorch_lite.torch._core.public import FUNCTIONS
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._ops.copying import zeros_like_of

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

Tensors = tuple[Tensor, ...]


# --------------------------------------------------------------------------------- in and out
def _tuple(given: Any, what: str, name: str) -> tuple[bool, Tensors]:
    """Whether several tensors were given, and those."""
    many = isinstance(given, tuple)
    found = given if many else (given,)
    for i, t in enumerate(found):
        if not isinstance(t, Tensor):
            which = f"the value at index {i}" if many else f"the given {what}"
            raise TypeError(
                f"The {what} given to {name} must be either a Tensor or a tuple of Tensors but "
                f"{which} has type {type(t)}."
            )
    return many, found


_OUTPUTS = "outputs of the user-provided function"


def _prepared(inputs: Tensors, create_graph: bool) -> Tensors:
    """The inputs as leaves of a graph of their own, or of the one that they are part of."""
    if create_graph:
        return tuple(
            t.view_as(t) if t.requires_grad else t.detach().requires_grad_() for t in inputs
        )
    return tuple(t.detach().requires_grad_() for t in inputs)


def _finished(found: Any, create_graph: bool, many: bool) -> Any:
    """Results outside of the graph if none is wanted, one or several."""
    if isinstance(found, Tensor):
        return found if create_graph else found.detach()
    made = tuple(_finished(t, create_graph, True) for t in found)
    return made if many else made[0]


def _started(inputs: Any, name: str, create_graph: bool) -> tuple[bool, Tensors]:
    """Whether there are several inputs, and those, prepared."""
    several, given = _tuple(inputs, "inputs", name)
    return several, _prepared(given, create_graph)


_ONE_INPUT = "the input to the user-provided function is a single Tensor with"
_ONE_OUTPUT = "the user-provided function returns a single Tensor with"


def _vector(v: Any, like: Tensors, many: bool, create_graph: bool, single: str) -> Tensors:
    """The vector of a product, checked against what it goes with.

    Args:
        single: when there may be none.
    """
    if v is None:
        if many or like[0]._np.size != 1:
            raise RuntimeError(f"The vector v can only be None if {single} a single element.")
        return (_ones_like(like[0]),)
    _, given = _tuple(v, "v", "the function")
    if len(given) != len(like):
        raise RuntimeError(
            f"v is a tuple of invalid length: should be {len(like)} but got {len(given)}."
            if many else "The given v should contain a single Tensor."
        )  # fmt: skip
    for i, (a, b) in enumerate(zip(given, like, strict=True)):
        if a._np.shape != b._np.shape:
            place = f"Entry {i} in v" if many else "v"
            raise RuntimeError(f"{place} has invalid size: should be {b.shape} but got {a.shape}.")
    return given if create_graph else tuple(t.detach() for t in given)


def _ones_like(t: Tensor) -> Tensor:
    return make(np.ones(t._np.shape, t._np.dtype))


def _need_grad(found: Sequence[Any], strict: bool, name: str = "") -> None:
    """In strict mode, refuse what does not depend on the inputs."""
    if not strict:
        return
    for i, t in enumerate(found):
        if t is None:
            raise RuntimeError(
                f"The output of the user-provided function is independent of input {i}. This is "
                "not allowed in strict mode."
            )
        if t.requires_grad:
            continue
        if name == "hessian":
            raise RuntimeError(
                f"The hessian of the user-provided function with respect to input {i} is "
                "independent of the input. This is not allowed in strict mode when "
                "create_graph=True."
            )
        if name == "jacobian":
            raise RuntimeError(
                "While computing the hessian, found that the jacobian of the user-provided "
                f"function with respect to input {i} is independent of the input. This is not "
                "allowed in strict mode. You should ensure that your function is twice "
                "differentiable and that the jacobian depends on the inputs (this would be "
                "violated by a linear function for example)."
            )
        if name == "grad_input":
            raise RuntimeError(
                f"The gradient with respect to input {i} is independent of the inputs of the "
                "user-provided function. This is not allowed in strict mode."
            )
        raise RuntimeError(
            f"Output {i} of the user-provided function does not require gradients. The outputs "
            "must be computed in a differentiable manner from the input when running in strict "
            "mode."
        )


def _grads(outs: Sequence[Any], inputs: Tensors, cts: Sequence[Any], create: bool) -> list[Any]:
    """Gradients, None where there is none."""
    pairs = [(o, c) for o, c in zip(outs, cts, strict=True) if o is not None and o.requires_grad]
    if not pairs:
        return [None] * len(inputs)
    return list(
        grad([o for o, _ in pairs], inputs, [c for _, c in pairs], True, create, True, True)
    )


def _filled(found: Sequence[Any], like: Tensors, strict: bool, create: bool, what: str) -> Tensors:
    """Zeros where there is no gradient; in strict mode, an error."""
    made = []
    for i, (g, t) in enumerate(zip(found, like, strict=True)):
        if g is None:
            if strict:
                raise RuntimeError(
                    f"{what} of the user-provided function is independent of input {i}. This is "
                    "not allowed in strict mode."
                )
            g = zeros_like_of(t)
        elif strict and create and not g.requires_grad:
            raise RuntimeError(
                f"The jacobian of the user-provided function is independent of input {i}. This is "
                "not allowed in strict mode when create_graph=True."
            )
        made.append(g)
    return tuple(made)


# --------------------------------------------------------------------------------------- matrices
def jacobian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The derivative of each entry of the results by each entry of the inputs.

    Args:
        func: a function of tensors that returns a tensor or a tuple of them.
        inputs: a tensor, or a tuple of them.
        create_graph: whether the Jacobian can be differentiated.
        strict: whether a result that does not depend on an input is an error.
        vectorize: makes no difference to the values.
        strategy: ``reverse-mode``, or with ``vectorize`` ``forward-mode``: the same values.

    Returns:
        a tensor of the sizes of result and input; tuples of those for tuples.

    Raises:
        TypeError: inputs or results are no tensors.
        RuntimeError: in strict mode.

    Source: ``torch.autograd.functional.jacobian``.
    """
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your '
            'function has more outputs than inputs, "forward-mode" tends to be more performant. '
            'Otherwise, prefer to use "reverse-mode".'
        )
    if strategy == "forward-mode" and not vectorize:
        raise NotImplementedError(
            "Computing Jacobian using forward-AD or forward-over-reverse Hessian is"
            "only implemented for `vectorize=True`."
        )
    if vectorize and strict:
        raise RuntimeError(
            "torch.autograd.functional.jacobian: `strict=True` and `vectorized=True` are not "
            "supported together. Please either set `strict=False` or `vectorize=False`."
        )
    with enable_grad():
        several, given = _started(inputs, "jacobian", create_graph)
        made = func(*given)
        several_out, outs = _tuple(made, _OUTPUTS, "jacobian")
        _need_grad(outs, strict)
        found = []
        for i, out in enumerate(outs):
            array = out._np
            rows: list[list[Tensor]] = [[] for _ in given]
            for k in range(array.size):
                ct = np.zeros(array.size, array.dtype)
                ct[k] = 1
                gs = _grads((out,), given, (make(ct.reshape(array.shape)),), create_graph)
                filled = _filled(gs, given, strict, create_graph, f"Output {i}")
                for row, g in zip(rows, filled, strict=True):
                    row.append(g)
            found.append(tuple(
                FUNCTIONS["stack"](row).view(*array.shape, *t._np.shape) if row
                else make(np.zeros((*array.shape, *t._np.shape), t._np.dtype))
                for row, t in zip(rows, given, strict=True)
            ))  # fmt: skip
        result = [_finished(row, create_graph, several) for row in found]
    return tuple(result) if several_out else result[0]


def hessian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The second derivatives of a function of one result.

    Args:
        func: a function of tensors that returns a tensor of one element.
        inputs, create_graph, strict, vectorize: as of ``jacobian``.

    Returns:
        a tensor of twice the sizes of the input; a tuple of tuples for several.

    Raises:
        RuntimeError: there are several results; or in strict mode.

    Source: ``torch.autograd.functional.hessian``.
    """
    several, given = _tuple(inputs, "inputs", "hessian")

    def scalar(*args: Tensor) -> Tensor:
        out = _scalar(func(*args), "hessian")
        return out.squeeze()

    def gradient(*args: Tensor) -> Any:
        first = jacobian(scalar, args, create_graph=True)
        _need_grad(first, strict, "jacobian")
        return first

    rows = jacobian(gradient, given, create_graph, strict, vectorize, outer_jacobian_strategy)
    return rows if several else rows[0][0]


def _scalar(made: Any, name: str) -> Tensor:
    several, outs = _tuple(made, _OUTPUTS, name)
    if several:
        raise RuntimeError(f"The function given to {name} should return a single Tensor")
    if outs[0]._np.size != 1:
        raise RuntimeError(
            f"The Tensor returned by the function given to {name} should contain a single element"
        )
    return outs[0]


# --------------------------------------------------------------------------------------- products
def vjp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """The results of a function, and a vector times its Jacobian.

    Args:
        func, inputs, create_graph, strict: as of ``jacobian``.
        v: of the sizes of the results; not needed for one result of one element.

    Returns:
        the results, and tensors of the sizes of the inputs.

    Source: ``torch.autograd.functional.vjp``.
    """
    with enable_grad():
        several, given = _started(inputs, "vjp", create_graph)
        several_out, outs = _tuple(func(*given), _OUTPUTS, "vjp")
        _need_grad(outs, strict)
        cts = _vector(v, outs, several_out, create_graph, _ONE_OUTPUT)
        gs = _grads(outs, given, cts, create_graph)
        found = _filled(gs, given, strict, create_graph, "The output")
    return (
        _finished(outs, create_graph, several_out),
        _finished(found, create_graph, several),
    )


def jvp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """The results of a function, and its Jacobian times a vector.

    Args:
        func, inputs, create_graph, strict: as of ``jacobian``.
        v: of the sizes of the inputs; not needed for one input of one element.

    Returns:
        the results, and tensors of their sizes.

    Source: ``torch.autograd.functional.jvp``.
    """
    with enable_grad():
        several, given = _started(inputs, "jvp", create_graph)
        direction = _vector(v, given, several, create_graph, _ONE_INPUT)
        several_out, outs = _tuple(func(*given), _OUTPUTS, "jvp")
        _need_grad(outs, strict)
        # The product of a vector w with the Jacobian is linear in w, and its own transpose is ours.
        ws = tuple(zeros_like_of(o).requires_grad_() for o in outs)
        gs = _grads(outs, given, ws, True)
        _need_grad(gs, strict, "grad_input")
        found = _filled(
            _grads(gs, ws, direction, create_graph), outs, strict, create_graph, "The output"
        )
    return (
        _finished(outs, create_graph, several_out),
        _finished(found, create_graph, several_out),
    )


def vhp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """The result of a function, and a vector times its Hessian.

    Args:
        func: a function of tensors that returns a tensor of one element.
        inputs, create_graph, strict: as of ``jacobian``.
        v: of the sizes of the inputs; not needed for one input of one element.

    Source: ``torch.autograd.functional.vhp``.
    """
    return _second(func, inputs, v, create_graph, strict, "vhp")


def hvp(
    func: Callable[..., Any],
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """The result of a function, and its Hessian times a vector: the same as ``vhp``.

    Args:
        func, inputs, v, create_graph, strict: as of ``vhp``.

    Source: ``torch.autograd.functional.hvp``.
    """
    return _second(func, inputs, v, create_graph, strict, "hvp")


def _second(
    func: Callable[..., Any], inputs: Any, v: Any, create: bool, strict: bool, name: str
) -> tuple[Any, Any]:
    outer = is_grad_enabled() and create
    with enable_grad():
        several, given = _started(inputs, name, create)
        direction = _vector(v, given, several, create, _ONE_INPUT)
        out = _scalar(func(*given), name)
        _need_grad((out,), strict)
        first = _grads((out,), given, (_ones_like(out),), True)
        _need_grad(first, strict, "jacobian")
        gs = _grads(first, given, direction, outer)
        found = _filled(gs, given, strict, False, "The output")
    return _finished(out, create, False), _finished(found, create, several)
