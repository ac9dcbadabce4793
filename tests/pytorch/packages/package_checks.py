"""What programs around other packages print, in a form that two runs can be compared in."""

import torch


def show(label, value):
    """Print a value: tensors by dtype, sizes, gradient and numbers."""
    if isinstance(value, torch.Tensor):
        numbers = " ".join(f"{v:.9g}" for v in value.detach().double().flatten().tolist())
        grad = " grad" if value.requires_grad else ""
        print(f"{label}: {value.dtype} {list(value.shape)}{grad} | {numbers}")
    elif isinstance(value, dict):
        for key, each in value.items():
            show(f"{label}.{key}", each)
    elif isinstance(value, (tuple, list)):
        print(f"{label}: {type(value).__name__} of {len(value)}")
        for i, each in enumerate(value):
            show(f"{label}[{i}]", each)
    else:
        print(f"{label}: {value!r}")


def show_step(label, module, loss):
    """Go backward, and show the loss and two sizes of each gradient."""
    loss.backward()
    show(f"{label} loss", loss)
    for name, p in module.named_parameters():
        if p.grad is not None:
            show(f"{label} {name}", torch.stack([p.grad.abs().sum(), p.grad.abs().max()]))
