"""What a holder's phone may do by itself: take an offer, get its card, keep it fresh.

Nothing here speaks HTTP.  A phone is known by its tokens and by the key that they are
bound to; what it does is done in the name of the installation, and logged.  Refusals
are `Conflict` with a stable code, and never say whose offer, phone or card it is not.
"""

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from issuer import lifecycle
from issuer.errors import ClockError, Conflict, NotFound, SigningError
from issuer.holder_views import Holding, Preview, holding_of, preview_of
from issuer.installation_key import InstallationKey
from issuer.intents import Order
from issuer.jws import PublicKey, canonical, public_jwk, public_key_from_jwk
from issuer.office import Desk, Office
from issuer.offers import Codes, add_offer, address_of, hashed, one_time_mark
from issuer.signing import Issued, issue
from issuer.store import (
    Card,
    Credential,
    Issue,
    IssueState,
    Offer,
    OfferState,
    Phone,
    PhoneState,
    UsedOnce,
)
from issuer.store.wallet import MOST_WRONG

ACCESS: Final = timedelta(minutes=5)
REFRESH: Final = timedelta(days=400)
"""Since the phone was last seen; longer than anybody leaves a card alone."""
NONCE: Final = timedelta(minutes=5)
PROOF: Final = timedelta(minutes=5)
"""For which the identity of a proof of possession is remembered."""
_OFFERABLE: Final = (lifecycle.Card.PENDING_HOME, lifecycle.Card.ACTIVE)
_NONCE_USE: Final = "proof nonce"
_PRUNED: Final = 1_000
_LIVE: Final = (lifecycle.Credential.VALID, lifecycle.Credential.SUSPENDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What a phone is given; only their hashes are kept."""

    access: str
    refresh: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A phone that has shown its access token, with the key that it is bound to."""

    phone_id: int
    economy: str
    card_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A credential for the phone."""

    text: str
    notification: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """The credential is not ready; its phone asks again."""

    transaction: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Holders:
    """The office as holders' phones see it; share one between threads."""

    office: Office
    key: InstallationKey

    # Offers and tokens

    def code_of(self, economy: str, reference: str, *, now: datetime) -> Codes | None:
        """Return the codes of an offer that can be taken, by the end of its address."""
        return self.office.store.read(
            lambda session: self._codes(session, economy, reference, now)
        )

    def needs_one_time_code(self, economy: str, reference: str) -> bool:
        """Tell whether a one-time code travels another way."""
        offer = self.office.store.read(
            lambda session: _offer_at(session, economy, reference)
        )
        return offer is not None and offer.one_time_mark is not None

    def redeem(
        self,
        economy: str,
        code: str,
        one_time_code: str | None,
        *,
        phone_key: str,
        proof: str,
        now: datetime,
    ) -> Tokens:
        """Take an offer.

        The same phone may take it again until it has used a token: its first answer may
        have been lost.

        Args:
            economy: Whose offer.
            code: The pre-authorized code.
            one_time_code: Six digits; None where none was sent.
            phone_key: Thumbprint of the key that the tokens will be bound to.
            proof: Identity of the proof that the phone has that key; used once.
            now: The moment.

        Raises:
            Conflict: ``grant.invalid``: there is no such offer, it is over, or the
                one-time code is wrong.  ``grant.one_time_code``: one is needed and none
                was sent, or the other way round.  ``proof.used``.
        """
        tokens = _new_tokens()

        def work(session: Session) -> str | None:
            use_once(session, "proof", proof, now + PROOF)
            return self._redeemed(
                session, economy, code, one_time_code, phone_key, tokens, now
            )

        # A wrong code has to be counted, so the transaction that finds it is kept.
        refusal = self._desk(economy, now, "offer redeemed").write(work)
        if refusal is not None:
            raise Conflict(refusal, "the offer cannot be taken with this")
        return tokens

    def renew(
        self, economy: str, refresh: str, *, phone_key: str, proof: str, now: datetime
    ) -> Tokens:
        """Give a phone a new access token; its refresh token goes on.

        Raises:
            Conflict: ``grant.invalid``: no phone of this key has it, or it is over.
                ``proof.used``.
        """
        access = secrets.token_urlsafe(32)

        def work(session: Session) -> None:
            use_once(session, "proof", proof, now + PROOF)
            phone = session.scalars(
                select(Phone)
                .where(Phone.refresh_hash == hashed(refresh), Phone.economy == economy)
                .with_for_update()
            ).one_or_none()
            if (
                phone is None
                or phone.key != phone_key
                or phone.state in (PhoneState.DECLINED, PhoneState.ENDED)
                or phone.refresh_ends_at is None
                or phone.refresh_ends_at <= now
            ):
                raise Conflict("grant.invalid", "the token is not good here")
            phone.access_hash = hashed(access)
            phone.access_ends_at = now + ACCESS
            phone.refresh_ends_at = now + REFRESH
            phone.seen_at = now

        self.office.store.write(work, now=now)
        return Tokens(access=access, refresh=refresh)

    def known(
        self, economy: str, access: str, *, phone_key: str, proof: str, now: datetime
    ) -> Known:
        """Tell which phone it is.

        Raises:
            Conflict: ``token.invalid``: no phone of this key has it in this economy, or
                it is over.  ``proof.used``.
        """

        def work(session: Session) -> Known:
            use_once(session, "proof", proof, now + PROOF)
            phone = session.scalars(
                select(Phone).where(
                    Phone.access_hash == hashed(access), Phone.economy == economy
                )
            ).one_or_none()
            if (
                phone is None
                or phone.key != phone_key
                or phone.state in (PhoneState.DECLINED, PhoneState.ENDED)
                or phone.access_ends_at is None
                or phone.access_ends_at <= now
            ):
                raise Conflict("token.invalid", "the token is not good here")
            return Known(phone_id=phone.id, economy=economy, card_id=phone.card_id)

        return self.office.store.write(work, now=now)

    # Credentials

    def nonce(self, economy: str, *, now: datetime) -> str:
        """Make a nonce for a credential proof; nothing is kept until it is used."""
        body = f"{int((now + NONCE).timestamp())}.{secrets.token_urlsafe(16)}"
        return f"{body}.{self.key.mark(_NONCE_USE, f'{economy}.{body}')}"

    def credential(
        self, known: Known, holder_key: PublicKey, nonce: str, *, now: datetime
    ) -> Ready | Later:
        """Bring a phone its credential: the first, the same, or the newest.

        Args:
            known: The phone.
            holder_key: Shown by a proof that carries ``nonce``.
            nonce: Of `nonce`; used once.
            now: The moment.

        Raises:
            Conflict: ``nonce.invalid``.  ``proof.other_key``: this phone has a card
                under another key.  ``card.*``, ``mode.*`` and others: refused for good.
            StoreDown: Nothing was done; the same may be asked again.
        """
        self._spend(known, nonce, holder_key, now)
        return self._bring(known, now)

    def deferred(self, known: Known, transaction: str, *, now: datetime) -> Ready | Later:
        """Bring a credential that was not ready.

        Raises:
            Conflict: ``transaction.invalid``, and as for `credential`.
        """
        phone = self._phone(known)
        if phone.transaction_hash != hashed(transaction) or phone.holder_key is None:
            raise Conflict("transaction.invalid", "there is no such transaction")
        return self._bring(known, now, transaction)

    def notified(self, known: Known, notification: str, event: str) -> None:
        """Keep what a wallet says became of its credential; saying it twice is fine.

        Raises:
            Conflict: ``notification.invalid``.
        """
        now = datetime.now(UTC)

        def work(session: Session) -> None:
            phone = _open_phone(session, known)
            if phone.notification_hash != hashed(notification):
                raise Conflict("notification.invalid", "there is no such notification")
            phone.told = event

        self.office.store.write(work, now=now)

    # The holder's own view

    def preview(self, known: Known, *, now: datetime) -> Preview:
        """Say whose card it is, before the holder says yes."""
        desk = self._desk(known.economy, now, "shown to its holder")

        def work(session: Session) -> Preview:
            desk.log(session, "card:read", f"card:{known.card_id}")
            return preview_of(session, desk, known.card_id)

        return desk.look(work)

    def holding(self, known: Known, *, now: datetime) -> Holding:
        """Say how the card stands, and what each economy has said."""
        desk = self._desk(known.economy, now, "shown to its holder")
        return desk.read(
            lambda session: holding_of(
                session, desk, session.get_one(Phone, known.phone_id)
            )
        )

    def decline(self, known: Known, *, now: datetime) -> None:
        """Take the holder's no: the tokens end, and the offer is not given again."""
        desk = self._desk(known.economy, now, "declined by its holder")

        def work(session: Session) -> None:
            phone = _open_phone(session, known)
            if phone.state != PhoneState.ASKING:
                raise Conflict("phone.has_card", "the phone has the card already")
            phone.state = PhoneState.DECLINED
            phone.seen_at = now
            desk.log(session, "offer:declined", f"offer:{phone.offer_id}",
                     card=phone.card_id)  # fmt: skip

        desk.write(work)
