"""Old, missing, torn or half-loaded data is told, and never gives green."""

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import verifier
from tests.simulator import NOW, World
from tests.verifier.console.conftest import WORLD, Desk
from tests.verifier.tuf_repository import Repository

CODE = WORLD.show(WORLD.card())
HOUR = timedelta(hours=1)


@pytest.fixture
def synced_here(tmp_path: Path, source: Repository) -> Path:
    """A store of its own, which may be spoilt."""
    verifier.TrustStore(tmp_path / "store").sync(
        source.folder, root=source.first_root, now=NOW
    )
    return tmp_path / "store"


def fresh(desk: Desk) -> Any:
    return desk.get("state").json["freshness"]


@pytest.mark.parametrize(
    ("hours", "trust", "lists"),
    [
        (-0.5, "fresh", "fresh"),
        (34.9, "fresh", "fresh"),  # published an hour before
        (35.1, "fresh", "ageing"),  # past half of three days
        (70.9, "fresh", "ageing"),
        (71.1, "fresh", "stale"),
        (83.1, "ageing", "stale"),  # past half of seven days
        (166.9, "ageing", "stale"),
        (167.1, "stale", "stale"),
    ],
)
def test_d2_the_home_says_when_data_is_past_half_and_past_all_of_its_time(
    desk: Desk, hours: float, trust: str, lists: str
) -> None:
    """Each state begins exactly where the decision changes."""
    desk.now = NOW + timedelta(hours=hours)
    found = fresh(desk)
    assert (found["trust"]["state"], found["lists"]["state"]) == (trust, lists)
    assert found["overlays"]["state"] == lists
    decision = desk.check(WORLD.show(WORLD.card(), at=desk.now))
    assert (decision["look"] == "accepted") == (lists != "stale")
    assert bool(decision["ageing"]) == ("ageing" in {trust, lists} or lists == "stale")


def test_the_home_counts_lists(desk: Desk) -> None:
    found = fresh(desk)
    assert (found["lists"]["count"], found["lists"]["missing"]) == (3, 0)
    assert (found["overlays"]["count"], found["overlays"]["missing"]) == (3, 0)
    assert (found["lists"]["age"], found["lists"]["limit"]) == (3600, 259_200)
    assert (found["trust"]["age"], found["trust"]["version"]) == (3600, 1)


@pytest.mark.parametrize(
    ("minutes", "state"), [(-64, "good"), (-66, "behind"), (-(10**6), "behind")]
)
def test_t4_a_clock_that_went_back_is_told_with_the_true_bound(
    desk: Desk, minutes: int, state: str
) -> None:
    """Five minutes are let pass; beyond, the answer is amber."""
    desk.now = NOW + timedelta(minutes=minutes)
    clock = fresh(desk)["clock"]
    assert (clock["state"], clock["floor"]) == (state, (NOW - HOUR).isoformat())
    assert clock["offset"] == -60 * (minutes + 60)
    decision = desk.check(WORLD.show(WORLD.card(), at=desk.now))
    assert (decision["reason"] == "time.clock") == (state == "behind")


def test_s8_what_one_economy_lacks_is_counted(tmp_path: Path) -> None:
    """A list that is missing, refused, or without its overlay shows on the home."""
    documents = World(economies=["AUS", "JPN", "NZL", "SGP"]).documents()
    del documents["AUS/status/1.jwt"]
    documents["NZL/status/1.jwt"] = b"no list"
    del documents["SGP/overlay/JPN/1.jwt"]
    del documents["SGP/overlay/SGP/1.jwt"]  # nobody needs a clearance at home
    made = Repository(tmp_path / "mirror", documents)
    made.publish()
    store = verifier.TrustStore(tmp_path / "store")
    store.sync(made.folder, root=made.first_root, now=NOW)
    desk = Desk(tmp_path / "store", tmp_path / "home")
    desk.begin()
    found = fresh(desk)
    assert (found["lists"]["count"], found["lists"]["missing"]) == (2, 2)
    assert found["overlays"]["missing"] == 1
    assert desk.check(CODE)["reason"] == "status.missing"
    shown = desk.get("trust").json
    assert any("NZL/status/1.jwt" in each for each in shown["problems"])


def _nothing(store: Path) -> None:
    shutil.rmtree(store)


def _torn(store: Path) -> None:
    for manifest in store.rglob("manifest.json"):
        manifest.write_bytes(manifest.read_bytes()[:-20])


def _half(store: Path) -> None:
    """As an update leaves it that is just being written."""
    for generation in store.glob("generation-*"):
        generation.rename(store / ".abtc-new-x")


def _a_list_lost(store: Path) -> None:
    documents = [path for path in store.rglob("*") if len(path.name) == 64]
    max(documents, key=lambda path: path.stat().st_size).unlink()


@pytest.mark.parametrize("spoil", [_nothing, _torn, _half, _a_list_lost])
def test_o3_a_store_that_is_not_whole_is_not_ready(
    synced_here: Path, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    """The home says so, every scan is amber, and the console goes on running."""
    spoil(synced_here)
    desk = Desk(synced_here, tmp_path / "home")
    desk.begin()
    found = fresh(desk)
    assert (found["ready"], found["trust"]) == (False, None)
    assert found["problem"]
    assert found["clock"]["state"] == "unknown"
    decision = desk.check(CODE)
    assert (decision["look"], decision["reason"]) == ("by_hand", "device.not_ready")
    assert (decision["person"], decision["checks"]) == (None, [])
    assert desk.get("trust").status_code == 503


def test_an_update_counts_from_the_next_scan_on(
    synced_here: Path, tmp_path: Path, source: Repository
) -> None:
    """Whoever made it, and without the console being started anew."""
    desk = Desk(synced_here, tmp_path / "home")
    desk.begin()
    assert desk.check(CODE)["look"] == "accepted"
    revoke(source)
    verifier.TrustStore(synced_here).sync(
        source.folder, root=source.first_root, now=NOW
    )
    desk.check("x")  # another traveller
    other = WORLD.show(WORLD.card(), at=NOW + timedelta(seconds=10))
    assert desk.check(other)["reason"] == "status.revoked"


def revoke(source: Repository) -> None:
    world = World(economies=["AUS"])
    world.set_status(1)
    name = "AUS/status/1.jwt"
    source.issued_at += timedelta(minutes=20)
    source.documents[name] = world.list_token(name, iat=NOW - timedelta(minutes=50))
    source.publish()


# Updates


@pytest.fixture
def updating(tmp_path: Path, source: Repository) -> Iterator[Desk]:
    """A console without data, and where to get some."""
    root = tmp_path / "root.json"
    root.write_bytes(source.first_root)
    desk = Desk(
        tmp_path / "store", tmp_path / "home", root=root, place=str(source.folder)
    )
    desk.begin()
    yield desk
    desk.console.updates.close()


def finished(desk: Desk) -> Any:
    """What became of the update that was begun."""
    thread = desk.console.updates._thread
    assert thread is not None
    thread.join(timeout=60)
    found = fresh(desk)["update"]
    assert (found["running"], found["progress"]) == (False, None)
    return found["last"]


def test_o1_o5_updates_bring_old_and_new_version(
    updating: Desk, source: Repository
) -> None:
    """By address and by file; what is old, or not there, leaves all as it was."""
    desk = updating
    assert desk.check(CODE)["reason"] == "device.not_ready"
    begun = desk.post("update")
    assert begun.json["freshness"]["update"]["running"] is True
    assert desk.post("update").status_code == 409
    last = finished(desk)
    assert (last["before"], last["after"], last["error"]) == (None, 1, None)
    assert fresh(desk)["ready"] is True
    old = source.bundle(source.folder.parent / "old.zip").read_bytes()
    revoke(source)
    bundle = source.bundle(source.folder.parent / "bundle.zip").read_bytes()
    assert upload(desk, bundle).status_code == 200
    last = finished(desk)
    assert (last["before"], last["after"], last["changed"]) == (1, 2, 1)
    assert upload(desk, old).status_code == 200
    last = finished(desk)
    assert "older than what this device has seen" in last["error"]
    assert fresh(desk)["trust"]["version"] == 2
    # The network is cut: the same goes on, until it is too old for green.
    source.folder.rename(source.folder.with_name("gone"))
    desk.post("update")
    assert finished(desk)["error"]
    other = WORLD.card("NZL")
    assert desk.check(WORLD.show(other))["look"] == "accepted"
    desk.now += timedelta(days=4)
    late = desk.check(WORLD.show(other, at=desk.now))
    assert (late["look"], late["reason"]) == ("by_hand", "status.stale")


def upload(desk: Desk, bundle: bytes, kind: str = "application/zip") -> Any:
    return desk.browser.post(
        "/api/update/file",
        data=bundle,
        content_type=kind,
        base_url=desk.origin,
        headers={"Origin": desk.origin},
    )


def test_d14_a_file_that_is_no_bundle_changes_nothing(
    updating: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is told in one line, and nothing of it stays on the disk."""
    made = tmp_path / "made"
    made.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(made))
    assert upload(updating, b"PK\x05\x06" + bytes(18)).status_code == 200
    assert finished(updating)["error"]
    assert list(made.iterdir()) == []
    assert fresh(updating)["ready"] is False
    assert upload(updating, b"", "text/html").status_code == 415


def test_nothing_is_taken_without_a_root(desk: Desk) -> None:
    """There is nothing to verify it by."""
    for found in (desk.post("update"), upload(desk, b"PK")):
        assert (found.status_code, found.json["error"]) == (409, "update.no_source")


def test_updates_come_by_themselves(updating: Desk) -> None:
    """At once where there is no data, then every few hours, sooner after a failure."""
    desk = updating
    updates = desk.console.updates
    updates.tick(is_ready=False)
    assert finished(desk)["after"] == 1
    first = updates._thread
    desk.ticks += 3600
    updates.tick(is_ready=True)
    assert updates._thread is first
    desk.ticks += 3 * 3600
    updates.tick(is_ready=True)
    assert finished(desk)["before"] == 1
    assert updates._thread is not first


def test_an_update_that_is_killed_leaves_the_store(updating: Desk) -> None:
    """As when the program ends: what is there opens, and the next one goes on."""
    updating.post("update")
    updating.console.updates.close()
    again = Desk(
        updating.console.updates._source.store,
        Path(os.devnull).parent / "none",
        root=updating.console.updates._source.root,
        place=updating.console.updates._source.place,
    )
    again.begin()
    again.post("update")
    assert finished(again)["error"] is None
    assert fresh(again)["ready"] is True


def test_the_trust_data_can_be_looked_at(desk: Desk) -> None:
    """Issuers, keys with their windows, lists with their ages, rules with dates."""
    shown = desk.get("trust").json
    issuer = shown["issuers"][0]
    assert (issuer["economy"], issuer["test"]) == ("AUS", False)
    assert {key["use"] for key in issuer["keys"]} == {"card", "status"}
    assert all(key["signs_now"] for key in issuer["keys"])
    assert [each["kind"] for each in issuer["lists"]] == ["status"]
    rules = shown["destination"]["rules"]
    assert rules["max_stay"][0]["value"] == {"value": 60, "unit": "days"}
    assert shown["device"]["max_proof_age"] == 45
    assert shown["without_keys"]
    own = next(each for each in shown["issuers"] if each["economy"] == "SGP")
    kinds = sorted(each["kind"] for each in own["lists"])
    assert kinds == ["overlay", "overlay", "overlay", "status"]
