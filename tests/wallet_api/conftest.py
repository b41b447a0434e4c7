"""A wallet's server on each kind of database."""

import pytest

from tests.databases import Prepared
from tests.issuer.back_office import office_at
from tests.wallet_api.scene import Scene

HOSTED = ("AUS", "KOR", "SGP")
"""The app only, both forms, plastic only."""


@pytest.fixture
def scene(prepared: Prepared) -> Scene:
    """People, keys and a wallet's server, on each kind of database."""
    return Scene.of(office_at(prepared, hosted=HOSTED))


@pytest.fixture
def small(prepared_small: Prepared) -> Scene:
    """The same on SQLite, where the database is no matter."""
    return Scene.of(office_at(prepared_small, hosted=HOSTED))
