"""Codes in pictures, read in a process beside that is ended when it takes too long."""

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from typing import IO, Any, Final

_LONGEST: Final = 2.0
"""Seconds for one picture; an honest one takes a tenth of it."""
_START: Final = 15.0
"""Seconds for the process to begin, on a slow and busy device."""
_MAX_SIDE: Final = 16_384


class PictureError(ValueError):
    """It is no picture that can be read; one line for a person."""


class SlowPictureError(Exception):
    """Reading took longer than it may, or another picture is taking that long."""


class NoReaderError(Exception):
    """The libraries that read pictures are not installed."""


class Frames:
    """Reads pictures one after another; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def read(self, data: bytes, *, width: int = 0, height: int = 0) -> tuple[str, ...]:
        """Return the ABTC texts of the codes in a picture.

        Args:
            data: A PNG or JPEG file; or grey pixels, row by row.
            width: Of pixels; 0 for a file.
            height: Likewise.

        Raises:
            PictureError: No such picture, or too large.
            SlowPictureError: It took longer than two seconds.
            NoReaderError: The extra ``scan`` is not installed.
        """
        if width or height:
            _check_pixels(data, width, height)
        if find_spec("zxingcpp") is None or find_spec("PIL") is None:
            raise NoReaderError
        if not self._lock.acquire(timeout=_LONGEST):
            raise SlowPictureError
        try:
            asked = {"size": len(data), "width": width, "height": height}
            told = self._ask(json.dumps(asked).encode() + b"\n", data)
        finally:
            self._lock.release()
        if "problem" in told:
            raise PictureError(told["problem"])
        return tuple(told["codes"])

    def close(self) -> None:
        """End the process."""
        if self._process:
            _end(self._process)

    def _ask(self, header: bytes, data: bytes) -> dict[str, Any]:
        process = self._running()
        with _limited(process, _LONGEST) as ended:
            try:
                _pipe(process.stdin).write(header + data)
                _pipe(process.stdin).flush()
                line = _pipe(process.stdout).readline()
            except OSError:
                line = b""
        if not line:
            _end(process)
            self._process = None
            # One that ended by itself did so for want of memory, or was killed.
            raise SlowPictureError if ended.is_set() else PictureError("unreadable")
        told: dict[str, Any] = json.loads(line)
        return told

    def _running(self) -> subprocess.Popen[bytes]:
        """Return the process, one that waits; it ends by itself when it is idle."""
        if self._process and self._process.poll() is not None:
            _end(self._process)
            self._process = None
        if self._process is None:
            self._process = _begin()
        return self._process


def _check_pixels(data: bytes, width: int, height: int) -> None:
    if not (0 < width <= _MAX_SIDE and 0 < height <= _MAX_SIDE):
        raise PictureError("width and height are 1 to 16384 pixels")
    if width * height != len(data):
        raise PictureError(f"{width} x {height} pixels are not {len(data)} bytes")


def _begin() -> subprocess.Popen[bytes]:
    process = subprocess.Popen(  # noqa: S603  # our own interpreter and module
        [sys.executable, "-m", f"{__package__}.decoding"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for the console, which ends this one
    )
    with _limited(process, _START):
        line = _pipe(process.stdout).readline()
    if not line:
        _end(process)
        raise SlowPictureError
    return process


@contextlib.contextmanager
def _limited(
    process: subprocess.Popen[bytes], seconds: float
) -> Iterator[threading.Event]:
    """End the process if what is done with it takes longer."""
    ended = threading.Event()

    def end() -> None:
        ended.set()
        process.kill()

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield ended
    finally:
        timer.cancel()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):
            _pipe(pipe).close()


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise ValueError("the process was begun without pipes")
    return pipe
