"""Cards that are accepted: what every other vector deviates from."""

from dataclasses import replace
from typing import Any

from .book import PHYSICAL, Book, accepted, passport
from .wire import b64u, json_text, twin, unb64u
from .world import (
    CARD_EXP,
    CARD_IAT,
    card,
    card_of,
    issuer_json,
    issuer_keys,
    proof,
    qr_of,
    shown_qr,
    shown_text,
    status_token,
    text_of,
    trust,
)


def plain(book: Book) -> None:
    add = book.add
    add(
        "app",
        "An app card of Australia with a fresh proof, at Singapore.",
        shown_qr(),
        accepted(),
        spec="8",
        importance="critical",
    )
    add(
        "app_text",
        "accept::app as presentation text.",
        shown_text(),
        accepted(),
        spec="4",
    )
    physical = card(plastic=True)
    add(
        "physical",
        "A printed card: no proof, and the plastic must be seen.",
        qr_of(physical, None),
        PHYSICAL,
        spec="8",
        threats="Q7",
        importance="critical",
    )
    add(
        "physical_text",
        "accept::physical as presentation text.",
        text_of(physical, None),
        PHYSICAL,
        spec="4",
    )
    add(
        "app_passport",
        "accept::app with number and code of the passport read: still shown.",
        shown_qr(),
        accepted(),
        spec="8 step 11",
        passport=passport(),
    )
    whole = {
        "family_name": "CITIZEN",
        "given_name": "JANE MARY",
        "birthdate": "850314",
        "expires_on": "2035-01-01",
    }
    add(
        "app_passport_read",
        "accept::app with the whole passport read.",
        shown_qr(),
        accepted(must_see="face"),
        spec="8 step 11",
        passport=passport(**whole),
    )
    for missing in ("birthdate", "expires_on"):
        add(
            f"app_passport_without_{missing}",
            f"accept::app_passport_read without its {missing}: still shown.",
            shown_qr(),
            accepted(),
            spec="8 step 11",
            passport=passport(**{k: v for k, v in whole.items() if k != missing}),
        )
    add(
        "physical_passport",
        "accept::physical with the passport read: still shown.",
        qr_of(physical, None),
        PHYSICAL,
        spec="8",
        threats="Q7",
        passport=passport(),
    )
    add(
        "other_issuer",
        "accept::app issued by New Zealand: same kid, other key.",
        shown_qr("NZL"),
        accepted(),
        spec="8 step 4",
        threats="J5",
    )
    add(
        "every_issuer_list_apart",
        "The list of Japan is missing; accept::app is not touched by that.",
        shown_qr(),
        accepted(),
        spec="8 step 10",
        threats="S8",
        trust=trust({"JPN/status/1.jwt": None}),
    )


def signatures(book: Book) -> None:
    """Both signatures (r, s) and (r, n - s) of one text verify."""
    issued = card()
    other = replace(issued, signature=twin(issued.signature))
    shown = proof(issued)
    other_shown = replace(shown, signature=twin(shown.signature))
    keys = issuer_keys("AUS")
    keys[0]["proof"] = b64u(twin(unb64u(keys[0]["proof"])))
    text, signature = status_token().rsplit(".", 1)
    token = f"{text}.{b64u(twin(unb64u(signature)))}"
    cases: list[tuple[str, str, str, Any]] = [
        ("card", "card's signature", qr_of(other, proof(other)), None),
        ("proof", "proof's signature", qr_of(issued, other_shown), None),
        (
            "list",
            "status list's signature",
            shown_qr(),
            trust({"AUS/status/1.jwt": token}),
        ),
        (
            "key",
            "key's proof of possession",
            shown_qr(),
            trust({"AUS/issuer.json": issuer_json("AUS", keys=keys)}),
        ),
    ]
    for name, what, presentation, data in cases:
        book.add(
            f"twin_{name}",
            f"Only the {what} is (r, n - s) of accept::app's.",
            presentation,
            accepted(),
            spec="2",
            threats="J13",
            importance="critical",
            trust=data,
        )


def claims(book: Book) -> None:
    """Claims at the edges of what section 3.2 allows."""
    long_name = "ABCDEFGHIJKLMNOPQRSTUVWXYZABC DEFGHIJKL"
    assert len(long_name) == 39
    cases: dict[str, tuple[str, dict[str, Any]]] = {
        "names_39": (
            "both names have 39 characters",
            {"family_name": long_name, "given_name": long_name[::-1]},
        ),
        "no_given_name": ("the given name is empty", {"given_name": ""}),
        "one_letter_name": ("the family name is one letter", {"family_name": "O"}),
        "nationality_gbr": (
            "the nationality is not a registered economy",
            {"nationality": "GBR"},
        ),
        "passport_deu": (
            "the passport is of another, unregistered code",
            {"passport": {"country": "DEU", "number": "C01X0006H"}},
        ),
        "passport_22": (
            "the passport number has 22 characters",
            {"passport": {"country": "AUS", "number": "A" * 22}},
        ),
        "document_22": (
            "the document number has 22 characters",
            {"document_number": "Z" * 22},
        ),
        "document_1": (
            "the document number has one character",
            {"document_number": "7"},
        ),
        "economies_unregistered": (
            "an economy outside the registry is listed",
            {"economies": ["NZL", "SGP", "XYZ"]},
        ),
        "economies_64": (
            "64 economies are listed",
            {
                "economies": [
                    "SGP",
                    *(f"X{a}{b}" for a in "ABC" for b in "ABCDEFGHIJKLMNOPQRSTU"),
                ]
            },
        ),
        "birth_1900": (
            "the holder was born on the first day that fits",
            {"birthdate": "1900-01-01"},
        ),
        "birth_2099": (
            "the birth date is the last that fits",
            {"birthdate": "2099-12-31"},
        ),
        "birth_leap": ("the birth date is a 29 February", {"birthdate": "2000-02-29"}),
        "nbf": ("a past nbf is there", {"nbf": CARD_IAT}),
        "unknown_claims": (
            "members that nobody knows follow",
            {
                "note": "fünf ≠ 5",
                "list": [1, None, {"b": True}],
                "x": {"long": -1, "at": '\n"\\\u007f'},
            },
        ),
        "direction_override": ("an unknown member holds U+202E", {"note": "a\u202eb"}),
        "unknown_2_53": (
            "unknown members hold both integers of magnitude 2^53",
            {"high": 2**53, "low": -(2**53)},
        ),
        "unknown_name_64": (
            "an unknown member's name has 64 characters",
            {"n" * 64: 1},
        ),
        "exp_not_midnight": ("exp is not a midnight", {"exp": CARD_EXP + 1}),
        "exp_2100": ("exp is the last moment there is", {"exp": 4_102_444_800}),
    }
    assert len(cases["economies_64"][1]["economies"]) == 64
    for name, (what, changes) in cases.items():
        threats = {"direction_override": "Q9"}.get(name, "")
        book.add(
            name,
            f"Only this differs from accept::app: {what}.",
            shown_qr(**changes),
            accepted(),
            spec="3.2",
            threats=threats,
        )


def text_form(book: Book) -> None:
    """What the text form may contain and the packed form cannot."""
    issued = card()
    members = dict(reversed(issued.claims.items()))

    reordered = card_of(json_text(members))
    spaced = card_of(json_text(issued.claims).replace('":', '": '))
    escaped = card_of(json_text(issued.claims).replace("CITIZEN", "\\u0043ITIZEN"))
    header = card_of(
        json_text(issued.claims),
        header='{ "typ":"dc+sd-jwt", "kid":"card-1", "alg":"ES256"}',
    )
    cases = {"order": reordered, "space": spaced, "escape": escaped, "header": header}
    for name, signed in cases.items():
        book.add(
            f"text_{name}",
            "A canonical card differs from this one only in member "
            f"order, white space or escapes ({name}): good as text.",
            text_of(signed, proof(signed)),
            accepted(),
            spec="3.2",
        )
    extra = proof(issued, extra=[1, "two"])
    book.add(
        "text_proof_member",
        "Only the proof has a member that nobody knows.",
        text_of(issued, extra),
        accepted(),
        spec="3.3",
    )
    verifier = "x509_hash:Uvo3HtuIxuhC92rShpgqcT3YXwrqRxWEviRiA0OZszk"
    shown = proof(issued, aud=verifier, nonce="n-0S6_WzA2Mj_n-0S6_WzA2Mj")
    for name, presentation in (
        ("text", text_of(issued, shown)),
        ("qr", qr_of(issued, shown)),
    ):
        book.add(
            f"openid4vp_{name}",
            "A proof for another audience and its nonce, as "
            f"{name}, where the policy asks for them.",
            presentation,
            accepted(),
            spec="4",
            policy={"audience": verifier},
            challenge="n-0S6_WzA2Mj_n-0S6_WzA2Mj",
        )


def build() -> Book:
    book = Book("accept")
    for part in (plain, signatures, claims, text_form):
        part(book)
    return book
