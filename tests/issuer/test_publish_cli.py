"""``abtc-issuer publish`` as an operator or a timer calls it."""

import json
import os
import stat
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import pytest

from issuer import cli
from issuer.commands import asking
from tests.issuer.repository_reader import Desk, list_of, scheme
from tests.simulator import NOW

STATUS = "AUS/status/1.jwt"


class Shell:
    """Runs commands in one folder, at a clock of its own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys

    def run(self, command: str, *more: str) -> tuple[int, str, str]:
        places = ["--out", f"{self.folder}/public", "--keys", f"{self.folder}/keys"]
        status = cli.main(["publish", command, *more, *places])
        out, err = self._capsys.readouterr()
        return status, out, err

    def json(self, command: str, *more: str) -> Any:
        status, out, err = self.run(command, *more, "--json")
        assert (status, err) == (0, "")
        return json.loads(out)

    def write(self, documents: dict[str, bytes]) -> str:
        for name, data in documents.items():
            path = self.folder / "new" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return str(self.folder / "new")


@pytest.fixture
def shell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Shell:
    monkeypatch.setenv("ABTC_PUBLISH_PASSPHRASE", "secret")
    monkeypatch.setattr(cli, "_now", lambda: NOW)
    return Shell(tmp_path, capsys)


def test_a_repository_on_the_command_line(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From nothing to a revocation that a device reads, key rotated, economy gone."""
    (tmp_path / "other").mkdir()
    documents = Desk(tmp_path / "other").documents()
    folder = shell.write({"scheme.json": scheme(), **documents})
    status, out, err = shell.run("init", "--scheme", f"{folder}/scheme.json")
    line = "init: wrote 5 files as of 2030-01-15T12:00:00Z\n"
    assert (status, out, err) == (0, line, "")
    assert shell.json("add-economy", "AUS")["versions"]["AUS"] == 1
    dry = shell.json("lists", "AUS", "--from", folder, "--dry-run")
    assert dry["dry_run"]
    assert shell.json("lists", "AUS", "--from", folder)["files"] == dry["files"]
    shell.write({STATUS: list_of({7: 1})})
    shell.json("lists", "AUS", "--from", folder)
    shell.json("lists", "scheme", "--from", folder)
    monkeypatch.setenv("ABTC_PUBLISH_PASSPHRASE_TIMESTAMP", "another")
    status, _, err = shell.run("timestamp")
    assert (status, "passphrase is wrong" in err) == (1, True)
    monkeypatch.delenv("ABTC_PUBLISH_PASSPHRASE_TIMESTAMP")
    assert shell.json("timestamp")["files"] == ["metadata/timestamp.json"]
    assert shell.json("rotate-key", "snapshot")["versions"]["root"] == 3
    read = Desk(tmp_path).device().read(STATUS)
    assert read == {STATUS: list_of({7: 1})}


def test_refusals_are_one_line_and_an_exit_status(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1 for what was refused, 64 for wrong usage; the code is in the line."""
    folder = shell.write({"scheme.json": scheme()})
    shell.run("init", "--scheme", f"{folder}/scheme.json")
    shell.run("add-economy", "AUS")
    status, out, err = shell.run("revoke-economy", "AUS", "--approved-by", "Ana")
    assert (status, out) == (1, "")
    assert err == (
        "abtc-issuer: refused: shrink.economy: AUS would go; 2 people must approve\n"
    )
    status, out, err = shell.run("revoke-economy", "AUS", "--json")
    assert (status, json.loads(out)["code"], err) == (1, "shrink.economy", "")
    approved = ["--approved-by", "Ana", "--approved-by", "Ben"]
    assert shell.json("revoke-economy", "AUS", *approved)["approved"]
    for wrong in (["lists", "AUS"], ["nothing"], ["rotate-key"]):
        status, out, err = shell.run(*wrong)
        assert (status, out, err.count("\n")) == (64, "", 1)
    assert shell.run("lists", "scheme", "--from", f"{shell.folder}/keys")[0] == 1
    for owner, says in (("NZL", "has no folder NZL"), ("../keys", "name.malformed")):
        status, out, err = shell.run("lists", owner, "--from", folder)
        assert (status, out, says in err) == (1, "", True)
    monkeypatch.setattr(cli, "_now", lambda: NOW + timedelta(days=8))
    status, out, _ = shell.run("status")
    assert status == 1
    assert "timestamp  version 3     EXPIRED 2030-01-22T12:00:00Z  1 of 1 keys" in out
    status, out, _ = shell.run("status", "--json")
    assert status == 1
    roles = {role["role"]: role for role in json.loads(out)["roles"]}
    assert roles["root"]["keys"][0]["age_days"] == 8
    assert [name for name, role in roles.items() if role["expired"]] == ["timestamp"]


def test_r7_without_a_passphrase_it_asks(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name of the key is in the question; without an answer nothing happens."""
    folder = shell.write({"scheme.json": scheme()})
    monkeypatch.delenv("ABTC_PUBLISH_PASSPHRASE")
    asked: list[tuple[str, object]] = []

    def answer(question: str, **how: object) -> str:
        assert how["hide_input"]
        asked.append((question.partition(".")[0], how["confirmation_prompt"]))
        return "secret"

    monkeypatch.setattr(click, "prompt", answer)
    monkeypatch.setattr(asking, "has_terminal", lambda: True)
    shell.run("init", "--scheme", f"{folder}/scheme.json")
    assert sorted(asked) == sorted(
        (f"Passphrase of {role}", True)
        for role in [*["root"] * 3, *["targets"] * 3, "snapshot", "timestamp"]
    )
    asked.clear()
    shell.json("timestamp")
    assert asked == [("Passphrase of timestamp", False)]


def test_c8_r7_where_nobody_can_be_asked(tmp_path: Path) -> None:
    """A timer without its variable ends at once, with a line that names it."""
    made = tmp_path / "AUS.key.json"
    places = ["--out", str(made), "--keys", f"{tmp_path}/keys"]
    done = subprocess.run(  # noqa: S603  # ours
        [sys.executable, "-m", "issuer", "publish", "make-key", "AUS", *places],
        env={},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "no terminal" in done.stderr
    assert "ABTC_PUBLISH_PASSPHRASE_AUS is not set" in done.stderr
    assert not made.exists()


def test_b5_the_timer_says_what_it_cannot_renew(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two weeks ahead, a line for each role; a failure once devices believe nothing."""
    folder = shell.write({"scheme.json": scheme()})
    lifetimes = shell.folder / "lifetimes.toml"
    lifetimes.write_text("root = { days = 40 }\ntargets = { days = 30 }\n")
    given = ["--lifetimes", str(lifetimes)]
    shell.run("init", "--scheme", f"{folder}/scheme.json", *given)
    shell.run("add-economy", "AUS", *given)
    days = {
        15: (0, []),
        17: (0, ["targets expires", "AUS expires"]),
        27: (0, ["root expires", "targets expires", "AUS expires"]),
        31: (1, ["root expires", "targets has expired", "AUS has expired"]),
        41: (1, ["root has expired", "targets has expired", "AUS has expired"]),
    }
    for day, (status, lines) in days.items():
        monkeypatch.setattr(cli, "_now", lambda day=day: NOW + timedelta(days=day))
        done, out, err = shell.run("timestamp", "--overdue")
        assert out.startswith("timestamp: wrote ")
        assert (
            done,
            [line[13:].partition(" at ")[0] for line in err.splitlines()],
        ) == (
            status,
            lines,
        )
        assert shell.run("status")[0] == status
    shell.run("renew", "root")
    shell.run("renew", "targets")
    status, _, err = shell.run("timestamp")
    assert (status, err) == (
        0,
        "abtc-issuer: AUS has expired at 2030-02-14T12:00:00Z: renew it\n",
    )
    assert shell.run("status")[0] == 1


def test_a5_a_clock_ahead_on_the_command_line(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line asks about the clock, and says how to answer."""
    folder = shell.write({"scheme.json": scheme()})
    shell.run("init", "--scheme", f"{folder}/scheme.json")
    monkeypatch.setattr(cli, "_now", lambda: NOW + timedelta(days=8))
    status, out, err = shell.run("timestamp")
    assert (status, out) == (1, "")
    assert err == (
        "abtc-issuer: refused: clock.ahead: the last publication ended at "
        "2030-01-22T12:00:00Z, and it is 2030-01-23T12:00:00Z here: is this clock "
        "right? If it is, publish with --overdue\n"
    )
    assert shell.json("timestamp", "--overdue")["issued_at"] == "2030-01-23T12:00:00Z"


def test_a3_taking_over_on_the_command_line(shell: Shell) -> None:
    """Without its journal nothing is published; two people take over."""
    folder = shell.write({"scheme.json": scheme()})
    shell.run("init", "--scheme", f"{folder}/scheme.json")
    (shell.folder / "keys/journal.jsonl").unlink()
    assert "journal.damaged" in shell.run("timestamp")[2]
    assert "refused: shrink.memory" in shell.run("adopt")[2]
    approved = ["--approved-by", "Ana", "--approved-by", "Ben"]
    assert shell.json("adopt", *approved, "--dry-run")["dry_run"]
    assert shell.json("adopt", *approved)["approved"] == ["shrink.memory"]
    shell.json("timestamp")


def test_status_needs_no_more_than_the_public_folder(
    shell: Shell, capsys: pytest.CaptureFixture[str]
) -> None:
    """For a watch on another machine; with a journal it compares."""
    folder = shell.write({"scheme.json": scheme()})
    shell.run("init", "--scheme", f"{folder}/scheme.json")
    command = ["publish", "status", "--out", f"{shell.folder}/public"]
    assert cli.main(command) == 0
    assert capsys.readouterr().out == shell.run("status")[1]
    empty = shell.folder / "empty.jsonl"
    assert cli.main([*command, "--journal", str(empty)]) == 1
    assert "refused: journal.damaged" in capsys.readouterr().err


def test_c1_no_argument_is_a_pipe_that_somebody_waits_for(
    shell: Shell, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line each, and a huge file does not fill the memory."""
    folder = Path(shell.write({"scheme.json": scheme()}))
    shell.run("init", "--scheme", f"{folder}/scheme.json")
    pipe, huge = shell.folder / "pipe", shell.folder / "huge"
    os.mkfifo(pipe)
    huge.touch()
    os.truncate(huge, 2**40)
    (folder / "AUS").mkdir()
    made = str(shell.folder / "made")
    for bad in (pipe, huge, Path("/dev/zero")):
        (folder / "AUS/policy.json").unlink(missing_ok=True)
        (folder / "AUS/policy.json").symlink_to(bad)
        for command in (
            ["init", "--scheme", str(bad)],
            ["timestamp", "--lifetimes", str(bad)],
            ["timestamp", "--journal", str(bad)],
            ["lists", "AUS", "--from", str(folder)],
            ["accept", str(bad)],
            ["add-economy", "AUS", "--key", str(bad)],
        ):
            status, out, err = shell.run(*command)
            assert (status, out, err.count("\n")) == (1, "", 1), command
        places = ["--keys", f"{shell.folder}/keys", "--root", str(bad)]
        places += ["--published", f"{shell.folder}/public"]
        for command in (
            ["make-key", "AUS", "--out", made],
            ["sign", "AUS", made, "--from", str(folder)],
        ):
            assert cli.main(["publish", *command, *places]) == 1
            assert capsys.readouterr().err.count("\n") == 1


def test_c1_reading_ends_where_a_device_would(shell: Shell) -> None:
    """What is too much together is not read to its end: the pipe is never met."""
    folder = Path(shell.write({"scheme.json": scheme(), "AUS/issuer.json": b"{}"}))
    shell.run("init", "--scheme", f"{folder}/scheme.json")
    for number in range(5):
        huge = folder / f"AUS/a{number}"
        huge.touch()
        os.truncate(huge, 4 * 2**20)
    os.mkfifo(folder / "AUS/z")
    _, _, err = shell.run("lists", "AUS", "--from", str(folder))
    assert err.startswith("abtc-issuer: refused: document.refused: AUS lists 5 ")


def test_b10_keys_in_the_public_folder(shell: Shell) -> None:
    """Refused before the folder is made."""
    folder = shell.write({"scheme.json": scheme()})
    given = ["--scheme", f"{folder}/scheme.json"]
    wrong = ["--out", f"{shell.folder}/public", "--keys", f"{shell.folder}/public/keys"]
    assert cli.main(["publish", "init", *given, *wrong]) == 1
    assert not (shell.folder / "public").exists()


def test_make_key_makes_its_folder(
    shell: Shell, capsys: pytest.CaptureFixture[str]
) -> None:
    """For its owner alone, as the guide has it for an economy's first day."""
    keys, made = shell.folder / "home/keys", shell.folder / "AUS.key.json"
    command = ["make-key", "AUS", "--keys", str(keys), "--out", str(made)]
    assert cli.main(["publish", *command]) == 0
    assert f"in {made}" in capsys.readouterr().out
    assert stat.S_IMODE(keys.stat().st_mode) == 0o700


def test_a_bundle_on_the_command_line(
    shell: Shell, capsys: pytest.CaptureFixture[str]
) -> None:
    """No key is needed to bundle; a wrong destination or folder is refused."""
    folder = shell.write({"scheme.json": scheme()})
    shell.run("init", "--scheme", f"{folder}/scheme.json")
    file = shell.folder / "usb/abtc.zip"
    command = ["publish", "bundle", str(file), "--out", f"{shell.folder}/public"]
    assert cli.main(command) == 0
    assert capsys.readouterr().out == f"wrote {file.stat().st_size:,} bytes to {file}\n"
    assert cli.main([*command, "--json", "--economy", "SGP"]) == 0
    assert json.loads(capsys.readouterr().out)["bytes"] == file.stat().st_size
    assert cli.main([*command, "--economy", "sgp"]) == 1
    assert "abtc-issuer: refused: name.malformed" in capsys.readouterr().err
    assert cli.main([*command[:-1], f"{shell.folder}/new"]) == 1
    assert "refused: repository.damaged" in capsys.readouterr().err


def test_upkeep_on_the_command_line(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Renewed for as long as a file says, and pruned after two days."""
    folder = shell.write({"scheme.json": scheme()})
    shell.run("init", "--scheme", f"{folder}/scheme.json")
    lifetimes = shell.folder / "lifetimes.toml"
    lifetimes.write_text("targets = { days = 90 }\n")
    done = shell.json("renew", "targets", "--lifetimes", str(lifetimes))
    assert done["action"] == "renew targets"
    roles = {role["role"]: role for role in shell.json("status")["roles"]}
    assert roles["targets"]["expires_at"] == "2030-04-15T12:00:00Z"
    assert shell.run("renew", "timestamp")[0] == 1
    lifetimes.write_text("targets = { days = 90, hours = 1 }\n")
    status, out, err = shell.run("renew", "root", "--lifetimes", str(lifetimes))
    assert (status, out) == (1, "")
    reason = "must be { days = … } or { hours = … }"
    assert err == f"abtc-issuer: {lifetimes}: targets: {reason}\n"
    monkeypatch.setattr(cli, "_now", lambda: NOW + timedelta(days=3))
    gone = ["metadata/1.snapshot.json", "metadata/1.targets.json"]
    assert shell.json("prune", "--dry-run")["removed"] == gone
    assert shell.json("prune", "--grace", "73")["removed"] == []
    status, out, err = shell.run("prune")
    assert (status, out.startswith("prune: removed 2 files, "), err) == (0, True, "")
    assert shell.json("prune")["removed"] == []
    assert shell.run("prune", "--grace", "0")[0] == 64
