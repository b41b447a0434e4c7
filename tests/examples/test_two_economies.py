"""Two economies, two databases, one of them killed: what the example shows holds."""

from pathlib import Path

import pytest

import verifier
from examples.two_economies import main, play
from tests.components import COMPONENTS, needs
from tests.databases import PostgreSQL
from tests.soak import SOAK

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


@pytest.mark.timeout(600)
def test_everybody_is_cleared_once_and_a_device_lets_them_in(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    socket_enabled: None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One has SQLite, and the one that is killed PostgreSQL if this machine has it."""
    del socket_enabled
    databases: dict[str, str] = {}
    if COMPONENTS["PostgreSQL"].find():
        databases["JPN"] = request.getfixturevalue("postgresql_server").empty()
    decision = play(tmp_path, applicants=4, databases=databases)
    assert isinstance(decision, verifier.Accepted)
    assert decision.entitlement.entry.answer == verifier.EntryAnswer.VISA_FREE
    told = capsys.readouterr().out
    assert "Server and worker are killed" in told
    assert "4 asked, 4 taken, each answer applied once" in told


@needs("PostgreSQL")
@pytest.mark.skipif(not SOAK, reason="takes long; tried by make soak")
@pytest.mark.timeout(600)
def test_postgresql_will_do_as_well(
    postgresql_server: PostgreSQL,
    socket_enabled: None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    del socket_enabled
    given = [
        f"--database={code}={postgresql_server.empty()}" for code in ("AUS", "JPN")
    ]
    assert main(["--applicants=4", *given]) == 0
    assert "each answer applied once" in capsys.readouterr().out


def test_a_database_is_for_one_of_the_two() -> None:
    with pytest.raises(SystemExit):
        main(["--database", "NZL=sqlite://"])
