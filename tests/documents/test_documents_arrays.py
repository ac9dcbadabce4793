"""What the documents show of arrays and maths: the same lines, and what they print."""

import numpy as np
import pytest

import functorch_lite.torch as torch

A = [[1, 2], [3, 4]]
B = [[5, 6], [7, 8]]
TEN = [[10, 20, 30], [40, 50, 60], [70, 80, 90]]


def test_sign_and_the_step_function():
    a = torch.tensor([0.7, -1.2, 0.0, 2.3])
    assert str(torch.sign(a)) == "tensor([ 1., -1.,  0.,  1.])"
    theta = lambda t: (torch.sign(t) + 1.0) / 2.0  # noqa: E731
    assert theta(a).tolist() == [1.0, 0.0, 0.5, 1.0]


def test_one_hot_by_rows_of_the_identity():
    y = torch.tensor([0, 2, 2])
    y_onehot = torch.tensor(np.eye(3)[y])
    assert str(y_onehot) == (
        "tensor([[1., 0., 0.],\n"
        "        [0., 0., 1.],\n"
        "        [0., 0., 1.]], dtype=torch.float64)"
    )  # fmt: skip


def test_ones_and_sums():
    a = torch.ones((2, 3))
    assert str(a) == "tensor([[1., 1., 1.],\n        [1., 1., 1.]])"
    assert str(torch.sum(a)) == "tensor(6.)"
    assert str(torch.sum(a, dim=0)) == "tensor([2., 2., 2.])"
    assert str(torch.sum(a, dim=1)) == "tensor([3., 3.])"
    assert str(torch.sum(a, dim=0, keepdim=True)) == "tensor([[2., 2., 2.]])"
    assert str(torch.sum(a, dim=1, keepdim=True)) == "tensor([[3.],\n        [3.]])"


def test_unsqueeze_and_squeeze():
    x = torch.tensor([1, 2, 3, 4])
    y = torch.unsqueeze(x, 0)
    assert str((y, y.shape)) == "(tensor([[1, 2, 3, 4]]), torch.Size([1, 4]))"
    for dim in (1, -1):
        y = torch.unsqueeze(x, dim)
        assert y.tolist() == [[1], [2], [3], [4]] and str(y.shape) == "torch.Size([4, 1])"
    with pytest.raises(IndexError, match="Dimension out of range"):
        torch.unsqueeze(x, 2)
    x = torch.zeros(2, 1, 3, 4, 1, 5)
    assert torch.squeeze(x).shape == (2, 3, 4, 5)
    x = torch.zeros(2, 1, 3)
    assert torch.squeeze(x, dim=0).shape == (2, 1, 3)
    assert torch.squeeze(x, dim=1).shape == (2, 3)


def test_products():
    a, b = torch.tensor(A), torch.tensor(B)
    for product in (torch.mm, torch.matmul):
        assert str(product(a, b)) == "tensor([[19, 22],\n        [43, 50]])"
    assert str(torch.matmul(a, torch.tensor([1, 1]))) == "tensor([3, 7])"
    assert str(torch.matmul(torch.tensor([1, 2]), torch.tensor([3, 4]))) == "tensor(11)"
    with pytest.raises(RuntimeError):
        torch.mm(torch.zeros(2, 2, 2), torch.zeros(2, 2, 2))
    v = torch.tensor([1, 2, 3])
    assert str(torch.mul(v, torch.tensor([4, 5, 6]))) == "tensor([ 4, 10, 18])"
    assert str(torch.mul(v, 2)) == "tensor([2, 4, 6])"
    assert torch.mul(torch.ones(2, 3), torch.ones(3)).shape == (2, 3)


def test_clamp_in_place_and_not():
    tensor = torch.tensor([[-1, 2], [3, 10], [15, -5]])
    clamped = torch.clamp(tensor, 0, 5)
    assert tensor.tolist() == [[-1, 2], [3, 10], [15, -5]]
    for change in (lambda t: t.clamp_(0, 5), lambda t: torch.clamp_(t, 0, 5)):
        t = tensor.clone()
        assert change(t) is t
        assert t.tolist() == clamped.tolist() == [[0, 2], [3, 5], [5, 0]]


def test_item():
    x = torch.randn(2, 2)
    assert x[1, 1].dim() == 0
    assert isinstance(x[1, 1].item(), float)
    assert x[1, 1].item() == x.tolist()[1][1]


def test_view():
    temp = torch.tensor([1, 2, 3, 4, 5, 6])
    assert str(temp.shape) == "torch.Size([6])"
    for shape in ((2, 3), (2, 3, 1), (2, 3, 1, 1)):
        assert temp.view(*shape).shape == shape
    assert temp.view(3, -1).shape == (3, 2)
    temp = torch.tensor([[1, 2, 3], [4, 5, 6]])
    assert str(temp.view(-1)) == "tensor([1, 2, 3, 4, 5, 6])"
    temp.view(-1)[0] = 9
    assert temp[0, 0] == 9


@pytest.mark.parametrize(
    ("dim", "index", "expected"),
    [
        (0, [[0, 2, 1], [1, 0, 2], [2, 1, 0]], [[10, 80, 60], [40, 20, 90], [70, 50, 30]]),
        (1, [[2, 1, 0], [0, 2, 1], [1, 0, 2]], [[30, 20, 10], [40, 60, 50], [80, 70, 90]]),
    ],
)
def test_gather(dim, index, expected):
    found = torch.gather(torch.tensor(TEN), dim=dim, index=torch.tensor(index))
    assert found.tolist() == expected


def test_gather_of_probabilities():
    logits = torch.tensor([[2.0, 1.0, 0.1], [0.5, 2.1, 1.3]])
    labels = torch.tensor([[0], [1]])
    probs = torch.softmax(logits, dim=1)
    # The document prints another second row, which these logits do not have.
    assert str(probs) == "tensor([[0.6590, 0.2424, 0.0986],\n        [0.1223, 0.6056, 0.2721]])"
    selected = torch.gather(probs, dim=1, index=labels)
    assert selected[0].item() == pytest.approx(0.6590, abs=5e-5)
    assert selected[1].item() == pytest.approx(float(np.exp(2.1) / np.exp([0.5, 2.1, 1.3]).sum()))


def test_pow():
    assert str(torch.pow(torch.tensor(3), 2)) == "tensor(9)"
    c = torch.tensor([0.0923, 0.7006, -0.2963, 0.6543])
    assert str(torch.pow(c, 2)) == "tensor([0.0085, 0.4908, 0.0878, 0.4281])"


def test_stack():
    rows = [torch.tensor(r) for r in ([1, 2], [3, 4], [5, 6])]
    result = torch.stack(rows, dim=0)
    assert str(result) == "tensor([[1, 2],\n        [3, 4],\n        [5, 6]])"
    assert str(result.shape) == "torch.Size([3, 2])"
    result = torch.stack(rows, dim=1)
    assert str(result) == "tensor([[1, 3, 5],\n        [2, 4, 6]])"
    assert str(result.shape) == "torch.Size([2, 3])"


def test_cat():
    a, b = torch.tensor(A), torch.tensor(B)
    assert torch.cat([a, b], dim=0).tolist() == [[1, 2], [3, 4], [5, 6], [7, 8]]
    assert torch.cat([a, b], dim=1).tolist() == [[1, 2, 5, 6], [3, 4, 7, 8]]
    assert torch.cat([a, torch.tensor([[5, 6]])], dim=0).tolist() == [[1, 2], [3, 4], [5, 6]]
    found = torch.cat([torch.tensor([1, 2, 3]), torch.tensor([4])], dim=0)
    assert str(found) == "tensor([1, 2, 3, 4])"
    with pytest.raises(RuntimeError):
        torch.cat([a, torch.tensor([[5, 6]])], dim=1)


def test_transpose():
    assert str(torch.tensor(A).t()) == "tensor([[1, 3],\n        [2, 4]])"


def test_a_seed_makes_runs_alike():
    found = []
    for _ in range(2):
        torch.manual_seed(42)
        found.append((torch.randn(3).tolist(), torch.rand(2).tolist(), torch.randperm(5).tolist()))
    assert found[0] == found[1]
    assert found[0][0] == pytest.approx([0.3367, 0.1288, 0.2345], abs=5e-5)


def test_empty():
    x = torch.empty(2, 3, dtype=torch.float64, layout=torch.strided, requires_grad=True)
    assert (x.shape, x.dtype, x.requires_grad) == ((2, 3), torch.float64, True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    assert torch.empty(2, 2, device=device).dtype is torch.float32
    y = torch.empty(5, 3)
    y[:, 0] = torch.randint(0, 2, (5,)).float()
    y[:, 1] = torch.randn(5)
    y[:, 2] = torch.randint(0, 2, (5,)).float()
    assert set(y[:, 0].tolist()) | set(y[:, 2].tolist()) <= {0.0, 1.0}


def test_einsum():
    a, b = torch.tensor(A), torch.tensor(B)
    u, v = torch.tensor([1, 2]), torch.tensor([3, 4])
    assert torch.einsum("ij,jk->ik", a, b).tolist() == [[19, 22], [43, 50]]
    assert torch.einsum("i,i->", u, v).item() == 11
    assert torch.einsum("i,j->ij", u, v).tolist() == [[3, 4], [6, 8]]
    assert torch.einsum("ij->ji", a).tolist() == [[1, 3], [2, 4]]
    assert torch.einsum("ii->", a).item() == 5
    rows = torch.tensor([[1, 2, 3, 4], [1, 1, 1, 1], [4, 3, 2, 1]])
    result = torch.einsum("ij,j->ij", rows, torch.tensor([2, 2, 2, 2]))
    assert result.tolist() == [[2, 4, 6, 8], [2, 2, 2, 2], [8, 6, 4, 2]]


def test_randn_and_randint():
    x = torch.randn(2, 3)
    assert (x.shape, x.dtype, x.requires_grad) == ((2, 3), torch.float32, False)
    y = torch.randint(0, 10, (1000,))
    assert y.dtype is torch.int64
    assert (int(y.min()), int(y.max())) == (0, 9)


def test_dtypes_and_devices():
    assert torch.float is torch.float32 and torch.long is torch.int64
    assert torch.FloatTensor([1.0]).dtype is torch.float32
    assert torch.LongTensor([1]).dtype is torch.int64
    assert torch.tensor([1.7]).long().tolist() == [1]
    x = torch.zeros(2, 3)
    assert str(x.size()) == "torch.Size([2, 3])"
    assert x.sum(dim=1).tolist() == np.zeros((2, 3)).sum(axis=1).tolist()
    if not torch.cuda.is_available():
        with pytest.raises(AssertionError, match="CUDA"):
            x.to("cuda")


def test_indexing_and_broadcasting():
    t = torch.arange(8)
    assert t[2:5].tolist() == [2, 3, 4]
    assert torch.index_select(t, 0, torch.tensor([1, 3])).tolist() == [1, 3]
    assert torch.masked_select(t, t > 5).tolist() == [6, 7]
    a, b = torch.broadcast_tensors(torch.zeros(3, 1), torch.zeros(1, 2))
    assert a.shape == b.shape == (3, 2)
    assert [s.tolist() for s in torch.split(t, 3)] == [[0, 1, 2], [3, 4, 5], [6, 7]]


def test_gradients():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    loss = (x**2).sum()
    loss.backward()
    assert x.grad.tolist() == [2.0, 4.0]
    (g,) = torch.autograd.grad((x**3).sum(), x)
    assert g.tolist() == [3.0, 12.0]
    with torch.no_grad():
        assert not (x * 2).requires_grad
    y = torch.randn(3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(torch.sin, (y,))
