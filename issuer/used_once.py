"""Values that count once: proofs of possession, and nonces.

Whoever shows one a second time, also in another process, is told so in the same
transaction that would have done something for it.
"""

import secrets
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from issuer.errors import Conflict
from issuer.store import UsedOnce

_SELDOM: Final = 200
"""One use in so many takes old ones away."""
MOST_PRUNED: Final = 2_000
PROOF: Final = timedelta(minutes=10)
"""For which the identity of a proof of possession is remembered."""


def use_once(
    session: Session, kind: str, value: str, *, until: datetime, now: datetime
) -> bool:
    """Use a value; False if it was used before.

    Args:
        session: Of the transaction that does what the value allows: if it comes to
            nothing, the value is not used.
        kind: What the value is; the same text of another kind is another value.
        value: Any text.
        until: When nobody could use it any more for another reason.
        now: This moment.
    """
    if secrets.randbelow(_SELDOM) == 0:
        prune(session, now)
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    adding = sqlite.insert if is_sqlite else postgresql.insert
    digest = sha256(f"{kind}:{value}".encode()).digest()
    added = session.execute(
        adding(UsedOnce)
        .values(digest=digest, ends_at=until)
        .on_conflict_do_nothing()
        .returning(UsedOnce.digest)
    )
    return added.first() is not None


def use_proof(session: Session, proof: str, now: datetime) -> None:
    """Use a proof of possession.

    Args:
        session: As for `use_once`.
        proof: What tells it from every other proof.
        now: The moment.

    Raises:
        Conflict: ``proof.used``.
    """
    if not use_once(session, "proof", proof, until=now + PROOF, now=now):
        raise Conflict("proof.used", "this proof was shown before")


def prune(session: Session, now: datetime) -> None:
    """Forget values that were to be remembered until before a moment, the oldest first.

    At most `MOST_PRUNED`; `use_once` calls this now and then.
    """
    old = (
        select(UsedOnce.digest)
        .where(UsedOnce.ends_at < now)
        .order_by(UsedOnce.ends_at)
        .limit(MOST_PRUNED)
        .with_for_update(skip_locked=True)  # another may be at it
    )
    session.execute(
        delete(UsedOnce).where(UsedOnce.digest.in_(old)),
        execution_options={"synchronize_session": False},
    )
