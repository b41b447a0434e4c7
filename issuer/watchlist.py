"""Asking a watch list about applicants.

A ministry's own list is reached by an adapter of its own: any class with a `screen`
like `WatchList`'s.  `FileWatchList` is one, for a list that is delivered as a file.

No answer is not clear.  An answer says that there are hits, and under which references
the officer finds them where the list is kept; it never says why somebody is listed.
"""

import csv
import hashlib
import io
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Final, Protocol, Self, TypeAlias

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

import verifier
from issuer.errors import WatchListError
from issuer.intake.duplicates import Identity, normalise

MAX_FILE: Final = 64 * 2**20
"""Bytes of a list; half a million entries need less."""
END: Final = "end"
"""Begins the last line, which says how many there are: a list that was cut is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Whom a list is asked about."""

    names: tuple[tuple[str, str], ...]
    """Family and given name, in every spelling that is known; at least one."""
    birthdate: date
    nationality: str
    passports: tuple[tuple[str, str], ...]
    """Issuer and number of each; may be empty."""

    @classmethod
    def of(cls, identity: Identity, *other_names: tuple[str, str]) -> Self:
        """Return whom to ask about; add the names as given, in their own script."""
        return cls(
            names=((identity.family_name, identity.given_name), *other_names),
            birthdate=identity.birthdate,
            nationality=identity.nationality,
            passports=(identity.passport_key,),
        )


@dataclass(frozen=True, slots=True)
class Clear:
    """The list was asked and holds nobody like this."""

    version: str
    """Which list, for the record."""


@dataclass(frozen=True, slots=True)
class Hits:
    """The list holds somebody like this: an officer looks there."""

    references: tuple[str, ...]
    """At least one, sorted, as the list has them."""
    version: str


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The list could not be asked.  This is not clear: ask again."""

    reason: str
    """One line for the log and for who runs the list; nothing of a traveller."""


Answer: TypeAlias = Clear | Hits | NoAnswer


class WatchList(Protocol):
    """What an adapter has to offer."""

    def screen(self, persons: Sequence[Person]) -> tuple[Answer, ...]:
        """Ask about some people at once.

        Args:
            persons: Any number, also none.

        Returns:
            One answer for each, in their order.  Whatever goes wrong (no network, no
            time left, a damaged list, an unknown reply) is `NoAnswer` for those whom it
            concerns; nothing is raised and nobody is left out.
        """
        ...


_Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_Code = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
_Number = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{1,22}$")]
_DATE = re.compile(r"[0-9]{4}(?:-[0-9]{2}-[0-9]{2})?")


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class EntryName(_Strict):
    """One spelling of a name, in any script."""

    family_name: _Text
    given_name: Annotated[str, StringConstraints(max_length=200)] = ""


class EntryPassport(_Strict):
    """One passport; without ``country`` the number alone counts."""

    number: _Number
    country: _Code | None = None


class Entry(_Strict):
    """One line of a list.

    A line needs a passport, or a name and a birth date (``YYYY-MM-DD``, or ``YYYY``
    where only the year is known).  Several lines may have one reference.
    ``nationality`` is for people who read the file and decides nothing, as one person
    can have several.
    """

    reference: Annotated[
        str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9./_-]{0,63}$")
    ]
    names: Annotated[tuple[EntryName, ...], Field(strict=False, max_length=64)] = ()
    birthdate: str | None = None
    nationality: _Code | None = None
    passports: Annotated[
        tuple[EntryPassport, ...], Field(strict=False, max_length=64)
    ] = ()

    @model_validator(mode="after")
    def _can_match(self) -> Self:
        if self.birthdate is not None and not _is_date(self.birthdate):
            raise ValueError("birthdate is neither YYYY-MM-DD nor YYYY")
        if not self.passports and not (self.names and self.birthdate):
            raise ValueError("has neither a passport nor a name with a birth date")
        return self


@dataclass(frozen=True, slots=True)
class _Index:
    """A whole list, ready to be asked."""

    version: str
    entries: int
    by_passport: Mapping[str, Sequence[tuple[str | None, str]]]
    """By number: issuer, if known, and reference."""
    by_name: Mapping[str, Sequence[tuple[str, str]]]
    """By words of the name: birth date or year, and reference."""

    def references(self, person: Person) -> tuple[str, ...]:
        return tuple(sorted({*self._passports(person), *self._names(person)}))

    def _passports(self, person: Person) -> Iterator[str]:
        for country, number in person.passports:
            for issuer, reference in self.by_passport.get(number, ()):
                if issuer in (None, country):
                    yield reference

    def _names(self, person: Person) -> Iterator[str]:
        born = person.birthdate.isoformat()
        for family, given in person.names:
            for birthdate, reference in self.by_name.get(_name_key(family, given), ()):
                if born.startswith(birthdate):
                    yield reference


class FileWatchList:
    """A watch list that lies in a file, CSV or JSON lines.

    docs/operations/intake.md describes the file.  It is read again when it has been
    replaced.  While it is missing, damaged or being written to, nobody is clear: each
    answer is `NoAnswer`, also if an earlier version was good.

    Matching: a passport number, with its issuer where the list has it; or the words of
    the name, in any order and written in passport letters where there is a table,
    together with the birth date, or the year where the list has only that.

    Not checked: similar names, so a list carries the spellings that matter.
    """

    def __init__(self, path: Path) -> None:
        """Name the file; ``.jsonl`` is JSON lines, any other ending CSV."""
        self._path = path
        self._state: tuple[int, ...] | None = None
        self._index: _Index | None = None

    def screen(self, persons: Sequence[Person]) -> tuple[Answer, ...]:
        """Ask about some people at once; see `WatchList.screen`."""
        try:
            index = self._load()
        except WatchListError as error:
            return tuple(NoAnswer(str(error)) for _ in persons)
        return tuple(_answer(index, person) for person in persons)

    def check(self) -> int:
        """Read the file if it has changed, and return how many entries it has.

        Raises:
            WatchListError: It cannot be used; file, line and reason are named.
        """
        return self._load().entries

    def _load(self) -> _Index:
        try:
            state = _state(self._path)
            if self._index is not None and state == self._state:
                return self._index
            index = _read(self._path)
            if _state(self._path) != state:
                raise _fault(self._path, 0, "is being written to")
        except OSError as error:
            reason = error.strerror or "cannot be read"
            raise _fault(self._path, 0, reason) from error
        self._index, self._state = index, state
        return index


def _answer(index: _Index, person: Person) -> Answer:
    references = index.references(person)
    return Hits(references, index.version) if references else Clear(index.version)


def _fault(path: Path, line: int, reason: str) -> WatchListError:
    return WatchListError(file=str(path), line=line, reason=reason)


def _state(path: Path) -> tuple[int, ...]:
    """Return what changes when the file is replaced or written to."""
    now = path.stat()
    return now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns


def _read(path: Path) -> _Index:
    if not path.is_file():  # a pipe or a device could block for ever
        raise _fault(path, 0, "is no file")
    if path.stat().st_size > MAX_FILE:
        raise _fault(path, 0, "is larger than 64 MiB")
    data = path.read_bytes()
    text = _decode(path, data)
    lines = _json_lines if path.suffix == ".jsonl" else _csv_lines
    return _build(path, lines(path, text), hashlib.sha256(data).hexdigest()[:16])


def _decode(path: Path, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _fault(path, line, "is not UTF-8") from error


def _build(
    path: Path, lines: Iterable[tuple[int, Mapping[str, object]]], version: str
) -> _Index:
    by_passport: dict[str, list[tuple[str | None, str]]] = defaultdict(list)
    by_name: dict[str, list[tuple[str, str]]] = defaultdict(list)
    count, ended = 0, False
    for line, members in lines:
        if ended:
            raise _fault(path, line, "comes after the end")
        if END in members:
            ended = _check_end(path, line, members, count)
            continue
        entry = _entry(path, line, members)
        count += 1
        for passport in entry.passports:
            by_passport[passport.number].append((passport.country, entry.reference))
        for name in entry.names:
            key = _name_key(name.family_name, name.given_name)
            if not key:
                raise _fault(path, line, "a name has no letter")
            if entry.birthdate:
                by_name[key].append((entry.birthdate, entry.reference))
    if not ended:
        raise _fault(path, 0, "has no last line with the number of entries")
    return _Index(version, count, dict(by_passport), dict(by_name))


def _check_end(
    path: Path, line: int, members: Mapping[str, object], count: int
) -> bool:
    if members != {END: count} or isinstance(members[END], bool):
        reason = f"does not end the list: {count} entries are above it"
        raise _fault(path, line, reason)
    return True


def _entry(path: Path, line: int, members: Mapping[str, object]) -> Entry:
    try:
        return Entry.model_validate(members)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        reason = first["msg"].removeprefix("Value error, ")
        # Names of members come from the file and could hold anything.
        told = f"{place}: {reason}" if place else reason
        raise _fault(path, line, ascii(told)[1:-1][:200]) from error


COLUMNS: Final = (
    "reference",
    "family_name",
    "given_name",
    "birthdate",
    "nationality",
    "passport_country",
    "passport_number",
)
"""Of a list in CSV, in this order."""


def _csv_lines(path: Path, text: str) -> Iterator[tuple[int, Mapping[str, object]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        if tuple(next(reader, ())) != COLUMNS:
            raise _fault(path, 1, f"is not {','.join(COLUMNS)}")
        for cells in reader:
            if cells:
                yield reader.line_num, _members(path, reader.line_num, cells)
    except csv.Error as error:
        raise _fault(path, reader.line_num, "quotes do not match") from error


def _members(path: Path, line: int, cells: Sequence[str]) -> Mapping[str, object]:
    if cells[0] == END and re.fullmatch(r"[0-9]{1,9}", "".join(cells[1:])):
        return {END: int("".join(cells[1:]))}
    if len(cells) != len(COLUMNS):
        raise _fault(path, line, f"has {len(cells)} cells, not {len(COLUMNS)}")
    cell = {name: text or None for name, text in zip(COLUMNS, cells, strict=True)}
    members: dict[str, object] = {
        "reference": cell["reference"],
        "birthdate": cell["birthdate"],
        "nationality": cell["nationality"],
    }
    if cell["family_name"] or cell["given_name"]:
        given = cell["given_name"] or ""
        members["names"] = [{"family_name": cell["family_name"], "given_name": given}]
    if cell["passport_number"] or cell["passport_country"]:
        country, number = cell["passport_country"], cell["passport_number"]
        members["passports"] = [{"country": country, "number": number}]
    return members


def _json_lines(path: Path, text: str) -> Iterator[tuple[int, Mapping[str, object]]]:
    for line, written in enumerate(text.split("\n"), start=1):
        if not written.strip():
            continue
        try:
            members = json.loads(written, object_pairs_hook=_once)
        except (ValueError, RecursionError) as error:
            raise _fault(path, line, "is no JSON object") from error
        if not isinstance(members, dict):
            raise _fault(path, line, "is no JSON object")
        yield line, members


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is there twice")
    return members


def _is_date(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text if len(text) > 4 else f"{text}-01-01")
    except ValueError:
        return False
    return True


def _name_key(family: str, given: str) -> str:
    """Return the words of a name, sorted, in passport letters where there are any."""
    name = f"{family} {given}"
    try:
        written = verifier.transliterate(name)
    except ValueError:
        written = ""
    return " ".join(sorted((written or normalise(name)).split()))
