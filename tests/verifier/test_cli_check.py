"""``abtc-verify check``, ``sync`` and ``info`` on a real store."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from issuer.plastic import qr_image
from tests.mrz_builder import build_td3
from tests.simulator import NOW, World
from tests.verifier.tuf_repository import Repository

COMMAND = Path(sys.executable).with_name("abtc-verify")
WORLD = World(economies=["AUS", "SGP"])
CODE = WORLD.show(WORLD.card())
PRINTED = WORLD.show(WORLD.card(form="physical"))
FORGED = "ABTC1:" + CODE[6:].replace("A", "B", 1)
CLOCK = ("--now", NOW.isoformat())


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a mirror, its first root, a bundle and a store."""
    folder = tmp_path_factory.mktemp("device")
    repository = Repository(folder / "mirror", WORLD.documents())
    repository.publish()
    repository.bundle(folder / "bundle")
    (folder / "root.json").write_bytes(repository.first_root)
    arguments = ("--from", "mirror", "--root", "root.json", *CLOCK)
    assert run(folder, "sync", *arguments)[0] == 0
    yield folder
    shutil.rmtree(folder)


def run(
    folder: Path, command: str, *arguments: str, stdin: str = ""
) -> tuple[int, str, str]:
    store = () if "--store" in arguments else ("--store", "store")
    done = subprocess.run(  # noqa: S603  # our own command
        [COMMAND, command, *store, *arguments],
        input=stdin.encode(),
        capture_output=True,
        timeout=60,
        check=False,
        cwd=folder,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def check(folder: Path, *arguments: str, stdin: str = "") -> tuple[int, str, str]:
    return run(folder, "check", "--economy", "SGP", *arguments, stdin=stdin)


def test_accepted(device: Path) -> None:
    """A good card is accepted, with all that the officer needs."""
    status, out, err = check(device, CODE, *CLOCK)
    assert (status, err) == (0, "")
    assert out.startswith("ACCEPTED  CITIZEN, JANE MARY")
    assert "lane: yes (lane.open)" in out
    assert "entry: visa free until 2030-03-15 (entry.cleared)" in out
    assert "still to see: passport, face" in out
    assert "data as of 2030-01-15T11:00:00+00:00" in out


def test_d2_old_data_is_told(device: Path) -> None:
    """Half-way to too old, the answer asks for an update; too old, it says as of when.

    Plastic, whose code does not change.
    """
    late = ("--now", (NOW + timedelta(days=2)).isoformat())
    status, out, _ = check(device, PRINTED, *late)
    told = "2030-01-15T11:00:00+00:00; past half of its time: status, overlay; update"
    assert (status, told in out) == (0, True)
    status, out, _ = check(device, PRINTED, *late, "--json")
    assert json.loads(out)["evidence"]["ageing"] == ["status", "overlay"]
    late = ("--now", (NOW + timedelta(days=4)).isoformat())
    status, out, _ = check(device, PRINTED, *late)
    assert (status, out.splitlines()[0]) == (2, "UNDECIDED  status.stale")
    assert "data as of 2030-01-15T11:00:00+00:00; past half" in out


def test_the_object(device: Path) -> None:
    """--json prints exactly the documented members."""
    status, out, _ = check(device, CODE, *CLOCK, "--json")
    found: dict[str, Any] = json.loads(out)
    assert status == 0
    assert set(found) == {
        "outcome",
        "reason",
        "card",
        "entitlement",
        "must_see",
        "evidence",
    }
    assert (found["outcome"], found["reason"]) == ("accepted", None)
    assert found["card"]["passport"] == {"country": "AUS", "number": "PA1234567"}
    assert found["entitlement"]["entry"] == {
        "answer": "visa_free",
        "reason": "entry.cleared",
        "stay_until": "2030-03-15",
    }
    assert found["evidence"]["economy"] == "AUS"


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ((FORGED, *CLOCK), 1, "REJECTED  signature.invalid"),
        (("ABTC2:AAA", *CLOCK), 2, "UNDECIDED  card.version"),
        ((CODE, "--now", "2030-01-15T13:00:00Z"), 2, "UNDECIDED  proof.stale"),
        ((CODE, "--now", "2030-01-15T20:00:00+08:00"), 0, "ACCEPTED"),
        ((CODE, *CLOCK, "--passport", "AUS:PA1234567"), 0, "see: passport, face"),
        ((CODE, *CLOCK, "--passport", "AUS:PB1"), 1, "REJECTED  passport.mismatch"),
    ],
)
def test_outcomes(
    device: Path, arguments: tuple[str, ...], status: int, said: str
) -> None:
    """The exit status is 0, 1 or 2, and the first line says why."""
    found = check(device, *arguments)
    assert found[0] == status
    assert said in found[1]
    assert found[2] == ""


def test_machine_readable_lines(device: Path) -> None:
    """The passport may come as its lines in a file."""
    (device / "mrz").write_text(
        build_td3(
            country="AUS",
            number="PA1234567",
            family_name="CITIZEN",
            given_name="JANE MARY",
            nationality="AUS",
            birthdate="800229",
            sex="F",
            expiry="350101",
        )
    )
    status, out, _ = check(device, CODE, *CLOCK, "--mrz", "mrz")
    assert status == 0
    assert "still to see: face" in out
    (device / "mrz").write_text("P<AUS")
    status, _, err = check(device, CODE, *CLOCK, "--mrz", "mrz")
    assert status == 64
    assert len(err.splitlines()) == 1


def test_pictures(device: Path) -> None:
    """A photograph is read; one without a code says so."""
    qr_image(CODE, module_pixels=4).save(device / "photo.png")
    qr_image("https://example.org", module_pixels=4).save(device / "menu.png")
    assert check(device, "photo.png", *CLOCK)[0] == 0
    status, _, err = check(device, "menu.png", *CLOCK)
    assert (status, err) == (1, "abtc-verify: menu.png: no ABTC code found\n")


def test_streaming(device: Path) -> None:
    """Every line is answered by one object; one refusal gives status 1."""
    lines = "\n".join([CODE, "ABTC2:A", FORGED, "https://example.org", CODE])
    status, out, err = check(device, "-", *CLOCK, "--json", stdin=lines)
    outcomes = [json.loads(line)["outcome"] for line in out.splitlines()]
    assert (status, err) == (1, "")
    assert outcomes == ["accepted", "undecided", "rejected", "rejected", "accepted"]
    assert check(device, "-", *CLOCK, stdin=f"{CODE}\nABTC2:A\n")[0] == 2


@pytest.mark.parametrize(
    "arguments",
    [
        (CODE, "--now", "2030-01-15T12:00:00"),
        (CODE, "--now", "noon"),
        (CODE, "--passport", "PA1234567"),
        (CODE, "--mrz", "nowhere"),
        (CODE, "--economy", "sgp"),
        (),
    ],
)
def test_wrong_usage(device: Path, arguments: tuple[str, ...]) -> None:
    """Wrong usage is one line and status 64."""
    status, out, err = check(device, *arguments)
    assert (status, out) == (64, "")
    assert len(err.splitlines()) == 1


def test_no_store(device: Path) -> None:
    """Without trust data nothing is decided."""
    status, out, err = check(device, CODE, *CLOCK, "--store", "nowhere")
    assert (status, out) == (2, "")
    assert err == "abtc-verify: nowhere cannot be read\n"


def test_info(device: Path) -> None:
    """The age of everything on the device, for a person and for a program."""
    status, out, _ = run(device, "info", *CLOCK)
    assert status == 0
    assert out.splitlines() == [
        "version 1, current at 2030-01-15 11:00 UTC, 60 minutes ago",
        "to be used until 2040-01-01 00:00 UTC, 3637 days from now",
        "clock not before 2030-01-15 11:00 UTC, 60 minutes ago",
        "4 lists, the oldest of 2030-01-15 11:00 UTC, 60 minutes ago",
    ]
    found = json.loads(run(device, "info", "--json")[1])
    assert found["lists"]["AUS/status/1.jwt"] == "2030-01-15T11:00:00+00:00"


def test_sync_says_what_changed(device: Path) -> None:
    """A second sync changes nothing; from a bundle it comes to the same."""
    arguments = ("--root", "root.json", "--json", *CLOCK)
    for source in ("mirror", "bundle"):
        status, out, _ = run(device, "sync", "--from", source, *arguments)
        found = json.loads(out)
        assert (status, found["before"], found["after"]) == (0, 1, 1)
        assert found["documents_changed"] == 0


@pytest.mark.parametrize(
    ("source", "root", "said"),
    [
        ("nowhere", "root.json", "no address, folder or bundle"),
        ("mirror", "nowhere", "nowhere: No such file"),
        ("mirror", "bundle", "the root is not usable"),
        ("http://mirror.example", "root.json", "begins with https"),
    ],
)
def test_refused_syncs_say_what_is_still_in_use(
    device: Path, source: str, root: str, said: str
) -> None:
    """One line: what was wrong, and what the device goes on with."""
    status, out, err = run(device, "sync", "--from", source, "--root", root)
    assert (status, out) == (1, "")
    assert said in err
    assert len(err.splitlines()) == 1
    if root == "root.json":
        assert "still in use: version 1 of 2030-01-15 11:00 UTC" in err
    assert check(device, CODE, *CLOCK)[0] == 0


def test_odd_files_are_refused_in_one_line(device: Path, tmp_path: Path) -> None:
    """A root or mark that is a pipe, a folder, or has no end, hangs nothing."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "sparse").touch()
    os.truncate(tmp_path / "sparse", 10 * 2**30)
    for name in ("pipe", "sparse", "."):
        odd = str(tmp_path / name)
        status, _, err = run(device, "sync", "--from", "mirror", "--root", odd, *CLOCK)
        assert (status, len(err.splitlines())) == (1, 1)
        status, _, err = run(device, "info", "--floor", odd)
        assert (status, len(err.splitlines())) == (64, 1)


@pytest.mark.parametrize("economy", ["sgp", "", "SG", "SGP/"])
def test_a_code_that_is_none_is_wrong_usage(device: Path, economy: str) -> None:
    """As for check, and the store stays as it was."""
    arguments = ("--from", "mirror", "--root", "root.json", "--economy", economy)
    status, _, err = run(device, "sync", *arguments, *CLOCK)
    assert (status, "alpha-3" in err) == (64, True)
    assert check(device, CODE, *CLOCK)[0] == 0


def test_what_has_ended_is_not_in_use(device: Path) -> None:
    """A failed sync does not praise data that nothing can be decided from."""
    late = ("--now", "2045-01-01T00:00:00Z")
    arguments = ("--from", "nowhere", "--root", "root.json", *late)
    status, _, err = run(device, "sync", *arguments)
    assert status == 1
    assert err.rstrip().endswith("has ended, so every card is undecided")


def test_d12_a_removal_is_said(device: Path, tmp_path: Path) -> None:
    """An economy that has left is named, for a person and for a program."""
    repository = Repository(tmp_path / "mirror", WORLD.documents())
    repository.publish()
    (tmp_path / "root.json").write_bytes(repository.first_root)
    arguments = ("sync", "--from", "mirror", "--root", "root.json", *CLOCK)
    assert run(tmp_path, *arguments)[0] == 0
    gone = ["AUS/issuer.json", "AUS/status/1.jwt"]
    for name in gone:
        del repository.documents[name]
    repository.publish()
    shutil.copytree(tmp_path / "store", tmp_path / "again")
    out = run(tmp_path, *arguments)[1]
    assert out.splitlines()[1:] == [f"  gone: {name}" for name in gone]
    out = run(tmp_path, *arguments, "--json", "--store", "again")[1]
    assert json.loads(out)["removed"] == gone


def test_o4_a_mark_of_the_installation(device: Path, tmp_path: Path) -> None:
    """With the mark of a newer store, an empty device takes no older repository."""
    repository = Repository(tmp_path / "mirror", WORLD.documents())
    repository.publish()
    repository.bundle(tmp_path / "old")
    (tmp_path / "root.json").write_bytes(repository.first_root)
    repository.issued_at += timedelta(minutes=10)
    repository.publish()
    arguments = ("sync", "--root", "root.json", *CLOCK)
    assert run(tmp_path, *arguments, "--from", "mirror")[0] == 0
    shutil.copy(tmp_path / "store/floor-a", tmp_path / "mark")
    new = (*arguments, "--store", "new", "--floor", "mark")
    status, _, err = run(tmp_path, *new, "--from", "old")
    assert status == 1
    assert "older than what this device has seen: published 2030-01-15 11:00:00" in err
    assert run(tmp_path, *new, "--from", "mirror")[0] == 0
    (tmp_path / "mark").write_bytes(b"x")
    status, _, err = run(tmp_path, *new, "--from", "old")
    assert (status, err) == (
        64,
        "abtc-verify sync: argument --floor: mark: the mark is damaged\n",
    )
    assert run(tmp_path, *new[:-1], "none", "--from", "old")[0] == 64


def test_o5_an_older_bundle(device: Path, tmp_path: Path) -> None:
    """A bundle from last week is refused with both moments; nothing overrides it."""
    repository = Repository(tmp_path / "mirror", WORLD.documents())
    repository.publish()
    repository.bundle(tmp_path / "old")
    (tmp_path / "root.json").write_bytes(repository.first_root)
    repository.issued_at += timedelta(minutes=10)
    repository.publish()
    arguments = ("--root", "root.json", *CLOCK)
    assert run(tmp_path, "sync", "--from", "mirror", *arguments)[0] == 0
    both = "published 2030-01-15 11:00:00 UTC, but 2030-01-15 11:10:00 UTC was seen"
    status, _, err = run(tmp_path, "sync", "--from", "old", *arguments)
    assert (status, both in err) == (1, True)
    for folder in (tmp_path / "store").glob("generation-*/metadata"):
        shutil.rmtree(folder)
        folder.mkdir()
    status, _, err = run(tmp_path, "sync", "--from", "old", *arguments)
    assert (status, both in err) == (1, True)
