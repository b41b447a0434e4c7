"""Deliver what waits in the outbox: to a mail server, or as files into a folder.

Each mail is claimed in a transaction, sent while no lock is held, and settled in
another.  Whoever dies in between leaves it to be sent again, with the same Message-ID:
once at the least.
"""

import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from issuer.errors import MailError
from issuer.installation import Installation
from issuer.mail import forget, message_of
from issuer.publish.files import replace_file
from issuer.scheme import Scheme
from issuer.store import Mail, MailState, Store

PAUSES: Final = tuple(
    timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360, 720, 1440)
)
"""After each try that failed; after one more, nobody tries any further."""
CLAIM: Final = timedelta(minutes=10)
"""For how long others leave a mail alone that somebody has begun to send."""
HANG_UPS: Final = 3
"""By a mail server, one after the other: then it is left alone for now.  One alone may
be about the mail that it was given, which counts a try and waits behind the others."""
_TIMEOUT: Final = 30.0
"""Seconds for one word of a mail server."""
Send = Callable[[Mail, EmailMessage], None]
"""Hands one mail over.

Raises:
    MailError: It was not taken.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailRun:
    """What one run did."""

    sent: int = 0
    later: int = 0
    """Not taken now; tried again."""
    dead: int = 0
    """Not taken, and not tried again."""
    dropped: int = 0
    """Of no use any more."""
    trouble: str = ""
    """Code of what ended the run early; see `issuer.errors.MailError`."""


def send_due(
    store: Store,
    installation: Installation,
    scheme: Scheme,
    *,
    clock: Callable[[], datetime],
    password: str | None = None,
) -> MailRun:
    """Deliver every mail that is due, the oldest first.

    Args:
        store: The database.
        installation: Its ``[mail]`` says where to.
        scheme: For the names of economies.
        clock: Returns the moment; timezone-aware.
        password: At the mail server, where a user is set.

    Returns:
        What was done; where the server cannot be used, ``trouble`` says why and no mail
        counts a try.

    Raises:
        StoreDown: The database does not answer.
    """
    run, hang_ups = MailRun(dropped=_drop_late(store, clock())), 0
    try:
        with _place(installation, password) as send:
            while (mail := _claim(store, clock())) is not None:
                message = message_of(
                    mail,
                    installation.mail,
                    economy_name=scheme.economy(mail.economy).name,
                    address=f"{installation.pages}/apply/{mail.economy}/",
                )
                run, error = _deliver(store, send, mail, message, run=run, clock=clock)
                has_hung_up = error is not None and error.has_hung_up
                hang_ups = hang_ups + 1 if has_hung_up else 0
                if error is not None and (error.ends_run or hang_ups >= HANG_UPS):
                    return replace(run, trouble=error.code)
    except MailError as error:
        return replace(run, trouble=error.code)
    return run


def _deliver(
    store: Store,
    send: Send,
    mail: Mail,
    message: EmailMessage,
    *,
    run: MailRun,
    clock: Callable[[], datetime],
) -> tuple[MailRun, MailError | None]:
    try:
        send(mail, message)
    except MailError as error:
        if _put_back(store, mail.id, error, clock()):
            return replace(run, dead=run.dead + 1), error
        return replace(run, later=run.later + 1), error
    _settle(store, mail.id, clock())
    return replace(run, sent=run.sent + 1), None


def _drop_late(store: Store, now: datetime) -> int:
    """Forget what would come too late, also what is dead; return how many."""

    def work(session: Session) -> int:
        late = session.execute(
            update(Mail)
            .where(
                Mail.state.in_((MailState.WAITING, MailState.DEAD)),
                Mail.ends_at <= now,
            )
            .values(
                state=MailState.DROPPED, settled_at=now, recipient=None, words="{}"
            ),
            execution_options={"synchronize_session": False},
        )
        return int(getattr(late, "rowcount", 0))

    return store.write(work, now=now)


def _claim(store: Store, now: datetime) -> Mail | None:
    def work(session: Session) -> Mail | None:
        mail = session.scalars(
            select(Mail)
            .where(Mail.state == MailState.WAITING, Mail.next_at <= now)
            .order_by(Mail.next_at, Mail.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        ).one_or_none()
        if mail is not None:
            mail.next_at = now + CLAIM
            mail.tries += 1
        return mail

    return store.write(work, now=now)


def _settle(store: Store, number: int, now: datetime) -> None:
    def work(session: Session) -> None:
        mail = session.get_one(Mail, number)
        if mail.recipient is not None:  # another may have been as far
            forget(mail, MailState.SENT, now)

    store.write(work, now=now)


def _put_back(store: Store, number: int, error: MailError, now: datetime) -> bool:
    """Let a mail wait for its next try; return whether there will be none."""

    def work(session: Session) -> bool:
        mail = session.get_one(Mail, number)
        if mail.state != MailState.WAITING:
            return False
        mail.error = error.code
        if error.ends_run:
            mail.tries -= 1  # it was not this mail's fault
            mail.next_at = now + PAUSES[0]
        elif error.is_final or mail.tries > len(PAUSES):
            mail.state, mail.settled_at = MailState.DEAD, now
            return True
        else:
            mail.next_at = now + PAUSES[mail.tries - 1]
        return False

    return store.write(work, now=now)


# Where mails go


def _place(
    installation: Installation, password: str | None
) -> AbstractContextManager[Send]:
    if installation.mail.host is None:
        return _folder(installation)
    return _server(installation, password)


@contextmanager
def _folder(installation: Installation) -> Iterator[Send]:
    folder = installation.path(installation.mail.folder)

    def send(mail: Mail, message: EmailMessage) -> None:
        # Named alike at every try, so that a second copy takes the first one's place.
        name = f"{mail.queued_at:%Y%m%dT%H%M%SZ}-{mail.reference[:12]}.eml"
        try:
            replace_file(folder / name, message.as_bytes())
            (folder / name).chmod(0o600)
        except OSError as error:
            reason = error.strerror or "cannot be written"
            raise MailError("folder.unwritable", reason, ends_run=True) from error

    yield send


@contextmanager
def _server(installation: Installation, password: str | None) -> Iterator[Send]:
    connection: smtplib.SMTP | None = _connect(installation, password)

    def send(mail: Mail, message: EmailMessage) -> None:
        nonlocal connection
        if connection is None:  # it hung up on the last mail
            connection = _connect(installation, password)
        try:
            _hand_over(connection, message)
        except MailError as error:
            if error.has_hung_up:
                connection.close()
                connection = None
            raise

    try:
        yield send
    finally:
        if connection is not None:
            with suppress(smtplib.SMTPException, OSError):
                connection.quit()
            connection.close()


def _hand_over(connection: smtplib.SMTP, message: EmailMessage) -> None:
    try:
        connection.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        status = max(code for code, _ in error.recipients.values())
        raise _refusal(status) from error
    except smtplib.SMTPSenderRefused as error:
        detail = f"status {error.smtp_code}"
        raise MailError("smtp.sender", detail, ends_run=True) from error
    except smtplib.SMTPResponseException as error:
        raise _refusal(error.smtp_code) from error
    except (smtplib.SMTPException, OSError) as error:
        detail = type(error).__name__
        raise MailError("smtp.broken", detail, has_hung_up=True) from error


def _refusal(status: int) -> MailError:
    """Say what a server's answer means (RFC 5321, 4.2.1): 5 is for ever."""
    if status // 100 == 5:
        return MailError("smtp.refused", f"status {status}", is_final=True)
    # 421 is said before a server hangs up.
    return MailError("smtp.later", f"status {status}", has_hung_up=status == 421)


def _connect(installation: Installation, password: str | None) -> smtplib.SMTP:
    settings = installation.mail
    host = settings.host or ""
    try:
        context = _tls(installation)
        if settings.tls == "implicit":
            connection: smtplib.SMTP = smtplib.SMTP_SSL(
                host, settings.port, timeout=_TIMEOUT, context=context
            )
        else:
            connection = smtplib.SMTP(host, settings.port, timeout=_TIMEOUT)
    except ssl.SSLError as error:
        raise MailError("smtp.tls", type(error).__name__, ends_run=True) from error
    except (smtplib.SMTPException, OSError) as error:
        detail = type(error).__name__
        raise MailError("smtp.unreachable", detail, ends_run=True) from error
    try:
        _introduce(connection, installation, context, password)
    except BaseException:
        connection.close()
        raise
    return connection


def _tls(installation: Installation) -> ssl.SSLContext:
    authorities = installation.mail.authorities
    file = str(installation.path(authorities)) if authorities else None
    context = ssl.create_default_context(cafile=file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _introduce(
    connection: smtplib.SMTP,
    installation: Installation,
    context: ssl.SSLContext,
    password: str | None,
) -> None:
    settings = installation.mail
    try:
        if settings.tls == "starttls":
            # A server that does not offer it, or somebody in between who hides that it
            # does, gets nothing in the clear.
            connection.starttls(context=context)
        if settings.user:
            connection.login(settings.user, password or "")
    except smtplib.SMTPAuthenticationError as error:
        raise MailError("smtp.sign_in", "refused", ends_run=True) from error
    except (ssl.SSLError, smtplib.SMTPNotSupportedError) as error:
        raise MailError("smtp.tls", type(error).__name__, ends_run=True) from error
    except (smtplib.SMTPException, OSError) as error:
        detail = type(error).__name__
        raise MailError("smtp.unreachable", detail, ends_run=True) from error
