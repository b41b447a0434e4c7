"""The restore drill of the threat table, as a command (R5, L16)."""

from collections.abc import Callable
from pathlib import Path

import pytest

from issuer.drill import run_drill
from issuer.store import Credential, Store
from tests.issuer.office.publishing import Publishing
from tests.simulator import NOW


def two_databases(request: pytest.FixtureRequest, database: str) -> tuple[str, ...]:
    if database.startswith("sqlite"):
        return ()
    empty: Callable[[], str] = request.getfixturevalue("postgresql_server").empty
    return empty(), empty()


@pytest.mark.parametrize("cards", [1, 60])
def test_l16_the_drill_reports_20_of_20_and_changes_nothing(
    request: pytest.FixtureRequest,
    store: Store,
    database: str,
    tmp_path: Path,
    cards: int,
) -> None:
    office = Publishing(store, tmp_path, cards=cards)
    before = store.read(lambda s: s.query(Credential).count())
    found = run_drill(
        office.back_office.office.installation,
        databases=two_databases(request, database),
        now=NOW,
    )
    assert found.to_object() == {
        "economy": "SGP" if cards > 1 else found.economy,
        "refused_until_reconciled": True,
        "needs_two_people": True,
        "revoked": 10,
        "of_revoked": 10,
        "issued_listed": 20,
        "issued_revoked": 20,
        "of_issued": 20,
        "un_revoked": 0,
    }
    assert found.is_good
    assert "20/20" in "\n".join(found.lines())
    assert store.read(lambda s: s.query(Credential).count()) == before
