"""An economy's word that a card of its own gives an entry basis somewhere, on a day.

What is decided is decided by `verifier.entry_basis` over published lists; there is no
rule here.  The text is for sharing with an airline in the place of the card: it is
good for hours, for a key that was made for it, and says where and when.  Everything
else in it can be kept back.

Source: docs/one-id.md; RFC 9901.
"""

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import scrypt, sha256
from typing import Any, Final

import verifier
from issuer.errors import Conflict
from issuer.jws import (
    PublicKey,
    b64u,
    canonical,
    moment_on_wire,
    public_jwk,
    signing_input,
)
from issuer.keys import Signer, sign_and_check

TYPE: Final = "urn:abtc:entry-basis:1"
MAX_HOURS: Final = 72
"""As early as carriers ask, and as long as the verifier takes one."""
_HEADER_TYPE: Final = "dc+sd-jwt"
_SALT: Final = 16
"""Bytes of a salt."""
_COST: Final = 2**14
_BLOCK: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a holder wants to be able to show."""

    presentation: str
    """The card, with a proof by its phone, for the issuer that is asked."""
    destination: str
    """Alpha-3."""
    arrival: date
    key: PublicKey
    """Made for this alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The answer; the text is there with ``gives`` alone."""

    answer: verifier.BasisAnswer
    text: str | None = None
    """Issuer JWT and disclosures, each followed by ``~``."""


def tell(
    asked: Asked,
    *,
    issuer: str,
    audience: str,
    trust: verifier.Trust,
    signer: Signer,
    life: timedelta,
    now: datetime,
) -> Told:
    """Answer a holder, and sign the answer if it is yes.

    Args:
        asked: By a phone.
        issuer: URL of the economy, as its cards have it: cards of others get no word.
        audience: Whom the phone's proof is for: the issuer as phones know it.
        trust: What is published, with the destination's overlays.
        signer: The economy's status key (decision 0034).
        life: For how long the text is good, at most; it ends earlier where card, lists
            or trust data do.
        now: The moment; timezone-aware.

    Raises:
        Conflict: ``card.other``: the card is another economy's.
        SigningError: The key cannot be reached.
    """
    if any(each.is_test and each.url == issuer for each in trust.issuers):
        trust = trust.for_training()  # whoever is for trials proves to trials alone
    zone = verifier.zone_of(asked.destination, verifier.zones())
    basis = verifier.entry_basis(
        asked.presentation,
        trust=trust,
        policy=verifier.Policy(economy=asked.destination, audience=audience),
        expected_passport=None,
        arrival=asked.arrival,
        now=now.astimezone(zone),
    )
    if basis.answer is not verifier.BasisAnswer.GIVES or basis.good_until is None:
        return Told(answer=basis.answer)
    card = claims_of(asked.presentation)  # of a card that was just verified
    if card["iss"] != issuer:
        raise Conflict("card.other", "the card is another economy's")
    expires_at = min(basis.good_until, now + life)
    claims = _claims(asked, basis, issuer=issuer, now=now, expires_at=expires_at)
    hidden = _hidden(basis, card["passport"])
    return Told(answer=basis.answer, text=_sign(claims, hidden, signer))


def claims_of(presentation: str) -> dict[str, Any]:
    """Return what a card says; only of one that a verifier has read.

    Raises:
        ValueError: It is no SD-JWT.
    """
    try:
        payload = presentation.split(".")[1]
        claims = json.loads(
            base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        )
    except (IndexError, RecursionError) as error:
        raise ValueError("no card") from error
    if not isinstance(claims, dict):
        raise ValueError("no card")  # what it is made of is bad
    return claims


def passport_mark(country: str, number: str, salt: bytes) -> bytes:
    """Return by what a passport is recognised by somebody who has it in hand.

    It is slow on purpose: numbers of passports are few enough to try them all.

    Source: docs/one-id.md, "The passport".
    """
    text = f"{country}:{number}".encode("ascii")
    return scrypt(text, salt=salt, n=_COST, r=_BLOCK, p=1, dklen=32)


def _claims(
    asked: Asked,
    basis: verifier.EntryBasis,
    *,
    issuer: str,
    now: datetime,
    expires_at: datetime,
) -> dict[str, object]:
    as_of = basis.data_as_of or now
    return {
        "iss": issuer,
        "vct": TYPE,
        "iat": moment_on_wire(now),
        "exp": moment_on_wire(expires_at),
        "cnf": {"jwk": public_jwk(asked.key)},
        "destination": basis.destination,
        "arrival": basis.arrival.isoformat(),
        "answer": basis.answer.value,
        "data_as_of": moment_on_wire(min(as_of, now)),
        "_sd_alg": "sha-256",
    }


def _hidden(
    basis: verifier.EntryBasis, passport: Mapping[str, str]
) -> dict[str, object]:
    """Return the claims that a phone may keep back."""
    salt = secrets.token_bytes(_SALT)
    mark = passport_mark(passport["country"], passport["number"], salt)
    stay = {"stay_until": basis.stay_until.isoformat()} if basis.stay_until else {}
    return {
        **stay,
        "form": basis.form,
        "passport": {
            "country": basis.passport_country,
            "number_end": basis.passport_number_end,
        },
        "passport_mark": {"salt": b64u(salt), "scrypt": b64u(mark)},
    }


def _sign(
    claims: Mapping[str, object], hidden: Mapping[str, object], signer: Signer
) -> str:
    disclosures = [
        b64u(canonical([b64u(secrets.token_bytes(_SALT)), name, value]))
        for name, value in hidden.items()
    ]
    # In the order of their digests: where one stands tells nothing.
    digests = sorted(b64u(sha256(each.encode()).digest()) for each in disclosures)
    header = {"alg": "ES256", "kid": signer.key_id, "typ": _HEADER_TYPE}
    text = signing_input(canonical(header), canonical({**claims, "_sd": digests}))
    token = f"{text}.{b64u(sign_and_check(signer, text.encode()))}"
    return "".join(f"{each}~" for each in (token, *disclosures))
