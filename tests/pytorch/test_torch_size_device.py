"""Sizes, devices, layouts and memory formats, each beside real PyTorch."""

import copy
import doctest
import pickle
import sys
import threading
import warnings
from importlib import import_module

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from functorch_lite.torch._core import dtypes
from functorch_lite.torch._core import size as sizes

# In the package these two names are the classes, as in PyTorch.
devices = import_module("functorch_lite.torch._core.device")
layout = import_module("functorch_lite.torch._core.layout")
real = pytest.importorskip("torch")


class Mine:
    """The names of this package as real PyTorch has them."""

    Size = sizes.Size
    device = devices.device
    set_default_device = staticmethod(devices.set_default_device)
    get_default_device = staticmethod(devices.get_default_device)


def outcome(call, *args, **kwargs):
    """The type and text of a result, or of an error."""
    try:
        result = call(*args, **kwargs)
    except Exception as error:
        return type(error), str(error)
    return type(result).__name__, repr(result)


def both(source, **names):
    """The outcomes of one expression with this package and with PyTorch."""
    names |= {"np": np, "copy": copy, "pickle": pickle}
    return [outcome(eval, source, {"torch": lib, **names}) for lib in (Mine, real)]


class Whole:
    """Something with an integer value, as a 0-d tensor has."""

    def __index__(self):
        return 7


@pytest.fixture(autouse=True)
def default_restored():
    yield
    for lib in (Mine, real):
        lib.set_default_device(None)


@pytest.mark.parametrize(
    "kind",
    [sizes.Size, devices.device, dtypes.dtype, dtypes.finfo, dtypes.iinfo, layout.layout,
     layout.memory_format],
)  # fmt: skip
def test_docstrings_of_classes_that_say_they_are_torchs(kind):
    # Their __module__ hides them from pytest's collection of doctests.
    home = {"Size": sizes, "device": devices, "layout": layout, "memory_format": layout}
    names = vars(home.get(kind.__name__, dtypes)).copy()
    flags = doctest.NORMALIZE_WHITESPACE
    runner = doctest.DocTestRunner(optionflags=flags)
    found = doctest.DocTestFinder().find(kind, kind.__name__, module=False, globs=names)
    assert sum(runner.run(each).attempted for each in found) > 0
    assert runner.failures == 0
    assert kind.__module__ == "torch" and kind.__qualname__ == kind.__name__


# ------------------------------------------------------------------------------------------- sizes
SIZES = [
    "Size()", "Size([])", "Size((2, 3))", "Size(range(3))", "Size(x for x in (1, 2))",
    "Size([True])", "Size([np.int64(3)])", "Size([np.array(3)])", "Size(np.array([1, 2]))",
    "Size({1: 2})", "Size(b'ab')", "Size([-1])", "Size([whole])", "Size(S)",
    "Size(3)", "Size(None)", "Size([1.0])", "Size(['a'])", "Size([None])", "Size('12')",
    "Size([1, 'a'])", "Size([1j])", "Size([[1]])", "Size([object()])", "Size([np.float32(3)])",
    "Size([np.array([3])])", "Size([2**63 - 1])", "Size([-2**63])",

    "type(Size([True])[0])", "type(Size([np.int64(3)])[0])", "type(Size([np.array(3)])[0])",
    "S.numel()", "Size().numel()", "Size([2, 0]).numel()", "Size([-2, 3]).numel()",
    "Size([2**40, 2**40]).numel()", "Size([2**62, 3]).numel()", "Size([2**62, 2]).numel()",
    "S[1:]", "S[1]", "S[-1]", "S[::2]", "S[5]", "S['a']", "S[:0]", "S[np.int64(1)]",
    "S + (1,)", "(1,) + S", "S + S", "S + Size()", "S + [1]", "S + 1", "S + None", "S + 'a'",
    "S + ('a',)", "S + (1.5,)", "('a',) + S", "(1.5,) + S", "S + np.array([1, 2, 3])",
    "S * 2", "2 * S", "S * 0", "S * True", "S * np.int64(2)", "S + np.int64(2)",
    "S * np.array([1, 2, 3])", "S * S", "S * None", "S * [1]", "S * 'a'",
    "S * 1.5", "1.5 * S", "S == (2, 3, 4)", "S == [2, 3, 4]", "(2, 3, 4) == S", "S < (3,)",
    "hash(S) == hash((2, 3, 4))", "S.count(2)", "S.index(3)", "sorted(S)", "3 in S", "len(S)",
    "(*S,)", "'%d %d %d' % S", "str(S)", "f'{S}'", "[1, 2][Size([1])[0]]", "copy.copy(S)",
    "copy.deepcopy(S)", "pickle.loads(pickle.dumps(S))", "pickle.loads(pickle.dumps(S, 0))",
    "type('Sub', (Size,), {})", "type(iter(S))", "S[1:] * 2 + (1,)", "isinstance(S, tuple)",
]  # fmt: skip


@pytest.mark.parametrize("source", SIZES)
def test_size(source):
    results = []
    for lib in (Mine, real):
        names = {"Size": lib.Size, "S": lib.Size([2, 3, 4]), "np": np, "whole": Whole()}
        results.append(outcome(eval, source, {**names, "copy": copy, "pickle": pickle}))
    assert results[0] == results[1]


def test_size_refuses_further_ways():
    for call in (
        lambda: sizes.Size([1], [2]),
        lambda: sizes.Size(iterable=[1]),
        lambda: sizes.Size([1]).numel(1),
        lambda: [1] + sizes.Size([1]),
    ):
        with pytest.raises(TypeError):
            call()
    with pytest.raises(AttributeError):
        sizes.Size([1]).x = 1


def test_from_shape():
    shape = sizes.from_shape(np.zeros((2, 3)).shape)
    assert type(shape) is sizes.Size and repr(shape) == "torch.Size([2, 3])"
    assert type(shape.__reduce__()[0](*shape.__reduce__()[1])) is sizes.Size


# ----------------------------------------------------------------------------------------- devices
DEVICES = [
    "('cpu')", "('cuda')", "('cuda:0')", "('cuda', 0)", "('cuda:3')", "('cpu', None)", "('cpu:0')",
    "('cpu:1')", "('cuda:127')", "('cuda:128')", "('cuda:254')", "('cuda:255')", "('cuda:256')",
    "('cuda:300')", "('cuda', 300)", "('cuda', 99999999999999)", "('cuda:2147483647')",
    "('cuda:2147483648')", "('cuda:99999999999999')", "('cuda', 2**63)", "('cuda', 2**70)",
    "('cuda', -2**63 - 1)",
    "(type='cpu')", "(type='cuda', index=1)", "('cpu', index=0)", "(index=0, type='cpu')",
    "(device='cpu')", "(device=torch.device('cuda:1'))", "(torch.device('cpu', 0))", "(b'cpu')",
    "(np.str_('cpu'))", "('cuda', np.int64(1))", "('cuda', index=None)", "(device=b'cuda:2')",
    "('cuda:0', 1)", "('cuda:1', None)", "(type='cuda:1', index=1)", "('cpu', -1)",
    "('cuda', index=-2)", "(0)", "(1)", "(-1)", "(2**70)", "(np.int64(0))", "(device=1)",
    "(True)", "(1.0)", "(None)", "()", "(index=1)", "(type=1)", "(device=None)", "({})",
    "(bytearray(b'cpu'))", "(type=torch.device('cpu'))", "('cpu', 0, 0)", "('cpu', foo=0)",
    "('cpu', True)", "('cpu', 1.5)", "('cpu', '0')", "('cpu', [])", "(torch.device('cuda'), 0)",
    "(type='cpu', device='cpu')", "(np.array(1))", "(dtype)",
    "('')", "('foo')", "('CPU')", "('cpu_')", "('foo:1')", "('foo:x')", "(' cpu')", "('cpu ')",
    "('cpu:')", "('cpu:-1')", "('cuda:01')", "('cuda:00')", "('cuda:+1')", "('cuda:0x1')",
    "('cpu:0:1')", "('cpu0')", "('3')", "(':0')", "('cpu::0')", "('cpu:1.0')", "('é')",
    "('cuda:١')", "('cpu\\n')", "('foo', -1)", "('foo', 1.5)", "('cpu:0', -1)",
]  # fmt: skip


@pytest.mark.parametrize("arguments", DEVICES)
def test_device(arguments):
    # Twice: the second call may be answered from a table.
    for _ in range(2):
        mine, model = both(f"torch.device{arguments}")
        assert mine == model


@pytest.mark.parametrize("kind", [name for name in devices.DEVICE_TYPES if name != "mkldnn"])
def test_device_types(kind):
    for source in (f"torch.device('{kind}')", f"str(torch.device('{kind}:2'))"):
        mine, model = both(source)
        assert mine == model


def test_mkldnn_warns_once(monkeypatch):
    monkeypatch.setattr(devices, "_warned_about_mkldnn", False)
    monkeypatch.setattr(devices, "_BY_STRING", {})
    with pytest.warns(UserWarning, match="'mkldnn' is no longer used as device type") as seen:
        devices.device("mkldnn")
    assert seen[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert devices.device("mkldnn").type == "mkldnn"


@given(st.text(alphabet="cpudameti:01239_ -A\0", max_size=12))
@example("cuda:10")
@example("meta:0")
def test_device_strings(text):
    mine, model = outcome(devices.device, text), outcome(real.device, text)
    # C++ ends the message at a NUL.
    assert mine == model or "\0" in text and mine[0] is model[0]


@pytest.mark.parametrize(
    "source",
    [
        "D.type", "D.index", "torch.device('cpu').index", "str(D)", "f'{D}'", "repr(D)",
        "D == torch.device('cuda', 1)", "D == 'cuda:1'", "D != torch.device('cuda')",
        "torch.device('cpu') == torch.device('cpu:0')", "{D: 1}[torch.device('cuda:1')]",
        "copy.copy(D)", "copy.deepcopy([D])", "pickle.loads(pickle.dumps(D))", "D.foo",
        "pickle.loads(pickle.dumps(torch.device('cpu'), 2))", "type('Sub', (torch.device,), {})",
        "setattr(D, 'type', 1)", "setattr(D, 'x', 1)", "isinstance(D, torch.device)",
    ],
)  # fmt: skip
def test_device_objects(source):
    results = []
    for lib in (Mine, real):
        names = {"torch": lib, "D": lib.device("cuda:1"), "copy": copy, "pickle": pickle}
        results.append(outcome(eval, source, names))
    assert results[0] == results[1]


def test_devices_are_interned():
    one = devices.device("cuda:1")
    assert one is devices.device("cuda", 1) is pickle.loads(pickle.dumps(one))
    before = len(devices._BY_STRING)
    for turn in range(1, 50):
        devices.device(f"cuda:{turn * 256 + 1}")
    assert len(devices._BY_STRING) == before
    with pytest.raises(TypeError):
        one < devices.device("cpu")  # noqa: B015


# ------------------------------------------------------------------------------ the default device
def nesting(lib):
    """What each step of some nested settings makes the default."""
    seen = []

    def note():
        seen.append(str(lib.get_default_device()))

    note()
    for wrong in ("foo", 0, 1.5):
        seen.append(outcome(lib.set_default_device, wrong))
        note()
    lib.set_default_device("cuda:1")
    note()
    with lib.device("meta") as entered:
        seen.append(repr(entered))
        note()
        with lib.device("cpu:0"):
            note()
        note()
        with entered, entered:
            note()
        note()
    note()
    thread = threading.Thread(target=note)
    thread.start()
    thread.join()
    lib.set_default_device(None)
    note()
    lib.set_default_device(lib.device("cuda", 2))
    note()
    lib.set_default_device(None)
    try:
        with lib.device("meta"):
            note()
            raise KeyError
    except KeyError:
        note()
    with lib.device("meta"):
        lib.set_default_device("cpu:0")
        note()
    note()
    return seen


def test_default_device():
    found = {}
    for lib in (Mine, real):
        # In a thread of its own: PyTorch does not leave its state as it was.
        thread = threading.Thread(target=lambda lib=lib: found.update({lib: nesting(lib)}))
        thread.start()
        thread.join()
    assert found[Mine] == found[real]


def test_default_device_is_plain_to_read():
    assert devices.default.current is devices.CPU
    with devices.device("cuda"):
        assert devices.default.current is devices.device("cuda")
        mine = outcome(devices.get_default_device)
    with real.device("cuda"):
        assert mine == outcome(real.get_default_device)
    assert outcome(devices.device("cpu").__exit__, None, None, None) == outcome(
        real.device("cpu").__exit__, None, None, None
    )


def test_set_default_device_ends_the_blocks_that_are_open():
    # PyTorch agrees up to the first end of a block, and then fails at the second.
    with devices.device("meta"):
        with devices.device("cuda:1"):
            devices.set_default_device("cpu:0")
            assert devices.get_default_device() is devices.device("cpu:0")
        assert devices.get_default_device() is devices.device("cpu:0")
    assert devices.get_default_device() is devices.device("cpu:0")


def test_none_inside_a_block_leaves_the_block_alone():
    for lib in (Mine, real):
        with lib.device("meta"):
            lib.set_default_device(None)
            assert str(lib.get_default_device()) == "meta"
        assert str(lib.get_default_device()) == "cpu"


# ------------------------------------------------------------------------ layouts, memory formats
def test_every_layout_and_format_is_there():
    for kind, table in (("layout", layout.LAYOUTS), ("memory_format", layout.MEMORY_FORMATS)):
        model = {
            name: repr(value)
            for name, value in vars(real).items()
            if isinstance(value, getattr(real, kind)) and name != "_mkldnn"
        }
        mine = {
            name: repr(value)
            for name, value in vars(layout).items()
            if isinstance(value, getattr(layout, kind))
        }
        assert mine == model
        assert {f"torch.{name}" for name in table} == set(model.values())


@pytest.mark.parametrize("name", [*layout.LAYOUTS, *layout.MEMORY_FORMATS])
def test_layout_objects(name):
    mine, model = getattr(layout, name), getattr(real, name)
    assert repr(mine) == str(mine) == f"{mine}" == repr(model)
    assert copy.copy(mine) is mine and copy.deepcopy({1: mine})[1] is mine
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(mine, protocol)) is mine
    for call in (
        lambda one: type(one)(),
        lambda one: type(one)("strided"),
        lambda one: type("Sub", (type(one),), {}),
        lambda one: setattr(one, "x", 1),
        lambda one: one.foo,
    ):
        assert outcome(call, mine) == outcome(call, model)


def test_library_modules_do_not_bring_real_torch():
    for module in (sizes, devices, dtypes, layout):
        assert "torch" not in vars(module) and module.__name__ in sys.modules
