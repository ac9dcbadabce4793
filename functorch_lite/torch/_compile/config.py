"""Limits of ``torch.compile``, to be set. Source: ``torch._dynamo.config``.

Attributes:
    recompile_limit: kinds of calls of a function that are compiled; further ones run eagerly.
    cache_size_limit: the same by its older name; it is read where it is smaller.
    suppress_errors: accepted; errors of the compiler never reach programs.
    verbose: accepted.
"""

recompile_limit = 8
cache_size_limit = 8
suppress_errors = False
verbose = False
