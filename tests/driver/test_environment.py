"""Devices, types, options: what scripts ask of the place where they run."""

import threading
import warnings

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors


def test_devices_and_processes():
    assert fl.devices()[0] == "cpu" and fl.devices("cpu") == [fl.Device("cpu")]
    assert fl.device_count("cpu") == fl.local_device_count("cpu") == 1
    assert fl.local_devices(backend="cpu") == fl.local_devices(0, "cpu")
    assert (fl.process_index(), fl.process_count(), fl.process_indices()) == (0, 1, [0])
    device = fl.devices("cpu")[0]
    assert (device.platform, device.id, device.process_index) == ("cpu", 0, 0)
    assert fl.Device("cuda", 1).platform == "gpu" and fl.Device("cuda", 1).id == 1
    with pytest.raises(errors.DeviceError, match="'tpu'. Remedy: devices"):
        fl.devices("tpu")
    with pytest.raises(ValueError, match="the only process"):
        fl.local_devices(2)


def test_the_default_device():
    assert fl.default_backend() == "cpu"
    with fl.default_device("cpu"), fl.default_device(None), fl.default_device(fl.devices()[0]):
        assert fnp.ones(2).device == "cpu"
        assert float(fl.jit(lambda x: x + fnp.ones(()))(1.0)) == 2.0
    with pytest.raises(errors.DeviceError, match="unknown device"):
        fl.default_device("tpu")


def test_typeof():
    assert fl.typeof(fnp.ones((2, 3), "bfloat16")) == fl.ShapeDtypeStruct((2, 3), "bfloat16")
    assert fl.typeof(np.ones(2)).dtype == "float64"
    assert fl.typeof(1.0).weak and fl.typeof(2).weak and not fl.typeof(True).weak
    seen = []
    fl.jit(fl.vmap(lambda x: seen.append(fl.typeof(x)) or x))(fnp.ones((5, 3)))
    assert seen == [fl.ShapeDtypeStruct((3,), "float32")]
    with pytest.raises(TypeError, match="fl.tree.map"):
        fl.typeof([1.0])


def test_live_arrays_come_and_go():
    x = fnp.arange(7)
    assert any(y is x for y in fl.live_arrays("cpu"))
    assert not any(y is x for y in fl.live_arrays("gpu"))
    kept = []
    fl.jit(lambda x: kept.append(x) or x)(1.0)
    assert not any(y is kept[0] for y in fl.live_arrays())

    class Touchy:
        @property
        def __class__(self):
            raise AssertionError("asked for its class")

    touchy = Touchy()
    assert fl.live_arrays()
    del touchy
    shape = (7, 3, 1, 1, 2)
    y = fnp.zeros(shape)
    del y
    assert not any(z.shape == shape for z in fl.live_arrays())


def test_environment_info(capsys):
    text = fl.print_environment_info(return_string=True)
    assert np.__version__ in text and "devices:" in text and not capsys.readouterr().out
    assert fl.print_environment_info() is None
    assert capsys.readouterr().out == text + "\n"


# ---------------------------------------------------------------------------------------- config
def test_options_that_do_something():
    config = fl.config
    config.update("jax_debug_nans", True)
    try:
        assert config.jax_debug_nans and not config.jax_debug_infs
        with pytest.raises(errors.NanError):
            fl.jit(fnp.log)(-1.0)
        config.update("jax_debug_infs", True)
        with pytest.raises(errors.NanError, match="inf"):
            fnp.log(fnp.asarray(0.0))
        with pytest.raises(errors.NanError, match="NaN"):
            fnp.log(fnp.asarray(-1.0))
        config.update("jax_debug_nans", False)
        fnp.log(fnp.asarray(-1.0))
        with pytest.raises(errors.NanError, match="inf"):
            fnp.log(fnp.asarray(0.0))
    finally:
        config.update("jax_debug_nans", False)
        config.update("jax_debug_infs", False)
    assert np.isinf(fnp.log(fnp.asarray(0.0)))
    config.update("jax_disable_jit", True)
    try:
        fl.jit(lambda x: x if float(x) > 0 else -x)(1.0)
        assert config.read("jax_disable_jit")
    finally:
        config.update("jax_disable_jit", False)
    config.update("jax_default_device", fl.devices("cpu")[0])
    assert config.jax_default_device is None
    config.update("jax_debug_nans", False)  # nothing to do


def test_debug_options_are_not_set_inside_a_block():
    for block in (fl.debug_nans, lambda: fl.ensure_compile_time_eval()):
        with block(), pytest.raises(errors.TransformError, match="inside a transform or a with"):
            fl.config.update("jax_debug_infs", True)
    with pytest.raises(errors.TransformError, match=r"with debug_nans\(\)"):
        fl.jit(lambda x: fl.config.update("jax_debug_nans", True) or x)(1.0)
    assert not fl.config.jax_debug_nans


def test_64_bits_need_no_option():
    with pytest.warns(UserWarning, match="float64 and int64 are always there") as seen:
        fl.config.update("jax_enable_x64", True)
    assert seen[0].filename == __file__
    try:
        assert fl.config.jax_enable_x64 and fl.config.x64_enabled
        assert fnp.asarray(1.0).dtype == "float32" and fnp.ones(1, "float64").dtype == "float64"
    finally:
        fl.config.update("jax_enable_x64", False)
    with pytest.warns(UserWarning) as seen, fl.enable_x64():
        assert fl.config.jax_enable_x64
    assert seen[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with fl.enable_x64(False):
            pass
    assert not fl.config.jax_enable_x64


def test_precision_is_kept_and_changes_nothing():
    x = fnp.asarray(np.random.default_rng(0).random((8, 8)), "float32")
    with fl.default_matmul_precision("bfloat16"):
        assert fl.config.jax_default_matmul_precision == "bfloat16"
        low = x @ x
    assert (low == x @ x).all() and fl.config.jax_default_matmul_precision is None
    with fl.default_matmul_precision(fl.lax.Precision.HIGHEST):
        pass
    with pytest.raises(ValueError, match="expected one of None, 'default'"):
        fl.default_matmul_precision("exact")


def test_options_without_a_meaning():
    for name, value in (
        ("jax_platforms", "cpu"),
        ("jax_threefry_partitionable", True),
        ("jax_numpy_rank_promotion", "allow"),
    ):
        fl.config.update(name, value)
        assert fl.config.read(name) == value
    with pytest.raises(ValueError, match="jax_platforms is always 'cpu' here; got 'tpu'"):
        fl.config.update("jax_platforms", "tpu")
    with pytest.raises(ValueError, match="is True or False; got 1"):
        fl.config.update("jax_debug_nans", 1)
    with pytest.raises(AttributeError, match="'jax_log_compiles' means nothing here; the options"):
        fl.config.update("jax_log_compiles", True)
    with pytest.raises(AttributeError, match="jax_nothing"):
        fl.config.read("jax_nothing")
    with pytest.raises(AttributeError, match="jax_nothing"):
        getattr(fl.config, "jax_nothing")  # noqa: B009
    assert set(fl.config.values) > {"jax_enable_x64", "jax_debug_nans"}
    assert "jax_disable_jit=False" in repr(fl.config)
    assert not hasattr(fl.config, "_private")


STRICT = [
    (fnp.arange(3), 1.5), (fnp.arange(3), 2), (fnp.ones(3), 2), (fnp.ones(3), fnp.arange(3)),
    (fnp.ones(3, "float16"), fnp.ones(3)), (fnp.ones(3) > 0, 2),
    (fnp.ones(3), 1j), (fnp.ones(3) > 0, fnp.arange(3)), (fnp.ones(3), fnp.ones(3)), (1, 2.0),
    (fnp.ones(3, "complex64"), 2.0), (fnp.ones(3, "bool"), True), (fnp.ones(3), np.float64(2)),
]  # fmt: skip


def refused(function, *args):
    try:
        function(*args)
    except errors.DtypeError as error:
        assert "numpy_dtype_promotion('strict'): expected operands of one dtype" in str(error)
        return True
    return False


def test_strict_promotion():
    with fl.numpy_dtype_promotion("strict"):
        found = [refused(lambda x, y: x + y, *pair) for pair in STRICT]
        assert found == [refused(fnp.add, *pair) for pair in STRICT]
        assert found == [refused(fl.jit(lambda x, y: x + y), *pair) for pair in STRICT]
        assert found == [1, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0]
        assert not refused(fnp.add, fnp.arange(3), True)
        with pytest.raises(errors.DtypeError, match=r"float32 and int64. Remedy.*'float32'"):
            fnp.concatenate([fnp.ones(2), fnp.arange(2)])
        with pytest.raises(errors.DtypeError, match=r"int64 and a Python float. .*'float32'"):
            fl.grad(lambda x: fnp.sum(x * fnp.sum(fnp.arange(3) * 1.5)))(1.0)
        x = fnp.ones((3, 3))
        fl.jit(fl.grad(lambda x: fl.nn.softmax(fnp.tanh(x) @ x).sum() * 2))(x)
        with fl.numpy_dtype_promotion("standard"):
            assert (x + fnp.arange(3)).dtype == "float32"
    assert (x + fnp.arange(3)).dtype == "float32"
    fl.config.update("jax_numpy_dtype_promotion", "strict")
    try:
        assert fl.config.jax_numpy_dtype_promotion == "strict"
        assert refused(fnp.add, x, fnp.arange(3))
    finally:
        fl.config.update("jax_numpy_dtype_promotion", "standard")
    with pytest.raises(ValueError, match="expected 'standard' or 'strict'; got 'raise'"):
        fl.numpy_dtype_promotion("raise")


@pytest.mark.peers
def test_strict_promotion_is_jaxs():
    jax = pytest.importorskip("jax", exc_type=ImportError)

    def answer(module, np_, error, x, y):
        x, y = (np_.asarray(np.asarray(v)) if isinstance(v, fl.Array) else v for v in (x, y))
        with module.numpy_dtype_promotion("strict"):
            try:
                np_.add(x, y)
            except error:
                return True
        return False

    for pair in STRICT:
        theirs = answer(jax, jax.numpy, Exception, *pair)
        assert answer(fl, fnp, errors.DtypeError, *pair) == theirs, pair


def test_options_belong_to_their_thread():
    found = []

    def other():
        try:
            found.append(np.isnan(fnp.log(fnp.asarray(-1.0))).item())
        except errors.NanError:
            found.append("seen")

    fl.config.update("jax_debug_nans", True)
    try:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    finally:
        fl.config.update("jax_debug_nans", False)
    assert found == [True]


def test_options_of_a_thread_are_read_and_set_there_alone():
    found = []

    def other():
        config = fl.config
        found.append((config.jax_debug_nans, config.x64_enabled))
        config.update("jax_debug_nans", True)
        try:
            with pytest.raises(errors.NanError):
                fnp.log(fnp.asarray(-1.0))
        finally:
            config.update("jax_debug_nans", False)
        found.append("done")

    fl.config.update("jax_debug_nans", True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with fl.enable_x64():
                thread = threading.Thread(target=other)
                thread.start()
                thread.join()
        assert fl.config.jax_debug_nans
    finally:
        fl.config.update("jax_debug_nans", False)
    assert found == [(False, False), "done"]
