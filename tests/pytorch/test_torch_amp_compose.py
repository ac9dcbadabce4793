"""Autocast together with custom operations, checkpoints, torch.compile and torch.func."""

import numpy as np
import pytest
from oracle import ours, real, same

from functorch_lite.torch._core.autocast import casting

RNG = np.random.default_rng(7)
X, W = RNG.normal(size=(2, 4, 4)).astype(np.float32)
LOOSE = 2e-2


def operands(T):
    x = T.tensor(X.tolist(), requires_grad=True)
    return x, T.tensor(W.tolist(), requires_grad=True)


@pytest.fixture(autouse=True)
def _nothing_is_left():
    yield
    assert not casting.kinds and not casting.on and not casting.nesting and not casting.casts


def agree(program, rtol=LOOSE, graph=True):
    same(program(ours), program(real), rtol=rtol, graph=graph)


# ------------------------------------------------------------------------------- custom operations
def product(T, seen, cast_inputs=None, decorated=True):
    """A product of matrices as a Function."""

    def dressed(f, **options):
        return f

    fwd = T.amp.custom_fwd if decorated else dressed
    bwd = T.amp.custom_bwd if decorated else dressed

    class Product(T.autograd.Function):
        @staticmethod
        @fwd(device_type="cpu", cast_inputs=cast_inputs) if decorated else dressed
        def forward(ctx, a, b):
            ctx.save_for_backward(a, b)
            seen.append((str(a.dtype), str(b.dtype), T.is_autocast_enabled("cpu")))
            return a.mm(b)

        @staticmethod
        @bwd(device_type="cpu") if decorated else dressed
        def backward(ctx, grad):
            a, b = ctx.saved_tensors
            seen.append((str(grad.dtype), T.is_autocast_enabled("cpu")))
            return grad.mm(b.t()), a.t().mm(grad)

    return Product.apply


@pytest.mark.parametrize("cast", [None, "float32", "bfloat16", "float64"])
@pytest.mark.parametrize("inside", [True, False])
def test_custom_forward_and_backward(cast, inside):
    def program(T):
        x, w = operands(T)
        seen = []
        f = product(T, seen, None if cast is None else getattr(T, cast))
        with T.autocast("cpu", enabled=inside):
            out = f(x * 1, w)
        out.float().pow(2).sum().backward()
        return out, x.grad, w.grad, seen

    agree(program)


def test_a_function_without_decorators_follows_the_context():
    def program(T):
        x, w = operands(T)
        seen = []
        f = product(T, seen, decorated=False)
        with T.autocast("cpu"):
            out = f(x.bfloat16(), w.bfloat16())
            out.float().sum().backward()
        return out, seen

    agree(program)


def test_inputs_in_containers_are_cast():
    def program(T):
        @T.amp.custom_fwd(device_type="cpu", cast_inputs=T.float16)
        def forward(ctx, parts, named, text, array, count):
            tensors = (*parts, named["a"], array, count)
            return [*[t.dtype for t in tensors], text]

        class Context:
            pass

        given = ((T.ones(1), T.ones(1).double()), {"a": T.ones(1)}, "text", np.ones(1))
        with T.autocast("cpu"):
            found = forward(Context(), *given, count=T.ones(1, dtype=T.int64))
        return [str(f) for f in found]

    agree(program)


# ------------------------------------------------------------------------------------- checkpoints
@pytest.mark.parametrize("reentrant", [True, False])
@pytest.mark.parametrize("kind", ["bfloat16", "float16", "off"])
def test_a_checkpoint_runs_again_as_it_ran_first(reentrant, kind):
    def program(T):
        x, w = operands(T)
        seen = []

        def f(x):
            seen.append((T.is_autocast_enabled("cpu"), str(T.get_autocast_dtype("cpu"))))
            return (x @ w).tanh() @ w

        dtype = T.bfloat16 if kind == "off" else getattr(T, kind)
        with T.autocast("cpu", enabled=kind != "off", dtype=dtype):
            out = T.utils.checkpoint.checkpoint(f, x, use_reentrant=reentrant)
        with T.autocast("cpu", enabled=kind == "off"):
            out.float().sum().backward()
        return out, x.grad, w.grad, seen, T.is_autocast_enabled("cpu")

    agree(program)


def test_parts_under_checkpoints():
    def program(T):
        x, w = operands(T)
        parts = [lambda x: x @ w, lambda x: x.relu(), lambda x: x @ w, lambda x: x * 2]
        with T.autocast("cpu"):
            out = T.utils.checkpoint.checkpoint_sequential(parts, 2, x, use_reentrant=False)
        out.float().sum().backward()
        return out, x.grad, w.grad

    agree(program)


# --------------------------------------------------------------------------------------- compiled
def eager_and_compiled(f, *operands, **context):
    """Results and gradients of a function of ours, as it is and compiled; called three times."""
    runs = []
    for g in (f, ours.compile(f, fullgraph=True)):
        for _ in range(3):
            for t in operands:
                t.grad = None
            with ours.autocast("cpu", **context):
                out = g(*operands)
            out.float().pow(2).sum().backward()
            runs.append((out.detach(), *[t.grad for t in operands]))
    return runs


@pytest.mark.parametrize("enabled", [True, False])
def test_a_compiled_function_under_autocast(enabled):
    x, w = operands(ours)

    def f(x, w):
        return ((x @ w).relu() @ w + x).softmax(-1)

    first, *rest = eager_and_compiled(f, x, w, enabled=enabled)
    for run in rest:
        same(run, first, rtol=1e-6 if not enabled else 1e-2)
    assert first[0].dtype == ours.float32


def test_a_compiled_function_that_enters_autocast():
    x, w = operands(ours)

    def f(x, w):
        with ours.autocast("cpu", dtype=ours.bfloat16):
            y = (x @ w).relu()
            with ours.autocast("cpu", enabled=False):
                z = x @ w
            loss = ours.nn.functional.mse_loss(y @ w, z)
        return loss + (x @ w).sum()

    first, *rest = eager_and_compiled(f, x, w, enabled=False)
    for run in rest:
        same(run, first, rtol=1e-2)

    def program(T):
        x, w = operands(T)
        with T.autocast("cpu", dtype=T.bfloat16):
            y = (x @ w).relu()
            with T.autocast("cpu", enabled=False):
                z = x @ w
            return T.nn.functional.mse_loss(y @ w, z), (x @ w)

    agree(program)


def test_programs_are_kept_apart_by_the_context():
    x, w = operands(ours)
    f = ours.compile(lambda x, w: x @ w, fullgraph=True)
    found = [f(x, w).dtype]
    with ours.autocast("cpu"):
        found.append(f(x, w).dtype)
        with ours.autocast("cpu", dtype=ours.float16):
            found.append(f(x * 1, w * 1).dtype)
    found.append(f(x, w).dtype)
    assert found == [ours.float32, ours.bfloat16, ours.float16, ours.float32]


def test_second_derivatives_of_what_was_compiled_under_autocast():
    x, w = operands(ours)

    def second(f):
        with ours.autocast("cpu"):
            out = f(x, w)
        (g,) = ours.autograd.grad(out.float().pow(2).sum(), w, create_graph=True)
        return ours.autograd.grad(g.pow(2).sum(), [x, w])

    def f(x, w):
        return (x @ w).tanh() @ w

    same(second(ours.compile(f, fullgraph=True)), second(f), rtol=3e-2)


def test_a_compiled_module_trains_as_it_does_eagerly():
    def losses(compiled):
        ours.manual_seed(0)
        model = ours.nn.Sequential(ours.nn.Linear(4, 8), ours.nn.GELU(), ours.nn.Linear(8, 2))
        run = ours.compile(model) if compiled else model
        optimizer = ours.optim.SGD(model.parameters(), lr=0.1)
        x, found = ours.tensor(X.tolist()), []
        for _ in range(4):
            optimizer.zero_grad()
            with ours.autocast("cpu"):
                loss = ours.nn.functional.cross_entropy(run(x), ours.tensor([0, 1, 1, 0]))
            loss.backward()
            optimizer.step()
            found.append(loss.item())
        return found

    assert losses(True) == pytest.approx(losses(False), rel=5e-3)


# ------------------------------------------------------------------------------------- torch.func
def test_vmap_and_grad_under_autocast():
    def program(T):
        x, w = operands(T)
        x, w = x.detach(), w.detach()

        def loss(w, row):
            return T.nn.functional.mse_loss(row @ w, row)

        with T.autocast("cpu"):
            return (
                T.func.vmap(lambda row: row @ w)(x),
                T.func.grad(loss)(w, x[0]),
                T.func.vmap(T.func.grad(loss), in_dims=(None, 0))(w, x),
                T.func.jacrev(lambda x: (x @ w).sum(0))(x),
                T.vmap(lambda a, b: T.cat([a @ w, b]))(x, x),
            )

    agree(program, graph=False)


def test_functions_that_enter_autocast_under_vmap_and_grad():
    def program(T):
        x, w = operands(T)
        x, w = x.detach(), w.detach()

        def f(row):
            with T.autocast("cpu"):
                return (row @ w).relu()

        return T.vmap(f)(x), T.func.grad(lambda w: f(x @ w).float().sum())(w)

    agree(program, graph=False)


def test_gradients_per_example_of_a_module():
    def program(T):
        T.manual_seed(0)
        model = T.nn.Linear(4, 3)
        params = {n: p.detach() for n, p in model.named_parameters()}
        x, y = T.tensor(X.tolist()), T.tensor([0, 2, 1, 0])

        def loss(params, x, y):
            out = T.func.functional_call(model, params, (x[None],))
            return T.nn.functional.cross_entropy(out, y[None])

        with T.autocast("cpu"):
            return T.vmap(T.func.grad(loss), in_dims=(None, 0, 0))(params, x, y)

    mine, theirs = program(ours), program(real)
    same([*mine.values()], [*theirs.values()], rtol=LOOSE)


# --------------------------------------------------------------------------------- backward passes
def test_backward_passes_inside_and_outside():
    def program(T, inside):
        x, w = operands(T)
        with T.autocast("cpu"):
            loss = T.nn.functional.mse_loss((x @ w).relu() @ w, x)
            if inside:
                loss.backward()
        if not inside:
            loss.backward()
        return loss, x.grad, w.grad

    for inside in (True, False):
        same(program(ours, inside), program(real, inside), rtol=LOOSE)


def test_hooks_in_backward_passes_see_the_context():
    def program(T):
        x, w = operands(T)
        seen = []
        with T.autocast("cpu"):
            y = (x * 1).sum()
            y.register_hook(lambda g: seen.append((x @ w).dtype == T.bfloat16))
            y.backward(retain_graph=True)
        y.backward()
        return seen

    assert program(ours) == program(real) == [True, False]
