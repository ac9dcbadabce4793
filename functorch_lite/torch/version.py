"""Which PyTorch this follows, and what it was built with. Source: ``torch.version``."""

__version__ = "2.13.0+functorch_lite"
debug = False
cuda = None
git_version = "functorch_lite"
hip = None
xpu = None
