"""A folder that is newer than the journal, and a clock that is newer than both."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tuf.api.metadata import MetaFile

import verifier
from issuer.errors import PublishRefused
from issuer.publish import Publisher, Refusal
from tests.issuer.conftest import OpenDesk
from tests.issuer.repository_reader import APPROVED, Desk, list_of, scheme
from tests.simulator import NOW

STATUS = "AUS/status/1.jwt"
REVOKED = {STATUS: list_of({7: 1})}
LATER = NOW + timedelta(minutes=10)
DAY = timedelta(days=1)
FORGED = 2**53 - 1


@pytest.fixture
def desk(tmp_path: Path, open_desk: OpenDesk) -> Desk:
    return open_desk(tmp_path, "AUS")


def refused(code: Refusal, call: Callable[[], object]) -> PublishRefused:
    with pytest.raises(PublishRefused) as caught:
        call()
    assert caught.value.code == code, caught.value
    return caught.value


def timestamp(desk: Desk) -> Callable[[], object]:
    return lambda: desk.publisher().refresh_timestamp(now=LATER)


def versions(desk: Desk) -> dict[str, int]:
    return {each.role: each.version for each in desk.publisher().status().roles}


def count_up(desk: Desk, *roles: str) -> None:
    """What a thief of these online keys publishes, past the desk."""
    with desk.publisher()._drafting(NOW) as draft:
        for role in roles:
            draft._versions[role] = FORGED - 1
        if "snapshot" in roles:
            draft.sign_snapshot()
        draft.sign_timestamp()
        for path, data in draft.files:
            (desk.public / path).write_bytes(data)


# A folder ahead of its journal


def test_a3_a_number_that_was_not_published_here_is_refused(desk: Desk) -> None:
    """A thief of the timestamp's key counts up; the words say both numbers."""
    count_up(desk, "timestamp")
    before = desk.files()
    for call in (
        timestamp(desk),
        lambda: desk.publish("AUS", desk.documents() | REVOKED, now=LATER),
        lambda: desk.publisher().rotate_key("AUS", now=LATER),
        desk.publisher().status,
    ):
        error = refused(Refusal.REPOSITORY_AHEAD, call)
        assert "timestamp is at version 9007199254740991" in error.detail
        assert "nothing after 3 was published from here" in error.detail
    assert desk.files() == before


def test_a3_a_number_cannot_hide_behind_another(desk: Desk) -> None:
    """A snapshot that lists a timestamp's version does not speak for the timestamp."""
    honest = versions(desk)
    with desk.publisher()._drafting(NOW) as draft:
        draft._versions |= {
            "snapshot": honest["snapshot"] - 1,
            "timestamp": FORGED - 1,
        }
        lie = MetaFile(honest["timestamp"])
        draft.repository.snapshot.signed.meta["timestamp.json"] = lie
        draft.seal()
        for path, data in draft.files:
            (desk.public / path).write_bytes(data)
    refused(Refusal.REPOSITORY_AHEAD, timestamp(desk))


@pytest.mark.parametrize(
    "roles", [("timestamp",), ("snapshot", "timestamp")], ids="-".join
)
def test_a3_a_new_key_counts_on_from_the_journal(
    desk: Desk, roles: tuple[str, ...]
) -> None:
    """Whoever has seen the thief's number follows, and it is nowhere any more."""
    honest = versions(desk)
    device = desk.device("known")
    device.read(STATUS)
    store = verifier.TrustStore(desk.folder / "store")
    root = (desk.public / "metadata/1.root.json").read_bytes()
    store.sync(desk.public, root=root, now=NOW)
    count_up(desk, *roles)
    assert device.timestamp()["version"] == FORGED
    for role in reversed(roles):
        desk.publisher().rotate_key(role, now=NOW)
    desk.publish("AUS", desk.documents() | REVOKED)
    after = versions(desk)
    assert after["timestamp"] <= honest["timestamp"] + 3
    assert after["snapshot"] <= honest["snapshot"] + 2
    assert device.read(STATUS) == desk.device("new").read(STATUS) == REVOKED
    store.sync(desk.public, root=root, now=NOW)
    desk.publisher().prune(now=NOW)


def test_a3_one_new_key_does_not_forgive_the_other_number(desk: Desk) -> None:
    """With the timestamp's key replaced, the snapshot's number is still refused."""
    count_up(desk, "snapshot", "timestamp")
    desk.publisher().rotate_key("timestamp", now=NOW)
    refused(Refusal.REPOSITORY_AHEAD, timestamp(desk))
    desk.publisher().rotate_key("snapshot", now=NOW)
    desk.publisher().refresh_timestamp(now=LATER)


def test_a1_a_journal_from_a_backup_is_refused(desk: Desk) -> None:
    """It has forgotten that a list went away, which could return un-revoked."""
    journal = desk.keys / "journal.jsonl"
    full = desk.documents() | REVOKED
    desk.publish("AUS", full)
    old = journal.read_bytes()
    less = {name: data for name, data in full.items() if name != STATUS}
    desk.publish("AUS", less, approvals=APPROVED)
    journal.write_bytes(old)
    clean = full | {STATUS: list_of({}, iat=LATER)}
    refused(Refusal.REPOSITORY_AHEAD, lambda: desk.publish("AUS", clean, now=LATER))
    assert STATUS not in desk.device().read(STATUS)


def test_l10_what_a_killed_publisher_wrote_is_its_own(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All files were written, twice, and the journal was not told: it goes on."""
    add = type(desk.publisher().journal).add

    def forgetful(journal: object, event: str, at: str, **says: object) -> None:
        if event == "published":
            raise OSError(28, "No space left on device")
        add(journal, event, at, **says)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(type(desk.publisher().journal), "add", forgetful)
        for _ in range(2):
            with pytest.raises(OSError, match="No space"):
                desk.publisher().rotate_key("timestamp", now=NOW)
    desk.publish("AUS", desk.documents() | REVOKED)
    assert desk.device().read(STATUS) == REVOKED


# Taking over


def adopt(desk: Desk, **given: object) -> object:
    return Publisher.adopt(desk.publisher(), **{"now": LATER, **given})  # type: ignore[arg-type]


@pytest.mark.parametrize("is_lost", [True, False])
def test_a3_two_people_take_over_what_is_published(
    desk: Desk, *, is_lost: bool
) -> None:
    """A journal that is lost, or old: afterwards everything goes on from there."""
    journal = desk.keys / "journal.jsonl"
    old = b"" if is_lost else journal.read_bytes()
    desk.publish("AUS", desk.documents() | REVOKED)
    journal.unlink()
    if old:
        journal.write_bytes(old)
    before = desk.files()
    people: tuple[set[str], ...] = (set(), {"Ana"}, {"Ana", "ana "})
    for approvals in people:
        refused(
            Refusal.SHRINK_MEMORY,
            lambda: adopt(desk, approvals=frozenset(approvals)),  # noqa: B023
        )
    adopt(desk, approvals=APPROVED, dry_run=True)
    assert (journal.read_bytes() if journal.exists() else b"") == old
    adopt(desk, approvals=APPROVED)
    assert desk.files() == before
    lines = desk.journal()[-3:]
    assert [line["event"] for line in lines] == ["created", "approved", "published"]
    assert lines[1]["approvals"] == sorted(APPROVED)
    assert lines[2]["versions"]["timestamp"] == 4
    clean = desk.documents() | {STATUS: list_of({}, iat=LATER)}
    refused(Refusal.LIST_UNREVOKED, lambda: desk.publish("AUS", clean, now=LATER))
    desk.publish("AUS", desk.documents() | REVOKED, now=LATER)
    assert desk.device().read(STATUS, now=LATER) == REVOKED


def test_r5_an_older_folder_is_not_taken_over(desk: Desk) -> None:
    """Its journal knows better, whoever approves; and no clock goes back."""
    old = desk.folder / "old"
    shutil.copytree(desk.public, old)
    desk.publish("AUS", desk.documents() | REVOKED, now=LATER)
    refused(Refusal.BACK_CLOCK, lambda: adopt(desk, now=NOW, approvals=APPROVED))
    shutil.rmtree(desk.public)
    shutil.copytree(old, desk.public)
    refused(Refusal.REPOSITORY_BEHIND, lambda: adopt(desk, approvals=APPROVED))


def test_d1_another_s_folder_is_not_taken_over(desk: Desk, tmp_path: Path) -> None:
    """The journal still knows the first root."""
    other = Desk(tmp_path / "other").open("AUS")
    shutil.rmtree(desk.public)
    shutil.copytree(other.public, desk.public)
    refused(Refusal.REPOSITORY_DAMAGED, lambda: adopt(desk, approvals=APPROVED))


# A clock ahead


def test_a5_a_clock_far_ahead_publishes_nothing(desk: Desk) -> None:
    """Devices would take every right moment for too early until that day."""
    before = desk.files()
    for late in (NOW + 7 * DAY, NOW + 365 * DAY):
        calls: tuple[Callable[[Publisher], object], ...] = (
            lambda publisher: publisher.refresh_timestamp(now=late),  # noqa: B023
            lambda publisher: publisher.publish_lists(
                "targets",
                {"scheme.json": scheme(NOW)},
                now=late,  # noqa: B023
            ),
            lambda publisher: publisher.prune(now=late),  # noqa: B023
        )
        for call in calls:
            error = refused(
                Refusal.CLOCK_AHEAD,
                lambda: call(desk.publisher()),  # noqa: B023
            )
            assert "ended at 2030-01-22T12:00:00Z" in error.detail
            assert late.strftime("%Y-%m-%dT12:00:00Z here") in error.detail
    assert desk.files() == before
    desk.publisher().refresh_timestamp(now=NOW + 7 * DAY - timedelta(seconds=1))


def test_a5_whoever_has_looked_at_the_clock_goes_on(desk: Desk) -> None:
    """A timer that did not run for weeks; but no word turns a clock back."""
    late = NOW + 20 * DAY
    overdue = replace(desk.publisher(), is_overdue=True)
    overdue.refresh_timestamp(now=late)
    assert desk.device().read("scheme.json", now=late)
    desk.publisher().refresh_timestamp(now=late + DAY)
    refused(
        Refusal.BACK_CLOCK,
        lambda: replace(overdue, keyring=desk.publisher().keyring).refresh_timestamp(
            now=late
        ),
    )


def test_a5_a_publication_dated_ahead_is_taken_back(desk: Desk) -> None:
    """As the guide has it: restored, and rotated; whoever had seen the date follows."""
    names = [desk.public / "metadata/timestamp.json", desk.keys / "journal.jsonl"]
    kept = [path.read_bytes() for path in names]
    ahead = NOW + 6 * DAY
    desk.publisher().refresh_timestamp(now=ahead)
    store = verifier.TrustStore(desk.folder / "store")
    root = (desk.public / "metadata/1.root.json").read_bytes()
    store.sync(desk.public, root=root, now=NOW)
    device = desk.device("known")
    device.read(STATUS)
    refused(Refusal.BACK_CLOCK, timestamp(desk))
    names[0].write_bytes(kept[0])
    refused(Refusal.REPOSITORY_BEHIND, timestamp(desk))
    names[1].write_bytes(kept[1])
    desk.publisher().rotate_key("timestamp", now=LATER)
    desk.publish("AUS", desk.documents() | REVOKED, now=LATER)
    store.sync(desk.public, root=root, now=LATER)
    assert store.load().issued_at == LATER
    assert device.read(STATUS, now=LATER) == REVOKED


def test_r5_a_store_tells_a_restored_folder_from_a_mirror(desk: Desk) -> None:
    """As the guide has it: first the mirror, then what was restored."""
    old, mirror = desk.folder / "old", desk.folder / "mirror"
    shutil.copytree(desk.public, old)
    desk.publish("AUS", desk.documents() | REVOKED)
    shutil.copytree(desk.public, mirror)
    root = (desk.public / "metadata/1.root.json").read_bytes()
    for restored, is_older in ((old, True), (desk.public, False)):
        store = verifier.TrustStore(desk.folder / f"compare-{is_older}")
        store.sync(mirror, root=root, now=LATER)
        if is_older:
            with pytest.raises(verifier.SyncError):
                store.sync(restored, root=root, now=LATER)
        else:
            store.sync(restored, root=root, now=LATER)
