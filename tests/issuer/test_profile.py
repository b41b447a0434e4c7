"""What a card may contain, and until when it may be good."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from issuer.errors import ProfileError
from issuer.profile import (
    CardData,
    card_expiry,
    check_scheme,
    end_of_day,
    last_day,
    machine_name,
    reissue_expiry,
)
from issuer.scheme import Scheme
from tests.simulator import NOW, SCHEME

CARD = CardData(
    issuer="AUS",
    document_number="A1234567",
    family_name="CITIZEN",
    given_name="JANE MARY",
    birthdate=date(1980, 2, 29),
    nationality="AUS",
    passport_country="AUS",
    passport_number="PA1234567",
    passport_expires_on=date(2034, 6, 30),
    form="app",
    economies=("NZL", "SGP"),
)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("issuer", "aus"),
        ("issuer", "AUST"),
        ("nationality", "D"),
        ("nationality", "A\nS"),
        ("passport_country", "AU1"),
        ("document_number", ""),
        ("document_number", "A-1"),
        ("document_number", "A" * 23),
        ("passport_number", "pa1"),
        ("passport_number", "PA1\n"),
        ("passport_number", "PA\uff11"),
        ("family_name", ""),
        ("family_name", "A" * 40),
        ("family_name", "O'NEIL"),
        ("given_name", "JANE  MARY"),
        ("given_name", " JANE"),
        ("given_name", "JANE\u00a0MARY"),
        ("given_name", "J" * 40),
        ("form", "paper"),
        ("birthdate", date(1899, 12, 31)),
        ("birthdate", date(2100, 1, 1)),
        ("economies", ("SGP", "NZL")),
        ("economies", ("NZL", "NZL")),
        ("economies", ("nzl",)),
        (
            "economies",
            tuple(f"{chr(65 + i // 26)}A{chr(65 + i % 26)}" for i in range(65)),
        ),
    ],
)
def test_a_field_of_another_grammar_is_refused(field: str, value: Any) -> None:
    """The error names the field, and never says whose it was."""
    with pytest.raises(ProfileError) as caught:
        replace(CARD, **{field: value})
    assert caught.value.field == field
    assert "CITIZEN" not in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("family_name", "A" * 39),
        ("given_name", ""),
        ("given_name", "J"),
        ("document_number", "A" * 22),
        ("birthdate", date(1900, 1, 1)),
        ("birthdate", date(2099, 12, 31)),
        ("economies", ()),
    ],
)
def test_the_edges_of_a_field_are_allowed(field: str, value: Any) -> None:
    """The longest, the shortest, the first and the last."""
    assert getattr(replace(CARD, **{field: value}), field) == value


# Names


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("O\u2019Neil", "ONEIL"),
        ("M\u00fcller-L\u00fcdenscheidt", "MUELLER LUEDENSCHEIDT"),
        ("  jane   mary ", "JANE MARY"),
        ("Nguy\u1ec5n", "NGUYEN"),
        ("", ""),
    ],
)
def test_names_are_written_as_in_a_passport(name: str, written: str) -> None:
    """Marks, apostrophes, hyphens and spaces go the way of ICAO's tables."""
    assert machine_name(name, field="family_name") == written


@pytest.mark.parametrize(
    "character",
    ["\u202e", "\u202d", "\u2066", "\u200b", "\u200d", "\ufeff", "\x00", "\ud800"],
)
def test_q9_control_characters_are_refused(character: str) -> None:
    """Direction controls, zero-width characters and half a surrogate."""
    with pytest.raises(ProfileError) as caught:
        machine_name(f"JA{character}NE", field="given_name")
    assert caught.value.field == "given_name"
    with pytest.raises(ProfileError):
        replace(CARD, given_name=f"JA{character}NE")


@pytest.mark.parametrize("name", ["JANE7", "\u674e", "JANE<MARY", "JANE=MARY"])
def test_a_character_without_transliteration_is_refused(name: str) -> None:
    """Digits, other scripts and symbols; the message names the code point."""
    with pytest.raises(ProfileError, match=r"given_name: .*U\+"):
        machine_name(name, field="given_name")


def test_a_name_longer_than_a_passports_line_is_a_persons_to_cut() -> None:
    """39 characters after transliteration, not before."""
    assert machine_name("\u00e4" * 19, field="family_name") == "AE" * 19
    with pytest.raises(ProfileError, match="longer than 39"):
        machine_name("\u00e4" * 20, field="family_name")


@given(st.text(max_size=60))
def test_q9_any_name_is_written_or_refused(name: str) -> None:
    """What comes out is what a card may contain."""
    try:
        written = machine_name(name, field="given_name")
    except ProfileError:
        return
    assert replace(CARD, given_name=written).given_name == written


# The scheme


def check(card: CardData, at: datetime = NOW, scheme: Scheme = SCHEME) -> None:
    check_scheme(card, scheme, at=at)


def test_every_destination_may_be_listed() -> None:
    """All that the scheme allows to ask, and none."""
    check(CARD)
    check(replace(CARD, economies=SCHEME.destinations("AUS", "AUS", NOW)))
    check(replace(CARD, economies=()))


@pytest.mark.parametrize(
    ("issuer", "nationality", "form", "economies"),
    [
        ("AUS", "AUS", "app", ("AUS",)),  # the issuer itself
        ("AUS", "NZL", "app", ("NZL",)),  # the holder's own economy
        ("AUS", "AUS", "app", ("USA",)),  # a transitional destination
        ("USA", "USA", "physical", ("AUS",)),  # a transitional issuer
        ("CHN", "CHN", "physical", ("TWN",)),  # an excluded pair
        ("HKG", "CHN", "physical", ("CHN",)),
        ("AUS", "AUS", "app", ("MAC",)),  # no economy
    ],
)
def test_k14_an_economy_that_cannot_have_cleared_is_refused(
    issuer: str, nationality: str, form: Any, economies: tuple[str, ...]
) -> None:
    """The issuer does not sign an entitlement that the scheme rules out."""
    card = replace(
        CARD, issuer=issuer, nationality=nationality, form=form, economies=economies
    )
    with pytest.raises(ProfileError, match=f"economies: {economies[0]} cannot"):
        check(card)


def test_a_form_that_is_not_issued_is_refused() -> None:
    """AUS issues the app only; before 2021 nothing is known of it, which is no "no"."""
    plastic = replace(CARD, form="physical")
    with pytest.raises(ProfileError, match="form: is not issued by AUS"):
        check(plastic)
    check(plastic, at=datetime(2020, 1, 1, tzinfo=UTC))
    check(replace(plastic, issuer="KOR"))  # issues both
    with pytest.raises(ProfileError, match="form: is not issued by SGP"):
        check(replace(CARD, issuer="SGP", economies=()))


def test_an_unknown_issuer_and_an_unborn_holder_are_refused() -> None:
    """No economy, no card; no holder, no card."""
    with pytest.raises(ProfileError, match="issuer: is no economy"):
        check(replace(CARD, issuer="MAC"))
    check(replace(CARD, birthdate=NOW.date()))
    with pytest.raises(ProfileError, match="birthdate: is in the future"):
        check(replace(CARD, birthdate=NOW.date() + timedelta(days=1)))


# Expiry


@pytest.mark.parametrize(
    ("first_issue", "years", "passport", "last"),
    [
        ("2030-01-15", 5, "2039-12-31", "2035-01-15"),
        ("2030-01-15", 5, "2035-01-15", "2035-01-15"),
        ("2030-01-15", 5, "2035-01-14", "2035-01-14"),
        ("2030-01-15", 3, "2039-12-31", "2033-01-15"),
        ("2028-02-29", 5, "2039-12-31", "2033-02-28"),
        ("2028-02-29", 4, "2039-12-31", "2032-02-29"),
        ("2096-02-29", 3, "2150-01-01", "2099-02-28"),
        ("2030-01-15", 5, "2030-01-15", "2030-01-15"),
    ],
)
def test_t5_a_card_ends_with_its_term_or_its_passport(
    first_issue: str, years: int, passport: str, last: str
) -> None:
    """The earlier of the two, at midnight UTC after its last day."""
    expiry = card_expiry(
        date.fromisoformat(first_issue), years, date.fromisoformat(passport)
    )
    assert expiry == datetime.fromisoformat(f"{last}T00:00:00Z") + timedelta(days=1)


@given(
    st.dates(date(2020, 1, 1), date(2090, 12, 31)),
    st.integers(1, 5),
    st.dates(date(2020, 1, 1), date(2110, 1, 1)),
)
def test_t5_a_card_never_outlives_its_passport(
    first_issue: date, years: int, passport: date
) -> None:
    """Whatever the dates: not the passport, and not the term."""
    if passport < first_issue:
        with pytest.raises(ProfileError, match="passport ends before"):
            card_expiry(first_issue, years, passport)
        return
    expiry = card_expiry(first_issue, years, passport)
    assert first_issue <= last_day(expiry) <= passport
    assert last_day(expiry) <= first_issue + timedelta(days=366 * years)
    assert expiry.timestamp() % 86_400 == 0


def test_a_reissue_keeps_the_first_expiry() -> None:
    """A longer passport gives nothing; a shorter one takes."""
    first = end_of_day(date(2034, 6, 30))
    assert reissue_expiry(first, date(2039, 1, 1)) == first
    assert reissue_expiry(first, date(2034, 6, 30)) == first
    assert reissue_expiry(first, date(2034, 6, 29)) == first - timedelta(days=1)


def test_a_card_ends_before_2100() -> None:
    """2100-01-01 is the last moment that the wire can carry."""
    assert end_of_day(date(2099, 12, 31)) == datetime(2100, 1, 1, tzinfo=UTC)
    with pytest.raises(ProfileError, match="exp: is after 2099"):
        card_expiry(date(2098, 1, 1), 5, date(2150, 1, 1))
    with pytest.raises(ValueError, match="at least 1 year"):
        card_expiry(date(2030, 1, 1), 0, date(2034, 1, 1))
