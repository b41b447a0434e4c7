"""Whether the database is in step with the world outside it.

A database that was put back from a backup has forgotten what was done since.  Three
records away from it remember: what is published, the issue log, and the heads of the
audit log.  Whoever is about to publish asks here first.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, exists, select, union_all
from sqlalchemy.orm import Session

from issuer import audit
from issuer.audit import Heads
from issuer.entries import (
    Difference,
    OwnLists,
    differences,
    known_indexes,
)
from issuer.installation import Installation
from issuer.issue_log import IssueLog, Logged
from issuer.lifecycle import Preclearance as PreclearanceState
from issuer.lists import Overlay, Status
from issuer.store import (
    Credential,
    ForeignCredential,
    Preclearance,
    PublicationRow,
    Restoration,
)

_FINAL = (Status.REVOKED, Status.SUPERSEDED)
_P = PreclearanceState
_OPEN = {
    int(Overlay.WITHDRAWN): (_P.APPROVED, _P.SUSPENDED),
    int(Overlay.SUSPENDED): (_P.APPROVED,),
}
"""What a pre-clearance cannot be any more once an overlay has said this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What an economy has published, as far as lists go."""

    own: Mapping[int, bytes]
    """Entries of its status lists by number."""
    overlays: Mapping[tuple[str, int], bytes]
    """Entries of its overlays by issuer and number."""
    overlays_at: Mapping[tuple[str, int], datetime]
    """When each overlay was signed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something outside that the database does not know; nothing may be published."""

    code: str
    """Dotted and stable, for programs."""
    detail: str
    """In one sentence without a full stop, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """An entry that is published as ended, and that the database would open again."""

    list_number: int
    index: int
    published: int
    """What the list says: 1 or 3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopened:
    """A pre-clearance that is published as taken back, and is not in the database."""

    issuer: str
    list_number: int
    index: int
    published: int
    """What the overlay says: 1 or 2."""
    preclearance_id: int


def problems(
    session: Session,
    installation: Installation,
    economy: str,
    *,
    own: OwnLists,
    overlays: Mapping[tuple[str, int], bytes],
    published: Published,
) -> Iterator[Problem]:
    """Yield what speaks against publishing an economy's lists.

    Args:
        session: A reading session.
        installation: Where the records outside are.
        economy: Whose lists.
        own: What the database says its lists are.
        overlays: What the database says its overlays are.
        published: What is published.

    Raises:
        AuditError, OSError: A record outside cannot be read.
    """
    if is_restored(session, economy):
        yield Problem(
            code="publication.restored",
            detail="the database was put back from a backup: reconcile it first",
        )
    yield from _of_heads(session, installation, economy)
    for what in forgotten(own, published):
        yield Problem(
            code="publication.unrevoked",
            detail=f"index {what.index} of list {what.list_number} has ended, says "
            "what is published, and the database does not know",
        )
    for pre in reopened(session, economy, overlays, published):
        yield Problem(
            code="publication.unwithdrawn",
            detail=f"the answer for index {pre.index} of list {pre.list_number} of "
            f"{pre.issuer} was taken back, says what is published, and the database "
            "does not know",
        )
    for each in unknown(session, installation, economy):
        yield Problem(
            code="publication.unknown_index",
            detail=f"document {each.document_number} was issued at {each.at}, and the "
            "database does not know",
        )


def is_restored(session: Session, economy: str) -> bool:
    """Tell whether a database was put back and not reconciled since."""
    query = exists().where(
        Restoration.economy == economy, Restoration.reconciled_at.is_(None)
    )
    return bool(session.scalar(select(query)))


def forgotten(own: OwnLists, published: Published) -> Iterator[Forgotten]:
    """Yield what is published as ended and would change, in order."""
    for number, before in sorted(published.own.items()):
        for each in differences(before, own.entries.get(number, b"")):
            if each.before in _FINAL:
                yield Forgotten(
                    list_number=number, index=each.index, published=each.before
                )


def reopened(
    session: Session,
    destination: str,
    overlays: Mapping[tuple[str, int], bytes],
    published: Published,
) -> Iterator[Reopened]:
    """Yield pre-clearances that the database approves, and takes back no more.

    One that was approved after the overlay was signed is news.  One that was approved
    before cannot have been published as taken back, unless the database is older.
    """
    for (issuer, number), before in sorted(published.overlays.items()):
        signed_at = published.overlays_at[issuer, number]
        for each in differences(before, overlays.get((issuer, number), b"")):
            if each.before in _OPEN:
                place = issuer, number
                for preclearance_id in session.scalars(
                    _open_since(destination, place, each, signed_at)
                ):
                    yield Reopened(
                        issuer=issuer,
                        list_number=number,
                        index=each.index,
                        published=each.before,
                        preclearance_id=preclearance_id,
                    )


def unknown(
    session: Session, installation: Installation, economy: str
) -> Iterator[Logged]:
    """Yield what the issue log has and the database has not, each index once."""
    known = known_indexes(session, economy)
    for each in IssueLog(path=installation.issue_log).of(economy, known=known):
        known.add(each.list, each.index)
        yield each


def _of_heads(
    session: Session, installation: Installation, economy: str
) -> Iterator[Problem]:
    kept = Heads(path=installation.audit_heads).latest(economy)
    if kept is not None and audit.is_behind(session, kept):
        yield Problem(
            code="publication.audit_behind",
            detail=f"the audit log had a row {kept.seq} that this database has not",
        )
    if kept is None and _has_published(session, economy):
        yield Problem(
            code="publication.heads_lost",
            detail=f"{installation.audit_heads} has no head, and there were some",
        )


def _has_published(session: Session, economy: str) -> bool:
    return bool(
        session.scalar(select(exists().where(PublicationRow.economy == economy)))
    )


def _open_since(
    destination: str, place: tuple[str, int], entry: Difference, signed_at: datetime
) -> Select[int]:
    told = _cards_at(ForeignCredential, place, entry).where(
        ForeignCredential.told_to == destination
    )
    cards = union_all(_cards_at(Credential, place, entry), told)
    return (
        select(Preclearance.id)
        .where(
            Preclearance.card_id.in_(cards),
            Preclearance.destination == destination,
            Preclearance.state.in_(_OPEN[entry.before]),
            Preclearance.changed_at < signed_at,
        )
        .order_by(Preclearance.id)
    )


def _cards_at(
    table: type[Credential | ForeignCredential],
    place: tuple[str, int],
    entry: Difference,
) -> Select[int]:
    economy, number = place
    return select(table.card_id).where(
        table.economy == economy,
        table.list_number == number,
        table.list_index == entry.index,
        table.state.in_(("valid", "suspended")),
    )
