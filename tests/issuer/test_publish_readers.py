"""Publications while others read: run L7, short unless ABTC_SOAK=1."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.issuer.repository_reader import Desk, list_of
from tests.issuer.syncing_reader import OVERLAY, STATUS
from tests.simulator import NOW
from tests.soak import rounds

PUBLICATIONS = rounds(8, 200)
READERS = rounds(2, 4)
READS = rounds(40, 10_000)
"""In all, two in each round of a reader."""


@pytest.mark.timeout(rounds(300, 3600))
def test_l7_readers_while_lists_are_published(tmp_path: Path) -> None:
    """Nobody sees a torn state, nothing goes back, and what was revoked stays so."""
    desk = Desk(tmp_path).open()
    desk.publisher().add_economy("AUS", now=NOW)
    _publish(desk, 0)
    readers = [_reader(tmp_path, f"reader-{number}") for number in range(READERS)]
    firsts = [_line(reader) for reader in readers]
    assert {first["iat"] for first in firsts} == {_iat(0)}
    for number in range(1, PUBLICATIONS + 1):
        _publish(desk, number)
    (tmp_path / "done").touch()
    results = [reader.communicate() for reader in readers]
    assert [err for _, err in results] == [b""] * READERS
    assert [reader.returncode for reader in readers] == [0] * READERS
    lines = [[json.loads(line) for line in out.splitlines()] for out, _ in results]
    assert {each[-2]["iat"] for each in lines} == {_iat(PUBLICATIONS)}
    assert sum(2 * each[-1]["rounds"] for each in lines) >= READS


def _reader(folder: Path, name: str) -> subprocess.Popen[bytes]:
    """A reader in a process of its own."""
    each = READS // READERS // 2
    command = [sys.executable, "-m", "tests.issuer.syncing_reader"]
    return subprocess.Popen(  # noqa: S603  # our own script
        [*command, str(folder), name, str(each)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def _line(reader: subprocess.Popen[bytes]) -> Any:
    assert reader.stdout
    return json.loads(reader.stdout.readline())


def _iat(number: int) -> int:
    return int(NOW.timestamp()) + number


def _publish(desk: Desk, number: int) -> None:
    """Both lists say the same number of entries, at a moment of their own."""
    now = NOW + number * timedelta(seconds=1)
    states = dict.fromkeys(range(number), 1)
    lists = {
        name: list_of(states, name, iat=now, capacity=256) for name in (STATUS, OVERLAY)
    }
    desk.publish("AUS", desk.documents() | lists, now=now)
