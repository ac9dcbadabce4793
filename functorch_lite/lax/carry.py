"""What a loop carries, and the types that branches and loops keep."""

from __future__ import annotations

from typing import Any

from functorch_lite.core import tree
from functorch_lite.core.array import is_arraylike, is_weak, lift
from functorch_lite.core.aval import Aval
from functorch_lite.core.dtypes import default_dtype, weak_result_type
from functorch_lite.errors import CarryTypeError
from functorch_lite.numpy.convert import cast
from functorch_lite.transforms.arguments import unknown_leaf
from functorch_lite.transforms.structured import Staged, type_text

__all__ = ["Carry", "joined_dtype"]


class _Typed:
    """A type in the place of a value, for promotion."""

    def __init__(self, aval: Aval) -> None:
        self.dtype, self.weak = aval.dtype, aval.weak


def joined_dtype(*avals: Aval) -> tuple[Any, bool]:
    """The dtype that holds values of all these types, and whether only numbers took part."""
    dtype, weak = weak_result_type(*map(_Typed, avals))
    return (default_dtype(dtype) if weak else dtype), weak


class Carry:
    """The carried tree of a loop: its leaves, and the types that a step keeps.

    A Python number in the initial value takes the type that the step gives it.

    Attributes:
        arrays: the leaves, as arrays of their final types.
        avals: types of the leaves inside the step; a number that met no array stays weak.
        treedef: the structure.
    """

    def __init__(self, init: Any, name: str, label: str) -> None:
        self.name, self.label = name, label
        leaves, self.treedef = tree.flatten(init)
        self.paths = tree.leaf_names(init, name)
        self.arrays: list[Any] = []
        self.avals: list[Aval] = []
        for leaf, path in zip(leaves, self.paths, strict=True):
            if not is_arraylike(leaf):
                raise unknown_leaf(path, leaf, label)
            x = lift(leaf)
            weak = is_weak(leaf)
            dtype = default_dtype(x.dtype) if weak else x.dtype
            self.arrays.append(cast(x, dtype))
            self.avals.append(Aval(x.shape, dtype, weak))

    def adapt(self, out: Staged) -> bool:
        """Whether the staged step returned the carry's types; numbers that can be adapted are.

        Raises:
            CarryTypeError: naming the leaf and both types.
        """
        found = out.avals[: len(self.avals)]
        same = True
        for i, (have, new) in enumerate(zip(self.avals, found, strict=True)):
            dtype, weak = joined_dtype(have, new)
            fits = new.weak or have.weak or have.dtype == new.dtype
            if have.shape != new.shape or not fits or not (have.weak or dtype == have.dtype):
                raise CarryTypeError(self._message(i, have, new))
            if not have.weak or (weak and dtype == have.dtype):
                continue
            self.avals[i] = Aval(have.shape, dtype, weak)
            self.arrays[i] = cast(self.arrays[i], dtype)
            same = False
        return same

    def check_structure(self, found: Any) -> None:
        """Raise unless a step returned the carry's structure."""
        if found != self.treedef:
            have = tree.unflatten(self.treedef, [0] * self.treedef.num_leaves)
            got = tree.unflatten(found, [0] * found.num_leaves)
            where = tree.first_difference(have, got, self.name)
            raise CarryTypeError(
                f"{self.label}: the carry comes in as {self.treedef} and is returned as {found}; "
                f"{where}. Return it in the containers in which it came."
            )

    def _message(self, i: int, have: Aval, new: Aval) -> str:
        path = self.paths[i]
        text = (
            f"{self.label}: the carry changes its type at {path}: it comes in as "
            f"{type_text(have)} and is returned as {type_text(new)}. "
        )
        if have.shape != new.shape:
            return text + (
                "A loop's carry keeps its shape: start with the final one, or write into a larger "
                "array with .at[i].set(...)."
            )
        return text + (
            f"Start with {path}.astype({new.dtype.name!r}), or return it with "
            f".astype({have.dtype.name!r})."
        )

    @property
    def dtypes(self) -> list[Any]:
        """dtypes of the leaves."""
        return [a.dtype for a in self.avals]
