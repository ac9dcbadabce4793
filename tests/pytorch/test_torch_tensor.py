"""The tensor as a Python object: its text, numbers, arrays, copies, storages, constructors."""

import copy
import io
import operator
import pickle
import warnings

import numpy as np
import pytest
from oracle import ours, real, same
from test_torch_autograd import agree, both

from functorch_lite.torch import testing as our_testing

X = np.arange(6, dtype=np.float32).reshape(2, 3)
CASES = """
repr(x) | str(g) | repr(g * 2) | repr(x.double()) | repr(x[:0]) | repr(x.long()) | repr(one)
repr(g[0]) | repr(x.t()) | repr(T.tensor(1j)) | repr(T.tensor([True])) | repr(x.half())
repr(T.zeros(0, 3, dtype=T.int32)) | repr((x > 2)) | repr(x.bfloat16()) | repr(g.detach())
format(one, ".3f") | format(T.tensor(3), "d") | format(x, "") | format(x, ".2f") | f"{one}"
f"{g.sum():.2f}" | f"{g[0, 0]}" | format(T.tensor(1 + 2j), ".2f") | f"{T.tensor([1.5])}"
format(T.tensor([1.5]), ".2f") | f"{T.tensor(True)}"
len(x) | len(one) | list(x) | iter(one) | list(reversed(x)) | [v.item() for v in x[0]]
bool(x) | bool(none) | bool(T.tensor([0.0])) | bool(one) | bool(T.tensor([[2]])) | not one
int(one) | int(x) | int(none) | float(x) | float(one) | float(T.tensor([2])) | complex(one)
int(T.tensor(1j)) | float(T.tensor(1j)) | int(T.tensor(2 + 0j)) | complex(T.tensor(1j))
int(T.tensor(float("inf"))) | int(T.tensor(True)) | int(one.half()) | float(one.bfloat16())
operator.index(T.tensor(3)) | operator.index(one) | operator.index(x) | [1, 2, 3][T.tensor(1)]
[1, 2][T.tensor([1])] | hex(T.tensor(17)) | list(range(T.tensor(3))) | [1, 2][T.tensor(True)]
3 in x | 9 in x | x[0] in x | "a" in x | None in x | T.tensor([1, 2]) in x | [1.0] in x
np.sin(x) | np.add(x, 1) | np.add(np.ones(3), x) | np.maximum(x, 2.0) | np.greater(x, 2)
np.asarray(x) | np.asarray(x, dtype=np.int32) | np.asarray(g) | np.concatenate([x, x])
np.array([one, one]) | np.sin(g) | x.__array__() | x.__array__(np.float64) | np.array(x.t())
np.from_dlpack(x) | np.from_dlpack(g) | T.from_dlpack(np.arange(3.0)) | T.from_dlpack(x)
np.from_dlpack(T.tensor([True])) | np.float32(2) * x
x.cuda() | x.cpu() is x | x.pin_memory() | x.is_pinned() | x.get_device() | x.device | x.layout
x.is_cuda, x.is_sparse, x.is_quantized, x.is_meta, x.is_mps, x.is_cpu, x.is_mkldnn, x.is_nested
x.xpu() | x.is_shared() | x.nbytes, x.itemsize, x.element_size() | x.dim_order() | x.is_inference()
x.is_set_to(x) | x.is_set_to(x[0]) | x.is_same_size(x) | x.is_same_size(x[0]) | x.is_same_size(1)
x.clone().apply_(lambda v: v + 1) | g.apply_(lambda v: v) | x.clone().map_(x, lambda a, b: a + b)
x.clone().map2_(x, x, lambda a, b, c: a + b + c) | g.map_(x, lambda a, b: a)
x.clone().map_(x.long(), lambda a, b: a) | x.t().clone().apply_(lambda v: v * 2)
T.is_tensor(x), T.is_tensor(1) | T.is_storage(x.untyped_storage()), T.is_storage(x)
T.is_nonzero(one) | T.is_nonzero(x) | T.is_nonzero(none) | one.is_nonzero()
T.is_floating_point(x), T.is_complex(x), T.is_signed(x), x.is_floating_point(), x.is_complex()
T.is_signed(T.tensor([1], dtype=T.uint8)), T.is_signed(T.tensor(True)), x.is_signed()
T.is_floating_point(1) | T.is_inference(x) | x.is_conj(), x.is_neg() | x.resolve_conj() is x
g.grad_dtype | (g * 2).grad_dtype | x.names | x.foo | x.type() | repr(type(x)) | repr(T.Tensor)
T.Tensor.__module__, T.Tensor.__qualname__ | x.data_ptr() == x[0].data_ptr() | none.data_ptr()
T.Tensor() | T.Tensor(2, 3).shape | T.Tensor([1, 2]) | T.Tensor([[1, 2], [3, 4]]) | T.Tensor((2, 3))
T.Tensor(T.Size([2, 3])).shape | T.Tensor(3).shape | T.Tensor(x) is x | T.Tensor(T.tensor([1, 2]))
T.Tensor(x).data_ptr() == x.data_ptr() | T.Tensor(np.array([1, 2])) | T.Tensor(np.array([1.0]))
T.Tensor(g) | T.Tensor(2.5) | T.Tensor("a") | T.Tensor(None) | T.Tensor([1], [2]) | T.Tensor(-1)
T.Tensor(2, device="cpu").shape | T.Tensor([True]) | T.Tensor(np.float64(2)) | T.Tensor(True)
T.Tensor(np.int64(2)).shape | T.Tensor([]) | T.Tensor([x[0, 1], 2])
T.FloatTensor([1, 2]) | T.LongTensor([1, 2]) | T.LongTensor([1.5, 2]) | T.LongTensor(2, 3).shape
T.DoubleTensor(2).dtype | T.BoolTensor([1, 0]) | T.HalfTensor([1, 0]) | T.BFloat16Tensor([1, 0])
isinstance(x, T.FloatTensor), isinstance(x, T.LongTensor), isinstance(1, T.FloatTensor)
T.FloatTensor.dtype | T.FloatTensor.layout | T.FloatTensor.is_cuda | repr(T.FloatTensor)
T.FloatTensor.__module__, T.FloatTensor.__name__ | issubclass(T.FloatTensor, T.Tensor)
T.FloatTensor(T.tensor([1, 2])) | T.FloatTensor(x).data_ptr() == x.data_ptr() | T.IntTensor([3])
x.new(2, 2).shape | x.new([1, 2]) | T.tensor(3).new([1, 2]) | x.new().shape | x.new(x.long())
x.type(T.DoubleTensor) | x.type("torch.LongTensor")
copy.deepcopy(g * 2) | copy.copy(g) | copy.copy(g * 2) | copy.deepcopy(g) | copy.deepcopy(x.t())
load(g) | load(g * 2) | load(x.t()) | load(x[1]) | load(x[1]).untyped_storage().nbytes()
load(none)
load(x.bfloat16()) | load([x, x[0]])[1].untyped_storage().nbytes() | load(T.tensor(1j))
x.untyped_storage() is x[0].untyped_storage() | x.untyped_storage().nbytes()
len(x.untyped_storage()) | x.untyped_storage().tolist() | x.untyped_storage()[2]
x.untyped_storage()[0:3].tolist() | x.untyped_storage().element_size() | x.storage_type().__name__
x.untyped_storage().data_ptr() == x.data_ptr() | x.untyped_storage().is_shared()
repr(x[0, :1].clone().untyped_storage()) | x.untyped_storage().clone().tolist()
x.untyped_storage().copy_(T.empty(2).untyped_storage()) | x.untyped_storage().type()
T.UntypedStorage([1, 2, 3]).tolist() | T.UntypedStorage(3).nbytes() | T.UntypedStorage().tolist()
T.UntypedStorage("a") | T.UntypedStorage([1.5]) | str(x.untyped_storage().device)
repr(x._typed_storage()) | x._typed_storage().dtype | x._typed_storage().size() | list(x.storage())
x._typed_storage()[1] | x._typed_storage().tolist() | x._typed_storage().type()
x._typed_storage().nbytes(), x._typed_storage().element_size(), len(x._typed_storage())
x._typed_storage().double().tolist() | x._typed_storage().pickle_storage_type()
T.FloatStorage([1, 2.5]).tolist() | T.FloatStorage(3).size() | T.FloatStorage.dtype
isinstance(x.storage(), T.FloatStorage), isinstance(x.storage(), T.LongStorage)
T.TypedStorage([1, 2], dtype=T.int32).tolist() | T.Tensor(x._typed_storage())
T.TypedStorage(wrap_storage=x.untyped_storage(), dtype=T.float32).size()
T.LongStorage([1, 2])[0:1]
"""


def load(x):
    """What is read of what was written."""
    return pickle.loads(pickle.dumps(x))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "text", [c.strip() for c in CASES.replace("\n", "|").split("|") if c.strip()]
)
def test_expressions(text):
    def program(T):
        x = T.from_numpy(X.copy())
        space = {
            "T": T, "x": x, "g": x.clone().requires_grad_(), "one": T.tensor(3.5),
            "none": T.tensor([]), "np": np, "copy": copy, "operator": operator, "load": load,
        }  # fmt: skip
        found = eval(text, space)
        return found.tolist() if isinstance(found, np.ndarray) else found

    agree(program)


def test_arrays_share_memory():
    x = ours.zeros(3)
    np.asarray(x)[0] = 5
    assert x.tolist() == [5, 0, 0]
    a = np.zeros(3)
    t = ours.from_dlpack(a)
    t[1] = 7
    assert a.tolist() == [0, 7, 0]
    real_tensor = real.from_dlpack(x)
    real_tensor[2] = 9
    assert x.tolist() == [5, 0, 9]
    assert ours.from_dlpack(real_tensor).data_ptr() == x.data_ptr()
    assert (np.array(x, copy=True) == x.numpy()).all() and np.array(x).base is not x.numpy()


def test_copies_share_what_is_shared():
    x = ours.arange(6.0)
    for made in (copy.deepcopy([x, x[2:4], x]), load([x, x[2:4], x])):
        a, b, c = made
        assert a is c or a.data_ptr() == c.data_ptr()
        b.fill_(9)
        assert a.tolist() == [0, 1, 9, 9, 4, 5] and x.tolist() == [0, 1, 2, 3, 4, 5]
    assert load(x)._version == 0


def test_copies_keep_gradients_and_attributes():
    x = ours.ones(2, requires_grad=True)
    (x * 3).sum().backward()
    x.note = {"a": [1]}
    y = copy.deepcopy(x)
    assert y.grad.tolist() == [3, 3] and y.grad is not x.grad and y.is_leaf
    assert y.note == x.note and y.note is not x.note
    z = load(x)
    assert z.grad is None and z.note == {"a": [1]} and z.requires_grad
    w = copy.copy(x)
    assert w.data_ptr() == x.data_ptr() and w.note is x.note


def test_pickles_of_classes():
    for thing in (ours.FloatTensor, ours.LongStorage, ours.float32, ours.device("cpu")):
        assert load(thing) is thing or load(thing) == thing
    storage = load(ours.arange(3).untyped_storage())
    assert storage.tolist() == ours.arange(3).untyped_storage().tolist()
    assert load(ours.arange(3)._typed_storage()).tolist() == [0, 1, 2]


def test_pickle_protocols():
    x = ours.arange(4.0).reshape(2, 2).t()
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        buffer = io.BytesIO()
        pickle.dump({"x": x, "y": x[0]}, buffer, protocol)
        buffer.seek(0)
        found = pickle.load(buffer)
        same(found["x"], real.arange(4.0).reshape(2, 2).t())


def test_storages_write_to_tensors():
    def program(T):
        x = T.arange(4, dtype=T.int16)
        x.untyped_storage()[0] = 7
        x._typed_storage()[1] = 5
        y = x.clone()
        x.untyped_storage().copy_(T.zeros(4, dtype=T.int16).untyped_storage())
        y._typed_storage().fill_(3)
        y[2:].untyped_storage().fill_(1)
        return x, y

    agree(program)


def test_storages_are_deprecated_once():
    from functorch_lite.torch import storage

    storage._warned = False
    with pytest.warns(UserWarning, match="TypedStorage is deprecated"):
        ours.ones(1).storage()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours.ones(1).storage()


def test_resizing_a_storage_is_refused():
    storage = ours.ones(2).untyped_storage()
    assert storage.resize_(8) is storage and not storage.resizable()
    with pytest.raises(RuntimeError, match="not resizable"):
        storage.resize_(16)


def test_default_tensor_type():
    with pytest.warns(UserWarning, match="is deprecated as of PyTorch 2.1"):
        ours.set_default_tensor_type("torch.DoubleTensor")
    try:
        assert ours.Tensor([1]).dtype is ours.float64
        with pytest.warns(UserWarning), pytest.raises(TypeError, match="only floating-point types"):
            ours.set_default_tensor_type(ours.LongTensor)
    finally:
        ours.set_default_dtype(ours.float32)


def test_dir_hides_what_is_inside():
    x = ours.ones(1)
    x.mark = 1
    names = dir(x)
    assert "mark" in names and "_np" not in names and "sin" in names and names == sorted(names)


# ----------------------------------------------------------------------------------------- testing
CLOSE = {
    "equal": lambda T: (T.ones(2), T.ones(2)),
    "different": lambda T: (T.ones(2), T.tensor([1.0, 2.0])),
    "matrix": lambda T: (T.ones(2, 2), T.tensor([[1.0, 2.0], [1.0, 3.0]])),
    "shape": lambda T: (T.ones(2), T.ones(3)),
    "dtype": lambda T: (T.ones(2), T.ones(2).double()),
    "ints": lambda T: (T.ones(2).long(), T.tensor([1, 2])),
    "scalar": lambda T: (T.tensor(1.0), T.tensor(2.0)),
    "numbers": lambda T: (1.0, 2.0),
    "types": lambda T: (1, 2.0),
    "list": lambda T: ([1.0, 2.0], [1.0, 3.0]),
    "dict": lambda T: ({"a": T.ones(2)}, {"a": T.zeros(2)}),
    "length": lambda T: ([1.0], [1.0, 2.0]),
    "keys": lambda T: ({"a": 1}, {"b": 1}),
    "nan": lambda T: (T.tensor([float("nan")]), T.tensor([float("nan")])),
    "bools": lambda T: (T.tensor([True]), T.tensor([False])),
    "text": lambda T: ("a", "b"),
    "true": lambda T: (True, False),
    "arrays": lambda T: (np.ones(2), np.zeros(2)),
    "none": lambda T: (None, None),
    "half": lambda T: (T.ones(2, 2).half(), T.zeros(2, 2).half()),
}
OPTIONS = [{}, {"rtol": 0.1}, {"rtol": 0.9, "atol": 0.9}, {"msg": "hey"}, {"check_dtype": False},
           {"equal_nan": True}, {"msg": lambda m: "X " + m}, {"check_stride": True}]  # fmt: skip


@pytest.mark.parametrize("name", CLOSE)
def test_assert_close(name):
    for options in OPTIONS:
        messages = []
        for T, module in ((ours, our_testing), (real, real.testing)):
            try:
                module.assert_close(*CLOSE[name](T), **options)
                messages.append(None)
            except (AssertionError, ValueError) as error:
                messages.append((type(error), str(error)))
            except TypeError as error:
                messages.append((TypeError, str(error).split("of type")[0]))
        assert messages[0] == messages[1]


def test_make_tensor():
    for dtype in (ours.float32, ours.int64, ours.bool, ours.uint8, ours.complex64):
        x = our_testing.make_tensor(
            3, 4, dtype=dtype, low=1, high=2 if dtype is not ours.uint8 else 9
        )
        assert x.shape == (3, 4) and x.dtype is dtype
    x = our_testing.make_tensor((3, 4), dtype=ours.float64, noncontiguous=True, requires_grad=True)
    assert not x.is_contiguous() and x.requires_grad and x.is_leaf
    with pytest.raises(ValueError, match="Expected low < high"):
        our_testing.make_tensor(3, dtype=ours.int64, low=4, high=4)


def test_both_reports_errors():
    assert both(lambda T: T.ones(2).sum(5))[0] == both(lambda T: T.ones(2).sum(5))[1]
