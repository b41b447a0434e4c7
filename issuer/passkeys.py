"""Passkeys (WebAuthn): the only module that touches the library for them.

User verification is demanded always: a passkey is a second factor here only because the
device has asked for a finger, a face or a number first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import parse_authentication_credential_json
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    UserVerificationRequirement,
)

from issuer.errors import NotProven

MAX_ANSWER: Final = 16_384
"""Characters of what a browser sends of a passkey."""
_NAME: Final = "ABTC back office"
_ALGORITHMS: Final = [
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
]
_NO_ANSWER: Final = (WebAuthnException, ValueError, TypeError, KeyError, RecursionError)
"""What the library raises at answers that are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPasskey:
    """What is kept of a passkey."""

    credential_id: bytes
    public_key: bytes
    sign_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyPlace:
    """Where passkeys are good: at one origin, as the browser shows it."""

    origin: str
    """Such as ``https://abtc.example``."""

    @property
    def domain(self) -> str:
        """What a passkey is bound to."""
        return urlsplit(self.origin).hostname or ""

    def registration(
        self, *, account_id: int, login: str, challenge: bytes, known: Sequence[bytes]
    ) -> str:
        """Return what the browser is told, as JSON, to make a passkey."""
        options = generate_registration_options(
            rp_id=self.domain,
            rp_name=_NAME,
            user_id=f"account:{account_id}".encode(),
            user_name=login,
            challenge=challenge,
            exclude_credentials=_named(known),
            authenticator_selection=AuthenticatorSelectionCriteria(
                user_verification=UserVerificationRequirement.REQUIRED
            ),
            supported_pub_key_algs=_ALGORITHMS,
        )
        return options_to_json(options)

    def registered(self, answer: str, *, expected_challenge: bytes) -> NewPasskey:
        """Check what the browser answered to `registration`.

        Not checked: who made the device (attestation); any passkey will do.

        Raises:
            NotProven: It is no such answer, or one to another question.
        """
        _check_size(answer)
        try:
            found = verify_registration_response(
                credential=answer,
                expected_challenge=expected_challenge,
                expected_rp_id=self.domain,
                expected_origin=self.origin,
                require_user_verification=True,
                supported_pub_key_algs=_ALGORITHMS,
            )
        except _NO_ANSWER as error:
            raise NotProven("the passkey could not be made") from error
        return NewPasskey(
            credential_id=found.credential_id,
            public_key=found.credential_public_key,
            sign_count=found.sign_count,
        )

    def question(self, *, challenge: bytes, known: Sequence[bytes]) -> str:
        """Return what the browser is asked, as JSON, to show a passkey."""
        options = generate_authentication_options(
            rp_id=self.domain,
            challenge=challenge,
            allow_credentials=_named(known),
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return options_to_json(options)

    def shown(
        self,
        answer: str,
        *,
        expected_challenge: bytes,
        public_key: bytes,
        sign_count: int,
    ) -> int:
        """Check what the browser answered to `question`.

        Args:
            answer: As the browser sent it.
            expected_challenge: That of the question.
            public_key: Of the passkey that `credential_of` names.
            sign_count: How often it had signed when it was last seen.

        Returns:
            How often it has signed now.

        Raises:
            NotProven: It is no such answer, one to another question, by another key,
                without verification of the user, or by a copy that counts anew.
        """
        try:
            found = verify_authentication_response(
                credential=answer,
                expected_challenge=expected_challenge,
                expected_rp_id=self.domain,
                expected_origin=self.origin,
                credential_public_key=public_key,
                credential_current_sign_count=sign_count,
                require_user_verification=True,
            )
        except _NO_ANSWER as error:
            raise NotProven("the passkey was not accepted") from error
        return found.new_sign_count


def credential_of(answer: str) -> bytes:
    """Return which passkey an answer says it is by.

    Raises:
        NotProven: It is no answer of a browser.
    """
    _check_size(answer)
    try:
        return parse_authentication_credential_json(answer).raw_id
    except _NO_ANSWER as error:
        raise NotProven("the passkey was not accepted") from error


def _check_size(answer: str) -> None:
    if len(answer) > MAX_ANSWER:
        raise NotProven("the passkey was not accepted")


def _named(known: Sequence[bytes]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=each) for each in known]
