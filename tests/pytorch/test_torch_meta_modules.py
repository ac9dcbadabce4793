"""Modules, optimisers, gradients, transforms and files on the device ``meta``."""

import copy
import io
import pickle
import warnings

import pytest

from tests.pytorch.oracle import ours, real
from tests.pytorch.test_torch_meta import agree, told


def test_an_ensemble_from_a_model_without_memory():
    def program(T):
        T.manual_seed(0)
        models = [T.nn.Sequential(T.nn.Linear(4, 8), T.nn.ReLU(), T.nn.Linear(8, 2))
                  for _ in range(3)]  # fmt: skip
        params, buffers = T.func.stack_module_state(models)
        base = copy.deepcopy(models[0]).to("meta")
        x = T.randn(5, 4)

        def call(p, b, x):
            return T.func.functional_call(base, (p, b), (x,))

        out = T.vmap(call, in_dims=(0, 0, None))(params, buffers, x)
        return out.detach().flatten().tolist()

    assert program(ours) == pytest.approx(program(real), rel=1e-5)


def test_modules_move_to_the_device_and_get_memory_again():
    def program(T):
        m = T.nn.Sequential(T.nn.Linear(3, 4), T.nn.BatchNorm1d(4))
        m(T.ones(5, 3)).sum().backward()
        old = m[0].weight
        m.to("meta")
        moved = [*m.parameters(), *m.buffers(), m[0].weight.grad, m[0].weight is old]
        half = m.half()[0].weight
        m.to_empty(device="cpu")
        return moved, half, [*m.parameters(), *m.buffers()], m[0].weight.grad

    agree(program)


def test_skip_init():
    agree(lambda T: T.nn.utils.skip_init(T.nn.Linear, 3, 4).weight)
    agree(lambda T: T.nn.utils.skip_init(T.nn.Linear, 3, 4, device="meta").weight)


def test_a_module_refuses_to_leave():
    agree(lambda T: T.nn.Linear(2, 3, device="meta").to("cpu"), words=200)


def test_empty_weights_by_registration():
    # As Hugging Face's accelerate does it.
    def program(T):
        old = T.nn.Module.register_parameter

        def register(module, name, param):
            old(module, name, param)
            if param is not None:
                kind = type(module._parameters[name])
                module._parameters[name] = kind(module._parameters[name].to("meta"))

        T.nn.Module.register_parameter = register
        try:
            m = T.nn.TransformerEncoderLayer(16, 4)
        finally:
            T.nn.Module.register_parameter = old
        return list(m.parameters()), sum(p.numel() for p in m.parameters())

    agree(program)


def test_states():
    def program(T):
        given = T.nn.Linear(2, 3).state_dict()
        m = T.nn.Linear(2, 3, device="meta")
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            m.load_state_dict(given)
        before = m.weight
        m.load_state_dict(given, assign=True)
        return [str(w.message) for w in seen], before, m.weight, m.weight.requires_grad

    agree(program)

    def out_of(T):
        T.nn.Linear(2, 3).load_state_dict(T.nn.Linear(2, 3, device="meta").state_dict())

    agree(out_of, words=60)


MODULES = {
    "convolutions": lambda T: (
        T.nn.Sequential(T.nn.Conv2d(3, 8, 3, padding=1), T.nn.BatchNorm2d(8), T.nn.ReLU(),
                        T.nn.MaxPool2d(2), T.nn.AdaptiveAvgPool2d(1), T.nn.Flatten(),
                        T.nn.Linear(8, 5)),
        T.randn(2, 3, 16, 16),
    ),
    "transposed": lambda T: (T.nn.ConvTranspose1d(3, 4, 5, 2), T.randn(2, 3, 9)),
    "transformer": lambda T: (
        T.nn.TransformerEncoderLayer(16, 4, batch_first=True), T.randn(2, 5, 16)
    ),
    "norms": lambda T: (
        T.nn.Sequential(T.nn.GroupNorm(2, 4), T.nn.InstanceNorm1d(4, affine=True),
                        T.nn.LayerNorm(6)),
        T.randn(2, 4, 6),
    ),
    "embedding": lambda T: (
        T.nn.Sequential(T.nn.Embedding(10, 4), T.nn.Dropout(0.1), T.nn.GELU()),
        T.randint(0, 10, (2, 3)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
def test_modules(name):
    def program(T):
        with T.device("meta"):
            m, x = MODULES[name](T)
        y = m(x)
        y.sum().backward()
        return y, y.grad_fn is not None, [p.grad for p in m.parameters()], list(m.buffers())

    agree(program)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_recurrent_modules(kind):
    def program(T):
        m = getattr(T.nn, kind)(3, 4, 2, bidirectional=True, device="meta")
        y, state = m(T.empty(5, 2, 3, device="meta"))
        y.sum().backward()
        return tuple(y.shape), told(state[0])[0], [tuple(p.grad.shape) for p in m.parameters()]

    agree(program)


OPTIMISERS = {
    "SGD": {"momentum": 0.9}, "Adam": {"amsgrad": True}, "AdamW": {}, "Adagrad": {}, "RMSprop": {},
    "Adadelta": {}, "Adamax": {}, "NAdam": {}, "RAdam": {}, "Rprop": {},
}  # fmt: skip


@pytest.mark.parametrize("name", OPTIMISERS)
def test_optimisers(name):
    def program(T):
        m = T.nn.Linear(3, 2, device="meta")
        o = getattr(T.optim, name)(m.parameters(), lr=0.1, **OPTIMISERS[name])
        for _ in range(2):
            o.zero_grad()
            m(T.empty(4, 3, device="meta")).square().mean().backward()
            o.step()
        state = o.state[m.weight]
        values = {k: v.item() for k, v in state.items() if not v.is_meta and v.numel() == 1}
        return m.weight, dict(sorted(state.items())), dict(sorted(values.items()))

    agree(program)


@pytest.mark.parametrize("name", ["SGD", "Adam", "NAdam"])
def test_optimisers_step_what_has_memory_beside_what_has_none(name):
    def program(T):
        ps = [T.nn.Parameter(T.empty(3, device=d)) for d in ("meta", "cpu", "meta", "cpu")]
        for p in ps:
            p.data.fill_(1)
            p.grad = T.ones_like(p)
        o = getattr(T.optim, name)(ps, lr=0.1)
        o.step()
        o.step()
        return [round(x, 4) for p in ps[1::2] for x in p.tolist()]

    agree(program)
    assert max(program(ours)) < 1


ASKED = {
    "bool": bool, "float": float, "item": lambda g: g.item(), "list": lambda g: g.tolist(),
    "numpy": lambda g: g.numpy(), "mask": lambda g: g[g > 0], "text": repr,
}  # fmt: skip


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("place", ["leaf", "result", "accumulated", "node", "Function"])
def test_users_code_in_a_backward_pass_gets_no_numbers(place, asked):
    def program(T):
        seen = []

        def look(g):
            seen.append(ASKED[asked](g.sum()))

        class Twice(T.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return x * 2

            @staticmethod
            def backward(ctx, g):
                look(g)
                return g * 2

        a = T.empty(3, device="meta", requires_grad=True)
        b = Twice.apply(a) if place == "Function" else a * 2
        if place in ("leaf", "result"):
            (a if place == "leaf" else b).register_hook(look)
        elif place == "accumulated":
            a.register_post_accumulate_grad_hook(lambda p: look(p.grad))
        elif place == "node":
            b.grad_fn.register_hook(lambda found, grads: look(grads[0]))
        b.sum().backward()
        return seen, a.grad

    agree(program)


def test_errors_of_users_code_in_a_backward_pass():
    class Fails(ours.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, g, h):
            assert h.is_meta and h.shape == (3,)
            raise TypeError("mine")

    a = ours.empty(3, device="meta", requires_grad=True)
    with pytest.raises(TypeError, match="mine"):
        Fails.apply(a)[0].sum().backward()
    a.register_hook(lambda g: g + ours.ones(3))
    with pytest.raises(RuntimeError, match="not on the expected device"):
        (a * 2).sum().backward()


def test_gradients_of_another_device_are_refused():
    for mine, other in (("meta", "cpu"), ("cpu", "meta")):

        def program(T, mine=mine, other=other):
            a = T.empty(3, device=mine, requires_grad=True)
            (a * 2).backward(T.ones(3, device=other))

        agree(program, words=90)


def test_gradients():
    def program(T):
        a = T.empty(3, 4, device="meta", requires_grad=True)
        b = a * 2
        c = b[1:]
        c.mul_(3)
        seen = []
        a.register_hook(lambda g: seen.append(tuple(g.shape)) or g * 2)
        (b.exp().sum() + c.prod()).backward()
        (g,) = T.autograd.grad((a**3).sum(), a, create_graph=True)
        g.sum().backward()
        q, r = T.linalg.qr(a.T)
        q.sum().backward()
        return (
            a.grad, g.requires_grad, b.grad_fn.name(), c.grad_fn.name(), seen, r,
            T.autograd.functional.jacobian(lambda x: x.sin().sum(0), a.detach()),
        )  # fmt: skip

    agree(program)


def test_gradients_without_a_rule_for_symbols():
    def program(T):
        a = T.empty(4, 4, device="meta", requires_grad=True)
        places = T.zeros(2, 4, dtype=T.int64, device="meta")
        parts = (
            a.gather(0, places), a.inverse(), a.sort(0)[0], a.i0(), T.linalg.svdvals(a),
            a.quantile(0.5), T.special.zeta(T.tensor(2.0), a),
            a.scatter_reduce(0, places, a[:2], "prod"),
        )  # fmt: skip
        sum(part.sum() for part in parts).backward()
        return a.grad

    agree(lambda T: program(T) if T is ours else T.empty(4, 4, device="meta").requires_grad_(False))


def test_memory_written_after_it_was_saved():
    def program(T):
        a = T.empty(3, device="meta", requires_grad=True)
        b = a.exp()
        b.add_(1)
        b.sum().backward()

    agree(program, words=60)


def test_functions_and_transforms():
    def program(T):
        class Square(T.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x * x

            @staticmethod
            def backward(ctx, g):
                return 2 * g * ctx.saved_tensors[0]

        a = T.empty(3, device="meta", requires_grad=True)
        Square.apply(a).sum().backward()
        x = T.empty(3, device="meta")
        return (
            a.grad, T.func.grad(lambda x: (x**2).sum())(x), T.func.jacrev(lambda x: x**2)(x),
            T.func.hessian(lambda x: (x**3).sum())(x), T.func.jvp(T.sin, (x,), (x,)),
            T.vmap(lambda x: x * 2)(x),
            T.vmap(T.func.grad(lambda x: (x**2).sum()))(T.stack([x, x])),
            T.utils.checkpoint.checkpoint(T.sin, a, use_reentrant=False),
        )  # fmt: skip

    agree(program)


def test_vmap_over_tensors_without_memory():
    def program(T):
        F = T.nn.functional
        m, w = T.empty(7, 3, device="meta"), T.empty(4, 3, device="meta")
        layer = T.nn.Linear(3, 4, device="meta").requires_grad_(False)
        return (
            T.vmap(lambda x: w[0] * x)(m), T.vmap(lambda x: T.where(w > 0, w, x))(m),
            T.vmap(lambda x: F.linear(x, w))(m), T.vmap(layer)(m), T.vmap(layer, chunk_size=2)(m),
            T.vmap(lambda x: (w @ x).softmax(0))(m), T.vmap(lambda x: x.sort()[0])(m),
            T.vmap(T.func.grad(lambda x: layer(x).sum()))(m), T.func.jacfwd(layer)(m[0]),
            T.func.hessian(lambda x: (w @ x).square().sum())(m[0]),
        )  # fmt: skip

    agree(program)
    agree(lambda T: T.vmap(T.nn.Linear(3, 4, device="meta"))(T.ones(7, 3)), words=0)


def test_compiled_functions_run_eagerly():
    x = ours.empty(3, device="meta")
    assert ours.compile(lambda x: ours.relu(x) * 2)(x).is_meta
    w = ours.nn.Linear(3, 2, device="meta")
    assert ours.compile(w)(x).is_meta


def test_initialisers():
    def program(T):
        I = T.nn.init  # noqa: E741
        w = T.nn.Parameter(T.empty(6, 4, device="meta"))
        T.manual_seed(1)
        for f in (I.normal_, I.uniform_, I.xavier_normal_, I.xavier_uniform_, I.kaiming_normal_,
                  I.kaiming_uniform_, I.trunc_normal_, I.orthogonal_, I.ones_, I.zeros_,
                  I.eye_):  # fmt: skip
            assert f(w) is w
        I.sparse_(w, 0.1), I.constant_(w, 2.0), I.dirac_(T.empty(4, 4, 3, device="meta"))
        return w

    agree(program)


def test_parametrizations():
    def program(T):
        P = T.nn.utils.parametrizations
        x = T.empty(2, 3, device="meta")
        made = [P.weight_norm(T.nn.Linear(3, 3, device="meta")),
                P.spectral_norm(T.nn.Linear(3, 3, device="meta")),
                P.orthogonal(T.nn.Linear(3, 3, device="meta"))]  # fmt: skip
        p = T.nn.Parameter(T.empty(3, device="meta"))
        p.grad = T.empty(3, device="meta")
        return [m(x) for m in made], [tuple(m.weight.shape) for m in made], (
            T.nn.utils.clip_grad_norm_([p], 1.0), T.nn.utils.parameters_to_vector([p]),
        )  # fmt: skip

    agree(program)


# ------------------------------------------------------------------------------------------- files
def test_files_of_both_packages():
    def saved(T):
        m = T.empty(3, 4, device="meta")
        kept = {"t": m.t()[1:], "p": T.nn.Parameter(m), "i": m.long()}
        kept["m"] = T.nn.Linear(2, 2).state_dict()
        kept["g"] = T.empty(2, dtype=T.float64, device="meta", requires_grad=True)
        buffer = io.BytesIO()
        T.save(kept, buffer)
        return buffer.getvalue()

    for writer in (ours, real):
        data = saved(writer)
        mine, theirs = (told(T.load(io.BytesIO(data))) for T in (ours, real))
        assert mine == theirs
    # One description of a tensor without memory in both.
    name = b"_rebuild_meta_tensor_no_storage"
    assert saved(ours).count(name) == saved(real).count(name) == 1


@pytest.mark.parametrize("place", ["meta", "device", "dict", "function"])
def test_loading_without_memory(place):
    def program(T):
        buffer = io.BytesIO()
        w = T.ones(4, 3)
        T.save({"w": w, "part": w[1:], "t": w.t()}, buffer)
        buffer.seek(0)
        where = {
            "meta": "meta", "device": T.device("meta"), "dict": {"cpu": "meta"},
            "function": lambda s, tag: T.UntypedStorage(s.nbytes(), device="meta"),
        }[place]  # fmt: skip
        return T.load(buffer, map_location=where)

    agree(program)
    found = program(ours)
    assert found["w"]._memory is found["part"]._memory is found["t"]._memory


def test_a_broken_description_is_refused():
    buffer = io.BytesIO()
    ours.save(ours.empty(3, 4, device="meta"), buffer)
    assert ours.load(io.BytesIO(buffer.getvalue())).shape == (3, 4)
    rebuild = ours._serialization.rebuild.rebuild_meta_tensor_no_storage
    with pytest.raises(pickle.UnpicklingError, match="dtype of a tensor"):
        rebuild("float32", (3,), (1,), False)
    with pytest.raises(pickle.UnpicklingError, match="size of a tensor"):
        rebuild(ours.float32, (-3,), (1,), False)
    with pytest.raises(RuntimeError, match="overflowed"):
        rebuild(ours.float32, (2**62, 2**62), (2**62, 1), False)
    with pytest.raises(RuntimeError, match="mismatch in length"):
        rebuild(ours.float32, (3, 4), (1,), False)


def test_copies():
    def program(T):
        m = T.nn.Linear(2, 3, device="meta")
        a = T.empty(4, device="meta")
        both = copy.deepcopy({"a": a, "again": a})
        return (
            copy.deepcopy(m).weight, copy.deepcopy(m.weight) is not m.weight, copy.copy(a),
            both["a"] is both["again"],
            pickle.loads(pickle.dumps(T.empty(3, 4, device="meta").t())),
            pickle.loads(pickle.dumps(m)).weight, copy.deepcopy(a.untyped_storage()).nbytes(),
        )  # fmt: skip

    agree(program)
