"""Exceptions raised by verifier.

* VerifierError
  + EdifactError   a carrier's message cannot be read or written; names segment and
                   place; also a ValueError
  + PackingError   the text is not a presentation, or has no packed form;
                   also a ValueError
  + PolicyError    the policy contradicts itself
  + RegisterError  an economy's register gave no answer that counts
  + ScanLogError   the log of scans cannot be read or exported; writing raises nothing
  + ServiceMessageError   a message of another economy's system is not believed
  + TrustError     the trust documents cannot be used
    - StoreError   the device's store cannot be used
    - SyncError    new trust data was refused; what was there before stays in use

`MrzError` and ``scan.ImageError`` are `ValueError`s: the text or the picture is none.
``ValueError`` and ``TypeError`` report a bug of the caller, such as a time without a
zone. A bad *card* is never an exception: it is a `Rejected` or `Undecided` decision.
"""

from enum import StrEnum


class VerifierError(Exception):
    """Base class: the caller gave us something we cannot work with."""


class EdifactFault(StrEnum):
    """What is wrong with a message of a carrier; stable."""

    TOO_LARGE = "too_large"
    """More bytes, segments, elements, components or characters than are read."""
    ADVICE = "advice"
    """The service string advice cannot be used, or is not kept to."""
    CHARACTER_SET = "character_set"
    """Its syntax identifier or version is none that is read here."""
    CHARACTER = "character"
    """A character that its syntax has not, or that cannot be released."""
    SYNTAX = "syntax"
    """A segment is empty, unfinished, without a tag, or repeats an element."""
    ENVELOPE = "envelope"
    """Header and trailer of interchange, group or message do not belong together."""
    COUNT = "count"
    """A trailer counts something else than there is."""
    MESSAGE = "message"
    """A message of another type or directory."""
    SEGMENT = "segment"
    """A segment that the message has not, or not in this place."""
    MISSING = "missing"
    """What the message has to have is not there."""
    VALUE = "value"
    """A value of another form than its place asks for."""
    BOARD_ANSWER = "board_answer"
    """An answer whether to carry somebody, which is not ours to write."""


class EdifactError(VerifierError, ValueError):
    """A message of a carrier cannot be read or written.

    Its text names the segment and the place, and quotes nothing of the content.

    Attributes:
        fault: What is wrong.
        detail: The same in words.
        position: Which segment of the interchange it is, from 1, without the service
            string advice; 0 where none is meant.
        tag: Its tag; empty where it is not known.
        element: From 1; 0 for the whole segment.
        component: From 1; 0 for the whole element.
    """

    def __init__(
        self,
        fault: EdifactFault,
        detail: str,
        *,
        position: int = 0,
        tag: str = "",
        element: int = 0,
        component: int = 0,
    ) -> None:
        self.fault = fault
        self.detail = detail
        self.position = position
        self.tag = tag
        self.element = element
        self.component = component
        super().__init__(f"{self._place()} {detail}")

    def _place(self) -> str:
        where = f"segment {self.position}" if self.position else "the interchange"
        if self.tag:
            where = f"{where} ({self.tag})" if self.position else self.tag
        if self.element:
            where += f", element {self.element}"
        if self.component:
            where += f", component {self.component}"
        return where


class PackingError(VerifierError, ValueError):
    """The text is not a presentation, or has no packed form."""


class PolicyError(VerifierError):
    """The policy contradicts itself."""


class RegisterError(VerifierError):
    """An economy's register gave no answer that counts; the message says why."""


class ScanLogError(VerifierError):
    """The log of scans cannot be read or exported; the message says why."""


class ServiceMessageError(VerifierError):
    """A message, or the keys for it, is not what its economy has to have signed.

    The message reads ``code: detail``.

    Attributes:
        code: A `verifier.MessageProblem`; stable, for programs.
        detail: For logs; never a claim of the message.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class TrustError(VerifierError):
    """The trust documents cannot be used; the message names document and reason."""


class StoreError(TrustError):
    """The device's store cannot be used; the message says why."""


class SyncError(TrustError):
    """New trust data was refused; what was there before stays in use."""
