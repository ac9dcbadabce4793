"""Parameters without size and modules that learn it, beside PyTorch's."""

import copy
import pickle

import pytest
from oracle import ours, real
from program_checks import agree


def lazy(T, **options):
    T.manual_seed(0)
    return T.nn.LazyLinear(3, **options)


def steps(T):
    m = lazy(T)
    seen = [repr(m), m.has_uninitialized_params(), list(m.state_dict()), m.in_features]
    out = m(T.ones(2, 4))
    names = [k for k in vars(m) if "hook" in k]
    return seen, out, repr(m), type(m).__name__, m.state_dict(), names, m(T.ones(1, 4))


def optional(T):
    m = lazy(T, bias=False, dtype=T.float64)
    return m(T.ones(1, 2, dtype=T.float64)), m.bias, m.weight


def converted(T):
    m = lazy(T).double()
    kinds = [str(p.dtype) for p in m.parameters()]
    m.to("cpu"), m.eval(), m.zero_grad()
    return kinds, m(T.ones(1, 2, dtype=T.float64))


def loaded(T):
    T.manual_seed(0)
    full = T.nn.Linear(4, 3)
    m = lazy(T)
    first = repr(m.load_state_dict(full.state_dict()))
    text = repr(m), m.has_uninitialized_params()
    return first, text, m(T.ones(1, 4)), repr(m), type(m).__name__


def loaded_lazily(T):
    m = lazy(T)
    return repr(m.load_state_dict(lazy(T).state_dict())), m(T.ones(1, 2))


def nested(T):
    T.manual_seed(0)
    m = T.nn.Sequential(T.nn.LazyLinear(3), T.nn.ReLU(), T.nn.LazyLinear(2))
    before = repr(m)
    return before, m(T.ones(1, 4)), repr(m)


def copied(T):
    m = lazy(T)
    n = copy.deepcopy(m)
    m(T.ones(1, 2))
    return repr(m), repr(n), n(T.ones(1, 3)).shape, [len(n._forward_pre_hooks), repr(n)]


def own_class(T):
    class Scale(T.nn.modules.lazy.LazyModuleMixin, T.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = T.nn.UninitializedParameter()
            self.shift = T.nn.UninitializedBuffer()

        def initialize_parameters(self, x, *, factor=1):
            self.scale.materialize(x.shape[1:])
            self.shift.materialize((1,))
            with T.no_grad():
                self.scale.fill_(factor)
                self.shift.fill_(5)

        def forward(self, x, factor=1):
            return x * self.scale + self.shift

    m = Scale()
    out = m(T.ones(2, 3), factor=4)
    return out, m.state_dict(), type(m).__name__, type(m.shift).__name__, type(m.scale).__name__


def half_made(T):
    class Bad(T.nn.modules.lazy.LazyModuleMixin, T.nn.Module):
        def __init__(self):
            super().__init__()
            self.w = T.nn.UninitializedParameter()

        def initialize_parameters(self, x):
            pass

    return Bad()(T.ones(1))


def without_initialization(T):
    class Bad(T.nn.modules.lazy.LazyModuleMixin, T.nn.Module):
        pass

    return Bad()(T.ones(1))


def missing_state(T):
    return lazy(T).load_state_dict({})


def into_a_full_module(T):
    return T.nn.Linear(2, 3).load_state_dict(lazy(T).state_dict())


PROGRAMS = [
    steps, optional, converted, loaded, loaded_lazily, nested, copied, own_class, half_made,
    without_initialization, missing_state, into_a_full_module,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS)
def test_lazy_modules(program):
    agree(program)


PARAMETER = {
    "text": lambda T, p: (repr(p), str(p)),
    "shape": lambda T, p: p.shape,
    "kinds": lambda T, p: (
        isinstance(p, T.nn.Parameter), T.nn.parameter.is_lazy(p), p.is_leaf, p.grad,
        T.nn.parameter.is_lazy(T.ones(1)), p.requires_grad, str(p.dtype), str(p.device),
    ),
    "size": lambda T, p: (p.size(), p.data, p.ndim),
    "converted": lambda T, p: [str(x.dtype) for x in (p.double(), p.half(), p.to(T.float64))],
    "same": lambda T, p: p.to("cpu") is p,
    "materialized": lambda T, p: (
        p.materialize((2, 3)), p.shape, type(p).__name__, p.requires_grad, str(p.dtype)
    ),
    "materialized as": lambda T, p: (p.materialize((2,), dtype=T.float64), str(p.dtype)),
    "shared": lambda T, p: p.share_memory_(),
    "copied": lambda T, p: repr(copy.deepcopy(p)),
    "cuda": lambda T, p: p.cuda(),
    "buffer": lambda T, p: (
        repr(T.nn.UninitializedBuffer()), isinstance(T.nn.UninitializedBuffer(), T.nn.Buffer),
        T.nn.UninitializedBuffer(persistent=False).persistent,
    ),
    "other": lambda T, p: T.nn.UninitializedParameter(False, dtype=T.float64).requires_grad,
}  # fmt: skip


@pytest.mark.parametrize("name", PARAMETER)
def test_parameters_without_size(name):
    agree(lambda T: PARAMETER[name](T, T.nn.UninitializedParameter()))


@pytest.mark.parametrize(
    "use",
    [
        lambda T, p: p + 1, lambda T, p: 1 + p, lambda T, p: T.relu(p), lambda T, p: p.mean(),
        lambda T, p: p[0], lambda T, p: p.zero_(), lambda T, p: p.detach(), lambda T, p: p.numel(),
        lambda T, p: T.nn.functional.linear(T.ones(1), p), lambda T, p: p @ p,
    ],
)  # fmt: skip
def test_operations_are_refused(use):
    for T in (ours, real):
        with pytest.raises(ValueError, match="^Attempted to use an uninitialized parameter in .*"
                           "torch.nn.parameter.UninitializedParameter"):  # fmt: skip
            use(T, T.nn.UninitializedParameter())


def test_pickles():
    p = pickle.loads(pickle.dumps(ours.nn.UninitializedParameter(False, dtype=ours.float64)))
    assert repr(p) == "<UninitializedParameter>" and p.dtype == ours.float64
    assert not p.requires_grad
    m = pickle.loads(pickle.dumps(ours.nn.LazyLinear(3)))
    assert m(ours.ones(1, 2)).shape == (1, 3) and repr(m).startswith("Linear(in_features=2")
