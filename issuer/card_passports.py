"""A card and its passport: reported, replaced after a preview, renewed with the card.

A new passport is linked in two steps.  The preview says what becomes of each
pre-clearance, of the end day and of the credentials; linking takes its digest,
and refuses where anything has changed since it was shown.
"""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Final

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from issuer import lifecycle
from issuer.applications import Enter, PassportFields, PersonFields, enter
from issuer.card_issuing import (
    PASSPORT_REPORTED,
    CredentialIssued,
    OneCredential,
    refresh,
)
from issuer.dated import in_force
from issuer.endings import live_credentials, move_credential, open_links
from issuer.errors import (
    Conflict,
    Forbidden,
    IllegalTransition,
    Invalid,
    LintError,
    SigningError,
)
from issuer.lifecycle import PASSPORT_LINK, Side
from issuer.office import Desk
from issuer.operations import Answer, Request, once, operation
from issuer.preclearances import (
    Effect,
    apply_passport_change,
    effect_of_passport_change,
    lanes_of,
)
from issuer.profile import card_expiry, last_day, reissue_expiry
from issuer.scheme import Scheme
from issuer.store import (
    ApplicationKind,
    Card,
    Credential,
    Passport,
    PassportLink,
    Person,
    ReportedPassport,
    Role,
)

CardNumber = Annotated[int, Field(ge=1, description="Number of the card.")]
_Code = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
_LIVING: Final = (lifecycle.Card.ACTIVE, lifecycle.Card.SUSPENDED)

_NOT_BY_YOU: Final = "you approved the application, so another person has to do it"

_SAYS: Final = {
    Effect.KEEP: "stays as it is",
    Effect.REPEND: "is asked again, and is open until it answers",
    Effect.DROP: "ends",
    Effect.ASK: "is asked for the first time",
}


class HowReported(StrEnum):
    """What happened to a passport."""

    LOST = "lost"
    STOLEN = "stolen"
    CANCELLED = "cancelled"


class ReportPassport(Request):
    """A passport that its holder no longer has, or may no longer use."""

    card: CardNumber
    how: HowReported = Field(description="What was reported.")


class PassportReported(Answer):
    """The card cannot be used until another passport is linked."""

    card: int
    passport: int
    credentials_suspended: int


class NewPassport(Request):
    """The passport that a card shall go with."""

    card: CardNumber
    country: _Code = Field(description="Who issued it, three letters.")
    number: str = Field(
        pattern=r"^[A-Z0-9]{1,22}$", description="1 to 22 capital letters and digits."
    )
    issued_on: date | None = Field(None, description="YYYY-MM-DD.")
    expires_on: date = Field(description="Its last day, YYYY-MM-DD.")
    nationality: _Code | None = Field(
        None, description="Where it is another one than before."
    )


class LinkPassport(NewPassport):
    """The same, with what was agreed to."""

    confirmation: str = Field(
        pattern=r"^[0-9a-f]{64}$", description="The digest of the preview."
    )


class LaneEffect(Answer):
    """What a new passport does to one destination's answer."""

    destination: str
    state: str | None
    effect: Effect
    says: str


class FormEffect(Answer):
    """What it does to a credential."""

    credential: int
    form: str
    says: str


class PassportPreview(Answer):
    """What linking this passport would do; nothing has been changed."""

    card: int
    expires_at: datetime
    """As it is."""
    expires_after: datetime
    """As it would be."""
    lanes: tuple[LaneEffect, ...]
    forms: tuple[FormEffect, ...]
    warnings: tuple[str, ...]
    approved_by_you: bool = False
    """Whoever asks approved the application: if they link the passport too, somebody
    else has to have the app's credential signed anew."""
    digest: str
    """To be given back to `card.link_passport`."""


class PassportLinked(Answer):
    """What linking did."""

    card: int
    passport: int
    expires_at: datetime
    lanes: tuple[LaneEffect, ...]
    reissued: tuple[CredentialIssued, ...] = ()
    not_reissued: tuple[str, ...] = ()
    """Why a credential of the app was not signed anew: the phone still shows the code
    with the old passport, or none while that is reported; `card.refresh` does it later,
    asked for by another person where whoever linked approved the application."""


@operation(
    "card.report_passport",
    "Report the passport of a card as lost, stolen or cancelled.",
    Role.ISSUING,
)
def report_passport(desk: Desk, given: ReportPassport) -> PassportReported:
    """Stop a card's credentials until another passport is linked.

    Raises:
        Conflict: ``passport.none``.
        IllegalTransition: It is reported already.
    """

    def work(session: Session) -> PassportReported:
        card = desk.find(session, Card, given.card)
        link = _open_link(session, card)
        return PassportReported(
            card=card.id,
            passport=link.passport_id,
            credentials_suspended=report_link(session, desk, card, link, given.how),
        )

    return once(desk, given, PassportReported, work)


def report_link(
    session: Session, desk: Desk, card: Card, link: PassportLink, how: HowReported
) -> int:
    """Stop a card whose passport is reported, until another one is linked.

    Args:
        session: Of the desk's transaction.
        desk: Who says so, and why.
        card: Of the desk's economy.
        link: Its open link.
        how: What happened to the passport.

    Returns:
        How many credentials are suspended by it.

    Raises:
        IllegalTransition: It is reported already.
    """
    before = link.state
    link.state = PASSPORT_LINK.after(before, "report", by=Side.HOME)
    link.changed_at = desk.now
    if session.get(ReportedPassport, link.passport_id) is None:
        session.add(
            ReportedPassport(passport_id=link.passport_id, reported_at=desk.now)
        )
    desk.log(
        session,
        "card:passport_reported",
        f"card:{card.id}",
        before=before,
        after=link.state,
        passport=link.passport_id,
    )
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
            reason=PASSPORT_REPORTED,
            reason_code=f"passport_{how}",
        )
    return len(valid)


@operation(
    "card.preview_passport",
    "Show what a new passport would do to a card, without doing it.",
    Role.ISSUING,
    changes=False,
)
def preview_passport(desk: Desk, given: NewPassport) -> PassportPreview:
    """Preview a change of passport.

    Raises:
        Invalid: The passport has ended.
        Conflict: As for `link_passport`.
    """

    def work(session: Session) -> PassportPreview:
        card = desk.find(session, Card, given.card)
        desk.log(session, "card:read", f"card:{card.id}")
        return _preview(session, desk, card, given)

    return desk.write(work)


@operation(
    "card.link_passport", "Link a new passport, as it was previewed.", Role.ISSUING
)
def link_passport(desk: Desk, given: LinkPassport) -> PassportLinked:
    """Link a passport; then sign the app's credentials anew, under fresh indexes.

    The plastic names the old passport, so it ends at once: `card.replace` prints
    another.  The link stands also where a signature fails, or where whoever links
    approved the application and so cannot have the card signed: the answer says so.

    Raises:
        Invalid: The passport has ended.
        Conflict: ``preview.changed``: something is not as it was when it was shown;
            ``card.pending_home``: the application has to be made again;
            ``passport.same``, ``passport.other_person``, ``passport.differs`` or
            ``passport.none``.
    """
    linked = once(desk, given, PassportLinked, lambda s: _link(s, desk, given))
    due = desk.read(lambda session: _to_reissue(session, given.card))
    reissued: list[CredentialIssued] = []
    failed: list[str] = []
    if due and _has_approved(desk, given.card):
        return linked.model_copy(update={"not_reissued": (_NOT_BY_YOU,)})
    for credential in due:
        own = replace(desk, request_key=f"passport:{linked.passport}:{credential}")
        try:
            reissued.append(refresh(own, OneCredential(credential=credential)))
        except (
            Conflict, Forbidden, IllegalTransition, LintError, SigningError,
        ) as error:  # fmt: skip
            failed.append(str(error))
    return linked.model_copy(
        update={"reissued": tuple(reissued), "not_reissued": tuple(failed)}
    )


def _has_approved(desk: Desk, card: int) -> bool:
    approver = desk.read(lambda session: desk.find(session, Card, card).approved_by)
    return approver == desk.actor.account_id


class Renew(Request):
    """The card that is renewed, and the passport that the new one shall go with."""

    card: CardNumber
    passport: PassportFields = Field(description="The passport of the new card.")


class Renewal(Answer):
    """The application that was opened, and what it will do to the old card."""

    application: int
    number: str
    warnings: tuple[str, ...]


@operation("card.renew", "Open the application that renews a card.", Role.INTAKE)
def renew(desk: Desk, given: Renew) -> Renewal:
    """Enter an application of kind renewal for the same person.

    Raises:
        Conflict: ``card.not_living``, or as for `issuer.applications.enter`.
        Invalid: As for `issuer.applications.enter`.
    """

    def found(session: Session) -> tuple[Card, Person]:
        card = desk.find(session, Card, given.card)
        return card, session.get_one(Person, card.person_id)

    card, person = desk.read(found)
    if card.state not in (*_LIVING, lifecycle.Card.EXPIRED):
        raise Conflict("card.not_living", f"the card is {card.state}: apply anew")
    entered = enter(
        desk,
        Enter(
            person=_person_fields(person),
            passport=given.passport,
            kind=ApplicationKind.RENEWAL,
            renews_card=card.id,
            person_id=person.id,
            confirm_duplicate_of=(),
            names_confirmed=True,
        ),
    )
    return Renewal(
        application=entered.application,
        number=entered.number,
        warnings=(
            "This card stays good until the first credential of the new one is issued.",
            "At that moment this card, its plastic and its app credential end.",
            "Its pre-clearances end with it: every destination is asked anew.",
        ),
    )


# What a new passport does


def expiry_after(
    card: Card, old: Passport, expires_on: date, *, scheme: Scheme, at: datetime
) -> datetime:
    """Say when a card ends with another passport.

    Args:
        card: With its end and the day of its first issue.
        old: The passport that it goes with.
        expires_on: Last day of the new one.
        scheme: In force.
        at: The moment of the change; timezone-aware.

    Returns:
        The end that it has, or that of the new passport if that is earlier.  Where the
        scheme says so, a card that the old passport had limited is extended: up to the
        years given there from its first issue, and never beyond the new passport.

    Source: KITA.
    """
    assert card.expires_at is not None  # noqa: S101  # it is active
    kept = reissue_expiry(card.expires_at, expires_on)
    rule = in_force(scheme.economy(card.economy).extends_with_passport, at)
    was_the_limit = last_day(card.expires_at) == old.expires_on
    if rule is None or card.first_issued_on is None or not was_the_limit:
        return kept
    return max(kept, card_expiry(card.first_issued_on, rule.value, expires_on))


def _preview(
    session: Session, desk: Desk, card: Card, given: NewPassport
) -> PassportPreview:
    scheme = desk.office.scheme(session)
    person = session.get_one(Person, card.person_id)
    old = _old_passport(session, desk, card, given)
    states = {lane.destination: lane.state for lane in lanes_of(session, card.id)}
    effects = effect_of_passport_change(
        states,
        scheme=scheme,
        issuer=card.economy,
        nationality_before=person.nationality,
        nationality_after=given.nationality or person.nationality,
        at=desk.now,
    )
    after = expiry_after(card, old, given.expires_on, scheme=scheme, at=desk.now)
    assert card.expires_at is not None  # noqa: S101  # it is active
    preview = PassportPreview(
        card=card.id,
        expires_at=card.expires_at,
        expires_after=after,
        lanes=tuple(_lane(code, states.get(code), effects[code]) for code in effects),
        forms=tuple(
            _form(each, scheme, desk) for each in live_credentials(session, card.id)
        ),
        warnings=_warnings(card.expires_at, after, effects.values()),
        digest="",
    )
    text = json.dumps(
        [preview.model_dump(mode="json"), old.id, _columns(given)], sort_keys=True
    )
    return preview.model_copy(
        update={
            "digest": sha256(text.encode()).hexdigest(),
            # Not part of it: a colleague may link what was previewed.
            "approved_by_you": card.approved_by == desk.actor.account_id,
        }
    )


def _old_passport(
    session: Session, desk: Desk, card: Card, given: NewPassport
) -> Passport:
    if given.expires_on < desk.now.date():
        raise Invalid((("expires_on", "ended", "the passport has ended"),))
    # A day of tolerance: today is said by the calendar of whoever issued it.
    if given.issued_on and given.issued_on > desk.now.date() + timedelta(days=1):
        raise Invalid((("issued_on", "future", "the passport is not issued yet"),))
    if given.issued_on and given.issued_on >= given.expires_on:
        raise Invalid((("issued_on", "after_end", "it ends before it was issued"),))
    if card.state == lifecycle.Card.PENDING_HOME:
        raise Conflict(
            "card.pending_home",
            "the application names the old passport: withdraw it and apply again",
        )
    if card.state not in _LIVING:
        raise Conflict("card.ended", f"the card is {card.state}")
    old = session.get_one(Passport, _open_link(session, card).passport_id)
    if (old.issuer, old.number) == (given.country, given.number):
        raise Conflict("passport.same", "the card goes with this passport already")
    return old


def _lane(
    code: str, state: lifecycle.Preclearance | None, effect: Effect
) -> LaneEffect:
    says = f"{code} {_SAYS[effect]}"
    return LaneEffect(destination=code, state=state, effect=effect, says=says)


def _form(credential: Credential, scheme: Scheme, desk: Desk) -> FormEffect:
    forms = scheme.issuance_mode(desk.economy, desk.now) or frozenset()
    if credential.form == "app":
        says = "is signed anew for the same phone; the old code stops working"
    elif "physical" in forms:
        says = "ends now: take it back, and make another from the card's page"
    else:
        says = "ends now, and no plastic is issued any more: convert the card"
    return FormEffect(credential=credential.id, form=credential.form, says=says)


def _warnings(
    before: datetime, after: datetime, effects: Iterable[Effect]
) -> tuple[str, ...]:
    found = []
    if after < before:
        found.append(f"The card ends earlier, with the passport: on {last_day(after)}.")
    if after > before:
        found.append(f"The card ends later than before: on {last_day(after)}.")
    asked = [*effects].count(Effect.REPEND)
    if asked:
        found.append(
            f"{asked} economies are asked again; until they answer the card gives no"
            " entry there."
        )
    return tuple(found)


def _link(session: Session, desk: Desk, given: LinkPassport) -> PassportLinked:
    card = desk.find(session, Card, given.card)
    preview = _preview(session, desk, card, given)
    if preview.digest != given.confirmation:
        raise Conflict(
            "preview.changed", "something has changed since it was shown: look again"
        )
    person = session.get_one(Person, card.person_id)
    passport = _passport(session, desk, person, given)
    before = _replace_link(session, desk, card, passport)
    nationality = person.nationality
    person.nationality = given.nationality or nationality
    card.expires_at, card.changed_at = preview.expires_after, desk.now
    session.flush()
    effects = apply_passport_change(
        session,
        desk,
        card,
        nationality_before=nationality,
        nationality_after=person.nationality,
    )
    _end_plastic(session, desk, card)
    counts = {each: [*effects.values()].count(each) for each in Effect}
    desk.log(
        session,
        "card:passport_linked",
        f"card:{card.id}",
        passport=passport.id,
        before=before,
        keep=counts[Effect.KEEP],
        repend=counts[Effect.REPEND],
        drop=counts[Effect.DROP],
        expires=last_day(card.expires_at).isoformat(),
    )
    return PassportLinked(
        card=card.id,
        passport=passport.id,
        expires_at=card.expires_at,
        lanes=preview.lanes,
    )


def _replace_link(session: Session, desk: Desk, card: Card, passport: Passport) -> int:
    link = _open_link(session, card)
    link.state = PASSPORT_LINK.after(link.state, "replace", by=Side.HOME)
    link.changed_at = desk.now
    session.flush()  # one link is open at a time
    session.add(
        PassportLink(
            card_id=card.id,
            passport_id=passport.id,
            state=PASSPORT_LINK.start,
            linked_at=desk.now,
            changed_at=desk.now,
        )
    )
    return link.passport_id


def _passport(
    session: Session, desk: Desk, person: Person, given: NewPassport
) -> Passport:
    columns = _columns(given)
    known = session.scalars(
        select(Passport).where(
            Passport.economy == desk.economy,
            Passport.issuer == given.country,
            Passport.number == given.number,
        )
    ).one_or_none()
    if known is None:
        known = Passport(
            economy=desk.economy,
            person_id=person.id,
            issuer=given.country,
            number=given.number,
            issued_on=given.issued_on,
            expires_on=given.expires_on,
        )
        session.add(known)
        session.flush()
    if known.person_id != person.id:
        raise Conflict("passport.other_person", "this passport is another person's")
    if str(known.expires_on) != columns["expires_on"]:
        raise Conflict("passport.differs", "it is on file with another last day")
    return known


def _columns(given: NewPassport) -> dict[str, str | None]:
    return {
        "country": given.country,
        "number": given.number,
        "issued_on": str(given.issued_on),
        "expires_on": str(given.expires_on),
        "nationality": given.nationality,
    }


def _end_plastic(session: Session, desk: Desk, card: Card) -> None:
    for credential in live_credentials(session, card.id):
        if credential.form == "physical":
            move_credential(
                session,
                desk,
                credential,
                "supersede",
                by=Side.SYSTEM,
                reason="it names another passport",
                reason_code="new_passport",
            )
    session.flush()


def _to_reissue(session: Session, card: int) -> list[int]:
    """Return the app credentials that still name the old passport.

    One that was suspended for a reason of its own stays so.
    """
    linked = [each.passport_id for each in open_links(session, card)]
    return [
        each.id
        for each in live_credentials(session, card)
        if each.form == "app"
        and each.passport_id not in linked
        and (
            each.state == lifecycle.Credential.VALID
            or each.state_reason == PASSPORT_REPORTED
        )
    ]


def _open_link(session: Session, card: Card) -> PassportLink:
    links = open_links(session, card.id)
    if not links:
        raise Conflict("passport.none", "the card goes with no passport")
    return links[0]


def _person_fields(person: Person) -> PersonFields:
    return PersonFields(
        family_name=person.family_name,
        given_name=person.given_name,
        birthdate=person.birthdate.isoformat(),
        sex=person.sex,
        nationality=person.nationality,
        email=person.email or "",
        machine_family_name=person.machine_family_name,
        machine_given_name=person.machine_given_name,
    )
