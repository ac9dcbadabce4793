"""The structure of a pytree as JSON, and back: arrays by name, everything else by value.

A node is ``null``, ``true``, ``false``, an int or a string for itself, or a dict that says what it
is, e.g. ``{"list": [...]}``.  Floats are written in hexadecimal, so that they come back bit for
bit.  Classes are never looked up by name: what is no plain container is only filled into a template
that the caller has.
"""

from __future__ import annotations

import collections
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

import functorch_lite as fl
from functorch_lite import numpy as fnp
from functorch_lite import tree
from functorch_lite.errors import CheckpointError

if TYPE_CHECKING:
    from functorch_lite import Array

__all__ = ["decode", "encode", "one_level", "path_text"]

_KEYS = "str, int, float, bool, None or tuples of them"
_COMPLEX = np.dtype(np.complex128)


def one_level(node: Any) -> tuple[list[tuple[Any, Any]], Any] | None:
    """Pairs of (entry, child) of a container, and its structure; None for a leaf."""
    pairs, structure = tree.flatten_with_path(node, is_leaf=lambda child: child is not node)
    if len(pairs) == 1 and pairs[0][0] == ():
        return None
    entries = getattr(node, "_fields", None) if isinstance(node, tuple) else None
    if entries is None:
        entries = [tree.entry_of(path[0]) for path, _ in pairs]
    return [(entry, child) for entry, (_, child) in zip(entries, pairs, strict=True)], structure


def path_text(path: tuple[Any, ...]) -> str:
    """A path for messages: ``['layers'][0]``, or ``the root``."""
    return tree.path_str(path) or "the root"


class _Encoder:
    def __init__(self) -> None:
        self.tensors: dict[str, np.ndarray[Any, Any]] = {}

    def node(self, x: Any, path: tuple[Any, ...]) -> Any:
        """The JSON of a tree."""
        if x is None:
            return None
        level = one_level(x)
        if level is None:
            return self.leaf(x, path)
        pairs, _ = level
        if type(x) in (dict, collections.OrderedDict, collections.defaultdict):
            kind = "ordered_dict" if type(x) is collections.OrderedDict else "dict"
            return {kind: [[_key(k, path), self.node(v, (*path, k))] for k, v in x.items()]}
        children = [self.node(child, (*path, entry)) for entry, child in pairs]
        if type(x) is list:
            return {"list": children}
        if type(x) is tuple:
            return {"tuple": children}
        if type(x) is collections.deque:
            return {"deque": children, "maxlen": x.maxlen}
        entries = [entry if isinstance(entry, (str, int)) else repr(entry) for entry, _ in pairs]
        return {"node": type(x).__name__, "entries": entries, "children": children}

    def leaf(self, x: Any, path: tuple[Any, ...]) -> Any:
        """The JSON of a leaf; arrays are put aside."""
        if isinstance(x, (np.ndarray, np.generic, fl.Array)):
            return self.array(x, path)
        if type(x) in (bool, int, str):
            return x
        if type(x) is float:
            return {"float": x.hex()}
        if type(x) is complex:
            return {"complex": [x.real.hex(), x.imag.hex()]}
        if type(x) is bytes:
            return {"bytes": x.hex()}
        raise CheckpointError(
            "training.checkpoint.save: expected arrays, numbers, strings, bytes and None as "
            f"leaves; got {type(x).__name__} at {path_text(path)}. Remedy: leave it out of the "
            "tree, or make it a static field of a registered dataclass."
        )

    def array(self, x: Any, path: tuple[Any, ...]) -> Any:
        """The JSON of an array: its name among the tensors."""
        try:
            # A NumPy scalar is weak, and as an array it is not: its dtype stays.
            x = np.asarray(x) if isinstance(x, np.generic) else x
            data = np.ascontiguousarray(fl.device_get(fnp.asarray(x))).reshape(x.shape)
        except (TypeError, ValueError) as problem:
            raise CheckpointError(
                "training.checkpoint.save: expected an array of numbers or booleans at "
                f"{path_text(path)}; got {type(x).__name__}: {problem} Remedy: convert it, or save "
                "outside of jit and other transforms."
            ) from problem
        stem = ".".join(map(_readable, path)) or "array"
        name, count = stem, 1
        while name in self.tensors or name == "__metadata__":
            count += 1
            name = f"{stem}#{count}"
        if data.dtype == _COMPLEX:  # the format has no such dtype: two floats a number
            self.tensors[name] = data.reshape(*data.shape, 1).view(np.float64)
            return {"array": name, "dtype": "complex128"}
        if data.dtype.names is not None:
            raise CheckpointError(
                f"training.checkpoint.save: expected arrays that hold something; got "
                f"{data.dtype} at {path_text(path)}. Remedy: leave it out of the tree."
            )
        self.tensors[name] = data
        return {"array": name}


def encode(x: Any) -> tuple[str, dict[str, np.ndarray[Any, Any]]]:
    """The structure of a tree as JSON text, and its arrays by name.

    Raises:
        CheckpointError: a leaf or a key is of a kind that is not saved, or the tree is too deep.
    """
    encoder = _Encoder()
    try:
        text = json.dumps(encoder.node(x, ()), separators=(",", ":"))
    except (RecursionError, ValueError) as problem:
        if isinstance(problem, CheckpointError):
            raise
        raise CheckpointError(
            f"training.checkpoint.save: expected a tree that JSON can describe; {problem}. "
            "Remedy: a flatter tree, and integers of at most 4,300 digits."
        ) from None
    return text, encoder.tensors


def _readable(entry: Any) -> str:
    return str(entry).encode("utf-8", "backslashreplace").decode("utf-8")


def _key(key: Any, path: tuple[Any, ...]) -> Any:
    if key is None or type(key) in (bool, int, str):
        return key
    if type(key) is float:
        return {"float": key.hex()}
    if type(key) is tuple:
        return {"tuple": [_key(item, path) for item in key]}
    raise CheckpointError(
        f"training.checkpoint.save: expected dict keys that are {_KEYS}; got "
        f"{type(key).__name__} in {path_text(path)}. Remedy: use strings as keys."
    )


class _Decoder:
    """Builds trees of the JSON's nodes; ``refuse`` raises for a file that is not well-formed."""

    def __init__(
        self, tensors: Mapping[str, np.ndarray[Any, Any]], refuse: Callable[[str], NoReturn]
    ) -> None:
        self.tensors = tensors
        self.refuse = refuse
        self.used: set[str] = set()

    def node(self, node: Any, path: tuple[Any, ...]) -> Any:
        """The tree of a node, where nothing but plain containers occurs."""
        children = self.children(node, path)
        if children is None:
            return self.leaf(node, path)
        if "node" in node:
            raise CheckpointError(
                f"training.checkpoint.load: expected dicts, lists and tuples; got a "
                f"{node['node']} at {path_text(path)}, and classes are not looked up by name. "
                "Remedy: pass like=, a tree of the structure that was saved."
            )
        built = [(entry, self.node(child, (*path, entry))) for entry, child in children]
        if "dict" in node:
            return dict(built)
        if "ordered_dict" in node:
            return collections.OrderedDict(built)
        items = [child for _, child in built]
        if "deque" in node:
            return collections.deque(items, node["maxlen"])
        return items if "list" in node else tuple(items)

    def children(self, node: Any, path: tuple[Any, ...]) -> list[tuple[Any, Any]] | None:
        """Pairs of (entry, node) of a container, checked; None for a leaf."""
        if not isinstance(node, dict):
            return None
        kinds = set(node)
        for kind in ("dict", "ordered_dict"):
            if kinds == {kind}:
                return self.items(node[kind], path)
        for kind in ("list", "tuple"):
            if kinds == {kind} and isinstance(node[kind], list):
                return list(enumerate(node[kind]))
        if kinds == {"deque", "maxlen"} and isinstance(node["deque"], list):
            most = node["maxlen"]
            fits = type(most) is int and len(node["deque"]) <= most < 2**63
            if most is not None and not fits:
                self.refuse(f"the deque at {path_text(path)} has no such length")
            return list(enumerate(node["deque"]))
        if kinds == {"node", "entries", "children"}:
            entries, children = node["entries"], node["children"]
            if (
                isinstance(node["node"], str)
                and isinstance(entries, list)
                and isinstance(children, list)
                and len(entries) == len(children)
                and all(type(entry) in (str, int) for entry in entries)
            ):
                return list(zip(entries, children, strict=True))
            self.refuse(f"the node at {path_text(path)} is damaged")
        return None

    def items(self, pairs: Any, path: tuple[Any, ...]) -> list[tuple[Any, Any]]:
        """The items of a dict."""
        if not isinstance(pairs, list) or not all(
            isinstance(pair, list) and len(pair) == 2 for pair in pairs
        ):
            self.refuse(f"the dict at {path_text(path)} is damaged")
        found = [(self.key(key, path), child) for key, child in pairs]
        if len({key for key, _ in found}) != len(found):
            self.refuse(f"the dict at {path_text(path)} has a key twice")
        return found

    def key(self, key: Any, path: tuple[Any, ...]) -> Any:
        """A key of a dict."""
        if key is None or type(key) in (bool, int, str):
            return key
        if isinstance(key, dict) and set(key) == {"float"}:
            return self.number(key["float"], path)
        if isinstance(key, dict) and set(key) == {"tuple"} and isinstance(key["tuple"], list):
            return tuple([self.key(item, path) for item in key["tuple"]])
        self.refuse(f"the dict at {path_text(path)} has a damaged key")

    def leaf(self, node: Any, path: tuple[Any, ...]) -> Any:
        """The value of a leaf."""
        if node is None or type(node) in (bool, int, str):
            return node
        where = path_text(path)
        if not isinstance(node, dict):
            self.refuse(f"the structure has a bare {type(node).__name__} at {where}")
        if "array" in node and set(node) <= {"array", "dtype"}:
            return self.array(node, path)
        kind, value = next(iter(node.items())) if len(node) == 1 else (None, None)
        if kind == "float":
            return self.number(value, path)
        if kind == "complex" and isinstance(value, list) and len(value) == 2:
            return complex(self.number(value[0], path), self.number(value[1], path))
        if kind == "bytes" and isinstance(value, str):
            try:
                return bytes.fromhex(value)
            except ValueError:
                self.refuse(f"the bytes at {where} are damaged")
        self.refuse(f"the structure has a node of an unknown kind at {where}")

    def number(self, text: Any, path: tuple[Any, ...]) -> float:
        """A float."""
        try:
            return float.fromhex(text)
        except (TypeError, ValueError, OverflowError):
            self.refuse(f"the number at {path_text(path)} is damaged")

    def array(self, node: dict[str, Any], path: tuple[Any, ...]) -> Array:
        """An array, by its name."""
        name, where = node["array"], path_text(path)
        if not isinstance(name, str) or name not in self.tensors:
            self.refuse(f"the array of {where} is missing")
        self.used.add(name)
        data = self.tensors[name]
        if "dtype" in node:
            if node["dtype"] != "complex128" or data.dtype != np.float64 or data.shape[-1:] != (2,):
                self.refuse(f"the array of {where} is not of the dtype that it should be")
            data = data.view(_COMPLEX)[..., 0]
        return fnp.asarray(data)


def decode(
    text: str,
    tensors: Mapping[str, np.ndarray[Any, Any]],
    refuse: Callable[[str], NoReturn],
    build: Callable[[_Decoder, Any], Any],
) -> Any:
    """The tree of JSON text and arrays.

    Args:
        text: what :func:`encode` wrote.
        tensors: the arrays by name.
        refuse: raises, saying that the file is damaged and how.
        build: ``build(decoder, node)`` makes the tree of the root node.
    """
    try:
        node = json.loads(text)
    except (ValueError, RecursionError):
        refuse("its structure is not JSON")
    decoder = _Decoder(tensors, refuse)
    try:
        result = build(decoder, node)
    except RecursionError:
        refuse("its structure is nested too deeply")
    unused = tensors.keys() - decoder.used
    if unused:
        refuse(f"its structure has no place for the array {min(unused)!r}")
    return result
