"""From an economy's desk to an officer's device: published, synced, decided."""

from datetime import timedelta
from pathlib import Path

import pytest

import verifier
from issuer.errors import PublishRefused
from issuer.publish import write_bundle
from tests.issuer.repository_reader import APPROVED, Desk, list_of
from tests.simulator import NOW, World

WORLD = World(economies=["AUS", "SGP"])
CODE = WORLD.show(WORLD.card())
PRINTED = WORLD.show(WORLD.card(form="physical", economies=[]))
MINUTE = timedelta(minutes=1)


class Story:
    """A desk that publishes for two economies, and a device of Singapore."""

    def __init__(self, folder: Path) -> None:
        self.desk = Desk(folder).open("AUS", "SGP", now=NOW - 30 * MINUTE)
        self.store = verifier.TrustStore(folder / "store")
        self.root = (self.desk.public / "metadata/1.root.json").read_bytes()
        self.publish_overlay({}, minutes=-25)

    def publish_overlay(self, states: dict[int, int], *, minutes: int) -> None:
        name, at = "SGP/overlay/AUS/1.jwt", NOW + minutes * MINUTE
        overlay = list_of(states, name=name, iat=at)
        documents = self.desk.documents("SGP") | {name: overlay}
        self.desk.publish("SGP", documents, now=at)

    def sync(self) -> verifier.SyncReport:
        return self.store.sync(self.desk.public, root=self.root, now=NOW, economy="SGP")

    def reason(self, code: str) -> str:
        found = WORLD.verify(code, trust=self.store.load())
        if isinstance(found, verifier.Accepted):
            return found.entitlement.entry.reason.value
        return found.reason.value


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(tmp_path)


def test_published_synced_decided(story: Story) -> None:
    """A device that has only the first root accepts a good card."""
    report = story.sync()
    assert report.problems == ()
    assert story.reason(CODE) == "entry.cleared"
    assert story.sync().documents_changed == 0


def test_overlays_both_ways(story: Story) -> None:
    """A clearance granted after printing arrives, and goes again when withdrawn."""
    story.sync()
    assert story.reason(PRINTED) == "entry.not_cleared"
    story.publish_overlay({7: 3}, minutes=-20)
    story.sync()
    assert story.reason(PRINTED) == "entry.granted"
    story.publish_overlay({7: 1}, minutes=-15)
    story.sync()
    assert story.reason(PRINTED) == story.reason(CODE) == "entry.withdrawn"


def test_s11_revoked_stays_revoked(story: Story) -> None:
    """A revocation reaches the device, and nobody can publish it away."""
    name = "AUS/status/1.jwt"
    revoked = list_of({7: 1}, name=name, iat=NOW - 20 * MINUTE)
    documents = story.desk.documents("AUS") | {name: revoked}
    story.desk.publish("AUS", documents, now=NOW - 20 * MINUTE)
    story.sync()
    assert story.reason(CODE) == "status.revoked"
    undone = list_of({}, name=name, iat=NOW - 10 * MINUTE)
    with pytest.raises(PublishRefused, match="unrevoked"):
        story.desk.publish("AUS", documents | {name: undone}, now=NOW - 10 * MINUTE)


def test_d6_an_economy_leaves(story: Story) -> None:
    """Two people take an economy's role away; devices forget its keys."""
    story.sync()
    story.desk.publisher().revoke_economy("AUS", now=NOW, approvals=APPROVED)
    story.sync()
    assert story.reason(CODE) == "trust.unknown_issuer"


def test_a_bundle_says_the_same(story: Story, tmp_path: Path) -> None:
    """One file on a stick brings a device what the mirror would have brought it."""
    story.publish_overlay({7: 3}, minutes=-20)
    bundle, again = tmp_path / "sgp.zip", tmp_path / "again.zip"
    size = write_bundle(story.desk.public, bundle, economy="SGP")
    assert size == bundle.stat().st_size
    report = story.store.sync(bundle, root=story.root, now=NOW, economy="SGP")
    assert report.problems == ()
    assert story.reason(PRINTED) == "entry.granted"
    write_bundle(story.desk.public, again, economy="SGP")
    assert again.read_bytes() == bundle.read_bytes()


def test_a_bundle_for_another_destination(story: Story, tmp_path: Path) -> None:
    """A destination's bundle has its own overlays only; a full one serves everybody."""
    write_bundle(story.desk.public, tmp_path / "aus.zip", economy="AUS")
    with pytest.raises(verifier.SyncError):
        story.store.sync(tmp_path / "aus.zip", root=story.root, now=NOW, economy="SGP")
    write_bundle(story.desk.public, tmp_path / "all.zip")
    story.store.sync(tmp_path / "all.zip", root=story.root, now=NOW, economy="SGP")
    assert story.reason(CODE) == "entry.cleared"


def test_a_bundle_replayed_is_refused(story: Story, tmp_path: Path) -> None:
    """An old stick cannot undo what a device has learnt."""
    write_bundle(story.desk.public, tmp_path / "old.zip")
    story.publish_overlay({7: 1}, minutes=-20)
    story.sync()
    with pytest.raises(verifier.SyncError):
        story.store.sync(tmp_path / "old.zip", root=story.root, now=NOW, economy="SGP")
    assert story.reason(CODE) == "entry.withdrawn"


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "SGP"])
def test_rotated_keys_are_followed(story: Story, role: str) -> None:
    """A device goes on through a rotation, knowing the first root only."""
    story.sync()
    story.desk.publisher().rotate_key(role, now=NOW - 10 * MINUTE)
    assert story.sync().problems == ()
    assert story.reason(CODE) == "entry.cleared"
