"""What the documents show of functions that layers and losses are made of."""

import math

import numpy as np
import pytest

import functorch_lite.torch as torch
import functorch_lite.torch.nn.functional as F


def test_relu_and_sigmoid():
    x = torch.randn(2)
    assert F.relu(x).tolist() == [max(v, 0.0) for v in x.tolist()]
    s = torch.sigmoid(torch.tensor([-100.0, 0.0, 100.0]))
    assert s.tolist() == pytest.approx([0.0, 0.5, 1.0])


def test_softmax_by_rows_and_columns():
    rows = torch.tensor([[1.0, 2, 3], [4, 5, 6]])
    by_column, by_row = F.softmax(rows, dim=0), F.softmax(rows, dim=1)
    assert str(by_row) == "tensor([[0.0900, 0.2447, 0.6652],\n        [0.0900, 0.2447, 0.6652]])"
    assert str(by_column) == (
        "tensor([[0.0474, 0.0474, 0.0474],\n        [0.9526, 0.9526, 0.9526]])"
    )
    assert torch.equal(F.softmax(rows, dim=-1), by_row)
    assert torch.equal(torch.softmax(rows, dim=1), by_row)
    assert F.softmax(rows, dim=1, dtype=torch.float64).dtype is torch.float64
    assert F.softmax(torch.tensor([[1, 2], [3, 4]]), dim=1, dtype=torch.float).shape == (2, 2)
    with pytest.raises(NotImplementedError):
        F.softmax(torch.tensor([[1, 2], [3, 4]]), dim=1)
    assert F.softmax(torch.tensor([1000.0, 1000.0]), dim=0).tolist() == [0.5, 0.5]


def test_mean_squared_error():
    y_true = torch.tensor([1.0, 2.0, 3.0])
    y_pred = torch.tensor([1.5, 2.5, 3.5])
    assert F.mse_loss(y_pred, y_true).item() == 0.25
    assert F.mse_loss(y_pred, y_true, reduction="sum").item() == 0.75
    assert F.mse_loss(y_pred, y_true, reduction="none").tolist() == [0.25] * 3
    assert F.l1_loss(y_pred, y_true).item() == 0.5


def test_cross_entropy_of_class_indices():
    y_pred = torch.tensor([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
    y_true = torch.tensor([2, 1])
    total = math.log(sum(math.exp(v) for v in (1, 2, 3)))
    expected = ((total - 3) + (total - 2)) / 2
    assert F.cross_entropy(y_pred, y_true).item() == pytest.approx(expected)
    steps = F.nll_loss(F.log_softmax(y_pred, dim=1), y_true)
    assert steps.item() == pytest.approx(expected)
    loss = F.cross_entropy(torch.randn(3, 5), torch.tensor([1, 0, 4]))
    assert loss.dim() == 0
    with pytest.raises(IndexError):
        F.cross_entropy(torch.randn(3, 5), torch.tensor([1, 0, 5]))


def test_binary_cross_entropy_with_and_without_logits():
    logits = torch.tensor([0.3, -1.2, 2.0])
    labels = torch.tensor([1.0, 0.0, 1.0])
    plain = F.binary_cross_entropy(torch.sigmoid(logits), labels)
    assert plain.item() == pytest.approx(F.binary_cross_entropy_with_logits(logits, labels).item())


def test_layers_as_functions():
    x = torch.randn(1, 1, 5, 5)
    assert F.conv2d(x, torch.randn(3, 1, 3, 3)).shape == (1, 3, 3, 3)
    assert F.max_pool2d(torch.randn(1, 1, 4, 4), 2).shape == (1, 1, 2, 2)
    for lead in ((), (7,), (5, 7)):
        found = F.linear(torch.randn(*lead, 32), torch.randn(64, 32), torch.zeros(64))
        assert found.shape == (*lead, 64)
    x, w, b = torch.randn(4, 3), torch.randn(2, 3), torch.randn(2)
    assert torch.allclose(F.linear(x, w, b), x @ w.t() + b)


def test_dropout_changes_training_only():
    x = torch.ones(1000)
    assert torch.equal(F.dropout(x, 0.5, training=False), x)
    dropped = F.dropout(x, 0.5, training=True)
    assert set(dropped.tolist()) == {0.0, 2.0}
    assert abs(dropped.mean().item() - 1) < 0.2


def test_the_network_of_the_documents_step_by_step():
    x = torch.randn(64, 1, 28, 28)
    x = F.max_pool2d(F.relu(F.conv2d(x, torch.randn(32, 1, 3, 3) / 3)), 2)
    x = F.max_pool2d(F.relu(F.conv2d(x, torch.randn(64, 32, 3, 3) / 17)), 2)
    flat = x.view(x.size(0), -1)
    assert flat.shape == (64, 64 * 5 * 5)
    with pytest.raises(RuntimeError, match=r"64x1600 and 9216x128"):
        F.linear(flat, torch.randn(128, 64 * 12 * 12))
    logits = F.linear(F.relu(F.linear(flat, torch.randn(128, 1600) / 40)), torch.randn(10, 128))
    assert np.allclose(F.log_softmax(logits, dim=1).exp().sum(dim=1).numpy(), 1, atol=1e-5)


def test_momentum_and_weight_decay_by_hand():
    w = torch.tensor([1.0, -2.0], requires_grad=True)
    velocity = torch.zeros(2)
    expected, speeds = [1.0, -2.0], [0.0, 0.0]
    for _ in range(3):
        w.grad = None
        (w**2).sum().backward()
        with torch.no_grad():
            velocity.mul_(0.9).add_(w.grad + 0.01 * w)  # 90 % of the last velocity, L2 added
            w.sub_(0.1 * velocity)
        speeds = [0.9 * v + 2.01 * x for v, x in zip(speeds, expected, strict=True)]
        expected = [x - 0.1 * v for v, x in zip(speeds, expected, strict=True)]
    assert w.tolist() == pytest.approx(expected, rel=1e-5)
    assert velocity.tolist() == pytest.approx(speeds, rel=1e-5)
