"""A hardware imager on a serial port: a real one, made of a pair of terminals."""

import os
import pty
import threading
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.verifier.console.conftest import WORLD, Desk
from verifier.console import imager as imager_module
from verifier.console import training
from verifier.console.imager import MAX_LINE, Imager, Lines
from verifier.console.layout import compare_typed

CODE = WORLD.show(WORLD.card())
MRZ = training.self_test().mrz


class Port:
    """A pair of terminals: what is written to one end, a program reads at the other."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self.ours = -1
        self.plug_in()

    def plug_in(self) -> None:
        self.ours, theirs = pty.openpty()
        tty.setraw(theirs)
        self.link.unlink(missing_ok=True)
        self.link.symlink_to(os.ttyname(theirs))
        self._theirs = theirs

    def pull_out(self) -> None:
        self.link.unlink()
        os.close(self.ours)
        os.close(self._theirs)

    def send(self, data: bytes) -> None:
        os.write(self.ours, data)


@pytest.fixture
def port(tmp_path: Path) -> Iterator[Port]:
    made = Port(tmp_path / "imager")
    yield made
    if made.link.is_symlink():
        made.pull_out()


@pytest.fixture
def desk(
    synced: Path, tmp_path: Path, port: Port, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Desk]:
    monkeypatch.setattr(imager_module, "_AGAIN", 0.05)
    monkeypatch.setattr(imager_module, "_GAP", 0.1)
    clock = [1000.0]
    imager = Imager(str(port.link), elapsed=lambda: clock[0])
    made = Desk(synced, tmp_path / "home", imager=imager)
    made.begin()
    imager.start()
    until(made, "connected")
    yield made
    imager.close()


def until(desk: Desk, state: str) -> Any:
    """What the home says of the imager, once it is so."""
    pause, told = threading.Event(), None
    for _ in range(600):
        told = desk.get("state").json["imager"]
        if told["state"] == state:
            return told
        pause.wait(0.02)
    raise AssertionError(told)


def scans(desk: Desk, after: int = 0) -> Any:
    return desk.get(f"imager?after={after}").json


def test_a_code_comes_to_the_page(desk: Desk, port: Port) -> None:
    """As it was sent, without the line end, and once."""
    port.send(CODE.encode() + b"\r\n")
    found = scans(desk)
    assert found["scans"] == [{"n": 1, "text": CODE}]
    port.send(b"x \r")
    assert scans(desk, after=1) == {"n": 2, "scans": [{"n": 2, "text": "x "}]}
    assert desk.check(found["scans"][0]["text"])["look"] == "accepted"


def test_a_passport_comes_whole(desk: Desk, port: Port) -> None:
    port.send(MRZ.replace("\n", "\r").encode() + b"\r")
    found = scans(desk)["scans"]
    assert found == [{"n": 1, "mrz": MRZ}]
    assert desk.post("passport", {"mrz": found[0]["mrz"]}).status_code == 200


def test_a_code_without_a_line_end_ends_with_silence(desk: Desk, port: Port) -> None:
    port.send(CODE.encode())
    assert scans(desk)["scans"] == [{"n": 1, "text": CODE}]


def test_garbage_is_told_and_goes_by(desk: Desk, port: Port) -> None:
    """Noise is a state, not a scan; the next code is read."""
    port.send(b"\xff\x00\xfe\r")
    assert scans(desk)["scans"] == [{"n": 1, "garbage": True}]
    assert until(desk, "garbage")["problem"]
    port.send(CODE.encode() + b"\r")
    assert scans(desk, after=1)["scans"] == [{"n": 2, "text": CODE}]
    until(desk, "connected")


def test_an_imager_that_is_pulled_out_comes_back(desk: Desk, port: Port) -> None:
    port.pull_out()
    assert until(desk, "absent")["problem"]
    port.plug_in()
    until(desk, "connected")
    port.send(b"x\r")
    assert scans(desk)["scans"] == [{"n": 1, "text": "x"}]


def test_o7_what_nobody_asked_for_is_of_another_traveller(
    desk: Desk, port: Port
) -> None:
    """A scan waits ten seconds for its page, and never for the next officer."""
    imager = desk.console.imager
    assert imager is not None
    port.send(b"x\r")
    imager.wait(0, 10)
    imager._elapsed = lambda: 1011.0
    assert imager.wait(0, 0) == (1, [])
    imager._elapsed = lambda: 1000.0
    imager._add("text", "y")
    desk.post("lock")
    found = desk.get("imager?after=0")
    assert (found.status_code, found.json["error"]) == (409, "shift.none")


def test_of_two_that_wait_the_later_gets_the_scan() -> None:
    imager = Imager("/dev/null", elapsed=lambda: 0.0)
    imager._add("text", "x")
    imager._asked = 7
    number, found = imager.wait(0, 0)
    assert (number, [each.text for each in found]) == (1, ["x"])
    imager.close()
    assert imager.wait(1, 20) == (1, [])  # closed: nobody waits


def test_a_page_without_an_imager_is_told(synced: Path, tmp_path: Path) -> None:
    desk = Desk(synced, tmp_path)
    desk.begin()
    assert desk.get("imager?after=0").status_code == 404
    assert desk.get("state").json["imager"] is None


@pytest.mark.parametrize("after", ["", "-1", "x", "9" * 30, "१"])
def test_c5_a_number_that_is_none(desk: Desk, after: str) -> None:
    assert desk.get(f"imager?after={after}").status_code == 400


def test_q1_a_line_has_its_bound() -> None:
    """An imager that never ends its line fills no memory, and is garbage once."""
    lines = Lines()
    found = [each for _ in range(100) for each in lines.feed(b"A" * 512)]
    assert found == []
    assert len(lines._bytes) <= MAX_LINE
    assert lines.feed(b"A\r" + b"B\r") == [("garbage", ""), ("text", "B")]
    assert Lines().feed(b"A" * 5000 + b"\r") == [("garbage", "")]


def test_half_a_passport_is_none() -> None:
    """Another line in between, or of another size, begins anew."""
    lines = Lines()
    first, second = MRZ.encode().split(b"\n")
    assert lines.feed(first + b"\rx\r" + second + b"\r") == [("text", "x")]
    assert lines.feed(b"A" * 30 + b"\r") == []
    assert lines.feed(first + b"\r" + second + b"\r") == [("mrz", MRZ)]


@pytest.mark.parametrize(
    ("typed", "state"),
    [
        ("ABTC1:YZ", "right"),
        ("", "empty"),
        ("abtc1:yz", "case"),
        ("ABTC1:Y", "cut"),
        ("ABTC1:YZZ", "long"),
        ("ABTC1:ZY", "layout"),
        ("ABTC1>YZ", "layout"),
        ("ABTC", "cut"),
        ("HC1:NCFO", "layout"),
        ("something else", "other"),
    ],
)
def test_a_keyboard_layout_is_found_out(typed: str, state: str) -> None:
    assert compare_typed(typed, "ABTC1:YZ").state == state


def test_the_self_test_compares_with_its_own_card(desk: Desk) -> None:
    """What a German layout makes of it is told letter by letter."""
    text = desk.get("selftest").json["card"]["text"]
    desk.console.frames.close()
    assert desk.post("selftest/imager", {"text": text}).json["state"] == "right"
    german = text.translate(str.maketrans("YZ", "ZY"))
    found = desk.post("selftest/imager", {"text": german}).json
    assert found["state"] == "layout"
    assert sorted(found["swapped"]) == [["Y", "Z"], ["Z", "Y"]]
