"""Clocks, windows and edges, on both sides."""

from typing import Any

from .book import Book, accepted, passport, rejected, undecided
from .world import (
    CARD_IAT,
    DAY,
    ISSUED_AT,
    NOW,
    card,
    card_key,
    issuer_json,
    issuer_keys,
    key_entry,
    moment,
    overlay_token,
    proof,
    qr_of,
    shown_qr,
    status_key,
    status_token,
    trust,
)

STALE, AHEAD = undecided("proof.stale"), undecided("proof.ahead")


def proof_window(book: Book) -> None:
    """T1, T2, T6, Q5: the age of a proof, from -15 s to +45 s."""
    cases: list[tuple[int, str, dict[str, Any]]] = [
        (-DAY, "T1", AHEAD),
        (-3600, "T1", AHEAD),
        (-16, "T1 T2", AHEAD),
        (-15, "T2 T6", accepted()),
        (-14, "T2", accepted()),
        (0, "T2", accepted()),
        (1, "Q5", accepted()),
        (10, "T6", accepted()),
        (20, "T6", accepted()),
        (44, "T2", accepted()),
        (45, "T2 Q5", accepted()),
        (46, "T2 Q5", STALE),
        (60, "Q5", STALE),
        (3600, "Q5", STALE),
        (98 * DAY, "Q5", STALE),
    ]
    for age, threats, expect in cases:
        book.add(
            f"proof_age_{age}",
            f"Only the age of the proof differs: {age} s.",
            shown_qr(at=NOW - age),
            expect,
            spec="8 step 9",
            threats=threats,
            importance="critical",
        )
    for name, now, expect in (
        ("45_and_a_bit", "2030-01-15T12:00:45.000001Z", STALE),
        ("45_less_a_bit", "2030-01-15T12:00:44.999999Z", accepted()),
        ("minus_15_less_a_bit", "2030-01-15T11:59:44.999999Z", AHEAD),
        ("minus_15_and_a_bit", "2030-01-15T11:59:45.000001Z", accepted()),
    ):
        book.add(
            f"proof_{name}",
            "Only the clock differs, by a fraction of a second.",
            shown_qr(),
            expect,
            spec="8",
            threats="T2",
            now=now,
        )
    for name, policy, age, expect in (
        ("age_60", {"proof_age": 60}, 60, accepted()),
        ("age_61", {"proof_age": 60}, 61, STALE),
        ("ahead_30", {"proof_ahead": 30}, -30, accepted()),
        ("ahead_31", {"proof_ahead": 30}, -31, AHEAD),
    ):
        book.add(
            f"policy_{name}",
            f"The policy's window is another; the proof is {age} s old.",
            shown_qr(at=NOW - age),
            expect,
            spec="8 step 9",
            threats="T2",
            policy=policy,
        )


def card_dates(book: Book) -> None:
    """T5, T7: exp, nbf and iat of the card."""
    today = moment(NOW)[:10]
    for name, exp, expect in (
        ("minus_1", NOW - 1, rejected("time.expired")),
        ("0", NOW, rejected("time.expired")),
        ("plus_1", NOW + 1, accepted(stay=today)),
        ("midnight", NOW + DAY // 2, accepted(stay=today)),
        ("midnight_and_1", NOW + DAY // 2 + 1, accepted(stay="2030-01-16")),
        ("last_year", NOW - 90 * DAY, rejected("time.expired")),
    ):
        book.add(
            f"exp_{name}",
            f"Only exp differs from accept::app: {moment(exp)}.",
            shown_qr(exp=exp),
            expect,
            spec="8 step 8",
            threats="T5",
            importance="critical",
        )
    book.add(
        "exp_fraction_before",
        "The last microsecond of a card.",
        shown_qr(exp=NOW),
        accepted(stay=today),
        spec="8 step 8",
        threats="T5",
        now="2030-01-15T11:59:59.999999Z",
    )
    not_yet = undecided("time.not_yet")
    for claim in ("iat", "nbf"):
        for ahead, expect in (
            (0, accepted()),
            (59, accepted()),
            (60, accepted()),
            (61, not_yet),
            (DAY, not_yet),
        ):
            threats = "T5 T7" if claim == "iat" else "T5"
            book.add(
                f"{claim}_ahead_{ahead}",
                f"Only {claim} differs from accept::app: {ahead} s after now.",
                shown_qr(**dict[str, Any]({claim: NOW + ahead})),
                expect,
                spec="8 step 8",
                threats=threats,
            )
    book.add(
        "iat_60_and_a_bit",
        "iat is a microsecond beyond the skew.",
        shown_qr(iat=NOW + 60),
        not_yet,
        spec="8 step 8",
        threats="T5",
        now="2030-01-15T11:59:59.999999Z",
    )
    book.add(
        "policy_skew_0",
        "The policy allows no skew.",
        shown_qr(iat=NOW + 1),
        not_yet,
        spec="8 step 8",
        threats="T7",
        policy={"skew": 0},
    )
    book.add(
        "iat_at_exp",
        "exp is one second after iat, both around now.",
        shown_qr(iat=NOW, exp=NOW + 1),
        accepted(stay=today),
        spec="3.2",
        threats="T5",
    )


def passport_dates(book: Book) -> None:
    """T5: the passport's end."""
    for name, ends, expect in (
        ("yesterday", "2030-01-14", rejected("passport.expired")),
        ("today", "2030-01-15", accepted("entry.passport_validity", must_see="face")),
        ("before_card", "2030-09-01", accepted(must_see="face")),
    ):
        book.add(
            f"passport_{name}",
            f"Only the passport's end differs: {ends}.",
            shown_qr(),
            expect,
            spec="8 step 11",
            threats="T5",
            passport=passport(expires_on=ends),
        )
    for name, now, expect in (
        (
            "utc",
            "2030-01-15T14:30:00Z",
            accepted("entry.passport_validity", must_see="face"),
        ),
        ("east", "2030-01-16T00:30:00+10:00", rejected("passport.expired")),
        (
            "west",
            "2030-01-15T04:30:00-10:00",
            accepted("entry.passport_validity", must_see="face"),
        ),
    ):
        book.add(
            f"passport_today_{name}",
            "The same moment in three time zones, on the last day of a passport.",
            shown_qr(at=NOW + 9000),
            expect,
            spec="8 step 11",
            threats="T3",
            now=now,
            passport=passport(expires_on="2030-01-15"),
        )


def clocks(book: Book) -> None:
    """T3, T4: a device clock that is wrong."""
    clock, stale = undecided("time.clock"), undecided("trust.stale")
    for name, now, expect in (
        ("minus_10_years", "2020-01-15T12:00:00Z", clock),
        ("minus_1_year", "2029-01-15T12:00:00Z", clock),
        ("minus_60_days", "2029-11-16T12:00:00Z", clock),
        ("epoch", "1970-01-01T00:00:00Z", clock),
        ("plus_1_year", "2031-01-15T12:00:00Z", stale),
        ("2038", "2038-01-19T03:14:08Z", stale),
        ("plus_10_years", "2040-01-15T12:00:00Z", stale),
    ):
        threats = "T4" if name == "minus_60_days" else "T3"
        book.add(
            f"clock_{name}",
            f"Only the device's clock differs: {now}.",
            shown_qr(),
            expect,
            spec="8 step 2",
            threats=threats,
            now=now,
            importance="critical",
        )
    for name, floor, expect in (
        ("0", NOW, accepted()),
        ("300", NOW + 300, accepted()),
        ("301", NOW + 301, clock),
        ("60_days", NOW + 60 * DAY, clock),
    ):
        book.add(
            f"floor_{name}",
            f"The time floor is {moment(floor)}.",
            shown_qr(),
            expect,
            spec="8 step 2",
            threats="T4",
            trust=trust(time_floor=moment(floor)),
            importance="critical",
        )
    book.add(
        "floor_300_and_a_bit",
        "The clock is 300.000001 s behind the floor.",
        shown_qr(),
        clock,
        spec="8 step 2",
        threats="T4",
        trust=trust(time_floor=moment(NOW + 300)),
        now="2030-01-15T11:59:59.999999Z",
    )
    for name, seconds, expect in (("300", 300, accepted()), ("301", 301, clock)):
        issued = moment(NOW + seconds)
        book.add(
            f"issued_at_ahead_{name}",
            f"issued_at is {seconds} s ahead, and so the floor is.",
            shown_qr(),
            expect,
            spec="8 step 2",
            threats="T3",
            trust=trust(issued_at=issued),
        )
    book.add(
        "policy_clock_tolerance",
        "The policy tolerates no clock behind the floor.",
        shown_qr(),
        clock,
        spec="8 step 2",
        threats="T4",
        trust=trust(time_floor=moment(NOW + 1)),
        policy={"clock_tolerance": 0},
    )


def trust_age(book: Book) -> None:
    week = ISSUED_AT + 7 * DAY
    stale = undecided("trust.stale")
    for name, at, expect in (
        ("7_days", week, accepted(stay="2030-03-22")),
        ("7_days_1", week + 1, stale),
    ):
        book.add(
            f"trust_age_{name}",
            f"The trust data is as old as that at {moment(at)}.",
            shown_qr(at=at),
            expect,
            spec="8 step 3",
            threats="T3",
            now=moment(at),
            policy={"list_age": 40 * DAY},
            importance="critical",
        )
    for name, age, expect in (("21600", 21600, accepted()), ("21599", 21599, stale)):
        book.add(
            f"policy_trust_age_{name}",
            f"The policy allows {age} s; the data is 21,600 s old.",
            shown_qr(),
            expect,
            spec="8 step 3",
            threats="T3",
            policy={"trust_age": age},
        )
    for name, ends, expect in (
        ("plus_1", NOW + 1, accepted()),
        ("0", NOW, stale),
        ("minus_1", NOW - 1, stale),
    ):
        book.add(
            f"trust_expires_{name}",
            f"The trust data ends at {moment(ends)}.",
            shown_qr(),
            expect,
            spec="8 step 3",
            threats="T4",
            trust=trust(expires_at=moment(ends)),
            importance="critical",
        )


def list_age(book: Book) -> None:
    """S2 at the level of times: list age and exp of both lists."""
    cases: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("age_3_days", {"iat": NOW - 3 * DAY}, accepted()),
        ("age_3_days_1", {"iat": NOW - 3 * DAY - 1}, undecided("status.stale")),
        ("exp_plus_1", {"exp": NOW + 1}, accepted()),
        ("exp_0", {"exp": NOW}, undecided("status.stale")),
        ("exp_minus_1", {"exp": NOW - 1}, undecided("status.stale")),
    ]
    for name, token, expect in cases:
        document = status_token(**token)
        book.add(
            f"list_{name}",
            f"Only the issuer list's times differ: {name}.",
            shown_qr(),
            expect,
            spec="8 step 10",
            threats="S2",
            trust=trust({"AUS/status/1.jwt": document}),
            importance="critical",
        )
        document = overlay_token(**token)
        answer = accepted() if expect == accepted() else accepted("entry.overlay_stale")
        book.add(
            f"overlay_{name}",
            f"Only the overlay's times differ: {name}.",
            shown_qr(),
            answer,
            spec="9 row 7",
            threats="S2",
            trust=trust({"SGP/overlay/AUS/1.jwt": document}),
        )
    for name, seconds, expect in (
        ("300", 300, accepted()),
        ("301", 301, undecided("status.unusable")),
    ):
        token_iat = ISSUED_AT + seconds
        book.add(
            f"list_after_trust_{name}",
            f"The list was signed {seconds} s after the moment of the trust data.",
            shown_qr(),
            expect,
            spec="6",
            threats="S2",
            trust=trust({"AUS/status/1.jwt": status_token(iat=token_iat)}),
        )
    for name, age, expect in (
        ("21600", 21600, accepted()),
        ("21599", 21599, undecided("status.stale")),
    ):
        book.add(
            f"policy_list_age_{name}",
            f"The policy allows {age} s; issuer list and overlay are 21,600 s old.",
            shown_qr(),
            expect,
            spec="8 step 10",
            threats="S2",
            policy={"list_age": age},
        )


def key_windows(book: Book) -> None:
    """Edges of the period in which a key signs."""
    window = rejected("trust.key_window")
    for name, change, expect in (
        ("from_at_iat", {"from": moment(CARD_IAT)}, accepted()),
        ("from_after_iat", {"from": moment(CARD_IAT + 1)}, window),
        ("until_after_iat", {"until": moment(CARD_IAT + 1)}, accepted()),
        ("until_at_iat", {"until": moment(CARD_IAT)}, window),
        ("until_null", {"until": None}, accepted()),
        ("until_past", {"until": moment(NOW - DAY)}, accepted()),
    ):
        keys = [
            key_entry("AUS", "card", card_key("AUS"), **change),
            issuer_keys("AUS")[1],
        ]
        book.add(
            f"card_key_{name}",
            f"Only the period of the card key differs: {name}.",
            shown_qr(),
            expect,
            spec="8 step 7",
            threats="T7",
            trust=trust({"AUS/issuer.json": issuer_json("AUS", keys=keys)}),
            importance="critical",
        )
    for name, change, expect in (
        ("from_at_iat", {"from": moment(ISSUED_AT)}, accepted()),
        (
            "from_after_iat",
            {"from": moment(ISSUED_AT + 1)},
            undecided("status.unusable"),
        ),
        ("until_after_iat", {"until": moment(ISSUED_AT + 1)}, accepted()),
        ("until_at_iat", {"until": moment(ISSUED_AT)}, undecided("status.unusable")),
    ):
        keys = [
            issuer_keys("AUS")[0],
            key_entry("AUS", "status", status_key("AUS"), **change),
        ]
        book.add(
            f"status_key_{name}",
            f"Only the period of the status key differs: {name}.",
            shown_qr(),
            expect,
            spec="6",
            threats="T7 S1",
            trust=trust({"AUS/issuer.json": issuer_json("AUS", keys=keys)}),
        )


def stays(book: Book) -> None:
    """Time zones and stay_until."""
    late = NOW + 9000
    for name, now, stay in (
        ("utc", "2030-01-15T14:30:00Z", "2030-03-15"),
        ("plus_10", "2030-01-16T00:30:00+10:00", "2030-03-16"),
        ("plus_14", "2030-01-16T04:30:00+14:00", "2030-03-16"),
        ("minus_12", "2030-01-15T02:30:00-12:00", "2030-03-15"),
        ("plus_8", "2030-01-15T22:30:00+08:00", "2030-03-15"),
        ("plus_5_30", "2030-01-15T20:00:00+05:30", "2030-03-15"),
        ("plus_9_30", "2030-01-16T00:00:00+09:30", "2030-03-16"),
    ):
        book.add(
            f"zone_{name}",
            f"The same moment and proof, given in another time zone: {name}.",
            shown_qr(at=late),
            accepted(stay=stay),
            spec="8",
            threats="T3",
            now=now,
        )
    for name, issued, stay in (
        ("2030-02-10", card(exp=1_896_998_400), "2030-02-10"),
        ("2030-02-10_noon", card(exp=1_896_955_200), "2030-02-10"),
    ):
        assert moment(issued.claims["exp"] - 1).startswith(stay)
        book.add(
            f"stay_card_{name}",
            "The card ends before the longest stay: its last day is the last day.",
            qr_of(issued, proof(issued)),
            accepted(stay=stay),
            spec="9",
            threats="T5",
        )


def build() -> Book:
    book = Book("time")
    for part in (
        proof_window,
        card_dates,
        passport_dates,
        clocks,
        trust_age,
        list_age,
        key_windows,
        stays,
    ):
        part(book)
    return book
