"""What one op costs: microseconds beside NumPy, JAX, PyTorch and autograd, and Python frames.

    python benchmarks/overhead.py [--rounds 15] [--only ours,numpy]

All libraries share one process here, which answers within seconds; the rows ``op_...`` and
``dispatch_...`` of ``python -m benchmarks`` time the same cases in a process each.

Arrays hold ten float32 values, so that the time is all dispatch. Every round runs every
library once, in turn; the table shows the median over the rounds with the smallest in brackets, so
that a slow spell of the machine falls on all alike. Libraries not installed are left out.
"""

import argparse
import importlib.util
import statistics
import time

import numpy as np

from functorch_lite.testing import count_frames

N = 10
STAGED_OPS = 50
ROUND_SECONDS = 0.02


def in_transform(mode, body):
    """Runs `body(x, y)` on arrays of the given mode and returns what it returned.

    Args:
        mode: "eager", "grad", "jvp", "vmap" or "staging".
        body: called once with two float32 operands of that mode.
    """
    import functorch_lite as fl

    x, y = fl.numpy.ones(N), fl.numpy.ones(N)
    seen = []

    def inside(x, y):
        seen.append(body(x, y))
        return fl.numpy.sum(x * y)

    if mode == "eager":
        inside(x, y)
    elif mode == "grad":
        fl.grad(inside, argnums=(0, 1))(x, y)
    elif mode == "jvp":
        fl.jvp(inside, (x, y), (x, y))
    elif mode == "vmap":
        rows = fl.numpy.ones((3, N))
        fl.vmap(inside)(rows, rows)
    elif mode == "staging":
        fl.make_graph(inside)(x, y)
    else:
        raise ValueError(f"unknown mode {mode!r}")
    return seen[0]


EXPRESSIONS = {
    "x*y": lambda x, y: lambda: x * y,
    "x*2.0": lambda x, y: lambda: x * 2.0,
    "2.0*x": lambda x, y: lambda: 2.0 * x,
    "x+x": lambda x, y: lambda: x + x,
}
MODES = ("eager", "grad", "jvp", "vmap", "staging")


def frames_table():
    """Frames per op, `{mode: {expression: frames}}`."""
    return {
        mode: {
            name: in_transform(mode, lambda x, y, make=make: count_frames(make(x, y)))
            for name, make in EXPRESSIONS.items()
        }
        for mode in MODES
    }


# ---------------------------------------------------------------- the same work in every library
def functional_cases(np_like, x, grad, jvp, vmap, jit, stage, ready):
    """The cases of a library with JAX's names; each is (function, ops per call)."""
    y = x + 1
    rows = np_like.stack([x, y])
    df = grad(lambda x: np_like.sum(np_like.tanh(x) * x))
    step = jit(lambda x: x + 1)

    def chain(x):
        for _ in range(STAGED_OPS // 2):
            x = x * x
            x = x + 1.0
        return x

    return {
        "x*y": (lambda: x * y, 1),
        "x*2.0": (lambda: x * 2.0, 1),
        "x+x": (lambda: x + x, 1),
        "grad of sum(tanh(x)*x)": (lambda: ready(df(x)), 1),
        "jvp of tanh(x)*x": (lambda: ready(jvp(lambda x: np_like.tanh(x) * x, (x,), (y,))[1]), 1),
        "vmap of tanh(x)*x": (lambda: ready(vmap(lambda x: np_like.tanh(x) * x)(rows)), 1),
        "staging, per op": (lambda: stage(chain)(x), STAGED_OPS),
        "jit call of x+1": (lambda: ready(step(x)), 1),
    }


def our_cases():
    import functorch_lite as fl

    def fresh_graph(f):
        return fl.make_graph(lambda x: f(x))

    x = fl.numpy.linspace(0.0, 1.0, N)
    return functional_cases(
        fl.numpy, x, fl.grad, fl.jvp, fl.vmap, fl.jit, fresh_graph, lambda out: out
    )


def jax_cases():
    import jax

    def fresh_jaxpr(f):
        # A new function each time: staging is what is measured, not JAX's cache of it.
        return jax.make_jaxpr(lambda x: f(x))

    x = jax.numpy.linspace(0.0, 1.0, N)
    return functional_cases(
        jax.numpy, x, jax.grad, jax.jvp, jax.vmap, jax.jit, fresh_jaxpr, jax.block_until_ready
    )


def numpy_cases(array_module=np):
    """Those of plain NumPy, or of CuPy."""
    x = array_module.linspace(0.0, 1.0, N, dtype=np.float32)
    y = x + 1
    return {
        "x*y": (lambda: x * y, 1),
        "x*2.0": (lambda: x * 2.0, 1),
        "x+x": (lambda: x + x, 1),
    }


def torch_cases(device="cpu"):
    import torch

    x = torch.linspace(0.0, 1.0, N, device=device)
    y = x + 1
    rows = torch.stack([x, y])
    leaf = x.clone().requires_grad_()

    def backward():
        return torch.autograd.grad((torch.tanh(leaf) * leaf).sum(), leaf)

    def product(x):
        return torch.tanh(x) * x

    return {
        "x*y": (lambda: x * y, 1),
        "x*2.0": (lambda: x * 2.0, 1),
        "x+x": (lambda: x + x, 1),
        "grad of sum(tanh(x)*x)": (backward, 1),
        "jvp of tanh(x)*x": (lambda: torch.func.jvp(product, (x,), (y,)), 1),
        "vmap of tanh(x)*x": (lambda: torch.func.vmap(product)(rows), 1),
    }


def autograd_cases():
    import autograd
    import autograd.numpy as anp

    x = np.linspace(0.0, 1.0, N, dtype=np.float32)
    df = autograd.grad(lambda x: anp.sum(anp.tanh(x) * x))
    return {"grad of sum(tanh(x)*x)": (lambda: df(x), 1)}


LIBRARIES = {
    "ours": ("functorch_lite", our_cases),
    "numpy": ("numpy", numpy_cases),
    "jax": ("jax", jax_cases),
    "torch": ("torch", torch_cases),
    "autograd": ("autograd", autograd_cases),
}


# ---------------------------------------------------------------- timing
def seconds_of(fn, calls):
    start = time.perf_counter()
    for _ in range(calls):
        fn()
    return time.perf_counter() - start


def calls_per_round(fn):
    """How many calls fill a round; the first calls also trace, compile and warm caches."""
    fn(), fn()
    calls = 1
    while (elapsed := seconds_of(fn, calls)) < ROUND_SECONDS / 4:
        calls *= 2
    return max(1, round(calls * ROUND_SECONDS / elapsed))


def measure(cases, rounds):
    """Microseconds per op, `{case: {library: [one figure per round]}}`, the libraries in turn."""
    names = dict.fromkeys(name for of_library in cases.values() for name in of_library)
    table = {}
    for name in names:
        entries = {library: own[name] for library, own in cases.items() if name in own}
        calls = {library: calls_per_round(fn) for library, (fn, _) in entries.items()}
        table[name] = {library: [] for library in entries}
        for _ in range(rounds):
            for library, (fn, ops) in entries.items():
                spent = seconds_of(fn, calls[library])
                table[name][library].append(spent / calls[library] / ops * 1e6)
    return table


def show(table, libraries):
    width = max(map(len, table)) + 2
    print("microseconds per op: median (smallest)")
    print("".ljust(width) + "".join(library.rjust(18) for library in libraries))
    for name, row in table.items():
        cells = []
        for library in libraries:
            times = row.get(library)
            cell = f"{statistics.median(times):.2f} ({min(times):.2f})" if times else "-"
            cells.append(cell.rjust(18))
        print(name.ljust(width) + "".join(cells))


def show_frames(frames):
    print("\nPython frames per op, ours")
    print("".ljust(10) + "".join(name.rjust(8) for name in EXPRESSIONS))
    for mode, row in frames.items():
        print(mode.ljust(10) + "".join(f"{row[name]:8g}" for name in EXPRESSIONS))


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", default=",".join(LIBRARIES), help="libraries, with commas")
    options = parser.parse_args(arguments)
    chosen = options.only.split(",")
    if unknown := sorted(set(chosen) - set(LIBRARIES)):
        parser.error(f"unknown {', '.join(unknown)}; there are {', '.join(LIBRARIES)}")
    cases = {
        name: make()
        for name, (module, make) in LIBRARIES.items()
        if name in chosen and importlib.util.find_spec(module)
    }
    show(measure(cases, options.rounds), list(cases))
    if "ours" in cases:
        show_frames(frames_table())


if __name__ == "__main__":
    main()
