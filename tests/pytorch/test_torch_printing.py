"""Printed tensors are PyTorch's to the character: values, shapes, dtypes and options."""

import itertools
import timeit

import ml_dtypes
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from functorch_lite.torch._object.print_options import (
    PRINT_OPTS,
    get_printoptions,
    printoptions,
    set_printoptions,
)
from functorch_lite.torch._object.printing import (
    close_text,
    contents_text,
    needs_dtype_suffix,
    tensor_text,
    value_suffixes,
)

FLOATS = ("float16", "bfloat16", "float32", "float64")
FLOAT8 = ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz")
COMPLEX = ("complex64", "complex128")
INTEGERS = ("uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64")
DTYPES = (*FLOATS, *FLOAT8, *COMPLEX, *INTEGERS, "bool")
NP_DTYPES = {name: np.dtype(getattr(ml_dtypes, name, None) or np.dtype(name)) for name in DTYPES}
SAME_SIZE = {1: np.uint8, 2: np.int16}

MAGNITUDES = (0.0, 1.0, 2.5, 0.1, 9.99995, 999.99995, 1000.0, 1001.0, 123456.0, 1e8, 100000008.0)
MAGNITUDES += (1e-4, 0.00011, 9.9e-5, 1e-7, 6e-8, 65504.0, 3e38, 1e-45, 9.99996e99, 1e-100)
MAGNITUDES += (5e-324, 1.7976931348623157e308, 2.0**53, float("inf"), float("nan"))
EDGES = st.sampled_from(MAGNITUDES + tuple(-value for value in MAGNITUDES))


@pytest.fixture(scope="module")
def real():
    return pytest.importorskip("torch")


@pytest.fixture(autouse=True)
def default_options():
    yield
    set_printoptions(profile="default")


def array(values, name):
    with np.errstate(all="ignore"):
        return np.asarray(values).astype(NP_DTYPES[name])


def tensor(real, values, name):
    """The same numbers in PyTorch, bit for bit; NumPy's extra dtypes go over as integers."""
    if NP_DTYPES[name].kind == "V" or name.startswith("float8"):
        bits = np.array(values, copy=True, order="C").view(SAME_SIZE[values.dtype.itemsize])
        return real.from_numpy(bits).view(getattr(real, name))
    return real.from_numpy(np.array(values, copy=True, order="C"))


def check(real, values, name, grad=False, default="float32"):
    suffixes = value_suffixes(values.shape, name, default)
    expected = tensor(real, values, name)
    if grad:
        expected.requires_grad_()
        suffixes.append("requires_grad=True")
    assert tensor_text(values, name, suffixes=suffixes) == repr(expected)


def scalars(name):
    """Numbers of a dtype: plain ones, those around the rules' limits, and any bits at all."""
    dtype = NP_DTYPES[name]
    bits = st.binary(min_size=dtype.itemsize, max_size=dtype.itemsize)
    raw = bits.map(lambda data: np.frombuffer(data, dtype)[0])
    if name == "bool":
        return st.booleans()
    if name in INTEGERS:
        bounds = np.iinfo(dtype)
        return st.integers(max(bounds.min, -20), 20) | st.integers(bounds.min, bounds.max)
    small = st.integers(-9999, 9999).map(lambda n: n / 100) | st.integers(-500, 500).map(float)
    reals = small | EDGES | st.floats(width=64)
    return st.builds(complex, reals, reals) | raw if name in COMPLEX else reals | raw


@st.composite
def arrays(draw):
    name = draw(st.sampled_from(DTYPES))
    pool = array(draw(st.lists(scalars(name), min_size=1, max_size=6)), name)
    shape = draw(st.lists(st.integers(0, 9), max_size=4).filter(lambda s: np.prod(s) <= 250))
    picks = np.random.default_rng(draw(st.integers(0, 99))).integers(len(pool), size=shape)
    values = np.asarray(pool[picks])
    return (values.T if draw(st.booleans()) else values), name


OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "precision": st.integers(0, 8),
        "threshold": st.sampled_from([0, 1, 5, 20, 100, float("inf")]),
        "edgeitems": st.integers(0, 4),
        "linewidth": st.integers(0, 120),
        "sci_mode": st.sampled_from([None, True, False]),
        "profile": st.sampled_from(["default", "short", "full"]),
    },
)


def check_example(real, case, options, grad):
    values, name = case
    with printoptions(**options), real._tensor_str.printoptions(**options):
        check(real, values, name, grad and name in FLOATS + COMPLEX)


@settings(max_examples=300)
@given(case=arrays(), options=OPTIONS, grad=st.booleans())
@example(case=(np.array([1e308, 5e-324]), "float64"), options={}, grad=False)
def test_text_is_pytorchs(real, case, options, grad):
    check_example(real, case, options, grad)


@pytest.mark.long
@settings(max_examples=8000)
@given(case=arrays(), options=OPTIONS, grad=st.booleans())
def test_text_is_pytorchs_in_many_more_cases(real, case, options, grad):
    check_example(real, case, options, grad)


@pytest.mark.parametrize("name", FLOATS)
def test_every_pair_of_magnitudes(real, name):
    signed = MAGNITUDES + tuple(-value for value in MAGNITUDES)
    for pair in itertools.combinations(signed, 2):
        check(real, array(pair, name), name)
    for value in signed:
        check(real, array(value, name), name)


@pytest.mark.parametrize("name", FLOAT8)
def test_every_value_of_eight_bits(real, name):
    values = np.arange(256, dtype=np.uint8).view(NP_DTYPES[name])
    check(real, values, name)
    for start in range(0, 256, 8):
        check(real, values[start : start + 8], name)


@pytest.mark.parametrize("limit", [1e-4, 1e8, 1000.0])
@pytest.mark.parametrize("name", FLOATS)
def test_scientific_notation_begins_at_pytorchs_limits(real, name, limit):
    around = array([limit], name)
    bits = around.view(SAME_SIZE.get(around.itemsize, f"i{around.itemsize}"))
    for step in range(-2, 3):
        near = (bits + np.array(step, bits.dtype)).view(around.dtype)
        check(real, near, name)
        check(real, np.concatenate([near, array([1.0], name)]), name)
        check(real, np.concatenate([near, array([0.5, 0.0], name)]), name)


@pytest.mark.parametrize("name", ["float32", "complex64", "int64", "bool", "bfloat16"])
@pytest.mark.parametrize(
    "shape", [(1001,), (40, 30), (7, 6, 40), (6, 7, 40), (2, 3, 4, 50), (1, 1, 1, 1, 1200)]
)
def test_summaries(real, rng, name, shape):
    values = array(rng.normal(size=shape) * 100, name)
    check(real, values, name)
    check(real, values.T, name)
    for edgeitems in (0, 1, 20):
        with printoptions(edgeitems=edgeitems), real._tensor_str.printoptions(edgeitems=edgeitems):
            check(real, values, name)


def test_a_tensor_as_large_as_the_threshold_is_shown_whole(real):
    check(real, np.arange(1000), "int64")
    for threshold in (5, 6, 7):
        with printoptions(threshold=threshold), real._tensor_str.printoptions(threshold=threshold):
            check(real, np.arange(7), "int64")


def test_exponents_of_three_digits_widen_the_column(real):
    for values in ([1.0, -1e-100, -1.0], [1e-100, 1.0, 2.0], [9.99996e99, 1.0], [-1e200, 1e-5]):
        check(real, np.array(values), "float64")


def test_a_summary_reads_the_corners_only(real):
    huge = np.broadcast_to(np.float32(1.5), (10**6, 10**6, 10**6))
    assert tensor_text(huge, "float32") == repr(real.tensor(1.5).expand(huge.shape))


def test_a_negative_number_of_edge_items(real):
    options = {"threshold": 2, "edgeitems": -1}
    with printoptions(**options), real._tensor_str.printoptions(**options):
        for size in (3, 5):
            check(real, np.arange(size), "int64")
        with pytest.raises(RuntimeError) as theirs:
            real._tensor_str._tensor_str(real.ones(2, 2), 0)
        with pytest.raises(RuntimeError) as ours:
            tensor_text(np.ones((2, 2)), "float64")
    assert str(ours.value) == str(theirs.value)


@pytest.mark.parametrize(
    "options", [{"precision": -1}, {"precision": 2.5}, {"linewidth": float("inf")}]
)
def test_impossible_options_fail_as_in_pytorch(real, options):
    values = np.array([0.5, 1.25])
    with printoptions(**options), real._tensor_str.printoptions(**options):
        with pytest.raises((ValueError, OverflowError)) as theirs:
            # repr() would leave a guard of PyTorch's open.
            real._tensor_str._tensor_str(real.from_numpy(values), 0)
        with pytest.raises(theirs.type) as ours:
            tensor_text(values, "float64")
    assert str(ours.value) == str(theirs.value)


@pytest.mark.parametrize("default", FLOATS)
def test_where_the_dtype_is_printed(real, default):
    before = real.get_default_dtype()
    real.set_default_dtype(getattr(real, default))
    try:
        for name in DTYPES:
            for shape in [(), (1,), (0,), (0, 3), (2, 0), (2, 1)]:
                check(real, np.ones(shape, NP_DTYPES[name]), name, default=default)
    finally:
        real.set_default_dtype(before)


def test_the_first_suffix_breaks_the_line_where_pytorchs_does(real):
    for digits in range(1, 19):
        for count in range(1, 9):
            values = np.full(count, 10**digits // 9)
            check(real, values, "int64")
            check(real, values[None], "int64")
            check(real, values.astype(np.float64), "float64", grad=True)
            check(real, np.stack([values, values]).astype(np.uint64), "uint64")


@settings(max_examples=200)
@given(
    lines=st.lists(st.integers(0, 90), min_size=1, max_size=3),
    lengths=st.lists(st.integers(1, 60), max_size=5),
    column=st.integers(0, 20),
)
def test_suffixes_fill_the_lines_as_pytorchs_do(real, lines, lengths, column):
    text = "\n".join("x" * length for length in lines)
    suffixes = ["y" * length for length in lengths]
    expected = real._tensor_str._add_suffixes(text, suffixes, column, False)
    assert close_text(text, suffixes, column) == expected


def test_a_text_that_begins_further_right_breaks_earlier():
    text, suffix = "tensor([1]", "dtype=torch.int32"
    fits = 80 - len(text) - len(suffix) - 4
    assert close_text(text, [suffix], 7, fits) == f"{text}, {suffix})"
    assert close_text(text, [suffix], 7, fits + 1) == f"{text},\n       {suffix})"
    below = f"x\n{text}"
    assert close_text(below, [suffix], 7, fits + 1) == f"{below}, {suffix})"


def test_gradient_functions_come_last(real):
    made = real.ones(3, 3, dtype=real.float64, requires_grad=True) + 1
    suffixes = ["dtype=torch.float64", "grad_fn=<AddBackward0>"]
    values = made.detach().numpy()
    assert tensor_text(values, "torch.float64", suffixes=suffixes) == repr(made)


def test_the_prefix_sets_the_indentation(real):
    class Wide(real.Tensor):
        pass

    values = np.arange(60.0).reshape(2, 30)
    expected = repr(real.from_numpy(values).as_subclass(Wide))
    suffixes = ["dtype=torch.float64"]
    assert tensor_text(values, "float64", prefix="Wide(", suffixes=suffixes) == expected


def test_the_column_of_the_contents(real):
    values = np.arange(90).reshape(3, 30)
    for column in (0, 7, 30, 200):
        expected = real._tensor_str._tensor_str(real.from_numpy(values), column)
        assert contents_text(values, "int64", column) == expected
        shifted = tensor_text(values, "int64", prefix="", indent=column)
        assert shifted == expected + ")"


def test_options_are_set_as_in_pytorch(real):
    calls = [{"precision": 2, "sci_mode": True}, {"threshold": 5}, {"edgeitems": 1}]
    calls += [{"profile": "short"}, {"linewidth": 100}, {"profile": "full", "precision": 7}]
    calls += [{"profile": "unheard of"}, {"profile": "default"}]
    try:
        for call in calls:
            set_printoptions(**call)
            real.set_printoptions(**call)
            assert get_printoptions() == real._tensor_str.get_printoptions()
        set_printoptions(3, 4, 5, 6, None, False)
        real.set_printoptions(3, 4, 5, 6, None, False)
        assert get_printoptions() == real._tensor_str.get_printoptions()
    finally:
        real.set_printoptions(profile="default")


def test_options_come_back_after_a_block():
    before = get_printoptions()
    with pytest.raises(ZeroDivisionError), printoptions(precision=9, sci_mode=True):
        assert PRINT_OPTS.precision == 9
        raise ZeroDivisionError
    with pytest.raises(TypeError, match="unexpected keyword argument 'digits'"):
        with printoptions(digits=9):
            pass
    assert get_printoptions() == before


def test_assigned_options_count(monkeypatch):
    monkeypatch.setattr(PRINT_OPTS, "precision", 1)
    assert tensor_text(np.array([0.25, -3]), "float32") == "tensor([ 0.2, -3.0])"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (1.0, "tensor(1.)"),
        (-0.0, "tensor(-0.)"),
        ([0.0, np.nan, -np.inf], "tensor([0., nan, -inf])"),
        ([1.0, np.nan, -np.inf], "tensor([1., nan, -inf])"),
        ([0.1, 1000.0], "tensor([1.0000e-01, 1.0000e+03])"),
        ([[1.5, 2], [-3, 4]], "tensor([[ 1.5000,  2.0000],\n        [-3.0000,  4.0000]])"),
        (np.zeros((2, 1, 1)), "tensor([[[0.]],\n\n        [[0.]]])"),
        (np.zeros((0, 3)), "tensor([])"),
        (np.arange(1001.0), "tensor([   0.,    1.,    2.,  ...,  998.,  999., 1000.])"),
        (np.arange(1e5), ("tensor([0.0000e+00, 1.0000e+00, 2.0000e+00,  ..., "
                         "9.9997e+04, 9.9998e+04,\n        9.9999e+04])")),
    ],
)  # fmt: skip
def test_texts_known_beforehand(values, expected):
    assert tensor_text(np.array(values, np.float32), "float32") == expected


def test_pieces_known_beforehand():
    assert close_text("tensor([", ["a" * 67, "b"], 7) == "tensor([, " + "a" * 67 + ",\n       b)"
    assert needs_dtype_suffix("float32", "torch.float64", 1)
    assert not needs_dtype_suffix("torch.complex128", "float64", 1)
    assert value_suffixes((), "float32", "float32") == []
    with pytest.raises(KeyError, match="float31"):
        tensor_text(np.zeros(1), "float31")


@pytest.mark.long
@pytest.mark.parametrize("shape", [(), (3,), (4, 4), (30, 30), (1000, 1000)])
def test_printing_is_no_slower_than_pytorchs(real, rng, shape):
    values = np.asarray(rng.normal(size=shape))
    theirs = real.from_numpy(values)
    suffixes = ["dtype=torch.float64"]
    ours = timeit.repeat(
        lambda: tensor_text(values, "float64", suffixes=suffixes), number=20, repeat=5
    )
    assert min(ours) <= min(timeit.repeat(lambda: repr(theirs), number=20, repeat=5))
