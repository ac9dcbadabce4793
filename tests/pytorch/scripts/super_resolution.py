"""Sub-pixel super-resolution of digits."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(9)


class ESPCN(nn.Module):
    def __init__(self, upscale=2):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, (5, 5), (1, 1), (2, 2))
        self.conv2 = nn.Conv2d(32, 16, (3, 3), (1, 1), (1, 1))
        self.conv3 = nn.Conv2d(16, upscale**2, (3, 3), (1, 1), (1, 1))
        self.shuffle = nn.PixelShuffle(upscale)
        self._initialize_weights()

    def forward(self, x):
        base = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        x = F.relu(self.conv1(x))
        x = F.relu(self.conv2(x))
        return base + self.shuffle(self.conv3(x))

    def _initialize_weights(self):
        nn.init.orthogonal_(self.conv1.weight, nn.init.calculate_gain("relu"))
        nn.init.orthogonal_(self.conv2.weight, nn.init.calculate_gain("relu"))
        nn.init.normal_(self.conv3.weight, std=0.01)


high = torch.tensor(load_digits().images, dtype=torch.float32).unsqueeze(1) / 16
low = F.avg_pool2d(high, 2)
loader = DataLoader(TensorDataset(low[:1024], high[:1024]), batch_size=64, shuffle=True)
model = ESPCN()
criterion = nn.L1Loss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=1, factor=0.5)


def psnr(a, b):
    return 10 * torch.log10(1 / F.mse_loss(a, b))


step = 0
for epoch in range(4):
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
        if step < 50:
            print(f"step {step} loss {loss.item():.7f}")
        step += 1
    scheduler.step(total)
with torch.no_grad():
    quality = psnr(model(low[1024:]).clamp(0, 1), high[1024:])
print(f"accuracy {quality.item():.3f}")
