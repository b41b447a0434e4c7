"""The record, outside the database, of every index that was given to a signer.

A line is on disk before the signer is asked.  So whatever was signed is in this file,
also when the database was restored from a backup that is older: the file says then
which cards nobody knows any more.  It names no traveller.
"""

import fcntl
import json
import os
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from operator import attrgetter
from pathlib import Path
from typing import Any, Final, Self

from issuer.errors import AuditError
from issuer.publish.files import sync_folder

_TAIL: Final = 4_096
"""Bytes; several times a line."""
_OPEN: Final = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """One line: what a signer was, or was about to be, asked to sign."""

    economy: str
    list: int
    index: int
    document_number: str
    form: str
    request_key: str
    claims_sha256: str
    """Of the payload, in hexadecimal."""
    at: str
    """The ``iat``, in RFC 3339; for people."""

    @property
    def place(self) -> tuple[int, int]:
        """The list and the index in it."""
        return self.list, self.index

    @classmethod
    def parse(cls, line: bytes) -> Self:
        """Read a line.  Raises ``ValueError`` if it is damaged."""
        try:
            value: Any = json.loads(line)
            return cls(**value)
        except (TypeError, RecursionError) as error:
            raise ValueError("not a line of this log") from error


_FIELDS: Final = tuple(each.name for each in fields(Logged))
_values = attrgetter(*_FIELDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueLog:
    """The file; any number of processes may share it."""

    path: Path

    def append(self, lines: Sequence[Logged]) -> None:
        """Add lines, all at once; on disk at return.

        A last line without an end was never finished, and no signer was asked for it:
        it is taken away first.

        Raises:
            OSError: The disk is full, or the like; no signer may be asked.
        """
        if not lines:
            return
        text = b"".join(_line(line) for line in lines)
        is_new = not self.path.exists()
        with _locked(self.path) as descriptor:
            os.ftruncate(descriptor, end := _whole_length(descriptor))
            _write_all(descriptor, text, at=end)
            os.fsync(descriptor)
        if is_new:
            sync_folder(self.path.parent)

    def last(self) -> Logged | None:
        """Return the last whole line; None if there is none.

        Raises:
            AuditError: It is damaged.
            OSError: The file cannot be read.
        """
        if not self.path.exists():
            return None
        with _locked(self.path) as descriptor:
            tail = _tail(descriptor, _whole_length(descriptor))
        lines = tail.splitlines()
        return self._parse(lines[-1], "the last line") if lines else None

    def read(self) -> Iterator[Logged]:
        """Read every whole line, in order.

        Raises:
            AuditError: A line is damaged.
            OSError: The file cannot be read; one that does not exist is empty.
        """
        for where, text in self._lines():
            yield self._parse(text, where)

    def of(
        self, economy: str, *, known: Container[tuple[int, int]] = ()
    ) -> Iterator[Logged]:
        """Read the lines of one economy, without some places.

        Args:
            economy: Whose lines.
            known: Lists and indexes that are left out; they may grow on the way.

        Raises:
            AuditError, OSError: As for `read`.
        """
        # Most lines are of others, or known, and cost no more than a look.
        mark = f'"{economy}"'.encode()
        for where, text in self._lines():
            if mark in text:
                logged = self._parse(text, where)
                if logged.economy == economy and logged.place not in known:
                    yield logged

    def _lines(self) -> Iterator[tuple[str, bytes]]:
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                # What follows the last line end was never whole: no key has seen it.
                if line.endswith(b"\n"):
                    yield f"line {number}", line

    def _parse(self, line: bytes, where: str) -> Logged:
        try:
            return Logged.parse(line)
        except ValueError as error:
            raise AuditError(f"{self.path}: {where} is damaged") from error


def _line(line: Logged) -> bytes:
    written = json.dumps(dict(zip(_FIELDS, _values(line), strict=True)))
    return written.encode() + b"\n"


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Open the file for one process at a time; the kernel ends the lock with it."""
    descriptor = os.open(path, _OPEN, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _whole_length(descriptor: int) -> int:
    end = os.lseek(descriptor, 0, os.SEEK_END)
    while end and os.pread(descriptor, 1, end - 1) != b"\n":
        start = max(0, end - _TAIL)
        part = os.pread(descriptor, end - start, start)
        end = start + part.rfind(b"\n") + 1
    return end


def _tail(descriptor: int, end: int) -> bytes:
    start = max(0, end - _TAIL)
    return os.pread(descriptor, end - start, start)


def _write_all(descriptor: int, text: bytes, *, at: int) -> None:
    while text:
        written = os.pwrite(descriptor, text, at)
        text, at = text[written:], at + written
