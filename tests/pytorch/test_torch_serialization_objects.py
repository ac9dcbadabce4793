"""Files that hold more than weights: subclasses, modules, dataclasses, plain values."""

import argparse
import collections
import dataclasses
import io
import pathlib
import pickle

import numpy as np
import pytest
from oracle import ours, real
from serialization_checks import loaded, parameter, saved

LAYOUTS = [True, False]


def test_attributes_of_tensors():
    def build(T):
        x, p = T.ones(2), parameter(T, T.zeros(2))
        x.note, p.tag = "hello", [1, 2]
        return x, p

    for T, R in ((ours, real), (real, ours), (ours, ours)):
        x, p = loaded(R, saved(T, build(T)))
        assert x.note == "hello" and p.tag == [1, 2] and p.requires_grad


class Marked(ours.Tensor):
    pass


def test_subclasses_of_tensor():
    x = ours.ones(2).as_subclass(Marked)
    x.note = 1
    data = saved(ours, x)
    with pytest.raises(pickle.UnpicklingError, match="Marked was not an allowed global"):
        loaded(ours, data)
    with ours.serialization.safe_globals([Marked]):
        back = loaded(ours, data)
    assert type(back) is Marked and back.note == 1
    assert type(loaded(ours, data, weights_only=False)) is Marked


# ------------------------------------------------------------------------ more than weights
@dataclasses.dataclass
class Settings:
    width: int
    rate: float = 0.1
    parts: list = dataclasses.field(default_factory=list)
    made = 0

    def __post_init__(self):
        Settings.made += 1


class Ordinary:
    pass


def test_dataclasses_are_rebuilt_without_their_init():
    data = saved(ours, {"settings": Settings(3, parts=[ours.ones(1)])})
    with pytest.raises(pickle.UnpicklingError, match="Settings was not an allowed global"):
        loaded(ours, data)
    made = Settings.made
    found = loaded(ours, data, weights_only=False)["settings"]
    assert type(found) is Settings and found.width == 3 and found.parts[0].tolist() == [1]
    assert Settings.made == made


class OurNet(ours.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = ours.nn.Linear(3, 4)
        self.rest = ours.nn.Sequential(ours.nn.ReLU(), ours.nn.Linear(4, 2, bias=False))
        self.register_buffer("count", ours.tensor(3))
        self.act = ours.nn.functional.gelu
        self.settings = Settings(4)

    def forward(self, x):
        return self.rest(self.act(self.first(x)))


@pytest.mark.parametrize("new", LAYOUTS)
def test_whole_modules(new):
    net, x = OurNet(), ours.ones(2, 3)
    data = saved(ours, net, _use_new_zipfile_serialization=new)
    with pytest.raises(pickle.UnpicklingError, match="OurNet was not an allowed global"):
        loaded(ours, data)
    found = loaded(ours, data, weights_only=False)
    assert type(found) is OurNet and found.settings == Settings(4)
    assert found(x).tolist() == net(x).tolist()
    assert list(found.state_dict()) == list(net.state_dict())
    found(x).sum().backward()


@pytest.mark.parametrize("new", LAYOUTS)
def test_modules_of_pytorch(new):
    real.manual_seed(0)
    theirs = real.nn.Sequential(real.nn.Linear(3, 4), real.nn.ReLU(), real.nn.Linear(4, 2)).eval()
    data = saved(real, theirs, _use_new_zipfile_serialization=new)
    found = loaded(ours, data, weights_only=False)
    x = np.ones((2, 3), np.float32)
    np.testing.assert_allclose(
        found(ours.from_numpy(x))._np, theirs(real.from_numpy(x)).detach().numpy(), rtol=1e-5
    )
    data = saved(ours, found, _use_new_zipfile_serialization=new)
    back = loaded(real, data, weights_only=False)
    assert back(real.from_numpy(x)).tolist() == theirs(real.from_numpy(x)).tolist()
    assert not found.training and str(found) == str(theirs)


def test_values_of_the_standard_library_and_numpy():
    obj = {
        "args": argparse.Namespace(lr=0.1, name="x"), "default": collections.defaultdict(list,
        a=[1]),
        "deque": collections.deque([1, 2], 5), "frozen": frozenset((1, "a")), "range": range(2, 9,
        3),
        "slice": slice(1, None), "path": pathlib.PurePosixPath("/a/b"), "bytes": bytearray(b"x"),
        "number": np.float64(0.5), "whole": np.int64(3), "text": np.str_("abc"),
        "array": np.arange(6.0).reshape(2, 3), "order": np.asfortranarray(np.eye(3,
        dtype=np.int32)),
        "swapped": np.arange(3, dtype=">i4"), "strings": np.array(["a", "bc"]),
        "dtype": np.dtype("f4"),
    }  # fmt: skip
    for T in (ours, real):
        found = loaded(ours, saved(T, obj), weights_only=False)
        assert found.keys() == obj.keys()
        for key, value in obj.items():
            assert type(found[key]) is type(value)
            np.testing.assert_array_equal(found[key], value, key)
        assert found["order"].flags.f_contiguous
    with pytest.raises(pickle.UnpicklingError, match="Ordinary from a file"):
        loaded(ours, saved(ours, Ordinary()), weights_only=False)


def test_functions_are_values_and_never_called():
    F = ours.nn.functional
    assert loaded(ours, saved(ours, [F.relu, ours.tanh]), weights_only=False) == [F.relu, ours.tanh]
    theirs = saved(real, [real.nn.functional.relu, real.tanh])
    assert loaded(ours, theirs, weights_only=False) == [F.relu, ours.tanh]
    assert loaded(real, saved(ours, [F.relu, ours.tanh]), weights_only=False) == [
        real.nn.functional.relu, real.tanh,
    ]  # fmt: skip


def test_generators():
    for T, R in ((ours, ours), (real, ours), (ours, real)):
        generator = T.Generator().manual_seed(5)
        T.rand(3, generator=generator)
        found = loaded(R, saved(T, generator), weights_only=False)
        assert R.rand(2, generator=found).tolist() == T.rand(2, generator=generator).tolist()


def test_safe_globals():
    S = ours.serialization
    data = saved(ours, Ordinary())
    before = S.get_safe_globals()
    try:
        S.add_safe_globals([Ordinary])
        assert Ordinary in S.get_safe_globals()
        assert type(loaded(ours, data)) is Ordinary
        S.clear_safe_globals()
        assert S.get_safe_globals() == []
        with pytest.raises(pickle.UnpicklingError, match="Ordinary was not an allowed global"):
            loaded(ours, data)
        with S.safe_globals([(collections.deque, f"{__name__}.Ordinary")]):
            assert type(loaded(ours, data)) is collections.deque
        assert S.get_safe_globals() == []
        for T in (ours, real):
            names = T.serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(data))
            assert names == [f"{__name__}.Ordinary"]
    finally:
        S.add_safe_globals(before)
