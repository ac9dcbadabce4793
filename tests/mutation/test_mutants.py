"""Every rule broken in every mechanical way: the laws of the registry notice each of them."""

import time
import zlib

import pytest

from functorch_lite.core.op import REGISTRY
from tests.mutation.equivalent import EQUIVALENT
from tests.mutation.mutants import Mutant, all_mutants, installed, noticed_by

ONE_IN = 3
MUTANTS = all_mutants()


def report(mutants):
    """Survivors among mutants that nothing excuses, and a line of figures."""
    begun = time.perf_counter()
    survivors = [m.id for m in mutants if m.id not in EQUIVALENT and noticed_by(m) is None]
    seconds = time.perf_counter() - begun
    excused = sum(m.id in EQUIVALENT for m in mutants)
    noticed = len(mutants) - excused - len(survivors)
    print(
        f"{len(mutants)} mutants: {noticed} noticed, {excused} equivalent, {len(survivors)} "
        f"survived, in {seconds:.0f} s"
    )
    return survivors


def test_there_are_many_mutants_of_every_differentiable_op():
    ids = [m.id for m in MUTANTS]
    assert len(ids) == len(set(ids)) >= 500
    for name, op in REGISTRY.items():
        slots = {m.slot for m in MUTANTS if m.op is op}
        assert {"aval", "eager"} <= slots, name
        if op.operands and op.name != "debug_callback":
            assert slots & {"batch", "batch_with"}, name


def test_a_sample_of_the_mutants_is_noticed():
    sample = [m for m in MUTANTS if zlib.crc32(m.id.encode()) % ONE_IN == 0]
    assert not report(sample)


@pytest.mark.long
def test_every_mutant_is_noticed():
    assert not report(MUTANTS)


@pytest.mark.long
def test_every_explanation_is_of_a_mutant_that_survives():
    wrong = [m.id for m in MUTANTS if m.id in EQUIVALENT and noticed_by(m) is not None]
    assert not wrong, "these are not equivalent after all"


def test_every_explanation_names_a_mutant():
    assert not set(EQUIVALENT) - {m.id for m in MUTANTS}


def test_the_record_is_whole_again_even_after_an_exception():
    op = REGISTRY["mul"]
    was = op.jvp
    with (
        pytest.raises(ZeroDivisionError),
        installed(Mutant(op, "jvp", "none at all", (None, None))),
    ):
        assert op.jvp == (None, None)
        raise ZeroDivisionError
    assert op.jvp is was


def test_an_unbroken_record_is_not_noticed():
    for name in ("mul", "reduce_sum", "gather"):
        op = REGISTRY[name]
        for slot in ("jvp", "vjp", "batch", "aval", "eager"):
            assert noticed_by(Mutant(op, slot, "no change", getattr(op, slot))) is None
