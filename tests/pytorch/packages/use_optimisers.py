"""lion-pytorch and ema-pytorch: an optimiser, and averaged weights."""

import torch
from ema_pytorch import EMA, PostHocEMA  # noqa: F401
from lion_pytorch import Lion
from package_checks import show, show_step

torch.manual_seed(1)
net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
data = torch.randn(16, 4)
optimizer = Lion(net.parameters(), lr=1e-2, weight_decay=1e-2, decoupled_weight_decay=True)
ema = EMA(net, beta=0.9, update_after_step=1, update_every=2)
for step in range(6):
    optimizer.zero_grad()
    show_step(f"step {step}", net, (net(data) - data[:, :1]).pow(2).mean())
    optimizer.step()
    ema.update()
show("averaged", ema(data))
show("weights", dict(ema.ema_model.state_dict()))
show("state", {k: v for k, v in ema.state_dict().items() if k in ("step", "initted")})
again = EMA(net, beta=0.9, include_online_model=False)
show("keys", sorted(again.state_dict()))
show("optimizer", sorted(optimizer.state_dict()["state"]))
