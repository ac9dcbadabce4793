"""A function of complex tensors in both worlds: results, gradients, and gradients of those."""

from __future__ import annotations

import warnings

import numpy as np
from oracle import array_of, ours, real, same, tensors_in, to_ours, to_real


def _leaves(module, args):
    convert = to_real if module is real else to_ours
    made = [convert(a) if isinstance(a, np.ndarray) else a for a in args]
    for t in made:
        if isinstance(t, module.Tensor) and (t.is_complex() or t.is_floating_point()):
            t.requires_grad_()
    return made, [t for t in made if isinstance(t, module.Tensor) and t.requires_grad]


def _weights(module, outs):
    rng = np.random.default_rng(len(outs))
    convert = to_real if module is real else to_ours
    found = []
    for o in outs:
        w = np.asarray(rng.normal(size=tuple(o.shape)))
        if o.is_complex():
            w = w + 1j * rng.normal(size=tuple(o.shape))
        found.append(convert(np.asarray(w)).to(o.dtype))
    return found


def _world(module, f, args, double):
    made, leaves = _leaves(module, args)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out = f(module, *made)
        outs = [t for t in tensors_in(out) if t.requires_grad]
        if not outs:
            return out, None, None
        grads = module.autograd.grad(
            outs, leaves, _weights(module, outs), create_graph=double, allow_unused=True
        )
        second = None
        live = [g for g in grads if g is not None and g.requires_grad]
        if double and live:
            norm = sum((g * g.conj()).real.sum() for g in live)
            second = module.autograd.grad(norm, leaves, allow_unused=True)
    return out, grads, second


def agree(f, *args, double=True, rtol=None, strides=True):
    """Assert that ``f(torch, *tensors)`` gives what it gives in PyTorch.

    All inexact arrays among the arguments require gradients; the weights of complex results are
    complex.
    """
    try:
        theirs = _world(real, f, args, double)
    except Exception as error:
        try:
            mine = _world(ours, f, args, double)
        except Exception as found:
            assert type(found).__name__ == type(error).__name__, (found, error)
            return
        raise AssertionError(f"PyTorch raises {error!r}, we return {mine[0]!r}") from None
    mine = _world(ours, f, args, double)
    same(mine[0], theirs[0], rtol=rtol, strides=strides)
    loose = None if rtol is None else rtol * 10
    same(mine[1], theirs[1], "gradient", loose, strides=False, graph=False)
    for a, b in zip(mine[2] or (), theirs[2] or (), strict=False):
        if a is not None and b is not None:  # else one of them says nothing, the other zero
            same(a, b, "second gradient", loose, strides=False, graph=False)
        else:
            assert all(not array_of(t).any() for t in (a, b) if t is not None)
    if theirs[2] is not None and mine[2] is None:
        assert not any(array_of(t).any() for t in theirs[2] if t is not None)
