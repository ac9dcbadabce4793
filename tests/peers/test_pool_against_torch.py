"""Pooling and embeddings equal PyTorch's: values, positions, derivatives of first and second order.

Everything is float64. Half of the arrays hold few distinct integers, so that windows have ties.
"""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

import functorch_lite as fl  # noqa: E402
import functorch_lite.numpy as fnp  # noqa: E402
from functorch_lite import nn  # noqa: E402

pytestmark = pytest.mark.peers
F = torch.nn.functional
EXAMPLES = settings(
    max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
MANY = settings(max_examples=600, suppress_health_check=list(HealthCheck))


@st.composite
def arrays(draw, count, positive=False):
    """[batch, channels, *sizes] or [channels, *sizes]; now and then with a NaN or an infinity."""
    lead = draw(st.lists(st.integers(1, 2), min_size=1, max_size=2))
    shape = (*lead, *(draw(st.integers(1, 7)) for _ in range(count)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.normal(size=shape) if draw(st.booleans()) else rng.integers(-2, 3, shape).astype(float)
    if positive:
        return np.abs(x)
    for odd in (np.nan, -np.inf):
        if draw(st.integers(0, 9)) == 0:
            x.reshape(-1)[rng.integers(0, x.size, 3)] = odd
    return x


def each(draw, count, low, high):
    return [draw(st.integers(low, high)) for _ in range(count)]


@st.composite
def max_pools(draw):
    count = draw(st.integers(1, 3))
    kernel = each(draw, count, 1, 4)
    settings = {
        "kernel_size": kernel, "stride": draw(st.none() | st.just(each(draw, count, 1, 4))),
        "padding": [draw(st.integers(0, k // 2)) for k in kernel],
        "dilation": each(draw, count, 1, 3), "ceil_mode": draw(st.booleans()),
        "return_indices": True,
    }  # fmt: skip
    return f"max_pool{count}d", draw(arrays(count)), settings


@st.composite
def avg_pools(draw):
    count = draw(st.integers(1, 3))
    kernel = each(draw, count, 1, 4)
    settings = {
        "kernel_size": kernel, "stride": draw(st.none() | st.just(each(draw, count, 1, 4))),
        "padding": [draw(st.integers(0, k // 2)) for k in kernel],
        "ceil_mode": draw(st.booleans()), "count_include_pad": draw(st.booleans()),
    }  # fmt: skip
    if count > 1 and draw(st.booleans()):
        settings["divisor_override"] = draw(st.integers(1, 5))
    return f"avg_pool{count}d", draw(arrays(count)), settings


@st.composite
def lp_pools(draw):
    count = draw(st.integers(1, 2))
    kernel, stride = each(draw, count, 1, 4), each(draw, count, 1, 4)
    settings = {
        "norm_type": draw(st.sampled_from([1.0, 2.0, 3.0, 2.5])),
        "kernel_size": kernel if count > 1 else kernel[0],
        "stride": stride if count > 1 else stride[0], "ceil_mode": draw(st.booleans()),
    }  # fmt: skip
    return f"lp_pool{count}d", draw(arrays(count, positive=True)), settings


@st.composite
def adaptive_pools(draw):
    count = draw(st.integers(1, 3))
    sizes = each(draw, count, 1, 8)
    if count > 1 and draw(st.booleans()):
        sizes[0] = None
    kind = draw(st.sampled_from(["max", "avg"]))
    settings = {"output_size": sizes} | ({"return_indices": True} if kind == "max" else {})
    return f"adaptive_{kind}_pool{count}d", draw(arrays(count)), settings


def check(name, x, settings, second_order=True):
    """One call in both libraries; the loss is a weighted sum of cubes of the finite results."""
    theirs = torch.tensor(x, requires_grad=True)
    try:
        want = getattr(F, name)(theirs, **settings)
    except RuntimeError as refused:
        assume("input image" not in str(refused))  # avg_pool3d alone wants x as large as a window
        with pytest.raises(ValueError):
            getattr(nn, name)(fnp.asarray(x), **settings)
        return
    ours = getattr(nn, name)(fnp.asarray(x), **settings)
    with_indices = isinstance(want, tuple)
    if with_indices:
        # PyTorch makes up positions for windows that dilation leads past every element
        assume(((want[1] >= 0) & (want[1] < np.prod(x.shape[x.ndim - spatial(name) :]))).all())
        assume(not (np.asarray(ours[1]) < 0).any())
        assert np.asarray(ours[1]).tolist() == want[1].tolist()
        ours, want = ours[0], want[0]
    close(ours, want)

    def f(x):
        out = getattr(nn, name)(x, **settings)
        return out[0] if with_indices else out

    finite = torch.isfinite(want.detach())
    weights = np.random.default_rng(0).normal(size=tuple(want.shape))
    mask = finite.numpy()

    def gradient(x):
        return fl.grad(lambda x: (fnp.where(mask, f(x), 0.0) ** 3 * weights).sum())(x)

    cubes = torch.where(finite, want, 0.0) ** 3 * torch.tensor(weights)
    (first,) = torch.autograd.grad(cubes.sum(), theirs, create_graph=True)
    found = gradient(fnp.asarray(x))
    usable = torch.isfinite(first.detach()).all()
    if usable:
        close(found, first)
    if second_order and usable:
        (second,) = torch.autograd.grad((first**2).sum(), theirs)
        close(fl.grad(lambda x: (gradient(x) ** 2).sum())(fnp.asarray(x)), second)


def spatial(name):
    return int(name[-2])


def close(ours, theirs):
    np.testing.assert_allclose(np.asarray(ours), theirs.detach().numpy(), rtol=1e-10, atol=1e-10)


@EXAMPLES
@given(max_pools())
def test_max_pool(case):
    check(*case)


@EXAMPLES
@given(avg_pools())
def test_avg_pool(case):
    check(*case)


@EXAMPLES
@given(lp_pools())
def test_lp_pool(case):
    # the second derivative of a norm at zero is a convention of each library
    check(*case, second_order=False)


@EXAMPLES
@given(adaptive_pools())
def test_adaptive_pool(case):
    check(*case)


@pytest.mark.long
@MANY
@given(st.one_of(max_pools(), avg_pools(), adaptive_pools()))
def test_pools_at_length(case):
    check(*case)


@EXAMPLES
@given(st.data())
def test_embedding(data):
    rows, width = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 3))
    shape = tuple(data.draw(st.lists(st.integers(0, 3), max_size=3)))
    padding = data.draw(st.none() | st.integers(-rows, rows - 1))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    ids, weight = rng.integers(0, rows, shape), rng.normal(size=(rows, width))
    theirs = torch.tensor(weight, requires_grad=True)
    want = F.embedding(torch.tensor(ids), theirs, padding)
    close(nn.embedding(fnp.asarray(ids), fnp.asarray(weight), padding), want)
    (first,) = torch.autograd.grad((want**3).sum(), theirs)
    found = fl.grad(lambda w: (nn.embedding(fnp.asarray(ids), w, padding) ** 3).sum())(
        fnp.asarray(weight)
    )
    close(found, first)


def test_special_values_and_ties():
    nan, inf = float("nan"), float("inf")
    for row in ([1, nan, 3, nan, 2, 5], [-inf] * 6, [inf, inf, 0, 0, 1, 1], [0.0, -0.0] * 3):
        x = np.array([row])
        for chosen in ({"kernel_size": 3}, {"kernel_size": 2, "stride": 1, "padding": 1}):
            ours = nn.max_pool1d(fnp.asarray(x), **chosen, return_indices=True)
            want = F.max_pool1d(torch.tensor(x), **chosen, return_indices=True)
            close(ours[0], want[0])
            assert ours[1].tolist() == want[1].tolist()


def test_layers_take_pytorchs_arguments():
    x = np.random.default_rng(0).normal(size=(2, 3, 8, 9))
    for name, args in (
        ("MaxPool2d", (3, 2, 1, 2, False, True)), ("AvgPool2d", (3, 2, 1, True, False, 5)),
        ("LPPool2d", (2, 3, 2, True)), ("AdaptiveAvgPool2d", ((None, 4),)),
        ("AdaptiveMaxPool2d", (3,)),
    ):  # fmt: skip
        ours = getattr(nn, name)(*args).apply((), fnp.asarray(np.abs(x)))
        close(ours, getattr(torch.nn, name)(*args)(torch.tensor(np.abs(x))))
