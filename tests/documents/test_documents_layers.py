"""What the documents show of layers, losses, activations, containers and parameters."""

import math

import pytest
from side_by_side import refusal, run

import functorch_lite.torch as torch
from functorch_lite.torch import nn


# ------------------------------------------------------------------------------ nn.Module
def test_the_first_model():
    def program(torch):
        nn = torch.nn

        class MyModel(nn.Module):
            def __init__(self):
                super(MyModel, self).__init__()  # noqa: UP008 (as the document writes it)
                self.linear = nn.Linear(10, 1)

            def forward(self, x):
                return self.linear(x)

        model = MyModel()
        return str(model), [p.size() for p in model.parameters()], model(torch.randn(4, 10))

    text, sizes, output = run(program)
    assert text == (
        "MyModel(\n  (linear): Linear(in_features=10, out_features=1, bias=True)\n)"
    )  # fmt: skip
    assert sizes == [(1, 10), (1,)]
    assert output.shape == (4, 1)


def test_a_model_without_forward_says_so():
    kind, words = run(lambda torch: refusal(torch.nn.Module(), 1))
    assert kind == "NotImplementedError"
    assert 'Module [Module] is missing the required "forward" function' in words


# --------------------------------------------------------------------------------- layers
LAYERS = {
    "linear": (lambda nn: nn.Linear(10, 5), (1, 10), (1, 5)),
    "conv": (lambda nn: nn.Conv2d(in_channels=1, out_channels=3, kernel_size=3), (1, 1, 5, 5),
             (1, 3, 3, 3)),
    "pool": (lambda nn: nn.MaxPool2d(kernel_size=2), (1, 1, 4, 4), (1, 1, 2, 2)),
    "relu": (lambda nn: nn.ReLU(), (2,), (2,)),
    "sigmoid": (lambda nn: nn.Sigmoid(), (2, 3), (2, 3)),
    "tanh": (lambda nn: nn.Tanh(), (2, 3), (2, 3)),
    "batch_norm": (lambda nn: nn.BatchNorm2d(3), (1, 3, 5, 5), (1, 3, 5, 5)),
    "dropout": (lambda nn: nn.Dropout(p=0.5), (2, 3), (2, 3)),
    "sequential": (lambda nn: nn.Sequential(nn.Linear(10, 20), nn.ReLU(), nn.Linear(20, 5)),
                   (1, 10), (1, 5)),
    "own_network": (lambda nn: nn.Sequential(nn.Linear(10, 32), nn.Sigmoid(), nn.Linear(32, 1)),
                    (7, 10), (7, 1)),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name):
    make, size, expected = LAYERS[name]

    def program(torch):
        layer = make(torch.nn)
        output = layer(torch.randn(*size))
        return str(layer), output, str(output)

    _, output, _ = run(program)
    assert output.shape == expected


@pytest.mark.parametrize("lead", [(), (7,), (5, 7)])
def test_a_linear_layer_takes_any_leading_sizes(lead):
    def program(torch):
        layer = torch.nn.Linear(32, 64)
        x = torch.randn(*lead, 32)
        return layer(x), x @ layer.weight.T + layer.bias, layer.weight.shape, layer.bias.shape

    output, by_hand, weight, bias = run(program)
    assert output.shape == (*lead, 64)
    assert torch.allclose(output, by_hand, atol=1e-6)
    assert (weight, bias) == ((64, 32), (64,))


def test_batch_norm_normalises_a_batch_and_remembers_it():
    def program(torch):
        layer = torch.nn.BatchNorm2d(3)
        x = 3 * torch.randn(8, 3, 5, 5) + 2
        trained = layer(x)
        layer.eval()
        return trained, layer(x), dict(layer.state_dict())

    trained, evaluated, state = run(program)
    assert trained.mean(dim=(0, 2, 3)).tolist() == pytest.approx([0, 0, 0], abs=1e-5)
    assert trained.var(dim=(0, 2, 3), correction=0).tolist() == pytest.approx([1, 1, 1], rel=1e-3)
    assert state["num_batches_tracked"] == 1
    assert not torch.allclose(trained, evaluated)


def test_dropout_and_eval():
    def program(torch):
        layer = torch.nn.Dropout(p=0.5)
        x = torch.ones(50)
        return layer(x), layer.eval()(x)

    trained, evaluated = run(program)
    assert set(trained.tolist()) == {0.0, 2.0}
    assert evaluated.tolist() == [1.0] * 50


# --------------------------------------------------------------------------------- losses
def test_mean_squared_error():
    def program(torch):
        y_true = torch.tensor([1.0, 2.0, 3.0])
        y_pred = torch.tensor([1.5, 2.5, 3.5])
        loss = torch.nn.MSELoss()(y_pred, y_true)
        rest = [torch.nn.MSELoss(reduction=how)(y_pred, y_true) for how in ("sum", "none")]
        return f"MSE Loss: {loss.item()}", rest, torch.nn.L1Loss()(y_pred, y_true)

    text, (total, each), absolute = run(program)
    assert text == "MSE Loss: 0.25"
    assert (total.item(), each.tolist(), absolute.item()) == (0.75, [0.25] * 3, 0.5)


def test_an_outlier_weighs_more_in_squares():
    y_true, y_pred = torch.zeros(4), torch.tensor([0.1, 0.1, 0.1, 10.0])
    squares, sizes = nn.MSELoss(reduction="none"), nn.L1Loss(reduction="none")
    share = [(f(y_pred, y_true)[3] / f(y_pred, y_true).sum()).item() for f in (squares, sizes)]
    assert share[0] > 0.999 > share[1]


def test_losses_of_random_predictions():
    def program(torch):
        mse = torch.nn.MSELoss()(torch.randn(3, 5), torch.randn(3, 5))
        cross = torch.nn.CrossEntropyLoss()(torch.randn(3, 5), torch.tensor([1, 0, 4]))
        return mse, str(mse), cross, str(cross)

    mse, _, cross, _ = run(program)
    assert mse.dim() == cross.dim() == 0


def test_cross_entropy_applies_the_softmax():
    def program(torch):
        criterion = torch.nn.CrossEntropyLoss()
        y_pred = torch.tensor([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
        y_true = torch.tensor([2, 1])
        loss = criterion(y_pred, y_true)
        by_hand = torch.nn.NLLLoss()(torch.nn.LogSoftmax(dim=1)(y_pred), y_true)
        return f"CrossEntropyLoss: {loss.item():.6f}", loss, by_hand

    text, loss, by_hand = run(program)
    total = math.log(sum(math.exp(v) for v in (1, 2, 3)))
    assert text == "CrossEntropyLoss: 0.907606"
    assert loss.item() == pytest.approx(total - 2.5)
    assert by_hand.item() == pytest.approx(loss.item())


def test_binary_cross_entropy():
    def program(torch):
        nn = torch.nn
        logits = torch.tensor([0.3, -1.2, 2.0])
        labels = torch.tensor([1.0, 0.0, 1.0])
        outside = refusal(nn.BCELoss(), logits, labels)
        losses = nn.BCELoss()(nn.Sigmoid()(logits), labels), nn.BCEWithLogitsLoss()(logits, labels)
        return outside, losses

    (kind, words), (plain, with_logits) = run(program)
    assert (kind, "between 0 and 1" in words) == ("RuntimeError", True)
    assert plain.item() == pytest.approx(with_logits.item())


# ---------------------------------------------------------------------------- activations
def test_sigmoid_is_called_on_an_instance():
    def program(torch):
        nn = torch.nn
        layer, x = nn.Linear(3, 1), torch.randn(2, 3)
        output = nn.Sigmoid()(layer(x))
        return refusal(nn.Sigmoid, layer(x)), output, torch.sigmoid(layer(x))

    (kind, _), output, as_function = run(program)
    assert kind == "TypeError"
    assert torch.equal(output, as_function)
    assert ((output > 0) & (output < 1)).all()


def test_sigmoid_saturates_and_relu_does_not():
    def program(torch):
        found = []
        for layer in (torch.nn.Sigmoid(), torch.nn.ReLU(), torch.nn.Tanh()):
            x = torch.tensor([-20.0, 0.0, 20.0], requires_grad=True)
            layer(x).sum().backward()
            found.append(x.grad)
        return found

    sigmoid, relu, tanh = run(program)
    assert sigmoid.tolist() == pytest.approx([0, 0.25, 0], abs=1e-7)
    assert relu.tolist() == [0, 0, 1]
    assert tanh.tolist() == pytest.approx([0, 1, 0], abs=1e-7)


def test_softmax_by_columns_and_rows():
    def program(torch):
        nn = torch.nn
        rows = torch.tensor([[1.0, 2, 3], [4, 5, 6]])
        outputs = [nn.Softmax(dim=dim)(rows) for dim in (0, 1, -1)]
        kind, words = refusal(nn.Softmax, dtype=torch.float64)
        return outputs, (kind, "argument 'dtype'" in words), torch.softmax(rows, dim=1)

    (columns, rows, last), refused, as_function = run(program)
    assert str(columns) == (
        "tensor([[0.0474, 0.0474, 0.0474],\n        [0.9526, 0.9526, 0.9526]])"
    )  # fmt: skip
    assert str(rows) == "tensor([[0.0900, 0.2447, 0.6652],\n        [0.0900, 0.2447, 0.6652]])"
    assert torch.equal(rows, last) and torch.equal(rows, as_function)
    assert refused == ("TypeError", True)


def test_the_probability_of_the_right_class():
    def program(torch):
        logits = torch.tensor([[2.0, 1.0, 0.1], [0.5, 2.1, 1.3]])
        probs = torch.nn.Softmax(dim=1)(logits)
        return probs, torch.gather(probs, dim=1, index=torch.tensor([[0], [1]]))

    probs, selected = run(program)
    assert str(probs[0]) == "tensor([0.6590, 0.2424, 0.0986])"
    assert str(probs[1]) == "tensor([0.1223, 0.6056, 0.2721])"
    assert selected.flatten().tolist() == [probs[0, 0].item(), probs[1, 1].item()]


# ------------------------------------------------------------------ containers, parameters
def test_a_module_list_is_walked():
    def program(torch):
        nn = torch.nn
        layers = nn.ModuleList([nn.Linear(10, 20), nn.ReLU(), nn.Linear(20, 5)])
        x = torch.randn(1, 10)
        for layer in layers:
            x = layer(x)
        return x, str(layers), [name for name, _ in layers.named_parameters()]

    x, _, names = run(program)
    assert x.shape == (1, 5)
    assert names == ["0.weight", "0.bias", "2.weight", "2.bias"]


def test_a_module_list_registers_and_a_plain_list_does_not():
    def program(torch):
        nn = torch.nn

        class ExampleModel(nn.Module):
            def __init__(self, container):
                super().__init__()
                self.layers = container([nn.Conv2d(1, 32, 3), nn.Conv2d(32, 64, 3)])

            def forward(self, x):
                for layer in self.layers:
                    x = layer(x)
                return x

        model = ExampleModel(nn.ModuleList)
        output = model(torch.randn(2, 1, 8, 8))
        in_a_list = ExampleModel(list)
        counts = [len(list(m.parameters())) for m in (model, in_a_list)]
        return output, str(model), counts

    output, _, counts = run(program)
    assert output.shape == (2, 64, 4, 4)
    assert counts == [4, 0]


def test_a_parameter_list():
    def program(torch):
        nn = torch.nn

        class ExampleModel(nn.Module):
            def __init__(self):
                super().__init__()
                self.weights = nn.ParameterList([nn.Parameter(torch.randn(3, 3)) for _ in range(5)])

            def forward(self, x):
                for weight in self.weights:
                    x = torch.matmul(x, weight)
                return x

        model = ExampleModel()
        output = model(torch.randn(2, 3))
        output.sum().backward()
        return output, str(model), {name: p.grad for name, p in model.named_parameters()}

    _, _, grads = run(program)
    assert list(grads) == [f"weights.{i}" for i in range(5)]


def test_a_parameter_of_ones_own():
    def program(torch):
        nn = torch.nn

        class MyModelWithParam(nn.Module):
            def __init__(self):
                super(MyModelWithParam, self).__init__()  # noqa: UP008 (as the document does)
                self.my_param = nn.Parameter(torch.randn(10, 10))

            def forward(self, x):
                return x @ self.my_param

        model = MyModelWithParam()
        output = model(torch.randn(1, 10))
        named = [f"{name} {param.size()}" for name, param in model.named_parameters()]
        return str(output), named, isinstance(model.my_param, torch.Tensor)

    text, named, is_tensor = run(program)
    assert "grad_fn=<MmBackward0>" in text
    assert named == ["my_param torch.Size([10, 10])"]
    assert is_tensor
