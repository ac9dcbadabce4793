"""Optimisers whose steps are rules of ``functorch_lite.optim``: state, groups and arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from functorch_lite.optim import Rule
from functorch_lite.torch._core.dtypes import dtype as DType
from functorch_lite.torch._core.dtypes import float32, float64, get_default_dtype
from functorch_lite.torch._core.grad_mode import enable_grad, mode
from functorch_lite.torch._core.layout import preserve_format
from functorch_lite.torch._core.public import FUNCTIONS
from functorch_lite.torch._core.tensor import Tensor, version
from functorch_lite.torch.optim._checks import number
from functorch_lite.torch.optim._differentiable import differentiable_step
from functorch_lite.torch.optim._programs import Batches, Formula, Job
from functorch_lite.torch.optim.optimizer import Optimizer

__all__ = ["RuleOptimizer", "scalar_dtype"]

_FUSED = "['mps', 'cuda', 'xpu', 'hpu', 'cpu', 'mtia', 'privateuseone']"


def scalar_dtype(fused: Any = None) -> DType:
    """The dtype of the tensors that count steps."""
    return float64 if get_default_dtype() is float64 and not fused else float32


class RuleOptimizer(Optimizer):
    """An optimiser that a rule and the tables below describe.

    Attributes:
        rule: the formula for one array.
        elementwise: whether all slots have their parameter's shape.
        numbers: settings of the rule that are numbers.
        optional: of those, the ones without which a term is left out of the formula.
        flags: settings of the rule that choose the formula.
        shared: state that is a number for each parameter, with its first value.
        later: settings that state dicts of older versions lack.
        capturable_state, capturable_devices: words of the message that refuses ``capturable``.
    """

    rule: ClassVar[Rule]
    elementwise: ClassVar[bool] = True
    numbers: ClassVar[tuple[str, ...]]
    optional: ClassVar[frozenset[str]] = frozenset(("weight_decay",))
    flags: ClassVar[tuple[str, ...]] = ("maximize",)
    shared: ClassVar[Mapping[str, float]] = {}
    later: ClassVar[Mapping[str, Any]] = {}
    capturable_state: ClassVar[str] = "params and state_steps"
    capturable_devices: ClassVar[str] = "['cuda', 'xpu', 'hpu', 'privateuseone', 'xla']"

    _formulas: ClassVar[dict[Any, Formula]] = {}
    _batches: Batches | None = None

    # ------------------------------------------------------------------------- what subclasses say
    def _settings(self, group: dict[str, Any]) -> dict[str, Any]:
        """The settings of a group under the names of the rule."""
        if "betas" not in group:
            return group
        beta1, beta2 = group["betas"]
        return {**group, "beta1": beta1, "beta2": beta2}

    def _slot_names(self, group: dict[str, Any], p: Tensor) -> tuple[str, ...]:
        """The arrays of state that go with a parameter."""
        raise NotImplementedError

    def _scalars(self) -> Callable[[Any, Any], Any]:
        """What the rule reads besides arrays, as a function of the step and the settings."""
        return self.rule.scalars

    def _first(self, group: dict[str, Any], p: Tensor, name: str) -> Tensor:
        """The first value of an array of state."""
        made: Tensor = FUNCTIONS["zeros_like"](p, memory_format=preserve_format)
        return made

    def _check(self, group: dict[str, Any], p: Tensor) -> None:
        """Refuse a parameter that has a gradient, before its first step."""

    # --------------------------------------------------------------------------------------- state
    def _state_of(self, group: dict[str, Any], p: Tensor) -> dict[str, Any]:
        """The state of a parameter that has a gradient; empty before its first step."""
        state: dict[str, Any] = self.state[p]
        return state

    def _begin(self, group: dict[str, Any], p: Tensor, state: dict[str, Any]) -> None:
        """Write the state of a parameter before its first step."""
        dtype = scalar_dtype(group.get("fused"))
        state["step"] = FUNCTIONS["zeros"]((), dtype=dtype)
        for name, value in self._first_shared(group).items():
            state[name] = FUNCTIONS["full"]((), value, dtype=dtype)
        for name in self._slot_names(group, p):
            state[name] = self._first(group, p, name)

    def _first_shared(self, group: dict[str, Any]) -> Mapping[str, float]:
        return self.shared

    def _advance(self, group: dict[str, Any], p: Tensor, state: dict[str, Any]) -> float:
        """Count a step of a parameter; returns its number."""
        step = state["step"]
        array = step._np
        array[()] = count = array[()] + 1
        version(step).count += 1
        return float(count)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            for key, value in self.later.items():
                group.setdefault(key, value)
            for p in group["params"]:
                held = self.state.get(p)
                if held:
                    self._as_tensors(group, held)

    def _as_tensors(self, group: dict[str, Any], held: dict[str, Any]) -> None:
        """Old state dicts have Python's numbers where there are tensors now."""
        dtype = scalar_dtype(group.get("fused"))
        for name in ("step", *self.shared):
            if name in held and not isinstance(held[name], Tensor):
                held[name] = FUNCTIONS["tensor"](float(held[name]), dtype=dtype)

    # ------------------------------------------------------------------------------------ stepping
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change the parameters once.

        Args:
            closure: computes the loss again, and its gradients.

        Returns:
            what the closure returned.
        """
        was = mode.enabled
        mode.enabled = bool(self.defaults.get("differentiable"))
        try:
            loss = None
            if closure is not None:
                with enable_grad():
                    loss = closure()
            for group in self.param_groups:
                self._step_group(group)
        finally:
            mode.enabled = was
        return loss

    def _step_group(self, group: dict[str, Any]) -> None:
        fused = group.get("fused")
        params, grads, states = [], [], []
        for p in group["params"]:
            grad = p.grad
            if grad is not None:
                self._check(group, p)
                if fused:
                    _check_fused(p)
                state = self._state_of(group, p)
                if not state:
                    self._begin(group, p, state)
                params.append(p)
                grads.append(grad)
                states.append(state)
        self._step_on(group, None, params, grads, states)

    def _step_on(
        self, group: dict[str, Any], settings: dict[str, Any] | None, params: list[Any],
        grads: list[Any], states: list[dict[str, Any]],
    ) -> None:  # fmt: skip
        """The step of a group's parameters that have gradients."""
        if group.get("capturable"):
            self._refuse_capturable(params)
        if not self._unscale(group.get("fused"), grads) or not params:
            return
        if settings is None:
            settings = self._settings(group)
        if group.get("differentiable"):
            if group.get("foreach"):
                raise AssertionError("_foreach ops don't support autograd")
            return self._step_recorded(group, settings, params, grads, states)
        formula, values = self._formula(settings)
        whole = Job((), params, grads, [])
        keys = []
        for p, state in zip(params, states, strict=True):
            key = (self._advance(group, p, state), *values)
            if formula.shared:
                key += tuple([state[name].item() for name in formula.shared])
            keys.append(key)
            whole.slots.append({name: state[name] for name in self._slot_names(group, p)})
        first = keys[0]
        if all(key == first for key in keys):
            self._run(formula, whole._replace(values=first), states)
            return
        for key in dict.fromkeys(keys):
            at = [i for i, other in enumerate(keys) if other == key]
            job = Job(
                key,
                [params[i] for i in at],
                [grads[i] for i in at],
                [whole.slots[i] for i in at],
            )
            self._run(formula, job, [states[i] for i in at])

    def _run(self, formula: Formula, job: Job, states: list[dict[str, Any]]) -> None:
        """One program over the parameters of a job, or one each if they share memory."""
        batches = self._batches
        if batches is None:
            batches = self._batches = Batches()
        batch = batches.of(formula, job, 4 * len(self.param_groups) + 4)
        if batch.overlaps and len(job.params) > 1:
            for i, state in enumerate(states):
                part = Job(job.values, [job.params[i]], [job.grads[i]], [job.slots[i]])
                self._run(formula, part, [state])
            return
        found = batch.run(job)
        for name, value in zip(formula.shared, found, strict=True):
            for state in states:
                tensor = state[name]
                tensor._np[()] = value
                version(tensor).count += 1

    def _formula(self, settings: dict[str, Any]) -> tuple[Formula, list[float]]:
        """What a group computes, and the numbers that go into it."""
        fixed: list[tuple[str, Any]] = [(name, settings[name]) for name in self.flags]
        names, values = [], []
        for name in self.numbers:
            value = number(settings[name])
            if value == 0.0 and name in self.optional:
                fixed.append((name, 0.0))
            else:
                names.append(name)
                values.append(value)
        key = (type(self), *fixed)
        found = self._formulas.get(key)
        if found is None:
            shared = tuple(self.shared)
            found = self._formulas[key] = Formula(
                self.rule, self._scalars(), self.elementwise, fixed, (*names, *shared), shared
            )
        return found, values

    def _step_recorded(
        self, group: Any, settings: Any, params: Any, grads: Any, states: Any
    ) -> None:
        """The step as operations that gradients flow through."""
        fixed = {name: settings[name] for name in self.flags}
        for p, grad, state in zip(params, grads, states, strict=True):
            if isinstance(state.get("step"), Tensor) and state["step"].requires_grad:
                raise RuntimeError(
                    "`requires_grad` is not supported for `step` in differentiable mode"
                )
            step = self._advance(group, p, state)
            given = {name: settings[name] for name in self.numbers}
            for name in self.optional:
                if not isinstance(given.get(name), Tensor) and given.get(name) == 0:
                    fixed[name] = 0.0
                    given.pop(name, None)
            given |= {name: state[name].item() for name in self.shared}
            slots = {name: state[name] for name in self._slot_names(group, p)}
            shared = differentiable_step(
                type(self).__name__, self.rule, self._scalars(), step, fixed, given,
                tuple(self.shared), p, grad, slots,
            )  # fmt: skip
            for name, value in zip(self.shared, shared, strict=True):
                state[name]._np[()] = value

    # ------------------------------------------------------------------------------------- refusals
    def _refuse_capturable(self, params: list[Any]) -> None:
        if params:
            raise AssertionError(
                f"If capturable=True, {self.capturable_state} must be on supported devices: "
                f"{self.capturable_devices}."
            )

    def _unscale(self, fused: Any, grads: list[Any]) -> bool:
        """Divide gradients by the scale of a scaler; whether the step is to be made."""
        scale = getattr(self, "grad_scale", None)
        found = getattr(self, "found_inf", None)
        if scale is None and found is None:
            return True
        if not fused:
            raise AssertionError("Expected grad_scale and found_inf to be None")
        if found is not None and found.item():
            return False
        if scale is not None:
            for grad in grads:
                grad.div_(scale)
        return True

    def _check_flags(self, fused: Any, foreach: Any, differentiable: Any) -> None:
        """Refuse choices of implementations that exclude each other."""
        if fused:
            self.__dict__["_step_supports_amp_scaling"] = True
            if differentiable:
                raise RuntimeError("`fused` does not support `differentiable`")
            if foreach:
                raise RuntimeError("`fused` and `foreach` cannot be `True` together.")


def _check_fused(p: Tensor) -> None:
    if not p.dtype.is_floating_point:
        raise RuntimeError(
            "`fused=True` requires all the params to be floating point Tensors of supported "
            f"devices: {_FUSED} but {p.dtype} and {p.device.type}"
        )
