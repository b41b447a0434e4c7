"""The register: what it says of one passport, how it is filled, what it stops."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from issuer.errors import Conflict, Invalid, NotAllowed
from issuer.importing import SheetKind, begin, check_sheet, go_on
from issuer.lifecycle import Credential as CredentialState
from issuer.operations import all_operations
from issuer.passport_register.register import look_alike, standings
from issuer.store import (
    Card,
    Credential,
    Passport,
    PassportLink,
    RegisteredPassport,
    Role,
    Store,
)
from tests.databases import Prepared
from tests.issuer.back_office import BackOffice
from tests.issuer.office.publishing import Publishing
from tests.issuer.passports.scene import ENDS, do, joined, register, write
from tests.simulator import NOW
from verifier import PassportQuestion
from verifier import PassportStatus as Status

AUS = {"country": "AUS", "number": "PA1204567"}
SHEET = SheetKind.PASSPORTS


@pytest.fixture
def office(back_office: BackOffice) -> BackOffice:
    return joined(back_office, AUS={})


def says(
    office: BackOffice, *, is_complete: bool = True, at: Any = NOW, **asked: Any
) -> Status:
    question = PassportQuestion(**AUS | asked)
    (found,) = office.store.read(
        lambda session: standings(
            session, "AUS", [question], is_complete=is_complete, now=at
        )
    )
    return found.status


def put(office: BackOffice, **fields: Any) -> Any:
    return register(office, "AUS", fields.pop("number", AUS["number"]), **fields)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, Status.VALID),
        ({"birthdate": "840812", "expires_on": ENDS}, Status.VALID),
        ({"birthdate": "84<<<<"}, Status.VALID),
        ({"birthdate": "840813"}, Status.DATA_MISMATCH),
        ({"birthdate": "83<<<<"}, Status.DATA_MISMATCH),
        ({"expires_on": ENDS + timedelta(days=1)}, Status.DATA_MISMATCH),
        ({"number": "PA1204568"}, Status.NOT_RECOGNISED),
        ({"country": "NZL"}, Status.NOT_RECOGNISED),
    ],
)
def test_what_is_asked_is_compared(
    office: BackOffice, asked: dict[str, Any], expected: Status
) -> None:
    """Number and code by the letter; dates as far as both sides know them."""
    put(office)
    assert says(office, **asked) == expected


@pytest.mark.parametrize("state", ["lost", "stolen", "invalid"])
def test_a_report_comes_before_all_else(office: BackOffice, state: str) -> None:
    """A stolen passport that was altered is still a stolen one."""
    put(office, state=state)
    assert says(office) == Status(state.upper())
    assert says(office, birthdate="990101") == Status(state.upper())


def test_a_passport_ends_with_a_day_of_grace(office: BackOffice) -> None:
    """What has ended is no longer good; the day ends elsewhere at another time."""
    put(office)
    evening = NOW.replace(year=ENDS.year, month=ENDS.month, day=ENDS.day)
    assert says(office, at=evening + timedelta(days=1)) == Status.VALID
    assert says(office, at=evening + timedelta(days=2)) == Status.INVALID


@pytest.mark.parametrize(
    ("typed", "is_alike"),
    [
        ("PA12O4567", True),
        ("PAI204567", True),
        ("P41204567", True),
        ("PA1Z045G7", True),
        ("PA1204576", False),
        ("PA120456", False),
    ],
)
def test_n10_a_typing_error_is_never_valid(
    office: BackOffice, typed: str, is_alike: bool
) -> None:
    """Look-alikes with the same dates are data that differ; all else is unknown."""
    put(office, number=typed)
    dates: dict[str, Any] = {"birthdate": "840812", "expires_on": ENDS}
    found = Status.DATA_MISMATCH if is_alike else Status.NOT_RECOGNISED
    assert says(office, **dates) == found
    assert says(office) == Status.NOT_RECOGNISED
    assert says(office, **dates | {"birthdate": "840813"}) == Status.NOT_RECOGNISED


def test_n10_a_look_alike_of_a_stolen_one_is_not_called_stolen(
    office: BackOffice,
) -> None:
    """Nobody is accused for a letter that somebody mistyped."""
    put(office, number="PA12O4567", state="stolen")
    asked: dict[str, Any] = {"birthdate": "840812", "expires_on": ENDS}
    assert says(office, **asked) == Status.DATA_MISMATCH


def test_look_alikes_fall_into_groups() -> None:
    assert look_alike("OQD0") == "0000"
    assert look_alike("IL1Z2S5G6B8UVA4") == "111225566" + "88UU44"


def test_unknown_is_no_answer_where_the_register_is_not_whole(
    office: BackOffice, tmp_path: Path
) -> None:
    """A register of reports alone, or one that is being filled, does not know."""
    put(office, number="X1")
    assert says(office, is_complete=False) == Status.NO_ANSWER
    assert says(office) == Status.NOT_RECOGNISED
    desk = office.desk("AUS")
    path = write(tmp_path / "a.csv", "PA1,valid,,", "PA2,valid,,")
    number = begin(
        desk, SHEET, check_sheet(desk, SHEET, path), confirm_lookalikes=False
    )
    assert says(office) == Status.NO_ANSWER
    assert do(desk, "passport.count").is_filling
    go_on(desk, number, path)
    assert says(office) == Status.NOT_RECOGNISED
    assert says(office, number="PA2") == Status.VALID


def test_setting_keeps_what_is_not_said_again(office: BackOffice) -> None:
    """Whoever reports a loss by its number alone does not wipe out the rest."""
    assert not put(office).was_known
    desk = office.desk("AUS")
    assert do(desk, "passport.set", number=AUS["number"], state="lost").was_known
    assert says(office) == Status.LOST
    do(desk, "passport.set", number=AUS["number"], state="valid")
    assert says(office, birthdate="990101") == Status.DATA_MISMATCH
    found = do(desk, "passport.count")
    assert (found.passports, found.by_state["valid"]) == (1, 1)


def test_nobody_lists_the_register() -> None:
    """It answers about passports that are named; counts are all else there is."""
    names = {name for name in all_operations() if name.startswith("passport.")}
    assert names == {
        "passport.check",
        "passport.check_list",
        "passport.close_hit",
        "passport.count",
        "passport.figures",
        "passport.hits",
        "passport.set",
    }


def test_each_register_is_its_economys_own(back_office: BackOffice) -> None:
    """Codes of others are refused, and who has not joined keeps nothing."""
    office = joined(back_office, AUS={"countries": ("AUS", "XAA")})
    put(office, country="XAA")
    with pytest.raises(Invalid, match="Others issue"):
        put(office, country="NZL")
    with pytest.raises(Conflict, match="not_joined"):
        register(office, "NZL", "LA1")
    assert do(office.desk("AUS"), "passport.count").passports == 1
    for name, fields in (
        ("passport.set", {"number": "PA1", "state": "lost"}),
        ("passport.count", {}),
    ):
        with pytest.raises(NotAllowed):
            do(office.desk("AUS", roles={Role.INTAKE}), name, **fields)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"birthdate": date(2045, 1, 1)}, "birthdate.future"),
        ({"birthdate": date(1899, 12, 31)}, "birthdate.too_old"),
        ({"number": "PA 1"}, "string_pattern_mismatch"),
        ({"state": "gone"}, "enum"),
    ],
)
def test_what_cannot_be_is_refused(
    office: BackOffice, fields: dict[str, Any], code: str
) -> None:
    with pytest.raises(Invalid) as refused:
        put(office, **fields)
    assert [each[1] for each in refused.value.problems] == [code]


# Sheets


def test_a_sheet_with_typing_errors_names_each_and_saves_nothing(
    office: BackOffice, tmp_path: Path
) -> None:
    """Every line at fault is told at once, with its column."""
    path = write(
        tmp_path / "bad.csv",
        "PA1,valid,1984-08-12,2031-04-15",
        "pa2,valid,,",
        "PA3,missing,,",
        "PA4,lost,1984-13-12,2031-02-30",
        "PA1,stolen,,",
        ",valid,,",
        "PA5,valid,2045-01-01,",
    )
    report = check_sheet(office.desk("AUS"), SHEET, path)
    found = [(each.line, each.problem.field) for each in report.problems]
    assert found == [
        (3, "number"),
        (4, "state"),
        (5, "birthdate"),
        (5, "expires_on"),
        (6, "row"),
        (7, "number"),
        (8, "birthdate"),
    ]
    with pytest.raises(Invalid):
        begin(office.desk("AUS"), SHEET, report, confirm_lookalikes=False)
    assert do(office.desk("AUS"), "passport.count").passports == 0


def test_a_sheet_goes_on_where_it_was_interrupted(
    office: BackOffice, tmp_path: Path
) -> None:
    """Nothing twice, nothing lost; a later sheet writes over what an earlier said."""
    rows = [f"PA{number:06},valid,1984-08-12,2031-04-15" for number in range(1_200)]
    path = write(tmp_path / "all.csv", *rows)
    desk, seen = office.desk("AUS"), []
    number = begin(
        desk, SHEET, check_sheet(desk, SHEET, path), confirm_lookalikes=False
    )
    assert go_on(desk, number, path, at_most=500).saved == 500
    view = go_on(
        desk, number, path, on_progress=lambda done, of: seen.append((done, of))
    )
    assert (view.saved, seen) == (1_200, [(1_000, 1_200), (1_200, 1_200)])
    news = write(tmp_path / "news.csv", "PA000007,stolen,,")
    number = begin(
        desk, SHEET, check_sheet(desk, SHEET, news), confirm_lookalikes=False
    )
    go_on(desk, number, news)
    assert says(office, number="PA000007") == Status.STOLEN
    assert do(desk, "passport.count").passports == 1_200


# What it stops


def linked(store: Store) -> tuple[int, str]:
    """Return a card of SGP that has valid credentials, and its passport's number."""
    row = store.read(
        lambda session: session.execute(
            select(Card.id, Passport.number)
            .join(PassportLink, PassportLink.card_id == Card.id)
            .join(Passport, Passport.id == PassportLink.passport_id)
            .join(Credential, Credential.card_id == Card.id)
            .where(
                Card.economy == "SGP",
                Passport.issuer == "SGP",
                PassportLink.state == "linked",
                Credential.state == CredentialState.VALID,
            )
            .limit(1)
        ).one()
    )
    return row[0], row[1]


def still_valid(store: Store, card: int) -> int:
    return store.read(
        lambda session: session.scalars(
            select(func.count(Credential.id)).where(
                Credential.card_id == card, Credential.state == CredentialState.VALID
            )
        ).one()
    )


@pytest.mark.parametrize("by_sheet", [False, True])
def test_a_reported_passport_stops_the_card_that_goes_with_it(
    prepared: Prepared, tmp_path: Path, by_sheet: bool
) -> None:
    """Until another one is linked: that the passport is found again changes nothing."""
    publishing = Publishing.at(prepared)
    office = joined(publishing.back_office, SGP={})
    card, number = linked(office.store)
    assert still_valid(office.store, card)
    desk = office.desk("SGP")
    if by_sheet:
        path = write(tmp_path / "r.csv", f"{number},lost,,", "E0000000A,stolen,,")
        report = check_sheet(desk, SHEET, path)
        go_on(desk, begin(desk, SHEET, report, confirm_lookalikes=False), path)
    else:
        done = do(desk, "passport.set", number=number, state="lost")
        assert done.cards_stopped == 1
    assert not still_valid(office.store, card)
    again = do(desk, "passport.set", number=number, state="valid")
    assert again.cards_stopped == 0
    assert not still_valid(office.store, card)
    later = do(desk, "passport.set", number=number, state="stolen")
    assert later.cards_stopped == 0


def test_an_entry_is_one_row(office: BackOffice) -> None:
    """However often it is set."""
    for state in ("valid", "lost", "invalid"):
        put(office, state=state)
    count = office.store.read(
        lambda session: session.scalars(select(func.count(RegisteredPassport.id))).one()
    )
    assert count == 1
    assert says(office) == Status.INVALID
