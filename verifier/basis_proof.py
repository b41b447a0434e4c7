"""An issuer's word that a card gives an entry basis at one destination, on one day.

A traveller's phone shares it with an airline in the place of the card.  It says where
and when; whatever else is in it the phone may keep back; and there is nothing in it by
which two airlines could find that they have seen the same traveller.

Source: docs/one-id.md; RFC 9901.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum, unique
from typing import Final, NamedTuple, TypeAlias

from . import _b64, _jose, _json
from ._documents import Issuer
from ._keys import TrustedKey
from ._presentation import CARD_TOKEN_TYPE, HolderKey, Proof
from ._sdjwt import is_printable, parse_proof
from ._stop import Refer
from .card import APP, PHYSICAL, is_economy_code, is_url
from .decision import NotABool
from .passport import Passport
from .policy import Policy
from .reasons import UndecidedReason
from .trust import Trust

BASIS_TYPE: Final = "urn:abtc:entry-basis:1"
MAX_LIFE: Final = timedelta(hours=72)
"""Longest time for which one may be good: as early as carriers ask."""
_MAX_CHARACTERS: Final = 8192
_MAX_DISCLOSURES: Final = 8
_MEMBERS: Final = frozenset(
    {"iss", "vct", "iat", "exp", "cnf", "destination", "arrival", "answer",
     "data_as_of", "_sd_alg", "_sd"}
)  # fmt: skip
_GIVES: Final = "gives"
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_END: Final = re.compile(r"[A-Z0-9]{1,3}")
_SALT: Final = re.compile(r"[A-Za-z0-9_-]{22,86}")
_DIGEST_BYTES: Final = 32
_MARK_SALT_BYTES: Final = 16
_COST: Final = 2**14
_BLOCK: Final = 8
"""With the cost above, 16 MiB and some tens of milliseconds for each passport tried."""


@unique
class BasisFault(StrEnum):
    """What was shown is no such word, or not for this question."""

    MALFORMED = "basis.malformed"
    """It is not one, or a member of it is not as it must be."""
    SIGNATURE = "basis.signature"
    """Not signed by the issuer that it names."""
    TEST = "basis.test"
    """Signed by a test issuer."""
    KEY_WINDOW = "basis.key_window"
    """Signed outside the period in which the key may sign."""
    EXPIRED = "basis.expired"
    """It has ended: the traveller gets another one in a moment."""
    PROOF_MISSING = "basis.proof_missing"
    """Shown without the phone's proof: a copy."""
    DEVICE = "basis.device"
    """The proof is another phone's."""
    AUDIENCE = "basis.audience"
    """The proof was made for somebody else."""
    NONCE = "basis.nonce"
    """The proof was made for another question."""
    BINDING = "basis.binding"
    """The proof was made for something else, or for other disclosures."""
    DESTINATION = "basis.destination"
    """It is about another destination."""
    ARRIVAL = "basis.arrival"
    """It is about another day."""
    PASSPORT = "basis.passport"
    """The card is linked to another passport."""


@unique
class BasisDoubt(StrEnum):
    """Fresher data, another showing or a person could change the answer."""

    CLOCK = "basis.clock"
    """This device's clock is behind trust data that it has accepted."""
    TRUST_STALE = "basis.trust_stale"
    """The trust data is too old."""
    UNKNOWN_ISSUER = "basis.unknown_issuer"
    """The trust data names no such issuer."""
    UNKNOWN_KEY = "basis.unknown_key"
    """The issuer has no such key, as far as this device knows."""
    NOT_YET = "basis.not_yet"
    """It is dated ahead: one of two clocks is wrong."""
    PROOF_STALE = "basis.proof_stale"
    """The phone's proof is too old: ask again."""
    PROOF_AHEAD = "basis.proof_ahead"
    """The phone's proof is dated ahead: one of two clocks is wrong."""
    PASSPORT_UNSHOWN = "basis.passport_unshown"
    """A passport was given to compare, and the phone kept back what it needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenBasis:
    """What an issuer has said, and a phone has shown."""

    economy: str
    """That issued the card; alpha-3, from the key that verified."""
    key_id: str
    destination: str
    arrival: date
    issued_at: datetime
    expires_at: datetime
    """Ask again after that: it is not renewed, and nothing recalls it."""
    data_as_of: datetime
    """Of when the oldest data was that the issuer decided by."""
    holder_key: str
    """Thumbprint of a key that was made for this alone; it names nobody."""
    stay_until: date | None = None
    """Last day of a stay that begins on the day of arrival; None if kept back."""
    form: str | None = None
    """``app`` or ``physical``; None if kept back."""
    passport_country: str | None = None
    """Of the linked passport; None if kept back."""
    passport_number_end: str | None = None
    """Its last characters, at most three; None if kept back."""
    is_passport_matched: bool = False
    """Whether the passport given to compare is the linked one, in country and number;
    False where none was given."""


@dataclass(frozen=True, slots=True)
class BasisProven(NotABool):
    """The card gives an entry basis there on that day, as of ``issued_at``."""

    basis: ProvenBasis


@dataclass(frozen=True, slots=True)
class BasisRefused(NotABool):
    """Nothing was proven: use the normal document check.  It refuses nobody."""

    reason: BasisFault
    detail: str = ""
    """For logs and developers; never shown to travellers, never parsed."""


@dataclass(frozen=True, slots=True)
class BasisUndecided(NotABool):
    """Nothing is known: use the normal document check."""

    reason: BasisDoubt
    detail: str = ""
    """For logs and developers; never shown to travellers, never parsed."""


BasisDecision: TypeAlias = BasisProven | BasisRefused | BasisUndecided


def verify_entry_basis(
    presentation: str,
    *,
    trust: Trust,
    policy: Policy,
    expected_arrival: date,
    expected_passport: Passport | None,
    expected_nonce: str,
    now: datetime,
) -> BasisDecision:
    """Decide whether what a phone shared proves an entry basis for this journey.

    Args:
        presentation: SD-JWT with key binding, from the answer to a request; at most
            8,192 characters.
        trust: Loaded beforehand; keys and their periods are enough, no list is needed.
        policy: ``economy`` is the destination, ``audience`` the asker's own client id;
            of its tolerances those of proofs, clocks and trust data count.
        expected_arrival: The day that was asked about.
        expected_passport: The traveller's; country and number are compared.  None if
            none was read.
        expected_nonce: Of the request that is answered, and used up by it.
        now: The moment of the check; timezone-aware.

    Returns:
        `BasisProven` with what was disclosed; or `BasisRefused` or `BasisUndecided`
        with a reason.  What was shown never raises.

    Raises:
        TypeError: ``presentation`` is not text.
        ValueError: ``now`` is naive, or ``expected_nonce`` is not 22 to 256 printable
            characters.

    Not checked: that the same answer did not come before, which is whose nonce it is;
    that the traveller is the holder; and whether the card was withdrawn since
    ``issued_at``: a short life stands for that.

    Source: docs/one-id.md, "What a desk checks".
    """
    if not isinstance(presentation, str):
        raise TypeError("presentation must be text")
    if now.utcoffset() is None:
        raise ValueError("now must be timezone-aware")
    if not is_printable(expected_nonce) or len(expected_nonce) < 22:
        raise ValueError("expected_nonce is not 22 to 256 printable characters")
    asked = _Asked(
        trust=trust,
        policy=policy,
        arrival=expected_arrival,
        passport=expected_passport,
        nonce=expected_nonce,
        now=now.astimezone(UTC),
    )
    try:
        return BasisProven(_prove(presentation, asked))
    except _Fault as stop:
        return BasisRefused(stop.reason, stop.detail)
    except _Doubt as stop:
        return BasisUndecided(stop.reason, stop.detail)


class _Fault(Exception):  # noqa: N818  # not an error: it becomes a BasisRefused
    def __init__(self, reason: BasisFault, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


class _Doubt(Exception):  # noqa: N818  # not an error: it becomes a BasisUndecided
    def __init__(self, reason: BasisDoubt, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


class _Asked(NamedTuple):
    trust: Trust
    policy: Policy
    arrival: date
    passport: Passport | None
    nonce: str
    now: datetime


class _Mark(NamedTuple):
    salt: bytes
    digest: bytes


class _Signed(NamedTuple):
    """The issuer's part, parsed.  Nothing in it may be believed yet."""

    issuer: str
    key_id: str
    issued_at: datetime
    expires_at: datetime
    data_as_of: datetime
    destination: str
    arrival: date
    holder_key: HolderKey
    stay_until: date | None
    form: str | None
    passport: tuple[str, str] | None
    mark: _Mark | None
    signing_input: bytes
    signature: bytes


def _prove(presentation: str, asked: _Asked) -> ProvenBasis:
    unverified, proof_text, digest = _parse(presentation)  # 1
    _check_clock_and_trust(asked)  # 2
    issuer, key = _find_key(unverified, asked.trust)  # 3
    _check_signature(unverified, key)  # 4
    said = unverified  # believable from here on
    if issuer.is_test:
        raise _Fault(BasisFault.TEST)  # 5
    _check_dates(said, key, asked)  # 6
    _check_proof(said, proof_text, digest, asked)  # 7
    if said.destination != asked.policy.economy:
        raise _Fault(BasisFault.DESTINATION)  # 8
    if said.arrival != asked.arrival:
        raise _Fault(BasisFault.ARRIVAL)
    _check_passport(said, asked.passport)  # 9
    country, end = said.passport or (None, None)
    return ProvenBasis(
        economy=issuer.economy,
        key_id=said.key_id,
        destination=said.destination,
        arrival=said.arrival,
        issued_at=said.issued_at,
        expires_at=said.expires_at,
        data_as_of=said.data_as_of,
        holder_key=said.holder_key.thumbprint(),
        stay_until=said.stay_until,
        form=said.form,
        passport_country=country,
        passport_number_end=end,
        is_passport_matched=asked.passport is not None,
    )


# The checks, in their order


def _parse(presentation: str) -> tuple[_Signed, str, bytes]:
    """Return the issuer's part, the text of the proof, and what that must be over."""
    before, separator, proof = presentation.rpartition("~")
    token, *disclosures = before.split("~", _MAX_DISCLOSURES + 1)
    too_many = len(disclosures) > _MAX_DISCLOSURES
    if len(presentation) > _MAX_CHARACTERS or not separator or too_many:
        raise _Fault(BasisFault.MALFORMED, "too long, or no SD-JWT")
    try:
        signed = _parse_signed(token, disclosures)
    except ValueError as error:
        raise _Fault(BasisFault.MALFORMED, str(error)) from error
    return signed, proof, hashlib.sha256(f"{before}~".encode()).digest()


def _check_clock_and_trust(asked: _Asked) -> None:
    trust, policy, now = asked.trust, asked.policy, asked.now
    if trust.time_floor - now > policy.clock_tolerance:
        raise _Doubt(BasisDoubt.CLOCK, f"not before {trust.time_floor}")
    if now - trust.issued_at > policy.max_trust_age or now >= trust.expires_at:
        raise _Doubt(BasisDoubt.TRUST_STALE, f"issued {trust.issued_at}")


def _find_key(unverified: _Signed, trust: Trust) -> tuple[Issuer, TrustedKey]:
    try:
        return trust.status_key(unverified.issuer, unverified.key_id)
    except Refer as stop:
        raise _Doubt(_UNKNOWN[stop.reason]) from stop


_UNKNOWN: Final = {
    UndecidedReason.UNKNOWN_ISSUER: BasisDoubt.UNKNOWN_ISSUER,
    UndecidedReason.UNKNOWN_KEY: BasisDoubt.UNKNOWN_KEY,
}


def _check_signature(unverified: _Signed, key: TrustedKey) -> None:
    if not _jose.is_signed_by(
        key.public_key, unverified.signing_input, unverified.signature
    ):
        raise _Fault(BasisFault.SIGNATURE)


def _check_dates(said: _Signed, key: TrustedKey, asked: _Asked) -> None:
    if said.issued_at not in key.signs:
        raise _Fault(BasisFault.KEY_WINDOW)
    if said.issued_at - asked.now > asked.policy.clock_skew:
        raise _Doubt(BasisDoubt.NOT_YET, f"from {said.issued_at}")
    if asked.now >= said.expires_at:
        raise _Fault(BasisFault.EXPIRED, f"ended {said.expires_at}")


def _check_proof(said: _Signed, text: str, digest: bytes, asked: _Asked) -> None:
    proof = _find_proof(text)
    key = said.holder_key.public_key
    if not _jose.is_signed_by(key, proof.signing_input, proof.signature):
        raise _Fault(BasisFault.DEVICE)
    age = asked.now - datetime.fromtimestamp(proof.issued_at, UTC)
    if -age > asked.policy.max_proof_ahead:
        raise _Doubt(BasisDoubt.PROOF_AHEAD, f"{-age} ahead")
    if age > asked.policy.max_proof_age:
        raise _Doubt(BasisDoubt.PROOF_STALE, f"{age} old")
    if proof.audience != asked.policy.audience:
        raise _Fault(BasisFault.AUDIENCE)
    if proof.nonce != asked.nonce:
        raise _Fault(BasisFault.NONCE)
    if proof.card_digest != digest:
        raise _Fault(BasisFault.BINDING)


def _find_proof(text: str) -> Proof:
    if not text:
        raise _Fault(BasisFault.PROOF_MISSING)
    try:
        return parse_proof(text)
    except ValueError as error:
        raise _Fault(BasisFault.MALFORMED, str(error)) from error


def _check_passport(said: _Signed, passport: Passport | None) -> None:
    if passport is None:
        return
    shown = (passport.country, passport.number[-3:])
    if said.passport is not None and said.passport != shown:
        raise _Fault(BasisFault.PASSPORT)
    if said.mark is None:
        raise _Doubt(BasisDoubt.PASSPORT_UNSHOWN)
    made = _passport_mark(passport, said.mark.salt)
    if not hmac.compare_digest(made, said.mark.digest):
        raise _Fault(BasisFault.PASSPORT)


def _passport_mark(passport: Passport, salt: bytes) -> bytes:
    """Return by what a passport is recognised (docs/one-id.md, "The passport")."""
    text = f"{passport.country}:{passport.number}".encode("ascii")
    return hashlib.scrypt(text, salt=salt, n=_COST, r=_BLOCK, p=1, dklen=_DIGEST_BYTES)


# Parsing: ValueError is caught in `_parse`


def _parse_signed(token: str, disclosures: list[str]) -> _Signed:
    jws = _jose.parse_jws(token, token_type=CARD_TOKEN_TYPE, has_key_id=True)
    claims = jws.unverified_payload
    if claims.keys() != _MEMBERS:
        raise ValueError("a claim is missing, or there is one that must not be")
    if claims["vct"] != BASIS_TYPE or claims["answer"] != _GIVES:
        raise ValueError("vct or answer is another one")
    issuer, destination = claims["iss"], claims["destination"]
    if not (isinstance(issuer, str) and is_url(issuer)):
        raise ValueError("iss is no address")
    if not (isinstance(destination, str) and is_economy_code(destination)):
        raise ValueError("destination is no code")
    issued_at, expires_at, data_as_of = (
        _moment(claims[name]) for name in ("iat", "exp", "data_as_of")
    )
    if not timedelta(0) < expires_at - issued_at <= MAX_LIFE or data_as_of > issued_at:
        raise ValueError("iat, exp and data_as_of do not fit together")
    shown = _disclosed(claims, disclosures)
    return _Signed(
        issuer=issuer,
        key_id=jws.key_id or "",
        issued_at=issued_at,
        expires_at=expires_at,
        data_as_of=data_as_of,
        destination=destination,
        arrival=_day(claims["arrival"]),
        holder_key=_holder_key(claims["cnf"]),
        stay_until=_day(shown["stay_until"]) if "stay_until" in shown else None,
        form=_form(shown["form"]) if "form" in shown else None,
        passport=_passport(shown["passport"]) if "passport" in shown else None,
        mark=_mark(shown["passport_mark"]) if "passport_mark" in shown else None,
        signing_input=jws.signing_input,
        signature=jws.signature,
    )


def _moment(value: object) -> datetime:
    if not _json.is_moment(value):
        raise ValueError("a time is no moment")
    return datetime.fromtimestamp(value, UTC)


def _day(value: object) -> date:
    if not (isinstance(value, str) and _DAY.fullmatch(value)):
        raise ValueError("a day is not YYYY-MM-DD")
    return date.fromisoformat(value)


def _holder_key(value: object) -> HolderKey:
    if not (_json.is_object(value) and value.keys() == {"jwk"}):
        raise ValueError("cnf is not exactly jwk")
    key = _jose.load_jwk(value["jwk"])
    return HolderKey(key, *_jose.coordinates(key))


def _form(value: object) -> str:
    if value not in (APP, PHYSICAL):
        raise ValueError("form is another one")
    return str(value)


def _passport(value: object) -> tuple[str, str]:
    if not (_json.is_object(value) and value.keys() == {"country", "number_end"}):
        raise ValueError("passport is not exactly country and number_end")
    country, end = value["country"], value["number_end"]
    if not (isinstance(country, str) and is_economy_code(country)):
        raise ValueError("passport.country is no code")
    if not (isinstance(end, str) and _END.fullmatch(end)):
        raise ValueError("passport.number_end is not its end")
    return country, end


def _mark(value: object) -> _Mark:
    if not (_json.is_object(value) and value.keys() == {"salt", "scrypt"}):
        raise ValueError("passport_mark is not exactly salt and scrypt")
    salt, digest = value["salt"], value["scrypt"]
    if not (isinstance(salt, str) and isinstance(digest, str)):
        raise ValueError("passport_mark is not text")
    found = _Mark(salt=_b64.decode(salt), digest=_b64.decode(digest))
    if (len(found.salt), len(found.digest)) != (_MARK_SALT_BYTES, _DIGEST_BYTES):
        raise ValueError("passport_mark is of another length")
    return found


def _disclosed(
    claims: Mapping[str, object], disclosures: list[str]
) -> dict[str, object]:
    """Return what is disclosed, by name (RFC 9901, section 7.1)."""
    digests = claims["_sd"]
    if claims["_sd_alg"] != "sha-256" or not isinstance(digests, list):
        raise ValueError("_sd or _sd_alg is another one")
    if len(digests) > _MAX_DISCLOSURES or not all(map(_is_digest, digests)):
        raise ValueError("_sd holds something that is no digest")
    left = set(digests)
    if len(left) < len(digests):
        raise ValueError("a digest occurs twice")
    shown: dict[str, object] = {}
    for text in disclosures:
        # Taken away, so that the same disclosure is not there twice.
        digest = _b64.encode(hashlib.sha256(text.encode("ascii")).digest())
        if digest not in left:
            raise ValueError("a disclosure that no digest refers to")
        left.remove(digest)
        name, value = _disclosure(text)
        if name in shown:
            raise ValueError("a claim is disclosed twice")
        shown[name] = value
    return shown


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and len(_b64.decode(value)) == _DIGEST_BYTES


def _disclosure(text: str) -> tuple[str, object]:
    # The reader wants one object around it; a second member would be another text.
    whole = _json.parse_object(b'{"_":%b}' % _b64.decode(text))
    match whole:
        case {"_": [str(salt), str(name), value], **others} if not others:
            if not _SALT.fullmatch(salt) or name not in _HIDDEN:
                raise ValueError("a disclosure is of no claim that may be hidden")
            return name, value
    raise ValueError("a disclosure is not salt, name and value")


_HIDDEN: Final = frozenset({"stay_until", "form", "passport", "passport_mark"})
