"""Machine-readable lines of plastic cards: an independent reader reads them back."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import verifier
from issuer.errors import ProfileError
from issuer.plastic import Lines, td1_lines
from issuer.plastic.mrz import name_line
from tests import mrz_builder

CARD = Lines(
    document_code="I",
    issuing_state="NZL",
    document_number="A1234567",
    birthdate=date(1984, 9, 30),
    sex="F",
    expires_on=date(2031, 9, 30),
    nationality="NZL",
    family_name="CITIZEN",
    given_name="JANE MARY",
)
LETTERS = st.text("ABCXYZ", min_size=1, max_size=12)
NAMES = st.lists(LETTERS, min_size=1, max_size=20).map(" ".join)
SHORT = NAMES.map(lambda name: name[:39].strip())


def read(lines: tuple[str, str, str]) -> verifier.Passport:
    return verifier.Passport.from_mrz("\n".join(lines))


def test_the_verifier_reads_what_is_printed() -> None:
    """Every field comes back, with every check digit right."""
    assert read(td1_lines(CARD)) == verifier.Passport(
        country="NZL",
        number="A1234567",
        family_name="CITIZEN",
        given_name="JANE MARY",
        nationality="NZL",
        birthdate="840930",
        sex="F",
        expires_on=date(2031, 9, 30),
    )


@pytest.mark.parametrize("number", ["A", "A12345678", "A123456789", "W" * 22])
@pytest.mark.parametrize("nationality", ["NZL", "DEU"])
@pytest.mark.parametrize("sex", ["F", "M", "X"])
def test_both_writers_agree(number: str, nationality: str, sex: Any) -> None:
    """Long numbers, Germany's code and an unspecified sex are as the standard says."""
    card = replace(CARD, document_number=number, nationality=nationality, sex=sex)
    expected = mrz_builder.build_td1(
        country="NZL",
        number=number,
        family_name="CITIZEN",
        given_name="JANE MARY",
        nationality={"DEU": "D"}.get(nationality, nationality),
        birthdate="840930",
        sex="<" if sex == "X" else sex,
        expiry="310930",
    )
    assert "\n".join(td1_lines(card)) == expected
    found = read(td1_lines(card))
    assert (found.number, found.nationality, found.sex) == (number, nationality, sex)


@pytest.mark.parametrize(
    ("family", "given_names", "line"),
    [
        ("CITIZEN", "", "CITIZEN<<<<<<<<<<<<<<<<<<<<<<<"),
        ("CITIZEN", "JANE MARY", "CITIZEN<<JANE<MARY<<<<<<<<<<<<"),
        ("A" * 26, "BC", f"{'A' * 26}<<BC"),
        # Cut at the end.
        ("NILAVADHANANANDA", "CHAYAPA DEJTHAMRONG", "NILAVADHANANANDA<<CHAYAPA<DEJT"),
        # The cut would fall between two names: the longest before it is shortened.
        ("NILAVADHANANANDA", "ARNPOLABCDE PETCH", "NILAVADHANANANDA<<ARNPOLABCD<P"),
        # The given names keep a letter, whatever the family name.
        ("A" * 39, "BCD", f"{'A' * 27}<<B"),
        ("A" * 26 + " " + "B" * 12, "CD E", f"{'A' * 25}<B<<C"),
        ("A" * 31, "", "A" * 30),
        ("A" * 29 + " B", "", "A" * 28 + "<B"),
    ],
)
def test_names_are_cut_as_the_standard_asks(
    family: str, given_names: str, line: str
) -> None:
    """What is cut ends with a letter, and both names are there."""
    assert name_line(family, given_names) == line


@given(family=SHORT, given_names=st.one_of(st.just(""), SHORT))
@example(family=" ".join("A" * 20), given_names=" ".join("B" * 20))
@example(family="AB", given_names=" ".join("B" * 20))
@example(family="A BC", given_names=" ".join("B" * 20))
@example(family=" ".join("A" * 20), given_names="")
def test_any_name_is_readable(family: str, given_names: str) -> None:
    """Thirty places that a reader takes, whole or with the sign that it was cut."""
    card = replace(CARD, family_name=family, given_name=given_names)
    found = read(td1_lines(card))
    whole = len(family) + len(given_names) + 2 * bool(given_names) <= 30
    if whole:
        assert (found.family_name, found.given_name) == (family, given_names)
    else:
        assert (found.family_name or "")[0] == family[0]
        assert (found.given_name or "")[:1] == given_names[:1]
        only_initials = not given_names and max(map(len, family.split())) == 1
        assert found.names_truncated or only_initials


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("document_code", "P"),
        ("document_code", "IV"),
        ("document_code", "AC"),
        ("document_code", "I1"),
        ("document_code", ""),
        ("issuing_state", "nzl"),
        ("issuing_state", "NZ"),
        ("nationality", "D<<"),
        ("document_number", ""),
        ("document_number", "A-1"),
        ("document_number", "A" * 23),
        ("family_name", ""),
        ("family_name", "O'NEIL"),
        ("family_name", "A  B"),
        ("given_name", "José"),
        ("sex", "W"),
    ],
)
def test_what_cannot_stand_there_is_refused(field: str, wrong: str) -> None:
    """The field is named; nothing is quietly changed."""
    with pytest.raises(ProfileError) as refused:
        replace(CARD, **{field: wrong})  # type: ignore[arg-type]  # a wrong one
    assert refused.value.field == field
