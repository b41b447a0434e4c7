"""Backups of an installation: one file, made while others work, and putting it back.

An archive is a compressed tar of three members: ``manifest.json`` first, with
the size and SHA-256 of the others; ``database``, a SQLite file or what ``pg_dump``
writes; and ``office.toml``.  It never holds a key, a passphrase, or the records that
are kept outside the database: those must not get old together with it.  It does hold
travellers' data, so only its owner may read it; where it is taken is for the
installation to protect.
"""

import gzip
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Final, Literal

from sqlalchemy import URL, create_engine, func, inspect, make_url, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from issuer import audit
from issuer.audit import Heads
from issuer.config import environment_with
from issuer.errors import BackupError, StoreDown
from issuer.installation import FILE, Installation
from issuer.jws import canonical
from issuer.publish.files import read_file, sync_folder
from issuer.publish.moments import moment_text, whole_second
from issuer.restoring import mark_restored
from issuer.store import (
    Account,
    AccountKind,
    Base,
    HostedEconomy,
    Store,
)

Progress = Callable[[int, int], None]
"""Told how much is done, of how much; the unit is the caller's to guess."""
Kind = Literal["sqlite", "postgresql"]

_MANIFEST, _DATABASE = "manifest.json", "database"
_MAX_MANIFEST: Final = 2**20
_MAX_SETTINGS: Final = 2**20
_CHUNK: Final = 2**20
_PAGES: Final = 4_096
"""Of the database, copied at once: about 16 MiB."""
_LEVEL: Final = 1
"""Of compression; more takes longer than the disk."""
_FORMAT: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What an archive says that it holds."""

    made_at: str
    kind: Kind
    revision: str
    """Of the database's shape."""
    economies: dict[str, int]
    """Last row of the audit log of each economy."""
    rows: dict[str, int]
    """Rows by table; of PostgreSQL, counted a moment after the copy was begun."""
    files: dict[str, tuple[int, str]]
    """Bytes and SHA-256 by member."""

    def to_bytes(self) -> bytes:
        """Write it as JSON."""
        return canonical(
            {
                "abtc": "backup",
                "format": _FORMAT,
                "made_at": self.made_at,
                "kind": self.kind,
                "revision": self.revision,
                "economies": self.economies,
                "rows": self.rows,
                "files": {name: list(each) for name, each in self.files.items()},
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "Manifest":
        """Read what `to_bytes` wrote; ``ValueError`` or ``KeyError`` for all else."""
        value: Any = json.loads(data)
        if value["abtc"] != "backup" or value["format"] != _FORMAT:
            raise ValueError("it is no backup of this format")
        if value["kind"] not in ("sqlite", "postgresql"):
            raise ValueError("it holds another kind of database")
        return cls(
            made_at=str(value["made_at"]),
            kind=value["kind"],
            revision=str(value["revision"]),
            economies={str(k): int(v) for k, v in value["economies"].items()},
            rows={str(k): int(v) for k, v in value["rows"].items()},
            files={
                str(k): (int(size), str(digest))
                for k, (size, digest) in value["files"].items()
            },
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """An archive that was made or read."""

    path: Path
    size: int
    sha256: str
    manifest: Manifest


def make_backup(
    installation: Installation,
    target: Path,
    *,
    now: datetime,
    progress: Progress | None = None,
    is_noted: bool = True,
) -> Backup:
    """Write a backup of one state of the database, while others go on working.

    Args:
        installation: Whose.
        target: The new file; only its owner may read it.
        now: This moment.
        progress: Told on the way.
        is_noted: Say so in the audit log, as for every copy that leaves this place.

    Raises:
        BackupError: The file exists, ``pg_dump`` is missing or fails.
        StoreError: The database cannot be used.
        OSError: The disk is full, or the like; no file is left.
    """
    if target.exists():
        raise BackupError(f"{target} exists already")
    url = make_url(installation.database_url)
    store = Store.open(installation.database_url)
    try:
        with _workplace(target.parent) as folder:
            copy = folder / _DATABASE
            _dump(url, copy, progress)
            manifest = _manifest(installation, store, url, copy, now)
            made = _pack(installation, manifest, copy, folder / "archive")
            os.replace(folder / "archive", target)
        sync_folder(target.parent)
        if is_noted:
            store.write(lambda session: _note(session, made, now), now=now)
    finally:
        store.close()
    return Backup(path=target, size=made.size, sha256=made.sha256, manifest=manifest)


def verify_backup(path: Path) -> Backup:
    """Read an archive whole, and hold each part against its manifest.

    Raises:
        BackupError: It is cut, changed, or no archive of ours; a database in it does
            not say of itself that it is in order.
        OSError: The file cannot be read.
    """
    with _workplace(None) as folder:
        return _unpack(path, folder)


def restore_backup(
    path: Path,
    folder: Path,
    *,
    database: str | None = None,
    expected_sha256: str | None = None,
    now: datetime,
) -> tuple[Backup, Installation]:
    """Put a backup into an empty place, and mark it: nothing is issued or published.

    Args:
        path: The archive.
        folder: Of the installation.  Settings that are there stay, and must name an
            empty database; without any, those of the archive are taken.
        database: Where the database goes, in the place of what the settings say, which
            then stay as they are.
        expected_sha256: Of the archive, as it was noted when it was made; None takes
            what the archive says of itself, which whoever changed it can change too.
        now: This moment.

    Returns:
        What was put back, and where.

    Raises:
        BackupError: The archive is damaged or not the expected one, the place is not
            empty, the kind of the database is another, ``pg_restore`` is missing or
            fails; or the heads of the audit log that are kept there say that this
            database is of another installation, or was changed.
        SettingsError, StoreError: The settings or the database cannot be used.
    """
    with _workplace(None) as work:
        backup = _unpack(path, work)
        if expected_sha256 not in (None, backup.sha256):
            raise BackupError(f"{path} is not the expected one: it is {backup.sha256}")
        if not (folder / FILE).exists():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _copy_private(work / FILE, folder / FILE)
        installation = Installation.load(folder)
        if database:
            installation = installation.model_copy(update={"database": database})
        url = make_url(installation.database_url)
        _check_kind(url, backup.manifest.kind)
        outside = installation.path(installation.outside)
        outside.mkdir(mode=0o700, parents=True, exist_ok=True)
        heads = Heads(path=installation.audit_heads).all()
        if backup.manifest.kind == "sqlite":
            # Marked before it is there, so that it is never there without its mark.
            _check_free(Path(str(url.database)))
            _mark_as_restored(f"sqlite:///{work / _DATABASE}", backup, heads, now)
            _copy_private(work / _DATABASE, Path(str(url.database)))
        else:
            _load_postgresql(url, work / _DATABASE)
            _mark_as_restored(installation.database_url, backup, heads, now)
    return backup, installation


def _mark_as_restored(
    url: str, backup: Backup, heads: Sequence[audit.Head], now: datetime
) -> None:
    """Bring a database to this version's shape, mark it, and say if it is not ours."""
    store = Store.upgrade(url)
    try:
        is_ours = store.read(lambda session: _is_of(session, heads))
        # Marked in any case: where it lies already, nothing is done with it.
        store.write(lambda session: _mark(session, backup, now), now=now)
        store.analyze()
    finally:
        store.close()
    if not is_ours:
        raise BackupError(
            f"{backup.path} is of another installation, or was changed: its audit log"
            " is not the one whose heads are kept here"
        )


def _is_of(session: Session, heads: Sequence[audit.Head]) -> bool:
    """Tell whether a database has each kept head that it is old enough to have."""
    stands = audit.heads(session)
    if heads and not any(head.economy in stands for head in heads):
        return False
    return not any(
        audit.is_behind(session, head)
        for head in heads
        if head.economy in stands and head.seq <= stands[head.economy].seq
    )


# The database, of either kind


def _dump(url: URL, target: Path, progress: Progress | None) -> None:
    if url.drivername == "sqlite":
        _dump_sqlite(str(url.database), target, progress)
    else:
        _run(["pg_dump", "--format=custom", "--no-owner", "--no-privileges",
              "--file", str(target)], url)  # fmt: skip
    target.chmod(0o600)


def _dump_sqlite(source: str, target: Path, progress: Progress | None) -> None:
    def told(_status: int, left: int, total: int) -> None:
        if progress:
            progress(total - left, total)

    origin = sqlite3.connect(f"file:{source}?mode=ro", uri=True, isolation_level=None)
    copy = sqlite3.connect(target)
    try:
        # Holding a state of the source keeps writers of others from restarting this.
        origin.execute("BEGIN")
        origin.execute("SELECT count(*) FROM sqlite_master").fetchone()
        origin.backup(copy, pages=_PAGES, progress=told)
    except sqlite3.Error as error:
        raise BackupError(f"the database cannot be copied: {error}") from error
    finally:
        copy.close()
        origin.close()


def _check_free(target: Path) -> None:
    for each in (target, *(Path(f"{target}-{end}") for end in ("wal", "shm"))):
        if each.exists():
            raise BackupError(f"{each} exists: a backup goes into an empty place")


def _load_postgresql(url: URL, source: Path) -> None:
    _check_empty(url)
    _run(["pg_restore", "--no-owner", "--no-privileges", "--exit-on-error",
          "--single-transaction", "--dbname", str(url.database), str(source)],
         url)  # fmt: skip


def _check_empty(url: URL) -> None:
    engine = create_engine(url)
    try:
        tables = inspect(engine).get_table_names()
    except OperationalError as error:
        raise StoreDown("the database does not answer") from error
    finally:
        engine.dispose()
    if tables:
        raise BackupError("the database is not empty: a backup goes into an empty one")


def _run(command: list[str], url: URL) -> None:
    """Run a program of PostgreSQL; what it has to know goes by its environment."""
    program = shutil.which(command[0])
    if program is None:
        raise BackupError(f"{command[0]} is not installed here")
    host = url.host or str(url.query.get("host", ""))
    known = {
        "PGDATABASE": url.database,
        "PGHOST": host,
        "PGPORT": str(url.port) if url.port else None,
        "PGUSER": url.username,
        "PGPASSWORD": str(url.password) if url.password else None,
    }
    done = subprocess.run(  # noqa: S603
        [program, *command[1:]],
        env=environment_with(**{k: v for k, v in known.items() if v}),
        capture_output=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise BackupError(f"{command[0]} failed: {lines[0] if lines else 'no word'}")


def _check_kind(url: URL, kind: Kind) -> None:
    if _kind(url) != kind:
        raise BackupError(f"the backup is of {kind}, and the settings name another")


def _kind(url: URL) -> Kind:
    return "sqlite" if url.drivername == "sqlite" else "postgresql"


# The archive


def _manifest(
    installation: Installation, store: Store, url: URL, copy: Path, now: datetime
) -> Manifest:
    if url.drivername == "sqlite":
        # The copy itself is asked: others have gone on writing.
        copied = Store.open(f"sqlite:///{copy}")
        try:
            rows, economies = copied.read(_count)
        finally:
            copied.close()
        for each in ("wal", "shm"):
            Path(f"{copy}-{each}").unlink(missing_ok=True)
    else:
        rows, economies = store.read(_count)
    settings = read_file(installation.folder / FILE, _MAX_SETTINGS)
    return Manifest(
        made_at=moment_text(now),
        kind=_kind(url),
        revision=store.revision(),
        economies=economies,
        rows=rows,
        files={
            _DATABASE: (copy.stat().st_size, _hash_file(copy)),
            FILE: (len(settings), hashlib.sha256(settings).hexdigest()),
        },
    )


def _count(session: Session) -> tuple[dict[str, int], dict[str, int]]:
    rows = {
        name: session.scalar(select(func.count()).select_from(table)) or 0
        for name, table in sorted(Base.metadata.tables.items())
    }
    return rows, {code: head.seq for code, head in audit.heads(session).items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Packed:
    size: int
    sha256: str
    rows: int


def _pack(
    installation: Installation, manifest: Manifest, copy: Path, target: Path
) -> _Packed:
    settings = read_file(installation.folder / FILE, _MAX_SETTINGS)
    with (
        _private(target) as file,
        gzip.GzipFile(fileobj=file, mode="wb", compresslevel=_LEVEL, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        _add(tar, _MANIFEST, BytesIO(text := manifest.to_bytes()), len(text))
        _add(tar, FILE, BytesIO(settings), len(settings))
        with copy.open("rb") as data:
            _add(tar, _DATABASE, data, copy.stat().st_size)
    return _Packed(
        size=target.stat().st_size,
        sha256=_hash_file(target),
        rows=sum(manifest.rows.values()),
    )


def _add(tar: tarfile.TarFile, name: str, data: IO[bytes], size: int) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    tar.addfile(member, data)


def _unpack(path: Path, folder: Path) -> Backup:
    """Write the members of an archive into a folder, each held against the manifest."""
    try:
        manifest = _unpack_members(path, folder)
    except (tarfile.TarError, EOFError, ValueError, KeyError, TypeError) as error:
        raise BackupError(f"{path} is no good backup: {error}") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise BackupError(f"{path} is no good backup: it is damaged") from error
    if manifest.kind == "sqlite":
        _check_sqlite(path, folder / _DATABASE)
    return Backup(
        path=path,
        size=path.stat().st_size,
        sha256=_hash_file(path),
        manifest=manifest,
    )


def _unpack_members(path: Path, folder: Path) -> Manifest:
    with gzip.open(path) as whole:
        manifest = _read_members(whole, folder)
        # Behind the last member there is filling, and the sum over everything.
        while whole.read(_CHUNK):
            pass
    return manifest


def _read_members(whole: gzip.GzipFile, folder: Path) -> Manifest:
    manifest: Manifest | None = None
    found: set[str] = set()
    with tarfile.open(fileobj=whole, mode="r|") as tar:
        for member in tar:
            data = tar.extractfile(member)
            if data is None or not member.isreg():
                raise ValueError(f"{member.name!r} is no file")
            if manifest is None:
                if member.name != _MANIFEST or member.size > _MAX_MANIFEST:
                    raise ValueError("it does not begin with its manifest")
                manifest = Manifest.from_bytes(data.read())
                continue
            if member.name in found or member.name not in (_DATABASE, FILE):
                raise ValueError(f"{member.name!r} does not belong there")
            found.add(member.name)
            _write_member(data, folder / member.name, manifest.files[member.name])
    if manifest is None or found != {_DATABASE, FILE}:
        raise ValueError("something is missing")
    return manifest


def _write_member(data: IO[bytes], target: Path, wanted: tuple[int, str]) -> None:
    size, digest = wanted
    seen, left = hashlib.sha256(), size
    with _private(target) as file:
        while chunk := data.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                break
            seen.update(chunk)
            file.write(chunk)
    if left or seen.hexdigest() != digest:
        raise ValueError(f"{target.name} is not what its manifest says")


def _check_sqlite(path: Path, database: Path) -> None:
    connection = sqlite3.connect(f"file:{database}?mode=ro&immutable=1", uri=True)
    try:
        (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as error:
        found = str(error)
    finally:
        connection.close()
    if found != "ok":
        raise BackupError(f"{path}: the database in it is damaged: {found}")


# Noting it down


def _note(session: Session, made: _Packed, now: datetime) -> None:
    _log_everywhere(
        session, now, "backup:made", "by command", sha256=made.sha256, rows=made.rows
    )


def _mark(session: Session, backup: Backup, now: datetime) -> None:
    for code in session.scalars(select(HostedEconomy.code)).all():
        mark_restored(session, code, at=whole_second(now), archive=backup.sha256)
    _log_everywhere(session, now, "backup:restored", "by command", sha256=backup.sha256)


def _log_everywhere(
    session: Session, now: datetime, tag: str, reason: str, **fields: audit.Scalar
) -> None:
    """Add a row to each economy's log, in the name of the installation itself."""
    accounts = session.execute(
        select(Account.economy, func.min(Account.id))
        .where(Account.kind == AccountKind.SYSTEM)
        .group_by(Account.economy)
        .order_by(Account.economy)
    )
    for economy, account in accounts.all():
        audit.record(
            session,
            economy=economy,
            actor_id=account,
            at=now,
            tag=tag,
            subject=f"economy:{economy}",
            reason=reason,
            **fields,
        )


# Files


@contextmanager
def _workplace(beside: Path | None) -> Iterator[Path]:
    """A folder for its owner alone; gone at the end, however that comes."""
    folder = Path(tempfile.mkdtemp(prefix=".abtc-backup-", dir=beside))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _private(path: Path) -> Iterator[IO[bytes]]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _copy_private(source: Path, target: Path) -> None:
    with source.open("rb") as data, _private(target) as file:
        shutil.copyfileobj(data, file, _CHUNK)
    sync_folder(target.parent)


def _hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
