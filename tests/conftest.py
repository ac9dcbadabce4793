"""Two tiers of tests, seeds that are printed, and markers that say what a test needs.

`pytest` runs the everyday tier; `pytest --long` adds the acceptance figures and long sweeps.
"""

import atexit
import os
import shutil
import tempfile
import zlib
from functools import cache

import hypothesis
import numpy as np
import pytest

from functorch_lite.core.trace import state

# Compiled code of tests goes to a cache of its own, which subprocesses share.
if "FUNCTORCH_LITE_CACHE_DIR" not in os.environ:
    os.environ["FUNCTORCH_LITE_CACHE_DIR"] = tempfile.mkdtemp(prefix="functorch_lite-")
    atexit.register(shutil.rmtree, os.environ["FUNCTORCH_LITE_CACHE_DIR"], ignore_errors=True)

hypothesis.settings.register_profile("short", derandomize=True, deadline=None, print_blob=True)
hypothesis.settings.register_profile(
    "long",
    derandomize=True,
    deadline=None,
    print_blob=True,
    max_examples=1000,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="run the tests marked `long` too")
    parser.addoption("--seed", type=int, default=0, help="base seed of the `rng` fixture")


def pytest_configure(config):
    hypothesis.settings.load_profile("long" if config.getoption("--long") else "short")


def pytest_xdist_auto_num_workers(config):
    """Processes that share the tests: none for a few files, whose tests begin at once."""
    files = [arg for arg in config.args if ".py" in arg]
    return 0 if 0 < len(files) < 4 else min(os.cpu_count() or 1, 4)


def pytest_report_header(config):
    tier = "long" if config.getoption("--long") else "short"
    seed = config.getoption("--seed")
    return f"functorch_lite: {tier} tier, --seed={seed}, hypothesis derandomised"


@cache
def cuda_problem():
    """Why CUDA tests cannot run here, or None."""
    try:
        import cupy
    except ImportError:
        return "CuPy is not installed"
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        return f"no CUDA device: {error}"
    return None if count else "no CUDA device"


def pytest_collection_modifyitems(config, items):
    long_skip = pytest.mark.skip(reason="runs with --long")
    for item in items:
        if item.get_closest_marker("long") and not config.getoption("--long"):
            item.add_marker(long_skip)
        if item.get_closest_marker("cuda") and cuda_problem():
            item.add_marker(pytest.mark.skip(reason=cuda_problem()))


@pytest.fixture
def seed(request):
    """A seed of this test's own, stable from run to run; shown when the test fails."""
    value = [request.config.getoption("--seed"), zlib.crc32(request.node.nodeid.encode())]
    print(f"seed of this test: {value}")
    return value


@pytest.fixture
def rng(seed):
    """A NumPy generator seeded for this test."""
    return np.random.default_rng(seed)


@pytest.fixture
def interpreted():
    """Programs made meanwhile run op by op, so that they give the eager results bit for bit."""
    was, state.backend = state.backend, "interpret"
    yield
    state.backend = was
