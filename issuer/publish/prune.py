"""Which published files no reader can be sent to any more.

A consistent snapshot leaves every version of every file behind.  Needed are all roots,
for devices that know the first only; what the states name that were current at some
moment since; and documents that were taken away, which must not return as another.
Deltas go with the list that they make, as soon as a newer one is in force.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Targets

from issuer.errors import PublishRefused
from issuer.publish.files import read_file
from issuer.publish.journal import Journal
from issuer.publish.names import (
    TARGETS,
    target_file,
)
from issuer.publish.refusals import Refusal
from issuer.publish.repository import MAX_METADATA, Repository

_VERSIONED: Final = re.compile(
    r"metadata/(?P<version>[1-9][0-9]{0,9})\.(?P<role>snapshot|targets|[A-Z]{3})\.json"
    r"|targets/(?:[A-Z]{3}/(?:status/|overlay/[A-Z]{3}/)?)?[0-9a-f]{64}\.[a-z0-9]+"
    r"\.(?:json|jwt)"
    r"|(?P<list>targets/[A-Z]{3}/(?:status/|overlay/[A-Z]{3}/)[0-9a-f]{64}\.[0-9]+)"
    r"\.from-[0-9a-f]{16}\.json"
)
"""What the publisher names by version or hash; whatever else lies there is not ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruning:
    """What was removed, or would have been."""

    removed: tuple[str, ...]
    """Files, below the repository, sorted."""
    size: int
    """Bytes in them."""
    kept: int
    """How many of the files that have a version or a hash stay."""
    is_dry_run: bool = False


def superseded_files(
    folder: Path, repository: Repository, journal: Journal, *, since: datetime
) -> tuple[list[str], int]:
    """Find what nobody can be sent to who began to read at ``since`` or later.

    Args:
        folder: The public folder.
        repository: What is in force there.
        journal: It knows what was in force when; a state that it misses, since the
            publisher was killed, lies between two that it has.
        since: The moment of the earliest reader that counts.

    Returns:
        The files that may go, sorted, and how many stay.

    Raises:
        PublishRefused: ``repository.damaged`` if a folder in it is a link: what lies
            behind it would not be seen.
    """
    there = sorted(_versioned(folder))
    lowest, newest = journal.versions_at(since), repository.versions
    needed = {name for name in there if _is_in_force(name, lowest, newest)}
    for name in tuple(needed):
        needed |= _documents(folder / name)
    needed |= {target_file(*each) for each in journal.removed().items()}
    in_force = _in_force(repository)
    needed |= {name for name in there if _list_of(name) in in_force}
    gone = [name for name in there if name not in needed]
    return gone, len(there) - len(gone)


def _in_force(repository: Repository) -> set[str]:
    """List the files of every economy's documents that are in force now."""
    return {
        target_file(name, file.hashes["sha256"])
        for economy in repository.economies
        for name, file in repository.targets[economy].signed.targets.items()
        if "sha256" in file.hashes
    }


def _list_of(name: str) -> str | None:
    """Return the file of the list that a delta makes; None if it is no delta."""
    parts = _VERSIONED.fullmatch(name)
    return f"{parts['list']}.jwt" if parts and parts["list"] else None


def _is_in_force(
    name: str, lowest: Mapping[str, int], newest: Mapping[str, int]
) -> bool:
    """Tell whether it is metadata of a state since the earliest that counts.

    What is above the newest was left by a publication that did not come to its end.
    """
    parts = _VERSIONED.fullmatch(name)
    if not parts or not parts["role"]:
        return False
    role, version = parts["role"], int(parts["version"])
    return lowest.get(role, 1) <= version <= newest.get(role, 0)


def _documents(path: Path) -> set[str]:
    """List the files of a role's documents; none if it is no role's, or damaged."""
    try:
        metadata: Metadata[Targets] = Metadata.from_bytes(read_file(path, MAX_METADATA))
        files = metadata.signed.targets
        return {
            target_file(name, file.hashes["sha256"]) for name, file in files.items()
        }
    except (OSError, RepositoryError, AttributeError, KeyError):
        return set()


def _versioned(folder: Path) -> Iterator[str]:
    """List files by the names that the publisher gives; no link is followed."""
    for top in ("metadata", TARGETS):
        if (folder / top).is_symlink():
            raise PublishRefused(
                Refusal.REPOSITORY_DAMAGED, f"{folder / top} is a link"
            )
        for place, _, files in os.walk(folder / top):
            for file in files:
                name = (Path(place) / file).relative_to(folder).as_posix()
                if _VERSIONED.fullmatch(name):
                    yield name
