"""Status and overlay lists: random indexes, states, and the tokens that carry them.

Source: specification, section 6; IETF Token Status List draft.
"""

import re
import secrets
import zlib
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import ClassVar, Final, Generic, Self, TypeVar

from issuer.economy import MAX_LIST_CAPACITY
from issuer.errors import ListFull, TransitionError
from issuer.jws import b64u, canonical, moment_on_wire, signing_input
from issuer.keys import Signer, sign_and_check

_BITS: Final = 2
_PER_BYTE: Final = 8 // _BITS
_MAX_DRAWS: Final = 64
"""Draws before counting: with a list 80 % full, 64 fail once in a million times."""
_URI = re.compile(
    r"https://[a-z0-9.-]+(:[0-9]+)?(/[A-Za-z0-9._~-]+)*"
    r"/(status|overlay/[A-Z]{3})/(0|[1-9][0-9]{0,9})"
)
_MAX_URI: Final = 200


class Status(IntEnum):
    """What an economy's own list says of a credential."""

    VALID = 0
    REVOKED = 1
    SUSPENDED = 2
    SUPERSEDED = 3
    """Replaced by a newer credential of the same card."""


class Overlay(IntEnum):
    """What a destination's overlay says of another economy's credential."""

    AS_THE_CARD_SAYS = 0
    WITHDRAWN = 1
    SUSPENDED = 2
    GRANTED = 3
    """Pre-cleared since the credential was signed."""


_State = TypeVar("_State", bound=IntEnum)
_FINAL = (Status.REVOKED, Status.SUPERSEDED)


def draw_index(
    used: Container[int],
    capacity: int,
    *,
    randbelow: Callable[[int], int] = secrets.randbelow,
) -> int:
    """Draw an index of a list that was never used, each free one as likely.

    Args:
        used: Every index ever drawn from this list, whatever became of its card, as
            a set, range or the like; not the bytes of a bitmap.
        capacity: Entries of the list, at least 1.
        randbelow: Source of uniform random integers below its argument.

    Raises:
        ListFull: No index is free.

    Not checked: that nobody else draws the same index at this moment; the table that
    keeps them has to refuse a pair of list and index that it has.

    Source: specification, section 6, last paragraph.
    """
    for _ in range(_MAX_DRAWS):
        index = randbelow(capacity)
        if index not in used:
            return index
    free = [index for index in range(capacity) if index not in used]
    if not free:
        raise ListFull(f"all {capacity} indexes are used")
    return free[randbelow(len(free))]


def is_due_for_next_list(used: int, capacity: int) -> bool:
    """Tell whether the next list must be opened: this one is 80 % full.

    Args:
        used: How many of its indexes were ever drawn.
        capacity: Its entries.
    """
    return used * 10 >= capacity * 8


@dataclass(frozen=True, slots=True, kw_only=True)
class _States(Generic[_State]):
    """The states of one list, two bits each, the first in the lowest bits."""

    entries: bytes
    """Entry i is bits ``2 * (i % 4)`` and the next of byte ``i // 4``."""

    states: ClassVar[type[IntEnum]]

    def __post_init__(self) -> None:
        _check_capacity(self.capacity)

    @classmethod
    def of(cls, states: Mapping[int, _State], *, capacity: int) -> Self:
        """Build a list; an index that ``states`` does not name is 0.

        Args:
            states: State by index.
            capacity: Entries of the list, a multiple of 4 from 4 to 2**20.

        Raises:
            ValueError: The capacity is another one, or an index is not below it, or a
                state is none.
        """
        _check_capacity(capacity)
        entries = bytearray(capacity // _PER_BYTE)
        for index, state in states.items():
            if not 0 <= index < capacity:
                raise ValueError(f"index {index} is not below {capacity}")
            entries[index // _PER_BYTE] |= cls.states(state) << _shift(index)
        return cls(entries=bytes(entries))

    @property
    def capacity(self) -> int:
        """Number of entries."""
        return len(self.entries) * _PER_BYTE

    def _number(self, index: int) -> int:
        if not 0 <= index < self.capacity:
            raise ValueError(f"index {index} is not below {self.capacity}")
        return self.entries[index // _PER_BYTE] >> _shift(index) & 3

    def _with(self, index: int, state: IntEnum) -> Self:
        position = index // _PER_BYTE
        byte = self.entries[position] & ~(3 << _shift(index)) | state << _shift(index)
        before, after = self.entries[:position], self.entries[position + 1 :]
        return type(self)(entries=before + bytes([byte]) + after)


class StatusStates(_States[Status]):
    """The states of an economy's own list.  What ended a credential stays.

    Raises:
        ValueError: ``entries`` is empty or longer than 2**18 bytes.
    """

    __slots__ = ()
    states = Status

    def state(self, index: int) -> Status:
        """Return the state at ``index``; ``ValueError`` beyond the list."""
        return Status(self._number(index))

    def with_state(self, index: int, state: Status, *, reason: str = "") -> Self:
        """Return the list with one state changed.

        Args:
            index: Position in the list.
            state: The new state; the one it has already changes nothing.
            reason: Why a suspension is lifted; required for that, and for the
                audit log of the caller.

        Raises:
            TransitionError: The entry is revoked or superseded and would change, or a
                suspension would be lifted without a reason.
            ValueError: ``index`` lies beyond the list.

        Source: specification, section 6, last paragraph.
        """
        before = self.state(index)
        if before in _FINAL and state != before:
            raise TransitionError(before, state, "what has ended never returns")
        if before == Status.SUSPENDED and state == Status.VALID and not reason.strip():
            raise TransitionError(before, state, "lifting a suspension needs a reason")
        return self._with(index, state)


class OverlayStates(_States[Overlay]):
    """The states of a destination's overlay; every change is its to make.

    Raises:
        ValueError: ``entries`` is empty or longer than 2**18 bytes.
    """

    __slots__ = ()
    states = Overlay

    def state(self, index: int) -> Overlay:
        """Return the state at ``index``; ``ValueError`` beyond the list."""
        return Overlay(self._number(index))

    def with_state(self, index: int, state: Overlay) -> Self:
        """Return the list with one state changed; ``ValueError`` beyond the list."""
        self.state(index)
        return self._with(index, state)


def status_token(
    states: StatusStates,
    *,
    uri: str,
    iat: datetime,
    exp: datetime,
    ttl: timedelta | None,
    signer: Signer,
) -> bytes:
    """Sign an economy's own list.

    Equal input gives equal bytes, but for the signature.

    Args:
        states: The list.
        uri: ``<issuer URL>/status/<n>``; at most 200 characters.
        iat: Moment of signing; timezone-aware, cut to whole seconds.
        exp: Moment from which nobody may use it; after ``iat``.
        ttl: When devices should look for a newer one; at least a second, more than 24
            hours counts as 24.  None leaves it out.
        signer: A status key of the economy in ``uri``.

    Returns:
        A compact JWS of type ``statuslist+jwt``, in ASCII.

    Raises:
        SigningError: The signer's answer is no good.
        ValueError: An argument is not as said, or the signer is a card key.

    Not checked: that the list was never published with an ended entry open again, and
    that ``iat`` is after that of the last publication.

    Source: specification, section 6.
    """
    _check_uri(uri, "status")
    return _token(states.entries, uri=uri, iat=iat, exp=exp, ttl=ttl, signer=signer)


def overlay_token(
    states: OverlayStates,
    *,
    uri: str,
    iat: datetime,
    exp: datetime,
    ttl: timedelta | None,
    signer: Signer,
) -> bytes:
    """Sign a destination's overlay over another economy's list.

    As `status_token`, but for ``uri``, which is
    ``<issuer URL of the destination>/overlay/<issuer>/<n>``, and the signer, which is
    a status key of the destination.
    """
    _check_uri(uri, "overlay")
    return _token(states.entries, uri=uri, iat=iat, exp=exp, ttl=ttl, signer=signer)


def _token(
    entries: bytes,
    *,
    uri: str,
    iat: datetime,
    exp: datetime,
    ttl: timedelta | None,
    signer: Signer,
) -> bytes:
    if signer.use != "status":
        raise ValueError(f"{signer.key_id} is a card key: it signs no lists")
    header = {"alg": "ES256", "kid": signer.key_id, "typ": "statuslist+jwt"}
    signed_at, ends_at = moment_on_wire(iat), moment_on_wire(exp)
    if ends_at <= signed_at:
        raise ValueError("exp is not after iat")
    payload = {
        "sub": uri,
        "iat": signed_at,
        "exp": ends_at,
        **_ttl(ttl),
        "status_list": {"bits": _BITS, "lst": b64u(zlib.compress(entries, 9))},
    }
    text = signing_input(canonical(header), canonical(payload))
    return f"{text}.{b64u(sign_and_check(signer, text.encode()))}".encode()


def _ttl(ttl: timedelta | None) -> dict[str, int]:
    if ttl is None:
        return {}
    seconds = ttl // timedelta(seconds=1)
    if seconds < 1:
        raise ValueError("ttl is less than a second")
    return {"ttl": seconds}


def _check_uri(uri: str, kind: str) -> None:
    parts = _URI.fullmatch(uri)
    if not parts or len(uri) > _MAX_URI or parts[3].partition("/")[0] != kind:
        raise ValueError(f"{uri!r} is not the URL of a list of kind {kind}")


def _check_capacity(capacity: int) -> None:
    if capacity % _PER_BYTE or not _PER_BYTE <= capacity <= MAX_LIST_CAPACITY:
        raise ValueError(f"the capacity is no multiple of 4 to {MAX_LIST_CAPACITY}")


def _shift(index: int) -> int:
    return index % _PER_BYTE * _BITS
