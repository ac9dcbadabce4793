"""torch.fft against PyTorch: values, layouts, errors, gradients and gradients of those."""

import numpy as np
import pytest
from complex_checks import agree
from oracle import compare, ours, real, same

ONE = ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"]
MANY = ["fft2", "ifft2", "rfft2", "irfft2", "hfft2", "ihfft2",
        "fftn", "ifftn", "rfftn", "irfftn", "hfftn", "ihfftn"]  # fmt: skip
NORMS = [None, "backward", "ortho", "forward"]


def takes(name):
    """Which kinds of operands a transform has."""
    return "r" if name.startswith(("rfft", "ihfft")) else "rc"


def signal(kind, shape, dtype="complex128"):
    rng = np.random.default_rng(sum(shape))
    x = rng.normal(size=shape) + 1j * rng.normal(size=shape)
    x = x.astype(dtype)
    return x if kind == "c" else np.ascontiguousarray(x.real)


def test_names():
    assert set(real.fft.__all__) <= set(ours.fft.__all__) and len(ours.fft.__all__) == 23
    for name in ours.fft.__all__:
        assert hasattr(real.fft, name)


@pytest.mark.parametrize("name", ONE)
@pytest.mark.parametrize("norm", NORMS)
def test_one_dimension(name, norm):
    for kind in takes(name):
        for shape, n, dim in (
            ((5,), None, -1), ((4,), None, 0), ((1,), 1, 0), ((3, 4), None, 0), ((3, 4), 6, 1),
            ((3, 4), 2, -1), ((2, 3, 5), None, 1), ((7,), 7, 0), ((11,), 4, 0),
        ):  # fmt: skip
            agree(lambda T, x, n=n, dim=dim: getattr(T.fft, name)(x, n, dim, norm),
                  signal(kind, shape))  # fmt: skip


@pytest.mark.parametrize("name", MANY)
@pytest.mark.parametrize("norm", [None, "ortho", "forward"])
def test_several_dimensions(name, norm):
    for kind in takes(name):
        for s, dim in (
            (None, (0, 1)), (None, (2, 0)), (None, (-1,)), ((2, 7), (1, 2)), ((4, -1), (0, 2)),
            ((5, 3), (2, 1)), ((3, 4), (-2, -1)), (None, 1),
        ):  # fmt: skip
            agree(
                lambda T, x, s=s, dim=dim: getattr(T.fft, name)(x, s=s, dim=dim, norm=norm),
                signal(kind, (3, 4, 5)),
                double=norm is None,
            )


@pytest.mark.parametrize("name", [*ONE, *MANY])
def test_defaults_nodes_and_single_precision(name):
    for kind in takes(name):
        x = signal(kind, (3, 4), "complex64")
        agree(lambda T, x: getattr(T.fft, name)(x), x, rtol=1e-4)
        agree(lambda T, x: getattr(T.fft, name)(x.transpose(0, 1)), signal(kind, (3, 4)))
        mine = getattr(ours.fft, name)(ours.from_numpy(x).requires_grad_())
        theirs = getattr(real.fft, name)(real.from_numpy(x).requires_grad_())
        assert mine.grad_fn.name() == theirs.grad_fn.name()
        above = [n.next_functions[0][0].name() for n in (mine.grad_fn, theirs.grad_fn)]
        assert above[0].split("::")[-1] == above[1].split("::")[-1]


@pytest.mark.parametrize("dtype", ["int64", "bool", "uint8", "float16", "bfloat16"])
def test_dtypes(dtype):
    def program(T):
        x = T.tensor([1, 0, 1, 1]).to(getattr(T, dtype))
        return T.fft.fft(x), T.fft.rfft(x), T.fft.irfft(x), T.fft.fftn(x), T.fft.fftshift(x)

    try:
        theirs = program(real)
    except RuntimeError as error:
        with pytest.raises(RuntimeError, match=str(error).split("\n")[0]):
            program(ours)
        return
    same(program(ours), theirs)


ERRORS = [
    lambda T, x, z: T.fft.fft(x, 0),
    lambda T, x, z: T.fft.fft(x, -3),
    lambda T, x, z: T.fft.rfft(x, -1),
    lambda T, x, z: T.fft.irfft(z, -1),
    lambda T, x, z: T.fft.fft(x, dim=2),
    lambda T, x, z: T.fft.fft(x.sum()),
    lambda T, x, z: T.fft.fft(x, norm="up"),
    lambda T, x, z: T.fft.rfft(z),
    lambda T, x, z: T.fft.ihfft(z),
    lambda T, x, z: T.fft.irfft(z[:, :1]),
    lambda T, x, z: T.fft.fft(T.zeros(3, 0)),
    lambda T, x, z: T.fft.fftn(x, s=(3,), dim=(0, 1)),
    lambda T, x, z: T.fft.fftn(x, s=(3, 3, 3)),
    lambda T, x, z: T.fft.fftn(x, dim=(0, 0)),
    lambda T, x, z: T.fft.rfftn(x, dim=()),
    lambda T, x, z: T.fft.irfftn(z, dim=()),
    lambda T, x, z: T.fft.fftn(x, s=(0, 2)),
    lambda T, x, z: T.fft.rfftn(x.sum()),
    lambda T, x, z: T.fft.fft2(x[0]),
    lambda T, x, z: T.fft.rfftn(z),
    lambda T, x, z: T.fft.ihfftn(z),
    lambda T, x, z: T.fft.fftfreq(-1),
    lambda T, x, z: T.fft.fftfreq(5.5),
    lambda T, x, z: T.fft.fftfreq(4, dtype=T.int64),
    lambda T, x, z: T.fft.rfftfreq(4, device="cuda"),
    lambda T, x, z: T.fft.fftshift(x, dim=(0, 5)),
    lambda T, x, z: T.fft.ifftshift(x, dim=()),
    lambda T, x, z: T.fft.fft(x, out=T.empty(3, 4)),
    lambda T, x, z: T.fft.irfft(z, out=T.empty(3, 4, dtype=T.complex64)),
    lambda T, x, z: T.fft.rfft(x, n=2.5),
    lambda T, x, z: T.fft.fft([1.0]),
]


@pytest.mark.parametrize("call", ERRORS)
def test_errors(call):
    compare(call, signal("r", (3, 4)), signal("c", (3, 4)), grads=False, text=True)


def test_no_dimensions_are_a_copy():
    compare(lambda T, x: T.fft.fftn(x, dim=()), signal("r", (3, 4)), grads=False)
    compare(lambda T, x: T.fft.ifftn(x.sum()), signal("c", (3, 4)), grads=False)


def test_out():
    def program(T):
        x = T.arange(6.0).reshape(2, 3)
        out = T.empty(0, dtype=T.complex64)
        found = T.fft.fft(x, out=out)
        number = T.empty(4)
        T.fft.fftfreq(4, 0.5, out=number)
        return out, found is out, number

    same(program(ours), program(real))


@pytest.mark.parametrize("n", [0, 1, 2, 5, 8])
def test_frequencies(n):
    for name in ("fftfreq", "rfftfreq"):
        for d, dtype in ((1.0, None), (0.3, "float64"), (2, "float32"), (0.1, "complex64")):

            def program(T, name=name, d=d, dtype=dtype):
                given = {} if dtype is None else {"dtype": getattr(T, dtype)}
                return getattr(T.fft, name)(n, d, **given)

            compare(program, grads=False, text=True)
    x = np.arange(n * 3.0).reshape(n, 3)
    for dim in (None, 0, -1, (1,), (0, 1)):
        for name in ("fftshift", "ifftshift"):
            agree(lambda T, x, dim=dim, name=name: getattr(T.fft, name)(x, dim), x)


@pytest.mark.parametrize("name", ["fft", "rfft", "irfft", "ifft2", "irfftn"])
def test_gradcheck(name):
    kind = takes(name)[-1]
    x = ours.from_numpy(signal(kind, (2, 3))).requires_grad_()
    f = getattr(ours.fft, name)
    assert ours.autograd.gradcheck(f, (x,))
    assert ours.autograd.gradgradcheck(f, (x,))


def test_writing_into_a_spectrum():
    def f(T, x):
        y = T.fft.rfft(x)
        y[0] = 0
        y.real[1] *= 2
        return T.fft.irfft(y)

    agree(f, signal("r", (8,)))


def test_a_filter_trains():
    def program(T):
        x = T.linspace(0, 1, 16)
        w = T.ones(9, dtype=T.complex64, requires_grad=True)
        opt = T.optim.SGD([w], lr=0.1)
        losses = []
        for _ in range(5):
            opt.zero_grad()
            loss = (T.fft.irfft(T.fft.rfft(x) * w) - x.flip(0)).square().sum()
            loss.backward()
            opt.step()
            losses.append(loss.detach())
        return T.stack(losses), w.detach()

    same(program(ours), program(real), rtol=1e-4)


def test_torch_compile():
    def f(x):
        return ours.fft.irfft(ours.fft.rfft(x) * 2.0, n=6) + 1

    x = ours.from_numpy(signal("r", (2, 6), "complex64"))
    same(ours.compile(f, fullgraph=True)(x), f(x), rtol=1e-5)
