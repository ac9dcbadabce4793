"""What the documents show of training: optimisers, rates, loops, evaluation and files."""

import copy

import pytest
from side_by_side import ours, real, refusal, run


def own_network(torch):
    """The documents' network of two linear layers."""
    nn = torch.nn

    class MyModel(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Linear(10, 32), nn.Sigmoid(), nn.Linear(32, 1))

        def forward(self, x):
            return self.net(x)

    return MyModel()


def regression(torch, count=96):
    """Inputs and targets that are a linear function of them, with a little noise."""
    x = torch.randn(count, 10)
    slope = torch.linspace(-1, 1, 10).unsqueeze(1)
    return x, x @ slope + 0.1 * torch.randn(count, 1)


# ----------------------------------------------------------------------------- optimisers
OPTIMIZERS = {
    "SGD": {"lr": 0.01},
    "SGD with momentum": {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.001},
    "Adam": {"lr": 0.001, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0},
    "Adagrad": {"lr": 0.01, "lr_decay": 0, "weight_decay": 0},
    "RMSprop": {"lr": 0.01, "alpha": 0.99, "eps": 1e-8, "weight_decay": 0, "momentum": 0,
                "centered": False},
    "Adadelta": {},
    "NAdam": {"lr": 0.002},
    "ASGD": {"lr": 0.01},
    "LBFGS": {"lr": 0.5, "max_iter": 4},
}  # fmt: skip


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimiser_brings_the_loss_down(name):
    def program(torch):
        model, (x, y) = own_network(torch), regression(torch)
        kind = getattr(torch.optim, name.split()[0])
        optimizer = kind(model.parameters(), **OPTIMIZERS[name])
        criterion = torch.nn.MSELoss()

        def closure():
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            return loss

        losses = [optimizer.step(closure).item() for _ in range(12)]
        return losses, str(optimizer), [p.detach() for p in model.parameters()]

    losses, _, _ = run(program, rtol=2e-3)
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(("name", "lr"), [("SGD", 0.01), ("Adam", 0.001)])
def test_the_training_loop(name, lr):
    def program(torch):
        nn, optim = torch.nn, torch.optim

        class MyModel(nn.Module):
            def __init__(self):
                super().__init__()
                self.linear = nn.Linear(10, 1)

            def forward(self, x):
                return self.linear(x)

        model = MyModel()
        optimizer = getattr(optim, name)(model.parameters(), lr=lr)
        criterion = nn.MSELoss()
        for _ in range(100):
            optimizer.zero_grad()
            output = model(torch.randn(1, 10))
            loss = criterion(output, torch.randn(1, 1))
            loss.backward()
            optimizer.step()
        return loss, dict(model.state_dict())

    run(program)


def test_the_default_rates_are_those_of_today():
    def program(torch):
        w = [torch.zeros(1, requires_grad=True)]
        kinds = (torch.optim.SGD, torch.optim.Adam, torch.optim.Adagrad, torch.optim.RMSprop)
        return [kind(w).defaults["lr"] for kind in kinds]

    assert run(program) == [0.001, 0.001, 0.01, 0.01]


def test_sparse_adam_refuses_dense_gradients():
    def program(torch):
        w = torch.nn.Parameter(torch.ones(3))
        optimizer = torch.optim.SparseAdam([w], lr=0.1)
        w.sum().backward()
        return refusal(optimizer.step)

    kind, words = run(program)
    assert (kind, "dense gradients" in words) == ("RuntimeError", True)


def test_ftrl_makes_weights_zero():
    # PyTorch has no such optimiser, though a document lists it.
    w = ours.nn.Parameter(ours.tensor([0.5, -0.5, 0.01]))
    optimizer = ours.optim.FTRL([w], lr=0.1, l1=1.0)
    for _ in range(20):
        optimizer.zero_grad()
        ((w - ours.tensor([3.0, -3.0, 0.0])) ** 2).sum().backward()
        optimizer.step()
    assert w[0] > 0 > w[1] and w[2] == 0


def test_weight_decay_is_half_the_square_in_the_loss():
    def program(torch):
        found = []
        for decay in (0.1, 0.0):
            w = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
            optimizer = torch.optim.SGD([w], lr=0.1, weight_decay=decay)
            for _ in range(5):
                optimizer.zero_grad()
                loss = ((w - 1) ** 2).sum()
                if not decay:
                    loss = loss + 0.1 / 2 * (w**2).sum()
                loss.backward()
                optimizer.step()
            found.append(w.detach())
        return found

    by_optimizer, by_loss = run(program)
    assert by_optimizer.tolist() == pytest.approx(by_loss.tolist())


def test_an_elastic_net_shrinks_what_does_not_matter():
    def program(torch):
        x = torch.randn(60, 4)
        y = 2 * x[:, 0] - x[:, 1]
        w = torch.nn.Parameter(torch.ones(4))
        optimizer = torch.optim.SGD([w], lr=0.05)
        for _ in range(60):
            optimizer.zero_grad()
            loss = torch.nn.MSELoss()(x @ w, y) + 0.05 * w.abs().sum() + 0.01 * (w**2).sum()
            loss.backward()
            optimizer.step()
        return w

    w = run(program)
    assert w[0] > 1.5 and w[1] < -0.5
    assert w[2:].abs().max() < 0.1


# -------------------------------------------------------------------------- learning rates
SCHEDULES = {
    "LambdaLR": (lambda s, o: s.LambdaLR(o, lr_lambda=lambda epoch: 0.95**epoch),
                 [0.95**i for i in range(6)]),
    "StepLR": (lambda s, o: s.StepLR(o, step_size=2, gamma=0.1), [1, 1, 0.1, 0.1, 0.01, 0.01]),
    "MultiStepLR": (lambda s, o: s.MultiStepLR(o, milestones=[1, 4], gamma=0.1),
                    [1, 0.1, 0.1, 0.1, 0.01, 0.01]),
    "CosineAnnealingLR": (lambda s, o: s.CosineAnnealingLR(o, T_max=4),
                          [1, 0.853553, 0.5, 0.146447, 0, 0.146447]),
}  # fmt: skip


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_rate_changes_by_epochs(name):
    make, expected = SCHEDULES[name]

    def program(torch):
        w = torch.nn.Parameter(torch.ones(2))
        optimizer = torch.optim.SGD([w], lr=1.0)
        scheduler = make(torch.optim.lr_scheduler, optimizer)
        rates = []
        for _ in range(6):
            optimizer.zero_grad()
            (w**2).sum().backward()
            optimizer.step()
            rates.append(scheduler.get_last_lr()[0])
            scheduler.step()
        return rates, w

    rates, _ = run(program)
    assert rates == pytest.approx(expected, abs=1e-6)


# ----------------------------------------------------------------- the network of document 3
def complex_model(torch, width):
    """The documents' network, whose first linear layer takes ``width`` numbers."""
    nn, F = torch.nn, torch.nn.functional

    class MyComplexModel(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(1, 32, kernel_size=3)
            self.bn1 = nn.BatchNorm2d(32)
            self.conv2 = nn.Conv2d(32, 64, kernel_size=3)
            self.bn2 = nn.BatchNorm2d(64)
            self.dropout = nn.Dropout(0.25)
            self.fc1 = nn.Linear(width, 128)
            self.fc2 = nn.Linear(128, 10)
            self.custom_param = nn.Parameter(torch.randn(128, 128))

        def forward(self, x):
            x = F.relu(self.bn1(self.conv1(x)))
            x = F.max_pool2d(x, 2)
            x = F.relu(self.bn2(self.conv2(x)))
            x = F.max_pool2d(x, 2)
            x = self.dropout(x)
            x = x.view(x.size(0), -1)
            x = F.relu(self.fc1(x))
            x = x @ self.custom_param
            x = self.fc2(x)
            return F.log_softmax(x, dim=1)

    return MyComplexModel()


def test_the_network_with_the_wrong_size_names_both():
    def program(torch):
        model = complex_model(torch, 64 * 12 * 12)
        return refusal(model, torch.randn(64, 1, 28, 28)), str(model)

    (kind, words), _ = run(program)
    assert kind == "RuntimeError"
    assert words == "mat1 and mat2 shapes cannot be multiplied (64x1600 and 9216x128)"


def test_the_network_trains_once_its_size_is_right():
    def program(torch):
        model = complex_model(torch, 64 * 5 * 5)
        criterion = torch.nn.CrossEntropyLoss()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
        losses = []
        for _ in range(3):
            optimizer.zero_grad()
            output = model(torch.randn(64, 1, 28, 28))
            loss = criterion(output, torch.randint(0, 10, (64,)))
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        names = [name for name, _ in model.named_parameters()]
        return losses, names, list(output.shape), model.bn1.running_mean

    losses, names, size, _ = run(program, rtol=5e-3)
    assert size == [64, 10] and len(losses) == 3
    assert names[0] == "custom_param" and len(names) == 13


def test_the_network_learns_a_batch():
    def program(torch):
        model = complex_model(torch, 64 * 5 * 5)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
        x, y = torch.randn(16, 1, 28, 28), torch.randint(0, 10, (16,))
        losses = []
        for _ in range(12):
            optimizer.zero_grad()
            loss = torch.nn.NLLLoss()(model(x), y)  # the network ends in log_softmax itself
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses

    ours.manual_seed(42)
    losses = program(ours)
    assert losses[-1] < 0.3 * losses[0]


# --------------------------------------------------------- train, validate, test, save, load
def train(torch, model, loader, epochs):
    """The documents' training loop; the mean loss of each epoch."""
    criterion, optimizer = torch.nn.MSELoss(), torch.optim.SGD(model.parameters(), 0.1)
    history = []
    for _ in range(epochs):
        model.train()
        total = 0.0
        for x, y in loader:
            x, y = x.to("cpu"), y.to("cpu")
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(x)
        history.append(total / len(loader.dataset))
    return history


def validate(torch, model, loader):
    """The documents' validation: the mean loss, with no graph made."""
    model.eval()
    total = 0.0
    for x, y in loader:
        with torch.no_grad():
            loss = torch.nn.functional.mse_loss(model(x), y)
            assert not loss.requires_grad
        total += loss.item() * len(x)
    return total / len(loader.dataset)


def test_train_validate_and_test():
    def program(torch):
        data = torch.utils.data
        dataset = data.TensorDataset(*regression(torch))
        parts = data.random_split(dataset, [64, 16, 16])
        training, validation, test = (
            data.DataLoader(part, batch_size=16, shuffle=i == 0) for i, part in enumerate(parts)
        )
        model = own_network(torch)
        before = validate(torch, model, validation)
        history = train(torch, model, training, 5)
        after = validate(torch, model, validation)
        with torch.no_grad():
            predictions = torch.cat([model(x) for x, _ in test])
        return before, history, after, predictions, model.training

    before, history, after, predictions, training = run(program, rtol=1e-3)
    assert history[-1] < history[0] and after < before
    assert predictions.shape == (16, 1) and not predictions.requires_grad
    assert training is False


def test_no_grad_leaves_the_parameters_alone():
    def program(torch):
        model = own_network(torch)
        with torch.no_grad():
            output = model(torch.randn(2, 10))
        return output, refusal(output.sum().backward), [p.grad for p in model.parameters()]

    _, (kind, words), grads = run(program)
    assert kind == "RuntimeError" and "does not require grad" in words
    assert grads == [None] * 4


def test_save_and_load(tmp_path):
    def program(torch):
        path = tmp_path / "model.ckpt"
        model = own_network(torch)
        torch.save(model.state_dict(), path)
        other = own_network(torch)
        ckpt = torch.load(path)
        matched = other.load_state_dict(ckpt)
        x = torch.randn(3, 10)
        return model(x), other(x), str(matched), list(ckpt)

    first, second, matched, names = run(program)
    assert first.tolist() == second.tolist()
    assert matched == "<All keys matched successfully>"
    assert names == ["net.0.weight", "net.0.bias", "net.2.weight", "net.2.bias"]


def test_each_library_loads_the_others_model(tmp_path):
    if real is None:
        pytest.skip("needs PyTorch")
    for writer, reader in ((ours, real), (real, ours)):
        path = tmp_path / "model.ckpt"
        written, read = own_network(writer), own_network(reader)
        writer.save(written.state_dict(), path)
        read.load_state_dict(reader.load(path))
        x = [[0.1 * i for i in range(10)]]
        found, expected = read(reader.tensor(x)).item(), written(writer.tensor(x)).item()
        assert found == pytest.approx(expected, rel=1e-5)


def test_training_goes_on_from_the_states():
    def program(torch):
        def steps(model, optimizer, count):
            for _ in range(count):
                optimizer.zero_grad()
                torch.nn.functional.mse_loss(model(x), y).backward()
                optimizer.step()

        x, y = regression(torch)
        model = own_network(torch)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        steps(model, optimizer, 3)
        other = own_network(torch)
        other.load_state_dict(model.state_dict())
        resumed = torch.optim.Adam(other.parameters())
        resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
        steps(model, optimizer, 3)
        steps(other, resumed, 3)
        return dict(model.state_dict()), dict(other.state_dict())

    straight, with_a_break = run(program, rtol=1e-3)
    assert all(ours.equal(straight[name], with_a_break[name]) for name in straight)
