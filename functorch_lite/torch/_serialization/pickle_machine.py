"""A reader of pickles that can do nothing but what its rules name.

The opcodes are those of protocols 1 to 5; what a name in the file stands for, what may be called
and what may be given a state is asked of the rules. Memory and time stay in proportion to the
file: each count is compared with what is left of it, tuples and marks nest to a limit, and keys of
dicts are such that hashing them is cheap.

Source: the comments of Python's ``pickletools``.
"""

from __future__ import annotations

import pickle
import struct
import types
import warnings
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from typing import Any, Protocol

from functorch_lite.torch._serialization.sources import Stream

__all__ = ["MAX_DEPTH", "Machine", "Rules", "check_key", "globals_of", "shown"]

MAX_DEPTH = 1000
"""How deep marks and tuples may nest; Python's own pickler gives up earlier."""

_MAX_KEY = 10_000  # values inside one key of a dict
_MAX_MEMO = 2**32


class Rules(Protocol):
    """What a machine may do."""

    weights_only: bool

    def find(self, module: str, name: str) -> Any:
        """What a name in the file stands for."""

    def call(self, function: Any, arguments: tuple[Any, ...]) -> Any:
        """The result of a call."""

    def new(self, cls: Any, arguments: tuple[Any, ...]) -> Any:
        """An instance that was not initialised."""

    def build(self, instance: Any, state: Any) -> None:
        """Give an instance its state."""


def _fail(message: str) -> Any:
    raise pickle.UnpicklingError(message)


def shown(value: Any) -> str:
    """A value of a file in a message: always short, and without code of its class.

    >>> shown(OrderedDict), shown([[[]]]), shown("abc"), shown(2**1000)
    ('collections.OrderedDict', 'a list', "'abc'", 'an int')
    """
    if isinstance(value, (type, types.FunctionType, types.BuiltinFunctionType)):
        return f"{value.__module__}.{value.__qualname__}"
    if type(value) is str or type(value) is int and value.bit_length() < 128:
        return repr(value)[:60]
    kind = type(value).__name__
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def check_key(key: Any) -> Any:
    """A key of a dict or an item of a set, once it is known that hashing it is cheap.

    Raises:
        pickle.UnpicklingError: it cannot be hashed, or is too large for that.
    """
    kind = key.__class__
    if kind is str or kind is bool or key is None:
        return key
    rest, seen = [key], 0
    while rest:
        item = rest.pop()
        seen += 1
        if seen > _MAX_KEY:
            _fail(f"a key of a dict in the file holds more than {_MAX_KEY} values")
        if isinstance(item, tuple):
            rest.extend(item)
        # Python's hash of integers is a remainder: equal ones for long integers are easy to make.
        elif isinstance(item, int) and item.bit_length() > 64:
            _fail("a key of a dict in the file is an integer of more than 64 bits")
    try:
        hash(key)
    except TypeError:
        _fail(f"a key of a dict in the file is of type {type(key).__name__}, which has no hash")
    return key


class Machine:
    """Runs one pickle.

    Args:
        stream: its bytes.
        rules: what its names stand for and what may be called.
        persistent: the object of a persistent id.
        encoding: of strings of Python 2; ``"bytes"`` keeps them as bytes.
    """

    def __init__(
        self, stream: Stream, rules: Rules, persistent: Callable[[Any], Any] | None = None,
        encoding: str = "utf-8",
    ) -> None:  # fmt: skip
        self.stream = stream
        self.rules = rules
        self.persistent = persistent
        self.encoding = encoding
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        # Tuples that hold tuples, with how deep they go; kept alive, so that no id is used twice.
        self._deep: dict[int, tuple[Any, int]] = {}

    def load(self) -> Any:
        """The object of the pickle.

        Raises:
            pickle.UnpicklingError: the pickle is broken, or wants what the rules do not give.
            EOFError: it ends without an end.
        """
        codes = _WEIGHTS_ONLY if self.rules.weights_only else _ALL
        stream = self.stream
        while True:
            code = stream.code()
            if code == 0x2E:  # STOP
                break
            step = codes.get(code)
            if step is None:
                _fail(f"Unsupported operand {code}")
            try:
                step(self)  # type: ignore[misc]
            except IndexError as error:
                raise pickle.UnpicklingError(
                    f"operand {code} at byte {stream.position - 1} of the pickle finds too little "
                    "on the stack"
                ) from error
        if not self.stack:
            _fail("the pickle ends with nothing on its stack")
        return self.stack.pop()

    def items(self) -> list[Any]:
        """What was pushed since the last mark."""
        items = self.stack
        self.stack = self.marks.pop()
        return items

    def number(self, layout: str) -> Any:
        """The next number, as ``struct`` describes it."""
        return struct.unpack(layout, self.stream.take(struct.calcsize(layout)))[0]

    def text(self, count: int) -> str:
        """The next characters, in UTF-8."""
        try:
            return str(self.stream.take(count), "utf-8", "surrogatepass")
        except UnicodeDecodeError:
            return str(_fail(f"a string at byte {self.stream.position} of the pickle is no UTF-8"))

    def old_string(self, data: bytes) -> Any:
        """A string of Python 2."""
        if self.encoding == "bytes":
            return data
        try:
            return data.decode(self.encoding)
        except UnicodeDecodeError as error:
            return _fail(f"{error}; torch.load takes another encoding=, or encoding='bytes'")

    def made(self, items: list[Any]) -> tuple[Any, ...]:
        """A tuple, unless it nests too deep."""
        depth = 1
        for item in items:
            if item.__class__ is tuple:
                known = self._deep.get(id(item))
                depth = max(depth, 2 if known is None else known[1] + 1)
        found = tuple(items)
        if depth > 1:
            if depth > MAX_DEPTH:
                _fail(f"tuples in the file nest more than {MAX_DEPTH} deep")
            self._deep[id(found)] = found, depth
        return found

    def keep(self, index: int) -> None:
        """Put the top of the stack into the memo."""
        if not 0 <= index < _MAX_MEMO:
            _fail(f"the pickle numbers an object {index}; numbers have 32 bits")
        self.memo[index] = self.stack[-1]

    def kept(self, index: int) -> None:
        """Push an object of the memo."""
        if index not in self.memo:
            _fail(f"Memo value not found at index {index}")
        self.stack.append(self.memo[index])


# ------------------------------------------------------------------------------------ opcodes
Step = Callable[[Machine], None]
_ALL: dict[int, Step] = {}
_WEIGHTS_ONLY: dict[int, Step] = {}


def _opcode(code: bytes, weights_only: bool = True) -> Callable[[Step], Step]:
    """Enter a step under its opcode; PyTorch's weights-only reader knows only some of them."""

    def enter(step: Step) -> Step:
        _ALL[code[0]] = step
        if weights_only:
            _WEIGHTS_ONLY[code[0]] = step
        return step

    return enter


def _push(code: bytes, value: Callable[[Machine], Any], weights_only: bool = True) -> None:
    """Enter an opcode that pushes one value."""

    def step(m: Machine) -> None:
        # First the value: what closes a mark changes the stack.
        found = value(m)
        m.stack.append(found)

    _opcode(code, weights_only)(step)


_push(pickle.NONE, lambda m: None)
_push(pickle.NEWTRUE, lambda m: True)
_push(pickle.NEWFALSE, lambda m: False)
_push(pickle.EMPTY_TUPLE, lambda m: ())
_push(pickle.EMPTY_LIST, lambda m: [])
_push(pickle.EMPTY_DICT, lambda m: {})
_push(pickle.EMPTY_SET, lambda m: set())
_push(pickle.BININT, lambda m: m.number("<i"))
_push(pickle.BININT1, lambda m: m.number("<B"))
_push(pickle.BININT2, lambda m: m.number("<H"))
_push(pickle.BINFLOAT, lambda m: m.number(">d"))
_push(pickle.LONG1, lambda m: _integer(m.stream.take(m.number("<B"))))
_push(pickle.LONG4, lambda m: _integer(m.stream.take(m.number("<I"))), False)
_push(pickle.BINUNICODE, lambda m: m.text(m.number("<I")))
_push(pickle.SHORT_BINUNICODE, lambda m: m.text(m.number("<B")), False)
_push(pickle.BINUNICODE8, lambda m: m.text(m.number("<Q")), False)
_push(pickle.SHORT_BINSTRING, lambda m: m.old_string(m.stream.take(m.number("<B"))))
_push(pickle.BINSTRING, lambda m: m.old_string(m.stream.take(m.number("<I"))), False)
_push(pickle.BINBYTES, lambda m: m.stream.take(m.number("<I")), False)
_push(pickle.SHORT_BINBYTES, lambda m: m.stream.take(m.number("<B")), False)
_push(pickle.BINBYTES8, lambda m: m.stream.take(m.number("<Q")), False)
_push(pickle.BYTEARRAY8, lambda m: bytearray(m.stream.take(m.number("<Q"))), False)
_push(pickle.INT, lambda m: _decimal(m.stream.line(64)), False)
_push(pickle.LONG, lambda m: _decimal(m.stream.line().removesuffix("L")), False)
_push(pickle.TUPLE, lambda m: m.made(m.items()))
_push(pickle.TUPLE1, lambda m: m.made([m.stack.pop()]))
_push(pickle.FROZENSET, lambda m: frozenset(map(check_key, m.items())), False)


def _integer(data: bytes) -> int:
    return int.from_bytes(data, "little", signed=True)


def _decimal(text: str) -> int | bool:
    if text in ("00", "01"):
        return text == "01"
    try:
        return int(text)
    except ValueError:
        return int(_fail(f"{text[:40]!r} in the pickle is no integer"))


@_opcode(pickle.PROTO)
def _proto(m: Machine) -> None:
    version = m.number("<B")
    if version > pickle.HIGHEST_PROTOCOL:
        _fail(f"unsupported pickle protocol: {version}")
    if version != 2 and m.rules.weights_only:
        warnings.warn(
            f"Detected pickle protocol {version} in the checkpoint, which was not the default "
            "pickle protocol used by `torch.load` (2). The weights_only Unpickler might not "
            "support all instructions implemented by this protocol, please file an issue for "
            "adding support if you encounter this.",
            stacklevel=6,
        )


@_opcode(pickle.FRAME, False)
def _frame(m: Machine) -> None:
    if m.number("<Q") > m.stream.size - m.stream.position:
        _fail("pickle data was truncated: a frame is longer than the file")


@_opcode(pickle.MARK)
def _mark(m: Machine) -> None:
    if len(m.marks) >= MAX_DEPTH:
        _fail(f"values in the file nest more than {MAX_DEPTH} deep")
    m.marks.append(m.stack)
    m.stack = []


@_opcode(pickle.POP, False)
def _pop(m: Machine) -> None:
    if m.stack:
        m.stack.pop()
    else:
        m.items()


@_opcode(pickle.POP_MARK, False)
def _pop_mark(m: Machine) -> None:
    m.items()


@_opcode(pickle.TUPLE2)
def _tuple2(m: Machine) -> None:
    second, first = m.stack.pop(), m.stack.pop()
    m.stack.append(m.made([first, second]))


@_opcode(pickle.TUPLE3)
def _tuple3(m: Machine) -> None:
    third, second, first = m.stack.pop(), m.stack.pop(), m.stack.pop()
    m.stack.append(m.made([first, second, third]))


class _Anything(dict[Any, Any]):
    """Stands for what a name or a call would give: it takes items, and is a key."""

    __hash__ = object.__hash__  # type: ignore[assignment]

    def append(self, item: Any) -> None:
        """Take one item more."""

    def extend(self, items: Any) -> None:
        """Take some items more."""


_LISTS = (list, deque, _Anything)


def _list(m: Machine, verb: str) -> Any:
    found = m.stack[-1]
    if type(found) is not list and (m.rules.weights_only or not isinstance(found, _LISTS)):
        _fail(f"Can only {verb} lists, but got {type(found)}")
    return found


@_opcode(pickle.APPEND)
def _append(m: Machine) -> None:
    item = m.stack.pop()
    _list(m, "append to").append(item)


@_opcode(pickle.APPENDS)
def _appends(m: Machine) -> None:
    items = m.items()
    _list(m, "extend").extend(items)


@_opcode(pickle.ADDITEMS, False)
def _additems(m: Machine) -> None:
    items = m.items()
    found = m.stack[-1]
    if type(found) is not set:  # frozensets have an opcode of their own
        _fail(f"Can only add items to sets, but got {type(found)}")
    found.update(map(check_key, items))


def _set_items(m: Machine, items: list[Any], name: str) -> None:
    target = m.stack[-1]
    if type(target) not in (dict, OrderedDict, Counter) and not (
        isinstance(target, dict) and not m.rules.weights_only
    ):
        _fail(
            f"Can only {name} for dict, collections.OrderedDict, collections.Counter, but got "
            f"{type(target)}"
        )
    if len(items) % 2:
        _fail(f"{name} finds a key without a value")
    for key, value in zip(items[::2], items[1::2], strict=True):
        target[check_key(key)] = value


@_opcode(pickle.SETITEM)
def _setitem(m: Machine) -> None:
    value, key = m.stack.pop(), m.stack.pop()
    _set_items(m, [key, value], "SETITEM")


@_opcode(pickle.SETITEMS)
def _setitems(m: Machine) -> None:
    _set_items(m, m.items(), "SETITEMS")


_opcode(pickle.BINGET)(lambda m: m.kept(m.number("<B")))
_opcode(pickle.LONG_BINGET)(lambda m: m.kept(m.number("<I")))
_opcode(pickle.BINPUT)(lambda m: m.keep(m.number("<B")))
_opcode(pickle.LONG_BINPUT)(lambda m: m.keep(m.number("<I")))
_opcode(pickle.MEMOIZE, False)(lambda m: m.keep(len(m.memo)))


# ------------------------------------------------------------------------- what the rules decide
@_opcode(pickle.GLOBAL)
def _global(m: Machine) -> None:
    module, name = m.stream.line(), m.stream.line()
    m.stack.append(m.rules.find(module, name))


@_opcode(pickle.STACK_GLOBAL, False)
def _stack_global(m: Machine) -> None:
    name, module = m.stack.pop(), m.stack.pop()
    if type(name) is not str or type(module) is not str:
        _fail("STACK_GLOBAL requires str")
    m.stack.append(m.rules.find(module, name))


def _arguments(m: Machine) -> tuple[Any, ...]:
    found = m.stack.pop()
    if type(found) is not tuple:
        _fail(f"arguments of a call in the pickle are a {type(found).__name__}, not a tuple")
    return found


@_opcode(pickle.REDUCE)
def _reduce(m: Machine) -> None:
    arguments = _arguments(m)
    m.stack[-1] = m.rules.call(m.stack[-1], arguments)


@_opcode(pickle.NEWOBJ)
def _newobj(m: Machine) -> None:
    arguments = _arguments(m)
    m.stack[-1] = m.rules.new(m.stack[-1], arguments)


@_opcode(pickle.BUILD)
def _build(m: Machine) -> None:
    state = m.stack.pop()
    m.rules.build(m.stack[-1], state)


@_opcode(pickle.BINPERSID)
def _binpersid(m: Machine) -> None:
    pid = m.stack.pop()
    if m.persistent is None:
        _fail("unsupported persistent id encountered")
    m.stack.append(m.persistent(pid))  # type: ignore[misc]


# ------------------------------------------------------------------------------- only looking
class _Listing:
    """Rules that write down names and make nothing."""

    weights_only = False

    def __init__(self) -> None:
        self.names: dict[str, tuple[str, str]] = {}

    def find(self, module: str, name: str) -> Any:
        self.names.setdefault(f"{module}.{name}", (module, name))
        return _Anything()

    def call(self, function: Any, arguments: tuple[Any, ...]) -> Any:
        return _Anything()

    def new(self, cls: Any, arguments: tuple[Any, ...]) -> Any:
        return _Anything()

    def build(self, instance: Any, state: Any) -> None:
        return None


def globals_of(data: bytes) -> list[tuple[str, str]]:
    """The names that a pickle uses, as pairs of module and name; nothing is imported or called.

    Args:
        data: the pickle.
    """
    listing = _Listing()
    Machine(Stream.of_bytes(data), listing, lambda pid: None).load()
    return list(listing.names.values())
