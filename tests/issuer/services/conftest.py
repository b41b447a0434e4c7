"""A town with neighbours, on each kind of database."""

import pytest

from tests.databases import Prepared
from tests.issuer.services.town import Town


@pytest.fixture
def town(prepared: Prepared) -> Town:
    return Town.at(prepared)


@pytest.fixture
def small(prepared_small: Prepared) -> Town:
    """On SQLite, where the database is no matter."""
    return Town.at(prepared_small)
