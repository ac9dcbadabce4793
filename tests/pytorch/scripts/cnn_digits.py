"""A convolutional network with batch normalisation on digits, SGD with momentum."""

import os
import tempfile

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(1)
np.random.seed(1)


class Digits(Dataset):
    def __init__(self, train=True, split=1400):
        data = load_digits()
        images = data.images.astype(np.float32)[:, None] / 16.0
        part = slice(None, split) if train else slice(split, None)
        self.images, self.labels = images[part], data.target[part]

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return torch.from_numpy(self.images[i]), int(self.labels[i])


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, kernel_size=3, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, kernel_size=3, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Linear(32 * 2 * 2, 10)

    def forward(self, x):
        x = self.features(x)
        return self.classifier(torch.flatten(x, 1))


device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
model = Net().to(device)
print("parameters", sum(p.numel() for p in model.parameters()))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=3)
loader = DataLoader(Digits(), batch_size=32, shuffle=True, drop_last=True)

step = 0
for epoch in range(3):
    model.train()
    for images, labels in loader:
        images, labels = images.to(device), labels.to(device)
        loss = F.cross_entropy(model(images), labels, label_smoothing=0.1)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if step < 50:
            print(f"step {step} loss {loss.item():.7f}")
        step += 1
    scheduler.step()

path = os.path.join(tempfile.mkdtemp(), "cnn.pth")
torch.save(model.state_dict(), path)
model = Net()
model.load_state_dict(torch.load(path, map_location=device))
model.eval()
hits = 0
test = Digits(train=False)
with torch.no_grad():
    for images, labels in DataLoader(test, batch_size=100):
        hits += (model(images).max(1)[1] == labels).sum().item()
print(f"accuracy {hits / len(test):.4f}")
