"""A folder of checkpoints: the last few, numbered by step."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from functorch_lite.errors import CheckpointError
from functorch_lite.training.atomic import TEMPORARY_SUFFIX
from functorch_lite.training.checkpoint import load, save
from functorch_lite.training.tensor_file import read_header

__all__ = ["CheckpointManager"]

_NAME = re.compile(r"step-(\d{12,})\.safetensors")
_TEMPORARY = re.compile(rf"\.step-\d{{12,}}\.safetensors\.[0-9a-f]+\{TEMPORARY_SUFFIX}")


class CheckpointManager:
    """Keeps the last checkpoints of one training run in a folder, and finds the newest whole one.

    One process writes to a folder at a time; any number may read.

    Args:
        folder: where the files are; made if it is missing.
        keep: how many to keep; None keeps all.

    Raises:
        ValueError: ``keep`` is not positive.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     manager = CheckpointManager(folder, keep=2)
    ...     for step in (10, 20, 30):
    ...         _ = manager.save(step, {"loss": 1 / step})
    ...     manager.steps(), manager.latest(), manager.restore()["loss"] == 1 / 30
    ([20, 30], 30, True)
    """

    __slots__ = ("folder", "keep")

    folder: Path
    keep: int | None

    def __init__(self, folder: str | os.PathLike[str], keep: int | None = 3) -> None:
        if keep is not None and keep < 1:
            raise ValueError(
                f"training.CheckpointManager: expected keep >= 1, or None; got {keep}. "
                "Remedy: keep=None keeps all."
            )
        self.folder = Path(folder)
        self.keep = keep
        self.folder.mkdir(parents=True, exist_ok=True)

    def path(self, step: int) -> Path:
        """The file of a step, whether it exists or not."""
        if step < 0:
            raise ValueError(
                f"training.CheckpointManager: expected a step >= 0; got {step}. "
                "Remedy: int(state.step)."
            )
        return self.folder / f"step-{step:012d}.safetensors"

    def save(self, step: int, tree: Any) -> Path:
        """Write the checkpoint of a step, then remove the oldest beyond ``keep``.

        Args:
            step: its number; one that exists is replaced.
            tree: what :func:`functorch_lite.training.checkpoint.save` takes.

        Returns:
            The path of the file.

        Raises:
            CheckpointError, OSError: as ``checkpoint.save``; nothing is removed then.
        """
        step = int(step)
        path = self.path(step)
        save(path, tree)
        if self.keep is not None:
            # Training that went back to an earlier step keeps what it has just written.
            others = [old for old in self.steps() if old != step]
            for old in others[: max(len(others) + 1 - self.keep, 0)]:
                self.path(old).unlink(missing_ok=True)
        for left in self.folder.iterdir():  # of processes that were killed while they wrote
            if _TEMPORARY.fullmatch(left.name):
                left.unlink(missing_ok=True)
        return path

    def steps(self) -> list[int]:
        """The steps that have a file, in order; whether it is whole is not looked at."""
        found = [_NAME.fullmatch(entry.name) for entry in self.folder.iterdir()]
        return sorted(int(match[1]) for match in found if match)

    def latest(self) -> int | None:
        """The last step whose file is as long as its header says; None if there is none."""
        for step in reversed(self.steps()):
            path = self.path(step)
            try:
                with open(path, "rb") as file:
                    read_header(file, path)
            except (CheckpointError, OSError):
                continue
            return step
        return None

    def restore(self, like: Any = ..., step: int | None = None) -> Any:
        """Load the checkpoint of a step, by default of the latest.

        Args:
            like: a tree of the structure that is expected, as for ``checkpoint.load``; left out,
                plain containers are rebuilt.
            step: which one.

        Returns:
            The tree.

        Raises:
            CheckpointError: there is no checkpoint, or it is damaged, or not like ``like``.
        """
        chosen = self.latest() if step is None else int(step)
        if chosen is None or not self.path(chosen).is_file():
            what = "a whole checkpoint" if step is None else f"one of step {step}"
            raise CheckpointError(
                f"training.CheckpointManager.restore: expected {what} in {str(self.folder)!r}; got "
                f"the steps {self.steps()}. Remedy: look at latest() first, None at the start."
            )
        return load(self.path(chosen), like)
