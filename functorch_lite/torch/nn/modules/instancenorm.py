"""Normalisation of each example by itself, channel by channel."""

from __future__ import annotations

import warnings
from typing import Any

from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.nn import functional as F
from functorch_lite.torch.nn.modules.batchnorm import _LazyNormBase, _NormBase, _Ranks

__all__ = [
    "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "LazyInstanceNorm1d",
    "LazyInstanceNorm2d", "LazyInstanceNorm3d",
]  # fmt: skip


class _InstanceNorm(_NormBase):
    """Normalisation of examples of any rank; by default without parameters and statistics."""

    __module__ = "torch.nn.modules.instancenorm"

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = False,
        track_running_stats: bool = False, device: Any = None, dtype: Any = None, *,
        bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )

    def _get_no_batch_dim(self) -> int:
        raise NotImplementedError

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, local_metadata: dict[str, Any], *rest: Any
    ) -> None:
        # Statistics were tracked by default once, and then not used.
        if local_metadata.get("version", None) is None and not self.track_running_stats:
            names = [n for n in ("running_mean", "running_var") if prefix + n in state_dict]
            if names:
                listed = " and ".join(f'"{prefix}{name}"' for name in names)
                rest[3].append(
                    f"Unexpected running stats buffer(s) {listed} for {self._get_name()} with "
                    "track_running_stats=False. If state_dict is a checkpoint saved before 0.4.0, "
                    "this may be expected because InstanceNorm does not track running stats by "
                    "default since 0.4.0. Please remove these keys from state_dict. If the "
                    "running stats are actually needed, instead set track_running_stats=True in "
                    f"{self._get_name()} to enable them. See the documentation of "
                    f"{self._get_name()} for details."
                )
                for name in names:
                    state_dict.pop(prefix + name)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        alone = input.dim() == self._get_no_batch_dim()
        axis = 0 if alone else 1
        if input.size(axis) != self.num_features:
            if self.affine:
                raise ValueError(
                    f"expected input's size at dim={axis} to match num_features "
                    f"({self.num_features}), but got: {input.size(axis)}."
                )
            warnings.warn(
                f"input's size at dim={axis} does not match num_features. You can silence this "
                "warning by not passing in num_features, which is not used because affine=False",
                stacklevel=2,
            )
        x: Any = input.unsqueeze(0) if alone else input
        out: Any = F.instance_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum, self.eps,
        )  # fmt: skip
        return out.squeeze(0) if alone else out


class _Instances(_Ranks):
    """The rank of an input without batch is the first of those that are taken."""

    def _get_no_batch_dim(self) -> int:
        return self._ranks[0]


class InstanceNorm1d(_Instances, _InstanceNorm):
    """Normalisation of f[batch, channels, length] over the length.

    Args:
        num_features: number of channels.
        eps: added to the variance.
        momentum: how far running statistics move.
        affine: whether there are weights.
        track_running_stats: whether there are running statistics, which count outside of training.
        device, dtype: of parameters and statistics.
        bias: whether there are biases beside the weights.

    Source: Ulyanov et al. 2016; ``torch.nn.InstanceNorm1d``.
    """

    __module__ = "torch.nn.modules.instancenorm"
    _ranks = (2, 3)


class InstanceNorm2d(_Instances, _InstanceNorm):
    """The same of images. Source: ``torch.nn.InstanceNorm2d``."""

    __module__ = "torch.nn.modules.instancenorm"
    _ranks = (3, 4)


class InstanceNorm3d(_Instances, _InstanceNorm):
    """The same of volumes. Source: ``torch.nn.InstanceNorm3d``."""

    __module__ = "torch.nn.modules.instancenorm"
    _ranks = (4, 5)


class LazyInstanceNorm1d(_Instances, _LazyNormBase, _InstanceNorm):
    """An InstanceNorm1d of as many channels as come. Source: ``torch.nn.LazyInstanceNorm1d``."""

    __module__ = "torch.nn.modules.instancenorm"
    _ranks = (2, 3)
    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_Instances, _LazyNormBase, _InstanceNorm):
    """An InstanceNorm2d of as many channels as come. Source: ``torch.nn.LazyInstanceNorm2d``."""

    __module__ = "torch.nn.modules.instancenorm"
    _ranks = (3, 4)
    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_Instances, _LazyNormBase, _InstanceNorm):
    """An InstanceNorm3d of as many channels as come. Source: ``torch.nn.LazyInstanceNorm3d``."""

    __module__ = "torch.nn.modules.instancenorm"
    _ranks = (4, 5)
    cls_to_become = InstanceNorm3d
