"""REINFORCE with a baseline on a corridor."""

import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from torch.distributions import Categorical

torch.manual_seed(7)
rng = np.random.RandomState(7)


class Corridor:
    """The goal is the right end; wind blows to the left now and then."""

    size = 8

    def reset(self):
        self.position, self.time = 2, 0
        return self.observe()

    def observe(self):
        state = np.zeros(self.size, dtype=np.float32)
        state[self.position] = 1.0
        return state

    def step(self, action):
        move = 1 if action == 1 else -1
        if rng.rand() < 0.1:
            move = -1
        self.position = int(np.clip(self.position + move, 0, self.size - 1))
        self.time += 1
        done = self.position == self.size - 1 or self.time >= 30
        return self.observe(), 1.0 if self.position == self.size - 1 else -0.05, done


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.affine = nn.Linear(Corridor.size, 32)
        self.action_head = nn.Linear(32, 2)
        self.value_head = nn.Linear(32, 1)

    def forward(self, x):
        x = torch.tanh(self.affine(x))
        return torch.softmax(self.action_head(x), dim=-1), self.value_head(x)


policy = Policy()
optimizer = optim.Adam(policy.parameters(), lr=1e-2)
env, gamma, lengths = Corridor(), 0.97, []

for episode in range(60):
    state, log_probs, values, rewards, done = env.reset(), [], [], [], False
    entropy = torch.zeros(())
    while not done:
        probs, value = policy(torch.from_numpy(state).unsqueeze(0))
        m = Categorical(probs)
        action = m.sample()
        log_probs.append(m.log_prob(action))
        entropy = entropy + m.entropy().mean()
        values.append(value.squeeze())
        state, reward, done = env.step(action.item())
        rewards.append(reward)
    returns, R = [], 0.0
    for r in rewards[::-1]:
        R = r + gamma * R
        returns.insert(0, R)
    returns = torch.tensor(returns)
    values = torch.stack(values)
    advantage = returns - values.detach()
    policy_loss = -(torch.cat(log_probs) * advantage).sum()
    value_loss = nn.functional.smooth_l1_loss(values, returns, reduction="sum")
    loss = policy_loss + value_loss - 0.01 * entropy
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    lengths.append(len(rewards))
    if episode < 50:
        print(f"step {episode} loss {loss.item():.7f}")
print(f"accuracy {np.mean(lengths[-10:]):.4f}")
