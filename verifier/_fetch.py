"""Where trust data comes from: an HTTPS mirror, a folder, or one bundle file.

All three hand bytes to python-tuf, which verifies them in the same way. Nothing here is
trusted, and nothing here writes.
"""

import re
import struct
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from http.client import (
    HTTPConnection,
    HTTPException,
    HTTPResponse,
    IncompleteRead,
)
from pathlib import Path
from socket import gaierror
from ssl import SSLCertVerificationError, SSLError
from typing import Protocol
from urllib.parse import SplitResult, urlencode, urlsplit

from tuf.api.exceptions import DownloadError, DownloadHTTPError
from tuf.ngclient.fetcher import FetcherInterface

from .bounded import Bounds, Deadline, connection_to, renew
from .errors import RegisterError, ScanLogError, SyncError

MAX_SECONDS = 60.0
"""For everything that one `sync` fetches."""
MAX_BUNDLE = 64 * 2**20
"""Bytes of a bundle file, and of all its members together once inflated."""
MAX_MEMBERS = 8192
_CHUNK = 64 * 1024
_END = struct.Struct("<4s6xHIxxxxH")
"""The end of a ZIP archive: mark, number of members, bytes of their list, comment."""
_LOCATOR = 20
"""Bytes of the record before it in a 64-bit archive."""
_LONGEST = 512
"""Bytes that the list has for one member, with a long name."""
_GZIP = 31
"""What zlib calls a gzip stream."""
_CONNECT = 10.0
"""Seconds until a mirror has taken a connection."""
_SILENCE = 20.0
"""Seconds for which a mirror may say nothing."""
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
_URL = re.compile(r"[!-~]+")
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


Tell = Callable[[int, int], None]
"""Is told how many files have been fetched so far, and how many bytes."""


class Fetcher(Protocol):
    """What `sync` needs of a source."""

    base: str
    """Address of the folder that holds ``metadata`` and ``targets``."""
    requests: int
    received: int
    """Bytes; of a mirror all that came over the connection."""
    has_deltas: bool
    """Whether it may have more files than TUF knows of."""

    def as_tuf(self) -> FetcherInterface:
        """Return the fetcher for python-tuf."""


class _Counting(FetcherInterface):
    """Counts what is fetched, and stops when it takes too long in all."""

    base = _HERE
    has_deltas = True

    def __init__(self, seconds: float | None = None) -> None:
        self._seconds = MAX_SECONDS if seconds is None else seconds
        self.requests = 0
        self.received = 0
        self.tell: Tell | None = None
        self._started = time.monotonic()

    def as_tuf(self) -> FetcherInterface:
        return self

    def _fetch(self, url: str) -> Iterator[bytes]:
        self.requests += 1
        for chunk in self._read(url):
            self.seconds_left()
            yield chunk
        if self.tell:
            self.tell(self.requests, self.received)

    def bounds(self) -> Bounds:
        """Return what the next request may take."""
        return Bounds(
            left=self.seconds_left,
            connect=_CONNECT,
            silence=_SILENCE,
            count=self._count,
        )

    def _count(self, received: int) -> None:
        self.received += received

    def seconds_left(self) -> float:
        """Return how long `sync` may still take, which is above 0.

        Raises:
            DownloadError: The time is over.
        """
        left = self._started + self._seconds - time.monotonic()
        if left <= 0:
            raise DownloadError(f"took longer than {self._seconds:.0f} s")
        return left

    def _read(self, url: str) -> Iterator[bytes]:
        raise NotImplementedError

    def close(self) -> None:
        """Let go of whatever is open."""

    def _inner_path(self, url: str) -> str:
        """Return the path below the base, of our own characters only."""
        path = url.removeprefix(self.base).removeprefix("/")
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
                    self.received += len(chunk)
                    yield chunk
        except OSError as error:
            raise DownloadError(f"{path.name}: {error.strerror}") from error


class BundleFetcher(_Counting):
    """A mirror as one file: a ZIP archive that is read, never unpacked onto disk."""

    has_deltas = False

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._members = _read_bundle(file)

    def _read(self, url: str) -> Iterator[bytes]:
        path = self._inner_path(url)
        if path not in self._members:
            raise DownloadHTTPError(f"the bundle has no {path}", 404)
        self.received += len(self._members[path])
        yield self._members[path]


class MirrorFetcher(_Counting):
    """A mirror on a web server, over one connection. Redirects are not followed.

    Certificates are judged by OpenSSL's own settings: the system's authorities, or
    those that the environment names with ``SSL_CERT_FILE``.
    """

    def __init__(self, url: str) -> None:
        super().__init__()
        parts = _parts_of(url)
        self.base = url.rstrip("/")
        self._path = parts.path.rstrip("/")
        self._scheme, self._place = parts.scheme, parts.netloc
        self._idle: HTTPConnection | None = None
        """The connection, as long as no answer is being read from it."""

    def _read(self, url: str) -> Iterator[bytes]:
        path = f"{self._path}/{self._inner_path(url)}"
        connection = None
        try:
            connection, answer = self._ask(path)
            if answer.status == HTTPStatus.OK:
                yield from _body(answer)
            else:
                _skip(answer)
            if answer.isclosed():
                self._idle = connection
        except (OSError, HTTPException) as error:
            self.seconds_left()
            raise DownloadError(_one_line(error)) from error
        finally:
            # What is left of this answer would be taken for the next one.
            if connection is not None and connection is not self._idle:
                connection.close()
        if answer.status != HTTPStatus.OK:
            raise DownloadHTTPError(_refusal(answer.status), answer.status)

    def close(self) -> None:
        if self._idle is not None:
            self._idle.close()

    def _ask(self, path: str) -> tuple[HTTPConnection, HTTPResponse]:
        connection, self._idle = self._idle, None
        if connection is not None:
            try:
                return connection, self._ask_by(connection, path)
            except ConnectionError:
                pass  # closed by the server meanwhile, as it may
        connection = connection_to(self._scheme, self._place, self.bounds())
        return connection, self._ask_by(connection, path)

    def _ask_by(self, connection: HTTPConnection, path: str) -> HTTPResponse:
        renew(connection, self.bounds())
        headers = {"Accept-Encoding": "gzip", "User-Agent": "abtc"}
        try:
            connection.request("GET", path, headers=headers)
            return connection.getresponse()
        except BaseException:
            connection.close()
            raise


class Poster:
    """Brings small bodies to one address of a collector, each over its own connection.

    As `MirrorFetcher` in all else: https or this machine, no redirects, a minute for
    everything that one `post` does.

    Raises:
        ScanLogError: ``url`` is no such address.
    """

    def __init__(self, url: str) -> None:
        try:
            parts = _address(url)
        except ValueError as error:
            raise ScanLogError(f"a collector's address {error}") from error
        self._scheme, self._place = parts.scheme, parts.netloc
        self._path = parts.path or "/"

    def post(
        self, body: bytes, *, seconds: float | None = None, most: int = _CHUNK
    ) -> tuple[int, bytes]:
        """Send JSON; return status and body of the answer.

        Args:
            body: The JSON.
            seconds: How long it may take; None stands for a minute.
            most: Bytes of the answer, at most; the rest is left.

        Raises:
            ScanLogError: The collector was not reached, or took too long.
        """
        bounds = _Counting(seconds).bounds()
        connection = connection_to(self._scheme, self._place, bounds)
        headers = {"Content-Type": "application/json", "User-Agent": "abtc"}
        try:
            connection.request("POST", self._path, body=body, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read(most)
        except (OSError, HTTPException) as error:
            raise ScanLogError(_one_line(error, "collector")) from error
        except DownloadError as error:
            raise ScanLogError(f"the collector {error}") from error
        finally:
            connection.close()


class Caller:
    """Asks one server small questions, each over its own connection.

    https or this machine, no redirects; nothing waits longer than it is told to.

    Raises:
        RegisterError: ``url`` is no such address.
    """

    def __init__(self, url: str) -> None:
        try:
            parts = _address(url)
        except ValueError as error:
            raise RegisterError(f"a register's address {error}") from error
        self._scheme, self._place = parts.scheme, parts.netloc
        self._path = parts.path.rstrip("/")

    def post(
        self, path: str, body: bytes, headers: Mapping[str, str], *, seconds: float
    ) -> tuple[int, bytes]:
        """Send a body; return status and body of the answer, 64 KiB of it at most.

        Raises:
            RegisterError: The server was not reached, or took longer than ``seconds``.
        """
        bounds = Bounds(left=Deadline.after(seconds).left)
        connection = connection_to(self._scheme, self._place, bounds)
        try:
            said = {"User-Agent": "abtc", **headers}
            connection.request("POST", self._path + path, body=body, headers=said)
            answer = connection.getresponse()
            return answer.status, answer.read(_CHUNK)
        except (OSError, HTTPException) as error:
            raise RegisterError(_one_line(error, "register")) from error
        finally:
            connection.close()


def form_body(form: Mapping[str, str]) -> bytes:
    """Write a form as ``application/x-www-form-urlencoded``."""
    return urlencode(form).encode()


def _parts_of(url: str) -> SplitResult:
    try:
        return _address(url)
    except ValueError as error:
        raise SyncError(f"a mirror's address {error}") from error


def _address(url: str) -> SplitResult:
    if not _URL.fullmatch(url):
        raise ValueError("has only printable ASCII characters")
    try:
        parts = urlsplit(url)
        has_place = bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise ValueError("is malformed") from error
    if not has_place:
        raise ValueError("has a host, and perhaps a port")
    is_local = parts.hostname in _LOOPBACK
    if parts.scheme != "https" and not (parts.scheme == "http" and is_local):
        raise ValueError("begins with https://")
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("has no query, fragment or user")
    return parts


def _body(answer: HTTPResponse) -> Iterator[bytes]:
    match answer.getheader("Content-Encoding", "identity").strip().lower():
        case "identity":
            yield from _sent(answer)
        case "gzip":
            yield from _inflated(_sent(answer))
        case _:
            raise DownloadError("the answer is encoded in a way not asked for")


def _sent(answer: HTTPResponse) -> Iterator[bytes]:
    # As much as has come: waiting for a whole chunk could take for ever.
    while chunk := answer.read1(_CHUNK):
        yield chunk
    if answer.length:
        raise DownloadError("the connection was cut")
    answer.close()


def _inflated(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Inflate exactly one gzip stream, in pieces that python-tuf can count and stop.

    What inflates to nothing for ever would never be counted, so no more is read than
    a chunk beyond what has come out: no compressor adds as much.
    """
    stream, ahead = zlib.decompressobj(wbits=_GZIP), 0
    try:
        for chunk in chunks:
            ahead += len(chunk)
            for piece in _pieces(stream, chunk):
                ahead -= len(piece)
                yield piece
            if stream.unused_data or ahead > _CHUNK:
                break
    except zlib.error as error:
        raise DownloadError("the answer is not proper gzip") from error
    if not stream.eof or stream.unused_data:
        raise DownloadError("the answer is not one whole gzip stream")


def _pieces(stream: "zlib._Decompress", chunk: bytes) -> Iterator[bytes]:
    while piece := stream.decompress(chunk, _CHUNK):
        yield piece
        chunk = stream.unconsumed_tail


def _skip(answer: HTTPResponse) -> None:
    """Read a short answer to its end, so that the connection can be used again."""
    left = _CHUNK
    while left > 0 and (chunk := answer.read1(left)):
        left -= len(chunk)
    if left > 0 and not answer.length:
        answer.close()


def _refusal(status: int) -> str:
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return f"answer {status}, and redirects are not followed"
    return f"answer {status}"


def _one_line(error: OSError | HTTPException, who: str = "mirror") -> str:
    """Say what went wrong, and nothing in a server's own words."""
    match error:
        case SSLCertVerificationError():
            return f"the certificate is not trusted: {error.verify_message}"
        case SSLError():
            return "no TLS connection"
        case gaierror():
            return f"the {who}'s name is not known"
        case TimeoutError():
            return f"the {who} does not answer"
        case ConnectionRefusedError():
            return f"the {who} takes no connections"
        case ConnectionError() | IncompleteRead():
            return "the connection was cut"
        case OSError():
            return error.strerror or "no connection"
        case HTTPException():
            return "the answer is not proper HTTP"


def open_source(source: str | Path) -> _Counting:
    """Return the fetcher for an address, a folder or a bundle file.

    Raises:
        SyncError: There is no such thing, or it cannot be read.
    """
    if isinstance(source, str) and re.match(r"[A-Za-z]+://", source):
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
        _check_end(file)
        with zipfile.ZipFile(file) as archive:
            return _members(archive)
    except _UNREADABLE as error:
        raise SyncError("the bundle cannot be read") from error


def _check_end(file: Path) -> None:
    """Refuse a list of members too long to be read at all, before zipfile reads it.

    The last record is where a bundle ends: no comment, and not of the 64-bit kind,
    which would say other lengths in another place.
    """
    with file.open("rb") as opened:
        opened.seek(max(0, file.stat().st_size - _LOCATOR - _END.size))
        last = opened.read()
    mark, count, size, comment = _END.unpack(last[-_END.size :])
    if mark != b"PK\5\6" or comment or b"PK\6\7" in last[:_LOCATOR]:
        raise SyncError("the bundle cannot be read")
    if count > MAX_MEMBERS or size > MAX_MEMBERS * _LONGEST:
        raise SyncError("the bundle has too many members, or one twice")


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
