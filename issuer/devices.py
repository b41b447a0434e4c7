"""Officers' devices: from which of them this economy takes scan logs, and how they are.

A device is enrolled by its public key, and gets the file that says whom to seal for.
One that is lost or handed in is retired: nothing is taken from it any more.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final

from pydantic import Base64Bytes, Field
from sqlalchemy import ColumnElement, delete, func, or_, select, tuple_
from sqlalchemy.orm import Session

from issuer.collector import collect, key_of
from issuer.errors import Conflict, Invalid
from issuer.office import Desk
from issuer.operations import Answer, Request, once, operation
from issuer.store import (
    CollectedFinding,
    CollectedLog,
    CollectedRow,
    Device,
    FindingKind,
    Role,
)

READERS: Final = (Role.ADMIN, Role.AUDIT)
MAX_FILE: Final = 12 * 2**20
"""Bytes of a file that was carried here; the most rows that a device keeps by itself
take more, and come in several."""
_MOST: Final = 200
_REMOVED_AT_ONCE: Final = 20_000

_Number = Annotated[int, Field(ge=1, lt=2**63, description="Number of the device.")]


class EnrolDevice(Request):
    """A device from which scan logs are taken."""

    name: str = Field(
        min_length=1,
        max_length=64,
        pattern=r"^[^\x00-\x1f\x7f]+$",
        description="What it is called here, such as its place and inventory number.",
    )
    public_key: str = Field(
        pattern=r"^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$",
        description="What `abtc-verify log device-key` has shown on the device.",
    )


class OneDevice(Request):
    """Which device."""

    device: _Number


class DeviceFilter(Request):
    """Which devices."""

    include_retired: bool = Field(False, description="Also those that are retired.")
    after: int | None = Field(None, description="Go on behind this device.")
    limit: int = Field(50, ge=1, le=_MOST, description="How many at most, up to 200.")


class CollectedFile(Request):
    """What `abtc-verify log seal` has written, and somebody has carried here."""

    content: Base64Bytes = Field(
        max_length=MAX_FILE, description="The file in base64; at most 12 MiB."
    )


class NoChoice(Request):
    """Nothing to choose."""


class CollectorFile(Answer):
    """What is put on the device, as a file."""

    format: str
    economy: str
    device: int
    key: str
    public_key: str


class DeviceView(Answer):
    """A device."""

    device: int
    name: str
    public_key: str
    enrolled_at: datetime
    retired_at: datetime | None
    heard_at: datetime | None
    """When its last batch came."""
    head: str | None
    """Number and hash of the newest row of its newest log: what `abtc-verify log verify
    --head` compares with on the device."""
    findings: int
    """What was found wrong, less gaps that were filled since."""


class DevicePage(Answer):
    """Devices by number; ``next`` asks for the page after, if there is one."""

    devices: tuple[DeviceView, ...]
    next: int | None


class LogView(Answer):
    """One log of a device."""

    log: str
    began_at: datetime
    head: str
    removed_to: int
    """Rows up to this number were removed as too old."""


class FindingView(Answer):
    """Something that is wrong with a log."""

    log: str
    kind: FindingKind
    first: int
    last: int
    found_at: datetime
    filled_at: datetime | None


class DeviceDetails(DeviceView):
    """A device, its logs and what was found wrong with them, the newest first."""

    collector: CollectorFile
    logs: tuple[LogView, ...]
    found: tuple[FindingView, ...]
    """At most 200."""


class Collected(Answer):
    """What came of a file."""

    batches: int
    rows: int
    """Rows that had not come before."""


class Removed(Answer):
    """What was removed."""

    keep_days: int | None
    """None: this economy's settings remove nothing."""
    rows: int
    more: bool
    """There are more; ask again."""


@operation("device.enrol", "Enrol a device that sends its scan log.", Role.ADMIN)
def enrol(desk: Desk, given: EnrolDevice) -> DeviceDetails:
    """Enrol a device; the answer has the file that it needs.

    Raises:
        Conflict: ``device.known``: one of this name, or with this key, is enrolled.
    """

    def work(session: Session) -> DeviceDetails:
        named = (Device.economy == desk.economy) & (Device.name == given.name)
        known = or_(named, Device.public_key == given.public_key)
        if session.scalars(select(Device.id).where(known).limit(1)).first():
            raise Conflict("device.known", "its name or its key is enrolled already")
        device = Device(
            economy=desk.economy,
            name=given.name,
            public_key=given.public_key,
            enrolled_by=desk.actor.account_id,
            enrolled_at=desk.now,
        )
        session.add(device)
        session.flush()
        desk.log(
            session,
            "device:enrolled",
            f"device:{device.id}",
            public_key=given.public_key,
        )
        return _details(session, desk, device)

    return once(desk, given, DeviceDetails, work)


@operation("device.retire", "Take nothing from a device any more.", Role.ADMIN)
def retire(desk: Desk, given: OneDevice) -> DeviceDetails:
    """Retire a device, for ever; what was collected stays.

    Raises:
        Conflict: ``device.retired``: it is retired already.
    """

    def work(session: Session) -> DeviceDetails:
        device = desk.find(session, Device, given.device)
        if device.retired_at is not None:
            raise Conflict("device.retired", "it is retired already")
        device.retired_at, device.retired_by = desk.now, desk.actor.account_id
        desk.log(session, "device:retired", f"device:{device.id}")
        return _details(session, desk, device)

    return once(desk, given, DeviceDetails, work)


@operation("device.list", "List the devices.", *READERS, changes=False)
def list_devices(desk: Desk, given: DeviceFilter) -> DevicePage:
    """List this economy's devices by number."""

    def work(session: Session) -> DevicePage:
        query = select(Device).where(Device.economy == desk.economy)
        if not given.include_retired:
            query = query.where(Device.retired_at.is_(None))
        if given.after is not None:
            query = query.where(Device.id > given.after)
        found = session.scalars(query.order_by(Device.id).limit(given.limit + 1)).all()
        shown = found[: given.limit]
        more = len(found) > given.limit
        return DevicePage(
            devices=tuple(_views(session, shown)), next=shown[-1].id if more else None
        )

    return desk.read(work)


@operation(
    "device.show",
    "Show a device, its logs and what is wrong with them.",
    *READERS,
    changes=False,
)
def show(desk: Desk, given: OneDevice) -> DeviceDetails:
    """Show a device."""
    return desk.read(
        lambda session: _details(
            session, desk, desk.find(session, Device, given.device)
        )
    )


@operation("device.collect", "Take in a sealed file that was carried here.", Role.ADMIN)
def collect_file(desk: Desk, given: CollectedFile) -> Collected:
    """Take in what a device without a network has written; again, it changes nothing.

    Raises:
        Conflict, Invalid, NotFound: As `issuer.collector.collect`; batches before the
            one at fault are kept.
    """
    batches = given.content.splitlines()
    if not batches:
        raise Invalid([("content", "empty", "holds nothing")])
    rows = sum(
        collect(desk.office, desk.economy, each, now=desk.now).rows for each in batches
    )
    desk.write(
        lambda session: desk.log(
            session,
            "device:file_collected",
            f"economy:{desk.economy}",
            batches=len(batches),
            rows=rows,
        )
    )
    return Collected(batches=len(batches), rows=rows)


@operation(
    "device.remove_old",
    "Remove collected rows that are older than this economy keeps them.",
    Role.ADMIN,
)
def remove_old(desk: Desk, given: NoChoice) -> Removed:
    """Remove rows by the settings of this installation, up to 20,000 at once.

    The newest row of each log stays, so that what comes next is seen to follow it.
    """
    del given
    days = desk.office.installation.collector.keep_days.get(desk.economy)
    if days is None:
        return Removed(keep_days=None, rows=0, more=False)

    def work(session: Session) -> Removed:
        old = session.execute(
            select(CollectedRow.id, CollectedRow.log_id, CollectedRow.seq)
            .where(_is_old(desk, timedelta(days=days)))
            .order_by(CollectedRow.id)
            .limit(_REMOVED_AT_ONCE + 1)
        ).all()
        gone = old[:_REMOVED_AT_ONCE]
        for log_id, seq in _highest(gone).items():
            log = session.get_one(CollectedLog, log_id)
            log.removed_to = max(log.removed_to, seq)
        if gone:
            _remove(session, [each[0] for each in gone])
            desk.log(
                session,
                "device:rows_removed",
                f"economy:{desk.economy}",
                count=len(gone),
                keep_days=days,
            )
        return Removed(keep_days=days, rows=len(gone), more=len(old) > len(gone))

    return desk.write(work)


def _is_old(desk: Desk, kept: timedelta) -> ColumnElement[bool]:
    # A device whose clock is ahead keeps nothing longer than it has been here.
    limit = desk.now - kept
    heads = select(CollectedLog.id, CollectedLog.head_seq).where(
        CollectedLog.economy == desk.economy
    )
    return (
        (CollectedRow.economy == desk.economy)
        & or_(CollectedRow.at < limit, CollectedRow.received_at < limit)
        & tuple_(CollectedRow.log_id, CollectedRow.seq).not_in(heads)
    )


def _highest(rows: Sequence[tuple[int, int, int]]) -> Mapping[int, int]:
    found: dict[int, int] = {}
    for _, log_id, seq in rows:
        found[log_id] = max(seq, found.get(log_id, 0))
    return found


def _remove(session: Session, ids: Sequence[int]) -> None:
    for start in range(0, len(ids), 500):
        session.execute(
            delete(CollectedRow).where(CollectedRow.id.in_(ids[start : start + 500])),
            execution_options={"synchronize_session": False},
        )


def _details(session: Session, desk: Desk, device: Device) -> DeviceDetails:
    logs = _logs(session, [device])
    named = {each.id: each.log for each in logs}
    findings = session.scalars(
        select(CollectedFinding)
        .where(CollectedFinding.log_id.in_(named))
        .order_by(CollectedFinding.id.desc())
        .limit(_MOST)
    )
    (view,) = _views(session, [device])
    file = key_of(desk.office, desk.economy).file_for(device.id)
    return DeviceDetails(
        **view.model_dump(),
        collector=CollectorFile(**file),
        logs=tuple(
            LogView(
                log=each.log,
                began_at=each.began_at,
                head=_head(each),
                removed_to=each.removed_to,
            )
            for each in logs
        ),
        found=tuple(
            FindingView(
                log=named[each.log_id],
                kind=each.kind,
                first=each.first,
                last=each.last,
                found_at=each.found_at,
                filled_at=each.filled_at,
            )
            for each in findings
        ),
    )


def _views(session: Session, devices: Sequence[Device]) -> list[DeviceView]:
    logs = _logs(session, devices)
    newest = {each.device_id: each for each in reversed(logs)}
    wrong = _wrong(session, logs)
    return [
        DeviceView(
            device=each.id,
            name=each.name,
            public_key=each.public_key,
            enrolled_at=each.enrolled_at,
            retired_at=each.retired_at,
            heard_at=each.heard_at,
            head=_head(newest[each.id]) if each.id in newest else None,
            findings=wrong[each.id],
        )
        for each in devices
    ]


def _logs(session: Session, devices: Sequence[Device]) -> Sequence[CollectedLog]:
    """Return their logs, the newest first."""
    return session.scalars(
        select(CollectedLog)
        .where(CollectedLog.device_id.in_([each.id for each in devices]))
        .order_by(CollectedLog.id.desc())
    ).all()


def _wrong(session: Session, logs: Sequence[CollectedLog]) -> Counter[int]:
    counts = session.execute(
        select(CollectedFinding.log_id, func.count())
        .where(
            CollectedFinding.log_id.in_([each.id for each in logs]),
            CollectedFinding.filled_at.is_(None),
        )
        .group_by(CollectedFinding.log_id)
    )
    device_of = {each.id: each.device_id for each in logs}
    found: Counter[int] = Counter()
    for log_id, count in counts:
        found[device_of[log_id]] += count
    return found


def _head(log: CollectedLog) -> str:
    return f"{log.head_seq}:{log.head_digest}"
