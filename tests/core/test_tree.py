"""Pytrees: containers, paths, registration, and messages about structures."""

import collections
import dataclasses
import operator

import pytest

import functorch_lite as fl
from functorch_lite import errors, tree, tree_util
from functorch_lite import numpy as fnp
from functorch_lite.core import tree as core_tree

Point = collections.namedtuple("Point", ["x", "y"])


@fl.register_dataclass
@dataclasses.dataclass(frozen=True)
class Layer:
    weight: object
    bias: object = None
    name: str = dataclasses.field(default="", metadata={"static": True})


@tree.register_pytree_node_class
class Box:
    def __init__(self, item, label="box"):
        self.item, self.label = item, label

    def tree_flatten(self):
        return (self.item,), self.label

    @classmethod
    def tree_unflatten(cls, label, children):
        return cls(*children, label)

    def __eq__(self, other):
        return isinstance(other, Box) and (self.item, self.label) == (other.item, other.label)


TREES = {
    "leaf": (1, [1]),
    "dict in sorted order": ({"b": 1, "a": 2}, [2, 1]),
    "OrderedDict in its own order": (collections.OrderedDict([("b", 1), ("a", 2)]), [1, 2]),
    "list": ([1, [2, 3]], [1, 2, 3]),
    "tuple": ((1, (), (2,)), [1, 2]),
    "namedtuple": (Point(1, Point(2, 3)), [1, 2, 3]),
    "None is empty": ({"a": None, "b": 1}, [1]),
    "defaultdict": (collections.defaultdict(int, a=1), [1]),
    "deque": (collections.deque([1, 2]), [1, 2]),
    "dataclass": (Layer(1, Layer(2), "outer"), [1, 2]),
    "custom": (Box([1, Box(2)]), [1, 2]),
    "other objects are leaves": (
        {"f": operator.add, "s": "text", "set": {1}},
        [operator.add, "text", {1}],
    ),
    "int keys": ({10: 1, 2: 2}, [2, 1]),
    "mixed keys": ({"a": 1, 2: 2}, None),
}


@pytest.mark.parametrize("name", TREES)
def test_flatten_and_back(name):
    value, leaves = TREES[name]
    found, treedef = tree.flatten(value)
    if leaves is not None:
        assert found == leaves
    assert tree.unflatten(treedef, found) == value
    assert type(tree.unflatten(treedef, found)) is type(value)
    assert tree.leaves(value) == found
    assert tree.structure(value) == treedef
    assert hash(tree.structure(value)) == hash(treedef)


def test_map_over_one_and_several_trees():
    a = {"w": [1, 2], "b": Point(3, None)}
    b = {"w": [10, 20], "b": Point(30, None)}
    assert tree.map(operator.add, a, b) == {"w": [11, 22], "b": Point(33, None)}
    assert tree.map(lambda x, sub: (x, sub), {"a": 1}, {"a": [5, 6]}) == {"a": (1, [5, 6])}
    assert tree.map(len, {"a": [1, 2]}, is_leaf=lambda x: isinstance(x, list)) == {"a": 2}


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"w": 1}, r"at the root, keys \['b'\] are only in the first and \[\] only in the second"),
        ({"w": [1, 2, 3], "b": 1}, r"at \['w'\], the first has 2 children and the second 3"),
        ({"w": (1, 2), "b": 1}, r"at \['w'\], the first has list and the second tuple"),
        ({"w": 5, "b": 1}, r"at \['w'\], the first has list and the second a leaf"),
        ([1, 2], "at the root, the first has dict and the second list"),
        ({"w": None, "b": 1}, r"at \['w'\], the first has list and the second None"),
    ],
)
def test_map_names_the_first_difference(other, message):
    with pytest.raises(errors.TreeError, match=message):
        tree.map(operator.add, {"w": [1, 2], "b": 3}, other)


def test_reduce():
    assert tree.reduce(operator.add, {"a": 1, "b": [2, 3]}) == 6
    assert tree.reduce(operator.add, {}, 10) == 10


def test_transpose():
    outer, inner = tree.structure([0, 0, 0]), tree.structure(Point(0, {"a": 0}))
    value = [Point(i, {"a": 10 * i}) for i in range(3)]
    assert tree.transpose(outer, inner, value) == Point([0, 1, 2], {"a": [0, 10, 20]})
    with pytest.raises(errors.TreeError, match="has 2 leaves"):
        tree.transpose(outer, inner, [1, 2])


def test_paths():
    value = {"layers": [Layer(1), Point(2, Box(3))]}
    paths = [path for path, _ in tree.leaves_with_path(value)]
    assert [tuple(map(tree.entry_of, path)) for path in paths] == [
        ("layers", 0, "weight"),
        ("layers", 1, "x"),
        ("layers", 1, "y", 0),
    ]
    assert tree.path_str(paths[0]) == "['layers'][0].weight"
    assert core_tree.leaf_names(value, "p")[:2] == ["p['layers'][0].weight", "p['layers'][1].x"]
    assert tree.map_with_path(lambda path, x, y: (tree.path_str(path), x + y), [1], [2]) == [
        ("[0]", 3)
    ]
    assert core_tree.leaf_names(5, "x") == ["x"]
    assert core_tree.leaf_names({}, "x") == []


def test_predicates():
    assert core_tree.is_leaf(1)
    assert core_tree.is_leaf("text")
    assert not core_tree.is_leaf(None)
    assert not core_tree.is_leaf(())
    assert tree.all_leaves([1, "a"])
    assert not tree.all_leaves([1, [2]])


def test_unflatten_counts():
    with pytest.raises(errors.TreeError, match="has 2 leaves, got 1"):
        tree.unflatten(tree.structure([1, 2]), [1])


def test_registered_dataclasses():
    layer = Layer(1, 2, "hidden")
    doubled = tree.map(lambda x: 2 * x, layer)
    assert doubled == Layer(2, 4, "hidden")
    assert tree.structure(layer) != tree.structure(Layer(1, 2, "other"))
    assert tree.structure(Layer(1, 2, "a")) == tree.structure(Layer(5, 6, "a"))
    assert tree.structure(Layer(1, None)) != tree.structure(Layer(1, 2))


def test_register_dataclass_with_named_fields():
    @dataclasses.dataclass
    class Model:
        w: object
        size: int

    assert fl.register_dataclass(Model, data_fields=["w"], meta_fields=["size"]) is Model
    assert tree.leaves(Model(1, 2)) == [1]
    assert tree.map(lambda x: x + 1, Model(1, 2)) == Model(2, 2)

    @fl.register_dataclass(meta_fields=["size"])
    @dataclasses.dataclass
    class Other(Model):
        pass

    assert tree.leaves(Other(1, 2)) == [1]


def test_register_dataclass_refuses():
    class Plain:
        pass

    with pytest.raises(errors.TreeError, match="Plain is not a dataclass; add @dataclass"):
        fl.register_dataclass(Plain)

    @dataclasses.dataclass
    class Model:
        w: object
        size: int

    for fields in (
        {"data_fields": ["w"], "meta_fields": []},
        {"data_fields": ["w", "x"]},
        {"meta_fields": ["x"]},
    ):
        with pytest.raises(errors.TreeError, match="must together name each of the fields"):
            fl.register_dataclass(Model, **fields)


def test_unflatten_skips_the_constructor():
    made = []

    @fl.register_dataclass
    @dataclasses.dataclass
    class Checked:
        x: object

        def __post_init__(self):
            made.append(self.x)

    tree.map(lambda x: object(), Checked(1))
    assert made == [1]


def test_the_other_spellings_are_the_same_functions():
    value = {"a": [1, 2]}
    assert tree_util.tree_map(lambda x: x + 1, value) == {"a": [2, 3]}
    assert tree_util.tree_leaves(value) == [1, 2]
    leaves, treedef = tree_util.tree_flatten(value)
    assert tree_util.tree_unflatten(treedef, leaves) == value
    assert tree_util.tree_structure(value) == treedef
    assert tree_util.tree_reduce(operator.add, value) == 3


def test_all_is_of_the_leaves():
    assert tree.all({"a": True, "b": [1, 2]})
    assert not tree.all({"a": True, "b": [1, 0]})
    assert tree.all({})


def test_partial_is_a_container_of_its_arguments():
    def scaled(factor, x, *, shift):
        return factor * x + shift

    f = tree.Partial(scaled, fnp.asarray(3.0), shift=fnp.asarray(1.0))
    calls = []

    @fl.jit
    def apply(f, x):
        calls.append(f)
        return f(x)

    assert float(apply(f, 2.0)) == 7.0
    assert float(apply(tree.Partial(scaled, fnp.asarray(4.0), shift=fnp.asarray(0.0)), 2.0)) == 8.0
    assert len(calls) == 1
    gradient = fl.grad(lambda f: f(2.0))(f)
    assert float(gradient.args[0]) == 2.0 and float(gradient.keywords["shift"]) == 1.0
