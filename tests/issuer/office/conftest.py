"""An office whose economies issue plastic, the app, or both; and cards in it."""

import pytest

from tests.databases import Prepared
from tests.issuer.back_office import BackOffice, office_at
from tests.issuer.office.card_builder import CardBuilder

HOSTED = ("AUS", "KOR", "SGP")
"""The app only, both forms, plastic only."""


@pytest.fixture
def office(prepared: Prepared) -> BackOffice:
    """People and keys of three economies, on each kind of database."""
    return office_at(prepared, hosted=HOSTED)


@pytest.fixture
def cards(office: BackOffice) -> CardBuilder:
    return CardBuilder(office=office)
