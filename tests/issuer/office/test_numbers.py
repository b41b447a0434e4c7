"""Numbers that people read aloud."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from issuer.numbers import (
    ALPHABET,
    draw_application_number,
    draw_document_number,
    is_application_number,
    is_document_number,
)

CODES = st.sampled_from(("AUS", "CHL", "CHN", "KOR", "NZL"))


@given(CODES, st.lists(st.sampled_from(ALPHABET), min_size=6, max_size=6), st.data())
def test_one_wrong_character_shows(
    economy: str, drawn: list[str], data: st.DataObject
) -> None:
    letters = iter(drawn)
    number = draw_document_number(economy, choose=lambda _: next(letters))
    assert is_document_number(number, economy)
    place = data.draw(st.integers(2, 8))
    other = data.draw(st.sampled_from(ALPHABET))
    wrong = number[:place] + other + number[place + 1 :]
    assert is_document_number(wrong, economy) == (wrong == number)


@given(CODES, st.lists(st.sampled_from(ALPHABET), min_size=6, max_size=6), st.data())
def test_two_that_changed_places_show(
    economy: str, drawn: list[str], data: st.DataObject
) -> None:
    letters = iter(drawn)
    number = draw_document_number(economy, choose=lambda _: next(letters))
    place = data.draw(st.integers(2, 6))
    swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    assert is_document_number(swapped, economy) == (swapped == number)


def test_the_two_kinds_are_never_taken_for_each_other() -> None:
    document, application = draw_document_number("KOR"), draw_application_number("KOR")
    assert (len(document), document[:2]) == (9, "KO")
    assert (len(application), application[:3]) == (12, "KOR")
    assert is_application_number(application, "KOR")
    assert not is_application_number(document, "KOR")
    assert not is_document_number(application, "KOR")


@pytest.mark.parametrize("number", ["", "KO", "KO0000000", "ko3467934", "CHAAAAAAA"])
def test_what_is_no_number_is_refused(number: str) -> None:
    assert not is_document_number(number, "KOR")


def test_numbers_of_economies_that_begin_alike_differ() -> None:
    number = draw_document_number("CHN", choose=lambda _: "A")
    assert is_document_number(number, "CHN")
    assert not is_document_number(number, "CHL")
