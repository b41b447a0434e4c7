"""The trust data of a device, kept on its disk and brought up to date.

Layout of the folder: two copies of the high-water mark, and one folder for each
generation of trust data, of which the newest whole one counts. A generation is written
completely, flushed to the disk and only then given its name; so whatever moment the
power fails at, the old one or the new one opens, and the mark never falls.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from . import _json
from ._floor import Floor, list_times
from .card import is_economy_code
from .errors import StoreError, SyncError, TrustError
from .trust import Problem, Trust

if TYPE_CHECKING:
    from ._sync import Collected

_FORMAT = "abtc-store-1"
_MANIFEST = "manifest.json"
_GENERATION = re.compile(r"generation-([0-9]{1,15})")
_FLOORS = ("floor-a", "floor-b")
_NO_FLOOR = Floor()
_NEW, _WORK = ".abtc-new-", ".abtc-work-"
"""How names of what an update is making begin; nobody else's file is called so."""
_MAX_FILE = 8 * 2**20
"""Bytes; a list has at most 4 MiB. A damaged disk must not fill the memory."""
_MAX_TEXT = 100
"""Characters kept of a name or detail that an economy has made up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """What one `TrustStore.sync` did."""

    before: int | None
    """Version of the trust data before; None for the first time."""
    after: int
    """Version now; equal to ``before`` if there was nothing new."""
    documents_changed: int
    """New ones, and those with other content."""
    removed: tuple[str, ...]
    """Names of documents that were there before and have gone: they are no longer
    published, or ``problems`` says why they were not kept."""
    requests: int
    received: int
    """Bytes."""
    problems: tuple[Problem, ...]
    """Documents that were refused, and economies kept as they were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreInfo:
    """What a store holds."""

    version: int
    issued_at: datetime
    expires_at: datetime
    time_floor: datetime
    lists: Mapping[str, datetime]
    """``iat`` by name of each list."""
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Generation:
    """One whole set of trust data, as read from the disk."""

    number: int
    folder: Path
    version: int
    issued_at: datetime
    expires_at: datetime
    floor: Floor
    documents: Mapping[str, bytes]
    metadata: Mapping[str, str]
    """SHA-256 by path of python-tuf's files."""
    problems: tuple[Problem, ...]


_Mark = tuple[Path, int, int]
"""Folder of a generation, with inode and time of its manifest."""


class TrustStore:
    """Trust data on a device's disk.

    Any number of processes may `load`; one at a time may `sync`. Loading needs no lock
    and is never torn, because a generation is never changed once it has its name.

    Args:
        folder: Where the store is, or will be with the first `sync`.
        floor: A mark built into the installation. It applies even if everything in
            ``folder`` has been deleted.
    """

    def __init__(self, folder: str | Path, *, floor: Floor = _NO_FLOOR) -> None:
        self._folder = Path(folder)
        self._built_in = floor
        self._loaded: tuple[_Mark, Trust] | None = None

    def load(self) -> Trust:
        """Return the newest whole snapshot; the same object as long as it is that.

        Returns:
            A snapshot whose time floor is the latest moment that this device has seen.
            It may be old: `verify` says so, given the time. While nothing is new this
            takes microseconds, so call it for every card.

        Raises:
            StoreError: There is no whole generation at or above the mark.

        Not checked: expiry, which is the decision's; and the signatures of the
        documents, which `sync` has checked, while digests show damage since.
        """
        mark = self._mark_of_newest()
        if self._loaded and self._loaded[0] == mark:
            return self._loaded[1]
        newest = self._newest()
        trust = Trust.from_documents(
            newest.documents,
            version=newest.version,
            issued_at=newest.issued_at,
            expires_at=newest.expires_at,
        )
        if mark and mark[0] == newest.folder:
            self._loaded = (mark, trust)
        return trust

    def info(self) -> StoreInfo:
        """Return what the store holds.

        Raises:
            StoreError: There is no whole generation at or above the mark.
        """
        newest = self._newest()
        lists = {
            name: datetime.fromtimestamp(issued, UTC)
            for name, issued in list_times(newest.documents).items()
        }
        return StoreInfo(
            version=newest.version,
            issued_at=newest.issued_at,
            expires_at=newest.expires_at,
            time_floor=newest.issued_at,  # nothing older opens
            lists=MappingProxyType(lists),
            problems=newest.problems,
        )

    def sync(
        self,
        source: str | Path,
        *,
        root: bytes,
        now: datetime,
        economy: str | None = None,
        on_progress: Callable[[int, int], None] | None = None,
        resume: str | Path | None = None,
    ) -> SyncReport:
        """Bring the store up to date, or leave it exactly as it is.

        Args:
            source: Address of a mirror (``https://``), a folder, or a bundle file. All
                are verified alike.
            root: The first root metadata, as it came with the installation.
            now: This moment, timezone-aware; what has ended by then is refused. The
                latest moment that this device has seen counts instead, if it is later.
            economy: Alpha-3 code: keep only this economy's policy and overlays, besides
                every economy's keys and lists. None keeps everything there is.
            on_progress: Is called after each file that has come, with the number of
                files and of bytes so far. Nothing of them is used before all are here.
            resume: A folder of this and nothing else: documents that an update has
                fetched before it broke off are kept there, and not fetched again by
                the next. They are verified like any other.

        Raises:
            SyncError: What the source offers is not properly signed, has ended, is
                older than what this device has seen, is too large or too slow, or
                cannot be read. The store is as it was.
            StoreError: The store cannot be written, or another process is at it.
            ValueError: ``now`` is naive or not from 1970 to 2099, or ``economy`` is no
                code.

        Source: the TUF specification, section 5, by python-tuf; and `Floor`.
        """
        # Deciding needs neither python-tuf nor a network library: only this does.
        from ._partial import Partial  # noqa: PLC0415
        from ._sync import Wish, collect  # noqa: PLC0415

        if now.utcoffset() is None:
            raise ValueError("now must be timezone-aware")
        if not _json.is_moment(int(now.timestamp())):
            raise ValueError("now is not from 1970 to 2099")
        if economy is not None and not is_economy_code(economy):
            raise ValueError("economy is not an alpha-3 code")
        partial = Partial(Path(resume)) if resume else None
        with self._locked():
            self._clear_leftovers()
            before = self._newest_or_none()
            floor = self._floor()
            if before:
                floor = floor.raised_by(before.floor)
            with tempfile.TemporaryDirectory(prefix=_WORK, dir=self._folder) as work:
                metadata = Path(work) / "metadata"
                _copy_metadata(before, metadata)
                known = before.documents if before else {}
                wish = Wish(
                    known=known,
                    economy=economy,
                    floor=floor,
                    now=now,
                    tell=on_progress,
                    partial=partial,
                )
                found = collect(source, metadata, root, wish)
                report = self._adopt(before, found, metadata, floor)
            if partial:
                partial.clear()
            return report

    def _adopt(
        self,
        before: _Generation | None,
        found: "Collected",
        metadata: Path,
        floor: Floor,
    ) -> SyncReport:
        try:
            trust = Trust.from_documents(
                found.documents,
                version=found.version,
                issued_at=found.issued_at,
                expires_at=found.expires_at,
            )
        except TrustError as error:
            raise SyncError(str(error)) from error
        problems = (*found.problems, *trust.problems)
        fall = floor.first_fall_of(found.floor)
        if fall:
            raise SyncError(f"older than what this device has seen: {fall}")
        known = before.documents if before else {}
        changed = sum(known.get(name) != data for name, data in found.documents.items())
        removed = tuple(sorted(known.keys() - found.documents.keys()))
        number = before.number if before else 0
        if before is None or changed or removed or found.floor != before.floor:
            number += 1
            self._write_generation(number, found, metadata, problems)
        self._raise_floor(floor.raised_by(found.floor))
        self._forget_all_but_two(number)
        return SyncReport(
            before=before.version if before else None,
            after=found.version,
            documents_changed=changed,
            removed=removed,
            requests=found.requests,
            received=found.received,
            problems=problems,
        )

    def _write_generation(
        self,
        number: int,
        found: "Collected",
        metadata: Path,
        problems: tuple[Problem, ...],
    ) -> None:
        made = Path(tempfile.mkdtemp(prefix=_NEW, dir=self._folder))
        made.chmod(0o755)  # another account may check what this one syncs
        files: dict[str, str] = {}
        (made / "metadata").mkdir()
        for path in sorted(metadata.glob("*.json")):
            if path.is_symlink():
                continue  # root.json, which python-tuf points at the newest root
            files[f"metadata/{path.name}"] = _write_file(
                made / "metadata" / path.name, path.read_bytes()
            )
        documents: dict[str, str] = {}
        for name, data in found.documents.items():
            digest = hashlib.sha256(data).hexdigest()
            documents[name] = _write_file(made / digest, data)
        manifest = {
            "format": _FORMAT,
            "version": found.version,
            "issued_at": int(found.issued_at.timestamp()),
            "expires_at": int(found.expires_at.timestamp()),
            "metadata": files,
            "documents": documents,
            "floor": found.floor.to_bytes().decode(),
            "problems": [
                [each.document[:_MAX_TEXT], each.detail[:_MAX_TEXT]]
                for each in problems
            ],
        }
        text = json.dumps(manifest, sort_keys=True)
        seal = hashlib.sha256(text.encode()).hexdigest()
        _write_file(made / _MANIFEST, f"{seal}\n{text}".encode())
        _flush_folder(made / "metadata")
        _flush_folder(made)
        place = self._folder / f"generation-{number}"
        _remove(place)  # what has this name could not be read, or was below the mark
        made.rename(place)
        _flush_folder(self._folder)

    def _raise_floor(self, floor: Floor) -> None:
        for name in _FLOORS:
            path = self._folder / name
            beside = self._folder / f"{_NEW}{name}"
            _write_file(beside, floor.to_bytes())
            if path.is_dir():
                _remove(path)
            beside.replace(path)
            _flush_folder(self._folder)

    def _floor(self) -> Floor:
        floor = self._built_in
        for name in _FLOORS:
            with contextlib.suppress(OSError, ValueError):
                data = _read_regular(self._folder / name)
                floor = floor.raised_by(Floor.from_bytes(data))
        return floor

    def _mark_of_newest(self) -> _Mark | None:
        """Say which generation is the newest, reading none; None if there is none."""
        for _, folder in self._generations()[:1]:
            with contextlib.suppress(OSError):
                manifest = (folder / _MANIFEST).stat()
                return folder, manifest.st_ino, manifest.st_mtime_ns
        return None

    def _newest(self) -> _Generation:
        newest = self._newest_or_none()
        if newest is None:
            raise StoreError(f"{self._folder} holds no trust data that can be used")
        return newest

    def _newest_or_none(self) -> _Generation | None:
        floor = self._floor()
        for number, folder in self._generations():
            with contextlib.suppress(OSError, ValueError):
                found = _read_generation(number, folder)
                if floor.first_fall_of(found.floor) is None:
                    return found
        return None

    def _generations(self) -> list[tuple[int, Path]]:
        try:
            folders = list(self._folder.iterdir())
        except OSError as error:
            raise StoreError(f"{self._folder} cannot be read") from error
        named = [(_GENERATION.fullmatch(folder.name), folder) for folder in folders]
        return sorted(
            ((int(match[1]), folder) for match, folder in named if match), reverse=True
        )

    def _forget_all_but_two(self, newest: int) -> None:
        """Keep one generation more, for a reader that has just begun with it.

        What has a higher number than the newest was damaged or below the mark. It goes
        only now that there is something better: the damage may have been a passing one.
        """
        for number, folder in self._generations():
            if number not in {newest, newest - 1}:
                _remove(folder)

    def _clear_leftovers(self) -> None:
        """Remove what an update that was killed has left."""
        for start in (_NEW, _WORK):
            for leftover in self._folder.glob(f"{start}*"):
                _remove(leftover)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            # The folder itself is locked: a lock file could be a pipe, or a link.
            lock = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise StoreError(f"{self._folder} cannot be written") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError as error:
            raise StoreError("another process is updating this store") from error
        except OSError as error:
            raise StoreError(f"{self._folder}: {error.strerror}") from error
        finally:
            os.close(lock)


def _copy_metadata(before: _Generation | None, folder: Path) -> None:
    """Give python-tuf what it had, so that only what is new is fetched.

    What is damaged is left out, and fetched again; the mark is there to compare it to.
    """
    folder.mkdir()
    if before is None:
        return
    for name, digest in before.metadata.items():
        path = before.folder / name
        with contextlib.suppress(OSError, ValueError):
            (folder / path.name).write_bytes(_read_document(path, digest))


def _read_generation(number: int, folder: Path) -> _Generation:
    seal, _, text = _read_regular(folder / _MANIFEST).decode().partition("\n")
    if hashlib.sha256(text.encode()).hexdigest() != seal:
        raise ValueError("the manifest is damaged")
    # What the seal covers was written by us; a wrong type in it would be our own bug.
    # Limits of what we read from others do not apply: problems quote them.
    manifest = json.loads(text)
    if manifest.get("format") != _FORMAT:
        raise ValueError("the manifest is of another format")
    digests: dict[str, str] = manifest["documents"]
    problems: list[list[str]] = manifest["problems"]
    return _Generation(
        number=number,
        folder=folder,
        version=manifest["version"],
        issued_at=datetime.fromtimestamp(manifest["issued_at"], UTC),
        expires_at=datetime.fromtimestamp(manifest["expires_at"], UTC),
        floor=Floor.from_bytes(manifest["floor"].encode()),
        documents={
            name: _read_document(folder / digest, digest)
            for name, digest in digests.items()
        },
        metadata=manifest["metadata"],
        problems=tuple(
            Problem(document=name, detail=detail) for name, detail in problems
        ),
    )


def _read_document(path: Path, digest: str) -> bytes:
    data = _read_regular(path)
    if hashlib.sha256(data).hexdigest() != digest:
        raise ValueError(f"{path.name} is damaged")
    return data


def _read_regular(path: Path) -> bytes:
    if path.is_symlink() or not path.is_file():  # a pipe could block for ever
        raise ValueError(f"{path.name} is no file")
    if path.stat().st_size > _MAX_FILE:
        raise ValueError(f"{path.name} is too large")
    return path.read_bytes()


def _write_file(path: Path, data: bytes) -> str:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return hashlib.sha256(data).hexdigest()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _flush_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
