"""What the economies of a back office are known by elsewhere."""

from datetime import datetime, timedelta

import verifier
from issuer.documents import issuer_document, scheme_document
from tests.issuer.back_office import HOSTED, SCHEME, BackOffice
from tests.simulator import NOW


def trust_in(
    back_office: BackOffice, *, economies: tuple[str, ...] = HOSTED, at: datetime = NOW
) -> verifier.Trust:
    """Trust data of an hour ago with the status keys of an office's economies."""
    issued_at = at - timedelta(hours=1)
    documents = {"scheme.json": scheme_document(SCHEME, issued_at=issued_at)}
    for code in economies:
        keys = [
            back_office.office.signers.signer(code, use, now=at)[1]
            for use in ("card", "status")
        ]
        documents[f"{code}/issuer.json"] = issuer_document(
            SCHEME, code, keys=keys, issued_at=issued_at
        )
    return verifier.Trust.from_documents(
        documents, version=1, issued_at=issued_at, expires_at=at + timedelta(days=30)
    )
