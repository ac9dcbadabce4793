"""Streams that keys give are uniform, and independent of one another."""

import numpy as np
import pytest
from scipy import stats

from functorch_lite import random

KEY = random.key(31)
N = 20_000


def relatives(key):
    first, second = random.split(key)
    return {
        "two parts": (first, second),
        "a key and its part": (key, first),
        "a part and a part of it": (first, random.split(first)[0]),
        "two numbers folded in": (random.fold_in(key, 7), random.fold_in(key, 8)),
        "distant numbers folded in": (random.fold_in(key, 0), random.fold_in(key, 2**31)),
        "neighbouring seeds": (random.key(1), random.key(2)),
        "seeds that share a word": (random.key(1), random.key(2**32 + 1)),
    }


@pytest.mark.parametrize("name", relatives(KEY))
def test_streams_of_related_keys_are_independent(name):
    x, y = (np.asarray(random.uniform(key, (N,), "float64")) for key in relatives(KEY)[name])
    assert stats.pearsonr(x, y).pvalue > 1e-3
    assert stats.spearmanr(x, y**2).pvalue > 1e-3
    joint, _, _ = np.histogram2d(x, y, bins=16, range=[[0, 1], [0, 1]])
    assert stats.chisquare(joint.ravel()).pvalue > 1e-3
    # A copy that is late by some steps would show at its lag.
    for lag in (1, 2, 32):
        assert stats.pearsonr(x[lag:], y[:-lag]).pvalue > 1e-4


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "uint64"])
def test_every_bit_is_a_fair_coin_and_independent_of_the_next(dtype):
    words = np.asarray(random.bits(KEY, (N,), dtype))
    width = words.dtype.itemsize * 8
    ones = ((words[:, None] >> np.arange(width, dtype=dtype)) & 1).astype("int64")
    z = (2 * ones.sum(0) - N) / np.sqrt(N)
    assert stats.chi2.sf((z**2).sum(), width) > 1e-3
    flips = (ones[:, 1:] ^ ones[:, :-1]).sum(0)
    z = (2 * flips - N) / np.sqrt(N)
    assert stats.chi2.sf((z**2).sum(), width - 1) > 1e-3


def test_bytes_are_uniform():
    found = np.bincount(np.asarray(random.bits(KEY, (N * 4,), "uint8")), minlength=256)
    assert stats.chisquare(found).pvalue > 1e-3


def test_first_numbers_of_many_keys_are_uniform():
    keys = random.split(KEY, 4000)
    words = np.asarray(keys)
    assert len({tuple(row) for row in words.tolist()}) == 4000
    for column in words.T:
        assert stats.kstest(column / 2.0**32, stats.uniform().cdf).pvalue > 1e-3


def test_successive_numbers_fill_the_cube():
    triples = np.asarray(random.uniform(KEY, (N, 3)))
    found, _ = np.histogramdd(triples, bins=8, range=[(0, 1)] * 3)
    assert stats.chisquare(found.ravel()).pvalue > 1e-3
