"""Let one's own back office ask about a passport, and believe its owner alone.

The device signs what it wants to know with the key that it was enrolled by. It gets the
questions as its economy signed them, one for each owner, and the answers as the owners
did, and checks all: its back office, and whoever is between, can only keep an answer
back.
"""

import secrets
from collections.abc import Sequence
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
    read_relayed_passport_answers,
)
from .trust import Trust

LONGEST: Final = 3.0
"""Seconds after which there is no answer."""
_FORMAT: Final = "abtc-passport-ask-1"
_NONCE: Final = 16
"""Random bytes: 22 characters."""
_MAX_TOLD: Final = 256 * 2**10
"""Bytes of an answer: 500 passports, question and answer, of twenty owners."""


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
        (told,) = self.ask_all([question], trust=trust, now=now)
        return told

    def ask_all(
        self, questions: Sequence[PassportQuestion], *, trust: Trust, now: datetime
    ) -> tuple[PassportAnswer, ...]:
        """Ask about many passports at once, whoever issued them.

        Args:
            questions: About which; 1 to 500.
            trust: What this device believes.
            now: The moment; timezone-aware.

        Returns:
            As many answers, in the same order; NO_ANSWER for whatever else comes, or
            does not. Nothing is raised for what others do.

        Raises:
            ValueError: There are none, or too many.
        """
        if not 1 <= len(questions) <= PassportQuestion.MOST:
            raise ValueError(f"not about 1 to {PassportQuestion.MOST} passports")
        asked = tuple(dict.fromkeys(questions))
        nonce = secrets.token_urlsafe(_NONCE)
        try:
            status, data = self._poster.post(
                self._body(asked, nonce, now), seconds=self._seconds, most=_MAX_TOLD
            )
            told = _json.parse_object(data)
        except (ScanLogError, ValueError):
            status, told = 0, {}
        if status != 200:
            return (no_passport_answer(NoAnswer.SILENCE, owner=""),) * len(questions)
        found = read_relayed_passport_answers(
            _exchanges(told.get("exchanges")),
            asked=asked,
            nonce=nonce,
            asker=self._collector.economy,
            trust=trust,
            now=now,
        )
        by_question = dict(zip(asked, found, strict=True))
        return tuple(by_question[each] for each in questions)

    def _body(
        self, questions: Sequence[PassportQuestion], nonce: str, now: datetime
    ) -> bytes:
        economy, device = self._collector.economy, self._collector.device
        at = int(now.astimezone(UTC).timestamp())
        passports = [each.members() for each in questions]
        signed = _json.canonical([_FORMAT, economy, device, at, nonce, passports])
        body = {
            "format": _FORMAT,
            "economy": economy,
            "device": device,
            "at": at,
            "nonce": nonce,
            "passports": passports,
            "signature": self._device_key.sign(signed),
        }
        return _json.canonical(body).encode()


def _exchanges(rows: object) -> list[tuple[str, str | None]]:
    """Return what is a question, with what is said to be its answer."""
    if not isinstance(rows, list):
        return []
    found = [row for row in rows if _json.is_object(row)]
    pairs = [(row.get("question"), row.get("answer")) for row in found]
    return [
        (question, answer if isinstance(answer, str) else None)
        for question, answer in pairs
        if isinstance(question, str)
    ]
