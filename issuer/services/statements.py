"""Take what destinations elsewhere have signed about this economy's cards.

Whatever way a statement comes, pushed by its destination or fetched from its feed, it
is the same text, signed by the destination's status key; who carried it is nothing.  It
is kept as it was signed, with the key, so that `preclearance.check` can follow every
answer to a signature for as long as the card is kept.
"""

from base64 import urlsafe_b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from issuer import answers
from issuer.api.strict_json import read_object
from issuer.errors import Conflict, Invalid, NoTrust, StatementError
from issuer.incoming import Event
from issuer.jws import (
    PublicKey,
    canonical,
    moment_from_wire,
    public_jwk,
    public_key_from_jwk,
)
from issuer.lifecycle import PRECLEARANCE, Side
from issuer.office import Desk
from issuer.operations import Answer
from issuer.preclearances import locked, move, next_seqs
from issuer.services.trust import trust_of
from issuer.statements import MAX_TEXT, Decision, SignedDecisions, verify_statement
from issuer.store import AnswerTaken, DestinationKey, Preclearance, Statement

TAKEN: Final = "taken"
KNOWN: Final = "known"
_AHEAD: Final = timedelta(seconds=60)


class TakenDecision(Answer):
    """What became of one decision of a statement."""

    card: str
    """What its issuer calls it."""
    seq: int
    outcome: str
    """``taken``; ``known``, as it was taken before; or why it changes nothing."""


class TakenStatement(Answer):
    """What became of a statement, in the order in which it says things."""

    decisions: tuple[TakenDecision, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    destination: str
    key_id: str
    key: PublicKey
    issuer_url: str
    text: str
    said: SignedDecisions
    at: datetime


def take_statement(desk: Desk, destination: str, text: str) -> TakenStatement:
    """Check a statement and record its decisions; again, it changes nothing.

    Decisions that cannot be recorded, such as about a card that has ended, stop no
    others: their outcome is the code of the refusal.  One that comes before the one
    that it follows is ``preclearance.not_now``, and can be sent again afterwards.

    Args:
        desk: Of the economy whose cards it is about.
        destination: Whose statement it has to be.
        text: Compact JWS, as docs/operations/preclearance.md defines it.

    Raises:
        Conflict: ``statement.refused``: it is malformed, another economy's, dated
            ahead, or not signed by a status key of the destination in its period;
            ``statement.not_ours``: it speaks of others' cards;
            ``preclearance.hosted_here``: the destination decides here.
        NoTrust: There is no trust data to know the destination by.
    """
    read = _read(desk, destination, text)
    decisions = _in_order(read.said.decisions, text)
    if {each.issuer for each in decisions} != {desk.economy}:
        raise Conflict("statement.not_ours", "it speaks of another issuer's cards")

    def work(session: Session) -> TakenStatement:
        return _take(session, desk, read, decisions)

    return desk.write(work)


def _read(desk: Desk, destination: str, text: str) -> _Read:
    scheme = desk.read(desk.office.scheme)
    if destination not in scheme.economies:
        raise Conflict("statement.refused", "its economy is not one of the scheme")
    url = scheme.economy(destination).issuer_url
    try:
        key_id = _key_id(text)
        key = _key(desk, destination, url, key_id)
        said = verify_statement(text, iss=url, key_id=key_id, key=key.public_key)
        at = moment_from_wire(said.iat)
        key.check(at)
    except (StatementError, Invalid, ValueError) as error:
        raise Conflict("statement.refused", f"the statement {error}") from error
    if at - desk.now > _AHEAD:
        raise Conflict("statement.refused", "the statement is dated ahead")
    return _Read(
        destination=destination,
        key_id=key_id,
        key=key.public_key,
        issuer_url=url,
        text=text,
        said=said,
        at=at,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Key:
    public_key: PublicKey
    signs_from: datetime | None = None
    signs_until: datetime | None = None

    def check(self, at: datetime) -> None:
        """Refuse what the key signed outside of its period, where that is known."""
        begins_late = self.signs_from is not None and at < self.signs_from
        has_ended = self.signs_until is not None and at >= self.signs_until
        if begins_late or has_ended:
            raise StatementError("is signed outside the period of its key")


def _key(desk: Desk, destination: str, url: str, key_id: str) -> _Key:
    """Return a status key by the trust data, or as it was when it was there."""
    trust = trust_of(desk.office.installation)
    if desk.now >= trust.expires_at:
        raise NoTrust("the trust data has ended: sync it")
    issuer = trust.issuer_at(url)
    found = None if issuer is None else issuer.status_keys.get(key_id)
    if found is not None:
        return _Key(
            public_key=found.public_key,
            signs_from=found.signs.start,
            signs_until=found.signs.end,
        )
    known = desk.read(
        lambda session: session.get(DestinationKey, (destination, key_id))
    )
    if known is None or known.issuer_url != url:
        raise StatementError(f"names a key that is none of {destination}")
    return _Key(public_key=public_key_from_jwk(read_object(known.public_key.encode())))


def _key_id(text: str) -> str:
    if len(text) > MAX_TEXT or not text.isascii():
        raise StatementError("is no compact JWS of at most 512 KiB")
    part = text.partition(".")[0]
    header = read_object(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    key_id = header.get("kid")
    if not isinstance(key_id, str) or not 1 <= len(key_id) <= 64:
        raise StatementError("names no key")
    return key_id


def _in_order(decisions: frozenset[Decision], text: str) -> list[Decision]:
    """Return decisions as they were said: a card may have several, one after another.

    The signed set has no order; the text has.
    """
    payload = text.split(".")[1]
    said = read_object(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    ordered = [Decision.model_validate(each) for each in said["events"]]
    return [each for each in ordered if each in decisions]


def _take(
    session: Session, desk: Desk, read: _Read, decisions: Sequence[Decision]
) -> TakenStatement:
    told = [_told(read.destination, each) for each in decisions]
    asked = answers.read_questions(session, desk, [each for each in told if each])
    if read.destination in asked.hosted:
        raise Conflict(
            "preclearance.hosted_here",
            f"{read.destination} is hosted here: it decides, and signs, itself",
        )
    lanes = locked(
        session, Preclearance.id.in_([lane.id for lane in asked.lanes.values()])
    )
    taker = _Taker(
        session=session,
        desk=desk,
        read=read,
        asked=asked,
        last=_last(session, [each.id for each in lanes]),
        next=dict(next_seqs(session, lanes)),
    )
    outcomes = [
        taker.take(each, one) for each, one in zip(decisions, told, strict=True)
    ]
    if TAKEN in outcomes:
        desk.log(
            session,
            "statement:taken",
            f"statement:{taker.statement}",
            destination=read.destination,
            taken=outcomes.count(TAKEN),
            known=outcomes.count(KNOWN),
            refused=len(outcomes) - outcomes.count(TAKEN) - outcomes.count(KNOWN),
        )
    return TakenStatement(
        decisions=tuple(
            TakenDecision(card=each.card, seq=each.seq, outcome=outcome)
            for each, outcome in zip(decisions, outcomes, strict=True)
        )
    )


def _told(destination: str, decision: Decision) -> answers.Told | None:
    try:
        event = Event(decision.event)
    except ValueError:
        return None
    return answers.Told(destination=destination, reference=decision.card, event=event)


def _last(session: Session, lanes: Sequence[int]) -> dict[int, int]:
    """Return the newest step of the destination that each lane has taken."""
    rows = session.execute(
        select(AnswerTaken.preclearance_id, func.max(AnswerTaken.seq))
        .where(AnswerTaken.preclearance_id.in_(lanes))
        .group_by(AnswerTaken.preclearance_id)
    )
    return {row[0]: row[1] for row in rows}


@dataclass(slots=True, kw_only=True)
class _Taker:
    """Records decisions of one statement, one after the other."""

    session: Session
    desk: Desk
    read: _Read
    asked: answers.Questions
    last: dict[int, int]
    """By lane: the newest step of the destination that was taken."""
    next: dict[int, int]
    """By lane: the number of our own next step."""
    statement: int | None = None

    def take(self, decision: Decision, told: answers.Told | None) -> str:
        """Record one decision; return what became of it."""
        if told is None:
            return "statement.event"
        lane = self.asked.lanes.get((told.destination, told.reference))
        if lane is not None and decision.seq <= self.last.get(lane.id, 0):
            return KNOWN
        refused = answers.refusal(told, self.asked)
        if refused is not None or lane is None:
            code = getattr(refused, "code", None) or getattr(refused, "reason", None)
            return str(code or "preclearance.not_asked")
        after = PRECLEARANCE.after(lane.state, told.event, by=Side.DESTINATION)
        if after != decision.after:
            return "statement.event"
        self._record(lane, decision)
        return TAKEN

    def _record(self, lane: Preclearance, decision: Decision) -> None:
        seq, number = self.next[lane.id], self._kept()
        move(self.session, self.desk, lane, decision.event, by=Side.DESTINATION,
             statement=number, seq=seq)  # fmt: skip
        self.session.add(
            AnswerTaken(
                preclearance_id=lane.id,
                seq=decision.seq,
                event_seq=seq,
                statement_id=number,
            )
        )
        self.next[lane.id], self.last[lane.id] = seq + 1, decision.seq

    def _kept(self) -> int:
        """Keep the statement and its key, once something of it counts."""
        if self.statement is None:
            self._keep_key()
            row = Statement(
                economy=self.read.destination,
                key_id=self.read.key_id,
                text=self.read.text,
                at=self.read.at,
                issuer=self.desk.economy,
            )
            self.session.add(row)
            self.session.flush()
            self.statement = row.id
        return self.statement

    def _keep_key(self) -> None:
        jwk = canonical(public_jwk(self.read.key)).decode()
        place = self.read.destination, self.read.key_id
        known = self.session.get(DestinationKey, place)
        if known is None:
            self.session.add(
                DestinationKey(
                    economy=self.read.destination,
                    key_id=self.read.key_id,
                    public_key=jwk,
                    issuer_url=self.read.issuer_url,
                    seen_at=self.desk.now,
                )
            )
        elif known.public_key != jwk:
            # What was signed by the one could not be told from what the other signed.
            raise Conflict("statement.refused", "its key id had another key before")
