"""Where the publisher reads and writes: pipes, links, modes, and what is served."""

import os
import stat
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from issuer.errors import KeyFileError, PublishRefused, SettingsError
from issuer.publish import (
    Journal,
    Keyring,
    Lifetimes,
    Publisher,
    Refusal,
    Submitter,
    bundle,
    write_bundle,
)
from tests.issuer.conftest import OpenDesk
from tests.issuer.repository_reader import APPROVED, Desk, list_of, scheme
from tests.simulator import NOW

STATUS = "AUS/status/1.jwt"
REVOKED = {STATUS: list_of({7: 1})}
LATER = NOW + timedelta(minutes=10)


@pytest.fixture
def desk(tmp_path: Path, open_desk: OpenDesk) -> Desk:
    return open_desk(tmp_path, "AUS")


def refused(code: Refusal, call: Callable[[], object]) -> PublishRefused:
    with pytest.raises(PublishRefused) as caught:
        call()
    assert caught.value.code == code, caught.value
    return caught.value


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def huge(path: Path) -> None:
    os.truncate(path, 2**40)


STRANGE = [pipe, folder, device, huge]


# What is no file


@pytest.mark.parametrize("strange", STRANGE)
@pytest.mark.parametrize(
    "name", ["metadata/1.root.json", "metadata/timestamp.json", "metadata/2.AUS.json"]
)
def test_c1_metadata_that_is_no_file(
    desk: Desk, name: str, strange: Callable[[Path], None]
) -> None:
    """Told in a line: nobody waits for a pipe, and the memory stays."""
    strange(desk.public / name)
    for call in (
        lambda: desk.publisher().refresh_timestamp(now=LATER),
        lambda: write_bundle(desk.public, desk.folder / "bundle.zip"),
    ):
        refused(Refusal.REPOSITORY_DAMAGED, call)


@pytest.mark.parametrize("strange", STRANGE)
def test_c1_a_document_that_is_no_file(
    desk: Desk, strange: Callable[[Path], None]
) -> None:
    """One that is published, and one that was taken away and comes back."""
    full = desk.documents()
    (path,) = (desk.public / "targets/AUS/status").iterdir()
    less = {name: data for name, data in full.items() if name != STATUS}
    desk.publish("AUS", less, approvals=APPROVED)
    strange(path)
    refused(Refusal.REPOSITORY_DAMAGED, lambda: desk.publish("AUS", full, now=LATER))
    (path,) = (desk.public / "targets").glob("*.scheme.json")
    strange(path)
    refused(Refusal.REPOSITORY_DAMAGED, lambda: desk.publish("AUS", less, now=LATER))


def test_c1_prune_waits_for_no_pipe(desk: Desk) -> None:
    """A role of a state that somebody may still read."""
    desk.publish("AUS", desk.documents() | REVOKED, now=LATER)
    pipe(desk.public / "metadata/2.AUS.json")
    desk.publisher().prune(now=LATER)


def test_c1_publishing_waits_for_no_pipe(desk: Desk) -> None:
    """One lies where the next timestamp is to be written."""
    before = desk.files()
    os.mkfifo(desk.public / "metadata/.timestamp.json.tmp")
    with pytest.raises(OSError, match=r"timestamp\.json"):
        desk.publisher().refresh_timestamp(now=LATER)
    assert desk.files() == before


@pytest.mark.parametrize("strange", [pipe, folder, huge])
def test_c1_a_journal_that_is_no_file(
    desk: Desk, strange: Callable[[Path], None]
) -> None:
    """It is no memory."""
    strange(desk.keys / "journal.jsonl")
    refused(
        Refusal.JOURNAL_DAMAGED, lambda: desk.publisher().refresh_timestamp(now=LATER)
    )


@pytest.mark.parametrize("strange", STRANGE)
def test_c1_lifetimes_that_are_no_file(
    tmp_path: Path, strange: Callable[[Path], None]
) -> None:
    """A line with the file's name."""
    path = tmp_path / "lifetimes.toml"
    path.touch()
    strange(path)
    with pytest.raises(SettingsError, match=r"lifetimes\.toml: .*(no file|more than)"):
        Lifetimes.load(path)


def test_b15_a_journal_behind_a_link_is_refused_first(desk: Desk) -> None:
    """No line can be added there, so nothing is published; wherever it leads."""
    path = desk.keys / "journal.jsonl"
    path.rename(desk.folder / "elsewhere")
    before = desk.files()
    for target in ("elsewhere", "nowhere"):
        path.unlink(missing_ok=True)
        path.symlink_to(desk.folder / target)
        refused(
            Refusal.JOURNAL_DAMAGED,
            lambda: desk.publisher().refresh_timestamp(now=LATER),
        )
    assert desk.files() == before
    fresh = replace(desk.publisher(), folder=desk.folder / "new")
    refused(Refusal.JOURNAL_DAMAGED, lambda: fresh.init(scheme(), now=NOW))
    assert not list((desk.folder / "new").iterdir())


# What is served


@pytest.mark.parametrize("place", ["", "keys", "metadata/../targets"])
def test_b10_r7_keys_and_journal_are_not_served(desk: Desk, place: str) -> None:
    """Refused before a key or a line lies there; also through a link."""
    inside = desk.public / place
    link = desk.folder / "link"
    link.symlink_to(desk.public)
    keyring = Keyring([desk.keys], lambda _: b"secret")
    for folders in ([inside], [desk.keys, inside], [link / place]):
        ring = Keyring(folders, lambda _: b"secret")
        refused(
            Refusal.PLACE_PUBLIC,
            lambda: replace(desk.publisher(), keyring=ring),  # noqa: B023
        )
    refused(
        Refusal.PLACE_PUBLIC,
        lambda: Publisher(
            folder=link,
            journal=Journal(path=inside / "journal.jsonl"),
            keyring=keyring,
        ),
    )
    Publisher(
        folder=desk.keys / "public",
        journal=Journal(path=desk.keys / "public.jsonl"),
        keyring=keyring,
    )


def test_b11_what_is_published_can_be_read_whatever_the_umask(tmp_path: Path) -> None:
    """By the web server; the keys and the journal are still their owner's."""
    desk = Desk(tmp_path)
    before = os.umask(0o077)
    try:
        desk.open("AUS")
    finally:
        os.umask(before)
    modes = {
        (path.is_dir(), stat.S_IMODE(path.stat().st_mode))
        for path in (desk.public, *desk.public.rglob("*"))
    }
    assert modes == {(True, 0o755), (False, 0o644)}
    assert {stat.S_IMODE(path.stat().st_mode) for path in desk.keys.iterdir()} == {
        0o600
    }


def test_d4_a_bundle_that_no_device_takes_is_not_written(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than the limit is refused, and the file that was there stays."""
    file = desk.folder / "bundle.zip"
    write_bundle(desk.public, file)
    before = file.read_bytes()
    with zipfile.ZipFile(file) as archive:
        sizes = [info.file_size for info in archive.infolist()]
    assert (bundle.MAX_MEMBERS, bundle.MAX_BUNDLE) == (8192, 64 * 2**20)
    for limit, value in (("MAX_MEMBERS", len(sizes)), ("MAX_BUNDLE", sum(sizes))):
        with monkeypatch.context() as patch:
            patch.setattr(bundle, limit, value)
            write_bundle(desk.public, file)
            patch.setattr(bundle, limit, value - 1)
            error = refused(
                Refusal.BUNDLE_SIZE, lambda: write_bundle(desk.public, file)
            )
            assert f"{len(sizes)} files of {sum(sizes):,} bytes" in error.detail
    assert file.read_bytes() == before


# Keys that came to nothing, and names that are one person's


@pytest.mark.parametrize("is_dry_run", [True, False])
def test_c10_a_key_that_came_to_nothing_is_not_stored_later(
    desk: Desk, *, is_dry_run: bool
) -> None:
    """Of a dry run, or of what was refused: the next operation stores none of it."""
    before = sorted(desk.keys.iterdir())
    publisher = desk.publisher()
    if is_dry_run:
        publisher.rotate_key("timestamp", now=NOW, dry_run=True)
        Publisher.init(
            replace(publisher, folder=desk.folder / "new"),
            scheme(),
            now=NOW,
            dry_run=True,
        )
    else:
        stick = desk.folder / "stick"
        stick.mkdir()
        for path in desk.key_files("root"):
            path.rename(stick / path.name)
        refused(
            Refusal.THRESHOLD_UNMET,
            lambda: publisher.rotate_key("timestamp", now=NOW),
        )
        for path in stick.iterdir():
            path.rename(desk.keys / path.name)
    publisher.refresh_timestamp(now=NOW)
    assert sorted(desk.keys.iterdir()) == before


def test_c10_an_economy_s_key_that_was_not_stored_is_gone(tmp_path: Path) -> None:
    """Its folder was not there; the next attempt stores its own key only."""
    keyring = Keyring([tmp_path / "keys"], lambda _: b"at home")
    submitter = Submitter(economy="AUS", keyring=keyring)
    with pytest.raises(KeyFileError):
        submitter.make_key(now=NOW)
    (tmp_path / "keys").mkdir(mode=0o700)
    made = submitter.make_key(now=NOW)
    (path,) = (tmp_path / "keys").iterdir()
    assert path.name == f"AUS.{made.key.keyid[:16]}.pem"


@pytest.mark.parametrize(
    "name",
    [
        "ana  maria",
        "Ana\u00a0Maria",
        "Ana\u200b Maria\u200f",
        "A\u00adna Maria",
        "\uff21na Maria",
        "Ana Mari\u200da",
        "\tANA\nMARIA ",
    ],
)
def test_c11_d12_one_person_is_not_two(desk: Desk, name: str) -> None:
    """Case, width, white space and what nobody sees tell no people apart."""
    call = desk.publisher().revoke_economy
    both = frozenset({"Ana Maria", name})
    refused(Refusal.SHRINK_ECONOMY, lambda: call("AUS", now=NOW, approvals=both))
    nobody = frozenset({"Ana Maria", "\u200b", " "})
    refused(Refusal.SHRINK_ECONOMY, lambda: call("AUS", now=NOW, approvals=nobody))
    call("AUS", now=NOW, approvals=frozenset({"Ana Maria", "Ana María"}))
