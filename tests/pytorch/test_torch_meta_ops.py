"""Operations on the device ``meta``: sizes, dtypes and strides of PyTorch's results on the CPU."""

import warnings

import numpy as np
import pytest

from tests.opinfo import check
from tests.opinfo.translate import Missing, to_ours
from tests.pytorch.oracle import ours, real, tensors_in

BY_ELEMENTS = frozenset(
    "allclose argwhere bincount equal histogram histogramdd istft item linalg.lstsq "
    "linalg.lstsq[grad_oriented] masked_select narrow nn.functional.ctc_loss nn.functional.one_hot "
    "nonzero repeat_interleave tensor_split to to_sparse unique unique_consecutive".split()
)
"""Entries that PyTorch refuses, too, with some of their samples: the sizes depend on elements."""

NOT_HERE = {
    "_segment_reduce[lengths]": "the lengths are read, and must add up",
    "as_strided[partial_views]": "the copy has not the memory around the view",
    "linalg.ldl_solve": "the pivots are read",
    "mode": "strides of a dimension of one element",
    "nanquantile": "strides of a dimension of one element",
    "quantile": "strides of a dimension of one element",
}
"""Entries that are not as PyTorch's, and why."""

FEW = 12
_DTYPES = ("float32", "int64", "bool", "complex64")


def mapped(tree, f):
    """A tree of arguments with a function of each of our tensors in its place."""
    if isinstance(tree, ours.Tensor):
        return f(tree)
    if isinstance(tree, dict):
        return {k: mapped(v, f) for k, v in tree.items()}
    if isinstance(tree, (tuple, list)):
        parts = [mapped(e, f) for e in tree]
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
    return tree


def without_memory(t):
    return t.to("meta").detach().requires_grad_(t.requires_grad)


def geometry(t):
    return tuple(t.shape), str(t.dtype), t.stride() if t.numel() else None, t.requires_grad


def samples_of(op, most):
    names = [str(d).removeprefix("torch.") for d in op.supported_dtypes("cpu")]
    name = next((d for d in _DTYPES if d in names), names[0])
    real.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002  (which the database draws from)
    wanted = bool(op.supports_autograd) and name == "float32"
    made = op.sample_inputs("cpu", getattr(real, name), requires_grad=wanted)
    return check.spread(list(made), most)


def wrong(op, most):
    """What is wrong with an entry: None if nothing, or if it has no tensor on the device."""
    try:
        f = to_ours(op.op)
    except Missing:
        return None
    for s in samples_of(op, most):
        if s.kwargs.get("device"):
            continue
        try:
            want = op.op(s.input, *s.args, **s.kwargs)
            given = to_ours((s.input, s.args, s.kwargs))
        except Exception:
            continue
        leaves = []
        mapped(given, leaves.append)
        if not leaves:
            continue
        x, args, kwargs = mapped(given, without_memory)
        got = f(x, *args, **kwargs)
        mine, theirs = tensors_in(got), tensors_in(want)
        assert len(mine) == len(theirs)
        for i, (a, b) in enumerate(zip(mine, theirs, strict=True)):
            if not a.is_meta:
                return "a result on the CPU"
            if geometry(a) != geometry(b):
                # Where our own results on the CPU lie otherwise, these do as well.
                own = tensors_in(f(given[0], *given[1], **given[2]))[i]
                if geometry(own) != geometry(a):
                    return f"{geometry(a)}, PyTorch {geometry(b)}"
        outs = [t for t in mine if t.requires_grad]
        ends = []
        mapped((x, args, kwargs), lambda t, ends=ends: ends.append(t) if t.requires_grad else None)
        if outs and ends:
            found = ours.autograd.grad(outs, ends, [t.detach() for t in outs], allow_unused=True)
            for g, t in zip(found, ends, strict=True):
                if g is not None and (not g.is_meta or g.shape != t.shape or g.dtype != t.dtype):
                    return "a gradient"
    return None


def failures(entries, most):
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for op in entries:
            try:
                what = wrong(op, most)
            except Exception as error:
                what = f"{type(error).__name__}: {error}"
            if what is not None:
                found[check.title(op)] = what
    return found


def test_some_entries_of_the_database(request):
    """``--seed`` chooses others."""
    entries = check.database()
    entries = entries[request.config.getoption("--seed") % FEW :: FEW]
    found = failures(entries, 2)
    assert found.keys() <= BY_ELEMENTS | NOT_HERE.keys(), found


@pytest.mark.long
def test_all_entries_of_the_database():
    found = failures(check.database(), 6)
    # Names that are missing on any device are those of other tests.
    found = {k: v for k, v in found.items() if not v.startswith("AttributeError")}
    assert found.keys() <= BY_ELEMENTS | NOT_HERE.keys(), found
    assert NOT_HERE.keys() <= found.keys(), NOT_HERE.keys() - found.keys()


def test_what_depends_on_elements_is_refused_as_pytorch_does():
    found = failures([op for op in check.database() if check.title(op) in BY_ELEMENTS], 6)
    assert all("Error" in v for v in found.values()), found
