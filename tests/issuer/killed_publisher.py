"""Runs one publisher operation in processes that SIGKILL themselves, at every write.

    python -m tests.issuer.killed_publisher FOLDER OPERATION

``FOLDER/start`` holds a desk as `Desk` lays it out. For each n, a copy of it is made
as ``FOLDER/<n>`` and a process carries the operation out there, until it is about to
write for the n-th time: to bring a file or a folder to disk, to give a file its name,
to make a folder or to remove a file. The last copy is the one in which nothing was
left to kill.
"""

import os
import shutil
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from issuer.publish import Submission
from tests.issuer.repository_reader import Desk, list_of, scheme
from tests.simulator import NOW

LATER: Final = NOW + timedelta(minutes=10)
STATUS: Final = "AUS/status/1.jwt"
REVOKED: Final = {STATUS: list_of({7: 1})}
SENT: Final = "sent.json"
"""In the folder of a desk: what an economy has sent."""
OPERATIONS: Final[dict[str, Callable[[Desk], object]]] = {
    "init": lambda desk: desk.publisher().init(scheme(), now=NOW),
    "lists": lambda desk: desk.publish("AUS", desk.documents() | REVOKED, now=LATER),
    "accept": lambda desk: desk.publisher().accept(
        Submission.from_bytes((desk.folder / SENT).read_bytes()), now=LATER
    ),
    "timestamp": lambda desk: desk.publisher().refresh_timestamp(now=LATER),
    "prune": lambda desk: desk.publisher().prune(now=NOW + timedelta(days=3)),
    "rotate-key": lambda desk: desk.publisher().rotate_key("snapshot", now=LATER),
}
_WRITES: Final = ("fsync", "replace", "mkdir", "unlink")


def main(folder: Path, operation: str) -> None:
    """Kill at the first write, at the second, and so on until none is left."""
    number, is_killed = 0, True
    while is_killed:
        copy = folder / str(number)
        shutil.copytree(folder / "start", copy)
        child = os.fork()
        if not child:
            _die_at(number)
            OPERATIONS[operation](Desk(copy))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        is_killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        if not is_killed and status:
            raise SystemExit(f"{operation} failed in {copy}")
        number += 1


def _die_at(number: int) -> None:
    left = number

    def deadly(write: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **options: Any) -> Any:
            nonlocal left
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
            return write(*given, **options)

        return call

    for name in _WRITES:
        setattr(os, name, deadly(getattr(os, name)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
