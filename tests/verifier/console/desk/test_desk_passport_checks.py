"""A desk has passports checked by who issued them: a real back office, over HTTP."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
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
from verifier import NoAnswer, PassportAsker
from verifier.console.desk import counter

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


def listed(checking: Checking, url: str, numbers: Sequence[str]) -> list[Any]:
    """What a list of passengers gets, who all show the same code."""
    desk = checking.desk(url)
    rows = "".join(f'A,JPN,{TODAY},"{checking.code}",SGP,{each}\n' for each in numbers)
    found, _ = desk.check(f"reference,destination,date,code,country,number\n{rows}")
    desk.parts.frames.close()
    return [each["answer"] for each in found]


def test_the_passports_of_a_list_are_asked_about_at_once(
    checking: Checking, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for one passenger; whose card gives nothing is not asked about at all."""
    asked: list[list[str]] = []
    ask_all = PassportAsker.ask_all

    def counted(self: PassportAsker, questions: Any, **more: Any) -> Any:
        asked.append([each.number for each in questions])
        return ask_all(self, questions, **more)

    monkeypatch.setattr(PassportAsker, "ask_all", counted)
    checking.says("stolen", url)
    before = len(hits(checking.lane.office.store))
    asked.clear()
    numbers = [checking.number, "E7654321K", checking.number, "not a number"]
    assert listed(checking, url, numbers) == [
        "does_not_give", "does_not_give", "does_not_give", None,
    ]  # fmt: skip
    assert asked == [[checking.number] * 2]
    assert len(hits(checking.lane.office.store)) == before + 2
    register(
        checking.lane.back_office, number=checking.number, state="valid",
        birthdate=None, expires_on=None,
    )  # fmt: skip
    assert listed(checking, url, numbers[:1]) == ["gives"]


def test_a_list_does_not_wait_for_a_back_office_that_is_down(
    checking: Checking, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried three times, and the list is answered without."""
    monkeypatch.setattr(counter, "_TOGETHER", 1)
    tried: list[object] = []

    def silent(self: PassportAsker, questions: Any, **more: Any) -> Any:
        tried.append(questions)
        return (verifier.no_passport_answer(NoAnswer.SILENCE, owner=""),)

    monkeypatch.setattr(PassportAsker, "ask_all", silent)
    assert listed(checking, NOWHERE, [checking.number] * 5) == ["gives"] * 5
    assert len(tried) == 3


def test_c_a_long_list_asks_as_of_now_and_not_as_of_its_beginning(
    checking: Checking, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an owner signs a minute later would be of a moment to come: no answer."""
    monkeypatch.setattr(counter, "_TOGETHER", 1)
    asked: list[datetime] = []

    def noted(self: PassportAsker, questions: Any, *, now: datetime, **_: Any) -> Any:
        asked.append(now)
        return (verifier.no_passport_answer(NoAnswer.SAID, owner="SGP"),)

    monkeypatch.setattr(PassportAsker, "ask_all", noted)
    desk = checking.desk(NOWHERE)
    moments = [desk.now + timedelta(minutes=each) for each in range(3)]
    left = iter(moments)
    slow = replace(desk.counter, now=lambda: next(left))
    row = f'A,JPN,{TODAY},"{checking.code}",SGP,{checking.number}\n'
    table = f"reference,destination,date,code,country,number\n{row}{row}"
    _, told = slow.ask_all(table.encode())
    assert [each["answer"] for each in told] == ["gives"] * 2
    assert asked == moments[1:]
    desk.parts.frames.close()


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
