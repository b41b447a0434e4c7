"""Ask for our own devices: an officer's console, an airline's desk that is enrolled.

A device signs what it wants to know with the key that it was enrolled by.  It is given
the questions as we have signed them, one for each owner, and the answers as the owners
have: it checks all, and need not believe us.
"""

import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy.orm import Session

from issuer.errors import Conflict, Invalid, TooMany
from issuer.jws import canonical, moment_from_wire
from issuer.office import Office
from issuer.pace import NO_WAIT, Pace
from issuer.passport_register.asking import Asker
from issuer.store import Device
from issuer.used_once import use_once
from verifier import PassportQuestion, parse_passport_questions

FORMAT: Final = "abtc-passport-ask-1"
MAX_ASK: Final = 64 * 2**10
"""Bytes of what a device sends."""
CLOCKS_DIFFER: Final = timedelta(minutes=5)
_MEMBERS: Final = frozenset(
    {"format", "economy", "device", "at", "nonce", "passports", "signature"}
)
_NONCE: Final = re.compile(r"[A-Za-z0-9_-]{22}")
_SIGNATURE: Final = re.compile(r"[A-Za-z0-9_-]{86}")
_EXACT: Final = 2**53


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a device wants to know; nothing of it is believed before its signature."""

    economy: str
    device: int
    at: datetime
    nonce: str
    questions: tuple[PassportQuestion, ...]
    signature: bytes
    signed: bytes

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> "Ask":
        """Read it.

        Raises:
            Invalid: It is none.
        """
        if set(body) != _MEMBERS or body["format"] != FORMAT:
            raise _invalid("is nothing that a device asks")
        device, at = body["device"], body["at"]
        if type(device) is not int or not 0 < device < _EXACT or type(at) is not int:
            raise _invalid("names no device, or no time")
        nonce, signature = str(body["nonce"]), str(body["signature"])
        if not (_NONCE.fullmatch(nonce) and _SIGNATURE.fullmatch(signature)):
            raise _invalid("has no nonce, or no signature")
        try:
            questions = parse_passport_questions(body["passports"])
            moment = moment_from_wire(at)
        except ValueError as error:
            raise _invalid("names no passports, or no time") from error
        return cls(
            economy=str(body["economy"]),
            device=device,
            at=moment,
            nonce=nonce,
            questions=questions,
            signature=urlsafe_b64decode(signature + "=="),
            signed=canonical(
                [
                    FORMAT,
                    str(body["economy"]),
                    device,
                    at,
                    nonce,
                    [each.members() for each in questions],
                ]
            ),
        )

    def is_signed_by(self, public_key: str) -> bool:
        """Tell whether a device has signed it, whose key was enrolled so."""
        key = Ed25519PublicKey.from_public_bytes(urlsafe_b64decode(public_key + "="))
        try:
            key.verify(self.signature, self.signed)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Gateway:
    """Asks for devices of an office; one for a process."""

    office: Office
    _pace: Pace = field(default_factory=Pace, repr=False)

    def answer(
        self, economy: str, body: Mapping[str, Any], *, now: datetime
    ) -> dict[str, list[dict[str, str | None]]]:
        """Ask what a device wants to know, each owner about its own passports.

        Args:
            economy: Of the device, by the address that it was sent to.
            body: What it sent.
            now: The moment; timezone-aware.

        Returns:
            ``exchanges``, one for each owner: ``question`` as we have signed it and
            ``answer`` as its owner has; None if there is no answer.

        Raises:
            Invalid: It is nothing that a device asks.
            Conflict: ``device.unknown``: no device of this economy has signed it.
                ``device.retired``; ``device.clock``: its clock differs by more than
                five minutes; ``passports.repeated``; ``passports.too_many``.
            ServiceKeyMissing, NoTrust, StoreDown: We cannot ask at present.
        """
        ask = Ask.read(body)
        device = self._device(economy, ask)
        if abs(now - ask.at) > CLOCKS_DIFFER:
            raise Conflict("device.clock", "clocks differ by more than five minutes")
        most, count = self._most(), len(ask.questions)
        wait = self._pace.wait(str(device.id), most, count=count, now=now)
        if wait > NO_WAIT:
            raise TooMany("passports.too_many", wait)
        self._use(ask, now)
        asked = Asker(self.office).ask(
            economy,
            ask.questions,
            asked_from=f"device {device.id}",
            now=now,
            nonce=ask.nonce,
        )
        return {
            "exchanges": [
                {"question": each.question, "answer": each.answer}
                for each in asked.exchanges
            ]
        }

    def _most(self) -> int:
        return self.office.installation.passport_checks.per_device

    def _device(self, economy: str, ask: Ask) -> Device:
        device = self.office.store.read(lambda session: session.get(Device, ask.device))
        is_ours = device is not None and device.economy == economy == ask.economy
        if device is None or not is_ours or not ask.is_signed_by(device.public_key):
            raise Conflict("device.unknown", "no device that is enrolled signed this")
        if device.retired_at is not None:
            raise Conflict("device.retired", "nothing is answered to this device")
        return device

    def _use(self, ask: Ask, now: datetime) -> None:
        """Let it count once: whoever has overheard it learns nothing by sending it."""
        value = f"{ask.economy} {ask.device} {ask.nonce}"

        def work(session: Session) -> bool:
            until = now + 3 * CLOCKS_DIFFER
            return use_once(session, "passport ask", value, until=until, now=now)

        if not self.office.store.write(work, now=now):
            raise Conflict("passports.repeated", "this was asked before")


def _invalid(words: str) -> Invalid:
    return Invalid([("", "ask", words)])
