"""Learning with distributions: the same numbers as PyTorch's, step by step."""

import numpy as np
import pytest
from oracle import compare, ours, real, same

rng = np.random.default_rng(1)
OBSERVATIONS = rng.normal(size=(5, 4)).astype(np.float32)
WEIGHT = rng.normal(size=(4, 3)).astype(np.float32)


def test_policy_gradient_steps():
    def learned(T):
        T.manual_seed(0)
        x, w = T.tensor(OBSERVATIONS), T.tensor(WEIGHT, requires_grad=True)
        losses, actions = [], []
        for _ in range(5):
            policy = T.distributions.Categorical(logits=x @ w)
            action = policy.sample()
            reward = (action == 1).float() - 0.1 * action.float()
            loss = -(policy.log_prob(action) * reward).mean() - 0.01 * policy.entropy().mean()
            (slope,) = T.autograd.grad(loss, w)
            with T.no_grad():
                w -= 0.5 * slope
            losses.append(loss)
            actions.append(action)
        return [w, T.stack(losses), T.stack(actions)]

    same(learned(ours), learned(real))


def test_a_squashed_gaussian_policy():
    def loss(T, x, w, log_scale):
        D = T.distributions
        T.manual_seed(1)
        base = D.Independent(D.Normal(x @ w, log_scale.exp()), 1)
        policy = D.TransformedDistribution(base, D.TanhTransform(cache_size=1))
        action = policy.rsample()
        return (0.2 * policy.log_prob(action) - action.square().sum(-1)).mean()

    compare(loss, OBSERVATIONS, WEIGHT, np.zeros(3, np.float32), names=False)


def test_a_clipped_ratio_of_policies():
    def loss(T, x, w):
        D = T.distributions
        T.manual_seed(2)
        with T.no_grad():
            old = D.Categorical(logits=x @ w * 0.9)
            action = old.sample()
            before = old.log_prob(action)
        new = D.Categorical(logits=x @ w)
        ratio = (new.log_prob(action) - before).exp()
        gain = T.linspace(-1, 1, 5)
        clipped = ratio.clamp(0.8, 1.2)
        return -T.minimum(ratio * gain, clipped * gain).mean() + D.kl_divergence(old, new).mean()

    compare(loss, OBSERVATIONS, WEIGHT, names=False)


@pytest.mark.parametrize("likelihood", ["Bernoulli", "Normal", "RelaxedOneHotCategorical"])
def test_the_loss_of_a_variational_autoencoder(likelihood):
    def loss(T, x, w, v):
        D = T.distributions
        T.manual_seed(3)
        hidden = x @ w
        posterior = D.Independent(D.Normal(hidden, T.nn.functional.softplus(hidden) + 0.1), 1)
        prior = D.Independent(D.Normal(T.zeros(3), T.ones(3)), 1)
        z = posterior.rsample()
        out = z @ v
        if likelihood == "Bernoulli":
            fit = D.Bernoulli(logits=out).log_prob((x > 0).float()).sum(-1)
        elif likelihood == "Normal":
            fit = D.Normal(out, 0.5).log_prob(x).sum(-1)
        else:
            fit = D.RelaxedOneHotCategorical(T.tensor(0.5), logits=out).log_prob(x.softmax(-1))
        return (D.kl_divergence(posterior, prior) - fit).mean()

    compare(loss, OBSERVATIONS, WEIGHT, WEIGHT.T.copy(), names=False, rtol=1e-4)


def test_a_mixture_is_fitted():
    def fitted(T):
        D = T.distributions
        T.manual_seed(4)
        x = T.cat([T.randn(20) - 2, T.randn(20) * 0.5 + 2])
        weights = T.zeros(2, requires_grad=True)
        loc = T.tensor([-0.5, 0.5], requires_grad=True)
        log_scale = T.zeros(2, requires_grad=True)
        for _ in range(20):
            components = D.Normal(loc, log_scale.exp())
            mixture = D.MixtureSameFamily(D.Categorical(logits=weights), components)
            loss = -mixture.log_prob(x).mean()
            slopes = T.autograd.grad(loss, [weights, loc, log_scale])
            with T.no_grad():
                for p, slope in zip([weights, loc, log_scale], slopes, strict=True):
                    p -= 0.3 * slope
        return loss, weights, loc, log_scale

    same(fitted(ours), fitted(real), rtol=1e-4)


@pytest.mark.long
def test_many_samples_in_many_shapes():
    for seed in range(20):

        def question(T, seed=seed):
            D = T.distributions
            T.manual_seed(seed)
            shape = (seed + 1, 37)
            scale = T.linspace(0.1, 5, 37)
            return [
                D.Normal(0.0, scale).sample(shape[:1]), D.Laplace(scale, scale).rsample(shape),
                D.Gamma(scale, scale).sample(shape[:1]), D.Beta(scale, 2.0).sample(shape[:1]),
                D.Poisson(scale * 5).sample(shape[:1]), D.Gumbel(scale, scale).rsample(shape),
                D.Categorical(scale).sample(shape), D.Binomial(40, scale / 6).sample(shape[:1]),
                D.Geometric(scale / 6).sample(shape), D.Cauchy(0.0, scale).sample(shape[:1]),
                D.StudentT(scale, 0.0, 1.0).sample(shape[:1]), T.rand(1),
            ]  # fmt: skip

        compare(question, grads=False, strides=False)
