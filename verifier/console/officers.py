"""The officers of a device: an id and the scrypt of a PIN, in one small file.

A PIN keeps a passer-by from the screen. Whoever can read the file can try all PINs: the
device's own account and disk must keep it.
"""

import contextlib
import hashlib
import hmac
import json
import os
import re
import secrets
import tempfile
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

MIN_PIN, MAX_PIN = 6, 64
"""Characters."""
TRIES: Final = 5
"""Wrong PINs in a row, after which each further one is followed by a pause."""
PAUSE: Final = timedelta(minutes=15)
_FILE: Final = "officers.json"
_FORMAT: Final = "abtc-officers-1"
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
COST: Final = 2**15
"""Of scrypt: some 100 ms and 32 MiB on a small device."""
_MAX_COST: Final = 2**18
_SALT: Final = 16
_MAX_FILE: Final = 2**20


class OfficersError(Exception):
    """The file of officers cannot be used; one line for a person."""


class WrongPinError(Exception):
    """No such officer, or another PIN; which of both is told to nobody."""


class BlockedError(Exception):
    """Too many wrong PINs: the officer has to wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Officer:
    salt: str
    cost: int
    digest: str
    wrong: int = 0
    blocked_until: float = 0
    """Seconds since 1970-01-01."""


class Officers:
    """Who may begin a shift on this device; safe to share between threads.

    Args:
        home: Folder of the console.
        now: The present; a pause lasts by this clock, because it outlasts a restart.
        cost: Of scrypt, for PINs that are set from now on; a power of two.
    """

    def __init__(
        self, home: Path, *, now: Callable[[], datetime], cost: int = COST
    ) -> None:
        self._cost = cost
        self._path = home / _FILE
        self._now = now
        self._lock = threading.Lock()
        self._unsaved: dict[str, _Officer] = {}
        """Wrong tries that a full disk did not take."""

    def are_there(self) -> bool:
        """Tell whether a shift needs a PIN; a file that is damaged counts as yes."""
        try:
            return bool(self._read())
        except OfficersError:
            return True

    def add(self, officer: str, pin: str) -> None:
        """Add an officer, or give one another PIN.

        Raises:
            ValueError: Id or PIN has another form.
            OfficersError: The file cannot be read or written.
        """
        if not _ID.fullmatch(officer):
            raise ValueError("an id is 1 to 32 of A-Z, a-z, 0-9, dot, _ and -")
        if not (MIN_PIN <= len(pin) <= MAX_PIN and pin.isprintable()):
            raise ValueError(f"a PIN has {MIN_PIN} to {MAX_PIN} characters")
        salt = secrets.token_hex(_SALT)
        with self._lock:
            known = self._read()
            digest = _digest(pin, salt, self._cost)
            known[officer] = _Officer(salt=salt, cost=self._cost, digest=digest)
            try:
                self._write(known)
            except OSError as error:
                raise OfficersError(f"{self._path}: {error.strerror}") from error

    def remove(self, officer: str) -> None:
        """Remove an officer.

        Raises:
            ValueError: There is none of this id.
            OfficersError: The file cannot be read or written.
        """
        with self._lock:
            known = self._read()
            if known.pop(officer, None) is None:
                raise ValueError("there is no such officer")
            try:
                self._write(known)
            except OSError as error:
                raise OfficersError(f"{self._path}: {error.strerror}") from error

    def check(self, officer: str, pin: str) -> None:
        """Check a PIN, and count the wrong ones.

        Raises:
            WrongPinError: It is not this officer's, or there is no such officer.
            BlockedError: There were too many wrong ones; not even the right one counts.
            OfficersError: The file cannot be read.
        """
        with self._lock:
            known = self._read()
            found = known.get(officer)
            if found is None:
                _digest(
                    pin, "00" * _SALT, self._cost
                )  # as long as for one who is there
                raise WrongPinError
            left = found.blocked_until - self._now().timestamp()
            if 0 < left <= PAUSE.total_seconds():  # more: the clock was set back
                raise BlockedError
            digest = _digest(pin, found.salt, found.cost)
            is_right = hmac.compare_digest(digest, found.digest)
            if not is_right:
                self._note(known, officer, self._after_wrong(found))
                raise WrongPinError
            if found.wrong:
                self._note(known, officer, replace(found, wrong=0, blocked_until=0))

    def _after_wrong(self, found: _Officer) -> _Officer:
        wrong, until = found.wrong + 1, 0.0
        if wrong >= TRIES:
            until = (self._now() + PAUSE).timestamp()
        return replace(found, wrong=wrong, blocked_until=until)

    def _note(self, known: dict[str, _Officer], officer: str, new: _Officer) -> None:
        self._unsaved[officer] = new
        # A full disk keeps nobody from the lane, and forgets no wrong try meanwhile.
        with contextlib.suppress(OSError):
            self._write(known | {officer: new})

    def _read(self) -> dict[str, _Officer]:
        try:
            if not self._path.exists():
                return {}
            if not self._path.is_file() or self._path.stat().st_size > _MAX_FILE:
                raise OfficersError(f"{self._path} is no file of officers")
            found = _parse(self._path.read_bytes())
        except OSError as error:
            raise OfficersError(f"{self._path}: {error.strerror}") from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise OfficersError(f"{self._path} is damaged") from error
        for officer, unsaved in self._unsaved.items():
            if officer in found and found[officer].digest == unsaved.digest:
                found[officer] = unsaved
        return found

    def _write(self, known: dict[str, _Officer]) -> None:
        folder = self._path.parent
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        told = {"format": _FORMAT, "officers": {k: asdict(v) for k, v in known.items()}}
        write_private(self._path, json.dumps(told, sort_keys=True).encode())
        self._unsaved.clear()


def write_private(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, for the eyes of this account alone.

    Raises:
        OSError: The disk does not take it.
    """
    handle, name = tempfile.mkstemp(prefix=".abtc-new-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(handle)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def _parse(data: bytes) -> dict[str, _Officer]:
    told: dict[str, Any] = json.loads(data)
    if told["format"] != _FORMAT:
        raise ValueError("another format")
    return {each: _Officer(**said) for each, said in told["officers"].items()}


def _digest(pin: str, salt: str, cost: int) -> str:
    found = hashlib.scrypt(
        pin.encode(),
        salt=bytes.fromhex(salt),
        n=min(cost, _MAX_COST),
        r=8,
        p=1,
        maxmem=2**10 * _MAX_COST + 2**20,
        dklen=32,
    )
    return found.hex()
