"""dtypes, their limits, the default dtype and promotion, each beside real PyTorch."""

import copy
import itertools
import pickle
import subprocess
import sys
import threading
from enum import IntEnum
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest

import functorch_lite.torch as shim
from functorch_lite.torch._core import dtypes, promotion
from functorch_lite.torch._core.dtypes import dtype as DType

real = pytest.importorskip("torch")

NAMES = tuple(dtypes.BY_NAME)
ALIASES = ("short", "int", "long", "half", "float", "double", "chalf", "cfloat", "cdouble")
DEFAULTS = ("float16", "bfloat16", "float32", "float64")
NUMBERS = (True, 3, 2.5, 1j)


class Operand:
    """What promotion reads of a tensor."""

    def __init__(self, name, ndim):
        self.dtype = dtypes.BY_NAME[name]
        self.ndim = ndim


def ours(name, ndim):
    return Operand(name, ndim)


def theirs(name, ndim):
    # Meta tensors: no value is made, so every dtype may be asked.
    return real.empty((2,) * ndim, dtype=getattr(real, name), device="meta")


def outcome(call, *args, **kwargs):
    """The text of a dtype, or the type and text of an error."""
    try:
        return str(call(*args, **kwargs))
    except Exception as error:
        return type(error), str(error)


@pytest.fixture(autouse=True)
def default_restored():
    yield
    real.set_default_dtype(real.float32)
    dtypes.set_default_dtype(dtypes.float32)


@pytest.fixture(params=DEFAULTS)
def default(request):
    real.set_default_dtype(getattr(real, request.param))
    dtypes.set_default_dtype(dtypes.BY_NAME[request.param])
    return request.param


# ------------------------------------------------------------------------------------------ dtypes
@pytest.mark.parametrize("name", NAMES + ALIASES)
def test_attributes(name):
    mine, model = getattr(dtypes, name), getattr(real, name)
    assert repr(mine) == str(mine) == f"{mine}" == repr(model)
    for attribute in ("is_floating_point", "is_complex", "is_signed", "itemsize", "abbr"):
        assert getattr(mine, attribute) == getattr(model, attribute), attribute
        assert type(getattr(mine, attribute)) is type(getattr(model, attribute)), attribute
    for method in ("to_real", "to_complex"):
        assert outcome(getattr(mine, method)) == outcome(getattr(model, method))
    assert mine.np.itemsize == mine.itemsize
    assert mine.kind == (
        3 if model.is_complex else 2 if model.is_floating_point else int(model is not real.bool)
    )


@pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental")
@pytest.mark.parametrize("name", NAMES)
def test_scalar_name(name):
    typed = real.empty((0,), dtype=getattr(real, name)).type()
    assert typed == f"torch.{dtypes.BY_NAME[name].scalar_name}Tensor"


def test_typed_names():
    legacy = {n for n in vars(real) if n.endswith("Tensor") and n != "Tensor"}
    assert set(dtypes.TYPED_NAMES) == legacy
    for name, mine in dtypes.TYPED_NAMES.items():
        assert str(mine) == str(getattr(real, name).dtype)


def test_class():
    assert (DType.__module__, DType.__name__, DType.__qualname__) == ("torch", "dtype", "dtype")
    for call in (
        lambda cls, one: cls(),
        lambda cls, one: cls("float32"),
        lambda cls, one: type("Sub", (cls,), {}),
        lambda cls, one: setattr(one, "x", 1),
        lambda cls, one: setattr(one, "itemsize", 1),
        lambda cls, one: one.foo,
    ):
        assert outcome(call, DType, dtypes.float32) == outcome(call, real.dtype, real.float32)
    with pytest.raises(AttributeError):
        del dtypes.float32.itemsize
    assert not hasattr(dtypes.float32, "name")
    assert hash(dtypes.float32) == object.__hash__(dtypes.float32)
    assert dtypes.float32 != "float32" and dtypes.float32 != np.float32


@pytest.mark.parametrize("name", NAMES)
def test_copies_are_the_same_object(name):
    mine = dtypes.BY_NAME[name]
    assert copy.copy(mine) is mine and copy.deepcopy([mine])[0] is mine
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(mine, protocol)) is mine


def test_pickle_reads_where_torch_is_absent():
    text = pickle.dumps(dtypes.bfloat16)
    code = (
        f"import pickle, sys; x = pickle.loads({text!r}); assert 'torch' not in sys.modules; "
        "print(x)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "torch.bfloat16\n"


# ---------------------------------------------------------------------------------------- from_np
@pytest.mark.parametrize("code", "? b B h H i I l L q e f d F D".split())
def test_from_np(code):
    given = np.dtype(code)
    mine = dtypes.from_np(given)
    assert str(mine) == str(real.from_numpy(np.zeros(1, given)).dtype)
    assert dtypes.FROM_NP[given] is mine and mine.np == given


@pytest.mark.parametrize("kind", ["bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_from_np_of_ml_dtypes(kind):
    mine = dtypes.from_np(np.dtype(getattr(ml_dtypes, kind)))
    assert mine is dtypes.BY_NAME[kind]


@pytest.mark.parametrize(
    "code", ["U3", "S2", "O", "M8[D]", "m8", "i4,f4", "g", "G", ">f4", ">i8", "V4"]
)
def test_from_np_refuses(code):
    assert outcome(dtypes.from_np, np.dtype(code)) == outcome(
        lambda: real.from_numpy(np.zeros(1, code)).dtype
    )


def test_complex32_is_never_taken_from_numpy():
    with pytest.raises(TypeError, match="numpy.void"):
        dtypes.from_np(dtypes.complex32.np)
    with pytest.raises(TypeError):
        np.zeros(2, dtypes.complex32.np) + 1


# ------------------------------------------------------------------------------- the default dtype
@pytest.mark.parametrize("name", NAMES)
def test_set_default_dtype(name):
    mine = outcome(dtypes.set_default_dtype, dtypes.BY_NAME[name])
    assert mine == outcome(real.set_default_dtype, getattr(real, name))
    assert str(dtypes.get_default_dtype()) == str(real.get_default_dtype())
    complex_ = outcome(dtypes.get_default_complex_dtype)
    assert complex_ == outcome(lambda: real.tensor(1j, device="meta").dtype)


@pytest.mark.parametrize("wrong", ["float32", None, float, np.float32, np.dtype("f4")])
def test_set_default_dtype_refuses(wrong):
    assert outcome(dtypes.set_default_dtype, wrong) == outcome(real.set_default_dtype, wrong)
    assert dtypes.default.dtype is dtypes.float32


def test_memo_of_scalars_outlives_no_default():
    assert promotion.with_scalar(dtypes.int64, 1, float) is dtypes.float32
    dtypes.set_default_dtype(dtypes.float64)
    assert promotion.with_scalar(dtypes.int64, 1, float) is dtypes.float64
    stale = dtypes.default.scalars
    thread = threading.Thread(target=dtypes.set_default_dtype, args=(dtypes.bfloat16,))
    thread.start()
    thread.join()
    stale[dtypes.int64, float] = dtypes.float64
    assert promotion.with_scalar(dtypes.int64, 1, float) is dtypes.bfloat16


# ------------------------------------------------------------------------------------------ limits
def test_finfo():
    fields = [name for name in dir(real.finfo) if name[0] != "_"]
    for name in NAMES:
        mine = outcome(dtypes.finfo, dtypes.BY_NAME[name])
        assert mine == outcome(real.finfo, getattr(real, name))
        if isinstance(mine, str):
            one, model = dtypes.finfo(dtypes.BY_NAME[name]), real.finfo(getattr(real, name))
            assert repr(one) == repr(model)
            for field in fields:
                assert getattr(one, field) == getattr(model, field), (name, field)
                assert type(getattr(one, field)) is type(getattr(model, field)), (name, field)


def test_iinfo():
    fields = [name for name in dir(real.iinfo) if name[0] != "_"]
    for name in NAMES:
        mine = outcome(dtypes.iinfo, dtypes.BY_NAME[name])
        assert mine == outcome(real.iinfo, getattr(real, name))
        if isinstance(mine, str):
            one, model = dtypes.iinfo(dtypes.BY_NAME[name]), real.iinfo(getattr(real, name))
            for field in fields:
                assert getattr(one, field) == getattr(model, field), (name, field)
                assert type(getattr(one, field)) is type(getattr(model, field)), (name, field)


def test_finfo_of_the_default(default):
    assert repr(dtypes.finfo()) == repr(real.finfo())


@pytest.mark.parametrize("kind", ["finfo", "iinfo"])
@pytest.mark.parametrize(
    "args",
    [("x",), (1,), (None,), (str,), (np.float32,), (float,), (int,), (bool,)],
)
def test_limits_of_other_objects(kind, args):
    assert outcome(getattr(dtypes, kind), *args) == outcome(getattr(real, kind), *args)


def test_limits_as_objects():
    for lib in (dtypes, real):
        one, other = lib.finfo(type=lib.float32), lib.finfo(lib.float16)
        assert one == lib.finfo(lib.complex64) and one != other and one != 1
        assert one != lib.iinfo(lib.int32) and lib.iinfo(lib.int8) != lib.iinfo(lib.int16)
    for call in (
        lambda lib: lib.iinfo(),
        lambda lib: setattr(lib.finfo(), "max", 1),
        lambda lib: setattr(lib.iinfo(lib.int8), "x", 1),
        lambda lib: lib.finfo().foo,
        lambda lib: copy.copy(lib.finfo()),
        lambda lib: pickle.dumps(lib.iinfo(lib.int8)),
        lambda lib: type("Sub", (lib.iinfo,), {}),
    ):
        assert outcome(call, dtypes) == outcome(call, real)
    with pytest.raises(TypeError, match="unhashable"):
        hash(dtypes.finfo())


# --------------------------------------------------------------------------------------- promotion
def test_promote_types_and_can_cast():
    for a, b in itertools.product(NAMES, repeat=2):
        mine, model = (dtypes.BY_NAME[a], dtypes.BY_NAME[b]), (getattr(real, a), getattr(real, b))
        for function in ("promote_types", "can_cast"):
            # Twice: the second answer comes from the table.
            for _ in range(2):
                assert outcome(getattr(promotion, function), *mine) == outcome(
                    getattr(real, function), *model
                ), (function, a, b)


@pytest.mark.parametrize("function", ["promote_types", "can_cast"])
@pytest.mark.parametrize(
    "given", [1, None, "float32", [1], str, np.float32, float, int, bool, complex]
)
def test_promotion_of_other_objects(function, given):
    mine, model = getattr(promotion, function), getattr(real, function)
    assert outcome(mine, given, dtypes.int8) == outcome(model, given, real.int8)
    assert outcome(mine, dtypes.int8, given) == outcome(model, real.int8, given)


def test_pairs_of_tensors():
    for a, b in itertools.product(NAMES, repeat=2):
        for m, n in itertools.product((0, 1, 2), repeat=2):
            expected = outcome(real.result_type, theirs(a, m), theirs(b, n))
            x, y = ours(a, m), ours(b, n)
            found = outcome(promotion.pair_dtype, x.dtype, m, y.dtype, n)
            assert found == expected, (a, m, b, n)
            assert outcome(promotion.result_type, (x, y)) == expected, (a, m, b, n)


def test_tensors_with_numbers(default):
    big = (2**63, 2**64, -(2**63) - 1, np.float64(1), np.float32(1), np.int8(1), np.bool_(True))
    for name, ndim, number in itertools.product(NAMES, (0, 1), NUMBERS + big):
        expected = outcome(real.result_type, theirs(name, ndim), number)
        mine = ours(name, ndim)
        assert outcome(promotion.result_type, (mine, number)) == expected, (name, ndim, number)
        assert outcome(real.result_type, number, theirs(name, ndim)) == expected
        assert outcome(promotion.result_type, (number, mine)) == expected
        if not (type(number) is int and number in big):
            for _ in range(2):
                found = outcome(promotion.with_scalar, mine.dtype, ndim, type(number))
                assert found == expected, (name, ndim, number)


def test_pairs_of_numbers(default):
    for a, b in itertools.product((*NUMBERS, 2**63, 2**70, -(2**70)), repeat=2):
        # C++ leaves open which of two arguments is converted, and complained about, first.
        if abs(a) == abs(b) == 2**70:
            continue
        assert outcome(promotion.result_type, (a, b)) == outcome(real.result_type, a, b), (a, b)


@pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental")
def test_three_tensors():
    # addcmul promotes its three operands as one. Not on meta tensors: those take another way there.
    some = ("bool", "uint8", "int8", "int64", "float16", "bfloat16", "float32", "float64")
    some += ("complex64", "complex128")
    tensors = {
        (name, ndim): real.ones((1,) * ndim, dtype=getattr(real, name))
        for name in some
        for ndim in (0, 1)
    }
    for picked in itertools.product(some, repeat=3):
        for ndims in itertools.product((0, 1), repeat=3):
            models = [tensors[key] for key in zip(picked, ndims, strict=True)]
            try:
                expected = str(real.addcmul(*models).dtype)
            except NotImplementedError:
                # Three bools: promotion is done, but there is no kernel.
                assert set(picked) == {"bool"}
                continue
            found = str(promotion.result_type(map(ours, picked, ndims)))
            assert found == expected, (picked, ndims)


def test_common_dtype_ranks(default):
    # Real PyTorch meets all three ranks at once where a tensor operation takes a 0-d tensor and a
    # number: result_type of the pair of lower ranks shows what they agree on among themselves.
    some = ("bool", "int8", "int64", "float16", "float32", "float64", "complex64")
    for dims, zero, number in itertools.product(some, some, NUMBERS):
        scalar = promotion.number_dtype(type(number))
        lower = real.result_type(theirs(zero, 0), number)
        expected = real.result_type(theirs(dims, 1), real.empty((), dtype=lower, device="meta"))
        found = promotion.common_dtype(dtypes.BY_NAME[dims], dtypes.BY_NAME[zero], scalar)
        assert str(found) == str(expected), (dims, zero, number)
        operands = [number, ours(zero, 0), ours(dims, 2)]
        assert promotion.result_type(operands) is found
    only = dtypes.int8
    assert promotion.common_dtype(only, None, None) is only
    assert promotion.common_dtype(None, only, None) is only
    assert promotion.common_dtype(None, None, only) is only
    with pytest.raises(ValueError):
        promotion.common_dtype(None, None, None)


def test_kinds_of_numbers():
    class Level(IntEnum):
        ONE = 1

    assert promotion.with_scalar(dtypes.int8, 1, Level) is dtypes.int8
    assert promotion.number_dtype(np.complex128) is dtypes.complex64
    for operands in (("a", 1), (None, 1), (Fraction(1, 2), 1), ([1], 2), ()):
        with pytest.raises(TypeError, match="result_type.. received an invalid combination"):
            promotion.result_type(operands)
    with pytest.raises(TypeError):
        promotion.with_scalar(dtypes.int8, 1, str)


@pytest.mark.parametrize("type_", [bool, int, float, complex])
@pytest.mark.parametrize(
    "f",
    [
        lambda t, d: t.zeros(2, dtype=d), lambda t, d: t.tensor([1], dtype=d),
        lambda t, d: t.full_like(t.ones(2), 1, dtype=d), lambda t, d: t.ones(2).to(d),
        lambda t, d: t.ones(2).to(dtype=d), lambda t, d: t.ones(2).sum(dtype=d),
        lambda t, d: t.ones(2).new_zeros(2, dtype=d), lambda t, d: t.ones(4).view(d),
    ],
)  # fmt: skip
def test_python_types_stand_for_dtypes(f, type_):
    assert str(f(shim, type_).dtype) == str(f(real, type_).dtype)
