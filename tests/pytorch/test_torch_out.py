"""Results written into a tensor given as ``out=``: dtype, sizes, strides, and shared memory."""

import warnings

import pytest
from oracle import ours, real

DTYPES = ("float64", "complex128", "int64")


def both(call):
    """What a call comes to in each package: a result, or the error's class and text."""
    found = []
    for torch in (ours, real):
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            try:
                made = call(torch)
            except Exception as error:
                made = type(error).__name__, str(error)
        found.append((made, ["resized" in str(w.message) for w in seen]))
    return found


def agree(call):
    mine, theirs = both(call)
    assert mine == theirs


def written(torch, f, out):
    """Sizes, strides and values of an output after a call."""
    made = f(out)
    assert made is out
    return str(out.dtype), tuple(out.shape), out.stride(), out.tolist()


def x(torch, *shape):
    return torch.arange(1.0, 1.0 + torch.zeros(shape).numel()).reshape(shape)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "name",
    ["mm", "tril", "diag", "msort", "amax", "logcumsumexp", "quantile", "conj_physical", "cumsum",
     "take", "nan_to_num", "index_select", "gather", "softmax", "cat", "dot", "renorm", "exp",
     "float_power", "masked_select", "where", "transpose_copy", "norm", "cumprod"],
)  # fmt: skip
def test_outputs_of_other_dtypes(name, dtype):
    def call(torch):
        a, one = x(torch, 3, 3), torch.zeros(1, dtype=torch.int64)
        others = {
            "mm": (a,), "amax": (0,), "logcumsumexp": (0,), "quantile": (0.5, 0), "cumsum": (0,),
            "cumprod": (0,), "take": (one,), "index_select": (0, one), "softmax": (0,),
            "gather": (0, torch.zeros(1, 1, dtype=torch.int64)), "renorm": (2, 0, 1.0),
            "float_power": (2,), "masked_select": (a > 8,), "transpose_copy": (0, 1),
            "norm": (2, 0),
        }.get(name, ())  # fmt: skip
        given = (a, *others)
        if name == "cat":
            given = ([a, a],)
        elif name == "dot":
            given = a[0], a[0]
        elif name == "where":
            given = a > 4, a, a
        out = torch.zeros(0, dtype=getattr(torch, dtype))
        return written(torch, lambda out: getattr(torch, name)(*given, out=out), out)

    (mine, _), (theirs, _) = both(call)
    if isinstance(theirs[-1], str):
        assert mine == theirs
    else:
        assert mine[:3] == theirs[:3]
        real.testing.assert_close(*map(real.tensor, (mine[3], theirs[3])))


@pytest.mark.parametrize("name", ["cumsum", "cumprod"])
def test_a_dtype_that_is_asked_for_is_that_of_the_output(name):
    agree(lambda torch: getattr(torch, name)(
        x(torch, 3), 0, dtype=torch.float64, out=torch.zeros(3)).tolist())  # fmt: skip


@pytest.mark.parametrize("shape", [(0,), (4, 3), (2, 5), (3, 4), (2, 3)])
def test_a_resized_output_lies_as_the_result(shape):
    for call in (
        lambda torch, out: torch.add(x(torch, 4, 3).t(), 1, out=out),
        lambda torch, out: torch.mul(x(torch, 3, 4), 2, out=out),
        lambda torch, out: torch.linalg.inv(x(torch, 3, 3) + 9 * torch.eye(3), out=out).mul_(0),
        lambda torch, out: torch.linspace(0, 5, 6, out=out),
        lambda torch, out: torch.special.bessel_j0(torch.zeros(3), out=out),
    ):
        agree(lambda torch, call=call: written(
            torch, lambda out: call(torch, out), torch.zeros(shape)))  # fmt: skip


def test_outputs_that_share_memory():
    def index(torch):
        return torch.tensor([0, 1, 1])

    for call in (
        lambda torch, a: torch.gather(a, 0, index(torch), out=a),
        lambda torch, a: torch.index_select(a, 0, index(torch), out=a),
        lambda torch, a: torch.take(a, index(torch), out=a),
        lambda torch, a: torch.masked_select(a, a > 0, out=a),
        lambda torch, a: torch.kthvalue(a, 2, out=(a[:1], index(torch)))[0],
        lambda torch, a: torch.cat((a[:1], a[1:]), out=a),
        lambda torch, a: torch.add(a, 1, out=a),
        lambda torch, a: torch.mul(a, 2, out=torch.zeros(1).expand(3)),
        lambda torch, a: torch.gather(a, 0, index(torch), out=torch.zeros(1).expand(3)),
    ):
        agree(lambda torch, call=call: call(torch, x(torch, 3)).tolist())


def test_what_has_no_gradient_is_written_to_a_leaf():
    def call(torch):
        out = torch.zeros(2, requires_grad=True)
        torch.special.bessel_y1(torch.ones(2), out=out)
        return out.requires_grad, out.is_leaf

    agree(call)

    def refused(torch):
        return torch.add(torch.ones(2), 1, out=torch.zeros(2, requires_grad=True))

    agree(refused)
