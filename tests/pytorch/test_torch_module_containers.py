"""Containers of modules and parameters beside PyTorch's."""

import copy
from collections import OrderedDict

import pytest
from program_checks import agree


def use(*steps):
    """What each step returns, or raises, on one container, and the container after all of them."""

    def program(T, make):
        c = make(T)
        seen = []
        for step in steps:
            try:
                found = step(c, T)
            except Exception as error:
                found = (type(error).__name__, str(error))
            seen.append(found if found is not c else "itself")
        return seen, c, len(c), list(c)

    return program


def sequential(T):
    return T.nn.Sequential(T.nn.ReLU(), T.nn.Tanh(), T.nn.Sigmoid())


def named(T):
    return T.nn.Sequential(OrderedDict(a=T.nn.ReLU(), b=T.nn.Tanh()))


def listed(T):
    return T.nn.ModuleList([T.nn.ReLU(), T.nn.Tanh(), T.nn.Sigmoid()])


def by_name(T):
    return T.nn.ModuleDict({"b": T.nn.ReLU(), "a": T.nn.Tanh()})


def parameters(T):
    return T.nn.ParameterList([T.zeros(2), 3, T.nn.Parameter(T.ones(1, 2))])


def parameters_by_name(T):
    return T.nn.ParameterDict({"b": T.zeros(2), "a": 3, "c": T.nn.Parameter(T.ones(1))})


def several(T):
    return T.nn.ModuleList(
        [T.nn.Sequential(T.nn.ReLU(), T.nn.Linear(1, 1)) for _ in range(3)] + [T.nn.Tanh()] * 2
    )


SHARED = {
    "items": use(lambda c, T: c[0], lambda c, T: c[-1], lambda c, T: c[5], lambda c, T: c[-4]),
    "slices": use(lambda c, T: c[:2], lambda c, T: c[::-1], lambda c, T: c[5:]),
    "by word": use(lambda c, T: c["0"]),
    "set": use(lambda c, T: c.__setitem__(1, T.nn.ELU()), lambda c, T: c.__setitem__(7, c[0])),
    "set nothing": use(lambda c, T: c.__setitem__(0, 3)),
    "append": use(lambda c, T: c.append(T.nn.ELU()), lambda c, T: c.append(3)),
    "extend": use(lambda c, T: c.extend([T.nn.ELU(), T.nn.SELU()]), lambda c, T: c.extend(3)),
    "contains": use(lambda c, T: c[0] in c, lambda c, T: T.nn.ReLU() in c),
}
MODULES = {
    "delete": use(lambda c, T: c.__delitem__(0), lambda c, T: c.__delitem__(-1)),
    "delete slice": use(lambda c, T: c.__delitem__(slice(0, 2))),
    "delete wrong": use(lambda c, T: c.__delitem__(9)),
    "pop": use(lambda c, T: c.pop(0), lambda c, T: c.pop(slice(0, 1)), lambda c, T: c.pop(7)),
    "insert": use(lambda c, T: c.insert(1, T.nn.ELU()), lambda c, T: c.insert(0, T.nn.SELU())),
    "insert far": use(lambda c, T: c.insert(99, T.nn.ELU())),
    "in place": use(lambda c, T: c.__iadd__(c[:2]), lambda c, T: c.__iadd__(3)),
}
SEQUENTIAL = {
    "insert from the end": use(lambda c, T: c.insert(-1, T.nn.ELU())),
    "insert wrong": use(lambda c, T: c.insert(0, 3)),
    "sum": use(lambda c, T: c + c, lambda c, T: c + 3),
    "product": use(
        lambda c, T: c * 2, lambda c, T: 2 * c, lambda c, T: c * 0, lambda c, T: c * "a"
    ),
    "call": use(lambda c, T: c(T.ones(2)), lambda c, T: T.nn.Sequential()(T.ones(1))),
    "wrong": use(lambda c, T: T.nn.Sequential(3), lambda c, T: T.nn.Sequential([c])),
    "dict": use(lambda c, T: T.nn.Sequential({"a": c})),
}
NUMBERED = {
    "product in place": use(lambda c, T: c.__imul__(2), lambda c, T: c.__imul__(0)),
}
LIST = {
    "sum": use(lambda c, T: c + [T.nn.ELU()]),
    "call": use(lambda c, T: c(1)),
    "wrong": use(lambda c, T: T.nn.ModuleList(3), lambda c, T: T.nn.ModuleList([3])),
    "None": use(lambda c, T: T.nn.ModuleList([None, T.nn.ReLU()])),
    "empty": use(lambda c, T: T.nn.ModuleList()),
}
DICT = {
    "items": use(lambda c, T: c["a"], lambda c, T: c["x"], lambda c, T: "a" in c),
    "views": use(lambda c, T: list(c.items()), lambda c, T: list(c.values()),
                 lambda c, T: list(c.keys())),
    "set": use(lambda c, T: c.__setitem__("x", T.nn.ELU()), lambda c, T: c.__setitem__("y", 3),
               lambda c, T: c.__setitem__("p.q", T.nn.ELU()),
               lambda c, T: c.__setitem__("keys", T.nn.ELU()),
               lambda c, T: c.__setitem__(3, T.nn.ELU())),
    "pop": use(lambda c, T: c.pop("a"), lambda c, T: c.pop("x")),
    "delete": use(lambda c, T: c.__delitem__("a"), lambda c, T: c.__delitem__("x")),
    "clear": use(lambda c, T: c.clear()),
    "update": use(lambda c, T: c.update([("z", T.nn.ELU()), ("c", T.nn.SELU())]),
                  lambda c, T: c.update(OrderedDict(a=T.nn.ELU())),
                  lambda c, T: c.update(T.nn.ModuleDict({"q": T.nn.ELU()}))),
    "update wrong": use(lambda c, T: c.update(3), lambda c, T: c.update(None),
                        lambda c, T: c.update([3]), lambda c, T: c.update([(1, 2, 3)]),
                        lambda c, T: c.update([("a",)])),
    "call": use(lambda c, T: c(1)),
}  # fmt: skip
PARAMETERS = {
    "items": use(lambda c, T: c[0], lambda c, T: c[-1], lambda c, T: c[1:], lambda c, T: c[5]),
    "set": use(lambda c, T: c.__setitem__(1, T.ones(2)), lambda c, T: c.__setitem__(7, 3),
               lambda c, T: c.__setitem__(0, T.nn.Parameter(T.zeros(1)))),
    "append": use(lambda c, T: c.append(T.ones(3)), lambda c, T: c.append("x")),
    "extend": use(lambda c, T: c.extend([T.ones(3), 1]), lambda c, T: c.extend(3),
                  lambda c, T: c.extend(T.zeros(2))),
    "more": use(lambda c, T: c.__iadd__([T.ones(1)]), lambda c, T: c + [1]),
    "call": use(lambda c, T: c(), lambda c, T: c.pop()),
    "made": use(lambda c, T: T.nn.ParameterList(3), lambda c, T: T.nn.ParameterList(c),
                lambda c, T: T.nn.ParameterList(), lambda c, T: T.nn.ParameterList([T.nn.ReLU()])),
    "dtypes": use(lambda c, T: T.nn.ParameterList([T.zeros(2, dtype=T.float64), T.zeros(())]),
                  lambda c, T: T.nn.ParameterList([T.zeros(2, dtype=T.int64)])),
    "named": use(lambda c, T: list(c.named_parameters()), lambda c, T: c.state_dict()),
}  # fmt: skip
PARAMETERS_BY_NAME = {
    "items": use(lambda c, T: c["b"], lambda c, T: c["x"], lambda c, T: "a" in c,
                 lambda c, T: list(reversed(c))),
    "views": use(lambda c, T: list(c.items()), lambda c, T: list(c.values()),
                 lambda c, T: list(c.keys())),
    "set": use(lambda c, T: c.__setitem__("x", T.ones(2)),
               lambda c, T: c.__setitem__("a", T.ones(1))),
    "number as key": use(lambda c, T: T.nn.ParameterDict({3: T.ones(1)})),
    "pop": use(lambda c, T: c.pop("b"), lambda c, T: c.pop("x"), lambda c, T: c.popitem()),
    "delete": use(lambda c, T: c.__delitem__("a"), lambda c, T: c.__delitem__("x")),
    "clear": use(lambda c, T: c.clear()),
    "get": use(lambda c, T: c.get("b"), lambda c, T: c.get("x"), lambda c, T: c.get("x", 3)),
    "default": use(lambda c, T: c.setdefault("b", 3), lambda c, T: c.setdefault("x", T.ones(1))),
    "keys": use(lambda c, T: c.fromkeys(["q", "p"], 3), lambda c, T: c.copy()),
    "update": use(lambda c, T: c.update({"z": T.ones(1), "y": T.ones(1)}),
                  lambda c, T: c.update([("x", 1)]),
                  lambda c, T: c.update(OrderedDict(r=1, q=2)),
                  lambda c, T: c.update(T.nn.ParameterDict({"m": T.ones(2)}))),
    "update wrong": use(lambda c, T: c.update(3), lambda c, T: c.update([3]),
                        lambda c, T: c.update([(1, 2, 3)])),
    "unions": use(lambda c, T: c | {"z": T.ones(1)}, lambda c, T: {"z": T.ones(1)} | c,
                  lambda c, T: c.__ior__({"z": T.ones(1)})),
    "call": use(lambda c, T: c(), lambda c, T: c(1)),
    "dots": use(lambda c, T: T.nn.ParameterDict({"x.y": T.ones(1)})),
    "named": use(lambda c, T: list(c.named_parameters()), lambda c, T: c.state_dict()),
}  # fmt: skip

ALL = [
    (f"{make.__name__} {name}", make, program)
    for makers, table in (
        ((sequential, named, listed), SHARED), ((sequential, named, listed), MODULES),
        ((sequential, named), SEQUENTIAL), ((sequential,), NUMBERED),
        ((listed,), LIST), ((by_name,), DICT),
        ((parameters,), PARAMETERS), ((parameters_by_name,), PARAMETERS_BY_NAME),
    )
    for make in makers
    for name, program in table.items()
]  # fmt: skip


@pytest.mark.parametrize(("make", "program"), [a[1:] for a in ALL], ids=[a[0] for a in ALL])
def test_containers(make, program):
    agree(lambda T: program(T, make))


@pytest.mark.parametrize(
    "make", [sequential, named, listed, by_name, parameters, parameters_by_name, several]
)
def test_texts_copies_and_names(make):
    def program(T):
        c = make(T)
        return (
            repr(c), repr(copy.deepcopy(c)), list(c.state_dict()), type(c).__module__,
            [n for n in dir(c) if n[0].isdigit() or n in ("a", "b")],
            T.nn.Sequential() if make is by_name else None,
        )  # fmt: skip

    agree(program)


def test_the_old_container():
    agree(lambda T: T.nn.Container(a=T.nn.ReLU()))


def test_state_goes_from_one_container_to_the_next():
    def program(T):
        T.manual_seed(0)
        m, n = several(T), several(T)
        n.load_state_dict(m.state_dict())
        del m[0]
        return n.state_dict(), list(m.state_dict()), m.half()[0][1].weight.dtype

    agree(program)
