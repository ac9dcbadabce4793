"""Without a compiler's library everything runs op by op, after one warning."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap

import pytest

PRELUDE = """
import json, sys, warnings
import numpy as np
warnings.simplefilter("always")
caught = warnings.catch_warnings(record=True)
seen = caught.__enter__()
import functorch_lite as fl
import functorch_lite.numpy as fnp
loaded = [m for m in ("llvmlite", "scipy", "cupy") if sys.modules.get(m) is not None]
quiet = len(seen)

def told():
    return [[w.category.__name__, str(w.message)] for w in seen]
"""

EVERYTHING = """
from functorch_lite.errors import DonatedError, TransformError
x = fnp.asarray(np.linspace(-1, 1, 40_000, dtype=np.float32).reshape(200, 200))
ok = {}
f = fl.jit(lambda x: fnp.tanh(x @ x))
plain = np.tanh(np.asarray(x) @ np.asarray(x))
ok["jit"] = all(np.allclose(f(x), plain, rtol=1e-5, atol=1e-5) for _ in range(3))
ok["hits"] = f.cache_info().hits == 2
ok["eager"] = bool(np.array_equal(fnp.sin(x), np.sin(np.asarray(x))))
ok["grad"] = fl.grad(lambda x: f(x).sum())(x).shape == (200, 200)
ok["vmap"] = fl.vmap(f)(fnp.ones((2, 3, 3))).shape == (2, 3, 3)
ok["jit grad"] = fl.jit(fl.grad(lambda x: f(x).sum()))(x).shape == (200, 200)
s = [fl.nn.softmax(x) for _ in range(3)]
ok["composite"] = all(np.allclose(v.sum(-1), 1, atol=1e-5) for v in s)
init, update = fl.optim.adam(0.1)
params, state = {"w": x}, init({"w": x})
for _ in range(3):
    params, state = update({"w": x}, state, params)
ok["optimiser"] = int(state["step"]) == 3
step = fl.jit(lambda x: x + 1, donate_argnums=0)
ok["donation"] = float(step(x)[0, 0]) == 0.0 and float(x[0, 0]) == -1.0
image, kernel = fnp.ones((4, 4, 32, 32)), fnp.ones((4, 4, 3, 3))
convs = [fl.lax.conv_general_dilated(image, kernel, (1, 1), "SAME") for _ in range(3)]
ok["conv"] = all(float(c[0, 0, 5, 5]) == 36.0 for c in convs)
ok["scan"] = float(fl.lax.scan(lambda c, v: (c + v, c), 0.0, fnp.arange(5.0))[0]) == 10.0
ok["while"] = float(fl.jit(lambda x: fl.lax.while_loop(
    lambda c: c < 100, lambda c: c * 2, x))(3.0)) == 192.0
ok["random"] = fl.random.normal(fl.random.key(0), (50_000,)).shape == (50_000,)
lowered = f.lower(x)
ok["stages"] = all(lowered.as_text(s).startswith("def ") for s in ("graph", "optimised"))
for stage in ("llvm", "assembly"):
    try:
        lowered.as_text(stage)
    except ImportError as error:
        ok[stage] = "llvmlite" in str(error)
try:
    f.profile(x)
except TransformError as error:
    ok["profile"] = "only compiled programs" in str(error)
try:
    fl.jit(lambda x: x, backend="cpu")(x)
except ImportError as error:
    ok["asked for by name"] = "llvmlite" in str(error)
ok["interpret"] = float(fl.jit(lambda x: x + 1, backend="interpret")(1.0)) == 2.0
fl.set_num_threads(1)
ok["threads"] = fl.get_num_threads() == 1
print(json.dumps([loaded, quiet, told(), ok]))
"""

ONE = """
first = [float(v) for v in fl.jit(lambda x: x + 1)(fnp.ones(3))]
second = [float(v) for v in fl.jit(lambda x: x + 2)(fnp.ones(3))]
print(json.dumps([loaded, quiet, told(), [first, second]]))
"""


def python(program, path=None):
    environment = dict(os.environ)
    if path is not None:
        found = [str(path), environment.get("PYTHONPATH")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, found))
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True, text=True, timeout=120, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_everything_works_without_llvmlite():
    hide = "import sys; sys.modules['llvmlite'] = None\n"
    loaded, quiet, told, ok = python(hide + PRELUDE + EVERYTHING)
    assert loaded == []
    assert quiet == 0, "the import itself must not warn"
    assert [kind for kind, _ in told] == ["RuntimeWarning"]
    assert "llvmlite" in told[0][1] and "pip install" in told[0][1]
    assert {name for name, good in ok.items() if good is not True} == set()
    assert {"llvm", "assembly", "profile", "asked for by name"} <= ok.keys()


BROKEN = {
    "that cannot load its library": ("raise OSError('libLLVM is missing')", "libLLVM is missing"),
    "that is too old": ("llvm_version_info = (15, 0, 7)", "15.0.7"),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_an_llvmlite(broken, tmp_path):
    text, reason = BROKEN[broken]
    (tmp_path / "llvmlite").mkdir()
    (tmp_path / "llvmlite" / "__init__.py").write_text("__version__ = '0.43.0'\n")
    (tmp_path / "llvmlite" / "binding.py").write_text(text + "\n")
    loaded, quiet, told, values = python(PRELUDE + ONE, tmp_path)
    assert (loaded, quiet) == ([], 0)
    assert values == [[2.0] * 3, [3.0] * 3]
    assert [kind for kind, _ in told] == ["RuntimeWarning"]
    assert reason in told[0][1]


def test_with_llvmlite_nothing_is_loaded_before_it_is_needed():
    program = (
        PRELUDE
        + """
y = fnp.sin(fnp.ones(10)) + 1
small = fl.grad(lambda x: (x * x).sum())(y)
before = sys.modules.get("llvmlite") is not None
fl.jit(fnp.sin)(y)
print(json.dumps([loaded, before, told()]))
"""
    )
    pytest.importorskip("llvmlite")
    assert python(program) == [[], False, []]
