"""Applicants who may be known already."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from issuer.intake.duplicates import (
    Grade,
    Identity,
    Known,
    Match,
    find_matches,
    is_one_slip,
    normalise,
)
from issuer.intake.fields import read_application
from tests.simulator import NOW, SCHEME

LEE = Identity(
    family_name="LEE",
    given_name="MEI LING",
    birthdate=date(1984, 5, 7),
    nationality="SGP",
    passport_country="SGP",
    passport_number="K1234567E",
)
OTHER_PASSPORT = {"passport_number": "K7654321Z"}


def match(**changes: Any) -> Match | None:
    known = replace(LEE, **changes)
    matches = find_matches(LEE, [Known(reference="A-1", identity=known)])
    return matches[0] if matches else None


def test_the_same_passport_is_the_strongest_sign() -> None:
    """Whatever else was typed; what differs is shown."""
    assert match() == Match(reference="A-1", grade=Grade.SAME_PASSPORT, differs=())
    married = match(family_name="TAN", birthdate=date(1990, 1, 1))
    assert married is not None
    assert married.grade is Grade.SAME_PASSPORT
    assert married.differs == ("family_name", "birthdate")


def test_the_same_number_of_another_issuer_is_another_passport() -> None:
    """Numbers repeat between economies."""
    found = match(passport_country="MYS", nationality="MYS", given_name="AH KOW")
    assert found is None


def test_a_new_passport_does_not_hide_the_person() -> None:
    """Same names, birth date and nationality; case and width do not matter."""
    found = match(**OTHER_PASSPORT, family_name="lee", given_name="Mei  Ling")
    assert found is not None
    assert (found.grade, found.differs) == (Grade.SAME_PERSON, ("passport_number",))


@pytest.mark.parametrize(
    "changes",
    [
        {"given_name": "MEI LIGN"},
        {"given_name": "MEI LIN"},
        {"given_name": "MEI LYNG"},
        {"family_name": "LEES"},
        {"family_name": "MEI LING", "given_name": "LEE"},
        {"birthdate": date(1984, 7, 5)},
        {"birthdate": date(1984, 5, 8)},
        {"birthdate": date(1948, 5, 7)},
    ],
)
def test_one_slip_of_the_pen_is_near(changes: dict[str, Any]) -> None:
    """A letter, an order, a digit: a person looks."""
    found = match(**OTHER_PASSPORT, **changes)
    assert found is not None
    assert found.grade is Grade.NEAR


@pytest.mark.parametrize("number", ["K1234567F", "K1243567E", "K123456E", "K12345678E"])
def test_a_slip_in_the_passport_number_is_near(number: str) -> None:
    """With the birth date; names may have changed with a marriage."""
    found = match(passport_number=number, family_name="TAN", given_name="A")
    assert found is not None
    assert found.grade is Grade.NEAR
    other_day = date(1999, 1, 1)
    assert match(passport_number=number, birthdate=other_day) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"given_name": "MEI LENA"},
        {"nationality": "MYS"},
        {"birthdate": date(1995, 5, 7)},
        {"given_name": "MEI LIGN", "birthdate": date(1984, 7, 5)},
        {"given_name": "MEI LIGN", "nationality": "MYS"},
        {"birthdate": date(1984, 7, 5), "nationality": "MYS"},
    ],
)
def test_two_slips_are_another_person(changes: dict[str, Any]) -> None:
    """Otherwise everybody would be near to somebody."""
    assert match(**OTHER_PASSPORT, **changes) is None


def test_matches_come_in_order_and_nothing_is_merged() -> None:
    """The most alike first; each record stays a record."""
    known = [
        Known(
            reference="near",
            identity=replace(LEE, passport_number="Z1", given_name="MEI LIN"),
        ),
        Known(reference="person", identity=replace(LEE, passport_number="Z2")),
        Known(
            reference="nobody", identity=replace(LEE, passport_number="Z3", **NOBODY)
        ),
        Known(reference="passport", identity=LEE),
        Known(reference="person too", identity=replace(LEE, passport_number="Z4")),
    ]
    found = find_matches(LEE, known)
    assert [each.reference for each in found] == [
        "passport",
        "person",
        "person too",
        "near",
    ]


NOBODY: dict[str, Any] = {"family_name": "WONG", "birthdate": date(1970, 1, 1)}


def test_an_application_is_compared_by_what_its_card_carries() -> None:
    """One person typed in two scripts or spellings has one key."""
    typed = {
        "family_name": "M\u00fcller",
        "birthdate": "1984-05-07",
        "sex": "F",
        "nationality": "DEU",
        "passport_country": "DEU",
        "passport_number": "C01X00T47",
        "passport_issued_on": "2027-03-01",
        "passport_expires_on": "2037-02-28",
    }
    plain = {**typed, "family_name": "MUELLER"}
    chinese = {**typed, "family_name": "\u738b", "given_name": "\uff21"}
    one, two, three = (
        Identity.of(read_application(each, economy="AUS", scheme=SCHEME, at=NOW))
        for each in (typed, plain, chinese)
    )
    assert one.person_key == two.person_key
    assert three.person_key[:2] == ("\u738b", "a")


WORDS = st.text("ABC", max_size=6)


@given(WORDS, WORDS)
def test_a_slip_is_what_a_slow_search_finds(first: str, second: str) -> None:
    """Every single change of the one, made in turn, against the other."""
    one_off = set()
    for at in range(len(first) + 1):
        head, rest = first[:at], first[at:]
        one_off |= {head + rest[1:], head + rest[1:2] + rest[:1] + rest[2:]}
        for letter in "ABC":
            one_off |= {head + letter + rest, head + letter + rest[1:]}
    assert is_one_slip(first, second) == (second in one_off - {first})


@given(st.text())
def test_normal_form_is_stable(name: str) -> None:
    """A key computed twice is one key."""
    assert normalise(normalise(name)) == normalise(name)
