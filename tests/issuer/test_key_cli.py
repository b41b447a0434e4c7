"""``abtc-issuer key`` as whoever holds a ceremony calls it."""

import json
from pathlib import Path
from typing import Any

import click
import pytest

from issuer import cli
from issuer.commands import asking
from issuer.errors import SignerUnavailable
from issuer.keys import FileSigner
from tests.components import needs
from tests.issuer.soft_hsm import SoftHsm, once_back

MAKE = ["make", "--economy", "AUS", "--use", "card"]
CHECK = ["check", "--economy", "AUS"]


class Shell:
    """Runs ``abtc-issuer key``."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def run(self, *words: str) -> tuple[int, str, str]:
        status = cli.main(["key", *words])
        out, err = self._capsys.readouterr()
        return status, out, err

    def json(self, *words: str) -> Any:
        status, out, err = once_back(lambda: self._asked(*words))
        assert (status, err) == (0, "")
        return json.loads(out)

    def _asked(self, *words: str) -> tuple[int, str, str]:
        status, out, err = self.run(*words, "--json")
        if status and json.loads(out)["code"] == "signer.refused":
            raise SignerUnavailable(out)  # a busy machine may be late
        return status, out, err


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.setenv("ABTC_KEY_PASSPHRASE", "secret")
    return Shell(capsys)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that the command is called in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_key_files_on_the_command_line(shell: Shell, tmp_path: Path) -> None:
    """Made, listed and checked; only the key's owner can enter the folder."""
    place = ["--folder", str(tmp_path / "keys")]
    made = shell.json(*MAKE, "--key-id", "AUS-1", *place)
    assert (made["economy"], made["key_id"], made["use"]) == ("AUS", "AUS-1", "card")
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    signer = FileSigner.load(tmp_path / "keys/AUS-1.card.pem", passphrase=b"secret")
    assert signer.key_id == "AUS-1"
    assert made["public_key"].keys() == {"kty", "crv", "x", "y"}
    checked = shell.json(*CHECK, *place)
    row = {each: made[each] for each in ("key_id", "use", "public_key")}
    assert checked["keys"] == [row]
    listed = [{"key_id": "AUS-1", "use": "card"}]
    assert shell.json("held", *place)["keys"] == listed
    assert shell.json("held", "--economy", "PER", *place)["keys"] == []
    assert shell.run("held", *place) == (0, "AUS-1  card\n", "")
    assert shell.run(*CHECK, *place) == (0, "AUS-1  card  signs\n", "")


def test_a_key_has_a_name_of_its_use_and_date(shell: Shell, tmp_path: Path) -> None:
    """So a card key and a status key of one day have different ids."""
    status, out, _ = shell.run(*MAKE, "--folder", str(tmp_path))
    name, line = out.splitlines()
    assert (status, name.startswith("made AUS-card-20")) == (0, True)
    assert json.loads(line)["crv"] == "P-256"


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        ([*MAKE], 64, "give one of --folder and --hsm"),
        ([*MAKE, "--folder", "a", "--hsm", "b"], 64, "give one of --folder and --hsm"),
        ([*MAKE, "--key-id", "PER-1", "--folder", "a"], 64, "begins with AUS-"),
        ([*MAKE[:3], "--use", "both", "--folder", "a"], 64, "'both'"),
        ([*MAKE, "--key-id", "AUS-/../x", "--folder", "."], 1, "a key id is 1 to 64"),
        (["check", "--economy", "aus", "--folder", "a"], 1, "is no economy's code"),
        ([*CHECK, "--folder", "none"], 1, "none: no such file or directory"),
        ([*CHECK, "--hsm", "none.toml"], 1, "none.toml: no such file or directory"),
        ([*CHECK, "--folder", "."], 1, "it has no key of AUS"),
        ([], 64, "Usage: abtc-issuer key"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    shell: Shell, here: Path, words: list[str], status: int, message: str
) -> None:
    """Exit status and reason; nothing is made."""
    done, out, err = shell.run(*words)
    assert (done, out) == (status, "")
    assert message in err
    assert not list(here.rglob("*.pem"))


@pytest.mark.parametrize("command", ["make", "held", "check"])
def test_every_command_explains_itself(shell: Shell, command: str) -> None:
    """Both places are named."""
    status, out, _ = shell.run(command, "--help")
    assert status == 0
    assert "--folder" in out
    assert "SETTINGS.toml" in out


def test_r7_the_passphrase_is_the_economys_own_or_asked_for(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new one twice; and where nobody can be asked, a line names the variable."""
    monkeypatch.setenv("ABTC_KEY_PASSPHRASE_AUS", "own")
    place = ["--folder", str(tmp_path)]
    shell.json(*MAKE, *place)
    monkeypatch.delenv("ABTC_KEY_PASSPHRASE_AUS")
    status, _, err = shell.run(*CHECK, *place)
    assert (status, "the passphrase is wrong" in err) == (1, True)
    monkeypatch.delenv("ABTC_KEY_PASSPHRASE")
    monkeypatch.setattr(asking, "has_terminal", lambda: False)
    status, _, err = shell.run(*CHECK, *place)
    assert (status, "ABTC_KEY_PASSPHRASE_AUS is not set" in err) == (1, True)
    asked: list[tuple[str, object]] = []

    def answer(question: str, **how: object) -> str:
        assert how["hide_input"]
        asked.append((question, how["confirmation_prompt"]))
        return "own"

    monkeypatch.setattr(click, "prompt", answer)
    monkeypatch.setattr(asking, "has_terminal", lambda: True)
    shell.json(*CHECK, *place)
    shell.json(*MAKE, "--key-id", "AUS-2", *place)
    question = "Passphrase of the keys of AUS"
    assert asked == [(question, False), (question, True)]


@needs("SoftHSM")
@needs("C compiler")
def test_a_ceremony_on_the_command_line(shell: Shell, hsm: SoftHsm) -> None:
    """A key inside the module, listed and checked by its label."""
    place = ["--hsm", str(hsm.write_settings())]
    made = shell.json(*MAKE, "--key-id", "AUS-1", *place)
    shell.json(*MAKE[:3], "--use", "status", "--key-id", "AUS-2", *place)
    assert shell.run("held", *place) == (0, "AUS-1  card\nAUS-2  status\n", "")
    checked = shell.json(*CHECK, *place)["keys"]
    assert checked[0]["public_key"] == made["public_key"]
    assert [each["use"] for each in checked] == ["card", "status"]
    status, _, err = shell.run(*MAKE, "--key-id", "AUS-1", *place)
    assert (status, err) == (1, "abtc-issuer: key AUS-1.card exists already\n")
    assert not list(hsm.folder.rglob("*.pem"))


@needs("SoftHSM")
@needs("C compiler")
def test_h2_h3_a_check_that_fails_says_so(shell: Shell, hsm: SoftHsm) -> None:
    """Exit status 1 and one line, or one object."""
    place = ["--hsm", str(hsm.write_settings())]
    shell.json(*MAKE, "--key-id", "AUS-1", *place)
    hsm.fault("C_Sign flip 0")
    status, out, _ = shell.run(*CHECK, *place, "--json")
    message = "key AUS-1 answered no signature of its own"
    assert (status, json.loads(out)) == (
        1,
        {
            "error": message,
            "code": "signer.refused",
        },
    )
    hsm.write_pin("000000")
    for _ in range(2):
        status, out, err = shell.run(*CHECK, *place)
        assert (status, out) == (1, "")
        assert err.startswith("abtc-issuer: token abtc test: the PIN was refused")
        assert len(err.splitlines()) == 1
    assert hsm.count("C_Login") == 3
