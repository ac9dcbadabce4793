"""A walk through PyTorch: tensors, autograd, layers, losses, data, training, files, distributions.

    python -m functorch_lite.torch examples/torch_documents.py

The same file runs on PyTorch, ``python examples/torch_documents.py``, and prints the same, up
to rounding.  Each function is one stop and prints what it shows.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.utils.data import DataLoader, Dataset, TensorDataset, random_split


# -------------------------------------------------------------------------------- arrays
def tensors():
    """Create, index, join and reshape."""
    print(torch.sign(torch.tensor([0.7, -1.2, 0.0, 2.3])))
    labels = torch.tensor([0, 2, 2])
    print(torch.tensor(np.eye(3)[labels]))
    a = torch.ones((2, 3))
    print(torch.sum(a), torch.sum(a, dim=0), torch.sum(a, dim=1, keepdim=True))
    x = torch.tensor([1, 2, 3, 4])
    print(torch.unsqueeze(x, 0).shape, torch.unsqueeze(x, -1).shape)
    print(torch.cat([x, torch.tensor([5])]), torch.stack([x, x], dim=1).shape)
    print(x.view(2, -1), x.view(2, 2).t())
    t = torch.tensor([[-1, 2], [3, 10], [15, -5]])
    t.clamp_(0, 5)
    print(t)


def products():
    """Matrix products and einsum."""
    a, b = torch.tensor([[1, 2], [3, 4]]), torch.tensor([[5, 6], [7, 8]])
    print(torch.mm(a, b))
    print(torch.matmul(a, torch.tensor([1, 1])), torch.mul(a, 2))
    print(torch.einsum("ij,jk->ik", a, b), torch.einsum("ii->", a))


def probabilities():
    """Softmax, and the probability of the right class by gather."""
    logits = torch.tensor([[2.0, 1.0, 0.1], [0.5, 2.1, 1.3]])
    probs = F.softmax(logits, dim=1)
    print(probs)
    print(torch.gather(probs, dim=1, index=torch.tensor([[0], [1]])))


def gradients():
    """Backward passes, and parts that take none."""
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    loss = (x**2).sum()
    loss.backward()
    print(loss, x.grad)
    (slope,) = torch.autograd.grad((x**3).sum(), x)
    print(slope)
    with torch.no_grad():
        print((x * 2).requires_grad)


# -------------------------------------------------------------------------------- layers
class MyModel(nn.Module):
    """Two linear layers."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(10, 32), nn.Sigmoid(), nn.Linear(32, 1))

    def forward(self, x):
        return self.net(x)


class MyModelWithParam(nn.Module):
    """A parameter of one's own."""

    def __init__(self):
        super().__init__()
        self.my_param = nn.Parameter(torch.randn(10, 10))

    def forward(self, x):
        return x @ self.my_param


class Stack(nn.Module):
    """Layers and weights in lists."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv2d(1, 4, 3), nn.Conv2d(4, 8, 3)])
        self.weights = nn.ParameterList([nn.Parameter(torch.randn(3, 3)) for _ in range(2)])

    def forward(self, x):
        for layer in self.layers:
            x = F.relu(layer(x))
        for weight in self.weights:
            x = torch.matmul(x, weight)
        return x


def layers():
    """Modules print themselves, name their parameters and are called."""
    print(MyModel())
    model = MyModelWithParam()
    for name, param in model.named_parameters():
        print(name, param.size())
    print(model(torch.randn(1, 10)).shape)
    print([name for name, _ in Stack().named_parameters()])
    print(Stack()(torch.randn(2, 1, 7, 7)).shape)
    batch_norm = nn.BatchNorm2d(3)
    print(batch_norm(torch.randn(1, 3, 5, 5)).shape, batch_norm.running_var)
    dropout = nn.Dropout(p=0.5)
    print(dropout(torch.ones(2, 3)), dropout.eval()(torch.ones(3)))


def losses():
    """The losses of regression, of classes and of yes or no."""
    y_true, y_pred = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.5, 2.5, 3.5])
    print(f"MSE Loss: {nn.MSELoss()(y_pred, y_true).item()}")
    logits = torch.tensor([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
    print(f"CrossEntropyLoss: {nn.CrossEntropyLoss()(logits, torch.tensor([2, 1])).item():.6f}")
    scores, labels = torch.tensor([0.3, -1.2, 2.0]), torch.tensor([1.0, 0.0, 1.0])
    print(nn.BCELoss()(torch.sigmoid(scores), labels), nn.BCEWithLogitsLoss()(scores, labels))


# ---------------------------------------------------------------------------------- data
class Sequences(Dataset):
    """Sequences of different lengths, labelled by whether these are odd."""

    def __init__(self, lengths):
        self.lengths = lengths

    def __len__(self):
        return len(self.lengths)

    def __getitem__(self, idx):
        n = self.lengths[idx]
        return torch.arange(1.0, n + 1), n % 2


def pad(batch):
    """A batch of sequences, filled up with zeros to the longest."""
    inputs, targets = zip(*batch, strict=True)
    longest = max(len(x) for x in inputs)
    inputs = [torch.cat([x, torch.zeros(longest - len(x))]) for x in inputs]
    return torch.stack(inputs), torch.tensor(targets)


def data():
    """Batches, shuffled or padded."""
    dataset = TensorDataset(torch.randn(10, 5), torch.randint(0, 2, (10,)))
    for inputs, targets in DataLoader(dataset, batch_size=3, shuffle=True):
        print(inputs.shape, targets.shape)
    for inputs, targets in DataLoader(Sequences([2, 4, 1, 3]), batch_size=2, collate_fn=pad):
        print(inputs, targets)


# ------------------------------------------------------------------------------ training
def training(epochs):
    """Train, validate, save and load a small regression."""
    x = torch.randn(256, 10)
    y = x @ torch.linspace(-1, 1, 10).unsqueeze(1) + 0.1 * torch.randn(256, 1)
    parts = random_split(TensorDataset(x, y), [192, 64])
    train_loader = DataLoader(parts[0], batch_size=32, shuffle=True)
    valid_loader = DataLoader(parts[1], batch_size=64)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model, criterion = MyModel().to(device), nn.MSELoss()
    optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=max(1, epochs // 2), gamma=0.1)
    for epoch in range(epochs):
        model.train()
        for inputs, targets in train_loader:
            inputs, targets = inputs.to(device), targets.to(device)
            optimizer.zero_grad()
            loss = criterion(model(inputs), targets)
            loss.backward()
            optimizer.step()
        scheduler.step()
        model.eval()
        with torch.no_grad():
            ((inputs, targets),) = valid_loader
            valid = criterion(model(inputs.to(device)), targets.to(device)).item()
        print(f"Epoch {epoch + 1}, validation loss: {valid:.3f}, lr: {scheduler.get_last_lr()}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.ckpt"
        torch.save(model.state_dict(), path)
        other = MyModel().to(device)
        print(other.load_state_dict(torch.load(path)))
    print(torch.equal(model(inputs.to(device)), other(inputs.to(device))))


def optimizers():
    """One problem, several rules."""
    for make in (optim.SGD, optim.Adam, optim.Adagrad, optim.RMSprop, optim.NAdam):
        w = nn.Parameter(torch.tensor([1.0, -2.0]))
        optimizer = make([w], lr=0.05)
        for _ in range(8):
            optimizer.zero_grad()
            (w**2).sum().backward()
            optimizer.step()
        print(f"{make.__name__:8s}", w.detach())


class MyComplexModel(nn.Module):
    """Convolutions, batch norms, dropout and a parameter, for images of 28 x 28 pixels."""

    def __init__(self, width):
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
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 2)  # (N, 32, 13, 13)
        x = F.max_pool2d(F.relu(self.bn2(self.conv2(x))), 2)  # (N, 64, 5, 5)
        x = self.dropout(x)
        x = F.relu(self.fc1(x.view(x.size(0), -1)))
        return F.log_softmax(self.fc2(x @ self.custom_param), dim=1)


def convolutional_network(epochs):
    """A wrong size is named beside the right one; with this, the network trains."""
    images, labels = torch.randn(16, 1, 28, 28), torch.randint(0, 10, (16,))
    try:
        MyComplexModel(64 * 12 * 12)(images)
    except RuntimeError as error:
        print(f"RuntimeError: {error}")
    model = MyComplexModel(64 * 5 * 5)
    criterion, optimizer = nn.NLLLoss(), optim.Adam(model.parameters(), lr=0.001)
    history = []
    for _ in range(epochs):
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    print(f"loss fell: {history[-1] < 0.5 * history[0]}")


# ------------------------------------------------------------------------- distributions
def policy_gradient():
    """Two levers, of which the second pays."""
    logits = nn.Parameter(torch.zeros(2))
    optimizer = optim.SGD([logits], lr=0.5)
    for _ in range(40):
        policy = torch.distributions.Categorical(logits=logits)
        action = policy.sample()
        reward = 1.0 if action.item() == 1 else -1.0
        optimizer.zero_grad()
        (-policy.log_prob(action) * reward).backward()
        optimizer.step()
    print(torch.softmax(logits, 0).detach())


def randomness():
    """A seed, and the state of the stream, make draws repeat."""
    torch.manual_seed(42)
    print(torch.randn(3), torch.randint(0, 10, (5,)))
    state = torch.random.get_rng_state()
    first = torch.rand(2)
    torch.random.set_rng_state(state)
    print(torch.equal(first, torch.rand(2)), torch.random.initial_seed())
    print(nn.init.uniform_(torch.empty(3), -1, 1))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="fewer epochs")
    short = parser.parse_args().short
    torch.manual_seed(42)
    stops = {
        tensors: (), products: (), probabilities: (), gradients: (), layers: (), losses: (),
        data: (), training: (3 if short else 20,), optimizers: (),
        convolutional_network: (8 if short else 20,), policy_gradient: (), randomness: (),
    }  # fmt: skip
    for stop, arguments in stops.items():
        print(f"\n# {stop.__name__}")
        stop(*arguments)
    print(f"\nall {len(stops)} stops made")


if __name__ == "__main__":
    main()
