"""Results and derivatives where rounding shows: PyTorch's own, or nearer to the exact ones."""

import numpy as np
import pytest
from oracle import array_of, ours, real, to_ours


def error(torch, f, *arrays):
    """How far results in single precision are from PyTorch's in double, at most."""
    exact = array_of(f(real, *(real.from_numpy(a.astype(np.float64)) for a in arrays)))
    mine = array_of(f(torch, *(torch.from_numpy(a.copy()) for a in arrays)))
    return np.max(abs(mine - exact), initial=0)


def gradient(f):
    def of(torch, x, *others):
        x = x.requires_grad_()
        f(torch, x, *others).backward()
        return x.grad

    return of


def weighted(t):
    return (t * t.abs().sqrt()).sum()


@pytest.mark.parametrize("name", ["cdist", "matrix_exp", "logcumsumexp", "lstsq", "eig", "grid"])
def test_no_farther_than_pytorch(name, rng):
    a = rng.normal(size=(6, 6)).astype(np.float32) * 3
    f = {
        "cdist": lambda torch, x: torch.cdist(
            x, x + 1e-3, compute_mode="use_mm_for_euclid_dist"),
        "matrix_exp": lambda torch, x: torch.linalg.matrix_exp(x),
        "logcumsumexp": gradient(lambda torch, x: weighted(torch.logcumsumexp(x * 8, 1))),
        "lstsq": gradient(lambda torch, x: weighted(
            torch.linalg.lstsq(x, x.detach().t()).solution)),
        "eig": gradient(lambda torch, x: weighted(torch.linalg.eig(x).eigenvalues.abs())),
        "grid": gradient(lambda torch, x: weighted(torch.nn.functional.grid_sample(
            x.view(1, 1, 6, 6), (x.detach() / 9).view(1, 3, 6, 2), "bicubic", "border", False))),
    }[name]  # fmt: skip
    mine, theirs = (error(torch, f, a) for torch in (ours, real))
    assert mine <= theirs


@pytest.mark.parametrize("name", ["logcumsumexp", "lstsq", "ctc"])
def test_gradients_far_nearer_than_pytorch(name, rng):
    def ctc(torch, x):
        labels = torch.tensor([[1, 2, 3, 1, 2] * 6] * 2)
        return torch.nn.functional.ctc_loss(
            x, labels, torch.tensor([200, 200]), torch.tensor([30, 30])
        )

    turns = np.linalg.qr(rng.normal(size=(2, 6, 6)))[0]
    f, a = {
        # The sum is exact in single precision; of the results, which are near 900, digits are lost.
        "logcumsumexp": (lambda torch, x: torch.logcumsumexp(x + 896, 1).sum(),
                         np.round(rng.normal(size=(6, 6)) * 200) / 64),
        "lstsq": (lambda torch, x: weighted(torch.linalg.lstsq(x, x.detach().t()).solution),
                  turns[0] * np.geomspace(1, 0.01, 6) @ turns[1]),
        "ctc": (ctc, rng.normal(size=(200, 2, 5)) * 5),
    }[name]  # fmt: skip
    if name == "ctc":
        a = a - np.logaddexp.reduce(a, -1, keepdims=True)
    mine, theirs = (error(torch, gradient(f), a.astype(np.float32)) for torch in (ours, real))
    assert mine <= theirs / 10


@pytest.mark.parametrize("eps", [None, 0.2])
def test_logit_has_second_derivatives(eps):
    found = []
    for torch in (ours, real):
        x = torch.tensor([0.1, 0.4, 0.9], dtype=torch.float64, requires_grad=True)
        g = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64, requires_grad=True)
        (first,) = torch.autograd.grad(torch.logit(x, eps), x, g, create_graph=True)
        found.append([array_of(t) for t in (first, *torch.autograd.grad(first.sum(), (x, g)))])
    for mine, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(mine, theirs)


def test_gradients_of_complex_logcumsumexp_do_not_overflow():
    found = []
    for torch in (ours, real):
        x = torch.tensor([-3 + 1j, 900, 1 - 2j, 899.5j], dtype=torch.complex128)
        x = x.requires_grad_()
        y = torch.logcumsumexp(x, 0)
        (first,) = torch.autograd.grad((y * y.conj()).real.sum(), x, create_graph=True)
        second = torch.autograd.grad((first * first.conj()).real.sum(), x)[0]
        found.append([array_of(t) for t in (first, second)])
    for mine, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-9)


def test_the_pseudo_inverse_of_one_half_has_the_gradient_of_the_whole_matrix(rng):
    a = rng.normal(size=(2, 4, 4))
    found = []
    for torch in (ours, real):
        x = torch.from_numpy(a.copy()).requires_grad_()
        y = torch.linalg.pinv(x, hermitian=True)
        (first,) = torch.autograd.grad((y * y).sum(), x, create_graph=True)
        found.append([array_of(t) for t in (y, first, *torch.autograd.grad(first.sum(), x))])
    for mine, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(mine, theirs, 1e-6, 1e-6 * abs(theirs).max())


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
def test_rows_are_rescaled_as_one_by_one(dtype, p, rng):
    table = real.from_numpy(rng.normal(size=(9, 7)) * 3).to(getattr(real, dtype))
    rows = real.tensor([0, 3, 3, 8])
    mine = ours.from_numpy(table.double().numpy()).to(getattr(ours, dtype))
    ours.embedding_renorm_(mine, to_ours(rows.numpy()), 1.0, p)
    real.embedding_renorm_(table, rows, 1.0, p)
    np.testing.assert_array_equal(array_of(mine), array_of(table))
