"""The examples run as a user runs them."""

import importlib.util
import os
import random
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite.core.op import REGISTRY

REPOSITORY = Path(__file__).resolve().parent.parent
EXAMPLES = REPOSITORY / "examples"

for library in ("sklearn", "matplotlib", "tqdm", "threadpoolctl"):
    pytest.importorskip(library)


def run(name, *arguments, way=()):
    command = [sys.executable, *way, EXAMPLES / name, *arguments]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)


def load(name):
    """An example as a module, for its functions; nothing of it runs."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def is_picture(path):
    content = path.read_bytes()
    return content.startswith(b"\x89PNG") and len(content) > 10_000


# ------------------------------------------------------------------------------------ train_digits
train_digits = partial(run, "train_digits.py")


def accuracy_of(done):
    assert done.returncode == 0, done.stderr
    label, _, value = done.stdout.splitlines()[-1].rpartition(" ")
    assert label == "test accuracy:"
    assert len(value) == len("0.978")
    return float(value)


def test_train_digits(tmp_path):
    arguments = ["--epochs", "3", "--seed", "5", "--out"]
    first = train_digits(*arguments, tmp_path / "first")
    assert accuracy_of(first) > 0.8
    for name in ("curves.png", "predictions.png"):
        assert is_picture(tmp_path / "first" / name)
    assert "loss=" in first.stderr
    second = train_digits(*arguments, tmp_path / "second")
    table = [text for text in first.stdout.splitlines() if "pictures" not in text]
    assert table == [text for text in second.stdout.splitlines() if "pictures" not in text]


def test_the_convolutional_network_learns(tmp_path):
    done = train_digits("--model", "cnn", "--epochs", "3", "--out", tmp_path)
    assert accuracy_of(done) > 0.8


@pytest.mark.long
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop", "adagrad"])
def test_train_digits_reaches_its_accuracy(optimizer, tmp_path):
    done = train_digits("--optimizer", optimizer, "--out", tmp_path)
    assert accuracy_of(done) >= 0.97


@pytest.mark.long
def test_the_convolutional_network_reaches_its_accuracy(tmp_path):
    assert accuracy_of(train_digits("--model", "cnn", "--out", tmp_path)) >= 0.98


@pytest.mark.parametrize("name", ["train_digits.py", "neural_ode.py"])
def test_a_missing_gpu_is_one_line_and_exit_status_2(name, tmp_path):
    if {device.kind for device in fl.devices()} != {"cpu"}:
        pytest.skip("there is a GPU")
    done = run(name, "--device", "cuda", "--out", tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "cuda" in done.stderr
    assert done.stdout == ""


# ----------------------------------------------------------------------------- PyTorch's own words
def run_as_torch(name, *arguments):
    """Run an example written for PyTorch on functorch_lite.torch."""
    return run(name, *arguments, way=("-m", "functorch_lite.torch"))


def test_torch_digits_learns_and_resumes(tmp_path):
    done = run_as_torch("torch_digits.py", "--short", "--out", tmp_path)
    assert accuracy_of(done) > 0.9
    rows = [text.split() for text in done.stdout.splitlines() if text.startswith("epoch")]
    assert [row[:2] for row in rows] == [["epoch", "1"], ["epoch", "2"], ["epoch", "3"]]
    assert {path.name for path in tmp_path.iterdir()} == {"last.pt", "best.pt"}
    done = run_as_torch("torch_digits.py", "--epochs", "4", "--resume", "--out", tmp_path)
    assert accuracy_of(done) > 0.9
    assert "resumed after epoch 3\nepoch  4" in done.stdout


def test_torch_documents_walks_through():
    done = run_as_torch("torch_documents.py", "--short")
    assert done.returncode == 0, done.stderr
    assert "shapes cannot be multiplied (16x1600 and 9216x128)" in done.stdout
    assert "loss fell: True" in done.stdout
    assert done.stdout.splitlines()[-1] == "all 12 stops made"


@pytest.mark.long
@pytest.mark.parametrize(
    "name, arguments", [("torch_digits.py", ["--out", "."]), ("torch_documents.py", [])]
)
def test_examples_for_torch_print_what_pytorch_prints(name, arguments, tmp_path, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    found, expected = (way(name, "--short", *arguments) for way in (run_as_torch, run))
    assert found.returncode == expected.returncode == 0, found.stderr + expected.stderr
    number = re.compile(r"-?\d+(?:\.\d*)?(?:e[+-]?\d+)?")
    texts = [number.sub("#", done.stdout) for done in (found, expected)]
    assert texts[0] == texts[1]
    values = [[float(x) for x in number.findall(done.stdout)] for done in (found, expected)]
    assert values[0] == pytest.approx(values[1], rel=5e-3, abs=5e-3)


# ------------------------------------------------------------------------------- one picture each
SHORT = [
    "cnn_digits",
    "lstm_characters",
    "logistic_lbfgs",
    "ensemble_vmap",
    "per_example_gradients",
]


def numbers_of(done, label):
    """The numbers in the line that starts with a label."""
    assert done.returncode == 0, done.stderr
    (line,) = [text for text in done.stdout.splitlines() if text.startswith(label)]
    return [float(x) for x in re.findall(r"\d+(?:\.\d+)?(?:e-?\d+)?", line.removeprefix(label))]


@pytest.mark.parametrize("name", SHORT)
def test_the_loss_falls_and_a_picture_is_left(name, tmp_path):
    path = tmp_path / "picture.png"
    done = run(f"{name}.py", "--short", "--out", path)
    first, last, *_ = numbers_of(done, "loss:")
    assert last < 0.5 * first
    assert is_picture(path)
    assert "100%" in done.stderr


def test_a_missing_gpu_is_a_wrong_choice():
    if {device.kind for device in fl.devices()} != {"cpu"}:
        pytest.skip("there is a GPU")
    done = run("ensemble_vmap.py", "--device", "cuda")
    assert done.returncode == 2
    assert "invalid choice: 'cuda'" in done.stderr


@pytest.mark.long
def test_batch_normalisation_and_augmentation_reach_their_accuracy(tmp_path):
    done = run("cnn_digits.py", "--out", tmp_path / "picture.png")
    assert numbers_of(done, "test accuracy:")[0] >= 0.98


@pytest.mark.long
def test_the_lstm_spells(tmp_path):
    done = run("lstm_characters.py", "--out", tmp_path / "picture.png")
    _, loss, entropy = numbers_of(done, "loss:")
    assert entropy < loss < 1.15 * entropy
    right, count = numbers_of(done, "sentences of the grammar:")
    assert count > 10 and right >= 0.9 * count


def test_a_sentence_of_the_grammar_is_one():
    example = load("lstm_characters")
    rng = random.Random(0)
    made = [example.sentence(rng) for _ in range(200)]
    assert all(example.SENTENCE.fullmatch(s.removesuffix(".")) for s in made)
    assert not example.SENTENCE.fullmatch("the the cat sees a bird")
    assert example.decode(example.encode(made[0])) == made[0]


def test_the_lstm_samples_what_it_would_read():
    example = load("lstm_characters")
    params = example.init(fl.random.key(0))
    drawn = example.sample(params, fl.random.key(1), 12)
    text = fnp.concatenate([fnp.asarray([example.CHARACTERS.index(".")]), drawn[:-1]])
    logits, _ = example.logits_of(params, text[:, None])  # all at once instead of one by one
    keys = fl.random.split(fl.random.key(1), 12)
    assert fl.vmap(fl.random.categorical)(keys, logits[:, 0]).tolist() == drawn.tolist()


def test_the_fit_is_that_of_scikit_learn():
    linear_model = pytest.importorskip("sklearn.linear_model")
    example = load("logistic_lbfgs")
    x, _, y, _ = example.load()
    params, _ = fl.jit(example.fit)(1e-2, fnp.asarray(x), fnp.asarray(y))
    theirs = linear_model.LogisticRegression(C=1 / (1e-2 * len(x)), tol=1e-10, max_iter=10_000)
    theirs.fit(x, y)
    np.testing.assert_allclose(params["w"], theirs.coef_[0], atol=1e-5)
    np.testing.assert_allclose(params["b"], theirs.intercept_[0], atol=1e-5)


def test_an_ensemble_is_its_members():
    example = load("ensemble_vmap")
    x, y = example.make_data(fl.random.key(0), 20)
    keys = fl.random.split(fl.random.key(1), 3)
    rows = fnp.arange(60).reshape(3, 20) % 20
    members = fl.vmap(example.init_member)(keys)
    together = fl.vmap(example.train_member, in_axes=(0, 0, 0, None, None))(*members, rows, x, y)
    for i, key in enumerate(keys):
        alone = example.train_member(*example.init_member(key), rows[i], x, y)
        pairs = zip(fl.tree.leaves(together), fl.tree.leaves(alone), strict=True)
        assert all(np.allclose(a[i], b, atol=1e-6) for a, b in pairs)


def test_no_example_moves_the_weights_by_more_than_the_clip():
    example = load("per_example_gradients")
    params = example.net.init(fl.random.key(0))
    images, _, labels, _ = (part[:5] for part in example.load())
    grads = fl.vmap(fl.grad(example.loss_fn), in_axes=(None, 0, 0))(params, images, labels)
    norms = example.gradient_norms(params, images, labels)
    for limit in (0.01, 1e6):
        cut = fl.vmap(lambda g, limit=limit: example.norm_of(example.clipped(g, limit)))(grads)
        np.testing.assert_allclose(cut, np.minimum(norms, limit), rtol=1e-5)
    mean = fl.tree.map(lambda g: g.mean(0), grads)
    whole = fl.grad(lambda p: fl.nn.cross_entropy(example.net.apply(p, images), labels))(params)
    pairs = zip(fl.tree.leaves(mean), fl.tree.leaves(whole), strict=True)
    assert all(np.allclose(a, b, atol=1e-6) for a, b in pairs)


def test_a_users_gradient_tests():
    pytest.importorskip("hypothesis")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, EXAMPLES / "test_my_gradients.py"],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "8 passed" in done.stdout


# -------------------------------------------------------------------------------------- neural_ode
neural_ode = partial(run, "neural_ode.py")


def ode_results(done):
    """Test loss, and the smallest and largest number of solver steps."""
    assert done.returncode == 0, done.stderr
    *_, steps, loss = done.stdout.splitlines()
    counts = re.fullmatch(r"solver steps per test trajectory: (\d+) to (\d+)", steps)
    value = re.fullmatch(r"test loss: (\d+\.\d{6})", loss)
    assert counts and value, done.stdout
    return float(value[1]), int(counts[1]), int(counts[2])


@pytest.mark.parametrize("solver", ["fixed", "adaptive"])
def test_neural_ode(solver, tmp_path):
    arguments = ["--solver", solver, "--steps", "30", "--seed", "3", "--out", tmp_path]
    first = neural_ode(*arguments)
    loss, fewest, most = ode_results(first)
    training_loss = [float(row.split()[1]) for row in first.stdout.splitlines()[1:-3]]
    assert training_loss[-1] < 0.5 * training_loss[0]
    assert loss < 0.5 * training_loss[0]
    assert (fewest == most) == (solver == "fixed")
    assert is_picture(tmp_path / "trajectories.png")
    if solver == "adaptive":
        assert neural_ode(*arguments).stdout == first.stdout


@pytest.mark.long
@pytest.mark.parametrize("solver", ["fixed", "adaptive"])
def test_neural_ode_learns_the_pendulum(solver, tmp_path):
    loss, _, _ = ode_results(neural_ode("--solver", solver, "--out", tmp_path))
    assert loss < 1e-3


class OdeProblem:
    """A small network in float64 and three starting points, for checks of the gradient."""

    def __init__(self):
        self.example = load("neural_ode")
        params = self.example.net.init(fl.random.key(1))
        self.params = fl.tree.map(lambda w: 3 * w.astype("float64"), params)  # it moves fast
        self.starts = fnp.asarray([[1.5, -0.5], [-0.3, 0.8], [0.1, 0.0]], "float64")
        self.times = fnp.asarray([0.0, 1.0, 3.0], "float64")
        rng = np.random.default_rng(0)
        self.direction = fl.tree.map(lambda w: rng.standard_normal(w.shape), self.params)

    def field(self, params):
        return partial(self.example.net.apply, params)

    def loss(self, solver, params):
        solve = partial(self.example.solve_batch, solver)
        later, _ = solve(params, self.starts, self.times)
        return fnp.sum(later**2)

    def slope(self, gradient):
        """The derivative along the direction."""
        pairs = zip(fl.tree.leaves(gradient), fl.tree.leaves(self.direction), strict=True)
        return sum(float((np.asarray(g) * d).sum()) for g, d in pairs)

    def difference(self, loss, eps=1e-6):
        """The central difference along the direction."""
        ends = [
            fl.tree.map(lambda w, d, e=e: w + e * d, self.params, self.direction)
            for e in (-eps, eps)
        ]
        low, high = (float(loss(params)) for params in ends)
        return (high - low) / (2 * eps)


@pytest.fixture(scope="module")
def ode():
    return OdeProblem()


def test_the_gradient_through_the_fixed_solver_is_the_difference(ode):
    loss = partial(ode.loss, ode.example.solve_fixed)
    gradient = fl.jit(fl.grad(loss))(ode.params)
    assert ode.slope(gradient) == pytest.approx(ode.difference(loss), rel=1e-7)


def test_the_gradient_through_the_adaptive_solver_is_that_of_the_grid_it_found(ode):
    example = ode.example
    gradient = fl.jit(fl.grad(partial(ode.loss, example.solve_adaptive)))(ode.params)
    f = ode.field(ode.params)
    grids = []  # per start and interval, the sizes of the steps that were kept
    tried = 0
    for start in ode.starts:
        now = example.Progress(
            t=ode.times[0], y=start, slope=f(start), h=ode.times[1] - ode.times[0], tried=0
        )
        grids.append([])
        for t_end in ode.times[1:]:
            sizes = []
            while now.t < t_end:
                before = now.t
                now = example.controlled_step(f, now, t_end, example.ATOL, example.RTOL)
                if now.t > before:
                    sizes.append(float(now.t - before))
            grids[-1].append(sizes)
        tried += int(now.tried)
    assert tried > sum(len(sizes) for grid in grids for sizes in grid), "no step was rejected"
    assert len({sum(map(len, grid)) for grid in grids}) > 1, "all took as many steps"

    def unrolled(params):
        f = ode.field(params)
        total = 0.0
        for start, grid in zip(ode.starts, grids, strict=True):
            y, slope = start, f(start)
            for sizes in grid:
                for h in sizes:
                    y, slope, _ = example.bogacki_shampine_step(f, y, slope, h)
                total = total + fnp.sum(y**2)
        return total

    by_hand = fl.grad(unrolled)(ode.params)
    for found, expected in zip(fl.tree.leaves(gradient), fl.tree.leaves(by_hand), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11)
    assert ode.slope(gradient) == pytest.approx(ode.difference(unrolled), rel=1e-7)


def test_the_gradient_on_a_frozen_grid_tends_to_that_of_the_solution(ode):
    # With a small tolerance it does not matter any more that the grid depends on the weights.
    loss = partial(ode.loss, partial(ode.example.solve_adaptive, atol=1e-8, rtol=1e-8))
    gradient = fl.jit(fl.grad(loss))(ode.params)
    assert ode.slope(gradient) == pytest.approx(ode.difference(fl.jit(loss), 1e-4), rel=1e-5)


def test_a_solution_that_needs_too_many_steps_ends_in_nan(ode):
    start, times = fnp.asarray([2.0, 2.0]), fnp.asarray([0.0, 1.0])
    later, tried = ode.example.solve_adaptive(fnp.square, start, times)  # infinite at t = 1/2
    assert fnp.isnan(later).all()
    assert tried == ode.example.MAX_TRIES


@pytest.mark.parametrize("name, order", [("rk4_step", 4), ("bogacki_shampine_step", 3)])
def test_the_methods_have_their_orders(ode, name, order):
    # The error of dy/dt = (-y2, y1), a rotation, falls by 2^order when the step is halved.
    def f(y):
        return fnp.stack([-y[1], y[0]])

    def error(n):
        y = fnp.asarray([1.0, 0.0], "float64")
        for _ in range(n):
            if order == 4:
                y = ode.example.rk4_step(f, y, 1 / n)
            else:
                y = ode.example.bogacki_shampine_step(f, y, f(y), 1 / n)[0]
        return np.hypot(float(y[0]) - np.cos(1), float(y[1]) - np.sin(1))

    assert np.log2(error(16) / error(32)) == pytest.approx(order, abs=0.2)


# -------------------------------------------------------------------------------- tour_of_the_core
def test_the_tour_of_the_core():
    done = run("tour_of_the_core.py")
    assert done.returncode == 0, done.stderr
    stops = re.findall(r"^(\d+)\. ", done.stdout, re.MULTILINE)
    assert stops == [str(i) for i in range(1, 14)]
    assert done.stdout.splitlines()[-1] == "all 13 stops hold"


def test_the_tour_leaves_no_op_behind(capsys):
    before = dict(REGISTRY)
    load("tour_of_the_core").you_write_an_op()
    assert before == REGISTRY
