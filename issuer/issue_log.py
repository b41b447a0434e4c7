"""Every index that was given to a signer, in a file away from the database.

One JSON object a line: ``economy``, ``list``, ``index``, ``document_number``,
``form``, ``request``, ``claims_sha256`` and ``at``.  A line is on disk before the key
sees the card, so what a restored database has forgotten is known here; a line without
a card, after a crash, does no harm.
"""

import json
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from issuer.errors import AuditError


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """One line: an index that a key may have signed for."""

    economy: str
    list_number: int
    index: int
    document_number: str
    form: str
    at: str
    """As the line has it; for people."""


def read_issue_log(
    path: Path, *, economy: str, known: Container[object] = ()
) -> Iterator[Issued]:
    """Read the lines of one economy, one after the other.

    Args:
        path: The file; one that does not exist is empty.
        economy: Whose lines.
        known: Lists and indexes that are left out; they may grow on the way.

    Raises:
        AuditError: A line is damaged; the last one may be cut off by a crash.
        OSError: The file cannot be read.
    """
    if not path.exists():
        return
    mark = f'"{economy}"'.encode()
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            # What follows the last line end was never whole: no key has seen it.
            if mark in line and line.endswith(b"\n"):
                issued = _issued(path, number, line, known)
                if issued is not None and issued.economy == economy:
                    yield issued


def _issued(
    path: Path, number: int, line: bytes, known: Container[object]
) -> Issued | None:
    try:
        value: Any = json.loads(line)
        if (value["list"], value["index"]) in known:
            return None
        return Issued(
            economy=str(value["economy"]),
            list_number=int(value["list"]),
            index=int(value["index"]),
            document_number=str(value["document_number"]),
            form=str(value["form"]),
            at=str(value["at"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise AuditError(f"{path}: line {number} is damaged") from error
