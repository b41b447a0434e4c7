"""Bringing a restored database up to what the outside remembers; nothing is undone.

A database that was put back has forgotten what was done since its backup.  What is
published, the issue log and the heads of the audit log have not.  One person has the
difference written down and proposes it, another approves it, and only then:

* what is published as ended or suspended is ended or suspended in the database too;
* cards that were issued since are listed, and their indexes are burnt: revoked, and
  never given out again;
* where the issue log is lost, every unknown index of the lists that were open since
  the backup is revoked;
* a new list opens, so that no index of an old one can be given out twice;
* the audit log goes on from where it stands, and the file of heads says so.

Cards and applications that only the lost database knew are not made up: people issue
them anew, from the list.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Final

from pydantic import Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from issuer import audit, lifecycle
from issuer.audit import Head, Heads
from issuer.entries import OwnLists, differences, overlays, own_lists
from issuer.errors import Conflict, NotFound
from issuer.jws import canonical
from issuer.lifecycle import CREDENTIAL, PRECLEARANCE, Side
from issuer.lists import Overlay, Status, is_due_for_next_list
from issuer.office import Desk
from issuer.operations import Answer, Request, operation
from issuer.publication import published_lists
from issuer.standing import Published, forgotten, reopened, unknown
from issuer.store import (
    Credential,
    Issue,
    IssueState,
    Preclearance,
    PreclearanceEvent,
    PublicationRow,
    Restoration,
    Role,
    StatusList,
    StrayIndex,
    Suspension,
)

_K = lifecycle.Credential
_EVENTS: Final = {Status.REVOKED: "revoke", Status.SUPERSEDED: "supersede"}
_WHY: Final = "published so before the database was put back"


class Reconcile(Request):
    """How to bring the database up to date."""

    issue_log_lost: bool = Field(
        default=False,
        description="The issue log is lost as well, or older than the database.",
    )


class ConfirmReconcile(Request):
    """What a second person has read."""

    digest: str = Field(
        pattern=r"^[0-9a-f]{64}$", description="Of the report that was proposed."
    )
    issue_log_lost: bool = Field(default=False, description="As it was proposed.")


class Ended(Answer):
    """An entry that is published as not good, and that the database would open."""

    list: int
    index: int
    document_number: str | None
    """None where the database does not know the index."""
    was: str
    """State of its credential; ``unknown`` where there is none."""
    status: int
    """As published: 1 revoked, 2 suspended, 3 superseded."""


class LostCard(Answer):
    """A card that was issued after the backup: revoked, to be issued anew."""

    list: int
    index: int
    document_number: str
    form: str
    issued_at: str


class TakenBack(Answer):
    """A pre-clearance that this economy took back after the backup."""

    preclearance: int
    issuer: str
    was: str
    status: int
    """As published: 1 withdrawn, 2 suspended."""


class Reconciliation(Answer):
    """What is to be done, or was."""

    economy: str
    digest: str
    """SHA-256 of all that follows; the second person names it."""
    is_done: bool
    ended: list[Ended]
    lost_cards: list[LostCard]
    taken_back: list[TakenBack]
    closed_lists: list[int]
    """No index of these is given out any more."""
    swept_lists: list[int]
    """Of these, every index that the database does not know is revoked."""
    new_list: int
    lost_rows: int
    """Rows of the audit log that were kept elsewhere as a head, and are gone."""


class ListReconciliations(Request):
    """Nothing to say."""


class RestorationView(Answer):
    """A database that was put back."""

    id: int
    restored_at: datetime
    proposed_at: datetime | None
    digest: str | None
    reconciled_at: datetime | None
    report: Reconciliation | None
    """What was done; None while it is open."""


class Reconciliations(Answer):
    """Every time that the database was put back."""

    restorations: list[RestorationView]


@operation(
    "backup.reconcile",
    "Compare a restored database with the outside, and propose what to do.",
    Role.ADMIN,
)
def reconcile(desk: Desk, given: Reconcile) -> Reconciliation:
    """Write the difference down, for a second person to approve.

    Also for a database that nobody marked as restored, if it is behind.

    Raises:
        Conflict: ``backup.in_step``: there is nothing to do.
    """
    published = published_lists(desk.office, desk.economy)

    def work(session: Session) -> Reconciliation:
        row = _open_row(session, desk.economy)
        report = _report(session, desk, published, given.issue_log_lost)
        if row is None:
            _check_behind(session, desk, report)
            row = Restoration(economy=desk.economy, restored_at=desk.now)
            session.add(row)
        row.digest, row.proposed_by = report.digest, desk.actor.account_id
        row.proposed_at = desk.now
        subject = f"economy:{desk.economy}"
        desk.log(session, "backup:reconcile_proposed", subject, digest=report.digest)
        return report

    return desk.write(work)


@operation(
    "backup.confirm",
    "Approve, as a second person, what was proposed, and do it.",
    Role.ADMIN,
    by_person=True,
)
def confirm(desk: Desk, given: ConfirmReconcile) -> Reconciliation:
    """Do what was proposed; publishing and issuing are open again afterwards.

    Raises:
        NotFound: Nothing was proposed.
        Conflict: ``backup.changed``: what would be done now is something else.
        Forbidden: ``ck_restoration_four_eyes``: whoever proposed cannot approve.
    """
    published = published_lists(desk.office, desk.economy)

    def work(session: Session) -> Reconciliation:
        row = _open_row(session, desk.economy)
        if row is None or row.digest is None:
            raise NotFound("nothing was proposed")
        report = _report(session, desk, published, given.issue_log_lost)
        if report.digest != row.digest or given.digest != row.digest:
            raise Conflict("backup.changed", "propose it anew: something has changed")
        _carry_out(session, desk, report)
        row.approved_by, row.reconciled_at = desk.actor.account_id, desk.now
        row.report = canonical(report.model_dump(mode="json")).decode()
        desk.log(
            session,
            "backup:reconciled",
            f"economy:{desk.economy}",
            digest=report.digest,
            proposed_by=row.proposed_by,
            revoked=len(report.ended),
            unknown=len(report.lost_cards),
            burnt=len(_strays(report)),
            lost_seq=report.lost_rows,
        )
        return report.model_copy(update={"is_done": True})

    done = desk.write(work)
    _go_on(desk)
    return done


@operation(
    "backup.list",
    "List what was reconciled, and what still has to be.",
    Role.ADMIN,
    Role.AUDIT,
    changes=False,
)
def list_reconciliations(desk: Desk, given: ListReconciliations) -> Reconciliations:
    """List every restored database of this economy, the newest first."""
    query = (
        select(Restoration)
        .where(Restoration.economy == desk.economy)
        .order_by(Restoration.id.desc())
        .limit(100)
    )
    rows = desk.read(lambda session: session.scalars(query).all())
    return Reconciliations(
        restorations=[
            RestorationView(
                id=row.id,
                restored_at=row.restored_at,
                proposed_at=row.proposed_at,
                digest=row.digest,
                reconciled_at=row.reconciled_at,
                report=Reconciliation.model_validate_json(row.report)
                if row.report
                else None,
            )
            for row in rows
        ]
    )


def mark_restored(
    session: Session, economy: str, *, at: datetime, archive: str | None
) -> None:
    """Mark an economy's database as put back; nothing is issued or published then.

    Args:
        session: The session at work.
        economy: One of those hosted.
        at: This moment.
        archive: SHA-256 of the archive, if there was one.
    """
    row = _open_row(session, economy)
    if row is None:
        row = Restoration(economy=economy, restored_at=at)
        session.add(row)
    row.restored_at, row.sha256 = at, archive


def _open_row(session: Session, economy: str) -> Restoration | None:
    query = select(Restoration).where(
        Restoration.economy == economy, Restoration.reconciled_at.is_(None)
    )
    return session.scalars(query).one_or_none()


def _check_behind(session: Session, desk: Desk, report: Reconciliation) -> None:
    found = (
        report.ended,
        report.lost_cards,
        report.taken_back,
        report.swept_lists,
        report.lost_rows,
    )
    heads = Heads(path=desk.office.installation.audit_heads)
    has_published = session.scalars(
        select(PublicationRow.id).where(PublicationRow.economy == desk.economy).limit(1)
    ).first()
    are_heads_lost = has_published and heads.latest(desk.economy) is None
    if not any(found) and not are_heads_lost:
        raise Conflict("backup.in_step", "the database knows all that the outside does")


# Finding out


def _report(
    session: Session, desk: Desk, published: Published, log_lost: bool
) -> Reconciliation:
    economy = desk.economy
    scheme = desk.office.scheme(session)
    capacity = scheme.economy(economy).list_capacity
    own = own_lists(session, economy, published=published.own, capacity=capacity)
    over = overlays(session, economy, scheme=scheme)
    lost = [
        LostCard(
            list=each.list,
            index=each.index,
            document_number=each.document_number,
            form=each.form,
            issued_at=each.at,
        )
        for each in unknown(session, desk.office.installation, economy)
    ]
    lists = _known_lists(session, economy)
    numbers = {*lists, *published.own, *(each.list for each in lost)}
    still_open = sorted(
        number
        for number in numbers
        if number not in lists or not lists[number].is_closed
    )
    report = Reconciliation(
        economy=economy,
        digest="",
        is_done=False,
        ended=list(_ended(session, economy, own, published)),
        lost_cards=sorted(lost, key=lambda each: (each.list, each.index)),
        taken_back=[
            TakenBack(
                preclearance=each.preclearance_id,
                issuer=each.issuer,
                was=session.get_one(Preclearance, each.preclearance_id).state,
                status=each.published,
            )
            for each in reopened(session, economy, over, published)
        ],
        closed_lists=still_open,
        swept_lists=_swept(still_open, lists) if log_lost else [],
        new_list=max(numbers, default=0) + 1,
        lost_rows=_lost_rows(session, desk),
    )
    return report.model_copy(update={"digest": _digest(report)})


def _digest(report: Reconciliation) -> str:
    # Audit rows are left out: proposing adds one.
    text = report.model_dump_json(exclude={"digest", "is_done", "lost_rows"})
    return sha256(text.encode()).hexdigest()


def _ended(
    session: Session, economy: str, own: OwnLists, published: Published
) -> Iterator[Ended]:
    for each in forgotten(own, published):
        place = each.list_number, each.index
        yield _ended_entry(session, economy, place, each.published)
    for number, before in sorted(published.own.items()):
        for one in differences(before, own.entries.get(number, b"")):
            # Suspended out there, good in here: it stays suspended until a person
            # lifts that with a reason.
            if one.before == Status.SUSPENDED and one.after == Status.VALID:
                place = number, one.index
                yield _ended_entry(session, economy, place, one.before)


def _ended_entry(
    session: Session, economy: str, place: tuple[int, int], status: int
) -> Ended:
    credential = _credential(session, economy, place)
    return Ended(
        list=place[0],
        index=place[1],
        document_number=credential.document_number if credential else None,
        was=credential.state if credential else "unknown",
        status=status,
    )


def _credential(
    session: Session, economy: str, place: tuple[int, int]
) -> Credential | None:
    number, index = place
    return session.scalars(
        select(Credential).where(
            Credential.economy == economy,
            Credential.list_number == number,
            Credential.list_index == index,
        )
    ).one_or_none()


def _known_lists(session: Session, economy: str) -> dict[int, StatusList]:
    query = select(StatusList).where(StatusList.economy == economy)
    return {row.number: row for row in session.scalars(query)}


def _swept(numbers: Sequence[int], lists: dict[int, StatusList]) -> list[int]:
    """Name the lists that may have given out indexes since the backup."""
    newest = max(lists, default=0)
    return [
        number
        for number in numbers
        if number not in lists
        or number >= newest
        or not is_due_for_next_list(lists[number].used, lists[number].capacity)
    ]


def _lost_rows(session: Session, desk: Desk) -> int:
    kept = Heads(path=desk.office.installation.audit_heads).latest(desk.economy)
    if kept is None or not audit.is_behind(session, kept):
        return 0
    stands = audit.heads(session).get(desk.economy)
    return max(1, kept.seq - (stands.seq if stands else 0))


# Doing it


def _go_on(desk: Desk) -> None:
    """Let the kept heads go on from the last one that the database knows.

    Killed before this, the heads are still ahead, nothing is published, and all can be
    proposed again.
    """
    heads = Heads(path=desk.office.installation.audit_heads)
    own = [each for each in heads.all() if each.economy == desk.economy]

    def known(session: Session) -> tuple[list[Head], Head]:
        stands = audit.heads(session)[desk.economy]
        return [each for each in own if not audit.is_behind(session, each)], stands

    good, stands = desk.read(known)
    if len(good) < len(own):
        start = Head(economy=desk.economy, seq=0, hash=audit.START)
        base = max(good, key=lambda head: head.seq, default=start)
        heads.restart(base, at=desk.now)
    heads.keep(stands, at=desk.now)


def _carry_out(session: Session, desk: Desk, report: Reconciliation) -> None:
    capacity = desk.office.scheme(session).economy(desk.economy).list_capacity
    _close_lists(session, desk, report, capacity)
    session.flush()
    for ended in report.ended:
        _end(session, desk, ended)
    for stray in _strays(report):
        _burn(session, desk, *stray)
    for taken in report.taken_back:
        _take_back(session, desk, taken)
    session.add(
        StatusList(
            economy=desk.economy,
            number=report.new_list,
            capacity=capacity,
            opened_at=desk.now,
        )
    )
    subject = f"status_list:{report.new_list}"
    desk.log(
        session,
        "status_list:opened",
        subject,
        number=report.new_list,
        capacity=capacity,
    )


def _close_lists(
    session: Session, desk: Desk, report: Reconciliation, capacity: int
) -> None:
    for number in report.closed_lists:
        row = session.get(StatusList, (desk.economy, number))
        if row is None:
            row = StatusList(
                economy=desk.economy,
                number=number,
                capacity=capacity,
                used=0,
                opened_at=desk.now,
            )
            session.add(row)
        row.is_closed = True
        row.ends_unknown = row.ends_unknown or number in report.swept_lists
        desk.log(
            session,
            "status_list:closed",
            f"status_list:{number}",
            number=number,
            ends_unknown=row.ends_unknown,
        )


def _strays(report: Reconciliation) -> list[tuple[int, int, int, str, str]]:
    """Return the indexes that no credential can speak for, each once."""
    found: dict[tuple[int, int], tuple[int, str, str]] = {
        (each.list, each.index): (int(Status.REVOKED), each.document_number, each.form)
        for each in report.lost_cards
    }
    for each in report.ended:
        if each.was not in (_K.VALID, _K.SUSPENDED):
            # No credential can come to this state; and what was suspended, and nobody
            # can lift any more, has ended.
            status = each.status if each.status != Status.SUSPENDED else Status.REVOKED
            place = each.list, each.index
            _, number, form = found.get(place, (0, each.document_number or "", ""))
            found[place] = int(status), number, form
    return [(*place, *what) for place, what in sorted(found.items())]


def _burn(  # noqa: PLR0917
    session: Session,
    desk: Desk,
    number: int,
    index: int,
    status: int,
    document_number: str,
    form: str,
) -> None:
    session.add(
        StrayIndex(
            economy=desk.economy,
            list_number=number,
            list_index=index,
            status=status,
            document_number=document_number,
            form=form,
            found_at=desk.now,
        )
    )


def _end(session: Session, desk: Desk, ended: Ended) -> None:
    credential = _credential(session, desk.economy, (ended.list, ended.index))
    if credential is None or credential.state not in (
        _K.PREPARED,
        _K.VALID,
        _K.SUSPENDED,
    ):
        return
    if credential.state == _K.PREPARED:
        event = "void"
        _void_intents(session, desk, credential)
    elif ended.status == Status.SUSPENDED:
        event = "suspend"
    else:
        event = _EVENTS[Status(ended.status)]
    before = credential.state
    credential.state = CREDENTIAL.after(before, event, by=Side.SYSTEM)
    credential.state_reason, credential.changed_at = _WHY, desk.now
    if event == "suspend":
        _note_suspension(session, desk, credential)
    desk.log(
        session,
        f"credential:{event}",
        f"credential:{credential.id}",
        before=before,
        after=credential.state,
        card=credential.card_id,
        list=credential.list_number,
        index=credential.list_index,
    )


def _note_suspension(session: Session, desk: Desk, credential: Credential) -> None:
    """Keep who suspended it, here and now, so that another person can lift it."""
    session.add(
        Suspension(
            card_id=credential.card_id,
            credential_id=credential.id,
            suspended_by=desk.actor.account_id,
            suspended_at=desk.now,
            reason=_WHY,
        )
    )


def _void_intents(session: Session, desk: Desk, credential: Credential) -> None:
    query = select(Issue).where(
        Issue.credential_id == credential.id, Issue.state == IssueState.INTENDED
    )
    for issue in session.scalars(query):
        issue.state, issue.recorded_at = IssueState.VOID, desk.now
        desk.log(session, "issue:void", f"issue:{issue.id}", credential=credential.id)


def _take_back(session: Session, desk: Desk, taken: TakenBack) -> None:
    row = session.get_one(Preclearance, taken.preclearance)
    event = "withdraw" if taken.status == Overlay.WITHDRAWN else "suspend"
    before = row.state
    # What this economy did as a destination, and has forgotten, it does again.
    row.state = PRECLEARANCE.after(before, event, by=Side.DESTINATION)
    row.changed_at = desk.now
    last = session.scalar(
        select(func.max(PreclearanceEvent.seq)).where(
            PreclearanceEvent.preclearance_id == row.id
        )
    )
    session.add(
        PreclearanceEvent(
            preclearance_id=row.id,
            seq=(last or 0) + 1,
            event=event,
            before=before,
            after=row.state,
            at=desk.now,
            actor_id=desk.actor.account_id,
            note=_WHY,
        )
    )
    desk.log(
        session,
        f"preclearance:{event}",
        f"preclearance:{row.id}",
        before=before,
        after=row.state,
        card=row.card_id,
        destination=row.destination,
        issuer=row.issuer,
    )
