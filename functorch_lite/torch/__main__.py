"""Run a PyTorch program on this package: ``python -m functorch_lite.torch script.py``.

The command line is Python's own: a script, a folder or zip file with a ``__main__.py``, ``-m``,
``-c`` or a program on standard input, and what the program finds in ``sys`` and in its ``__main__``
module is what Python would give it. Processes that it starts import the same ``torch``.
"""

from __future__ import annotations

import builtins
import code as console
import importlib.util
import io
import os
import pkgutil
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import (
    BuiltinImporter,
    ModuleSpec,
    SourceFileLoader,
    SourcelessFileLoader,
)
from types import CodeType, ModuleType, TracebackType
from typing import Any, NoReturn

from functorch_lite.torch._scripts.install import install

PROGRAM = "python -m functorch_lite.torch"
USAGE = f"usage: {PROGRAM} [-c cmd | -m mod | file | -] [arg] ..."
HELP = f"""{USAGE}
Runs a Python program in which `import torch` gives functorch_lite.torch.

file   : program read from a script file, or from __main__.py of a folder or zip file
-c cmd : program passed in as a string
-m mod : run a library module as a script
-      : program read from standard input (default; interactive if that is a terminal)
-h     : print this help message and exit (also --help)
arg ...: arguments passed to the program in sys.argv[1:]

Options of Python itself go before -m: python -X dev -m functorch_lite.torch script.py
Programs that the script starts get the same torch through PYTHONPATH."""

Source = Callable[[], CodeType]


def _fail(message: str, status: int) -> NoReturn:
    """End with a message in the form of Python's own."""
    print(f"{sys.executable}: {message}", file=sys.stderr)
    raise SystemExit(status)


def _misused(message: str) -> NoReturn:
    """End because of the command line."""
    print(f"{message}\n{USAGE}\nTry `{PROGRAM} -h' for more information.", file=sys.stderr)
    raise SystemExit(2)


def _search_first(folder: str) -> None:
    """Put what belongs at ``sys.path[0]`` in place of the folder that ``-m`` has put there."""
    if not sys.flags.safe_path:
        sys.path[0:1] = [folder]


def _new_main() -> ModuleType:
    """A fresh ``__main__`` module with the names that Python gives it."""
    main = ModuleType("__main__")
    main.__dict__["__builtins__"] = builtins
    main.__loader__ = BuiltinImporter
    if sys.version_info < (3, 14):
        main.__annotations__ = {}
    sys.modules["__main__"] = main
    return main


def _describe(main: ModuleType, spec: ModuleSpec) -> None:
    """Set what a module found by its spec has."""
    main.__spec__ = spec
    main.__package__ = spec.parent
    main.__loader__ = spec.loader
    main.__file__ = spec.origin
    main.__dict__["__cached__"] = spec.cached


def _users(trace: TracebackType | None) -> TracebackType | None:
    """The part of a traceback below this file and the import system."""
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if name != __file__ and not name.startswith("<frozen importlib"):
            break
        trace = trace.tb_next
    return trace


def _run(main: ModuleType, source: Source) -> None:
    """Run the program; an error ends the process as it would end Python, without our frames."""
    try:
        exec(source(), main.__dict__)
    except SystemExit:
        raise
    except BaseException as error:
        ended, trace, shown = error, _users(error.__traceback__), sys.excepthook

        # Frames are added while the error travels up; the interpreter calls this at the very end.
        def show(kind: type[BaseException], value: BaseException, _: Any) -> None:
            sys.excepthook = shown
            if value is ended:
                value.__traceback__ = sys.last_traceback = trace
            shown(kind, value, value.__traceback__)

        sys.excepthook = show
        raise


def _code_of(spec: ModuleSpec, shown: str) -> CodeType:
    """The code of a module that was found."""
    if spec.loader is None:
        _fail(f"{shown!r} is a namespace package and cannot be executed", 1)
    get_code = getattr(spec.loader, "get_code", None)
    code: CodeType | None = None if get_code is None else get_code(spec.name)
    if code is None:
        _fail(f"No code object available for {shown}", 1)
    return code


def _find(name: str) -> ModuleSpec | None:
    """The spec of the module `name`; errors of the packages above it are the program's."""
    try:
        return importlib.util.find_spec(name)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        package = name.rpartition(".")[0]
        if isinstance(error, ImportError) and (
            error.name is None or not f"{package}.".startswith(f"{error.name}.")
        ):
            if error.name != name:
                raise
        hint = f". Try using '{name[:-3]}' instead of '{name}' as the module name."
        _fail(
            f"Error while finding module specification for {name!r} "
            f"({type(error).__name__}: {error}){hint if name.endswith('.py') else ''}",
            1,
        )


def _module_to_run(name: str) -> ModuleSpec:
    """The spec of what ``-m name`` runs."""
    if name.startswith("."):
        _fail("Relative module names not supported", 1)
    spec = _find(name)
    if spec is None:
        _fail(f"No module named {name}", 1)
    if spec.submodule_search_locations is None:
        return spec
    if name == "__main__" or name.endswith(".__main__"):
        _fail("Cannot use package as __main__ module", 1)
    inner = _find(f"{name}.__main__")
    if inner is None:
        reason = f"{name!r} is a package and cannot be directly executed"
        _fail(f"No module named {name}.__main__; {reason}", 1)
    return inner


def _run_module(name: str, rest: Sequence[str]) -> None:
    sys.argv = ["-m", *rest]
    install()
    main = _new_main()

    def source() -> CodeType:
        spec = _module_to_run(name)
        code = _code_of(spec, spec.name)
        _describe(main, spec)
        sys.argv[0] = str(spec.origin)
        return code

    _run(main, source)


def _run_text(text: str | bytes, name: str, argv: Sequence[str]) -> None:
    sys.argv = list(argv)
    _search_first("")
    install()
    main = _new_main()
    if name == "<stdin>":
        main.__dict__.update(__file__=name, __cached__=None)
    _run(main, lambda: compile(text, name, "exec", dont_inherit=True))


def _run_container(path: str, importer: Any, rest: Sequence[str]) -> None:
    """Run ``__main__.py`` of a folder or zip file."""
    full = os.path.abspath(path)
    spec = importer.find_spec("__main__")
    if spec is None:
        _fail(f"can't find '__main__' module in {full!r}", 1)
    sys.argv = [path, *rest]
    _search_first(full)
    install()
    main = _new_main()
    _describe(main, spec)
    _run(main, lambda: _code_of(spec, "__main__"))


def _run_script(path: str, rest: Sequence[str]) -> None:
    importer = pkgutil.get_importer(os.path.abspath(path))
    if importer is not None:
        return _run_container(path, importer, rest)
    full = os.path.join(os.getcwd(), path)
    try:
        with io.open_code(full) as file:
            text = file.read()
    except OSError as error:
        _fail(f"can't open file {full!r}: [Errno {error.errno}] {error.strerror}", 2)
    sys.argv = [path, *rest]
    _search_first(os.path.dirname(os.path.realpath(path)))
    install()
    main = _new_main()
    # Without a spec, processes that multiprocessing spawns run this file again by its path.
    main.__file__ = full
    main.__dict__["__cached__"] = None
    if path.endswith(".pyc"):
        compiled = SourcelessFileLoader("__main__", full)
        main.__loader__ = compiled
        return _run(main, lambda: _code_of(ModuleSpec("__main__", compiled), "__main__"))
    main.__loader__ = SourceFileLoader("__main__", full)
    return _run(main, lambda: compile(text, full, "exec", dont_inherit=True))


def _run_stdin(argv: Sequence[str]) -> None:
    """Run standard input, or talk to a terminal."""
    if not sys.stdin.isatty():
        return _run_text(sys.stdin.buffer.read(), "<stdin>", argv)
    sys.argv = list(argv)
    _search_first("")
    install()
    main = _new_main()
    if hook := getattr(sys, "__interactivehook__", None):
        hook()
    banner = f"Python {sys.version} on {sys.platform}\n`import torch` gives functorch_lite.torch."
    console.interact(banner, local=main.__dict__, exitmsg="")
    return None


def main(arguments: Sequence[str]) -> None:
    """Run the program that a command line names.

    Args:
        arguments: the command line after ``python -m functorch_lite.torch``.

    Raises:
        SystemExit: with Python's status where the program cannot be found, or ends so itself.
    """
    if not arguments:
        return _run_stdin([""])
    first, *rest = arguments
    if first == "-":
        return _run_stdin(["-", *rest])
    if not first.startswith("-"):
        return _run_script(first, rest)
    if first == "--":
        return main(["./" + rest[0], *rest[1:]] if rest and rest[0][:1] == "-" else rest)
    if first in ("-h", "--help"):
        print(HELP)
        return None
    option = first[:2]
    if option not in ("-c", "-m"):
        _misused(f"Unknown option: {option}")
    # As with Python, the argument may follow its option without a space.
    if len(first) == 2 and not rest:
        _misused(f"Argument expected for the {option} option")
    value, rest = (first[2:], rest) if len(first) > 2 else (rest[0], rest[1:])
    if option == "-m":
        return _run_module(value, rest)
    return _run_text(value + "\n", "<string>", ["-c", *rest])


if __name__ == "__main__":
    main(sys.argv[1:])
