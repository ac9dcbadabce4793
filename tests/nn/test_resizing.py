"""Padding, resizing, sampling, folding, shuffling, unpooling and vectors against PyTorch's."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors, nn, random
from functorch_lite.testing import check_grads, check_vmap

KEY = random.key(0)
QUICK = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
WIDER = settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))


def compare(torch, ours, theirs, operands, rtol=1e-10, atol=1e-11):
    """Values, under jit too, and gradients of all operands."""
    xs = [torch.tensor(x, requires_grad=True) for x in operands]
    expected = theirs(*xs)
    out, pull = fl.vjp(ours, *map(fnp.asarray, operands))
    assert out.shape == tuple(expected.shape)
    np.testing.assert_allclose(out, expected.detach(), rtol=rtol, atol=atol)
    np.testing.assert_allclose(fl.jit(ours)(*map(fnp.asarray, operands)), out, rtol=rtol, atol=atol)
    direction = np.cos(np.arange(out.size)).reshape(out.shape)
    expected.backward(torch.tensor(direction))
    for mine, theirs_ in zip(pull(fnp.asarray(direction)), xs, strict=True):
        np.testing.assert_allclose(mine, theirs_.grad, rtol=rtol, atol=atol)


# ----------------------------------------------------------------------------------------- padding
def _one_pad(torch, mode, count, seed, sides):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(2, 2, *rng.integers(3, 6, count)))
    pads = sides[: 2 * count]
    sizes = x.shape[::-1]
    assume(all(sizes[i] + pads[2 * i] + pads[2 * i + 1] > 0 for i in range(count)))
    assume(all(sizes[i] + min(pads[2 * i], 0) + min(pads[2 * i + 1], 0) > 0 for i in range(count)))
    value = {"value": 1.5} if mode == "constant" else {}
    compare(
        torch,
        lambda x: nn.pad(x, pads, mode, **value),
        lambda x: torch.nn.functional.pad(x, pads, mode, **value),
        [x],
    )


PADS = (
    st.sampled_from(["constant", "reflect", "replicate", "circular"]),
    st.integers(1, 3), st.integers(0, 2**31), st.lists(st.integers(-1, 2), min_size=6, max_size=6),
)  # fmt: skip


@pytest.mark.peers
def test_pad():
    torch = pytest.importorskip("torch", exc_type=ImportError)

    @QUICK
    @given(*PADS)
    def check(mode, count, seed, sides):
        _one_pad(torch, mode, count, seed, sides)

    check()


@pytest.mark.peers
def test_what_is_cut_off_does_not_come_around():
    torch = pytest.importorskip("torch", exc_type=ImportError)
    x = np.arange(40.0).reshape(1, 2, 4, 5)
    for sides in ([1, -1, 0, 0], [-1, 2, 2, -2], [-1, -1, 0, 1]):
        expected = torch.nn.functional.pad(torch.tensor(x), sides, "circular")
        np.testing.assert_array_equal(nn.pad(fnp.asarray(x), sides, "circular"), expected)


@pytest.mark.peers
@pytest.mark.parametrize("count", [1, 2, 3])
def test_padding_layers(count, rng):
    torch = pytest.importorskip("torch", exc_type=ImportError)
    x = rng.normal(size=(2, 3, *(4, 5, 6)[:count]))
    for kind in ("ZeroPad", "ReflectionPad", "ReplicationPad", "CircularPad", "ConstantPad"):
        name, extra = f"{kind}{count}d", (7.0,) if kind == "ConstantPad" else ()
        for padding in (2, tuple(range(2 * count))[::-1] if count == 1 else (1, 2) * count):
            expected = getattr(torch.nn, name)(padding, *extra)(torch.tensor(x))
            layer = getattr(nn, name)(padding, *extra)
            np.testing.assert_array_equal(layer.apply((), fnp.asarray(x)), expected)
            np.testing.assert_array_equal(layer.apply((), fnp.asarray(x[0])), expected[0])


# ---------------------------------------------------------------------------------------- resizing
MODES = [
    ("nearest", 1), ("nearest", 2), ("nearest", 3), ("nearest-exact", 1), ("nearest-exact", 2),
    ("nearest-exact", 3), ("linear", 1), ("bilinear", 2), ("bicubic", 2), ("trilinear", 3),
    ("area", 1), ("area", 2), ("area", 3),
]  # fmt: skip


@st.composite
def resizings(draw):
    mode, count = draw(st.sampled_from(MODES))
    sizes = [draw(st.integers(1, 6)) for _ in range(count)]
    arguments = {"mode": mode}
    if draw(st.booleans()):
        arguments["size"] = [draw(st.integers(1, 9)) for _ in range(count)]
    else:
        arguments["scale_factor"] = [
            draw(st.sampled_from([0.5, 0.7, 1.0, 1.3, 2.0, 2.5])) for _ in range(count)
        ]
        assume(all(n * f >= 1 for n, f in zip(sizes, arguments["scale_factor"], strict=True)))
        if draw(st.booleans()):
            arguments["recompute_scale_factor"] = True
        elif mode.startswith("nearest"):
            # PyTorch's gradient ignores the factor where a size stays or doubles, unlike its value
            factors = zip(sizes, arguments["scale_factor"], strict=True)
            assume(all(f in (1.0, 2.0) or int(n * f) not in (n, 2 * n) for n, f in factors))
    if "linear" in mode or mode == "bicubic":
        arguments["align_corners"] = draw(st.booleans())
        if count == 2 and not arguments["align_corners"]:
            # PyTorch repeats the first row of an image that is, or becomes, one element wide.
            outs = arguments.get("size") or [
                int(n * f) for n, f in zip(sizes, arguments["scale_factor"], strict=True)
            ]
            arguments["antialias"] = min(*sizes, *outs) > 1 and draw(st.booleans())
    return sizes, arguments, draw(st.integers(0, 2**31))


def _one_resizing(torch, case):
    sizes, arguments, seed = case
    x = np.random.default_rng(seed).normal(size=(2, 2, *sizes))
    compare(
        torch,
        lambda x: nn.interpolate(x, **arguments),
        lambda x: torch.nn.functional.interpolate(x, **arguments),
        [x],
        rtol=1e-6,  # PyTorch has the weights of antialiasing in single precision in places
        atol=1e-7,
    )


@pytest.mark.peers
def test_interpolate():
    torch = pytest.importorskip("torch", exc_type=ImportError)

    @QUICK
    @given(resizings())
    def check(case):
        _one_resizing(torch, case)

    check()


@pytest.mark.peers
@pytest.mark.parametrize(("mode", "count"), MODES)
def test_every_mode_of_interpolate(mode, count, rng):
    torch = pytest.importorskip("torch", exc_type=ImportError)
    x = rng.normal(size=(2, 2, *(4, 5, 3)[:count]))
    for size in ((6, 3, 5)[:count], 7):
        compare(
            torch,
            lambda x, size=size: nn.interpolate(x, size, mode=mode),
            lambda x, size=size: torch.nn.functional.interpolate(x, size, mode=mode),
            [x],
        )
    for dtype in ("float16", "bfloat16", "float32"):
        out = nn.interpolate(fnp.asarray(x, dtype), 7, mode=mode)
        assert out.dtype == dtype
    small = fnp.asarray(x[:1, :1])
    check_grads(lambda x: nn.interpolate(x, 3, mode=mode), (small,), order=2)
    check_vmap(lambda x: nn.interpolate(x, 3, mode=mode), (small,), size=2)


@pytest.mark.peers
def test_upsampling_layers(rng):
    torch = pytest.importorskip("torch", exc_type=ImportError)
    x = rng.normal(size=(1, 2, 3, 4))
    for name, arguments in (
        ("Upsample", {"scale_factor": 2.5}),
        ("Upsample", {"size": (5, 2), "mode": "bicubic", "align_corners": True}),
        ("UpsamplingNearest2d", {"size": 5}),
        ("UpsamplingBilinear2d", {"scale_factor": 2}),
    ):
        expected = getattr(torch.nn, name)(**arguments)(torch.tensor(x))
        out = getattr(nn, name)(**arguments).apply((), fnp.asarray(x))
        np.testing.assert_allclose(out, expected, rtol=1e-10)


# ------------------------------------------------------------------------------------------- grids
GRIDS = (
    st.sampled_from(["bilinear", "nearest", "bicubic"]),
    st.sampled_from(["zeros", "border", "reflection"]),
    st.booleans(), st.sampled_from([2, 3]), st.integers(0, 2**31),
)  # fmt: skip


def _one_grid(torch, mode, padding, corners, count, seed):
    assume(mode != "bicubic" or count == 2)
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(2, 2, *rng.integers(1, 5, count)))
    grid = rng.uniform(-1.8, 1.8, (2, *rng.integers(1, 4, count), count))
    arguments = {"mode": mode, "padding_mode": padding, "align_corners": corners}
    compare(
        torch,
        lambda x, g: nn.grid_sample(x, g, **arguments),
        lambda x, g: torch.nn.functional.grid_sample(x, g, **arguments),
        [x, grid],
        rtol=1e-9,
        atol=1e-10,
    )


@pytest.mark.peers
def test_grid_sample():
    torch = pytest.importorskip("torch", exc_type=ImportError)

    @QUICK
    @given(*GRIDS)
    def check(mode, padding, corners, count, seed):
        _one_grid(torch, mode, padding, corners, count, seed)

    check()


@pytest.mark.peers
@pytest.mark.parametrize("corners", [True, False])
def test_affine_grid(corners, rng):
    torch = pytest.importorskip("torch", exc_type=ImportError)
    for size in ((2, 3, 4, 5), (2, 1, 5, 3), (2, 1, 2, 3, 4)):
        count = len(size) - 2
        compare(
            torch,
            lambda t, size=size: nn.affine_grid(t, size, corners),
            lambda t, size=size: torch.nn.functional.affine_grid(t, size, corners),
            [rng.normal(size=(2, count, count + 1))],
        )


def test_grids_have_second_derivatives_and_batch(rng):
    x, grid = rng.normal(size=(1, 1, 3, 4)), rng.uniform(-0.8, 0.8, (1, 2, 2, 2))
    for mode in ("bilinear", "bicubic"):
        check_grads(lambda x, g, mode=mode: nn.grid_sample(x, g, mode), (x, grid), order=2)
        check_vmap(lambda x, g, mode=mode: nn.grid_sample(x, g, mode), (x, grid), size=2)


# --------------------------------------------------------------------------------- folds and pixels
@st.composite
def windows(draw):
    size = [draw(st.integers(1, 6)) for _ in range(2)]
    window = {
        "kernel_size": [draw(st.integers(1, 3)) for _ in range(2)],
        "dilation": [draw(st.integers(1, 2)) for _ in range(2)],
        "padding": [draw(st.integers(0, 2)) for _ in range(2)],
        "stride": [draw(st.integers(1, 3)) for _ in range(2)],
    }
    reach = [d * (k - 1) + 1 for k, d in zip(window["kernel_size"], window["dilation"])]  # noqa: B905
    assume(all(n + 2 * p >= r for n, p, r in zip(size, window["padding"], reach)))  # noqa: B905
    return size, window, draw(st.integers(0, 2**31))


def _one_fold(torch, case):
    size, window, seed = case
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(2, 2, *size))
    F = torch.nn.functional
    compare(torch, lambda x: nn.unfold(x, **window), lambda x: F.unfold(x, **window), [x])
    columns = np.asarray(nn.unfold(fnp.asarray(x), **window))
    compare(
        torch,
        lambda x: nn.fold(x, size, **window),
        lambda x: F.fold(x, size, **window),
        [rng.normal(size=columns.shape)],
    )


@pytest.mark.peers
def test_fold_and_unfold():
    torch = pytest.importorskip("torch", exc_type=ImportError)

    @QUICK
    @given(windows())
    def check(case):
        _one_fold(torch, case)

    check()


@pytest.mark.peers
def test_layers_of_folds_and_pixels(rng):
    torch = pytest.importorskip("torch", exc_type=ImportError)
    x = rng.normal(size=(2, 8, 4, 6))
    for name, arguments in (
        ("Unfold", (2, 1, 1, 2)), ("PixelShuffle", (2,)), ("PixelUnshuffle", (2,)),
        ("ChannelShuffle", (4,)), ("Fold", ((5, 4), (1, 2), 1, (0, 1))), ("Unflatten", (1, (2, 4))),
    ):  # fmt: skip
        given = x[:, :, 0].repeat(25, -1)[..., :25] if name == "Fold" else x
        ours = getattr(nn, name)(*arguments)
        theirs = getattr(torch.nn, name)(*arguments)
        compare(torch, lambda x, f=ours: f.apply((), x), theirs, [given])
    check_vmap(lambda x: nn.pixel_shuffle(x, 2), (x[0],), size=2)
    check_vmap(lambda x: nn.unfold(x, 2), (x[0, :1],), size=2)
    check_vmap(lambda x: nn.fold(x, (3, 3), 2), (x[0, :4, 0, :4],), size=2)


# ----------------------------------------------------------------------------------------- pooling
@pytest.mark.peers
@pytest.mark.parametrize("count", [1, 2, 3])
def test_max_unpool(count, rng):
    torch = pytest.importorskip("torch", exc_type=ImportError)
    F = torch.nn.functional
    x = rng.normal(size=(2, 3, *(6, 8, 4)[:count]))
    pooled, at = getattr(F, f"max_pool{count}d")(torch.tensor(x), 2, return_indices=True)
    unpool = getattr(nn, f"max_unpool{count}d")
    indices = fnp.asarray(at.numpy())
    for arguments in ({}, {"output_size": (7, 9, 5)[:count]}):
        compare(
            torch,
            lambda x, a=arguments: unpool(x, indices, 2, **a),
            lambda x, a=arguments: getattr(F, f"max_unpool{count}d")(x, at, 2, **a),
            [pooled.numpy()],
        )
    layer = getattr(nn, f"MaxUnpool{count}d")(2)
    ours = getattr(nn, f"max_pool{count}d")(fnp.asarray(x), 2, return_indices=True)
    np.testing.assert_array_equal(layer.apply((), ours), unpool(*ours, 2))
    check_vmap(lambda x: unpool(x, indices[0], 2), (ours[0][0],), size=2)


@pytest.mark.peers
@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_fractional_max_pool(count, dtype, rng):
    torch = pytest.importorskip("torch", exc_type=ImportError)
    theirs = getattr(torch.nn.functional, f"fractional_max_pool{count}d")
    ours = getattr(nn, f"fractional_max_pool{count}d")
    for _ in range(10):
        x = rng.normal(size=(2, 3, *rng.integers(6, 10, count))).astype(dtype)
        samples = rng.random((2, 3, count)).astype(dtype)
        sizes = tuple(int(n) for n in rng.integers(1, 5, count))
        expected = theirs(
            torch.tensor(x), 2, sizes, None, True, _random_samples=torch.tensor(samples)
        )
        found = ours(fnp.asarray(x), 2, sizes, None, True, random_samples=samples)
        for mine, their in zip(found, expected, strict=True):
            np.testing.assert_array_equal(mine, their)
    if dtype == "float64":
        ratios = (0.5,) * count
        compare(
            torch,
            lambda x: ours(x, 2, None, ratios, random_samples=samples),
            lambda x: theirs(x, 2, None, ratios, _random_samples=torch.tensor(samples)),
            [x],
        )
    layer = getattr(nn, f"FractionalMaxPool{count}d")(2, output_ratio=0.5)
    drawn = layer.apply((), fnp.asarray(x), key=KEY, train=True)
    np.testing.assert_array_equal(drawn, ours(fnp.asarray(x), 2, output_ratio=0.5, key=KEY))
    assert layer.apply((), fnp.asarray(x[0])).shape == drawn.shape[1:]


@pytest.mark.peers
def test_lp_pool3d(rng):
    torch = pytest.importorskip("torch", exc_type=ImportError)
    x = rng.uniform(0.1, 1, (2, 2, 4, 5, 3))
    compare(
        torch,
        lambda x: nn.lp_pool3d(x, 3.0, (2, 2, 1), 2),
        lambda x: torch.nn.functional.lp_pool3d(x, 3.0, (2, 2, 1), 2),
        [x],
    )
    out = nn.LPPool3d(2, 2).apply((), fnp.asarray(x))
    np.testing.assert_allclose(out, torch.nn.LPPool3d(2, 2)(torch.tensor(x)), rtol=1e-12)


# ----------------------------------------------------------------------------------------- vectors
NORMS = [2.0, 1.0, 3.0, 0.5, 0.0, math.inf]


@pytest.mark.peers
@pytest.mark.parametrize("p", NORMS)
def test_distances(p, rng):
    torch = pytest.importorskip("torch", exc_type=ImportError)
    F = torch.nn.functional
    x, y = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    if p != 0:  # the gradient of a count is none
        compare(
            torch,
            lambda x, y: nn.pairwise_distance(x, y, p, keepdims=True),
            lambda x, y: F.pairwise_distance(x, y, p, keepdim=True),
            [x, y],
        )
        x[1] = 0
        compare(torch, lambda x: nn.normalize(x, p), lambda x: F.normalize(x, p), [x])
    x[2] = x[3]
    compare(torch, lambda x: nn.pdist(x, p), lambda x: F.pdist(x, p), [x])


@pytest.mark.peers
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_cosine_similarity(axis, rng):
    torch = pytest.importorskip("torch", exc_type=ImportError)
    x, y = rng.normal(size=(4, 3, 2)), rng.normal(size=(3, 2))
    x[:, 0] = 0
    compare(
        torch,
        lambda x, y: nn.cosine_similarity(x, y, axis),
        lambda x, y: torch.nn.functional.cosine_similarity(x, y, axis),
        [x, y],
    )
    check_grads(lambda x, y: nn.cosine_similarity(x, y, axis), (x[:, 1:], y[1:]), order=2)
    check_vmap(lambda x, y: nn.cosine_similarity(x, y, axis), (x[0], y), size=2) if axis else None


@pytest.mark.long
@pytest.mark.peers
def test_at_length():
    torch = pytest.importorskip("torch", exc_type=ImportError)
    WIDER(given(st.tuples(*PADS))(lambda case: _one_pad(torch, *case)))()
    WIDER(given(resizings())(lambda case: _one_resizing(torch, case)))()
    WIDER(given(st.tuples(*GRIDS))(lambda case: _one_grid(torch, *case)))()
    WIDER(given(windows())(lambda case: _one_fold(torch, case)))()


X = fnp.ones((2, 3, 4, 4))
MESSAGES = [
    (lambda: nn.pad(X, (1,)), ValueError, r"even number.*\(1,\)"),
    (lambda: nn.pad(X, (1,) * 10), errors.ShapeError, "at most the 4 axes.*got 10"),
    (lambda: nn.pad(X, (4, 0), "reflect"), errors.ShapeError, r"add at most 3 .*\(4, 0\)"),
    (lambda: nn.pad(X, (5, 0), "circular"), errors.ShapeError, "add at most 4"),
    (lambda: nn.pad(X, (1, 0), "mirror"), ValueError, "'mirror'"),
    (lambda: nn.pad(X, (-3, -3)), errors.ShapeError, r"to leave elements.*\(-3, -3\)"),
    (lambda: nn.pad(X, 1.5), TypeError, "to be integers.*1.5"),
    (lambda: nn.ReflectionPad2d((1, 2)), ValueError, r"ReflectionPad2d.*4 of them; got \(1, 2\)"),
    (lambda: nn.ZeroPad3d(1).apply((), X[0]), errors.ShapeError, r"ZeroPad3d\(1\).*\(3, 4, 4\)"),
    (lambda: nn.interpolate(X), ValueError, "either size or scale_factor"),
    (lambda: nn.interpolate(X, 2, mode="linear"), errors.ShapeError, r"'linear'.*3 axes.*\(2, 3"),
    (lambda: nn.interpolate(X, 2, mode="cubic"), ValueError, "got 'cubic'"),
    (lambda: nn.interpolate(X, (2,)), ValueError, r"one number or 2.*got \(2,\)"),
    (lambda: nn.interpolate(X, 0), errors.ShapeError, r"would become \(0, 0\)"),
    (lambda: nn.interpolate(X, 2, align_corners=True), ValueError, "align_corners goes with"),
    (
        lambda: nn.interpolate(X.astype("int32"), 2, mode="bilinear"),
        errors.DtypeError,
        "interpolate.*int32",
    ),
    (lambda: nn.Upsample(2, 2.0), ValueError, "Upsample.*either size or scale_factor"),
    (lambda: nn.grid_sample(X, fnp.ones((1, 2, 2, 2))), errors.ShapeError, r"got \(1, 2, 2, 2\)"),
    (lambda: nn.grid_sample(X, fnp.ones((2, 2, 2, 2)), "cubic"), ValueError, "got 'cubic'"),
    (lambda: nn.affine_grid(fnp.ones((2, 3, 3)), X.shape), errors.ShapeError, r"theta \(2, 2, 3\)"),
    (lambda: nn.unfold(X, 5), errors.ShapeError, "kernel_size 5 .*does not fit"),
    (lambda: nn.fold(fnp.ones((1, 5, 9)), 4, 2), errors.ShapeError, "multiple of the 4"),
    (lambda: nn.fold(fnp.ones((1, 4, 8)), 4, 2), errors.ShapeError, r"3 \* 3 = 9 windows.*got 8"),
    (lambda: nn.pixel_shuffle(X, 2), errors.ShapeError, "2² divides; got 3"),
    (lambda: nn.pixel_unshuffle(X, 3), errors.ShapeError, "that 3 divides"),
    (lambda: nn.channel_shuffle(X, 2), errors.ShapeError, "that 2 divides; got 3"),
    (lambda: nn.pixel_shuffle(X, 0), ValueError, "at least 1; got 0"),
    (lambda: nn.unflatten(X, 1, (2, 2)), errors.ShapeError, r"multiply to 3.*got \(2, 2\)"),
    (lambda: nn.unflatten(X, 4, (2, 2)), errors.AxisError, "axis 4 is out of range"),
    (
        lambda: nn.max_unpool2d(X, fnp.ones((2, 3, 4, 3), "int64"), 2),
        errors.ShapeError,
        r"indices of the shape of x",
    ),
    (
        lambda: nn.max_unpool2d(X, fnp.full(X.shape, 64), 2),
        errors.IndexRangeError,
        r"output of \(8, 8\) takes indices from 0 to 63; got 64",
    ),
    (lambda: nn.MaxUnpool2d(2).apply((), X), TypeError, r"a pair \(x, indices\)"),
    (lambda: nn.fractional_max_pool2d(X, 2, 2), TypeError, "expected a key"),
    (lambda: nn.fractional_max_pool2d(X, 2, key=KEY), ValueError, "output_size or output_ratio"),
    (lambda: nn.fractional_max_pool2d(X, 3, 3, key=KEY), errors.ShapeError, "do not fit"),
    (lambda: nn.cosine_similarity(X, fnp.ones(3)), errors.ShapeError, r"x2 \(3,\)"),
    (lambda: nn.pdist(X), errors.ShapeError, "expected a matrix"),
    (lambda: nn.normalize(X.astype("int32")), errors.DtypeError, "normalize.*int32"),
]


@pytest.mark.parametrize(("call", "error", "message"), MESSAGES)
def test_messages(call, error, message):
    with pytest.raises(error, match=message):
        call()
