"""What a published repository calls its roles, its documents and its files.

Source: specification, section 7; The Update Framework, sections 4.5 and 6.2.
"""

import re
from collections.abc import Iterable
from typing import Final

from issuer.errors import PublishRefused
from issuer.publish.refusals import Refusal

ROOT, TARGETS, SNAPSHOT, TIMESTAMP = "root", "targets", "snapshot", "timestamp"
SCHEME: Final = "scheme.json"
ISSUED_AT: Final = "x-abtc-issued-at"
"""Member of the signed timestamp: the moment at which this was current."""
SINCE: Final = "x-abtc-since"
"""Member of a public key: when it was made."""

OFFLINE_KEYS: Final = 3
OFFLINE_THRESHOLD: Final = 2
"""Root and targets each have three keys, of which two sign."""

_ECONOMY = re.compile(r"[A-Z]{3}")
_NUMBER = r"(?:0|[1-9][0-9]{0,9})"
_NAME = re.compile(
    rf"(?P<owner>[A-Z]{{3}})/(?P<rest>(?:issuer|policy)\.json|status/{_NUMBER}\.jwt"
    rf"|overlay/[A-Z]{{3}}/{_NUMBER}\.jwt|passports\.jwt)"
)


def check_economy(code: str) -> None:
    """Refuse what is no alpha-3 code in capitals.

    Raises:
        PublishRefused: ``name.malformed``.
    """
    if not _ECONOMY.fullmatch(code):
        raise PublishRefused(Refusal.NAME_MALFORMED, f"{code!r} is no economy's code")


def owned_paths(economy: str) -> list[str]:
    """List what an economy's role may sign; a ``*`` never crosses a ``/``.

    The first also matches ``AUS/..``, which is why `check_names` has its own pattern.
    """
    return [f"{economy}/*", f"{economy}/status/*", f"{economy}/overlay/*/*"]


def check_names(role: str, names: Iterable[str]) -> None:
    """Refuse names that the role may not publish.

    Args:
        role: ``targets`` for the scheme, or the code of an economy.
        names: Names of documents.

    Raises:
        PublishRefused: ``name.malformed`` for what section 7 does not list,
            ``name.foreign`` for a document of somebody else.
    """
    for name in names:
        if role_of(name) != role:
            raise PublishRefused(
                Refusal.NAME_FOREIGN, f"{role} may not publish {name!r}"
            )


def role_of(name: str) -> str:
    """Return the role that publishes a document.

    Raises:
        PublishRefused: ``name.malformed``.
    """
    if name == SCHEME:
        return TARGETS
    parts = _NAME.fullmatch(name)
    if not parts:
        raise PublishRefused(
            Refusal.NAME_MALFORMED, f"{name!r} is not the name of a trust document"
        )
    return parts["owner"]


def is_list(name: str) -> bool:
    """Tell a status or overlay list from all other documents."""
    return name.endswith(".jwt") and not is_passport_list(name)


def is_passport_list(name: str) -> bool:
    """Tell a list of reported passports from all other documents."""
    return name.endswith("/passports.jwt")


def is_status_list(name: str) -> bool:
    """Tell an economy's own list from an overlay and from the JSON documents."""
    return is_list(name) and name[4:].startswith("status/")


def target_file(name: str, sha256: str) -> str:
    """Return where a document lies, below the repository."""
    folder, slash, base = name.rpartition("/")
    return f"targets/{folder}{slash}{sha256}.{base}"


def delta_file(name: str, new: str, old: str) -> str:
    """Return where the delta lies that makes one version of a list of another.

    Args:
        name: Name of the list.
        new: SHA-256 of what it makes, hexadecimal.
        old: SHA-256 of what it makes it of.
    """
    list_file = target_file(name, new).removesuffix(".jwt")
    return f"{list_file}.from-{old[:16]}.json"


def metadata_file(role: str, version: int) -> str:
    """Return where a role's metadata lies, below the repository."""
    if role == TIMESTAMP:
        return "metadata/timestamp.json"
    return f"metadata/{version}.{role}.json"
