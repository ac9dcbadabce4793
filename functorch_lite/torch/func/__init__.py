"""Function transforms: gradients, Jacobians and maps of functions, and modules as functions."""

from __future__ import annotations

from functorch_lite.torch._functorch.apis import grad, grad_and_value, vmap
from functorch_lite.torch._functorch.batch_norm_replacement import replace_all_batch_norm_modules_
from functorch_lite.torch._functorch.eager_transforms import jvp, linearize, vjp
from functorch_lite.torch._functorch.functional_call import functional_call, stack_module_state
from functorch_lite.torch._functorch.jacobians import hessian, jacfwd, jacrev
from functorch_lite.torch._functorch.seen import debug_unwrap, functionalize

__all__ = [
    "debug_unwrap", "functional_call", "functionalize", "grad", "grad_and_value", "hessian",
    "jacfwd", "jacrev", "jvp", "linearize", "replace_all_batch_norm_modules_",
    "stack_module_state", "vjp", "vmap",
]  # fmt: skip

for _name in __all__:
    globals()[_name].__module__ = "torch.func"
