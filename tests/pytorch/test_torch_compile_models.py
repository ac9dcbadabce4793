"""Models under ``torch.compile``: values, gradients, buffers, random streams, beside PyTorch."""

import copy

import pytest
from oracle import ours, real, same

from functorch_lite.torch._compile.compiled import Compiled


def mlp(T):
    nn = T.nn
    return nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Dropout(0.3), nn.Linear(16, 4))


def cnn(T):
    nn = T.nn
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        nn.Conv2d(4, 4, 3, bias=False), nn.GroupNorm(2, 4), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(4, 5),
    )  # fmt: skip


def attention_block(T):
    nn, F = T.nn, T.nn.functional

    class Block(nn.Module):
        def __init__(self, width, heads):
            super().__init__()
            self.heads = heads
            self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.mlp = nn.Sequential(
                nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
            )
            self.drop = nn.Dropout(0.2)
            self.register_buffer("mask", T.tril(T.ones(8, 8)).view(1, 1, 8, 8))

        def forward(self, x):
            n, t, c = x.size()
            q, k, v = self.qkv(self.first(x)).split(c, dim=2)
            q, k, v = (a.view(n, t, self.heads, c // self.heads).transpose(1, 2) for a in (q, k, v))
            scores = (q @ k.transpose(-2, -1)) * (c // self.heads) ** -0.5
            scores = scores.masked_fill(self.mask[:, :, :t, :t] == 0, float("-inf"))
            y = (self.drop(F.softmax(scores, dim=-1)) @ v).transpose(1, 2).contiguous()
            x = x + self.drop(self.out(y.view(n, t, c)))
            return x + self.mlp(self.second(x))

    class GPT(nn.Module):
        def __init__(self):
            super().__init__()
            self.tokens, self.places = nn.Embedding(20, 16), nn.Embedding(8, 16)
            self.blocks = nn.ModuleList([Block(16, 2) for _ in range(2)])
            self.norm, self.head = nn.LayerNorm(16), nn.Linear(16, 20, bias=False)
            self.head.weight = self.tokens.weight

        def forward(self, tokens, targets):
            x = self.tokens(tokens) + self.places(T.arange(0, tokens.size(1)))
            for block in self.blocks:
                x = block(x)
            logits = self.head(self.norm(x))
            loss = F.cross_entropy(logits.view(-1, 20), targets.view(-1), ignore_index=-1)
            return {"logits": logits, "loss": loss}

    return GPT()


def lstm(T):
    nn = T.nn

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = nn.LSTM(6, 5, num_layers=2, batch_first=True, bidirectional=True)
            self.out = nn.Linear(10, 3)

        def forward(self, x):
            found, (h, c) = self.rnn(x)
            return self.out(found[:, -1]), h, c

    return Model()


def encoder(T):
    return T.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)


def inputs(T, name):
    T.manual_seed(1)
    return {
        "mlp": lambda: (T.randn(5, 8),),
        "cnn": lambda: (T.randn(3, 3, 8, 8),),
        "attention_block": lambda: (T.randint(0, 20, (2, 8)), T.randint(0, 20, (2, 8))),
        "lstm": lambda: (T.randn(2, 4, 6),),
        "encoder": lambda: (T.randn(2, 5, 8),),
    }[name]()


def total(out):
    if isinstance(out, dict):
        return out["loss"]
    parts = out if isinstance(out, tuple) else (out,)
    return sum((p * p).sum() for p in parts)


@pytest.mark.parametrize("make", [mlp, cnn, attention_block, lstm, encoder])
def test_training_steps_are_pytorchs(make):
    found = []
    for T in (ours, real):
        T.manual_seed(0)
        model = make(T)
        step = Compiled(model, True) if T is ours else model
        args = inputs(T, make.__name__)
        optimizer = T.optim.SGD(model.parameters(), lr=0.05)
        losses = []
        for _ in range(3):
            optimizer.zero_grad()
            out = step(*args)
            total(out).backward()
            optimizer.step()
            losses.append(total(out).item())
        model.eval()
        last = step(*args)
        last = list(last.values()) if isinstance(last, dict) else last
        found.append((losses, list(model.state_dict().values()), last, T.rand(2)))
    same(found[0], found[1], rtol=2e-4, strides=False)


@pytest.mark.parametrize("make", [mlp, cnn, attention_block, lstm, encoder])
def test_compiled_modules_agree_with_themselves_eagerly(make):
    ours.manual_seed(0)
    model = make(ours)
    args = inputs(ours, make.__name__)
    twin = copy.deepcopy(model)
    compiled = ours.compile(twin, fullgraph=True)
    counts = []
    for run, its in ((model, model), (compiled, twin)):
        ours.manual_seed(7)
        before = [b._version for b in its.buffers()]
        total(run(*args)).backward()
        counts.append([b._version - n for b, n in zip(its.buffers(), before, strict=True)])
    assert counts[0] == counts[1]
    pairs = list(zip(model.parameters(), twin.parameters(), strict=True))
    assert all(p.grad is not None for p, _ in pairs)
    same([q.grad for _, q in pairs], [p.grad for p, _ in pairs], rtol=1e-4, strides=False)
    same(list(twin.buffers()), list(model.buffers()), rtol=1e-5)
