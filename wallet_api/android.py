"""Keys that an Android phone attests itself: its hardware says where they are kept.

Only where the settings name what to believe for an economy.  Roots, applications and
the list of revoked certificates are files of the operator's: none of them comes with
this package, and none of them with a request.

The proof has no signature by the key: that the hardware has made it for our nonce,
which is good for one economy and once, stands for that.

Source: OpenID4VCI 1.0, section 8.2 and appendix F (further proof types); Android
Developers, "Implement hardware-backed attestation for digital credentials", which
defines ``android_keystore_attestation``, and "Verify hardware-backed key pairs with key
attestation"; RFC 5280, section 6.1.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Self

from cryptography import x509
from cryptography.x509.oid import NameOID

from issuer.installation import AndroidKeys, Installation
from issuer.jws import PublicKey, is_p256
from wallet_api.android_extension import (
    EC,
    GENERATED,
    OID,
    P256,
    SIGN,
    VERIFIED,
    VERIFY,
    KeyDescription,
    read_description,
)
from wallet_api.android_status import StatusFile
from wallet_api.certificates import (
    UNREADABLE,
    Chain,
    check_signatures,
    extension,
    is_authority,
    read_chain,
    read_roots,
)
from wallet_api.proof import BadProof

LEVELS: Final = {"TrustedEnvironment": 1, "StrongBox": 2}
_LONGEST: Final = 8
"""Certificates of a chain; phones send four or five."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Android:
    """What an economy believes of Android phones."""

    roots: tuple[x509.Certificate, ...]
    status: StatusFile
    level: int
    """The least: 1 trusted environment, 2 StrongBox."""
    apps: Mapping[str, frozenset[bytes]]
    """By package: SHA-256 of the certificates that it may be signed with."""
    factory_expired: bool
    """Certificates from the factory count on after their last day."""

    @classmethod
    def of(cls, given: AndroidKeys, installation: Installation) -> Self:
        """Read what the settings name.

        Raises:
            SettingsError: A file cannot be read, or is not what it must be.
        """
        apps = {
            name: frozenset(map(bytes.fromhex, digests))
            for name, digests in given.apps.items()
        }
        path = installation.path(given.status)
        return cls(
            roots=read_roots(installation.path(given.roots)),
            status=StatusFile(path, timedelta(hours=given.status_hours)),
            level=LEVELS[given.level],
            apps=apps,
            factory_expired=given.factory_expired,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestedKey:
    """A key that a phone's hardware has made for us."""

    key: PublicKey
    nonce: str
    """It was made for; whether it is ours and unused, its use says."""


def check_android(given: Sequence[str], android: Android, now: datetime) -> AttestedKey:
    """Demand that a phone's hardware has made a key for the app of an economy.

    Args:
        given: Certificates in base64, the key's own first, a root last; of any size,
            which the server bounds.
        android: What is believed.
        now: The moment.

    Returns:
        The key, and the nonce that it was made for.

    Raises:
        BadProof: The chain is malformed, leads to no root, has a certificate that is
            over, revoked or no authority's; or what the hardware says of key, phone or
            app is not what is believed.
        NoStatus: The list of what is revoked is too old.

    Not checked: that the nonce is ours, and was not used; the dates of the key's own
    certificate, which the phone sets; how recent the phone's software is; whether its
    user has to unlock the key.
    """
    chain = _read(given)
    try:
        whole = _check_chain(chain, android, now)
        said = _description(chain)
        key = chain[0].public_key()
    except BadProof:
        raise
    except UNREADABLE as error:
        raise BadProof("its certificates cannot be read") from error
    if any(android.status.has(each.serial_number, now=now) for each in whole):
        raise BadProof("a certificate of it is revoked")
    _check_key(said, android)
    _check_phone(said)
    _check_app(said, android)
    if not isinstance(key, PublicKey) or not is_p256(key):
        raise BadProof("its key is none on P-256")
    return AttestedKey(key=key, nonce=_nonce(said))


# The chain


def _read(given: Sequence[str]) -> Chain:
    if not 3 <= len(given) <= _LONGEST:
        raise BadProof("it is no chain of certificates")
    try:
        chain = read_chain([base64.b64decode(each, validate=True) for each in given])
        is_with_root = chain[-1].subject == chain[-1].issuer
    except UNREADABLE as error:
        raise BadProof("its certificates cannot be read") from error
    # The root that was sent proves nothing.
    return chain[:-1] if is_with_root else chain


def _check_chain(chain: Chain, android: Android, now: datetime) -> Chain:
    """Check it, and return it with its root."""
    root = check_signatures(chain, android.roots, now)
    # The one next to the key's own is of the phone: makers have left out that it
    # signs, so that its place has to do.
    for place, each in enumerate((*chain[2:], root), start=1):
        if not is_authority(each, below=place):
            raise BadProof("a certificate of it is of nobody who may sign others")
    is_lenient = android.factory_expired and _is_from_factory(chain[-1])
    for each in chain[1:]:
        is_over = now > each.not_valid_after_utc and not is_lenient
        if is_over or now < each.not_valid_before_utc:
            raise BadProof("a certificate of it is over, or not valid yet")
    return (*chain, root)


def _is_from_factory(top: x509.Certificate) -> bool:
    """Tell whether it stays in a phone for ever: those name a serial number."""
    return bool(top.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER))


def _description(chain: Chain) -> KeyDescription:
    """Read what is said of the first key.

    Whoever has an attested key could sign a further certificate and say in it what
    they like: so none but the first may say anything.
    """
    if any(extension(each, OID) is not None for each in chain[1:]):
        raise BadProof("its key was attested by a phone's own key")
    data = extension(chain[0], OID)
    if data is None:
        raise BadProof("its certificate says nothing of the key")
    return read_description(data)


# What is said


def _check_key(said: KeyDescription, android: Android) -> None:
    levels = (said.attestation_level, said.key_level)
    if min(levels) < android.level or max(levels) > max(LEVELS.values()):
        raise BadProof("its key is not kept as safely as is asked for here")
    if said.origin != GENERATED:
        raise BadProof("its key was not made where it is kept")
    if SIGN not in said.purposes or said.purposes - {SIGN, VERIFY}:
        raise BadProof("its key is for something else than signing")
    if (said.algorithm, said.curve) != (EC, P256):
        raise BadProof("its key is none on P-256")


def _check_phone(said: KeyDescription) -> None:
    if not said.is_locked or said.boot_state != VERIFIED:
        raise BadProof("its phone does not run what its maker has signed")


def _check_app(said: KeyDescription, android: Android) -> None:
    if said.is_for_all_apps or len(said.packages) != 1:
        raise BadProof("its key is not that of one app")
    allowed = android.apps.get(said.packages[0], frozenset())
    if not said.digests or not said.digests <= allowed:
        raise BadProof("its app is none that is believed here")


def _nonce(said: KeyDescription) -> str:
    try:
        return said.challenge.decode("ascii")
    except UnicodeDecodeError as error:
        raise BadProof("its key was made for something else") from error
