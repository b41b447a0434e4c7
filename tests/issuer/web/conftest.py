"""The pages of a real office on a real database, and browsers in front of them."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from issuer import passwords
from tests.databases import Prepared
from tests.issuer.back_office import BackOffice, office_at
from tests.issuer.web.chromium import launched
from tests.issuer.web.front import LIGHT, Front


@pytest.fixture(autouse=True)
def light_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords with less work; hundreds of them are tried."""
    monkeypatch.setattr(passwords, "_HASHER", LIGHT)


@pytest.fixture
def front(prepared: Prepared) -> Front:
    """An office with pages, on each kind of database."""
    return Front.of(office_at(prepared))


@pytest.fixture
def small(prepared_small: Prepared) -> Front:
    """An office with pages on SQLite, where the database is no matter."""
    return Front.of(office_at(prepared_small))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for a file's tests; each has a profile of its own in it."""
    with launched() as browser:
        yield browser


__all__ = ["BackOffice"]
