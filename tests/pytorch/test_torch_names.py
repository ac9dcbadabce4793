"""Names that programs ask for though they do little here: numbers, control flow, devices, tools."""

import gc
import itertools
import subprocess
import sys
import warnings
import weakref

import numpy as np
import pytest
from oracle import ours, real
from test_torch_regressions import agree

import functorch_lite.torch.torch_version


def said(program):
    """What a program gives in both worlds, exceptions by type and first line."""
    found = []
    for T in (ours, real):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                result = repr(program(T))
            except Exception as error:
                result = type(error).__name__, str(error).split("\n")[0][:60]
        found.append((result, [(w.category, str(w.message)[:40]) for w in caught]))
    return found


def alike(program):
    mine, theirs = said(program)
    assert mine == theirs


def test_operations_do_not_ask_classes_until_there_is_one_to_ask():
    program = (
        "import functorch_lite.torch as torch\n"
        "assert not torch._core.public.overrides.known\n"
        "torch.nn.LazyLinear(2)\n"
        "assert torch._core.public.overrides.known\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


# ------------------------------------------------------------------------ numbers and control flow
@pytest.mark.parametrize(
    "program",
    [
        lambda T: T.sym_int(-2.5),
        lambda T: T.sym_int(T.tensor(2.5)),
        lambda T: T.sym_int("a"),
        lambda T: T.sym_float(2),
        lambda T: T.sym_max(3, 1.5),
        lambda T: T.sym_min(1, 2.0),
        lambda T: T.sym_max(True, 2),
        lambda T: T.sym_not(3),
        lambda T: T.sym_ite(True, 1, 2),
        lambda T: T.sym_ite(1, 1, 2),
        lambda T: T.sym_ite(True, 1, 2.0),
        lambda T: T.sym_sqrt(4),
        lambda T: T.sym_sum([1, 2.5]),
        lambda T: T.sym_sum([]),
        lambda T: T.sym_sum(1, 2),
        lambda T: T.sym_constrain_range(3, min=0, max=2),
        lambda T: T.sym_constrain_range(3, min=0, max=5),
        lambda T: T.sym_constrain_range_for_size(3, min=0, max=2),
        lambda T: isinstance(3, (T.SymInt, T.SymFloat, T.SymBool)),
        lambda T: (T.types.Number, T.types.Device, T.types.FileLike, T.types._size),
        lambda T: (T.types.IntLikeType, T.types.PySymType, T.types.py_sym_types),
        lambda T: sorted(T.functional.__all__),
        lambda T: T.functional.einsum is T.einsum,
    ],
)
def test_numbers(program):
    alike(program)


def test_traced_numbers_are_never_made():
    with pytest.raises(TypeError, match="sizes are plain numbers"):
        ours.SymInt(3)
    with pytest.raises(AssertionError, match="expected"):
        ours.sym_max("a", "b")


# PyTorch compiles, which takes seconds, where the condition is a tensor.
TENSORS = [pytest.param(given, marks=pytest.mark.long) for given in ([True], [0.0])]


@pytest.mark.parametrize("pred", [True, 0, 2.5, [1.0, 2.0], "a", *TENSORS])
def test_cond(pred):
    def program(T):
        x = T.ones(3, requires_grad=True)
        p = T.tensor(pred) if isinstance(pred, list) else pred
        y = T.cond(p, lambda x: (x * 3).sum(), lambda x: (x * x * 2).sum(), (x,))
        y.backward()
        return y, x.grad

    agree(program, graph=False)


def test_while_loop():
    def program(T):
        x = T.ones(2)
        return T.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, x * 2), (T.tensor(0), x))

    agree(program)
    agree(lambda T: T.while_loop(lambda i: i < 3, lambda i: (i + 1,), (0,)))
    agree(lambda T: T.while_loop(3, lambda i: (i + 1,), (0,)))
    x = ours.ones(2, requires_grad=True)
    _, y = ours.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * x), (0, ours.ones(2)))
    y.sum().backward()
    assert x.grad.tolist() == [3, 3]
    with pytest.raises(RuntimeError, match=r"given as \(value,\)"):
        ours.while_loop(lambda i: i < 3, lambda i: i + 1, 0)


VERSIONS = ["1.0", "1.0.0", "1.10", "1.9", "1.10.0a", "1.10.0a1", "2.13.0+cpu", "2.13.0", "1.0rc1",
            "1.0.post1", "1.0dev", "1.0.dev3", "parrot", "2.0.0+cu118", "2.0.0+1", "1.0a0.dev1"]


def test_versions():
    mine, theirs = ours.torch_version.TorchVersion, real.torch_version.TorchVersion
    others = [*VERSIONS, (2,), [2, 13, 0]]
    for a, b in itertools.product(VERSIONS, others):
        if a == "parrot" and not isinstance(b, str):
            continue
        for name in ("__lt__", "__le__", "__gt__", "__ge__", "__eq__"):
            assert getattr(mine(a), name)(b) == getattr(theirs(a), name)(b), (a, name, b)
        assert (mine(a) != b) is not (mine(a) == b)
    assert ours.__version__ >= "2.4" and ours.__version__ > (2, 9) and ours.__version__ != None  # noqa: E711
    assert type(ours.__version__) is functorch_lite.torch.torch_version.TorchVersion
    assert {ours.__version__: 1}[str(ours.__version__)] == 1


# -------------------------------------------------------------------------------- devices, streams
@pytest.mark.parametrize(
    "program",
    [
        lambda T: [T.accelerator.is_available(), T.accelerator.device_count()],
        lambda T: T.accelerator.current_accelerator(),
        *[lambda T, n=n: getattr(T.accelerator, n)() for n in (
            "current_device_index", "current_device_idx", "synchronize", "current_stream",
            "empty_cache", "memory_allocated", "get_memory_info", "get_device_capability")],
        lambda T: T.accelerator.set_device_index(0),
        lambda T: T.accelerator.device_index(0).__enter__(),
        lambda T: T.accelerator.device_index(None).__enter__(),
        lambda T: [T.Stream(), T.Event(enable_timing=True), T.Stream("cpu").device],
        lambda T: T.Stream("cuda"),
        lambda T: T.Stream(0),
        lambda T: T.Event("cuda"),
        lambda T: T.Stream().record_event(),
        lambda T: T.Event().record(),
        lambda T: T.Event().elapsed_time(T.Event()),
        lambda T: T.Event(enable_timing=True).elapsed_time(T.Event(enable_timing=True)),
        lambda T: [T.Stream() == T.Stream(), T.Event().query(), T.Stream().query()],
        lambda T: [T.cpu.is_available(), T.cpu.device_count(), T.cpu.current_device()],
        lambda T: [T.cpu.synchronize(), T.cpu.Event().query(), T.cpu.set_device("cpu")],
        lambda T: T.cpu.current_stream() is T.cpu.current_stream(),
        lambda T: T.get_device_module().__name__.endswith("torch.cpu"),
        lambda T: T.get_device_module(T.device("cuda")).__name__.endswith("torch.cuda"),
        lambda T: T.get_device_module("foo"),
        lambda T: T.get_device_module(3),
        *[lambda T, n=n: getattr(T.cuda, n)() for n in (
            "Stream", "Event", "CUDAGraph", "MemPool", "FloatTensor", "mem_get_info", "ipc_collect",
            "host_memory_stats", "memory_stats_as_nested_dict", "memory_cached",
            "max_memory_cached", "is_tf32_supported", "get_gencode_flags", "cudart")],
        lambda T: [T.cuda.has_half, T.cuda.has_magma, T.cuda.default_generators],
        lambda T: T.cuda.DeferredCudaCallError("a"),
        lambda T: T.cuda.device_of(T.ones(2)).__enter__(),
        lambda T: [T.cuda.set_stream(None), T.cuda.set_rng_state_all([])],
        lambda T: [c.__mro__ for c in (T.OutOfMemoryError, T.AcceleratorError, T.FatalError)],
        lambda T: T.cuda.OutOfMemoryError is T.OutOfMemoryError,
        lambda T: [T.backends.mha.get_fastpath_enabled(), T.backends.cusparselt.version()],
        lambda T: [T.backends.kleidiai.is_available(), T.backends.miopen.immediate],
        lambda T: T.random.thread_safe_generator(),
        lambda T: [T.jit.is_scripting(), T.jit.is_tracing()],
    ],
)  # fmt: skip
def test_devices(program):
    alike(program)


def test_marks_for_a_compiler_that_is_not_there():
    for T in (ours, real):
        for mark in (T.jit.export, T.jit.unused, T.jit.ignore, T.jit.ignore()):
            f = lambda: 3  # noqa: E731
            assert mark(f) is f
    # The compiler of PyTorch gives another object; switched off, and here, it gives the same.
    net = ours.nn.Linear(2, 2)
    assert ours.jit.script(net) is net and ours.jit.script_if_tracing(net.forward) == net.forward


def test_what_is_not_there_says_why():
    with pytest.raises(AttributeError, match="'trace': functorch_lite.torch has no TorchScript"):
        ours.jit.trace  # noqa: B018
    with pytest.raises(AttributeError, match="'all_reduce': .* works in one process"):
        ours.distributed.all_reduce  # noqa: B018
    assert not hasattr(ours.jit, "ScriptModule") and not hasattr(ours.distributed, "ProcessGroup")


def test_streams_of_the_cpu():
    with ours.cpu.stream(stream := ours.cpu.Stream()):
        assert ours.cpu.current_stream() is stream
    assert ours.cpu.current_stream() is not stream
    with ours.Stream() as same:
        same.synchronize()
    assert not ours.distributed.is_available() and not ours.distributed.is_initialized()


# ----------------------------------------------------------------------------- methods of tensors
@pytest.mark.parametrize(
    "program",
    [
        lambda T: (T.ones(2).name, T.ones(2).volatile, T.ones(2).is_distributed()),
        lambda T: T.ones(2).reinforce(1),
        lambda T: T.arange(6.0).reshape(2, 3).t().resize(2, 3),
        lambda T: T.ones(2, 3).resize(3),
        lambda T: T.ones(2).resize_as(T.ones(1, 2)),
        lambda T: T.ones(2).const_data_ptr() > 0,
        lambda T: (T.ones(2, 3).dense_dim(), T.ones(2).sparse_dim(), T.ones(2).to_dense()),
        lambda T: T.ones(2).to_dense(T.float64),
        lambda T: T.ones(2).indices(),
        lambda T: T.ones(2).values(),
        lambda T: T.ones(2).is_coalesced(),
        lambda T: T.zeros(2).module_load(T.ones(2)),
        lambda T: T.nn.Parameter(T.zeros(2)).module_load(T.ones(2)),
        lambda T: T.zeros(2).module_load(T.ones(3)),
        lambda T: T.nn.Parameter(T.zeros(2)).module_load(T.nn.Parameter(T.ones(2)), assign=True),
        lambda T: T.set_anomaly_enabled("x"),
    ],
)
def test_methods(program):
    alike(program)


def test_anomalies_by_function():
    for T in (ours, real):
        T.set_anomaly_enabled(True, False)
        assert T.is_anomaly_enabled() and not T.is_anomaly_check_nan_enabled()
        T.set_anomaly_enabled(False)
        assert not T.is_anomaly_enabled() and T.is_anomaly_check_nan_enabled()


def test_modules_of_autograd():
    for T in (ours, real):
        assert T.autograd.anomaly_mode.detect_anomaly is T.autograd.detect_anomaly
        assert T.autograd.grad_mode.no_grad is T.no_grad
        assert isinstance(T.ones(2), T.autograd.variable.Variable)
        with T.autograd.set_multithreading_enabled(False):
            pass
        assert T.autograd.set_multithreading_enabled(True)(lambda: 3)() == 3


# --------------------------------------------------------------------------------------- tools
def test_swapped_tensors():
    def program(T):
        a = T.nn.Parameter(T.ones(2))
        b = T.zeros(3, dtype=T.float64, requires_grad=True)
        b.grad, b.note, first, second = T.ones(3, dtype=T.float64), "b", id(a), id(b)
        T.utils.swap_tensors(a, b)
        assert (id(a), id(b)) == (first, second)
        (a * 2).sum().backward()
        return a, type(a).__name__, a.grad, a.note, b, type(b).__name__

    mine, theirs = program(ours), program(real)
    assert repr(mine) == repr(theirs)


def test_a_graph_does_not_go_backward_across_a_swap():
    for T in (ours, real):
        a, b = T.ones(2, requires_grad=True), T.ones(2, requires_grad=True)
        y = (a * 2).sum()
        T.utils.swap_tensors(a, b)
        with pytest.raises(RuntimeError, match="poisoned by swap_tensors"):
            y.backward()
        # What is recorded once that graph is gone belongs to the object of that time.
        del y
        a.grad = b.grad = None
        (b * 3).sum().backward()
        assert a.grad is None and b.grad.tolist() == [3, 3]
        a = T.ones(2)
        ref = weakref.ref(a)
        with pytest.raises(RuntimeError, match="Cannot swap t1 because it has weakref"):
            T.utils.swap_tensors(a, b)
        assert ref() is a


def test_an_optimiser_sees_the_swap():
    def program(T):
        p = T.nn.Parameter(T.ones(2))
        optimizer = T.optim.SGD([p], lr=0.5)
        T.utils.swap_tensors(p, T.nn.Parameter(T.full((2,), 5.0)))
        p.sum().backward()
        optimizer.step()
        return p

    agree(program)


def test_set_module():
    for T in (ours, real):
        f = lambda: None  # noqa: E731
        T.utils.set_module(f, "torch.somewhere")
        assert f.__module__ == "torch.somewhere"
        with pytest.raises(TypeError, match="should be a string"):
            T.utils.set_module(f, 3)


def test_weak_dictionaries():
    for T in (ours, real):
        if T is real:
            import torch.utils.weak  # noqa: F401
        weak = T.utils.weak
        a, b = T.ones(2), T.ones(2)
        d = weak.WeakTensorKeyDictionary({a: 1})
        d[b] = 2
        assert (d[a], d[b], len(d), a in d, T.ones(2) in d) == (1, 2, 2, True, False)
        assert [id(key) for key in d] == [id(a), id(b)]
        r = weak.TensorWeakRef(b)
        assert r() is b
        del b
        assert len(d) == 1 and r() is None
        del d[a]
        assert len(d) == 0 and d.get(a) is None
        with pytest.raises(AssertionError):
            weak.TensorWeakRef(3)
        assert weak.WeakIdRef(a) == weak.WeakIdRef(a)
        # The values go with the dictionary, without the collector of cycles.
        d[a], ref = (value := T.ones(2)), weakref.ref(value)
        gc.disable()
        try:
            del d, value
            assert ref() is None
        finally:
            gc.enable()


def test_an_optimiser_for_a_while():
    def program(T):
        T.manual_seed(0)
        p = T.nn.Parameter(T.ones(2))
        optimizer = T.optim.Adam([p], lr=0.1)
        p.sum().backward()
        optimizer.step()
        other = T.full((2,), 3.0, requires_grad=True)
        other.grad = T.ones(2) * 2
        state = optimizer.state_dict()
        state["param_groups"][0] = dict(state["param_groups"][0], lr=0.5)
        state["state"] = {0: {k: v.clone() for k, v in state["state"][0].items()}}
        with T.optim.swap_in_optimizer_params_and_state(optimizer, {"p": other}, state):
            assert optimizer.param_groups[0]["params"][0] is other
            optimizer.step()
        assert optimizer.param_groups[0]["params"][0] is p
        return (
            p, other, optimizer.param_groups[0]["lr"], optimizer.state[p]["exp_avg"],
            state["state"][0]["exp_avg"],
        )  # fmt: skip

    agree(program)
    p = ours.nn.Parameter(ours.ones(2))
    optimizer = ours.optim.SGD([p], lr=0.1)
    with pytest.raises(ValueError, match="expected 1 tensors"):
        with ours.optim.swap_in_optimizer_params_and_state(optimizer, {}, optimizer.state_dict()):
            pass


@pytest.mark.parametrize(
    ("a", "b"),
    [([1.0, 2.0], [1.0, 2.00001]), ([1.0], [1.1]), ([1], [1.0]), ([1.0], [1.0, 2.0]),
     ([np.nan], [np.nan])],
)  # fmt: skip
def test_assert_allclose(a, b):
    def program(T):
        T.testing.assert_allclose(T.tensor(a), b)

    alike(program)


@pytest.mark.parametrize("check", [True, False])
def test_assert_close_between_devices(check):
    alike(lambda T: T.testing.assert_close(
        T.empty(2, device="meta"), T.ones(2), check_device=check))  # fmt: skip


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
def test_storages_of_values_on_a_device():
    for T in (ours, real):
        for given, size in (([1, 2], 2), (3, 3), ([], 0)):
            storage = T.TypedStorage(given, dtype=T.int32, device="meta")
            assert (storage.device.type, len(storage)) == ("meta", size)
        assert T.TypedStorage([1.5, 2.5], dtype=T.float64, device="cpu").tolist() == [1.5, 2.5]


def test_versions_in_files(tmp_path):
    ours.save({"version": ours.__version__}, tmp_path / "v.pt")
    assert ours.load(tmp_path / "v.pt", weights_only=False)["version"] == ours.__version__
    real.save({"version": real.__version__}, tmp_path / "v.pt")
    assert ours.load(tmp_path / "v.pt", weights_only=False)["version"] == str(real.__version__)
    with pytest.raises(Exception, match="TorchVersion"):
        ours.load(tmp_path / "v.pt")


def test_tensors_over_files(tmp_path):
    def program(T, folder):
        file = str(folder / "numbers")
        np.arange(4, dtype=np.float32).tofile(file)
        found = [T.from_file(file, size=4).add_(1), np.fromfile(file, np.float32).tolist()]
        shared = T.from_file(file, shared=True, size=6)
        shared.add_(1)
        found += [shared, np.fromfile(file, np.float32).tolist(), T.from_file(file)]
        found += [T.from_file(file, size=2, dtype=T.int32, requires_grad=False)]
        for name, size in (("numbers", 10), ("none", 2)):
            with pytest.raises(RuntimeError) as caught:
                T.from_file(str(folder / name), size=size)
            found.append(str(caught.value).replace(str(folder), ""))
        found.append(T.from_file(str(folder / "none"), shared=True, size=2))
        return found

    results = []
    for T in (ours, real):
        folder = tmp_path / T.__name__
        folder.mkdir()
        results.append(repr(program(T, folder)))
    assert results[0] == results[1]


def test_early_stop_of_checkpoints():
    def program(T):
        counts, C = [], T.utils.checkpoint

        def f(x):
            counts.append("begin")
            y = x.sin().cos()
            counts.append("end")
            return y * 2

        for stop in (True, False, None):
            x = T.ones(2, requires_grad=True)
            with C.set_checkpoint_early_stop(stop):
                y = C.checkpoint(f, x, use_reentrant=False)
            y.sum().backward()
            counts.append(x.grad.tolist())
        (a,) = C.detach_variable((T.ones(2, requires_grad=True),))
        assert a.requires_grad and a.is_leaf
        assert C.get_device_states(a) == ([], []) and C.set_device_states([], []) is None
        with pytest.warns(UserWarning, match="Gradients will be None"):
            C.check_backward_validity([T.ones(2)])
        with pytest.raises(RuntimeError, match="Only tuple of tensors"):
            C.detach_variable([a])
        assert C.DefaultDeviceType.get_device_type() == "cpu"
        return counts

    agree(program)
