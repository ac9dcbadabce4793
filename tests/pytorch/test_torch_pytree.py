"""Nested containers, as packages around PyTorch take them apart: ``torch.utils._pytree``."""

import collections
import dataclasses

import pytest
from oracle import ours as ours_torch
from oracle import real as real_torch

import functorch_lite.torch.utils._pytree as ours

real = pytest.importorskip("torch.utils._pytree", exc_type=ImportError)
Point = collections.namedtuple("Point", "x y")
NESTED = [1, (2, {"a": 3})]
WORLDS = ((ours, ours_torch), (real, real_torch))


def alike(program):
    found = []
    for P, T in WORLDS:
        try:
            found.append(repr(program(P, T)))
        except Exception as error:
            found.append(f"{type(error).__name__}: {error}")
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "program",
    [
        lambda P, T: P.tree_structure([1, (2, {"a": 3})]),
        lambda P, T: P.tree_unflatten([1, 2], P.tree_structure(NESTED)),
        lambda P, T: P.tree_map(lambda x, y: x + y, [1, 2], [3]),
        lambda P, T: P.tree_map(lambda x, y: (x, y), [1, 2], [3, (4, 5)]),
        lambda P, T: P.tree_map(lambda x, y: (x, y), [1, 2], (3, 4)),
        lambda P, T: P.tree_map(lambda x, y: (x, y), {"a": 1, "b": 2}, {"b": 1, "a": 5}),
        lambda P, T: P.tree_map(lambda x, y: (x, y), {"a": 1, "b": 2}, {"b": 1, "c": 5}),
        lambda P, T: P.tree_map(
            lambda x, y: (x, y), {"a": 1, "b": 2}, collections.OrderedDict(b=1, a=5)
        ),
        lambda P, T: P.tree_map(lambda x, y: (x, y), Point(1, 2), Point(3, 4)),
        lambda P, T: P.tree_map(lambda x: x, Point(1, [2])),
        lambda P, T: P.tree_map_only(int, lambda x: x + 1, [1, 2.0, "a"]),
        lambda P, T: P.tree_map_only(int | str, lambda x: x * 2, [1, 2.0, "a"]),
        lambda P, T: P.tree_map_only(3, lambda x: x * 2, [1, 2.0, "a"]),
        lambda P, T: P.tree_flatten(
            [1, [2]], is_leaf=lambda x: isinstance(x, list) and len(x) == 1
        ),
        lambda P, T: P.tree_flatten_with_path(
            {"a": [1], "b": Point(1, 2), "c": collections.deque([1])}
        ),
        lambda P, T: P.tree_map_with_path(lambda p, x: (P.keystr(p), x), {"a": [1]}),
        lambda P, T: P.tree_structure(collections.OrderedDict(a=1)),
        lambda P, T: P.tree_structure(collections.defaultdict(list, a=1)),
        lambda P, T: P.tree_map(lambda x: x * 2, collections.defaultdict(list, a=1)),
        lambda P, T: P.tree_map(lambda x: x * 2, collections.deque([1, 2], maxlen=3)),
        lambda P, T: P.tree_structure(collections.deque([1], maxlen=3)),
        lambda P, T: P.tree_structure(T.return_types.max([1, 2])),
        lambda P, T: P.tree_map(lambda x: x, T.return_types.max([1, 2])),
        lambda P, T: P.tree_leaves_with_path([T.return_types.max([1, 2])]),
        lambda P, T: P.tree_structure(Point(1, 2)),
        lambda P, T: P.tree_structure(T.Size([1, 2])),
        lambda P, T: P.treespec_tuple([P.treespec_leaf()]),
        lambda P, T: P.treespec_dict({"a": P.treespec_leaf()}),
        lambda P, T: P.treespec_dict(a=P.treespec_leaf()),
        lambda P, T: (
            P.tree_structure(NESTED).num_leaves,
            P.tree_structure(NESTED).num_nodes,
            P.tree_structure(NESTED).num_children,
            P.tree_structure(NESTED).type,
            P.tree_structure(NESTED).context,
            P.tree_structure(NESTED).children(),
            P.tree_structure(NESTED).child(1),
            P.tree_structure(NESTED).is_leaf(),
        ),
        lambda P, T: P.tree_structure(NESTED).flatten_up_to([1, (2, {"a": [3]})]),
        lambda P, T: P.tree_structure(NESTED).flatten_up_to([1, (2, {"b": [3]})]),
        lambda P, T: P.tree_structure(NESTED).flatten_up_to([1, [2, {"a": [3]}]]),
        lambda P, T: P.tree_structure(NESTED).flatten_up_to(3),
        lambda P, T: P.tree_structure(NESTED) == P.tree_structure([1, (2, {"a": 5})]),
        lambda P, T: hash(P.tree_structure(NESTED)) == hash(P.tree_structure([1, (2, {"a": 5})])),
        lambda P, T: (
            P.tree_is_leaf([]),
            P.tree_is_leaf(None),
            P.tree_is_leaf([], is_leaf=lambda x: True),
        ),
        lambda P, T: P.arg_tree_leaves(1, [2], k=3),
        lambda P, T: (
            isinstance(P.tree_structure(3), P.LeafSpec),
            isinstance(P.tree_structure(NESTED), P.LeafSpec),
        ),
        lambda P, T: P.tree_unflatten([1], 3),
        lambda P, T: list(P.tree_iter([1, (2,)])),
        lambda P, T: (
            P.is_namedtuple(Point),
            P.is_namedtuple_instance(Point(1, 2)),
            P.is_namedtuple((1,)),
            P.is_structseq_instance(T.return_types.max([1, 2])),
            P.is_structseq_class(T.return_types.max),
            P.is_namedtuple_class(Point),
        ),
        lambda P, T: (
            P.tree_any_only(int, lambda x: x > 1, [1, 2.0]),
            P.tree_all_only(int, lambda x: x > 0, [1, 2.0]),
        ),
        lambda P, T: P.key_get({"a": [5]}, (P.MappingKey("a"), P.SequenceKey(0))),
        lambda P, T: P.tree_leaves(None),
        lambda P, T: P.tree_map(lambda x: 1 / 0, [1]),
        lambda P, T: P.tree_map(lambda *x: x, [1, None], [2, None]),
        lambda P, T: P.SUPPORTED_NODES[list]._fields,
    ],
)
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_trees(program):
    alike(program)


class Box:
    def __init__(self, item):
        self.item = item


@dataclasses.dataclass
class Pair:
    first: object
    second: object = None


def test_classes_of_users():
    P = ours
    P.register_pytree_node(Box, lambda b: ([b.item], None), lambda items, _: Box(*items))
    P.register_dataclass(Pair)
    try:
        tree = {"box": Box([1, 2]), "pair": Pair(3)}
        leaves, spec = P.tree_flatten(tree)
        assert leaves == [1, 2, 3] and spec.num_leaves == 3
        made = P.tree_map(lambda x: x * 2, tree)
        assert made["box"].item == [2, 4] and made["pair"] == Pair(6)
        assert P.tree_leaves(Pair(1, [2])) == [1, 2]
        (path, leaf), *_ = P.tree_leaves_with_path(Pair(1))
        assert (P.keystr(path), leaf, P.key_get(Pair(1), path)) == (".first", 1, 1)
        with pytest.raises(ValueError, match="already registered"):
            P.register_pytree_node(Box, None, None)
        with pytest.raises(ValueError, match="Did not find a flatten_with_keys_fn"):
            P.tree_flatten_with_path(Box(1))
    finally:
        del P.SUPPORTED_NODES[Box], P.SUPPORTED_NODES[Pair]
    assert P.tree_is_leaf(Box(1))


def test_trees_of_tensors_and_calls_in_place():
    seen = []
    tree = {"w": ours_torch.ones(2), "name": "x"}
    assert ours.tree_map_only_(ours_torch.Tensor, seen.append, tree) is tree
    assert len(seen) == 1 and seen[0] is tree["w"]
    assert ours.tree_map_(seen.append, [1, 2]) == [1, 2] and seen[1:] == [1, 2]
