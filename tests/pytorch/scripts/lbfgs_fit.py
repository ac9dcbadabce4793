"""Curve fitting by L-BFGS with closures, and sine waves extended by an LSTM cell."""

import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim

np.random.seed(11)
torch.manual_seed(11)


class Sequence(nn.Module):
    def __init__(self, hidden=12):
        super().__init__()
        self.hidden = hidden
        self.lstm1 = nn.LSTMCell(1, hidden)
        self.linear = nn.Linear(hidden, 1)

    def forward(self, inputs, future=0):
        outputs = []
        h_t = torch.zeros(inputs.size(0), self.hidden, dtype=torch.double)
        c_t = torch.zeros(inputs.size(0), self.hidden, dtype=torch.double)
        for input_t in inputs.split(1, dim=1):
            h_t, c_t = self.lstm1(input_t, (h_t, c_t))
            output = self.linear(h_t)
            outputs += [output]
        for _ in range(future):
            h_t, c_t = self.lstm1(output, (h_t, c_t))
            output = self.linear(h_t)
            outputs += [output]
        return torch.cat(outputs, dim=1)


t = np.arange(24)[None, :] + np.random.randint(-40, 40, (8, 1))
data = torch.from_numpy(np.sin(t / 5.0))
inputs, target = data[2:, :-1], data[2:, 1:]
model = Sequence()
model.double()
criterion = nn.MSELoss()
optimizer = optim.LBFGS(model.parameters(), lr=0.8, max_iter=5)
step = 0


def closure():
    global step
    optimizer.zero_grad()
    out = model(inputs)
    loss = criterion(out, target)
    if step < 50:
        print(f"step {step} loss {loss.item():.9f}")
    step += 1
    loss.backward()
    return loss


for _ in range(6):
    optimizer.step(closure)
with torch.no_grad():
    prediction = model(data[:2, :-1], future=5)
    loss = criterion(prediction[:, :-5], data[:2, 1:])
print(f"accuracy {1 - loss.item():.4f}")

# A polynomial by the same method with a line search.
x = torch.linspace(-1, 1, 50, dtype=torch.float64)
y = 0.3 * x**3 - x + 0.5
w = torch.zeros(4, dtype=torch.float64, requires_grad=True)
fit = optim.LBFGS([w], line_search_fn="strong_wolfe")


def polynomial():
    fit.zero_grad()
    loss = ((torch.stack([x**k for k in range(4)], dim=1) @ w - y) ** 2).mean()
    loss.backward()
    return loss


for _ in range(3):
    fit.step(polynomial)
print("coefficients", [round(v, 4) for v in w.tolist()])
