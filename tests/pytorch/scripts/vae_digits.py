"""A variational autoencoder of digits."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.distributions import Normal, kl_divergence
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(3)


class VAE(nn.Module):
    def __init__(self, hidden=128, latent=8):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, hidden), nn.Tanh())
        self.mu = nn.Linear(hidden, latent)
        self.logvar = nn.Linear(hidden, latent)
        self.decoder = nn.Sequential(
            nn.Linear(latent, hidden), nn.Tanh(), nn.Linear(hidden, 64), nn.Sigmoid()
        )

    def encode(self, x):
        h = self.encoder(x)
        return self.mu(h), self.logvar(h)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        return mu + torch.randn_like(std) * std

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decoder(self.reparameterize(mu, logvar)), mu, logvar


def loss_function(recon, x, mu, logvar):
    bce = F.binary_cross_entropy(recon, x, reduction="sum")
    kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return (bce + kld) / x.size(0)


x = torch.tensor(load_digits().data, dtype=torch.float32).div_(16.0)
loader = DataLoader(TensorDataset(x), batch_size=100, shuffle=True)
model = VAE()
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)

step = 0
for epoch in range(3):
    for (batch,) in loader:
        optimizer.zero_grad()
        recon, mu, logvar = model(batch)
        loss = loss_function(recon, batch, mu, logvar)
        loss.backward()
        optimizer.step()
        if step < 50:
            print(f"step {step} loss {loss.item():.7f}")
        step += 1

with torch.no_grad():
    mu, logvar = model.encode(x[:200])
    kl = kl_divergence(Normal(mu, (0.5 * logvar).exp()), Normal(0.0, 1.0)).sum(-1).mean()
    sample = model.decoder(torch.randn(16, 8))
print(f"kl {kl.item():.5f} sample {sample.mean().item():.5f}")
error = F.mse_loss(model(x)[0], x).item()
print(f"accuracy {1 - error:.4f}")
