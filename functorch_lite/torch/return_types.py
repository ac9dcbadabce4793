"""What functions with several results return: tuples whose members have names."""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from typing import Any

from functorch_lite.torch._core import dtypes
from functorch_lite.torch._core.out_rules import expect_dtype
from functorch_lite.torch._core.public import put_out

__all__ = [
    "all_return_types", "aminmax", "aminmax_out", "cummax", "cummax_out", "cummin", "cummin_out",
    "frexp", "frexp_out", "geqrf", "geqrf_out", "histogram", "histogram_out", "histogramdd",
    "kthvalue", "kthvalue_out", "linalg_cholesky_ex", "linalg_cholesky_ex_out", "linalg_eig",
    "linalg_eig_out", "linalg_eigh", "linalg_eigh_out", "linalg_inv_ex", "linalg_inv_ex_out",
    "linalg_ldl_factor", "linalg_ldl_factor_ex", "linalg_ldl_factor_ex_out",
    "linalg_ldl_factor_out", "linalg_lstsq", "linalg_lstsq_out", "linalg_lu", "linalg_lu_factor",
    "linalg_lu_factor_ex", "linalg_lu_factor_ex_out", "linalg_lu_factor_out", "linalg_lu_out",
    "linalg_qr", "linalg_qr_out", "linalg_slogdet", "linalg_slogdet_out", "linalg_solve_ex",
    "linalg_solve_ex_out", "linalg_svd", "linalg_svd_out", "lu_unpack", "lu_unpack_out",
    "make_type", "max", "max_out", "median", "median_out", "min", "min_out", "mode", "mode_out",
    "nanmedian", "nanmedian_out", "qr", "qr_out", "slogdet", "slogdet_out", "sort", "sort_out",
    "svd", "svd_out", "topk", "topk_out", "triangular_solve", "triangular_solve_out",
]  # fmt: skip


class NamedResults(tuple[Any, ...]):
    """A tuple whose members have names.

    Raises:
        TypeError: made of anything but a sequence of as many values as there are names.
    """

    __slots__ = ()

    n_fields = 0
    n_sequence_fields = 0
    n_unnamed_fields = 0
    __match_args__: tuple[str, ...] = ()

    def __new__(cls, sequence: Iterable[Any], dict: Any = None) -> Any:
        try:
            self = tuple.__new__(cls, sequence)
        except TypeError:
            raise TypeError("constructor requires a sequence") from None
        if len(self) != cls.n_fields:
            raise TypeError(
                f"torch.return_types.{cls.__name__}() takes a {cls.n_fields}-sequence "
                f"({len(self)}-sequence given)"
            )
        return self

    def __repr__(self) -> str:
        pairs = zip(self.__match_args__, self, strict=True)
        lines = ",\n".join(f"{name}={value!r}" for name, value in pairs)
        return f"torch.return_types.{type(self).__name__}(\n{lines})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _remake, (type(self).__name__, tuple(self))


all_return_types: list[type[NamedResults]] = []
_by_name: dict[str, type[NamedResults]] = {}


# Not by the class's own name: `torch` may be the real package, or absent, when a pickle is read.
def _remake(name: str, values: tuple[Any, ...]) -> NamedResults:
    return _by_name[name](values)


def make_type(name: str, *fields: str) -> type[NamedResults]:
    """A class of results.

    Args:
        name: of the class, which is that of the function.
        fields: names of the members.

    >>> make_type("pair", "left", "right")((1, 2))
    torch.return_types.pair(
    left=1,
    right=2)
    """
    members: dict[str, Any] = {f: property(itemgetter(i)) for i, f in enumerate(fields)}
    count = len(fields)
    found = type(name, (NamedResults,), {
        **members, "__slots__": (), "__module__": "torch.return_types", "__match_args__": fields,
        "n_fields": count, "n_sequence_fields": count,
    })  # fmt: skip
    _by_name[name] = found
    all_return_types.append(found)
    return found


def results_in(made: NamedResults, out: Any) -> Any:
    """The results written into the tensors given as ``out=``."""
    for target, value in zip(out, made, strict=True):
        if value.dtype.kind == 1:
            expect_dtype(target, value.dtype)
        put_out(target, value)
    return _by_name[f"{type(made).__name__}_out"](tuple(out))


def expect_int64(target: Any) -> None:
    """Refuse a tensor that cannot take positions."""
    expect_dtype(target, dtypes.int64)


def _both(name: str, *fields: str) -> tuple[type[NamedResults], type[NamedResults]]:
    """The classes of a function's results, without and with ``out=``."""
    return make_type(name, *fields), make_type(f"{name}_out", *fields)


_PAIR = ("values", "indices")
cummax, cummax_out = _both("cummax", *_PAIR)
cummin, cummin_out = _both("cummin", *_PAIR)
kthvalue, kthvalue_out = _both("kthvalue", *_PAIR)
max, max_out = _both("max", *_PAIR)
median, median_out = _both("median", *_PAIR)
min, min_out = _both("min", *_PAIR)
mode, mode_out = _both("mode", *_PAIR)
nanmedian, nanmedian_out = _both("nanmedian", *_PAIR)
sort, sort_out = _both("sort", *_PAIR)
topk, topk_out = _both("topk", *_PAIR)
aminmax, aminmax_out = _both("aminmax", "min", "max")
frexp, frexp_out = _both("frexp", "mantissa", "exponent")
histogramdd = make_type("histogramdd", "hist", "bin_edges")
histogram, histogram_out = _both("histogram", "hist", "bin_edges")
geqrf, geqrf_out = _both("geqrf", "a", "tau")
linalg_cholesky_ex, linalg_cholesky_ex_out = _both("linalg_cholesky_ex", "L", "info")
linalg_eig, linalg_eig_out = _both("linalg_eig", "eigenvalues", "eigenvectors")
linalg_eigh, linalg_eigh_out = _both("linalg_eigh", "eigenvalues", "eigenvectors")
linalg_inv_ex, linalg_inv_ex_out = _both("linalg_inv_ex", "inverse", "info")
linalg_ldl_factor, linalg_ldl_factor_out = _both("linalg_ldl_factor", "LD", "pivots")
linalg_ldl_factor_ex, linalg_ldl_factor_ex_out = _both(
    "linalg_ldl_factor_ex", "LD", "pivots", "info"
)
linalg_lstsq, linalg_lstsq_out = _both(
    "linalg_lstsq", "solution", "residuals", "rank", "singular_values"
)
linalg_lu, linalg_lu_out = _both("linalg_lu", "P", "L", "U")
linalg_lu_factor, linalg_lu_factor_out = _both("linalg_lu_factor", "LU", "pivots")
linalg_lu_factor_ex, linalg_lu_factor_ex_out = _both("linalg_lu_factor_ex", "LU", "pivots", "info")
linalg_qr, linalg_qr_out = _both("linalg_qr", "Q", "R")
linalg_slogdet, linalg_slogdet_out = _both("linalg_slogdet", "sign", "logabsdet")
linalg_solve_ex, linalg_solve_ex_out = _both("linalg_solve_ex", "result", "info")
linalg_svd, linalg_svd_out = _both("linalg_svd", "U", "S", "Vh")
lu_unpack, lu_unpack_out = _both("lu_unpack", "P", "L", "U")
qr, qr_out = _both("qr", "Q", "R")
slogdet, slogdet_out = _both("slogdet", "sign", "logabsdet")
svd, svd_out = _both("svd", "U", "S", "V")
triangular_solve, triangular_solve_out = _both("triangular_solve", "solution", "cloned_coefficient")
