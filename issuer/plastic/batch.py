"""What goes to a personalisation bureau: one archive, and how to check it.

``docs/plastic.md`` says what is in it and ``docs/plastic-batch.schema.json`` in which
form.  Cards come and go one by one: a thousand take no more memory than a few, but for
what `batch.json` says of them.
"""

import hashlib
import io
import os
import re
import zipfile
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from multiprocessing import get_context
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Annotated, Final, Literal

from PIL import Image
from pydantic import Field, ValidationError

import verifier
from issuer.dated import Mark, Model, Moment, Rows, require_aware
from issuer.errors import BatchError, ProfileError
from issuer.plastic.card import MrzCode, PlasticCard, read_signed
from issuer.plastic.design import HEIGHT, WIDTH, Design
from issuer.plastic.letters import DPI
from issuer.plastic.mrz import Sex
from issuer.plastic.press import SIZE, Press, Printed

INDEX: Final = "batch.json"
SUMS: Final = "SHA256SUMS"
MAX_CARDS: Final = 10_000
"""Cards of one batch."""
MAX_MEMBER: Final = 16 * 2**20
"""Bytes of a picture or PDF."""
_MAX_INDEX: Final = 64 * 2**20
_CHUNK: Final = 2**20
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
_SUM = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9./-]{1,100})")

_Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_MrzLine = Annotated[str, Field(pattern=r"^[A-Z0-9<]{30}$")]
_Alpha3 = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
_Content = Literal["front", "reverse", "both"]


class FileRecord(Model):
    """A file of a card; ``both`` is the PDF with front and reverse."""

    name: Annotated[
        str, Field(pattern=r"^cards/[0-9]{6}/(front\.png|reverse\.png|card\.pdf)$")
    ]
    content: _Content
    bytes: Annotated[int, Field(ge=1, le=MAX_MEMBER)]
    sha256: _Hash


class MrzCodeRecord(Model):
    """A code in the machine-readable lines, and how sure the issuer is of it."""

    value: str
    mark: Mark
    source: str


class MrzRecord(Model):
    """The machine-readable lines."""

    lines: Annotated[Rows[_MrzLine], Field(min_length=3, max_length=3)]
    document_code: MrzCodeRecord
    issuing_state: MrzCodeRecord


class TextRecord(Model):
    """What stands on the card for people."""

    issuer_name: str
    family_name: str
    given_name: str
    sex: Sex
    birthdate: date
    nationality: _Alpha3
    passport_number: str
    expires_on: date
    economies: Rows[_Alpha3]
    cleared_as_of: date


class CardRecord(Model):
    """One card of a batch."""

    document_number: Annotated[str, Field(pattern=r"^[A-Z0-9]{1,22}$")]
    chip: Literal[False] = False
    """No card has one."""
    text: TextRecord
    mrz: MrzRecord
    qr_text: Annotated[str, Field(pattern=r"^ABTC1:[0-9A-Z $%*+./:-]{1,4290}$")]
    files: Annotated[Rows[FileRecord], Field(min_length=2, max_length=3)]


class FormatRecord(Model):
    """Measures of every card of a batch."""

    width_mm: Annotated[float, Field(ge=WIDTH, le=WIDTH)] = WIDTH
    height_mm: Annotated[float, Field(ge=HEIGHT, le=HEIGHT)] = HEIGHT
    dpi: Literal[600] = 600


class DesignRecord(Model):
    """The design of every card of a batch."""

    id: str
    title: str


class BatchIndex(Model):
    """The whole of ``batch.json``."""

    abtc: Literal["plastic-batch"] = "plastic-batch"
    version: Literal[1] = 1
    batch_id: Annotated[str, Field(pattern=rf"^{_ID.pattern}$")]
    created_at: Moment
    design: DesignRecord
    format: FormatRecord
    count: Annotated[int, Field(ge=1, le=MAX_CARDS)]
    cards: Annotated[
        tuple[CardRecord, ...], Field(strict=False, min_length=1, max_length=MAX_CARDS)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A batch that lies ready."""

    path: Path
    count: int
    sums_sha256: str
    """Hash of its list of hashes.  Whoever has it from the issuer by another way can
    tell that not a byte of the batch has changed."""


# Writing


def write_batch(
    path: Path,
    cards: Iterable[PlasticCard],
    *,
    design: Design,
    batch_id: str,
    created_at: datetime,
    processes: int = 1,
    pdf: bool = True,
) -> Written:
    """Print cards into one archive for a bureau.

    Equal arguments give equal bytes, whatever the number of processes.  The file
    appears under its name when it is whole, readable by its owner only.

    Args:
        path: Of the archive, which must not exist yet; its folder must.
        cards: 1 to 10,000, all of ``design``; taken one after another while printing.
        design: Their design.
        batch_id: 1 to 60 of ``A-Za-z0-9._-``.
        created_at: Timezone-aware, whole seconds, from 1980.
        processes: How many print at once.  More than one start Python anew, so that
            a program which calls this must be safe to import.
        pdf: Whether each card comes as a PDF as well, which doubles the size.

    Raises:
        BatchError: A card cannot be printed (``cards[3].portrait``), one document
            number comes twice, there are none or too many, ``path`` exists, or the
            disk does not take it.  Nothing is left behind.
        ValueError: ``batch_id``, ``created_at`` or ``processes`` is out of its bounds.
    """
    created_at = require_aware(created_at)
    if not _ID.fullmatch(batch_id):
        raise ValueError("batch_id is not 1 to 60 of A-Za-z0-9._-")
    if processes < 1 or created_at.microsecond or created_at.year < 1980:
        raise ValueError("processes or created_at is out of its bounds")
    if path.exists():
        raise BatchError(path.name, "exists already")
    try:
        with _appearing(path) as file, zipfile.ZipFile(file, "w") as archive:
            writer = _Writer(archive, created_at)
            printed = _print_all(cards, design, processes)
            records = [writer.add_card(*each, pdf=pdf) for each in printed]
            sums = writer.finish(_index(records, design, batch_id, created_at))
    except OSError as error:
        raise BatchError(path.name, f"cannot be written: {error.strerror}") from error
    return Written(path=path, count=len(records), sums_sha256=sums)


@contextmanager
def _appearing(path: Path) -> Iterator[IO[bytes]]:
    """Give a file that is there under its name if all went well, or not at all."""
    with NamedTemporaryFile(dir=path.parent, prefix=".batch-", delete=False) as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(file.name)
            raise


def _index(
    records: list[CardRecord], design: Design, batch_id: str, created_at: datetime
) -> BatchIndex:
    if not records:
        raise BatchError("cards", "are none")
    return BatchIndex(
        batch_id=batch_id,
        created_at=created_at,
        design=DesignRecord(id=design.id, title=design.title),
        format=FormatRecord(),
        count=len(records),
        cards=tuple(records),
    )


class _Writer:
    """An archive in the making: files as they come, their hashes at the end."""

    def __init__(self, archive: zipfile.ZipFile, created_at: datetime) -> None:
        self._archive = archive
        self._moment = created_at.timetuple()[:6]
        self._sums: dict[str, str] = {}
        self._numbers: set[str] = set()

    def add_card(
        self, place: int, card: PlasticCard, printed: Printed, *, pdf: bool
    ) -> CardRecord:
        if card.document_number in self._numbers:
            raise BatchError(f"cards[{place}].document_number", "comes twice")
        self._numbers.add(card.document_number)
        folder = f"cards/{place + 1:06}"
        files = [
            self._add_file(f"{folder}/front.png", "front", printed.front),
            self._add_file(f"{folder}/reverse.png", "reverse", printed.reverse),
        ]
        if pdf:
            files.append(self._add_file(f"{folder}/card.pdf", "both", printed.pdf))
        return _record(card, printed.mrz_lines, tuple(files))

    def finish(self, index: BatchIndex) -> str:
        """Write what describes the rest; return the hash of the list of hashes."""
        self._add(INDEX, index.model_dump_json(indent=1).encode() + b"\n")
        lines = [f"{digest}  {name}\n" for name, digest in sorted(self._sums.items())]
        sums = "".join(lines).encode()
        self._add(SUMS, sums)
        return hashlib.sha256(sums).hexdigest()

    def _add_file(self, name: str, content: _Content, data: bytes) -> FileRecord:
        digest = self._add(name, data)
        return FileRecord(name=name, content=content, bytes=len(data), sha256=digest)

    def _add(self, name: str, data: bytes) -> str:
        """Store one file as it is: pictures do not get smaller by zipping."""
        entry = zipfile.ZipInfo(name, self._moment)
        entry.external_attr = 0o600 << 16
        entry.create_system = 3  # Unix, wherever it runs: equal bytes everywhere
        self._archive.writestr(entry, data)
        self._sums[name] = hashlib.sha256(data).hexdigest()
        return self._sums[name]


def _record(
    card: PlasticCard, lines: tuple[str, ...], files: tuple[FileRecord, ...]
) -> CardRecord:
    return CardRecord(
        document_number=card.document_number,
        text=TextRecord(
            issuer_name=card.issuer_name,
            family_name=card.printed_family_name,
            given_name=card.printed_given_name,
            sex=card.sex,
            birthdate=card.birthdate,
            nationality=card.nationality,
            passport_number=card.passport_number,
            expires_on=card.expires_on,
            economies=card.economies,
            cleared_as_of=card.cleared_as_of,
        ),
        mrz=MrzRecord(
            lines=lines,
            document_code=_code_record(card.document_code),
            issuing_state=_code_record(card.issuing_state),
        ),
        qr_text=card.qr_text,
        files=files,
    )


def _code_record(code: MrzCode) -> MrzCodeRecord:
    return MrzCodeRecord(value=code.value, mark=code.mark, source=code.source)


_Outcome = Printed | tuple[str, str]
"""What came of one card: its print, or field and reason."""
_press: Press | None = None
"""Of this process, where it is one of several."""


def _print_all(
    cards: Iterable[PlasticCard], design: Design, processes: int
) -> Iterator[tuple[int, PlasticCard, Printed]]:
    outcomes = (
        _in_this_process(cards, design)
        if processes == 1
        else _in_processes(cards, design, processes)
    )
    for place, (card, outcome) in enumerate(outcomes):
        if place == MAX_CARDS:
            raise BatchError("cards", f"are more than {MAX_CARDS}")
        if isinstance(outcome, tuple):
            field, reason = outcome
            raise BatchError(f"cards[{place}].{field}", reason)
        yield place, card, outcome


def _in_this_process(
    cards: Iterable[PlasticCard], design: Design
) -> Iterator[tuple[PlasticCard, _Outcome]]:
    press = Press(design)
    return ((card, _try(press, card)) for card in cards)


def _in_processes(
    cards: Iterable[PlasticCard], design: Design, processes: int
) -> Iterator[tuple[PlasticCard, _Outcome]]:
    """Keep all busy, in order, and no more cards in memory than that takes."""
    waiting: deque[tuple[PlasticCard, Future[_Outcome]]] = deque()
    with ProcessPoolExecutor(
        processes, get_context("spawn"), initializer=_start, initargs=(design,)
    ) as pool:
        try:
            for card in cards:
                waiting.append((card, pool.submit(_print_here, card)))
                if len(waiting) >= 2 * processes:
                    first, future = waiting.popleft()
                    yield first, future.result()
            while waiting:
                first, future = waiting.popleft()
                yield first, future.result()
        finally:
            for _, future in waiting:
                future.cancel()


def _start(design: Design) -> None:
    global _press  # noqa: PLW0603  # a process of the pool has no other place
    _press = Press(design)


def _print_here(card: PlasticCard) -> _Outcome:
    if _press is None:
        raise RuntimeError("not a process of the pool")
    return _try(_press, card)


def _try(press: Press, card: PlasticCard) -> _Outcome:
    """Print; a refusal is data, because not every exception crosses processes."""
    try:
        return press.print(card)
    except ProfileError as error:
        return error.field, error.reason


# Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A batch that has been checked; its files stay in the archive."""

    path: Path
    index: BatchIndex
    sums_sha256: str

    def read(self, file: FileRecord) -> bytes:
        """Return one file, checked again.

        Raises:
            BatchError: The archive has changed since it was checked.
        """
        try:
            with zipfile.ZipFile(self.path) as archive:
                data = archive.read(file.name)
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            raise BatchError(file.name, "cannot be read any more") from error
        if hashlib.sha256(data).hexdigest() != file.sha256:
            raise BatchError(file.name, "has changed")
        return data


def read_batch(path: Path, *, expected_sums_sha256: str | None) -> Batch:
    """Check a batch as a bureau does before it prints.

    Args:
        path: Of the archive.
        expected_sums_sha256: What the issuer said by another way; None takes the
            batch for what it says of itself, which finds damage but no forgery.

    Returns:
        The batch: every file is there, listed, unchanged and of the right kind and
        size; every card's machine-readable lines have right check digits; and lines,
        code and record name the same document.

    Raises:
        BatchError: It is not so, or the archive holds anything else.

    Not checked: that a picture shows what the record says, and who signed a code.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _Reader(path, archive).check(expected_sums_sha256)
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        # The latter two: a kind of compression or encryption that is not ours.
        raise BatchError(path.name, "is no readable archive") from error


class _Reader:
    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self._path, self._archive = path, archive
        self._entries = {entry.filename: entry for entry in archive.infolist()}

    def check(self, expected: str | None) -> Batch:
        self._check_entries()
        sums = self._read_small(SUMS)
        digest = hashlib.sha256(sums).hexdigest()
        if expected is not None and digest != expected.lower():
            raise BatchError(SUMS, "is not the one that the issuer announced")
        hashes = self._check_sums(sums)
        index = self._read_index()
        self._check_files(index, hashes)
        for place, card in enumerate(index.cards):
            self._check_card(f"cards[{place}]", card)
        return Batch(path=self._path, index=index, sums_sha256=digest)

    def _check_entries(self) -> None:
        listed = self._archive.infolist()
        if len(listed) != len(self._entries) or len(listed) > 3 * MAX_CARDS + 2:
            raise BatchError(self._path.name, "holds too many files, or one twice")
        for entry in listed:
            limit = _MAX_INDEX if entry.filename in (INDEX, SUMS) else MAX_MEMBER
            stored = entry.compress_type == zipfile.ZIP_STORED
            if not stored or entry.file_size > limit or entry.flag_bits & 1:
                raise BatchError(self._path.name, "holds a file that is not plain")
        if sum(entry.file_size for entry in listed) > self._path.stat().st_size:
            raise BatchError(self._path.name, "holds more than its size")

    def _read_small(self, name: str) -> bytes:
        if name not in self._entries:
            raise BatchError(name, "is missing")
        return self._archive.read(name)

    def _check_sums(self, sums: bytes) -> dict[str, str]:
        found: dict[str, str] = {}
        for line in sums.decode("ascii", "replace").splitlines():
            match = _SUM.fullmatch(line)
            if not match or match[2] in found:
                raise BatchError(SUMS, "is malformed")
            found[match[2]] = match[1]
        if found.keys() != self._entries.keys() - {SUMS}:
            raise BatchError(SUMS, "does not list exactly the files there are")
        for name, digest in found.items():
            if self._hash(name) != digest:
                raise BatchError(name, "has changed")
        return found

    def _hash(self, name: str) -> str:
        digest = hashlib.sha256()
        with self._archive.open(name) as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
        return digest.hexdigest()

    def _read_index(self) -> BatchIndex:
        try:
            return BatchIndex.model_validate_json(self._read_small(INDEX))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise BatchError(INDEX, f"{place}: {first['msg']}".lstrip(": ")) from error

    def _check_files(self, index: BatchIndex, hashes: dict[str, str]) -> None:
        if index.count != len(index.cards):
            raise BatchError(INDEX, "count is not the number of cards")
        numbers = {card.document_number for card in index.cards}
        if len(numbers) != index.count:
            raise BatchError(INDEX, "names one document number twice")
        files = [file for card in index.cards for file in card.files]
        said = {file.name: file.sha256 for file in files}
        if len(said) != len(files) or {**said, INDEX: hashes[INDEX]} != hashes:
            raise BatchError(INDEX, "does not name exactly the files there are")

    def _check_card(self, place: str, card: CardRecord) -> None:
        _check_names(place, card.files)
        for file in card.files:
            if file.bytes != self._entries[file.name].file_size:
                raise BatchError(f"{place}.files", "have another size")
            if file.content != "both":
                self._check_picture(file.name)
        _check_lines(f"{place}.mrz", card)
        _check_code(f"{place}.qr_text", card)

    def _check_picture(self, name: str) -> None:
        try:
            with Image.open(
                io.BytesIO(self._archive.read(name)), formats=["PNG"]
            ) as it:
                fits = it.size == SIZE and it.mode == "RGB"
                dpi = it.info.get("dpi", (0, 0))
        except (OSError, SyntaxError, ValueError) as error:
            raise BatchError(name, "is no picture") from error
        if not fits or {round(each) for each in dpi} != {DPI}:
            raise BatchError(name, "is not of the size of a card at 600 dpi")


def _check_names(place: str, files: tuple[FileRecord, ...]) -> None:
    """Front and reverse are there, all in one folder, each under its own name."""
    endings = {"front": "front.png", "reverse": "reverse.png", "both": "card.pdf"}
    contents = [file.content for file in files]
    folders = {file.name.rpartition("/")[0] for file in files}
    named = all(file.name.endswith(endings[file.content]) for file in files)
    if contents[:2] != ["front", "reverse"] or len(folders) != 1 or not named:
        raise BatchError(f"{place}.files", "are not front, reverse and perhaps both")


def _check_lines(place: str, card: CardRecord) -> None:
    try:
        read = verifier.Passport.from_mrz("\n".join(card.mrz.lines))
    except verifier.MrzError as error:
        raise BatchError(place, "is not machine-readable") from error
    if read.number != card.document_number or read.expires_on != card.text.expires_on:
        raise BatchError(place, "is of another card")


def _check_code(place: str, card: CardRecord) -> None:
    try:
        claims = read_signed(card.qr_text)
    except ProfileError as error:
        raise BatchError(place, error.reason) from error
    if claims.get("document_number") != card.document_number:
        raise BatchError(place, "is of another card")
