"""Runs one update of a device in processes that SIGKILL themselves, at every write.

    python -m tests.verifier.killed_device FOLDER MIRROR ROOT

``FOLDER/start`` holds the store.
"""

import sys
from pathlib import Path

from tests.killed import kill_at_every_write
from tests.simulator import NOW
from verifier.store import TrustStore

if __name__ == "__main__":
    folder, mirror, root = map(Path, sys.argv[1:])
    kill_at_every_write(
        folder,
        lambda store: TrustStore(store).sync(mirror, root=root.read_bytes(), now=NOW),
    )
