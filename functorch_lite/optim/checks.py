"""What is wrong with the settings, the parameters or the state that an optimiser gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any

from functorch_lite import tree
from functorch_lite.errors import DtypeError, ShapeError, TreeError

__all__ = [
    "check_betas",
    "check_flags",
    "check_grads",
    "check_params",
    "check_settings",
    "check_state",
    "is_fixed",
    "matching_leaves",
]

Shape = tuple[int, ...]


def check_settings(name: str, **settings: Any) -> None:
    """Raise for a setting that is negative or no number; schedules and arrays are taken as given.

    >>> check_settings("sgd", lr=-1.0)
    Traceback (most recent call last):
    ...
    ValueError: optim.sgd: expected lr >= 0; got -1.0.
    """
    for setting, value in settings.items():
        if is_fixed(name, setting, value) and not value >= 0:
            raise ValueError(f"optim.{name}: expected {setting} >= 0; got {value}.")


def check_betas(name: str, betas: Any) -> tuple[Any, Any]:
    """The two decay rates, of which a fixed one lies in [0, 1).

    >>> check_betas("adam", (0.9, 1.0))
    Traceback (most recent call last):
    ...
    ValueError: optim.adam: expected betas in [0, 1); got (0.9, 1.0).
    """
    if not isinstance(betas, (tuple, list)) or len(betas) != 2:
        raise ValueError(f"optim.{name}: expected betas to be a pair of numbers; got {betas!r}.")
    for beta in betas:
        if is_fixed(name, "betas", beta) and not 0 <= beta < 1:
            raise ValueError(f"optim.{name}: expected betas in [0, 1); got {betas}.")
    return betas[0], betas[1]


def check_flags(name: str, **flags: Any) -> None:
    """Raise for a switch that is no bool, such as a number in the place of one.

    >>> check_flags("sgd", nesterov=0.9)
    Traceback (most recent call last):
    ...
    TypeError: optim.sgd: expected nesterov to be True or False; got 0.9.
    """
    for flag, value in flags.items():
        if not isinstance(value, bool):
            raise TypeError(f"optim.{name}: expected {flag} to be True or False; got {value!r}.")


def is_fixed(name: str, setting: str, value: Any) -> bool:
    """Whether a setting is a plain number; False for a schedule or an array of shape ``()``."""
    if callable(value):
        return False
    if isinstance(value, Real):
        return True
    shape = getattr(value, "shape", None)
    if shape == ():
        return False
    if shape is not None:
        raise ShapeError(
            f"optim.{name}: expected {setting} to be a number; got an array of shape "
            f"{tuple(shape)}. Remedy: optim.grouped gives groups of parameters settings of their "
            "own."
        )
    raise TypeError(
        f"optim.{name}: expected {setting} to be a number or a schedule; got a "
        f"{type(value).__name__}. Remedy: optimizer = optim.{name}(lr), then "
        "state = optimizer.init(params)."
    )


def check_params(name: str, params: Any, *, real_only: bool = False) -> None:
    """Raise DtypeError unless all parameters are floating-point arrays."""
    for path, param in tree.leaves_with_path(params):
        dtype = getattr(param, "dtype", None)
        if dtype is not None and dtype.kind not in ("iubc" if real_only else "iub"):
            continue
        got = type(param).__name__ if dtype is None else dtype.name
        wanted = "real floating-point arrays" if real_only else "floating-point arrays"
        raise DtypeError(
            f"optim.{name}: expected {wanted} as params; "
            f"got {got} at params{tree.path_str(path)}. "
            "Remedy: keep what is not trained in a separate pytree."
        )


def check_grads(name: str, grads: Sequence[Any], params: Any) -> None:
    """Raise DtypeError for gradients that cannot be those of their parameters.

    >>> import functorch_lite as fl
    >>> check_grads("sgd", [fl.numpy.ones(2)], [fl.numpy.zeros(2)])
    """
    for (path, param), grad in zip(tree.leaves_with_path(params), grads, strict=True):
        kind = grad.dtype.kind
        if kind in "iub" or (kind == "c" and param.dtype.kind != "c"):
            wanted = "complex or real" if param.dtype.kind == "c" else "real"
            raise DtypeError(
                f"optim.{name}: expected {wanted} floating-point grads; got {grad.dtype.name} at "
                f"grads{tree.path_str(path)}. Remedy: grads = fl.grad(loss)(params)."
            )


def check_state(name: str, keys: Sequence[str], grads: Any, state: Any, params: Any) -> None:
    """Raise TreeError unless the state is where it belongs and has its keys."""
    wanted = set(keys)

    def is_state(x: Any) -> bool:
        return isinstance(x, Mapping) and wanted <= x.keys()

    if is_state(state):
        return
    places = [what for what, x in (("grads", grads), ("params", params)) if is_state(x)]
    if places:
        raise TreeError(
            f"optim.{name}: the state came in the place of {places[0]}. The order is "
            "update(grads, state, params)."
        )
    got = (
        f"a dict with the keys {list(state)}"[:80]
        if isinstance(state, dict)
        else f"a {type(state).__name__}"
    )
    raise TreeError(
        f"optim.{name}: expected state to be a dict with the keys {sorted(keys)}; got {got}. "
        "Remedy: state = init(params), then update(grads, state, params)."
    )


def matching_leaves(
    name: str,
    what: str,
    given: Any,
    params: Any,
    structure: Any,
    shape_of: Callable[[Shape], Shape] | None = None,
) -> list[Any]:
    """The leaves of a tree like the parameters, whose shapes are theirs or follow from theirs."""
    leaves, given_structure = tree.flatten(given)
    if given_structure != structure:
        raise TreeError(
            f"optim.{name}: expected {what} of the structure of params, {structure}; "
            f"got {given_structure}. Remedy: {_remedy(what, given)}."
        )
    for (path, param), leaf in zip(tree.leaves_with_path(params), leaves, strict=True):
        for one, where in ((leaf, what), (param, "params")):
            if not hasattr(one, "dtype"):
                raise DtypeError(
                    f"optim.{name}: expected {where} of arrays; got {type(one).__name__} at "
                    f"{where}{tree.path_str(path)}. Remedy: fl.tree.map(fl.numpy.asarray, {where})."
                )
        shape = tuple(param.shape)
        wanted = shape if shape_of is None else shape_of(shape)
        if tuple(leaf.shape) != wanted:
            where = tree.path_str(path)
            like = "" if wanted == shape else f", which asks for {wanted}"
            raise ShapeError(
                f"optim.{name}: expected {what} of the shapes of params; params{where} is "
                f"{shape}{like}, {what}{where} {tuple(leaf.shape)}. Remedy: "
                f"{_remedy(what, given)}."
            )
    return leaves


def _remedy(what: str, given: Any) -> str:
    if what != "grads":
        return "state = optimizer.init(params), anew for other parameters"
    if callable(given):
        return "grads = fl.grad(loss)(params)"
    if isinstance(given, tuple) and len(given) == 2:
        return "loss, grads = fl.value_and_grad(loss_fn)(params)"
    return "grads = fl.grad(loss)(params), of the same parameters"
