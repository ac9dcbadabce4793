"""Calls whose value NumPy knows: function name, positional arguments, keyword arguments.

Arrays are NumPy arrays; everything else is static.
"""

import numpy as np

_rng = np.random.default_rng(0)
X = _rng.normal(size=(3, 4))
V = _rng.normal(size=5)
I = _rng.integers(-5, 5, (3, 4))  # noqa: E741
P = np.abs(X) + 0.1
C = X + 1j * P
T = _rng.normal(size=(2, 3, 4))
N = np.where(X > 0.7, np.nan, X)
B = X > 0
EDGES = np.sort(V)
SPECIAL = np.array([0.0, -0.0, 1.0, -2.5, np.inf, -np.inf, np.nan, 1e-40, 8.0])

CASES: list[tuple[str, tuple, dict]] = []


def case(name, *args, **kwargs):
    CASES.append((name, args, kwargs))


_UNARY = """exp exp2 expm1 sin cos tan sinh cosh tanh arctan arcsinh cbrt absolute sign square
    negative floor ceil trunc rint isfinite isnan isinf signbit deg2rad rad2deg sinc fabs positive
    logical_not isneginf isposinf iscomplex isreal real imag conj angle nan_to_num modf""".split()
for _name in _UNARY:
    case(_name, X)
    if _name not in ("sinc", "modf", "sign"):
        case(_name, SPECIAL)
for _name in "exp sin absolute real imag conj angle square negative iscomplex isfinite".split():
    case(_name, C)
for _name in "log log2 log10 log1p sqrt reciprocal".split():
    case(_name, P)
case("arccosh", P + 1)
for _name in "arcsin arccos arctanh".split():
    case(_name, np.tanh(X))
for (
    _name
) in "absolute sign square negative floor rint invert bitwise_count real imag isnan".split():
    case(_name, np.abs(I) if _name == "bitwise_count" else I)
for (
    _name
) in """add subtract multiply true_divide floor_divide remainder fmod maximum minimum fmax fmin
        arctan2 hypot logaddexp logaddexp2 copysign nextafter equal less less_equal greater
        greater_equal not_equal divmod heaviside isclose logical_and logical_or logical_xor power
        float_power""".split():
    case(_name, P, X[0])
_nonzero = np.where(I == 0, 1, I).T.reshape(3, 4)
for (
    _name
) in """add subtract multiply floor_divide remainder fmod maximum minimum bitwise_and bitwise_or
        bitwise_xor true_divide equal less""".split():
    case(_name, I, _nonzero)
for _name in "add multiply logical_and bitwise_or bitwise_xor maximum equal".split():
    case(_name, B, B.T.reshape(3, 4))
case("fmax", N, X), case("fmin", X, N)
case("left_shift", I, np.abs(I)), case("right_shift", I, np.abs(I))
case("frexp", X * 100), case("frexp", SPECIAL), case("ldexp", X, I)
for _d in (0, 1, 2, -1):
    case("round", X * 100, _d), case("round", I * 100, _d)

for _name in "sum prod max min mean var std any all argmax argmin ptp count_nonzero median".split():
    for _a in (X, I, B):
        if _a is B and _name in ("var", "std", "median", "ptp"):
            continue
        for _axis in (None, 0, -1):
            case(_name, _a, axis=_axis)
            case(_name, _a, axis=_axis, keepdims=True)
    if not _name.startswith("arg"):
        case(_name, T, axis=(0, 2))
for (
    _name
) in """nansum nanprod nanmax nanmin nanmean nanvar nanstd nanargmax nanargmin nanmedian""".split():
    for _axis in (None, 0, 1):
        case(_name, N, axis=_axis, keepdims=True)
    case(_name, X)
for _name in "sum prod any all".split():
    case(_name, X[:0], axis=0)
case("sum", X, where=B), case("mean", X, axis=1, where=X > -9), case("sum", X, axis=0, initial=3.0)
case("max", X, where=B, initial=-9.0), case("min", X, axis=0, initial=-9.0)
case("var", X, axis=1, where=X > -0.5), case("var", C, axis=0), case("std", X, ddof=1)
case("average", X, axis=0, weights=P), case("average", X, axis=1, weights=V[:4])
for _name in "cumsum cumprod nancumsum nancumprod".split():
    for _axis in (None, 0, 1):
        case(_name, N if _name.startswith("nan") else X, axis=_axis)
case("cumsum", I, axis=1), case("cumsum", B), case("cumulative_sum", V, include_initial=True)
case("cumulative_prod", X, axis=1, include_initial=True)
case("diff", X), case("diff", X, 2, 0), case("diff", B), case("ediff1d", V)
case("gradient", X), case("gradient", V, 2.0), case("gradient", V, EDGES)
case("gradient", X, edge_order=2, axis=1)
case("trapezoid", X), case("trapezoid", X, EDGES[:4]), case("unwrap", V * 5)

for _shape in ((4, -1), (24,), (1, 2, 12), -1):
    case("reshape", T, _shape), case("reshape", T, _shape, order="F")
for _axes in (None, (0, 2, 1), (2, 0, 1), (-1, 0, 1)):
    case("transpose", T, _axes)
case("moveaxis", T, 0, 2), case("moveaxis", T, (0, 1), (2, 0)), case("swapaxes", T, 0, -1)
case("rollaxis", T, 2), case("rollaxis", T, 0, 3), case("rollaxis", T, 1, -1)
case("expand_dims", T, (0, 2)), case("expand_dims", T, -1), case("squeeze", T[:1, :, :1])
case("squeeze", T[:1], 0), case("broadcast_to", V, (2, 5)), case("ravel", T), case("ravel", T, "F")
case("atleast_1d", X[0, 0]), case("atleast_2d", V), case("atleast_3d", X), case("atleast_3d", V)
case("broadcast_arrays", X, V[:4]), case("matrix_transpose", T), case("permute_dims", T, (2, 0, 1))
for _axis in (None, 0, (0, 2)):
    case("flip", T, _axis)
case("fliplr", X), case("flipud", X), case("roll", X, 2), case("roll", X, (1, 2), (0, 1))
case("roll", X, -1, 1), case("roll", X, 13, 1), case("roll", X, (1, 1), 0)
for _k in range(-1, 5):
    case("rot90", X, _k), case("rot90", T, _k, (2, 0))
case("repeat", X, 2), case("repeat", X, 2, 1), case("repeat", X, [1, 0, 2], 0), case("tile", X, 2)
case("tile", X, (2, 1, 3)), case("tile", V, (2, 2)), case("tile", T, ())
for _args in ((), (1, 1, 2), (-1, 2, 0), (5,)):
    case("diagonal", T, *_args), case("trace", T, *_args)
for _k in (0, 1, -2):
    case("diag", V, _k), case("diag", X, _k), case("tril", T, _k), case("triu", X, _k)
    case("tri", 3, 4, _k), case("eye", 3, 4, _k), case("diagflat", X[:, :2], _k)
    case("tril_indices", 3, _k), case("triu_indices", 3, _k, 4)
case("diag_indices", 3), case("vander", V), case("vander", V, 3, increasing=True)

case("concatenate", [X, X], 1), case("concatenate", [X, X], None), case("stack", [X, X], -1)
case("hstack", [V, V]), case("vstack", [V, V]), case("dstack", [X, X]), case("hstack", [X, X])
case("column_stack", [V, V]), case("append", X, V), case("append", X, X, 0)
case("block", [[X, X], [X, X]]), case("block", [V, V]), case("block", [[X, P[:, :1]]])
case("split", X, 2, 1), case("split", X, [1, 3], 1), case("split", X, [3, 1], 1)
case("split", X, [-1], 1), case("array_split", V, 3), case("hsplit", X, 2), case("vsplit", X, 3)
case("dsplit", T, 2), case("unstack", T), case("unstack", T, axis=1)
case("delete", X, 1, 0), case("delete", X, [0, 2], 1), case("delete", V, -1)
case("delete", V, slice(0, 3)), case("insert", X, 1, 9.0), case("insert", X, 1, 9.0, 1)
case("insert", X, 1, V[:4], 0), case("insert", X, [0, 2], X[:, :2], 1), case("insert", V, -1, 3.0)
case("insert", X, [0, 2], 5.0, 0), case("resize", X, (5, 3)), case("resize", V, 2)
for _width in (2, (1, 3), ((1, 2), (3, 0)), ((5, 7), (9, 1))):
    for _mode in """constant edge reflect symmetric wrap linear_ramp maximum minimum mean
            median""".split():
        case("pad", X, _width, mode=_mode), case("pad", I, _width, mode=_mode)
case("pad", X, 1, constant_values=((1, 2), (3, 4))), case("pad", X, 1, constant_values=(1, 2))
case("pad", X, 2, mode="linear_ramp", end_values=(1, 2))
case("pad", X, (5, 4), mode="reflect", reflect_type="odd")
case("pad", X, (5, 4), mode="symmetric", reflect_type="odd")
case("pad", X, 2, mode="mean", stat_length=2)

for _a, _b in [
    ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 4)), ((2, 3), (3, 4)), ((5, 2, 3), (3, 4)),
    ((2, 3), (5, 3, 4)), ((5, 2, 3), (5, 3, 4)), ((1, 2, 3), (5, 3, 4)), ((5, 2, 3), (3,)),
    ((3,), (5, 3, 4)), ((7, 1, 2, 3), (5, 3, 4)), ((0, 3), (3, 2)), ((2, 0), (0, 2)),
]:  # fmt: skip
    case("matmul", _rng.normal(size=_a), _rng.normal(size=_b))
case("matmul", B, B.T), case("matmul", I, I.T), case("matmul", C, C.T)
(
    case("dot", T, X.T),
    case("dot", X, 2.0),
    case("vdot", C, C),
    case("inner", X, T),
    case("outer", V, X),
)
(
    case("vecdot", C, C),
    case("vecdot", T, T, axis=1),
    case("matvec", T, V[:4]),
    case("vecmat", V[:3], T),
)
case("tensordot", T, X.T, 1), case("tensordot", T, T, ([0, 2], [0, 2])), case("tensordot", X, T, 0)
case("kron", X, X), case("kron", T, V), case("cross", T[0, :, :3], T[1, :, :3])
case("cross", T[0, :, :3], T[1, 0, :3])
for _s, _shapes in {
    "ij,jk->ik": [(2, 3), (3, 4)], "ij,kj": [(3, 4), (5, 4)], "ii": [(3, 3)], "ii->i": [(3, 3)],
    "ij->ji": [(2, 3)], "ij->": [(2, 3)], "i,j": [(2,), (3,)], "i,i": [(2,), (2,)],
    "...j,j...": [(2, 3, 4), (4, 3)], "ijk,kl->ijl": [(2, 3, 4), (4, 5)],
    "ij...,jk...->ik...": [(2, 3, 5), (3, 4, 1)], "ijk->kj": [(2, 3, 4)], "...": [(2, 3)],
    "ij,ij->ij": [(2, 3), (2, 3)], "ij,jk,kl->il": [(2, 3), (3, 4), (4, 5)],
    "...ij->...ji": [(2, 3, 4)],
    "a,b,c->cab": [(2,), (3,), (4,)], "iij->j": [(3, 3, 2)], "iij->ij": [(3, 3, 2)],
    "i,ij,j": [(2,), (2, 3), (3,)], "iii->i": [(3, 3, 3)], "ij,ij->i": [(3, 4), (3, 1)],
    "bqhd,bkhd->bhqk": [(2, 3, 2, 4), (2, 5, 2, 4)], ",ij->ij": [(), (2, 3)],
}.items():  # fmt: skip
    case("einsum", _s, *[_rng.normal(size=h) for h in _shapes])
case("einsum", X, [0, 1], X, [2, 1], [0, 2])

for _axis in (None, 0, -1):
    case("sort", X, axis=_axis), case("sort", N, axis=_axis)
    case("argsort", I, axis=_axis, kind="stable")
case("lexsort", (I[0], I[1])), case("lexsort", I), case("sort_complex", C.ravel())
for _side in ("left", "right"):
    case("searchsorted", EDGES, X, _side), case("searchsorted", EDGES, EDGES, _side)
    case("searchsorted", np.array([0, 1, 1, 1, 2]), I, _side)
    case("searchsorted", np.sort(N[0]), N, _side)
for _right in (False, True):
    case("digitize", X, EDGES, _right), case("digitize", EDGES, EDGES[::-1], _right)
case("unravel_index", np.array([5, 7]), (3, 4))
case("ravel_multi_index", (np.array([1, 2]), np.array([3, 0])), (3, 4))
case("take", X, [0, -1], 1), case("take", X, np.array([[0, 1], [2, 3]]), 1), case("take", X, 3)
case("take", X, [5, -7], 0, mode="wrap"), case("take", X, [0, 9], 0, mode="clip")
case("take_along_axis", X, np.argsort(X, 1), 1), case("take_along_axis", X, np.array([[1]]), 1)
case("take_along_axis", T, np.array([[[0]], [[-1]]]), 2)
case("isin", I, [1, 2]), case("isin", I, np.array([1, 2]), invert=True)
case("where", B, X, 0.0), case("where", I, X, V[:4]), case("select", [B, X > -1], [X, -X], 3.0)
case("choose", np.abs(I) % 3, [I, I + 1, I * 2]), case("clip", X, -0.5, 0.5)
case("clip", X, None, 0.5), case("clip", X, V[:4], None), case("clip", X, 0.5, -0.5)

(
    case("quantile", X, 0.3),
    case("quantile", X, [0.1, 0.9], 0),
    case("percentile", T, [10, 50], (0, 2)),
)
case("nanquantile", N, 0.3, 1), case("nanpercentile", N, [30, 60], 0)
for _method in ("linear", "lower", "higher", "nearest", "midpoint"):
    case("quantile", X, 0.4, axis=0, method=_method, keepdims=True)
case("cov", X), case("cov", X, X), case("cov", V), case("cov", X, rowvar=False, ddof=0)
case("cov", X, fweights=np.array([1, 2, 1, 3])), case("cov", X, aweights=P[0]), case("corrcoef", X)
case("interp", X, EDGES, V), case("interp", X, EDGES, V, left=-7.0, right=9.0)
case("interp", X * 3, V, V, period=2.0), case("polyval", V, X), case("polyval", I[0], I)
for _mode in ("full", "same", "valid"):
    for _v, _w in ((V, X[0]), (X[0], V), (V, V[:3])):
        case("convolve", _v, _w, _mode), case("correlate", _v, _w, _mode)

case("meshgrid", V, X[0], X[1]), case("meshgrid", V, X[0], indexing="ij")
case("meshgrid", V, X[0], sparse=True), case("linspace", X[0], X[1], 3)
case("linspace", 0.0, 1.0, 5, endpoint=False), case("linspace", 0.0, 1.0, 5, retstep=True)
(
    case("linspace", X[0], 2.0, 4, axis=-1),
    case("linspace", 1.0, 2.0, 1),
    case("linspace", 1.0, 2.0, 0),
)
case("logspace", 0.0, 1.0, 4), case("geomspace", 1.0, 8.0, 4), case("geomspace", -1.0, -8.0, 4)
case("arange", 1, 10, 3), case("arange", 5.0, 0.0, -1.5), case("arange", 4), case("arange", 3, 1)
case("indices", (2, 3)), case("indices", (2, 3), sparse=True), case("identity", 3)
case("full", (2, 2), 3.0), case("full_like", X, 2), case("zeros_like", I), case("ones", (2,))

# The shape of these answers depends on values: they need the values, and are not for jit.
DYNAMIC: list[tuple[str, tuple, dict]] = [
    ("unique", (I,), {}),
    ("unique", (I,), {"return_index": True, "return_inverse": True, "return_counts": True}),
    ("unique", (I,), {"axis": 0}),
    ("nonzero", (I,), {}),
    ("argwhere", (I,), {}),
    ("flatnonzero", (I,), {}),
    ("compress", (np.array([True, False, True]), X, 0), {}),
    ("extract", (B, X), {}),
    ("union1d", (I, I + 2), {}),
    ("intersect1d", (I, I + 2), {}),
    ("setdiff1d", (I, I + 2), {}),
    ("setxor1d", (I, I + 2), {}),
    ("bincount", (np.abs(I).ravel(),), {}),
    ("bincount", (np.abs(I).ravel(), X.ravel()), {"minlength": 9}),
    ("histogram", (X,), {}),
    ("histogram", (X,), {"bins": 4, "range": (-1, 1), "weights": P}),
    ("histogram", (X, EDGES), {"density": True}),
    ("piecewise", (X, [X < 0, X >= 0], [lambda v: -v, lambda v: v * 2]), {}),
]
