"""A TUF repository for tests: correct by default, one change per test."""

import hashlib
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Key,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from tests.simulator import NOW

FAR = datetime(2040, 1, 1, tzinfo=UTC)


class Repository:
    """Roles, keys and documents, and the folder that a mirror would serve."""

    def __init__(self, folder: Path, documents: Mapping[str, bytes]) -> None:
        self.folder = folder
        self.documents = dict(documents)
        self.issued_at = NOW - timedelta(hours=1)
        self.versions: dict[str, int] = {}
        self.expires: dict[str, datetime] = {}
        self.signers: dict[str, list[CryptoSigner]] = {
            role: [CryptoSigner.generate_ecdsa()] for role in ("timestamp", "snapshot")
        }
        for role in ("root", "targets"):
            self.signers[role] = [CryptoSigner.generate_ecdsa() for _ in range(3)]
        self.paths: dict[str, list[str]] = {}
        self.listed: dict[str, list[str]] = {}
        """Names that a role lists instead of its own."""
        self.snapshot: dict[str, MetaFile] = {}
        self.root_version = 1
        self.timestamp_fields: dict[str, Any] = {}
        self.write_root()

    @property
    def roles(self) -> list[str]:
        names = {name.partition("/")[0] for name in self.documents if "/" in name}
        return sorted(names)

    @property
    def first_root(self) -> bytes:
        return (self.folder / "metadata" / "1.root.json").read_bytes()

    def write_root(self, *, signers: list[CryptoSigner] | None = None) -> None:
        root = Root(version=self.root_version, expires=self.expires.get("root", FAR))
        for role in ("root", "timestamp", "snapshot", "targets"):
            for signer in self.signers[role]:
                root.add_key(signer.public_key, role)
        root.roles["root"].threshold = root.roles["targets"].threshold = 2
        self._write(f"{self.root_version}.root", root, signers or self.signers["root"])

    def publish(self) -> None:
        """Write everything anew, one version up."""
        # TUF lets no role leave the snapshot, only the delegations.
        self.snapshot["targets.json"] = self._targets()
        for role in self.roles:
            self.snapshot[f"{role}.json"] = self._economy(role)
        version = self._next("snapshot")
        snapshot = Snapshot(
            version=version, expires=self._expiry("snapshot"), meta=self.snapshot
        )
        self._write(f"{version}.snapshot", snapshot, self.signers["snapshot"])
        fields = {"x-abtc-issued-at": f"{self.issued_at:%Y-%m-%dT%H:%M:%SZ}"}
        timestamp = Timestamp(
            version=self._next("timestamp"),
            expires=self._expiry("timestamp"),
            snapshot_meta=MetaFile(version=version),
            unrecognized_fields={**fields, **self.timestamp_fields},
        )
        self._write("timestamp", timestamp, self.signers["timestamp"])

    def bundle(self, file: Path) -> Path:
        """Put the whole folder into one archive."""
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(self.folder.rglob("*")):
                if path.is_file():
                    archive.write(path, path.relative_to(self.folder))
        return file

    def _targets(self) -> MetaFile:
        version = self._next("targets")
        keys: dict[str, Key] = {}
        roles: dict[str, DelegatedRole] = {}
        for role in self.roles:
            signer = self.signers.setdefault(role, [CryptoSigner.generate_ecdsa()])[0]
            keys[signer.public_key.keyid] = signer.public_key
            paths = [f"{role}/*", f"{role}/status/*", f"{role}/overlay/*/*"]
            roles[role] = DelegatedRole(
                name=role,
                keyids=[signer.public_key.keyid],
                threshold=1,
                terminating=True,
                paths=self.paths.get(role, paths),
            )
        targets = Targets(
            version=version,
            expires=self._expiry("targets"),
            targets=self._files(["scheme.json"]),
            delegations=Delegations(keys=keys, roles=roles),
        )
        self._write(f"{version}.targets", targets, self.signers["targets"])
        return MetaFile(version=version)

    def _economy(self, role: str) -> MetaFile:
        version = self._next(role)
        own = [name for name in self.documents if name.startswith(f"{role}/")]
        targets = Targets(
            version=version,
            expires=self._expiry(role),
            targets=self._files(self.listed.get(role, own)),
        )
        self._write(f"{version}.{role}", targets, self.signers[role])
        return MetaFile(version=version)

    def _files(self, names: list[str]) -> dict[str, TargetFile]:
        files = {}
        for name in names:
            data = self.documents[name]
            files[name] = TargetFile.from_data(name, data, ["sha256"])
            directory, _, base = name.rpartition("/")
            path = self.folder / "targets" / directory
            path.mkdir(parents=True, exist_ok=True)
            (path / f"{hashlib.sha256(data).hexdigest()}.{base}").write_bytes(data)
        return files

    def _next(self, role: str) -> int:
        self.versions[role] = self.versions.get(role, 0) + 1
        return self.versions[role]

    def _expiry(self, role: str) -> datetime:
        return self.expires.get(role, FAR)

    def _write(self, name: str, signed: Any, signers: list[CryptoSigner]) -> None:
        metadata: Metadata[Any] = Metadata(signed)
        for signer in signers:
            metadata.sign(signer, append=True)
        (self.folder / "metadata").mkdir(parents=True, exist_ok=True)
        metadata.to_file(str(self.folder / "metadata" / f"{name}.json"))
