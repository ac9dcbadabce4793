"""Index arithmetic: where an element lies, as a sum of integer terms over loop variables.

An :class:`Index` is ``const + sum(coef * atom)``. An atom is a loop variable, a digit
``(base // div) % mod`` of another index, or an integer that the kernel computes. Reshapes take an
index apart into digits and put digits together again; sums recognise digits that belong together,
so a reshape that a later one undoes leaves no division behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["Atom", "Axis", "Computed", "Digit", "Index", "combine", "linear", "unravel"]


class Axis:
    """A loop variable that runs from 0 to ``extent`` - 1; identity is what counts."""

    __slots__ = ("extent", "name")

    def __init__(self, extent: int, name: str) -> None:
        self.extent = extent
        self.name = name

    lo = 0

    @property
    def hi(self) -> int:
        """Largest value."""
        return max(self.extent - 1, 0)

    def __repr__(self) -> str:
        return self.name


class Computed:
    """An integer value of the kernel, known to lie between ``lo`` and ``hi``."""

    __slots__ = ("hi", "lo", "value")

    def __init__(self, value: Any, lo: int, hi: int) -> None:
        self.value, self.lo, self.hi = value, lo, hi

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Computed)
            and self.value is other.value
            and (self.lo, self.hi) == (other.lo, other.hi)
        )

    def __hash__(self) -> int:
        return hash((id(self.value), self.lo, self.hi))

    def __repr__(self) -> str:
        return f"{self.value!r}"


class Digit:
    """``(base // div) % mod``; ``mod`` 0 stands for no remainder."""

    __slots__ = ("_hash", "base", "div", "hi", "mod")

    lo = 0

    def __init__(self, base: Axis | Index, div: int, mod: int) -> None:
        self.base, self.div, self.mod = base, div, mod
        top = base.hi // div
        self.hi = min(top, mod - 1) if mod else top
        self._hash = hash((base, div, mod))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Digit)
            and self.div == other.div
            and self.mod == other.mod
            and self.base == other.base
        )

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        text = f"({self.base!r})" if isinstance(self.base, Index) else repr(self.base)
        text += f" // {self.div}" if self.div != 1 else ""
        return f"({text} % {self.mod})" if self.mod else f"({text})"


Atom = Axis | Computed | Digit


class Index:
    """An immutable integer expression; equal ones compare and hash equal.

    >>> i = Index.of(Axis(12, "i"))
    >>> rows, columns = i.digit(4, 0), i.digit(1, 4)
    >>> rows.scaled(4) + columns == i
    True
    """

    __slots__ = ("_hash", "const", "hi", "lo", "terms")

    def __init__(self, const: int, terms: dict[Any, int]) -> None:
        self.const = const
        self.terms = terms
        lo = hi = const
        for atom, coef in terms.items():
            if coef >= 0:
                lo += coef * atom.lo
                hi += coef * atom.hi
            else:
                lo += coef * atom.hi
                hi += coef * atom.lo
        self.lo, self.hi = lo, hi
        self._hash = hash((const, frozenset(terms.items())))

    @staticmethod
    def of(atom: Atom) -> Index:
        """The index that is one atom."""
        if not isinstance(atom, Computed) and atom.hi == 0:
            return ZERO
        return Index(0, {atom: 1})

    @staticmethod
    def number(value: int) -> Index:
        """A constant."""
        return Index(value, {}) if value else ZERO

    def __eq__(self, other: object) -> bool:
        return (
            self is other
            or isinstance(other, Index)
            and self._hash == other._hash
            and self.const == other.const
            and self.terms == other.terms
        )

    def __hash__(self) -> int:
        return self._hash

    def __add__(self, other: Index | int) -> Index:
        if isinstance(other, int):
            return self if other == 0 else Index(self.const + other, self.terms)
        if not other.terms:
            return self + other.const
        if not self.terms:
            return other + self.const
        return combine(self.const + other.const, [*self.terms.items(), *other.terms.items()])

    def scaled(self, by: int) -> Index:
        """This index times an integer."""
        if by == 1:
            return self
        if by == 0:
            return ZERO
        return Index(self.const * by, {a: c * by for a, c in self.terms.items()})

    def digit(self, div: int, mod: int) -> Index:
        """``(self // div) % mod``, for an index that is never negative; ``mod`` 0 for none."""
        if mod == 1 or not div:
            return ZERO
        quotient = self if div == 1 else _quotient(self, div)
        if mod and quotient.hi >= mod:
            quotient = _remainder(quotient, mod)
        return quotient

    def atoms(self) -> Iterable[Atom]:
        """The atoms, and those inside digits."""
        for atom in self.terms:
            yield atom
            if isinstance(atom, Digit):
                if isinstance(atom.base, Index):
                    yield from atom.base.atoms()
                else:
                    yield atom.base

    def replace(self, swap: dict[Any, Index]) -> Index:
        """The index with other indices in place of loop variables."""
        total = Index.number(self.const)
        for atom, coef in self.terms.items():
            total = total + _replaced(atom, swap).scaled(coef)
        return total

    def __repr__(self) -> str:
        parts = [f"{c}*{a!r}" if c != 1 else f"{a!r}" for a, c in self.terms.items()]
        if self.const or not parts:
            parts.append(str(self.const))
        return " + ".join(parts)


ZERO = Index(0, {})


def _replaced(atom: Atom, swap: dict[Any, Index]) -> Index:
    if isinstance(atom, Digit):
        base = atom.base
        inner = base.replace(swap) if isinstance(base, Index) else swap.get(base, Index.of(base))
        return inner.digit(atom.div, atom.mod)
    if isinstance(atom, Axis):
        return swap.get(atom, Index.of(atom))
    return Index.of(atom)


def combine(const: int, terms: Iterable[tuple[Any, int]]) -> Index:
    """The sum of terms, with digits of one base put together where they are neighbours."""
    found: dict[Any, int] = {}
    digits = False
    for atom, coef in terms:
        total = found.get(atom, 0) + coef
        if total:
            found[atom] = total
            digits = digits or isinstance(atom, Digit)
        else:
            found.pop(atom, None)
    if digits and len(found) > 1:
        const += _join(found)
    return Index(const, found)


def _join(terms: dict[Any, int]) -> int:
    """Put digits that are neighbours together, in place; returns what that adds to the constant."""
    const = 0
    changed = True
    while changed:
        changed = False
        places = {(a.base, a.div, terms[a]): a for a in terms if isinstance(a, Digit)}
        for low, coef in list(terms.items()):
            if not isinstance(low, Digit) or not low.mod:
                continue
            high = places.get((low.base, low.div * low.mod, coef * low.mod))
            if high is None:
                continue
            del terms[low], terms[high]
            mod = low.mod * high.mod if high.mod else 0
            whole = _base_digit(low.base, low.div, mod)
            const += whole.const * coef
            for atom, c in whole.terms.items():
                total = terms.get(atom, 0) + c * coef
                if total:
                    terms[atom] = total
                else:
                    del terms[atom]
            changed = True
            break
    return const


def _base_digit(base: Axis | Index, div: int, mod: int) -> Index:
    if mod and base.hi < div * mod:
        mod = 0
    if div == 1 and not mod:
        return base if isinstance(base, Index) else Index.of(base)
    return Index.of(Digit(base, div, mod))


def _split(atom: Any, at: int) -> tuple[Index, Index]:
    """``atom`` as low + at * high, with low < at."""
    if isinstance(atom, Digit):
        base, div, mod = atom.base, atom.div, atom.mod
        if not mod or mod % at == 0:
            return _base_digit(base, div, at), _base_digit(base, div * at, mod // at if mod else 0)
        whole = Index.of(atom)
        return Index.of(Digit(whole, 1, at)), Index.of(Digit(whole, at, 0))
    if isinstance(atom, Axis):
        return _base_digit(atom, 1, at), _base_digit(atom, at, 0)
    whole = Index.of(atom)
    return Index.of(Digit(whole, 1, at)), Index.of(Digit(whole, at, 0))


def _separated(index: Index, by: int) -> tuple[Index, Index] | None:
    """``index`` as rest + by * multiple with 0 <= rest < by, or None if its terms do not part."""
    multiple: list[tuple[Any, int]] = []
    rest: list[tuple[Any, int]] = []
    for atom, coef in index.terms.items():
        if coef % by == 0:
            multiple.append((atom, coef // by))
        elif atom.lo >= 0 and 0 < coef < by and coef * atom.hi >= by and by % coef == 0:
            low, high = _split(atom, by // coef)
            rest += [(a, c * coef) for a, c in low.terms.items()]
            multiple += list(high.terms.items())
        else:
            rest.append((atom, coef))
    left = combine(index.const % by, rest)
    if left.lo < 0 or left.hi >= by:
        return None
    return left, combine(index.const // by, multiple)


def _quotient(index: Index, by: int) -> Index:
    if 0 <= index.lo and index.hi < by:
        return ZERO
    parts = _separated(index, by)
    return _opaque(index, by, 0) if parts is None else parts[1]


def _remainder(index: Index, by: int) -> Index:
    parts = _separated(index, by)
    return _opaque(index, 1, by) if parts is None else parts[0]


def _opaque(index: Index, div: int, mod: int) -> Index:
    if len(index.terms) == 1 and index.const == 0:
        ((atom, coef),) = index.terms.items()
        if coef == 1 and isinstance(atom, Axis):
            return _base_digit(atom, div, mod)
    return Index.of(Digit(index, div, mod))


def linear(indices: Sequence[Index], shape: Sequence[int]) -> Index:
    """The row-major position of an element in an array of ``shape``."""
    total, stride = ZERO, 1
    for index, size in zip(reversed(indices), reversed(shape), strict=True):
        if size != 1:
            total = total + index.scaled(stride)
        stride *= size
    return total


def unravel(position: Index, shape: Sequence[int]) -> tuple[Index, ...]:
    """The index along each dimension of an array of ``shape``, from the row-major position."""
    found: list[Index] = []
    stride = 1
    for i, size in enumerate(reversed(shape)):
        last = i == len(shape) - 1
        if size <= 1 or not stride:
            found.append(ZERO)
        else:
            whole = last and position.hi < stride * size
            found.append(position.digit(stride, 0 if whole else size))
        stride *= size
    return tuple(reversed(found))
