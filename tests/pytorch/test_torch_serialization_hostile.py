"""Files that mean harm, or are broken: each ends with an exception, and runs nothing."""

import dataclasses
import io
import os
import pickle
import struct
import sys
import zipfile

import pytest
from oracle import ours, real
from serialization_checks import (
    ERRORS,
    MODES,
    REST,
    P,
    archive,
    load,
    name,
    old_file,
    seconds,
    storage,
    string,
    tensor,
)  # fmt: skip

PROTOCOLS = pytest.mark.filterwarnings("ignore:Detected pickle protocol")
HERE = __name__
RAN = []


def run_me(*args):
    RAN.append(args)
    return args


class Trap:
    """What any use of leaves a trace."""

    def __init__(self, *args):
        RAN.append(args)

    def __new__(cls, *args):
        RAN.append(args)
        return object.__new__(cls)

    def __setstate__(self, state):
        RAN.append(state)

    def __call__(self, *args):
        RAN.append(args)


@dataclasses.dataclass
class Config:
    width: int = 1

    def method(self):
        RAN.append(self)


def refused(data, weights_only, match=None, storages=()):
    """Assert that a pickle is refused in both formats, and that nothing of it ran."""
    RAN.clear()
    for file in (archive(data, storages), old_file(data)):
        with pytest.raises(ERRORS, match=match):
            load(file, weights_only)
    assert not RAN


# ---------------------------------------------------------------------------------------- callables
@pytest.mark.parametrize("weights_only", MODES)
@pytest.mark.parametrize(
    "path",
    ["os.system", "posix.system", "nt.system", "sys.exit", "subprocess.Popen", "builtins.eval",
     "builtins.exec", "__builtin__.eval", "builtins.__import__", "builtins.open", "builtins.print",
     "builtins.getattr", "builtins.setattr", "builtins.type", "builtins.object",
     "operator.attrgetter",
     "functools.partial", "importlib.import_module", "runpy._run_code", "pickle.loads",
     "marshal.loads",
     "types.FunctionType", "types.CodeType", "codecs.decode", "numpy.load",
     "numpy.testing._private.utils.runstring",
     "torch.load", "torch.serialization.load", "torch.hub.load", "torch.nn.functional.__builtins__",
     "torch.utils.checkpoint.checkpoint", "torch._C._load", "torch.storage.os.system",
     "torch.nn.Module.load_state_dict",
     f"{HERE}.run_me", f"{HERE}.Trap", f"{HERE}.Config.method", f"{HERE}.nothing", "no.such_module",
     ".", "..", "torch."],
    ids=str,
)  # fmt: skip
def test_no_function_of_a_file_is_called(path, weights_only):
    last = path.rpartition(".")[2]
    for arguments in (b")", string("echo") + b"\x85", b"]\x85", b"K\x01K\x02\x86"):
        refused(P + name(path) + arguments + b"R.", weights_only, match=last[:20] or None)
        refused(P + name(path) + arguments + b"\x81.", weights_only)
        refused(P + b"](" + name(path) + arguments + b"R" + b"e.", weights_only)
    refused(P + name(path) + b")R}b.", weights_only)


@pytest.mark.parametrize("weights_only", MODES)
def test_values_of_a_file_are_not_called(weights_only):
    for value in (b"K\x01", string("abc"), b"]", b"}", b"N", b"\x88", b")", name("torch.float32"),
                  name("torch.FloatStorage"), name("collections.OrderedDict") + b")R"):  # fmt: skip
        refused(P + value + b")R.", weights_only)
        refused(P + value + b")\x81.", weights_only)
        if value[:1] != b"c" or value[-1:] != b"R":
            refused(P + value + b"}b.", weights_only)


def test_classes_that_are_values_are_not_called():
    for cls in ("list", "bytes", "int", "str", "tuple"):
        for end in (b")\x81.", b")R.", b"K\x09\x85\x81.", b"K\x09\x85R."):
            refused(P + name(f"builtins.{cls}") + end, False)


def test_chains_of_getattr():
    holder = name("torch._C._VariableFunctionsClass")
    for owner in (name("torch.nn.functional.relu"), name("collections.OrderedDict"), b"]", holder):
        for attribute in ("__globals__", "__init__", "__class__", "load", "save", "Tensor",
        "__dict__"):
            refused(P + name("builtins.getattr") + owner + string(attribute) + b"\x86R.", False,
                    "builtins.getattr")  # fmt: skip
    refused(P + name("builtins.getattr") + holder + string("tanh") + b"\x86RK\x01\x85R.", False)
    refused(P + name("torch.nn.functional.relu") + b"K\x01\x85R.", False, "relu")


def test_dotted_names_lead_only_to_classes():
    for path in ("a.b", "Config.__init__", "Config.__init__.__globals__", "Config.__class__",
                 "os.system", "Trap.__new__"):  # fmt: skip
        data = b"\x80\x04" + string(HERE) + string(path) + b"\x93)R."
        refused(data, False)


class Asked(type):
    """Of classes that notice what they are asked for."""

    def __getattr__(cls, attribute):
        RAN.append(attribute)
        return Config


class Owner(metaclass=Asked):
    pass


def test_names_are_looked_up_without_asking():
    refused(b"\x80\x04" + string(HERE) + string("Owner.anything") + b"\x93)R.", False)


@PROTOCOLS
def test_reduce_of_any_object():
    class Evil:
        def __init__(self, *parts):
            self.parts = parts

        def __reduce__(self):
            return self.parts

    for parts in ((run_me, (1,)), (Trap, (1,)), (eval, ("RAN.append(1)",)), (os.system, ("true",)),
                  (Config, (5,)), (getattr, (Config, "method"))):  # fmt: skip
        for protocol in (2, 4):
            for mode in MODES:
                refused(pickle.dumps(Evil(*parts), protocol), mode)


@PROTOCOLS
def test_states_of_other_classes():
    refused(P + name(f"{HERE}.Trap") + b")\x81}b.", False, "Trap")
    trap = object.__new__(Trap)
    refused(pickle.dumps(trap, 2), False, "Trap")
    refused(pickle.dumps(trap, 4), True)


def test_a_state_cannot_replace_what_a_tensor_is_made_of():
    for attribute in ("_np", "_memory", "_offset", "_fn", "_hooks", "_rg", "_after_grad", 3):
        x = real.ones(2)
        x.aaaa = 1
        data = io.BytesIO()
        real.save(x, data)
        text = zipfile.ZipFile(data).read("archive/data.pkl")
        key = b"K\x03" if attribute == 3 else string(attribute)
        text = text.replace(string("aaaa"), key)
        for mode in MODES:
            with pytest.raises(pickle.UnpicklingError, match="has an attribute"):
                load(archive(text, [b"\0" * 8]), mode)


def test_text_protocol_and_extensions():
    for data in (b"cos\nsystem\n(S'true'\ntR.", b"(S'true'\nios\nsystem\n.",
    b"(cos\nsystem\nS'x'\no.",
                 b"\x82\x01.", b"\x83\x01\x00.", b"\x84\x01\0\0\0.", b"Pstorage\n.", b"\x97.",
                 b"\x98.",
                 b"}2.", b"\x92.", b"g1\n."):  # fmt: skip
        for mode in MODES:
            refused(data, mode)


# ------------------------------------------------------------------------------------ storage ids
def test_the_helpers_make_a_file():
    got = load(archive(tensor(storage(), REST), [struct.pack("<2f", 1, 2)]), True)
    assert got.tolist() == [1, 2]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "part",
    [storage(key="1"), storage(key="../data.pkl"), storage(key="/etc/passwd"), storage(key="0\0"),
     storage(key=b"K\x00"), storage(key=b"]"), storage(key=b"N"), storage(count=b"K\x03"),
     storage(count=b"J\xff\xff\xff\xff"), storage(count=b"\x8a\x08" + b"\xff" * 7 + b"\x7f"),
     storage(count=b"\x8a\x04\0\0\0\x40"), storage(count=b"G" + b"\0" * 8), storage(count=b"N"),
     storage(kind="torch.float32"), storage(kind="collections.OrderedDict"),
     storage(place="nowhere"),
     storage(place="mps"), storage(kind="torch.ComplexDoubleStorage"), b"K\x00Q",
     string("a") + b"Q",
     b")Q", b"(" + string("module") + b"NNNtQ", b"(" + string("storage") + b"tQ", b"]Q", b"NQ",
     b"]"],
)  # fmt: skip
def test_ids_of_storages(part, mode):
    with pytest.raises(ERRORS):
        load(archive(tensor(part, REST), [b"\0" * 8]), mode)


@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [(0, (3,), (1,)), (1, (2,), (1,)), (2, (1,), (1,)), (0, (2,), (2,)), (2**62, (1,), (1,)), (-1,
    (1,), (1,)),
     (0, (-1,), (1,)), (1, (2,), (-1,)), (0, (2,), (-1,)), (0, (2,), ()), (0, (), (1,)), (0, (2**62,
     2**62), (0, 0)),
     (0, (2**63,), (0,)), (0, (2**70,), (2**70,)), (0, (0, 2**63), (1, 1)), (0, (1,) * 100,
     (1,) * 100),
     (0, (0,) * 70, (1,) * 70), (0, (2, 2), (2**62, 2**62)), (0.0, (1,), (1,)), (0, [1], [1]), (0,
     (1.0,), (1,)),
     (0, (True,), (1,)), (None, None, None), (0, ("a",), (1,)), (0, 2, 1)],
)  # fmt: skip
def test_views_stay_in_their_storage(offset, size, stride):
    parts = [pickle.dumps(v, 2)[2:-1] for v in (offset, size, stride)]
    rest = b"".join(parts) + b"\x89" + name("collections.OrderedDict") + b")R"
    for mode in MODES:
        with pytest.raises(ERRORS):
            load(archive(tensor(storage(), rest), [b"\0" * 8]), mode)


def test_arguments_of_the_functions_that_are_called():
    x = tensor(storage(), REST)[2:-1]
    for call in (
        name("torch._utils._rebuild_tensor_v2") + b")R",
        name("torch._utils._rebuild_tensor_v2") + b"(" + b"K\x01" * 9 + b"tR",
        name("torch._utils._rebuild_parameter") + b"K\x01\x89N\x87R",
        name("torch._utils._rebuild_parameter") + x + b"K\x05N\x87R",
        name("torch._utils._rebuild_parameter_with_state") + b"(" + x + b"\x89N]tR",
        name("torch._tensor._rebuild_from_type_v2") + b"(" + name("torch.Size")
        + name("torch.Tensor") + b"]\x85NtR",
        name("torch._tensor._rebuild_from_type_v2") + b"(" + name("torch._utils._rebuild_parameter")
        + name("torch.Size") + x + b"\x89N\x87" + b"}tR",
        name("torch.Tensor") + b"\x8a\x06\0\0\0\0\0\x01\x85R",
        name("torch.FloatTensor") + b"\x8a\x06\0\0\0\0\0\x01\x85\x81",
        name("torch.Size") + string("ab") + b"\x85R",
        name("torch.Size") + b"G" + b"\0" * 8 + b"\x85\x85R",
        name("torch.device") + string("nowhere") + b"\x85R", name("torch.device") + b"K\x01\x85R",
        name("torch.serialization._get_layout") + string("torch.float32") + b"\x85R",
        name("_codecs.encode") + string("x") + string("zip") + b"\x86R",
        name("_codecs.encode") + b"]\x85R",
        name("builtins.bytearray") + b"\x8a\x06\0\0\0\0\0\x01\x85R",
        name("builtins.set") + b"K\x01\x85R",
        name("builtins.set") + b"](](K\x01ee\x85R",
        name("builtins.complex") + string("1") + b"\x85R",
        name("collections.Counter") + string("aab") + b"\x85R",
        name("collections.OrderedDict") + b"]K\x01a\x85R",
        name("collections.OrderedDict") + b")R]b", name("collections.OrderedDict") + b")R}K\x01Nsb",
        name("torch.nn.parameter.Parameter") + b"K\x01\x85\x81", x + b"]b", x + b")b",
        x + b"(K\x01K\x00)" + b")tb",
        x + b"\x89N}\x87bK\x01b", name("torch._utils._rebuild_sparse_tensor") + b")R",
    ):  # fmt: skip
        for mode in MODES:
            with pytest.raises(ERRORS):
                load(archive(P + call + b".", [b"\0" * 8]), mode)
    whole = tensor(storage("torch.LongStorage", count=b"K\x01"),
                   REST.replace(b"K\x02", b"K\x01").replace(b"\x89", b"\x88"))  # fmt: skip
    with pytest.raises(RuntimeError, match="floating point"):
        load(archive(whole, [b"\0" * 8]), True)


def test_arrays_and_values_that_lie():
    f8 = name("numpy.dtype") + string("f8") + b"\x89\x88\x87R"
    multiarray = "numpy.core.multiarray."
    empty = name(multiarray + "_reconstruct") + name("numpy.ndarray") + b"K\x00\x85C\x01b\x87R"
    for call in (
        name(multiarray + "scalar") + name("numpy.dtype") + string("O") + b"\x85RC\x08"
        + b"\1" * 8 + b"\x86R",
        name("numpy.core.multiarray.scalar") + f8 + b"C\x01a\x86R",
        name("numpy.dtype") + string("O8") + b"\x85R",
        name("numpy.dtype") + string("f8,O") + b"\x85R", name("numpy.dtype") + b"]\x85R",
        empty + b"(K\x01\x8a\x06\0\0\0\0\0\x01\x85" + f8 + b"\x89C\x08" + b"\0" * 8 + b"tb",
        empty + b"(K\x01K\x02\x85" + f8 + b"\x89C\x08" + b"\0" * 8 + b"tb",
        empty + b"(K\x01K\x01\x85" + f8 + b"\x89]tb",
        empty + b"(K\x01K\x01\x85" + name("numpy.dtype") + b"\x89C\x08" + b"\0" * 8 + b"tb",
        name("numpy.core.multiarray._reconstruct") + name(f"{HERE}.Config") + b"K\x00\x85N\x87R",
        f8 + b"(K\x03" + string("<") + b"]NNK\x00K\x00K\x00tb",
        name("collections.defaultdict") + name(f"{HERE}.Config") + b"\x85R",
        name("collections.defaultdict") + name("torch.nn.functional.relu") + b"\x85R",
        name("datetime.datetime") + b"]\x85R", name("builtins.range") + b"K\x01K\x01K\x00\x87R",
        name("torch._C.Generator") + string("cuda") + b"\x85R",
        name("torch._C.Generator") + b")RNb",
        name("torch.torch_version.TorchVersion") + b"]\x85R",
    ):  # fmt: skip
        with pytest.raises(ERRORS):
            load(archive(P + call + b"."), False)


# ------------------------------------------------------------------------------ stacks and limits
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "data",
    [b".", b"", b"a.", b"0.", b"1.", b"t.", b"e.", b"u.", b"s.", b"\x85.", b"\x86.", b"\x87.",
    b"R.", b"b.", b"\x81.",
     b"h\x00.", b"j\xff\xff\xff\xff.", b"Nr\xff\xff\xff\xffj\xfe\xff\xff\xff.", b"q\x00.", b"Q.",
     b"(.", b"}(K\x01u.",
     b"}]Ns.", b"}}Ns.", b"}(]]u.", b"]K\x01K\x02s.", b")K\x01a.", b"K\x01(K\x02e.",
     b"X\xff\xff\xff\xffabc.",
     b"X\x02\0\0\0\xff\xff.", b"\x8a\xff.", b"U\xff.", b"c\xff\n\xff\n.", b"cos", b"cos\n",
     b"c" + b"a" * 10000 + b"\nb\n.",
     b"\x80\xff.", b"\x00.", b"\xff.", b"\x95" + b"\xff" * 8 + b".", b"\x8d" + b"\xff" * 8 + b".",
     b"\x8e" + b"\xff" * 8 + b".", b"\x96" + b"\xff" * 8 + b".", b"B\xff\xff\xff\xff.",
     b"\x8b\xff\xff\xff\x7f.",
     b"T\xff\xff\xff\xff.", b"I" + b"9" * 5000 + b"\n.", b"Iabc\n.", b"L" + b"9" * 5000 + b"L\n.",
     b"}K\x01\x93.",
     b"K\x01K\x02R.", b"](K\x01\x90.", b"(]\x91."],
)  # fmt: skip
def test_broken_pickles(data, mode):
    refused(data, mode)
    refused(P + data, mode)


@pytest.mark.parametrize("mode", MODES)
def test_depth(mode):
    many = 200_000
    for data in (b")" + b"\x85" * many, b"(" * many, b"(" * many + b"t" * many,
    b"})" + b"\x85" * many + b"Ns",
                 b"})" + b"q\x00h\x00\x86" * 60 + b"Ns",
                 b"N" + b"q\x00h\x00\x86" * many):  # fmt: skip
        assert seconds(lambda d=data: load(archive(P + d + b"."), mode)) < 10
    # A list in a list needs no tuples and no marks: it is read, and let go again.
    got = load(archive(P + b"]" * many + b"a" * (many - 1) + b"."), mode)
    assert type(got[0][0]) is list


@pytest.mark.parametrize("mode", MODES)
def test_work_is_in_proportion_to_the_file(mode):
    count = 20_000
    items = b"](" + b"".join(b"M" + struct.pack("<H", i) for i in range(count)) + b"eq\x00"
    again = {
        "set": name("builtins.set") + b"h\x00\x85R", "size": name("torch.Size") + b"h\x00\x85R",
        "ordered": name("collections.OrderedDict") + b"h\x02\x85R",
    }  # fmt: skip
    text = string("a" * count) + b"q\x01"
    pairs = b"](" + b"NN\x86" * count + b"eq\x02"
    again["encode"] = name("_codecs.encode") + b"h\x01" + string("latin1") + b"\x86R"
    for call in again.values():
        data = P + b"(" + items + text + pairs + call * 5000 + b"t."
        assert seconds(lambda d=data: load(archive(d), mode)) < 10
    # Integers with equal hashes would make a dict of n keys take n**2 steps.
    keys = b"".join(b"\x8a\x20" + (i * (2**61 - 1) << 64).to_bytes(32,
    "little") + b"N" for i in range(1, 9000))
    assert seconds(lambda: load(archive(P + b"}(" + keys + b"u."), mode)) < 5


def test_nothing_is_imported():
    before = set(sys.modules)
    for module in ("this", "antigravity", "turtle", "torch.nn.nothing", "xml.dom.minidom"):
        refused(P + name(f"{module}.x") + b".", False, "no module of that name is imported")
    assert not {"this", "antigravity", "turtle"} & (set(sys.modules) - before)


def test_looking_at_names_makes_nothing():
    RAN.clear()
    call = name("os.system") + string("true") + b"\x85R"
    data = archive(P + name(f"{HERE}.Trap") + b")R" + call + b"\x86.")
    found = ours.serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(data))
    assert found == [f"{HERE}.Trap", "os.system"] and not RAN
    theirs = real.serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(data))
    assert sorted(found) == sorted(theirs)
