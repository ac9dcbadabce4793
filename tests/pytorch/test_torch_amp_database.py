"""PyTorch's op database under autocast: the dtypes and values of all results beside PyTorch."""

import warnings

import numpy as np
import pytest
from oracle import ours, real

from tests.opinfo.check import database, spread, title
from tests.opinfo.compare import tensors_in
from tests.opinfo.translate import Missing, array_of, to_ours

SAMPLES = 2
TOLERANCE = {"bfloat16": 4e-2, "float16": 5e-3, "float32": 2e-3, "complex64": 2e-3}
RANDOM = ("bernoulli", "cauchy", "dropout", "empty", "exponential", "geometric", "gumbel",
          "log_normal", "lowrank", "multinomial", "normal", "rand", "rrelu", "uniform")  # fmt: skip
ELSEWHERE = {
    # Vectors of any sign or phase.
    "linalg.eig", "linalg.eigh",
    # Differs in bfloat16 without autocast as well.
    "matrix_exp", "native_layer_norm",
    # The database's own functions ask for names that are missing here.
    "chalf", "max_pool2d_with_indices_backward",
}  # fmt: skip


def entries():
    return [
        op
        for op in database()
        if real.float32 in op.supported_dtypes("cpu")
        and title(op) not in ELSEWHERE
        and "sparse" not in title(op)
        and not any(word in title(op) for word in RANDOM)
    ]


def result(T, f, given, dtype):
    T.manual_seed(0)
    first, args, kwargs = given
    try:
        with T.autocast("cpu", dtype=getattr(T, dtype)):
            return f(first, *args, **kwargs), None
    except Missing:
        raise
    except Exception as error:
        return None, error


def difference(op, f, sample, dtype):
    """What is different about one sample; None if nothing is, or both refuse it."""
    given = (sample.input, sample.args, sample.kwargs)
    my_given = to_ours(given)
    theirs, their_error = result(real, op.op, given, dtype)
    mine, my_error = result(ours, f, my_given, dtype)
    if (mine is None) != (theirs is None):
        return f"we: {my_error!r}, PyTorch: {their_error!r}"
    pairs = list(zip(tensors_in(mine), tensors_in(theirs), strict=True))
    for a, b in pairs:
        if str(a.dtype) != str(b.dtype):
            return f"{a.dtype}, PyTorch {b.dtype}"
        name = str(b.dtype).removeprefix("torch.")
        if name in TOLERANCE and b.numel():
            wide = np.complex128 if name == "complex64" else np.float64
            p, q = array_of(a).astype(wide), array_of(b).astype(wide)
            scale = 1e-3 + np.abs(np.where(np.isfinite(q), q, 0)).max()
            close = np.isclose(p, q, TOLERANCE[name], TOLERANCE[name] * scale, equal_nan=True)
            if not close.all():
                return f"{name} {np.abs(p - q).max()} of {scale}"
    return None


@pytest.mark.long
def test_every_entry_of_the_database():
    found, count = [], 0
    for op in entries():
        try:
            f = to_ours(op.op)
        except Missing:
            continue
        for source in (real.float32, real.bfloat16):
            if source not in op.supported_dtypes("cpu"):
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                for sample in spread(list(op.sample_inputs("cpu", source)), SAMPLES):
                    for dtype in ("bfloat16",) + ("float16",) * (source is real.float32):
                        try:
                            wrong = difference(op, f, sample, dtype)
                        except Missing:
                            continue
                        count += 1
                        if wrong:
                            found.append(f"{title(op)} of {source} under {dtype}: {wrong}")
    assert count > 2000
    assert not found, "\n".join(found)
