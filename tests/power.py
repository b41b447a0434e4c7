"""What is left on a disk when the power fails: a model of a file system that is lazy.

A program runs unharmed while the model watches its folder. What the program has flushed
is on the model's disk; of the rest, each part may be there or not. `PowerCuts.states`
then gives the folder as a restart could find it, for every moment at which the program
had asked the system for something.
"""

import os
import random  # noqa: TID251  # seeded: a failure can be repeated
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

_CHANGES = ("rename", "replace", "mkdir", "unlink", "remove", "rmdir", "fsync")
_FOLDER = None


@dataclass(slots=True)
class _Disk:
    """Entries by folder, contents by file; folders and files by their inode."""

    entries: dict[int, dict[str, int]] = field(default_factory=dict)
    contents: dict[int, bytes | None] = field(default_factory=dict)
    """None for a folder."""

    def copy(self) -> "_Disk":
        entries = {inode: dict(names) for inode, names in self.entries.items()}
        return _Disk(entries, dict(self.contents))


class PowerCuts:
    """Watches one folder while a program changes it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._root = folder.stat().st_ino
        self._held: dict[int, int] = {}
        self._durable = self._seen()
        self._moments: list[tuple[_Disk, _Disk]] = []
        for name in _CHANGES:
            monkeypatch.setattr(os, name, self._watched(getattr(os, name)))

    def close(self) -> None:
        """Let go of what was watched."""
        for handle in self._held.values():
            os.close(handle)

    def states(self, seed: int) -> Iterator[dict[str, bytes | None]]:
        """Give what a restart could find, as content by path; None is a folder.

        For each moment, and for the end: only what was flushed; every name but no more
        content than was flushed; and two mixtures.
        """
        rng = random.Random(seed)  # noqa: S311
        for durable, seen in (*self._moments, (self._durable, self._seen())):
            yield self._state(durable, seen, lambda: False, lambda: False)
            yield self._state(durable, seen, lambda: True, lambda: False)
            for _ in range(2):
                mixture = _coin(rng)
                yield self._state(durable, seen, mixture, mixture)

    def _watched(self, change: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*arguments: Any, **options: Any) -> Any:
            self._moments.append((self._durable.copy(), self._seen()))
            result = change(*arguments, **options)
            if change.__name__ == "fsync":
                self._flush(os.fstat(arguments[0]).st_ino)
            return result

        return watched

    def _flush(self, inode: int) -> None:
        seen = self._seen()
        if inode in seen.entries:
            self._durable.entries[inode] = seen.entries[inode]
            for child in seen.entries[inode].values():
                is_folder = seen.contents[child] is None
                self._durable.contents.setdefault(child, None if is_folder else b"")
        elif inode in seen.contents:
            self._durable.contents[inode] = seen.contents[inode]

    def _seen(self) -> _Disk:
        disk = _Disk(contents={self._root: _FOLDER})
        for folder, folders, files in os.walk(self._folder):
            names: dict[str, int] = {}
            for name in (*folders, *files):
                path = Path(folder, name)
                if path.is_symlink():
                    continue
                names[name] = inode = self._hold(path)
                disk.contents[inode] = path.read_bytes() if name in files else _FOLDER
            disk.entries[Path(folder).stat().st_ino] = names
        return disk

    def _hold(self, path: Path) -> int:
        """Return the file's inode, and keep it from being given to another file."""
        inode = path.stat().st_ino
        if inode not in self._held:
            self._held[inode] = os.open(path, os.O_PATH)
        return inode

    def _state(
        self,
        durable: _Disk,
        seen: _Disk,
        has_name: Callable[[], bool],
        has_content: Callable[[], bool],
    ) -> dict[str, bytes | None]:
        found: dict[str, bytes | None] = {}

        def walk(folder: int, path: str) -> None:
            old, new = durable.entries.get(folder, {}), seen.entries.get(folder, {})
            for name in sorted({*old, *new}):
                inode = old.get(name)
                if old.get(name) != new.get(name) and has_name():
                    inode = new.get(name)
                if inode is not None:
                    place(inode, f"{path}{name}")

        def place(inode: int, path: str) -> None:
            disks = (durable, seen)
            if any(inode in each.entries for each in disks):
                found[path] = _FOLDER
                walk(inode, f"{path}/")
                return
            old, new = (each.contents.get(inode) or b"" for each in disks)
            found[path] = new if old != new and has_content() else old

        walk(self._root, "")
        return found


def write_state(folder: Path, state: dict[str, bytes | None]) -> None:
    """Make a folder that looks like a state."""
    folder.mkdir()
    for name, content in state.items():
        if content is None:
            (folder / name).mkdir()
        else:
            (folder / name).write_bytes(content)


def _coin(rng: random.Random) -> Callable[[], bool]:
    return lambda: rng.random() < 0.5
