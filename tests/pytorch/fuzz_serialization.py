"""Damage files at random and load them, for ten minutes or ``--seconds``.

Each file ends with an exception of torch.load's kinds or with an object; a process that dies, hangs
or grows has found something. With ``--verbose`` each file is printed before it is loaded.

    PYTHONPATH=. python tests/pytorch/fuzz_serialization.py --seed 1
"""

import argparse
import io
import resource
import time
import warnings
import zipfile

import numpy as np
from oracle import real
from serialization_checks import archive
from test_torch_serialization_damage import flipped, small, try_one


def spliced(data, other, rng):
    """A piece of one pickle in another."""
    at, start = int(rng.integers(len(data))), int(rng.integers(len(other)))
    return data[:at] + other[start : start + int(rng.integers(1, 40))] + data[at:]


def wholes():
    """Files of both formats and of several kinds of objects."""
    net = real.nn.Sequential(real.nn.Linear(2, 3), real.nn.BatchNorm1d(3))
    for obj in (net, net.state_dict(), {"a": np.arange(3), "b": {1, 2}, "c": (b"x", 1j)}):
        for new in (True, False):
            buffer = io.BytesIO()
            real.save(obj, buffer, _use_new_zipfile_serialization=new)
            yield buffer.getvalue()
    yield from (small(), small(_use_new_zipfile_serialization=False))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(options.seed)
    files = list(wholes())
    pickles = [
        zipfile.ZipFile(io.BytesIO(file)).read("archive/data.pkl")
        for file in files if file[:2] == b"PK"
    ]  # fmt: skip
    storages = [b"\0" * 64] * 8
    count = read = 0
    slowest = 0.0
    start = time.perf_counter()
    while (now := time.perf_counter()) - start < options.seconds:
        kind = int(rng.integers(4))
        one, two = (pickles[int(rng.integers(len(pickles)))] for _ in range(2))
        if kind == 0:
            data = flipped(files[int(rng.integers(len(files)))], rng)
        elif kind == 1:
            data = archive(flipped(one, rng), storages)
        else:
            data = archive(spliced(one, two, rng), storages)
        if options.verbose:
            print(kind, data.hex(), flush=True)
        read += try_one(data, bool(rng.integers(2)))
        slowest = max(slowest, time.perf_counter() - now)
        count += 1
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{count} files, {read} of them read; slowest {slowest:.3f} s; at most {memory} MiB")


if __name__ == "__main__":
    main()
