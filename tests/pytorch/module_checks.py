"""What the tests of modules share: one module of each world, everything about them compared."""

import warnings

import numpy as np
from oracle import array_of, is_tensor, ours, real, same, tensors_in

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.normal(size=shape)


def whole(high, *shape):
    return RNG.integers(0, high, shape)


def given(T, x, dtype, grad=True):
    """An argument in one world: arrays become tensors, and containers keep their kind."""
    if isinstance(x, np.ndarray):
        t = T.tensor(x.tolist(), dtype=None if x.dtype.kind in "ib" else getattr(T, dtype))
        t = t.reshape(x.shape)
        # Masks are no data: PyTorch does not look at one that is said to be causal.
        is_data = x.dtype.kind == "f" and np.isfinite(x).all()
        return t.requires_grad_() if grad and is_data else t
    if isinstance(x, (tuple, list)):
        return type(x)(given(T, each, dtype, grad) for each in x)
    return x


def leaves_of(x):
    return [t for t in tensors_in(x) if t.requires_grad]


def attempt(T, make, args, kwargs, dtype, train, calls=2):
    """A module made and called in one world, and what came of it, or the exception."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            T.manual_seed(7)
            module = make(T).to(getattr(T, dtype))
            module.train(train)
            lazy = T.nn.parameter.is_lazy
            found = {"drawn": [p.detach().clone() for p in module.parameters() if not lazy(p)]}
            for call in range(calls):
                now = [given(T, x, dtype) for x in args]
                named = {k: given(T, x, dtype) for k, x in kwargs.items()}
                T.manual_seed(call)
                out = module(*now, **named)
                module.zero_grad()
                total = 0
                for i, t in enumerate(tensors_in(list(out) if isinstance(out, tuple) else out)):
                    if t.requires_grad:
                        total = total + (t * t).sum() * (1 + 0.3 * i) + t.sum()
                leaves = leaves_of([*now, *named.values()])
                if is_tensor(total):
                    total.backward()
            found["out"] = out
            found["input gradients"] = [t.grad for t in leaves]
            found["gradients"] = [p.grad for p in module.parameters()]
            found["state"] = list(module.state_dict().values())
            found["keys"] = list(module.state_dict())
            found["text"] = repr(module)
            found["metadata"] = list(module.state_dict()._metadata.items())
        except Exception as error:
            found = error
    return found, [(w.category.__name__, str(w.message)) for w in warned]


def check(make, *args, train=True, dtype="float64", rtol=None, warn=True, **kwargs):
    """Make a module by ``make(torch)`` in both worlds, call it twice, and compare everything."""
    mine, said = attempt(ours, make, args, kwargs, dtype, train)
    theirs, told = attempt(real, make, args, kwargs, dtype, train)
    if isinstance(theirs, Exception):
        assert isinstance(mine, Exception), f"PyTorch raises {theirs!r}"
        assert type(mine).__name__ == type(theirs).__name__, (mine, theirs)
        assert str(mine) == str(theirs)
        return
    if isinstance(mine, Exception):
        raise mine
    for name, value in theirs.items():
        loose = None if rtol is None or name == "drawn" else rtol
        tensors = name in ("out", "state")
        same(mine[name], value, name, loose, strides=name == "out", graph=tensors)
    if warn:
        assert said == told


def refused(make, *args, **kwargs):
    """Both worlds refuse, with the same words."""
    mine, _ = attempt(ours, make, args, kwargs, "float32", True)
    theirs, _ = attempt(real, make, args, kwargs, "float32", True)
    assert isinstance(theirs, Exception), "PyTorch takes it"
    assert isinstance(mine, Exception), f"PyTorch raises {theirs!r}"
    assert (type(mine).__name__, str(mine)) == (type(theirs).__name__, str(theirs))


def values(t):
    return array_of(t)
