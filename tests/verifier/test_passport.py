"""Passports: their fields, transliteration, and comparison with a card."""

import unicodedata
from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import mrz_builder
from verifier._mrz import TRANSLITERATION
from verifier.passport import (
    FieldMatch,
    Passport,
    PassportComparison,
    compare,
    transliterate,
)

BENNELONG = "BENNELONG WOOLOOMOOLOO WARRANDYTE WARNAMBOOL"


def make_passport(
    *,
    country: str = "AUS",
    number: str = "PA1234567",
    family_name: str | None = "LEE",
    given_name: str | None = "MEI LING",
    nationality: str | None = "AUS",
    birthdate: str | None = "840517",
    sex: str | None = "F",
    names_truncated: bool = False,
) -> Passport:
    return Passport(
        country=country,
        number=number,
        family_name=family_name,
        given_name=given_name,
        nationality=nationality,
        birthdate=birthdate,
        sex=sex,
        expires_on=date(2031, 2, 28),
        names_truncated=names_truncated,
    )


def compare_with_card(
    passport: Passport,
    *,
    country: str = "AUS",
    number: str = "PA1234567",
    family_name: str = "LEE",
    given_name: str = "MEI LING",
    nationality: str = "AUS",
    birthdate: str = "1984-05-17",
) -> PassportComparison:
    return compare(
        passport,
        country=country,
        number=number,
        family_name=family_name,
        given_name=given_name,
        nationality=nationality,
        birthdate=birthdate,
    )


ALL_SAME = PassportComparison(
    country=FieldMatch.SAME,
    number=FieldMatch.SAME,
    birthdate=FieldMatch.SAME,
    nationality=FieldMatch.SAME,
    names=FieldMatch.SAME,
)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("country", "AU"),
        ("country", "aus"),
        ("country", "D"),
        ("country", "AUS\n"),
        ("number", ""),
        ("number", "A" * 23),
        ("number", "PA<123456"),
        ("number", "pa1234567"),
        ("number", "PA123456\uff17"),
        ("nationality", "D<<"),
        ("birthdate", "19840517"),
        ("birthdate", "841317"),
        ("sex", "<"),
        ("family_name", ""),
        ("family_name", "LEE "),
        ("family_name", "VAN  DYK"),
        ("family_name", "LÉE"),
        ("family_name", "L" * 40),
        ("given_name", "MEI-LING"),
        ("given_name", "M" * 40),
    ],
)
def test_a_passport_checks_its_fields(field: str, value: str) -> None:
    """A wrong form is a caller's mistake, named by its field."""
    with pytest.raises(ValueError, match=field):
        make_passport(**{field: value})  # type: ignore[arg-type]


def test_names_are_read_together() -> None:
    """One name alone, or cut names that were not read, are contradictions."""
    with pytest.raises(ValueError, match="together"):
        make_passport(given_name=None)
    with pytest.raises(ValueError, match="together"):
        make_passport(family_name=None)
    with pytest.raises(ValueError, match="without names"):
        make_passport(family_name=None, given_name=None, names_truncated=True)


@pytest.mark.parametrize(
    ("text", "country", "number"),
    [
        ("AUS:PA1234567", "AUS", "PA1234567"),
        ("aus:pa1234567", "AUS", "PA1234567"),
        ("D:C01X00T47", "DEU", "C01X00T47"),
        ("RUS:72<1234567", "RUS", "721234567"),
    ],
)
def test_parse(text: str, country: str, number: str) -> None:
    """The command line's form gives the two fields, and nothing else is read."""
    assert Passport.parse(text) == Passport(country=country, number=number)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "AUS",
        "AUS:",
        "AUS:<<<",
        "AU:PA1234567",
        "AUS:PA1234567:X",
        "AUS: PA1234567",
        "AUS:PA1234567\n",
        "AUS:" + "A" * 23,
        "AU\u017f:PA1234567",
        "AUS:\ud800",
        "A" * 2**20,
    ],
)
def test_parse_refuses_other_forms(text: str) -> None:
    """Anything else is a ValueError."""
    with pytest.raises(ValueError):  # noqa: PT011 - two different sentences
        Passport.parse(text)


def test_a_card_of_this_passport_agrees() -> None:
    """Every field is the same."""
    assert compare_with_card(make_passport()) == ALL_SAME


@pytest.mark.parametrize(
    ("field", "value", "changed"),
    [
        ("country", "NZL", "country"),
        ("number", "PA1234568", "number"),
        ("nationality", "NZL", "nationality"),
        ("birthdate", "1984-05-18", "birthdate"),
        ("birthdate", "1984-06-17", "birthdate"),
        ("birthdate", "1985-05-17", "birthdate"),
        ("family_name", "LI", "names"),
        ("given_name", "MEI", "names"),
        ("given_name", "", "names"),
        ("given_name", "LING MEI", "names"),
    ],
)
def test_one_difference_changes_one_answer(
    field: str, value: str, changed: str
) -> None:
    """Each claim of the card is compared with its own field only."""
    comparison = compare_with_card(make_passport(), **{field: value})
    for name in PassportComparison.__slots__:
        expected = FieldMatch.DIFFERS if name == changed else FieldMatch.SAME
        assert getattr(comparison, name) is expected


def test_what_was_not_read_says_so() -> None:
    """A typed passport gives no answer on the person."""
    comparison = compare_with_card(Passport.parse("AUS:PA1234567"))
    assert comparison == PassportComparison(
        country=FieldMatch.SAME,
        number=FieldMatch.SAME,
        birthdate=FieldMatch.NOT_READ,
        nationality=FieldMatch.NOT_READ,
        names=FieldMatch.NOT_READ,
    )


@pytest.mark.parametrize(
    ("read", "answer"),
    [
        ("84<<<<", FieldMatch.SAME),
        ("<<0517", FieldMatch.SAME),
        ("84<<17", FieldMatch.SAME),
        ("83<<<<", FieldMatch.DIFFERS),
        ("<<<<18", FieldMatch.DIFFERS),
        ("<<<<<<", FieldMatch.NOT_READ),
    ],
)
def test_unknown_parts_of_a_birth_date(read: str, answer: FieldMatch) -> None:
    """Known parts decide; a wholly unknown date gives no answer."""
    assert compare_with_card(make_passport(birthdate=read)).birthdate is answer


def test_the_century_is_not_compared() -> None:
    """The passport's lines do not have it."""
    comparison = compare_with_card(make_passport(), birthdate="2084-05-17")
    assert comparison.birthdate is FieldMatch.SAME


@pytest.mark.parametrize("birthdate", ["840517", "1984-5-17", "", "１９８４-05-17"])  # noqa: RUF001
def test_a_malformed_claim_is_a_mistake(birthdate: str) -> None:
    """The caller passes claims that a card has been checked for."""
    with pytest.raises(ValueError, match="birthdate"):
        compare_with_card(make_passport(), birthdate=birthdate)


def test_fillers_in_the_claimed_number_do_not_matter() -> None:
    """The card may carry the number as printed in the lines."""
    comparison = compare_with_card(make_passport(), number="PA<1234567")
    assert comparison.number is FieldMatch.SAME


def test_a_comparison_is_not_a_condition() -> None:
    """A bare `if` would always pass."""
    with pytest.raises(TypeError, match="neither true nor false"):
        bool(ALL_SAME)


PUBLISHED_CUTS = [
    (
        "NILAVADHANANANDA<<CHAYAPA<DEJTHAMRONG<K",
        "NILAVADHANANANDA",
        "CHAYAPA DEJTHAMRONG KRASUANG",
    ),
    (
        "NILAVADHANANANDA<<ARNPOL<PETCH<CHARONGU",
        "NILAVADHANANANDA",
        "ARNPOL PETCH CHARONGUANG",
    ),
    ("BENNELONG<WOOLOOMOOLOO<WARRANDYTE<W<<DI", BENNELONG, "DINGO POTOROO"),
    ("BENNELONG<WOOLOOM<WARRAND<WARNAM<<DINGO", BENNELONG, "DINGO POTOROO"),
    ("BENNEL<WOOLOO<WARRAN<WARNAM<<DINGO<POTO", BENNELONG, "DINGO POTOROO"),
    (
        "PAPANDROPOULOUS<<JONATHON<WARREN<TREVOR",
        "PAPANDROPOULOUS",
        "JONATHON WARREN TREVOR",
    ),
]
"""Part 4, sections 4.2.3.2 to 4.2.3.4."""


@pytest.mark.parametrize(("field", "family", "given_name"), PUBLISHED_CUTS)
def test_published_truncations_are_the_same_person(
    field: str, family: str, given_name: str
) -> None:
    """Every way of cutting that the standard shows is recognised."""
    lines = mrz_builder.build_td3(
        country="UTO",
        number="L898902C3",
        family_name=field,
        given_name="",
        nationality="UTO",
        birthdate="740812",
        sex="F",
        expiry="300415",
    )
    passport = Passport.from_mrz(lines)
    assert passport.names_truncated
    comparison = compare_with_card(passport, family_name=family, given_name=given_name)
    assert comparison.names is FieldMatch.SAME


@pytest.mark.parametrize(
    ("read", "claimed", "answer"),
    [
        (("SMITH", "JO"), ("SMITH", "JOHN PETER"), FieldMatch.SAME),
        (("SMITH", "J P"), ("SMITH", "JOHN PETER"), FieldMatch.SAME),
        (("SMITH", ""), ("SMITH", "JOHN"), FieldMatch.SAME),
        (("SMITH JON", ""), ("SMITH JONES BROWN", "JOHN"), FieldMatch.SAME),
        (("S J", "JOHN"), ("SMITH JONES", "JOHN"), FieldMatch.SAME),
        (("SMITH", "JOHN"), ("SMITH JONES", "JOHN"), FieldMatch.DIFFERS),
        (("SMITH", "PETER"), ("SMITH", "JOHN PETER"), FieldMatch.DIFFERS),
        (("SMITH", "JOHN PETER"), ("SMITH", "JOHN"), FieldMatch.DIFFERS),
        (("SMITH", "JOHNNY"), ("SMITH", "JOHN"), FieldMatch.DIFFERS),
        (("SMYTH", "J"), ("SMITH", "JOHN"), FieldMatch.DIFFERS),
        (("SMITH JONES", "JOHN"), ("SMITH", "JOHN"), FieldMatch.DIFFERS),
    ],
)
def test_names_that_may_be_cut(
    read: tuple[str, str], claimed: tuple[str, str], answer: FieldMatch
) -> None:
    """Only what cutting explains is tolerated."""
    passport = make_passport(
        family_name=read[0], given_name=read[1], names_truncated=True
    )
    comparison = compare_with_card(
        passport, family_name=claimed[0], given_name=claimed[1]
    )
    assert comparison.names is answer


def test_names_that_cannot_be_cut_are_compared_exactly() -> None:
    """A field with room left was not cut, so an initial is another name."""
    passport = make_passport(given_name="MEI L")
    assert compare_with_card(passport).names is FieldMatch.DIFFERS


def test_a_holder_with_one_name() -> None:
    """An empty given name is a name that was read."""
    passport = make_passport(family_name="ARKFREITH", given_name="")
    same = compare_with_card(passport, family_name="ARKFREITH", given_name="")
    other = compare_with_card(passport, family_name="ARKFREITH", given_name="ANNA")
    assert (same.names, other.names) == (FieldMatch.SAME, FieldMatch.DIFFERS)


@pytest.mark.parametrize("width", [30, 31, 39])
@given(
    family=st.lists(st.text(alphabet="ABC", min_size=1, max_size=12), min_size=1),
    given_words=st.lists(st.text(alphabet="ABC", min_size=1, max_size=12)),
)
def test_a_name_field_cut_at_its_end_agrees(
    width: int, family: list[str], given_words: list[str]
) -> None:
    """The plainest cut, in each size, is always explained."""
    builders: dict[int, Callable[..., str]] = {
        30: mrz_builder.build_td1,
        31: mrz_builder.build_td2,
        39: mrz_builder.build_td3,
    }
    family_name, given_name = " ".join(family), " ".join(given_words)
    passport = Passport.from_mrz(
        builders[width](
            code="P" if width == 39 else "I",
            country="UTO",
            number="L898902C3",
            family_name=family_name,
            given_name=given_name,
            nationality="UTO",
            birthdate="740812",
            sex="F",
            expiry="300415",
        )
    )
    comparison = compare_with_card(
        passport, family_name=family_name, given_name=given_name
    )
    whole = len(family_name) + (2 + len(given_name) if given_name else 0)
    # A cut between two words leaves a filler last, which the standard forbids.
    if whole <= width or passport.names_truncated:
        assert comparison.names is FieldMatch.SAME


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Eriksson", "ERIKSSON"),
        ("Anna Maria", "ANNA MARIA"),
        ("Térèsa Cañon", "TERESA CANON"),
        ("Jürgen Müller-Weiß", "JUERGEN MUELLER WEISS"),
        ("Åse Bjørn Æbelø", "AASE BJOERN AEBELOE"),
        ("Þór Guðmundsson", "THOR GUDMUNDSSON"),
        ("Ünal I\u015f\u0131k İpek", "UENAL ISIK IPEK"),
        ("Łukasz Dąbrowski", "LUKASZ DABROWSKI"),
        ("Đorđe Œuvre Ĳssel", "DORDE OEUVRE IJSSEL"),
        ("Nguyễn Văn Hường Ổ Ự", "NGUYEN VAN HUONG O U"),
        ("Ngũ Vị", "NGU VI"),
        ("ǻngström", "AANGSTROEM"),
        ("ŉ Ǿ", "N OE"),
        ("D'Artagnan", "DARTAGNAN"),
        ("D\u2019Artagnan", "DARTAGNAN"),
        ("O\u02bcConnor", "OCONNOR"),
        ("Marie-Elise", "MARIE ELISE"),
        ("Marie\u2010Elise", "MARIE ELISE"),
        ("Anna, Maria", "ANNA MARIA"),
        ("Anna,Maria", "ANNA MARIA"),
        ("King Jr.", "KING JR"),
        ("  de   la - Cruz ", "DE LA CRUZ"),
        ("nbsp\u00a0name", "NBSP NAME"),
        ("M\u0303", "M"),
        ("", ""),
        ("-", ""),
        ("\u0418\u0433\u043e\u0440\u044c", "IGOR"),
        ("\u0429\u0435\u0440\u0431\u0430\u043a\u043e\u0432", "SHCHERBAKOV"),
        ("\u042e\u0440\u0438\u0439", "IURII"),
        ("\u041f\u043e\u0434\u044a\u044f\u0447\u0435\u0432", "PODIEIACHEV"),
        ("\u0410\u043b\u0451\u043d\u0430", "ALENA"),
        ("\u0402\u0438\u045c", "DIK"),
        ("\u0409\u0443\u0431\u0438\u0448\u0430", "LJUBISHA"),
    ],
)
def test_transliteration(name: str, expected: str) -> None:
    """Names of part 3, section 4.6, and of the tables of section 6."""
    assert transliterate(name) == expected
    assert transliterate(unicodedata.normalize("NFD", name)) == expected


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Henry 8", "U+0038"),
        ("\u5f20", "U+5F20"),
        ("\u03b1", "U+0391"),
        ("\u03ac", "U+0386"),
        ("\u0395\u03bd", "U+0395"),
        ("\u040b", "U+040B"),
        ("\ufb30", "U+05D0"),
        ("\u01c4", "U+01C4"),
        ("a\nb", "U+000A"),
        ("a+b", "U+002B"),
        ("\ud800", "U+D800"),
        ("\U0001f600", "U+1F600"),
        ("A<B", "U+003C"),
    ],
)
def test_a_character_without_transliteration_is_named(name: str, code: str) -> None:
    """The message gives the code point, so that a person can find it."""
    with pytest.raises(ValueError, match=code.replace("+", r"\+")):
        transliterate(name)


def test_marked_latin_letters_agree_with_their_base() -> None:
    """Rows of table A drop the mark, but for the four with a second letter."""
    doubled = {"\u00c4": "AE", "\u00c5": "AA", "\u00d6": "OE"}
    doubled["\u00dc"] = "UE"  # codespell:ignore ue
    for letter, target in TRANSLITERATION.items():
        base = unicodedata.normalize("NFD", letter)[0]
        if base != letter and "A" <= base <= "Z":
            assert target == doubled.get(letter, base)


def test_tables_have_the_rows_of_the_standard() -> None:
    """Both tables are complete, and nothing but the soft sign is added."""
    latin = [c for c in TRANSLITERATION if "\u00c0" <= c <= "\u017d" or c == "\u1e9e"]
    cyrillic = [c for c in TRANSLITERATION if "\u0400" <= c <= "\u04ff"]
    assert len(latin) == 30 + 63 + 1
    assert len(cyrillic) == 12 + 31 + 5 + 1
    assert TRANSLITERATION["\u042c"] == ""


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_transliteration_gives_lawful_names_or_a_value_error(name: str) -> None:
    """The result needs no second look."""
    try:
        result = transliterate(name)
    except ValueError as error:
        assert "U+" in str(error)  # noqa: PT017
        return
    assert set(result) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ ")
    assert result == " ".join(result.split())


@given(st.text(alphabet=[*TRANSLITERATION]))
def test_every_known_letter_is_written(name: str) -> None:
    """No letter of the tables is refused, and writing twice changes nothing."""
    once = transliterate(name)
    assert transliterate(once) == once
