"""Cards, proofs and trust data to measure with, built by hand from the specification.

Everything is fixed by small numbers and signatures are deterministic, so equal calls
give equal text.  The rules of the scheme are the published ones.
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

import verifier
from issuer.documents import policy_document, scheme_document
from issuer.scheme import Scheme

PrivateKey = ec.EllipticCurvePrivateKey

NOW: Final = datetime(2030, 1, 15, 12, tzinfo=UTC)
"""For what does not depend on the day, such as sizes."""
ISSUING: Final = "AUS"
DESTINATION: Final = "SGP"
ISSUER_URL: Final = "https://abtc.example/AUS"
DESTINATION_URL: Final = "https://abtc.example/SGP"
AUDIENCE: Final = "urn:abtc:border"
CARD_KEY_ID: Final = "2029-1"
STATUS_KEY_ID: Final = "2029-2"
LIST_ENTRIES: Final = 2**17
"""Entries of each list: what an economy has that states nothing else."""
ALL_ECONOMIES: Final = tuple(Scheme.load().economies)
USUAL_ECONOMIES: Final = tuple(
    code for code in ALL_ECONOMIES if code not in {ISSUING, "CAN", "USA"}
)
"""Every economy that pre-clears, but the holder's own."""

_ECDSA: Final = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)


def b64u(data: bytes) -> str:
    """Return ``data`` as base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64u(text: str) -> bytes:
    """Return the bytes of base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@cache
def fixed_key(number: int) -> PrivateKey:
    """Return the private key of that number; for measuring only."""
    return ec.derive_private_key(number, ec.SECP256R1())


def card_key() -> PrivateKey:
    """Return the key that signs every card here."""
    return fixed_key(11)


def holder_key(number: int) -> PrivateKey:
    """Return the key of one phone."""
    return fixed_key(1000 + number)


def sign(key: PrivateKey, data: bytes) -> bytes:
    """Return an ES256 signature, r and s."""
    r, s = decode_dss_signature(key.sign(data, _ECDSA))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def public_jwk(key: PrivateKey) -> dict[str, str]:
    """Return the public JWK of a key, in canonical member order."""
    point = key.public_key().public_numbers()
    x, y = (b64u(number.to_bytes(32, "big")) for number in (point.x, point.y))
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y}


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Whose card it is; the number also fixes key, index and document numbers."""

    number: int = 0
    family_name: str = "CITIZEN"
    given_name: str = "JANE ALEXANDRA"
    economies: tuple[str, ...] = USUAL_ECONOMIES


REFERENCE: Final = Holder()
"""An ordinary holder, cleared wherever that is possible."""
WORST: Final = Holder(
    family_name="VON HOHENZOLLERN SIGMARINGEN LICHTENSTE",
    given_name="MAXIMILIANA WILHELMINA FRIEDERIKE CHRIS",
    economies=ALL_ECONOMIES,
)
"""The longest names that the profile takes, cleared everywhere."""


def status_index(holder: Holder) -> int:
    """Return the place of a holder's card in its issuer's first list."""
    return int(_seven_digits(holder, "index")) % LIST_ENTRIES


def claims(holder: Holder, *, at: datetime, form: str = "app") -> dict[str, Any]:
    """Return the payload of a card, in canonical order."""
    day = int(at.timestamp()) // 86_400
    document, passport = (_seven_digits(holder, use) for use in ("card", "passport"))
    status = {"idx": status_index(holder), "uri": f"{ISSUER_URL}/status/1"}
    confirmation = {"cnf": {"jwk": public_jwk(holder_key(holder.number))}}
    return {
        "iss": ISSUER_URL,
        "vct": "urn:abtc:card:1",
        "iat": (day - 30) * 86_400 + 34_567,
        "exp": (day + 900) * 86_400,
        "status": {"status_list": status},
        **(confirmation if form == "app" else {}),
        "document_number": f"AU{document}",
        "family_name": holder.family_name,
        "given_name": holder.given_name,
        "birthdate": "1980-05-04",
        "nationality": ISSUING,
        "passport": {"country": ISSUING, "number": f"PA{passport}"},
        "form": form,
        "economies": list(holder.economies),
    }


def card_text(
    holder: Holder,
    *,
    at: datetime,
    form: str = "app",
    key: PrivateKey | None = None,
) -> str:
    """Return a signed card as presentation text, without a proof.

    Signed with `card_key`, unless another is given.
    """
    header = {"alg": "ES256", "kid": CARD_KEY_ID, "typ": "dc+sd-jwt"}
    payload = claims(holder, at=at, form=form)
    return f"{_jws(header, payload, key or card_key())}~"


def proof_claims(card: str, *, at: datetime) -> dict[str, Any]:
    """Return the payload of a proof for a card, in canonical order."""
    moment = int(at.timestamp())
    return {
        "iat": moment,
        "aud": AUDIENCE,
        "nonce": f"iat.{moment}",
        "sd_hash": b64u(hashlib.sha256(card.encode()).digest()),
    }


def presentation(card: str, holder: Holder, *, at: datetime) -> str:
    """Return a card with the proof that the holder's phone makes at a moment."""
    header = {"alg": "ES256", "typ": "kb+jwt"}
    return card + _jws(header, proof_claims(card, at=at), holder_key(holder.number))


def _seven_digits(holder: Holder, use: str) -> str:
    """Return digits that do not compress, as real numbers do not."""
    digest = hashlib.sha256(f"{holder.number} {use}".encode()).digest()
    return f"{int.from_bytes(digest[:8], 'big') % 10**7:07d}"


def trust_documents(now: datetime) -> dict[str, bytes]:
    """Return what a device in Singapore needs to judge cards of Australia."""
    scheme = Scheme.load()
    status_key, destination_key = fixed_key(12), fixed_key(14)
    return {
        "scheme.json": _scheme_json(scheme, now),
        "AUS/issuer.json": _issuer_json(
            ISSUING,
            ISSUER_URL,
            {("card", CARD_KEY_ID): card_key(), ("status", STATUS_KEY_ID): status_key},
        ),
        "SGP/issuer.json": _issuer_json(
            DESTINATION,
            DESTINATION_URL,
            {("status", STATUS_KEY_ID): destination_key},
        ),
        "SGP/policy.json": policy_document(scheme, DESTINATION, issued_at=now),
        "AUS/status/1.jwt": _list(f"{ISSUER_URL}/status/1", status_key, now),
        "SGP/overlay/AUS/1.jwt": _list(
            f"{DESTINATION_URL}/overlay/AUS/1", destination_key, now
        ),
    }


def fresh_trust(documents: Mapping[str, bytes], now: datetime) -> verifier.Trust:
    """Return a snapshot that has seen no card yet.

    Raises:
        ValueError: A document was refused, so the figures would mean nothing.
    """
    trust = verifier.Trust.from_documents(
        documents,
        version=1,
        issued_at=now - timedelta(hours=1),
        expires_at=now + timedelta(days=7),
    )
    if trust.problems:
        raise ValueError(f"trust data was refused: {trust.problems}")
    return trust


def _scheme_json(scheme: Scheme, now: datetime) -> bytes:
    document = json.loads(scheme_document(scheme, issued_at=now))
    for economy in document["economies"]:
        economy["issuer"] = scheme.economy(economy["code"]).issuer_url
    return _json(document)


def _issuer_json(
    economy: str, url: str, keys: Mapping[tuple[str, str], PrivateKey]
) -> bytes:
    rows = [_key_row(url, use, key_id, key) for (use, key_id), key in keys.items()]
    return _json({"abtc": "issuer", "economy": economy, "issuer": url, "keys": rows})


def _key_row(url: str, use: str, key_id: str, key: PrivateKey) -> dict[str, object]:
    proof = sign(key, f"ABTC1 key\n{url}\n{use}\n{key_id}".encode())
    return {
        "kid": key_id,
        "use": use,
        "jwk": public_jwk(key),
        "from": "2020-01-01T00:00:00Z",
        "until": None,
        "proof": b64u(proof),
    }


def _list(url: str, key: PrivateKey, now: datetime) -> bytes:
    moment = int(now.timestamp())
    states = b64u(zlib.compress(bytes(LIST_ENTRIES // 4), 9))
    header = {"alg": "ES256", "kid": STATUS_KEY_ID, "typ": "statuslist+jwt"}
    payload = {
        "sub": url,
        "iat": moment - 3_600,
        "exp": moment + 7 * 86_400,
        "ttl": 43_200,
        "status_list": {"bits": 2, "lst": states},
    }
    return _jws(header, payload, key).encode()


def _jws(header: object, payload: object, key: PrivateKey) -> str:
    signing_input = f"{b64u(_json(header))}.{b64u(_json(payload))}"
    return f"{signing_input}.{b64u(sign(key, signing_input.encode()))}"


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
