"""The examples in the specification, with every value on the way."""

import hashlib
import json
import re
import textwrap
from collections.abc import Mapping

from cryptography.hazmat.primitives import serialization

from . import world
from .wire import (
    Key,
    b64u,
    base45,
    cbor,
    cbor_head,
    status_bytes,
    unb64u,
    zlib_stored,
)

ISSUED = world.card()
SHOWN = world.proof(ISSUED)
PACKED = world.packed_of(ISSUED, SHOWN)
TEXT = world.text_of(ISSUED, SHOWN)
QR = world.qr_of(ISSUED, SHOWN)
TIMES, MINUS = "\u00d7", "\u2212"
NAMES = {
    0: "issuer signature",
    1: "kid",
    2: "iss",
    3: "iat",
    4: "exp, days",
    6: "idx",
    7: "uri, relative",
    8: "cnf, compressed",
    9: "document_number",
    10: "family_name",
    11: "given_name",
    12: "birthdate, days",
    13: "nationality",
    14: "passport",
    15: "form",
    16: "economies",
    17: "proof iat",
    18: "proof signature",
}


def block(text: str, kind: str = "text") -> str:
    return f"```{kind}\n{text}\n```"


def filled(paragraph: str) -> str:
    """Return a paragraph or the items of a list in lines of 110 columns."""
    if paragraph.startswith(("```", "#")):
        return paragraph
    return "\n".join(
        textwrap.fill(
            line,
            110,
            subsequent_indent="   " if line[:1].isdigit() else "",
            break_long_words=False,
            break_on_hyphens=False,
        )
        for line in paragraph.split("\n")
    )


def wrapped(text: str) -> str:
    """Return text broken at 76 columns."""
    return "\n".join(text[i : i + 76] for i in range(0, len(text), 76))


def hexed(data: bytes) -> str:
    return wrapped(data.hex())


def wrapped_json(text: str) -> str:
    """Return JSON text broken behind commas, as far as that goes."""
    lines = [""]
    for part in re.findall(r"[^,]*,?", text):
        if len(lines[-1] + part) > 76:
            lines.append("")
        lines[-1] += part
    return "\n".join(map(wrapped, lines))


def fields(values: Mapping[str, str | bytes]) -> str:
    """Return named values, each on lines of its own; bytes in hex."""
    lines = []
    for name, value in values.items():
        shown = value.hex() if isinstance(value, bytes) else value
        broken = wrapped_json(shown) if shown.startswith("{") else wrapped(shown)
        lines.append(f"{name}\n{textwrap.indent(broken, '  ')}")
    return block("\n".join(lines))


def key_fields(label: str, key: Key) -> str:
    x, y = key.point
    return f"{label}: `d` is SHA-256 of the ASCII text `{key.label}`.\n\n" + fields(
        {"d": key.number.to_bytes(32), "x": x, "y": y}
    )


def pem(key: Key) -> str:
    public = key.private.public_key().public_bytes(
        serialization.Encoding.PEM,
        serialization.PublicFormat.SubjectPublicKeyInfo,
    )
    return public.decode().strip()


def der(signature: bytes) -> bytes:
    """Return the signature as OpenSSL wants it."""
    content = b""
    for half in (signature[:32], signature[32:]):
        number = int.from_bytes(half)
        octets = number.to_bytes(number.bit_length() // 8 + 1)
        content += bytes([2, len(octets)]) + octets
    return bytes([0x30, len(content)]) + content


def keys() -> str:
    parts = [
        "The moments are `now` = 1894708800 (2030-01-15T12:00:00Z) and 1894687200"
        " (06:00:00Z) for the trust data and the lists. All signatures use the"
        " deterministic nonces of RFC 6979, so that they can be made again; a verifier"
        " cannot tell and does not care. These keys sign nothing real.",
        "### 12.1 Keys",
        key_fields("Card key of Australia, kid `card-1`", world.card_key("AUS")),
        block(pem(world.card_key("AUS"))),
        key_fields("Status key of Australia, kid `status-1`", world.status_key("AUS")),
        key_fields("Status key of Singapore, kid `status-1`", world.status_key("SGP")),
        key_fields("The holder's phone", world.HOLDER),
    ]
    proof = f"ABTC1 key\n{world.url('AUS')}\ncard\ncard-1"
    parts += [
        "The proof that Australia holds its card key (section 7.2) signs these bytes:",
        fields({"text": proof.encode(), "proof": world.issuer_keys("AUS")[0]["proof"]}),
    ]
    return "\n\n".join(parts)


def jwt(name: str, signed: world.Signed) -> str:
    header, payload = signed.signed_text.split(".")
    r, s = signed.signature[:32], signed.signature[32:]
    digest = hashlib.sha256(signed.signed_text.encode()).digest()
    values: dict[str, str | bytes] = {
        "header": signed.header,
        "header, b64u": header,
        "payload": signed.payload,
        "payload, b64u": payload,
        "SHA-256 of the two b64u and the full stop between them": digest,
        "signature r": r,
        "signature s": s,
        f"{name} signature, b64u": b64u(signed.signature),
    }
    return fields(values)


def card_part() -> str:
    issuer_jwt = f"{ISSUED.text}~"
    digest = hashlib.sha256(issuer_jwt.encode()).digest()
    return "\n\n".join(
        [
            "### 12.2 Issuer JWT",
            jwt("issuer", ISSUED),
            "With the public key above in `public.pem`, header and payload joined by a"
            " full"
            " stop in `input` and these bytes in `signature`, `openssl dgst -sha256"
            " -verify public.pem -signature signature input` says `Verified OK`:",
            fields({"signature in DER": der(ISSUED.signature)}),
            "### 12.3 Key binding JWT",
            f"The hash runs over {len(issuer_jwt)} characters: the issuer JWT and"
            " the `~` after it.",
            fields({"SHA-256": digest, "sd_hash": b64u(digest)}),
            jwt("proof", SHOWN),
            f"The presentation text has {len(TEXT)} characters: issuer JWT, `~`, key"
            " binding JWT.",
        ]
    )


def packed_part() -> str:
    encoded = cbor(PACKED)
    count = cbor_head(5, len(PACKED))
    lines = [f"{count.hex():6}  map of {len(PACKED)} pairs"]
    for key in sorted(PACKED):
        value = cbor(PACKED[key])
        first, *rest = textwrap.wrap(value.hex(), 52)
        lines.append(f"{cbor(key).hex():6}  {NAMES[key]}")
        lines += [f"        {line}" for line in (first, *rest)]
    economies = " + ".join(
        f"2^{world.CODES.index(code)}" for code in ISSUED.claims["economies"]
    )
    return "\n\n".join(
        [
            "### 12.4 Packed form and QR text",
            f"`exp` is 1988150400 = 86400 {TIMES} {PACKED[4]}. `birthdate` is"
            f" {PACKED[12]} days"
            f" after 1900-01-01. The economies are {economies} = {PACKED[16]}.",
            block("\n".join(lines)),
            f"That is {len(encoded)} bytes. The first two, {encoded[0]:02x} and"
            f" {encoded[1]:02x}, are {encoded[0] * 256 + encoded[1]} ="
            f" {base45_sum(encoded)}, so that base45 begins with"
            f" `{base45(encoded[:2])}`. The QR text of section 1 has {len(QR)}"
            " characters.",
        ]
    )


def base45_sum(data: bytes) -> str:
    number = data[0] * 256 + data[1]
    low, rest = number % 45, number // 45
    return f"{low} + 45 {TIMES} {rest % 45} + 2025 {TIMES} {rest // 45}"


def token_fields(token: str, entries: bytes) -> str:
    header, payload, signature = token.split(".")
    signed = f"{header}.{payload}"
    stream = zlib_stored(entries)
    return fields(
        {
            "bytes of the list": entries,
            "zlib stream": stream,
            "header": unb64u(header).decode(),
            "payload": unb64u(payload).decode(),
            "SHA-256 of the two b64u and the full stop between them": hashlib.sha256(
                signed.encode()
            ).digest(),
            "signature r": unb64u(signature)[:32],
            "signature s": unb64u(signature)[32:],
            "token": token,
        }
    )


def status_part() -> str:
    entries = status_bytes(world.NEIGHBOURS, size=world.SIZE)
    byte, shift = divmod(world.INDEX * 2, 8)
    assert entries[byte] == 0b11100001
    return "\n\n".join(
        [
            "### 12.5 Status list",
            "List 1 of Australia has 256 entries of 2 bits. Entries 200 to 203 are"
            " 1, 0, 2"
            " and 3, the others 0. The zlib stream holds one stored block, so that it"
            " can be read by eye; a publisher would compress.",
            token_fields(world.status_token(), entries),
            f"Entry {world.INDEX} is in byte ⌊{world.INDEX} · 2 / 8⌋ = {byte}, which is"
            f" {entries[byte]:02x} = {entries[byte]:08b}, at bits {shift} and"
            f" {shift + 1} from the least significant: the value is 00, that is 0,"
            " valid.",
            "Singapore's overlay over that list has the same entries, `sub`"
            f" `{world.url('SGP')}/overlay/AUS/1`, and is signed by Singapore's status"
            " key:",
            fields({"token": world.overlay_token()}),
        ]
    )


def trust_part() -> str:
    documents = world.small_documents()
    shown = ["scheme.json", "AUS/issuer.json", "SGP/issuer.json", "SGP/policy.json"]
    return "\n\n".join(
        [
            "### 12.6 Trust data",
            "The snapshot has version 1, `issued_at` 2030-01-15T06:00:00Z and"
            " `expires_at` 2030-02-14T06:00:00Z. Beside the two lists of 12.5 it holds"
            " these documents, here with line breaks behind commas:",
            fields({name: documents[name] for name in shown}),
        ]
    )


def decision_part() -> str:
    age = world.NOW - SHOWN.claims["iat"]
    steps = [
        "The text begins with `ABTC1:` and unpacks to the text of section 1.",
        "The time floor is `issued_at`, 2030-01-15T06:00:00Z, and `now` is not"
        " more than 5 minutes before it.",
        "The trust data is 6 hours old, less than 7 days, and ends on"
        " 2030-02-14T06:00:00Z.",
        "`https://abtc.example/AUS` is Australia's; `card-1` is one of its card keys.",
        "The signature of 12.2 verifies with the point of `card-1`. The economy is"
        " AUS.",
        "The issuer document has no `test`.",
        f"`iat` {world.CARD_IAT} lies between 2029-01-01T00:00:00Z and"
        " 2035-01-01T00:00:00Z; the status URI is `https://abtc.example/AUS/status/1`.",
        f"`iat` {world.CARD_IAT} is before now + 60; `exp` {world.CARD_EXP} is after"
        " now.",
        "The form is `app`: (a) there is a proof; (b) its signature verifies with"
        " `cnf`;"
        f" (c, d) it is {age} s old; (e) `aud` is `urn:abtc:border`; (f) `nonce` is"
        f" `iat.{world.NOW}`; (g) `sd_hash` is that of 12.3.",
        "The list of 12.5 is there, is signed by Australia's status key, is 6 hours"
        " old,"
        " ends later than now, and entry 201 is 0.",
        "No passport was read.",
    ]
    return "\n\n".join(
        [
            "### 12.7 Decision at Singapore",
            "Policy: economy `SGP`, otherwise the defaults. No passport was read and no"
            " challenge shown. Singapore accepts both forms, lets holders stay 60 days,"
            " needs no pre-clearance for its lane and asks for a passport valid for six"
            " months. `scheme.json` says that both economies are full members and"
            " has no"
            " rule for this pair.",
            "\n".join(f"{n}. {step}" for n, step in enumerate(steps, start=1)),
            "Entry: rows 1 to 6 do not apply (the pair effect is `normal`). The overlay"
            " of 12.5 is usable and says 0 for entry 201, and SGP is bit 16 of"
            " `economies`, so that rows 7 to 9 do not apply. Row 10: no passport."
            " Row 11:"
            " 60 days. Row 12: visa-free, `entry.cleared`. The last day is the"
            " earlier of"
            f" 2030-01-15 + 60 days {MINUS} 1 day = 2030-03-15 and 2032-12-31, the"
            " last day of"
            " the card: `stay_until` is 2030-03-15. Lane: it needs no pre-clearance:"
            " yes,"
            " `lane.open`.",
            "The answer is Accepted; the officer must still see `face` and `passport`."
            " This is the vector `accept::app`.",
        ]
    )


def examples() -> dict[str, str]:
    """Return the text between each pair of markers."""
    payload = json.dumps(ISSUED.claims, indent=2, ensure_ascii=False)
    parts = (
        keys(),
        card_part(),
        packed_part(),
        status_part(),
        trust_part(),
        decision_part(),
    )
    return {
        "qr": block(QR),
        "text": block(wrapped(TEXT)),
        "payload": block(payload, "json"),
        "worked": "\n\n".join(map(filled, "\n\n".join(parts).split("\n\n"))),
    }
