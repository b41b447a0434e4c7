"""What a holder's phone may do by itself: take an offer, get its card, keep it fresh.

Nothing here speaks HTTP.  A phone is known by its tokens and by the key that they are
bound to; what it does is done in the name of the installation, and logged.  Refusals
are `Conflict` with a stable code, and never say whose offer, phone or card it is not.
"""

import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from unicodedata import normalize

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from issuer import lifecycle
from issuer.bringing import Later, Ready, bring
from issuer.card_states import suspend_for_holder
from issuer.errors import Conflict
from issuer.holder_views import (
    Device,
    Holding,
    Preview,
    credential_of,
    devices_of,
    holding_of,
    preview_of,
    waiting_phones,
)
from issuer.installation_key import InstallationKey
from issuer.jws import PublicKey, canonical, public_jwk
from issuer.offers import (
    Codes,
    add_offer,
    end_offers,
    hashed,
    link_of,
    lost_mark,
    new_digits,
    one_time_mark,
    wallet_link_of,
)
from issuer.office import Desk, Office
from issuer.phone_waits import NEVER_SIGNED
from issuer.store import (
    AuditRow,
    Card,
    Credential,
    Issue,
    IssueState,
    Offer,
    OfferState,
    Phone,
    PhoneState,
)
from issuer.store.wallet import MOST_WRONG
from issuer.used_once import use_once, use_proof

ACCESS: Final = timedelta(minutes=5)
REFRESH: Final = timedelta(days=400)
"""Since the phone was last seen; longer than anybody leaves a card alone."""
NONCE: Final = timedelta(minutes=5)
_NONCE_USE: Final = "proof nonce"
_NOTIFICATION_USE: Final = "notification"
_BASIS_ASKED: Final = "phone:basis_asked"
_SUSPENDED: Final = lifecycle.Credential.SUSPENDED
_OVER: Final = (PhoneState.DECLINED, PhoneState.ENDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """An offer that can be taken, for whoever has its address."""

    code: str
    """Pre-authorized."""
    needs_one_time_code: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What a phone is given; only their hashes are kept."""

    access: str
    refresh: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a phone shows with a request: its token, and that it has the key for it."""

    economy: str
    """Whose address it asked at."""
    access: str
    phone_key: str
    """Thumbprint of the key that signed the proof."""
    proof: str
    """Identity of that proof; used once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A phone that is known by what it has shown."""

    phone_id: int
    economy: str
    card_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """An offer that a phone made for the next one."""

    link: str
    wallet_link: str
    one_time_code: str
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Holders:
    """The office as holders' phones see it; share one between threads."""

    office: Office
    key: InstallationKey

    # Offers and tokens

    def offered(self, economy: str, reference: str, *, now: datetime) -> Offered | None:
        """Return what is behind the address of an offer, while it can be taken."""

        def work(session: Session) -> Offered | None:
            offer = session.scalars(
                select(Offer).where(
                    Offer.reference_hash == hashed(reference),
                    Offer.economy == economy,
                    Offer.state == OfferState.OPEN,
                    Offer.ends_at > now,
                )
            ).one_or_none()
            if offer is None:
                return None
            return Offered(
                code=Codes.of(reference, self.key).code,
                needs_one_time_code=offer.one_time_mark is not None,
            )

        return self.office.store.read(work)

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
            one_time_code: Six digits, in any script's width and with any spacing; None
                where none was sent.
            phone_key: Thumbprint of the key that the tokens will be bound to.
            proof: Identity of the proof that the phone has that key; used once.
            now: The moment.

        Raises:
            Conflict: ``grant.invalid``: there is no such offer, it is over, or the
                one-time code is wrong.  ``grant.one_time_code``: one is needed and none
                was sent, or the other way round.  ``proof.used``.
        """
        tokens = _new_tokens()
        if not self._is_known(economy, code):
            raise Conflict("grant.invalid", "the offer cannot be taken with this")

        def work(session: Session) -> str | None:
            use_proof(session, proof, now)
            taking = _Taking(
                session=session,
                desk=desk,
                key=self.key,
                phone_key=phone_key,
                tokens=tokens,
            )
            return taking.refusal(code, one_time_code)

        desk = self._desk(economy, now, "an offer was taken")
        # A wrong code has to be counted, so the transaction that finds it is kept.
        refusal = desk.write(work)
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
            use_proof(session, proof, now)
            phone = session.scalars(
                select(Phone)
                .where(Phone.refresh_hash == hashed(refresh), Phone.economy == economy)
                .with_for_update()
            ).one_or_none()
            if phone is None or not _is_its(
                phone, phone_key, phone.refresh_ends_at, now
            ):
                raise Conflict("grant.invalid", "the token is not good here")
            phone.access_hash = hashed(access)
            phone.access_ends_at = now + ACCESS
            phone.refresh_ends_at = now + REFRESH
            phone.is_proven = True
            phone.seen_at = now

        self.office.store.write(work, now=now)
        return Tokens(access=access, refresh=refresh)

    def known(self, shown: Shown, *, now: datetime) -> Known:
        """Tell which phone it is.

        Raises:
            Conflict: ``token.invalid``: no phone of this key has it in this economy, or
                it is over.  ``proof.used``.
        """
        return self.office.store.write(
            lambda session: _known(_entered(session, shown, now)), now=now
        )

    # Credentials

    def nonce(self, economy: str, *, now: datetime) -> str:
        """Make a nonce for a credential proof; nothing is kept until it is used."""
        body = f"{int((now + NONCE).timestamp())}.{secrets.token_urlsafe(16)}"
        return f"{body}.{self.key.mark(_NONCE_USE, f'{economy}.{body}')}"

    def has_key(self, shown: Shown, holder_key: PublicKey) -> bool:
        """Tell whether a phone has asked for its card under a key before.

        Not checked: that what it shows is good; `credential` does.
        """
        query = select(Phone.holder_key).where(
            Phone.access_hash == hashed(shown.access), Phone.economy == shown.economy
        )
        kept = self.office.store.read(lambda session: session.scalars(query).first())
        return kept == _as_kept(holder_key)

    def credential(
        self, shown: Shown, holder_key: PublicKey, nonce: str, *, now: datetime
    ) -> tuple[Known, Ready | Later]:
        """Bring a phone its credential: the first, the same, or the newest.

        Args:
            shown: By the phone; used with this, in one transaction.
            holder_key: Shown by a proof that carries ``nonce``.
            nonce: Of `nonce`; used once.
            now: The moment.

        Returns:
            The phone, and its credential or when to ask again.

        Raises:
            Conflict: ``token.invalid``, ``proof.used``.  ``nonce.invalid``.
                ``key.other``: this phone has a card under another key, or another
                holder has one under this key.  Any other code: refused for good.
            Forbidden: ``ck_offer_four_eyes``: refused for good.
            StoreDown: Nothing was done; the same may be asked again.
        """

        def work(session: Session) -> Known:
            phone = _entered(session, shown, now)
            self._use_nonce(session, nonce, shown.economy, now)
            _bind(session, phone, holder_key)
            return _known(phone)

        known = self.office.store.write(work, now=now)
        brought = self._bring(known, now)
        if brought is not None:
            return known, brought
        transaction = secrets.token_urlsafe(32)
        self._set_transaction(known, transaction, now)
        return known, Later(transaction=transaction)

    def deferred(
        self, known: Known, transaction: str, *, now: datetime
    ) -> Ready | Later:
        """Bring a credential that was not ready.

        Raises:
            Conflict: ``transaction.invalid``: it is not this phone's, or has brought
                its credential; and as for `credential`.
        """

        def waits(session: Session) -> bool:
            phone = session.get_one(Phone, known.phone_id)
            return phone.transaction_hash == hashed(transaction)

        if not self.office.store.read(waits):
            raise Conflict("transaction.invalid", "there is no such transaction")
        brought = self._bring(known, now)
        if brought is None:
            return Later(transaction=transaction)
        self._set_transaction(known, None, now)
        return brought

    def notification(self, known: Known, ready: Ready) -> str:
        """Return what a wallet calls a credential when it says what became of it."""
        owner = f"phone:{known.phone_id}"
        return self.key.seal(_NOTIFICATION_USE, owner, str(ready.issue_id))

    def notified(
        self, known: Known, notification: str, event: str, *, now: datetime
    ) -> None:
        """Keep what a wallet says became of its credential; saying it twice is fine.

        Args:
            known: The phone.
            notification: Of `notification`, for this phone.
            event: ``credential_accepted``, ``credential_failure`` or
                ``credential_deleted``.
            now: The moment.

        Raises:
            Conflict: ``notification.invalid``.
        """
        try:
            owner = f"phone:{known.phone_id}"
            issue_id = int(self.key.unseal(_NOTIFICATION_USE, owner, notification))
        except ValueError as error:
            raise Conflict(
                "notification.invalid", "there is no such notification"
            ) from error

        def work(session: Session) -> None:
            phone = session.get_one(Phone, known.phone_id, with_for_update=True)
            phone.told = event
            if event == "credential_accepted":
                phone.issue_id = max(issue_id, phone.issue_id or 0)

        self.office.store.write(work, now=now)

    def basis_asked(
        self,
        shown: Shown,
        card_key: PublicKey,
        nonce: str,
        *,
        per_day: int,
        now: datetime,
    ) -> None:
        """Let a phone ask what its card gives somewhere; not where, nor when, is kept.

        Args:
            shown: By the phone; used with this, in one transaction.
            card_key: That the card is bound to which the phone shows.
            nonce: Of `nonce`, in the proof of another key; used once.
            per_day: How often one card may ask in 24 hours.
            now: The moment.

        Raises:
            Conflict: ``token.invalid``, ``proof.used``, ``nonce.invalid``.
                ``card.other``: it is not this phone's card.
                ``credential.not_valid``.  ``basis.too_often``.
        """
        desk = self._desk(shown.economy, now, "asked what its card gives on a journey")

        def work(session: Session) -> None:
            phone = _entered(session, shown, now)
            self._use_nonce(session, nonce, shown.economy, now)
            if phone.holder_key != _as_kept(card_key):
                raise Conflict("card.other", "the card is not this phone's")
            _valid_credential(session, phone)
            if _asked_lately(session, desk, phone) >= per_day:
                raise Conflict("basis.too_often", "this card has asked too often today")
            desk.log(
                session,
                _BASIS_ASKED,
                f"card:{phone.card_id}",
                card=phone.card_id,
                phone=phone.id,
            )

        desk.write(work)

    # The holder's own view

    def preview(self, known: Known, *, now: datetime) -> Preview:
        """Say whose card it is, before the holder says yes; it is logged."""
        desk = self._desk(known.economy, now, "shown to its holder before accepting")

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

    def devices(self, known: Known) -> tuple[Device, ...]:
        """List the phones that have or had the card, or wait for it."""
        return self.office.store.read(
            lambda session: devices_of(session, session.get_one(Phone, known.phone_id))
        )

    def decline(self, known: Known, *, now: datetime) -> None:
        """Take the holder's no: the tokens end, and the offer is not given again.

        Raises:
            Conflict: ``phone.has_card``.
        """
        desk = self._desk(known.economy, now, "declined by its holder")

        def work(session: Session) -> None:
            phone = session.get_one(Phone, known.phone_id, with_for_update=True)
            if credential_of(session, phone) is not None:
                raise Conflict("phone.has_card", "the phone has the card already")
            _sign_out(phone, PhoneState.DECLINED)
            phone.seen_at = now
            desk.log(
                session,
                "offer:declined",
                f"offer:{phone.offer_id}",
                card=phone.card_id,
                phone=phone.id,
            )

        desk.write(work)

    def move(self, known: Known, *, now: datetime) -> Moved:
        """Offer the card to the holder's next phone; it takes the place of this one.

        Raises:
            Conflict: ``credential.not_valid``: this phone has nothing to move; and as
                for `issuer.offers.add_offer`.
        """
        desk = self._desk(known.economy, now, "its holder moves to another phone")
        codes, digits = Codes.new(self.key), new_digits()

        def work(session: Session) -> Moved:
            phone = session.get_one(Phone, known.phone_id)
            _valid_credential(session, phone)
            offer = add_offer(session, desk, known.card_id, codes)
            offer.one_time_mark = one_time_mark(self.key, offer.code_hash, digits)
            # What the holder wrote down stays good on the next phone.
            offer.lost_mark = session.get_one(Offer, phone.offer_id).lost_mark
            session.flush()
            desk.log(
                session,
                "offer:made",
                f"offer:{offer.id}",
                card=offer.card_id,
                by_phone=phone.id,
            )
            return Moved(
                link=link_of(desk, codes.reference),
                wallet_link=wallet_link_of(desk, codes.reference),
                one_time_code=digits,
                ends_at=offer.ends_at,
            )

        return desk.write(work)

    def stay(self, known: Known, *, now: datetime) -> None:
        """End what phones have offered: the card stays on this one.

        Raises:
            Conflict: ``credential.not_valid``: this phone has nothing to keep.
        """
        desk = self._desk(known.economy, now, "its holder does not move after all")

        def work(session: Session) -> None:
            _valid_credential(session, session.get_one(Phone, known.phone_id))
            end_offers(session, desk, known.card_id, by=desk.actor.account_id)

        desk.write(work)

    def remove(self, known: Known, other: int, *, now: datetime) -> None:
        """Sign another phone out that took an offer of this card and waits for it.

        Args:
            known: The phone that has the card.
            other: The ``id`` of a `Device`.
            now: The moment.

        Raises:
            Conflict: ``credential.not_valid``: this phone has no say.
                ``phone.unknown``: no such phone waits; it may have the card by now.
                ``card.issue_open``: the card is being signed, perhaps for that phone.
        """
        desk = self._desk(known.economy, now, "removed by its holder")

        def work(session: Session) -> None:
            _valid_credential(session, session.get_one(Phone, known.phone_id))
            _sign_out(_removable(session, known, other), PhoneState.ENDED)
            desk.log(
                session,
                "phone:removed",
                f"card:{known.card_id}",
                card=known.card_id,
                phone=other,
                by_phone=known.phone_id,
            )

        desk.write(work)

    def suspend(self, known: Known, *, now: datetime) -> None:
        """Suspend the card of this phone; only persons lift that again.

        Raises:
            Conflict: ``credential.not_valid``: there is nothing to suspend.
        """
        desk = self._desk(known.economy, now, "suspended by its holder")

        def work(session: Session) -> None:
            phone = session.get_one(Phone, known.phone_id)
            credential = credential_of(session, phone)
            if credential is None or credential.state != _SUSPENDED:
                _suspend(session, desk, _valid_credential(session, phone), "phone")

        desk.write(work)

    def report_lost(
        self, economy: str, document_number: str, code: str, *, now: datetime
    ) -> None:
        """Suspend the card of a phone that is lost, by the code kept away from it.

        Raises:
            Conflict: ``lost.refused``: there is no such card, the code is wrong, or
                was wrong five times.
        """
        refused = Conflict("lost.refused", "the card cannot be suspended with this")
        if not self.office.store.read(
            lambda session: _lost_phone(session, economy, document_number) is not None
        ):
            raise refused
        desk = self._desk(economy, now, "its holder reported the phone lost")

        def work(session: Session) -> bool:
            found = _lost_phone(session, economy, document_number)
            if found is None or found.phone.lost_wrong >= MOST_WRONG:
                return False
            mark = lost_mark(self.key, found.phone.card_id, code)
            if not hmac.compare_digest(mark, found.mark):
                _count_lost(session, desk, found.phone)
                return False
            if found.credential.state != _SUSPENDED:
                _suspend(session, desk, found.credential, "lost_code")
            return True

        if not desk.write(work):
            raise refused

    # Within

    def _desk(self, economy: str, now: datetime, reason: str) -> Desk:
        return self.office.system_desk(economy, now=now, reason=reason)

    def _is_known(self, economy: str, code: str) -> bool:
        """Tell whether an offer has this code, so that guessing holds up nobody."""
        query = select(Offer.id).where(
            Offer.code_hash == hashed(code), Offer.economy == economy
        )
        return self.office.store.read(
            lambda session: session.scalars(query).first() is not None
        )

    def _end_of(self, nonce: str, economy: str) -> datetime | None:
        body, _, mark = nonce.rpartition(".")
        own = self.key.mark(_NONCE_USE, f"{economy}.{body}")
        if not hmac.compare_digest(mark.encode(), own.encode()):
            return None
        return datetime.fromtimestamp(int(body.partition(".")[0]), UTC)

    def _use_nonce(
        self, session: Session, nonce: str, economy: str, now: datetime
    ) -> None:
        ends = self._end_of(nonce, economy)
        if ends is None or ends <= now:
            raise Conflict("nonce.invalid", "the nonce is not good here, or is old")
        if not use_once(session, "nonce", nonce, until=ends, now=now):
            raise Conflict("nonce.invalid", "the nonce was used before")

    def _bring(self, known: Known, now: datetime) -> Ready | None:
        desk = self._desk(known.economy, now, "asked for by the holder's phone")
        return bring(desk, known.phone_id)

    def _set_transaction(
        self, known: Known, transaction: str | None, now: datetime
    ) -> None:
        def work(session: Session) -> None:
            phone = session.get_one(Phone, known.phone_id, with_for_update=True)
            phone.transaction_hash = hashed(transaction) if transaction else None

        self.office.store.write(work, now=now)


# Taking an offer


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taking:
    """One try to take an offer, in one transaction."""

    session: Session
    desk: Desk
    key: InstallationKey
    phone_key: str
    tokens: Tokens

    def refusal(self, code: str, one_time_code: str | None) -> str | None:
        """Take the offer, or return the code of why not."""
        offer = self.session.scalars(
            select(Offer)
            .where(Offer.code_hash == hashed(code), Offer.economy == self.desk.economy)
            .with_for_update()
        ).one_or_none()
        if offer is None or offer.ends_at <= self.desk.now:
            return "grant.invalid"
        if offer.phone_key not in (None, self.phone_key):
            return "grant.invalid"
        if (offer.one_time_mark is None) != (one_time_code is None):
            return "grant.one_time_code"
        is_right = self._is_right(offer, one_time_code)
        if offer.state == OfferState.TAKEN and is_right:
            return self._again(offer)
        if offer.state != OfferState.OPEN or self._is_overtaken(offer):
            return "grant.invalid"
        if not is_right:
            return self._count(offer)
        self._take(offer)
        return None

    def _is_right(self, offer: Offer, one_time_code: str | None) -> bool:
        if offer.one_time_mark is None or one_time_code is None:
            return True
        mark = one_time_mark(self.key, offer.code_hash, plain_digits(one_time_code))
        return hmac.compare_digest(mark, offer.one_time_mark)

    def _is_overtaken(self, offer: Offer) -> bool:
        """Tell whether the card's first phone has got it since the offer was made.

        Such an offer was for a card that nobody had: it does not move one in use.
        """
        first = select(func.min(Credential.created_at)).where(
            Credential.card_id == offer.card_id,
            Credential.form == "app",
            Credential.state.not_in(NEVER_SIGNED),
        )
        fetched_at = self.session.scalar(first)
        return fetched_at is not None and fetched_at > offer.made_at

    def _count(self, offer: Offer) -> str:
        offer.wrong += 1
        if offer.wrong >= MOST_WRONG:
            offer.state = OfferState.DEAD
            offer.changed_at = self.desk.now
            self._log("offer:dead", offer)
        return "grant.invalid"

    def _take(self, offer: Offer) -> None:
        offer.state = OfferState.TAKEN
        offer.changed_at = self.desk.now
        self._sign_others_out(offer)
        phone = Phone(
            economy=offer.economy,
            card_id=offer.card_id,
            offer_id=offer.id,
            state=PhoneState.ASKING,
            key=self.phone_key,
            made_at=self.desk.now,
            seen_at=self.desk.now,
        )
        self._give(phone)
        self.session.add(phone)
        self.session.flush()
        self._log("offer:redeemed", offer, phone=phone.id)

    def _again(self, offer: Offer) -> str | None:
        phone = self.session.scalars(
            select(Phone).where(Phone.offer_id == offer.id).with_for_update()
        ).one()
        if phone.key != self.phone_key or phone.is_proven or phone.state in _OVER:
            return "grant.invalid"
        self._give(phone)
        return None

    def _give(self, phone: Phone) -> None:
        now = self.desk.now
        phone.access_hash = hashed(self.tokens.access)
        phone.access_ends_at = now + ACCESS
        phone.refresh_hash = hashed(self.tokens.refresh)
        phone.refresh_ends_at = now + REFRESH

    def _sign_others_out(self, offer: Offer) -> None:
        # One that still waits would take the card back from this phone.
        others = select(Phone).where(
            Phone.card_id == offer.card_id, Phone.state.not_in(_OVER)
        )
        for other in self.session.scalars(others.with_for_update()):
            if credential_of(self.session, other) is None:
                _sign_out(other, PhoneState.ENDED)

    def _log(self, tag: str, offer: Offer, **fields: int) -> None:
        self.desk.log(
            self.session, tag, f"offer:{offer.id}", card=offer.card_id, **fields
        )


def plain_digits(typed: str) -> str:
    """Return a one-time code as it is compared: no spaces or hyphens, plain digits."""
    return "".join(
        each for each in normalize("NFKC", typed) if not each.isspace() and each != "-"
    )


# Phones


def _new_tokens() -> Tokens:
    return Tokens(access=secrets.token_urlsafe(32), refresh=secrets.token_urlsafe(32))


def _entered(session: Session, shown: Shown, now: datetime) -> Phone:
    phone = session.scalars(
        select(Phone)
        .where(
            Phone.access_hash == hashed(shown.access), Phone.economy == shown.economy
        )
        .with_for_update()
    ).one_or_none()
    if phone is None or not _is_its(phone, shown.phone_key, phone.access_ends_at, now):
        raise Conflict("token.invalid", "the token is not good here")
    use_proof(session, shown.proof, now)
    phone.is_proven = True
    phone.seen_at = now
    return phone


def _is_its(phone: Phone, key: str, ends: datetime | None, now: datetime) -> bool:
    return (
        phone.key == key
        and phone.state not in _OVER
        and ends is not None
        and ends > now
    )


def _known(phone: Phone) -> Known:
    return Known(phone_id=phone.id, economy=phone.economy, card_id=phone.card_id)


def _sign_out(phone: Phone, state: PhoneState) -> None:
    phone.state = state
    phone.access_hash = phone.access_ends_at = None
    phone.refresh_hash = phone.refresh_ends_at = None
    phone.transaction_hash = None


def _bind(session: Session, phone: Phone, holder_key: PublicKey) -> None:
    """Tie a phone to the key of its card: one key for its life, and nobody else's."""
    text = _as_kept(holder_key)
    if phone.holder_key not in (None, text) or _is_anothers(session, phone, text):
        raise Conflict("key.other", "another key belongs to this card, or another card")
    phone.holder_key = text
    phone.state = PhoneState.ASKED


def _as_kept(holder_key: PublicKey) -> str:
    return canonical(public_jwk(holder_key)).decode()


def _is_anothers(session: Session, phone: Phone, holder_key: str) -> bool:
    person = select(Card.person_id).where(Card.id == phone.card_id).scalar_subquery()
    query = (
        select(Credential.id)
        .join(Card, Card.id == Credential.card_id)
        .where(Credential.holder_key == holder_key, Card.person_id != person)
    )
    return session.scalars(query.limit(1)).first() is not None


def _valid_credential(session: Session, phone: Phone) -> Credential:
    credential = credential_of(session, phone)
    if credential is None or credential.state != lifecycle.Credential.VALID:
        raise Conflict("credential.not_valid", "the card on this phone is not valid")
    return credential


def _asked_lately(session: Session, desk: Desk, phone: Phone) -> int:
    rows = select(func.count()).where(
        AuditRow.economy == desk.economy,
        AuditRow.subject == f"card:{phone.card_id}",
        AuditRow.tag == _BASIS_ASKED,
        AuditRow.at > desk.now - timedelta(days=1),
    )
    return session.scalars(rows).one()


def _removable(session: Session, known: Known, other: int) -> Phone:
    session.get(Phone, other, with_for_update=True)
    waiting = {each.id: each for each in waiting_phones(session, known.card_id)}
    if other not in waiting:
        raise Conflict("phone.unknown", "no such phone waits for the card")
    begun = select(Issue.id).where(
        Issue.card_id == known.card_id, Issue.state == IssueState.INTENDED
    )
    if session.scalars(begun.limit(1)).first() is not None:
        raise Conflict("card.issue_open", "the card is being signed: look again")
    return waiting[other]


def _suspend(session: Session, desk: Desk, credential: Credential, how: str) -> None:
    suspend_for_holder(session, desk, credential, desk.reason)
    desk.log(
        session,
        "phone:suspended",
        f"credential:{credential.id}",
        card=credential.card_id,
        credential=credential.id,
        how=how,
    )


# A phone that is lost


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lost:
    credential: Credential
    phone: Phone
    mark: str


def _lost_phone(session: Session, economy: str, document_number: str) -> _Lost | None:
    # Noted from an earlier phone, the number has gone with its credential; the card is
    # the same, and so is the code.
    cards = select(Credential.card_id).where(
        Credential.economy == economy, Credential.document_number == document_number
    )
    row = session.execute(
        select(Credential, Phone, Offer.lost_mark)
        .join(
            Phone,
            (Phone.card_id == Credential.card_id)
            & (Phone.holder_key == Credential.holder_key),
        )
        .join(Offer, Offer.id == Phone.offer_id)
        .where(
            Credential.card_id.in_(cards),
            Credential.state.in_((lifecycle.Credential.VALID, _SUSPENDED)),
            Offer.lost_mark.is_not(None),
        )
        .order_by(Phone.id.desc())
        .limit(1)
    ).first()
    if row is None:
        return None
    credential, phone, mark = row
    return _Lost(credential=credential, phone=phone, mark=mark or "")


def _count_lost(session: Session, desk: Desk, phone: Phone) -> None:
    phone.lost_wrong += 1
    if phone.lost_wrong >= MOST_WRONG:
        desk.log(
            session, "phone:lost_locked", f"card:{phone.card_id}", card=phone.card_id
        )
