"""Exception classes of functorch_lite, each with a failing and a fixed example.

Every class derives from :class:`FunctorchLiteError` and from the built-in exception that a NumPy
user would expect, so that both ``except ShapeError`` and ``except ValueError`` work.
"""

from __future__ import annotations

__all__ = [
    "AxisError",
    "AxisNameError",
    "CarryTypeError",
    "CheckpointError",
    "DeviceError",
    "DtypeError",
    "EscapedTracerError",
    "FunctorchLiteError",
    "GradientError",
    "GraphError",
    "ImmutableError",
    "IndexRangeError",
    "KeyReuseError",
    "NanError",
    "NonConcreteError",
    "ShapeError",
    "TransformError",
    "TreeError",
    "VmapSizeError",
]


class FunctorchLiteError(Exception):
    """Base class of every error that this library raises on purpose."""


class ShapeError(FunctorchLiteError, ValueError):
    """Operands have shapes that an operation cannot combine.

    Fails::

        np.ones((2, 3)) + np.ones((4,))

    Fixed::

        np.ones((2, 3)) + np.ones((3,))
    """


class DtypeError(FunctorchLiteError, TypeError):
    """An operand has a dtype that an operation does not take.

    Fails::

        grad(lambda x: x * 2)(np.asarray(3))        # int64

    Fixed::

        grad(lambda x: x * 2)(np.asarray(3.0))
    """


class AxisError(FunctorchLiteError, ValueError, IndexError):
    """An axis is outside an array's dimensions, or named twice.

    Fails::

        np.sum(np.ones((2, 3)), axis=2)

    Fixed::

        np.sum(np.ones((2, 3)), axis=1)
    """


class AxisNameError(FunctorchLiteError, NameError):
    """A collective names an axis that no surrounding ``vmap`` has.

    Fails::

        vmap(lambda x: x - lax.pmean(x, "batch"))(np.ones(3))

    Fixed::

        vmap(lambda x: x - lax.pmean(x, "batch"), axis_name="batch")(np.ones(3))
    """


class CarryTypeError(FunctorchLiteError, TypeError):
    """A loop's carry, or the results of two branches, change structure, shape or dtype.

    Fails::

        lax.fori_loop(0, 3, lambda i, x: np.append(x, i), np.zeros(1))

    Fixed::

        lax.fori_loop(0, 3, lambda i, x: x.at[i].set(i), np.zeros(3))
    """


class CheckpointError(FunctorchLiteError, ValueError):
    """A checkpoint is damaged, or holds another tree than the one that was asked for.

    Fails::

        training.checkpoint.save(path, {"w": np.ones(3)})
        training.checkpoint.load(path, like={"w": np.zeros(2)})

    Fixed::

        training.checkpoint.load(path, like={"w": np.zeros(3)})
    """


class IndexRangeError(FunctorchLiteError, IndexError):
    """A statically known index lies outside its axis.

    Fails::

        np.arange(3)[3]

    Fixed::

        np.arange(3)[2]
    """


class ImmutableError(FunctorchLiteError, TypeError):
    """An array was assigned to in place; arrays never change.

    Fails::

        x[0] = 1

    Fixed::

        x = x.at[0].set(1)
    """


class DonatedError(FunctorchLiteError, RuntimeError):
    """An array was used after ``jit`` had been allowed to write over its memory.

    Fails::

        step = jit(update, donate_argnums=0)
        new = step(params, grads)
        params["w"] + 1.0

    Fixed::

        params = step(params, grads)
        params["w"] + 1.0
    """


class DeviceError(FunctorchLiteError, ValueError):
    """Operands live on different devices, or a device does not exist.

    Fails::

        x_on_cpu + y_on_cuda

    Fixed::

        device_put(x_on_cpu, "cuda") + y_on_cuda
    """


class TransformError(FunctorchLiteError, TypeError):
    """A transform (``grad``, ``vmap``, ``jit`` …) was called with arguments it cannot use.

    Fails::

        vmap(f, in_axes=(0, 0))(x)                  # two axes, one argument

    Fixed::

        vmap(f, in_axes=0)(x)
    """


class GradientError(TransformError):
    """A derivative was asked for that does not exist.

    Fails::

        grad(lambda x: x * 2)(np.ones(3))           # the output is not a scalar

    Fixed::

        grad(lambda x: (x * 2).sum())(np.ones(3))
    """


class VmapSizeError(TransformError, ValueError):
    """The arguments of a ``vmap`` disagree about the size of the mapped axis.

    Fails::

        vmap(f)(np.ones(3), np.ones(4))

    Fixed::

        vmap(f, in_axes=(0, None))(np.ones(3), np.ones(4))
    """


class TreeError(FunctorchLiteError, ValueError):
    """Two pytrees that must have the same structure do not, or a leaf is not an array.

    Fails::

        tree.map(operator.add, {"w": 1.0}, {"b": 1.0})

    Fixed::

        tree.map(operator.add, {"w": 1.0}, {"w": 1.0})
    """


class NonConcreteError(FunctorchLiteError, TypeError):
    """Python needed the value of a traced array that has none yet.

    Fails::

        jit(lambda x: x if x > 0 else -x)(1.0)

    Fixed::

        jit(lambda x: np.where(x > 0, x, -x))(1.0)
    """


class EscapedTracerError(FunctorchLiteError, RuntimeError):
    """A traced array was used after the transform that made it had ended.

    Fails::

        kept = []
        grad(lambda x: kept.append(x) or x * x)(1.0)
        kept[0] * 2

    Fixed::

        grad(lambda x: (x * x, x), has_aux=True)(1.0)   # return what must leave the function
    """


class GraphError(FunctorchLiteError, ValueError):
    """A graph does not obey its own rules (see ``functorch_lite.core.graph.check``)."""


class NanError(FunctorchLiteError, FloatingPointError):
    """``debug_nans`` found a NaN: the message names the operation, the line and the direction.

    Fails::

        with debug_nans():
            np.log(np.asarray(-1.0))

    Fixed::

        with debug_nans():
            np.log(np.asarray(1.0))
    """


class KeyReuseError(FunctorchLiteError, ValueError):
    """A random key was consumed twice while keys were being checked.

    Fails::

        random.normal(key), random.uniform(key)

    Fixed::

        k1, k2 = random.split(key); random.normal(k1), random.uniform(k2)
    """
