"""Lane and entry: what an accepted card is good for at each destination."""

from typing import Any

from .book import Book, accepted, passport
from .wire import json_text
from .world import (
    DAY,
    DROP,
    INDEX,
    NOW,
    always,
    card,
    issuer_json,
    moment,
    overlay_token,
    pair_rule,
    policy_json,
    proof,
    qr_of,
    scheme_json,
    shown_qr,
    small_scheme,
    trust,
)

OVERLAY = "SGP/overlay/AUS/1.jwt"
UNCLEARED = ["NZL"]
LONG = {"trust_age": 40 * DAY, "list_age": 40 * DAY}
"""Lets a vector live on another day of the same world."""


def singapore(**changes: Any) -> Any:
    """Return trust data in which only Singapore's policy differs."""
    return trust({"SGP/policy.json": policy_json("SGP", **changes)})


def needs(value: bool = True) -> list[dict[str, Any]]:
    return [always(needs_preclearance=value)]


def small(book: Book) -> None:
    book.add(
        "small",
        "accept::app with the trust document set small, from which the "
        "vectors with other schemes deviate.",
        shown_qr(),
        accepted(),
        spec="8",
        trust=trust(base="small"),
    )


def forms(book: Book) -> None:
    """Rows 1 and 6."""
    yes, no = always(form="app", value=True), always(form="app", value=False)
    past = {"until": moment(NOW)}
    future = {"from": moment(NOW + 1)}
    refused = accepted("entry.form", "lane.form")
    unknown = accepted("entry.form_unknown", "lane.form_unknown")
    cases: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
        "refused": ([no], refused),
        "refused_until_now": ([no | past, yes | {"from": moment(NOW)}], accepted()),
        "refused_from_now": ([yes | past, no | {"from": moment(NOW)}], refused),
        "refused_from_later": (
            [yes | {"until": moment(NOW + 1)}, no | future],
            accepted(),
        ),
        "empty": ([], unknown),
        "only_physical": ([always(form="physical", value=True)], unknown),
        "only_past": ([yes | past], unknown),
        "only_future": ([yes | future], unknown),
        "physical_refused": ([yes, always(form="physical", value=False)], accepted()),
    }
    for name, (entries, expect) in cases.items():
        book.add(
            f"form_{name}",
            f"Only accepts_form of Singapore differs: {name}.",
            shown_qr(),
            expect,
            spec="9 rows 1 and 6",
            trust=singapore(accepts_form=entries),
            importance="critical",
        )
    book.add(
        "form_absent",
        "Singapore does not say which forms it accepts.",
        shown_qr(),
        unknown,
        spec="7.3",
        trust=singapore(accepts_form=DROP),
    )
    issued = card(plastic=True)
    book.add(
        "form_plastic_refused",
        "Singapore refuses printed cards.",
        qr_of(issued, None),
        accepted("entry.form", "lane.form", must_see="plastic_card passport face"),
        spec="9 row 1",
        trust=singapore(accepts_form=[yes, always(form="physical", value=False)]),
    )


def pairs(book: Book) -> None:
    """Rows 2 to 4 and the scheme's rules."""
    hkg = {"passport": {"country": "HKG", "number": "K1"}}
    excluded = accepted("entry.excluded", "lane.excluded")
    own = accepted("entry.not_required", "lane.cleared")
    cases: list[tuple[str, str, str, dict[str, Any], dict[str, Any]]] = [
        ("twn_chn", "TWN", "CHN", {}, excluded),
        ("twn_hkg", "TWN", "HKG", {}, excluded),
        ("chn_twn", "CHN", "TWN", {}, excluded),
        ("hkg_twn", "HKG", "TWN", {"nationality": "GBR"} | hkg, excluded),
        ("chn_hkg", "CHN", "HKG", {}, accepted("entry.lane_only")),
        ("hkg_chn_national", "HKG", "CHN", {"nationality": "CHN"} | hkg, excluded),
        (
            "hkg_chn_other",
            "HKG",
            "CHN",
            {"nationality": "GBR"} | hkg,
            accepted(lane="lane.cleared"),
        ),
        (
            "hkg_chn_hkg",
            "HKG",
            "CHN",
            {"nationality": "HKG"} | hkg,
            accepted(lane="lane.cleared"),
        ),
        (
            "nzl_national_aus",
            "SGP",
            "AUS",
            {"nationality": "NZL"},
            accepted("entry.not_required"),
        ),
        (
            "nzl_issuer_aus",
            "NZL",
            "AUS",
            {"nationality": "GBR", "economies": ["AUS"]},
            accepted(),
        ),
        ("usa_issuer", "USA", "SGP", {"economies": []}, accepted("entry.lane_only")),
        ("can_issuer", "CAN", "SGP", {"economies": []}, accepted("entry.lane_only")),
        (
            "usa_cleared",
            "USA",
            "SGP",
            {"economies": ["SGP"]},
            accepted("entry.lane_only"),
        ),
        ("to_usa", "AUS", "USA", {}, accepted("entry.lane_only")),
        ("to_can", "AUS", "CAN", {}, accepted("entry.lane_only")),
        (
            "to_usa_listed",
            "AUS",
            "USA",
            {"economies": ["USA"]},
            accepted("entry.lane_only"),
        ),
        (
            "usa_needs",
            "USA",
            "JPN",
            {"economies": []},
            accepted("entry.lane_only", "lane.not_cleared"),
        ),
        ("own_sgp", "SGP", "SGP", {}, accepted("entry.not_required")),
        ("own_nzl", "NZL", "NZL", {}, own),
        ("own_listed", "NZL", "NZL", {"economies": ["NZL", "SGP"]}, own),
        (
            "own_nationality",
            "AUS",
            "NZL",
            {"nationality": "NZL"},
            accepted("entry.not_required", "lane.not_cleared"),
        ),
        (
            "own_nationality_open",
            "AUS",
            "SGP",
            {"nationality": "SGP"},
            accepted("entry.not_required"),
        ),
        ("own_usa", "USA", "USA", {"economies": []}, accepted("entry.lane_only")),
    ]
    for name, issuer, destination, claims, expect in cases:
        threats = "K14" if expect["entry"]["reason"] != "entry.cleared" else ""
        book.add(
            f"pair_{name}",
            f"A card of {issuer}, claims {claims or 'as usual'}, at {destination}.",
            shown_qr(issuer, **claims),
            expect,
            spec="7.1",
            threats=threats,
            policy={"economy": destination},
            importance="critical" if expect == excluded else "normal",
        )


def rules(book: Book) -> None:
    """Rank, dates and owners of pair rules."""
    rule = pair_rule
    scheme: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
        "not_required": (
            [rule("AUS", None, "SGP", "not_required")],
            accepted("entry.not_required"),
        ),
        "by_issuer": (
            [rule("AUS", None, None, "lane_only")],
            accepted("entry.lane_only"),
        ),
        "by_nationality": (
            [rule(None, "AUS", None, "lane_only")],
            accepted("entry.lane_only"),
        ),
        "by_destination": (
            [rule(None, None, "SGP", "excluded")],
            accepted("entry.excluded", "lane.excluded"),
        ),
        "for_all": ([rule(None, None, None, "lane_only")], accepted("entry.lane_only")),
        "two_keys_win": (
            [rule("AUS", None, None, "excluded"), rule("AUS", None, "SGP", "normal")],
            accepted(),
        ),
        "three_keys_win": (
            [rule("AUS", None, "SGP", "excluded"), rule("AUS", "AUS", "SGP", "normal")],
            accepted(),
        ),
        "any_but": (
            [rule("AUS", "!NZL", "SGP", "lane_only")],
            accepted("entry.lane_only"),
        ),
        "any_but_this": ([rule("AUS", "!AUS", "SGP", "lane_only")], accepted()),
        "ended": (
            [rule("AUS", None, "SGP", "excluded", until=moment(NOW))],
            accepted(),
        ),
        "ending": (
            [rule("AUS", None, "SGP", "excluded", until=moment(NOW + 1))],
            accepted("entry.excluded", "lane.excluded"),
        ),
        "starting": (
            [rule("AUS", None, "SGP", "excluded", **{"from": moment(NOW)})],
            accepted("entry.excluded", "lane.excluded"),
        ),
        "later": (
            [rule("AUS", None, "SGP", "excluded", **{"from": moment(NOW + 1)})],
            accepted(),
        ),
        "other_issuer": ([rule("NZL", None, "SGP", "excluded")], accepted()),
        "other_destination": ([rule("AUS", None, "NZL", "excluded")], accepted()),
    }
    for name, (added, expect) in scheme.items():
        document = small_scheme(pair_rules=added)
        book.add(
            f"rule_{name}",
            f"Only pair rules are added to the scheme: {name}.",
            shown_qr(),
            expect,
            spec="7.1",
            threats="K14",
            trust=trust({"scheme.json": document}, "small"),
        )
    own: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
        "exclusion": (
            [exclusion("AUS", None, "excluded")],
            accepted("entry.excluded", "lane.excluded"),
        ),
        "exclusion_nationality": (
            [exclusion(None, "AUS", "excluded")],
            accepted("entry.excluded", "lane.excluded"),
        ),
        "exclusion_any_but": (
            [exclusion(None, "!NZL", "lane_only")],
            accepted("entry.lane_only"),
        ),
        "exclusion_other": ([exclusion("NZL", None, "excluded")], accepted()),
        "exclusion_all": (
            [exclusion(None, None, "excluded")],
            accepted("entry.excluded", "lane.excluded"),
        ),
    }
    for name, (entries, expect) in own.items():
        book.add(
            f"rule_{name}",
            f"Only exclusions of Singapore are added: {name}.",
            shown_qr(),
            expect,
            spec="7.3",
            threats="K14",
            trust=singapore(exclusions=entries),
        )
    book.add(
        "rule_exclusion_of_another",
        "New Zealand excludes; Singapore is not touched by that.",
        shown_qr(),
        accepted(),
        spec="7.3",
        trust=trust(
            {
                "NZL/policy.json": policy_json(
                    "NZL", exclusions=[exclusion("AUS", None, "excluded")]
                )
            }
        ),
    )
    against = small_scheme(pair_rules=[rule("AUS", None, "SGP", "lane_only")])
    book.add(
        "rule_contradiction",
        "Singapore's exclusion contradicts the scheme's rule "
        "of equal rank: its policy is refused and the scheme's rule stands.",
        shown_qr(),
        accepted("entry.lane_only", "lane.rules_missing"),
        spec="7.1",
        trust=trust(
            {
                "scheme.json": against,
                "SGP/policy.json": policy_json(
                    "SGP", exclusions=[exclusion("AUS", None, "excluded")]
                ),
            },
            "small",
        ),
    )
    book.add(
        "rule_contradiction_own",
        "Singapore's exclusions contradict each other: its policy is refused.",
        shown_qr(),
        accepted("entry.rules_missing", "lane.rules_missing"),
        spec="7.1",
        trust=singapore(
            exclusions=[
                exclusion("AUS", None, "excluded"),
                exclusion("AUS", None, "lane_only"),
            ]
        ),
    )
    normal = small_scheme(own_economy=[always(value="normal")])
    book.add(
        "own_economy_normal",
        "The scheme treats one's own economy as any other; "
        "Singapore lists itself and has an overlay over its own list.",
        shown_qr("SGP", economies=["SGP"]),
        accepted(),
        spec="7.1",
        trust=trust(
            {
                "scheme.json": normal,
                "SGP/overlay/SGP/1.jwt": overlay_token("SGP", "SGP"),
            },
            "small",
        ),
    )


def exclusion(
    issuer: str | None, nationality: str | None, effect: str
) -> dict[str, Any]:
    entry = pair_rule(issuer, nationality, None, effect)
    del entry["destination"]
    return entry


def members(book: Book) -> None:
    """Rows 3 and 5: membership."""
    missing = accepted("entry.rules_missing")
    full = always(value="full")
    ended = [full | {"until": moment(NOW)}]
    ending = [full | {"until": moment(NOW + 1)}]
    turned = [*ended, always(value="transitional") | {"from": moment(NOW)}]
    cases = {
        "issuer_none": ("AUS", [], missing),
        "issuer_ended": ("AUS", ended, missing),
        "issuer_ending": ("AUS", ending, accepted()),
        "issuer_transitional": ("AUS", turned, accepted("entry.lane_only")),
        "destination_none": ("SGP", [], missing),
        "destination_ended": ("SGP", ended, missing),
        "destination_transitional": ("SGP", turned, accepted("entry.lane_only")),
        "usa_full": ("USA", [full], accepted()),
    }
    for name, (economy, value, expect) in cases.items():
        issuer = "USA" if economy == "USA" else "AUS"
        build = scheme_json if economy == "USA" else small_scheme
        document = build({economy: {"membership": value}})
        book.add(
            f"member_{name}",
            f"Only the membership of {economy} differs: {name}.",
            shown_qr(issuer),
            expect,
            spec="9 rows 3 and 5",
            trust=trust(
                {"scheme.json": document}, "default" if economy == "USA" else "small"
            ),
        )
    book.add(
        "destination_unregistered",
        "The device is at an economy that the scheme does not know.",
        shown_qr(economies=["SGP", "XYZ"]),
        accepted("entry.rules_missing", "lane.rules_missing"),
        spec="9 row 5",
        threats="K14",
        policy={"economy": "XYZ"},
    )


def unregistered(book: Book) -> None:
    """An economy without a number in the registry joins."""
    scheme = small_scheme().replace(
        '],"pair_rules"',
        ","
        + json_text(
            {
                "code": "XYZ",
                "name": "Newcomer",
                "issuer": "https://abtc.example/XYZ",
                "membership": [always(value="full")],
            }
        )
        + '],"pair_rules"',
        1,
    )
    data = trust(
        {
            "scheme.json": scheme,
            "XYZ/policy.json": policy_json("XYZ"),
            "XYZ/issuer.json": issuer_json("XYZ"),
            "XYZ/overlay/AUS/1.jwt": overlay_token("XYZ"),
        },
        "small",
    )
    for name, codes, expect in (
        ("cleared", ["SGP", "XYZ"], accepted()),
        ("not_cleared", ["SGP", "XYA"], accepted("entry.not_cleared")),
    ):
        book.add(
            f"newcomer_{name}",
            f"The destination has no number in the registry: {name}.",
            shown_qr(economies=codes),
            expect,
            spec="5.1",
            threats="K14",
            policy={"economy": "XYZ"},
            trust=data,
        )


def overlays(book: Book) -> None:
    """Rows 7 to 9 and 12."""
    cases: list[tuple[str, list[str], int, dict[str, Any]]] = [
        ("0_listed", ["SGP"], 0, accepted()),
        ("0_not_listed", UNCLEARED, 0, accepted("entry.not_cleared")),
        ("1_listed", ["SGP"], 1, accepted("entry.withdrawn")),
        ("1_not_listed", UNCLEARED, 1, accepted("entry.withdrawn")),
        ("2_listed", ["SGP"], 2, accepted("entry.suspended")),
        ("2_not_listed", UNCLEARED, 2, accepted("entry.suspended")),
        ("3_listed", ["SGP"], 3, accepted("entry.granted")),
        ("3_not_listed", UNCLEARED, 3, accepted("entry.granted")),
        ("3_none_listed", [], 3, accepted("entry.granted")),
    ]
    for name, economies, value, expect in cases:
        book.add(
            f"overlay_{name}",
            f"The overlay says {value}; the card lists "
            f"{', '.join(economies) or 'none'}.",
            shown_qr(economies=economies),
            expect,
            spec="9 rows 8, 9 and 12",
            trust=trust({OVERLAY: overlay_token(values={INDEX: value})}),
            importance="critical",
        )
    for bits, value, expect in (
        (4, 4, accepted("entry.overlay_unknown")),
        (4, 3, accepted("entry.granted")),
        (8, 255, accepted("entry.overlay_unknown")),
        (8, 1, accepted("entry.withdrawn")),
        (1, 1, accepted("entry.withdrawn")),
    ):
        token = overlay_token(values={INDEX: value}, bits=bits, size=300)
        book.add(
            f"overlay_bits_{bits}_{value}",
            f"The overlay has {bits} bits an entry and says {value}.",
            shown_qr(),
            expect,
            spec="9 row 8",
            threats="S7",
            trust=trust({OVERLAY: token}),
        )
    short = overlay_token(size=INDEX - INDEX % 4)
    exact = overlay_token(size=INDEX - INDEX % 4 + 4)
    book.add(
        "overlay_range",
        "The overlay ends before the card's index.",
        shown_qr(),
        accepted("entry.overlay_range"),
        spec="9 row 7",
        threats="S13",
        trust=trust({OVERLAY: short}),
    )
    book.add(
        "overlay_last",
        "The overlay ends with the byte of the card's index.",
        shown_qr(),
        accepted(),
        spec="9 row 7",
        trust=trust({OVERLAY: exact}),
    )
    book.add(
        "overlay_missing",
        "Singapore has no overlay over this list.",
        shown_qr(),
        accepted("entry.overlay_missing"),
        spec="9 row 7",
        threats="S8 S13",
        trust=trust({OVERLAY: None}),
        importance="critical",
    )
    book.add(
        "overlay_of_others",
        "Another destination's overlay withdraws; that is not Singapore's answer.",
        shown_qr(),
        accepted(),
        spec="9 row 7",
        threats="S13",
        trust=trust({"NZL/overlay/AUS/1.jwt": overlay_token("NZL", values={INDEX: 1})}),
    )
    book.add(
        "overlay_stretched",
        "New Zealand grants; Singapore does not.",
        shown_qr(economies=[]),
        accepted("entry.not_cleared"),
        spec="9 row 9",
        threats="S13 K14",
        trust=trust({"NZL/overlay/AUS/1.jwt": overlay_token("NZL", values={INDEX: 3})}),
    )


def validity(book: Book) -> None:
    """Row 10: how long the passport must be valid."""
    short = accepted("entry.passport_validity", must_see="face")
    for name, ends, expect in (
        ("exact", "2030-07-15", accepted(must_see="face")),
        ("short", "2030-07-14", short),
    ):
        book.add(
            f"validity_{name}",
            f"The passport ends on {ends}; Singapore asks for six months.",
            shown_qr(),
            expect,
            spec="9 row 10",
            threats="T5",
            passport=passport(expires_on=ends),
        )
    for name, entries, ends, expect in (
        (
            "days_exact",
            [always(moment="entry", value=30, unit="days")],
            "2030-02-14",
            accepted(must_see="face", stay="2030-02-14"),
        ),
        (
            "days_short",
            [always(moment="entry", value=30, unit="days")],
            "2030-02-13",
            short,
        ),
        ("unknown", [], "2030-01-20", accepted(must_see="face", stay="2030-01-20")),
        (
            "other_moment",
            [always(moment="application", value=36, unit="months")],
            "2030-07-15",
            accepted(must_see="face"),
        ),
        (
            "ended",
            [always(moment="entry", value=6, unit="months", until=moment(NOW))],
            "2030-02-01",
            accepted(must_see="face", stay="2030-02-01"),
        ),
    ):
        book.add(
            f"validity_{name}",
            f"Only min_passport_validity differs ({name}); the "
            f"passport ends on {ends}.",
            shown_qr(),
            expect,
            spec="9 row 10",
            trust=singapore(min_passport_validity=entries),
            passport=passport(expires_on=ends),
        )
    late = 1_896_091_200
    august = accepted(must_see="face", stay="2030-03-31")
    assert moment(late).startswith("2030-01-31")
    for name, ends, expect in (
        ("month_end", "2030-02-28", accepted(must_see="face", stay="2030-02-28")),
        ("month_end_short", "2030-02-27", short),
    ):
        entries = [always(moment="entry", value=1, unit="months")]
        book.add(
            f"validity_{name}",
            f"31 January and one month is 28 February; the passport ends on {ends}.",
            shown_qr(at=late),
            expect,
            spec="9 row 10",
            now=moment(late),
            policy=LONG,
            trust=singapore(min_passport_validity=entries),
            passport=passport(expires_on=ends),
        )
    book.add(
        "validity_month_end_long",
        "31 January and six months is 31 July.",
        shown_qr(at=late),
        august,
        spec="9 row 10",
        now=moment(late),
        policy=LONG,
        passport=passport(expires_on="2030-07-31"),
    )


def stays(book: Book) -> None:
    """Row 11 and stay_until."""
    unknown = accepted("entry.stay_unknown")
    for name, entries in (
        ("empty", []),
        ("absent", DROP),
        ("ended", [always(value=60, unit="days", until=moment(NOW))]),
    ):
        book.add(
            f"stay_{name}",
            f"Only max_stay of Singapore differs: {name}.",
            shown_qr(),
            unknown,
            spec="9 row 11",
            trust=singapore(max_stay=entries),
        )
    late = 1_896_091_200
    for name, at, value, unit, last in (
        ("1_day", NOW, 1, "days", "2030-01-15"),
        ("2_days", NOW, 2, "days", "2030-01-16"),
        ("90_days", NOW, 90, "days", "2030-04-14"),
        ("1_month", NOW, 1, "months", "2030-02-14"),
        ("3_months", NOW, 3, "months", "2030-04-14"),
        ("12_months", NOW, 12, "months", "2031-01-14"),
        ("31_january_1_month", late, 1, "months", "2030-02-27"),
        ("31_january_2_months", late, 2, "months", "2030-03-30"),
        ("31_january_3_months", late, 3, "months", "2030-04-29"),
        ("31_january_60_days", late, 60, "days", "2030-03-31"),
        ("past_the_card", NOW, 60, "months", "2032-12-31"),
    ):
        entry = always(value=value, unit=unit)
        book.add(
            f"stay_{name}",
            f"Singapore lets holders stay {value} {unit}; today is {moment(at)[:10]}.",
            shown_qr(at=at),
            accepted(stay=last),
            spec="9",
            now=moment(at),
            policy=LONG if at == late else None,
            trust=singapore(max_stay=[entry]),
        )
    book.add(
        "stay_passport",
        "The passport ends before the longest stay.",
        shown_qr(),
        accepted(must_see="face", stay="2030-03-01"),
        spec="9",
        trust=singapore(min_passport_validity=[]),
        passport=passport(expires_on="2030-03-01"),
    )


def lanes(book: Book) -> None:
    """The lane's own table."""
    none: dict[str, str | None] = {OVERLAY: None}
    need = policy_json("SGP", lane=needs())
    cases: dict[str, tuple[list[str], dict[str, str | None], dict[str, Any]]] = {
        "cleared": (["SGP"], {"SGP/policy.json": need}, accepted(lane="lane.cleared")),
        "not_cleared": (
            UNCLEARED,
            {"SGP/policy.json": need},
            accepted("entry.not_cleared", "lane.not_cleared"),
        ),
        "clearance_unknown": (
            ["SGP"],
            none | {"SGP/policy.json": need},
            accepted("entry.overlay_missing", "lane.clearance_unknown"),
        ),
        "open_without_overlay": (["SGP"], none, accepted("entry.overlay_missing")),
        "unknown_cleared": (
            ["SGP"],
            {"SGP/policy.json": policy_json("SGP", lane=[])},
            accepted(lane="lane.cleared"),
        ),
        "unknown_not_cleared": (
            UNCLEARED,
            {"SGP/policy.json": policy_json("SGP", lane=[])},
            accepted("entry.not_cleared", "lane.rules_unknown"),
        ),
        "unknown_absent": (
            UNCLEARED,
            {"SGP/policy.json": policy_json("SGP", lane=DROP)},
            accepted("entry.not_cleared", "lane.rules_unknown"),
        ),
        "withdrawn": (
            ["SGP"],
            {"SGP/policy.json": need, OVERLAY: overlay_token(values={INDEX: 1})},
            accepted("entry.withdrawn", "lane.not_cleared"),
        ),
        "granted": (
            UNCLEARED,
            {"SGP/policy.json": need, OVERLAY: overlay_token(values={INDEX: 3})},
            accepted("entry.granted", "lane.cleared"),
        ),
        "stay_unknown": (
            ["SGP"],
            {"SGP/policy.json": policy_json("SGP", lane=needs(), max_stay=[])},
            accepted("entry.stay_unknown", "lane.clearance_unknown"),
        ),
        "form": (
            ["SGP"],
            {
                "SGP/policy.json": policy_json(
                    "SGP", accepts_form=[always(form="app", value=False)]
                )
            },
            accepted("entry.form", "lane.form"),
        ),
    }
    for name, (economies, documents, expect) in cases.items():
        book.add(
            f"lane_{name}",
            f"The lane at Singapore: {name}.",
            shown_qr(economies=economies),
            expect,
            spec="9",
            trust=trust(documents),
        )
    issued = card("NZL")
    book.add(
        "lane_issuer",
        "New Zealand's own card at its lane, which needs a pre-clearance.",
        qr_of(issued, proof(issued)),
        accepted("entry.not_required", "lane.cleared"),
        spec="9",
        policy={"economy": "NZL"},
    )
    absent: dict[str, str | None] = {"SGP/policy.json": None}
    excluded = small_scheme(pair_rules=[pair_rule("AUS", None, "SGP", "excluded")])
    book.add(
        "rules_missing_excluded",
        "Without a policy document the scheme's rules still exclude.",
        shown_qr(),
        accepted("entry.excluded", "lane.rules_missing"),
        spec="9",
        trust=trust(absent | {"scheme.json": excluded}, "small"),
    )
    book.add(
        "rules_missing_transitional",
        "Without a policy document a transitional "
        "issuer's card is still for the lane only.",
        shown_qr("USA", economies=[]),
        accepted("entry.lane_only", "lane.rules_missing"),
        spec="9",
        trust=trust(absent),
    )
    book.add(
        "rules_missing_own",
        "Without a policy document one's own card is still not required.",
        shown_qr("SGP"),
        accepted("entry.not_required", "lane.rules_missing"),
        spec="9",
        trust=trust(absent),
    )


def build() -> Book:
    book = Book("entitlement")
    for part in (
        small,
        forms,
        pairs,
        rules,
        members,
        unregistered,
        overlays,
        validity,
        stays,
        lanes,
    ):
        part(book)
    return book
