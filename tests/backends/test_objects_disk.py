"""The disk cache of object code: what it keeps, what it refuses, what it survives."""

import ctypes
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from functorch_lite.backends.cpu import objects, objects_disk
from functorch_lite.backends.cpu.objects_disk import Entry, Store

pytest.importorskip("llvmlite.binding")
POSIX = pytest.mark.skipif(not hasattr(os, "getuid"), reason="modes and owners of POSIX")


def text_of(name, value):
    return f"define i32 @{name}(i32 %x) {{ %y = add i32 %x, {value} ret i32 %y }}\n"


def call(loaded, name):
    return ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_int32)(loaded.functions[name])(100)


@pytest.fixture(autouse=True)
def place(monkeypatch, tmp_path):
    monkeypatch.setenv("FUNCTORCH_LITE_CACHE_DIR", str(tmp_path / "cache"))
    forget()
    return tmp_path / "cache"


def forget():
    """Unload code that nothing holds, so that the next look-up goes to the disk."""
    objects.forget()


def files(place):
    return sorted(p for p in (place / "objects").iterdir() if len(p.name) == 64)


def one(name, value):
    (made,) = objects.load_many([text_of(name, value)])
    source, answer = made.source, call(made, name)
    del made
    forget()
    return source, answer


def test_second_process_reads_from_disk(place):
    assert one("disk", 1) == ("compiled", 101)
    before = objects.statistics()
    assert one("disk", 1) == ("disk", 101)
    after = objects.statistics()
    assert after.disk_hits - before.disk_hits == 1
    assert after.parsed == before.parsed
    assert one("disk", 2) == ("compiled", 102)


def test_texts_compiled_together_share_a_file_and_load_together(place):
    texts = [text_of(f"batch{k}", k) for k in range(10)]
    made = objects.load_many(texts)
    assert {m.source for m in made} == {"compiled"}
    assert len(files(place)) == 10
    del made
    forget()
    before = objects.statistics()
    made = objects.load_many(texts[3:5])
    assert [m.source for m in made] == ["disk", "disk"]
    assert [call(m, f"batch{k}") for k, m in zip((3, 4), made, strict=True)] == [103, 104]
    assert objects.statistics().loaded - before.loaded == 1
    assert objects.load_many(texts[:1])[0].source == "memory"


@POSIX
def test_modes_are_private(place):
    one("modes", 1)
    assert place.stat().st_mode & 0o777 == 0o700
    assert (place / "objects").stat().st_mode & 0o777 == 0o700
    assert (place / "secret").stat().st_mode & 0o777 == 0o600
    assert files(place)[0].stat().st_mode & 0o777 == 0o600


def test_every_damaged_byte_is_noticed(place):
    one("flip", 5)
    (path,) = files(place)
    good = path.read_bytes()
    for position in [0, 7, 8, 20, 39, 40, 44, 60, len(good) // 2, len(good) - 1]:
        bad = bytearray(good)
        bad[position] ^= 0x40
        path.write_bytes(bytes(bad))
        before = objects.statistics()
        assert one("flip", 5) == ("compiled", 105), position
        assert objects.statistics().refused - before.refused == 1
        assert path.read_bytes()[40:44] == good[40:44]
        assert one("flip", 5) == ("disk", 105)


@pytest.mark.parametrize("length", [0, 5, 39, 40, 43, 44, 100, -1])
def test_truncated_files_are_noticed(place, length):
    one("cut", 5)
    (path,) = files(place)
    path.write_bytes(path.read_bytes()[:length])
    assert one("cut", 5) == ("compiled", 105)
    assert one("cut", 5) == ("disk", 105)


def test_exchanged_files_are_noticed(place):
    one("left", 1)
    (left,) = files(place)
    one("right", 2)
    (right,) = set(files(place)) - {left}
    a, b = left.read_bytes(), right.read_bytes()
    left.write_bytes(b)
    right.write_bytes(a)
    assert one("left", 1) == ("compiled", 101)
    assert one("right", 2) == ("compiled", 102)


def test_files_written_without_the_secret_are_refused(place):
    one("forged", 1)
    (path,) = files(place)
    other = Store(place / "objects", b"x" * 32)
    other.write(Entry(b"machine code", {path.name: ("forged",)}, ()))
    assert one("forged", 1) == ("compiled", 101)


def test_a_new_secret_makes_old_files_worthless_but_harmless(place):
    one("secret", 1)
    (place / "secret").write_bytes(b"short")
    objects_disk._open.cache_clear()
    assert one("secret", 1) == ("compiled", 101)
    assert len((place / "secret").read_bytes()) == 32
    assert one("secret", 1) == ("disk", 101)


@POSIX
def test_a_secret_that_others_can_read_is_replaced(place):
    one("leaked", 1)
    old = (place / "secret").read_bytes()
    (place / "secret").chmod(0o644)
    objects_disk._open.cache_clear()
    assert one("leaked", 1) == ("compiled", 101)
    assert (place / "secret").read_bytes() != old
    assert (place / "secret").stat().st_mode & 0o777 == 0o600


def test_a_directory_in_place_of_a_file_is_survived(place):
    one("folder", 1)
    (path,) = files(place)
    path.unlink()
    path.mkdir()
    assert one("folder", 1) == ("compiled", 101)


@POSIX
@pytest.mark.parametrize("inner", [False, True])
def test_a_place_others_can_write_is_not_used(place, inner):
    spot = place / "objects" if inner else place
    spot.mkdir(parents=True)
    spot.chmod(0o777)
    with pytest.warns(UserWarning, match="can be written by other users"):
        assert one("open", 1) == ("compiled", 101)
    # The warning comes once.
    assert one("open", 1) == ("compiled", 101)
    assert not list(place.rglob("secret"))


@POSIX
def test_a_place_of_another_user_is_not_used(place, monkeypatch):
    one("stranger", 1)
    objects_disk._open.cache_clear()
    real = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: real + 1)
    with pytest.warns(UserWarning, match="belongs to another user"):
        assert one("stranger", 1) == ("compiled", 101)


@pytest.mark.parametrize("value", ["", "0"])
def test_switched_off(place, monkeypatch, value):
    monkeypatch.setenv("FUNCTORCH_LITE_CACHE_DIR", value)
    assert one("off", 1) == ("compiled", 101)
    assert one("off", 1) == ("compiled", 101)
    assert not place.exists()


def test_default_directories(monkeypatch, tmp_path):
    monkeypatch.delenv("FUNCTORCH_LITE_CACHE_DIR")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    expected = {"linux": "xdg", "darwin": "Library/Caches", "win32": "local"}
    for platform, folder in expected.items():
        monkeypatch.setattr(sys, "platform", platform)
        assert objects_disk.cache_directory() == tmp_path / folder / "functorch_lite"
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert objects_disk.cache_directory() == tmp_path / ".cache" / "functorch_lite"

    def homeless():
        raise RuntimeError("no home")

    monkeypatch.setattr(Path, "home", homeless)
    assert objects_disk.cache_directory() is None
    assert objects_disk.store() is None


def test_a_directory_that_cannot_be_written_does_no_harm(place, monkeypatch):
    one("before", 1)
    real = os.open

    def read_only(path, flags, mode=0o777):
        if flags & (os.O_WRONLY | os.O_CREAT):
            raise OSError(30, "Read-only file system", str(path))
        return real(path, flags, mode)

    def refuse(*paths):
        raise OSError(30, "Read-only file system", str(paths[0]))

    monkeypatch.setattr(os, "open", read_only)
    for name in ("link", "replace", "unlink", "utime"):
        monkeypatch.setattr(os, name, refuse)
    assert one("before", 1) == ("disk", 101)
    assert one("after", 2) == ("compiled", 102)
    # A damaged file that cannot be removed is passed over each time.
    (path,) = files(place)
    path.write_bytes(b"damaged")
    assert one("before", 1) == ("compiled", 101)
    assert one("before", 1) == ("compiled", 101)


def test_a_directory_that_cannot_be_made_does_no_harm(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("FUNCTORCH_LITE_CACHE_DIR", str(tmp_path / "file" / "cache"))
    assert one("blocked", 1) == ("compiled", 101)


def test_a_full_disk_does_no_harm(place, monkeypatch):
    one("room", 1)

    def full(path, text):
        path.write_bytes(text[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(objects_disk, "_write", full)
    before = objects.statistics()
    assert one("none", 2) == ("compiled", 102)
    assert objects.statistics().failed_writes - before.failed_writes == 1
    assert not [p for p in (place / "objects").iterdir() if p.name.endswith(".tmp")]


def test_a_directory_removed_meanwhile_is_made_again(place):
    one("gone", 1)
    for path in (place / "objects").iterdir():
        path.unlink()
    (place / "objects").rmdir()
    assert one("gone", 1) == ("compiled", 101)
    assert one("gone", 1) == ("disk", 101)


def test_without_hard_links_each_text_gets_its_file(place, monkeypatch):
    def refuse(source, target):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", refuse)
    objects.load_many([text_of(f"copy{k}", k) for k in range(3)])
    forget()
    assert [one(f"copy{k}", k) for k in range(3)] == [("disk", 100 + k) for k in range(3)]
    assert len({p.stat().st_ino for p in files(place)}) == 3


def test_size_is_bounded_and_the_oldest_go_first(tmp_path):
    limit = 64 * 4096
    store = Store(tmp_path, b"k" * 32, limit)
    total = 0
    for k in range(200):
        store.write(Entry(bytes(3000), {f"{k:064}": ("f",), f"{k + 1000:064}": ("g",)}, ()))
        path = tmp_path / f"{k:064}"
        os.utime(path, (1000.0 + k, 1000.0 + k))
        inodes = {p.stat().st_ino for p in tmp_path.iterdir() if len(p.name) == 64}
        total = max(total, len(inodes) * 4096)
    assert total <= limit
    left = [k for k in range(200) if (tmp_path / f"{k:064}").exists()]
    assert left == list(range(left[0], 200))
    assert len(left) >= 16
    assert all((tmp_path / f"{k + 1000:064}").exists() for k in left)
    assert store.read(f"{199:064}") is not None
    assert store.read(f"{0:064}") is None


def test_a_hit_renews_the_time_of_an_old_file(tmp_path):
    store = Store(tmp_path, b"k" * 32)
    store.write(Entry(b"object", {"a" * 64: ("f",)}, ()))
    path = tmp_path / ("a" * 64)
    os.utime(path, (1000.0, 1000.0))
    assert store.read("a" * 64) is not None
    assert time.time() - path.stat().st_mtime < 1000.0


def test_abandoned_temporary_files_are_removed(tmp_path):
    store = Store(tmp_path, b"k" * 32, limit=0)
    (tmp_path / ".1.1.tmp").write_bytes(b"old")
    os.utime(tmp_path / ".1.1.tmp", (1000.0, 1000.0))
    (tmp_path / ".1.2.tmp").write_bytes(b"new")
    store.write(Entry(b"object", {"a" * 64: ("f",)}, ()))
    assert not (tmp_path / ".1.1.tmp").exists()
    assert (tmp_path / ".1.2.tmp").exists()


def test_limit_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("FUNCTORCH_LITE_CACHE_SIZE", "12345")
    assert objects_disk.store().limit == 12345
    monkeypatch.setenv("FUNCTORCH_LITE_CACHE_SIZE", "much")
    assert objects_disk.store().limit == objects_disk.DEFAULT_LIMIT


PROCESS = """
import ctypes, sys
from functorch_lite.backends.cpu import objects
texts = [f"define i32 @p{k}(i32 %x) {{ %y = add i32 %x, {k} ret i32 %y }}\\n" for k in range(24)]
call = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_int32)
for turn in range(4):
    for part in range(0, 24, 6):
        made = objects.load_many(texts[part:part + 6])
        for k, one in enumerate(made, part):
            assert call(one.functions[f"p{k}"])(1000) == 1000 + k
    del made, one
    objects.forget()
print(objects.statistics().refused)
"""


def test_processes_share_the_cache(place):
    workers = [
        subprocess.Popen([sys.executable, "-c", PROCESS], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    answers = [worker.communicate(timeout=120)[0].strip() for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0, 0]
    assert answers == ["0", "0", "0"]
    assert len(files(place)) == 24
    assert not [p for p in (place / "objects").iterdir() if p.name.endswith(".tmp")]
    before = objects.statistics()
    texts = [text_of(f"p{k}", k) for k in range(24)]
    assert {one.source for one in objects.load_many(texts)} == {"disk"}
    assert objects.statistics().parsed == before.parsed
