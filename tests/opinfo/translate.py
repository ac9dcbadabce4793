"""PyTorch's values as ours: tensors, dtypes, functions, and the database's own Python functions.

A tensor keeps sizes, strides, offset and ``requires_grad``. A public function is found by its
name. A function that the database itself defines, most often a lambda around methods, runs with
its own code and with ``torch`` in its globals meaning our package.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import types
from typing import Any

import ml_dtypes
import numpy as np
import pytest

real = pytest.importorskip("torch")

import functorch_lite.torch as ours  # noqa: E402

__all__ = ["Missing", "array_of", "ours", "real", "to_ours", "together"]

DATABASE = "torch.testing."
# Modules whose functions users name, the shortest name first.
PUBLIC = (
    "", "nn.functional", "linalg", "fft", "special", "signal.windows", "masked", "sparse", "Tensor",
)  # fmt: skip


MOST_AXES = 64  # of NumPy


class Missing(Exception):
    """A name of PyTorch that our package does not have."""


def our(path: str) -> Any:
    """What our package has under a path below ``torch``.

    Raises:
        Missing: nothing.
    """
    found: Any = ours
    for name in path.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            raise Missing(f"torch.{path}") from None
    return found


@functools.cache
def _paths() -> dict[int, str]:
    """The public path of each function of PyTorch, by its identity."""
    found: dict[int, str] = {}
    for prefix in PUBLIC:
        owner: Any = real
        for name in prefix.split(".") if prefix else ():
            owner = getattr(owner, name)
        for name in sorted(dir(owner), key=lambda name: name.startswith("_")):
            value = inspect.getattr_static(owner, name)
            if callable(value) or inspect.isgetsetdescriptor(value):
                found.setdefault(id(value), f"{prefix}.{name}".lstrip("."))
    return found


# ------------------------------------------------------------------------------------------ tensors
_memories: dict[Any, Any] | None = None


def together(x: Any) -> Any:
    """Like ``to_ours``, with tensors that share memory where PyTorch's do."""
    global _memories
    _memories = {}
    try:
        return to_ours(x)
    finally:
        _memories = None


def array_of(t: Any) -> np.ndarray:
    """The values of a tensor of either kind."""
    if not isinstance(t, real.Tensor):
        return t.detach()._np
    t = t.detach()
    if t.layout != real.strided:
        raise Missing(f"layout {t.layout}")
    if t._is_zerotensor():
        t = t.clone()
    t = t.resolve_conj().resolve_neg()
    if t.dtype == real.bfloat16:
        return t.view(real.int16).numpy().view(ml_dtypes.bfloat16)
    return t.numpy()


def _tensor(t: Any) -> Any:
    if t.layout != real.strided:
        raise Missing(f"layout {t.layout}")
    if not hasattr(ours, str(t.dtype).removeprefix("torch.")):
        raise Missing(str(t.dtype))
    if t.device.type != "cpu" or t.dim() > MOST_AXES:
        raise Missing(f"a tensor of {t.dim()} axes on {t.device}")
    plain = t.detach()
    if not plain.numel():
        made = ours.empty_strided(tuple(t.shape), t.stride(), dtype=to_ours(t.dtype))
    elif plain.is_conj() or plain.is_neg() or plain._is_zerotensor():
        made = ours.from_numpy(array_of(plain.clone()).copy())
    else:
        reach = 1 + sum((n - 1) * s for n, s in zip(t.shape, t.stride(), strict=True))
        size = t.untyped_storage().nbytes() // t.element_size()
        if t.storage_offset() + reach > size:
            raise Missing("a tensor beyond its memory")
        key = (t.untyped_storage().data_ptr(), t.dtype)
        made = None if _memories is None else _memories.get(key)
        if made is None:
            count = t.storage_offset() + reach if _memories is None else size
            made = ours.from_numpy(array_of(plain.as_strided((count,), (1,), 0)).copy())
            if _memories is not None:
                _memories[key] = made
        made = made.as_strided(tuple(t.shape), t.stride(), t.storage_offset())
    made = made.detach()
    return made.requires_grad_() if t.requires_grad else made


# ---------------------------------------------------------------------------------------- functions
def _set_seed(f: Any, *args: Any, **kwargs: Any) -> Any:
    """What the database wraps random functions in, over our generator."""
    ours.manual_seed(42)
    return f(*args, **kwargs)


def _rebound(f: types.FunctionType) -> types.FunctionType:
    """A function of the database that means our package where it says ``torch``."""
    space = {"__builtins__": f.__globals__["__builtins__"]}
    for name in _names(f.__code__):
        if name in f.__globals__:
            try:
                space[name] = to_ours(f.__globals__[name])
            except Missing:
                continue
    cells = tuple(types.CellType(to_ours(c.cell_contents)) for c in f.__closure__ or ())
    defaults = to_ours(f.__defaults__)
    made = types.FunctionType(f.__code__, space, f.__name__, defaults, cells)
    made.__kwdefaults__ = to_ours(f.__kwdefaults__)
    return made


def _names(code: types.CodeType) -> set[str]:
    """The names that a function and those inside it use."""
    found = set(code.co_names)
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            found |= _names(each)
    return found


def _function(f: Any) -> Any:
    if getattr(f, "__name__", "") == "wrapper_set_seed":
        return _set_seed
    path = _paths().get(id(f))
    if path is not None:
        return our(path)
    if isinstance(f, functools.partial):
        return functools.partial(to_ours(f.func), *to_ours(f.args), **to_ours(f.keywords))
    module = getattr(f, "__module__", None) or ""
    if isinstance(f, types.FunctionType) and module.startswith(DATABASE):
        return _rebound(f)
    if module.startswith(DATABASE):
        return f  # an entry, of which such functions want to know the name
    if module.startswith("torch") and not isinstance(f, type):
        name = getattr(f, "_qualified_op_name", "")
        if not name and isinstance(f, real._ops.OpOverload):
            name = f"ops.{str(f)}"
        if not name and not hasattr(f, "__name__"):
            raise Missing(f"torch's {type(f).__name__} object")
        name = name or f"{module}.{f.__name__}"
        return our(name.replace("aten::", "ops.aten.").removeprefix("torch."))
    return f


@functools.singledispatch
def to_ours(x: Any) -> Any:
    """A value of PyTorch as ours.

    Raises:
        Missing: our package has nothing of its name.
    """
    if isinstance(x, real.Tensor):
        return _tensor(x)
    if isinstance(x, real.dtype):
        return our(str(x).removeprefix("torch."))
    if isinstance(x, real.Size):
        return ours.Size(x)
    if isinstance(x, real.device):
        return ours.device(str(x))
    if isinstance(x, (real.layout, real.memory_format)):
        return our(str(x).removeprefix("torch."))
    if isinstance(x, real.Generator):
        return ours.Generator().manual_seed(x.initial_seed())
    if isinstance(x, real.nn.PairwiseDistance):
        return ours.nn.PairwiseDistance(x.norm, x.eps, x.keepdim)
    if dataclasses.is_dataclass(x) and type(x).__module__.startswith("torch.nn."):
        fields = {f.name: to_ours(getattr(x, f.name)) for f in dataclasses.fields(x)}
        return our(f"nn.{type(x).__name__}")(**fields)
    if isinstance(x, types.ModuleType):
        if x.__name__.split(".")[0] != "torch":
            return x
        return ours if x is real else our(x.__name__.removeprefix("torch."))
    if callable(x):
        return _function(x)
    return x


@to_ours.register(list)
@to_ours.register(tuple)
def _sequence(x: Any) -> Any:
    if isinstance(x, real.Size):
        return ours.Size(x)
    made = [to_ours(each) for each in x]
    return type(x)(*made) if hasattr(x, "_fields") else type(x)(made)


@to_ours.register(dict)
def _mapping(x: Any) -> Any:
    return {key: to_ours(value) for key, value in x.items()}
