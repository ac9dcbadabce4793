"""torchdiffeq: differential equations, and gradients through them."""

import torch
from package_checks import show, show_step
from torchdiffeq import odeint, odeint_adjoint, odeint_event

torch.manual_seed(5)


class Field(torch.nn.Module):
    def __init__(self):
        super().__init__()
        linear = torch.nn.Linear
        self.net = torch.nn.Sequential(linear(2, 8), torch.nn.Tanh(), linear(8, 2))

    def forward(self, t, y):
        return self.net(y**3) - 0.1 * y


field, start = Field().double(), torch.tensor([[1.5, -0.5]], dtype=torch.float64)
times = torch.linspace(0.0, 2.0, 5, dtype=torch.float64)
for method in ("dopri5", "bosh3", "euler", "midpoint", "rk4", "explicit_adams"):
    show(method, odeint(field, start, times, method=method, rtol=1e-4, atol=1e-5))
for name, solve in (("direct", odeint), ("adjoint", odeint_adjoint)):
    field.zero_grad()
    show_step(name, field, solve(field, start, times, rtol=1e-4, atol=1e-5).pow(2).mean())
ends = odeint_event(
    field, start, torch.tensor(0.0, dtype=torch.float64),
    event_fn=lambda t, y: t - 1.3 + 0 * y[0, 0], method="dopri5", odeint_interface=odeint,
)  # fmt: skip
show("event", ends)
