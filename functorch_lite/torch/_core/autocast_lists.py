"""What autocast does to which operation: PyTorch's lists, by kind of device.

Names are those of the functions of this package. An operation that is not in a list runs as it is,
and the operations that it is made of are looked at in turn.

Source: https://docs.pytorch.org/docs/stable/amp.html#autocast-op-reference, and the kernels that
PyTorch registers for its dispatch keys ``AutocastCPU`` and ``AutocastCUDA``, which a test compares
with these lists.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

__all__ = ["BANNED", "LISTS", "Policy", "Rule"]


class Policy(enum.Enum):
    """How the operands of an operation are cast; only floating-point ones below float64 are."""

    LOWER = "to the lower precision"
    FLOAT32 = "to float32"
    FLOAT32_UNLESS_TOLD = "to float32, unless the call says in which dtype to compute"
    WIDEST = "to the widest among them"
    BANNED = "none of them: it is refused"


Rule = Policy | Callable[[Any, Any], Policy | None]
"""A policy, or a function of a call's arguments that says which one, or None."""


def _argument(args: Any, kwargs: Any, place: int, name: str, default: Any) -> Any:
    return args[place] if len(args) > place else kwargs.get(name, default)


def _pad(args: Any, kwargs: Any) -> Policy | None:
    """Reflections of one or two dimensions and replications are computed in float32."""
    mode = _argument(args, kwargs, 2, "mode", "constant")
    dims = len(_argument(args, kwargs, 1, "pad", ())) // 2
    listed = mode == "replicate" or (mode == "reflect" and dims < 3)
    return Policy.FLOAT32 if listed else None


def _max_pool3d(args: Any, kwargs: Any) -> Policy | None:
    """The operation that gives indices as well is another one, in no list."""
    return None if _argument(args, kwargs, 6, "return_indices", False) else Policy.FLOAT32


def _interpolate(args: Any, kwargs: Any) -> Policy | None:
    """Areas of volumes are means of windows."""
    area = _argument(args, kwargs, 3, "mode", "nearest") == "area"
    return Policy.FLOAT32 if area and _argument(args, kwargs, 0, "input", None).ndim == 5 else None


def _lstm(args: Any, kwargs: Any) -> Policy | None:
    """Layers over padded sequences are one operation, over packed ones they are made of steps."""
    return Policy.LOWER if isinstance(args[3], bool) else None


def _rules(**lists: str | dict[str, Rule]) -> dict[str, Rule]:
    found: dict[str, Rule] = {}
    for policy, names in lists.items():
        if isinstance(names, dict):
            found.update(names)
        else:
            found.update(dict.fromkeys(names.split(), Policy[policy]))
    return found


LISTS: dict[str, dict[str, Rule]] = {
    "cpu": _rules(
        LOWER="""
            addbmm addmm baddbmm bmm conv1d conv2d conv3d conv_tbc conv_transpose1d
            conv_transpose2d conv_transpose3d linear matmul mm prelu
            scaled_dot_product_attention vecdot
        """,
        FLOAT32="""
            adaptive_avg_pool3d adaptive_max_pool3d avg_pool3d binary_cross_entropy
            binary_cross_entropy_with_logits cdist cholesky cholesky_ex cholesky_inverse
            cholesky_solve cond cosine_embedding_loss cross_entropy ctc_loss eig eigh eigvals
            eigvalsh fft_fft fft_fft2 fft_fftn fft_hfft fft_ifft fft_ifft2 fft_ifftn fft_ihfft
            fft_irfft fft_irfft2 fft_irfftn fft_rfft fft_rfft2 fft_rfftn fractional_max_pool2d
            fractional_max_pool3d geqrf grid_sample grid_sampler hinge_embedding_loss
            householder_product huber_loss inv inv_ex kl_div l1_loss lstsq margin_ranking_loss
            matrix_rank max_unpool1d max_unpool2d max_unpool3d mse_loss multi_margin_loss
            multilabel_margin_loss nanquantile nll_loss old_cholesky old_lu old_lu_solve old_qr
            old_svd ormqr pinverse poisson_nll_loss polar prod qr quantile smooth_l1_loss
            soft_margin_loss solve stft svd svdvals tensorinv tensorsolve trace triangular_solve
            triplet_margin_loss view_as_complex
        """,
        WIDEST="cat index_copy stack",
        by_arguments={
            "interpolate": _interpolate,
            "lstm": _lstm,
            "max_pool3d": _max_pool3d,
            "pad": _pad,
        },
    ),
    "cuda": _rules(
        LOWER="""
            addbmm addmm addmv addr baddbmm bmm chain_matmul conv1d conv2d conv3d conv_tbc
            conv_transpose1d conv_transpose2d conv_transpose3d einsum gru_cell linear lstm_cell
            matmul mm multi_dot mv prelu rnn_relu_cell rnn_tanh_cell scaled_dot_product_attention
            vecdot
        """,
        FLOAT32="""
            acos asin binary_cross_entropy_with_logits cdist cosh cosine_embedding_loss
            cosine_similarity dist erfinv exp expm1 group_norm hinge_embedding_loss huber_loss
            interpolate kl_div l1_loss layer_norm log log10 log1p log2 logsumexp
            margin_ranking_loss mse_loss multi_margin_loss multilabel_margin_loss nll_loss
            nuclear_norm pdist poisson_nll_loss pow reciprocal renorm rms_norm rsqrt sinh
            smooth_l1_loss soft_margin_loss softplus tan triplet_margin_loss
        """,
        FLOAT32_UNLESS_TOLD="""
            cumprod cumsum log_softmax matrix_norm norm prod softmax sum vector_norm
        """,
        WIDEST="""
            addcdiv addcmul atan2 bilinear cross dot grid_sample grid_sampler index_put scatter_add
            tensordot vdot
        """,
        BANNED="binary_cross_entropy",
    ),
}

BANNED = (
    "torch.nn.functional.binary_cross_entropy and torch.nn.BCELoss are unsafe to autocast.\n"
    "Many models use a sigmoid layer right before the binary cross entropy layer.\n"
    "In this case, combine the two layers using "
    "torch.nn.functional.binary_cross_entropy_with_logits\n"
    "or torch.nn.BCEWithLogitsLoss.  binary_cross_entropy_with_logits and BCEWithLogits are\n"
    "safe to autocast."
)
