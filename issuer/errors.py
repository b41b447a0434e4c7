"""What the issuer raises.

    IssuerError
    ├── BatchError        a batch for a bureau cannot be made, or cannot be believed
    ├── DesignError       a card design cannot be read or believed, or there is none
    ├── KeyFileError      a file holds no private key that may be used
    ├── LintError         the verifier would not accept a prepared card or document
    ├── ListFull          a status list has no free index left
    ├── ProfileError      a card may not contain this
    ├── PublishRefused    nothing was published, for the reason in its code
    ├── SchemeError       the scheme file cannot be read, parsed or believed
    ├── SettingsError     a file of settings cannot be read or used
    ├── SigningError      nothing was released: the signature or the card is no good
    │   └── ClockError    nothing was signed: this is no moment to sign at
    └── TransitionError   a status list entry may not change in this way

A caller's own mistake, such as a moment without a UTC offset, is a ``ValueError``.
No message carries a private key, a passphrase, a name or a number of a holder.
"""


class IssuerError(Exception):
    """Base of every exception of the issuer's own."""


class BatchError(IssuerError):
    """A batch for a personalisation bureau cannot be made, or cannot be believed.

    The message reads ``place: reason``.

    Attributes:
        place: File in the batch, or card by its place in it, such as ``cards[12]``;
            never a number or a name of a holder.
        reason: What is wrong there, in one sentence without a full stop.
    """

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place}: {reason}")
        self.place = place
        self.reason = reason


class DesignError(IssuerError):
    """A card design cannot be used, or none is in force.

    The message reads ``file: key: reason`` and reports the first fault only.

    Attributes:
        file: Name of the file; empty where none is at fault.
        key: Key path inside the file, such as ``front.entries[2].box``; empty where
            the fault is not in one key.
        reason: What is wrong there, in one sentence without a full stop.
    """

    def __init__(self, *, file: str = "", key: str = "", reason: str) -> None:
        super().__init__(": ".join(part for part in (file, key, reason) if part))
        self.file = file
        self.key = key
        self.reason = reason


class KeyFileError(IssuerError):
    """A private key file cannot be used, or could not be written.

    The message reads ``file: reason``.

    Attributes:
        file: Path of the file.
        reason: What is wrong with it, in one sentence without a full stop.
    """

    def __init__(self, *, file: str, reason: str) -> None:
        super().__init__(f"{file}: {reason}")
        self.file = file
        self.reason = reason


class LintError(IssuerError):
    """The verifier would not accept what was prepared; nothing was signed.

    Attributes:
        reason: The verifier's reason code, such as ``card.malformed``; ``packing``
            where the card does not survive packing into a QR code, and ``trust`` where
            it is a document that cannot be used.
        detail: For logs.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class ListFull(IssuerError):  # noqa: N818  # a condition to act on: open the next list
    """A status list has no free index left."""


class ProfileError(IssuerError):
    """A card may not contain this.

    The message reads ``field: reason``.

    Attributes:
        field: Name of the claim or of the argument.
        reason: What is wrong with it, in one sentence without a full stop.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class PublishRefused(IssuerError):  # noqa: N818  # an answer, not a fault
    """Nothing was published; devices go on with what they have.

    The message reads ``code: detail``.

    Attributes:
        code: One of `issuer.publish.Refusal`; stable, for programs.
        detail: What it was about, in one sentence without a full stop; for people.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


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


class SettingsError(IssuerError):
    """A file of settings cannot be used.

    The message reads ``file: key: reason`` and reports the first fault only.

    Attributes:
        file: Name of the file as the caller gave it.
        key: The key at fault; empty where the file cannot be read at all.
        reason: What is wrong there, in one sentence without a full stop.
    """

    def __init__(self, *, file: str, key: str, reason: str) -> None:
        super().__init__(": ".join(part for part in (file, key, reason) if part))
        self.file = file
        self.key = key
        self.reason = reason


class SigningError(IssuerError):
    """Nothing was released: a signer answered wrongly, or is not the right one."""


class ClockError(SigningError):
    """Nothing was signed: the clock went back, or the key does not sign now."""


class TransitionError(IssuerError):
    """A status list entry may not change in this way.

    Attributes:
        before: The state it has.
        after: The state that was asked for.
    """

    def __init__(self, before: int, after: int, reason: str) -> None:
        super().__init__(f"{before} to {after}: {reason}")
        self.before = before
        self.after = after
