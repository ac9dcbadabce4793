"""Engines for quantised layers, which there are none of. Source: ``torch.backends.quantized``."""

engine = "none"
supported_engines = ["none"]
