"""The contexts of autocast beside PyTorch's: nesting, kept casts, threads, settings, messages."""

import threading
import warnings

import numpy as np
import pytest
from oracle import ours, real, same

from functorch_lite.torch._core.autocast import casting
from functorch_lite.torch._core.public import overrides

RNG = np.random.default_rng(5)
X, W = RNG.normal(size=(2, 4, 4)).astype(np.float32)
KINDS = ["cpu", "cuda", "mps", "xpu", "xla", "hpu", "mtia", "maia", "ipu", "meta", "foo", 1]


def operands(T):
    return T.tensor(X.tolist()), T.tensor(W.tolist(), requires_grad=True)


def told(T, f):
    """What a call returns or raises, and what it warns of, without addresses and C++ files."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        try:
            result = f(T)
            result = result if isinstance(result, (bool, type(None))) else str(result)
        except Exception as error:
            result = f"{type(error).__name__}: {error}"
    words = [(w.category.__name__, str(w.message).split(" (Triggered")[0]) for w in found]
    return result.split(" object at ")[0] if isinstance(result, str) else result, words


@pytest.fixture(autouse=True)
def _nothing_is_left():
    yield
    assert not casting.kinds and not casting.on and not casting.nesting and not casting.casts
    assert overrides.known != "watched"
    assert not real.is_autocast_enabled("cpu")


# --------------------------------------------------------------------------------------- contexts
def test_contexts_within_contexts():
    def program(T):
        x, w = operands(T)
        found = []
        with T.autocast("cpu", dtype=T.bfloat16) as outer:
            assert isinstance(outer, T.autocast)
            found.append(x @ w)
            with T.autocast("cpu", enabled=False):
                found.append(x @ w)
                with T.autocast("cpu"):
                    found.append(x @ w)
                found.append(T.is_autocast_enabled("cpu"))
            with T.autocast("cpu", dtype=T.float16):
                found.append(x @ x)
                found.append(str(T.get_autocast_dtype("cpu")))
            found.append(x @ x)
        found.append(x @ w)
        return found

    same(program(ours), program(real))


def test_a_kept_cast_is_found_by_its_leaf_alone():
    def program(T):
        _, w = operands(T)
        found = []
        with T.autocast("cpu", dtype=T.bfloat16):
            with T.autocast("cpu", dtype=T.float16):
                found.append(w @ w)
            found.append(w @ w)
        return found

    same(program(ours), program(real))


def test_an_exception_leaves_nothing_behind():
    for T in (ours, real):
        with pytest.raises(ZeroDivisionError), T.autocast("cpu"), T.autocast("cpu", enabled=False):
            raise ZeroDivisionError
        assert not T.is_autocast_enabled("cpu")


def test_decorated_functions_and_methods():
    def program(T):
        x, w = operands(T)

        class Model(T.nn.Module):
            @T.autocast(device_type="cpu", dtype=T.bfloat16)
            def forward(self, x):
                return x @ w, T.is_autocast_enabled("cpu")

        @T.amp.autocast("cpu", enabled=False)
        def inner(x):
            return x @ w

        context = T.autocast("cpu")
        with context:
            first = inner(x)
        with context:
            second = x @ w
        return *Model()(x), first, second, inner.__name__

    same(program(ours), program(real))


def test_other_kinds_of_devices_leave_the_cpu_alone():
    def program(T):
        x, w = operands(T)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with T.autocast("cuda"), T.autocast("mps"):
                return x @ w

    same(program(ours), program(real))


def test_two_kinds_of_devices_at_once():
    def program(T):
        x, w = operands(T)
        T.set_autocast_enabled("cuda", True)
        try:
            with T.autocast("cpu"):
                found = [x @ w, T.stack([x.bfloat16(), x]), T.exp(x.bfloat16())]
                T.set_autocast_enabled("cuda", False)
                T.set_autocast_enabled("cuda", True)
                return [*found, x @ w]
        finally:
            T.set_autocast_enabled("cuda", False)

    same(program(ours), program(real))


# -------------------------------------------------------------------------------------- kept casts
@pytest.mark.parametrize("keeps", [True, False, None])
def test_a_parameter_is_cast_once(keeps):
    def program(T):
        x, w = operands(T)
        with T.autocast("cpu", cache_enabled=keeps):
            first, second = x @ w, x @ w
            T.clear_autocast_cache()
            third = x @ w
        casts = [y.grad_fn.next_functions[1][0] for y in (first, second, third)]
        (first + second + third).sum().backward()
        return casts[0] is casts[1], casts[0] is casts[2], casts[0].name(), w.grad

    mine, theirs = program(ours), program(real)
    same(mine, theirs)
    assert mine[0] is (keeps is not False)


def test_uses_of_a_kept_cast_add_up_in_the_lower_precision():
    def program(T, keeps):
        x, w = operands(T)
        with T.autocast("cpu", cache_enabled=keeps):
            loss = sum(((k * x) @ w).float().pow(2).sum() for k in range(1, 6))
        loss.backward()
        return w.grad

    for keeps in (True, False):
        same(program(ours, keeps), program(real, keeps), rtol=2e-3)


def test_what_is_no_leaf_is_cast_each_time():
    def program(T):
        x, w = operands(T)
        y = w * 2
        with T.autocast("cpu"):
            a, b = x @ y, x @ y
            c, d = x @ w.t(), x @ w.t()
        pairs = ((a, b), (c, d))
        return [p.grad_fn.next_functions[1][0] is q.grad_fn.next_functions[1][0] for p, q in pairs]

    assert program(ours) == program(real) == [False, False]


def test_a_cast_without_gradients_does_not_cut_off_later_ones():
    def program(T):
        x, w = operands(T)
        with T.autocast("cpu"):
            with T.no_grad():
                first = x @ w
            second = x @ w
        second.sum().backward()
        with T.inference_mode(), T.autocast("cpu"):
            third = x @ w
        return first, second.detach(), w.grad, third.dtype

    same(program(ours), program(real))


def test_casts_of_views_are_not_kept():
    def program(T):
        x, w = operands(T)
        w = w.detach()
        leaf = w.view_as(w).requires_grad_()
        with T.autocast("cpu"):
            first = x @ leaf
            w.zero_()
            return first.detach(), (x @ leaf).detach()

    same(program(ours), program(real))


def test_casts_are_gone_after_the_outermost_context():
    x, w = operands(ours)
    with ours.autocast("cpu"):
        with ours.autocast("cpu"):
            ours.matmul(x, w)
        assert len(casting.casts) == 1
    assert not casting.casts
    with ours.no_grad():
        w.mul_(2)
    with ours.autocast("cpu"):
        same(x @ w, (x @ w.detach()), graph=False)


def test_a_weight_written_to_within_the_context_is_stale_as_in_pytorch():
    def program(T):
        x, w = operands(T)
        with T.autocast("cpu"):
            first = x @ w
            with T.no_grad():
                w.mul_(2)
            return first, x @ w

    same(program(ours), program(real))


# ------------------------------------------------------------------------------ threads and classes
def test_threads_have_their_own():
    def program(T):
        x, w = operands(T)
        found = []
        with T.autocast("cpu"):
            thread = threading.Thread(
                target=lambda: found.append((x @ w, T.is_autocast_enabled("cpu")))
            )
            thread.start()
            thread.join()
            found.append(x @ w)
        return found

    same(program(ours), program(real))


def test_a_data_loader_within_the_context():
    def program(T):
        data = T.utils.data.TensorDataset(T.arange(8.0).reshape(4, 2))
        with T.autocast("cpu"):
            return [batch @ batch.t() for (batch,) in T.utils.data.DataLoader(data, 2)]

    same(program(ours), program(real))


def test_hooks_of_modules_see_what_was_cast():
    def program(T):
        x, w = operands(T)
        model, seen = T.nn.Linear(4, 4, bias=False), []
        model.weight.data.copy_(w.detach())
        model.register_forward_hook(lambda m, args, out: seen.extend([args[0], out]))
        model.register_full_backward_hook(lambda m, gi, go: seen.extend(go))
        with T.autocast("cpu"):
            out = model(x.requires_grad_())
        out.float().sum().backward()
        return [s.detach() for s in seen], model.weight.grad

    same(program(ours), program(real))


def test_subclasses_see_operands_as_they_are():
    def program(T):
        seen = []

        class Mine(T.Tensor):
            @classmethod
            def __torch_function__(cls, func, types, args=(), kwargs=None):
                if func in (T.matmul, T.Tensor.matmul, T.Tensor.__matmul__):
                    seen.append(str(args[0].dtype))
                return super().__torch_function__(func, types, args, kwargs or {})

        x, w = operands(T)
        with T.autocast("cpu"):
            made = T.matmul(x.as_subclass(Mine), w)
        return seen, str(made.dtype), type(made).__name__

    assert program(ours) == program(real) == (["torch.float32"], "torch.bfloat16", "Mine")


def test_operations_take_no_notice_outside():
    x, w = operands(ours)
    before = overrides.known
    with ours.autocast("cpu"):
        assert overrides.known
        with ours.autocast("cpu", enabled=False):
            assert not casting.on
    assert overrides.known is before


# ------------------------------------------------------------------------------- settings, messages
SETTINGS = [
    lambda T: T.is_autocast_enabled(), lambda T: T.is_autocast_cpu_enabled(),
    lambda T: T.is_autocast_xla_enabled(), lambda T: T.is_autocast_ipu_enabled(),
    lambda T: T.get_autocast_cpu_dtype(), lambda T: T.get_autocast_gpu_dtype(),
    lambda T: T.get_autocast_xla_dtype(), lambda T: T.get_autocast_ipu_dtype(),
    lambda T: T.set_autocast_cpu_enabled(False), lambda T: T.set_autocast_xla_enabled(False),
    lambda T: T.set_autocast_cpu_dtype(T.bfloat16), lambda T: T.set_autocast_gpu_dtype(T.float16),
    lambda T: T.set_autocast_enabled(False), lambda T: T.set_autocast_enabled("cpu"),
    lambda T: T.set_autocast_enabled(enabled=False), lambda T: T.set_autocast_enabled("cpu", 1),
    lambda T: T.set_autocast_enabled("foo", True),
    lambda T: T.set_autocast_enabled("meta", True), lambda T: T.set_autocast_dtype("cpu", "x"),
    lambda T: T.is_autocast_cache_enabled(), lambda T: T.set_autocast_cache_enabled(1),
    lambda T: (T.autocast_increment_nesting(), T.autocast_decrement_nesting()),
    lambda T: T.autocast(), lambda T: T.autocast("cpu")(3), lambda T: T.autocast(T.device("cpu")),
    lambda T: T.autocast("cpu", dtype=T.float32), lambda T: T.autocast("mps", dtype=T.float32),
    lambda T: T.autocast("cpu", dtype=T.float64, enabled=False), lambda T: T.autocast("cuda"),
    lambda T: T.autocast("cuda", enabled=False), lambda T: T.autocast("cpu", T.float16).fast_dtype,
    lambda T: T.cpu.amp.autocast(), lambda T: T.cuda.amp.autocast(),
    lambda T: T.cuda.amp.autocast(False), lambda T: T.cuda.amp.custom_fwd(lambda ctx: 1) and None,
    lambda T: T.cuda.amp.custom_bwd(lambda ctx: 1) and None,
    lambda T: T.cuda.amp.custom_fwd(cast_inputs=T.float16) and None,
    lambda T: T.amp.custom_fwd(device_type=3), lambda T: T.amp.custom_bwd(device_type=3),
    lambda T: T.amp.custom_fwd(), lambda T: T.cuda.amp.common.amp_definitely_not_available(),
    lambda T: T.cuda.amp.autocast_mode._cast(T.ones(1), T.float16),
    lambda T: T.amp.grad_scaler.OptState.READY, lambda T: T.amp.GradScaler(),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(SETTINGS)))
def test_settings_and_messages(number):
    assert told(ours, SETTINGS[number]) == told(real, SETTINGS[number])


def test_switches_take_one_or_two_arguments():
    for T in (ours, real):
        for args, kwargs in (
            ((), {}), (("cpu", False, 1), {}), (("cpu", False), {"on": 1}), ((), {"on": False}),
            ((False,), {"device_type": "cpu"}),
        ):  # fmt: skip
            with pytest.raises(TypeError, match="set_autocast_enabled"):
                T.set_autocast_enabled(*args, **kwargs)
        T.set_autocast_enabled(device_type="cpu", enabled=False)


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_devices(kind):
    for f in (
        lambda T: T.is_autocast_enabled(kind),
        lambda T: T.get_autocast_dtype(kind),
        lambda T: T.amp.is_autocast_available(kind),
        lambda T: T.amp.autocast_mode.is_autocast_available(kind),
        lambda T: T.autocast(kind, enabled=False),
    ):
        assert told(ours, f) == told(real, f)


def test_what_is_set_is_found_and_followed():
    def program(T):
        x, w = operands(T)
        found = []
        try:
            T.set_autocast_enabled("cpu", True)
            T.set_autocast_dtype("cpu", T.float16)
            found += [x @ w, T.is_autocast_enabled("cpu"), str(T.get_autocast_dtype("cpu"))]
            T.set_autocast_cache_enabled(False)
            found.append(T.is_autocast_cache_enabled())
        finally:
            T.set_autocast_enabled("cpu", False)
            T.set_autocast_dtype("cpu", T.bfloat16)
            T.set_autocast_cache_enabled(True)
            T.clear_autocast_cache()
        return [*found, x @ w]

    same(program(ours), program(real))


def test_warnings_name_the_line_of_the_user():
    for make in (lambda: ours.autocast("cuda"), lambda: ours.cuda.amp.autocast(),
                 lambda: ours.cpu.amp.autocast(), lambda: ours.autocast("cpu", ours.float64),
                 lambda: ours.GradScaler(), lambda: ours.cuda.amp.GradScaler()):  # fmt: skip
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            make()
        assert found and {w.filename for w in found} == {__file__}


def test_deprecated_contexts_work():
    def program(T):
        x, w = operands(T)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with T.cpu.amp.autocast(), T.cuda.amp.autocast(enabled=False):
                return x @ w, type(T.cpu.amp.autocast()).__module__

    same(program(ours), program(real))
