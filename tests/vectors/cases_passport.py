"""The passport that the device read beside the card."""

from typing import Any

from .book import Book, accepted, passport, rejected, undecided
from .world import card, proof, qr_of, shown_qr

SEEN = accepted(must_see="face")
MISMATCH = rejected("passport.mismatch")
DIFFERS = undecided("passport.differs")


def identity(book: Book) -> None:
    cases: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "same": (
            {
                "birthdate": "850314",
                "family_name": "CITIZEN",
                "given_name": "JANE MARY",
                "nationality": "AUS",
                "expires_on": "2034-05-06",
            },
            SEEN,
        ),
        "number": ({"number": "PA1234568"}, MISMATCH),
        "number_longer": ({"number": "PA12345678"}, MISMATCH),
        "number_shorter": ({"number": "PA123456"}, MISMATCH),
        "economy": ({"country": "NZL"}, MISMATCH),
        "economy_unregistered": ({"country": "DEU"}, MISMATCH),
        "birth_same": ({"birthdate": "850314"}, SEEN),
        "birth_day": ({"birthdate": "850315"}, MISMATCH),
        "birth_month": ({"birthdate": "850414"}, MISMATCH),
        "birth_year": ({"birthdate": "840314"}, MISMATCH),
        "birth_day_unknown": ({"birthdate": "8503<<"}, SEEN),
        "birth_month_unknown": ({"birthdate": "85<<<<"}, SEEN),
        "birth_unknown": ({"birthdate": "<<<<<<"}, SEEN),
        "birth_year_differs_rest_unknown": ({"birthdate": "84<<<<"}, MISMATCH),
        "family_name": (
            {"family_name": "CITIZENS", "given_name": "JANE MARY"},
            DIFFERS,
        ),
        "given_name": ({"family_name": "CITIZEN", "given_name": "JANET"}, DIFFERS),
        "given_name_short": ({"family_name": "CITIZEN", "given_name": "JANE"}, DIFFERS),
        "given_name_initial": ({"family_name": "CITIZEN", "given_name": "J"}, DIFFERS),
        "names_swapped": (
            {"family_name": "JANE MARY", "given_name": "CITIZEN"},
            DIFFERS,
        ),
        "names_none": ({"family_name": "CITIZEN", "given_name": ""}, DIFFERS),
        "nationality_same": ({"nationality": "AUS"}, SEEN),
        "nationality": ({"nationality": "NZL"}, DIFFERS),
    }
    for name, (changes, expect) in cases.items():
        book.add(
            name,
            f"Only what the passport says differs: {name}.",
            shown_qr(),
            expect,
            spec="8 step 11",
            passport=passport(**changes),
            importance="critical" if expect == MISMATCH else "normal",
        )


def truncation(book: Book) -> None:
    """Doc 9303-4: the names of a passport book share 39 characters."""
    family, given = "VANDERBILT FITZGERALD HARRINGTON", "ALEXANDER"
    issued = card(family_name=family, given_name=given)
    text = qr_of(issued, proof(issued))
    assert len(family) + 2 + len("ALEXA") == 39
    for name, read, full, expect in (
        ("cut", "ALEXA", True, SEEN),
        ("whole", given, False, SEEN),
        ("cut_other", "ALEXI", True, DIFFERS),
        ("short", "ALEXA", False, DIFFERS),
    ):
        read_names = {"family_name": family, "given_name": read}
        book.add(
            f"long_{name}",
            f"Of ALEXANDER, {read} was read; the field was"
            f" {'' if full else 'not '}full.",
            text,
            expect,
            spec="8 step 11",
            passport=passport(**read_names, names_truncated=full),
        )


def others(book: Book) -> None:
    """Nationality and passport need not be those of the issuer."""
    one_name = card(given_name="")
    book.add(
        "one_name",
        "The holder has one name only, and so has the passport.",
        qr_of(one_name, proof(one_name)),
        SEEN,
        spec="8 step 11",
        passport=passport(family_name="CITIZEN", given_name=""),
    )
    german = card(nationality="DEU", passport={"country": "DEU", "number": "C01X0006H"})
    read = {"country": "DEU", "number": "C01X0006H", "nationality": "DEU"}
    book.add(
        "german",
        "A German passport, read as DEU.",
        qr_of(german, proof(german)),
        SEEN,
        spec="2",
        passport=read,
    )
    british = card(
        "HKG", nationality="GBR", passport={"country": "HKG", "number": "K00000000"}
    )
    book.add(
        "nationality_not_passports",
        "The passport's economy is not the holder's nationality.",
        qr_of(british, proof(british)),
        SEEN,
        spec="8 step 11",
        passport={"country": "HKG", "number": "K00000000", "nationality": "GBR"},
    )
    physical = card(plastic=True)
    book.add(
        "physical",
        "A printed card with the passport read: it must still be seen.",
        qr_of(physical, None),
        accepted(must_see="plastic_card passport face"),
        spec="8",
        threats="Q7",
        passport=passport(),
    )
    book.add(
        "physical_mismatch",
        "A printed card beside another passport.",
        qr_of(physical, None),
        MISMATCH,
        spec="8 step 11",
        threats="Q7",
        passport=passport(number="PA1234568"),
    )


def build() -> Book:
    book = Book("passport")
    for part in (identity, truncation, others):
        part(book)
    return book
