"""What the wallet's server answers where it does not do what was asked.

    ProtocolError   a word of OAuth, DPoP or OpenID4VCI, with its HTTP status

Everything else is an exception of `issuer.errors`; `wallet_api.failures` says which
word, or which problem, becomes of it.
"""

from types import MappingProxyType
from typing import Final


class ProtocolError(Exception):
    """A registered word for why not; nothing was done, unless its sender says so.

    Attributes:
        error: The word, such as ``invalid_grant``.
        description: For people who build wallets; no word of a record.
        status: Of HTTP.
        headers: To be sent with it.
    """

    def __init__(
        self,
        error: str,
        description: str = "",
        *,
        status: int = 400,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(f"{error}: {description}" if description else error)
        self.error = error
        self.description = description
        self.status = status
        self.headers = MappingProxyType(headers or {})

    def body(self) -> dict[str, str]:
        """Return the members of the JSON object (RFC 6749, section 5.2)."""
        if not self.description:
            return {"error": self.error}
        return {"error": self.error, "error_description": printable(self.description)}


_ALLOWED: Final = frozenset(map(chr, range(0x20, 0x7F))) - {'"', "\\"}


def printable(text: str) -> str:
    """Return a description with only the letters that it may have."""
    return "".join(each if each in _ALLOWED else "?" for each in text)
