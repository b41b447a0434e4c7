"""Codes that the console adds to those of `verifier.reasons`.

They are worded like the others, in the files of words. Add, never rename.
"""

from enum import StrEnum, unique


@unique
class ConsoleReason(StrEnum):
    """Why an answer is as it is, where no card decided."""

    MISMATCH = "officer.mismatch"
    """The officer compared, and the person or the passport is another."""
    NOT_READY = "device.not_ready"
    """There is no whole trust data on this device: nothing can be decided."""
    UNCHECKED = "manual.unchecked"
    """Typed numbers: nothing speaks against them, and nothing can be looked up."""
    NOT_CONFIRMED = "passport.not_confirmed"
    """The passport's own economy does not know it, or knows it with other data."""
    NOT_ASKED = "passport.unchecked"
    """The passport's own economy gave no answer, and this lane requires one."""
    MISTYPED = "manual.mistyped"
    """Typed numbers that cannot be right as they were typed."""


@unique
class Fault(StrEnum):
    """Why the console did not do what was asked: ``error`` of an answer with 4xx."""

    MALFORMED = "request.malformed"
    TOO_LARGE = "request.too_large"
    WRONG_TYPE = "request.type"
    NOT_FOUND = "request.not_found"
    METHOD = "request.method"
    HOST = "guard.host"
    ORIGIN = "guard.origin"
    NO_SESSION = "session.none"
    """The browser has no session here: open the address that the program printed."""
    START_KEY = "session.key"
    """The address has been used, or is another's."""
    ELSEWHERE = "session.elsewhere"
    """Another browser has the console."""
    LOCKED = "session.locked"
    NO_SHIFT = "shift.none"
    SHIFT = "shift.running"
    OFFICER = "shift.officer"
    """No such officer, or another PIN: which of both is not told."""
    BLOCKED = "shift.blocked"
    """Too many wrong PINs: wait."""
    PASSPORT = "passport.unreadable"
    CHALLENGE = "challenge.gone"
    """Used, or too old: show another."""
    ANSWER = "answer.gone"
    """It has been forgotten, with the person."""
    PICTURE = "frame.unreadable"
    SLOW = "frame.slow"
    """Reading it took longer than it may: made up to be slow, or far too large."""
    NO_READER = "frame.no_reader"
    """Reading pictures needs the extra ``scan``."""
    UPDATING = "update.running"
    NO_SOURCE = "update.no_source"
    """The console was started without a root, so nothing can be verified."""
    DISK = "disk.failed"
    """The disk of this device is full or broken."""
    NO_LOG = "log.off"
    LOG = "log.failed"
    NO_IMAGER = "imager.none"
    """The console was started without one."""
    TRAINING = "training.unknown"
    NOT_READY = "device.not_ready"
    """There is no whole trust data on this device."""
    INTERNAL = "internal"
