"""What keys say of themselves."""

import pytest

from functorch_lite import errors, random


def test_the_generator_and_the_dtype():
    keys = random.split(random.key(3), 4)
    assert random.key_impl(keys) == random.key_impl(keys[0]) == "threefry2x32"
    assert keys.dtype == random.key_dtype() == random.key_dtype("threefry2x32")
    again = random.wrap_key_data(random.key_data(keys), impl=random.key_impl(keys))
    assert (again == keys).all()
    with pytest.raises(errors.DtypeError, match=r"random.key_impl: expected keys"):
        random.key_impl(3.0)
    with pytest.raises(errors.TransformError, match="random.key_dtype: expected impl"):
        random.key_dtype("rbg")


@pytest.mark.peers
def test_as_jaxs():
    jax = pytest.importorskip("jax", exc_type=ImportError)
    assert random.key_impl(random.key(0)) == jax.random.key_impl(jax.random.key(0))
    assert (jax.random.key(0).dtype == jax.random.key_dtype()) is True
