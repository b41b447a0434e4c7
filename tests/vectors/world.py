"""The world in which the vectors live: economies, keys, lists, cards.

Everything is right by default; a case asks for one thing to be wrong.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from .wire import (
    Key,
    b64u,
    base45,
    by_name,
    cbor,
    json_text,
    jws,
    signing_input,
    status_bytes,
    unb64u,
    zlib_stored,
)

REGISTRY = {
    "AUS": "Australia",
    "BRN": "Brunei Darussalam",
    "CAN": "Canada",
    "CHL": "Chile",
    "CHN": "China",
    "HKG": "Hong Kong, China",
    "IDN": "Indonesia",
    "JPN": "Japan",
    "KOR": "Korea",
    "MEX": "Mexico",
    "MYS": "Malaysia",
    "NZL": "New Zealand",
    "PER": "Peru",
    "PHL": "The Philippines",
    "PNG": "Papua New Guinea",
    "RUS": "Russia",
    "SGP": "Singapore",
    "THA": "Thailand",
    "TWN": "Chinese Taipei",
    "USA": "United States",
    "VNM": "Viet Nam",
}
"""Section 11; the position is the number."""
CODES = tuple(REGISTRY)
TRANSITIONAL = ("CAN", "USA")
NEEDS_PRECLEARANCE = ("CHN", "JPN", "NZL", "TWN")
"""Destinations of this world whose lane needs a pre-clearance."""

DAY = 86_400
NOW = 1_894_708_800
"""2030-01-15T12:00:00Z."""
ISSUED_AT = NOW - 6 * 3600
"""When the trust data was current; the lists are of the same moment."""
EXPIRES_AT = ISSUED_AT + 30 * DAY
CARD_IAT = NOW - 98 * DAY
"""2029-10-09T12:00:00Z."""
CARD_EXP = 1_988_150_400
"""2033-01-01T00:00:00Z."""
KEY_FROM = "2029-01-01T00:00:00Z"
KEY_UNTIL = "2035-01-01T00:00:00Z"

HOLDER = Key("abtc vector holder")
OTHER_HOLDER = Key("abtc vector other holder")
INDEX = 201
"""Of the card; its neighbours in the same byte say 1, 2 and 3."""
NEIGHBOURS = {200: 1, 202: 2, 203: 3}
SIZE = 256
"""Entries of a list in this world."""

DROP = object()
"""As a value: leave this member out."""


def moment(seconds: float) -> str:
    """Return a moment as trust documents and vectors write it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


_HOST = ContextVar("host", default="abtc.example")


@contextmanager
def hosted_at(host: str) -> Iterator[None]:
    """Let every economy of this world have its address there."""
    token = _HOST.set(host)
    yield
    _HOST.reset(token)


def url(economy: str) -> str:
    return f"https://{_HOST.get()}/{economy}"


def card_key(economy: str) -> Key:
    return Key(f"abtc vector {economy} card")


def status_key(economy: str) -> Key:
    return Key(f"abtc vector {economy} status")


def changed(members: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return ``members`` with ``changes``; ``DROP`` leaves one out."""
    return {k: v for k, v in (members | changes).items() if v is not DROP}


def always(**members: Any) -> dict[str, Any]:
    """Return a dated entry without bounds."""
    return {"from": None, "until": None} | members


# ---------------------------------------------------------------- trust documents


def key_entry(
    economy: str, use: str, key: Key, kid: str | None = None, /, **changes: Any
) -> dict[str, Any]:
    """Return one of ``keys``, with the proof that its economy holds it."""
    kid = kid or f"{use}-1"
    proof = key.sign(f"ABTC1 key\n{url(economy)}\n{use}\n{kid}")
    entry = {"kid": kid, "use": use, "jwk": key.jwk, "from": KEY_FROM}
    entry |= {"until": KEY_UNTIL, "proof": b64u(proof)}
    return changed(entry, changes)


def issuer_keys(economy: str) -> list[dict[str, Any]]:
    return [
        key_entry(economy, "card", card_key(economy)),
        key_entry(economy, "status", status_key(economy)),
    ]


def issuer_json(economy: str, /, **changes: Any) -> str:
    document: dict[str, Any] = {
        "abtc": "issuer",
        "economy": economy,
        "issuer": url(economy),
    }
    document |= {"keys": issuer_keys(economy)}
    return json_text(changed(document, changes))


def policy_json(economy: str, /, **changes: Any) -> str:
    forms = [always(form=form, value=True) for form in ("app", "physical")]
    need = economy in NEEDS_PRECLEARANCE
    document = {
        "abtc": "policy",
        "economy": economy,
        "accepts_form": forms,
        "max_stay": [always(value=60, unit="days")],
        "lane": [always(needs_preclearance=need)],
        "allowed_purposes": [always(value=["business"])],
        "min_passport_validity": [always(moment="entry", value=6, unit="months")],
        "exclusions": [],
    }
    return json_text(changed(document, changes))


def pair_rule(
    issuer: str | None,
    nationality: str | None,
    destination: str | None,
    effect: str,
    **changes: Any,
) -> dict[str, Any]:
    rule = always(issuer=issuer, nationality=nationality, destination=destination)
    return changed(rule | {"effect": effect}, changes)


PAIR_RULES = [
    pair_rule("TWN", None, "CHN", "excluded"),
    pair_rule("TWN", None, "HKG", "excluded"),
    pair_rule("CHN", None, "TWN", "excluded"),
    pair_rule("HKG", None, "TWN", "excluded"),
    pair_rule("CHN", None, "HKG", "lane_only"),
    pair_rule("HKG", "CHN", "CHN", "excluded"),
    pair_rule("HKG", "!CHN", "CHN", "normal"),
    pair_rule(None, "NZL", "AUS", "not_required"),
]


def membership(economy: str) -> list[dict[str, Any]]:
    return [always(value="transitional" if economy in TRANSITIONAL else "full")]


def scheme_json(economies: dict[str, Any] | None = None, /, **changes: Any) -> str:
    """Return ``scheme.json``; ``economies`` holds changes per economy."""
    entries = [
        changed(
            {"code": code, "name": name, "issuer": url(code)}
            | {"membership": membership(code)},
            (economies or {}).get(code, {}),
        )
        for code, name in REGISTRY.items()
        if (economies or {}).get(code) is not DROP
    ]
    document = {"abtc": "scheme", "economies": entries, "pair_rules": PAIR_RULES}
    document |= {"own_economy": [always(value="not_required")]}
    return json_text(changed(document, changes))


def list_token(
    sub: str,
    signer: str | Key,
    values: dict[int, int] | None = None,
    *,
    bits: Any = 2,
    size: int = SIZE,
    lst: str | None = None,
    header: dict[str, Any] | None = None,
    **changes: Any,
) -> str:
    """Return a status list token; ``values`` are added to the usual ones."""
    key = status_key(signer) if isinstance(signer, str) else signer
    if lst is None:
        entries = NEIGHBOURS | (values or {}) if size == SIZE else values or {}
        lst = b64u(zlib_stored(status_bytes(entries, size=size, bits=bits)))
    payload = {"sub": sub, "iat": ISSUED_AT, "exp": EXPIRES_AT, "ttl": 43200}
    payload |= {"status_list": {"bits": bits, "lst": lst}}
    top = {"alg": "ES256", "kid": "status-1", "typ": "statuslist+jwt"}
    return jws(changed(top, header or {}), changed(payload, changes), key)


def status_token(
    economy: str = "AUS", values: dict[int, int] | None = None, **changes: Any
) -> str:
    """Return issuer list 1 of ``economy``, by its own key unless ``signer`` is."""
    changes = {"sub": f"{url(economy)}/status/1", "signer": economy} | changes
    return list_token(values=values, **changes)


SALT = bytes(range(16))
"""Of every list of reported passports in this world."""
PASSPORT = "AUS|PA1234567|1985-03-14"
"""Of the usual card, as a list of reported passports hashes it."""
OTHER_PASSPORTS = ("AUS|PA1234568|1985-03-14", "AUS|PA1234567|1985-03-15")


def passport_entry(passport: str, salt: bytes = SALT) -> bytes:
    """Return the entry of a passport (section 6.1), by another library's scrypt."""
    return Scrypt(salt=salt, length=32, n=4096, r=8, p=1).derive(passport.encode())[:6]


def passports_token(
    economy: str = "AUS",
    passports: Iterable[str] = OTHER_PASSPORTS,
    *,
    signer: str | Key | None = None,
    header: dict[str, Any] | None = None,
    body: dict[str, Any] | None = None,
    member: Any = ...,
    **changes: Any,
) -> str:
    """Return the list of reported passports of ``economy``."""
    signer = signer or economy
    key = status_key(signer) if isinstance(signer, str) else signer
    entries = b"".join(sorted(map(passport_entry, passports)))
    listed = {"kdf": "scrypt-4096-8-1", "salt": b64u(SALT), "lst": b64u(entries)}
    payload: dict[str, Any] = {"sub": f"{url(economy)}/passports", "iat": ISSUED_AT}
    payload |= {"exp": EXPIRES_AT, "ttl": 43200}
    payload |= {"passports": changed(listed, body or {}) if member is ... else member}
    top = {"alg": "ES256", "kid": "status-1", "typ": "abtc-passports+jwt"}
    return jws(changed(top, header or {}), changed(payload, changes), key)


def overlay_token(
    destination: str = "SGP",
    issuer: str = "AUS",
    values: dict[int, int] | None = None,
    **changes: Any,
) -> str:
    """Return the overlay of ``destination`` over list 1 of ``issuer``."""
    sub = f"{url(destination)}/overlay/{issuer}/1"
    changes = {"sub": sub, "signer": destination} | changes
    return list_token(values=values, **changes)


def default_overlays() -> Iterable[tuple[str, str]]:
    """Yield (destination, issuer) of the overlays in the default set."""
    overlaid = {"SGP": "AUS CAN CHN HKG NZL TWN USA", "CHN": "HKG", "AUS": "NZL SGP"}
    for destination, issuers in (overlaid | {"NZL": "AUS"}).items():
        for issuer in issuers.split():
            yield destination, issuer


def default_documents() -> dict[str, str]:
    """Return the trust document set ``default``."""
    documents = {"scheme.json": scheme_json()}
    for code in CODES:
        documents[f"{code}/issuer.json"] = issuer_json(code)
        documents[f"{code}/policy.json"] = policy_json(code)
        documents[f"{code}/status/1.jwt"] = status_token(code)
    for destination, issuer in default_overlays():
        name = f"{destination}/overlay/{issuer}/1.jwt"
        documents[name] = overlay_token(destination, issuer)
    return dict(sorted(documents.items()))


def small_documents() -> dict[str, str]:
    """Return the trust document set ``small``: three economies, no pair rules."""
    few = ("AUS/", "NZL/", "SGP/")
    documents = {
        name: text
        for name, text in default_documents().items()
        if name.startswith(few) and (f"{name}/".split("/")[2] in ("", "1.jwt", "AUS"))
    }
    return dict(sorted((documents | {"scheme.json": small_scheme()}).items()))


def small_scheme(economies: dict[str, Any] | None = None, /, **changes: Any) -> str:
    """Return the ``scheme.json`` of the set ``small``."""
    absent = {code: DROP for code in CODES if code not in ("AUS", "NZL", "SGP")}
    return scheme_json((economies or {}) | absent, **({"pair_rules": []} | changes))


def trust(
    documents: dict[str, str | None] | None = None, base: str = "default", **times: Any
) -> Any:
    """Return the trust member of a vector: what differs from the default one."""
    named = {"base": base} if base != "default" else {}
    return named | times | ({"set": documents} if documents else {})


# ---------------------------------------------------------------- cards and proofs

CLEARED = ["CHN", "IDN", "JPN", "KOR", "NZL", "SGP"]
"""Economies that had pre-cleared the holder when the card was signed."""

CLAIM_ORDER = (
    *("iss", "vct", "iat", "exp", "status", "cnf", "document_number", "family_name"),
    *("given_name", "birthdate", "nationality", "passport", "form", "economies"),
)


@dataclass(frozen=True)
class Signed:
    """A JWS in parts; ``claims`` is empty when the payload is hostile text."""

    header: str
    payload: str
    signature: bytes
    claims: dict[str, Any]

    @property
    def signed_text(self) -> str:
        return signing_input(self.header, self.payload)

    @property
    def text(self) -> str:
        return f"{self.signed_text}.{b64u(self.signature)}"


def canonical(claims: dict[str, Any]) -> dict[str, Any]:
    """Return the payload's members in canonical order (section 3.2)."""
    known = {name: claims[name] for name in CLAIM_ORDER if name in claims}
    others = {k: v for k, v in claims.items() if k not in known}
    return known | dict[str, Any](by_name(others))


def card_claims(
    economy: str = "AUS",
    holder: Key = HOLDER,
    *,
    plastic: bool = False,
    **changes: Any,
) -> dict[str, Any]:
    uri = f"{url(economy)}/status/1"
    claims: dict[str, Any] = {
        "iss": url(economy),
        "vct": "urn:abtc:card:1",
        "iat": CARD_IAT,
        "exp": CARD_EXP,
        "status": {"status_list": {"idx": INDEX, "uri": uri}},
        "cnf": DROP if plastic else {"jwk": holder.jwk},
        "document_number": f"{economy}1234567",
        "family_name": "CITIZEN",
        "given_name": "JANE MARY",
        "birthdate": "1985-03-14",
        "nationality": economy,
        "passport": {"country": economy, "number": "PA1234567"},
        "form": "physical" if plastic else "app",
        "economies": [code for code in CLEARED if code != economy],
    }
    return canonical(changed(claims, changes))


CARD_HEADER = {"alg": "ES256", "kid": "card-1", "typ": "dc+sd-jwt"}
PROOF_HEADER = {"alg": "ES256", "typ": "kb+jwt"}


def card(
    economy: str = "AUS",
    *,
    plastic: bool = False,
    holder: Key = HOLDER,
    key: Key | None = None,
    header: dict[str, Any] | None = None,
    **changes: Any,
) -> Signed:
    """Return a signed card with these claims changed."""
    claims = card_claims(economy, holder, plastic=plastic, **changes)
    head = json_text(changed(CARD_HEADER, header or {}))
    return sign(head, json_text(claims), key or card_key(economy), claims)


def sign(
    header: str, payload: str, key: Key, claims: dict[str, Any] | None = None
) -> Signed:
    """Return these texts, signed."""
    signature = key.sign(signing_input(header, payload))
    return Signed(header, payload, signature, claims or {})


def card_of(
    payload: str, header: str = json_text(CARD_HEADER), economy: str = "AUS"
) -> Signed:
    """Return a card of Australia with exactly this JSON text in it."""
    return sign(header, payload, card_key(economy))


def sd_hash(issuer_jwt: str) -> str:
    return b64u(hashlib.sha256(f"{issuer_jwt}~".encode()).digest())


def proof(
    issued: Signed,
    *,
    at: int = NOW,
    holder: Key = HOLDER,
    header: dict[str, Any] | None = None,
    **changes: Any,
) -> Signed:
    """Return the key binding JWT made at ``at``, with these claims changed."""
    claims = {"iat": at, "aud": "urn:abtc:border", "nonce": f"iat.{at}"}
    claims = changed(claims | {"sd_hash": sd_hash(issued.text)}, changes)
    head = json_text(changed(PROOF_HEADER, header or {}))
    return sign(head, json_text(claims), holder, claims)


def text_of(issued: Signed, shown: Signed | None) -> str:
    """Return presentation text."""
    return f"{issued.text}~{shown.text if shown else ''}"


# ---------------------------------------------------------------- packed form


def code_value(code: str) -> int | str:
    return CODES.index(code) if code in CODES else code


def packed_uri(iss: str, uri: str) -> int | str:
    number = uri.removeprefix(f"{iss}/status/")
    if number.isdecimal() and str(int(number)) == number and int(number) < 2**32:
        return int(number)
    return uri.removeprefix("https://")


def packed_economies(codes: list[str]) -> Any:
    bits = sum(1 << CODES.index(code) for code in codes if code in CODES)
    others = [code for code in codes if code not in CODES]
    return [bits, *others] if others else bits


def packed_card(issued: Signed, kid: str = "card-1") -> dict[Any, Any]:
    """Return keys 0 to 16 and the unknown claims (section 5.1)."""
    claims = issued.claims
    passport_of, number = (claims["passport"][name] for name in ("country", "number"))
    days, rest = divmod(claims["exp"], DAY)
    born = date.fromisoformat(claims["birthdate"]) - date(1900, 1, 1)
    same = passport_of == claims["nationality"]
    entry = claims["status"]["status_list"]
    packed = {
        0: issued.signature,
        1: kid,
        2: claims["iss"].removeprefix("https://"),
        3: claims["iat"],
        **({5: claims["exp"]} if rest else {4: days}),
        6: entry["idx"],
        7: packed_uri(claims["iss"], entry["uri"]),
        9: claims["document_number"],
        10: claims["family_name"],
        11: claims["given_name"],
        12: born.days,
        13: code_value(claims["nationality"]),
        14: number if same else [code_value(passport_of), number],
        15: ("app", "physical").index(claims["form"]),
        16: packed_economies(claims["economies"]),
    }
    if "cnf" in claims:
        x, y = (claims["cnf"]["jwk"][name] for name in "xy")
        packed[8] = compressed(x, y)
    return packed | {k: v for k, v in claims.items() if k not in CLAIM_ORDER}


def compressed(x: str, y: str) -> bytes:
    """Return the compressed point of two base64url coordinates."""
    return bytes([2 + unb64u(y)[-1] % 2]) + unb64u(x)


def packed_proof(shown: Signed) -> dict[Any, Any]:
    """Return keys 17 to 20."""
    claims = shown.claims
    packed: dict[Any, Any] = {17: claims["iat"], 18: shown.signature}
    if claims["nonce"] != f"iat.{claims['iat']}":
        packed[19] = claims["nonce"]
    if claims["aud"] != "urn:abtc:border":
        packed[20] = claims["aud"]
    return packed


def packed_of(issued: Signed, shown: Signed | None) -> dict[Any, Any]:
    return packed_card(issued) | (packed_proof(shown) if shown else {})


def qr_text(packed: bytes) -> str:
    return f"ABTC1:{base45(packed)}"


def qr_of(issued: Signed, shown: Signed | None) -> str:
    """Return QR text."""
    return qr_text(cbor(packed_of(issued, shown)))


def shown_qr(economy: str = "AUS", *, at: int = NOW, **changes: Any) -> str:
    """Return the QR text of an app card with a fresh proof."""
    issued = card(economy, **changes)
    return qr_of(issued, proof(issued, at=at))


def shown_text(economy: str = "AUS", **changes: Any) -> str:
    """Return the presentation text of an app card with a fresh proof."""
    issued = card(economy, **changes)
    return text_of(issued, proof(issued))
