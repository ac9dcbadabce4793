"""Programs of function transforms, in both worlds, and operations that they are tried on."""

from __future__ import annotations

import warnings

import numpy as np
from oracle import ours, real, same


def both(program):
    """What a program gives in both worlds, exceptions as their types and first words."""
    found = []
    for T in (ours, real):
        T.manual_seed(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found.append(program(T))
            except Exception as error:
                found.append((type(error).__name__, str(error)[:60]))
    return found


def agree(program, graph=True, rtol=1e-4):
    """Assert that a program gives the same in both worlds."""
    mine, theirs = both(program)
    same(_plain(mine), _plain(theirs), rtol=rtol, strides=False, graph=graph)
    return theirs


def _plain(x):
    """Dictionaries as pairs, in order of their keys."""
    if isinstance(x, dict):
        return [(k, _plain(x[k])) for k in sorted(x)]
    if isinstance(x, (tuple, list)) and not hasattr(x, "_fields"):
        return type(x)(_plain(e) for e in x)
    return x


def numbers(T, *sizes, seed=0, lanes=None, dtype=np.float32):
    """Tensors of normally distributed numbers, with a dimension of lanes in front if given."""
    rng = np.random.default_rng(seed)
    front = () if lanes is None else (lanes,)
    found = [T.from_numpy(rng.standard_normal(front + tuple(s)).astype(dtype)) for s in sizes]
    return found if len(found) > 1 else found[0]


def _f(T):
    return T.nn.functional


POINTWISE = (
    "abs neg exp expm1 sin cos tan tanh sinh cosh atan asinh sigmoid square sign floor ceil "
    "round trunc frac erf exp2 softplus"
).split()  # fmt: skip

# name: (function of T and tensors, sizes of the tensors of one example)
CASES = {
    "add": (lambda T, a, b: a + b, [(3, 4), (3, 4)]),
    "add broadcast": (lambda T, a, b: a + b * 2, [(3, 4), (4,)]),
    "sub number": (lambda T, a: 1 - a, [(3,)]),
    "mul": (lambda T, a, b: a * b, [(3, 1), (4,)]),
    "div": (lambda T, a, b: a / (b * b + 1), [(3,), (3,)]),
    "pow": (lambda T, a: (a * a + 1) ** 1.5, [(3,)]),
    "pow tensors": (lambda T, a, b: (a * a + 1) ** b, [(3,), (3,)]),
    "maximum": (lambda T, a, b: T.maximum(a, b), [(3, 2), (3, 2)]),
    "where": (lambda T, a, b: T.where(a > b, a, b * 2), [(3, 2), (3, 2)]),
    "clamp": (lambda T, a: a.clamp(-0.5, 0.7), [(3, 4)]),
    "lerp": (lambda T, a, b: T.lerp(a, b, 0.3), [(3,), (3,)]),
    "addcmul": (lambda T, a, b: T.addcmul(a, a, b, value=0.5), [(3,), (3,)]),
    "atan2": (lambda T, a, b: T.atan2(a, b), [(3,), (3,)]),
    "sum": (lambda T, a: a.sum(), [(3, 4)]),
    "sum dim": (lambda T, a: a.sum(-1, keepdim=True), [(3, 4)]),
    "mean": (lambda T, a: a.mean(0), [(3, 4)]),
    "prod": (lambda T, a: a.prod(-1), [(3, 4)]),
    "var": (lambda T, a: a.var(1), [(3, 4)]),
    "std": (lambda T, a: a.std(), [(3, 4)]),
    "max dim": (lambda T, a: a.max(1).values, [(3, 4)]),
    "min dim": (lambda T, a: a.min(0)[0], [(3, 4)]),
    "amax": (lambda T, a: a.amax((0, 1)), [(3, 4)]),
    "argmax": (lambda T, a: a.argmax(1), [(3, 4)]),
    "logsumexp": (lambda T, a: a.logsumexp(-1), [(3, 4)]),
    "norm": (lambda T, a: a.norm(), [(3, 4)]),
    "vector norm": (lambda T, a: a.norm(dim=-1, p=3), [(3, 4)]),
    "any": (lambda T, a: (a > 0).any(1), [(3, 4)]),
    "cumsum": (lambda T, a: a.cumsum(1), [(3, 4)]),
    "cumprod": (lambda T, a: a.cumprod(0), [(3, 4)]),
    "softmax": (lambda T, a: a.softmax(-1), [(3, 4)]),
    "log_softmax": (lambda T, a: _f(T).log_softmax(a, 0), [(3, 4)]),
    "matmul": (lambda T, a, b: a @ b, [(3, 4), (4, 2)]),
    "mv": (lambda T, a, b: a @ b, [(3, 4), (4,)]),
    "dot": (lambda T, a, b: T.dot(a, b), [(4,), (4,)]),
    "bmm": (lambda T, a, b: T.bmm(a, b), [(2, 3, 4), (2, 4, 2)]),
    "addmm": (lambda T, a, b, c: T.addmm(a, b, c), [(3, 2), (3, 4), (4, 2)]),
    "outer": (lambda T, a, b: T.outer(a, b), [(3,), (4,)]),
    "einsum": (lambda T, a, b: T.einsum("ij,jk->ki", a, b), [(3, 4), (4, 2)]),
    "linear": (lambda T, a, w, b: _f(T).linear(a, w, b), [(5, 3), (2, 3), (2,)]),
    "bilinear": (lambda T, a, b, w: _f(T).bilinear(a, b, w), [(5, 3), (5, 2), (4, 3, 2)]),
    "reshape": (lambda T, a: a.reshape(6, 2), [(3, 4)]),
    "view": (lambda T, a: a.view(-1), [(3, 4)]),
    "transpose": (lambda T, a: a.transpose(0, 1).contiguous(), [(3, 4)]),
    "permute": (lambda T, a: a.permute(2, 0, 1), [(2, 3, 4)]),
    "T view": (lambda T, a: a.T.reshape(-1), [(3, 4)]),
    "squeeze": (lambda T, a: a.unsqueeze(1).squeeze(1), [(3, 4)]),
    "expand": (lambda T, a: a.expand(5, 3), [(3,)]),
    "repeat": (lambda T, a: a.repeat(2, 3), [(3,)]),
    "cat": (lambda T, a, b: T.cat([a, b], 0), [(3, 4), (2, 4)]),
    "stack": (lambda T, a, b: T.stack([a, b], 1), [(3, 4), (3, 4)]),
    "split": (lambda T, a: a.split(2, 1)[1] * 2, [(3, 4)]),
    "chunk": (lambda T, a: a.chunk(2, 0)[0], [(4, 2)]),
    "unbind": (lambda T, a: sum(a.unbind(0)), [(3, 4)]),
    "flip": (lambda T, a: a.flip(0), [(3, 4)]),
    "roll": (lambda T, a: a.roll(1, 0), [(3, 4)]),
    "tril": (lambda T, a: a.tril(), [(3, 3)]),
    "diagonal": (lambda T, a: a.diagonal(), [(3, 3)]),
    "diag_embed": (lambda T, a: T.diag_embed(a), [(3,)]),
    "trace": (lambda T, a: a.trace(), [(3, 3)]),
    "index int": (lambda T, a: a[1], [(3, 4)]),
    "index slice": (lambda T, a: a[1:, ::2], [(3, 4)]),
    "index list": (lambda T, a: a[[0, 2, 0]], [(3, 4)]),
    "index tensors": (lambda T, a: a[T.tensor([0, 1]), T.tensor([2, 2])], [(3, 4)]),
    "index own": (lambda T, a: a[a.argmax(0)], [(3, 2)]),
    "index number": (lambda T, a: a[a.sum(1).argmax()], [(3, 2)]),
    "index two numbers": (lambda T, a: a[a.sum((1, 2)).argmax(), :, a.sum((0, 1)).argmax()],
                          [(3, 2, 4)]),
    "index unmapped": (lambda T, a: T.arange(6.0).reshape(3, 2)[a.argmax(0)], [(3,)]),
    "gather": (lambda T, a: a.gather(1, a.argsort(1)), [(3, 4)]),
    "scatter": (lambda T, a: T.zeros_like(a).scatter(0, T.tensor([[0, 1, 2]]), a[:1]),
                [(3, 3)]),
    "scatter_add": (lambda T, a: T.zeros(2).scatter_add(0, T.tensor([0, 1, 0]), a), [(3,)]),
    "index_select": (lambda T, a: a.index_select(0, T.tensor([2, 0])), [(3, 4)]),
    "index_add": (lambda T, a: T.zeros(4, 2).index_add(0, T.tensor([1, 1, 0]), a), [(3, 2)]),
    "masked_fill": (lambda T, a: a.masked_fill(a > 0, -1.0), [(3, 4)]),
    "take_along_dim": (lambda T, a: T.take_along_dim(a, a.argsort(0), 0), [(3, 4)]),
    "sort": (lambda T, a: a.sort(-1, descending=True)[0], [(3, 4)]),
    "argsort": (lambda T, a: a.argsort(), [(5,)]),
    "topk": (lambda T, a: a.topk(2).values, [(3, 4)]),
    "median": (lambda T, a: a.median(1).values, [(3, 5)]),
    "kthvalue": (lambda T, a: a.kthvalue(2)[0], [(3, 5)]),
    "searchsorted": (lambda T, a: T.searchsorted(T.arange(4.0), a), [(3,)]),
    "one_hot": (lambda T, a: _f(T).one_hot(a.argmax(1), 4), [(3, 4)]),
    "embedding": (lambda T, a: _f(T).embedding(T.tensor([0, 2, 1]), a), [(3, 4)]),
    "pad": (lambda T, a: _f(T).pad(a, (1, 2)), [(3, 4)]),
    "meshgrid": (lambda T, a, b: T.meshgrid(a, b, indexing="ij")[0], [(3,), (2,)]),
    "cross": (lambda T, a, b: T.linalg.cross(a, b) if hasattr(T, "linalg") else T.cross(a, b, -1),
              [(3,), (3,)]),
    "cdist": (lambda T, a, b: T.cdist(a, b), [(3, 2), (4, 2)]),
    "cosine": (lambda T, a, b: _f(T).cosine_similarity(a, b), [(3, 4), (3, 4)]),
    "normalize": (lambda T, a: _f(T).normalize(a, dim=-1), [(3, 4)]),
    "unfold": (lambda T, a: a.unfold(0, 2, 1), [(5,)]),
    "heaviside": (lambda T, a: (a > 0).float() * a, [(4,)]),
    "in place": (lambda T, a: a.clone().mul_(2).add_(1), [(3,)]),
    "in place view": (lambda T, a: _written_view(a), [(3, 4)]),
    "in place index": (lambda T, a: _written_index(T, a), [(3, 4)]),
    "new": (lambda T, a: a.new_zeros(3) + a, [(3,)]),
    "zeros_like": (lambda T, a: T.zeros_like(a).add_(a), [(3,)]),
    "to": (lambda T, a: a.double().to(T.float32), [(3,)]),
    "bool number": (lambda T, a: T.isfinite(a), [(3,)]),
    # ------------------------------------------------------------------------------- layers
    "relu": (lambda T, a: _f(T).relu(a), [(3, 4)]),
    "gelu": (lambda T, a: _f(T).gelu(a), [(3, 4)]),
    "silu": (lambda T, a: _f(T).silu(a), [(3, 4)]),
    "elu": (lambda T, a: _f(T).elu(a), [(3, 4)]),
    "leaky_relu": (lambda T, a: _f(T).leaky_relu(a, 0.2), [(3, 4)]),
    "hardtanh": (lambda T, a: _f(T).hardtanh(a), [(3, 4)]),
    "prelu": (lambda T, a, w: _f(T).prelu(a, w), [(3, 4), (4,)]),
    "glu": (lambda T, a: _f(T).glu(a), [(3, 4)]),
    "layer_norm": (lambda T, a, w: _f(T).layer_norm(a, (4,), w), [(3, 4), (4,)]),
    "group_norm": (lambda T, a: _f(T).group_norm(a, 2), [(2, 4, 3)]),
    "rms_norm": (lambda T, a: _f(T).rms_norm(a, (4,)), [(3, 4)]),
    "batch_norm": (lambda T, a: _f(T).batch_norm(a, None, None, training=True), [(5, 3)]),
    "batch_norm eval": (lambda T, a: _f(T).batch_norm(a, T.zeros(3), T.ones(3)), [(5, 3)]),
    "instance_norm": (lambda T, a: _f(T).instance_norm(a), [(2, 3, 4)]),
    "conv1d": (lambda T, a, w: _f(T).conv1d(a, w, padding=1), [(2, 3, 5), (4, 3, 3)]),
    "conv2d": (lambda T, a, w, b: _f(T).conv2d(a, w, b), [(2, 3, 5, 5), (4, 3, 3, 3), (4,)]),
    "conv2d groups": (lambda T, a, w: _f(T).conv2d(a, w, groups=2, stride=2),
                      [(1, 4, 5, 5), (4, 2, 2, 2)]),
    "conv unbatched": (lambda T, a, w: _f(T).conv2d(a, w), [(3, 5, 5), (4, 3, 3, 3)]),
    "conv_transpose2d": (lambda T, a, w: _f(T).conv_transpose2d(a, w),
                         [(1, 3, 4, 4), (3, 2, 2, 2)]),
    "max_pool2d": (lambda T, a: _f(T).max_pool2d(a, 2), [(1, 2, 4, 4)]),
    "avg_pool2d": (lambda T, a: _f(T).avg_pool2d(a, 2), [(1, 2, 4, 4)]),
    "adaptive_avg_pool2d": (lambda T, a: _f(T).adaptive_avg_pool2d(a, 1), [(1, 2, 4, 4)]),
    "adaptive_avg_pool2d 3": (lambda T, a: _f(T).adaptive_avg_pool2d(a, 3), [(1, 2, 5, 5)]),
    "interpolate": (lambda T, a: _f(T).interpolate(a, scale_factor=2, mode="nearest"),
                    [(1, 2, 3, 3)]),
    "interpolate bilinear": (lambda T, a: _f(T).interpolate(a, scale_factor=2, mode="bilinear"),
                             [(1, 2, 3, 3)]),
    "pixel_shuffle": (lambda T, a: _f(T).pixel_shuffle(a, 2), [(1, 4, 2, 2)]),
    "mse_loss": (lambda T, a, b: _f(T).mse_loss(a, b), [(3, 4), (3, 4)]),
    "l1_loss": (lambda T, a, b: _f(T).l1_loss(a, b), [(3, 4), (3, 4)]),
    "smooth_l1_loss": (lambda T, a, b: _f(T).smooth_l1_loss(a, b), [(3, 4), (3, 4)]),
    "cross_entropy": (lambda T, a: _f(T).cross_entropy(a, T.tensor([1, 0, 3])), [(3, 4)]),
    "cross_entropy one": (lambda T, a: _f(T).cross_entropy(a, T.tensor(2)), [(4,)]),
    "cross_entropy mapped": (lambda T, a: _f(T).cross_entropy(a, a.argmin(1)), [(3, 4)]),
    "cross_entropy soft": (lambda T, a, b: _f(T).cross_entropy(a, b.softmax(-1)), [(3, 4), (3, 4)]),
    "nll_loss": (lambda T, a: _f(T).nll_loss(a.log_softmax(-1), T.tensor([1, 0, 3])), [(3, 4)]),
    "bce": (lambda T, a, b: _f(T).binary_cross_entropy(a.sigmoid(), b.sigmoid()), [(3,), (3,)]),
    "bce logits": (lambda T, a, b: _f(T).binary_cross_entropy_with_logits(a, b.sigmoid()),
                   [(3,), (3,)]),
    "kl_div": (lambda T, a, b: _f(T).kl_div(a.log_softmax(-1), b.softmax(-1), reduction="sum"),
               [(3, 4), (3, 4)]),
    "attention": (lambda T, q, k: _f(T).scaled_dot_product_attention(q, k, k * 2),
                  [(2, 3, 4), (2, 3, 4)]),
}  # fmt: skip


def _pointwise(name):
    return lambda T, a: getattr(_f(T) if name == "softplus" else T, name)(a * 0.9)


CASES.update({name: (_pointwise(name), [(3, 4)]) for name in POINTWISE})


def _written_view(a):
    out = a.clone()
    out[1].mul_(3)
    out.T[0] += 1
    return out


def _written_index(T, a):
    out = a * 1
    out[0, 1] = 5.0
    out[a > 1] = 0.0
    out[:, 2] = a[:, 0]
    return out
