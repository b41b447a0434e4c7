"""The device's store: whole or not at all, and never back in time."""

import contextlib
import dataclasses
import hashlib
import json
import os
import random  # noqa: TID251  # seeded: a failure can be repeated
import shutil
import struct
import threading
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner

import verifier
from tests.simulator import NOW, World, b64u
from tests.verifier.tuf_repository import FAR, Repository
from verifier._floor import Floor
from verifier.store import TrustStore

WORLD = World(economies=["AUS", "NZL", "SGP"])
CODE = WORLD.show(WORLD.card())
PAST = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "mirror", WORLD.documents())
    made.publish()
    return made


@pytest.fixture
def store(tmp_path: Path) -> TrustStore:
    return TrustStore(tmp_path / "store")


def sync(store: TrustStore, repository: Repository, **changes: Any) -> Any:
    arguments = {"root": repository.first_root, "now": NOW, **changes}
    return store.sync(arguments.pop("source", repository.folder), **arguments)


def reason(store: TrustStore) -> str:
    found = WORLD.verify(CODE, trust=store.load())
    return "accepted" if isinstance(found, verifier.Accepted) else found.reason.value


def republish(repository: Repository, **documents: bytes) -> None:
    repository.issued_at += timedelta(minutes=10)
    repository.documents |= {
        name.replace("__", "/").replace("_jwt", ".jwt"): data
        for name, data in documents.items()
    }
    repository.publish()


def revoked_list(economy: str = "AUS") -> bytes:
    world = World(economies=[economy])
    world.set_status(1, issuer=economy)
    name = f"{economy}/status/1.jwt"
    return world.list_token(name, iat=NOW - timedelta(minutes=50))


def test_folder_bundle_and_mirror_give_the_same(
    tmp_path: Path, repository: Repository
) -> None:
    """Whatever way the trust data came, the same snapshot is loaded."""
    stores = {name: TrustStore(tmp_path / name) for name in ("a", "b")}
    sync(stores["a"], repository)
    sync(stores["b"], repository, source=repository.bundle(tmp_path / "bundle"))
    for store in stores.values():
        assert reason(store) == "accepted"
        assert store.load().version == 1
        assert store.load().problems == ()


@pytest.mark.enable_socket
def test_mirror_over_http(repository: Repository, store: TrustStore) -> None:
    """A mirror is any web server; an update with nothing new is two small requests."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(repository.folder))
    handler.log_message = lambda *_: None  # type: ignore[attr-defined]
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    try:
        sync(store, repository, source=url)
        again = sync(store, repository, source=url)
    finally:
        server.shutdown()
        server.server_close()
    assert reason(store) == "accepted"
    assert (again.requests, again.documents_changed) == (2, 0)
    assert again.received < 2000


@pytest.mark.parametrize(
    "url",
    ["http://mirror.example", "ftp://x", "https://u@x.example", "https://x.example?y"],
)
def test_mirrors_that_are_none(
    store: TrustStore, repository: Repository, url: str
) -> None:
    """Plain http, another scheme, a user or a query is refused before any request."""
    with pytest.raises(verifier.SyncError):
        sync(store, repository, source=url)


def test_an_update_is_taken(store: TrustStore, repository: Repository) -> None:
    """A revocation published since reaches the device, and only that is written."""
    sync(store, repository)
    before = store.load()
    assert store.load() is before
    republish(repository, AUS__status__1_jwt=revoked_list())
    report = sync(store, repository)
    assert (report.before, report.after, report.documents_changed) == (1, 2, 1)
    assert reason(store) == "status.revoked"


def test_a_store_made_anew_is_loaded_anew(
    tmp_path: Path, store: TrustStore, repository: Repository
) -> None:
    """A long-lived reader notices a store that was replaced, numbers and all."""
    sync(store, repository)
    before = store.load()
    republish(repository, AUS__status__1_jwt=revoked_list())
    other = TrustStore(tmp_path / "other")
    sync(other, repository)
    shutil.rmtree(tmp_path / "store")
    (tmp_path / "other").rename(tmp_path / "store")
    assert store.load() is not before
    assert reason(store) == "status.revoked"


def test_only_what_a_destination_needs(
    store: TrustStore, repository: Repository
) -> None:
    """With an economy named, other destinations' overlays stay away."""
    repository.documents |= WORLD.documents("NZL")
    repository.publish()
    sync(store, repository, economy="SGP")
    own = {name for name in WORLD.documents() if name.endswith(".jwt")}
    assert "SGP/overlay/AUS/1.jwt" in own
    assert store.info().lists.keys() == own


def test_d1_rollback_of_the_repository(
    tmp_path: Path, store: TrustStore, repository: Repository
) -> None:
    """An older repository is refused, with the moments, even if TUF has forgotten."""
    old = shutil.copytree(repository.folder, tmp_path / "old")
    republish(repository, AUS__status__1_jwt=revoked_list())
    sync(store, repository)
    with pytest.raises(verifier.SyncError):
        sync(store, repository, source=old)
    for folder in (tmp_path / "store").glob("generation-*/metadata"):
        shutil.rmtree(folder)
        folder.mkdir()
    with pytest.raises(
        verifier.SyncError, match="older than what this device has seen"
    ):
        sync(store, repository, source=old)
    assert reason(store) == "status.revoked"


def test_d1_o4_rollback_after_everything_was_deleted(
    tmp_path: Path, repository: Repository
) -> None:
    """A mark built into the installation holds even for an empty folder."""
    floor = Floor(versions={"timestamp": 2})
    store = TrustStore(tmp_path / "store", floor=floor)
    with pytest.raises(verifier.SyncError, match="timestamp has version 1, but 2"):
        sync(store, repository)
    repository.publish()
    sync(store, repository)
    assert store.load().version == 2


def test_o4_deleted_generations(
    tmp_path: Path, store: TrustStore, repository: Repository
) -> None:
    """With only the marks left, an old repository stays refused."""
    old = shutil.copytree(repository.folder, tmp_path / "old")
    republish(repository)
    sync(store, repository)
    for folder in (tmp_path / "store").glob("generation-*"):
        shutil.rmtree(folder)
    with pytest.raises(verifier.StoreError, match="no trust data"):
        store.load()
    with pytest.raises(verifier.SyncError, match="older"):
        sync(store, repository, source=old)


SEEN_ELSEWHERE = {
    "timestamp has version 2, but 3 was seen": Floor(versions={"timestamp": 3}),
    "AUS/status/1.jwt is of": Floor(lists={"AUS/status/1.jwt": int(NOW.timestamp())}),
    "published 2030-01-15 11:10:00 UTC": Floor(time=int(NOW.timestamp())),
}


@pytest.mark.parametrize("said", SEEN_ELSEWHERE)
def test_d1_o4_a_built_in_mark_above_what_is_there(
    tmp_path: Path, store: TrustStore, repository: Repository, said: str
) -> None:
    """What the store holds below the mark of a newer installation counts no more."""
    sync(store, repository)
    raised = TrustStore(tmp_path / "store", floor=SEEN_ELSEWHERE[said])
    with pytest.raises(verifier.StoreError, match="no trust data"):
        raised.load()
    republish(repository)
    try:
        found = [each.detail for each in sync(raised, repository).problems]
    except verifier.SyncError as refused:
        found = [str(refused)]
    assert said in found[0]
    with contextlib.suppress(verifier.StoreError):
        assert reason(raised) == "trust.unknown_issuer"


def test_d1_a_publication_dated_before_the_last(
    store: TrustStore, repository: Repository
) -> None:
    """The moment of publication goes forward only, whatever the numbers do."""
    sync(store, repository)
    repository.issued_at -= timedelta(seconds=1)
    repository.publish()
    with pytest.raises(verifier.SyncError, match="published 2030-01-15 10:59:59 UTC"):
        sync(store, repository)
    assert store.load().version == 1


def test_d1_d5_a_root_without_new_keys_renews_no_numbers(
    tmp_path: Path, store: TrustStore, repository: Repository
) -> None:
    """Numbers begin anew once for each change of keys, not with every later root."""
    sync(store, repository)
    repository.signers["timestamp"] = [CryptoSigner.generate_ecdsa()]
    for root_version in (2, 3):
        repository.root_version = root_version
        repository.write_root()
        republish(repository)
        if root_version == 2:
            sync(store, repository)
    for folder in (tmp_path / "store").glob("generation-*"):
        shutil.rmtree(folder)
    repository.versions["timestamp"] = 0
    republish(repository)
    with pytest.raises(verifier.SyncError, match="timestamp has version 1, but 2"):
        sync(store, repository)


def test_d1_d7_another_root_of_the_same_version(
    tmp_path: Path, store: TrustStore, repository: Repository
) -> None:
    """Root keys in wrong hands that sign a version twice lead no device back."""
    sync(store, repository)
    repository.root_version = 2
    repository.write_root()
    republish(repository)
    sync(store, repository)
    for folder in (tmp_path / "store").glob("generation-*"):
        shutil.rmtree(folder)
    repository.signers["timestamp"] = [CryptoSigner.generate_ecdsa()]
    repository.write_root()
    repository.versions["timestamp"] = 0
    republish(repository)
    with pytest.raises(verifier.SyncError, match="timestamp has version 1, but 2"):
        sync(store, repository)


def test_d1_o4_a_built_in_mark_that_knows_no_keys(
    tmp_path: Path, store: TrustStore, repository: Repository
) -> None:
    """A mark that names a newer root, and not its keys, renews no numbers."""
    republish(repository)
    sync(store, repository)
    repository.root_version = 2
    repository.write_root()
    for folder in (tmp_path / "store").glob("generation-*"):
        shutil.rmtree(folder)
    (tmp_path / "store" / "floor-b").unlink()
    repository.versions["timestamp"] = 0
    republish(repository)
    raised = TrustStore(tmp_path / "store", floor=Floor(versions={"root": 2}))
    with pytest.raises(verifier.SyncError, match="timestamp has version 1, but 2"):
        sync(raised, repository)


@pytest.mark.parametrize("lost", ["nothing", "generation-*", "floor-*"])
def test_s6_d1_an_older_list_in_newer_metadata(
    tmp_path: Path, store: TrustStore, repository: Repository, lost: str
) -> None:
    """A list that goes back is not taken, though signed again; the others go on."""
    newer = WORLD.list_token("AUS/status/1.jwt", iat=NOW - timedelta(minutes=50))
    older = WORLD.list_token("AUS/status/1.jwt", iat=NOW - timedelta(minutes=55))
    republish(repository, AUS__status__1_jwt=newer)
    sync(store, repository)
    republish(repository, AUS__status__1_jwt=older)
    for path in (tmp_path / "store").glob(lost):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    (problem,) = sync(store, repository).problems
    assert problem.document == "AUS"
    assert "AUS/status/1.jwt is of 2030-01-15 11:05:00" in problem.detail
    assert store.load().version == 3
    kept = None if "generation" in lost else NOW - timedelta(minutes=50)
    assert store.info().lists.get("AUS/status/1.jwt") == kept


@pytest.mark.parametrize(("seconds", "is_kept"), [(300, True), (301, False)])
def test_s6_d6_a_list_at_the_latest_believable_moment(
    store: TrustStore, repository: Repository, seconds: int, is_kept: bool
) -> None:
    """Up to 5 minutes after the trust data a list counts, and bars what is older."""
    latest = repository.issued_at + timedelta(minutes=10)
    name, ahead = "AUS/status/1.jwt", latest + timedelta(seconds=seconds)
    sync(store, repository)
    before = store.info().lists[name]
    republish(repository, AUS__status__1_jwt=WORLD.list_token(name, iat=ahead))
    problems = sync(store, repository).problems
    assert [each.document for each in problems] == ([] if is_kept else ["AUS"])
    assert store.info().lists[name] == (ahead if is_kept else before)
    republish(repository, AUS__status__1_jwt=revoked_list())
    problems = sync(store, repository).problems
    assert [each.document for each in problems] == (["AUS"] if is_kept else [])
    assert reason(store) == ("accepted" if is_kept else "status.revoked")


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "root"])
def test_d2_expired_roles(store: TrustStore, repository: Repository, role: str) -> None:
    """Metadata that has ended is refused; what was there stays."""
    sync(store, repository)
    repository.expires[role] = PAST
    if role == "root":
        repository.root_version = 2
        repository.write_root()
    republish(repository)
    with pytest.raises(verifier.SyncError, match="expired"):
        sync(store, repository)
    assert store.load().version == 1


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "root"])
def test_d2_the_earliest_end_counts(
    store: TrustStore, repository: Repository, role: str
) -> None:
    """Trust data ends with the first of the four roles; then no card is green."""
    repository.expires[role] = NOW + timedelta(hours=1)
    repository.root_version = 2
    repository.write_root()
    republish(repository)
    sync(store, repository)
    for minutes, expected in ((59, "accepted"), (60, "trust.stale")):
        at = NOW + timedelta(minutes=minutes)
        shown = WORLD.show(WORLD.card(), at=at)
        found = WORLD.verify(shown, trust=store.load(), now=at)
        if expected == "accepted":
            assert isinstance(found, verifier.Accepted)
        else:
            assert isinstance(found, verifier.Undecided)
            assert found.reason == expected


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
def test_d5_d7_foreign_signatures(
    store: TrustStore, repository: Repository, role: str
) -> None:
    """Metadata signed by other keys, or by too few, is refused."""
    sync(store, repository)
    good = repository.signers[role]
    repository.signers[role] = (
        good[:1] if role == "targets" else [CryptoSigner.generate_ecdsa()]
    )
    republish(repository)
    with pytest.raises(verifier.SyncError, match="not properly signed"):
        sync(store, repository)
    assert store.load().version == 1


def test_d7_root_needs_two_of_three(store: TrustStore, repository: Repository) -> None:
    """A new root with one signature is refused; with two it is taken."""
    sync(store, repository)
    repository.root_version = 2
    repository.write_root(signers=repository.signers["root"][:1])
    with pytest.raises(verifier.SyncError):
        sync(store, repository)
    repository.write_root(signers=repository.signers["root"][:2])
    republish(repository)
    sync(store, repository)
    assert store.info().version == 2


def test_d3_a_target_that_is_another(store: TrustStore, repository: Repository) -> None:
    """A file that is not what the metadata says is refused."""
    for path in (repository.folder / "targets").glob("*scheme.json"):
        path.write_bytes(path.read_bytes().replace(b"Australia", b"Austria"))
    with pytest.raises(verifier.SyncError):
        sync(store, repository)
    with pytest.raises(verifier.StoreError):
        store.load()


@pytest.mark.parametrize(
    "name",
    ["NZL/status/9.jwt", "AUS/../NZL/issuer.json", "AUS/Issuer.json", "AUS/x/y.jwt"],
)
def test_d6_d8_an_economy_signs_what_is_not_its(
    store: TrustStore, repository: Repository, name: str
) -> None:
    """Names outside an economy's own are not taken from it, and are reported."""
    repository.documents[name] = repository.documents["AUS/issuer.json"]
    own = [each for each in repository.documents if each.startswith("AUS/")]
    repository.listed["AUS"] = [*own, name]
    repository.publish()
    report = sync(store, repository)
    assert name in {problem.document for problem in report.problems}
    found = WORLD.verify(WORLD.show(WORLD.card("NZL")), trust=store.load())
    assert isinstance(found, verifier.Accepted)


def test_l17_one_broken_economy_leaves_the_others(
    store: TrustStore, repository: Repository
) -> None:
    """An economy whose metadata is no good is kept as it was; others go on."""
    sync(store, repository)
    repository.expires["NZL"] = PAST
    republish(repository, AUS__status__1_jwt=revoked_list())
    report = sync(store, repository)
    assert [problem.document for problem in report.problems] == ["NZL"]
    assert reason(store) == "status.revoked"
    found = WORLD.verify(WORLD.show(WORLD.card("NZL")), trust=store.load())
    assert isinstance(found, verifier.Accepted)


@pytest.mark.parametrize("name", ["issuer.json", "1.jwt"])
@pytest.mark.parametrize("damage", ["missing", "longer", "other"])
def test_s8_l17_one_economys_file_is_withheld(
    store: TrustStore, repository: Repository, name: str, damage: str
) -> None:
    """What a mirror lacks or has damaged of one economy stops no other."""
    sync(store, repository)
    changed = {
        f"AUS/{folder}{name}": repository.documents[f"AUS/{folder}{name}"] + b"\n"
        for folder in ("", "status/")
        if f"AUS/{folder}{name}" in repository.documents
    }
    repository.documents |= changed
    republish(repository, NZL__status__1_jwt=revoked_list("NZL"))
    (digest,) = (hashlib.sha256(data).hexdigest() for data in changed.values())
    (path,) = repository.folder.glob(f"targets/AUS/**/{digest}.*")
    DAMAGE_TO_A_FILE[damage](path)
    report = sync(store, repository)
    assert [problem.document for problem in report.problems] == ["AUS"]
    assert reason(store) == "accepted"
    shown = WORLD.show(WORLD.card("NZL"))
    found = WORLD.verify(shown, trust=store.load())
    assert isinstance(found, verifier.Rejected)
    assert found.reason == "status.revoked"


DAMAGE_TO_A_FILE: dict[str, Callable[[Path], object]] = {
    "missing": Path.unlink,
    "longer": lambda path: path.write_bytes(path.read_bytes() + b" " * 2**20),
    "other": lambda path: path.write_bytes(bytes(len(path.read_bytes()))),
}


def test_s8_a_source_without_our_own_files(
    store: TrustStore, repository: Repository
) -> None:
    """A source that was not made for this destination is refused as a whole."""
    sync(store, repository, economy="SGP")
    republish(
        repository,
        SGP__overlay__AUS__1_jwt=WORLD.list_token(
            "SGP/overlay/AUS/1.jwt", iat=NOW - timedelta(minutes=50)
        ),
    )
    newest = repository.documents["SGP/overlay/AUS/1.jwt"]
    digest = hashlib.sha256(newest).hexdigest()
    (repository.folder / f"targets/SGP/overlay/AUS/{digest}.1.jwt").unlink()
    with pytest.raises(verifier.SyncError, match="cannot be fetched"):
        sync(store, repository, economy="SGP")
    assert store.load().version == 1


def test_s2_d6_a_list_of_the_future_bars_nobody(
    store: TrustStore, repository: Repository
) -> None:
    """A list dated ahead, by a thief or a wrong clock, is refused, and forgotten.

    Nor does it lie on the device until its day has come.
    """
    sync(store, repository)
    ahead = WORLD.list_token("AUS/status/1.jwt", iat=NOW + timedelta(days=900))
    republish(repository, AUS__status__1_jwt=ahead)
    for now in (NOW, NOW + timedelta(days=901)):
        repository.expires |= dict.fromkeys(repository.versions, FAR)
        (problem,) = sync(store, repository, now=now).problems
        assert "dated after the trust data" in problem.detail
        assert store.info().lists["AUS/status/1.jwt"] < NOW
    assert reason(store) == "accepted"
    republish(repository, AUS__status__1_jwt=revoked_list())
    assert sync(store, repository).problems == ()
    assert reason(store) == "status.revoked"


@pytest.mark.parametrize(
    "token",
    [
        b"",
        b"x",
        b"\xff.\xff.",
        b"a.!.c",
        b"a..c",
        b"a.W10.c",  # []
        b"a.e30.c",  # {}
        b"a.eyJpYXQiOiJ4In0.c",  # {"iat":"x"}
        b"a.eyJpYXQiOi0xfQ.c",  # {"iat":-1}
        b"a.eyJpYXQiOjFlOTl9.c",  # {"iat":1e99}
        b"a.eyJpYXQiOjk5OTk5OTk5OTk5OTk5OTk5OX0.c",  # a moment far past the year 9999
    ],
)
def test_s3_l17_a_list_that_is_none(
    store: TrustStore, repository: Repository, token: bytes
) -> None:
    """What an economy publishes in place of its list stops nobody else's news."""
    republish(repository, AUS__status__1_jwt=token)
    problems = sync(store, repository).problems
    assert [each.document for each in problems] == ["AUS/status/1.jwt"]
    assert reason(store) == "status.unusable"
    republish(repository, AUS__status__1_jwt=revoked_list())
    assert sync(store, repository).problems == ()
    assert reason(store) == "status.revoked"


@pytest.mark.parametrize("roles", [["timestamp"], ["timestamp", "snapshot"]])
def test_d5_stolen_online_keys_harm_until_they_are_replaced(
    tmp_path: Path, store: TrustStore, repository: Repository, roles: list[str]
) -> None:
    """Numbers used up and a date far ahead: nothing is green, nothing is for ever.

    Once the root names new keys, the device follows: right away, and also from a
    backup of its marks alone.
    """
    sync(store, repository)
    honest = dict(repository.versions)
    moment = repository.issued_at
    repository.versions |= dict.fromkeys(roles, 2**40)
    repository.issued_at = NOW + timedelta(days=900)
    repository.publish()
    sync(store, repository)
    assert reason(store) == "time.clock"
    repository.versions = honest | {"targets": repository.versions["targets"]}
    repository.issued_at = moment + timedelta(minutes=30)
    for role in roles:
        repository.signers[role] = [CryptoSigner.generate_ecdsa()]
    repository.root_version = 2
    repository.write_root()
    repository.publish()
    bare = shutil.copytree(tmp_path / "store", tmp_path / "bare")
    for folder in bare.glob("generation-*"):
        shutil.rmtree(folder)
    later = NOW + timedelta(minutes=10)
    repository.issued_at = later
    repository.publish()
    for each in (store, TrustStore(bare)):
        sync(each, repository, now=later)
        shown = WORLD.show(WORLD.card(), at=later)
        found = WORLD.verify(shown, trust=each.load(), now=later)
        assert isinstance(found, verifier.Accepted)


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
def test_d5_d1_numbers_too_large_to_keep(
    tmp_path: Path, store: TrustStore, repository: Repository, role: str
) -> None:
    """A thief of an online key cannot make a device lose its mark, and go back."""
    old = shutil.copytree(repository.folder, tmp_path / "old")
    republish(repository, AUS__status__1_jwt=revoked_list())
    sync(store, repository)
    repository.versions[role] = 2**53
    for _ in range(2):
        republish(repository)
        with pytest.raises(verifier.SyncError, match="beyond 2"):
            sync(store, repository)
    with pytest.raises(verifier.SyncError, match="older"):
        sync(store, repository, source=old)
    assert reason(store) == "status.revoked"


def list_much(repository: Repository, count: int) -> None:
    """Let AUS list so many documents, under names that are long and full of commas."""
    own = [name for name in repository.documents if name.startswith("AUS/")]
    commas = "," * 100
    more = [f"AUS/{commas}/{commas}/{n}\x01" for n in range(count - len(own))]
    repository.documents |= dict.fromkeys(more, b"x")
    repository.listed["AUS"] = [*own, *more]


HOSTILE_ECONOMIES: dict[str, Callable[[Repository], object]] = {
    "version": lambda made: made.versions.update(AUS=2**53),
    "length": lambda made: made.documents.update(
        {"AUS/status/9.jwt": bytes(4 * 2**20 + 1)}
    ),
    "names": lambda made: list_much(made, 1025),
}


@pytest.mark.parametrize("how", HOSTILE_ECONOMIES)
def test_d6_what_no_device_could_keep(
    store: TrustStore, repository: Repository, how: str
) -> None:
    """Numbers, lengths and counts of one economy cost no device its store."""
    sync(store, repository)
    HOSTILE_ECONOMIES[how](repository)
    for minutes in (0, 1):
        newer = WORLD.list_token(
            "NZL/status/1.jwt", iat=NOW - timedelta(minutes=50 - minutes)
        )
        republish(repository, NZL__status__1_jwt=newer)
        problems = sync(store, repository).problems
        assert [each.document for each in problems] == ["AUS"]
        assert reason(store) == "accepted"
    assert store.load().version == 3


def test_d6_d8_names_made_to_fill_the_store(
    store: TrustStore, repository: Repository
) -> None:
    """Whatever one economy calls its documents, the store opens after the update."""
    sync(store, repository)
    list_much(repository, 1024)
    republish(repository)
    assert len(sync(store, repository).problems) > 1000
    assert reason(store) == "accepted"
    assert store.load().version == 2
    told = {each.document for each in store.info().problems}
    assert told == {"AUS/" + "," * 96}


def test_d5_old_keys_cannot_come_back(
    tmp_path: Path, store: TrustStore, repository: Repository
) -> None:
    """After a rotation, what the old keys sign is refused, TUF's state lost or not."""
    sync(store, repository)
    old = shutil.copytree(repository.folder, tmp_path / "old")
    repository.signers["timestamp"] = [CryptoSigner.generate_ecdsa()]
    repository.root_version = 2
    repository.write_root()
    republish(repository)
    sync(store, repository)
    assert store.load().version == 2
    for folder in [None, *sorted((tmp_path / "store").glob("generation-*"))]:
        if folder:
            shutil.rmtree(folder)
        with pytest.raises(verifier.SyncError):
            sync(store, repository, source=old)


def test_d5_d1_a_root_in_between_frees_no_stolen_key(
    tmp_path: Path, store: TrustStore, repository: Repository
) -> None:
    """While a root names the old key beside the new one, old numbers still count.

    The mirror withholds the last root, and the thief of the old key goes back behind
    what a device has seen that has nothing left but its marks.
    """
    old = shutil.copytree(repository.folder, tmp_path / "old")
    republish(repository, AUS__status__1_jwt=revoked_list())
    sync(store, repository)
    for role in ("timestamp", "snapshot"):
        repository.signers[role].append(CryptoSigner.generate_ecdsa())
    repository.root_version = 2
    repository.write_root()
    root = "metadata/2.root.json"
    shutil.copy(repository.folder / root, old / root)
    for folder in (tmp_path / "store").glob("generation-*"):
        shutil.rmtree(folder)
    with pytest.raises(verifier.SyncError, match="older than what this device"):
        sync(store, repository, source=old)


def online_mark(root: int, version: int, signers: str, *keys: str) -> Floor:
    """Of one root, with one version and the same signers of both online roles."""
    roles = ("timestamp", "snapshot")
    return Floor(
        versions={"root": root} | dict.fromkeys(roles, version),
        keys=dict.fromkeys(roles, frozenset(keys)),
        signers=dict.fromkeys(roles, frozenset(signers)),
    )


@pytest.mark.parametrize(
    ("signer", "keys", "is_anew"),
    [("c", "c", True), ("c", "bc", True), ("c", "ac", False), ("a", "ac", False)],
)
def test_d1_d5_numbers_begin_anew_without_the_key_that_signed(
    signer: str, keys: str, *, is_anew: bool
) -> None:
    """Another that might have signed keeps none up; nor does who signs now free any."""
    seen, found = online_mark(1, 9, "a", *"ab"), online_mark(2, 1, signer, *keys)
    assert (seen.first_fall_of(found) is None) == is_anew
    for raised in (seen.raised_by(found), found.raised_by(seen)):
        assert raised.versions["snapshot"] == (1 if is_anew else 9)


def test_d1_d5_numbers_count_while_one_of_two_signers_may_sign() -> None:
    """Of two keys that had to sign together, the root has replaced one."""
    seen, found = online_mark(1, 9, "ab", *"ab"), online_mark(2, 1, "ac", *"ac")
    assert seen.first_fall_of(found) == "timestamp has version 1, but 9 was seen"


@pytest.mark.parametrize("role", ["timestamp", "snapshot"])
def test_d1_d5_the_newer_mark_says_who_has_signed(role: str) -> None:
    """Of two marks of one root, whichever is read first."""
    older, newer = online_mark(1, 1, "a", *"ab"), online_mark(1, 1, "b", *"ab")
    newer = dataclasses.replace(newer, versions={**newer.versions, role: 2})
    for raised in (older.raised_by(newer), newer.raised_by(older)):
        assert raised.signers[role] == {"b"}


@pytest.mark.parametrize("final", [1, 3])
def test_s11_r5_what_has_ended_comes_back_for_no_device(
    store: TrustStore, repository: Repository, final: int
) -> None:
    """A newer list without the revocation, as after a restored backup, is not taken."""
    sync(store, repository)
    world = World(economies=["AUS"])
    world.set_status(final)
    name = "AUS/status/1.jwt"
    ended = world.list_token(name, iat=NOW - timedelta(minutes=50))
    republish(repository, AUS__status__1_jwt=ended)
    sync(store, repository)
    expected = {1: "status.revoked", 3: "status.superseded"}[final]
    assert reason(store) == expected
    later = NOW - timedelta(minutes=40)
    for changes in ({}, {"status_list": _wide_list()}, {"capacity": 4}):
        token = WORLD.list_token(name, iat=later, **changes)
        republish(repository, AUS__status__1_jwt=token)
        (problem,) = sync(store, repository).problems
        assert problem.detail == f"{name} would bring back what has ended"
        assert reason(store) == expected
    world.set_status(final, index=8)
    republish(repository, AUS__status__1_jwt=world.list_token(name, iat=later))
    assert sync(store, repository).problems == ()
    assert reason(store) == expected


def _wide_list() -> dict[str, object]:
    """Eight bits an entry, all valid: not to be compared with the old ones."""
    return {"bits": 8, "lst": b64u(zlib.compress(bytes(64)))}


def test_s7_a_suspension_may_end(store: TrustStore, repository: Repository) -> None:
    """What is not final changes both ways."""
    world = World(economies=["AUS"])
    name = "AUS/status/1.jwt"
    for minutes, state, expected in (
        (-50, 2, "status.suspended"),
        (-45, 0, "accepted"),
        (-40, 2, "status.suspended"),
        (-35, 1, "status.revoked"),
    ):
        world.set_status(state)
        token = world.list_token(name, iat=NOW + timedelta(minutes=minutes))
        republish(repository, AUS__status__1_jwt=token)
        assert sync(store, repository).problems == ()
        assert reason(store) == expected


def test_d6_documents_of_a_replaced_key_are_not_kept(
    store: TrustStore, repository: Repository
) -> None:
    """Withholding an economy's new documents does not keep its thief's alive."""
    sync(store, repository)
    repository.signers["AUS"] = [CryptoSigner.generate_ecdsa()]
    republish(repository)
    (repository.folder / "metadata/2.AUS.json").unlink()
    assert [each.document for each in sync(store, repository).problems] == ["AUS"]
    assert reason(store) == "trust.unknown_issuer"
    found = WORLD.verify(WORLD.show(WORLD.card("NZL")), trust=store.load())
    assert isinstance(found, verifier.Accepted)


def test_d6_what_is_kept_stays_with_the_metadata_that_lists_it(
    store: TrustStore, repository: Repository
) -> None:
    """New metadata without its documents does not vouch for the old ones."""
    sync(store, repository)
    repository.signers["AUS"] = [CryptoSigner.generate_ecdsa()]
    republish(repository, AUS__status__1_jwt=revoked_list())
    newest = repository.documents["AUS/status/1.jwt"]
    digest = hashlib.sha256(newest).hexdigest()
    (repository.folder / f"targets/AUS/status/{digest}.1.jwt").unlink()
    for _ in range(2):
        assert [each.document for each in sync(store, repository).problems] == ["AUS"]
        assert reason(store) == "trust.unknown_issuer"


@pytest.mark.parametrize("name", ["NZL/overlay/AUS/1.jwt", "NZL/policy.json"])
def test_s8_a_device_of_all_destinations_keeps_what_a_source_lacks(
    store: TrustStore, repository: Repository, name: str
) -> None:
    """Without an economy named, a destination's files may be missing, and are told."""
    repository.documents |= WORLD.documents("NZL")
    repository.publish()
    sync(store, repository)
    before = set(store.info().lists)
    if name.endswith(".jwt"):
        newer = WORLD.list_token(name, iat=NOW - timedelta(minutes=50))
    else:
        newer = repository.documents[name] + b"\n"
    repository.documents[name] = newer
    republish(repository, NZL__status__1_jwt=revoked_list("NZL"))
    digest = hashlib.sha256(newer).hexdigest()
    (path,) = repository.folder.glob(f"targets/NZL/**/{digest}.*")
    path.unlink()
    report = sync(store, repository)
    assert [each.document for each in report.problems] == ["NZL"]
    assert report.removed == ()
    assert set(store.info().lists) == before
    found = WORLD.verify(WORLD.show(WORLD.card("NZL")), trust=store.load())
    assert isinstance(found, verifier.Rejected)


@pytest.mark.parametrize("economy", ["sgp", "", "SGPX", "S P"])
def test_an_economy_that_is_no_code(
    store: TrustStore, repository: Repository, economy: str
) -> None:
    """A malformed code is a bug of the caller, and changes nothing."""
    with pytest.raises(ValueError, match="alpha-3"):
        sync(store, repository, economy=economy)


def test_an_economy_that_the_scheme_does_not_name(
    store: TrustStore, repository: Repository
) -> None:
    """A mistyped code must not cost a device its own policy and overlays."""
    sync(store, repository, economy="SGP")
    with pytest.raises(verifier.SyncError, match="SGQ is no economy of this scheme"):
        sync(store, repository, economy="SGQ")
    (problem,) = sync(store, repository, economy="JPN").problems
    assert (problem.document, problem.detail) == ("JPN", "publishes nothing")


def test_o3_a_sync_that_fails_removes_nothing(
    tmp_path: Path, store: TrustStore, repository: Repository
) -> None:
    """Data that cannot be read just now, or is below a mistaken mark, is not given up.

    A passing fault and a source that is away must not cost a device its last data.
    """
    sync(store, repository)
    republish(repository, AUS__status__1_jwt=revoked_list())
    sync(store, repository)
    folder = tmp_path / "store"
    names = {path.name for path in folder.iterdir()}
    mistaken = TrustStore(folder, floor=Floor(versions={"timestamp": 99}))
    for each in (store, mistaken):
        for number in (1, 2):  # as if the disk gave an error
            manifest = folder / f"generation-{number}" / "manifest.json"
            manifest.rename(manifest.with_suffix(".away"))
        for source in (tmp_path / "nowhere", tmp_path):
            with pytest.raises(verifier.SyncError):
                sync(each, repository, source=source)
        for number in (1, 2):
            manifest = folder / f"generation-{number}" / "manifest.json"
            manifest.with_suffix(".away").rename(manifest)
        with pytest.raises(verifier.SyncError):
            sync(mistaken, repository)
        assert {path.name for path in folder.iterdir()} == names
        assert reason(store) == "status.revoked"


def test_s8_what_one_economy_lacks_is_not_counted_for_the_next(
    store: TrustStore, repository: Repository
) -> None:
    """An economy that is refused half-way leaves no trace in what is said of others."""
    repository.documents |= WORLD.documents("AUS") | WORLD.documents("NZL")
    repository.publish()
    sync(store, repository)
    policies = ("AUS/policy.json", "NZL/policy.json")
    for name in policies:
        repository.documents[name] += b"\n"
    republish(repository, AUS__status__1_jwt=revoked_list())
    gone = [*policies, "AUS/status/1.jwt"]
    for name in gone:
        digest = hashlib.sha256(repository.documents[name]).hexdigest()
        (path,) = repository.folder.glob(f"targets/{name[:3]}/**/{digest}.*")
        path.unlink()
    told = {each.document: each.detail for each in sync(store, repository).problems}
    assert told["NZL"] == "1 of its documents as destination are not there"


def test_o3_a_generation_of_the_highest_number(
    tmp_path: Path, store: TrustStore, repository: Repository
) -> None:
    """Folders that are no generation of ours do not use up the numbers."""
    sync(store, repository)
    for number in (7, 10**15 - 1):
        (tmp_path / "store" / f"generation-{number}").mkdir()
    republish(repository, AUS__status__1_jwt=revoked_list())
    sync(store, repository)
    assert reason(store) == "status.revoked"
    names = {path.name for path in (tmp_path / "store").glob("generation-*")}
    assert names == {"generation-1", "generation-2"}


def test_d14_a_list_of_members_without_end(
    tmp_path: Path, store: TrustStore, repository: Repository
) -> None:
    """The list of members is measured before it is read."""
    bundle = repository.bundle(tmp_path / "bundle")
    data = bundle.read_bytes()
    count, size, start = struct.unpack("<HII", data[-12:-2])
    for end in (
        struct.pack("<HHHHIIH", 0, 0, 9000, 9000, size, start, 0),
        struct.pack("<HHHHIIH", 0, 0, count, count, 2**24, start, 0),
        struct.pack("<HHHHIIH", 0, 0, count, count, size, start, 3) + b"abc",
    ):
        bundle.write_bytes(data[:-22] + b"PK\5\6" + end)
        with pytest.raises(verifier.SyncError, match=r"too many|cannot be read"):
            sync(store, repository, source=bundle)
    bundle.write_bytes(data[:-22] + b"PK\6\7" + bytes(16) + data[-22:])
    with pytest.raises(verifier.SyncError, match="cannot be read"):
        sync(store, repository, source=bundle)
    bundle.write_bytes(data)
    sync(store, repository, source=bundle)


def test_o2_another_account_may_read(
    tmp_path: Path, store: TrustStore, repository: Repository
) -> None:
    """One account may sync and another check: nothing in a store is secret."""
    sync(store, repository)
    for path in (tmp_path / "store").rglob("*"):
        assert path.stat().st_mode & 0o044 == 0o044, path


def test_t3_a_slow_clock_is_told(store: TrustStore, repository: Repository) -> None:
    """A clock behind the publication still syncs, is told so, and stops deciding."""
    back = repository.issued_at - timedelta(days=2)
    (problem,) = sync(store, repository, now=back).problems
    assert problem.document == "timestamp.json"
    assert "this device's clock is slow" in problem.detail
    assert store.info().time_floor == repository.issued_at
    shown = WORLD.show(WORLD.card(), at=back)
    found = WORLD.verify(shown, trust=store.load(), now=back)
    assert isinstance(found, verifier.Undecided)
    assert found.reason == "time.clock"
    assert sync(store, repository).problems == ()
    assert reason(store) == "accepted"


@pytest.mark.parametrize(("seconds", "told"), [(300, 0), (301, 1)])
def test_t3_a_clock_that_is_a_little_slow(
    store: TrustStore, repository: Repository, seconds: int, told: int
) -> None:
    """Five minutes are nothing to tell anybody about."""
    now = repository.issued_at - timedelta(seconds=seconds)
    assert len(sync(store, repository, now=now).problems) == told


def test_t3_a_fast_clock_leaves_no_mark(
    store: TrustStore, repository: Repository
) -> None:
    """Only what was signed raises the mark, so a clock put right again bars nothing."""
    sync(store, repository, now=NOW + timedelta(days=900))
    repository.expires["timestamp"] = NOW + timedelta(days=7)
    republish(repository, AUS__status__1_jwt=revoked_list())
    sync(store, repository)
    assert reason(store) == "status.revoked"


def test_t4_a_clock_set_back_revives_no_expired_metadata(
    tmp_path: Path, store: TrustStore, repository: Repository
) -> None:
    """What had ended by the latest moment seen has ended, whatever the clock says."""
    sync(store, repository)
    repository.expires["timestamp"] = NOW - timedelta(days=1)
    republish(repository)
    with pytest.raises(verifier.SyncError, match="expired"):
        sync(store, repository, now=NOW - timedelta(days=60))


def test_sync_needs_a_zone(store: TrustStore, repository: Repository) -> None:
    """A moment without a zone is a bug of the caller."""
    with pytest.raises(ValueError, match="timezone-aware"):
        sync(store, repository, now=NOW.replace(tzinfo=None))


def test_d12_an_economy_leaves(store: TrustStore, repository: Repository) -> None:
    """A signed removal is obeyed."""
    sync(store, repository)
    for name in [each for each in repository.documents if each.startswith("AUS/")]:
        del repository.documents[name]
    republish(repository)
    sync(store, repository)
    assert reason(store) == "trust.unknown_issuer"


def test_d1_s6_an_economy_that_comes_back(
    store: TrustStore, repository: Repository
) -> None:
    """Who leaves and returns does not return with an older list."""
    everything = dict(repository.documents)
    repository.documents["AUS/status/1.jwt"] = WORLD.list_token(
        "AUS/status/1.jwt", iat=NOW - timedelta(minutes=50)
    )
    republish(repository)
    sync(store, repository)
    repository.documents = {
        name: data for name, data in everything.items() if not name.startswith("AUS/")
    }
    republish(repository)
    assert sync(store, repository).removed
    repository.documents = everything
    republish(repository)
    (problem,) = sync(store, repository).problems
    assert "AUS/status/1.jwt is of" in problem.detail
    assert reason(store) == "trust.unknown_issuer"


@pytest.mark.parametrize("scheme", [b"", b"{", b"{}", b"[]"])
def test_l17_a_scheme_that_is_none(
    store: TrustStore, repository: Repository, scheme: bytes
) -> None:
    """Signed and of no use: refused in one line, and what was there goes on."""
    sync(store, repository)
    republish(repository, **{"scheme.json": scheme})
    with pytest.raises(verifier.SyncError, match=r"^scheme\.json: "):
        sync(store, repository)
    assert reason(store) == "accepted"


def test_nothing_new_writes_no_generation(
    tmp_path: Path, store: TrustStore, repository: Repository
) -> None:
    """A device that asks every minute does not wear its disk out."""
    sync(store, repository)
    before = store.load()
    sync(store, repository)
    assert [path.name for path in (tmp_path / "store").glob("gen*")] == ["generation-1"]
    assert store.load() is before


def test_a_device_moves_to_another_economy(
    store: TrustStore, repository: Repository
) -> None:
    """The same publication serves another destination: its policy comes, or goes."""
    repository.documents = {
        name: data
        for name, data in repository.documents.items()
        if "/overlay/" not in name
    }
    repository.publish()
    for economy, count in (("NZL", 0), ("SGP", 1), ("NZL", 0)):
        sync(store, repository, economy=economy)
        has_policy = store.load().rules_of("SGP") is not None
        assert has_policy == bool(count)


@pytest.mark.parametrize("value", [None, "", "yesterday", "2030-01-15", 7])
def test_publication_moment_is_signed(
    store: TrustStore, repository: Repository, value: object
) -> None:
    """Trust data that does not say when it was current is refused."""
    repository.timestamp_fields = {"x-abtc-issued-at": value}
    repository.publish()
    with pytest.raises(verifier.SyncError, match="does not say"):
        sync(store, repository)


def test_t4_clock_set_back(store: TrustStore, repository: Repository) -> None:
    """The store's latest moment makes a clock set back show, whatever the card."""
    sync(store, repository)
    back = NOW - timedelta(days=60)
    shown = WORLD.show(WORLD.card(), at=back)
    found = WORLD.verify(shown, trust=store.load(), now=back)
    assert isinstance(found, verifier.Undecided)
    assert found.reason == "time.clock"


BAD_BUNDLES: dict[str, Callable[[Path], object]] = {
    "empty": lambda file: file.write_bytes(b""),
    "text": lambda file: file.write_text("x" * 1000),
    "cut": lambda file: file.write_bytes(file.read_bytes()[:-30]),
    "flipped": lambda file: file.write_bytes(
        file.read_bytes()[:3000] + b"\xff" * 40 + file.read_bytes()[3040:]
    ),
    "huge": lambda file: os.truncate(file, 65 * 2**20),
}


@pytest.mark.parametrize("damage", BAD_BUNDLES.values(), ids=BAD_BUNDLES.keys())
def test_d14_damaged_bundles(
    tmp_path: Path,
    store: TrustStore,
    repository: Repository,
    damage: Callable[[Path], object],
) -> None:
    """A damaged bundle is refused in one line, and nothing is left behind."""
    bundle = repository.bundle(tmp_path / "bundle")
    damage(bundle)
    with pytest.raises(verifier.SyncError) as caught:
        sync(store, repository, source=bundle)
    assert len(str(caught.value).splitlines()) == 1
    assert {path.name for path in (tmp_path / "store").iterdir()} <= {"lock"}


@pytest.mark.parametrize("seed", range(4))
def test_d14_bundles_damaged_anywhere(
    tmp_path: Path, store: TrustStore, repository: Repository, seed: int
) -> None:
    """Whatever is flipped, cut or put in: the same documents as before, or refused."""
    bundle = repository.bundle(tmp_path / "bundle")
    sync(store, repository, source=bundle)
    before, intact, rng = store.load(), bundle.read_bytes(), random.Random(seed)  # noqa: S311
    for _ in range(150):
        data = bytearray(intact)
        start = rng.choice([rng.randrange(len(data)), len(data) - rng.randint(1, 900)])
        data[start : start + rng.randint(0, 8)] = rng.randbytes(rng.randint(0, 8))
        bundle.write_bytes(data[: rng.choice([len(data), len(data), start])])
        with contextlib.suppress(verifier.SyncError):
            sync(store, repository, source=bundle)
    assert store.load().issued_at == before.issued_at
    assert store.load().version == before.version


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_d14_rare_compressions(
    tmp_path: Path, store: TrustStore, repository: Repository, method: int
) -> None:
    """Only stored and deflated members are read: fewer decoders to attack."""
    bundle = repository.bundle(tmp_path / "bundle")
    with zipfile.ZipFile(bundle, "a") as archive:
        archive.writestr("metadata/1.more.json", b"x" * 99, compress_type=method)
    with pytest.raises(verifier.SyncError, match="neither stored nor deflated"):
        sync(store, repository, source=bundle)


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "/etc/evil",
        "metadata/../../evil",
        "evil",
        "metadata/a b",
        "targets//x",
        "metadata/",
        "targets/..",
        "C:\\evil",
        "metadata\\evil",
    ],
)
def test_d14_d11_foreign_members(
    tmp_path: Path, store: TrustStore, repository: Repository, name: str
) -> None:
    """A member of a foreign name condemns the bundle; nothing is written anywhere."""
    bundle = repository.bundle(tmp_path / "bundle")
    with zipfile.ZipFile(bundle, "a") as archive:
        archive.writestr(zipfile.ZipInfo(name), b"x")
    with pytest.raises(verifier.SyncError, match="foreign name"):
        sync(store, repository, source=bundle)
    assert not (tmp_path / "evil").exists()


def test_d14_bombs(tmp_path: Path, store: TrustStore, repository: Repository) -> None:
    """Too many members, one twice, or too much once inflated."""
    many = tmp_path / "many"
    with zipfile.ZipFile(many, "w") as archive:
        for number in range(8193):
            archive.writestr(f"targets/{number}", b"")
    twice = tmp_path / "twice"
    with zipfile.ZipFile(twice, "w") as archive:
        archive.writestr("targets/x", b"")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("targets/x", b"")
    bomb = tmp_path / "bomb"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(5):
            archive.writestr(f"targets/{number}", bytes(16 * 2**20))
    for file in (many, twice, bomb):
        with pytest.raises(verifier.SyncError, match=r"too many|twice|inflates"):
            sync(store, repository, source=file)


def test_d4_endless_files(
    tmp_path: Path, store: TrustStore, repository: Repository
) -> None:
    """Metadata longer than its limit is refused."""
    (repository.folder / "metadata" / "timestamp.json").write_bytes(b" " * 20_000)
    with pytest.raises(verifier.SyncError, match="cannot be fetched"):
        sync(store, repository)


LONGEST = {"root": 2**16, "snapshot": 2**18, "targets": 2**20, "AUS": 2**20}


@pytest.mark.parametrize("role", LONGEST)
def test_d4_signed_files_blown_up(
    store: TrustStore, repository: Repository, role: str
) -> None:
    """Space that no signature covers makes a file of any length; ours are short."""
    sync(store, repository)
    repository.root_version = 2
    repository.write_root()
    republish(repository, NZL__status__1_jwt=revoked_list("NZL"))
    path = repository.folder / "metadata" / f"2.{role}.json"
    path.write_bytes(path.read_bytes() + b" " * LONGEST[role])
    if role == "AUS":
        assert [each.document for each in sync(store, repository).problems] == ["AUS"]
    else:
        with pytest.raises(verifier.SyncError, match="exceeding the maximum"):
            sync(store, repository)
    assert reason(store) == "accepted"


def test_sources_that_are_none(
    tmp_path: Path, store: TrustStore, repository: Repository
) -> None:
    """A missing path or a pipe is refused and blocks nothing."""
    os.mkfifo(tmp_path / "pipe")
    for source in (tmp_path / "nothing", tmp_path / "pipe"):
        with pytest.raises(verifier.SyncError, match="no address"):
            sync(store, repository, source=source)


def test_o6_one_sync_at_a_time(
    store: TrustStore, repository: Repository, tmp_path: Path
) -> None:
    """A second process that would update is told so at once; readers go on."""
    sync(store, repository)
    other = TrustStore(tmp_path / "store")
    with store._locked():
        with pytest.raises(verifier.StoreError, match="another process"):
            sync(other, repository)
        assert reason(other) == "accepted"


def _flip(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:])


def _link(path: Path) -> None:
    path.rename(path.with_suffix(".x"))
    path.symlink_to(path.with_suffix(".x"))


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _to_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGE: dict[str, Callable[[Path], object]] = {
    "missing": Path.unlink,
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "flipped": _flip,
    "longer": lambda path: path.write_bytes(path.read_bytes() + b" "),
    "link": _link,
    "pipe": _pipe,
    "folder": _to_folder,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_o3_l9_damaged_stores(
    tmp_path: Path, repository: Repository, damage: Callable[[Path], object]
) -> None:
    """A generation of which any file is damaged no longer counts."""
    folder = tmp_path / "store"
    store = TrustStore(folder)
    sync(store, repository)
    files = [path for path in (folder / "generation-1").iterdir() if path.is_file()]
    for number, path in enumerate(files):
        copy = tmp_path / f"copy-{number}"
        shutil.copytree(folder, copy)
        damage(copy / "generation-1" / path.name)
        with pytest.raises(verifier.StoreError, match="no trust data"):
            TrustStore(copy).load()


@pytest.mark.parametrize("file", ["floor-a", "generation-1/manifest.json"])
def test_o3_a_huge_file_fills_no_memory(
    tmp_path: Path, store: TrustStore, repository: Repository, file: str
) -> None:
    """What a damaged disk calls a file of 256 MiB is not read."""
    sync(store, repository)
    os.truncate(tmp_path / "store" / file, 2**28)
    tracemalloc.start()
    with contextlib.suppress(verifier.StoreError):
        assert reason(TrustStore(tmp_path / "store")) == "accepted"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32 * 2**20


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_o3_one_damaged_mark(
    tmp_path: Path, repository: Repository, damage: Callable[[Path], object]
) -> None:
    """Two copies of the mark: one may be damaged."""
    old = shutil.copytree(repository.folder, tmp_path / "old")
    for name in ("floor-a", "floor-b"):
        store = TrustStore(tmp_path / name)
        sync(store, repository)
        republish(repository)
        sync(store, repository)
        damage(tmp_path / name / name)
        for folder in (tmp_path / name).glob("generation-*"):
            shutil.rmtree(folder)
        with pytest.raises(verifier.SyncError, match="older"):
            sync(store, repository, source=old)


def test_o3_damage_does_not_raise_a_mark(
    tmp_path: Path, store: TrustStore, repository: Repository
) -> None:
    """A number that a fault of the disk has made larger bars no update."""
    sync(store, repository)
    path = tmp_path / "store" / "floor-a"
    text = path.read_text()
    assert '"timestamp": 1}' in text
    path.write_text(text.replace('"timestamp": 1}', '"timestamp": 9}'))
    assert reason(store) == "accepted"
    republish(repository, AUS__status__1_jwt=revoked_list())
    sync(store, repository)
    assert reason(store) == "status.revoked"


NO_NUMBERS: list[object] = [
    None,
    [],
    {"AUS": "1"},
    {"AUS": True},
    {"AUS": 1.5},
    {"AUS": -1},
]


@pytest.mark.parametrize(
    ("member", "value"),
    [
        *(("versions", value) for value in [*NO_NUMBERS, {"AUS": 2**60}]),
        *(("lists", value) for value in [*NO_NUMBERS, {"AUS": 2**53}]),
        ("keys", None),
        ("keys", ["timestamp"]),
        ("time", None),
        ("time", -1),
        ("time", 2**53),
    ],
)
def test_o3_a_mark_that_makes_no_sense(
    tmp_path: Path,
    store: TrustStore,
    repository: Repository,
    member: str,
    value: object,
) -> None:
    """A mark with a digest that fits and values that do not is as good as none."""
    sync(store, repository)
    path = tmp_path / "store" / "floor-a"
    body = json.loads(path.read_text().partition("\n")[2]) | {member: value}
    text = json.dumps(body)
    path.write_text(f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}")
    assert reason(store) == "accepted"
    assert store.info().time_floor == repository.issued_at


@pytest.mark.parametrize(
    ("file", "ours"),
    [("floor-a", "abtc-floor-1"), ("generation-1/manifest.json", "abtc-store-1")],
)
def test_o3_what_a_later_release_has_written(
    tmp_path: Path, store: TrustStore, repository: Repository, file: str, ours: str
) -> None:
    """A file of another format is not read as if it were ours."""
    sync(store, repository)
    path = tmp_path / "store" / file
    text = path.read_text().partition("\n")[2]
    assert ours in text
    text = text.replace(ours, "abtc-later-2").replace(
        '"timestamp": 1', '"timestamp": 9'
    )
    path.write_text(f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}")
    if file == "floor-a":
        assert reason(store) == "accepted"
    else:
        with pytest.raises(verifier.StoreError, match="no trust data"):
            TrustStore(tmp_path / "store").load()
    republish(repository, AUS__status__1_jwt=revoked_list())
    sync(store, repository)
    assert reason(store) == "status.revoked"


def test_o3_a_fault_that_passes(
    tmp_path: Path, store: TrustStore, repository: Repository
) -> None:
    """What could not be read for a moment counts again once it can."""
    folder = tmp_path / "store"
    sync(store, repository)
    republish(repository, AUS__status__1_jwt=revoked_list())
    sync(store, repository)
    for path in folder.glob("floor-*"):
        path.unlink()
    files = [each for each in (folder / "generation-2").iterdir() if each.is_file()]
    for file in files:
        late = TrustStore(folder)
        away = file.rename(tmp_path / "away")
        assert [late.load().version for _ in range(2)] == [1, 1]
        away.rename(file)
        assert late.load().version == 2
        assert reason(late) == "status.revoked"


class _Cut(BaseException):
    """The power fails."""


def test_o1_l10_power_cut_at_every_write(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever write the power fails at, the old or the new data opens."""
    folder = tmp_path / "store"
    sync(TrustStore(folder), repository)
    republish(repository, AUS__status__1_jwt=revoked_list())
    real, counter = os.fsync, {"left": 0}

    def fsync(handle: int) -> None:
        counter["left"] -= 1
        if counter["left"] < 0:
            raise _Cut
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    outcomes = set()
    for allowed in range(200):
        copy = tmp_path / f"cut-{allowed}"
        shutil.copytree(folder, copy)
        counter["left"] = allowed
        try:
            sync(TrustStore(copy), repository)
        except _Cut:
            opened = TrustStore(copy)
            version = opened.load().version
            outcomes.add(version)
            counter["left"] = 10_000
            sync(opened, repository)
            assert opened.load().version == 2
        else:
            break
    assert outcomes == {1, 2}
    assert allowed > 10


def test_o1_d1_a_cut_spares_the_last_copy_of_the_mark(
    tmp_path: Path,
    store: TrustStore,
    repository: Repository,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The mark is there at every moment, also if one copy had been lost before."""
    folder = tmp_path / "store"
    old = shutil.copytree(repository.folder, tmp_path / "old")
    republish(repository)
    sync(store, repository)
    (folder / "floor-b").unlink()
    republish(repository)

    def cut(*_: object) -> None:
        raise _Cut

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", cut)
        with pytest.raises(_Cut):
            sync(store, repository)
    for path in folder.glob("generation-*"):
        shutil.rmtree(path)
    with pytest.raises(verifier.SyncError, match="older"):
        sync(store, repository, source=old)


def test_o1_what_a_killed_update_has_left(
    tmp_path: Path, store: TrustStore, repository: Repository
) -> None:
    """The next update clears it away, so that a disk never fills up with it."""
    sync(store, repository)
    folder = tmp_path / "store"
    before = {path.name for path in folder.iterdir()}
    for name in (".abtc-new-x", ".abtc-work-x"):
        (folder / name / "metadata").mkdir(parents=True)
        (folder / name / "metadata" / "file").write_bytes(b"x")
    (folder / ".abtc-new-floor-a").write_bytes(b"x")
    (folder / ".abtc-new-link").symlink_to(tmp_path / "mirror")
    (folder / "new-photos").mkdir()
    (folder / "work-letters").write_bytes(b"Dear officer")
    for _ in range(3):
        republish(repository)
        sync(store, repository)
    kept = {"generation-3", "generation-4", "new-photos", "work-letters"}
    assert {path.name for path in folder.iterdir()} == before - {"generation-1"} | kept
    assert (tmp_path / "mirror" / "metadata").is_dir()


def test_o2_disk_full(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk refuses the update cleanly, and the old data stays."""
    folder = tmp_path / "store"
    store = TrustStore(folder)
    sync(store, repository)
    republish(repository, AUS__status__1_jwt=revoked_list())

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(verifier.StoreError, match="No space left"):
        sync(store, repository)
    assert TrustStore(folder).load().version == 1


def test_readers_are_never_torn(tmp_path: Path, repository: Repository) -> None:
    """While updates go on, every load gives one whole version, and they only rise."""
    folder = tmp_path / "store"
    writer = TrustStore(folder)
    sync(writer, repository)
    seen: list[int] = []
    errors: list[BaseException] = []
    done = threading.Event()

    def read() -> None:
        try:
            while not done.is_set():
                seen.append(TrustStore(folder).load().version)
        except BaseException as error:  # noqa: BLE001  # shown by the assertion below
            errors.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(15):
        republish(repository)
        sync(writer, repository)
    done.set()
    reader.join()
    assert errors == []
    assert seen == sorted(seen)
    assert seen
