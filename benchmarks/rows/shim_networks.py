"""Training steps of the PyTorch-shaped package beside PyTorch: the same modules, the same lines."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.record import Builder, Inputs, Sizes, Step, StepRow

__all__ = ["ROWS"]

Wrap = Callable[[Any], Any]
Make = Callable[[Any, Sizes, dict[str, Any], Wrap], Step]


def as_it_is(model: Any) -> Any:
    return model


def builders(make: Make, *, compiled: bool) -> dict[str, Builder]:
    """Of ``make(torch, sizes, inputs, wrap)``: our package beside PyTorch, eager both.

    Args:
        compiled: ours runs under our ``torch.compile``, beside PyTorch eager *and* compiled.
    """

    def ours(k: Any, sizes: Sizes, x: dict[str, Any]) -> Step:
        shim = importlib.import_module("functorch_lite.torch")
        tensors = {name: shim.from_numpy(np.array(v)) for name, v in x.items()}
        return make(shim, sizes, tensors, shim.compile if compiled else as_it_is)

    def theirs(k: Any, sizes: Sizes, x: dict[str, Any]) -> Step:
        return make(k.torch, sizes, x, k.compile)  # as it is, unless the kit is the compiling one

    return {"ours": ours, "torch": theirs} | ({"compile": theirs} if compiled else {})


def training_step(model: Any, optimizer: Any, loss_of: Callable[[], Any]) -> Step:
    """One step; its result is the loss."""

    def step() -> Any:
        optimizer.zero_grad()
        loss = loss_of()
        loss.backward()
        optimizer.step()
        return loss

    return step


def images(sizes: Sizes, rng: np.random.Generator) -> Inputs:
    return {
        "x": rng.uniform(0, 1, (sizes["batch"], sizes["features"])).astype(np.float32),
        "y": rng.integers(0, sizes["classes"], sizes["batch"], dtype=np.int64),
    }


def perceptron(torch: Any, sizes: Sizes, x: dict[str, Any], wrap: Wrap) -> Step:
    nn = torch.nn
    torch.manual_seed(0)
    layers: list[Any] = [nn.Linear(sizes["features"], sizes["hidden"]), nn.ReLU()]
    if "hidden2" in sizes:
        layers += [nn.Linear(sizes["hidden"], sizes["hidden2"]), nn.ReLU()]
    last = sizes.get("hidden2", sizes["hidden"])
    model = wrap(nn.Sequential(*layers, nn.Linear(last, sizes["classes"])))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    criterion = nn.CrossEntropyLoss()
    return training_step(model, optimizer, lambda: criterion(model(x["x"]), x["y"]))


def convolutional(torch: Any, sizes: Sizes, x: dict[str, Any], wrap: Wrap) -> Step:
    nn = torch.nn
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32 * (sizes["side"] // 4) ** 2, 10),
    )  # fmt: skip
    model = wrap(net)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    side = sizes["side"]
    pictures = x["x"].reshape(-1, 1, side, side)
    criterion = nn.CrossEntropyLoss()
    return training_step(model, optimizer, lambda: criterion(model(pictures), x["y"]))


def residual(torch: Any, sizes: Sizes, x: dict[str, Any], wrap: Wrap) -> Step:
    nn, F = torch.nn, torch.nn.functional
    torch.manual_seed(0)

    class Block(nn.Module):  # type: ignore[name-defined]
        def __init__(self, inputs: int, width: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
            self.norm1 = nn.BatchNorm2d(width)
            self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
            self.norm2 = nn.BatchNorm2d(width)
            self.shortcut = nn.Sequential()
            if stride != 1 or inputs != width:
                narrow = nn.Conv2d(inputs, width, 1, stride, bias=False)
                self.shortcut = nn.Sequential(narrow, nn.BatchNorm2d(width))

        def forward(self, h: Any) -> Any:
            out = F.relu(self.norm1(self.conv1(h)))
            return F.relu(self.norm2(self.conv2(out)) + self.shortcut(h))

    width, side = sizes["width"], sizes["side"]
    stem = nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
    blocks = Block(width, width, 1), Block(width, 2 * width, 2), Block(2 * width, 4 * width, 2)
    head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, sizes["classes"])
    model = wrap(nn.Sequential(*stem, *blocks, *head))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    pictures = x["x"].reshape(-1, 3, side, side)
    criterion = nn.CrossEntropyLoss()
    return training_step(model, optimizer, lambda: criterion(model(pictures), x["y"]))


def tokens(sizes: Sizes, rng: np.random.Generator) -> Inputs:
    shape = sizes["batch"], sizes["length"]
    return {n: rng.integers(0, sizes["vocabulary"], shape, dtype=np.int64) for n in ("x", "y")}


def gpt(torch: Any, sizes: Sizes, x: dict[str, Any], wrap: Wrap) -> Step:
    nn, F = torch.nn, torch.nn.functional
    torch.manual_seed(0)
    width, heads, length = sizes["width"], sizes["heads"], sizes["length"]

    class Block(nn.Module):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.LayerNorm(width), nn.LayerNorm(width)
            self.attend, self.project = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

        def forward(self, h: Any) -> Any:
            b, t, c = h.shape
            q, k, v = self.attend(self.one(h)).split(c, dim=2)
            q, k, v = (p.view(b, t, heads, c // heads).transpose(1, 2) for p in (q, k, v))
            a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            h = h + self.project(a.transpose(1, 2).contiguous().view(b, t, c))
            return h + self.down(F.gelu(self.up(self.two(h))))

    class GPT(nn.Module):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.token = nn.Embedding(sizes["vocabulary"], width)
            self.place = nn.Embedding(length, width)
            self.blocks = nn.ModuleList([Block() for _ in range(sizes["layers"])])
            self.norm = nn.LayerNorm(width)
            self.head = nn.Linear(width, sizes["vocabulary"], bias=False)

        def forward(self, ids: Any) -> Any:
            h = self.token(ids) + self.place(torch.arange(length))
            for block in self.blocks:
                h = block(h)
            return self.head(self.norm(h))

    model = wrap(GPT())
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

    def loss_of() -> Any:
        return F.cross_entropy(model(x["x"]).view(-1, sizes["vocabulary"]), x["y"].view(-1))

    return training_step(model, optimizer, loss_of)


def lstm(torch: Any, sizes: Sizes, x: dict[str, Any], wrap: Wrap) -> Step:
    nn = torch.nn
    torch.manual_seed(0)
    vocabulary, width = sizes["vocabulary"], sizes["width"]

    class Model(nn.Module):  # type: ignore[name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.token = nn.Embedding(vocabulary, width)
            self.lstm = nn.LSTM(width, width, batch_first=True)
            self.head = nn.Linear(width, vocabulary)

        def forward(self, ids: Any) -> Any:
            return self.head(self.lstm(self.token(ids))[0])

    model = wrap(Model())
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    criterion = nn.CrossEntropyLoss()

    def loss_of() -> Any:
        return criterion(model(x["x"]).view(-1, vocabulary), x["y"].view(-1))

    return training_step(model, optimizer, loss_of)


def row(
    name: str, about: str, sizes: dict[str, int], tiny: dict[str, int], inputs: Any, make: Make,
    goal: float | None, *, compiled: bool = False,
) -> StepRow:  # fmt: skip
    return StepRow(
        f"shim_{name}", about, sizes=sizes, tiny=tiny, inputs=inputs,
        builders=builders(make, compiled=compiled), goal=goal,
    )  # fmt: skip


_SMALL = {"batch": 16, "features": 10, "hidden": 32, "classes": 2}
_WIDE = {"batch": 128, "features": 784, "hidden": 512, "hidden2": 256, "classes": 10}
_WIDE_TINY = {"batch": 4, "features": 8, "hidden": 8, "hidden2": 6, "classes": 3}
_CNN = {"batch": 64, "side": 28, "features": 784, "classes": 10}
_CNN_TINY = {"batch": 2, "side": 8, "features": 64, "classes": 10}
_RESNET = {"batch": 32, "side": 32, "features": 3072, "width": 16, "classes": 10}
_RESNET_TINY = {"batch": 2, "side": 8, "features": 192, "width": 4, "classes": 3}
_GPT = {"batch": 8, "length": 64, "width": 128, "heads": 4, "layers": 4, "vocabulary": 256}
_GPT_TINY = {"batch": 2, "length": 4, "width": 8, "heads": 2, "layers": 1, "vocabulary": 5}
_LSTM = {"batch": 32, "length": 32, "width": 128, "vocabulary": 64}
_LSTM_TINY = {"batch": 2, "length": 3, "width": 4, "vocabulary": 5}

ROWS = [
    row("mlp_loop", "Adam step of a module 10-32-2", _SMALL, {**_SMALL, "batch": 4}, images,
        perceptron, 2.0),
    row("mlp", "Adam step of a module 784-512-256-10", _WIDE, _WIDE_TINY, images, perceptron, 1.5),
    row("cnn", "SGD step of a convolutional module, 28x28", _CNN, _CNN_TINY, images,
        convolutional, None),
    row("resnet", "SGD step of a residual network, 32x32", _RESNET, _RESNET_TINY, images,
        residual, None),
    row("gpt", "AdamW step of a GPT of modules, 4 layers", _GPT, _GPT_TINY, tokens, gpt, 1.5),
    row("lstm", "Adam step of an LSTM language model", _LSTM, _LSTM_TINY, tokens, lstm, 1.5),
    row("mlp_compiled", "the MLP under torch.compile", _WIDE, _WIDE_TINY, images, perceptron, 1.0,
        compiled=True),
    row("cnn_compiled", "the CNN under torch.compile", _CNN, _CNN_TINY, images, convolutional,
        None, compiled=True),
    row("gpt_compiled", "the GPT under torch.compile", _GPT, _GPT_TINY, tokens, gpt, 1.0,
        compiled=True),
]  # fmt: skip
