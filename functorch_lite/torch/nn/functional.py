"""Functions that layers are made of: convolutions, pooling, normalisation, losses.

Source: ``torch.nn.functional``.
"""

from __future__ import annotations

import warnings as _warnings
from typing import Any

from functorch_lite.torch._core.dtypes import dtype as _DType
from functorch_lite.torch._core.public import public as _public
from functorch_lite.torch._ops.activations import FUNCTIONAL as _ACTIVATIONS
from functorch_lite.torch._ops.softmax import log_softmax as _log_softmax
from functorch_lite.torch._ops.softmax import softmax as _softmax
from functorch_lite.torch.nn._functional.adaptive_pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
)
from functorch_lite.torch.nn._functional.attention import scaled_dot_product_attention
from functorch_lite.torch.nn._functional.class_losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    nll_loss,
)
from functorch_lite.torch.nn._functional.convolution import (
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from functorch_lite.torch.nn._functional.distances import (
    cosine_similarity,
    pairwise_distance,
    pdist,
)
from functorch_lite.torch.nn._functional.dropping import (
    alpha_dropout,
    dropout,
    dropout1d,
    dropout2d,
    dropout3d,
    feature_alpha_dropout,
)
from functorch_lite.torch.nn._functional.folding import (
    channel_shuffle,
    fold,
    pixel_shuffle,
    pixel_unshuffle,
    unfold,
)
from functorch_lite.torch.nn._functional.fractional import (
    fractional_max_pool2d,
    fractional_max_pool3d,
)
from functorch_lite.torch.nn._functional.grids import affine_grid, grid_sample
from functorch_lite.torch.nn._functional.grouped import grouped_mm
from functorch_lite.torch.nn._functional.in_place import native_channel_shuffle
from functorch_lite.torch.nn._functional.lengths import local_response_norm, normalize, rms_norm
from functorch_lite.torch.nn._functional.linear import (
    bilinear,
    embedding,
    embedding_bag,
    linear,
    one_hot,
)
from functorch_lite.torch.nn._functional.linear_loss import linear_cross_entropy
from functorch_lite.torch.nn._functional.losses import (
    gaussian_nll_loss,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    poisson_nll_loss,
    smooth_l1_loss,
    soft_margin_loss,
)
from functorch_lite.torch.nn._functional.margin_losses import (
    cosine_embedding_loss,
    hinge_embedding_loss,
    margin_ranking_loss,
    multi_margin_loss,
    multilabel_margin_loss,
    multilabel_soft_margin_loss,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)
from functorch_lite.torch.nn._functional.more_names import WITH_INDICES as _WITH_INDICES
from functorch_lite.torch.nn._functional.more_names import conv_tbc
from functorch_lite.torch.nn._functional.multi_head import multi_head_attention_forward
from functorch_lite.torch.nn._functional.normalization import (
    batch_norm,
    group_norm,
    instance_norm,
    layer_norm,
)
from functorch_lite.torch.nn._functional.padding import pad
from functorch_lite.torch.nn._functional.pooling import (
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    lp_pool1d,
    lp_pool2d,
    lp_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
    max_unpool1d,
    max_unpool2d,
    max_unpool3d,
)
from functorch_lite.torch.nn._functional.resizing import (
    interpolate,
    upsample,
    upsample_bilinear,
    upsample_nearest,
)
from functorch_lite.torch.nn._functional.sequence_losses import ctc_loss

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d",
    "adaptive_max_pool2d", "adaptive_max_pool3d", "affine_grid", "alpha_dropout", "avg_pool1d",
    "avg_pool2d", "avg_pool3d", "batch_norm", "bilinear", "binary_cross_entropy",
    "binary_cross_entropy_with_logits", "channel_shuffle", "conv1d", "conv2d", "conv3d", "conv_tbc",
    "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "cosine_embedding_loss",
    "cosine_similarity", "cross_entropy", "ctc_loss", "dropout", "dropout1d", "dropout2d",
    "dropout3d", "embedding", "embedding_bag", "feature_alpha_dropout", "fold",
    "fractional_max_pool2d", "fractional_max_pool3d", "gaussian_nll_loss", "grid_sample",
    "group_norm", "grouped_mm", "gumbel_softmax", "hinge_embedding_loss", "huber_loss",
    "instance_norm", "interpolate", "kl_div", "l1_loss", "layer_norm", "linear",
    "linear_cross_entropy", "local_response_norm", "log_softmax", "lp_pool1d", "lp_pool2d",
    "lp_pool3d", "margin_ranking_loss", "max_pool1d", "max_pool2d", "max_pool3d", "max_unpool1d",
    "max_unpool2d", "max_unpool3d", "mse_loss", "multi_head_attention_forward", "multi_margin_loss",
    "multilabel_margin_loss", "multilabel_soft_margin_loss", "native_channel_shuffle", "nll_loss",
    "normalize", "one_hot", "pad", "pairwise_distance", "pdist", "pixel_shuffle", "pixel_unshuffle",
    "poisson_nll_loss", "rms_norm", "scaled_dot_product_attention", "smooth_l1_loss",
    "soft_margin_loss", "softmax", "softmin", "triplet_margin_loss",
    "triplet_margin_with_distance_loss", "unfold", "upsample", "upsample_bilinear",
    "upsample_nearest",
]  # fmt: skip


def _axis(name: str, ndim: int, dim: int | None, level: int) -> int:
    """The dimension of a softmax, or the one that PyTorch guesses, with a warning."""
    if dim is not None:
        return dim
    _warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include "
        "dim=X as an argument.",
        stacklevel=level,
    )
    return 0 if ndim in (0, 1, 3) else 1


def softmax(
    input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: _DType | None = None
) -> Any:
    """exp(x) / sum(exp(x)) along a dimension. Source: ``torch.nn.functional.softmax``."""
    dim = _axis("softmax", input._np.ndim, dim, _stacklevel)
    return _softmax(input, dim, dtype)


def log_softmax(
    input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: _DType | None = None
) -> Any:
    """The logarithm of ``softmax``. Source: ``torch.nn.functional.log_softmax``."""
    dim = _axis("log_softmax", input._np.ndim, dim, _stacklevel)
    return _log_softmax(input, dim, dtype)


def softmin(
    input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: _DType | None = None
) -> Any:
    """``softmax`` of the negative input. Source: ``torch.nn.functional.softmin``."""
    dim = _axis("softmin", input._np.ndim, dim, _stacklevel)
    return _softmax(-input, dim, dtype)


def gumbel_softmax(
    logits: Any, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Any:
    """Samples of a categorical distribution that have gradients.

    Args:
        logits: f[...], unnormalised log-probabilities.
        tau: the temperature.
        hard: whether to return one-hot vectors, with the gradient of the soft samples.

    Source: ``torch.nn.functional.gumbel_softmax``.
    """
    noise = -logits.detach().new_empty(logits._np.shape).exponential_().log()
    soft = _softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    places = soft.max(dim, keepdim=True)[1]
    ones = soft.detach().new_zeros(soft._np.shape).scatter_(dim, places, 1.0)
    return ones - soft.detach() + soft


# Classes that override operations see calls of these, too.
_named = {n: globals()[n] for n in __all__}
for _name, _f in {**_ACTIVATIONS, **_WITH_INDICES, **_named}.items():
    globals()[_name] = _public(_name, function=False, methods=False)(_f)
