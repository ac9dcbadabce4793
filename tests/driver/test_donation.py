"""Donated operands: right values always, memory taken only where nobody else can see it."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors
from functorch_lite.errors import DonatedError

SMALL, LARGE = 100, 40_000  # the memory of large results comes from a pool
SIZES = pytest.mark.parametrize("n", [SMALL, LARGE])

renew = fl.jit(lambda x: x + 0)


def counting(n):
    return fnp.asarray(np.arange(n, dtype=np.float32))


def address(x):
    return np.asarray(x).__array_interface__["data"][0]


def is_gone(x):
    try:
        _ = x.shape
    except DonatedError:
        return True
    return False


# ------------------------------------------------------------------------------- what is taken
@SIZES
def test_a_result_takes_the_memory_and_the_operand_is_gone(n):
    step = fl.jit(lambda x: x * 2 + 1, donate_argnums=0)
    x = counting(n)
    where = address(x)
    y = step(x)
    assert address(y) == where
    assert np.array_equal(y, np.arange(n, dtype=np.float32) * 2 + 1)
    assert is_gone(x)


@SIZES
def test_the_result_of_a_program_is_taken_too(n):
    step = fl.jit(lambda x: x + 1, donate_argnums=0)
    x = renew(counting(n))
    where = address(x)
    for i in range(4):
        x, old = step(x), x
        assert is_gone(old)
        assert address(x) == where
        assert np.array_equal(x, np.arange(n, dtype=np.float32) + (i + 1))


def test_leaves_of_a_tree_are_taken_and_other_arguments_are_not():
    step = fl.jit(lambda p, g: {k: p[k] - 0.5 * g[k] for k in p}, donate_argnums=0)
    params = {"w": counting(12).reshape(3, 4) + 0, "b": counting(3)}
    grads = {"w": fnp.ones((3, 4)), "b": fnp.ones(3)}
    new = step(params, grads)
    assert is_gone(params["w"]) and is_gone(params["b"])
    assert np.array_equal(new["w"], np.arange(12.0).reshape(3, 4) - 0.5)
    assert np.array_equal(new["b"], np.arange(3.0) - 0.5)
    assert np.array_equal(grads["w"], np.ones((3, 4)))


@pytest.mark.parametrize(
    ("options", "f", "place"),
    [
        ({"donate_argnums": 1, "static_argnums": 0}, lambda n, x: x + n, 1),
        ({"donate_argnums": 0, "static_argnums": 1}, lambda x, n: x + n, 0),
        ({"donate_argnums": -1, "static_argnames": "n"}, lambda n, x: x + n, 1),
        ({"donate_argnums": (1,)}, lambda n, x: x + 2.0, 1),
    ],
)
def test_positions_count_arguments_not_leaves(options, f, place):
    x = counting(SMALL)
    args = [2, 2]
    args[place] = x
    assert np.array_equal(fl.jit(f, **options)(*args), np.arange(SMALL) + 2)
    assert is_gone(x)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"donate_argnums": 2}, "donate_argnums has 2, but .* takes 2 positional arguments"),
        ({"donate_argnums": (0, -3)}, "donate_argnums has -3"),
        ({"donate_argnums": -1, "static_argnames": "n"}, "argument 1 .* static and donated"),
        ({"donate_argnums": 0, "static_argnums": -2}, "argument 0 .* static and donated"),
    ],
)
def test_positions_that_cannot_be_donated(options, said):
    def f(x, n):
        return x + n

    with pytest.raises(errors.TransformError, match=said):
        fl.jit(f, **options)


def test_none_and_empty_arguments_shift_nothing():
    step = fl.jit(lambda a, b, x: x + 1, donate_argnums=2)
    x = counting(SMALL)
    assert np.array_equal(step(None, ((), {}), x), np.arange(SMALL) + 1)
    assert is_gone(x)


def test_an_update_in_place():
    put = fl.jit(lambda x, i: x.at[i].set(7.0), donate_argnums=0)
    x = counting(LARGE)
    where = address(x)
    for i in (3, 4):
        x = put(x, i)
    assert address(x) == where
    assert np.array_equal(x[2:6], [2, 7, 7, 5])


# --------------------------------------------------------------------------- what must be left
HOLDERS = {
    "a NumPy array": np.asarray,
    "a NumPy view": lambda x: np.asarray(x)[3:],
    "a memoryview": lambda x: memoryview(np.asarray(x)),
    "a DLPack consumer": np.from_dlpack,
    "a DLPack capsule": lambda x: x.__dlpack__(),
    "a slice": lambda x: x[1:],
    "another shape": lambda x: x.reshape(2, -1),
    "a flipped view": lambda x: x[::-1],
    "an object array": lambda x: [np.asarray(x)],
}


@pytest.mark.parametrize("holder", HOLDERS)
@SIZES
def test_whoever_shares_memory_keeps_its_values(holder, n):
    x = renew(counting(n))
    held = HOLDERS[holder](x)
    y = fl.jit(lambda x: x + 1, donate_argnums=0)(x)
    assert np.array_equal(y, np.arange(n) + 1)
    if holder == "a DLPack capsule":
        capsule, held = held, np.from_dlpack(_Capsule(held))
        assert held[0] == 0 and capsule is not None
    elif isinstance(held, memoryview):
        assert held[5] == 5
    else:
        values = np.sort(np.asarray(held).ravel())
        assert np.array_equal(values, np.arange(n)[n - values.size :])


class _Capsule:
    def __init__(self, capsule):
        self.capsule = capsule

    def __dlpack__(self, **_):
        return self.capsule

    def __dlpack_device__(self):
        return 1, 0


@pytest.mark.parametrize("made", [renew, lambda x: fnp.asarray(np.array(x))])
@SIZES
def test_a_donated_view_leaves_its_owner(made, n):
    owner = made(counting(n))
    for view in (owner.reshape(2, -1), owner[: n // 2], owner[n // 2 :]):
        fl.jit(lambda x: x * 0, donate_argnums=0)(view)
        assert np.array_equal(owner, np.arange(n))


@SIZES
def test_an_array_at_two_places_is_read_after_it_is_written(n):
    numbers = np.arange(n, dtype=np.float32) / n
    x = fnp.asarray(numbers)
    a, b = fl.jit(lambda x, y: (x * 3, fnp.dot(y, y)), donate_argnums=0)(x, x)
    assert np.array_equal(a, numbers * 3)
    assert np.allclose(b, numbers @ numbers, rtol=1e-4)
    x = fnp.asarray(numbers)
    a, b = fl.jit(lambda x, y: (x + 1, fnp.cumsum(y[::-1])), donate_argnums=(0, 1))(x, x)
    assert np.array_equal(a, numbers + 1)
    assert np.allclose(b, np.cumsum(numbers[::-1]), rtol=1e-4)


@SIZES
def test_tied_leaves(n):
    x = counting(n)
    step = fl.jit(lambda p: {"a": p["a"] * 2, "b": fnp.cumsum(p["b"][::-1])}, donate_argnums=0)
    new = step({"a": x, "b": x})
    assert np.array_equal(new["a"], np.arange(n) * 2)
    assert np.allclose(new["b"], np.cumsum(np.arange(n)[::-1]), rtol=1e-4)


@SIZES
def test_a_constant_of_a_program_can_be_given(n):
    constant = counting(n)
    other = fl.jit(lambda x: x + constant)
    step = fl.jit(lambda x: x * 2 + constant, donate_argnums=0)
    other(fnp.zeros(n))
    for _ in range(2):
        step(fnp.zeros(n))
    step(constant)
    assert np.array_equal(other(fnp.zeros(n)), np.arange(n))
    assert np.array_equal(step(fnp.zeros(n)), np.arange(n))


def test_numpy_arrays_and_numbers_stay_as_they_are():
    step = fl.jit(lambda x: x + 1, donate_argnums=0)
    x = np.arange(5, dtype=np.float32)
    assert np.array_equal(step(x), x + 1)
    assert np.array_equal(x, np.arange(5))
    assert float(step(2.0)) == 3.0


def test_read_only_and_strided_memory_is_left():
    step = fl.jit(lambda x, y: x + y[::-1], donate_argnums=0)
    numbers = np.arange(20, dtype=np.float32)
    y = fnp.asarray(numbers[::2])
    x = fnp.asarray(numbers)[::2]
    assert np.array_equal(step(x, y), numbers[::2] + numbers[::2][::-1])
    assert np.array_equal(x, numbers[::2])


def test_inside_transforms_nothing_is_taken():
    step = fl.jit(lambda x: x * x, donate_argnums=0)
    x = counting(5)
    assert np.array_equal(fl.grad(lambda x: step(x).sum())(x), np.arange(5) * 2)
    assert np.array_equal(fl.vmap(step)(x), np.arange(5) ** 2)
    assert np.array_equal(fl.jit(lambda x: step(x) + x)(x), np.arange(5) ** 2 + np.arange(5))
    with fl.disable_jit():
        step(x)
    fl.jit(lambda x: x + 1, donate_argnums=0, backend="interpret")(x)
    step.lower(x)
    step.profile(x)
    assert np.array_equal(x, np.arange(5))


def test_debug_nans_reports_and_does_not_spoil():
    log = fl.jit(fnp.log, donate_argnums=0)
    x = counting(SMALL) - 1
    with fl.debug_nans(), pytest.raises(fl.errors.NanError):
        log(x)
    assert is_gone(x) or np.array_equal(x, np.arange(SMALL) - 1)


def test_a_program_that_fails_leaves_no_spoilt_array():
    def refuse(v):
        raise ValueError("no")

    def f(x):
        y = fl.pure_callback(refuse, fl.ShapeDtypeStruct((SMALL,), "float32"), x * 3)
        return x + 1, y

    x = counting(SMALL)
    with pytest.raises(ValueError, match="no"):
        fl.jit(f, donate_argnums=0)(x)
    assert is_gone(x) or np.array_equal(x, np.arange(SMALL))


# ---------------------------------------------------------------------------- values are right
PROGRAMS = {
    "product": lambda x, y: (x @ y, x + 1),
    "cumsum": lambda x, y: (fnp.cumsum(x, 0), y.T + x),
    "update": lambda x, y: (x.at[0].set(3.0), x.sum()),
    "sort": lambda x, y: (fnp.sort(x, 0), x * 2),
    "transposes": lambda x, y: (x.T, y * x),
    "transpose sum": lambda x, y: x.T * 2 + x,
    "reductions": lambda x, y: (x - x.mean(0), x / fnp.abs(x).sum(1, keepdims=True)),
    "swap": lambda x, y: (y, x),
    "loop": lambda x, y: fl.lax.fori_loop(0, 5, lambda i, c: (c[1] + c[0] * 0.1, c[0]), (x, y)),
    "flips": lambda x, y: (fnp.where(x > y, x[::-1], y), x[::-1]),
    "scan": lambda x, y: fl.lax.scan(lambda c, r: (c + r, c * r), x[0], x),
    "roll": lambda x, y: fnp.roll(x, 1, 0) + x,
    "gather": lambda x, y: x[fnp.asarray([2, 1, 0])],
    "cond": lambda x, y: fl.lax.cond(
        x[0, 0] > y[0, 0], lambda a, b: (a + b, a), lambda a, b: (b, a * b.T), x, y
    ),
    "halves": lambda x, y: fnp.concatenate([x[6:], x[:6]]),
    "identity": lambda x, y: (x, x + 1, y),
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_values_are_those_without_donation(program, rng):
    f = PROGRAMS[program]
    for n in (12, 140):
        x, y = (rng.normal(size=(n, n)).astype(np.float32) for _ in range(2))
        expected = fl.jit(f, backend="interpret")(fnp.asarray(x), fnp.asarray(y))
        for donated in ((0,), (1,), (0, 1)):
            got = fl.jit(f, donate_argnums=donated)(fnp.asarray(x), fnp.asarray(y))
            fl.tree.map(
                lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), got, expected
            )


def test_a_donated_training_loop_equals_one_without(rng):
    def step(params, x):
        grads = fl.grad(lambda p: fnp.sum(fnp.tanh(x @ p["w"] + p["b"]) ** 2))(params)
        return fl.tree.map(lambda p, g: p - 0.01 * g, params, grads)

    x = fnp.asarray(rng.normal(size=(8, 6)).astype(np.float32))
    start = {"w": rng.normal(size=(6, 5)).astype(np.float32), "b": np.zeros(5, np.float32)}
    plain, donating = fl.jit(step), fl.jit(step, donate_argnums=0)
    a, b = fl.tree.map(fnp.asarray, start), fl.tree.map(fnp.asarray, start)
    for _ in range(5):
        a, b = plain(a, x), donating(b, x)
    fl.tree.map(np.testing.assert_array_equal, a, b)


# ------------------------------------------------------------------------------ uses afterwards
USES = {
    "repr": repr,
    "str": str,
    "format": lambda x: f"{x}",
    "add": lambda x: x + 1,
    "radd": lambda x: 1 + x,
    "negative": lambda x: -x,
    "equal": lambda x: x == x,
    "matmul": lambda x: x @ x,
    "index": lambda x: x[0],
    "as an index": lambda x: counting(3)[x],
    "len": len,
    "iter": list,
    "bool": bool,
    "float": float,
    "int": int,
    "in": lambda x: 1.0 in x,
    "item": lambda x: x.item(),
    "tolist": lambda x: x.tolist(),
    "astype": lambda x: x.astype("float64"),
    "at": lambda x: x.at[0].set(1.0),
    "shape": lambda x: x.shape,
    "dtype": lambda x: x.dtype,
    "ndim": lambda x: x.ndim,
    "size": lambda x: x.size,
    "nbytes": lambda x: x.nbytes,
    "device": lambda x: x.device,
    "aval": lambda x: x.aval,
    "T": lambda x: x.T,
    "numpy": np.asarray,
    "numpy function": np.sin,
    "dlpack": np.from_dlpack,
    "pickle": pickle.dumps,
    "where": lambda x: fnp.where(True, x, 0),
    "concatenate": lambda x: fnp.concatenate([x, x]),
    "jit": lambda x: fl.jit(lambda v: v + 1)(x),
    "jit of identity": lambda x: fl.jit(lambda v: v)(x),
    "a constant of jit": lambda x: fl.jit(lambda v: v + x)(counting(SMALL)),
    "donated again": lambda x: fl.jit(lambda v: v + 1, donate_argnums=0)(x),
    "ready jit": lambda x: renew(x),
    "grad": lambda x: fl.grad(fnp.sum)(x),
    "vmap": lambda x: fl.vmap(fnp.sin)(x),
    "jvp": lambda x: fl.jvp(fnp.sin, (x,), (x,)),
    "vjp": lambda x: fl.vjp(fnp.sin, x),
    "eval_shape": lambda x: fl.eval_shape(fnp.sin, x),
    "make_graph": lambda x: fl.make_graph(fnp.sin)(x),
    "cond": lambda x: fl.lax.cond(True, fnp.sin, fnp.cos, x),
    "scan": lambda x: fl.lax.scan(lambda c, v: (c, v), 0.0, x),
    "softmax": fl.nn.softmax,
    "a copy": lambda x: copy.copy(x) + 1,
    "a deep copy": lambda x: copy.deepcopy(x) + 1,
    "device_get": fl.device_get,
    "block_until_ready": fl.block_until_ready,
}


@pytest.mark.parametrize("use", USES)
def test_every_use_of_a_donated_array_says_so(use):
    for _ in range(2):
        renew(counting(SMALL))
    x = counting(SMALL)
    fl.jit(lambda v: v * 5, donate_argnums=0)(x)
    with pytest.raises(DonatedError, match=r"donated to jit of <lambda>"):
        USES[use](x)
