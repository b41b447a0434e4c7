"""A passenger list in, remarks out: the same answers in a carrier's own messages."""

import pytest

from issuer.carriers import service
from issuer.carriers.messages import read_list, write_answers
from issuer.carriers.service import Ask, Asker
from issuer.errors import Invalid
from issuer.services.identity import renew
from tests.databases import Prepared
from tests.issuer.carriers.scene import Scene
from tests.simulator import NOW
from tests.verifier.carriers.samples import PAXLST
from verifier import BasisAnswer
from verifier.carriers import ResponseKind, read_cusres

AIR = Asker(client="client:sgp-0123", audience="urn:abtc:client:sgp-0123")


@pytest.fixture
def scene(prepared: Prepared) -> Scene:
    found = Scene.at(prepared)
    renew(found.office, "SGP", NOW)
    return found


def a_list(scene: Scene) -> bytes:
    """The sample's flight, tomorrow, with one passport that has a card."""
    country, number = scene.passport(scene.publishing.held())
    return (
        PAXLST.replace(b"3001181415", b"3001161415")
        .replace(b"PA1234567", number.encode())
        .replace(b"LOC+91+AUS", f"LOC+91+{country}".encode())
    )


def test_a_list_is_answered_in_its_own_words(scene: Scene) -> None:
    """To who sent it, under its references, each traveller by a remark."""
    asked = read_list(a_list(scene), "NZL", watch=True)
    desk = scene.office.system_desk("SGP", now=NOW, reason="asked by a carrier")
    rows = service.ask_all(desk, AIR, asked.rows)
    told = [each.answer and each.answer.answer for each in rows]
    assert told == [BasisAnswer.GIVES, BasisAnswer.DOES_NOT_GIVE]
    assert [each.row for each in rows] == ["EX700-0001", "EX700-0002"]
    data = write_answers(asked, rows, kind=ResponseKind.RESPONSE, now=NOW)
    envelope, (answer,) = read_cusres(data)
    assert (envelope.sender, envelope.recipient) == ("SGPGOV", "EXAMPLE AIR")
    assert answer.transaction == "EX7003001180900"
    codes = [each.remarks[0].code for each in answer.travellers]
    assert codes == ["ABTC-GIVES", "ABTC-NONE"]
    assert [each.codes for each in answer.travellers] == [(), ()]
    assert [each.reference for each in answer.travellers] == [
        "EX700-0001",
        "EX700-0002",
    ]


def test_a_traveller_without_one_passport_has_no_question(scene: Scene) -> None:
    """And no remark: nothing is said where nothing was asked."""
    data = a_list(scene).replace(b"DOC+P+LM0123456", b"DOC+I+LM0123456")
    asked = read_list(
        data.replace(b"DOC+P:110:111+LM", b"DOC+I+LM"), "NZL", watch=False
    )
    first, second = asked.rows
    assert isinstance(first, Ask)
    assert isinstance(second, Invalid)
    desk = scene.office.system_desk("SGP", now=NOW, reason="asked by a carrier")
    rows = service.ask_all(desk, AIR, asked.rows)
    assert rows[1].error == "passport is not there exactly once"
    data = write_answers(asked, rows, kind=ResponseKind.CHANGE, now=NOW)
    (answer,) = read_cusres(data)[1]
    assert [each.reference for each in answer.travellers] == ["EX700-0001"]


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        (b"DTM+232:3001161415:201'\n", b"", "arrival"),
        (b"LOC+87+SIN'\n", b"LOC+92+SIN'\n", "arrival"),
    ],
)
def test_without_a_day_nothing_is_asked(
    scene: Scene, old: bytes, new: bytes, field: str
) -> None:
    """The day is that of the flight; none is guessed."""
    data = a_list(scene).replace(old, new)
    data = data.replace(b"UNT+41", f"UNT+{41 - (not new)}".encode())
    for row in read_list(data, "NZL", watch=False).rows:
        assert isinstance(row, Invalid)
        assert row.problems[0][0] == field


def test_what_is_no_list_is_named(scene: Scene) -> None:
    """With the segment, and nothing of its content."""
    with pytest.raises(Invalid) as caught:
        read_list(a_list(scene).replace(b"BGM+745", b"XYZ+745"), "NZL", watch=False)
    ((_, code, text),) = caught.value.problems
    assert code == "edifact.missing"
    assert text.startswith("segment 3 (UNH)")
