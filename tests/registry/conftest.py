"""The laws of the registry hold bit for bit, so they are checked on the reference backend.

``tests/backends`` compares the compiler with it, within the error bounds of each op.
"""

import pytest


@pytest.fixture(autouse=True)
def _reference(interpreted):
    """Programs run op by op."""
