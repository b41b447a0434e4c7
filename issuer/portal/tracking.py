"""What an applicant sees of their applications and cards, and no more than they may.

Where a destination does not disclose its refusals, waiting and refused are one to
everything here: state, moment and preview.  What a reader could tell apart was a
disclosure.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Final

from sqlalchemy import Select, exists, or_, select
from sqlalchemy.orm import Session

from issuer import lifecycle
from issuer.applications import UNDECIDED, reference_of
from issuer.dated import in_force
from issuer.economy import Form
from issuer.endings import live_credentials
from issuer.errors import NotFound
from issuer.preclearances import (
    Effect,
    Shown,
    as_shown_to_holder,
    effect_of_passport_change,
    lanes_of,
)
from issuer.requirements import LEAST
from issuer.scheme import Scheme
from issuer.store import (
    Application,
    Card,
    FollowLetter,
    HolderRequest,
    OnlineApplication,
    OnlineState,
    Person,
    Preclearance,
)
from issuer.waits import SAMPLE, WINDOW

_OPEN: Final = (lifecycle.Application.SUBMITTED, lifecycle.Application.HOME_REVIEW)
_BELIEVED: Final = (
    lifecycle.Application.HOME_APPROVED,
    lifecycle.Application.CIRCULATED,
    lifecycle.Application.CLOSED,
)
"""Two people have found that an application is its person's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How long a destination has taken lately; measured, never promised."""

    half: timedelta
    """Half of its last answers took no longer."""
    nine_in_ten: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedLane:
    """What one destination says of a card, as its holder may see it."""

    code: str
    name: str
    shown: Shown
    since: datetime | None
    """When it was asked, or when it answered."""
    is_alike: bool
    """Waiting and not cleared look alike here: it does not say when it refuses."""
    spread: Spread | None
    """None where fewer than ten answers were measured."""
    promised_days: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedCard:
    """A card, or an application that is to become one."""

    application: Application | None
    reference: str
    """As its applicant knows it: of what was handed in online, else its number."""
    card: Card
    is_issued: bool
    """It is on a phone or on plastic."""
    lanes: tuple[TrackedLane, ...]
    requests: tuple[HolderRequest, ...]

    def count(self, shown: Shown) -> int:
        """Return how many destinations are shown so."""
        return sum(each.shown == shown for each in self.lanes)


def cards_of(session: Session, economy: str, applicant: int) -> Sequence[Card]:
    """Return the cards of an applicant that were decided about, the newest first.

    They are those of the applications that this applicant has handed in online or has
    joined by a letter of the office, and further cards of a person for whom one of
    those was approved.  Until then nobody has found that who typed somebody's passport
    is that person.  Before the decision at home nothing tells an application that was
    entered from one that is held, because somebody alike is on file: `in_review` has
    both.
    """
    own = select(Application).where(
        Application.economy == economy,
        or_(
            Application.id.in_(_handed_in(economy, applicant)),
            Application.id.in_(_joined(economy, applicant)),
        ),
    )
    applications = own.with_only_columns(Application.id)
    persons = own.with_only_columns(Application.person_id).where(
        Application.state.in_(_BELIEVED)
    )
    return session.scalars(
        select(Card)
        .where(
            Card.economy == economy,
            or_(Card.application_id.in_(applications), Card.person_id.in_(persons)),
            Card.state != lifecycle.Card.PENDING_HOME,
        )
        .order_by(Card.id.desc())
    ).all()


def _handed_in(economy: str, applicant: int) -> Select[int | None]:
    return select(OnlineApplication.application_id).where(
        OnlineApplication.applicant_id == applicant,
        OnlineApplication.economy == economy,
        OnlineApplication.application_id.is_not(None),
    )


def _joined(economy: str, applicant: int) -> Select[int]:
    return select(FollowLetter.application_id).where(
        FollowLetter.applicant_id == applicant, FollowLetter.economy == economy
    )


def on_paper(session: Session, economy: str, applicant: int) -> Sequence[Application]:
    """Return what an applicant follows by a letter alone and nobody has decided."""
    return session.scalars(
        select(Application)
        .where(
            Application.economy == economy,
            Application.id.in_(_joined(economy, applicant)),
            Application.id.not_in(_handed_in(economy, applicant)),
            Application.state.in_((lifecycle.Application.DRAFT, *UNDECIDED)),
        )
        .order_by(Application.id.desc())
    ).all()


def has_handed_in(session: Session, card: Card, applicant: int) -> bool:
    """Tell whether a card is of an application that this applicant made online."""
    made = _handed_in(card.economy, applicant)
    return bool(
        session.scalar(
            select(
                exists(
                    made.where(OnlineApplication.application_id == card.application_id)
                )
            )
        )
    )


def in_review(
    session: Session, economy: str, applicant: int
) -> Sequence[OnlineApplication]:
    """Return what an applicant has handed in and nobody has decided, newest first."""
    return session.scalars(
        select(OnlineApplication)
        .outerjoin(Application, Application.id == OnlineApplication.application_id)
        .where(
            OnlineApplication.economy == economy,
            OnlineApplication.applicant_id == applicant,
            OnlineApplication.state.in_((OnlineState.HELD, OnlineState.SUBMITTED)),
            or_(Application.id.is_(None), Application.state.in_(UNDECIDED)),
        )
        .order_by(OnlineApplication.id.desc())
    ).all()


def card_of(session: Session, economy: str, applicant: int, number: int) -> Card:
    """Return one card of an applicant.

    Raises:
        NotFound: There is none, or it is another's: both look alike.
    """
    for card in cards_of(session, economy, applicant):
        if card.id == number:
            return card
    raise NotFound(f"there is no card {number}")


def request_of(
    session: Session, economy: str, applicant: int, number: int
) -> HolderRequest:
    """Return one request of an applicant.

    Raises:
        NotFound: There is none, or it is another's.
    """
    row = session.get(HolderRequest, number)
    if row is None or (row.economy, row.applicant_id) != (economy, applicant):
        raise NotFound(f"there is no request {number}")
    return row


def track(
    session: Session, scheme: Scheme, card: Card, *, form: Form, at: datetime
) -> TrackedCard:
    """Return how a card stands with every destination.

    Args:
        session: A reading session.
        scheme: In force.
        card: The applicant's.
        form: Of the card: the app may hide a destination for a time.
        at: This moment; timezone-aware.
    """
    lanes = lanes_of(session, card.id)
    times = spreads(session, [each.destination for each in lanes], at=at)
    shown = (_lane(scheme, each, times, form=form, at=at) for each in lanes)
    requests = session.scalars(
        select(HolderRequest)
        .where(HolderRequest.card_id == card.id)
        .order_by(HolderRequest.id.desc())
    ).all()
    application = (
        session.get(Application, card.application_id) if card.application_id else None
    )
    return TrackedCard(
        application=application,
        reference=reference_of(session, application) if application else str(card.id),
        card=card,
        is_issued=bool(live_credentials(session, card.id)),
        # Answers first: they are few, and looked for among many that wait.
        lanes=tuple(
            sorted(
                (each for each in shown if each is not None),
                key=lambda each: each.shown == Shown.WAITING,
            )
        ),
        requests=tuple(requests),
    )


def _lane(
    scheme: Scheme,
    lane: Preclearance,
    times: Mapping[str, Spread],
    *,
    form: Form,
    at: datetime,
) -> TrackedLane | None:
    code = lane.destination
    shown = as_shown_to_holder(
        lane.state, scheme=scheme, destination=code, form=form, at=at
    )
    if shown is None:
        return None
    target = in_force(scheme.economy(code).service_target_days, at)
    # Of what looks like waiting only the question has a moment.
    since = lane.asked_at if shown == Shown.WAITING else lane.answered_at
    return TrackedLane(
        code=code,
        name=scheme.economy(code).name,
        shown=shown,
        since=since if shown in (Shown.WAITING, Shown.CLEARED) else lane.changed_at,
        is_alike=shown == Shown.WAITING and not discloses(scheme, code, at),
        spread=times.get(code),
        promised_days=target.value if target else None,
    )


def discloses(scheme: Scheme, code: str, at: datetime) -> bool:
    """Tell whether a destination is known to say when it refuses."""
    row = in_force(scheme.economy(code).disclose_refusal, at)
    return bool(row and row.value)


def spreads(
    session: Session, codes: Iterable[str], *, at: datetime
) -> Mapping[str, Spread]:
    """Measure how long destinations took for their last answers within a year.

    Args:
        session: A reading session.
        codes: Of destinations.
        at: Answers after it do not count; timezone-aware.

    Returns:
        By destination; one with fewer than ten answers is missing.
    """
    found = {}
    for code in codes:
        rows = session.execute(
            select(Preclearance.answered_at, Preclearance.asked_at)
            .where(
                Preclearance.destination == code,
                Preclearance.answered_at > at - WINDOW,
                Preclearance.answered_at <= at,
            )
            .order_by(Preclearance.answered_at.desc())
            .limit(SAMPLE)
        )
        took = sorted(
            (answered - asked).total_seconds()
            for answered, asked in rows
            if answered is not None and asked is not None
        )
        if len(took) >= LEAST:
            ninth = took[-(-len(took) * 9 // 10) - 1]
            found[code] = Spread(
                half=timedelta(seconds=median(took)),
                nine_in_ten=timedelta(seconds=ninth),
            )
    return found


def effects_for_holder(
    session: Session, scheme: Scheme, card: Card, nationality: str, *, at: datetime
) -> Mapping[str, Effect]:
    """Say what a new passport does to each destination, as its holder may know it.

    A refusal that is not disclosed is previewed as what it looks like: waiting.
    """
    person = session.get_one(Person, card.person_id)
    states = {}
    for lane in lanes_of(session, card.id):
        shown = as_shown_to_holder(
            lane.state, scheme=scheme, destination=lane.destination, form="app", at=at
        )
        is_waiting = shown in (None, Shown.WAITING)
        hidden = lane.state == lifecycle.Preclearance.NOT_APPROVED and is_waiting
        states[lane.destination] = (
            lifecycle.Preclearance.PENDING if hidden else lane.state
        )
    return effect_of_passport_change(
        states,
        scheme=scheme,
        issuer=card.economy,
        nationality_before=person.nationality,
        nationality_after=nationality,
        at=at,
    )


def timeline(tracked: TrackedCard) -> list[tuple[datetime, str, str]]:
    """Return what has happened, the latest first: moment, key of words, what of it."""
    row, found = tracked.application, list[tuple[datetime, str, str]]()
    if row is not None:
        if row.submitted_at:
            found.append((row.submitted_at, "submitted", tracked.reference))
        if row.decided_at:
            approved = row.state not in (lifecycle.Application.HOME_REFUSED, *_OPEN)
            found.append((row.decided_at, "approved" if approved else "refused", ""))
    for lane in tracked.lanes:
        if lane.since is not None and lane.shown != Shown.WAITING:
            found.append((lane.since, lane.shown.value, lane.name))
    asked = [each.since for each in tracked.lanes if each.shown == Shown.WAITING]
    first = min((each for each in asked if each), default=None)
    if first is not None:
        found.append((first, "asked", ""))
    for each in tracked.requests:
        found.append((each.made_at, f"request.{each.kind}", ""))
        if each.settled_at is not None:
            found.append((each.settled_at, f"settled.{each.state}", each.answer))
    return sorted(found, key=lambda event: event[0], reverse=True)
