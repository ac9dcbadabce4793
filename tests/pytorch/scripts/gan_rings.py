"""A generative adversarial network of points on a ring."""

import math

import torch
import torch.nn as nn

torch.manual_seed(4)
latent = 4


def real_batch(n):
    angle = torch.rand(n) * 2 * math.pi
    radius = 1.0 + 0.05 * torch.randn(n)
    return torch.stack([radius * torch.cos(angle), radius * torch.sin(angle)], dim=1)


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(latent, 32), nn.LeakyReLU(0.2), nn.BatchNorm1d(32), nn.Linear(32, 2)
        )

    def forward(self, z):
        return self.net(z)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Dropout(0.3), nn.Linear(32, 1)
        )

    def forward(self, x):
        return self.net(x).squeeze(1)


def weights_init(m):
    if isinstance(m, nn.Linear):
        nn.init.xavier_uniform_(m.weight)
        nn.init.zeros_(m.bias)


G, D = Generator(), Discriminator()
G.apply(weights_init)
D.apply(weights_init)
criterion = nn.BCEWithLogitsLoss()
opt_g = torch.optim.Adam(G.parameters(), lr=1e-3, betas=(0.5, 0.999))
opt_d = torch.optim.Adam(D.parameters(), lr=1e-3, betas=(0.5, 0.999))
fixed = torch.randn(64, latent)

for step in range(60):
    # Discriminator.
    real = real_batch(64)
    fake = G(torch.randn(64, latent))
    d_loss = criterion(D(real), torch.ones(64)) + criterion(D(fake.detach()), torch.zeros(64))
    opt_d.zero_grad()
    d_loss.backward()
    opt_d.step()
    # Generator.
    g_loss = criterion(D(fake), torch.ones(64))
    opt_g.zero_grad()
    g_loss.backward()
    opt_g.step()
    if step < 50:
        print(f"step {step} loss {d_loss.item():.7f} {g_loss.item():.7f}")

G.eval()
with torch.no_grad():
    radius = G(fixed).norm(dim=1)
print(f"accuracy {radius.mean().item():.4f}")
