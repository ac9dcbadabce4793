"""Gradients of gradients, checks of gradients, hooks and anomalies, as PyTorch's."""

import gc
import warnings

import numpy as np
import pytest
from oracle import array_of, ours, real, same

RNG = np.random.default_rng(0)


def both(f):
    """What a program returns in both worlds, or the exceptions."""
    found = []
    for module in (ours, real):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found.append(f(module))
            except Exception as error:
                found.append(error)
    mine, theirs = found
    if isinstance(theirs, Exception):
        assert type(mine).__name__ == type(theirs).__name__, f"{mine!r}, PyTorch {theirs!r}"
        return str(mine).split("\n")[0], str(theirs).split("\n")[0]
    if isinstance(mine, Exception):
        raise mine
    return mine, theirs


def agree(f, rtol=None):
    """Assert that a program returns the same in both worlds, or raises the same."""
    mine, theirs = both(f)
    if isinstance(theirs, str):
        assert mine == theirs
    else:
        same(mine, theirs, rtol=rtol, strides=False)


def layers(T):
    """A critic's weights."""
    rng = np.random.default_rng(3)
    shapes = [(8, 5), (8,), (8, 8), (8,), (1, 8), (1,)]
    return [T.tensor(rng.normal(size=s) * 0.4, dtype=T.float32, requires_grad=True) for s in shapes]


def critic(T, weights, x):
    """A small network with a kink."""
    w1, b1, w2, b2, w3, b3 = weights
    x = x @ w1.t() + b1
    x = T.where(x > 0, x, 0.2 * x)
    x = (x @ w2.t() + b2).tanh()
    return x @ w3.t() + b3


def train(T, steps):
    """A critic's training with a gradient penalty, as of WGAN-GP; losses and weights."""
    rng = np.random.default_rng(4)
    weights = layers(T)
    moments = [T.zeros_like(w) for w in weights]
    losses = []
    for _ in range(steps):
        true = T.tensor(rng.normal(size=(6, 5)), dtype=T.float32)
        false = T.tensor(rng.normal(size=(6, 5)) + 1, dtype=T.float32)
        mix = T.tensor(rng.random((6, 1)), dtype=T.float32)
        between = (mix * true + (1 - mix) * false).requires_grad_(True)
        scores = critic(T, weights, between)
        (g,) = T.autograd.grad(scores, between, grad_outputs=T.ones_like(scores), create_graph=True,
                               retain_graph=True, only_inputs=True)  # fmt: skip
        norms = (g * g).sum(1).sqrt()
        penalty = ((norms - 1) * (norms - 1)).mean()
        loss = critic(T, weights, false).mean() - critic(T, weights, true).mean() + 10 * penalty
        for w in weights:
            w.grad = None
        loss.backward()
        with T.no_grad():
            for w, m in zip(weights, moments, strict=True):
                m.mul_(0.9).add_(w.grad)
                w.sub_(0.01 * m)
        losses.append(loss.item())
    return T.tensor(losses), *[w.detach() for w in weights]


def test_gradient_penalty_training():
    mine, theirs = train(ours, 12), train(real, 12)
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(array_of(a), array_of(b), rtol=2e-4, atol=2e-5)


def test_training_leaves_memory_flat():
    x = ours.tensor(RNG.normal(size=(4, 5)), dtype=ours.float32)
    weights = layers(ours)
    total = ours.zeros(())

    def step():
        y = critic(ours, weights, x)
        loss = (y * y).mean()
        z = y.clone()
        z[0].mul_(2)
        (g,) = ours.autograd.grad(loss, weights[0], create_graph=True)
        (g.sum() + loss + z.sum()).backward()
        with ours.no_grad():
            for w in weights:
                w.add_(w.grad, alpha=-0.001)
                w.grad = None
            total.add_(loss)

    for _ in range(20):
        step()
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        for _ in range(1000):
            step()
        after = len(gc.get_objects())
    finally:
        gc.enable()
    assert after - before < 200


# ------------------------------------------------------------------------------------- functional
X = np.array([1.0, 2.0], np.float64)
FUNCTIONAL = {
    "jacobian": lambda T, F, x: F.jacobian(lambda a: a * a, x),
    "jacobian of two": lambda T, F, x: F.jacobian(lambda a: (a * a, a.sum()), x),
    "jacobian by two": lambda T, F, x: F.jacobian(lambda a, b: a * b, (x, x)),
    "jacobian of two by two": lambda T, F, x: F.jacobian(lambda a, b: (a * b, a), (x, x)),
    "jacobian of a number": lambda T, F, x: F.jacobian(lambda a: 3, x),
    "jacobian of numbers": lambda T, F, x: F.jacobian(lambda a: (3,), x),
    "jacobian by a number": lambda T, F, x: F.jacobian(lambda a: a, 3),
    "constant": lambda T, F, x: F.jacobian(lambda a: T.ones(2), x),
    "strict constant": lambda T, F, x: F.jacobian(lambda a: T.ones(2), x, strict=True),
    "strict input": lambda T, F, x: F.jacobian(lambda a, b: a * 2, (x, x), strict=True),
    "strict graph": lambda T, F, x: F.jacobian(lambda a: a * 2, x, strict=True, create_graph=True),
    "strict vectors": lambda T, F, x: F.jacobian(lambda a: a, x, strict=True, vectorize=True),
    "vectors": lambda T, F, x: F.jacobian(lambda a: a * a, x, vectorize=True),
    "jacobian graph": lambda T, F, x: F.jacobian(lambda a: a * a * a, x, create_graph=True),
    "hessian": lambda T, F, x: F.hessian(lambda a: (a * a * a).sum(), x),
    "hessian of vector": lambda T, F, x: F.hessian(lambda a: a, x),
    "hessian of two": lambda T, F, x: F.hessian(lambda a: (a.sum(), a.sum()), x),
    "strict hessian": lambda T, F, x: F.hessian(lambda a: a[0] * 2, x, strict=True),
    "hessian by two": lambda T, F, x: F.hessian(lambda a, b: (a * b).sum(), (x, x)),
    "vjp none": lambda T, F, x: F.vjp(lambda a: a * a, x),
    "vjp": lambda T, F, x: F.vjp(lambda a: a * a, x, x),
    "vjp size": lambda T, F, x: F.vjp(lambda a: a * a, x, T.ones(3)),
    "vjp scalar": lambda T, F, x: F.vjp(lambda a: (a * a).sum(), x),
    "vjp of two": lambda T, F, x: F.vjp(lambda a: (a * a, a), x, (x, x)),
    "vjp strict": lambda T, F, x: F.vjp(lambda a: T.ones(2), x, x, strict=True),
    "vjp constant": lambda T, F, x: F.vjp(lambda a: T.ones(2), x, x),
    "jvp": lambda T, F, x: F.jvp(lambda a: a * a, x, x),
    "jvp none": lambda T, F, x: F.jvp(lambda a: a * a, x),
    "jvp one": lambda T, F, x: F.jvp(lambda a: a * a, x[:1]),
    "jvp of two": lambda T, F, x: F.jvp(lambda a: (a * a, a), x, x),
    "jvp strict": lambda T, F, x: F.jvp(lambda a: T.ones(2), x, x, strict=True),
    "jvp size": lambda T, F, x: F.jvp(lambda a: a * a, x, T.ones(3)),
    "vhp": lambda T, F, x: F.vhp(lambda a: (a * a * a).sum(), x, x),
    "vhp of vector": lambda T, F, x: F.vhp(lambda a: a, x, x),
    "hvp": lambda T, F, x: F.hvp(lambda a: (a * a * a).sum(), x, x),
    "hvp graph": lambda T, F, x: F.hvp(lambda a: (a * a * a).sum(), x, x, create_graph=True),
    "hvp strict": lambda T, F, x: F.hvp(lambda a: (a * 2).sum(), x, x, strict=True),
    "hvp constant": lambda T, F, x: F.hvp(lambda a: (a * 2).sum(), x, x),
}


@pytest.mark.parametrize("name", FUNCTIONAL)
def test_functional(name):
    f = FUNCTIONAL[name]
    agree(lambda T: f(T, T.autograd.functional, T.tensor(X)))


# --------------------------------------------------------------------------------------- gradcheck
CHECKS = {
    "right": lambda T, a: a * a,
    "wrong": lambda T, a: a * a.detach(),
    "zero": lambda T, a: a.detach() * 2,
    "constant": lambda T, a: T.ones(2, dtype=T.float64),
    "two": lambda T, a: (a.sin(), a * 3),
}


@pytest.mark.parametrize("quiet", [False, True])
@pytest.mark.parametrize("name", CHECKS)
def test_gradcheck(name, quiet):
    f = CHECKS[name]

    def check(T):
        x = T.tensor(X, requires_grad=True)
        return T.autograd.gradcheck(lambda a: f(T, a), x, raise_exception=not quiet)

    agree(check)


def test_gradcheck_of_nothing():
    agree(lambda T: T.autograd.gradcheck(lambda a: a, T.tensor(X)))


def test_gradcheck_shows_jacobians():
    x = ours.tensor(X, requires_grad=True)
    with pytest.raises(ours.autograd.GradcheckError, match="numerical:tensor") as found:
        ours.autograd.gradcheck(lambda a: a * a.detach(), x)
    y = real.tensor(X, requires_grad=True)
    with pytest.raises(RuntimeError) as expected:
        real.autograd.gradcheck(lambda a: a * a.detach(), y)
    assert str(found.value) == str(expected.value)


@pytest.mark.parametrize("noncontiguous", [False, True])
def test_gradgradcheck(noncontiguous):
    def check(T):
        x = T.tensor(X, requires_grad=True)
        return T.autograd.gradgradcheck(
            lambda a: a * a.sin(), x, gen_non_contig_grad_outputs=noncontiguous
        )

    agree(check)
    agree(lambda T: T.autograd.gradgradcheck(
        lambda a: a * a.detach() * a, T.tensor(X, requires_grad=True)))  # fmt: skip


# ------------------------------------------------------------------------------------- saved, hooks
def test_saved_tensors_hooks():
    def program(T):
        log = []

        def pack(t):
            log.append(tuple(t.shape))
            return t.detach().clone()

        x = T.tensor([1.0, 2.0], requires_grad=True)
        with T.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
            y = (x * x).exp() * x
        (g,) = T.autograd.grad(y.sum(), x, create_graph=True)
        (h,) = T.autograd.grad(g.sum(), x)
        return y, g, h, len(log)

    mine, theirs = both(program)
    same(mine[:3], theirs[:3], graph=True)
    assert mine[3] == theirs[3] == 5


def test_saved_tensors_hooks_replace_values():
    def program(T):
        x = T.tensor([1.0, 2.0], requires_grad=True)
        with T.autograd.graph.saved_tensors_hooks(lambda t: 3.0, lambda v: T.full((2,), v)):
            y = x * x
        y.sum().backward()
        return x.grad

    agree(program)


def test_saved_tensors_hooks_need_a_tensor():
    def program(T):
        x = T.tensor([1.0, 2.0], requires_grad=True)
        with T.autograd.graph.saved_tensors_hooks(lambda t: t, lambda v: 3):
            y = x * x
        y.sum().backward()

    mine, theirs = both(program)
    assert mine == theirs


def test_save_on_cpu_and_disabled_hooks():
    def program(T):
        x = T.tensor([1.0, 2.0], requires_grad=True)
        with T.autograd.graph.save_on_cpu():
            y = (x * x).sin()
        y.sum().backward()
        with T.autograd.graph.disable_saved_tensors_hooks("not here"):
            with T.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):
                pass

    agree(program)


def test_multi_grad_hook():
    def program(T, mode):
        seen = []
        x = T.tensor([1.0, 2.0], requires_grad=True)
        y = T.tensor([3.0, 4.0], requires_grad=True)
        handle = T.autograd.graph.register_multi_grad_hook(
            (x, y), lambda g: seen.append(g if mode == "any" else tuple(g)), mode=mode
        )
        (x * y).sum().backward()
        handle.remove()
        (x * y).sum().backward()
        return len(seen), seen[0] if mode == "all" else None

    agree(lambda T: program(T, "all"))
    agree(lambda T: program(T, "any"))
    agree(lambda T: program(T, "some"))


def test_gradient_edges():
    x = ours.tensor([1.0], requires_grad=True)
    y = x * 2
    edge = ours.autograd.graph.get_gradient_edge(y)
    assert edge.node is y.grad_fn and edge.output_nr == 0
    agree(lambda T: T.autograd.graph.get_gradient_edge(T.ones(2)))


# ---------------------------------------------------------------------------------------- anomalies
def test_anomaly_names_the_line():
    x = ours.zeros(2, requires_grad=True)
    with pytest.warns(UserWarning, match="Anomaly Detection has been enabled"):
        context = ours.autograd.detect_anomaly()
    with context:
        assert ours.is_anomaly_enabled()
        y = (x.sqrt() * 0).sum()  # the line that is named
        with pytest.warns(UserWarning, match="the line that is named") as told:
            with pytest.raises(RuntimeError, match="Function 'SqrtBackward0' returned nan values in"
                               " its 0th output."):  # fmt: skip
                y.backward()
    text = str(told[0].message)
    assert text.startswith("Error detected in SqrtBackward0. Traceback of forward call that caused")
    assert "the line that is named" in text.rstrip().split("\n")[-1]  # and none of the package
    assert not ours.is_anomaly_enabled()


def test_anomaly_switch():
    def program(T):
        found = [T.is_anomaly_enabled()]
        with T.autograd.set_detect_anomaly(True, check_nan=False):
            found += [T.is_anomaly_enabled(), T.is_anomaly_check_nan_enabled()]
            x = T.zeros(2, requires_grad=True)
            (x.sqrt() * 0).sum().backward()
            found.append(x.grad)
        T.autograd.set_detect_anomaly(True)
        found.append(T.is_anomaly_enabled())
        T.autograd.set_detect_anomaly(False)
        return found + [T.is_anomaly_enabled()]

    agree(program)


def test_unused_inputs():
    def program(T, **options):
        x, y = T.ones(2, requires_grad=True), T.ones(2, requires_grad=True)
        return T.autograd.grad((x * 2).sum(), [x, y], **options)

    agree(program)
    agree(lambda T: program(T, allow_unused=True))
    agree(lambda T: program(T, materialize_grads=True))
    agree(lambda T: program(T, materialize_grads=True, allow_unused=False))
