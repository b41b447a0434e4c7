"""The cards of the console's training: one vector for each reason code, made teachable.

They are vectors of the same world at an address of their own, so that no device on duty
knows their issuers; each with the lines of a passport, and what a right officer does.
"""

from datetime import date
from typing import Any, NamedTuple

from tests.mrz_builder import build_td3

from . import (
    cases_accept,
    cases_entitlement,
    cases_jose,
    cases_keybinding,
    cases_packing,
    cases_passport,
    cases_reported,
    cases_status,
    cases_time,
    cases_trust,
    world,
)
from .book import DEFAULTS, Book

HOST = "training.abtc.example"
"""A name that the domain name system reserves: no economy will ever have it."""
AREAS = (
    cases_accept,
    cases_entitlement,
    cases_keybinding,
    cases_packing,
    cases_passport,
    cases_reported,
    cases_status,
    cases_time,
    cases_trust,
)
"""Those whose vectors are lessons; of the signatures' area one part is enough."""
AGAIN_AFTER = 20
"""Seconds until the second traveller shows the same code."""


class Lesson(NamedTuple):
    """One case: what it teaches, from which vector, and what is right."""

    code: str
    vector: str
    right: str
    """Answers that count, the best one first."""
    issuer: str = "AUS"
    """Of card and passport."""
    variant: str = ""
    """Where a code has a second case."""
    owner_says: str | None = None
    """What the passport's own economy answers, where the lane asks it."""


LESSONS = (
    Lesson("card.foreign", "packing::foreign_url", "refuse"),
    Lesson("card.malformed", "packing::base45_cut_half", "refuse refer"),
    Lesson("card.version", "packing::version_2", "update refer"),
    Lesson("card.test", "trust::test_issuer", "refuse"),
    Lesson("signature.invalid", "jose::signature_bit_0", "refer"),
    Lesson("trust.key_window", "time::card_key_until_at_iat", "refer"),
    Lesson("trust.binding", "trust::uri_overlay", "refer"),
    Lesson("trust.stale", "time::trust_expires_minus_1", "update"),
    Lesson("trust.unknown_issuer", "trust::issuer_absent", "update"),
    Lesson("trust.unknown_key", "trust::no_card_key", "update"),
    Lesson("time.clock", "time::clock_minus_60_days", "update"),
    Lesson("time.not_yet", "time::iat_ahead_86400", "update refer"),
    Lesson("time.expired", "time::exp_last_year", "normal_rules"),
    Lesson("proof.missing", "keybinding::missing_qr", "refuse refer"),
    Lesson("proof.device", "keybinding::by_other_holder", "refer"),
    Lesson("proof.audience", "keybinding::aud_other", "refuse refer"),
    Lesson("proof.nonce", "keybinding::challenge_other", "refuse refer"),
    Lesson("proof.binding", "keybinding::of_other_card", "refer"),
    Lesson("proof.ahead", "time::proof_age_-3600", "refer"),
    Lesson("proof.stale", "time::proof_age_3600", "refer"),
    Lesson("proof.challenge", "keybinding::challenge_unanswered", "refer"),
    Lesson("proof.repeat", "accept::app", "refer"),
    Lesson("status.revoked", "status::revoked", "refer"),
    Lesson("status.suspended", "status::suspended", "refer normal_rules"),
    Lesson("status.superseded", "status::old_phone", "refuse refer"),
    Lesson("status.missing", "status::missing", "update"),
    Lesson("status.unusable", "status::list_unsigned", "update"),
    Lesson("status.stale", "time::list_age_3_days_1", "update"),
    Lesson("status.range", "status::idx_256", "update"),
    Lesson("status.unknown", "status::bits_4_value_4", "update"),
    Lesson("passport.mismatch", "passport::number", "refuse normal_rules"),
    Lesson("passport.expired", "time::passport_yesterday", "normal_rules"),
    Lesson("passport.reported", "reported::listed", "refer"),
    Lesson("passport.differs", "passport::family_name", "refer"),
    Lesson(
        "passport.not_confirmed", "accept::app", "refer", owner_says="NOT_RECOGNISED"
    ),
    Lesson(
        "passport.not_confirmed",
        "accept::physical",
        "refer",
        variant="data",
        owner_says="DATA_MISMATCH",
    ),
    Lesson("passport.unchecked", "accept::app", "refer", owner_says="NO_ANSWER"),
    Lesson("entry.cleared", "accept::app", "admit"),
    Lesson("entry.cleared", "accept::physical", "admit", variant="plastic"),
    Lesson("entry.granted", "entitlement::overlay_3_not_listed", "admit"),
    Lesson("entry.form", "entitlement::form_refused", "normal_rules"),
    Lesson("entry.excluded", "entitlement::pair_twn_hkg", "normal_rules", "TWN"),
    Lesson("entry.lane_only", "entitlement::pair_to_usa", "normal_rules"),
    Lesson("entry.not_required", "entitlement::pair_own_sgp", "normal_rules", "SGP"),
    Lesson("entry.withdrawn", "entitlement::overlay_1_listed", "normal_rules"),
    Lesson("entry.suspended", "entitlement::overlay_2_listed", "normal_rules"),
    Lesson("entry.not_cleared", "entitlement::overlay_0_not_listed", "normal_rules"),
    Lesson("entry.passport_validity", "entitlement::validity_short", "normal_rules"),
    Lesson("entry.rules_missing", "trust::policy_absent", "update"),
    Lesson("entry.form_unknown", "entitlement::form_absent", "refer"),
    Lesson("entry.overlay_missing", "entitlement::overlay_missing", "update"),
    Lesson("entry.overlay_stale", "time::overlay_age_3_days_1", "update"),
    Lesson("entry.overlay_range", "entitlement::overlay_range", "update"),
    Lesson("entry.overlay_unknown", "entitlement::overlay_bits_4_4", "update"),
    Lesson("entry.stay_unknown", "entitlement::stay_absent", "refer"),
    Lesson("lane.open", "accept::app", "admit"),
    Lesson("lane.cleared", "entitlement::lane_cleared", "admit"),
    Lesson("lane.form", "entitlement::lane_form", "normal_rules"),
    Lesson("lane.excluded", "entitlement::pair_twn_hkg", "normal_rules", "TWN"),
    Lesson("lane.not_cleared", "entitlement::lane_not_cleared", "normal_rules"),
    Lesson("lane.rules_missing", "trust::policy_absent", "update"),
    Lesson("lane.form_unknown", "entitlement::form_empty", "refer"),
    Lesson(
        "lane.rules_unknown", "entitlement::lane_unknown_not_cleared", "normal_rules"
    ),
    Lesson("lane.clearance_unknown", "entitlement::lane_clearance_unknown", "update"),
)
FIRST_COURSE = (
    "entry.cleared",
    "card.foreign",
    "entry.not_cleared",
    "status.revoked",
    "proof.stale",
    "time.expired",
    "status.stale",
    "entry.cleared.plastic",
    "passport.mismatch",
    "proof.repeat",
)
"""All five looks, and both forms of card, in an order that gives none away."""


def build() -> dict[str, Any]:
    """Return the documents that the cases share, and the cases."""
    with world.hosted_at(HOST):
        signatures = Book("jose")
        cases_jose.signatures(signatures)
        books = [signatures, *(area.build() for area in AREAS)]
        documents = world.default_documents()
    vectors = {each["id"]: each for book in books for each in book.vectors}
    return {
        "documents": documents,
        "cases": [_case(lesson, vectors[lesson.vector]) for lesson in LESSONS],
    }


def _case(lesson: Lesson, vector: dict[str, Any]) -> dict[str, Any]:
    name = f"{lesson.code}.{lesson.variant}" if lesson.variant else lesson.code
    again = AGAIN_AFTER if lesson.code == "proof.repeat" else None
    course = FIRST_COURSE.index(name) if name in FIRST_COURSE else None
    trust = DEFAULTS["trust"] | vector["trust"]
    assert trust.pop("base") == "default", name
    assert set(vector["policy"]) == {"economy"}, name
    return {
        "id": name,
        "code": lesson.code,
        "right": lesson.right.split(),
        "course": course,
        "text": vector["presentation"],
        "mrz": _mrz(lesson.issuer, vector["passport"] or {}),
        "economy": vector["policy"]["economy"],
        "now": vector["now"],
        "again_after": again,
        "challenge": vector["challenge"],
        "owner_says": lesson.owner_says,
        "trust": trust,
    }


def _mrz(issuer: str, read: dict[str, Any]) -> str:
    """Return the lines of the card's passport, but for what the vector says of it."""
    ends = date.fromisoformat(read.get("expires_on", "2034-05-06"))
    printed = {
        "country": issuer,
        "number": "PA1234567",
        "family_name": "CITIZEN",
        "given_name": "JANE MARY",
        "nationality": issuer,
        "birthdate": "850314",
    } | {name: text for name, text in read.items() if name != "expires_on"}
    return build_td3(sex="F", expiry=f"{ends:%y%m%d}", **printed)
