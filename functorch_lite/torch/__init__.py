"""PyTorch's API over functorch_lite: familiar scripts run unchanged, with the same numbers.

>>> import functorch_lite.torch as torch
>>> x = torch.tensor([1.0, 2.0], requires_grad=True)
>>> (x * x).sum().backward()
>>> x.grad
tensor([2., 4.])

``python -m functorch_lite.torch script.py`` runs a script that imports ``torch``;
``install()`` makes ``import torch`` mean this package in a notebook.
"""

from math import e, inf, nan, pi

from functorch_lite.torch import (
    _C,  # noqa: F401  (its name)
    _dynamo,  # noqa: F401  (its name)
    _higher_order_ops,  # noqa: F401  (its functions)
    accelerator,
    amp,
    autograd,
    backends,
    compiler,
    cpu,
    cuda,
    distributed,
    distributions,
    fft,
    func,
    functional,
    jit,
    linalg,
    masked,
    multiprocessing,
    nn,
    optim,
    overrides,
    random,
    return_types,
    serialization,
    signal,
    special,
    storage,
    testing,
    torch_version,
    types,
    utils,
    version,
)
from functorch_lite.torch._compile.public import compile
from functorch_lite.torch._core.device import device, get_default_device, set_default_device
from functorch_lite.torch._core.dtypes import (
    bfloat16,
    bool,
    cdouble,
    cfloat,
    complex64,
    complex128,
    double,
    dtype,
    finfo,
    float,
    float16,
    float32,
    float64,
    get_default_dtype,
    half,
    iinfo,
    int,
    int8,
    int16,
    int32,
    int64,
    long,
    set_default_dtype,
    short,
    uint8,
    uint16,
    uint32,
    uint64,
)
from functorch_lite.torch._core.grad_mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from functorch_lite.torch._core.layout import (
    channels_last,
    channels_last_3d,
    contiguous_format,
    layout,
    memory_format,
    preserve_format,
    sparse_bsc,
    sparse_bsr,
    sparse_coo,
    sparse_csc,
    sparse_csr,
    strided,
)
from functorch_lite.torch._core.promotion import can_cast, promote_types
from functorch_lite.torch._core.promotion import result_type as _result_type
from functorch_lite.torch._core.public import FUNCTIONS as _FUNCTIONS
from functorch_lite.torch._core.size import Size
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._functorch.vmap import vmap
from functorch_lite.torch._meta import recorder as _meta_recorder  # noqa: F401  (sees operations)
from functorch_lite.torch._object import built as _built
from functorch_lite.torch._object import generator as _generator  # noqa: F401  (and functions)
from functorch_lite.torch._object import leftovers as _leftovers  # noqa: F401  (methods)
from functorch_lite.torch._object import mapped as _mapped  # noqa: F401  (from_file)
from functorch_lite.torch._object import settings as _settings
from functorch_lite.torch._object import tensor_methods as _methods  # noqa: F401  (of tensors)
from functorch_lite.torch._object.exceptions import AcceleratorError, FatalError, OutOfMemoryError
from functorch_lite.torch._object.print_options import set_printoptions
from functorch_lite.torch._object.streams import Event, Stream
from functorch_lite.torch._object.subclass import (
    DisableTorchFunction,
    DisableTorchFunctionSubclass,
)
from functorch_lite.torch._object.symbolic import SymBool, SymFloat, SymInt
from functorch_lite.torch._ops import everything as _ops_  # noqa: F401  (functions, methods)
from functorch_lite.torch._scripts.install import install, uninstall
from functorch_lite.torch._scripts.names import module_getattr as _module_getattr
from functorch_lite.torch._scripts.names import name_modules as _name_modules
from functorch_lite.torch.amp import GradScaler, autocast
from functorch_lite.torch.amp._settings import FUNCTIONS as _AUTOCAST
from functorch_lite.torch.cpu import amp as _cpu_amp  # noqa: F401  (its name)
from functorch_lite.torch.cuda import amp as _cuda_amp  # noqa: F401  (its name)
from functorch_lite.torch.random import thread_safe_generator
from functorch_lite.torch.serialization import load, save

__all__ = [
    "AcceleratorError",
    "DisableTorchFunction",
    "DisableTorchFunctionSubclass",
    "Event",
    "FatalError",
    "GradScaler",
    "OutOfMemoryError",
    "Size",
    "Stream",
    "SymBool",
    "SymFloat",
    "SymInt",
    "Tensor",
    "accelerator",
    "amp",
    "autocast",
    "autograd",
    "backends",
    "bfloat16",
    "bool",
    "can_cast",
    "cdouble",
    "cfloat",
    "channels_last",
    "channels_last_3d",
    "compile",
    "compiler",
    "complex128",
    "complex64",
    "contiguous_format",
    "cpu",
    "cuda",
    "device",
    "distributed",
    "distributions",
    "double",
    "dtype",
    "e",
    "enable_grad",
    "fft",
    "finfo",
    "float",
    "float16",
    "float32",
    "float64",
    "func",
    "functional",
    "get_default_device",
    "get_default_dtype",
    "half",
    "iinfo",
    "inf",
    "inference_mode",
    "install",
    "int",
    "int16",
    "int32",
    "int64",
    "int8",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "jit",
    "layout",
    "linalg",
    "load",
    "long",
    "masked",
    "memory_format",
    "multiprocessing",
    "nan",
    "newaxis",
    "nn",
    "no_grad",
    "optim",
    "overrides",
    "pi",
    "preserve_format",
    "promote_types",
    "random",
    "result_type",
    "return_types",
    "save",
    "serialization",
    "set_default_device",
    "set_default_dtype",
    "set_grad_enabled",
    "set_printoptions",
    "short",
    "signal",
    "sparse_bsc",
    "sparse_bsr",
    "sparse_coo",
    "sparse_csc",
    "sparse_csr",
    "special",
    "storage",
    "strided",
    "testing",
    "thread_safe_generator",
    "torch_version",
    "types",
    "uint16",
    "uint32",
    "uint64",
    "uint8",
    "uninstall",
    "utils",
    "version",
    "vmap",
]

__version__ = torch_version.TorchVersion(version.__version__)
newaxis = None


def result_type(tensor1: object, tensor2: object) -> dtype:
    """The dtype of an operation on two tensors or numbers.

    >>> result_type(zeros(2, dtype=int64), 1.5)
    torch.float32

    Source: ``torch.result_type``.
    """
    return _result_type((tensor1, tensor2))


for _module in (_built, _settings):
    globals().update({name: getattr(_module, name) for name in _module.__all__})
    __all__ += _module.__all__
globals().update({**_FUNCTIONS, **_AUTOCAST})
__all__ += [*_FUNCTIONS, *_AUTOCAST]
__getattr__ = _module_getattr(globals())
_name_modules()
