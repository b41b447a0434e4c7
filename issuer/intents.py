"""What shall be signed: checked, put into exact bytes, and stored before any key works.

The first of the three steps of `issuer.signing`; everything here happens inside one
transaction of a desk.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final, NamedTuple

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from issuer import audit, lifecycle
from issuer.basis import (
    Basis,
    KnownCredential,
    KnownPassport,
    KnownPerson,
    bases,
)
from issuer.economy import Form
from issuer.errors import ClockError, Conflict, IllegalTransition, ProfileError
from issuer.indexes import draw_document_numbers, draw_places
from issuer.issuance import Prepared, prepare
from issuer.issue_log import Logged
from issuer.jws import PublicKey, canonical, public_jwk, public_key_from_jwk
from issuer.keyholder import HEAD_START
from issuer.keys import KeyRecord
from issuer.lifecycle import CREDENTIAL, Side
from issuer.limits import check_limit
from issuer.office import Desk
from issuer.profile import CardData
from issuer.scheme import Scheme
from issuer.store import (
    AccountKind,
    Credential,
    Issue,
    IssueState,
    KeyState,
    SigningKey,
    StrayIndex,
)
from issuer.store.rows import add_rows, draw_identities, table_of
from issuer.suspensions import (
    OpenSuspension,
    check_lifted,
    lift_for_another,
    open_suspensions,
)

CLOCK_SLACK: Final = timedelta(seconds=60)
"""Requests overlap: one that began earlier may be written later.  It is then dated like
the last one; a clock that is further behind than this was set back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What shall be signed."""

    card_id: int
    form: Form
    holder_key: PublicKey | None = None
    """The phone's key, for the app form; for a refresh the credential has it."""
    is_interim: bool = False
    design: str = ""
    """Of the plastic; empty lets the day of printing decide."""
    replaces_id: int | None = None
    """The credential of this card that ends when this one is signed."""
    refreshes_id: int | None = None
    """The credential that is signed anew, with its index and number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An order, and the request that it comes from."""

    key: str
    """Unique in its economy."""
    digest: str
    """SHA-256 of the request, in hexadecimal."""
    order: Order
    desk: Desk
    """Who asks."""


class Facts(NamedTuple):
    """All that a text is made of beside what its intent says itself.

    `prepare` gives equal bytes for equal input: where these are as they were when the
    bytes were made, the same bytes would be made again.
    """

    scheme: Scheme
    economy: str
    expires_at: datetime | None
    person: KnownPerson
    passport: KnownPassport | None
    form: str
    document_number: str
    place: tuple[int, int]
    holder_key: str | None
    """Canonical JSON, as its column has it."""

    @classmethod
    def of(cls, basis: Basis, credential: KnownCredential, scheme: Scheme) -> "Facts":
        """Say what the database says now."""
        return cls(
            scheme,
            basis.card.economy,
            basis.card.expires_at,
            basis.person,
            basis.passport,
            credential.form,
            credential.document_number,
            (credential.list_number, credential.list_index),
            credential.holder_key,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A row of `Issue` that waits for its signature, or has it."""

    issue_id: int
    card_id: int
    credential_id: int
    list_number: int
    list_index: int
    document_number: str
    form: str
    request_key: str
    claims_sha256: str
    economies: tuple[str, ...]
    prepared: Prepared
    text: str | None = None
    """Once it is signed."""
    made_from: Facts | None = field(default=None, repr=False, compare=False)
    """Where this process has made it just now; the database does not keep it."""

    def logged(self, economy: str) -> Logged:
        """Return the line that is on disk before a signer sees it."""
        return Logged(
            economy=economy,
            list=self.list_number,
            index=self.list_index,
            document_number=self.document_number,
            form=self.form,
            request_key=self.request_key,
            claims_sha256=self.claims_sha256,
            at=self.prepared.issued_at.isoformat(timespec="seconds"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """Why a card was not issued."""

    card_id: int
    code: str
    """As `Conflict` has it, or the reason of `issuance.Refusal`."""
    detail: str
    is_lint: bool = False
    """The verifier would not accept the card."""


def check_log(session: Session, last: Logged | None) -> None:
    """Refuse to issue from a database that is older than what was signed.

    Args:
        session: Of a transaction that began after ``last`` was read.
        last: The last line of the issue log, of any economy.

    Raises:
        Conflict: ``log.ahead``.
    """
    if last is None:
        return
    known = session.scalars(
        select(Issue.claims_sha256).where(
            Issue.economy == last.economy, Issue.request_key == last.request_key
        )
    ).one_or_none()
    if known == last.claims_sha256:
        return
    # One that two people have burnt after a restore stays forgotten, and ended.
    if session.get(StrayIndex, (last.economy, last.list, last.index)) is None:
        raise Conflict(
            "log.ahead",
            "cards were signed that this database does not know: reconcile first",
        )


def check_key(session: Session, economy: str, key: KeyRecord, at: datetime) -> None:
    """Refuse a key that devices may not know yet, or that is not the one published.

    Raises:
        ClockError: It was published less than 24 hours before ``at``.
        Conflict: ``key.unpublished``.
    """
    row = session.scalars(
        select(SigningKey).where(
            SigningKey.economy == economy, SigningKey.key_id == key.key_id
        )
    ).one_or_none()
    if (
        row is None
        or row.use != key.use
        or row.state != KeyState.PUBLISHED
        or row.published_at is None
        or json.loads(row.public_key) != public_jwk(key.public_key)
    ):
        raise Conflict("key.unpublished", f"key {key.key_id} is not a published one")
    if at < row.published_at + HEAD_START:
        raise ClockError(
            f"key {key.key_id} was published at {row.published_at}: it signs 24 hours"
            " after that"
        )


def moment_of(session: Session, desk: Desk) -> datetime:
    """Return the moment that the next card is dated with.

    Raises:
        ClockError: The clock is more than `CLOCK_SLACK` before the last card.
    """
    last = last_issued_at(session, desk.economy)
    moment = desk.now if last is None else overlapping(desk.now, last)
    if last is not None and moment < last:
        raise ClockError(f"it is {desk.now}, but a card was dated {last}")
    return moment


def overlapping(now: datetime, last: datetime) -> datetime:
    """Return the later of two moments, if it is later by `CLOCK_SLACK` at most."""
    return last if now < last <= now + CLOCK_SLACK else now


_LAST_ISSUED: Final = (
    select(Issue.intended_at)
    .where(Issue.economy == bindparam("economy"))
    .order_by(Issue.intended_at.desc())
    .limit(1)
)


def last_issued_at(session: Session, economy: str) -> datetime | None:
    """Return the latest moment for which an economy has prepared a card."""
    return session.scalars(_LAST_ISSUED, {"economy": economy}).one_or_none()


_REQUESTED: Final = (
    select(Issue, Credential)
    .join(Credential, Credential.id == Issue.credential_id)
    .where(
        Issue.economy == bindparam("economy"),
        Issue.request_key.in_(bindparam("keys", expanding=True)),
    )
)


def known_intents(
    session: Session, economy: str, digests: Mapping[str, str]
) -> dict[str, Intent | Declined]:
    """Return what requests got that were made before, by their keys.

    Args:
        session: At work.
        economy: The issuer.
        digests: Digest of each request by its key.
    """
    rows = session.execute(_REQUESTED, {"economy": economy, "keys": [*digests]})
    return {
        issue.request_key: _known(issue, credential, digests[issue.request_key])
        for issue, credential in rows
    }


def open_intents(
    session: Session, economy: str, *, after: int, limit: int
) -> list[Intent]:
    """Return intents without a signature, in the order of their making."""
    query = (
        select(Issue, Credential)
        .join(Credential, Credential.id == Issue.credential_id)
        .where(
            Issue.economy == economy,
            Issue.state == IssueState.INTENDED,
            Issue.id > after,
        )
        .order_by(Issue.id)
        .limit(limit)
    )
    return [_intent_of(*row) for row in session.execute(query)]


def intend(
    session: Session, desk: Desk, key: KeyRecord, asked: Sequence[Asked]
) -> list[Intent | Declined]:
    """Store an intent for each order that may be signed now.

    Args:
        session: Of the desk's transaction.
        desk: At whose moment; of the economy of all who ask.
        key: What is published of the key that will sign.
        asked: Orders whose request keys are new.

    Returns:
        For each, in the same sequence, its intent or why there is none.

    Raises:
        ClockError: The clock was set back, or the key is too new.
        Conflict: The key is none that was published, or the operator is too fast.
        StoreDown: A status list is full.
    """
    at = moment_of(session, desk)
    check_key(session, desk.economy, key, at)
    scheme = desk.office.scheme(session)
    known = bases(session, desk.economy, (each.order.card_id for each in asked))
    held = _stopping(session, asked)
    refusals = _refusals(asked, known, scheme, held, at)
    good = [each for each, refusal in zip(asked, refusals, strict=True) if not refusal]
    _check_limits(session, good)
    for each in good:
        lift_for_another(session, each.desk, held[each.key], at=at)
    drafts = _drafts(session, scheme, good, known, at)
    made = [(each, _prepared(each, scheme, key, at)) for each in drafts]
    results = iter(_store(session, desk, scheme, made, at))
    return [refusal or next(results) for refusal in refusals]


def _check_limits(session: Session, asked: Sequence[Asked]) -> None:
    by_actor: dict[int, list[Desk]] = {}
    for each in asked:
        if each.desk.actor.kind != AccountKind.SYSTEM:
            by_actor.setdefault(each.desk.actor.account_id, []).append(each.desk)
    for desks in by_actor.values():
        check_limit(session, desks[0], "issue", more=len(desks))


def card_data(
    basis: Basis, form: Form, document_number: str, economies: tuple[str, ...]
) -> CardData:
    """Say what a text about a card has to say.

    Raises:
        ProfileError: No card may say that, or no passport is linked.
    """
    passport, person = basis.passport, basis.person
    if passport is None:
        raise ProfileError("passport", "is linked to no card")
    return CardData(
        issuer=basis.card.economy,
        document_number=document_number,
        family_name=person.machine_family_name,
        given_name=person.machine_given_name,
        birthdate=person.birthdate,
        nationality=person.nationality,
        passport_country=passport.issuer,
        passport_number=passport.number,
        passport_expires_on=passport.expires_on,
        form=form,
        economies=economies,
    )


def check_claims(
    intent: Intent, credential: KnownCredential, basis: Basis, scheme: Scheme
) -> None:
    """Demand that an intent says what the database says now, byte by byte.

    The bytes are made again and compared, unless all that they were made from has
    stayed as it was.

    Raises:
        Conflict: ``issue.unfounded``.
    """
    if not basis.approved.issuperset(intent.economies):
        raise Conflict("issue.unfounded", "the card says something else now")
    if intent.made_from != Facts.of(basis, credential, scheme):
        _check_bytes(intent, credential, basis, scheme)


def _check_bytes(
    intent: Intent, credential: KnownCredential, basis: Basis, scheme: Scheme
) -> None:
    key = credential.holder_key
    claims = intent.prepared.claims
    try:
        assert basis.card.expires_at is not None  # noqa: S101  # `check_card` saw it
        expected = prepare(
            card_data(
                basis,
                "app" if credential.form == "app" else "physical",
                credential.document_number,
                intent.economies,
            ),
            scheme=scheme,
            key_id=intent.prepared.key_id,
            holder_key=public_key_from_jwk(json.loads(key)) if key else None,
            status_uri=f"{claims['iss']}/status/{credential.list_number}",
            status_index=credential.list_index,
            iat=intent.prepared.issued_at,
            exp=basis.card.expires_at,
        )
    except (ProfileError, ValueError, LookupError) as error:
        raise Conflict("issue.unfounded", "no card may say this") from error
    if expected != intent.prepared:
        raise Conflict("issue.unfounded", "the card says something else now")


# Whether it may be signed


def check_card(basis: Basis | None, at: datetime) -> Basis:
    """Demand a card whose credentials may be signed.

    Raises:
        Conflict: ``card.unknown``, ``card.not_active``, ``card.not_approved``,
            ``card.expired``, ``passport.none`` or ``passport.reported``.
    """
    if basis is None:
        raise Conflict("card.unknown", "there is no such card")
    card = basis.card
    if card.state != lifecycle.Card.ACTIVE:
        raise Conflict("card.not_active", f"the card is {card.state}")
    if card.approved_by is None or card.expires_at is None:
        raise Conflict("card.not_approved", "nobody has approved this card")
    if card.expires_at <= at:
        raise Conflict("card.expired", "its last day is over")
    if basis.link is None:
        raise Conflict("passport.none", "the card goes with no passport")
    if basis.link == lifecycle.PassportLink.REPORTED:
        raise Conflict(
            "passport.reported", "its passport is reported: link another one first"
        )
    return basis


def check_mode(scheme: Scheme, economy: str, form: Form, at: datetime) -> None:
    """Demand that an economy issues cards of a form at a moment.

    Raises:
        Conflict: ``mode.unknown``, ``mode.app_not_issued`` or
            ``mode.physical_not_issued``.
    """
    forms = scheme.issuance_mode(economy, at)
    if forms is None:
        raise Conflict(
            "mode.unknown", f"the scheme does not say what forms {economy} issues"
        )
    if form not in forms:
        what = "the app" if form == "app" else "plastic"
        raise Conflict(
            f"mode.{form}_not_issued", f"{economy} does not issue {what} now"
        )


def _stopping(
    session: Session, asked: Sequence[Asked]
) -> Mapping[str, list[OpenSuspension]]:
    """Find what was suspended and would be made anew, by request."""
    found = open_suspensions(session, {each.order.card_id for each in asked})
    return {
        each.key: [
            row
            for row in found.get(each.order.card_id, ())
            if each.order.refreshes_id is None
            and row.is_about(each.order.form, each.order.replaces_id)
        ]
        for each in asked
    }


def _refusals(
    asked: Sequence[Asked],
    known: Mapping[int, Basis],
    scheme: Scheme,
    held: Mapping[str, Sequence[OpenSuspension]],
    at: datetime,
) -> list[Declined | None]:
    taken: set[tuple[int, str]] = set()
    found: list[Declined | None] = []
    for each in asked:
        order = each.order
        try:
            _check(order, check_card(known.get(order.card_id), at), scheme, at, taken)
            check_lifted(held[each.key], each.desk)
        except (Conflict, IllegalTransition) as error:
            code = error.code if isinstance(error, Conflict) else error.reason
            found.append(
                Declined(card_id=order.card_id, code=code, detail=error.detail)
            )
        else:
            taken.add((order.card_id, order.form))
            found.append(None)
    return found


def _check(
    order: Order,
    basis: Basis,
    scheme: Scheme,
    at: datetime,
    taken: set[tuple[int, str]],
) -> None:
    check_mode(scheme, basis.card.economy, order.form, at)
    prepared = lifecycle.Credential.PREPARED
    same = [each for each in basis.credentials if each.form == order.form]
    if (order.card_id, order.form) in taken or any(
        each.state == prepared for each in same
    ):
        raise Conflict("card.issue_open", "another one is being issued right now")
    if order.refreshes_id is not None:
        _check_refresh(basis.credential(order.refreshes_id))
        return
    if (order.form == "app") != (order.holder_key is not None):
        raise Conflict("holder_key.missing", "the app form needs a phone's key")
    if order.replaces_id is not None and not basis.credential(order.replaces_id):
        raise Conflict("credential.ended", "what it shall replace has ended")
    if any(each.id != order.replaces_id for each in same):
        raise Conflict(f"card.has_{order.form}", "the card has one already")


def _check_refresh(credential: KnownCredential | None) -> None:
    if credential is None:
        raise Conflict("credential.ended", "it has ended")
    CREDENTIAL.after(credential.state, "refresh", by=Side.HOME)


# What is stored


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    asked: Asked
    basis: Basis
    place: tuple[int, int]
    document_number: str
    credential: KnownCredential | None
    """The one that is refreshed."""
    economies: tuple[str, ...]
    holder_key: PublicKey | None


def _drafts(
    session: Session,
    scheme: Scheme,
    asked: Sequence[Asked],
    known: Mapping[int, Basis],
    at: datetime,
) -> list[_Draft]:
    if not asked:
        return []
    economy = known[asked[0].order.card_id].card.economy
    fresh = sum(each.order.refreshes_id is None for each in asked)
    places = iter(
        draw_places(
            session,
            economy,
            fresh,
            capacity=scheme.economy(economy).list_capacity,
            at=at,
        )
    )
    numbers = iter(draw_document_numbers(session, economy, fresh))
    found = []
    for each in asked:
        basis = known[each.order.card_id]
        printed = basis.economies(scheme, at)
        found.append(_draft(each, basis, printed, places, numbers))
    return found


def _draft(
    asked: Asked,
    basis: Basis,
    economies: tuple[str, ...],
    places: Iterator[tuple[int, int]],
    numbers: Iterator[str],
) -> _Draft:
    old = basis.credential(asked.order.refreshes_id)
    key = asked.order.holder_key
    if old is not None and old.holder_key is not None:
        key = public_key_from_jwk(json.loads(old.holder_key))
    return _Draft(
        asked=asked,
        basis=basis,
        place=(old.list_number, old.list_index) if old else next(places),
        document_number=old.document_number if old else next(numbers),
        credential=old,
        economies=economies,
        holder_key=key,
    )


def _store(
    session: Session,
    desk: Desk,
    scheme: Scheme,
    drafts: Sequence[tuple[_Draft, Prepared | Declined]],
    at: datetime,
) -> list[Intent | Declined]:
    ready = [
        (draft, prepared)
        for draft, prepared in drafts
        if isinstance(prepared, Prepared)
    ]
    credentials = _store_credentials(session, [draft for draft, _ in ready], at)
    table = table_of(Issue)
    drawn = draw_identities(session, table, len(ready))
    rows = [
        {"id": key, **_issue_row(draft, prepared, credential.id, at)}
        for key, (draft, prepared), credential in zip(
            drawn, ready, credentials, strict=True
        )
    ]
    add_rows(session, table, rows)
    intents = [
        _intent(draft, prepared, row, Facts.of(draft.basis, credential, scheme))
        for row, (draft, prepared), credential in zip(
            rows, ready, credentials, strict=True
        )
    ]
    _log(session, desk, intents, [draft for draft, _ in ready])
    made = iter(intents)
    return [each if isinstance(each, Declined) else next(made) for _, each in drafts]


def _prepared(
    draft: _Draft, scheme: Scheme, key: KeyRecord, at: datetime
) -> Prepared | Declined:
    basis, (number, index), order = draft.basis, draft.place, draft.asked.order
    url = scheme.economy(basis.card.economy).issuer_url
    assert basis.card.expires_at is not None  # noqa: S101  # `check_card` saw it
    try:
        return prepare(
            card_data(basis, order.form, draft.document_number, draft.economies),
            scheme=scheme,
            key_id=key.key_id,
            holder_key=draft.holder_key,
            status_uri=f"{url}/status/{number}",
            status_index=index,
            iat=at,
            exp=basis.card.expires_at,
        )
    except ProfileError as error:
        return Declined(
            card_id=order.card_id, code=f"profile.{error.field}", detail=error.reason
        )


def _store_credentials(
    session: Session, drafts: Sequence[_Draft], at: datetime
) -> list[KnownCredential]:
    fresh = [each for each in drafts if each.credential is None]
    table = table_of(Credential)
    drawn = draw_identities(session, table, len(fresh))
    rows = [
        _credential_row(key, each, at) for key, each in zip(drawn, fresh, strict=True)
    ]
    add_rows(session, table, rows)
    names = KnownCredential._fields
    made = (KnownCredential._make(row[name] for name in names) for row in rows)
    return [each.credential or next(made) for each in drafts]


def _credential_row(identity: int, draft: _Draft, at: datetime) -> dict[str, Any]:
    basis, order = draft.basis, draft.asked.order
    number, index = draft.place
    key = draft.holder_key
    assert basis.passport is not None  # noqa: S101  # `check_card` saw it
    return {
        "id": identity,
        "economy": basis.card.economy,
        "card_id": order.card_id,
        "form": order.form,
        "document_number": draft.document_number,
        "list_number": number,
        "list_index": index,
        "state": CREDENTIAL.start,
        "holder_key": canonical(public_jwk(key)).decode() if key else None,
        "is_interim": order.is_interim,
        "design": order.design,
        "passport_id": basis.passport.id,
        "replaces_id": order.replaces_id,
        "created_at": at,
        "changed_at": at,
    }


def _issue_row(
    draft: _Draft, prepared: Prepared, credential: int, at: datetime
) -> dict[str, Any]:
    desk = draft.asked.desk
    return {
        "economy": desk.economy,
        "request_key": draft.asked.key,
        "request_digest": draft.asked.digest,
        "card_id": draft.asked.order.card_id,
        "credential_id": credential,
        "state": IssueState.INTENDED,
        "header": prepared.header,
        "payload": prepared.payload,
        "claims_sha256": sha256(prepared.payload).hexdigest(),
        "economies": " ".join(draft.economies),
        "key_id": prepared.key_id,
        "requested_by": desk.actor.account_id,
        "approved_by": draft.basis.card.approved_by,
        "intended_at": at,
    }


def _intent(
    draft: _Draft, prepared: Prepared, row: Mapping[str, Any], facts: Facts
) -> Intent:
    number, index = draft.place
    return Intent(
        issue_id=row["id"],
        card_id=row["card_id"],
        credential_id=row["credential_id"],
        list_number=number,
        list_index=index,
        document_number=draft.document_number,
        form=draft.asked.order.form,
        request_key=draft.asked.key,
        claims_sha256=row["claims_sha256"],
        economies=draft.economies,
        prepared=prepared,
        made_from=facts,
    )


def _log(
    session: Session, desk: Desk, intents: Sequence[Intent], drafts: Sequence[_Draft]
) -> None:
    entries: list[audit.Entry] = []
    for intent, draft in zip(intents, drafts, strict=True):
        by = draft.asked.desk
        if draft.credential is None:
            entries.append(_prepared_entry(by, intent))
        entries.append(
            by.entry(
                "issue:intended",
                f"issue:{intent.issue_id}",
                {
                    "credential": intent.credential_id,
                    "key_id": intent.prepared.key_id,
                    "claims_sha256": intent.claims_sha256,
                    "form": intent.form,
                },
            )
        )
    desk.log_many(session, entries)


def _prepared_entry(by: Desk, intent: Intent) -> audit.Entry:
    return by.entry(
        "credential:prepared",
        f"credential:{intent.credential_id}",
        {
            "after": CREDENTIAL.start,
            "card": intent.card_id,
            "form": intent.form,
            "list": intent.list_number,
            "index": intent.list_index,
        },
    )


# What was stored before


def _known(issue: Issue, credential: Credential, digest: str) -> Intent | Declined:
    if issue.request_digest != digest:
        return Declined(
            card_id=issue.card_id,
            code="request.reused",
            detail="this key belongs to another request",
        )
    if issue.state == IssueState.VOID:
        return Declined(
            card_id=issue.card_id,
            code="issue.void",
            detail="this request came to nothing: make another one",
        )
    return _intent_of(issue, credential)


def _intent_of(issue: Issue, credential: Credential) -> Intent:
    return Intent(
        issue_id=issue.id,
        card_id=issue.card_id,
        credential_id=issue.credential_id,
        list_number=credential.list_number,
        list_index=credential.list_index,
        document_number=credential.document_number,
        form=credential.form,
        request_key=issue.request_key,
        claims_sha256=issue.claims_sha256,
        economies=tuple(issue.economies.split()),
        prepared=Prepared(header=issue.header, payload=issue.payload),
        text=issue.text,
    )
