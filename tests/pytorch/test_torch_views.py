"""Views that select and cut, and programs that write through them, against PyTorch."""

from __future__ import annotations

import gc
import warnings
import weakref

import numpy as np
import pytest

real = pytest.importorskip("torch")

from oracle import array_of, compare, to_ours, to_real  # noqa: E402

import functorch_lite.torch as ours  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")

ARRAY = np.arange(60.0).reshape(3, 4, 5) / 7
LAYOUTS = {
    "plain": ARRAY,
    "permuted": np.ascontiguousarray(ARRAY.transpose(2, 1, 0)).transpose(2, 1, 0),
    "sliced": np.arange(240.0).reshape(6, 4, 10)[::2, :, ::2] / 7,
    "empty": ARRAY[:, :0],
}


def check(code, array, text=True, **options):
    """Run code on ``x`` in both worlds."""

    def run(T, x):
        return eval(code, {"T": T, "x": x, "n": T.tensor(1)})

    try:
        return compare(run, array, text=text, **options)
    except BaseException as error:
        error.add_note(f"in {code}")
        raise


def split(text):
    """The cases of a table."""
    return [c.strip() for line in text.strip().split("\n") for c in line.split("; ") if c.strip()]


VIEWS = """
x.select(0, 1); x.select(-1, -2); T.select(x, 1, 0); x.select(dim=0, index=n); x.narrow(0, 1, 2)
x.narrow(0, -1, 1); x.narrow(0, n, 1); x.narrow(2, 0, 0); T.narrow(x, 1, 1, 2); x.unbind()
x.unbind(1); T.unbind(x, dim=2); x.split(2); x.split([1, 2]); x.split(2, -1); x.split(split_size=9)
T.split(tensor=x, split_size_or_sections=1); x.split_with_sizes([1, 0, 2]); x.chunk(2)
x.chunk(3, 1); x.chunk(9); T.chunk(x, 2, dim=2); x.tensor_split(2); x.tensor_split((1, 2), 1)
x.tensor_split(T.tensor([1, 2])); x.tensor_split(T.tensor(2)); x.tensor_split([2, 1, 9])
T.tensor_split(x, 4, dim=2); x.hsplit(2); x.vsplit(3); x.dsplit(5); x.hsplit([1, 2])
x[0, 0].hsplit(5)
x.diagonal(); x.diagonal(1, 1, 2); x.diagonal(-1, 0, 2); x.diagonal(10); x.diagonal(0, -1, 0)
x.unfold(1, 2, 1); x.unfold(0, 2, 2); x.unfold(-1, 3, 2); x.unfold(0, 0, 1); x.mT; x.T; x[0].T
x[0].H; x.mH; x.adjoint(); x.real; T.real(x); x[0, 0, 0].unfold(0, 1, 1); x.narrow_copy(0, 1, 2)
T.select_copy(x, 0, 1); T.slice_copy(x, 1, 0, 2); T.diagonal_copy(x); T.unsqueeze_copy(x, 1)
T.transpose_copy(x, 0, 1); T.permute_copy(x, (2, 0, 1)); T.t_copy(x[0]); x.swapaxes(0, 2)
"""
FAILING = """
x.select(0, 3); x.select(5, 0); x.narrow(0, 1, 3); x.narrow(0, 4, 1); x.narrow(0, 0, -1); x.split(0)
x.split([1, 1]); x.split([4, -1]); x.split(-1); x.chunk(0); x.tensor_split(0); x.hsplit(0)
x.tensor_split(T.tensor([[1]])); x.tensor_split(T.tensor([1.0])); x.vsplit(2); x.diagonal(0, 0, 0)
x.unfold(0, 4, 1); x.unfold(0, 2, 0); x.unfold(0, -1, 1); x.H; x[0, 0].mT; x[0, 0].H; x[0, 0].mH
x[0, 0].adjoint(); x.imag; T.view_as_real(x); T.view_as_complex(x); T.tensor(1.0).unbind()
T.tensor(1.0).narrow(0, 0, 1); T.tensor(1.0).split(1); T.tensor(1.0).chunk(1); x.clone().t_()
T.tensor(1.0).select(0, 0); T.tensor(1.0).vsplit(1); T.tensor([1.0]).vsplit(1); x.resize_(2)
T.tensor(1.0).tensor_split(1); x.dsplit(2); x[0].dsplit(1); x.unbind(4); x.clone().resize_(2)
x.t_(); x.squeeze_(); x.unsqueeze_(0); x.transpose_(0, 1); x.detach().resize_(-1)
x.detach().set_(T.zeros(2, dtype=T.float32)); x.clone().unsqueeze_(9); x.as_strided_((2,), (1,))
"""
INPLACE = """
x[0].clone().t_(); x.clone().transpose_(0, 1); x.clone().swapaxes_(0, 1); x.clone().swapdims_(1, 2)
x.clone().squeeze_(); x.clone()[:1].squeeze_(0); x[:1].clone().squeeze_()
x[:1].clone().squeeze_((0, 1))
x.clone().unsqueeze_(0); x.clone().as_strided_((2, 2), (1, 3)); x.clone().as_strided_((2,), (1,), 7)
x.detach().clone().resize_(2, 2); x.detach().clone().resize_((9, 2)); x.detach().resize_(3, 4, 5)
x.detach().clone().resize_as_(T.zeros(2)); x.detach().clone().set_(T.zeros(2, dtype=T.float64))
x.detach().clone().set_(x.detach().clone(), 3, (2, 2), (4, 1)); x.detach().clone().set_()
x.detach().clone().set_(x.detach().clone().untyped_storage(), 2, (3,))
"""


@pytest.mark.parametrize("layout", LAYOUTS)
def test_views_and_their_gradients_agree(layout):
    for code in split(VIEWS):
        check(code, LAYOUTS[layout], text=layout != "empty")


@pytest.mark.parametrize("code", split(FAILING))
def test_errors_agree(code):
    check(code, ARRAY)


@pytest.mark.parametrize("code", split(INPLACE))
def test_views_in_place_agree(code):
    check(code, ARRAY)
    mine, theirs = check(f"{code}._version", ARRAY)
    assert mine == theirs


PARTS = """
x.real; x.imag; T.view_as_real(x); T.view_as_complex(T.view_as_real(x)); T.real(x[:, 1])
T.imag(x.mT); x[:, ::2].real; x.mH; x.real[0].T
"""


def test_complex_parts_are_views():
    z = (ARRAY + 1j * ARRAY[::-1]).astype(np.complex64)
    for code in split(PARTS):
        check(code, z, grads=False)

    def write(T, x):
        x.real.fill_(2)
        x[0].imag[1] = 3
        x.imag = x.real * 2
        return x

    compare(write, z, grads=False)


def test_warnings_on_transposes_come_once():
    code = "[x.T, x.T, x[0, 0, 0].T, x[0, 0, 0].mT, x[0, 0, 0].H]"
    for T, convert in ((ours, to_ours),):
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            eval(code, {"T": T, "x": convert(ARRAY)})
        assert len(seen) <= 4 and all(w.category is UserWarning for w in seen)


def test_outputs_of_one_node_may_not_be_written_to():
    for code in ("y.unbind()", "y.split(1)", "y.chunk(3)", "y.split_with_sizes([1, 2])"):
        for T, convert in ((ours, to_ours), (real, to_real)):
            y = convert(ARRAY).requires_grad_().clone()
            parts = eval(code, {"y": y})
            assert parts[0]._base is y and parts[1].output_nr == 1
            with pytest.raises(
                RuntimeError, match="the output of a function that returns multiple"
            ):
                parts[0].add_(1)
            with T.no_grad():
                parts[0].add_(1)
            assert y._version == 1
            z = convert(ARRAY)  # without gradients, everything goes
            eval(code, {"y": z})[0].add_(1)
            np.testing.assert_allclose(array_of(z)[0], ARRAY[0] + 1)


def write_through_views(T, x, v):
    base = x * 1
    row = base[1]
    column = row[:, 2]
    column.mul_(3)
    row[0] = v[0, 0]
    base[:, 1:3].diagonal()[0].add_(v[1, 0, 0])
    flat = base.view(-1)
    flat[::7] *= v.reshape(-1)[::7]
    return base, row, column, flat, base.detach()


def write_by_masks(T, x, v):
    base = (x * 2).transpose(0, 2)
    part = base[1:, ..., 0]
    part[part > 5] = 1.5
    base[T.tensor([0, 3])] += v[0, :2, :2].sum()
    part.T.masked_fill_(part.T < 1, 0.5)
    return base, part, base.sum(0)


def write_under_no_grad(T, x, v):
    base = x * 1
    before = base[0] * 1
    with T.no_grad():
        base[0] = 7
        base[1].zero_()
    other = base.detach()
    other[2, 0] = 3
    return base, before, base._version, other


def write_a_view_into_a_constant(T, x, v):
    base = T.zeros(3, 4, 5, dtype=T.float64)
    left, right = base[:, :2], base[:, 2:]
    left.copy_(x[:, :2])
    right[0] = v[0, :2]
    left[1].mul_(v[1, :2])
    return base, base[0], base.is_leaf


def build_row_by_row(T, x, v):
    out = T.zeros(3, 5, dtype=T.float64)
    for i in range(3):
        out[i] = x[i, 0] * v[i, 1] + (out[i - 1] if i else 0)
    return out


PROGRAMS = [write_through_views, write_by_masks, write_under_no_grad,
            write_a_view_into_a_constant, build_row_by_row]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_programs_that_write_through_views_agree(program):
    compare(program, ARRAY, np.cos(ARRAY), names=False)
    compare(program, ARRAY, np.cos(ARRAY), grads=False)


def test_views_keep_neither_graph_nor_memory_alive():
    gc.disable()
    try:
        x = ours.zeros(3, 4).requires_grad_()
        y = x * 1
        parts = [y[0], y[:, 1:], y.unbind()[0], y.diagonal(), y[ours.tensor([0, 1])]]
        node = weakref.ref(y.grad_fn)
        del y, parts
        assert node() is None
    finally:
        gc.enable()
