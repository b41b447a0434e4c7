"""Deltas beside the lists: what makes following cheap, and what nothing depends on."""

import json
import os
import random  # noqa: TID251  # seeded: a failure can be repeated
import shutil
import zipfile
import zlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

import verifier
from issuer import cli
from issuer.errors import PublishRefused
from issuer.publish import Keyring, Submitter, locked, write_bundle, write_deltas
from tests.delta_writer import b64u, delta_of, delta_path, list_path
from tests.issuer.repository_reader import Desk, list_of
from tests.simulator import NOW

STATUS = "AUS/status/1.jwt"
OVERLAY = "AUS/overlay/SGP/1.jwt"
CAPACITY = 2**14
HOUR = timedelta(hours=1)


def token(hour: int, name: str = STATUS, **changes: object) -> bytes:
    """A list of that hour: in each, one card more is suspended."""
    rng = random.Random(name)  # noqa: S311  # nothing secret
    states = dict.fromkeys(rng.sample(range(CAPACITY), 500 + hour), 2)
    given = {"iat": NOW + hour * HOUR, "capacity": CAPACITY, **changes}
    return list_of(states, name, **given)  # type: ignore[arg-type]


def lists(hour: int) -> dict[str, bytes]:
    return {name: token(hour, name) for name in (STATUS, OVERLAY)}


class Office(Desk):
    """A desk whose lists are so long that deltas pay."""

    def at(self, hour: int) -> tuple[str, ...]:
        """Publish the lists of that hour, and return the deltas to them."""
        documents = self.documents() | lists(hour)
        done = self.publish("AUS", documents, now=NOW + hour * HOUR)
        assert done.deltas.failed == ""
        return done.deltas.written

    def deltas(self) -> set[str]:
        return {name for name in self.files() if ".from-" in name}

    def store(
        self, name: str, hour: int
    ) -> tuple[verifier.SyncReport, dict[str, bytes]]:
        store = verifier.TrustStore(self.folder / name)
        root = (self.public / "metadata/1.root.json").read_bytes()
        report = store.sync(self.public, root=root, now=NOW + hour * HOUR)
        assert report.problems == ()
        return report, dict(store._newest().documents)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    made = Office(tmp_path)
    made.open("AUS")
    return made


def test_every_older_list_leads_to_the_newest(office: Office) -> None:
    """Whatever version a device has, it follows without the whole lists."""
    for hour in range(1, 4):
        office.at(hour)
        office.store(f"since-{hour}", hour)
    expected = {
        delta_path(name, token(4, name), token(hour, name))
        for name in (STATUS, OVERLAY)
        for hour in (1, 2, 3)
    }
    assert set(office.at(4)) == expected
    for name in (STATUS, OVERLAY):
        (office.public / list_path(name, token(4, name))).unlink()
    for hour in (1, 2, 3):
        report, found = office.store(f"since-{hour}", 5)
        assert {name: found[name] for name in lists(4)} == lists(4)
        assert report.documents_changed == 2


def test_a_delta_is_small_and_as_the_specification_has_it(office: Office) -> None:
    """Our own reading of the specification gives the same members."""
    office.at(1)
    office.at(2)
    path = office.public / delta_path(STATUS, token(2), token(1))
    found = json.loads(path.read_bytes())
    assert found | {"changes": ""} == json.loads(
        delta_of(token(2), token(1), changes="")
    )
    assert len(path.read_bytes()) < 300 < len(token(2)) / 2


def test_only_the_newest_few(office: Office) -> None:
    """From the eight newest, whatever else lies there; and the operator may choose."""
    for hour in range(1, 13):
        office.at(hour)
    here = {name for name in office.deltas() if "status" in name}
    newest = {delta_path(STATUS, token(12), token(hour)) for hour in range(4, 12)}
    assert {name for name in here if name in newest} == newest
    assert delta_path(STATUS, token(12), token(3)) not in here
    more = write_deltas(office.public, older=9).written
    assert delta_path(STATUS, token(12), token(3)) in more


def test_again_changes_nothing_and_mends_what_is_damaged(office: Office) -> None:
    """Equal bytes whenever it is called; a broken delta is written anew."""
    office.at(1)
    office.at(2)
    before = office.files()
    done = write_deltas(office.public)
    assert (done.written, done.kept) == ((), 2)
    assert office.files() == before
    broken = office.public / min(office.deltas())
    broken.write_bytes(b"x")
    dry = write_deltas(office.public, dry_run=True)
    assert broken.read_bytes() == b"x"
    done = write_deltas(office.public)
    assert done.written == dry.written == (min(office.deltas()),)
    assert (done.size, dry.is_dry_run) == (dry.size, True)
    assert office.files() == before


def _by_another_zlib(hour: int) -> bytes:
    packed = zlib.compressobj(9, memLevel=1)
    data = packed.compress(random.Random(hour).randbytes(CAPACITY // 4))  # noqa: S311
    text = b64u(data + packed.flush())
    return token(hour, status_list={"bits": 2, "lst": text})


@pytest.mark.parametrize(
    "following",
    [
        lambda: token(2, capacity=2 * CAPACITY),
        lambda: list_of({}, iat=NOW + 2 * HOUR, capacity=CAPACITY),
        lambda: _by_another_zlib(2),
    ],
    ids=["longer list", "hardly smaller", "another zlib"],
)
def test_no_delta_that_is_of_no_use(
    office: Office, following: Callable[[], bytes]
) -> None:
    """Where it would not work or would hardly save anything, there is none."""
    empty = list_of({}, iat=NOW + HOUR, capacity=CAPACITY)
    first = empty if len(following()) < 500 else token(1)
    office.publish("AUS", office.documents() | {STATUS: first}, now=NOW + HOUR)
    documents = office.documents() | {STATUS: following()}
    done = office.publish("AUS", documents, now=NOW + 2 * HOUR)
    assert (done.deltas.written, done.deltas.failed) == ((), "")


def test_d4_what_lies_there_under_a_list_s_name(office: Office) -> None:
    """Damaged copies, links, folders and lies are no versions of a list."""
    office.at(1)
    folder = office.public / "targets/AUS/status"
    deep = b"[" * 200_000
    bad = (b"", b"x", b"a.b.c", b"e30.e30.e30", b"e30.%s.e30" % deep)
    for data in (*bad, f"e30.{b64u(deep)}.e30".encode(), bytes(5 * 2**20)):
        (office.public / list_path(STATUS, data)).write_bytes(data)
    (folder / f"{'0' * 64}.1.jwt").write_bytes(token(0))
    (folder / f"{'1' * 64}.1.jwt").mkdir()
    (folder / f"{'2' * 64}.1.jwt").symlink_to(folder)
    (folder / f"{'3' * 64}.1.jwt").symlink_to("/dev/zero")
    (folder / "x.1.jwt").write_bytes(token(0))
    office.at(2)
    assert {name for name in office.deltas() if "status" in name} == {
        delta_path(STATUS, token(2), token(1))
    }


def test_s1_never_back_to_an_older_list(office: Office) -> None:
    """From what is dated later no delta leads to what is in force."""
    office.at(1)
    later = token(5)
    (office.public / list_path(STATUS, later)).write_bytes(later)
    written = office.at(2)
    assert delta_path(STATUS, token(2), later) not in written
    assert delta_path(STATUS, token(2), token(1)) in written


# Nothing depends on them


def test_l11_a_full_disk_afterwards(
    office: Office, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The publication is in force and says what is missing; the next one mends it."""
    office.at(1)
    replace = os.replace

    def full(source: Path, target: Path) -> None:
        if ".from-" in target.name:
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setenv("ABTC_PUBLISH_PASSPHRASE", "secret")
    new = office.folder / "new"
    for hour, extra in ((2, []), (3, ["--json"])):
        for name, data in (office.documents() | lists(hour)).items():
            path = new / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        places = ["--out", str(office.public), "--keys", str(office.keys)]
        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", full)
            patch.setattr(cli, "_now", lambda hour=hour: NOW + hour * HOUR)
            command = ["publish", "lists", "AUS", "--from", str(new), *places]
            assert cli.main([*command, *extra]) == 0
        out, err = capsys.readouterr()
        if extra:
            assert (err, json.loads(out)["deltas"]) == ("", [])
            assert "No space left" in json.loads(out)["deltas_failed"]
        else:
            assert err.startswith("abtc-issuer: published, but not all deltas")
            assert (err.count("\n"), "No space left" in err) == (1, True)
        assert office.deltas() == set()
        _, found = office.store("device", hour)
        assert found[STATUS] == token(hour)
    assert len(office.at(4)) == 6


def test_an_economy_at_its_own_desk(office: Office, tmp_path: Path) -> None:
    """What the scheme's desk accepts has deltas as well."""
    (tmp_path / "own").mkdir(mode=0o700)
    own = Submitter(economy="AUS", keyring=Keyring([tmp_path / "own"], lambda _: b"x"))
    root = (office.public / "metadata/1.root.json").read_bytes()
    given = {"published": office.public, "first_root": root}
    key = own.make_key(now=NOW, **given)  # type: ignore[arg-type]
    office.publisher().rotate_key("AUS", key=key, now=NOW)
    for hour in (1, 2):
        now = NOW + hour * HOUR
        documents = office.documents() | lists(hour)
        submission, _ = own.sign(documents, now=now, **given)  # type: ignore[arg-type]
        office.publisher().accept(submission, now=now)
    assert delta_path(STATUS, token(2), token(1)) in office.deltas()


def test_prune_takes_deltas_to_what_is_no_longer_in_force(office: Office) -> None:
    """At once, and those to the lists in force stay, also when the old list goes."""
    for hour in (1, 2, 3):
        office.at(hour)
    to_the_second = {delta_path(STATUS, token(2), token(1))}
    assert to_the_second < office.deltas()
    late = NOW + 3 * HOUR
    gone = set(office.publisher().prune(now=late).removed)
    assert {name for name in gone if ".from-" in name} == gone
    assert len(gone) == 2
    office.publisher().prune(now=late + timedelta(days=3))
    assert office.deltas() == {
        delta_path(name, token(3, name), token(hour, name))
        for name in (STATUS, OVERLAY)
        for hour in (1, 2)
    }


def test_bundles_carry_none(office: Office) -> None:
    """They are whole as they are, and byte for byte as without deltas."""
    office.at(1)
    office.at(2)
    sizes = []
    for name in ("with", "without"):
        write_bundle(office.public, office.folder / name)
        with zipfile.ZipFile(office.folder / name) as archive:
            sizes.append(archive.namelist())
            assert not [each for each in archive.namelist() if ".from-" in each]
        for each in office.deltas():
            (office.public / each).unlink()
    assert sizes[0] == sizes[1]


# By hand, and at a mirror


def test_deltas_on_the_command_line(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    """At a mirror, on a copy, without keys or journal."""
    office.at(1)
    office.at(2)
    copy = office.folder / "copy"
    shutil.copytree(office.public, copy)
    for name in office.deltas():
        (copy / name).unlink()

    def run(*options: str) -> str:
        assert cli.main(["publish", "deltas", "--out", str(copy), *options]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        return out

    size = sum(len(office.files()[name]) for name in office.deltas())
    assert run("--dry-run") == f"deltas: would write 2 files, {size} bytes; kept 0\n"
    assert not list(copy.rglob("*.from-*"))
    assert json.loads(run("--json")) == {
        "action": "deltas",
        "dry_run": False,
        "written": sorted(office.deltas()),
        "bytes": size,
        "kept": 0,
    }
    assert run("--older", "1") == "deltas: wrote 0 files, 0 bytes; kept 2\n"
    for name in office.deltas():
        assert (copy / name).read_bytes() == (office.public / name).read_bytes()
    for status, folder in ((1, "nowhere"), (1, "keys")):
        given = ["publish", "deltas", "--out", str(office.folder / folder)]
        assert cli.main(given) == status
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)


def test_l9_not_while_another_publishes(office: Office) -> None:
    """One writer at a time, as for every operation."""
    with locked(office.public), pytest.raises(PublishRefused, match="busy"):
        write_deltas(office.public)
