"""Modules called with other parameters than their own."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["functional_call", "functional_call_"]

_MISSING = object()


def _split(module: Any, path: str) -> tuple[Any, str]:
    """The module that holds a tensor, and the tensor's name there."""
    *steps, name = path.split(".")
    for step in steps:
        if not hasattr(module, step):
            raise AttributeError(f"{module._get_name()} has no attribute `{step}`")
        module = getattr(module, step)
    return module, name


def _store(holder: Any, name: str) -> dict[str, Any]:
    """The table of the holder that a name is in; that of its attributes for new names."""
    for store in (holder._parameters, holder._buffers):
        if name in store:
            return store
    return holder.__dict__


def _groups(module: Any) -> list[set[str]]:
    """The paths of each tensor that is in more than one place."""
    places: dict[int, set[str]] = {}
    for named in (module.named_parameters, module.named_buffers):
        for path, tensor in named(remove_duplicate=False):
            places.setdefault(id(tensor), set()).add(path)
    return [paths for paths in places.values() if len(paths) > 1]


def _tied(module: Any, given: dict[str, Any]) -> dict[str, Any]:
    """What is given, for all places of tensors that are in several."""
    found = dict(given)
    for paths in _groups(module):
        named = sorted(path for path in paths if path in given)
        values = {id(given[path]) for path in named}
        if len(values) > 1:
            raise ValueError(
                f"functional_call got multiple values for keys {named}, which are tied. Consider "
                "using tie_weights=False"
            )
        if named:
            found.update(dict.fromkeys(paths, given[named[0]]))
    return found


def _check_strictly(module: Any, given: dict[str, Any]) -> None:
    own = {
        path
        for named in (module.named_parameters, module.named_buffers)
        for path, _ in named(remove_duplicate=False)
    }
    texts = []
    for kind, keys in (("Unexpected", set(given) - own), ("Missing", own - set(given))):
        if keys:
            texts.append(f"{kind} key(s): {', '.join(map(repr, sorted(keys)))}.")
    if texts:
        raise RuntimeError(
            f"Error(s) in reparametrizing for {module._get_name()}:\n\t" + "\n\t".join(texts)
        )


@contextmanager
def _replaced(module: Any, given: dict[str, Any], tie: bool, strict: bool) -> Iterator[None]:
    """Other tensors in place of a module's own, for a while."""
    if tie:
        given = _tied(module, given)
    if strict:
        _check_strictly(module, given)
    before: list[tuple[dict[str, Any], str, Any]] = []
    try:
        for path, value in given.items():
            holder, name = _split(module, path)
            store = _store(holder, name)
            before.append((store, name, store.get(name, _MISSING)))
            store[name] = value
        yield
    finally:
        for store, name, value in reversed(before):
            if value is _MISSING:
                store.pop(name, None)
            else:
                store[name] = value


def functional_call_(
    module: Any, parameters_and_buffers: dict[str, Any], args: Any = None,
    kwargs: dict[str, Any] | None = None, *, tie_weights: bool = True, strict: bool = False,
) -> Any:  # fmt: skip
    """``functional_call`` without its warning.

    Args:
        module: the module, unchanged afterwards.
        parameters_and_buffers: tensors by path; the module's own where there is none.
        args: the argument, or a tuple of them.
        kwargs: arguments by name.
        tie_weights: whether what is given for one place of a tensor counts for its other places.
        strict: whether there must be one for each of the module's own, and no others.

    Raises:
        ValueError: two tensors are given for one of the module's.
        RuntimeError: tensors are missing, or too many, with ``strict``.

    Source: ``torch.func.functional_call``.
    """
    if args is None:
        args = ()
    elif not isinstance(args, tuple):
        args = (args,)
    with _replaced(module, parameters_and_buffers, tie_weights, strict):
        return module(*args, **(kwargs or {}))


def functional_call(
    module: Any, parameters_and_buffers: dict[str, Any], args: Any = None,
    kwargs: dict[str, Any] | None = None, *, tie_weights: bool = True, strict: bool = False,
) -> Any:  # fmt: skip
    """What a module makes of its arguments with other parameters and buffers than its own.

    Args:
        module, parameters_and_buffers, args, kwargs, tie_weights, strict: as of
            ``torch.func.functional_call``, which has taken its place.

    Source: ``torch.nn.utils.stateless.functional_call``.
    """
    warnings.warn(
        "`torch.nn.utils.stateless.functional_call` is deprecated as of PyTorch 2.0 and will be "
        "removed in a future version of PyTorch. Please use `torch.func.functional_call` instead "
        "which is a drop-in replacement.",
        FutureWarning,
        stacklevel=2,
    )
    return functional_call_(
        module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights, strict=strict
    )
