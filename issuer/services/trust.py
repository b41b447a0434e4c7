"""What this back office knows other economies by: what officers' devices have."""

from functools import lru_cache
from pathlib import Path

import verifier
from issuer.errors import NoTrust, PublishRefused
from issuer.installation import Installation
from issuer.publish.names import SCHEME, TARGETS, TIMESTAMP, metadata_file
from issuer.publish.repository import Repository


def trust_of(installation: Installation) -> verifier.Trust:
    """Return the trust data of an installation.

    While nothing is new this takes microseconds, so ask for every message.

    Raises:
        NoTrust: Nothing was synced or published yet, or it is damaged.

    Not checked: expiry, which is a matter of each message.
    """
    if installation.services.trust is not None:
        return _synced(installation.path(installation.services.trust))
    return _published(installation.path(installation.publish.out))


def _synced(folder: Path) -> verifier.Trust:
    try:
        return _store(folder).load()
    except verifier.TrustError as error:
        raise NoTrust(f"the trust data cannot be used: {error}") from error


@lru_cache(maxsize=16)
def _store(folder: Path) -> verifier.TrustStore:
    return verifier.TrustStore(folder)


def _published(folder: Path) -> verifier.Trust:
    try:
        status = (folder / metadata_file(TIMESTAMP, 0)).stat()
    except OSError as error:
        raise NoTrust(
            "nothing is published here; set services.trust to what is synced"
        ) from error
    return _read(folder, (status.st_mtime_ns, status.st_ino, status.st_size))


@lru_cache(maxsize=16)
def _read(folder: Path, stamp: tuple[int, int, int]) -> verifier.Trust:
    """Read keys and scheme alone: lists are for cards, and large."""
    del stamp  # what was published anew is read anew
    try:
        repository = Repository.load(folder)
        documents = repository.documents(folder, TARGETS, SCHEME)
        for economy in repository.economies:
            name = f"{economy}/issuer.json"
            if name in repository.targets[economy].signed.targets:
                documents |= repository.documents(folder, economy, name)
        signed = repository.timestamp.signed
        return verifier.Trust.from_documents(
            documents,
            version=signed.version,
            issued_at=repository.issued_at,
            expires_at=signed.expires,
        )
    except (PublishRefused, verifier.TrustError, ValueError) as error:
        raise NoTrust(f"what is published here cannot be used: {error}") from error
