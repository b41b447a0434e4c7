"""Components that a machine may lack (see `components`), and databases for tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from issuer.store import Store
from tests.components import MISSING, check, needs
from tests.databases import PostgreSQL, postgresql


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(component): see tests/components.py")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        check(*mark.args)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgreSQL]:
    """A server of our own, for this process; the tests that use it are marked."""
    with postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("template") / "abtc.sqlite3"
    Store.create(f"sqlite:///{path}").close()
    return path.read_bytes()


@pytest.fixture(
    params=["SQLite", pytest.param("PostgreSQL", marks=needs("PostgreSQL"))]
)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new database with all tables; each test runs on both kinds."""
    if request.param == "PostgreSQL":
        server: PostgreSQL = request.getfixturevalue("postgresql_server")
        return server.new()
    path = tmp_path / "abtc.sqlite3"
    path.write_bytes(request.getfixturevalue("sqlite_template"))
    return f"sqlite:///{path}"


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    """A store with all tables and nothing in them, on each kind of database."""
    opened = Store.open(database)
    yield opened
    opened.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reasons = [
        report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.getreports("skipped")
        if isinstance(report.longrepr, tuple)
    ]
    missing = [each for each in reasons if each.startswith(MISSING)]
    for reason in sorted(set(missing)):
        terminalreporter.write_line(f"{reason}: {missing.count(reason)} tests skipped")
