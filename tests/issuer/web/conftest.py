"""The pages of a real office on a real database, and browsers in front of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from issuer.store import Store
from tests.issuer.back_office import BackOffice, open_office
from tests.issuer.web.front import Front


@pytest.fixture
def front(store: Store, tmp_path: Path) -> Front:
    """An office with pages, on each kind of database."""
    return Front.of(open_office(store, tmp_path))


@pytest.fixture
def small(sqlite_template: bytes, tmp_path: Path) -> Iterator[Front]:
    """An office with pages on SQLite, where the database is no matter."""
    path = tmp_path / "abtc.sqlite3"
    path.write_bytes(sqlite_template)
    store = Store.open(f"sqlite:///{path}")
    yield Front.of(open_office(store, tmp_path))
    store.close()


__all__ = ["BackOffice"]
