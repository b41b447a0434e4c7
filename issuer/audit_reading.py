"""Read the audit log, see whether it is whole, and see what one account has issued.

Who reads the log is in the log as well.
"""

import json
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, Field
from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from issuer import audit
from issuer.audit import Break, Heads
from issuer.endings import LIVE
from issuer.errors import NotFound
from issuer.lifecycle import Card as CardState
from issuer.lifecycle import Credential as CredentialState
from issuer.office import Desk
from issuer.operations import Answer, Request, operation
from issuer.store import Account, AuditRow, Card, Credential, Issue, Role

_MAX: Final = 200
_READING: Final = "%:read"
_SUBJECT: Final = r"^[a-z_]{1,30}:[A-Za-z0-9_.-]{1,40}$"


class What(StrEnum):
    """Which rows are meant."""

    ALL = "all"
    READ = "read"
    """Somebody looked at something."""
    CHANGED = "changed"


class ReadLog(Request):
    """By what to choose rows; what is left out does not matter."""

    subject: str | None = Field(
        None, pattern=_SUBJECT, description="A record, such as card:17."
    )
    actor: str | None = Field(None, max_length=64, description="Login of who acted.")
    what: What = Field(What.ALL, description="Only reading, or only changes.")
    since: AwareDatetime | None = Field(None, description="From this moment on.")
    until: AwareDatetime | None = Field(None, description="Before this moment.")
    before: int | None = Field(None, description="Go on with rows older than this one.")
    limit: Annotated[int, Field(ge=1, le=_MAX)] = Field(
        50, description="How many at most, up to 200."
    )


class LogRow(Answer):
    """One row of the log."""

    seq: int
    at: datetime
    actor: int
    login: str
    tag: str
    subject: str
    reason: str
    fields: dict[str, Any]


class LogRows(Answer):
    """A page of the log, the newest first."""

    rows: tuple[LogRow, ...]
    before: int | None
    """Where the next page begins; None at the end."""


@operation("audit.list", "Read the audit log.", Role.AUDIT, changes=False)
def read_log(desk: Desk, given: ReadLog) -> LogRows:
    """Read rows of this economy's log; the reading is the newest row afterwards.

    Raises:
        NotFound: Nobody here has that login.
    """

    def work(session: Session) -> LogRows:
        query = _rows(session, desk, given).limit(given.limit + 1)
        found = session.execute(query).all()
        page = [_row(row, login) for row, login in found[: given.limit]]
        if page:
            seqs = {"from_seq": page[-1].seq, "to_seq": page[0].seq}
            desk.log(session, "audit:read", f"audit:{desk.economy}", **seqs)
        more = len(found) > given.limit
        return LogRows(rows=tuple(page), before=page[-1].seq if more else None)

    return desk.write(work)


def _rows(session: Session, desk: Desk, given: ReadLog) -> Select[AuditRow, str]:
    query: Select[AuditRow, str] = (
        select(AuditRow, Account.login)
        .join(Account, Account.id == AuditRow.actor_id)
        .where(AuditRow.economy == desk.economy)
        .order_by(AuditRow.seq.desc())
    )
    if given.subject:
        query = query.where(AuditRow.subject == given.subject)
    if given.actor:
        account = _account(session, desk, Account.login == given.actor)
        query = query.where(AuditRow.actor_id == account.id)
    if given.what == What.READ:
        query = query.where(AuditRow.tag.like(_READING))
    if given.what == What.CHANGED:
        query = query.where(AuditRow.tag.not_like(_READING))
    if given.since:
        query = query.where(AuditRow.at >= given.since)
    if given.until:
        query = query.where(AuditRow.at < given.until)
    if given.before is not None:
        query = query.where(AuditRow.seq < given.before)
    return query


def _account(session: Session, desk: Desk, is_meant: Any) -> Account:
    found = session.scalars(
        select(Account).where(Account.economy == desk.economy, is_meant)
    ).one_or_none()
    if found is None:
        raise NotFound("nobody of this economy has that account")
    return found


def _row(row: AuditRow, login: str) -> LogRow:
    return LogRow(
        seq=row.seq,
        at=row.at,
        actor=row.actor_id,
        login=login,
        tag=row.tag,
        subject=row.subject,
        reason=row.reason,
        fields=json.loads(row.fields),
    )


# Whether it is whole


class VerifyLog(Request):
    """Nothing to choose."""


class LogVerified(Answer):
    """What following the log from its beginning came to."""

    is_whole: bool
    good: int
    """Rows that follow each other, from the first on."""
    head: str
    """Hash of the newest row; to be compared with one that was kept elsewhere."""
    kept_heads: int
    """Heads in the file outside the database that were compared."""
    broken_at: int | None = None
    problem: str | None = None
    """As `issuer.audit.Break`."""
    detail: str | None = None


@operation(
    "audit.verify",
    "Follow the audit log from its beginning, and compare it with what was kept.",
    Role.AUDIT,
    changes=False,
)
def verify_log(desk: Desk, given: VerifyLog) -> LogVerified:
    """Verify this economy's log; the time grows with its length.

    Raises:
        AuditError: The file of kept heads is damaged.
    """
    kept = [
        head
        for head in Heads(path=desk.office.installation.audit_heads).all()
        if head.economy == desk.economy
    ]

    def work(session: Session) -> LogVerified:
        head = audit.heads(session).get(desk.economy)
        good, broken = 0, None
        for step in audit.verify(session, desk.economy, kept=kept):
            if isinstance(step, Break):
                good, broken = step.seq - 1, step
            else:
                good = step
        return LogVerified(
            is_whole=broken is None,
            good=good,
            head=head.hash if head else audit.START,
            kept_heads=len(kept),
            broken_at=broken.seq if broken else None,
            problem=broken.problem if broken else None,
            detail=broken.detail if broken else None,
        )

    found = desk.read(work)
    desk.write(
        lambda session: desk.log(
            session,
            "audit:read",
            f"audit:{desk.economy}",
            from_seq=1,
            to_seq=found.good,
        )
    )
    return found


# One account


class IssuedBy(Request):
    """Whose work to show."""

    account: int = Field(ge=1, description="Number of the account.")
    before: int | None = Field(None, description="Go on with issues older than this.")
    limit: Annotated[int, Field(ge=1, le=_MAX)] = Field(
        50, description="How many at most, up to 200."
    )


class IssuedLine(Answer):
    """One signature that an account asked for."""

    issue: int
    card: int
    card_state: CardState
    credential: int
    form: str
    document_number: str
    state: CredentialState
    at: datetime


class OperatorView(Answer):
    """What an account has issued, the newest first."""

    account: int
    login: str
    display_name: str
    closed_at: datetime | None
    issued: int
    """Signatures altogether."""
    live: int
    """Credentials of these that are still good or suspended."""
    rows: tuple[IssuedLine, ...]
    before: int | None
    """Where the next page begins; None at the end."""


@operation(
    "operator.issued",
    "Show everything that one account has issued.",
    Role.AUDIT,
    Role.ISSUING,
    Role.ADMIN,
    changes=False,
)
def issued_by(desk: Desk, given: IssuedBy) -> OperatorView:
    """Show what an account of this economy has issued.

    Raises:
        NotFound: This economy has no such account.
    """

    def work(session: Session) -> OperatorView:
        account = _account(session, desk, Account.id == given.account)
        # An account works for one economy: its index says all that is counted.
        mine = Issue.requested_by == account.id
        rows = session.execute(_issued(desk, mine, given)).all()
        page = [_issued_line(*row) for row in rows[: given.limit]]
        desk.log(
            session,
            "queue:read",
            f"account:{account.id}",
            queue="operator.issued",
            records=[each.card for each in page],
            count=len(page),
        )
        return OperatorView(
            account=account.id,
            login=account.login,
            display_name=account.display_name,
            closed_at=account.closed_at,
            issued=session.scalar(select(func.count(Issue.id)).where(mine)) or 0,
            live=_live(session, mine),
            rows=tuple(page),
            before=page[-1].issue if len(rows) > given.limit else None,
        )

    return desk.write(work)


def _issued(
    desk: Desk, mine: ColumnElement[bool], given: IssuedBy
) -> Select[Issue, Credential, CardState]:
    # The page is chosen first: nobody joins and sorts all that one has ever issued.
    page = select(Issue.id).where(mine).order_by(Issue.id.desc())
    if given.before is not None:
        page = page.where(Issue.id < given.before)
    return (
        select(Issue, Credential, Card.state)
        .join(Credential, Credential.id == Issue.credential_id)
        .join(Card, Card.id == Issue.card_id)
        .where(Issue.economy == desk.economy)
        .where(Issue.id.in_(page.limit(given.limit + 1)))
        .order_by(Issue.id.desc())
    )


def _live(session: Session, mine: ColumnElement[bool]) -> int:
    meant = select(Issue.credential_id).where(mine)
    count = session.scalar(
        select(func.count(Credential.id)).where(
            Credential.id.in_(meant), Credential.state.in_(LIVE)
        )
    )
    return count or 0


def _issued_line(issue: Issue, credential: Credential, card: CardState) -> IssuedLine:
    return IssuedLine(
        issue=issue.id,
        card=issue.card_id,
        card_state=card,
        credential=credential.id,
        form=credential.form,
        document_number=credential.document_number,
        state=credential.state,
        at=issue.intended_at,
    )
