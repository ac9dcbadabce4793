"""torch.utils.data in one process: data sets, samplers, batches, and the random numbers drawn."""

import collections
import copy
import pickle
import random
import warnings

import numpy as np
import pytest
from oracle import ours, real, same

Point = collections.namedtuple("Point", ["x", "y"])


def plain(x):
    """A result with mappings and other sequences as lists, which the oracle compares."""
    if isinstance(x, dict):
        return [[key, plain(value)] for key, value in x.items()]
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return type(x)(*map(plain, x))
    if isinstance(x, (tuple, list, collections.UserList)):
        made = [plain(each) for each in x]
        return tuple(made) if isinstance(x, tuple) else made
    return x


def agree(program):
    """Run a program in both worlds: results, or exceptions and their words, and warnings."""
    found = []
    for T in (ours, real):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                result = program(T, T.utils.data)
            except Exception as error:
                result = (type(error).__name__, str(error))
        texts = [f"{w.category.__name__}: {w.message}" for w in caught]
        found.append((plain(result), texts))
    same(*found, graph=False)
    return found[1][0]


# ------------------------------------------------------------------------------- random streams
LOADERS = {
    "plain": lambda T, D: D.DataLoader(range(11), batch_size=3),
    "shuffle": lambda T, D: D.DataLoader(range(11), batch_size=3, shuffle=True),
    "drop_last": lambda T, D: D.DataLoader(range(11), batch_size=3, shuffle=True, drop_last=True),
    "samples": lambda T, D: D.DataLoader(T.arange(5.0), batch_size=None, shuffle=True),
    "generator": lambda T, D: D.DataLoader(
        range(40), batch_size=7, shuffle=True, generator=T.Generator().manual_seed(5)
    ),
    "replacement": lambda T, D: D.DataLoader(
        range(50), 9, sampler=D.RandomSampler(range(50), replacement=True, num_samples=75)
    ),
    "replacement, generator": lambda T, D: D.DataLoader(
        range(50), 9,
        sampler=D.RandomSampler(range(50), True, generator=T.Generator().manual_seed(2)),
    ),
    "more than there are": lambda T, D: D.DataLoader(
        range(5), 4, sampler=D.RandomSampler(range(5), num_samples=13)
    ),
    "weighted": lambda T, D: D.DataLoader(
        range(6), 4, sampler=D.WeightedRandomSampler([0.1, 0.9, 0.4, 0.7, 3.0, 0.6], 10)
    ),
    "weighted, once": lambda T, D: D.DataLoader(
        range(6), 2, sampler=D.WeightedRandomSampler([0.1, 0.9, 0.4, 0.7, 3.0, 0.6], 5, False)
    ),
    "subset": lambda T, D: D.DataLoader(range(9), 2, sampler=D.SubsetRandomSampler([3, 4, 8, 1])),
    "batch sampler": lambda T, D: D.DataLoader(
        range(9), batch_sampler=D.BatchSampler(D.RandomSampler(range(9)), 4, False)
    ),
    "split": lambda T, D: D.DataLoader(D.random_split(range(20), [13, 7])[0], 4, shuffle=True),
    "fractions": lambda T, D: D.DataLoader(D.random_split(range(21), [0.4, 0.35, 0.25])[1], 4),
}  # fmt: skip


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("name", LOADERS)
def test_batches_and_what_is_drawn_after_them(name, workers):
    def program(T, D):
        T.manual_seed(7)
        loader = LOADERS[name](T, D)
        # The same loader with workers: they go by the same random numbers.
        loader.num_workers = workers
        loader.prefetch_factor = 2 if workers else None
        epochs = [list(loader) for _ in range(2)]
        return epochs, T.rand(2), len(loader)

    agree(program)


@pytest.mark.parametrize("replacement", [False, True])
def test_draws_of_the_program_in_between(replacement):
    def program(T, D):
        generator = T.Generator().manual_seed(9)
        sampler = D.RandomSampler(range(20), replacement, 50, generator)
        return [(i, T.rand(1, generator=generator)) for i in sampler]

    agree(program)


def test_workers_are_seeded_alike():
    def program(T, D):
        class Draws(D.Dataset):
            def __len__(self):
                return 6

            def __getitem__(self, i):
                info = D.get_worker_info()
                return (
                    T.rand(2), np.random.rand(), random.random(),  # noqa: NPY002
                    T.initial_seed(), info.id, info.num_workers, info.seed,
                )  # fmt: skip

        T.manual_seed(3)
        return [list(D.DataLoader(Draws(), 2, num_workers=2)) for _ in range(2)]

    agree(program)


def test_an_iterator_that_is_not_used_draws_a_seed():
    def program(T, D):
        T.manual_seed(1)
        iter(D.DataLoader(range(3), shuffle=True))
        return T.rand(1)

    agree(program)


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("shuffle", [False, True])
def test_distributed(shuffle, drop_last):
    def program(T, D):
        found = []
        for count in (0, 1, 2, 7, 9, 12):
            if count == 0 and not drop_last:
                continue
            for rank in range(3):
                sampler = D.DistributedSampler(range(count), 3, rank, shuffle, 4, drop_last)
                sampler.set_epoch(2)
                found.append((len(sampler), list(sampler), sampler.total_size))
        return found

    agree(program)


# ------------------------------------------------------------------------------------- data sets
def _stream(D, n):
    class Stream(D.IterableDataset):
        def __iter__(self):
            return iter(range(n))

        def __len__(self):
            return n

        def __repr__(self):
            return "Stream()"

    return Stream()


DATASETS = {
    "tensors": lambda T, D: D.TensorDataset(T.arange(4), T.ones(4, 2))[2],
    "slice of tensors": lambda T, D: D.TensorDataset(T.arange(4), T.ones(4, 2))[1:3],
    "sizes": lambda T, D: D.TensorDataset(T.arange(4), T.ones(3)),
    "concat": lambda T, D: [*map((D.Subset("abc", [2, 0]) + "defg").__getitem__, range(-6, 6))],
    "concat out of range": lambda T, D: D.ConcatDataset(["ab", "c"])[-4],
    "concat beyond": lambda T, D: D.ConcatDataset(["ab", "c"])[3],
    "concat nothing": lambda T, D: D.ConcatDataset([]),
    "concat streams": lambda T, D: D.ConcatDataset([_stream(D, 2)]),
    "sums": lambda T, D: D.ConcatDataset(["ab", "c"]).cumulative_sizes,
    "old sums": lambda T, D: D.ConcatDataset(["ab", "c"]).cummulative_sizes,
    "chain": lambda T, D: [*(_stream(D, 2) + _stream(D, 3))],
    "length of chain": lambda T, D: len(_stream(D, 2) + _stream(D, 3)),
    "chain of others": lambda T, D: [*D.ChainDataset([_stream(D, 2), "ab"])],
    "length of others": lambda T, D: len(D.ChainDataset([_stream(D, 2), "ab"])),
    "stack": lambda T, D: [D.StackDataset("ab", [1, 2])[1], len(D.StackDataset("ab", [1, 2]))],
    "stack named": lambda T, D: D.StackDataset(x="ab", y=[1, 2]).__getitems__([1, 0]),
    "stack many": lambda T, D: D.StackDataset(D.Subset("abc", [2, 1]), [1, 2]).__getitems__([1]),
    "stack both": lambda T, D: D.StackDataset("ab", y=[1, 2]),
    "stack none": lambda T, D: D.StackDataset(),
    "stack lengths": lambda T, D: D.StackDataset("ab", [1]),
    "stack named lengths": lambda T, D: D.StackDataset(a="ab", b=[1]),
    "subset": lambda T, D: [*D.Subset("abcd", [3, 1])],
    "subset list": lambda T, D: D.Subset(T.arange(9), [3, 1, 7])[[0, 2]],
    "subset many": lambda T, D: D.Subset(D.Subset("abcd", [3, 1]), [1, 0]).__getitems__([0, 1]),
    "subset subclass": lambda T, D: type("S", (D.Subset,), {"__getitem__": len})("ab", [0]),
    "no items": lambda T, D: D.Dataset()[0],
    "no iteration": lambda T, D: iter(D.Sampler()),
    "split lengths": lambda T, D: D.random_split(range(5), [2, 2]),
    "split fraction": lambda T, D: D.random_split(range(5), [1.5, -0.5]),
    "split empty": lambda T, D: [len(s) for s in D.random_split(range(1), [0.5, 0.5])],
    "split seeds": lambda T, D: [
        s.indices for s in D.random_split(range(9), [4, 5], T.Generator().manual_seed(42))
    ],
    "name": lambda T, D: [
        f"{c.__module__}.{c.__qualname__}" for c in (
            D.Dataset, D.IterableDataset, D.TensorDataset, D.StackDataset, D.ConcatDataset,
            D.ChainDataset, D.Subset, D.Sampler, D.SequentialSampler, D.RandomSampler,
            D.SubsetRandomSampler, D.WeightedRandomSampler, D.BatchSampler, D.DistributedSampler,
            D.DataLoader, type(iter(D.DataLoader("ab"))),
        )
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", DATASETS)
def test_data_sets(name):
    agree(DATASETS[name])


class Doubled(ours.utils.data.Dataset[int]):
    def __len__(self):
        return 2

    def __getitem__(self, i):
        return 2 * i


def test_pickles_and_copies_of_data_sets_and_samplers():
    D = ours.utils.data
    for each in (
        D.TensorDataset(ours.arange(3)), D.Subset("abc", [2]), D.RandomSampler("abc"), Doubled(),
        D.SequentialSampler("ab"),
    ):  # fmt: skip
        for made in (pickle.loads(pickle.dumps(each)), copy.deepcopy(each)):
            assert type(made) is type(each) and made is not each
            assert len(made) == len(each)
    loader = D.DataLoader(Doubled(), 2)
    assert [t.tolist() for t in pickle.loads(pickle.dumps(loader))] == [[0, 2]]
    with pytest.raises(NotImplementedError):
        pickle.dumps(iter(loader))


# ------------------------------------------------------------------------------------------ batches
class Sized(collections.UserList):
    """A mutable sequence of a class of its own."""


class Labels(dict):
    """A mapping with an attribute."""


BATCHES = {
    "tensors": lambda T: [T.ones(2), T.zeros(2)],
    "of many kinds": lambda T: [
        {"a": i, "b": (i / 2, "t"), "c": [np.float32(i), b"x"], "d": True} for i in range(3)
    ],
    "named": lambda T: [Point(1, 2.0), Point(3, 4.0)],
    "arrays": lambda T: [np.arange(3), np.arange(3)],
    "numpy numbers": lambda T: [np.int16(3), np.int16(4)],
    "numpy bools": lambda T: [np.bool_(True), np.bool_(False)],
    "of one": lambda T: [(T.zeros(1), 4)],
    "own sequence": lambda T: [Sized([1, 2]), Sized([3, 4])],
    "own mapping": lambda T: [Labels(a=1), Labels(a=2)],
    "ranges": lambda T: [range(2), range(2)],
    "half": lambda T: [T.ones(2, dtype=T.float16), T.zeros(2, dtype=T.float16)],
    "sizes": lambda T: [T.ones(2), T.ones(3)],
    "lengths": lambda T: [[1, 2], [3]],
    "strings": lambda T: [np.array(["a"]), np.array(["b"])],
    "objects": lambda T: [object(), object()],
    "none": lambda T: [None, None],
    "sets": lambda T: [{1}, {2}],
    "missing keys": lambda T: [{"a": 1}, {"b": 1}],
    "empty": lambda T: [],
    "dates": lambda T: [np.datetime64("2020-01-01")],
    "memmap kind": lambda T: [np.arange(3).view(np.ndarray)[::2], np.arange(2)],
}


def kinds(x):
    """The classes in a result."""
    if isinstance(x, dict):
        return [type(x).__name__, *map(kinds, x.values())]
    if isinstance(x, (tuple, list, collections.UserList)):
        return [type(x).__name__, *map(kinds, x)]
    return type(x).__name__


@pytest.mark.parametrize("name", BATCHES)
def test_collate(name):
    def program(T, D):
        made = D.default_collate(BATCHES[name](T))
        return made, kinds(made)

    agree(program)


@pytest.mark.parametrize("name", [*BATCHES, "text", "number", "numpy text", "0-d"])
def test_convert(name):
    def program(T, D):
        more = {"text": "ab", "number": 3, "numpy text": np.str_("a"), "0-d": np.array(2.5)}
        made = D.default_convert(more[name] if name in more else BATCHES[name](T))
        return (made, kinds(made)) if name != "objects" else len(made)

    agree(program)


def test_rules_of_collate_can_be_changed():
    def program(T, D):
        C = D._utils.collate

        def first(batch, *, collate_fn_map=None):
            return batch[0]

        rules = {T.Tensor: first, int: first}
        return (
            C.collate([(T.ones(2), 1), (T.ones(1), 2)], collate_fn_map=rules),
            C.collate([True, False], collate_fn_map={int: first}),
            C.default_collate_err_msg_format, C.np_str_obj_array_pattern.pattern,
            sorted(str(k).replace("functorch_lite.", "") for k in C.default_collate_fn_map),
        )  # fmt: skip

    agree(program)


# ---------------------------------------------------------------------------------------- arguments
ARGUMENTS = {
    "workers": lambda T, D: D.DataLoader("ab", num_workers=-1),
    "timeout": lambda T, D: D.DataLoader("ab", timeout=-1),
    "timeout alone": lambda T, D: iter(D.DataLoader("ab", timeout=1)),
    "prefetch alone": lambda T, D: D.DataLoader("ab", prefetch_factor=2),
    "prefetch": lambda T, D: D.DataLoader("ab", num_workers=1, prefetch_factor=-2),
    "no prefetch": lambda T, D: iter(D.DataLoader("ab", num_workers=1, prefetch_factor=0)),
    "persistent": lambda T, D: D.DataLoader("ab", persistent_workers=True),
    "both": lambda T, D: D.DataLoader("ab", shuffle=True, sampler=[1]),
    "batches": lambda T, D: D.DataLoader("ab", 2, batch_sampler=[[1]]),
    "batches, last": lambda T, D: D.DataLoader("ab", batch_sampler=[[1]], drop_last=True),
    "no batches, last": lambda T, D: D.DataLoader("ab", None, drop_last=True),
    "batch size": lambda T, D: D.DataLoader("ab", 0),
    "batch size bool": lambda T, D: D.DataLoader("ab", True),
    "last": lambda T, D: D.DataLoader("ab", drop_last=1),
    "stream shuffle": lambda T, D: D.DataLoader(_stream(D, 2), shuffle=True),
    "stream no shuffle": lambda T, D: [*D.DataLoader(_stream(D, 2), shuffle=False)],
    "stream sampler": lambda T, D: D.DataLoader(_stream(D, 2), sampler=[1]),
    "stream batches": lambda T, D: D.DataLoader(_stream(D, 2), batch_sampler=[[1]]),
    "empty shuffle": lambda T, D: D.DataLoader([], shuffle=True),
    "empty": lambda T, D: [*D.DataLoader([])],
    "context": lambda T, D: D.DataLoader("ab", multiprocessing_context="fork"),
    "context name": lambda T, D: D.DataLoader("a", num_workers=1, multiprocessing_context="knife"),
    "context kind": lambda T, D: D.DataLoader("ab", num_workers=1, multiprocessing_context=3),
    "pin": lambda T, D: [*D.DataLoader("ab", pin_memory=True)],
    "pin device": lambda T, D: [*D.DataLoader("ab", pin_memory=True, pin_memory_device="cuda")],
    "many workers": lambda T, D: D.DataLoader("ab", num_workers=999).num_workers,
    "samples drawn": lambda T, D: D.RandomSampler("ab", num_samples=0),
    "replacement": lambda T, D: D.RandomSampler("ab", replacement=1),
    "weights": lambda T, D: D.WeightedRandomSampler([[1.0]], 1),
    "weights number": lambda T, D: D.WeightedRandomSampler([1.0], True),
    "weights replacement": lambda T, D: D.WeightedRandomSampler([1.0], 1, 1),
    "rank": lambda T, D: D.DistributedSampler("ab", 2, 2),
    "no rank": lambda T, D: D.DistributedSampler("ab", 2),
    "length": lambda T, D: len(D.DataLoader(_Unsized())),
    "iterator length": lambda T, D: len(iter(D.DataLoader("abc", 2))),
    "custom collate": lambda T, D: [*D.DataLoader("abc", 2, collate_fn="".join)],
    "batches of indices": lambda T, D: [*D.DataLoader("abcd", batch_sampler=[[0, 2], [3]])],
    "rows": lambda T, D: [*D.DataLoader(T.arange(6).view(3, 2), None, sampler=[[0, 2], 1])],
    "unfit samples": lambda T, D: [*D.DataLoader([T.ones(1), T.ones(2)], 2)],
}  # fmt: skip


class _Unsized:
    def __getitem__(self, i):
        return i


# PyTorch's own iterator cannot be freed where its constructor fails.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", ARGUMENTS)
def test_arguments(name):
    agree(ARGUMENTS[name])


def test_fixed_attributes():
    def program(T, D):
        found = []
        loader = D.DataLoader("abc", 2)
        for name in ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset",
                     "persistent_workers", "timeout", "collate_fn", "num_workers"):  # fmt: skip
            try:
                setattr(loader, name, getattr(loader, name))
                found.append(name)
            except ValueError as error:
                found.append(str(error))
        return found, sorted(vars(loader))

    agree(program)


@pytest.mark.parametrize("size", [None, 1, 2, 3])
@pytest.mark.parametrize("drop_last", [False, True])
def test_streams_and_their_lengths(size, drop_last):
    if size is None and drop_last:
        return

    def program(T, D):
        loader = D.DataLoader(_stream(D, 7), size, drop_last=drop_last)
        return len(loader), [*loader], [*loader]

    agree(program)


def test_a_wrong_length_is_warned_of():
    def program(T, D):
        stream = _stream(D, 4)
        type(stream).__len__ = lambda self: 2
        loader = D.DataLoader(stream, None)
        before = [*loader]
        return before, len(loader), [*loader]

    agree(program)


def test_names_below():
    from functorch_lite.torch.utils.data import _utils, dataloader

    assert _utils.MP_STATUS_CHECK_INTERVAL == 5.0
    assert _utils.worker.get_worker_info is dataloader.get_worker_info
    base_seed, worker = 123456789012345, 3
    theirs = real.utils.data._utils.worker._generate_state(base_seed, worker)
    assert _utils.worker._generate_state(base_seed, worker) == theirs
    fetcher = dataloader._DatasetKind.create_fetcher(0, "abc", True, "".join, False)
    assert fetcher.fetch([2, 0]) == "ca"
    with pytest.raises(AttributeError, match="IterDataPipe"):
        ours.utils.data.IterDataPipe  # noqa: B018
