"""Questions about CUDA, answered as PyTorch's CPU build answers them: tensors live on the CPU.

Arrays of the functional library do run on a GPU, through CuPy; this package's tensors do not yet.

Source: ``torch.cuda``.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NoReturn

from functorch_lite.torch._object.exceptions import AcceleratorError, OutOfMemoryError
from functorch_lite.torch._object.legacy import LEGACY as _LEGACY
from functorch_lite.torch.cuda import memory as _memory
from functorch_lite.torch.cuda import streams as _streams
from functorch_lite.torch.cuda.memory import _refusing, refuse

__all__ = [
    "AcceleratorError",
    "OutOfMemoryError",
    "StreamContext",
    "current_device",
    "current_stream",
    "default_generators",
    "default_stream",
    "device",
    "device_count",
    "device_of",
    "empty_cache",
    "get_arch_list",
    "get_device_capability",
    "get_device_name",
    "get_device_properties",
    "get_gencode_flags",
    "get_rng_state",
    "get_rng_state_all",
    "has_half",
    "has_magma",
    "init",
    "initial_seed",
    "ipc_collect",
    "is_available",
    "is_bf16_supported",
    "is_initialized",
    "is_tf32_supported",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "max_memory_reserved",
    "memory_allocated",
    "memory_reserved",
    "memory_stats",
    "seed",
    "seed_all",
    "set_device",
    "set_rng_state",
    "set_rng_state_all",
    "set_stream",
    "stream",
    "synchronize",
]


has_half = True
has_magma = False
default_generators: tuple[Any, ...] = ()


def is_available() -> bool:
    """Whether tensors can be put on a GPU."""
    return False


def device_count() -> int:
    """How many GPUs tensors can be put on."""
    return 0


def is_initialized() -> bool:
    """Whether CUDA is in use."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether the GPU computes in bfloat16."""
    return False


def is_tf32_supported() -> bool:
    """Whether the GPU multiplies in TF32."""
    return False


def get_arch_list() -> list[str]:
    """The architectures that kernels were built for."""
    return []


def get_gencode_flags() -> str:
    """The flags that kernels were built with."""
    return ""


current_device = _refusing("current_device", "The number of the current GPU")
get_device_name = _refusing("get_device_name", "The name of a GPU")
get_device_capability = _refusing("get_device_capability", "The compute capability of a GPU")
get_device_properties = _refusing("get_device_properties", "Facts about a GPU")
synchronize = _refusing("synchronize", "Wait for a GPU")
current_stream = _refusing("current_stream", "The current stream of a GPU")
default_stream = _refusing("default_stream", "The default stream of a GPU")
initial_seed = _refusing("initial_seed", "The seed of a GPU's generator")
get_rng_state = _refusing("get_rng_state", "The state of a GPU's generator")
set_rng_state = _refusing("set_rng_state", "Set the state of a GPU's generator")
init = _refusing("init", "Start to use a GPU")
set_device = _refusing("set_device", "Make a GPU the current one")
ipc_collect = _refusing("ipc_collect", "Free memory that other processes gave back")
cudart = _refusing("cudart", "CUDA's runtime")
can_device_access_peer = _refusing("can_device_access_peer", "Whether GPUs share memory")
get_sync_debug_mode = _refusing("get_sync_debug_mode", "Whether waiting for a GPU is reported")
set_sync_debug_mode = _refusing("set_sync_debug_mode", "Report waiting for a GPU")


def get_rng_state_all() -> list[Any]:
    """The states of the generators of all GPUs."""
    return []


def _nothing(name: str, about: str, result: Any = None) -> Any:
    def f(*args: Any, **kwargs: Any) -> Any:
        return result

    f.__name__ = f.__qualname__ = name
    f.__doc__ = f"{about}. Source: ``torch.cuda.{name}``."
    return f


empty_cache = _nothing("empty_cache", "Give cached memory of GPUs back; there is none")
seed = _nothing("seed", "Seed the GPU's generator; there is none")
seed_all = _nothing("seed_all", "Seed the generators of all GPUs; there are none")
memory_allocated = _nothing("memory_allocated", "Bytes of a GPU in use", 0)
max_memory_allocated = _nothing("max_memory_allocated", "Most bytes of a GPU in use", 0)
memory_reserved = _nothing("memory_reserved", "Bytes of a GPU that are cached", 0)
max_memory_reserved = _nothing("max_memory_reserved", "Most bytes of a GPU cached", 0)


def memory_stats(device: Any = None) -> OrderedDict[str, Any]:
    """Statistics of a GPU's memory; none."""
    return OrderedDict()


def manual_seed(seed: int) -> None:
    """Seed the GPU's generator; without a GPU there is none, and only the seed is checked."""
    int(seed)


def manual_seed_all(seed: int) -> None:
    """Seed the generators of all GPUs; without a GPU only the seed is checked."""
    int(seed)


def set_rng_state_all(new_states: Any) -> None:
    """Set the states of the generators of all GPUs; there are none."""


def set_stream(stream: Any) -> None:
    """Make a stream the current one; ``None`` changes nothing.

    Args:
        stream: a stream, or None.
    """
    if stream is not None:
        refuse()


class device:
    """A context in which a GPU is the current one; without a GPU it does nothing.

    Args:
        device: a device, its name or its number.
    """

    def __init__(self, device: Any) -> None:
        self.idx = getattr(device, "index", device)

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exception: object) -> None:
        return None


class stream:
    """A context in which a stream is the current one; ``None`` changes nothing.

    Args:
        stream: a stream, or None.
    """

    def __init__(self, stream: Any) -> None:
        if stream is not None:
            refuse()

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exception: object) -> None:
        return None


StreamContext = stream


class device_of(device):
    """A context in which the GPU of a tensor is the current one; none has any.

    Args:
        obj: a tensor.
    """

    def __init__(self, obj: Any) -> None:
        super().__init__(-1)


def _tensor_class(name: str) -> type:
    def new(cls: type, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(
            f"type torch.cuda.{name} not available. Torch not compiled with CUDA enabled."
        )

    doc = f"Tensors of one dtype on a GPU; there are none. Source: ``torch.cuda.{name}``."
    return type(name, (), {"__new__": new, "__module__": "torch.cuda", "__doc__": doc})


for _names in (_memory, _streams):
    globals().update({name: getattr(_names, name) for name in _names.__all__})
    __all__ += _names.__all__
globals().update({name: _tensor_class(name) for name in _LEGACY})
__all__ += [
    *_LEGACY, "can_device_access_peer", "cudart", "get_sync_debug_mode", "set_sync_debug_mode",
]  # fmt: skip
