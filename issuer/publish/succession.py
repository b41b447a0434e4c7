"""Holding new documents of one role against everything that is published.

The economy that signs and the scheme that publishes ask the same questions.
"""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from issuer.errors import PublishRefused
from issuer.publish.checks import (
    MAX_DOCUMENT,
    Documents,
    Shrink,
    check_key_owners,
    check_sizes,
    check_usable,
    compare,
)
from issuer.publish.files import read_file
from issuer.publish.names import TARGETS, check_names, target_file
from issuer.publish.refusals import Refusal
from issuer.publish.repository import Repository


def check_succession(
    folder: Path,
    repository: Repository,
    role: str,
    documents: Documents,
    *,
    removed: Mapping[str, str],
    now: datetime,
) -> tuple[Shrink, ...]:
    """Refuse documents that may not follow on what is published.

    Args:
        folder: Where the repository is.
        repository: What is in force there.
        role: Code of an economy, or ``targets`` for the scheme.
        documents: Everything that the role is to list.
        removed: SHA-256 by name of documents that the role once listed.
        now: The moment of publication.

    Returns:
        What would go, for two people to approve.

    Raises:
        PublishRefused: As `Publisher.publish_lists` says, but for approvals.
    """
    if role not in repository.targets:
        raise PublishRefused(Refusal.ECONOMY_UNKNOWN, f"{role} has no role")
    check_names(role, documents)
    check_sizes(role, documents)
    before = _before(folder, repository, role, documents, removed)
    beside = _beside(folder, repository, role)
    check_usable({**beside, **documents}, changed=frozenset(documents), now=now)
    if f"{role}/issuer.json" in documents:
        issuers = _other_issuers(folder, repository, role)
        check_key_owners(role, documents, issuers)
    return compare(before, documents)


def _beside(folder: Path, repository: Repository, role: str) -> dict[str, bytes]:
    """Return what new documents are read with: for the scheme, everything."""
    roles = repository.economies if role == TARGETS else (TARGETS,)
    beside: dict[str, bytes] = {}
    for each in roles:
        beside |= repository.documents(folder, each)
    return beside


def _other_issuers(folder: Path, repository: Repository, role: str) -> dict[str, bytes]:
    issuers: dict[str, bytes] = {}
    for each in repository.economies:
        if each != role:
            name = f"{each}/issuer.json"
            issuers |= repository.documents(folder, each, name)
    return issuers


def _before(
    folder: Path,
    repository: Repository,
    role: str,
    after: Documents,
    removed: Mapping[str, str],
) -> dict[str, bytes]:
    """Return what the new documents follow on, also after an absence."""
    published = repository.documents(folder, role)
    for name, digest in removed.items():
        if name in after and name not in published:
            published[name] = _removed(folder, name, digest)
    return published


def _removed(folder: Path, name: str, digest: str) -> bytes:
    try:
        data = read_file(folder / target_file(name, digest), MAX_DOCUMENT)
    except OSError as error:
        raise PublishRefused(
            Refusal.REPOSITORY_DAMAGED, f"what {name} was before is not here"
        ) from error
    if sha256(data).hexdigest() != digest:
        raise PublishRefused(
            Refusal.REPOSITORY_DAMAGED, f"what {name} was before has been changed"
        )
    return data
