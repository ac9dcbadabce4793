"""jax.lax's names: strict functions over ops, which neither promote nor broadcast.

>>> from functorch_lite import lax
>>> lax.add(lax.iota("int32", 2), 1)
Array([1, 2], dtype=int32)
"""

from __future__ import annotations

from functorch_lite.lax import linalg
from functorch_lite.lax.associative import associative_scan
from functorch_lite.lax.bits import mulhi, reduce_precision
from functorch_lite.lax.branches import cond, switch
from functorch_lite.lax.choices import AccuracyMode, RandomAlgorithm, RoundingMethod, Tolerance
from functorch_lite.lax.collectives import axis_index, axis_size, pmax, pmean, pmin, psum
from functorch_lite.lax.composite import composite
from functorch_lite.lax.conv_dimensions import (
    ConvDimensionNumbers,
    conv_dimension_numbers,
    conv_general_permutations,
    conv_general_shape_tuple,
    padtype_to_pads,
)
from functorch_lite.lax.convolution import (
    conv,
    conv_general_dilated,
    conv_transpose,
    conv_with_general_padding,
)
from functorch_lite.lax.elementwise import (
    abs,
    acos,
    acosh,
    add,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    bitcast_convert_type,
    bitwise_and,
    bitwise_not,
    bitwise_or,
    bitwise_xor,
    cbrt,
    ceil,
    clamp,
    clz,
    complex,
    conj,
    convert_element_type,
    cos,
    cosh,
    div,
    eq,
    erf,
    erf_inv,
    erfc,
    exp,
    exp2,
    expm1,
    floor,
    ge,
    gt,
    imag,
    integer_pow,
    is_finite,
    le,
    log,
    log1p,
    logistic,
    lt,
    max,
    min,
    mul,
    ne,
    neg,
    nextafter,
    population_count,
    pow,
    real,
    reciprocal,
    rem,
    round,
    rsqrt,
    select,
    select_n,
    shift_left,
    shift_right_arithmetic,
    shift_right_logical,
    sign,
    sin,
    sinh,
    sqrt,
    square,
    stop_gradient,
    sub,
    tan,
    tanh,
)
from functorch_lite.lax.exchanges import (
    all_gather,
    all_to_all,
    pbroadcast,
    ppermute,
    pshuffle,
    psum_scatter,
    pswapaxes,
)
from functorch_lite.lax.fft import FftType, fft
from functorch_lite.lax.folds import reduce, reduce_and, reduce_or, reduce_xor
from functorch_lite.lax.gathers import gather, index_take
from functorch_lite.lax.generators import rng_bit_generator
from functorch_lite.lax.implicit import custom_linear_solve, custom_root
from functorch_lite.lax.index_numbers import (
    GatherDimensionNumbers,
    GatherScatterMode,
    ScatterDimensionNumbers,
)
from functorch_lite.lax.loops import fori_loop, map, scan, while_loop
from functorch_lite.lax.patches import (
    ConvGeneralDilatedDimensionNumbers,
    conv_general_dilated_local,
    conv_general_dilated_patches,
)
from functorch_lite.lax.platforms import platform_dependent
from functorch_lite.lax.precision import (
    DotAlgorithm,
    DotAlgorithmPreset,
    Precision,
    PrecisionLike,
)
from functorch_lite.lax.ragged import (
    DotDimensionNumbers,
    RaggedDotDimensionNumbers,
    ragged_dot,
    ragged_dot_general,
)
from functorch_lite.lax.scaled import scaled_dot
from functorch_lite.lax.scatters import (
    scatter,
    scatter_add,
    scatter_apply,
    scatter_max,
    scatter_min,
    scatter_mul,
    scatter_sub,
)
from functorch_lite.lax.selection import approx_max_k, approx_min_k
from functorch_lite.lax.shapes import (
    broadcast_like,
    broadcast_shapes,
    broadcast_to_rank,
    collapse,
    conv_shape_tuple,
    conv_transpose_shape_tuple,
    dtype,
    empty,
    reduce_window_shape_tuple,
    shape_as_value,
    split,
    stack,
    tile,
    unstack,
)
from functorch_lite.lax.special import (
    bessel_i0e,
    bessel_i1e,
    betainc,
    digamma,
    igamma,
    igamma_grad_a,
    igammac,
    lgamma,
    polygamma,
    random_gamma_grad,
    zeta,
)
from functorch_lite.lax.structure import (
    argmax,
    argmin,
    batch_matmul,
    broadcast,
    broadcast_in_dim,
    broadcasted_iota,
    concatenate,
    cumlogsumexp,
    cummax,
    cummin,
    cumprod,
    cumsum,
    dot,
    dot_general,
    dynamic_index_in_dim,
    dynamic_slice,
    dynamic_slice_in_dim,
    dynamic_update_index_in_dim,
    dynamic_update_slice,
    dynamic_update_slice_in_dim,
    expand_dims,
    full,
    full_like,
    index_in_dim,
    iota,
    optimization_barrier,
    pad,
    reduce_max,
    reduce_min,
    reduce_prod,
    reduce_sum,
    reshape,
    rev,
    slice,
    slice_in_dim,
    sort,
    sort_key_val,
    squeeze,
    top_k,
    transpose,
)
from functorch_lite.lax.windows import (
    reduce_window,
    reduce_window_argmax,
    reduce_window_argmin,
    reduce_window_max,
    reduce_window_min,
    reduce_window_sum,
)

__all__ = [
    "AccuracyMode", "ConvDimensionNumbers", "ConvGeneralDilatedDimensionNumbers", "DotAlgorithm",
    "DotAlgorithmPreset", "DotDimensionNumbers", "FftType", "GatherDimensionNumbers",
    "GatherScatterMode", "Precision", "PrecisionLike", "RaggedDotDimensionNumbers",
    "RandomAlgorithm", "RoundingMethod", "ScatterDimensionNumbers", "Tolerance", "abs", "acos",
    "acosh", "add", "all_gather", "all_to_all", "approx_max_k", "approx_min_k", "argmax", "argmin",
    "asin", "asinh", "associative_scan", "atan", "atan2", "atanh", "axis_index", "axis_size",
    "batch_matmul", "bessel_i0e", "bessel_i1e", "betainc", "bitcast_convert_type", "bitwise_and",
    "bitwise_not", "bitwise_or", "bitwise_xor", "broadcast", "broadcast_in_dim", "broadcast_like",
    "broadcast_shapes", "broadcast_to_rank", "broadcasted_iota", "cbrt", "ceil", "clamp", "clz",
    "collapse", "complex", "composite", "concatenate", "cond", "conj", "conv",
    "conv_dimension_numbers", "conv_general_dilated", "conv_general_dilated_local",
    "conv_general_dilated_patches", "conv_general_permutations", "conv_general_shape_tuple",
    "conv_shape_tuple", "conv_transpose", "conv_transpose_shape_tuple", "conv_with_general_padding",
    "convert_element_type", "cos", "cosh", "cumlogsumexp", "cummax", "cummin", "cumprod", "cumsum",
    "custom_linear_solve", "custom_root", "digamma", "div", "dot", "dot_general", "dtype",
    "dynamic_index_in_dim", "dynamic_slice", "dynamic_slice_in_dim", "dynamic_update_index_in_dim",
    "dynamic_update_slice", "dynamic_update_slice_in_dim", "empty", "eq", "erf", "erf_inv", "erfc",
    "exp", "exp2", "expand_dims", "expm1", "fft", "floor", "fori_loop", "full", "full_like",
    "gather", "ge", "gt", "igamma", "igamma_grad_a", "igammac", "imag", "index_in_dim",
    "index_take", "integer_pow", "iota", "is_finite", "le", "lgamma", "linalg", "log", "log1p",
    "logistic", "lt", "map", "max", "min", "mul", "mulhi", "ne", "neg", "nextafter",
    "optimization_barrier", "pad", "padtype_to_pads", "pbroadcast", "platform_dependent", "pmax",
    "pmean", "pmin", "polygamma", "population_count", "pow", "ppermute", "pshuffle", "psum",
    "psum_scatter", "pswapaxes", "ragged_dot", "ragged_dot_general", "random_gamma_grad", "real",
    "reciprocal", "reduce", "reduce_and", "reduce_max", "reduce_min", "reduce_or",
    "reduce_precision", "reduce_prod", "reduce_sum", "reduce_window", "reduce_window_argmax",
    "reduce_window_argmin", "reduce_window_max", "reduce_window_min", "reduce_window_shape_tuple",
    "reduce_window_sum", "reduce_xor", "rem", "reshape", "rev", "rng_bit_generator", "round",
    "rsqrt", "scaled_dot", "scan", "scatter", "scatter_add", "scatter_apply", "scatter_max",
    "scatter_min", "scatter_mul", "scatter_sub", "select", "select_n", "shape_as_value",
    "shift_left", "shift_right_arithmetic", "shift_right_logical", "sign", "sin", "sinh", "slice",
    "slice_in_dim", "sort", "sort_key_val", "split", "sqrt", "square", "squeeze", "stack",
    "stop_gradient", "sub", "switch", "tan", "tanh", "tile", "top_k", "transpose", "unstack",
    "while_loop", "zeta",
]  # fmt: skip
