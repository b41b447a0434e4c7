"""``abtc-verify check --log`` and ``abtc-verify log`` as a device runs them."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulator import NOW, World
from tests.verifier.tuf_repository import Repository

COMMAND = Path(sys.executable).with_name("abtc-verify")
WORLD = World(economies=["AUS", "SGP"])
CODE = WORLD.show(WORLD.card())
LOG = ("--log", "log", "--log-key", "key")


def run(folder: Path, *arguments: str, stdin: str = "") -> tuple[int, str, str]:
    done = subprocess.run(  # noqa: S603  # our own command
        [COMMAND, *arguments],
        input=stdin.encode(),
        capture_output=True,
        timeout=60,
        check=False,
        cwd=folder,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("device")
    repository = Repository(folder / "mirror", WORLD.documents())
    repository.publish()
    (folder / "root.json").write_bytes(repository.first_root)
    sync = ("--store", "store", "--from", "mirror", "--root", "root.json")
    assert run(folder, "sync", *sync, "--now", NOW.isoformat())[0] == 0
    assert run(folder, "log", "key", "key")[0] == 0
    return folder


@pytest.fixture
def device(prepared: Path, tmp_path: Path) -> Path:
    return shutil.copytree(prepared, tmp_path / "device")


def check(folder: Path, *log: str, count: int = 1) -> tuple[int, str, str]:
    fixed = ("--store", "store", "--economy", "SGP", "--now", NOW.isoformat())
    return run(folder, "check", "-", *fixed, *log, stdin=f"{CODE}\n" * count)


def test_a_day(device: Path) -> None:
    """Scan, count, check, export, scan again, export the rest, compare the head."""
    assert check(device, *LOG, count=3) == check(device, count=3)
    status, out, err = run(device, "log", "show", *LOG)
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        "2030-01-15        3  accepted",
        "2030-01-15        3  entry.cleared",
        "2030-01-15        3  lane.open",
        "rows not exported yet: 4",
    ]
    _, out, _ = run(device, "log", "export", *LOG, "--out", "one", "--json")
    first = json.loads(out)
    assert (first["rows"], first["first"], first["lost"]) == (4, 1, 0)
    check(device, *LOG)
    _, out, _ = run(device, "log", "export", *LOG, "--out", "two")
    assert out.startswith("1 rows, head 5:")
    _, out, _ = run(device, "log", "export", *LOG, "--out", "three")
    assert out.startswith("nothing new, head 5:")
    status, out, _ = run(device, "log", "verify", *LOG, "--head", first["head"])
    assert (status, out.splitlines()[-1]) == (0, "  the chain holds")
    _, out, _ = run(device, "log", "show", *LOG, "--json")
    assert json.loads(out)["days"]["2030-01-15"]["accepted"] == 4


def test_i4_a_bad_row_is_named(device: Path) -> None:
    """Exit status 1 and the place, for people and for programs."""
    check(device, *LOG, count=3)
    path = device / "log" / "scan-00000001.log"
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    status, out, _ = run(device, "log", "verify", *LOG)
    assert status == 1
    assert out.splitlines()[-1].startswith("BAD  row 4 in scan-00000001.log: ")
    status, out, _ = run(device, "log", "verify", *LOG, "--json")
    assert (status, json.loads(out)["rows"]) == (1, 3)
    assert json.loads(out)["bad"].startswith("row 4 in ")


@pytest.mark.parametrize(
    ("breaking", "said"),
    [
        ("folder", "3 scans are not in the log: File exists"),
        ("no key", "no scan is logged: key: No such file or directory"),
        ("bad key", "no scan is logged: key is no key of a log"),
    ],
)
def test_o2_o3_no_log_changes_no_answer(device: Path, breaking: str, said: str) -> None:
    """The same answers and the same status; one line says that nothing is logged."""
    if breaking == "folder":
        (device / "log").write_text("in the way")
    elif breaking == "no key":
        (device / "key").unlink()
    else:
        (device / "key").write_text("secret")
    status, out, err = check(device, *LOG, count=3)
    assert (status, out) == check(device, count=3)[:2]
    assert err == f"abtc-verify: {said}\n"


def test_o2_programs_read_answers_only(device: Path) -> None:
    """With --json there is nothing but answers on standard output."""
    (device / "log").write_text("in the way")
    status, out, err = check(device, *LOG, "--json")
    assert (status, len(out.splitlines()), len(err.splitlines())) == (0, 1, 1)
    assert json.loads(out)["outcome"] == "accepted"


@pytest.mark.parametrize("only", [LOG[:2], LOG[2:]])
def test_folder_and_key_go_together(device: Path, only: tuple[str, ...]) -> None:
    """A log without a key is wrong usage, told before anything is decided."""
    status, out, err = check(device, *only)
    assert (status, out) == (64, "")
    assert err == "abtc-verify: --log and --log-key go together\n"


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("show", *LOG), 1, "log: No such file or directory"),
        (("verify", *LOG), 1, "log: No such file or directory"),
        (("export", *LOG, "--out", "x"), 1, "log: No such file or directory"),
        (("verify", *LOG, "--head", "5"), 64, "not a head"),
        (("key", "key"), 1, "key: File exists"),
        (("export", *LOG), 64, "--out"),
        (("show", "--log", "log"), 64, "--log-key"),
        ((), 64, "ACTION"),
    ],
)
def test_what_cannot_be_done(
    device: Path, arguments: tuple[str, ...], status: int, said: str
) -> None:
    """One line that says why, and no traceback."""
    found = run(device, "log", *arguments)
    assert (found[0], found[1], len(found[2].splitlines())) == (status, "", 1)
    assert said in found[2]


def test_o7_the_key_is_for_its_owner(device: Path) -> None:
    """A key is new each time, and no other account may read it."""
    assert run(device, "log", "key", "other")[0] == 0
    assert (device / "other").stat().st_mode & 0o77 == 0
    assert (device / "other").read_text() != (device / "key").read_text()
    check(device, *LOG)
    other = ("--log", "log", "--log-key", "other")
    assert run(device, "log", "verify", *other)[0] == 1
