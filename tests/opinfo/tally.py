"""What one entry's runs in a mode of single cases come to: counts, and failures by cause."""

from __future__ import annotations

import dataclasses
from typing import Any

__all__ = ["Tally", "same_kind"]

SHOWN = 12


@dataclasses.dataclass
class Tally:
    """The cases of an entry.

    Attributes:
        cases: how many were run.
        right: how many did what PyTorch does.
        messages: of the errors that were raised as expected, how many say what PyTorch says.
        failures: cause and sentence of the first few others.
        closer: elements that were right only by the result in float64.
    """

    name: str
    cases: int = 0
    right: int = 0
    messages: int = 0
    closer: int = 0
    failures: list[list[str]] = dataclasses.field(default_factory=list)

    def add(self, failure: tuple[str, str] | list[str] | None) -> None:
        """Count a case, which failed or not."""
        self.cases += 1
        if failure is None:
            self.right += 1
        elif len(self.failures) < SHOWN:
            self.failures.append(list(failure))

    def result(self) -> dict[str, Any]:
        """As a line of JSON."""
        return dataclasses.asdict(self)


def same_kind(mine: Exception, theirs: Exception) -> bool:
    """Whether an error is of PyTorch's class, or of one below."""
    return any(c.__name__ == type(theirs).__name__ for c in type(mine).__mro__)
