"""Fill an installation with invented cases, as many as a demonstration or a test wants.

Every card is prepared, judged by the verifier and signed with the economy's own key, as
one that staff issue, and so are the answers of every destination that is hosted here;
only the way into the database is shorter.  Work goes in portions.  Each is planned,
signed while no transaction is open, and written as a whole if the database is still as
it was: what was interrupted goes on where it was when it is started again.  Where there
are many, the cards of the next portion are signed by another process meanwhile.
"""

import gc
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any, Final, Protocol, Self

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from issuer import audit
from issuer.bulk import Propose, propose
from issuer.demo import pictures
from issuer.demo.lives import Lane, Life, Step, invent_life, moment_of
from issuer.demo.rows import count_on, keep_pages, next_id
from issuer.errors import Conflict, Forbidden, SigningError
from issuer.indexes import draw_document_numbers
from issuer.issuance import Credential as Signed
from issuer.issuance import Prepared, Refusal, prepare, sign_many
from issuer.jws import (
    PrivateKey,
    PublicKey,
    canonical,
    new_private_key,
    public_jwk,
)
from issuer.keys import KeyRecord, Signer
from issuer.lifecycle import (
    Application as ApplicationState,
)
from issuer.lifecycle import (
    Card as CardState,
)
from issuer.lifecycle import (
    Credential as CredentialState,
)
from issuer.lifecycle import (
    PassportLink as LinkState,
)
from issuer.lifecycle import (
    Preclearance as Answer,
)
from issuer.lists import draw_index, is_due_for_next_list
from issuer.numbers import ALPHABET, draw_application_number
from issuer.office import Actor, BatchSource, Desk, Office
from issuer.plastic import DesignRegistry
from issuer.preclearances import CARRIED, DECISIONS
from issuer.profile import CardData
from issuer.scheme import Scheme
from issuer.statements import MAX_DECISIONS, Decision, sign_statement
from issuer.store import (
    Account,
    AccountKind,
    AccountRole,
    Application,
    ApplicationKind,
    Base,
    Bulk,
    Card,
    Content,
    Credential,
    Document,
    DocumentKind,
    HitState,
    HostedEconomy,
    Issue,
    IssueState,
    Passport,
    PassportLink,
    Person,
    PlasticState,
    Preclearance,
    PreclearanceEvent,
    ReviewStep,
    Role,
    Statement,
    StatusList,
    StrayIndex,
    WatchHit,
)
from issuer.store.rows import add_rows

PORTION: Final = 1_000
"""Travellers in one transaction."""
MANY: Final = 4 * PORTION
"""From so many travellers of an economy on, a process that signs is worth its start."""
WITH_PICTURES: Final = 2_000
"""Up to so many travellers have a portrait and a signature."""
_ATTEMPTS: Final = 5
_FEW: Final = 40
"""Records of a change that is proposed."""
_CREDENTIAL_OF: Final = {
    CardState.ACTIVE: CredentialState.VALID,
    CardState.SUSPENDED: CredentialState.SUSPENDED,
    CardState.LOST: CredentialState.REVOKED,
    CardState.CANCELLED: CredentialState.REVOKED,
    CardState.SUPERSEDED: CredentialState.SUPERSEDED,
    CardState.EXPIRED: CredentialState.EXPIRED,
}
_CLEARED: Final = (Answer.APPROVED, Answer.WITHDRAWN, Answer.SUSPENDED)
_SCATTER: Final = 1_000_003
"""A prime that is none of those in `ALPHABET`'s length: numbers do not follow."""

_Row = dict[str, Any]
_Results = Callable[[], list[Signed | Refusal]]
Phone = Callable[[str], PrivateKey]
"""Makes the key of the phone that has the document of a number."""


class _SignMany(Protocol):
    """Begins to sign cards; what it returns waits for them."""

    def __call__(
        self,
        prepared: list[Prepared],
        *,
        key: KeyRecord,
        now: datetime,
        last_issued_at: datetime | None,
    ) -> _Results: ...


def _any_phone(document_number: str) -> PrivateKey:
    return new_private_key()


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the filling of one economy is."""

    economy: str
    done: int
    of: int


def shares(travellers: int, economies: Collection[str]) -> dict[str, int]:
    """Spread travellers over economies: as many for each, as good as it goes.

    How many cards each economy has in truth is not known for all of them, and a
    demonstration claims nothing about it.
    """
    each, more = divmod(travellers, len(economies))
    return {code: each + (place < more) for place, code in enumerate(economies)}


def fill(
    office: Office,
    wanted: Mapping[str, int],
    *,
    seed: int,
    now: datetime,
    phone: Phone = _any_phone,
) -> Iterator[Progress]:
    """Invent travellers and write everything about them.

    Args:
        office: An open installation that hosts the economies, with their keys.
        wanted: Travellers by economy; those that are there already count.
        seed: The same seed gives the same travellers.
        now: The moment at which all of it is the state of things; timezone-aware.
        phone: Makes the key of the phone that a document is for; by default one that is
            forgotten, so that nobody can show the card.

    Yields:
        How far it is, after each portion, which is then on disk.

    Raises:
        Conflict: ``demo.people``: an economy has fewer than two accounts of persons, so
            nobody could have approved what another entered; ``demo.busy``: others
            write all the time.
        SigningError, LintError: A card could not be signed; its portion is not there.
        StoreDown, Forbidden: As for `Store.write`.
    """
    has_pictures = sum(wanted.values()) <= WITH_PICTURES
    for economy, count in wanted.items():
        done = office.store.read(partial(_count, economy=economy))
        if done >= count:
            continue
        here = _Here.of(
            office,
            economy,
            seed=seed,
            now=now,
            has_pictures=has_pictures,
            phone=phone,
        )
        with _hand(here, count - done) as sign_many:
            for reached in _fill_economy(here, range(done, count), sign_many):
                yield Progress(economy=economy, done=reached, of=count)
    for economy in wanted:
        _propose(office, economy, now)
    office.store.analyze()


def _count(session: Session, *, economy: str) -> int:
    mine = select(func.count()).where(Person.economy == economy)
    return int(session.scalar(mine) or 0)


def _propose(office: Office, economy: str, now: datetime) -> None:
    """Let somebody propose changes of many records, for a second person to release."""

    def look(session: Session) -> tuple[list[int], list[int], int] | None:
        if session.scalar(select(Bulk.id).where(Bulk.economy == economy).limit(1)):
            return None
        mine = _people(session).get(economy, [])
        pending = select(Preclearance.id).where(Preclearance.state == Answer.PENDING)
        oldest = pending.order_by(Preclearance.asked_at, Preclearance.id).limit(_FEW)
        own = session.scalars(oldest.where(Preclearance.issuer == economy))
        theirs = session.scalars(oldest.where(Preclearance.destination == economy))
        return (list(own), list(theirs), mine[0]) if mine else None

    found = office.store.read(look)
    if found is None:
        return
    own, theirs, clerk = found
    actor = Actor(
        account_id=clerk,
        economy=economy,
        login="demonstration",
        roles=frozenset(Role),
        kind=AccountKind.PERSON,
    )
    desk = Desk(office=office, actor=actor, now=now, reason="the oldest first")
    if own:
        reminder = Propose(action="preclearance.remind", ids=tuple(own), filter=None)
        propose(desk, reminder)
    if theirs:
        approval = {"event": "approve"}
        decision = Propose(
            action="incoming.decide", ids=tuple(theirs), filter=None, arguments=approval
        )
        propose(desk, decision)


@contextmanager
def _hand(here: "_Here", travellers: int) -> Iterator[_SignMany]:
    """Return what signs cards: other processes, if there are many, or this one."""
    signers = here.office.signers
    if travellers < MANY or not isinstance(signers, BatchSource):
        yield partial(partial, sign_many, signer=here.signer)
        return
    with signers.batch(here.economy, now=here.now) as sign:
        thread = ThreadPoolExecutor(1)  # which waits for them, in order
        try:
            yield (
                lambda prepared, **order: thread.submit(sign, prepared, **order).result
            )
        finally:
            thread.shutdown(cancel_futures=True)


class _Changed(Exception):  # noqa: N818  # never leaves this module
    """Somebody else has written since the portion was planned."""


@contextmanager
def _many_objects() -> Iterator[None]:
    """Let nobody look through a hundred thousand new rows for garbage: all stay."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _fill_economy(here: "_Here", numbers: range, sign_many: _SignMany) -> Iterator[int]:
    """Write portion by portion, each planned and begun while the last one is written.

    Yields:
        The first number that is not there yet.
    """

    def begin(first: int, after: _Portion | None) -> tuple[_Portion, _Results]:
        some = range(first, min(first + PORTION, numbers.stop))
        with _many_objects():
            portion = here.office.store.read(
                lambda session: _Portion.plan(session, here, some, after=after)
            )
        return portion, here.start(portion.prepared, sign_many)

    done, failed, ahead = numbers.start, 0, None
    while done < numbers.stop:
        portion, results = ahead or begin(done, None)
        is_last = portion.numbers.stop == numbers.stop
        ahead = None if is_last else begin(portion.numbers.stop, portion)
        portion.sign(results)  # no transaction is open
        try:
            here.office.store.write(portion.write, now=here.now)
        except (_Changed, Forbidden):
            here.places, ahead, failed = None, None, failed + 1
            if failed == _ATTEMPTS:
                text = f"others write to {here.economy} all the time"
                raise Conflict("demo.busy", text) from None
            continue
        done, failed = portion.numbers.stop, 0
        yield done


@dataclass(slots=True, kw_only=True)
class _Places:
    """The newest status list, and what was drawn from it."""

    number: int
    capacity: int
    used: set[int]
    count: int
    """How many the database says were drawn."""
    is_new: bool


@dataclass(slots=True, kw_only=True)
class _Here:
    """What stays the same from portion to portion of one economy."""

    office: Office
    economy: str
    scheme: Scheme
    seed: int
    now: datetime
    has_pictures: bool
    signer: Signer
    key: KeyRecord
    clerk: int
    officer: int
    actors: Mapping[str, int]
    """Somebody at each destination that is hosted here and can sign."""
    silent: frozenset[str]
    """Destinations that are hosted here without a key: they have answered nothing."""
    phone: Phone
    designs: DesignRegistry = field(default_factory=DesignRegistry.load)
    places: _Places | None = None
    """Kept in memory, as reading a full list takes a second."""

    def start(self, prepared: list[Prepared], sign_many: _SignMany) -> _Results:
        """Let cards be signed, and return what waits for it."""
        return sign_many(prepared, key=self.key, now=self.now, last_issued_at=None)

    @classmethod
    def of(
        cls,
        office: Office,
        economy: str,
        *,
        seed: int,
        now: datetime,
        has_pictures: bool,
        phone: Phone,
    ) -> "_Here":
        signer, key = office.signers.signer(economy, "card", now=now)
        scheme, people = office.store.read(
            lambda session: (office.scheme(session), _people(session))
        )
        mine = people.get(economy, [])
        silent = frozenset(code for code in people if not _can_sign(office, code, now))
        if len(mine) < 2:
            raise Conflict(
                "demo.people", f"{economy} has fewer than two persons who vet"
            )
        return cls(
            office=office,
            economy=economy,
            scheme=scheme,
            seed=seed,
            now=now,
            has_pictures=has_pictures,
            signer=signer,
            key=key,
            clerk=mine[0],
            officer=mine[1],
            actors={code: ids[0] for code, ids in people.items()},
            silent=silent,
            phone=phone,
        )


@dataclass(slots=True, kw_only=True)
class _Planned:
    """A credential that is to be signed."""

    row: _Row
    life: Life
    key: PublicKey | None
    economies: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class _Portion:
    """The rows of some travellers of one economy."""

    here: _Here
    numbers: range
    first_ids: dict[str, int]
    places: list[_Places]
    """The list that was the newest, and those opened after it."""
    drawn: Iterator[str]
    """Document numbers."""
    known: frozenset[str]
    """Pictures that are there already."""
    rows: defaultdict[str, list[_Row]] = field(
        default_factory=lambda: defaultdict(list)
    )
    next_ids: dict[str, int] = field(default_factory=dict)
    credentials: list[_Planned] = field(default_factory=list)
    decisions: defaultdict[tuple[str, datetime], list[tuple[Decision, _Row]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """By destination and moment: what is signed together, and its events."""
    prepared: list[Prepared] = field(default_factory=list)
    issues: list[_Row] = field(default_factory=list)
    """For each card that is prepared, where its signed text belongs."""
    statements: list[tuple[_Row, list[Decision]]] = field(default_factory=list)
    """What destinations are to sign, and what of it."""

    # Planning, in a transaction that only reads

    @classmethod
    def plan(
        cls, session: Session, here: _Here, numbers: range, *, after: Self | None
    ) -> Self:
        """Plan a portion on what is there, or on what will be after another one."""
        if here.places is None:
            here.places = _newest(session, here)
        newest = replace(after.places[-1], is_new=False) if after else here.places
        lives = [
            invent_life(
                here.economy, number, seed=here.seed, scheme=here.scheme, now=here.now
            )
            for number in numbers
        ]
        most = sum(3 * len(life.forms) for life in lives)
        portion = cls(
            here=here,
            numbers=numbers,
            first_ids=dict(after.next_ids) if after else _first_ids(session),
            places=[replace(newest, used=set(newest.used))],
            drawn=iter(draw_document_numbers(session, here.economy, most)),
            known=_known_pictures(session, here)
            | (after.known if after else frozenset()),
        )
        portion.next_ids = dict(portion.first_ids)
        for life in lives:
            for code in here.silent & life.lanes.keys():
                first = life.lanes[code].steps[:1]
                life.lanes[code] = Lane(steps=first, hits=None)
            portion._add_life(life)
        portion._add_issues()
        portion._add_statements()
        return portion

    def _add(self, table: type[Base], **values: Any) -> int:
        name = table.__tablename__
        number = self.next_ids[name]
        self.next_ids[name] = number + 1
        self.rows[name].append({"id": number, **values})
        return number

    def _at(self, day: date) -> datetime:
        return min(moment_of(day), self.here.now)

    def _add_life(self, life: Life) -> None:
        here, them, applied = self.here, life.traveller, self._at(life.applied_on)
        person = self._add(
            Person,
            economy=here.economy,
            family_name=them.family_name,
            given_name=them.given_name,
            machine_family_name=them.machine_family_name,
            machine_given_name=them.machine_given_name,
            birthdate=them.birthdate,
            sex=them.sex,
            nationality=them.nationality,
            email=None,
            created_at=applied,
        )
        passport = self._add(
            Passport,
            economy=here.economy,
            person_id=person,
            issuer=them.nationality,
            number=them.passport_number,
            issued_on=them.passport_issued_on,
            expires_on=them.passport_expires_on,
        )
        application = self._add_application(life, person, passport)
        if here.has_pictures:
            self._add_pictures(life, application, applied)
        if life.application == ApplicationState.DRAFT:
            return
        card = self._add_card(life, person, application)
        lost = self.rows["card"][-1]
        ended = None if life.is_live or not life.issued_on else self._end(life)
        is_open = life.is_live or not life.issued_on
        self._add_link(card, passport, applied, is_open=is_open)
        self._add_lanes(life, card, ended)
        self._add_credentials(life, card, passport)
        if life.is_replaced and ended is not None:
            self._add_replacement(life, lost, passport, ended)

    def _end(self, life: Life) -> datetime:
        """Return when a card that has ended did."""
        if life.card == CardState.EXPIRED and life.expires_at:
            return life.expires_at
        latest = max(
            (lane.steps[-1].at for lane in life.lanes.values()),
            default=self._at(life.issued_on or life.applied_on),
        )
        return min(latest + timedelta(days=2), self.here.now)

    def _add_application(self, life: Life, person: int, passport: int) -> int:
        here, applied = self.here, self._at(life.applied_on)
        decided = self._at(life.issued_on) if life.issued_on else None
        digits = iter(_digits(life.number))
        application = self._add(
            Application,
            economy=here.economy,
            number=draw_application_number(
                here.economy, choose=lambda letters: letters[next(digits)]
            ),
            kind=ApplicationKind.NEW,
            person_id=person,
            passport_id=passport,
            renews_card_id=None,
            state=life.application,
            stage=len(life.stages + life.final_stages),
            entered_by=here.clerk,
            entered_at=applied,
            submitted_at=(
                None if life.application == ApplicationState.DRAFT else applied
            ),
            decided_by=here.officer if decided else None,
            decided_at=decided,
            changed_at=decided or applied,
        )
        answered = max(
            (lane.steps[-1].at for lane in life.lanes.values()), default=None
        )
        for position, stage in enumerate(life.stages + life.final_stages):
            is_final = position >= len(life.stages)
            self._add(
                ReviewStep,
                application_id=application,
                position=position,
                stage=stage,
                passed=True,
                by=here.officer,
                at=(answered if is_final else decided) or applied,
                note="",
            )
        return application

    def _add_pictures(self, life: Life, application: int, at: datetime) -> None:
        for kind, draw in _PICTURES.items():
            data = draw(life.number)
            digest = sha256(data).hexdigest()
            if digest not in self.known:
                row = {"sha256": digest, "media_type": "image/png", "data": data}
                self.rows["content"].append(row)
                self.known |= {digest}
            self._add(
                Document,
                application_id=application,
                kind=kind,
                name=f"{kind}.png",
                sha256=digest,
                added_by=self.here.clerk,
                added_at=at,
            )

    def _add_card(self, life: Life, person: int, application: int) -> int:
        applied = self._at(life.applied_on)
        return self._add(
            Card,
            economy=self.here.economy,
            person_id=person,
            application_id=application,
            approved_by=self.here.officer if life.issued_on else None,
            state=life.card,
            applied_on=life.applied_on,
            first_issued_on=life.issued_on,
            expires_at=life.expires_at,
            continues_id=None,
            losses=int(life.card == CardState.LOST),
            foreign_reference=None,
            created_at=applied,
            changed_at=self._at(life.issued_on) if life.issued_on else applied,
        )

    def _add_link(
        self, card: int, passport: int, at: datetime, *, is_open: bool
    ) -> None:
        self._add(
            PassportLink,
            card_id=card,
            passport_id=passport,
            state=LinkState.LINKED if is_open else LinkState.ENDED,
            linked_at=at,
            changed_at=at,
        )

    def _add_lanes(self, life: Life, card: int, ended: datetime | None) -> None:
        for code, lane in life.lanes.items():
            shown = lane if ended is None else lane.lapsed(ended)
            number = self._add_lane(card, code, shown)
            self._add_hits(number, shown)
            before = Answer.NOT_SENT
            for seq, step in enumerate(shown.steps, start=1):
                row = self._add_event(number, seq, code, before, step)
                if step.event in DECISIONS and code in self.here.actors:
                    decision = Decision(
                        issuer=self.here.economy,
                        card=f"card-{card}",
                        seq=seq,
                        event=step.event,
                        after=step.after,
                    )
                    self.decisions[code, step.at].append((decision, row))
                before = step.after

    def _add_lane(self, card: int, code: str, lane: Lane) -> int:
        return self._add(
            Preclearance,
            card_id=card,
            issuer=self.here.economy,
            destination=code,
            state=lane.state,
            asked_at=lane.steps[0].at,
            answered_at=lane.answered_at,
            changed_at=lane.steps[-1].at,
            reminded_at=lane.reminded_at,
            hits=lane.hits,
        )

    def _add_event(
        self, number: int, seq: int, code: str, before: Answer, step: Step
    ) -> _Row:
        here = self.here
        theirs = step.event in DECISIONS
        self._add(
            PreclearanceEvent,
            preclearance_id=number,
            seq=seq,
            event=step.event,
            before=before,
            after=step.after,
            at=step.at,
            actor_id=here.actors.get(code, here.officer) if theirs else here.officer,
            statement_id=None,
            note="",
        )
        return self.rows["preclearance_event"][-1]

    def _add_hits(self, number: int, lane: Lane) -> None:
        for place in range(lane.hits or 0):
            self._add(
                WatchHit,
                preclearance_id=number,
                list_version="demonstration",
                reference=f"W-{number % 900 + 100}-{place + 1}",
                found_at=lane.steps[0].at,
                state=HitState.OPEN,
                settled_by=None,
                settled_at=None,
            )

    def _add_replacement(
        self, life: Life, lost: _Row, passport: int, at: datetime
    ) -> None:
        """Continue a card that was lost, with what destinations said of it."""
        card = self._add(
            Card,
            **{name: value for name, value in lost.items() if name != "id"}
            | {
                "state": CardState.ACTIVE,
                "continues_id": lost["id"],
                "created_at": at,
                "changed_at": at,
            },
        )
        self._add_link(card, passport, at, is_open=True)
        for code, lane in life.lanes.items():
            number = self._add_lane(card, code, lane)
            self._add_hits(number, lane)
            step = Step(event=CARRIED, after=lane.state, at=at)
            self._add_event(number, 1, code, Answer.NOT_SENT, step)
        now_active = replace(life, card=CardState.ACTIVE, lost_phone=False)
        self._add_credentials(now_active, card, passport)

    def _add_credentials(self, life: Life, card: int, passport: int) -> None:
        for form in life.forms:
            state = _CREDENTIAL_OF[life.card]
            if form == "app" and life.lost_phone:
                first = self._add_credential(
                    life, card, passport, form, CredentialState.REVOKED
                )
                self._add_credential(life, card, passport, form, state, first)
            else:
                self._add_credential(life, card, passport, form, state)

    def _add_credential(  # noqa: PLR0917  # the columns of one row
        self,
        life: Life,
        card: int,
        passport: int,
        form: str,
        state: CredentialState,
        replaces: int | None = None,
    ) -> int:
        here, at = self.here, self._at(life.issued_on or life.applied_on)
        document = next(self.drawn)
        holder_key = here.phone(document).public_key() if form == "app" else None
        number, index = self._draw()
        why = {CredentialState.VALID: None, CredentialState.REVOKED: "lost"}
        credential = self._add(
            Credential,
            economy=here.economy,
            card_id=card,
            form=form,
            document_number=document,
            list_number=number,
            list_index=index,
            state=state,
            holder_key=(
                canonical(public_jwk(holder_key)).decode() if holder_key else None
            ),
            is_interim=False,
            design="",
            passport_id=passport,
            replaces_id=replaces,
            state_reason=why.get(state, state.value),
            created_at=at,
            changed_at=at,
        )
        economies = sorted(
            code for code, lane in life.lanes.items() if lane.state in _CLEARED
        )
        self.credentials.append(
            _Planned(
                row=self.rows["credential"][-1],
                life=life,
                key=holder_key,
                economies=tuple(economies),
            )
        )
        if form == "physical" and state == CredentialState.VALID:
            self._add_plastic(life, credential, at)
        return credential

    def _add_plastic(self, life: Life, credential: int, at: datetime) -> None:
        place = life.dice.random()
        state = PlasticState.HANDED_OVER
        if place < 0.06:
            state = PlasticState.TO_PRINT
        elif place < 0.09:
            state = PlasticState.AT_BUREAU
        is_waiting = state == PlasticState.TO_PRINT
        self.rows["plastic"].append(
            {
                "credential_id": credential,
                "economy": self.here.economy,
                "design": ""
                if is_waiting
                else self.here.designs.in_force(self.here.economy, self.here.now).id,
                "state": state,
                "batch": None if is_waiting else f"{self.here.economy}-demo",
                "changed_at": at,
            }
        )

    def _draw(self) -> tuple[int, int]:
        newest = self.places[-1]
        if is_due_for_next_list(newest.count, newest.capacity):
            capacity = self.here.scheme.economy(self.here.economy).list_capacity
            newest = _Places(
                number=newest.number + 1,
                capacity=capacity,
                used=set(),
                count=0,
                is_new=True,
            )
            self.places.append(newest)
        index = draw_index(newest.used, newest.capacity)
        newest.used.add(index)
        newest.count += 1
        return newest.number, index

    def _add_issues(self) -> None:
        # Signed a moment ago, whenever they were issued: no key signs into its past.
        for each in self.credentials:
            if each.row["state"] != CredentialState.EXPIRED:
                prepared = self._prepare(each)
                self.prepared.append(prepared)
                self._add_issue(each, prepared)

    def _prepare(self, planned: _Planned) -> Prepared:
        here, row, them = self.here, planned.row, planned.life.traveller
        url = here.scheme.economy(here.economy).issuer_url
        data = CardData(
            issuer=here.economy,
            document_number=row["document_number"],
            family_name=them.machine_family_name,
            given_name=them.machine_given_name,
            birthdate=them.birthdate,
            nationality=them.nationality,
            passport_country=them.nationality,
            passport_number=them.passport_number,
            passport_expires_on=them.passport_expires_on,
            form=row["form"],
            economies=planned.economies,
        )
        return prepare(
            data,
            scheme=here.scheme,
            key_id=here.key.key_id,
            holder_key=planned.key,
            status_uri=f"{url}/status/{row['list_number']}",
            status_index=row["list_index"],
            iat=here.now,
            exp=planned.life.expires_at or here.now,
        )

    def _add_issue(self, planned: _Planned, prepared: Prepared) -> None:
        here, row = self.here, planned.row
        request = f"demo:{row['document_number']}"
        self._add(
            Issue,
            economy=here.economy,
            request_key=request,
            request_digest=sha256(request.encode()).hexdigest(),
            card_id=row["card_id"],
            credential_id=row["id"],
            state=IssueState.SIGNED,
            header=prepared.header,
            payload=prepared.payload,
            claims_sha256=sha256(prepared.payload).hexdigest(),
            economies=" ".join(planned.economies),
            key_id=here.key.key_id,
            text=None,
            requested_by=here.clerk,
            approved_by=here.officer,
            intended_at=here.now,
            recorded_at=here.now,
        )
        self.issues.append(self.rows["issue"][-1])

    def _add_statements(self) -> None:
        for (code, at), found in self.decisions.items():
            for start in range(0, len(found), MAX_DECISIONS):
                some = found[start : start + MAX_DECISIONS]
                number = self._add(Statement, economy=code, key_id="", text="", at=at)
                self.statements.append(
                    (self.rows["statement"][-1], [each for each, _ in some])
                )
                for _, row in some:
                    row["statement_id"] = number

    # Signing, while no transaction is open

    def sign(self, results: _Results) -> None:
        """Sign every decision, and take every card that has not ended by time."""
        self._sign_statements()
        for row, signed in zip(self.issues, results(), strict=True):
            if not isinstance(signed, Signed):
                raise Conflict("demo.refused", f"a card was refused: {signed}")
            row["text"] = signed.text

    def _sign_statements(self) -> None:
        signers, now = self.here.office.signers, self.here.now
        keys = {
            code: signers.signer(code, "status", now=now)
            for code in {row["economy"] for row, _ in self.statements}
        }
        for row, decisions in self.statements:
            signer, record = keys[row["economy"]]
            if not record.signs_at(row["at"]):
                # The key is as young as the demonstration, whose past is invented too.
                record = replace(record, signs_from=row["at"])
            row["key_id"] = record.key_id
            row["text"] = sign_statement(
                decisions,
                iss=self.here.scheme.economy(row["economy"]).issuer_url,
                iat=row["at"],
                signer=signer,
                record=record,
            )

    # Writing

    def write(self, session: Session) -> None:
        """Write the portion, if everything is as it was planned on."""
        here = self.here
        keep_pages(session)
        audit.lock(session, here.economy)
        if _first_ids(session) != self.first_ids:
            raise _Changed
        self._write_lists(session)
        for name in _ORDER:
            add_rows(session, Base.metadata.tables[name], self.rows[name])
        for name in self.next_ids:
            count_on(session, Base.metadata.tables[name])
        audit.record(
            session,
            economy=here.economy,
            actor_id=here.officer,
            at=here.now,
            tag="demo:filled",
            subject=f"demo:{self.numbers.start}",
            reason="demonstration data",
            rows=len(self.numbers),
        )
        here.places = replace(self.places[-1], is_new=False)

    def _write_lists(self, session: Session) -> None:
        before = self.here.places
        for each in self.places:
            if each.is_new:
                session.add(
                    StatusList(
                        economy=self.here.economy,
                        number=each.number,
                        capacity=each.capacity,
                        used=each.count,
                        opened_at=self.here.now,
                    )
                )
                continue
            row = session.get_one(StatusList, (self.here.economy, each.number))
            if before is None or row.used != before.count:
                raise _Changed
            row.used = each.count
        session.flush()


_IDENTIFIED: Final = (
    "person",
    "passport",
    "application",
    "review_step",
    "document",
    "card",
    "passport_link",
    "statement",
    "preclearance",
    "preclearance_event",
    "watch_hit",
    "credential",
    "issue",
)
_ORDER: Final = ("content", *_IDENTIFIED, "plastic")
"""Tables in the order in which their rows refer to each other."""
_PICTURES: Final[Mapping[DocumentKind, Callable[[int], bytes]]] = {
    DocumentKind.PORTRAIT: lambda number: pictures.portrait(
        number % pictures.DIFFERENT
    ),
    DocumentKind.SIGNATURE: lambda number: pictures.signature(
        number % pictures.DIFFERENT
    ),
}


def _first_ids(session: Session) -> dict[str, int]:
    return {name: next_id(session, Base.metadata.tables[name]) for name in _IDENTIFIED}


def _known_pictures(session: Session, here: _Here) -> frozenset[str]:
    if not here.has_pictures:
        return frozenset()
    return frozenset(session.scalars(select(Content.sha256)))


def _digits(number: int) -> list[int]:
    """Spread a number over eight characters; no two numbers get the same."""
    base = len(ALPHABET)
    left = number * _SCATTER % base**8
    digits = []
    for _ in range(8):
        left, digit = divmod(left, base)
        digits.append(digit)
    return digits


def _people(session: Session) -> dict[str, list[int]]:
    """Return the persons of each economy, those who vet before others."""
    people: defaultdict[str, list[int]] = defaultdict(list)
    vets = and_(AccountRole.account_id == Account.id, AccountRole.role == Role.VETTING)
    for economy, number in session.execute(
        select(Account.economy, Account.id)
        .outerjoin(AccountRole, vets)
        .where(Account.kind == AccountKind.PERSON, Account.closed_at.is_(None))
        .order_by(AccountRole.role.is_(None), Account.id)
    ):
        people[economy].append(number)
    return people


def _can_sign(office: Office, economy: str, now: datetime) -> bool:
    try:
        office.signers.signer(economy, "status", now=now)
    except SigningError:
        return False
    return True


def _newest(session: Session, here: _Here) -> _Places:
    newest = session.scalars(
        select(StatusList)
        .where(StatusList.economy == here.economy)
        .order_by(StatusList.number.desc())
        .limit(1)
    ).one_or_none()
    if newest is None:
        capacity = here.scheme.economy(here.economy).list_capacity
        return _Places(number=1, capacity=capacity, used=set(), count=0, is_new=True)
    used: set[int] = set()
    for table in (Credential, StrayIndex):
        used |= set(
            session.scalars(
                select(table.list_index).where(
                    table.economy == here.economy, table.list_number == newest.number
                )
            )
        )
    return _Places(
        number=newest.number,
        capacity=newest.capacity,
        used=used,
        count=newest.used,
        is_new=False,
    )


def check_is_test(session: Session) -> tuple[str, ...]:
    """Return the economies that are hosted, if nothing here is real.

    Raises:
        Conflict: ``demo.real``: an economy is hosted that is none for tests, or none.
    """
    hosted = session.scalars(select(HostedEconomy).order_by(HostedEconomy.code)).all()
    real = [each.code for each in hosted if not each.is_test]
    if real or not hosted:
        text = f"{', '.join(real)} is not for tests" if real else "none is hosted"
        raise Conflict("demo.real", f"demonstration data is refused here: {text}")
    return tuple(each.code for each in hosted)
