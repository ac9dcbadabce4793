"""How ``torch.save`` and ``torch.load`` work: archives, pickles, storages, what may be rebuilt."""
