"""The state of modules: what ``state_dict`` gives and ``load_state_dict`` takes."""

from __future__ import annotations

import warnings
from collections import OrderedDict, namedtuple
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import Any

from functorch_lite.torch._core.grad_mode import no_grad
from functorch_lite.torch._core.node import RemovableHandle
from functorch_lite.torch._core.tensor import Tensor
from functorch_lite.torch._meta.symbol import is_meta
from functorch_lite.torch._object.parameter import Parameter
from functorch_lite.torch.nn.modules.module_backward import WrappedHook
from functorch_lite.torch.nn.modules.module_tree import ModuleTree, deprecated
from functorch_lite.torch.overrides import is_tensor_like

__all__ = ["ModuleState"]

Hook = Callable[..., Any]

EXTRA = "_extra_state"
"""The last part of the key of what ``get_extra_state`` returns."""


class _IncompatibleKeys(namedtuple("_IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """What a state lacked, and what it had for nobody."""

    __slots__ = ()

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return super().__repr__()

    __str__ = __repr__


_IncompatibleKeys.__module__ = "torch.nn.modules.module"


def _unreachable(name: str) -> RuntimeError:
    return RuntimeError(
        f"Reached a code path in Module.{name}() that should never be called. Please file an issue "
        "at https://github.com/pytorch/pytorch/issues/new?template=bug-report.yml to report this "
        "bug."
    )


class ModuleState(ModuleTree):
    """The part of ``Module`` about its state; the tables are dictionaries by ids of handles."""

    _state_dict_hooks: dict[int, Hook]
    _state_dict_pre_hooks: dict[int, Hook]
    _load_state_dict_pre_hooks: dict[int, Hook]
    _load_state_dict_post_hooks: dict[int, Hook]

    _version: int = 1

    # ----------------------------------------------------------------------------------- own state
    def get_extra_state(self) -> Any:
        """What else is part of the state; a module overrides it together with the next one.

        Source: ``torch.nn.Module.get_extra_state``.
        """
        raise _unreachable("get_extra_state")

    def set_extra_state(self, state: Any) -> None:
        """Take over what ``get_extra_state`` has returned.

        Source: ``torch.nn.Module.set_extra_state``.
        """
        raise _unreachable("set_extra_state")

    def _own_tensors(self) -> dict[str, Tensor]:
        """Parameters and persistent buffers, by name."""
        left_out = self._non_persistent_buffers_set
        pairs = chain(
            self._parameters.items(),
            [(name, b) for name, b in self._buffers.items() if name not in left_out],
        )
        return {name: value for name, value in pairs if value is not None}

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """Put the module's own state into a dictionary, without that of modules below."""
        for name, value in self._own_tensors().items():
            destination[prefix + name] = value if keep_vars else value.detach()
        if type(self).get_extra_state is not ModuleState.get_extra_state:
            destination[prefix + EXTRA] = self.get_extra_state()

    def state_dict(
        self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> Any:
        """Parameters and persistent buffers of this module and all below, by path.

        Args:
            destination: the dictionary to put them into.
            prefix: put before all paths.
            keep_vars: whether the parameters themselves come, with their graph.

        Returns:
            an ``OrderedDict`` with ``_metadata``, the version of each module by path.

        Source: ``torch.nn.Module.state_dict``.
        """
        if args:
            deprecated(
                "Positional args are being deprecated, use kwargs instead. Refer to "
                "https://pytorch.org/docs/main/generated/torch.nn.Module.html"
                "#torch.nn.Module.state_dict for details."
            )
            given = (destination, prefix, keep_vars)
            destination, prefix, keep_vars = args + given[len(args) :]
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = metadata
        for hook in self._state_dict_pre_hooks.values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(
                    destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars
                )
        for hook in self._state_dict_hooks.values():
            made = hook(self, destination, prefix, metadata)
            if made is None:
                continue
            if getattr(hook, "_from_public_api", False):
                raise RuntimeError("state_dict post-hook must return None")
            destination = made
        return destination

    # ------------------------------------------------------------------------------------- loading
    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Take the module's own state from a dictionary, without that of modules below.

        Args:
            state_dict: values by path; not to be changed.
            prefix: of the module's paths.
            local_metadata: what was saved about the module, such as its version.
            strict: whether to find out what is missing or too much.
            missing_keys, unexpected_keys, error_msgs: lists to add to.
        """
        for hook in self._load_state_dict_pre_hooks.values():
            hook(
                state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys,
                error_msgs,
            )  # fmt: skip
        own = self._own_tensors()
        assign = local_metadata.get("assign_to_params_buffers", False)
        for name, value in own.items():
            key = prefix + name
            if key in state_dict:
                self._load_one(name, key, value, state_dict[key], assign, error_msgs)
            elif strict:
                missing_keys.append(key)
        extra = prefix + EXTRA
        if type(self).set_extra_state is not ModuleState.set_extra_state:
            if extra in state_dict:
                self.set_extra_state(state_dict[extra])
            elif strict:
                missing_keys.append(extra)
        elif strict and extra in state_dict:
            unexpected_keys.append(extra)
        if strict:
            for key in state_dict:
                if not key.startswith(prefix) or key == extra:
                    continue
                name, dot, _ = key[len(prefix) :].partition(".")
                if name not in (self._modules if dot else own):
                    unexpected_keys.append(key)

    def _load_one(
        self, name: str, key: str, value: Tensor, given: Any, assign: bool, error_msgs: list[str]
    ) -> None:
        """Take one parameter or buffer from what is given for it."""
        if not is_tensor_like(given):
            error_msgs.append(
                f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like '
                f"object from checkpoint but received {type(given)}"
            )
            return
        if not getattr(value, "_is_uninitialized", False):
            if value.ndim == 0 and given.ndim == 1 and len(given) == 1:
                # Scalars were saved as vectors once.
                given = given[0]
            if given.shape != value.shape:
                error_msgs.append(
                    f"size mismatch for {key}: copying a param with shape {given.shape} from "
                    f"checkpoint, the shape in current model is {value.shape}."
                )
                return
        if is_meta(value) and not assign and not is_meta(given):
            warnings.warn(
                f"for {key}: copying from a non-meta parameter in the checkpoint to a meta "
                "parameter in the current model, which is a no-op. (Did you mean to pass "
                "`assign=True` to assign items in the state dictionary to their corresponding key "
                "in the module instead of copying them in place?)",
                stacklevel=2,
            )
        try:
            with no_grad():
                if not assign:
                    value.copy_(given)
                    return
                if isinstance(value, Parameter):
                    if isinstance(given, Parameter):
                        given.requires_grad_(value.requires_grad)
                    else:
                        given = Parameter(given, requires_grad=value.requires_grad)
                setattr(self, name, given)
        except Exception as error:
            error_msgs.append(
                f'While copying the parameter named "{key}", whose dimensions in the model are '
                f"{value.size()} and whose dimensions in the checkpoint are {given.size()}, an "
                f"exception occurred : {error.args}."
            )

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> _IncompatibleKeys:
        """Copy values into the parameters and buffers of this module and all below.

        Args:
            state_dict: values by path.
            strict: whether its keys must be exactly those of the module.
            assign: whether the given tensors take the place of the module's own.

        Returns:
            ``missing_keys`` and ``unexpected_keys``.

        Raises:
            TypeError: no mapping.
            RuntimeError: what does not fit, all in one message.

        Source: ``torch.nn.Module.load_state_dict``.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        missing: list[str] = []
        unexpected: list[str] = []
        errors: list[str] = []
        metadata = getattr(state_dict, "_metadata", None)
        state: Any = OrderedDict(state_dict)
        if metadata is not None:
            state._metadata = metadata

        def load(module: Any, state: Any, prefix: str) -> None:
            own = {} if metadata is None else metadata.get(prefix[:-1], {})
            if assign:
                own["assign_to_params_buffers"] = assign
            module._load_from_state_dict(state, prefix, own, True, missing, unexpected, errors)
            for name, child in module._modules.items():
                if child is not None:
                    start = f"{prefix}{name}."
                    load(child, {k: v for k, v in state.items() if k.startswith(start)}, start)
            found = _IncompatibleKeys(missing, unexpected)
            for hook in module._load_state_dict_post_hooks.values():
                if hook(module, found) is not None:
                    raise AssertionError(
                        "Hooks registered with ``register_load_state_dict_post_hook`` are not "
                        "expected to return new values, if incompatible_keys need to be modified, "
                        "it should be done inplace."
                    )

        load(self, state, "")
        if strict:
            # A post hook may have emptied the lists.
            for kind, keys in (("Unexpected", unexpected), ("Missing", missing)):
                if keys:
                    errors.insert(0, f"{kind} key(s) in state_dict: {_quoted(keys)}. ")
        if errors:
            text = "\n\t".join(errors)
            raise RuntimeError(f"Error(s) in loading state_dict for {self._get_name()}:\n\t{text}")
        return _IncompatibleKeys(missing, unexpected)

    # --------------------------------------------------------------------------------------- hooks
    def _register_state_dict_hook(self, hook: Hook) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, metadata)`` at the end; its result counts."""
        if getattr(hook, "_from_public_api", False):
            raise RuntimeError(
                "Cannot register the same function as the state dict post hook that was previously "
                "registered via register_state_dict_post_hook"
            )
        return RemovableHandle(self._state_dict_hooks, hook)

    def register_state_dict_post_hook(self, hook: Any) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, metadata)`` at the end of ``state_dict``.

        Source: ``torch.nn.Module.register_state_dict_post_hook``.
        """
        hook._from_public_api = True
        return RemovableHandle(self._state_dict_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Hook) -> RemovableHandle:
        """Call ``hook(module, prefix, keep_vars)`` at the begin of ``state_dict``.

        Source: ``torch.nn.Module.register_state_dict_pre_hook``.
        """
        return RemovableHandle(self._state_dict_pre_hooks, hook)

    def _register_load_state_dict_pre_hook(
        self, hook: Hook, with_module: bool = False
    ) -> RemovableHandle:
        """Call a hook with the arguments of ``_load_from_state_dict`` before its work."""
        wrapped = WrappedHook(hook, self if with_module else None)
        return RemovableHandle(self._load_state_dict_pre_hooks, wrapped)

    def register_load_state_dict_pre_hook(self, hook: Hook) -> RemovableHandle:
        """Call a hook with the module and the arguments of ``_load_from_state_dict``.

        Source: ``torch.nn.Module.register_load_state_dict_pre_hook``.
        """
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def register_load_state_dict_post_hook(self, hook: Hook) -> RemovableHandle:
        """Call ``hook(module, incompatible_keys)`` after ``load_state_dict``.

        Source: ``torch.nn.Module.register_load_state_dict_post_hook``.
        """
        return RemovableHandle(self._load_state_dict_post_hooks, hook)


def _quoted(keys: Iterable[str]) -> str:
    return ", ".join(f'"{key}"' for key in keys)
