"""Random programs through random compositions of transforms, in float64, equal JAX's.

Program ``n`` is always the same. A failing one is shrunk and printed as text that runs by itself in
this folder. ``pytest`` runs the first 60, and 25 around matrices, Fourier transforms and special
functions; ``pytest --long`` all 1,020.
"""

from collections import Counter
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

jax = pytest.importorskip("jax", exc_type=ImportError)

from program_control_generator import CONTROL_PROGRAMS, generate_control  # noqa: E402
from program_coverage import recorded  # noqa: E402
from program_generator import (  # noqa: E402
    LARGEST,
    NUMERICAL_FROM,
    SMALLEST,
    generate,
    operations,
)
from program_shrink import smallest, snippet  # noqa: E402
from program_transforms import DERIVATIVES, KINDS  # noqa: E402
from program_trees import leaves  # noqa: E402
from programs import Unsupported, check, failure, ours  # noqa: E402

import functorch_lite as fl  # noqa: E402
from functorch_lite.core.op import REGISTRY, Rule  # noqa: E402

pytestmark = pytest.mark.peers

PROGRAMS, NUMERICAL = 520, 500
SAMPLE, NUMERICAL_SAMPLE = 60, 25
FEWEST_USES = 8

# Ops that no program contains, and why.
_NAMED = ("psum", "all_gather", "all_to_all", "ppermute", "axis_index")
_MATRICES = (
    "cofactor", "column_order", "eig", "expm_along", "hessenberg", "lu_order", "pinv_svdvals",
    "polar", "schur", "sqrtm", "sylvester",
)  # fmt: skip
_SPECIAL = (
    "airy_ai", "airy_ai_prime", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "beta",
    "betainc_grad", "binom", "cosine_integral", "dawsn", "erfcx", "exp1", "expn", "fresnel_c",
    "fresnel_s", "hyp1f1", "hyp2f1", "igamma_grad_a", "k0", "k0e", "k1", "k1e", "owens_t", "poch",
    "sine_integral", "wofz",
)  # fmt: skip
LEFT_OUT: dict[str, str] = {
    **dict.fromkeys(_NAMED, "a vmap with that axis replaces them before a graph is written; the "
                    "control programs compare their values"),
    "pure_callback": "its function belongs to Python, not to either library",
    "debug_callback": "it returns nothing to compare",
    **dict.fromkeys(_MATRICES, "compared with JAX in tests/linalg, where JAX has it"),
    **dict.fromkeys(_SPECIAL, "compared with JAX or SciPy in tests/scipy"),
    "gcd": "compared with JAX in tests/numpy/test_more_against_jax.py",
    **dict.fromkeys(("linear_solve", "tridiagonal", "tridiagonal_solve"), "compared with JAX in "
                    "tests/lax"),
}  # fmt: skip

tally: Counter[str] = Counter()


@pytest.fixture(autouse=True)
def sixty_four_bits():
    with jax.enable_x64(True):
        yield


def numbers():
    numerical = NUMERICAL_FROM, NUMERICAL, NUMERICAL_SAMPLE
    for first, count, sample in ((0, PROGRAMS, SAMPLE), numerical):
        for n in range(count):
            yield pytest.param(first + n, marks=[] if n < sample else [pytest.mark.long])


@pytest.mark.parametrize("number", list(numbers()))
def test_program(number):
    program = generate(number)
    try:
        _, op_by_op = check(program)
    except Unsupported as error:
        tally["unsupported"] += 1
        pytest.skip(f"JAX cannot run program {number}: {error}")
    except Exception as error:
        text = snippet(smallest(program))
        pytest.fail(f"program {number}: {type(error).__name__}: {error}\n\n{text}", pytrace=False)
    tally["op by op" if op_by_op else "compiled"] += 1


def test_compiled_jax_was_the_judge_of_nearly_all():
    """Where compiled JAX disagrees and JAX op by op agrees, rounding decides; that is rare."""
    run = sum(tally.values())
    print(dict(tally))
    assert tally["op by op"] <= 2 + 0.05 * run, tally
    assert tally["unsupported"] <= 1 + 0.01 * run, tally


# ---------------------------------------- what they contain
@cache
def programs():
    return [generate(number) for number in range(PROGRAMS)]


def test_every_op_is_exercised():
    """By these programs and those with control flow, which convolutions and windows are part of."""
    control = [generate_control(number) for number in range(CONTROL_PROGRAMS)]
    numerical = [generate(NUMERICAL_FROM + number) for number in range(NUMERICAL)]
    uses = recorded(programs()) + recorded(control) + recorded(numerical)
    rare = {name: uses[name] for name in REGISTRY if uses[name] < FEWEST_USES}
    assert set(rare) == set(LEFT_OUT), rare


def test_sizes_and_transforms():
    found = programs()
    assert len(found) >= 500
    assert all(SMALLEST <= operations(p) <= LARGEST for p in found)
    assert {SMALLEST, LARGEST} == {5, 40}
    depths = Counter(len(p.transforms) for p in found)
    assert set(depths) == {1, 2, 3}
    assert depths[3] >= 200
    uses = Counter(t.kind for p in found for t in p.transforms)
    assert min(uses[kind] for kind in KINDS) >= 30, uses
    pairs = {(a.kind, b.kind) for p in found for a, b in pairwise(p.transforms)}
    assert len(pairs) >= 100, len(pairs)
    vmaps = [t for p in found for t in p.transforms if t.kind == "vmap"]
    axes = [a for t in vmaps for x in t.in_axes for a in (x if isinstance(x, tuple) else (x,))]
    assert {None, -1, 0, 1} <= set(axes)
    assert {t.out_axes for t in vmaps} == {"first", "last", "mixed"}
    closures = sum(any(t.closure for t in p.transforms) for p in found)
    assert closures >= 150
    trees = sum(any(isinstance(a, (dict, tuple)) for a in p.args) for p in found)
    assert trees >= 200


def test_derivatives_are_not_trivial_and_values_stay_sane():
    """A derivative that is zero, or numbers that overflow, would agree with anything."""
    derived = [p for p in programs() if any(t.kind in DERIVATIVES for t in p.transforms)]
    assert len(derived) >= 0.9 * PROGRAMS
    nonzero, tame = 0, 0
    for program in derived:
        result = ours(program, [])
        found = [x for x in leaves(result["d"]) if x.dtype == np.float64]
        nonzero += any(np.any(np.abs(x) > 1e-8) for x in found)
        tame += all(np.all(np.abs(x) < 1e6) for x in leaves(result))
    assert nonzero >= 0.8 * PROGRAMS, nonzero
    assert tame >= 0.97 * len(derived), tame


# ---------------------------------------- the test of the test
def test_a_wrong_rule_is_found_and_shrunk(monkeypatch):
    """With the reverse rule of tanh off by a term, a program that uses it fails; little is left."""
    tanh = REGISTRY["tanh"]
    wrong = Rule(lambda t, ans: fl.numpy.multiply(t, 1.0 - ans), tanh.operands)
    monkeypatch.setattr(tanh, "vjp", (wrong,))
    monkeypatch.setattr(tanh, "_plans", {})
    reverse = {"grad", "value_and_grad", "vjp", "jacrev"}
    program = next(
        p
        for p in sorted(programs(), key=operations)
        if any(node.op == "np.tanh" for node in p.nodes)
        and p.transforms[0].kind in reverse
        and failure(p, thorough=False)
    )
    small = smallest(program, seconds=20)
    assert operations(small) <= 3
    assert any(node.op == "np.tanh" for node in small.nodes)
    text = snippet(small)
    monkeypatch.undo()
    exec(compile(text, "<snippet>", "exec"), {})  # runs, and passes now that the rule is right


def test_a_different_value_is_noticed(monkeypatch):
    program = next(p for p in programs() if any(node.op == "np.exp" for node in p.nodes))
    exact = fl.numpy.exp
    monkeypatch.setattr(fl.numpy, "exp", lambda x: exact(x) * (1 + 1e-7))
    assert failure(program, thorough=False) == "values"
