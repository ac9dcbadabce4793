"""Every op has a CuPy implementation: its names exist, and on a GPU its values agree."""

import ast
import inspect
import textwrap

import numpy as np
import pytest

from functorch_lite import device_put, grad, jit, vmap
from functorch_lite import numpy as fnp
from functorch_lite.core.array import wrap
from functorch_lite.core.dtypes import DTYPES
from functorch_lite.core.op import REGISTRY
from functorch_lite.testing.samples import dtypes_for, samples_for
from tests.registry.cases import Case

cupy = pytest.importorskip("cupy")


def namespace_attributes(function):
    """Attributes of the parameter `xp` that a function reads."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "xp"
    }


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_names_exist_in_cupy(name):
    op = REGISTRY[name]
    assert callable(op.eager_for(cupy))
    source = op._source
    if isinstance(source, np.ufunc):
        assert hasattr(cupy, source.__name__)
        return
    for attribute in namespace_attributes(inspect.unwrap(source)):
        assert hasattr(cupy, attribute), f"cupy has no {attribute}, used by {name}"


@pytest.mark.cuda
@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_values_agree_with_numpy(name, rng):
    op = REGISTRY[name]
    for dtype in dtypes_for(name):
        if dtype.name == "bfloat16":
            continue
        for args, params in samples_for(name, dtype, rng):
            run = Case(op, (), params).function
            want = run(*[wrap(np.asarray(a)) for a in args])
            got = run(*[device_put(a, "cuda") for a in args])
            for w, g in zip(want, got, strict=True):
                assert g.device == ("cuda:0" if args else "cpu")
                assert g.dtype == w.dtype
                np.testing.assert_allclose(
                    g._data.get() if args else g._data, w._data, rtol=1e-5, atol=1e-6
                )


@pytest.mark.cuda
def test_transforms_on_the_gpu(rng):
    w, x = rng.normal(size=(4, 3)), rng.normal(size=(5, 4))

    def loss(w, x):
        return fnp.sum(fnp.tanh(x @ w) ** 2)

    for f in (grad(loss), jit(grad(loss)), vmap(grad(loss), in_axes=(None, 0))):
        got = f(device_put(w, "cuda"), device_put(x, "cuda"))
        assert got.device == "cuda:0"
        np.testing.assert_allclose(got._data.get(), f(w, x)._data, rtol=1e-10)


def test_every_dtype_is_considered():
    assert {d.name for d in DTYPES} >= {"bool", "int64", "float16", "float32", "complex64"}
