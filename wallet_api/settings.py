"""What the wallet's server is told at its start."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Self

from issuer.errors import SettingsError
from issuer.installation import FILE, Installation, Wallet
from issuer.installation_key import InstallationKey
from wallet_api.android import Android
from wallet_api.attestation import Attesters, read_attesters

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How holders' phones reach it."""

    wallet: Wallet
    url: str
    """As phones and offers name it; no slash at its end."""
    key: InstallationKey
    clock: Callable[[], datetime]
    """Returns the moment of a request; timezone-aware."""
    attesters: Mapping[str, Attesters] = field(default_factory=dict)
    """By economy, whose word for a key is good; there, others get no cards."""
    android: Mapping[str, Android] = field(default_factory=dict)
    """By economy, what Android phones have to say of a key; likewise."""

    @classmethod
    def of(
        cls, installation: Installation, *, host: str, clock: Callable[[], datetime]
    ) -> Self:
        """Take the settings of an installation that listens at an address.

        Raises:
            SettingsError: They name no wallet, or it would listen to other machines
                without ``secure``; or a file that they name cannot be used.
            KeyFileError: Others than its owner can read the installation's key.
        """
        wallet, file = installation.wallet, str(installation.folder / FILE)
        if wallet.url is None:
            reason = "must say where phones ask, such as https://wallet.example"
            raise SettingsError(file=file, key="wallet.url", reason=reason)
        if host not in _LOOPBACK and not wallet.secure:
            reason = f"must be on to listen at {host}: others could read along"
            raise SettingsError(file=file, key="wallet.secure", reason=reason)
        return cls(
            wallet=wallet,
            url=wallet.url,
            key=InstallationKey.load(installation.web_key),
            clock=clock,
            attesters={
                economy: read_attesters(installation.path(file))
                for economy, file in wallet.attesters.items()
            },
            android={
                economy: Android.of(given, installation)
                for economy, given in wallet.android.items()
            },
        )

    def issuer(self, economy: str) -> str:
        """Return the identifier of an economy, for credentials and for tokens."""
        return f"{self.url}/{economy}"
