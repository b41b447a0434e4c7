"""The scheme file and the questions it answers."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from issuer.dated import in_force
from issuer.documents import scheme_document
from issuer.economy import Form, Membership
from issuer.errors import IssuerError, SchemeError
from issuer.pairs import PairEffect
from issuer.scheme import Scheme

NOW = datetime(2026, 11, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
SCHEME = Scheme.load()
FACT = 'mark = "assumed", source = "a test"'
CODES = ("AUS", "CHN", "NZL", "USA")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def economy_table(code: str, *lines: str, member: Membership = "full") -> str:
    return "\n".join(
        [
            f"[economy.{code}]",
            f'name = "Economy {code}"',
            f'issuer_url = "https://abtc.example/{code}"',
            f'membership = [{{ value = "{member}", {FACT} }}]',
            *lines,
            "",
        ]
    )


def scheme_text(*aus: str, head: str = "", tail: str = "") -> str:
    """A scheme of AUS, CHN and NZL in which only the given lines differ."""
    tables = economy_table("AUS", *aus), economy_table("CHN"), economy_table("NZL")
    return "\n".join([head, *tables, tail])


def rule(effect: str, keys: str, dates: str = "") -> str:
    return f'{{ {keys}, effect = "{effect}", {dates}{FACT} }}'.replace("{ ,", "{ ")


def pair_rules(*rows: str) -> str:
    return f"pair_rules = [{', '.join(rows)}]"


def exclusion(keys: str) -> str:
    return f"exclusions = [{rule('excluded', keys)}]"


def effect_of(scheme: Scheme, pair: tuple[str, str, str]) -> PairEffect:
    issuer, nationality, destination = pair
    return scheme.pair_effect(
        issuer=issuer, nationality=nationality, destination=destination, at=NOW
    )


# The packaged file


def test_packaged_scheme_has_21_economies() -> None:
    """The scheme that comes with the package has 19 full and 2 transitional members."""
    members = Counter(SCHEME.membership(code, NOW) for code in SCHEME.economies)
    assert members == {"full": 19, "transitional": 2}


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("HKG", "Hong Kong, China"),
        ("PHL", "The Philippines"),
        ("TWN", "Chinese Taipei"),
        ("VNM", "Viet Nam"),
    ],
)
def test_names_are_those_of_apec(code: str, name: str) -> None:
    """An economy is shown under APEC's name, kept apart from its code."""
    assert (SCHEME.economy(code).code, SCHEME.economy(code).name) == (code, name)


def test_issuer_url_and_capacity_have_values_for_all() -> None:
    """Every economy has a card issuer URL of its own and lists of 131,072 entries."""
    for code, economy in SCHEME.economies.items():
        assert economy.issuer_url == f"https://abtc.example/{code}"
        assert economy.list_capacity == 2**17


@pytest.mark.parametrize(
    ("code", "starts_at", "forms"),
    [
        ("AUS", "2021-03-01T00:00:00+11:00", frozenset({"app"})),
        ("PER", "2021-05-28T00:00:00-05:00", frozenset({"app"})),
        ("NZL", "2021-08-02T00:00:00+12:00", frozenset({"app"})),
        ("VNM", "2023-07-10T00:00:00+07:00", frozenset({"app", "physical"})),
        ("JPN", "2024-04-01T00:00:00+09:00", frozenset({"app"})),
        ("KOR", "2025-04-21T00:00:00+09:00", frozenset({"app", "physical"})),
        ("USA", "2014-06-12T00:00:00-04:00", frozenset({"physical"})),
    ],
)
def test_issuance_mode_starts_on_its_day(
    code: str, starts_at: str, forms: frozenset[Form]
) -> None:
    """The forms an economy issues are known from the first second of their day."""
    start = moment(starts_at)
    assert SCHEME.issuance_mode(code, start) == forms
    assert SCHEME.issuance_mode(code, start - SECOND) is None


def test_china_takes_the_app_since_may_2023() -> None:
    """CHN refuses the app, and the app hides CHN, until 2023-05-01 in Beijing."""
    start = moment("2023-05-01T00:00:00+08:00")
    hidden = SCHEME.economy("CHN").display_suppressed
    for at, accepted in ((start - SECOND, False), (start, True)):
        assert SCHEME.accepts_form("CHN", "app", at) is accepted
        row = in_force(hidden, at, subject="app")
        assert row is not None
        assert row.value is not accepted


def test_china_takes_plastic_again_since_august_2022() -> None:
    """Whether CHN took plastic before it resumed on 2022-08-24 is not known."""
    start = moment("2022-08-24T00:00:00+08:00")
    assert SCHEME.accepts_form("CHN", "physical", start) is True
    assert SCHEME.accepts_form("CHN", "physical", start - SECOND) is None


@pytest.mark.parametrize(
    ("code", "accepted"),
    [("AUS", True), ("RUS", False), ("USA", None), ("CAN", None)],
)
def test_unknown_acceptance_is_not_a_no(code: str, accepted: bool | None) -> None:
    """RUS refuses the app; of USA and CAN nobody knows, and the answer says so."""
    assert SCHEME.accepts_form(code, "app", NOW) is accepted


@pytest.mark.parametrize(
    ("code", "value", "unit", "mark"),
    [
        ("AUS", 3, "months", "verified"),
        ("NZL", 3, "months", "verified"),
        ("PHL", 59, "days", "reported"),
        ("TWN", 90, "days", "assumed"),
    ],
)
def test_stay_keeps_its_unit_and_mark(
    code: str, value: int, unit: str, mark: str
) -> None:
    """Three months stay three months, and the answer says how sure we are."""
    stay = SCHEME.max_stay(code, NOW)
    assert stay is not None
    assert (stay.value, stay.unit, stay.mark) == (value, unit, mark)


def test_transitional_members_grant_no_stay() -> None:
    """A card gives no stay in USA or CAN."""
    assert SCHEME.max_stay("USA", NOW) is None
    assert SCHEME.max_stay("CAN", NOW) is None


def test_card_term_is_five_years_since_september_2015() -> None:
    """Cards applied for before 2015-09-01 run 3 years, later ones 5."""
    start = datetime(2015, 9, 1, tzinfo=UTC)
    for code in SCHEME.economies:
        assert SCHEME.card_term(code, start - SECOND) == 3
        assert SCHEME.card_term(code, start) == 5


def test_russia_is_a_full_member_since_june_2013() -> None:
    """What RUS was before 2013-06-01 is not known; it could not be asked then."""
    start = moment("2013-06-01T00:00:00+04:00")
    assert SCHEME.membership("RUS", start) == "full"
    assert SCHEME.membership("RUS", start - SECOND) is None
    assert "RUS" in SCHEME.destinations("AUS", "AUS", start)
    assert "RUS" not in SCHEME.destinations("AUS", "AUS", start - SECOND)


def test_lane_rule_is_unknown_where_nobody_says() -> None:
    """Lanes need no pre-clearance since 2008-06-01; of JPN and TWN it is not known."""
    start = datetime(2008, 6, 1, tzinfo=UTC)
    row = in_force(SCHEME.economy("AUS").lane, start)
    assert row is not None
    assert row.needs_preclearance is False
    assert in_force(SCHEME.economy("AUS").lane, start - SECOND) is None
    assert SCHEME.economy("JPN").lane == SCHEME.economy("TWN").lane == ()


def test_purposes_differ_by_destination() -> None:
    """AUS, KOR, PNG and THA allow visits that are not for business."""
    wider = {
        code
        for code, economy in SCHEME.economies.items()
        if (row := in_force(economy.allowed_purposes, NOW))
        and "non_business" in row.value
    }
    assert wider == {"AUS", "KOR", "PNG", "THA"}


def test_what_is_unknown_has_no_rows() -> None:
    """Service targets and machine-readable document codes are not invented."""
    for economy in SCHEME.economies.values():
        assert economy.service_target_days == ()
        assert economy.mrz_document_code == ()


# Pairs


@pytest.mark.parametrize(
    ("pair", "effect"),
    [
        (("TWN", "TWN", "CHN"), "excluded"),
        (("TWN", "TWN", "HKG"), "excluded"),
        (("CHN", "CHN", "TWN"), "excluded"),
        (("HKG", "GBR", "TWN"), "excluded"),
        (("CHN", "CHN", "HKG"), "lane_only"),
        (("HKG", "CHN", "CHN"), "excluded"),
        (("HKG", "GBR", "CHN"), "normal"),
        (("NZL", "NZL", "AUS"), "not_required"),
        (("HKG", "NZL", "AUS"), "not_required"),
        (("AUS", "AUS", "NZL"), "normal"),
        (("USA", "USA", "AUS"), "lane_only"),
        (("AUS", "AUS", "CAN"), "lane_only"),
        (("USA", "USA", "USA"), "lane_only"),
        (("SGP", "SGP", "SGP"), "not_required"),
        (("HKG", "JPN", "JPN"), "not_required"),
        (("HKG", "TWN", "TWN"), "excluded"),
        (("SGP", "SGP", "THA"), "normal"),
    ],
)
def test_pair_effects(pair: tuple[str, str, str], effect: str) -> None:
    """The rule naming most keys wins; one's own economy counts last."""
    assert effect_of(SCHEME, pair) == effect


def test_chinese_holders_can_reach_sixteen_destinations() -> None:
    """A CHN card can be pre-cleared by 16 economies: 19 less CHN, HKG and TWN."""
    reachable = set(SCHEME.destinations("CHN", "CHN", NOW))
    assert len(reachable) == 16
    assert not reachable & {"CHN", "HKG", "TWN", "USA", "CAN"}


def test_transitional_issuers_ask_nobody() -> None:
    """A card of USA or CAN is pre-cleared nowhere."""
    assert SCHEME.destinations("USA", "USA", NOW) == ()
    assert SCHEME.destinations("CAN", "CAN", NOW) == ()


def test_destinations_depend_on_nationality() -> None:
    """A HKG card opens CHN to holders of other nationalities only."""
    chinese = SCHEME.destinations("HKG", "CHN", NOW)
    british = SCHEME.destinations("HKG", "GBR", NOW)
    assert set(british) - set(chinese) == {"CHN"}
    assert list(british) == sorted(british)


def test_issuer_is_never_its_own_destination() -> None:
    """Without a rule on one's own economy, an issuer still asks others only."""
    scheme = Scheme.from_toml(scheme_text())
    assert scheme.destinations("AUS", "AUS", NOW) == ("CHN", "NZL")
    assert scheme.destinations("NZL", "AUS", NOW) == ("AUS", "CHN")


def test_pair_rule_holds_for_its_time_only() -> None:
    """A rule holds in the second of its ``from`` and no more in that of ``until``."""
    dates = "from = 2025-01-01T00:00:00Z, until = 2026-01-01T00:00:00Z, "
    keys = 'issuer = "AUS", destination = "CHN"'
    text = scheme_text(head=pair_rules(rule("excluded", keys, dates)))
    scheme = Scheme.from_toml(text)
    start, end = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    for at, expected in (
        (start - SECOND, "normal"),
        (start, "excluded"),
        (end - SECOND, "excluded"),
        (end, "normal"),
    ):
        effect = scheme.pair_effect(
            issuer="AUS", nationality="AUS", destination="CHN", at=at
        )
        assert effect == expected
        assert ("CHN" in scheme.destinations("AUS", "AUS", at)) == (
            expected == "normal"
        )


def test_destinations_change_with_every_dated_fact() -> None:
    """Answers are kept, but not beyond the moment at which one may change."""
    years = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    turns = [at.replace(month=month) for at in years for month in (1, 7)]
    closed = rule("excluded", 'issuer = "NZL"', _period(turns[0], turns[2]))
    own = f'{{ value = "not_required", {_period(turns[1], turns[3])}{FACT} }}'
    scheme = Scheme.from_toml(
        scheme_text(f"exclusions = [{closed}]", head=f"own_economy = [{own}]")
    )
    answers = (("AUS", "CHN"), ("CHN",), (), ("AUS",), ("AUS", "CHN"))
    for _ in range(2):  # the second time from what was kept
        for turn, before, after in zip(turns, answers, answers[1:], strict=False):
            assert scheme.destinations("NZL", "CHN", turn) == after
            assert scheme.destinations("NZL", "CHN", turn - SECOND) == before


def _period(start: datetime, end: datetime) -> str:
    return f"from = {start.isoformat()}, until = {end.isoformat()}, "


def test_kept_destinations_are_bounded() -> None:
    """Nationality is text that others choose."""
    scheme = Scheme.from_toml(scheme_text())
    letters = [chr(ord("A") + number) for number in range(26)]
    for nationality in map("".join, product(letters[:7], letters, letters)):
        assert scheme.destinations("AUS", nationality, NOW) == ("CHN", "NZL")
    assert len(scheme._known_destinations) <= 4096


def test_destination_adds_rules_of_its_own() -> None:
    """A destination's exclusion counts like a pair rule that names it."""
    exclusions = exclusion('issuer = "CHN"')
    head = pair_rules(rule("normal", 'issuer = "CHN"'))
    scheme = Scheme.from_toml(scheme_text(exclusions, head=head))
    assert effect_of(scheme, ("CHN", "CHN", "AUS")) == "excluded"
    assert effect_of(scheme, ("CHN", "CHN", "NZL")) == "normal"
    assert scheme.destinations("CHN", "CHN", NOW) == ("NZL",)


EFFECTS = st.sampled_from(["excluded", "lane_only", "not_required", "normal"])
KEYS = st.tuples(
    st.sampled_from([None, *CODES]),
    st.sampled_from([None, "!CHN", "!NZL", *CODES]),
    st.sampled_from([None, *CODES]),
)


def _matches(keys: tuple[str | None, ...], pair: tuple[str, str, str]) -> bool:
    return all(
        key in (None, value) or ((key or "").startswith("!") and key != f"!{value}")
        for key, value in zip(keys, pair, strict=True)
    )


def _effects(
    rules: dict[tuple[str | None, ...], str], pair: tuple[str, str, str]
) -> list[set[str]]:
    """What the rules that match say, by rank: one effect, or a tie."""
    return [
        {
            effect
            for keys, effect in rules.items()
            if 3 - keys.count(None) == rank and _matches(keys, pair)
        }
        for rank in (3, 2, 1)
    ]


def _expected(
    rules: dict[tuple[str | None, ...], str], pair: tuple[str, str, str]
) -> set[str]:
    own = {"not_required" if pair[2] in pair[:2] else "normal"}
    return next(filter(None, _effects(rules, pair)), own)


def _rule_lines(rules: dict[tuple[str | None, ...], str]) -> str:
    rows = []
    for keys, effect in rules.items():
        named = zip(("issuer", "nationality", "destination"), keys, strict=True)
        text = ", ".join(f'{name} = "{key}"' for name, key in named if key)
        rows.append(rule(effect, text))
    return pair_rules(*rows)


@given(st.dictionaries(KEYS.filter(any), EFFECTS, max_size=6))
def test_most_specific_rule_wins_whatever_the_rules(
    rules: dict[tuple[str | None, ...], str],
) -> None:
    """Any set of rules either loads, is good enough for the verifier and obeys the
    winner, or is refused as a tie at some rank.
    """
    own = f'own_economy = [{{ value = "not_required", {FACT} }}]'
    text = "\n".join([_rule_lines(rules), own, *map(economy_table, (*CODES, "VNM"))])
    pairs = list(product((*CODES, "VNM"), (*CODES, "GBR"), (*CODES, "VNM")))
    tied = any(len(said) > 1 for pair in pairs for said in _effects(rules, pair))
    own_pair = any(
        keys[0] and keys[0] == keys[2] and effect != "not_required"
        for keys, effect in rules.items()
    )
    if tied or own_pair:
        with pytest.raises(SchemeError, match=r"ties with|is impossible"):
            Scheme.from_toml(text)
        return
    scheme = Scheme.from_toml(text)
    scheme_document(scheme, issued_at=NOW)
    for pair in pairs:
        assert {effect_of(scheme, pair)} == _expected(rules, pair)


# Calls


def test_lookups_refuse_naive_moments() -> None:
    """A moment without an offset is a caller's mistake, not a guess."""
    naive = datetime(2026, 11, 1)  # noqa: DTZ001 -- the case under test
    with pytest.raises(ValueError, match="no UTC offset"):
        SCHEME.membership("AUS", naive)
    with pytest.raises(ValueError, match="no UTC offset"):
        SCHEME.pair_effect(issuer="AUS", nationality="AUS", destination="NZL", at=naive)
    with pytest.raises(ValueError, match="no UTC offset"):
        SCHEME.destinations("AUS", "AUS", naive)


def test_lookups_refuse_unknown_economies() -> None:
    """A code outside the scheme is a caller's mistake."""
    with pytest.raises(ValueError, match="'MAC' is no economy"):
        SCHEME.economy("MAC")
    with pytest.raises(ValueError, match="'MAC' is no economy"):
        effect_of(SCHEME, ("AUS", "AUS", "MAC"))


def test_load_reads_a_file_of_your_own(tmp_path: Path) -> None:
    """A scheme file on disk replaces the packaged one."""
    path = tmp_path / "mine.toml"
    path.write_text(scheme_text(), encoding="utf-8")
    assert list(Scheme.load(path).economies) == ["AUS", "CHN", "NZL"]


def test_loaded_scheme_cannot_be_changed() -> None:
    """Neither an economy nor the set of them can be altered once loaded."""
    with pytest.raises(TypeError):
        SCHEME.economies["MAC"] = SCHEME.economy("AUS")  # type: ignore[index]
    with pytest.raises(ValueError, match="frozen"):
        SCHEME.economy("AUS").name = "Other"


def test_common_facts_give_way_to_an_economys_own() -> None:
    """A key in ``common`` holds for all but those that state it, even as empty."""
    head = f"[common]\ncard_term_years = [{{ value = 5, {FACT} }}]"
    scheme = Scheme.from_toml(scheme_text("card_term_years = []", head=head))
    assert scheme.card_term("AUS", NOW) is None
    assert scheme.card_term("CHN", NOW) == 5


def test_dated_facts_may_touch() -> None:
    """One row may start in the second in which the one before it ends."""
    edge = "2025-01-01T00:00:00Z"
    rows = (
        f'max_stay = [{{ value = 60, unit = "days", until = {edge}, {FACT} }},'
        f'{{ value = 2, unit = "months", from = {edge}, {FACT} }}]'
    )
    scheme = Scheme.from_toml(scheme_text(rows))
    before, after = (
        scheme.max_stay("AUS", moment(edge) - d) for d in (SECOND, 0 * SECOND)
    )
    assert before is not None
    assert after is not None
    assert (before.unit, after.unit) == ("days", "months")


def test_rows_about_different_forms_stand_side_by_side() -> None:
    """The two forms, the moments of a passport's life and kinds of fee do not clash."""
    text = f"""
        accepts_form = [
          {{ form = "app", value = true, {FACT} }},
          {{ form = "physical", value = false, {FACT} }},
        ]
        min_passport_validity = [
          {{ moment = "entry", value = 6, unit = "months", {FACT} }},
          {{ moment = "application", value = 3, unit = "months", {FACT} }},
        ]
        fees = [
          {{ kind = "application", amount = 70.50, currency = "AUD", {FACT} }},
          {{ kind = "reprint", amount = 20, currency = "AUD", {FACT} }},
        ]
    """
    scheme = Scheme.from_toml(scheme_text(text))
    assert scheme.accepts_form("AUS", "app", NOW) is True
    assert scheme.accepts_form("AUS", "physical", NOW) is False
    assert str(scheme.economy("AUS").fees[0].amount) == "70.50"


# What is refused


def refused(text: str) -> SchemeError:
    with pytest.raises(SchemeError) as caught:
        Scheme.from_toml(text, file="mine.toml")
    assert str(caught.value).startswith("mine.toml: ")
    assert str(caught.value).endswith(caught.value.reason)
    return caught.value


def stay(*rows: str) -> str:
    return f"max_stay = [{', '.join('{ ' + row + ' }' for row in rows)}]"


DAYS = f'value = 60, unit = "days", {FACT}'
APP = f'form = "app", value = true, {FACT}'


@pytest.mark.parametrize(
    ("line", "path", "reason"),
    [
        (stay(DAYS, DAYS), "max_stay[1]", "overlaps economy.AUS.max_stay[0]"),
        (
            stay(
                f"{DAYS}, until = 2025-01-01T00:00:01Z",
                f"{DAYS}, from = 2025-01-01T00:00:00Z",
            ),
            "max_stay[1]",
            "overlaps economy.AUS.max_stay[0]",
        ),
        (
            f'home_review_stages = [{{ value = ["one", "two", "one"], {FACT} }}]',
            "home_review_stages[0].value",
            "must name each stage once",
        ),
        (
            f'home_review_stages = [{{ value = ["destination_answers"], {FACT} }}]',
            "home_review_stages[0].value",
            "must begin with a stage of the home review",
        ),
        (
            f"accepts_form = [{{ {APP} }}, {{ {APP} }}]",
            "accepts_form[1]",
            "overlaps economy.AUS.accepts_form[0]",
        ),
        (
            f"accepts_form = [{{ {APP}, from = 2025-01-01T00:00:00 }}]",
            "accepts_form[0].from",
            "must carry a UTC offset",
        ),
        (
            stay(f"{DAYS}, from = 2025-01-01"),
            "max_stay[0].from",
            "Input should be a valid datetime",
        ),
        (
            stay(f'{DAYS}, from = "2025-01-01T00:00:00Z"'),
            "max_stay[0].from",
            "Input should be a valid datetime",
        ),
        (
            stay(f"{DAYS}, from = 2025-01-01T00:00:00.5Z"),
            "max_stay[0].from",
            "must be a whole second",
        ),
        (
            stay(f"{DAYS}, from = 0001-01-01T00:00:00+08:00"),
            "max_stay[0].from",
            "is out of range in UTC",
        ),
        (
            stay(f"{DAYS}, from = 1000-01-01T07:59:59+08:00"),
            "max_stay[0].from",
            "must not be before the year 1000",
        ),
        (
            stay(DAYS.replace("60", "1201")),
            "max_stay[0].value",
            "Input should be less than or equal to 1200",
        ),
        (
            "min_passport_validity = "
            f'[{{ moment = "entry", value = 1201, unit = "days", {FACT} }}]',
            "min_passport_validity[0].value",
            "Input should be less than or equal to 1200",
        ),
        (
            stay(*[DAYS] * 513),
            "max_stay",
            "Tuple should have at most 512 items after validation, not 513",
        ),
        (
            stay(f"{DAYS}, from = 2025-01-01T00:00:00Z, until = 2025-01-01T00:00:00Z"),
            "max_stay[0].until",
            "must be later than from",
        ),
        (
            stay(DAYS.replace("days", "weeks")),
            "max_stay[0].unit",
            "Input should be 'days' or 'months'",
        ),
        (
            stay(DAYS.replace("60", "0")),
            "max_stay[0].value",
            "Input should be greater than or equal to 1",
        ),
        (
            stay(DAYS.replace("60", "true")),
            "max_stay[0].value",
            "Input should be a valid integer",
        ),
        (
            stay('value = 60, unit = "days", source = "a test"'),
            "max_stay[0].mark",
            "is missing",
        ),
        (
            stay('value = 60, unit = "days", mark = "assumed"'),
            "max_stay[0].source",
            "is missing",
        ),
        (
            stay('value = 60, unit = "days", mark = "sure", source = "a test"'),
            "max_stay[0].mark",
            "Input should be 'verified', 'reported' or 'assumed'",
        ),
        (stay(f"{DAYS}, days = 60"), "max_stay[0].days", "is no known key"),
        ("max_stays = []", "max_stays", "is no known key"),
        ("list_capacity = 100000", "list_capacity", "must be a power of two"),
        (
            "list_capacity = 2097152",
            "list_capacity",
            "Input should be less than or equal to 1048576",
        ),
        (
            "list_capacity = 2",
            "list_capacity",
            "Input should be greater than or equal to 4",
        ),
        ('code = "BRN"', "code", "differs from the name of its table"),
        (f"lane = [{{ {FACT} }}]", "lane[0]", "says nothing about the lane"),
        (
            f'issues_forms = [{{ value = "chip", {FACT} }}]',
            "issues_forms[0].value",
            "Input should be 'physical', 'app' or 'dual'",
        ),
        (
            exclusion('issuer = "MAC"'),
            "exclusions[0].issuer",
            "MAC is no economy of this scheme",
        ),
        (
            exclusion('issuer = "AUS"'),
            "exclusions[0].effect",
            "excluded is impossible of AUS with itself",
        ),
    ],
)
def test_faulty_economy_is_refused(line: str, path: str, reason: str) -> None:
    """A fault in an economy's table is refused with file, key path and reason."""
    error = refused(scheme_text(line))
    assert (error.path, error.reason) == (f"economy.AUS.{path}", reason)


NORMAL_CHN = rule("normal", 'issuer = "AUS", destination = "CHN"')


@pytest.mark.parametrize(
    ("head", "path", "reason"),
    [
        (
            pair_rules(rule("excluded", 'destination = "MAC"')),
            "pair_rules[0].destination",
            "MAC is no economy of this scheme",
        ),
        (
            pair_rules(rule("excluded", 'nationality = "!GBR"')),
            "pair_rules[0].nationality",
            "GBR is neither an economy nor in other_nationalities",
        ),
        (
            pair_rules(rule("lane_only", 'issuer = "CHN", destination = "CHN"')),
            "pair_rules[0].effect",
            "lane_only is impossible of CHN with itself",
        ),
        (
            pair_rules(f'{{ effect = "excluded", {FACT} }}'),
            "pair_rules[0]",
            "names none of issuer, nationality, destination",
        ),
        (
            pair_rules(rule("banned", 'issuer = "CHN"')),
            "pair_rules[0].effect",
            "Input should be 'excluded', 'lane_only', 'not_required' or 'normal'",
        ),
        (
            pair_rules(NORMAL_CHN, NORMAL_CHN),
            "pair_rules[1]",
            "overlaps pair_rules[0]",
        ),
        (
            f'own_economy = [{{ value = "normal", {FACT} }}]',
            "own_economy[0].value",
            "Input should be 'not_required'",
        ),
        (
            f"[common]\nmax_stay = [{{ {DAYS} }}, {{ {DAYS} }}]",
            "common.max_stay[1]",
            "overlaps common.max_stay[0]",
        ),
        (
            "[common]\nmax_stay = [{}]",
            "common.max_stay[0].mark",
            "is missing",
        ),
        (
            '[economy.aus]\nname = "Lower case"',
            "economy.aus",
            "String should match pattern '^[A-Z]{3}$'",
        ),
        ("surprise = 1", "surprise", "is no known key"),
    ],
)
def test_faulty_scheme_is_refused(head: str, path: str, reason: str) -> None:
    """A fault outside the economies is refused with file, key path and reason."""
    error = refused(scheme_text(head=head))
    assert (error.path, error.reason) == (path, reason)


def test_tie_is_refused() -> None:
    """Two rules that name as many keys and differ on one pair cannot both stand."""
    head = pair_rules(
        rule("excluded", 'issuer = "AUS"'), rule("lane_only", 'destination = "CHN"')
    )
    error = refused(scheme_text(head=head))
    assert error.path == "pair_rules[1]"
    assert error.reason == "ties with pair_rules[0]: excluded or lane_only"


def test_tie_behind_a_stronger_rule_is_refused() -> None:
    """The stronger may be taken back one day, and the verifier refuses it already."""
    head = pair_rules(
        rule("excluded", 'issuer = "AUS"'),
        rule("lane_only", 'destination = "CHN"'),
        rule("normal", 'issuer = "AUS", destination = "CHN"'),
    )
    error = refused(scheme_text(head=head))
    assert error.reason == "ties with pair_rules[0]: excluded or lane_only"


def test_tie_with_a_destinations_own_rule_is_refused() -> None:
    """A destination's exclusion can tie with a rule of the scheme."""
    exclusions = exclusion('issuer = "CHN"')
    head = pair_rules(rule("normal", 'nationality = "NZL", destination = "AUS"'))
    error = refused(scheme_text(exclusions, head=head))
    assert error.path == "economy.AUS.exclusions[0]"
    assert error.reason == "ties with pair_rules[0]: normal or excluded"


def test_exclusions_of_two_destinations_never_tie() -> None:
    """Each counts as naming its own destination."""
    text = scheme_text(exclusion('issuer = "CHN"'))
    other = exclusion('issuer = "CHN"').replace("excluded", "lane_only")
    scheme = Scheme.from_toml(text.replace("[economy.NZL]", f"[economy.NZL]\n{other}"))
    assert effect_of(scheme, ("CHN", "CHN", "AUS")) == "excluded"
    assert effect_of(scheme, ("CHN", "CHN", "NZL")) == "lane_only"


def test_tie_in_a_short_time_is_refused() -> None:
    """Rules that meet for one second only tie in that second."""
    head = pair_rules(
        rule("excluded", 'issuer = "AUS"', "until = 2025-01-01T00:00:01Z, "),
        rule("normal", 'destination = "CHN"', "from = 2025-01-01T00:00:00Z, "),
    )
    assert refused(scheme_text(head=head)).reason.startswith("ties with pair_rules[0]")


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param(
            [
                rule("excluded", 'issuer = "AUS"', "until = 2025-01-01T00:00:00Z, "),
                rule("normal", 'destination = "CHN"', "from = 2025-01-01T00:00:00Z, "),
            ],
            id="never at one moment",
        ),
        pytest.param(
            [
                rule("excluded", 'nationality = "CHN", destination = "AUS"'),
                rule("normal", 'nationality = "!CHN", destination = "AUS"'),
            ],
            id="on different nationalities",
        ),
        pytest.param(
            [
                rule("excluded", 'issuer = "AUS"'),
                rule("excluded", 'destination = "CHN"'),
            ],
            id="with one effect",
        ),
    ],
)
def test_rules_that_never_tie_are_accepted(rules: list[str]) -> None:
    """Rules of one rank may differ where no card and moment meets both."""
    assert len(Scheme.from_toml(scheme_text(head=pair_rules(*rules))).pair_rules) > 1


def test_other_nationalities_may_be_named_once_listed() -> None:
    """A rule may name a passport code that is no economy's, if the file lists it."""
    head = 'other_nationalities = ["GBR"]\n' + pair_rules(
        rule("excluded", 'nationality = "GBR", destination = "CHN"')
    )
    scheme = Scheme.from_toml(scheme_text(head=head))
    assert effect_of(scheme, ("AUS", "GBR", "CHN")) == "excluded"
    assert effect_of(scheme, ("AUS", "FRA", "CHN")) == "normal"


LANE_ONLY_USA = [
    rule("lane_only", 'issuer = "USA"'),
    rule("lane_only", 'destination = "USA"'),
]


@pytest.mark.parametrize(
    ("rules", "path"),
    [
        ([], "economy.USA.membership"),
        (LANE_ONLY_USA[:1], "economy.USA.membership"),
        (LANE_ONLY_USA[1:], "economy.USA.membership"),
        (
            [*LANE_ONLY_USA, rule("normal", 'issuer = "USA", destination = "AUS"')],
            "pair_rules[2]",
        ),
        (
            [
                *LANE_ONLY_USA,
                rule("normal", 'nationality = "NZL", destination = "USA"'),
            ],
            "pair_rules[2]",
        ),
    ],
)
def test_transitional_economy_with_approvals_is_refused(
    rules: list[str], path: str
) -> None:
    """No rule, and no missing rule, may let a transitional member be pre-cleared."""
    usa = economy_table("USA", member="transitional")
    error = refused(scheme_text(head=pair_rules(*rules), tail=usa))
    assert error.path == path
    assert "USA is transitional and can have no pre-clearance" in error.reason


def test_transitional_economy_with_lane_only_rules_is_accepted() -> None:
    """A transitional member takes part where rules leave it the lane only."""
    usa = economy_table("USA", member="transitional")
    scheme = Scheme.from_toml(scheme_text(head=pair_rules(*LANE_ONLY_USA), tail=usa))
    assert scheme.destinations("AUS", "AUS", NOW) == ("CHN", "NZL")


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("https://abtc.example/CHN", "https://abtc.example/AUS", "issuer_url"),
        ("Economy CHN", "Economy AUS", "name"),
    ],
)
def test_shared_identity_is_refused(old: str, new: str, path: str) -> None:
    """Two economies may share neither name nor issuer URL."""
    error = refused(scheme_text().replace(old, new))
    assert error.path == f"economy.CHN.{path}"
    assert error.reason == "is that of AUS already"


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example",
        "https://a.example/",
        "a.example",
        "https://a.example/".ljust(171, "a"),
    ],
)
def test_issuer_url_is_https_without_a_slash_at_its_end(url: str) -> None:
    """An issuer URL that cards could not carry is refused."""
    error = refused(scheme_text().replace("https://abtc.example/AUS", url))
    assert error.path == "economy.AUS.issuer_url"


def test_overlapping_memberships_are_refused() -> None:
    """An economy cannot be two kinds of member at one moment."""
    row = f'{{ value = "full", {FACT} }}'
    error = refused(scheme_text().replace(row, f"{row}, {row}"))
    assert error.path == "economy.AUS.membership[1]"
    assert error.reason == "overlaps economy.AUS.membership[0]"


def test_overlapping_own_economy_rows_are_refused() -> None:
    """The rule on one's own economy is dated like any other fact."""
    row = f'{{ value = "not_required", {FACT} }}'
    error = refused(scheme_text(head=f"own_economy = [{row}, {row}]"))
    assert (error.path, error.reason) == ("own_economy[1]", "overlaps own_economy[0]")


def test_economy_given_twice_is_refused() -> None:
    """A second table for one economy is refused by name."""
    error = refused(scheme_text(tail=economy_table("AUS")))
    assert "'economy', 'AUS'" in error.reason


@pytest.mark.parametrize("key", ["name", "issuer_url", "membership"])
def test_economy_without_what_identifies_it_is_refused(key: str) -> None:
    """Every economy has a name, an issuer URL and a membership."""
    lines = economy_table("BRN").splitlines()
    tail = "\n".join(line for line in lines if not line.startswith(key))
    error = refused(scheme_text(tail=tail))
    assert (error.path, error.reason) == (f"economy.BRN.{key}", "is missing")


@pytest.mark.parametrize("text", ["", "economy = 3", "common = 3\n[economy]"])
def test_scheme_without_economies_is_refused(text: str) -> None:
    """A file without tables of economies is no scheme."""
    assert refused(text).path in {"economy", "common"}


def test_file_is_named_where_it_cannot_be_read(tmp_path: Path) -> None:
    """A missing file and one that is not UTF-8 are refused by name."""
    broken = tmp_path / "broken.toml"
    broken.write_bytes(b"\xff")
    for path in (tmp_path / "missing.toml", broken, tmp_path / "a\0.toml"):
        with pytest.raises(IssuerError, match=path.name):
            Scheme.load(path)


def test_broken_toml_is_refused() -> None:
    """A syntax error is reported with its line."""
    assert "line 1" in refused("economy = ]").reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("a = " + "[" * 100_000, "is nested too deep", id="deep"),
        pytest.param("a = " + "9" * 5_000, "Exceeds the limit", id="digits"),
        pytest.param(f"a = 1e{'9' * 30}", "has too large a number", id="exponent"),
    ],
)
def test_toml_that_python_cannot_hold_is_refused(text: str, reason: str) -> None:
    """What the parser trips over is a fault of the file like any other."""
    assert refused(text).reason.startswith(reason)
