"""What waits to be sent to one destination: written down first, then sent, then noted.

What is on its way is kept byte for byte until it is known to have come.  Whoever is
killed in between sends the same again under the same key, and it is done once.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from issuer import lifecycle
from issuer.errors import Invalid, ServiceRefused
from issuer.incoming import linked_passport
from issuer.jws import moment_on_wire
from issuer.link.messages import (
    Known,
    known_after,
    known_from_question,
    news,
    question_of,
)
from issuer.link.protocol import RowResult
from issuer.office import Desk
from issuer.store import (
    Card,
    Credential,
    LinkPartner,
    LinkQuestion,
    Person,
    Preclearance,
)
from issuer.store.outbox import TOLD, ask

_FIRST_PAUSE: Final = timedelta(minutes=1)
_LONGEST_PAUSE: Final = timedelta(days=1)
"""Before what was refused is sent again by itself."""
_ENDED: Final = frozenset({"card.ended"})
"""The destination has ended the card already, as after a backup was put back here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """One message that is on its way."""

    question: int
    reference: str
    body: bytes

    @property
    def fields(self) -> Mapping[str, Any]:
        """What it says."""
        return dict(json.loads(self.body))

    @property
    def key(self) -> str:
        """The same for the same message, whoever sends it again."""
        text = f"{self.question} {self.reference} ".encode() + self.body
        return f"link-{sha256(text).hexdigest()[:40]}"


def bulk_key(messages: Sequence[Sending]) -> str:
    """Return the key under which some messages are sent together."""
    digest = sha256(b"".join(each.key.encode() for each in messages))
    return f"link-{digest.hexdigest()[:40]}"


# Questions that are older than the link


def enlist(desk: Desk, destination: str, *, limit: int = 500) -> int:
    """Note the questions that were open when the link was opened; return how many.

    Call it until it returns 0.
    """

    def work(session: Session) -> int:
        partner = session.get_one(
            LinkPartner, (desk.economy, destination), with_for_update=True
        )
        lanes = session.scalars(
            select(Preclearance)
            .where(
                Preclearance.issuer == desk.economy,
                Preclearance.destination == destination,
                Preclearance.state == "pending",
                Preclearance.id > partner.enlisted_to,
                Preclearance.id <= partner.enlist_until,
            )
            .order_by(Preclearance.id)
            .limit(limit)
        ).all()
        keys = [lane.id for lane in lanes]
        partner.enlisted_to = max(keys, default=partner.enlist_until)
        asked = set(
            session.scalars(
                select(LinkQuestion.preclearance_id).where(
                    LinkQuestion.preclearance_id.in_(keys)
                )
            )
        )
        unasked = [lane for lane in lanes if lane.id not in asked]
        if unasked:
            ask(session.connection(), unasked)
        return len(lanes)

    if not desk.read(lambda session: _is_enlisting(session, desk, destination)):
        return 0
    return desk.write(work)


def _is_enlisting(session: Session, desk: Desk, destination: str) -> bool:
    partner = session.get_one(LinkPartner, (desk.economy, destination))
    return partner.enlisted_to < partner.enlist_until


# Asking


def take_questions(
    desk: Desk, destination: str, *, limit: int
) -> tuple[int, list[Sending]]:
    """Write down the next questions as they go out, the oldest first.

    Returns:
        How many were looked at, and what is to be sent; where nothing was looked at,
        nothing waits.
    """

    def work(session: Session) -> tuple[int, list[Sending]]:
        rows = _waiting(
            session, desk, destination, LinkQuestion.told_state.is_(None), limit=limit
        )
        found = [_take_question(session, desk, row) for row in rows]
        return len(rows), [each for each in found if each is not None]

    return desk.write(work)


def _take_question(session: Session, desk: Desk, row: LinkQuestion) -> Sending | None:
    if row.body is None and row.has_ended:
        _heard(row)  # it ended before anybody was asked
        return None
    if row.body is None:
        card = session.get_one(Card, row.card_id)
        person = session.get_one(Person, card.person_id)
        try:
            body = question_of(row, card, person, linked_passport(session, card))
        except Invalid as error:
            _refuse(row, "request.invalid", str(error), desk.now)
            return None
        row.body = _text(body)
        lane = session.get_one(Preclearance, row.preclearance_id)
        row.told_reminded_at = lane.reminded_at
    return _sending(row)


def note_questions(
    desk: Desk, sent: Sequence[Sending], results: Sequence[RowResult]
) -> tuple[int, int]:
    """Note what became of questions; return how many were taken, and refused."""

    def work(session: Session) -> tuple[int, int]:
        rows = _rows(session, desk, sent)
        taken = 0
        for each, result in zip(sent, results, strict=True):
            row = rows[each.question]
            if not _is_still(row, each):
                continue
            if not result.is_taken:
                _refuse(row, result.code, result.detail, desk.now)
                continue
            taken += 1
            reminded_at = row.told_reminded_at
            _know(row, known_from_question(each.fields, reminded_at=reminded_at))
            _settle(session, desk, row)
        return taken, len(sent) - taken

    return desk.write(work)


# Telling


def take_news(desk: Desk, destination: str, *, limit: int) -> tuple[int, list[Sending]]:
    """Write down what is told next of each card; what is known already is settled.

    Returns:
        As `take_questions`.
    """

    def work(session: Session) -> tuple[int, list[Sending]]:
        rows = _waiting(
            session, desk, destination, LinkQuestion.told_state.is_not(None),
            limit=limit,
        )  # fmt: skip
        found = []
        for row in rows:
            if row.body is None:
                _settle(session, desk, row)
            if row.body is not None:
                found.append(_sending(row))
        return len(rows), found

    return desk.write(work)


def note_told(desk: Desk, sent: Sending, heard: int | ServiceRefused) -> bool:
    """Note what became of one message; return whether it was taken.

    Args:
        desk: As for `take_news`.
        sent: The message.
        heard: The newest revision that the destination was told, or why it refuses.
    """

    def work(session: Session) -> bool:
        row = _rows(session, desk, [sent])[sent.question]
        known = Known.of(row)
        assert known is not None  # noqa: S101  # nobody is told who was not asked
        if not _is_still(row, sent):
            return True  # somebody else has noted it
        if isinstance(heard, ServiceRefused):
            return _note_refusal(session, desk, row, known, heard)
        told = sent.fields
        row.revision = max(heard, told["revision"])
        is_taken: bool = heard == told["revision"]
        # It was told something newer, as before a backup was put back here: what is
        # so now is said once more, above that.
        _know(row, known_after(known, told) if is_taken else known)
        _settle(session, desk, row)
        return is_taken

    return desk.write(work)


def _note_refusal(
    session: Session, desk: Desk, row: LinkQuestion, known: Known, why: ServiceRefused
) -> bool:
    if why.code not in _ENDED or row.body is None:
        _refuse(row, why.code, why.detail, desk.now)
        return False
    told = {key: each for key, each in json.loads(row.body).items() if key == "event"}
    _know(row, known_after(known, told))
    _settle(session, desk, row)
    return True


# One row


def _settle(session: Session, desk: Desk, row: LinkQuestion) -> None:
    """Write down what comes next, or that everything is known."""
    known = Known.of(row)
    assert known is not None  # noqa: S101  # asked
    card = session.get_one(Card, row.card_id)
    told = news(
        known,
        card,
        _credentials(session, row),
        has_ended=row.has_ended,
        passport=linked_passport(session, card),
        reminded_at=_reminded_at(session, row),
    )
    if told is None:
        _heard(row)
    else:
        # By the clock: it goes up also where a backup was put back.
        revision = max(row.revision + 1, moment_on_wire(desk.now) * 1_000)
        row.body = _text({"revision": revision, **told})


def _reminded_at(session: Session, row: LinkQuestion) -> datetime | None:
    """Return when an answer was asked for again that is still open."""
    lane = session.get_one(Preclearance, row.preclearance_id)
    is_open = lane.state == lifecycle.Preclearance.PENDING
    return lane.reminded_at if is_open else None


def _credentials(session: Session, row: LinkQuestion) -> list[Credential]:
    """Return what is told under this question, and was not under one before."""
    if row.has_ended:
        return []
    earlier: set[str] = set()
    for text in session.scalars(
        select(LinkQuestion.told_credentials).where(
            LinkQuestion.card_id == row.card_id,
            LinkQuestion.destination == row.destination,
            LinkQuestion.id < row.id,
        )
    ):
        earlier |= set(json.loads(text))
    found = session.scalars(
        select(Credential)
        .where(Credential.card_id == row.card_id, Credential.state.in_(TOLD))
        .order_by(Credential.id)
    )
    return [
        each for each in found if f"{each.list_number}/{each.list_index}" not in earlier
    ]


def _know(row: LinkQuestion, known: Known) -> None:
    row.told_state, row.told_expires_at = known.state, known.expires_at
    row.told_passport, row.told_reminded_at = known.passport, known.reminded_at
    row.told_credentials = json.dumps(known.credentials, separators=(",", ":"))
    row.body = None
    row.tries, row.problem, row.problem_text = 0, "", ""


def _heard(row: LinkQuestion) -> None:
    row.told = row.changed
    row.body = None
    row.problem, row.problem_text, row.tries = "", "", 0


def _refuse(row: LinkQuestion, code: str, detail: str, now: datetime) -> None:
    """Keep why; what is sent the next time is worked out anew."""
    row.tries += 1
    pause = min(_FIRST_PAUSE * 2 ** min(row.tries - 1, 20), _LONGEST_PAUSE)
    row.next_at = now + pause
    row.problem, row.problem_text = code[:64] or "refused", detail[:500]
    row.body = None


def _waiting(
    session: Session,
    desk: Desk,
    destination: str,
    condition: ColumnElement[bool],
    *,
    limit: int,
) -> list[LinkQuestion]:
    return list(
        session.scalars(
            select(LinkQuestion)
            .where(
                LinkQuestion.economy == desk.economy,
                LinkQuestion.destination == destination,
                LinkQuestion.told < LinkQuestion.changed,
                LinkQuestion.next_at <= desk.now,
                condition,
            )
            .order_by(LinkQuestion.next_at, LinkQuestion.id)
            .limit(limit)
            .with_for_update()
        )
    )


def _rows(
    session: Session, desk: Desk, sent: Iterable[Sending]
) -> Mapping[int, LinkQuestion]:
    keys = [each.question for each in sent]
    rows = session.scalars(
        select(LinkQuestion)
        .where(LinkQuestion.id.in_(keys), LinkQuestion.economy == desk.economy)
        .with_for_update()
    )
    return {row.id: row for row in rows}


def _is_still(row: LinkQuestion, sent: Sending) -> bool:
    """Whether nobody else has noted meanwhile what became of it."""
    return row.body is not None and row.body.encode() == sent.body


def _sending(row: LinkQuestion) -> Sending:
    assert row.body is not None  # noqa: S101  # just written
    return Sending(question=row.id, reference=row.reference, body=row.body.encode())


def _text(body: Mapping[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))
