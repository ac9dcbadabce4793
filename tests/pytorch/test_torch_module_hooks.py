"""Hooks around calls and backward passes of modules, beside PyTorch's."""

import copy
from collections import namedtuple

import pytest
from oracle import ours, real
from program_checks import agree


def linear(T):
    T.manual_seed(0)
    return T.nn.Linear(2, 2)


def ones(T):
    return T.ones(1, 2, requires_grad=True)


def note(seen, name, answer=None):
    """A hook that writes down what it is called with."""

    def hook(module, *rest):
        seen.append((name, type(module).__name__, *rest))
        return answer(*rest) if answer is not None else None

    return hook


# ------------------------------------------------------------------------------------------ forward
def order(T):
    m, seen = linear(T), []
    m.register_forward_hook(note(seen, "a"))
    m.register_forward_hook(note(seen, "b"), prepend=True)
    m.register_forward_pre_hook(note(seen, "c"))
    m.register_forward_pre_hook(note(seen, "d"), prepend=True)
    m.register_forward_hook(note(seen, "e"), with_kwargs=True)
    m.register_forward_pre_hook(note(seen, "f"), with_kwargs=True)
    return m(ones(T)), m(input=ones(T)), seen


def replacing(T):
    m, seen = linear(T), []
    m.register_forward_pre_hook(note(seen, "a", lambda args: args[0] * 2))
    m.register_forward_pre_hook(note(seen, "b", lambda args: (args[0] * 3,)))
    m.register_forward_pre_hook(
        note(seen, "c", lambda args, kwargs: ((), {"input": args[0] + 1})), with_kwargs=True
    )
    m.register_forward_hook(note(seen, "d", lambda args, out: out * 10))
    m.register_forward_hook(note(seen, "e", lambda args, kw, out: (out, out)), with_kwargs=True)
    return m(ones(T)), seen


def removing(T):
    m, seen = linear(T), []
    handles = [
        m.register_forward_hook(note(seen, "a"), with_kwargs=True, always_call=True),
        m.register_forward_pre_hook(note(seen, "b"), with_kwargs=True),
    ]
    with m.register_forward_hook(note(seen, "c")):
        m(ones(T))
    m(ones(T))
    for handle in handles:
        handle.remove()
    m(ones(T))
    left = [len(v) for k, v in vars(m).items() if k.endswith(("hooks", "kwargs", "called"))]
    return [s[0] for s in seen], left


def once(T):
    """A hook that takes itself back while it runs."""
    m, seen = linear(T), []

    def hook(*rest):
        seen.append(1)
        handle.remove()

    handle = m.register_forward_hook(hook)
    m.register_forward_hook(note(seen, "after"))
    m(ones(T))
    m(ones(T))
    return len(seen)


def wrong_answer(T):
    m = linear(T)
    m.register_forward_pre_hook(lambda m, a, k: 3, with_kwargs=True)
    return m(ones(T))


def always(T):
    class Bad(T.nn.Module):
        def forward(self, x):
            raise ValueError("bad")

    def fails(*rest):
        raise KeyError("x")

    m, seen = Bad(), []
    m.register_forward_hook(note(seen, "a"), always_call=True)
    m.register_forward_hook(fails, always_call=True)
    m.register_forward_hook(note(seen, "b"), always_call=True, with_kwargs=True)
    m.register_forward_hook(note(seen, "never"))
    register = T.nn.modules.module.register_module_forward_hook
    with register(note(seen, "global"), always_call=True), register(fails, always_call=True):
        with pytest.raises(ValueError, match="bad"):
            m(ones(T))
    return seen


def always_after_a_hook_has_failed(T):
    def fails(*rest):
        raise KeyError("x")

    m, seen = linear(T), []
    m.register_forward_hook(note(seen, "a"), always_call=True)
    m.register_forward_hook(fails)
    m.register_forward_hook(note(seen, "b"), always_call=True)
    with pytest.raises(KeyError):
        m(ones(T))
    return seen


def of_all_modules(T):
    module, seen = T.nn.modules.module, []
    m = T.nn.Sequential(linear(T), T.nn.ReLU())
    m[0].register_forward_hook(note(seen, "own"))
    m[0].register_forward_pre_hook(note(seen, "own before"))
    with (
        module.register_module_forward_hook(note(seen, "all")),
        module.register_module_forward_hook(note(seen, "kwargs"), with_kwargs=True),
        module.register_module_forward_pre_hook(note(seen, "before", lambda args: args[0] + 1)),
    ):
        m(ones(T))
    m(ones(T))
    return seen


# ----------------------------------------------------------------------------------------- backward
def backward(T, *hooks, x=None, m=None, both=False):
    """Gradients of a layer's input and parameters, and what hooks saw."""
    m = linear(T) if m is None else m
    x = ones(T) if x is None else x
    seen = []
    for name, answer in hooks:
        getattr(m, name)(note(seen, name, answer))
    out = m(x)
    first = out[0] if isinstance(out, (tuple, list)) else out
    first.square().sum().backward()
    return out, x.grad, [p.grad for p in m.parameters()], seen


FULL, PRE = "register_full_backward_hook", "register_full_backward_pre_hook"


class Pair(namedtuple("Pair", "a b")):
    pass


def module_of(T, f):
    class Some(T.nn.Module):
        def forward(self, *args):
            return f(*args)

    return Some()


BACKWARD = {
    "sees": lambda T: backward(T, (FULL, None), (PRE, None)),
    "replaces": lambda T: backward(T, (FULL, lambda i, o: (i[0] * 2,)), (FULL, None)),
    "replaces before": lambda T: backward(T, (PRE, lambda o: (o[0] * 3,)), (FULL, None)),
    "too many": lambda T: backward(T, (FULL, lambda i, o: (1, 2))),
    "too many before": lambda T: backward(T, (PRE, lambda o: (1, 2))),
    "no input": lambda T: backward(T, (FULL, None), x=T.ones(1, 2)),
    "no input, None": lambda T: backward(T, (FULL, lambda i, o: (None,)), x=T.ones(1, 2)),
    "no input, answer": lambda T: backward(T, (FULL, lambda i, o: (1,)), x=T.ones(1, 2)),
    "no input, before": lambda T: backward(T, (PRE, lambda o: (o[0] * 3,)), x=T.ones(1, 2)),
    "two results": lambda T: backward(
        T, (FULL, None), (PRE, None), m=module_of(T, lambda x: (x * 2, x * 3))
    ),
    "named results": lambda T: backward(
        T, (FULL, None), (PRE, None), m=module_of(T, lambda x: Pair(x * 2, x * 3))
    ),
    "list": lambda T: backward(T, (FULL, None), m=module_of(T, lambda x: [x * 2])),
    "identity": lambda T: backward(T, (FULL, None), m=T.nn.Identity()),
    "old": lambda T: backward(T, ("register_backward_hook", None), m=T.nn.ReLU()),
    "old, replaces": lambda T: backward(
        T, ("register_backward_hook", lambda i, o: (i[0] * 2,)), m=T.nn.ReLU()
    ),
    "old, many nodes": lambda T: backward(
        T, ("register_backward_hook", None), m=module_of(T, lambda x: x.exp().sin())
    ),
    "old, two results": lambda T: backward(
        T, ("register_backward_hook", None), m=module_of(T, lambda x: (x * 2, x * 3))
    ),
    "old, list": lambda T: backward(
        T, ("register_backward_hook", None), m=module_of(T, lambda x: [x * 2])
    ),
    "old, then full": lambda T: backward(T, ("register_backward_hook", None), (FULL, None)),
    "full, then old": lambda T: backward(T, (FULL, None), ("register_backward_hook", None)),
}  # fmt: skip


@pytest.mark.parametrize("name", BACKWARD)
def test_backward(name):
    agree(BACKWARD[name], strides=False)


@pytest.mark.parametrize("name", [FULL, PRE])
def test_a_tensor_is_no_tuple_of_gradients(name):
    for T in (ours, real):
        with pytest.raises(RuntimeError):
            backward(T, (name, lambda *grads: grads[0][0] * 2))


def several_inputs(T):
    m, seen = T.nn.Bilinear(2, 2, 1), []
    m.register_full_backward_hook(note(seen, "a"))
    m.register_full_backward_hook(note(seen, "b"), prepend=True)
    m.register_full_backward_pre_hook(note(seen, "c"))
    m.register_full_backward_pre_hook(note(seen, "d"), prepend=True)
    with T.no_grad():
        m.weight.fill_(0.5), m.bias.fill_(0.5)
    x, y = ones(T), T.ones(1, 2)
    m(x, y).square().sum().backward()
    return x.grad, seen


def mixed_arguments(T):
    m, seen = module_of(T, lambda x, n, y: (x * n, "word", y)), []
    m.register_full_backward_hook(note(seen, "a"))
    x, y = ones(T), T.ones(2)
    m(x, 3, y)[0].sum().backward()
    return x.grad, seen


def unused_result(T):
    m, seen = module_of(T, lambda x: (x * 2, x.detach())), []
    m.register_full_backward_hook(note(seen, "a"))
    x = ones(T)
    one, other = m(x)
    one.sum().backward()
    return x.grad, other.requires_grad, seen


def gradients_by_another_way(T):
    """The second pass reaches the input, but not through the result."""

    class Some(T.nn.Module):
        def forward(self, x):
            self.inner = x * 2
            return self.inner.exp()

    m, seen = Some(), []
    m.register_full_backward_hook(note(seen, "a"))
    x = ones(T)
    m(x).sum().backward(retain_graph=True)
    m.inner.square().sum().backward()
    return x.grad, seen


def without_recording(T):
    m, seen = linear(T), []
    m.register_full_backward_hook(note(seen, "a"))
    with T.no_grad():
        return m(ones(T)), seen


def all_backward(T):
    module, seen = T.nn.modules.module, []
    m = T.nn.Sequential(linear(T), T.nn.ReLU())
    m[0].register_full_backward_hook(note(seen, "own"))
    with (
        module.register_module_full_backward_hook(note(seen, "all")),
        module.register_module_full_backward_pre_hook(note(seen, "before")),
    ):
        x = ones(T)
        m(x).sum().backward()
    m(x).sum().backward()
    return seen, x.grad


def second_order(T):
    m, seen = linear(T), []
    m.register_full_backward_hook(note(seen, "a"))
    x = ones(T)
    (g,) = T.autograd.grad(m(x).pow(3).sum(), x, create_graph=True)
    (h,) = T.autograd.grad(g.sum(), x)
    return g, h, len(seen)


@pytest.mark.parametrize(
    "program",
    [
        order, replacing, removing, once, wrong_answer, always, always_after_a_hook_has_failed,
        of_all_modules, several_inputs, mixed_arguments, unused_result, without_recording,
        gradients_by_another_way,
        all_backward, second_order,
    ],
)  # fmt: skip
def test_hooks(program):
    agree(program, strides=False)


def test_old_and_full_hooks_of_all_modules_exclude_each_other():
    def program(T):
        module = T.nn.modules.module
        with module.register_module_full_backward_hook(lambda *a: None):
            try:
                module.register_module_backward_hook(lambda *a: None)
            except RuntimeError as error:
                return str(error)

    agree(program)


def test_copies_have_hooks_of_their_own():
    def program(T):
        m, seen = linear(T), []
        handle = m.register_forward_hook(lambda *a: seen.append(1))
        m.handle = handle
        n = copy.deepcopy(m)
        handle.remove()
        n(ones(T))
        m(ones(T))
        n.handle.remove()
        n(ones(T))
        return len(seen)

    agree(program)


def test_handles_of_copies_do_not_take_numbers_twice():
    m = ours.nn.Linear(1, 1)
    handle = m.register_forward_hook(lambda *a: None)
    make, args, (hooks, number, extra) = handle.__reduce__()
    # As if it came from another process, which has had more hooks.
    make(*args).__setstate__((hooks, number + 1000, extra))
    assert m.register_forward_hook(lambda *a: None).id > number + 1000
