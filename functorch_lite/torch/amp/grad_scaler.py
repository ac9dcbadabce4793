"""Losses scaled up so that small gradients do not vanish in half precision."""

from __future__ import annotations

import inspect
import warnings
from collections import defaultdict
from collections.abc import Iterable
from enum import Enum
from typing import Any

from functorch_lite.torch import cuda
from functorch_lite.torch._core.dtypes import float16, float32, int32
from functorch_lite.torch._core.grad_mode import no_grad
from functorch_lite.torch._core.public import FUNCTIONS
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch.amp._scaling import check_and_unscale, update_scale
from functorch_lite.torch.nn.modules.module_pickling import Portable

__all__ = ["GradScaler", "OptState"]


class OptState(Enum):
    """How far an optimizer is in an iteration. Source: ``torch.amp.grad_scaler.OptState``."""

    __module__ = "torch.amp.grad_scaler"
    READY = 0
    UNSCALED = 1
    STEPPED = 2


def _fresh_state() -> dict[str, Any]:
    """What is known of an optimizer at the beginning of an iteration."""
    return {"stage": OptState.READY, "found_inf_per_device": {}}


def _full(value: float, dtype: Any, device: Any) -> Tensor:
    made: Tensor = FUNCTIONS["full"]((), value, dtype=dtype, device=device)
    return made


class GradScaler(Portable):
    """Scales losses, and leaves out steps in which gradients overflow.

    Args:
        device: the kind of device.
        init_scale: the first factor.
        growth_factor: what it is multiplied by after ``growth_interval`` steps without overflow.
        backoff_factor: what it is multiplied by after an overflow.
        growth_interval: the number of those steps.
        enabled: False makes the methods do nothing but call the optimizer.

    Raises:
        AssertionError: a factor would not let the scale grow, or shrink.

    >>> import functorch_lite.torch as torch
    >>> w = torch.ones(1, requires_grad=True)
    >>> optimizer, scaler = torch.optim.SGD([w], lr=1.0), torch.amp.GradScaler("cpu")
    >>> scaler.scale((w * 0.5).sum()).backward()
    >>> scaler.step(optimizer)
    >>> scaler.update()
    >>> w.detach(), scaler.get_scale()
    (tensor([0.5000]), 65536.0)

    Source: ``torch.amp.GradScaler``.
    """

    __module__ = "torch.amp.grad_scaler"

    def __init__(
        self, device: str = "cuda", init_scale: float = 2.0**16, growth_factor: float = 2.0,
        backoff_factor: float = 0.5, growth_interval: int = 2000, enabled: bool = True,
    ) -> None:  # fmt: skip
        if device == "cuda" and enabled and not cuda.is_available():
            level = 2 if type(self) is GradScaler else 3
            warnings.warn(
                "torch.cuda.amp.GradScaler is enabled, but CUDA is not available.  Disabling.",
                stacklevel=level,
            )
            enabled = False
        self._device = device
        self._enabled = enabled
        if not enabled:
            return
        if growth_factor <= 1.0:
            raise AssertionError("The growth factor must be > 1.0.")
        if backoff_factor >= 1.0:
            raise AssertionError("The backoff factor must be < 1.0.")
        self._init_scale = init_scale
        self._init_growth_tracker = 0
        self._growth_factor = growth_factor
        self._backoff_factor = backoff_factor
        self._growth_interval = growth_interval
        # Made at the first use, on the device of the loss.
        self._scale: Tensor | None = None
        self._growth_tracker: Tensor | None = None
        self._per_optimizer_states: dict[int, dict[str, Any]] = defaultdict(_fresh_state)

    # ------------------------------------------------------------------------------------ the scale
    def _check_scale_growth_tracker(self, funcname: str) -> tuple[Tensor, Tensor]:
        """The scale and the counter of steps.

        Raises:
            AssertionError: nothing has been scaled yet.
        """
        for name in ("_scale", "_growth_tracker"):
            if getattr(self, name) is None:
                raise AssertionError(
                    f"Attempted {funcname} but {name} is None.  This may indicate your script did "
                    "not use scaler.scale(loss or outputs) earlier in the iteration."
                )
        assert self._scale is not None and self._growth_tracker is not None
        return self._scale, self._growth_tracker

    def _scale_on(self, device: Any) -> Any:
        """The scale, made if there is none, on a device."""
        if self._scale is None:
            self._scale = _full(self._init_scale, float32, device)
            self._growth_tracker = _full(self._init_growth_tracker, int32, device)
        return self._scale.to(device=device)

    def scale(self, outputs: Any) -> Any:
        """A loss, or several in lists and the like, times the scale.

        Raises:
            ValueError: something among them is no tensor.

        Source: ``torch.amp.GradScaler.scale``.
        """
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            return outputs * self._scale_on(outputs.device)
        if isinstance(outputs, Iterable):
            found = map(self.scale, outputs)
            return type(outputs)(found) if isinstance(outputs, (list, tuple)) else found
        raise ValueError("outputs must be a Tensor or an iterable of Tensors")

    # -------------------------------------------------------------------------------- the gradients
    def _unscale_grads_(
        self, optimizer: Any, inv_scale: Tensor, found_inf: Tensor, allow_fp16: bool
    ) -> dict[Any, Tensor]:
        """Multiply an optimizer's gradients in place.

        Returns:
            per device of gradients whether one of them was not finite.

        Raises:
            ValueError: they are float16, and that is not allowed.
        """
        grads: dict[Any, list[Tensor]] = defaultdict(list)
        for group in optimizer.param_groups:
            for param in group["params"]:
                if not isinstance(param, Tensor):
                    raise AssertionError(
                        f"expected param to be torch.Tensor, got {type(param).__name__}"
                    )
                grad = param.grad
                if grad is None:
                    continue
                if not allow_fp16 and grad.dtype is float16:
                    raise ValueError("Attempting to unscale FP16 gradients.")
                grads[grad.device].append(grad)
        found: dict[Any, Tensor] = {}
        with no_grad():
            for device, on_device in grads.items():
                found[device] = found_inf.to(device=device, copy=True)
                check_and_unscale(on_device, found[device], inv_scale.to(device=device))
        return found

    def unscale_(self, optimizer: Any) -> None:
        """Divide an optimizer's gradients by the scale, in place, e.g. to clip them.

        Raises:
            RuntimeError: that has been done in this iteration already, or the step has been made.
            AssertionError: no loss has been scaled.
            ValueError: gradients are float16.

        Source: ``torch.amp.GradScaler.unscale_``.
        """
        if not self._enabled:
            return
        scale, _ = self._check_scale_growth_tracker("unscale_")
        state = self._per_optimizer_states[id(optimizer)]
        if state["stage"] is OptState.UNSCALED:
            raise RuntimeError(
                "unscale_() has already been called on this optimizer since the last update()."
            )
        if state["stage"] is OptState.STEPPED:
            raise RuntimeError("unscale_() is being called after step().")
        inverse = scale.double().reciprocal().float()
        none = _full(0.0, float32, scale.device)
        state["found_inf_per_device"] = self._unscale_grads_(optimizer, inverse, none, False)
        state["stage"] = OptState.UNSCALED

    def _check_inf_per_device(self, optimizer: Any) -> dict[Any, Tensor]:
        """Whether gradients are finite, without dividing them."""
        scale, _ = self._check_scale_growth_tracker("_check_inf_per_device")
        one, none = _full(1.0, float32, scale.device), _full(0.0, float32, scale.device)
        found = self._unscale_grads_(optimizer, one, none, True)
        self._per_optimizer_states[id(optimizer)]["found_inf_per_device"] = found
        return found

    def _found_inf_per_device(self, optimizer: Any) -> dict[Any, Tensor]:
        found: dict[Any, Tensor] = self._per_optimizer_states[id(optimizer)]["found_inf_per_device"]
        return found

    # ---------------------------------------------------------------------------------------- steps
    def _maybe_opt_step(
        self, optimizer: Any, optimizer_state: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        """The step, unless a gradient is not finite."""
        if sum(v.item() for v in optimizer_state["found_inf_per_device"].values()):
            return None
        return optimizer.step(*args, **kwargs)

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """Divide the gradients by the scale, unless that is done; make a step if all are finite.

        Args:
            optimizer: whose gradients they are.
            args, kwargs: of its ``step``; no closure.

        Returns:
            what that returns, or None.

        Raises:
            RuntimeError: a closure; or a step was made since the last ``update``.
            AssertionError: no loss has been scaled, or there are no gradients.

        Source: ``torch.amp.GradScaler.step``.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        self._check_scale_growth_tracker("step")
        state = self._per_optimizer_states[id(optimizer)]
        if state["stage"] is OptState.STEPPED:
            raise RuntimeError("step() has already been called since the last update().")
        if getattr(optimizer, "_step_supports_amp_scaling", False):
            return self._scaled_step(optimizer, state, args, kwargs)
        if state["stage"] is OptState.READY:
            self.unscale_(optimizer)
        if not state["found_inf_per_device"]:
            raise AssertionError("No inf checks were recorded for this optimizer.")
        made = self._maybe_opt_step(optimizer, state, *args, **kwargs)
        state["stage"] = OptState.STEPPED
        return made

    def _scaled_step(self, optimizer: Any, state: dict[str, Any], args: Any, kwargs: Any) -> Any:
        """The step of an optimizer that divides gradients itself."""
        takes_scaler = "grad_scaler" in inspect.signature(optimizer.step).parameters
        if takes_scaler:
            warnings.warn(
                "GradScaler is going to stop passing itself as a keyword argument to the passed "
                "optimizer. In the near future GradScaler registers `grad_scale: Tensor` and "
                "`found_inf: Tensor` to the passed optimizer and let the optimizer use them "
                "directly.",
                FutureWarning,
                stacklevel=3,
            )
            kwargs = {**kwargs, "grad_scaler": self}
        else:
            if state["stage"] is OptState.READY:
                self._check_inf_per_device(optimizer)
            scale: Any = self._get_scale_async()
            if state["stage"] is OptState.UNSCALED:
                optimizer.grad_scale = getattr(optimizer, "grad_scale", None)
            else:
                optimizer.grad_scale = scale * getattr(optimizer, "grad_scale", 1)
            optimizer.found_inf = sum(
                found.to(device=scale.device) for found in state["found_inf_per_device"].values()
            )
        made = optimizer.step(*args, **kwargs)
        state["stage"] = OptState.STEPPED
        if not takes_scaler:
            del optimizer.grad_scale, optimizer.found_inf
        return made

    def update(self, new_scale: Any = None) -> None:
        """Set the scale for the next iteration.

        Args:
            new_scale: the scale, a float or a tensor of one element; by default it shrinks after a
                step that was left out, and grows after enough that were not.

        Raises:
            AssertionError: no gradients were looked at, or the new scale is something else.

        Source: ``torch.amp.GradScaler.update``.
        """
        if not self._enabled:
            return
        scale, growth_tracker = self._check_scale_growth_tracker("update")
        if isinstance(new_scale, float):
            scale.fill_(new_scale)
        elif new_scale is not None:
            fits = new_scale.device.type == self._device and new_scale.numel() == 1
            if not fits or new_scale.requires_grad:
                raise AssertionError(
                    "new_scale should be a float or a 1-element torch.cuda.FloatTensor or "
                    "torch.FloatTensor with requires_grad=False."
                )
            scale.copy_(new_scale)
        else:
            found = [
                t.to(device=scale.device)
                for state in self._per_optimizer_states.values()
                for t in state["found_inf_per_device"].values()
            ]
            if not found:
                raise AssertionError("No inf checks were recorded prior to update.")
            update_scale(
                scale, growth_tracker, sum(found[1:], found[0]), self._growth_factor,
                self._backoff_factor, self._growth_interval,
            )  # fmt: skip
        self._per_optimizer_states = defaultdict(_fresh_state)

    # ------------------------------------------------------------------------------------ questions
    def _get_scale_async(self) -> Tensor | None:
        return self._scale

    def get_scale(self) -> float:
        """The scale; 1.0 if disabled. Source: ``torch.amp.GradScaler.get_scale``."""
        if not self._enabled:
            return 1.0
        return self._init_scale if self._scale is None else float(self._scale.item())

    def get_growth_factor(self) -> float:
        """The factor of growing. Source: ``torch.amp.GradScaler.get_growth_factor``."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Set the factor of growing. Source: ``torch.amp.GradScaler.set_growth_factor``."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """The factor of shrinking. Source: ``torch.amp.GradScaler.get_backoff_factor``."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Set the factor of shrinking. Source: ``torch.amp.GradScaler.set_backoff_factor``."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """After how many steps it grows. Source: ``torch.amp.GradScaler.get_growth_interval``."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Set after how many steps it grows. Source: ``torch.amp.GradScaler``."""
        self._growth_interval = new_interval

    def _get_growth_tracker(self) -> int:
        if not self._enabled:
            return 0
        tracker = self._growth_tracker
        return self._init_growth_tracker if tracker is None else int(tracker.item())

    def is_enabled(self) -> bool:
        """Whether it scales at all. Source: ``torch.amp.GradScaler.is_enabled``."""
        return self._enabled

    # ---------------------------------------------------------------------------------------- state
    def state_dict(self) -> dict[str, Any]:
        """Scale, factors and counters; empty if disabled. Source: ``GradScaler.state_dict``."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(), "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor, "growth_interval": self._growth_interval,
            "_growth_tracker": self._get_growth_tracker(),
        }  # fmt: skip

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what ``state_dict`` gave; nothing happens if disabled.

        Raises:
            RuntimeError: it is empty, as that of a disabled one is.

        Source: ``torch.amp.GradScaler.load_state_dict``.
        """
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled "
                "instance of GradScaler."
            )
        self._init_scale = state_dict["scale"]
        if self._scale is not None:
            self._scale.fill_(state_dict["scale"])
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._init_growth_tracker = state_dict["_growth_tracker"]
        if self._growth_tracker is not None:
            self._growth_tracker.fill_(state_dict["_growth_tracker"])

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        if self._enabled:
            if self._per_optimizer_states:
                raise AssertionError(
                    "A GradScaler instance may only be pickled at the beginning of an iteration, "
                    "or at the end after scaler.update()."
                )
            state["_init_scale"] = self.get_scale()
            state["_init_growth_tracker"] = self._get_growth_tracker()
            state["_scale"] = state["_growth_tracker"] = None
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
