"""The layer protocol: a pair of pure functions, and nothing hidden.

A layer is ``(init, apply)``.  What ``apply`` takes beside parameters and input says what kind of
layer it is, and callers meet exactly the arguments that the layer needs::

    stateless (Linear)     params = init(key)
                           out = apply(params, x)
    random (Dropout)       params = init(key)
                           out = apply(params, x, key=key, train=True)
    stateful (BatchNorm)   params, state = init(key)
                           out, state = apply(params, x, state, train=True)
    chain of all three     params, state = init(key)
                           out, state = apply(params, x, state, key=key, train=True)

The decisions, with their reasons:

*Parameters and state are separate pytrees.*  Everything in ``params`` is differentiated and
optimised, nothing in ``state`` is; so ``grad`` over argument 0 is right without masks, and an
optimiser cannot decay a running mean.  State goes in as an argument and comes out in the result:
``jit``, ``vmap`` over ensembles and checkpoints see it, because it is data.

*With state, both functions return pairs; without, neither does.*  A stateless layer stays a
two-argument function, and a new state cannot be lost silently: whoever forgets it gets a tuple
where an array should be.  ``init`` makes the state as well (rather than a third function), because
some states depend on the key or on the parameters, such as the vectors of spectral normalisation.

*Keys are arguments of the call.*  A layer that draws random numbers takes ``key=``; ``chain``
splits it among its layers.  Forgetting it in training is an error that names the layer.

*Evaluation is the default.*  ``train=False`` needs no key and changes no state: the shortest call
is the function one deploys, and training asks for more by naming it.  ``train`` is a Python bool,
decided when a function is traced, because the two programs differ.

*The kind is read from the signature of* ``apply``: a parameter called ``state``, ``key`` or
``train`` is the declaration.  A user's layer is therefore two functions and no class, and plain
functions of ``x`` are layers without parameters: ``chain(Linear(2, 8), relu, Linear(8, 1))``.

*Parameters are checked where a call fails.*  A right call pays nothing; a failing one compares
parameters and state with what ``init`` would make, and names what is missing, unexpected or of
another shape.

*Sizes are given, not inferred*, and weights are laid out as PyTorch's, so that its state dicts map
one to one.  Parameters are float32; ``tree.map`` casts them to anything else.

*Inputs and outputs may be pytrees.*  What belongs to one sequence, such as the hidden state of an
LSTM, is data and not state: its size depends on the batch, and it starts anew with every sequence.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import functorch_lite as fl
from functorch_lite import tree
from functorch_lite.errors import DtypeError, ShapeError, TreeError
from functorch_lite.random.keys import check_key

__all__ = ["Layer", "as_layer", "without_params"]

_NONE: tuple[()] = ()
_SPECIAL = frozenset(("state", "key", "train"))


class Layer:
    """A pair of pure functions ``(init, apply)``; unpacks as one.

    Args:
        init: ``init(key) -> params``, or ``-> (params, state)`` if ``apply`` takes ``state``.
        apply: ``apply(params, x) -> out``, with any of ``state``, ``key`` and ``train`` as further
            parameters; returns ``(out, new_state)`` if ``state`` is one of them.
        name: how the layer calls itself in messages and summaries, e.g. ``Linear(64, 10)``.
        takes: which of ``state``, ``key`` and ``train`` are taken, for an ``apply`` that passes
            them on in ``**kwargs``; read from the signature by default.
        children: the layers it is made of, in the order of their parameters.

    >>> import functorch_lite as fl
    >>> scale = Layer(lambda key: fl.numpy.ones(()), lambda params, x: params * x, "Scale()")
    >>> init, apply = scale
    >>> scale, scale.stateful
    (Scale(), False)
    """

    __slots__ = ("apply", "children", "init", "name", "takes")

    init: Callable[..., Any]
    apply: Callable[..., Any]
    name: str
    takes: frozenset[str]
    children: tuple[Layer, ...]

    def __init__(
        self,
        init: Callable[..., Any],
        apply: Callable[..., Any],
        name: str | None = None,
        *,
        takes: frozenset[str] | None = None,
        children: tuple[Layer, ...] = (),
    ) -> None:
        if takes is None:
            takes = _SPECIAL.intersection(inspect.signature(apply).parameters)
        self.name = getattr(apply, "__name__", "layer") if name is None else name
        self.takes = takes
        self.children = children
        self.init = _init_of(self, init)
        self.apply = _apply_of(self, init, apply)

    @property
    def stateful(self) -> bool:
        """Whether ``init`` and ``apply`` return pairs with the state second."""
        return "state" in self.takes

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Refused: a layer holds no parameters."""
        init, apply = _forms(self)
        raise TypeError(
            f"nn.{self.name}: a layer is not called itself, because it holds no parameters. "
            f"Remedy: {apply}, with {init}."
        )

    def __iter__(self) -> Iterator[Callable[..., Any]]:
        yield self.init
        yield self.apply

    def __repr__(self) -> str:
        return self.name


def without_params(key: Any) -> tuple[()]:
    """The ``init`` of a layer that has no parameters.

    Giving such a layer any is an error, though it would not read them: they are another one's.

    >>> without_params(fl.random.key(0))
    ()
    """
    return ()


def _forms(layer: Layer) -> tuple[str, str]:
    """How the functions of a layer are called."""
    state = ", state" if layer.stateful else ""
    extra = ", key=key" * ("key" in layer.takes) + ", train=True" * ("train" in layer.takes)
    needed = [
        p.name
        for p in inspect.signature(layer.apply).parameters.values()
        if p.kind is p.POSITIONAL_OR_KEYWORD and p.default is p.empty and p.name not in _SPECIAL
    ]
    return (
        f"params{state} = layer.init(key)",
        f"out{state} = layer.apply({', '.join(needed)}{state}{extra})",
    )


def _init_of(layer: Layer, init: Callable[..., Any]) -> Callable[..., Any]:
    """A layer's ``init``, which names the layer where it gets something else than a key."""

    @functools.wraps(init)
    def checked(*args: Any, **kwargs: Any) -> Any:
        try:
            return init(*args, **kwargs)
        except (DtypeError, ShapeError):
            key = args[0] if args else kwargs.get("key")
            check_key(f"nn.{layer.name}.init", key)
            raise
        except TypeError:
            unbound = _unbound(init, args, kwargs)
            if unbound is None:
                raise
        raise TypeError(f"nn.{layer.name}.init: {unbound}. Remedy: {_forms(layer)[0]}.")

    return checked


def _apply_of(
    layer: Layer, init: Callable[..., Any], apply: Callable[..., Any]
) -> Callable[..., Any]:
    """A layer's ``apply``, which says what was wrong with its arguments where it fails.

    A right call pays nothing for that.
    """
    bare = init is without_params

    @functools.wraps(apply)
    def checked(*args: Any, **kwargs: Any) -> Any:
        try:
            if bare and args and args[0] is not _NONE:
                _check_none(layer, args[0])
            return apply(*args, **kwargs)
        except Exception as problem:
            unbound = _unbound(apply, args, kwargs) if isinstance(problem, TypeError) else None
            if unbound is None:
                if not isinstance(problem, TreeError):  # a layer inside said what was wrong
                    _check_given(layer, args, kwargs, problem)
                    _check_arrays(layer, args, kwargs, problem)
                raise
        raise TypeError(f"nn.{layer.name}.apply: {unbound}. Remedy: {_forms(layer)[1]}.")

    return checked


def _unbound(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> str | None:
    """Why arguments do not fit a function's parameters, or None if they do."""
    try:
        inspect.signature(f).bind(*args, **kwargs)
    except TypeError as problem:
        return str(problem)
    return None


def _check_given(
    layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any], problem: Exception
) -> None:
    """Raise if parameters or state are not such as ``init`` makes."""
    try:
        made = fl.eval_shape(layer.init, fl.random.key(0))
    except Exception:  # an init that wants more than a key: nothing is known
        return
    wanted = made if layer.stateful else (made,)
    given = inspect.signature(layer.apply).bind(*args, **kwargs).args
    parts = (*given[:1], *given[2:3])
    for what, want, have in zip(("params", "state"), wanted, parts, strict=False):
        wrong = _difference(what, want, have)
        if wrong is None:
            continue
        remedy = f"{_forms(layer)[0]}, or the {what} of the net that is meant"
        if what == "params" and tree.leaves(want):
            if len(given) > 1 and _difference(what, want, given[1]) is None:
                remedy = f"{_forms(layer)[1]}; the parameters came second"
            elif layer.stateful and _difference("", made, have) is None:
                remedy = "params, state = the pair that came as params"
        raise TreeError(
            f"nn.{layer.name}.apply: expected {what} as made by its init; {wrong}. "
            f"Remedy: {remedy}."
        ) from problem


def _check_none(layer: Layer, params: Any) -> None:
    """Raise if a layer without parameters got some."""
    wrong = _difference("params", (), params)
    if wrong is not None:
        raise TreeError(
            f"nn.{layer.name}.apply: expected params as made by its init, which are none; {wrong}. "
            f"Remedy: {_forms(layer)[1]}, with params = ()."
        )


def _check_arrays(
    layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any], problem: Exception
) -> None:
    """Raise if an input holds something else than arrays, and nothing has said so."""
    if not isinstance(problem, (AttributeError, TypeError)) or str(problem).startswith("nn."):
        return
    signature = inspect.signature(layer.apply)
    for what, value in list(signature.bind(*args, **kwargs).arguments.items())[1:]:
        parameter = signature.parameters[what]
        optional = parameter.default is not parameter.empty
        variadic = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        if optional or variadic or what in _SPECIAL:
            continue
        wrong = [leaf for leaf in tree.leaves(value) or [value] if not hasattr(leaf, "shape")]
        if wrong:
            raise TypeError(
                f"nn.{layer.name}.apply: expected {what} to be an array; got "
                f"{type(value).__name__} {value!r:.40}. Remedy: {what} = "
                "fl.numpy.asarray(...) of its numbers."
            ) from problem


def _difference(what: str, want: Any, have: Any) -> str | None:
    """What distinguishes two trees of arrays in names and shapes, or None."""
    wanted, found = _named_shapes(what, want), _named_shapes(what, have)
    missing = [f"{name} {_shown(shape)}" for name, shape in wanted.items() if name not in found]
    unexpected = [f"{name} {_shown(shape)}" for name, shape in found.items() if name not in wanted]
    told = [f"missing: {', '.join(missing)}"] if missing else []
    told += [f"unexpected: {', '.join(unexpected)}"] if unexpected else []
    told += [
        f"{name} must be of shape {shape} and is {_shown(found[name])}"
        for name, shape in wanted.items()
        if name in found and found[name] != shape
    ]
    return "; ".join(told) or None


def _named_shapes(what: str, values: Any) -> dict[str, Any]:
    return {
        what + tree.path_str(path): getattr(leaf, "shape", type(leaf).__name__)
        for path, leaf in tree.leaves_with_path(values)
    }


def _shown(shape: Any) -> str:
    return f"of shape {shape}" if isinstance(shape, tuple) else f"a {shape}"


def as_layer(layer: Layer | Callable[[Any], Any]) -> Layer:
    """The layer itself, or a plain function of ``x`` as a layer without parameters.

    >>> as_layer(abs).apply((), -3)
    3
    """
    if isinstance(layer, Layer):
        return layer
    if not callable(layer):
        raise TypeError(
            f"nn.chain: expected layers or functions; got {layer!r}. "
            "Remedy: pass Linear(...) or a function of one array, such as nn.relu."
        )
    function = layer
    return Layer(
        without_params,
        lambda params, x: function(x),
        getattr(function, "__name__", None) or repr(function),
    )
