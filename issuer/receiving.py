"""What issuers hosted elsewhere tell: their requests, and what becomes of the cards."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from issuer import audit, lifecycle
from issuer.dated import require_aware
from issuer.economy import Form
from issuer.endings import OPEN_LINK
from issuer.errors import Conflict, IntakeError, Invalid, NotFound
from issuer.intake.fields import Request as TypedRequest
from issuer.intake.fields import read_request
from issuer.intake.names import confirm
from issuer.intake.problem import Problem
from issuer.lifecycle import CARD, CREDENTIAL, Side
from issuer.office import Desk
from issuer.operations import Answer, Request, once, operation
from issuer.preclearances import (
    PENDING,
    State,
    lapse_all,
    move,
    refuse_if,
    send_all,
)
from issuer.store import (
    Card,
    ForeignCredential,
    HostedEconomy,
    Passport,
    PassportLink,
    Person,
    Preclearance,
    Role,
    Sex,
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
            reference is another person's; ``incoming.passport_reused``: this passport
            came with another name, birth date or nationality.
    """

    def work(session: Session) -> Received:
        return receive_all(session, desk, [_asked(desk, session, given)])[0]

    return once(desk, given, Received, work)


def receive_each(
    desk: Desk, given: Sequence[Receive]
) -> list[Received | Conflict | Invalid]:
    """Take many requests; what refuses one takes its place, and stops no other.

    Args:
        desk: Of the economy that is asked.
        given: At most some thousands, in their order: a later one that speaks of the
            same card or passport meets what the earlier one has left.
    """

    def work(session: Session) -> list[Received | Conflict | Invalid]:
        results: dict[int, Received | Conflict | Invalid] = {}
        waiting: dict[int, Asked] = {}
        for place, each in enumerate(given):
            try:
                asked = _asked(desk, session, each)
                _machine_names(asked.typed)
                waiting[place] = asked
            except Invalid as error:
                results[place] = error
        while waiting:
            some = _apart(waiting)
            results |= _take(session, desk, some)
            waiting = {k: each for k, each in waiting.items() if k not in some}
        return [results[place] for place in range(len(given))]

    return desk.write(work)


def _apart(waiting: Mapping[int, "Asked"]) -> dict[int, "Asked"]:
    """Choose the first ones of which no two speak of one card or one passport."""
    chosen: dict[int, Asked] = {}
    seen: set[tuple[str, ...]] = set()
    for place, each in waiting.items():
        keys = {(each.typed.issuer, each.typed.reference), _passport_key(each.typed)}
        if not keys & seen:
            chosen[place] = each
        seen |= keys
    return chosen


def _take(
    session: Session, desk: Desk, some: Mapping[int, "Asked"]
) -> dict[int, Received | Conflict | Invalid]:
    book = read_book(session, desk, list(some.values()))
    refused = {place: refusal(desk, each, book) for place, each in some.items()}
    good = {place: each for place, each in some.items() if refused[place] is None}
    taken = receive_all(session, desk, list(good.values())) if good else ()
    return {
        **{place: error for place, error in refused.items() if error is not None},
        **dict(zip(good, taken, strict=True)),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request that was read without a fault."""

    typed: TypedRequest
    applied_on: date
    card_expires_at: datetime | None
    """Timezone-aware."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """What this destination was told of the cards and holders of requests."""

    hosted: frozenset[str]
    may_ask: Mapping[tuple[str, str], bool]
    """By issuer and nationality: whether the pair rules let one ask here."""
    cards: Mapping[tuple[str, str], tuple[Card, Person]]
    """By issuer and reference."""
    passports: Mapping[tuple[str, str, str], tuple[Passport, Person]]
    """By issuer of the card, issuer of the passport, and number."""


def read_book(session: Session, desk: Desk, requests: Collection[Asked]) -> Book:
    """Read what these requests have to be compared with; at most some thousands."""
    scheme = desk.office.scheme(session)
    pairs = {
        (each.typed.issuer, each.typed.application.person.nationality)
        for each in requests
    }
    issuers = {issuer for issuer, _ in pairs}
    references = {each.typed.reference for each in requests}
    cards = session.execute(
        select(Card, Person)
        .join(Person, Person.id == Card.person_id)
        .where(
            Card.told_to == desk.economy,
            Card.economy.in_(issuers),
            Card.foreign_reference.in_(references),
        )
    )
    numbers = {each.typed.application.passport.number for each in requests}
    passports = session.execute(
        select(Passport, Person)
        .join(Person, Person.id == Passport.person_id)
        .where(
            Passport.told_to == desk.economy,
            Passport.economy.in_(issuers),
            Passport.number.in_(numbers),
        )
    )
    return Book(
        hosted=frozenset(session.scalars(select(HostedEconomy.code))),
        may_ask={
            (issuer, nationality): desk.economy
            in scheme.destinations(issuer, nationality, desk.now)
            for issuer, nationality in pairs
        },
        cards={
            (card.economy, card.foreign_reference or ""): (card, person)
            for card, person in cards
        },
        passports={
            (passport.economy, passport.issuer, passport.number): (passport, person)
            for passport, person in passports
        },
    )


def refusal(desk: Desk, asked: Asked, book: Book) -> Conflict | None:
    """Say why a request cannot be taken; None if it can, or was before."""
    issuer, applicant = asked.typed.issuer, asked.typed.application.person
    if issuer in book.hosted:
        text = f"{issuer} is hosted here: it circulates its applications itself"
        return Conflict("incoming.hosted_here", text)
    if not book.may_ask[issuer, applicant.nationality]:
        text = f"no pre-clearance by {desk.economy} can be asked for this holder"
        return Conflict("incoming.not_possible", text)
    card = book.cards.get((issuer, asked.typed.reference))
    if card and not _is_same(card[1], asked.typed):
        text = "this reference is another person's"
        return Conflict("incoming.reference_reused", text)
    known = book.passports.get(_passport_key(asked.typed))
    if known and not card and not _is_same(known[1], asked.typed):
        text = "this passport came with another name, birth date or nationality"
        return Conflict("incoming.passport_reused", text)
    return None


def receive_all(
    session: Session, desk: Desk, requests: Sequence[Asked]
) -> tuple[Received, ...]:
    """Take requests in one transaction; whatever way they came in.

    Args:
        session: Of the transaction; it holds this economy's audit log.
        desk: Of the economy that is asked.
        requests: No reference twice; at most some thousands.

    Raises:
        Invalid, Conflict: As for `receive`; for the first that is refused.
    """
    book = read_book(session, desk, requests)
    for each in requests:
        refused = refusal(desk, each, book)
        if refused is not None:
            raise refused
    cards = _cards(session, desk, requests, book)
    lanes = _lanes(session, desk, cards)
    return tuple(
        Received(preclearance=lane.id, card=lane.card_id, state=lane.state)
        for lane in (lanes[card.id] for card in cards)
    )


def _asked(desk: Desk, session: Session, given: Receive) -> Asked:
    return Asked(
        typed=_read(desk, session, given),
        applied_on=given.applied_on,
        card_expires_at=given.card_expires_at,
    )


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


def _machine_names(typed: TypedRequest) -> tuple[str, str]:
    """Take the names that the issuer sent; its officers have seen the passport."""
    try:
        names = confirm(typed.application.names)
    except IntakeError as error:
        raise _invalid(error.problems) from error
    return names.machine_family, names.machine_given


def _cards(
    session: Session, desk: Desk, requests: Sequence[Asked], book: Book
) -> list[Card]:
    """Return the card of each request, new where it is not here yet."""
    passports = _passports(session, desk, requests, book)
    cards, new = [], []
    for each in requests:
        known = book.cards.get((each.typed.issuer, each.typed.reference))
        card = known[0] if known else None
        if card is None:
            passport = passports[_passport_key(each.typed)]
            card = _new_card(desk, each, passport)
            new.append((card, passport))
        cards.append(card)
    session.add_all(card for card, _ in new)
    session.flush()
    session.add_all(_link(desk, card, passport) for card, passport in new)
    session.flush()
    return cards


def _passports(
    session: Session, desk: Desk, requests: Sequence[Asked], book: Book
) -> dict[tuple[str, str, str], Passport]:
    found = {key: passport for key, (passport, _) in book.passports.items()}
    new = {
        _passport_key(each.typed): (each, _new_person(desk, each.typed))
        for each in requests
        if _passport_key(each.typed) not in found
        and (each.typed.issuer, each.typed.reference) not in book.cards
    }
    session.add_all(person for _, person in new.values())
    session.flush()
    for key, (each, person) in new.items():
        passport = each.typed.application.passport
        found[key] = Passport(
            economy=each.typed.issuer,
            person_id=person.id,
            issuer=passport.country,
            number=passport.number,
            issued_on=passport.issued_on,
            expires_on=passport.expires_on,
            told_to=desk.economy,
        )
    session.add_all(found[key] for key in new)
    session.flush()
    return found


def _passport_key(typed: TypedRequest) -> tuple[str, str, str]:
    passport = typed.application.passport
    return typed.issuer, passport.country, passport.number


def _new_person(desk: Desk, typed: TypedRequest) -> Person:
    applicant = typed.application.person
    family, first = _machine_names(typed)
    return Person(
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


def _new_card(desk: Desk, asked: Asked, passport: Passport) -> Card:
    ends = asked.card_expires_at
    return Card(
        economy=asked.typed.issuer,
        person_id=passport.person_id,
        state=CARD.start if ends is None else lifecycle.Card.ACTIVE,
        applied_on=asked.applied_on,
        expires_at=require_aware(ends) if ends else None,
        foreign_reference=asked.typed.reference,
        told_to=desk.economy,
        created_at=desk.now,
        changed_at=desk.now,
    )


def _link(desk: Desk, card: Card, passport: Passport) -> PassportLink:
    return PassportLink(
        card_id=card.id,
        passport_id=passport.id,
        state=lifecycle.PASSPORT_LINK.start,
        linked_at=desk.now,
        changed_at=desk.now,
    )


def _is_same(person: Person, typed: TypedRequest) -> bool:
    applicant = typed.application.person
    return (person.family_name, person.birthdate, person.nationality) == (
        applicant.family_name,
        applicant.birthdate,
        applicant.nationality,
    )


def _lanes(
    session: Session, desk: Desk, cards: Sequence[Card]
) -> dict[int, Preclearance]:
    """Return the question about each card by card, asked now where it is new."""
    known = session.scalars(
        select(Preclearance).where(
            Preclearance.card_id.in_({card.id for card in cards}),
            Preclearance.destination == desk.economy,
        )
    )
    lanes = {lane.card_id: lane for lane in known}
    unasked = {card.id: card for card in cards if card.id not in lanes}
    new = send_all(
        session,
        desk,
        [(card, desk.economy) for card in unasked.values()],
        by=Side.SYSTEM,
    )
    desk.log_many(
        session,
        [
            audit.Entry(
                tag="preclearance:received",
                subject=f"preclearance:{lane.id}",
                fields={"issuer": lane.issuer, "card": lane.card_id},
            )
            for lane in new
        ],
    )
    return lanes | {lane.card_id: lane for lane in new}


CardEvent = Literal[
    "activate", "suspend", "restore", "report_lost", "cancel", "supersede", "expire"
]


class ToldCredential(Request):
    """One credential of a card: where the destination's overlay speaks of it."""

    form: Form
    document_number: str = Field(pattern=r"^[A-Z0-9]{1,22}$")
    list_number: int = Field(ge=0, le=2**31 - 1)
    list_index: int = Field(ge=0, le=2**20 - 1)
    state: Literal["valid", "suspended", "revoked", "superseded", "expired"]


class ToldPassport(Request):
    """The passport that a card goes with from now on."""

    country: str = Field(pattern=r"^[A-Z]{3}$", description="Who issued it.")
    number: str = Field(pattern=r"^[A-Z0-9]{1,22}$", description="Its number.")
    issued_on: date = Field(description="When it was issued.")
    expires_on: date = Field(description="Its last day.")


class Told(Request):
    """What an issuer tells of a card that it asked about."""

    issuer: str = Field(pattern=r"^[A-Z]{3}$", description="Economy of the card.")
    reference: str = Field(max_length=64, description="What its issuer calls it.")
    event: CardEvent | None = Field(None, description="What happened to the card.")
    expires_at: datetime | None = Field(None, description="End of the card.")
    credentials: tuple[ToldCredential, ...] = Field(
        (), max_length=64, description="Its credentials, as they are now."
    )
    passport: ToldPassport | None = Field(
        None, description="Its passport, where that is another one now."
    )
    reminded_at: datetime | None = Field(
        None, description="When an answer that is still open was asked for again."
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
            ``incoming.index_beyond``: the issuer's lists are shorter;
            ``incoming.index_taken``: the index is another credential's;
            ``incoming.credential``: what has ended does not return.
            ``incoming.passport_reused``: the passport is another person's.

    Not touched: what other destinations that are hosted here were told of this card.
    """

    return once(desk, given, Heard, lambda session: take_over(session, desk, given))


def take_over(session: Session, desk: Desk, given: Told) -> Heard:
    """Do what `told` does, in a transaction of the caller's."""
    if given.expires_at is not None and given.expires_at.tzinfo is None:
        raise Invalid([("expires_at", "timezone_aware", "needs a UTC offset")])
    card = told_card(session, desk, given.issuer, given.reference)
    if given.expires_at is not None:
        card.expires_at = require_aware(given.expires_at)
    lapsed = _apply_event(session, desk, card, given.event) if given.event else 0
    for each in given.credentials:
        _take_over(session, desk, card, each)
    if given.passport is not None:
        _take_passport(session, desk, card, given.passport)
    if given.reminded_at is not None:
        _take_reminder(session, desk, card)
    session.flush()
    return Heard(
        card=card.id,
        state=card.state,
        lapsed=lapsed,
        credentials=len(given.credentials),
    )


def _take_passport(
    session: Session, desk: Desk, card: Card, given: ToldPassport
) -> None:
    """Link the passport that the issuer has linked; what is known stays as it is."""
    if given.expires_on < given.issued_on:
        raise Invalid([("passport.expires_on", "after_end", "is before its issue")])
    known = session.scalars(
        select(Passport).where(
            Passport.told_to == desk.economy,
            Passport.economy == card.economy,
            Passport.issuer == given.country,
            Passport.number == given.number,
        )
    ).one_or_none()
    refuse_if(
        known is not None and known.person_id != card.person_id,
        "incoming.passport_reused",
        "this passport came with another person",
    )
    if known is None:
        known = Passport(
            economy=card.economy,
            person_id=card.person_id,
            issuer=given.country,
            number=given.number,
            issued_on=given.issued_on,
            expires_on=given.expires_on,
            told_to=desk.economy,
        )
        session.add(known)
        session.flush()
    _replace_link(session, desk, card, known)


def _replace_link(session: Session, desk: Desk, card: Card, passport: Passport) -> None:
    before = session.scalars(
        select(PassportLink).where(
            PassportLink.card_id == card.id, PassportLink.state.in_(OPEN_LINK)
        )
    ).one_or_none()
    if before is not None and before.passport_id == passport.id:
        return
    if before is not None:
        after = lifecycle.PASSPORT_LINK.after(before.state, "replace", by=Side.HOME)
        before.state, before.changed_at = after, desk.now
        session.flush()  # one is open at a time
    session.add(_link(desk, card, passport))
    desk.log(
        session,
        "card:passport_linked",
        f"card:{card.id}",
        passport=passport.id,
        before=before.passport_id if before else None,
    )


def _take_reminder(session: Session, desk: Desk, card: Card) -> None:
    """Note that the issuer waits; what was answered meanwhile stays as it is."""
    lane = session.scalars(
        select(Preclearance)
        .where(
            Preclearance.card_id == card.id,
            Preclearance.destination == desk.economy,
            PENDING,
        )
        .with_for_update()
    ).one_or_none()
    if lane is not None:
        move(session, desk, lane, "remind", by=Side.HOME)


def told_card(session: Session, desk: Desk, issuer: str, reference: str) -> Card:
    """Lock a card of which an issuer hosted elsewhere has told this economy.

    Raises:
        NotFound: This economy was never asked about such a card.
    """
    card = session.scalars(
        select(Card)
        .where(
            Card.told_to == desk.economy,
            Card.economy == issuer,
            Card.foreign_reference == reference,
        )
        .with_for_update()
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
    _check_index(session, desk, card, given)
    known = session.scalars(
        select(ForeignCredential).where(
            ForeignCredential.told_to == desk.economy,
            ForeignCredential.economy == card.economy,
            ForeignCredential.list_number == given.list_number,
            ForeignCredential.list_index == given.list_index,
        )
    ).one_or_none()
    state = lifecycle.Credential(given.state)
    if known is None:
        session.add(_credential(desk, card, given))
        session.flush()
        _log_credential(session, desk, card, given, before=None)
        return
    refuse_if(
        (known.card_id, known.form) != (card.id, given.form),
        "incoming.index_taken",
        "this index of the list is another credential's",
    )
    if known.state == state:
        return
    refuse_if(
        not _may_become(known.state, state),
        "incoming.credential",
        f"a credential that is {known.state} cannot become {state}",
    )
    _log_credential(session, desk, card, given, before=known.state)
    known.state, known.changed_at = state, desk.now


def _check_index(
    session: Session, desk: Desk, card: Card, given: ToldCredential
) -> None:
    capacity = desk.office.scheme(session).economy(card.economy).list_capacity
    refuse_if(
        given.list_index >= capacity,
        "incoming.index_beyond",
        f"the lists of {card.economy} have {capacity} entries",
    )


def _may_become(before: lifecycle.Credential, after: lifecycle.Credential) -> bool:
    return any(before in step.before and step.after == after for step in CREDENTIAL)


def _credential(desk: Desk, card: Card, given: ToldCredential) -> ForeignCredential:
    columns: dict[str, Any] = given.model_dump()
    columns["state"] = lifecycle.Credential(given.state)
    return ForeignCredential(
        card_id=card.id,
        told_to=desk.economy,
        economy=card.economy,
        changed_at=desk.now,
        **columns,
    )


def _log_credential(
    session: Session,
    desk: Desk,
    card: Card,
    given: ToldCredential,
    *,
    before: lifecycle.Credential | None,
) -> None:
    desk.log(
        session,
        "card:credential_told",
        f"card:{card.id}",
        after=given.state,
        form=given.form,
        list=given.list_number,
        index=given.list_index,
        **({} if before is None else {"before": before}),
    )
