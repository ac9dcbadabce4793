"""AMD's library of layers: absent; the switch changes nothing. Source: ``torch.backends``."""

immediate = False
