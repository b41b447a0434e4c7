"""JOSE and JSON: headers, signatures, claims, numbers, spellings."""

import hashlib
import hmac
from typing import Any

from cryptography.hazmat.primitives import serialization

from .book import MALFORMED, PHYSICAL, Book, rejected, undecided
from .wire import P256_ORDER, Key, b64u, json_text
from .world import (
    CARD_EXP,
    CARD_HEADER,
    CARD_IAT,
    DROP,
    HOLDER,
    INDEX,
    Signed,
    card,
    card_claims,
    card_key,
    card_of,
    issuer_json,
    key_entry,
    proof,
    qr_of,
    shown_text,
    status_key,
    status_token,
    text_of,
    trust,
)

ATTACKER = Key("abtc vector attacker")
URI = "https://abtc.example/AUS/status/1"


def plastic(**changes: Any) -> Signed:
    """Return a printed card: its text is half as long, since it has no proof."""
    return card(plastic=True, **changes)


def presented(issued: Signed) -> str:
    """Return the presentation text of a printed card."""
    return text_of(issued, None)


def with_signature(issued: Signed, signature: bytes) -> Signed:
    return Signed(issued.header, issued.payload, signature, issued.claims)


def edited(old: str, new: str) -> str:
    """Return a card in whose payload text ``new`` stands for ``old``."""
    text = json_text(card_claims(plastic=True))
    assert text.count(old) == 1, old
    return presented(card_of(text.replace(old, new)))


def headers(book: Book) -> None:
    x, y = map(b64u, ATTACKER.point)
    jwk = {"kty": "EC", "crv": "P-256", "x": x, "y": y}
    cases: dict[str, tuple[str, str, dict[str, Any]]] = {
        "alg_none": ("J1", "alg is none", {"alg": "none"}),
        "alg_None": ("J1", "alg is None", {"alg": "None"}),
        "alg_nOnE": ("J1", "alg is nOnE", {"alg": "nOnE"}),
        "alg_missing": ("J1", "alg is missing", {"alg": DROP}),
        "alg_null": ("J1", "alg is null", {"alg": None}),
        "alg_list": ("J1", "alg is a list", {"alg": ["ES256"]}),
        "alg_lower": ("J1", "alg is es256", {"alg": "es256"}),
        "alg_es256k": ("J3", "alg is ES256K", {"alg": "ES256K"}),
        "alg_es384": ("J3", "alg is ES384", {"alg": "ES384"}),
        "alg_eddsa": ("J3", "alg is EdDSA", {"alg": "EdDSA"}),
        "jwk": ("J4", "the header carries a jwk", {"jwk": jwk}),
        "jku": ("J4", "the header carries a jku", {"jku": "https://evil.example/k"}),
        "x5u": ("J4", "the header carries an x5u", {"x5u": "https://evil.example/c"}),
        "x5c": ("J4", "the header carries an x5c", {"x5c": ["MIIB"]}),
        "kid_path": ("J5", "kid is a path", {"kid": "../../AUS/card-1"}),
        "kid_quote": ("J5", "kid holds an SQL quote", {"kid": "card-1' OR '1'='1"}),
        "kid_5000": ("J5", "kid has 5,000 characters", {"kid": "k" * 5000}),
        "kid_65": ("J5", "kid has 65 characters", {"kid": "k" * 65}),
        "kid_empty": ("J5", "kid is empty", {"kid": ""}),
        "kid_integer": ("J5", "kid is an integer", {"kid": 1}),
        "kid_list": ("J5", "kid is a list", {"kid": ["card-1"]}),
        "kid_null": ("J5", "kid is null", {"kid": None}),
        "kid_missing": ("J5", "kid is missing", {"kid": DROP}),
        "kid_nul": ("J5", "kid ends with NUL", {"kid": "card-1\0"}),
        "kid_newline": ("J5", "kid ends with a newline", {"kid": "card-1\n"}),
        "crit_unknown": ("J6", "crit names an unknown member", {"crit": ["x"], "x": 1}),
        "crit_empty": ("J6", "crit is empty", {"crit": []}),
        "crit_exp": ("J6", "crit names exp", {"crit": ["exp"]}),
        "crit_alg": ("J6", "crit names alg", {"crit": ["alg"]}),
        "b64_false": ("J6", "b64 is false", {"b64": False}),
        "b64_true": ("J6", "b64 is true", {"b64": True}),
        "member": ("J6", "the header has one more member", {"cty": "JWT"}),
        "typ_missing": ("J7", "typ is missing", {"typ": DROP}),
        "typ_old": ("J7", "typ is the draft's old type", {"typ": "vc+sd-jwt"}),
        "typ_jwt": ("J7", "typ is JWT", {"typ": "JWT"}),
        "typ_kb": ("J7", "typ is that of a proof", {"typ": "kb+jwt"}),
        "typ_list": ("J7", "typ is that of a list", {"typ": "statuslist+jwt"}),
        "typ_case": ("J7", "typ is in upper case", {"typ": "DC+SD-JWT"}),
        "typ_long": (
            "J7",
            "typ is spelt as a media type",
            {"typ": "application/dc+sd-jwt"},
        ),
    }
    for name, (threat, what, change) in cases.items():
        critical = "critical" if threat in ("J1", "J4") else "normal"
        book.add(
            name,
            f"Only this differs from accept::physical_text: {what}.",
            presented(plastic(header=change)),
            MALFORMED,
            spec="3.1",
            threats=threat,
            importance=critical,
        )
    book.add(
        "kid_unknown",
        "Only kid differs from accept::physical_text: nobody has it.",
        presented(plastic(header={"kid": "card-2"})),
        undecided("trust.unknown_key"),
        spec="8 step 4",
        threats="J5",
    )
    book.add(
        "kid_status_key",
        "Only kid and key differ: those of the status key, which never signs cards.",
        presented(plastic(header={"kid": "status-1"}, key=status_key("AUS"))),
        undecided("trust.unknown_key"),
        spec="8 step 4",
        threats="J5 J7",
        importance="critical",
    )
    long_kid = [
        key_entry("AUS", "card", card_key("AUS"), "k" * 64),
        key_entry("AUS", "status", status_key("AUS")),
    ]
    book.add(
        "kid_64",
        "Only kid differs from accept::physical_text: 64 characters, listed.",
        presented(plastic(header={"kid": "k" * 64})),
        PHYSICAL,
        spec="3.1",
        threats="J5",
        trust=trust({"AUS/issuer.json": issuer_json("AUS", keys=long_kid)}),
    )


def key_confusion(book: Book) -> None:
    """HS256 with the issuer's public key as the secret, in every spelling of it."""
    public = card_key("AUS").private.public_key()
    info = serialization.PublicFormat.SubjectPublicKeyInfo
    x, y = card_key("AUS").point
    secrets = {
        "pem": public.public_bytes(serialization.Encoding.PEM, info),
        "der": public.public_bytes(serialization.Encoding.DER, info),
        "jwk": json_text(card_key("AUS").jwk).encode(),
        "point": x + y,
    }
    for name, secret in secrets.items():
        unsigned = plastic(header={"alg": "HS256"})
        mac = hmac.digest(secret, unsigned.signed_text.encode(), hashlib.sha256)
        book.add(
            f"hs256_{name}",
            f"The card carries an HS256 tag under the issuer's public key ({name}).",
            presented(with_signature(unsigned, mac)),
            MALFORMED,
            spec="3.1",
            threats="J2",
            importance="critical",
        )


def signatures(book: Book) -> None:
    issued = plastic()
    r, s = issued.signature[:32], issued.signature[32:]
    order = P256_ORDER.to_bytes(32)
    big = (2**256 - 1).to_bytes(32)
    zero, one = bytes(32), (1).to_bytes(32)
    last = (P256_ORDER - 1).to_bytes(32)
    wrong = {
        "zeros": zero + zero,
        "r_0": zero + s,
        "s_0": r + zero,
        "r_1": one + s,
        "s_1": r + one,
        "r_last": last + s,
        "s_last": r + last,
        "r_order": order + s,
        "s_order": r + order,
        "r_max": big + s,
        "s_max": r + big,
        "swapped": s + r,
        "reversed": issued.signature[::-1],
        "attacker": ATTACKER.sign(issued.signed_text),
        "status_key": status_key("AUS").sign(issued.signed_text),
        "other_economy": card_key("NZL").sign(issued.signed_text),
        "holder": HOLDER.sign(issued.signed_text),
    }
    for bit in (0, 1, 128, 255, 256, 257, 384, 511):
        flipped = int.from_bytes(issued.signature) ^ 1 << 511 - bit
        wrong[f"bit_{bit}"] = flipped.to_bytes(64)
    for name, signature in wrong.items():
        signed = with_signature(issued, signature)
        book.add(
            f"signature_{name}",
            f"Only the issuer's signature differs from accept::physical: {name}.",
            qr_of(signed, None),
            rejected("signature.invalid"),
            spec="8 step 5",
            threats="J12",
            importance="critical",
        )
    issued = card()
    body = proof(issued)
    for name, signature in (("zeros", bytes(64)), ("r_order", order + s)):
        signed = with_signature(body, signature)
        book.add(
            f"proof_signature_{name}",
            f"Only the proof's signature differs from accept::app: {name}.",
            qr_of(issued, signed),
            rejected("proof.device"),
            spec="8 step 9b",
            threats="J12",
        )
    changed = card_of(issued.payload.replace("JANE", "JOAN"))
    forged = with_signature(changed, issued.signature)
    book.add(
        "claims_changed",
        "Only the given name differs from accept::app_text, with its signature kept.",
        text_of(forged, proof(forged)),
        rejected("signature.invalid"),
        spec="8 step 5",
        threats="J12",
        importance="critical",
    )


def signature_lengths(book: Book) -> None:
    """Text whose signature does not have 64 bytes."""
    issued = plastic()
    r, s = (
        int.from_bytes(half) for half in (issued.signature[:32], issued.signature[32:])
    )
    numbers = b"".join(
        b"\x02" + bytes([len(n)]) + n for n in (der_integer(r), der_integer(s))
    )
    wrong = {
        "empty": b"",
        "63": issued.signature[:63],
        "65": issued.signature + b"\0",
        "65_front": b"\0" + issued.signature,
        "66": issued.signature[:32] + b"\0" + issued.signature[32:] + b"\0",
        "128": issued.signature * 2,
        "der": b"\x30" + bytes([len(numbers)]) + numbers,
        "r_plus_order": (r + P256_ORDER).to_bytes(33) + issued.signature[32:],
    }
    for name, signature in wrong.items():
        signed = with_signature(issued, signature)
        book.add(
            f"signature_{name}",
            "Only the issuer's signature differs from "
            f"accept::physical_text: not 64 bytes ({name}).",
            presented(signed),
            MALFORMED,
            spec="2",
            threats="J1 J12",
            importance="critical",
        )
    issued = card()
    shown = proof(issued)
    for name, signature in (("63", shown.signature[:63]), ("empty", b"")):
        signed = with_signature(shown, signature)
        book.add(
            f"proof_signature_{name}",
            "Only the proof's signature differs from "
            f"accept::physical_text: not 64 bytes ({name}).",
            text_of(issued, signed),
            MALFORMED,
            spec="2",
            threats="J12",
        )


def der_integer(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1)


def kinds(book: Book) -> None:
    """Each kind of token offered as each other kind."""
    issued, shown = card(), proof(card())
    token = status_token()
    for name, presentation in (
        ("list_as_card", f"{token}~"),
        ("list_as_card_with_proof", f"{token}~{shown.text}"),
        ("proof_as_card", f"{shown.text}~"),
        ("card_as_proof", f"{issued.text}~{issued.text}"),
        ("list_as_proof", f"{issued.text}~{token}"),
        ("proof_without_typ", text_of(issued, proof(issued, header={"typ": DROP}))),
        ("proof_typ_jwt", text_of(issued, proof(issued, header={"typ": "JWT"}))),
    ):
        book.add(
            name,
            f"One kind of token stands where another belongs ({name}).",
            presentation,
            MALFORMED,
            spec="3",
            threats="J7",
        )
    for name, document in (
        ("card_as_list", issued.text),
        ("proof_as_list", shown.text),
        ("list_without_typ", status_token(header={"typ": DROP})),
        ("list_typ_jwt", status_token(header={"typ": "JWT"})),
    ):
        book.add(
            name,
            f"Where the issuer list belongs stands something else ({name}).",
            shown_text(),
            undecided("status.unusable"),
            spec="6",
            threats="J7 S1",
            trust=trust({"AUS/status/1.jwt": document}),
        )


def duplicates(book: Book) -> None:
    claims = json_text(card_claims(plastic=True))
    head = json_text(CARD_HEADER)
    cases = {
        "header": card_of(claims, head.replace("{", '{"alg":"ES256",', 1)),
        "payload": card_of(claims.replace("{", '{"vct":"urn:abtc:card:1",', 1)),
        "payload_escaped": card_of(claims.replace("{", '{"\\u0069ss":"x",', 1)),
        "nested": card_of(claims.replace('"idx":', '"idx":1,"idx":')),
        "unknown_nested": card_of(f'{claims[:-1]},"x":[{{"a":1,"a":1}}]}}'),
    }
    for name, signed in cases.items():
        book.add(
            f"duplicate_{name}",
            f"A member occurs twice in accept::physical_text ({name}).",
            presented(signed),
            MALFORMED,
            spec="2",
            threats="J8",
            importance="critical",
        )


def spellings(book: Book) -> None:
    """base64url that decodes to the right bytes in a lax decoder."""
    issued = plastic()
    head, body, signature = issued.text.split(".")
    index = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    trailing = signature[:-1] + index[index.index(signature[-1]) + 1]
    spelt = {
        "padding": f"{head}.{body}.{signature}==",
        "newline": f"{head}.{body}.{signature}\n",
        "space": f"{head}.{body} .{signature}",
        "inner_newline": f"{head}.{body[:9]}\n{body[9:]}.{signature}",
        "trailing_bits": f"{head}.{body}.{trailing}",
        "length_4n_1": f"{head}.{body}.{signature[:-1]}",
        "length_1": f"{head}.{body}.{signature}AAA",
        "non_ascii": f"{head}.{body}.{signature[:-1]}é",
        "full_width": f"{head}.{body}.{signature[:-1]}\uff21",
        "nul": f"{head}.{body}.{signature}\0",
        "plus": f"{head}.{body}.{'+' + signature[1:]}",
        "slash": f"{head}.{body}.{'/' + signature[1:]}",
        "header_padding": f"{head}=.{body}.{signature}",
        "header_empty": f".{body}.{signature}",
        "payload_empty": f"{head}..{signature}",
    }
    assert len(signature) == 86
    for name, text in spelt.items():
        book.add(
            f"b64_{name}",
            "The issuer JWT of accept::physical_text is spelt in another way"
            f" ({name}).",
            f"{text}~",
            MALFORMED,
            spec="2",
            threats="J9",
        )
    issued = card()
    shown = proof(issued)
    for name, text in (("padding", f"{shown.text}=="), ("newline", f"{shown.text}\n")):
        book.add(
            f"b64_proof_{name}",
            f"The proof of accept::app_text is spelt in another way ({name}).",
            f"{issued.text}~{text}",
            MALFORMED,
            spec="2",
            threats="J9",
        )


def numbers(book: Book) -> None:
    iat, idx = f'"iat":{CARD_IAT}', f'"idx":{INDEX}'
    cases = {
        "iat_float": (iat, f'"iat":{CARD_IAT}.0'),
        "iat_exponent": (iat, '"iat":1886241600e0'),
        "iat_true": (iat, '"iat":true'),
        "iat_text": (iat, f'"iat":"{CARD_IAT}"'),
        "iat_negative": (iat, '"iat":-1'),
        "iat_null": (iat, '"iat":null'),
        "iat_nan": (iat, '"iat":NaN'),
        "iat_4300_digits": (iat, f'"iat":{"9" * 4300}'),
        "iat_4301_digits": (iat, f'"iat":{"9" * 4301}'),
        "iat_leading_zero": (iat, f'"iat":0{CARD_IAT}'),
        "iat_full_width": (iat, '"iat":\uff11\uff18\uff18\uff16'),
        "exp_2100_1": (f'"exp":{CARD_EXP}', '"exp":4102444801'),
        "exp_2_63": (f'"exp":{CARD_EXP}', f'"exp":{2**63}'),
        "exp_infinity": (f'"exp":{CARD_EXP}', '"exp":Infinity'),
        "exp_1e400": (f'"exp":{CARD_EXP}', '"exp":1e400'),
        "exp_not_after_iat": (f'"exp":{CARD_EXP}', f'"exp":{CARD_IAT}'),
        "idx_negative": (idx, '"idx":-1'),
        "idx_float": (idx, f'"idx":{INDEX}.0'),
        "idx_text": (idx, f'"idx":"{INDEX}"'),
        "idx_true": (idx, '"idx":true'),
        "idx_2_64": (idx, f'"idx":{2**64}'),
    }
    for name, (old, new) in cases.items():
        threats = "S4" if name.startswith("idx") else "J10"
        book.add(
            name,
            f"Only {old} of accept::physical_text is written {new[:24]}.",
            edited(old, new),
            MALFORMED,
            spec="2",
            threats=threats,
        )
    for name, value in (
        ("unknown_2_53_1", str(2**53 + 1)),
        ("unknown_minus_2_53_1", str(-(2**53) - 1)),
        ("unknown_float", "1.5"),
        ("unknown_nan", "NaN"),
        ("unknown_minus_infinity", "-Infinity"),
        ("unknown_1e400", "1e400"),
        ("unknown_lone_surrogate", '"\\ud800"'),
        ("unknown_swapped_surrogates", '"\\udc00\\ud800"'),
        ("unknown_control", '"a\tb"'),
        ("unknown_trailing_comma", "[1,]"),
        ("unknown_deep_1000", "[" * 1000 + "]" * 1000),
        ("unknown_deep_16", "[" * 16 + "]" * 16),
    ):
        what = "is too deep" if "deep" in name else f"has the value {value}"
        threat = "J11" if "deep" in name or "surrogate" in name else "J10"
        book.add(
            name,
            f"Only an unknown member is added to accept::physical_text; it {what}.",
            edited('"form":"physical"', f'"x":{value},"form":"physical"'),
            MALFORMED,
            spec="2",
            threats=threat,
        )
    book.add(
        "unknown_deep_15",
        "Only an unknown member is added to accept::physical_text: 15 "
        "arrays in the payload object make 16.",
        edited('"form":"physical"', f'"x":{"[" * 15 + "]" * 15},"form":"physical"'),
        PHYSICAL,
        spec="2",
        threats="J11",
    )


def sizes(book: Book) -> None:
    """The text form's limit of 8,192 characters, from both sides."""
    # Three more bytes make four more characters: the header takes up the slack.
    for length, expect in ((8192, PHYSICAL), (8193, MALFORMED)):
        text = next(
            t
            for pad in range(5480, 5760)
            for kid in (0, 1, 2)
            if len(t := padded(pad, kid)) == length
        )
        book.add(
            f"size_{length}",
            f"An unknown member makes the text of accept::physical_text "
            f"{length} characters long.",
            text,
            expect,
            spec="3",
            threats="J11 Q1",
        )
    book.add(
        "size_1_mb",
        "The issuer's signature has a million characters.",
        {
            "before": f"{plastic().signed_text}.",
            "repeat": ["A", 1_000_000],
            "after": "~",
        },
        MALFORMED,
        spec="3",
        threats="J11",
    )
    head = b64u(json_text(CARD_HEADER).encode())
    book.add(
        "size_deep",
        "The payload is 100,000 arrays deep.",
        {"before": f"{head}.", "repeat": ["W1tb", 33_334], "after": ".AAAA~"},
        MALFORMED,
        spec="3",
        threats="J11",
    )


def padded(pad: int, spaces: int) -> str:
    issued = card_of(
        json_text(card_claims(plastic=True, pad="x" * pad)),
        json_text(CARD_HEADER).replace(",", "," + " " * spaces, 1),
    )
    return presented(issued)


def keys(book: Book) -> None:
    """Bad holder keys in cnf."""
    x, y = HOLDER.point
    good = HOLDER.jwk
    flipped = b64u(y[:31] + bytes([y[31] ^ 1]))
    cases: dict[str, Any] = {
        "off_curve": good | {"y": flipped},
        "infinity": good | {"x": b64u(bytes(32)), "y": b64u(bytes(32))},
        "x_31_bytes": good | {"x": b64u(x[:31])},
        "y_33_bytes": good | {"y": b64u(b"\0" + y)},
        "x_over_p": good | {"x": b64u(b"\xff" * 32)},
        "oct": {"kty": "oct", "k": b64u(x)},
        "private": good | {"d": b64u(HOLDER.number.to_bytes(32))},
        "crv_p384": good | {"crv": "P-384"},
        "kty_okp": good | {"kty": "OKP"},
        "kid": good | {"kid": "holder"},
        "no_y": {k: v for k, v in good.items() if k != "y"},
        "x_integer": good | {"x": 1},
        "padding": good | {"x": good["x"] + "="},
    }
    for name, jwk in cases.items():
        threat = "J3" if name == "crv_p384" else "J14"
        book.add(
            f"cnf_{name}",
            f"Only the key in cnf differs from accept::app_text: {name}.",
            shown_text(cnf={"jwk": jwk}),
            MALFORMED,
            spec="3.2",
            threats=threat,
            importance="critical",
        )
    for name, cnf in (("jkt", {"jkt": "x"}), ("two", {"jwk": good, "jku": "x"})):
        book.add(
            f"cnf_member_{name}",
            "Only cnf differs from accept::app_text: another member.",
            shown_text(cnf=cnf),
            MALFORMED,
            spec="3.2",
            threats="J14",
        )


def serialisations(book: Book) -> None:
    issued = plastic()
    text = presented(issued)
    head, body, signature = issued.text.split(".")
    json_form = {"payload": body, "protected": head, "signature": signature}
    foreign = rejected("card.foreign")
    nested = card_of(json_text(issued.text))
    cases = {
        "jwe": (f"{head}.{body}.AAAA.{body}.{signature}", foreign),
        "jwe_tilde": (f"{head}.{body}.AAAA.{body}.{signature}~", MALFORMED),
        "json_form": (json_text(json_form), foreign),
        "json_form_tilde": (f"{json_text(json_form)}~", MALFORMED),
        "jws_alone": (issued.text, foreign),
        "nested": (presented(nested), MALFORMED),
        "bom": (f"\ufeff{text}", MALFORMED),
        "leading_space": (f" {text}", MALFORMED),
        "trailing_space": (f"{text} ", MALFORMED),
        "payload_bom": (presented(card_of("\ufeff" + issued.payload)), MALFORMED),
        "payload_array": (presented(card_of(f"[{issued.payload}]")), MALFORMED),
        "payload_null": (presented(card_of("null")), MALFORMED),
        "payload_junk": (presented(card_of(issued.payload + "x")), MALFORMED),
        "header_array": (presented(card_of(issued.payload, '["ES256"]')), MALFORMED),
    }
    for name, (presentation, expect) in cases.items():
        book.add(
            f"form_{name}",
            f"accept::physical_text in another serialisation ({name}).",
            presentation,
            expect,
            spec="3",
            threats="J15",
        )
    latin = b64u(issued.payload.replace("JANE", "JÄNE").encode("latin-1"))
    signed = f"{head}.{latin}.{b64u(card_key('AUS').sign(f'{head}.{latin}'))}"
    book.add(
        "form_latin_1",
        "The payload is not UTF-8.",
        f"{signed}~",
        MALFORMED,
        spec="2",
        threats="J15",
    )


def look_alikes(book: Book) -> None:
    """Names that look like Australia's."""
    unknown = undecided("trust.unknown_issuer")
    cases: dict[str, tuple[Any, dict[str, Any]]] = {
        "trailing_slash": ("https://abtc.example/AUS/", MALFORMED),
        "upper_host": ("https://ABTC.example/AUS", MALFORMED),
        "upper_scheme": ("HTTPS://abtc.example/AUS", MALFORMED),
        "http": ("http://abtc.example/AUS", MALFORMED),
        "cyrillic": ("https://\u0430btc.example/AUS", MALFORMED),
        "query": ("https://abtc.example/AUS?x", MALFORMED),
        "fragment": ("https://abtc.example/AUS#x", MALFORMED),
        "user": ("https://x@abtc.example/AUS", MALFORMED),
        "percent": ("https://abtc.example/%41US", MALFORMED),
        "newline": ("https://abtc.example/AUS\n", MALFORMED),
        "list": (["https://abtc.example/AUS"], MALFORMED),
        "null": (None, MALFORMED),
        "201": (f"https://abtc.example/{'A' * 180}", MALFORMED),
        "200": (f"https://abtc.example/{'A' * 179}", unknown),
        "10_kb": (f"https://abtc.example/{'A' * 9999}", MALFORMED),
        "port": ("https://abtc.example:443/AUS", unknown),
        "lower_path": ("https://abtc.example/aus", unknown),
        "dot_host": ("https://abtc.example./AUS", unknown),
        "other_host": ("https://abtc-example.test/AUS", unknown),
        "dots": ("https://abtc.example/NZL/../AUS", unknown),
    }
    for name, (iss, expect) in cases.items():
        status = {"status_list": {"idx": INDEX, "uri": URI}}
        book.add(
            f"iss_{name}",
            f"Only iss differs from accept::physical_text: {name}.",
            presented(plastic(iss=iss, status=status)),
            expect,
            spec="2",
            threats="J16",
        )


def build() -> Book:
    book = Book("jose")
    for part in (
        headers,
        key_confusion,
        signatures,
        signature_lengths,
        kinds,
        duplicates,
        spellings,
        numbers,
        sizes,
        keys,
        serialisations,
        look_alikes,
    ):
        part(book)
    return book
