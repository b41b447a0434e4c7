"""What an officer did with an answer, as the scan log keeps it."""

import re
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

MAX_NOTE: Final = 120
"""Bytes of a note in UTF-8, so that a row with one is as long as any other."""
_WORD = re.compile(r"[!#-\[\]-~](?:[ !#-\[\]-~]{0,30}[!#-\[\]-~])?")
"""Printable ASCII that JSON writes as it is, 32 characters at most."""
_LOOK = re.compile(r"[a-z_]{1,16}")


@unique
class OfficerDecision(StrEnum):
    """What the officer decided, whatever the device said."""

    ADMIT = "admit"
    """The traveller goes on as if the answer had been green."""
    REFER = "refer"
    """To a supervisor or a second inspection."""
    REFUSE = "refuse"
    """The card is not taken as one; which rules hold then is another matter."""


@unique
class OverrideReason(StrEnum):
    """Why an officer did not go by the device's answer; a fixed list, for counting."""

    MISMATCH = "mismatch"
    """What had to be compared differs; the officer did not say what."""
    FACE_DIFFERS = "face_differs"
    """The person is not the one in the passport."""
    PASSPORT_DIFFERS = "passport_differs"
    """What the passport says is not what the card says."""
    LOCAL_ORDER = "local_order"
    """An order that holds at this place and the device knows nothing of."""
    TECHNICAL = "technical"
    """The device, its data or the traveller's phone does not work as it must."""
    SUPERVISOR = "supervisor"
    """A supervisor decided."""
    OTHER = "other"
    """The note may say what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficerAct:
    """An officer did not go by an answer, or found that a comparison fails.

    Raises:
        ValueError: A text is too long, or holds what it may not.
    """

    decision: OfficerDecision | None
    """None for a comparison that failed, with nothing decided yet."""
    reason: OverrideReason
    look: str
    """Which look was on the screen, such as ``by_hand``: 1 to 16 of ``a-z_``."""
    officer: str
    """Who, as the shift began: 1 to 32 printable ASCII characters without quotation
    mark and backslash, no space at either end."""
    lane: str | None = None
    """Where; as ``officer``."""
    note: str = ""
    """At most 120 bytes of UTF-8 on one line. It must not tell who the traveller is:
    nothing here can check that."""

    def __post_init__(self) -> None:
        words = [self.officer] if self.lane is None else [self.officer, self.lane]
        if not all(_WORD.fullmatch(each) for each in words):
            raise ValueError("officer and lane are 1 to 32 printable ASCII characters")
        if not _LOOK.fullmatch(self.look):
            raise ValueError("look is 1 to 16 of a-z_")
        if self.note != self.note.strip() or not self.note.isprintable():
            raise ValueError("a note is one line, with no space at either end")
        if len(self.note.encode()) > MAX_NOTE:
            raise ValueError(f"a note has at most {MAX_NOTE} bytes")
