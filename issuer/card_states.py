"""What stops a card, or one of its credentials, for a time or for good.

Three things can be revoked, and each leaves the others alone: the binding to a phone,
one credential, the card.  A lost phone is not a lost card.
"""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from issuer import lifecycle
from issuer.dated import in_force
from issuer.economy import Form
from issuer.endings import (
    end_card,
    live_credentials,
    move_card,
    move_credential,
    open_links,
)
from issuer.errors import Conflict, Invalid
from issuer.lifecycle import CARD, CREDENTIAL, PASSPORT_LINK, Side
from issuer.limits import check_limit
from issuer.office import Desk
from issuer.operations import Answer, Request, once, operation
from issuer.preclearances import carry_over, lapse_all
from issuer.profile import reissue_expiry
from issuer.scheme import Scheme
from issuer.store import (
    AccountKind,
    Card,
    Credential,
    Passport,
    PassportLink,
    Role,
    Suspension,
)
from issuer.suspensions import (
    check_second_person,
    lift_for_another,
    open_suspensions,
)

CardNumber = Annotated[int, Field(ge=1, description="Number of the card.")]
CredentialNumber = Annotated[int, Field(ge=1, description="Number of the credential.")]
Why = Annotated[
    str,
    Field(min_length=1, max_length=400, description="Why; kept with the record."),
]
_PAGE: Final = 200


class Lost(StrEnum):
    """What was lost: each is another thing."""

    PHONE = "phone"
    """The binding ends; the card goes on and is put into another phone."""
    PLASTIC = "plastic"
    """The document ends; the card goes on and is printed again."""
    CARD = "card"
    """All of it ends; another card continues it."""


class ReportLost(Request):
    """A loss, and what shows that it was reported."""

    card: CardNumber
    what: Lost = Field(description="What was lost.")
    police_report: bool = Field(
        False, description="The report of the police was shown, where one is due."
    )


class OneCard(Request):
    """Which card it is about."""

    card: CardNumber


class CardWhy(Request):
    """Which card, and why."""

    card: CardNumber
    why: Why


class CredentialWhy(Request):
    """Which credential, and why."""

    credential: CredentialNumber
    why: Why


class CardMoved(Answer):
    """What became of the card, and what to tell its holder."""

    card: int
    state: lifecycle.Card
    losses: int
    credentials_changed: int
    warnings: tuple[str, ...] = ()


class CredentialMoved(Answer):
    """What became of the credential."""

    card: int
    credential: int
    state: lifecycle.Credential


@operation(
    "card.report_lost",
    "Report the phone, the plastic or the whole card as lost.",
    Role.ISSUING,
)
def report_lost(desk: Desk, given: ReportLost) -> CardMoved:
    """End what was lost, and nothing else.

    Raises:
        Invalid: ``police_report``: the scheme asks for one.
        Conflict: ``card.no_app`` or ``card.no_plastic``.
        IllegalTransition: The card has ended.
    """

    def work(session: Session) -> CardMoved:
        card = desk.find(session, Card, given.card)
        _check_limit(session, desk)
        scheme = desk.office.scheme(session)
        if given.what != Lost.PHONE:
            _check_police_report(scheme, desk, given.police_report)
        ended = _lose(session, desk, card, given.what)
        if given.what != Lost.PHONE:
            card.losses += 1
            _log_loss(session, desk, card, given)
        warnings = loss_warnings(scheme, desk, card) if card.losses else ()
        return _moved(card, ended, warnings)

    return once(desk, given, CardMoved, work)


@operation(
    "card.replace_lost",
    "Make the card that continues a lost one; its credentials are issued next.",
    Role.ISSUING,
)
def replace_lost(desk: Desk, given: OneCard) -> CardMoved:
    """Continue a lost card: same end day, same passport, same pre-clearances.

    What was suspended of it, and never lifted, is not good again by that: it takes
    another person than who suspended it.

    Raises:
        Conflict: ``card.not_lost``, ``card.continued``, ``passport.none`` or
            ``suspension.second_person``.
    """

    def work(session: Session) -> CardMoved:
        old = desk.find(session, Card, given.card)
        stopped = open_suspensions(session, [old.id]).get(old.id, ())
        check_second_person(stopped, desk)
        lift_for_another(session, desk, stopped, at=desk.now)
        new = _continue(session, desk, old)
        carry_over(session, desk, old, new)
        return _moved(new, 0, loss_warnings(desk.office.scheme(session), desk, new))

    return once(desk, given, CardMoved, work)


@operation("card.suspend", "Suspend a card for a time.", Role.ISSUING)
def suspend(desk: Desk, given: CardWhy) -> CardMoved:
    """Suspend a card; its credentials follow."""

    def work(session: Session) -> CardMoved:
        card = desk.find(session, Card, given.card)
        _check_limit(session, desk)
        move_card(session, desk, card, "suspend", by=Side.HOME)
        row = _suspension(session, desk, card.id, given.why)
        valid = [
            each
            for each in live_credentials(session, card.id)
            if each.state == lifecycle.Credential.VALID
        ]
        for credential in valid:
            move_credential(
                session,
                desk,
                credential,
                "suspend",
                by=Side.SYSTEM,
                reason=_with(row),
            )
        return _moved(card, len(valid))

    return once(desk, given, CardMoved, work)


@operation(
    "card.restore",
    "Lift a card's suspension: for a second person.",
    Role.ISSUING,
    by_person=True,
)
def restore(desk: Desk, given: CardWhy) -> CardMoved:
    """Lift a suspension; credentials that it had suspended are valid again.

    Raises:
        Conflict: ``suspension.second_person``.
        IllegalTransition: The card is not suspended.
    """

    def work(session: Session) -> CardMoved:
        card = desk.find(session, Card, given.card)
        move_card(session, desk, card, "restore", by=Side.HOME)
        row = _lift(session, desk, card.id, None, given.why)
        usable = _passport_is_good(session, card)
        followed = [
            each
            for each in live_credentials(session, card.id)
            if each.state_reason == _with(row) and usable
        ]
        for credential in followed:
            move_credential(
                session,
                desk,
                credential,
                "restore",
                by=Side.HOME,
                reason=f"lifted: {given.why}",
            )
        return _moved(card, len(followed))

    return once(desk, given, CardMoved, work)


@operation("card.cancel", "Cancel a card: this is final.", Role.ISSUING)
def cancel(desk: Desk, given: CardWhy) -> CardMoved:
    """Cancel a card; its credentials are revoked and its pre-clearances lapse."""

    def work(session: Session) -> CardMoved:
        card = desk.find(session, Card, given.card)
        _check_limit(session, desk)
        ended = len(live_credentials(session, card.id))
        end_card(session, desk, card, "cancel", by=Side.HOME)
        lapse_all(session, desk, card, "cancelled")
        return _moved(card, ended)

    return once(desk, given, CardMoved, work)


@operation("credential.suspend", "Suspend one credential for a time.", Role.ISSUING)
def suspend_credential(desk: Desk, given: CredentialWhy) -> CredentialMoved:
    """Suspend a credential, such as that of a phone that may be found again."""

    def work(session: Session) -> CredentialMoved:
        credential = desk.find(session, Credential, given.credential)
        row = _suspension(
            session, desk, credential.card_id, given.why, credential=credential.id
        )
        move_credential(
            session, desk, credential, "suspend", by=Side.HOME, reason=_with(row)
        )
        return _credential_moved(credential)

    return once(desk, given, CredentialMoved, work)


def suspend_for_holder(
    session: Session, desk: Desk, credential: Credential, why: str
) -> None:
    """Suspend a phone's credential because its holder says so; a person lifts it.

    Args:
        session: Of the desk's transaction.
        desk: Of the installation itself: the holder has no account.
        credential: A valid one.
        why: How the holder said so.

    Raises:
        IllegalTransition: It is not valid.
    """
    row = _suspension(session, desk, credential.card_id, why, credential=credential.id)
    move_credential(
        session, desk, credential, "suspend", by=Side.HOLDER, reason=_with(row)
    )


@operation(
    "credential.restore",
    "Lift a credential's suspension: for a second person.",
    Role.ISSUING,
    by_person=True,
)
def restore_credential(desk: Desk, given: CredentialWhy) -> CredentialMoved:
    """Lift the suspension of one credential.

    Raises:
        Conflict: ``suspension.second_person``, ``suspension.of_the_card`` where the
            card or its passport is what stops it.
        IllegalTransition: It is not suspended.
    """

    def work(session: Session) -> CredentialMoved:
        credential = desk.find(session, Credential, given.credential)
        card = session.get_one(Card, credential.card_id)
        CREDENTIAL.after(credential.state, "restore", by=Side.HOME)
        if card.state != lifecycle.Card.ACTIVE or not _passport_is_good(session, card):
            raise Conflict(
                "suspension.of_the_card", "the card or its passport is what stops it"
            )
        _lift(session, desk, card.id, credential.id, given.why)
        move_credential(
            session,
            desk,
            credential,
            "restore",
            by=Side.HOME,
            reason=f"lifted: {given.why}",
        )
        return _credential_moved(credential)

    return once(desk, given, CredentialMoved, work)


@operation("credential.revoke", "Revoke one credential: this is final.", Role.ISSUING)
def revoke_credential(desk: Desk, given: CredentialWhy) -> CredentialMoved:
    """Revoke a credential; the card goes on, and can get another."""

    def work(session: Session) -> CredentialMoved:
        credential = desk.find(session, Credential, given.credential)
        _check_limit(session, desk)
        move_credential(
            session, desk, credential, "revoke", by=Side.HOME, reason=given.why
        )
        return _credential_moved(credential)

    return once(desk, given, CredentialMoved, work)


class ExpireDue(Request):
    """How many cards to look at."""

    limit: int = Field(_PAGE, ge=1, le=_PAGE, description="Cards of one transaction.")


class Expired(Answer):
    """How many cards have ended by their date."""

    expired: int
    more: bool
    """Whether to ask again."""


@operation("card.expire_due", "Close the cards whose last day is over.", Role.ISSUING)
def expire_due(desk: Desk, given: ExpireDue) -> Expired:
    """Expire cards, their credentials and pre-clearances, by the rules."""
    own = desk.office.system_desk(desk.economy, now=desk.now, reason=desk.reason)

    def work(session: Session) -> Expired:
        due = session.scalars(
            select(Card)
            .where(
                Card.economy == own.economy,
                Card.state.in_((lifecycle.Card.ACTIVE, lifecycle.Card.SUSPENDED)),
                Card.expires_at <= own.now,
            )
            .order_by(Card.expires_at, Card.id)
            .limit(given.limit)
        ).all()
        for card in due:
            end_card(session, own, card, "expire", by=Side.SYSTEM)
            lapse_all(session, own, card, "expired")
        return Expired(expired=len(due), more=len(due) == given.limit)

    return own.write(work)


# Losses


def loss_warnings(scheme: Scheme, desk: Desk, card: Card) -> tuple[str, ...]:
    """Say what so many losses may mean, by the scheme."""
    bar = in_force(scheme.economy(desk.economy).loss_bar, desk.now)
    if bar is None or card.losses < bar.losses:
        return ()
    return (
        f"{card.losses} losses: {desk.economy} may refuse applications for"
        f" {bar.years} years.",
    )


def _check_police_report(scheme: Scheme, desk: Desk, shown: bool) -> None:
    demanded = in_force(scheme.economy(desk.economy).police_report_on_loss, desk.now)
    if demanded and demanded.value and not shown:
        raise Invalid(
            (("police_report", "missing", "the police's report has to be shown"),)
        )


def _lose(session: Session, desk: Desk, card: Card, what: Lost) -> int:
    live = live_credentials(session, card.id)
    if what == Lost.CARD:
        end_card(session, desk, card, "report_lost", by=Side.HOME)
        return len(live)
    form: Form = "app" if what == Lost.PHONE else "physical"
    mine = [each for each in live if each.form == form]
    if not mine:
        name = "app" if what == Lost.PHONE else "plastic"
        raise Conflict(f"card.no_{name}", "nothing of that kind lives")
    for credential in mine:
        move_credential(
            session,
            desk,
            credential,
            "revoke",
            by=Side.HOLDER,
            reason=f"lost {what}",
            reason_code=f"lost_{what}",
        )
    return len(mine)


def _log_loss(session: Session, desk: Desk, card: Card, given: ReportLost) -> None:
    desk.log(
        session,
        "card:loss_counted",
        f"card:{card.id}",
        what=given.what,
        losses=card.losses,
        police_report=given.police_report,
    )


def _continue(session: Session, desk: Desk, old: Card) -> Card:
    if old.state != lifecycle.Card.LOST:
        raise Conflict("card.not_lost", f"the card is {old.state}")
    if session.scalars(select(Card.id).where(Card.continues_id == old.id)).first():
        raise Conflict("card.continued", "another card continues it already")
    links = open_links(session, old.id)
    if not links or old.expires_at is None:
        raise Conflict("passport.none", "the lost card went with no passport")
    passport = session.get_one(Passport, links[0].passport_id)
    new = Card(
        economy=old.economy,
        person_id=old.person_id,
        application_id=old.application_id,
        approved_by=old.approved_by,
        state=CARD.start,
        applied_on=old.applied_on,
        first_issued_on=old.first_issued_on,
        expires_at=reissue_expiry(old.expires_at, passport.expires_on),
        continues_id=old.id,
        losses=old.losses,
        created_at=desk.now,
        changed_at=desk.now,
    )
    session.add(new)
    session.flush()
    desk.log(
        session,
        "card:created",
        f"card:{new.id}",
        person=new.person_id,
        application=new.application_id,
        continues=old.id,
    )
    move_card(session, desk, new, "activate", by=Side.HOME)
    _take_link(session, desk, links[0], new)
    return new


def _take_link(session: Session, desk: Desk, link: PassportLink, new: Card) -> None:
    """Link the passport to the new card; one that was reported stays reported."""
    state = PASSPORT_LINK.start
    if link.state == lifecycle.PassportLink.REPORTED:
        state = PASSPORT_LINK.after(state, "report", by=Side.SYSTEM)
    session.add(
        PassportLink(
            card_id=new.id,
            passport_id=link.passport_id,
            state=state,
            linked_at=desk.now,
            changed_at=desk.now,
        )
    )
    link.state = PASSPORT_LINK.after(link.state, "end", by=Side.SYSTEM)
    link.changed_at = desk.now
    session.flush()


# Suspensions


def _suspension(
    session: Session, desk: Desk, card: int, why: str, *, credential: int | None = None
) -> Suspension:
    row = Suspension(
        card_id=card,
        credential_id=credential,
        suspended_by=desk.actor.account_id,
        suspended_at=desk.now,
        reason=why,
    )
    session.add(row)
    session.flush()
    return row


def _lift(
    session: Session, desk: Desk, card: int, credential: int | None, why: str
) -> Suspension:
    row = session.scalars(
        select(Suspension)
        .where(
            Suspension.card_id == card,
            Suspension.credential_id.is_(None)
            if credential is None
            else Suspension.credential_id == credential,
            Suspension.lifted_at.is_(None),
        )
        .order_by(Suspension.id.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        raise Conflict("suspension.none", "nobody suspended it by itself")
    if row.suspended_by == desk.actor.account_id:
        raise Conflict("suspension.second_person", "another person has to lift it")
    row.lifted_by, row.lifted_at, row.lift_reason = desk.actor.account_id, desk.now, why
    session.flush()
    return row


def _with(row: Suspension) -> str:
    return f"suspension {row.id}: {row.reason}"


def _passport_is_good(session: Session, card: Card) -> bool:
    return any(
        link.state == lifecycle.PassportLink.LINKED
        for link in open_links(session, card.id)
    )


# Answers


def _check_limit(session: Session, desk: Desk) -> None:
    if desk.actor.kind != AccountKind.SYSTEM:
        check_limit(session, desk, "revoke")


def _moved(card: Card, changed: int, warnings: tuple[str, ...] = ()) -> CardMoved:
    return CardMoved(
        card=card.id,
        state=card.state,
        losses=card.losses,
        credentials_changed=changed,
        warnings=warnings,
    )


def _credential_moved(credential: Credential) -> CredentialMoved:
    return CredentialMoved(
        card=credential.card_id, credential=credential.id, state=credential.state
    )
