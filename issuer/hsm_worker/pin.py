"""What became of a PIN, on disk: it is tried once, whoever restarts how often.

A module locks itself after a few wrong PINs, and a service that is restarted by its
supervisor makes a few attempts within seconds.  So the attempt is written down before
it is made, and its outcome after it.
"""

import fcntl
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal, Self

State = Literal["tried", "accepted", "refused"]
"""What was written last about a PIN; ``tried`` alone: there was no answer."""

_SALT_BYTES: Final = 16
_LINE: Final = re.compile(r"([0-9a-f]{32}) ([0-9a-f]{64}) (tried|accepted|refused)")
_MAX_RECORD: Final = 2**20
_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC


class PinStopped(Exception):  # noqa: N818  # a state, not a fault
    """The PIN was refused, or may not be tried."""


class PinRecord:
    """The attempts with one PIN, among those with all PINs of a token.

    Each line is ``<salt> <scrypt of the PIN> <state>`` and the last line about a PIN
    counts.  A line that was cut by a power failure counts as not there: then the one
    before it does, which allows less.
    """

    def __init__(self, path: str, pin: str, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor
        data = os.pread(descriptor, _MAX_RECORD, 0).decode(errors="replace")
        self._start = "\n" if data and not data.endswith("\n") else ""
        found = [_LINE.fullmatch(line) for line in data.split("\n")[:-1]]
        lines = [line.groups() for line in found if line]
        self._salt = str(lines[0][0]) if lines else os.urandom(_SALT_BYTES).hex()
        self._digest = _digest(pin, self._salt)
        states = [state for _, digest, state in lines if digest == self._digest]
        self._state = states[-1] if states else None

    @classmethod
    @contextmanager
    def locked(cls, path: str, pin: str) -> Iterator[Self]:
        """Read the record; until the block ends no other process does.

        Raises:
            OSError: It cannot be opened.
        """
        descriptor = os.open(path, _FLAGS, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield cls(path, pin, descriptor)
        finally:
            os.close(descriptor)

    def begin(self, *, is_final: bool) -> None:
        """Write down that the PIN is about to be tried.

        Args:
            is_final: The token says that one wrong PIN more locks it.

        Raises:
            PinStopped: It was refused, or tried without an answer; or it may be wrong,
                and that would lock the token.
        """
        if self._state == "accepted":
            return
        if self._state == "refused":
            raise PinStopped(f"the PIN was refused before; see {self._path}")
        if self._state == "tried":
            raise PinStopped(
                f"the PIN was tried before, without an answer; see {self._path}"
            )
        if is_final:
            raise PinStopped("one wrong PIN more would lock the token")
        self.note("tried")

    def note(self, state: State) -> None:
        """Write down what became of the attempt; on disk at return."""
        if self._state == state:
            return
        line = f"{self._start}{self._salt} {self._digest} {state}\n"
        os.write(self._descriptor, line.encode())
        os.fsync(self._descriptor)
        self._start, self._state = "", state


def _digest(pin: str, salt: str) -> str:
    # Slow on purpose: a PIN has few digits, and this file may be copied around.
    key = hashlib.scrypt(
        pin.encode(), salt=bytes.fromhex(salt), n=2**14, r=8, p=1, dklen=32
    )
    return key.hex()
