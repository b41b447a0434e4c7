"""Runs something in processes that SIGKILL themselves, at every write."""

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

_WRITES: Final = ("fsync", "rename", "replace", "mkdir", "unlink", "rmdir")


def kill_at_every_write(folder: Path, act: Callable[[Path], object]) -> None:
    """Kill at the first write, at the second, and so on until none is left.

    For each n, a copy of ``folder/start`` is made as ``folder/<n>``, and a process
    carries ``act`` out there until it is about to write for the n-th time: to bring a
    file or a folder to disk, to give a file its name, to make a folder, or to remove
    something. The last copy is the one in which nothing was left to kill.

    To be called in a process without threads: it forks.
    """
    number, is_killed = 0, True
    while is_killed:
        copy = folder / str(number)
        shutil.copytree(folder / "start", copy)
        child = os.fork()
        if not child:
            _die_at(number)
            act(copy)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        is_killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        if not is_killed and status:
            raise SystemExit(f"it failed in {copy}")
        number += 1


def _die_at(number: int) -> None:
    left = number

    def deadly(write: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **options: Any) -> Any:
            nonlocal left
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
            return write(*given, **options)

        return call

    for name in _WRITES:
        setattr(os, name, deadly(getattr(os, name)))
