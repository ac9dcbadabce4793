"""A convolutional network on handwritten digits, as one writes it for PyTorch.

    python -m functorch_lite.torch examples/torch_digits.py

The same file runs on PyTorch: ``python examples/torch_digits.py``.  The data are scikit-learn's
1,797 images of 8 x 8 pixels.  The best model on the validation images is kept in a checkpoint;
``--resume`` goes on from the last one.
"""

import argparse
from pathlib import Path

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split


class DigitNet(nn.Module):
    def __init__(self, classes=10):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, kernel_size=3, padding=1, bias=False),  # (N, 16, 8, 8)
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.MaxPool2d(2),  # (N, 16, 4, 4)
            nn.Conv2d(16, 32, kernel_size=3, padding=1, bias=False),  # (N, 32, 4, 4)
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.MaxPool2d(2),  # (N, 32, 2, 2)
        )
        self.dropout = nn.Dropout(0.25)
        self.classifier = nn.Linear(32 * 2 * 2, classes)

    def forward(self, x):
        x = self.features(x)
        x = self.dropout(x.flatten(1))
        return self.classifier(x)


def load_data(seed):
    """Training, validation and test images with their labels."""
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
    labels = torch.tensor(digits.target, dtype=torch.long)
    dataset = TensorDataset(images, labels)
    generator = torch.Generator().manual_seed(seed)
    return random_split(dataset, [0.7, 0.1, 0.2], generator=generator)


def train_one_epoch(model, loader, criterion, optimizer):
    """One pass over the training images; the mean loss."""
    model.train()
    total = 0.0
    for images, labels in loader:
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), max_norm=5.0)
        optimizer.step()
        total += loss.item() * len(labels)
    return total / len(loader.dataset)


@torch.no_grad()
def evaluate(model, loader):
    """Mean loss and accuracy, with batch norm and dropout as they are after training."""
    model.eval()
    loss, right = 0.0, 0
    for images, labels in loader:
        logits = model(images)
        loss += F.cross_entropy(logits, labels, reduction="sum").item()
        right += (logits.argmax(dim=1) == labels).sum().item()
    return loss / len(loader.dataset), right / len(loader.dataset)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("digits"), help="folder of checkpoints")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.add_argument("--short", action="store_true", help="three epochs")
    arguments = parser.parse_args()
    epochs = 3 if arguments.short else arguments.epochs
    arguments.out.mkdir(parents=True, exist_ok=True)
    last, best = arguments.out / "last.pt", arguments.out / "best.pt"

    torch.manual_seed(arguments.seed)
    training, validation, test = load_data(arguments.seed)
    train_loader = DataLoader(training, batch_size=arguments.batch_size, shuffle=True)
    valid_loader = DataLoader(validation, batch_size=256)
    test_loader = DataLoader(test, batch_size=256)

    model = DigitNet()
    print(model)
    print(f"parameters: {sum(p.numel() for p in model.parameters() if p.requires_grad)}")
    criterion = nn.CrossEntropyLoss(label_smoothing=0.05)
    optimizer = torch.optim.AdamW(model.parameters(), lr=arguments.lr, weight_decay=1e-2)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)

    start, best_loss = 0, float("inf")
    if arguments.resume:
        checkpoint = torch.load(last)
        model.load_state_dict(checkpoint["model"])
        optimizer.load_state_dict(checkpoint["optimizer"])
        scheduler.load_state_dict(checkpoint["scheduler"])
        torch.set_rng_state(checkpoint["rng"])
        start, best_loss = checkpoint["epoch"], checkpoint["best_loss"]
        print(f"resumed after epoch {start}")

    for epoch in range(start, epochs):
        rate = scheduler.get_last_lr()[0]
        loss = train_one_epoch(model, train_loader, criterion, optimizer)
        valid_loss, accuracy = evaluate(model, valid_loader)
        scheduler.step()
        print(
            f"epoch {epoch + 1:2d}  lr {rate:.5f}  loss {loss:.4f}  "
            f"validation loss {valid_loss:.4f}  accuracy {accuracy:.3f}"
        )
        if valid_loss < best_loss:
            best_loss = valid_loss
            torch.save(model.state_dict(), best)
        checkpoint = {
            "epoch": epoch + 1,
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "scheduler": scheduler.state_dict(),
            "rng": torch.get_rng_state(),
            "best_loss": best_loss,
        }
        torch.save(checkpoint, last)

    model.load_state_dict(torch.load(best))
    _, accuracy = evaluate(model, test_loader)
    print(f"test accuracy: {accuracy:.3f}")


if __name__ == "__main__":
    main()
