"""The desk without HTTP: ask, answer, remember under a reference."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from typing import Any, Final, TypeAlias

from ... import (
    BasisAnswer,
    EntryBasis,
    NoAnswer,
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
"""Of a register, or of the back office, in one list: each takes seconds."""
_TOGETHER: Final = 100
"""Passengers of a list whose passports are asked about at once: the page shows how far
it is, and nobody waits long for the next step."""


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
    """Has passports checked by who issued them; None if nobody is asked."""

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
        (basis,) = _Owners(self.passports).check([(basis, question)], trust, self.now())
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
        return len(rows), self._rows(rows, trust, now)

    def _rows(
        self, rows: Sequence[Row], trust: Trust | None, now: datetime
    ) -> Iterator[Told]:
        line, owners = _Line(self.register), _Owners(self.passports)
        together = _TOGETHER if self.passports else 1
        for start in range(0, len(rows), together):
            some = rows[start : start + together]
            questions = [each.question for each in some if each.question]
            found = [self._decide(each, trust, now, line) for each in questions]
            pairs = [
                (basis, question)
                for (basis, _), question in zip(found, questions, strict=True)
            ]
            # What others sign is good for minutes, and a long list takes some: they are
            # asked as of their own moment.
            checked = owners.check(pairs, trust, self.now())
            told = iter(
                self._told(basis, source, question)
                for basis, (_, source), question in zip(
                    checked, found, questions, strict=True
                )
            )
            for row in some:
                yield passengers.result(row, next(told) if row.question else None)

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
        if question.code is None and (found := line.ask(question, trust, self.now())):
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


class _Owners:
    """Who issued the passports of one question or list, as far as they can be asked:
    given up when the back office that asks them is down."""

    def __init__(self, passports: PassportAsker | None) -> None:
        self._passports = passports
        self._failures = 0

    def check(
        self,
        found: Sequence[tuple[EntryBasis, Question]],
        trust: Trust | None,
        now: datetime,
    ) -> list[EntryBasis]:
        """Return what is told once passports were asked about, all at once."""
        asked = {
            place: PassportQuestion.about(question.passport)
            for place, (basis, question) in enumerate(found)
            if question.passport is not None
            and basis.answer is BasisAnswer.GIVES  # nothing could make others more
        }
        bases = [basis for basis, _ in found]
        if self._passports is None or trust is None or not asked:
            return bases
        if self._failures == _MOST_FAILURES:
            return bases
        told = self._passports.ask_all([*asked.values()], trust=trust, now=now)
        is_down = all(
            each.no_answer is NoAnswer.SILENCE and not each.owner for each in told
        )
        self._failures += is_down
        for place, answer in zip(asked, told, strict=True):
            bases[place] = after_passport_check(bases[place], answer)
        return bases


def _nothing(question: Question, now: datetime) -> EntryBasis:
    return EntryBasis(
        answer=BasisAnswer.NO_ANSWER,
        destination=question.destination,
        arrival=question.arrival,
        answered_at=now,
        data_as_of=None,
    )
