"""A few economies on one table, and a device."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

import verifier
from examples.stage import Device, Holder, Table
from issuer.errors import ClockError
from issuer.lists import Overlay, Status
from wallet_api.holder import Phone

NOW = datetime(2030, 1, 15, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOLDER = Holder(
    issuer="KOR",
    family_name="HONG",
    given_name="GILDONG",
    birthdate=date(1980, 2, 29),
    sex="M",
    nationality="KOR",
    passport_country="KOR",
    passport_number="M12345678",
    passport_expires_on=date(2034, 6, 30),
    economies=("NZL", "SGP"),
)


def test_each_office_remembers_when_it_last_signed(tmp_path: Path) -> None:
    """A clock that goes back stops the office that has signed, and no other."""
    table = Table(tmp_path, ["KOR", "SGP"], NOW)
    credential = table.issue(HOLDER, "physical", at=NOW)
    assert table.offices["KOR"].last_issued_at == credential.issued_at
    table.issue(HOLDER, "physical", at=NOW)
    earlier = NOW - timedelta(seconds=1)
    with pytest.raises(ClockError, match="a card was signed at"):
        table.issue(HOLDER, "physical", at=earlier)
    other = replace(HOLDER, issuer="SGP", economies=("NZL",))
    table.issue(other, "physical", at=earlier)


def test_a_card_that_moves_stays_the_same_card(tmp_path: Path) -> None:
    """Another phone gets its number and its end; the first is superseded."""
    table = Table(tmp_path, ["KOR", "SGP"], NOW)
    first = table.issue(HOLDER, "app", Phone(), at=NOW)
    moved = table.issue(HOLDER, "app", Phone(), at=NOW + HOUR, replaces=first)
    assert moved.document_number == first.document_number
    assert moved.expires_at == first.expires_at
    states = table.offices["KOR"].states
    assert states.state(first.status_index) is Status.SUPERSEDED
    assert states.state(moved.status_index) is Status.VALID


def test_only_what_has_changed_is_published(tmp_path: Path) -> None:
    """An economy without news signs nothing, and one with news only its own."""
    table = Table(tmp_path, ["KOR", "SGP"], NOW)
    credential = table.issue(HOLDER, "physical", at=NOW)
    table.open_repository(NOW)
    assert len(table.publish(NOW)) == 2
    table.set_overlay("SGP", credential, Overlay.WITHDRAWN)
    (news,) = table.publish(NOW + HOUR)
    documents = [name for name in news.files if name.startswith("targets/")]
    assert [Path(name).parent.as_posix() for name in documents] == [
        "targets/SGP/overlay/KOR"
    ]
    assert table.publish(NOW + HOUR) == ()


def test_a_device_knows_what_a_stick_has_brought(tmp_path: Path) -> None:
    """News counts once it is carried, and an older stick does not take it back."""
    table = Table(tmp_path, ["KOR", "SGP"], NOW)
    table.open_repository(NOW)
    table.publish(NOW)
    old = table.bundle("SGP").rename(tmp_path / "old.zip")
    root = (table.public / "metadata/1.root.json").read_bytes()
    device = Device(tmp_path / "device", "SGP", root)
    first = device.sync(old, NOW)
    assert isinstance(first, verifier.SyncReport)
    assert (first.problems, first.documents_changed) == ((), 7)
    table.publisher.refresh_timestamp(now=NOW + HOUR)
    assert device.trust().issued_at == NOW
    device.sync(table.bundle("SGP"), NOW + HOUR)
    assert isinstance(device.sync(old, NOW + HOUR), verifier.SyncError)
    assert device.trust().issued_at == NOW + HOUR
