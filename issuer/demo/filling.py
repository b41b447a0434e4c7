"""Fill an installation with invented cases, as many as a demonstration or a test wants.

Every card is prepared, judged by the verifier and signed with the economy's own key, as
one that staff issue; only the way into the database is shorter.  Work goes in portions,
each a transaction: what was interrupted goes on where it was when it is started again.
"""

import random  # noqa: TID251  # reproducible fiction; nothing secret comes from it
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from issuer import audit
from issuer.demo.rows import add_rows, count_on, next_id
from issuer.demo.travellers import Traveller, chance, invent
from issuer.errors import Conflict
from issuer.issuance import Credential as Signed
from issuer.issuance import Prepared, prepare, sign_many
from issuer.jws import canonical, new_private_key, public_jwk
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
from issuer.office import Office
from issuer.profile import CardData, card_expiry
from issuer.scheme import Scheme
from issuer.store import (
    Account,
    AccountKind,
    Application,
    ApplicationKind,
    Base,
    Card,
    Credential,
    Issue,
    IssueState,
    Passport,
    PassportLink,
    Person,
    Preclearance,
    PreclearanceEvent,
    ReviewStep,
    StatusList,
)

PORTION: Final = 500
"""Travellers in one transaction."""
OPEN_SHARE: Final = 0.06
"""Share of travellers whose application is still under review."""
_CARD_STATES: Final = (
    (CardState.ACTIVE, 90),
    (CardState.SUSPENDED, 2),
    (CardState.LOST, 3),
    (CardState.CANCELLED, 3),
    (CardState.SUPERSEDED, 2),
)
_ANSWERS: Final = (
    (Answer.APPROVED, 86),
    (Answer.PENDING, 8),
    (Answer.NOT_APPROVED, 4),
    (Answer.WITHDRAWN, 1),
    (Answer.SUSPENDED, 1),
)
_CREDENTIAL_OF: Final = {
    CardState.ACTIVE: CredentialState.VALID,
    CardState.SUSPENDED: CredentialState.SUSPENDED,
    CardState.LOST: CredentialState.REVOKED,
    CardState.CANCELLED: CredentialState.REVOKED,
    CardState.SUPERSEDED: CredentialState.SUPERSEDED,
    CardState.EXPIRED: CredentialState.EXPIRED,
}
_LIVE: Final = (CardState.ACTIVE, CardState.SUSPENDED)
_STEPS: Final[dict[Answer, tuple[tuple[str, Answer], ...]]] = {
    Answer.PENDING: (),
    Answer.APPROVED: (("approve", Answer.APPROVED),),
    Answer.NOT_APPROVED: (("refuse", Answer.NOT_APPROVED),),
    Answer.WITHDRAWN: (("approve", Answer.APPROVED), ("withdraw", Answer.WITHDRAWN)),
    Answer.SUSPENDED: (("approve", Answer.APPROVED), ("suspend", Answer.SUSPENDED)),
    Answer.LAPSED: (("lapse", Answer.LAPSED),),
}

_Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the filling of one economy is."""

    economy: str
    done: int
    of: int


def fill(
    office: Office, wanted: Mapping[str, int], *, seed: int, now: datetime
) -> Iterator[Progress]:
    """Invent travellers and write everything about them.

    Args:
        office: An open installation that hosts the economies, with their keys.
        wanted: Travellers by economy; those that are there already count.
        seed: The same seed gives the same travellers.
        now: The moment at which all of it is the state of things; timezone-aware.

    Yields:
        How far it is, after each portion, which is then on disk.

    Raises:
        Conflict: ``demo.people``: an economy has fewer than two accounts of persons, so
            that nobody could have approved what another entered.
        SigningError, LintError: A card could not be signed; its portion is not there.
        StoreDown, Forbidden: As for `Store.write`.
    """
    for economy, count in wanted.items():
        done = office.store.read(partial(_count, economy=economy))
        while done < count:
            portion = range(done, min(done + PORTION, count))
            filler = _Filler.of(office, economy, now=now)
            filler.invent_all(portion, seed)
            office.store.write(filler.write, now=now)
            done = portion.stop
            yield Progress(economy=economy, done=done, of=count)


def _count(session: Session, *, economy: str) -> int:
    mine = select(func.count()).where(Person.economy == economy)
    return int(session.scalar(mine) or 0)


@dataclass(slots=True, kw_only=True)
class _Case:
    """One traveller and what becomes of their application."""

    number: int
    dice: random.Random
    traveller: Traveller
    applied_on: date
    issued_on: date | None
    """None while the application is under review."""
    state: CardState = CardState.PENDING_HOME
    expires_at: datetime | None = None
    answers: dict[str, Answer] = field(default_factory=dict)
    forms: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class _Filler:
    """Writes one portion of one economy."""

    economy: str
    scheme: Scheme
    now: datetime
    signer: Signer
    key: KeyRecord
    clerk: int
    officer: int
    actors: Mapping[str, int]
    """Somebody at each destination that is hosted here; for others, the home's."""
    cases: list[_Case] = field(default_factory=list)
    rows: defaultdict[str, list[_Row]] = field(
        default_factory=lambda: defaultdict(list)
    )
    next_ids: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, office: Office, economy: str, *, now: datetime) -> "_Filler":
        signer, key = office.signers.signer(economy, "card", now=now)
        scheme, people = office.store.read(
            lambda session: (office.scheme(session), _people(session))
        )
        mine = people.get(economy, [])
        if len(mine) < 2:
            raise Conflict("demo.people", f"{economy} has fewer than two persons")
        return cls(
            economy=economy,
            scheme=scheme,
            now=now,
            signer=signer,
            key=key,
            clerk=mine[0],
            officer=mine[1],
            actors={code: ids[0] for code, ids in people.items()},
        )

    def invent_all(self, numbers: range, seed: int) -> None:
        for number in numbers:
            self.cases.append(self._invent(number, chance(seed, self.economy, number)))

    def _invent(self, number: int, dice: random.Random) -> _Case:
        today = self.now.date()
        traveller = invent(self.economy, number, dice, today=today)
        if dice.random() < OPEN_SHARE:
            applied_on = today - timedelta(days=dice.randrange(60))
            return _Case(
                number=number,
                dice=dice,
                traveller=traveller,
                applied_on=applied_on,
                issued_on=None,
            )
        applied_on = today - timedelta(days=dice.randrange(30, 5 * 365))
        # The day of the first issue: a card needs its key to sign by then.
        issued_on = min(applied_on + timedelta(days=dice.randrange(5, 60)), today)
        case = _Case(
            number=number,
            dice=dice,
            traveller=traveller,
            applied_on=applied_on,
            issued_on=issued_on,
        )
        self._decide(case, issued_on)
        return case

    def _decide(self, case: _Case, issued_on: date) -> None:
        term = self.scheme.card_term(self.economy, self._at(case.applied_on)) or 5
        end = card_expiry(issued_on, term, case.traveller.passport_expires_on)
        case.expires_at = end
        case.state = _weighted(_CARD_STATES, case.dice)
        if end <= self.now:
            case.state = CardState.EXPIRED
        forms = self.scheme.issuance_mode(self.economy, self.now)
        case.forms = tuple(sorted(forms or {"physical"}))
        for code in self.scheme.destinations(
            self.economy, case.traveller.nationality, self.now
        ):
            answer = _weighted(_ANSWERS, case.dice)
            case.answers[code] = answer if case.state in _LIVE else Answer.LAPSED

    def write(self, session: Session) -> None:
        """Write the portion; called again from the start if the database asks."""
        self.rows.clear()
        audit.lock(session, self.economy)
        self._take_ids(session)
        for case in self.cases:
            self._add_case(case)
        self._add_credentials(session)
        for name in _ORDER:
            add_rows(session, Base.metadata.tables[name], self.rows[name])
        for name in self.next_ids:
            count_on(session, Base.metadata.tables[name])
        audit.record(
            session,
            economy=self.economy,
            actor_id=self.officer,
            at=self.now,
            tag="import:done",
            subject=f"demo:{self.cases[0].number}",
            reason="demonstration data",
            kind="demo",
            rows=len(self.cases),
        )

    def _take_ids(self, session: Session) -> None:
        for name in _ORDER:
            self.next_ids[name] = next_id(session, Base.metadata.tables[name])

    def _add(self, table: type[Base], **values: Any) -> int:
        name = table.__tablename__
        number = self.next_ids[name]
        self.next_ids[name] = number + 1
        self.rows[name].append({"id": number, **values})
        return number

    def _at(self, day: date, hour: int = 3) -> datetime:
        moment = datetime(day.year, day.month, day.day, hour, tzinfo=self.now.tzinfo)
        return min(moment, self.now)

    def _add_case(self, case: _Case) -> None:
        them, applied = case.traveller, self._at(case.applied_on)
        person = self._add(
            Person,
            economy=self.economy,
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
            economy=self.economy,
            person_id=person,
            issuer=them.nationality,
            number=them.passport_number,
            issued_on=them.passport_issued_on,
            expires_on=them.passport_expires_on,
        )
        application = self._add_application(case, person, passport)
        if case.issued_on:
            card = self._add_card(case, person, application, self._at(case.issued_on))
            self._add_passport_link(case, card, passport, applied)
            self._add_answers(case, card)
            self._plan_credentials(case, card, passport)

    def _add_application(self, case: _Case, person: int, passport: int) -> int:
        state = _application_state(case)
        applied = self._at(case.applied_on)
        decided = self._at(case.issued_on) if case.issued_on else None
        application = self._add(
            Application,
            economy=self.economy,
            number=f"{self.economy}D{case.number:08d}",
            kind=ApplicationKind.NEW,
            person_id=person,
            passport_id=passport,
            renews_card_id=None,
            state=state,
            stage=0,
            entered_by=self.clerk,
            entered_at=applied,
            submitted_at=None if state == ApplicationState.DRAFT else applied,
            decided_by=self.officer if decided else None,
            decided_at=decided,
            changed_at=decided or applied,
        )
        if decided:
            self._add(
                ReviewStep,
                application_id=application,
                position=0,
                stage="review",
                passed=True,
                by=self.officer,
                at=decided,
                note="",
            )
        return application

    def _add_card(
        self, case: _Case, person: int, application: int, at: datetime
    ) -> int:
        return self._add(
            Card,
            economy=self.economy,
            person_id=person,
            application_id=application,
            approved_by=self.officer,
            state=case.state,
            applied_on=case.applied_on,
            first_issued_on=case.issued_on,
            expires_at=case.expires_at,
            continues_id=None,
            losses=int(case.state == CardState.LOST),
            foreign_reference=None,
            created_at=at,
            changed_at=at,
        )

    def _add_passport_link(
        self, case: _Case, card: int, passport: int, at: datetime
    ) -> None:
        self._add(
            PassportLink,
            card_id=card,
            passport_id=passport,
            state=LinkState.LINKED if case.state in _LIVE else LinkState.ENDED,
            linked_at=at,
            changed_at=at,
        )

    def _add_answers(self, case: _Case, card: int) -> None:
        for code, answer in case.answers.items():
            asked = self._at(case.issued_on or case.applied_on, hour=4)
            waited = timedelta(hours=24 + case.dice.expovariate(1 / 900))
            answered = min(asked + waited, self.now)
            has_answer = answer not in (Answer.PENDING, Answer.LAPSED)
            number = self._add(
                Preclearance,
                card_id=card,
                issuer=self.economy,
                destination=code,
                state=answer,
                asked_at=asked,
                answered_at=answered if has_answer else None,
                changed_at=asked if answer == Answer.PENDING else answered,
                reminded_at=None,
                hits=None if answer == Answer.PENDING else 0,
            )
            self._add_events(number, code, answer, asked, answered)

    def _add_events(
        self, number: int, code: str, answer: Answer, asked: datetime, at: datetime
    ) -> None:
        steps = (("send", Answer.PENDING), *_STEPS[answer])
        before = Answer.NOT_SENT
        for seq, (event, after) in enumerate(steps, start=1):
            is_ours = event in ("send", "lapse")
            self._add(
                PreclearanceEvent,
                preclearance_id=number,
                seq=seq,
                event=event,
                before=before,
                after=after,
                at=asked if event == "send" else at,
                actor_id=self.actors.get("" if is_ours else code, self.officer),
                statement_id=None,
                note="",
            )
            before = after

    def _plan_credentials(self, case: _Case, card: int, passport: int) -> None:
        at = self._at(case.issued_on or case.applied_on)
        for form in case.forms:
            holder_key = new_private_key().public_key() if form == "app" else None
            document = f"{self.economy[0]}{case.number:07d}{'A' if holder_key else 'P'}"
            self._add(
                Credential,
                economy=self.economy,
                card_id=card,
                form=form,
                document_number=document,
                list_number=-1,
                list_index=-1,
                state=_CREDENTIAL_OF[case.state],
                holder_key=(
                    canonical(public_jwk(holder_key)).decode() if holder_key else None
                ),
                is_interim=False,
                design="",
                passport_id=passport,
                replaces_id=None,
                state_reason=None
                if case.state == CardState.ACTIVE
                else case.state.value,
                created_at=at,
                changed_at=at,
            )
            economies = sorted(
                code
                for code, answer in case.answers.items()
                if answer in (Answer.APPROVED, Answer.WITHDRAWN, Answer.SUSPENDED)
            )
            self.rows["_planned"].append(
                {"case": case, "key": holder_key, "economies": tuple(economies)}
            )

    def _add_credentials(self, session: Session) -> None:
        credentials = self.rows["credential"]
        self._draw_indexes(session, credentials)
        planned = self.rows.pop("_planned", [])
        # Signed a moment ago, whenever they were issued: no key signs into its past.
        prepared = [
            self._prepare(row, plan)
            for row, plan in zip(credentials, planned, strict=True)
            if row["state"] != CredentialState.EXPIRED
        ]
        signed = iter(self._signed(prepared))
        for row, plan in zip(credentials, planned, strict=True):
            if row["state"] != CredentialState.EXPIRED:
                self._add_issue(row, plan, *next(signed))

    def _prepare(self, row: _Row, plan: _Row) -> Prepared:
        case: _Case = plan["case"]
        them = case.traveller
        url = self.scheme.economy(self.economy).issuer_url
        data = CardData(
            issuer=self.economy,
            document_number=row["document_number"],
            family_name=them.machine_family_name,
            given_name=them.machine_given_name,
            birthdate=them.birthdate,
            nationality=them.nationality,
            passport_country=them.nationality,
            passport_number=them.passport_number,
            passport_expires_on=them.passport_expires_on,
            form=row["form"],
            economies=plan["economies"],
        )
        return prepare(
            data,
            scheme=self.scheme,
            key_id=self.key.key_id,
            holder_key=plan["key"],
            status_uri=f"{url}/status/{row['list_number']}",
            status_index=row["list_index"],
            iat=self.now,
            exp=case.expires_at or self.now,
        )

    def _signed(self, prepared: list[Prepared]) -> list[tuple[Prepared, Signed]]:
        results = sign_many(
            prepared, self.signer, key=self.key, now=self.now, last_issued_at=None
        )
        for each in results:
            if not isinstance(each, Signed):
                raise Conflict("demo.refused", f"a card was refused: {each}")
        return [
            (before, after)
            for before, after in zip(prepared, results, strict=True)
            if isinstance(after, Signed)
        ]

    def _add_issue(
        self, row: _Row, plan: _Row, prepared: Prepared, signed: Signed
    ) -> None:
        self._add(
            Issue,
            economy=self.economy,
            request_key=f"demo:{row['document_number']}",
            request_digest=sha256(prepared.payload).hexdigest(),
            card_id=row["card_id"],
            credential_id=row["id"],
            state=IssueState.SIGNED,
            header=prepared.header,
            payload=prepared.payload,
            claims_sha256=sha256(prepared.payload).hexdigest(),
            economies=" ".join(plan["economies"]),
            key_id=self.key.key_id,
            text=signed.text,
            requested_by=self.clerk,
            approved_by=self.officer,
            intended_at=self.now,
            recorded_at=self.now,
        )

    def _draw_indexes(self, session: Session, credentials: list[_Row]) -> None:
        capacity = self.scheme.economy(self.economy).list_capacity
        current, used = _open_list(session, self.economy, capacity, self.now)
        for row in credentials:
            if is_due_for_next_list(len(used), capacity):
                current.used = len(used)
                current = _new_list(
                    session, self.economy, current.number + 1, capacity, self.now
                )
                used = set()
            index = draw_index(used, capacity)
            used.add(index)
            row["list_number"], row["list_index"] = current.number, index
        current.used = len(used)
        session.flush()


_ORDER: Final = (
    "person",
    "passport",
    "application",
    "review_step",
    "card",
    "passport_link",
    "preclearance",
    "preclearance_event",
    "credential",
    "issue",
)
"""Tables in the order in which their rows refer to each other."""


def _people(session: Session) -> dict[str, list[int]]:
    people: defaultdict[str, list[int]] = defaultdict(list)
    for economy, number in session.execute(
        select(Account.economy, Account.id)
        .where(Account.kind == AccountKind.PERSON, Account.closed_at.is_(None))
        .order_by(Account.id)
    ):
        people[economy].append(number)
    return people


def _open_list(
    session: Session, economy: str, capacity: int, now: datetime
) -> tuple[StatusList, set[int]]:
    newest = session.scalars(
        select(StatusList)
        .where(StatusList.economy == economy)
        .order_by(StatusList.number.desc())
        .limit(1)
    ).one_or_none()
    if newest is None:
        return _new_list(session, economy, 1, capacity, now), set()
    used = session.scalars(
        select(Credential.list_index).where(
            Credential.economy == economy, Credential.list_number == newest.number
        )
    )
    return newest, set(used)


def _new_list(
    session: Session, economy: str, number: int, capacity: int, now: datetime
) -> StatusList:
    opened = StatusList(
        economy=economy, number=number, capacity=capacity, used=0, opened_at=now
    )
    session.add(opened)
    session.flush()
    return opened


def _application_state(case: _Case) -> ApplicationState:
    if case.issued_on is None:
        return case.dice.choice(
            (
                ApplicationState.DRAFT,
                ApplicationState.SUBMITTED,
                ApplicationState.HOME_REVIEW,
            )
        )
    is_open = Answer.PENDING in case.answers.values()
    return ApplicationState.CIRCULATED if is_open else ApplicationState.CLOSED


def _weighted(choices: tuple[tuple[Any, int], ...], dice: random.Random) -> Any:
    values, weights = zip(*choices, strict=True)
    return dice.choices(values, weights)[0]
