"""Answer carriers: one question, many, one again; signed, and remembered for a while.

Who asks is known by its token (`issuer.services.tokens`); what it asked is kept, the
passport sealed, until two days after the arrival, so that it can ask again by
reference. Whoever guesses a reference of another client finds nothing.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Final

from pydantic import Field
from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

import verifier
from issuer.carriers.register import Basis, Question, answers
from issuer.carriers.trust import lists_of
from issuer.errors import Invalid, NotFound
from issuer.installation_key import InstallationKey
from issuer.office import Desk, Office
from issuer.operations import Answer, Request
from issuer.services.identity import ServiceIdentity
from issuer.store import BasisState, CarrierChange, CarrierQuestion, HostedEconomy
from verifier import BasisAnswer, EntryBasis

TYPE: Final = "abtc-entry-basis+jwt"
"""Type of a signed answer."""
LONGEST: Final = timedelta(seconds=3)
"""An answer that takes longer is none: whoever stands at a counter does not wait."""
MAX_ROWS: Final = 5_000
"""Questions of one request."""
FORGOTTEN: Final = timedelta(days=2)
"""After the day of arrival, for all time zones and a flight that is late."""
_LETTERS: Final = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Without those that people mistake for others."""
_LENGTH: Final = 12
_SEAL: Final = "carrier-question"
_PRUNED: Final = 5_000
Stopwatch = Callable[[], timedelta]
"""Tells how long it is since the request came."""
_Code = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class PassportAsked(Request):
    """A passport, by who issued it and its number."""

    country: _Code = Field(description="Alpha-3 code of who issued it.")
    number: str = Field(pattern=r"^[A-Z0-9]{1,22}$", description="As in its lines.")


class Ask(Request):
    """Does a card give an entry basis for this passport?  Of this economy, or any."""

    passport: PassportAsked
    destination: _Code = Field(description="Economy of the destination.")
    arrival: date = Field(description="Day there.")
    watch: bool = Field(False, description="Tell when the answer flips.")
    row: str = Field("", max_length=64, description="What the carrier calls this row.")
    everybody: bool = Field(
        False, description="Ask every economy's register, the likely ones first."
    )

    def question(self) -> Question:
        """Return what is asked, without who wants to know."""
        return Question(
            country=self.passport.country,
            number=self.passport.number,
            destination=self.destination,
            arrival=self.arrival,
            everybody=self.everybody,
        )


class PassportSaid(Answer):
    """The passport of the card, as far as it is said."""

    country: str
    number_end: str
    """Its last three characters."""


class Earlier(Answer):
    """What was answered before."""

    answer: BasisAnswer
    stay_until: date | None
    answered_at: datetime
    changed: bool


class Told(Answer):
    """An answer: one of three, never why."""

    reference: str
    answer: BasisAnswer
    destination: str
    arrival: date
    stay_until: date | None
    form: str | None
    card_last_day: date | None
    passport: PassportSaid | None
    must_see: tuple[str, ...]
    answered_at: datetime
    data_as_of: datetime | None
    given_by: str | None = None
    """The economy whose card gives, where several were asked."""
    previous: Earlier | None = None
    statement: str
    """The same, signed, to be kept as evidence: a service message."""


class Row(Answer):
    """What became of one row of many."""

    row: str
    answer: Told | None
    error: str | None
    """What is wrong with the row, where it has no answer."""


class Change(Answer):
    """An answer that flipped."""

    cursor: str
    reference: str
    answer: BasisAnswer
    destination: str
    arrival: date
    stay_until: date | None
    changed_at: datetime
    statement: str


class Changes(Answer):
    """Changes in their order, and where to go on."""

    changes: tuple[Change, ...]
    cursor: str
    more: bool


class ChangesWanted(Request):
    """Which page of the changes."""

    cursor: str = Field("", pattern=r"^[0-9]{0,18}$")
    limit: int = Field(100, ge=1, le=500)


class WatchEnded(Answer):
    """A question of which nothing more is told."""

    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was decided of one question."""

    basis: EntryBasis
    given_by: str | None = None
    """The economy whose card gives, where several were asked."""
    silent: frozenset[str] = frozenset()
    """Those that were asked, or would have been, and said nothing."""


Decide = Callable[[Desk, Sequence[Question]], Sequence[Found]]
"""Decides questions, in their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asks, and whom a signed answer is for."""

    client: str
    """``client:<id>`` or ``economy:<code>``."""
    audience: str
    """``urn:abtc:client:<id>``, or the issuer URL of an economy."""

    @property
    def is_economy(self) -> bool:
        """Whether it is an economy, which asks for its own carriers."""
        return self.client.startswith("economy:")


def asker_of(office: Office, client: str) -> Asker:
    """Return whom an answer to a client is addressed to."""
    kind, _, name = client.partition(":")
    if kind != "economy":
        return Asker(client=client, audience=f"urn:abtc:client:{name}")
    scheme = office.store.read(office.scheme)
    return Asker(client=client, audience=scheme.economy(name).issuer_url)


def decide_here(desk: Desk, questions: Sequence[Question]) -> Sequence[Found]:
    """Decide questions from this economy's own cards alone.

    Raises:
        NoTrust: There is nothing to decide from.
    """
    found = answers(desk.office, questions, basis_of(desk))
    return [Found(basis=each) for each in found]


def ask(
    desk: Desk,
    asker: Asker,
    given: Ask,
    *,
    elapsed: Stopwatch,
    decide: Decide = decide_here,
) -> Told:
    """Answer one question.

    Args:
        desk: Of the economy that was asked.
        asker: Who asks.
        given: What.
        elapsed: How long it is since the request came.
        decide: From whose cards.

    Raises:
        NoTrust: There is nothing to decide from.
        ServiceKeyMissing: Nothing can be signed.
    """
    (found,) = decide(desk, [given.question()])
    if elapsed() > LONGEST:
        found = Found(basis=_no_answer(found.basis))
    (told,) = _kept(desk, asker, [(given, found)])
    return told


def ask_all(
    desk: Desk,
    asker: Asker,
    rows: Sequence[Ask | Invalid],
    *,
    decide: Decide = decide_here,
) -> list[Row]:
    """Answer up to 5,000 questions, as of one moment; a bad row spoils no other.

    Arguments are as for `ask`.

    Raises:
        Invalid: There are none, or too many.
        NoTrust, ServiceKeyMissing: As for `ask`.
    """
    if not 1 <= len(rows) <= MAX_ROWS:
        raise Invalid([("", "rows", f"has not 1 to {MAX_ROWS:,} rows")])
    good = [each for each in rows if isinstance(each, Ask)]
    found = decide(desk, [each.question() for each in good])
    pairs = list(zip(good, found, strict=True))
    told = iter(_kept(desk, asker, pairs))
    return [
        Row(row=each.row, answer=next(told), error=None)
        if isinstance(each, Ask)
        else Row(row="", answer=None, error=_first(each))
        for each in rows
    ]


def again(
    desk: Desk,
    asker: Asker,
    reference: str,
    *,
    elapsed: Stopwatch,
    decide: Decide = decide_here,
) -> Told:
    """Answer a question again, beside what was answered before; arguments as for `ask`.

    Raises:
        NotFound: The reference is none of this client's, or is forgotten.
        NoTrust, ServiceKeyMissing: As for `ask`.
    """
    before = desk.read(lambda session: _own(session, desk, asker, reference))
    question = question_of(desk.office, before)
    (found,) = decide(desk, [question])
    if elapsed() > LONGEST:
        found = Found(basis=_no_answer(found.basis))
    told = _told(desk, asker, question, found, reference)
    changed = (told.answer.value, told.stay_until) != (
        before.answer.value,
        before.stay_until,
    )
    earlier = Earlier(
        answer=BasisAnswer(before.answer.value),
        stay_until=before.stay_until,
        answered_at=before.answered_at,
        changed=changed,
    )
    return told.model_copy(update={"previous": earlier})


def changes(desk: Desk, asker: Asker, given: ChangesWanted) -> Changes:
    """Return what has flipped for a client behind a cursor, in order, without a gap.

    Raises:
        ServiceKeyMissing: As for `ask`.
    """

    def work(session: Session) -> list[tuple[CarrierChange, CarrierQuestion]]:
        rows = session.execute(
            select(CarrierChange, CarrierQuestion)
            .join(CarrierQuestion, CarrierQuestion.id == CarrierChange.question_id)
            .where(
                CarrierChange.economy == desk.economy,
                CarrierChange.client == asker.client,
                CarrierChange.id > int(given.cursor or 0),
            )
            .order_by(CarrierChange.id)
            .limit(given.limit + 1)
        )
        return [(change, question) for change, question in rows]

    rows = desk.read(work)
    shown = rows[: given.limit]
    return Changes(
        changes=tuple(_change(desk, asker, *each) for each in shown),
        cursor=str(shown[-1][0].id) if shown else given.cursor,
        more=len(rows) > given.limit,
    )


def end_watch(desk: Desk, asker: Asker, reference: str) -> WatchEnded:
    """Tell a client nothing more of a question.

    Raises:
        NotFound: The reference is none of this client's, or is forgotten.
    """

    def work(session: Session) -> None:
        _own(session, desk, asker, reference).is_watched = False

    desk.office.store.write(work, now=desk.now)
    return WatchEnded(reference=reference)


def basis_of(desk: Desk) -> Basis:
    """Return what this economy answers from, at the moment of the request."""
    trust = lists_of(desk.office.installation)
    hosted = desk.read(lambda session: session.get(HostedEconomy, desk.economy))
    if hosted is not None and hosted.is_test:
        # Its cards are for tests, and so are its answers: nobody takes them for real.
        trust = trust.for_training()
    return Basis(
        economy=desk.economy, trust=trust, zones=verifier.zones(), now=desk.now
    )


def question_of(office: Office, row: CarrierQuestion) -> Question:
    """Return what was asked, unsealed."""
    key = InstallationKey.load(office.installation.web_key)
    country, _, number = key.unseal(_SEAL, row.reference, row.sealed).partition(":")
    return Question(
        country=country,
        number=number,
        destination=row.destination,
        arrival=row.arrival,
        everybody=row.is_everybody,
    )


def forget(session: Session, now: datetime) -> int:
    """Forget questions whose time is over, and their changes; return how many."""
    old = list(
        session.scalars(
            select(CarrierQuestion.id)
            .where(CarrierQuestion.forget_at < now)
            .order_by(CarrierQuestion.forget_at)
            .limit(_PRUNED)
        )
    )
    session.execute(delete(CarrierChange).where(CarrierChange.question_id.in_(old)))
    session.execute(delete(CarrierQuestion).where(CarrierQuestion.id.in_(old)))
    return len(old)


def _no_answer(found: EntryBasis) -> EntryBasis:
    return EntryBasis(
        answer=BasisAnswer.NO_ANSWER,
        destination=found.destination,
        arrival=found.arrival,
        answered_at=found.answered_at,
        data_as_of=found.data_as_of,
    )


def _kept(desk: Desk, asker: Asker, pairs: Sequence[tuple[Ask, Found]]) -> list[Told]:
    """Sign answers and remember the questions, in one transaction."""
    key = InstallationKey.load(desk.office.installation.web_key)
    told, rows = [], []
    for given, found in pairs:
        reference = new_reference()
        passport = f"{given.passport.country}:{given.passport.number}"
        told.append(_told(desk, asker, given.question(), found, reference))
        if asker.is_economy and not given.watch:
            # It keeps what its carrier asked, and asks anew as often as it looks again.
            continue
        rows.append(
            {
                "economy": desk.economy,
                "client": asker.client,
                "reference": reference,
                "sealed": key.seal(_SEAL, reference, passport),
                "destination": given.destination,
                "arrival": given.arrival,
                "answer": BasisState(found.basis.answer.value),
                "stay_until": found.basis.stay_until,
                "answered_at": desk.now,
                "is_watched": given.watch,
                "is_everybody": given.everybody,
                "given_by": found.given_by,
                "forget_at": _forgotten_at(given.arrival, desk.now),
            }
        )

    def work(session: Session) -> None:
        if rows:
            session.execute(insert(CarrierQuestion), rows)
        gives = sum(each.answer is BasisAnswer.GIVES for each in told)
        desk.log(
            session,
            "carrier:asked",
            "carrier",
            client=asker.client,
            count=len(told),
            gives=gives,
        )

    desk.write(work)
    return told


def _forgotten_at(arrival: date, now: datetime) -> datetime:
    # Whoever asks about a day long gone, or far ahead, is not remembered for years.
    latest = (now + timedelta(days=400)).date()
    day = max(min(arrival, latest), now.date())
    return datetime.combine(day, time(0), UTC) + timedelta(days=1) + FORGOTTEN


def _told(
    desk: Desk, asker: Asker, question: Question, decided: Found, reference: str
) -> Told:
    found = decided.basis
    passport = (
        PassportSaid(
            country=found.passport_country, number_end=found.passport_number_end or ""
        )
        if found.passport_country
        else None
    )
    answered_at = found.answered_at.astimezone(UTC)
    said: dict[str, Any] = {
        "answer": found.answer.value,
        "destination": question.destination,
        "arrival": question.arrival.isoformat(),
        "stay_until": _day(found.stay_until),
        "form": found.form,
        "card_last_day": _day(found.card_last_day),
        "must_see": [each.value for each in found.must_see],
        "answered_at": answered_at.isoformat(),
        "data_as_of": found.data_as_of and found.data_as_of.isoformat(),
    }
    return Told(
        reference=reference,
        answer=found.answer,
        destination=question.destination,
        arrival=question.arrival,
        stay_until=found.stay_until,
        form=found.form,
        card_last_day=found.card_last_day,
        passport=passport,
        must_see=tuple(each.value for each in found.must_see),
        answered_at=answered_at,
        data_as_of=found.data_as_of,
        given_by=decided.given_by,
        statement=_signed(desk, asker, question, reference, said),
    )


def _change(
    desk: Desk, asker: Asker, change: CarrierChange, row: CarrierQuestion
) -> Change:
    question = question_of(desk.office, row)
    said = {
        "answer": change.answer.value,
        "destination": row.destination,
        "arrival": row.arrival.isoformat(),
        "stay_until": _day(change.stay_until),
        "changed_at": change.changed_at.isoformat(),
    }
    return Change(
        cursor=str(change.id),
        reference=row.reference,
        answer=BasisAnswer(change.answer.value),
        destination=row.destination,
        arrival=row.arrival,
        stay_until=change.stay_until,
        changed_at=change.changed_at,
        statement=_signed(desk, asker, question, row.reference, said),
    )


def _signed(
    desk: Desk, asker: Asker, question: Question, reference: str, said: dict[str, Any]
) -> str:
    identity = ServiceIdentity.of(desk.office, desk.economy, desk.now)
    passport = {"country": question.country, "number": question.number}
    claims = {"reference": reference, "passport": passport, **said}
    return identity.sign(TYPE, asker.audience, claims, desk.now)


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _own(session: Session, desk: Desk, asker: Asker, reference: str) -> CarrierQuestion:
    row = session.scalars(
        select(CarrierQuestion).where(
            CarrierQuestion.economy == desk.economy,
            CarrierQuestion.client == asker.client,
            CarrierQuestion.reference == reference,
            CarrierQuestion.forget_at >= desk.now,
        )
    ).one_or_none()
    if row is None:
        raise NotFound("there is no such question of yours, or it is forgotten")
    return row


def _first(error: Invalid) -> str:
    field, _, text = error.problems[0]
    return f"{field} {text}".strip()


def new_reference() -> str:
    """Draw a reference such as ``K7QF-2M9T-HX4P``: 58 bits."""
    drawn = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
    return "-".join(drawn[place : place + 4] for place in (0, 4, 8))
