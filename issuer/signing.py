"""Sign cards so that a crash loses nothing and doubles nothing.

Three steps, and the database is never held while a key works:

1. One transaction checks that each card may be signed, draws its index and its document
   number, and stores the exact bytes as an intent (`issuer.intents`).
2. The issue log, which is outside the database, gets its line; then the key signs those
   bytes, and the signature is verified.
3. One transaction checks again, records the text, lets the credential live, and ends
   what it replaces.

The same request gets the same card, whenever it comes.  What a crash left between two
steps is completed or voided by `recover`: a text that was never recorded was never
released, so its bytes may be signed again.
"""

import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from itertools import chain
from typing import Any, Final, NamedTuple

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from issuer import audit, lifecycle
from issuer.basis import (
    CREDENTIAL_COLUMNS,
    Basis,
    KnownCard,
    KnownCredential,
    bases,
)
from issuer.endings import LIVE
from issuer.errors import (
    ClockError,
    Conflict,
    IllegalTransition,
    Invalid,
    IssuerError,
    LintError,
    SigningError,
    StoreDown,
)
from issuer.intents import (
    Asked,
    Declined,
    Intent,
    Order,
    check_card,
    check_claims,
    check_log,
    intend,
    known_intents,
    moment_of,
    open_intents,
    overlapping,
)
from issuer.issuance import Credential as SignedCard
from issuer.issuance import Laboratory, Refusal, sign_many
from issuer.issue_log import IssueLog, Logged
from issuer.jws import moment_from_wire, public_jwk
from issuer.keys import KeyRecord, Signer
from issuer.lifecycle import CREDENTIAL, Side
from issuer.office import Desk, Office
from issuer.renewals import finish_renewals
from issuer.signing_pool import BatchSigner
from issuer.store import (
    Credential,
    Issue,
    IssueState,
    Plastic,
    PlasticState,
)
from issuer.store.rows import add_rows, change_rows, table_of
from issuer.suspensions import check_lifted, open_suspensions

BATCH: Final = 500
"""Cards of one transaction."""
MAX_KEY: Final = 80
"""Characters of a caller's request key."""

_laboratory = Laboratory()


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A credential that was signed and recorded."""

    issue_id: int
    credential_id: int
    card_id: int
    document_number: str
    form: str
    list_number: int
    list_index: int
    economies: tuple[str, ...]
    expires_at: datetime
    """The ``exp``, in UTC."""
    text: str
    """Issuer JWT and ``~``."""

    @classmethod
    def of(cls, intent: Intent, text: str) -> "Issued":
        """Say what became of an intent."""
        return cls(
            issue_id=intent.issue_id,
            credential_id=intent.credential_id,
            card_id=intent.card_id,
            document_number=intent.document_number,
            form=intent.form,
            list_number=intent.list_number,
            list_index=intent.list_index,
            economies=intent.economies,
            expires_at=moment_from_wire(intent.prepared.claims["exp"]),
            text=text,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What became of the intents that a crash left open."""

    completed: int = 0
    voided: int = 0
    waiting: int = 0
    """Their signer does not answer, or the clock is wrong: try again."""

    def __add__(self, other: "Recovered") -> "Recovered":
        return Recovered(
            completed=self.completed + other.completed,
            voided=self.voided + other.voided,
            waiting=self.waiting + other.waiting,
        )


# What callers use


def issue(
    desk: Desk, request: Mapping[str, object], plan: Callable[[Session], Order]
) -> Issued:
    """Issue one credential, together with those that others ask for meanwhile.

    Args:
        desk: Who asks; its request key tells a request that is repeated.
        request: What was asked, as JSON has it: the same key with another request is
            refused.
        plan: Says what to sign; called inside the transaction that stores the intent,
            and not at all if the request was made before.  Called again where that
            transaction has to be begun again.

    Returns:
        The credential; the one that the request got when it was first made.

    Raises:
        Conflict: The card may not be issued now; its code says why.
        IllegalTransition, NotFound: ``plan`` raises them.
        Invalid: The request key is too long.
        ClockError: The clock was set back, or the key was published too recently.
        LintError: The verifier would not accept the card; nothing was signed.
        SigningError: The signer does not answer, or wrongly.  Nothing was released, and
            the same request completes it later.
        StoreDown: The database does not answer, a list is full, or the issue log cannot
            be written: then the signer was not asked.
    """
    digest = sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()
    mine = Request(desk=desk, key=_request_key(desk), digest=digest, plan=plan)
    result: Issued | Exception = desk.office.issuing.ask(
        desk.economy, mine, _issue_together
    )
    if isinstance(result, Exception):
        raise result
    return result


def issue_many(
    desk: Desk,
    orders: Sequence[tuple[str, Order]],
    *,
    sign: BatchSigner | None = None,
) -> list[Issued | Declined]:
    """Issue many credentials, `BATCH` of them in a transaction.

    Args:
        desk: Who asks.
        orders: What to sign, each under a request key of its own, which tells what was
            done already where an interrupted batch is begun again.
        sign: Who signs; by default this process.  Given one, `BATCH` cards are signed
            while the database takes the next and records the last; it is called from
            one other thread.

    Returns:
        For each order, in the same sequence, its credential or why there is none.  One
        that is declined stops no other.

    Raises:
        ClockError, Conflict, StoreDown: As for `issue`, where it is about all;
            what was recorded before stays.
    """
    parts = [orders[start : start + BATCH] for start in range(0, len(orders), BATCH)]
    if sign is None:
        return [each for part in parts for each in _Begun.of(desk, part).finish()]
    with ThreadPoolExecutor(1) as elsewhere:
        return [*chain.from_iterable(_in_step(desk, parts, sign, elsewhere))]


def recover(office: Office, now: datetime) -> Recovered:
    """Complete or void what a crash left open, in every hosted economy.

    To be called when a program starts, and safe at any time: an intent that another
    process is about to sign has the same bytes here, and the first text recorded is the
    one that is released.

    Raises:
        StoreDown: The database does not answer, or the issue log cannot be written.
    """
    economies = office.store.read(
        lambda session: session.scalars(
            select(Issue.economy).where(Issue.state == IssueState.INTENDED).distinct()
        ).all()
    )
    total = Recovered()
    for economy in economies:
        desk = office.system_desk(economy, now=now, reason="after an interruption")
        total += recover_economy(desk)
    return total


def recover_economy(desk: Desk) -> Recovered:
    """Complete or void what a crash left open in the economy of a desk.

    As `recover`.
    """
    total, after = Recovered(), 0
    while intents := desk.read(
        lambda session, behind=after: open_intents(  # type: ignore[misc]
            session, desk.economy, after=behind, limit=BATCH
        )
    ):
        after = intents[-1].issue_id
        total += _recover_some(desk, intents)
    return total


# Step 2: the log, and the key


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hand:
    """A desk, the key that signs for it, and where the log's end was."""

    desk: Desk
    signer: Signer
    key: KeyRecord
    log: IssueLog
    last_line: Logged | None

    @classmethod
    def of(cls, desk: Desk) -> "_Hand":
        # Asked for before the transaction: a key may be in a hardware module.
        signer, key = desk.office.signers.signer(desk.economy, "card", now=desk.now)
        log = IssueLog(path=desk.office.installation.issue_log)
        with _needing_the_log():
            last = log.last()
        return cls(desk=desk, signer=signer, key=key, log=log, last_line=last)

    def complete(self, intents: Sequence[Intent]) -> list[Issued | Declined]:
        """Sign what was intended, and record it."""
        if not intents:
            return []
        self.put_down(intents)
        return self.record(intents, self.sign(intents))

    def put_down(self, intents: Sequence[Intent]) -> None:
        """Write the lines of the log; before it returns no key may work."""
        with _needing_the_log():
            self.log.append([each.logged(self.desk.economy) for each in intents])

    def sign(
        self, intents: Sequence[Intent], sign: BatchSigner | None = None
    ) -> list[SignedCard | Refusal]:
        """Let the key work; the database is not touched."""
        prepared = [each.prepared for each in intents]
        now = overlapping(self.desk.now, max(each.issued_at for each in prepared))
        if sign is not None:
            return sign(prepared, key=self.key, now=now, last_issued_at=None)
        return sign_many(
            prepared,
            self.signer,
            key=self.key,
            now=now,
            last_issued_at=None,
            laboratory=_laboratory,
        )

    def record(
        self,
        intents: Sequence[Intent],
        signed: Sequence[SignedCard | Refusal],
        desks: Mapping[str, Desk] | None = None,
    ) -> list[Issued | Declined]:
        """Record what came of it, in one transaction.

        Args:
            intents: What was to be signed.
            signed: What came of each.
            desks: Who asked, by request key, where it is not this hand's desk.
        """
        return self.desk.write(
            lambda session: _record(session, self.desk, intents, signed, desks or {})
        )


@contextmanager
def _needing_the_log() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreDown("the log of what is signed cannot be used") from error


def _in_step(
    desk: Desk,
    parts: Iterable[Sequence[tuple[str, Order]]],
    sign: BatchSigner,
    elsewhere: Executor,
) -> Iterator[list[Issued | Declined]]:
    """Let one part be signed while the database takes the next and records the last."""
    last: _Begun | None = None
    for part in parts:
        if last is not None and not last.cards.isdisjoint(o.card_id for _, o in part):
            yield last.finish()  # what it comes to decides about this part
            last = None
        try:
            begun = _Begun.of(desk, part)
            begun.begin_signing(sign, elsewhere)
        except BaseException:
            if last is not None:
                last.finish()  # it is signed: what stops the next does not undo it
            raise
        if last is not None:
            yield last.finish()
        last = begun
    if last is not None:
        yield last.finish()


@dataclass(slots=True, kw_only=True)
class _Begun:
    """A part of a batch whose intents are stored."""

    hand: _Hand
    asked: Sequence[Asked]
    intents: Mapping[str, Intent | Declined]
    """By request key."""
    waiting: Sequence[Intent]
    """Those that have no text yet."""
    signed: Future[list[SignedCard | Refusal]] | None = None

    @classmethod
    def of(cls, desk: Desk, orders: Sequence[tuple[str, Order]]) -> "_Begun":
        hand = _Hand.of(desk)
        asked = [
            Asked(
                key=_checked_key(key), digest=_digest_of(order), order=order, desk=desk
            )
            for key, order in orders
        ]
        intents = desk.write(lambda session: _intents(session, hand, asked))
        waiting = [
            each
            for each in intents.values()
            if isinstance(each, Intent) and each.text is None
        ]
        return cls(hand=hand, asked=asked, intents=intents, waiting=waiting)

    @property
    def cards(self) -> set[int]:
        return {each.order.card_id for each in self.asked}

    def begin_signing(self, sign: BatchSigner, elsewhere: Executor) -> None:
        if self.waiting:
            self.hand.put_down(self.waiting)
            self.signed = elsewhere.submit(self.hand.sign, self.waiting, sign)

    def finish(self) -> list[Issued | Declined]:
        if self.signed is None:
            results = self.hand.complete(self.waiting)
        else:
            results = self.hand.record(self.waiting, self.signed.result())
        done = {
            intent.request_key: result
            for intent, result in zip(self.waiting, results, strict=True)
        }
        return [
            done.get(each.key) or _told(self.intents[each.key]) for each in self.asked
        ]


def _intents(
    session: Session, hand: _Hand, asked: Sequence[Asked]
) -> dict[str, Intent | Declined]:
    desk = hand.desk
    check_log(session, hand.last_line)
    digests = {each.key: each.digest for each in asked}
    known = known_intents(session, desk.economy, digests)
    new = [each for each in asked if each.key not in known]
    made = intend(session, desk, hand.key, new) if new else []
    return known | {each.key: one for each, one in zip(new, made, strict=True)}


def _told(intent: Intent | Declined) -> Issued | Declined:
    if isinstance(intent, Declined):
        return intent
    assert intent.text is not None  # noqa: S101  # what waits is among the results
    return Issued.of(intent, intent.text)


# Together with others


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Request:
    """A credential that somebody asks for."""

    desk: Desk
    key: str
    """Unique in its economy."""
    digest: str
    """SHA-256 of what was asked, in hexadecimal."""
    plan: Callable[[Session], Order]

    def asked(self, session: Session) -> Asked:
        """Say what to sign, in the transaction that stores it."""
        try:
            order = self.plan(session)
        except IssuerError as error:
            raise _Refused({self: error}) from error
        return Asked(key=self.key, digest=self.digest, order=order, desk=self.desk)


class _Refused(Exception):  # noqa: N818  # no outcome: it is caught here
    """Some may not be: what they have written, drawn or lifted is undone for it."""

    def __init__(self, outcomes: Mapping[Request, IssuerError]) -> None:
        self.outcomes = outcomes


_Outcomes = dict[Request, Issued | Exception]


def _issue_together(requests: Sequence[Request]) -> list[Issued | Exception]:
    """Answer each; what is wrong with one is no trouble of the others."""
    outcomes: _Outcomes = {}
    while left := [each for each in requests if each not in outcomes]:
        # The same request twice: the second gets what the first got.
        once = {each.key: each for each in reversed(left)}
        outcomes |= _issue_some([each for each in left if once[each.key] is each])
    return [outcomes[each] for each in requests]


def _issue_some(requests: Sequence[Request]) -> _Outcomes:
    """Answer some of them at least."""
    try:
        hand = _Hand.of(
            max((each.desk for each in requests), key=lambda desk: desk.now)
        )
        intents = hand.desk.write(lambda session: _planned(session, hand, requests))
    except _Refused as refused:  # and nothing was changed: the others begin again
        return dict(refused.outcomes)
    except Exception as error:  # noqa: BLE001  # each is told
        return _each_told(requests, error, _issue_some)
    outcomes: _Outcomes = {}
    waiting: dict[Request, Intent] = {}
    for each in requests:
        match intents[each.key]:
            case Declined() as declined:
                outcomes[each] = _as_conflict(declined)
            case Intent(text=None) as intent:
                waiting[each] = intent
            case Intent(text=text) as intent:
                outcomes[each] = Issued.of(intent, text or "")
    return outcomes | _completed(hand, waiting) if waiting else outcomes


def _planned(
    session: Session, hand: "_Hand", requests: Sequence[Request]
) -> dict[str, Intent | Declined]:
    check_log(session, hand.last_line)
    digests = {each.key: each.digest for each in requests}
    known = known_intents(session, hand.desk.economy, digests)
    new = [each for each in requests if each.key not in known]
    asked = [each.asked(session) for each in new]
    made = intend(session, hand.desk, hand.key, asked) if new else []
    pairs = [*zip(new, made, strict=True)]
    refused = {each: why for each, one in pairs if (why := _refusal(one)) is not None}
    if refused:
        raise _Refused(refused)
    return known | {each.key: one for each, one in pairs}


def _refusal(made: Intent | Declined) -> IssuerError | None:
    if isinstance(made, Declined):
        return _as_conflict(made)
    try:
        # Signing asks it again; but a card that fails must not use up an index.
        _laboratory.lint(made.prepared, now=made.prepared.issued_at)
    except LintError as error:
        return error
    return None


def _completed(hand: "_Hand", intents: Mapping[Request, Intent]) -> _Outcomes:
    try:
        hand.put_down([*intents.values()])
        signed = dict(zip(intents, hand.sign([*intents.values()]), strict=True))
    except Exception as error:  # noqa: BLE001  # each is told
        return _each_told([*intents], error, None)
    desks = {each.key: each.desk for each in intents}

    def recorded(requests: Sequence[Request]) -> _Outcomes:
        try:
            results = hand.record(
                [intents[each] for each in requests],
                [signed[each] for each in requests],
                desks,
            )
        except Exception as error:  # noqa: BLE001  # each is told
            return _each_told(requests, error, recorded)
        return {
            each: _as_error(result) if isinstance(result, Declined) else result
            for each, result in zip(requests, results, strict=True)
        }

    return recorded([*intents])


def _each_told(
    requests: Sequence[Request],
    error: Exception,
    again: Callable[[Sequence[Request]], _Outcomes] | None,
) -> _Outcomes:
    """Find out whose fault it was, by asking for each alone; or tell all."""
    if len(requests) == 1:
        return {requests[0]: error}
    if again is None or isinstance(error, (StoreDown, SigningError)):
        return dict.fromkeys(requests, error)
    outcomes: _Outcomes = {}
    for each in requests:
        outcomes |= again([each])
    return outcomes


# Step 3: the record


def _record(
    session: Session,
    desk: Desk,
    intents: Sequence[Intent],
    signed: Sequence[SignedCard | Refusal],
    desks: Mapping[str, Desk],
) -> list[Issued | Declined]:
    rows = _rows(session, intents)
    known = bases(session, desk.economy, (each.card_id for each in intents))
    record = _Record(session=session, desk=desk, desks=desks)
    results = [
        record.add(intent, rows[intent.issue_id], known[intent.card_id], result)
        for intent, result in zip(intents, signed, strict=True)
    ]
    record.write()
    return results


class _Stored(NamedTuple):
    """How far an intent is in the database."""

    state: IssueState
    text: str | None
    credential: KnownCredential


_STORED: Final = (
    select(Issue.id, Issue.state, Issue.text, *CREDENTIAL_COLUMNS)
    .join(Credential, Credential.id == Issue.credential_id)
    .where(Issue.id.in_(bindparam("issues", expanding=True)))
)


def _rows(session: Session, intents: Iterable[Intent]) -> dict[int, _Stored]:
    these = [each.issue_id for each in intents]
    found = session.execute(_STORED, {"issues": these})
    return {
        key: _Stored(state, text, KnownCredential(*credential))
        for key, state, text, *credential in found
    }


class _Record:
    """What one transaction writes about texts that were signed, or were not."""

    def __init__(self, session: Session, desk: Desk, desks: Mapping[str, Desk]) -> None:
        self._session = session
        self._desk = desk
        self._desks = desks
        self._scheme = desk.office.scheme(session)
        self._ended: list[dict[str, Any]] = []
        self._issues: list[dict[str, Any]] = []
        self._credentials: list[dict[str, Any]] = []
        self._plastics: list[dict[str, Any]] = []
        self._entries: list[audit.Entry] = []
        self._begun: list[tuple[KnownCard, Desk]] = []

    def add(
        self,
        intent: Intent,
        stored: _Stored,
        basis: Basis,
        result: SignedCard | Refusal,
    ) -> Issued | Declined:
        credential = stored.credential
        if stored.state == IssueState.SIGNED and stored.text:
            return Issued.of(intent, stored.text)  # another process was first
        if stored.state == IssueState.VOID:
            return _declined(intent, "issue.void", "it came to nothing meanwhile")
        if isinstance(result, Refusal):
            if result.reason.startswith("sign."):
                return _declined(intent, result.reason, result.detail)  # stays open
            declined = self._void(intent, credential, result.reason, result.detail)
            return replace(declined, is_lint=True)
        try:
            # The card may have changed while the key worked: one text is released, and
            # only if the database still says all of it.
            check_claims(
                intent, credential, check_card(basis, self._desk.now), self._scheme
            )
            self._sign(intent, credential, basis, result.text)
        except (Conflict, IllegalTransition) as error:
            code = error.code if isinstance(error, Conflict) else error.reason
            return self._void(intent, credential, code, error.detail)
        return Issued.of(intent, result.text)

    def write(self) -> None:
        """Write it all; what ends comes first, so that one lives at a time."""
        change_rows(self._session, table_of(Credential), self._ended)
        change_rows(self._session, table_of(Issue), self._issues)
        change_rows(self._session, table_of(Credential), self._credentials)
        add_rows(self._session, table_of(Plastic), self._plastics)
        self._desk.log_many(self._session, self._entries)
        finish_renewals(self._session, self._begun)

    def _by(self, intent: Intent) -> Desk:
        return self._desks.get(intent.request_key, self._desk)

    def _sign(
        self, intent: Intent, credential: KnownCredential, basis: Basis, text: str
    ) -> None:
        event = "sign" if credential.state == CREDENTIAL.start else "refresh"
        after = CREDENTIAL.after(credential.state, event, by=Side.HOME)
        by = self._by(intent)
        if event == "sign":
            self._check_not_stopped(by, basis.credential(credential.replaces_id))
        if credential.replaces_id is not None and event == "sign":
            self._supersede(by, basis.credential(credential.replaces_id))
        if event == "sign":
            self._begun.append((basis.card, by))
            self._credentials.append(self._change(credential.id, after))
            if credential.form == "physical":
                self._plastics.append(_plastic_row(credential, self._desk.now))
        self._note(by, event, credential, after, issue=intent.issue_id)
        self._settle(intent, IssueState.SIGNED, text=text)

    def _check_not_stopped(self, by: Desk, old: KnownCredential | None) -> None:
        # Suspended while the key worked, or while it could not be reached.
        if old is None or old.state != lifecycle.Credential.SUSPENDED:
            return
        rows = open_suspensions(self._session, [old.card_id]).get(old.card_id, ())
        check_lifted([row for row in rows if row.credential_id == old.id], by)

    def _supersede(self, by: Desk, old: KnownCredential | None) -> None:
        # One that ended meanwhile stays as it is.
        if old is None or old.state not in LIVE:
            return
        after = CREDENTIAL.after(old.state, "supersede", by=Side.SYSTEM)
        change = self._change(old.id, after)
        self._ended.append({**change, "state_reason": "replaced by a newer one"})
        self._note(by, "supersede", old, after)

    def _void(
        self, intent: Intent, credential: KnownCredential, code: str, detail: str
    ) -> Declined:
        self._settle(intent, IssueState.VOID, why=code)
        if credential.state == CREDENTIAL.start:
            after = CREDENTIAL.after(credential.state, "void", by=Side.SYSTEM)
            self._credentials.append(self._change(credential.id, after))
            self._note(self._by(intent), "void", credential, after)
        return _declined(intent, code, detail)

    def _settle(
        self,
        intent: Intent,
        state: IssueState,
        *,
        text: str | None = None,
        why: str | None = None,
    ) -> None:
        self._issues.append(
            {
                "id": intent.issue_id,
                "state": state,
                "text": text,
                "recorded_at": self._desk.now,
            }
        )
        fields: dict[str, audit.Scalar] = {"credential": intent.credential_id}
        if why is None:
            fields |= {
                "key_id": intent.prepared.key_id,
                "claims_sha256": intent.claims_sha256,
            }
        else:
            fields["why"] = why
        self._entries.append(
            self._by(intent).entry(f"issue:{state}", f"issue:{intent.issue_id}", fields)
        )

    def _change(
        self, credential_id: int, state: lifecycle.Credential
    ) -> dict[str, Any]:
        return {"id": credential_id, "state": state, "changed_at": self._desk.now}

    def _note(
        self,
        by: Desk,
        event: str,
        credential: KnownCredential,
        after: lifecycle.Credential,
        **fields: audit.Scalar,
    ) -> None:
        self._entries.append(
            by.entry(
                f"credential:{event}",
                f"credential:{credential.id}",
                {
                    "before": credential.state,
                    "after": after,
                    "card": credential.card_id,
                    "form": credential.form,
                    "list": credential.list_number,
                    "index": credential.list_index,
                    **fields,
                },
            )
        )


def _plastic_row(credential: KnownCredential, now: datetime) -> dict[str, Any]:
    return {
        "credential_id": credential.id,
        "economy": credential.economy,
        "design": credential.design,
        "state": PlasticState.TO_PRINT,
        "batch": None,
        "changed_at": now,
    }


# After a crash


def _recover_some(desk: Desk, intents: Sequence[Intent]) -> Recovered:
    try:
        desk.read(lambda session: moment_of(session, desk))
        hand = _Hand.of(desk)
    except SigningError:  # the clock is wrong, or the key cannot be reached
        return Recovered(waiting=len(intents))
    refusals = desk.read(lambda session: _unfit(session, hand, intents))
    fit = [each for each in intents if each.issue_id not in refusals]
    unfit = [each for each in intents if each.issue_id in refusals]
    if unfit:
        desk.write(
            lambda session: _record(
                session, desk, unfit, [refusals[each.issue_id] for each in unfit], {}
            )
        )
    results = hand.complete(fit)
    waiting = [each for each in results if _is_waiting(each)]
    completed = [each for each in results if isinstance(each, Issued)]
    return Recovered(
        completed=len(completed),
        voided=len(intents) - len(completed) - len(waiting),
        waiting=len(waiting),
    )


def _unfit(
    session: Session, hand: _Hand, intents: Sequence[Intent]
) -> dict[int, Refusal]:
    """Find intents that nothing will be signed for: their card has changed since.

    Only what the database still founds is signed: an intent that somebody put there by
    hand, for a card that says something else, is not.
    """
    rows = _rows(session, intents)
    known = bases(session, hand.desk.economy, (each.card_id for each in intents))
    scheme = hand.desk.office.scheme(session)
    found: dict[int, Refusal] = {}
    for intent in intents:
        credential = rows[intent.issue_id].credential
        basis = known.get(intent.card_id)
        try:
            check_claims(intent, credential, check_card(basis, hand.desk.now), scheme)
        except Conflict as error:
            found[intent.issue_id] = Refusal(reason=error.code, detail=error.detail)
        else:
            if intent.prepared.key_id != hand.key.key_id:
                found[intent.issue_id] = Refusal(
                    reason="key.replaced", detail="another key signs now"
                )
    return found


def _is_waiting(result: Issued | Declined) -> bool:
    return isinstance(result, Declined) and result.code.startswith("sign.")


# Requests


def _request_key(desk: Desk) -> str:
    if desk.request_key is None:
        return secrets.token_hex(16)
    # Somebody else's request under the same key is another request.
    return f"{desk.actor.account_id}:{_checked_key(desk.request_key)}"


def _checked_key(key: str) -> str:
    if not 0 < len(key) <= MAX_KEY:
        problem = ("request_key", "too_long", f"has 1 to {MAX_KEY} characters")
        raise Invalid((problem,))
    return key


def _digest_of(order: Order) -> str:
    key = order.holder_key
    content = {
        "card": order.card_id,
        "form": order.form,
        "holder_key": public_jwk(key) if key else None,
        "is_interim": order.is_interim,
        "replaces": order.replaces_id,
        "refreshes": order.refreshes_id,
    }
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _declined(intent: Intent, code: str, detail: str) -> Declined:
    return Declined(card_id=intent.card_id, code=code, detail=detail)


def _as_conflict(declined: Declined) -> Conflict:
    return Conflict(declined.code, declined.detail)


def _as_error(declined: Declined) -> Exception:
    if declined.is_lint:
        return LintError(declined.code, declined.detail)
    match declined.code:
        case "sign.clock":
            return ClockError(declined.detail)
        case "sign.failed":
            return SigningError(declined.detail)
        case _:
            return _as_conflict(declined)
