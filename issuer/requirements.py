"""What an economy asks of applicants, put together from its dated facts.

Nothing here is written for one economy: each row is a fact of the scheme with its mark
and source, and a key without rows is told as unknown.  Times are of two kinds that are
never mixed: what an economy has said, and what was measured here.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import Any, Final

from pydantic import AwareDatetime, Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from issuer.dated import Fact, Mark, require_aware
from issuer.economy import Membership
from issuer.errors import NotFound
from issuer.office import Desk
from issuer.operations import Answer, Request, operation
from issuer.scheme import Scheme
from issuer.store import Application, Preclearance, Role
from issuer.waits import WINDOW, waits

HOME_KEYS: Final = (
    "criteria",
    "asked_documents",
    "min_passport_validity",
    "home_review_stages",
    "fees",
    "issues_forms",
    "card_term_years",
    "extends_with_passport",
    "police_report_on_loss",
    "loss_bar",
)
"""What is said of an economy as home of its applicants, in the order of the page."""
DESTINATION_KEYS: Final = (
    "service_target_days",
    "on_passport_change",
    "disclose_refusal",
)
"""What is said of each economy that is asked to clear them."""
LEAST: Final = 10
"""Cases from which a time is told to everybody: one of fewer could be somebody's."""
_SAMPLE: Final = 101
_FACT: Final = frozenset(Fact.model_fields)


class RequirementFact(Answer):
    """One thing that holds at a moment, how sure it is, and who says so."""

    key: str
    says: dict[str, Any]
    starts_at: datetime | None
    ends_at: datetime | None
    mark: Mark
    source: str


class Measured(Answer):
    """What was measured here; null where there were too few cases to tell."""

    median_days: float | None
    cases_at_least: int
    """There were as many, or none is told."""


class AskedEconomy(Answer):
    """An economy that is asked to clear the card of an applicant."""

    code: str
    name: str
    facts: list[RequirementFact]
    unknown: list[str]
    answers: Measured
    """From its question to its first answer."""


class Requirements(Answer):
    """What an economy asks of applicants at a moment, and what it does not say."""

    code: str
    name: str
    membership: Membership | None
    at: datetime
    facts: list[RequirementFact]
    unknown: list[str]
    """Keys of which nothing is known: that is never a "no"."""
    home_review: Measured
    """From submission to the home decision."""
    asked: list[AskedEconomy]
    """For an applicant with this economy's passport; another one's may differ."""
    measured_at: datetime


def requirements_of(
    session: Session, scheme: Scheme, code: str, *, at: datetime, now: datetime
) -> Requirements:
    """Say what an economy asks of applicants.

    Args:
        session: For what was measured here.
        scheme: Its facts.
        code: Of the scheme.
        at: The facts of this moment; timezone-aware.
        now: Times are measured up to it; timezone-aware.

    Raises:
        ValueError: The scheme has no such economy, or a moment is naive.
    """
    at, now = require_aware(at), require_aware(now)
    economy = scheme.economy(code)
    asked = scheme.destinations(code, code, at)
    known = waits(session, scheme, asked, at=now)
    facts, unknown = _facts(economy, HOME_KEYS, at)
    return Requirements(
        code=code,
        name=economy.name,
        membership=scheme.membership(code, at),
        at=at,
        facts=facts,
        unknown=unknown,
        home_review=_home_review(session, code, now),
        asked=[
            _asked(session, scheme, each, known[each].median, at=at, now=now)
            for each in asked
        ],
        measured_at=now,
    )


def _asked(
    session: Session,
    scheme: Scheme,
    code: str,
    middle: timedelta | None,
    *,
    at: datetime,
    now: datetime,
) -> AskedEconomy:
    economy = scheme.economy(code)
    facts, unknown = _facts(economy, DESTINATION_KEYS, at)
    answered = (
        select(Preclearance.id)
        .where(
            Preclearance.destination == code,
            Preclearance.answered_at > now - WINDOW,
            Preclearance.answered_at <= now,
        )
        .limit(LEAST)
        .subquery()
    )
    count = session.scalar(select(func.count()).select_from(answered)) or 0
    return AskedEconomy(
        code=code,
        name=economy.name,
        facts=facts,
        unknown=unknown,
        answers=_measured(None if middle is None else _days(middle), count),
    )


def _home_review(session: Session, code: str, now: datetime) -> Measured:
    rows = session.execute(
        select(Application.submitted_at, Application.decided_at)
        .where(
            Application.economy == code,
            Application.changed_at > now - WINDOW,
            Application.decided_at.is_not(None),
            Application.decided_at <= now,
            Application.submitted_at.is_not(None),
        )
        .order_by(Application.changed_at.desc())
        .limit(_SAMPLE)
    )
    took = [
        _days(decided - submitted)
        for submitted, decided in rows
        if submitted is not None and decided is not None
    ]
    return _measured(median(took) if took else None, len(took))


def _measured(days: float | None, count: int) -> Measured:
    is_told = days is not None and count >= LEAST
    return Measured(
        median_days=round(days, 1) if is_told and days is not None else None,
        cases_at_least=LEAST,
    )


def _days(span: timedelta) -> float:
    return span / timedelta(days=1)


def _facts(
    economy: Any, keys: Sequence[str], at: datetime
) -> tuple[list[RequirementFact], list[str]]:
    found = {key: [*_in_force(economy, key, at)] for key in keys}
    return (
        [each for rows in found.values() for each in rows],
        [key for key, rows in found.items() if not rows],
    )


def _in_force(economy: Any, key: str, at: datetime) -> Iterator[RequirementFact]:
    for row in getattr(economy, key):
        if not row.holds(at):
            continue
        if key == "min_passport_validity" and row.moment == "entry":
            continue  # that is for travellers to know, and for the day of a journey
        yield RequirementFact(
            key=key,
            says=row.model_dump(mode="json", exclude=set(_FACT)),
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            mark=row.mark,
            source=row.source,
        )


class AskRequirements(Request):
    """Whose, and of which moment."""

    code: str = Field(pattern=r"^[A-Z]{3}$", description="Which economy.")
    at: AwareDatetime | None = Field(None, description="Default: now.")


@operation(
    "economy.requirements",
    "Show what an economy asks of applicants, as its page shows it.",
    *Role,
    changes=False,
)
def show_requirements(desk: Desk, given: AskRequirements) -> Requirements:
    """Show the requirements of an economy of the scheme.

    Raises:
        NotFound: The scheme has no such economy.
    """

    def work(session: Session) -> Requirements:
        scheme = desk.office.scheme(session)
        check_known(scheme, given.code)
        return requirements_of(
            session, scheme, given.code, at=given.at or desk.now, now=desk.now
        )

    return desk.read(work)


def check_known(scheme: Scheme, code: str) -> None:
    """Refuse what is no economy of the scheme.

    Raises:
        NotFound: It is none.
    """
    if code not in scheme.economies:
        raise NotFound(f"there is no economy {code}")
