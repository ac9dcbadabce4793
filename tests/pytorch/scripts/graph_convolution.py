"""A graph convolutional network on a stochastic block model, written with plain tensors."""

import math

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.parameter import Parameter

torch.manual_seed(10)
np.random.seed(10)


class GraphConvolution(nn.Module):
    def __init__(self, in_features, out_features, bias=True):
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(torch.empty(in_features, out_features))
        if bias:
            self.bias = Parameter(torch.empty(out_features))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self):
        stdv = 1.0 / math.sqrt(self.weight.size(1))
        self.weight.data.uniform_(-stdv, stdv)
        if self.bias is not None:
            self.bias.data.uniform_(-stdv, stdv)

    def forward(self, x, adj):
        output = torch.mm(adj, torch.mm(x, self.weight))
        return output if self.bias is None else output + self.bias

    def __repr__(self):
        return f"{self.__class__.__name__} ({self.in_features} -> {self.out_features})"


class GCN(nn.Module):
    def __init__(self, nfeat, nhid, nclass, dropout):
        super().__init__()
        self.gc1, self.gc2 = GraphConvolution(nfeat, nhid), GraphConvolution(nhid, nclass)
        self.dropout = dropout

    def forward(self, x, adj):
        x = F.relu(self.gc1(x, adj))
        x = F.dropout(x, self.dropout, training=self.training)
        return F.log_softmax(self.gc2(x, adj), dim=1)


n, classes = 150, 3
labels = torch.from_numpy(np.repeat(np.arange(classes), n // classes))
same = labels[:, None] == labels[None, :]
probability = torch.where(same, 0.2, 0.02).numpy()
upper = np.triu(np.random.rand(n, n) < probability, 1)
adj = torch.from_numpy((upper | upper.T | np.eye(n, dtype=bool)).astype(np.float32))
degree = adj.sum(1)
adj = adj / degree.sqrt()[:, None] / degree.sqrt()[None, :]
features = torch.randn(n, 16) + 0.3 * F.one_hot(labels, 16).float()
order = torch.randperm(n)
idx_train, idx_test = order[:60], order[60:]

model = GCN(16, 16, classes, dropout=0.5)
print(model)
optimizer = torch.optim.Adam(model.parameters(), lr=0.02, weight_decay=5e-4)
for epoch in range(60):
    model.train()
    optimizer.zero_grad()
    output = model(features, adj)
    loss_train = F.nll_loss(output[idx_train], labels[idx_train])
    loss_train.backward()
    optimizer.step()
    if epoch < 50:
        print(f"step {epoch} loss {loss_train.item():.7f}")
model.eval()
output = model(features, adj)
correct = output[idx_test].max(1)[1].eq(labels[idx_test]).double().sum()
print(f"accuracy {correct.item() / len(idx_test):.4f}")
