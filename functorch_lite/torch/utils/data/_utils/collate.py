"""How the samples of a batch become one: numbers and tensors stacked, containers kept."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from functorch_lite.torch._core import dtypes
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._ops.creation import as_tensor, tensor
from functorch_lite.torch._ops.joining import stack

__all__ = [
    "collate",
    "collate_float_fn",
    "collate_int_fn",
    "collate_numpy_array_fn",
    "collate_numpy_scalar_fn",
    "collate_str_fn",
    "collate_tensor_fn",
    "default_collate",
    "default_collate_err_msg_format",
    "default_collate_fn_map",
    "default_convert",
    "np_str_obj_array_pattern",
]

Rules = dict[type | tuple[type, ...], Callable[..., Any]]

np_str_obj_array_pattern = re.compile(r"[SaUO]")
"""Finds the dtypes of arrays that stay arrays."""

default_collate_err_msg_format = (
    "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"
)


def like_mapping(model: Any, made: dict[Any, Any]) -> Any:
    """A mapping of the kind of another, its further attributes kept; a dict if there is no way."""
    try:
        if isinstance(model, MutableMapping):
            clone: Any = copy.copy(model)
            clone.update(made)
            return clone
        return type(model)(made)
    except TypeError:
        return made


def like_sequence(model: Any, made: list[Any]) -> Any:
    """A sequence of the kind of another, its further attributes kept; a list if there is no way."""
    try:
        if isinstance(model, MutableSequence):
            clone: Any = copy.copy(model)
            for i, value in enumerate(made):
                clone[i] = value
            return clone
        return type(model)(made)
    except TypeError:
        return made


def default_convert(data: Any) -> Any:
    """A sample with its NumPy arrays and numbers as tensors.

    Args:
        data: an array, a number, or containers of them; anything else stays as it is.

    Returns:
        The same, with tensors; tuples become lists.

    >>> default_convert({"x": np.arange(2), "name": "a"})
    {'x': tensor([0, 1]), 'name': 'a'}

    Source: ``torch.utils.data.default_convert``.
    """
    kind = type(data)
    if isinstance(data, Tensor):
        return data
    if kind.__module__ == "numpy" and kind.__name__ not in ("str_", "string_"):
        if kind is np.ndarray and np_str_obj_array_pattern.search(data.dtype.str):
            return data
        return as_tensor(data)
    if isinstance(data, Mapping):
        return like_mapping(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        made = [default_convert(each) for each in data]
        if isinstance(data, tuple):
            return kind(*made) if hasattr(data, "_fields") else made
        return like_sequence(data, made)
    return data


def collate(batch: Any, *, collate_fn_map: Rules | None = None) -> Any:
    """One batch of samples, by rules for the kinds of their parts.

    Args:
        batch: the samples.
        collate_fn_map: what is called for the parts of a type, ``rule(parts, collate_fn_map=)``;
            a type itself goes before those it is a subclass of.

    Returns:
        Containers like those of the first sample, with batches of the parts; tuples become lists.

    Raises:
        RuntimeError: sequences among the samples differ in length.
        TypeError: there is no rule.

    Source: ``torch.utils.data._utils.collate.collate``.
    """
    first = batch[0]
    kind = type(first)
    if collate_fn_map is not None:
        rule = collate_fn_map.get(kind)
        if rule is None:
            found = (rule for cls, rule in collate_fn_map.items() if isinstance(first, cls))
            rule = next(found, None)
        if rule is not None:
            return rule(batch, collate_fn_map=collate_fn_map)

    if isinstance(first, Mapping):
        return like_mapping(
            first,
            {key: collate([d[key] for d in batch], collate_fn_map=collate_fn_map) for key in first},
        )
    if isinstance(first, Sequence):
        named = isinstance(first, tuple) and hasattr(first, "_fields")
        if not named and any(len(each) != len(first) for each in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        columns = zip(*batch, strict=False)
        made = [collate(column, collate_fn_map=collate_fn_map) for column in columns]
        if isinstance(first, tuple):
            return kind(*made) if named else made
        return like_sequence(first, made)
    raise TypeError(default_collate_err_msg_format.format(kind))


def collate_tensor_fn(batch: Any, *, collate_fn_map: Rules | None = None) -> Tensor:
    """Tensors, stacked."""
    return stack(batch, 0)


def collate_numpy_array_fn(batch: Any, *, collate_fn_map: Rules | None = None) -> Any:
    """Arrays, as tensors, stacked.

    Raises:
        TypeError: they hold strings or objects.
    """
    dtype = batch[0].dtype
    if np_str_obj_array_pattern.search(dtype.str):
        raise TypeError(default_collate_err_msg_format.format(dtype))
    return collate([as_tensor(each) for each in batch], collate_fn_map=collate_fn_map)


def collate_numpy_scalar_fn(batch: Any, *, collate_fn_map: Rules | None = None) -> Tensor:
    """NumPy's numbers, in one tensor."""
    return as_tensor(batch)


def collate_float_fn(batch: Any, *, collate_fn_map: Rules | None = None) -> Tensor:
    """Floats, in one tensor of float64."""
    return tensor(batch, dtype=dtypes.float64)


def collate_int_fn(batch: Any, *, collate_fn_map: Rules | None = None) -> Tensor:
    """Integers or bools, in one tensor."""
    return tensor(batch)


def collate_str_fn(batch: Any, *, collate_fn_map: Rules | None = None) -> Any:
    """Texts, as they are."""
    return batch


default_collate_fn_map: Rules = {
    Tensor: collate_tensor_fn,
    np.ndarray: collate_numpy_array_fn,
    (np.bool_, np.number, np.object_): collate_numpy_scalar_fn,
    float: collate_float_fn,
    int: collate_int_fn,
    str: collate_str_fn,
    bytes: collate_str_fn,
}
"""The rules of ``default_collate``; programs may add theirs."""


def default_collate(batch: Any) -> Any:
    """One batch of samples: tensors, arrays and numbers become tensors with one more dimension.

    Args:
        batch: the samples.

    Returns:
        A tensor for tensors, arrays and numbers; texts in a list; containers of these.

    Raises:
        RuntimeError: sequences among the samples differ in length.
        TypeError: a sample holds something else.

    >>> default_collate([{"x": 1, "y": "a"}, {"x": 2, "y": "b"}])
    {'x': tensor([1, 2]), 'y': ['a', 'b']}

    Source: ``torch.utils.data.default_collate``.
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)
