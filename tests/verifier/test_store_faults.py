"""The store when things go wrong: power, disks, damage, races, bad lines, wrong clocks.

A few of each by default. ABTC_SOAK=1 (``make soak``) does what is planned: runs L8 to
L11, L17 and L18. A card that is revoked in the newest data must never be accepted.
"""

import errno
import multiprocessing
import os
import random  # noqa: TID251  # seeded: a failure can be repeated
import shutil
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import (
    SimpleHTTPRequestHandler,
    ThreadingHTTPServer,
)
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

import verifier
from tests.power import PowerCuts, write_state
from tests.simulator import NOW, World
from tests.soak import SOAK, rounds
from tests.verifier.tuf_repository import Repository
from verifier.store import TrustStore

pytestmark = pytest.mark.timeout(3600 if SOAK else 300)
WORLD = World(economies=["AUS", "NZL", "SGP"])
REVOKED_SINCE = WORLD.show(WORLD.card())
GOOD = WORLD.show(WORLD.card("NZL"))
MINUTE = timedelta(minutes=1)


class Site:
    """A mirror in three versions, in the last of which a card is revoked, and a device.

    ``old``, ``second`` and ``mirror`` are at versions 1, 2 and 3, ``store`` at 2.
    """

    def __init__(self, folder: Path) -> None:
        self.repository = Repository(folder / "mirror", WORLD.documents())
        self.mirror = self.repository.folder
        self.root = self._publish(-60)
        self.old = shutil.copytree(self.mirror, folder / "old")
        self._publish(-55)
        self.second = shutil.copytree(self.mirror, folder / "second")
        self.store = folder / "store"
        self.sync(self.store)
        self.republish(-50)

    def sync(self, store: Path, source: Path | str | None = None) -> Any:
        return TrustStore(store).sync(source or self.mirror, root=self.root, now=NOW)

    def republish(self, minutes: int) -> None:
        """One version more, with the revocation, dated so many minutes from now."""
        world = World(economies=["AUS"])
        world.set_status(1)
        name = "AUS/status/1.jwt"
        token = world.list_token(name, iat=NOW + minutes * MINUTE)
        self.repository.documents[name] = token
        self._publish(minutes)

    def _publish(self, minutes: int) -> bytes:
        self.repository.issued_at = NOW + minutes * MINUTE
        self.repository.publish()
        return self.repository.first_root


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def answers(store: Path, now: datetime = NOW) -> tuple[str, str]:
    """What a device says of the card revoked since, and of the good one."""
    trust = TrustStore(store).load()
    return _reason(REVOKED_SINCE, trust, now), _reason(GOOD, trust, now)


def _reason(code: str, trust: verifier.Trust, now: datetime) -> str:
    found = WORLD.verify(code, trust=trust, now=now)
    return "accepted" if isinstance(found, verifier.Accepted) else found.reason.value


def test_o1_l10_power_cuts(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the disk had not been told to keep: the old data opens or the new.

    And the device can go on to the newest, and cannot be led back.
    """
    with monkeypatch.context() as patch:
        cuts = PowerCuts(site.store, patch)
        site.sync(site.store)
    states = list(cuts.states(seed=1))
    cuts.close()
    assert len(states) > 100
    step = rounds(usual=7, soak=1)
    opened = []
    for number, state in enumerate([*states[::step], states[-1]]):
        folder = tmp_path / f"cut-{number}"
        write_state(folder, state)
        opened.append(TrustStore(folder).load().version)
        assert answers(folder) in {
            ("accepted", "accepted"),
            ("status.revoked", "accepted"),
        }
        with pytest.raises(verifier.SyncError):
            site.sync(folder, site.old)
        site.sync(folder)
        assert answers(folder) == ("status.revoked", "accepted")
        with pytest.raises(verifier.SyncError):
            site.sync(folder, site.old)
        shutil.rmtree(folder)
    assert set(opened) == {2, 3}


def test_o1_l10_the_mark_never_runs_ahead(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a lazy disk has lost: where the new mark is, its generation is."""
    with monkeypatch.context() as patch:
        cuts = PowerCuts(site.store, patch)
        site.sync(site.store)
    mark = (site.store / "floor-a").read_bytes()
    newest = max(path.name for path in site.store.glob("generation-*"))
    states = [state for seed in range(25) for state in cuts.states(seed)]
    cuts.close()
    raised = [
        each for each in states if mark in (each.get("floor-a"), each.get("floor-b"))
    ]
    assert raised
    assert all(f"{newest}/manifest.json" in each for each in raised)


def test_o1_d1_the_mark_is_on_the_disk_when_an_update_returns(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a device has been told it has seen bars what is older, with nothing else."""
    with monkeypatch.context() as patch:
        cuts = PowerCuts(site.store, patch)
        site.sync(site.store)
    flushed = list(cuts.states(seed=3))[-4]  # of the end, what was flushed alone
    cuts.close()
    folder = tmp_path / "cut"
    write_state(folder, flushed)
    for generation in folder.glob("generation-*"):
        shutil.rmtree(generation)
    with pytest.raises(verifier.SyncError, match="older than what this device"):
        site.sync(folder, site.second)
    site.sync(folder)


def test_o1_l10_power_cut_of_the_first_update(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device that has nothing yet has nothing, or all of it."""
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    with monkeypatch.context() as patch:
        cuts = PowerCuts(fresh, patch)
        site.sync(fresh)
    states = list(cuts.states(seed=2))
    cuts.close()
    for number, state in enumerate(states[:: rounds(usual=11, soak=1)]):
        folder = tmp_path / f"cut-{number}"
        write_state(folder, state)
        with suppress(verifier.StoreError):
            assert answers(folder) == ("status.revoked", "accepted")
        site.sync(folder)
        assert answers(folder) == ("status.revoked", "accepted")
        shutil.rmtree(folder)


def test_o1_l10_killed_by_the_kernel_at_any_write(site: Site, tmp_path: Path) -> None:
    """SIGKILL in the middle: old or new, and the next update goes through."""
    copies = tmp_path / "copies"
    shutil.copytree(site.store, copies / "start")
    (tmp_path / "root.json").write_bytes(site.root)
    command = [sys.executable, "-m", "tests.verifier.killed_device", str(copies)]
    arguments = [str(site.mirror), str(tmp_path / "root.json")]
    subprocess.run([*command, *arguments], check=True)  # noqa: S603  # ours
    count = len(list(copies.iterdir())) - 1
    assert count > 40
    opened = [
        TrustStore(copies / str(number)).load().version for number in range(count)
    ]
    assert opened == sorted(opened)
    assert set(opened) == {2, 3}
    for number in range(count):
        store = copies / str(number)
        with pytest.raises(verifier.SyncError):
            site.sync(store, site.old)
        site.sync(store)
        assert answers(store) == ("status.revoked", "accepted")
        # Nothing is left behind but two generations and the mark.
        assert len(list(store.iterdir())) <= 4


@pytest.mark.skipif(not SOAK, reason="needs the right to mount; tried by make soak")
@pytest.mark.parametrize("free", [0, 1, 4, 64])
def test_o2_l11_a_disk_with_little_room(site: Site, tmp_path: Path, free: int) -> None:
    """A real file system that is full: the old data stays until there is room."""
    disk = tmp_path / "disk"
    disk.mkdir()
    _run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk))
    try:
        store = shutil.copytree(site.store, disk / "store")
        left = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        (disk / "ballast").write_bytes(bytes(left - free * 1024))
        with pytest.raises(verifier.StoreError, match="No space left"):
            site.sync(store)
        assert answers(store) == ("accepted", "accepted")
        (disk / "ballast").unlink()
        site.sync(store)
        assert answers(store) == ("status.revoked", "accepted")
    finally:
        _run("umount", str(disk))


def _run(*command: str) -> None:
    subprocess.run(command, check=True)  # noqa: S603  # ours


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_o2_l11_every_write_fails_once(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    """A disk that is full, broken or read-only: one line, and the old data stays."""
    names = ("fsync", "mkdir", "rename", "replace")
    real = {name: getattr(os, name) for name in names}
    left = 0

    def failing(name: str, *arguments: Any, **options: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0:
            raise OSError(error, os.strerror(error))
        return real[name](*arguments, **options)

    has_failed, allowed, told = True, 0, list[str]()
    while has_failed:
        allowed += rounds(usual=5, soak=1)
        folder = shutil.copytree(site.store, tmp_path / "copy")
        left = allowed
        with monkeypatch.context() as patch:
            for name in names:
                patch.setattr(os, name, partial(failing, name))
            try:
                site.sync(folder)
            except verifier.StoreError as failed:
                told.append(str(failed))
            has_failed = left <= 0
        assert answers(folder) in {
            ("accepted", "accepted"),
            ("status.revoked", "accepted"),
        }
        site.sync(folder)
        assert answers(folder) == ("status.revoked", "accepted")
        shutil.rmtree(folder)
    assert allowed > 20
    assert told
    assert all(os.strerror(error) in each and "\n" not in each for each in told)


def _flip(path: Path, rng: random.Random) -> None:
    data = bytearray(path.read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def _cut(path: Path, rng: random.Random) -> None:
    os.truncate(path, rng.randrange(path.stat().st_size))


def _fill(path: Path, rng: random.Random) -> None:
    path.write_bytes(rng.randbytes(path.stat().st_size))


def _swap(path: Path, rng: random.Random) -> None:
    other = rng.choice([each for each in _files(path.parent) if each != path] or [path])
    ours, theirs = path.read_bytes(), other.read_bytes()
    path.write_bytes(theirs)
    other.write_bytes(ours)


def _link(path: Path, rng: random.Random) -> None:
    target = path.rename(path.with_name(f"{path.name}.{rng.randrange(99)}"))
    path.symlink_to(target)


def _pipe(path: Path, _: random.Random) -> None:
    path.unlink()
    os.mkfifo(path)


def _to_folder(path: Path, _: random.Random) -> None:
    path.unlink()
    path.mkdir()


DAMAGE: dict[str, Callable[[Path, random.Random], object]] = {
    "missing": lambda path, _: path.unlink(),
    "empty": lambda path, _: path.write_bytes(b""),
    "cut": _cut,
    "flipped": _flip,
    "other bytes": _fill,
    "swapped": _swap,
    "link": _link,
    "pipe": _pipe,
    "folder": _to_folder,
    "huge": lambda path, _: os.truncate(path, 2**30),
}


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("kind", DAMAGE)
def test_o3_l9_damaged_stores(site: Site, tmp_path: Path, kind: str) -> None:
    """Nothing that is damaged makes a revoked card green, or stops the next update."""
    site.sync(site.store)
    assert len(list(site.store.glob("generation-*"))) == 2
    names = [path.relative_to(site.store) for path in _files(site.store)]
    singles = [(name,) for name in names]
    rng, told = random.Random(kind), set[str]()  # noqa: S311
    pairs = [tuple(rng.sample(names, 2)) for _ in range(rounds(usual=2, soak=150))]
    for number, damaged in enumerate([*singles[:: rounds(4, 1)], *pairs]):
        folder = shutil.copytree(site.store, tmp_path / f"copy-{number}")
        for name in damaged:
            with suppress(OSError, ValueError):  # the first damage met this file too
                DAMAGE[kind](folder / name, rng)
        try:
            assert answers(folder)[0] == "status.revoked"
        except verifier.StoreError as refused:
            told.add(str(refused).replace(str(folder), ""))
        with suppress(verifier.TrustError):
            site.sync(folder, site.old)
            pytest.fail("led back")
        site.sync(folder)
        assert answers(folder) == ("status.revoked", "accepted")
        shutil.rmtree(folder)
    assert told <= {" holds no trust data that can be used"}


@pytest.mark.parametrize("kind", ["cut", "flipped", "other bytes", "mixed", "members"])
def test_d14_l9_damaged_bundles(site: Site, tmp_path: Path, kind: str) -> None:
    """A damaged bundle is refused in one line or gives what is true; never less."""
    bundle = site.repository.bundle(tmp_path / "bundle")
    rng, told = random.Random(kind), list[str]()  # noqa: S311
    for _ in range(rounds(usual=15, soak=200)):
        copy = Path(shutil.copy(bundle, tmp_path / "damaged"))
        _damage_bundle(copy, kind, rng)
        try:
            site.sync(site.store, copy)
        except verifier.SyncError as refused:
            told.append(str(refused))
        before = TrustStore(site.store).load().version
        expected = "accepted" if before == 2 else "status.revoked"
        assert answers(site.store) == (expected, "accepted")
    assert told
    assert not any("\n" in each for each in told)
    site.sync(site.store)
    assert answers(site.store) == ("status.revoked", "accepted")


def _damage_bundle(bundle: Path, kind: str, rng: random.Random) -> None:
    if kind != "members":
        for each in (kind,) if kind in DAMAGE else rng.sample(["cut", "flipped"], 2):
            DAMAGE[each](bundle, rng)
        return
    with zipfile.ZipFile(bundle) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    first, second = rng.sample(sorted(members), 2)
    if rng.random() < 0.5:
        members[first], members[second] = members[second], members[first]
    else:
        data = bytearray(members[first])
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        members[first] = bytes(data)
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def test_o6_concurrent_updates(site: Site, tmp_path: Path) -> None:
    """Processes that update and read one store: each waits its turn or is told so."""
    count = rounds(usual=10, soak=200)
    context = multiprocessing.get_context("spawn")
    done = context.Event()
    results = context.Queue()
    arguments = (site.store, site.mirror, site.root, count, results)
    writers = [context.Process(target=_update, args=arguments) for _ in range(2)]
    reader = context.Process(target=_read, args=(site.store, done, results))
    for process in (*writers, reader):
        process.start()
    for minutes in range(-25, 0):
        site.republish(minutes)
        time.sleep(0.02)
    said = [results.get(timeout=600) for _ in writers]
    done.set()
    said.append(results.get(timeout=60))
    for process in (*writers, reader):
        process.join(timeout=60)
        assert process.exitcode == 0
    assert [each for each in said if each] == []
    site.sync(site.store)
    assert answers(site.store) == ("status.revoked", "accepted")


def _update(store: Path, mirror: Path, root: bytes, count: int, results: Any) -> None:
    wrong = []
    for _ in range(count):
        try:
            TrustStore(store).sync(mirror, root=root, now=NOW)
        except verifier.SyncError:
            pass  # the mirror was just being written, one file after the other
        except verifier.StoreError as error:
            if "another process" not in str(error):
                wrong.append(str(error))
    results.put(wrong)


def _read(store: Path, done: Any, results: Any) -> None:
    wrong: list[str] = []
    newest = 0
    while not done.is_set():
        trust = TrustStore(store).load()
        if trust.version < newest:
            wrong.append(f"{trust.version} after {newest}")
        newest = trust.version
        if _reason(GOOD, trust, NOW) != "accepted":
            wrong.append("the good card was refused")
    results.put(wrong)


OFFSETS = {
    "10 years back": timedelta(days=-3652),
    "a year back": timedelta(days=-365),
    "60 days back": timedelta(days=-60),
    "8 days back": timedelta(days=-8),
    "a day back": timedelta(days=-1),
    "an hour back": timedelta(hours=-1),
    "6 minutes back": timedelta(minutes=-6),
    "5 minutes back": timedelta(minutes=-5),
    "a minute back": timedelta(minutes=-1),
    "a second back": timedelta(seconds=-1),
    "right": timedelta(0),
    "half a second": timedelta(milliseconds=500),
    "a leap second": timedelta(seconds=1),
    "a minute": timedelta(minutes=1),
    "5 minutes": timedelta(minutes=5),
    "an hour": timedelta(hours=1),
    "a day": timedelta(days=1),
    "71 hours": timedelta(hours=71),
    "4 days": timedelta(days=4),
    "8 days": timedelta(days=8),
    "60 days": timedelta(days=60),
    "a year": timedelta(days=365),
    "2038": datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC) - NOW,
    "10 years": timedelta(days=3652),
}


@pytest.mark.parametrize("offset", OFFSETS.values(), ids=OFFSETS.keys())
def test_l8_t3_t4_clock_offsets(site: Site, offset: timedelta) -> None:
    """A clock that is wrong makes no card green that is not, however it is wrong."""
    site.sync(site.store)
    floor = TrustStore(site.store).info().time_floor
    clock = floor + offset
    plastic = WORLD.show(WORLD.card(form="physical"), at=clock)
    good = WORLD.show(WORLD.card("NZL", form="physical"), at=clock)
    # The clock steps between the scan and the decision: the rule is the same.
    for now in (clock, clock + timedelta(seconds=2), clock - timedelta(seconds=2)):
        trust = TrustStore(site.store).load()
        found = _reason(plastic, trust, now), _reason(good, trust, now)
        if floor - now > timedelta(minutes=5):
            assert found == ("time.clock", "time.clock")
        elif now - trust.issued_at > timedelta(days=7) or now >= trust.expires_at:
            assert found == ("trust.stale", "trust.stale")
        elif now - trust.issued_at > timedelta(days=3):
            assert found == ("status.stale", "status.stale")
        else:
            assert found == ("status.revoked", "accepted")
    assert len(OFFSETS) == 24


LISTS = {
    "expired": {"iat": NOW - timedelta(days=8)},
    "empty": {"capacity": 0},
    "shrunk": {"capacity": 4},
    "no list": {"status_list": {}},
    "of the past": {"exp": 1},
}


@pytest.mark.parametrize("changes", LISTS.values(), ids=LISTS.keys())
def test_l17_one_economys_list_is_no_good(site: Site, changes: dict[str, Any]) -> None:
    """It is that economy's cards that cannot be decided; the others' go on."""
    name = "AUS/status/1.jwt"
    site.repository.documents[name] = WORLD.list_token(name, **changes)
    site.repository.publish()
    fresh = site.store.with_name("fresh")
    site.sync(fresh)
    of_aus, of_nzl = answers(fresh)
    assert of_aus in {"status.unusable", "status.stale", "status.range"}
    assert of_nzl == "accepted"


class _Flaky(SimpleHTTPRequestHandler):
    """Serves a folder over a bad line: some answers are dropped, cut, late, changed."""

    rng: random.Random
    delay: float

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        fate = self.rng.random()
        if fate < 0.30:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        elif fate < 0.35:
            self._send_changed()
        else:
            if fate > 0.99:
                time.sleep(self.delay)
            super().do_GET()

    def _send_changed(self) -> None:
        path = Path(self.translate_path(self.path))
        data = bytearray(path.read_bytes() if path.is_file() else b"404")
        data[self.rng.randrange(len(data))] ^= 1 << self.rng.randrange(8)
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.mark.enable_socket
def test_l18_a_bad_line(site: Site) -> None:
    """However often an update fails on the way, it is whole or has not happened."""
    handler: Any = type(
        "Flaky",
        (_Flaky,),
        {"rng": random.Random(18), "delay": rounds(usual=0, soak=2)},  # noqa: S311
    )
    with _serve(partial(handler, directory=str(site.mirror))) as url:
        whole = 0
        for attempt in range(rounds(usual=40, soak=500)):
            with suppress(verifier.SyncError):
                report = site.sync(site.store, url)
                whole += not report.problems
            version = TrustStore(site.store).load().version
            expected = "accepted" if version == 2 else "status.revoked"
            assert answers(site.store)[1] == "accepted"
            assert answers(site.store)[0] in {expected, "accepted"}, attempt
        assert whole
    site.sync(site.store)
    assert answers(site.store) == ("status.revoked", "accepted")


@contextmanager
def _serve(handler: Callable[..., SimpleHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
