"""Random programs with loops, branches, checkpoints and custom rules, in float64, equal JAX's.

The functions that these constructs apply are random programs too, up to three deep. Program ``n``
is always the same; a failing one is shrunk and printed as in ``test_random_programs``. ``pytest``
runs the first 50, ``pytest --long`` all.
"""

from collections import Counter
from functools import cache

import numpy as np
import pytest

jax = pytest.importorskip("jax", exc_type=ImportError)

from program_control_generator import (  # noqa: E402
    BOTH,
    CONTROL_PROGRAMS,
    FORWARD,
    LARGEST_CONTROL,
    REVERSE,
    constructs,
    generate_control,
    size,
)
from program_control_nodes import bodies_of, is_control  # noqa: E402
from program_coverage import special_cases  # noqa: E402
from program_shrink import smallest, snippet  # noqa: E402
from program_transforms import DERIVATIVES, KINDS  # noqa: E402
from program_trees import leaves  # noqa: E402
from programs import Unsupported, check, failure, ours  # noqa: E402

import functorch_lite as fl  # noqa: E402
from functorch_lite.core.op import REGISTRY, Rule  # noqa: E402

pytestmark = pytest.mark.peers

SAMPLE = 50

tally: Counter[str] = Counter()


@pytest.fixture(autouse=True)
def sixty_four_bits():
    with jax.enable_x64(True):
        yield


def numbers():
    for number in range(CONTROL_PROGRAMS):
        marks = [] if number < SAMPLE else [pytest.mark.long]
        yield pytest.param(number, marks=marks)


@pytest.mark.parametrize("number", list(numbers()))
def test_control_program(number):
    program = generate_control(number)
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
    run = sum(tally.values())
    print(dict(tally))
    assert tally["op by op"] <= 2 + 0.02 * run, tally
    assert tally["unsupported"] <= 1 + 0.02 * run, tally


# ---------------------------------------- what they contain
@cache
def programs():
    return [generate_control(number) for number in range(CONTROL_PROGRAMS)]


def test_every_construct_is_used_in_every_mode():
    modes = {"reverse": {*REVERSE, *BOTH}, "forward": {*FORWARD, *BOTH}, "vmap": {"vmap"}}
    uses, within = Counter(), Counter()
    for program in programs():
        kinds = {t.kind for t in program.transforms}
        names = {path[-1] for path in constructs(program)}
        uses.update(names)
        for mode, members in modes.items():
            if kinds & members:
                within.update((name, mode) for name in names)
    fewest = dict.fromkeys(uses, 30) | {"prefix": 15, "prefix_affine": 15}
    assert len(uses) == 22, sorted(uses)
    assert not [name for name, count in uses.items() if count < fewest[name]], uses
    one_way = {(name, "forward") for name in ("custom_vjp", "newton_reverse")}
    rare = {(n, m) for n in uses for m in modes if within[n, m] < fewest[n] // 4}
    assert rare == one_way, {key: within[key] for key in rare}


def test_constructs_stand_in_constructs():
    paths = [path for program in programs() for path in set(constructs(program))]
    pairs = {pair for path in paths for pair in zip(path, path[1:], strict=False)}
    assert len(pairs) >= 150, len(pairs)
    assert {("scan", "scan"), ("cond", "scan"), ("scan", "cond"), ("checkpoint", "scan"),
            ("scan", "checkpoint"), ("vmap", "while_loop"), ("grad", "scan"),
            ("scan", "grad"), ("custom_vjp", "scan"), ("scan", "custom_jvp")} <= pairs  # fmt: skip
    depths = Counter(max(map(len, constructs(program))) for program in programs())
    assert set(depths) == {1, 2, 3}
    assert depths[2] >= 150 and depths[3] >= 50, depths


def test_special_cases_occur():
    found = special_cases(programs())
    expected = {
        "captured values", "unused results", "carry of f8", "carry of i8", "carry of b1",
        "carry is a dict", "carry is returned unchanged", "without slices", "without results",
        "scan over 0", "scan over 1", "scan reverse", "scan length", "scan unroll",
        "slices are not read", "policy None", "policy everything", "policy nothing",
        "policy dots", "policy named", "prevent_cse True", "prevent_cse False", "map in batches",
        "custom_jvp nondiff", "custom_jvp by_argument", "custom_vjp nondiff",
        "custom_vjp by_argument",
    }  # fmt: skip
    assert set(found) == expected, set(found) ^ expected
    assert min(found.values()) >= 8, found


def test_sizes_and_transforms():
    found = programs()
    assert len(found) >= 500
    assert max(map(size, found)) <= LARGEST_CONTROL
    uses = Counter(t.kind for p in found for t in p.transforms)
    assert min(uses[kind] for kind in KINDS) >= 20, uses
    assert Counter(len(p.transforms) for p in found)[3] >= 200
    assert sum(any(t.closure for t in p.transforms) for p in found) >= 150


def test_derivatives_are_not_trivial_and_values_stay_sane():
    """A derivative that is zero, or numbers that overflow, would agree with anything."""
    derived = [p for p in programs() if any(t.kind in DERIVATIVES for t in p.transforms)]
    assert len(derived) >= 0.9 * CONTROL_PROGRAMS
    nonzero, tame = 0, 0
    for program in derived[:200]:
        result = ours(program, [])
        found = [x for x in leaves(result["d"]) if x.dtype == np.float64]
        nonzero += any(np.any(np.abs(x) > 1e-8) for x in found)
        tame += all(np.all(np.abs(x) < 1e6) for x in leaves(result))
    assert nonzero >= 160, nonzero
    assert tame >= 194, tame


# ---------------------------------------- the test of the test
def _inner_ops(program):
    """The ops of nodes inside of functions."""
    for node in program.nodes:
        for body in bodies_of(node):
            yield from (inner.op for inner in body.nodes)
            yield from _inner_ops(body)


def test_a_wrong_rule_inside_a_body_is_found_and_shrunk(monkeypatch):
    """Little is left of a program that fails because of an operation in a body."""
    tanh = REGISTRY["tanh"]
    wrong = Rule(lambda t, ans: fl.numpy.multiply(t, 1.0 - ans), tanh.operands)
    monkeypatch.setattr(tanh, "vjp", (wrong,))
    monkeypatch.setattr(tanh, "_plans", {})
    program = next(
        p
        for p in sorted(programs(), key=size)
        if "np.tanh" in _inner_ops(p)
        and all(node.op != "np.tanh" for node in p.nodes)
        and p.transforms[0].kind in REVERSE
        and failure(p, thorough=False)
    )
    small = smallest(program, seconds=20)
    assert size(small) <= 4, snippet(small)
    text = snippet(small)
    monkeypatch.undo()
    exec(compile(text, "<snippet>", "exec"), {})  # runs, and passes now that the rule is right


def test_a_wrong_loop_is_found_and_shrunk(monkeypatch):
    """What fails because of a loop is shrunk to little more than the loop."""
    scan = fl.lax.scan
    monkeypatch.setattr(fl.lax, "scan", lambda *args, reverse=False, **k: scan(*args, **k))
    program = next(
        p
        for p in sorted(programs(), key=size)
        if any(n.op == "control.scan" and "'reverse', True" in repr(n.params) for n in p.nodes)
        and failure(p, thorough=False) == "values"
    )
    small = smallest(program, seconds=20)
    assert any(is_control(node) for node in small.nodes)
    assert size(small) <= 6, snippet(small)
    assert not small.transforms
