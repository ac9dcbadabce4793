"""Immutable arrays with composable ``grad``, ``vmap`` and ``jit``, over NumPy and CuPy.

>>> import functorch_lite as fl
>>> import functorch_lite.numpy as fnp
>>> fl.grad(lambda x: fnp.sum(x**2))(fnp.asarray([1.0, 2.0]))
Array([2., 4.], dtype=float32)
"""

from __future__ import annotations

from functorch_lite import (
    checkpoint_policies,
    data,
    debug,
    errors,
    flatten_util,
    image,
    lax,
    nn,
    numpy,
    optim,
    random,
    training,
    tree,
    tree_util,
)
from functorch_lite.core.array import Array
from functorch_lite.core.aval import Aval as ShapeDtypeStruct
from functorch_lite.core.device import Device
from functorch_lite.core.dtypes import bfloat16, float0
from functorch_lite.core.graph import Graph
from functorch_lite.core.tree import register_dataclass
from functorch_lite.driver import clear_caches, disable_jit, eval_shape, jit, make_graph
from functorch_lite.driver import make_graph as make_jaxpr
from functorch_lite.driver.config import (
    config,
    default_matmul_precision,
    enable_x64,
    numpy_dtype_promotion,
)
from functorch_lite.driver.environment import (
    default_backend,
    default_device,
    device_count,
    devices,
    effects_barrier,
    live_arrays,
    local_device_count,
    local_devices,
    print_environment_info,
    process_count,
    process_index,
    process_indices,
    typeof,
)
from functorch_lite.driver.threads import get_num_threads, set_num_threads
from functorch_lite.driver.two_passes import fwd_and_bwd
from functorch_lite.random.reuse import debug_key_reuse
from functorch_lite.transforms.callbacks import pure_callback
from functorch_lite.transforms.closure import closure_convert
from functorch_lite.transforms.compile_time import ensure_compile_time_eval
from functorch_lite.transforms.custom_gradient import custom_gradient
from functorch_lite.transforms.custom_jvp import custom_jvp
from functorch_lite.transforms.custom_vjp import custom_vjp
from functorch_lite.transforms.debug import debug_infs, debug_nans
from functorch_lite.transforms.grad import grad, value_and_grad, vjp
from functorch_lite.transforms.jacobian import hessian, jacfwd, jacrev
from functorch_lite.transforms.jacobian import jacrev as jacobian
from functorch_lite.transforms.jvp import jvp, linear_transpose, linearize
from functorch_lite.transforms.naming import named_call, named_scope
from functorch_lite.transforms.remat import checkpoint, remat
from functorch_lite.transforms.vmap import vmap
from functorch_lite.values import (
    block_until_ready,
    device_get,
    device_put,
    stop_gradient,
)

__version__ = "0.1.0"

__all__ = [
    "Array",
    "Device",
    "Graph",
    "ShapeDtypeStruct",
    "bfloat16",
    "block_until_ready",
    "checkpoint",
    "checkpoint_policies",
    "clear_caches",
    "closure_convert",
    "config",
    "custom_gradient",
    "custom_jvp",
    "custom_vjp",
    "data",
    "debug",
    "debug_infs",
    "debug_key_reuse",
    "debug_nans",
    "default_backend",
    "default_device",
    "default_matmul_precision",
    "device_count",
    "device_get",
    "device_put",
    "devices",
    "disable_jit",
    "effects_barrier",
    "enable_x64",
    "ensure_compile_time_eval",
    "errors",
    "eval_shape",
    "flatten_util",
    "float0",
    "fwd_and_bwd",
    "get_num_threads",
    "grad",
    "hessian",
    "image",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jit",
    "jvp",
    "lax",
    "linear_transpose",
    "linearize",
    "live_arrays",
    "local_device_count",
    "local_devices",
    "make_graph",
    "make_jaxpr",
    "named_call",
    "named_scope",
    "nn",
    "numpy",
    "numpy_dtype_promotion",
    "optim",
    "print_environment_info",
    "process_count",
    "process_index",
    "process_indices",
    "pure_callback",
    "random",
    "register_dataclass",
    "remat",
    "set_num_threads",
    "stop_gradient",
    "training",
    "tree",
    "tree_util",
    "typeof",
    "value_and_grad",
    "vjp",
    "vmap",
]
