"""Documents of an update that broke off, so that the next one goes on from there.

Nothing of this folder is believed: a document counts only if it is, byte for byte, what
signed metadata names. So it may be lost, damaged or exchanged at any time.
"""

import contextlib
import hashlib
import re
from pathlib import Path
from typing import Final

_NAME: Final = re.compile(r"[0-9a-f]{64}")
_MOST_FILES: Final = 2048
_MOST_BYTES: Final = 64 * 2**20
_MAX_FILE: Final = 4 * 2**20


class Partial:
    """Documents by their SHA-256; what a disk does not take is fetched again.

    Args:
        folder: Of nothing else; it is made when it is needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files, self._bytes = self._count()

    def _count(self) -> tuple[int, int]:
        sizes = list[int]()
        with contextlib.suppress(OSError):
            sizes = [path.lstat().st_size for path in self._folder.iterdir()]
        return len(sizes), sum(sizes)

    def get(self, digest: str | None) -> bytes | None:
        """Return what is kept under a digest, if anything; it may be anything."""
        if digest is None or not _NAME.fullmatch(digest):
            return None
        path = self._folder / digest
        try:
            if path.is_symlink() or not path.is_file():
                return None
            return path.read_bytes() if path.stat().st_size <= _MAX_FILE else None
        except OSError:
            return None

    def keep(self, data: bytes) -> None:
        """Keep a document, as long as there are not too many."""
        if self._files >= _MOST_FILES or self._bytes + len(data) > _MOST_BYTES:
            return
        with contextlib.suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self._folder / hashlib.sha256(data).hexdigest()).write_bytes(data)
            self._files += 1
            self._bytes += len(data)

    def clear(self) -> None:
        """Remove what was kept: the update is whole."""
        with contextlib.suppress(OSError):
            for path in self._folder.iterdir():
                if _NAME.fullmatch(path.name):
                    path.unlink()
            self._folder.rmdir()
