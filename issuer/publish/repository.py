"""Reading a published repository back, believing nothing that is not signed.

Whoever can write to the public folder must not be able to have their own words signed
by the next publication; so everything is verified from the first root on, as a device
does it.  What has expired is read all the same: it is here to be renewed.
"""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final, TypeVar

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import (
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from issuer.errors import PublishRefused
from issuer.publish.checks import MAX_DOCUMENT
from issuer.publish.files import read_file
from issuer.publish.moments import moment_of
from issuer.publish.names import (
    ISSUED_AT,
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    check_names,
    metadata_file,
    target_file,
)
from issuer.publish.refusals import Refusal

MAX_METADATA: Final = 8 * 2**20
"""Bytes of one file of metadata that are read."""
_Signed = TypeVar("_Signed", Root, Timestamp, Snapshot, Targets)


@dataclass(slots=True, kw_only=True)
class Repository:
    """The metadata in force; one operation may change its copy and throw it away."""

    root: Metadata[Root]
    timestamp: Metadata[Timestamp]
    snapshot: Metadata[Snapshot]
    targets: dict[str, Metadata[Targets]]
    """By role: ``targets`` itself and every economy that has a role."""
    first_root: str
    """SHA-256 of the first root, hexadecimal."""

    @classmethod
    def load(cls, folder: Path) -> "Repository":
        """Read and verify the repository in a folder.

        Raises:
            PublishRefused: ``repository.damaged``.

        Not checked: expiry, and that this is the newest; see `Journal.check`.
        """
        try:
            return _load(folder)
        except (OSError, RepositoryError, ValueError, KeyError) as error:
            raise PublishRefused(
                Refusal.REPOSITORY_DAMAGED, f"{folder}: {error}"
            ) from error

    @property
    def issued_at(self) -> datetime:
        """The moment of the last publication."""
        return moment_of(self.timestamp.signed.unrecognized_fields.get(ISSUED_AT))

    @property
    def economies(self) -> tuple[str, ...]:
        """The economies that have a role, sorted."""
        return tuple(sorted(set(self.targets) - {TARGETS}))

    @property
    def versions(self) -> dict[str, int]:
        """Version by role; those that were revoked keep their last."""
        listed = {
            name.removesuffix(".json"): file.version
            for name, file in self.snapshot.signed.meta.items()
        }
        return {  # a thief of the snapshot's key may list the other three as well
            **listed,
            ROOT: self.root.signed.version,
            TIMESTAMP: self.timestamp.signed.version,
            SNAPSHOT: self.snapshot.signed.version,
        }

    def documents(
        self, folder: Path, role: str, only: str | None = None
    ) -> dict[str, bytes]:
        """Read what a role has published, by name.

        Args:
            folder: The public folder.
            role: ``targets`` or the code of an economy.
            only: The one document that is wanted; None for all.

        Raises:
            PublishRefused: ``repository.damaged``; ``name.malformed`` or
                ``name.foreign`` if somebody else has signed with its key.
        """
        files = {
            name: file
            for name, file in self.targets[role].signed.targets.items()
            if only in (None, name)
        }
        check_names(role, files)
        try:
            return {name: _document(folder, name, file) for name, file in files.items()}
        except (OSError, RepositoryError, KeyError) as error:
            raise PublishRefused(
                Refusal.REPOSITORY_DAMAGED, f"{folder}: {error}"
            ) from error

    def parent(self, role: str) -> Root | Targets:
        """Return the metadata that names a role's keys."""
        root = self.root.signed
        return root if role in root.roles else self.targets[TARGETS].signed

    def verify(self) -> None:
        """Check that every role is signed as its parent asks.

        Raises:
            RepositoryError: One is not.
        """
        root, top = self.root.signed, self.targets[TARGETS]
        for role, metadata in (
            (TIMESTAMP, self.timestamp),
            (SNAPSHOT, self.snapshot),
            (TARGETS, top),
        ):
            root.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
        for economy in self.economies:
            metadata = self.targets[economy]
            top.signed.verify_delegate(
                economy, metadata.signed_bytes, metadata.signatures
            )


def _load(folder: Path) -> Repository:
    root, first_root = _load_root(folder)
    timestamp = _parse(Timestamp, _read(folder, metadata_file(TIMESTAMP, 0)))
    snapshot = _listed(Snapshot, folder, SNAPSHOT, timestamp.signed.snapshot_meta)
    listed = snapshot.signed.meta
    top = _listed(Targets, folder, TARGETS, listed["targets.json"])
    delegations = top.signed.delegations
    roles = (delegations.roles if delegations else None) or {}
    repository = Repository(
        root=root,
        timestamp=timestamp,
        snapshot=snapshot,
        targets={
            TARGETS: top,
            **{
                role: _listed(Targets, folder, role, listed[f"{role}.json"])
                for role in roles
            },
        },
        first_root=first_root,
    )
    repository.verify()
    return repository


def _load_root(folder: Path) -> tuple[Metadata[Root], str]:
    first = _read(folder, metadata_file(ROOT, 1))
    root = _parse(Root, first)
    _verify_root(root.signed, root)
    while (folder / (name := metadata_file(ROOT, root.signed.version + 1))).exists():
        following = _parse(Root, _read(folder, name))
        if following.signed.version != root.signed.version + 1:
            raise ValueError(f"{name} says to be another version")
        _verify_root(root.signed, following)
        _verify_root(following.signed, following)
        root = following
    return root, sha256(first).hexdigest()


def _verify_root(by: Root, root: Metadata[Root]) -> None:
    by.verify_delegate(ROOT, root.signed_bytes, root.signatures)


def _listed(
    kind: type[_Signed], folder: Path, role: str, file: MetaFile
) -> Metadata[_Signed]:
    data = _read(folder, metadata_file(role, file.version))
    file.verify_length_and_hashes(data)
    metadata = _parse(kind, data)
    if metadata.signed.version != file.version:
        raise ValueError(f"{role} says to be another version")
    return metadata


def _read(folder: Path, name: str) -> bytes:
    return read_file(folder / name, MAX_METADATA)


def _parse(kind: type[_Signed], data: bytes) -> Metadata[_Signed]:
    metadata: Metadata[_Signed] = Metadata.from_bytes(data)
    if metadata.signed.type != kind.type:
        raise ValueError(f"{metadata.signed.type} where {kind.type} should be")
    return metadata


def _document(folder: Path, name: str, file: TargetFile) -> bytes:
    data = read_file(folder / target_file(name, file.hashes["sha256"]), MAX_DOCUMENT)
    file.verify_length_and_hashes(data)
    return data
