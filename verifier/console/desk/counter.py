"""The desk without HTTP: ask, answer, remember under a reference."""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from typing import Any, Final, TypeAlias

from ... import (
    BasisAnswer,
    EntryBasis,
    PassportAsker,
    PassportQuestion,
    Policy,
    Register,
    RegisterAnswer,
    RegisterError,
    Trust,
    TrustError,
    TrustStore,
    after_passport_check,
    entry_basis,
    zone_of,
)
from . import answers, passengers
from .book import Book
from .passengers import Row
from .questions import Question, waited

Told: TypeAlias = dict[str, Any]
"""What is told, as JSON."""
_log: Final = logging.getLogger(__name__)
_MOST_FAILURES: Final = 3
"""Of a register, in one list: each takes seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """One desk; safe to share between threads."""

    store: TrustStore
    zones: Mapping[str, tzinfo]
    now: Callable[[], datetime]
    """The present, timezone-aware."""
    register: Register | None = None
    """Whom to ask by a passport alone; without one that is no answer."""
    book: Book = field(default_factory=Book)
    passports: PassportAsker | None = None
    """Has passports checked by who issued them; None if nobody is asked. Lists are not:
    hundreds of questions would take longer than anybody at a desk waits."""

    def data(self) -> Told:
        """Tell of when the data on this device is, and how old that may be."""
        now = self.now()
        try:
            trust = self.store.load()
        except TrustError as error:
            return {"ready": False, "problem": str(error), "issued_at": None}
        # The destination does not matter: every policy here has the same tolerance.
        limit = Policy(economy="AUS").max_trust_age
        return {
            "ready": True,
            "problem": None,
            "version": trust.version,
            "issued_at": trust.issued_at.isoformat(),
            "age": int((now - trust.issued_at).total_seconds()),
            "limit": int(limit.total_seconds()),
            "is_old": now - trust.issued_at > limit / 2,
        }

    def today(self) -> dict[str, str]:
        """Return the day that it is now at each destination, by code."""
        now = self.now()
        return {
            code: now.astimezone(zone).date().isoformat()
            for code, zone in sorted(self.zones.items())
        }

    def ask(self, question: Question) -> Told:
        """Answer one question, beside an earlier answer where one is named.

        Raises:
            RequestError: Its code was not read within the last 72 hours.
        """
        now = self.now()
        question = replace(question, code_read_at=waited(question.code_read_at, now))
        line, trust = _Line(self.register), self._trust()
        basis, source = self._decide(question, trust, now, line)
        basis = self._with_passport(basis, question, trust, now)
        told = self._told(basis, source, question)
        if question.previous is None:
            return told | {"previous": None}
        earlier = self.book.find(question.previous, basis, question.passport)
        compared = earlier and answers.compared(basis, question.previous, earlier)
        return told | {"previous": compared}

    def ask_all(self, data: bytes) -> tuple[int, Iterator[Told]]:
        """Read a list, and answer its rows as they are asked for.

        One moment and one state of the data are for all, so that no update and no
        midnight comes in between.

        Returns:
            How many rows, and what is told of each: an answer, or a fault.

        Raises:
            ListError: It is no list.
        """
        now, trust = self.now(), self._trust()
        rows = passengers.read_list(data, now=now)
        line = _Line(self.register)
        told = (
            passengers.result(row, self._row(row, trust, now, line)) for row in rows
        )
        return len(rows), told

    def _row(
        self, row: Row, trust: Trust | None, now: datetime, line: "_Line"
    ) -> Told | None:
        if row.question is None:
            return None
        found = self._decide(row.question, trust, now, line)
        return self._told(*found, row.question)

    def _with_passport(
        self, basis: EntryBasis, question: Question, trust: Trust | None, now: datetime
    ) -> EntryBasis:
        if self.passports is None or trust is None or question.passport is None:
            return basis
        if basis.answer is not BasisAnswer.GIVES:
            return basis  # nothing could make it more
        asked = PassportQuestion.about(question.passport)
        told = self.passports.ask(asked, trust=trust, now=now)
        return after_passport_check(basis, told)

    def _trust(self) -> Trust | None:
        try:
            return self.store.load()
        except TrustError as error:
            _log.warning("no data: %s", error)
            return None

    def _told(self, basis: EntryBasis, source: str | None, question: Question) -> Told:
        reference = self.book.add(basis, question.passport)
        # A reason and nothing else: no name, no number of a card or passport.
        _log.info("%s %s", reference, basis.reason)
        return answers.said(basis, reference, source)

    def _decide(
        self,
        question: Question,
        trust: Trust | None,
        moment: datetime,
        line: "_Line",
    ) -> tuple[EntryBasis, str | None]:
        """Return the answer, and whose it is: ``device``, an economy, or nobody's."""
        now = moment.astimezone(zone_of(question.destination, self.zones))
        if trust is None:
            return _nothing(question, now), None
        if question.code is None and (found := line.ask(question, trust, now)):
            answered_at = found.basis.answered_at.astimezone(now.tzinfo)
            return replace(found.basis, answered_at=answered_at), found.economy
        basis = entry_basis(
            question.code,
            trust=trust,
            policy=Policy(economy=question.destination),
            expected_passport=question.passport,
            arrival=question.arrival,
            now=now,
            code_read_at=question.code_read_at,
        )
        return basis, None if question.code is None else answers.DEVICE


class _Line:
    """The way to the register for one question or list: given up when it is down."""

    def __init__(self, register: Register | None) -> None:
        self._register = register
        self._failures = 0

    def ask(
        self, question: Question, trust: Trust, now: datetime
    ) -> RegisterAnswer | None:
        """Ask by the passport; None if there is no register, or no answer of it."""
        if (
            self._register is None
            or question.passport is None
            or self._failures == _MOST_FAILURES
        ):
            return None
        try:
            return self._register.ask(
                question.passport,
                destination=question.destination,
                arrival=question.arrival,
                trust=trust,
                now=now,
            )
        except RegisterError as error:
            # What is wrong with the line, or with the answer; nothing of the question.
            _log.warning("no answer of the register: %s", error)
            self._failures += 1
            return None


def _nothing(question: Question, now: datetime) -> EntryBasis:
    return EntryBasis(
        answer=BasisAnswer.NO_ANSWER,
        destination=question.destination,
        arrival=question.arrival,
        answered_at=now,
        data_as_of=None,
    )
