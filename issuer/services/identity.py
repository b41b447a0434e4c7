"""An economy's service keys: made here, delegated to by its status key, short-lived.

Status keys may be in a hardware module and sign rarely.  What systems say to each other
all day is signed by a service key, which lies on the server that answers, sealed by
the installation's key.  Its delegation ends within eight days, so that whoever steals
it has not much of it, and nobody has to take anything back.

This is the issuer's own reading of docs/web-services.md; the verifier has the other,
`verifier.read_service_message`.
"""

import base64
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

import verifier
from issuer.dated import require_aware
from issuer.errors import Invalid, KeyFileError, ServiceKeyMissing
from issuer.installation import Installation
from issuer.installation_key import InstallationKey
from issuer.jws import (
    PrivateKey,
    b64u,
    canonical,
    moment_from_wire,
    moment_on_wire,
    new_private_key,
    public_jwk,
    sign_es256,
    signing_input,
)
from issuer.keys import KeyRecord, Signer, read_owner_only, sign_and_check
from issuer.office import Office
from issuer.publish.files import sync_folder

DELEGATION_TYPE: Final = "abtc-service-keys+jwt"
LIFETIME: Final = timedelta(days=8)
"""Of a delegation; the most that a reader takes."""
FRESH: Final = timedelta(hours=20)
"""What publishes daily renews daily; what publishes hourly does not renew hourly."""
MESSAGE_LIFETIME: Final = timedelta(minutes=5)
_FORMAT: Final = "abtc-service-1"
_SEAL: Final = "service-key"
_SUITE: Final = Suite(KEM.P256, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_OTHER: Final = "it has no service keys"
_MAX_SEALED: Final = 2**18
_MOST_KEPT: Final = 12
"""Earlier keys: one for each day that a delegation lasts, and some more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceIdentity:
    """An economy's system, as it shows itself to others."""

    economy: str
    issuer_url: str
    delegation: str
    """Compact JWS of its status key, that says which keys are its system's."""
    key_id: str
    issued_at: datetime
    expires_at: datetime
    """End of the delegation."""
    _key: PrivateKey = field(repr=False)
    _opening: Mapping[str, PrivateKey] = field(repr=False)

    @classmethod
    def of(cls, office: Office, economy: str, now: datetime) -> Self:
        """Return the identity that an economy hosted here works with.

        Raises:
            ServiceKeyMissing: It has none, or its delegation has ended.
            KeyFileError: Others can read its file, or it is damaged.
        """
        path = file_of(office.installation, economy)
        try:
            status = path.stat()
        except OSError as error:
            raise _missing(economy, "has none") from error
        stamp = (status.st_mtime_ns, status.st_ino, status.st_size)
        found = _read(path, office.installation.web_key, stamp)
        if require_aware(now) >= found.expires_at:
            raise _missing(economy, f"has one that ended at {found.expires_at}")
        return cls(
            economy=found.economy,
            issuer_url=found.issuer_url,
            delegation=found.delegation,
            key_id=found.key_id,
            issued_at=found.issued_at,
            expires_at=found.expires_at,
            _key=found.key,
            _opening=found.opening,
        )

    def sign(self, typ: str, aud: str, claims: Mapping[str, Any], now: datetime) -> str:
        """Sign a message to somebody, good for five minutes.

        Args:
            typ: Its type, such as ``abtc-client+jwt``.
            aud: Whom it is for: an issuer URL, or ``urn:abtc:…``.
            claims: What it says, beside ``iss``, ``aud``, ``iat``, ``exp`` and ``jti``;
                a ``jti`` among them is taken, so that the same thing sent again is seen
                to be the same.
            now: The moment; timezone-aware, cut to whole seconds.

        Returns:
            A compact JWS that carries its delegation.

        Raises:
            ValueError: ``claims`` has one of the others, or ``now`` is naive.
        """
        if {"iss", "aud", "iat", "exp"} & claims.keys():
            raise ValueError("iss, aud, iat and exp are not the caller's")
        header = {
            "alg": "ES256",
            "delegation": self.delegation,
            "kid": self.key_id,
            "typ": typ,
        }
        payload = {
            "iss": self.issuer_url,
            "aud": aud,
            "iat": moment_on_wire(now),
            "exp": moment_on_wire(now + MESSAGE_LIFETIME),
            "jti": secrets.token_urlsafe(16),
            **claims,
        }
        text = signing_input(canonical(header), canonical(payload))
        return f"{text}.{b64u(sign_es256(self._key, text.encode('ascii')))}"

    def open(self, sealed: str, *, about: str) -> bytes:
        """Decrypt what somebody has sealed for this economy; see `ServiceKeys.seal`.

        Args:
            sealed: Key id, full stop and base64url.
            about: What it has to be for.

        Raises:
            Invalid: It is sealed for another key, for another purpose, or damaged.
        """
        key_id, _, text = sealed.rpartition(".")
        key = self._opening.get(key_id)
        if key is None or len(sealed) > _MAX_SEALED:
            raise _not_opened()
        info = verifier.sealing_info(self.issuer_url, key_id, about)
        try:
            data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            return bytes(_SUITE.decrypt(data, key, info))
        except (InvalidTag, ValueError) as error:
            raise _not_opened() from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    """What a file of service keys has."""

    economy: str
    issuer_url: str
    delegation: str
    key_id: str
    key: PrivateKey
    issued_at: datetime
    expires_at: datetime
    opening: Mapping[str, PrivateKey]


def file_of(installation: Installation, economy: str) -> Path:
    """Return where an economy's service keys are kept."""
    return installation.path(f"keys/{economy}/service.json")


def renew(office: Office, economy: str, now: datetime) -> ServiceIdentity:
    """Make new service keys, and have the economy's status key delegate to them.

    What was sealed for the keys before can be opened until their delegation ends.

    Raises:
        SigningError: The economy has no status key that signs now.
        KeyFileError: The file cannot be written.
    """
    signer, record = office.signers.signer(economy, "status", now=now)
    issuer_url = office.store.read(office.scheme).economy(economy).issuer_url
    until = now + LIFETIME
    if record.signs_until is not None:
        until = min(until, record.signs_until)
    name = f"{economy.lower()}-service-{secrets.token_hex(6)}"
    keys = {f"{name}-{use}": (use, new_private_key()) for use in ("sig", "enc")}
    delegation = _delegate(
        signer,
        record,
        {
            "iss": issuer_url,
            "iat": moment_on_wire(now),
            "exp": moment_on_wire(until),
            "keys": [
                {**public_jwk(key.public_key()), "kid": key_id, "use": use}
                for key_id, (use, key) in keys.items()
            ],
        },
    )
    sealer = InstallationKey.load(office.installation.web_key)
    rows = [
        {"kid": key_id, "use": use, "until": moment_on_wire(until),
         "sealed": _seal(sealer, economy, key_id, key)}
        for key_id, (use, key) in keys.items()
    ]  # fmt: skip
    path = file_of(office.installation, economy)
    body = {
        "format": _FORMAT,
        "economy": economy,
        "delegation": delegation,
        "keys": [*rows, *_kept(office, economy, now)],
    }
    _write(path, json.dumps(body, indent=1).encode())
    return ServiceIdentity.of(office, economy, now)


def renew_if_due(office: Office, economy: str, now: datetime) -> ServiceIdentity:
    """Renew keys that are older than 20 hours, or not there; raises as `renew`."""
    try:
        known = ServiceIdentity.of(office, economy, now)
    except (ServiceKeyMissing, KeyFileError):
        return renew(office, economy, now)
    return known if now - known.issued_at < FRESH else renew(office, economy, now)


def _delegate(signer: Signer, record: KeyRecord, payload: Mapping[str, Any]) -> str:
    header = {"alg": "ES256", "kid": record.key_id, "typ": DELEGATION_TYPE}
    text = signing_input(canonical(header), canonical(payload))
    return f"{text}.{b64u(sign_and_check(signer, text.encode('ascii')))}"


def _kept(office: Office, economy: str, now: datetime) -> Sequence[Mapping[str, Any]]:
    """Return the earlier keys for which something may still be on its way."""
    try:
        path = file_of(office.installation, economy)
        rows = _parse(path, read_owner_only(path))["keys"]
    except KeyFileError:
        return []  # there is none, or none that helps
    return [
        each
        for each in rows
        if each["use"] == "enc" and moment_from_wire(each["until"]) > now
    ][:_MOST_KEPT]


@lru_cache(maxsize=64)
def _read(path: Path, web_key: Path, stamp: tuple[int, int, int]) -> _Stored:
    del stamp  # a file that was replaced is read anew
    body = _parse(path, read_owner_only(path))
    sealer = InstallationKey.load(web_key)
    try:
        claims = json.loads(_bytes_of(body["delegation"].split(".")[1]))
        keys = {
            row["kid"]: (row["use"], _unseal(sealer, body["economy"], row))
            for row in body["keys"]
        }
        signs = next(each["kid"] for each in claims["keys"] if each["use"] == "sig")
        return _Stored(
            economy=body["economy"],
            issuer_url=claims["iss"],
            delegation=body["delegation"],
            key_id=signs,
            key=keys[signs][1],
            issued_at=moment_from_wire(claims["iat"]),
            expires_at=moment_from_wire(claims["exp"]),
            opening=MappingProxyType(
                {kid: key for kid, (use, key) in keys.items() if use == "enc"}
            ),
        )
    except (ValueError, KeyError, TypeError, IndexError, StopIteration) as error:
        reason = "it is damaged, or of another installation: renew the service keys"
        raise KeyFileError(file=str(path), reason=reason) from error


def _parse(path: Path, data: bytes) -> dict[str, Any]:
    try:
        body = json.loads(data)
        is_ours = body["format"] == _FORMAT and isinstance(body["keys"], list)
    except (ValueError, KeyError, TypeError) as error:
        raise KeyFileError(file=str(path), reason=_OTHER) from error
    if not is_ours:
        raise KeyFileError(file=str(path), reason=_OTHER)
    return dict(body)


def _seal(sealer: InstallationKey, economy: str, key_id: str, key: PrivateKey) -> str:
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return sealer.seal(_SEAL, f"{economy}/{key_id}", b64u(der))


def _unseal(
    sealer: InstallationKey, economy: str, row: Mapping[str, Any]
) -> PrivateKey:
    text = sealer.unseal(_SEAL, f"{economy}/{row['kid']}", row["sealed"])
    key = load_der_private_key(_bytes_of(text), None)
    if not isinstance(key, PrivateKey):
        raise ValueError("no key on an elliptic curve")
    return key


def _bytes_of(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _write(path: Path, data: bytes) -> None:
    """Replace a file that only its owner may read, as a whole; on disk at return."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(temporary, flags, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        reason = (error.strerror or "cannot be written").lower()
        raise KeyFileError(file=str(path), reason=reason) from error


def _missing(economy: str, what: str) -> ServiceKeyMissing:
    return ServiceKeyMissing(
        f"no service key of {economy}: it {what};"
        " `abtc-issuer services renew-key` makes one, and so does publishing"
    )


def _not_opened() -> Invalid:
    return Invalid([("sealed", "sealed", "is not sealed for us, and for this")])
