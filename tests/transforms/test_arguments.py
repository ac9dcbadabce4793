"""What transforms take and return: argnums, keyword arguments, pytrees, side results, scalars."""

import collections
import dataclasses
import enum

import numpy as np
import pytest

import functorch_lite as fl
import functorch_lite.numpy as fnp
from functorch_lite import errors

Pair = collections.namedtuple("Pair", ["left", "right"])


@fl.register_dataclass
@dataclasses.dataclass
class Layer:
    weight: object
    bias: object
    name: str = dataclasses.field(default="layer", metadata={"static": True})


@fl.tree.register_pytree_node_class
class Box:
    def __init__(self, item, label):
        self.item, self.label = item, label

    def tree_flatten(self):
        return (self.item,), self.label

    @classmethod
    def tree_unflatten(cls, label, children):
        return cls(*children, label)


def vec(*values):
    return fnp.asarray(np.array(values))


def same(got, want):
    np.testing.assert_allclose(np.asarray(got), want, rtol=1e-12)


# ---------------------------------------------------------------------------------------- argnums
def product(x, y, z=1.0):
    return fnp.sum(x * y * y * z)


def test_argnums_choose_and_shape_the_result():
    x, y = vec(2.0, 3.0), vec(5.0, 7.0)
    same(fl.grad(product)(x, y), [25, 49])
    same(fl.grad(product, argnums=1)(x, y), [20, 42])
    same(fl.grad(product, argnums=-1)(x, y), [20, 42])
    same(fl.grad(product, argnums=np.int64(1))(x, y), [20, 42])
    both = fl.grad(product, argnums=(1, 0))(x, y)
    assert type(both) is tuple
    same(both[0], [20, 42])
    same(both[1], [25, 49])
    (only,) = fl.grad(product, argnums=(-2,))(x, y)
    same(only, [25, 49])
    assert fl.grad(product, argnums=())(x, y) == ()


@pytest.mark.parametrize(
    "transform", [fl.grad, fl.value_and_grad, fl.jacfwd, fl.jacrev, fl.hessian]
)
@pytest.mark.parametrize("argnums", [2, -3, (0, 2), "x", (0, "y"), 1.0, (0, -2)])
def test_bad_argnums(transform, argnums):
    with pytest.raises((errors.TransformError, TypeError)) as info:
        transform(product, argnums=argnums)(vec(1.0), vec(2.0))
    assert "argnums" in str(info.value)


def test_keyword_arguments_pass_through():
    x, y = vec(2.0), vec(3.0)
    same(fl.grad(product)(x, y, z=vec(10.0)), [90])
    same(fl.grad(product)(x, y=y), [9])
    same(fl.jit(product)(x, y=y, z=2.0), 36)
    same(fl.vmap(product)(x, y, z=vec(10.0)), [180])
    same(fl.jacrev(product)(x, y, z=2.0), [18])
    with pytest.raises(errors.TransformError, match="positional argument 0, but the call has 0"):
        fl.grad(product)(x=x, y=y)


# ---------------------------------------------------------------------------------------- pytrees
def weighted(tree):
    return sum((i + 1) * fnp.sum(leaf**2) for i, leaf in enumerate(fl.tree.leaves(tree)))


TREES = {
    "dict": lambda: {"b": vec(1.0), "a": vec(2.0, 3.0)},
    "list": lambda: [vec(1.0), vec(2.0)],
    "tuple": lambda: (vec(1.0), (vec(2.0),)),
    "namedtuple": lambda: Pair(vec(1.0), vec(2.0)),
    "OrderedDict": lambda: collections.OrderedDict([("z", vec(1.0)), ("a", vec(2.0))]),
    "None": lambda: {"present": vec(1.0), "absent": None},
    "dataclass": lambda: Layer(vec(1.0), vec(2.0, 4.0), "first"),
    "custom": lambda: Box({"inner": vec(1.0)}, "label"),
    "deep": lambda: {
        "layers": [Layer(vec(1.0), None), Box(vec(2.0), 1)],
        "rest": Pair(vec(3.0), ()),
    },
    "leaf": lambda: vec(1.0, 2.0),
    "empty": dict,
}


@pytest.mark.parametrize("name", TREES)
def test_trees_as_arguments_and_results(name):
    tree = TREES[name]()
    want = [2 * (i + 1) * np.asarray(leaf) for i, leaf in enumerate(fl.tree.leaves(tree))]

    def check(got, expected=want):
        assert fl.tree.structure(got) == fl.tree.structure(tree)
        for g, w in zip(fl.tree.leaves(got), expected, strict=True):
            same(g, w)

    if name != "empty":
        check(fl.grad(weighted)(tree))
        check(fl.jit(fl.grad(weighted))(tree))
        check(fl.jacrev(weighted)(tree))
        check(fl.jacfwd(weighted)(tree))
    out, pull = fl.vjp(lambda t: t, tree)
    check(out, [np.asarray(x) for x in fl.tree.leaves(tree)])
    check(pull(tree)[0], [np.asarray(x) for x in fl.tree.leaves(tree)])
    doubled = [2 * np.asarray(x) for x in fl.tree.leaves(tree)]
    double = lambda t: fl.tree.map(lambda x: x * 2, t)  # noqa: E731
    for result in (
        fl.jit(double)(tree),
        fl.jvp(double, (tree,), (tree,))[1],
        fl.linearize(double, tree)[1](tree),
        fl.linear_transpose(double, tree)(tree)[0],
        fl.vmap(double, axis_size=1)(tree) if name in ("list", "tuple", "empty") else double(tree),
    ):
        check(result, doubled)
    avals = fl.eval_shape(double, tree)
    assert [a.shape for a in fl.tree.leaves(avals)] == [x.shape for x in fl.tree.leaves(tree)]


def test_static_fields_survive():
    layer = Layer(vec(1.0), vec(2.0), "hidden")
    assert fl.grad(weighted)(layer).name == "hidden"
    assert fl.jit(lambda x: x)(layer).name == "hidden"
    assert fl.vmap(lambda x: x)(layer).name == "hidden"
    assert fl.jit(lambda b: b)(Box(vec(1.0), "kept")).label == "kept"


def test_jacobians_of_trees():
    params = {"w": vec(1.0, 2.0), "b": np.float64(3.0) * fnp.ones((), "float64")}

    def f(p):
        return {"out": p["w"] * p["b"], "sum": fnp.sum(p["w"])}

    for jacobian in (fl.jacfwd, fl.jacrev):
        jac = jacobian(f)(params)
        same(jac["out"]["w"], 3 * np.eye(2))
        same(jac["out"]["b"], [1, 2])
        same(jac["sum"]["w"], [1, 1])
        same(jac["sum"]["b"], 0)
    second = fl.hessian(lambda p: fnp.sum(p["w"] ** 2) * p["b"])(params)
    same(second["w"]["w"], 6 * np.eye(2))
    same(second["w"]["b"], [2, 4])
    same(second["b"]["w"], [2, 4])
    same(second["b"]["b"], 0)


# ----------------------------------------------------------------------------------- side results
def with_aux(x):
    return fnp.sum(x**2), {"double": x * 2, "text": "any object", "none": None}


def test_side_results():
    x = vec(1.0, 2.0)
    gradient, aux = fl.grad(with_aux, has_aux=True)(x)
    (value, aux2), gradient2 = fl.value_and_grad(with_aux, has_aux=True)(x)
    out, pull, aux3 = fl.vjp(with_aux, x, has_aux=True)
    _, tangent, aux4 = fl.jvp(with_aux, (x,), (x,), has_aux=True)
    jac5, aux5 = fl.jacrev(with_aux, has_aux=True)(x)
    jac6, aux6 = fl.jacfwd(with_aux, has_aux=True)(x)
    hess, aux7 = fl.hessian(with_aux, has_aux=True)(x)
    same(value, 5)
    same(out, 5)
    same(tangent, 10)
    same(hess, 2 * np.eye(2))
    for g in (gradient, gradient2, pull(1.0)[0], jac5, jac6):
        same(g, [2, 4])
    for a in (aux, aux2, aux3, aux4, aux5, aux6, aux7):
        assert a["text"] == "any object"
        assert a["none"] is None
        assert type(a["double"]) is fl.Array
        same(a["double"], [2, 4])


def test_side_results_through_jit():
    x = vec(1.0, 2.0)
    inner = fl.jit(lambda x: (fnp.sum(x**2), x * 2))
    for jacobian in (fl.jacfwd, fl.jacrev, fl.grad):
        jac, aux = jacobian(inner, has_aux=True)(x)
        same(jac, [2, 4])
        same(aux, [2, 4])
    hess, aux = fl.jit(fl.hessian(inner, has_aux=True))(x)
    same(hess, 2 * np.eye(2))
    same(aux, [2, 4])


@pytest.mark.parametrize(
    "out", [lambda x: x, lambda x: (x, 1, 2), lambda x: [x, x], lambda x: None]
)
def test_has_aux_needs_a_pair(out):
    for call in (
        lambda f: fl.grad(f, has_aux=True)(1.0),
        lambda f: fl.vjp(f, 1.0, has_aux=True),
        lambda f: fl.jvp(f, (1.0,), (1.0,), has_aux=True),
    ):
        with pytest.raises(errors.TransformError, match=r"must return a pair \(output, aux\)"):
            call(out)


# ---------------------------------------------------------------------------------- odd arguments
class Size(enum.IntEnum):
    SMALL = 3


class Length(float):
    """A float with a name."""


def test_every_kind_of_number_is_an_argument():
    for number in (2.0, np.float64(2), np.float32(2), np.array(2.0), Length(2.0)):
        same(fl.grad(lambda x: x * x)(number), 4)
        same(fl.jit(lambda x: x * x)(number), 4)
    for number in (3, np.int8(3), Size.SMALL, True, np.bool_(True)):
        assert float(fl.jit(lambda x: x * 1.0)(number)) == float(number)


def test_numpy_arguments_are_copied():
    data = np.ones(3)
    kept = fl.jit(lambda x: x)(data)
    out, pull = fl.vjp(lambda x: x * x, data)
    data[:] = 100
    same(kept, [1, 1, 1])
    same(pull(fnp.ones(3, "float64"))[0], [2, 2, 2])


def test_other_byte_orders_become_native():
    big_endian = np.arange(3, dtype=">f8")
    got = fl.jit(lambda x: x + 1)(big_endian)
    assert got.dtype == np.dtype("float64")
    assert np.asarray(got).dtype.isnative
    same(got, [1, 2, 3])


@pytest.mark.parametrize("bad", ["text", object(), {1, 2}, np.array("text"), np.array(object())])
def test_leaves_that_are_no_arrays(bad):
    for call in (
        lambda: fl.grad(lambda x: x)(bad),
        lambda: fl.jit(lambda x: x)(bad),
        lambda: fl.vmap(lambda x: x)(bad),
        lambda: fl.jvp(lambda x: x, (bad,), (bad,)),
        lambda: fl.eval_shape(lambda x: x, bad),
        lambda: fl.linear_transpose(lambda x: x, bad),
        lambda: fl.jacfwd(lambda x: x)(bad),
    ):
        with pytest.raises((errors.TreeError, errors.DtypeError)):
            call()


@pytest.mark.parametrize(
    "name", ["grad", "vjp", "jvp", "linearize", "jacfwd", "jacrev", "vmap", "jit"]
)
def test_the_first_argument_must_be_a_function(name):
    transform = getattr(fl, name)
    with pytest.raises(
        errors.TransformError, match=f"{name}: the first argument must be a function"
    ):
        transform(fnp.ones(3), (1.0,), (1.0,)) if name == "jvp" else transform(fnp.ones(3))


def test_wrapped_functions_keep_their_names():
    def loss(x):
        """What it is."""

    for transform in (
        fl.grad,
        fl.value_and_grad,
        fl.vmap,
        fl.jit,
        fl.jacfwd,
        fl.jacrev,
        fl.hessian,
    ):
        wrapped = transform(loss)
        assert wrapped.__name__ == "loss"
        assert wrapped.__doc__ == "What it is."
