"""Files of the log that were handed out, kept for when one did not arrive."""

import contextlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

_KEPT: Final = 8


class Exports:
    """The last exports of a device; they name no traveller.

    Args:
        folder: Where they are; made when it is needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def new_path(self, now: datetime) -> Path:
        """Return the place for a new one; of the old ones only the last are kept."""
        with contextlib.suppress(OSError):  # the log says that it cannot write there
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            old = sorted(self._folder.glob("scan-log-*.jsonl"))
            for path in old[: max(len(old) - _KEPT + 1, 0)]:
                path.unlink()
        stamp = f"{now.astimezone(UTC):%Y%m%dT%H%M%S%f}Z"
        return self._folder / f"scan-log-{stamp}.jsonl"
