"""The modes in which entries are run, by name."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from tests.opinfo.check import check
from tests.opinfo.children import KINDS
from tests.opinfo.derivatives import check_forward, check_second
from tests.opinfo.errors import check_errors
from tests.opinfo.variants import check_out, check_variants

__all__ = ["MODES"]

MODES: dict[str, Callable[..., dict[str, Any]]] = {
    **{kind: functools.partial(check, kind=kind) for kind in KINDS},
    "errors": check_errors,
    "out": check_out,
    "variants": check_variants,
    "second": check_second,
    "forward-ad": check_forward,
}
