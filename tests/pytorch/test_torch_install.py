"""``import torch`` gives ``functorch_lite.torch``: here, in child processes, on the command line.

Every program runs in a process of its own. Most run on a tree that has this subject's files and
little else, so that they say what the import system does, whatever the package holds.
"""

import os
import pickle
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from functorch_lite.torch._scripts import names

REPOSITORY = Path(__file__).resolve().parent.parent.parent
OURS = REPOSITORY / "functorch_lite" / "torch"
HAS_PACKAGE = (OURS / "__init__.py").exists()

SMALL = {
    "__init__.py": "",
    "torch/__init__.py": """
        from functorch_lite.torch._scripts import names
        from functorch_lite.torch._scripts.install import install, uninstall
        __version__ = "2.13.0"
        __getattr__ = names.module_getattr(globals())
        def softmax(): pass
        """,
    "torch/nn/__init__.py": "print('nn is loaded')\nclass Linear: pass\n",
    "torch/nn/functional.py": "def relu(): pass\n",
    "torch/utils/__init__.py": "",
    "torch/utils/data/__init__.py": "class DataLoader: pass\n",
    "torch/utils/tool.py": "import sys\nprint(__name__, sys.argv[1:])\n",
    "torch/version.py": "",
    "torch/broken.py": "import a_module_that_is_not_there\n",
    "torch/_hidden.py": "",
}


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    return root


def environment(*folders):
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    return kept | {"PYTHONPATH": os.pathsep.join(map(str, folders))} if folders else kept


def python(*arguments, folders=(), cwd=None, status=0, stdin=None):
    """Run Python; its output and its errors, with `folders` as its PYTHONPATH."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment(*folders),
        cwd=cwd or Path(__file__).parent,
        input=stdin,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout, done.stderr


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A tree with the files under test in a package of a few modules."""
    root = tmp_path_factory.mktemp("small")
    write(root / "functorch_lite", SMALL)
    scripts = ("__init__.py", "install.py", "names.py", "_path/torch/__init__.py", names.NAMES)
    for name in ("__main__.py", *[f"_scripts/{n}" for n in scripts]):
        (root / "functorch_lite" / "torch" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(OURS / name, root / "functorch_lite" / "torch" / name)
    return root


@pytest.fixture(params=["small", "real"])
def tree(request):
    """The small tree, and the package itself."""
    if request.param == "real" and not HAS_PACKAGE:
        pytest.skip("functorch_lite.torch has no __init__.py yet")
    return REPOSITORY if request.param == "real" else request.getfixturevalue("small")


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """A folder with another package called torch."""
    return write(
        tmp_path_factory.mktemp("other"),
        {"torch/__init__.py": "other = True\n", "torch/nn/__init__.py": ""},
    )


START = """
import functorch_lite.torch as ours
from functorch_lite.torch._scripts.install import install, uninstall
install()
"""


def say(program, *folders, status=0):
    """The lines that a program prints after `install()`."""
    out, err = python("-c", START + textwrap.dedent(program), folders=folders, status=status)
    return (out if status == 0 else err).splitlines()


# ---------------------------------------------------------------------------- install, uninstall
def test_both_names_are_one_module(tree):
    program = """
        import sys, torch
        print(torch is ours, sys.modules["torch"] is sys.modules["functorch_lite.torch"])
        print(torch.__version__)
        """
    lines = say(program, tree)
    assert lines[-2] == "True True"
    assert lines[-1].startswith("2.13")


@pytest.mark.parametrize("order", ["before", "after", "under both names"])
def test_submodules_are_loaded_once(small, order):
    program = """
        import importlib, sys, torch.nn.functional as F
        from torch.utils.data import DataLoader
        import torch, functorch_lite.torch.nn.functional, functorch_lite.torch.utils.data as data
        assert F is ours.nn.functional is sys.modules["torch.nn.functional"]
        assert torch.nn is sys.modules["functorch_lite.torch.nn"]
        assert DataLoader is data.DataLoader and torch.utils.data is data
        assert torch.nn.__spec__.name == torch.nn.__name__ == "functorch_lite.torch.nn"
        assert torch.nn.__spec__.loader is torch.nn.__loader__
        assert not torch.nn.__spec__._initializing
        """
    first = {
        "before": "import functorch_lite.torch.nn.functional",
        "after": "",
        "under both names": "import torch, torch.nn, functorch_lite.torch.nn",
    }[order]
    start = "import functorch_lite.torch as ours\n"
    parts = [first, "ours.install()"] if order == "before" else ["ours.install()", first]
    program = start + "\n".join(parts) + textwrap.dedent(program)
    out, err = python("-X", "importtime", "-c", program, folders=[small])
    assert out == "nn is loaded\n"
    loads = [line.split("|")[-1].strip() for line in err.splitlines()]
    ends = [name for name in loads if name.endswith("torch.nn.functional")]
    assert len(ends) == 1


def test_pickles_name_classes_either_way(small):
    program = """
        import pickle, torch.nn
        class_ = torch.nn.Linear
        plain = pickle.dumps(class_, 0)
        assert plain.startswith(b"cfunctorch_lite.torch.nn")
        assert pickle.loads(plain) is class_
        class_.__module__ = "torch.nn"
        plain = pickle.dumps(class_, 0)
        assert plain.startswith(b"ctorch.nn")
        assert pickle.loads(plain) is class_
        assert pickle.loads(b"ctorch.utils.data\\nDataLoader\\n.").__name__ == "DataLoader"
        """
    say(program, small)


def test_the_import_tools_understand_it(small):
    program = """
        import importlib.resources, importlib.util, inspect, pkgutil, sys, torch
        find = importlib.util.find_spec
        assert find("torch").origin == torch.__file__
        nn = find("torch.nn")
        assert nn.origin.endswith("__init__.py") and nn.submodule_search_locations
        assert "torch.nn" not in sys.modules
        assert nn.loader.get_filename("torch.nn") == nn.origin
        assert "class Linear" in nn.loader.get_source("torch.nn")
        assert find("torch.nothing") is None
        assert not hasattr(nn.loader, "nothing")
        import torch.nn
        assert importlib.reload(torch) is ours is sys.modules["torch"]
        assert importlib.reload(torch.nn) is ours.nn
        found = {m.name for m in pkgutil.iter_modules(torch.__path__, "torch.")}
        assert {"torch.nn", "torch.utils", "torch.version"} <= found and "torch._path" not in found
        assert pkgutil.resolve_name("torch.nn:Linear") is torch.nn.Linear
        assert b"[torch.nn]" in pkgutil.get_data("torch", "_scripts/data/names.txt")
        assert importlib.resources.files("torch").joinpath("nn").is_dir()
        assert "class Linear" in inspect.getsource(torch.nn)
        del sys.modules["torch"], sys.modules["torch.nn"]
        import torch.nn
        assert torch is ours and torch.nn is ours.nn and torch.install is ours.install
        """
    assert say(program, small) == ["nn is loaded", "nn is loaded"]


def test_a_missing_module_names_the_nearest(small):
    program = """
        import sys
        for name in ["torch.util", "torch.distributed", "torch.relu", "torch.nn.x.y"]:
            try:
                __import__(name)
            except ModuleNotFoundError as error:
                print(error.name, "|", error)
        try:
            import torch.broken
        except ModuleNotFoundError as error:
            print(error)
        try:
            from torch import nothing
        except ImportError as error:
            print(error)
        """
    expected = """
        torch.util | No module named 'torch.util'; functorch_lite.torch has no torch.util; \
        nearest here: torch.utils
        torch.distributed | No module named 'torch.distributed'; functorch_lite.torch has no \
        torch.distributed yet, which PyTorch has
        torch.relu | No module named 'torch.relu'; functorch_lite.torch has no torch.relu
        nn is loaded
        torch.nn.x | No module named 'torch.nn.x'; functorch_lite.torch has no torch.nn.x
        No module named 'a_module_that_is_not_there'
        cannot import name 'nothing' from 'functorch_lite.torch'
        """.replace(" " * 9, " ")
    found = [line.partition(" (")[0] for line in say(program, small)]
    assert found == textwrap.dedent(expected).split("\n")[1:-1]


def test_another_torch_is_not_replaced(tree, other):
    start = "import torch, os\nfrom functorch_lite.torch._scripts.install import install\n"
    before = "was = os.environ['PYTHONPATH']\n"
    after = """
        try:
            install()
        except ImportError as error:
            print(error)
        import sys
        assert torch.other and sys.modules["torch"] is torch and os.environ["PYTHONPATH"] == was
        """
    out, _ = python("-c", start + before + textwrap.dedent(after), folders=[other, tree])
    assert f"already imported, from {other}" in out
    assert "before anything imports torch" in out
    assert "python -m functorch_lite.torch" in out


def test_uninstall_restores_everything(tree, other):
    program = """
        import os, sys
        import functorch_lite.torch as ours
        from functorch_lite.torch._scripts.install import install, uninstall
        def state():
            names = sorted(name for name in sys.modules if name.split(".")[0] == "torch")
            return list(sys.path), list(sys.meta_path), os.environ.get("PYTHONPATH"), names
        before = state()
        uninstall()
        assert state() == before
        for _ in range(2):
            install()
            once = state()
            install()
            assert state() == once != before
            import torch
            assert torch is ours
            uninstall()
            assert state() == before, (state(), before)
        sys.path.insert(1, sys.argv[1])
        import torch
        print(torch.other)
        """
    out, _ = python("-c", textwrap.dedent(program), other, folders=[tree])
    assert out.splitlines()[-1] == "True"
    # A folder that only this copy was found by is searched meanwhile.
    gone = "import sys, functorch_lite.torch; del sys.path[0]\n"
    python("-c", gone + textwrap.dedent(program), other, cwd=tree)
    # Without a PYTHONPATH there is none afterwards.
    out, _ = python("-c", textwrap.dedent(program), other, cwd=tree)
    assert out.splitlines()[-1] == "True"


def test_install_by_many_threads(small):
    program = """
        import os, sys, threading
        sys.setswitchinterval(1e-6)
        start, found = threading.Barrier(16), []
        def work(turn):
            start.wait()
            install()
            name = "torch.nn.functional" if turn % 2 else "functorch_lite.torch.nn.functional"
            __import__(name)
            found.append(sys.modules[name])
        threads = [threading.Thread(target=work, args=(turn,)) for turn in range(16)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert len(found) == 16 and set(found) == {ours.nn.functional}
        assert sum(type(finder).__name__ == "_Finder" for finder in sys.meta_path) == 1
        assert os.environ["PYTHONPATH"].count("_path") == sum("_path" in p for p in sys.path) == 1
        """
    assert say(program, small) == ["nn is loaded"]


# ------------------------------------------------------------------------------- child processes
WORKER = """
    import functorch_lite.torch
    import multiprocessing, os, subprocess, sys, torch
    import torch._scripts.names

    class Job:
        def __call__(self, x):
            return x, torch.__file__, __name__, torch is functorch_lite.torch

    if __name__ == "__main__":
        for method in sys.argv[1:]:
            with multiprocessing.get_context(method).Pool(1) as pool:
                print(method, *pool.apply(Job(), (3,)), flush=True)
        elsewhere = os.path.dirname(os.path.abspath(__file__))
        child = "import torch, sys; print(torch.__name__, torch.__file__, sys.argv[1:])"
        subprocess.run([sys.executable, "-c", child, "x"], check=True, cwd=elsewhere)
        child = "import torch.version as a, functorch_lite.torch.version as b; print(a is b)"
        subprocess.run([sys.executable, "-c", child], check=True)
    """
METHODS = ["spawn", "forkserver"] if sys.platform != "win32" else ["spawn"]


@pytest.mark.parametrize("form", ["script", "module"])
def test_workers_and_children_get_the_same_torch(tree, other, tmp_path, form):
    work = tmp_path / "work"
    # This copy is found by the current folder alone: the children have to be told.
    shutil.copytree(tree / "functorch_lite", work / "functorch_lite")
    write(tmp_path, {"scripts/job.py": WORKER, "work/job.py": WORKER})
    program = ["../scripts/job.py"] if form == "script" else ["-m", "job"]
    out, _ = python("-m", "functorch_lite.torch", *program, *METHODS, folders=[other], cwd=work)
    file = work / "functorch_lite" / "torch" / "__init__.py"
    assert [line for line in out.splitlines() if "loaded" not in line] == [
        *(f"{m} 3 {file} __mp_main__ True" for m in METHODS),
        f"functorch_lite.torch {file} ['x']",
        "True",
    ]


def test_children_of_an_installing_program(small, other, tmp_path):
    write(tmp_path, {"job.py": "import functorch_lite.torch as t\nt.install()\n"})
    with open(tmp_path / "job.py", "a", encoding="utf-8") as file:
        file.write(textwrap.dedent(WORKER))
    out, _ = python(tmp_path / "job.py", "spawn", folders=[small, other], cwd=tmp_path)
    file = small / "functorch_lite" / "torch" / "__init__.py"
    assert out.splitlines() == [
        f"spawn 3 {file} __mp_main__ True",
        f"functorch_lite.torch {file} ['x']",
        "True",
    ]


def test_a_copy_of_the_library_that_is_already_imported_serves_the_child(small, tmp_path):
    shutil.copytree(small / "functorch_lite", tmp_path / "functorch_lite")
    program = "import functorch_lite.torch as ours, torch; print(torch is ours, torch.__file__)"
    shim = small / "functorch_lite" / "torch" / "_scripts" / "_path"
    out, _ = python("-c", program, folders=[shim, tmp_path])
    assert out == f"True {tmp_path / 'functorch_lite' / 'torch' / '__init__.py'}\n"


def test_no_more_children_after_uninstall(small, other):
    program = """
        import subprocess, sys
        uninstall()
        subprocess.run([sys.executable, "-c", "import torch; print(torch.other)"], check=True)
        """
    assert say(program, small, other) == ["True"]


# ------------------------------------------------------------------------------- the command line
SHOW = """
    '''What a program sees.'''
    import sys
    facts = sorted(globals()), __name__, __package__, __doc__, type(__builtins__).__name__
    print(*facts, globals().get("__file__"), globals().get("__cached__"), sys.argv, sys.path[0])
    print(type(__loader__).__name__, __spec__ and (__spec__.name, __spec__.origin))
    """
PROGRAMS = {
    "show.py": SHOW,
    "folder/__main__.py": SHOW,
    "package/__init__.py": "",
    "package/__main__.py": SHOW,
    "package/inner.py": SHOW,
    "wrong.py": "x = = 1\n",
    "fails.py": "def f():\n    raise ValueError('no')\n\ntry:\n    1 / 0\nfinally:\n    f()\n",
    "exits.py": "import sys, atexit\natexit.register(print, 'last')\nsys.exit(sys.argv[1])\n",
    "imports.py": "import package.missing\n",
    "hook.py": "import sys\nsys.excepthook = lambda k, v, t: print(k, v, t.tb_lineno)\n1 / 0\n",
    "latin.py": "# -*- coding: utf-8 -*-\nprint(ascii('é'))\n",
}


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    folder = write(tmp_path_factory.mktemp("programs"), PROGRAMS)
    shutil.make_archive(str(folder / "archive"), "zip", folder / "folder")
    (folder / "link.py").symlink_to(folder / "package" / "inner.py")
    return folder


def without_source(report):
    """A report of an error without lines of code, which Python 3.13 and later show of `-c`."""
    return [line for line in report.splitlines() if not line.startswith("    ")]


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("show.py -x y", 0),
        ("./package/inner.py", 0),
        ("link.py", 0),
        ("-- show.py", 0),
        ("-m show -c", 0),
        ("-mpackage.inner a", 0),
        ("-m package", 0),
        ("folder q", 0),
        ("archive.zip q", 0),
        ("latin.py", 0),
        ("-c SHOW -m", 0),
        ("-cSHOW", 0),
        ("- a b", 0),
        ("", 0),
        ("fails.py", 1),
        ("-m fails", 1),
        ("-c 1/0", 1),
        ("hook.py", 1),
        ("wrong.py", 1),
        ("imports.py", 1),
        ("exits.py bye", 1),
        ("absent.py", 2),
        ("package", 0),
        ("-m absent", 1),
        ("-m absent.inner", 1),
        ("-m show.py", 1),
        ("-m json", 1),
        ("-m math", 1),
        ("-m .show", 1),
    ],
)
def test_the_command_line_is_pythons(small, programs, line, status):
    arguments = [word.replace("SHOW", textwrap.dedent(SHOW)) for word in line.split()]
    stdin = textwrap.dedent(SHOW) if line in ("", "- a b") else None
    options = {"cwd": programs, "status": status, "stdin": stdin}
    theirs = python(*arguments, **options)
    ours = python("-m", "functorch_lite.torch", *arguments, folders=[small], **options)
    if line.startswith("-c"):
        theirs, ours = (theirs[0], without_source(theirs[1])), (ours[0], without_source(ours[1]))
    if line == "-m fails":
        # Python's own way to run a module leaves its frames in the report.
        shown = [text for text in theirs[1].splitlines() if "frozen runpy" not in text]
        theirs = theirs[0], "\n".join(shown) + "\n"
    assert ours == theirs


@pytest.mark.parametrize(
    ("arguments", "first"),
    [
        (["-Z"], "Unknown option: -Z"),
        (["-c"], "Argument expected for the -c option"),
        (["-m"], "Argument expected for the -m option"),
    ],
)
def test_a_wrong_command_line(small, arguments, first):
    _, ours = python("-m", "functorch_lite.torch", *arguments, folders=[small], status=2)
    _, theirs = python(*arguments, status=2)
    assert ours.splitlines()[0] == theirs.splitlines()[0] == first
    assert "usage: python -m functorch_lite.torch" in ours


def test_help(small):
    out, err = python("-m", "functorch_lite.torch", "-h", folders=[small])
    assert out.startswith("usage: python -m functorch_lite.torch [-c cmd | -m mod | file | -]")
    assert not err


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_an_interrupt_ends_the_process_as_a_signal(small):
    program = "import os, signal; os.kill(os.getpid(), signal.SIGINT)"
    status = -signal.SIGINT
    _, ours = python("-m", "functorch_lite.torch", "-c", program, folders=[small], status=status)
    _, theirs = python("-c", program, status=status)
    assert without_source(ours) == without_source(theirs)


def test_a_module_of_torch_runs_by_its_pytorch_name(small):
    line = ["-m", "functorch_lite.torch", "-m", "torch.utils.tool", "a"]
    assert python(*line, folders=[small])[0] == "__main__ ['a']\n"


# ------------------------------------------------------------------------------------- the names
def test_a_missing_name(small):
    program = """
        import pickle, torch
        for name in ["sofmax", "softmin", "nothing_like_it", "__wrapped__"]:
            try:
                getattr(torch, name)
            except AttributeError as error:
                assert type(error) is AttributeError and error.name == name
                assert error.args[0] == f"module 'torch' has no attribute {name!r}"
                assert str(pickle.loads(pickle.dumps(error))) == str(error)
                print(error)
        assert not hasattr(torch, "compile")
        torch.sofmax
        """
    lines = say(program, small, status=1)
    assert lines[-1] == (
        "AttributeError: module 'torch' has no attribute 'sofmax'; nearest here: torch.softmax"
    )


def test_the_text_of_a_missing_name():
    def text(*arguments):
        return str(names.missing(*arguments))

    assert text("functorch_lite.torch", "cumsum", ["mean", "add"]) == (
        "module 'torch' has no attribute 'cumsum'; PyTorch has torch.cumsum, functorch_lite.torch "
        "does not yet"
    )
    assert text("torch.Tensor", "sofmax", ["softmax", "_softmax"]) == (
        "'Tensor' object has no attribute 'sofmax'; nearest here: softmax"
    )
    assert text("torch.nn", "Linear", []).startswith("module 'torch.nn' has no attribute 'Linear';")
    assert text("torch", "qqqqq", ["add"]) == "module 'torch' has no attribute 'qqqqq'"
    error = names.missing("torch", "sofmax", ["softmax"])
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_the_first_words_are_pytorchs():
    real = pytest.importorskip("torch")
    for module, owner in ((real.__name__, real), ("torch.nn", real.nn), ("torch.Tensor", None)):
        with pytest.raises(AttributeError) as caught:
            _ = (real.ones(1) if owner is None else owner).no_such_name
        assert names.missing(module, "no_such_name", []).args[0] == str(caught.value)
