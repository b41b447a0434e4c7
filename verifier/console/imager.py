"""A hardware imager on a serial port: it is read in a thread of its own.

The imager may be unplugged, replaced, or send anything: lines are bounded, what is no
text is told as such, and the port is tried again as long as the program runs.
"""

import re
import termios
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import serial

MAX_LINE: Final = 4_296
"""Bytes; no QR code holds more."""
_GAP: Final = 0.3
"""Seconds of silence that end a line, for imagers that send no line end."""
_AGAIN: Final = 1.0
"""Seconds between two attempts to open the port."""
_BAUD: Final = 115_200
"""What serial imagers are delivered with or can be set to; over USB it is ignored."""
_WAITING: Final = 32
_FRESH: Final = 10.0
"""Seconds after which a scan that nobody asked for is of another traveller."""
_READ: Final = 512
_MRZ_LINE: Final = re.compile(r"[A-Z0-9<]{30}|[A-Z0-9<]{36}|[A-Z0-9<]{44}")
_LINE_END: Final = re.compile(rb"[\r\n]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What the imager read."""

    number: int
    """Counts up."""
    kind: str
    """``text`` (a code), ``mrz`` (all lines of a passport) or ``garbage``."""
    text: str
    """Of garbage, nothing: it is not shown."""
    at: float
    """On the clock of durations."""


class Lines:
    """Puts lines together, and lines of one passport; pure."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._is_too_long = False
        self._passport: list[str] = []

    def feed(self, data: bytes) -> list[tuple[str, str]]:
        """Take bytes; return kinds and texts of what is complete."""
        *whole, rest = _LINE_END.split(bytes(self._bytes) + data)
        found = [each for line in whole for each in self._line(line)]
        self._bytes = bytearray(rest)
        if len(self._bytes) > MAX_LINE:
            self._bytes.clear()
            self._is_too_long = True
        return found

    def end(self) -> list[tuple[str, str]]:
        """Take silence for the end of a line; half a passport goes on waiting."""
        line, self._bytes = bytes(self._bytes), bytearray()
        return self._line(line)

    def _line(self, line: bytes) -> list[tuple[str, str]]:
        if self._is_too_long or len(line) > MAX_LINE:
            self._is_too_long = False
            return [("garbage", "")]
        if not line:
            return []
        try:
            text = line.decode("ascii")
        except UnicodeDecodeError:
            return [("garbage", "")]
        if not text.isprintable():
            return [("garbage", "")]
        if not _MRZ_LINE.fullmatch(text):
            self._passport.clear()
            return [("text", text)]
        return self._passport_line(text)

    def _passport_line(self, text: str) -> list[tuple[str, str]]:
        if self._passport and len(self._passport[0]) != len(text):
            self._passport.clear()
        self._passport.append(text)
        if len(self._passport) < (3 if len(text) == 30 else 2):
            return []
        zone = "\n".join(self._passport)
        self._passport.clear()
        return [("mrz", zone)]


class Imager:
    """The imager of a device; safe to share between threads.

    Args:
        device: Of the port, such as ``/dev/ttyACM0``.
        elapsed: The clock of durations.
    """

    def __init__(self, device: str, *, elapsed: Callable[[], float]) -> None:
        self.device = device
        self._elapsed = elapsed
        self._changed = threading.Condition()
        self._scans: deque[Scan] = deque(maxlen=_WAITING)
        self._number = 0
        self._asked = 0
        self._state = "absent"
        self._problem: str | None = None
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def close(self) -> None:
        """Stop reading, and let nobody wait any longer."""
        self._ends.set()
        with self._changed:
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout=2)

    def state(self) -> dict[str, object]:
        """Say how it is doing."""
        with self._changed:
            return {
                "device": self.device,
                "state": self._state,
                "problem": self._problem,
            }

    def wait(self, after: int, seconds: float) -> tuple[int, list[Scan]]:
        """Return what was read after a number, waiting for it if there is nothing.

        Args:
            after: Number of the last scan that the page knows: it and those before are
                forgotten. Of two that wait the later one gets the scan.
            seconds: How long to wait.

        Returns:
            The number of the last scan, and the scans of the last ten seconds.
        """
        with self._changed:
            self._asked += 1
            mine = self._asked
            self._changed.notify_all()
            self._changed.wait_for(
                lambda: (
                    self._ends.is_set() or self._asked != mine or bool(self._new(after))
                ),
                seconds,
            )
            if self._asked != mine:
                return self._number, []
            return self._number, self._new(after)

    def forget(self) -> None:
        """Forget what was read: another officer or traveller may be here."""
        with self._changed:
            self._scans.clear()

    def _new(self, after: int) -> list[Scan]:
        oldest = self._elapsed() - _FRESH
        while self._scans and (
            self._scans[0].number <= after or self._scans[0].at < oldest
        ):
            self._scans.popleft()
        return list(self._scans)

    def _run(self) -> None:
        while not self._ends.is_set():
            try:
                with serial.Serial(
                    self.device, _BAUD, timeout=_GAP, exclusive=True
                ) as port:
                    self._tell("connected", None)
                    self._read(port)
            # The second is what a terminal says that was pulled out; it is no OSError.
            except (OSError, termios.error, ValueError) as error:
                self._tell("absent", _why(error))
                self._ends.wait(_AGAIN)

    def _read(self, port: "serial.Serial") -> None:
        lines = Lines()
        while not self._ends.is_set():
            data = port.read(min(max(port.in_waiting, 1), _READ))
            for kind, text in lines.feed(data) if data else lines.end():
                self._add(kind, text)

    def _add(self, kind: str, text: str) -> None:
        with self._changed:
            self._number += 1
            now = self._elapsed()
            self._scans.append(Scan(number=self._number, kind=kind, text=text, at=now))
            is_garbage = kind == "garbage"
            self._state = "garbage" if is_garbage else "connected"
            self._problem = "it sends what is no text" if is_garbage else None
            self._changed.notify_all()

    def _tell(self, state: str, problem: str | None) -> None:
        with self._changed:
            self._state, self._problem = state, problem


def _why(error: Exception) -> str:
    text = getattr(error, "strerror", None) or "it does not answer"
    return str(text)
