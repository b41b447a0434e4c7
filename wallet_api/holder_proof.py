"""A proof of an entry basis on the reference phone: shown in the place of the card.

Its key is made for it and forgotten with it: a proof is for one desk, once.

Source: docs/one-id.md; RFC 9901, section 7.2.
"""

import base64
import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Self

from issuer.jws import PrivateKey, key_binding, public_jwk
from wallet_api.holder import CredentialError, claims_of

BASIS_TYPE: Final = "urn:abtc:entry-basis:1"
HIDDEN: Final = ("stay_until", "form", "passport", "passport_mark")
"""What can be kept back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryProof:
    """What an issuer has said, with the key that shows it."""

    token: str
    disclosures: dict[str, str]
    """By name of the claim."""
    key: PrivateKey

    @classmethod
    def received(
        cls, text: str, key: PrivateKey, *, destination: str, arrival: date
    ) -> Self:
        """Take what an issuer gave.

        Args:
            text: Issuer JWT and disclosures, each followed by ``~``.
            key: Made for it.
            destination: That was asked about; alpha-3.
            arrival: The day that was asked about.

        Raises:
            CredentialError: It is something else, for another key or another journey.

        Not checked: the issuer's signature.  A phone is no evidence; a verifier looks.
        """
        token, *disclosures = text.split("~")
        try:
            claims = claims_of(token)
            named = {_decoded(each)[1]: each for each in disclosures[:-1]}
        except (ValueError, IndexError, KeyError, TypeError) as error:
            raise CredentialError("it is no proof of an entry basis") from error
        if disclosures[-1:] != [""] or claims.get("vct") != BASIS_TYPE:
            raise CredentialError("it is no proof of an entry basis")
        if claims.get("cnf") != {"jwk": public_jwk(key.public_key())}:
            raise CredentialError("it is for another key")
        journey = (claims.get("destination"), claims.get("arrival"))
        if journey != (destination, arrival.isoformat()):
            raise CredentialError("it is about another journey")
        return cls(token=token, disclosures=named, key=key)

    def present(
        self, audience: str, nonce: str, now: datetime, *, disclose: Collection[str]
    ) -> str:
        """Return presentation text for whoever asks; what is not named is kept back.

        Args:
            audience: Who asks, as its request says.
            nonce: What it asked to be repeated.
            now: This moment.
            disclose: Names of claims; those that are not hidden are there anyway.
        """
        shown = [text for name, text in self.disclosures.items() if name in disclose]
        whole = "".join(f"{each}~" for each in (self.token, *shown))
        proof = key_binding(whole, self.key, iat=now, audience=audience, nonce=nonce)
        return whole + proof


def _decoded(disclosure: str) -> Any:
    return json.loads(
        base64.urlsafe_b64decode(disclosure + "=" * (-len(disclosure) % 4))
    )
