"""Edges of elementwise operations, products, lookups of rows and random numbers, beside PyTorch."""

import sys
import threading

import numpy as np
import pytest
from oracle import array_of, compare, ours, real, same

NAN, INF = np.nan, np.inf
EDGES = np.array([0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 3.0, NAN, INF, -INF, 1e-30, 1e30])
U8 = np.array([0, 1, 44, 255], np.uint8)
I8 = np.array([-128, -1, 0, 127], np.int8)


def values(*shape, dtype=np.float32, seed=0):
    return np.asarray(np.random.default_rng(seed).normal(size=shape)).astype(dtype)


# ----------------------------------------------------------------------- numbers that do not fit
NUMBERS = {
    "rsub": lambda T, x, v: v - x,
    "torch.rsub": lambda T, x, v: T.rsub(x, v),
    "add": lambda T, x, v: T.add(x, x, alpha=v),
    "sub_": lambda T, x, v: x.sub_(x, alpha=v),
    "rsub alpha": lambda T, x, v: T.rsub(x, 3, alpha=v),
    "addcmul": lambda T, x, v: T.addcmul(x, x, x, value=v),
    "addmm": lambda T, x, v: T.addmm(x.view(2, 2), x.view(2, 2), x.view(2, 2), alpha=v, beta=v),
    "addr": lambda T, x, v: T.addr(x.view(2, 2), x[:2], x[:2], alpha=v),
    "addmv": lambda T, x, v: T.addmv(x[:2], x.view(2, 2), x[:2], beta=v),
    "pow": lambda T, x, v: x**v,
    "clamp": lambda T, x, v: x.clamp(v),
    "threshold": lambda T, x, v: T.threshold(x, 1, v),
    "hardtanh": lambda T, x, v: T.nn.functional.hardtanh(x, -abs(v), abs(v)),
    "where": lambda T, x, v: T.where(x > 1, x, v),
    "remainder": lambda T, x, v: x % v,
    "floordiv": lambda T, x, v: x // v,
    "fill_": lambda T, x, v: x.fill_(v),
}


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("array", [U8, I8], ids=["uint8", "int8"])
@pytest.mark.parametrize("number", [-1, 300, 2**40, -1.5, True])
def test_numbers_beside_small_integers(name, array, number):
    compare(lambda T, x: NUMBERS[name](T, x, number), array, grads=False)


@pytest.mark.parametrize("number", [1e300, -1e300, 1e6, INF, 2**62])
def test_numbers_beyond_the_dtype(number):
    for dtype in (np.float16, np.float32):
        with np.errstate(over="ignore"):
            x = EDGES.astype(dtype)
        for f in (
            lambda T, x: x.clamp(number),
            lambda T, x: x.clamp(max=number),
            lambda T, x: T.add(x, x, alpha=number),
            lambda T, x: x**number,
            lambda T, x: T.where(x > 1, x, number),
            lambda T, x: T.nn.functional.softshrink(x, abs(number)),
        ):
            compare(f, x, double=False)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_numbers_beside_half_precision_are_not_rounded_first(dtype):
    """Scaling a loss by 65536 must not make it infinite."""

    def program(T, f):
        x = T.tensor([0.1, 0.3, 1.7, 0.0], dtype=getattr(T, dtype), requires_grad=True)
        y = f(T, x)
        (g,) = T.autograd.grad(y, x, T.ones_like(y)) if y.requires_grad else (x,)
        return y, g

    for f in (
        lambda T, x: x * 65536.0,
        lambda T, x: x * 0.1,
        lambda T, x: x / 0.3,
        lambda T, x: x / 100000,
        lambda T, x: 0.3 / (x + 1),
        lambda T, x: x.detach() // 0.1,
        lambda T, x: T.div(x, 0.1, rounding_mode="trunc"),
        lambda T, x: (x * 1).mul_(0.1),
        lambda T, x: (x * 1).div_(0.3),
        lambda T, x: x * T.tensor(0.1),
        lambda T, x: x.detach().clone().mul_(T.tensor(0.1, dtype=T.float64)),
    ):
        mine, theirs = program(ours, f), program(real, f)
        for a, b in zip(mine, theirs, strict=True):
            assert str(a.dtype) == str(b.dtype)
            np.testing.assert_array_equal(array_of(a), array_of(b))


def test_complex_numbers_with_either_zero():
    for z in (complex(1, 0.0), complex(1, -0.0), complex(1, 0.0)):
        found = (ours.tensor([1j]) * 0 + z)._np.imag
        np.testing.assert_array_equal(np.signbit(found), np.signbit((1j * 0 + np.array([z])).imag))


# ------------------------------------------------------------------------------- in place
PROMOTED = {
    "mul_": lambda T, x, y: (x * 1).mul_(y),
    "div_": lambda T, x, y: (x * 1).div_(y),
    "pow_": lambda T, x, y: (x * x + 1).pow_(y),
    "add_": lambda T, x, y: (x * 1).add_(y, alpha=2.5),
    "addcmul_": lambda T, x, y: (x * 1).addcmul_(y, y),
    "addcdiv_": lambda T, x, y: (x * 1).addcdiv_(y, y + 3),
    "atan2_": lambda T, x, y: (x * 1).atan2_(y),
    "clamp_": lambda T, x, y: (x * 1).clamp_(y),
    "fmod_": lambda T, x, y: (x * 1).fmod_(y),
    "xlogy_": lambda T, x, y: (x * x).xlogy_(y * y),
}


@pytest.mark.parametrize("name", PROMOTED)
@pytest.mark.parametrize("other", [np.float32, np.float64])
def test_gradients_in_place_of_operands_in_two_dtypes(name, other):
    x, y = values(3), values(3, dtype=other, seed=1)
    compare(PROMOTED[name], x, y, double=False, names=False, rtol=1e-6)


SPECIAL = {"lgamma_": (), "digamma_": (), "i0_": (), "mvlgamma_": (1,), "polygamma_": (1,)}


@pytest.mark.parametrize("name", SPECIAL)
def test_special_functions_in_place(name):
    more = SPECIAL[name]
    x = np.array([0.3, 0.8, 1.4, 2.2])

    def on_a_view(T, x):
        base = x * 1
        getattr(base[1:3], name)(*more)
        return base

    compare(on_a_view, x, names=False, rtol=1e-6)
    compare(lambda T, x: getattr(x * 1, name)(*more), x, rtol=1e-6)
    compare(lambda T, x: getattr(x, name)(*more), x, text=True)
    compare(lambda T, x: getattr(x.expand(3, 4), name)(*more), x, grads=False, text=True)
    compare(lambda T, x: getattr(x, name)(*more), np.array([1, 2]), grads=False)


@pytest.mark.parametrize("shapes", [((3,), (4,)), ((0,), (3,)), ((1,), (3,)), ((3,), (2, 3))])
@pytest.mark.parametrize("name", ["lerp_", "addcmul_", "addcdiv_", "clamp_", "mul_", "eq_"])
def test_shapes_that_do_not_fit_in_place(name, shapes):
    more = {"lerp_": (0.3,)}.get(name, ())

    def f(T, a, b):
        return getattr(a, name)(*([b, b] if name.startswith("addc") else [b]), *more)

    compare(f, values(*shapes[0]), values(*shapes[1]), grads=False, text=True)


def test_products_are_not_written_into_repeated_elements():
    compare(lambda T, a: a.expand(2, 2).addmm_(a.expand(2, 2), a.expand(2, 2)), values(2),
            grads=False, text=True)  # fmt: skip


# ------------------------------------------------------------------------------- gradients at edges
def test_xlogy_passes_nothing_on_where_nothing_arrives():
    def program(T):
        x, y = T.tensor([0.5, 0.0, 2.0], requires_grad=True), T.tensor([0.0, 0.0, NAN])
        z = T.xlogy(x, y)
        return T.autograd.grad(z, x, T.tensor([0.0, 1.0, 0.0]))

    same(program(ours), program(real), graph=False)


def test_what_saved_nothing_is_gone_through_again():
    def program(T):
        b = T.ones(2, requires_grad=True)
        y = T.addmm(b, T.ones(3, 2), T.ones(2, 2))
        z = T.nn.functional.linear(T.ones(3, 2), T.ones(2, 2), b)
        for out in (y, y, z, z):
            out.sum().backward()
        return b.grad

    same(program(ours), program(real))


def test_floor_division_has_a_node_without_derivative():
    def program(T):
        return (T.ones(2, requires_grad=True) // 0.7).grad_fn.name()

    assert program(ours) == program(real)


# ------------------------------------------------------------------------------- comparisons
def test_isclose_of_integers_in_the_default_dtype():
    def program(T):
        a, b = T.tensor([2**24 + 1, 5]), T.tensor([2**24, 5])
        was = T.get_default_dtype()
        found = []
        for dtype in (T.float32, T.float64):
            T.set_default_dtype(dtype)
            try:
                found.append(T.isclose(a, b, rtol=0.0, atol=0.5))
            finally:
                T.set_default_dtype(was)
        return found

    same(program(ours), program(real))


def test_isin_compares_in_the_common_dtype():
    f4 = np.array([0.1, 0.5, 16777216.0], np.float32)
    compare(lambda T, x: T.isin(x, 0.1), f4, grads=False)
    compare(lambda T, x, y: T.isin(x, y), f4, np.array([16777217, 1]), grads=False)
    compare(lambda T, x: T.isin(1, x), np.array([1, 2]), grads=False)


@pytest.mark.parametrize("name", ["eq", "logical_and", "isclose"])
def test_comparisons_lie_in_memory_as_their_operands(name):
    x = values(3, 4)
    for f in (lambda x: x.t(), lambda x: x.unsqueeze(0).expand(2, 3, 4), lambda x: x[:, ::2]):
        compare(lambda T, x, f=f: getattr(T, name)(f(x), f(x)), x, grads=False)


# ------------------------------------------------------------------------------- linear maps
def test_linear_of_odd_shapes():
    a, b = values(3, 3), values(3, 3, seed=1)
    for f in (
        lambda F, a, b: F.linear(a[0, 0], b, a[0]),
        lambda F, a, b: F.linear(a[0], b[0, 0]),
        lambda F, a, b: F.linear(a[0], b[0], b[0, 0]),
        lambda F, a, b: F.linear(a, b[0], b[0, 0]),
        lambda F, a, b: F.linear(a.expand(2, 3, 3), b, a[0]),
        lambda F, a, b: F.linear(a.expand(2, 3, 3).contiguous(), b, a[0]),
        lambda F, a, b: F.linear(a.expand(2, 3, 3), b, a),
    ):
        compare(lambda T, a, b, f=f: f(T.nn.functional, a, b), a, b, double=False, text=True)


def test_dtypes_of_products_in_messages():
    for dtype in (np.int16, np.uint8, np.bool_, np.float16, np.complex64):
        x = values(2, 2).astype(dtype) if dtype != np.uint8 else np.ones((2, 2), dtype)
        compare(lambda T, a, b: a @ b, values(2, 2), x, grads=False, text=True)
        compare(lambda T, a, b: T.baddbmm(a[None], a[None], b[None]), values(2, 2), x,
                grads=False, text=True)  # fmt: skip
        compare(lambda T, a, b: T.sort(a, out=(T.empty_like(a), b)), values(2, 2), x,
                grads=False, text=True)  # fmt: skip


# ------------------------------------------------------------------------------- lookups of rows
TABLE = np.array([[1.0, 5.0], [3.0, 5.0], [0.0, 0.0], [-1.0, 2.0]])
ROWS = np.array([0, 1, 2, 0, 3])


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("offsets", [[0], [0, 2], [0, 2, 2, 5], [0, 0, 5], [1, 2], [0, 6]], ids=str)
@pytest.mark.parametrize("padding", [None, 0, -1, 7])
def test_bags_of_rows(mode, offsets, padding):
    compare(
        lambda T, i, o, w: T.nn.functional.embedding_bag(i, w, o, mode=mode, padding_idx=padding),
        ROWS, np.array(offsets), TABLE, double=False, names=False,
    )  # fmt: skip


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("offsets", [[0, 5], [0, 2, 5], [0, 2, 2, 5], [0, 2, 6], []], ids=str)
def test_bags_with_their_end(mode, offsets):
    compare(
        lambda T, i, o, w: T.nn.functional.embedding_bag(
            i, w, o, mode=mode, include_last_offset=True
        ),
        ROWS, np.array(offsets, np.int64), TABLE, double=False, names=False,
    )  # fmt: skip


@pytest.mark.parametrize("mode", ["sum", "mean"])
def test_rows_after_the_end_belong_to_no_bag(mode):
    """PyTorch in float32; its other dtypes and its gradient count them in the last bag."""
    compare(
        lambda T, i, o, w: T.nn.functional.embedding_bag(
            i, w, o, mode=mode, include_last_offset=True
        ),
        ROWS, np.array([0, 2, 3]), TABLE.astype(np.float32), grads=False,
    )  # fmt: skip
    w = ours.tensor(TABLE, requires_grad=True)
    out = ours.nn.functional.embedding_bag(
        ours.tensor(ROWS), w, ours.tensor([0, 2, 3]), mode="sum", include_last_offset=True
    )
    out.sum().backward()
    assert w.grad.tolist() == [[1, 1], [1, 1], [1, 1], [0, 0]]


def test_the_first_of_the_largest_rows_gets_the_gradient():
    table = np.array([[2.0, NAN, 1.0], [2.0, 4.0, NAN], [1.0, 4.0, 3.0]])
    rows = np.array([0, 0, 1, 2, 1, 2, 0])
    compare(
        lambda T, i, o, w: T.nn.functional.embedding_bag(i, w, o, mode="max"),
        rows, np.array([0, 4, 4]), table, double=False, names=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    "options",
    [
        {"mode": "max", "scale_grad_by_freq": True},
        {"mode": "max", "sparse": True},
        {"mode": "median"},
        {"mode": "mean", "weights": np.ones(5)},
        {"mode": "sum", "weights": np.ones(4)},
        {"mode": "sum", "weights": np.ones(5, np.float32)},
    ],
    ids=str,
)
def test_bags_refuse(options):
    given = {k: v for k, v in options.items() if k != "weights"}
    factors = options.get("weights", np.zeros(0))

    def f(T, i, o, w, p):
        weights = p if "weights" in options else None
        return T.nn.functional.embedding_bag(i, w, o, per_sample_weights=weights, **given)

    compare(f, ROWS, np.array([0, 2]), TABLE, factors, grads=False, text=True)


@pytest.mark.parametrize("offsets", [[0, 3, 2], []], ids=str)
def test_offsets_that_make_no_bags_are_refused(offsets):
    with pytest.raises(RuntimeError, match="embedding_bag: .*Remedy"):
        ours.nn.functional.embedding_bag(
            ours.tensor(ROWS), ours.tensor(TABLE), ours.tensor(offsets, dtype=ours.int64)
        )


def test_factors_of_rows():
    compare(
        lambda T, i, o, w, p: T.nn.functional.embedding_bag(
            i, w, o, mode="sum", per_sample_weights=p, padding_idx=0
        ),
        ROWS, np.array([0, 2]), TABLE, np.arange(1.0, 6), double=False, names=False,
    )  # fmt: skip


@pytest.mark.parametrize("options", [{}, {"padding_idx": -1}, {"scale_grad_by_freq": True},
                                     {"max_norm": 1.0}, {"padding_idx": 4}])  # fmt: skip
def test_rows_of_a_table(options):
    compare(
        lambda T, i, w: T.nn.functional.embedding(i, w * 1, **options), ROWS, TABLE, double=False
    )
    compare(lambda T, i: T.nn.functional.one_hot(i, 0), ROWS, grads=False)


# ------------------------------------------------------------------------------- random numbers
@pytest.mark.parametrize("name", ["rand", "randn", "randperm", "randint", "normal"])
@pytest.mark.parametrize("dtype", ["float64", "float16", "float32"])
def test_out_of_another_dtype(name, dtype):
    arguments = {"randint": (3, (5,)), "normal": (0.0, 1.0, (5,))}.get(name, (5,))

    def program(T, **options):
        T.manual_seed(3)
        try:
            return getattr(T, name)(*arguments, out=T.empty(5, dtype=getattr(T, dtype)), **options)
        except RuntimeError as error:
            return str(error)

    same(program(ours), program(real))
    same(program(ours, dtype=ours.float32), program(real, dtype=real.float32))


def test_truth_values_into_integers():
    def program(T):
        T.manual_seed(3)
        return T.bernoulli(T.full((9,), 0.5), out=T.empty(9, dtype=T.int64))

    same(program(ours), program(real))


@pytest.mark.parametrize("name", ["uniform_", "normal_", "random_", "bernoulli_", "exponential_"])
def test_repeated_elements_are_not_filled(name):
    compare(lambda T, x: getattr(x.expand(3), name)(), values(1), grads=False, text=True)


@pytest.fixture
def restless():
    """Threads take turns as often as they can."""
    was = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(was)


@pytest.mark.parametrize(
    ("name", "size", "count"), [("randn", 7, 40), ("rand", 60_000, 8)], ids=["pairs", "chunks"]
)
def test_numbers_that_belong_together_follow_each_other_in_every_thread(
    restless, name, size, count
):
    """Odd counts leave half a pair; large ones are drawn in chunks."""
    generator = ours.Generator().manual_seed(0)
    found = []

    def draw():
        for _ in range(count):
            made = getattr(ours, name)(size, generator=generator, dtype=ours.float64)
            found.append(made._np[:: size // 7].tolist())

    threads = [threading.Thread(target=draw) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    alone = real.Generator().manual_seed(0)
    expected = [
        getattr(real, name)(size, generator=alone, dtype=real.float64)[:: size // 7].tolist()
        for _ in range(4 * count)
    ]
    np.testing.assert_allclose(sorted(found), sorted(expected), rtol=1e-13)
