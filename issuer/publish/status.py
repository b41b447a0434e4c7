"""What a published repository looks like to its operator."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tuf.api.metadata import Root, Snapshot, Targets, Timestamp

from issuer.publish.journal import Journal
from issuer.publish.moments import moment_of
from issuer.publish.names import ROOT, SINCE, SNAPSHOT, TARGETS, TIMESTAMP
from issuer.publish.repository import Repository


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyStatus:
    """A key that may sign for a role."""

    key_id: str
    since: datetime | None
    """When it was made; None if the repository does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleStatus:
    """One role as published."""

    role: str
    version: int
    expires_at: datetime
    threshold: int
    keys: tuple[KeyStatus, ...]
    documents: int
    """How many documents it lists; 0 for roles that list none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryStatus:
    """A repository as published."""

    issued_at: datetime
    roles: tuple[RoleStatus, ...]
    """The four top-level roles, then the economies by code."""

    def expired_at(self, moment: datetime) -> tuple[str, ...]:
        """Return the roles that have expired at ``moment`` (timezone-aware)."""
        return tuple(each.role for each in self.roles if each.expires_at <= moment)


def read_status(folder: Path, journal: Journal | None) -> RepositoryStatus:
    """Read and verify a public folder, and describe it.

    Args:
        folder: The public folder, or a copy of it.
        journal: What must have published it; None believes any that is whole.

    Raises:
        PublishRefused: ``repository.damaged``, or as `Journal.check` says.
    """
    repository = Repository.load(folder)
    if journal:
        journal.check(first_root=repository.first_root, versions=repository.versions)
    return _status_of(repository)


def _status_of(repository: Repository) -> RepositoryStatus:
    signed: dict[str, Root | Targets | Snapshot | Timestamp] = {
        ROOT: repository.root.signed,
        TARGETS: repository.targets[TARGETS].signed,
        SNAPSHOT: repository.snapshot.signed,
        TIMESTAMP: repository.timestamp.signed,
        **{each: repository.targets[each].signed for each in repository.economies},
    }
    return RepositoryStatus(
        issued_at=repository.issued_at,
        roles=tuple(
            RoleStatus(
                role=role,
                version=each.version,
                expires_at=each.expires,
                threshold=repository.parent(role).get_delegated_role(role).threshold,
                keys=_key_statuses(repository, role),
                documents=len(each.targets) if isinstance(each, Targets) else 0,
            )
            for role, each in signed.items()
        ),
    )


def _key_statuses(repository: Repository, role: str) -> tuple[KeyStatus, ...]:
    parent = repository.parent(role)
    keys = [parent.get_key(each) for each in parent.get_delegated_role(role).keyids]
    return tuple(
        KeyStatus(
            key_id=key.keyid,
            since=moment_of(key.unrecognized_fields[SINCE])
            if SINCE in key.unrecognized_fields
            else None,
        )
        for key in keys
    )
