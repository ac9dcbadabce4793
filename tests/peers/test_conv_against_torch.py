"""Convolutions against PyTorch: values, both gradients and their derivatives, in float64."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

import functorch_lite.numpy as fnp
from functorch_lite import grad, nn, random, vmap
from functorch_lite.errors import ShapeError

pytestmark = pytest.mark.peers
torch = pytest.importorskip("torch")


@st.composite
def convolutions(draw, transposed, ndim=None):
    """Dimension, shapes of x and weight, and keywords of the function."""
    ndim = draw(st.integers(1, 3)) if ndim is None else ndim
    side = st.integers(1, 6 if ndim < 3 else 4)
    groups = draw(st.integers(1, 3))
    channels, outputs = (groups * draw(st.integers(1, 2)) for _ in range(2))
    kernel = [draw(st.integers(1, 3)) for _ in range(ndim)]
    keywords = {
        "stride": tuple(draw(st.integers(1, 3)) for _ in range(ndim)),
        "dilation": tuple(draw(st.integers(1, 2)) for _ in range(ndim)),
        "padding": tuple(draw(st.integers(0, 2)) for _ in range(ndim)),
        "groups": groups,
    }
    sizes = []
    for k, s, d, p in zip(
        kernel, keywords["stride"], keywords["dilation"], keywords["padding"], strict=True
    ):
        least = 1 - (-2 * p) // s if transposed else max(1, d * (k - 1) + 1 - 2 * p)
        sizes.append(max(draw(side), least))
    if transposed:
        keywords["output_padding"] = tuple(
            draw(st.integers(0, max(s, d) - 1))
            for s, d in zip(keywords["stride"], keywords["dilation"], strict=True)
        )
        weight = (channels, outputs // groups, *kernel)
    else:
        weight = (outputs, channels // groups, *kernel)
        if draw(st.integers(0, 5)) == 0:
            keywords |= {"padding": "same", "stride": (1,) * ndim}
    lead = (draw(st.integers(1, 3)),) if draw(st.booleans()) else ()
    return ndim, (*lead, channels, *sizes), weight, outputs, keywords


def names(transposed, ndim):
    name = f"conv_transpose{ndim}d" if transposed else f"conv{ndim}d"
    return getattr(nn, name), getattr(torch.nn.functional, name)


def close(ours, theirs):
    ours, theirs = np.asarray(ours), theirs.detach().numpy()
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)


def quiet(f):
    """PyTorch warns that an uneven "same" needs a copy."""
    return pytest.mark.filterwarnings("ignore:Using padding='same'")(f)


@quiet
@pytest.mark.parametrize("transposed", [False, True])
@hypothesis.given(data=st.data())
def test_values_gradients_and_second_order(transposed, data):
    ndim, x_shape, w_shape, outputs, keywords = data.draw(convolutions(transposed))
    ours, theirs = names(transposed, ndim)
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=s) for s in (x_shape, w_shape, (outputs,))]
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    out = theirs(*tensors, **keywords)
    close(ours(*map(fnp.asarray, arrays), **keywords), out)

    ct = rng.normal(size=tuple(out.shape))
    seeds = [rng.normal(size=a.shape) for a in arrays]

    def loss(*args):
        y = ours(*args, **keywords)
        return (y**3 * ct).sum()

    def pushed(*args):
        grads = grad(loss, (0, 1, 2))(*args)
        return sum((g * s).sum() for g, s in zip(grads, seeds, strict=True))

    first = torch.autograd.grad((out**3 * torch.tensor(ct)).sum(), tensors, create_graph=True)
    for found, want in zip(grad(loss, (0, 1, 2))(*map(fnp.asarray, arrays)), first, strict=True):
        close(found, want)
    pairs = zip(first, map(torch.tensor, seeds), strict=True)
    second = torch.autograd.grad(sum((g * s).sum() for g, s in pairs), tensors)
    for found, want in zip(grad(pushed, (0, 1, 2))(*map(fnp.asarray, arrays)), second, strict=True):
        close(found, want)


@quiet
@pytest.mark.parametrize("transposed", [False, True])
@hypothesis.settings(max_examples=25)
@hypothesis.given(data=st.data())
def test_mapped_over_x_over_weights_and_over_both(transposed, data):
    ndim, x_shape, w_shape, _, keywords = data.draw(convolutions(transposed))
    ours, theirs = names(transposed, ndim)
    rng = np.random.default_rng(0)
    size = data.draw(st.integers(1, 3))
    x, w = rng.normal(size=(size, *x_shape)), rng.normal(size=(size, *w_shape))
    for axes in ((0, None), (None, 0), (0, 0)):
        args = [a if axis == 0 else a[0] for a, axis in zip((x, w), axes, strict=True)]
        found = vmap(lambda x, w: ours(x, w, **keywords), axes)(*map(fnp.asarray, args))
        wants = []
        for i in range(size):
            one = [a[i] if axis == 0 else a for a, axis in zip(args, axes, strict=True)]
            wants.append(theirs(*map(torch.tensor, one), **keywords))
        close(found, torch.stack(wants))


LAYERS = [
    ("Conv1d", (4, 6, 3), {"stride": 2, "padding": 1, "groups": 2}, (7,)),
    ("Conv2d", (4, 6, (3, 2)), {"padding": "same", "dilation": 2}, (7, 6)),
    ("Conv3d", (2, 3, 2), {"bias": False}, (3, 4, 3)),
    ("ConvTranspose1d", (4, 6, 3), {"stride": 2, "output_padding": 1}, (5,)),
    ("ConvTranspose2d", (4, 6, 3), {"stride": 2, "padding": (1, 0), "groups": 2}, (4, 3)),
    ("ConvTranspose3d", (2, 3, 2), {"stride": 2, "dilation": 2}, (2, 3, 2)),
]  # fmt: skip


@quiet
@pytest.mark.parametrize("name, sizes, keywords, spatial", LAYERS)
def test_layers_take_the_state_dicts_of_pytorch(name, sizes, keywords, spatial):
    torch.manual_seed(0)
    layer, module = (
        getattr(nn, name)(*sizes, **keywords),
        getattr(torch.nn, name)(*sizes, **keywords),
    )
    module = module.double()
    params = {k: fnp.asarray(v.numpy()) for k, v in module.state_dict().items()}
    fresh = layer.init(random.key(0))
    assert {k: v.shape for k, v in fresh.items()} == {k: v.shape for k, v in params.items()}
    bound = 1 / np.sqrt(np.prod(params["weight"].shape[1:]))
    for values in (fresh, params):  # drawn from the same interval
        assert all(np.abs(np.asarray(v)).max() <= bound for v in values.values())
        assert np.abs(np.asarray(values["weight"])).max() > 0.8 * bound
    x = np.random.default_rng(0).normal(size=(2, sizes[0], *spatial))
    close(layer.apply(params, fnp.asarray(x)), module(torch.tensor(x)))


@pytest.mark.parametrize("transposed", [False, True])
def test_both_refuse_the_same_calls(transposed):
    ours, theirs = names(transposed, 2)
    x, w = np.ones((2, 4, 5, 5)), np.ones((4, 4, 3, 3))
    calls = [
        {"stride": 0}, {"padding": -1}, {"groups": 3}, {"dilation": 0}, {"stride": (1, 1, 1)},
    ]  # fmt: skip
    calls += [{"output_padding": 2}, {"padding": 5}] if transposed else [{"dilation": 3}]
    for keywords in calls:
        with pytest.raises((ValueError, ShapeError)):
            ours(fnp.asarray(x), fnp.asarray(w), **keywords)
        with pytest.raises((RuntimeError, ValueError)):
            theirs(torch.tensor(x), torch.tensor(w), **keywords)
