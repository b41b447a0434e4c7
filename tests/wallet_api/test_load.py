"""Phones at a real server, for seconds here and for half an hour in a soak."""

from pathlib import Path

import pytest
from sqlalchemy import select

from issuer.installation import Installation
from issuer.store import Credential, Issue, IssueState, Store
from tests.components import needs
from tests.issuer.load import MOST_GROWTH
from tests.issuer.office.settled import check_integrity, check_places
from tests.soak import SOAK, rounds
from tests.wallet_api.load import ECONOMY, Load, standing

POSTGRESQL = pytest.param("PostgreSQL", marks=needs("PostgreSQL"))
KINDS = ["SQLite", POSTGRESQL] if SOAK else [POSTGRESQL]
"""For some seconds one is enough: what phones do is tested on both elsewhere."""


@pytest.mark.parametrize("empty", KINDS, indirect=True)
@pytest.mark.enable_socket
@pytest.mark.timeout(rounds(300, 3_600))
def test_l14_phones_take_their_cards(tmp_path: Path, empty: str | None) -> None:
    """Every phone gets a card, and every card that is kept is one that a phone got."""
    seconds, rate = rounds(4, 1_800), rounds(6, 15)
    cards = round(seconds * rate * 1.1)
    with standing(tmp_path, database=empty, cards=cards, workers=2) as place:
        load = place.run(seconds=seconds, phones=8, rate=rate)
    assert not load.failed, load.failed[0].problem
    assert load.issuances
    if SOAK:
        assert len(load.issuances) > seconds * rate / 2
        assert load.growth <= MOST_GROWTH
    check_kept(load, Installation.load(place.home))


def check_kept(load: Load, installation: Installation) -> None:
    """The database has exactly what phones got, and each is another card."""
    store = Store.open(installation.database_url)
    try:
        check_integrity(store)
        check_places(store)
        texts = store.read(
            lambda session: session.scalars(
                select(Issue.text)
                .join(Credential, Credential.id == Issue.credential_id)
                .where(
                    Issue.economy == ECONOMY,
                    Issue.state == IssueState.SIGNED,
                    Credential.form == "app",
                    Issue.request_key.like("%:phone:%"),
                )
            ).all()
        )
    finally:
        store.close()
    assert sorted(map(str, texts)) == sorted(each.card for each in load.issuances)
