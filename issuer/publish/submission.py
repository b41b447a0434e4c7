"""What an economy that keeps its own key sends to the scheme's desk.

Two kinds of file, JSON without compression: a key of its role, and a submission.
Neither carries metadata.  The desk puts the role's metadata together itself, from the
documents, and asks whether the signature fits: so nothing can be in it that the desk
has not put there.
"""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import CryptoSigner, Key, Signature, SSlibKey
from tuf.api.metadata import Metadata, TargetFile, Targets

from issuer.errors import PublishRefused
from issuer.jws import PublicKey, canonical, is_p256
from issuer.publish.checks import Documents
from issuer.publish.moments import moment_of, moment_text
from issuer.publish.names import SINCE, check_economy
from issuer.publish.refusals import Refusal

MAX_SUBMISSION: Final = 64 * 2**20
"""Bytes of a submission, as of a bundle."""
MAX_ROLE_KEY: Final = 16 * 2**10
"""Bytes of a key document; one takes about 900."""
_MAX_VERSION: Final = 2**31
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_SIGNATURE: Final = re.compile(r"(?:[0-9a-f]{2}){8,80}")
_SPECIFICATION: Final = re.compile(r"1\.0\.[0-9]{1,3}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleSignature:
    """An economy's signature of its role, and what of the role the desk cannot know."""

    key_id: str
    version: int
    expires_at: datetime
    specification: str
    """Version of the TUF specification that the metadata names."""
    signature: str
    """Hexadecimal."""

    @classmethod
    def sign(
        cls,
        signer: CryptoSigner,
        files: Mapping[str, TargetFile],
        *,
        version: int,
        expires_at: datetime,
    ) -> "RoleSignature":
        """Sign a role that lists these files."""
        targets = Targets(version=version, expires=expires_at, targets=dict(files))
        made = Metadata(targets).sign(signer)
        return cls(
            key_id=made.keyid,
            version=version,
            expires_at=expires_at,
            specification=targets.spec_version,
            signature=made.signature,
        )

    def metadata(self, files: Mapping[str, TargetFile]) -> Metadata[Targets]:
        """Put together what was signed, if it was these files."""
        targets = Targets(
            version=self.version,
            spec_version=self.specification,
            expires=self.expires_at,
            targets=dict(files),
        )
        return Metadata(targets, {self.key_id: Signature(self.key_id, self.signature)})

    def to_object(self) -> dict[str, object]:
        """Write it for JSON."""
        return {
            "keyid": self.key_id,
            "version": self.version,
            "expires": moment_text(self.expires_at),
            "spec_version": self.specification,
            "sig": self.signature,
        }

    @classmethod
    def of(cls, value: object) -> "RoleSignature":
        """Read what `to_object` wrote; ``ValueError`` for anything else."""
        members = _members(
            value, {"keyid", "version", "expires", "spec_version", "sig"}
        )
        version = members["version"]
        if type(version) is not int or not 1 <= version <= _MAX_VERSION:
            raise ValueError("version is no version")
        return cls(
            key_id=_text(members["keyid"], _DIGEST),
            version=version,
            expires_at=moment_of(members["expires"]),
            specification=_text(members["spec_version"], _SPECIFICATION),
            signature=_text(members["sig"], _SIGNATURE),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleKey:
    """The public key of an economy's role, which its holder made.

    It comes with the role signed by it, listing what is published, so that devices can
    read the repository from the moment at which the key is in force.
    """

    economy: str
    key: Key
    proof: str
    """Hexadecimal signature by the key over `_statement`: it is this economy's."""
    role: RoleSignature

    @classmethod
    def make(cls, economy: str, signer: CryptoSigner, role: RoleSignature) -> "RoleKey":
        """Let a key prove that its economy holds it."""
        key = signer.public_key
        proof = signer.sign(_statement(economy, key.keyid)).signature
        return cls(economy=economy, key=key, proof=proof, role=role)

    def check_proof(self) -> None:
        """Refuse a key that its economy does not hold.

        Raises:
            PublishRefused: ``key.unproven``.
        """
        signature = Signature(self.key.keyid, self.proof)
        try:
            self.key.verify_signature(
                signature, _statement(self.economy, self.key.keyid)
            )
        except UnverifiedSignatureError as error:
            raise PublishRefused(
                Refusal.KEY_UNPROVEN, f"no proof that {self.economy} holds this key"
            ) from error

    def to_bytes(self) -> bytes:
        """Write the file that goes to the scheme's desk; nothing in it is secret."""
        return canonical(
            {
                "abtc": "role-key",
                "economy": self.economy,
                "key": self.key.to_dict(),
                "proof": self.proof,
                "role": self.role.to_object(),
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "RoleKey":
        """Read what `to_bytes` wrote.

        Args:
            data: At most 16 KiB.

        Raises:
            PublishRefused: ``key.malformed``; ``name.malformed`` for the economy.

        Not checked: the proof, and whether the key may be this economy's.
        """
        try:
            document = _parse(data, "role-key", MAX_ROLE_KEY)
            members = _members(document, {"economy", "key", "proof", "role"})
            found = cls(
                economy=_text(members["economy"]),
                key=_key(members["key"]),
                proof=_text(members["proof"], _SIGNATURE),
                role=RoleSignature.of(members["role"]),
            )
        except ValueError as error:
            raise PublishRefused(
                Refusal.KEY_MALFORMED, f"this is no key of a role: {error}"
            ) from error
        check_economy(found.economy)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """An economy's documents, signed by its role, to be published by the scheme."""

    economy: str
    first_root: str
    """SHA-256 of the first root of the repository that it is meant for."""
    follows: str
    """SHA-256 of the role's metadata on which it follows."""
    role: RoleSignature
    documents: Documents

    def to_bytes(self) -> bytes:
        """Write the file that goes to the scheme's desk."""
        documents = {
            name: base64.b64encode(data).decode()
            for name, data in sorted(self.documents.items())
        }
        return canonical(
            {
                "abtc": "submission",
                "economy": self.economy,
                "root": self.first_root,
                "follows": self.follows,
                "role": self.role.to_object(),
                "documents": documents,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "Submission":
        """Read what `to_bytes` wrote.

        Args:
            data: At most 64 MiB.

        Raises:
            PublishRefused: ``submission.malformed``; ``name.malformed`` for the
                economy.

        Not checked: everything that `Publisher.accept` checks.
        """
        try:
            document = _parse(data, "submission", MAX_SUBMISSION)
            members = _members(
                document, {"economy", "root", "follows", "role", "documents"}
            )
            documents = members["documents"]
            if not isinstance(documents, dict):
                raise ValueError("documents are not an object")  # noqa: TRY301
            found = cls(
                economy=_text(members["economy"]),
                first_root=_text(members["root"], _DIGEST),
                follows=_text(members["follows"], _DIGEST),
                role=RoleSignature.of(members["role"]),
                documents=MappingProxyType(
                    {name: _bytes(text) for name, text in documents.items()}
                ),
            )
        except ValueError as error:
            raise PublishRefused(
                Refusal.SUBMISSION_MALFORMED, f"this is no submission: {error}"
            ) from error
        check_economy(found.economy)
        return found


def target_files(documents: Documents) -> dict[str, TargetFile]:
    """Describe documents as a role lists them."""
    return {
        name: TargetFile.from_data(name, data, ["sha256"])
        for name, data in sorted(documents.items())
    }


def _statement(economy: str, key_id: str) -> bytes:
    return f"ABTC1 role key\n{economy}\n{key_id}".encode()


def _parse(data: bytes, kind: str, limit: int) -> dict[str, Any]:
    if len(data) > limit:
        raise ValueError(f"it is longer than {limit:,} bytes")
    try:
        document = json.loads(data, object_pairs_hook=_once)
    except RecursionError as error:
        raise ValueError("it is too deep") from error
    if not isinstance(document, dict) or document.pop("abtc", None) != kind:
        raise ValueError(f"it does not say abtc: {kind}")
    return document


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a member occurs twice")
    return members


def _members(value: object, names: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict) or value.keys() != names:
        raise ValueError(f"its members are not {', '.join(sorted(names))}")
    return value


def _text(value: object, form: re.Pattern[str] | None = None) -> str:
    if not isinstance(value, str) or (form and not form.fullmatch(value)):
        raise ValueError("a member is not as it should be")
    return value


def _bytes(value: object) -> bytes:
    return base64.b64decode(_text(value), validate=True)


def _key(value: object) -> Key:
    """Read a public key; made anew, so that it has one form and one id."""
    members = _members(value, {"keytype", "scheme", "keyval", SINCE})
    public = _members(members["keyval"], {"public"})["public"]
    since = moment_text(moment_of(members[SINCE]))
    try:
        found = load_pem_public_key(_text(public).encode())
    except UnsupportedAlgorithm as error:
        raise ValueError("the key is of another kind") from error
    if not isinstance(found, PublicKey) or not is_p256(found):
        raise ValueError("the key is not on P-256")
    key = SSlibKey.from_crypto(found)
    key.unrecognized_fields[SINCE] = since
    if key.to_dict() != members:
        raise ValueError("the key is not spelled as usual")
    return key
