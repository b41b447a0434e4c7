"""One browser, one officer, and nothing personal left behind."""

import gc
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import verifier
from tests.verifier.console.conftest import ORIGIN, WORLD, Desk
from verifier.console import serving
from verifier.console.officers import TRIES, Officers, OfficersError

CODE = WORLD.show(WORLD.card())
SHIFT = {"officer": "b-17", "lane": "3", "direction": "entry"}
PIN = "483920"


def sign_out(desk: Desk, _: str) -> None:
    desk.browser.delete(
        "/api/shift", base_url=ORIGIN, headers={"Origin": ORIGIN}, json={}
    )


def mask(desk: Desk, _: str) -> None:
    desk.wait(180)
    desk.device.tidy()


def idle(desk: Desk, _: str) -> None:
    desk.wait(15 * 60 + 1)
    assert desk.session.is_locked


LEAVE: dict[str, Callable[[Desk, str], object]] = {
    "done": lambda desk, answer: desk.post(f"answers/{answer}/done"),
    "lock": lambda desk, _: desk.post("lock"),
    "signed out": sign_out,
    "masked": mask,
    "idle": idle,
    "mismatch": lambda desk, answer: desk.post(
        f"answers/{answer}/compared", {"matches": False}
    ),
}
"""Ways in which a person leaves the screen."""


def is_in_memory(name: str) -> bool:
    """Whether anything of this process still has a card of that name."""
    gc.collect()
    return any(
        isinstance(each, verifier.Card) and each.family_name == name
        for each in gc.get_objects()
    )


@pytest.fixture
def guarded(synced: Path, tmp_path: Path) -> Desk:
    """A console whose officer has a PIN."""
    made = Desk(synced, tmp_path / "home")
    made.console.officers.add("b-17", PIN)
    return made


def error(found: Any) -> tuple[int, str]:
    return found.status_code, found.json["error"]


def test_c6_the_address_lets_one_browser_in(desk: Desk) -> None:
    """What was printed works once; each use makes another."""
    for key in (desk.keys[0], "", "made up", desk.keys[-1][:-1]):
        browser = desk.app.test_client()
        found = browser.get(f"/start?key={key}", base_url=ORIGIN)
        assert error(found) == (403, "session.key")
        assert "Set-Cookie" not in found.headers
    assert len(set(desk.keys)) == len(desk.keys) == 2


def test_c6_a_cookie_from_before_counts_for_nothing(desk: Desk) -> None:
    """A browser cannot bring its own session (fixation): it gets one of ours."""
    browser = desk.app.test_client()
    browser.set_cookie("abtc-console", "fixed", domain="127.0.0.1")
    browser.get(f"/start?key={desk.keys[-1]}", base_url=ORIGIN)
    cookie = browser.get_cookie("abtc-console", domain="127.0.0.1")
    assert cookie is not None
    assert cookie.value != "fixed"
    assert len(cookie.value) >= 43


def test_two_browsers_at_once(desk: Desk) -> None:
    """The second is told so, sees nothing, and may take over; then the first ends."""
    desk.check(WORLD.show(WORLD.card(family_name="SECOND")))
    second = desk.new_browser()
    assert desk.get("state", by=second).json == {
        "taken_over": True,
        "languages": desk.get("state").json["languages"],
    }
    assert error(desk.post("check", {"code": CODE}, by=second)) == (
        409,
        "session.elsewhere",
    )
    assert desk.get("trust", by=second).status_code == 409
    taken = desk.post("take-over", by=second).json
    assert (taken["taken_over"], taken["shift"]) == (False, None)
    assert not is_in_memory("SECOND")
    assert desk.get("state").json["taken_over"] is True
    assert desk.post("check", {"code": CODE}).status_code == 409


def test_nothing_is_checked_without_a_shift(synced: Path, tmp_path: Path) -> None:
    desk = Desk(synced, tmp_path)
    for path, body in (("check", {"code": CODE}), ("challenge", {})):
        assert error(desk.post(path, body)) == (409, "shift.none")
    assert desk.post("shift", {**SHIFT, "direction": "up"}).status_code == 400
    assert desk.post("shift", {**SHIFT, "officer": ""}).status_code == 400
    assert desk.post("shift", {**SHIFT, "role": "chief"}).status_code == 400
    desk.begin()
    assert error(desk.post("shift", SHIFT)) == (409, "shift.running")


@pytest.mark.parametrize("how", LEAVE)
def test_o7_a_person_goes_with_the_screen(desk: Desk, how: str) -> None:
    """Done, locked, signed out, masked after three minutes, idle: nothing is left."""
    name = f"FORGET {how.upper()}"
    code = WORLD.show(WORLD.card(family_name=name))
    found = desk.check(code, passport={"country": "AUS", "number": "PA1234567"})
    assert is_in_memory(name)
    LEAVE[how](desk, found["id"])
    assert not is_in_memory(name)
    assert "PA1234567" not in repr(vars(desk.device))


def test_a_masked_answer_keeps_its_verdict(desk: Desk) -> None:
    """What was decided can still be overridden; whom it was about is gone."""
    found = desk.check(CODE)
    desk.wait(181)
    order = {"decision": "refer", "reason": "supervisor"}
    later = desk.post(f"answers/{found['id']}/override", order).json
    assert (later["look"], later["reason"]) == ("accepted", "entry.cleared")
    assert later["person"] is None
    assert later["override"] == {**order, "recorded": False}  # it keeps no log


def test_c6_an_idle_screen_locks_whoever_asks(desk: Desk) -> None:
    """A page that keeps asking how things are is no officer's act."""
    for _ in range(16):
        desk.wait(60)
        desk.get("state")
    assert desk.get("state").json["locked"] is True
    assert error(desk.post("check", {"code": CODE})) == (423, "session.locked")
    assert desk.post("unlock").json["locked"] is False  # no PIN, so anybody can
    assert desk.check(CODE)["look"] == "by_hand"  # the code is old by now


def test_an_act_keeps_the_screen_open(desk: Desk) -> None:
    for _ in range(20):
        desk.wait(60)
        desk.check("x")
    assert desk.get("state").json["locked"] is False


def test_c6_a_pin_begins_the_shift_and_unlocks(guarded: Desk) -> None:
    """A wrong PIN and an unknown officer are told alike; the right one counts."""
    assert guarded.get("state").json["pin_needed"] is True
    for wrong in ({}, {"pin": "000000"}, {"officer": "b-18", "pin": PIN}):
        found = guarded.post("shift", {**SHIFT, **wrong})
        assert error(found) == (403, "shift.officer")
    assert guarded.post("shift", {**SHIFT, "pin": PIN}).status_code == 200
    guarded.post("lock")
    assert error(guarded.post("unlock", {"pin": "0"})) == (403, "shift.officer")
    assert guarded.get("state").json["locked"] is True
    assert guarded.post("unlock", {"pin": PIN}).json["locked"] is False


def test_c6_pins_cannot_be_tried_for_long(guarded: Desk, tmp_path: Path) -> None:
    """After five wrong ones even the right one has to wait, also after a restart."""
    for _ in range(TRIES):
        assert guarded.post("shift", {**SHIFT, "pin": "x"}).status_code == 403
    found = guarded.post("shift", {**SHIFT, "pin": PIN})
    assert error(found) == (429, "shift.blocked")
    again = Desk(tmp_path / "none", tmp_path / "home")
    assert again.post("shift", {**SHIFT, "pin": PIN}).status_code == 429
    again.wait(15 * 60 + 1)
    assert again.post("shift", {**SHIFT, "pin": "x"}).status_code == 403
    assert again.post("shift", {**SHIFT, "pin": PIN}).status_code == 429
    again.wait(15 * 60 + 1)
    assert again.post("shift", {**SHIFT, "pin": PIN}).status_code == 200


def test_c6_a_damaged_file_lets_nobody_in_without_a_pin(guarded: Desk) -> None:
    """Whoever spoils the file of officers does not thereby become one."""
    officers = guarded.console.officers
    officers._path.write_text("{}")
    assert guarded.get("state").json["pin_needed"] is True
    found = guarded.post("shift", {**SHIFT, "pin": PIN})
    assert error(found) == (503, "shift.officer")


def test_a_pin_is_kept_as_scrypt_for_this_account_alone(guarded: Desk) -> None:
    path = guarded.console.officers._path
    assert path.stat().st_mode & 0o777 == 0o600
    assert PIN not in path.read_text()


@pytest.mark.parametrize(
    ("officer", "pin"),
    [("", PIN), ("a b", PIN), ("a" * 33, PIN), ("b-1", "12345"), ("b-1", "12345\n")],
)
def test_officers_that_are_none(tmp_path: Path, officer: str, pin: str) -> None:
    officers = Officers(tmp_path, now=lambda: pytest.fail("asked for the time"))
    with pytest.raises(ValueError, match=r"an id|a PIN"):
        officers.add(officer, pin)
    with pytest.raises(ValueError, match="no such"):
        officers.remove("b-1")
    assert not officers.are_there()


def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "officers.json").mkdir()
    with pytest.raises(OfficersError):
        Officers(tmp_path, now=lambda: pytest.fail("time")).remove("b-1")


def test_o7_nothing_of_a_traveller_is_on_the_disk(desk: Desk, tmp_path: Path) -> None:
    """Whatever was scanned and typed, the console's folder names nobody."""
    found = desk.check(CODE)
    desk.post(f"answers/{found['id']}/compared", {"matches": False})
    desk.post("manual", dict.fromkeys(
        ("economy", "document_number", "passport_number"), "PA1234567"
    ))  # fmt: skip
    desk.post("log/export")
    for path in tmp_path.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert b"CITIZEN" not in data
            assert b"PA1234567" not in data


def test_o7_a_person_goes_even_if_no_page_asks_any_more(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A browser that was closed leaves nobody in the memory, and locks the screen."""
    monkeypatch.setattr(serving, "_TICK", 0.01)
    desk.check(WORLD.show(WORLD.card(family_name="LEFT BEHIND")))
    with serving.running(desk.console):
        desk.wait(15 * 60 + 1)
        for _ in range(600):
            if desk.session._is_locked:
                break
            threading.Event().wait(0.02)
        assert desk.session._is_locked
        assert not is_in_memory("LEFT BEHIND")
    assert desk.console.closing.is_set()


def test_a_full_disk_keeps_no_officer_from_the_lane(guarded: Desk) -> None:
    """Wrong tries are counted in memory then, and the right PIN counts."""
    officers = guarded.console.officers
    kept = officers._path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("verifier.console.officers.write_private", full)
        for _ in range(TRIES):
            assert guarded.post("shift", {**SHIFT, "pin": "x"}).status_code == 403
        assert guarded.post("shift", {**SHIFT, "pin": PIN}).status_code == 429
        guarded.wait(15 * 60 + 1)
        assert guarded.post("shift", {**SHIFT, "pin": PIN}).status_code == 200
    assert officers._path.read_bytes() == kept
