"""The functions of ``torch.nn.functional``, a file for each subject."""
