"""Two deviations at once: the first failing step gives the answer."""

from typing import Any

from .book import Book, accepted, passport, rejected, undecided
from .wire import Key, cbor
from .world import (
    CARD_IAT,
    DAY,
    INDEX,
    NOW,
    OTHER_HOLDER,
    PASSPORT,
    always,
    card,
    issuer_json,
    issuer_keys,
    moment,
    overlay_token,
    packed_of,
    pair_rule,
    passports_token,
    policy_json,
    proof,
    qr_of,
    qr_text,
    shown_qr,
    small_scheme,
    status_token,
    text_of,
    trust,
    url,
)

EXCLUDED = small_scheme(pair_rules=[pair_rule("AUS", None, "SGP", "excluded")])
NOT_REQUIRED = small_scheme(
    {"AUS": {"membership": []}},
    pair_rules=[pair_rule("AUS", None, "SGP", "not_required")],
)
ELSEWHERE = {"status_list": {"idx": INDEX, "uri": f"{url('NZL')}/status/1"}}


def early(book: Book) -> None:
    """Steps 1 to 8."""
    back = trust(time_floor=moment(NOW + DAY))
    expired = trust(expires_at=moment(NOW))
    both = trust(time_floor=moment(NOW + DAY), expires_at=moment(NOW))
    unlisted = trust({"AUS/issuer.json": issuer_json("AUS", test=True)})
    keys = issuer_keys("AUS")
    keys[0]["from"] = moment(CARD_IAT + 1)
    late = trust({"AUS/issuer.json": issuer_json("AUS", keys=keys)})
    late_test = trust({"AUS/issuer.json": issuer_json("AUS", keys=keys, test=True)})
    packed = packed_of(card(), proof(card()))
    forged = qr_text(cbor(packed | {10: "CITIZENS"}))
    attacker = Key("abtc vector attacker")
    cases: list[tuple[str, Any, Any, dict[str, Any]]] = [
        ("1_2", "ABTC1:", back, rejected("card.malformed")),
        ("version_2", "ABTC2:", back, undecided("card.version")),
        ("2_3", shown_qr(), both, undecided("time.clock")),
        (
            "3_4",
            shown_qr(iss="https://other.example/AUS"),
            expired,
            undecided("trust.stale"),
        ),
        (
            "4_5",
            shown_qr(iss="https://other.example/AUS", key=attacker),
            None,
            undecided("trust.unknown_issuer"),
        ),
        ("5_6", forged, unlisted, rejected("signature.invalid")),
        ("6_7", shown_qr(), late_test, rejected("card.test")),
        ("7_7", shown_qr(status=ELSEWHERE), late, rejected("trust.key_window")),
        ("7_8", shown_qr(status=ELSEWHERE, exp=NOW), None, rejected("trust.binding")),
        ("8_8", shown_qr(nbf=NOW + DAY, exp=NOW), None, undecided("time.not_yet")),
        ("8_9", qr_of(card(exp=NOW), None), None, rejected("time.expired")),
    ]
    for name, presentation, data, expect in cases:
        book.add(
            f"steps_{name}",
            f"Two steps fail ({name}): the first gives the answer.",
            presentation,
            expect,
            spec="8",
            trust=data,
        )


def late_steps(book: Book) -> None:
    """Steps 9 to 11."""
    issued, other = card(), card(document_number="AUS7654321")
    old = NOW - 46

    def made(**changes: Any) -> str:
        return text_of(issued, proof(issued, **changes))

    of_other = proof(other, nonce="n").text
    revoked = trust({"AUS/status/1.jwt": status_token(values={INDEX: 1})})
    gone = trust({"AUS/status/1.jwt": None})
    old_list = status_token(values={INDEX: 1}, iat=NOW - 3 * DAY - 1)
    wrong_list = status_token(values={INDEX: 1}, signer="NZL")
    short_list = status_token(size=4, iat=NOW - 3 * DAY - 1)
    reported: dict[str, str | None] = {
        "AUS/passports.jwt": passports_token(passports=[PASSPORT])
    }
    wrong = passport(number="X1", expires_on="2030-01-14")
    ended = passport(family_name="OTHER", given_name="", expires_on="2030-01-14")
    cases: list[tuple[str, Any, Any, Any, dict[str, Any]]] = [
        (
            "9b_9d",
            made(holder=OTHER_HOLDER, at=old),
            None,
            None,
            rejected("proof.device"),
        ),
        ("9c_9e", made(at=NOW + 16, aud="x"), None, None, undecided("proof.ahead")),
        ("9d_9e", made(at=old, aud="x"), None, None, undecided("proof.stale")),
        ("9d_9f", made(at=old, nonce="x"), None, None, undecided("proof.stale")),
        ("9e_9f", made(aud="x", nonce="x"), None, None, rejected("proof.audience")),
        ("9f_9g", f"{issued.text}~{of_other}", None, None, rejected("proof.nonce")),
        ("9a_10", qr_of(issued, None), gone, None, rejected("proof.missing")),
        ("9d_10", shown_qr(at=old), revoked, None, undecided("proof.stale")),
        (
            "10_unusable",
            shown_qr(),
            trust({"AUS/status/1.jwt": wrong_list}),
            None,
            undecided("status.unusable"),
        ),
        (
            "10_stale",
            shown_qr(),
            trust({"AUS/status/1.jwt": old_list}),
            None,
            undecided("status.stale"),
        ),
        (
            "10_stale_range",
            shown_qr(),
            trust({"AUS/status/1.jwt": short_list}),
            None,
            undecided("status.stale"),
        ),
        ("10_11", shown_qr(), revoked, wrong, rejected("status.revoked")),
        ("10_missing_11", shown_qr(), gone, wrong, undecided("status.missing")),
        ("11_mismatch", shown_qr(), None, wrong, rejected("passport.mismatch")),
        ("11_expired", shown_qr(), None, ended, rejected("passport.expired")),
        (
            "10_12",
            shown_qr(),
            trust({"AUS/status/1.jwt": status_token(values={INDEX: 1}), **reported}),
            None,
            rejected("status.revoked"),
        ),
        ("11_12", shown_qr(), trust(reported), wrong, rejected("passport.mismatch")),
    ]
    for name, presentation, data, read, expect in cases:
        book.add(
            f"steps_{name}",
            f"Two steps fail ({name}): the first gives the answer.",
            presentation,
            expect,
            spec="8",
            trust=data,
            passport=read,
        )


def rows(book: Book) -> None:
    """Section 9: the first row that applies."""
    refuse = policy_json("SGP", accepts_form=[always(form="app", value=False)])
    silent = policy_json("SGP", accepts_form=[], max_stay=[])
    overlay = "SGP/overlay/AUS/1.jwt"
    cases: list[tuple[str, dict[str, str | None], list[str], dict[str, Any]]] = [
        (
            "1_2",
            {"SGP/policy.json": refuse, "scheme.json": EXCLUDED},
            ["SGP"],
            accepted("entry.form", "lane.form", must_see="face"),
        ),
        (
            "2_6",
            {"SGP/policy.json": silent, "scheme.json": EXCLUDED},
            ["SGP"],
            accepted("entry.excluded", "lane.form_unknown", must_see="face"),
        ),
        (
            "4_5",
            {"scheme.json": NOT_REQUIRED},
            ["SGP"],
            accepted("entry.not_required", must_see="face"),
        ),
        (
            "5_6",
            {
                "SGP/policy.json": silent,
                "scheme.json": small_scheme({"AUS": {"membership": []}}),
            },
            ["SGP"],
            accepted("entry.rules_missing", "lane.form_unknown", must_see="face"),
        ),
        (
            "6_7",
            {"SGP/policy.json": silent, overlay: None},
            ["SGP"],
            accepted("entry.form_unknown", "lane.form_unknown", must_see="face"),
        ),
        (
            "7_9",
            {overlay: None},
            ["NZL"],
            accepted("entry.overlay_missing", must_see="face"),
        ),
        (
            "7_stale_range",
            {overlay: overlay_token(size=4, iat=NOW - 3 * DAY - 1)},
            ["SGP"],
            accepted("entry.overlay_stale", must_see="face"),
        ),
        (
            "8_10",
            {overlay: overlay_token(values={INDEX: 2})},
            ["SGP"],
            accepted("entry.suspended", must_see="face"),
        ),
        ("9_10", {}, ["NZL"], accepted("entry.not_cleared", must_see="face")),
        (
            "10_11",
            {"SGP/policy.json": policy_json("SGP", max_stay=[])},
            ["SGP"],
            accepted("entry.passport_validity", must_see="face"),
        ),
    ]
    read = passport(expires_on="2030-01-20")
    for name, documents, economies, expect in cases:
        book.add(
            f"rows_{name}",
            f"Several rows apply ({name}), and the passport ends in "
            "five days: the first row gives the answer.",
            shown_qr(economies=economies),
            expect,
            spec="9",
            passport=read,
            trust=trust(documents, "small"),
        )


def build() -> Book:
    book = Book("order")
    for part in (early, late_steps, rows):
        part(book)
    return book
