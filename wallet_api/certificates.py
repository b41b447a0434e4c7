"""Chains of certificates of those who make phones, to roots that the operator names.

None of it is about servers on the web: these chains have rules of their own, and their
checkers build on what is here.

Source: RFC 5280, sections 4.2.1.9 and 6.1.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from issuer.errors import SettingsError
from wallet_api.proof import BadProof

_MAX_FILE: Final = 256 * 1024
Chain = tuple[x509.Certificate, ...]
"""The key's own first; each signed by the next; without a root."""
UNREADABLE: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    x509.InvalidVersion,
)
"""What a certificate may raise that is none, or an odd one."""


def read_roots(path: Path) -> Chain:
    """Read the certificates that chains may lead to.

    Raises:
        SettingsError: There are none, or others than self-signed ones of authorities.
    """
    reason = "must be self-signed certificates of authorities, in PEM"
    wrong = SettingsError(file=str(path), key="", reason=reason)
    try:
        found = x509.load_pem_x509_certificates(path.read_bytes()[:_MAX_FILE])
        is_good = all(is_authority(each) and is_issued_by(each, each) for each in found)
    except (OSError, *UNREADABLE) as error:
        raise wrong from error
    if not is_good:
        raise wrong
    return tuple(found)


def read_chain(given: Sequence[bytes]) -> Chain:
    """Read certificates in DER.

    Raises:
        BadProof: One is none.
    """
    try:
        return tuple(map(x509.load_der_x509_certificate, given))
    except UNREADABLE as error:
        raise BadProof("its certificates cannot be read") from error


def check_signatures(chain: Chain, roots: Chain, now: datetime) -> x509.Certificate:
    """Demand that each certificate is signed by the next, and the last by a root.

    Returns:
        That root.

    Raises:
        BadProof: It is not so, or the root is over.

    Not checked: dates of the others, and who may sign.
    """
    for child, parent in pairwise(chain):
        if not is_issued_by(child, parent):
            raise BadProof("a certificate of it is not signed by the next")
    for root in roots:
        if is_valid(root, now) and is_issued_by(chain[-1], root):
            return root
    raise BadProof("its certificates lead to no root that is believed here")


def is_valid(certificate: x509.Certificate, now: datetime) -> bool:
    """Tell whether it is in force."""
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def is_issued_by(child: x509.Certificate, parent: x509.Certificate) -> bool:
    """Tell whether it names another as its issuer, and is signed by its key."""
    try:
        child.verify_directly_issued_by(parent)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True


def is_authority(certificate: x509.Certificate, *, below: int = 0) -> bool:
    """Tell whether it may sign others, with so many authorities between."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return False
    most = found.value.path_length
    return found.value.ca and (most is None or below <= most)


def extension(
    certificate: x509.Certificate, oid: x509.ObjectIdentifier
) -> bytes | None:
    """Return the value of an extension that X.509 does not know; None: it is absent."""
    for each in certificate.extensions:
        if each.oid == oid and isinstance(each.value, x509.UnrecognizedExtension):
            return each.value.value
    return None
