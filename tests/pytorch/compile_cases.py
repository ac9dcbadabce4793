"""Programs for ``torch.compile``: each a function of ``(T, F, x, y, i)``.

``x`` and ``y`` are floats [4, 6] that want gradients, ``i`` integers [4] below 4.
"""

CASES = {
    "add": lambda T, F, x, y, i: x + y,
    "sub_number": lambda T, F, x, y, i: 1.5 - x,
    "mul_div": lambda T, F, x, y, i: x * y / (y.abs() + 1),
    "pow": lambda T, F, x, y, i: (x.abs() + 0.1) ** 1.7 + x**2 + x**3 + 2.0**y,
    "floor_mod": lambda T, F, x, y, i: (x.detach() // 0.7) + x % 0.7,
    "compare": lambda T, F, x, y, i: (x > y, x <= y, x == y, (x != 0) & (y > 0), ~(x > 0)),
    "exp_log": lambda T, F, x, y, i: x.exp() + (y.abs() + 1).log() + T.log1p(x.abs()) + T.expm1(y),
    "trigonometry": lambda T, F, x, y, i: x.sin() + y.cos() + x.tanh() + x.atan() + x.sinh(),
    "roots": lambda T, F, x, y, i: (x.abs() + 1).sqrt() + (y.abs() + 1).rsqrt() + x.square(),
    "rounding": lambda T, F, x, y, i: x.floor() + y.ceil() + x.round() + y.trunc() + x.sign(),
    "abs_neg": lambda T, F, x, y, i: x.abs() - (-y) + x.reciprocal().clamp(-3, 3),
    "clamp": lambda T, F, x, y, i: x.clamp(-0.5, 0.5) + y.clamp(min=0) + x.clamp_max(0.1),
    "extremes": lambda T, F, x, y, i: T.maximum(x, y) + T.minimum(x, y) + T.fmax(x, y),
    "lerp": lambda T, F, x, y, i: T.lerp(x, y, 0.3) + T.addcmul(x, x, y, value=0.5),
    "hypot": lambda T, F, x, y, i: T.hypot(x, y) + T.atan2(x, y) + T.logaddexp(x, y),
    "erf": lambda T, F, x, y, i: T.erf(x) + T.sigmoid(y),
    "where": lambda T, F, x, y, i: T.where(x > 0, x, y * 2) + T.where(x > 1, 0.0, y),
    "masked_fill": lambda T, F, x, y, i: x.masked_fill(y > 0, -1.0),
    "dtypes": lambda T, F, x, y, i: x.double() + y.to(T.float64) + i.to(x.dtype).sum(),
    "half": lambda T, F, x, y, i: (x.half() * 2).float() + y.to(T.bfloat16).float(),
    "integers": lambda T, F, x, y, i: (i + 1, i * 2, i // 2, i % 3, i.float() / 3, i << 1),
    "sum": lambda T, F, x, y, i: (x.sum(), x.sum(0), y.sum(1, keepdim=True), x.sum((0, 1))),
    "mean": lambda T, F, x, y, i: (x.mean(), y.mean(1), x.mean(0, keepdim=True)),
    "var": lambda T, F, x, y, i: (x.var(), y.std(1), x.var(0, unbiased=False)),
    "max": lambda T, F, x, y, i: (x.max(), x.max(1)[0], x.max(1)[1], y.amax(0), x.amin(1)),
    "argmax": lambda T, F, x, y, i: (x.argmax(), x.argmax(1), y.argmin(0), i.max()),
    "prod": lambda T, F, x, y, i: (x.prod(1), (y * 0.1 + 1).prod()),
    "any_all": lambda T, F, x, y, i: ((x > 0).any(), (x > -9).all(1), (y > 0).sum()),
    "cumsum": lambda T, F, x, y, i: x.cumsum(1) + y.cumsum(0),
    "norm": lambda T, F, x, y, i: x.norm() + y.norm(dim=1).sum() + x.norm(p=1),
    "logsumexp": lambda T, F, x, y, i: T.logsumexp(x, 1),
    "softmax": lambda T, F, x, y, i: x.softmax(1) + F.log_softmax(y, dim=0) + F.softmin(x, dim=1),
    "matmul": lambda T, F, x, y, i: (x @ y.t(), T.mm(x, y.t()), x @ y[0], x[0] @ y[1]),
    "bmm": lambda T, F, x, y, i: T.bmm(x.view(2, 2, 6), y.view(2, 6, 2)),
    "matmul_batched": lambda T, F, x, y, i: x.view(2, 2, 6) @ y.t() + x.view(2, 1, 2, 6) @ y.t(),
    "addmm": lambda T, F, x, y, i: T.addmm(x[:, :4], x, y.t(), beta=0.5, alpha=2),
    "einsum": lambda T, F, x, y, i: T.einsum("ij,kj->ik", x, y) + T.einsum("ij,ij->i", x, y),
    "outer": lambda T, F, x, y, i: T.outer(x[0], y[0]) + T.dot(x[1], y[1]),
    "reshape": lambda T, F, x, y, i: x.view(2, 12) * y.reshape(2, -1) + x.flatten().view(2, 12),
    "transpose": lambda T, F, x, y, i: x.t() + y.transpose(0, 1) + x.T + y.permute(1, 0),
    "squeeze": lambda T, F, x, y, i: x.unsqueeze(1).squeeze(1) + y[None].squeeze(0),
    "expand": lambda T, F, x, y, i: x[:, :1].expand(4, 6) + y[0].expand_as(x) + x.repeat(1, 1),
    "cat": lambda T, F, x, y, i: T.cat([x, y], 1).sum(1) + T.stack([x, y]).sum((0, 2)),
    "split": lambda T, F, x, y, i: [
        a * b for a, b in zip(x.split(2, 1), y.chunk(3, 1), strict=True)
    ],
    "unbind": lambda T, F, x, y, i: sum(x.unbind(0)) + y.narrow(1, 0, 6).select(0, 1),
    "slices": lambda T, F, x, y, i: x[1:3, ::2] + y[..., 1::2][:2] + x[-2:, -3:] + x[0, 0],
    "index": lambda T, F, x, y, i: (x[i], x[:, i], y[i, i], x[[0, 2]], x[i][:, None]),
    "gather": lambda T, F, x, y, i: x.gather(1, i[:, None]) + T.index_select(y, 0, i)[:, :1],
    "embedding": lambda T, F, x, y, i: F.embedding(i, x) + F.embedding(i, y, padding_idx=1),
    "one_hot": lambda T, F, x, y, i: F.one_hot(i, 4).float() @ x,
    "scatter": lambda T, F, x, y, i: x.scatter_add(0, i[:, None].expand(4, 6), y),
    "index_add": lambda T, F, x, y, i: x.index_add(0, i, y) + x.index_copy(0, i * 0, y * 0),
    "triangles": lambda T, F, x, y, i: x.tril() + y.triu(1) + T.tril(T.ones(4, 6)) * x,
    "flip": lambda T, F, x, y, i: x.flip(1) + y.roll(1, 0),
    "sort": lambda T, F, x, y, i: (x.sort(1)[0], y.topk(2, 1)[0], x.argsort(0)),
    "pad": lambda T, F, x, y, i: F.pad(x, (1, 2)) + F.pad(y, (2, 1), value=0.5),
    "diagonal": lambda T, F, x, y, i: x.diagonal() + T.diag(y[:, :4]),
    "creation": lambda T, F, x, y, i: x + T.arange(6) + T.zeros_like(y) + T.full((6,), 2.0),
    "new": lambda T, F, x, y, i: x.new_ones(6) + T.linspace(0, 1, 6) * y + T.eye(4, 6),
    "linear": lambda T, F, x, y, i: F.linear(x, y, y[:, 0]) + F.linear(x, y),
    "bilinear": lambda T, F, x, y, i: F.bilinear(
        x[:, :2], y[:, :3], x.reshape(-1)[:18].view(3, 2, 3)
    ),
    "layer_norm": lambda T, F, x, y, i: F.layer_norm(x, (6,), y[0], y[1]),
    "group_norm": lambda T, F, x, y, i: F.group_norm(x.view(2, 4, 3), 2, y[:, 0], y[:, 1]),
    "rms_norm": lambda T, F, x, y, i: F.rms_norm(x, (6,), y[0]),
    "batch_norm": lambda T, F, x, y, i: F.batch_norm(x, None, None, y[0], y[1], True),
    "instance_norm": lambda T, F, x, y, i: F.instance_norm(x.view(2, 2, 6)),
    "activations": lambda T, F, x, y, i: F.relu(x) + F.gelu(y) + F.silu(x) + F.elu(y) + F.selu(x),
    "activations_more": lambda T, F, x, y, i: (
        F.leaky_relu(x) + F.softplus(y) + F.mish(x) + F.hardtanh(y) + F.logsigmoid(x) + F.celu(y)
    ),
    "activations_hard": lambda T, F, x, y, i: (
        F.relu6(x * 5) + F.hardswish(y * 3) + F.hardsigmoid(x) + F.softsign(y) + F.tanhshrink(x)
    ),
    "gelu_tanh": lambda T, F, x, y, i: F.gelu(x, approximate="tanh") + F.prelu(y, x[0]),
    "glu": lambda T, F, x, y, i: F.glu(x, 1),
    "losses": lambda T, F, x, y, i: (
        F.mse_loss(x, y) + F.l1_loss(x, y) + F.smooth_l1_loss(x, y) + F.huber_loss(x, y)
    ),
    "cross_entropy": lambda T, F, x, y, i: (
        F.cross_entropy(x, i),
        F.cross_entropy(x, i, reduction="none"),
        F.cross_entropy(x, i, ignore_index=2),
        F.cross_entropy(x, i, label_smoothing=0.1),
    ),
    "nll": lambda T, F, x, y, i: F.nll_loss(F.log_softmax(x, 1), i, reduction="sum"),
    "probabilities": lambda T, F, x, y, i: F.cross_entropy(x, y.softmax(1).detach()),
    "kl_div": lambda T, F, x, y, i: F.kl_div(x.log_softmax(1), y.softmax(1), reduction="batchmean"),
    "bce": lambda T, F, x, y, i: (
        F.binary_cross_entropy_with_logits(x, (y > 0).float())
        + F.binary_cross_entropy(x.sigmoid(), (y > 0).float())
    ),
    "cosine": lambda T, F, x, y, i: F.cosine_similarity(x, y) + F.normalize(x, dim=1).sum(1),
    "conv1d": lambda T, F, x, y, i: F.conv1d(x.view(1, 4, 6), y.view(2, 4, 3), padding=1),
    "conv2d": lambda T, F, x, y, i: F.conv2d(
        x.view(1, 2, 3, 4), y.view(3, 2, 2, 2), y[0, :3], stride=1, padding=1
    ),
    "conv2d_groups": lambda T, F, x, y, i: F.conv2d(
        x.view(1, 2, 3, 4), y.reshape(-1)[:8].view(2, 1, 2, 2), groups=2, stride=2, padding=1
    ),
    "conv_transpose": lambda T, F, x, y, i: F.conv_transpose2d(
        x.view(1, 2, 3, 4), y.view(2, 3, 2, 2), stride=2
    ),
    "max_pool": lambda T, F, x, y, i: (
        F.max_pool2d(x.view(1, 1, 4, 6), 2) + F.max_pool2d(y.view(1, 1, 4, 6), 3, 2, 1)
    ),
    "avg_pool": lambda T, F, x, y, i: F.avg_pool2d(x.view(1, 1, 4, 6), 2),
    "adaptive_pool": lambda T, F, x, y, i: F.adaptive_avg_pool2d(x.view(1, 1, 4, 6), (2, 2)),
    "interpolate": lambda T, F, x, y, i: F.interpolate(x.view(1, 1, 4, 6), scale_factor=2),
    "attention": lambda T, F, x, y, i: F.scaled_dot_product_attention(
        x.view(1, 2, 2, 6), y.view(1, 2, 2, 6), x.view(1, 2, 2, 6), is_causal=True
    ),
    "attention_mask": lambda T, F, x, y, i: F.scaled_dot_product_attention(
        x.view(1, 2, 2, 6), y.view(1, 2, 2, 6), x.view(1, 2, 2, 6), T.ones(2, 2).tril().bool()
    ),
    "dropout": lambda T, F, x, y, i: F.dropout(x, 0.4) + F.dropout(y, 0.3) * T.rand(6),
    "random": lambda T, F, x, y, i: x + T.randn(4, 6) + T.rand_like(y) + T.randint(3, (6,)),
    "random_inplace": lambda T, F, x, y, i: x * T.empty(4, 6).bernoulli_(0.5) + T.randperm(6),
    "dropout2d": lambda T, F, x, y, i: (
        F.dropout2d(x.view(2, 2, 2, 3)) + F.alpha_dropout(y.view(2, 2, 2, 3), 0.2, True)
    ),
    "detach": lambda T, F, x, y, i: x * y.detach() + x.detach(),
    "fill": lambda T, F, x, y, i: T.zeros(4, 6).fill_(2.0) * x,
    "complex_shapes": lambda T, F, x, y, i: (
        x.view(2, 2, 6).transpose(1, 2).reshape(12, 2).contiguous().view(4, 6) * y
    ),
    "clone_inplace": lambda T, F, x, y, i: x.clone().add_(y).mul_(2).relu_(),
    "setitem": lambda T, F, x, y, i: _setitem(T, x, y),
    "write_through_view": lambda T, F, x, y, i: _write_through_view(T, x, y),
    "iadd": lambda T, F, x, y, i: _iadd(x, y),
    "no_grad": lambda T, F, x, y, i: _no_grad(T, x, y),
}


def _setitem(T, x, y):
    out = T.zeros(4, 6)
    out[:, 0] = x[:, 0]
    out[1:, 2:4] = y[1:, :2]
    out[0, 1:] *= 2
    return out


def _write_through_view(T, x, y):
    a = x * 2
    a.view(-1)[3:9].mul_(3)
    a.t()[1] = y[:, 1]
    return a


def _iadd(x, y):
    a = x * 1
    a += y
    a[:, 1] -= 2
    a **= 2
    return a


def _no_grad(T, x, y):
    with T.no_grad():
        z = x * 3
    return z * y + x
