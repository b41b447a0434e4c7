"""The next publication, signed in memory: files in the order in which to write them."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Final, TypeVar

from securesystemslib.signer import Key
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Role,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from issuer.errors import PublishRefused
from issuer.publish.keyring import Keyring
from issuer.publish.lifetimes import Lifetimes
from issuer.publish.moments import moment_text, whole_second
from issuer.publish.names import (
    ISSUED_AT,
    OFFLINE_KEYS,
    OFFLINE_THRESHOLD,
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    metadata_file,
    owned_paths,
    target_file,
)
from issuer.publish.refusals import Refusal
from issuer.publish.repository import Repository
from issuer.publish.submission import RoleKey, RoleSignature, target_files

_MAX_AHEAD: Final = timedelta(minutes=5)
"""How far an economy's clock may be ahead of this one."""
_Signed = TypeVar("_Signed", Root, Timestamp, Snapshot, Targets)


class Draft:
    """Changes a repository in memory and signs what has changed.

    Signed is with every key of a role that is at hand.  The order of calls is the
    order of the files: documents, then the role that lists them, then `seal`.

    Args:
        repository: The repository in force; it is changed.
        versions: The versions in force; empty for a new repository.
        keyring: Where the keys are.
        lifetimes: How long signatures are good for.
        now: The moment of publication; timezone-aware.
    """

    def __init__(
        self,
        repository: Repository,
        *,
        versions: Mapping[str, int],
        keyring: Keyring,
        lifetimes: Lifetimes,
        now: datetime,
    ) -> None:
        self.repository = repository
        self.files: list[tuple[str, bytes]] = []
        self.forged: Mapping[str, int] = {}
        """The last honest version, by role whose number in force is a thief's."""
        self._versions = dict(versions)
        self._keyring = keyring
        self._lifetimes = lifetimes
        self._now = whole_second(now)
        self._root_before = deepcopy(self.root) if versions else None

    @property
    def root(self) -> Root:
        """The root as it will be."""
        return self.repository.root.signed

    @property
    def top(self) -> Targets:
        """The top-level targets as they will be."""
        return self.repository.targets[TARGETS].signed

    def set_documents(self, role: str, documents: Mapping[str, bytes]) -> None:
        """Give a role its documents; those that it had before are gone."""
        targets = self.repository.targets[role].signed
        before, targets.targets = targets.targets, target_files(documents)
        for name, file in targets.targets.items():
            if before.get(name) != file:
                path = target_file(name, file.hashes["sha256"])
                self.files.append((path, documents[name]))

    def add_economy(self, economy: str) -> None:
        """Give an economy a role of its own, with no key and no documents."""
        delegations = self.top.delegations or Delegations({}, {})
        self.top.delegations = delegations
        roles = delegations.roles or {}
        delegations.roles = roles
        roles[economy] = DelegatedRole(
            economy, [], 1, terminating=True, paths=owned_paths(economy)
        )
        self.repository.targets[economy] = Metadata(Targets())

    def remove_economy(self, economy: str) -> None:
        """Take an economy's role and keys away.

        The snapshot goes on naming its last version: a device refuses a snapshot from
        which a role is gone, and a role that comes back must go on counting.
        """
        delegations = self.top.delegations
        for key_id in tuple(self.top.get_delegated_role(economy).keyids):
            self.top.revoke_key(key_id, economy)
        if delegations and delegations.roles:
            del delegations.roles[economy]
        del self.repository.targets[economy]

    def add_key(self, role: str) -> None:
        """Make a key for a role, beside those it has."""
        key = self._keyring.make(role, since=self._now)
        self.repository.parent(role).add_key(key, role)

    def take_key(self, role: str, brought: RoleKey) -> None:
        """Give an economy's role a key that the economy has made.

        Raises:
            PublishRefused: ``submission.foreign``, ``key.unproven``, ``key.reused``.
        """
        if brought.economy != role:
            raise PublishRefused(
                Refusal.SUBMISSION_FOREIGN,
                f"this key is {brought.economy}'s, not for {role}",
            )
        brought.check_proof()
        delegations = self.top.delegations
        known = {**self.root.keys, **(delegations.keys if delegations else {})}
        if brought.key.keyid in known:
            raise PublishRefused(
                Refusal.KEY_REUSED, f"a role has the key {brought.key.keyid} already"
            )
        self.top.add_key(brought.key, role)

    def revoke_key(self, role: str, key_id: str) -> None:
        """Take a key from a role."""
        self.repository.parent(role).revoke_key(key_id, role)

    def sign_root(self) -> None:
        """Sign the root, with keys of the one before as well: devices ask for both."""
        root = self.repository.root
        keys = {key.keyid: key for key in self._keys(ROOT)}
        before = self._root_before
        if before:
            old = [before.get_key(each) for each in before.roles[ROOT].keyids]
            keys |= {key.keyid: key for key in old}
        self._sign(root, ROOT, keys.values())
        if before:
            self._check_threshold(before, root, ROOT)
        self._root_before = deepcopy(root.signed)

    def sign_targets(self, role: str) -> None:
        """Sign what a role lists, and note it for the snapshot.

        An economy's role says nothing else; only a thief of its key can have.
        """
        metadata = self.repository.targets[role]
        if role != TARGETS:
            metadata.signed.delegations = None
            metadata.signed.unrecognized_fields.clear()
        self._list(role, metadata, self._sign(metadata, role, self._keys(role)))

    def check_signature(
        self, role: str, signature: RoleSignature, files: Mapping[str, TargetFile]
    ) -> None:
        """Refuse a role that its economy has not signed to follow now.

        Raises:
            PublishRefused: ``submission.stale``, ``submission.foreign``,
                ``submission.lifetime``.
        """
        following = self._versions.get(role, 0) + 1
        if signature.version != following:
            raise PublishRefused(
                Refusal.SUBMISSION_STALE,
                f"it has version {signature.version} of {role}, and {following} is due",
            )
        metadata = signature.metadata(files)
        found = self.top.get_verification_result(
            role, metadata.signed_bytes, metadata.signatures
        )
        if not found:
            raise PublishRefused(
                Refusal.SUBMISSION_FOREIGN, f"{role} has not signed this"
            )
        latest = self._now + self._lifetimes.of(role) + _MAX_AHEAD
        if not self._now < signature.expires_at <= latest:
            raise PublishRefused(
                Refusal.SUBMISSION_LIFETIME,
                f"it is good until {moment_text(signature.expires_at)}, "
                f"and {moment_text(latest)} would be the latest",
            )

    def adopt(self, role: str, signature: RoleSignature) -> None:
        """Take over an economy's signature of its role; for the rest, `sign_targets`.

        Raises:
            PublishRefused: As `check_signature` says.
        """
        files = self.repository.targets[role].signed.targets
        self.check_signature(role, signature, files)
        metadata = signature.metadata(files)
        self.repository.targets[role] = metadata
        self._versions[role] = signature.version
        self._list(role, metadata, self._write(role, metadata))

    def sign_snapshot(self) -> None:
        """Sign the list of versions, and note it for the timestamp."""
        snapshot = self.repository.snapshot
        data = self._sign(snapshot, SNAPSHOT, self._keys(SNAPSHOT))
        self.repository.timestamp.signed.snapshot_meta = MetaFile.from_data(
            snapshot.signed.version, data, ["sha256"]
        )

    def sign_timestamp(self) -> None:
        """Sign the moment at which all this is current."""
        timestamp = self.repository.timestamp
        timestamp.signed.unrecognized_fields[ISSUED_AT] = moment_text(self._now)
        self._sign(timestamp, TIMESTAMP, self._keys(TIMESTAMP))

    def seal(self) -> None:
        """Sign snapshot and timestamp: what came before is in force from here on."""
        self.sign_snapshot()
        self.sign_timestamp()

    def check(self) -> None:
        """Refuse a result that a device would refuse.

        Raises:
            PublishRefused: ``threshold.unmet``.
        """
        try:
            self.repository.verify()
        except RepositoryError as error:
            raise PublishRefused(Refusal.THRESHOLD_UNMET, str(error)) from error

    def _keys(self, role: str) -> list[Key]:
        parent = self.repository.parent(role)
        key_ids = parent.get_delegated_role(role).keyids
        return [parent.get_key(key_id) for key_id in key_ids]

    def _sign(
        self, metadata: Metadata[_Signed], role: str, keys: Iterable[Key]
    ) -> bytes:
        signed = metadata.signed
        signed.version = self._versions[role] = self._versions.get(role, 0) + 1
        signed.expires = self._now + self._lifetimes.of(role)
        metadata.signatures.clear()
        for key in keys:
            signer = self._keyring.signer(role, key)
            if signer:
                metadata.sign(signer, append=True)
        self._check_threshold(self.repository.parent(role), metadata, role)
        return self._write(role, metadata)

    def _write(self, role: str, metadata: Metadata[_Signed]) -> bytes:
        data = metadata.to_bytes()
        self.files.append((metadata_file(role, metadata.signed.version), data))
        return data

    def _list(self, role: str, metadata: Metadata[Targets], data: bytes) -> None:
        self.repository.snapshot.signed.meta[f"{role}.json"] = MetaFile.from_data(
            metadata.signed.version, data, ["sha256"]
        )

    def _check_threshold(
        self, parent: Root | Targets, metadata: Metadata[_Signed], role: str
    ) -> None:
        found = parent.get_verification_result(
            role, metadata.signed_bytes, metadata.signatures
        )
        if not found:
            raise PublishRefused(
                Refusal.THRESHOLD_UNMET,
                f"{role} needs {found.threshold} signatures, and the keys at hand "
                f"gave {len(found.signed)}",
            )


def new_repository() -> Repository:
    """Make a repository without keys, documents and signatures."""
    root = Root(
        roles={
            ROOT: Role([], OFFLINE_THRESHOLD),
            TARGETS: Role([], OFFLINE_THRESHOLD),
            SNAPSHOT: Role([], 1),
            TIMESTAMP: Role([], 1),
        },
        consistent_snapshot=True,
    )
    return Repository(
        root=Metadata(root),
        timestamp=Metadata(Timestamp()),
        snapshot=Metadata(Snapshot()),
        targets={TARGETS: Metadata(Targets())},
        first_root="",
    )


KEYS_OF = {ROOT: OFFLINE_KEYS, TARGETS: OFFLINE_KEYS, SNAPSHOT: 1, TIMESTAMP: 1}
"""How many keys the top-level roles start with."""
