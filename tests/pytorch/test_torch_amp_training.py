"""Training scripts in mixed precision, step by step beside PyTorch."""

import numpy as np
import pytest
from oracle import array_of, ours, real, same

STEPS = 4


def mlp(T):
    nn = T.nn
    model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.LayerNorm(32), nn.Dropout(0.1),
                          nn.Linear(32, 4))  # fmt: skip
    return model, T.randn(16, 8), T.arange(16) % 4


def conv_net(T):
    nn = T.nn
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, groups=2, bias=False), nn.GroupNorm(2, 8), nn.SiLU(),
        nn.ConvTranspose2d(8, 4, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 4),
    )  # fmt: skip
    return model, T.randn(6, 3, 8, 8), T.arange(6) % 4


def transformer(T):
    class Model(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.table = T.nn.Embedding(11, 16)
            self.layer = T.nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True,
                                                      norm_first=True)  # fmt: skip
            self.head = T.nn.Linear(16, 4)

        def forward(self, x):
            mask = T.nn.Transformer.generate_square_subsequent_mask(x.shape[1])
            return self.head(self.layer(self.table(x), src_mask=mask, is_causal=True)).mean(1)

    return Model(), T.randint(11, (5, 6)), T.arange(5) % 4


def attention(T):
    class Model(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.mha = T.nn.MultiheadAttention(8, 2, batch_first=True)

        def forward(self, x):
            out, weights = self.mha(x, x, x)
            return out[:, 0, :4] + weights.sum(-1).mean(1, keepdim=True)

    return Model(), T.randn(4, 5, 8), T.arange(4)


def recurrent(kind, **options):
    def make(T):
        class Model(T.nn.Module):
            def __init__(self):
                super().__init__()
                self.net = getattr(T.nn, kind)(6, 8, batch_first=True, **options)
                self.head = T.nn.Linear(8 * (1 + bool(options.get("bidirectional"))), 4)

            def forward(self, x):
                return self.head(self.net(x)[0][:, -1])

        return Model(), T.randn(4, 5, 6), T.arange(4)

    return make


MODELS = {
    "mlp": mlp, "convolutions": conv_net, "transformer": transformer, "attention": attention,
    "LSTM": recurrent("LSTM"), "GRU": recurrent("GRU", bidirectional=True),
    "RNN": recurrent("RNN", num_layers=2),
}  # fmt: skip


def trained(T, make, dtype, scaled):
    """Losses, scales and results of each step, and the weights after the last."""
    T.manual_seed(1)
    model, x, y = make(T)
    # Adam would make steps of gradients that are zero but for rounding, as of keys' biases.
    optimizer = T.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)
    scaler = T.amp.GradScaler("cpu", init_scale=2.0**10, growth_interval=2, enabled=scaled)
    seen = []
    for _ in range(STEPS):
        optimizer.zero_grad(set_to_none=True)
        with T.autocast(device_type="cpu", dtype=getattr(T, dtype)):
            out = model(x)
            loss = T.nn.functional.cross_entropy(out, y)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        norm = T.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        assert all(p.grad.dtype == T.float32 for p in model.parameters())
        seen.append((out.detach(), loss.detach(), norm, scaler.get_scale()))
    return seen, dict(model.state_dict())


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", MODELS)
def test_a_script_trains_as_in_pytorch(name, dtype):
    if name == "LSTM" and dtype == "float16":
        pytest.skip("PyTorch's LSTM needs a processor with float16 instructions")
    given = (MODELS[name], dtype, dtype == "float16")
    mine, my_state = trained(ours, *given)
    theirs, their_state = trained(real, *given)
    tolerance = 5e-2 if dtype == "bfloat16" else 1e-2
    for step, (a, b) in enumerate(zip(mine, theirs, strict=True)):
        same(a, b, f"step {step}", rtol=tolerance, strides=False)
    assert list(my_state) == list(their_state)
    for key, value in their_state.items():
        assert my_state[key].dtype == getattr(ours, str(value.dtype).removeprefix("torch."))
        np.testing.assert_allclose(
            array_of(my_state[key]),
            array_of(value),
            rtol=tolerance,
            atol=tolerance / 10,
            err_msg=key,
        )


def test_packed_sequences_and_cells():
    def program(T):
        T.manual_seed(2)
        x, h = T.randn(5, 3, 4), T.randn(3, 6)
        packed = T.nn.utils.rnn.pack_padded_sequence(x, [5, 4, 2])
        found = []
        with T.autocast("cpu"):
            for kind in ("LSTM", "GRU", "RNN"):
                for both in (False, True):
                    net = getattr(T.nn, kind)(4, 6, 2, bidirectional=both)
                    out, end = net(packed)
                    found += [out.data, *(end if kind == "LSTM" else [end])]
                    if kind != "LSTM":
                        found += net(x, T.randn(2 * (1 + both), 3, 6))
                cell = getattr(T.nn, f"{kind}Cell")(4, 6)
                made = cell(x[0], (h, h) if kind == "LSTM" else h)
                found += made if kind == "LSTM" else [made]
            relu = T.nn.RNN(4, 6, nonlinearity="relu", bias=False, batch_first=True)
            projected = T.nn.LSTM(4, 6, proj_size=3)
            found += [*relu(x), T.nn.RNNCell(4, 6, nonlinearity="relu")(x[0]),
                      projected(packed)[0].data]  # fmt: skip
        total = sum(f.float().pow(2).sum() for f in found)
        leaves = [net.weight_ih_l0, net.bias_hh_l1_reverse, *cell.parameters()]
        gradients = T.autograd.grad(total, leaves)
        return [f.detach() for f in found], gradients

    same(program(ours), program(real), rtol=5e-2, strides=False)


def test_inference_without_gradients():
    def program(T):
        T.manual_seed(3)
        model, x, _ = transformer(T)
        model.eval()
        with T.no_grad(), T.autocast("cpu", dtype=T.bfloat16):
            first = model(x)
        with T.inference_mode(), T.autocast("cpu"):
            return first, model(x)

    same(program(ours), program(real), rtol=3e-2)
