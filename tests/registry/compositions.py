"""The laws of batching and staging, alone and composed with derivatives: vmap, jit, graphs."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functorch_lite.core.array import wrap
from functorch_lite.core.aval import Aval
from functorch_lite.core.graph import check, evaluate, to_function
from functorch_lite.driver import jit, make_graph
from functorch_lite.transforms.grad import vjp
from functorch_lite.transforms.jvp import jvp
from functorch_lite.transforms.vmap import vmap
from tests.registry import cases as registry_cases
from tests.registry.cases import Case, Raw, float_positions, subsets
from tests.registry.properties import (
    VALUE_TOLERANCE,
    Function,
    assert_adjoint,
    assert_close,
    assert_differences,
    assert_same,
    derivative,
    evaluate_raw,
    is_exact,
    random_like,
    raw,
    seeded,
)

Axes = tuple[int | None, ...]


# ----------------------------------------------------------------------------------------- batching
def stack(examples: Sequence[Raw], axes: Axes) -> list[np.ndarray]:
    """One batch from several examples; an operand whose axis is None is the first example's."""
    return [
        examples[0][i] if axis is None else np.stack([e[i] for e in examples], axis)
        for i, axis in enumerate(axes)
    ]


def loop(f: Function, examples: Sequence[Raw], axes: Axes) -> list[np.ndarray]:
    """What the batch must give, by a Python loop over its examples; batch in front."""
    rows = [
        evaluate_raw(f, [examples[0][i] if axes[i] is None else e[i] for i in range(len(axes))])
        for e in examples
    ]
    return [np.stack(column) for column in zip(*rows, strict=True)]


def assert_batched(f: Function, batch: Any, axes: Axes, wants: Any, what: str, exact: bool) -> None:
    """vmap of f over a batch gives the rows that the loop gave; sums may run in another order."""
    found = vmap(f, in_axes=axes)(*map(wrap, batch))
    label = f"vmap(in_axes={axes}) of {what}"
    assert len(found) == len(wants), f"{label}: {len(found)} outputs, not {len(wants)}"
    for y, want in zip(found, wants, strict=True):
        assert_close(raw(y), want, 0.0 if exact else reordered(want.dtype), label)


def reordered(dtype: np.dtype[Any]) -> float:
    """Tolerance for the same terms added up in another order."""
    return 5 * VALUE_TOLERANCE.get(dtype.name, 0.0)


def check_vmap(case: Case) -> None:
    """vmap equals the loop, for every choice of batched operands and of their axes."""
    count = len(case.args)
    if not count:
        return
    examples = [case.args, *case.others]
    ranks = [a.ndim for a in case.args]
    for chosen in subsets(list(range(count))):
        flags = tuple(0 if i in chosen else None for i in range(count))
        wants = loop(case.function, examples, flags)
        options = [range(ranks[i] + 1) if i in chosen else (None,) for i in range(count)]
        for axes in itertools.product(*options):
            assert_batched(
                case.function, stack(examples, axes), axes, wants, str(case), is_exact(case)
            )
    for size in (1, 0):
        few = [np.stack([e[i] for e in examples])[:size] for i in range(count)]
        assert_batched(
            case.function, few, (0,) * count, [w[:size] for w in wants], str(case), is_exact(case)
        )
    for k, want in enumerate(wants):
        for axis in range(1, want.ndim):
            out = tuple(axis if j == k else 0 for j in range(len(wants)))
            found = vmap(case.function, 0, out)(*map(wrap, stack(examples, (0,) * count)))
            moved = np.moveaxis(want, 0, axis)
            assert_close(raw(found[k]), moved, reordered(want.dtype), f"{case}, out_axes {out}")


def check_vmap_in_front(case: Case) -> None:
    """vmap equals the loop for every choice of operands, batched in front; for further dtypes."""
    examples = [case.args, *case.others]
    for chosen in subsets(list(range(len(case.args)))):
        flags = tuple(0 if i in chosen else None for i in range(len(case.args)))
        wants = loop(case.function, examples, flags)
        assert_batched(
            case.function, stack(examples, flags), flags, wants, str(case), is_exact(case)
        )


def _random_axes(rng: np.random.Generator, ranks: Sequence[int], flags: Sequence[bool]) -> Axes:
    return tuple(int(rng.integers(r + 1)) if f else None for r, f in zip(ranks, flags, strict=True))


def _random_flags(rng: np.random.Generator, count: int) -> list[bool]:
    flags = [bool(rng.integers(2)) for _ in range(count)]
    flags[int(rng.integers(count))] = True
    return flags


def check_vmap_of_vmap(case: Case) -> None:
    """Two nested vmaps equal two nested loops, over random operands and axes."""
    count = len(case.args)
    if not count:
        return
    rng = seeded(case)
    examples = [case.args, *case.others]
    grid = [examples, examples[1:] + examples[:1]]
    ranks = [a.ndim for a in case.args]
    for _ in range(3):
        inner, outer = _random_flags(rng, count), _random_flags(rng, count)
        inner_axes = _random_axes(rng, ranks, inner)
        outer_axes = _random_axes(rng, [r + f for r, f in zip(ranks, inner, strict=True)], outer)

        def mapped(*xs: Any, axes: Axes = inner_axes) -> Any:
            return vmap(case.function, axes)(*xs)

        rows = [
            [
                tuple(grid[o * outer[i]][k * inner[i]][i] for i in range(count))
                for k in range(len(examples))
            ]
            for o in range(len(grid))
        ]
        every = (0,) * count
        wants = [
            np.stack(o) for o in zip(*[loop(case.function, r, every) for r in rows], strict=True)
        ]
        batch = stack([tuple(stack(r, inner_axes)) for r in rows], outer_axes)
        what = f"vmap(in_axes={inner_axes}) of {case}"
        assert_batched(mapped, batch, outer_axes, wants, what, is_exact(case))


# -------------------------------------------------------------------- derivatives of the whole case
def _split(case: Case) -> list[int]:
    """Positions of the operands to differentiate by."""
    if registry_cases.yields_complex(case):
        return []
    return [i for i in float_positions(case.args) if registry_cases.has_rule(case.op, i)]


def _placed(case: Case, args: Sequence[Any], positions: Sequence[int]) -> Function:
    def f(*moving: Any) -> tuple[Any, ...]:
        full = list(args)
        for i, x in zip(positions, moving, strict=True):
            full[i] = x
        return case.function(*full)

    return f


def backward(case: Case, positions: Sequence[int]) -> Function:
    """``(operands, cotangents) -> cotangents of some operands``, the discrete operands included."""
    n = len(case.args)

    def g(*values: Any) -> Any:
        args, cts = values[:n], values[n:]
        _, pull = vjp(_placed(case, args, positions), *[args[i] for i in positions])
        return pull(cts)

    return g


def forward(case: Case, positions: Sequence[int]) -> Function:
    """``(operands, tangents) -> output tangents``, the discrete operands included."""
    n = len(case.args)

    def g(*values: Any) -> Any:
        args, ts = values[:n], values[n:]
        primals = tuple(args[i] for i in positions)
        return jvp(_placed(case, args, positions), primals, ts)[1]

    return g


def _derivatives(case: Case, rng: np.random.Generator) -> list[tuple[str, Function, list[Raw]]]:
    """The case's derivatives as functions, with an argument tuple per example."""
    positions = _split(case)
    if not positions:
        return []
    examples = [case.args, *case.others]
    outs = evaluate_raw(case.function, case.args)
    return [
        (f"vjp of {case}", backward(case, positions), [
            (*e, *[random_like(y, rng) for y in outs]) for e in examples
        ]),
        (f"jvp of {case}", forward(case, positions), [
            (*e, *[random_like(e[i], rng) for i in positions]) for e in examples
        ]),
    ]  # fmt: skip


def check_vmap_of_derivatives(case: Case) -> None:
    """vmap of vjp and of jvp equal the loop: everything batched, parts of it, random axes."""
    rng = seeded(case)
    for what, g, examples in _derivatives(case, rng):
        count, n = len(examples[0]), len(case.args)
        choices = [
            [True] * count,
            [i >= n for i in range(count)],
            [i < n for i in range(count)],
            _random_flags(rng, count),
        ]
        for flags in choices:
            axes = _random_axes(rng, [a.ndim for a in examples[0]], flags)
            wants = loop(g, examples, axes)
            assert_batched(g, stack(examples, axes), axes, wants, what, exact=False)


def check_derivatives_of_vmap(case: Case) -> None:
    """jvp of vmap equals differences, vjp of vmap is its adjoint; batched along random axes."""
    positions = _split(case)
    outs = evaluate_raw(case.function, case.args) if positions else []
    if not positions or any(y.dtype != np.float64 for y in outs):
        return
    rng = seeded(case)
    flags = _random_flags(rng, len(case.args))
    axes = _random_axes(rng, [a.ndim for a in case.args], flags)
    batch = stack([case.args, *case.others], axes)
    mapped = Case(case.op, tuple(batch), case.params)

    def f(*moving: Any) -> Any:
        full = [*map(wrap, batch)]
        for i, x in zip(positions, moving, strict=True):
            full[i] = x
        return vmap(case.function, axes)(*full)

    xs = [mapped.args[i] for i in positions]
    ts = [random_like(x, rng) for x in xs]
    what = f"vmap(in_axes={axes}) of {case}"
    assert_differences(f, xs, ts, derivative(f, xs, ts), f"jvp of {what}")
    assert_adjoint(f, xs, ts, rng, f"vjp of {what}")


# ------------------------------------------------------------------------------------- staging, jit
def _assert_all_same(found: Sequence[Any], wants: Sequence[np.ndarray], what: str) -> None:
    assert len(found) == len(wants), f"{what}: {len(found)} outputs, not {len(wants)}"
    for y, want in zip(found, wants, strict=True):
        assert_same(raw(y), want, what)


def check_jit(case: Case) -> None:
    """A jitted op gives the eager result bit for bit, also when called again."""
    compiled = jit(lambda *xs: case.function(*xs))
    wants = evaluate_raw(case.function, case.args)
    for turn in ("first", "second"):
        _assert_all_same(compiled(*case.arrays), wants, f"jit of {case}, {turn} call")


def _assert_all_compiled(case: Case, found: Any, wants: Any, what: str) -> None:
    """The same bits; the same but for rounding where derivatives hold products of matrices."""
    if case.op.name not in registry_cases.WITH_PRODUCTS:
        _assert_all_same(found, wants, what)
        return
    for y, want in zip(found, wants, strict=True):
        assert_close(raw(y), want, reordered(want.dtype), what)


def check_jit_of_transforms(case: Case) -> None:
    """jit of vjp, jvp and vmap, and each of them of jit, give the eager results bit for bit."""
    rng = seeded(case)
    jitted = Case(case.op, case.args, case.params, case.others)
    compiled = jit(lambda *xs: case.function(*xs))
    object.__setattr__(jitted, "function", compiled)
    plain, through = _derivatives(case, rng), _derivatives(jitted, seeded(case))
    for (what, g, examples), (_, h, _) in zip(plain, through, strict=True):
        wants = evaluate_raw(g, examples[0])
        arrays = [*map(wrap, examples[0])]
        found = jit(lambda *xs, g=g: g(*xs))(*arrays)
        _assert_all_compiled(case, found, wants, f"jit of {what}")
        _assert_all_compiled(case, h(*arrays), wants, f"{what} under jit")
    if case.args:
        axes = (0,) * len(case.args)
        batch = [*map(wrap, stack([case.args, *case.others], axes))]
        wants = [raw(y) for y in vmap(case.function)(*batch)]
        _assert_all_same(jit(vmap(case.function))(*batch), wants, f"jit of vmap of {case}")
        _assert_all_same(vmap(compiled)(*batch), wants, f"vmap of jit of {case}")


def check_graph(case: Case) -> None:
    """The staged program is well-formed, has the run-time shapes, and runs as graph and as text."""
    rng = seeded(case)
    programs: list[tuple[str, Callable[..., Any], Raw]] = [(str(case), case.function, case.args)]
    programs += [(what, g, examples[0]) for what, g, examples in _derivatives(case, rng)]
    for what, f, args in programs:
        graph = check(make_graph(f)(*[Aval(a.shape, a.dtype) for a in args]))
        wants = evaluate_raw(f, args)
        avals = [(a.shape, a.dtype) for a in graph.out_avals]
        assert avals == [(w.shape, w.dtype) for w in wants], f"graph of {what}: {avals}"
        arrays = [*map(wrap, args)]
        _assert_all_same(evaluate(graph, arrays), wants, f"graph of {what}")
        printed = to_function(graph)(*arrays)
        _assert_all_same(printed, wants, f"printed graph of {what}")
        compile(str(graph), "<graph>", "exec")
