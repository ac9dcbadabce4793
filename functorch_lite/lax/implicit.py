"""Solutions of equations, differentiated by the equations and not by the way they were found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from functorch_lite.core import tree
from functorch_lite.core.array import Array
from functorch_lite.core.aval import Aval, short_list
from functorch_lite.core.dtypes import is_inexact
from functorch_lite.core.graph import Graph, Var
from functorch_lite.core.rewrite import free_tracers
from functorch_lite.errors import DtypeError, ShapeError, TreeError
from functorch_lite.lax.user_functions import named, structure_text
from functorch_lite.numpy.convert import as_array
from functorch_lite.ops import neg
from functorch_lite.transforms.arguments import outputs_as_arrays
from functorch_lite.transforms.call import call, call_graph, joint_call
from functorch_lite.transforms.custom import Rules, apply_custom
from functorch_lite.transforms.derived import zero_of
from functorch_lite.transforms.jvp import linear_transpose, linearize
from functorch_lite.transforms.linear_solve import linear_solve
from functorch_lite.transforms.stage import stage

__all__ = ["custom_linear_solve", "custom_root"]


def custom_linear_solve(
    matvec: Callable[[Any], Any],
    b: Any,
    solve: Callable[[Callable[[Any], Any], Any], Any],
    transpose_solve: Callable[[Callable[[Any], Any], Any], Any] | None = None,
    symmetric: bool = False,
    has_aux: bool = False,
) -> Any:
    """The x with ``matvec(x) = b``, found by a function of the caller's.

    Derivatives, of any order and in both modes, are those of the equation: with respect to b and
    to everything that ``matvec`` closes over. What ``solve`` does is not differentiated.

    Args:
        matvec: linear function of a tree like b.
        b: tree of floating-point arrays.
        solve: ``solve(matvec, b)``, the solution; it may use loops of any length.
        transpose_solve: ``transpose_solve(vecmat, b)``, the same for the transposed map, for
            reverse mode.
        symmetric: whether the map is its own transpose, so that ``solve`` serves for both.
        has_aux: whether these functions return a pair of the solution and a tree of whatever else,
            which has no derivative.

    Returns:
        a tree like b, or a pair of it and the rest.

    Raises:
        TreeError: ``matvec`` or the solution is of another structure than b.
        ShapeError: ... or of other shapes or dtypes.
        DtypeError: b holds integers.
        GradientError: reverse mode without ``transpose_solve``, when it is asked for.

    >>> from functorch_lite import grad, lax
    >>> def quotient(a, b):
    ...     return custom_linear_solve(lambda x: a * x, b, lambda f, y: y / f(1.0), symmetric=True)
    >>> quotient(4.0, 2.0), grad(quotient)(4.0, 2.0)
    (Array(0.5, dtype=float32), Array(-0.125, dtype=float32))

    Source: ``jax.lax.custom_linear_solve``; A. Griewank, A. Walther, "Evaluating derivatives",
    2008, chapter 15.
    """
    name = "lax.custom_linear_solve"
    leaves, structure = tree.flatten(b)
    xs = [as_array(x, name, "b") for x in leaves]
    _check_floats(name, "b", xs)
    avals = [Aval(x.shape, x.dtype) for x in xs]

    def written(f: Callable[..., Any], what: str, aux: bool) -> tuple[Graph, Any]:
        return _written(name, what, f, avals, structure, aux)

    matrix, _ = written(matvec, named("matvec", matvec), False)
    forward, aux_tree = written(lambda y: solve(matvec, y), named("solve", solve), has_aux)
    graphs: dict[str, Graph | None] = {
        "matvec": matrix, "solve": forward, "vecmat": None, "transpose_solve": None,
    }  # fmt: skip
    if symmetric:
        graphs.update(vecmat=matrix, transpose_solve=forward)
    elif transpose_solve is not None:
        other = transpose_solve
        like = tree.unflatten(structure, avals)
        vecmat = linear_transpose(matvec, like)

        def transposed(y: Any) -> Any:
            return vecmat(y)[0]

        graphs["vecmat"] = written(transposed, "the transposed matvec", False)[0]
        what = named("transpose_solve", other)
        found = written(lambda y: other(transposed, y), what, has_aux)[0]
        graphs["transpose_solve"] = found
    closed, consts = _closed(graphs)
    outs = linear_solve(*consts, *xs, n_consts=len(consts), **closed)
    x = tree.unflatten(structure, outs[: len(xs)])
    return (x, tree.unflatten(aux_tree, outs[len(xs) :])) if has_aux else x


def custom_root(
    f: Callable[[Any], Any],
    initial_guess: Any,
    solve: Callable[[Callable[[Any], Any], Any], Any],
    tangent_solve: Callable[[Callable[[Any], Any], Any], Any],
    has_aux: bool = False,
) -> Any:
    """The x with ``f(x) = 0``, found by a function of the caller's.

    Derivatives, of any order and in both modes, are those of the equation, with respect to
    everything that ``f`` closes over. What ``solve`` does is not differentiated, and the guess has
    derivative zero.

    Args:
        f: function of a tree like the guess, to such a tree.
        initial_guess: tree of floating-point arrays.
        solve: ``solve(f, initial_guess)``, the root; it may use loops of any length.
        tangent_solve: ``tangent_solve(g, y)``, the x with ``g(x) = y``, where g is f's derivative
            at the root, a linear function; for a scalar ``lambda g, y: y / g(1.0)``.
        has_aux: whether ``solve`` returns a pair of the root and a tree of whatever else, which has
            no derivative.

    Returns:
        a tree like the guess, or a pair of it and the rest.

    Raises:
        TreeError: ``f`` or the root is of another structure than the guess.
        ShapeError: ... or of other shapes or dtypes.
        DtypeError: the guess holds integers.

    >>> from functorch_lite import grad, lax
    >>> def newton(f, x):
    ...     return lax.fori_loop(0, 8, lambda i, x: x - f(x) / grad(f)(x), x)
    >>> def square_root(a):
    ...     return custom_root(lambda x: x * x - a, a, newton, lambda g, y: y / g(1.0))
    >>> square_root(4.0), grad(square_root)(4.0)
    (Array(2., dtype=float32), Array(0.25, dtype=float32))

    Source: ``jax.lax.custom_root``; the implicit function theorem.
    """
    name = "lax.custom_root"
    leaves, structure = tree.flatten(initial_guess)
    xs = [as_array(x, name, "initial_guess") for x in leaves]
    _check_floats(name, "initial_guess", xs)
    avals = [Aval(x.shape, x.dtype) for x in xs]
    residual, _ = _written(name, named("f", f), f, avals, structure, False)
    forward, aux_tree = _written(
        name, named("solve", solve), lambda x: solve(f, x), avals, structure, has_aux
    )
    closed, consts = _closed({"f": residual, "solve": forward})
    rules = _Root(closed, len(consts), structure, tangent_solve)
    outs = apply_custom(rules, [*consts, *xs])
    x = tree.unflatten(structure, outs[: len(xs)])
    return (x, tree.unflatten(aux_tree, outs[len(xs) :])) if has_aux else x


class _Root(Rules):
    """A root as a function of what its equation closes over, and of a guess."""

    label = "lax.custom_root"
    reverse = False

    def __init__(
        self, graphs: dict[str, Graph | None], n_consts: int, structure: Any, tangent_solve: Any
    ) -> None:
        self.graphs, self.n_consts = graphs, n_consts
        self.structure, self.tangent_solve = structure, tangent_solve

    def primal(self, args: Sequence[Any]) -> list[Any]:
        graph = self.graphs["solve"]
        assert graph is not None
        return list(call_graph(graph, args))

    def jvp(self, args: Sequence[Any], tangents: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        n, graph = self.n_consts, self.graphs["f"]
        assert graph is not None
        consts, count = list(args[:n]), len(args) - n
        outs = list(apply_custom(self, args))
        nothing = [None] * len(outs)
        if all(t is None for t in tangents[:n]):
            return outs, nothing
        x = outs[:count]
        given = [*tangents[:n], *nothing[:count]]
        _, moved = joint_call(call, [*consts, *x], given, {"graph": graph})
        if all(m is None for m in moved):
            return outs, nothing
        sides = [zero_of(v.aval) if m is None else neg(m) for v, m in zip(x, moved, strict=True)]

        def at_root(y: Any) -> Any:
            return tree.unflatten(self.structure, call_graph(graph, [*consts, *tree.leaves(y)]))

        _, derivative = linearize(at_root, tree.unflatten(self.structure, x))
        dots = self.tangent_solve(derivative, tree.unflatten(self.structure, sides))
        found, _, structure = outputs_as_arrays(dots, "tangent_solve", self.label)
        types = [Aval(v.shape, v.dtype) for v in x]
        _check_alike(self.label, "tangent_solve", found, structure, types, self.structure)
        return outs, [*found, *nothing[count:]]


# ------------------------------------------------------------------------------------------- graphs
def _written(
    name: str, what: str, f: Callable[..., Any], avals: list[Aval], structure: Any, aux: bool
) -> tuple[Graph, Any]:
    """The graph of a function of one tree to such a tree, or to a pair of it and something.

    Returns:
        the graph, and the structure of that something.
    """
    aux_tree: list[Any] = []

    def flat(*leaves: Any) -> list[Any]:
        out = f(tree.unflatten(structure, leaves))
        more: list[Any] = []
        if aux:
            if not isinstance(out, tuple) or len(out) != 2:
                raise TreeError(
                    f"{name}: with has_aux=True, {what} must return a pair (solution, aux); got "
                    f"{structure_text(tree.structure(out))}. Remedy: has_aux=False, or a pair."
                )
            out, rest = out
            more, _, found = outputs_as_arrays(rest, what, name)
            aux_tree.append(found)
        outs, _, found = outputs_as_arrays(out, what, name)
        _check_alike(name, what, outs, found, avals, structure)
        return [*outs, *more]

    graph = stage(flat, avals, f"{name}: {what}")
    return graph, aux_tree[0] if aux else None


def _closed(
    graphs: dict[str, Graph | None],
) -> tuple[dict[str, Graph | None], list[Any]]:
    """The graphs with the values of outer transforms that they use as leading inputs of all."""
    consts: dict[int, Any] = {}
    for graph in graphs.values():
        if graph is not None:
            consts.update({id(c): c for _, c in free_tracers(graph)})
    closed: dict[int, Graph] = {}
    for graph in graphs.values():
        if graph is None or id(graph) in closed:
            continue
        variables = {id(c): v for v, c in free_tracers(graph)}
        lead = [variables.get(i) or Var(Aval(c.shape, c.dtype)) for i, c in consts.items()]
        kept = {v: c for v, c in graph.consts.items() if v not in variables.values()}
        closed[id(graph)] = Graph(
            [*lead, *graph.inputs], graph.eqns, graph.outputs, kept, graph.name
        )
    found = {name: None if g is None else closed[id(g)] for name, g in graphs.items()}
    return found, list(consts.values())


# ------------------------------------------------------------------------------------------- checks
def _check_floats(name: str, arg: str, xs: list[Array]) -> None:
    for x in xs:
        if not is_inexact(x.dtype):
            raise DtypeError(
                f"{name}: {arg} must hold floating-point numbers; got {x.dtype.name}. Remedy: "
                f"{arg}.astype('float32')."
            )


def _check_alike(
    name: str, what: str, outs: list[Any], found: Any, avals: list[Aval], structure: Any
) -> None:
    if found != structure:
        raise TreeError(
            f"{name}: {what} must return what it solves for, {structure_text(structure)}; got "
            f"{structure_text(found)}. Remedy: has_aux=True where something else comes with it."
        )
    have = [Aval(o.shape, o.dtype) for o in outs]
    if [(a.shape, a.dtype) for a in have] != [(a.shape, a.dtype) for a in avals]:
        raise ShapeError(
            f"{name}: {what} must return arrays of the types {short_list(avals)}; got "
            f"{short_list(have)}. Remedy: reshape or .astype."
        )
