"""The trust data to decide from: keys, rules and every list."""

from functools import lru_cache
from pathlib import Path

import verifier
from issuer.errors import NoTrust, PublishRefused
from issuer.installation import Installation
from issuer.publish.names import TARGETS, TIMESTAMP, metadata_file
from issuer.publish.repository import Repository
from issuer.services.trust import trust_of


def lists_of(installation: Installation) -> verifier.Trust:
    """Return trust data with the lists of every economy.

    What is synced has them all (sync without an economy). Where this installation
    publishes for itself, all that it has published is read, once for each publication.

    Raises:
        NoTrust: Nothing was synced or published yet, or it is damaged.

    Not checked: expiry; an answer from data that is too old is ``no_answer``.
    """
    if installation.services.trust is not None:
        return trust_of(installation)
    folder = installation.path(installation.publish.out)
    try:
        stamp = (folder / metadata_file(TIMESTAMP, 0)).stat()
    except OSError as error:
        raise NoTrust(
            "nothing is published here; set services.trust to what is synced"
        ) from error
    return _read(folder, (stamp.st_mtime_ns, stamp.st_ino, stamp.st_size))


@lru_cache(maxsize=2)
def _read(folder: Path, stamp: tuple[int, int, int]) -> verifier.Trust:
    del stamp  # what was published anew is read anew
    try:
        repository = Repository.load(folder)
        documents: dict[str, bytes] = {}
        for role in (TARGETS, *repository.economies):
            documents |= repository.documents(folder, role)
        return verifier.Trust.from_documents(
            documents,
            version=repository.timestamp.signed.version,
            issued_at=repository.issued_at,
            expires_at=repository.timestamp.signed.expires,
        )
    except (PublishRefused, verifier.TrustError, ValueError) as error:
        raise NoTrust(f"what is published here cannot be used: {error}") from error
