"""Programs with modules, run with our package and with PyTorch: results, errors, warnings."""

import warnings

from oracle import ours, real, same


def outcome(program, T):
    """What a program returns or raises, and of what it warns."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            found = program(T)
        except Exception as error:
            found = (type(error).__name__, str(error))
    return found, [(w.category.__name__, str(w.message)) for w in seen]


def agree(program, rtol=None, graph=True, strides=True):
    """Assert that a program does the same in both worlds; return our result."""
    (mine, my_words), (theirs, their_words) = outcome(program, ours), outcome(program, real)
    same(plain(mine), plain(theirs), rtol=rtol, graph=graph, strides=strides)
    assert my_words == their_words
    return mine


def plain(found):
    """Mappings as lists of pairs, modules as text: what ``same`` can compare."""
    if isinstance(found, dict):
        return [(key, plain(value)) for key, value in found.items()]
    if isinstance(found, (list, tuple)) and not hasattr(found, "_fields"):
        return type(found)([plain(value) for value in found])
    if isinstance(found, (ours.nn.Module, real.nn.Module)):
        return repr(found)
    return found
