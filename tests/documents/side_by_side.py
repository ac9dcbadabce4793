"""A sample of the documents, run with our package and, where it is there, with PyTorch too."""

import importlib.util
import re

import numpy as np
import pytest

import functorch_lite.torch as ours

if importlib.util.find_spec("torch"):
    import torch as real
else:
    real = None

NUMBER = re.compile(r"-?\d+\.\d*(?:e[+-]?\d+)?|-?\d+")


def run(program, rtol=1e-4):
    """What ``program(torch)`` returns here, after PyTorch has returned the same.

    Both start from the same seed, so that weights, batches and samples are the same as well.

    Args:
        program: a function of the module ``torch``.
        rtol: how much numbers may differ; of texts, words and digits before a point may not.
    """
    found = seeded(program, ours)
    if real is not None:
        same(found, seeded(program, real), rtol)
    return found


def seeded(program, torch):
    """The result of a program that starts from the documents' seed."""
    torch.manual_seed(42)
    return program(torch)


def refusal(call, *arguments, **options):
    """The type and the words of the error that a call raises."""
    try:
        call(*arguments, **options)
    except Exception as error:
        return type(error).__name__, str(error)
    pytest.fail(f"{call} accepted {arguments} {options}")


def same(found, expected, rtol):
    """Assert that a result of ours is PyTorch's: tensors, numbers, texts, or nests of them."""
    if isinstance(expected, real.Tensor):
        assert isinstance(found, ours.Tensor)
        assert str(found.dtype) == str(expected.dtype)
        assert found.shape == tuple(expected.shape)
        assert found.requires_grad == expected.requires_grad
        np.testing.assert_allclose(
            found.detach().numpy(), expected.detach().numpy(), rtol=rtol, atol=rtol
        )
    elif isinstance(expected, dict):
        assert list(found) == list(expected)
        same(list(found.values()), list(expected.values()), rtol)
    elif isinstance(expected, (list, tuple)):
        assert len(found) == len(expected)
        for mine, theirs in zip(found, expected, strict=True):
            same(mine, theirs, rtol)
    elif isinstance(expected, str):
        assert NUMBER.sub("#", found) == NUMBER.sub("#", expected)
        numbers = [float(x) for x in NUMBER.findall(expected)]
        assert [float(x) for x in NUMBER.findall(found)] == pytest.approx(
            numbers, rel=rtol, abs=rtol
        )
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=rtol, abs=rtol)
    else:
        assert found == expected
