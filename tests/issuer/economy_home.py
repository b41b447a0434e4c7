"""An economy that keeps its own key: what is on its machine, and what it sends."""

import shutil
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import TargetFile

from issuer.publish import Keyring, RoleKey, Submission, Submitter
from issuer.publish.checks import Shrink
from issuer.publish.repository import Repository
from issuer.publish.submission import RoleSignature
from tests.issuer.repository_reader import Desk
from tests.simulator import NOW

_LIFETIME: Final = timedelta(days=30)


class Home:
    """An economy's own machine: a folder of keys and a copy of what is published."""

    def __init__(self, desk: Desk, economy: str = "AUS") -> None:
        self.desk = desk
        self.economy = economy
        self.folder = desk.folder / f"home-{economy}"
        self.keys = self.folder / "keys"
        self.keys.mkdir(parents=True, mode=0o700)
        self.copy = self.folder / "copy"
        self.first_root = (desk.public / "metadata/1.root.json").read_bytes()
        self.refresh_copy()

    def refresh_copy(self) -> None:
        shutil.rmtree(self.copy, ignore_errors=True)
        shutil.copytree(self.desk.public, self.copy)

    def submitter(self, **given: Any) -> Submitter:
        keyring = Keyring([self.keys], lambda _: b"at home")
        return Submitter(economy=self.economy, keyring=keyring, **given)

    def make_key(self, now: datetime = NOW, **given: Any) -> RoleKey:
        """Also as the other end reads it from the file."""
        made = self.submitter(**given).make_key(
            now=now, published=self.copy, first_root=self.first_root
        )
        return RoleKey.from_bytes(made.to_bytes())

    def sign(
        self, documents: Mapping[str, bytes], now: datetime = NOW, **given: Any
    ) -> Submission:
        return self.sign_and_ask(documents, now, **given)[0]

    def sign_and_ask(
        self, documents: Mapping[str, bytes], now: datetime = NOW, **given: Any
    ) -> tuple[Submission, tuple[Shrink, ...]]:
        """From what is published now; also as the other end reads it."""
        self.refresh_copy()
        made, shrinks = self.submitter(**given).sign(
            documents, published=self.copy, first_root=self.first_root, now=now
        )
        read = Submission.from_bytes(made.to_bytes())
        assert read == made
        return read, shrinks

    def signer(self) -> CryptoSigner:
        """The newest key, for whoever has stolen it."""
        keyring = Keyring([self.keys], lambda _: b"at home")
        top = Repository.load(self.desk.public).parent(self.economy)
        (key_id,) = top.get_delegated_role(self.economy).keyids
        signer = keyring.signer(self.economy, top.get_key(key_id))
        assert signer
        return signer

    def forge(
        self,
        files: Mapping[str, TargetFile],
        *,
        version: int = 2,
        expires_at: datetime = NOW + _LIFETIME,
    ) -> RoleSignature:
        return RoleSignature.sign(
            self.signer(), files, version=version, expires_at=expires_at
        )
