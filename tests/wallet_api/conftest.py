"""A wallet's server on each kind of database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from issuer.store import Store
from tests.issuer.back_office import open_office
from tests.wallet_api.scene import Scene

HOSTED = ("AUS", "KOR", "SGP")
"""The app only, both forms, plastic only."""


@pytest.fixture
def scene(store: Store, tmp_path: Path) -> Scene:
    """People, keys and a wallet's server, on each kind of database."""
    return Scene.of(open_office(store, tmp_path, hosted=HOSTED))


@pytest.fixture
def small(sqlite_template: bytes, tmp_path: Path) -> Iterator[Scene]:
    """The same on SQLite, where the database is no matter."""
    path = tmp_path / "abtc.sqlite3"
    path.write_bytes(sqlite_template)
    store = Store.open(f"sqlite:///{path}")
    yield Scene.of(open_office(store, tmp_path, hosted=HOSTED))
    store.close()
