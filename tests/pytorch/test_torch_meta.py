"""Tensors of the device ``meta``: what they are, how they are made, and what they refuse."""

import gc
import threading
import time
import warnings

import numpy as np
import pytest

from functorch_lite.torch._core.public import overrides
from functorch_lite.torch._meta.symbol import ALIVE
from tests.pytorch.oracle import ours, real


def told(x):
    """What can be told of a result in both packages."""
    if isinstance(x, (ours.Tensor, real.Tensor)):
        return (
            tuple(x.shape), str(x.dtype), x.stride(), x.storage_offset(), str(x.device),
            x.requires_grad, x.is_meta,
        )  # fmt: skip
    if isinstance(x, (tuple, list)):
        return [told(e) for e in x]
    if isinstance(x, dict):
        return {k: told(v) for k, v in x.items()}
    return x if isinstance(x, (str, int, float, bool, type(None))) else str(x)


def found(T, program, words):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return told(program(T))
        except Exception as error:
            return type(error).__name__, str(error)[:words]


def agree(program, words=40):
    assert found(ours, program, words) == found(real, program, words)


# -------------------------------------------------------------------------------------- making them
MAKERS = {
    "empty": lambda T: T.empty(2, 3, device="meta"),
    "zeros": lambda T: T.zeros((2, 3), device="meta", dtype=T.float64),
    "ones": lambda T: T.ones(2, device=T.device("meta"), requires_grad=True),
    "full": lambda T: T.full((2, 3), 7, device="meta"),
    "rand": lambda T: T.rand(2, 3, device="meta"),
    "randn": lambda T: T.randn(2, 3, device="meta"),
    "randint": lambda T: T.randint(0, 5, (2, 3), device="meta"),
    "randperm": lambda T: T.randperm(5, device="meta"),
    "normal": lambda T: T.normal(0.0, 1.0, (2, 3), device="meta"),
    "arange": lambda T: T.arange(1, 9, 2, device="meta"),
    "arange of floats": lambda T: T.arange(0.0, 1.0, 0.3, device="meta"),
    "linspace": lambda T: T.linspace(0, 1, 5, device="meta"),
    "logspace": lambda T: T.logspace(0, 1, 5, device="meta"),
    "eye": lambda T: T.eye(3, 4, device="meta"),
    "tensor": lambda T: T.tensor([[1, 2], [3, 4]], device="meta"),
    "as_tensor": lambda T: T.as_tensor([1.0, 2.0], device="meta"),
    "as_tensor of a tensor": lambda T: T.as_tensor(T.ones(2, 3).t(), device="meta"),
    "asarray": lambda T: T.asarray([1, 2], device="meta"),
    "scalar_tensor": lambda T: T.scalar_tensor(3.0, device="meta"),
    "empty_strided": lambda T: T.empty_strided((2, 3), (1, 4), device="meta"),
    "tril_indices": lambda T: T.tril_indices(3, 3, device="meta"),
    "empty_like": lambda T: T.empty_like(T.ones(2, 3).t(), device="meta"),
    "like meta": lambda T: T.zeros_like(T.empty(2, 3, device="meta").t()),
    "rand_like": lambda T: T.rand_like(T.empty(2, 3, device="meta")),
    "full_like": lambda T: T.full_like(T.empty(2, 3, device="meta"), 2.0, dtype=T.int32),
    "channels last": lambda T: T.empty(2, 3, 4, 5, device="meta", memory_format=T.channels_last),
    "new_zeros": lambda T: T.empty(2, device="meta").new_zeros(3, 4),
    "new_full": lambda T: T.empty(2, device="meta").new_full((3,), 1.0),
    "new_tensor": lambda T: T.empty(2, device="meta").new_tensor([1.0]),
    "new_empty_strided": lambda T: T.empty(2, device="meta").new_empty_strided((2, 2), (1, 2)),
    "to cpu by likeness": lambda T: T.zeros_like(T.empty(2, 3, device="meta"), device="cpu"),
    "to": lambda T: T.ones(4, 6)[::2, 1:].to("meta"),
    "to with dtype": lambda T: T.ones(2, 3).to("meta", T.float16),
    "to another": lambda T: T.ones(2, 3).to(T.empty(1, device="meta", dtype=T.float64)),
    "to keeps the graph": lambda T: T.ones(2, requires_grad=True).to("meta").grad_fn.name(),
    "to itself": lambda T: (lambda m: m.to("meta") is m)(T.empty(2, device="meta")),
    "type_as": lambda T: T.ones(2, dtype=T.float64).type_as(T.empty(2, device="meta")),
    "huge": lambda T: T.empty(10**6, 10**7, device="meta").sum(0, keepdim=True) * 2,
    "huge random": lambda T: T.rand(10**6, 10**7, device="meta").t(),
    "too large": lambda T: T.empty(2**40, 2**40, device="meta"),
    "index of the device": lambda T: T.empty(2, device="meta:0"),
}


@pytest.mark.parametrize("name", MAKERS)
def test_makers(name):
    if name == "index of the device":
        assert str(MAKERS[name](ours).device) == str(MAKERS[name](real).device)
    agree(MAKERS[name])


@pytest.mark.parametrize("way", ["with", "set"])
def test_the_default_device(way):
    def program(T):
        x = T.ones(2)
        if way == "set":
            T.set_default_device("meta")
            try:
                made = made_of(T, x)
            finally:
                T.set_default_device(None)
        else:
            with T.device("meta"):
                made = made_of(T, x)
        return *made, T.ones(2), T.get_default_device()

    def made_of(T, x):
        return (
            T.empty(2, 3), T.tensor([1, 2]), T.arange(3), T.zeros_like(x), x.new_zeros(2),
            T.ones(2, device="cpu"), T.nn.Linear(2, 3).weight, T.hann_window(4), T.randperm(3),
            x.sort()[0], x.repeat(2), T.nn.functional.softmax(x, 0), T.get_default_device(),
        )  # fmt: skip

    agree(program)


def test_makers_take_no_numbers_from_the_generator():
    def program(T):
        T.manual_seed(3)
        with T.device("meta"):
            T.rand(3), T.randn(3), T.randint(0, 3, (2,)), T.randperm(4), T.nn.Linear(3, 3)
        m = T.empty(30, device="meta")
        m.normal_(), m.uniform_(), m.bernoulli_(0.5), T.bernoulli(m), T.rand_like(m)
        T.nn.functional.dropout(m), m.multinomial(2), T.normal(m, 1.0)
        return T.rand(3).tolist()

    assert program(ours) == program(real)


# ------------------------------------------------------------------------------------ what they are
def test_views_and_writes():
    def program(T):
        m = T.empty(4, 6, device="meta")
        v = m[1:, ::2]
        v.add_(1)
        m[0] = 3
        m[m > 0] = 0.0
        m[:, 1] = T.ones(4)
        return (
            v, m._version, v._base is m, m.view(-1)[3], m.T, m.reshape(3, 8),
            m.unflatten(1, (2, 3)),
            m.expand(2, 4, 6), m.diagonal(), m.as_strided((2, 2), (1, 3), 5), m.unfold(1, 2, 2),
            T.view_as_real(T.empty(2, 3, dtype=T.complex64, device="meta")[1:]),
            T.view_as_complex(T.empty(3, 2, device="meta")).imag,
            m.view(T.int16), m.view(T.float64), m.data_ptr(), m.untyped_storage().nbytes(),
            m.untyped_storage().data_ptr(), T.empty(0, device="meta").resize_(2, 3),
            m.is_contiguous(),
            m.numel(), m.element_size(), m.dim(), m.type(), m.is_cpu, m.get_device(), len(m),
            [row.storage_offset() for row in m], m.permute(1, 0).is_contiguous(), m.split(3, 1),
            T.empty(2, 3, 4, 5, device="meta").contiguous(memory_format=T.channels_last),
        )  # fmt: skip

    agree(program)


def test_arrays_begin_where_their_tensors_do():
    x = ours.empty(4, 6, device="meta")[1:, 2:]
    shorts = x.view(ours.int16)
    for t in (x, shorts, shorts[1:, 2:].view(ours.int8), x.view(ours.float64)):
        assert t._np.offset == t.storage_offset() > 0


def test_printing():
    def program(T):
        m = T.empty(2, 3, device="meta")
        w = T.nn.Parameter(m)
        return [
            repr(x) for x in (
                m, m.double(), m.long(), m[0, 0], w, w * 2, T.empty(0, device="meta"), [m],
                m.untyped_storage(), T.nn.Linear(2, 2, device="meta"), m.half().requires_grad_(),
                {"a": f"{m.sum()}"},
            )
        ]  # fmt: skip

    assert program(ours) == program(real)


REFUSALS = {
    "item": lambda T, m: m.sum().item(),
    "bool": lambda T, m: bool(m.sum()),
    "bool of many": lambda T, m: bool(m),
    "if": lambda T, m: 1 if (m > 0).all() else 2,
    "float": lambda T, m: float(m.sum()),
    "int": lambda T, m: int(m.sum()),
    "index": lambda T, m: [1, 2, 3][m.long().sum()],
    "tolist": lambda T, m: m.tolist(),
    "numpy": lambda T, m: m.numpy(),
    "asarray": lambda T, m: np.asarray(m),
    "cpu": lambda T, m: m.cpu(),
    "to cpu": lambda T, m: m.to("cpu"),
    "to a tensor's device": lambda T, m: m.to(T.ones(1)),
    "copy out": lambda T, m: T.ones(2, 3).copy_(m),
    "nonzero": lambda T, m: m.nonzero(),
    "argwhere": lambda T, m: T.argwhere(m),
    "masked_select": lambda T, m: m.masked_select(m > 0),
    "mask": lambda T, m: m[m > 0],
    "where": lambda T, m: T.where(m > 0),
    "equal": lambda T, m: T.equal(m, m),
    "allclose": lambda T, m: T.allclose(m, m),
    "bincount": lambda T, m: m.long()[0].bincount(),
    "full": lambda T, m: T.full((2,), m.sum()),
    "arange": lambda T, m: T.arange(m.sum()),
    "sizes": lambda T, m: T.ones(3).narrow(0, m.long().sum(), 1),
    "a number as index": lambda T, m: m[m.long().sum()],
    "a truth value as index": lambda T, m: m[0, m.sum() > 0],
    "a slice": lambda T, m: T.ones(3)[: m.long().sum()],
    "a number as index to write": lambda T, m: m.__setitem__((0, m.long().sum()), 1.0),
    "is_nonzero": lambda T, m: T.is_nonzero(m.sum()),
    "tensor on the cpu": lambda T, m: T.tensor(m, device="cpu"),
    "classes": lambda T, m: T.nn.functional.one_hot(m.long()),
    "repeats": lambda T, m: T.repeat_interleave(m.long()[0]),
    "cpu after meta": lambda T, m: m + T.ones(2, 3),
    "meta after cpu": lambda T, m: T.ones(2, 3) + m,
    "cat": lambda T, m: T.cat([m, T.ones(2, 3)]),
    "input of a layer": lambda T, m: T.nn.Linear(3, 2, device="meta")(T.ones(1, 3)),
    "data": lambda T, m: setattr(T.ones(2, 3), "data", m),
    "grad": lambda T, m: setattr(T.nn.Parameter(T.ones(2, 3)), "grad", m),
    "legacy": lambda T, m: T.Tensor(3, device="meta"),
    "dlpack": lambda T, m: m.__dlpack__(),
    "share_memory_": lambda T, m: m.share_memory_(),
    "leaf": lambda T, m: m.requires_grad_().add_(1),
    "storage": lambda T, m: m.untyped_storage().tolist(),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals(name):
    agree(lambda T: REFUSALS[name](T, T.empty(2, 3, device="meta")), words=30)


def test_a_number_of_the_cpu_may_meet_them():
    agree(lambda T: T.tensor(2.0) * T.empty(2, 3, device="meta") + T.tensor(1.0, dtype=T.float64))
    agree(lambda T: T.empty(2, 3, device="meta").index_select(0, T.tensor([1, 0])))
    agree(lambda T: T.empty(2, 3, device="meta")[T.tensor([1, 0, 1])])
    agree(lambda T: T.empty(2, 3, device="meta")[T.tensor([True, False])])
    agree(lambda T: T.nn.Embedding(5, 2, device="meta")(T.tensor([[1, 2]])))


def test_python_compares_them_with_other_things():
    m = ours.empty(2, device="meta")
    assert (m == None, m != None, m == "x", m in [m]) == (False, True, False, True)  # noqa: E711


# ---------------------------------------------------------------------------------- their presence
def test_operations_look_for_them_only_while_there_are_any():
    gc.collect()
    ours.ones(2) + 1
    assert not ALIVE and overrides.meta is None
    before = overrides.known
    m = ours.empty(2, device="meta")
    view = m[1:]
    assert overrides.known and overrides.meta is not None
    del m
    ours.ones(2) + 1
    assert overrides.meta is not None  # the view is left
    del view
    ours.ones(2) + 1
    assert not ALIVE and overrides.meta is None and overrides.known is before


def test_a_default_device_is_presence_enough():
    gc.collect()
    with ours.device("meta"):
        ours.ones(2, device="cpu") + 1
        assert ours.ones(2).is_meta
        assert overrides.meta is not None
    ours.ones(2) + 1
    assert overrides.meta is None


def test_no_memory_is_taken():
    m = ours.empty(10**9, 10**6, device="meta")
    x = ((m @ m.t()).softmax(-1) * 2).tril()
    assert x.shape == (10**9, 10**9)
    assert m.sort()[1].topk(3)[0].shape == (10**9, 3)
    assert ours.nn.functional.dropout(m).cumsum(0).std(1).shape == (10**9,)


def test_a_thread_waits_for_another_that_is_about_to_watch(monkeypatch):
    gc.collect()
    ours.ones(2) + 1
    assert overrides.meta is None
    started, watch = threading.Event(), overrides.watch

    def slow(change):
        if threading.current_thread() is other and not started.is_set():
            started.set()
            time.sleep(0.2)
        watch(change)

    monkeypatch.setattr(overrides, "watch", slow)
    other = threading.Thread(target=lambda: ours.empty(2, device="meta"))
    other.start()
    assert started.wait(10)
    with ours.device("meta"):
        made = ours.ones(2)
    other.join()
    assert made.is_meta
