"""What every list has that an economy signs with a status key (specification, 6)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from . import _jose, _json
from ._keys import TrustedKey

MAX_TOKEN = 4 * 2**20
"""Characters."""
MAX_REFRESH = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedList:
    """Whose list it is, and for how long it counts."""

    uri: str
    issued_at: datetime
    expires_at: datetime
    refresh_after: timedelta | None
    """When the issuer would like a newer list fetched; at most 24 hours."""

    def is_ageing(self, now: datetime, max_age: timedelta) -> bool:
        """Tell whether more than half of the time is over for which it may be used."""
        return is_ageing(self.issued_at, self.expires_at, max_age, now)

    def is_stale(self, now: datetime, max_age: timedelta) -> bool:
        """Tell whether the list has ended or is older than ``max_age``."""
        return now >= self.expires_at or now - self.issued_at > max_age


def is_ageing(
    issued_at: datetime, expires_at: datetime, max_age: timedelta, now: datetime
) -> bool:
    """Tell whether data is past half of its time (specification, section 8)."""
    return now - issued_at > min(max_age, expires_at - issued_at) / 2


def open_list(
    token: bytes,
    *,
    token_type: str,
    keys: Mapping[str, TrustedKey],
    expected_uri: str,
    latest_issued_at: datetime,
) -> tuple[SignedList, Mapping[str, object]]:
    """Check who signed a list, for where and when; return that, and all its claims.

    The signature is checked before any claim is believed.

    Args:
        token: Compact JWS; at most 4 MiB.
        token_type: The ``typ`` that it must have.
        keys: Status keys of one economy by key id.
        expected_uri: Address of the list; must equal its ``sub``.
        latest_issued_at: Latest believable ``iat``.

    Raises:
        ValueError: The token is malformed, too large, of another type or address, or
            not signed by one of ``keys`` in its period.
    """
    if len(token) > MAX_TOKEN:
        raise ValueError("token is too long")
    jws = _jose.parse_jws(token.decode("ascii"), token_type=token_type, has_key_id=True)
    key = keys.get(jws.key_id or "")
    if key is None:
        raise ValueError("not signed by a status key of this economy")
    if not _jose.is_signed_by(key.public_key, jws.signing_input, jws.signature):
        raise ValueError("signature does not verify")
    claims = jws.unverified_payload  # believable from here on
    found = _parse_claims(claims, expected_uri)
    if found.issued_at not in key.signs:
        raise ValueError("signed outside the period of its key")
    if found.issued_at > latest_issued_at:
        raise ValueError("dated after the trust data that carried it")
    return found, claims


def _parse_claims(claims: Mapping[str, object], expected_uri: str) -> SignedList:
    if claims.get("sub") != expected_uri:
        raise ValueError("sub is another address")
    issued_at, expires_at = claims.get("iat"), claims.get("exp")
    if not (_json.is_moment(issued_at) and _json.is_moment(expires_at)):
        raise ValueError("iat or exp is not a moment")
    if expires_at <= issued_at:
        raise ValueError("exp is not after iat")
    return SignedList(
        uri=expected_uri,
        issued_at=datetime.fromtimestamp(issued_at, UTC),
        expires_at=datetime.fromtimestamp(expires_at, UTC),
        refresh_after=_refresh_after(claims),
    )


def _refresh_after(claims: Mapping[str, object]) -> timedelta | None:
    if "ttl" not in claims:
        return None
    seconds = claims["ttl"]
    if type(seconds) is not int or seconds < 1:
        raise ValueError("ttl is not a positive integer")
    return timedelta(seconds=min(seconds, MAX_REFRESH.total_seconds()))
