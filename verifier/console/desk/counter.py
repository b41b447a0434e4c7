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
    Trust,
    TrustError,
    TrustStore,
    after_passport_check,
    entry_basis,
)
from ...places import zone_of
from . import answers, passengers
from .book import Book
from .passengers import Row
from .questions import Question, waited

Told: TypeAlias = dict[str, Any]
"""What is told, as JSON."""
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """One desk; safe to share between threads."""

    store: TrustStore
    zones: Mapping[str, tzinfo]
    now: Callable[[], datetime]
    """The present, timezone-aware."""
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
        trust = self._trust()
        basis = self._decide(question, trust, now)
        basis = self._with_passport(basis, question, trust, now)
        told = self._told(basis, question)
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
        told = (passengers.result(row, self._row(row, trust, now)) for row in rows)
        return len(rows), told

    def _row(self, row: Row, trust: Trust | None, now: datetime) -> Told | None:
        if row.question is None:
            return None
        return self._told(self._decide(row.question, trust, now), row.question)

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

    def _told(self, basis: EntryBasis, question: Question) -> Told:
        reference = self.book.add(basis, question.passport)
        # A reason and nothing else: no name, no number of a card or passport.
        _log.info("%s %s", reference, basis.reason)
        return answers.said(basis, reference)

    def _decide(
        self, question: Question, trust: Trust | None, moment: datetime
    ) -> EntryBasis:
        now = moment.astimezone(zone_of(question.destination, self.zones))
        if trust is None:
            return EntryBasis(
                answer=BasisAnswer.NO_ANSWER,
                destination=question.destination,
                arrival=question.arrival,
                answered_at=now,
                data_as_of=None,
            )
        return entry_basis(
            question.code,
            trust=trust,
            policy=Policy(economy=question.destination),
            expected_passport=question.passport,
            arrival=question.arrival,
            now=now,
            code_read_at=question.code_read_at,
        )
