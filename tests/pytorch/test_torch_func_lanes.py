"""Operations that ``vmap`` applies to all lanes at once, and what that costs."""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pytest
from func_cases import agree, both, numbers
from oracle import ours, same

from functorch_lite.torch._functorch.lane_products import product_of_lanes

L = 3

# name: (function of T and tensors, sizes of the tensors of one lane, whether it has a gradient)
AT_ONCE = {
    "median": (lambda T, a: a.median(), [(4, 5)], True),
    "median dim": (lambda T, a: a.median(0), [(4, 5)], True),
    "nanmedian": (lambda T, a: a.nanmedian(-1, True), [(4, 5)], True),
    "kthvalue": (lambda T, a: a.kthvalue(2, 0), [(4, 5)], True),
    "mode": (lambda T, a: (a * 2).round().mode(), [(4, 5)], True),
    "sort": (lambda T, a: a.sort(0, descending=True), [(40, 5)], True),
    "argsort": (lambda T, a: a.argsort(stable=True), [(7,)], False),
    "quantile": (lambda T, a: a.quantile(0.3), [(4, 5)], True),
    "quantiles": (lambda T, a: a.quantile(T.tensor([0.1, 0.5]), 0), [(4, 5)], True),
    "nanquantile": (lambda T, a: a.nanquantile(0.7, 1, True), [(4, 5)], True),
    "cummax": (lambda T, a: a.cummax(0), [(4, 5)], True),
    "cummin": (lambda T, a: a.cummin(-1), [(5,)], True),
    "logcumsumexp": (lambda T, a: a.logcumsumexp(1), [(4, 5)], True),
    "count_nonzero": (lambda T, a: (a > 0).count_nonzero(), [(4, 5)], False),
    "count_nonzero dim": (lambda T, a: (a > 0).count_nonzero(0), [(4, 5)], False),
    "searchsorted": (lambda T, a, b: T.searchsorted(a.sort()[0], b), [(6,), (2, 3)], False),
    "searchsorted lines": (
        lambda T, a, b: T.searchsorted(a.sort()[0], b, right=True), [(2, 6), (2, 3)], False),
    "bucketize": (lambda T, a, b: T.bucketize(b, a.sort()[0]), [(6,), (2, 3)], False),
    "cdist": (lambda T, a, b: T.cdist(a, b, 1.5), [(4, 3), (5, 3)], True),
    "cdist batches": (lambda T, a, b: T.cdist(a, b), [(2, 4, 3), (5, 3)], True),
    "max_pool2d": (lambda T, a: T.nn.functional.max_pool2d(a, 2, 1, 1), [(2, 3, 5, 4)], True),
    "max_pool1d": (
        lambda T, a: T.nn.functional.max_pool1d(a, 2, return_indices=True), [(3, 6)], True),
    "max_unpool2d": (
        lambda T, a: T.nn.functional.max_unpool2d(
            *T.nn.functional.max_pool2d(a, 2, return_indices=True), 2), [(3, 4, 4)], True),
    "reflection": (lambda T, a: T.nn.functional.pad(a, (2, 1), "reflect"), [(3, 5)], True),
    "replication": (lambda T, a: T.nn.functional.pad(a, (2, 1), "replicate"), [(3, 5)], True),
    "circle": (lambda T, a: T.nn.functional.pad(a, (2, 1), "circular"), [(3, 5)], True),
    "complex": (lambda T, a: T.view_as_complex(a).abs(), [(4, 2)], True),
    "parts": (lambda T, a: T.view_as_real(T.complex(a, a * 2)), [(4,)], True),
    "addbmm": (lambda T, a, b, c: T.addbmm(a, b, c), [(3, 5), (2, 3, 4), (2, 4, 5)], True),
    "block_diag": (lambda T, a, b: T.block_diag(a, b), [(2, 3), (4,)], True),
    "nuclear norm": (lambda T, a: T.linalg.matrix_norm(a, "nuc"), [(3, 4)], True),
    "norm": (lambda T, a: T.linalg.norm(a, 2), [(3, 4)], True),
    "rank": (
        lambda T, a, t: T.linalg.matrix_rank(a, atol=t.abs().exp()), [(4, 4), ()], False),
    "lu_unpack": (lambda T, a: T.lu_unpack(*T.linalg.lu_factor(a)), [(4, 4)], False),
    "lu_solve": (
        lambda T, a, b: T.linalg.lu_solve(*T.linalg.lu_factor(a + 9 * T.eye(4)), b),
        [(4, 4), (4, 2)], True),
    "reflections": (
        lambda T, a, b: T.linalg.householder_product(a, b.sigmoid()), [(4, 3), (3,)], True),
    "attention": (
        lambda T, a, b: T.nn.functional.scaled_dot_product_attention(a, b, b, is_causal=True),
        [(2, 4, 3), (2, 4, 3)], True),
    "layer norm": (lambda T, a: T.native_layer_norm(a, (5,), None, None, 1e-5), [(4, 5)], True),
    "repeats": (
        lambda T, a: a.repeat_interleave(T.tensor([2, 0, 1]), 0), [(3, 2)], True),
    "mask": (
        lambda T, a: a.index_put((T.tensor([True, False, True]),), T.zeros(())), [(3, 2)], True),
    "mean of scattered": (
        lambda T, a: a.scatter_reduce(0, T.tensor([0, 0, 1]), a, "mean"), [(3,)], False),
    "i1": (lambda T, a: T.special.i1(a), [(4,)], True),
    "erfcx": (lambda T, a: T.special.erfcx(a), [(4,)], True),
    "polynomial": (lambda T, a: T.special.hermite_polynomial_h(a, 3), [(4,)], False),
}  # fmt: skip


def at_once(program):
    """What a program gives here, which may not run lane by lane."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", message=".*performance drop")
        return program(ours)


def check(program):
    at_once(program)
    agree(program)


def total(T, f):
    def g(*tensors):
        out = f(T, *tensors)
        parts = out if isinstance(out, tuple) else (out,)
        return sum((p * p).sum() for p in parts if p.dtype.is_floating_point)

    return g


@pytest.mark.parametrize("name", AT_ONCE)
def test_all_lanes_at_once(name):
    f, sizes, _ = AT_ONCE[name]
    many = (lambda T: numbers(T, *sizes, lanes=L)) if len(sizes) > 1 else None

    def args(T):
        return many(T) if many else [numbers(T, sizes[0], lanes=L)]

    check(lambda T: T.vmap(lambda *x: f(T, *x))(*args(T)))
    if len(sizes) > 1:
        dims = (0,) + (None,) * (len(sizes) - 1)
        agree(lambda T: T.vmap(lambda *x: f(T, *x), dims)(
            args(T)[0], *[x[0] for x in args(T)[1:]]))  # fmt: skip


@pytest.mark.parametrize("name", [n for n, case in AT_ONCE.items() if case[2]])
def test_gradients_of_all_lanes_at_once(name):
    f, sizes, _ = AT_ONCE[name]
    places = tuple(range(len(sizes)))

    def program(T):
        args = numbers(T, *sizes, lanes=L)
        return T.vmap(T.func.grad(total(T, f), places))(*(args if len(sizes) > 1 else [args]))

    mine, theirs = both(program)
    if isinstance(theirs, tuple) and theirs and isinstance(theirs[0], str):
        assert not isinstance(mine[0], str), mine  # PyTorch has no derivative of it here
        return
    at_once(program)
    same(mine, theirs, rtol=1e-3, strides=False, graph=False)


@pytest.mark.parametrize("name", ["median dim", "kthvalue", "max_pool2d", "cdist", "quantile",
                                  "searchsorted", "sort", "reflection", "attention"])  # fmt: skip
def test_lanes_of_lanes(name):
    f, sizes, _ = AT_ONCE[name]
    wide = [(2, *s) for s in sizes]

    def program(T):
        args = numbers(T, *wide, lanes=L)
        return T.vmap(T.vmap(lambda *x: f(T, *x)))(*(args if len(sizes) > 1 else [args]))

    check(program)


# What a rule for gradients looks at differs from lane to lane: ties, zeros, equal elements.
UNLIKE = {
    "max": lambda T, a: a.max(),
    "amax": lambda T, a: a.amax(0, keepdim=True),
    "aminmax": lambda T, a: T.aminmax(a).min,
    "norm": lambda T, a: a.norm(),
    "norm of 1.5": lambda T, a: a.norm(1.5),
    "norm of 3": lambda T, a: a.norm(3),
    "std": lambda T, a: a.std(),
    "normalize": lambda T, a: T.nn.functional.normalize(a, dim=0),
    "dist": lambda T, a: T.dist(a, T.zeros_like(a)),
}


@pytest.mark.parametrize("name", UNLIKE)
def test_gradients_where_lanes_differ(name):
    def program(T):
        x = T.tensor([[1.0, 2.0, 2.0], [3.0, 1.0, 0.0], [0.0, 0.0, 0.0], [-1.0, 4.0, 2.0]])
        return T.vmap(T.func.grad(lambda v: UNLIKE[name](T, v).sum()))(x)

    assert not isinstance(agree(program), tuple)


@pytest.mark.parametrize("f", [lambda a, b: a * b, lambda a, b: a / b], ids=["mul", "div"])
@pytest.mark.parametrize("kind", ["bfloat16", "float16", "float32"])
def test_gradients_of_16_bits_beside_a_number_of_each_lane(f, kind):
    def program(T):
        x = numbers(T, (3,), lanes=L).to(T.bfloat16)
        factors = T.tensor([0.5, 2.0, -4.0], dtype=getattr(T, kind))[:L]
        return T.vmap(T.func.grad(lambda v, b: f(v, b).float().sum()))(x, factors)

    assert not isinstance(agree(program), tuple)


# ------------------------------------------------------------------------------------------ memory
@pytest.mark.parametrize("copy", [
    lambda T, v: v.clone(),
    lambda T, v: T.empty_like(v).copy_(v),
    lambda T, v: v.to(T.float32, copy=True),
    lambda T, v: v.T.contiguous(),
    lambda T, v: T.zeros_like(v).add_(v),
], ids=["clone", "copy_", "to", "contiguous", "add_"])  # fmt: skip
def test_a_copy_has_memory_of_its_own(copy):
    def program(T):
        x = numbers(T, (2, 3), lanes=L)
        y = T.vmap(lambda v: copy(T, v))(x)
        y.add_(1)
        one, two = T.vmap(lambda v: (v * 2, (v * 2).clone()))(x)
        one.add_(1)
        return x, y, two

    agree(program)


def test_a_write_is_seen_through_views_and_outside():
    def program(T):
        x = numbers(T, (3, 4), lanes=L)

        def f(v):
            top, left = v[0], v[:, 1:3].t()
            v.mul_(2)
            left[0] = 7
            top.exp_()
            return v.t(), left + 1, top.view(2, 2)

        return T.vmap(f)(x), x

    agree(program)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64", "complex64", "int32"])
def test_views_in_every_dtype(dtype):
    def program(T):
        x = T.arange(24.0).reshape(L, 2, 4).to(getattr(T, dtype))
        return T.vmap(lambda v: (v.t()[1:], v.flatten()[2:6] + v[1], v.unfold(1, 2, 1) * 1))(x)

    agree(program)


def test_lanes_that_are_not_first_in_memory():
    def program(T):
        x = numbers(T, (4, L, 5))
        return T.vmap(lambda v: (v.reshape(2, 10), v.t() @ v, v[::2].exp(), v.sum(0)), 1)(x)

    agree(program)


# ---------------------------------------------------------------------------------------- products
@pytest.mark.parametrize("varies", [(True, True), (True, False), (False, True)])
@pytest.mark.parametrize("shapes", [
    ((4,), (4,)), ((4,), (4, 5)), ((3, 4), (4,)), ((3, 4), (4, 5)), ((1, 4), (4, 5)),
    ((3, 4), (4, 1)), ((3, 1), (1, 5)), ((2, 3, 4), (4, 5)), ((3, 4), (2, 4, 5)), ((4,), (2, 4, 5)),
    ((2, 3, 4), (4,)), ((2, 3, 4), (2, 4, 5)), ((2, 1, 3, 4), (6, 4, 5)), ((0, 4), (4, 5)),
    ((3, 0), (0, 5)), ((3, 4), (4, 0)),
])  # fmt: skip
def test_products_of_lanes_are_those_of_each_lane(shapes, varies):
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=((L, *s) if v else s)) for s, v in zip(shapes, varies, strict=True))
    found = product_of_lanes(a, b, *varies)
    for i in range(L):
        wanted = np.matmul(a[i] if varies[0] else a, b[i] if varies[1] else b)
        np.testing.assert_allclose(found[i], wanted, rtol=1e-12)


def test_products_that_do_not_fit_say_what_products_say():
    with pytest.raises(RuntimeError, match=r"shapes cannot be multiplied \(3x4 and 5x2\)"):
        ours.vmap(lambda a: a @ ours.ones(5, 2))(numbers(ours, (3, 4), lanes=L))


# ---------------------------------------------------------------------------------- what it costs
def test_gradients_per_example_cost_few_frames():
    torch, func, functional = ours, ours.func, ours.nn.functional
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
    parameters = {k: v.detach() for k, v in model.named_parameters()}

    def loss(parameters, x, y):
        out = func.functional_call(model, parameters, (x.unsqueeze(0),))
        return functional.cross_entropy(out, y.unsqueeze(0))

    f = func.vmap(func.grad(loss), in_dims=(None, 0, 0))
    x, y = torch.ones(5, 4), torch.tensor([0, 1, 0, 1, 0])
    for _ in range(3):
        f(parameters, x, y)
    frames = 0

    def count(frame, event, arg):
        nonlocal frames
        frames += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        f(parameters, x, y)
    finally:
        sys.setprofile(before)
    # About 40 operations; going through the core's batching rules takes three times as many.
    assert frames < 3000, frames


@pytest.mark.parametrize("derivative", ["jacrev", "jacfwd", "hessian"])
@pytest.mark.parametrize("name", ["inv", "max_pool1d", "real"])
def test_derivatives_within_of_what_is_called_with_all_lanes(name, derivative):
    def program(T):
        f = {
            "inv": T.linalg.inv,
            "max_pool1d": lambda a: T.nn.functional.max_pool1d(a, 2),
            "real": lambda a: T.complex(a, a * 0.5).real * a,
        }[name]
        once = f if derivative != "hessian" else lambda a: (f(a) ** 2).sum()
        a = numbers(T, (4, 4), lanes=L) + 3 * T.eye(4)
        return T.func.vmap(getattr(T.func, derivative)(once))(a)

    assert not isinstance(agree(program, rtol=1e-3), tuple)


def test_a_gradient_that_is_a_view_is_repeated_from_where_it_begins():
    def program(T):
        def f(a):
            end = a[2:]
            return end * T.ones(2) + end.sum()

        a = numbers(T, (3,), lanes=L)
        return T.func.vmap(lambda a: T.func.jvp(f, (a,), (a * 0.5,)))(a)

    agree(program)


def test_writes_of_what_varies_around_only():
    def program(T):
        def inner(b, a):
            c = b.clone()
            c.index_add_(0, T.tensor([0, 0]), T.ones_like(c[:1]).expand(2, 2))
            return c * a

        each = T.vmap(inner, in_dims=(None, 0))
        return T.vmap(each)(numbers(T, (3, 2), lanes=L), numbers(T, (2, 2), lanes=L, seed=1))

    assert tuple(agree(program).shape) == (L, 2, 3, 2)


@pytest.mark.parametrize("copy", [lambda x: x * 1, lambda x: x.clone(), lambda x: x.exp()])
def test_gradients_of_writes_into_memory_of_another_order(copy):
    def program(T):
        rows, w = numbers(T, (4, 2, 3, 2), (2, 3, 2))

        def f(x):
            y = copy(x.transpose(-1, 0))
            y[0] = 1
            y[:, 1].mul_(x[:, 0])
            return (y * w).sum()

        return T.func.vmap(T.func.grad(f))(rows), [T.func.grad(f)(x) for x in rows]

    theirs = agree(program)
    assert len(theirs) == 2
