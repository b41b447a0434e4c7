"""The form of an SD-JWT, the phone's proof, required claims, challenges."""

import hashlib
from typing import Any

from .book import MALFORMED, Book, accepted, rejected, undecided
from .wire import Key, b64u, cbor, json_text
from .world import (
    CLAIM_ORDER,
    DROP,
    HOLDER,
    NOW,
    OTHER_HOLDER,
    card,
    card_claims,
    card_key,
    card_of,
    packed_card,
    packed_proof,
    proof,
    qr_of,
    qr_text,
    sd_hash,
    shown_qr,
    shown_text,
    sign,
    status_key,
    text_of,
)

CHALLENGE = "kZ2mV4pQ9xT1bN7cW5rY8A"
"""22 characters, as an officer's device shows it."""
BORDER = "urn:abtc:border"


def plastic_text(**changes: Any) -> str:
    """Return the presentation text of a printed card: no proof."""
    return text_of(card(plastic=True, **changes), None)


PACKABLE = ("document_number", "family_name", "given_name", "nationality")


def plastic_qr(**changes: Any) -> str:
    return qr_of(card(plastic=True, **changes), None)


def presence(book: Book) -> None:
    """K1: binding removed or repeated.  K11: form and binding disagree."""
    issued, physical = card(), card(plastic=True)
    shown = proof(issued)
    for name, presentation in (
        ("text", text_of(issued, None)),
        ("qr", qr_of(issued, None)),
    ):
        book.add(
            f"missing_{name}",
            "Only the proof of accept::app is missing.",
            presentation,
            rejected("proof.missing"),
            spec="8 step 9a",
            threats="K1",
            importance="critical",
        )
    disclosure = b64u(b'["c2FsdA","nickname","Jo"]')
    cases: dict[str, tuple[str, Any]] = {
        "twice": ("K1", f"{issued.text}~{shown.text}~{shown.text}"),
        "tilde_after": ("K1", f"{issued.text}~{shown.text}~"),
        "two_tildes": ("K1", f"{issued.text}~~{shown.text}"),
        "tildes_alone": ("K1", f"{issued.text}~~"),
        "tilde_first": ("K1", f"~{issued.text}~{shown.text}"),
        "tilde_only": ("K1", "~"),
        "tildes_100000": (
            "K1",
            {"before": issued.text, "repeat": ["~", 100_000], "after": shown.text},
        ),
        "tildes_1000": (
            "K1",
            {"before": issued.text, "repeat": ["~", 1000], "after": shown.text},
        ),
        "disclosure": ("K6", f"{issued.text}~{disclosure}~{shown.text}"),
        "disclosure_no_proof": ("K6", f"{issued.text}~{disclosure}~"),
        "physical_with_proof": ("K11", text_of(physical, proof(physical))),
        "physical_with_proof_qr": (
            "K11",
            qr_text(cbor(packed_card(physical) | packed_proof(proof(physical)))),
        ),
        "physical_with_cnf": (
            "K11",
            text_of(card(plastic=True, cnf={"jwk": HOLDER.jwk}), None),
        ),
        "physical_with_cnf_and_proof": (
            "K11",
            shown_text(form="physical", cnf={"jwk": HOLDER.jwk}),
        ),
        "app_without_cnf": ("K11", shown_text(cnf=DROP)),
        "app_without_cnf_or_proof": ("K11", text_of(card(cnf=DROP), None)),
        "form_unknown": ("K11", shown_text(form="virtual", cnf={"jwk": HOLDER.jwk})),
    }
    for name, (threat, presentation) in cases.items():
        book.add(
            name,
            f"The parts of an accepted card do not fit its form ({name}).",
            presentation,
            MALFORMED,
            spec="3",
            threats=threat,
        )


def moved(book: Book) -> None:
    """K2: a proof made for another card.  K3: by another key."""
    issued = card()
    sibling = card(document_number="AUS7654321")
    foreign = proof(sibling)
    book.add(
        "of_other_card",
        "The proof belongs to another card of the same key.",
        f"{issued.text}~{foreign.text}",
        rejected("proof.binding"),
        spec="8 step 9g",
        threats="K2",
        importance="critical",
    )
    book.add(
        "of_other_card_qr",
        "As QR text the hash is rebuilt, so that the signature fails.",
        qr_of(issued, foreign),
        rejected("proof.device"),
        spec="8 step 9b",
        threats="K2",
        importance="critical",
    )
    digest = hashlib.sha256(issued.text.encode()).digest()
    for name, value in (
        ("without_tilde", b64u(digest)),
        ("other_text", sd_hash(issued.signed_text)),
    ):
        book.add(
            f"sd_hash_{name}",
            f"Only sd_hash differs from accept::app_text: {name}.",
            text_of(issued, proof(issued, sd_hash=value)),
            rejected("proof.binding"),
            spec="8 step 9g",
            threats="K2",
        )
    for name, key in (
        ("issuer", card_key("AUS")),
        ("status_key", status_key("AUS")),
        ("other_holder", OTHER_HOLDER),
    ):
        book.add(
            f"by_{name}",
            f"Only the signer of the proof differs: {name}.",
            qr_of(issued, proof(issued, holder=key)),
            rejected("proof.device"),
            spec="8 step 9b",
            threats="K3",
            importance="critical",
        )
    attacker = Key("abtc vector attacker")
    embedded = proof(issued, holder=attacker, header={"jwk": attacker.jwk})
    book.add(
        "by_embedded_key",
        "The proof is signed by a key in its own header.",
        text_of(issued, embedded),
        MALFORMED,
        spec="3.3",
        threats="K3 J4",
        importance="critical",
    )
    for name, header in (
        ("alg_none", {"alg": "none"}),
        ("alg_hs256", {"alg": "HS256"}),
        ("kid", {"kid": "holder"}),
        ("crit", {"crit": []}),
    ):
        threats = {"kid": "K3", "crit": "J6", "alg_hs256": "J2"}.get(name, "J1")
        book.add(
            f"header_{name}",
            f"Only the proof's header differs: {name}.",
            text_of(issued, proof(issued, header=header)),
            MALFORMED,
            spec="3.3",
            threats=threats,
        )


def weak_claims(book: Book) -> None:
    """K4: claims of the proof that are missing or of another type."""
    issued = card()
    cases: dict[str, dict[str, Any]] = {
        **{f"no_{name}": {name: DROP} for name in ("iat", "aud", "nonce", "sd_hash")},
        **{f"{name}_null": {name: None} for name in ("iat", "aud", "nonce", "sd_hash")},
        "aud_list": {"aud": [BORDER]},
        "aud_empty": {"aud": ""},
        "aud_257": {"aud": "a" * 257},
        "aud_space": {"aud": "urn:abtc border"},
        "aud_non_ascii": {"aud": "urn:abtc:börder"},
        "iat_text": {"iat": str(NOW)},
        "iat_true": {"iat": True},
        "iat_negative": {"iat": -1, "nonce": "iat.-1"},
        "iat_2100_1": {"iat": 4_102_444_801, "nonce": "iat.4102444801"},
        "nonce_empty": {"nonce": ""},
        "nonce_257": {"nonce": "n" * 257},
        "nonce_space": {"nonce": "a b"},
        "nonce_integer": {"nonce": NOW},
    }
    for name, changes in cases.items():
        book.add(
            f"kb_{name}",
            f"Only one claim of the proof differs: {name}.",
            text_of(issued, proof(issued, **changes)),
            MALFORMED,
            spec="3.3",
            threats="K4",
        )
    claims = proof(issued).payload
    for name, payload in (
        ("iat_nan", claims.replace(f'"iat":{NOW}', '"iat":NaN')),
        ("iat_float", claims.replace(f'"iat":{NOW}', f'"iat":{NOW}.0')),
        ("duplicate", claims.replace('"aud"', f'"aud":"{BORDER}","aud"')),
        ("array", f"[{claims}]"),
    ):
        body = sign('{"alg":"ES256","typ":"kb+jwt"}', payload, HOLDER)
        book.add(
            f"kb_{name}",
            f"Only the proof's payload differs: {name}.",
            text_of(issued, body),
            MALFORMED,
            spec="3.3",
            threats="K4 J8 J10",
        )


def audience_and_nonce(book: Book) -> None:
    issued = card()
    for name, aud in (
        ("other", "urn:abtc:gate"),
        ("upper", "URN:ABTC:BORDER"),
        ("prefix", "urn:abtc:borde"),
        ("longer", "urn:abtc:border2"),
        ("256", "a" * 256),
    ):
        book.add(
            f"aud_{name}",
            f"Only aud of the proof differs: {name}.",
            qr_of(issued, proof(issued, aud=aud)),
            rejected("proof.audience"),
            spec="8 step 9e",
            threats="K4",
        )
    for name, nonce in (
        ("other_moment", f"iat.{NOW - 1}"),
        ("zero", f"iat.0{NOW}"),
        ("upper", f"IAT.{NOW}"),
        ("bare", str(NOW)),
        ("challenge", CHALLENGE),
        ("space_free", "!~"),
        ("256", "n" * 256),
    ):
        book.add(
            f"nonce_{name}",
            "Only the nonce differs: nobody asked for one, and it "
            f"is not the derived one ({name}).",
            qr_of(issued, proof(issued, nonce=nonce)),
            rejected("proof.nonce"),
            spec="8 step 9f",
            threats="K4",
        )


def challenges(book: Book) -> None:
    issued, physical = card(), card(plastic=True)
    answered = proof(issued, nonce=CHALLENGE)
    for name, presentation in (
        ("qr", qr_of(issued, answered)),
        ("text", text_of(issued, answered)),
    ):
        book.add(
            f"challenge_{name}",
            "The phone answers the officer's challenge.",
            presentation,
            accepted(),
            spec="8 step 9f",
            challenge=CHALLENGE,
            importance="critical",
        )
    long = "Aa0_-" * 17 + "z"
    book.add(
        "challenge_86",
        "The challenge has 86 characters.",
        qr_of(issued, proof(issued, nonce=long)),
        accepted(),
        spec="3.3",
        challenge=long,
    )
    book.add(
        "challenge_unanswered",
        "A challenge is shown and the phone does not yet answer it.",
        shown_qr(),
        undecided("proof.challenge"),
        spec="8 step 9f",
        challenge=CHALLENGE,
        importance="critical",
    )
    book.add(
        "challenge_physical",
        "A challenge is shown to a printed card.",
        qr_of(physical, None),
        undecided("proof.challenge"),
        spec="8 step 9f",
        challenge=CHALLENGE,
    )
    for name, nonce in (
        ("other", "kZ2mV4pQ9xT1bN7cW5rY8B"),
        ("case", CHALLENGE.lower()),
        ("longer", CHALLENGE + "A"),
        ("old_moment", f"iat.{NOW - 1}"),
    ):
        book.add(
            f"challenge_{name}",
            f"The nonce is neither the challenge nor derived ({name}).",
            qr_of(issued, proof(issued, nonce=nonce)),
            rejected("proof.nonce"),
            spec="8 step 9f",
            challenge=CHALLENGE,
            threats="K4",
            importance="critical",
        )


def disclosures(book: Book) -> None:
    """K5 to K10: this profile hides nothing, so all of SD-JWT's means are refused."""
    digest = "X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0"
    disclosure = b64u(b'["c2FsdA","nickname","Jo"]')
    members: dict[str, tuple[str, dict[str, Any]]] = {
        "sd_empty": ("K5", {"_sd": []}),
        "sd_twice": ("K5", {"_sd": [digest, digest]}),
        "sd_nested": ("K5", {"x": {"_sd": [digest]}}),
        "sd_in_array": ("K5", {"x": [{"y": {"_sd": [digest]}}]}),
        "dots": ("K7", {"x": [{"...": digest}]}),
        "dots_top": ("K7", {"...": digest}),
        "sd_alg": ("K9", {"_sd_alg": "sha-256"}),
        "sd_alg_md5": ("K9", {"_sd_alg": "md5"}),
        "sd_alg_sha1": ("K9", {"_sd_alg": "sha-1"}),
        "sd_alg_upper": ("K9", {"_sd_alg": "SHA-256"}),
        "sd_alg_list": ("K9", {"_sd_alg": ["sha-256"]}),
        "sd_alg_nested": ("K9", {"x": {"_sd_alg": "sha-256"}}),
    }
    for name, (threat, change) in members.items():
        book.add(
            f"hidden_{name}",
            f"Only a member of SD-JWT is added to accept::physical_text: {name}.",
            plastic_text(**change),
            MALFORMED,
            spec="3",
            threats=threat,
        )
    for name in ("iss", "nbf", "exp", "cnf", "vct", "status"):
        hidden = b64u(json_text(["c2FsdA", name, card_claims().get(name, 0)]).encode())
        issued = card(**dict[str, Any]({name: DROP}))
        book.add(
            f"hidden_{name}",
            f"The claim {name} is offered as a disclosure.",
            f"{issued.text}~{hidden}~{proof(issued).text}",
            MALFORMED,
            spec="3",
            threats="K8",
        )
    issued = card()
    chain = "~".join([disclosure] * 60)
    book.add(
        "hidden_chain",
        "Sixty disclosures follow the card.",
        f"{issued.text}~{chain}~{proof(issued).text}",
        MALFORMED,
        spec="3",
        threats="K10",
    )


def required(book: Book) -> None:
    """K12: each required claim absent, and of another type."""
    wrong: dict[str, tuple[Any, ...]] = {
        "iss": (1,),
        "vct": ("urn:abtc:card:2", ["urn:abtc:card:1"], "URN:ABTC:CARD:1"),
        "iat": ({},),
        "exp": (None,),
        "status": (
            {},
            {"status_list": {}},
            {"status_list": {"idx": 1}},
            {"status_list": {"idx": 1, "uri": 7}},
            {"status_list": {"idx": 1, "uri": "https://abtc.example/AUS/status/1/"}},
            {
                "status_list": {
                    "idx": 1,
                    "uri": "https://abtc.example/AUS/status/1",
                    "x": 1,
                }
            },
            {
                "status_list": {"idx": 1, "uri": "https://abtc.example/AUS/status/1"},
                "x": 1,
            },
        ),
        "cnf": ([], {}),
        "document_number": (1, "", "A" * 23, "AB 12", "ab12", "A<B", "AB\n"),
        "family_name": (
            None,
            "",
            "A" * 40,
            "Citizen",
            "A  B",
            " A",
            "A ",
            "A-B",
            "A'B",
            "É",
            "A1",
            "A\u202eB",
            "A\u200bB",
            "\u0410B",
            "A\n",
        ),
        "given_name": (None, "A" * 40, "Jane", "J  M", " ", "J.", "J\u0301"),
        "birthdate": (
            850314,
            "1985-02-29",
            "1900-02-29",
            "1899-12-31",
            "2100-01-01",
            "1985-3-14",
            "1985-03-14 ",
            "19850314",
            "1985-00-10",
            "1985-13-01",
            "",
            "\uff11985-03-14",
        ),
        "nationality": (None, "aus", "AU", "AUSX", "D", "D<<", "AUS\n"),
        "passport": (
            "PA1234567",
            {"country": "AUS"},
            {"number": "PA1234567"},
            {"country": "aus", "number": "PA1234567"},
            {"country": "AUS", "number": "pa1234567"},
            {"country": "AUS", "number": ""},
            {"country": "AUS", "number": "A" * 23},
            {"country": "AUS", "number": "PA1234567", "x": 1},
        ),
        "form": (0, "APP", ""),
        "economies": ("SGP", None, {"SGP": True}),
        "nbf": (None, "0", True, -1, 4_102_444_801),
    }
    for claim in (*CLAIM_ORDER, "nbf"):
        text = shown_text if claim == "cnf" else plastic_text
        base = "app_text" if claim == "cnf" else "physical_text"
        if claim != "nbf":
            book.add(
                f"claim_{claim}_absent",
                f"Only {claim} of accept::{base} is absent.",
                text(**dict[str, Any]({claim: DROP})),
                MALFORMED,
                spec="3.2",
                threats="K12",
            )
        for number, value in enumerate(wrong[claim], start=1):
            packable = claim in PACKABLE and isinstance(value, str)
            threats = "K12 Q9" if "\\u" in ascii(value) else "K12"
            book.add(
                f"claim_{claim}_wrong_{number}",
                f"Only {claim} of accept::{base} differs: {ascii(value)[:60]}.",
                (plastic_qr if packable else text)(**{claim: value}),
                MALFORMED,
                spec="3.2",
                threats=threats,
            )


def economies(book: Book) -> None:
    """K13: the economy list.  K14 is with the entitlement."""
    cases: dict[str, list[Any]] = {
        "lower": ["nzl", "sgp"],
        "duplicate": ["SGP", "SGP"],
        "unsorted": ["SGP", "NZL"],
        "not_text": ["NZL", 16],
        "substring": ["NZLSGP"],
        "null": ["SGP", None],
        "short": ["SG", "SGP"],
        "nested": [["SGP"]],
        "65": ["SGP", *(f"X{a}{b}" for a in "ABCDE" for b in "ABCDEFGHIJKLM")][:65],
    }
    assert len(cases["65"]) == 65
    for name, value in cases.items():
        book.add(
            f"economies_{name}",
            f"Only economies of accept::physical_text differs: {name}.",
            plastic_text(economies=value),
            MALFORMED,
            spec="3.2",
            threats="K13",
        )
    for name, payload in (
        ("empty_name", '"":1'),
        ("name_65", f'"{"n" * 65}":1'),
        ("inner_empty_name", '"x":{"":1}'),
        ("inner_name_65", f'"x":[{{"{"n" * 65}":1}}]'),
    ):
        text = json_text(card_claims(plastic=True))[:-1] + f",{payload}}}"
        issued = card_of(text)
        book.add(
            f"unknown_{name}",
            "Only an unknown member is added, whose name has not "
            f"1 to 64 characters ({name}).",
            text_of(issued, None),
            MALFORMED,
            spec="3.2",
            threats="K12",
        )


def build() -> Book:
    book = Book("keybinding")
    for part in (
        presence,
        moved,
        weak_claims,
        audience_and_nonce,
        challenges,
        disclosures,
        required,
        economies,
    ):
        part(book)
    return book
