"""Let one's own back office ask about a passport, and believe its owner alone.

The device signs what it wants to know with the key that it was enrolled by. It gets the
question as its economy signed it and the answer as the owner did, and checks both: its
back office, and whoever is between, can only keep an answer back.
"""

import secrets
from datetime import UTC, datetime
from typing import Final

from . import _json
from .collecting import Collector, DeviceKey
from .errors import ScanLogError
from .passport_check import (
    NoAnswer,
    PassportAnswer,
    PassportQuestion,
    no_passport_answer,
    read_relayed_passport_answer,
)
from .trust import Trust

LONGEST: Final = 3.0
"""Seconds after which there is no answer."""
_FORMAT: Final = "abtc-passport-ask-1"
_NONCE: Final = 16
"""Random bytes: 22 characters."""


class PassportAsker:
    """Asks for one device; safe to share between threads.

    Args:
        url: Of the back office: ``https://<host>/services/v1/<economy>/passport-asks``.
        collector: What the device was given at enrolment: its economy and number.
        device_key: The device's own.
        seconds: For which an answer is waited for.

    Raises:
        ScanLogError: ``url`` is no such address.
    """

    def __init__(
        self,
        url: str,
        *,
        collector: Collector,
        device_key: DeviceKey,
        seconds: float = LONGEST,
    ) -> None:
        # Deciding needs no network library: only this does.
        from ._fetch import Poster  # noqa: PLC0415

        self._poster = Poster(url)
        self._collector = collector
        self._device_key = device_key
        self._seconds = seconds

    def ask(
        self, question: PassportQuestion, *, trust: Trust, now: datetime
    ) -> PassportAnswer:
        """Ask about one passport.

        Args:
            question: About which.
            trust: What this device believes.
            now: The moment; timezone-aware.

        Returns:
            The owner's answer; NO_ANSWER for whatever else comes, or does not. Nothing
            is raised for what others do.
        """
        nonce = secrets.token_urlsafe(_NONCE)
        try:
            status, data = self._poster.post(
                self._body(question, nonce, now), seconds=self._seconds
            )
            told = _json.parse_object(data) if status == 200 else {}
        except (ScanLogError, ValueError):
            return no_passport_answer(NoAnswer.SILENCE, owner="")
        return read_relayed_passport_answer(
            _text(told.get("question")),
            _text(told.get("answer")),
            asked=question,
            nonce=nonce,
            asker=self._collector.economy,
            trust=trust,
            now=now,
        )

    def _body(self, question: PassportQuestion, nonce: str, now: datetime) -> bytes:
        economy, device = self._collector.economy, self._collector.device
        at, passport = int(now.astimezone(UTC).timestamp()), question.members()
        signed = _json.canonical([_FORMAT, economy, device, at, nonce, passport])
        body = {
            "format": _FORMAT,
            "economy": economy,
            "device": device,
            "at": at,
            "nonce": nonce,
            "passport": passport,
            "signature": self._device_key.sign(signed),
        }
        return _json.canonical(body).encode()


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
