"""What the survey of seventeen modules says of each, as far as functorch_lite.torch has them."""

import numpy as np
import pytest
from side_by_side import ours, refusal, run


def test_cuda_questions_have_answers_without_a_gpu():
    assert isinstance(ours.cuda.is_available(), bool)
    if ours.cuda.is_available():
        pytest.skip("there is a GPU")
    assert ours.cuda.device_count() == 0
    ours.cuda.manual_seed(42)
    ours.cuda.manual_seed_all(42)
    ours.cuda.empty_cache()
    kind, words = refusal(ours.cuda.current_device)
    assert "CUDA" in words or "NVIDIA" in words, kind


def test_functions_behind_the_modules():
    def program(torch):
        nn, F = torch.nn, torch.nn.functional
        layer, x = nn.Conv1d(2, 3, 2), torch.randn(1, 2, 6)
        pairs = [(layer(x), F.conv1d(x, layer.weight, layer.bias))]
        volume, y = nn.Conv3d(1, 2, 2), torch.randn(1, 1, 3, 3, 3)
        pairs.append((volume(y), F.conv3d(y, volume.weight, volume.bias)))
        for module, function in ((nn.ReLU6(), F.relu6), (nn.ELU(), F.elu), (nn.Tanh(), torch.tanh)):
            z = 5 * torch.randn(8)
            pairs.append((module(z), function(z)))
        return pairs

    for of_module, of_function in run(program):
        assert ours.equal(of_module, of_function)


def test_init_changes_its_argument_and_returns_it():
    def program(torch):
        tensor = torch.empty(30, 30)
        uniform = torch.nn.init.uniform_(tensor, -1, 1)
        drawn = uniform.clone()
        normal = torch.nn.init.normal_(tensor, mean=0.0, std=1.0)
        return uniform is tensor is normal, drawn, normal

    kept, drawn, normal = run(program)
    assert kept is True
    assert drawn.abs().max() <= 1
    assert (normal.mean().item(), normal.std().item()) == pytest.approx((0, 1), abs=0.1)


def test_autograd():
    def program(torch):
        x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
        torch.autograd.backward((x**2).sum())
        (slope,) = torch.autograd.grad((x**3).sum(), x)
        frozen = x.detach() * 2
        y = torch.randn(4, dtype=torch.float64, requires_grad=True)
        checked = torch.autograd.gradcheck(torch.tanh, (y,))
        return x.grad, slope, frozen.requires_grad, checked

    grad, slope, frozen, checked = run(program)
    assert grad.tolist() == [2, 4, 6] and slope.tolist() == [3, 12, 27]
    assert (frozen, checked) == (False, True)


def test_a_policy_gradient():
    # Two levers, of which the second pays: samples and log-probabilities of a policy.
    def program(torch):
        logits = torch.nn.Parameter(torch.zeros(2))
        optimizer = torch.optim.SGD([logits], lr=0.5)
        actions = []
        for _ in range(40):
            policy = torch.distributions.Categorical(logits=logits)
            action = policy.sample()
            reward = 1.0 if action.item() == 1 else -1.0
            optimizer.zero_grad()
            (-policy.log_prob(action) * reward).backward()
            optimizer.step()
            actions.append(action.item())
        return actions, torch.softmax(logits, 0)

    actions, probabilities = run(program)
    assert 0 in actions and actions[-5:] == [1] * 5
    assert probabilities[1] > 0.9


def test_gradients_through_a_sample():
    def program(torch):
        mean = torch.tensor(0.5, requires_grad=True)
        normal = torch.distributions.Normal(mean, 2.0)
        sample = normal.rsample((5,))
        sample.sum().backward()
        return sample, mean.grad, normal.sample((5,)).requires_grad, normal.entropy()

    _, grad, of_sample, _ = run(program)
    assert grad.item() == 5 and of_sample is False


def test_the_state_of_the_random_stream():
    def program(torch):
        torch.random.manual_seed(7)
        seed = torch.random.initial_seed()
        state = torch.random.get_rng_state()
        first = torch.randn(4)
        torch.random.set_rng_state(state)
        return seed, state.dtype == torch.uint8, first, torch.randn(4)

    seed, is_bytes, first, again = run(program)
    assert (seed, is_bytes) == (7, True)
    assert first.tolist() == again.tolist()


def test_one_seed_gives_one_model():
    def program(torch):
        models = []
        for _ in range(2):
            torch.manual_seed(42)
            models.append(torch.nn.Linear(4, 2).weight)
        return models

    first, second = run(program)
    assert first.tolist() == second.tolist()


def test_a_checkpoint_computes_again():
    def program(torch):
        calls = []

        def block(x):
            calls.append(len(calls))
            return torch.tanh(layer(x))

        layer = torch.nn.Linear(3, 3)
        x = torch.randn(2, 3, requires_grad=True)
        torch.utils.checkpoint.checkpoint(block, x, use_reentrant=False).sum().backward()
        again, x.grad = x.grad, None
        before = len(calls)
        block(x).sum().backward()
        return before, again, x.grad

    before, again, plain = run(program)
    assert before == 2
    assert again.tolist() == plain.tolist()


def test_memory_that_processes_share():
    mp = ours.multiprocessing.get_context("fork")
    shared = ours.zeros(3).share_memory_()
    lock, queue = mp.Lock(), mp.Queue()

    def add(amount):
        with lock:
            shared.add_(amount)
        queue.put(amount)

    workers = [mp.Process(target=add, args=(i,)) for i in (1, 2)]
    for worker in workers:
        worker.start()
    assert sorted(queue.get(timeout=60) for _ in workers) == [1, 2]
    for worker in workers:
        worker.join(60)
    assert shared.is_shared() and shared.tolist() == [3.0] * 3


def test_arrays_of_numpy_and_of_others_share_memory():
    def program(torch):
        array = np.zeros(3, "float32")
        tensor, other = torch.from_numpy(array), torch.from_dlpack(array)
        array[0] = 5
        back = np.from_dlpack(tensor)
        return tensor, other, back.tolist(), np.shares_memory(tensor.numpy(), array)

    tensor, other, back, shared = run(program)
    assert tensor.tolist() == other.tolist() == back == [5, 0, 0]
    assert shared is True


@pytest.mark.parametrize("name", ["tong", "view"])
def test_a_misspelt_name_is_refused(name):
    kind, words = refusal(getattr, ours, name)
    assert kind == "AttributeError" and f"'{name}'" in words
