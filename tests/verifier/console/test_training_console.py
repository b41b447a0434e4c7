"""A console on which officers train: test cards only, and every answer says so."""

from pathlib import Path

import pytest

import verifier
from tests.simulator import NOW, World
from tests.verifier.console.conftest import WORLD, Desk
from tests.verifier.tuf_repository import Repository

TESTS = World(economies=["AUS", "NZL", "SGP"])
AUS = TESTS.documents()["AUS/issuer.json"].replace(b"{", b'{"test":true,', 1)


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A store in which Australia is for tests and New Zealand is not."""
    documents = {**TESTS.documents(), "AUS/issuer.json": AUS}
    repository = Repository(tmp_path / "mirror", documents)
    repository.publish()
    store = verifier.TrustStore(tmp_path / "store")
    store.sync(repository.folder, root=repository.first_root, now=NOW)
    return tmp_path / "store"


@pytest.mark.parametrize(
    ("is_training", "test_card", "live_card"),
    [(False, "card.test", "entry.cleared"), (True, "entry.cleared", "card.test")],
)
def test_i2_a_console_takes_test_cards_or_live_ones_and_never_both(
    mixed: Path, tmp_path: Path, is_training: bool, test_card: str, live_card: str
) -> None:
    desk = Desk(mixed, tmp_path / "home", is_training=is_training)
    desk.begin()
    assert desk.get("state").json["training"] is is_training
    for issuer, reason in (("AUS", test_card), ("NZL", live_card)):
        found = desk.check(WORLD.show(WORLD.card(issuer)))
        assert (found["reason"], found["training"]) == (reason, is_training)
    typed = {"economy": "AUS", "document_number": "D1", "passport_number": "P1"}
    assert desk.post("manual", typed).json["training"] is is_training
    desk.console.frames.close()
    desk.console.updates.close()
