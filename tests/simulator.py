"""A world for tests: correct by default, one change per test.

    world = World()                                  # 21 economies at NOW
    card = world.card()                              # an app card of AUS
    world.verify(world.show(card))                   # Accepted at SGP

    world.card(exp="soon")                           # one claim changed
    world.card(birthdate=ABSENT)                     # one claim left out
    world.card(header={"crit": []})                  # one header member more
    world.show(card, at=world.now + timedelta(1))    # a proof of tomorrow
    world.show(card, aud="urn:other", as_text=True)  # presentation text, not a code
    world.set_status(1)                              # the default card is revoked
    world.set_overlay(3, destination="SGP")          # granted since by SGP
    world.trust(replace={"AUS/issuer.json": b"{}"})  # one document changed

Keys are fixed by name and signatures are deterministic, so equal calls give equal
text. The tokens are put together here, from the specification; only the documents of
the scheme come from the issuer's own functions.
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

import verifier
from issuer.documents import issuer_document, policy_document, scheme_document
from issuer.keys import KeyRecord, KeyUse
from issuer.scheme import Scheme

NOW: Final = datetime(2030, 1, 15, 12, tzinfo=UTC)
SCHEME: Final = Scheme.load()
ABSENT: Final = object()
"""As the value of a claim or header member: leave it out."""
INDEX: Final = 7
"""Status index of a card that is not given another."""
CAPACITY: Final = 64
"""Entries of every list."""
PUBLISHED: Final = timedelta(hours=1)
"""Age of the trust data and its lists."""
SALT: Final = bytes(16)
"""Of every list of reported passports."""
KEYS_FROM: Final = NOW - timedelta(days=365)

_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_ECDSA: Final = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)


# Bytes and keys


@cache
def fixed_key(name: str) -> ec.EllipticCurvePrivateKey:
    """The private key of that name, the same in every run."""
    number = int.from_bytes(hashlib.sha512(name.encode()).digest(), "big")
    return ec.derive_private_key(number % (_ORDER - 1) + 1, ec.SECP256R1())


def b64u(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def compact_json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def signature(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    r, s = decode_dss_signature(key.sign(data, _ECDSA))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def jwk(key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    """The public JWK of a key."""
    point = key.public_key().public_numbers()
    x, y = (b64u(number.to_bytes(32, "big")) for number in (point.x, point.y))
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y}


def jws(header: object, payload: object, key: ec.EllipticCurvePrivateKey) -> str:
    """A compact JWS; header and payload are JSON values, or bytes as they are."""
    parts = [
        b64u(part if isinstance(part, bytes) else compact_json(part))
        for part in (header, payload)
    ]
    text = ".".join(parts)
    return f"{text}.{b64u(signature(key, text.encode()))}"


def seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def changed(members: Mapping[str, object], changes: Mapping[str, object]) -> object:
    """Members with changes in place, new ones at the end, ABSENT ones gone."""
    merged = {**members, **changes}
    return {name: value for name, value in merged.items() if value is not ABSENT}


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedSigner:
    """A signer as `issuer.keys` wants one, with a fixed key."""

    key_id: str
    use: KeyUse
    name: str

    @classmethod
    def of(cls, economy: str, use: KeyUse) -> "FixedSigner":
        return cls(key_id=f"{economy}-{use}", use=use, name=f"{economy}-{use}")

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        return fixed_key(self.name).public_key()

    def sign(self, data: bytes) -> bytes:
        return signature(fixed_key(self.name), data)


def status_token(  # one keyword for each member of the token
    uri: str,
    states: Mapping[int, int],
    *,
    economy: str,
    iat: datetime,
    capacity: int = CAPACITY,
    header: Mapping[str, object] | None = None,
    key: ec.EllipticCurvePrivateKey | None = None,
    **changes: object,
) -> bytes:
    """A status or overlay list of 2 bits, signed by the economy's status key."""
    entries = bytearray(capacity // 4)
    for index, state in states.items():
        entries[index // 4] |= state << index % 4 * 2
    signer = f"{economy}-status"
    members = {"alg": "ES256", "kid": signer, "typ": "statuslist+jwt"}
    payload = {
        "sub": uri,
        "iat": seconds(iat),
        "exp": seconds(iat + timedelta(days=7)),
        "ttl": 3600,
        "status_list": {"bits": 2, "lst": b64u(zlib.compress(bytes(entries), 9))},
    }
    return jws(
        changed(members, header or {}),
        changed(payload, changes),
        key or fixed_key(signer),
    ).encode()


def passports_token(
    passports: Iterable[str],
    /,
    *,
    economy: str = "AUS",
    iat: datetime,
    header: Mapping[str, object] | None = None,
    entries: bytes | None = None,
    **changes: object,
) -> bytes:
    """A list of reported passports, signed by the economy's status key.

    Args:
        passports: As the list hashes them: ``AUS|PA1234567|1980-02-29``.
        economy: Whose list.
        iat: When it is signed.
        header: Members of the header to change.
        entries: Instead of those of ``passports``.
        changes: Members of the payload to change; ABSENT leaves one out.
    """
    signer = f"{economy}-status"
    members = {"alg": "ES256", "kid": signer, "typ": "abtc-passports+jwt"}
    each = [passport_entry(text) for text in passports]
    packed = b"".join(sorted(each)) if entries is None else entries
    listed = {"kdf": "scrypt-4096-8-1", "salt": b64u(SALT), "lst": b64u(packed)}
    payload = {
        "sub": f"{SCHEME.economy(economy).issuer_url}/passports",
        "iat": seconds(iat),
        "exp": seconds(iat + timedelta(days=7)),
        "passports": listed,
    }
    return jws(
        changed(members, header or {}), changed(payload, changes), fixed_key(signer)
    ).encode()


@cache
def passport_entry(passport: str) -> bytes:
    """The 6 bytes by which a list of reported passports knows one."""
    return hashlib.scrypt(passport.encode(), salt=SALT, n=4096, r=8, p=1, dklen=6)


# Documents that do not depend on a test are built once.


@cache
def key_record(economy: str, use: KeyUse) -> KeyRecord:
    return KeyRecord.of(
        FixedSigner.of(economy, use),
        issuer_url=SCHEME.economy(economy).issuer_url,
        signs_from=KEYS_FROM,
    )


@cache
def _issuer_json(economy: str, issued_at: datetime) -> bytes:
    records = [key_record(economy, "card"), key_record(economy, "status")]
    return issuer_document(SCHEME, economy, keys=records, issued_at=issued_at)


@cache
def _policy_json(economy: str, issued_at: datetime) -> bytes:
    return policy_document(SCHEME, economy, issued_at=issued_at)


@cache
def _scheme_json(issued_at: datetime) -> bytes:
    return scheme_document(SCHEME, issued_at=issued_at)


@cache
def _list(
    uri: str, economy: str, iat: datetime, states: tuple[tuple[int, int], ...]
) -> bytes:
    return status_token(uri, dict(states), economy=economy, iat=iat)


class World:
    """Issuers, phones, lists and a device at one moment.

    Args:
        now: The present; trust data and lists are an hour old, cards 30 days.
        economies: Whose documents there are; by default all 21.
    """

    def __init__(
        self, now: datetime = NOW, economies: Iterable[str] = SCHEME.economies
    ) -> None:
        self.now = now
        self.economies = tuple(economies)
        self._states: dict[str, dict[int, int]] = {}
        self._trusts: dict[str, verifier.Trust] = {}

    # Cards and proofs

    def claims(self, issuer: str = "AUS", form: str = "app") -> dict[str, object]:
        """The claims of a good card, in canonical order."""
        url = SCHEME.economy(issuer).issuer_url
        signed_at = self.now - timedelta(days=30)
        ends_at = datetime(self.now.year + 4, 7, 1, tzinfo=UTC)
        claims: dict[str, object] = {
            "iss": url,
            "vct": "urn:abtc:card:1",
            "iat": seconds(signed_at),
            "exp": seconds(ends_at),
            "status": {"status_list": {"idx": INDEX, "uri": f"{url}/status/1"}},
            "cnf": {"jwk": jwk(fixed_key("holder"))},
            "document_number": "A1234567",
            "family_name": "CITIZEN",
            "given_name": "JANE MARY",
            "birthdate": "1980-02-29",
            "nationality": issuer,
            "passport": {"country": issuer, "number": "PA1234567"},
            "form": form,
            "economies": list(SCHEME.destinations(issuer, issuer, signed_at)),
        }
        if form != "app":
            del claims["cnf"]
        return claims

    def card(
        self,
        issuer: str = "AUS",
        form: str = "app",
        *,
        header: Mapping[str, object] | bytes | None = None,
        payload: bytes | None = None,
        key: ec.EllipticCurvePrivateKey | None = None,
        **claims: object,
    ) -> str:
        """A signed card: issuer JWT and ``~``.

        Args:
            issuer: Whose card.
            form: ``app``, for the phone ``fixed_key("holder")``, or ``physical``.
            header: Members to change, or the whole header as raw bytes.
            payload: The whole payload as raw bytes.
            key: Who signs instead of the issuer's card key.
            claims: Claims to change; ABSENT leaves one out.
        """
        members = {"alg": "ES256", "kid": f"{issuer}-card", "typ": "dc+sd-jwt"}
        return "{}~".format(
            jws(
                header if isinstance(header, bytes) else changed(members, header or {}),
                changed(self.claims(issuer, form), claims)
                if payload is None
                else payload,
                key or fixed_key(f"{issuer}-card"),
            )
        )

    def show(
        self,
        card: str,
        *,
        at: datetime | None = None,
        challenge: str | None = None,
        as_text: bool = False,
        header: Mapping[str, object] | bytes | None = None,
        key: ec.EllipticCurvePrivateKey | None = None,
        **claims: object,
    ) -> str:
        """What the holder shows: QR text, with a proof if the card is for a phone.

        Args:
            card: As `card` gives it.
            at: When the proof is made, by the phone's clock; by default now.
            challenge: What the officer asked for; it becomes the nonce.
            as_text: Return presentation text instead; for what cannot be packed.
            header: Members of the proof's header to change, or raw bytes.
            key: Who makes the proof instead of ``fixed_key("holder")``.
            claims: Claims of the proof to change; ABSENT leaves one out.
        """
        shown = card
        if _is_for_phone(card):
            shown += self.proof(
                card, at=at, challenge=challenge, header=header, key=key, **claims
            )
        return shown if as_text else verifier.pack(shown)

    def proof(
        self,
        card: str,
        *,
        at: datetime | None = None,
        challenge: str | None = None,
        header: Mapping[str, object] | bytes | None = None,
        key: ec.EllipticCurvePrivateKey | None = None,
        **claims: object,
    ) -> str:
        """The key binding JWT alone; arguments as for `show`."""
        iat = seconds(at or self.now)
        payload = {
            "iat": iat,
            "aud": "urn:abtc:border",
            "nonce": challenge or f"iat.{iat}",
            "sd_hash": b64u(hashlib.sha256(card.encode()).digest()),
        }
        members = {"alg": "ES256", "typ": "kb+jwt"}
        return jws(
            header if isinstance(header, bytes) else changed(members, header or {}),
            changed(payload, claims),
            key or fixed_key("holder"),
        )

    # Lists

    def set_status(
        self, state: int, *, issuer: str = "AUS", index: int = INDEX, number: int = 1
    ) -> None:
        """Set one state of an issuer's list, for every later `trust`."""
        self._set(f"{issuer}/status/{number}.jwt", index, state)

    def set_overlay(
        self,
        state: int,
        *,
        destination: str = "SGP",
        issuer: str = "AUS",
        index: int = INDEX,
        number: int = 1,
    ) -> None:
        """Set one state of a destination's overlay, for every later `trust`."""
        self._set(f"{destination}/overlay/{issuer}/{number}.jwt", index, state)

    def _set(self, name: str, index: int, state: int) -> None:
        self._states.setdefault(name, {})[index] = state
        self._trusts.clear()

    def list_token(self, name: str, **changes: Any) -> bytes:
        """The list of that name, with changes as `status_token` takes them."""
        economy, _, rest = name.removesuffix(".jwt").partition("/")
        uri = f"{SCHEME.economy(economy).issuer_url}/{rest}"
        states = self._states.get(name, {})
        if not changes:
            ordered = tuple(sorted(states.items()))
            return _list(uri, economy, self.now - PUBLISHED, ordered)
        known = {"economy": economy, "iat": self.now - PUBLISHED}
        return status_token(uri, states, **{**known, **changes})

    # Trust and decision

    def documents(self, destination: str = "SGP") -> dict[str, bytes]:
        """Every document that a device of that destination needs, by name."""
        issued_at = self.now - PUBLISHED
        documents = {"scheme.json": _scheme_json(issued_at)}
        for code in self.economies:
            documents[f"{code}/issuer.json"] = _issuer_json(code, issued_at)
            lists = [f"{code}/status/1.jwt", f"{destination}/overlay/{code}/1.jwt"]
            documents |= {name: self.list_token(name) for name in lists}
        documents |= {name: self.list_token(name) for name in self._states}
        documents[f"{destination}/policy.json"] = _policy_json(destination, issued_at)
        if destination not in self.economies:  # its overlays need its key
            documents[f"{destination}/issuer.json"] = _issuer_json(
                destination, issued_at
            )
        return documents

    def trust(
        self,
        destination: str = "SGP",
        *,
        replace: Mapping[str, bytes] | None = None,
        without: Iterable[str] = (),
        **changes: Any,
    ) -> verifier.Trust:
        """What a device of that destination believes.

        Args:
            destination: Whose device.
            replace: Documents to put in, in the place of those of the same name.
            without: Names of documents to leave out.
            changes: Arguments of `verifier.Trust.from_documents` to change.
        """
        documents = {**self.documents(destination), **(replace or {})}
        for name in without:
            del documents[name]
        known: dict[str, Any] = {
            "version": 1,
            "issued_at": self.now - PUBLISHED,
            "expires_at": self.now + timedelta(days=7),
        }
        return verifier.Trust.from_documents(documents, **{**known, **changes})

    def verify(
        self,
        presentation: str,
        destination: str = "SGP",
        *,
        trust: verifier.Trust | None = None,
        now: datetime | None = None,
        passport: verifier.Passport | None = None,
        challenge: str | None = None,
        **policy: Any,
    ) -> verifier.Decision:
        """What a device of that destination decides.

        Args:
            presentation: What was scanned.
            destination: Whose device.
            trust: By default `trust` of that destination, built once.
            now: By default the world's.
            passport: What was read of the passport.
            challenge: What the device asked for.
            policy: Arguments of `verifier.Policy` to change.
        """
        if trust is None:
            if destination not in self._trusts:
                self._trusts[destination] = self.trust(destination)
            trust = self._trusts[destination]
        return verifier.verify(
            presentation,
            trust=trust,
            policy=verifier.Policy(economy=destination, **policy),
            expected_passport=passport,
            expected_challenge=challenge,
            now=now or self.now,
        )


def _is_for_phone(card: str) -> bool:
    payload = card.split(".")[1]
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    except ValueError:
        return True
    return not isinstance(claims, dict) or claims.get("form") != "physical"
