"""The operations on a published repository; each is whole or has not happened."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Final

from issuer.errors import PublishRefused
from issuer.publish.checks import (
    Documents,
    Shrink,
    check_approved,
    check_usable,
    economies_in,
)
from issuer.publish.deltas import Deltas, follow_publication
from issuer.publish.draft import KEYS_OF, Draft, new_repository
from issuer.publish.files import locked, make_folder, replace_file
from issuer.publish.journal import Journal
from issuer.publish.keyring import Keyring
from issuer.publish.lifetimes import Lifetimes
from issuer.publish.moments import moment_text, whole_second
from issuer.publish.names import (
    ROOT,
    SCHEME,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    check_economy,
    check_names,
    metadata_file,
)
from issuer.publish.prune import Pruning, superseded_files
from issuer.publish.refusals import Refusal
from issuer.publish.repository import Repository
from issuer.publish.rotation import rotate
from issuer.publish.status import RepositoryStatus, read_status
from issuer.publish.submission import RoleKey, Submission, target_files
from issuer.publish.succession import check_succession

GRACE: Final = timedelta(days=2)
"""How long superseded files stay: a reader, or a mirror, has begun before."""
SHORTEST_GRACE: Final = timedelta(hours=1)
LONGEST_GRACE: Final = timedelta(days=3650)
_NOBODY: frozenset[str] = frozenset()
_NO_DELTAS: Final = Deltas()
_ONLINE: Final = (SNAPSHOT, TIMESTAMP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What an operation has published, or would have."""

    action: str
    issued_at: datetime
    """What devices take for the moment at which this was current."""
    versions: Mapping[str, int]
    """Version by role, of all roles."""
    files: tuple[str, ...]
    """Files written, below the repository, in this order."""
    approved: tuple[str, ...] = ()
    """Codes of what shrank, with approval."""
    deltas: Deltas = _NO_DELTAS
    """What was written beside the lists afterwards; nothing depends on it."""
    is_dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher:
    """Publishes one repository; every operation takes the moment it happens at.

    Making one raises `PublishRefused` with ``place.public`` if keys or the journal
    would be served.

    The public folder holds ``metadata/`` and ``targets/`` and nothing secret: any web
    server can serve it as it is.  An operation reads it back and verifies it from the
    first root on, writes what is new under new names, and ``timestamp.json`` last: a
    reader has the old state or the new one, also if the process dies on the way, and
    the same operation can then be done again.

    Every operation takes ``dry_run``: all checks and signatures, nothing written.

    Raises, every operation:
        PublishRefused: Nothing was published; its ``code`` says why.  Any may say
            ``journal.damaged``, ``repository.damaged``, ``repository.behind``,
            ``repository.ahead``, ``repository.busy``, ``back.clock`` or
            ``clock.ahead``.
        KeyFileError: A key file cannot be used.
        ValueError: ``now`` is naive.
        OSError: A file cannot be written.  What was in force still is, unless
            ``timestamp.json`` was already written.
    """

    folder: Path
    """The public folder."""
    journal: Journal
    keyring: Keyring
    lifetimes: Lifetimes = field(default_factory=Lifetimes)
    is_overdue: bool = False
    """The operator has looked at the clock: what is published has ended for devices."""

    def __post_init__(self) -> None:
        """Keep secrets out of what is served.

        Raises:
            PublishRefused: ``place.public``.
        """
        for path in (*self.keyring.folders, self.journal.path):
            if _real(path).is_relative_to(_real(self.folder)):
                raise PublishRefused(
                    Refusal.PLACE_PUBLIC, f"{path} is in the public folder"
                )

    def init(
        self, scheme: bytes, *, now: datetime, dry_run: bool = False
    ) -> Publication:
        """Make a repository with its keys, and publish the scheme.

        Root and targets get three keys each, of which two must sign; snapshot and
        timestamp one each.  The root comes last: without ``1.root.json`` there is no
        repository, and this can be done again.

        Args:
            scheme: Content of ``scheme.json``.
            now: This moment.
            dry_run: Write nothing.

        Raises:
            PublishRefused: ``repository.exists``, or as for `publish_lists`.
        """
        check_usable({SCHEME: scheme}, changed=frozenset([SCHEME]), now=now)
        if not dry_run:
            make_folder(self.folder)
        elif not self.folder.is_dir():
            with self._keys():
                return self._init(scheme, now, dry_run=True)
        with self._locked():
            self._check_is_new()
            return self._init(scheme, now, dry_run=dry_run)

    def add_economy(
        self,
        economy: str,
        *,
        now: datetime,
        key: RoleKey | None = None,
        dry_run: bool = False,
    ) -> Publication:
        """Give an economy a role of its own; it lists nothing yet.

        Needs two targets keys.

        Args:
            economy: Alpha-3 code of an economy that the published scheme names.
            now: This moment.
            key: The economy's own, from `Submitter.make_key`; compare its id with the
                economy by another way. None makes a key here.
            dry_run: Write nothing.

        Raises:
            PublishRefused: ``economy.exists``, ``economy.unknown``,
                ``threshold.unmet``, ``name.malformed``; or, for ``key``,
                ``key.unproven``, ``key.reused``, ``submission.foreign``,
                ``submission.stale`` or ``submission.lifetime``.
        """
        check_economy(economy)
        with self._drafting(now) as draft:
            scheme = draft.repository.documents(self.folder, TARGETS)[SCHEME]
            if economy in draft.repository.targets:
                raise PublishRefused(Refusal.ECONOMY_EXISTS, f"{economy} has a role")
            if economy not in economies_in(scheme):
                raise PublishRefused(
                    Refusal.ECONOMY_UNKNOWN, f"the scheme does not name {economy}"
                )
            draft.add_economy(economy)
            if key:
                draft.take_key(economy, key)
                draft.adopt(economy, key.role)
            else:
                draft.add_key(economy)
                draft.sign_targets(economy)
            draft.sign_targets(TARGETS)
            draft.seal()
            return self._commit(
                draft, f"add-economy {economy}{_with(key)}", dry_run=dry_run
            )

    def publish_lists(
        self,
        role: str,
        documents: Documents,
        *,
        now: datetime,
        approvals: frozenset[str] = _NOBODY,
        dry_run: bool = False,
    ) -> Publication:
        """Publish all documents of one economy, or the scheme.

        Signed anew are that role, snapshot and timestamp, and nothing else; also where
        no document has changed, for the role to live longer.

        Args:
            role: Code of an economy, or ``targets`` for ``scheme.json``.
            documents: Everything that the role is to list, by name; what is published
                and not in here would go.
            now: This moment.
            approvals: Who has approved that something goes: two different names, kept
                in the journal.
            dry_run: Write nothing.

        Raises:
            PublishRefused: ``economy.unknown``; ``name.malformed`` or
                ``name.foreign``; ``document.refused``, ``list.bits`` or
                ``list.ended``; ``key.reused``; ``back.document``, ``back.list``,
                ``back.clock`` or ``list.unrevoked``; ``threshold.unmet``; or, without
                approvals, ``shrink.document``, ``shrink.economy``,
                ``shrink.emptied``, ``shrink.keys`` or ``shrink.list``.

        Not checked: who the approvers are, and that a fact of the scheme is true.
        """
        with self._drafting(now) as draft:
            shrinks = self._check(draft, role, documents, now)
            check_approved(shrinks, approvals)
            removed = _hashes(draft.repository, role, keep=documents)
            draft.set_documents(role, documents)
            draft.sign_targets(role)
            draft.seal()
            done = self._commit(
                draft,
                f"lists {role}",
                dry_run=dry_run,
                shrinks=shrinks,
                approvals=approvals,
                removed=removed,
            )
            return self._with_deltas(done, draft.repository, role)

    def shrinks(
        self, role: str, documents: Documents, *, now: datetime
    ) -> tuple[Shrink, ...]:
        """Say what would go if this was published; nothing is signed or written.

        Args:
            role: As for `publish_lists`.
            documents: Likewise.
            now: This moment.

        Returns:
            What two people would have to approve; empty where nothing would go.

        Raises:
            PublishRefused: As for `publish_lists`, but for approvals.
        """
        with self._drafting(now) as draft:
            return self._check(draft, role, documents, now)

    def accept(
        self,
        submission: Submission,
        *,
        now: datetime,
        approvals: frozenset[str] = _NOBODY,
        dry_run: bool = False,
    ) -> Publication:
        """Publish what an economy has signed with its own key, on its own machine.

        Everything is checked as for `publish_lists`, whatever the economy has checked.
        Signed here are snapshot and timestamp.

        Args:
            submission: From `Submitter.sign`.
            now: This moment.
            approvals: Who has approved that something goes, as for `publish_lists`.
            dry_run: Write nothing.

        Raises:
            PublishRefused: As for `publish_lists`; ``submission.foreign`` if it is for
                another repository or its economy has not signed it;
                ``submission.stale`` if it does not follow on what is published, for
                example since it was accepted already; ``submission.lifetime``.
        """
        role = submission.economy
        with self._drafting(now) as draft:
            _check_meant_for(draft.repository, submission)
            check_names(role, submission.documents)
            files = target_files(submission.documents)
            draft.check_signature(role, submission.role, files)
            shrinks = self._check(draft, role, submission.documents, now)
            check_approved(shrinks, approvals)
            removed = _hashes(draft.repository, role, keep=submission.documents)
            draft.set_documents(role, submission.documents)
            draft.adopt(role, submission.role)
            draft.seal()
            done = self._commit(
                draft,
                f"accept {role}",
                dry_run=dry_run,
                shrinks=shrinks,
                approvals=approvals,
                removed=removed,
            )
            return self._with_deltas(done, draft.repository, role)

    def refresh_timestamp(self, *, now: datetime, dry_run: bool = False) -> Publication:
        """Say that what is published is current; needs no person.

        The snapshot is signed anew as well once half its life is over.  Its key is not
        needed before.

        Raises:
            PublishRefused: ``back.clock``, ``threshold.unmet``.
        """
        with self._drafting(now) as draft:
            left = draft.repository.snapshot.signed.expires - whole_second(now)
            if left <= self.lifetimes.snapshot / 2:
                draft.sign_snapshot()
            draft.sign_timestamp()
            return self._commit(draft, "timestamp", dry_run=dry_run)

    def rotate_key(
        self,
        role: str,
        *,
        now: datetime,
        retire: str | None = None,
        key: RoleKey | None = None,
        dry_run: bool = False,
    ) -> Publication:
        """Replace a key of a role by a new one.

        A key of snapshot, timestamp or targets goes in two steps, so that the
        repository can be read at every moment: a root that knows both keys, what the
        role signs, then a root without the old key.  Needs two root keys; for an
        economy, two targets keys.  A root rotated in this way also lives longer.

        For snapshot and timestamp this is also the way back from a thief of the key
        who has counted far up: under the new key, versions go on from the journal's.

        Args:
            role: ``root``, ``targets``, ``snapshot``, ``timestamp`` or the code of an
                economy.
            now: This moment.
            retire: Key id of the key that goes, or how it begins; None for the only
                key of a role, or for all that a rotation left behind when it was
                interrupted.  Root and targets need it.
            key: An economy's own new key, from `Submitter.make_key`, which signs
                what is published; compare its id with the economy by another way.
                None makes a key here.
            dry_run: Write nothing.

        Raises:
            PublishRefused: ``economy.unknown``, ``key.unknown``, ``threshold.unmet``;
                or, for ``key``, as for `add_economy`.
        """
        with self._drafting(now, replaced=role) as draft:
            rotate(draft, role, retire, key)
            return self._commit(
                draft, f"rotate-key {role}{_with(key)}", dry_run=dry_run
            )

    def renew(self, role: str, *, now: datetime, dry_run: bool = False) -> Publication:
        """Sign a role anew with the keys it has, so that it lives longer.

        Needs two keys of ``root`` or ``targets``.  Snapshot and timestamp are renewed
        by `refresh_timestamp`.

        Args:
            role: ``root``, ``targets`` or the code of an economy.
            now: This moment.
            dry_run: Write nothing.

        Raises:
            PublishRefused: ``economy.unknown``, ``threshold.unmet``; ``name.foreign``
                or ``name.malformed`` if somebody else has signed with the role's key.
        """
        with self._drafting(now) as draft:
            if role == ROOT:
                draft.sign_root()
            elif role in draft.repository.targets:
                # What a thief of the role's key has listed is not signed again.
                documents = draft.repository.documents(self.folder, role)
                draft.set_documents(role, documents)
                draft.sign_targets(role)
                draft.seal()
            else:
                raise PublishRefused(
                    Refusal.ECONOMY_UNKNOWN, f"{role!r} is no role to renew"
                )
            return self._commit(draft, f"renew {role}", dry_run=dry_run)

    def prune(
        self, *, now: datetime, grace: timedelta = GRACE, dry_run: bool = False
    ) -> Pruning:
        """Remove files that no reader can be sent to any more; needs no key.

        All roots stay, whatever the metadata in force names, what was superseded less
        than ``grace`` ago, and documents that were taken away and may come back.
        Killed on the way, it can be done again.

        Args:
            now: This moment.
            grace: How long a reader may take; also how far a mirror may be behind.
            dry_run: Remove nothing.

        Raises:
            ValueError: ``grace`` is not from an hour to 3,650 days.
        """
        if not SHORTEST_GRACE <= grace <= LONGEST_GRACE:
            raise ValueError("the grace must be from an hour to 3,650 days")
        with self._drafting(now) as draft:
            gone, kept = superseded_files(
                self.folder,
                draft.repository,
                self.journal,
                since=whole_second(now) - grace,
            )
            size = sum((self.folder / name).lstat().st_size for name in gone)
            if not dry_run:
                for name in gone:
                    (self.folder / name).unlink()
                self.journal.add("pruned", moment_text(now), files=len(gone))
            return Pruning(
                removed=tuple(gone), size=size, kept=kept, is_dry_run=dry_run
            )

    def revoke_economy(
        self,
        economy: str,
        *,
        now: datetime,
        approvals: frozenset[str] = _NOBODY,
        dry_run: bool = False,
    ) -> Publication:
        """Take an economy's role away: devices forget its keys and lists.

        Needs two targets keys.  The scheme goes on naming the economy until a scheme
        without it is published.

        Args:
            economy: Alpha-3 code.
            now: This moment.
            approvals: Two different names, kept in the journal.
            dry_run: Write nothing.

        Raises:
            PublishRefused: ``economy.unknown``, ``threshold.unmet``, or, without
                approvals, ``shrink.economy``.
        """
        shrinks = (Shrink(code=Refusal.SHRINK_ECONOMY, detail=f"{economy} would go"),)
        with self._drafting(now) as draft:
            if economy not in draft.repository.economies:
                raise PublishRefused(Refusal.ECONOMY_UNKNOWN, f"{economy} has no role")
            check_approved(shrinks, approvals)
            removed = _hashes(draft.repository, economy, keep={})
            draft.remove_economy(economy)
            draft.sign_targets(TARGETS)
            draft.seal()
            return self._commit(
                draft,
                f"revoke-economy {economy}",
                dry_run=dry_run,
                shrinks=shrinks,
                approvals=approvals,
                removed=removed,
            )

    def adopt(
        self,
        *,
        now: datetime,
        approvals: frozenset[str] = _NOBODY,
        dry_run: bool = False,
    ) -> Publication:
        """Take over what the public folder holds, as if it was published from here.

        For a journal that is lost, or older than the folder.  No file is written but
        the journal; what it remembered since then of documents that were taken away
        is gone, so one of them could come back un-revoked.

        Args:
            now: This moment.
            approvals: Two different names, kept in the journal.
            dry_run: Write nothing.

        Raises:
            PublishRefused: ``repository.damaged``, ``repository.behind``,
                ``journal.damaged``, ``back.clock``, or, without approvals,
                ``shrink.memory``.

        Not checked: that nothing newer is published elsewhere; compare with a mirror.
        """
        detail = "the folder would be believed, not the journal"
        shrinks = (Shrink(code=Refusal.SHRINK_MEMORY, detail=detail),)
        with self._locked():
            repository = Repository.load(self.folder)
            self.journal.check_not_behind(
                first_root=repository.first_root, versions=repository.versions
            )
            _check_not_before(repository, whole_second(now))
            check_approved(shrinks, approvals)
            publication = Publication(
                action="adopt",
                issued_at=whole_second(now),
                versions=MappingProxyType(repository.versions),
                files=(),
                approved=tuple(shrink.code for shrink in shrinks),
                is_dry_run=dry_run,
            )
            if not dry_run:
                at = moment_text(now)
                self.journal.add("created", at, root=repository.first_root)
                self._approve(publication, shrinks, approvals, {})
                self._note("published", publication)
            return publication

    def status(self) -> RepositoryStatus:
        """Read what is published: versions, expiry and the age of keys."""
        return read_status(self.folder, self.journal)

    def _init(self, scheme: bytes, now: datetime, *, dry_run: bool) -> Publication:
        draft = self._draft(new_repository(), {}, now)
        for role, count in KEYS_OF.items():
            for _ in range(count):
                draft.add_key(role)
        draft.set_documents(TARGETS, {SCHEME: scheme})
        draft.sign_targets(TARGETS)
        draft.seal()
        draft.sign_root()
        if not dry_run:
            first_root = sha256(draft.files[-1][1]).hexdigest()
            self.journal.add("created", moment_text(now), root=first_root)
        return self._commit(draft, "init", dry_run=dry_run)

    def _check_is_new(self) -> None:
        is_there = (self.folder / metadata_file(ROOT, 1)).exists()
        if is_there or self.journal.has_published():
            raise PublishRefused(
                Refusal.REPOSITORY_EXISTS, f"{self.folder} was published already"
            )

    def _check(
        self, draft: Draft, role: str, documents: Documents, now: datetime
    ) -> tuple[Shrink, ...]:
        return check_succession(
            self.folder,
            draft.repository,
            role,
            documents,
            removed=self.journal.removed(),
            now=now,
        )

    def _draft(
        self, repository: Repository, versions: Mapping[str, int], now: datetime
    ) -> Draft:
        return Draft(
            repository,
            versions=versions,
            keyring=self.keyring,
            lifetimes=self.lifetimes,
            now=now,
        )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        if not self.folder.is_dir():
            raise PublishRefused(
                Refusal.REPOSITORY_DAMAGED,
                f"{self.folder} is no folder; publish init makes it",
            )
        with locked(self.folder), self._keys():
            yield

    @contextmanager
    def _keys(self) -> Iterator[None]:
        """Leave no key behind that a dry run, or what was refused, has made."""
        try:
            yield
        finally:
            self.keyring.forget_new()

    @contextmanager
    def _drafting(self, now: datetime, *, replaced: str = "") -> Iterator[Draft]:
        """Read what is in force; ``replaced`` is the role that gets another key."""
        moment = whole_second(now)
        with self._locked():
            repository = Repository.load(self.folder)
            known = self.journal.check(
                first_root=repository.first_root,
                versions=repository.versions,
                replaced=_ONLINE if replaced in _ONLINE else (),
            )
            _check_not_before(repository, moment)
            if not self.is_overdue:
                _check_not_ended(repository, moment)
            # Under another key, devices count anew.
            anew = {role: known.pop(role) for role in (replaced,) if role in known}
            draft = self._draft(repository, repository.versions | anew, moment)
            draft.forged = known
            yield draft

    def _commit(
        self,
        draft: Draft,
        action: str,
        *,
        dry_run: bool,
        shrinks: tuple[Shrink, ...] = (),
        approvals: frozenset[str] = _NOBODY,
        removed: Mapping[str, str] = MappingProxyType({}),
    ) -> Publication:
        draft.check()
        repository = draft.repository
        publication = Publication(
            action=action,
            issued_at=repository.issued_at,
            versions=MappingProxyType(repository.versions),
            files=tuple(path for path, _ in draft.files),
            approved=tuple(shrink.code for shrink in shrinks),
            is_dry_run=dry_run,
        )
        if not dry_run:
            if shrinks:
                self._approve(publication, shrinks, approvals, removed)
            self._write(draft, publication)
        return publication

    def _with_deltas(
        self, done: Publication, repository: Repository, role: str
    ) -> Publication:
        """Write deltas after all else: what is published never waits for them."""
        if done.is_dry_run:
            return done
        deltas = follow_publication(self.folder, repository, role)
        return replace(done, deltas=deltas)

    def _write(self, draft: Draft, publication: Publication) -> None:
        self.keyring.save_new()
        self._note("publishing", publication, draft.forged)
        for path, data in draft.files:
            replace_file(self.folder / path, data)
        self._note("published", publication, draft.forged)

    def _approve(
        self,
        publication: Publication,
        shrinks: tuple[Shrink, ...],
        approvals: frozenset[str],
        removed: Mapping[str, str],
    ) -> None:
        self.journal.add(
            "approved",
            moment_text(publication.issued_at),
            action=publication.action,
            approvals=sorted(approvals),
            reasons=[f"{each.code}: {each.detail}" for each in shrinks],
            removed=dict(removed),
        )

    def _note(
        self,
        event: str,
        publication: Publication,
        forged: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """Write versions down; where a number is still forged, the last honest one."""
        self.journal.add(
            event,
            moment_text(publication.issued_at),
            action=publication.action,
            versions={**publication.versions, **forged},
        )


def _real(path: Path) -> Path:
    """Follow links; a circle of them is not an error here."""
    return Path(os.path.realpath(path))


def _check_not_before(repository: Repository, moment: datetime) -> None:
    if moment < repository.issued_at:
        raise PublishRefused(
            Refusal.BACK_CLOCK,
            f"{moment_text(moment)} is before {moment_text(repository.issued_at)}, "
            "the last publication",
        )


def _check_not_ended(repository: Repository, moment: datetime) -> None:
    """Refuse a moment far ahead: once published, no right clock could follow on it."""
    ended_at = repository.timestamp.signed.expires
    if moment >= ended_at:
        raise PublishRefused(
            Refusal.CLOCK_AHEAD,
            f"the last publication ended at {moment_text(ended_at)}, and it is "
            f"{moment_text(moment)} here: is this clock right? If it is, publish with "
            "--overdue",
        )


def _hashes(repository: Repository, role: str, *, keep: Documents) -> dict[str, str]:
    files = repository.targets[role].signed.targets
    return {
        name: file.hashes["sha256"] for name, file in files.items() if name not in keep
    }


def _check_meant_for(repository: Repository, submission: Submission) -> None:
    """Refuse what was made for another repository, or for another state of this one."""
    role = submission.economy
    if role not in repository.economies:
        raise PublishRefused(Refusal.ECONOMY_UNKNOWN, f"{role} has no role")
    if submission.first_root != repository.first_root:
        raise PublishRefused(
            Refusal.SUBMISSION_FOREIGN, "it is for a repository with another first root"
        )
    listed = repository.snapshot.signed.meta[f"{role}.json"].hashes or {}
    if submission.follows != listed.get("sha256"):
        raise PublishRefused(
            Refusal.SUBMISSION_STALE, f"it does not follow on what {role} has published"
        )


def _with(key: RoleKey | None) -> str:
    return f" with the key {key.key.keyid}" if key else ""
