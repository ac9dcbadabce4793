"""safetensors and jaxtyping: files of tensors, and annotations with shapes."""

import os
import tempfile

import torch
from beartype import beartype
from jaxtyping import Float, Int, jaxtyped
from package_checks import show
from safetensors import safe_open
from safetensors.torch import load, load_file, load_model, save, save_file, save_model

torch.manual_seed(8)
tensors = {
    "w": torch.randn(3, 4),
    "half": torch.randn(5).to(torch.bfloat16),
    "ids": torch.arange(6).reshape(2, 3),
    "mask": torch.tensor([True, False]),
    "one": torch.tensor(2.5, dtype=torch.float64),
}
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "t.safetensors")
    save_file(tensors, path, metadata={"by": "torch"})
    show("file", dict(sorted(load_file(path).items())))
    with safe_open(path, framework="pt") as file:
        show("keys", sorted(file.keys()))
        show("metadata", file.metadata())
        show("part", file.get_slice("w")[:, 1:3])
        show("tensor", file.get_tensor("half"))
    net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, 2))
    net[1].weight = torch.nn.Parameter(net[0].weight.detach().t().contiguous())
    save_model(net, path)
    other = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, 2))
    show("missing", load_model(other, path))
    show("model", other.state_dict())
show("bytes", dict(sorted(load(save(tensors)).items())))


@jaxtyped(typechecker=beartype)
def product(
    a: Float[torch.Tensor, "n m"],  # noqa: F722
    b: Float[torch.Tensor, "m k"],  # noqa: F722
) -> Float[torch.Tensor, "n k"]:  # noqa: F722
    return a @ b


show("typed", product(tensors["w"], torch.randn(4, 2)))
for wrong in (torch.randn(3, 2), torch.ones(4, 2, dtype=torch.int64)):
    try:
        product(tensors["w"], wrong)
    except Exception as error:
        show("refused", type(error).__name__)
show("instance", [isinstance(tensors["ids"], Int[torch.Tensor, "a b"]),
                  isinstance(tensors["w"], Int[torch.Tensor, "a b"])])  # fmt: skip
