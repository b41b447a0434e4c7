"""How long signatures are good for, and the file that says so."""

import tomllib
from dataclasses import dataclass, fields
from datetime import timedelta
from pathlib import Path
from typing import Final

from issuer.errors import SettingsError
from issuer.publish.files import read_file
from issuer.publish.names import ROOT, SNAPSHOT, TARGETS, TIMESTAMP

_SHORTEST: Final = timedelta(hours=1)
_LONGEST: Final = timedelta(days=3650)
_MAX_FILE: Final = 2**16
_UNITS: Final = ("days", "hours")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetimes:
    """How long a signature of each role is good for.

    Raises:
        ValueError: One is less than an hour or more than 3,650 days.
    """

    root: timedelta = timedelta(days=365)
    targets: timedelta = timedelta(days=180)
    economy: timedelta = timedelta(days=30)
    snapshot: timedelta = timedelta(days=14)
    timestamp: timedelta = timedelta(days=7)
    """How long a device may be kept from news without noticing."""

    def __post_init__(self) -> None:
        for each in fields(self):
            try:
                _check(getattr(self, each.name))
            except ValueError as error:
                raise ValueError(f"{each.name} {error}") from error

    @classmethod
    def load(cls, path: Path) -> "Lifetimes":
        """Read a TOML file.

        Args:
            path: Any of the five names above, each with ``days`` or ``hours``, a whole
                number: ``timestamp = { hours = 36 }``. What is left out is as above.

        Raises:
            SettingsError: It cannot be read, or says anything else.
        """
        try:
            document = tomllib.loads(read_file(path, _MAX_FILE).decode())
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise SettingsError(
                file=str(path), key="", reason=str(reason).lower()
            ) from error
        found: dict[str, timedelta] = {}
        for key, value in document.items():
            try:
                found[key] = _parse(key, value)
            except ValueError as error:
                raise SettingsError(
                    file=str(path), key=key, reason=str(error)
                ) from error
        return cls(**found)

    def of(self, role: str) -> timedelta:
        """Return the lifetime of a role; every economy's is the same."""
        online_and_top: dict[str, timedelta] = {
            ROOT: self.root,
            TARGETS: self.targets,
            SNAPSHOT: self.snapshot,
            TIMESTAMP: self.timestamp,
        }
        return online_and_top.get(role, self.economy)


def _parse(key: str, value: object) -> timedelta:
    if key not in {each.name for each in fields(Lifetimes)}:
        raise ValueError("is no known key")
    if not isinstance(value, dict) or len(value) != 1 or not value.keys() <= {*_UNITS}:
        raise ValueError("must be { days = … } or { hours = … }")
    ((unit, number),) = value.items()
    if type(number) is not int:
        raise ValueError(f"{unit} must be a whole number")
    try:
        lifetime = timedelta(**{unit: number})
    except OverflowError as error:
        raise ValueError("must be from an hour to 3,650 days") from error
    _check(lifetime)
    return lifetime


def _check(lifetime: timedelta) -> None:
    if not _SHORTEST <= lifetime <= _LONGEST:
        raise ValueError("must be from an hour to 3,650 days")
