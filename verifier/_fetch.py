"""Where trust data comes from: an HTTPS mirror, a folder, or one bundle file.

All three hand bytes to python-tuf, which verifies them in the same way. Nothing here is
trusted, and nothing here writes.
"""

import re
import struct
import threading
import time
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Protocol
from urllib.parse import unquote, urlsplit

import urllib3
from tuf.api.exceptions import DownloadError, DownloadHTTPError
from tuf.ngclient.fetcher import FetcherInterface

from .errors import SyncError

MAX_SECONDS = 60.0
"""For everything that one `sync` fetches."""
MAX_BUNDLE = 64 * 2**20
"""Bytes of a bundle file, and of all its members together once inflated."""
MAX_MEMBERS = 8192
_CHUNK = 64 * 1024
_COMPRESSIONS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_UNREADABLE = (
    OSError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    ValueError,
    EOFError,
    RuntimeError,  # encrypted, or of a version that zipfile does not know
)
"""What zipfile raises on damaged archives; it does not say so anywhere."""
_HERE = "abtc:"
"""Scheme of the addresses under which folders and bundles are read."""
_PATH = re.compile(r"(?:metadata|targets)(?:/[A-Za-z0-9._-]+)+")
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class Fetcher(Protocol):
    """What `sync` needs of a source."""

    base: str
    """Address of the folder that holds ``metadata`` and ``targets``."""
    requests: int
    received: int
    """Bytes."""

    def as_tuf(self) -> FetcherInterface:
        """Return the fetcher for python-tuf."""


class _Counting(FetcherInterface):
    """Counts what is fetched, and stops when it takes too long in all."""

    base = _HERE

    def __init__(self) -> None:
        self.requests = 0
        self.received = 0
        self._started = time.monotonic()

    def as_tuf(self) -> FetcherInterface:
        return self

    def _fetch(self, url: str) -> Iterator[bytes]:
        self.requests += 1
        chunks = self._read(url)
        while chunk := self._next(chunks):
            if self._seconds_left() <= 0:
                raise _too_slow()
            self.received += len(chunk)
            yield chunk

    def _seconds_left(self) -> float:
        return self._started + MAX_SECONDS - time.monotonic()

    def _next(self, chunks: Iterator[bytes]) -> bytes:
        """Return the next bytes, or none at the end."""
        return next(chunks, b"")

    def _read(self, url: str) -> Iterator[bytes]:
        raise NotImplementedError

    def _inner_path(self, url: str) -> str:
        """Return the path below the base, of our own characters only."""
        path = unquote(url.removeprefix(self.base).removeprefix("/"))
        if not _PATH.fullmatch(path) or ".." in path.split("/"):
            raise DownloadHTTPError(f"{path!r} is no path of a repository", 404)
        return path


class FolderFetcher(_Counting):
    """A mirror as a folder, such as one that is mounted."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def _read(self, url: str) -> Iterator[bytes]:
        path = self._folder / self._inner_path(url)
        if not path.is_file():  # a pipe or a device could block for ever
            raise DownloadHTTPError(f"no file {path.name}", 404)
        try:
            with path.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    yield chunk
        except OSError as error:  # the source's fault, not the store's
            raise DownloadError(f"{path.name}: {error.strerror}") from error


class BundleFetcher(_Counting):
    """A mirror as one file: a ZIP archive that is read, never unpacked onto disk."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._members = _read_bundle(file)

    def _read(self, url: str) -> Iterator[bytes]:
        path = self._inner_path(url)
        if path not in self._members:
            raise DownloadHTTPError(f"the bundle has no {path}", 404)
        yield self._members[path]


class MirrorFetcher(_Counting):
    """A mirror on a web server. Redirects are not followed."""

    def __init__(self, url: str) -> None:
        super().__init__()
        parts = urlsplit(url)
        is_local = parts.hostname in _LOOPBACK
        if parts.scheme != "https" and not (parts.scheme == "http" and is_local):
            raise SyncError("a mirror's address begins with https://")
        if parts.query or parts.fragment or parts.username:
            raise SyncError("a mirror's address has no query, fragment or user")
        self.base = url.rstrip("/")
        self._pool = urllib3.PoolManager(retries=False, num_pools=2, maxsize=2)
        self._timeout = urllib3.Timeout(connect=10, read=20)

    def _read(self, url: str) -> Iterator[bytes]:
        self._inner_path(url)
        try:
            yield from self._get(url)
        except urllib3.exceptions.HTTPError as error:
            raise DownloadError(" ".join(str(error).split())) from error

    def _get(self, url: str) -> Iterator[bytes]:
        answer = self._pool.request(
            "GET",
            url,
            timeout=self._timeout,
            preload_content=False,
            redirect=False,
            headers={"Accept-Encoding": "identity"},
        )
        try:
            if answer.status != 200:
                raise DownloadHTTPError(f"answer {answer.status}", answer.status)
            # What has come, however little: waiting for more would outlast the limit.
            while chunk := answer.read1(_CHUNK, decode_content=False):
                yield chunk
        finally:
            answer.close()  # one that has been read to its end stays open for the next

    def _next(self, chunks: Iterator[bytes]) -> bytes:
        """Wait in a thread: a server may send name, key or head a byte at a time."""
        found: SimpleQueue[bytes | Exception] = SimpleQueue()

        def read() -> None:
            try:
                found.put(next(chunks, b""))
            except Exception as error:  # noqa: BLE001  # raised below
                found.put(error)

        threading.Thread(target=read, daemon=True).start()
        try:
            chunk = found.get(timeout=max(0.0, self._seconds_left()))
        except Empty as error:
            raise _too_slow() from error
        if isinstance(chunk, Exception):
            raise chunk
        return chunk


def _too_slow() -> DownloadError:
    return DownloadError(f"took longer than {MAX_SECONDS:.0f} s")


def open_source(source: str | Path) -> _Counting:
    """Return the fetcher for an address, a folder or a bundle file.

    Raises:
        SyncError: There is no such thing, or it cannot be read.
    """
    if isinstance(source, str) and re.match(r"[a-z]+://", source):
        return MirrorFetcher(source)
    path = Path(source)
    if path.is_dir():
        return FolderFetcher(path)
    if path.is_file():
        return BundleFetcher(path)
    raise SyncError(f"{source} is no address, folder or bundle file")


def _read_bundle(file: Path) -> Mapping[str, bytes]:
    try:
        if file.stat().st_size > MAX_BUNDLE:
            raise SyncError("the bundle is larger than 64 MiB")
        with zipfile.ZipFile(file) as archive:
            return _members(archive)
    except _UNREADABLE as error:
        raise SyncError("the bundle cannot be read") from error


def _members(archive: zipfile.ZipFile) -> dict[str, bytes]:
    infos = archive.infolist()
    names = [info.filename for info in infos]
    if len(infos) > MAX_MEMBERS or len(set(names)) != len(names):
        raise SyncError("the bundle has too many members, or one twice")
    if not all(_PATH.fullmatch(name) and ".." not in name.split("/") for name in names):
        raise SyncError("the bundle has a member of a foreign name")
    if any(info.compress_type not in _COMPRESSIONS for info in infos):
        raise SyncError("the bundle is neither stored nor deflated")
    if sum(info.file_size for info in infos) > MAX_BUNDLE:
        raise SyncError("the bundle inflates to more than 64 MiB")
    return {info.filename: _member(archive, info) for info in infos}


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    # The declared size bounds what is read, whatever the stream would give.
    with archive.open(info) as member:
        data = member.read(info.file_size + 1)
    if len(data) != info.file_size:
        raise SyncError("a member of the bundle is not as long as it says")
    return data
