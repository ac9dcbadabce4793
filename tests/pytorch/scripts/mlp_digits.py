"""A perceptron on scikit-learn's digits, with a loader, a scheduler and a checkpoint."""

import os
import tempfile

import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(0)


class MLP(nn.Module):
    def __init__(self, hidden=64, classes=10, p=0.2):
        super().__init__()
        self.fc1 = nn.Linear(64, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, classes)
        self.dropout = nn.Dropout(p)

    def forward(self, x):
        x = torch.relu(self.fc1(x))
        x = self.dropout(x)
        x = torch.relu(self.fc2(x))
        return self.out(x)


digits = load_digits()
images = torch.tensor(digits.data, dtype=torch.float32) / 16.0
labels = torch.tensor(digits.target)
train_set, test_set = random_split(TensorDataset(images, labels), [1500, 297])
train_loader = DataLoader(train_set, batch_size=64, shuffle=True)
test_loader = DataLoader(test_set, batch_size=128)

model = MLP()
print(model)
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=2e-3, weight_decay=1e-4)
scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)

step = 0
for epoch in range(5):
    model.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step < 50:
            print(f"step {step} loss {loss.item():.7f}")
        step += 1
    scheduler.step()
    print(f"epoch {epoch} lr {scheduler.get_last_lr()[0]:.6f}")

path = os.path.join(tempfile.mkdtemp(), "mlp.pt")
torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, path)
restored = MLP()
restored.load_state_dict(torch.load(path)["model"])
restored.eval()
correct = total = 0
with torch.no_grad():
    for x, y in test_loader:
        correct += (restored(x).argmax(dim=1) == y).sum().item()
        total += y.size(0)
print(f"accuracy {correct / total:.4f}")
