"""What holders are told of their card: on their own phone, and nowhere else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from issuer import lifecycle
from issuer.basis import bases
from issuer.dated import Fact, Mark, in_force
from issuer.economy import PassportValidity, Stay, Unit
from issuer.endings import OPEN_LINK
from issuer.office import Desk
from issuer.operations import Answer
from issuer.pairs import PairEffect
from issuer.preclearances import Shown, as_shown_to_holder, lanes_of
from issuer.scheme import Scheme
from issuer.store import (
    Card,
    Credential,
    Issue,
    IssueState,
    Passport,
    PassportLink,
    Person,
    Phone,
    PhoneState,
    Preclearance,
)

_WAIT: Final = (PhoneState.ASKING, PhoneState.ASKED)
_SEEN: Final = 3
"""Characters of a passport's number that are shown."""
CredentialState = Literal[
    "waiting", "valid", "suspended", "superseded", "revoked", "expired"
]
EconomyState = Literal[
    "waiting", "cleared", "not_cleared", "withdrawn", "suspended", "not_needed",
    "not_available",
]  # fmt: skip
_CREDENTIAL: Final[Mapping[lifecycle.Credential, CredentialState]] = MappingProxyType(
    {
        lifecycle.Credential.VALID: "valid",
        lifecycle.Credential.SUSPENDED: "suspended",
        lifecycle.Credential.SUPERSEDED: "superseded",
        lifecycle.Credential.REVOKED: "revoked",
        lifecycle.Credential.EXPIRED: "expired",
    }
)
_SHOWN: Final[Mapping[Shown, EconomyState]] = MappingProxyType(
    {
        Shown.WAITING: "waiting",
        Shown.CLEARED: "cleared",
        Shown.NOT_CLEARED: "not_cleared",
        Shown.WITHDRAWN: "withdrawn",
        Shown.SUSPENDED: "suspended",
        Shown.ENDED: "not_cleared",
    }
)


class HolderName(Answer):
    """As on the card: in the letters of a passport's last lines."""

    family_name: str
    given_name: str


class PassportHint(Answer):
    """Which passport the card goes with, without saying its number."""

    country: str
    number_end: str
    """The last three characters."""
    expires_at: datetime
    """Midnight UTC at the beginning of its last day."""


class Preview(Answer):
    """Whose card it would be."""

    issuer_name: str
    holder: HolderName
    passport: PassportHint | None
    expires_at: datetime | None
    """None while the card is not approved."""


class CredentialFacts(Answer):
    """The credential of this phone."""

    state: CredentialState
    since: datetime
    is_newest: bool
    """Whether the phone has what would be signed for it now."""


class Span(Answer):
    """Days, or calendar months: one is never turned into the other."""

    value: int
    unit: Unit


class Source(Answer):
    """Who says so, and from when until when it holds; null where no day is known."""

    name: str
    mark: Mark
    since: datetime | None
    until: datetime | None


class EconomySources(Answer):
    """Where each fact about a destination comes from; null where there is no fact."""

    form: Source | None
    pair: Source | None
    passport: Source | None
    lane: Source | None
    stay: Source | None


class EconomyFacts(Answer):
    """What is known of one destination; null is unknown."""

    code: str
    state: EconomyState
    since: datetime | None
    lane: bool | None
    stay: Span | None
    """The longest after one entry."""
    app_accepted: bool | None
    passport_validity: Span | None
    """For which the passport must still be good at entry."""
    sources: EconomySources


class Holding(Preview):
    """How the card stands."""

    credential: CredentialFacts
    economies: tuple[EconomyFacts, ...]
    now: datetime


class Device(Answer):
    """A phone that has or had the card, or waits for it."""

    this: bool
    state: CredentialState
    since: datetime
    name: str | None
    """What its holder calls it; nobody asks for that yet."""
    id: int | None
    """Of another phone that took an offer and waits for the card: it can be removed."""


def preview_of(session: Session, desk: Desk, card_id: int) -> Preview:
    """Say whose card it is; whoever calls this logs the reading."""
    card = desk.find(session, Card, card_id)
    person = session.get_one(Person, card.person_id)
    return Preview(
        issuer_name=desk.office.scheme(session).economy(card.economy).name,
        holder=HolderName(
            family_name=person.machine_family_name,
            given_name=person.machine_given_name,
        ),
        passport=_passport(session, card),
        expires_at=card.expires_at,
    )


def holding_of(session: Session, desk: Desk, phone: Phone) -> Holding:
    """Say how a phone's card stands."""
    scheme = desk.office.scheme(session)
    card = session.get_one(Card, phone.card_id)
    person = session.get_one(Person, card.person_id)
    lanes = {lane.destination: lane for lane in lanes_of(session, card.id)}
    pairs = (
        _Pair(
            scheme=scheme,
            issuer=card.economy,
            nationality=person.nationality,
            code=code,
            lane=lanes.get(code),
            at=desk.now,
        )
        for code in sorted(scheme.economies)
    )
    return Holding(
        **dict(preview_of(session, desk, card.id)),
        credential=_facts(session, desk, phone),
        economies=tuple(row for pair in pairs if (row := pair.facts()) is not None),
        now=desk.now,
    )


def devices_of(session: Session, phone: Phone) -> tuple[Device, ...]:
    """List the phones that have or had a card or wait for it, the newest first."""
    return (*_waiting(session, phone), *_with_card(session, phone))


def waiting_phones(session: Session, card_id: int) -> Sequence[Phone]:
    """Return the phones that took an offer of a card and have nothing yet."""
    rows = session.scalars(
        select(Phone)
        .where(Phone.card_id == card_id, Phone.state.in_(_WAIT))
        .order_by(Phone.id.desc())
    )
    return [each for each in rows if credential_of(session, each) is None]


def _waiting(session: Session, phone: Phone) -> tuple[Device, ...]:
    return tuple(
        Device(
            this=each.id == phone.id,
            state="waiting",
            since=each.made_at,
            name=None,
            id=None if each.id == phone.id else each.id,
        )
        for each in waiting_phones(session, phone.card_id)
    )


def _with_card(session: Session, phone: Phone) -> tuple[Device, ...]:
    rows = session.scalars(
        select(Credential)
        .where(
            Credential.card_id == phone.card_id,
            Credential.form == "app",
            Credential.state.in_(_CREDENTIAL),
        )
        .order_by(Credential.id.desc())
    )
    last: dict[str | None, Credential] = {}
    for each in rows:  # a phone whose card was signed under a new index is one phone
        last.setdefault(each.holder_key, each)
    return tuple(
        Device(
            this=key == phone.holder_key,
            state=_CREDENTIAL[each.state],
            since=each.changed_at,
            name=None,
            id=None,
        )
        for key, each in last.items()
    )


def credential_of(session: Session, phone: Phone) -> Credential | None:
    """Return what was signed for a phone last, whatever became of it."""
    if phone.holder_key is None:
        return None
    return session.scalars(
        select(Credential)
        .where(
            Credential.card_id == phone.card_id,
            Credential.holder_key == phone.holder_key,
            Credential.state.in_(_CREDENTIAL),
        )
        .order_by(Credential.id.desc())
        .limit(1)
    ).first()


def newest_issue(session: Session, credential: Credential) -> Issue:
    """Return the text that was signed last of a credential that was signed."""
    return session.scalars(
        select(Issue)
        .where(Issue.credential_id == credential.id, Issue.state == IssueState.SIGNED)
        .order_by(Issue.id.desc())
        .limit(1)
    ).one()


def is_due(session: Session, desk: Desk, credential: Credential, last: Issue) -> bool:
    """Tell whether a phone that asks gets something else than it had.

    Not where the card goes with another passport now: that is for a person.
    """
    basis = bases(session, desk.economy, [credential.card_id])[credential.card_id]
    due = " ".join(basis.economies(desk.office.scheme(session), desk.now))
    moved = basis.passport is not None and basis.passport.id != credential.passport_id
    return not moved and due != last.economies


def _facts(session: Session, desk: Desk, phone: Phone) -> CredentialFacts:
    credential = credential_of(session, phone)
    if credential is None:
        return CredentialFacts(state="waiting", since=phone.made_at, is_newest=False)
    last = newest_issue(session, credential)
    can_be_signed = credential.state == lifecycle.Credential.VALID
    return CredentialFacts(
        state=_CREDENTIAL[credential.state],
        since=credential.changed_at,
        is_newest=not can_be_signed
        or (last.id == phone.issue_id and not is_due(session, desk, credential, last)),
    )


def _passport(session: Session, card: Card) -> PassportHint | None:
    passport = session.scalars(
        select(Passport)
        .join(PassportLink, PassportLink.passport_id == Passport.id)
        .where(PassportLink.card_id == card.id, PassportLink.state.in_(OPEN_LINK))
    ).one_or_none()
    if passport is None:
        return None
    return PassportHint(
        country=passport.issuer,
        number_end=passport.number[-_SEEN:],
        expires_at=datetime.fromisoformat(f"{passport.expires_on}T00:00:00+00:00"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """A card, and one economy that its holder may travel to."""

    scheme: Scheme
    issuer: str
    nationality: str
    code: str
    lane: Preclearance | None
    at: datetime

    def facts(self) -> EconomyFacts | None:
        """Say how the economy stands; None where the app does not show it."""
        if self.scheme.membership(self.code, self.at) is None:
            return None
        state = self._state()
        if state is None:
            return None
        is_answer = state not in ("not_needed", "not_available")
        economy = self.scheme.economy(self.code)
        stay = self.scheme.max_stay(self.code, self.at)
        form = in_force(economy.accepts_form, self.at, subject="app")
        needed = in_force(economy.min_passport_validity, self.at, subject="entry")
        return EconomyFacts(
            code=self.code,
            state=state,
            since=self.lane.changed_at if self.lane and is_answer else None,
            lane=self._is_lane_open(state),
            stay=_span(stay),
            app_accepted=form.value if form else None,
            passport_validity=_span(needed),
            sources=EconomySources(
                form=_source(form),
                pair=_source(self._ruling()[1]),
                passport=_source(needed),
                lane=_source(in_force(economy.lane, self.at)),
                stay=_source(stay),
            ),
        )

    def _ruling(self) -> tuple[PairEffect, Fact | None]:
        return self.scheme.pair_ruling(
            issuer=self.issuer,
            nationality=self.nationality,
            destination=self.code,
            at=self.at,
        )

    def _effect(self) -> PairEffect:
        return self._ruling()[0]

    def _state(self) -> EconomyState | None:
        effect = self._effect()
        if effect == "not_required":
            return "not_needed"
        both = (self.issuer, self.code)
        members = {self.scheme.membership(each, self.at) for each in both}
        if effect != "normal" or members != {"full"}:
            return "not_available"
        if self.lane is None:
            return "waiting"
        shown = as_shown_to_holder(
            self.lane.state,
            scheme=self.scheme,
            destination=self.code,
            form="app",
            at=self.at,
        )
        return None if shown is None else _SHOWN[shown]

    def _is_lane_open(self, state: EconomyState) -> bool | None:
        """Tell whether the fast lane is open; None where that is not known.

        Source: specification, section 8, as an officer's device has it.
        """
        accepted = self.scheme.accepts_form(self.code, "app", self.at)
        if self._effect() == "excluded" or accepted is False:
            return False
        rules = in_force(self.scheme.economy(self.code).lane, self.at)
        needs_clearance = rules.needs_preclearance if rules else None
        if needs_clearance is False or state == "cleared" or self.code == self.issuer:
            return True
        return None if needs_clearance is None else False


def _span(fact: Stay | PassportValidity | None) -> Span | None:
    return None if fact is None else Span(value=fact.value, unit=fact.unit)


def _source(fact: Fact | None) -> Source | None:
    if fact is None:
        return None
    return Source(
        name=fact.source, mark=fact.mark, since=fact.starts_at, until=fact.ends_at
    )
