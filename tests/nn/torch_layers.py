"""A layer and PyTorch's module with the same numbers: values, gradients of inputs and weights."""

import numpy as np

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import random, tree

KEY = random.key(0)


def named(params, prefix=""):
    """Parameters as a state dict: names joined by dots, arrays as they are."""
    pairs = params.items() if isinstance(params, dict) else enumerate(params)
    found = {}
    for name, value in pairs:
        if isinstance(value, (dict, tuple, list)):
            found.update(named(value, f"{prefix}{name}."))
        else:
            found[f"{prefix}{name}"] = value
    return found


def drawn(like, rng, dtype="float64"):
    """Random values in the place of a tree's arrays."""
    return tree.map(lambda v: fnp.asarray(rng.standard_normal(v.shape), dtype), like)


def load(torch, module, *parts):
    """Give a module the numbers of parameters, and of a state; the names must be the same."""
    values = {}
    for part in parts:
        values.update(named(part))
    module.load_state_dict({k: torch.tensor(np.asarray(v)) for k, v in values.items()})
    return module


def close(ours, theirs, tolerance=1e-11):
    theirs = theirs.detach().numpy() if hasattr(theirs, "detach") else theirs
    ours = np.asarray(ours)
    assert ours.dtype == np.asarray(theirs).dtype and ours.shape == np.shape(theirs)
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


def compare(torch, run, module, params, inputs, tolerance=1e-11, theirs=None, jit=True):
    """Values, and gradients of a random sum with respect to inputs and parameters.

    Args:
        run: ``run(params, *inputs)``.
        theirs: what to call instead of ``module``, with its inputs.
        jit: whether to compare the compiled gradients as well.
    """
    inputs = [np.asarray(x) for x in inputs]
    tensors = [torch.tensor(x, requires_grad=True) for x in inputs]
    expected = (theirs or module)(*tensors)
    arrays = [fnp.asarray(x) for x in inputs]
    out = run(params, *arrays)
    close(out, expected, tolerance)
    ct = np.random.default_rng(1).standard_normal(expected.shape).astype(inputs[0].dtype)
    module.zero_grad()
    (expected * torch.tensor(ct)).sum().backward()

    def loss(params, *xs):
        return (run(params, *xs) * ct).sum()

    grads = fl.grad(loss, argnums=tuple(range(len(arrays) + 1)))(params, *arrays)
    for ours, tensor in zip(grads[1:], tensors, strict=True):
        close(ours, tensor.grad, tolerance)
    wanted = {name: p.grad for name, p in module.named_parameters()}
    found = named(grads[0])
    assert found.keys() == wanted.keys()
    for name, value in found.items():
        close(value, wanted[name], tolerance)
    if jit:
        jitted = fl.jit(fl.grad(loss, argnums=tuple(range(len(arrays) + 1))))(params, *arrays)
        tree.map(lambda a, b: close(a, np.asarray(b), tolerance), jitted, grads)
    return out
