"""Mails to applicants: what they say, and the outbox in which they wait.

A mail is put into the outbox in the transaction that it tells of: it is there if that
was done, and not if it was not.  `issuer.mail_sending` delivers, once at the least.
What mails say is data (``mail_words``); nothing that an applicant typed is among it
but their address.
"""

import json
import re
import secrets
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from functools import cache
from importlib import resources
from string import Template
from types import MappingProxyType
from typing import Final

from pydantic import Field
from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from issuer.errors import Conflict
from issuer.installation import MailSettings
from issuer.intake.fields import is_email
from issuer.office import Desk
from issuer.operations import Answer, Request, once, operation
from issuer.store import Mail, MailState, Role

_ALWAYS: Final = frozenset({"economy", "address"})
"""What every text may use: the economy's name, and where its pages are."""
_CODE: Final = "code"
_WAYS: Final = frozenset({"address", "link", "offer"})
"""What leads somewhere.  A code never stands beside it: who reads one mail would have
both halves of what takes two."""
_WIDTH: Final = 72
"""Characters of a line."""
_LONGEST: Final = 200
"""Characters of a word that is put into a text."""
_UNFIT: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_STAFF: Final = (Role.INTAKE, Role.VETTING, Role.ISSUING, Role.ADMIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class MailText:
    """What a mail of one kind says."""

    subject: Template
    body: tuple[Template, ...]
    """Paragraphs."""

    @property
    def places(self) -> frozenset[str]:
        """Return the names of what is put into it."""
        parts = (self.subject, *self.body)
        return frozenset(name for part in parts for name in part.get_identifiers())


@cache
def mail_texts(language: str = "en") -> Mapping[str, MailText]:
    """Return every text by kind.

    Raises:
        ValueError: A text has a code beside an address, or a place without a name.
    """
    file = resources.files("issuer").joinpath("mail_words", f"{language}.json")
    return read_mail_texts(file.read_text("utf-8"))


def read_mail_texts(text: str) -> Mapping[str, MailText]:
    """Read a file of texts; see `mail_texts`.

    Raises:
        ValueError: It is no such file, a text has a code beside an address, or a place
            without a name.
    """
    found = {
        kind: MailText(
            subject=Template(each["subject"]), body=tuple(map(Template, each["body"]))
        )
        for kind, each in json.loads(text).items()
    }
    for kind, each in found.items():
        if not all(part.is_valid() for part in (each.subject, *each.body)):
            raise ValueError(f"{kind}: a $ names nothing")
        if _CODE in each.places and each.places & _WAYS:
            raise ValueError(f"{kind}: a code stands beside an address")
    return MappingProxyType(found)


def queue_mail(  # noqa: PLR0917  # its callers have agreed on this order
    session: Session,
    economy: str,
    to: str | None,
    kind: str,
    words: Mapping[str, str | int],
    now: datetime,
    *,
    ends_at: datetime | None = None,
    once_key: str | None = None,
) -> bool:
    """Put a mail into the outbox, in the transaction that it tells of.

    Args:
        session: Of a transaction that writes.
        economy: Who writes; hosted here.
        to: Whom to; nobody, or what is no address, gets no mail, and what is done here
            goes on.
        kind: Of `mail_texts`.
        words: What that text has places for, beside ``economy`` and ``address``; kept
            until the mail has left.  Control characters are taken out.
        now: This moment; timezone-aware.
        ends_at: From when it is of no use, such as the end of a code; it is not sent
            then, and its words are forgotten.
        once_key: What it tells of, at most 100 characters, unique to the economy: a
            second mail about it is not written.

    Returns:
        Whether there will be a mail.

    Raises:
        ValueError: There is no such kind, or its text has other places.
    """
    text = mail_texts().get(kind)
    if text is None:
        raise ValueError(f"there is no mail {kind!r}")
    if text.places - _ALWAYS != frozenset(words):
        raise ValueError(f"{kind} takes {sorted(text.places - _ALWAYS)}")
    if to is None or not is_email(to):
        return False
    if once_key is not None and _is_told(session, economy, once_key):
        return False
    session.add(
        Mail(
            economy=economy,
            kind=kind,
            recipient=to,
            words=json.dumps({k: _fit(v) for k, v in words.items()}, sort_keys=True),
            reference=secrets.token_hex(16),
            once_key=once_key,
            state=MailState.WAITING,
            queued_at=now,
            next_at=now,
            ends_at=ends_at,
        )
    )
    return True


def _is_told(session: Session, economy: str, key: str) -> bool:
    told = exists().where(Mail.economy == economy, Mail.once_key == key)
    return bool(session.scalar(select(told)))


def _fit(value: str | int) -> str:
    return _UNFIT.sub(" ", str(value))[:_LONGEST]


def message_of(
    mail: Mail, settings: MailSettings, *, economy_name: str, address: str
) -> EmailMessage:
    """Write a mail out; equal arguments give the same message.

    Args:
        mail: That waits; its words are still there.
        settings: Who sends.
        economy_name: As APEC has it.
        address: Of the economy's pages for applicants.

    Returns:
        Plain text in lines of at most 72 characters, in UTF-8.
    """
    text = mail_texts()[mail.kind]
    words = {**json.loads(mail.words), "economy": economy_name, "address": address}
    message = EmailMessage(policy=SMTP)
    message["From"] = settings.sender
    message["To"] = mail.recipient
    if settings.reply_to:
        message["Reply-To"] = settings.reply_to
    message["Subject"] = text.subject.substitute(words)
    message["Date"] = format_datetime(mail.queued_at)
    host = parseaddr(settings.sender)[1].rpartition("@")[2]
    message["Message-ID"] = f"<{mail.reference}@{host}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no machine answers it
    paragraphs = (_wrapped(part.substitute(words)) for part in text.body)
    message.set_content("\n\n".join(paragraphs) + "\n", cte="quoted-printable")
    return message


def _wrapped(paragraph: str) -> str:
    return textwrap.fill(
        paragraph, _WIDTH, break_long_words=False, break_on_hyphens=False
    )


def forget(mail: Mail, state: MailState, now: datetime) -> None:
    """End a mail: nobody's address and nothing of its words stays."""
    mail.state, mail.settled_at = state, now
    mail.recipient, mail.words = None, "{}"


# What staff see


class ListMails(Request):
    """Which mails to list."""

    state: MailState = Field(MailState.DEAD, description="Those in this state.")
    after: int | None = Field(None, description="Go on behind this one.")
    limit: int = Field(50, ge=1, le=200, description="How many at most, up to 200.")


class MailLine(Answer):
    """A mail, without what it says."""

    mail: int
    kind: str
    state: MailState
    host: str | None
    """Where its recipient has their mail; None once it has ended."""
    tries: int
    error: str
    queued_at: datetime
    next_at: datetime
    settled_at: datetime | None


class MailLines(Answer):
    """A page of mails, the newest first."""

    mails: tuple[MailLine, ...]
    after: int | None
    """Where the next page begins; None at the end."""


class OneMail(Request):
    """Which mail."""

    mail: int = Field(description="Its number.")


@operation(
    "mail.list",
    "List mails that were not delivered, or wait, or have ended.",
    *_STAFF,
    changes=False,
)
def list_mails(desk: Desk, given: ListMails) -> MailLines:
    """List mails of this economy; of an address only the host is shown."""

    def work(session: Session) -> MailLines:
        query = (
            select(Mail)
            .where(Mail.economy == desk.economy, Mail.state == given.state)
            .order_by(Mail.id.desc())
            .limit(given.limit + 1)
        )
        if given.after is not None:
            query = query.where(Mail.id < given.after)
        rows = session.scalars(query).all()
        shown = rows[: given.limit]
        return MailLines(
            mails=tuple(map(_line, shown)),
            after=shown[-1].id if len(rows) > given.limit else None,
        )

    return desk.read(work)


@operation("mail.retry", "Try to deliver a mail anew that nobody took.", *_STAFF)
def retry_mail(desk: Desk, given: OneMail) -> MailLine:
    """Put a dead mail back into the outbox.

    Raises:
        NotFound: There is no such mail.
        Conflict: ``mail.not_dead``: it waits, or has ended.
    """

    def work(session: Session) -> MailLine:
        row = desk.find(session, Mail, given.mail)
        if row.state != MailState.DEAD:
            raise Conflict("mail.not_dead", "it waits already, or has ended")
        row.state, row.settled_at = MailState.WAITING, None
        row.tries, row.next_at = 0, desk.now
        desk.log(session, "mail:retried", f"mail:{row.id}", kind=row.kind)
        return _line(row)

    return once(desk, given, MailLine, work)


@operation("mail.drop", "Give a mail up: it is not sent, and forgotten.", *_STAFF)
def drop_mail(desk: Desk, given: OneMail) -> MailLine:
    """Drop a mail that waits or that nobody took.

    Raises:
        NotFound: There is no such mail.
        Conflict: ``mail.ended``: it was sent or dropped.
    """

    def work(session: Session) -> MailLine:
        row = desk.find(session, Mail, given.mail)
        if row.recipient is None:
            raise Conflict("mail.ended", "it was sent or dropped already")
        forget(row, MailState.DROPPED, desk.now)
        desk.log(session, "mail:dropped", f"mail:{row.id}", kind=row.kind)
        return _line(row)

    return once(desk, given, MailLine, work)


def _line(row: Mail) -> MailLine:
    host = None if row.recipient is None else row.recipient.rpartition("@")[2]
    return MailLine(
        mail=row.id,
        kind=row.kind,
        state=row.state,
        host=host,
        tries=row.tries,
        error=row.error,
        queued_at=row.queued_at,
        next_at=row.next_at,
        settled_at=row.settled_at,
    )
