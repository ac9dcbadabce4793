"""einops: patterns, layers, gradients, vmap, torch.compile."""

import torch
from einops import asnumpy, einsum, pack, parse_shape, rearrange, reduce, repeat, unpack
from einops.layers.torch import EinMix, Rearrange, Reduce
from package_checks import show, show_step

torch.manual_seed(0)
x = torch.randn(2, 3, 4, 6, requires_grad=True)
show("rearrange", rearrange(x, "b c h w -> b (h w) c"))
show("split", rearrange(x, "b c (h p) (w q) -> b (h w) (p q c)", p=2, q=3))
show("stack", rearrange(list(x), "b c h w -> h w b c"))
show("ellipsis", rearrange(x, "b ... w -> w ... b"))
show("unit axes", rearrange(x, "b c h w -> b 1 c () (h w)"))
for how in ("mean", "sum", "max", "min", "prod"):
    show(how, reduce(x, "b c (h p) (w q) -> b c h w", how, p=2, q=2))
show("any", reduce(x.detach() > 1, "b c h w -> b c", "any"))
show("function", reduce(x, "b c h w -> b c", lambda t, axes: t.amax(axes)))
show("repeat", repeat(x[:, :, 0, :2], "b c w -> b (2 c) w n", n=2))
show("einsum", einsum(x, torch.randn(6, 5), "b c h w, w d -> b h d"))
show("einsum of three", einsum(x, x, torch.randn(3), "b c h w, b c h v, c -> b w v"))
packed, shapes = pack([x[:, 0, 0], x[:, :, 1]], "b * w")
show("pack", packed)
show("unpack", unpack(packed, shapes, "b * w"))
show("parse_shape", parse_shape(x, "b c _ w"))
show("asnumpy", torch.from_numpy(asnumpy(x.detach())))
show("numpy", torch.from_numpy(rearrange(x.detach().numpy(), "a b c d -> d c b a").copy()))
loss = sum(rearrange(x, "b c h w -> (b c) (h w)").std(1)) + reduce(x, "b c h w -> b", "max").sum()
show("gradient", torch.autograd.grad(loss, x))
try:
    rearrange(x, "b c h -> b (c h)")
except Exception as error:
    show("error", [type(error).__name__, str(error).split("\n")[0]])

net = torch.nn.Sequential(
    torch.nn.Conv2d(3, 4, 3, padding=1),
    Rearrange("b c (h p) w -> b h w (p c)", p=2),
    torch.nn.GELU(),
    EinMix("b h w c -> b h w d", weight_shape="c d", bias_shape="d", c=8, d=5),
    Reduce("b h w d -> b d", "mean"),
    torch.nn.Linear(5, 2),
)
show_step("layers", net, net(x).pow(2).sum())
print(net)
show("state", sorted(net.state_dict()))
net.eval()
copy = torch.nn.Sequential(*net)
show("compiled layers", torch.compile(net)(x))


def mix(q, k):
    return einsum(q, k, "i d, j d -> i j").softmax(-1)


q, k = torch.randn(2, 5, 3, 4)
show("vmap", torch.vmap(mix)(q, k))
show("vmap of rearrange", torch.vmap(lambda t: rearrange(t, "(a b) c -> b (a c)", a=2))(q[:, :2]))
show("compiled", torch.compile(mix)(q[0], k[0]))
show("compiled reduce", torch.compile(lambda t: reduce(t, "b c (h p) w -> b c w", "sum", p=2))(x))
show("jacobian", torch.func.jacrev(mix)(q[0], k[0]))
