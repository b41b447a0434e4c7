"""Which attestation certificates of Android phones their maker no longer stands by.

The list is a file that the operator fetches anew, at least as often as the settings
say; the moment of the last time is that of the file.  A running server sees a newer
one by itself.
"""

import logging
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from issuer.api.strict_json import read_object
from issuer.errors import Invalid, SettingsError

LOG: Final = logging.getLogger("wallet_api")
_AHEAD: Final = timedelta(hours=1)
"""By which a file may be from the future: clocks differ."""
_MAX_FILE: Final = 32 * 1024 * 1024
_SERIAL: Final = re.compile(r"[0-9a-fA-F]{1,64}")


class NoStatus(Exception):  # noqa: N818  # a condition to act on: try later
    """The list is older than it may be: nothing can be said about a phone."""


@dataclass(slots=True, kw_only=True)
class _Kept:
    """What was read last."""

    stamp: tuple[int, int]
    """Moment, in nanoseconds, and bytes of the file."""
    serials: frozenset[int]

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(self.stamp[0] / 1e9, UTC)


@dataclass(slots=True)
class StatusFile:
    """A list in a file.

    Attributes:
        path: Of the file.
        oldest: What it may be old; at more, nobody is told that a phone is good.
    """

    path: Path
    oldest: timedelta
    _kept: _Kept = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Read it.

        Raises:
            SettingsError: It cannot be read, or is no such list.
        """
        self._kept = self._read(self._stamp())

    def has(self, serial: int, *, now: datetime) -> bool:
        """Tell whether a certificate is on it, for whatever reason.

        Raises:
            NoStatus: The list is too old, or from the future.
        """
        self._look()
        age = now - self._kept.at
        if not -_AHEAD <= age <= self.oldest:
            LOG.error("%s is from %s: fetch it anew", self.path, self._kept.at)
            raise NoStatus(f"{self.path} is from {self._kept.at}")
        return serial in self._kept.serials

    def _look(self) -> None:
        """Read it again if it has changed; one that is no list changes nothing."""
        try:
            stamp = self._stamp()
            if stamp != self._kept.stamp:
                self._kept = self._read(stamp)
        except SettingsError as error:
            LOG.error("%s", error)  # noqa: TRY400  # one line: the old one counts on

    def _stamp(self) -> tuple[int, int]:
        try:
            found = self.path.stat()
        except OSError as error:
            raise self._no_list(str(error.strerror)) from error
        return found.st_mtime_ns, found.st_size

    def _read(self, stamp: tuple[int, int]) -> _Kept:
        try:
            entries = read_object(self.path.read_bytes()[:_MAX_FILE])["entries"]
        except (OSError, Invalid, KeyError) as error:
            raise self._no_list("is no JSON with entries") from error
        if not isinstance(entries, dict) or not all(map(_SERIAL.fullmatch, entries)):
            raise self._no_list("must have hexadecimal serial numbers")
        return _Kept(stamp=stamp, serials=frozenset(int(each, 16) for each in entries))

    def _no_list(self, reason: str) -> SettingsError:
        return SettingsError(file=str(self.path), key="entries", reason=reason)
