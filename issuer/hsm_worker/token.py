"""One session with a PKCS #11 token; the only importer of python-pkcs11.

Source: PKCS #11 Cryptographic Token Interface 2.40; P-256 by its name in RFC 5480.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Self

import pkcs11
from pkcs11.exceptions import (
    PinExpired,
    PinIncorrect,
    PinInvalid,
    PinLenRange,
    PinLocked,
    PKCS11Error,
    UserPinNotInitialized,
)

from issuer.hsm_worker.pin import PinRecord, PinStopped

_LABEL: Final = re.compile(r"[A-Za-z0-9._-]{1,64}\.(?:card|status)")
_P256: Final = bytes.fromhex("06082a8648ce3d030107")
_POINT_BYTES: Final = 65
_PIN_FAULTS: Final = (
    PinIncorrect,
    PinInvalid,
    PinLenRange,
    PinExpired,
    PinLocked,
    UserPinNotInitialized,
)
_PRIVATE: Final = {
    pkcs11.Attribute.SENSITIVE: True,
    pkcs11.Attribute.EXTRACTABLE: False,
}
"""What a private key has to be; it is made so, and refused otherwise."""


class TokenLost(Exception):  # noqa: N818  # a state, not a fault
    """The module answered something that leaves the session in doubt."""


class NoUsableKey(Exception):  # noqa: N818  # an answer, not a fault
    """There is no such key, or none that may be used."""


class Token:
    """A session in which the user is logged in."""

    def __init__(self, session: pkcs11.Session) -> None:
        self._session = session
        self._keys: dict[str, Any] = {}

    @classmethod
    def open(cls, *, module: str, token: str, pin: str, record: str) -> Self:
        """Load a module and log in, with one attempt at most.

        Args:
            module: Path of the PKCS #11 library.
            token: Label of the token.
            pin: The user's.
            record: Path of the `PinRecord`.

        Raises:
            TokenLost: The module cannot be loaded, or the token is not there.
            PinStopped: The PIN was refused, or may not be tried.
            OSError: The record cannot be used.
        """
        with _answers():
            found = pkcs11.lib(module).get_token(token_label=token)
            # Whatever fails before the PIN is asked for is no attempt.
            first = found.open()
        session = _log_in(found, pin, record)
        with _answers():
            first.close()  # a login lasts as long as any session does
        return cls(session)

    def close(self) -> None:
        """End the session."""
        with _answers():
            self._session.close()

    def labels(self) -> list[str]:
        """List the labels of private keys that are named as ours are, sorted."""
        query = {
            pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY,
            pkcs11.Attribute.KEY_TYPE: pkcs11.KeyType.EC,
        }
        with _answers():
            found = [
                each[pkcs11.Attribute.LABEL]
                for each in self._session.get_objects(query)
            ]
        return sorted({label for label in found if label and _LABEL.fullmatch(label)})

    def sign(self, label: str, digest: bytes) -> bytes:
        """Sign a SHA-256 digest; r and s as the module answers them.

        Raises:
            NoUsableKey: There is none of that label.
            TokenLost: The module answered something else than a signature.
        """
        key = self._keys.get(label) or self._find_private(label)
        self._keys[label] = key
        try:
            signature: bytes = key.sign(digest, mechanism=pkcs11.Mechanism.ECDSA)
        except PKCS11Error as error:
            raise TokenLost(_name(error)) from error
        return signature

    def public_point(self, label: str) -> bytes:
        """Read a key's public half, 65 bytes: 4, x and y.

        Raises:
            NoUsableKey: One of the halves is missing, there twice, not on P-256, or
                the private one may leave the module.
        """
        self._keys[label] = self._find_private(label)
        public = self._find(label, pkcs11.ObjectClass.PUBLIC_KEY)
        with _answers():
            point = bytes(public[pkcs11.Attribute.EC_POINT])
        # A DER octet string by the standard; some modules leave the wrapping away.
        point = point.removeprefix(bytes([4, _POINT_BYTES]))
        if len(point) != _POINT_BYTES:
            raise NoUsableKey(f"key {label}: its public half is not on P-256")
        return point

    def generate(self, label: str) -> bytes:
        """Make a P-256 key inside the module, and return its public half.

        Raises:
            NoUsableKey: A key of this label exists, or the new one is not what was
                asked for.
        """
        with _answers(), self._session.token.open(rw=True) as session:
            if list(session.get_objects({pkcs11.Attribute.LABEL: label})):
                raise NoUsableKey(f"key {label} exists already")
            curve = session.create_domain_parameters(
                pkcs11.KeyType.EC, {pkcs11.Attribute.EC_PARAMS: _P256}, local=True
            )
            curve.generate_keypair(
                store=True,
                label=label,
                id=label.encode(),
                capabilities=pkcs11.MechanismFlag.SIGN | pkcs11.MechanismFlag.VERIFY,
                private_template=_PRIVATE,
            )
        return self.public_point(label)

    def _find_private(self, label: str) -> Any:
        key = self._find(label, pkcs11.ObjectClass.PRIVATE_KEY)
        with _answers():
            is_kept = all(key[name] == value for name, value in _PRIVATE.items())
        if not is_kept:
            raise NoUsableKey(f"key {label}: it may leave the module")
        return key

    def _find(self, label: str, kind: pkcs11.ObjectClass) -> Any:
        query = {pkcs11.Attribute.CLASS: kind, pkcs11.Attribute.LABEL: label}
        with _answers():
            found = list(self._session.get_objects(query))
            half = "private" if kind is pkcs11.ObjectClass.PRIVATE_KEY else "public"
            if len(found) != 1:
                raise NoUsableKey(
                    f"key {label}: the token has {len(found)} {half} keys of that label"
                )
            is_ec = found[0][pkcs11.Attribute.KEY_TYPE] == pkcs11.KeyType.EC
            if not is_ec or found[0][pkcs11.Attribute.EC_PARAMS] != _P256:
                raise NoUsableKey(f"key {label}: its {half} half is not on P-256")
        return found[0]


def _log_in(token: pkcs11.Token, pin: str, record: str) -> pkcs11.Session:
    flags = token.flags
    if flags & pkcs11.TokenFlag.USER_PIN_LOCKED:
        raise PinStopped("the token is locked")
    is_final = bool(flags & pkcs11.TokenFlag.USER_PIN_FINAL_TRY)
    with PinRecord.locked(record, pin) as attempts:
        attempts.begin(is_final=is_final)
        try:
            session = token.open(user_pin=pin)
        except _PIN_FAULTS as error:
            attempts.note("refused")
            raise PinStopped(f"the PIN was refused ({_name(error)})") from error
        except PKCS11Error as error:
            raise TokenLost(_name(error)) from error
        attempts.note("accepted")
    return session


@contextmanager
def _answers() -> Iterator[None]:
    """Call the module; what it complains of leaves the session in doubt."""
    try:
        yield
    except PKCS11Error as error:
        raise TokenLost(_name(error)) from error


def _name(error: PKCS11Error) -> str:
    """Name a fault; only what says more than its name has a text."""
    name, text = type(error).__name__, str(error)
    return f"{name}: {text}" if text else name
