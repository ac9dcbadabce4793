"""Object code on disk, shared by the processes of one user.

Each file holds one object and the keys of the texts in it, and has one name (a hard link) per key.
The file carries a code that only holders of the user's secret can compute, so a file that was
damaged, cut short, exchanged or written by somebody else is noticed. Nothing here raises for what
the disk does: a cache that cannot be read misses, one that cannot be written stays as it was.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import itertools
import json
import os
import secrets
import stat
import sys
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from functorch_lite.backends.cpu import counters

__all__ = ["DEFAULT_LIMIT", "Entry", "Store", "cache_directory", "store"]

DEFAULT_LIMIT = 512 << 20

_DIRECTORY = "FUNCTORCH_LITE_CACHE_DIR"
_SIZE = "FUNCTORCH_LITE_CACHE_SIZE"
_MAGIC = b"FLOBJ01\n"
_CODE = 32
_BLOCK = 4096
_LARGEST_FILE = 64 << 20
# A hit renews the file's time only when it is older than this: a write for each read is dear.
_RENEW_SECONDS = 3600.0
_STALE_SECONDS = 3600.0
_LEDGER = "written"
_COUNTER = itertools.count()
_CLOEXEC = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)


@dataclass(frozen=True)
class Entry:
    """What one file of the cache holds.

    Attributes:
        data: the object file.
        functions: key of each text in it, to the names of that text's functions.
        symbols: names the code needs from outside.
    """

    data: bytes
    functions: dict[str, tuple[str, ...]]
    symbols: tuple[str, ...]


def cache_directory() -> Path | None:
    """Return where compiled code is kept, or None where that is switched off.

    The environment variable `FUNCTORCH_LITE_CACHE_DIR` names the directory; empty or `0` switches
    the cache off. Without it, it is the platform's place for caches.
    """
    asked = os.environ.get(_DIRECTORY)
    if asked is not None:
        return Path(asked) if asked not in ("", "0") else None
    try:
        if sys.platform == "darwin":
            return Path.home() / "Library" / "Caches" / "functorch_lite"
        if sys.platform == "win32":
            local = os.environ.get("LOCALAPPDATA")
            return (Path(local) if local else Path.home() / "AppData/Local") / "functorch_lite"
        base = os.environ.get("XDG_CACHE_HOME", "")
        # The specification of that variable has relative paths ignored.
        return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "functorch_lite"
    except RuntimeError:
        return None


def store() -> Store | None:
    """Return the cache in `cache_directory()`, or None where there is none to use."""
    directory = cache_directory()
    if directory is None:
        return None
    size = os.environ.get(_SIZE, "")
    return _open(str(directory), int(size) if size.isdecimal() else DEFAULT_LIMIT)


@functools.cache
def _open(directory: str, limit: int) -> Store | None:
    root = Path(directory)
    try:
        for place in (root, root / "objects"):
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            problem = _problem(place)
            if problem:
                # A place others can write to would let them run code here.
                warnings.warn(f"compiled code is not kept on disk: {problem}", stacklevel=2)
                return None
        secret = _secret(root / "secret")
    except OSError:
        return None
    return Store(root / "objects", secret, limit) if secret else None


def _problem(place: Path) -> str:
    """Return why `place` may not hold code, or an empty string."""
    found = place.stat()
    if not stat.S_ISDIR(found.st_mode):
        return f"{place} is not a directory"
    if hasattr(os, "getuid"):
        if found.st_uid != os.getuid():
            return f"{place} belongs to another user"
        if found.st_mode & 0o022:
            return f"{place} can be written by other users (its mode should be 0700)"
    return ""


def _secret(path: Path) -> bytes:
    """Return the user's secret, made on first use; empty where it can be neither read nor made."""
    for _ in range(3):
        found = _read_secret(path)
        if found:
            return found
        fresh = path.with_name(f".secret.{os.getpid()}.{next(_COUNTER)}.tmp")
        try:
            _write(fresh, secrets.token_bytes(_CODE))
            try:
                # A link fails where another process was first, so all of them agree.
                os.link(fresh, path)
            except FileExistsError:
                pass
            except OSError:
                os.replace(fresh, path)
        except OSError:
            return b""
        finally:
            _remove(fresh)
    return b""


def _read_secret(path: Path) -> bytes:
    try:
        handle = os.open(path, os.O_RDONLY | _CLOEXEC | _NOFOLLOW)
    except FileNotFoundError:
        return b""
    except OSError:
        _remove(path)
        return b""
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(file.fileno())
        private = not hasattr(os, "getuid") or (
            found.st_uid == os.getuid() and not found.st_mode & 0o077
        )
        text = file.read(_CODE + 1)
    if private and len(text) == _CODE:
        return text
    _remove(path)
    return b""


@dataclass(eq=False)
class Store:
    """A directory of object files.

    Args:
        root: the directory.
        secret: key of the code in each file.
        limit: most bytes of the files together.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as place:
        ...     kept = Store(Path(place), b"k" * 32)
        ...     kept.write(Entry(b"object", {"ab": ("f",)}, ()))
        ...     kept.read("ab").functions, kept.read("cd")
        ({'ab': ('f',)}, None)
    """

    root: Path
    secret: bytes = field(repr=False)
    limit: int = DEFAULT_LIMIT

    def read(self, key: str) -> Entry | None:
        """Return the file that holds the text of `key`; a file that is no good is removed."""
        start = time.perf_counter()
        path = self.root / key
        try:
            entry = self._read(path, key)
        except FileNotFoundError:
            counters.add(disk_misses=1, disk_seconds=time.perf_counter() - start)
            return None
        except (OSError, ValueError):
            _remove(path)
            counters.add(refused=1, disk_misses=1, disk_seconds=time.perf_counter() - start)
            return None
        counters.add(disk_seconds=time.perf_counter() - start)
        return entry

    def _read(self, path: Path, key: str) -> Entry:
        handle = os.open(path, os.O_RDONLY | _CLOEXEC | _NOFOLLOW)
        with os.fdopen(handle, "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_size > _LARGEST_FILE:
                raise ValueError("not an object file")
            text = file.read(found.st_size + 1)
        body = memoryview(text)[len(_MAGIC) + _CODE :]
        if text[: len(_MAGIC)] != _MAGIC or not hmac.compare_digest(
            self._code(body), text[len(_MAGIC) : len(_MAGIC) + _CODE]
        ):
            raise ValueError("not written by this user")
        length = int.from_bytes(body[:4], "little")
        index = json.loads(bytes(body[4 : 4 + length]))
        if key not in index["functions"]:
            raise ValueError("another text's object")
        if time.time() - found.st_mtime > _RENEW_SECONDS:
            try:
                os.utime(path)
            except OSError:
                pass
        return Entry(
            bytes(body[4 + length :]),
            {name: tuple(items) for name, items in index["functions"].items()},
            tuple(index["symbols"]),
        )

    def _code(self, body: bytes | memoryview) -> bytes:
        return hashlib.blake2b(body, key=self.secret, digest_size=_CODE).digest()

    def write(self, entry: Entry) -> None:
        """Keep `entry` under each of its keys, as far as the disk allows."""
        start = time.perf_counter()
        index = json.dumps({"functions": entry.functions, "symbols": entry.symbols}).encode()
        body = len(index).to_bytes(4, "little") + index + entry.data
        text = _MAGIC + self._code(body) + body
        try:
            self._write(list(entry.functions), text)
            self._account(len(text))
        except OSError:
            counters.add(failed_writes=1)
        else:
            counters.add(written=1)
        counters.add(disk_seconds=time.perf_counter() - start)

    def _write(self, keys: Sequence[str], text: bytes) -> None:
        stem = f".{os.getpid()}.{next(_COUNTER)}"
        first = self.root / f"{stem}.tmp"
        link = self.root / f"{stem}.link.tmp"
        try:
            try:
                _write(first, text)
            except FileNotFoundError:
                self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
                _write(first, text)
            for key in keys[1:]:
                try:
                    os.link(first, link)
                except FileExistsError:
                    raise
                except OSError:
                    # Some file systems have no links: then each key gets a file of its own.
                    _write(link, text)
                os.replace(link, self.root / key)
            os.replace(first, self.root / keys[0])
        finally:
            _remove(first)
            _remove(link)

    def _account(self, size: int) -> None:
        """Note that `size` bytes were written; clean up once an eighth of the limit was."""
        blocks = -(-size // _BLOCK)
        ledger = self.root / _LEDGER
        # The ledger grows by a byte per block. Appending is safe between processes.
        handle = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT | _CLOEXEC, 0o600)
        try:
            os.write(handle, bytes(blocks))
            written = os.fstat(handle).st_size * _BLOCK
            if written * 8 > self.limit:
                os.ftruncate(handle, 0)
                self.prune()
        finally:
            os.close(handle)

    def prune(self) -> None:
        """Remove the objects unused for longest until three quarters of the limit are left."""
        files: dict[int, tuple[float, int, list[str]]] = {}
        now = time.time()
        with os.scandir(self.root) as listing:
            for item in listing:
                try:
                    # The listing of Windows leaves out the number that tells links apart.
                    found = os.stat(item.path, follow_symlinks=False)
                except OSError:
                    continue
                if item.name.endswith(".tmp"):
                    if now - found.st_mtime > _STALE_SECONDS:
                        _remove(Path(item.path))
                    continue
                if item.name == _LEDGER:
                    continue
                size = -(-found.st_size // _BLOCK) * _BLOCK
                files.setdefault(found.st_ino, (found.st_mtime, size, []))[2].append(item.path)
        total = sum(size for _, size, _ in files.values())
        if total * 8 <= self.limit * 7:
            return
        for _, size, paths in sorted(files.values()):
            if total * 4 <= self.limit * 3:
                break
            for path in paths:
                _remove(Path(path))
            total -= size
            counters.add(removed=1)


def _write(path: Path, text: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _CLOEXEC | _NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(text)


def _remove(path: Path) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass
