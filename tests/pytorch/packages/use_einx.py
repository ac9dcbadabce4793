"""einx and opt_einsum: further notations for products and reductions."""

import einx
import opt_einsum
import torch
from package_checks import show

torch.manual_seed(7)
x, w = torch.randn(2, 3, 4, requires_grad=True), torch.randn(4, 5)
show("sum", einx.sum("a [b] c", x))
show("mean", einx.mean("a b [c]", x))
show("rearrange", einx.id("a b c -> (a b) c", x))
show("dot", einx.dot("a b [c], [c] d -> a b d", x, w))
show("add", einx.add("a b c, c -> a b c", x, w[:, 0]))
show("softmax", einx.softmax("a b [c]", x))
show("vmap", einx.get_at("[b] c, a -> a c", x[0], torch.tensor([2, 0])))
show("gradient", torch.autograd.grad(einx.dot("a b [c], [c] d -> a b d", x, w).pow(2).sum(), x))
y = torch.randn(3, 4, 2)
show("contract", opt_einsum.contract("abc,bcd,ce->ade", x, y, w))
show("expression", opt_einsum.contract_expression("ab,bc->ac", (3, 4), w.shape)(x[0], w))
