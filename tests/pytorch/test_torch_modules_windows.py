"""Convolutions, pooling, padding and resizing as modules, each beside PyTorch's."""

import copy
import importlib
import pickle

import numpy as np
import pytest
from module_checks import RNG, check, normal, refused, whole
from oracle import ours, real

DTYPES = ["float32", "float64"]

CONVOLUTIONS = {
    "1d": (lambda nn: nn.Conv1d(4, 6, 3), (2, 4, 9)),
    "1d alone": (lambda nn: nn.Conv1d(4, 6, 3, stride=2, padding=1, bias=False), (4, 9)),
    "1d same": (lambda nn: nn.Conv1d(4, 6, 4, padding="same", dilation=2), (2, 4, 9)),
    "1d circular": (lambda nn: nn.Conv1d(4, 6, 3, padding=2, padding_mode="circular"), (2, 4, 9)),
    "2d": (lambda nn: nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 0), (1, 2), 2), (2, 4, 7, 8)),
    "2d valid": (lambda nn: nn.Conv2d(4, 6, 3, padding="valid"), (2, 4, 7, 8)),
    "2d reflect": (
        lambda nn: nn.Conv2d(4, 6, 3, padding=(2, 1), padding_mode="reflect"), (2, 4, 7, 8)),
    "2d same replicate": (
        lambda nn: nn.Conv2d(4, 6, 4, padding="same", padding_mode="replicate"), (2, 4, 7, 8)),
    "2d depthwise": (lambda nn: nn.Conv2d(4, 4, 3, groups=4), (2, 4, 7, 8)),
    "3d": (lambda nn: nn.Conv3d(2, 3, (1, 2, 3), padding=1), (2, 2, 3, 4, 5)),
    "3d circular": (
        lambda nn: nn.Conv3d(2, 3, 2, padding=1, padding_mode="circular"), (1, 2, 3, 4, 5)),
    "t1d": (lambda nn: nn.ConvTranspose1d(4, 6, 3, 2, 1, 1), (2, 4, 5)),
    "t2d": (lambda nn: nn.ConvTranspose2d(4, 6, 3, (2, 3), 1, (1, 2), 2, False, 2), (2, 4, 5, 4)),
    "t2d alone": (lambda nn: nn.ConvTranspose2d(4, 6, 2), (4, 5, 4)),
    "t3d": (lambda nn: nn.ConvTranspose3d(2, 3, 2, 2), (1, 2, 2, 3, 2)),
    "lazy 1d": (lambda nn: nn.LazyConv1d(6, 3, groups=2), (2, 4, 9)),
    "lazy 2d": (lambda nn: nn.LazyConv2d(6, 3, padding=1, bias=False), (2, 4, 7, 8)),
    "lazy 3d": (lambda nn: nn.LazyConv3d(3, 2), (2, 2, 3, 4, 5)),
    "lazy t1d": (lambda nn: nn.LazyConvTranspose1d(6, 3, 2), (2, 4, 5)),
    "lazy t2d": (lambda nn: nn.LazyConvTranspose2d(6, 3, groups=2), (4, 5, 4)),
    "lazy t3d": (lambda nn: nn.LazyConvTranspose3d(3, 2), (1, 2, 2, 3, 2)),
}  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions(name, dtype):
    make, shape = CONVOLUTIONS[name]
    check(lambda T: make(T.nn), normal(*shape), dtype=dtype,
          rtol=None if dtype[5:] == "64" else 2e-4)  # fmt: skip


def test_output_sizes_of_transposed_convolutions():
    for size in ([9, 10], (8, 9), [2, 6, 8, 10]):
        check(lambda T: T.nn.ConvTranspose2d(4, 6, 2, 2), normal(2, 4, 4, 5), output_size=size)
    refused(lambda T: T.nn.ConvTranspose2d(4, 6, 2, 2), normal(2, 4, 4, 5), output_size=[3, 3])
    refused(lambda T: T.nn.ConvTranspose2d(4, 6, 2, 2), normal(2, 4, 4, 5), output_size=[3, 3, 3])


@pytest.mark.parametrize(
    "make",
    [
        lambda nn: nn.Conv2d(3, 4, 2, groups=0),
        lambda nn: nn.Conv2d(3, 4, 2, groups=2),
        lambda nn: nn.Conv2d(4, 3, 2, groups=2),
        lambda nn: nn.Conv2d(3, 4, 2, padding="same", stride=2),
        lambda nn: nn.ConvTranspose2d(3, 4, 2, padding_mode="circular"),
        lambda nn: nn.Conv2d(-1, 4, 2),
        lambda nn: nn.FractionalMaxPool2d(2),
        lambda nn: nn.FractionalMaxPool2d(2, 2, 0.5),
        lambda nn: nn.FractionalMaxPool3d(2, output_ratio=2),
        lambda nn: nn.MaxPool2d(),
    ],
)
def test_constructors_refuse(make):
    refused(lambda T: make(T.nn))


def test_wrong_strings_are_refused():
    for T in (ours, real):
        with pytest.raises(ValueError, match="Invalid padding string 'x', should be one of {"):
            T.nn.Conv2d(3, 4, 2, padding="x")
        with pytest.raises(ValueError, match="padding_mode must be one of {.*, but got .*='x'"):
            T.nn.Conv2d(3, 4, 2, padding_mode="x")


def test_calls_refuse():
    refused(lambda T: T.nn.LazyConv2d(3, 2), normal(3))
    refused(lambda T: T.nn.LazyConv2d(3, 2, groups=3), normal(1, 4, 3, 3))
    refused(lambda T: T.nn.Conv2d(3, 4, (2, 2, 2)), normal(1, 3, 4, 4))


POOLS = {
    "max1": (lambda nn: nn.MaxPool1d(3, 2, 1), (2, 3, 9)),
    "max2": (lambda nn: nn.MaxPool2d((3, 2), ceil_mode=True), (2, 3, 8, 9)),
    "max2 alone": (lambda nn: nn.MaxPool2d(3, 1, 1, 2), (3, 8, 9)),
    "max3": (lambda nn: nn.MaxPool3d(2), (1, 3, 4, 5, 4)),
    "max1 places": (lambda nn: nn.MaxPool1d(3, return_indices=True), (2, 3, 9)),
    "max2 places": (lambda nn: nn.MaxPool2d(2, return_indices=True), (2, 3, 8, 9)),
    "max3 places": (lambda nn: nn.MaxPool3d(2, return_indices=True), (1, 3, 4, 5, 4)),
    "avg1": (lambda nn: nn.AvgPool1d(3, 2, 1, True, False), (2, 3, 9)),
    "avg2": (lambda nn: nn.AvgPool2d((3, 2), padding=1), (2, 3, 8, 9)),
    "avg2 divisor": (lambda nn: nn.AvgPool2d(2, divisor_override=3), (2, 3, 8, 9)),
    "avg3": (lambda nn: nn.AvgPool3d(2, 1, count_include_pad=False), (1, 3, 4, 5, 4)),
    "lp1": (lambda nn: nn.LPPool1d(2, 3), (2, 3, 9)),
    "lp2": (lambda nn: nn.LPPool2d(2, (3, 2), 2, True), (2, 3, 8, 9)),
    "lp3": (lambda nn: nn.LPPool3d(2, 2), (1, 3, 4, 5, 4)),
    "amax1": (lambda nn: nn.AdaptiveMaxPool1d(4, return_indices=True), (2, 3, 9)),
    "amax2": (lambda nn: nn.AdaptiveMaxPool2d((None, 3)), (2, 3, 8, 9)),
    "amax3": (lambda nn: nn.AdaptiveMaxPool3d(2), (1, 3, 4, 5, 4)),
    "aavg1": (lambda nn: nn.AdaptiveAvgPool1d(4), (2, 3, 9)),
    "aavg2": (lambda nn: nn.AdaptiveAvgPool2d((3, None)), (2, 3, 8, 9)),
    "aavg2 one": (lambda nn: nn.AdaptiveAvgPool2d(1), (2, 3, 8, 9)),
    "aavg3": (lambda nn: nn.AdaptiveAvgPool3d((2, 3, 1)), (1, 3, 4, 5, 4)),
    "frac2": (lambda nn: nn.FractionalMaxPool2d(2, (4, 5), return_indices=True), (2, 3, 8, 9)),
    "frac2 ratio": (lambda nn: nn.FractionalMaxPool2d((2, 3), output_ratio=0.6), (3, 8, 9)),
    "frac3": (lambda nn: nn.FractionalMaxPool3d(2, 2), (2, 3, 5, 6, 7)),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", POOLS)
def test_pools(name, dtype):
    make, shape = POOLS[name]
    check(lambda T: make(T.nn), RNG.permutation(np.prod(shape)).reshape(shape) / 7, dtype=dtype,
          rtol=None if dtype[5:] == "64" else 1e-4)  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
def test_unpooling(dtype):
    places = np.array([[[0, 3, 5]]])
    check(lambda T: T.nn.MaxUnpool1d(2), normal(1, 1, 3), places, dtype=dtype)
    grid = np.array([[[[0, 3], [9, 14]]]])
    check(lambda T: T.nn.MaxUnpool2d(2, stride=(2, 2)), normal(1, 1, 2, 2), grid, dtype=dtype)
    check(lambda T: T.nn.MaxUnpool2d(2), normal(1, 1, 2, 2), grid, output_size=[5, 5])
    check(lambda T: T.nn.MaxUnpool3d(2), normal(1, 1, 1, 2, 2), grid[:, :, None], dtype=dtype)
    refused(lambda T: T.nn.MaxUnpool2d(2), normal(1, 1, 2, 2), grid[..., :1])


PADS = [
    (kind, rank, pads)
    for kind in ("Constant", "Zero", "Reflection", "Replication", "Circular")
    for rank in (1, 2, 3)
    for pads in (1, tuple(range(1, 2 * rank + 1)))
    if not (rank == 3 and isinstance(pads, tuple)) or kind in ("Constant", "Zero", "Replication")
]


@pytest.mark.parametrize(("kind", "rank", "pads"), PADS)
def test_pads(kind, rank, pads):
    more = (2.5,) if kind == "Constant" else ()
    shape = (2, 2, 5, 6, 7)[: 2 + rank]
    check(lambda T: getattr(T.nn, f"{kind}Pad{rank}d")(pads, *more), normal(*shape))
    check(lambda T: getattr(T.nn, f"{kind}Pad{rank}d")(pads, *more), normal(*shape[1:]),
          dtype="float32")  # fmt: skip


RESIZED = {
    "size": (lambda nn: nn.Upsample(7), (2, 3, 4)),
    "factor": (lambda nn: nn.Upsample(scale_factor=2), (2, 3, 4, 5)),
    "bilinear": (lambda nn: nn.Upsample(scale_factor=(2, 1.5), mode="bilinear"), (2, 3, 4, 5)),
    "corners": (lambda nn: nn.Upsample((7, 9), mode="bicubic", align_corners=True), (1, 2, 4, 5)),
    "trilinear": (lambda nn: nn.Upsample(scale_factor=2, mode="trilinear"), (1, 2, 2, 3, 2)),
    "nearest2d": (lambda nn: nn.UpsamplingNearest2d(scale_factor=3), (2, 3, 4, 5)),
    "bilinear2d": (lambda nn: nn.UpsamplingBilinear2d((6, 7)), (2, 3, 4, 5)),
    "shuffle": (lambda nn: nn.PixelShuffle(2), (2, 8, 3, 4)),
    "unshuffle": (lambda nn: nn.PixelUnshuffle(2), (2, 2, 4, 6)),
    "channels": (lambda nn: nn.ChannelShuffle(3), (2, 6, 3, 4)),
    "fold": (lambda nn: nn.Fold((5, 6), (2, 3), padding=1, stride=2), (2, 12, 9)),
    "unfold": (lambda nn: nn.Unfold((2, 3), dilation=2), (2, 3, 6, 7)),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", RESIZED)
def test_resized(name, dtype):
    make, shape = RESIZED[name]
    check(lambda T: make(T.nn), normal(*shape), dtype=dtype, warn=False,
          rtol=None if dtype[5:] == "64" else 1e-4)  # fmt: skip


def test_embeddings():
    rows = whole(10, 3, 4)
    for kwargs in (
        {}, {"padding_idx": 2}, {"padding_idx": -1}, {"max_norm": 1.0},
        {"max_norm": 1.0, "norm_type": 1.0}, {"scale_grad_by_freq": True},
    ):  # fmt: skip
        for dtype in DTYPES:
            check(lambda T, k=kwargs: T.nn.Embedding(10, 4, **k), rows, dtype=dtype)
    table = normal(5, 3)
    for freeze in (True, False):
        check(lambda T, f=freeze: T.nn.Embedding.from_pretrained(T.tensor(table), f, 1), rows % 5)
        check(lambda T, f=freeze: T.nn.EmbeddingBag.from_pretrained(T.tensor(table), f), rows % 5)
    refused(lambda T: T.nn.Embedding(3, 2, 5))
    refused(lambda T: T.nn.Embedding(3, 2, _weight=T.ones(2, 2)))
    refused(lambda T: T.nn.Embedding.from_pretrained(T.ones(2)))
    refused(lambda T: T.nn.EmbeddingBag(3, 2, padding_idx=5))


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_bags(mode):
    rows, offsets = whole(10, 9), np.array([0, 3, 3, 7])
    rows[[1, 5]] = 2
    for kwargs in ({}, {"padding_idx": 2}, {"max_norm": 1.0}):
        check(lambda T, k=kwargs: T.nn.EmbeddingBag(10, 4, mode=mode, **k), rows, offsets)
    check(lambda T: T.nn.EmbeddingBag(10, 4, mode=mode, include_last_offset=True), rows,
          np.array([0, 3, 3, 9]))  # fmt: skip
    check(lambda T: T.nn.EmbeddingBag(10, 4, mode=mode), whole(10, 3, 4), dtype="float32")
    # Of several that are largest, the first gets the gradient.
    check(lambda T: T.nn.EmbeddingBag(10, 4, mode=mode, _weight=T.ones(10, 4)), rows, offsets)
    if mode == "sum":
        check(lambda T: T.nn.EmbeddingBag(10, 4, mode=mode), rows, offsets, normal(9))


def test_sparse_gradients_are_refused():
    with pytest.raises(NotImplementedError, match="sparse"):
        ours.nn.Embedding(4, 2, sparse=True)(ours.tensor([1]))
    assert repr(ours.nn.Embedding(4, 2, sparse=True)) == repr(real.nn.Embedding(4, 2, sparse=True))


def test_modules_are_found_where_pickles_look():
    ours_too = [n for n in dir(real.nn) if n[:1].isupper() and hasattr(ours.nn, n)]
    assert len(ours_too) > 130
    for name in ours_too:
        cls, theirs = getattr(ours.nn, name), getattr(real.nn, name)
        if isinstance(cls, type):
            assert (cls.__module__, cls.__qualname__) == (theirs.__module__, theirs.__qualname__)
            home = importlib.import_module(f"functorch_lite.{cls.__module__}")
            assert getattr(home, name) is cls


@pytest.mark.parametrize("name", ["2d", "t2d", "lazy 2d"])
def test_pickles_and_copies(name):
    make, shape = CONVOLUTIONS[name]
    module = make(ours.nn)
    for other in (pickle.loads(pickle.dumps(module)), copy.deepcopy(module)):
        assert repr(other) == repr(module)
        ours.manual_seed(0)
        first = module(ours.ones(shape)) if name != "lazy 2d" else None
        if first is not None:
            assert (other(ours.ones(shape)) == first).all()
        else:
            assert other(ours.ones(shape)).shape[1] == 6
