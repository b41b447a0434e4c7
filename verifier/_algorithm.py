"""The decision, in the order of the specification (section 8)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from . import _jose
from ._documents import Issuer
from ._keys import TrustedKey
from ._packing import PREFIX as QR_PREFIX
from ._packing import is_any_version
from ._passport_list import PassportList
from ._presentation import HolderKey, Presentation, Proof, SignedCard, derived_nonce
from ._sdjwt import parse_presentation_text
from ._signed_list import SignedList, is_ageing
from ._status import StatusList
from ._stop import Refer, Reject
from .card import PHYSICAL, Card
from .challenge import check_challenge
from .decision import (
    Accepted,
    Ageing,
    Decision,
    Evidence,
    MustSee,
    PassportListing,
    Rejected,
    Undecided,
)
from .entitlement import Case, decide_entitlement
from .passport import FieldMatch, Passport, compare
from .policy import Policy
from .reasons import RejectReason, UndecidedReason
from .trust import Sighting, Trust

_LIST_NUMBER = re.compile(r"0|[1-9][0-9]{0,9}")
_BAD_STATES = {
    1: RejectReason.REVOKED,
    2: RejectReason.SUSPENDED,
    3: RejectReason.SUPERSEDED,
}


def verify(
    presentation: str,
    *,
    trust: Trust,
    policy: Policy,
    expected_passport: Passport | None,
    expected_challenge: str | None,
    now: datetime,
) -> Decision:
    """Decide whether what was shown is a good card, and what it is good for here.

    The checks run in the order of the specification and stop at the first that fails,
    so the reason is the same on every device.

    Args:
        presentation: QR text exactly as scanned (``ABTC1:…``, at most 4,296
            characters), or presentation text (with ``~``, at most 8,192).
        trust: Issuers, rules and lists, loaded beforehand.
        policy: What this device demands.
        expected_passport: What was read of the traveller's passport. None if nothing
            was, or not its names, birth date and end: the answer then asks the officer
            to compare.
        expected_challenge: The challenge that this device showed to the phone. None if
            it showed none.
        now: The moment of the check, timezone-aware. Days of stay are counted by its
            own calendar date, so give it in the time zone of the border.

    Returns:
        `Accepted` with card, entitlement and what must still be seen; or `Rejected` or
        `Undecided` with a reason. All carry `Evidence`. No card content is
        returned unless every check passed.

    Raises:
        TypeError: ``presentation`` is not text.
        ValueError: ``now`` is naive, or ``expected_challenge`` is no challenge. A bad
            card never raises.

    Not checked: that the traveller is the holder (see ``must_see``), and that the proof
    was not shown before (see `ReplayGuard`).

    Source: specification, section 8.
    """
    if not isinstance(presentation, str):
        raise TypeError("presentation must be text")
    if now.utcoffset() is None:
        raise ValueError("now must be timezone-aware")
    if expected_challenge is not None:
        check_challenge(expected_challenge)
    trail = _Trail(now=now, trust=trust, policy=policy)
    try:
        return _accept(presentation, trail, expected_passport, expected_challenge)
    except Reject as stop:
        return Rejected(stop.reason, trail.evidence(), stop.detail)
    except Refer as stop:
        return Undecided(stop.reason, trail.evidence(), stop.detail)


@dataclass(slots=True, kw_only=True)
class _Trail:
    """What the checks have established so far."""

    now: datetime
    trust: Trust
    policy: Policy
    issuer: Issuer | None = None
    key_id: str | None = None
    status: StatusList | None = None
    passports: PassportList | None = None
    listing: PassportListing | None = None
    overlay: StatusList | None = None
    proof: Proof | None = None
    holder_key: str | None = None

    def evidence(self) -> Evidence:
        status, overlay, proof = self.status, self.overlay, self.proof
        passports = self.passports
        # An empty list is a list, although it is false.
        return Evidence(
            now=self.now,
            trust_version=self.trust.version,
            trust_issued_at=self.trust.issued_at,
            economy=self.issuer.economy if self.issuer else None,
            key_id=self.key_id,
            status_uri=status.uri if status is not None else None,
            status_issued_at=status.issued_at if status is not None else None,
            passport_listing=self.listing,
            passports_uri=passports.uri if passports is not None else None,
            passports_issued_at=(
                passports.issued_at if passports is not None else None
            ),
            overlay_uri=overlay.uri if overlay is not None else None,
            overlay_issued_at=overlay.issued_at if overlay is not None else None,
            proof_issued_at=(
                datetime.fromtimestamp(proof.issued_at, UTC) if proof else None
            ),
            proof_nonce=proof.nonce if proof else None,
            holder_key=self.holder_key,
            ageing=tuple(self._ageing()),
        )

    def _ageing(self) -> Iterator[Ageing]:
        now, trust, policy = self.now, self.trust, self.policy
        if is_ageing(trust.issued_at, trust.expires_at, policy.max_trust_age, now):
            yield Ageing.TRUST
        lists: dict[Ageing, SignedList | None] = {
            Ageing.STATUS: self.status,
            Ageing.OVERLAY: self.overlay,
            Ageing.PASSPORTS: self.passports,
        }
        for what, found in lists.items():
            if found is not None and found.is_ageing(now, policy.max_list_age):
                yield what


def _accept(
    presentation: str,
    trail: _Trail,
    passport: Passport | None,
    challenge: str | None,
) -> Accepted:
    now, trust, policy = trail.now, trail.trust, trail.policy
    sighting = _parse(presentation, trust)  # 1
    shown = sighting.presentation
    _check_clock(trust, policy, now)  # 2
    _check_trust_is_fresh(trust, policy, now)  # 3
    issuer, key = _find_key(shown.card, trust)  # 4
    if sighting.signed_by is not key.public_key:  # else it has verified before
        _check_signature(shown.card, key)  # 5
        trust.seen_cards.remember(sighting, key.public_key)
    card = shown.card.unverified_claims  # believable from here on
    trail.issuer, trail.key_id = issuer, shown.card.unverified_key_id
    _check_is_no_test(issuer)  # 6
    _check_binding(card, issuer, key)  # 7
    _check_dates(card, policy, now)  # 8
    _check_proof(shown, trail, challenge)  # 9
    trail.status = trust.status_list(card.status_uri)  # 10
    _check_status(card, trail.status, policy, now)
    if passport is not None:
        _check_passport(card, passport, now)  # 11
    trail.passports = trust.passport_list_of(card.passport_country)  # 12
    trail.listing = _look_up_passport(card, trail.passports, policy, now)
    if trail.listing is PassportListing.LISTED:
        raise Reject(RejectReason.PASSPORT_REPORTED)
    trail.overlay = trust.overlay_of(policy.economy, issuer, card.status_uri)
    case = Case(
        card=card,
        issuer=issuer.economy,
        destination=policy.economy,
        trust=trust,
        overlay=trail.overlay,
        max_list_age=policy.max_list_age,
        passport_ends_on=passport.expires_on if passport else None,
        now=now,
    )
    return Accepted(
        card, decide_entitlement(case), _must_see(card, passport), trail.evidence()
    )


def _parse(presentation: str, trust: Trust) -> Sighting:
    try:
        if presentation.startswith(QR_PREFIX):
            return trust.seen_cards.parse(presentation)
        if "~" in presentation:
            return Sighting(parse_presentation_text(presentation), None, None)
    except ValueError as error:
        raise Reject(RejectReason.MALFORMED, str(error)) from error
    if is_any_version(presentation):
        raise Refer(UndecidedReason.VERSION)
    raise Reject(RejectReason.FOREIGN)


def _check_clock(trust: Trust, policy: Policy, now: datetime) -> None:
    if trust.time_floor - now > policy.clock_tolerance:
        raise Refer(UndecidedReason.CLOCK, f"not before {trust.time_floor}")


def _check_trust_is_fresh(trust: Trust, policy: Policy, now: datetime) -> None:
    if now - trust.issued_at > policy.max_trust_age or now >= trust.expires_at:
        raise Refer(UndecidedReason.TRUST_STALE, f"issued {trust.issued_at}")


def _find_key(card: SignedCard, trust: Trust) -> tuple[Issuer, TrustedKey]:
    return trust.card_key(card.unverified_claims.issuer, card.unverified_key_id)


def _check_signature(card: SignedCard, key: TrustedKey) -> None:
    if not _jose.is_signed_by(key.public_key, card.signing_input, card.signature):
        raise Reject(RejectReason.SIGNATURE)


def _check_is_no_test(issuer: Issuer) -> None:
    if issuer.is_test:
        raise Reject(RejectReason.TEST)


def _check_binding(card: Card, issuer: Issuer, key: TrustedKey) -> None:
    if card.issued_at not in key.signs:
        raise Reject(RejectReason.KEY_WINDOW)
    base, _, number = card.status_uri.rpartition("/")
    if base != f"{issuer.url}/status" or not _LIST_NUMBER.fullmatch(number):
        raise Reject(RejectReason.BINDING)


def _check_dates(card: Card, policy: Policy, now: datetime) -> None:
    starts_at = max(card.issued_at, card.not_before)
    if starts_at - now > policy.clock_skew:
        raise Refer(UndecidedReason.NOT_YET, f"from {starts_at}")
    if now >= card.expires_at:
        raise Reject(RejectReason.EXPIRED, f"ended {card.expires_at}")


def _check_proof(shown: Presentation, trail: _Trail, challenge: str | None) -> None:
    if shown.card.holder_key is None:  # plastic cannot answer a challenge
        if challenge is not None:
            raise Refer(UndecidedReason.PROOF_CHALLENGE)
        return
    proof = _find_proof(shown)  # a
    _check_device(proof, shown.card.holder_key)  # b
    trail.proof, trail.holder_key = proof, shown.card.holder_key.thumbprint()
    _check_proof_age(proof, trail.policy, trail.now)  # c, d
    _check_audience(proof, trail.policy)  # e
    _check_nonce(proof, challenge)  # f
    if proof.card_digest != shown.card.digest:  # g
        raise Reject(RejectReason.PROOF_BINDING)


def _find_proof(shown: Presentation) -> Proof:
    if shown.proof is None:
        raise Reject(RejectReason.PROOF_MISSING)
    return shown.proof


def _check_device(proof: Proof, key: HolderKey) -> None:
    if not _jose.is_signed_by(key.public_key, proof.signing_input, proof.signature):
        raise Reject(RejectReason.PROOF_DEVICE)


def _check_audience(proof: Proof, policy: Policy) -> None:
    if proof.audience != policy.audience:
        raise Reject(RejectReason.PROOF_AUDIENCE)


def _check_proof_age(proof: Proof, policy: Policy, now: datetime) -> None:
    age = now - datetime.fromtimestamp(proof.issued_at, UTC)
    if -age > policy.max_proof_ahead:
        raise Refer(UndecidedReason.PROOF_AHEAD, f"{-age} ahead")
    if age > policy.max_proof_age:
        raise Refer(UndecidedReason.PROOF_STALE, f"{age} old")


def _check_nonce(proof: Proof, challenge: str | None) -> None:
    derived = derived_nonce(proof.issued_at)
    if proof.nonce == (derived if challenge is None else challenge):
        return
    if proof.nonce == derived:
        raise Refer(UndecidedReason.PROOF_CHALLENGE)
    raise Reject(RejectReason.PROOF_NONCE)


def _check_status(
    card: Card, status: StatusList, policy: Policy, now: datetime
) -> None:
    if status.is_stale(now, policy.max_list_age):
        raise Refer(UndecidedReason.STATUS_STALE, f"issued {status.issued_at}")
    state = status.state(card.status_index)
    if state is None:
        raise Refer(UndecidedReason.STATUS_RANGE)
    if state in _BAD_STATES:
        raise Reject(_BAD_STATES[state])
    if state != 0:
        raise Refer(UndecidedReason.STATUS_UNKNOWN, f"state {state}")


def _check_passport(card: Card, passport: Passport, now: datetime) -> None:
    comparison = compare(
        passport,
        country=card.passport_country,
        number=card.passport_number,
        family_name=card.family_name,
        given_name=card.given_name,
        nationality=card.nationality,
        birthdate=card.birthdate,
    )
    identity = {comparison.country, comparison.number, comparison.birthdate}
    if FieldMatch.DIFFERS in identity:
        raise Reject(RejectReason.PASSPORT_MISMATCH)
    if passport.expires_on and passport.expires_on < now.date():
        raise Reject(RejectReason.PASSPORT_EXPIRED)
    if FieldMatch.DIFFERS in {comparison.names, comparison.nationality}:
        raise Refer(UndecidedReason.PASSPORT_DIFFERS)


def _look_up_passport(
    card: Card, passports: PassportList | None, policy: Policy, now: datetime
) -> PassportListing:
    """Look for the card's own passport: one that was read is the same by now."""
    if passports is None:
        return PassportListing.NO_LIST
    if passports.is_stale(now, policy.max_list_age):
        return PassportListing.STALE_LIST
    if passports.names(card.passport_number, card.birthdate):
        return PassportListing.LISTED
    return PassportListing.NOT_LISTED


def _must_see(card: Card, passport: Passport | None) -> tuple[MustSee, ...]:
    if card.form == PHYSICAL:
        return (MustSee.PLASTIC_CARD, MustSee.PASSPORT, MustSee.FACE)
    if passport is not None and passport.is_fully_read:
        return (MustSee.FACE,)
    return (MustSee.PASSPORT, MustSee.FACE)
