"""What was wrong once: each case beside PyTorch."""

import threading

import numpy as np
import pytest
from oracle import compare, ours, real, same


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


# ------------------------------------------------------------------------------ layers' functions
ALONE = {
    "pixel_shuffle": lambda F, x: F.pixel_shuffle(x, 1),
    "channel_shuffle": lambda F, x: F.channel_shuffle(x, x.shape[1]),
    "max_pool2d": lambda F, x: F.max_pool2d(x, 1),
    "adaptive_max_pool2d": lambda F, x: F.adaptive_max_pool2d(x, x.shape[-1]),
}


@pytest.mark.parametrize("name", ALONE)
def test_results_lie_in_memory_of_their_own(name):
    def program(T):
        x = T.ones(1, 2, 3, 3)
        ALONE[name](T.nn.functional, x).add_(1)
        h = x.clone().requires_grad_() * 2
        y = h * h
        ALONE[name](T.nn.functional, h).mul_(3)
        y.sum().backward()
        return x

    agree(program)


def test_a_checkpoint_watches_its_arguments():
    from functorch_lite.torch.utils.checkpoint import checkpoint as our_checkpoint

    their_checkpoint = pytest.importorskip("torch.utils.checkpoint").checkpoint

    def program(T):
        run = our_checkpoint if T is ours else their_checkpoint
        h = T.tensor([1.0, 2.0], requires_grad=True) * 1
        out = run(lambda t: (t * t).sum(), h, use_reentrant=False)
        with T.no_grad():
            h.mul_(10)
        out.backward()

    agree(program)


def test_saved_tensor_hooks_are_the_threads_own():
    seen = []
    with ours.autograd.graph.saved_tensors_hooks(lambda t: seen.append(t) or t, lambda t: t):
        x = ours.ones(2, requires_grad=True)
        worker = threading.Thread(target=lambda: x * x)
        worker.start()
        worker.join()
    assert not seen


@pytest.mark.parametrize("padding", ["border", "reflection", "zeros"])
@pytest.mark.parametrize("corners", [True, False])
def test_grids_at_the_edge(padding, corners):
    image = np.arange(9.0).reshape(1, 1, 3, 3)
    grid = np.array([[[[-1, -1], [1, 1], [0, -1.0], [0.5, 2.0]]]])

    def f(T, x, g):
        return T.nn.functional.grid_sample(x, g, padding_mode=padding, align_corners=corners)

    compare(f, image, grid, double=False, names=False)


CONSTANTS = {
    "binary_cross_entropy": lambda F, x, y, w: F.binary_cross_entropy(x.sigmoid(), y, w),
    "with_logits": lambda F, x, y, w: F.binary_cross_entropy_with_logits(x, y, w),
    "pos_weight": lambda F, x, y, w: F.binary_cross_entropy_with_logits(x, y, pos_weight=w),
    "nll_loss": lambda F, x, y, w: F.nll_loss(x, y.argmax(1), w),
    "multi_margin_loss": lambda F, x, y, w: F.multi_margin_loss(x, y.argmax(1), weight=w),
    "soft_margin_loss": lambda F, x, y, w: F.soft_margin_loss(x, y * w),
    "batch_norm": lambda F, x, y, w: F.batch_norm(x, w, w * w + 1),
}


@pytest.mark.parametrize("name", CONSTANTS)
def test_operands_without_a_gradient_cannot_want_one(name):
    def program(T):
        w = T.tensor([0.5, 1.0, 2.0], requires_grad=True)
        x = T.linspace(-1, 1, 6).reshape(2, 3).requires_grad_()
        y = T.tensor([[1.0, 0, 0], [0, 0, 1]])
        return CONSTANTS[name](T.nn.functional, x, y, w)

    agree(program)


EMPTY = {
    "group_norm": lambda T: T.nn.functional.group_norm(T.zeros(0, 4, 2), 2),
    "layer_norm": lambda T: T.nn.functional.layer_norm(T.zeros(3, 0), (0,)),
    "unfold": lambda T: T.nn.functional.unfold(T.zeros(0, 2, 3, 3), 2),
    "channel_shuffle": lambda T: T.nn.functional.channel_shuffle(T.zeros(0, 4, 3, 3), 2),
    "attention": lambda T: T.nn.functional.scaled_dot_product_attention(
        T.ones(1, 2, 4), T.ones(1, 0, 4), T.ones(1, 0, 4)
    ),
}


@pytest.mark.parametrize("name", EMPTY)
def test_empty_operands(name):
    agree(EMPTY[name])


def test_other_values_of_layers():
    x = np.array([[-4, -1], [-1, -1]]).reshape(1, 1, 2, 2)
    compare(lambda T, x: T.nn.functional.avg_pool2d(x, 2), x, grads=False)
    points = np.array([[0.0, 1.0], [0.0, 3.0], [2.0, 3.0]])
    compare(lambda T, x: T.nn.functional.pdist(x, 0.5), points, double=False)

    def weighted(T):
        logits = T.tensor([[0.0, -np.inf]])
        return T.nn.functional.nll_loss(
            logits, T.tensor([1]), T.tensor([1.0, 0.0]), reduction="sum"
        )

    agree(weighted)


def test_a_function_frees_what_it_saved_for_forward():
    import weakref

    class Twice(ours.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            out = x * 2
            ctx.save_for_forward(out)
            return out

        @staticmethod
        def backward(ctx, g):
            return g * 2

    out = Twice.apply(ours.ones(2, requires_grad=True))
    alive = weakref.ref(out)
    del out
    assert alive() is None
