"""Machine readable zones: sizes, check digits, hostile text."""

import time
from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import mrz_builder
from tests.verifier import specimens
from verifier._mrz import (
    MAX_TEXT,
    compute_check_digit,
    is_possible_birthdate,
    parse_zone,
)
from verifier.passport import MrzError, Passport

CHARACTERS = "<0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

UNDETECTED = (
    "<0AKU",
    "1BLV",
    "2CMW",
    "3DNX",
    "4EOY",
    "5FPZ",
    "6GQ",
    "7HR",
    "8IS",
    "9JT",
)
"""Characters of equal value modulo ten: no 7-3-1 digit can tell them apart."""

CHECKED_PLACES = {
    "TD1": [*range(5, 37), *range(38, 45), *range(48, 60)],
    "TD2": [*range(36, 46), *range(49, 56), *range(57, 72)],
    "TD3": [*range(44, 54), *range(57, 64), *range(65, 88)],
}
"""What check digits cover, and the digits, counted without newlines."""


def group_of(character: str) -> int:
    return next(n for n, group in enumerate(UNDETECTED) if character in group)


def error_of(text: str) -> MrzError:
    with pytest.raises(MrzError) as caught:
        Passport.from_mrz(text)
    return caught.value


def make_td3(
    *,
    code: str = "P",
    country: str = "AUS",
    number: str = "PA1234567",
    family_name: str = "LEE",
    given_name: str = "MEI LING",
    nationality: str = "AUS",
    birthdate: str = "840517",
    sex: str = "F",
    expiry: str = "310228",
    personal_number: str = "",
) -> str:
    return mrz_builder.build_td3(
        code=code,
        country=country,
        number=number,
        family_name=family_name,
        given_name=given_name,
        nationality=nationality,
        birthdate=birthdate,
        sex=sex,
        expiry=expiry,
        personal_number=personal_number,
    )


@pytest.mark.parametrize(
    ("field", "digit"),
    [
        ("520727", "3"),
        ("AB2134<<<", "5"),
        ("HA672242<658022549601086<<<<<<<<<<<<<<0", "8"),
        ("D231458907<<<<<<<<<<<<<<<34071279507122<<<<<<<<<<", "2"),
        ("HA672242<658022549601086<<<<<<<", "8"),
        ("D23145890734", "9"),
    ],
)
def test_published_check_digits(field: str, digit: str) -> None:
    """The examples of part 3, appendix A, and of part 11, appendix D."""
    assert compute_check_digit(field) == digit
    assert mrz_builder.check_digit(field) == digit


@pytest.mark.parametrize("text", [specimens.TD1, specimens.TD2])
def test_reads_the_specimen_cards(text: str) -> None:
    """Every field of the published TD1 and TD2 documents."""
    assert Passport.from_mrz(text) == Passport(
        country="UTO",
        number="D23145890",
        family_name="ERIKSSON",
        given_name="ANNA MARIA",
        nationality="UTO",
        birthdate="740812",
        sex="F",
        expires_on=date(2012, 4, 15),
    )


def test_reads_the_specimen_passport() -> None:
    """Every field of the published TD3 document."""
    assert Passport.from_mrz(specimens.TD3) == Passport(
        country="UTO",
        number="L898902C3",
        family_name="ERIKSSON",
        given_name="ANNA MARIA",
        nationality="UTO",
        birthdate="740812",
        sex="F",
        expires_on=date(2012, 4, 15),
    )


@pytest.mark.parametrize("text", [specimens.TD1_LONG_NUMBER, specimens.TD2_LONG_NUMBER])
def test_reads_a_number_that_continues_in_the_optional_data(text: str) -> None:
    """Long document numbers are joined, and their one digit is checked."""
    assert Passport.from_mrz(text).number == "D23145890734"


@pytest.mark.parametrize("text", specimens.ALL.values(), ids=specimens.ALL)
def test_the_ways_people_type_do_not_matter(text: str) -> None:
    """Lower case, white space at line ends, and missing newlines are the same."""
    expected = Passport.from_mrz(text)
    lines = text.split("\n")
    assert Passport.from_mrz("".join(lines)) == expected
    assert Passport.from_mrz(text.lower()) == expected
    assert Passport.from_mrz("\r\n".join(lines) + "\r\n") == expected
    assert Passport.from_mrz("\n \t" + " \n\t ".join(lines) + "\n\n") == expected


@pytest.mark.parametrize("size", CHECKED_PLACES)
def test_every_single_slip_is_detected_that_can_be(size: str) -> None:
    """One wrong character fails, unless its value is the same modulo ten."""
    text = specimens.ALL[size].replace("\n", "")
    for place in CHECKED_PLACES[size]:
        for character in CHARACTERS:
            if group_of(character) != group_of(text[place]):
                error_of(text[:place] + character + text[place + 1 :])


@pytest.mark.parametrize("name", ["TD1_LONG_NUMBER", "TD2_LONG_NUMBER"])
def test_every_slip_in_a_long_number_is_detected(name: str) -> None:
    """The same, where the number ends in the optional data."""
    text = specimens.ALL[name].replace("\n", "")
    for place in CHECKED_PLACES[name[:3]]:
        for character in CHARACTERS:
            if group_of(character) != group_of(text[place]):
                error_of(text[:place] + character + text[place + 1 :])


def test_what_check_digits_cannot_see() -> None:
    """A zero read as the letter K passes, as the documentation warns."""
    text = specimens.TD3.replace("L898902C3", "L8989K2C3")
    assert Passport.from_mrz(text).number == "L8989K2C3"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "L898902C36",
            "L898902C33",
            "line 2, column 10: check digit of the document number is 3, should be 6",
        ),
        (
            "L898902C36",
            "L898902C3<",
            "line 2, column 10: check digit of the document number is <, should be 6",
        ),
        (
            "7408122F",
            "7408123F",
            "line 2, column 20: check digit of the date of birth is 3, should be 2",
        ),
        (
            "1204159",
            "1204150",
            "line 2, column 28: check digit of the date of expiry is 0, should be 9",
        ),
        (
            "<<<<<10",
            "<<<<<20",
            "line 2, column 43: check digit of the personal number is 2, should be 1",
        ),
        (
            "<<<<<10",
            "<<<<<11",
            "line 2, column 44: check digit of the whole document is 1, should be 0",
        ),
        ("P<UTO", "V<UTO", "line 1, column 1: this is a visa, not a passport"),
        (
            "P<UTO",
            "I<UTO",
            "line 1, column 1: the document code of size TD3 begins with P",
        ),
        ("P<UTO", "P1UTO", "line 1, column 2: the document code has a digit"),
        (
            "P<UTO",
            "P<U<O",
            "line 1, column 3: the issuing state is not a three-letter code",
        ),
        (
            "6UTO7",
            "6U1O7",
            "line 2, column 11: the nationality is not a three-letter code",
        ),
        ("2F1", "2Z1", "line 2, column 21: the sex is not F, M, X or <"),
        (
            "UTO7",
            "ÜTO7",
            "line 2, column 11: U+00DC is not A to Z, 0 to 9 or <",
        ),
        ("C36UTO", "C36 UTO", "line 2: 45 characters, should be 44"),
        ("C36UTO", "C36TO", "line 2: 43 characters, should be 44"),
    ],
)
def test_an_error_says_where_and_what(old: str, new: str, message: str) -> None:
    """A slip in the specimen passport is named by line and column."""
    assert str(error_of(specimens.TD3.replace(old, new))) == message


@pytest.mark.parametrize(
    ("names", "column"),
    [
        ("ERIKSSON<<ANNA<MAR1A", 24),
        ("<RIKSSON<<ANNA<MARIA", 6),
        ("ERIKSSON<<ANNA<<MARI", 20),
        ("ERIKSSON<<<ANNAMARIA", 14),
        ("<<<<<<<<<<<<<<<<<<<<", 6),
    ],
)
def test_a_wrong_name_field_is_refused(names: str, column: int) -> None:
    """Names have no check digit, so their form is strict."""
    error = error_of(specimens.TD3.replace("ERIKSSON<<ANNA<MARIA", names))
    assert (error.line, error.column) == (1, column)
    assert "names are letters" in str(error)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", None),
        ("A" * 89, None),
        ("\n".join(["A" * 30] * 4), None),
        ("A" * 30 + "\n" + "A" * 31 + "\n" + "A" * 30, 2),
        ("A" * 36 + "\n" + "A" * 35, 2),
        ("A" * 43 + "\n" + "A" * 44, 1),
        ("A" * 44 + "\n\n" + "A" * 44, 1),
    ],
)
def test_other_sizes_are_refused(text: str, line: int | None) -> None:
    """Only the three sizes are read, with or without newlines."""
    assert error_of(text).line == line


@pytest.mark.parametrize(("length", "width"), [(40, 36), (41, 44)])
def test_two_lines_are_held_against_the_nearer_size(length: int, width: int) -> None:
    """The message should fit the document that was meant."""
    error = error_of("A" * length + "\n" + "A" * length)
    assert str(error) == f"line 1: {length} characters, should be {width}"


@pytest.mark.parametrize("size", ["TD1", "TD2"])
@pytest.mark.parametrize("code", ["P", "V", "X", "<"])
def test_other_documents_of_card_size_are_refused(size: str, code: str) -> None:
    """Cards begin with A, C or I (parts 5 and 6, section 4.2.2, note k)."""
    assert error_of(code + specimens.ALL[size][1:]).column == 1


@pytest.mark.parametrize("code", ["PP", "PD", "PT", "P<"])
def test_every_kind_of_passport_is_read(code: str) -> None:
    """Part 4, section 4.4, gives each kind a second letter."""
    assert Passport.from_mrz(make_td3(code=code)).number == "PA1234567"


@pytest.mark.parametrize(
    ("printed", "code"),
    [("D", "DEU"), ("GBD", "GBD"), ("CHN", "CHN"), ("XXB", "XXB")],
)
def test_state_codes(printed: str, code: str) -> None:
    """Germany prints one letter; every other code has three."""
    passport = Passport.from_mrz(make_td3(country=printed, nationality=printed))
    assert (passport.country, passport.nationality) == (code, code)


def test_a_missing_nationality_is_not_read() -> None:
    """Refugees' documents may leave it out."""
    assert Passport.from_mrz(make_td3(nationality="")).nationality is None


@pytest.mark.parametrize("country", ["", "DE", "U"])
def test_other_short_state_codes_are_refused(country: str) -> None:
    """Only D may be short, and only the nationality may be missing."""
    assert error_of(make_td3(country=country)).column == 3


@pytest.mark.parametrize(("printed", "sex"), [*zip("FMX<", "FMXX", strict=True)])
def test_sex(printed: str, sex: str) -> None:
    """Unspecified is a filler, or the X of some economies."""
    assert Passport.from_mrz(make_td3(sex=printed)).sex == sex


@pytest.mark.parametrize(
    ("digit", "accepted"), [("0", True), ("<", True), ("1", False), ("A", False)]
)
def test_check_digit_of_an_unused_personal_number(digit: str, accepted: bool) -> None:
    """It is zero or left out (part 4, section 4.2.2)."""
    text = make_td3()
    text = text[:-2] + digit + text[-1]
    if accepted:
        assert Passport.from_mrz(text).number == "PA1234567"
    else:
        assert error_of(text).column == 43


def test_a_used_personal_number_needs_its_check_digit() -> None:
    """Leaving the digit out is for unused fields only."""
    text = make_td3(personal_number="A")
    assert mrz_builder.check_digit("A") == "0"
    assert error_of(text[:-2] + "<" + text[-1]).column == 43


@pytest.mark.parametrize(
    ("birthdate", "possible"),
    [
        ("840517", True),
        ("000229", True),
        ("010229", False),
        ("<<0229", True),
        ("<<0230", False),
        ("84<<31", True),
        ("84<<32", False),
        ("8405<<", True),
        ("8400<<", False),
        ("84<<<<", True),
        ("<<<<<<", True),
        ("8<0517", False),
        ("<84051", False),
        ("84051A", False),
        ("840500", False),
        ("84051", False),
        ("84051\uff17", False),
    ],
)
def test_birth_dates(birthdate: str, possible: bool) -> None:
    """Unknown parts are fillers; known parts exist in the calendar."""
    assert is_possible_birthdate(birthdate) is possible


def test_an_impossible_birth_date_is_refused() -> None:
    """A right check digit does not make a date."""
    assert error_of(make_td3(birthdate="841317")).column == 14
    assert Passport.from_mrz(make_td3(birthdate="84<<<<")).birthdate == "84<<<<"


@pytest.mark.parametrize("expiry", ["310229", "<<<<<<", "3102A8", "310200"])
def test_an_impossible_expiry_is_refused(expiry: str) -> None:
    """The date of expiry is always known and in the calendar."""
    error = error_of(make_td3(expiry=expiry))
    assert str(error) == ("line 2, column 22: the date of expiry is not a date YYMMDD")


def test_an_empty_number_is_refused() -> None:
    """Nine fillers have a right check digit, but are no number."""
    assert "is empty" in str(error_of(make_td3(number="")))


def test_fillers_inside_a_number_are_dropped() -> None:
    """They stand for spaces and signs of the printed number."""
    assert Passport.from_mrz(make_td3(number="72<123456")).number == "72123456"


@pytest.mark.parametrize("rest", ["<<<", "7<<", "734"])
def test_a_long_number_needs_its_end(rest: str) -> None:
    """At least one more character, a check digit and a filler must follow."""
    text = specimens.TD1_LONG_NUMBER.replace("7349<<<<<<<<<<<", rest.ljust(15, rest[2]))
    error = error_of(text)
    assert str(error) == (
        "line 1, column 15: check digit of the document number is missing"
    )


def test_the_digit_of_a_long_number_is_checked_where_it_stands() -> None:
    """It is named before the digit of the whole document, which fails too."""
    text = specimens.TD1_LONG_NUMBER.replace("7349", "7348")
    assert str(error_of(text)) == (
        "line 1, column 19: check digit of the document number is 8, should be 9"
    )


@pytest.mark.parametrize("length", [9, 10, 22])
def test_lengths_of_numbers(length: int) -> None:
    """TD1 holds up to 22 characters: 13 more, a digit and a filler."""
    text = mrz_builder.build_td1(
        country="CHL",
        number="A" * length,
        family_name="ROJAS",
        given_name="ANA",
        nationality="CHL",
        birthdate="840517",
        sex="F",
        expiry="310228",
    )
    assert Passport.from_mrz(text).number == "A" * length


hostile = st.text(alphabet=st.characters(exclude_categories=()))
zone_text = st.text(alphabet=CHARACTERS + "abcz \n\r\t\uff11\ud800é")


def never_crashes(text: str) -> None:
    try:
        passport = Passport.from_mrz(text)
    except MrzError as error:
        assert str(error)  # noqa: PT017
    else:
        assert passport.number


@given(hostile)
def test_no_text_raises_anything_else(text: str) -> None:
    """Arbitrary text, lone surrogates too, is refused with an MrzError."""
    never_crashes(text)


@given(zone_text)
def test_no_similar_text_raises_anything_else(text: str) -> None:
    """The same for text of lawful characters and near misses."""
    never_crashes(text)


@given(st.data(), st.sampled_from([(3, 30), (2, 36), (2, 44)]))
def test_no_zone_of_right_size_raises_anything_else(
    data: st.DataObject, size: tuple[int, int]
) -> None:
    """The same for random lines of the right size."""
    lines, width = size
    line = st.text(alphabet=CHARACTERS, min_size=width, max_size=width)
    never_crashes("\n".join(data.draw(line) for _ in range(lines)))


@given(
    st.sampled_from([*specimens.ALL.values()]),
    st.lists(st.tuples(st.integers(0, 89), st.characters(exclude_categories=()))),
)
def test_no_altered_specimen_raises_anything_else(
    text: str, slips: list[tuple[int, str]]
) -> None:
    """The same for specimens with some characters replaced."""
    for place, character in slips:
        text = text[:place] + character + text[place + 1 :]
    never_crashes(text)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "birthdate": st.text(alphabet="0123459<A", min_size=6, max_size=6),
            "expiry": st.text(alphabet="0123459<A", min_size=6, max_size=6),
            "number": st.text(alphabet="09AZ<", max_size=9),
            "country": st.text(alphabet="ADEZ<9", max_size=3),
            "nationality": st.text(alphabet="ADEZ<9", max_size=3),
            "family_name": st.text(alphabet="AZ<9", max_size=39),
            "given_name": st.text(alphabet="AZ<9", max_size=39),
            "sex": st.sampled_from("FMX<Z0"),
            "personal_number": st.text(alphabet="09AZ<", max_size=14),
        },
    )
)
def test_no_well_checked_nonsense_raises_anything_else(fields: dict[str, str]) -> None:
    """The same where all check digits are right and the fields are hostile."""
    never_crashes(make_td3(**fields))


@pytest.mark.parametrize("unit", ["A", "\n", " ", "<\n", "\ud800", "\uff11", " \n \t"])
def test_huge_text_is_refused_at_once(unit: str) -> None:
    """A megabyte is not looked at."""
    started = time.thread_time()
    error_of(unit * (2**20 // len(unit)))
    assert time.thread_time() - started < 1


def test_the_bound_leaves_room_for_white_space() -> None:
    """White space around the lines counts, up to the bound."""
    text = specimens.TD3.ljust(MAX_TEXT)
    assert parse_zone(text) == parse_zone(specimens.TD3)
    error_of(text + " ")


words = st.text(alphabet="ABCXYZ", min_size=1, max_size=5)
family_names = st.lists(words, min_size=1, max_size=2).map(" ".join)
given_names = st.lists(words, max_size=2).map(" ".join)
numbers = st.text(alphabet="0123456789ABCXYZ", min_size=1, max_size=22)
codes = st.text(alphabet="ABCXYZ", min_size=3, max_size=3)
dates = st.dates(date(2000, 1, 1), date(2099, 12, 31))


@given(
    size=st.sampled_from(["TD1", "TD2", "TD3"]),
    country=codes,
    nationality=codes,
    number=numbers,
    family_name=family_names,
    given_name=given_names,
    born=dates,
    expires_on=dates,
    sex=st.sampled_from("FMX"),
)
def test_what_is_built_is_read_back(
    *,
    size: str,
    country: str,
    nationality: str,
    number: str,
    family_name: str,
    given_name: str,
    born: date,
    expires_on: date,
    sex: str,
) -> None:
    """Every field survives, in each size, up to the longest number."""
    number = number[: {"TD1": 22, "TD2": 14, "TD3": 9}[size]]
    builders: dict[str, Callable[..., str]] = {
        "TD1": mrz_builder.build_td1,
        "TD2": mrz_builder.build_td2,
        "TD3": mrz_builder.build_td3,
    }
    text = builders[size](
        code="P" if size == "TD3" else "C",
        country=country,
        number=number,
        family_name=family_name,
        given_name=given_name,
        nationality=nationality,
        birthdate=born.strftime("%y%m%d"),
        sex=sex,
        expiry=expires_on.strftime("%y%m%d"),
    )
    assert Passport.from_mrz(text) == Passport(
        country=country,
        number=number,
        family_name=family_name,
        given_name=given_name,
        nationality=nationality,
        birthdate=born.strftime("%y%m%d"),
        sex=sex,
        expires_on=expires_on,
    )
