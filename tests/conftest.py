"""Components that a machine may lack (see `components`), and databases for tests."""

import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from issuer.store import Store
from tests.compiled import remember_compiled
from tests.components import MISSING, check, needs
from tests.databases import (
    TEMPLATE,
    Copies,
    PostgreSQL,
    Prepared,
    SQLite,
    postgresql,
)

# A busy machine is no defect of what is tested.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

MEMORY = Path("/dev/shm")  # noqa: S108  # a folder of this kind has no other name
ENOUGH = 4 << 30
"""Bytes; a whole run takes a quarter of it."""

LONG = frozenset(
    f"tests/{name}.py"
    for name in (
        "examples/test_demo",
        "examples/test_passport_check",
        "examples/test_serve",
        "examples/test_two_economies",
        "issuer/link/test_killed",
        "issuer/office/test_every_command",
        "issuer/office/test_issuing_faults",
        "issuer/office/test_module_faults",
        "issuer/portal/test_browser",
        "issuer/portal/test_tracking",
        "issuer/services/test_conformance",
        "issuer/test_hsm",
        "issuer/test_load",
        "issuer/test_serving",
        "issuer/web/test_browser",
        "issuer/web/test_cards_browser",
        "issuer/web/test_case_browser",
        "issuer/web/test_guards",
        "issuer/web/test_neighbours_browser",
        "issuer/web/test_story",
        "test_install",
        "test_openapi_properties",
        "verifier/console/desk/test_desk_page",
        "verifier/console/desk/test_desk_passport_checks",
        "verifier/console/web/test_camera",
        "verifier/console/web/test_console",
        "verifier/console/web/test_passport_checks",
        "verifier/test_store_faults",
        "wallet_api/test_load",
        "wallet_api/web/test_answer_browser",
        "wallet_api/web/test_applicant_story",
        "wallet_api/web/test_desk_browser",
        "wallet_api/web/test_requests_browser",
        "wallet_api/web/test_story",
        "wallet_api/web/test_wallet_browser",
    )
)
"""Files of which one test may take ten seconds, or all of them a minute."""


def use_memory() -> None:
    """Keep what tests write in memory, where there is enough of it.

    No test cuts the power of this machine: those that are about it keep a disk of their
    own account (`tests.power`).  What is left on a disk has to be waited for.
    """
    if "TMPDIR" not in os.environ and is_good(MEMORY):  # noqa: TID251  # of pytest's own
        os.environ["TMPDIR"] = str(MEMORY)  # noqa: TID251  # for programs we start, too
        tempfile.tempdir = None


def is_good(folder: Path) -> bool:
    """Say whether much can be written there, and run."""
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        return False
    can_run = not os.statvfs(folder).f_flag & os.ST_NOEXEC
    return can_run and shutil.disk_usage(folder).free >= ENOUGH


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    use_memory()
    remember_compiled()
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
def sqlite_copies(tmp_path_factory: pytest.TempPathFactory) -> Copies:
    folder = tmp_path_factory.mktemp("sqlite")
    url = f"sqlite:///{folder / 'empty.sqlite3'}"
    Store.create(url).close()
    return Copies(SQLite(), url, folder)


@pytest.fixture(scope="session")
def postgresql_copies(
    postgresql_server: PostgreSQL, tmp_path_factory: pytest.TempPathFactory
) -> Copies:
    folder = tmp_path_factory.mktemp("postgresql")
    return Copies(postgresql_server, postgresql_server.url(TEMPLATE), folder)


@pytest.fixture(
    params=["SQLite", pytest.param("PostgreSQL", marks=needs("PostgreSQL"))]
)
def prepared(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Prepared]:
    """A place for a database; each test runs on both kinds."""
    name = f"{request.param.lower()}_copies"
    made = Prepared(copies=request.getfixturevalue(name), folder=tmp_path)
    yield made
    made.end()


@pytest.fixture
def prepared_small(sqlite_copies: Copies, tmp_path: Path) -> Iterator[Prepared]:
    """A place on SQLite, where the database is no matter."""
    made = Prepared(copies=sqlite_copies, folder=tmp_path)
    yield made
    made.end()


@pytest.fixture
def database(prepared: Prepared) -> str:
    """The URL of a database with all tables."""
    return prepared.url


@pytest.fixture
def store(prepared: Prepared) -> Store:
    """The database, open."""
    return prepared.store


@pytest.fixture(
    params=["SQLite", pytest.param("PostgreSQL", marks=needs("PostgreSQL"))]
)
def empty(request: pytest.FixtureRequest) -> str | None:
    """The URL of an empty database; None for the usual file."""
    if request.param == "SQLite":
        return None
    server: PostgreSQL = request.getfixturevalue("postgresql_server")
    return server.empty()


def pytest_collection_finish() -> None:
    """Look for garbage less often, and not among all the tests there are."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let every process begin with its share of what takes long.

    Each gets an equal stretch of the tests, and takes from the others when it is done:
    whoever has a long one left at the end keeps all others waiting.
    """
    count = os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")  # noqa: TID251  # its own
    files = list(dict.fromkeys(map(_file_of, items)))
    long = [name for name in files if name in LONG]
    shares = [set(long[start :: int(count)]) for start in range(int(count))]
    short = [item for item in items if _file_of(item) not in LONG]
    ordered = list[pytest.Item]()
    for place, share in enumerate(shares, 1):
        ordered += [item for item in items if _file_of(item) in share]
        until = len(items) * place // len(shares)
        room = max(0, until - len(ordered)) if place < len(shares) else len(short)
        ordered += short[:room]
        short = short[room:]
    items[:] = ordered


def _file_of(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reasons = [
        report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.getreports("skipped")
        if isinstance(report.longrepr, tuple)
    ]
    missing = [each for each in reasons if each.startswith(MISSING)]
    for reason in sorted(set(missing)):
        terminalreporter.write_line(f"{reason}: {missing.count(reason)} tests skipped")
