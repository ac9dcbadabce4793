"""Tensors put together, against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

real = pytest.importorskip("torch")

from oracle import array_of, compare, to_ours, to_real  # noqa: E402

import functorch_lite.torch as ours  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")

ARRAY = np.arange(60.0).reshape(3, 4, 5) / 7
OTHER = np.cos(ARRAY)


def check(code, *arrays, **options):
    """Run code in both worlds; the arrays are ``x`` and ``v``."""

    def run(T, x, v):
        return eval(code, {"T": T, "x": x, "v": v, "a": x[0, 0], "b": v[0, 0], "s": x[0, 0, 0]})

    try:
        return compare(run, *(arrays or (ARRAY, OTHER)), text=True, **options)
    except BaseException as error:
        error.add_note(f"in {code}")
        raise


def split(text):
    """The cases of a table."""
    return [c.strip() for line in text.strip().split("\n") for c in line.split("; ") if c.strip()]


JOINED = """
T.cat([x, v]); T.cat([x, v], 1); T.cat((x, v, x), -1); T.cat([x]); T.cat(tensors=[x, v], dim=1)
T.cat([x, v], axis=2); T.concat([x, v]); T.concatenate([x, v], axis=1); T.cat([x, v.float()])
T.cat([x.int(), v]); T.cat([x, T.tensor([])]); T.cat([T.tensor([]), x, v], 1)
T.cat([T.tensor([]), T.tensor([])]); T.cat([x, x[:0]]); T.cat([x.transpose(0, 1), v.mT.mT.mT[:4]])
T.cat([x.transpose(0, 1), v.transpose(0, 1)]); T.cat([x > 1, v > 0]); T.cat([a.half(), b.half()])
T.cat([x, x.to(T.complex64).real]); T.cat([T.tensor([1]), T.tensor([True])])
T.stack([x, v]); T.stack([x, v], -1); T.stack((x, v), 1); T.stack([x, v.float()]); T.stack([s, s])
T.stack([T.tensor(1), T.tensor(2.0)]); T.stack(tensors=[x], dim=2); T.hstack([x, v])
T.hstack([a, b]); T.hstack([s, s]); T.vstack([x, v]); T.vstack([a, b]); T.row_stack([a, b])
T.dstack([x, v]); T.dstack([a, b]); T.dstack([x[0], v[0]]); T.column_stack([a, b])
T.column_stack([a, x[0].t(), s.expand(5)]); T.broadcast_tensors(x, b); T.broadcast_tensors()
T.broadcast_tensors(a, x[:1, :, :1]); T.broadcast_shapes((2, 1), (3,), 3); T.atleast_1d(s)
T.atleast_1d(a); T.atleast_2d(a); T.atleast_2d(s); T.atleast_3d(a); T.atleast_3d(x[0])
T.atleast_3d(s); T.atleast_1d(x, s); T.atleast_2d([a, s]); T.atleast_3d(x); T.meshgrid(a, b)
T.meshgrid(a, b[:3], indexing='xy'); T.meshgrid([a, b[:2], b[:3]], indexing='ij')
T.meshgrid(a, b[:2], b[:3], indexing='xy'); T.meshgrid(s, b); T.cartesian_prod(a, b[:2])
T.cartesian_prod(a); T.cartesian_prod(a, b[:2], a[:2]); T.combinations(a); T.combinations(a, 3)
T.combinations(a, 2, True); T.combinations(a, r=0); T.combinations(a[:2], 3)
T.block_diag(x[0], v[0]); T.block_diag(x[0], b, s); T.block_diag(); T.block_diag(x[0].int(), b)
"""
FAILING = """
T.cat([x, v[0]]); T.cat([x, v[:, :1]]); T.cat([]); T.cat([x, 1]); T.cat(x); T.cat([x, s])
T.cat([x, v], 5); T.cat([s, s]); T.cat([x, v[:, :, :2]], 1); T.stack([x, v], 5); T.stack([x, v[0]])
T.stack([]); T.hstack([]); T.vstack([]); T.dstack([]); T.column_stack([]); T.hstack([x, v[:2]])
T.broadcast_tensors(x, v[0, :3]); T.broadcast_shapes((2,), (3,)); T.meshgrid()
T.meshgrid(a, b, indexing='no'); T.meshgrid(a, b.float()); T.cartesian_prod(x); T.combinations(x)
T.cartesian_prod(); T.combinations(a, -1); T.block_diag(x); T.vstack([x, v[:, :3]])
"""


@pytest.mark.parametrize("code", split(JOINED))
def test_results_and_gradients_agree(code):
    check(code)
    if "[0].t()" not in code:
        check(code, np.ascontiguousarray(ARRAY.transpose(2, 1, 0)).transpose(2, 1, 0), OTHER)


@pytest.mark.parametrize("code", split(FAILING))
def test_errors_agree(code):
    check(code)


DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32",
          "float64", "complex64"]  # fmt: skip


def test_dtypes_of_joined_tensors_are_promoted():
    for p in DTYPES:
        for q in DTYPES:
            for name in ("cat", "stack"):
                made = [
                    getattr(T, name)([T.ones(2, dtype=getattr(T, d)) for d in (p, q)])
                    for T in (ours, real)
                ]  # fmt: skip
                assert str(made[0].dtype) == str(made[1].dtype), (name, p, q)


def test_results_go_into_out():
    for code in ("T.cat([x, x], out=o)", "T.stack([x, x], 1, out=o)", "T.hstack([x, x], out=o)"):
        found = []
        for T, convert in ((ours, to_ours), (real, to_real)):
            out = T.empty(0, dtype=T.float64)
            made = eval(code, {"T": T, "x": convert(ARRAY), "o": out})
            assert made is out
            found.append(array_of(made))
        np.testing.assert_array_equal(*found)


def test_gradients_of_several_dtypes_keep_their_own():
    def run(T, x, v):
        y = T.cat([x.float(), v, v[:1]]) ** 2
        return y, T.stack([x.float(), v]) ** 2

    compare(run, ARRAY, OTHER, rtol=1e-5)


def test_parts_of_joined_tensors_do_not_share_memory():
    for T in (ours, real):
        x = T.zeros(3)
        for made in (T.cat([x]), T.stack([x]), T.hstack([x])):
            made.fill_(1)
        assert not x.any()
        y = T.zeros(())
        T.atleast_1d(y)[0] = 1  # but this is a view
        assert y.item() == 1
