"""Each linear layer, activation, dropout and loss as a module, beside PyTorch's."""

import copy
import inspect

import numpy as np
import pytest
from oracle import ours, real, same, to_ours, to_real
from program_checks import agree, outcome

rng = np.random.default_rng(0)


def normal(*shape):
    return rng.normal(size=shape).astype(np.float32)


def away(*shape):
    """Numbers that are on no corner of an activation."""
    return (np.round(rng.uniform(-8, 8, shape) * 4) / 4 + 0.11).astype(np.float32)


def chances(*shape):
    return rng.uniform(0.1, 0.9, shape).astype(np.float32)


def signs(*shape):
    return rng.choice([-1.0, 1.0], shape).astype(np.float32)


def classes(*shape, n=4):
    return rng.integers(0, n, shape)


class Case:
    """A way to make a module, and what to call it with."""

    def __init__(self, name, *inputs, args=(), train=True, **kwargs):
        self.name, self.inputs, self.args, self.kwargs = name, inputs, args, kwargs
        self.train = train

    def __repr__(self):
        words = [repr(a) for a in self.args] + [f"{k}={v}" for k, v in self.kwargs.items()]
        return f"{self.name}({', '.join(words)}){'' if self.train else '.eval()'}"

    def make(self, T):
        T.manual_seed(3)
        convert = to_real if T is real else to_ours

        def given(a):
            if isinstance(a, np.ndarray):
                return convert(a)
            return getattr(T, str(a)[6:]) if isinstance(a, real.dtype) else a

        args = [given(a) for a in self.args]
        m = getattr(T.nn, self.name)(*args, **{k: given(v) for k, v in self.kwargs.items()})
        return m.train(self.train)

    def run(self, T):
        """Everything that is to be the same."""
        m = self.make(T)
        convert = to_real if T is real else to_ours
        leaves = []
        for a in self.inputs:
            t = convert(a) if isinstance(a, np.ndarray) else a
            if isinstance(a, np.ndarray) and a.dtype.kind == "f" and self.wants(a):
                t.requires_grad_()
            leaves.append(t)
        inputs = [t * 1 if getattr(t, "requires_grad", False) else t for t in leaves]
        out = m(*inputs)
        if out.requires_grad:
            out.square().sum().backward()
        grads = [getattr(t, "grad", None) for t in (*leaves, *m.parameters())]
        state = m.state_dict()
        return repr(m), list(state), list(state.values()), out, grads, type(m).__module__

    def wants(self, a):
        """Whether the gradient is asked for: losses have none of some targets."""
        return a is self.inputs[0] or self.name in ("Bilinear", "MSELoss", "L1Loss")


X = away(3, 4)
IMAGE = away(2, 3, 4, 5)
PROBABLE = chances(3, 4)
LAYERS = [
    Case("Identity", X, args=(1, 2)),
    Case("Linear", X, args=(4, 3)),
    Case("Linear", X, args=(4, 3, False)),
    Case("Linear", away(2, 3, 4), args=(4, 2)),
    Case("Linear", X.astype(np.float64), args=(4, 2), dtype=real.float64),
    Case("Linear", X[0], in_features=4, out_features=1, device="cpu"),
    Case("Bilinear", X, away(3, 2), args=(4, 2, 5)),
    Case("Bilinear", X, away(3, 2), args=(4, 2, 5), bias=False),
    Case("LazyLinear", X, args=(3,)),
    Case("LazyLinear", X, args=(3, False)),
    Case("Flatten", IMAGE),
    Case("Flatten", IMAGE, args=(0, 2)),
    Case("Unflatten", X, args=(1, (2, 2))),
    Case("Unflatten", X, args=(-1, [2, -1])),
    Case("PairwiseDistance", X, away(3, 4), p=1.0, keepdim=True),
    Case("CosineSimilarity", X, away(3, 4), dim=0),
]
ACTIVATIONS = [
    Case("Threshold", X, args=(0.5, 2.0)),
    Case("Threshold", X, args=(0.5, 2.0, True)),
    *[Case(name, X) for name in (
        "ReLU", "ReLU6", "Hardtanh", "LeakyReLU", "PReLU", "Hardshrink", "Softshrink", "Sigmoid",
        "Tanh", "LogSigmoid", "Softsign", "Tanhshrink", "Hardsigmoid", "Softplus", "SiLU", "Mish",
        "Hardswish", "SELU", "ELU", "CELU", "GELU", "GLU",
    )],
    *[Case(name, X, inplace=True) for name in (
        "ReLU", "ReLU6", "Hardtanh", "LeakyReLU", "Hardsigmoid", "SiLU", "Mish", "Hardswish",
        "SELU", "ELU", "CELU",
    )],
    Case("Hardtanh", X, args=(-2, 3)),
    Case("LeakyReLU", X, args=(0.2,)),
    Case("PReLU", IMAGE, num_parameters=3, init=0.1),
    Case("Hardshrink", X, args=(1,)),
    Case("Softshrink", X, args=(1,)),
    Case("Softplus", X, args=(2, 3)),
    Case("ELU", X, alpha=2),
    Case("CELU", X, alpha=2.5),
    Case("GELU", X, approximate="tanh"),
    Case("GLU", X, dim=1),
    Case("RReLU", X, train=False),
    Case("RReLU", X, args=(0.2, 0.2)),
    Case("RReLU", X, args=(0.2, 0.2, True)),
    Case("Softmax", X, dim=0),
    Case("Softmin", X, dim=-1),
    Case("LogSoftmax", X, dim=1),
    Case("Softmax2d", IMAGE),
    Case("Softmax2d", IMAGE[0]),
]  # fmt: skip
DROPOUTS = [
    Case(name, x, p=0.3, train=train)
    for name, x in {
        "Dropout": X, "Dropout1d": away(2, 3, 4), "Dropout2d": IMAGE,
        "Dropout3d": away(2, 3, 2, 2, 2), "AlphaDropout": X, "FeatureAlphaDropout": IMAGE,
    }.items()
    for train in (True, False)
] + [Case("Dropout", X, inplace=True), Case("AlphaDropout", X, inplace=True)]  # fmt: skip
LOGS = np.log(PROBABLE)
LOSSES = [
    Case(name, *inputs, reduction=reduction, **kwargs)
    for name, *inputs, kwargs in (
        ("L1Loss", X, normal(3, 4), {}),
        ("MSELoss", X, normal(3, 4), {}),
        ("SmoothL1Loss", X, normal(3, 4), {"beta": 2.0}),
        ("HuberLoss", X, normal(3, 4), {"delta": 2.0}),
        ("PoissonNLLLoss", normal(3, 4), PROBABLE, {}),
        ("PoissonNLLLoss", PROBABLE, PROBABLE * 9, {"log_input": False, "full": True}),
        ("GaussianNLLLoss", X, normal(3, 4), PROBABLE, {"full": True}),
        ("KLDivLoss", LOGS, PROBABLE, {}),
        ("KLDivLoss", LOGS, LOGS - 1, {"log_target": True}),
        ("BCELoss", PROBABLE, chances(3, 4), {}),
        ("BCELoss", PROBABLE, chances(3, 4), {"weight": chances(3, 4)}),
        ("BCEWithLogitsLoss", X, chances(3, 4), {"weight": chances(4), "pos_weight": chances(4)}),
        ("SoftMarginLoss", normal(3, 4), signs(3, 4), {}),
        ("NLLLoss", LOGS, classes(3), {"weight": chances(4), "ignore_index": 1}),
        ("CrossEntropyLoss", X, classes(3), {"weight": chances(4), "label_smoothing": 0.1}),
        ("CrossEntropyLoss", IMAGE, classes(2, 4, 5, n=3), {"ignore_index": 1}),
        ("MultiLabelMarginLoss", X, np.array([[0, 2, -1, 0]] * 3), {}),
        (
            "MultiLabelSoftMarginLoss",
            X,
            classes(3, 4, n=2).astype(np.float32),
            {"weight": chances(4)},
        ),
        ("MultiMarginLoss", X, classes(3), {"p": 2, "margin": 0.5, "weight": chances(4)}),
        ("HingeEmbeddingLoss", X, signs(3, 4), {"margin": 2.0}),
        ("CosineEmbeddingLoss", X, normal(3, 4), signs(3), {"margin": 0.2}),
        ("MarginRankingLoss", X, normal(3, 4), signs(3, 4), {"margin": 0.2}),
        ("TripletMarginLoss", X, normal(3, 4), normal(3, 4), {"margin": 5.0, "swap": True}),
        ("TripletMarginWithDistanceLoss", X, normal(3, 4), normal(3, 4), {"margin": 5.0}),
    )
    for reduction in ("mean", "sum", "none")
]


@pytest.mark.parametrize("case", [*LAYERS, *ACTIVATIONS, *DROPOUTS, *LOSSES], ids=repr)
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
def test_modules(case):
    mine, theirs = case.run(ours), case.run(real)
    *mine, my_grads, my_module = mine
    *theirs, their_grads, their_module = theirs
    same(mine, theirs)
    same(my_grads, their_grads, "gradients", strides=False)
    assert my_module == their_module


def test_every_module_of_these_files_is_tried():
    tried = {case.name for case in (*LAYERS, *ACTIVATIONS, *DROPOUTS, *LOSSES)} | {"NLLLoss2d"}
    modules = ours.nn.modules
    for file in (modules.activation, modules.dropout, modules.flatten, modules.linear):
        assert set(file.__all__) - {"MultiheadAttention"} <= tried
    assert set(modules.loss.__all__) - {"CTCLoss", "LinearCrossEntropyLoss"} <= tried


@pytest.mark.parametrize("case", [*LAYERS, *ACTIVATIONS, *DROPOUTS, *LOSSES[::3]], ids=repr)
def test_attributes_and_copies(case):
    def seen(T):
        m = case.make(T)
        space = {k: v for k, v in vars(m).items() if k[0] != "_" and not callable(v)}
        return sorted(space.items()), copy.deepcopy(m)

    agree(seen)


def names(signature):
    return [
        (p.name, p.kind, p.default if isinstance(p.default, (int, float, str)) else None)
        for p in inspect.signature(signature).parameters.values()
    ]


@pytest.mark.parametrize("name", sorted({case.name for case in LAYERS + ACTIVATIONS + LOSSES}))
def test_arguments_have_pytorchs_names(name):
    mine, theirs = getattr(ours.nn, name), getattr(real.nn, name)
    assert names(mine.__init__) == names(theirs.__init__)
    assert names(mine.forward) == names(theirs.forward)


WORDS = {
    "dropout": lambda T: T.nn.Dropout(2),
    "dropout below": lambda T: T.nn.Dropout1d(-1),
    "softmax": lambda T: T.nn.Softmax()(T.zeros(2)),
    "softmin": lambda T: T.nn.Softmin()(T.zeros(2, 2)),
    "log_softmax": lambda T: T.nn.LogSoftmax()(T.zeros(2, 2, 2)),
    "softmax2d": lambda T: T.nn.Softmax2d()(T.zeros(2)),
    "hardtanh": lambda T: T.nn.Hardtanh(1, 0),
    "hardtanh old names": lambda T: T.nn.Hardtanh(min_value=1, max_value=2),
    "unflatten": lambda T: T.nn.Unflatten(1, 3),
    "unflatten part": lambda T: T.nn.Unflatten(1, (1, "a")),
    "size_average": lambda T: T.nn.MSELoss(size_average=False).reduction,
    "reduce": lambda T: T.nn.L1Loss(None, False).reduction,
    "reduce and average": lambda T: T.nn.BCELoss(None, True, True).reduction,
    "reduction": lambda T: T.nn.L1Loss(reduction="foo")(T.zeros(1), T.zeros(1)),
    "nll 2d": lambda T: T.nn.NLLLoss2d(),
    "multi margin": lambda T: T.nn.MultiMarginLoss(p=3),
    "multi margin weight": lambda T: T.nn.MultiMarginLoss(weight=T.zeros(2, 2)),
    "triplet": lambda T: T.nn.TripletMarginLoss(margin=-1),
    "triplet distance": lambda T: T.nn.TripletMarginWithDistanceLoss(margin=0),
    "bilinear": lambda T: T.nn.Bilinear(0, 1, 1),
    "linear without inputs": lambda T: T.nn.Linear(0, 3),
    "linear without outputs": lambda T: T.nn.Linear(3, 0),
    "linear shapes": lambda T: T.nn.Linear(3, 2)(T.zeros(2, 4)),
    "no state": lambda T: T.nn.BCEWithLogitsLoss().state_dict(),
    "distance": lambda T: T.nn.TripletMarginWithDistanceLoss(distance_function=T.nn.L1Loss()),
    "arguments": lambda T: T.nn.Tanh(3),
    "linear arguments": lambda T: T.nn.Linear(3),
    "gelu": lambda T: T.nn.GELU("foo")(T.zeros(1)),
    "orthogonal bfloat16": lambda T: T.nn.init.orthogonal_(T.zeros(2, 2, dtype=T.bfloat16)),
    "orthogonal complex": lambda T: T.nn.init.orthogonal_(T.zeros(2, 2, dtype=T.complex64)),
}


@pytest.mark.parametrize("name", WORDS)
def test_words(name):
    agree(WORDS[name])


def test_a_warning_about_softmax_points_at_the_script():
    def lines(T):
        import warnings

        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            T.nn.Softmax()(T.zeros(2))
        return [w.filename for w in seen]

    assert lines(ours) == [__file__]


def test_training_steps():
    """Several steps of plain descent, with dropout: the losses are PyTorch's."""

    def program(T):
        T.manual_seed(0)
        m = T.nn.Sequential(
            T.nn.Linear(4, 8), T.nn.GELU(), T.nn.Dropout(0.2), T.nn.Linear(8, 3),
            T.nn.LogSoftmax(dim=1),
        )  # fmt: skip
        x, y = T.randn(16, 4), T.randint(0, 3, (16,))
        losses = []
        for _ in range(5):
            loss = T.nn.NLLLoss()(m(x), y)
            m.zero_grad()
            loss.backward()
            with T.no_grad():
                for p in m.parameters():
                    p -= 0.1 * p.grad
            losses.append(loss.item())
        return losses, m.state_dict()

    agree(program)
    assert outcome(program, ours)[1] == []
