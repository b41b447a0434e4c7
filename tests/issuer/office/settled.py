"""What must hold once everything has come to rest, whatever happened on the way."""

from collections import Counter
from datetime import timedelta
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

import verifier
from issuer import audit
from issuer.documents import issuer_document, policy_document, scheme_document
from issuer.issue_log import IssueLog
from issuer.jws import BORDER, key_binding
from issuer.lists import StatusStates, status_token
from issuer.signing import recover
from issuer.store import Credential, Issue, IssueState, Store
from tests.issuer.back_office import BackOffice
from tests.simulator import NOW, fixed_key


def settle(office: BackOffice, economy: str = "KOR") -> None:
    """Recover, and check everything that holds after any fault."""
    recover(office.office, NOW)
    store = office.store
    check_integrity(store)
    assert recover(office.office, NOW).waiting == 0
    rows = store.read(lambda session: [*session.scalars(select(Issue))])
    assert not [row for row in rows if row.state == IssueState.INTENDED]
    check_places(store)
    # No signature without an intent, and none whose line was not on disk.
    log = IssueLog(path=office.office.installation.issue_log)
    logged = {line.claims_sha256 for line in log.read()}
    assert logged <= {row.claims_sha256 for row in rows}
    assert {r.claims_sha256 for r in rows if r.state == IssueState.SIGNED} <= logged
    *_, end = store.read(lambda session: [*audit.verify(session, economy)])
    assert isinstance(end, int)


def check_integrity(store: Store) -> None:
    if store.engine.dialect.name != "sqlite":
        return
    found = store.read(lambda s: s.scalars(text("PRAGMA integrity_check")).all())
    assert [*found] == ["ok"]


def check_places(store: Store) -> None:
    """No index and no document number belongs to two credentials."""

    def read(session: Session) -> list[Any]:
        return [
            *session.execute(
                select(
                    Credential.economy,
                    Credential.list_number,
                    Credential.list_index,
                    Credential.document_number,
                )
            )
        ]

    rows = store.read(read)
    assert len({row[:3] for row in rows}) == len({row[3] for row in rows}) == len(rows)


def lives(store: Store, card: int) -> Counter[str]:
    """How many credentials of each form a card has that live."""
    return Counter(
        store.read(
            lambda session: session.scalars(
                select(Credential.form).where(
                    Credential.card_id == card,
                    Credential.state.in_(("valid", "suspended")),
                )
            ).all()
        )
    )


def check_accepted(
    office: BackOffice, released: str, phone: str, economy: str = "KOR"
) -> None:
    """Show a released card with its phone: a border's device has to accept it."""
    scheme = office.office.packaged_scheme
    _, card_key = office.office.signers.signer(economy, "card", now=NOW)
    signer, status_key = office.office.signers.signer(economy, "status", now=NOW)
    url = scheme.economy(economy).issuer_url
    documents = {
        "scheme.json": scheme_document(scheme, issued_at=NOW),
        f"{economy}/issuer.json": issuer_document(
            scheme, economy, keys=[card_key, status_key], issued_at=NOW
        ),
        "AUS/policy.json": policy_document(scheme, "AUS", issued_at=NOW),
        f"{economy}/status/1.jwt": status_token(
            StatusStates.of({}, capacity=scheme.economy(economy).list_capacity),
            uri=f"{url}/status/1",
            iat=NOW,
            exp=NOW + timedelta(days=1),
            ttl=None,
            signer=signer,
        ),
    }
    trust = verifier.Trust.from_documents(
        documents, version=1, issued_at=NOW, expires_at=NOW + timedelta(days=1)
    )
    proof = key_binding(
        released, fixed_key(phone), iat=NOW, audience=BORDER, nonce=None
    )
    decision = verifier.verify(
        verifier.pack(released + proof),
        trust=trust,
        policy=verifier.Policy(economy="AUS"),
        expected_passport=None,
        expected_challenge=None,
        now=NOW,
    )
    assert isinstance(decision, verifier.Accepted), decision
