"""Sums over alignments in hard cases: improbable ones, lengths that differ, impossible ones."""

import numpy as np
import pytest
from oracle import ours, real

from functorch_lite.torch.nn._functional.alignments import log_totals


def losses(torch, logs, targets, inputs, lengths, blank=0):
    """Losses, and their gradients by the logarithms."""
    x = torch.from_numpy(logs.copy()).requires_grad_()
    given = [torch.from_numpy(a.copy()) for a in (targets, inputs, lengths)]
    loss = torch.nn.functional.ctc_loss(x, *given, blank=blank, reduction="none")
    loss.backward(torch.ones_like(loss))
    return loss.detach().numpy(), x.grad.numpy()


def agree(*given, dtype=np.float64, **options):
    logs = given[0].astype(dtype)
    tolerance = 1e-9 if dtype is np.float64 else 2e-5
    for mine, theirs in zip(
        losses(ours, logs, *given[1:], **options), losses(real, logs, *given[1:], **options),
        strict=True,
    ):  # fmt: skip
        np.testing.assert_allclose(mine, theirs, tolerance, tolerance, equal_nan=True)


def logs_of(rng, time, batch, classes, scale=1.0):
    x = rng.normal(size=(time, batch, classes)) * scale
    return x - np.logaddexp.reduce(x, -1, keepdims=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("blank", [0, 2, 4])
def test_lengths_that_differ(dtype, blank, rng):
    classes = [c for c in range(5) if c != blank]
    targets = rng.choice(classes, size=(6, 4))
    inputs, lengths = np.array([12, 7, 9, 1, 12, 4]), np.array([4, 0, 2, 1, 3, 4])
    agree(logs_of(rng, 12, 6, 5), targets, inputs, lengths, blank=blank, dtype=dtype)


def test_alignments_that_are_nearly_impossible(rng):
    # All blanks but for one in e to the 40: the sum is far below the smallest number.
    logs = np.full((60, 1, 3), -40.0)
    logs[..., 0] = -1e-17
    agree(logs, rng.integers(1, 3, size=(1, 25)), np.array([60]), np.array([25]))
    agree(logs_of(rng, 40, 3, 4, 60.0), rng.integers(1, 4, size=(3, 9)), np.array([40, 30, 20]),
          np.array([9, 9, 4]))  # fmt: skip


def test_repeated_labels_and_inputs_that_are_too_short(rng):
    targets = np.array([[1, 1, 1], [2, 2, 1], [1, 2, 1]])
    agree(logs_of(rng, 5, 3, 3), targets, np.array([5, 3, 3]), np.array([3, 3, 3]))


def test_the_shares_of_the_classes_are_those_of_all_alignments():
    # Two steps, one label: it may come first, last or twice.
    p = np.array([[0.3, 0.7], [0.6, 0.4]])
    total, share = log_totals(
        np.log(p)[:, None], np.array([[1]]), np.array([2]), np.array([1]), 0, True
    )
    whole = 0.7 * 0.6 + 0.3 * 0.4 + 0.7 * 0.4
    np.testing.assert_allclose(np.exp(total), [whole])
    np.testing.assert_allclose(share[0, 0], [0.3 * 0.4 / whole, 0.7 / whole])
    np.testing.assert_allclose(share.sum(-1), 1)


def test_no_input_at_all():
    logs = np.log(np.full((3, 2, 2), 0.5))
    total, share = log_totals(
        logs, np.array([[0], [1]]), np.array([0, 0]), np.array([0, 1]), 0, True
    )
    assert total.tolist() == [0.0, -np.inf] and not share.any()
