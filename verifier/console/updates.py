"""Updates of the trust data while officers scan: by themselves, asked for, by file.

Each runs in a process of its own (`syncing`), so that scanning waits for none, and the
memory that it takes is given back. What it brings counts from the next scan on.
"""

import json
import secrets
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

from .._floor import Floor
from .shifts import Clocks

_EVERY: Final = 2 * 3600
"""Seconds between two updates; the half of a list's time is 36 hours."""
_FIRST: Final = 600
"""Seconds within which the first one falls, where there is data already."""
_SOON: Final = 60
"""Seconds to wait after one that failed; twice as long each time."""
_LATEST: Final = 1800
_MAX_PROBLEMS: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where trust data comes from."""

    store: Path
    economy: str
    floor: Floor
    root: Path | None
    """File of the scheme's first root; None where nothing can be verified."""
    partial: Path
    """Folder for what an update that broke off has left for the next."""
    place: str | None
    """Address or folder; None for files that an officer brings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Last:
    """What the last update came to."""

    at: datetime
    told: dict[str, Any]


class UpdatingError(Exception):
    """An update is running already."""


class NoSourceError(Exception):
    """The console was not told what to verify updates by, or where to get them."""


class Updates:
    """Keeps a store up to date; safe to share between threads.

    Args:
        source: Where from.
        clocks: Moments and durations.
    """

    def __init__(self, source: Source, *, clocks: Clocks) -> None:
        self._source = source
        self._clocks = clocks
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[str] | None = None
        self._is_closed = False
        self._progress: str | None = None
        self._last: _Last | None = None
        self._failures = 0
        self._next_at = clocks.elapsed() + secrets.randbelow(_FIRST)

    def state(self) -> dict[str, object]:
        """Say what is running, and what came of the last one."""
        with self._lock:
            last = self._last
            return {
                "source": self._source.place is not None,
                "running": self._is_running(),
                "progress": self._progress,
                "last": last and {"at": last.at.isoformat(), **last.told},
            }

    def tick(self, *, is_ready: bool) -> None:
        """Begin an update if it is time; to be called every few seconds.

        Args:
            is_ready: Whether there is any data; if not, none is waited for.
        """
        if self._source.place is None or self._source.root is None:
            return
        is_first = not is_ready and self._last is None
        if is_first or self._clocks.elapsed() >= self._next_at:
            with self._lock:
                if not self._is_running() and not self._is_closed:
                    self._begin(self._source.place, None)

    def begin(self) -> None:
        """Begin an update now.

        Raises:
            UpdatingError: One is running.
            NoSourceError: There is nowhere to get it from.
        """
        if self._source.place is None or self._source.root is None:
            raise NoSourceError
        with self._lock:
            if self._is_running():
                raise UpdatingError
            self._begin(self._source.place, None)

    def begin_from(self, bundle: bytes) -> None:
        """Begin an update from a file that an officer has brought.

        Raises:
            UpdatingError: One is running.
            NoSourceError: There is no root to verify it by.
            OSError: The disk does not take it.
        """
        if self._source.root is None:
            raise NoSourceError
        with self._lock:
            if self._is_running():
                raise UpdatingError
            folder = tempfile.TemporaryDirectory(prefix="abtc-bundle-")
            try:
                file = Path(folder.name) / "bundle.zip"
                file.write_bytes(bundle)
            except OSError:
                folder.cleanup()
                raise
            self._begin(str(file), folder)

    def close(self) -> None:
        """End what is running; the store stays as it was."""
        with self._lock:
            self._is_closed = True
            process, thread = self._process, self._thread
        if process:
            process.kill()
        if thread:
            thread.join(timeout=2)

    def _is_running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _begin(
        self, place: str, folder: "tempfile.TemporaryDirectory[str] | None"
    ) -> None:
        self._progress = ""
        self._thread = threading.Thread(
            target=self._run, args=(place, folder), daemon=True
        )
        self._thread.start()

    def _run(
        self, place: str, folder: "tempfile.TemporaryDirectory[str] | None"
    ) -> None:
        told: dict[str, Any] = {"error": "the update ended before it was done"}
        try:
            for line in self._lines(place):
                if "files" in line:
                    kilobytes = line["bytes"] // 1000
                    self._progress = f"{line['files']} files, {kilobytes} kB"
                else:
                    told = line
        except (OSError, ValueError) as error:
            told = {"error": str(error)}
        finally:
            if folder:
                folder.cleanup()
            self._end(told)

    def _lines(self, place: str) -> Iterator[dict[str, Any]]:
        process = subprocess.Popen(  # noqa: S603  # our own interpreter and module
            [sys.executable, "-m", f"{__package__}.syncing"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        with process:
            with self._lock:
                self._process = process
                if self._is_closed:
                    process.kill()
            asked = {
                "store": str(self._source.store),
                "source": place,
                "root": str(self._source.root),
                "economy": self._source.economy,
                "partial": str(self._source.partial),
                "floor": self._source.floor.to_bytes().decode(),
            }
            with _pipe(process.stdin) as sink:
                json.dump(asked, sink)
            for line in _pipe(process.stdout):
                yield json.loads(line)

    def _end(self, told: dict[str, Any]) -> None:
        error = told.get("error")
        with self._lock:
            self._process = None
            self._progress = None
            self._failures = self._failures + 1 if error else 0
            wait = _EVERY if not error else min(_SOON * 2**self._failures, _LATEST)
            # A moment of the device's own, so that not all ask at once.
            wait += secrets.randbelow(wait // 2)
            self._next_at = self._clocks.elapsed() + wait
            self._last = _Last(
                at=self._clocks.now(),
                told={
                    "before": told.get("before"),
                    "after": told.get("after"),
                    "changed": told.get("changed"),
                    "removed": told.get("removed", [])[:_MAX_PROBLEMS],
                    "problems": told.get("problems", [])[:_MAX_PROBLEMS],
                    "error": error,
                },
            )


def _pipe(pipe: IO[str] | None) -> IO[str]:
    if pipe is None:
        raise ValueError("the process was begun without pipes")
    return pipe
