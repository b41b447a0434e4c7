"""The desk of an economy that keeps its own key; the scheme's desk publishes."""

from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

from tuf.api.metadata import TargetFile

from issuer.errors import PublishRefused
from issuer.publish.checks import Documents, Shrink
from issuer.publish.files import locked
from issuer.publish.keyring import Keyring
from issuer.publish.lifetimes import Lifetimes
from issuer.publish.moments import moment_text, whole_second
from issuer.publish.names import check_economy
from issuer.publish.refusals import Refusal
from issuer.publish.repository import Repository
from issuer.publish.submission import (
    RoleKey,
    RoleSignature,
    Submission,
    target_files,
)
from issuer.publish.succession import check_succession


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitter:
    """Signs one economy's role on its own machine; every operation takes the moment.

    It reads the public folder, or a copy such as a mirror's, and never writes there.
    The copy is verified from the first root on, and an old one does no harm: what is
    made from it is refused by the scheme's desk as stale.

    Raises, every operation:
        PublishRefused: Nothing was signed; its ``code`` says why.
        KeyFileError: A key file cannot be used.
        ValueError: ``now`` is naive.
        OSError: There is no such folder.
    """

    economy: str
    """Alpha-3 code."""
    keyring: Keyring
    lifetimes: Lifetimes = field(default_factory=Lifetimes)
    """How long its role is good for; the scheme's desk takes no more than its own."""

    def make_key(
        self,
        *,
        now: datetime,
        published: Path | None = None,
        first_root: bytes = b"",
    ) -> RoleKey:
        """Make a key for the role; the private half stays, encrypted, in its folder.

        Args:
            now: This moment.
            published: The public folder or a copy; None if the economy was never
                part of the repository.
            first_root: The first root that the scheme has handed out.

        Returns:
            What the scheme's desk needs for `Publisher.add_economy` or `rotate_key`.

        Raises:
            PublishRefused: ``repository.damaged``, ``back.clock``; ``name.malformed``,
                or ``name.foreign`` if somebody else has signed for this economy.
        """
        check_economy(self.economy)
        moment = whole_second(now)
        files: dict[str, TargetFile] = {}
        version = 1
        if published:
            with locked(published):
                repository = _load(published, first_root, moment)
                version += repository.versions.get(self.economy, 0)
                if self.economy in repository.economies:
                    # What a thief of the old key has listed is not signed again.
                    repository.documents(published, self.economy)
                    files = repository.targets[self.economy].signed.targets
        key = self.keyring.make(self.economy, since=moment)
        signer = self.keyring.signer(self.economy, key)
        assert signer  # noqa: S101  # made a line above
        role = RoleSignature.sign(
            signer,
            files,
            version=version,
            expires_at=moment + self.lifetimes.economy,
        )
        made = RoleKey.make(self.economy, signer, role)
        try:
            self.keyring.save_new()
        finally:
            self.keyring.forget_new()
        return made

    def sign(
        self,
        documents: Documents,
        *,
        published: Path,
        first_root: bytes,
        now: datetime,
    ) -> tuple[Submission, tuple[Shrink, ...]]:
        """Sign all documents of the economy, for the scheme's desk to publish.

        Args:
            documents: Everything that the role is to list, by name; what is published
                and not in here would go.
            published: The public folder or a copy.
            first_root: The first root that the scheme has handed out.
            now: This moment.

        Returns:
            The submission, and what would go with it: two people have to approve that
            at the scheme's desk.

        Raises:
            PublishRefused: As for `Publisher.publish_lists`, but for approvals.

        Not checked: what the published copy no longer has; the scheme's desk knows.
        """
        moment = whole_second(now)
        with locked(published):
            repository = _load(published, first_root, moment)
            shrinks = check_succession(
                published, repository, self.economy, documents, removed={}, now=moment
            )
        listed = repository.snapshot.signed.meta[f"{self.economy}.json"]
        digest = (listed.hashes or {}).get("sha256", "")
        role = self._sign(repository, documents, listed.version + 1, moment)
        return (
            Submission(
                economy=self.economy,
                first_root=repository.first_root,
                follows=digest,
                role=role,
                documents=MappingProxyType(dict(documents)),
            ),
            shrinks,
        )

    def _sign(
        self,
        repository: Repository,
        documents: Documents,
        version: int,
        moment: datetime,
    ) -> RoleSignature:
        parent = repository.parent(self.economy)
        for key_id in parent.get_delegated_role(self.economy).keyids:
            signer = self.keyring.signer(self.economy, parent.get_key(key_id))
            if signer:
                return RoleSignature.sign(
                    signer,
                    target_files(documents),
                    version=version,
                    expires_at=moment + self.lifetimes.economy,
                )
        raise PublishRefused(
            Refusal.THRESHOLD_UNMET, f"no key of {self.economy} is at hand"
        )


def _load(published: Path, first_root: bytes, moment: datetime) -> Repository:
    repository = Repository.load(published)
    if repository.first_root != sha256(first_root).hexdigest():
        raise PublishRefused(
            Refusal.REPOSITORY_DAMAGED, f"{published} begins with another first root"
        )
    if moment < repository.issued_at:
        raise PublishRefused(
            Refusal.BACK_CLOCK,
            f"{moment_text(moment)} is before {moment_text(repository.issued_at)}, "
            "the last publication",
        )
    return repository
