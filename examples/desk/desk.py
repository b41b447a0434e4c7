"""The desk, without a web framework: ask, hand out the request, take the answer.

Every moment is an argument, and so is what is believed of cards: `verifier` decides.
"""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

import verifier
from examples.desk.answers import (
    QUERY_ID,
    Declined,
    MalformedError,
    Shown,
    read_answer,
    read_members,
    the_one,
)
from examples.desk.book import LIFE, Asked, Book
from examples.desk.identity import Identity
from examples.desk.questions import Purpose, Question
from examples.desk.sealed import MODE, AnswerKey, opened
from examples.desk.words import (
    Outcome,
    declined,
    no_answer,
    words_for,
    words_for_journey,
)
from issuer.jws import moment_on_wire

STATIC_AUDIENCE: Final = "https://self-issued.me/v2"
"""Whom a request is for where nobody knows the wallet (section 5.8)."""
_CARD: Final = "urn:abtc:card:1"
_BASIS: Final = "urn:abtc:entry-basis:1"
_FORMATS: Final = {
    "vp_formats_supported": {
        "dc+sd-jwt": {"sd-jwt_alg_values": ["ES256"], "kb-jwt_alg_values": ["ES256"]}
    }
}
_CLAIMS: Final[dict[Purpose, list[list[str]]]] = {
    Purpose.AIRLINE: [
        ["family_name"],
        ["given_name"],
        ["passport", "number"],
        ["economies"],
    ],
    Purpose.JOURNEY: [["stay_until"], ["passport_mark"]],
    Purpose.HOTEL: [["family_name"], ["given_name"], ["passport", "number"]],
}
"""What is looked at.  A card hides nothing, so a phone that answers sends it whole; of
a proof for a journey it sends just this."""
_log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Desk:
    """One desk: who asks, where it is reached, and what it believes.

    Raises:
        ValueError: The address is not ``https``, nor on this machine.
    """

    identity: Identity
    url: str
    """Where phones reach it, without a slash at the end."""
    trust: Callable[[], verifier.Trust]
    """Usually `verifier.TrustStore.load`: microseconds, unless something is new."""
    book: Book = field(default_factory=Book)
    is_sealed: bool = False
    """Answers have to be encrypted for the desk, and not by https alone."""

    def __post_init__(self) -> None:
        is_here = self.url.startswith(("http://127.0.0.1:", "http://localhost:"))
        if not (self.url.startswith("https://") or is_here) or self.url.endswith("/"):
            raise ValueError("phones reach a desk by https, without a slash at the end")

    def link(self, asked: Asked) -> str:
        """Return what is on the screen as a code, and as a link.

        Source: OpenID4VP 1.0, sections 5.1, 5.7 and 9.
        """
        parameters = {
            "client_id": self.identity.client_id,
            "request_uri": f"{self.url}/request/{asked.request_id}",
            "request_uri_method": "post",
            "client_metadata": json.dumps(_FORMATS, separators=(",", ":")),
        }
        return f"openid4vp://?{urlencode(parameters)}"

    def request(
        self, request_id: str, wallet_nonce: str | None, now: datetime
    ) -> str | None:
        """Return a signed request; None where it is unknown, over, or answered.

        The same phone may ask twice, where the first answer was lost on its way.

        Args:
            request_id: From the address.
            wallet_nonce: That a phone wants to find in it.
            now: This moment.

        Source: OpenID4VP 1.0, sections 5.2 and 5.10; RFC 9101.
        """
        asked = self.book.waiting(request_id, now)
        if asked is None:
            return None
        claims = {
            "aud": STATIC_AUDIENCE,
            "client_id": self.identity.client_id,
            "client_metadata": {**_FORMATS, **asked.key.metadata()}
            if self.is_sealed
            else _FORMATS,
            "dcql_query": _query(asked.question),
            "exp": moment_on_wire(asked.expires_at),
            "iat": moment_on_wire(now),
            "nonce": asked.nonce,
            "response_mode": MODE if self.is_sealed else "direct_post",
            "response_type": "vp_token",
            "response_uri": f"{self.url}/response",
            "state": asked.state,
        }
        if wallet_nonce is not None:
            claims["wallet_nonce"] = wallet_nonce
        return self.identity.sign(claims)

    def read(
        self, fields: Mapping[str, Sequence[str]], now: datetime
    ) -> Shown | Declined:
        """Read the form that a phone has posted, and open it where it is encrypted.

        Raises:
            MalformedError: It is no answer to a question of this desk that waits; or
                came in clear, and had to be encrypted.

        Source: OpenID4VP 1.0, sections 8.2 and 8.3.
        """
        if "response" in fields:
            return self._opened(the_one(fields, "response"), now)
        answer = read_answer(fields)
        # A phone that cannot encrypt may still say that it shows nothing.
        if self.is_sealed and isinstance(answer, Shown):
            raise MalformedError("it is not encrypted")
        return answer

    def _opened(self, text: str, now: datetime) -> Shown | Declined:
        waiting: list[Asked] = []

        def find(key_id: str) -> AnswerKey | None:
            asked = self.book.encrypted_for(key_id, now)
            waiting.extend([asked] if asked else [])
            return asked.key if asked else None

        answer = read_members(opened(text, find))
        if answer.state != waiting[0].state:
            raise MalformedError("it is for another question than its key")
        return answer

    def receive(self, answer: Shown | Declined, now: datetime) -> bool:
        """Take an answer that was read; False where nothing waits for it.

        Whatever a phone has shown, its question is used up: there is no second try.
        """
        asked = self.book.take(answer.state, now)
        if asked is None:
            return False
        if isinstance(answer, Declined):
            asked.outcome = declined(answer.error, now)
        else:
            asked.outcome = self._decide(answer.presentation, asked, now)
        # A reason and nothing else: no name, no number of a card or passport.
        _log.info("%s %s", asked.reference, asked.outcome.reason)
        return True

    def _decide(self, presentation: str, asked: Asked, now: datetime) -> Outcome:
        try:
            trust = self.trust()
        except verifier.StoreError:
            return no_answer("desk.no_data", now)
        place = asked.question.destination
        # The nonce is younger than the question, which says more than a phone's clock.
        policy = verifier.Policy(
            economy=place.code,
            audience=self.identity.client_id,
            max_proof_age=LIFE,
            max_proof_ahead=LIFE,
        )
        if asked.question.arrival is not None:
            found = verifier.verify_entry_basis(
                presentation,
                trust=trust,
                policy=policy,
                expected_arrival=asked.question.arrival,
                expected_passport=asked.question.passport,
                expected_nonce=asked.nonce,
                now=now,
            )
            return words_for_journey(found, asked.question, now)
        decision = verifier.verify(
            presentation,
            trust=trust,
            policy=policy,
            expected_passport=asked.question.passport,
            expected_challenge=asked.nonce,
            now=now.astimezone(place.zone),
        )
        return words_for(decision, asked.question, now)


def _query(question: Question) -> dict[str, object]:
    kind, claims = _CARD, [{"path": path} for path in _CLAIMS[question.purpose]]
    if question.arrival is not None:
        kind = _BASIS
        claims = [
            {"path": ["destination"], "values": [question.destination.code]},
            {"path": ["arrival"], "values": [question.arrival.isoformat()]},
            *claims,
        ]
    asked = {
        "id": QUERY_ID,
        "format": "dc+sd-jwt",
        "meta": {"vct_values": [kind]},
        "claims": claims,
    }
    return {"credentials": [asked]}
