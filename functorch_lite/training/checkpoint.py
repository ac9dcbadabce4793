"""Saving any pytree to one file, and loading it: no pickle, no half-written files.

Arrays are stored in the safetensors format, which other programs read; the structure and all other
values are JSON in the file's metadata; a checksum covers everything.  ``bool`` to ``complex128``,
float16 and bfloat16, keys, Python numbers, strings, bytes and None come back as they were.

>>> import tempfile, functorch_lite.numpy as fnp
>>> from pathlib import Path
>>> with tempfile.TemporaryDirectory() as folder:
...     path = Path(folder, "model.safetensors")
...     save(path, {"w": fnp.ones((2, 3)), "epoch": 7, "lr": 0.1})
...     load(path)["epoch"], load(path)["w"].shape
(7, (2, 3))
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

from functorch_lite import numpy as fnp
from functorch_lite.errors import CheckpointError
from functorch_lite.training.atomic import write_atomically
from functorch_lite.training.template import fill
from functorch_lite.training.tensor_file import read_header, read_tensors, refuse, write_tensors
from functorch_lite.training.tree_text import decode, encode

__all__ = ["load", "save"]

_FORMAT = "functorch_lite.checkpoint"
_VERSION = "1"


def save(path: str | os.PathLike[str], tree: Any) -> None:
    """Write a pytree to a file, atomically.

    The file is written beside its final place, put on the disk, and renamed: whatever happens,
    ``path`` holds the old contents or the new ones.

    Args:
        path: the file; its folder exists.  The name is used as it is; ``.safetensors`` is usual.
        tree: pytree of arrays (NumPy's too; they are loaded as Arrays), numbers, strings, bytes and
            None.  Containers may be of any kind; those that are not dicts, lists, tuples or deques
            (dataclasses, namedtuples) need a template to be loaded, and their static fields are
            not saved.

    Raises:
        CheckpointError: a leaf or a dict's key is of another kind; the message has its path.
        OSError: the folder is missing, the disk is full, and so on.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(Path(folder, "x"), (fnp.arange(3), None, [True, 1j]))
    ...     load(Path(folder, "x"))
    (Array([0, 1, 2], dtype=int64), None, [True, 1j])

    Source: https://github.com/huggingface/safetensors for the format.
    """
    text, tensors = encode(tree)
    metadata = {"format": _FORMAT, "version": _VERSION, "tree": text}
    write_atomically(Path(path), lambda file: write_tensors(file, tensors, metadata))


def load(path: str | os.PathLike[str], like: Any = ...) -> Any:
    """Read a pytree that :func:`save` wrote.

    Args:
        path: the file.  One of another program, without the structure of a tree, gives a dict from
            names to arrays.
        like: a tree of the structure, shapes, dtypes and types that are expected; arrays may be
            ``ShapeDtypeStruct``, as ``fl.eval_shape`` gives them.  It is needed for classes:
            dataclasses, namedtuples and other registered nodes, whose static fields are taken from
            it.  Left out, dicts, lists, tuples and deques are rebuilt.

    Returns:
        The tree, its arrays on the CPU.

    Raises:
        CheckpointError: the file is cut off, damaged or no checkpoint; or it holds another tree
            than ``like``, and the message has path, shape and dtype expected and found.
        OSError: there is no such file, or it may not be read.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(Path(folder, "x"), {"w": fnp.ones(3)})
    ...     load(Path(folder, "x"), like={"w": fnp.zeros(2)})
    Traceback (most recent call last):
    ...
    functorch_lite.errors.CheckpointError: training.checkpoint.load: the file does not hold a tree \
like that of like=: at ['w'] expected float32[2], found float32[3]. Remedy: make like= as the tree \
was when it was saved, or load without it to see what is there.
    """
    path = Path(path)
    damaged = functools.partial(refuse, path)
    with open(path, "rb") as file:
        header = read_header(file, path)
        ours = header.metadata.get("format") == _FORMAT
        if ours and header.metadata.get("version") != _VERSION:
            damaged(f"it is of version {header.metadata.get('version')!r}, not {_VERSION!r}")
        if ours and (header.checksum is None or "tree" not in header.metadata):
            damaged("its metadata lack the structure or the checksum")
        tensors = read_tensors(file, path, header)
    if not ours:
        if like is not ...:
            raise CheckpointError(
                f"training.checkpoint.load: expected a checkpoint with the structure of a tree for "
                f"like=; got {str(path)!r}, a safetensors file of another program. "
                "Remedy: load it without like=, which gives a dict from names to arrays."
            )
        return {name: fnp.asarray(x) for name, x in tensors.items()}
    if like is ...:
        return decode(header.metadata["tree"], tensors, damaged, lambda d, node: d.node(node, ()))
    return decode(header.metadata["tree"], tensors, damaged, lambda d, node: fill(d, node, like))
