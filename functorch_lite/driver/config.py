"""``config``: JAX's options that mean something here, and an answer for those that do not."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from typing import Any

from functorch_lite.core.device import parse
from functorch_lite.core.trace import Trace, state
from functorch_lite.driver.environment import as_default
from functorch_lite.errors import TransformError
from functorch_lite.transforms.debug import debug_infs, debug_nans

__all__ = [
    "Config",
    "config",
    "default_matmul_precision",
    "enable_x64",
    "numpy_dtype_promotion",
]

PRECISIONS = (
    None, "default", "high", "highest", "bfloat16", "tensorfloat32", "float32", "fastest",
    "BF16_BF16_F32", "BF16_BF16_F32_X3", "BF16_BF16_F32_X6", "BF16_BF16_F32_X9", "F32_F32_F32",
    "F64_F64_F64", "TF32_TF32_F32", "TF32_TF32_F32_X3", "F16_F16_F16", "F16_F16_F32",
    "BF16_BF16_BF16",
)  # fmt: skip
FIXED = {
    "jax_default_prng_impl": "threefry2x32",
    "jax_numpy_rank_promotion": "allow",
    "jax_platform_name": "cpu",
    "jax_platforms": "cpu",
    "jax_threefry_partitionable": True,
}
"""Options with one value here, so that setting that value changes nothing."""


class Config(threading.local):
    """JAX's options, for scripts that set them; each holds for the thread that sets it.

    ``jax_debug_nans``, ``jax_debug_infs``, ``jax_disable_jit``, ``jax_default_device`` and
    ``jax_numpy_dtype_promotion`` do what the contexts of these names do. ``jax_enable_x64`` and
    ``jax_default_matmul_precision`` are kept and change nothing: types of 64 bits are always
    there, and products are always exact to the last places of their dtype. ``update`` refuses
    every other option, unless it is given the value that holds here anyway.

    >>> config.update("jax_disable_jit", True)
    >>> config.jax_disable_jit
    True
    >>> config.update("jax_disable_jit", False)

    Source: ``jax.config``.
    """

    def __init__(self) -> None:
        self._x64 = False
        self._precision: Any = None

    def update(self, name: str, value: Any) -> None:
        """Set an option.

        Args:
            name: the option, ``jax_debug_nans`` for instance.
            value: its value.

        Raises:
            AttributeError: JAX's option means nothing here, or there is no such option.
            ValueError: the value is none of the option's.
            TransformError: debug options inside a transform or a context.
        """
        setter = _SETTERS.get(name)
        if setter is not None:
            setter(self, name, value)
        elif name not in FIXED:
            raise AttributeError(_unknown(name))
        elif value != FIXED[name]:
            raise ValueError(
                f"config.update: {name} is always {FIXED[name]!r} here; got {value!r:.60}. "
                "Remedy: leave the line out."
            )

    def read(self, name: str) -> Any:
        """The value of an option.

        Raises:
            AttributeError: JAX's option means nothing here, or there is no such option.

        >>> config.read("jax_debug_nans")
        False
        """
        getter = _GETTERS.get(name)
        if getter is not None:
            return getter(self)
        if name in FIXED:
            return FIXED[name]
        raise AttributeError(_unknown(name))

    @property
    def values(self) -> dict[str, Any]:
        """All options by name."""
        return {name: self.read(name) for name in sorted((*_GETTERS, *FIXED))}

    @property
    def x64_enabled(self) -> bool:
        """Whether ``jax_enable_x64`` has been set."""
        return self._x64

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self.read(name)

    def __repr__(self) -> str:
        return f"Config({', '.join(f'{n}={v!r}' for n, v in self.values.items())})"

    def _set_x64(self, name: str, value: Any) -> None:
        if _flag(name, value):
            _say_x64(4)
        self._x64 = value

    def _set_precision(self, name: str, value: Any) -> None:
        self._precision = _precision(name, value)

    def _set_jit(self, name: str, value: Any) -> None:
        state.disable_jit = _flag(name, value)

    def _set_device(self, name: str, value: Any) -> None:
        state.device = None if value is None else as_default(value)

    def _set_promotion(self, name: str, value: Any) -> None:
        state.strict = _promotion(name, value)

    def _set_debug(self, name: str, value: Any) -> None:
        wanted = dict(_debugging()) | {name: _flag(name, value)}
        if wanted == _debugging():
            return
        if state.trace is not _open.trace:
            raise TransformError(
                f"config.update: {name} cannot be set inside a transform or a with-block. Set it "
                f"at the top of the program, or write with {name.removeprefix('jax_')}():."
            )
        for context in reversed(_open.contexts):
            context.__exit__()
        chosen = [kind(True) for option, kind in _DEBUG.items() if wanted[option]]
        for context in chosen:
            context.__enter__()
        _open.contexts, _open.trace = chosen, state.trace


class _Open(threading.local):
    """The debugging contexts that ``update`` has entered, and the trace that is current then."""

    contexts: list[debug_nans] = []
    trace: Trace | None = None


_open = _Open()
_DEBUG: dict[str, type[debug_nans]] = {"jax_debug_nans": debug_nans, "jax_debug_infs": debug_infs}


def _debugging() -> dict[str, bool]:
    kinds = [type(context) for context in _open.contexts]
    return {name: kind in kinds for name, kind in _DEBUG.items()}


_SETTERS: dict[str, Callable[[Config, str, Any], None]] = {
    "jax_debug_infs": Config._set_debug,
    "jax_debug_nans": Config._set_debug,
    "jax_default_device": Config._set_device,
    "jax_default_matmul_precision": Config._set_precision,
    "jax_disable_jit": Config._set_jit,
    "jax_enable_x64": Config._set_x64,
    "jax_numpy_dtype_promotion": Config._set_promotion,
}
_GETTERS: dict[str, Callable[[Config], Any]] = {
    "jax_debug_infs": lambda c: _debugging()["jax_debug_infs"],
    "jax_debug_nans": lambda c: _debugging()["jax_debug_nans"],
    "jax_default_device": lambda c: None if state.device is None else parse(state.device),
    "jax_default_matmul_precision": lambda c: c._precision,
    "jax_disable_jit": lambda c: state.disable_jit,
    "jax_enable_x64": lambda c: c._x64,
    "jax_numpy_dtype_promotion": lambda c: "strict" if state.strict else "standard",
}


def _unknown(name: str) -> str:
    known = ", ".join(sorted((*_GETTERS, *FIXED)))
    return (
        f"config: {name!r:.80} means nothing here; the options are {known}. Remedy: leave the line "
        "out; options of XLA and of its compilation have no counterpart."
    )


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"config.update: {name} is True or False; got {value!r:.60}.")
    return value


def _precision(name: str, value: Any) -> Any:
    label = getattr(value, "name", value)
    if label not in PRECISIONS and not (isinstance(label, str) and label.lower() in PRECISIONS):
        raise ValueError(
            f"{name}: expected one of {', '.join(map(repr, PRECISIONS))}; got {value!r:.60}."
        )
    return value


def _promotion(name: str, value: Any) -> bool:
    """Whether a way of promotion is the strict one."""
    if value not in ("standard", "strict"):
        raise ValueError(f"{name}: expected 'standard' or 'strict'; got {value!r:.60}.")
    return bool(value == "strict")


def _say_x64(level: int) -> None:
    warnings.warn(
        "jax_enable_x64 changes nothing here: float64 and int64 are always there, and numbers "
        "without a dtype stay float32 (integers int64). For float64 write it, e.g. "
        "numpy.asarray(x, 'float64').",
        UserWarning,
        stacklevel=level,
    )


config = Config()


class enable_x64:
    """Context in which ``config.jax_enable_x64`` has a value; nothing else changes.

    Types of 64 bits are always there, and the dtype of numbers without one does not depend on a
    switch: floats are float32, integers int64. Turning the option on warns of that.

    Args:
        new_val: the value.

    >>> with enable_x64(False):
    ...     config.jax_enable_x64
    False

    Source: ``jax.enable_x64``.
    """

    def __init__(self, new_val: bool = True) -> None:
        self._value = _flag("jax_enable_x64", new_val)
        self._was: list[bool] = []

    def __enter__(self) -> None:
        if self._value:
            _say_x64(3)
        self._was.append(config._x64)
        config._x64 = self._value

    def __exit__(self, *exc: object) -> None:
        config._x64 = self._was.pop()


class default_matmul_precision:
    """Context of JAX's name for the precision of products, which is always full here.

    Args:
        new_val: a precision's name, as JAX takes it.

    Raises:
        ValueError: for another name.

    >>> with default_matmul_precision("bfloat16"):
    ...     config.jax_default_matmul_precision
    'bfloat16'

    Source: ``jax.default_matmul_precision``.
    """

    def __init__(self, new_val: Any) -> None:
        self._value = _precision("default_matmul_precision", new_val)
        self._was: list[Any] = []

    def __enter__(self) -> None:
        self._was.append(config._precision)
        config._precision = self._value

    def __exit__(self, *exc: object) -> None:
        config._precision = self._was.pop()


class numpy_dtype_promotion:
    """Context in which operands of different dtypes are joined, or are an error.

    Python numbers keep adapting to the array beside them, as long as its kind can hold them: an int
    beside float32 is fine, a float beside int32 is not. (So is a bool beside int32, which JAX
    refuses.) Functions that ``jit`` has traced outside
    of the context are not traced again for it.

    Args:
        new_val: "standard", or "strict" for the error.

    Raises:
        ValueError: for anything else.
        DtypeError: inside, at an operation on several dtypes.

    >>> import functorch_lite.numpy as fnp
    >>> with numpy_dtype_promotion("strict"):
    ...     x = fnp.ones(2) * 2
    ...     x + fnp.arange(2)
    Traceback (most recent call last):
    functorch_lite.errors.DtypeError: numpy_dtype_promotion('strict'): expected operands of one ...

    Source: ``jax.numpy_dtype_promotion``.
    """

    def __init__(self, new_val: str) -> None:
        self._strict = _promotion("numpy_dtype_promotion", new_val)
        self._was: list[bool] = []

    def __enter__(self) -> None:
        self._was.append(state.strict)
        state.strict = self._strict

    def __exit__(self, *exc: object) -> None:
        state.strict = self._was.pop()
