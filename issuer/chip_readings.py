"""Reading the chip of an applicant's passport, and keeping what came of it.

The chip's content is looked at and let go: kept are the answer, who asked, and which
certificates it rests on.
"""

from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic import Base64Bytes, Field
from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from issuer.endings import OPEN_LINK
from issuer.epassport import (
    Anchors,
    Chip,
    ChipRefusal,
    Proved,
    Refused,
    Typed,
    authenticate,
    load_anchors,
)
from issuer.errors import Conflict
from issuer.office import Desk
from issuer.operations import Answer, Request, once, operation
from issuer.store import (
    Application,
    Card,
    ChipReading,
    Passport,
    PassportLink,
    Person,
    Role,
)

PROVED: Final = "proved"


class ReadChip(Request):
    """Three files of a chip, as the reader has read them."""

    application: int = Field(description="Number of the record.")
    sod: Base64Bytes = Field(description="EF.SOD, in base64; at most 64 KiB before.")
    lines: Base64Bytes = Field(description="Data group 1, in base64; at most 1 KiB.")
    portrait: Base64Bytes = Field(
        description="Data group 2, in base64; at most 512 KiB before."
    )


class ChipRead(Answer):
    """What came of it."""

    application: int
    passport: int
    """Number of the record that it was compared with."""
    outcome: str
    """``proved``, or a code of docs/epassport.md."""
    differs: tuple[str, ...] = ()
    """Fields in which the chip is not what was typed; with ``chip.differs``."""
    signed_at: datetime | None = None
    authority: str | None = None
    """SHA-256 of the trusted certificate, in hexadecimal."""


@operation(
    "application.read_chip",
    "Check the chip of the passport against what was typed; its content is not kept.",
    Role.INTAKE,
    Role.VETTING,
    Role.ISSUING,
)
def read_chip(desk: Desk, given: ReadChip) -> ChipRead:
    """Check what was read, and keep the answer with the application.

    The passport is the one that the application's card goes with now, or the
    application's own while there is no card.

    Raises:
        Conflict: ``chip.not_set_up``: the settings name no trusted certificates.
        SettingsError: They cannot be read or believed.
        NotFound: There is no such application here.
    """
    desk.read(lambda session: desk.find(session, Application, given.application))
    anchors = _anchors(desk)

    def work(session: Session) -> ChipRead:
        row = desk.find(session, Application, given.application)
        passport = _passport_of(session, row)
        found = authenticate(
            Chip(sod=given.sod, dg1=given.lines, dg2=given.portrait),
            anchors=anchors,
            expected=_typed(passport, session.get_one(Person, passport.person_id)),
            now=desk.now,
        )
        answer = _answer(row.id, passport.id, found)
        _keep(session, desk, answer, found)
        return answer

    return once(desk, given, ChipRead, work)


def check_chip_at_counter(session: Session, desk: Desk, card: Card) -> None:
    """Refuse a card at a counter whose passport's chip was not proved, if asked for.

    Raises:
        Conflict: ``chip.not_proved``.
    """
    if desk.economy not in desk.office.installation.epassport.at_counter:
        return
    proved = exists().where(
        ChipReading.passport_id == PassportLink.passport_id,
        ChipReading.outcome == PROVED,
    )
    query = select(PassportLink.id).where(
        PassportLink.card_id == card.id, PassportLink.state.in_(OPEN_LINK), proved
    )
    if session.scalars(query).first() is None:
        detail = "read the chip of the card's passport first"
        raise Conflict("chip.not_proved", detail)


def _anchors(desk: Desk) -> Anchors:
    settings = desk.office.installation.epassport
    if settings.anchors is None:
        raise Conflict("chip.not_set_up", "the settings name no trusted certificates")
    folder: Path = desk.office.installation.path(settings.anchors)
    return load_anchors(folder, now=desk.now, states=settings.states)


def _passport_of(session: Session, row: Application) -> Passport:
    linked = session.scalars(
        select(Passport)
        .join(PassportLink, PassportLink.passport_id == Passport.id)
        .join(Card, Card.id == PassportLink.card_id)
        .where(Card.application_id == row.id, PassportLink.state.in_(OPEN_LINK))
        .order_by(PassportLink.id.desc())
        .limit(1)
    ).one_or_none()
    return linked or session.get_one(Passport, row.passport_id)


def _typed(passport: Passport, person: Person) -> Typed:
    return Typed(
        country=passport.issuer,
        number=passport.number,
        family_name=person.machine_family_name,
        given_name=person.machine_given_name,
        nationality=person.nationality,
        birthdate=person.birthdate,
        expires_on=passport.expires_on,
    )


def _answer(application: int, passport: int, found: Proved | Refused) -> ChipRead:
    if isinstance(found, Proved):
        return ChipRead(
            application=application,
            passport=passport,
            outcome=PROVED,
            signed_at=found.signed_at,
            authority=found.authority,
        )
    is_another = found.code is ChipRefusal.DIFFERS
    return ChipRead(
        application=application,
        passport=passport,
        outcome=found.code.value,
        differs=tuple(found.detail.split(", ")) if is_another else (),
    )


def _keep(
    session: Session, desk: Desk, answer: ChipRead, found: Proved | Refused
) -> None:
    session.add(
        ChipReading(
            application_id=answer.application,
            passport_id=answer.passport,
            read_by=desk.actor.account_id,
            read_at=desk.now,
            outcome=answer.outcome,
            signed_at=answer.signed_at,
            signer=found.signer if isinstance(found, Proved) else None,
            authority=answer.authority,
        )
    )
    desk.log(
        session,
        "application:chip_read",
        f"application:{answer.application}",
        passport=answer.passport,
        outcome=answer.outcome,
        authority=answer.authority,
    )
