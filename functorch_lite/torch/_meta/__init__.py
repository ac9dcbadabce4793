"""The device ``meta``: tensors with shapes, strides and dtypes, but without memory."""
