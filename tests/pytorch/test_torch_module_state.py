"""``state_dict`` and ``load_state_dict`` beside PyTorch's."""

import copy
from collections import OrderedDict

import pytest
from program_checks import agree


def model(T):
    nn = T.nn

    class Extra(nn.Module):
        def __init__(self):
            super().__init__()
            self.lin = nn.Linear(2, 2)
            self.scale = nn.Parameter(T.tensor(2.0))
            self.register_buffer("mean", T.zeros(2))
            self.register_buffer("hidden", T.zeros(1), persistent=False)
            self.words = "first"

        def get_extra_state(self):
            return {"words": self.words}

        def set_extra_state(self, state):
            self.words = state["words"]

    T.manual_seed(0)
    return nn.Sequential(OrderedDict(a=Extra(), b=nn.Linear(2, 1, bias=False)))


def state(T):
    found = model(T).state_dict()
    for value in found.values():
        if isinstance(value, T.Tensor):
            value.add_(1)
    return found


def all_of(m):
    return m.state_dict(), m.a.words, [p.requires_grad for p in m.parameters()]


def changed(T, change, **options):
    """What loading a changed state does."""
    m, found = model(T), state(T)
    change(T, found)
    m.a.words = "second"
    before = list(m.parameters())
    try:
        answer = m.load_state_dict(found, **options)
        answer = (repr(answer), answer.missing_keys, answer.unexpected_keys)
    except RuntimeError as error:
        answer = str(error)
    kept = [p is q for p, q in zip(before, m.parameters(), strict=True)]
    return answer, all_of(m), kept


def put(key, value):
    def change(T, found):
        found[key] = value(T) if callable(value) else value

    return change


CHANGES = {
    "nothing": lambda T, found: None,
    "missing": lambda T, found: found.pop("b.weight"),
    "missing extra": lambda T, found: found.pop("a._extra_state"),
    "all missing": lambda T, found: found.clear(),
    "unexpected": put("c", 3),
    "unexpected below": put("a.foo.weight", 3),
    "unexpected beside": put("a.lin.foo", 3),
    "unexpected hidden": put("a.hidden", lambda T: T.ones(1)),
    "unexpected extra": put("b._extra_state", 3),
    "no tensor": put("b.weight", 3),
    "size": put("b.weight", lambda T: T.zeros(3, 2)),
    "number of dimensions": put("b.weight", lambda T: T.zeros(2)),
    "dtype": put("b.weight", lambda T: T.ones(1, 2, dtype=T.float64)),
    "integers": put("b.weight", lambda T: T.ones(1, 2, dtype=T.int64)),
    "scalar as vector": put("a.scale", lambda T: T.ones(1)),
    "parameter": put("b.weight", lambda T: T.nn.Parameter(T.ones(1, 2), requires_grad=False)),
    "many": lambda T, found: (
        found.pop("b.weight"), put("c", 3)(T, found), put("a.mean", 3)(T, found),
        put("a.lin.weight", lambda T: T.zeros(3))(T, found),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("options", [{}, {"strict": False}, {"assign": True}], ids=str)
def test_loading(name, options):
    agree(lambda T: changed(T, CHANGES[name], **options))


def test_assigned_tensors_share_memory():
    def program(T):
        m, found = model(T), state(T)
        m.b.weight.requires_grad_(False)
        m.load_state_dict(found, assign=True)
        found["b.weight"].fill_(7)
        found["a.mean"].fill_(7)
        return all_of(m), type(m.b.weight).__name__

    agree(program)


def test_plain_mappings_load():
    agree(lambda T: repr(model(T).load_state_dict(dict(state(T)))))


def test_the_state_shares_memory():
    def program(T):
        m = model(T)
        found = m.state_dict()
        found["b.weight"].fill_(7)
        return m.b.weight, found["b.weight"].is_leaf, found["b.weight"] is m.b.weight

    agree(program)


# -------------------------------------------------------------------------------------------- hooks
def kinds(values):
    return [type(v).__name__ for v in values]


def saving_hooks(T):
    m, seen = model(T), []
    m.a.register_state_dict_pre_hook(lambda mod, prefix, keep: seen.append((prefix, keep)))
    m.a.register_state_dict_post_hook(
        lambda mod, found, prefix, meta: seen.append((list(found), prefix, meta))
    )
    m._register_state_dict_hook(lambda mod, found, prefix, meta: {"only": len(found)})
    return m.state_dict(), m.state_dict(prefix="x.", keep_vars=True), seen


def answer_of_a_hook(T):
    m = T.nn.Linear(1, 1)
    m.register_state_dict_post_hook(lambda *a: 3)
    return m.state_dict()


def same_hook_twice(T):
    def hook(*rest):
        return None

    m = T.nn.Linear(1, 1)
    m.register_state_dict_post_hook(hook)
    return m._register_state_dict_hook(hook)


def loading_hooks(T):
    m, seen = model(T), []

    def rename(mod, found, prefix, *rest):
        seen.append((type(mod).__name__, prefix, kinds(rest), rest[0], rest[1]))
        found[prefix + "weight"] = found.pop(prefix + "old")

    m.b.register_load_state_dict_pre_hook(rename)
    m.a._register_load_state_dict_pre_hook(lambda *a: seen.append(kinds(a)))

    def after(mod, keys):
        seen.append((type(mod).__name__, list(keys.missing_keys), list(keys.unexpected_keys)))
        keys.missing_keys.clear()

    handle = m.register_load_state_dict_post_hook(after)
    found = state(T)
    found["b.old"] = found.pop("b.weight")
    del found["a.mean"]
    first = repr(m.load_state_dict(found))
    handle.remove()
    found["b.old"] = T.ones(1, 2)
    try:
        m.load_state_dict(found)
    except RuntimeError as error:
        return first, seen, str(error), all_of(m)


def answer_of_a_loading_hook(T):
    m = T.nn.Linear(1, 1)
    m.register_load_state_dict_post_hook(lambda *a: 3)
    return m.load_state_dict(m.state_dict())


def hooks_of_copies(T):
    m, seen = T.nn.Linear(1, 1), []
    m.register_load_state_dict_pre_hook(lambda mod, *rest: seen.append(mod is m))
    n = copy.deepcopy(m)
    n.load_state_dict(m.state_dict())
    m.load_state_dict(n.state_dict())
    return seen


def own_loading(T):
    """A class that renames keys of an older version."""

    class New(T.nn.Linear):
        _version = 2

        def _load_from_state_dict(self, found, prefix, meta, *rest):
            if meta.get("version") is None:
                found[prefix + "weight"] = found.pop(prefix + "old") * 2
            super()._load_from_state_dict(found, prefix, meta, *rest)

        def _save_to_state_dict(self, destination, prefix, keep_vars):
            super()._save_to_state_dict(destination, prefix, keep_vars)
            destination[prefix + "more"] = 3

    m = T.nn.Sequential(New(1, 1, bias=False))
    found = m.state_dict()
    again = str(pytest.raises(RuntimeError, m.load_state_dict, found).value)
    m.load_state_dict({"0.old": T.ones(1, 1)})
    return list(found.items())[1:], found._metadata, again, m[0].weight


@pytest.mark.parametrize(
    "program",
    [
        saving_hooks, answer_of_a_hook, same_hook_twice, loading_hooks, answer_of_a_loading_hook,
        hooks_of_copies, own_loading,
    ],
)  # fmt: skip
def test_hooks(program):
    agree(program)
