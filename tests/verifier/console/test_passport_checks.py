"""The passport's own economy is asked beside the verdict, which waits for nobody."""

from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from tests.simulator import NOW
from tests.verifier.console.conftest import WORLD, Desk
from verifier import (
    Collector,
    DeviceKey,
    NoAnswer,
    PassportAnswer,
    PassportAsker,
    PassportQuestion,
    PassportStatus,
    Trust,
)

CARD = WORLD.card()
PATH = "answers/{}/passport-check"


class Owners(PassportAsker):
    """What comes back over the line, without a line."""

    def __init__(self, status: str) -> None:
        super().__init__(
            "http://127.0.0.1:9/services/v1/SGP/passport-asks",
            collector=Collector(
                economy="SGP", device=1, key_id="0" * 16, public_key=bytes(32)
            ),
            device_key=DeviceKey(bytes(32)),
        )
        self.status = PassportStatus(status)
        self.asked: list[PassportQuestion] = []
        self.meanwhile: Callable[[], object] = lambda: None

    def ask(
        self, question: PassportQuestion, *, trust: Trust, now: Any
    ) -> PassportAnswer:
        self.asked.append(question)
        self.meanwhile()
        is_silent = self.status is PassportStatus.NO_ANSWER
        return PassportAnswer(
            status=self.status,
            owner="AUS",
            reference="0123456789abcdef",
            answered_at=None if is_silent else NOW.astimezone(UTC),
            contact="+61 2" if self.status.is_hit else None,
            no_answer=NoAnswer.SILENCE if is_silent else None,
        )


def opened(synced: Path, home: Path, status: str, **more: Any) -> tuple[Desk, Owners]:
    owners = Owners(status)
    desk = Desk(synced, home, passports=owners, **more)
    desk.begin()
    return desk, owners


def asked_of(desk: Desk, code: str | None = None, **more: Any) -> tuple[Any, Any]:
    first = desk.check(code or WORLD.show(CARD), **more)
    found = desk.post(PATH.format(first["id"]))
    assert found.status_code == 200, found.json
    return first, found.json


def test_a_good_passport_changes_no_verdict(synced: Path, tmp_path: Path) -> None:
    """It is noted beside it; and no name was sent."""
    desk, owners = opened(synced, tmp_path, "VALID")
    assert desk.get("state").json["passports"]
    first, after = asked_of(desk)
    assert first["passport_check"] is None
    assert after == first | {"passport_check": after["passport_check"]}
    assert after["passport_check"]["status"] == "VALID"
    (question,) = owners.asked
    assert question.members() == {
        "country": "AUS", "number": "PA1234567", "birthdate": "800229",
    }  # fmt: skip


@pytest.mark.parametrize(
    "status", ["LOST", "STOLEN", "INVALID", "NOT_RECOGNISED", "DATA_MISMATCH"]
)
def test_c_a_reported_passport_turns_green_into_red(
    synced: Path, tmp_path: Path, status: str
) -> None:
    """With whom to call, and the person still there to be looked at."""
    desk, _ = opened(synced, tmp_path, status)
    code = WORLD.show(CARD)
    first, after = asked_of(desk, code)
    assert (first["look"], after["look"]) == ("accepted", "refused")
    is_hit = PassportStatus(status).is_hit
    why = "passport.reported" if is_hit else "passport.not_confirmed"
    assert (after["outcome"], after["reason"]) == ("rejected", why)
    assert after["lane"] is after["entry"] is None
    assert after["person"] == first["person"]
    assert after["id"] == first["id"]
    told = after["passport_check"]
    assert (told["status"], told["reference"]) == (status, "0123456789abcdef")
    assert (told["contact"] is not None) == is_hit
    passport = {"country": "AUS", "number": "PA1234567"}
    for more in ({}, {"passport": passport}, {}):
        again = desk.check(code, **more)
        assert (again["look"], again["id"]) == ("refused", first["id"])


@pytest.mark.parametrize("is_needed", [False, True])
def test_silence_is_told_and_decides_only_where_the_lane_requires_an_answer(
    synced: Path, tmp_path: Path, is_needed: bool
) -> None:
    """Not checked is not bad; a lane may demand that somebody looks."""
    desk, _ = opened(synced, tmp_path, "NO_ANSWER", needs_passport_answer=is_needed)
    first, after = asked_of(desk)
    assert after["passport_check"]["status"] == "NO_ANSWER"
    if is_needed:
        assert (after["look"], after["reason"]) == ("by_hand", "passport.unchecked")
    else:
        assert (after["look"], after["reason"]) == ("accepted", first["reason"])


def test_what_was_read_of_the_passport_is_asked(synced: Path, tmp_path: Path) -> None:
    """With its last day, which no card has."""
    desk, owners = opened(synced, tmp_path, "VALID")
    passport = {"country": "AUS", "number": "PA1234567"}
    asked_of(desk, passport=passport)
    assert owners.asked[0].birthdate == "800229"


def test_who_has_gone_is_not_brought_back(synced: Path, tmp_path: Path) -> None:
    """An answer that comes after the officer went on is nobody's; one found to be
    somebody else stays so; and nobody asks about what was not accepted."""
    desk, owners = opened(synced, tmp_path, "STOLEN")
    first = desk.check(WORLD.show(CARD))
    owners.meanwhile = lambda: desk.post(f"answers/{first['id']}/done")
    after = desk.post(PATH.format(first["id"])).json
    assert (after["look"], after["person"]) == ("accepted", None)
    owners.meanwhile = desk.device.forget_all
    desk.wait(60)
    second = desk.check(WORLD.show(CARD, at=desk.now))
    assert desk.post(PATH.format(second["id"])).status_code == 404
    owners.asked.clear()
    _, menu = asked_of(desk, "https://example.org/menu")
    assert menu["passport_check"] is None
    assert not owners.asked


def test_without_a_service_nobody_is_asked(desk: Desk) -> None:
    """Checking is optional: the answer is as it was."""
    assert not desk.get("state").json["passports"]
    first, after = asked_of(desk)
    assert after == first


def test_a_training_console_asks_nobody(synced: Path, tmp_path: Path) -> None:
    desk, owners = opened(synced, tmp_path, "VALID", is_training=True)
    assert not desk.get("state").json["passports"]
    assert not owners.asked
