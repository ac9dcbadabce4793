"""Products with the Jacobian of a function, from either side, without writing it down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from functorch_lite.torch._core.node import edge_of, needs_grad
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._functorch.forward_only import follow
from functorch_lite.torch._functorch.levels import (
    Level,
    check_tangent,
    outside_of_compile,
    records,
    zeros_like,
)
from functorch_lite.torch._functorch.pytrees import Spec, flatten, tree_map, unflatten

__all__ = ["jvp", "linearize", "value_and_aux", "vjp"]


def _only_tensors(outs: Sequence[Any], name: str) -> None:
    if not outs or (len(outs) == 1 and outs[0] is None):
        raise RuntimeError(
            f"{name}: Expected f to be a function that has non-empty output (got output = {outs})"
        )
    for t in outs:
        if not isinstance(t, Tensor):
            raise RuntimeError(
                f"{name}: expected f(*primals) to return only tensors, got unsupported type "
                f"{type(t)}"
            )


def value_and_aux(out: Any, name: str) -> tuple[Any, Any]:
    """A result that is a pair of what is differentiated and what is not."""
    if not (isinstance(out, tuple) and len(out) == 2):
        raise RuntimeError(
            f"{name}: output of function f should be a tuple: (output, aux) if has_aux is True"
        )
    return out


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """A function's value, and the function that multiplies its Jacobian from the left.

    Args:
        func: takes and returns tensors, or containers of them; with ``has_aux`` a pair of what is
            differentiated and of further tensors.
        primals: the arguments.

    Returns:
        the value, and a function from cotangents, as the value has them, to those of the
        arguments, which may be called more than once; with ``has_aux`` the further tensors.

    Raises:
        RuntimeError: results are no tensors of real numbers, or cotangents do not fit.

    >>> import functorch_lite.torch as torch
    >>> value, pull = vjp(torch.sin, torch.tensor([0.0, 1.0]))
    >>> pull(torch.ones(2))
    (tensor([1.0000, 0.5403]),)

    Source: ``torch.func.vjp``.
    """
    outside_of_compile("vjp")
    given, spec = flatten(primals)
    level = Level()
    with level:
        inputs = [level.input(t) for t in given]
        out = func(*unflatten(inputs, spec))
        if has_aux:
            out, aux = value_and_aux(out, "vjp(f, *primals)")
            aux = tree_map(level.output, aux)
        outs, out_spec = flatten(out)
        _only_tensors(outs, "vjp(f, *primals)")
        for t in outs:
            if t._np.dtype.kind not in "fcV":
                raise RuntimeError(
                    "vjp(f, ...): All outputs of f must be floating-point or complex Tensors, got "
                    f"Tensor with dtype {t.dtype}"
                )
        value = unflatten([level.output(t) for t in outs], out_spec)
    pull = _Pullback(level, inputs, spec, outs, out_spec)
    return (value, pull.call, aux) if has_aux else (value, pull.call)


class _Pullback:
    """From cotangents of results to those of arguments."""

    def __init__(
        self, level: Level, inputs: Sequence[Tensor], spec: Spec, outs: Any, out_spec: Spec
    ) -> None:
        self.level, self.inputs, self.spec = level, inputs, spec
        self.outs, self.out_spec = outs, out_spec

    def call(
        self, cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None
    ) -> Any:
        """The cotangents of the arguments."""
        given, spec = flatten(cotangents)
        if spec != self.out_spec:
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of "
                f"outputs to the function. cotangents: {spec}, primal output: {self.out_spec}"
            )
        create = records() if create_graph is None else create_graph
        level = self.level
        with level:
            level.recorded, level.no_grad = create, level.no_grad and create_graph is None
            create = create and (level.leads_out(self.outs) or any(map(needs_grad, given)))
            edges = [edge_of(t) for t in self.inputs]
            found = level.pull(self.outs, given, edges, create, retain_graph)
            return unflatten(
                [
                    zeros_like(t) if g is None else level.output(g)
                    for g, t in zip(found, self.inputs, strict=True)
                ],
                self.spec,
            )


# --------------------------------------------------------------------------------- forward mode
_JVP = "jvp(f, primals, tangents)"


class _Pushforward:
    """From tangents of arguments to those of results.

    Reverse mode is linear in the cotangents, so its own derivative by them is the Jacobian from the
    other side. The tape needs nothing else for forward mode, in any nesting.

    Attributes:
        value: what the function returned, with its tensors in ``outs``.
    """

    def __init__(self, func: Callable[..., Any], primals: Any, has_aux: bool, name: str) -> None:
        given, self.spec = flatten(primals)
        self.level = level = Level()
        with level:
            self.inputs = [level.input(t) for t in given]
            with follow(self.inputs):
                out = func(*unflatten(self.inputs, self.spec))
            self.aux: Any = None
            if has_aux:
                out, aux = value_and_aux(out, name)
                self.aux = tree_map(level.output, aux)
            self.outs, self.out_spec = flatten(out)
            _only_tensors(self.outs, name)
            self.dummies = [level.dummy(t) for t in self.outs]
            edges = [edge_of(t) for t in self.inputs]
            self.rows = level.pull(self.outs, self.dummies, edges, create=True, push=True)

    def value(self) -> Any:
        """What the function returned."""
        return unflatten([self.level.output(t) for t in self.outs], self.out_spec)

    def push(self, tangents: Sequence[Tensor], strict: bool = False) -> Any:
        """The tangents of the results."""
        level, recorded = self.level, records()
        with level:
            level.recorded = recorded
            rows = [(r, t) for r, t in zip(self.rows, tangents, strict=True) if r is not None]
            chosen = [r for r, _ in rows]
            create = recorded and (level.leads_out(chosen) or any(needs_grad(t) for _, t in rows))
            edges = [edge_of(t) for t in self.dummies]
            found = level.pull(chosen, [t for _, t in rows], edges, create, push=True)
            made = []
            for g, t in zip(found, self.outs, strict=True):
                if g is None and strict:
                    raise RuntimeError(
                        "jvp(f, primals, tangents, strict=True): The output of f is independent of "
                        "the inputs. This is not allowed with strict=True."
                    )
                made.append(zeros_like(t) if g is None else level.output(g))
            return unflatten(made, self.out_spec)


def jvp(
    func: Callable[..., Any], primals: Any, tangents: Any, *, strict: bool = False,
    has_aux: bool = False,
) -> Any:  # fmt: skip
    """A function's value, and its Jacobian multiplied from the right.

    Args:
        func: takes and returns tensors, or containers of them.
        primals: a tuple of the arguments.
        tangents: what the Jacobian is multiplied by, of the same structure.
        strict: whether a result that does not depend on the arguments is an error.
        has_aux: whether the function returns a pair, the second of which is not differentiated.

    Returns:
        the value and its tangents; with ``has_aux`` the further tensors.

    Raises:
        RuntimeError: the tangents do not fit the arguments.

    >>> import functorch_lite.torch as torch
    >>> jvp(torch.sin, (torch.tensor(0.0),), (torch.tensor(2.0),))
    (tensor(0.), tensor(2.))

    Source: ``torch.func.jvp``.
    """
    outside_of_compile("jvp")
    if not isinstance(primals, tuple):
        raise RuntimeError(
            f"{_JVP}: Expected primals to be a tuple. E.g. it should be valid to call f(*primals)."
        )
    given, spec = flatten(primals)
    directions, other = flatten(tangents)
    if spec != other:
        raise RuntimeError(
            f"{_JVP}: Expected primals and tangents to have the same python structure. For "
            "example, if primals is a tuple of 3 tensors, tangents also must be. Got primals with "
            f"structure {spec} and tangents with structure {other}"
        )
    for name, found in (("primals", given), ("tangents", directions)):
        if not found:
            raise RuntimeError(f"{_JVP}: Expected {name} to contain at least one Tensor.")
        for t in found:
            if not isinstance(t, Tensor):
                raise RuntimeError(
                    f"{_JVP}: Expected {name} to only contain Tensors, got {type(t)}"
                )
    for t, v in zip(given, directions, strict=True):
        check_tangent(t, v)
    forward = _Pushforward(func, primals, has_aux, _JVP)
    pushed = forward.push(directions, strict)
    if has_aux:
        return forward.value(), pushed, forward.aux
    return forward.value(), pushed


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """A function's value, and the function that multiplies its Jacobian from the right.

    Args:
        func: takes and returns tensors, or containers of them; it is called once.
        primals: the arguments.

    Returns:
        the value, and a function from tangents of the arguments to those of the value.

    Raises:
        RuntimeError: tangents do not fit the arguments.

    >>> import functorch_lite.torch as torch
    >>> value, push = linearize(torch.sin, torch.tensor(0.0))
    >>> push(torch.tensor(2.0))
    tensor(2.)

    Source: ``torch.func.linearize``.
    """
    outside_of_compile("linearize")
    forward = _Pushforward(func, primals, False, "linearize(f, *primals)")

    def push(*tangents: Any) -> Any:
        given, spec = flatten(tangents)
        if spec != forward.spec:
            raise RuntimeError(
                f"Expected the tangents {spec} to have the same argspec as the primals "
                f"{forward.spec}"
            )
        for i, (t, v) in enumerate(zip(forward.inputs, given, strict=True)):
            for what in ("shape", "dtype"):
                ours, theirs = getattr(t, what), getattr(v, what)
                if ours != theirs:
                    raise RuntimeError(
                        f"tangent:{i} with {what} {theirs} in flattened pytree doesn't match the "
                        f"{what} {ours} of the corresponding primal."
                    )
        return forward.push(given)

    return forward.value(), push
