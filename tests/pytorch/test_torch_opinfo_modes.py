"""The modes of the conformance suite beside the plain one: wrong calls, outputs, variants, more."""

import types

import pytest
from oracle import ours, real

from functorch_lite.torch._ops.shape import dimension
from tests import torch_opinfo
from tests.opinfo import children, derivatives, errors, tally, variants
from tests.opinfo.check import check

# How many entries pass in each mode, a little less than the lists have.
AT_LEAST = {
    "errors": 205, "out": 270, "variants": 362, "second": 495, "forward-ad": 485,
    "noncontiguous": 670,
}  # fmt: skip
SHORT = 8


# -------------------------------------------------------------------------------------- conformance
def test_some_entries_that_pass_still_do(request):
    """``--seed`` chooses another mode, and others."""
    seed = request.config.getoption("--seed")
    mode = children.CASES[seed % len(children.CASES)]
    names = children.passing_names(mode)
    parts = -(-len(names) // SHORT)
    chosen = names[seed % parts :: parts]
    print(f"{mode}: {', '.join(chosen)}")
    found = list(children.results(chosen, ["float32", "float64"], samples=3, mode=mode))
    assert [r["name"] for r in found] == chosen
    # With fewer samples an entry may have no case of its own.
    assert all(r["right"] == r["cases"] for r in found), torch_opinfo.report_cases(found)


@pytest.mark.long
@pytest.mark.parametrize("mode", AT_LEAST)
def test_all_entries_of_the_database(mode):
    found = list(children.results(children.entry_names(), children.DTYPES, samples=4, mode=mode))
    good = {r["name"] for r in found if torch_opinfo.passes(r)}
    lost = set(children.passing_names(mode)) - good
    report = torch_opinfo.report_cases if mode in children.CASES else torch_opinfo.report
    assert not lost, report([r for r in found if r["name"] in lost])
    assert len(good) >= AT_LEAST[mode]


@pytest.mark.parametrize("mode", AT_LEAST)
def test_the_lists_of_passing_entries_are_long(mode):
    assert len(children.passing_names(mode)) >= AT_LEAST[mode]


# ------------------------------------------------------------------------- what the modes can see
class Sample:
    broadcasts_input = False

    def __init__(self, input, *args, **kwargs):
        self.input, self.args, self.kwargs = input, args, kwargs

    @staticmethod
    def output_process_fn_grad(made):
        return made


class Entry:
    """An entry of the database about ``mul``."""

    name, variant_test_name, decorators, aliases = "mul", "", (), ()
    op = real.mul
    method_variant, inplace_variant = map(staticmethod, (real.Tensor.mul, real.Tensor.mul_))
    operator_variant = inplace_operator_variant = None
    supports_out = supports_autograd = supports_gradgrad = supports_forward_ad = True
    error_inputs_func = True

    def supported_dtypes(self, device):
        return {real.float64}

    supported_backward_dtypes = supported_dtypes

    def sample_inputs(self, device, dtype, requires_grad=False):
        x = real.arange(1.0, 7.0, dtype=dtype).reshape(2, 3)
        return [Sample(x.requires_grad_(requires_grad), real.full((3,), 2.0, dtype=dtype))]

    def error_inputs(self, device):
        wrong = Sample(real.ones(2), real.ones(3))
        return [types.SimpleNamespace(sample_input=wrong, error_regex="must match the size")]


ENTRY = Entry()
TYPES = children.DTYPES


def broken(monkeypatch, module, f):
    """Make a mode think that ours is another function."""
    plain = module.to_ours
    monkeypatch.setattr(module, "to_ours", lambda x: f if callable(x) else plain(x))


def causes(result):
    return {cause for cause, _ in result["failures"]}


def test_what_is_right_passes():
    for mode in (
        errors.check_errors, variants.check_variants, derivatives.check_second,
        derivatives.check_forward,
    ):  # fmt: skip
        found = mode(ENTRY, TYPES, 4)
        assert found["cases"] == found["right"] > 0, found
    assert check(ENTRY, TYPES, 4)["forward"] == {"float64": None}


@pytest.mark.parametrize(
    ("f", "cause"),
    [
        (lambda a, b: a, "no error"),
        (lambda a, b: ours.mul(a, "x"), "wrong type"),
        (lambda a, b: dimension(None, 2), "internal"),
    ],
)
def test_calls_that_are_not_refused_are_seen(monkeypatch, f, cause):
    broken(monkeypatch, errors, f)
    found = errors.check_errors(ENTRY, TYPES, 4)
    assert found["cases"] == 1 and not found["right"] and not found["messages"]
    assert causes(found) == {cause}


def test_outputs_that_are_not_written_to_are_seen(monkeypatch):
    monkeypatch.setattr(variants, "OUT_DTYPES", ("float64",))
    right = variants.check_out(ENTRY, TYPES, 4)
    assert right["cases"] == right["right"] == 9, right
    broken(monkeypatch, variants, lambda a, b, out: out)
    found = causes(variants.check_out(ENTRY, TYPES, 4))
    assert {"wrong value", "wrong shape", "no error"} <= found


@pytest.mark.parametrize("name", ["mul", "linalg.any"])
def test_wrong_values_of_outputs_and_variants_are_seen(monkeypatch, name):
    monkeypatch.setattr(variants, "OUT_DTYPES", ("float64",))
    entry = Entry()
    entry.name = name
    broken(monkeypatch, variants, lambda a, b, **out: ours.mul(a, 3 * b, **out))
    assert causes(variants.check_variants(entry, TYPES, 4)) >= {"wrong value"}
    assert causes(variants.check_out(entry, TYPES, 4)) == {"wrong value"}


def test_outputs_of_other_strides_are_seen(monkeypatch):
    monkeypatch.setattr(variants, "OUT_DTYPES", ("float64",))

    def mul(a, b, out):
        made = ours.mul(a, b, out=out)
        if out.dtype is ours.float64:
            out.as_strided_((2, 3), (1, 2)).copy_(ours.mul(a, b))
        return made

    broken(monkeypatch, variants, mul)
    assert "wrong strides" in causes(variants.check_out(ENTRY, TYPES, 4))


@pytest.mark.parametrize(
    ("f", "cause"),
    [
        (lambda a, b: a + b, "wrong value"),
        (lambda a, b: ours.mul(a, b), "wrong identity"),
        (lambda a, b: a.detach().mul_(b), "wrong identity"),
        (lambda a, b: a.mul_(ours.ones(7)), "raises"),
    ],
)
def test_variants_that_differ_are_seen(monkeypatch, f, cause):
    broken(monkeypatch, variants, f)
    assert cause in causes(variants.check_variants(ENTRY, TYPES, 4))


def test_wrong_derivatives_are_seen(monkeypatch):
    broken(monkeypatch, derivatives, lambda a, *b: (a * b[0]) * 1.0 if b else a)
    assert derivatives.check_second(ENTRY, TYPES, 4)["right"] == 1
    broken(monkeypatch, derivatives, lambda a, *b: a * b[0] ** 2 if b else a)
    assert causes(derivatives.check_second(ENTRY, TYPES, 4)) == {"wrong gradient"}
    assert causes(derivatives.check_forward(ENTRY, TYPES, 4)) == {"wrong gradient"}


def test_counts_and_the_table():
    counts = tally.Tally("f")
    counts.add(None)
    for _ in range(tally.SHOWN + 2):
        counts.add(("no error", "text"))
    found = counts.result()
    assert found["cases"] == tally.SHOWN + 3 and found["right"] == 1
    assert len(found["failures"]) == tally.SHOWN and not torch_opinfo.passes(found)
    assert "no error: 12" in torch_opinfo.report_cases([found])
    assert torch_opinfo.passes({**found, "right": found["cases"]})
    assert not torch_opinfo.passes({**found, "right": 0, "cases": 0})


def test_an_error_of_a_class_below_is_of_the_kind():
    assert tally.same_kind(NotImplementedError(), RuntimeError())
    assert not tally.same_kind(RuntimeError(), NotImplementedError())
