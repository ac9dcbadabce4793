"""How ``torch.func`` works, with the module names that PyTorch gives it."""
