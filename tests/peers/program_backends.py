"""The two libraries under one interface.

``np`` is the NumPy-like namespace and ``T`` the module with the transforms; both libraries spell
what is in them alike. The methods cover what only JAX's ``lax`` and functorch_lite's op records do.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import ops, random, scipy

jax = pytest.importorskip("jax", exc_type=ImportError)
jnp, lax = jax.numpy, jax.lax
from jax.ad_checkpoint import checkpoint_name  # noqa: E402

# Compile time is nearly all of JAX's time on programs this small. Intermediate float32 values must
# be rounded as the program says.
_COMPILER_OPTIONS = {
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
    "xla_cpu_use_fusion_emitters": False,
    "xla_allow_excess_precision": False,
}


def _policy(policies: Any, name: str | None) -> Any:
    """A checkpoint's policy: none, one that is called ``…_saveable``, or by names of values."""
    if name == "named":
        return policies.save_only_these_names("kept")
    return name and getattr(policies, f"{name}_saveable")


class Ours:
    """functorch_lite."""

    np = fnp
    T = fl
    lax = fl.lax
    scipy = scipy
    random = random
    name = "functorch_lite"

    @staticmethod
    def array(data: Any) -> Any:
        return fnp.asarray(data)

    @staticmethod
    def run(f: Any, args: Any) -> Any:
        return f(*args)

    @staticmethod
    def policy(name: str | None) -> Any:
        """What a checkpoint may keep."""
        return _policy(fl.checkpoint_policies, name)

    named = staticmethod(fl.checkpoint_policies.checkpoint_name)

    rsqrt, logistic, erf, erfc, erfinv = ops.rsqrt, ops.logistic, ops.erf, ops.erfc, ops.erfinv
    population_count, clz = ops.population_count, ops.clz
    stop_gradient = ops.stop_gradient
    div = ops.div
    complex, conj, real, imag = ops.complex, ops.conj, ops.real, ops.imag
    nextafter = ops.nextafter
    clamp = ops.clamp
    integer_pow = ops.integer_pow
    barrier = ops.optimization_barrier
    bitcast = ops.bitcast

    @staticmethod
    def pad(x: Any, value: Any, *, config: Any) -> Any:
        return ops.pad(x, value, config=config)

    @staticmethod
    def dynamic_slice(x: Any, *starts: Any, sizes: Any) -> Any:
        return ops.dynamic_slice(x, *starts, sizes=sizes)

    @staticmethod
    def dynamic_update_slice(x: Any, update: Any, *starts: Any) -> Any:
        return ops.dynamic_update_slice(x, update, *starts)

    @staticmethod
    def dot_general(x: Any, y: Any, *, contract: Any, batch: Any) -> Any:
        return ops.dot_general(x, y, contract=contract, batch=batch)

    @staticmethod
    def cumulative(x: Any, *, name: str, axis: int, reverse: bool) -> Any:
        return getattr(ops, name)(x, axis=axis, reverse=reverse)

    @staticmethod
    def sort(*xs: Any, axis: int, num_keys: int, which: int) -> Any:
        return ops.sort(*xs, axis=axis, num_keys=num_keys)[which]

    @staticmethod
    def update(at: Any, how: str, value: Any, unique: bool, mode: str | None) -> Any:
        return getattr(at, how)(value, mode=mode)

    @staticmethod
    def uniform(key: Any, shape: Any) -> Any:
        return random.uniform(key, shape, "float64")


class Jax:
    """JAX, whose whole transformed program is compiled as one.

    Attributes:
        eager: run op by op instead, which takes ten times as long. A compiled program may compute a
            value twice, once with and once without a fused multiply-add; where JAX's rules then ask
            whether an element equals the maximum, the answer depends on rounding.
    """

    eager = False

    np = jnp
    T = jax
    lax = lax
    scipy = jax.scipy
    random = jax.random
    name = "JAX"

    @staticmethod
    def array(data: Any) -> Any:
        return jnp.asarray(data)

    @staticmethod
    def run(f: Any, args: Any) -> Any:
        with warnings.catch_warnings():
            # What JAX warns of is seen by the comparison if it matters.
            warnings.simplefilter("ignore")
            if Jax.eager:
                return Jax.op_by_op(f, args)
            compiled = jax.jit(f).lower(*args).compile(compiler_options=_COMPILER_OPTIONS)
            return compiled(*args)

    @staticmethod
    def op_by_op(f: Any, args: Any) -> Any:
        """Without compiling; loops and branches that need a compiler are compiled by themselves."""
        try:
            with jax.disable_jit():
                return f(*args)
        except Exception:
            return f(*args)

    @staticmethod
    def policy(name: str | None) -> Any:
        """What a checkpoint may keep."""
        return _policy(jax.checkpoint_policies, name)

    named = staticmethod(checkpoint_name)

    rsqrt, logistic, erf, erfc, erfinv = lax.rsqrt, lax.logistic, lax.erf, lax.erfc, lax.erf_inv
    population_count, clz = lax.population_count, lax.clz
    stop_gradient = lax.stop_gradient
    div = lax.div
    complex, conj, real, imag = lax.complex, lax.conj, lax.real, lax.imag
    nextafter = lax.nextafter
    clamp = lax.clamp

    @staticmethod
    def integer_pow(x: Any, *, n: int) -> Any:
        return lax.integer_pow(x, n)

    @staticmethod
    def barrier(*xs: Any) -> Any:
        return lax.optimization_barrier(xs)

    @staticmethod
    def bitcast(x: Any, *, dtype: Any) -> Any:
        return lax.bitcast_convert_type(x, dtype)

    @staticmethod
    def pad(x: Any, value: Any, *, config: Any) -> Any:
        return lax.pad(x, value, config)

    @staticmethod
    def dynamic_slice(x: Any, *starts: Any, sizes: Any) -> Any:
        return lax.dynamic_slice(x, starts, sizes)

    @staticmethod
    def dynamic_update_slice(x: Any, update: Any, *starts: Any) -> Any:
        return lax.dynamic_update_slice(x, update, starts)

    @staticmethod
    def dot_general(x: Any, y: Any, *, contract: Any, batch: Any) -> Any:
        return lax.dot_general(x, y, (contract, batch))

    @staticmethod
    def cumulative(x: Any, *, name: str, axis: int, reverse: bool) -> Any:
        return getattr(lax, name)(x, axis=axis, reverse=reverse)

    @staticmethod
    def sort(*xs: Any, axis: int, num_keys: int, which: int) -> Any:
        return lax.sort(xs, dimension=axis, num_keys=num_keys)[which]

    @staticmethod
    def update(at: Any, how: str, value: Any, unique: bool, mode: str | None) -> Any:
        return getattr(at, how)(value, mode=mode, unique_indices=unique)

    @staticmethod
    def uniform(key: Any, shape: Any) -> Any:
        return jax.random.uniform(key, shape, numpy.float64)
