"""Codes of authenticator apps (RFC 6238): the only module that touches pyotp."""

from datetime import datetime
from hmac import compare_digest
from typing import Final

import pyotp

_NAME: Final = "ABTC back office"
_STEP: Final = 30
"""Seconds for which a code is shown."""
_DRIFT: Final = 1
"""Steps by which a phone's clock may be off, either way."""


def new_secret() -> str:
    """Return 160 random bits in base32."""
    return pyotp.random_base32()


def address(secret: str, login: str) -> str:
    """Return what an authenticator app reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name=_NAME)


def accepted_step(
    secret: str, code: str, *, now: datetime, last_step: int | None
) -> int | None:
    """Return the time step of a code.

    Args:
        secret: In base32.
        code: As it was typed; spaces are no matter.
        now: The moment of asking.
        last_step: That of the last code that was accepted; it and all before are
            used up.

    Returns:
        None where the code is wrong, too old, too new or used up.
    """
    typed = "".join(code.split())
    if not (typed.isascii() and typed.isdigit()):
        return None
    device = pyotp.TOTP(secret)
    present = int(now.timestamp()) // _STEP
    for step in range(present - _DRIFT, present + _DRIFT + 1):
        shown = device.generate_otp(step)
        is_new = last_step is None or step > last_step
        if compare_digest(shown, typed) and is_new:
            return step
    return None
