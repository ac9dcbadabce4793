"""Versions that compare as versions, though they are strings. Source: ``torch.torch_version``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

__all__ = ["TorchVersion"]

_VERSION = re.compile(
    r"v?(?P<release>\d+(?:\.\d+)*)"
    r"(?:[-_.]?(?P<pre>a|b|c|rc|alpha|beta|pre|preview)[-_.]?(?P<n>\d*))?"
    r"(?:[-_.]?post[-_.]?(?P<post>\d*))?(?:[-_.]?dev[-_.]?(?P<dev>\d*))?"
    r"(?:\+(?P<local>[a-z0-9._-]+))?",
    re.IGNORECASE,
)
_STAGES = {"a": 0, "alpha": 0, "b": 1, "beta": 1}
_ANY = float("inf")


def _key(text: str) -> Any:
    """What versions are ordered by (PEP 440), or None if the text is none."""
    found = _VERSION.fullmatch(text.strip())
    if found is None:
        return None
    release = [int(n) for n in found["release"].split(".")]
    while len(release) > 1 and not release[-1]:
        release.pop()
    pre: tuple[float, ...] = (_ANY,)
    if found["pre"]:
        pre = (_STAGES.get(found["pre"].lower(), 2), int(found["n"] or 0))
    elif found["dev"] is not None and found["post"] is None:
        pre = (-1,)
    post = -1 if found["post"] is None else int(found["post"] or 0)
    dev = _ANY if found["dev"] is None else int(found["dev"] or 0)
    local = [
        (1, int(part), "") if part.isdigit() else (0, 0, part.lower())
        for part in re.split(r"[-_.]", found["local"] or "")
        if part
    ]
    return release, pre, post, dev, local


def _text(other: Any) -> str:
    """A version given as text or as its parts."""
    if isinstance(other, str):
        return str(other)
    if isinstance(other, Iterable):
        # A word belongs to the number before it: 1.10.0a, not 1.10.0.a.
        text = ".".join(map(str, other))
        return re.sub(r"\.(?=[a-z])", "", text)
    raise ValueError(f"Can't convert {other} to Version")


class TorchVersion(str):
    """A string that compares with other versions: text, or tuples of their parts.

    >>> TorchVersion("2.13.0") > "2.4", TorchVersion("1.10.0a") < (1, 10)
    (True, True)

    Source: ``torch.torch_version.TorchVersion``.
    """

    __module__ = "torch.torch_version"
    __slots__ = ()

    def _compared(self, other: Any, method: str) -> Any:
        try:
            text = _text(other)
        except ValueError:
            return NotImplemented
        mine, theirs = _key(str(self)), _key(text)
        if mine is None or theirs is None:
            return getattr(str, method)(str(self), text)
        return getattr(mine, method)(theirs)

    def __lt__(self, other: Any) -> Any:
        return self._compared(other, "__lt__")

    def __le__(self, other: Any) -> Any:
        return self._compared(other, "__le__")

    def __gt__(self, other: Any) -> Any:
        return self._compared(other, "__gt__")

    def __ge__(self, other: Any) -> Any:
        return self._compared(other, "__ge__")

    def __eq__(self, other: object) -> Any:
        return self._compared(other, "__eq__")

    def __ne__(self, other: object) -> Any:
        return self._compared(other, "__ne__")

    __hash__ = str.__hash__
