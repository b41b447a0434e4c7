"""Publications while others read: run L7, short unless ABTC_SOAK=1."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from tests.issuer.repository_reader import Desk, list_of
from tests.issuer.syncing_reader import OVERLAY, STATUS
from tests.simulator import NOW
from tests.soak import rounds

PUBLICATIONS = rounds(4, 200)
"""At least; they go on until the last reader has ended."""
READERS = rounds(2, 4)
READS = rounds(40, 10_000)
"""In all, at least; two in each round of a reader."""


@pytest.mark.timeout(rounds(300, 3600))
def test_l7_readers_while_lists_are_published(tmp_path: Path) -> None:
    """Nobody sees a torn state, nothing goes back, and what was revoked stays so."""
    desk = Desk(tmp_path).open()
    desk.publisher().add_economy("AUS", now=NOW)
    _publish(desk, 0)
    readers = [_reader(tmp_path, f"reader-{number}") for number in range(READERS)]
    for reader in readers:
        assert reader.stdout
        assert reader.stdout.readline() == b"reading\n"
    number = 0
    while number < PUBLICATIONS or any(each.poll() is None for each in readers):
        number += 1
        _publish(desk, number)
    results = [reader.communicate() for reader in readers]
    assert [err for _, err in results] == [b""] * READERS
    assert [reader.returncode for reader in readers] == [0] * READERS
    done = [json.loads(out) for out, _ in results]
    assert sum(2 * each["rounds"] for each in done) >= READS


def _reader(folder: Path, name: str) -> subprocess.Popen[bytes]:
    """A reader in a process of its own."""
    each = READS // READERS // 2
    command = [sys.executable, "-m", "tests.issuer.syncing_reader"]
    return subprocess.Popen(  # noqa: S603  # our own script
        [*command, str(folder), name, str(each)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def _publish(desk: Desk, number: int) -> None:
    """Both lists are of that moment, and say one entry more than the last time."""
    now = NOW + number * timedelta(seconds=1)
    states = dict.fromkeys(range(number), 1)
    lists = {
        name: list_of(states, name, iat=now, capacity=2**14)
        for name in (STATUS, OVERLAY)
    }
    desk.publish("AUS", desk.documents() | lists, now=now)
