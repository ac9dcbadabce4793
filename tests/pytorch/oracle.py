"""One function run with our package and with PyTorch, everything about its results compared."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

real = pytest.importorskip("torch")

import functorch_lite.torch as ours  # noqa: E402

TOLERANCES = {"float64": 1e-10, "float32": 2e-5, "float16": 4e-3, "bfloat16": 3e-2,
              "complex64": 2e-5, "complex128": 1e-10}  # fmt: skip


def to_real(x):
    """A PyTorch tensor over a copy of an array, strides kept."""
    if x.dtype.name == "bfloat16":
        return real.from_numpy(x.view(np.int16).copy(order="K")).view(real.bfloat16)
    base = np.empty(x.shape, x.dtype) if x.flags.c_contiguous else x.copy(order="K")
    base[...] = x
    return real.from_numpy(base)


def to_ours(x):
    """One of our tensors over a copy of an array, strides kept."""
    return ours.from_numpy(x.copy(order="K") if not x.flags.c_contiguous else x.copy())


def array_of(t):
    """The values of either kind of tensor."""
    if isinstance(t, real.Tensor):
        t = t.detach()
        if t._is_zerotensor():
            t = t.clone()
        t = t.resolve_conj().resolve_neg()
        if t.dtype == real.bfloat16:
            return t.float().numpy()
        return t.numpy()
    found = t.detach()._np
    return found.astype(np.float32) if found.dtype.name == "bfloat16" else found


def is_tensor(x):
    """Whether it is a tensor of either kind."""
    return isinstance(x, (real.Tensor, ours.Tensor))


def same(a, b, path="result", rtol=None, strides=True, graph=True):
    """Assert that our value ``a`` is PyTorch's ``b``: structure, dtype, sizes, strides, values."""
    if is_tensor(b):
        assert is_tensor(a), f"{path}: {type(a)} is no tensor"
        assert str(a.dtype) == str(b.dtype), f"{path}: {a.dtype}, PyTorch {b.dtype}"
        assert tuple(a.shape) == tuple(b.shape), f"{path}: {a.shape}, PyTorch {b.shape}"
        if strides and b.numel():
            assert a.stride() == b.stride(), f"{path}: strides {a.stride()}, PyTorch {b.stride()}"
        if graph:
            assert a.requires_grad == b.requires_grad, f"{path}: requires_grad"
        x, y = array_of(a), array_of(b)
        name = str(b.dtype).removeprefix("torch.")
        if name in TOLERANCES:
            tolerance = TOLERANCES[name] if rtol is None else rtol
            np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance, err_msg=path)
        else:
            np.testing.assert_array_equal(x, y, err_msg=path)
        return
    if isinstance(b, (tuple, list)) and not isinstance(b, (str, bytes)):
        assert isinstance(a, (tuple, list)) and len(a) == len(b), f"{path}: {a!r}, PyTorch {b!r}"
        assert type(a).__name__ == type(b).__name__, f"{path}: {type(a)}, PyTorch {type(b)}"
        if hasattr(b, "_fields"):
            assert a._fields == b._fields
        for i, (p, q) in enumerate(zip(a, b, strict=True)):
            same(p, q, f"{path}[{i}]", rtol, strides, graph)
        return
    if isinstance(b, float):
        assert a == pytest.approx(b, nan_ok=True, rel=1e-5), f"{path}: {a!r}, PyTorch {b!r}"
    elif type(b).__module__.startswith("torch"):
        assert str(a) == str(b), f"{path}: {a!r}, PyTorch {b!r}"
    else:
        assert a == b and type(a) is type(b), f"{path}: {a!r}, PyTorch {b!r}"


def tensors_in(x):
    """All tensors inside a result."""
    if is_tensor(x):
        return [x]
    if isinstance(x, (tuple, list)):
        return [t for each in x for t in tensors_in(each)]
    return []


def run(module, f, args, grads):
    """The result, or the exception, and the leaves."""
    convert = to_real if module is real else to_ours
    leaves, given = [], []
    for a in args:
        if isinstance(a, np.ndarray):
            t = convert(a)
            if grads and t.dtype.is_floating_point:
                t.requires_grad_()
                leaves.append(t)
            given.append(t)
        else:
            given.append(a)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return f(module, *given), leaves, None
        except Exception as error:
            return None, leaves, error


def compare(f, *args, grads=True, double=True, rtol=None, strides=True, names=True, text=False):
    """Run ``f(torch, *args)`` in both worlds; arrays among the arguments become tensors.

    Compared: the exception's type (and with ``text`` its first line), or the results with their
    dtypes, sizes, strides, ``requires_grad`` and names of ``grad_fn``; then gradients of the
    floating-point arguments under fixed weights, and with ``double`` the gradients of those.
    """
    mine, my_leaves, my_error = run(ours, f, args, grads)
    theirs, their_leaves, their_error = run(real, f, args, grads)
    if their_error is not None:
        assert my_error is not None, f"PyTorch raises {their_error!r}, we return {mine!r}"
        assert type(my_error).__name__ == type(their_error).__name__, (
            f"PyTorch raises {their_error!r}, we {my_error!r}"
        )
        if text:
            assert str(my_error).split("\n")[0] == str(their_error).split("\n")[0]
        return mine, theirs
    if my_error is not None:
        raise my_error
    same(mine, theirs, rtol=rtol, strides=strides)
    if not grads:
        return mine, theirs
    pairs = [
        (a, b)
        for a, b in zip(tensors_in(mine), tensors_in(theirs), strict=True)
        if b.requires_grad and b.dtype.is_floating_point
    ]
    if names:
        for a, b in pairs:
            assert (a.grad_fn is None) == (b.grad_fn is None)
            if b.grad_fn is not None:
                assert a.grad_fn.name() == b.grad_fn.name()
    if not pairs or not their_leaves:
        return mine, theirs
    rng = np.random.default_rng(len(args))
    weights = [np.asarray(rng.normal(size=tuple(b.shape))) for _, b in pairs]

    def gradients(module, outs, leaves, create):
        convert = to_real if module is real else to_ours
        cts = [convert(w).to(o.dtype) for w, o in zip(weights, outs, strict=True)]
        return module.autograd.grad(outs, leaves, cts, create_graph=create, allow_unused=True)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        my_grads = gradients(ours, [a for a, _ in pairs], my_leaves, double)
        their_grads = gradients(real, [b for _, b in pairs], their_leaves, double)
    loose = None if rtol is None else rtol * 10
    same(my_grads, their_grads, "gradient", loose, strides=False, graph=False)
    if double:
        theirs2 = [g for g in their_grads if g is not None and g.requires_grad]
        mine2 = [
            g for g, h in zip(my_grads, their_grads, strict=True)
            if h is not None and h.requires_grad
        ]  # fmt: skip
        for g in mine2:
            assert g.requires_grad, "the gradient is not differentiable"
        if theirs2:
            one = ours.autograd.grad(
                sum((g * g).sum() for g in mine2), my_leaves, allow_unused=True
            )
            two = real.autograd.grad(
                sum((g * g).sum() for g in theirs2), their_leaves, allow_unused=True
            )
            for i, (a, b) in enumerate(zip(one, two, strict=True)):
                if b is None or a is None:
                    value = a if b is None else b
                    assert value is None or not array_of(value).any(), f"second gradient {i}"
                else:
                    same(a, b, f"second gradient {i}", loose or 1e-3, strides=False, graph=False)
    return mine, theirs
