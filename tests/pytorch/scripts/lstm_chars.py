"""A character language model with an LSTM, gradient clipping and a checkpoint in the middle."""

import os
import tempfile

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(5)
text = ("the quick brown fox jumps over the lazy dog and the small cat sleeps near a warm stove. " * 12)
chars = sorted(set(text))
stoi = {c: i for i, c in enumerate(chars)}
itos = {i: c for c, i in stoi.items()}


class Characters(Dataset):
    def __init__(self, text, block=24):
        self.data = torch.tensor([stoi[c] for c in text], dtype=torch.long)
        self.block = block

    def __len__(self):
        return (len(self.data) - 1) // self.block

    def __getitem__(self, i):
        start = i * self.block
        chunk = self.data[start : start + self.block + 1]
        return chunk[:-1], chunk[1:]


class CharLSTM(nn.Module):
    def __init__(self, vocab, embed=16, hidden=48, layers=2):
        super().__init__()
        self.embedding = nn.Embedding(vocab, embed)
        self.lstm = nn.LSTM(embed, hidden, num_layers=layers, batch_first=True, dropout=0.1)
        self.fc = nn.Linear(hidden, vocab)

    def forward(self, x, state=None):
        out, state = self.lstm(self.embedding(x), state)
        return self.fc(out), state


loader = DataLoader(Characters(text), batch_size=8, shuffle=True)
model = CharLSTM(len(chars))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
path = os.path.join(tempfile.mkdtemp(), "checkpoint.tar")

step = 0
for epoch in range(9):
    for x, y in loader:
        optimizer.zero_grad()
        logits, _ = model(x)
        loss = criterion(logits.reshape(-1, len(chars)), y.reshape(-1))
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        if step < 50:
            print(f"step {step} loss {loss.item():.7f}")
        step += 1
    if epoch == 4:
        torch.save(
            {"epoch": epoch, "model": model.state_dict(), "optimizer": optimizer.state_dict()}, path
        )
        checkpoint = torch.load(path)
        model = CharLSTM(len(chars))
        model.load_state_dict(checkpoint["model"])
        optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
        optimizer.load_state_dict(checkpoint["optimizer"])

model.eval()
with torch.no_grad():
    token, state, out = torch.tensor([[stoi["t"]]]), None, []
    for _ in range(20):
        logits, state = model(token, state)
        token = logits[:, -1].argmax(-1, keepdim=True)
        out.append(itos[token.item()])
    x = torch.stack([Characters(text)[i][0] for i in range(20)])
    y = torch.stack([Characters(text)[i][1] for i in range(20)])
    hits = (model(x)[0].argmax(-1) == y).float().mean().item()
print(f"accuracy {hits:.4f}")
