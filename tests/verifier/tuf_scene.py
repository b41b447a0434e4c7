"""A repository of which each part can be changed, signed and published alone.

Where `tuf_repository` publishes everything at once, here a test says which roles are
signed anew, by whom, and under which name they are put into the folder.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.formats import encode_canonical
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Signed,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

import verifier
from tests.simulator import NOW
from tests.verifier.tuf_repository import FAR

TOP = ("root", "timestamp", "snapshot", "targets")
NEWS = ("targets", "snapshot", "timestamp")
"""What is signed anew when targets have changed."""


def plain_paths(economy: str) -> list[str]:
    return [f"{economy}/*", f"{economy}/status/*", f"{economy}/overlay/*/*"]


class Scene:
    """Four roles and one per economy, each with one key, all in version 1."""

    def __init__(self, folder: Path, documents: Mapping[str, bytes]) -> None:
        self.folder = folder
        self.documents = dict(documents)
        self.is_hashed = False
        """Whether snapshot and timestamp give length and hash of what they list."""
        self.root = Root(expires=FAR)
        issued_at = f"{NOW - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
        self.timestamp = Timestamp(
            expires=FAR, unrecognized_fields={"x-abtc-issued-at": issued_at}
        )
        self.snapshot = Snapshot(expires=FAR)
        self.targets = Targets(expires=FAR, delegations=Delegations({}, roles={}))
        self.economies = {
            economy: Targets(expires=FAR)
            for economy in sorted({name.partition("/")[0] for name in documents})
            if economy != "scheme.json"
        }
        self.signers: dict[str, list[CryptoSigner]] = {}
        for role in TOP:
            self.set_keys(role, [CryptoSigner.generate_ecdsa()])
        for economy in self.economies:
            self.delegate(economy)
        self.list_documents()
        self._published: set[str] = set()
        self.publish(*self.economies, *NEWS, "root")

    def part(self, role: str) -> Any:
        return self.economies[role] if role in self.economies else getattr(self, role)

    def set_keys(
        self,
        role: str,
        keys: Iterable[CryptoSigner],
        *,
        threshold: int = 1,
        signers: Iterable[CryptoSigner] | None = None,
    ) -> None:
        """Name the keys of a role, and say who signs for it, by default all."""
        keys = list(keys)
        delegator = self.root if role in TOP else self.targets
        for key_id in list(delegator.get_delegated_role(role).keyids):
            delegator.revoke_key(key_id, role)
        for key in keys:
            delegator.add_key(key.public_key, role)
        delegator.get_delegated_role(role).threshold = threshold
        self.signers[role] = keys if signers is None else list(signers)

    def delegate(self, role: str, **changes: Any) -> None:
        """Let targets delegate to a role, plainly but for the changes."""
        plain = {
            "name": role,
            "keyids": [],
            "threshold": 1,
            "terminating": True,
            "paths": plain_paths(role),
        }
        self.delegations[role] = DelegatedRole(**{**plain, **changes})
        if role not in self.signers:
            self.set_keys(role, [CryptoSigner.generate_ecdsa()])
        else:
            self.set_keys(role, self.signers[role])

    @property
    def delegations(self) -> dict[str, DelegatedRole]:
        assert self.targets.delegations is not None
        assert self.targets.delegations.roles is not None
        return self.targets.delegations.roles

    def list_documents(self, *algorithms: str) -> None:
        """List every document in its role, and put it into the folder."""
        self.targets.targets = self._files("scheme.json", algorithms)
        for economy, part in self.economies.items():
            part.targets = self._files(f"{economy}/", algorithms)

    def publish(self, *roles: str, bump: bool = True, name: str | None = None) -> None:
        """Sign roles, one version up, and put them into the folder.

        Args:
            roles: In the order in which they are to be signed.
            bump: Whether the version goes up.
            name: Of the file, if it is not the usual one.
        """
        for role in roles:
            part = self.part(role)
            if bump and role in self._published:
                part.version += 1
            self._published.add(role)
            data = self.signed(role, part)
            usual = role if role == "timestamp" else f"{part.version}.{role}"
            self.put(name or usual, data)
            self._mention(role, part.version, data)

    def signed(self, role: str, part: Signed) -> bytes:
        metadata: Metadata[Any] = Metadata(part)
        for signer in self.signers[role]:
            metadata.sign(signer, append=True)
        return metadata.to_bytes()

    def put(self, name: str, data: bytes) -> None:
        (self.folder / "metadata").mkdir(parents=True, exist_ok=True)
        (self.folder / "metadata" / f"{name}.json").write_bytes(data)

    def edit(
        self,
        name: str,
        change: Callable[[dict[str, Any]], object],
        *,
        signers: Iterable[CryptoSigner] = (),
    ) -> None:
        """Change a published file as no library would, and sign it if asked to."""
        path = self.folder / "metadata" / f"{name}.json"
        content = json.loads(path.read_bytes())
        change(content)
        for signer in signers:
            data = encode_canonical(content["signed"])
            assert data is not None
            key_id, value = (
                signer.public_key.keyid,
                signer.sign(data.encode()).signature,
            )
            others = [each for each in content["signatures"] if each["keyid"] != key_id]
            content["signatures"] = [*others, {"keyid": key_id, "sig": value}]
        path.write_bytes(json.dumps(content).encode())

    def remove(self, name: str) -> None:
        (self.folder / "metadata" / f"{name}.json").unlink()

    def start_again(self, role: str, **changes: Any) -> None:
        """Forget what a role has published: its next version is its first."""
        for path in self.folder.glob(f"metadata/*.{role}.json"):
            path.unlink()
        self.part(role).version = 1
        self._published.discard(role)
        for name, value in changes.items():
            setattr(self.part(role), name, value)

    def file_of(self, name: str) -> Path:
        """Where a document is in the folder."""
        digest = hashlib.sha256(self.documents[name]).hexdigest()
        directory, _, base = name.rpartition("/")
        return self.folder / "targets" / directory / f"{digest}.{base}"

    def _mention(self, role: str, version: int, data: bytes) -> None:
        meta = MetaFile(version=version)
        if self.is_hashed:
            meta = MetaFile.from_data(version, data, ["sha256"])
        if role == "snapshot":
            self.timestamp.snapshot_meta = meta
        elif role not in {"root", "timestamp"}:
            self.snapshot.meta[f"{role}.json"] = meta

    def _files(self, start: str, algorithms: Iterable[str]) -> dict[str, TargetFile]:
        files = {}
        for name, data in self.documents.items():
            if name.startswith(start):
                algorithms = list(algorithms) or ["sha256"]
                files[name] = TargetFile.from_data(name, data, algorithms)
                directory, _, base = name.rpartition("/")
                folder = self.folder / "targets" / directory
                folder.mkdir(parents=True, exist_ok=True)
                for digest in files[name].hashes.values():
                    (folder / f"{digest}.{base}").write_bytes(data)
        return files


class Device:
    """A device that was given the first root of a scene."""

    def __init__(self, folder: Path, scene: Scene) -> None:
        self.folder = folder
        self.scene = scene
        self.store = verifier.TrustStore(folder)
        self.first_root = (scene.folder / "metadata/1.root.json").read_bytes()

    def sync(self, now: datetime = NOW, **arguments: Any) -> verifier.SyncReport:
        source = arguments.pop("source", self.scene.folder)
        return self.store.sync(source, root=self.first_root, now=now, **arguments)

    def refuses(self, match: str = ".", now: datetime = NOW, **arguments: Any) -> None:
        """Check that an update is refused in one line, and that nothing has moved."""
        before = self.held()
        with pytest.raises(verifier.SyncError, match=match) as caught:
            self.sync(now, **arguments)
        assert len(str(caught.value).splitlines()) == 1
        assert self.held() == before

    def metadata(self) -> dict[str, bytes]:
        """Signed files that the newest generation holds, by name."""
        numbers = [
            int(path.name.partition("-")[2])
            for path in self.folder.glob("generation-*")
        ]
        if not numbers:
            return {}
        folder = self.folder / f"generation-{max(numbers)}" / "metadata"
        return {path.stem: path.read_bytes() for path in folder.glob("*.json")}

    def held(self) -> dict[str, int]:
        """Version by role, of what the device goes by."""
        held: dict[str, int] = {}
        for name, data in self.metadata().items():
            role = re.sub(r"[0-9]+\.", "", name)
            version = json.loads(data)["signed"]["version"]
            held[role] = max(held.get(role, 0), version)
        return held
