"""The scan log of a device: what was decided when, and nothing of whom.

Layout of the folder: segments ``scan-<number>.log``, each a header and sealed rows of
one length, and ``exported``, the last row that was handed out. What has been written
is never changed: after an unfinished or damaged end a new segment goes on from the last
row that can be read. The oldest segments go when there are too many bytes, after a row
that says so is on the disk.
"""

import contextlib
import errno
import fcntl
import os
import re
import secrets
import shutil
import stat
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice, takewhile
from pathlib import Path, PurePath
from typing import BinaryIO, Final, Self, TypeAlias

from . import _json
from ._acts import OfficerAct
from ._log_rows import (
    BEFORE_THE_FIRST,
    HEADER,
    KEY_SIZE,
    LINE,
    Fields,
    Kind,
    Note,
    Row,
    Sealer,
    build_row,
    clock_of,
    day_of,
    fields_of,
    fields_of_act,
)
from .decision import Decision
from .errors import ScanLogError

_SEGMENT = re.compile(r"scan-([0-9]{8})\.log")
_EXPORTED = "exported"
_NEW = ".abtc-new-"
_SEGMENTS: Final = 16
_FILES: Final = 64
"""Most segments, with those that cannot be read."""
_LEAST_BYTES: Final = 2**17
_MAX_WAITING: Final = 4096
"""Decisions kept in memory while the disk takes none; less than 4 MB."""
_MAX_SEGMENTS: Final = 99_999_999
_BATCH: Final = 64
"""Rows brought to the disk at once: a full disk, tried with each scan, costs little."""
_PAUSE: Final = timedelta(milliseconds=10)
"""Between two attempts to get the lock."""
_CLOCK_STEP: Final = 60
"""Seconds by which rows of two processes may be out of order."""
_LARGEST: Final = 2**25
"""Bytes of a segment, unless the log may have more; a larger one is none of ours."""
_PATIENCE = timedelta(seconds=2)
_AT_ONCE = timedelta(0)
_HEAD = re.compile(r"([1-9][0-9]{0,15}):([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class LogHead:
    """The last row of a log, to be kept elsewhere: what comes before it is fixed."""

    seq: int
    """Number of the row."""
    digest: str
    """SHA-256 of it, in hexadecimal."""

    def __str__(self) -> str:
        return f"{self.seq}:{self.digest}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what ``str`` gave.

        Raises:
            ValueError: It is something else.
        """
        match = _HEAD.fullmatch(text)
        if match is None:
            raise ValueError("not a head, such as 57:6b86b273...")
        return cls(int(match[1]), match[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRow:
    """The first place at which a log is not what was written."""

    segment: str
    """Name of the file; empty if the end of the log is missing."""
    seq: int
    """Number that the row should have."""
    detail: str

    def __str__(self) -> str:
        place = f" in {self.segment}" if self.segment else ""
        return f"row {self.seq}{place}: {self.detail}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanLogReport:
    """What `ScanLog.verify` found."""

    rows: int
    """Rows that can be read."""
    first: int
    """Number of the first of them; above 1 if the oldest were dropped."""
    head: LogHead | None
    """The last of them; None if there is none."""
    bad: BadRow | None
    """The first row that is wrong; None if the chain holds."""
    unfinished: int
    """Ends that a power cut or a full disk left in the middle of a row."""
    missed: int
    """Decisions that, by the rows themselves, could not be written."""
    clock_back: int
    """How often a row is dated more than a minute before the one before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanLogExport:
    """What `ScanLog.export` handed out."""

    rows: int
    first: int | None
    """Number of the first row; None if there was nothing new."""
    head: LogHead | None
    """The last row handed out, now or before."""
    lost: int
    """Rows that were dropped or damaged before they were handed out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanLogBatch:
    """Rows to be handed out together, as `ScanLog.batches` gives them."""

    text: bytes
    """JSON Lines, as in an export."""
    report: ScanLogExport
    last: Row
    """The last of the rows: what `ScanLog.collected` remembers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanLogStatus:
    """How the log is doing, for whoever looks after the device."""

    waiting: int
    """Decisions not written yet; in memory only."""
    missed: int
    """Decisions given up because too many waited; a row will say so."""
    problem: str | None
    """Why the last attempt to write failed, in one line; None if it did not."""
    unsent: int | None
    """Rows not exported yet; None if that cannot be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """One sealed line of the log as it was found."""

    number: int
    """Of the segment."""
    row: Row | None
    """None if it cannot be read: ``detail`` says why."""
    detail: str = ""
    is_unfinished: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _End:
    """Where the next row goes."""

    number: int
    """Of the newest segment; 0 if there is none."""
    is_open: bool
    """Whether the newest segment ends with a whole row, so that it can go on."""
    sealer: Sealer
    """Of the newest segment, if that is open."""
    place: int
    """Rows in it."""
    last: Row | None
    log: str
    """Id of the log."""
    unfinished: int
    """Bytes after the last whole row."""


@dataclass(eq=False, slots=True)
class LoggedScan:
    """A decision that was given to a log, so that an officer's act can name its row."""

    log: "ScanLog"
    row: int | None = None
    """Number of its row; None as long as it has none, or if it was given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    """What is to become a row."""

    at: int
    scan: LoggedScan | None
    """The decision itself, or the one that the act is about."""
    told: Fields | OfficerAct

    def after(self, last: Row | None) -> Row:
        """Return the row that follows ``last``."""
        if not isinstance(self.told, OfficerAct):
            return build_row(last, at=self.at, kind=Kind.SCAN, fields=self.told)
        note = Note.of(self.told.note)
        # Acts wait behind their decisions, which have their numbers by now.
        of = self.scan.row if self.scan else None
        fields = fields_of_act(self.told, of, note)
        row = build_row(last, at=self.at, kind=Kind.ACT, fields=fields)
        return replace(row, note=note)

    def keep_number(self, number: int | None) -> None:
        """Tell whoever holds the decision which row it became."""
        if self.scan and not isinstance(self.told, OfficerAct):
            self.scan.row = number


class ScanLog:
    """A log of decisions on a device's disk, sealed, chained and bounded.

    Recording never raises, waits for nobody, and changes nothing about a decision: what
    cannot be written waits in memory, then is counted, and `status` says why. Any
    number of processes may use one folder, each with an object of its own; any number
    of threads may use one object. A thread that finds another at the disk leaves its
    row to it and waits for nothing; only `flush` waits. An object that was there before
    a fork serves one of the two processes.

    Args:
        folder: Where the log is, or will be with the first row.
        key: 32 random bytes. Who has them can read the log and write it anew, but not
            so that it fits a head that was noted elsewhere.
        max_bytes: Most bytes on the disk, 128 KiB or more; 32 MiB hold some 44,000
            decisions.

    Raises:
        ValueError: ``key`` has another length, or ``max_bytes`` is too small.
    """

    def __init__(
        self, folder: str | Path, *, key: bytes, max_bytes: int = 2**25
    ) -> None:
        if len(key) != KEY_SIZE:
            raise ValueError(f"the key of a scan log has {KEY_SIZE} bytes")
        if max_bytes < _LEAST_BYTES:
            raise ValueError(f"a scan log needs {_LEAST_BYTES} bytes")
        self._folder = Path(folder)
        self._key = key
        self._max_bytes = max_bytes
        self._rows_each = (max_bytes // _SEGMENTS - HEADER) // LINE
        self._queue = threading.Lock()
        """Held for moments, by whoever touches what waits and what was missed."""
        self._waiting: deque[_Waiting] = deque()
        self._missed = 0
        self._missed_since = 0
        self._writing = threading.Lock()
        """Held by the thread that is at the disk; taken before ``_queue``."""
        self._problem: str | None = None
        self._end: _End | None = None

    def record(self, decision: Decision) -> LoggedScan:
        """Write a decision down, or keep it until that is possible.

        Call it when the officer has the answer: bringing a row to the disk takes as
        long as the disk likes. If another process is writing, the row waits for the
        next call or for `flush`.

        Args:
            decision: What `verify` or a `ReplayGuard` answered; the row has its time.

        Returns:
            What `record_act` takes, if the officer does not go by the answer.
        """
        scan, at = LoggedScan(log=self), clock_of(decision.evidence.now)
        self._keep(_Waiting(at=at, scan=scan, told=fields_of(decision)))
        return scan

    def record_act(
        self, act: OfficerAct, *, of: LoggedScan | None, now: datetime
    ) -> None:
        """Write down what an officer did with an answer; as `record` in all else.

        Args:
            act: What was decided, by whom and why.
            of: The decision it is about, as `record` of this log returned it; its row
                is named by its number. None if no decision was recorded.
            now: The moment; timezone-aware.

        Raises:
            ValueError: ``of`` is another log's, or ``now`` is naive.
        """
        if of is not None and of.log is not self:
            raise ValueError("the decision was recorded in another log")
        if now.utcoffset() is None:
            raise ValueError("now needs a time zone")
        self._keep(_Waiting(at=clock_of(now), scan=of, told=act))

    def flush(self) -> None:
        """Write what waits, with up to two seconds for other writers to finish."""
        self._try_to_write(_PATIENCE)

    def status(self) -> ScanLogStatus:
        """Say how the log is doing; never raises."""
        with self._queue:
            waiting, missed = len(self._waiting), self._missed
        return ScanLogStatus(
            waiting=waiting,
            missed=missed,
            problem=self._problem,
            unsent=self._unsent(),
        )

    def verify(self, *, head: LogHead | None = None) -> ScanLogReport:
        """Read every row and say whether the chain holds.

        Args:
            head: The last row as it was noted elsewhere, such as by whoever took the
                last export; None if there is no note, and then a log whose end was cut
                off looks whole, unless the end had been exported.

        Raises:
            ScanLogError: There is no log, or another process keeps writing.

        Not checked: that what is written is what was decided. Who has the key could
        have written all of it anew; only a head kept elsewhere shows that.
        """
        mark = self.exported_head()  # before the rows, of which it must be one
        with self._reading() as snapshot:
            heads = tuple(filter(None, (head, mark)))
            check = _Check(heads, start=snapshot.dropped())
            for found in snapshot.lines():
                check.take(found)
            return check.report()

    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """Count outcomes and codes by day.

        Returns:
            By day in UTC (ISO 8601) by ``accepted``, ``rejected``, ``undecided``,
            ``missed`` and code, and by ``officer.`` with what officers decided, or
            ``mismatch``, and with their reasons; days and names ascending. Rows that
            cannot be read are left out: `verify` names them.

        Raises:
            ScanLogError: There is no log, or another process keeps writing.
        """
        days: dict[str, Counter[str]] = {}
        with self._reading() as snapshot:
            for found in snapshot.lines():
                if found.row:
                    days.setdefault(day_of(found.row), Counter()).update(
                        _counted(found.row)
                    )
        return {
            day: dict(sorted(days[day].items())) for day in sorted(days) if days[day]
        }

    def export(self, path: str | Path, *, notes: bool = False) -> ScanLogExport:
        """Write the rows that were not exported yet as JSON Lines; remember the last.

        Each line is a row, whose SHA-256 is ``previous`` of the next; the last line
        names the log, its head, and how many rows there are. Nothing is sealed: carry
        it by a safe way. After a power cut in between, rows may be handed out twice,
        with the same numbers; never not at all. So they may by two exports at once.

        Args:
            path: A file that does not exist yet. It is there whole or not at all.
            notes: Whether the last line also has, by number of row, what officers wrote
                down, with the salt that makes it fit the row.

        Raises:
            ScanLogError: There is no log, another process keeps writing, or ``path``
                exists or cannot be written.
        """

        def write(
            file: BinaryIO, snapshot: "_Snapshot", mark: Row | None
        ) -> tuple[ScanLogExport, Row | None]:
            handed = _Handed(snapshot.log(), mark=mark, notes=notes)
            return _write_rows(file, snapshot.rows_after(mark), handed)

        return self._export(Path(path), write)

    def export_batches(
        self,
        path: str | PurePath,
        convert: Callable[[ScanLogBatch], bytes],
        *,
        max_rows: int,
    ) -> ScanLogExport:
        """Write the rows that were not exported yet in batches, and remember the last.

        Args:
            path: As for `export`.
            convert: Returns what is written for a batch.
            max_rows: Rows of a batch, 1 or more.

        Raises:
            ScanLogError: As for `export`.
        """

        def write(
            file: BinaryIO, snapshot: "_Snapshot", mark: Row | None
        ) -> tuple[ScanLogExport, Row | None]:
            handed, last = _Handed(snapshot.log(), mark=mark, notes=False), mark
            rows = snapshot.rows_after(mark)
            while piece := tuple(islice(rows, max_rows)):
                file.write(convert(_batch(snapshot.log(), last, piece)))
                last = piece[-1]
                handed.add_all(piece)
            return handed.report(), handed.last

        return self._export(Path(path), write)

    def batches(
        self, *, max_rows: int = 500, within: tuple[int, int] | None = None
    ) -> Iterator[ScanLogBatch]:
        """Hand out what was not exported yet, in pieces; remember nothing.

        Call `collected` when somebody has a piece for good. What is read is the log at
        the moment of the first piece.

        Args:
            max_rows: Rows of a piece, 1 or more.
            within: First and last number of rows that are wanted again instead, though
                they were handed out; nothing comes if the log has the first no more.

        Raises:
            ScanLogError: There is no log, or another process keeps writing.
        """
        with self._reading() as snapshot:
            last, log = None if within else self._exported(), snapshot.log()
            rows = snapshot.within(*within) if within else snapshot.rows_after(last)
            while piece := tuple(islice(rows, max_rows)):
                yield _batch(log, last, piece)
                last = piece[-1]

    def exported_head(self) -> LogHead | None:
        """Return the last row that was handed out; None if that cannot be told."""
        mark = self._exported()
        return LogHead(mark.seq, mark.digest) if mark else None

    def collected(self, batch: ScanLogBatch) -> None:
        """Remember that a batch, and so all before it, has been collected.

        Raises:
            ScanLogError: It cannot be remembered; the rows will be handed out again.
        """
        try:
            self._remember(batch.last)
        except OSError as error:
            raise ScanLogError(f"{self._folder}: {error.strerror}") from error

    # Writing.

    def _keep(self, entry: _Waiting) -> None:
        with self._queue:
            self._waiting.append(entry)
            self._give_up_some()
        self._try_to_write(_AT_ONCE)

    def _give_up_some(self) -> None:
        while len(self._waiting) > _MAX_WAITING:
            given_up = self._waiting.popleft()
            self._missed_since = self._missed_since or given_up.at
            self._missed += 1

    def _try_to_write(self, patience: timedelta) -> None:
        # Again and again: what another thread has left to us meanwhile is ours.
        while self._waiting and self._writing.acquire(timeout=patience.total_seconds()):
            try:
                is_done = self._write_waiting(patience)
            finally:
                self._writing.release()
            if not is_done:
                return

    def _write_waiting(self, patience: timedelta) -> bool:
        """Write all that waits; False if that cannot be, and then say why."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._locked(patience):
                while self._waiting:
                    self._write_some()
        except BlockingIOError:
            if patience:
                self._problem = "another process is at this log"
            return False
        except OSError as error:
            self._problem = error.strerror or str(error)
            return False
        self._problem = None
        return True

    def _write_some(self) -> None:
        """Write what waits and still fits into the newest segment."""
        at = self._waiting[0].at
        end = self._find_end()
        if not end.is_open or end.place >= self._rows_each:
            end = self._begin(end, at)
        with self._taken(self._rows_each - end.place) as (taken, missed):
            last, rows = end.last, list[Row]()
            if missed:
                last = build_row(last, at=at, kind=Kind.MISSED, fields=missed)
                rows.append(last)
            for entry in taken:
                last = entry.after(last)
                rows.append(last)
                entry.keep_number(last.seq)
            self._end = self._append(end, rows)

    @contextlib.contextmanager
    def _taken(self, room: int) -> Iterator[tuple[list[_Waiting], Fields]]:
        """Take out what is about to be written; put it back if it is not.

        Other threads may add more meanwhile, and give up the oldest of what is there.
        """
        with self._queue:
            missed, since = self._missed, self._missed_since
            self._missed = self._missed_since = 0
            left = min(room, _BATCH, len(self._waiting) + bool(missed)) - bool(missed)
            taken = [self._waiting.popleft() for _ in range(left)]
        try:
            yield taken, {"count": missed, "since": since} if missed else {}
        except BaseException:
            for entry in taken:
                entry.keep_number(None)
            with self._queue:
                self._missed += missed
                self._missed_since = since or self._missed_since
                self._waiting.extendleft(reversed(taken))
                self._give_up_some()
            raise

    def _append(self, end: _End, rows: list[Row]) -> _End:
        """Bring rows to the disk, all or, as far as the disk lets us, none."""
        sealed = [end.sealer.seal(row, end.place + i) for i, row in enumerate(rows)]
        opened = _open(self._path(end.number), os.O_WRONLY | os.O_APPEND)
        try:
            size = os.fstat(opened).st_size
            try:
                _write_all(opened, b"".join(sealed))
                os.fsync(opened)
            except OSError:
                with contextlib.suppress(OSError):
                    os.ftruncate(opened, size)
                raise
        finally:
            os.close(opened)
        return replace(end, place=end.place + len(rows), last=rows[-1])

    def _begin(self, end: _End, at: int) -> _End:
        """Make the next segment, and drop the oldest if there are too many bytes."""
        number = end.number + 1
        if number > _MAX_SEGMENTS:
            raise OSError(errno.EFBIG, "there are too many segments")
        sealer = Sealer.fresh(self._key)
        told: Fields = {"log": end.log, "unfinished": end.unfinished}
        row = build_row(end.last, at=at, kind=Kind.OPENED, fields=told)
        self._clear_leftovers()
        self._write_whole(self._path(number), sealer.header + sealer.seal(row, 0))
        begun = _End(
            number=number,
            is_open=True,
            sealer=sealer,
            place=1,
            last=row,
            log=end.log,
            unfinished=0,
        )
        # The new segment counts, whatever becomes of dropping the old ones.
        self._end = begun
        return self._drop_oldest(begun, at)

    def _drop_oldest(self, end: _End, at: int) -> _End:
        numbers = self._numbers()
        oldest = self._oldest_to_keep(numbers)
        gone = [number for number in numbers if number < oldest]
        if not gone:
            return end
        first = self._row_of(oldest, 0)
        told: Fields = {
            "segment": oldest,
            "first": first.seq if first else None,
            "follows": first.previous if first else None,
        }
        said = build_row(end.last, at=at, kind=Kind.DROPPED, fields=told)
        end = self._append(end, [said])
        for number in gone:
            _remove(self._path(number))
        return end

    def _oldest_to_keep(self, numbers: list[int]) -> int:
        # What somebody else puts there does not count, so that it displaces nothing of
        # ours; but not even files of a key that is always lost may go on for ever.
        ours = [number for number in numbers if self._row_of(number, 0)]
        return max(
            ours[-_SEGMENTS] if len(ours) > _SEGMENTS else 0,
            numbers[-_FILES] if len(numbers) > _FILES else 0,
        )

    def _write_whole(self, path: Path, data: bytes) -> None:
        handle, name = tempfile.mkstemp(prefix=_NEW, dir=path.parent)
        beside = Path(name)
        try:
            try:
                _write_all(handle, data)
                os.fsync(handle)
            finally:
                os.close(handle)
            beside.replace(path)
        except OSError:
            beside.unlink(missing_ok=True)
            raise
        _flush_folder(path.parent)

    def _clear_leftovers(self) -> None:
        for leftover in self._folder.glob(f"{_NEW}*"):
            _remove(leftover)

    # Finding the end.

    def _find_end(self) -> _End:
        """Find where to go on, and never before where this object has been."""
        end = self._end_on_disk()
        known = self._end
        if known is None or known.last is None:
            return end
        if end.last and end.last.seq >= known.last.seq:
            return end
        # What we wrote has been cut off. We go on after it, so that it shows.
        return replace(
            end,
            number=max(end.number, known.number),
            is_open=False,
            last=known.last,
            log=known.log,
        )

    def _end_on_disk(self) -> _End:
        numbers = self._numbers()
        newest = numbers[-1] if numbers else 0
        end = _End(
            number=newest,
            is_open=False,
            sealer=Sealer.fresh(self._key),
            place=0,
            last=None,
            log=secrets.token_hex(8),
            unfinished=0,
        )
        for number in reversed(numbers):
            found = self._end_of(number, end)
            if found.last:
                return found
            end = found
        return end

    def _end_of(self, number: int, end: _End) -> _End:
        """Look for the last row that can be read in one segment, from its end."""
        try:
            with self._opened(number) as (file, sealer, size):
                places, rest = divmod(size - HEADER, LINE)
                for place in reversed(range(places)):
                    row = _row_at(file, sealer, place)
                    if row:
                        is_end = number == end.number and place == places - 1
                        left = rest + (places - place - 1) * LINE
                        return replace(
                            end,
                            is_open=is_end and not rest,
                            sealer=sealer,
                            place=place + 1,
                            last=row,
                            log=_id_in(_row_at(file, sealer, 0)) or end.log,
                            unfinished=end.unfinished + left,
                        )
                return replace(end, unfinished=end.unfinished + size)
        except (OSError, ValueError):
            return end  # it stays as it is, and `verify` names it

    # Reading.

    def _row_of(self, number: int, place: int) -> Row | None:
        try:
            with self._opened(number) as (file, sealer, _):
                return _row_at(file, sealer, place)
        except (OSError, ValueError):
            return None

    @contextlib.contextmanager
    def _opened(self, number: int) -> Iterator[tuple[BinaryIO, Sealer, int]]:
        opened = _open(self._path(number), os.O_RDONLY)
        with os.fdopen(opened, "rb") as file:
            size = os.fstat(opened).st_size
            if size > max(self._max_bytes, _LARGEST):
                raise ValueError("too large")
            yield file, Sealer(self._key, file.read(HEADER)), size

    def _numbers(self) -> list[int]:
        names = (_SEGMENT.fullmatch(path.name) for path in self._folder.iterdir())
        return sorted(int(match[1]) for match in names if match)

    def _path(self, number: int) -> Path:
        return self._folder / _name_of(number)

    @contextlib.contextmanager
    def _reading(self) -> Iterator["_Snapshot"]:
        """Open all there is at one moment; reading it then keeps no writer waiting."""
        with contextlib.ExitStack() as files:
            try:
                if not self._numbers():
                    raise ScanLogError(f"{self._folder} holds no scan log")
                with self._locked(_PATIENCE):
                    pieces = [self._piece(each, files) for each in self._numbers()]
            except BlockingIOError as error:
                raise ScanLogError("another process is at this log") from error
            except OSError as error:
                raise ScanLogError(f"{self._folder}: {error.strerror}") from error
            yield _Snapshot(pieces)

    def _piece(self, number: int, files: contextlib.ExitStack) -> "_Piece":
        try:
            file, sealer, size = files.enter_context(self._opened(number))
        except OSError as error:
            return _Piece(number=number, detail=error.strerror or str(error))
        except ValueError as error:
            return _Piece(number=number, detail=str(error))
        return _Piece(number=number, file=file, sealer=sealer, size=size)

    @contextlib.contextmanager
    def _locked(self, patience: timedelta) -> Iterator[None]:
        # The folder itself is locked: a lock file could be a pipe, or a link.
        lock = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            _take(lock, patience)
            yield
        finally:
            os.close(lock)

    # What was exported.

    def _exported(self) -> Row | None:
        """Return the last row that was handed out; None if that cannot be told."""
        try:
            opened = _open(self._folder / _EXPORTED, os.O_RDONLY)
            with os.fdopen(opened, "rb") as file:
                return Sealer(self._key, file.read(HEADER)).open(file.read(LINE + 1), 0)
        except (OSError, ValueError):
            return None

    def _unsent(self) -> int | None:
        try:
            last = self._end_on_disk().last
        except OSError:
            return None
        mark = self._exported()
        if last is None or (mark and mark.seq > last.seq):
            return None
        return last.seq - (mark.seq if mark else 0)

    def _export(self, path: Path, write: "_Write") -> ScanLogExport:
        with self._reading() as snapshot:
            try:
                if path.exists():
                    raise ScanLogError(f"{path} exists")
                return self._hand_out(path, snapshot, write)
            except OSError as error:
                raise ScanLogError(f"{path}: {error.strerror}") from error

    def _hand_out(
        self, path: Path, snapshot: "_Snapshot", write: "_Write"
    ) -> ScanLogExport:
        mark = self._exported()
        handle, name = tempfile.mkstemp(prefix=_NEW, dir=path.parent)
        beside = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                report, last = write(file, snapshot, mark)
                file.flush()
                os.fsync(handle)
            if last:
                beside.replace(path)
                _flush_folder(path.parent)
                try:
                    self._remember(last)
                except OSError:
                    path.unlink()  # or nobody would know that it was exported
                    raise
        finally:
            beside.unlink(missing_ok=True)
        return report

    def _remember(self, last: Row) -> None:
        sealer = Sealer.fresh(self._key)
        mark = sealer.header + sealer.seal(last, 0)
        with self._locked(_PATIENCE):  # who begins a segment clears leftovers away
            self._write_whole(self._folder / _EXPORTED, mark)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """One segment, opened; if it could not be, ``detail`` says why."""

    number: int
    file: BinaryIO | None = None
    sealer: Sealer | None = None
    size: int = 0
    detail: str = ""

    def lines(self) -> Iterator[_Found]:
        """Read every line that was there when it was opened."""
        if self.file is None or self.sealer is None:
            yield _Found(number=self.number, row=None, detail=self.detail)
            return
        self.file.seek(HEADER)
        data = self.file.read(self.size - HEADER)
        yield from _lines_of(self.number, self.sealer, data)

    def row(self, place: int) -> Row | None:
        """Return the row at a place, from 0, if it can be read."""
        if self.file is None or self.sealer is None:
            return None
        return _row_at(self.file, self.sealer, place)


class _Snapshot:
    """What a log held at one moment, whatever is written or dropped since."""

    def __init__(self, pieces: list[_Piece]) -> None:
        self._pieces = pieces

    def lines(self) -> Iterator[_Found]:
        """Read every line of what counts, in order."""
        oldest = _number(self.dropped().get("segment"))
        for piece in self._pieces:
            if piece.number >= oldest:  # a power cut may have kept what was dropped
                yield from piece.lines()

    def rows_after(self, mark: Row | None) -> Iterator[Row]:
        """Read the rows behind the mark; all, if it is not among them."""
        is_behind = mark is None or all(
            row.digest != mark.digest for row in self._rows()
        )
        for row in self._rows():
            if is_behind:
                yield row
            elif mark and row.digest == mark.digest:
                is_behind = True

    def within(self, first: int, last: int) -> Iterator[Row]:
        """Read the rows from a number to another; none, if the first is not there."""
        rows = (row for row in self._rows() if row.seq >= first)
        for row in takewhile(lambda row: row.seq <= last, rows):
            if row.seq != first:
                return
            yield row
            first += 1

    def _rows(self) -> Iterator[Row]:
        return (found.row for found in self.lines() if found.row)

    def log(self) -> str:
        """Return the id of the log."""
        ids = (_id_in(piece.row(0)) for piece in reversed(self._pieces))
        return next(filter(None, ids), "")

    def dropped(self) -> Fields:
        """Return what the newest row about dropping tells: its segment's second row."""
        rows = (piece.row(1) for piece in reversed(self._pieces))
        found = (row.fields for row in rows if row and row.kind is Kind.DROPPED)
        return next(found, {})


class _Handed:
    """Rows that are handed out together, as they follow each other."""

    def __init__(self, log: str, *, mark: Row | None, notes: bool) -> None:
        self._log = log
        self._mark = mark
        self._notes: dict[str, Mapping[str, str]] | None = {} if notes else None
        self._first = 0
        self.last: Row | None = None
        self._rows = 0

    def add_all(self, rows: Iterable[Row]) -> bytes:
        """Take some more; return their lines."""
        return b"".join([self.add(row) for row in rows])

    def add(self, row: Row) -> bytes:
        """Take one more; return its line."""
        self._first, self.last = self._first or row.seq, row
        self._rows += 1
        if row.note and self._notes is not None:
            self._notes[str(row.seq)] = {
                "salt": row.note.salt.hex(),
                "text": row.note.text,
            }
        return row.text + b"\n"

    def report(self) -> ScanLogExport:
        """Say what was handed out."""
        last, sent = self.last or self._mark, self._mark.seq if self._mark else 0
        before = sent if sent < self._first else 0
        lost = last.seq - before - self._rows if last and self._rows else 0
        return ScanLogExport(
            rows=self._rows,
            first=self._first or None,
            head=LogHead(last.seq, last.digest) if last else None,
            lost=max(lost, 0),
        )

    def about(self) -> bytes:
        """Return the line that comes last."""
        report = self.report()
        about: dict[str, object] = {
            "log": self._log,
            "head": str(report.head),
            "rows": report.rows,
            "lost": report.lost,
        }
        if self._notes is not None:
            about["notes"] = self._notes
        return f"{_json.canonical(about)}\n".encode()


def _write_rows(
    file: BinaryIO, rows: Iterable[Row], handed: _Handed
) -> tuple[ScanLogExport, Row | None]:
    """Write what comes after the mark; everything, if the log has it no more."""
    file.writelines(handed.add(row) for row in rows)
    if handed.last:
        file.write(handed.about())
    return handed.report(), handed.last


def _batch(log: str, mark: Row | None, rows: Sequence[Row]) -> ScanLogBatch:
    handed = _Handed(log, mark=mark, notes=False)
    text = handed.add_all(rows) + handed.about()
    return ScanLogBatch(text=text, report=handed.report(), last=rows[-1])


_Write: TypeAlias = Callable[
    [BinaryIO, _Snapshot, Row | None], tuple[ScanLogExport, Row | None]
]
"""Writes the rows behind a mark; returns what to say of them, and the last."""


class _Check:
    """Follows a log from row to row, without keeping them."""

    def __init__(self, heads: tuple[LogHead, ...], *, start: Fields) -> None:
        self._heads = heads
        self._start = start.get("first", 1), start.get("follows", BEFORE_THE_FIRST)
        self._first: _Found | None = None
        self._last: Row | None = None
        self._is_broken = False
        self._bad: BadRow | None = None
        self._rows = self._unfinished = self._missed = self._clock_back = 0

    def take(self, found: _Found) -> None:
        """Look at the next line."""
        self._first = self._first or found
        if found.is_unfinished:
            self._unfinished += 1
        elif found.row is None:
            self._blame(found.number, self._next, found.detail)
            self._is_broken = True
        else:
            self._follow(found.number, found.row)

    @property
    def _next(self) -> int:
        return self._last.seq + 1 if self._last else 1

    def _blame(self, number: int, seq: int, detail: str) -> None:
        if self._bad is None:
            segment = _name_of(number) if number else ""
            self._bad = BadRow(segment=segment, seq=seq, detail=detail)

    def _follow(self, number: int, row: Row) -> None:
        last = self._last
        if last and not self._is_broken and row.previous != last.digest:
            detail = f"missing or exchanged: row {row.seq} follows row {last.seq}"
            self._blame(number, last.seq + 1, detail)
        for head in self._heads:
            if head.seq == row.seq and head.digest != row.digest:
                self._blame(number, row.seq, "not the row that was noted")
        if last and last.at - row.at > _CLOCK_STEP:
            self._clock_back += 1
        if row.kind is Kind.MISSED:
            self._missed += _number(row.fields.get("count"))
        self._last, self._is_broken = row, False
        self._rows += 1

    def report(self) -> ScanLogReport:
        """Return what was found, once every line has been taken."""
        first, last = self._first.row if self._first else None, self._last
        if first and (first.seq, first.previous) != self._start:
            self._bad = None  # what is missing comes before all that is wrong
            detail = f"missing; the log begins with row {first.seq}"
            self._blame(0, 1, detail)
        for head in self._heads:
            if head.seq >= self._next:
                self._blame(0, self._next, f"missing; row {head.seq} was noted")
        return ScanLogReport(
            rows=self._rows,
            first=first.seq if first else 1,
            head=LogHead(last.seq, last.digest) if last else None,
            bad=self._bad,
            unfinished=self._unfinished,
            missed=self._missed,
            clock_back=self._clock_back,
        )


def _lines_of(number: int, sealer: Sealer, data: bytes) -> Iterator[_Found]:
    # Some file systems fill with zeros what they had not written.
    content = len(data.rstrip(b"\0"))
    for place, start in enumerate(range(0, len(data), LINE)):
        is_unfinished = content - start < LINE
        try:
            yield _Found(
                number=number, row=sealer.open(data[start : start + LINE], place)
            )
        except ValueError as error:
            yield _Found(
                number=number, row=None, detail=str(error), is_unfinished=is_unfinished
            )
            if is_unfinished:
                return


def _row_at(file: BinaryIO, sealer: Sealer, place: int) -> Row | None:
    file.seek(HEADER + place * LINE)
    try:
        return sealer.open(file.read(LINE), place)
    except ValueError:
        return None


def _id_in(row: Row | None) -> str:
    """Return the id of the log, if this row begins a segment."""
    log = row.fields.get("log") if row and row.kind is Kind.OPENED else None
    return log if isinstance(log, str) else ""


def _counted(row: Row) -> dict[str, int]:
    """Return what a row adds to the counts of its day."""
    if row.kind is Kind.MISSED:
        return {"missed": _number(row.fields.get("count"))}
    if row.kind is Kind.ACT:
        decision = row.fields.get("decision") or "mismatch"
        return {f"officer.{each}": 1 for each in (decision, row.fields.get("reason"))}
    if row.kind is not Kind.SCAN:
        return {}
    codes = [row.fields.get(name) for name in ("outcome", "reason", "lane", "entry")]
    return {code: 1 for code in codes if isinstance(code, str)}


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _name_of(number: int) -> str:
    return f"scan-{number:08}.log"


def _open(path: Path, flags: int) -> int:
    """Open a regular file, and wait for no pipe and follow no link."""
    opened = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        os.close(opened)
        raise OSError(errno.EINVAL, "not a file")
    return opened


def _write_all(opened: int, data: bytes) -> None:
    while data:
        data = data[os.write(opened, data) :]


def _take(lock: int, patience: timedelta) -> None:
    for _ in range(patience // _PAUSE):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(_PAUSE.total_seconds())
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _flush_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
