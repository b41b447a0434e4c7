"""What a repository needs over the years: longer life, and less of the past."""

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tuf.api.exceptions import DownloadError

import verifier
from issuer.errors import PublishRefused, SettingsError
from issuer.publish import Lifetimes, Publisher, Refusal, write_bundle
from tests.issuer.conftest import OpenDesk
from tests.issuer.repository_reader import APPROVED, Desk, list_of
from tests.simulator import NOW

STATUS = "AUS/status/1.jwt"
EVERY = ("scheme.json", "AUS/issuer.json", STATUS, "AUS/overlay/SGP/1.jwt")
DAY = timedelta(days=1)


@pytest.fixture
def desk(tmp_path: Path, open_desk: OpenDesk) -> Desk:
    return open_desk(tmp_path, "AUS")


def refused(code: Refusal, call: Callable[[], object]) -> None:
    with pytest.raises(PublishRefused) as caught:
        call()
    assert caught.value.code == code, caught.value


def life(desk: Desk, role: str) -> timedelta:
    roles = {each.role: each for each in desk.publisher().status().roles}
    return roles[role].expires_at - NOW


def keys(desk: Desk) -> dict[str, list[str]]:
    return {
        role.role: [key.key_id for key in role.keys]
        for role in desk.publisher().status().roles
    }


def status_of(day: int) -> dict[str, bytes]:
    """The status list of that day: one card more is revoked each day."""
    states = dict.fromkeys(range(1, day + 1), 1)
    return {STATUS: list_of(states, iat=NOW + day * DAY)}


# Living longer


@pytest.mark.parametrize(
    ("role", "days"), [("root", 365), ("targets", 180), ("AUS", 30)]
)
def test_a_role_lives_longer_with_the_keys_it_has(
    desk: Desk, role: str, days: int
) -> None:
    """No key is replaced, no document changes, and every device follows."""
    before, had = desk.device().read(*EVERY), keys(desk)
    desk.publisher().renew(role, now=NOW + DAY)
    assert life(desk, role) == (days + 1) * DAY
    assert keys(desk) == had
    for name in ("device", "new"):
        assert desk.device(name).read(*EVERY, now=NOW + DAY) == before
    store = verifier.TrustStore(desk.folder / "store")
    root = (desk.public / "metadata/1.root.json").read_bytes()
    assert store.sync(desk.public, root=root, now=NOW + DAY).problems == ()


def test_d2_what_has_expired_is_renewed(desk: Desk) -> None:
    """Devices that had stopped believing go on."""
    late = NOW + 400 * DAY
    for role in ("root", "targets", "AUS"):
        replace(desk.publisher(), is_overdue=True).renew(role, now=late)
    assert desk.device().read("scheme.json", now=late)


@pytest.mark.parametrize("role", ["root", "targets"])
def test_d7_renewing_needs_two_people(desk: Desk, role: str) -> None:
    """One officer alone cannot even prolong."""
    for path in desk.key_files(role)[1:]:
        path.unlink()
    before = desk.files()
    refused(
        Refusal.THRESHOLD_UNMET, lambda: desk.publisher().renew(role, now=NOW + DAY)
    )
    assert desk.files() == before


@pytest.mark.parametrize("role", ["snapshot", "timestamp", "NZL", "aus", "../root"])
def test_what_is_renewed_otherwise_or_not_there(desk: Desk, role: str) -> None:
    """The online roles have their own command."""
    refused(
        Refusal.ECONOMY_UNKNOWN, lambda: desk.publisher().renew(role, now=NOW + DAY)
    )


def test_d6_what_a_thief_has_listed_is_not_signed_again(desk: Desk) -> None:
    """A foreign name under an economy's role is found before it is prolonged."""
    publisher = desk.publisher()
    with publisher._drafting(NOW) as draft:
        draft.set_documents("AUS", {"NZL/status/2.jwt": b"x"})
        draft.sign_targets("AUS")
        draft.seal()
        publisher._commit(draft, "forged", dry_run=False)
    refused(Refusal.NAME_FOREIGN, lambda: desk.publisher().renew("AUS", now=NOW))


# Lifetimes from a file


def test_lifetimes_from_a_file(tmp_path: Path) -> None:
    """Days or hours for each role; what is left out is as usual."""
    path = tmp_path / "lifetimes.toml"
    path.write_text("timestamp = { hours = 36 }\n[economy]\ndays = 10\n")
    found = Lifetimes.load(path)
    assert found == Lifetimes(timestamp=1.5 * DAY, economy=10 * DAY)
    desk = Desk(tmp_path).open()
    at_desk = desk.publisher()
    publisher = Publisher(
        folder=desk.public,
        journal=at_desk.journal,
        keyring=at_desk.keyring,
        lifetimes=found,
    )
    publisher.add_economy("AUS", now=NOW)
    assert (life(desk, "AUS"), life(desk, "timestamp")) == (10 * DAY, 1.5 * DAY)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("timestamps = { hours = 36 }", "timestamps: is no known key"),
        ("root = 365", "root: must be { days = … } or { hours = … }"),
        ("root = { weeks = 3 }", "root: must be { days = … } or { hours = … }"),
        ("root = { days = 3, hours = 1 }", "root: must be { days = … } or"),
        ("root = {}", "root: must be { days = … } or { hours = … }"),
        ("root = { days = true }", "root: days must be a whole number"),
        ("root = { days = 1.5 }", "root: days must be a whole number"),
        ("root = { hours = 0 }", "root: must be from an hour to 3,650 days"),
        ("root = { days = -1 }", "root: must be from an hour to 3,650 days"),
        ("root = { days = 3651 }", "root: must be from an hour to 3,650 days"),
        ("root = { days = 99999999999 }", "root: must be from an hour to 3,650 days"),
        ("root = ", "invalid value"),
        ("root = { days = 1 }\nroot = { days = 2 }", "overwrite"),
        ("\udcff", "utf-8"),
    ],
)
def test_a_bad_lifetime_names_file_key_and_reason(
    tmp_path: Path, text: str, says: str
) -> None:
    """One line, and nothing is guessed."""
    path = tmp_path / "lifetimes.toml"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(SettingsError) as caught:
        Lifetimes.load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert says in str(caught.value)
    with pytest.raises(SettingsError, match="no such file"):
        Lifetimes.load(tmp_path / "other.toml")


# Forgetting


def test_prune_keeps_what_readers_may_still_need(desk: Desk) -> None:
    """Who began before the last two days is over; everybody else can finish."""
    slow = {day: desk.device(f"slow-{day}").updater(NOW) for day in range(6)}
    slow[0].refresh()
    for day in range(1, 6):
        now = NOW + day * DAY
        desk.publish("AUS", desk.documents() | status_of(day), now=now)
        slow[day] = desk.device(f"slow-{day}").updater(now)
        slow[day].refresh()
    done = desk.publisher().prune(now=NOW + 5 * DAY)
    finished = {}
    for day, updater in slow.items():
        try:
            info = updater.get_targetinfo(STATUS)
            assert info
            path = updater.download_target(info, str(desk.folder / "target"))
            finished[day] = Path(path).read_bytes()
        except DownloadError:
            finished[day] = b""
    assert finished == {
        day: status_of(day)[STATUS] if day >= 3 else b"" for day in range(6)
    }
    names = {name for name in desk.files() if "status" in name or "AUS.json" in name}
    assert len(names) == 6
    assert done.kept == len([n for n in desk.files() if "root" not in n]) - 1


def test_prune_leaves_a_repository_that_goes_on(desk: Desk) -> None:
    """Devices old and new, bundles and the next publication; roots are all there."""
    desk.device("known").read(*EVERY)
    desk.publisher().rotate_key("snapshot", now=NOW)
    for day in range(1, 4):
        desk.publish("AUS", desk.documents() | status_of(day), now=NOW + day * DAY)
    late = NOW + 6 * DAY
    before = desk.files()
    dry = desk.publisher().prune(now=late, dry_run=True)
    assert desk.files() == before
    done = desk.publisher().prune(now=late)
    assert (done.removed, done.size, done.kept) == (dry.removed, dry.size, dry.kept)
    assert set(before) - set(desk.files()) == set(done.removed) != set()
    assert done.size == sum(len(before[name]) for name in done.removed)
    assert {f"metadata/{number}.root.json" for number in (1, 2, 3)} <= set(desk.files())
    for name in ("known", "new"):
        found = desk.device(name).read(*EVERY, now=late)
        assert found[STATUS] == status_of(3)[STATUS]
    write_bundle(desk.public, desk.folder / "bundle.zip")
    desk.publisher().refresh_timestamp(now=late)
    assert desk.publisher().prune(now=late).removed == ()
    assert [line["files"] for line in desk.journal() if line["event"] == "pruned"] == [
        len(done.removed),
        0,
    ]


def test_r5_prune_forgets_no_revocation(desk: Desk) -> None:
    """A list that was taken away is kept, for it must not return as another."""
    full = desk.documents() | {STATUS: list_of({7: 1})}
    desk.publish("AUS", full)
    less = {name: data for name, data in full.items() if name != STATUS}
    desk.publish("AUS", less, approvals=APPROVED)
    late = NOW + 3 * DAY
    desk.publish("AUS", less, now=late)
    assert desk.publisher().prune(now=late + 3 * DAY).removed
    clean = full | {STATUS: list_of({}, iat=late)}
    again = {"now": late + 3 * DAY}
    refused(Refusal.LIST_UNREVOKED, lambda: desk.publish("AUS", clean, **again))
    desk.publish("AUS", full | {STATUS: list_of({7: 1}, iat=late)}, **again)


def test_prune_counts_a_state_that_the_journal_missed(desk: Desk) -> None:
    """Killed between the timestamp and the journal, a publication was in force."""
    desk.publish("AUS", desk.documents() | status_of(1), now=NOW + DAY)
    path = desk.keys / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]))
    reader = desk.device().updater(NOW + DAY)
    reader.refresh()
    desk.publish("AUS", desk.documents() | status_of(5), now=NOW + 5 * DAY)
    desk.publisher().prune(now=NOW + 6 * DAY)
    info = reader.get_targetinfo(STATUS)
    assert info
    reader.download_target(info, str(desk.folder / "target"))
    desk.publisher().prune(now=NOW + 8 * DAY)
    with pytest.raises(DownloadError):
        desk.device().updater(NOW + DAY).download_target(
            info, str(desk.folder / "another")
        )


def test_prune_removes_nothing_that_is_not_ours(desk: Desk, tmp_path: Path) -> None:
    """Other files stay, and no link leads outside."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    names = [f"{'0' * 64}.issuer.json", "1.NZL.json"]
    for name in names:
        (elsewhere / name).write_bytes(b"x")
    (desk.public / "targets/NZL").symlink_to(elsewhere)
    for other in ("robots.txt", "metadata/index.html", "metadata/01.AUS.json"):
        (desk.public / other).write_bytes(b"x")
    desk.publish("AUS", desk.documents(), now=NOW + DAY)
    before = desk.files()
    done = desk.publisher().prune(now=NOW + 7 * DAY)
    assert {"metadata/1.AUS.json", "metadata/2.AUS.json"} < set(done.removed)
    assert sorted(each.name for each in elsewhere.iterdir()) == sorted(names)
    assert set(before) - set(desk.files()) == set(done.removed)
    assert (desk.public / "metadata/01.AUS.json").exists()
    (desk.public / "metadata").rename(tmp_path / "meta")
    (desk.public / "metadata").symlink_to(tmp_path / "meta")
    late = NOW + 7 * DAY
    refused(Refusal.REPOSITORY_DAMAGED, lambda: desk.publisher().prune(now=late))


def test_prune_clears_up_after_a_publication_that_was_killed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nothing in force names was never to be read."""
    before = desk.files()
    replace = os.replace

    def fail_at_timestamp(source: Path, target: Path) -> None:
        if target.name == "timestamp.json":
            raise OSError(28, "No space left on device")
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail_at_timestamp)
        with pytest.raises(OSError, match="No space"):
            desk.publish("AUS", desk.documents() | status_of(0), now=NOW)
    left = set(desk.files()) - set(before)
    assert len(left) == 3
    assert set(desk.publisher().prune(now=NOW).removed) == left
    desk.publish("AUS", desk.documents() | status_of(0), now=NOW)


@pytest.mark.parametrize("hours", [0, -1, 24 * 3651])
def test_prune_leaves_readers_their_time(desk: Desk, hours: int) -> None:
    """An hour at least, whoever asks."""
    with pytest.raises(ValueError, match="grace"):
        desk.publisher().prune(now=NOW, grace=timedelta(hours=hours))
    for allowed in (1, 24 * 3650):
        desk.publisher().prune(now=NOW, grace=timedelta(hours=allowed))


def test_d1_prune_believes_no_clock_that_went_back(desk: Desk) -> None:
    """As for every operation: what is in force was published in the past."""
    refused(Refusal.BACK_CLOCK, lambda: desk.publisher().prune(now=NOW - timedelta(1)))
