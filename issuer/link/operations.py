"""What staff see of the links to destinations elsewhere, and may do about them."""

from datetime import datetime
from typing import Annotated, Final

from pydantic import Field
from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from issuer.errors import Conflict, NotFound
from issuer.office import Desk
from issuer.operations import Answer, Request, once, operation
from issuer.preclearances import Limit
from issuer.store import (
    HostedEconomy,
    LinkAnswer,
    LinkDecision,
    LinkOutcome,
    LinkPartner,
    LinkQuestion,
    Preclearance,
    Role,
)

_STAFF: Final = (Role.VETTING, Role.ISSUING, Role.ADMIN)
_Code = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class OpenLink(Request):
    """Which destination is asked over web services from now on."""

    destination: _Code = Field(description="An economy hosted elsewhere.")


class LinkOpened(Answer):
    """How the link begins."""

    destination: str
    address: str | None
    """Where it is; None until ``services.partners`` in ``office.toml`` says so."""
    waiting: int
    """Open questions that it will be asked."""


@operation(
    "link.open",
    "Ask a destination hosted elsewhere over web services from now on.",
    Role.ADMIN,
)
def open_link(desk: Desk, given: OpenLink) -> LinkOpened:
    """Open a link; the questions that are open now are asked over it too.

    Raises:
        NotFound: The scheme has no such economy.
        Conflict: ``link.hosted_here``; ``link.open``: it is open already.
    """

    def work(session: Session) -> LinkOpened:
        _check_elsewhere(session, desk, given.destination)
        mine = (
            Preclearance.issuer == desk.economy,
            Preclearance.destination == given.destination,
        )
        last = session.scalar(select(func.max(Preclearance.id)).where(*mine))
        session.add(
            LinkPartner(
                economy=desk.economy,
                destination=given.destination,
                opened_by=desk.actor.account_id,
                opened_at=desk.now,
                enlist_until=last or 0,
            )
        )
        desk.log(session, "link:opened", f"link:{given.destination}")
        waiting = session.scalar(
            select(func.count())
            .select_from(Preclearance)
            .where(*mine, Preclearance.state == "pending")
        )
        address = desk.office.installation.services.partners.get(given.destination)
        return LinkOpened(
            destination=given.destination, address=address, waiting=waiting or 0
        )

    return once(desk, given, LinkOpened, work)


def _check_elsewhere(session: Session, desk: Desk, destination: str) -> None:
    if destination not in desk.office.scheme(session).economies:
        raise NotFound(f"there is no economy {destination}")
    if session.get(HostedEconomy, destination) is not None:
        text = f"{destination} is hosted here: it reads its requests itself"
        raise Conflict("link.hosted_here", text)
    if session.get(LinkPartner, (desk.economy, destination)) is not None:
        raise Conflict("link.open", f"the link to {destination} is open already")


class ShowLinks(Request):
    """Nothing to choose: all links of this economy."""


class LinkLine(Answer):
    """How it stands with one destination."""

    destination: str
    name: str
    address: str | None
    heard_at: datetime | None
    """When the last round with it went well."""
    waiting: int
    """Questions and messages that it has not taken yet."""
    oldest_at: datetime | None
    """Since when the oldest of them waits."""
    not_taken: int
    """Of those: what it refused the last time; see ``link.problems``."""
    unanswered: int
    """Questions that it has taken and not answered."""
    refused: int
    """Answers of its that change nothing; see ``link.problems``."""
    problem: str
    """Why it could not be reached; empty: it could."""
    detail: str
    problem_since: datetime | None
    failures: int
    """Rounds that ended early since then."""
    next_at: datetime | None
    """When the next one is; None: with all others."""


class LinkLines(Answer):
    """Every destination with a link, by code."""

    links: tuple[LinkLine, ...]


@operation(
    "link.status",
    "Show what waits for destinations elsewhere, and when they were heard last.",
    *_STAFF,
    changes=False,
)
def show_links(desk: Desk, given: ShowLinks) -> LinkLines:
    """Show the links of this economy."""
    del given

    def work(session: Session) -> LinkLines:
        partners = session.scalars(
            select(LinkPartner)
            .where(LinkPartner.economy == desk.economy)
            .order_by(LinkPartner.destination)
        )
        return LinkLines(links=tuple(_line(session, desk, each) for each in partners))

    return desk.read(work)


def _line(session: Session, desk: Desk, partner: LinkPartner) -> LinkLine:
    waits = _waits(partner)
    count, oldest, not_taken = session.execute(
        select(
            func.count(),
            func.min(LinkQuestion.changed_at),
            func.count().filter(LinkQuestion.problem != ""),
        ).where(*waits)
    ).one()
    unanswered = session.scalar(
        select(func.count())
        .select_from(LinkQuestion)
        .join(Preclearance, Preclearance.id == LinkQuestion.preclearance_id)
        .where(
            *_of(partner),
            LinkQuestion.told_state.is_not(None),
            ~LinkQuestion.has_ended,
            Preclearance.state == "pending",
        )
    )
    economies = desk.office.scheme(session).economies
    return LinkLine(
        destination=partner.destination,
        name=economies[partner.destination].name,
        address=desk.office.installation.services.partners.get(partner.destination),
        heard_at=partner.heard_at,
        waiting=count,
        oldest_at=oldest,
        not_taken=not_taken,
        unanswered=unanswered or 0,
        refused=_refused(session, partner),
        problem=partner.problem,
        detail=partner.problem_text,
        problem_since=partner.problem_since,
        failures=partner.failures,
        next_at=partner.next_at,
    )


def _of(partner: LinkPartner) -> tuple[ColumnElement[bool], ...]:
    return (
        LinkQuestion.economy == partner.economy,
        LinkQuestion.destination == partner.destination,
    )


def _waits(partner: LinkPartner) -> tuple[ColumnElement[bool], ...]:
    return (*_of(partner), LinkQuestion.told < LinkQuestion.changed)


def _refused(session: Session, partner: LinkPartner) -> int:
    answers = session.scalar(
        select(func.count())
        .select_from(LinkAnswer)
        .where(
            LinkAnswer.economy == partner.economy,
            LinkAnswer.destination == partner.destination,
            LinkAnswer.problem != "",
        )
    )
    decisions = session.scalar(
        select(func.count())
        .select_from(LinkDecision)
        .where(
            LinkDecision.economy == partner.economy,
            LinkDecision.destination == partner.destination,
            LinkDecision.outcome == LinkOutcome.REFUSED,
        )
    )
    return (answers or 0) + (decisions or 0)


class ShowProblems(Request):
    """Whose problems to show."""

    destination: _Code = Field(description="An economy with which there is a link.")
    limit: Limit = Field(50, description="How many of each kind, up to 200.")


class NotTaken(Answer):
    """A question or a message that the destination refused."""

    card: int
    reference: str
    problem: str
    detail: str
    tries: int
    next_at: datetime
    """When it is sent again."""


class RefusedAnswer(Answer):
    """An answer that changes nothing."""

    answer: int
    came_at: datetime
    reference: str
    """The question that it names; empty where nothing of it is believed."""
    event: str
    problem: str
    detail: str


class LinkProblems(Answer):
    """What needs a person, the newest first."""

    not_taken: tuple[NotTaken, ...]
    refused: tuple[RefusedAnswer, ...]


@operation(
    "link.problems",
    "Show what a destination elsewhere refused, and which answers of its do not count.",
    *_STAFF,
    changes=False,
)
def show_problems(desk: Desk, given: ShowProblems) -> LinkProblems:
    """Show the problems with one destination.

    Raises:
        NotFound: There is no link to it.
    """

    def work(session: Session) -> LinkProblems:
        partner = _partner(session, desk, given.destination)
        rows = session.scalars(
            select(LinkQuestion)
            .where(*_waits(partner), LinkQuestion.problem != "")
            .order_by(LinkQuestion.id.desc())
            .limit(given.limit)
        )
        return LinkProblems(
            not_taken=tuple(_not_taken(row) for row in rows),
            refused=(
                *_unbelieved(session, partner, given.limit),
                *_out_of_place(session, partner, given.limit),
            ),
        )

    return desk.read(work)


def _partner(session: Session, desk: Desk, destination: str) -> LinkPartner:
    partner = session.get(LinkPartner, (desk.economy, destination))
    if partner is None:
        raise NotFound(f"there is no link to {destination}")
    return partner


def _not_taken(row: LinkQuestion) -> NotTaken:
    return NotTaken(
        card=row.card_id,
        reference=row.reference,
        problem=row.problem,
        detail=row.problem_text,
        tries=row.tries,
        next_at=row.next_at,
    )


def _unbelieved(
    session: Session, partner: LinkPartner, limit: int
) -> list[RefusedAnswer]:
    rows = session.scalars(
        select(LinkAnswer)
        .where(
            LinkAnswer.economy == partner.economy,
            LinkAnswer.destination == partner.destination,
            LinkAnswer.problem != "",
        )
        .order_by(LinkAnswer.id.desc())
        .limit(limit)
    )
    return [
        RefusedAnswer(
            answer=row.id,
            came_at=row.came_at,
            reference="",
            event="",
            problem=row.problem,
            detail=row.problem_text,
        )
        for row in rows
    ]


def _out_of_place(
    session: Session, partner: LinkPartner, limit: int
) -> list[RefusedAnswer]:
    rows = session.execute(
        select(LinkDecision, LinkAnswer.came_at)
        .join(LinkAnswer, LinkAnswer.id == LinkDecision.answer_id)
        .where(
            LinkDecision.economy == partner.economy,
            LinkDecision.destination == partner.destination,
            LinkDecision.outcome == LinkOutcome.REFUSED,
        )
        .order_by(LinkDecision.answer_id.desc(), LinkDecision.ordinal)
        .limit(limit)
    )
    return [
        RefusedAnswer(
            answer=row.answer_id,
            came_at=came_at,
            reference=row.reference,
            event=row.event,
            problem=row.problem,
            detail=EXPLAINED.get(row.problem, ""),
        )
        for row, came_at in rows
    ]


EXPLAINED: Final = {
    "answer.other_issuer": "it is about another economy's card",
    "answer.not_asked": "this destination was not asked so",
    "answer.order": "a later answer to this question has been applied",
    "answer.ended": "the question had ended",
    "answer.state": "it does not follow from what is known here",
}
"""Why a decision changes nothing, for people."""


class SendAgain(Request):
    """To whom what it refused is sent again at once."""

    destination: _Code = Field(description="An economy with which there is a link.")


class SentAgain(Answer):
    """How many messages the next round sends again."""

    destination: str
    waiting: int


@operation(
    "link.send_again",
    "Send again in the next round what a destination elsewhere refused.",
    Role.VETTING,
    Role.ISSUING,
)
def send_again(desk: Desk, given: SendAgain) -> SentAgain:
    """Wait no longer with what was refused, as once its cause is gone.

    Raises:
        NotFound: There is no link to it.
    """

    def work(session: Session) -> SentAgain:
        partner = _partner(session, desk, given.destination)
        refused = (*_waits(partner), LinkQuestion.problem != "")
        count = session.scalar(
            select(func.count()).select_from(LinkQuestion).where(*refused)
        )
        session.execute(
            update(LinkQuestion).where(*refused).values(next_at=desk.now),
            execution_options={"synchronize_session": False},
        )
        desk.log(
            session, "link:sent_again", f"link:{given.destination}", count=count or 0
        )
        return SentAgain(destination=given.destination, waiting=count or 0)

    return once(desk, given, SentAgain, work)
