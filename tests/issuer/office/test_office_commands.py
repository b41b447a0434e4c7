"""Setting an installation up and looking after it, on the command line."""

import io
import json
import shutil
import sqlite3
import tomllib
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from issuer.audit import Heads
from issuer.cli import FAILED, OK, USAGE, main
from issuer.installation import Installation
from issuer.store import Account, HostedEconomy, KeyState, SigningKey, Store, schema

PASSPHRASE = "wide blue yonder"  # noqa: S105


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, Any]:
    status = main([*map(str, arguments), "--json"])
    out = capsys.readouterr().out
    return status, json.loads(out.splitlines()[-1]) if out else None


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A home, and what was said when it was made."""
    folder = tmp_path_factory.mktemp("made") / "home"
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as changed, redirect_stdout(said):
        changed.setenv("ABTC_KEY_PASSPHRASE", PASSPHRASE)
        wanted = ("--economy", "SGP", "--economy", "NZL", "--keys", "--json")
        assert main(["init", "--home", str(folder), *wanted]) == OK
    return folder, json.loads(said.getvalue().splitlines()[-1])


@pytest.fixture
def home(
    tmp_path: Path,
    made: tuple[Path, dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    monkeypatch.setenv("ABTC_KEY_PASSPHRASE", PASSPHRASE)
    return shutil.copytree(made[0], tmp_path / "home")


def opened(home: Path) -> Store:
    return Store.open(Installation.load(home).database_url)


def test_init_makes_all_that_is_needed(
    home: Path, made: tuple[Path, dict[str, Any]]
) -> None:
    economies = [each["economy"] for each in made[1]["administrators"]]
    assert economies == ["SGP", "NZL"]
    assert home.stat().st_mode & 0o077 == 0
    assert tomllib.loads((home / "office.toml").read_text())["keys"] == {
        "SGP": "file:keys/SGP",
        "NZL": "file:keys/NZL",
    }
    store = opened(home)
    codes = store.read(lambda s: s.scalars(select(HostedEconomy.code)).all())
    assert sorted(codes) == ["NZL", "SGP"]
    logins = store.read(lambda s: s.scalars(select(Account.login)).all())
    assert {"admin-sgp", "system-sgp", "admin-nzl", "system-nzl"} == set(logins)
    keys = store.read(lambda s: s.scalars(select(SigningKey)).all())
    assert {(key.economy, key.use, key.state) for key in keys} == {
        (code, use, KeyState.MADE)
        for code in ("SGP", "NZL")
        for use in ("card", "status")
    }
    store.close()


def test_r7_no_passphrase_or_password_is_left_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ABTC_KEY_PASSPHRASE", PASSPHRASE)
    folder = tmp_path / "home"
    _, made = run(capsys, "init", "--home", folder, "--economy", "SGP", "--keys")
    password = made["administrators"][0]["password"].encode()
    for path in folder.rglob("*"):
        if path.is_file():
            assert password not in path.read_bytes()
            assert PASSPHRASE.encode() not in path.read_bytes()


def test_init_does_not_touch_what_is_there(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (home / "office.toml").read_bytes()
    status, said = run(capsys, "init", "--home", home, "--economy", "SGP")
    assert (status, "not empty" in said["error"]) == (FAILED, True)
    assert (home / "office.toml").read_bytes() == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("init", "--economy", "SGP"),
        ("init", "--home", "x"),
        ("init", "--home", "x", "--economy", "XXX"),
        ("init", "--home", "x", "--economy", "SGP", "--economy", "SGP"),
        ("audit", "show", "--home", "x"),
        ("backup", "make", "--home", "x"),
        ("backup", "verify"),
        ("restore", "nothing-here"),
        ("database", "grow"),
    ],
)
def test_wrong_usage_is_told_apart(
    arguments: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("ABTC_HOME", raising=False)
    assert main(list(arguments)) == USAGE
    assert capsys.readouterr().err.startswith("abtc-issuer: ")


@pytest.mark.parametrize(
    "command",
    ["init", "restore", "audit verify", "audit head", "audit show", "backup make",
     "backup verify", "backup drill", "database check", "database upgrade"],
)  # fmt: skip
def test_every_command_explains_itself(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command.split(), "--help"]) == OK
    assert "Usage: abtc-issuer" in capsys.readouterr().out


def test_home_may_come_from_the_environment(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ABTC_HOME", str(home))
    newest = (OK, {"revision": schema.newest()})
    assert run(capsys, "database", "check") == newest
    assert run(capsys, "database", "upgrade") == newest


def test_i4_audit_verify_names_the_first_bad_row(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, found = run(capsys, "audit", "verify", "--home", home)
    assert status == OK
    assert [each["whole"] for each in found["logs"]] == [True, True]
    run(capsys, "audit", "head", "--home", home, "--keep")
    with sqlite3.connect(home / "abtc.sqlite3") as connection:
        connection.execute("DROP TRIGGER tr_audit_unchanged")
        change = "UPDATE audit SET reason = 'x' WHERE economy = 'SGP' AND seq = 2"
        connection.execute(change)
    connection.close()
    status, said = run(capsys, "audit", "verify", "--home", home)
    assert (status, "tr_audit_unchanged" in said["error"]) == (FAILED, True)
    with sqlite3.connect(home / "abtc.sqlite3") as connection:
        connection.execute(
            "CREATE TRIGGER tr_audit_unchanged BEFORE UPDATE ON audit"
            " FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'tr_audit_unchanged'); END"
        )
    connection.close()
    status, found = run(capsys, "audit", "verify", "--home", home)
    assert status == FAILED
    (bad,) = [each for each in found["logs"] if not each["whole"]]
    assert (bad["economy"], bad["row"], bad["problem"]) == ("SGP", 2, "changed")


def test_heads_can_be_kept_by_a_timer(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, found = run(capsys, "audit", "head", "--home", home, "--keep")
    kept = Heads(path=Installation.load(home).audit_heads).latest("SGP")
    assert kept is not None
    assert {"economy": "SGP", "seq": kept.seq, "hash": kept.hash} in found["heads"]


def test_i6_reading_the_log_is_in_the_log(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, first = run(capsys, "audit", "show", "--home", home, "--economy", "SGP")
    assert first["rows"][0]["tag"] == "account:created"
    _, again = run(capsys, "audit", "show", "--home", home, "--economy", "SGP")
    assert again["rows"][-1]["tag"] == "audit:read"


def test_backup_and_restore_on_the_command_line(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = tmp_path / "b.tar.gz"
    status, made = run(capsys, "backup", "make", archive, "--home", home)
    assert (status, made["kind"]) == (OK, "sqlite")
    assert run(capsys, "backup", "verify", archive)[1]["sha256"] == made["sha256"]
    again = tmp_path / "again"
    assert run(capsys, "restore", archive, "--home", again)[0] == OK
    store = opened(again)
    marked = text("SELECT count(*) FROM restoration WHERE reconciled_at IS NULL")
    assert store.read(lambda s: s.scalar(marked)) == 2
    store.close()
    status, said = run(capsys, "restore", archive, "--home", again)
    assert (status, "empty place" in said["error"]) == (FAILED, True)


def test_the_drill_on_the_command_line(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, found = run(capsys, "backup", "drill", "--home", home)
    assert (status, found["good"], found["issued_listed"]) == (OK, True, 20)
    assert main(["backup", "drill", "--home", str(home), "--database", "x"]) == USAGE
