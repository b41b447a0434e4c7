"""What issuers hosted elsewhere tell: their requests, and what becomes of the cards."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from issuer import lifecycle
from issuer.dated import require_aware
from issuer.economy import Form
from issuer.errors import Conflict, IntakeError, Invalid, NotFound
from issuer.intake.fields import Request as TypedRequest
from issuer.intake.fields import read_request
from issuer.intake.names import confirm
from issuer.intake.problem import Problem
from issuer.lifecycle import CARD, CREDENTIAL, Side
from issuer.office import Desk
from issuer.operations import Answer, Request, once, operation
from issuer.preclearances import State, lapse_all, refuse_if, send
from issuer.store import (
    Card,
    Credential,
    HostedEconomy,
    Passport,
    PassportLink,
    Person,
    Preclearance,
    Role,
    Sex,
    StatusList,
)


class Receive(Request):
    """A request as its issuer sends it; fields as intake has them."""

    model_config = ConfigDict(str_strip_whitespace=False)

    issuer: str = Field(description="Economy of the card.")
    reference: str = Field(description="What its issuer calls it.")
    family_name: str = Field(description="As the applicant writes it.")
    given_name: str = Field("", description="Empty for somebody with one name only.")
    machine_family_name: str = Field("", description="As in the passport's lines.")
    machine_given_name: str = Field("", description="Likewise.")
    birthdate: str = Field(description="YYYY-MM-DD.")
    sex: str = Field(description="F, M or X.")
    nationality: str = Field(description="Three letters, as in the passport.")
    passport_country: str = Field(description="Who issued it, three letters.")
    passport_number: str = Field(description="1 to 22 capital letters and digits.")
    passport_issued_on: str = Field(description="YYYY-MM-DD.")
    passport_expires_on: str = Field(description="YYYY-MM-DD.")
    applied_on: date = Field(description="When the applicant applied at home.")
    card_expires_at: datetime | None = Field(
        None, description="End of the card, where it is live already."
    )


class Received(Answer):
    """The request as it stands here."""

    preclearance: int
    card: int
    state: State


_OWN = frozenset({"applied_on", "card_expires_at"})


@operation(
    "incoming.receive",
    "Take a request of an economy that is hosted elsewhere; the same one once.",
    Role.PRECLEARANCE,
)
def receive(desk: Desk, given: Receive) -> Received:
    """Take a request: it is pending from now on.

    Raises:
        Invalid: Fields are wrong; each is named.
        Conflict: ``incoming.hosted_here``; ``incoming.not_possible``: the pair rules
            let this issuer ask nothing here; ``incoming.reference_reused``: this
            reference is another person's.
    """

    def work(session: Session) -> Received:
        typed = _read(desk, session, given)
        _check_may_ask(session, desk, typed)
        card = _card_on_file(session, typed.issuer, typed.reference)
        if card is None:
            card = _new_card(session, desk, given, typed)
        elif not _is_same(session, card, typed):
            raise Conflict(
                "incoming.reference_reused", "this reference is another person's"
            )
        lane = _lane(session, desk, card)
        return Received(preclearance=lane.id, card=card.id, state=lane.state)

    return once(desk, given, Received, work)


def _read(desk: Desk, session: Session, given: Receive) -> TypedRequest:
    members = given.model_dump(exclude=set(_OWN))
    try:
        typed = read_request(
            members,
            destination=desk.economy,
            scheme=desk.office.scheme(session),
            at=desk.now,
        )
    except IntakeError as error:
        raise _invalid(error.problems) from error
    if given.card_expires_at is not None and given.card_expires_at.tzinfo is None:
        raise Invalid([("card_expires_at", "timezone_aware", "needs a UTC offset")])
    return typed


def _invalid(problems: Iterable[Problem]) -> Invalid:
    return Invalid(
        (each.field, each.code, f"{each.message} {each.fix}") for each in problems
    )


def _check_may_ask(session: Session, desk: Desk, typed: TypedRequest) -> None:
    refuse_if(
        session.get(HostedEconomy, typed.issuer) is not None,
        "incoming.hosted_here",
        f"{typed.issuer} is hosted here: it circulates its applications itself",
    )
    possible = desk.office.scheme(session).destinations(
        typed.issuer, typed.application.person.nationality, desk.now
    )
    refuse_if(
        desk.economy not in possible,
        "incoming.not_possible",
        f"no pre-clearance by {desk.economy} can be asked for this holder",
    )


def _card_on_file(session: Session, issuer: str, reference: str) -> Card | None:
    return session.scalars(
        select(Card).where(Card.economy == issuer, Card.foreign_reference == reference)
    ).one_or_none()


def _machine_names(typed: TypedRequest) -> tuple[str, str]:
    """Take the names that the issuer sent; its officers have seen the passport."""
    try:
        names = confirm(typed.application.names)
    except IntakeError as error:
        raise _invalid(error.problems) from error
    return names.machine_family, names.machine_given


def _new_card(
    session: Session, desk: Desk, given: Receive, typed: TypedRequest
) -> Card:
    applicant, passport = typed.application.person, typed.application.passport
    family, first = _machine_names(typed)
    known = session.scalars(
        select(Passport).where(
            Passport.economy == typed.issuer,
            Passport.issuer == passport.country,
            Passport.number == passport.number,
        )
    ).one_or_none()
    if known is None:
        person = Person(
            economy=typed.issuer,
            family_name=applicant.family_name,
            given_name=applicant.given_name,
            machine_family_name=family,
            machine_given_name=first,
            birthdate=applicant.birthdate,
            sex=Sex(applicant.sex),
            nationality=applicant.nationality,
            created_at=desk.now,
        )
        session.add(person)
        session.flush()
        known = Passport(
            economy=typed.issuer,
            person_id=person.id,
            issuer=passport.country,
            number=passport.number,
            issued_on=passport.issued_on,
            expires_on=passport.expires_on,
        )
        session.add(known)
        session.flush()
    return _add_card(session, desk, given, known)


def _add_card(session: Session, desk: Desk, given: Receive, passport: Passport) -> Card:
    ends = given.card_expires_at
    card = Card(
        economy=given.issuer,
        person_id=passport.person_id,
        state=CARD.start if ends is None else lifecycle.Card.ACTIVE,
        applied_on=given.applied_on,
        expires_at=require_aware(ends) if ends else None,
        foreign_reference=given.reference,
        created_at=desk.now,
        changed_at=desk.now,
    )
    session.add(card)
    session.flush()
    session.add(
        PassportLink(
            card_id=card.id,
            passport_id=passport.id,
            state=lifecycle.PASSPORT_LINK.start,
            linked_at=desk.now,
            changed_at=desk.now,
        )
    )
    session.flush()
    return card


def _is_same(session: Session, card: Card, typed: TypedRequest) -> bool:
    person = session.get_one(Person, card.person_id)
    applicant = typed.application.person
    return (person.family_name, person.birthdate, person.nationality) == (
        applicant.family_name,
        applicant.birthdate,
        applicant.nationality,
    )


def _lane(session: Session, desk: Desk, card: Card) -> Preclearance:
    lane = session.scalars(
        select(Preclearance).where(
            Preclearance.card_id == card.id, Preclearance.destination == desk.economy
        )
    ).one_or_none()
    if lane is not None:
        return lane
    lane = send(session, desk, card, [desk.economy], by=Side.SYSTEM)[0]
    desk.log(
        session,
        "preclearance:received",
        f"preclearance:{lane.id}",
        issuer=card.economy,
        card=card.id,
    )
    return lane


class ToldCredential(Request):
    """One credential of a card: where the destination's overlay speaks of it."""

    form: Form
    document_number: str = Field(pattern=r"^[A-Z0-9]{1,22}$")
    list_number: int = Field(ge=0, le=2**32 - 1)
    list_index: int = Field(ge=0, le=2**20 - 1)
    state: Literal["valid", "suspended", "revoked", "superseded", "expired"]


class Told(Request):
    """What an issuer tells of a card that it asked about."""

    issuer: str = Field(pattern=r"^[A-Z]{3}$", description="Economy of the card.")
    reference: str = Field(max_length=64, description="What its issuer calls it.")
    event: (
        Literal[
            "activate", "suspend", "restore", "report_lost", "cancel", "supersede",
            "expire",
        ]
        | None
    ) = Field(None, description="What happened to the card.")  # fmt: skip
    expires_at: datetime | None = Field(None, description="End of the card.")
    credentials: tuple[ToldCredential, ...] = Field(
        (), max_length=64, description="Its credentials, as they are now."
    )


class Heard(Answer):
    """How the card stands here now."""

    card: int
    state: lifecycle.Card
    lapsed: int
    """Answers that ended with it."""
    credentials: int


@operation(
    "incoming.told",
    "Take over what an issuer hosted elsewhere tells of a card.",
    Role.PRECLEARANCE,
)
def told(desk: Desk, given: Told) -> Heard:
    """Take over the state of a card and its credentials; an ended card lapses.

    Raises:
        NotFound: This economy was never asked about such a card.
        IllegalTransition: The card cannot go that way.
        Conflict: ``incoming.no_end``: an active card has an end;
            ``incoming.index_taken``: the index is another credential's.
    """

    def work(session: Session) -> Heard:
        card = _told_card(session, desk, given)
        if given.expires_at is not None:
            card.expires_at = require_aware(given.expires_at)
        lapsed = _apply_event(session, desk, card, given.event) if given.event else 0
        for each in given.credentials:
            _take_over(session, desk, card, each)
        session.flush()
        return Heard(
            card=card.id,
            state=card.state,
            lapsed=lapsed,
            credentials=len(given.credentials),
        )

    if given.expires_at is not None and given.expires_at.tzinfo is None:
        raise Invalid([("expires_at", "timezone_aware", "needs a UTC offset")])
    return once(desk, given, Heard, work)


def _told_card(session: Session, desk: Desk, given: Told) -> Card:
    card = session.scalars(
        select(Card)
        .join(Preclearance, Preclearance.card_id == Card.id)
        .where(
            Card.economy == given.issuer,
            Card.foreign_reference == given.reference,
            Preclearance.destination == desk.economy,
        )
        .with_for_update(of=Card)
    ).one_or_none()
    if card is None:
        raise NotFound("there is no such card")
    return card


def _apply_event(session: Session, desk: Desk, card: Card, event: str) -> int:
    before = card.state
    after = CARD.after(before, event, by=_side(event))
    refuse_if(
        after == lifecycle.Card.ACTIVE and card.expires_at is None,
        "incoming.no_end",
        "an active card has an end; tell it too",
    )
    card.state, card.changed_at = after, desk.now
    desk.log(
        session,
        "card:changed_by_issuer",
        f"card:{card.id}",
        before=before,
        after=after,
    )
    ended = CARD.is_final(card.state)
    return lapse_all(session, desk, card, "its issuer ended the card") if ended else 0


def _side(event: str) -> Side:
    return Side.SYSTEM if event in {"supersede", "expire"} else Side.HOME


def _take_over(session: Session, desk: Desk, card: Card, given: ToldCredential) -> None:
    _open_list(session, desk, card, given.list_number)
    known = session.scalars(
        select(Credential).where(
            Credential.economy == card.economy,
            Credential.list_number == given.list_number,
            Credential.list_index == given.list_index,
        )
    ).one_or_none()
    if known is None:
        session.add(_credential(session, desk, card, given))
        session.flush()
        return
    refuse_if(
        (known.card_id, known.form) != (card.id, given.form),
        "incoming.index_taken",
        "this index of the list is another credential's",
    )
    _bring(known, lifecycle.Credential(given.state), desk)


def _bring(known: Credential, wanted: lifecycle.Credential, desk: Desk) -> None:
    if known.state == wanted:
        return
    event = next(
        (
            step.event
            for step in CREDENTIAL
            if known.state in step.before and step.after == wanted
        ),
        None,
    )
    refuse_if(
        event is None,
        "incoming.credential",
        f"a credential that is {known.state} cannot become {wanted}",
    )
    known.state, known.changed_at = wanted, desk.now
    known.state_reason = f"its issuer told so on {desk.now:%Y-%m-%d %H:%M:%S}"


def _credential(
    session: Session, desk: Desk, card: Card, given: ToldCredential
) -> Credential:
    link = session.scalars(
        select(PassportLink)
        .where(PassportLink.card_id == card.id)
        .order_by(PassportLink.id.desc())
        .limit(1)
    ).one()
    columns: dict[str, Any] = given.model_dump()
    columns["state"] = lifecycle.Credential(given.state)
    return Credential(
        economy=card.economy,
        card_id=card.id,
        # The phone's key is its issuer's business; an overlay needs the index only.
        holder_key="{}" if given.form == "app" else None,
        passport_id=link.passport_id,
        created_at=desk.now,
        changed_at=desk.now,
        **columns,
    )


def _open_list(session: Session, desk: Desk, card: Card, number: int) -> None:
    if session.get(StatusList, (card.economy, number)) is None:
        scheme = desk.office.scheme(session)
        session.add(
            StatusList(
                economy=card.economy,
                number=number,
                capacity=scheme.economy(card.economy).list_capacity,
                opened_at=desk.now,
            )
        )
        session.flush()
