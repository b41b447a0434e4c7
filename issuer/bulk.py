"""Changes of many records: proposed by one person, released by another, done once each.

A proposal is a dry run: it counts what would happen to each record and changes nothing.
Released, it runs in chunks.  What became of a record is written in the transaction of
its change, so that a run that was killed goes on where it stopped.

What can be done in bulk stands in `BULK_ACTIONS`; other modules add to it.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import Field, ValidationError
from sqlalchemy import ColumnElement, func, insert, select, update
from sqlalchemy.orm import Session

from issuer import lifecycle
from issuer.applications import circulate_one
from issuer.errors import (
    Conflict,
    IllegalTransition,
    Invalid,
    IssuerError,
    NotAllowed,
    NotFound,
)
from issuer.incoming import Event, Plan, Screening, plan_many, sign_plans, store_signed
from issuer.jws import canonical
from issuer.lifecycle import APPLICATION, PRECLEARANCE, Side
from issuer.office import Desk
from issuer.operations import Answer, Request, once, operation, problems_of
from issuer.preclearances import PENDING, Limit, locked, move, refuse_if
from issuer.store import (
    Account,
    Application,
    Bulk,
    BulkItem,
    BulkState,
    Card,
    Issue,
    Plastic,
    Preclearance,
    Role,
)

MAX_SIZE: Final = 50_000
"""Records of one bulk change."""
CHUNK: Final = 200
"""Records in one transaction, where an action says nothing else."""
DONE: Final = "done"
_ATTEMPTS: Final = 5
_PREVIEWED: Final = 1_000
"""Records that are looked at together in a dry run."""
_WORKERS: Final = (Role.VETTING, Role.ISSUING, Role.PRECLEARANCE)

Change = Callable[[Session, Desk, int, Any, int], None]
"""Session, desk, record, arguments, number of the bulk change; raises what refuses."""
Preview = Callable[[Session, Desk, Sequence[int], Any], Mapping[int, str]]
Prepare = Callable[[Desk, Sequence[int], Any], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Some records of a bulk change, to be changed in one transaction."""

    session: Session
    desk: Desk
    records: Sequence[int]
    arguments: Any
    prepared: Any
    """What ``prepare`` returned; None without one."""
    bulk: int


Chunk = Callable[[Batch], Mapping[int, str]]


class NoArguments(Request):
    """An action that takes nothing beside the records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkAction:
    """Something that can be done to many records."""

    name: str
    """Such as ``card.revoke``; stable."""
    summary: str
    roles: frozenset[Role]
    """Who proposes and releases it needs one of them."""
    select: Callable[[Desk, Any], Any]
    """Desk and filter to a query of record numbers, of this economy only."""
    preview: Preview
    """Says what would become of some records; changes nothing; see `look_at_each`."""
    change: Chunk
    """Changes a chunk and returns each outcome; see `one_by_one`."""
    prepare: Prepare | None = None
    """Runs before each chunk, outside of any transaction: for what needs a signer."""
    filter: type[Request] = NoArguments
    arguments: type[Request] = NoArguments
    chunk: int = CHUNK


BULK_ACTIONS: Final[dict[str, BulkAction]] = {}


def add_action(action: BulkAction) -> None:
    """Put an action on the list.

    Raises:
        ValueError: Its name is taken.
    """
    if action.name in BULK_ACTIONS:
        raise ValueError(f"{action.name} is listed twice")
    BULK_ACTIONS[action.name] = action


def look_at_each(look: Callable[[Session, Desk, int, Any], None]) -> Preview:
    """Make a preview of a function that raises what a change would raise."""

    def preview(
        session: Session, desk: Desk, records: Sequence[int], arguments: Any
    ) -> Mapping[int, str]:
        return {record: seen(session, desk, record, arguments) for record in records}

    def seen(session: Session, desk: Desk, record: int, arguments: Any) -> str:
        try:
            look(session, desk, record, arguments)
        except (Conflict, IllegalTransition, NotFound) as error:
            return outcome_of(error)
        return DONE

    return preview


def one_by_one(change: Change) -> Chunk:
    """Make a chunk of a change of one record; one that is refused changes nothing."""

    def chunk(batch: Batch) -> Mapping[int, str]:
        return {record: attempt(batch, record) for record in batch.records}

    def attempt(batch: Batch, record: int) -> str:
        try:
            with batch.session.begin_nested():
                change(batch.session, batch.desk, record, batch.arguments, batch.bulk)
        except (Conflict, IllegalTransition, NotFound) as error:
            return outcome_of(error)
        return DONE

    return chunk


def outcome_of(error: IssuerError) -> str:
    """Return the code under which a record is left out."""
    match error:
        case Conflict():
            return error.code
        case IllegalTransition():
            return error.reason
        case _:
            return "not_found"


# Proposing


class Propose(Request):
    """A change of many records."""

    action: str = Field(description="What is done; see the list of actions.")
    ids: tuple[int, ...] | None = Field(
        None, max_length=MAX_SIZE, description="The records; or give a filter."
    )
    filter: dict[str, Any] | None = Field(
        None, description="What the records have in common; fields of the action."
    )
    arguments: dict[str, Any] = Field(
        default_factory=dict, description="What the action takes beside the records."
    )


class Outcome(Answer):
    """How many records fare alike."""

    outcome: str
    """``done``, or the code of what stands in the way."""
    count: int


class BulkView(Answer):
    """A change of many records, and how far it is."""

    bulk: int | None
    """None for a dry run that was not kept."""
    action: str
    summary: str
    arguments: dict[str, Any]
    reason: str
    state: BulkState
    size: int
    proposed_by: int
    proposer: str
    """Display name of who proposed it."""
    proposed_at: datetime
    approved_by: int | None
    approver: str | None
    is_own: bool
    """This account proposed it, so somebody else has to release it."""
    waiting: int
    """Records that nothing has become of yet."""
    outcomes: tuple[Outcome, ...]
    """Of a proposal: what would become of them; afterwards: what did."""


@operation(
    "bulk.preview",
    "Show what a change of many records would do; nothing is kept.",
    *_WORKERS,
    changes=False,
)
def preview(desk: Desk, given: Propose) -> BulkView:
    """Dry run only."""
    action, arguments = _action(desk, given.action), _arguments(given)

    def work(session: Session) -> BulkView:
        records = _records(session, desk, action, given)
        return BulkView(
            bulk=None,
            action=action.name,
            summary=action.summary,
            arguments=given.arguments,
            reason=desk.reason,
            state=BulkState.PROPOSED,
            size=len(records),
            proposed_by=desk.actor.account_id,
            proposer=_name(session, desk.actor.account_id),
            proposed_at=desk.now,
            approved_by=None,
            approver=None,
            is_own=True,
            waiting=len(records),
            outcomes=_dry_run(session, desk, action, records, arguments),
        )

    return desk.read(work)


@operation(
    "bulk.propose",
    "Propose a change of many records, for a second person to release.",
    *_WORKERS,
)
def propose(desk: Desk, given: Propose) -> BulkView:
    """Keep the records and what would become of them; nothing else changes.

    Raises:
        NotFound: There is no such action.
        NotAllowed: The action is for other roles.
        Invalid: The filter or the arguments are wrong; or there are both ids and a
            filter, or neither.
        Conflict: ``bulk.empty``, or ``bulk.too_many``.
    """
    action, arguments = _action(desk, given.action), _arguments(given)

    def work(session: Session) -> BulkView:
        records = _records(session, desk, action, given)
        row = Bulk(
            economy=desk.economy,
            action=action.name,
            arguments=canonical(given.arguments).decode(),
            reason=desk.reason,
            size=len(records),
            proposed_by=desk.actor.account_id,
            proposed_at=desk.now,
            state=BulkState.PROPOSED,
        )
        session.add(row)
        session.flush()
        session.execute(
            insert(BulkItem),
            [{"bulk_id": row.id, "record_id": record} for record in records],
        )
        desk.log(
            session, "bulk:proposed", _subject(row), action=action.name, size=row.size
        )
        outcomes = _dry_run(session, desk, action, records, arguments)
        return _view(session, desk, row, outcomes, row.size)

    return once(desk, given, BulkView, work)


def _action(desk: Desk, name: str) -> BulkAction:
    action = BULK_ACTIONS.get(name)
    if action is None:
        raise NotFound(f"there is no bulk action {name[:40]!r}")
    if not desk.actor.roles & action.roles:
        raise NotAllowed(f"{desk.actor.login} has no role for {name}")
    return action


def _arguments(given: Propose) -> Any:
    return _parse(BULK_ACTIONS[given.action].arguments, given.arguments, "arguments")


def _parse(shape: type[Request], fields: Mapping[str, Any], path: str) -> Any:
    try:
        return shape.model_validate(fields)
    except ValidationError as error:
        raise Invalid(problems_of(error, path)) from error


def _records(
    session: Session, desk: Desk, action: BulkAction, given: Propose
) -> list[int]:
    if (given.ids is None) == (given.filter is None):
        raise Invalid([("ids", "ids_or_filter", "give ids or a filter, not both")])
    if given.ids is not None:
        found = sorted(set(given.ids))
    else:
        wanted = _parse(action.filter, given.filter or {}, "filter")
        query = action.select(desk, wanted).limit(MAX_SIZE + 1)
        found = sorted(set(session.scalars(query)))
    refuse_if(not found, "bulk.empty", "no record is meant")
    refuse_if(
        len(found) > MAX_SIZE,
        "bulk.too_many",
        f"more than {MAX_SIZE:,} records are meant; narrow the filter",
    )
    return found


def _dry_run(
    session: Session,
    desk: Desk,
    action: BulkAction,
    records: Sequence[int],
    arguments: Any,
) -> tuple[Outcome, ...]:
    counted: Counter[str] = Counter()
    for part in _parts(records, _PREVIEWED):
        counted.update(action.preview(session, desk, part, arguments).values())
        session.flush()
        session.expunge_all()  # 50,000 records need not stay in memory
    return _outcomes(counted)


def _parts(records: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(records), size):
        yield records[start : start + size]


def _outcomes(counted: Mapping[str, int]) -> tuple[Outcome, ...]:
    return tuple(
        Outcome(outcome=name, count=count) for name, count in sorted(counted.items())
    )


# Releasing and running


class OneBulk(Request):
    """Which bulk change."""

    bulk: int = Field(description="Number of the bulk change.")


class Release(OneBulk):
    """How much of it to do now."""

    at_most: int | None = Field(
        None, ge=1, description="Do so many records now, and the rest by bulk.resume."
    )


class Released(Answer):
    """It may run now."""

    bulk: int


@operation(
    "bulk.approve",
    "Release a change of many records that somebody else proposed, and do it.",
    *_WORKERS,
    by_person=True,
)
def approve(desk: Desk, given: Release) -> BulkView:
    """Release, then run.

    Raises:
        Conflict: ``bulk.second_person``; ``bulk.not_proposed``: it was released or
            rejected before.
        NotFound, NotAllowed: As for `propose`.
    """

    def release(session: Session) -> Released:
        row = _proposed(session, desk, given.bulk)
        refuse_if(
            row.proposed_by == desk.actor.account_id,
            "bulk.second_person",
            "you proposed this; another person has to release it",
        )
        row.approved_by, row.approved_at = desk.actor.account_id, desk.now
        row.state = BulkState.RUNNING
        desk.log(
            session,
            "bulk:approved",
            _subject(row),
            action=row.action,
            size=row.size,
            proposed_by=row.proposed_by,
        )
        return Released(bulk=row.id)

    once(desk, given, Released, release)
    return _run_first(desk, given)


def _run_first(desk: Desk, given: Release) -> BulkView:
    """Do what the release asked for; the same request again finds some of it done."""
    found = show(desk, OneBulk(bulk=given.bulk))
    left = given.at_most and given.at_most - (found.size - found.waiting)
    if found.state != BulkState.RUNNING or (left is not None and left <= 0):
        return found
    return run(desk, given.bulk, at_most=left)


@operation(
    "bulk.resume",
    "Go on with a change of many records that was released and is not done.",
    *_WORKERS,
)
def resume(desk: Desk, given: Release) -> BulkView:
    """Go on.

    Raises:
        Conflict: ``bulk.not_running``: it was never released, or is done.
    """
    return run(desk, given.bulk, at_most=given.at_most)


@operation(
    "bulk.reject", "Reject a change of many records, or take one's own back.", *_WORKERS
)
def reject(desk: Desk, given: OneBulk) -> BulkView:
    """Reject what nobody has released.

    Raises:
        Conflict: ``bulk.not_proposed``.
    """

    def work(session: Session) -> BulkView:
        row = _proposed(session, desk, given.bulk)
        row.state = BulkState.REJECTED
        desk.log(
            session,
            "bulk:rejected",
            _subject(row),
            action=row.action,
            proposed_by=row.proposed_by,
        )
        return _view(session, desk, row, (), row.size)

    return desk.write(work)


@operation(
    "bulk.show", "Show a change of many records and how far it is.", *_WORKERS,
    changes=False,
)  # fmt: skip
def show(desk: Desk, given: OneBulk) -> BulkView:
    """Show one; of a proposal what it would do as things are now."""

    def work(session: Session) -> BulkView:
        row = desk.find(session, Bulk, given.bulk)
        if row.state != BulkState.PROPOSED:
            return _progress(session, desk, row)
        action = BULK_ACTIONS[row.action]
        records = list(_waiting(session, row, row.size))
        arguments = action.arguments.model_validate(json.loads(row.arguments))
        outcomes = _dry_run(session, desk, action, records, arguments)
        return _view(session, desk, row, outcomes, row.size)

    return desk.read(work)


class ListBulks(Request):
    """Which bulk changes to list."""

    state: BulkState = Field(BulkState.PROPOSED, description="Only those.")
    after: int | None = Field(None, description="Go on behind this one.")
    limit: Limit = Field(50, description="How many at most, up to 200.")


class BulkLine(Answer):
    """One bulk change of a list."""

    bulk: int
    action: str
    reason: str
    size: int
    state: BulkState
    proposed_by: int
    proposer: str
    """Display name of who proposed it."""
    proposed_at: datetime


class BulkLines(Answer):
    """A page of bulk changes, in the order in which they were proposed."""

    bulks: tuple[BulkLine, ...]
    after: int | None
    """Where the next page begins; None at the end."""


class ListItems(OneBulk):
    """Which records of a bulk change to list."""

    outcome: str | None = Field(
        None, max_length=80, description="Only those that fared so."
    )
    after: int | None = Field(None, description="Go on behind this record.")
    limit: Limit = Field(50, description="How many at most, up to 200.")


class ItemLine(Answer):
    """One record of a bulk change."""

    record: int
    """Number of an application, a request or a card, as the action has it."""
    outcome: str | None
    """``done``, or why not; None while it waits."""


class ItemLines(Answer):
    """A page of records by number."""

    items: tuple[ItemLine, ...]
    after: int | None
    """Where the next page begins; None at the end."""


@operation(
    "bulk.items",
    "List the records of a bulk change, and what became of each.",
    *_WORKERS,
    changes=False,
)
def list_items(desk: Desk, given: ListItems) -> ItemLines:
    """List records of one of this economy's bulk changes."""

    def work(session: Session) -> ItemLines:
        row = desk.find(session, Bulk, given.bulk)
        query = select(BulkItem.record_id, BulkItem.outcome).where(
            BulkItem.bulk_id == row.id, BulkItem.record_id > (given.after or 0)
        )
        if given.outcome is not None:
            query = query.where(BulkItem.outcome == given.outcome)
        found = session.execute(
            query.order_by(BulkItem.record_id).limit(given.limit + 1)
        ).all()
        lines = tuple(
            ItemLine(record=record, outcome=outcome)
            for record, outcome in found[: given.limit]
        )
        more = len(found) > given.limit
        return ItemLines(items=lines, after=lines[-1].record if more else None)

    return desk.read(work)


@operation("bulk.list", "List changes of many records.", *_WORKERS, changes=False)
def list_bulks(desk: Desk, given: ListBulks) -> BulkLines:
    """List bulk changes of this economy."""

    def work(session: Session) -> BulkLines:
        query = select(Bulk).where(
            Bulk.economy == desk.economy,
            Bulk.state == given.state,
            Bulk.id > (given.after or 0),
        )
        rows = session.scalars(query.order_by(Bulk.id).limit(given.limit + 1)).all()
        lines = tuple(
            BulkLine(
                bulk=row.id,
                action=row.action,
                reason=row.reason,
                size=row.size,
                state=row.state,
                proposed_by=row.proposed_by,
                proposer=_name(session, row.proposed_by),
                proposed_at=row.proposed_at,
            )
            for row in rows[: given.limit]
        )
        more = len(rows) > given.limit
        return BulkLines(bulks=lines, after=lines[-1].bulk if more else None)

    return desk.read(work)


class ActionLine(Answer):
    """Something that can be done in bulk."""

    action: str
    summary: str
    filter: tuple[str, ...]
    arguments: tuple[str, ...]


class Actions(Answer):
    """What can be done in bulk by this account."""

    actions: tuple[ActionLine, ...]


@operation("bulk.actions", "List what can be done in bulk.", *_WORKERS, changes=False)
def actions(desk: Desk, given: NoArguments) -> Actions:
    """List the actions that this account's roles may propose."""
    return Actions(
        actions=tuple(
            ActionLine(
                action=each.name,
                summary=each.summary,
                filter=tuple(each.filter.model_fields),
                arguments=tuple(each.arguments.model_fields),
            )
            for _, each in sorted(BULK_ACTIONS.items())
            if each.roles & desk.actor.roles
        )
    )


def run(
    desk: Desk,
    bulk: int,
    *,
    at_most: int | None = None,
    progress: Callable[[int, int], None] = lambda done, size: None,
) -> BulkView:
    """Do the records of a released bulk change that nothing has become of yet.

    Args:
        desk: Who does it; has a role of the action.
        bulk: Its number.
        at_most: Records to do now; None for all.
        progress: Called after each chunk with how many are done now, and how many
            there were to do.

    Raises:
        Conflict: ``bulk.not_running``; or ``preclearance.changed`` where others kept
            changing the records: run it again.
        SigningError, StoreDown: Half of it may be done; run it again.
    """
    row = desk.read(lambda session: _running(session, desk, bulk))
    action = _action(desk, row.action)
    arguments = action.arguments.model_validate(json.loads(row.arguments))
    wanted = at_most or row.size
    waiting = desk.read(lambda session: list(_waiting(session, row, wanted)))
    done = 0
    for records in _parts(waiting, action.chunk):
        _run_chunk(desk, row, action, arguments, records)
        done += len(records)
        progress(done, len(waiting))
    return desk.write(lambda session: _finish(session, desk, bulk))


def _run_chunk(
    desk: Desk, row: Bulk, action: BulkAction, arguments: Any, records: Sequence[int]
) -> None:
    for _ in range(_ATTEMPTS - 1):
        try:
            return _try_chunk(desk, row, action, arguments, records)
        except Conflict:
            # Others have changed some of the records since they were prepared.
            if action.prepare is None:
                raise
    return _try_chunk(desk, row, action, arguments, records)


def _try_chunk(
    desk: Desk, row: Bulk, action: BulkAction, arguments: Any, records: Sequence[int]
) -> None:
    waiting = desk.read(lambda session: _still_waiting(session, row, records))
    prepared = action.prepare(desk, waiting, arguments) if action.prepare else None

    def work(session: Session) -> None:
        batch = Batch(
            session=session,
            desk=desk,
            records=_still_waiting(session, row, waiting),
            arguments=arguments,
            prepared=prepared,
            bulk=row.id,
        )
        _record(session, row, action.change(batch))

    desk.write(work)


def _record(session: Session, row: Bulk, outcomes: Mapping[int, str]) -> None:
    session.flush()
    for outcome in sorted(set(outcomes.values())):
        records = [key for key, each in outcomes.items() if each == outcome]
        session.execute(
            update(BulkItem)
            .where(BulkItem.bulk_id == row.id, BulkItem.record_id.in_(records))
            .values(outcome=outcome[:80])
        )


def _still_waiting(session: Session, row: Bulk, records: Sequence[int]) -> list[int]:
    """Leave out what another run has done in the meantime."""
    return list(
        session.scalars(
            select(BulkItem.record_id)
            .where(
                BulkItem.bulk_id == row.id,
                BulkItem.record_id.in_(records),
                BulkItem.outcome.is_(None),
            )
            .order_by(BulkItem.record_id)
        )
    )


def _waiting(session: Session, row: Bulk, most: int) -> Iterator[int]:
    yield from session.scalars(
        select(BulkItem.record_id)
        .where(BulkItem.bulk_id == row.id, BulkItem.outcome.is_(None))
        .order_by(BulkItem.record_id)
        .limit(most)
    )


def _finish(session: Session, desk: Desk, bulk: int) -> BulkView:
    row = desk.find(session, Bulk, bulk)
    view = _progress(session, desk, row)
    if row.state == BulkState.RUNNING and view.waiting == 0:
        row.state = BulkState.DONE
        done = sum(each.count for each in view.outcomes if each.outcome == DONE)
        desk.log(
            session,
            "bulk:done",
            _subject(row),
            action=row.action,
            done=done,
            refused=row.size - done,
        )
        return view.model_copy(update={"state": BulkState.DONE})
    return view


def _progress(session: Session, desk: Desk, row: Bulk) -> BulkView:
    found = session.execute(
        select(BulkItem.outcome, func.count())
        .where(BulkItem.bulk_id == row.id)
        .group_by(BulkItem.outcome)
    )
    counted = {each[0]: each[1] for each in found}
    waiting = counted.pop(None, 0)
    told = {str(name): count for name, count in counted.items()}
    return _view(session, desk, row, _outcomes(told), waiting)


def _view(
    session: Session,
    desk: Desk,
    row: Bulk,
    outcomes: tuple[Outcome, ...],
    waiting: int,
) -> BulkView:
    return BulkView(
        bulk=row.id,
        action=row.action,
        summary=BULK_ACTIONS[row.action].summary,
        arguments=json.loads(row.arguments),
        reason=row.reason,
        state=row.state,
        size=row.size,
        proposed_by=row.proposed_by,
        proposer=_name(session, row.proposed_by),
        proposed_at=row.proposed_at,
        approved_by=row.approved_by,
        approver=_name(session, row.approved_by) if row.approved_by else None,
        is_own=row.proposed_by == desk.actor.account_id,
        waiting=waiting,
        outcomes=outcomes,
    )


def _name(session: Session, account: int) -> str:
    return session.get_one(Account, account).display_name


def _proposed(session: Session, desk: Desk, key: int) -> Bulk:
    row = desk.find(session, Bulk, key)
    _action(desk, row.action)
    refuse_if(
        row.state != BulkState.PROPOSED, "bulk.not_proposed", f"it is {row.state}"
    )
    return row


def _running(session: Session, desk: Desk, key: int) -> Bulk:
    row = desk.find(session, Bulk, key)
    refuse_if(row.state != BulkState.RUNNING, "bulk.not_running", f"it is {row.state}")
    return row


def _subject(row: Bulk) -> str:
    return f"bulk:{row.id}"


# What can be done in bulk


class IncomingFilter(Request):
    """Requests of other economies that are pending, or in another state."""

    state: lifecycle.Preclearance = lifecycle.Preclearance.PENDING
    issuer: str | None = Field(None, pattern=r"^[A-Z]{3}$")
    asked_before: datetime | None = None
    screening: Screening | None = None


class IncomingArguments(Request):
    """What is decided, and why; the note is never shared."""

    event: Event
    note: str = Field("", max_length=2000)


def _incoming(desk: Desk, wanted: IncomingFilter) -> Any:
    query = select(Preclearance.id).where(
        Preclearance.destination == desk.economy,
        PENDING
        if wanted.state == lifecycle.Preclearance.PENDING
        else Preclearance.state == wanted.state,
    )
    if wanted.issuer:
        query = query.where(Preclearance.issuer == wanted.issuer)
    if wanted.asked_before:
        query = query.where(Preclearance.asked_at < wanted.asked_before)
    match wanted.screening:
        case Screening.CLEAR:
            query = query.where(Preclearance.hits == 0)
        case Screening.OPEN_HITS:
            query = query.where(Preclearance.hits > 0)
        case Screening.WAITING:
            query = query.where(Preclearance.hits.is_(None))
        case _:
            pass
    return query.order_by(Preclearance.asked_at, Preclearance.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    signed: Any
    plans: Mapping[int, Plan]
    refused: Mapping[int, str]


def _prepare_decisions(
    desk: Desk, records: Sequence[int], arguments: IncomingArguments
) -> _Prepared:
    found = desk.read(
        lambda session: plan_many(session, desk, records, arguments.event)
    )
    plans = {key: each for key, each in found.items() if isinstance(each, Plan)}
    refused = {
        key: outcome_of(each)
        for key, each in found.items()
        if not isinstance(each, Plan)
    }
    signed = sign_plans(desk, list(plans.values())) if plans else None
    return _Prepared(signed=signed, plans=plans, refused=refused)


def _decide_chunk(batch: Batch) -> Mapping[int, str]:
    prepared: _Prepared = batch.prepared
    if not set(prepared.plans) <= set(batch.records):
        # Another run was faster with some: sign for those that are left.
        raise Conflict("preclearance.changed", "another run has done some of these")
    if prepared.signed is not None:
        store_signed(
            batch.session,
            batch.desk,
            prepared.signed,
            note=batch.arguments.note,
            bulk=batch.bulk,
        )
    return {record: prepared.refused.get(record, DONE) for record in batch.records}


def _preview_decisions(
    session: Session, desk: Desk, records: Sequence[int], arguments: IncomingArguments
) -> Mapping[int, str]:
    found = plan_many(session, desk, records, arguments.event)
    return {
        key: DONE if isinstance(each, Plan) else outcome_of(each)
        for key, each in found.items()
    }


class RemindFilter(Request):
    """Answers that are open; of one destination, or older than a moment."""

    destination: str | None = Field(None, pattern=r"^[A-Z]{3}$")
    asked_before: datetime | None = None


def _open_answers(desk: Desk, wanted: RemindFilter) -> Any:
    query = select(Preclearance.id).where(Preclearance.issuer == desk.economy, PENDING)
    if wanted.destination:
        query = query.where(Preclearance.destination == wanted.destination)
    if wanted.asked_before:
        query = query.where(Preclearance.asked_at < wanted.asked_before)
    return query.order_by(Preclearance.asked_at, Preclearance.id)


def _own(desk: Desk, record: int) -> tuple[ColumnElement[bool], ...]:
    return Preclearance.id == record, Preclearance.issuer == desk.economy


def _preview_reminder(session: Session, desk: Desk, record: int, _: Any) -> None:
    lane = session.scalars(
        select(Preclearance).where(*_own(desk, record))
    ).one_or_none()
    if lane is None:
        raise NotFound(f"there is no preclearance {record}")
    PRECLEARANCE.after(lane.state, "remind", by=Side.HOME)


def _remind(session: Session, desk: Desk, record: int, _: Any, bulk: int) -> None:
    lanes = locked(session, *_own(desk, record))
    if not lanes:
        raise NotFound(f"there is no preclearance {record}")
    move(session, desk, lanes[0], "remind", by=Side.HOME, bulk=bulk)


def _to_circulate(desk: Desk, _: NoArguments) -> Any:
    return select(Application.id).where(
        Application.economy == desk.economy,
        Application.state == lifecycle.Application.HOME_APPROVED,
    )


def _preview_circulation(session: Session, desk: Desk, record: int, _: Any) -> None:
    row = desk.find(session, Application, record)
    APPLICATION.after(row.state, "circulate", by=Side.HOME)


def _circulate(session: Session, desk: Desk, record: int, _: Any, bulk: int) -> None:
    circulate_one(session, desk, desk.find(session, Application, record))


class CardFilter(Request):
    """Cards for a bulk change: by state, by end, by operator or by batch."""

    state: lifecycle.Card | None = None
    expires_before: datetime | None = None
    issued_by: int | None = None
    """The account that had a credential of it signed."""
    batch: str | None = Field(default=None, max_length=64)
    """A batch of plastic cards that holds one of its credentials."""


def cards_matching(desk: Desk, wanted: CardFilter) -> Any:
    """Return a query of the numbers of this economy's cards that a filter means."""
    query = select(Card.id).where(Card.economy == desk.economy)
    if wanted.state:
        query = query.where(Card.state == wanted.state)
    if wanted.expires_before:
        query = query.where(Card.expires_at < wanted.expires_before)
    if wanted.issued_by is not None:
        issued = select(Issue.card_id).where(Issue.requested_by == wanted.issued_by)
        query = query.where(Card.id.in_(issued))
    if wanted.batch:
        printed = (
            select(Issue.card_id)
            .join(Plastic, Plastic.credential_id == Issue.credential_id)
            .where(Plastic.economy == desk.economy, Plastic.batch == wanted.batch)
        )
        query = query.where(Card.id.in_(printed))
    return query.order_by(Card.id)


add_action(
    BulkAction(
        name="incoming.decide",
        summary="Decide about requests of other economies",
        roles=frozenset({Role.PRECLEARANCE}),
        select=_incoming,
        preview=_preview_decisions,
        prepare=_prepare_decisions,
        change=_decide_chunk,
        filter=IncomingFilter,
        arguments=IncomingArguments,
        chunk=1_000,
    )
)
add_action(
    BulkAction(
        name="preclearance.remind",
        summary="Remind destinations that have not answered",
        roles=frozenset({Role.VETTING, Role.ISSUING}),
        select=_open_answers,
        preview=look_at_each(_preview_reminder),
        change=one_by_one(_remind),
        filter=RemindFilter,
    )
)
add_action(
    BulkAction(
        name="application.circulate",
        summary="Circulate applications that are approved at home",
        roles=frozenset({Role.VETTING, Role.ISSUING}),
        select=_to_circulate,
        preview=look_at_each(_preview_circulation),
        change=one_by_one(_circulate),
    )
)
