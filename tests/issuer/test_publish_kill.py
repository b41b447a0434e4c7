"""Killed for real, at every write: SIGKILL, in a process of its own."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import verifier
from issuer.errors import PublishRefused
from tests.delta_writer import delta_path
from tests.issuer.economy_home import Home
from tests.issuer.killed_publisher import (
    LATER,
    LONG,
    LONGER,
    OPERATIONS,
    REVOKED,
    SENT,
    STATUS,
)
from tests.issuer.repository_reader import Desk, scheme
from tests.simulator import NOW
from verifier._delta import apply_delta

EVERY = ("scheme.json", "AUS/issuer.json", "AUS/status/1.jwt", "AUS/overlay/SGP/1.jwt")
FEWEST = {
    "init": 30,
    "lists": 13,
    "accept": 13,
    "deltas": 16,
    "timestamp": 4,
    "rotate-key": 14,
    "prune": 4,
}
"""Writes of an operation; fewer, and a kill was missed."""


def killed_everywhere(folder: Path, operation: str) -> Iterator[Desk]:
    """A desk for each write that the operation was killed at; in the last it ended."""
    command = [sys.executable, "-m", "tests.issuer.killed_publisher"]
    subprocess.run([*command, str(folder), operation], check=True)  # noqa: S603  # ours
    count = len(list(folder.iterdir())) - 1
    assert count > FEWEST[operation]
    yield from (Desk(folder / str(number)) for number in range(count))


def seen(desk: Desk) -> dict[str, bytes]:
    """What every reader sees: devices and stores, those from before and new ones."""
    known, new = (
        desk.device(name).read(*EVERY, now=LATER) for name in ("known", "new")
    )
    assert known == new
    root = (desk.public / "metadata/1.root.json").read_bytes()
    snapshots = []
    for name in ("known-store", "new-store"):
        store = verifier.TrustStore(desk.folder / name)
        assert store.sync(desk.public, root=root, now=LATER).problems == ()
        snapshots.append(store.load())
    assert snapshots[0].version == snapshots[1].version
    assert snapshots[0].issued_at == snapshots[1].issued_at
    return known


@pytest.mark.parametrize("operation", ["lists", "timestamp", "rotate-key", "prune"])
def test_l10_killed_by_the_kernel_at_any_write(tmp_path: Path, operation: str) -> None:
    """The whole old state or the whole new one, and the same operation works again."""
    start = Desk(tmp_path / "start").open("AUS")
    old = seen(start)
    new = old | (REVOKED if operation == "lists" else {})
    was_new = False
    for desk in killed_everywhere(tmp_path, operation):
        found = seen(desk)
        assert found in (old, new)
        assert not (was_new and found == old)
        was_new = operation == "lists" and found == new
        OPERATIONS[operation](desk)
        assert seen(desk) == new
        desk.publisher().refresh_timestamp(now=LATER)


def test_l10_killed_by_the_kernel_while_accepting(tmp_path: Path) -> None:
    """What an economy has sent is accepted as a whole, and once."""
    start = Desk(tmp_path / "start").open()
    home = Home(start)
    start.publisher().add_economy("AUS", now=NOW, key=home.make_key())
    start.publisher().accept(home.sign(start.documents()), now=NOW)
    sent = home.sign(start.documents() | REVOKED, now=LATER)
    (start.folder / SENT).write_bytes(sent.to_bytes())
    old = seen(start)
    was_new = []
    for desk in killed_everywhere(tmp_path, "accept"):
        found = seen(desk)
        was_new.append(found == old | REVOKED)
        if was_new[-1]:
            with pytest.raises(PublishRefused, match=r"submission\.stale"):
                OPERATIONS["accept"](desk)
        else:
            assert found == old
            OPERATIONS["accept"](desk)
        assert seen(desk) == old | REVOKED
    assert was_new == sorted(was_new)
    assert set(was_new) == {False, True}


def test_l10_killed_by_the_kernel_while_deltas_are_written(tmp_path: Path) -> None:
    """They come last: what is published is in force, and a delta is whole or none."""
    start = Desk(tmp_path / "start").open("AUS")
    start.publish("AUS", start.documents() | LONG, now=NOW)
    old = seen(start)
    path = delta_path(STATUS, LONGER[STATUS], LONG[STATUS])
    states = []
    for desk in killed_everywhere(tmp_path, "deltas"):
        delta, has_delta = desk.public / path, (desk.public / path).exists()
        states.append((seen(desk) != old, has_delta))
        if has_delta:
            assert apply_delta(delta.read_bytes(), LONG[STATUS]) == LONGER[STATUS]
        OPERATIONS["deltas"](desk)
        assert seen(desk) == old | LONGER
        assert delta.exists()
    assert states == sorted(states)
    assert set(states) == {(False, False), (True, False), (True, True)}


def test_l10_killed_by_the_kernel_while_the_repository_is_made(tmp_path: Path) -> None:
    """Without a first root it is made again, and with one all is there."""
    (tmp_path / "start").mkdir()
    made = []
    for desk in killed_everywhere(tmp_path, "init"):
        made.append((desk.public / "metadata/1.root.json").exists())
        if made[-1]:
            with pytest.raises(PublishRefused, match=r"repository\.exists"):
                OPERATIONS["init"](desk)
        else:
            OPERATIONS["init"](desk)
        assert seen(desk) == {"scheme.json": scheme()}
        desk.publisher().add_economy("AUS", now=NOW)
    assert made == sorted(made)
    assert not made[0]
