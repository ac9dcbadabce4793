"""``torch.compile``: functions and modules that run as compiled programs."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from functorch_lite.torch._compile.compiled import Compiled, InvalidBackend, live
from functorch_lite.torch._compile.recording import Recording
from functorch_lite.torch._core.public import overrides
from functorch_lite.torch.nn.modules.module import Module

__all__ = ["OptimizedModule", "compile", "disable", "is_compiling", "list_backends", "reset"]

BACKENDS = ("aot_eager", "eager", "inductor")
MODES = ("default", "lite", "reduce-overhead", "max-autotune-no-cudagraphs", "max-autotune")
_OWN = ("_orig_mod", "_compiled")


class OptimizedModule(Module):
    """A module whose calls are compiled; all else is the module itself.

    Attributes:
        _orig_mod: the module.

    Source: ``torch._dynamo.eval_frame.OptimizedModule``.
    """

    __module__ = "torch._dynamo.eval_frame"

    def __init__(self, mod: Module, compiled: Compiled) -> None:
        super().__init__()
        self._modules["_orig_mod"] = mod
        self.__dict__["_compiled"] = compiled
        del self.__dict__["training"]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        compiled = self.__dict__["_compiled"]
        return (self._orig_mod if compiled is None else compiled)(*args, **kwargs)

    def __len__(self) -> int:
        return len(self._orig_mod)

    def __getattr__(self, name: str) -> Any:
        if name == "_orig_mod":
            return self._modules["_orig_mod"]
        return getattr(self._orig_mod, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _OWN:
            super().__setattr__(name, value)
            return
        setattr(self._orig_mod, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._orig_mod, name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *dir(self._orig_mod)})


def compile(
    model: Callable[..., Any] | None = None, *, fullgraph: bool = False,
    dynamic: bool | None = None, backend: str | Callable[..., Any] | None = "inductor",
    mode: str | None = None, options: dict[str, Any] | None = None, disable: bool = False,
) -> Any:  # fmt: skip
    """Run a function or module as compiled programs, one for each kind of call.

    A call is recorded once for shapes, dtypes, flags and Python values that lead to its tensors,
    and so is its backward pass; where that does not work the call runs as it is
    (``torch._dynamo.explain`` says why). Random numbers come from the same streams. Not guarded:
    what objects of compiled extensions hold, the globals of packages in site-packages, environment
    variables read through ``from os import environ``, and memory that two calls of ``frombuffer``
    share: ``torch.compiler.reset()`` after such a change.

    Args:
        model: a function or module; without it, a decorator is returned.
        fullgraph: whether a call that cannot be compiled is an error.
        dynamic: shapes always count as static.
        backend: one of ``list_backends()``; all mean this library's compiler.
        mode, options: accepted; there is nothing to choose.
        disable: return the function as it is.

    Returns:
        a function, or for a module an ``OptimizedModule``.

    Raises:
        torch._dynamo.exc.InvalidBackend: an unknown backend.
        torch._dynamo.exc.Unsupported: at a call, with ``fullgraph``.

    >>> import functorch_lite.torch as torch
    >>> f = compile(lambda x: torch.sin(x) ** 2 + torch.cos(x) ** 2)
    >>> f(torch.ones(2))
    tensor([1., 1.])

    Source: ``torch.compile``.
    """
    if mode is not None and options is not None:
        raise RuntimeError(
            "Either mode or options can be specified, but both can't be specified at the same time."
        )
    if isinstance(backend, str) and backend not in BACKENDS:
        raise InvalidBackend(
            f"Invalid backend: {backend!r}, see `torch._dynamo.list_backends()` for available "
            "backends."
        )
    if mode is not None and backend == "inductor" and mode not in MODES:
        raise RuntimeError(f"Unrecognized mode={mode}, should be one of: {', '.join(MODES)}")
    if model is None:
        return functools.partial(
            compile, fullgraph=fullgraph, dynamic=dynamic, backend=backend, mode=mode,
            options=options, disable=disable,
        )  # fmt: skip
    if disable:
        return model
    if not callable(model):
        raise AssertionError(f"A callable function is expected, but {type(model)} is provided.")
    if isinstance(model, OptimizedModule):
        model = model._orig_mod
    compiled = Compiled(model, fullgraph)
    if isinstance(model, Module):
        return OptimizedModule(model, compiled)
    return _as_function(model, compiled)


def _as_function(f: Callable[..., Any], compiled: Compiled) -> Callable[..., Any]:
    """A compiled function as one that binds to instances like any other."""

    @functools.wraps(f)
    def call(*args: Any, **kwargs: Any) -> Any:
        return compiled(*args, **kwargs)

    call._torchdynamo_orig_callable = f  # type: ignore[attr-defined]
    return call


def compile_module(module: Module, *args: Any, **kwargs: Any) -> None:
    """Have the calls of a module compiled, in place.

    Args:
        args, kwargs: what ``torch.compile`` takes after the model.

    Source: ``torch.nn.Module.compile``.
    """
    module.__dict__["_compiled_call_impl"] = Compiled(
        module._call_impl, bool(kwargs.get("fullgraph"))
    )
    compile(module, *args, **kwargs)  # complains of its arguments


setattr(Module, "compile", compile_module)  # noqa: B010


def disable(fn: Any = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """A function that is never part of a compiled program: calls of it run eagerly.

    Args:
        fn: the function; without it, a decorator is returned.
        reason: shown where it stops a compilation.

    Source: ``torch.compiler.disable``.
    """
    if fn is None:
        return functools.partial(disable, recursive=recursive, reason=reason)

    @functools.wraps(fn)
    def call(*args: Any, **kwargs: Any) -> Any:
        if overrides.known:
            overrides.refuse(f"a function with torch.compiler.disable ({reason or fn})")
        return fn(*args, **kwargs)

    return call


def is_compiling() -> bool:
    """Whether the code that asks is being recorded. Source: ``torch.compiler.is_compiling``."""
    return isinstance(overrides.recorder, Recording)


def list_backends(exclude_tags: Any = ("debug", "experimental")) -> list[str]:
    """The names that ``backend`` takes. Source: ``torch.compiler.list_backends``."""
    return list(BACKENDS)


def reset() -> None:
    """Forget all compiled programs. Source: ``torch.compiler.reset``."""
    for compiled in list(live):
        compiled.reset()
