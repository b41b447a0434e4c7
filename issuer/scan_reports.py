"""What officers' devices have answered, by day, device and code."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Final

from pydantic import Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from issuer.office import Desk
from issuer.operations import Answer, Request, operation
from issuer.reports import READERS
from issuer.store import CollectedLog, CollectedRow, Device

MAX_ROWS: Final = 5_000


class ScanWindow(Request):
    """Which scans; days are those of the devices' clocks, in UTC."""

    days: int = Field(90, ge=1, le=3660, description="Back from now.")


class ScanCount(Answer):
    """How often a device gave one answer on one day."""

    day: date
    device: int
    name: str
    result: str
    """``accepted``, ``rejected``, ``undecided``, ``missed`` for scans that the device
    could not write down, ``officer`` for what an officer did."""
    code: str
    """Why; of a card that was accepted, the code of the lane; what the officer
    decided, or ``mismatch``."""
    second_code: str
    """Of a card that was accepted, the code of entry; why the officer did it."""
    count: int


class ScansReport(Answer):
    """One row for each day, device and code, the newest day first."""

    days: int
    rows: tuple[ScanCount, ...]
    is_cut: bool
    """There is more than the 5,000 rows that are shown."""


@operation(
    "report.scans",
    "Count what officers' devices have answered, by day, device and code.",
    *READERS,
    changes=False,
)
def scans(desk: Desk, given: ScanWindow) -> ScansReport:
    """Report what was collected of this economy's devices, and not removed since."""

    def work(session: Session) -> ScansReport:
        since = desk.now.date() - timedelta(days=given.days)
        found = _counted(session, desk, since)
        desk.log(session, "report:read", "report:scans", report="scans")
        return ScansReport(
            days=given.days,
            rows=tuple(map(_count, found[:MAX_ROWS])),
            is_cut=len(found) > MAX_ROWS,
        )

    return desk.look(work)


def _counted(session: Session, desk: Desk, since: date) -> Sequence[Any]:
    row = CollectedRow
    keys = (row.day, Device.id, Device.name, row.kind, row.outcome, row.reason)
    return session.execute(
        select(*keys, row.entry, func.sum(row.scans).label("count"))
        .join(CollectedLog, CollectedLog.id == row.log_id)
        .join(Device, Device.id == CollectedLog.device_id)
        .where(row.economy == desk.economy, row.day >= since, row.scans > 0)
        .group_by(*keys, row.entry)
        .order_by(row.day.desc(), *keys[1:], row.entry)
        .limit(MAX_ROWS + 1)
    ).all()


def _count(found: Any) -> ScanCount:
    is_act = found.kind == "act"
    return ScanCount(
        day=found.day,
        device=found.id,
        name=found.name,
        result="officer" if is_act else found.outcome or "missed",
        code=found.outcome if is_act else found.reason,
        second_code=found.reason if is_act else found.entry,
        count=int(found[-1]),
    )
