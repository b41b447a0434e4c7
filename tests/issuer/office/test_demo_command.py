"""Demonstration data on the command line: only where nothing is real."""

import json
import shutil
from base64 import urlsafe_b64decode
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from issuer.cli import FAILED, INTERRUPTED, OK, USAGE, main
from issuer.demo import filling
from issuer.installation import Installation
from issuer.jws import is_signed_by, public_key_from_jwk
from issuer.keyholder import KeyHolder
from issuer.store import (
    Account,
    AuditRow,
    Card,
    HostedEconomy,
    Issue,
    Person,
    SigningKey,
    Store,
)
from tests.simulator import NOW

PASSPHRASE = "wide blue yonder"  # noqa: S105  # invented


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "home"
    with pytest.MonkeyPatch.context() as changed:
        changed.setenv("ABTC_KEY_PASSPHRASE", PASSPHRASE)
        done = main(
            ["init", "--home", str(folder), "--economy", "SGP", "--economy", "NZL",
             "--keys", "--test"]
        )  # fmt: skip
    assert done == OK
    return folder


@pytest.fixture
def home(tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ABTC_KEY_PASSPHRASE", PASSPHRASE)
    return shutil.copytree(made, tmp_path / "home")


def demo(home: Path, *more: str) -> int:
    return main(["demo-data", "--home", str(home), *more])


def read(home: Path, query: Any) -> Any:
    store = Store.open(Installation.load(home).database_url)
    try:
        return store.read(lambda session: session.execute(query).all())
    finally:
        store.close()


def people(home: Path) -> dict[str, int]:
    query = select(Person.economy, func.count()).group_by(Person.economy)
    return {row[0]: row[1] for row in read(home, query)}


def test_a_new_installation_is_filled_and_goes_on(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo(home, "--cards", "7") == OK
    assert capsys.readouterr().out.endswith("7 travellers of 2 economies\n")
    assert people(home) == {"NZL": 4, "SGP": 3}
    assert demo(home, "--cards", "10", "--economy", "SGP", "--json") == OK
    assert json.loads(capsys.readouterr().out) == {"travellers": {"SGP": 10}}
    assert people(home) == {"NZL": 4, "SGP": 10}
    assert read(home, select(func.count()).select_from(Card)) > [(5,)]
    query = select(AuditRow.fields).where(AuditRow.tag == "demo:filled")
    logged = [json.loads(row[0])["rows"] for row in read(home, query)]
    assert sum(logged) == 14
    logins = [row[0] for row in read(home, select(Account.login))]
    assert logins.count("demo-clerk-sgp") == 1


def test_i2_nothing_invented_reaches_a_real_register(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One real economy beside others for tests is enough to refuse."""
    store = Store.open(Installation.load(home).database_url)
    real = (
        update(HostedEconomy).where(HostedEconomy.code == "NZL").values(is_test=False)
    )
    store.write(lambda session: session.execute(real), now=NOW)
    store.close()
    assert demo(home, "--cards", "7", "--economy", "SGP") == FAILED
    assert "NZL is not for tests" in capsys.readouterr().err
    assert people(home) == {}
    assert ("demo-clerk-sgp",) not in read(home, select(Account.login))


def test_interrupted_it_goes_on(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(filling, "PORTION", 2)
        writing, left = filling._Portion.write, [2]

        def write(portion: Any, session: Any) -> None:
            left[0] -= 1
            if left[0] == 0:
                raise KeyboardInterrupt
            writing(portion, session)

        patch.setattr(filling._Portion, "write", write)
        assert demo(home, "--cards", "6", "--economy", "SGP") == INTERRUPTED
    assert "the same command goes on" in capsys.readouterr().err
    assert people(home) == {"SGP": 2}
    assert demo(home, "--cards", "6", "--economy", "SGP") == OK
    assert people(home) == {"SGP": 6}


def test_many_are_signed_by_another_process_just_as_well(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each text is signed by the key that is published for it; nothing lacks one."""
    monkeypatch.setattr(filling, "PORTION", 4)
    monkeypatch.setattr(filling, "MANY", 10)
    used: list[int] = []
    signing = KeyHolder.batch

    def counted(*given: Any, **more: Any) -> Any:
        used.append(1)
        return signing(*given, **more)

    monkeypatch.setattr(KeyHolder, "batch", counted)
    assert demo(home, "--cards", "14", "--economy", "SGP") == OK
    assert used == [1]
    keys = {
        row[0]: public_key_from_jwk(json.loads(row[1]))
        for row in read(home, select(SigningKey.key_id, SigningKey.public_key))
    }
    signed = read(home, select(Issue.text, Issue.key_id))
    assert len(signed) > 8
    for text, key_id in signed:
        body, _, signature = text.removesuffix("~").rpartition(".")
        raw = urlsafe_b64decode(signature + "==")
        assert is_signed_by(keys[key_id], body.encode(), raw)


@pytest.mark.parametrize(
    "more",
    [(), ("--cards", "0"), ("--cards", "many"), ("--cards", "1", "--economy", "AUS")],
)
def test_wrong_usage(home: Path, more: tuple[str, ...]) -> None:
    assert demo(home, *more) == USAGE
    assert demo(home, "--help") == OK
