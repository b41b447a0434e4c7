"""Prepare a card, let the verifier judge it, then sign exactly that, once.

A back office calls `prepare`, stores the two byte strings of the result as its intent,
and calls `sign`, which lints before it lets the key work; or `sign_many` for a batch,
which does the same to each card.  After a crash it builds ``Prepared`` from what it
stored and calls `sign` again, or drops the intent: nothing here remembers a card.
"""

import json
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

import verifier
from issuer.dated import require_aware
from issuer.documents import key_row
from issuer.errors import (
    ClockError,
    LintError,
    ProfileError,
    SignerUnavailable,
    SigningError,
)
from issuer.jws import (
    BORDER,
    SIGNATURE_BYTES,
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
_BASE45: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_PACKED_SIGNATURE: Final = slice(12, 12 + SIGNATURE_BYTES // 2 * 3)
"""Before it stand ``ABTC1:`` and four bytes: the map, its key 0, and 64 bytes."""
_PACKED_ZEROS: Final = "000" * (SIGNATURE_BYTES // 2)
_MAX_FAILURES: Final = 3
"""A signer that has failed so often in a row is not asked again in this batch: each
answer of a dead one takes seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A card before its signature: the exact bytes, and no key has seen them yet.

    ``header`` and ``payload`` are all there is; storing them stores the intent.

    Raises:
        ValueError: One is not a canonical JSON object, or there is no ``kid``, or no
            ``iat`` from 1970 to 2100-01-01.  `lint` finds what else may be wrong.
    """

    header: bytes
    """Canonical JSON (specification, section 3.1)."""
    payload: bytes
    """Canonical JSON (specification, section 3.2)."""

    key_id: str = field(init=False, repr=False, compare=False)
    """The ``kid`` of the key that shall sign; read from ``header``."""
    issued_at: datetime = field(init=False, repr=False, compare=False)
    """The ``iat``, in UTC; read from ``payload``."""

    def __post_init__(self) -> None:
        header, claims = map(_canonical_object, (self.header, self.payload))
        iat, key_id = claims.get("iat"), str(header.get("kid", ""))
        if type(iat) is not int or not key_id:
            raise ValueError("without a key id, or a moment of signing")
        object.__setattr__(self, "key_id", key_id)
        object.__setattr__(self, "issued_at", moment_from_wire(iat))

    @property
    def signing_input(self) -> str:
        """The text that is signed."""
        return signing_input(self.header, self.payload)

    @property
    def claims(self) -> dict[str, Any]:
        """The payload, read anew."""
        claims: dict[str, Any] = json.loads(self.payload)
        return claims


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


class Laboratory:
    """Where the verifier judges cards before they are signed.

    It has keys and trust data of its own, made once for many cards, of any economy, key
    and list.  Nothing that it signs leaves it, and nobody else believes its keys.  They
    serve for an hour: for a moment outside it all is made anew, so what is judged at a
    moment is judged with trust data of that hour.

    It may be shared between threads.
    """

    __slots__ = ("_equipment",)

    def __init__(self) -> None:
        self._equipment: _Equipment | None = None

    def lint(self, prepared: Prepared, *, now: datetime) -> str:
        """Ask the verifier whether it would accept this card.

        A throwaway key signs the card, and trust data made for it says that this key is
        the issuer's.  For the app form a throwaway phone stands in for the holder's, so
        the verified card differs from the prepared one in the key of ``cnf``; that the
        real one packs is asked as well.

        Args:
            prepared: What is to be signed.
            now: The moment of signing; timezone-aware, cut to whole seconds.

        Returns:
            The QR text of the card with 64 zero bytes as its signature, which nobody
            accepts.

        Raises:
            LintError: The verifier would not accept it, its bytes are not canonical, or
                it does not survive packing.
            ValueError: ``now`` is naive, or not from 1970 to 2100-01-01.

        Not checked: that the claims are true, or allowed by the scheme.
        """
        now = moment_from_wire(moment_on_wire(now))
        equipment = self._equipment_at(now)
        try:
            claims = prepared.claims
            trust = equipment.trust_for(prepared.key_id, claims)
            presentation = equipment.shown(prepared, claims, now)
        except (LookupError, TypeError, ValueError, verifier.TrustError) as error:
            raise LintError("card.malformed", str(error)) from error
        decision = verifier.verify(
            presentation,
            trust=trust,
            policy=_LINT_POLICY,
            expected_passport=None,
            expected_challenge=None,
            now=now,
        )
        if not isinstance(decision, verifier.Accepted):
            raise LintError(decision.reason, decision.detail)
        try:
            return verifier.pack(f"{prepared.signing_input}.{_NO_SIGNATURE}~")
        except verifier.PackingError as error:
            raise LintError("packing", str(error)) from error

    def _equipment_at(self, now: datetime) -> "_Equipment":
        equipment = self._equipment
        if equipment is None or not equipment.serves(now):
            equipment = self._equipment = _Equipment(made_at=now)
        return equipment


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a card of a batch was not released, as `sign` would have raised it."""

    reason: str
    """That of `LintError`; or ``sign.clock`` for `ClockError`, and ``sign.failed`` for
    another `SigningError`."""
    detail: str
    """For logs."""

    @classmethod
    def of(cls, error: LintError | SigningError) -> Self:
        """Say the same as data."""
        if isinstance(error, LintError):
            return cls(reason=str(error.reason), detail=error.detail)
        is_clock = isinstance(error, ClockError)
        return cls(
            reason="sign.clock" if is_clock else "sign.failed", detail=str(error)
        )


def lint(
    prepared: Prepared, *, now: datetime, laboratory: Laboratory | None = None
) -> None:
    """Ask the verifier whether it would accept this card.

    As `Laboratory.lint`, in the laboratory given or in a new one.
    """
    (laboratory or Laboratory()).lint(prepared, now=now)


def lint_many(
    prepared: Sequence[Prepared],
    *,
    now: datetime,
    laboratory: Laboratory | None = None,
) -> list[Refusal | None]:
    """Ask the verifier of each card whether it would accept it.

    Args:
        prepared: What is to be signed, in any order.
        now: The moment of signing; timezone-aware.
        laboratory: Where to ask; by default a new one.

    Returns:
        For each card, in the same order, None if `lint` accepts it, or why not.

    Raises:
        ValueError: ``now`` is naive, or not from 1970 to 2100-01-01.

    `sign_many` does this by itself.
    """
    moment_on_wire(now)
    laboratory = laboratory or Laboratory()
    return [_lint_refusal(each, laboratory, now) for each in prepared]


def sign(
    prepared: Prepared,
    signer: Signer,
    *,
    key: KeyRecord,
    now: datetime,
    last_issued_at: datetime | None,
    laboratory: Laboratory | None = None,
) -> Credential:
    """Lint a prepared card, sign its bytes once, and release it if all is well.

    Args:
        prepared: What is to be signed.
        signer: The card key.
        key: What was published of that key.
        now: The moment of signing; timezone-aware.
        last_issued_at: The latest ``iat`` this economy has signed; None if there is
            none yet.
        laboratory: Where to lint; by default a new one, which takes a millisecond or
            two to make.

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
    return _Desk.at(signer, key, now, last_issued_at, laboratory).sign(prepared)


def sign_many(
    prepared: Sequence[Prepared],
    signer: Signer,
    *,
    key: KeyRecord,
    now: datetime,
    last_issued_at: datetime | None,
    laboratory: Laboratory | None = None,
) -> list[Credential | Refusal]:
    """Do to each card what `sign` does; one that is refused does not stop the others.

    Args:
        prepared: What is to be signed, in any order, for any lists.
        signer: The card key.
        key: What was published of that key.
        now: The moment of signing of all; timezone-aware.
        last_issued_at: The latest ``iat`` this economy had signed before this batch;
            None if there was none.
        laboratory: Where to lint; by default a new one for this batch.

    Returns:
        For each card, in the same order, its credential or why there is none.  Once
        three signatures in a row were not good, or the signer has not answered in time,
        it is not asked again, and the rest is refused.

    Raises:
        ValueError: A moment is naive, or ``now`` is not from 1970 to 2100-01-01;
            nothing was signed.

    Not checked: what `sign` does not check.
    """
    desk = _Desk.at(signer, key, now, last_issued_at, laboratory)
    return [desk.sign_or_refuse(each) for each in prepared]


@dataclass(slots=True, kw_only=True)
class _Desk:
    """One key at one moment, and how its signer has done so far."""

    signer: Signer
    key: KeyRecord
    now: datetime
    last_issued_at: datetime | None
    laboratory: Laboratory
    failures_in_a_row: int = 0

    @classmethod
    def at(
        cls,
        signer: Signer,
        key: KeyRecord,
        now: datetime,
        last_issued_at: datetime | None,
        laboratory: Laboratory | None,
    ) -> Self:
        moment_on_wire(now)
        return cls(
            signer=signer,
            key=key,
            now=require_aware(now),
            last_issued_at=require_aware(last_issued_at) if last_issued_at else None,
            laboratory=laboratory or Laboratory(),
        )

    def sign_or_refuse(self, prepared: Prepared) -> Credential | Refusal:
        try:
            return self.sign(prepared)
        except (LintError, SigningError) as error:
            return Refusal.of(error)

    def sign(self, prepared: Prepared) -> Credential:
        _check_clock(prepared, self.key, self.now, self.last_issued_at)
        _check_signer(prepared, self.signer, self.key)
        blank = self.laboratory.lint(prepared, now=self.now)
        signature = self._signature(prepared)
        text = f"{prepared.signing_input}.{b64u(signature)}~"
        _check_round_trip(text, blank, signature)
        return _credential(prepared, text)

    def _signature(self, prepared: Prepared) -> bytes:
        if self.failures_in_a_row >= _MAX_FAILURES:
            raise SigningError(f"key {self.key.key_id} has failed and was not asked")
        self.failures_in_a_row += 1
        data = prepared.signing_input.encode("ascii")
        try:
            signature = sign_and_check(self.signer, data)
        except SignerUnavailable:  # it was waited for, and others wait for this
            self.failures_in_a_row = _MAX_FAILURES
            raise
        self.failures_in_a_row = 0
        return signature


def _lint_refusal(
    prepared: Prepared, laboratory: Laboratory, now: datetime
) -> Refusal | None:
    try:
        laboratory.lint(prepared, now=now)
    except LintError as error:
        return Refusal.of(error)
    return None


def _canonical_object(data: bytes) -> dict[str, Any]:
    if data.count(b"{") + data.count(b"[") > _MAX_NESTED:
        raise ValueError("not a canonical JSON object of this size")
    value = json.loads(data)
    if not isinstance(value, dict) or canonical(value) != data:
        raise ValueError("not a canonical JSON object")
    return value


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
    if last_issued_at and now < last_issued_at:
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


def _check_round_trip(text: str, blank: str, signature: bytes) -> None:
    try:
        unpacked = verifier.unpack(_qr_text(text, blank, signature))
    except verifier.PackingError as error:
        raise SigningError(
            f"the signed card does not survive packing: {error}"
        ) from error
    if unpacked != text:
        raise SigningError(
            "the signed card does not survive packing: unpacking gives other bytes"
        )


def _qr_text(text: str, blank: str, signature: bytes) -> str:
    """Put the signature into the packed card, where it stands near the front.

    Packing anew would take thrice as long for the same.  Unpacking judges: a text has
    one packing only, so what unpacks to it is that.

    Source: specification, sections 5.1 and 5.3; RFC 9285.
    """
    if blank[_PACKED_SIGNATURE] != _PACKED_ZEROS:  # a map of more than 23 members
        return verifier.pack(text)
    numbers = struct.unpack(">32H", signature)
    groups = (
        _BASE45[n % 45] + _BASE45[n // 45 % 45] + _BASE45[n // 2025] for n in numbers
    )
    return "".join(
        (blank[: _PACKED_SIGNATURE.start], *groups, blank[_PACKED_SIGNATURE.stop :])
    )


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


# The laboratory: keys and trust data that nobody believes outside of it.

_LINT_ECONOMY: Final = "XAA"
"""ISO 3166 leaves it to users, so it is no economy's."""
_LINT_POLICY: Final = verifier.Policy(economy=_LINT_ECONOMY)
_MAX_AGE: Final = timedelta(hours=1)
"""Far below the days for which the verifier believes trust data and lists."""
_LIFE: Final = timedelta(days=1)
_ALWAYS: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Before every moment that a card can say."""
_MAX_TRUSTS: Final = 64
"""Lists of which trust data is kept at a time: 32 to 256 KiB each."""
_USUAL_CAPACITY: Final = 2**17
_NO_SIGNATURE: Final = b64u(bytes(SIGNATURE_BYTES))
"""Packing takes any signature of this length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _ThrowawaySigner:
    key_id: str
    use: KeyUse
    private_key: PrivateKey = field(repr=False)

    @property
    def public_key(self) -> PublicKey:
        return self.private_key.public_key()

    def sign(self, data: bytes) -> bytes:
        return sign_es256(self.private_key, data)


class _Equipment:
    """Keys, a phone, and trust data as of one moment that believes in them."""

    def __init__(self, *, made_at: datetime) -> None:
        self._made_at = made_at
        self._card_key, self._status_key, self._phone = (
            new_private_key() for _ in range(3)
        )
        self._phone_jwk = public_jwk(self._phone.public_key())
        self._trusts: dict[tuple[str, str, str, int], verifier.Trust] = {}

    def serves(self, now: datetime) -> bool:
        """Tell whether ``now`` is in the hour for which this was made."""
        return self._made_at <= now < self._made_at + _MAX_AGE

    def trust_for(self, key_id: str, claims: Mapping[str, Any]) -> verifier.Trust:
        """Return trust data in which the card key has this id and issuer."""
        status = claims["status"]["status_list"]
        # Not idx.bit_length(): that of text would be no TypeError.
        capacity = max(_USUAL_CAPACITY, 1 << int.bit_length(status["idx"]))
        case = (key_id, claims["iss"], status["uri"], capacity)
        trust = self._trusts.get(case)
        if trust is None:
            trust = self._trust(*case)
            if len(self._trusts) >= _MAX_TRUSTS:
                self._trusts.clear()
            self._trusts[case] = trust
        return trust

    def shown(
        self, prepared: Prepared, claims: Mapping[str, Any], now: datetime
    ) -> str:
        """Sign the card, and show it, if it is for a phone, on one of our own."""
        if "cnf" not in claims:
            return self._signed(prepared.header, prepared.payload)
        swapped = canonical({**claims, "cnf": {"jwk": self._phone_jwk}})
        text = self._signed(prepared.header, swapped)
        return text + key_binding(
            text, self._phone, iat=now, audience=BORDER, nonce=None
        )

    def _signed(self, header: bytes, payload: bytes) -> str:
        text = signing_input(header, payload)
        return f"{text}.{b64u(sign_es256(self._card_key, text.encode('ascii')))}~"

    def _trust(self, key_id: str, url: str, uri: str, capacity: int) -> verifier.Trust:
        card_signer = _ThrowawaySigner(
            key_id=key_id, use="card", private_key=self._card_key
        )
        status_signer = _ThrowawaySigner(
            key_id="a" if key_id != "a" else "b",
            use="status",
            private_key=self._status_key,
        )
        records = [
            KeyRecord.of(signer, issuer_url=url, signs_from=_ALWAYS)
            for signer in (card_signer, status_signer)
        ]
        ends_at = self._made_at + _LIFE
        token = status_token(
            StatusStates.of({}, capacity=capacity),
            uri=uri,
            iat=self._made_at,
            exp=ends_at,
            ttl=None,
            signer=status_signer,
        )
        documents = {
            "scheme.json": _lint_scheme(url),
            f"{_LINT_ECONOMY}/issuer.json": _lint_issuer(url, records),
            f"{_LINT_ECONOMY}/status/{uri.rpartition('/')[2]}.jwt": token,
        }
        return verifier.Trust.from_documents(
            documents, version=1, issued_at=self._made_at, expires_at=ends_at
        )


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
