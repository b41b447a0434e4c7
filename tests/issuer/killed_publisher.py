"""Runs one publisher operation in processes that SIGKILL themselves, at every write.

    python -m tests.issuer.killed_publisher FOLDER OPERATION

``FOLDER/start`` holds a desk as `Desk` lays it out.
"""

import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

from issuer.publish import Submission
from tests.issuer.repository_reader import Desk, list_of, scheme
from tests.killed import kill_at_every_write
from tests.simulator import NOW

LATER: Final = NOW + timedelta(minutes=10)
STATUS: Final = "AUS/status/1.jwt"
REVOKED: Final = {STATUS: list_of({7: 1})}
SENT: Final = "sent.json"
"""In the folder of a desk: what an economy has sent."""
LONG: Final = {STATUS: list_of(dict.fromkeys(range(2, 9000, 17), 2), capacity=2**14)}
"""A list that is long enough for a delta."""
LONGER: Final = {
    STATUS: list_of(
        {**dict.fromkeys(range(2, 9000, 17), 2), 7: 1},
        capacity=2**14,
        iat=NOW + timedelta(minutes=5),
    )
}
OPERATIONS: Final[dict[str, Callable[[Desk], object]]] = {
    "init": lambda desk: desk.publisher().init(scheme(), now=NOW),
    "lists": lambda desk: desk.publish("AUS", desk.documents() | REVOKED, now=LATER),
    "accept": lambda desk: desk.publisher().accept(
        Submission.from_bytes((desk.folder / SENT).read_bytes()), now=LATER
    ),
    "deltas": lambda desk: desk.publish("AUS", desk.documents() | LONGER, now=LATER),
    "timestamp": lambda desk: desk.publisher().refresh_timestamp(now=LATER),
    "prune": lambda desk: desk.publisher().prune(now=NOW + timedelta(days=3)),
    "rotate-key": lambda desk: desk.publisher().rotate_key("snapshot", now=LATER),
}
if __name__ == "__main__":
    operation = OPERATIONS[sys.argv[2]]
    kill_at_every_write(Path(sys.argv[1]), lambda copy: operation(Desk(copy)))
