"""Applicants show that they read the mail of an address; there are no passwords.

Who asks for a code learns nothing: a first sign-in and a later one are the same, since
an address becomes an account only when its code was shown.  A code counts in the
browser that asked for it, once, for ten minutes and five tries, and each step gives the
browser a new token, as `issuer.sessions` does for staff; the two never meet.

Codes for one address are counted, so that nobody's box is filled: for each place that
asks, for all places together, and apart from them for each browser that has signed in
with that address before.  Whoever asks for another's codes uses up their own, and with
many places those of strangers; never those of the owner's own browser.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from typing import Final

from sqlalchemy import Select, delete, select, update
from sqlalchemy.orm import Session

from issuer.errors import NotProven, TooMany
from issuer.installation_key import InstallationKey
from issuer.portal.post import QueueMail
from issuer.store import Applicant, ApplicantSession, Store

CODE_DIGITS: Final = 8
"""With six, somebody who asks for another's code all year would guess it."""
CODE_LIFE: Final = timedelta(minutes=10)
TRIES: Final = 5
CODES_AN_HOUR: Final = 12
"""For one address, asked for by browsers that never signed in with it."""
CODES_A_PLACE: Final = 4
"""Of those: from one place."""
CODES_KNOWN: Final = 6
"""In an hour, for a browser that has signed in with the address before."""
_HOUR: Final = timedelta(hours=1)
_KNOWN: Final = "known"
_PLACE: Final = "place"
IDLE: Final = timedelta(minutes=30)
LONGEST: Final = timedelta(hours=8)
"""From signing in, however busy."""
_KEPT: Final = timedelta(days=1)
_STEP: Final = timedelta(seconds=30)
"""How far ``seen_at`` may lag behind, so that reading pages is no writing."""
_USE: Final = "applicant code"
_KNOWN_USE: Final = "applicant browser"
_PLACE_USE: Final = "applicant place"
_WRONG: Final = "the code is wrong, was used, or is too old"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """A browser that is signed in, or waits for its code."""

    session_id: int
    token: str = field(repr=False)
    economy: str
    email: str = field(repr=False)
    applicant_id: int | None
    """None until the code was shown."""


def ask_code(
    store: Store,
    key: InstallationKey,
    *,
    economy: str,
    email: str,
    place: str,
    known: Iterable[str] = (),
    queue: QueueMail,
    now: datetime,
) -> str:
    """Send a code and return the browser's new token.

    Args:
        store: The database.
        key: The installation's; a code is kept only as its mark.
        economy: Where somebody applies, alpha-3.
        email: An address that `issuer.intake.fields.is_email` has passed.
        place: From where it is asked for, such as an address of the network.
        known: What the browser has kept of `remembered`.
        queue: Sends it.
        now: The moment.

    Raises:
        TooMany: ``portal.codes``: none was sent, and those that were sent are good
            still; the same for every address, known here or not.
    """
    token, address = secrets.token_urlsafe(32), email.lower()
    asker = _asker(key, economy, address, place, known)

    def work(session: Session) -> None:
        _forget_old(session, now)
        _check_count(session, economy, address, asker, now)
        code = _new_code()
        row = ApplicantSession(
            token_hash=_hash(token),
            economy=economy,
            email=address,
            code_mark=_mark(key, token, code),
            asker=asker,
            created_at=now,
            seen_at=now,
        )
        session.add(row)
        shown = f"{code[:4]} {code[4:]}"
        queue(
            session,
            economy=economy,
            to=address,
            kind="sign_in_code",
            words={"code": shown, "minutes": CODE_LIFE // timedelta(minutes=1)},
            now=now,
            ends_at=now + CODE_LIFE,
        )

    store.write(work, now=now)
    return token


def show_code(
    store: Store, key: InstallationKey, *, token: str, code: str, now: datetime
) -> str:
    """Take a code for the right to be an applicant, and return a new token.

    Raises:
        NotProven: It is wrong, used or too old, or was tried too often; nobody is told
            which.
    """
    if not _count_try(store, token, now):
        raise NotProven(_WRONG)
    given = "".join(each for each in code if each.isdecimal() and each.isascii())
    new = secrets.token_urlsafe(32)

    def work(session: Session) -> bool:
        row = session.scalars(
            _by_token(token, economy=None).with_for_update()
        ).one_or_none()
        kept = row.code_mark if row is not None else None
        if row is None or kept is None:
            return False
        if not compare_digest(kept, _mark(key, token, given)):
            return False
        row.code_mark = None
        row.applicant_id = _applicant(session, row.economy, row.email, now)
        row.token_hash, row.signed_in_at, row.seen_at = _hash(new), now, now
        return True

    if not store.write(work, now=now):
        raise NotProven(_WRONG)
    return new


def remembered(key: InstallationKey, *, economy: str, email: str) -> str:
    """Return what a browser that has signed in keeps, to be known by the next time.

    It opens nothing, and nothing of the address can be read out of it.
    """
    name = secrets.token_hex(16)
    return f"{name}.{key.mark(_KNOWN_USE, f'{economy}:{email.lower()}:{name}')}"


def _asker(
    key: InstallationKey, economy: str, email: str, place: str, known: Iterable[str]
) -> str:
    for each in known:
        name, _, mark = each.partition(".")
        made = key.mark(_KNOWN_USE, f"{economy}:{email}:{name}")
        if compare_digest(mark.encode(), made.encode()):
            return f"{_KNOWN}:{name}"
    return f"{_PLACE}:{key.mark(_PLACE_USE, place)}"


def _check_count(
    session: Session, economy: str, email: str, asker: str, now: datetime
) -> None:
    rows = session.execute(
        select(ApplicantSession.asker, ApplicantSession.created_at)
        .where(
            ApplicantSession.economy == economy,
            ApplicantSession.email == email,
            ApplicantSession.created_at > now - _HOUR,
        )
        .order_by(ApplicantSession.created_at)
    ).all()
    mine = [at for who, at in rows if who == asker]
    if asker.startswith(_KNOWN):
        limits = [(mine, CODES_KNOWN)]
    else:
        strangers = [at for who, at in rows if who.startswith(_PLACE)]
        limits = [(mine, CODES_A_PLACE), (strangers, CODES_AN_HOUR)]
    waits = [at[-most] + _HOUR - now for at, most in limits if len(at) >= most]
    if waits:
        raise TooMany("portal.codes", max(waits))


def find(store: Store, token: str, *, economy: str, now: datetime) -> Visitor | None:
    """Return who shows a token; None if it is worth nothing at this economy."""

    def work(session: Session) -> tuple[Visitor, bool] | None:
        row = session.scalars(_by_token(token, economy=economy)).one_or_none()
        if row is None or not _is_live(row, now):
            return None
        visitor = Visitor(
            session_id=row.id,
            token=token,
            economy=row.economy,
            email=row.email,
            applicant_id=row.applicant_id,
        )
        is_due = row.applicant_id is not None and now - row.seen_at >= _STEP
        return visitor, is_due

    found = store.read(work)
    if found is None:
        return None
    visitor, is_due = found
    if is_due:
        _set(store, visitor, now, seen_at=now)
    return visitor


def end(store: Store, visitor: Visitor, *, now: datetime) -> None:
    """End a session: its token is worth nothing from now on."""
    _set(store, visitor, now, ended_at=now)


def _set(store: Store, visitor: Visitor, now: datetime, **values: datetime) -> None:
    def work(session: Session) -> None:
        session.execute(
            update(ApplicantSession)
            .where(ApplicantSession.id == visitor.session_id)
            .values(**values)
        )

    store.write(work, now=now)


def _count_try(store: Store, token: str, now: datetime) -> bool:
    """Count a try before it is made, so that many at once are no more than five."""

    def work(session: Session) -> bool:
        counted = session.execute(
            update(ApplicantSession)
            .where(
                ApplicantSession.token_hash == _hash(token),
                ApplicantSession.applicant_id.is_(None),
                ApplicantSession.ended_at.is_(None),
                ApplicantSession.created_at > now - CODE_LIFE,
                ApplicantSession.tries < TRIES,
            )
            .values(tries=ApplicantSession.tries + 1)
            .returning(ApplicantSession.id)
        )
        return counted.first() is not None

    return store.write(work, now=now)


def _applicant(session: Session, economy: str, email: str, now: datetime) -> int:
    known = session.scalars(
        select(Applicant).where(Applicant.economy == economy, Applicant.email == email)
    ).one_or_none()
    if known is None:
        known = Applicant(economy=economy, email=email, created_at=now)
        session.add(known)
        session.flush()
    return known.id


def _by_token(token: str, *, economy: str | None) -> Select[ApplicantSession]:
    found = select(ApplicantSession).where(ApplicantSession.token_hash == _hash(token))
    if economy is None:
        return found
    return found.where(ApplicantSession.economy == economy)


def _is_live(row: ApplicantSession, now: datetime) -> bool:
    if row.ended_at is not None:
        return False
    if row.signed_in_at is None:
        return now - row.created_at < CODE_LIFE
    return now - row.seen_at < IDLE and now - row.signed_in_at < LONGEST


def _forget_old(session: Session, now: datetime) -> None:
    session.execute(
        delete(ApplicantSession).where(ApplicantSession.seen_at < now - _KEPT)
    )


def _new_code() -> str:
    return f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"


def _mark(key: InstallationKey, token: str, code: str) -> str:
    # With the token, so that one code's mark says nothing of another's.
    return key.mark(_USE, f"{token}:{code}")


def _hash(token: str) -> bytes:
    return sha256(token.encode()).digest()
