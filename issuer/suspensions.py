"""Suspensions that nobody has lifted, and what they keep from being made meanwhile.

What one person has stopped, no one person brings back: neither by lifting it nor by
ending what was stopped and making another.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from issuer import lifecycle
from issuer.endings import LIVE
from issuer.errors import Conflict
from issuer.office import Desk
from issuer.store import AccountKind, Credential, Suspension

MADE_ANEW: Final = "another was made: "
"""How the reason begins for which a suspension is lifted that way."""
_MAX_REASON: Final = 500


class OpenSuspension(NamedTuple):
    """A suspension that is not lifted, of a card or of one of its credentials."""

    id: int
    card_id: int
    suspended_by: int
    credential_id: int | None
    form: str | None
    state: lifecycle.Credential | None
    """Of the credential, which may have ended since."""

    def is_about(self, form: str, replaces: int | None) -> bool:
        """Whether it keeps a credential of this form from being made."""
        return form == self.form or (
            replaces is not None and replaces == self.credential_id
        )


def open_suspensions(
    session: Session, cards: Collection[int]
) -> Mapping[int, Sequence[OpenSuspension]]:
    """Return what nobody has lifted yet, by card; cards without any are missing."""
    rows = session.execute(
        select(
            Suspension.id,
            Suspension.card_id,
            Suspension.suspended_by,
            Suspension.credential_id,
            Credential.form,
            Credential.state,
        )
        .outerjoin(Credential, Credential.id == Suspension.credential_id)
        .where(Suspension.card_id.in_(cards), Suspension.lifted_at.is_(None))
        .order_by(Suspension.id)
    )
    found: defaultdict[int, list[OpenSuspension]] = defaultdict(list)
    for row in rows:
        found[row.card_id].append(OpenSuspension(*row))
    return found


def check_lifted(rows: Sequence[OpenSuspension], desk: Desk) -> None:
    """Demand that whoever makes something anew may lift what had stopped it.

    Raises:
        Conflict: ``credential.suspended``: it lives, so it is lifted, or revoked,
            first; ``suspension.second_person``: whoever asks has suspended it, or is
            no person.
    """
    if any(row.state in LIVE for row in rows):
        raise Conflict(
            "credential.suspended",
            "another person lifts its suspension first, or it is revoked",
        )
    check_second_person(rows, desk)


def check_second_person(rows: Sequence[OpenSuspension], desk: Desk) -> None:
    """Demand another person than those who have suspended.

    Raises:
        Conflict: ``suspension.second_person``.
    """
    is_person = desk.actor.kind == AccountKind.PERSON
    own = any(row.suspended_by == desk.actor.account_id for row in rows)
    if rows and (own or not is_person):
        raise Conflict(
            "suspension.second_person",
            "it was suspended and not lifted: another person has to do this",
        )


def lift_for_another(
    session: Session, desk: Desk, rows: Sequence[OpenSuspension], *, at: datetime
) -> None:
    """Lift suspensions of what has ended, in the name of who makes another.

    Call it after `check_second_person`, in the same transaction.
    """
    if not rows:
        return
    session.execute(
        update(Suspension)
        .where(Suspension.id.in_([row.id for row in rows]))
        .values(
            lifted_by=desk.actor.account_id,
            lifted_at=at,
            lift_reason=f"{MADE_ANEW}{desk.reason}"[:_MAX_REASON],
        )
    )
