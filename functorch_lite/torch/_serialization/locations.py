"""Where storages lie: tags that files carry, and what ``map_location`` makes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functorch_lite.torch._core.device import device as Device
from functorch_lite.torch._core.layout import type_name
from functorch_lite.torch.storage import UntypedStorage

__all__ = ["Restore", "default_restore_location", "location_tag", "register_package", "restoring"]

Restore = Callable[[UntypedStorage, str], UntypedStorage]

_registry: list[tuple[int, Callable[[Any], str | None], Callable[[Any, str], Any]]] = []

_TO_CPU = (
    "If you are running on a CPU-only machine, please use torch.load with "
    "map_location=torch.device('cpu') to map your storages to the CPU."
)


def register_package(
    priority: int, tagger: Callable[[Any], str | None], deserializer: Callable[[Any, str], Any]
) -> None:
    """Add a kind of place for storages.

    Args:
        priority: the lower, the earlier it is asked.
        tagger: the tag of a storage, or None.
        deserializer: a storage moved to the place of a tag, or None.

    Source: ``torch.serialization.register_package``.
    """
    _registry.append((priority, tagger, deserializer))
    _registry.sort(key=lambda entry: entry[0])


def location_tag(storage: Any) -> str:
    """The tag of a storage. Source: ``torch.serialization.location_tag``."""
    for _, tagger, _ in _registry:
        location = tagger(storage)
        if location:
            return location
    raise RuntimeError(f"don't know how to determine data location of {_class_name(storage)}")


def default_restore_location(storage: Any, location: str) -> Any:
    """A storage moved to the place of a tag.

    Raises:
        RuntimeError: there is no such place, or it is not available.

    Source: ``torch.serialization.default_restore_location``.
    """
    for _, _, deserializer in _registry:
        result = deserializer(storage, location)
        if result is not None:
            return result
    raise RuntimeError(
        f"don't know how to restore data location of {_class_name(storage)} (tagged with "
        f"{location})"
    )


def _class_name(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__name__}"


def restoring(map_location: Any) -> Restore:
    """What ``map_location`` asks for, as a function of a storage and its tag.

    Args:
        map_location: None, a place, a dict of tags to places, or a function of storage and tag.
    """
    if map_location is None:
        return default_restore_location
    if isinstance(map_location, dict):
        return lambda storage, tag: default_restore_location(storage, map_location.get(tag, tag))
    if isinstance(map_location, (str, Device)):
        place = str(map_location)
        return lambda storage, tag: default_restore_location(storage, place)
    if isinstance(map_location, bytes):
        place = map_location.decode("ascii")
        return lambda storage, tag: default_restore_location(storage, place)

    def restore(storage: UntypedStorage, tag: str) -> UntypedStorage:
        result = map_location(storage, tag)
        if result is None:
            return default_restore_location(storage, tag)
        if not isinstance(result, UntypedStorage):
            raise TypeError(
                "map_location must return an UntypedStorage or None, but got "
                f"{type_name(result)}; return the storage it was given to keep it on the CPU"
            )
        return result

    return restore


def _cpu(storage: Any, location: str) -> Any:
    return storage if location == "cpu" else None


def _meta(storage: Any, location: str) -> Any:
    return UntypedStorage(storage.nbytes(), device="meta") if location == "meta" else None


def _unavailable(kind: str, text: str) -> Callable[[Any, str], None]:
    """Refuse the tags of a kind of hardware that tensors here cannot lie on."""

    def refuse(storage: Any, location: str) -> None:
        after = location[len(kind) : len(kind) + 1]
        if location.startswith(kind) and (not after or after == ":" or after.isdigit()):
            raise RuntimeError(text)

    return refuse


def _missing(kind: str) -> str:
    return (
        f"Attempting to deserialize object on a {kind.upper()} device but "
        f"torch.{kind}.is_available() is False. {_TO_CPU}"
    )


_REFUSED = {
    20: ("cuda", _missing("cuda")),
    21: ("mps", "torch.UntypedStorage(): Storage device not recognized: mps"),
    24: ("hpu", f"The HPU device module is not registered. {_TO_CPU}"),
    25: ("xpu", _missing("xpu")),
    26: ("mtia", _missing("mtia")),
}  # fmt: skip


def _tag(kind: str) -> Callable[[Any], str | None]:
    return lambda storage: kind if storage.device.type == kind else None


register_package(10, _tag("cpu"), _cpu)
register_package(22, _tag("meta"), _meta)
for _priority, (_kind, _text) in _REFUSED.items():
    register_package(_priority, lambda storage: None, _unavailable(_kind, _text))
