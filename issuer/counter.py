"""Phones at a counter: each shows a number that an officer types, and no other fits.

The number follows from the phone's key and from what the server drew, so that neither
the phone nor anybody between can choose it.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from issuer.errors import Conflict
from issuer.offers import check_digit, key_of, link_of, reference_of
from issuer.office import Desk
from issuer.store import CounterPhone
from issuer.used_once import use_proof

WAITS: Final = timedelta(minutes=10)
"""For which a number can be typed."""
_DIGITS: Final = 7
_DRAWS: Final = 20
_PRUNED: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class AtCounter:
    """A phone that waits for its officer."""

    id: int
    random: str
    """The server's part of the number; base64url."""
    ends_at: datetime


def check_number(phone_key: str, random: str) -> str:
    """Return the eight digits that a phone shows, and an officer types.

    Args:
        phone_key: Thumbprint of the phone's key.
        random: What the server drew.
    """
    digest = sha256(f"{phone_key}.{random}".encode()).digest()
    number = int.from_bytes(digest[:8], "big") % 10**_DIGITS
    digits = f"{number:0{_DIGITS}}"
    return digits + check_digit(digits)


def begin(desk: Desk, *, phone_key: str, proof: str) -> AtCounter:
    """Let a phone wait at a counter.

    Args:
        desk: Of the installation itself.
        phone_key: Thumbprint of its key; only that key will redeem the offer.
        proof: Identity of the proof that it has the key; used once.

    Raises:
        Conflict: ``proof.used``, or ``counter.full``: too many phones wait.
    """

    def work(session: Session) -> AtCounter:
        use_proof(session, proof, desk.now)
        _forget_old(session, desk.now)
        random, number = _free_number(session, desk, phone_key)
        phone = CounterPhone(
            economy=desk.economy,
            number=number,
            key=phone_key,
            made_at=desk.now,
            ends_at=desk.now + WAITS,
        )
        session.add(phone)
        session.flush()
        return AtCounter(id=phone.id, random=random, ends_at=phone.ends_at)

    return desk.office.store.write(work, now=desk.now)


def offer_for(desk: Desk, waiting: int, *, phone_key: str, proof: str) -> str | None:
    """Return the link of the offer that an officer has made for a waiting phone.

    Args:
        desk: Of the installation itself.
        waiting: The ``id`` of `begin`.
        phone_key: Thumbprint of its key.
        proof: As for `begin`.

    Raises:
        Conflict: ``proof.used``, or ``counter.unknown``: no such phone waits, or not
            any more.
    """

    def work(session: Session) -> str | None:
        use_proof(session, proof, desk.now)
        phone = session.get(CounterPhone, waiting)
        if (
            phone is None
            or (phone.economy, phone.key) != (desk.economy, phone_key)
            or phone.ends_at <= desk.now
        ):
            raise Conflict("counter.unknown", "this phone does not wait here")
        if phone.sealed_reference is None:
            return None
        return link_of(desk, reference_of(key_of(desk), phone))

    return desk.office.store.write(work, now=desk.now)


def _free_number(session: Session, desk: Desk, phone_key: str) -> tuple[str, str]:
    for _ in range(_DRAWS):
        random = secrets.token_urlsafe(16)
        number = check_number(phone_key, random)
        taken = select(CounterPhone.id).where(
            CounterPhone.economy == desk.economy, CounterPhone.number == number
        )
        if session.scalars(taken).first() is None:
            return random, number
    raise Conflict("counter.full", "too many phones wait: try again")


def _forget_old(session: Session, now: datetime) -> None:
    old = (
        select(CounterPhone.id)
        .where(CounterPhone.ends_at <= now)
        .limit(_PRUNED)
        .with_for_update(skip_locked=True)
    )
    session.execute(
        delete(CounterPhone).where(CounterPhone.id.in_(old)),
        execution_options={"synchronize_session": False},
    )
