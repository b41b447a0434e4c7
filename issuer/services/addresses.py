"""Which network addresses are everybody's, and which lead into somebody's own network.

What is allowed is named, and all else is refused: lists of what is private grow.  An
address of one kind that carries another is judged by what it carries, and one that
leads through a tunnel nobody needs for a web server is refused whatever it carries.
"""

from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
)
from typing import Final

_UNICAST: Final = IPv6Network("2000::/3")
"""All that is given out to the internet (IANA, IPv6 global unicast)."""
_NAT64: Final = IPv6Network("64:ff9b::/96")
"""How IPv4 is reached from a network without it (RFC 6052); RFC 8215's 64:ff9b:1::/48
is somebody's own, and as such is not allowed."""
_NOT_6: Final = (
    IPv6Network("2001::/23"),  # protocol assignments, with Teredo and ORCHID
    IPv6Network("2002::/16"),  # 6to4
    IPv6Network("3fff::/20"),  # documentation (RFC 9637)
)
_NOT_4: Final = (
    IPv4Network("192.0.0.0/24"),  # protocol assignments (RFC 6890)
    IPv4Network("192.88.99.0/24"),  # relays of 6to4 (RFC 7526)
)
_ISATAP: Final = (0x00005EFE, 0x02005EFE)
"""The first half of an interface's identifier that carries IPv4 (RFC 5214)."""


def is_public(address: str) -> bool:
    """Tell whether an address is one of the internet's, whatever it is wrapped in.

    Args:
        address: Of IPv4 or IPv6, perhaps with a zone.

    Raises:
        ValueError: It is no address.

    Not checked: a prefix that a network has chosen for its own NAT64 (RFC 6052) looks
    like everybody's addresses; such a network has to filter what it translates.
    """
    found = ip_address(address)
    if isinstance(found, IPv4Address):
        return _is_public_4(found)
    if found.ipv4_mapped is not None:
        return _is_public_4(found.ipv4_mapped)
    if found in _NAT64:
        return _is_public_4(_last_half(found))
    return (
        found in _UNICAST
        and found.is_global
        and not any(found in each for each in _NOT_6)
        and not _is_isatap(found)
    )


def _is_public_4(address: IPv4Address) -> bool:
    is_known = address.is_global and not address.is_multicast
    return is_known and not any(address in each for each in _NOT_4)


def _last_half(address: IPv6Address) -> IPv4Address:
    return IPv4Address(int(address) & 0xFFFFFFFF)


def _is_isatap(address: IPv6Address) -> bool:
    return (int(address) >> 32) & 0xFFFFFFFF in _ISATAP
