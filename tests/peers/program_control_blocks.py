"""Control flow as people write it: Newton's method, running extrema, recurrent cells, Gram-Schmidt.

Each is one node of a program, an ordinary composite of one or two arrays.
"""

from __future__ import annotations

from typing import Any

from program_nodes import composite


def _not_close(B: Any, a: Any) -> Any:
    """Whether Newton's method for the square root of a is to go on."""
    return lambda s: (s[0] < 40) & (B.np.abs(s[1] * s[1] - a) > 1e-3)


def _root(B: Any, a: Any, start: Any) -> Any:
    """The square root of a positive scalar; how many steps it takes depends on the scalar."""
    state = (0, start)
    return B.lax.while_loop(_not_close(B, a), lambda s: (s[0] + 1, (s[1] + a / s[1]) / 2), state)


@composite
def newton_steps(B: Any, x: Any) -> Any:
    """The root of each element, and the number of its steps, by a loop under vmap."""

    def one(a: Any) -> Any:
        steps, root = _root(B, a, a)
        return root + 0.1 * steps.astype("float64")

    return B.T.vmap(one)(x)


@composite
def newton_implicit(B: Any, x: Any) -> Any:
    """Roots with the derivative of the equation that they solve, whatever the loop did."""
    f = B.T.custom_jvp(lambda a: _root(B, a, a * 0.5 + 0.5)[1])
    f.defjvp(lambda at, ts: _implicit(f, at[0], ts[0]))
    return B.T.vmap(f)(x)


def _implicit(f: Any, a: Any, t: Any) -> Any:
    root = f(a)
    return root, t / (2 * root)


@composite
def newton_reverse(B: Any, x: Any) -> Any:
    """The same with a reverse rule."""
    f = B.T.custom_vjp(lambda a: _root(B, a, a * 0.5 + 0.5)[1])

    def forward(a: Any) -> Any:
        root = f(a)
        return root, root

    f.defvjp(forward, lambda root, ct: (ct / (2 * root),))
    return B.T.vmap(f)(x)


@composite
def running_extremum(B: Any, x: Any, *, reverse: bool) -> Any:
    """The running maximum over rows and when it last changed, by a branch in a scan."""
    np, lax = B.np, B.lax

    def step(best: Any, row: Any) -> Any:
        size = np.sum(row)
        best = lax.cond(
            size > best["size"],
            lambda b: {"size": size, "row": row, "changes": b["changes"] + 1},
            lambda b: b,
            best,
        )
        return best, best["size"] * 0.5

    first = {"size": np.sum(x[0]) - 0.37, "row": x[0] * 0.5, "changes": np.sum(x[0] > 9.0)}
    best, sizes = lax.scan(step, first, x, reverse=reverse)
    return best["row"] + np.sum(sizes) * 0.1 + best["changes"].astype("float64") * 0.1


@composite
def number_carry(B: Any, x: Any, *, how: str) -> Any:
    """Python numbers where arrays are carried on or returned: they take the arrays' type."""
    np, lax = B.np, B.lax
    if how == "scan":

        def step(carry: Any, row: Any) -> Any:
            return (carry[0] + np.sum(row), carry[1] + 1), carry[0] * row

        (total, count), rows = lax.scan(step, (0.0, 0), x)
        return rows + total * 0.25 + count.astype("float64")
    if how == "fori":
        n = x.shape[0]
        return x * lax.fori_loop(0, n, lambda i, c: c * 0.5 + np.sin(np.sum(x[i])) * i, 1.5)
    if how == "cond":
        return x * lax.cond(np.sum(x) > 0.1, np.sum, lambda a: 1.5, x)
    index = (np.sum(x) > 0.1).astype("int64")
    return x * lax.switch(index, [lambda a: 0.5, np.mean, lambda a: 2.5], x)


@composite
def recurrent_cell(B: Any, x: Any, w: Any, *, remat: bool) -> Any:
    """A gated cell with two states, whose weights the loop closes over."""
    np = B.np

    def step(state: Any, row: Any) -> Any:
        mixed = {"gate": np.tanh(row @ w) * 0.5 + 0.5, "new": np.tanh(row + state["h"] @ w)}
        c = mixed["gate"] * state["c"] + (1.0 - mixed["gate"]) * mixed["new"]
        return {"h": np.tanh(c) * mixed["gate"], "c": c}, (c[0], {"h": state["h"]})

    body = B.T.checkpoint(step, prevent_cse=False) if remat else step
    zero = np.zeros(w.shape[0], dtype="float64")
    state, (first, kept) = B.lax.scan(body, {"h": zero, "c": zero}, x)
    return state["h"] + np.sum(kept["h"], axis=0) + np.mean(first)


@composite
def gram_schmidt(B: Any, x: Any) -> Any:
    """Orthonormal rows, written one after the other; the diagonal keeps them independent."""
    np, lax = B.np, B.lax
    n, m = x.shape

    def step(i: Any, q: Any) -> Any:
        diagonal = (np.arange(m) == i).astype("float64")
        row = lax.dynamic_slice(x, (i, i * 0), (1, m))[0] + 4.0 * diagonal
        row = row - (q @ row) @ q
        row = row / np.sqrt(np.sum(row * row))
        return lax.dynamic_update_slice(q, row[None], (i, i * 0))

    return lax.fori_loop(0, n, step, np.zeros((n, m), dtype="float64"))


@composite
def prefix_affine(B: Any, a: Any, b: Any, *, reverse: bool, axis: int) -> Any:
    """Running compositions of affine maps, which are pairs."""

    def compose(f: Any, g: Any) -> Any:
        return {"a": f["a"] * g["a"], "b": f["b"] * g["a"] + g["b"]}

    out = B.lax.associative_scan(compose, {"a": a, "b": b}, reverse=reverse, axis=axis)
    return out["a"] + out["b"]


@composite
def prefix(B: Any, x: Any, *, name: str, reverse: bool, axis: int) -> Any:
    """Running sums and extrema."""
    return B.lax.associative_scan(getattr(B.np, name), x, reverse=reverse, axis=axis)


@composite
def prefix_products(B: Any, x: Any) -> Any:
    """Running products of matrices."""
    return B.lax.associative_scan(B.np.matmul, x)
