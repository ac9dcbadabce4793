"""``grid_sample`` and ``affine_grid`` of images and volumes against PyTorch's."""

import numpy as np
import pytest

import functorch_lite.torch as ftorch

pytestmark = pytest.mark.peers
F = ftorch.nn.functional


@pytest.fixture
def torch():
    return pytest.importorskip("torch", exc_type=ImportError)


@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize(
    ("mode", "count"),
    [("bilinear", 2), ("nearest", 2), ("bicubic", 2), ("bilinear", 3), ("nearest", 3)],
)
def test_grid_sample(torch, rng, mode, count, padding, corners):
    x = rng.normal(size=(2, 3, *(4, 5, 3)[:count]))
    grid = rng.uniform(-1.5, 1.5, (2, *(3, 2, 4)[:count], count))
    found, gradients = [], []
    for library in (ftorch, torch):
        a, g = (library.tensor(v, requires_grad=True) for v in (x, grid))
        out = library.nn.functional.grid_sample(a, g, mode, padding, corners)
        out.square().sum().backward()
        found.append(out)
        gradients.append((a.grad, g.grad))
    assert found[0].grad_fn.name() == found[1].grad_fn.name()
    np.testing.assert_allclose(found[0].detach().numpy(), found[1].detach().numpy(), rtol=1e-10)
    for mine, theirs in zip(*gradients, strict=True):
        np.testing.assert_allclose(mine.numpy(), theirs.numpy(), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("size", [(2, 1, 4, 3), (2, 1, 4, 3, 2)])
def test_affine_grid(torch, rng, size, corners):
    count = len(size) - 2
    theta = rng.normal(size=(2, count, count + 1))
    expected = torch.nn.functional.affine_grid(torch.tensor(theta), size, corners)
    found = F.affine_grid(ftorch.tensor(theta), size, corners)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-12)


@pytest.mark.parametrize(
    "call",
    [
        lambda t: t.nn.functional.grid_sample(
            t.ones(1, 1, 2, 2, 2), t.zeros(1, 1, 1, 1, 3), "bicubic", align_corners=False
        ),
        lambda t: t.nn.functional.grid_sample(
            t.ones(1, 1, 2, 2, 2), t.zeros(1, 1, 1, 3), align_corners=False
        ),
        lambda t: t.nn.functional.grid_sample(
            t.ones(1, 1, 2, 2, 2), t.zeros(1, 1, 1, 1, 2), align_corners=False
        ),
        lambda t: t.nn.functional.affine_grid(t.ones(1, 2, 3), (1, 1, 2, 2, 2), False),
        lambda t: t.nn.functional.affine_grid(t.ones(1, 2, 3), (1, 1, 2), False),
        lambda t: t.nn.functional.affine_grid(t.ones(1, 2, 3), (1, 1, 0, 2), False),
    ],
)
def test_refusals_are_pytorchs(torch, call):
    problems = []
    for library in (torch, ftorch):
        with pytest.raises((RuntimeError, ValueError, NotImplementedError)) as caught:
            call(library)
        problems.append((caught.type, str(caught.value).strip()))
    assert problems[0] == problems[1]
