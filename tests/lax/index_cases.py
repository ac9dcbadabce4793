"""Random dimension numbers for gathers and scatters, as plain tuples, and what they mean."""

import numpy as np

__all__ = ["loop_gather", "loop_scatter", "random_case"]


def random_case(rng):
    """Shapes and dimension numbers of one gather, and of the scatter that mirrors it."""
    ndim = int(rng.integers(0, 5))
    shape = [int(n) for n in rng.integers(1, 5, ndim)]
    dims = list(range(ndim))
    batching = sorted(int(d) for d in rng.permutation(dims)[: rng.choice([0, 0, 1, 2])])
    free = [d for d in dims if d not in batching]
    start_map = [int(d) for d in rng.permutation(free)[: rng.integers(0, len(free) + 1)]]
    sizes = [1 if d in batching else int(rng.integers(1, shape[d] + 1)) for d in dims]
    collapsed = sorted(d for d in free if sizes[d] == 1 and rng.random() < 0.6)
    batch = [int(n) for n in rng.integers(1, 4, rng.choice([0, 1, 1, 2]))]
    slots = sorted(int(i) for i in rng.integers(0, len(batch) + 1, len(batching)))
    for offset, (slot, d) in enumerate(zip(slots, batching, strict=True)):
        batch.insert(slot + offset, shape[d])
    beside = [slot + offset for offset, slot in enumerate(slots)]
    order = list(rng.permutation(len(batching)))
    # batching axes of the indices may come in any order that goes along with the operand's
    swapped = [beside[i] for i in order]
    for position, d in zip(swapped, batching, strict=True):
        batch[position] = shape[d]
    inner = [sizes[d] for d in dims if d not in collapsed and d not in batching]
    rank = len(batch) + len(inner)
    offset_dims = sorted(int(i) for i in rng.permutation(rank)[: len(inner)])
    window, outer = iter(inner), iter(batch)
    out = tuple(next(window) if i in offset_dims else next(outer) for i in range(rank))
    starts = rng.integers(-2, 6, (*batch, len(start_map)))
    numbers = (
        tuple(offset_dims), tuple(collapsed), tuple(start_map), tuple(batching), tuple(swapped),
    )  # fmt: skip
    return tuple(shape), starts.astype(np.int64), numbers, tuple(sizes), out


def _places(case, clip):
    """Per index vector: its position, and where its window lies in the operand (None: outside)."""
    shape, starts, (_, _, start_map, batching, beside), sizes, _ = case
    for where in np.ndindex(starts.shape[:-1]):
        begin = [0] * len(shape)
        for d, start in zip(start_map, starts[where], strict=True):
            begin[d] = int(start)
        limits = [n - s for n, s in zip(shape, sizes, strict=True)]
        good = all(0 <= b <= m for b, m in zip(begin, limits, strict=True))
        begin = [min(max(b, 0), m) for b, m in zip(begin, limits, strict=True)]
        for d, position in zip(batching, beside, strict=True):
            begin[d] = where[position]
        window = tuple(slice(b, b + s) for b, s in zip(begin, sizes, strict=True))
        yield where, window if good or clip else None


def _in_result(case, where):
    """Where the window of an index vector is found in the array of all windows."""
    outer = iter(where)
    rank = len(case[4])
    return tuple(slice(None) if i in case[2][0] else next(outer) for i in range(rank))


def _kept(case):
    return [d for d in range(len(case[0])) if d not in case[2][1] and d not in case[2][3]]


def loop_gather(case, x, clip, fill):
    """A gather, one window after the other."""
    out = np.empty(case[4], x.dtype)
    inner = [case[3][d] for d in _kept(case)]
    for where, window in _places(case, clip):
        out[_in_result(case, where)] = fill if window is None else x[window].reshape(inner)
    return out


def loop_scatter(case, x, updates, clip, combine):
    """A scatter, one window after the other."""
    out = x.copy()
    for where, window in _places(case, clip):
        if window is not None:
            update = updates[_in_result(case, where)].reshape(case[3])
            out[window] = combine(out[window], update)
    return out
