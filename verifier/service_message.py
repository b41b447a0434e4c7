"""What one economy's system says to another's: signed, short-lived, checked offline.

Nobody exchanges keys by hand.  The trust data has every economy's status keys.  A
status key delegates, for at most eight days, to keys that may be online; the delegation
travels inside each message, so that whoever has trust data needs nothing else, and
nothing is ever fetched because a message says so.

Source: docs/web-services.md.
"""

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum, unique
from types import MappingProxyType
from typing import Final

from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from . import _b64, _jose, _json
from ._documents import Issuer
from ._jose import Jws, PublicKey
from .errors import ServiceMessageError
from .trust import Trust

DELEGATION_TYPE: Final = "abtc-service-keys+jwt"
MAX_MESSAGE: Final = 2**20
"""Characters of a message, with its delegation."""
MAX_DELEGATION: Final = 16 * 2**10
"""Characters."""
MAX_SEALED: Final = 2**17
"""Bytes of what is sealed for an economy."""
LONGEST_DELEGATION: Final = timedelta(days=8)
LONGEST_MESSAGE: Final = timedelta(minutes=5)
CLOCKS_DIFFER: Final = timedelta(seconds=60)
"""What may come from a clock that is ahead of ours."""
_MAX_KEYS: Final = 8
_SEALED: Final = "abtc-sealed-1"
_SUITE: Final = Suite(KEM.P256, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_MESSAGE_ID = re.compile(r"[A-Za-z0-9._~-]{1,64}")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_KEY_MEMBERS: Final = frozenset({"kty", "crv", "x", "y", "kid", "use"})


@unique
class MessageProblem(StrEnum):
    """Why a message is not believed; the first that applies, in this order."""

    TRUST = "message.trust"
    """Our own trust data cannot be used at this moment: sync, or look at the clock."""
    MALFORMED = "message.malformed"
    """No compact JWS, too long, or a claim is missing or has another form."""
    TYPE = "message.type"
    """Another type than the one that is expected here."""
    UNKNOWN_ECONOMY = "message.unknown_economy"
    """The trust data has no keys of whoever it says it is from."""
    DELEGATION = "message.delegation"
    """No status key of that economy has delegated so, or for too long."""
    DELEGATION_ENDED = "message.delegation_ended"
    """The delegation has ended: its economy has to renew its service keys."""
    SIGNATURE = "message.signature"
    """Not signed by a key that the delegation names for signing."""
    MISADDRESSED = "message.misaddressed"
    """It is for somebody else."""
    NOT_YET = "message.not_yet"
    """Dated more than a minute ahead of our clock."""
    EXPIRED = "message.expired"
    """Its time is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceKeys:
    """The keys that an economy's system works with at present."""

    economy: str
    issuer_url: str
    is_test: bool
    """Of an economy that is marked for tests: nothing it says is about real people."""
    issued_at: datetime
    expires_at: datetime
    signing: Mapping[str, PublicKey]
    """By key id."""
    sealing: Mapping[str, PublicKey]
    """By key id, the one to use first."""

    def seal(self, content: bytes, *, about: str) -> str:
        """Encrypt something that only this economy's system can read.

        Args:
            content: At most 128 KiB.
            about: What it is for; whoever opens it has to expect the same.

        Returns:
            Key id, full stop and base64url: HPKE (RFC 9180) with P-256, HKDF-SHA256 and
            AES-256-GCM.

        Raises:
            ValueError: It is too long, or the economy has no key to seal for.

        Not checked: that the delegation has not ended since it was read.
        """
        if len(content) > MAX_SEALED or not self.sealing:
            raise ValueError("too long, or there is no key to seal for")
        key_id, key = next(iter(self.sealing.items()))
        info = sealing_info(self.issuer_url, key_id, about)
        return f"{key_id}.{_b64.encode(_SUITE.encrypt(content, key, info))}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceMessage:
    """A message that an economy's system has signed, for us, just now."""

    economy: str
    """Who says it; by the trust data, not by what the message claims."""
    claims: Mapping[str, object]
    """All of them, also ``iss``, ``aud``, ``iat``, ``exp`` and ``jti``."""
    key_id: str
    """The service key that signed."""
    audience: str
    message_id: str
    """Its ``jti``, 1 to 64 characters: whoever must not do a thing twice keeps it."""
    issued_at: datetime
    expires_at: datetime
    keys: ServiceKeys = field(repr=False)
    """Of its sender, with which an answer can be sealed."""


def read_service_keys(delegation: str, *, trust: Trust, now: datetime) -> ServiceKeys:
    """Read the keys that an economy's status key has delegated to.

    Args:
        delegation: Compact JWS of type ``abtc-service-keys+jwt``; at most 16 KiB.
        trust: What this side believes.
        now: The moment; timezone-aware.

    Raises:
        ServiceMessageError: With ``message.trust``, ``unknown_economy``,
            ``delegation`` or ``delegation_ended``.

    Not checked: that it is the newest; an older one is good until it ends.
    """
    now = _checked(now, trust)
    found = trust.seen_delegations.get(delegation)
    if found is None:
        found = _delegated(delegation, trust)
        trust.seen_delegations.remember(delegation, found)
    if found.issued_at - now > CLOCKS_DIFFER:
        raise _stop(MessageProblem.DELEGATION, "dated ahead")
    if now >= found.expires_at:
        raise _stop(MessageProblem.DELEGATION_ENDED, f"at {found.expires_at}")
    return found


def read_service_message(
    text: str,
    *,
    typ: str,
    audience: str | Set[str],
    trust: Trust,
    now: datetime,
) -> ServiceMessage:
    """Read a message that another economy's system has signed.

    Args:
        text: Compact JWS; at most 1 MiB.
        typ: The type that is expected, such as ``abtc-client+jwt``.
        audience: Who we are: issuer URL of our economy, or several.
        trust: What this side believes.
        now: The moment; timezone-aware.

    Returns:
        The message, of an economy that the trust data names, dated at most a minute
        ahead and not over; it was good for five minutes at most.

    Raises:
        ServiceMessageError: With the first `MessageProblem` that applies as its code.
        ValueError: ``now`` is naive.

    Not checked: that it has not been here before (see ``message_id``); what its own
    claims say; and that this economy may say it.
    """
    now = _checked(now, trust)
    jws = _message(text, typ)
    keys = read_service_keys(jws.delegation or "", trust=trust, now=now)
    key = keys.signing.get(jws.key_id or "")
    if key is None:
        raise _stop(MessageProblem.SIGNATURE, "its key is not delegated to for this")
    if not _jose.is_signed_by(key, jws.signing_input, jws.signature):
        raise _stop(MessageProblem.SIGNATURE, "the signature does not verify")
    return _addressed(jws, keys, audience, now)


def sealing_info(issuer_url: str, key_id: str, about: str) -> bytes:
    """Return what binds sealed bytes to a reader and a purpose: HPKE's info."""
    return f"{_SEALED}\n{issuer_url}\n{key_id}\n{about}".encode()


def _checked(now: datetime, trust: Trust) -> datetime:
    if now.utcoffset() is None:
        raise ValueError("now is not timezone-aware")
    now = now.astimezone(UTC)
    if now >= trust.expires_at or trust.time_floor - now > CLOCKS_DIFFER:
        raise _stop(MessageProblem.TRUST, "the trust data is of another time")
    return now


def _message(text: str, typ: str) -> Jws:
    try:
        _check_length(text, MAX_MESSAGE)
        return _jose.parse_jws(
            text, token_type=typ, has_key_id=True, has_delegation=True
        )
    except ValueError as error:
        if _has_other_type(text, typ):
            raise _stop(MessageProblem.TYPE, f"not of the type {typ}") from error
        raise _stop(MessageProblem.MALFORMED, error) from error


def _has_other_type(text: str, typ: str) -> bool:
    try:
        return len(text) <= MAX_MESSAGE and _jose.type_of(text) != typ
    except ValueError:
        return False


def _check_length(text: str, most: int) -> None:
    if len(text) > most:
        raise ValueError(f"longer than {most:,} characters")


def _text(claims: Mapping[str, object], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{name} is no text")
    return value


def _delegation(text: str) -> Jws:
    _check_length(text, MAX_DELEGATION)
    return _jose.parse_jws(text, token_type=DELEGATION_TYPE, has_key_id=True)


def _issuer(trust: Trust, url: str) -> Issuer:
    found = trust.issuer_at(url)
    if found is None:
        raise _stop(MessageProblem.UNKNOWN_ECONOMY, "no keys are known of this issuer")
    return found


def _delegated(delegation: str, trust: Trust) -> ServiceKeys:
    """Read a delegation as far as that needs no clock: the same at every moment."""
    try:
        jws = _delegation(delegation)
        url = _text(jws.unverified_payload, "iss")
    except ValueError as error:
        raise _stop(MessageProblem.DELEGATION, error) from error
    issuer = _issuer(trust, url)
    try:
        return _believe(jws, issuer)
    except ValueError as error:
        raise _stop(MessageProblem.DELEGATION, error) from error


def _believe(jws: Jws, issuer: Issuer) -> ServiceKeys:
    """Check who delegated, then for how long, then to which keys."""
    key = issuer.status_keys.get(jws.key_id or "")
    if key is None:
        raise ValueError("not by a status key of this economy")
    if not _jose.is_signed_by(key.public_key, jws.signing_input, jws.signature):
        raise ValueError("the signature does not verify")
    claims = jws.unverified_payload
    issued_at, expires_at = _period(claims, LONGEST_DELEGATION)
    if issued_at not in key.signs:
        raise ValueError("signed outside the period of its key")
    signing, sealing = _keys(claims.get("keys"))
    return ServiceKeys(
        economy=issuer.economy,
        issuer_url=issuer.url,
        is_test=issuer.is_test,
        issued_at=issued_at,
        expires_at=expires_at,
        signing=MappingProxyType(signing),
        sealing=MappingProxyType(sealing),
    )


def _keys(rows: object) -> tuple[dict[str, PublicKey], dict[str, PublicKey]]:
    if not isinstance(rows, list) or not 1 <= len(rows) <= _MAX_KEYS:
        raise ValueError(f"keys is not a list of 1 to {_MAX_KEYS}")
    found: dict[str, dict[str, PublicKey]] = {"sig": {}, "enc": {}}
    for row in rows:
        key_id, use, key = _key(row)
        if key_id in found["sig"] or key_id in found["enc"]:
            raise ValueError("a kid occurs twice")
        found[use][key_id] = key
    return found["sig"], found["enc"]


def _key(row: object) -> tuple[str, str, PublicKey]:
    if not (_json.is_object(row) and set(row) == _KEY_MEMBERS):
        raise ValueError("not exactly a JWK with kid and use")
    key_id, use = row["kid"], row["use"]
    if not (isinstance(key_id, str) and _jose.is_key_id(key_id)):
        raise ValueError("kid is malformed")
    if not isinstance(use, str) or use not in {"sig", "enc"}:
        raise ValueError("use is neither sig nor enc")
    bare = {name: row[name] for name in ("kty", "crv", "x", "y")}
    return key_id, use, _jose.load_jwk(bare)


def _addressed(
    jws: Jws, keys: ServiceKeys, audience: str | Set[str], now: datetime
) -> ServiceMessage:
    claims = jws.unverified_payload
    wanted = {audience} if isinstance(audience, str) else audience
    try:
        aud, message_id = _text(claims, "aud"), _message_id(claims)
        issued_at, expires_at = _period(claims, LONGEST_MESSAGE)
    except ValueError as error:
        raise _stop(MessageProblem.MALFORMED, error) from error
    if claims.get("iss") != keys.issuer_url:
        raise _stop(MessageProblem.SIGNATURE, "the key is another economy's")
    if aud not in wanted:
        raise _stop(MessageProblem.MISADDRESSED, "it is for somebody else")
    if issued_at - now > CLOCKS_DIFFER:
        raise _stop(MessageProblem.NOT_YET, f"dated {issued_at}")
    if now >= expires_at:
        raise _stop(MessageProblem.EXPIRED, f"at {expires_at}")
    return ServiceMessage(
        economy=keys.economy,
        claims=MappingProxyType(claims),
        key_id=jws.key_id or "",
        audience=aud,
        message_id=message_id,
        issued_at=issued_at,
        expires_at=expires_at,
        keys=keys,
    )


def _message_id(claims: Mapping[str, object]) -> str:
    text = _text(claims, "jti")
    if not _MESSAGE_ID.fullmatch(text):
        raise ValueError("jti is malformed")
    return text


def _period(
    claims: Mapping[str, object], longest: timedelta
) -> tuple[datetime, datetime]:
    begin, end = claims.get("iat"), claims.get("exp")
    if not (_json.is_moment(begin) and _json.is_moment(end)):
        raise ValueError("iat or exp is no moment")
    if not timedelta(0) < timedelta(seconds=end - begin) <= longest:
        raise ValueError(f"not good for at most {longest}")
    return _EPOCH + timedelta(seconds=begin), _EPOCH + timedelta(seconds=end)


def _stop(problem: MessageProblem, detail: object) -> ServiceMessageError:
    return ServiceMessageError(problem, str(detail))
