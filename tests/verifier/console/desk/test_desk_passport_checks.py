"""A desk has passports checked by who issued them: a real back office, over HTTP."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

import verifier
from issuer.store import Passport, PassportLink
from tests.databases import Prepared
from tests.issuer.office.publishing import Publishing
from tests.issuer.passports.scene import hits, register
from tests.issuer.passports.test_gateway import Lane, served
from tests.verifier.console.desk.conftest import TODAY, AirlineDesk
from tests.verifier.console.desk.test_desk_program import PROGRAM, run

pytestmark = pytest.mark.enable_socket
NOWHERE = "http://127.0.0.1:9"
DESK = f"import sys; {PROGRAM}"


class Checking:
    """A desk for flights to Japan, enrolled there; a traveller of Singapore."""

    def __init__(self, publishing: Publishing) -> None:
        self.lane = Lane(publishing.back_office)
        held = publishing.held()
        query = select(Passport.number).join(PassportLink).where(
            PassportLink.card_id == held.card_id
        )  # fmt: skip
        self.number = publishing.store.read(lambda it: it.scalars(query).one())
        self.code = verifier.pack(held.text)
        publishing.device("JPN")
        self.store = publishing.folder / "device-JPN"

    def says(self, state: str, url: str) -> dict[str, Any]:
        """What staff are told, where the register says that."""
        register(
            self.lane.back_office, number=self.number, state=state,
            birthdate=None, expires_on=None,
        )  # fmt: skip
        return self.told(url)

    def desk(self, url: str | None) -> AirlineDesk:
        desk = AirlineDesk(self.store)
        asker = None if url is None else self.lane.asker(url)
        desk.counter = replace(desk.counter, passports=asker)
        desk.open()
        return desk

    def told(self, url: str | None) -> dict[str, Any]:
        passport = {"country": "SGP", "number": self.number}
        desk = self.desk(url)
        told = desk.ask(self.code, destination="JPN", passport=passport)
        desk.parts.frames.close()
        del told["reference"]
        return told


@pytest.fixture
def checking(prepared_small: Prepared) -> Checking:
    return Checking(Publishing.at(prepared_small))


@pytest.fixture
def url(checking: Checking) -> Iterator[str]:
    with served(checking.lane) as address:
        yield address


def test_a_good_passport_and_silence_change_nothing(
    checking: Checking, url: str
) -> None:
    """What is told is what is told without asking; silence speaks against nobody."""
    without = checking.told(None)
    assert without["answer"] == "gives"
    assert checking.says("valid", url) == without
    assert checking.told(NOWHERE) == without


@pytest.mark.parametrize("state", ["lost", "stolen", "invalid"])
def test_c_a_reported_passport_gives_nothing_and_nobody_at_the_desk_is_told_why(
    checking: Checking, url: str, state: str
) -> None:
    """Its owner and the desk's economy have a hit, which says which device asked."""
    told = checking.says(state, url)
    assert told["answer"] == "does_not_give"
    assert not any(word in str(told) for word in (state, "6391", "report"))
    asked = [each.asked_from for each in hits(checking.lane.office.store)]
    assert sorted(map(str, asked)) == ["None", f"device {checking.lane.device}"]


def test_what_may_be_a_slip_sends_staff_to_the_document_check(
    checking: Checking, url: str
) -> None:
    """A number that its owner has never issued speaks for nothing, and against it."""
    assert checking.told(url)["answer"] == "no_answer"


def test_a_list_is_answered_without(checking: Checking, url: str) -> None:
    """Hundreds of questions would take longer than anybody waits."""
    checking.says("stolen", url)
    before = len(hits(checking.lane.office.store))
    desk = checking.desk(url)
    (row,), _ = desk.check(
        "reference,destination,date,code,country,number\n"
        f'A,JPN,{TODAY},"{checking.code}",SGP,{checking.number}\n'
    )
    desk.parts.frames.close()
    assert row["answer"] == "gives"
    assert len(hits(checking.lane.office.store)) == before


def test_who_asks_has_to_be_said_whole(synced: Path, tmp_path: Path) -> None:
    """The address, what enrolment gave and the device's key go together."""
    given = ["--passport-check", f"{NOWHERE}/services/v1/JPN/passport-asks"]
    found = run(DESK, "desk", "--store", str(synced), *given)
    assert found.returncode == 64
    (line,) = found.stderr.splitlines()
    assert "--device-key" in line
    files = ["--collector", str(tmp_path / "c"), "--device-key", str(tmp_path / "k")]
    found = run(DESK, "desk", "--store", str(synced), *given, *files)
    assert found.returncode != 0
    assert len(found.stderr.splitlines()) == 1
