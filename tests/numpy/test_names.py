"""Which names exist: the array API standard's all do, jax.numpy's but for a known list."""

import inspect
import pathlib
import sys

import numpy as np
import pytest

import functorch_lite.numpy as fnp
from functorch_lite.core.trace import state
from functorch_lite.numpy import convert

STANDARD = """e inf nan newaxis pi bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32
    float64 complex64 complex128 arange asarray empty empty_like eye from_dlpack
    full full_like linspace meshgrid ones ones_like tril triu zeros zeros_like
    astype broadcast_arrays broadcast_to can_cast finfo iinfo isdtype result_type
    abs acos acosh add asin asinh atan atan2 atanh bitwise_and bitwise_left_shift
    bitwise_invert bitwise_or bitwise_right_shift bitwise_xor ceil clip conj
    copysign cos cosh divide equal exp expm1 floor floor_divide greater
    greater_equal hypot imag isfinite isinf isnan less less_equal log log1p log2
    log10 logaddexp logical_and logical_not logical_or logical_xor maximum minimum
    multiply negative not_equal positive pow real remainder round sign signbit sin
    sinh square sqrt subtract tan tanh trunc take matmul matrix_transpose tensordot
    vecdot concat expand_dims flip moveaxis permute_dims repeat reshape roll squeeze
    stack tile unstack argmax argmin nonzero searchsorted where unique_all
    unique_counts unique_inverse unique_values argsort sort cumulative_sum max mean
    min prod std sum var all any __array_namespace_info__""".split()

# What jax.numpy has and this package does not, with the reason.
MISSING = {
    "dtypes of 8 bits and less": """int1 int2 int4 uint1 uint2 uint4 float4_e2m1fn float6_e2m3fn
        float6_e3m2fn float8_e3m4 float8_e4m3 float8_e4m3b11fnuz float8_e4m3fn float8_e4m3fnuz
        float8_e5m2 float8_e5m2fnuz float8_e8m0fnu""",
}


@pytest.mark.parametrize("name", STANDARD)
def test_the_array_api_standard_is_complete(name):
    assert hasattr(fnp, name)


def test_jax_names_are_there_or_listed_as_missing():
    jnp = pytest.importorskip("jax.numpy")
    theirs = {n for n in dir(jnp) if not n.startswith("_")}
    listed = set(" ".join(MISSING.values()).split())
    absent = {n for n in theirs if not hasattr(fnp, n)}
    assert absent - listed == set(), "neither there nor listed"
    assert listed & {n for n in theirs if hasattr(fnp, n) and n in fnp.__all__} == set(), (
        "listed, but there"
    )


def test_exports_exist_and_functions_are_documented():
    for name in fnp.__all__:
        value = getattr(fnp, name)
        if inspect.isfunction(value):
            assert value.__doc__ and len(value.__doc__.splitlines()[0]) < 100, name
            assert value.__module__ in sys.modules


def test_names_do_not_shadow_modules():
    assert callable(fnp.select) and callable(fnp.einsum) and callable(fnp.sort)


def test_constants():
    assert (fnp.pi, fnp.e, fnp.inf, fnp.newaxis) == (np.pi, np.e, np.inf, None) and np.isnan(
        fnp.nan
    )


def test_what_functions_allocate_lies_beside_their_operands():
    """On a GPU, an iota made on the CPU would meet an operand that lives elsewhere."""
    folder = pathlib.Path(fnp.__file__).parent
    for path in folder.glob("*.py"):
        if path.name in ("convert.py", "creation.py", "index_plan.py"):
            continue
        text = path.read_text(encoding="utf-8")
        assert "ops.iota(" not in text and "ops.full(" not in text, path.name


def test_allocation_beside_an_operand_names_its_device(monkeypatch):
    seen = []

    def recorder(**params):
        seen.append(state.device)
        return fnp.zeros(1)

    monkeypatch.setattr(convert, "devices_enabled", lambda: True)
    monkeypatch.setattr(convert, "gpu_among", lambda args: "cuda:1")
    convert._beside(fnp.ones(1), recorder, {})
    assert seen == ["cuda:1"] and state.device is None


def test_constants_move_beside_an_operand(monkeypatch):
    moved = []
    monkeypatch.setattr(convert, "devices_enabled", lambda: True)
    monkeypatch.setattr(convert, "gpu_among", lambda args: "cuda:1")
    monkeypatch.setattr(convert._device, "put", lambda x, place: moved.append(place) or x)
    assert fnp.take(fnp.arange(3), [2, 0]).tolist() == [2, 0] and "cuda:1" in moved
