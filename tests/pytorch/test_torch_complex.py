"""Complex tensors beside PyTorch's: results, gradients (in its convention), second gradients."""

import numpy as np
import pytest
from complex_checks import agree
from oracle import compare, ours, real, same

SEED = np.random.default_rng(0)
X = SEED.normal(size=(3, 4)) + 1j * SEED.normal(size=(3, 4))
Y = SEED.normal(size=(3, 4)) + 1j * SEED.normal(size=(3, 4))
R = SEED.normal(size=(3, 4))


def set_real(T, x):
    y = x.clone()
    y.real = y.imag * 2
    return y


def write_index(T, x):
    y = x.clone()
    y[0] = y[1].conj()
    y[:, 1] = 1j
    return y


def write_through_parts(T, x):
    y = x * 1
    parts = T.view_as_real(y)
    parts[0].mul_(3)
    y.imag[1] = x.real[1] ** 2
    return y * y


def write_through_complex(T, x):
    y = T.view_as_real(x).contiguous() * 2
    T.view_as_complex(y)[1].mul_(1j)
    return y.square()


NAMED = """exp exp2 log log2 log10 log1p expm1 sqrt rsqrt sin cos tan sinh cosh tanh asin acos atan
    asinh acosh atanh neg reciprocal square sigmoid abs angle sgn conj conj_physical positive real
    imag sinc isnan isfinite isinf isreal logical_not""".split()
UNARY = {n: lambda T, x, n=n: getattr(T, n)(x) for n in NAMED} | {
    "sum": lambda T, x: x.sum(),
    "sum of rows": lambda T, x: x.sum(0),
    "mean": lambda T, x: x.mean(1, keepdim=True),
    "prod": lambda T, x: x.prod(),
    "prod of rows": lambda T, x: x.prod(0),
    "cumsum": lambda T, x: x.cumsum(0),
    "cumprod": lambda T, x: x.cumprod(1),
    "var": lambda T, x: x.var(),
    "std": lambda T, x: x.std(0),
    "norm": lambda T, x: x.norm(),
    "norm 1": lambda T, x: T.norm(x, p=1),
    "logsumexp": lambda T, x: T.logsumexp(x, 0),
    "x**0": lambda T, x: x**0,
    "x**1": lambda T, x: x**1,
    "x**2": lambda T, x: x**2,
    "x**3": lambda T, x: x**3,
    "x**0.5": lambda T, x: x**0.5,
    "x**-1.5": lambda T, x: x**-1.5,
    "x**(1+0.5j)": lambda T, x: x ** (1 + 0.5j),
    "2**x": lambda T, x: 2**x,
    "(1+2j)**x": lambda T, x: (1 + 2j) ** x,
    "(-2)**x": lambda T, x: (-2) ** x,
    "2/x": lambda T, x: 2 / x,
    "1j-x": lambda T, x: 1j - x,
    "x*(1+2j)": lambda T, x: x * (1 + 2j),
    "x*2.5": lambda T, x: x * 2.5,
    "x/(1+2j)": lambda T, x: x / (1 + 2j),
    "x+2j": lambda T, x: x + 2j,
    "T": lambda T, x: x.T,
    "H": lambda T, x: x.H,
    "mT": lambda T, x: x.mT,
    "mH": lambda T, x: x.mH,
    "adjoint": lambda T, x: x.adjoint(),
    "flip": lambda T, x: x.flip(0),
    "roll": lambda T, x: x.roll(1, 0),
    "x[1]": lambda T, x: x[1],
    "x[[0, 0, 2]]": lambda T, x: x[[0, 0, 2]],
    "x[x.real > 0]": lambda T, x: x[x.real > 0],
    "view_as_real": lambda T, x: T.view_as_real(x),
    "there and back": lambda T, x: T.view_as_complex(T.view_as_real(x) * 2),
    "parts": lambda T, x: x.real * x.imag,
    "complex64": lambda T, x: x.to(T.complex64),
    "abs as complex": lambda T, x: x.abs().to(T.complex128) * x,
    "diagonal": lambda T, x: T.diagonal(x),
    "tril": lambda T, x: T.tril(x),
    "trace": lambda T, x: T.trace(x[:3, :3]),
    "unfold": lambda T, x: x.unfold(1, 2, 1),
    "where": lambda T, x: T.where(x.abs() > 1, x, -x),
    "masked_fill": lambda T, x: x.masked_fill(x.abs() > 1, 2j),
    "gather": lambda T, x: x.gather(1, T.tensor([[0, 1], [1, 1], [3, 0]])),
    "index_add": lambda T, x: x.index_add(0, T.tensor([0, 1]), x[:2]),
    "scatter": lambda T, x: x.scatter(1, T.tensor([[0], [1], [2]]), x[:, :1] * 2),
    "expand": lambda T, x: x[None].expand(2, 3, 4),
    "repeat": lambda T, x: x.repeat(2, 1),
    "detach": lambda T, x: x * x.detach(),
    "x * conj(x)": lambda T, x: x * x.conj(),
    "chunk": lambda T, x: x.chunk(2, 1),
    "stack": lambda T, x: T.stack([x, x.conj()]),
    "polar": lambda T, x: T.polar(x.abs(), x.angle()),
    "complex": lambda T, x: T.complex(x.real, x.imag * 2),
    "complex, broadcast": lambda T, x: T.complex(x.real, x.imag[0]),
    "softmax of parts": lambda T, x: T.softmax(x.real, 0),
    "dist": lambda T, x: T.dist(x, x * 2),
    "diff": lambda T, x: T.diff(x),
    "cov": lambda T, x: T.cov(x),
    "kron": lambda T, x: T.kron(x, x),
    "pad": lambda T, x: T.nn.functional.pad(x, (1, 1)),
    "l1_loss": lambda T, x: T.nn.functional.l1_loss(x, x * 2j),
    "in place": lambda T, x: x.clone().mul_(2j).add_(x),
    "exp_": lambda T, x: x.clone().exp_(),
    "conj_physical_": lambda T, x: x.clone().conj_physical_(),
    "sgn_": lambda T, x: x.clone().sgn_(),
    "to real": lambda T, x: x.to(T.float64),
    "double": lambda T, x: x.double(),
    "log_": lambda T, x: x.clone().log_(),
    "norm inf": lambda T, x: T.norm(x, p=float("inf")),
    "normalize": lambda T, x: T.nn.functional.normalize(x, dim=1),
    "masked_scatter": lambda T, x: x.masked_scatter(x.real > 0, x.conj()),
    "conv2d": lambda T, x: T.nn.functional.conv2d(x[None, None], x[None, None, :2, :2]),
    "conv_transpose": lambda T, x: T.nn.functional.conv_transpose1d(x[None], x[:, None, :2]),
    "expit": lambda T, x: T.special.expit(x),
    "write an index": write_index,
    "write to real": set_real,
    "write through parts": write_through_parts,
    "write through complex": write_through_complex,
}
BINARY = {
    "add": lambda T, x, y: x + y,
    "sub": lambda T, x, y: x - y,
    "mul": lambda T, x, y: x * y,
    "div": lambda T, x, y: x / y,
    "pow": lambda T, x, y: x**y,
    "float_power": lambda T, x, y: T.float_power(x, y),
    "add, alpha": lambda T, x, y: T.add(x, y, alpha=2j),
    "mul_": lambda T, x, y: x.clone().mul_(y),
    "div_": lambda T, x, y: x.clone().div_(y),
    "cat": lambda T, x, y: T.cat([x, y], 1),
    "addcmul": lambda T, x, y: T.addcmul(x, x, y, value=0.5j),
    "addcdiv": lambda T, x, y: T.addcdiv(x, x, y, value=0.5),
    "outer": lambda T, x, y: T.outer(x[0], y[1]),
    "einsum": lambda T, x, y: T.einsum("ij,kj->ik", x, y),
    "squared distance": lambda T, x, y: (x - y).abs().square().mean(),
    "real of product": lambda T, x, y: (x.conj() * y).sum().real,
    "logaddexp of parts": lambda T, x, y: T.logaddexp(x.real, y.real),
}
PRODUCTS = {
    "matmul": lambda T, x, y: x @ y.T,
    "mm": lambda T, x, y: T.mm(x, y.T),
    "mv": lambda T, x, y: T.mv(x, y[0]),
    "dot": lambda T, x, y: T.dot(x[0], y[0]),
    "vdot": lambda T, x, y: T.vdot(x[0], y[0]),
    "bmm": lambda T, x, y: T.bmm(x[None], y.T[None]),
    "addmm": lambda T, x, y: T.addmm(x[:, :3], x, y.T, beta=2j, alpha=1 + 0.5j),
    "baddbmm": lambda T, x, y: T.baddbmm(x[None, :, :3], x[None], y.T[None], alpha=0.5j),
    "addmv": lambda T, x, y: T.addmv(x[:, 0], x, y[0]),
    "addr": lambda T, x, y: T.addr(x, x[:, 0], y[0]),
    "inner": lambda T, x, y: T.inner(x, y),
    "linear": lambda T, x, y: T.nn.functional.linear(x, y),
    "conv1d": lambda T, x, y: T.nn.functional.conv1d(x[None], y[None, :, :2]),
    "cross": lambda T, x, y: T.cross(x, y, dim=0),
    "lerp": lambda T, x, y: T.lerp(x, y, y),
    "where": lambda T, x, y: T.where(x.real > 0, x, y),
}


@pytest.mark.parametrize("name", UNARY)
def test_one_operand(name):
    agree(UNARY[name], X)


@pytest.mark.parametrize("name", NAMED)
def test_single_precision(name):
    agree(UNARY[name], X.astype("complex64"), double=False, rtol=2e-4)


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("pair", ["cc", "cr", "rc"])
def test_two_operands(name, pair):
    agree(BINARY[name], X if pair[0] == "c" else R, Y if pair[1] == "c" else R)


@pytest.mark.parametrize("name", PRODUCTS)
def test_products(name):
    agree(PRODUCTS[name], X, Y)


@pytest.mark.parametrize("name", ["abs", "sgn", "angle", "square", "sqrt", "conj", "real", "norm"])
def test_at_zero(name):
    agree(UNARY[name], np.zeros((2, 2), "complex128"), double=False)


def test_empty_and_scalar():
    for shape in ((0, 3), ()):
        x = np.full(shape, 1 + 2j)
        for f in (UNARY["exp"], UNARY["abs"], UNARY["angle"], UNARY["conj"], UNARY["sgn"]):
            agree(f, x, double=False)
    z = ours.zeros(0, 3, dtype=ours.complex64, requires_grad=True)
    ours.view_as_real(z).sum().backward()  # PyTorch depends on NumPy's strides of nothing here
    assert z.grad.shape == (0, 3)


def test_names_of_nodes():
    for name in "conj conj_physical polar complex view_as_real angle sgn abs".split():
        found = []
        for T in (ours, real):
            z = T.ones(2, dtype=T.complex64, requires_grad=True)
            x = T.ones(2, requires_grad=True)
            pair = name in ("polar", "complex")
            found.append((getattr(T, name)(x, x) if pair else getattr(T, name)(z)).grad_fn.name())
        assert found[0] == found[1]


def test_backward_needs_a_real_scalar():
    compare(lambda T: T.ones(1, dtype=T.complex64, requires_grad=True).sum().backward(), text=True)


@pytest.mark.parametrize(
    "call",
    [
        lambda T, x: T.polar(x, x.float()),
        lambda T, x: T.complex(x, x.float()),
        lambda T, x: T.complex(T.arange(3), T.arange(3)),
        lambda T, x: T.polar(T.arange(3), T.arange(3)),
        lambda T, x: T.polar(x.half(), x.half()),
        lambda T, x: T.complex(x, 1),
        lambda T, x: T.complex(x, x, out=T.empty(3, 4)),
        lambda T, x: T.complex(x, x, out=T.empty(3, 4, dtype=T.complex128)),
    ],
)
def test_errors(call):
    compare(call, R, grads=False, text=True)


def test_gradient_descent_and_optimisers():
    def program(T):
        target = T.tensor([1 + 1j, -2j, 0.5])
        found = []
        for make in (T.optim.SGD, T.optim.Adam, T.optim.RMSprop):
            w = T.zeros(3, dtype=T.complex64, requires_grad=True)
            opt = make([w], lr=0.1)
            for _ in range(5):
                opt.zero_grad()
                (w - target).abs().square().sum().backward()
                opt.step()
            found.append(w.detach())
        return found

    same(program(ours), program(real), rtol=1e-4)


def test_gradcheck():
    z = ours.tensor([1 + 2j, -0.5j], dtype=ours.complex128, requires_grad=True)
    assert ours.autograd.gradcheck(lambda z: (z.exp() * z.conj()).abs(), (z,))
    assert ours.autograd.gradgradcheck(lambda z: z * z.conj() + z.sgn(), (z,))

    class Wrong(ours.autograd.Function):
        @staticmethod
        def forward(ctx, z):
            return z * 2j

        @staticmethod
        def backward(ctx, g):
            return g * 2j

    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        ours.autograd.gradcheck(Wrong.apply, (z,))


def test_hooks_and_functions_see_pytorchs_gradients():
    def program(T):
        seen = []

        class Double(T.autograd.Function):
            @staticmethod
            def forward(ctx, z):
                return z * (1 + 2j)

            @staticmethod
            def backward(ctx, g):
                seen.append(g.clone())
                return g * (1 - 2j)

        z = T.tensor([1 + 1j, 2.0], requires_grad=True)
        y = z.exp()
        y.register_hook(lambda g: seen.append(g.clone()))
        Double.apply(y).abs().sum().backward()
        return [*seen, z.grad]

    same(program(ours), program(real))


def test_torch_compile():
    def f(z):
        return (z * z.conj() + z.exp()).abs().sum()

    z = ours.tensor([1 + 1j, 2.0], requires_grad=True)
    (want,) = ours.autograd.grad(f(z), z)
    (found,) = ours.autograd.grad(ours.compile(f)(z), z)
    same(found, real.from_numpy(want.numpy()), rtol=1e-5)


# ------------------------------------------------------------------------------- random programs
# None with a branch cut: a product of conjugates lies on it, but for its rounding.
STEPS = ["exp", "sin", "tanh", "conj", "sgn", "abs", "cosh", "sigmoid", "square", "reciprocal",
         "x*(1+2j)", "T", "sum of rows", "cumsum", "parts", "H", "view_as_real"]  # fmt: skip


def random_program(seed):
    rng = np.random.default_rng(seed)
    picks = [(str(rng.choice(STEPS)), int(rng.integers(3))) for _ in range(5)]

    def f(T, x, y):
        here = x
        for name, how in picks:
            if name == "view_as_real":
                here = T.view_as_complex(T.view_as_real(here * 1).flip(-1).contiguous())
            else:
                here = UNARY[name](T, here)
            if here.shape != x.shape:
                here = here.T if here.dim() == 2 else here.expand(*x.shape)
            here = here * 0.3 if how == 0 else here + y if how == 1 else here * y * 0.5j
            if not here.is_complex():
                here = here + 0.25j * y
        return here

    return f


@pytest.mark.parametrize("seed", range(12))
def test_random_programs(seed):
    agree(random_program(seed), X, Y, rtol=1e-8)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 400))
def test_many_random_programs(seed):
    agree(random_program(seed), X, Y, rtol=1e-7)
