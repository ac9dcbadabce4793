"""Programs that the compiler once got wrong, or could not finish; each against the interpreter."""

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import lax, ops
from functorch_lite.transforms.call import program_of

RNG = np.random.default_rng(0)


def a_row_of_maxima(x, a, b):  # a product that two kernels compute has one value in both
    t = a * x
    return fl.grad(lambda x, a, b: fnp.sum(fnp.max(a * x + b, 0) * fnp.max(t, 0)))(x, a, b)


def joined_with_a_shift(a, b, c):  # the constant of an index whose digits are put together
    return fnp.concatenate([a, fnp.reshape(b, (8, 6)), c], axis=1)[:, :3]


def kept_and_gathered(x, y):  # a value kept in a scratch row is also read at another row
    t = x / y
    g = t[fnp.array([3, 0, 2, 1])]
    return g + fnp.sum(g, axis=1, keepdims=True) + t


def sums_of_other_rows(x, y):  # a row's sum is at hand in its row only
    s, t, d = fnp.sum(x, 1), fnp.sum(x, 0), fnp.tanh(y)
    d = d * fnp.sum(x * d[:, None], 1)
    return x / s[::-1, None], t * t[::-1], d, x * d[::-1, None]


def memory_of_another_shape(a):  # a result takes over memory under another shape
    y = fnp.reshape(fnp.sort(a, axis=1), (2, 6)) * 2
    return fnp.sort(y, axis=1)


def two_heirs(x):  # two results of one kernel, one operand that is not needed any more
    y, t = lax.cumsum(x, axis=0, reverse=True), x * 2
    return y * t, fnp.cumsum(t, axis=0), fnp.cumprod(fnp.tanh(x), axis=1)


def reduced_and_reshaped(x):  # a reduction read at an index that does not simplify
    d = ops.window_min(
        x, window=(2, 3, 1), strides=(2, 1, 2), padding=((0, 1), (2, 2), (0, 0)),
        base_dilation=(2, 2, 2), window_dilation=(1, 1, 1),
    )  # fmt: skip
    return fnp.reshape(fnp.clip(d, -50, 50), (5, 3, 5, 7))


def empty_rows(z):
    w = fnp.exp(z)
    return w, ops.reduce_sum(w, axes=(1,)), ops.reduce_prod(w, axes=(1,))


def block_of_itself(c, b):  # c + c @ b must not be added up in the memory of c
    return c + c @ b


def turned(x):
    for _ in range(40):
        x = fnp.roll(x, 3)[::-1]
    return x


def normal(*shape):
    return RNG.normal(size=shape)


CASES = {
    "row of maxima": (a_row_of_maxima, (normal(5, 4), normal(4), normal(4))),
    "joined with a shift": (joined_with_a_shift, (normal(8, 1), normal(8, 3, 2), normal(8, 3))),
    "kept and gathered": (kept_and_gathered, (normal(4, 8), normal(4, 8))),
    "sums of other rows": (sums_of_other_rows, (normal(6, 20), normal(6))),
    "memory of another shape": (memory_of_another_shape, (normal(4, 3),)),
    "two heirs": (two_heirs, (normal(5, 6),)),
    "reduced and reshaped": (reduced_and_reshaped, (normal(3, 17, 5),)),
    "empty rows": (empty_rows, (np.zeros((3, 0)),)),
    "block of itself": (
        lambda c, b: lax.fori_loop(0, 3, lambda i, c: block_of_itself(c, b), c),
        (normal(40, 40), normal(40, 40)),
    ),
    "turned again and again": (turned, (normal(37),)),
}


@pytest.mark.parametrize("name", CASES)
def test_compiled_as_interpreted(name):
    f, args = CASES[name]
    found = fl.tree.leaves(fl.jit(f)(*args))
    wanted = fl.tree.leaves(fl.jit(f, backend="interpret")(*args))
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-12, atol=1e-12)


def test_long_chains_become_few_kernels_of_bounded_size():
    def chain(x):
        for _ in range(1500):
            x = fnp.tanh(x)
        return x

    x = normal(37)
    jitted = fl.jit(chain)
    np.testing.assert_allclose(np.asarray(jitted(x)), np.asarray(chain(fnp.asarray(x))), rtol=1e-9)
    kernels = program_of(jitted.lower(x).graph).kernels.values()
    assert len(kernels) <= 3
    assert max(text.count("\n") for text in kernels) < 200


def test_what_is_known_everywhere_is_written_once_under_masks():
    kernels = program_of(fl.jit(turned).lower(normal(37)).graph).kernels.values()
    assert sum(text.count("\n") for text in kernels) < 2000  # it doubled with every turn
