"""Generators of random numbers: the streams of PyTorch's CPU generator."""

from __future__ import annotations

from typing import Any

from functorch_lite.torch._core.device import device as Device
from functorch_lite.torch._core.public import FUNCTIONS, public
from functorch_lite.torch._core.tensor import Tensor, make
from functorch_lite.torch._rng.engine import Engine

__all__ = ["Generator", "default_generator", "chosen_engine"]


class Generator:
    """A stream of random numbers.

    Args:
        device: the CPU.

    >>> Generator().manual_seed(3).initial_seed()
    3

    Source: ``torch.Generator``.
    """

    __slots__ = ("__weakref__", "_engine", "device")
    __module__ = "torch"

    def __init__(self, device: Any = "cpu") -> None:
        self.device = device if isinstance(device, Device) else Device(device)
        if self.device.type != "cpu":
            name = self.device.type.upper()
            raise RuntimeError(f"Cannot get {name} generator without ATen_{self.device.type} "
                               "library.")  # fmt: skip
        self._engine = Engine()

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream of a seed over. Source: ``torch.Generator.manual_seed``."""
        self._engine.manual_seed(seed)
        return self

    def initial_seed(self) -> int:
        """The seed that the stream started from. Source: ``torch.Generator.initial_seed``."""
        return self._engine.initial_seed()

    def seed(self) -> int:
        """Start a stream that nobody can predict; its seed. Source: ``torch.Generator.seed``."""
        return self._engine.seed()

    def get_state(self) -> Tensor:
        """The state: 5056 bytes. Source: ``torch.Generator.get_state``."""
        return make(self._engine.state())

    def set_state(self, new_state: Tensor) -> Generator:
        """Take up where a state stands.

        Args:
            new_state: uint8 ``(5056,)``.

        Raises:
            TypeError: it is no tensor of bytes.
            RuntimeError: it has another size, or is no state.

        Source: ``torch.Generator.set_state``.
        """
        if not isinstance(new_state, Tensor):
            raise TypeError(f"expected a torch.ByteTensor, but got {type(new_state).__name__}")
        self._engine.set_state(new_state._np)
        return self

    def clone_state(self) -> Generator:
        """A generator that draws the same numbers from here on. Source: ``torch.Generator``."""
        made = Generator()
        made._engine = self._engine.clone()
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> Generator:
        return self.clone_state()

    def __reduce__(self) -> tuple[Any, ...]:
        return _revive, (self._engine,)

    def __repr__(self) -> str:
        return f"<torch._C.Generator object at {id(self):#x}>"


def _revive(engine: Engine) -> Generator:
    """The generator that a pickle describes."""
    made = Generator()
    made._engine = engine
    return made


default_generator = Generator()
"""What draws where no generator is given."""

# A program that sets no seed gets other numbers in each run.
default_generator.seed()

FUNCTIONS["Generator"] = Generator
FUNCTIONS["default_generator"] = default_generator  # type: ignore[assignment]


def chosen_engine(generator: Any, name: str) -> Engine:
    """The engine of a generator, or of the default one where it is None.

    Args:
        name: of the function that was given it.

    Raises:
        TypeError: it is no generator.
    """
    if generator is None:
        return default_generator._engine
    if generator.__class__ is not Generator:
        raise TypeError(
            f"{name}(): argument 'generator' must be torch.Generator, not "
            f"{type(generator).__name__}"
        )
    engine: Engine = generator._engine
    return engine


@public(methods=False)
def manual_seed(seed: Any) -> Generator:
    """Start the default stream of a seed over.

    Args:
        seed: an integer that 64 bits hold, or what ``int`` makes one of.

    Source: ``torch.manual_seed``.
    """
    return default_generator.manual_seed(int(seed))


@public(methods=False)
def seed() -> int:
    """Start a default stream that nobody can predict; its seed. Source: ``torch.seed``."""
    return default_generator.seed()


@public(methods=False)
def initial_seed() -> int:
    """The seed that the default stream started from. Source: ``torch.initial_seed``."""
    return default_generator.initial_seed()


@public(methods=False)
def get_rng_state() -> Tensor:
    """The state of the default stream: 5056 bytes. Source: ``torch.get_rng_state``."""
    return default_generator.get_state()


@public(methods=False)
def set_rng_state(new_state: Tensor) -> None:
    """Take up where a state stands.

    Args:
        new_state: uint8 ``(5056,)``.

    Source: ``torch.set_rng_state``.
    """
    default_generator.set_state(new_state)
