"""Migrations that die, versions that do not fit, secrets that leak (R6, R7)."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from issuer.config import environment_with
from issuer.errors import SchemaError, SigningError
from issuer.keyholder import passphrase_of
from issuer.office import publish_passphrase_of
from issuer.store import Store
from tests.components import needs
from tests.databases import PostgreSQL
from tests.simulator import NOW

_KILLED = """
import os, signal, sys
from sqlalchemy import Engine, event
from issuer.store import Store

made = 0

@event.listens_for(Engine, "before_cursor_execute")
def die(connection, cursor, statement, *rest):
    global made
    made += "CREATE" in statement
    if made == 40:
        os.kill(os.getpid(), signal.SIGKILL)

Store.create(sys.argv[1])
"""
"""Makes some of the tables, and dies."""


def create_and_die(url: str) -> None:
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", _KILLED, url], check=False, capture_output=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


def test_r6_a_migration_killed_half_way_left_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.sqlite3"
    create_and_die(url)
    with pytest.raises(SchemaError, match="no back office"):
        Store.open(url)
    Store.upgrade(url).close()
    Store.open(url).close()


@needs("PostgreSQL")
def test_r6_a_migration_killed_half_way_left_nothing_in_postgresql(
    postgresql_server: PostgreSQL,
) -> None:
    url = postgresql_server.empty()
    create_and_die(url)
    with pytest.raises(SchemaError, match="no back office"):
        Store.open(url)
    Store.upgrade(url).close()
    Store.open(url).close()


@pytest.mark.parametrize("revision", ["0000", "9999"])
def test_r6_a_version_that_does_not_fit_does_not_start(
    database: str, revision: str
) -> None:
    """Old code on a new shape, and new code on an old one or one taken back."""
    store = Store.open(database)
    change = f"UPDATE alembic_version SET version_num = '{revision}'"  # noqa: S608
    store.write(lambda session: session.execute(text(change)), now=NOW)
    store.close()
    with pytest.raises(SchemaError, match=revision):
        Store.open(database)
    with pytest.raises(SchemaError, match=revision):
        Store.upgrade(database)


def test_r7_a_program_that_is_started_gets_none_of_our_secrets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ABTC_KEY_PASSPHRASE", "wide blue yonder")
    known = environment_with(PGPASSWORD="x")
    assert known["PGPASSWORD"] == "x"
    assert known["PATH"] == os.environ["PATH"]  # noqa: TID251
    assert "wide blue yonder" not in "".join(known.values())


def test_r7_a_missing_passphrase_names_its_variable_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ABTC_KEY_PASSPHRASE_NZL", "wide blue yonder")
    monkeypatch.delenv("ABTC_KEY_PASSPHRASE", raising=False)
    assert passphrase_of("NZL") == b"wide blue yonder"
    with pytest.raises(SigningError, match="ABTC_KEY_PASSPHRASE_AUS") as error:
        passphrase_of("AUS")
    assert "yonder" not in str(error.value)
    monkeypatch.delenv("ABTC_PUBLISH_PASSPHRASE", raising=False)
    with pytest.raises(SigningError, match="ABTC_PUBLISH_PASSPHRASE_TIMESTAMP"):
        publish_passphrase_of("timestamp.0123")
