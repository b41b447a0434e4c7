"""QR text: foreign codes, loose base45, second encodings, wrong packed values."""

from typing import Any

from .book import MALFORMED, Book, accepted, rejected, undecided
from .wire import Raw, base45, cbor, cbor_head, cbor_pairs, json_text
from .world import (
    CARD_EXP,
    DAY,
    HOLDER,
    INDEX,
    NOW,
    OTHER_HOLDER,
    card,
    card_claims,
    card_key,
    packed_of,
    proof,
    qr_of,
    qr_text,
    shown_qr,
    shown_text,
    sign,
    text_of,
    trust,
)

PACKED = packed_of(card(), proof(card()))
"""The packed form of accept::app."""
PLASTIC = packed_of(card(plastic=True), None)
"""The packed form of accept::physical."""
NO_POINT = 1
"""No point of P-256 has this x."""
PLASTIC_ENCODED = cbor(PLASTIC)
PLASTIC_QR = qr_of(card(plastic=True), None)


def foreign(book: Book) -> None:
    body = PLASTIC_QR.removeprefix("ABTC1:")
    cases: dict[str, Any] = {
        "empty": "",
        "no_prefix": body,
        "health": f"HC1:{body}",
        "lower": f"abtc1:{body}",
        "mixed": f"Abtc1:{body}",
        "no_digits": f"ABTC:{body}",
        "no_colon": f"ABTC1{body}",
        "short": "ABTC",
        "space_before": f" ABTC1:{body}",
        "newline_before": f"\nABTC1:{body}",
        "bom": f"\ufeffABTC1:{body}",
        "letter": f"ABTC1A:{body}",
        "sign": f"ABTC+1:{body}",
        "full_width": f"ABTC\uff11:{body}",
        "arabic_digit": f"ABTC\u0661:{body}",
        "cyrillic": f"\u0410BTC1:{body}",
        "url": "https://abtc.example/AUS",
        "vcard": "BEGIN:VCARD\nVERSION:3.0\nN:Citizen;Jane\nEND:VCARD",
        "wifi": "WIFI:S:airport;T:WPA;P:secret;;",
        "mrz": "P<AUSCITIZEN<<JANE<MARY<<<<<<<<<<<<<<<<<<<<<",
        "nul": "\0",
        "surrogate": "ABTC\U0001f4b3",
        "script": "<script>alert(1)</script>",
        "challenge": "ABTCQ1:kZ2mV4pQ9xT1bN7cW5rY8A",
    }
    for name, text in cases.items():
        book.add(
            f"foreign_{name}",
            f"The scanned text is not one of ours: {name}.",
            text,
            rejected("card.foreign"),
            spec="5",
            threats="Q4",
        )
    for name, prefix in (
        ("2", "ABTC2:"),
        ("10", "ABTC10:"),
        ("0", "ABTC0:"),
        ("01", "ABTC01:"),
        ("long", f"ABTC{'9' * 40}:"),
    ):
        book.add(
            f"version_{name}",
            f"Only the prefix of accept::physical differs: {prefix}.",
            f"{prefix}{body}",
            undecided("card.version"),
            spec="5",
            threats="Q4",
            importance="critical" if name == "2" else "normal",
        )
    book.add(
        "version_other_content",
        "A newer version may hold anything.",
        "ABTC2:anything at all",
        undecided("card.version"),
        spec="5",
        threats="Q4",
    )


def base45_texts(book: Book) -> None:
    text = shown_qr()
    prefix, body = text[:6], text[6:]
    assert len(body) % 3 == 2, len(body)
    cases: dict[str, Any] = {
        "empty": prefix,
        "prefix_twice": f"{prefix}{text}",
        "lower": prefix + body.lower(),
        "one_lower": prefix + body.replace("S", "s", 1),
        "length_3n_1": text[:-1],
        "newline": f"{text}\n",
        "space_after": f"{text} ",
        "no_break_space": text.replace(" ", "\u00a0", 1),
        "full_width": prefix + body.replace("A", "\uff21", 1),
        "hash": prefix + "#" + body[1:],
        "group_GGW": f"{prefix}GGW{body[3:]}",
        "group_high": f"{prefix}:::{body[3:]}",
        "pair_V5": f"{text[:-2]}V5",
        "pair_high": f"{text[:-2]}::",
        "one_character": f"{prefix}0",
        "percent": text.replace(" ", "%20"),
        "cut": text[:-2],
        "cut_half": text[: len(text) // 6 * 3],
        "repeated": f"{text}{body}",
        "zeros": f"{prefix}000",
        "1_mb": {"before": prefix, "repeat": ["0", 1_000_000]},
        "4297": {"before": prefix, "repeat": ["0", 4291]},
    }
    for name, presentation in cases.items():
        threat = "Q1" if name in ("1_mb", "4297") else "Q3"
        book.add(
            f"base45_{name}",
            f"Only the base45 text of accept::app differs: {name}.",
            presentation,
            MALFORMED,
            spec="5",
            threats=threat,
        )


def long_int(major: int, number: int, width: int) -> bytes:
    head = {1: 24, 2: 25, 4: 26, 8: 27}[width]
    return bytes([major << 5 | head]) + number.to_bytes(width)


def pairs(packed: dict[Any, Any] | None = None) -> list[tuple[bytes, bytes]]:
    source = PLASTIC if packed is None else packed
    return sorted((cbor(k), cbor(v)) for k, v in source.items())


def second_encodings(book: Book) -> None:
    """The bytes of accept::physical, said in another way or continued."""
    assert cbor_pairs(pairs()) == PLASTIC_ENCODED
    plain = pairs()
    swapped = [plain[1], plain[0], *plain[2:]]
    head = cbor_head(5, len(plain))
    items = PLASTIC_ENCODED[len(head) :]
    sig = PLASTIC[0]
    name = PLASTIC[10].encode()

    def put(**changes: bytes) -> bytes:
        return cbor(PLASTIC | {int(k[1:]): Raw(v) for k, v in changes.items()})

    cases: dict[str, bytes] = {
        "trailing_zero": PLASTIC_ENCODED + b"\0",
        "trailing_null": PLASTIC_ENCODED + b"\xf6",
        "trailing_copy": PLASTIC_ENCODED * 2,
        "key_order": cbor_pairs(swapped),
        "key_order_reversed": cbor_pairs(plain[::-1]),
        "key_twice": cbor_pairs([plain[0], *plain]),
        "key_twice_last": cbor_pairs([*plain, plain[-1]]),
        "key_long": cbor_pairs([(b"\x18\0", plain[0][1]), *plain[1:]]),
        "key_float": cbor_pairs([(b"\xf9\0\0", plain[0][1]), *plain[1:]]),
        "key_false": cbor_pairs([*plain, (b"\xf4", b"\0")]),
        "map_indefinite": b"\xbf" + items + b"\xff",
        "map_long": long_int(5, len(plain), 1) + items,
        "map_count_high": cbor_head(5, len(plain) + 1) + items,
        "map_count_low": cbor_head(5, len(plain) - 1) + items,
        "map_2_63": b"\xbb" + (2**63).to_bytes(8) + items,
        "map_2_64_1": b"\xbb" + b"\xff" * 8 + items,
        "array": cbor_head(4, 2 * len(plain)) + items,
        "tag_self_described": b"\xd9\xd9\xf7" + PLASTIC_ENCODED,
        "int_long_1": put(k3=long_int(0, PLASTIC[3], 8)),
        "int_long_idx": put(k6=long_int(0, INDEX, 2)),
        "int_long_form": put(k15=long_int(0, 0, 1)),
        "int_bignum": put(k3=b"\xc2\x44" + PLASTIC[3].to_bytes(4)),
        "int_negative": put(k3=b"\x20"),
        "int_float": put(k3=b"\xfa\x4e\xe1\xdc\xe0"),
        "int_text": put(k3=cbor(str(PLASTIC[3]))),
        "int_true": put(k15=b"\xf5"),
        "int_null": put(k15=b"\xf6"),
        "text_long": put(k10=long_int(3, len(name), 1) + name),
        "text_indefinite": put(k10=b"\x7f" + cbor("CITI") + cbor("ZEN") + b"\xff"),
        "text_bytes": put(k10=cbor(name)),
        "text_2_63": put(k10=b"\x7b" + (2**63).to_bytes(8) + name),
        "text_not_utf8": put(k10=b"\x62\xc3\x28"),
        "bytes_long": put(k0=long_int(2, 64, 2) + sig),
        "bytes_indefinite": put(k0=b"\x5f" + cbor(sig[:9]) + cbor(sig[9:]) + b"\xff"),
        "bytes_2_63": put(k0=b"\x5b" + (2**63).to_bytes(8) + sig),
        "tag_date": put(k3=b"\xc1" + cbor(PLASTIC[3])),
        "tag_regexp": put(k10=b"\xd8\x23" + cbor("CITIZEN")),
        "tag_shared": put(k10=b"\xd8\x1c" + cbor("CITIZEN")),
        "undefined": put(k15=b"\xf7"),
        "simple_long_false": put(k15=b"\xf8\x14"),
        "simple_0": put(k15=b"\xe0"),
        "simple_255": put(k15=b"\xf8\xff"),
        "break": b"\xff",
        "reserved_28": b"\xbc",
        "empty_map": b"\xa0",
        "integer": b"\0",
        "nothing_but_text": cbor("ABTC"),
        "deep_1000": b"\x81" * 1000 + b"\0",
        "deep_maps_1000": b"\xa1\0" * 1000 + b"\0",
    }
    for label, data in cases.items():
        threat = (
            "Q1" if label.startswith(("deep", "map_2", "text_2", "bytes_2")) else "Q2"
        )
        book.add(
            f"cbor_{label}",
            f"Only the encoding of accept::physical differs: {label}.",
            qr_text(data),
            MALFORMED,
            spec="5.1",
            threats=threat,
        )


def values(book: Book) -> None:
    """Deterministic CBOR whose values are wrong."""
    nan = Raw(b"\xf9\x7e\0")
    x = HOLDER.compressed
    bad_x = b"\x02" + NO_POINT.to_bytes(32)
    full = b"\x04" + b"".join(HOLDER.point)
    seven: Any = 0
    for _ in range(6):
        seven = [seven]
    cases: dict[str, tuple[str, dict[Any, Any]]] = {
        "key_21": ("an unknown number is a key", {21: 0}),
        "key_23": ("an unknown number is a key", {23: "x"}),
        "key_negative": ("a negative number is a key", {-1: 0}),
        "key_bytes": ("a byte string is a key", {b"x": 0}),
        "signature_63": ("the signature has 63 bytes", {0: PACKED[0][:63]}),
        "signature_65": ("the signature has 65 bytes", {0: PACKED[0] + b"\0"}),
        "signature_text": ("the signature is text", {0: "A" * 64}),
        "kid_bytes": ("kid is a byte string", {1: b"card-1"}),
        "kid_65": ("kid has 65 characters", {1: "k" * 65}),
        "iss_scheme": (
            "iss is written with its scheme",
            {2: "https://abtc.example/AUS"},
        ),
        "iss_slash": ("iss ends with a slash", {2: "abtc.example/AUS/"}),
        "iat_2100": ("iat is after 2100", {3: 4_102_444_801}),
        "iat_2_64": ("iat is 2^64 - 1", {3: 2**64 - 1}),
        "exp_both": ("exp is said twice", {5: CARD_EXP + 1}),
        "exp_midnight": ("exp of a midnight is in seconds", {4: None, 5: CARD_EXP}),
        "exp_none": ("exp is missing", {4: None}),
        "exp_2100": ("exp in days is after 2100", {4: 47_483}),
        "exp_2_64": ("exp in days is 2^64 - 1", {4: 2**64 - 1}),
        "idx_negative": ("idx is negative", {6: -1}),
        "idx_text": ("idx is text", {6: "201"}),
        "uri_text": (
            "a relative status URI is spelt out",
            {7: "abtc.example/AUS/status/1"},
        ),
        "uri_2_32": ("a list number above 2^32 - 1 is an integer", {7: 2**32}),
        "uri_scheme": (
            "the status URI is written with its scheme",
            {7: "https://abtc.example/AUS/status/1"},
        ),
        "point_full": ("the point is not compressed", {8: full}),
        "point_x": ("the point is x alone", {8: x[1:]}),
        "point_prefix": ("the point has the prefix 05", {8: b"\x05" + x[1:]}),
        "point_none": ("no point has this x", {8: bad_x}),
        "point_infinity": ("the point is infinity", {8: b"\0"}),
        "point_over_p": ("x is not a field element", {8: b"\x02" + b"\xff" * 32}),
        "birth_2100": ("the birth date is 2100-01-01", {12: 73_049}),
        "birth_huge": ("the birth date is 2^64 - 1 days", {12: 2**64 - 1}),
        "birth_negative": ("the birth date is before 1900", {12: -1}),
        "nationality_text": ("a registered nationality is text", {13: "AUS"}),
        "nationality_21": ("no economy has the number 21", {13: 21}),
        "nationality_lower": ("the nationality is lower case", {13: "gbr"}),
        "passport_array": (
            "the nationality's passport is an array",
            {14: [0, "PA1234567"]},
        ),
        "passport_text": (
            "a registered passport economy is text",
            {14: ["NZL", "PA1234567"]},
        ),
        "passport_21": ("no economy has the number 21", {14: [21, "PA1234567"]}),
        "passport_3": ("the passport has three items", {14: [11, "PA1234567", 0]}),
        "passport_1": ("the passport has one item", {14: [11]}),
        "passport_map": ("the passport is a map", {14: {"country": "NZL"}}),
        "form_2": ("no form has the number 2", {15: 2}),
        "form_text": ("the form is text", {15: "app"}),
        "economies_bit_21": ("bit 21 is set", {16: PACKED[16] | 1 << 21}),
        "economies_bit_63": ("bit 63 is set", {16: PACKED[16] | 1 << 63}),
        "economies_array_1": ("no code follows the bits", {16: [PACKED[16]]}),
        "economies_registered": ("a registered code is text", {16: [0, "SGP"]}),
        "economies_order": ("the codes descend", {16: [PACKED[16], "XYZ", "XYA"]}),
        "economies_twice": ("a code occurs twice", {16: [PACKED[16], "XYZ", "XYZ"]}),
        "economies_text": ("the bits are text", {16: ["65536", "XYZ"]}),
        "economies_codes_alone": ("the bits are missing", {16: ["XYZ"]}),
        "economies_negative": ("the bits are negative", {16: -1}),
        "economies_65": (
            "65 economies are listed",
            {16: [0, *(f"X{a}{b}" for a in "ABCDE" for b in "ABCDEFGHIJKLM")]},
        ),
        "proof_half_17": ("the proof has no signature", {18: None}),
        "proof_half_18": ("the proof has no iat", {17: None}),
        "proof_63": ("the proof's signature has 63 bytes", {18: PACKED[18][:63]}),
        "nonce_derived": ("the derived nonce is spelt out", {19: f"iat.{NOW}"}),
        "nonce_empty": ("the nonce is empty", {19: ""}),
        "nonce_alone": ("a nonce comes without proof", {17: None, 18: None, 19: "x"}),
        "aud_border": ("the border's audience is spelt out", {20: "urn:abtc:border"}),
        "aud_alone": ("an audience comes without proof", {17: None, 18: None, 20: "x"}),
        "form_physical": ("form 1 has a key and a proof", {15: 1}),
        "form_physical_key": ("form 1 has a key", {15: 1, 17: None, 18: None}),
        "no_key": ("form 0 has no key but a proof", {8: None}),
        "no_key_or_proof": (
            "form 0 has neither key nor proof",
            {8: None, 17: None, 18: None},
        ),
        "unknown_bytes": ("an unknown claim is a byte string", {"x": b"x"}),
        "unknown_nan": ("an unknown claim is NaN", {"x": nan}),
        "unknown_float": ("an unknown claim is a float", {"x": Raw(b"\xf9\x3c\0")}),
        "unknown_undefined": ("an unknown claim is undefined", {"x": Raw(b"\xf7")}),
        "unknown_int_key": ("a map in it has an integer key", {"x": {1: 2}}),
        "unknown_2_53": ("an unknown claim is 2^53 + 1", {"x": 2**53 + 1}),
        "unknown_minus_2_53": ("an unknown claim is -2^53 - 1", {"x": -(2**53) - 1}),
        "unknown_deep_7": ("six arrays in the map make seven", {"x": seven}),
        "unknown_deep_7_empty": (
            "six arrays in the map make seven, the last of them empty",
            {"x": [[[[[[]]]]]]},
        ),
        "unknown_empty": ("an unknown claim has no name", {"": 1}),
        "unknown_name_65": ("an unknown claim's name has 65 characters", {"n" * 65: 1}),
        "unknown_inner_empty": (
            "a name inside an unknown claim is empty",
            {"x": {"": 1}},
        ),
        "unknown_inner_name_65": (
            "a name inside an unknown claim has 65 characters",
            {"x": [{"n" * 65: 1}]},
        ),
        "unknown_dots": ("an unknown claim holds ...", {"x": {"...": "y"}}),
        **{
            f"text_key_{name}": (f"{name} is a text key", {name: value})
            for name, value in {
                **card_claims(),
                "_sd": [],
                "_sd_alg": "sha-256",
                "...": "x",
            }.items()
        },
        "nbf_text": ("nbf is text", {"nbf": "0"}),
        **{
            f"missing_{key}": (f"key {key} is missing", {key: None})
            for key in (0, 1, 2, 3, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16)
        },
    }
    phone = ("proof", "nonce", "aud", "point", "form_physical", "no_key")
    for name, (what, changes) in cases.items():
        base = "app" if name.startswith(phone) else "physical"
        source = PACKED if base == "app" else PLASTIC
        packed = {
            k: v for k, v in (source | changes).items() if changes.get(k, 0) is not None
        }
        book.add(
            f"packed_{name}",
            f"Only this differs from accept::{base}: {what}.",
            qr_text(cbor(packed)),
            MALFORMED,
            spec="5.1",
            threats="Q2",
        )
    physical = PLASTIC | {8: x}
    book.add(
        "packed_physical_key",
        "Only a key is added to accept::physical.",
        qr_text(cbor(physical)),
        MALFORMED,
        spec="5.1",
        threats="Q2 K11",
    )
    physical = PLASTIC | {17: NOW, 18: PACKED[18]}
    book.add(
        "packed_physical_proof",
        "Only a proof is added to accept::physical.",
        qr_text(cbor(physical)),
        MALFORMED,
        spec="5.1",
        threats="Q2 K11",
    )


def exchanged(book: Book) -> None:
    """Well-formed packed values that are not those that were signed."""
    cases: dict[str, dict[Any, Any]] = {
        "name": {10: "CITIZEM"},
        "economies": {16: PACKED[16] | 1},
        "exp": {4: PACKED[4] + 1},
        "iat": {3: PACKED[3] + 1},
        "idx": {6: INDEX + 4},
        "list": {7: 2},
        "key": {8: OTHER_HOLDER.compressed},
        "birth": {12: 1},
        "passport": {14: "PA1234568"},
        "nationality": {13: 11},
        "parity": {8: bytes([PACKED[8][0] ^ 1]) + PACKED[8][1:]},
        "document": {9: "AUS1234568"},
        "unknown": {"x": 1},
        "given": {11: ""},
    }
    for name, change in cases.items():
        book.add(
            f"changed_{name}",
            f"Only one signed value of accept::app was changed: {name}.",
            qr_text(cbor(PACKED | change)),
            rejected("signature.invalid"),
            spec="8 step 5",
            threats="Q2",
            importance="critical",
        )
    for name, change in (
        ("proof_iat", {17: NOW - 1}),
        ("proof_nonce", {19: "x"}),
        ("proof_aud", {20: "x"}),
    ):
        book.add(
            f"changed_{name}",
            f"Only one signed value of the proof of accept::app was changed: {name}.",
            qr_text(cbor(PACKED | change)),
            rejected("proof.device"),
            spec="8 step 9b",
            threats="Q2 K2",
        )


def capacity(book: Book) -> None:
    """2,860 packed bytes fill 4,296 characters; one more is too much."""
    for size, expect in ((2860, accepted()), (2861, MALFORMED)):
        cards = (card(pad="x" * n) for n in range(2520, 2620))
        issued = next(i for i in cards if len(cbor(packed_of(i, proof(i)))) == size)
        text = qr_of(issued, proof(issued))
        assert (len(text) <= 4296) == (size == 2860)
        book.add(
            f"capacity_{size}",
            f"An unknown claim makes accept::app {size} bytes long when packed.",
            text,
            expect,
            spec="5",
            threats="Q1",
        )
    five: Any = 0
    for _ in range(5):
        five = [five]
    book.add(
        "packed_unknown_deep_6",
        "Five arrays in the map make six, the most there is.",
        shown_qr(x=five),
        accepted(),
        spec="5.1",
        threats="Q1",
    )
    six = [five]
    book.add(
        "text_unknown_deep_7",
        "Seven deep is good as text, though it cannot be packed.",
        shown_text(x=six),
        accepted(),
        spec="5.3",
        threats="Q10",
    )
    book.add(
        "packed_signature_of_text",
        "A signature over white space cannot be packed: "
        "the text comes back without it.",
        qr_of_spaced(),
        rejected("signature.invalid"),
        spec="5.3",
        threats="Q10",
    )


def qr_of_spaced() -> str:
    issued = card()
    header = json_text({"alg": "ES256", "kid": "card-1", "typ": "dc+sd-jwt"})
    spaced = sign(header, issued.payload.replace('":', '": '), card_key("AUS"))
    packed = packed_of(issued, proof(spaced)) | {0: spaced.signature}
    return qr_text(cbor(packed))


def printed_code(book: Book) -> None:
    """Q5 is with the times.  Q7: a printed card's code asks for the plastic."""
    issued = card(plastic=True)
    book.add(
        "photo_of_plastic",
        "A printed card's code, from wherever it was scanned, "
        "asks for the plastic card and the passport.",
        qr_of(issued, None),
        accepted(must_see="plastic_card passport face"),
        spec="8",
        threats="Q7",
        trust=trust(),
        importance="critical",
    )
    assert text_of(issued, None).endswith("~")
    assert base45(b"\xff\xff") == "FGW"
    assert CARD_EXP % DAY == 0


def build() -> Book:
    book = Book("packing")
    for part in (
        foreign,
        base45_texts,
        second_encodings,
        values,
        exchanged,
        capacity,
        printed_code,
    ):
        part(book)
    return book
