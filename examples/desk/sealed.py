"""Answers that are encrypted for the desk: a key for each question, and what it opens.

The only importer of a library for JWE here.  The key is as old as the question, and is
forgotten with it: whoever keeps what went over the wire reads nothing of it later.

Source: OpenID4VP 1.0, section 8.3; RFC 7516; RFC 7518, section 4.6.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, GuestProtocol

from examples.desk.answers import MalformedError

MODE: Final = "direct_post.jwt"
_ALGORITHM: Final = "ECDH-ES"
_ENCRYPTIONS: Final = ["A256GCM", "A128GCM"]


@dataclass(frozen=True, slots=True)
class AnswerKey:
    """A key on P-256 that opens the answer to one question."""

    secret: ECKey = field(
        default_factory=lambda: ECKey.generate_key("P-256"), repr=False
    )

    @property
    def key_id(self) -> str:
        """Its thumbprint (RFC 7638): in the request, and in the answer's header."""
        return self.secret.thumbprint()

    def metadata(self) -> dict[str, object]:
        """Return what a request says of it, for ``client_metadata``."""
        public = self.secret.as_dict(private=False)
        named = {"alg": _ALGORITHM, "use": "enc", "kid": self.key_id}
        return {
            "jwks": {"keys": [{**public, **named}]},
            "encrypted_response_enc_values_supported": _ENCRYPTIONS,
        }


def opened(text: str, find: Callable[[str], AnswerKey | None]) -> dict[str, object]:
    """Open an answer; return its members, not believed yet.

    Args:
        text: A compact JWE.
        find: Finds a key by the name that the answer gives.

    Raises:
        MalformedError: It is not encrypted for a key of ours, or is no object.
    """

    def key_of(answer: GuestProtocol) -> ECKey:
        key_id = answer.headers().get("kid")
        key = find(key_id) if isinstance(key_id, str) else None
        if key is None:
            raise MalformedError("the answer is for no key of ours")
        return key.secret

    allowed = [_ALGORITHM, *_ENCRYPTIONS]  # and so nothing that was compressed
    try:
        answer = jwe.decrypt_compact(text, key_of, algorithms=allowed)
        found = json.loads(answer.plaintext or b"")
    except (JoseError, ValueError, RecursionError) as error:
        raise MalformedError("the answer cannot be opened") from error
    if not isinstance(found, dict):
        raise MalformedError("the answer is no object")
    return found
