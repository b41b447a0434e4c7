"""Look cards up: one with everything that belongs to it, or those that match."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Final

from pydantic import Field
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from issuer import lifecycle
from issuer.applications import READERS
from issuer.endings import LIVE, OPEN_LINK
from issuer.errors import Invalid
from issuer.office import Desk
from issuer.operations import Answer, Request, operation
from issuer.preclearances import lanes_of
from issuer.profile import last_day
from issuer.scheme import Scheme
from issuer.store import (
    Account,
    Card,
    Credential,
    Document,
    DocumentKind,
    Issue,
    IssueState,
    Passport,
    PassportLink,
    Person,
    Plastic,
    PlasticState,
    Role,
    Suspension,
)
from issuer.suspensions import open_suspensions

_MAX: Final = 200
_LAST: Final = "\N{TILDE}"
"""After every letter: names of the machine-readable lines have no more than A to Z."""
_READERS: Final = (*READERS, Role.AUDIT)


class ShowCard(Request):
    """Which card to show."""

    card: int = Field(ge=1, description="Number of the card.")


class CredentialView(Answer):
    """One credential: a phone's, or a plastic document's."""

    credential: int
    form: str
    document_number: str
    state: lifecycle.Credential
    state_reason: str | None
    is_interim: bool
    list_number: int
    list_index: int
    passport: int
    replaces: int | None
    plastic: PlasticState | None
    design: str
    economies: tuple[str, ...]
    """Of the text that was signed last."""
    created_at: datetime
    changed_at: datetime


class IssueView(Answer):
    """One signature, or an intent that still waits for it."""

    issue: int
    credential: int
    state: IssueState
    key_id: str
    economies: tuple[str, ...]
    requested_by: int
    requested_by_name: str
    intended_at: datetime
    recorded_at: datetime | None


class LinkView(Answer):
    """A passport that the card goes with, or went with."""

    passport: int
    country: str
    number: str
    expires_on: date
    state: lifecycle.PassportLink
    linked_at: datetime


class SuspensionView(Answer):
    """A suspension of the card or of one credential."""

    credential: int | None
    suspended_by: int
    suspended_by_name: str
    suspended_at: datetime
    reason: str
    lifted_by: int | None
    lifted_by_name: str | None
    lifted_at: datetime | None
    lift_reason: str | None


class LaneView(Answer):
    """What one destination says."""

    destination: str
    name: str
    state: lifecycle.Preclearance
    changed_at: datetime
    printed: bool
    """Whether the text that was signed last for some live credential says so."""


class Action(Answer):
    """Something that can be done now, and what follows from it."""

    operation: str
    credential: int | None = None
    consequence: str


class CardView(Answer):
    """A card with everything that belongs to it."""

    card: int
    economy: str
    person: int
    application: int | None
    portrait: int | None
    """Number of the document that shows the holder; None where there is none."""
    family_name: str
    given_name: str
    birthdate: date
    nationality: str
    state: lifecycle.Card
    first_issued_on: date | None
    expires_at: datetime | None
    end_says: str
    """Why it ends when it does."""
    continues: int | None
    continued_by: int | None
    losses: int
    credentials: tuple[CredentialView, ...]
    issues: tuple[IssueView, ...]
    passports: tuple[LinkView, ...]
    suspensions: tuple[SuspensionView, ...]
    lanes: tuple[LaneView, ...]
    approved_by_you: bool
    """Whoever asks approved the application: another person has to have it signed."""
    actions: tuple[Action, ...]


@operation(
    "card.show",
    "Show a card with its credentials, passports and suspensions.",
    *_READERS,
    changes=False,
)
def show(desk: Desk, given: ShowCard) -> CardView:
    """Show a card; the reading is logged."""

    def work(session: Session) -> CardView:
        card = desk.find(session, Card, given.card)
        desk.log(session, "card:read", f"card:{card.id}")
        return view_of(session, desk, card)

    return desk.look(work)


class FindCards(Request):
    """By what to find cards: a document, a passport, or a name."""

    document_number: str | None = Field(None, max_length=22, description="Exactly.")
    passport_number: str | None = Field(None, max_length=22, description="Exactly.")
    passport_country: str | None = Field(
        None, pattern=r"^[A-Z]{3}$", description="With the passport's number."
    )
    family_name: str | None = Field(
        None,
        min_length=2,
        max_length=39,
        description="How it begins, in the letters of the passport's last lines.",
    )
    birthdate: date | None = Field(None, description="With the name, YYYY-MM-DD.")
    after: int | None = Field(None, description="Go on behind this card.")
    limit: Annotated[int, Field(ge=1, le=_MAX)] = Field(
        50, description="How many at most, up to 200."
    )


class CardLine(Answer):
    """One card that matches."""

    card: int
    family_name: str
    given_name: str
    birthdate: date
    nationality: str
    state: lifecycle.Card
    expires_at: datetime | None


class CardLines(Answer):
    """A page of cards, the oldest first."""

    cards: tuple[CardLine, ...]
    after: int | None
    """Where the next page begins; None at the end."""


@operation(
    "card.find",
    "Find cards by document number, passport or name.",
    *_READERS,
    changes=False,
)
def find(desk: Desk, given: FindCards) -> CardLines:
    """Find cards; which were found is logged.

    Raises:
        Invalid: Nothing was given to find them by.
    """
    query = _matching(desk.economy, given).order_by(Card.id).limit(given.limit + 1)
    if given.after is not None:
        query = query.where(Card.id > given.after)

    def work(session: Session) -> CardLines:
        rows = session.execute(query).all()
        page = rows[: given.limit]
        desk.log(
            session,
            "queue:read",
            "cards",
            queue="cards",
            records=[card.id for card, _ in page],
            count=len(page),
        )
        return CardLines(
            cards=tuple(_line(card, person) for card, person in page),
            after=page[-1][0].id if len(rows) > given.limit else None,
        )

    return desk.look(work)


def _matching(economy: str, given: FindCards) -> Select[Card, Person]:
    query: Select[Card, Person] = (
        select(Card, Person)
        .join(Person, Person.id == Card.person_id)
        .where(Card.economy == economy)
    )
    if given.document_number:
        number = given.document_number.upper()
        query = query.where(
            Card.id.in_(
                select(Credential.card_id).where(
                    Credential.economy == economy,
                    Credential.document_number == number,
                )
            )
        )
    if given.passport_number:
        query = query.where(Card.id.in_(_by_passport(economy, given)))
    if given.family_name:
        name = given.family_name.upper()
        query = query.where(
            Person.economy == economy,
            Person.machine_family_name >= name,
            Person.machine_family_name < f"{name}{_LAST}",
        )
    if given.birthdate:
        query = query.where(Person.birthdate == given.birthdate)
    if not (given.document_number or given.passport_number or given.family_name):
        text = "give a document number, a passport number or a name"
        raise Invalid((("document_number", "missing", text),))
    return query


def _by_passport(economy: str, given: FindCards) -> Select[int]:
    query = (
        select(PassportLink.card_id)
        .join(Passport, Passport.id == PassportLink.passport_id)
        .where(
            Passport.economy == economy,
            Passport.number == (given.passport_number or "").upper(),
        )
    )
    if given.passport_country:
        query = query.where(Passport.issuer == given.passport_country)
    return query


def _line(card: Card, person: Person) -> CardLine:
    return CardLine(
        card=card.id,
        family_name=person.family_name,
        given_name=person.given_name,
        birthdate=person.birthdate,
        nationality=person.nationality,
        state=card.state,
        expires_at=card.expires_at,
    )


# One card


def view_of(session: Session, desk: Desk, card: Card) -> CardView:
    """Describe a card; whoever calls this logs the reading."""
    person = session.get_one(Person, card.person_id)
    credentials = session.scalars(
        select(Credential).where(Credential.card_id == card.id).order_by(Credential.id)
    ).all()
    issues = session.scalars(
        select(Issue)
        .where(Issue.credential_id.in_([each.id for each in credentials]))
        .order_by(Issue.id)
    ).all()
    printed = {
        each.credential_id: tuple(each.economies.split())
        for each in issues
        if each.state == IssueState.SIGNED
    }
    links = session.execute(
        select(PassportLink, Passport)
        .join(Passport, Passport.id == PassportLink.passport_id)
        .where(PassportLink.card_id == card.id)
        .order_by(PassportLink.id)
    ).all()
    return CardView(
        card=card.id,
        economy=card.economy,
        person=person.id,
        application=card.application_id,
        portrait=_portrait(session, card),
        family_name=person.family_name,
        given_name=person.given_name,
        birthdate=person.birthdate,
        nationality=person.nationality,
        state=card.state,
        first_issued_on=card.first_issued_on,
        expires_at=card.expires_at,
        end_says=_end_says(card, [passport for _, passport in links]),
        continues=card.continues_id,
        continued_by=session.scalars(
            select(Card.id).where(Card.continues_id == card.id).limit(1)
        ).first(),
        losses=card.losses,
        approved_by_you=card.approved_by == desk.actor.account_id,
        credentials=tuple(
            _credential_view(session, each, printed.get(each.id, ()))
            for each in credentials
        ),
        issues=tuple(_issue_view(session, each) for each in issues),
        passports=tuple(_link_view(link, passport) for link, passport in links),
        suspensions=_suspensions(session, card),
        lanes=_lanes(session, desk, card, credentials, printed),
        actions=tuple(
            _actions(
                card,
                credentials,
                link=_open_state(link for link, _ in links),
                scheme=desk.office.scheme(session),
                stopped=_stopped(session, card),
                at=desk.now,
            )
        ),
    )


def _stopped(session: Session, card: Card) -> set[str]:
    """Return the forms that live and wait for a second person to lift a suspension."""
    rows = open_suspensions(session, [card.id]).get(card.id, ())
    return {row.form for row in rows if row.form and row.state in LIVE}


def _credential_view(
    session: Session, each: Credential, printed: tuple[str, ...]
) -> CredentialView:
    plastic = session.get(Plastic, each.id) if each.form == "physical" else None
    return CredentialView(
        credential=each.id,
        form=each.form,
        document_number=each.document_number,
        state=each.state,
        state_reason=each.state_reason,
        is_interim=each.is_interim,
        list_number=each.list_number,
        list_index=each.list_index,
        passport=each.passport_id,
        replaces=each.replaces_id,
        plastic=plastic.state if plastic else None,
        design=each.design,
        economies=printed,
        created_at=each.created_at,
        changed_at=each.changed_at,
    )


def _end_says(card: Card, passports: list[Passport]) -> str:
    if card.expires_at is None:
        return "It has no end yet: nothing was issued."
    end = last_day(card.expires_at)
    if any(passport.expires_on == end for passport in passports):
        return "It ends with the passport that it was issued for."
    return "It ends with its term, counted from its first issue."


def _portrait(session: Session, card: Card) -> int | None:
    return session.scalars(
        select(Document.id)
        .where(
            Document.application_id == card.application_id,
            Document.kind == DocumentKind.PORTRAIT,
        )
        .order_by(Document.id.desc())
        .limit(1)
    ).first()


def _name(session: Session, account: int) -> str:
    return session.get_one(Account, account).display_name


def _issue_view(session: Session, each: Issue) -> IssueView:
    return IssueView(
        issue=each.id,
        credential=each.credential_id,
        state=each.state,
        key_id=each.key_id,
        economies=tuple(each.economies.split()),
        requested_by=each.requested_by,
        requested_by_name=_name(session, each.requested_by),
        intended_at=each.intended_at,
        recorded_at=each.recorded_at,
    )


def _link_view(link: PassportLink, passport: Passport) -> LinkView:
    return LinkView(
        passport=passport.id,
        country=passport.issuer,
        number=passport.number,
        expires_on=passport.expires_on,
        state=link.state,
        linked_at=link.linked_at,
    )


def _suspensions(session: Session, card: Card) -> tuple[SuspensionView, ...]:
    rows = session.scalars(
        select(Suspension).where(Suspension.card_id == card.id).order_by(Suspension.id)
    )
    return tuple(
        SuspensionView(
            credential=each.credential_id,
            suspended_by=each.suspended_by,
            suspended_by_name=_name(session, each.suspended_by),
            suspended_at=each.suspended_at,
            reason=each.reason,
            lifted_by=each.lifted_by,
            lifted_by_name=_name(session, each.lifted_by) if each.lifted_by else None,
            lifted_at=each.lifted_at,
            lift_reason=each.lift_reason,
        )
        for each in rows
    )


def _lanes(
    session: Session,
    desk: Desk,
    card: Card,
    credentials: Iterable[Credential],
    printed: dict[int, tuple[str, ...]],
) -> tuple[LaneView, ...]:
    live = {
        code
        for each in credentials
        if each.state in LIVE
        for code in printed.get(each.id, ())
    }
    scheme = desk.office.scheme(session)
    return tuple(
        LaneView(
            destination=lane.destination,
            name=scheme.economy(lane.destination).name,
            state=lane.state,
            changed_at=lane.changed_at,
            printed=lane.destination in live,
        )
        for lane in lanes_of(session, card.id)
    )


def _open_state(links: Iterable[PassportLink]) -> lifecycle.PassportLink | None:
    return next((link.state for link in links if link.state in OPEN_LINK), None)


# What can be done now

_CONSEQUENCES: Final = {
    "card.issue_app": "A phone gets the card; it shows new answers by itself.",
    "card.issue_plastic": "A plastic document is signed and waits to be printed.",
    "card.rebind": "The old phone's code stops working when the new one is signed.",
    "card.convert": "The card moves into an app; unless kept, its plastic ends.",
    "card.refresh": "The same phone gets the newest answers; its number stays.",
    "card.add_economies": "Another document is printed; the one in use ends.",
    "card.replace": "Another document is printed with a number of its own; the end day"
    " stays.",
    "card.report_lost": "What was lost ends for good; a phone, the plastic and the card"
    " are three different things.",
    "card.replace_lost": "Another card continues this one: same end day, passport and"
    " pre-clearances.",
    "card.suspend": "Nothing of it is accepted until another person lifts it.",
    "card.restore": "What the suspension had stopped is valid again.",
    "card.cancel": "The card, its credentials and its pre-clearances end for good.",
    "card.report_passport": "It cannot be used until another passport is linked.",
    "card.link_passport": "Some destinations may have to be asked again: preview it.",
    "card.renew": "An application is opened; this one ends when the new one is issued.",
    "credential.suspend": "It is not accepted until another person lifts it.",
    "credential.restore": "It is valid again.",
    "credential.revoke": "It ends for good; the card goes on.",
}


_INSTEAD: Final = {
    "card.rebind": {"app"},
    "card.convert": {"physical"},
    "card.issue_plastic": {"physical"},
    "card.add_economies": {"physical"},
    "card.replace": {"physical"},
}
"""What takes the place of a credential of some form."""


def _actions(
    card: Card,
    credentials: Iterable[Credential],
    *,
    link: lifecycle.PassportLink | None,
    scheme: Scheme,
    stopped: set[str],
    at: datetime,
) -> list[Action]:
    live = [each for each in credentials if each.state in LIVE]
    names: list[str] = []
    if (
        card.state == lifecycle.Card.ACTIVE
        and link == lifecycle.PassportLink.LINKED
        and card.expires_at is not None
        and card.expires_at > at
    ):
        forms = scheme.issuance_mode(card.economy, at) or frozenset()
        names += _routes(
            forms,
            {each.form for each in live},
            interim=any(each.is_interim for each in live),
        )
        names = [name for name in names if not _INSTEAD.get(name, set()) & stopped]
    names += _card_actions(card, link)
    found = [
        Action(operation=name, consequence=_CONSEQUENCES[name])
        for name in dict.fromkeys(names)
    ]
    found += [
        Action(operation=name, credential=each.id, consequence=_CONSEQUENCES[name])
        for each in live
        for name in _credential_actions(card, each, link)
    ]
    return found


def _routes(forms: frozenset[str], live: set[str], *, interim: bool) -> list[str]:
    names = []
    if "app" in forms:
        names.append("card.rebind" if "app" in live else "card.issue_app")
        if "physical" in live and "app" not in live:
            names.append("card.convert")
    if "physical" in forms:
        if "physical" not in live or interim:
            names.append("card.issue_plastic")
        if "physical" in live:
            names += ["card.add_economies", "card.replace"]
    return names


def _card_actions(card: Card, link: lifecycle.PassportLink | None) -> list[str]:
    match card.state:
        case lifecycle.Card.ACTIVE:
            names = ["card.suspend", "card.report_lost", "card.cancel", "card.renew"]
        case lifecycle.Card.SUSPENDED:
            names = ["card.restore", "card.report_lost", "card.cancel", "card.renew"]
        case lifecycle.Card.LOST:
            return ["card.replace_lost"]
        case lifecycle.Card.EXPIRED:
            return ["card.renew"]
        case _:
            return []
    if link == lifecycle.PassportLink.LINKED:
        names.append("card.report_passport")
    return [*names, "card.link_passport"]


def _credential_actions(
    card: Card, each: Credential, link: lifecycle.PassportLink | None
) -> list[str]:
    names = []
    if each.state == lifecycle.Credential.VALID:
        if each.form == "app" and card.state == lifecycle.Card.ACTIVE:
            names.append("card.refresh")
        names.append("credential.suspend")
    elif card.state == lifecycle.Card.ACTIVE and link == lifecycle.PassportLink.LINKED:
        names.append("credential.restore")
    return [*names, "credential.revoke"]
