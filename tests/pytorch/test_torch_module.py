"""``torch.nn.Module`` beside PyTorch's: what it holds, by which names, and its words."""

import copy
import io
import pickle
import sys

import pytest
from oracle import ours, real
from program_checks import agree


def model(T):
    """A module that holds some of everything."""
    nn = T.nn

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.number = 3
            self.lin = nn.Linear(2, 2)
            self.twice = self.lin
            self.seq = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
            self.p = nn.Parameter(T.arange(2.0))
            self.register_buffer("b", T.ones(2))
            self.register_buffer("hidden", T.zeros(1), persistent=False)
            self.register_buffer("nothing", None)
            self.register_parameter("none", None)
            self.nobody = None

        def forward(self, x):
            return self.seq(self.lin(x)) + self.p.sum()

    T.manual_seed(0)
    return Model()


def values(m):
    return [*m.parameters(), *m.buffers()]


def early(T):
    class Early(T.nn.Module):
        def __init__(self):
            self.number = 3

    return Early()


# ------------------------------------------------------------------------------------------- words
WORDS = {
    "buffer name": lambda T, m: m.register_buffer(3, None),
    "buffer dot": lambda T, m: m.register_buffer("a.b", None),
    "buffer empty": lambda T, m: m.register_buffer("", None),
    "buffer taken": lambda T, m: m.register_buffer("number", None),
    "buffer kind": lambda T, m: m.register_buffer("q", 3),
    "parameter name": lambda T, m: m.register_parameter(3, None),
    "parameter dot": lambda T, m: m.register_parameter("a.b", None),
    "parameter empty": lambda T, m: m.register_parameter("", None),
    "parameter taken": lambda T, m: m.register_parameter("lin", None),
    "parameter kind": lambda T, m: m.register_parameter("q", 3),
    "parameter tensor": lambda T, m: m.register_parameter("q", T.zeros(2)),
    "module name": lambda T, m: m.add_module(3, None),
    "module dot": lambda T, m: m.add_module("a.b", None),
    "module empty": lambda T, m: m.register_module("", None),
    "module taken": lambda T, m: m.add_module("number", None),
    "module kind": lambda T, m: m.add_module("q", T.zeros(2)),
    "module None": lambda T, m: m.add_module("lin", None),
    "set parameter": lambda T, m: setattr(m, "p", T.zeros(2)),
    "set parameter 2": lambda T, m: setattr(m, "p", 3),
    "set module": lambda T, m: setattr(m, "lin", 3),
    "set buffer": lambda T, m: setattr(m, "b", m),
    "set buffer 2": lambda T, m: setattr(m, "b", "x"),
    "get": lambda T, m: m.foo,
    "delete": lambda T, m: delattr(m, "foo"),
    "call": lambda T, m: T.nn.Module()(3),
    "args": lambda T, m: T.nn.Module(3),
    "kwargs": lambda T, m: T.nn.Module(a=3),
    "submodule": lambda T, m: m.get_submodule("foo.a"),
    "submodule kind": lambda T, m: m.get_submodule("number"),
    "parameter path": lambda T, m: m.get_parameter("seq.foo"),
    "parameter wrong": lambda T, m: m.get_parameter("seq.0"),
    "buffer path": lambda T, m: m.get_buffer("foo"),
    "buffer wrong": lambda T, m: m.get_buffer("p"),
    "set submodule empty": lambda T, m: m.set_submodule("", T.nn.ReLU()),
    "set submodule kind": lambda T, m: m.set_submodule("a", 3),
    "set submodule strict": lambda T, m: m.set_submodule("a", T.nn.ReLU(), strict=True),
    "set submodule path": lambda T, m: m.set_submodule("foo.a", T.nn.ReLU()),
    "set submodule attribute": lambda T, m: m.set_submodule("number", T.nn.ReLU()),
    "set submodule parameter": lambda T, m: m.set_submodule("p", T.nn.ReLU()),
    "extra": lambda T, m: m.get_extra_state(),
    "set extra": lambda T, m: m.set_extra_state(1),
    "load": lambda T, m: m.load_state_dict(3),
    "train": lambda T, m: m.train(3),
    "to int": lambda T, m: m.to(T.int32),
    "to 3": lambda T, m: m.to(3),
    "to foo": lambda T, m: m.to("foo"),
    "to cuda": lambda T, m: m.to("cuda"),
    "cuda": lambda T, m: m.cuda(),
    "xpu": lambda T, m: m.xpu(),
    "to complex": lambda T, m: m.to(T.complex64).p,
    "to_empty": lambda T, m: m.to_empty(),
    "positional": lambda T, m: m.state_dict({}, "x."),
    "early parameter": lambda T, m: setattr(early(T), "p", T.nn.Parameter(T.zeros(1))),
    "early module": lambda T, m: setattr(early(T), "p", T.nn.ReLU()),
    "early buffer": lambda T, m: setattr(early(T), "p", T.nn.Buffer(T.zeros(1))),
    "early register": lambda T, m: early(T).register_buffer("a", None),
    "early register 2": lambda T, m: early(T).register_parameter("a", None),
    "early add": lambda T, m: early(T).add_module("a", None),
    "early call": lambda T, m: early(T)(1),
    "early text": lambda T, m: repr(early(T)),
    "early list": lambda T, m: list(early(T).parameters()),
    "early get": lambda T, m: early(T).foo,
}  # fmt: skip


@pytest.mark.parametrize("name", WORDS)
def test_words(name):
    agree(lambda T: WORDS[name](T, model(T)))


# --------------------------------------------------------------------------------------- structure
STRUCTURE = {
    "text": repr,
    "state": lambda m: m.state_dict(),
    "metadata": lambda m: m.state_dict()._metadata,
    "prefix": lambda m: list(m.state_dict(prefix="x.")),
    "kept": lambda m: [v.requires_grad for v in m.state_dict(keep_vars=True).values()],
    "parameters": lambda m: list(m.named_parameters()),
    "parameters twice": lambda m: list(m.named_parameters("x", remove_duplicate=False)),
    "own parameters": lambda m: list(m.named_parameters(recurse=False)),
    "plain parameters": lambda m: list(m.parameters()),
    "buffers": lambda m: list(m.named_buffers()),
    "own buffers": lambda m: list(m.named_buffers("x", recurse=False)),
    "modules": lambda m: list(m.named_modules()),
    "modules twice": lambda m: list(m.named_modules(prefix="x", remove_duplicate=False)),
    "plain modules": lambda m: list(m.modules()),
    "children": lambda m: list(m.named_children()),
    "plain children": lambda m: list(m.children()),
    "submodule": lambda m: m.get_submodule("seq.1"),
    "itself": lambda m: m.get_submodule(""),
    "parameter": lambda m: m.get_parameter("seq.0.bias"),
    "buffer": lambda m: m.get_buffer("hidden"),
    "space": lambda m: [(k, type(v).__name__) for k, v in vars(m).items()],
    "names": lambda m: [n for n in dir(m) if n in ("lin", "p", "b", "0", "number", "forward")],
    "numbers": lambda m: [n for n in dir(m.seq) if n[0].isdigit()],
    "kinds": lambda m: [m.none, m.nothing, m.nobody, type(m.lin).__module__, type(m.p).__name__],
}


@pytest.mark.parametrize("name", STRUCTURE)
def test_structure(name):
    agree(lambda T: STRUCTURE[name](model(T)))


def test_the_public_names_of_modules_are_pytorchs():
    names = {n for n in dir(real.nn.Module) if not n.startswith("_")}
    # Devices that there are not, and what makes programs of a module.
    assert names - set(dir(ours.nn.Module)) <= {"compile", "ipu", "mtia"}


# ---------------------------------------------------------------------------------------- changing
def kinds(T):
    """A name that becomes each kind of thing after each other one."""
    makers = {
        "number": lambda: 3,
        "nothing": lambda: None,
        "tensor": lambda: T.ones(2),
        "parameter": lambda: T.nn.Parameter(T.ones(1)),
        "module": T.nn.ReLU,
        "buffer": lambda: T.nn.Buffer(T.zeros(1)),
        "hidden": lambda: T.nn.Buffer(T.zeros(2), persistent=False),
    }
    seen = []
    for first, make in makers.items():
        for second, make_next in makers.items():
            m = T.nn.Module()
            m.x = make()
            try:
                m.x = make_next()
                m.x = make_next()
            except (TypeError, KeyError) as error:
                seen.append(str(error))
            seen.append((first, second, m.x, list(m._parameters), list(m._buffers),
                         list(m._modules), sorted(m._non_persistent_buffers_set),
                         "x" in m.__dict__))  # fmt: skip
    return seen


def tied(T):
    m = model(T)
    m.tied = m.seq[0].weight
    m.again = m.b
    m.register_buffer("more", m.b)
    return (
        list(m.named_parameters()), [n for n, _ in m.named_parameters(remove_duplicate=False)],
        [n for n, _ in m.named_buffers()], len(list(m.parameters())), list(m.state_dict()),
    )  # fmt: skip


def deleted(T):
    m = model(T)
    del m.p, m.b, m.hidden, m.lin, m.number
    return [repr(m), list(m.state_dict()), sorted(m._non_persistent_buffers_set)]


def replaced(T):
    m = model(T)
    m.set_submodule("seq.1", T.nn.Tanh())
    m.set_submodule("new", T.nn.Identity())
    m.p = None
    m.b = T.arange(3.0)
    m.lin.weight = T.nn.Parameter(T.zeros(2, 2))
    m.register_buffer("hidden", T.ones(1))
    return m, m.state_dict()


def applied(T):
    m = model(T)
    seen = []
    m.apply(lambda x: seen.append(type(x).__name__))
    m.requires_grad_(False)
    seen.append([p.requires_grad for p in m.parameters()])
    m.eval()
    seen.append([x.training for x in m.modules()])
    m.train().seq.train(False)
    return [*seen, [x.training for x in m.modules()]]


def no_gradients(T):
    m = model(T)
    m(T.ones(1, 2)).sum().backward()
    found = [[p.grad for p in m.parameters()]]
    m.zero_grad(set_to_none=False)
    found.append([p.grad for p in m.parameters()])
    m.zero_grad()
    return [*found, [p.grad for p in m.parameters()]]


def registered(T):
    """What hooks see that are called whenever a module takes something in."""
    from_module = T.nn.modules.module
    seen = []
    handles = [
        getattr(from_module, f"register_module_{kind}_registration_hook")(
            lambda m, name, value, kind=kind: seen.append((kind, name, type(value).__name__))
        )
        for kind in ("buffer", "module", "parameter")
    ]
    handles.append(
        from_module.register_module_parameter_registration_hook(
            lambda m, name, value: T.nn.Parameter(value + 1)
        )
    )
    try:
        m = model(T)
        m.b = T.zeros(3)
    finally:
        for handle in handles:
            handle.remove()
    return seen, m.state_dict(), model(T).state_dict()


@pytest.mark.parametrize(
    "program", [kinds, tied, deleted, replaced, applied, no_gradients, registered]
)
def test_changes(program):
    agree(program)


# -------------------------------------------------------------------------------------- converting
CONVERSIONS = {
    "half": lambda T, m: m.half(),
    "double": lambda T, m: m.double(),
    "float": lambda T, m: m.double().float(),
    "bfloat16": lambda T, m: m.bfloat16(),
    "type": lambda T, m: m.type(T.float64),
    "type name": lambda T, m: m.type("torch.DoubleTensor"),
    "to dtype": lambda T, m: m.to(T.float64),
    "to device": lambda T, m: m.to("cpu"),
    "to both": lambda T, m: m.to("cpu", T.float64, non_blocking=True),
    "to keyword": lambda T, m: m.to(dtype=T.float64, device="cpu"),
    "to tensor": lambda T, m: m.to(T.zeros(1, dtype=T.float64)),
    "to nothing": lambda T, m: m.to(),
    "cpu": lambda T, m: m.cpu(),
    "to_empty": lambda T, m: [v.fill_(1) for v in map(T.detach, values(m.to_empty(device="cpu")))],
    "integers stay": lambda T, m: (m.register_buffer("i", T.arange(3)), m.half(), m.i)[2],
    "integers converted": lambda T, m: (m.register_buffer("i", T.arange(3)), m.type(T.half))[1].i,
}


@pytest.mark.parametrize("name", CONVERSIONS)
def test_conversions(name):
    def program(T):
        m = model(T)
        before = list(m.parameters())
        m(T.ones(1, 2)).sum().backward()
        found = CONVERSIONS[name](T, m)
        if name == "to_empty":
            return found
        same_ones = [p is q for p, q in zip(before, m.parameters(), strict=True)]
        return found, same_ones, values(m), [p.grad for p in m.parameters()]

    agree(program)


def test_memory_formats():
    def program(T):
        m = T.nn.Module()
        m.w = T.nn.Parameter(T.zeros(2, 3, 4, 5))
        m.v = T.nn.Parameter(T.zeros(2, 3))
        m.u = T.nn.Parameter(T.zeros(2, 3, 4))
        return [p.stride() for p in m.to(memory_format=T.channels_last).parameters()]

    agree(program)


# ------------------------------------------------------------------------------------ copies, text
def test_copies_hold_values_of_their_own():
    def program(T):
        m = model(T)
        n = copy.deepcopy(m)
        with T.no_grad():
            m.p.add_(1)
        return n, n.state_dict(), n.twice is n.lin, n.p.requires_grad, type(n.p).__name__

    agree(program)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles(protocol):
    m = ours.nn.Sequential(ours.nn.Linear(2, 3), ours.nn.Sequential(ours.nn.PReLU()))
    n = pickle.loads(pickle.dumps(m, protocol))
    assert repr(n) == repr(m) and type(n) is ours.nn.Sequential
    assert all((a == b).all() for a, b in zip(m.parameters(), n.parameters(), strict=True))
    assert all(isinstance(p, ours.nn.Parameter) for p in n.parameters())


def test_pickles_name_pytorchs_modules_where_torch_is_ours(monkeypatch):
    m = ours.nn.Linear(2, 3)
    monkeypatch.setitem(sys.modules, "torch.nn.modules.linear", ours.nn.modules.linear)
    found = pickle.dumps(m, 2)
    assert b"torch.nn.modules.linear\nLinear\n" in found
    assert b"functorch_lite.torch.nn.modules" not in found
    assert repr(pickle.Unpickler(io.BytesIO(found)).load()) == repr(m)


def test_pickles_from_before_some_hooks_were_there():
    m = ours.nn.Linear(1, 1)
    old = {k: v for k, v in m.__dict__.items() if "hook" not in k and "persistent" not in k}
    n = ours.nn.Linear.__new__(ours.nn.Linear)
    n.__setstate__(old)
    assert n.__dict__.keys() == m.__dict__.keys()
    assert n(ours.ones(1)).shape == (1,)


def test_initialisation_of_further_bases():
    def program(T):
        class Other:
            def __init__(self, *args, **kwargs):
                self.given = (args, kwargs)

        class Both(T.nn.Module, Other):
            call_super_init = True

        class First(T.nn.Module, Other):
            pass

        return Both(1, a=2).given, hasattr(First(), "given")

    agree(program)


def test_texts_of_nested_modules():
    def program(T):
        class Model(T.nn.Module):
            def __init__(self):
                super().__init__()
                self.a = T.nn.Sequential(T.nn.Linear(1, 2), T.nn.Sequential())
                self.register_module("z", None)

            def extra_repr(self):
                return "first\nsecond"

        class Leaf(T.nn.Module):
            def extra_repr(self):
                return "first\nsecond"

        return repr(Model()), repr(Leaf()), repr(T.nn.Module())

    agree(program)


def test_a_call_without_hooks_is_one_frame_more_than_forward():
    depth = []

    class Model(ours.nn.Module):
        def forward(self):
            frame, names = sys._getframe(), []
            while frame is not None and frame.f_code.co_name != "counted":
                names.append(frame.f_code.co_name)
                frame = frame.f_back
            depth.append(names)

    def counted():
        Model()()

    counted()
    assert depth == [["forward", "__call__"]]
