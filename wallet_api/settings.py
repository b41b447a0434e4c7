"""What the wallet's server is told at its start."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Self

from cryptography import x509

import verifier
from issuer.errors import SettingsError
from issuer.installation import FILE, Installation, Wallet
from issuer.installation_key import InstallationKey
from wallet_api.android import Android
from wallet_api.apple import Apple
from wallet_api.attestation import Attesters, read_attesters
from wallet_api.presenting import read_roots
from wallet_api.vouching import own_attester

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
    apple: Mapping[str, Apple] = field(default_factory=dict)
    """By economy, for which apps it is an attester itself."""
    trust: verifier.TrustStore | None = None
    """What is published, to decide about entry bases by; None: none are proven."""
    desk_roots: tuple[x509.Certificate, ...] = ()
    """Whose word on who a desk is the web wallet takes."""

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
        key = InstallationKey.load(installation.web_key)
        return cls(
            wallet=wallet,
            url=wallet.url,
            key=key,
            clock=clock,
            attesters=_attesters(installation, key),
            android={
                economy: Android.of(given, installation)
                for economy, given in wallet.android.items()
            },
            apple={
                economy: Apple.of(given, installation)
                for economy, given in wallet.apple.items()
            },
            trust=_trust(installation),
            desk_roots=_desk_roots(installation),
        )

    def attests_once(self, economy: str) -> bool:
        """Tell whether keys are attested there when they are new, and not again.

        A phone's hardware speaks of a key when it makes it; Apple, rarely.
        """
        return economy in self.android or economy in self.apple

    def issuer(self, economy: str) -> str:
        """Return the identifier of an economy, for credentials and for tokens."""
        return f"{self.url}/{economy}"


def _trust(installation: Installation) -> verifier.TrustStore | None:
    proofs = installation.wallet.entry_basis
    return (
        None if proofs is None else verifier.TrustStore(installation.path(proofs.trust))
    )


def _desk_roots(installation: Installation) -> tuple[x509.Certificate, ...]:
    if installation.wallet.desks is None:
        return ()
    path = installation.path(installation.wallet.desks.roots)
    try:
        return tuple(read_roots(path))
    except (OSError, ValueError) as error:
        reason = "holds no certificates in PEM"
        raise SettingsError(file=str(path), key="", reason=reason) from error


def _attesters(
    installation: Installation, key: InstallationKey
) -> Mapping[str, Attesters]:
    wallet = installation.wallet
    named = {
        economy: read_attesters(installation.path(file))
        for economy, file in wallet.attesters.items()
    }
    own = {economy: own_attester(key, economy) for economy in wallet.apple}
    return {
        economy: {**named.get(economy, {}), **own.get(economy, {})}
        for economy in named.keys() | own.keys()
    }
