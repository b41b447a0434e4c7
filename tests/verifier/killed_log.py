"""Records scans in processes that SIGKILL themselves, at every write.

    python -m tests.verifier.killed_log FOLDER

``FOLDER/start`` holds the log.
"""

import sys
from pathlib import Path

from tests.killed import kill_at_every_write
from tests.verifier.test_scan_log import REVOKED, SMALL, fill

if __name__ == "__main__":
    kill_at_every_write(
        Path(sys.argv[1]), lambda folder: fill(folder, 25, REVOKED, max_bytes=SMALL)
    )
