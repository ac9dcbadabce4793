"""Normalisation over batches, and what its kin share."""

from __future__ import annotations

from typing import Any

from functorch_lite.torch._core.dtypes import int64
from functorch_lite.torch._core.public import FUNCTIONS
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._ops import creation as _creation  # noqa: F401  (makes ``zeros``)
from functorch_lite.torch.nn import functional as F
from functorch_lite.torch.nn import init
from functorch_lite.torch.nn.modules.lazy import LazyModuleMixin
from functorch_lite.torch.nn.modules.module import Module
from functorch_lite.torch.nn.parameter import UninitializedBuffer, UninitializedParameter, blank

__all__ = [
    "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "LazyBatchNorm1d", "LazyBatchNorm2d",
    "LazyBatchNorm3d", "SyncBatchNorm",
]  # fmt: skip

_zeros, _ones = FUNCTIONS["zeros"], FUNCTIONS["ones"]


class _NormBase(Module):
    """Settings, parameters and running statistics of a normalisation by channel."""

    __module__ = "torch.nn.modules.batchnorm"
    _version = 2  # state has had ``num_batches_tracked`` since then
    __constants__ = ["track_running_stats", "momentum", "eps", "num_features", "affine"]
    bias: Any
    weight: Any
    running_mean: Any
    running_var: Any
    num_batches_tracked: Any
    momentum: Any

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1,
        affine: bool = True, track_running_stats: bool = True, device: Any = None,
        dtype: Any = None, *, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        for name, there in (("weight", affine), ("bias", affine and bias)):
            made = blank(num_features, device=device, dtype=dtype) if there else None
            self.register_parameter(name, made)
        if track_running_stats:
            mean = _zeros(num_features, device=device, dtype=dtype)
            self.register_buffer("running_mean", mean)
            self.register_buffer("running_var", _ones(num_features, device=device, dtype=dtype))
            count = _zeros((), dtype=int64, device=device)
            self.register_buffer("num_batches_tracked", count)
        else:
            for name in ("running_mean", "running_var", "num_batches_tracked"):
                self.register_buffer(name, None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Running means 0, variances 1, none seen."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Weights 1, biases 0, and no statistics."""
        self.reset_running_stats()
        if self.affine:
            init.ones_(self.weight)
            if self.bias is not None:
                init.zeros_(self.bias)

    def _check_input_dim(self, input: Tensor) -> None:
        raise NotImplementedError

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, local_metadata: dict[str, Any], *rest: Any
    ) -> None:
        version = local_metadata.get("version", None)
        if (version is None or version < 2) and self.track_running_stats:
            own = self.num_batches_tracked
            count = _zeros((), dtype=int64) if own is None else own
            state_dict.setdefault(prefix + "num_batches_tracked", count)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


class _BatchNorm(_NormBase):
    """Normalisation over batches, of inputs of any rank."""

    __module__ = "torch.nn.modules.batchnorm"

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        tracked = self.training and self.track_running_stats
        momentum = 0.0 if self.momentum is None else self.momentum
        if tracked and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:  # the mean over all batches
                momentum = 1.0 / float(self.num_batches_tracked)
        mean, var = self.running_mean, self.running_var
        by_batch = self.training or (mean is None and var is None)
        if self.training and not tracked:
            mean = var = None
        return F.batch_norm(input, mean, var, self.weight, self.bias, by_batch, momentum, self.eps)


class _LazyNormBase(LazyModuleMixin, _NormBase):
    """A normalisation that takes ``num_features`` from its first input."""

    __module__ = "torch.nn.modules.batchnorm"

    def __init__(
        self, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
        track_running_stats: bool = True, device: Any = None, dtype: Any = None, *,
        bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(0, eps, momentum, False, False, device, dtype)
        self.affine = affine
        self.track_running_stats = track_running_stats
        if affine:
            self.weight = UninitializedParameter(device=device, dtype=dtype)
            if bias:
                self.bias = UninitializedParameter(device=device, dtype=dtype)
        if track_running_stats:
            self.running_mean = UninitializedBuffer(device=device, dtype=dtype)
            self.running_var = UninitializedBuffer(device=device, dtype=dtype)
            self.num_batches_tracked = _zeros((), dtype=int64, device=device)

    def reset_parameters(self) -> None:
        if not self.has_uninitialized_params() and self.num_features != 0:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        """Give parameters and buffers their sizes and first values."""
        if not self.has_uninitialized_params():
            return
        self.num_features = input.shape[1]
        for store in (self._parameters, self._buffers):
            for name in ("weight", "bias", "running_mean", "running_var"):
                value: Any = store.get(name)
                if value is not None:
                    value.materialize((self.num_features,))
        self.reset_parameters()


class _Ranks(Module):
    """Refuses inputs of other ranks than its own.

    Attributes:
        _ranks: those that it takes.
    """

    _ranks: tuple[int, ...]

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() not in self._ranks:
            wanted = " or ".join(f"{rank}D" for rank in self._ranks)
            raise ValueError(f"expected {wanted} input (got {input.dim()}D input)")


# --------------------------------------------------------------------------------- by rank of input
class BatchNorm1d(_Ranks, _BatchNorm):
    """Normalisation of f[batch, channels] or f[batch, channels, length] over all but the channels.

    Args:
        num_features: number of channels.
        eps: added to the variance.
        momentum: how far running statistics move; None for their mean over all batches.
        affine: whether there are weights.
        track_running_stats: whether there are running statistics, which count outside of training.
        device, dtype: of parameters and statistics.
        bias: whether there are biases beside the weights.

    >>> BatchNorm1d(3).running_var.shape
    torch.Size([3])

    Source: Ioffe & Szegedy 2015; ``torch.nn.BatchNorm1d``.
    """

    __module__ = "torch.nn.modules.batchnorm"
    _ranks = (2, 3)


class BatchNorm2d(_Ranks, _BatchNorm):
    """Normalisation of images; arguments as ``BatchNorm1d``. Source: ``torch.nn.BatchNorm2d``."""

    __module__ = "torch.nn.modules.batchnorm"
    _ranks = (4,)


class BatchNorm3d(_Ranks, _BatchNorm):
    """Normalisation of volumes; arguments as ``BatchNorm1d``. Source: ``torch.nn.BatchNorm3d``."""

    __module__ = "torch.nn.modules.batchnorm"
    _ranks = (5,)


class LazyBatchNorm1d(_Ranks, _LazyNormBase, _BatchNorm):
    """A BatchNorm1d of as many channels as come. Source: ``torch.nn.LazyBatchNorm1d``."""

    __module__ = "torch.nn.modules.batchnorm"
    _ranks = (2, 3)
    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_Ranks, _LazyNormBase, _BatchNorm):
    """A BatchNorm2d of as many channels as come. Source: ``torch.nn.LazyBatchNorm2d``."""

    __module__ = "torch.nn.modules.batchnorm"
    _ranks = (4,)
    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_Ranks, _LazyNormBase, _BatchNorm):
    """A BatchNorm3d of as many channels as come. Source: ``torch.nn.LazyBatchNorm3d``."""

    __module__ = "torch.nn.modules.batchnorm"
    _ranks = (5,)
    cls_to_become = BatchNorm3d


class SyncBatchNorm(_BatchNorm):
    """Normalisation over the batches of all processes; of one process, as there are no others.

    Args:
        num_features, eps, momentum, affine, track_running_stats, device, dtype, bias: as of
            ``BatchNorm1d``.
        process_group: the processes.

    Source: ``torch.nn.SyncBatchNorm``.
    """

    __module__ = "torch.nn.modules.batchnorm"

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1,
        affine: bool = True, track_running_stats: bool = True, process_group: Any = None,
        device: Any = None, dtype: Any = None, *, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )
        self.process_group = process_group

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f"expected at least 2D input (got {input.dim()}D input)")
        if input.size(1) == 0:
            raise ValueError("SyncBatchNorm number of input channels should be non-zero")

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """The module with all its batch normalisations replaced; parameters are shared.

        Source: ``torch.nn.SyncBatchNorm.convert_sync_batchnorm``.
        """
        made = module
        if isinstance(module, _BatchNorm):
            found = made = cls(
                module.num_features, module.eps, module.momentum, module.affine,
                module.track_running_stats, process_group, bias=module.bias is not None,
            )  # fmt: skip
            if module.affine:
                found.weight, found.bias = module.weight, module.bias
            found.running_mean = module.running_mean
            found.running_var = module.running_var
            found.num_batches_tracked = module.num_batches_tracked
            found.training = module.training
        for name, child in module.named_children():
            made.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return made
