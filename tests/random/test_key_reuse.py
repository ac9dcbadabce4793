"""``debug_key_reuse`` finds keys that are consumed twice, and no others."""

import threading

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import lax, random
from functorch_lite.errors import KeyReuseError

KEY = random.key(5)


def twice(key):
    return random.normal(key) + random.uniform(key)


def once(key):
    k1, k2 = random.split(key)
    return random.normal(k1) + random.uniform(k2)


REUSES = {
    "sampled twice": lambda: twice(KEY),
    "split, then sampled": lambda: (random.split(KEY), random.normal(KEY)),
    "sampled, then split": lambda: (random.normal(KEY), random.split(KEY)),
    "split twice": lambda: (random.split(KEY), random.split(KEY, 3)),
    "one part twice": lambda: [
        random.bits(random.split(k, 3)[0]) for k in [KEY, random.clone(KEY)]
    ],
    "folded with the same number": lambda: [random.bits(random.fold_in(KEY, 1)) for _ in "ab"],
    "the same seed": lambda: (random.normal(random.key(3)), random.normal(random.key(3))),
    "in jit": lambda: fl.jit(twice)(KEY),
    "one part twice in jit": lambda: fl.jit(
        lambda k: (
            random.normal(random.split(k)[0]) + random.normal(random.split(random.clone(k))[0])
        )
    )(KEY),
    "indexed twice in jit": lambda: fl.jit(lambda ks: random.normal(ks[0]) + random.bits(ks[0]))(
        random.split(KEY)
    ),
    "captured by jit": lambda: fl.jit(lambda x: x + twice(KEY))(1.0),
    "before jit": lambda: (random.normal(KEY), fl.jit(lambda x: x + random.normal(KEY))(1.0)),
    "in vmap": lambda: fl.vmap(twice)(random.split(KEY, 3)),
    "after vmap": lambda: (lambda ks: (fl.vmap(random.normal)(ks), random.bits(ks[1])))(
        random.split(KEY, 3)
    ),
    "in vmap in jit": lambda: fl.jit(fl.vmap(twice))(random.split(KEY, 3)),
    "in grad": lambda: fl.grad(lambda x: x * twice(KEY))(1.0),
    "in scan": lambda: lax.scan(lambda key, _: (key, twice(key)), KEY, length=2),
}
GOOD = {
    "split": lambda: once(KEY),
    "folded with other numbers": lambda: [random.bits(random.fold_in(KEY, i)) for i in range(3)],
    "fold_in of a key in use": lambda: (random.bits(KEY), random.fold_in(KEY, 1)),
    "cloned": lambda: (random.normal(KEY), random.normal(random.clone(KEY))),
    "jit": lambda: fl.jit(once)(KEY),
    "vmap": lambda: fl.vmap(once)(random.split(KEY, 3)),
    "jit of vmap": lambda: fl.jit(fl.vmap(once))(random.split(KEY, 3)),
    "grad": lambda: fl.jit(fl.grad(lambda x: x * once(KEY)))(1.0),
    "scan": lambda: lax.scan(
        lambda key, _: (lambda ks: (ks[0], random.normal(ks[1])))(random.split(key)), KEY, length=2
    ),
    "a carry that is staged twice": lambda: lax.scan(
        lambda x, _: (x + random.normal(KEY, (), "float64"), None), 0, length=2
    ),
    "jit of two shapes": lambda: [
        fl.jit(lambda x: x + random.normal(KEY))(fnp.zeros(n)) for n in (2, 3)
    ],
    "cloned in jit": lambda: fl.jit(
        lambda k: random.normal(k) + random.normal(random.clone(k))
    )(KEY),
}  # fmt: skip
SAMPLERS = {
    "beta": lambda k: random.beta(k, 1.0, 2.0),
    "poisson": lambda k: random.poisson(k, 3.0),
    "binomial": lambda k: random.binomial(k, 10, 0.5),
    "multinomial": lambda k: random.multinomial(k, 5, fnp.asarray([0.5, 0.5])),
    "dirichlet": lambda k: random.dirichlet(k, fnp.ones(3)),
    "complex normal": lambda k: random.normal(k, (), "complex64"),
    "choice": lambda k: random.choice(k, 5, (2,), replace=False),
    "permutation": lambda k: random.permutation(k, 2000),
    "truncated_normal": lambda k: random.truncated_normal(k, 0.0, 1.0),
    "ball": lambda k: random.ball(k, 3),
    "t": lambda k: random.t(k, 3.0),
    "f": lambda k: random.f(k, 3.0, 4.0),
    "wald": lambda k: random.wald(k, 1.0),
    "double_sided_maxwell": lambda k: random.double_sided_maxwell(k, 1.0, 1.0),
    "multivariate_normal": lambda k: random.multivariate_normal(k, fnp.zeros(2), fnp.eye(2)),
    "orthogonal": lambda k: random.orthogonal(k, 2),
    "randint": lambda k: random.randint(k, (), 0, 4),
    "categorical": lambda k: random.categorical(k, fnp.zeros(3)),
    "rademacher": lambda k: random.rademacher(k),
    "dropout": lambda k: fl.nn.dropout(fnp.ones(3), 0.5, k),
}


@pytest.mark.parametrize("name", REUSES)
def test_reuse_is_found(name):
    REUSES[name]()
    with random.debug_key_reuse(), pytest.raises(KeyReuseError):
        REUSES[name]()


@pytest.mark.parametrize("name", GOOD)
def test_good_programs_pass(name):
    with random.debug_key_reuse():
        GOOD[name]()


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sampler_consumes_its_key_once(name):
    draw = SAMPLERS[name]
    with random.debug_key_reuse():
        draw(KEY)
        with pytest.raises(KeyReuseError, match="is used up"):
            draw(KEY)
    with random.debug_key_reuse(), pytest.raises(KeyReuseError, match="is used up"):
        fl.jit(lambda k: (draw(k), random.bits(k)))(KEY)


def test_the_message_names_both_functions_and_lines():
    with random.debug_key_reuse(), pytest.raises(KeyReuseError) as caught:
        random.normal(KEY)
        random.choice(KEY, 3)
    text = str(caught.value)
    first = caught.tb.tb_lineno - 1
    assert text.startswith("random.choice: this key is used up. random.normal consumed it at")
    assert f"{__file__}:{first} (" in text
    assert f"{__file__}:{first + 1} (" in text
    assert "random.split(key)" in text


def test_everything_by_value_without_jit():
    with random.debug_key_reuse(), fl.disable_jit(), pytest.raises(KeyReuseError):
        for _ in range(2):
            fl.jit(random.normal)(KEY)


def test_it_is_a_setting_too():
    random.debug_key_reuse(True)
    try:
        with pytest.raises(KeyReuseError):
            twice(KEY)
    finally:
        random.debug_key_reuse(False)
    twice(KEY)


def test_blocks_nest_and_restore():
    with random.debug_key_reuse():
        random.normal(KEY)
        with random.debug_key_reuse(False):
            random.normal(KEY)
        with random.debug_key_reuse(), pytest.raises(KeyReuseError):
            random.normal(KEY)
        with pytest.raises(KeyReuseError):
            random.normal(KEY)
    random.normal(KEY)


def test_a_new_block_starts_anew_and_errors_end_it():
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), random.debug_key_reuse():
            random.normal(KEY)
            raise ZeroDivisionError
    twice(KEY)


def test_other_threads_are_left_alone():
    drawn = []
    with random.debug_key_reuse():
        random.normal(KEY)
        thread = threading.Thread(target=lambda: drawn.append(twice(KEY)))
        thread.start()
        thread.join()
    assert len(drawn) == 1


def test_numbers_are_the_same_with_it_on():
    wanted = [np.asarray(draw(KEY)) for draw in SAMPLERS.values()]
    for draw, values in zip(SAMPLERS.values(), wanted, strict=True):
        with random.debug_key_reuse():
            np.testing.assert_array_equal(draw(KEY), values)
