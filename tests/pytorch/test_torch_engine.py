"""Backward passes: what is accumulated, hooks and their order, what is retained, errors."""

import warnings

import numpy as np
import pytest
from oracle import ours, real
from test_torch_autograd import agree

X = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


def leaf(T, scale=1.0):
    return T.tensor(X * scale, requires_grad=True)


def hooks_of_tensors(T):
    x = leaf(T)
    seen = []
    x.register_hook(lambda g: seen.append(("leaf", g.sum().item())))
    y = x * 2
    y.register_hook(lambda g: seen.append(("first", g.sum().item())))
    y.register_hook(lambda g: g * 3)
    y.register_hook(lambda g: seen.append(("last", g.sum().item())))
    y.retain_grad()
    (y * y).sum().backward()
    return seen, x.grad, y.grad


def removed_hooks(T):
    x = leaf(T)
    handle = x.register_hook(lambda g: g * 100)
    with x.register_hook(lambda g: g * 10):
        (x * x).sum().backward()
    handle.remove()
    handle.remove()
    (x * x).sum().backward()
    return x.grad


def hooks_of_nodes(T):
    x = leaf(T)
    y = x * 2
    seen = []
    y.grad_fn.register_prehook(lambda gs: seen.append(("before", len(gs), gs[0].sum().item())))
    y.grad_fn.register_prehook(lambda gs: (gs[0] * 2,))
    y.grad_fn.register_hook(lambda i, o: seen.append(("after", len(o), o[0].sum().item())))
    y.sum().backward()
    return seen, x.grad


def hooks_of_accumulators(T):
    x = leaf(T)
    y = x * 2
    node = y.grad_fn.next_functions[0][0]
    seen = [node.name(), node.variable is x]
    node.register_hook(lambda i, o: seen.append(("after", len(i), len(o))))
    node.register_prehook(lambda gs: seen.append(("before", gs[0].sum().item())))
    y.sum().backward()
    return seen, x.grad


def after_accumulation(T):
    x = leaf(T)
    seen = []
    x.register_post_accumulate_grad_hook(lambda t: seen.append((t is x, t.grad.sum().item())))
    (x * 2).sum().backward()
    (x * 2).sum().backward()
    return seen


def hook_without_gradient(T):
    return T.ones(2).register_hook(lambda g: g)


def hook_of_wrong_size(T):
    x = leaf(T)
    x.register_hook(lambda g: g.sum())
    x.sum().backward()


def hook_of_wrong_type(T):
    x = leaf(T)
    x.register_hook(lambda g: 3)
    x.sum().backward()


def accumulated(T):
    x = leaf(T)
    for k in range(3):
        (x * k).sum().backward()
    kept = x.grad
    (x * 2).sum().backward()
    return x.grad, kept is x.grad


def gradient_is_not_shared(T):
    x, y = leaf(T), leaf(T)
    (x + y).sum().backward()
    x.grad.mul_(5)
    g = T.ones(2, 3, dtype=T.float64)
    z = leaf(T)
    z.backward(g)
    z.grad.add_(1)
    return x.grad, y.grad, g, z.grad


def accumulated_with_graph(T):
    x = leaf(T)
    (x * x).sum().backward(create_graph=True)
    first = x.grad
    (first * x).sum().backward()
    return x.grad.detach(), first.requires_grad


def chosen_inputs(T):
    x, y = leaf(T), leaf(T, 2.0)
    z = x * y
    (z * z).sum().backward(inputs=[x, z])
    return x.grad, y.grad, z.grad


def no_inputs(T):
    leaf(T).sum().backward(inputs=[])


def twice(T):
    x = leaf(T)
    y = (x * x).sum()
    y.backward()
    y.backward()


def retained(T):
    x = leaf(T)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    return x.grad


def linear_twice(T):
    x = leaf(T)
    y = (x * 2).sum()
    y.backward()
    y.backward()
    return x.grad


def part_twice(T):
    x = leaf(T)
    y = x.exp()
    y.sum().backward()
    (y * 2).sum().backward()


def not_scalar(T):
    leaf(T).mul(2).backward()


def no_graph(T):
    T.ones(2).sum().backward()


def wrong_shape(T):
    leaf(T).mul(2).backward(T.ones(2))


def wrong_count(T):
    T.autograd.backward([leaf(T).sum()], [T.tensor(1.0), T.tensor(1.0)])


def wrong_kind(T):
    leaf(T).sum().backward(3.0)


def several_roots(T):
    x = leaf(T)
    y = x * 2
    T.autograd.backward([y.sum(), (y * y)], [None, T.ones(2, 3, dtype=T.float64)])
    return x.grad


def same_root_twice(T):
    x = leaf(T)
    y = (x * x).sum()
    return T.autograd.grad([y, y], x), T.autograd.grad(x.sum(), x), T.autograd.grad(x, x, x)


def batched(T):
    x = leaf(T)
    y = x.sum(0) * 2
    return T.autograd.grad(y, x, T.eye(3, dtype=T.float64), is_grads_batched=True)


def intermediate(T):
    x = leaf(T)
    y = x * 2
    z = (y * y).sum()
    return T.autograd.grad(z, [y, x])


def through_intermediate_only(T):
    x = leaf(T)
    y = x * 2
    (z,) = T.autograd.grad((y * y).sum(), y)
    return z, x.grad


def other_dtype(T):
    x = leaf(T)
    y = x.float()
    (y * y).sum().backward()
    return x.grad


def set_gradient(T):
    x = leaf(T)
    x.grad = T.ones(2, 3, dtype=T.float64)
    (x * 2).sum().backward()
    del x.grad
    return x.grad


def set_wrong_gradient(T):
    leaf(T).grad = T.ones(2, dtype=T.float64)


def set_wrong_dtype(T):
    leaf(T).grad = T.ones(2, 3)


def set_number(T):
    leaf(T).grad = 3


def requires(T):
    x = leaf(T)
    y = x * 2
    y.requires_grad = False


def requires_of_integers(T):
    T.arange(3).requires_grad_()


def retaining(T):
    x = leaf(T)
    y = x * 2
    y.retain_grad()
    y.retain_grad()
    found = [x.retains_grad, y.retains_grad]
    y.sum().backward()
    return found, y.grad


def retaining_nothing(T):
    T.ones(2).retain_grad()


def in_no_grad(T):
    x = leaf(T)
    with T.no_grad():
        y = x * 2
        with T.enable_grad():
            z = x * 2
    return y.requires_grad, z.requires_grad, y.is_leaf, z.is_leaf


def graph_of_nodes(T):
    x = leaf(T)
    y = (x * 2).exp().sum()
    names, node = [], y.grad_fn
    while node is not None:
        names.append(node.name())
        node = node.next_functions[0][0] if node.next_functions else None
    return names, y.grad_fn.metadata, len(y.grad_fn.next_functions)


def wide(T):
    x = leaf(T)
    y = x
    for _ in range(8):
        y = y + y * x
    y.sum().backward()
    return x.grad


def diamond_with_inplace(T):
    x = leaf(T)
    y = x * 2
    z = y.exp()
    y_view = y[0]
    y_view.mul_(3)
    (y.sum() + y_view.sum()).backward()
    return x.grad, z.detach()


PROGRAMS = {
    name: f
    for name, f in list(globals().items())
    if callable(f) and getattr(f, "__module__", None) == __name__ and name != "leaf"
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(name):
    agree(PROGRAMS[name])


def test_deep_graphs():
    x = ours.ones(3, requires_grad=True)
    y = x
    for _ in range(20_000):
        y = y + 1
    y.sum().backward()
    assert x.grad.tolist() == [1, 1, 1]
    del y


def test_reading_the_gradient_of_a_result_warns():
    for T in (ours, real):
        y = T.ones(2, requires_grad=True) * 2
        with pytest.warns(UserWarning, match="The .grad attribute of a Tensor that is not a leaf"):
            assert y.grad is None
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            y.retain_grad()
            assert y.grad is None


def test_kept_gradients_do_not_change():
    for keep in (lambda g, kept: kept.append(g), lambda g, kept: kept.append(g.numpy()),
                 lambda g, kept: kept.append(g.view(-1))):  # fmt: skip
        x = ours.ones(2, requires_grad=True)
        kept = []
        x.register_hook(lambda g, keep=keep, kept=kept: keep(g, kept))
        (x * 3).sum().backward()
        (x * 5).sum().backward()
        assert kept[0].tolist() == [3, 3] and x.grad.tolist() == [8, 8]
