"""What an economy's lists have to say, read from the database.

An own list is 0 wherever no credential has ended or is suspended, so only those are
read: it takes as long for a million cards as for the few that are not good.  An
overlay compares what the destination says today with what the signed texts say that
are out there: each text that was ever signed for a credential is alive as long as the
credential, as nobody can take an older one back.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import and_, case, exists, false, func, literal, or_, select
from sqlalchemy.orm import Session

from issuer.lifecycle import Credential as CredentialState
from issuer.lifecycle import Preclearance as PreclearanceState
from issuer.lists import Overlay, Status
from issuer.scheme import Scheme
from issuer.store import (
    Credential,
    ForeignCredential,
    Issue,
    IssueState,
    Preclearance,
    PreclearanceEvent,
    StatusList,
    StrayIndex,
)

_PER_BYTE: Final = 4
_PAGE: Final = 5_000
_K, _P = CredentialState, PreclearanceState
_LIVE: Final = (_K.VALID, _K.SUSPENDED)
_STATUS: Final = {
    _K.REVOKED: Status.REVOKED,
    _K.SUSPENDED: Status.SUSPENDED,
    _K.SUPERSEDED: Status.SUPERSEDED,
}
"""Every other state is 0, but what has expired stays as it was last published."""


class Entries:
    """The entries of one list while it is put together; two bits each."""

    __slots__ = ("bits",)

    def __init__(self, capacity: int) -> None:
        self.bits = bytearray(capacity // _PER_BYTE)

    def set(self, index: int, state: int) -> None:
        """Put a state in the place of whatever an index has."""
        position, shift = divmod(index, _PER_BYTE)
        shift *= 2
        self.bits[position] = self.bits[position] & ~(3 << shift) | state << shift


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnLists:
    """An economy's status lists by number."""

    entries: Mapping[int, bytes]
    changed_at: Mapping[tuple[int, int], datetime]
    """When what is not 0 came to its state, by list and index; not for stray ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """An entry that says one thing in one list and another thing in another."""

    index: int
    before: int
    after: int


def own_lists(
    session: Session, economy: str, *, published: Mapping[int, bytes], capacity: int
) -> OwnLists:
    """Read an economy's own lists.

    Args:
        session: A reading session.
        economy: The issuer.
        published: Entries by number of the list, as last published: what has expired
            stays as it was.
        capacity: Of a list that the database does not know, and that has stray indexes.
    """
    lists = _lists(session, economy)
    made = {number: Entries(row.capacity) for number, row in lists.items()}
    for number, row in lists.items():
        if row.ends_unknown:
            _end_unknown(session, economy, number, made[number])
    changed_at: dict[tuple[int, int], datetime] = {}
    for number, index, state, at in _not_good(session, economy):
        if state == _K.EXPIRED:
            status = state_at(published.get(number, b""), index)
        else:
            status = _STATUS[state]
            changed_at[number, index] = at
        made[number].set(index, status)
    for number, index, status in session.execute(
        select(StrayIndex.list_number, StrayIndex.list_index, StrayIndex.status).where(
            StrayIndex.economy == economy
        )
    ):
        made.setdefault(number, Entries(capacity)).set(index, status)
        changed_at.pop((number, index), None)
    return OwnLists(
        entries={number: bytes(each.bits) for number, each in made.items()},
        changed_at=changed_at,
    )


def overlays(
    session: Session, destination: str, *, scheme: Scheme
) -> dict[tuple[str, int], bytes]:
    """Read a destination's overlays over every list that is known to it.

    Args:
        session: A reading session.
        destination: Whose overlays.
        scheme: In force: how long the lists of issuers elsewhere are.

    Returns:
        Entries by issuer and number of its list, sorted; also where all are 0, as a
        device without an overlay cannot tell (specification, section 10, row 7).
    """
    made = {
        (row.economy, row.number): Entries(row.capacity)
        for row in session.scalars(
            select(StatusList)
            .where(StatusList.economy != destination)
            .order_by(StatusList.economy, StatusList.number)
        )
    }
    for issuer, number, last in session.execute(_told(destination)):
        made[issuer, number] = Entries(max(_capacity(scheme, issuer), _whole(last + 1)))
    for query in (_disagreeing(destination), _unread(destination)):
        for issuer, number, index, state in _stream(session, query):
            made[issuer, number].set(index, state)
    return {key: bytes(made[key].bits) for key in sorted(made)}


def state_at(entries: bytes, index: int) -> int:
    """Return one state; 0 beyond the end."""
    position, shift = divmod(index, _PER_BYTE)
    return entries[position] >> 2 * shift & 3 if position < len(entries) else 0


def differences(before: bytes, after: bytes) -> Iterator[Difference]:
    """Yield what differs; what one of them lacks is 0 there."""
    length = max(len(before), len(after))
    old, new = before.ljust(length, b"\0"), after.ljust(length, b"\0")
    if old == new:
        return
    for position, (one, two) in enumerate(zip(old, new, strict=True)):
        if one == two:
            continue
        for place in range(_PER_BYTE):
            first, second = one >> 2 * place & 3, two >> 2 * place & 3
            if first != second:
                index = position * _PER_BYTE + place
                yield Difference(index=index, before=first, after=second)


def counts(entries: bytes) -> tuple[int, int, int, int]:
    """Count the states 0 to 3."""
    tally = [0, 0, 0, 0]
    for value, times in _histogram(entries):
        for place in range(_PER_BYTE):
            tally[value >> 2 * place & 3] += times
    return tally[0], tally[1], tally[2], tally[3]


@dataclass(slots=True)
class IndexSet:
    """Which indexes of an economy's lists are taken: a bit each, however many."""

    _lists: dict[int, bytearray] = field(default_factory=dict)

    def add(self, number: int, index: int) -> None:
        """Add an index."""
        bits = self._lists.setdefault(number, bytearray())
        if len(bits) <= index >> 3:
            bits.extend(bytes((index >> 3) + 1 - len(bits)))
        bits[index >> 3] |= 1 << (index & 7)

    def __contains__(self, place: object) -> bool:
        if not isinstance(place, tuple):
            return False
        number, index = place
        bits = self._lists.get(number, b"")
        return index >> 3 < len(bits) and bool(bits[index >> 3] & 1 << (index & 7))


def known_indexes(session: Session, economy: str) -> IndexSet:
    """Return every index that the database has given out, and the stray ones."""
    known = IndexSet()
    for table in (Credential, StrayIndex):
        query = select(table.list_number, table.list_index).where(
            table.economy == economy
        )
        for number, index in _stream(session, query):
            known.add(number, index)
    return known


def _lists(session: Session, economy: str) -> dict[int, StatusList]:
    query = (
        select(StatusList)
        .where(StatusList.economy == economy)
        .order_by(StatusList.number)
    )
    return {row.number: row for row in session.scalars(query)}


def _not_good(
    session: Session, economy: str
) -> Iterator[tuple[int, int, CredentialState, datetime]]:
    columns = (
        Credential.list_number,
        Credential.list_index,
        Credential.state,
        Credential.changed_at,
    )
    # Apart, so that each finds its own index.
    for states in ((*_STATUS,), (_K.EXPIRED,)):
        query = select(*columns).where(
            Credential.economy == economy, Credential.state.in_(states)
        )
        yield from _stream(session, query)


def _end_unknown(session: Session, economy: str, number: int, entries: Entries) -> None:
    """Revoke every index of a list that no credential has."""
    ended = int(Status.REVOKED)
    entries.bits[:] = bytes([ended * 0b01010101]) * len(entries.bits)
    query = select(Credential.list_index).where(
        Credential.economy == economy, Credential.list_number == number
    )
    for (index,) in _stream(session, query):
        entries.set(index, Status.VALID)


def _disagreeing(destination: str) -> Any:
    """Select the credentials of which a signed text says another thing than today."""
    carries = (" " + Issue.economies + " ").like(f"% {destination} %")
    approved = Preclearance.state == _P.APPROVED
    suspended = Preclearance.state == _P.SUSPENDED
    # Where there is no row at all, nobody has approved.
    is_approved = func.coalesce(approved, false())
    is_suspended = func.coalesce(suspended, false())
    return (
        select(
            Credential.economy,
            Credential.list_number,
            Credential.list_index,
            case(
                (is_suspended, literal(int(Overlay.SUSPENDED))),
                (is_approved, literal(int(Overlay.GRANTED))),
                else_=literal(int(Overlay.WITHDRAWN)),
            ),
        )
        .join(Issue, Issue.credential_id == Credential.id)
        .outerjoin(
            Preclearance,
            and_(
                Preclearance.card_id == Credential.card_id,
                Preclearance.destination == destination,
            ),
        )
        .where(
            Issue.state == IssueState.SIGNED,
            Credential.economy != destination,
            Credential.state.in_(_LIVE),
            or_(
                is_suspended,
                and_(is_approved, ~carries),
                and_(~is_approved, carries),
            ),
        )
    )


def _told(destination: str) -> Any:
    """Select the lists of issuers elsewhere, and the last index that was told."""
    place = ForeignCredential.economy, ForeignCredential.list_number
    return (
        select(*place, func.max(ForeignCredential.list_index))
        .where(ForeignCredential.told_to == destination)
        .group_by(*place)
    )


def _capacity(scheme: Scheme, issuer: str) -> int:
    """Return how long its lists are; what was withdrawn outlasts a membership."""
    is_known = issuer in scheme.economies
    return scheme.economy(issuer).list_capacity if is_known else 0


def _whole(entries: int) -> int:
    return -(-entries // _PER_BYTE) * _PER_BYTE


def _unread(destination: str) -> Any:
    """Select the credentials of issuers elsewhere, whose texts nobody here has read.

    A grant is said again, which does no harm.  Withdrawn is what was approved once.
    """
    was_approved = exists(
        select(PreclearanceEvent.id).where(
            PreclearanceEvent.preclearance_id == Preclearance.id,
            PreclearanceEvent.after == _P.APPROVED,
        )
    )
    return (
        select(
            ForeignCredential.economy,
            ForeignCredential.list_number,
            ForeignCredential.list_index,
            case(
                (Preclearance.state == _P.SUSPENDED, int(Overlay.SUSPENDED)),
                (Preclearance.state == _P.APPROVED, int(Overlay.GRANTED)),
                else_=int(Overlay.WITHDRAWN),
            ),
        )
        .join(Preclearance, Preclearance.card_id == ForeignCredential.card_id)
        .where(
            Preclearance.destination == destination,
            ForeignCredential.told_to == destination,
            ForeignCredential.state.in_(_LIVE),
            or_(
                Preclearance.state.in_((_P.SUSPENDED, _P.APPROVED, _P.WITHDRAWN)),
                and_(Preclearance.state.in_((_P.PENDING, _P.LAPSED)), was_approved),
            ),
        )
    )


def _stream(session: Session, query: Any) -> Iterator[Any]:
    result = session.execute(query.execution_options(yield_per=_PAGE))
    for page in result.partitions():
        yield from page


def _histogram(entries: bytes) -> Iterator[tuple[int, int]]:
    for value in set(entries):
        yield value, entries.count(value)
