"""Prepare a card, let the verifier judge it, then sign exactly that, once.

A back office calls `prepare`, stores the two byte strings of the result as its intent,
and calls `sign`, which lints before it lets the key work.  After a crash it builds
``Prepared`` from what it stored and calls `sign` again, or drops the intent: nothing
here remembers anything.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import verifier
from issuer.dated import require_aware
from issuer.documents import key_row
from issuer.errors import ClockError, LintError, ProfileError, SigningError
from issuer.jws import (
    BORDER,
    PrivateKey,
    PublicKey,
    b64u,
    canonical,
    is_p256,
    key_binding,
    moment_from_wire,
    moment_on_wire,
    new_private_key,
    public_jwk,
    public_key_from_jwk,
    sign_es256,
    signing_input,
)
from issuer.keys import KeyRecord, KeyUse, Signer, check_key_id, sign_and_check
from issuer.lists import StatusStates, status_token
from issuer.profile import CardData, check_scheme, last_day
from issuer.scheme import Scheme

CARD_TYPE: Final = "urn:abtc:card:1"
"""The ``vct`` of every card (specification, section 3.2)."""

_LIST_NUMBER = re.compile(r"0|[1-9][0-9]{0,9}")
_MAX_NESTED: Final = 64
"""Objects and lists of a card, which has six; thousands would exhaust the stack."""
_LINT_ECONOMY: Final = "XAA"
"""ISO 3166 leaves it to users, so it is no economy's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A card before its signature: the exact bytes, and no key has seen them yet.

    The two fields are all there is; storing them stores the intent.

    Raises:
        ValueError: One is not a canonical JSON object, or there is no ``kid``, or no
            ``iat`` from 1970 to 2100-01-01.  `lint` finds what else may be wrong.
    """

    header: bytes
    """Canonical JSON (specification, section 3.1)."""
    payload: bytes
    """Canonical JSON (specification, section 3.2)."""

    def __post_init__(self) -> None:
        for data in (self.header, self.payload):
            _check_canonical(data)
        iat = self.claims.get("iat")
        if type(iat) is not int or not self.key_id:
            raise ValueError("without a key id, or a moment of signing")
        moment_from_wire(iat)

    @property
    def signing_input(self) -> str:
        """The text that is signed."""
        return signing_input(self.header, self.payload)

    @property
    def key_id(self) -> str:
        """The ``kid`` of the key that shall sign."""
        return str(json.loads(self.header).get("kid", ""))

    @property
    def claims(self) -> dict[str, Any]:
        """The payload, read anew."""
        claims: dict[str, Any] = json.loads(self.payload)
        return claims

    @property
    def issued_at(self) -> datetime:
        """The ``iat``, in UTC."""
        return moment_from_wire(self.claims["iat"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A signed card, ready for its phone or printer, and what to file it under.

    Never file it under its signature or text: each has a second spelling.
    """

    text: str
    """Issuer JWT and ``~``: presentation text without a proof."""
    key_id: str
    document_number: str
    form: str
    status_uri: str
    status_index: int
    issued_at: datetime
    """The ``iat``, in UTC."""
    expires_at: datetime
    """The ``exp``, in UTC."""


def holder_key_from_jwk(jwk: object) -> PublicKey:
    """Read the public key that a phone offers for its card.

    Args:
        jwk: A JSON object: ``kty`` ``EC``, ``crv`` ``P-256``, ``x``, ``y``.  Other
            members are ignored and will not be on the card.

    Raises:
        ProfileError: It is no such key, its point is not on the curve, or it carries
            ``d``.  Then the private key has left its phone: raise an alarm, and let
            the phone make another.

    Not checked: that the phone holds the private key; its proof shows that.

    Source: specification, section 3.2; RFC 7517.
    """
    if not isinstance(jwk, Mapping):
        raise ProfileError("cnf", "is no JSON object")
    if "d" in jwk:
        raise ProfileError("cnf", "carries d, a private key")
    try:
        return public_key_from_jwk(jwk)
    except ValueError as error:
        raise ProfileError("cnf", str(error)) from error


def prepare(
    card: CardData,
    *,
    scheme: Scheme,
    key_id: str,
    holder_key: PublicKey | None,
    status_uri: str,
    status_index: int,
    iat: datetime,
    exp: datetime,
) -> Prepared:
    """Build the exact bytes of a card.

    Equal input gives equal bytes.

    Args:
        card: What it says.
        scheme: The loaded scheme; it gives the issuer's URL and what is allowed.
        key_id: The ``kid`` of the card key that will sign.
        holder_key: The phone's public key, for the app form; None for plastic.
        status_uri: ``<issuer URL>/status/<n>``, n in decimal without leading zeros.
        status_index: Position in that list, below the economy's list capacity.
        iat: Moment of signing; timezone-aware, cut to whole seconds.
        exp: End of the card, midnight UTC as `profile.card_expiry` gives it, after
            ``iat`` and no later than the end of the passport's last day.

    Raises:
        ProfileError: Anything of this is not as said, or the scheme does not allow
            it; ``field`` names the claim.
        ValueError: A moment is naive, or ``key_id`` is malformed.

    Not checked: that ``status_index`` was never used before, and that ``exp`` is that
    of the card's first issue.

    Source: specification, sections 3.1, 3.2 and 6.
    """
    check_key_id(key_id)
    iat, exp = require_aware(iat), require_aware(exp)
    check_scheme(card, scheme, at=iat)
    issuer = scheme.economy(card.issuer)
    _check_holder_key(card, holder_key)
    _check_status(status_uri, status_index, issuer.issuer_url, issuer.list_capacity)
    _check_end(card, iat, exp)
    claims: dict[str, object] = {
        "iss": issuer.issuer_url,
        "vct": CARD_TYPE,
        "iat": moment_on_wire(iat),
        "exp": moment_on_wire(exp),
        "status": {"status_list": {"idx": status_index, "uri": status_uri}},
    }
    if holder_key:
        claims["cnf"] = {"jwk": public_jwk(holder_key)}
    header = {"alg": "ES256", "kid": key_id, "typ": "dc+sd-jwt"}
    return Prepared(
        header=canonical(header), payload=canonical({**claims, **holder_claims(card)})
    )


def lint(prepared: Prepared, *, now: datetime) -> None:
    """Ask the verifier whether it would accept this card.

    A key made for this one question signs the card, and trust data made for it says
    that this key is the issuer's.  For the app form a throwaway phone stands in for the
    holder's, so the verified card differs from the prepared one in the key of ``cnf``;
    that the real one packs is asked as well.

    Args:
        prepared: What is to be signed.
        now: The moment of signing; timezone-aware, cut to whole seconds.

    Raises:
        LintError: The verifier would not accept it, its bytes are not canonical, or it
            does not survive packing.
        ValueError: ``now`` is naive, or not from 1970 to 2100-01-01.

    Not checked: that the claims are true, or allowed by the scheme.
    """
    now = moment_from_wire(moment_on_wire(now))
    try:
        presentation, trust = _in_a_laboratory(prepared, now)
    except (LookupError, TypeError, ValueError, verifier.TrustError) as error:
        raise LintError("card.malformed", str(error)) from error
    decision = verifier.verify(
        presentation,
        trust=trust,
        policy=verifier.Policy(economy=_LINT_ECONOMY),
        expected_passport=None,
        expected_challenge=None,
        now=now,
    )
    if not isinstance(decision, verifier.Accepted):
        raise LintError(decision.reason, decision.detail)
    _check_round_trip(_signed(prepared, _ThrowawaySigner(key_id="lint", use="card")))


def sign(
    prepared: Prepared,
    signer: Signer,
    *,
    key: KeyRecord,
    now: datetime,
    last_issued_at: datetime | None,
) -> Credential:
    """Lint a prepared card, sign its bytes once, and release it if all is well.

    Args:
        prepared: What is to be signed.
        signer: The card key.
        key: What was published of that key.
        now: The moment of signing; timezone-aware.
        last_issued_at: The latest ``iat`` this economy has signed; None if there is
            none yet.

    Returns:
        The credential.  Its signature verifies with the published key, and packing it
        into a QR code and back gives the same bytes.

    Raises:
        ClockError: ``now`` is before ``last_issued_at`` or before the card's ``iat``,
            or the key's period does not hold both ``now`` and ``iat``.  Nothing
            was signed.
        LintError: The verifier would not accept the card; nothing was signed.
        SigningError: The signer is not the key published for this card, its signature
            is not good, or the signed card does not survive packing; nothing was
            released.
        ValueError: A moment is naive, or ``now`` is not from 1970 to 2100-01-01.

    Not checked: that the intent was stored and approved before; that the key was
    published long enough ago for devices to know it; and a clock that runs ahead,
    which shows only when it goes back.
    """
    now = require_aware(now)
    _check_clock(prepared, key, now, last_issued_at)
    _check_signer(prepared, signer, key)
    lint(prepared, now=now)
    text = _signed(prepared, signer)
    try:
        _check_round_trip(text)
    except LintError as error:
        raise SigningError(f"the signed card does not survive {error}") from error
    return _credential(prepared, text)


def _check_canonical(data: bytes) -> None:
    if data.count(b"{") + data.count(b"[") > _MAX_NESTED:
        raise ValueError("not a canonical JSON object of this size")
    value = json.loads(data)
    if not isinstance(value, dict) or canonical(value) != data:
        raise ValueError("not a canonical JSON object")


def holder_claims(card: CardData) -> dict[str, object]:
    """Return what a card says of its holder, in canonical order.

    Source: specification, section 3.2.
    """
    return {
        "document_number": card.document_number,
        "family_name": card.family_name,
        "given_name": card.given_name,
        "birthdate": card.birthdate.isoformat(),
        "nationality": card.nationality,
        "passport": {"country": card.passport_country, "number": card.passport_number},
        "form": card.form,
        "economies": list(card.economies),
    }


def _check_holder_key(card: CardData, holder_key: PublicKey | None) -> None:
    if (holder_key is not None) != (card.form == "app"):
        raise ProfileError("cnf", "goes with the app form, and only with it")
    if holder_key is not None and not is_p256(holder_key):
        raise ProfileError("cnf", "is no public key on P-256")


def _check_status(uri: str, index: int, issuer_url: str, capacity: int) -> None:
    prefix = f"{issuer_url}/status/"
    number = uri.removeprefix(prefix)
    if not uri.startswith(prefix) or not _LIST_NUMBER.fullmatch(number):
        raise ProfileError("status", f"is not at {prefix}<n>")
    if not 0 <= index < capacity:
        raise ProfileError("status", f"has an index outside 0 to {capacity - 1}")


def _check_end(card: CardData, iat: datetime, exp: datetime) -> None:
    if moment_on_wire(exp) % 86_400 or exp.microsecond:
        raise ProfileError("exp", "is not midnight UTC")
    if exp <= iat:
        raise ProfileError("exp", "is not after iat")
    if last_day(exp) > card.passport_expires_on:
        raise ProfileError("exp", "is after the end of the passport")


def _check_clock(
    prepared: Prepared, key: KeyRecord, now: datetime, last_issued_at: datetime | None
) -> None:
    if last_issued_at and now < require_aware(last_issued_at):
        raise ClockError(f"it is {now}, but a card was signed at {last_issued_at}")
    if now < prepared.issued_at:
        raise ClockError(f"it is {now}, but the card is dated {prepared.issued_at}")
    if not (key.signs_at(now) and key.signs_at(prepared.issued_at)):
        raise ClockError(
            f"key {key.key_id} signs from {key.signs_from} until {key.signs_until}"
        )


def _check_signer(prepared: Prepared, signer: Signer, key: KeyRecord) -> None:
    if not key.is_of(signer):
        raise SigningError(f"key {signer.key_id} is not the one published")
    if key.use != "card":
        raise SigningError(f"key {key.key_id} is no card key")
    if key.key_id != prepared.key_id:
        raise SigningError(f"the card was prepared for key {prepared.key_id}")


def _signed(prepared: Prepared, signer: Signer) -> str:
    text = prepared.signing_input
    return f"{text}.{b64u(sign_and_check(signer, text.encode('ascii')))}~"


def _check_round_trip(text: str) -> None:
    try:
        unpacked = verifier.unpack(verifier.pack(text))
    except verifier.PackingError as error:
        raise LintError("packing", str(error)) from error
    if unpacked != text:
        raise LintError("packing", "unpacking gives other bytes")


def _credential(prepared: Prepared, text: str) -> Credential:
    claims = prepared.claims
    status = claims["status"]["status_list"]
    return Credential(
        text=text,
        key_id=prepared.key_id,
        document_number=claims["document_number"],
        form=claims["form"],
        status_uri=status["uri"],
        status_index=status["idx"],
        issued_at=prepared.issued_at,
        expires_at=moment_from_wire(claims["exp"]),
    )


# The laboratory: keys and trust data that exist for one question only.


@dataclass(frozen=True, slots=True, kw_only=True)
class _ThrowawaySigner:
    key_id: str
    use: KeyUse
    private_key: PrivateKey = field(default_factory=new_private_key, repr=False)

    @property
    def public_key(self) -> PublicKey:
        return self.private_key.public_key()

    def sign(self, data: bytes) -> bytes:
        return sign_es256(self.private_key, data)


def _in_a_laboratory(prepared: Prepared, now: datetime) -> tuple[str, verifier.Trust]:
    """Sign with keys that nobody believes, and build trust data that believes them."""
    card_key = _ThrowawaySigner(key_id=prepared.key_id, use="card")
    status_key = _ThrowawaySigner(key_id=f"not-{prepared.key_id}"[:64], use="status")
    presentation = _shown_by_another_phone(prepared, card_key, now)
    url, status = prepared.claims["iss"], prepared.claims["status"]["status_list"]
    records = [
        KeyRecord.of(signer, issuer_url=url, signs_from=prepared.issued_at)
        for signer in (card_key, status_key)
    ]
    documents = {
        "scheme.json": _lint_scheme(url),
        f"{_LINT_ECONOMY}/issuer.json": _lint_issuer(url, records),
        f"{_LINT_ECONOMY}/status/{_list_number(status['uri'])}.jwt": status_token(
            StatusStates.of({}, capacity=(status["idx"] // 4 + 1) * 4),
            uri=status["uri"],
            iat=max(now, prepared.issued_at),
            exp=now + timedelta(days=1),
            ttl=None,
            signer=status_key,
        ),
    }
    trust = verifier.Trust.from_documents(
        documents, version=1, issued_at=now, expires_at=now + timedelta(days=1)
    )
    return presentation, trust


def _list_number(uri: object) -> str:
    if not isinstance(uri, str):
        raise ValueError("the address of the list is not text")
    return uri.rpartition("/")[2]


def _shown_by_another_phone(prepared: Prepared, signer: Signer, now: datetime) -> str:
    claims = prepared.claims
    if "cnf" not in claims:
        return _signed(prepared, signer)
    phone = new_private_key()
    swapped = {**claims, "cnf": {"jwk": public_jwk(phone.public_key())}}
    text = _signed(Prepared(header=prepared.header, payload=canonical(swapped)), signer)
    return text + key_binding(text, phone, iat=now, audience=BORDER, nonce=None)


def _lint_scheme(issuer_url: str) -> bytes:
    economy = {
        "code": _LINT_ECONOMY,
        "name": "Lint",
        "issuer": issuer_url,
        "membership": [],
    }
    return canonical({"abtc": "scheme", "economies": [economy]})


def _lint_issuer(issuer_url: str, records: list[KeyRecord]) -> bytes:
    return canonical(
        {
            "abtc": "issuer",
            "economy": _LINT_ECONOMY,
            "issuer": issuer_url,
            "keys": [key_row(record) for record in records],
        }
    )
