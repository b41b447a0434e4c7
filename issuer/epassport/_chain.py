"""Signatures of signed objects, and certificates up to a trusted one."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from issuer.epassport._asn1 import Algorithm, Certificate, RevocationList, Signed
from issuer.epassport._keys import digest, is_signed
from issuer.epassport.results import ChipRefusal, Stop

_SIGNS: Final = "digital_signature"
_CERTIFIES: Final = "key_cert_sign"


def check_signature(signed: Signed, content_type: str) -> Certificate:
    """Return the certificate of who has signed an object; nobody knows yet who that is.

    Raises:
        Stop: ``chip.no_signer``, ``chip.signature`` or ``chip.algorithm``.
    """
    signer = signed.signer
    if signer is None:
        raise Stop(ChipRefusal.NO_SIGNER)
    expected = digest(signed.digest_name, signed.content)
    if (signed.content_type, signed.message_digest) != (content_type, expected):
        raise Stop(ChipRefusal.SIGNATURE, "the attributes are of another content")
    if not is_signed(
        signer.key,
        signed.algorithm,
        signed.digest_name,
        signed.attributes,
        signed.signature,
    ):
        raise Stop(ChipRefusal.SIGNATURE)
    return signer


def authority_of(
    signer: Certificate,
    anchors: Iterable[Certificate],
    *,
    at: datetime,
    now: datetime,
) -> Certificate:
    """Return the trusted certificate that vouches for a signer.

    Args:
        signer: Of a passport or a master list.
        anchors: Trusted ones.
        at: When the signer has signed, as it says.
        now: The moment of the check.

    Raises:
        Stop: ``chip.unknown_issuer``, ``chip.usage`` or ``chip.validity``.
    """
    above = [each for each in anchors if _may_be_above(each, signer)]
    above = [
        each
        for each in above
        if has_signed(each, signer.algorithm, signer.signed, signer.signature)
    ]
    if not above:
        raise Stop(ChipRefusal.UNKNOWN_ISSUER)
    if _SIGNS not in signer.usage or signer.is_authority or signer.unknown_critical:
        raise Stop(ChipRefusal.USAGE, "the signer may not sign")
    certifying = [
        each for each in above if each.is_authority and _CERTIFIES in each.usage
    ]
    if not certifying:
        raise Stop(ChipRefusal.USAGE, "the authority may not certify")
    _check_validity(signer, at, now)
    for each in certifying:
        if each.not_before <= at <= each.not_after:
            return each
    raise Stop(ChipRefusal.VALIDITY, "the authority was not valid when it was signed")


def has_signed(
    authority: Certificate, algorithm: Algorithm, data: bytes, signature: bytes
) -> bool:
    """Tell whether a certificate's key has signed; one that cannot be used has not."""
    try:
        return is_signed(authority.key, algorithm, "", data, signature)
    except Stop:
        return False


def check_not_revoked(
    signer: Certificate, authority: Certificate, revocations: Iterable[RevocationList]
) -> None:
    """Refuse a signer that its authority has revoked, in whatever old a list.

    Raises:
        Stop: ``chip.revoked``.
    """
    for each in revocations:
        if each.issuer == authority.subject and signer.serial in each.serials:
            raise Stop(ChipRefusal.REVOKED)


def _may_be_above(authority: Certificate, signer: Certificate) -> bool:
    known = authority.key_id, signer.issuer_key_id
    return authority.subject == signer.issuer and (
        None in known or known[0] == known[1]
    )


def _check_validity(signer: Certificate, at: datetime, now: datetime) -> None:
    if not signer.not_before <= at <= signer.not_after:
        raise Stop(ChipRefusal.VALIDITY, "the signer was not valid when it signed")
    if not at <= now <= signer.not_after:
        raise Stop(ChipRefusal.VALIDITY, "the signer is not valid any more, or not yet")
