"""Twenty programs at a real server, for seconds here and for half an hour in a soak."""

from pathlib import Path
from statistics import median

import pytest
from sqlalchemy import select

from issuer import audit
from issuer.installation import Installation
from issuer.issue_log import IssueLog
from issuer.store import Account, AccountKind, Credential, Issue, IssueState, Store
from tests.components import needs
from tests.issuer.load import ECONOMY, MOST_GROWTH, Load, standing
from tests.issuer.office.settled import check_integrity, check_places
from tests.soak import SOAK, rounds

POSTGRESQL = pytest.param("PostgreSQL", marks=needs("PostgreSQL"))
KINDS = ["SQLite", POSTGRESQL] if SOAK else [POSTGRESQL]
"""For some seconds one is enough: that all is kept is tested on both elsewhere."""


@pytest.mark.parametrize("empty", KINDS, indirect=True)
@pytest.mark.enable_socket
@pytest.mark.timeout(rounds(300, 3_600))
def test_l14_twenty_programs_issue_cards(tmp_path: Path, empty: str | None) -> None:
    """Every request is answered, every card that somebody got is kept, and no more."""
    with standing(tmp_path, database=empty, cards=rounds(100, 4_000)) as place:
        load = place.run(rounds(4, 1_800), requests=rounds(15, 39))
    assert not load.failed, load.failed[0]
    assert {each.kind for each in load.calls} >= {"issue", "card.show", "queue.counts"}
    if SOAK:
        assert load.growth <= MOST_GROWTH
        half = len(load.warm) // 2
        before, after = load.warm[:half], load.warm[half:]
        # Rush hours open more for a moment; what is never closed stays.
        assert median(each.handles for each in after) <= max(
            each.handles for each in before
        )
    check_kept(load, Installation.load(place.home))


def check_kept(load: Load, installation: Installation) -> None:
    """The database has exactly what was answered."""
    store = Store.open(installation.database_url)
    try:
        check_integrity(store)
        check_places(store)
        rows, alive = store.read(
            lambda session: (
                session.execute(
                    select(Issue.id, Issue.state, Issue.text, Issue.claims_sha256)
                    .join(Account, Account.id == Issue.requested_by)
                    .where(Account.kind == AccountKind.PROGRAM)
                ).all(),
                session.scalars(
                    select(Credential.card_id).where(
                        Credential.economy == ECONOMY, Credential.state == "valid"
                    )
                ).all(),
            )
        )
        kept = {row.id: row.text for row in rows if row.state == IssueState.SIGNED}
        answers = [each.answer for each in load.issued]
        assert kept == {each["issue"]: each["text"] for each in answers}
        assert len(kept) == len(rows) == len(answers) > 0
        assert len(set(alive)) == len(alive)
        logged = {
            line.claims_sha256 for line in IssueLog(path=installation.issue_log).read()
        }
        assert logged >= {row.claims_sha256 for row in rows}
        *_, end = store.read(lambda session: [*audit.verify(session, ECONOMY)])
        assert isinstance(end, int)
    finally:
        store.close()
