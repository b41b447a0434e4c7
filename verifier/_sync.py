"""Collect verified trust documents from a source; python-tuf does the verifying.

What TUF does not know is checked here: which economy may name which document, that
roles are economies, and that the moment of publication is signed.
"""

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tuf.api.exceptions import DownloadError, DownloadHTTPError, RepositoryError
from tuf.api.metadata import Metadata, Targets, Timestamp
from tuf.ngclient.config import UpdaterConfig
from tuf.ngclient.updater import Updater

from . import _b64, _json
from ._fetch import _Counting, open_source
from ._floor import Floor
from .errors import SyncError
from .trust import DOCUMENT_NAME, Problem

ISSUED_AT = "x-abtc-issued-at"
"""Member of ``timestamp.json`` that says when the trust data was current."""
_SCHEME = "scheme.json"
_ROLE = re.compile(r"[A-Z]{3}")
_MOMENT = "%Y-%m-%dT%H:%M:%SZ"
_CONFIG = UpdaterConfig(
    max_root_rotations=64,
    max_delegations=64,
    root_max_length=64 * 1024,
    timestamp_max_length=16 * 1024,
    snapshot_max_length=256 * 1024,
    targets_max_length=2**20,
)


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


def collect(
    source: str | Path,
    metadata: Path,
    root: bytes,
    known: Mapping[str, bytes],
    economy: str | None,
) -> Collected:
    """Fetch and verify everything that a device of ``economy`` needs.

    Args:
        source: Address, folder or bundle file.
        metadata: Folder with python-tuf's state, which is changed.
        root: The first root metadata.
        known: Documents that the device has, by name.
        economy: Whose policy and overlays are wanted; None for everybody's.

    Raises:
        SyncError: See `TrustStore.sync`.
    """
    fetcher = open_source(source)
    try:
        return _Collector(fetcher, metadata, root, known, economy).collect()
    except RepositoryError as error:
        raise SyncError(f"not properly signed, or ended: {error}") from error
    except DownloadError as error:
        raise SyncError(f"cannot be fetched: {error}") from error


class _Collector:
    def __init__(
        self,
        fetcher: _Counting,
        metadata: Path,
        root: bytes,
        known: Mapping[str, bytes],
        economy: str | None,
    ) -> None:
        self._fetcher = fetcher
        self._metadata = metadata
        self._known = known
        self._economy = economy
        self._problems: list[Problem] = []
        self._versions: dict[str, int] = {}
        try:
            self._updater = Updater(
                str(metadata),
                f"{fetcher.base}/metadata",
                target_base_url=f"{fetcher.base}/targets",
                fetcher=fetcher,
                config=_CONFIG,
                bootstrap=root,
            )
        except RepositoryError as error:
            raise SyncError(f"the root is not usable: {error}") from error

    def collect(self) -> Collected:
        self._updater.refresh()
        timestamp = self._read("timestamp", Timestamp)
        targets = self._read("targets", Targets)
        self._note_versions()
        documents = {_SCHEME: self._document(_SCHEME, required=True)}
        for role in _roles(targets):
            documents |= self._of_economy(role)
        return Collected(
            version=timestamp.version,
            issued_at=_issued_at(timestamp),
            expires_at=min(timestamp.expires, targets.expires),
            floor=Floor(
                versions=self._versions,
                lists=_list_times(documents),
                time=int(_issued_at(timestamp).timestamp()),
            ),
            documents=documents,
            problems=tuple(self._problems),
            requests=self._fetcher.requests,
            received=self._fetcher.received,
        )

    def _of_economy(self, role: str) -> dict[str, bytes]:
        """Return an economy's documents; as they were, if the new ones are no good."""
        try:
            self._updater.get_targetinfo(f"{role}/issuer.json")
            signed = self._read(role, Targets)
            self._versions[role] = signed.version
            names = [
                name for name in sorted(signed.targets) if self._is_its(name, role)
            ]
            found = {name: self._document(name) for name in names}
        except RepositoryError as error:
            self._problems.append(Problem(document=role, detail=str(error)))
            start = f"{role}/"
            return {k: data for k, data in self._known.items() if k.startswith(start)}
        return {name: data for name, data in found.items() if data is not None}

    def _is_its(self, name: str, role: str) -> bool:
        parts = DOCUMENT_NAME.fullmatch(name)
        if parts is None or parts["owner"] != role:
            self._problems.append(
                Problem(document=name, detail=f"not {role}'s to name")
            )
            return False
        is_destination_s = parts["kind"] == "policy" or parts["issuer"] is not None
        return not is_destination_s or self._economy in {None, role}

    def _document(self, name: str, *, required: bool = False) -> Any:
        info = self._updater.get_targetinfo(name)
        if info is None:
            raise RepositoryError(f"{name} is listed nowhere")
        known = self._known.get(name)
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
            if error.status_code == 404 and not required and "/overlay/" in name:
                return None
            raise

    def _read(self, role: str, kind: type[Any]) -> Any:
        """Return metadata that the updater has just verified and stored."""
        path = self._metadata / f"{role}.json"
        return Metadata[Any].from_bytes(path.read_bytes()).signed

    def _note_versions(self) -> None:
        for role in ("root", "timestamp", "snapshot", "targets"):
            self._versions[role] = self._read(role, Targets).version


def _roles(targets: Targets) -> list[str]:
    delegations = targets.delegations
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


def _list_times(documents: Mapping[str, bytes]) -> dict[str, int]:
    """Return ``iat`` of every list; the targets are signed, so it may be believed."""
    times: dict[str, int] = {}
    for name, data in documents.items():
        if name.endswith(".jwt"):
            times[name] = _iat(data)
    return times


def _iat(token: bytes) -> int:
    try:
        payload = _json.parse_object(_b64.decode(token.decode().split(".")[1]))
    except (ValueError, IndexError):
        return 0  # Trust.from_documents refuses the list, and names it
    issued = payload.get("iat")
    return issued if _json.is_moment(issued) else 0
