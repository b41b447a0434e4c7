"""What the web pages are told at their start."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Self
from urllib.parse import urlsplit

from issuer.errors import SettingsError
from issuer.installation import FILE, Installation, Web
from issuer.installation_key import InstallationKey

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the pages are reached, and what they keep secret."""

    web: Web
    origin: str
    """As browsers see it; such as ``https://abtc.example``."""
    key: InstallationKey
    clock: Callable[[], datetime]
    """Returns the moment of a request; timezone-aware."""
    sign_on_secret: str | None = field(default=None, repr=False)
    is_demonstration: bool = False
    """Anybody at this machine may sign in as anybody of a test economy."""

    @classmethod
    def of(
        cls,
        installation: Installation,
        *,
        host: str,
        port: int,
        clock: Callable[[], datetime],
        sign_on_secret: str | None = None,
        is_demonstration: bool = False,
    ) -> Self:
        """Take the settings of an installation that listens at an address.

        Raises:
            SettingsError: It would listen to other machines without ``secure``, or at
                all as a demonstration; or is secure without an https origin under one
                of its names.
            KeyFileError: Others than its owner can read the installation's key.
        """
        web, file = installation.web, str(installation.folder / FILE)
        if is_demonstration and (host not in _LOOPBACK or web.secure):
            reason = "must be off, and only this machine asked, in a demonstration"
            raise SettingsError(file=file, key="web.secure", reason=reason)
        if host not in _LOOPBACK and not web.secure:
            reason = f"must be on to listen at {host}: others could read along"
            raise SettingsError(file=file, key="web.secure", reason=reason)
        origin = web.origin or f"http://{web.hosts[0]}:{port}"
        parts = urlsplit(origin)
        if (
            parts.scheme != ("https" if web.secure else "http")
            or parts.hostname not in web.hosts
            or origin != f"{parts.scheme}://{parts.netloc}"
        ):
            reason = "must be like https://name, with one of web.hosts"
            raise SettingsError(file=file, key="web.origin", reason=reason)
        key = InstallationKey.load(installation.web_key)
        return cls(
            web=web,
            origin=origin,
            key=key,
            clock=clock,
            sign_on_secret=sign_on_secret,
            is_demonstration=is_demonstration,
        )
