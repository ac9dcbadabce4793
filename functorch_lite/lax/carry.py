"""What a loop carries, and the types that branches and loops keep."""

from __future__ import annotations

from typing import Any

from functorch_lite.core import tree
from functorch_lite.core.array import is_arraylike, is_weak, lift
from functorch_lite.core.aval import Aval
from functorch_lite.core.dtypes import default_dtype, weak_result_type
from functorch_lite.errors import CarryTypeError, TreeError
from functorch_lite.lax.user_functions import LACKS_RETURN, structure_text
from functorch_lite.numpy.convert import cast
from functorch_lite.transforms.arguments import unknown_leaf
from functorch_lite.transforms.structured import Staged, type_text

__all__ = ["Carry", "joined_dtype", "refuse_static"]


class _Typed:
    """A type in the place of a value, for promotion."""

    def __init__(self, aval: Aval) -> None:
        self.dtype, self.weak = aval.dtype, aval.weak


def joined_dtype(*avals: Aval) -> tuple[Any, bool]:
    """The dtype that holds values of all these types, and whether only numbers took part."""
    dtype, weak = weak_result_type(*map(_Typed, avals))
    return (default_dtype(dtype) if weak else dtype), weak


def refuse_static(path: str, leaf: Any, label: str, what: str) -> None:
    """Raise for a string or a function among a loop's values.

    Args:
        path: where it stands.
        leaf: the value.
        label: the loop and function in words.
        what: the argument that it is part of.
    """
    if isinstance(leaf, str) or (callable(leaf) and not is_arraylike(leaf)):
        kind, text = type(leaf).__name__, f" {leaf!r}"[:60] if isinstance(leaf, str) else ""
        raise TreeError(
            f"{label}: {path} is a {kind}{text}, and only arrays and numbers go through a loop. "
            f"Close over it, or keep it out of {what}."
        )


class Carry:
    """The carried tree of a loop: its leaves, and the types that a step keeps.

    A Python number in the initial value takes the type that the step gives it.

    Attributes:
        arrays: the leaves, as arrays of their final types.
        avals: types of the leaves inside the step; a number that met no array stays weak.
        treedef: the structure.
        numbers: whether a leaf was given as a Python number or bool.

    Args:
        init: the initial value.
        name: what the user's part of it is called.
        label: the loop and function in words.
        counter: where ``init`` is a pair of the user's carry and a number that the loop counts
            with: the number's place in the pair, and its name.
    """

    def __init__(
        self, init: Any, name: str, label: str, counter: tuple[int, str] | None = None
    ) -> None:
        self.name, self.label = name, label
        self.user = None if counter is None else 1 - counter[0]
        leaves, self.treedef = tree.flatten(init)
        if counter is None:
            self.paths = tree.leaf_names(init, name)
        else:
            self.paths = tree.leaf_names(init[1 - counter[0]], name)
            self.paths.insert(len(self.paths) * counter[0], counter[1])
        self.arrays: list[Any] = []
        self.avals: list[Aval] = []
        self.numbers = [isinstance(x, (bool, int, float, complex)) for x in leaves]
        for leaf, path in zip(leaves, self.paths, strict=True):
            if not is_arraylike(leaf):
                refuse_static(path, leaf, label, f"the {name}")
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

    def check_structure(self, found: Any, whole: bool = True) -> None:
        """Raise unless a step returned the carry's structure; ``whole`` if it returns no more."""
        if found == self.treedef:
            return
        have = tree.unflatten(self.treedef, [0] * self.treedef.num_leaves)
        got = tree.unflatten(found, [0] * found.num_leaves)
        if self.user is not None:
            have, got = have[self.user], got[self.user]
        where = tree.first_difference(have, got, self.name)
        text = (
            f"{self.label}: the carry comes in as {structure_text(tree.structure(have))} and is "
            f"returned as {structure_text(tree.structure(got))}"
        )
        if got is None and whole:
            raise CarryTypeError(f"{text}. {LACKS_RETURN}")
        raise CarryTypeError(f"{text}; {where}. Return it in the containers in which it came.")

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
        dtype = joined_dtype(have, new)[0].name if new.weak else new.dtype.name
        start = (
            f"numpy.asarray({path}, {dtype!r})" if self.numbers[i] else f"{path}.astype({dtype!r})"
        )
        back = (
            f"return numpy.asarray(value, {have.dtype.name!r})"
            if new.weak
            else f"return it with .astype({have.dtype.name!r})"
        )
        return text + f"Start with {start}, or {back}." + _on_width(have, new)

    @property
    def dtypes(self) -> list[Any]:
        """dtypes of the leaves."""
        return [a.dtype for a in self.avals]


def _on_width(have: Aval, new: Aval) -> str:
    """Where a float64 comes from that nobody asked for."""
    single = {"float64": "float32", "complex128": "complex64"}.get(new.dtype.name)
    if new.weak or have.dtype.name != single:
        return ""
    return (
        f" NumPy arrays are {new.dtype.name} unless made otherwise: numpy.asarray(x, {single!r}) "
        "converts one before it meets the carry."
    )
