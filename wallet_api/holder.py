"""The reference phone: what a wallet does with a card, in the fewest words.

It keeps its key in memory and knows no network (`wallet_api.holder_client` does); a
real wallet keeps the key where it cannot be exported.
"""

import base64
import json
import re
from datetime import datetime, timedelta
from typing import Any, Final

import verifier
from issuer.jws import (
    BORDER,
    PrivateKey,
    key_binding,
    moment_from_wire,
    moment_on_wire,
    new_private_key,
    public_jwk,
)

RENEWAL: Final = timedelta(seconds=10)
"""How long one code is shown (specification, section 3.3)."""
ANSWERED: Final = timedelta(seconds=90)
"""How long an officer's challenge is answered at most (specification, section 3.4)."""

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{22,86}")
_PRINTABLE = re.compile(r"[!-~]{1,256}")


class CredentialError(Exception):
    """A phone was offered something that is no card for this phone."""


class Phone:
    """One phone with one device key and, once it has received one, one card.

    The key is new, unless one is given that was kept.

    Every moment is an argument: the wallet's clock, corrected by what the issuer's
    server said the time was.  No method makes a proof for a moment it was not told is
    now; do not tell it otherwise.

    Raises:
        CredentialError: Something is to be shown, and there is no card yet.
        ValueError: A moment is naive.
    """

    def __init__(self, key: PrivateKey | None = None) -> None:
        self._key = key or new_private_key()
        self._card = ""

    def cnf_jwk(self) -> dict[str, str]:
        """Return the public key that an issuer puts into this phone's card."""
        return public_jwk(self._key.public_key())

    def receive(self, credential: str) -> None:
        """Keep a card; it takes the place of the one before.

        Args:
            credential: Issuer JWT and ``~``, as the issuer released it.

        Raises:
            CredentialError: It carries a proof already, is for another phone or for
                plastic, or cannot be shown as a code.  The card before stays.

        Not checked: the issuer's signature.  A phone is no evidence; a verifier looks.
        """
        if not credential.endswith("~"):
            raise CredentialError("it carries a proof made elsewhere")
        try:
            verifier.pack(credential)
        except verifier.PackingError as error:
            raise CredentialError("it is no card of this scheme") from error
        claims = claims_of(credential)
        if claims["form"] != "app":
            raise CredentialError("it is for a plastic card")
        if claims["cnf"]["jwk"] != self.cnf_jwk():
            raise CredentialError("it is for another phone")
        self._card = credential

    @property
    def document_number(self) -> str:
        """The number of the card, which a holder notes in case the phone is lost."""
        if not self._card:
            raise CredentialError("there is no card on this phone")
        return str(claims_of(self._card)["document_number"])

    def show(self, now: datetime) -> str:
        """Return the QR text for the screen, with a proof made at this moment.

        Source: specification, section 3.3: the nonce is derived.
        """
        return verifier.pack(self._presentation(now, audience=BORDER, nonce=None))

    def answer(self, challenge: str, now: datetime) -> str:
        """Return the QR text that answers an officer's challenge.

        Args:
            challenge: 22 to 86 of ``A-Za-z0-9_-``, as `verifier.parse_challenge` read
                it from the device's screen.
            now: This moment.

        Raises:
            ValueError: ``challenge`` is no challenge; or as for every method.

        Not checked: who asks, and for how long it has been answered (see `ANSWERED`).
        """
        if not _CHALLENGE.fullmatch(challenge):
            raise ValueError("not a challenge of 22 to 86 of A-Z, a-z, 0-9, _ and -")
        return verifier.pack(self._presentation(now, audience=BORDER, nonce=challenge))

    def present(self, audience: str, nonce: str, now: datetime) -> str:
        """Return presentation text for someone else than a border, such as an airline.

        Args:
            audience: Who asks, as its request says; 1 to 256 of ``!`` to ``~``.
            nonce: What it asked to be repeated; the same.
            now: This moment.

        Raises:
            ValueError: ``audience`` or ``nonce`` is malformed, or the audience is a
                border, which `show` and `answer` are for.

        Source: specification, section 4.
        """
        if not (_PRINTABLE.fullmatch(audience) and _PRINTABLE.fullmatch(nonce)):
            raise ValueError("audience or nonce is not 1 to 256 printable characters")
        if audience == BORDER:
            raise ValueError("a border is shown a code")
        return self._presentation(now, audience=audience, nonce=nonce)

    def next_renewal(self, now: datetime) -> datetime:
        """Say until when a code made at ``now`` may stay on the screen, in UTC.

        Counted from the whole second that the proof says, not from ``now``: so 20 of
        the 45 seconds are left even to a verifier whose clock is 15 ahead.
        """
        return moment_from_wire(moment_on_wire(now)) + RENEWAL

    def _presentation(self, now: datetime, *, audience: str, nonce: str | None) -> str:
        if not self._card:
            raise CredentialError("there is no card on this phone")
        proof = key_binding(
            self._card, self._key, iat=now, audience=audience, nonce=nonce
        )
        return self._card + proof


def claims_of(credential: str) -> dict[str, Any]:
    """Return what a card says; only of one that a phone has received."""
    payload = credential.split(".")[1]
    claims: dict[str, Any] = json.loads(
        base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    )
    return claims
