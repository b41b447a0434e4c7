"""The officer's code: a challenge as text, for a phone to scan and answer.

The device shows `challenge_text` as a QR code, the phone reads it and answers with a
proof made for it, and `verify` gets the challenge as ``expected_challenge``. Nothing
here draws random numbers: the device does, anew for each code.

>>> text = challenge_text("kZ2mV4pQ9xT1bN7cW5rY8A")
>>> text
'ABTCQ1:kZ2mV4pQ9xT1bN7cW5rY8A'
>>> parse_challenge(text)
'kZ2mV4pQ9xT1bN7cW5rY8A'
"""

import re

_PREFIX = "ABTCQ1:"
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{22,86}")


def check_challenge(challenge: str) -> None:
    """Raise ``ValueError`` unless ``challenge`` has the form of one."""
    if not _CHALLENGE.fullmatch(challenge):
        raise ValueError("a challenge is 22 to 86 of A-Z, a-z, 0-9, _ and -")


def challenge_text(challenge: str) -> str:
    """Return what the QR code on the officer's screen says.

    Args:
        challenge: 22 to 86 of ``A-Za-z0-9_-`` that carry at least 128 random bits, as
            ``secrets.token_urlsafe(16)`` makes them; shown to one phone, good once.

    Raises:
        ValueError: ``challenge`` is malformed.

    Not checked: that it is random, and that it was never shown before.

    Source: specification, section 3.4.
    """
    check_challenge(challenge)
    return _PREFIX + challenge


def parse_challenge(text: str) -> str | None:
    """Return the challenge that an officer's code says, or None.

    None: ``text`` is no such code, whatever else it is.

    Args:
        text: Exactly what was scanned, of any length. Nothing is stripped, and case
            counts.

    Not checked: who shows it. A challenge is not signed, so it can be anybody's.

    Source: specification, section 3.4.
    """
    challenge = text.removeprefix(_PREFIX)
    is_one = challenge != text and _CHALLENGE.fullmatch(challenge)
    return challenge if is_one else None
