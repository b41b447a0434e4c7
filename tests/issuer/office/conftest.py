"""An office whose economies issue plastic, the app, or both; and cards in it."""

from pathlib import Path

import pytest

from issuer.store import Store
from tests.issuer.back_office import BackOffice, open_office
from tests.issuer.office.card_builder import CardBuilder

HOSTED = ("AUS", "KOR", "SGP")
"""The app only, both forms, plastic only."""


@pytest.fixture
def office(store: Store, tmp_path: Path) -> BackOffice:
    """People and keys of three economies, on each kind of database."""
    return open_office(store, tmp_path, hosted=HOSTED)


@pytest.fixture
def cards(office: BackOffice) -> CardBuilder:
    return CardBuilder(office=office)
