"""Devices whose scan logs are collected: a log, a key, and what they would send.

gate = Gate.enrolled(back_office, folder)
gate.scan(5)
(batch,) = gate.sealed()
collect(back_office.office, "AUS", batch, now=NOW)
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import verifier
from issuer.collector import Kept, collect
from issuer.operations import all_operations
from tests.issuer.back_office import BackOffice
from tests.simulator import NOW, World
from verifier import Collector, DeviceKey, OfficerAct, ScanLog
from verifier._log_rows import Row
from verifier.collecting import MAX_ROWS, seal
from verifier.scan_log import ScanLogBatch, _batch

WORLD = World(economies=["AUS", "SGP"])
CODE = WORLD.show(WORLD.card())
GOOD = WORLD.verify(CODE)
FOREIGN = WORLD.verify("no code")
LOG_KEY = bytes(range(32))
ACT = OfficerAct(
    decision=verifier.OfficerDecision.REFER,
    reason=verifier.OverrideReason.FACE_DIFFERS,
    look="accepted",
    officer="k.ito",
)


def ask(
    back: BackOffice,
    operation: str,
    economy: str = "AUS",
    /,
    *,
    now: datetime = NOW,
    **fields: Any,
) -> Any:
    """Perform an operation as somebody who may."""
    return all_operations()[operation].perform(back.desk(economy, now=now), fields)


@dataclass(slots=True, kw_only=True)
class Gate:
    """A device with a log."""

    folder: Path
    device_key: DeviceKey
    collector: Collector

    @classmethod
    def enrolled(
        cls, back: BackOffice, folder: Path, *, economy: str = "AUS", name: str = "Gate"
    ) -> "Gate":
        key = DeviceKey(DeviceKey.make())
        made = ask(back, "device.enrol", economy, name=name, public_key=key.public)
        collector = Collector.parse(made.collector.model_dump_json().encode())
        return cls(folder=folder, device_key=key, collector=collector)

    @property
    def log(self) -> ScanLog:
        return ScanLog(self.folder, key=LOG_KEY)

    @property
    def number(self) -> int:
        return self.collector.device

    def scan(
        self, count: int = 1, decision: Any = GOOD, now: datetime = NOW
    ) -> ScanLog:
        log = self.log
        evidence = replace(decision.evidence, now=now)
        for _ in range(count):
            log.record(replace(decision, evidence=evidence))
        return log

    def sealed(self, *, max_rows: int = MAX_ROWS) -> list[bytes]:
        """What it has not handed out yet, in batches."""
        return [self.seal(each) for each in self.log.batches(max_rows=max_rows)]

    def seal(self, batch: ScanLogBatch) -> bytes:
        return seal(batch, collector=self.collector, device_key=self.device_key)[0]

    def of(self, rows: Sequence[Row], log: str) -> bytes:
        """Rows that somebody has made by hand."""
        return self.seal(_batch(log, None, rows))

    def rows(self) -> list[Row]:
        with self.log._reading() as snapshot:
            return list(snapshot._rows())


def keep(back: BackOffice, *batches: bytes, now: datetime = NOW) -> list[Kept]:
    return [collect(back.office, "AUS", each, now=now) for each in batches]
