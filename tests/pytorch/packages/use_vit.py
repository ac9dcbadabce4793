"""vit-pytorch: transformers for images."""

import importlib
import sys
import types

import torch
from package_checks import show_step

# The package itself imports torchvision, for one of its modules; the others need only torch.
package = types.ModuleType("vit_pytorch")
package.__path__ = importlib.util.find_spec("vit_pytorch").submodule_search_locations
sys.modules["vit_pytorch"] = package

torch.manual_seed(3)
images = torch.randn(2, 3, 32, 32)


def check(module, name, **options):
    made = getattr(importlib.import_module(f"vit_pytorch.{module}"), name)(**options)
    torch.manual_seed(4)
    out = made(images)
    out = out[0] if isinstance(out, tuple) else out
    show_step(f"{module}.{name}", made, out.pow(2).mean())


small = {"image_size": 32, "patch_size": 8, "num_classes": 5, "dim": 16, "depth": 1, "heads": 2,
         "mlp_dim": 16}  # fmt: skip
check("vit", "ViT", **small, dropout=0.1, emb_dropout=0.1)
check("simple_vit", "SimpleViT", **small)
check("deepvit", "DeepViT", **small)
check("cait", "CaiT", **{**small, "cls_depth": 1}, layer_dropout=0.05)
check("parallel_vit", "ViT", **small)
check("vit_for_small_dataset", "ViT", **small)
check("learnable_memory_vit", "ViT", **small)
check("simple_vit_with_register_tokens", "SimpleViT", **small)
check("pit", "PiT", image_size=32, patch_size=8, num_classes=5, dim=16, depth=(1, 1), heads=2,
      mlp_dim=16)  # fmt: skip
check("cct", "CCT", img_size=(32, 32), embedding_dim=16, n_conv_layers=1, kernel_size=3, stride=2,
      padding=1, pooling_kernel_size=3, pooling_stride=2, pooling_padding=1, num_layers=1,
      num_heads=2, mlp_ratio=1.0, num_classes=5)  # fmt: skip
check("cvt", "CvT", num_classes=5, s1_emb_dim=8, s1_heads=1, s1_depth=1, s2_emb_dim=8, s2_heads=1,
      s2_depth=1, s3_emb_dim=16, s3_heads=2, s3_depth=1)  # fmt: skip
