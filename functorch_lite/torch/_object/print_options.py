"""How tensors are printed: one set of options, read afresh for every tensor.

>>> from functorch_lite.torch._object.print_options import get_printoptions, printoptions
>>> with printoptions(precision=2):
...     get_printoptions()["precision"]
2
>>> get_printoptions()["precision"]
4

Source: ``torch.set_printoptions``.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["PRINT_OPTS", "PrinterOptions", "get_printoptions", "printoptions", "set_printoptions"]


@dataclasses.dataclass
class PrinterOptions:
    """The options in force; scripts may assign its fields directly, as they do in PyTorch.

    Args:
        precision: digits after the point.
        threshold: tensors of more elements than this show their corners only.
        edgeitems: how many entries at each end of an axis belong to the corners.
        linewidth: columns of a line.
        sci_mode: scientific notation always (True), never (False), by the values (None).

    >>> PrinterOptions().linewidth
    80

    Source: ``torch._tensor_str.PRINT_OPTS``.
    """

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


PRINT_OPTS = PrinterOptions()

_PROFILES: dict[str, dict[str, Any]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Change how tensors are printed from now on.

    Args:
        precision: digits after the point of floating-point numbers.
        threshold: tensors of more elements than this show their corners only.
        edgeitems: how many entries at each end of an axis a corner has.
        linewidth: columns after which a row goes on in the next line.
        profile: "default", "short" or "full" (no threshold), before the other options apply;
            any other name changes nothing.
        sci_mode: scientific notation always (True), never (False), or by the values (None).
            Unlike the others, None is not "as it was": every call sets this option.

    >>> set_printoptions(precision=2)
    >>> get_printoptions()["precision"]
    2
    >>> set_printoptions(profile="default")

    Source: ``torch.set_printoptions``.
    """
    given = {
        "precision": precision,
        "threshold": threshold,
        "edgeitems": edgeitems,
        "linewidth": linewidth,
    }
    chosen = {name: value for name, value in given.items() if value is not None}
    defaults = {} if profile is None else _PROFILES.get(profile, {})
    vars(PRINT_OPTS).update(defaults | chosen, sci_mode=sci_mode)


def get_printoptions() -> dict[str, Any]:
    """The options in force, as keywords for ``set_printoptions``.

    Returns:
        A new dict of precision, threshold, edgeitems, linewidth and sci_mode.

    >>> sorted(get_printoptions())
    ['edgeitems', 'linewidth', 'precision', 'sci_mode', 'threshold']

    Source: ``torch._tensor_str.get_printoptions``.
    """
    return dataclasses.asdict(PRINT_OPTS)


@contextmanager
def printoptions(**kwargs: Any) -> Iterator[None]:
    """Print with other options inside a ``with`` block.

    Args:
        kwargs: the arguments of ``set_printoptions``.

    Raises:
        TypeError: an argument that ``set_printoptions`` does not have.

    >>> with printoptions(profile="full"):
    ...     get_printoptions()["threshold"]
    inf

    Source: ``torch._tensor_str.printoptions``.
    """
    before = get_printoptions()
    set_printoptions(**kwargs)
    try:
        yield
    finally:
        set_printoptions(**before)
