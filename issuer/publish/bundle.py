"""One file that carries everything a device needs, where there is no network."""

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Final

from issuer.errors import PublishRefused
from issuer.publish.files import locked, read_file, replace_file
from issuer.publish.names import (
    TARGETS,
    TIMESTAMP,
    check_economy,
    metadata_file,
    target_file,
)
from issuer.publish.refusals import Refusal
from issuer.publish.repository import MAX_METADATA, Repository

_FIRST_DAY: Final = (1980, 1, 1, 0, 0, 0)
"""The same for every member, so that equal repositories give equal bundles."""
MAX_BUNDLE: Final = 64 * 2**20
"""Bytes of all files in a bundle that a device takes; packed, text is less."""
MAX_MEMBERS: Final = 8192
"""Files in a bundle that a device takes."""


def write_bundle(public: Path, out: Path, *, economy: str | None = None) -> int:
    """Put what is published now into one file, for `verifier.TrustStore.sync`.

    Args:
        public: The public folder of the repository.
        out: The file to write; it is replaced as a whole or not at all.
        economy: Alpha-3 code of the destination: of other destinations, policy and
            overlays stay out. None takes everything.

    Returns:
        The size of the bundle, in bytes.

    Raises:
        PublishRefused: The repository cannot be used, or ``economy`` is no code;
            ``repository.busy`` while another process publishes; ``bundle.size`` if
            no device takes so much at once.
        OSError: ``out`` cannot be written.

    Not checked: expiry, which the device does.
    """
    if economy is not None:
        check_economy(economy)
    with locked(public):
        members = _members(public, Repository.load(public), economy)
    _check_size(len(members), sum(map(len, members.values())))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(members):
            info = zipfile.ZipInfo(name, _FIRST_DAY)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, members[name])
    data = file.getvalue()
    replace_file(out, data)
    return len(data)


def _check_size(members: int, size: int) -> None:
    if members > MAX_MEMBERS or size > MAX_BUNDLE:
        raise PublishRefused(
            Refusal.BUNDLE_SIZE,
            f"{members:,} files of {size:,} bytes, and a device takes "
            f"{MAX_MEMBERS:,} of {MAX_BUNDLE:,}",
        )


def _members(
    public: Path, repository: Repository, economy: str | None
) -> dict[str, bytes]:
    versions = repository.versions
    roots = [
        f"metadata/{version}.root.json" for version in range(1, versions["root"] + 1)
    ]
    roles = ["snapshot", TARGETS, *repository.economies]
    names = [metadata_file(role, versions[role]) for role in roles]
    names += [*roots, metadata_file(TIMESTAMP, versions[TIMESTAMP])]
    members = {name: read_file(public / name, MAX_METADATA) for name in names}
    for role in (TARGETS, *repository.economies):
        for name, data in repository.documents(public, role).items():
            if _is_wanted(name, economy):
                digest = hashlib.sha256(data).hexdigest()
                members[target_file(name, digest)] = data
    return members


def _is_wanted(name: str, economy: str | None) -> bool:
    owner, _, rest = name.partition("/")
    is_destination_s = rest == "policy.json" or rest.startswith("overlay/")
    return not is_destination_s or economy in {None, owner}
