"""Attention and Transformers as modules, each beside PyTorch's."""

import numpy as np
import pytest
from module_checks import check, normal, refused, whole
from oracle import ours, real, same

DTYPES = {"float32": 1e-3, "float64": 1e-9}


def causal(n):
    return np.triu(np.full((n, n), -np.inf), 1)


def attention(**kwargs):
    return lambda T: T.nn.MultiheadAttention(8, 2, **kwargs)


SETTINGS = [
    {}, {"bias": False}, {"add_bias_kv": True}, {"add_zero_attn": True}, {"batch_first": True},
    {"dropout": 0.5}, {"add_bias_kv": True, "add_zero_attn": True, "dropout": 0.3},
]  # fmt: skip


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_attention_of_itself(settings, train):
    x = normal(3, 4, 8)
    for dtype, rtol in DTYPES.items():
        check(lambda T: Alike(T, attention(**settings)), x, dtype=dtype, rtol=rtol, train=train)
    check(lambda T: Alike(T, attention(**settings), need_weights=False), x, rtol=1e-9, train=train)
    check(lambda T: Alike(T, attention(**settings), average_attn_weights=False), x[0], rtol=1e-9)


class Alike:
    """A module around attention whose three inputs are one tensor."""

    def __new__(cls, T, make, **kwargs):
        class Around(T.nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = make(T)

            def forward(self, x):
                out, weights = self.inner(x, x, x, **kwargs)
                return out if weights is None else (out, weights)

        return Around()


def test_attention_of_others():
    query, key, value = normal(3, 4, 8), normal(5, 4, 6), normal(5, 4, 7)
    make = attention(kdim=6, vdim=7)
    for dtype, rtol in DTYPES.items():
        check(make, query, key, value, dtype=dtype, rtol=rtol)
    check(make, query[:, 0], key[:, 0], value[:, 0], rtol=1e-9)
    check(attention(batch_first=True, kdim=6, vdim=7), query.swapaxes(0, 1), key.swapaxes(0, 1),
          value.swapaxes(0, 1), rtol=1e-9)  # fmt: skip


@pytest.mark.parametrize("need", [True, False])
def test_masks(need):
    query, other = normal(3, 4, 8), normal(5, 4, 8)
    padding = np.array([[False] * 5, [False] * 4 + [True], [False, True] * 2 + [False],
                        [True] * 4 + [False]])  # fmt: skip
    mask = whole(2, 3, 5).astype(bool)
    mask[:, 0] = mask[:, 4] = False

    def make(T):
        class Around(T.nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = T.nn.MultiheadAttention(8, 2)

            def forward(self, q, k, padding=None, mask=None):
                out, weights = self.inner(
                    q, k, k, key_padding_mask=padding, attn_mask=mask, need_weights=need
                )
                return out if weights is None else (out, weights)

        return Around()

    check(make, query, other, padding, rtol=1e-9)
    check(make, query, other, None, mask, rtol=1e-9)
    check(make, query, other, padding[:, ::1], mask, rtol=1e-9)
    check(make, query, other, None, np.stack([mask] * 8), rtol=1e-9)


def test_attention_is_refused():
    for args in ((4, 3), (0, 3), (4, 0)):
        refused(lambda T, a=args: T.nn.MultiheadAttention(*a))


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize(
    "settings",
    [{}, {"norm_first": True, "activation": "gelu"}, {"batch_first": True, "dropout": 0.0},
     {"bias": False, "layer_norm_eps": 0.1}],
    ids=str,
)  # fmt: skip
def test_layers(settings, train):
    src, tgt = normal(5, 4, 8), normal(3, 4, 8)
    if settings.get("batch_first"):
        src, tgt = src.swapaxes(0, 1), tgt.swapaxes(0, 1)
    for dtype, rtol in DTYPES.items():
        given = {"train": train, "dtype": dtype, "rtol": rtol}
        check(lambda T: T.nn.TransformerEncoderLayer(8, 2, 16, **settings), src, **given)
        check(lambda T: T.nn.TransformerEncoderLayer(8, 2, 16, **settings), src, causal(5),
              **given)  # fmt: skip
        check(lambda T: T.nn.TransformerDecoderLayer(8, 2, 16, **settings), tgt, src, causal(3),
              **given)  # fmt: skip


def test_activations():
    for name in ("relu", "gelu"):
        check(lambda T, n=name: T.nn.TransformerEncoderLayer(4, 2, 8, activation=n),
              normal(3, 2, 4), rtol=1e-9)  # fmt: skip
    check(lambda T: T.nn.TransformerEncoderLayer(4, 2, 8, activation=T.nn.GELU()),
          normal(3, 2, 4), rtol=1e-9)  # fmt: skip
    check(lambda T: T.nn.TransformerDecoderLayer(4, 2, 8, activation=T.tanh),
          normal(3, 2, 4), normal(2, 2, 4), rtol=1e-9)  # fmt: skip
    refused(lambda T: T.nn.TransformerEncoderLayer(4, 2, activation="x"))


def small(**kwargs):
    return lambda T: T.nn.Transformer(8, 2, 2, 2, 16, **kwargs)


@pytest.mark.parametrize("train", [True, False])
def test_transformers(train):
    src, tgt = normal(5, 4, 8), normal(3, 4, 8)
    for dtype, rtol in DTYPES.items():
        check(small(), src, tgt, train=train, dtype=dtype, rtol=rtol * 5)
    check(small(), src, tgt, tgt_mask=causal(3), src_mask=causal(5), train=train, rtol=1e-8)
    check(small(batch_first=True, dropout=0.0), src.swapaxes(0, 1), tgt.swapaxes(0, 1),
          tgt_mask=causal(3), tgt_is_causal=True, train=train, rtol=1e-8)  # fmt: skip
    check(small(norm_first=True, bias=False), src[:, 0], tgt[:, 0], train=train, rtol=1e-8)


def test_transformers_refuse():
    refused(small(), np.ones((2, 1, 8)), np.ones((2, 2, 8)))
    refused(small(), np.ones((2, 1, 3)), np.ones((2, 1, 8)))


@pytest.mark.parametrize(
    "settings",
    [{"norm_first": True}, {"batch_first": True, "bias": False}, {"batch_first": True, "nhead": 1},
     {"batch_first": True, "activation": "gelu"}],
    ids=str,
)  # fmt: skip
def test_encoders_say_why_they_do_not_pack(settings):
    given = {"d_model": 4, "nhead": 2, "dim_feedforward": 8, **settings}
    check(lambda T: T.nn.TransformerEncoder(T.nn.TransformerEncoderLayer(**given), 2),
          normal(3, 2, 4), rtol=1e-8)  # fmt: skip


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("grad", [True, False])
@pytest.mark.parametrize("hole", [True, False])
def test_padded_places(grad, hole):
    padding = np.array([[False] * 5, [False] * 3 + [True] * 2, [False] + [True] * 4])
    padding[1, 1] = hole

    def program(T):
        T.manual_seed(0)
        layer = T.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.0)
        net = T.nn.TransformerEncoder(layer, 2, T.nn.LayerNorm(8)).eval()
        x = T.randn(3, 5, 8)
        mask = T.tensor(padding.tolist())
        with T.set_grad_enabled(grad):
            found = [net(x, src_key_padding_mask=mask)]
            net.enable_nested_tensor = net.use_nested_tensor = False
            return [*found, net(x, src_key_padding_mask=mask)[0]]

    for mine, theirs in zip(program(ours), program(real), strict=True):
        same(mine, theirs, rtol=1e-4)


def test_causal_masks():
    def program(T):
        made = T.nn.Transformer.generate_square_subsequent_mask
        return made(3), made(2, dtype=T.float64)

    same(program(ours), program(real))


def test_copies_in_stacks_are_apart():
    def program(T):
        T.manual_seed(0)
        net = T.nn.TransformerDecoder(T.nn.TransformerDecoderLayer(4, 2, 8), 3)
        first = [p.detach().clone() for p in net.layers[0].parameters()]
        with T.no_grad():
            net.layers[1].linear1.weight.zero_()
        return repr(net), first, list(net.layers[2].parameters()), list(net.state_dict())

    same(program(ours), program(real))
