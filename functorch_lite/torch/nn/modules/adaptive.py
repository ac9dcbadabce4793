"""A softmax over many classes in groups, the frequent ones first."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from typing import Any

from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.nn import functional as F
from functorch_lite.torch.nn.modules.container import ModuleList, Sequential
from functorch_lite.torch.nn.modules.linear import Linear
from functorch_lite.torch.nn.modules.module import Module

__all__ = ["AdaptiveLogSoftmaxWithLoss"]

_ASMoutput = namedtuple("_ASMoutput", ["output", "loss"])
_ASMoutput.__module__ = "torch.nn.modules.adaptive"


class AdaptiveLogSoftmaxWithLoss(Module):
    """The log-probability of each target, and their mean with the sign changed.

    The first classes are computed directly, later groups by way of smaller and smaller layers.

    Args:
        in_features: the size of the input.
        n_classes: number of classes, the most frequent ones first.
        cutoffs: where groups begin.
        div_value: by which power sizes fall from group to group.
        head_bias: whether the first layer has a bias.
        device, dtype: of the parameters.

    Raises:
        ValueError: the cutoffs make no such groups.

    Source: Grave et al. 2017; ``torch.nn.AdaptiveLogSoftmaxWithLoss``.
    """

    __module__ = "torch.nn.modules.adaptive"

    def __init__(
        self, in_features: int, n_classes: int, cutoffs: Sequence[int], div_value: float = 4.0,
        head_bias: bool = False, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        found = list(cutoffs)
        if not found:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        rising = all(a < b for a, b in zip(found, found[1:], strict=False))
        if not rising or found[0] <= 0 or found[-1] > n_classes - 1 or any(
            int(c) != c for c in found
        ):  # fmt: skip
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an "
                "increasing order, where each value is between 1 and n_classes-1"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*found, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = found[0]
        self.n_clusters = len(found)
        self.head_size = self.shortlist_size + self.n_clusters
        where = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **where)
        self.tail = ModuleList()
        for i in range(self.n_clusters):
            size = int(in_features // div_value ** (i + 1))
            count = self.cutoffs[i + 1] - self.cutoffs[i]
            self.tail.append(
                Sequential(
                    Linear(in_features, size, bias=False, **where),
                    Linear(size, count, bias=False, **where),
                )
            )

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        self.head.reset_parameters()
        for first, second in self.tail:
            first.reset_parameters()
            second.reset_parameters()

    def forward(self, input_: Any, target_: Any) -> Any:
        """The log-probability of each target, and the loss, as ``output`` and ``loss``.

        Args:
            input_: f[batch, in_features] or f[in_features].
            target_: int64[batch] or int64[].

        Raises:
            RuntimeError: the sizes do not go together; a target is no class.
        """
        rank = target_.dim()
        if rank > 1:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        if rank == 1:
            if input_.shape[0] != target_.shape[0]:
                raise RuntimeError(
                    "Input and target should have the same size in the batch dimension."
                )
            if input_.dim() != 2:
                raise RuntimeError(
                    f"1D target tensor expects 2D input tensors, but found inputs with size "
                    f"{input_.size()}"
                )
        elif input_.dim() != 1:
            raise RuntimeError(
                f"0D target tensor expects 1D input tensors, but found inputs with size "
                f"{input_.size()}"
            )
        x, target = (input_, target_) if rank else (input_.unsqueeze(0), target_.unsqueeze(0))
        used = 0
        out = x.new_zeros(target.shape)
        place = target.new_empty(target.shape)  # among the columns of the head
        for i, (low, high) in enumerate(zip([0, *self.cutoffs], self.cutoffs, strict=False)):
            mask = (target >= low) & (target < high)
            rows = mask.nonzero().squeeze(-1)
            if not rows.numel():
                continue
            used += rows.numel()
            if i == 0:
                place.index_copy_(0, rows, target[mask])
                continue
            logits = self.tail[i - 1](x.index_select(0, rows))
            found = F.log_softmax(logits, dim=1).gather(1, (target[mask] - low).unsqueeze(1))
            place.index_fill_(0, rows, self.shortlist_size + i - 1)
            out.index_copy_(0, rows, found.squeeze(1))
        if used != target.shape[0]:
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                f"[{target.min().item()}, {target.max().item()}] were found. "
            )
        head = F.log_softmax(self.head(x), dim=1)
        out += head.gather(1, place.unsqueeze(1)).squeeze(1)
        loss = (-out).mean()
        return _ASMoutput(out if rank else out.squeeze(0), loss)

    def log_prob(self, input: Any) -> Tensor:
        """f[batch, n_classes]: the log-probability of every class."""
        return self._every(input, self.head(input))

    def _every(self, input: Any, head: Any) -> Any:
        out = input.new_empty((head.size(0), self.n_classes))
        first = F.log_softmax(head, dim=1)
        out[:, : self.shortlist_size] = first[:, : self.shortlist_size]
        for i, (low, high) in enumerate(zip(self.cutoffs, self.cutoffs[1:], strict=False)):
            inside = F.log_softmax(self.tail[i](input), dim=1)
            out[:, low:high] = inside + first[:, self.shortlist_size + i].unsqueeze(1)
        return out

    def predict(self, input: Any) -> Tensor:
        """int64[batch]: the most likely class."""
        head = self.head(input)
        best: Any = head.argmax(dim=1)
        # Only rows whose best column is that of a later group need all groups.
        later = best >= self.shortlist_size
        if later.any():
            best[later] = self._every(input[later], head[later]).argmax(dim=1)
        return best
