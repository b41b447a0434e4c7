"""What the issuer raises.

    IssuerError
    └── SchemeError    the scheme file cannot be read, parsed or believed

A caller's own mistake, such as a moment without a UTC offset, is a ``ValueError``.
"""


class IssuerError(Exception):
    """Base of every exception of the issuer's own."""


class SchemeError(IssuerError):
    """A scheme file cannot be used; nothing of it was taken over.

    The message reads ``file: path: reason`` and reports the first fault only.

    Attributes:
        file: Name of the file as the caller gave it.
        path: Key path inside the file, such as
            ``economy.CHN.accepts_form[1].from``; empty where the fault is
            not in one key, as with a syntax error.
        reason: What is wrong there, in one sentence without a full stop.
    """

    def __init__(self, *, file: str, path: str, reason: str) -> None:
        super().__init__(": ".join(part for part in (file, path, reason) if part))
        self.file = file
        self.path = path
        self.reason = reason
