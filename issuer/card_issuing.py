"""The routes by which a card gets a credential: app or plastic, first or again.

Each route says what shall be signed and what ends with it; `issuer.signing` does the
rest.  Whether the economy issues a form is dated configuration, never code.
"""

import json
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from issuer import lifecycle
from issuer.basis import Basis, bases
from issuer.economy import Form
from issuer.endings import live_credentials
from issuer.errors import Conflict, Invalid, ProfileError
from issuer.intents import Declined, Order
from issuer.issuance import holder_key_from_jwk
from issuer.jws import PublicKey, canonical, public_jwk, public_key_from_jwk
from issuer.office import BatchSource, Desk
from issuer.operations import Answer, Request, operation
from issuer.signing import Issued, issue, issue_many
from issuer.store import (
    Application,
    Card,
    Credential,
    Issue,
    IssueState,
    Preclearance,
    Role,
)

CardNumber = Annotated[int, Field(ge=1, description="Number of the card.")]
HolderKey = Annotated[
    dict[str, Any],
    Field(description="The phone's public key: a JWK with kty EC and crv P-256."),
]
_Design = Annotated[
    str,
    Field(
        max_length=64,
        description="Design of the plastic; empty: that of the day of printing.",
    ),
]
PASSPORT_REPORTED: Final = "the passport was reported"
"""Why a credential is suspended that only another passport brings back."""
_WAITING: Final = (lifecycle.Preclearance.NOT_SENT, lifecycle.Preclearance.PENDING)
_PAGE: Final = 500
_MOST: Final = 10_000
MANY: Final = 1_000
"""Signatures from which on processes that share them are worth their start."""


class IssueApp(Request):
    """Put a card into the app of a phone."""

    card: CardNumber
    holder_key: HolderKey


class IssuePlastic(Request):
    """Make the plastic document of a card."""

    card: CardNumber
    interim: bool = Field(
        False, description="Early, while destinations still have to answer."
    )
    design: _Design = ""


class Convert(Request):
    """Give a card that is plastic to the app."""

    card: CardNumber
    holder_key: HolderKey
    keep_plastic: bool = Field(
        False, description="Let the plastic live beside it; otherwise it ends."
    )


class Reprint(Request):
    """Print what has changed since the plastic was made."""

    card: CardNumber
    design: _Design = ""


class ReplaceReason(StrEnum):
    """Why a plastic document is made again."""

    DAMAGE = "damage"
    LOSS = "loss"
    """Of the plastic alone, after `card.report_lost` of it."""
    NEW_PASSPORT = "new_passport"
    """Linking it has ended the plastic that names the old one."""
    WITHDRAWAL = "withdrawal"
    """A destination withdrew: the new one is printed without it."""


_ENDED_BEFORE: Final = (ReplaceReason.LOSS, ReplaceReason.NEW_PASSPORT)
"""Reasons for which nothing lives that could be replaced."""


class Replace(Request):
    """Make a plastic document again."""

    card: CardNumber
    why: ReplaceReason = Field(description="Why the old document goes.")
    design: _Design = ""


class OneCredential(Request):
    """Which credential it is about."""

    credential: int = Field(ge=1, description="Number of the credential.")


class CredentialIssued(Answer):
    """A credential that lives from now on."""

    card: int
    credential: int
    issue: int
    document_number: str
    form: str
    list_number: int
    list_index: int
    economies: tuple[str, ...]
    expires_at: datetime
    text: str
    """What the phone holds, or what the printed code is made of."""
    warnings: tuple[str, ...] = ()


@operation("card.issue_app", "Put a card into the app of a phone.", Role.ISSUING)
def issue_app(desk: Desk, given: IssueApp) -> CredentialIssued:
    """Issue the first credential for the app."""
    key = _holder_key(given.holder_key)

    def plan(session: Session) -> Order:
        card = desk.find(session, Card, given.card)
        return _for_phone(card, key, replaces=None)

    return _issued(desk, given, plan)


@operation("card.issue_plastic", "Make the plastic document of a card.", Role.ISSUING)
def issue_plastic(desk: Desk, given: IssuePlastic) -> CredentialIssued:
    """Issue an interim document, or the final one, which ends the interim one."""

    def plan(session: Session) -> Order:
        card = desk.find(session, Card, given.card)
        _check_interim(session, card, given.interim)
        old = _live(session, card, "physical")
        is_final_step = old is not None and old.is_interim and not given.interim
        return Order(
            card_id=card.id,
            form="physical",
            is_interim=given.interim,
            design=given.design,
            replaces_id=old.id if old and is_final_step else None,
        )

    return _issued(desk, given, plan)


@operation(
    "card.rebind",
    "Move a card to another phone; the old phone's credential ends with it.",
    Role.ISSUING,
)
def rebind(desk: Desk, given: IssueApp) -> CredentialIssued:
    """Sign for a new phone under a fresh index, and supersede the old credential."""
    key = _holder_key(given.holder_key)

    def plan(session: Session) -> Order:
        card = desk.find(session, Card, given.card)
        if not _had(session, card, "app"):
            raise Conflict("card.never_in_app", "it is in no app yet: issue it first")
        old = _live(session, card, "app")
        if old is not None and _is_bound_to(old, key):
            raise Conflict("holder_key.same", "this phone has the card already")
        return _for_phone(card, key, replaces=old)

    return _issued(desk, given, plan)


@operation("card.convert", "Turn a plastic card into one in the app.", Role.ISSUING)
def convert(desk: Desk, given: Convert) -> CredentialIssued:
    """Issue for the app and, unless it is kept, end the plastic; the end day stays."""
    key = _holder_key(given.holder_key)

    def plan(session: Session) -> Order:
        card = desk.find(session, Card, given.card)
        old = _live(session, card, "physical")
        if old is None:
            raise Conflict("card.no_plastic", "there is no plastic to convert")
        return _for_phone(card, key, replaces=None if given.keep_plastic else old)

    warnings = (
        "The day on which the card ends stays as it was.",
        "Every pre-clearance goes on.",
        "The plastic goes on as well."
        if given.keep_plastic
        else "The plastic is not valid any more: take it back.",
    )
    return _issued(desk, given, plan, warnings)


@operation(
    "card.add_economies",
    "Print a plastic document again, with what was approved since.",
    Role.ISSUING,
)
def add_economies(desk: Desk, given: Reprint) -> CredentialIssued:
    """Reprint where there is something new to print."""

    def plan(session: Session) -> Order:
        card = desk.find(session, Card, given.card)
        old = _live(session, card, "physical")
        if old is None:
            raise Conflict("card.no_plastic", "there is no plastic to print again")
        printed, due = _printed(session, old), _due(session, desk, card)
        if not due - printed:
            raise Conflict("plastic.nothing_new", "no economy has been added since")
        return _reprint(card, old, given.design)

    return _issued(desk, given, plan)


@operation("card.replace", "Make a plastic document again.", Role.ISSUING)
def replace(desk: Desk, given: Replace) -> CredentialIssued:
    """Replace the plastic document of a card that lives; the end day stays."""

    def plan(session: Session) -> Order:
        card = desk.find(session, Card, given.card)
        old = _live(session, card, "physical")
        if old is not None and given.why in _ENDED_BEFORE:
            raise Conflict("plastic.lives", "report what happened to it first")
        if old is None and not (
            given.why in _ENDED_BEFORE and _had(session, card, "physical")
        ):
            raise Conflict("card.no_plastic", "there is no plastic to replace")
        return _reprint(card, old, given.design)

    return _issued(desk, given, plan)


@operation(
    "card.refresh",
    "Sign a credential of the app anew, with what has changed since.",
    Role.ISSUING,
)
def refresh(desk: Desk, given: OneCredential) -> CredentialIssued:
    """Sign again for the same phone, under the same index; or, where the card goes with
    another passport now, under a fresh one.
    """

    def plan(session: Session) -> Order:
        credential = desk.find(session, Credential, given.credential)
        basis = bases(session, desk.economy, [credential.card_id])[credential.card_id]
        order = _refresh_order(basis, credential)
        scheme = desk.office.scheme(session)
        latest = _latest(session, [credential.id])[credential.id]
        due = " ".join(basis.economies(scheme, desk.now))
        if order.refreshes_id and latest.economies == due:
            raise Conflict("credential.up_to_date", "nothing has changed since")
        return order

    return _issued(desk, given, plan)


class RefreshDue(Request):
    """Sign anew what has changed, one page of credentials at a time."""

    after: int = Field(0, ge=0, description="Go on behind this credential.")
    limit: int = Field(
        _PAGE,
        ge=1,
        le=_MOST,
        description="Credentials to look at; many at once are signed faster.",
    )


class NotRefreshed(Answer):
    """One that could not be refreshed."""

    card: int
    code: str
    detail: str


class Refreshed(Answer):
    """What one page came to."""

    looked_at: int
    refreshed: int
    declined: tuple[NotRefreshed, ...]
    after: int | None
    """Where the next page begins; None at the end."""


@operation(
    "card.refresh_due",
    "Sign anew every credential of the app whose economies have changed.",
    Role.ISSUING,
)
def refresh_due(desk: Desk, given: RefreshDue) -> Refreshed:
    """Refresh by the rules, in the name of the installation: nobody judges anything.

    A page that was interrupted can be asked for again: what it had done is not done
    twice.
    """
    own = desk.office.system_desk(desk.economy, now=desk.now, reason=desk.reason)
    looked_at, orders, left = own.read(lambda session: _due_orders(session, own, given))
    results = _sign_all(own, orders)
    declined = [each for each in results if isinstance(each, Declined)]
    return Refreshed(
        looked_at=len(looked_at),
        refreshed=len(results) - len(declined),
        declined=tuple(
            NotRefreshed(card=each.card_id, code=each.code, detail=each.detail)
            for each in (*declined, *left)
        ),
        after=looked_at[-1] if len(looked_at) == given.limit else None,
    )


def order_for_phone(
    session: Session, desk: Desk, card: Card, key: PublicKey, *, by_person: bool
) -> Order:
    """Say what a phone gets that has shown its key, and was offered the card.

    The first credential; the newest, where the card is on this phone; or one that ends
    the credential of the phone before.

    Args:
        session: Of the desk's transaction.
        desk: Of the installation itself.
        card: That was offered.
        key: The phone's.
        by_person: A person has offered it, not the phone before.

    Raises:
        Conflict: ``credential.suspended``: no phone brings that back.
            ``credential.ended``: what the phone before offered has ended since.
            ``passport.changed``: a person has to have that signed.
    """
    old = _live(session, card, "app")
    if old is None:
        if not by_person:
            raise Conflict("credential.ended", "what was offered has ended since")
        return _for_phone(card, key, replaces=None)
    if old.state == lifecycle.Credential.SUSPENDED:
        raise Conflict("credential.suspended", "what is suspended stays suspended")
    basis = bases(session, desk.economy, [card.id])[card.id]
    is_mine = _is_bound_to(old, key)
    order = _refresh_order(basis, old)
    if order.replaces_id and (is_mine or not by_person):
        declined = _for_a_person(card.id)
        raise Conflict(declined.code, declined.detail)
    return order if is_mine else _for_phone(card, key, replaces=old)


def _sign_all(desk: Desk, orders: list[tuple[str, Order]]) -> list[Issued | Declined]:
    source = desk.office.signers
    if len(orders) < MANY or not isinstance(source, BatchSource):
        return issue_many(desk, orders)
    with source.batch(desk.economy, now=desk.now) as sign:
        return issue_many(desk, orders, sign=sign)


def _due_orders(
    session: Session, desk: Desk, given: RefreshDue
) -> tuple[list[int], list[tuple[str, Order]], list[Declined]]:
    page = session.scalars(
        select(Credential)
        .where(
            Credential.economy == desk.economy,
            Credential.form == "app",
            Credential.state == lifecycle.Credential.VALID,
            Credential.id > given.after,
        )
        .order_by(Credential.id)
        .limit(given.limit)
    ).all()
    known = bases(session, desk.economy, (each.card_id for each in page))
    latest = _latest(session, [each.id for each in page])
    scheme = desk.office.scheme(session)
    orders, left = [], []
    for credential in page:
        basis = known[credential.card_id]
        last = latest[credential.id]
        order = _refresh_order(basis, credential)
        due = " ".join(basis.economies(scheme, desk.now))
        if order.replaces_id:
            # Who linked it may be who approved the card: a person answers for this.
            left.append(_for_a_person(credential.card_id))
        elif last.economies != due:
            orders.append((f"refresh:{credential.id}:{last.newest}", order))
    return [each.id for each in page], orders, left


def _for_a_person(card: int) -> Declined:
    detail = "it goes with another passport now: a person has it signed anew"
    return Declined(card_id=card, code="passport.changed", detail=detail)


def _refresh_order(basis: Basis, credential: Credential) -> Order:
    if credential.form != "app" or credential.holder_key is None:
        raise Conflict("plastic.is_printed", "what is printed stays: replace it")
    if basis.passport is None or credential.passport_id == basis.passport.id:
        return Order(card_id=credential.card_id, form="app", refreshes_id=credential.id)
    if (
        credential.state == lifecycle.Credential.SUSPENDED
        and credential.state_reason != PASSPORT_REPORTED
    ):
        raise Conflict("credential.suspended", "it is suspended for another reason")
    # The old text names the old passport, so it has to end.
    return Order(
        card_id=credential.card_id,
        form="app",
        holder_key=_stored_key(credential.holder_key),
        replaces_id=credential.id,
    )


class _Latest:
    """What was last signed of a credential, and its newest row of any state."""

    def __init__(self, economies: str, newest: int) -> None:
        self.economies = economies
        self.newest = newest


def _latest(session: Session, credentials: list[int]) -> dict[int, _Latest]:
    signed = (
        select(func.max(Issue.id))
        .where(Issue.credential_id.in_(credentials), Issue.state == IssueState.SIGNED)
        .group_by(Issue.credential_id)
    )
    newest = {
        row[0]: row[1]
        for row in session.execute(
            select(Issue.credential_id, func.max(Issue.id))
            .where(Issue.credential_id.in_(credentials))
            .group_by(Issue.credential_id)
        )
    }
    rows = session.execute(
        select(Issue.credential_id, Issue.economies).where(Issue.id.in_(signed))
    )
    return {key: _Latest(economies, newest[key]) for key, economies in rows}


# What a route needs to know


def _issued(
    desk: Desk,
    given: Request,
    plan: Callable[[Session], Order],
    warnings: tuple[str, ...] = (),
) -> CredentialIssued:
    request = {"is": type(given).__name__, **given.model_dump(mode="json")}
    done = issue(desk, request, plan)
    return CredentialIssued(
        card=done.card_id,
        credential=done.credential_id,
        issue=done.issue_id,
        document_number=done.document_number,
        form=done.form,
        list_number=done.list_number,
        list_index=done.list_index,
        economies=done.economies,
        expires_at=done.expires_at,
        text=done.text,
        warnings=warnings,
    )


def _holder_key(jwk: dict[str, Any]) -> PublicKey:
    try:
        return holder_key_from_jwk(jwk)
    except ProfileError as error:
        raise Invalid((("holder_key", "not_a_key", error.reason),)) from error


def _is_bound_to(credential: Credential, key: PublicKey) -> bool:
    return credential.holder_key == canonical(public_jwk(key)).decode()


def _for_phone(card: Card, key: PublicKey, *, replaces: Credential | None) -> Order:
    return Order(
        card_id=card.id,
        form="app",
        holder_key=key,
        replaces_id=replaces.id if replaces else None,
    )


def _stored_key(text: str) -> PublicKey:
    return public_key_from_jwk(json.loads(text))


def _check_interim(session: Session, card: Card, interim: bool) -> None:
    waiting = session.scalar(
        select(func.count()).where(
            Preclearance.card_id == card.id, Preclearance.state.in_(_WAITING)
        )
    )
    if interim and not waiting:
        raise Conflict("plastic.all_answered", "nothing is open: make the final one")
    if not interim and waiting and not _is_closed(session, card):
        raise Conflict(
            "plastic.answers_open",
            f"{waiting} destinations have not answered: make an interim one, or close"
            " the application",
        )


def _is_closed(session: Session, card: Card) -> bool:
    if card.application_id is None:
        return True
    application = session.get_one(Application, card.application_id)
    return application.state == lifecycle.Application.CLOSED


def _live(session: Session, card: Card, form: Form) -> Credential | None:
    live = [each for each in live_credentials(session, card.id) if each.form == form]
    return live[0] if live else None


def _had(session: Session, card: Card, form: Form) -> bool:
    signed = select(Credential.id).where(
        Credential.card_id == card.id,
        Credential.form == form,
        Credential.state.not_in(
            (lifecycle.Credential.PREPARED, lifecycle.Credential.VOID)
        ),
    )
    return session.scalars(signed.limit(1)).first() is not None


def _printed(session: Session, credential: Credential) -> set[str]:
    latest = _latest(session, [credential.id])
    return set(latest[credential.id].economies.split())


def _due(session: Session, desk: Desk, card: Card) -> set[str]:
    basis = bases(session, desk.economy, [card.id])[card.id]
    return set(basis.economies(desk.office.scheme(session), desk.now))


def _reprint(card: Card, old: Credential | None, design: str) -> Order:
    return Order(
        card_id=card.id,
        form="physical",
        is_interim=old.is_interim if old else False,
        design=design,
        replaces_id=old.id if old else None,
    )
