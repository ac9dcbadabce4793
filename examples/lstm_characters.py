"""An LSTM that learns to spell sentences of a small grammar, character by character.

    python examples/lstm_characters.py --steps 600 --out lstm_characters.png

The corpus is generated, so it is known what there is to learn: the entropy of the grammar is the
loss that no model gets below, and a sample either is a sentence or is none.  Sources: Hochreiter
and Schmidhuber, "Long short-term memory", 1997; Karpathy, "The unreasonable effectiveness of
recurrent neural networks", 2015, for the experiment.
"""

from __future__ import annotations

import argparse
import math
import random as dice
import re
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from tqdm import tqdm

import functorch_lite as fl
from functorch_lite import lax, nn, optim, random
from functorch_lite import numpy as fnp

BATCH, TIME, HIDDEN = 32, 64, 96

# ------------------------------------------------------------------------------------- the grammar
ARTICLES = ("the", "a", "every")
ADJECTIVES = ("small", "red", "quick", "quiet", "")
NOUNS = ("cat", "bird", "fox", "child")
VERBS = ("sees", "hears", "follows", "likes")
SENTENCE = re.compile(
    f"({'|'.join(ARTICLES)})( ({'|'.join(filter(None, ADJECTIVES))}))? ({'|'.join(NOUNS)}) "
    f"({'|'.join(VERBS)}) "
    f"({'|'.join(ARTICLES)})( ({'|'.join(filter(None, ADJECTIVES))}))? ({'|'.join(NOUNS)})"
)
CHARACTERS = sorted(set("".join((*ARTICLES, *ADJECTIVES, *NOUNS, *VERBS))) | {" ", "."})


def sentence(rng: dice.Random) -> str:
    """For example ``the quick fox sees a bird.``; every word is as likely as its alternatives."""
    words = map(rng.choice, (ARTICLES, ADJECTIVES, NOUNS, VERBS, ARTICLES, ADJECTIVES, NOUNS))
    return " ".join(word for word in words if word) + "."


def make_corpus(sentences: int, seed: int) -> tuple[Any, float]:
    """Characters i64[n] as numbers, and the entropy of a character in nats."""
    rng = dice.Random(seed)
    text = "".join(sentence(rng) for _ in range(sentences))
    choices = (len(ARTICLES) * len(ADJECTIVES) * len(NOUNS)) ** 2 * len(VERBS)
    return encode(text), math.log(choices) * sentences / len(text)


def encode(text: str) -> Any:
    return np.array([CHARACTERS.index(c) for c in text])


def decode(numbers: Any) -> str:
    return "".join(CHARACTERS[i] for i in numbers)


# --------------------------------------------------------------------------------------- the model
embedding = nn.Embedding(len(CHARACTERS), 32)
memory = nn.LSTM(32, HIDDEN)
head = nn.Linear(HIDDEN, len(CHARACTERS))


def init(key: Any) -> dict[str, Any]:
    keys = random.split(key, 3)
    return {
        "embedding": embedding.init(keys[0]),
        "lstm": memory.init(keys[1]),
        "head": head.init(keys[2]),
    }


def logits_of(params: Any, characters: Any, carry: Any = None) -> tuple[Any, Any]:
    """Scores of the next character, f32[time, batch, characters], from i64[time, batch]."""
    x = embedding.apply(params["embedding"], characters)  # f32[time, batch, 32]
    out, carry = nn.lstm(params["lstm"], x, carry)  # f32[time, batch, hidden]
    return head.apply(params["head"], out), carry


def loss_fn(params: Any, rows: Any) -> Any:
    """Nats per character of rows i64[time + 1, batch], each character from those before it."""
    logits, _ = logits_of(params, rows[:-1])
    return nn.cross_entropy(logits, rows[1:], axis=-1)


def sample(params: Any, key: Any, length: int) -> Any:
    """Characters i64[length] that follow a full stop, each drawn and fed back."""

    def step(carry: Any, key: Any) -> tuple[Any, Any]:
        character, memory = carry
        logits, memory = logits_of(params, character[None, None], memory)  # f32[1, 1, characters]
        character = random.categorical(key, logits[0, 0])
        return (character, memory), character

    start = fnp.asarray(CHARACTERS.index("."))
    memory = nn.zero_carry(params["lstm"], 1)  # two f32[layers, batch, hidden]
    _, characters = lax.scan(step, (start, memory), random.split(key, length))
    return characters


# ------------------------------------------------------------------------------------ the training
def train(corpus: Any, args: Any) -> tuple[Any, list[float]]:
    optimizer = optim.adam(5e-3)

    @fl.jit
    def step(params: Any, opt: Any, corpus: Any, key: Any) -> tuple[Any, Any, Any]:
        starts = random.randint(key, (BATCH,), 0, len(corpus) - TIME)
        rows = corpus[starts + fnp.arange(TIME + 1)[:, None]]  # i64[time + 1, batch]
        loss, grads = fl.value_and_grad(loss_fn)(params, rows)
        params, opt = optimizer.update(grads, opt, params)
        return params, opt, loss

    init_key, step_key = random.split(random.key(args.seed))
    params = init(init_key)
    # All that the step takes is on one device; what it makes is there, too.
    params, opt, corpus, step_key = fl.device_put(
        (params, optimizer.init(params), corpus, step_key), args.device
    )
    losses = []
    with tqdm(range(args.steps), unit="step") as bar:
        for i in bar:
            params, opt, loss = step(params, opt, corpus, random.fold_in(step_key, i))
            losses.append(float(loss))
            bar.set_postfix(loss=f"{losses[-1]:.3f}")
    return params, losses


def draw(params: Any, losses: list[float], entropy: float, path: Path) -> None:
    """The loss above the entropy, and what the model expects while it reads a sentence."""
    text = ".the quick fox sees a bird."
    logits, _ = logits_of(params, fnp.asarray(encode(text))[:, None])
    expected = np.asarray(nn.softmax(logits[:, 0]))  # f32[time, characters]
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(12, 5), layout="constrained", width_ratios=(2, 3)
    )
    left.plot(losses, linewidth=0.8, label="loss")
    left.axhline(entropy, color="black", linestyle="--", label="entropy of the grammar")
    left.set(xlabel="step", ylabel="nats per character", ylim=(0, None))
    left.legend()
    right.imshow(expected.T, cmap="Blues", aspect="auto")
    right.set_xticks(range(len(text)), list(text))
    right.set_yticks(range(len(CHARACTERS)), CHARACTERS, fontsize=8)
    right.set(xlabel="character read", ylabel="probability of the next")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--short", action="store_true", help="60 steps, a few seconds")
    parser.add_argument("--device", choices={d.kind for d in fl.devices()}, default="cpu")
    parser.add_argument("--out", type=Path, default=Path("lstm_characters.png"), help="the picture")
    args = parser.parse_args()
    if args.short:
        args.steps = 60
    corpus, entropy = make_corpus(5000, args.seed)
    params, losses = train(corpus, args)
    draw(params, losses, entropy, args.out)
    characters = fl.jit(sample, static_argnums=2)(params, random.key(args.seed + 1), 600)
    *sentences, _ = decode(characters.tolist()).split(".")
    right = sum(SENTENCE.fullmatch(s) is not None for s in sentences)
    print(*sentences[:8], sep=".\n", end=".\n")
    print(f"loss: {losses[0]:.4f} at first, {losses[-1]:.4f} at last; entropy: {entropy:.4f}")
    print(f"picture: {args.out}")
    print(f"sentences of the grammar: {right} of {len(sentences)}")


if __name__ == "__main__":
    main()
