"""A first sync in a process of its own: ``STORE SOURCE ROOT.json ECONOMY NOW``.

Prints one JSON object: seconds for the sync, and the most memory that the process held.
"""

import json
import re
import sys
import time
from datetime import datetime
from pathlib import Path

import verifier


def main() -> None:
    """Sync, and say what it took."""
    store, source, root, economy, now = sys.argv[1:]
    started = time.perf_counter()
    report = verifier.TrustStore(store).sync(
        source,
        root=Path(root).read_bytes(),
        now=datetime.fromisoformat(now),
        economy=economy,
    )
    found = {
        "seconds": time.perf_counter() - started,
        "peak_bytes": peak(),
        "documents": report.documents_changed,
        "problems": len(report.problems),
    }
    print(json.dumps(found))


def peak() -> int:
    """Return the peak of this process; getrusage also knows that of its parent."""
    status = Path("/proc/self/status").read_text()
    (kilobytes,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
    return int(kilobytes) * 1024


if __name__ == "__main__":
    main()
