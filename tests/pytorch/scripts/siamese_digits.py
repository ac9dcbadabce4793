"""Siamese embeddings of digits with a triplet loss, two worker processes and a checkpoint."""

import io

import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, Dataset


class Triplets(Dataset):
    def __init__(self, images, labels, n=640):
        self.images, self.labels, self.n = images, labels, n
        self.by_class = [np.where(labels == c)[0] for c in range(10)]

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        rng = np.random.RandomState(i)
        anchor = i % len(self.images)
        c = self.labels[anchor]
        positive = rng.choice(self.by_class[c])
        negative = rng.choice(self.by_class[(c + rng.randint(1, 10)) % 10])
        return tuple(torch.from_numpy(self.images[j]) for j in (anchor, positive, negative))


class Embedding(nn.Module):
    def __init__(self, dim=16):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.PReLU(), nn.AvgPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.PReLU(), nn.AvgPool2d(2), nn.Flatten(),
        )
        self.head = nn.Linear(64, dim)

    def forward(self, x):
        return nn.functional.normalize(self.head(self.body(x)), dim=1)


def main():
    torch.manual_seed(8)
    data = load_digits()
    images = (data.images / 16.0).astype(np.float32)[:, None]
    loader = DataLoader(Triplets(images[:1200], data.target[:1200]), batch_size=32, shuffle=True)
    model = Embedding()
    criterion = nn.TripletMarginLoss(margin=0.5)
    optimizer = torch.optim.Adagrad(model.parameters(), lr=0.02)
    step = 0
    for epoch in range(3):
        for anchor, positive, negative in loader:
            optimizer.zero_grad()
            loss = criterion(model(anchor), model(positive), model(negative))
            loss.backward()
            optimizer.step()
            if step < 50:
                print(f"step {step} loss {loss.item():.7f}")
            step += 1
        buffer = io.BytesIO()
        torch.save(model.state_dict(), buffer)
        buffer.seek(0)
        model.load_state_dict(torch.load(buffer, weights_only=True))

    with torch.no_grad():
        e = model(torch.from_numpy(images))
        distance = torch.cdist(e[1200:], e[:1200])
        nearest = distance.argmin(dim=1).numpy()
    accuracy = (data.target[:1200][nearest] == data.target[1200:]).mean()
    print(f"accuracy {accuracy:.4f}")


if __name__ == "__main__":
    main()
