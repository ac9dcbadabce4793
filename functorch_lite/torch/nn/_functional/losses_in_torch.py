"""Losses that ``torch`` itself has as well, where a reduction is a number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functorch_lite.torch._core.public import public
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.nn._functional import class_losses, losses, margin_losses
from functorch_lite.torch.nn._functional.more_names import conv_tbc
from functorch_lite.torch.nn._functional.reduction import REDUCTIONS
from functorch_lite.torch.nn._functional.sequence_losses import ctc_loss_of

__all__ = ["ctc_loss"]

public("conv_tbc", methods=False)(conv_tbc)


def _word(name: str, reduction: Any) -> str:
    """The reduction of a number: 0 is none, 1 mean, 2 sum."""
    if isinstance(reduction, bool) or not isinstance(reduction, int):
        kind = type(reduction).__name__
        raise TypeError(f"{name}(): argument 'reduction' must be int, not {kind}")
    # PyTorch takes other numbers for 0.
    return REDUCTIONS[reduction] if 0 <= reduction < 3 else "none"


@public("ctc_loss", methods=False)
def ctc_loss(
    log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any, blank: int = 0,
    reduction: int = 1, zero_infinity: bool = False,
) -> Tensor:  # fmt: skip
    """``torch.nn.functional.ctc_loss``. Source: ``torch.ctc_loss``."""
    _word("ctc_loss", reduction)
    return ctc_loss_of(
        log_probs, targets, input_lengths, target_lengths, blank, reduction, zero_infinity
    )


@public("kl_div", methods=False)
def kl_div(
    input: Tensor, target: Tensor, reduction: int = 1, *, log_target: bool = False
) -> Tensor:
    """``torch.nn.functional.kl_div``. Source: ``torch.kl_div``."""
    word = _word("kl_div", reduction)
    return losses.kl_div(input, target, reduction=word, log_target=log_target)


@public("poisson_nll_loss", methods=False)
def poisson_nll_loss(
    input: Tensor, target: Tensor, log_input: bool, full: bool, eps: float, reduction: int
) -> Tensor:
    """``torch.nn.functional.poisson_nll_loss``. Source: ``torch.poisson_nll_loss``."""
    word = _word("poisson_nll_loss", reduction)
    return losses.poisson_nll_loss(input, target, log_input, full, eps=eps, reduction=word)


@public("binary_cross_entropy_with_logits", methods=False)
def binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor, weight: Any = None, pos_weight: Any = None, reduction: int = 1
) -> Tensor:
    """The loss of the same name. Source: ``torch.binary_cross_entropy_with_logits``."""
    word = _word("binary_cross_entropy_with_logits", reduction)
    return class_losses.binary_cross_entropy_with_logits(
        input, target, weight, reduction=word, pos_weight=pos_weight
    )


@public("hinge_embedding_loss", methods=False)
def hinge_embedding_loss(
    input: Tensor, target: Tensor, margin: float = 1.0, reduction: int = 1
) -> Tensor:
    """``torch.nn.functional.hinge_embedding_loss``. Source: ``torch.hinge_embedding_loss``."""
    word = _word("hinge_embedding_loss", reduction)
    return margin_losses.hinge_embedding_loss(input, target, margin, reduction=word)


@public("triplet_margin_loss", methods=False)
def triplet_margin_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0, p: float = 2.0,
    eps: float = 1e-6, swap: bool = False, reduction: int = 1,
) -> Tensor:  # fmt: skip
    """``torch.nn.functional.triplet_margin_loss``. Source: ``torch.triplet_margin_loss``."""
    word = _word("triplet_margin_loss", reduction)
    return margin_losses.triplet_margin_loss(
        anchor, positive, negative, margin, p, eps, swap, reduction=word
    )


def _of_pairs(name: str, f: Callable[..., Tensor]) -> None:
    def loss(
        input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 1
    ) -> Tensor:
        return f(input1, input2, target, margin, reduction=_word(name, reduction))

    loss.__name__ = name
    loss.__doc__ = f"``torch.nn.functional.{name}``. Source: ``torch.{name}``."
    public(name, methods=False)(loss)


_of_pairs("cosine_embedding_loss", margin_losses.cosine_embedding_loss)
_of_pairs("margin_ranking_loss", margin_losses.margin_ranking_loss)
