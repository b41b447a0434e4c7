"""Applications as they are typed, listed or sent."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from issuer.errors import IntakeError
from issuer.intake.codes import is_known_code
from issuer.intake.fields import (
    MEMBERS,
    Application,
    read_application,
    read_request,
)
from issuer.intake.names import Why
from issuer.intake.problem import Problem, ProblemCode
from tests import mrz_builder
from tests.simulator import NOW, SCHEME

TYPED = {
    "family_name": "O'Neil",
    "given_name": "Anna Maria",
    "birthdate": "1984-05-17",
    "sex": "F",
    "nationality": "AUS",
    "email": "anna@example.org",
    "passport_country": "AUS",
    "passport_number": "PA1234567",
    "passport_issued_on": "2027-03-01",
    "passport_expires_on": "2037-02-28",
}
TODAY = NOW.date()


def read(economy: str = "AUS", at: datetime = NOW, **changes: Any) -> Application:
    typed = {**TYPED, **changes}
    return read_application(typed, economy=economy, scheme=SCHEME, at=at)


def refused(typed: Mapping[str, object], economy: str = "AUS") -> list[Problem]:
    """Read what may be no good, and return what is wrong with it."""
    try:
        read_application(typed, economy=economy, scheme=SCHEME, at=NOW)
    except IntakeError as error:
        return list(error.problems)
    return []


def problems(economy: str = "AUS", **changes: Any) -> list[Problem]:
    return refused({**TYPED, **changes}, economy)


def faults(**changes: Any) -> list[tuple[str, ProblemCode]]:
    return [(problem.field, problem.code) for problem in problems(**changes)]


def mrz(**changes: str) -> str:
    fields = {
        "country": "AUS",
        "number": "PA1234567",
        "family_name": "ONEIL",
        "given_name": "ANNA MARIA",
        "nationality": "AUS",
        "birthdate": "840517",
        "sex": "F",
        "expiry": "370228",
    }
    return mrz_builder.build_td3(**{**fields, **changes})


def test_an_application_is_read_as_it_was_typed() -> None:
    """Names keep their spelling; dates and the rest become types."""
    application = read()
    person, passport = application.person, application.passport
    assert (person.family_name, person.given_name) == ("O'Neil", "Anna Maria")
    assert person.birthdate == date(1984, 5, 17)
    assert (person.sex, person.nationality) == ("F", "AUS")
    assert person.email == "anna@example.org"
    assert (passport.country, passport.number) == ("AUS", "PA1234567")
    assert passport.issued_on == date(2027, 3, 1)
    assert passport.expires_on == date(2037, 2, 28)
    assert application.names.machine_family == "ONEIL"
    assert application.notices == ()


@pytest.mark.parametrize(
    "absent", ["given_name", "email", "passport_mrz", "machine_family_name"]
)
def test_an_optional_field_may_be_empty_or_left_out(absent: str) -> None:
    """A sheet has empty cells, a program leaves members out; both mean the same."""
    typed = {name: value for name, value in TYPED.items() if name != absent}
    emptied = {**TYPED, absent: ""}
    one, two = (
        read_application(each, economy="AUS", scheme=SCHEME, at=NOW)
        for each in (typed, emptied)
    )
    assert one == two


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("family_name", "", ProblemCode.MISSING),
        ("family_name", "Li\u202eu", ProblemCode.NAME_HIDDEN),
        ("given_name", "L33", ProblemCode.NAME_CHARACTER),
        ("given_name", "A" * 1025, ProblemCode.TOO_LONG),
        ("birthdate", "", ProblemCode.MISSING),
        ("birthdate", "17.05.1984", ProblemCode.DATE),
        ("birthdate", "1985-02-29", ProblemCode.DATE),
        ("birthdate", "19840517", ProblemCode.DATE),
        ("birthdate", "1984-W20-4", ProblemCode.DATE),
        ("birthdate", "1984-05-17\n", ProblemCode.DATE),
        ("birthdate", "\u0661984-05-17", ProblemCode.DATE),
        ("birthdate", "2030-01-16", ProblemCode.BIRTH_FUTURE),
        ("birthdate", "1899-12-31", ProblemCode.BIRTH_TOO_OLD),
        ("birthdate", 19840517, ProblemCode.TYPE),
        ("sex", "f", ProblemCode.SEX),
        ("sex", "female", ProblemCode.SEX),
        ("sex", "", ProblemCode.MISSING),
        ("nationality", "ZZZ", ProblemCode.CODE),
        ("nationality", "aus", ProblemCode.CODE),
        ("nationality", "D", ProblemCode.CODE),
        ("nationality", "", ProblemCode.MISSING),
        ("nationality", ["AUS"], ProblemCode.TYPE),
        ("nationality", "\ud800", ProblemCode.TYPE),
        ("email", "anna", ProblemCode.EMAIL),
        ("email", "anna@example", ProblemCode.EMAIL),
        ("email", "a..b@example.org", ProblemCode.EMAIL),
        ("email", "anna@example.org\nBcc: x@example.org", ProblemCode.EMAIL),
        ("email", "anna@@example.org", ProblemCode.EMAIL),
        ("email", "=?utf-8?q?anna?=@example.org", ProblemCode.EMAIL),
        ("passport_country", "UTO", ProblemCode.CODE),
        ("passport_number", "PA 123", ProblemCode.PASSPORT_NUMBER),
        ("passport_number", "pa123", ProblemCode.PASSPORT_NUMBER),
        ("passport_number", "A" * 23, ProblemCode.PASSPORT_NUMBER),
        ("passport_number", "PA\uff11", ProblemCode.PASSPORT_NUMBER),
        ("passport_issued_on", "2030-01-16", ProblemCode.PASSPORT_ISSUED),
        ("passport_issued_on", "1984-05-16", ProblemCode.PASSPORT_ISSUED),
        ("passport_expires_on", "2030-01-14", ProblemCode.PASSPORT_ENDED),
        ("passport_expires_on", "2027-03-01", ProblemCode.PASSPORT_ISSUED),
        ("passport_expires_on", "2037-02-29", ProblemCode.DATE),
        ("passport_mrz", "P<AUS", ProblemCode.MRZ_UNREADABLE),
        ("machine_family_name", "O'NEIL", ProblemCode.NAME_MACHINE),
        ("machine_given_name", "anna", ProblemCode.NAME_MACHINE),
    ],
)
def test_each_field_says_what_is_wrong_with_it(
    field: str, value: object, code: ProblemCode
) -> None:
    """One field is wrong: its own name and code are reported, with what to do."""
    extra = {"machine_family_name": "ONEIL"} if field == "machine_given_name" else {}
    found = refused({**TYPED, **extra, field: value})
    assert [(problem.field, problem.code) for problem in found] == [(field, code)]
    assert found[0].message.endswith(".")
    assert found[0].fix.endswith(".")


@pytest.mark.parametrize(
    "required",
    ["family_name", "birthdate", "sex", "nationality", "passport_number"],
)
def test_a_required_field_may_not_be_left_out(required: str) -> None:
    """A missing member is the same fault as an empty field."""
    typed = {name: value for name, value in TYPED.items() if name != required}
    with pytest.raises(IntakeError, match=rf"^{required}: field\.missing$"):
        read_application(typed, economy="AUS", scheme=SCHEME, at=NOW)


def test_all_faults_are_reported_at_once_in_the_order_of_the_form() -> None:
    """The clerk goes over the form once."""
    assert faults(
        passport_number="?",
        birthdate="2030-02-30",
        family_name=" Lee",
        nationality="ZZZ",
        passport_expires_on="2029-01-01",
    ) == [
        ("family_name", ProblemCode.NAME_SPACE),
        ("birthdate", ProblemCode.DATE),
        ("nationality", ProblemCode.CODE),
        ("passport_number", ProblemCode.PASSPORT_NUMBER),
        ("passport_expires_on", ProblemCode.PASSPORT_ENDED),
    ]


@pytest.mark.parametrize(
    "member", ["status", "exp", "economies", "role", "card_id", "issued_on", "number"]
)
def test_c5_members_that_nobody_offered_are_refused(member: str) -> None:
    """Nobody sets what the form does not have, whatever its value."""
    for value in ("approved", None):
        (problem,) = refused({**TYPED, member: value})
        assert (problem.field, problem.code) == (member, ProblemCode.UNKNOWN)


def test_c5_the_name_of_an_unknown_member_is_shown_harmless() -> None:
    """What an attacker calls a member is cut and escaped before anybody sees it."""
    (problem,) = refused({**TYPED, "\u202e<b>" + "x" * 5000: "1"})
    assert problem.field.isascii()
    assert len(problem.field) < 60


def test_a_message_never_quotes_what_was_typed() -> None:
    """Problems go into logs and reports."""
    typed = "Zyxwvut987"
    for name in MEMBERS:
        found = refused({**TYPED, name: typed})
        assert found or name == "passport_number"
        assert typed not in str(IntakeError(tuple(found)))
        assert typed not in "".join(each.message for each in found)


def test_today_is_the_day_of_the_clock_that_was_given() -> None:
    """A passport issued today in Auckland is not from the future in Greenwich."""
    auckland = timezone(timedelta(hours=13))
    tomorrow = {"passport_issued_on": "2030-01-16"}
    assert read(at=NOW.astimezone(auckland), **tomorrow).passport.issued_on.day == 16
    with pytest.raises(ValueError, match="offset"):
        read(at=NOW.replace(tzinfo=None))


def test_the_last_day_of_a_passport_still_counts() -> None:
    """It ended yesterday, or ends today."""
    soon = read(passport_expires_on=f"{TODAY}")
    assert soon.passport.expires_on == TODAY


def test_a_passport_shorter_than_the_term_is_told_not_refused() -> None:
    """The card ends with the passport; the applicant should know before paying."""
    assert read(passport_expires_on="2035-01-15").notices == ()
    (notice,) = read(passport_expires_on="2035-01-14").notices
    assert notice.field == "passport_expires_on"
    assert notice.code is ProblemCode.PASSPORT_BEFORE_TERM
    assert "2035-01-14" in notice.message


def test_an_economy_can_ask_for_more_time_on_the_passport() -> None:
    """MYS: three years at application, from the scheme's file; others ask nothing."""
    enough, short = "2033-01-15", "2033-01-14"
    assert problems("MYS", passport_expires_on=enough) == []
    (problem,) = problems(economy="MYS", passport_expires_on=short)
    assert problem.code is ProblemCode.PASSPORT_TOO_SHORT
    assert "36 months" in problem.message
    assert problems("AUS", passport_expires_on=short) == []


def test_an_unknown_economy_is_the_callers_mistake() -> None:
    """The desk knows where it is."""
    with pytest.raises(ValueError, match="no economy"):
        read("ZZZ")


@pytest.mark.parametrize("code", ["DEU", "CHN", "HKG", "TWN", "GBD", "XXA", "UNO"])
def test_holders_of_any_passport_may_apply(code: str) -> None:
    """HKG issues to permanent residents of any nationality, also the stateless."""
    assert read(nationality=code, passport_country=code).person.nationality == code


def test_the_scheme_can_add_codes() -> None:
    """A code in use that no list has is configuration, not code."""
    assert not is_known_code("RKS", SCHEME)
    more = SCHEME.model_copy(update={"other_nationalities": ("RKS",)})
    assert is_known_code("RKS", more)


def test_the_passports_lines_are_compared_with_every_field() -> None:
    """All that agrees is silent."""
    assert read(passport_mrz=mrz()).names.why == ()
    assert read(passport_mrz=mrz().replace("\n", "")).names.why == ()


@pytest.mark.parametrize(
    ("line", "value", "field"),
    [
        ("country", "NZL", "passport_country"),
        ("number", "PA1234576", "passport_number"),
        ("nationality", "NZL", "nationality"),
        ("birthdate", "840518", "birthdate"),
        ("sex", "M", "sex"),
        ("expiry", "370227", "passport_expires_on"),
    ],
)
def test_a_field_that_the_lines_contradict_is_named(
    line: str, value: str, field: str
) -> None:
    """A slip of the clerk's is found before a card is made of it."""
    assert faults(passport_mrz=mrz(**{line: value})) == [
        (field, ProblemCode.MRZ_DIFFERS)
    ]


def test_an_unknown_birthday_in_the_lines_contradicts_nothing() -> None:
    """Some passports know the year only."""
    assert read(passport_mrz=mrz(birthdate="84<<<<")).passport.mrz


def test_typed_passport_names_are_compared_with_the_table() -> None:
    """An officer looks where they differ, or where there is no table."""
    typed = read(machine_family_name="ONEILL", machine_given_name="ANNA MARIA")
    assert typed.names.machine_family == "ONEILL"
    assert typed.names.why == (Why.DIFFERS,)
    same = read(machine_family_name="ONEIL", machine_given_name="ANNA MARIA")
    assert not same.names.needs_confirmation
    wang = read(
        family_name="\u738b",
        machine_family_name="WANG",
        machine_given_name="ANNA MARIA",
    )
    assert (wang.names.machine_family, wang.names.why) == ("WANG", (Why.NO_TABLE,))


def test_typed_names_that_fill_their_place_may_be_cut() -> None:
    """The lines have 39 places for both: a longer name agrees with its beginning."""
    cut, short = (
        read(
            family_name="Bennelong Wooloomooloo",
            given_name="Warrandyte Warnambool",
            machine_family_name="BENNELONG WOOLOOMOOLOO",
            machine_given_name=shown,
        )
        for shown in ("WARRANDYTE WARN", "WARRANDYTE WAR")
    )
    assert cut.names.why == (Why.TRUNCATED,)
    assert short.names.why == (Why.DIFFERS,)


def test_typed_passport_names_go_together_and_agree_with_the_lines() -> None:
    """One name alone is half an answer; two sources must not contradict."""
    assert faults(machine_given_name="ANNA") == [
        ("machine_family_name", ProblemCode.MISSING)
    ]
    assert faults(
        passport_mrz=mrz(),
        machine_family_name="ONEILL",
        machine_given_name="ANNA MARIA",
    ) == [("machine_family_name", ProblemCode.MRZ_DIFFERS)]


def test_a_request_names_who_asks_and_its_reference() -> None:
    """The application inside is read like our own; passports are tested later."""
    typed = {**TYPED, "issuer": "NZL", "reference": "2030/17-A"}
    request = read_request(typed, destination="MYS", scheme=SCHEME, at=NOW)
    assert (request.issuer, request.reference) == ("NZL", "2030/17-A")
    assert request.application.person.family_name == "O'Neil"
    short = {**typed, "passport_expires_on": "2031-01-01"}
    later = read_request(short, destination="MYS", scheme=SCHEME, at=NOW)
    assert later.application.notices == ()


@pytest.mark.parametrize("issuer", ["", "MYS", "DEU", "nzl"])
def test_a_request_comes_from_another_economy_of_the_scheme(issuer: str) -> None:
    """Neither from ourselves nor from outside; all else is reported beside it."""
    typed = {**TYPED, "issuer": issuer, "reference": " ", "sex": "Q", "role": "x"}
    with pytest.raises(IntakeError) as error:
        read_request(typed, destination="MYS", scheme=SCHEME, at=NOW)
    assert [problem.field for problem in error.value.problems] == [
        "issuer",
        "reference",
        "sex",
        "role",
    ]


VALUES = (
    st.text(st.characters(), max_size=30)
    | st.none()
    | st.integers()
    | st.lists(st.text(max_size=3), max_size=2)
    | st.sampled_from(sorted(TYPED.values()))
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from([*MEMBERS, "role"]), VALUES))
def test_any_input_is_an_application_or_a_list_of_problems(
    changes: dict[str, object],
) -> None:
    """Nothing else comes out, whatever goes in."""
    found = refused({**TYPED, **changes})
    assert all(problem.fix for problem in found)
    assert found or set(changes) <= set(MEMBERS)
