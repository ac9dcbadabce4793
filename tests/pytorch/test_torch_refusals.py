"""Wrong calls, refused with PyTorch's class of error and words."""

import pytest
from oracle import ours, real

CALLS = [
    "torch.argsort(3)", "torch.sort([3])", "torch.cumsum(3, 0)", "torch.matmul(torch.ones(2), 3)",
    "torch.gather(torch.ones(2), 0, 3)", "torch.linalg.inv(3)", "torch.nn.functional.relu(3)",
    "torch.index_select(torch.ones(3), 0, [1])", "torch.dot([1], [2])",
    "torch.nn.functional.avg_pool2d(3, 2)", "torch.narrow_copy(torch.ones(2, 2), 2, 0, 1)",
    "torch.narrow(torch.ones(4), 0, torch.tensor(1.0), 1)",
    "torch.narrow(torch.ones(4), 0, torch.tensor([1]), 1)",
    "torch.nn.functional.prelu(torch.ones(2, 4), torch.ones(2, 2))",
    "torch.nn.functional.avg_pool3d(torch.ones(2, 2, 2), 2)",
    "torch.nn.functional.adaptive_avg_pool2d(torch.ones(2, 2), (2, 2))",
    "torch.nn.functional.adaptive_max_pool3d(torch.ones(2, 2, 2), (2, 2, 2))",
    "torch.nn.functional.multilabel_margin_loss(torch.ones(0), torch.ones(0))",
    "torch.tensor([1]).masked_fill(torch.tensor(True), torch.tensor(1j))",
    "torch.tensor([1], dtype=torch.uint8).masked_fill(torch.tensor(True), torch.tensor(300.0))",
    "torch._chunk_cat([torch.ones(0)], 0, 1)", "torch._chunk_cat([torch.ones(2)], 1, 1)",
    "torch.Tensor.__radd__(2, 3)", "torch.Tensor.__rand__(2, torch.ones(2))",
    "torch.linspace(torch.ones(2), torch.ones(2), 3)", "torch.ormqr(*[torch.ones(())] * 3)",
]  # fmt: skip
# Said at greater length by PyTorch, which lists all forms of the function.
FORMS = [
    "torch.remainder(2, 3)", "torch.pow(2, 3)", "torch.float_power(2, 3)", "torch.max(2, 3)",
    "torch.linspace(0, 3, 1.0)", "torch.logspace(0, 3, True)", "torch.hsplit(torch.ones(2), 'a')",
    "torch.vsplit(torch.ones(2, 2), 2.0)",
]  # fmt: skip


def refused(torch, call):
    with pytest.raises(Exception) as caught:
        eval(call, {"torch": torch})
    return caught.value


@pytest.mark.parametrize("call", CALLS)
def test_a_wrong_call(call):
    mine, theirs = (refused(torch, call) for torch in (ours, real))
    assert type(mine) is type(theirs)
    # PyTorch asks for a better message in some.
    assert str(mine) == str(theirs).split(" (Could")[0].rstrip()


@pytest.mark.parametrize("call", FORMS)
def test_a_call_that_no_form_takes(call):
    mine, theirs = (refused(torch, call) for torch in (ours, real))
    assert type(mine) is type(theirs) is TypeError
    first = str(theirs).split(", but expected")[0]
    assert str(mine).startswith(first)


def test_an_error_of_the_function_itself_stays():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        ours.vmap(lambda t: t.nothing)(ours.ones(2))
