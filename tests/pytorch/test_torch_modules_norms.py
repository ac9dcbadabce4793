"""Normalisations and distances as modules, each beside PyTorch's."""

import pickle

import numpy as np
import pytest
from module_checks import check, normal, refused, values
from oracle import ours, real, same

DTYPES = ["float32", "float64"]

NORMS = {
    "batch1": (lambda nn: nn.BatchNorm1d(3), (4, 3)),
    "batch1 length": (lambda nn: nn.BatchNorm1d(3, 1e-3, None), (4, 3, 5)),
    "batch1 plain": (lambda nn: nn.BatchNorm1d(3, affine=False), (4, 3)),
    "batch1 unbiased": (lambda nn: nn.BatchNorm1d(3, bias=False), (4, 3)),
    "batch2": (lambda nn: nn.BatchNorm2d(3, momentum=0.3), (4, 3, 2, 5)),
    "batch2 untracked": (lambda nn: nn.BatchNorm2d(3, track_running_stats=False), (4, 3, 2, 5)),
    "batch3": (lambda nn: nn.BatchNorm3d(3), (2, 3, 2, 2, 3)),
    "lazy batch1": (lambda nn: nn.LazyBatchNorm1d(), (4, 3)),
    "lazy batch2": (lambda nn: nn.LazyBatchNorm2d(bias=False), (4, 3, 2, 5)),
    "lazy batch3": (lambda nn: nn.LazyBatchNorm3d(track_running_stats=False), (2, 3, 2, 2, 3)),
    "lazy plain": (lambda nn: nn.LazyBatchNorm1d(affine=False), (4, 3)),
    "instance1": (lambda nn: nn.InstanceNorm1d(3), (4, 3, 5)),
    "instance1 alone": (lambda nn: nn.InstanceNorm1d(3, affine=True), (3, 5)),
    "instance1 other": (lambda nn: nn.InstanceNorm1d(4), (4, 3, 5)),
    "instance2": (lambda nn: nn.InstanceNorm2d(3, affine=True, track_running_stats=True),
                  (4, 3, 2, 5)),
    "instance2 unbiased": (lambda nn: nn.InstanceNorm2d(3, affine=True, bias=False), (3, 2, 5)),
    "instance3": (lambda nn: nn.InstanceNorm3d(3, track_running_stats=True), (2, 3, 2, 2, 3)),
    "lazy instance1": (lambda nn: nn.LazyInstanceNorm1d(affine=True), (4, 3, 5)),
    "lazy instance2": (lambda nn: nn.LazyInstanceNorm2d(track_running_stats=True), (4, 3, 2, 5)),
    "lazy instance3": (lambda nn: nn.LazyInstanceNorm3d(), (2, 3, 2, 2, 3)),
    "layer": (lambda nn: nn.LayerNorm(5), (4, 3, 5)),
    "layer two": (lambda nn: nn.LayerNorm([3, 5], 1e-2, bias=False), (4, 3, 5)),
    "layer plain": (lambda nn: nn.LayerNorm(5, elementwise_affine=False), (4, 3, 5)),
    "group": (lambda nn: nn.GroupNorm(2, 6), (4, 6, 5)),
    "group unbiased": (lambda nn: nn.GroupNorm(3, 6, bias=False), (4, 6)),
    "group plain": (lambda nn: nn.GroupNorm(6, 6, affine=False), (4, 6, 2, 3)),
    "rms": (lambda nn: nn.RMSNorm(5), (4, 3, 5)),
    "rms two": (lambda nn: nn.RMSNorm((3, 5), 0.1, False), (4, 3, 5)),
    "local": (lambda nn: nn.LocalResponseNorm(2, 0.1, 0.5, 2), (2, 5, 3, 4)),
    "sync": (lambda nn: nn.SyncBatchNorm(3), (4, 3, 2)),
}  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("name", NORMS)
def test_norms(name, train, dtype):
    make, shape = NORMS[name]
    if name.startswith("lazy"):
        dtype = "float32"
    check(lambda T: make(T.nn), normal(*shape), train=train, dtype=dtype,
          rtol=None if dtype[5:] == "64" else 2e-4)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "shape"),
    [("BatchNorm1d", (3,)), ("BatchNorm2d", (3, 3)), ("BatchNorm3d", (3, 3)),
     ("InstanceNorm1d", (3,)), ("InstanceNorm2d", (3,)), ("InstanceNorm3d", (3,)),
     ("BatchNorm1d", (1, 3)), ("BatchNorm1d", (2, 4)), ("SyncBatchNorm", (3,)),
     ("SyncBatchNorm", (3, 0))],
)  # fmt: skip
def test_ranks_are_refused(name, shape):
    refused(lambda T: getattr(T.nn, name)(3), normal(*shape))


def test_other_channels_are_refused():
    refused(lambda T: T.nn.InstanceNorm2d(3, affine=True), normal(2, 2, 3, 4))
    refused(lambda T: T.nn.GroupNorm(2, 3))


def test_old_states_have_no_count():
    def program(T):
        module = T.nn.BatchNorm1d(2)
        state = module.state_dict()
        del state["num_batches_tracked"]
        state._metadata[""]["version"] = 1
        module(T.arange(6.0).reshape(3, 2))
        module.load_state_dict(state)
        return list(module.state_dict()), module.num_batches_tracked

    same(program(ours), program(real))


def test_old_states_of_instances_have_statistics():
    def program(T):
        state = T.nn.InstanceNorm1d(2, track_running_stats=True).state_dict()
        del state._metadata
        try:
            T.nn.InstanceNorm1d(2).load_state_dict(state)
        except RuntimeError as error:
            return str(error)

    assert program(ours)[:150] == program(real)[:150]


def test_converted_batch_norms_share_parameters():
    def program(T):
        model = T.nn.Sequential(T.nn.BatchNorm1d(2), T.nn.Sequential(T.nn.BatchNorm2d(3)))
        made = T.nn.SyncBatchNorm.convert_sync_batchnorm(model)
        return repr(made), list(made.state_dict()), made[0].weight is model[0].weight

    assert program(ours) == program(real)


def test_lazy_states():
    def program(T):
        full = T.nn.BatchNorm2d(3)
        lazy = T.nn.LazyBatchNorm2d()
        empty = pickle.loads(pickle.dumps(lazy.state_dict()))
        lazy.load_state_dict(full.state_dict())
        other = T.nn.LazyBatchNorm2d()
        other.load_state_dict(empty)
        lazy(T.ones(2, 3, 2, 2))
        return [type(m).__name__ for m in (lazy, other)], lazy.running_mean, list(empty)

    same(program(ours), program(real))


def test_distances():
    for dtype in DTYPES:
        check(lambda T: T.nn.PairwiseDistance(3, keepdim=True), normal(4, 5), normal(4, 5),
              dtype=dtype, rtol=1e-4)  # fmt: skip
        check(lambda T: T.nn.CosineSimilarity(0), normal(4, 5), normal(4, 5), dtype=dtype,
              rtol=1e-4)  # fmt: skip


def test_adaptive_softmax():
    target = np.array([0, 9, 4, 3, 7, 2])
    for kwargs in ({}, {"head_bias": True, "div_value": 2.0}):
        for dtype in DTYPES:
            check(lambda T, k=kwargs: T.nn.AdaptiveLogSoftmaxWithLoss(8, 10, [3, 5], **k),
                  normal(6, 8), target, dtype=dtype, rtol=1e-4)  # fmt: skip
    check(lambda T: T.nn.AdaptiveLogSoftmaxWithLoss(8, 10, [3]), normal(8), np.array(4))
    for cutoffs in ([5, 3], [], [3, 10]):
        refused(lambda T, c=cutoffs: T.nn.AdaptiveLogSoftmaxWithLoss(4, 10, c))
    for wrong in (np.array([1, 11]), np.array([1]), np.array([[1], [2]]), np.array(1)):
        refused(lambda T: T.nn.AdaptiveLogSoftmaxWithLoss(8, 10, [3, 5]), normal(2, 8), wrong)


def test_adaptive_predictions():
    x = normal(20, 8)

    def program(T):
        T.manual_seed(0)
        module = T.nn.AdaptiveLogSoftmaxWithLoss(8, 10, [3, 5], 2.0).double()
        given = T.tensor(x.tolist(), dtype=T.float64)
        return module.log_prob(given), module.predict(given)

    same(program(ours), program(real))
    assert len(set(values(program(ours)[1]).tolist())) > 2
