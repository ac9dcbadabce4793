"""A barrier under vmap leaves what does not vary as it is."""

import functorch_lite as fl
from functorch_lite import lax
from functorch_lite import numpy as fnp


def test_outputs_that_do_not_vary_may_leave_without_the_mapped_axis():
    shared = fnp.arange(3)
    each, same = fl.vmap(lambda x: lax.optimization_barrier((x, shared)), out_axes=(0, None))(
        fnp.ones((2, 4))
    )
    assert each.shape == (2, 4)
    assert same.shape == (3,)
