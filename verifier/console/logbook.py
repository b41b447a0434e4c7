"""The scan log of a console, written by a thread of its own.

The officer has the answer before a row goes to the disk, and a disk that hangs holds up
nobody: rows wait here, bounded, and the home says how many.
"""

import queue
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from .._acts import OfficerAct
from ..card import Card
from ..decision import Accepted, Decision
from ..errors import ScanLogError
from ..scan_log import LoggedScan, ScanLog, ScanLogExport, ScanLogStatus
from .shifts import Clocks

_MAX_WAITING: Final = 1024
"""Rows that wait for a disk that hangs; for one that fails the log keeps more."""
_SEND_EVERY: Final = 3600
"""Seconds between two attempts to hand the log over, and half as many more."""
_END: Final = 5.0
"""Seconds that the last rows get when the program ends."""


Send = Callable[[ScanLog], ScanLogExport]
"""Hands a log to the economy's collector, as `send_log` does."""


class NoLogError(Exception):
    """The console keeps no log, or none that can be used."""


@dataclass(eq=False, slots=True)
class Entry:
    """A decision on its way into the log, so that an officer's act can name it."""

    decision: Decision | None
    """Without a person; None once the log has it."""
    scan: LoggedScan | None = None
    """Set once the log has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Act:
    act: OfficerAct
    of: Entry | None
    now: datetime


class Logbook:
    """Writes down decisions and what officers did; nothing of it raises or waits.

    Args:
        log: The log; None if there is none.
        clocks: Moments and durations.
        problem: What is wrong with what was asked for.
        send: Hands the log to the economy's collector; None if it has none.
    """

    def __init__(
        self,
        log: ScanLog | None,
        *,
        clocks: Clocks,
        problem: str | None = None,
        send: Send | None = None,
    ) -> None:
        self._log = log
        self._clocks = clocks
        self._send = send
        self._sending: threading.Thread | None = None
        self._sent: dict[str, object] | None = None
        self._send_at = clocks.elapsed() + secrets.randbelow(_SEND_EVERY)
        self._problem = problem
        self._queue: queue.Queue[Entry | _Act | None] = queue.Queue(_MAX_WAITING)
        self._missed = 0
        self._status: ScanLogStatus | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin to write."""
        if self._log:
            self._thread.start()

    def record(self, decision: Decision) -> Entry:
        """Have a decision written down."""
        entry = Entry(_bare(decision))
        if not self._put(entry):
            entry.decision = None
        return entry

    def record_act(self, act: OfficerAct, *, of: Entry | None, now: datetime) -> bool:
        """Have written down what an officer did; tell whether it will be."""
        return self._put(_Act(act=act, of=of, now=now))

    def state(self) -> dict[str, object]:
        """Say how the log is doing, as the home shows it."""
        status = self._status
        waiting, missed = self._queue.qsize(), self._missed
        return {
            "on": self._log is not None,
            "unsent": status.unsent if status else None,
            "waiting": waiting + (status.waiting if status else 0),
            "missed": missed + (status.missed if status else 0),
            "problem": (status.problem if status else None) or self._problem,
            "collector": self._send is not None,
            "sending": self._is_sending(),
            "sent": self._sent,
        }

    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """Count outcomes and codes by day, as `ScanLog.counts`.

        Raises:
            NoLogError: There is none.
            ScanLogError: It cannot be read.
        """
        return self._open().counts()

    def export(self, path: Path) -> ScanLogExport:
        """Hand out what is new, as `ScanLog.export`.

        Raises:
            NoLogError: There is none.
            ScanLogError: It cannot be read, or the file not be written.
        """
        log = self._open()
        done = log.export(path)
        self._status = log.status()
        return done

    def tick(self) -> None:
        """Send what is new if it is time; to be called every few seconds."""
        if self._log and self._send and self._clocks.elapsed() >= self._send_at:
            self.send()

    def send(self) -> None:
        """Begin to send what is new to the collector; nothing, if that is going on.

        Raises:
            NoLogError: There is no log, or no collector.
        """
        log = self._open()
        if self._send is None:
            raise NoLogError(self._problem or "this console knows no collector")
        if not self._is_sending():
            wait = _SEND_EVERY + secrets.randbelow(_SEND_EVERY // 2)
            self._send_at = self._clocks.elapsed() + wait
            self._sending = threading.Thread(
                target=self._hand_over, args=(log, self._send), daemon=True
            )
            self._sending.start()

    def _is_sending(self) -> bool:
        return self._sending is not None and self._sending.is_alive()

    def _hand_over(self, log: ScanLog, send: Send) -> None:
        rows, problem = 0, None
        try:
            rows = send(log).rows
        except (ScanLogError, OSError) as error:
            problem = str(error)
        at = self._clocks.now().isoformat()
        self._sent = {"at": at, "rows": rows, "error": problem}
        self._status = log.status()

    def close(self) -> None:
        """Write what waits, with a few seconds for a slow disk."""
        if self._thread.is_alive():
            try:
                self._queue.put(None, timeout=_END)
            except queue.Full:
                return
            self._thread.join(timeout=_END)

    def _open(self) -> ScanLog:
        if self._log is None:
            raise NoLogError(self._problem or "this console keeps no log")
        return self._log

    def _put(self, what: Entry | _Act) -> bool:
        if self._log is None:
            return False
        try:
            self._queue.put_nowait(what)
        except queue.Full:
            self._missed += 1
            return False
        return True

    def _run(self) -> None:
        log = self._open()
        self._status = log.status()
        while (what := self._queue.get()) is not None:
            if isinstance(what, Entry):
                if what.decision is not None:
                    what.scan = log.record(what.decision)
                what.decision = None
            else:
                log.record_act(
                    what.act, of=what.of.scan if what.of else None, now=what.now
                )
            if self._queue.empty():
                self._status = log.status()
        log.flush()
        self._status = log.status()


def _bare(decision: Decision) -> Decision:
    """Return a decision without the person: it may wait for a slow disk, they may not.

    The log would keep neither of what is taken away.
    """
    evidence = replace(
        decision.evidence, proof_issued_at=None, proof_nonce=None, holder_key=None
    )
    if isinstance(decision, Accepted):
        return replace(decision, card=_NOBODY, evidence=evidence)
    return replace(decision, detail="", evidence=evidence)


_NOBODY: Final = Card(
    issuer="",
    document_number="",
    family_name="",
    given_name="",
    birthdate="",
    nationality="",
    passport_country="",
    passport_number="",
    form="",
    economies=(),
    issued_at=datetime.min.replace(tzinfo=UTC),
    expires_at=datetime.min.replace(tzinfo=UTC),
    not_before=datetime.min.replace(tzinfo=UTC),
    status_uri="",
    status_index=0,
)
