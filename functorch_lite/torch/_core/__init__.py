"""Tensors, the recorded graph, dtypes and devices: what operations are written in."""
