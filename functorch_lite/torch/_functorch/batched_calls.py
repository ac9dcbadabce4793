"""Operations that take batches themselves: called once, with all lanes in front.

How the lanes join the operation's own dimensions is the same for whole families, so that a family
is a list of names.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._functorch.crossing import lift, lower
from functorch_lite.torch._functorch.fallback import map_tensors, padded, signature_of, tensors_in

if TYPE_CHECKING:
    from functorch_lite.torch._functorch.lanes import Lanes

__all__ = ["FOLDED", "folded", "together"]

FOLDED = {
    f"{name}{count}d{end}": count
    for count in (1, 2, 3)
    for name, end in (("max_pool", ""), ("max_pool", "_with_indices"), ("max_unpool", ""))
}
"""Functions of batches of images, and over how many dimensions their windows go.

The lanes are images like others: what the functions do does not depend on how many there are.
"""

_MATRICES = frozenset(
    "cholesky cholesky_ex cholesky_inverse cholesky_solve cond det eig eigh eigvals eigvalsh geqrf "
    "inv inv_ex ldl_factor ldl_factor_ex logdet lstsq lu lu_factor lu_factor_ex matrix_exp "
    "matrix_power matrix_rank old_cholesky old_lu old_lu_solve old_qr old_slogdet old_svd pinv "
    "pinverse qr slogdet solve solve_ex solve_triangular svd svdvals triangular_solve".split()
)
"""Functions of matrices, or of batches of them."""

_FACTORS = {
    "householder_product": (0, -1),
    "ldl_solve": (0, -1, 0),
    "lu_solve": (0, -1, 0),
    "lu_unpack": (0, -1),
    "old_lu_solve": (0, 0, -1),
    "ormqr": (0, -1, 0),
    "solve": (0, -1),
    "solve_ex": (0, -1),
}
"""Functions of matrices and of what belongs to each: how many dimensions that has, compared with
the first operand."""

_ELEMENTS = frozenset(
    "airy_ai bessel_j0 bessel_j1 bessel_y0 bessel_y1 chebyshev_polynomial_t chebyshev_polynomial_u "
    "chebyshev_polynomial_v chebyshev_polynomial_w digamma erfcx frexp gammainc gammaincc "
    "hermite_polynomial_h hermite_polynomial_he i0e i1 i1e igamma igammac imag isreal "
    "laguerre_polynomial_l legendre_polynomial_p lgamma log_ndtr modified_bessel_i0 "
    "modified_bessel_i1 modified_bessel_k0 modified_bessel_k1 mvlgamma nan_to_num ndtri polygamma "
    "scaled_modified_bessel_k0 scaled_modified_bessel_k1 shifted_chebyshev_polynomial_t "
    "shifted_chebyshev_polynomial_u shifted_chebyshev_polynomial_v shifted_chebyshev_polynomial_w "
    "sinc spherical_bessel_j0 view_as_complex view_as_real zeta".split()
)
"""Functions of each element, or of each pair at the end."""

_LAST_TWO = frozenset(("cdist",))
"""Functions of the last two dimensions; those before them broadcast."""

_TOLERANT = frozenset(("matrix_rank", "pinv"))
"""Functions of matrices that also take a tolerance for each of them."""

_LINES = frozenset(("searchsorted",))
"""Functions of several lines of one operand each, which share the dimensions before the last."""

_ALONG = frozenset(("norm", "matrix_norm", "vector_norm"))
"""Functions along the dimensions that ``dim`` names, which count from the end where it names none
and there are as many as they need."""


def together(lanes: Lanes, f: Any, args: Any, kwargs: Any) -> Any:
    """Call an operation that takes batches itself with all lanes in front.

    Returns:
        NotImplemented if it is none, or its operands are of different rank.
    """
    name = f.__name__
    given = (list(args), kwargs)
    ranks = [t._np.ndim for t in tensors_in(given)]
    rank = max(ranks)
    if name in _ELEMENTS or (name in _LAST_TWO and min(ranks) >= 2):
        whole = map_tensors(given, lambda t: padded(lower(lanes, t), rank))
    elif _fits(name, ranks):
        whole = map_tensors(given, partial(lower, lanes))
    elif name in _TOLERANT and ranks[0] == rank and all(r < rank - 1 for r in ranks[1:]):
        whole = map_tensors(given, lambda t: padded(lower(lanes, t), max(t._np.ndim, rank - 2)))
    elif name in _ALONG and len(ranks) == 1:
        named = _shifted(f, args, kwargs)
        if named is None:
            return NotImplemented
        whole = map_tensors(([], named), partial(lower, lanes))
    else:
        return NotImplemented
    with lanes.outside():
        found = f(*whole[0], **whole[1])
    return map_tensors(found, partial(_lane, lanes))


def _fits(name: str, ranks: Sequence[int]) -> bool:
    """Whether operands are matrices, and what belongs to each of them."""
    if len(set(ranks)) == 1 and (name in _MATRICES or (name in _LINES and ranks[0])):
        return True
    more = _FACTORS.get(name)
    return more is not None and tuple([r - ranks[0] for r in ranks]) == more[: len(ranks)]


def _shifted(f: Any, args: Any, kwargs: Any) -> dict[str, Any] | None:
    """Arguments by name, with ``dim`` for the array of all lanes."""
    names = dict(signature_of(f).bind(*args, **kwargs).arguments)
    (t,) = tensors_in(list(names.values()))
    rank, dim = t._np.ndim, names.get("dim")
    if dim is None:
        if not 0 < rank < 3:
            return None
        names["dim"] = tuple(range(-rank, 0))
    else:
        dims = dim if isinstance(dim, (tuple, list)) else (dim,)
        if not all(-rank <= d < rank for d in dims):
            return None
        negative = tuple([d - rank if d >= 0 else d for d in dims])
        names["dim"] = negative if isinstance(dim, (tuple, list)) else negative[0]
    return names


def _lane(lanes: Lanes, t: Tensor) -> Tensor:
    """One lane of a result; what was not asked for is empty, and has no lanes."""
    shape = t._np.shape
    if shape == (0,) and lanes.size:
        t = t.reshape(1, 0).expand(lanes.size, 0)
    return lift(lanes, t)


def folded(lanes: Lanes, f: Any, args: Any, kwargs: Any) -> Any:
    """Call a function of batches of images with the images of all lanes in one batch.

    Returns:
        NotImplemented where an operand is not of a rank that the function takes.
    """
    count = FOLDED[f.__name__]
    given = (list(args), kwargs)
    tensors = tensors_in(given)
    rank = tensors[0]._np.ndim
    if rank not in (count + 1, count + 2) or any(t._np.ndim != rank for t in tensors):
        return NotImplemented
    some, named = map_tensors(given, partial(lower, lanes))
    with lanes.outside():
        if rank == count + 1:
            found = f(*some, **named)
        else:
            images = tensors[0]._np.shape[0]
            some, named = map_tensors((some, named), lambda t: t.flatten(0, 1))
            found = f(*some, **named)
            found = map_tensors(found, lambda t: t.unflatten(0, (lanes.size, images)))
    return map_tensors(found, partial(lift, lanes))
