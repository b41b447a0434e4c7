"""Files that are there as a whole or not at all, also after a power cut."""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from issuer.errors import PublishRefused
from issuer.publish.refusals import Refusal

_READ: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_TEMPORARY: Final = (
    os.O_WRONLY
    | os.O_CREAT
    | os.O_TRUNC
    | os.O_NOFOLLOW
    | os.O_NONBLOCK  # a pipe that somebody has put there is not waited for
    | os.O_CLOEXEC
)
_READABLE: Final = 0o644
_ENTERABLE: Final = 0o755
"""A web server reads what is published, whatever the umask; keys are elsewhere."""


def read_file(path: Path, limit: int) -> bytes:
    """Read a regular file.

    Args:
        path: Whatever lies there: a pipe or a device is not waited for.
        limit: Bytes that it may have.

    Raises:
        OSError: It cannot be read, is no regular file, or has more bytes.
    """
    descriptor = os.open(path, _READ)
    try:
        # Asked about once it is open, so that nobody can swap it in between.
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"{path} is no file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(limit + 1)
    finally:
        os.close(descriptor)
    if len(data) > limit:
        raise OSError(f"{path} has more than {limit:,} bytes")
    return data


def replace_file(path: Path, data: bytes) -> None:
    """Write a file so that no reader sees a part of it; on disk at return.

    Folders on the way are made.  A leftover of an interrupted call is overwritten, so
    two calls for one file must not run at once; `locked` sees to that.

    Raises:
        OSError: The disk is full, or the like; the file is what it was before.
    """
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.tmp")
    with os.fdopen(os.open(temporary, _TEMPORARY, _READABLE), "wb") as file:
        os.fchmod(file.fileno(), _READABLE)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)  # one name for tests to break
    sync_folder(path.parent)


def append_line(path: Path, line: bytes) -> None:
    """Add a line to an owner-only file; on disk at return.

    A last line without an end was never finished: it is taken away first.
    """
    is_new = not path.exists()
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "r+b") as file:
        file.truncate(file.read().rfind(b"\n") + 1)
        file.seek(0, os.SEEK_END)
        file.write(line + b"\n")
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        sync_folder(path.parent)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, on disk at return."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    folder.chmod(_ENTERABLE)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to disk."""
    descriptor = os.open(folder, _FOLDER)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other publishers of this machine away from a folder.

    The lock is the kernel's: it ends with the process, however that ends.

    Raises:
        PublishRefused: ``repository.busy``.
        OSError: There is no such folder.
    """
    descriptor = os.open(folder, _FOLDER)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise PublishRefused(
            Refusal.REPOSITORY_BUSY, f"another process publishes to {folder}"
        ) from error
    try:
        yield
    finally:
        os.close(descriptor)
