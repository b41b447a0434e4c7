"""Collect verified trust documents from a source; python-tuf does the verifying.

What TUF does not know is checked here: which economy may name which document, that
roles are economies, and that the moment of publication is signed.
"""

import hashlib
import re
import tempfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    RepositoryError,
)
from tuf.api.metadata import Key, Metadata, Root, Signed, Snapshot, Targets, Timestamp
from tuf.ngclient.config import UpdaterConfig
from tuf.ngclient.updater import Updater

from . import _json
from ._fetch import _Counting, open_source
from ._floor import Floor, list_times
from ._status import MAX_TOKEN
from .errors import SyncError
from .trust import DOCUMENT_NAME, MAX_ISSUED_AHEAD, Problem

ISSUED_AT = "x-abtc-issued-at"
"""Member of ``timestamp.json`` that says when the trust data was current."""
_SCHEME = "scheme.json"
_ROLE = re.compile(r"[A-Z]{3}")
_MOMENT = "%Y-%m-%dT%H:%M:%SZ"
_NO_FALL = 2**40
_MAX_NAMES = 1024
"""Documents that an economy may list: twice as many as it can have."""
_ONE_ECONOMY_S = (RepositoryError, DownloadHTTPError, DownloadLengthMismatchError)
"""What is wrong with one economy's files; a dead network is everybody's."""
_CONFIG = UpdaterConfig(
    max_root_rotations=1024,  # since the first root: an installation lives for years
    max_delegations=64,
    root_max_length=64 * 1024,
    timestamp_max_length=16 * 1024,
    snapshot_max_length=256 * 1024,
    targets_max_length=2**20,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a device has, and what it wants."""

    known: Mapping[str, bytes]
    """Documents that it has, by name."""
    economy: str | None
    """Whose policy and overlays it wants; None for everybody's."""
    floor: Floor
    """What it has seen."""
    now: datetime
    """This moment, by its clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What a source offers, verified."""

    version: int
    """Of the timestamp role: it rises with every publication."""
    issued_at: datetime
    expires_at: datetime
    floor: Floor
    documents: Mapping[str, bytes]
    problems: tuple[Problem, ...]
    requests: int
    received: int


def collect(source: str | Path, metadata: Path, root: bytes, wish: Wish) -> Collected:
    """Fetch and verify everything that a device needs.

    Args:
        source: Address, folder or bundle file.
        metadata: Folder with python-tuf's state, which is changed.
        root: The first root metadata.
        wish: What the device has, and what it wants.

    Raises:
        SyncError: See `TrustStore.sync`.
    """
    with closing(open_source(source)) as fetcher:
        return _collect(fetcher, metadata, root, wish)


def _collect(fetcher: _Counting, metadata: Path, root: bytes, wish: Wish) -> Collected:
    _lay_out_roots(metadata)
    try:
        updater = _UpdaterAt(
            max(wish.now, wish.floor.moment),
            str(metadata),
            f"{fetcher.base}/metadata",
            target_base_url=f"{fetcher.base}/targets",
            fetcher=fetcher,
            config=_CONFIG,
            bootstrap=root,
        )
    except RepositoryError as error:
        raise SyncError(f"the root is not usable: {error}") from error
    try:
        updater.refresh()
        found = _Collector(updater, fetcher, metadata, wish).collect()
    except BadVersionNumberError as error:
        fall = wish.floor.first_fall_of(Floor(time=_offered_time(fetcher)))
        raise SyncError(
            f"older than what this device has seen: {fall or error}"
        ) from error
    except RepositoryError as error:
        raise SyncError(f"not properly signed, or ended: {error}") from error
    except DownloadError as error:
        raise SyncError(f"cannot be fetched: {error}") from error
    _pick_up_roots(metadata)
    return found


def _lay_out_roots(metadata: Path) -> None:
    """Put the roots that are known where python-tuf looks for them."""
    history = metadata / "root_history"
    history.mkdir()
    for path in metadata.glob("*.root.json"):
        path.rename(history / path.name)


def _pick_up_roots(metadata: Path) -> None:
    """Put the roots beside what else is kept, so that none is fetched twice."""
    for path in (metadata / "root_history").iterdir():
        path.rename(metadata / path.name)


class _UpdaterAt(Updater):
    """python-tuf's client at a given moment, where it would read the clock itself."""

    def __init__(self, moment: datetime, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.moment = self._trusted_set.reference_time = moment

    def role(self, name: str) -> Targets:
        """Return the metadata of an economy's role, verified, whatever it lists."""
        return self._load_targets(name, Targets.type)


class _Collector:
    """Reads on from a refreshed updater."""

    def __init__(
        self,
        updater: _UpdaterAt,
        fetcher: _Counting,
        metadata: Path,
        wish: Wish,
    ) -> None:
        self._updater = updater
        self._fetcher = fetcher
        self._metadata = metadata
        self._wish = wish
        self._problems: list[Problem] = []
        self._versions: dict[str, int] = {}

    def collect(self) -> Collected:
        root, timestamp = self._read("root", Root), self._read("timestamp", Timestamp)
        snapshot = self._read("snapshot", Snapshot)
        targets = self._read("targets", Targets)
        signed = (root, timestamp, snapshot, targets)
        for each in signed:
            _check_version(each)
        _check_keys(root.keys)
        _check_keys(targets.delegations.keys if targets.delegations else {})
        self._versions = {each.type: each.version for each in signed}
        issued_at = _issued_at(timestamp)
        # What is dated later than our clock must not bar what is dated right.
        latest = min(issued_at, self._updater.moment + MAX_ISSUED_AHEAD)
        if issued_at > latest:
            self._note("timestamp.json", f"of {issued_at}: this device's clock is slow")
        documents = {_SCHEME: self._document(_SCHEME)}
        for role in _roles(targets):
            documents |= self._of_economy(role)
        return Collected(
            version=timestamp.version,
            issued_at=issued_at,
            expires_at=min(each.expires for each in signed),
            floor=Floor(
                versions=self._versions,
                keys={
                    role: _digest(root.roles[role].keyids)
                    for role in ("timestamp", "snapshot")
                },
                lists=list_times(documents, latest=latest + MAX_ISSUED_AHEAD),
                time=int(latest.timestamp()),
            ),
            documents=documents,
            problems=tuple(self._problems),
            requests=self._fetcher.requests,
            received=self._fetcher.received,
        )

    def _of_economy(self, role: str) -> dict[str, bytes]:
        """Return an economy's documents; as they were, if the new ones are no good."""
        try:
            return self._new_of_economy(role)
        except _ONE_ECONOMY_S as error:
            if role == self._wish.economy and isinstance(error, DownloadHTTPError):
                raise  # a source that was not made for this destination
            self._note(role, str(error))
            start = f"{role}/"
            return {
                k: data for k, data in self._wish.known.items() if k.startswith(start)
            }

    def _new_of_economy(self, role: str) -> dict[str, bytes]:
        signed = self._updater.role(role)
        _check_version(signed)
        if len(signed.targets) > _MAX_NAMES:
            raise RepositoryError(f"{role} lists more than {_MAX_NAMES} documents")
        if signed.delegations:
            raise RepositoryError(f"{role} delegates further, which is not its right")
        names = [name for name in sorted(signed.targets) if self._is_its(name, role)]
        found = {name: self._document(name) for name in names}
        documents = {name: data for name, data in found.items() if data is not None}
        older = self._wish.floor.first_older_of(list_times(documents))
        if older:
            raise RepositoryError(older)
        self._versions[role] = signed.version
        return documents

    def _is_its(self, name: str, role: str) -> bool:
        parts = DOCUMENT_NAME.fullmatch(name)
        if parts is None or parts["owner"] != role:
            self._note(name, f"not {role}'s to name")
            return False
        is_destination_s = parts["kind"] == "policy" or parts["issuer"] is not None
        return not is_destination_s or self._wish.economy in {None, role}

    def _note(self, document: str, detail: str) -> None:
        self._problems.append(Problem(document=document, detail=detail))

    def _document(self, name: str) -> Any:
        info = self._updater.get_targetinfo(name)
        if info is None:
            raise RepositoryError(f"{name} is listed nowhere")
        if info.length > MAX_TOKEN:
            raise RepositoryError(f"{name} is longer than any document")
        known = self._wish.known.get(name)
        if known is not None:
            try:
                info.verify_length_and_hashes(known)
            except RepositoryError:
                pass  # it has changed: fetch it
            else:
                return known
        try:
            with tempfile.TemporaryDirectory(dir=self._metadata) as folder:
                path = Path(folder) / "document"
                self._updater.download_target(info, str(path))
                return path.read_bytes()
        except DownloadHTTPError as error:
            # A bundle carries one destination's overlays; others are merely not there.
            is_no_wish = self._wish.economy is None and "/overlay/" in name
            if error.status_code == 404 and is_no_wish:
                return None
            raise

    def _read(self, role: str, kind: type[Any]) -> Any:
        """Return metadata that the updater has just verified and stored."""
        path = self._metadata / f"{role}.json"
        return Metadata[Any].from_bytes(path.read_bytes()).signed


def _check_version(signed: Signed) -> None:
    """Refuse a version that the mark could not keep, and with it all that it keeps."""
    if signed.version > _json.EXACT_INTEGER:
        raise RepositoryError(f"the version of {signed.type} is beyond 2**53")


def _check_keys(keys: Mapping[str, Key]) -> None:
    """Refuse a key of two ids, which python-tuf would count as two signers."""
    texts = [" ".join(map(str, key.keyval.values())) for key in keys.values()]
    texts = ["".join(text.split()).casefold() for text in texts]
    if len(set(texts)) != len(texts):
        raise SyncError("one key under two ids")


def _roles(targets: Targets) -> list[str]:
    delegations = targets.delegations
    if delegations and delegations.succinct_roles:
        raise SyncError("hashed bins are delegated to, not economies")
    roles = (delegations.roles or {}) if delegations else {}
    for name, role in roles.items():
        if not _ROLE.fullmatch(name):
            raise SyncError("a delegated role is no economy")
        own = {f"{name}/*", f"{name}/status/*", f"{name}/overlay/*/*"}
        if not (role.terminating and role.paths and own.issuperset(role.paths)):
            raise SyncError(f"{name} may sign more than its own documents")
    return list(roles)


def _issued_at(timestamp: Timestamp) -> datetime:
    text = timestamp.unrecognized_fields.get(ISSUED_AT)
    try:
        return datetime.strptime(str(text), _MOMENT).replace(tzinfo=UTC)
    except ValueError as error:
        raise SyncError(f"timestamp.json does not say {ISSUED_AT}") from error


def _offered_time(fetcher: _Counting) -> int:
    """Return of when a refused source says to be; unverified, for a message only."""
    url = f"{fetcher.base}/metadata/timestamp.json"
    try:
        data = fetcher.download_bytes(url, _CONFIG.timestamp_max_length)
        signed = Metadata[Any].from_bytes(data).signed
        return int(_issued_at(signed).timestamp())
    except (DownloadError, RepositoryError, SyncError):
        return _NO_FALL


def _digest(key_ids: list[str]) -> str:
    return hashlib.sha256(" ".join(sorted(key_ids)).encode()).hexdigest()
