"""The pages of a back office that are timed, each beside what one would write instead.

Ours is the operation itself, with its row in the audit log.  The other is the same
question as it is usually asked through an ORM: pages by number (``OFFSET``) with the
total above them, one more query for each row's person, ``LIKE '%…%'`` for a search, and
counts without an end.  It writes no log.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session

from issuer import lifecycle
from issuer.office import Office
from issuer.store import (
    Application,
    Base,
    Card,
    Credential,
    Issue,
    Passport,
    PassportLink,
    Person,
    Plastic,
    PlasticState,
    Preclearance,
)
from issuer.waits import waits

SIZE: Final = 50
"""Rows of a page."""
State = lifecycle.Preclearance
Naive = Callable[[Session], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page, for one economy."""

    name: str
    economy: str
    operation: str
    given: Mapping[str, Any] = field(default_factory=dict)
    naive: Naive | None = None
    is_report: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """What a database of any size has to be asked about."""

    busy: str
    """The economy with the longest incoming queue."""
    home: str
    """The economy with the most open questions."""
    application: Application
    """In the middle of those that are closed."""
    lane: Preclearance
    """In the middle of the longest incoming queue."""
    family_name: str
    """The most frequent one."""
    card: int
    active: int
    """Another card that is in use."""
    passport: str
    document: str
    printer: str
    """The economy with the most plastic."""
    plastic: int
    """A credential in the middle of what it has handed over; or 0."""
    operator: int
    """Who had most cards signed."""


def find_places(session: Session) -> Places:
    """Look for the worst cases."""
    pending = Preclearance.state == State.PENDING
    busy = _most(session, Preclearance.destination, pending)
    home = _most(session, Preclearance.issuer, pending)
    closed = select(Application).where(
        Application.economy == home,
        Application.state == lifecycle.Application.CLOSED,
    )
    waiting = select(Preclearance).where(Preclearance.destination == busy, pending)
    application = _middle(session, closed, Application.changed_at, Application.id)
    printer = _most(session, Plastic.economy, Plastic.credential_id > 0)
    plastic = select(Plastic.credential_id).where(
        Plastic.economy == printer, Plastic.state == PlasticState.HANDED_OVER
    )
    return Places(
        busy=busy,
        home=home,
        application=application,
        lane=_middle(session, waiting, Preclearance.asked_at, Preclearance.id),
        family_name=_most(session, Person.machine_family_name, Person.economy == home),
        card=session.scalars(
            select(Card.id).where(Card.application_id == application.id)
        ).one(),
        active=session.scalars(
            select(Card.id)
            .where(Card.economy == home, Card.state == lifecycle.Card.ACTIVE)
            .limit(1)
        ).one(),
        passport=session.get_one(Passport, application.passport_id).number,
        document=session.scalars(
            select(Credential.document_number)
            .where(Credential.economy == home)
            .limit(1)
        ).one(),
        printer=printer,
        plastic=session.scalar(
            plastic.order_by(Plastic.changed_at)
            .offset(_total(session, plastic) // 2)
            .limit(1)
        )
        or 0,
        operator=int(_most(session, Issue.requested_by, Issue.economy == home)),
    )


def _most(session: Session, column: Any, where: ColumnElement[bool]) -> str:
    query = select(column).where(where).group_by(column)
    return str(session.scalars(query.order_by(func.count().desc()).limit(1)).one())


def _middle(session: Session, query: Select[Any], *order: Any) -> Any:
    count = _total(session, query)
    return session.scalars(query.order_by(*order).offset(count // 2).limit(1)).one()


def pages(office: Office, places: Places, now: datetime) -> Iterator[Page]:
    """Return the pages, the first, a deep and the worst of each list."""
    yield from _applications(places)
    yield from _incoming(places)
    yield from _outgoing(office, places, now)
    yield from _fronts(places, now)
    yield from _cards(places)
    yield from _health(places)
    for name in ("answer_times", "months", "backlog"):
        given = {"days": 365} if name != "backlog" else {}
        for economy in dict.fromkeys((places.busy, places.home)):
            yield Page(name=f"report.{name} {economy}", economy=economy,
                       operation=f"report.{name}", given=given,
                       is_report=True)  # fmt: skip


def _applications(places: Places) -> Iterator[Page]:
    def page(name: str, naive: Naive | None = None, **given: Any) -> Page:
        return Page(name=f"application.list {name}", economy=places.home,
                    operation="application.list", given=given, naive=naive)  # fmt: skip

    yield page("all", _plain_applications(places, offset=0))
    for state in lifecycle.Application:
        yield page(state, state=state.value)
    yield page(
        "closed, deep",
        _plain_applications(places, offset=None, state=lifecycle.Application.CLOSED),
        state="closed",
        after=places.application.id,
    )
    yield page("all, deep", after=places.application.id)
    yield page("one stage", state="home_review", stage=0)
    yield page("no such stage", stage=7)
    name = places.family_name
    yield page(
        "everybody's name", _plain_applications(places, search=name), search=name
    )
    yield page("everybody's, deep", search=name, after=places.application.id)
    yield page("everybody's, no hit", search=name, state="home_refused")
    yield page("first letter", search=name[:1])
    yield page("no hit", _plain_applications(places, search="ZQX"), search="ZQX")
    yield page("number", search=places.application.number)
    yield page("passport", search=places.passport)


def _incoming(places: Places) -> Iterator[Page]:
    def page(name: str, naive: Naive | None = None, **given: Any) -> Page:
        return Page(name=f"incoming.list {name}", economy=places.busy,
                    operation="incoming.list", given=given, naive=naive)  # fmt: skip

    yield page("pending", _plain_incoming(places, State.PENDING, 0))
    yield page("pending, deep", _plain_incoming(places, State.PENDING, None),
               after=places.lane.id)  # fmt: skip
    for state in State:
        if state != State.PENDING:
            yield page(state, state=state.value)
    yield page("one issuer", issuer=places.home)
    yield page("one issuer, deep", issuer=places.home, after=places.lane.id)
    yield page("one issuer, approved", issuer=places.home, state="approved")
    yield page("an issuer without any", issuer="USA")
    yield page("no issuer's approved", issuer="USA", state="approved")
    for screening in ("waiting", "open_hits", "clear"):
        yield page(screening, screening=screening)
        yield page(f"{screening}, one issuer", screening=screening, issuer=places.home)
        yield page(f"{screening}, no issuer's", screening=screening, issuer="USA")


def _outgoing(office: Office, places: Places, now: datetime) -> Iterator[Page]:
    def page(name: str, naive: Naive | None = None, **given: Any) -> Page:
        return Page(name=f"preclearance.list {name}", economy=places.home,
                    operation="preclearance.list", given=given,
                    naive=naive)  # fmt: skip

    yield page("pending")
    for state in State:
        if state != State.PENDING:
            yield page(state, state=state.value)
    yield page("one destination", destination=places.busy)
    yield page("one destination, approved", destination=places.busy, state="approved")
    yield page("no destination's", destination="USA", state="approved")
    yield page("overdue", _plain_overdue(office, places, now), overdue=True)
    yield page("overdue, one destination", destination=places.busy, overdue=True)


def _fronts(places: Places, now: datetime) -> Iterator[Page]:
    for economy in dict.fromkeys((places.busy, places.home)):
        yield Page(name=f"queue.counts {economy}", economy=economy,
                   operation="queue.counts", naive=_plain_counts(economy))  # fmt: skip
    yield Page(name="queue.passports_short", economy=places.home,
               operation="queue.passports_short",
               naive=_plain_short(places.home, now))  # fmt: skip
    yield Page(name="application.show", economy=places.home,
               operation="application.show",
               given={"application": places.application.id})  # fmt: skip
    yield Page(name="incoming.show", economy=places.busy, operation="incoming.show",
               given={"preclearance": places.lane.id})  # fmt: skip
    yield Page(name="card.show", economy=places.home, operation="card.show",
               given={"card": places.card})  # fmt: skip
    for name, given in {
        "everybody's name": {"family_name": places.family_name},
        "two letters": {"family_name": places.family_name[:2]},
        "no hit": {"family_name": "ZQX"},
        "document": {"document_number": places.document},
        "passport": {"passport_number": places.passport},
    }.items():
        yield Page(name=f"card.find {name}", economy=places.home,
                   operation="card.find", given=given)  # fmt: skip
    yield Page(name="preclearance.check", economy=places.home,
               operation="preclearance.check", given={"card": places.card})  # fmt: skip
    yield Page(name="bulk.list", economy=places.home, operation="bulk.list")


def _cards(places: Places) -> Iterator[Page]:
    def page(name: str, operation: str, **given: Any) -> Page:
        economy = places.printer if operation.startswith("plastic.") else places.home
        return Page(name=f"{operation} {name}".rstrip(), economy=economy,
                    operation=operation, given=given)  # fmt: skip

    for state in PlasticState:
        yield page(state, "plastic.list", state=state.value)
    if places.plastic:
        given = {"state": PlasticState.HANDED_OVER.value, "after": places.plastic}
        yield page("deep", "plastic.list", **given)
    yield page("", "plastic.batches")
    yield page("", "card.reissue_choices", card=places.card)
    yield page("", "card.preview_passport", card=places.active, country=places.home,
               number="X99999999", expires_on="2039-01-01")  # fmt: skip
    yield page("", "operator.issued", account=places.operator)


def _health(places: Places) -> Iterator[Page]:
    for operation in ("publication.status", "lists.preview"):
        yield Page(name=operation, economy=places.home, operation=operation,
                   is_report=True)  # fmt: skip
    yield Page(name="incoming.held", economy=places.home, operation="incoming.held")
    yield Page(name="audit.list", economy=places.home, operation="audit.list")


def _total(session: Session, query: Select[Any]) -> int:
    return session.scalar(select(func.count()).select_from(query.subquery())) or 0


def _plain_page(
    session: Session, query: Select[Any], order: Any, offset: int | None
) -> list[Any]:
    total = _total(session, query)
    skipped = total // 2 if offset is None else offset
    return list(session.scalars(query.order_by(order).offset(skipped).limit(SIZE)))


def _plain_applications(
    places: Places,
    *,
    offset: int | None = 0,
    state: lifecycle.Application | None = None,
    search: str = "",
) -> Naive:
    def ask(session: Session) -> object:
        query = select(Application).where(Application.economy == places.home)
        if state:
            query = query.where(Application.state == state)
        if search:
            query = query.join(Person, Person.id == Application.person_id).where(
                Person.machine_family_name.contains(search)
            )
        rows = _plain_page(session, query, Application.changed_at, offset)
        return [session.get_one(Person, row.person_id) for row in rows]

    return ask


def _plain_incoming(places: Places, state: State, offset: int | None) -> Naive:
    def ask(session: Session) -> object:
        query = select(Preclearance).where(
            Preclearance.destination == places.busy, Preclearance.state == state
        )
        rows = _plain_page(session, query, Preclearance.asked_at, offset)
        cards = [session.get_one(Card, row.card_id) for row in rows]
        return [session.get_one(Person, card.person_id) for card in cards]

    return ask


def _plain_overdue(office: Office, places: Places, now: datetime) -> Naive:
    def ask(session: Session) -> object:
        scheme = office.scheme(session)
        known = waits(session, scheme, scheme.economies, at=now)
        late = or_(
            *(
                and_(
                    Preclearance.destination == code,
                    Preclearance.asked_at < now - wait.limit,
                )
                for code, wait in known.items()
                if wait.limit
            )
        )
        query = select(Preclearance).where(
            Preclearance.issuer == places.home,
            Preclearance.state == State.PENDING,
            late,
        )
        return _plain_page(session, query, Preclearance.asked_at, 0)

    return ask


def _plain_counts(economy: str) -> Naive:
    def ask(session: Session) -> object:
        mine = Preclearance.destination == economy
        pending = mine & (Preclearance.state == State.PENDING)
        return [
            _count(session, Application, Application.economy == economy),
            _count(session, Preclearance, pending),
            _count(session, Preclearance, pending & Preclearance.hits.is_(None)),
            _count(session, Preclearance, pending & (Preclearance.hits > 0)),
        ]

    return ask


def _count(session: Session, table: type[Base], where: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).select_from(table).where(where)) or 0


def _plain_short(economy: str, now: datetime) -> Naive:
    def ask(session: Session) -> object:
        query = (
            select(Passport)
            .join(PassportLink, PassportLink.passport_id == Passport.id)
            .join(Card, Card.id == PassportLink.card_id)
            .where(
                Card.economy == economy,
                Passport.expires_on < (now + timedelta(days=180)).date(),
            )
        )
        rows = _plain_page(session, query, Passport.expires_on, 0)
        return [session.get_one(Person, row.person_id) for row in rows]

    return ask
