"""How much memory the process uses, where the system tells."""

import gc
import os

import pytest

STATM = "/proc/self/statm"
needs_statm = pytest.mark.skipif(not os.path.exists(STATM), reason="needs /proc")


def resident():
    """Bytes of memory that the process uses."""
    gc.collect()
    with open(STATM) as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
