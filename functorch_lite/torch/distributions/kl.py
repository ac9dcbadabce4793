"""Divergences of distributions: which function belongs to which pair.

>>> from functorch_lite.torch.distributions.normal import Normal
>>> kl_divergence(Normal(0.0, 1.0), Normal(1.0, 1.0))
tensor(0.5000)
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from functorch_lite.torch.distributions._tensor import Tensor

__all__ = ["kl_divergence", "register_kl"]

Divergence = Callable[[Any, Any], Tensor]

_KL_REGISTRY: dict[tuple[type, type], Divergence] = {}
_KL_MEMOIZE: dict[tuple[type, type], Divergence | None] = {}


def register_kl(type_p: Any, type_q: Any) -> Callable[[Divergence], Divergence]:
    """A decorator that names the divergence of two classes, and of their subclasses.

    Args:
        type_p, type_q: subclasses of Distribution.

    Raises:
        TypeError: one is no class.

    Source: ``torch.distributions.register_kl``.
    """
    for name, kind in (("type_p", type_p), ("type_q", type_q)):
        if not isinstance(kind, type):
            raise TypeError(f"Expected {name} to be a Distribution subclass but got {kind}")

    def decorator(fun: Divergence) -> Divergence:
        _KL_REGISTRY[type_p, type_q] = fun
        _KL_MEMOIZE.clear()
        return fun

    return decorator


def kl_divergence(p: Any, q: Any) -> Tensor:
    """The mean of log p(x) - log q(x) over p.

    Args:
        p, q: distributions with broadcastable batches.

    Returns:
        A tensor of the batches' common shape.

    Raises:
        NotImplementedError: no function is known for their classes.

    Source: ``torch.distributions.kl_divergence``.
    """
    pair = type(p), type(q)
    if pair not in _KL_MEMOIZE:
        _KL_MEMOIZE[pair] = _nearest(*pair)
    fun = _KL_MEMOIZE[pair]
    if fun is None:
        raise NotImplementedError(
            f"No KL(p || q) is implemented for p type {p.__class__.__name__} and q type "
            f"{q.__class__.__name__}"
        )
    return fun(p, q)


def _nearest(type_p: type, type_q: type) -> Divergence | None:
    """The function of the nearest classes; nearness to p's counts first."""
    known = [(p, q) for p, q in _KL_REGISTRY if issubclass(type_p, p) and issubclass(type_q, q)]
    if not known:
        return None
    places_p, places_q = type_p.__mro__.index, type_q.__mro__.index
    by_p = min(known, key=lambda pair: (places_p(pair[0]), places_q(pair[1])))
    by_q = min(known, key=lambda pair: (places_q(pair[1]), places_p(pair[0])))
    if _KL_REGISTRY[by_p] is not _KL_REGISTRY[by_q]:
        warnings.warn(
            f"Ambiguous kl_divergence({type_p.__name__}, {type_q.__name__}). Please register_kl("
            f"{by_p[0].__name__}, {by_q[1].__name__})",
            RuntimeWarning,
            stacklevel=3,
        )
    return _KL_REGISTRY[by_p]
