"""What the documents show of datasets and loaders."""

import os

from side_by_side import ours, refusal, run


def arrays(torch):
    """Ten examples of five features, and their labels."""
    return torch.randn(10, 5), torch.randint(0, 2, (10,))


def own_dataset(torch):
    """The documents' dataset class, over ten examples."""

    class MyDataset(torch.utils.data.Dataset):
        def __init__(self, features, labels):
            self.features = features
            self.labels = labels

        def __len__(self):
            return len(self.features)

        def __getitem__(self, idx):
            return self.features[idx], self.labels[idx]

    return MyDataset(*arrays(torch))


def test_a_loader_over_tensors():
    def program(torch):
        data = torch.utils.data
        dataset = data.TensorDataset(*arrays(torch))
        loader = data.DataLoader(dataset, batch_size=3, shuffle=True)
        lines, batches = [], []
        for inputs, targets in loader:
            lines.append(f"{inputs.shape} {targets.shape}")
            batches.append((inputs, targets))
        return lines, batches, len(loader), dataset[4]

    lines, _, length, _ = run(program)
    assert lines == ["torch.Size([3, 5]) torch.Size([3])"] * 3 + [
        "torch.Size([1, 5]) torch.Size([1])"
    ]
    assert length == 4


def test_tensors_of_one_length_each():
    def program(torch):
        data = torch.utils.data
        features, labels = arrays(torch)
        four = data.TensorDataset(features, 2 * features, labels, 1 - labels)
        batch = next(iter(data.DataLoader(four, batch_size=2)))
        return batch, refusal(data.TensorDataset, features, labels[:9])

    batch, (kind, words) = run(program)
    assert len(batch) == 4
    assert (kind, words) == ("AssertionError", "Size mismatch between tensors")


def test_a_dataset_of_ones_own():
    def program(torch):
        dataset = own_dataset(torch)
        loader = torch.utils.data.DataLoader(dataset, batch_size=4, shuffle=False)
        return len(dataset), dataset[0], list(loader)

    length, _, batches = run(program)
    assert length == 10
    assert [len(x) for x, _ in batches] == [4, 4, 2]


def test_a_dataset_without_getitem_says_so():
    run(lambda torch: refusal(lambda: torch.utils.data.Dataset()[0]))


def test_shuffled_anew_each_epoch_and_not_for_tests():
    def program(torch):
        dataset = own_dataset(torch)
        loaders = [torch.utils.data.DataLoader(dataset, 10, shuffle=s) for s in (True, False)]
        return [[next(iter(loader))[0] for _ in range(2)] for loader in loaders]

    (first, second), (third, fourth) = run(program)
    assert first.tolist() != second.tolist()
    assert third.tolist() == fourth.tolist()
    assert sorted(first.tolist()) == sorted(third.tolist())


def pad(torch):
    """The documents' collate function: inputs filled up with zeros to the longest."""

    def collate_fn(batch):
        inputs, targets = zip(*batch, strict=True)
        max_len = max([len(x) for x in inputs])
        padded_inputs = [torch.cat([x, torch.zeros(max_len - len(x))]) for x in inputs]
        return torch.stack(padded_inputs), torch.tensor(targets)

    return collate_fn


def test_a_collate_function():
    def program(torch):
        data = torch.utils.data
        dataset = data.TensorDataset(*arrays(torch))
        loader = data.DataLoader(dataset, batch_size=3, collate_fn=pad(torch))
        return [(str(inputs), str(targets)) for inputs, targets in loader]

    assert len(run(program)) == 4


def test_a_collate_function_pads_sequences():
    def program(torch):
        sequences = [(torch.arange(1.0, n + 1), n % 2) for n in (2, 4, 1, 3)]
        return list(torch.utils.data.DataLoader(sequences, batch_size=2, collate_fn=pad(torch)))

    (inputs, targets), (later, _) = run(program)
    assert inputs.tolist() == [[1, 2, 0, 0], [1, 2, 3, 4]]
    assert later.shape == (2, 3)
    assert targets.tolist() == [0, 0]


def test_samplers():
    def program(torch):
        data = torch.utils.data
        dataset = own_dataset(torch)
        weighted = data.WeightedRandomSampler([0.0] * 5 + [1.0] * 5, 10)
        batches = data.BatchSampler(data.SequentialSampler(dataset), 4, drop_last=True)
        return (
            [y for _, y in data.DataLoader(dataset, batch_size=5, sampler=weighted)],
            [x for x, _ in data.DataLoader(dataset, batch_sampler=batches)],
            list(weighted),
            refusal(data.DataLoader, dataset, shuffle=True, sampler=weighted),
        )

    _, batches, drawn, (kind, _) = run(program)
    assert [len(x) for x in batches] == [4, 4]
    assert min(drawn) >= 5
    assert kind == "ValueError"


def test_an_incomplete_batch_is_dropped():
    def program(torch):
        loader = torch.utils.data.DataLoader(own_dataset(torch), batch_size=3, drop_last=True)
        return len(loader), [x for x, _ in loader]

    length, batches = run(program)
    assert length == len(batches) == 3


def test_workers_are_processes():
    # Ours only: a process in which PyTorch's threads have run is not safe to fork.
    data = ours.utils.data

    class Ids(data.Dataset):
        def __len__(self):
            return 4

        def __getitem__(self, idx):
            worker = data.get_worker_info()
            return os.getpid(), worker.id, worker.dataset is self, int(os.environ["SET_IN"])

    def worker_init_fn(worker_id):
        os.environ["SET_IN"] = str(worker_id)

    loader = data.DataLoader(
        Ids(), batch_size=1, num_workers=2, timeout=60, worker_init_fn=worker_init_fn
    )
    found = [[int(x) for x in batch] for batch in loader]
    assert os.getpid() not in {pid for pid, *_ in found}
    assert len({pid for pid, *_ in found}) == 2
    assert [row[1:] for row in found] == [[i, 1, i] for i in (0, 1, 0, 1)]


def test_the_options_and_their_defaults():
    def program(torch):
        loader = torch.utils.data.DataLoader(own_dataset(torch))
        names = ("batch_size", "num_workers", "pin_memory", "drop_last", "timeout")
        values = {name: getattr(loader, name) for name in names}
        return values, type(loader.sampler).__name__, loader.worker_init_fn

    values, sampler, _ = run(program)
    assert list(values.values()) == [1, 0, False, False, 0]
    assert sampler == "SequentialSampler"


def test_labels_of_several_tasks():
    def program(torch):
        num_samples = 6
        task1 = torch.empty(num_samples, 3)
        task1[:, 0] = torch.randint(0, 2, (num_samples,)).float()
        task1[:, 1] = torch.randn(num_samples)
        task1[:, 2] = torch.randint(0, 2, (num_samples,)).float()
        task2 = torch.empty(num_samples, 2)
        task2[:, 0] = torch.randn(num_samples)
        task2[:, 1] = torch.randint(0, 2, (num_samples,)).float()
        dataset = torch.utils.data.TensorDataset(torch.randn(num_samples, 4), task1, task2)
        return list(torch.utils.data.DataLoader(dataset, batch_size=4, shuffle=True))

    assert [t.shape for t in run(program)[0]] == [(4, 4), (4, 3), (4, 2)]
