"""``torch.vmap``: dimensions, containers, refusals, writes, against PyTorch's."""

from __future__ import annotations

import gc
import threading
import warnings
from collections import OrderedDict, namedtuple

import numpy as np
import pytest
from func_cases import agree, both, numbers
from oracle import ours, real

Pair = namedtuple("Pair", ["first", "second"])


def x_of(T):
    return T.arange(24.0).reshape(2, 3, 4)


@pytest.mark.parametrize("in_dim", [0, 1, 2, -1, -3])
@pytest.mark.parametrize("out_dim", [0, 1, 2, -1])
def test_dimensions(in_dim, out_dim):
    def program(T):
        f = T.vmap(lambda a: a.sum(0, keepdim=True) * a, in_dims=in_dim, out_dims=out_dim)
        return f(x_of(T))

    agree(program)


@pytest.mark.parametrize(
    "in_dims", [(0, None), (None, 0), (0, (1, None)), ((0), (0, 1)), (0, {"k": 1})]
)
def test_arguments_in_containers(in_dims):
    def program(T):
        x, y = numbers(T, (3, 3), (3, 3))
        second = in_dims[1]
        if isinstance(second, dict):
            return T.vmap(lambda a, b: a * b["k"], in_dims=in_dims)(x, {"k": y})
        if isinstance(second, tuple):
            return T.vmap(lambda a, b: a * b[0] - b[1], in_dims=in_dims)(x, (y, x))
        return T.vmap(lambda a, b: a @ b if b.ndim == 2 else b @ a, in_dims=in_dims)(x, y)

    agree(program)


def test_results_in_containers():
    def program(T):
        def f(a):
            return {"sum": a.sum(), "pair": (a * 2, [a.cos()]), "none": Pair(a, a.exp())}

        found = T.vmap(f, out_dims=0)(x_of(T))
        return found["sum"], found["pair"], tuple(found["none"]), list(found)

    agree(program)


def test_results_along_different_dimensions():
    agree(lambda T: T.vmap(lambda a: (a, a * 2), out_dims=(2, 0))(x_of(T)))
    agree(lambda T: T.vmap(lambda a: (a, T.ones(2)), out_dims=(1, None))(x_of(T)))
    agree(lambda T: T.vmap(lambda a: OrderedDict(k=a), out_dims=OrderedDict(k=1))(x_of(T))["k"])


def test_keyword_arguments_are_not_mapped():
    agree(lambda T: T.vmap(lambda a, *, b: a + b)(x_of(T), b=T.arange(4.0)))


def test_results_that_are_not_mapped_are_repeated():
    agree(lambda T: T.vmap(lambda a: (T.arange(3), a))(x_of(T)))
    agree(lambda T: T.vmap(lambda a: T.zeros_like(a))(x_of(T)))


@pytest.mark.parametrize("chunk", [1, 2, 3, 5, 100])
def test_chunks(chunk):
    agree(lambda T: T.vmap(lambda a: (a * 2, a.sum()), 0, (1, 0), chunk_size=chunk)(
        T.arange(20.0).reshape(5, 4)))  # fmt: skip


def test_nesting_over_different_arguments():
    def program(T):
        x, y, z = numbers(T, (3, 2), (4, 2), (5, 2))
        inner = lambda a, b, c: (a * b).sum() + c.max()  # noqa: E731
        f = T.vmap(T.vmap(T.vmap(inner, (None, None, 0)), (None, 0, None)), (0, None, None))
        return f(x, y, z)

    agree(program)


def test_empty_and_single_examples():
    agree(lambda T: T.vmap(lambda a: a * 2)(T.ones(1, 3)))
    agree(lambda T: T.vmap(lambda a: a.sum())(T.ones(3, 0)))


@pytest.mark.parametrize("dtype", ["float64", "int64", "bool", "float16"])
def test_dtypes_stay_as_they_are(dtype):
    def program(T):
        x = T.arange(6).reshape(2, 3).to(getattr(T, dtype))
        return T.vmap(lambda a: (a, a + a, a.sum(), T.where(a > 0, a, a)))(x)

    agree(program)


# ------------------------------------------------------------------------------------ refusals
def x2(T):
    return T.arange(6.0).reshape(3, 2)


REFUSED = {
    "if": lambda T: T.vmap(lambda a: a if a.sum() > 0 else -a)(x2(T)),
    "while": lambda T: T.vmap(lambda a: [a for _ in iter(lambda: bool(a.max() > 1), True)])(x2(T)),
    "item": lambda T: T.vmap(lambda a: a.sum().item())(x2(T)),
    "float": lambda T: T.vmap(lambda a: float(a.sum()))(x2(T)),
    "int": lambda T: T.vmap(lambda a: int(a.sum()))(x2(T)),
    "tolist": lambda T: T.vmap(lambda a: a.tolist())(x2(T)),
    "numpy": lambda T: T.vmap(lambda a: a.numpy())(x2(T)),
    "nonzero": lambda T: T.vmap(lambda a: a.nonzero())(x2(T)),
    "mask": lambda T: T.vmap(lambda a: a[a > 2])(x2(T)),
    "masked_select": lambda T: T.vmap(lambda a: a.masked_select(a > 2))(x2(T)),
    "unique": lambda T: T.vmap(lambda a: a.unique())(x2(T)),
    "equal": lambda T: T.vmap(lambda a: T.equal(a, a))(x2(T)),
    "allclose": lambda T: T.vmap(lambda a: T.allclose(a, a))(x2(T)),
    "slice": lambda T: T.vmap(lambda a: x2(T)[: a.sum().long()])(x2(T)),
    "out": lambda T: T.vmap(lambda a: T.add(a, a, out=T.empty(2)))(x2(T)),
    "backward": lambda T: T.vmap(lambda a: a.sum().backward())(x2(T)),
    "requires_grad_": lambda T: T.vmap(lambda a: a.clone().requires_grad_())(x2(T)),
    "no tensor": lambda T: T.vmap(lambda a: 3)(x2(T)),
    "None": lambda T: T.vmap(lambda a: None)(x2(T)),
    "sizes": lambda T: T.vmap(lambda a, b: a)(x2(T), T.ones(4)),
    "in_dims None": lambda T: T.vmap(lambda a: a, in_dims=None)(x2(T)),
    "in_dims all None": lambda T: T.vmap(lambda a: a, in_dims=(None,))(x2(T)),
    "in_dims 3": lambda T: T.vmap(lambda a: a, in_dims=3)(x2(T)),
    "in_dims long": lambda T: T.vmap(lambda a: a, in_dims=(0, 0))(x2(T)),
    "in_dims list": lambda T: T.vmap(lambda a: a, in_dims=[0])(x2(T)),
    "in_dims of a number": lambda T: T.vmap(lambda a: a)(3),
    "in_dims text": lambda T: T.vmap(lambda a: a, in_dims=("a",))(x2(T)),
    "no arguments": lambda T: T.vmap(lambda: 1)(),
    "out_dims 5": lambda T: T.vmap(lambda a: a, out_dims=5)(x2(T)),
    "out_dims long": lambda T: T.vmap(lambda a: a, out_dims=(0, 0))(x2(T)),
    "out_dims text": lambda T: T.vmap(lambda a: a, out_dims="a")(x2(T)),
    "out_dims None": lambda T: T.vmap(lambda a: a, out_dims=None)(x2(T)),
    "randomness": lambda T: T.vmap(lambda a: a, randomness="x")(x2(T)),
    "chunk": lambda T: T.vmap(lambda a: a, chunk_size=0)(x2(T)),
    "write to an unmapped one": lambda T: T.vmap(_write_unmapped(T))(x2(T)),
}


def _write_unmapped(T):
    u = T.zeros(2)

    def f(a):
        u[0] = a[0]
        return u

    return f


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_are_pytorchs(name):
    mine, theirs = both(REFUSED[name])
    assert isinstance(theirs[0], str)
    assert mine == theirs


def test_the_refusal_of_an_if_names_what_works():
    with pytest.raises(RuntimeError, match=r"torch\.where\(condition, a, b\)"):
        ours.vmap(lambda a: a if a.sum() > 0 else -a)(x2(ours))


def test_after_an_error_everything_is_as_before():
    for T in (ours, real):
        with pytest.raises(RuntimeError):
            T.vmap(T.func.grad(lambda a: a.item()))(x2(T))
        x = x2(T).requires_grad_()
        (x * 2).sum().backward()
        assert x.grad.sum().item() == 12
        assert bool(x.sum() > 0)
        assert T.vmap(lambda a: a.sum())(x2(T)).tolist() == [1, 5, 9]


# -------------------------------------------------------------------------------------- writes
def test_writes_to_mapped_arguments_are_seen_outside():
    def program(T):
        x, y = x2(T), T.zeros(2, 3)

        def f(a, b):
            a.mul_(2)
            b[0] = a[1]
            b.add_(a.sum())
            return a.sum()

        out = T.vmap(f, in_dims=(0, 1))(x, y)
        return out, x, y, x._version > 0

    agree(program)


def test_writes_through_views_inside():
    def program(T):
        def f(a):
            out = a.new_zeros(2, 2)
            out[0].add_(a)
            out.T[1] -= a * 3
            out.diagonal().mul_(2)
            return out

        return T.vmap(f)(x2(T)), T.vmap(T.func.grad(lambda a: (f(a) ** 2).sum()))(x2(T))

    agree(program)


def test_writes_of_unmapped_values_into_mapped_ones():
    agree(lambda T: T.vmap(lambda a: a.clone().copy_(T.tensor([5.0, 6.0])))(x2(T)))
    agree(lambda T: T.vmap(lambda a: a.clone().fill_(2).add_(T.ones(2)))(x2(T)))


def test_unmapped_tensors_among_themselves_are_ordinary():
    def program(T):
        u = T.zeros(2)

        def f(a):
            u.add_(1)
            if u.sum() > 0 and u[0].item() == 1:
                return a * u
            return a

        return T.vmap(f)(x2(T)), u

    agree(program)


def test_indices_with_one_number_for_each_example():
    def program(T):
        x, i = numbers(T, (5, 4, 3)), T.tensor([0, 3, 1, 2, -1])

        def f(a, k):
            b = a.clone()
            b[k] = 7.0
            b[k, 1] = a[0, 0]
            b[1:, k.abs() % 3] = a[1:, 0]
            b[k.unsqueeze(0), 2] += 1
            return a[k], a[..., k.abs() % 3], a[k, None], a[k, T.tensor([0, 2])], b

        return T.vmap(f)(x, i)

    agree(program)


# --------------------------------------------------------------------------------- other things
def test_mapped_tensors_print_like_pytorchs():
    def program(T):
        seen = []
        T.vmap(T.vmap(lambda a: (seen.append(repr(a)), a)[1]))(x2(T))
        return seen

    agree(program)


def test_sizes_and_kinds_inside():
    def program(T):
        seen = []

        def f(a):
            seen.append((tuple(a.shape), a.ndim, len(a), a.numel(), str(a.dtype), a.size(0)))
            seen.append((a.is_floating_point(), isinstance(a, T.Tensor), a.stride()))
            return sum(e for e in a)

        return T.vmap(f)(x_of(T)), seen

    agree(program)


def test_values_can_be_looked_at_while_debugging():
    def program(T):
        seen = []

        def f(a):
            seen.append(T.func.debug_unwrap(a).clone())
            seen.append(repr(T.func.debug_unwrap(a, recurse=False)))
            return a.sum()

        T.vmap(f)(x2(T))
        T.vmap(T.vmap(f))(x_of(T))
        T.func.grad(f)(T.ones(2))
        return seen[:4], T.func.functionalize(lambda a: a.clone().add_(1))(x2(T))

    agree(program)


def test_a_warning_says_which_operation_runs_example_by_example():
    x = numbers(ours, (3, 5))
    with pytest.warns(UserWarning, match=r"performance drop.*aten::histc"):
        found = ours.vmap(lambda a: a.histc(4, -2, 2))(x)
    assert ours.equal(found, ours.stack([a.histc(4, -2, 2) for a in x]))


def test_no_lanes_are_refused_where_lanes_run_one_by_one():
    error = agree(lambda T: T.vmap(lambda a: T.histc(a))(T.zeros(0, 3)))
    assert error[0] == "RuntimeError"
    agree(lambda T: T.vmap(T.sin)(T.zeros(0, 3)))


def test_two_threads_map_independently():
    results = {}

    def work(k):
        for _ in range(20):
            results[k] = ours.vmap(lambda a: (a * k).sin().sum())(x2(ours)).sum().item()

    threads = [threading.Thread(target=work, args=(k,)) for k in (1, 2, 3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for k, found in results.items():
        assert found == pytest.approx((x2(ours) * k).sin().sum().item(), rel=1e-5)


def test_nothing_is_left_for_the_collector():
    w = ours.ones(2, requires_grad=True)
    f = ours.vmap(ours.func.grad(lambda a: (a * w).sin().sum()))

    def work():
        f(x2(ours)).sum().backward()
        ours.func.jvp(ours.sin, (w.detach(),), (w.detach(),))
        ours.vmap(lambda a: a * 2)(x2(ours))

    work()
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        for _ in range(50):
            work()
        assert len(gc.get_objects()) - before < 50
    finally:
        gc.enable()


def test_large_lanes_go_in_one_step():
    x, w = numbers(ours, (5000, 20), (20, 20))
    calls = []

    def f(a):
        calls.append(1)
        return (w @ a).tanh().sum()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = ours.vmap(f)(x)
    assert len(calls) == 1
    np.testing.assert_allclose(found._np, np.tanh(x._np @ w._np.T).sum(1), rtol=1e-4, atol=1e-4)


# ------------------------------------------------------------------- operations without a rule
MATRICES = {
    "det": lambda T, a, b: T.linalg.det(a),
    "inv": lambda T, a, b: T.linalg.inv(a),
    "solve": lambda T, a, b: T.linalg.solve(a, b),
    "solve vector": lambda T, a, b: T.linalg.solve(a, b[:, 0]),
    "eigvalsh": lambda T, a, b: T.linalg.eigvalsh(a + a.T),
    "slogdet": lambda T, a, b: T.linalg.slogdet(a)[1],
    "old slogdet": lambda T, a, b: T.slogdet(a)[1],
    "svdvals": lambda T, a, b: T.linalg.svdvals(a),
    "cholesky": lambda T, a, b: T.linalg.cholesky(a @ a.T),
    "lgamma": lambda T, a, b: T.lgamma(a * a + 1),
    "igamma": lambda T, a, b: T.special.gammainc(T.tensor([1.0, 2.0, 3.0]), (b.T @ b)[0, 0] + 1),
}


@pytest.mark.parametrize("name", MATRICES)
def test_operations_that_take_batches_get_all_lanes(name):
    def program(T):
        a, b = numbers(T, (3, 3), (3, 2), lanes=4, seed=3)
        f = lambda a, b: MATRICES[name](T, a + 3 * T.eye(3), b)  # noqa: E731
        found = T.vmap(f)(a, b), T.vmap(f, in_dims=(0, None))(a, b[0])
        if name == "igamma":
            return found
        return found, T.vmap(T.func.grad(lambda a, b: f(a, b).sin().sum()))(a, b)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        program(ours)
    agree(program, rtol=1e-3)


def test_lane_by_lane_with_gradients_inside_and_outside():
    def program(T):
        x, y = numbers(T, (3, 4, 2), (5, 2))
        y.requires_grad_()
        inner = T.vmap(T.func.grad(lambda a: (T.cdist(a, y) ** 2).sum()))(x)
        outer = T.autograd.grad((T.vmap(lambda a: T.cdist(a, y))(x) ** 2).sum(), y)
        return inner.detach(), outer

    agree(program)


def test_lane_by_lane_in_place():
    x, i = numbers(ours, (3, 5)), ours.tensor([[0, 2], [1, 1], [4, 3]])

    def f(a, k):
        b = a.clone()
        b.index_reduce_(0, k, ours.ones(2) * 3, "amax")
        return b

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = ours.vmap(f)(x, i)
    assert ours.equal(found, ours.stack([f(a, k) for a, k in zip(x, i, strict=True)]))


def test_random_numbers_are_refused_lane_by_lane_too():
    f = ours.vmap(lambda a: ours.nn.functional.fractional_max_pool2d(a, 2, output_size=2))
    before = ours.get_rng_state()
    with pytest.raises(RuntimeError, match="randomness error mode"):
        f(numbers(ours, (1, 1, 5, 5), lanes=2))
    assert ours.equal(before, ours.get_rng_state())


def test_a_gradient_without_a_rule_says_so():
    class Square(ours.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(a):
            return a * a

        @staticmethod
        def setup_context(ctx, inputs, output):
            pass

        @staticmethod
        def backward(ctx, g):
            return ours.from_numpy(np.linalg.qr(g._np)[0])

    f = ours.func.grad(lambda a: Square.apply(a).sum())
    with pytest.raises(NotImplementedError, match=r"no batching rule.*in a loop"):
        ours.vmap(f)(numbers(ours, (2, 2), lanes=3))
