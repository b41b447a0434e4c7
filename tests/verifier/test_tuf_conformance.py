"""What the conformance suite of The Update Framework asks, asked of our store.

`docs/tuf-conformance.md` says which test stands for which of the suite's cases. Beyond
the suite, every refusal here must leave the store exactly as it was.
"""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    MetaFile,
    SuccinctRoles,
    Targets,
)

import verifier
from tests.simulator import NOW, World
from tests.verifier.tuf_scene import NEWS, TOP, Device, Scene

WORLD = World(economies=["AUS", "NZL"])
DAY = timedelta(days=1)
PAST = datetime(2029, 12, 1, tzinfo=UTC)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "mirror", WORLD.documents("NZL"))


@pytest.fixture
def device(tmp_path: Path, scene: Scene) -> Device:
    return Device(tmp_path / "store", scene)


@cache
def key(letter: str, kind: str = "ecdsa") -> CryptoSigner:
    made: dict[str, Callable[[], CryptoSigner]] = {
        "ecdsa": CryptoSigner.generate_ecdsa,
        "ed25519": CryptoSigner.generate_ed25519,
        "rsa": CryptoSigner.generate_rsa,
    }
    return made[kind]()


def keys(letters: str) -> list[CryptoSigner]:
    return [key(letter) for letter in letters]


def set_keys(scene: Scene, role: str, step: str) -> None:
    """Set keys, threshold and signers as a step such as ``abc 2 ab`` says."""
    named, threshold, signers = step.split()
    scene.set_keys(
        role, keys(named), threshold=int(threshold), signers=keys(signers.strip("-"))
    )


def is_accepted(device: Device, economy: str) -> bool:
    shown = WORLD.show(WORLD.card(economy))
    found = WORLD.verify(shown, "NZL", trust=device.store.load())
    return isinstance(found, verifier.Accepted)


def problems(report: verifier.SyncReport) -> list[str]:
    return [problem.document for problem in report.problems]


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Serve a folder over HTTP; give its address and what was asked for."""
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(folder))

        def log_message(self, *_: object) -> None:
            asked.append(self.path)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


# The work flow


@pytest.mark.enable_socket
def test_what_is_asked_for_and_in_which_order(scene: Scene, device: Device) -> None:
    """The next root, timestamp, snapshot, targets; then the documents."""
    with served(scene.folder) as (url, asked):
        device.sync(source=url)
        first = [path for path in asked if path.startswith("/metadata/")]
        asked.clear()
        device.sync(source=url)
        assert set(asked) == {"/metadata/2.root.json", "/metadata/timestamp.json"}
    # A missing file is logged twice by the server.
    assert list(dict.fromkeys(first)) == [
        "/metadata/2.root.json",
        "/metadata/timestamp.json",
        "/metadata/1.snapshot.json",
        "/metadata/1.targets.json",
        "/metadata/1.AUS.json",
        "/metadata/1.NZL.json",
    ]


def test_the_signed_files_are_kept_byte_for_byte(scene: Scene, device: Device) -> None:
    """Also with white space that no other writer would put there."""
    path = scene.folder / "metadata" / "timestamp.json"
    path.write_bytes(path.read_bytes() + b" \n ")
    device.sync()
    published = {
        each.stem.removeprefix("1.") if "root" not in each.stem else each.stem: each
        for each in scene.folder.glob("metadata/*.json")
    }
    assert device.metadata() == {
        name: each.read_bytes() for name, each in published.items()
    }


def test_a_document_that_is_listed_nowhere(scene: Scene, device: Device) -> None:
    """Trust data without its scheme is refused, though all else is signed."""
    device.sync()
    scene.targets.targets = {}
    scene.publish(*NEWS)
    device.refuses("listed nowhere")


def _with_another_digit(data: bytes, before: bytes) -> bytes:
    end = data.index(before)
    digit = b"1" if data[end - 1 : end] == b"0" else b"0"
    return data[: end - 1] + digit + data[end:]


BAD_FIRST_ROOTS: dict[str, Callable[[bytes], bytes]] = {
    "no version": lambda data: data.replace(b'"version"', b'"revision"'),
    "no JSON": lambda data: data[:-9],
    "empty": lambda data: b"",
    "another signature": lambda data: _with_another_digit(data, b'"}],"signed"'),
    "another expiry": lambda data: data.replace(b"2040-", b"2041-"),
}


@pytest.mark.enable_socket
@pytest.mark.parametrize("change", BAD_FIRST_ROOTS.values(), ids=BAD_FIRST_ROOTS)
def test_a_bad_first_root_asks_for_nothing(
    scene: Scene, device: Device, change: Callable[[bytes], bytes]
) -> None:
    """Without a root to begin with, no server is spoken to."""
    bad = change(device.first_root)
    assert bad != device.first_root
    device.first_root = bad
    with served(scene.folder) as (url, asked):
        device.refuses("the root is not usable", source=url)
    assert asked == []


@pytest.mark.parametrize("role", TOP)
def test_d7_not_signed_by_its_key(scene: Scene, device: Device, role: str) -> None:
    """A role without its signature is refused, the first time and later."""
    scene.signers[role] = []
    scene.publish("root", *NEWS)
    device.refuses()
    scene.signers[role] = keys("z")
    scene.publish(role, *NEWS)
    device.refuses()


@pytest.mark.parametrize("role", ["root", "snapshot", "targets"])
def test_a_version_that_is_not_its_names(
    scene: Scene, device: Device, role: str
) -> None:
    """A file whose number is not the one in its name is refused."""
    device.sync()
    part = scene.part(role)
    part.version += 1
    scene.publish(role, name=f"2.{role}")
    if role != "root":
        meta = {"targets": ("snapshot", "timestamp"), "snapshot": ("timestamp",)}[role]
        mention = MetaFile(version=2)
        if role == "targets":
            scene.snapshot.meta["targets.json"] = mention
        else:
            scene.timestamp.snapshot_meta = mention
        scene.publish(*meta)
    device.refuses()


def test_another_timestamp_of_the_same_version(scene: Scene, device: Device) -> None:
    """What was seen under a version stays; the other content is not followed."""
    device.sync()
    before = device.metadata()
    scene.timestamp.snapshot_meta = MetaFile(version=100)
    scene.publish("timestamp", bump=False)
    assert device.sync().documents_changed == 0
    assert device.metadata() == before


def test_lengths_and_hashes_of_metadata(scene: Scene, device: Device) -> None:
    """Where snapshot and timestamp give them, right ones are accepted."""
    scene.is_hashed = True
    scene.publish(*scene.economies, *NEWS)
    assert device.sync().problems == ()
    assert device.held()["snapshot"] == 2


@pytest.mark.parametrize("member", ["length", "hashes"])
@pytest.mark.parametrize("role", ["snapshot", "targets"])
def test_d3_wrong_lengths_and_hashes_of_metadata(
    scene: Scene, device: Device, role: str, member: str
) -> None:
    """A file that is not the one that was listed is refused, though signed."""
    scene.is_hashed = True
    scene.publish(*NEWS)
    device.sync()
    scene.publish(role)
    meta: MetaFile = (
        scene.timestamp.snapshot_meta
        if role == "snapshot"
        else scene.snapshot.meta["targets.json"]
    )
    if member == "length":
        meta.length = 7
    else:
        meta.hashes = {"sha256": "0" * 64}
    scene.publish(
        *(("timestamp",) if role == "snapshot" else ("snapshot", "timestamp"))
    )
    device.refuses()


@pytest.mark.parametrize("member", ["length", "hashes"])
def test_d3_l17_a_wrong_hash_of_one_economy(
    scene: Scene, device: Device, member: str
) -> None:
    """The same for an economy's file costs that economy its news, and no other."""
    device.sync()
    scene.is_hashed = True
    scene.publish("AUS", "NZL")
    meta = scene.snapshot.meta["AUS.json"]
    if member == "length":
        meta.length = 7
    else:
        meta.hashes = {"sha256": "0" * 64}
    scene.publish("snapshot", "timestamp")
    assert problems(device.sync()) == ["AUS"]
    assert is_accepted(device, "AUS")
    assert is_accepted(device, "NZL")
    assert device.held()["NZL"] == 2


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
def test_a_file_that_is_not_there(scene: Scene, device: Device, role: str) -> None:
    """A mirror that lacks what it announces is refused."""
    device.sync()
    scene.publish(*NEWS)
    scene.remove("timestamp" if role == "timestamp" else f"2.{role}")
    device.refuses()


def test_another_type_under_the_right_name(scene: Scene, device: Device) -> None:
    """A snapshot, rightly signed for both roles, is no timestamp."""
    device.sync()
    shared = scene.signers["timestamp"]
    scene.set_keys("snapshot", shared)
    scene.publish("root")
    scene.snapshot.meta = {"snapshot.json": MetaFile(version=1)}
    scene.snapshot.unrecognized_fields = dict(scene.timestamp.unrecognized_fields)
    scene.publish("snapshot", name="timestamp")
    device.refuses("Expected 'timestamp'")


def test_t3_the_moment_comes_from_the_caller(scene: Scene, device: Device) -> None:
    """The same files are good today and refused on the day after their end."""
    scene.root.expires = NOW + 7 * DAY
    scene.publish("root")
    device.sync()
    device.sync(NOW + 7 * DAY - timedelta(seconds=1))
    device.refuses("root.json is expired", NOW + 7 * DAY)


# What no version of the format knows yet


def test_unknown_members_are_signed_and_ignored(scene: Scene, device: Device) -> None:
    """In root, in a key, in a role, in targets, economy and envelope."""
    device.sync()
    signer = CryptoSigner.generate_ecdsa()
    signer.public_key.unrecognized_fields["x-of-a-key"] = {"a": [1, 2]}
    scene.set_keys("root", [*scene.signers["root"], signer])
    scene.root.unrecognized_fields["x-of-root"] = "anything"
    scene.root.roles["root"].unrecognized_fields["x-of-a-role"] = 7
    scene.targets.unrecognized_fields["x-of-targets"] = {"b": None}
    scene.economies["AUS"].unrecognized_fields["x-of-an-economy"] = []
    scene.publish("root", "AUS", *NEWS)
    scene.edit("timestamp", lambda content: content.update({"x-unsigned": 1}))
    assert device.sync().problems == ()
    assert device.held() == dict.fromkeys(TOP, 2) | {"AUS": 2, "NZL": 1}


@pytest.mark.parametrize("role", ["root", "timestamp", "AUS"])
def test_an_added_member_breaks_the_signature(
    scene: Scene, device: Device, role: str
) -> None:
    """Unknown members are covered by the signature like all others."""
    device.sync()
    scene.publish("root", "AUS", *NEWS)
    name = "timestamp" if role == "timestamp" else f"2.{role}"
    scene.edit(name, lambda content: content["signed"].update({"x-added": 1}))
    if role == "AUS":
        assert problems(device.sync()) == ["AUS"]
        assert is_accepted(device, "AUS")
    else:
        device.refuses()


def test_a_misleading_hash_of_key_ids(scene: Scene, device: Device) -> None:
    """An old member that no specification knows changes nothing."""
    device.sync()
    signer = CryptoSigner.generate_ecdsa()
    signer.public_key.unrecognized_fields["keyid_hash_algorithms"] = ["md5"]
    scene.set_keys("snapshot", [signer])
    scene.publish("root", *NEWS)
    device.sync()
    assert device.held()["snapshot"] == 2


def test_a_key_under_an_id_of_its_own(scene: Scene, device: Device) -> None:
    """A key id is a name, and need not be a digest of the key."""
    signer = CryptoSigner.generate_ecdsa()
    signer.public_key.keyid = "ab" * 32
    scene.set_keys("snapshot", [signer])
    scene.publish("root", *NEWS)
    device.sync()
    assert device.held()["snapshot"] == 2


@pytest.mark.parametrize(
    ("version", "is_good"),
    [("1.0.0", True), ("1.99.7", True), ("2.0.0", False), ("0.9", False), ("x", False)],
)
def test_versions_of_the_specification(
    scene: Scene, device: Device, version: str, is_good: bool
) -> None:
    """Another main version is refused; a higher minor one may add what it likes."""
    device.sync()
    scene.publish("timestamp")
    scene.timestamp.spec_version = version
    scene.publish("timestamp")
    if is_good:
        assert device.sync().after == 3
    else:
        device.refuses()


@pytest.mark.parametrize("value", [False, None])
def test_without_consistent_snapshots(
    scene: Scene, device: Device, value: bool | None
) -> None:
    """If the root says so, plain names are asked for; verification is the same."""
    device.sync()
    scene.root.consistent_snapshot = value
    scene.publish("root", "AUS", *NEWS)
    device.refuses("cannot be fetched")
    for role in ("snapshot", "targets", "AUS", "NZL"):
        version = scene.part(role).version
        path = scene.folder / "metadata" / f"{version}.{role}.json"
        scene.put(role, path.read_bytes())
    assert device.sync().problems == ()
    assert device.held()["AUS"] == 2
    scene.put("targets", b"{}")
    scene.publish("targets", "snapshot", "timestamp")
    device.refuses()


# Ends


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
def test_d2_new_metadata_that_has_ended(
    scene: Scene, device: Device, role: str
) -> None:
    """What has ended is refused, the first time and as an update."""
    other = Device(device.folder.with_name("other"), scene)
    device.sync()
    scene.part(role).expires = PAST
    scene.publish(*NEWS)
    device.refuses("expired")
    other.refuses("expired")


def test_d2_the_newest_root_has_ended(scene: Scene, device: Device) -> None:
    """A last root that has ended refuses all that comes after it."""
    scene.publish("root")
    device.sync()
    scene.root.expires = PAST
    scene.publish("root", *NEWS)
    device.refuses("root.json is expired")


@pytest.mark.parametrize("number", [1, 2])
def test_a_root_on_the_way_may_have_ended(
    scene: Scene, device: Device, number: int
) -> None:
    """Only the newest root must be in force; devices may have slept for years."""
    roots = {1: PAST, 2: PAST, 3: scene.root.expires}
    scene.start_again("root")
    for version, expires in roots.items():
        scene.root.expires = expires
        scene.publish("root")
        if version == number:
            device.first_root = (
                scene.folder / f"metadata/{number}.root.json"
            ).read_bytes()
    device.sync()
    assert device.held()["root"] == 3


@pytest.mark.parametrize("role", TOP)
def test_what_ended_on_the_device_is_replaced(
    scene: Scene, device: Device, role: str
) -> None:
    """A device whose own data has ended goes on with what is published since."""
    scene.part(role).expires = NOW + 7 * DAY
    scene.publish("root", *NEWS)
    device.sync()
    scene.part(role).expires = NOW + 21 * DAY
    scene.publish("root", *NEWS)
    assert device.sync(NOW + 18 * DAY).problems == ()
    assert device.held()[role] == 3


def test_d2_an_economys_role_has_ended(scene: Scene, device: Device) -> None:
    """It is kept as it was, and named; the others go on."""
    device.sync()
    scene.economies["AUS"].expires = PAST
    scene.publish("AUS", "NZL", *NEWS)
    assert problems(device.sync()) == ["AUS"]
    assert is_accepted(device, "AUS")
    assert device.held()["NZL"] == 2


# Back in time


def test_d1_timestamp_goes_back(scene: Scene, device: Device) -> None:
    """A lower version of the timestamp is refused."""
    scene.publish("timestamp")
    device.sync()
    scene.start_again("timestamp")
    scene.publish("timestamp")
    device.refuses("older than what this device has seen")


@pytest.mark.parametrize("is_hashed", [False, True])
def test_d1_snapshot_goes_back(scene: Scene, device: Device, is_hashed: bool) -> None:
    """A newer timestamp does not make an older snapshot good."""
    scene.is_hashed = is_hashed
    scene.publish("snapshot", "timestamp")
    device.sync()
    scene.start_again("snapshot")
    scene.publish("snapshot", "timestamp")
    device.refuses("older")


@pytest.mark.parametrize("is_hashed", [False, True])
@pytest.mark.parametrize("role", ["targets", "AUS"])
def test_d1_targets_go_back(
    scene: Scene, device: Device, role: str, is_hashed: bool
) -> None:
    """Nor a newer snapshot older targets, or an economy's older role."""
    scene.is_hashed = is_hashed
    scene.publish(role, "snapshot", "timestamp")
    device.sync()
    scene.start_again(role)
    scene.publish(role, "snapshot", "timestamp")
    device.refuses("older")


@pytest.mark.parametrize("role", ["root", "snapshot", "targets", "AUS"])
def test_d1_the_mark_alone_knows_every_version(
    tmp_path: Path, scene: Scene, device: Device, role: str
) -> None:
    """With TUF's own state lost, going back is refused all the same."""
    scene.publish("root", "AUS", *NEWS)
    device.sync()
    for path in device.folder.glob("generation-*/metadata/*"):
        path.unlink()
    if role == "root":
        scene.remove("2.root")
        scene.publish("timestamp")
    else:
        scene.start_again(role)
        scene.publish(*dict.fromkeys([role, "snapshot", "timestamp"]))
    device.refuses("older")


def test_d1_a_role_leaves_the_snapshot(scene: Scene, device: Device) -> None:
    """The snapshot may forget no role; an economy leaves through the delegations."""
    device.sync()
    del scene.snapshot.meta["AUS.json"]
    scene.publish("snapshot", "timestamp")
    device.refuses("AUS.json")


FAST_FORWARD = {
    "timestamp": ["timestamp"],
    "snapshot": ["snapshot", "timestamp"],
    "targets": ["snapshot"],
    "AUS": ["snapshot"],
}


@pytest.mark.parametrize("is_mark_only", [False, True])
@pytest.mark.parametrize("role", FAST_FORWARD)
def test_d5_numbers_that_were_used_up(
    scene: Scene, device: Device, role: str, is_mark_only: bool
) -> None:
    """After new keys from the root, versions begin anew: for TUF and for the mark."""
    scene.part(role).version = 2**31
    scene.publish(*dict.fromkeys([role, *NEWS]))
    device.sync()
    scene.start_again(role)
    scene.publish(*dict.fromkeys([role, "snapshot", "timestamp"]))
    device.refuses("older")
    for renewed in FAST_FORWARD[role]:
        scene.set_keys(renewed, [CryptoSigner.generate_ecdsa()])
    scene.publish("root")
    scene.start_again(role)
    scene.publish(*dict.fromkeys([role, "snapshot", "timestamp"]))
    for _ in range(2):  # the mark that was kept then must follow as well
        if is_mark_only:
            for path in device.folder.glob("generation-*/metadata/*"):
                path.unlink()
        assert device.sync().problems == ()
        assert device.store._floor().versions[role] == 1
        if role != "timestamp":
            scene.publish("timestamp")
    if role != "timestamp":
        scene.start_again("timestamp")
        scene.publish("timestamp")
        device.refuses("older")


def test_d5_with_the_snapshots_key_a_role_may_leave(
    scene: Scene, device: Device
) -> None:
    """The same recovery rids the snapshot of roles that a thief has put there."""
    scene.snapshot.meta["EVIL.json"] = MetaFile(version=99)
    scene.publish("snapshot", "timestamp")
    device.sync()
    del scene.snapshot.meta["EVIL.json"]
    scene.publish("snapshot", "timestamp")
    device.refuses()
    scene.set_keys("snapshot", [CryptoSigner.generate_ecdsa()])
    scene.publish("root", *NEWS)
    assert device.sync().problems == ()


# Keys and thresholds

ROOTS: dict[str, tuple[bool, list[str]]] = {
    "one key for another": (True, ["b 1 b", "c 1 cb", "c 1 c"]),
    "signatures of strangers": (True, ["b 1 dbe", "c 1 dcbe", "c 1 dce"]),
    "any three of five": (
        True,
        ["abcde 3 ace", "abcde 3 aeb", "abcde 3 bda", "abcde 3 bda"],
    ),
    "one of five replaced": (True, ["abcde 3 ace", "abdef 3 aeb"]),
    "one of five replaced, in two steps": (
        True,
        ["abcde 3 ace", "abdef 3 acef", "abdef 3 aef"],
    ),
    "all five replaced, in two steps": (
        True,
        ["abcde 3 ace", "fghij 3 acefgh", "fghij 3 fgh"],
    ),
    "threshold raised": (True, ["bcd 1 b", "bcd 2 bc"]),
    "threshold lowered": (True, ["bcd 2 bc", "bcd 1 bc", "bcd 1 b"]),
    "threshold raised with a new key": (True, ["b 1 b", "bc 2 bc"]),
    "not by the old key": (False, ["b 1 b", "c 1 cde"]),
    "not by the new key": (False, ["b 1 b", "c 1 bde"]),
    "two of three new keys": (False, ["abcde 3 ace", "abdef 3 ace"]),
    "two of three old keys": (False, ["abcde 3 ace", "abdef 3 aef"]),
    "raised threshold not reached": (False, ["bcd 1 b", "bcd 2 c"]),
    "old threshold not reached": (False, ["bcd 2 bc", "bcd 1 b"]),
}


@pytest.mark.parametrize("case", ROOTS)
@pytest.mark.parametrize("is_at_once", [True, False])
def test_d7_chains_of_roots(
    scene: Scene, device: Device, case: str, is_at_once: bool
) -> None:
    """Each root is signed by the keys of the one before and by its own.

    A device may see them one by one, or all at once after a long sleep.
    """
    is_good, steps = ROOTS[case]
    scene.start_again("root")
    set_keys(scene, "root", steps[0])
    scene.publish("root")
    device.first_root = (scene.folder / "metadata/1.root.json").read_bytes()
    for step in steps[1:]:
        if not is_at_once:
            device.sync()
        set_keys(scene, "root", step)
        scene.publish("root")
    if is_good:
        device.sync()
        newest = (scene.folder / f"metadata/{len(steps)}.root.json").read_bytes()
        assert device.metadata()[f"{len(steps)}.root"] == newest
    else:
        device.refuses("signed by")


OTHERS: dict[str, tuple[bool, str]] = {
    "another key": (True, "c 1 c"),
    "signatures of strangers": (True, "b 1 dbe"),
    "not by the new key": (False, "c 1 bde"),
    "one of the three is no key of it": (False, "abdef 3 ace"),
    "two of three": (False, "abdef 3 ae"),
    "first three of five": (True, "abcde 3 ace"),
    "second three of five": (True, "abcde 3 aeb"),
    "third three of five": (True, "abcde 3 bda"),
    "fourth three of five": (True, "abcde 3 bcd"),
    "fifth three of five": (True, "abcde 3 cde"),
}


@pytest.mark.parametrize("case", OTHERS)
@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "AUS"])
def test_d7_new_keys_of_the_other_roles(
    scene: Scene, device: Device, role: str, case: str
) -> None:
    """A role is signed by the keys that root, or targets, names now."""
    device.sync()
    is_good, step = OTHERS[case]
    set_keys(scene, role, step)
    scene.publish("root", *dict.fromkeys([role, *NEWS]))
    if is_good:
        assert device.sync().problems == ()
        assert device.held()[role] == 2
    elif role == "AUS":
        assert problems(device.sync()) == ["AUS"]
        assert device.held()["AUS"] == 1
        assert not is_accepted(device, "AUS")  # nobody speaks for it by these keys
        assert is_accepted(device, "NZL")
    else:
        device.refuses("signed by")


def test_root_chain_of_seventy(scene: Scene, device: Device) -> None:
    """A device that slept through seventy roots wakes up; none is asked for twice."""
    device.sync()
    for _ in range(69):
        scene.publish("root")
    assert device.sync().requests == 71
    assert device.held()["root"] == 70
    assert device.sync().requests == 2
    for version in range(2, 71):
        scene.remove(f"{version}.root")
    scene.publish("timestamp")
    assert device.sync().after == 2


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "AUS"])
@pytest.mark.parametrize("step", ["abc 3 ab", "ab 3 ab"])
def test_d7_one_signature_short(
    scene: Scene, device: Device, role: str, step: str
) -> None:
    """Also where there are not even as many keys as signatures are needed."""
    device.sync()
    set_keys(scene, role, step)
    scene.publish("root", *dict.fromkeys([role, *NEWS]))
    if role == "AUS":
        assert problems(device.sync()) == ["AUS"]
        assert device.held()["AUS"] == 1
    else:
        device.refuses("signed by")


@pytest.mark.parametrize("role", ["root", "snapshot"])
@pytest.mark.parametrize("count", [2, 9])
def test_d7_one_key_many_times(
    scene: Scene, device: Device, role: str, count: int
) -> None:
    """A key id that stands several times is one key, and one signature."""
    device.sync()
    set_keys(scene, role, f"ab {count} ab")
    scene.root.roles[role].keyids += [key("a").public_key.keyid] * count
    scene.publish("root", *NEWS)
    for name in ("2.root", "2.snapshot"):
        scene.edit(
            name,
            lambda content: content["signatures"].extend(
                content["signatures"][:1] * count
            ),
        )
    device.refuses()


@pytest.mark.parametrize("kind", ["ecdsa", "ed25519"])
@pytest.mark.parametrize("role", ["root", "targets", "AUS"])
def test_d7_one_key_under_two_ids(
    scene: Scene, device: Device, role: str, kind: str
) -> None:
    """Two names for one key do not make two signatures of it."""
    device.sync()
    signer = key(kind, kind)
    twin = CryptoSigner(signer._private_key)
    twin.public_key.keyid = "cd" * 32
    keyval = twin.public_key.keyval
    keyval["public"] = keyval["public"].replace("\n", "\r\n")
    scene.set_keys(role, [*scene.signers[role], signer, twin], threshold=3)
    scene.publish("root", "AUS", *NEWS)
    device.refuses("one key under two ids")


def test_d7_threshold_zero(scene: Scene, device: Device) -> None:
    """Nothing is ever good without a signature."""
    device.sync()
    scene.publish("root", *NEWS)
    scene.edit(
        "2.root",
        lambda content: content["signed"]["roles"]["targets"].update(threshold=0),
        signers=scene.signers["root"],
    )
    device.refuses()


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "root"])
def test_d7_the_same_signature_twice(scene: Scene, device: Device, role: str) -> None:
    """Two signatures under one key id are malformed, even if one would do."""
    device.sync()
    scene.publish("root", *NEWS)
    name = "timestamp" if role == "timestamp" else f"2.{role}"
    scene.edit(
        name, lambda content: content["signatures"].append(content["signatures"][0])
    )
    device.refuses()


@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "ed25519"])
@pytest.mark.parametrize("role", ["root", "timestamp", "AUS"])
def test_kinds_of_keys(scene: Scene, device: Device, role: str, kind: str) -> None:
    """RSA, ECDSA and Ed25519 count alike; a wrong signature of each does not."""
    device.sync()
    other, more = key("kinds"), key(kind, kind)
    scene.set_keys(role, [*scene.signers[role], other, more], threshold=3)
    scene.publish("root", "AUS", *NEWS)
    assert device.sync().problems == ()
    assert device.held()[role] == 2
    scene.publish("root", "AUS", *NEWS)

    def swap(content: dict[str, Any]) -> None:
        (signature,) = (
            each
            for each in content["signatures"]
            if each["keyid"] == more.public_key.keyid
        )
        signature["sig"] = more.sign(b"something else").signature

    scene.edit("timestamp" if role == "timestamp" else f"3.{role}", swap)
    if role == "AUS":
        assert problems(device.sync()) == ["AUS"]
        assert device.held()["AUS"] == 2
    else:
        device.refuses("signed by")


@pytest.mark.parametrize("signature", ["00" * 70, ""])
def test_a_bad_signature_beside_enough_good_ones(
    scene: Scene, device: Device, signature: str
) -> None:
    """It is not counted, and does not spoil what is."""
    device.sync()
    scene.set_keys("timestamp", keys("ab"))
    scene.publish("root", *NEWS)
    scene.edit(
        "timestamp", lambda content: content["signatures"][0].update(sig=signature)
    )
    assert device.sync().after == 2


# Names of roles, and who delegates what to whom


@pytest.mark.parametrize(
    "name",
    ["?", "#", "/AUS", "../AUS", "..", "aus", "AUSX", "timestamp", "\u0410US", "AUS\n"],
)
def test_d8_d11_names_of_roles(
    tmp_path: Path, scene: Scene, device: Device, name: str
) -> None:
    """A role is an economy or the repository is refused; nothing of it is asked for."""
    device.sync()
    everything = {path for path in tmp_path.rglob("*") if "store" not in path.parts}
    if name in TOP:
        scene.delegations[name] = DelegatedRole(
            name="AUS", keyids=[], threshold=1, terminating=True, paths=["AUS/*"]
        )
        scene.delegations[name].name = name
    else:
        scene.delegate(name)
    scene.publish(*NEWS)
    device.refuses("no economy|deserialize")
    files = {path for path in tmp_path.rglob("*") if "store" not in path.parts}
    assert {path.name for path in files - everything} == {
        "2.targets.json",
        "2.snapshot.json",
    }


CODES = {"A": "AUS", "B": "NZL", "C": "SGP", "D": "PER"}
GRAPHS = {
    "one": "T>A",
    "two": "T>A T>B",
    "two levels": "T>A T>B B>C",
    "first child first": "T>A T>B A>C A>D",
    "three levels": "T>A T>B A>C C>D",
    "terminating below": "T>A T>B A>C! A>D",
    "terminating below, and on": "T>A T>B A>C! C>D",
    "other paths above": "T>A? T>B A>C",
    "other paths below": "T>A T>B A>C? C>D",
    "circle": "T>A T>B B>C C>D D>B",
    "diamond": "T>A T>B B>C A>C",
    "diamond of other paths": "T>A T>B B>C A>C?",
}


def draw(scene: Scene, graph: str) -> None:
    """Let the economies delegate as a graph says."""
    for edge in graph.split():
        parent, child = edge.rstrip("!?").split(">")
        paths = ["*.py"] if edge.endswith("?") else ["*", "*/*", "*/*/*"]
        if parent == "T":
            if edge.endswith("?"):
                scene.delegate(CODES[child], paths=paths)
        elif CODES[parent] in scene.economies:
            part, signer = scene.economies[CODES[parent]], key("child")
            part.delegations = part.delegations or Delegations({}, roles={})
            assert part.delegations.roles is not None
            part.delegations.roles[CODES[child]] = DelegatedRole(
                name=CODES[child],
                keyids=[],
                threshold=1,
                terminating=edge.endswith("!"),
                paths=paths,
            )
            part.add_key(signer.public_key, CODES[child])
            child_data = scene.folder / f"metadata/1.{CODES[child]}.json"
            if not child_data.exists():
                scene.snapshot.meta[f"{CODES[child]}.json"] = MetaFile(version=1)
                scene.signers["child"] = [signer]
                scene.put(child_data.stem, scene.signed("child", Targets(1)))


@pytest.mark.parametrize("case", GRAPHS)
def test_d13_graphs_of_delegations(scene: Scene, device: Device, case: str) -> None:
    """Targets delegates plainly to economies, and these to nobody.

    An economy that does is kept as it was; what it delegates to is never read.
    """
    device.sync()
    graph = GRAPHS[case]
    draw(scene, graph)
    scene.publish(*scene.economies, *NEWS)
    if "T>A?" in graph:
        device.refuses("more than its own documents")
        return
    report = device.sync()
    assert problems(report) == [CODES[each] for each in "AB" if f" {each}>" in graph]
    assert all("delegates further" in each.detail for each in report.problems)
    assert device.held().keys() == {*TOP, "AUS", "NZL"}
    assert is_accepted(device, "AUS")
    assert is_accepted(device, "NZL")


def test_d13_further_delegations_bring_nothing_the_first_time(
    scene: Scene, device: Device
) -> None:
    """A device that knows nothing yet of such an economy learns nothing of it."""
    draw(scene, "T>A T>B A>C")
    scene.publish(*scene.economies, *NEWS)
    assert problems(device.sync()) == ["AUS"]
    assert not is_accepted(device, "AUS")
    assert is_accepted(device, "NZL")


ODD_DELEGATIONS: dict[str, dict[str, Any]] = {
    "everything": {"paths": ["*"]},
    "everything below": {"paths": ["*/*"]},
    "another's": {"paths": ["NZL/*"]},
    "own and another's": {"paths": ["AUS/*", "NZL/status/*"]},
    "one character": {"paths": ["AUS/issuer.jso?"]},
    "lower case": {"paths": ["aus/*"]},
    "up and down": {"paths": ["AUS/../NZL/*"]},
    "nothing": {"paths": []},
    "hashes": {"paths": None, "path_hash_prefixes": ["0", "a"]},
    "going on": {"terminating": False},
}


@pytest.mark.parametrize("changes", ODD_DELEGATIONS.values(), ids=ODD_DELEGATIONS)
def test_d6_d8_d13_delegations_that_are_not_plain(
    scene: Scene, device: Device, changes: dict[str, Any]
) -> None:
    """Whatever else targets would let an economy sign makes the whole unusable."""
    device.sync()
    scene.delegate("AUS", **changes)
    scene.publish(*NEWS)
    device.refuses("AUS may sign more than its own documents")


def test_d13_hashed_bins(scene: Scene, device: Device) -> None:
    """Bins are no economies: they do not make all economies disappear."""
    device.sync()
    bins = SuccinctRoles([], 1, 4, "bin")
    scene.targets.delegations = Delegations({}, succinct_roles=bins)
    scene.targets.add_key(key("a").public_key)
    scene.publish(*NEWS)
    device.refuses("not economies")


def test_d13_the_same_role_twice(scene: Scene, device: Device) -> None:
    """Two delegations of one name, to different keys, are malformed."""
    device.sync()
    scene.publish(*NEWS)

    def double(content: dict[str, Any]) -> None:
        roles = content["signed"]["delegations"]["roles"]
        roles.append(dict(roles[0], keyids=roles[1]["keyids"]))

    scene.edit("2.targets", double, signers=scene.signers["targets"])
    device.refuses("deserialize")


@pytest.mark.parametrize(
    ("paths", "lost"),
    [
        (["AUS/*", "AUS/status/*"], None),
        (["AUS/*", "AUS/overlay/*/*"], "AUS/status/1.jwt"),
        (["AUS/status/*"], "AUS/issuer.json"),
    ],
)
def test_d8_paths_are_matched_level_by_level(
    scene: Scene, device: Device, paths: list[str], lost: str | None
) -> None:
    """A star ends at the next slash; what is listed beyond is found nowhere."""
    device.sync()
    scene.delegate("AUS", paths=paths)
    scene.publish("AUS", *NEWS)
    report = device.sync()
    assert problems(report) == (["AUS"] if lost else [])
    assert all(str(lost) in each.detail for each in report.problems)
    assert is_accepted(device, "AUS")


def test_a_role_that_the_snapshot_does_not_list(scene: Scene, device: Device) -> None:
    """It is not even asked for; the others are read."""
    del scene.snapshot.meta["AUS.json"]
    scene.publish("snapshot", "timestamp")
    report = device.sync()
    assert problems(report) == ["AUS"]
    assert "not part of snapshot" in report.problems[0].detail
    assert is_accepted(device, "NZL")


# Documents


def change(scene: Scene, name: str, data: bytes) -> None:
    scene.documents[name] = data
    scene.list_documents()


@pytest.mark.parametrize("algorithms", [("sha256",), ("sha512",), ("sha256", "sha512")])
def test_documents_at_every_depth_by_every_hash(
    scene: Scene, device: Device, algorithms: tuple[str, ...]
) -> None:
    """SHA-256, SHA-512 or both: what comes is what was published."""
    scene.list_documents(*algorithms)
    scene.publish(*scene.economies, *NEWS)
    report = device.sync()
    assert (report.problems, report.documents_changed) == ((), len(scene.documents))
    kept = {
        path.read_bytes()
        for path in (device.folder / "generation-1").iterdir()
        if path.is_file() and path.name != "manifest.json"
    }
    assert kept == set(scene.documents.values())
    assert is_accepted(device, "AUS")


@pytest.mark.parametrize("name", ["scheme.json", "AUS/status/1.jwt"])
def test_a_hash_that_nobody_knows(scene: Scene, device: Device, name: str) -> None:
    """A document that cannot be checked is not taken."""
    role = "targets" if name == "scheme.json" else "AUS"
    listed = scene.part(role).targets[name]
    listed.hashes = {"sha-next": "0" * 64}
    path = scene.file_of(name)
    path.with_name(f"{'0' * 64}.{path.name.partition('.')[2]}").write_bytes(
        path.read_bytes()
    )
    scene.publish(*dict.fromkeys([role, *NEWS]))
    if role == "targets":
        device.refuses()
    else:
        assert problems(device.sync()) == ["AUS"]
        assert not is_accepted(device, "AUS")


@pytest.mark.parametrize("how", ["other", "longer", "shorter", "missing"])
def test_d3_documents_that_were_swapped(scene: Scene, device: Device, how: str) -> None:
    """A changed file is refused by who has none, and not asked for by who has it."""
    device.sync()
    for name in ("scheme.json", "AUS/issuer.json"):
        path = scene.file_of(name)
        data = path.read_bytes()
        changed = {
            "other": data.replace(b"AUS", b"AUX"),
            "longer": data + b" ",
            "shorter": data[:-1],
        }
        path.unlink() if how == "missing" else path.write_bytes(changed[how])
    scene.publish("timestamp")
    assert device.sync().documents_changed == 0
    Device(device.folder.with_name("other"), scene).refuses()
    assert is_accepted(device, "AUS")


def test_d3_changes_and_swaps_in_turn(scene: Scene, device: Device) -> None:
    """A device that sees every third publication gets the right file or none."""
    device.sync()
    good = scene.documents["AUS/policy.json"] = WORLD.documents("AUS")[
        "AUS/policy.json"
    ]
    for number in range(9):
        data = good + b" " * number
        change(scene, "AUS/policy.json", data)
        scene.publish("AUS", *NEWS)
        if number % 3:
            continue
        assert device.sync().problems == ()
        digest = hashlib.sha256(data).hexdigest()
        assert (device.store._newest().folder / digest).read_bytes() == data
        scene.file_of("AUS/policy.json").write_bytes(b"{" + b" " * (len(data) - 1))
        scene.publish("AUS", *NEWS)
        assert device.sync().documents_changed == 0


def test_documents_are_fetched_once(scene: Scene, device: Device) -> None:
    """Newly signed metadata about the same documents brings none of them again."""
    first = device.sync()
    scene.publish("AUS", "NZL", *NEWS)
    again = device.sync()
    assert first.requests == again.requests + len(scene.documents)
    assert again.documents_changed == 0
