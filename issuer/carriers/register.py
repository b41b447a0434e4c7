"""The cards that an economy has issued, found by passport and decided by the verifier.

Nothing is decided here. What was signed last for each living credential goes through
the steps that a border's device takes, with the lists as they are published; what this
database knows and nobody has published yet (a card that was reported lost a minute ago)
can only take a card away.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

import verifier
from issuer import lifecycle
from issuer.office import Office
from issuer.store import (
    Card,
    Credential,
    Issue,
    IssueState,
    Passport,
    PassportLink,
)

_AT_ONCE: Final = 500
"""Passports in one query."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One passport, one destination, one day."""

    country: str
    """Alpha-3 code of who issued the passport."""
    number: str
    destination: str
    arrival: date
    everybody: bool = False
    """Whether it is about the cards of all economies, and not of one alone."""

    @property
    def passport(self) -> tuple[str, str]:
        """Country and number."""
        return self.country, self.number


@dataclass(frozen=True, slots=True, kw_only=True)
class OnFile:
    """What is known of one passport that cards go with."""

    expires_on: date
    texts: tuple[str, ...]
    """What was signed last for each living credential."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """From what answers are given: one state of the data, one moment."""

    economy: str
    trust: verifier.Trust
    zones: Mapping[str, tzinfo]
    now: datetime


def answers(
    office: Office, questions: Sequence[Question], basis: Basis
) -> list[verifier.EntryBasis]:
    """Answer questions about an economy's cards, in their order.

    Args:
        office: The open installation.
        questions: Any number; passports that occur often are looked up once.
        basis: Whose cards, and what to decide from.

    Raises:
        StoreDown: The database does not answer.
    """
    passports = {each.passport for each in questions}
    found = office.store.read(
        lambda session: on_file(session, basis.economy, passports)
    )
    return [decide(each, found.get(each.passport), basis) for each in questions]


def decide(
    question: Question, known: OnFile | None, basis: Basis
) -> verifier.EntryBasis:
    """Answer one question from what is on file."""
    zone = verifier.zone_of(question.destination, basis.zones)
    return verifier.entry_basis_on_file(
        known.texts if known else (),
        issuer=basis.economy,
        trust=basis.trust,
        policy=verifier.Policy(economy=question.destination),
        expected_passport=verifier.Passport(
            country=question.country,
            number=question.number,
            expires_on=known.expires_on if known else None,
        ),
        arrival=question.arrival,
        now=basis.now.astimezone(zone),
    )


def on_file(
    session: Session, economy: str, passports: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], OnFile]:
    """Find the living cards of an economy by passport; none is left out of the result.

    A card lives while it, its credential and its link to the passport do: one that is
    suspended, lost, or whose passport was reported, is not there.
    """
    wanted = set(passports)
    numbers = sorted({number for _, number in wanted})
    texts: dict[tuple[str, str], list[str]] = {}
    ends: dict[tuple[str, str], date] = {}
    for start in range(0, len(numbers), _AT_ONCE):
        for country, number, end, text in session.execute(
            _query(economy, numbers[start : start + _AT_ONCE])
        ):
            if text is not None and (country, number) in wanted:
                texts.setdefault((country, number), []).append(text)
                ends[country, number] = end
    return {
        key: OnFile(expires_on=ends[key], texts=tuple(found))
        for key, found in texts.items()
    }


def _query(economy: str, numbers: Sequence[str]) -> Select[str, str, date, str | None]:
    newest = (
        select(func.max(Issue.id))
        .where(Issue.credential_id == Credential.id, Issue.state == IssueState.SIGNED)
        .correlate(Credential)
        .scalar_subquery()
    )
    return (
        select(Passport.issuer, Passport.number, Passport.expires_on, Issue.text)
        .join(PassportLink, PassportLink.passport_id == Passport.id)
        .join(Card, Card.id == PassportLink.card_id)
        .join(Credential, Credential.card_id == Card.id)
        .join(Issue, Issue.id == newest)
        .where(
            Passport.economy == economy,
            Passport.told_to.is_(None),
            Passport.number.in_(numbers),
            PassportLink.state == lifecycle.PassportLink.LINKED,
            Card.state == lifecycle.Card.ACTIVE,
            Credential.state == lifecycle.Credential.VALID,
        )
        .order_by(Credential.id)
    )
