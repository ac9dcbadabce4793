"""Products of tensors against PyTorch."""

import numpy as np
import pytest
from oracle import compare, ours, real

RNG = np.random.default_rng(0)


def normal(*shape, dtype="float64"):
    return RNG.normal(size=shape).astype(dtype)


def integers(*shape, dtype="int64"):
    return RNG.integers(-4, 5, shape).astype(dtype)


def turned(x):
    """The same values with the last two dimensions exchanged in memory."""
    return np.ascontiguousarray(np.swapaxes(x, -1, -2)).swapaxes(-1, -2)


def wide(*shape):
    """Every second column of something larger."""
    return normal(*shape[:-1], 2 * shape[-1])[..., ::2]


PAIRS = {
    "mm": [((2, 3), (3, 4)), ((1, 1), (1, 1)), ((0, 3), (3, 2)), ((2, 0), (0, 3))],
    "bmm": [((2, 3, 4), (2, 4, 5)), ((0, 3, 4), (0, 4, 5)), ((2, 3, 0), (2, 0, 5))],
    "mv": [((2, 3), (3,)), ((2, 0), (0,)), ((0, 3), (3,))],
    "dot": [((3,), (3,)), ((0,), (0,))],
    "vdot": [((3,), (3,))],
    "inner": [((3,), (3,)), ((2, 3), (4, 3)), ((2, 3), (3,)), ((2, 3), (2, 2, 3)), ((2, 3), ())],
    "outer": [((2,), (3,)), ((0,), (3,))],
    "ger": [((2,), (3,))],
    "kron": [((2, 3), (2, 2)), ((2,), (2, 2)), ((2, 1, 2), (2, 2)), ((), (3,))],
}
CASES = [(name, a, b) for name, pairs in PAIRS.items() for a, b in pairs]


@pytest.mark.parametrize("name, a, b", CASES)
def test_products(name, a, b):
    x, y = normal(*a), normal(*b)
    compare(lambda T, p, q: getattr(T, name)(p, q), x, y)
    compare(lambda T, p, q: getattr(p, name)(q), x, y)


MATMUL = [
    ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 4)), ((5, 2, 3), (3, 4)),
    ((5, 2, 3), (3,)), ((5, 2, 3), (5, 3, 4)), ((4, 5, 2, 3), (5, 3, 2)), ((4, 5, 2, 3), (3, 2)),
    ((4, 1, 2, 3), (5, 3, 2)), ((3,), (5, 3, 2)), ((2, 3), (5, 3, 4)), ((3,), (4, 5, 3, 2)),
    ((0, 2, 3), (3, 4)), ((5, 2, 0), (0, 4)), ((1, 1, 3), (3, 1)), ((2, 5, 2, 3), (3,)),
]  # fmt: skip


@pytest.mark.parametrize("a, b", MATMUL)
def test_matmul(a, b):
    x, y = normal(*a), normal(*b)
    compare(lambda T, p, q: p @ q, x, y)
    compare(lambda T, p, q: T.matmul(p, other=q), x, y)
    compare(lambda T, p, q: T.matmul(p, q), x, y, grads=False)
    if len(a) > 1:
        compare(lambda T, p, q: p.matmul(q), turned(x), y)
        compare(lambda T, p, q: p.matmul(q), turned(x), y, grads=False)
    if len(b) > 1:
        compare(lambda T, p, q: p.matmul(q), x, turned(y))
        compare(lambda T, p, q: p.matmul(q), wide(*a), turned(y), grads=False)


@pytest.mark.parametrize("x_wanted, y_wanted", [(True, False), (False, True)])
@pytest.mark.parametrize("a, b", MATMUL)
def test_one_operand_with_a_gradient(a, b, x_wanted, y_wanted):
    def f(T, p, q):
        p, q = p if x_wanted else p.detach(), q if y_wanted else q.detach()
        return p @ q

    compare(f, normal(*a), normal(*b))


@pytest.mark.parametrize(
    "dtype", ["float32", "float16", "int64", "int32", "int16", "int8", "uint8"]
)
@pytest.mark.parametrize("name", ["mm", "bmm", "mv", "dot", "outer"])
def test_dtypes(name, dtype):
    shapes = PAIRS[name][0]
    make = normal if dtype.startswith("float") else integers
    x, y = (make(*s, dtype=dtype) if dtype != "uint8" else abs(integers(*s)).astype(dtype)
            for s in shapes)  # fmt: skip
    compare(lambda T, p, q: getattr(T, name)(p, q), x, y, double=False)


def test_complex_values():
    x = normal(2, 3) + 1j * normal(2, 3)
    y = normal(3, 2) + 1j * normal(3, 2)
    compare(lambda T, p, q: p @ q, x, y, grads=False)
    compare(lambda T, p, q: T.vdot(p, q), x[0], y[:, 0].copy(), grads=False)


ADDED = {
    "addmm": [((2, 4), (2, 3), (3, 4)), ((4,), (2, 3), (3, 4)), ((2, 1), (2, 3), (3, 4)),
              ((), (2, 3), (3, 4)), ((2, 4), (2, 0), (0, 4))],
    "addmv": [((2,), (2, 3), (3,)), ((1,), (2, 3), (3,)), ((), (2, 3), (3,))],
    "addbmm": [((2, 4), (5, 2, 3), (5, 3, 4)), ((4,), (5, 2, 3), (5, 3, 4))],
    "baddbmm": [((5, 2, 4), (5, 2, 3), (5, 3, 4)), ((4,), (5, 2, 3), (5, 3, 4))],
    "addr": [((2, 3), (2,), (3,)), ((3,), (2,), (3,)), ((), (2,), (3,))],
}  # fmt: skip
ADDED_CASES = [(name, shapes) for name, many in ADDED.items() for shapes in many]


@pytest.mark.parametrize("name, shapes", ADDED_CASES)
def test_added(name, shapes):
    args = [normal(*s) for s in shapes]
    compare(lambda T, *a: getattr(T, name)(*a), *args)
    compare(lambda T, *a: getattr(T, name)(*a, beta=0.5, alpha=-2), *args)
    compare(lambda T, *a: getattr(a[0], name)(*a[1:], alpha=3), *args)
    compare(lambda T, *a: getattr(T, name)(*a, beta=0), *args)


@pytest.mark.parametrize("name", ADDED)
def test_added_in_place(name):
    args = [normal(*s) for s in ADDED[name][0]]
    compare(lambda T, *a: getattr(a[0] * 2, f"{name}_")(*a[1:], beta=0.5, alpha=3), *args)
    compare(lambda T, *a: getattr(a[0], f"{name}_")(*a[1:]), *args, text=True)
    if name != "addbmm":  # PyTorch's resizes its tensor
        compare(lambda T, *a: getattr(a[0][..., :1], f"{name}_")(*a[1:]), *args, grads=False,
                text=True)  # fmt: skip


@pytest.mark.parametrize("name", ADDED)
def test_beta_zero_reads_nothing(name):
    args = [normal(*s) for s in ADDED[name][0]]
    args[0][...] = np.nan
    compare(lambda T, *a: getattr(T, name)(*a, beta=0), *args, grads=False)


@pytest.mark.parametrize("name", ADDED)
def test_added_integers(name):
    args = [integers(*s) for s in ADDED[name][0]]
    compare(lambda T, *a: getattr(T, name)(*a, beta=2, alpha=3), *args, text=True)
    compare(lambda T, *a: getattr(T, name)(*a, beta=1.5), *args, text=True)


@pytest.mark.parametrize("name", ["mm", "bmm", "mv", "dot", "inner", "outer", "kron", "matmul"])
def test_out(name):
    a, b = PAIRS.get(name, PAIRS["mm"])[0]

    def f(T, p, q):
        out = T.empty(0, dtype=p.dtype)
        found = getattr(T, name)(p, q, out=out)
        assert found is out
        return out

    compare(f, normal(*a), normal(*b), grads=False)


# -------------------------------------------------------------------------------------- in terms of
def test_tensordot():
    a, b = normal(2, 3, 4), normal(4, 3, 5)
    compare(lambda T, p, q: T.tensordot(p, q, dims=1), a, b)
    compare(lambda T, p, q: T.tensordot(p, q, ([1, 2], [1, 0])), a, b)
    compare(lambda T, p, q: T.tensordot(p, q, ([-1], [0])), a, b)
    compare(lambda T, p, q: T.tensordot(p, q, 0), normal(2), b)
    compare(lambda T, p, q: T.tensordot(p, q), normal(2, 3), normal(2, 3))
    compare(lambda T, p, q: T.tensordot(p, q, ([1], [0])), normal(2, 3), normal(1, 4), text=True)


def test_chains():
    args = normal(2, 3), normal(3, 4), normal(4, 2), normal(2, 5)
    compare(lambda T, *a: T.chain_matmul(*a), *args)
    compare(lambda T, a: T.chain_matmul(a), args[0])


def test_cross():
    a, b = normal(2, 3), normal(2, 3)
    compare(lambda T, p, q: T.cross(p, q), a, b)
    compare(lambda T, p, q: p.cross(q, dim=1), a, b)
    compare(lambda T, p, q: T.cross(p, q, dim=0), normal(3, 2, 1), normal(3, 1, 4))
    compare(lambda T, p, q: T.cross(p, q, 1), integers(2, 3), integers(2, 3))


EQUATIONS = [
    ("ij,jk->ik", (2, 3), (3, 4)), ("ij,jk->ki", (2, 3), (3, 4)), ("ij,jk", (2, 3), (3, 4)),
    ("ij", (2, 3)), ("ji", (2, 3)), ("ij->j", (2, 3)), ("ii->i", (3, 3)), ("ii", (3, 3)),
    ("ij->", (2, 3)), ("i,i", (3,), (3,)), ("i,j", (3,), (2,)), ("i,i->i", (3,), (3,)),
    ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)), ("bij,bjk", (2, 3, 4), (2, 4, 5)),
    ("...ij,...jk", (2, 3, 4), (2, 4, 5)), ("...ij,jk->...ik", (2, 6, 3, 4), (4, 5)),
    ("ij,j->ij", (3, 2), (2,)), ("bn,anm,bm->ba", (2, 5), (3, 5, 4), (2, 4)),
    ("iJ,Jk", (2, 3), (3, 4)), ("i j , j k -> i k", (2, 3), (3, 4)), ("i...->...", (2, 3, 4)),
    ("...,...->...", (2, 3), (3,)), ("iij,jk->ik", (2, 2, 3), (3, 4)), ("i->...i", (3,)),
    ("bhqd,bhkd->bhqk", (2, 2, 3, 4), (2, 2, 5, 4)), ("abc,cd,ade->be", (2, 3, 4), (4, 5),
    (2, 5, 2)),
    ("ab,cb->ca", (2, 3), (4, 3)), ("ijk,ilk->jl", (2, 3, 4), (2, 5, 4)), ("i,->i", (2,), ()),
    ("ij,ij->i", (2, 1), (2, 3)), ("a...b,b...->a...", (2, 3, 4), (4, 3)),
    ("abcd,dc->ab", (2, 3, 4, 5), (5, 4)), ("ab,bc,cd->ad", (2, 3), (3, 4), (4, 5)),
    ("ijij->ij", (2, 3, 2, 3)), ("bd,de,bf->bef", (2, 3), (3, 4), (2, 5)),
]  # fmt: skip


@pytest.mark.parametrize("case", EQUATIONS, ids=lambda c: c[0])
def test_einsum(case):
    equation, *shapes = case
    args = [normal(*s) for s in shapes]
    # PyTorch contracts three and more in an order that depends on what is installed.
    few = len(args) < 3
    compare(lambda T, *a: T.einsum(equation, *a), *args, strides=few)
    compare(lambda T, *a: T.einsum(equation, list(a)), *args, strides=few)
    args = [turned(a) if a.ndim > 1 else a for a in args]
    compare(lambda T, *a: T.einsum(equation, *a), *args, grads=False, strides=few)


def test_einsum_lists():
    a, b = normal(2, 3), normal(3, 4)
    compare(lambda T, p, q: T.einsum(p, [0, 1], q, [1, 2], [0, 2]), a, b)
    compare(lambda T, p, q: T.einsum(p, [0, 1], q, [1, 2]), a, b)
    compare(lambda T, p, q: T.einsum(p, [..., 1], q, [1, 30], [..., 30]), a, b)


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("seed", range(40))
def test_random_einsum(seed, count):
    rng = np.random.default_rng(seed)
    sizes = dict(zip("abcde", rng.integers(4 - count, 5, 5).tolist(), strict=True))
    terms = ["".join(rng.permutation(list("abcde"))[: rng.integers(1, 4)]) for _ in range(count)]
    letters = sorted(set("".join(terms)))
    out = "".join(rng.permutation(letters)[: rng.integers(0, len(letters) + 1)])
    args = [rng.normal(size=[sizes[c] for c in t]) for t in terms]
    equation = f"{','.join(terms)}->{out}"
    compare(lambda T, *a: T.einsum(equation, *a), *args, double=False, strides=count == 2,
            names=count == 2)  # fmt: skip


# --------------------------------------------------------------------------------------- complaints
F32 = "float32"
WRONG = [
    ("mm", (2, 3), (4, 5)), ("mm", (2, 3, 1), (4, 5)), ("mm", (2, 3), (5,)),
    ("bmm", (2, 2, 3), (3, 3, 4)), ("bmm", (2, 2, 3), (2, 4, 4)), ("bmm", (2, 3), (2, 4, 4)),
    ("bmm", (2, 2, 3), (2, 4)), ("mv", (2, 3), (4,)), ("mv", (2, 3), (3, 1)), ("mv", (3,), (3,)),
    ("dot", (3,), (4,)), ("dot", (3,), (3, 1)), ("vdot", (3,), (4,)), ("inner", (2, 3), (4, 4)),
    ("outer", (2, 1), (3,)), ("outer", (2,), (3, 1)), ("matmul", (3,), (4,)),
    ("matmul", (2, 3), (4,)), ("matmul", (4,), (3, 2)), ("matmul", (2, 3), (4, 5)),
    ("matmul", (5, 2, 3), (4, 5)), ("matmul", (5, 2, 3), (4,)), ("matmul", (5, 2, 3), (5, 4, 5)),
    ("matmul", (5, 2, 3), (6, 3, 5)), ("matmul", (5, 2, 3), (2, 6, 3, 5)),
    ("matmul", (4,), (5, 3, 2)), ("matmul", (2, 4), (5, 3, 2)), ("matmul", (), (3,)),
    ("addmm", (3, 4), (2, 3), (3, 4)), ("addmm", (5,), (2, 3), (3, 4)),
    ("addmm", (2, 4), (2, 3), (4, 4)), ("addmm", (2, 4), (2, 3, 1), (4, 4)),
    ("addmm", (2, 4), (2, 3), (4,)), ("addmm", (1, 2, 4), (2, 3), (3, 4)),
    ("addmv", (3,), (2, 3), (3,)), ("addmv", (2,), (2, 3), (4,)),
    ("addbmm", (2, 4), (5, 2, 3), (6, 3, 4)), ("addbmm", (2, 4), (5, 2, 3), (5, 4, 4)),
    ("addbmm", (2, 4), (2, 3), (5, 4, 4)), ("addbmm", (2, 4), (5, 2, 3), (5, 3)),
    ("addbmm", (3, 4), (5, 2, 3), (5, 3, 4)), ("baddbmm", (5, 2, 4), (5, 2, 3), (6, 3, 4)),
    ("baddbmm", (5, 2, 4), (5, 2, 3), (5, 4, 4)), ("baddbmm", (5, 3, 4), (5, 2, 3), (5, 3, 4)),
    ("addr", (4,), (2,), (3,)), ("addr", (2, 3), (2, 1), (3,)), ("addr", (2, 3), (2,), (3, 1)),
    ("tensordot", (2, 3), (4, 4)), ("cross", (2, 2), (2, 2)), ("cross", (2, 3), (3,)),
    ("chain_matmul", (2, 3), (4,)),
]  # fmt: skip


@pytest.mark.parametrize("case", WRONG, ids=lambda c: f"{c[0]}{c[1:]}")
def test_wrong_shapes(case):
    name, *shapes = case
    args = [normal(*s, dtype=F32) for s in shapes]
    compare(lambda T, *a: getattr(T, name)(*a), *args, text=True)


MIXED = [n for n in [*PAIRS, *ADDED, "matmul", "tensordot"] if n not in ("ger", "kron")]


@pytest.mark.parametrize("name", MIXED)
def test_two_dtypes(name):
    shapes = {**PAIRS, **ADDED, "matmul": MATMUL, "tensordot": PAIRS["mm"]}[name][0]
    for at in range(len(shapes)):
        args = [normal(*s, dtype="float64" if i == at else F32) for i, s in enumerate(shapes)]
        # PyTorch's gradient of addr fails where the dtypes differ.
        compare(lambda T, *a: getattr(T, name)(*a), *args, text=True, double=False,
                grads=name != "addr")  # fmt: skip


@pytest.mark.parametrize("name", ["mm", "bmm", "mv", "dot", "outer", "addmm", "addr", "cross"])
def test_bools(name):
    shapes = {**PAIRS, **ADDED, "cross": [((2, 3), (2, 3))]}[name][0]
    args = [normal(*s) > 0 for s in shapes]
    compare(lambda T, *a: getattr(T, name)(*a), *args, text=True)


BAD_EQUATIONS = [
    ("ij,jk->il", (2, 3), (3, 4)), ("ij,jk->ii", (2, 3), (3, 4)), ("ij,jk->ik", (2, 3), (4, 4)),
    ("ij,jk->ik", (2, 3)), ("ij->i", (2, 3), (4, 4)), ("ij", (2, 3, 4)), ("ijk", (2, 3)),
    ("i1", (2, 3)), ("ij->i->j", (2, 3)), ("i..j", (2, 3)), ("...i...", (2, 3)), ("ii", (2, 3)),
    ("i->.i", (2,)), ("i->...i...", (2,)),
]  # fmt: skip


@pytest.mark.parametrize("case", BAD_EQUATIONS, ids=lambda c: c[0])
def test_wrong_equations(case):
    equation, *shapes = case
    compare(lambda T, *a: T.einsum(equation, *a), *[normal(*s) for s in shapes], text=True)


def test_wrong_lists():
    compare(lambda T: T.einsum("i"), text=True)
    compare(lambda T, a: T.einsum(a, [0, 52]), normal(2, 3), text=True)


def test_operator_with_others():
    for other in (3, [1, 2], None, "x"):
        compare(lambda T, a, o=other: a @ o, normal(2, 3), text=True)
        compare(lambda T, a, o=other: o @ a, normal(2, 3), text=True)


# -------------------------------------------------------------------------------- the graph, memory
def test_saved_factors_are_watched():
    def f(T, a, b):
        c = a * 1
        out = c @ b
        c.add_(1)
        out.sum().backward()
        return out.detach()

    compare(f, normal(2, 3), normal(3, 2), text=True)
    # Without a gradient for b, a is not needed.
    compare(lambda T, a, b: f(T, a, b.detach()), normal(2, 3), normal(3, 2))


def test_gradients_lie_as_their_operands():
    def f(T, x, w):
        (x @ w.t()).sum().backward()
        return x.grad, w.grad

    compare(f, normal(4, 3), normal(5, 3))
    compare(f, turned(normal(4, 3)), turned(normal(5, 3)))


def test_transposes_are_not_copied():
    a, b = ours.randn(64, 32), ours.randn(48, 32)
    out = a @ b.t()
    assert out.is_contiguous()
    wanted = real.from_numpy(a.numpy()) @ real.from_numpy(b.numpy()).t()
    np.testing.assert_allclose(out.numpy(), wanted.numpy(), rtol=1e-5, atol=1e-5)
