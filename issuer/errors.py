"""What the issuer raises.

    IssuerError
    ├── AuditError        something would be logged that its tag does not allow
    ├── BackupError       a backup cannot be made, is damaged, or has nowhere to go
    ├── BatchError        a batch for a bureau cannot be made, or cannot be believed
    ├── Conflict          the state of things does not allow it; its code says why
    │   └── TooMany       it was asked too often; it says how long to wait
    ├── DesignError       a card design cannot be read or believed, or there is none
    ├── IllegalTransition  a record is in no state for this, or it is for others to do
    ├── IntakeError       what came in has faults: each with its field, code and words
    ├── Invalid           fields of a request are wrong; all of them are named
    ├── KeyFileError      a file holds no secret that may be used
    ├── LintError         the verifier would not accept a prepared card or document
    ├── ListFull          a status list has no free index left
    ├── MailError         a mail was not taken; its code says why, and if for ever
    ├── NotAllowed        the actor's roles do not include this
    ├── NotFound          there is no such record, or it is another economy's
    ├── NoTrust           there is no trust data here to know other economies by
    ├── NotProven         nobody has shown who they are; nothing says what was wrong
    ├── ProfileError      a card may not contain this
    ├── PublishRefused    nothing was published, for the reason in its code
    ├── SchemeError       the scheme file cannot be read, parsed or believed
    ├── SettingsError     a file of settings cannot be read or used
    ├── SheetError        a sheet cannot be read at all, or is not the one checked
    ├── SignOnDown        the ministry's own sign-on does not answer as it must
    ├── ServiceRefused    another economy's system refuses a request
    ├── ServiceUnreachable  another economy's system does not answer as it must
    ├── SigningError      nothing was released: the signature or the card is no good
    │   ├── ClockError    nothing was signed: this is no moment to sign at
    │   ├── ServiceKeyMissing  nothing was signed: there is no service key, or it ended
    │   └── SignerUnavailable  nothing was signed: the hardware module is away
    │       └── PinRefused     its PIN is not tried any more
    ├── StatementError    a statement is not what a destination has to have signed
    ├── StoreError        the database cannot be used as it is
    │   ├── Forbidden     it refuses a change, by the name of the rule that forbids it
    │   ├── SchemaError   it has another shape than this version of the program needs
    │   └── StoreDown     it does not answer, is full, busy or read-only: try later
    ├── TransitionError   a status list entry may not change in this way
    └── WatchListError    a watch list cannot be used; nobody is clear

A caller's own mistake, such as a moment without a UTC offset, is a ``ValueError``.
No message carries a private key, a passphrase, a name or a number of a holder.
"""

from collections.abc import Iterable
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from issuer.intake.problem import Problem


class IssuerError(Exception):
    """Base of every exception of the issuer's own."""


class AuditError(IssuerError):
    """Something would be logged that its tag does not allow; a mistake of ours."""


class BackupError(IssuerError):
    """A backup cannot be made, is damaged, or cannot be put where it should go."""


class Conflict(IssuerError):  # noqa: N818  # an answer, not a fault
    """The state of things does not allow this; nothing was changed.

    Attributes:
        code: Dotted and stable, for programs; such as ``card.second_person``.
        detail: In one sentence without a full stop, for people.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class TooMany(Conflict):  # an answer, not a fault
    """More was asked than may be in a while; nothing was done.

    Attributes:
        wait: How long until it may be asked again.
    """

    def __init__(self, code: str, wait: timedelta) -> None:
        super().__init__(code, "more than may be asked in a while; wait, then go on")
        self.wait = wait


class Invalid(IssuerError):  # noqa: N818  # an answer, not a fault
    """Fields of a request are wrong; nothing was changed.

    Attributes:
        problems: For each: path of the field, such as ``passport.number``; a stable
            code, such as ``too_long``; and a sentence for people.
    """

    def __init__(self, problems: Iterable[tuple[str, str, str]]) -> None:
        self.problems = tuple(problems)
        super().__init__(
            "; ".join(f"{path}: {text}" for path, _, text in self.problems)
        )


class NotAllowed(IssuerError):  # noqa: N818  # an answer, not a fault
    """The actor's roles do not include this."""


class NotFound(IssuerError):  # noqa: N818  # an answer, not a fault
    """There is no such record, or it is another economy's: both look alike."""


class NoTrust(IssuerError):  # noqa: N818  # a condition to act on: sync
    """There is no trust data here that other economies could be known by."""


class NotProven(IssuerError):  # noqa: N818  # an answer, not a fault
    """Who asks has not shown who they are; the message tells nobody what was wrong."""


class IllegalTransition(IssuerError):  # noqa: N818  # an answer, not a fault
    """A record may not change in this way; nothing has changed.

    The message reads ``reason: detail``.

    Attributes:
        reason: Such as ``card.ended``; see `issuer.lifecycle.Lifecycle.after`.
        detail: In words, without a full stop.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class IntakeError(IssuerError):
    """What came in cannot be taken; nothing of it was kept.

    The message names fields and codes only, never what was typed.

    Attributes:
        problems: Every fault that was found, at least one, in the order of the form.
    """

    def __init__(self, problems: "tuple[Problem, ...]") -> None:
        super().__init__(", ".join(f"{each.field}: {each.code}" for each in problems))
        self.problems = problems


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
    """A file with a private key or a PIN cannot be used, or could not be written.

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


class MailError(IssuerError):
    """A mail was not taken, or nobody is there to take one; it is still kept.

    No message carries the recipient or a word of the mail.

    Attributes:
        code: Stable, for programs: ``smtp.unreachable``, ``smtp.tls``,
            ``smtp.sign_in``, ``smtp.sender``, ``smtp.refused``, ``smtp.later``,
            ``smtp.broken`` or ``folder.unwritable``.
        is_final: The same mail would be refused again.
        ends_run: It is about the server, not this mail: others would fare no better.
        has_hung_up: The server went away over this mail; others may fare better.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        is_final: bool = False,
        ends_run: bool = False,
        has_hung_up: bool = False,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.is_final = is_final
        self.ends_run = ends_run
        self.has_hung_up = has_hung_up


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


class SignOnDown(IssuerError):  # noqa: N818  # a condition to act on: try later
    """The ministry's own sign-on does not answer, or not as it must."""


class SigningError(IssuerError):
    """Nothing was released: a signer answered wrongly, or is not the right one."""


class ClockError(SigningError):
    """Nothing was signed: the clock went back, or the key does not sign now."""


class ServiceKeyMissing(SigningError):  # noqa: N818  # a condition to act on: renew
    """Nothing was signed: an economy has no service key, or its delegation ended."""


class StatementError(IssuerError):
    """A statement is malformed, or not signed by whom it has to be."""


class StoreError(IssuerError):
    """The database cannot be used as it is."""


class SchemaError(StoreError):
    """The database has another shape than this version of the program needs."""


class StoreDown(StoreError):  # noqa: N818  # a condition to act on: try later
    """The database does not answer, is full, busy or read-only; nothing was changed."""


_RULES = MappingProxyType(
    {
        "ck_account_role_not_to_oneself": "nobody gives a role to themselves:"
        " another administrator has to do it",
        "ck_application_four_eyes": "whoever entered an application does not decide"
        " about it: another person has to do it",
        "ck_bulk_four_eyes": "whoever proposed a bulk change does not release it:"
        " another person has to do it",
        "ck_issue_four_eyes": "whoever approved the application does not have its card"
        " signed: another person has to do it",
        "ck_offer_four_eyes": "whoever approved the application does not offer its card"
        " to a phone: another person has to do it",
        "ck_restoration_four_eyes": "whoever proposed it does not confirm it:"
        " another person has to do it",
        "ck_service_client_four_eyes": "whoever added a client does not confirm it:"
        " another person has to do it",
        "ck_scheme_text_four_eyes": "whoever proposed a version does not approve it:"
        " another person has to do it",
        "ck_shrink_request_four_eyes": "whoever asked for it does not approve it:"
        " another person has to do it",
        "ck_suspension_four_eyes": "whoever suspended it does not lift the suspension:"
        " another person has to do it",
        "uq_account_login": "there is an account of this name already",
        "uq_account_oidc_subject": "another account is linked to this person",
        "uq_passkey_credential_id": "this passkey is in use already",
    }
)
"""What the rules of the database say to people who can run into them."""


class Forbidden(StoreError):  # noqa: N818  # an answer, not a fault
    """The database refuses a change; nothing of its transaction was kept.

    Attributes:
        rule: Name of the constraint, index or trigger that forbids it, such as
            ``ck_application_four_eyes``; ``foreign_key`` where the database does not
            say which.
        detail: In words, without a full stop.
    """

    def __init__(self, rule: str) -> None:
        self.rule = rule
        self.detail = _RULES.get(rule, "the database does not allow this")
        super().__init__(f"{rule}: {self.detail}")


class SignerUnavailable(SigningError):  # noqa: N818  # a state: it may be back soon
    """Nothing was signed: the hardware module does not answer, or not in time.

    The same call may succeed later.  Nothing else signs in its place.
    """


class PinRefused(SignerUnavailable):
    """Nothing was signed, and nobody may try again: the PIN was refused.

    Each further attempt could lock the module; a person has to look.
    """


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


class ServiceRefused(IssuerError):  # noqa: N818  # an answer, not a fault
    """Another economy's system understood a request, and refuses it.

    Attributes:
        status: Of HTTP.
        code: Stable and dotted, as its problem details have it; empty if they do not.
        detail: In words; may be empty.
        problems: Path, code and sentence for each field that is wrong.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        problems: tuple[tuple[str, str, str], ...] = (),
    ) -> None:
        super().__init__(f"refused with {status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.problems = problems


class ServiceUnreachable(IssuerError):  # noqa: N818  # a state: it may be back soon
    """Another economy's system does not answer, or not as it must.

    Whether it has done what it was asked is not known: ask again under the same key.
    """


class SheetError(IssuerError):
    """A sheet cannot be read at all, or is not the one that was checked.

    The message reads ``file: reason``.

    Attributes:
        file: Path of the file.
        reason: What is wrong with it, in one sentence without a full stop.
    """

    def __init__(self, *, file: str, reason: str) -> None:
        super().__init__(f"{file}: {reason}")
        self.file = file
        self.reason = reason


class WatchListError(IssuerError):
    """A watch list cannot be used: whoever is screened against it is not clear.

    The message reads ``file: line N: reason`` and holds nothing of an entry.

    Attributes:
        file: Path of the file.
        line: Line at fault, from 1; 0 where it is the whole file.
        reason: What is wrong with it, in one sentence without a full stop.
    """

    def __init__(self, *, file: str, line: int, reason: str) -> None:
        place = f"{file}: line {line}" if line else file
        super().__init__(f"{place}: {reason}")
        self.file = file
        self.line = line
        self.reason = reason
