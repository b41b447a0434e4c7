"""Proofs of an entry basis, as phones ask for them.

A phone shows its card to the issuer as it would to a border, and beside it a key that
was made for this; tokens, nonces and proofs are those of the card.  The issuer learns
where its holder wants to travel and when, answers, and keeps neither.

Source: docs/one-id.md.
"""

from datetime import timedelta

from issuer.entry_proofs import Asked, Told, tell
from issuer.errors import Conflict
from issuer.holding import Shown
from wallet_api.here import now, site
from wallet_api.proof import BadProof, check_credential_proof
from wallet_api.requests import BasisRequest


def told_by(who: Shown, given: BasisRequest, issuer: str) -> Told:
    """Answer a phone.

    Args:
        who: What the phone has shown to be let in.
        given: What it asks.
        issuer: Identifier of the issuer, as phones know it.

    Raises:
        BadProof: The proof of the new key proves nothing, or is of the card's key.
        Conflict: ``entry_basis.closed``: nobody is told here; and as for
            `Holders.basis_asked` and `issuer.entry_proofs.tell`.
        SigningError: The status key cannot be reached.
        verifier.StoreError: There is no trust data to decide by.
    """
    settings, economy = site().settings, who.economy
    proofs = settings.wallet.entry_basis
    if settings.trust is None or proofs is None:
        raise Conflict("entry_basis.closed", "no entry bases are proven here")
    trust = settings.trust.load()
    proof = check_credential_proof(given.proof, issuer=issuer, now=now())
    if proof.key == given.card_key:
        raise BadProof("its key is the card's, by which its holder is known again")
    site().holders.basis_asked(
        who,
        given.card_key,
        proof.claims["nonce"],
        per_day=proofs.per_day,
        now=now(),
    )
    signer, _ = site().office.signers.signer(economy, "status", now=now())
    asked = Asked(
        presentation=given.presentation,
        destination=given.destination,
        arrival=given.arrival,
        key=proof.key,
    )
    return tell(
        asked,
        issuer=site().scheme().economy(economy).issuer_url,
        audience=issuer,
        trust=trust,
        signer=signer,
        life=timedelta(hours=proofs.hours),
        now=now(),
    )
