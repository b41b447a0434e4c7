"""What was published from here, and who approved: a local log that only grows.

It is also the memory that a restored backup of the public folder lacks: a repository
that is older than its log is refused, since publishing from it would take back
revocations.  One that is ahead of its log is refused as well: somebody else has
published, or the log is the older of the two and has forgotten what was taken away.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from issuer.errors import PublishRefused
from issuer.publish.files import append_line, read_file
from issuer.publish.moments import moment_of
from issuer.publish.refusals import Refusal

MAX_JOURNAL: Final = 256 * 2**20
"""Bytes; a publication each hour takes about 9 MiB a year."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """One JSON object a line: ``at``, ``event`` and what belongs to the event.

    Events: ``created`` with ``root``, the hash of the first root; ``approved`` with
    ``action``, ``approvals``, ``reasons`` and ``removed`` (hash by name of a document
    that goes), written before anything is published; ``publishing`` with ``action`` and
    ``versions``, the last word before files are written, so that a publisher which
    was killed on the way finds its own; ``published`` with the same, written
    afterwards; and ``pruned`` with ``files``, how many went.
    """

    path: Path

    def add(self, event: str, at: str, **says: object) -> None:
        """Write a line; on disk at return.  Raises ``OSError``."""
        line = json.dumps({"at": at, "event": event, **says}, ensure_ascii=False)
        append_line(self.path, line.encode())

    def has_published(self) -> bool:
        """Tell whether anything was ever published from here."""
        return any(line["event"] == "published" for line in self._lines())

    def removed(self) -> dict[str, str]:
        """Return the SHA-256 of documents that were ever taken away, by name.

        Should one come back, it follows on what it was: else a list could be taken
        away and return with its revocations forgotten.
        """
        gone: dict[str, str] = {}
        for line in self._lines():
            removed = line.get("removed")
            if isinstance(removed, dict):
                gone |= removed
        return gone

    def versions_at(self, moment: datetime) -> Mapping[str, int]:
        """Return the version by role that was in force, or one before it.

        Empty if nothing is known to have been published by then.
        """
        in_force: Mapping[str, int] = {}
        for line in self._lines():
            if line["event"] == "published" and moment_of(line["at"]) <= moment:
                in_force = _versions(line)
        return in_force

    def check(
        self,
        *,
        first_root: str,
        versions: Mapping[str, int],
        replaced: Iterable[str] = (),
    ) -> dict[str, int]:
        """Refuse a repository that is another, older or newer than this log.

        Args:
            first_root: SHA-256 of the first root, hexadecimal.
            versions: Version by role.
            replaced: Roles whose number may be a forged one: it is about to go.

        Returns:
            By role, of those in ``replaced`` that are ahead, the version that
            this log knows.

        Raises:
            PublishRefused: ``journal.damaged``, ``repository.damaged`` if the first
                root is another, ``repository.behind``, ``repository.ahead``.
        """
        lines = self._lines()
        roots = [line["root"] for line in lines if line["event"] == "created"]
        if not roots:
            raise PublishRefused(Refusal.JOURNAL_DAMAGED, f"{self.path} has no root")
        if roots[-1] != first_root:
            raise PublishRefused(
                Refusal.REPOSITORY_DAMAGED, "1.root.json is not the one made here"
            )
        announced = self._announced(lines, versions)
        ahead = {
            role: announced.get(role, 0)
            for role, version in versions.items()
            if version > announced.get(role, 0)
        }
        for role in sorted(ahead.keys() - {*replaced}):
            raise PublishRefused(
                Refusal.REPOSITORY_AHEAD,
                f"{role} is at version {versions[role]}, but nothing after "
                f"{ahead[role]} was published from here",
            )
        return ahead

    def check_not_behind(self, *, first_root: str, versions: Mapping[str, int]) -> None:
        """Refuse as `check` does, but for what is newer than this log, or for no log.

        Raises:
            PublishRefused: As `check` says, but for ``repository.ahead``.
        """
        if self._lines():
            self.check(first_root=first_root, versions=versions, replaced=versions)

    @staticmethod
    def _announced(
        lines: list[dict[str, object]], found: Mapping[str, int]
    ) -> dict[str, int]:
        """Return the highest version of each role; refuse a folder that is below it."""
        announced: dict[str, int] = {}
        for line in lines:
            versions = _versions(line)
            if line["event"] == "published":
                _check_versions(versions, found)
            for role, version in versions.items():
                announced[role] = max(version, announced.get(role, 0))
        return announced

    def _lines(self) -> list[dict[str, object]]:
        if self.path.is_symlink():  # no line is added behind a link
            raise PublishRefused(Refusal.JOURNAL_DAMAGED, f"{self.path} is a link")
        if not self.path.exists():
            return []
        try:
            finished = read_file(self.path, MAX_JOURNAL).split(b"\n")[:-1]
            return [_line(text) for text in finished]
        except OSError as error:
            raise PublishRefused(Refusal.JOURNAL_DAMAGED, str(error)) from error
        except ValueError as error:
            raise PublishRefused(
                Refusal.JOURNAL_DAMAGED, f"{self.path} is not readable"
            ) from error


def _line(text: bytes) -> dict[str, object]:
    line = json.loads(text)
    if not isinstance(line, dict) or "event" not in line:
        raise ValueError("not an event")
    moment_of(line.get("at"))
    return line


def _versions(line: Mapping[str, object]) -> Mapping[str, int]:
    versions = line.get("versions", {})
    if not isinstance(versions, dict) or {*map(type, versions.values())} - {int}:
        raise PublishRefused(Refusal.JOURNAL_DAMAGED, "versions are no whole numbers")
    return versions


def _check_versions(published: Mapping[str, int], found: Mapping[str, int]) -> None:
    for role, version in published.items():
        if found.get(role, 0) < version:
            raise PublishRefused(
                Refusal.REPOSITORY_BEHIND,
                f"{role} is at version {found.get(role, 0)}, but {version} "
                "was published from here",
            )
