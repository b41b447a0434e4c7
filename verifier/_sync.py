"""Collect verified trust documents from a source; python-tuf does the verifying.

What TUF does not know is checked here: which economy may name which document, that
roles are economies, and that the moment of publication is signed.
"""

import re
import tempfile
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    LengthOrHashMismatchError,
    RepositoryError,
)
from tuf.api.metadata import (
    Key,
    Metadata,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.ngclient.config import UpdaterConfig
from tuf.ngclient.updater import Updater

from . import _documents
from ._delta import MAX_DELTA, apply_delta, delta_name
from ._fetch import Tell, _Counting, open_source
from ._floor import Floor, list_times
from ._json import EXACT_INTEGER, is_moment
from ._partial import Partial
from ._status import revives
from .errors import SyncError
from .trust import DOCUMENT_NAME, MAX_ISSUED_AHEAD, Problem

ISSUED_AT = "x-abtc-issued-at"
"""Member of ``timestamp.json`` that says when the trust data was current."""
_SCHEME = "scheme.json"
_ROLE = re.compile(r"[A-Z]{3}")
_ONLINE = ("timestamp", "snapshot")
_NO_FALL = 2**40
_MISSES = 3
"""After so many lists in a row without a delta that helps, no more are asked for."""
_SHORT = 512
"""Bytes of the shortest list for which a delta is worth asking."""
_ONE_ECONOMY_S = (RepositoryError, DownloadHTTPError, DownloadLengthMismatchError)
"""What is wrong with one economy's files; a dead network is everybody's."""
MAX_FILES = 1024
"""Documents of one economy: whoever has its key must not use up everybody's time."""
MAX_BYTES = 16 * 2**20
"""Of one economy's documents together, and its files that no device wants."""
MAX_FILE = 4 * 2**20
"""Bytes of one document."""
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
    tell: Tell | None
    """What is told of each file that has come."""
    partial: Partial | None
    """What an update that broke off has left."""


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
        fetcher.tell = wish.tell
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
        self._absent: list[str] = []
        """Documents of the role at hand that the source does not have."""
        self._misses = 0 if fetcher.has_deltas else _MISSES

    def collect(self) -> Collected:
        root, timestamp = self._read("root", Root), self._read("timestamp", Timestamp)
        snapshot = self._read("snapshot", Snapshot)
        targets = self._read("targets", Targets)
        signed = (root, timestamp, snapshot, targets)
        for each in signed:
            _check_version(each.version)
        _check_keys(root.keys)
        _check_keys(targets.delegations.keys if targets.delegations else {})
        self._versions = {each.type: each.version for each in signed}
        issued_at = _issued_at(timestamp)
        # What is dated later than our clock must not bar what is dated right.
        latest = min(issued_at, self._updater.moment + MAX_ISSUED_AHEAD)
        self._latest = issued_at + MAX_ISSUED_AHEAD
        if issued_at > latest:
            self._note("timestamp.json", f"of {issued_at}: this device's clock is slow")
        documents = {_SCHEME: self._document(_SCHEME)}
        roles = _roles(targets)
        self._check_economy(documents[_SCHEME], roles)
        for role in roles:
            documents |= self._of_economy(role, targets)
        return Collected(
            version=timestamp.version,
            issued_at=issued_at,
            expires_at=min(each.expires for each in signed),
            floor=Floor(
                versions=self._versions,
                keys={role: frozenset(root.roles[role].keyids) for role in _ONLINE},
                signers={role: self._signers(root, role) for role in _ONLINE},
                lists=list_times(documents, latest=latest + MAX_ISSUED_AHEAD),
                time=int(latest.timestamp()),
            ),
            documents=documents,
            problems=tuple(self._problems),
            requests=self._fetcher.requests,
            received=self._fetcher.received,
        )

    def _signers(self, root: Root, role: str) -> frozenset[str]:
        """Return the ids of the keys that have signed a role."""
        path = self._metadata / f"{role}.json"
        metadata = Metadata[Any].from_bytes(path.read_bytes())
        found = root.get_verification_result(
            role, metadata.signed_bytes, metadata.signatures
        )
        return frozenset(found.signed)

    def _check_economy(self, scheme: bytes, roles: list[str]) -> None:
        economy = self._wish.economy
        if economy in {None, *roles}:
            return
        with suppress(ValueError):  # of a bad scheme nothing is taken anyway
            if economy not in _documents.parse_scheme(scheme).issuers:
                raise SyncError(f"{economy} is no economy of this scheme")
        self._note(str(economy), "publishes nothing")

    def _of_economy(self, role: str, targets: Targets) -> dict[str, bytes]:
        """Return an economy's documents; as they were, if the new ones are no good.

        They are kept together with the metadata that lists them, and only as long as
        the role's keys may sign: whoever had to be shut out must not live on.
        """
        path = self._metadata / f"{role}.json"
        before = path.read_bytes() if path.exists() else b""
        try:
            return self._new_of_economy(role)
        except _ONE_ECONOMY_S as error:
            if role == self._wish.economy and isinstance(error, DownloadHTTPError):
                raise  # a source that was not made for this destination
            self._note(role, str(error))
        path.write_bytes(before)
        try:
            old = Metadata[Targets].from_bytes(before)
            targets.verify_delegate(role, old.signed_bytes, old.signatures)
        except RepositoryError:
            return {}
        start = f"{role}/"
        return {k: data for k, data in self._wish.known.items() if k.startswith(start)}

    def _new_of_economy(self, role: str) -> dict[str, bytes]:
        self._absent.clear()
        signed = self._updater.role(role)
        _check_version(signed.version)
        lengths = [listed.length for listed in signed.targets.values()]
        if len(lengths) > MAX_FILES or sum(lengths) > MAX_BYTES:
            raise RepositoryError(f"{role} lists more than a device can hold")
        if signed.delegations:
            raise RepositoryError(f"{role} delegates further, which is not its right")
        names = [name for name in sorted(signed.targets) if self._is_its(name, role)]
        found = {name: self._document(name) for name in names}
        documents = {name: data for name, data in found.items() if data is not None}
        self._check_lists(documents)
        if self._absent:
            count = len(self._absent)
            self._note(role, f"{count} of its documents as destination are not there")
        self._versions[role] = signed.version
        return documents

    def _check_lists(self, documents: Mapping[str, bytes]) -> None:
        """Refuse lists that go back, are of the future, or take back what is final."""
        times = list_times(documents)
        older = self._wish.floor.first_older_of(times)
        if older:
            raise RepositoryError(older)
        for name in times.keys() - list_times(documents, latest=self._latest).keys():
            raise RepositoryError(f"{name} is dated after the trust data")
        for name in times:
            known = self._wish.known.get(name)
            if known and "/status/" in name and revives(known, documents[name]):
                raise RepositoryError(f"{name} would bring back what has ended")

    def _is_its(self, name: str, role: str) -> bool:
        parts = DOCUMENT_NAME.fullmatch(name)
        if parts is None or parts["owner"] != role:
            self._note(name, f"not {role}'s to name")
            return False
        return not _is_destination_s(name) or self._wish.economy in {None, role}

    def _note(self, document: str, detail: str) -> None:
        self._problems.append(Problem(document=document, detail=detail))

    def _document(self, name: str) -> Any:
        info = self._updater.get_targetinfo(name)
        if info is None:
            raise RepositoryError(f"{name} is listed nowhere")
        if info.length > MAX_FILE:
            raise RepositoryError(f"{name} is longer than 4 MiB")
        known, left = self._wish.known.get(name), self._left(info)
        for data in (known, left):
            if data is not None and _is(data, info):
                return data
        if known is not None:
            made = self._from_delta(info, known)
            if made is not None:
                return made
        try:
            with tempfile.TemporaryDirectory(dir=self._metadata) as folder:
                path = Path(folder) / "document"
                self._updater.download_target(info, str(path))
                data = path.read_bytes()
        except DownloadHTTPError as error:
            # A bundle carries policy and overlays of one destination only.
            is_no_wish = self._wish.economy is None and _is_destination_s(name)
            if error.status_code == 404 and is_no_wish:
                self._absent.append(name)
                return known
            raise
        if self._wish.partial:
            self._wish.partial.keep(data)
        return data

    def _left(self, info: TargetFile) -> bytes | None:
        partial = self._wish.partial
        return partial.get(info.hashes.get("sha256")) if partial else None

    def _from_delta(self, info: TargetFile, known: bytes) -> bytes | None:
        """Make a list of the one that the device has, if the source helps with it.

        A delta is a hint: what comes of it is used only if it is what TUF has signed.
        """
        digest = info.hashes.get("sha256")
        # Of entries that keep their place, which those of passports do not.
        has_places = "/status/" in info.path or "/overlay/" in info.path
        is_list = has_places and info.length >= _SHORT
        if not (is_list and digest) or self._misses == _MISSES:
            return None
        path = delta_name(info.path, digest, known)
        url = f"{self._fetcher.base}/targets/{path}"
        try:
            delta = self._fetcher.download_bytes(url, MAX_DELTA)
            made = apply_delta(delta, known) or b""
            info.verify_length_and_hashes(made)
        except (DownloadError, LengthOrHashMismatchError):
            self._misses += 1
            return None
        self._misses = 0
        return made

    def _read(self, role: str, kind: type[Any]) -> Any:
        """Return metadata that the updater has just verified and stored."""
        path = self._metadata / f"{role}.json"
        return Metadata[Any].from_bytes(path.read_bytes()).signed


def _is(data: bytes, info: TargetFile) -> bool:
    """Tell whether data is what signed metadata names."""
    try:
        info.verify_length_and_hashes(data)
    except RepositoryError:
        return False
    return True


def _check_version(version: int) -> None:
    """Refuse a number that the mark could be written with, but not read again."""
    if type(version) is not int or version > EXACT_INTEGER:
        raise RepositoryError("a version is no number, or beyond 2**53")


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


def _is_destination_s(name: str) -> bool:
    return name.endswith("/policy.json") or "/overlay/" in name


def _issued_at(timestamp: Timestamp) -> datetime:
    text = timestamp.unrecognized_fields.get(ISSUED_AT)
    try:
        moment = _documents.parse_moment(text)
    except ValueError as error:
        raise SyncError(f"timestamp.json does not say {ISSUED_AT}") from error
    if not is_moment(int(moment.timestamp())):
        raise SyncError(
            f"timestamp.json says {ISSUED_AT} {text}, which is out of range"
        )
    return moment


def _offered_time(fetcher: _Counting) -> int:
    """Return of when a refused source says to be; unverified, for a message only."""
    url = f"{fetcher.base}/metadata/timestamp.json"
    try:
        data = fetcher.download_bytes(url, _CONFIG.timestamp_max_length)
        signed = Metadata[Any].from_bytes(data).signed
        return int(_issued_at(signed).timestamp())
    except (DownloadError, RepositoryError, SyncError):
        return _NO_FALL
