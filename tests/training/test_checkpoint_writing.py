"""A checkpoint is whole or absent, whatever fails in between; a folder keeps the last few."""

import os
import stat

import pytest

import functorch_lite.numpy as fnp
from functorch_lite.errors import CheckpointError
from functorch_lite.training import CheckpointManager, checkpoint

OLD, NEW = {"w": fnp.zeros(3)}, {"w": fnp.ones(3)}


class Crash(BaseException):
    """Not an Exception, like KeyboardInterrupt."""


def crash(*args, **kwargs):
    raise Crash


def is_old(path):
    return checkpoint.load(path)["w"].tolist() == [0, 0, 0]


@pytest.mark.parametrize("function", ["fsync", "replace"])
@pytest.mark.parametrize("existed", [False, True])
def test_a_crash_while_writing_leaves_what_was_there(tmp_path, monkeypatch, function, existed):
    path = tmp_path / "x"
    if existed:
        checkpoint.save(path, OLD)
    with monkeypatch.context() as patch:
        patch.setattr(os, function, crash)
        with pytest.raises(Crash):
            checkpoint.save(path, NEW)
    assert [p.name for p in tmp_path.iterdir()] == ["x"] * existed
    assert not existed or is_old(path)
    checkpoint.save(path, NEW)
    assert not is_old(path)


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "x"
    checkpoint.save(path, OLD)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            checkpoint.save(path, NEW)
    assert [p.name for p in tmp_path.iterdir()] == ["x"]
    assert is_old(path)


def test_the_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    calls = []
    for name in ("fsync", "replace"):
        function = getattr(os, name)

        def noted(*args, name=name, function=function):
            what = name
            if name == "fsync":
                folder = stat.S_ISDIR(os.fstat(args[0]).st_mode)
                what = "sync folder" if folder else "sync file"
            calls.append(what)
            return function(*args)

        monkeypatch.setattr(os, name, noted)
    checkpoint.save(tmp_path / "x", OLD)
    expected = ["sync file", "replace", "sync folder"]
    assert calls == (expected[:2] if os.name == "nt" else expected)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_the_file_has_the_permissions_of_an_ordinary_one(tmp_path):
    (tmp_path / "ordinary").write_bytes(b"")
    checkpoint.save(tmp_path / "x", OLD)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("ordinary", "x")]
    assert modes[0] == modes[1]


# ---------------------------------------------------------------- the manager
def test_the_last_few_are_kept(tmp_path):
    manager = CheckpointManager(tmp_path / "a" / "b", keep=2)
    assert manager.latest() is None
    assert manager.steps() == []
    for step in (1, 5, 10, 1000):
        manager.save(step, {"step": step})
        assert manager.latest() == step
    assert manager.steps() == [10, 1000]
    assert manager.restore() == {"step": 1000}
    assert manager.restore(like={"step": 0}, step=10) == {"step": 10}
    keeps_all = CheckpointManager(tmp_path / "c", keep=None)
    for step in range(6):
        keeps_all.save(step, None)
    assert keeps_all.steps() == list(range(6))
    assert keeps_all.restore() is None


def test_going_back_to_an_earlier_step_keeps_what_is_written(tmp_path):
    manager = CheckpointManager(tmp_path, keep=2)
    for step in (10, 20, 5):
        manager.save(step, step)
    assert manager.steps() == [5, 20]


def test_damaged_and_unfinished_files_are_passed_over(tmp_path):
    manager = CheckpointManager(tmp_path, keep=3)
    for step in (1, 2, 3):
        manager.save(step, {"w": fnp.full(100, float(step))})
    whole = manager.path(3).read_bytes()
    manager.path(3).write_bytes(whole[:-1])
    manager.path(2).write_bytes(b"")
    left = tmp_path / f".{manager.path(4).name}.0123456789abcdef.tmp"
    left.write_bytes(whole)
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    assert manager.latest() == 1
    assert manager.restore()["w"][0] == 1
    with pytest.raises(CheckpointError, match="cut off"):
        manager.restore(step=3)
    manager.save(4, {"w": fnp.zeros(1)})
    assert not left.exists()
    assert (tmp_path / "notes.txt").exists()
    assert manager.steps() == [2, 3, 4]


def test_a_failed_save_removes_nothing(tmp_path):
    manager = CheckpointManager(tmp_path, keep=1)
    manager.save(1, {"w": 1})
    with pytest.raises(CheckpointError):
        manager.save(2, {"w": abs})
    assert manager.restore() == {"w": 1}


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda folder: CheckpointManager(folder, keep=0), ValueError, "keep >= 1"),
        (lambda folder: CheckpointManager(folder).save(-1, 0), ValueError, "step >= 0"),
        (lambda folder: CheckpointManager(folder).restore(), CheckpointError, "a whole checkpoint"),
        (
            lambda folder: CheckpointManager(folder).restore(step=3),
            CheckpointError,
            "one of step 3",
        ),
    ],
)
def test_messages(tmp_path, call, error, message):
    with pytest.raises(error, match=message):
        call(tmp_path)
