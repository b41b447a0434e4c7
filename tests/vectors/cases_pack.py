"""Packing alone: texts and codes that belong together, and some that do not."""

from typing import Any

from .book import Book
from .wire import cbor, cbor_head, json_text
from .world import (
    CARD_EXP,
    HOLDER,
    INDEX,
    NOW,
    Signed,
    card,
    card_of,
    packed_of,
    proof,
    qr_text,
    shown_qr,
    sign,
    text_of,
    url,
)


def plastic(**changes: Any) -> Signed:
    return card(plastic=True, **changes)


def listed(uri: str, idx: int = INDEX) -> dict[str, object]:
    return {"status_list": {"idx": idx, "uri": uri}}


def roundtrips(book: Book) -> None:
    base = f"{url('AUS')}/status"
    issued = card()
    german = {"country": "DEU", "number": "C01X0006H"}
    shows: dict[str, tuple[Signed, Signed | None]] = {
        "physical": (card(plastic=True), None),
        "app_without_proof": (issued, None),
        "proof_at_0": (issued, proof(issued, at=0)),
        "proof_challenge": (issued, proof(issued, nonce="kZ2mV4pQ9xT1bN7cW5rY8A")),
        "proof_audience": (issued, proof(issued, aud="x509_hash:abc")),
        "proof_both": (issued, proof(issued, aud="~", nonce="!")),
        "proof_nonce_of_other_moment": (issued, proof(issued, nonce=f"iat.{NOW - 1}")),
    }
    cards = {
        "exp_seconds": plastic(exp=CARD_EXP - 1),
        "exp_2100": plastic(exp=4_102_444_800),
        "iat_0": plastic(iat=0),
        "idx_0": plastic(status=listed(f"{base}/1", 0)),
        "idx_2_64_1": plastic(status=listed(f"{base}/1", 2**64 - 1)),
        "list_0": plastic(status=listed(f"{base}/0")),
        "list_2_32_1": plastic(status=listed(f"{base}/4294967295")),
        "list_2_32": plastic(status=listed(f"{base}/4294967296")),
        "list_zeros": plastic(status=listed(f"{base}/01")),
        "list_00": plastic(status=listed(f"{base}/00")),
        "list_word": plastic(status=listed(f"{base}/one")),
        "list_elsewhere": plastic(status=listed(f"{url('NZL')}/status/1")),
        "list_deeper": plastic(status=listed(f"{base}/1/2")),
        "no_given_name": plastic(given_name=""),
        "nationality_unregistered": plastic(nationality="GBR"),
        "passport_unregistered": plastic(passport=german),
        "passport_and_nationality": plastic(passport=german, nationality="DEU"),
        "passport_registered": plastic(nationality="GBR"),
        "economies_none": plastic(economies=[]),
        "economies_all": plastic(economies=["AUS", "VNM"]),
        "economies_unregistered": plastic(economies=["ABC", "AUS", "XYZ"]),
        "economies_unregistered_only": plastic(economies=["XYZ"]),
        "birth_1900": plastic(birthdate="1900-01-01"),
        "birth_2099": plastic(birthdate="2099-12-31"),
        "nbf": plastic(nbf=0),
        "unknown_order": plastic(zz=1, aaa=2, b=3, nbf=4, é=5),
        "unknown_values": plastic(
            x=[
                True,
                False,
                None,
                -1,
                0,
                23,
                24,
                255,
                256,
                65536,
                2**32,
                2**53,
                -(2**53),
                "",
                [],
                {},
            ]
        ),
        "unknown_text": plastic(x='"\\/\b\f\n\r\t\0\x1f\x7f\u2028 é € \U0001f4b3'),
        "unknown_maps": plastic(x={"bb": 1, "a": {"z": 1, "yy": 2}}),
        "unknown_inner_name": plastic(x={"n": 1}),
        "unknown_inner_name_64": plastic(x={"n" * 64: 1}),
        "other_key": plastic(header={"kid": "A.b_c-9"}),
    }
    shows |= {name: (signed, None) for name, signed in cards.items()}
    for name, (signed, shown) in shows.items():
        kid = "A.b_c-9" if name == "other_key" else "card-1"
        packed = packed_of(signed, shown) | {1: kid}
        book.add_wire(
            f"roundtrip_{name}",
            "roundtrip",
            f"Text and code are one presentation: {name}.",
            text=text_of(signed, shown),
            qr=qr_text(cbor(packed)),
            spec="5.2",
        )


def unpackable(book: Book) -> None:
    """Q10: good as text, and not to be released, since it cannot be packed."""
    issued = plastic()
    claims = json_text(issued.claims)
    texts = {
        "member_order": card_of(json_text(dict(reversed(issued.claims.items())))),
        "two_swapped": card_of(
            json_text({"vct": issued.claims["vct"]} | issued.claims)
        ),
        "space": card_of(claims.replace('":', '": ', 1)),
        "final_newline": card_of(claims + "\n"),
        "escape": card_of(claims.replace("CITIZEN", "\\u0043ITIZEN")),
        "escaped_slash": card_of(claims.replace("https://", "https:\\/\\/", 1)),
        "header_order": card_of(
            claims, '{"typ":"dc+sd-jwt","alg":"ES256","kid":"card-1"}'
        ),
        "header_space": card_of(
            claims, '{"alg": "ES256","kid":"card-1","typ":"dc+sd-jwt"}'
        ),
        "unknown_first": card_of('{"note":1,' + claims[1:]),
        "unknown_order": card_of(claims[:-1] + ',"bb":1,"a":2}'),
        "unknown_inner_order": card_of(claims[:-1] + ',"x":{"bb":1,"a":2}}'),
        "unknown_upper_escape": card_of(claims[:-1] + ',"x":"\\u001F"}'),
        "unknown_long_escape": card_of(claims[:-1] + ',"x":"\\u000a"}'),
        "unknown_escaped_letter": card_of(claims[:-1] + ',"x":"\\u00e9"}'),
        "unknown_deep": plastic(x=[[[[[[]]]]]]),
    }
    for name, signed in texts.items():
        book.add_wire(
            f"unpackable_{name}",
            "unpackable",
            f"A good presentation text that no code stands for: {name}.",
            text=text_of(signed, None),
            spec="5.3",
            threats="Q10",
        )
    issued = card()
    shown = proof(issued)
    proofs = {
        "proof_member": proof(issued, x=1),
        "proof_order": sign(
            shown.header, json_text(dict(reversed(shown.claims.items()))), HOLDER
        ),
        "proof_space": sign(shown.header, shown.payload.replace('":', '": '), HOLDER),
        "proof_header_order": sign(
            '{"typ":"kb+jwt","alg":"ES256"}', shown.payload, HOLDER
        ),
        "proof_of_other": proof(card(document_number="AUS7654321")),
    }
    for name, body in proofs.items():
        book.add_wire(
            f"unpackable_{name}",
            "unpackable",
            f"A presentation text that no code stands for: {name}.",
            text=text_of(issued, body),
            spec="5.3",
            threats="Q10",
        )
    for name, text in (
        ("empty", ""),
        ("tilde", "~"),
        ("code", shown_qr()),
        ("jws", issued.text),
        ("too_long", text_of(card(x="x" * 6000), None)),
        ("disclosure", f"{issued.text}~WyJhIiwiYiIsMV0~"),
        ("claims_missing", text_of(card_of("{}"), None)),
        (
            "physical_with_proof",
            text_of(card(plastic=True), proof(card(plastic=True))),
        ),
    ):
        book.add_wire(
            f"unpackable_{name}",
            "unpackable",
            f"Not a presentation text at all: {name}.",
            text=text,
            spec="3",
            threats="Q10",
        )


def ununpackable(book: Book) -> None:
    packed = packed_of(card(), proof(card()))
    encoded = cbor(packed)
    head = len(cbor_head(5, len(packed)))
    for name, qr in (
        ("empty", ""),
        ("foreign", "HC1:AAA"),
        ("version", "ABTC2:AAA"),
        ("prefix", "ABTC1:"),
        ("base45", f"{shown_qr()[:-1]}"),
        ("lower", shown_qr().lower()),
        ("trailing", qr_text(encoded + b"\0")),
        ("indefinite", qr_text(b"\xbf" + encoded[head:] + b"\xff")),
        ("no_signature", qr_text(cbor({k: v for k, v in packed.items() if k}))),
        ("unknown_key", qr_text(cbor(packed | {21: 0}))),
        ("text", text_of(card(), proof(card()))),
        ("physical_with_key", qr_text(cbor(packed | {15: 1}))),
        ("economies_twice", qr_text(cbor(packed | {16: [0, "XYZ", "XYZ"]}))),
        ("deep_empty", qr_text(cbor(packed | {"x": [[[[[[]]]]]]}))),
    ):
        book.add_wire(
            f"ununpackable_{name}",
            "ununpackable",
            f"No presentation text stands behind this: {name}.",
            qr=qr,
            threats="Q2 Q3",
        )


def build() -> Book:
    book = Book("pack")
    for part in (roundtrips, unpackable, ununpackable):
        part(book)
    return book
