"""``vmap``: a function of one example as a function of many."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NoReturn

from functorch_lite.torch._core.public import FUNCTIONS, overrides
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._functorch.crossing import is_lane, leave, lift
from functorch_lite.torch._functorch.lanes import Lanes
from functorch_lite.torch._functorch.levels import outside_of_compile
from functorch_lite.torch._functorch.pytrees import Spec, broadcast, flatten, leaves, unflatten
from functorch_lite.torch._object.generator import default_generator

__all__ = ["vmap"]


def vmap(
    func: Callable[..., Any], in_dims: Any = 0, out_dims: Any = 0, randomness: str = "error",
    *, chunk_size: int | None = None,
) -> Callable[..., Any]:  # fmt: skip
    """Map a function over a dimension of its arguments, without a loop.

    The operations inside are applied to all examples at once by the core's batching rules; what
    has none is done example by example, with a warning. An ``if`` on a mapped tensor is an error,
    as each example has an answer of its own: ``torch.where`` chooses for each.

    An unmapped tensor cannot take another value from each example. So buffers that a module writes
    to, such as the running statistics of ``BatchNorm``, are best passed to ``functional_call`` as
    mapped arguments: then they come back for each example. Statistics that the module holds itself
    get the mean of the examples' (PyTorch refuses that).

    Args:
        func: takes and returns tensors, or containers of them.
        in_dims: which dimension of each argument is mapped, None for none: a number, or a tuple
            that goes along with the arguments.
        out_dims: where the dimension is in the results.
        randomness: whether random numbers are an ``error``, ``different`` for each example, or
            the ``same``.
        chunk_size: how many examples are computed at a time; all by default.

    Returns:
        the mapped function; keyword arguments are not mapped.

    Raises:
        ValueError: the arguments do not fit ``in_dims``, or the results ``out_dims``.
        RuntimeError: the function asks for a value, or draws numbers with ``error``.

    >>> import functorch_lite.torch as torch
    >>> dot = vmap(torch.dot)
    >>> dot(torch.ones(2, 3), torch.arange(6.0).reshape(2, 3))
    tensor([ 3., 12.])

    Source: ``torch.func.vmap``.
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(
            f"Only allowed values for randomness are 'error', 'different', or 'same'. Got "
            f"{randomness}"
        )
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @functools.wraps(func)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        outside_of_compile("vmap")
        for x in leaves(out_dims):
            if x is not None and not isinstance(x, int):
                raise ValueError(
                    f"vmap({_name(func)}, ..., out_dims={out_dims}): `out_dims` must be an int, "
                    "None or a python collection of ints representing where in the outputs the "
                    "vmapped dimension should appear."
                )
        call = _Call(func, in_dims, out_dims, args, kwargs)
        with call.on_device():
            if chunk_size is None or chunk_size >= call.size:
                return call.run(randomness)
            return call.in_chunks(randomness, chunk_size)

    return mapped


def _name(func: Any) -> str:
    return getattr(func, "__name__", None) or repr(func)


class _Call:
    """One call of a mapped function.

    Attributes:
        size: how many examples there are.
        dims: per leaf of the arguments, its mapped dimension or None.
    """

    def __init__(
        self, func: Callable[..., Any], in_dims: Any, out_dims: Any, args: Any, kwargs: Any
    ) -> None:
        self.func = func
        self.out_dims = out_dims
        name = f"vmap({_name(func)}, in_dims={in_dims}, ...)(<inputs>)"
        if not isinstance(in_dims, (int, tuple)):
            raise ValueError(
                f"{name}: expected `in_dims` to be int or a (potentially nested) tuple matching "
                f"the structure of inputs, got: {type(in_dims)}."
            )
        if not args:
            raise ValueError(
                f"vmap({_name(func)})(<inputs>): got no inputs. Maybe you forgot to add inputs, or "
                "you are trying to vmap over a function with no inputs. The latter is unsupported."
            )
        self.args, self.spec = flatten(args)
        dims = broadcast(in_dims, self.spec)
        if dims is None:
            raise ValueError(
                f"{name}: in_dims is not compatible with the structure of `inputs`. in_dims has "
                f"structure {flatten(in_dims)[1]} but inputs has structure {self.spec}."
            )
        self.dims = [_checked(name, d, x) for d, x in zip(dims, self.args, strict=True)]
        self.kwargs = kwargs
        sizes = [x._np.shape[d] for d, x in zip(self.dims, self.args, strict=True) if d is not None]
        if not sizes:
            raise ValueError("vmap: Expected at least one Tensor to vmap over")
        if any(size != sizes[0] for size in sizes):
            raise ValueError(
                "vmap: Expected all tensors to have the same size in the mapped dimension, got "
                f"sizes {sizes} for the mapped dimension"
            )
        self.size = sizes[0]

    def on_device(self) -> AbstractContextManager[None]:
        """The context in which lanes of the arguments are computed with."""
        if overrides.meta is None or not any(map(overrides.meta.owns, self.args)):
            return nullcontext()
        found: AbstractContextManager[None] = overrides.meta.at_work()
        return found

    def run(self, randomness: str) -> Any:
        """All examples at once."""
        lanes = Lanes(self.size, randomness)
        pairs = zip(self.dims, self.args, strict=True)
        fronts = [None if d is None else x.movedim(d, 0) for d, x in pairs]
        given = [x if f is None else lift(lanes, f) for f, x in zip(fronts, self.args, strict=True)]
        with lanes:
            out = self.func(*unflatten(given, self.spec), **self.kwargs)
        self._written(lanes, fronts, given)
        return self._left(lanes, out)

    def _written(self, lanes: Lanes, fronts: Sequence[Any], given: Sequence[Any]) -> None:
        """Have arguments that the function wrote to written to outside as well."""
        for front, t in zip(fronts, given, strict=True):
            if front is not None and t._np.storage.writes:
                front.copy_(leave(lanes, [t])[0])

    def _left(self, lanes: Lanes, out: Any) -> Any:
        """The results, with all examples."""
        found, spec = flatten(out)
        dims = self._out_dims(out, spec)
        name = _name(self.func)
        for t, dim in zip(found, dims, strict=True):
            if dim is None:
                if is_lane(lanes, t):
                    raise ValueError(
                        f"vmap({name}, ...): `{name}` can not return a BatchedTensor when out_dim "
                        "is None"
                    )
            elif not isinstance(t, Tensor):
                raise ValueError(
                    f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(t)}. "
                    "Did you mean to set out_dims= to None for output?"
                )
        whole = iter(leave(lanes, [t for t, d in zip(found, dims, strict=True) if d is not None]))
        outs = []
        for t, dim in zip(found, dims, strict=True):
            made = t if dim is None else next(whole)
            outs.append(made if not dim else made.movedim(0, dim))
        return unflatten(outs, spec)

    def _out_dims(self, out: Any, spec: Spec) -> list[Any]:
        given = self.out_dims
        if isinstance(out, Tensor):
            if isinstance(given, int) or given is None:
                return [given]
            if isinstance(given, tuple) and len(given) == 1:
                return list(given)
            self._incompatible(spec)
        found = broadcast(given, spec)
        if found is None:
            self._incompatible(spec)
        return found

    def _incompatible(self, spec: Spec) -> NoReturn:
        raise ValueError(
            f"vmap({_name(self.func)}, ..., out_dims={self.out_dims})(<inputs>): out_dims is not "
            "compatible with the structure of `outputs`. out_dims has structure "
            f"{flatten(self.out_dims)[1]} but outputs has structure {spec}."
        )

    # ------------------------------------------------------------------------------------ chunks
    def in_chunks(self, randomness: str, chunk: int) -> Any:
        """Some examples at a time, the results joined."""
        state = default_generator.get_state() if randomness == "same" else None
        results, dims, spec = [], None, None
        args, size = self.args, self.size
        for start in range(0, size, chunk):
            self.size = min(chunk, size - start)
            self.args = [
                x if d is None else x.narrow(d, start, self.size)
                for d, x in zip(self.dims, args, strict=True)
            ]
            if state is not None:
                default_generator.set_state(state)
            out = self.run(randomness)
            found, spec = flatten(out)
            dims = self._out_dims(out, spec)
            results.append(found)
        assert dims is not None and spec is not None
        joined = [
            column[0] if dim is None else FUNCTIONS["cat"](list(column), dim)
            for column, dim in zip(zip(*results, strict=True), dims, strict=True)
        ]
        return unflatten(joined, spec)


def _checked(name: str, dim: Any, x: Any) -> int | None:
    """A mapped dimension, counted from the front."""
    if dim is None:
        return None
    if not isinstance(dim, int):
        raise ValueError(
            f"{name}: Got in_dim={dim} for an input but in_dim must be either an integer dimension "
            "or None."
        )
    if not isinstance(x, Tensor):
        raise ValueError(
            f"{name}: Got in_dim={dim} for an input but the input is of type {type(x)}. We cannot "
            "vmap over non-Tensor arguments, please use None as the respective in_dim"
        )
    rank = x._np.ndim
    if not -rank <= dim < rank:
        raise ValueError(
            f"{name}: Got in_dim={dim} for some input, but that input is a Tensor of "
            f"dimensionality {rank} so expected in_dim to satisfy -{rank} <= in_dim < {rank}."
        )
    return dim % rank
