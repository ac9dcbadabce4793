"""``torch.distributions`` beside PyTorch's: every family, asked all it answers."""

import copy

import numpy as np
import pytest
from distribution_cases import CASES, IMPLICIT
from oracle import compare, ours
from test_torch_regressions import agree

NAMES = sorted(CASES)
PROPERTIES = ("mean", "mode", "variance", "stddev")


def asked(question, name, **options):
    """Compare what both worlds answer, with gradients by the parameters and the value."""
    make, params, value = CASES[name]
    compare(
        lambda T, value, *params: question(make(T, *params), value), value, *params,
        names=False, strides=False, **options,
    )  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_samples_are_those_of_the_stream(name):
    def question(T, *params):
        T.manual_seed(3)
        d = CASES[name][0](T, *params)
        return d.sample(), d.sample((2, 2)), T.rand(2)

    compare(question, *CASES[name][1], names=False, strides=False, rtol=3e-6)


# PyTorch writes to what its gradient of Wishart's samples needs, and so has none.
@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("Wishart")])
def test_samples_have_gradients(name):
    def question(T, *params):
        T.manual_seed(4)
        d = CASES[name][0](T, *params)
        return d.rsample(), d.rsample((3,))

    implicit = name in IMPLICIT
    compare(
        question, *CASES[name][1], names=False, strides=False, double=not implicit,
        rtol=2e-4 if implicit else None,
    )  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_log_prob(name):
    asked(lambda d, value: d.log_prob(value), name)


@pytest.mark.parametrize("name", NAMES)
def test_entropy(name):
    asked(lambda d, value: d.entropy(), name)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("property", PROPERTIES)
def test_moments(name, property):
    asked(lambda d, value: getattr(d, property), name)


@pytest.mark.parametrize("name", NAMES)
def test_distribution_functions(name):
    # Gamma's has no derivative by the shape, here or there.
    grads = name not in ("Chi2", "Gamma", "InverseGamma")
    asked(lambda d, value: d.cdf(value), name, double=False, grads=grads)
    make, params, value = CASES[name]
    shares = np.array([[0.2, 0.5, 0.7], [0.4, 0.1, 0.9]], np.float32)
    compare(
        lambda T, value, *params: make(T, *params).icdf(value), shares, *params,
        names=False, strides=False,
    )  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_what_it_says_of_itself(name):
    make, params, value = CASES[name]

    def program(T):
        d = make(T, *[T.from_numpy(np.array(p)) for p in params])
        larger = d.expand((4, *d.batch_shape))
        return [
            repr(d), repr(larger), tuple(d.batch_shape), tuple(d.event_shape),
            tuple(larger.batch_shape), tuple(larger.event_shape), str(d.support),
            str(sorted(d.arg_constraints)), bool(d.has_rsample), bool(d.has_enumerate_support),
            d.support.is_discrete, d.support.event_dim, type(d).__module__,
        ]  # fmt: skip

    agree(program)


@pytest.mark.parametrize("name", NAMES)
def test_expanded(name):
    make, params, value = CASES[name]

    def question(T, value, *params):
        d = make(T, *params)
        larger = d.expand((4, *d.batch_shape))
        T.manual_seed(1)
        return larger.log_prob(value), larger.sample(), larger.sample((2,))

    compare(question, value, *params, names=False, strides=False)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("expand", [True, False])
def test_all_values(name, expand):
    asked(lambda d, value: d.enumerate_support(expand), name)


@pytest.mark.parametrize("name", NAMES)
def test_double_precision(name):
    make, params, value = CASES[name]

    def question(T, value, *params):
        T.manual_seed(2)
        d = make(T, *params)
        return d.sample(), d.log_prob(value)

    params = [p.astype(np.float64) for p in params]
    value = value.astype(np.float64) if value.dtype.kind == "f" else value
    compare(question, value, *params, names=False, strides=False, rtol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_values_outside_are_named(name):
    make, params, value = CASES[name]
    wrong = np.full(value.shape, np.nan, np.float32)
    for bad in (wrong, value[..., :2], "no tensor"):
        compare(
            lambda T, *params, bad=bad: make(T, *params).log_prob(
                T.from_numpy(np.array(bad)) if isinstance(bad, np.ndarray) else bad
            ),
            *params, names=False, strides=False, text=True,
        )  # fmt: skip


@pytest.mark.filterwarnings("ignore:Singular sample:UserWarning")
@pytest.mark.parametrize("name", NAMES)
def test_copies_draw_the_same(name):
    make, params, _ = CASES[name]
    d = make(ours, *[ours.from_numpy(np.array(p)) for p in params])
    text = repr(d)
    for other in (copy.copy(d), copy.deepcopy(d)):
        assert repr(other) == text
        ours.manual_seed(0)
        mine = d.sample((2,))
        ours.manual_seed(0)
        assert (other.sample((2,)) == mine).all()
