"""What a destination elsewhere has signed: verified, and applied exactly once.

A statement is believed by the destination's status key in the trust data, for the
question that it names, and only if it is the next word about it.  Anything else changes
nothing, and is kept for staff to see with the reason.
"""

import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final, Self

from sqlalchemy import select
from sqlalchemy.orm import Session

import verifier
from issuer.errors import Conflict, IllegalTransition, StatementError
from issuer.jws import canonical, moment_from_wire, public_jwk
from issuer.lifecycle import PRECLEARANCE, Side
from issuer.link.protocol import FeedRow
from issuer.office import Desk
from issuer.preclearances import DECISIONS, Moves, State, locked, next_seqs
from issuer.statements import MAX_TEXT, Decision, verify_statement
from issuer.store import (
    LinkAnswer,
    LinkDecision,
    LinkOutcome,
    LinkPartner,
    LinkQuestion,
    Preclearance,
)

_CLOCKS_DIFFER: Final = timedelta(seconds=60)
_KEPT: Final = 2**20
"""Characters of a statement that are kept, for somebody to look at."""
_AGAIN: Final = 200
"""Of what was refused, and may be looked at anew."""


class Problem(StrEnum):
    """Why a statement, or one decision of it, changes nothing."""

    KEY_UNKNOWN = "answer.key_unknown"
    """The trust data has no such status key of that economy; looked at anew later."""
    KEY_ENDED = "answer.key_ended"
    """The key does not sign at the moment that the statement names."""
    STATEMENT = "answer.statement"
    """It is malformed, another economy's, or not signed by the key that it names."""
    TEST_ECONOMY = "answer.test_economy"
    """One of the two is marked for tests in the trust data, and the other is not."""
    NOT_YET = "answer.not_yet"
    """It is dated more than a minute ahead of our clock; looked at anew later."""
    OTHER_ISSUER = "answer.other_issuer"
    """It is about another economy's card."""
    NOT_ASKED = "answer.not_asked"
    """That destination was not asked so."""
    ORDER = "answer.order"
    """A later decision about this question was applied already: replayed, or late."""
    ENDED = "answer.ended"
    """The question had ended: asked anew, withdrawn, or the card has ended."""
    STATE = "answer.state"
    """It does not follow from what is known; looked at anew later."""


_PUSHED: Final[Mapping[LinkOutcome, str]] = {
    LinkOutcome.APPLIED: "taken",
    LinkOutcome.CONFIRMED: "taken",
    LinkOutcome.KNOWN: "known",
}
"""What whoever brings a statement is told of its decisions."""
_MAY_PASS: Final = frozenset({Problem.KEY_UNKNOWN, Problem.NOT_YET})


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What a statement says, and the key that shows it."""

    key_id: str
    public_key: str
    """JWK."""
    decisions: tuple[Decision, ...]
    """In the order in which the destination made them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unbelieved:
    """Why nothing of a statement is believed."""

    problem: Problem
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """How many decisions had which end."""

    applied: int = 0
    known: int = 0
    """Also those that say what a letter has said."""
    refused: int = 0

    def __add__(self, other: "Applied") -> "Applied":
        return Applied(
            applied=self.applied + other.applied,
            known=self.known + other.known,
            refused=self.refused + other.refused,
        )


def read_answer(
    text: str,
    *,
    destination: str,
    home: str,
    trust: verifier.Trust,
    now: datetime,
) -> Verified | Unbelieved:
    """Verify a statement with the status key that it names.

    Args:
        text: As the feed has it.
        destination: Whose feed.
        home: The economy that asked.
        trust: What this side believes.
        now: The moment; timezone-aware.

    Not checked: that its decisions are legal, or about cards of ours.
    """
    url = trust.economies.get(destination, "")
    issuer = next((each for each in trust.issuers if each.url == url), None)
    key_id = _unverified_key_id(text)
    if issuer is None or key_id is None or key_id not in issuer.status_keys:
        named = "no key" if key_id is None else key_id[:64]
        return _unbelieved(
            Problem.STATEMENT if key_id is None else Problem.KEY_UNKNOWN,
            f"names {named}, which is no status key of {destination} here",
        )
    key = issuer.status_keys[key_id]
    try:
        said = verify_statement(text, iss=url, key_id=key_id, key=key.public_key)
        signed_at = moment_from_wire(said.iat)
    except (StatementError, ValueError, OverflowError) as error:
        return _unbelieved(Problem.STATEMENT, str(error))
    if signed_at not in key.signs:
        return _unbelieved(Problem.KEY_ENDED, f"{key_id} does not sign at that moment")
    if issuer.is_test != _is_test(trust, home):
        text = f"{destination} and {home} are not both test economies"
        return _unbelieved(Problem.TEST_ECONOMY, text)
    if signed_at > now + _CLOCKS_DIFFER:
        return _unbelieved(Problem.NOT_YET, "is dated ahead of our clock")
    return Verified(
        key_id=key_id,
        public_key=canonical(public_jwk(key.public_key)).decode(),
        decisions=tuple(sorted(said.decisions, key=lambda each: (each.card, each.seq))),
    )


def _is_test(trust: verifier.Trust, economy: str) -> bool:
    return any(each.is_test for each in trust.issuers if each.economy == economy)


def _unbelieved(problem: Problem, text: str) -> Unbelieved:
    return Unbelieved(problem=problem, text=text)


def _unverified_key_id(text: str) -> str | None:
    if len(text) > MAX_TEXT or not text.isascii():
        return None
    header = text.partition(".")[0]
    try:
        value: Any = json.loads(urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    except (ValueError, RecursionError):
        return None
    key_id = value.get("kid") if isinstance(value, dict) else None
    return key_id if isinstance(key_id, str) else None


def apply_page(
    desk: Desk,
    destination: str,
    *,
    behind: str,
    page: Sequence[FeedRow],
    trust: verifier.Trust,
) -> Applied | None:
    """Apply a page of a destination's feed, and where the next one begins.

    Args:
        desk: Of the economy that asked.
        destination: Whose feed.
        behind: The position that the page was asked with.
        page: Not empty.
        trust: What this side believes.

    Returns:
        None if somebody else has applied it meanwhile; nothing is done twice.
    """
    read = [_read(desk, destination, row.statement, trust) for row in page]

    def work(session: Session) -> Applied | None:
        partner = session.get_one(
            LinkPartner, (desk.economy, destination), with_for_update=True
        )
        if partner.position != behind:
            return None
        known = _positions(session, desk, destination, page)
        total = _take_all(
            session,
            desk,
            destination,
            [
                (_answer(desk, destination, row), said)
                for row, said in zip(page, read, strict=True)
                if row.cursor not in known
            ],
        )
        partner.position = page[-1].cursor
        return total

    return desk.write(work)


def _read(
    desk: Desk, destination: str, text: str, trust: verifier.Trust
) -> Verified | Unbelieved:
    return read_answer(
        text, destination=destination, home=desk.economy, trust=trust, now=desk.now
    )


def take_pushed(
    desk: Desk, destination: str, text: str, *, trust: verifier.Trust
) -> Mapping[Decision, str] | None:
    """Apply a statement that its destination has brought before it was fetched.

    What comes in the feed later is the same text, and is known by then.

    Args:
        desk: Of the economy that asked.
        destination: Who brings it.
        text: Compact JWS.
        trust: What this side believes.

    Returns:
        ``taken``, ``known`` or the reason of a refusal for each decision, in order;
        None where the two have no link, and nothing was asked over one.

    Raises:
        Conflict: ``statement.refused``: nothing of it is believed; it is not kept.
    """
    if not desk.read(lambda session: _has_link(session, desk, destination)):
        return None
    said = _read(desk, destination, text, trust)
    if isinstance(said, Unbelieved):
        raise Conflict("statement.refused", f"the statement {said.text}")
    position = f"pushed-{sha256(text.encode()).hexdigest()[:40]}"

    def work(session: Session) -> Mapping[Decision, str]:
        row = FeedRow(cursor=position, statement=text, at="")
        if _positions(session, desk, destination, [row]):
            return dict.fromkeys(said.decisions, "known")
        answer = _answer(desk, destination, row)
        _take_all(session, desk, destination, [(answer, said)])
        found = session.scalars(
            select(LinkDecision)
            .where(LinkDecision.answer_id == answer.id)
            .order_by(LinkDecision.ordinal)
        )
        return {
            decision: _PUSHED.get(each.outcome, each.problem)
            for decision, each in zip(said.decisions, found, strict=True)
        }

    return desk.write(work)


def _has_link(session: Session, desk: Desk, destination: str) -> bool:
    return session.get(LinkPartner, (desk.economy, destination)) is not None


def look_again(desk: Desk, destination: str, *, trust: verifier.Trust) -> Applied:
    """Look anew at what was refused for a reason that may have passed."""

    def work(session: Session) -> Applied:
        read = [
            (answer, _read(desk, destination, answer.text, trust))
            for answer in _that_may_pass(session, desk, destination)
        ]
        believed = [each for each in read if isinstance(each[1], Verified)]
        total = _take_all(session, desk, destination, believed)
        return total + _judge_again(session, desk, destination)

    if not desk.read(lambda session: _has_refused(session, desk, destination)):
        return Applied()
    return desk.write(work)


def _has_refused(session: Session, desk: Desk, destination: str) -> bool:
    return bool(
        _that_may_pass(session, desk, destination)
        or _out_of_place(session, desk, destination)
    )


def _that_may_pass(
    session: Session, desk: Desk, destination: str
) -> Sequence[LinkAnswer]:
    return session.scalars(
        select(LinkAnswer)
        .where(
            LinkAnswer.economy == desk.economy,
            LinkAnswer.destination == destination,
            LinkAnswer.problem.in_(_MAY_PASS),
        )
        .order_by(LinkAnswer.id)
        .limit(_AGAIN)
    ).all()


def _out_of_place(
    session: Session, desk: Desk, destination: str
) -> Sequence[LinkDecision]:
    return session.scalars(
        select(LinkDecision)
        .join(LinkQuestion, LinkQuestion.id == LinkDecision.question_id)
        .where(
            LinkDecision.economy == desk.economy,
            LinkDecision.destination == destination,
            LinkDecision.outcome == LinkOutcome.REFUSED,
            LinkDecision.problem == Problem.STATE,
            LinkDecision.seq > LinkQuestion.last_seq,
            ~LinkQuestion.has_ended,
        )
        .order_by(LinkDecision.answer_id, LinkDecision.ordinal)
        .limit(_AGAIN)
    ).all()


def _positions(
    session: Session, desk: Desk, destination: str, page: Sequence[FeedRow]
) -> set[str]:
    return set(
        session.scalars(
            select(LinkAnswer.position).where(
                LinkAnswer.economy == desk.economy,
                LinkAnswer.destination == destination,
                LinkAnswer.position.in_([row.cursor for row in page]),
            )
        )
    )


def _answer(desk: Desk, destination: str, row: FeedRow) -> LinkAnswer:
    return LinkAnswer(
        economy=desk.economy,
        destination=destination,
        position=row.cursor,
        text=_kept(row.statement),
        came_at=desk.now,
    )


def _kept(text: str) -> str:
    """Return what a database can keep of whatever came."""
    return text[:_KEPT].encode("ascii", "backslashreplace").decode().replace("\0", "")


# Some statements, one decision after the other


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judge:
    """Judges decisions by the questions and lanes that they are about, read at once."""

    session: Session
    questions: Mapping[str, LinkQuestion]
    """By reference; locked."""
    lanes: Mapping[int, Preclearance]
    seqs: dict[int, int]
    """Of the next step of each lane."""
    moves: Moves

    @classmethod
    def of(
        cls, session: Session, desk: Desk, destination: str, references: set[str]
    ) -> Self:
        questions = _questions(session, desk, destination, references)
        keys = [each.preclearance_id for each in questions.values()]
        lanes = locked(session, Preclearance.id.in_(keys))
        return cls(
            session=session,
            questions=questions,
            lanes={lane.id: lane for lane in lanes},
            seqs=dict(next_seqs(session, lanes)),
            moves=Moves(desk),
        )

    def judge(self, row: LinkDecision) -> None:
        """Apply a decision if it is the next word about a question that is open."""
        question = self.questions.get(row.reference)
        if question is None:
            _refuse(row, Problem.NOT_ASKED)
            return
        row.question_id = question.id
        if row.seq <= question.last_seq:
            self._judge_old(row)
        elif question.has_ended:
            _refuse(row, Problem.ENDED)
        else:
            self._judge_new(row, question)

    def _judge_old(self, row: LinkDecision) -> None:
        if _was_applied(self.session, row):
            row.outcome, row.problem = LinkOutcome.KNOWN, ""
        else:
            _refuse(row, Problem.ORDER)

    def _judge_new(self, row: LinkDecision, question: LinkQuestion) -> None:
        lane = self.lanes[question.preclearance_id]
        event = _event_here(lane.state, row, is_first=not question.last_seq)
        if event is None:
            _refuse(row, Problem.STATE)
            return
        question.last_seq, row.problem = row.seq, ""
        if lane.state == row.after:
            row.outcome = LinkOutcome.CONFIRMED
            return
        seq = self.seqs[lane.id]
        row.outcome, row.event_seq, self.seqs[lane.id] = (
            LinkOutcome.APPLIED,
            seq,
            seq + 1,
        )
        note = f"answer {row.answer_id} of {row.destination}, as {row.reference}"
        self.moves.add(lane, event, seq=seq, by=Side.DESTINATION, note=note)


def _take_all(
    session: Session,
    desk: Desk,
    destination: str,
    read: Sequence[tuple[LinkAnswer, Verified | Unbelieved]],
) -> Applied:
    for answer, said in read:
        _note(answer, said)
    session.add_all(answer for answer, _ in read)
    session.flush()
    good = [(answer, said) for answer, said in read if isinstance(said, Verified)]
    references = {each.card for _, said in good for each in said.decisions}
    judge = _Judge.of(session, desk, destination, references)
    total = Applied(refused=len(read) - len(good))
    for answer, said in good:
        for ordinal, each in enumerate(said.decisions):
            row = _row(answer, ordinal, each)
            if each.issuer == desk.economy:
                judge.judge(row)
            else:
                _refuse(row, Problem.OTHER_ISSUER)
            session.add(row)
            total += _count(row)
    judge.moves.write(session)
    session.flush()
    return total


def _note(answer: LinkAnswer, said: Verified | Unbelieved) -> None:
    if isinstance(said, Unbelieved):
        answer.problem, answer.problem_text = said.problem, _kept(said.text)[:500]
        return
    answer.problem, answer.problem_text = "", ""
    answer.key_id, answer.public_key = said.key_id, said.public_key


def _row(answer: LinkAnswer, ordinal: int, decision: Decision) -> LinkDecision:
    return LinkDecision(
        answer_id=answer.id,
        ordinal=ordinal,
        economy=answer.economy,
        destination=answer.destination,
        reference=decision.card,
        seq=decision.seq,
        event=decision.event,
        after=decision.after,
    )


def _questions(
    session: Session, desk: Desk, destination: str, references: set[str]
) -> Mapping[str, LinkQuestion]:
    rows = session.scalars(
        select(LinkQuestion)
        .where(
            LinkQuestion.economy == desk.economy,
            LinkQuestion.destination == destination,
            LinkQuestion.reference.in_(references),
        )
        .order_by(LinkQuestion.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {row.reference: row for row in rows}


def _judge_again(session: Session, desk: Desk, destination: str) -> Applied:
    rows = _out_of_place(session, desk, destination)
    judge = _Judge.of(session, desk, destination, {row.reference for row in rows})
    total = Applied()
    with session.no_autoflush:  # a row is whole only when it is judged
        for row in rows:
            judge.judge(row)
            if row.outcome != LinkOutcome.REFUSED:
                total += _count(row)
        judge.moves.write(session)
    session.flush()
    return total


def _event_here(state: State, row: LinkDecision, *, is_first: bool) -> str | None:
    """Return the event that a decision is on this side; None if it does not fit.

    The first word about a question may be about what is known here already: a letter
    said it, or the card before, whose answers this one took over.  Then it counts by
    what it comes to.
    """
    if row.event not in DECISIONS:
        return None
    if _leads_to(state, row.event) == row.after:
        return row.event
    if not is_first:
        return None
    if state == row.after:
        return row.event
    if row.after == State.NOT_APPROVED:
        return "withdraw" if _leads_to(state, "withdraw") else None
    steps = (each for each in DECISIONS if _leads_to(state, each) == row.after)
    return next(steps, None)


def _leads_to(state: State, event: str) -> State | None:
    try:
        return PRECLEARANCE.after(state, event, by=Side.DESTINATION)
    except IllegalTransition:
        return None


def _was_applied(session: Session, row: LinkDecision) -> bool:
    earlier = session.scalars(
        select(LinkDecision).where(
            LinkDecision.question_id == row.question_id,
            LinkDecision.seq == row.seq,
            LinkDecision.outcome.in_([LinkOutcome.APPLIED, LinkOutcome.CONFIRMED]),
        )
    ).one_or_none()
    said = (row.event, row.after)
    return earlier is not None and (earlier.event, earlier.after) == said


def _refuse(row: LinkDecision, problem: Problem) -> None:
    row.outcome, row.problem = LinkOutcome.REFUSED, problem


def _count(row: LinkDecision) -> Applied:
    match row.outcome:
        case LinkOutcome.APPLIED:
            return Applied(applied=1)
        case LinkOutcome.REFUSED:
            return Applied(refused=1)
        case _:
            return Applied(known=1)
