"""The conformance suite over PyTorch's op database, and what it is made of."""

import ml_dtypes
import numpy as np
import pytest
from oracle import ours, real

from tests import torch_opinfo
from tests.opinfo import check, children
from tests.opinfo.compare import Comparison, Tolerance
from tests.opinfo.ties import same_choice
from tests.opinfo.translate import Missing, array_of, to_ours

AT_LEAST = 665
SHORT = 10


def compared(mine, theirs, exact=None, widened=None):
    return Comparison(widened or {}, True, lambda: exact)(mine, theirs)


# -------------------------------------------------------------------------------------- conformance
def test_some_entries_that_pass_still_do_beside_one_that_crashes(request):
    """``--seed`` chooses others."""
    names = children.passing_names()
    parts = -(-len(names) // SHORT)
    turn = request.config.getoption("--seed") % parts
    chosen = names[turn::parts]
    print(f"part {turn} of {parts}: {', '.join(chosen)}")
    crashed, *found = children.results(["no such entry", *chosen], children.DTYPES, samples=6)
    assert torch_opinfo.failure(crashed, "forward")[0] == "crash"
    assert "KeyError" in torch_opinfo.failure(crashed, "forward")[2]
    assert [r["name"] for r in found] == chosen
    assert all(torch_opinfo.passes(r) and r["samples"] for r in found), torch_opinfo.report(found)


@pytest.mark.long
def test_all_entries_of_the_database():
    found = list(children.results(children.entry_names(), children.DTYPES, samples=40))
    good = {r["name"] for r in found if torch_opinfo.passes(r)}
    lost = set(children.passing_names()) - good
    assert not lost, torch_opinfo.report([r for r in found if r["name"] in lost])
    assert len(good) >= AT_LEAST


def test_the_list_of_passing_entries_is_long():
    assert len(children.passing_names()) >= AT_LEAST


# ----------------------------------------------------------------------------------- the comparison
def test_equal_results_are_equal():
    for dtype in ("float32", "bfloat16", "int64", "bool", "complex64"):
        theirs = real.arange(6).reshape(2, 3).to(getattr(real, dtype))
        assert compared(to_ours(theirs), theirs) is None
    assert compared((1, [2.0, "a"]), (1, [2.0, "a"])) is None
    assert compared(float("nan"), float("nan")) is None


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda t: t + 1e-3, "wrong value"),
        (lambda t: t.double(), "wrong dtype"),
        (lambda t: t.reshape(3, 2), "wrong shape"),
        (lambda t: t.numpy(), "wrong value"),
        (lambda t: [t], "wrong value"),
        (lambda t: t.masked_fill(t == 0, float("nan")), "wrong value"),
    ],
)
def test_a_difference_is_seen(change, cause):
    theirs = real.arange(6.0).reshape(2, 3)
    assert compared(change(to_ours(theirs)), theirs)[0] == cause


def test_numbers_differ_by_value_and_type():
    assert compared(2, 3)[0] == "wrong value"
    assert compared(2.0, 2)[0] == "wrong value"
    assert compared(True, 1)[0] == "wrong value"


def test_a_rounding_that_is_nearer_to_the_exact_result_is_right():
    exact = real.tensor([1.0], dtype=real.float64)
    theirs, near, far = (real.tensor([1 + d]) for d in (1e-3, -9e-4, -2e-3))
    assert compared(to_ours(near), theirs, exact) is None
    assert compared(to_ours(far), theirs, exact)[0] == "wrong value"
    assert compared(to_ours(near), theirs)[0] == "wrong value"
    other = real.tensor([0.5], dtype=real.float64)  # as if drawn at random
    assert compared(to_ours(near), theirs, other)[0] == "wrong value"


def test_the_database_may_widen_a_tolerance():
    theirs, mine = real.tensor([1.0]), ours.tensor([1.01])
    assert compared(mine, theirs)[0] == "wrong value"
    assert compared(mine, theirs, widened={"float32": Tolerance(0.1, 0.0)}) is None
    assert compared(mine, theirs, widened={"float64": Tolerance(0.1, 0.0)})[0] == "wrong value"


class Sample:
    def __init__(self, input, *args, **kwargs):
        self.input, self.args, self.kwargs = input, args, kwargs


def test_positions_of_equal_elements_may_be_exchanged():
    sample = Sample(real.tensor([5, 5, 1]))
    theirs = real.tensor([2, 0, 1])
    assert same_choice("argsort", sample, ours.tensor([2, 1, 0]), theirs)
    assert not same_choice("argsort", sample, ours.tensor([1, 2, 0]), theirs)
    assert not same_choice("argsort", sample, ours.tensor([3, 0, 1]), theirs)
    assert not same_choice("add", sample, ours.tensor([2, 1, 0]), theirs)
    stable = Sample(real.tensor([5, 5, 1]), stable=True)
    assert not same_choice("argsort", stable, ours.tensor([2, 1, 0]), theirs)
    assert not same_choice("argsort", sample, ours.tensor([2, 0, 0]), theirs)
    other = Sample(real.tensor([0.0, float("nan"), 0.0]))
    assert not same_choice("argsort", other, ours.tensor([0, 1, 2]), real.tensor([0, 2, 1]))
    wrong = [ours.tensor([1, 5, 4]), ours.tensor([2, 1, 0])]
    assert not same_choice("sort", sample, wrong, [real.tensor([1, 5, 5]), theirs])
    right = [ours.tensor([1, 5, 5]), ours.tensor([2, 1, 0])]
    assert same_choice("sort", sample, right, [real.tensor([1, 5, 5]), theirs])


# ---------------------------------------------------------------------------------- the translation
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8", "complex128", "bool"])
def test_tensors_keep_values_strides_and_gradients(dtype):
    whole = real.arange(24).to(getattr(real, dtype)).reshape(4, 6)
    wide = whole[:, :1].expand(4, 3)
    for theirs in (whole, whole.t(), whole[1:, ::2], whole[:0], whole[0, 0], wide):
        mine = to_ours(theirs)
        assert mine.stride() == theirs.stride() and tuple(mine.shape) == tuple(theirs.shape)
        np.testing.assert_array_equal(array_of(mine), array_of(theirs))
        assert str(mine.dtype) == str(theirs.dtype) and not mine.requires_grad
    if dtype == "float32":
        mine = to_ours(whole.clone().requires_grad_())
        assert mine.requires_grad and mine.is_leaf
    if dtype == "bfloat16":
        assert array_of(whole).dtype == ml_dtypes.bfloat16


def test_functions_are_found_by_name():
    assert to_ours(real.nn.functional.mse_loss) is ours.nn.functional.mse_loss
    assert to_ours(real.add) is ours.add
    assert to_ours(real.Tensor.add_)(ours.tensor([1]), 2).tolist() == [3]
    with pytest.raises(Missing):
        to_ours(real.ops.aten.native_dropout_backward)


def test_functions_of_the_database_run_over_our_package():
    space = {"torch": real, "__name__": "torch.testing._internal.any"}
    exec("def made(n):\n    return lambda t, k=torch.int64: (torch.abs(t) + n).to(k)", space)
    found = to_ours(space["made"](2))(ours.tensor([-1.0]))
    assert isinstance(found, ours.Tensor) and found.dtype is ours.int64 and found.tolist() == [3]


def test_what_is_missing_has_a_cause():
    assert check.cause_of(AttributeError("module 'torch' has no attribute 'x'")) == "missing name"
    assert check.cause_of(TypeError("f() got an unexpected keyword argument 'k'")) == (
        "argument not accepted"
    )
    assert (
        check.cause_of(NotImplementedError("\"f\" not implemented for 'Half'")) == "missing dtype"
    )
    assert check.cause_of(ValueError("no")) == "raises"


# ------------------------------------------------------------------------------------ the processes
def test_failures_are_grouped_by_cause():
    result = {
        "name": "f", "samples": 1, "compared": 1, "closer": 0, "gradient": {},
        "forward": {"float32": None, "int8": ["wrong value", "a"], "bool": ["missing dtype", "b"]},
    }  # fmt: skip
    assert torch_opinfo.failure(result, "forward") == ("missing dtype", "bool", "b")
    assert not torch_opinfo.passes(result)
    good = {**result, "forward": {"float32": None}}
    assert torch_opinfo.passes(good) and not torch_opinfo.passes({**good, "compared": 0})
    text = torch_opinfo.report([result])
    assert "missing dtype: 1" in text and "entries                          0 of 1" in text


def test_wrong_arguments_of_the_command(capsys):
    assert torch_opinfo.main(["--dtypes", "float33"]) == 2
    assert "got float33" in capsys.readouterr().err
