"""What functions with several results return: tuples whose members have names."""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from typing import Any

from functorch_lite.torch._core import dtypes
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
        if value.dtype is dtypes.int64:
            expect_int64(target)
        put_out(target, value)
    return _by_name[f"{type(made).__name__}_out"](tuple(out))


def expect_int64(target: Any) -> None:
    """Refuse a tensor that cannot take positions."""
    if target.dtype is not dtypes.int64:
        raise RuntimeError(
            "Expected out tensor to have dtype long int, but got "
            f"{target.dtype.c_name} instead"
        )


_PAIR = ("values", "indices")
cummax, cummax_out = make_type("cummax", *_PAIR), make_type("cummax_out", *_PAIR)
cummin, cummin_out = make_type("cummin", *_PAIR), make_type("cummin_out", *_PAIR)
kthvalue, kthvalue_out = make_type("kthvalue", *_PAIR), make_type("kthvalue_out", *_PAIR)
max, max_out = make_type("max", *_PAIR), make_type("max_out", *_PAIR)
median, median_out = make_type("median", *_PAIR), make_type("median_out", *_PAIR)
min, min_out = make_type("min", *_PAIR), make_type("min_out", *_PAIR)
mode, mode_out = make_type("mode", *_PAIR), make_type("mode_out", *_PAIR)
nanmedian, nanmedian_out = make_type("nanmedian", *_PAIR), make_type("nanmedian_out", *_PAIR)
sort, sort_out = make_type("sort", *_PAIR), make_type("sort_out", *_PAIR)
topk, topk_out = make_type("topk", *_PAIR), make_type("topk_out", *_PAIR)
aminmax, aminmax_out = (make_type(n, "min", "max") for n in ("aminmax", "aminmax_out"))
frexp, frexp_out = (make_type(n, "mantissa", "exponent") for n in ("frexp", "frexp_out"))
histogramdd = make_type("histogramdd", "hist", "bin_edges")
histogram, histogram_out = (
    make_type(n, "hist", "bin_edges") for n in ("histogram", "histogram_out")
)
geqrf = make_type("geqrf", "a", "tau")
geqrf_out = make_type("geqrf_out", "a", "tau")
linalg_cholesky_ex = make_type("linalg_cholesky_ex", "L", "info")
linalg_cholesky_ex_out = make_type("linalg_cholesky_ex_out", "L", "info")
linalg_eig = make_type("linalg_eig", "eigenvalues", "eigenvectors")
linalg_eig_out = make_type("linalg_eig_out", "eigenvalues", "eigenvectors")
linalg_eigh = make_type("linalg_eigh", "eigenvalues", "eigenvectors")
linalg_eigh_out = make_type("linalg_eigh_out", "eigenvalues", "eigenvectors")
linalg_inv_ex = make_type("linalg_inv_ex", "inverse", "info")
linalg_inv_ex_out = make_type("linalg_inv_ex_out", "inverse", "info")
linalg_ldl_factor = make_type("linalg_ldl_factor", "LD", "pivots")
linalg_ldl_factor_out = make_type("linalg_ldl_factor_out", "LD", "pivots")
linalg_ldl_factor_ex = make_type("linalg_ldl_factor_ex", "LD", "pivots", "info")
linalg_ldl_factor_ex_out = make_type("linalg_ldl_factor_ex_out", "LD", "pivots", "info")
linalg_lstsq = make_type("linalg_lstsq", "solution", "residuals", "rank", "singular_values")
linalg_lstsq_out = make_type("linalg_lstsq_out", "solution", "residuals", "rank", "singular_values")
linalg_lu = make_type("linalg_lu", "P", "L", "U")
linalg_lu_out = make_type("linalg_lu_out", "P", "L", "U")
linalg_lu_factor = make_type("linalg_lu_factor", "LU", "pivots")
linalg_lu_factor_out = make_type("linalg_lu_factor_out", "LU", "pivots")
linalg_lu_factor_ex = make_type("linalg_lu_factor_ex", "LU", "pivots", "info")
linalg_lu_factor_ex_out = make_type("linalg_lu_factor_ex_out", "LU", "pivots", "info")
linalg_qr = make_type("linalg_qr", "Q", "R")
linalg_qr_out = make_type("linalg_qr_out", "Q", "R")
linalg_slogdet = make_type("linalg_slogdet", "sign", "logabsdet")
linalg_slogdet_out = make_type("linalg_slogdet_out", "sign", "logabsdet")
linalg_solve_ex = make_type("linalg_solve_ex", "result", "info")
linalg_solve_ex_out = make_type("linalg_solve_ex_out", "result", "info")
linalg_svd = make_type("linalg_svd", "U", "S", "Vh")
linalg_svd_out = make_type("linalg_svd_out", "U", "S", "Vh")
lu_unpack = make_type("lu_unpack", "P", "L", "U")
lu_unpack_out = make_type("lu_unpack_out", "P", "L", "U")
qr = make_type("qr", "Q", "R")
qr_out = make_type("qr_out", "Q", "R")
slogdet = make_type("slogdet", "sign", "logabsdet")
slogdet_out = make_type("slogdet_out", "sign", "logabsdet")
svd = make_type("svd", "U", "S", "V")
svd_out = make_type("svd_out", "U", "S", "V")
triangular_solve = make_type("triangular_solve", "solution", "cloned_coefficient")
triangular_solve_out = make_type("triangular_solve_out", "solution", "cloned_coefficient")
