"""Who may read an installation's files: their owner, whatever the shell's umask was."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import make_url

from issuer.errors import KeyFileError
from issuer.installation import FILE, Installation

_OTHERS: Final = 0o077
_WRITING: Final = 0o022
_BESIDE: Final = ("", "-wal", "-shm", "-journal")
"""What SQLite keeps beside a database; each has travellers' data."""


@contextmanager
def owner_only() -> Iterator[None]:
    """Let what is made meanwhile be its owner's; what is published says otherwise."""
    before = os.umask(_OTHERS)
    try:
        yield
    finally:
        os.umask(before)


def close_to_others(installation: Installation) -> list[str]:
    """Take the rights of others from files with travellers' data or passwords.

    The folder of the installation itself may be entered, so that a web server comes to
    what is published; nobody else may change it.

    Returns:
        What had to be changed, for people.

    Raises:
        KeyFileError: One of them is another user's.
    """
    places = [
        (installation.folder, _WRITING),
        *((p, _OTHERS) for p in _private(installation)),
    ]
    return [said for path, rights in places if (said := _close(path, rights))]


def _private(installation: Installation) -> Iterator[Path]:
    yield installation.folder / FILE
    url = make_url(installation.database_url)
    if url.drivername == "sqlite" and url.database:
        yield from (Path(f"{url.database}{end}") for end in _BESIDE)
    yield installation.path("keys")
    for folder in (installation.path(installation.outside), installation.bureau):
        yield folder
        yield from sorted(folder.rglob("*"))


def _close(path: Path, rights: int) -> str | None:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if not mode & rights:
            return None
        path.chmod(mode & ~rights)
    except FileNotFoundError:
        return None
    except OSError as error:
        reason = f"others can reach it, and it is not ours to change: {error.strerror}"
        raise KeyFileError(file=str(path), reason=reason) from error
    return f"{path} was open to others (mode {mode:04o}): closed"
