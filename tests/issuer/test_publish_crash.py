"""Killed at any write, the publisher leaves the old state or the new one."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from issuer.errors import PublishRefused
from tests.issuer.conftest import OpenDesk
from tests.issuer.repository_reader import APPROVED, Desk, list_of, scheme
from tests.simulator import NOW

STATUS = "AUS/status/1.jwt"
EVERY = ("scheme.json", "AUS/issuer.json", STATUS, "AUS/overlay/SGP/1.jwt")
LATER = NOW + timedelta(minutes=10)
TOP = ("root", "targets", "snapshot", "timestamp")
REVOKED = {STATUS: list_of({7: 1})}


class Killed(BaseException):
    """Nothing catches it, as nothing catches SIGKILL."""


class Failpoint:
    """Lets so many files be put in place, and kills at the next."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._left: int | None = None
        self._replace = os.replace
        monkeypatch.setattr(os, "replace", self._run)

    def after(self, count: int | None) -> None:
        self._left = count

    def _run(self, source: Path, target: Path) -> None:
        if self._left is not None:
            if self._left == 0:
                raise Killed
            self._left -= 1
        self._replace(source, target)


@pytest.fixture
def failpoint(monkeypatch: pytest.MonkeyPatch) -> Failpoint:
    return Failpoint(monkeypatch)


def oldest(desk: Desk, role: str) -> str:
    roles = {each.role: each for each in desk.publisher().status().roles}
    return roles[role].keys[0].key_id


def rotate(role: str) -> Callable[[Desk, str], object]:
    return lambda desk, old: desk.publisher().rotate_key(role, retire=old, now=NOW)


OPERATIONS: dict[str, tuple[int, Callable[[Desk, str], object]]] = {
    "lists": (4, lambda desk, _: desk.publish("AUS", desk.documents() | REVOKED)),
    "scheme": (
        4,
        lambda desk, _: desk.publish("targets", {"scheme.json": scheme(NOW)}),
    ),
    "refresh": (1, lambda desk, _: desk.publisher().refresh_timestamp(now=LATER)),
    "add": (4, lambda desk, _: desk.publisher().add_economy("NZL", now=NOW)),
    "revoke": (
        3,
        lambda desk, _: desk.publisher().revoke_economy(
            "AUS", now=NOW, approvals=APPROVED
        ),
    ),
    "AUS": (4, rotate("AUS")),
    "root": (1, rotate("root")),
    "targets": (5, rotate("targets")),
    "snapshot": (4, rotate("snapshot")),
    "timestamp": (3, rotate("timestamp")),
}
"""How many files an operation writes, and the operation."""
KILLS = [
    (name, count) for name, (most, _) in OPERATIONS.items() for count in range(most)
]


@pytest.mark.parametrize(("name", "count"), KILLS)
def test_l7_l10_a_reader_never_sees_a_half_state(
    tmp_path: Path, open_desk: OpenDesk, failpoint: Failpoint, name: str, count: int
) -> None:
    """Killed before its last file, nothing has changed, for a device that was there
    before and for a new one; and the same operation can be done again."""
    desk = open_desk(tmp_path, "AUS")
    before = desk.device("known").read(*EVERY)
    _, operation = OPERATIONS[name]
    old = oldest(desk, name) if name in {"AUS", *TOP} else ""
    failpoint.after(count)
    with pytest.raises(Killed):
        operation(desk, old)
    failpoint.after(None)
    seen = [desk.device(device).read(*EVERY) for device in ("known", "new")]
    assert seen == [before, before]
    operation(desk, old)
    after = [desk.device(device).read(*EVERY) for device in ("known", "newer")]
    assert after[0] == after[1]
    assert (after[0] != before) == (name in {"lists", "scheme", "revoke"})
    if old:
        roles = {each.role: each for each in desk.publisher().status().roles}
        assert old not in [key.key_id for key in roles[name].keys]
        assert len(roles[name].keys) in (1, 3)


@pytest.mark.parametrize("name", OPERATIONS)
def test_l10_no_write_goes_unbroken(
    tmp_path: Path, open_desk: OpenDesk, failpoint: Failpoint, name: str
) -> None:
    """The failpoints above are all that there are."""
    desk = open_desk(tmp_path, "AUS")
    most, operation = OPERATIONS[name]
    failpoint.after(most)
    operation(desk, oldest(desk, name) if name in {"AUS", *TOP} else "")


def test_l10_a_crash_while_the_repository_is_made(
    tmp_path: Path, failpoint: Failpoint
) -> None:
    """Without its first root there is no repository, and it can be made again."""
    desk = Desk(tmp_path)
    for count in range(5):
        failpoint.after(count)
        with pytest.raises(Killed):
            desk.publisher().init(scheme(), now=NOW)
        assert not (desk.public / "metadata/1.root.json").exists()
        with pytest.raises(PublishRefused, match=r"repository\.damaged"):
            desk.publisher().status()
    failpoint.after(None)
    desk.publisher().init(scheme(), now=NOW)
    assert desk.device().read("scheme.json") == {"scheme.json": scheme()}


def test_l10_what_an_interrupted_rotation_left_is_cleared_up(
    tmp_path: Path, open_desk: OpenDesk, failpoint: Failpoint
) -> None:
    """Killed before its second root, a rotation is finished, not started anew."""
    desk = open_desk(tmp_path, "AUS")
    old = oldest(desk, "targets")
    failpoint.after(4)  # root, targets, snapshot, timestamp
    with pytest.raises(Killed):
        desk.publisher().rotate_key("targets", retire=old, now=NOW)
    failpoint.after(None)
    roles = {each.role: each for each in desk.publisher().status().roles}
    assert len(roles["targets"].keys) == 4
    made = len(desk.key_files("targets"))
    desk.publisher().rotate_key("targets", retire=old, now=NOW)
    roles = {each.role: each for each in desk.publisher().status().roles}
    assert old not in [key.key_id for key in roles["targets"].keys]
    assert len(roles["targets"].keys) == 3
    assert len(desk.key_files("targets")) == made == 4


def test_l11_a_full_disk_changes_nothing(
    tmp_path: Path, open_desk: OpenDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error on the way is told, and what was in force still is."""
    desk = open_desk(tmp_path, "AUS")
    before = desk.device().read(*EVERY)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            desk.publish("AUS", desk.documents() | REVOKED)
    assert desk.device().read(*EVERY) == before
    desk.publish("AUS", desk.documents() | REVOKED)
    assert desk.device().read(STATUS) == REVOKED


def test_l10_every_file_is_on_disk_before_the_next(
    tmp_path: Path, open_desk: OpenDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Content, then name, then folder: a power cut cannot leave an empty file."""
    desk = open_desk(tmp_path, "AUS")
    done: list[str] = []
    on_disk: dict[Path, bytes] = {}
    sync, replace = os.fsync, os.replace

    def record_sync(descriptor: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        done.append("folder" if path.is_dir() else "file")
        if path.is_file():
            on_disk[path] = path.read_bytes()
        sync(descriptor)

    def record_replace(source: Path, target: Path) -> None:
        done.append(f"name {target.name}")
        on_disk[target] = on_disk.pop(source)
        replace(source, target)

    monkeypatch.setattr(os, "fsync", record_sync)
    monkeypatch.setattr(os, "replace", record_replace)
    written = desk.publish("AUS", desk.documents() | REVOKED).files
    expected = [
        step
        for path in written
        for step in ("file", f"name {Path(path).name}", "folder")
    ]
    assert done == ["file", *expected, "file"]  # the journal says so before and after
    assert on_disk == {path: path.read_bytes() for path in on_disk}


def test_l10_every_new_name_is_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of folders and of the journal too: else a power cut takes what is in them."""
    desk = Desk(tmp_path)
    done: list[str] = []
    sync, mkdir = os.fsync, os.mkdir

    def record_sync(descriptor: int) -> None:
        done.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        sync(descriptor)

    def record_mkdir(path: Path, mode: int = 0o777) -> None:
        done.append(f"made {path}")
        mkdir(path, mode)

    monkeypatch.setattr(os, "fsync", record_sync)
    monkeypatch.setattr(os, "mkdir", record_mkdir)
    desk.publisher().init(scheme(), now=NOW)
    assert done[done.index(f"{desk.keys}/journal.jsonl") + 1] == str(desk.keys)
    for name in ("", "/metadata", "/targets"):
        made = Path(f"{desk.public}{name}")
        assert done[done.index(f"made {made}") + 1] == str(made.parent)
