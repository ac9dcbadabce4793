"""``checkpoint_name`` and the policies that look at names."""

import re

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import checkpoint_policies as policies
from functorch_lite import errors
from functorch_lite.checkpoint_policies import checkpoint_name
from tests.transforms.test_checkpoint import X, count, same, shapes_kept, three_sines


def named(x):
    a = checkpoint_name(fnp.sin(x), "a")
    b = checkpoint_name(fnp.sin(a), "b")
    return fnp.sum(fnp.sin(b))


@pytest.mark.parametrize(
    ("policy", "kept", "sines"),
    [
        (None, 0, 2),
        (policies.save_only_these_names("a"), 1, 1),
        (policies.save_only_these_names("b"), 1, 1),
        (policies.save_only_these_names("a", "b"), 2, 0),
        (policies.save_only_these_names("c"), 0, 2),
        (policies.save_any_names_but_these("a"), 1, 1),
        (policies.save_any_names_but_these(), 2, 0),
        (
            policies.save_from_both_policies(
                policies.save_only_these_names("a"), policies.save_only_these_names("b")
            ),
            2,
            0,
        ),
        # The value before it was named is another one, which may be kept.
        (policies.save_anything_except_these_names("a"), 2, 0),
    ],
)
def test_names(policy, kept, sines):
    f = fl.checkpoint(named, policy=policy)
    assert len(shapes_kept(f, X)) == 1 + kept
    assert count(fl.value_and_grad(f), X) == 3 + sines
    inside = fl.checkpoint(fl.jit(named), policy=policy)
    assert count(fl.value_and_grad(inside), X) == 3 + sines
    same(fl.grad(f)(X), fl.grad(three_sines)(X))


def test_equal_policies_are_equal():
    assert policies.save_only_these_names("a", "b") == policies.save_only_these_names("b", "a")
    assert policies.save_only_these_names("a") != policies.save_any_names_but_these("a")
    one = policies.save_only_these_names("a")
    assert policies.save_from_both_policies(one, one) == policies.save_from_both_policies(one, one)
    assert len({policies.save_only_these_names("a") for _ in range(3)}) == 1


def test_names_change_nothing_else():
    tree = {"x": X, "n": [2.0, None]}
    out = checkpoint_name(tree, "tree")
    assert fl.tree.structure(out) == fl.tree.structure(tree)
    same(out["x"], X)
    plain = lambda x: checkpoint_name(x, "x") * 3  # noqa: E731
    for f in (plain, fl.jit(plain), fl.checkpoint(plain)):
        same(fl.grad(lambda x, f=f: fnp.sum(f(x)))(X), [3, 3])
        same(fl.vmap(f)(X), 3 * np.asarray(X))
        same(fl.jvp(f, (X,), (X,))[1], 3 * np.asarray(X))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: policies.save_only_these_names(["a"]), "takes names, each a string, got ['a']"),
        (
            lambda: policies.save_any_names_but_these(3),
            "save_any_names_but_these takes names, each",
        ),
        (lambda: checkpoint_name(X, 3), "checkpoint_name: the name must be a string, got 3"),
    ],
)
def test_names_are_strings(make, text):
    with pytest.raises(errors.TransformError, match=re.escape(text)):
        make()
