"""Reading and writing elements by position, against PyTorch."""

from __future__ import annotations

import gc
import tracemalloc
import warnings

import numpy as np
import pytest

real = pytest.importorskip("torch")

from oracle import array_of, compare, to_ours, to_real  # noqa: E402

import functorch_lite.torch as ours  # noqa: E402
from functorch_lite.torch._ops.index_embedding import one_hot  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")

ARRAY = np.arange(60.0).reshape(3, 4, 5) / 7
LAYOUTS = {
    "plain": ARRAY,
    "permuted": ARRAY.transpose(2, 0, 1)[:3, :, :],
    "sliced": np.arange(240.0).reshape(6, 4, 10)[::2, :, ::2] / 7,
}


def scope(T, x, **more):
    """Names that the code of a case may use."""
    idx = T.tensor([[0, 1, 2, 0, 1]] * 3).unsqueeze(1).expand(3, 4, 5)
    m = T.zeros(3, 4, 5, dtype=T.bool)
    m[0] = True
    m[2, 1, 3] = True
    return {
        "T": T, "np": np, "x": x, "i": T.tensor([0, 2]), "j": T.tensor([[0, 1], [2, 2]]),
        "b": T.tensor([True, False, True]), "m": m, "m2": m[:, :, 0], "idx": idx.contiguous(),
        "n": T.tensor(-1), **more,
    }  # fmt: skip


def check(code, *arrays, text=True, **options):
    """Run code in both worlds; the arrays are ``x`` and ``v``."""

    def run(T, x, v=None):
        return eval(code, scope(T, x, v=v))

    try:
        return compare(run, *arrays, text=text, **options)
    except BaseException as error:
        error.add_note(f"in {code}")
        raise


READ = """
x[:]; x[...]; x[None]; x[0]; x[-1]; x[0, 1:]; x[0, 1, 2]; x[1:, None, ..., 0]; x[()]; x[True]
x[False]; x[n]; x[T.tensor(True)]; x[::2]; x[:0]; x[5:]; x[-100:2]; x[..., -1]; x[n:]; x[0:2, n]
x[[0, 2]]; x[i]; x[j]; x[b]; x[m]; x[m2]; x[i, i]; x[:, i]; x[i, :, i]; x[:, i, i]; x[j, i]
x[:, i, None, i]; x[0, i]; x[..., i]; x[b, 0]; x[m2, 1:]; x[m2, 0]; x[m2, None]; x[m2, ..., 1:3]
x[i[:, None], i]; x[:, j]; x[:, :, j]; x[j, :, j]; x[b, :, 1]; x[:, T.tensor(1), i]; x[True, i]
x[None, i]; x[[]]; x[[], 0]; x[i.int()]; x[i.numpy()]; x[b.numpy()]; x[range(2)]; x[[0, n]]
x[[[0, 1], [1, 2]]]; x[[True, False, True]]; x[(0, [1, 2])]; x[[i, i]]; x[np.int64(1)]
x[np.array(1)]; x[np.array([[0, 1]])]; x[b.byte()]; x[T.zeros(3, 4, dtype=T.bool)]; x[[1.5]]
x[1:2, 2:3, 3:4]; x[0:3]; x[1:None:None]; x[b, i]; x[i, ..., i]; x[1:, ::2, [0, 0, 1]]
x[T.tensor([], dtype=T.long)]; x[:, b[:1].expand(4)]; x[j.t()]; x[..., None]; x[0, ..., None, 1]
"""
FAIL = """
x[3]; x[:, :, 5]; x[0, 0, 0, 0]; x[::-1]; x[::0]; x[1.0]; x['a']; x[0.5:]; x[{}]; x[T.tensor(5)]
x[T.tensor([5])]; x[T.tensor([-4])]; x[T.tensor([True, False])]; x[i, T.tensor([0, 1, 2])]
x[T.tensor([1.0])]; x[i.short()]; x[:, b]; x[m, 0]; x[0][0][0][0]; x[T.tensor(1.0)]; x[0, 9]
x[np.bool_(True)]; x[:, :, i + 4]; x[(0, 'a')]; T.tensor(1.0)[0]; T.tensor(1.0)[:]
T.tensor(1.0)[T.tensor([0])]; x.__delitem__(0)
"""


def split(text):
    """The cases of a table."""
    return [c.strip() for line in text.strip().split("\n") for c in line.split("; ") if c.strip()]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_reading_agrees_for_every_kind_of_index(layout):
    for code in split(READ):
        array = LAYOUTS[layout]
        if layout == "permuted" and ("m" in code or "4" in code or ", b" in code):
            array = np.ascontiguousarray(ARRAY.transpose(2, 1, 0)).transpose(2, 1, 0)
        check(code, array)


def test_reading_fails_as_in_pytorch():
    for code in split(FAIL):
        check(code, ARRAY)


@pytest.mark.parametrize("dtype", ["float32", "float16", "int64", "int32", "uint8", "bool",
                                   "complex64"])  # fmt: skip
def test_every_dtype_can_be_read_and_written(dtype):
    array = (np.arange(60).reshape(3, 4, 5) % 2).astype(dtype)
    for code in ("x[1:, 0]", "x[i]", "x[m]", "x[:, [0, 1]]", "x[None, ..., 1]"):
        check(code, array, grads=False)
    for key in ("0", "i", "m", "(slice(None), 1)"):
        check(f"[x.__setitem__({key}, 1), x][1]", array, grads=False)
        check(f"[x.__setitem__({key}, x[0, 0, 0].clone()), x][1]", array, grads=False)


WRITE = """
0 | 1; 0 | v[1]; 0 | v[0, 0]; i | 2; i | v[:2]; i | v[0]; m | 1; m | v[m]; m2 | v[0, 0]
m | T.tensor(2.0, dtype=x.dtype); ... | 1; () | 1; slice(None) | v; None | 1; True | 1; False | 1
(0, 1) | v[0, 0]; (slice(None), i) | v[:, :2]; (slice(0, 2), 0) | v[0, 0]; (i, 0) | 5; 1 | v[:1]
(slice(None), slice(None), [0, 0]) | v[:, :, :2]; (b, slice(1, 3)) | v[0, :2]; n | v[None, None, 0]
(0, 0, 0) | v[0, 0, :1]; (i, slice(None), i) | v[:2, :, 0]; (0, slice(None), i) | v[0, :, :2]
(..., 0) | v[..., 1]; x > 3 | 0; (m2, 0) | v[0, 0, 0]; 0 | v[0].double(); [0, 1] | v[:2]
"""


@pytest.mark.parametrize("case", split(WRITE))
def test_writing_agrees_with_gradients_to_both(case):
    key, value = case.split(" | ")

    def run(T, x, v):
        y = x * 1
        y[eval(key, scope(T, y, v=v))] = eval(value, scope(T, y, v=v))
        return y * y

    compare(run, ARRAY, ARRAY[::-1] * 3, text=True)
    # A view is written to, and its base changes with it.
    compare(lambda T, x, v: run_in_view(T, x, v, key, value), ARRAY, ARRAY[::-1] * 3, names=False)


def run_in_view(T, x, v, key, value):
    """Write into a permuted view of a larger tensor."""
    base = T.cat([x, x]).permute(2, 0, 1).contiguous()
    y = base.permute(1, 2, 0)[::2]
    y[eval(key, scope(T, y, v=v))] = eval(value, scope(T, y, v=v))
    return base * base, y


BAD_WRITE = """
0 | v[:, 0, :3]; i | v[0, 0, :3]; m | v[0]; (0, 0, 0) | v[0, 0, :2].view(2); 5 | 1; i + 5 | 1
0 | 'a'; 0 | [1, 2]; i | np.ones(5); 0 | None; 0 | 1j; i | 1j; b[:2] | 1; m | v.view(-1)[:20]
i | v[:2].float(); (0, 0, 0, 0) | 1
"""


@pytest.mark.parametrize("case", split(BAD_WRITE))
def test_writing_fails_as_in_pytorch(case):
    key, value = case.split(" | ")

    def run(T, x, v):
        y = x.clone()
        y[eval(key, scope(T, y, v=v))] = eval(value, scope(T, y, v=v))

    compare(run, ARRAY, ARRAY, text="view(2)" not in case)


def test_overlapping_and_leaf_writes_are_refused():
    def overlap(T, x):
        y = x.clone()
        y[1:] = y[:-1]

    compare(overlap, ARRAY, text=True)
    for key in ("0", "i", "m", "slice(None)", "()", "None", "(slice(None), i)"):
        compare(lambda T, x, k=key: x.__setitem__(eval(k, scope(T, x)), 1), ARRAY, text=True)


NUMBERS = [300, 1e300, -1, float("nan"), float("inf"), 1j, 2**70, 70000.0, -200, 1.5, True]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "int8", "uint8",
                                   "int32", "int64", "bool", "complex64"])  # fmt: skip
def test_numbers_are_converted_or_refused(dtype):
    for number in NUMBERS:
        compare(lambda T, n=number: T.zeros(2, dtype=getattr(T, dtype)).fill_(n), text=True)
        compare(
            lambda T, n=number: T.zeros(2, dtype=getattr(T, dtype)).__setitem__(0, n), text=True
        )


ROWS = """
x.index_select(1, i); x.index_select(0, n + 1); x.index_select(0, i.int()); x.take(j)
x.take(T.tensor([[0, -1]])); x.gather(1, idx); x.gather(0, idx[:2]); x.gather(2, idx[:, :2, :1])
x.gather(1, idx.int()); T.take_along_dim(x, idx[:, :1], 1); T.take_along_dim(x, i)
x.masked_select(m); x.masked_select(m[0]); x.masked_select(m[:, :1]); x.scatter(1, idx, v)
x.scatter(1, idx[:2, :2], v[:2, :2]); x.scatter(1, idx, 2.0); x.scatter(1, idx, value=3)
x.scatter_add(1, idx, v); x.scatter_add(2, idx, v); x.index_add(0, i, v[:2])
x.index_add(1, j[1], v[:, :2], alpha=2); x.index_copy(0, i, v[:2]); x.index_fill(0, i, 3)
x.index_fill(1, i - 2, 3); x.index_fill(0, i, v[0, 0, 0]); x.index_put((i,), v[:2])
x.index_put((j,), v[0], accumulate=True); x.index_put((i, i), v[0, 0, 0]); x.index_put([m], v[m])
x.index_put((m,), v[0, 0, 0]); x.masked_fill(m, 1); x.masked_fill(m[0], -float('inf'))
x.masked_fill(m, v[0, 0, 0]); x[0].masked_fill(m, 1); x.masked_scatter(m, v)
x[:1].masked_scatter(m[0], v); x.put(i, v[0, 0, :2]); x.put(j, v[0, :2, :2], accumulate=True)
T.fill(x, 2); T.fill(x, v[0, 0, 0]); x.tril(); x.triu(1); x.tril(-1); T.diag(x[0]); T.diag(x[0], 1)
T.diag(x[0, 0], -1); T.diag_embed(x); T.diag_embed(x, 1, 0, 1); T.diagflat(x[0], 1); x.flip(0)
x.flip([0, 1]); x.flip(0, 2); x.flip(()); T.fliplr(x); T.flipud(x); x.roll(1); x.roll(-1, 0)
x.roll((1, 2), (0, 1)); x.rot90(); x.rot90(2); x.rot90(3, [1, 2]); x.rot90(-1); x.rot90(4)
x.repeat(2, 1, 3); x.repeat(2, 2, 1, 1); x.repeat(0, 1, 1); x.tile(2); T.tile(x, (2, 1, 1, 1))
x.repeat_interleave(2); x.repeat_interleave(2, 1); x.repeat_interleave(T.tensor([1, 2, 0]), 0)
x.repeat_interleave(T.tensor([2]), 0); T.embedding(x[0], j); T.embedding(x[0], j, 2)
T.embedding(x[0], j, -1, True); T.select_scatter(x, v[0], 0, 1); T.slice_scatter(x, v[:1], 0, 0, 1)
T.diagonal_scatter(x[0], v[0, 0, :4]); T.as_strided_scatter(x, v[0, 0, :2], (2,), (1,))
x.index_reduce(0, i, v[:2], 'mean'); x.index_reduce(0, i, v[:2], 'prod')
x.index_reduce(0, j[1], v[:2], 'amax'); x.index_reduce(0, i, v[:2], 'amin', include_self=False)
"""


@pytest.mark.parametrize("code", split(ROWS))
def test_functions_that_pick_and_put_agree(code):
    for array in LAYOUTS.values():
        if array.shape == ARRAY.shape:
            check(code, array, np.cos(ARRAY))


@pytest.mark.parametrize("reduce", ["sum", "prod", "mean", "amax", "amin"])
@pytest.mark.parametrize("include_self", [True, False])
def test_scatter_reduce_agrees_with_ties_and_zeros(reduce, include_self):
    rng = np.random.default_rng(0)
    x = rng.integers(-2, 3, (3, 4)).astype(float)
    v = rng.integers(-2, 3, (3, 5)).astype(float)
    v[0, :2] = [0, 0]
    index = rng.integers(0, 4, (3, 5))
    second = not (reduce == "prod" or (reduce in ("amax", "amin")))

    def run(T, x, v):
        return x.scatter_reduce(1, T.tensor(index), v, reduce, include_self=include_self)

    compare(run, x + 0.5, v, double=second)
    compare(run, x, v, double=second)
    compare(run, x.astype("int64"), v.astype("int64"))


INPLACE = [c for c in split(ROWS) if any(
    c.startswith(f"x.{n}(") for n in ("scatter", "scatter_add", "index_add", "index_copy",
    "index_fill", "index_put", "masked_fill", "masked_scatter", "put", "tril", "triu",
    "index_reduce"))]  # fmt: skip


@pytest.mark.parametrize("code", INPLACE)
def test_forms_in_place_agree(code):
    name = code[2 : code.index("(")]
    code = code.replace(f"x.{name}(", f"x.clone().{name}_(", 1)
    check(code, ARRAY, np.cos(ARRAY))
    check(code.replace("x.clone()", "x"), ARRAY, np.cos(ARRAY))  # a leaf
    check(code.replace("x.clone()", "x"), ARRAY, np.cos(ARRAY), grads=False)


FAILING = """
x.index_select(0, T.tensor([5])); x.index_select(0, j); x.index_select(0, T.tensor([1.0]))
x.index_select(4, i); x.gather(1, T.tensor([0])); x.gather(0, idx + 5); x.gather(1, idx.float())
x.gather(1, T.zeros(4, 1, 1, dtype=T.long)); x.gather(1, idx - 1); x.take(T.tensor([100]))
x.take(i.float()); T.take_along_dim(x, i, 1); x.masked_select(m.int()); x.scatter(1, idx, v.float())
x.scatter(1, idx + 9, v); x.scatter(1, idx.float(), v); x.scatter(1, idx[0], v)
x.scatter(1, T.zeros(3, 4, 6, dtype=T.long), v); x.scatter(1, idx, v, reduce='mean')
x.scatter_reduce(1, idx, v, 'foo'); x.index_add(0, i, v); x.index_add(0, i, v[:2].float())
x.index_add(0, i * 0 + 4, v[:2]); x.index_add(0, j, v[:2]); x.index_copy(0, i, v); x.rot90(1, [0])
x.index_copy(0, i.int(), v[:2]); x.index_copy(0, i, v[:2].float()); x.index_copy(0, i + 4, v[:2])
x.index_fill(0, i, v[0, 0]); x.index_fill(0, i.int(), 3); x.index_fill(0, i + 4, 3)
x.index_put((i,), v[:2].float()); x.index_put(i, v); x.index_put((None, i), v); x.repeat(2, 2)
x.index_put([i], v[None, :2]); x.index_put([i], v[0, 0, :3]); x.masked_fill(m, v[0, 0])
x.masked_fill(m.int(), 1); x.masked_fill(T.zeros(7, dtype=T.bool), 1); x.masked_scatter(m, v[0, 0])
x.masked_scatter(m, v.float()); x.masked_scatter(m.int(), v); x.put(i, v[0, 0, :3]); x.flip(5)
x.put(i + 100, v[0, 0, :2]); x.clone().fill_(v[0]); x.clone().fill_diagonal_(1); T.diag(x)
T.tril(T.tensor([1.0])); T.diag_embed(x, 0, 1, 1); x.flip([0, 0]); T.fliplr(x[0, 0])
T.flipud(x[0, 0, 0]); x.roll((1, 2)); x.roll((1, 2), 0); T.roll(x, 1, 5); x.rot90(1, [0, 0])
x.repeat(-1, 1, 1); x.repeat_interleave(T.tensor([1, 2]), 0); x.repeat_interleave(-1, 0)
x.repeat_interleave(T.tensor([1.0, 2, 0]), 0); T.embedding(x[0], j + 9); T.embedding(x, j)
x.repeat_interleave(T.tensor([1, 2, 0]), 0, output_size=4); T.embedding(x[0], i.float())
x.clone().masked_fill_(m[None], 1); T.tril_indices(-1, 2); T.unravel_index(i, (1, 1))
"""


@pytest.mark.parametrize("code", split(FAILING))
def test_functions_fail_as_in_pytorch(code):
    check(code, ARRAY, np.cos(ARRAY))


FOUND = """
x.nonzero(); x.nonzero(as_tuple=True); x.argwhere(); T.nonzero(x[0, 0]); T.tensor(1.0).nonzero()
T.tensor(0.0).nonzero(as_tuple=True); T.tril_indices(3, 4); T.unravel_index(j, (2, 3))
T.triu_indices(3, 4, 1, dtype=T.int32); T.repeat_interleave(i)
"""


def test_positions_of_nonzero_elements_agree():
    array = np.where(ARRAY % 3 > 1, ARRAY, 0)
    for code in split(FOUND):
        check(code, array)


def test_one_hot_agrees_with_pytorch():
    for value, classes in (
        [[0, 2], -1],
        [[[1], [3]], 5],
        [[0, 2], 2],
        [[-1], -1],
        [[], 3],
        [[], -1],
    ):
        mine = theirs = None
        try:
            theirs = real.nn.functional.one_hot(real.tensor(value, dtype=real.long), classes)
        except RuntimeError as error:
            with pytest.raises(RuntimeError) as caught:
                one_hot(ours.tensor(value, dtype=ours.int64), classes)
            assert str(caught.value) == str(error)
            continue
        mine = one_hot(ours.tensor(value, dtype=ours.int64), classes)
        np.testing.assert_array_equal(array_of(mine), array_of(theirs))


OUT = """
T.index_select(x, 0, i, out=o); T.gather(x, 1, idx, out=o); T.take(x, j, out=o)
T.masked_select(x, m, out=o); T.tril(x, out=o); T.diag(x[0], out=o)
T.index_add(x, 0, i, x[:2], out=o); T.scatter(x, 1, idx, 1.0, out=o)
"""


def test_results_go_into_out():
    for code in split(OUT):
        for T, convert in ((ours, to_ours), (real, to_real)):
            out = T.empty(0, dtype=T.float64)
            found = eval(code, scope(T, convert(ARRAY), o=out))
            assert found is out
            if T is ours:
                mine = array_of(found)
            else:
                np.testing.assert_array_equal(mine, array_of(found))


def test_an_index_written_to_after_use_is_an_error_in_backward():
    for code in ("x[i]", "x.gather(0, idx)", "x.index_select(0, i)", "x.masked_fill(m, 0)"):
        names = {"x[i]": "i", "x.gather(0, idx)": "idx", "x.index_select(0, i)": "i"}
        for T, convert in ((ours, to_ours), (real, to_real)):
            x = convert(ARRAY).requires_grad_()
            given = scope(T, x)
            y = eval(code, given)
            given[names.get(code, "m")].zero_()
            with pytest.raises(RuntimeError, match="modified by an inplace operation"):
                y.sum().backward()
            z = eval(code, scope(T, x)).sum()
            z.backward()
            with pytest.raises(RuntimeError, match="second time"):
                z.backward()


def test_writing_rows_one_by_one_copies_no_buffer():
    x = ours.zeros(10_000, 8)
    row = ours.ones(8)
    address = x._np.ctypes.data
    x[0] = row
    gc.collect()
    tracemalloc.start()
    for i in range(10_000):
        x[i] = row
    used = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert x._np.ctypes.data == address and x._version == 10_001
    assert used < 20_000  # the buffer has 320,000 bytes
    assert (x._np == 1).all()


def test_warnings_are_those_of_pytorch():
    for T in (ours, real):
        x = T.zeros(3, 4)
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            x[[[0, 1], [1, 2]]]
        assert "non-tuple sequence" in str(seen[0].message) and seen[0].category is UserWarning
