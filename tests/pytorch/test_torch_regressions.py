"""What was wrong once: each case beside PyTorch."""

import numpy as np
import pytest
from oracle import compare, ours, real, same

from functorch_lite.errors import GradientError


def both(program):
    """What a program gives in both worlds, exceptions as their types and first words."""
    found = []
    for T in (ours, real):
        try:
            found.append(program(T))
        except Exception as error:
            found.append((type(error).__name__, str(error)[:30]))
    return found


def agree(program, graph=True):
    mine, theirs = both(program)
    same(mine, theirs, graph=graph)


def test_complex_gradients_are_refused_not_wrong():
    x = ours.tensor([1 + 1j, 2.0], requires_grad=True)
    with pytest.raises(GradientError, match="complex"):
        (x * x).sum()


@pytest.mark.parametrize("draw", ["rand", "randn"])
def test_random_numbers_written_into_a_saved_tensor_are_noticed(draw):
    def program(T):
        w, a = T.ones(3, requires_grad=True), T.ones(3)
        y = (w * a).sum()
        getattr(T, draw)(3, out=a)
        assert a._version == 1
        y.backward()

    agree(program)


def test_the_gradient_of_random_numbers_is_anew_each_time():
    def program(T):
        x = T.full((3,), 0.5, requires_grad=True)
        y = T.bernoulli(x).sum()
        (first,) = T.autograd.grad(y, x, retain_graph=True)
        first.add_(7)
        return T.autograd.grad(y, x)[0]

    agree(program)


@pytest.mark.parametrize("seed", range(6))
def test_values_on_edges_of_histograms(seed):
    rng = np.random.default_rng(seed)
    x = np.round(rng.uniform(0, 1, 40), 1).astype(np.float32)
    compare(lambda T, x: T.histc(x, 10, 0, 1), x, grads=False)
    compare(lambda T, x: tuple(T.histogram(x, 10, range=(0.0, 1.0))), x, grads=False)
    compare(lambda T, x: tuple(T.histogram(x, T.linspace(0, 1, 11))), x, grads=False)


@pytest.mark.parametrize("right", [False, True])
def test_numbers_among_boundaries_of_float32(right):
    edges = np.array([0.1, 0.7], np.float32)
    for value in (0.1, 0.7, 0.4):
        compare(lambda T, b, v=value: T.searchsorted(b, v, right=right), edges, grads=False)
        compare(lambda T, b, v=value: T.bucketize(v, b, right=right), edges, grads=False)


def test_bernoulli_of_a_permuted_tensor():
    p = np.linspace(0, 1, 24).reshape(2, 3, 4).transpose(2, 0, 1)

    def program(T, p):
        T.manual_seed(1)
        return T.bernoulli(p)

    compare(program, p, grads=False)


@pytest.mark.parametrize("options", [{}, {"dim": (0, 1)}])
@pytest.mark.parametrize("correction", [2, 3])
def test_variances_without_freedom(options, correction):
    x = np.array([[1.0, 3.0]])
    compare(lambda T, x: T.var(x, correction=correction, **options), x, double=False)


def test_a_median_watches_what_it_saved():
    def written(T):
        x = T.tensor([3.0, 1.0, 2.0], requires_grad=True)
        y = x * 1
        m = y.median()
        y.add_(1)
        m.backward()

    def twice(T):
        x = T.tensor([3.0, 1.0, 2.0], requires_grad=True)
        m = x.median()
        m.backward()
        m.backward()

    agree(written)
    agree(twice)


@pytest.mark.parametrize("name", ["sum", "median", "argmax", "cumsum", "amax"])
def test_a_bool_is_no_dimension(name):
    mine, theirs = both(lambda T: getattr(T.ones(2, 3), name)(True))
    assert mine[0] == theirs[0] == "TypeError"


def test_overrides_get_all_arguments():
    def program(T):
        class Seen:
            @classmethod
            def __torch_function__(cls, func, types, args=(), kwargs=None):
                return (len(args), kwargs)

        a = Seen()
        return T.overrides.handle_torch_function(T.sum, (a,), a, 1, keepdim=True)

    agree(program)
    assert ours.overrides.is_tensor_method_or_property(ours.Tensor.sum)
    assert not ours.overrides.is_tensor_method_or_property(len)
