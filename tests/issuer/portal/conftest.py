"""Offices that take applications online, on real databases."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.databases import Prepared
from tests.issuer.back_office import office_at
from tests.issuer.portal.applicant import Portal
from tests.issuer.web.chromium import launched


@pytest.fixture
def portal(prepared: Prepared) -> Portal:
    """An office with pages for applicants, on each kind of database."""
    return Portal.of(office_at(prepared))


@pytest.fixture
def small(prepared_small: Prepared) -> Portal:
    """The same on SQLite, where the database is no matter."""
    return Portal.of(office_at(prepared_small))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for a file's tests; each has a profile of its own in it."""
    with launched() as browser:
        yield browser
