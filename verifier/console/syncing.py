"""The process that brings the store up to date, run by `updates` and never by hand.

One object of JSON on standard input says what to do; lines of JSON on standard output
say how far it is, then what came of it. Whatever becomes of this process, the store is
as it was, or new and whole.
"""

import json
import sys
from datetime import datetime
from pathlib import Path

from .._floor import Floor
from ..errors import TrustError
from ..store import TrustStore


def main() -> None:
    """Do what standard input says."""
    asked = json.load(sys.stdin)
    floor = Floor.from_bytes(asked["floor"].encode())
    store = TrustStore(asked["store"], floor=floor)
    try:
        report = store.sync(
            asked["source"],
            root=Path(asked["root"]).read_bytes(),
            now=datetime.now().astimezone(),  # noqa: TID251  # a process of its own
            economy=asked["economy"],
            resume=asked["partial"],
            on_progress=lambda files, size: _say({"files": files, "bytes": size}),
        )
    except (TrustError, OSError) as error:
        _say({"error": str(error)})
        return
    problems = [f"{each.document}: {each.detail}" for each in report.problems]
    _say(
        {
            "before": report.before,
            "after": report.after,
            "changed": report.documents_changed,
            "removed": list(report.removed),
            "problems": problems,
        }
    )


def _say(told: object) -> None:
    sys.stdout.write(f"{json.dumps(told)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
