"""The keys of the hosted economies: which of them signs now, and nothing in its place.

What a key is to the outside is in the database (`issuer.store.SigningKey`); the key
itself is where the installation's settings say.  The newest key that may sign now is
the one that signs.  If it is not there, or its module does not answer, nothing signs.
"""

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol, cast, runtime_checkable

from sqlalchemy import select

from issuer.config import key_passphrase, key_passphrase_variable
from issuer.dated import require_aware
from issuer.errors import SettingsError, SigningError
from issuer.installation import FILE, Installation
from issuer.jws import public_key_from_jwk
from issuer.keys import KeyRecord, KeyUse, Signer
from issuer.signing_pool import BatchSigner
from issuer.sources import KeySource, KeySources
from issuer.store import KeyState, SigningKey, Store

HEAD_START: Final = timedelta(hours=24)
"""How long a card key is published before it signs: devices have it by then (I7)."""

Passphrase = Callable[[str], bytes]
"""Returns the passphrase of an economy's key files."""


class KeyPlaces(Protocol):
    """Where keys are, whatever is known of them outside."""

    def signers(self, economy: str) -> Sequence[Signer]:
        """Return every key of an economy, opened once and then kept.

        Raises:
            SigningError: There is none, or it cannot be reached.
            KeyFileError, SettingsError: What is configured cannot be used.
        """

    def batch(
        self, economy: str, signer: Signer
    ) -> AbstractContextManager[BatchSigner]:
        """Return what signs many cards with one of these keys, until it is left."""


def passphrase_of(economy: str) -> bytes:
    """Return the passphrase of an economy's key files from the environment.

    Raises:
        SigningError: It is not there; the message names the variable.
    """
    known = key_passphrase(economy)
    if known is None:
        variable = key_passphrase_variable(economy)
        raise SigningError(f"no passphrase of the keys of {economy}: set {variable}")
    return known


def open_keys(
    installation: Installation, store: Store, *, passphrase: Passphrase = passphrase_of
) -> "KeyHolder":
    """Return the keys of an installation; none is opened before it is asked for.

    Args:
        installation: Its settings name a place for each economy.
        store: Its database.
        passphrase: How to open key files; by default from the environment.

    Raises:
        SettingsError: A place is neither ``file:...`` nor ``pkcs11:...``.
    """
    configured = {}
    for economy, text in installation.keys.items():
        try:
            configured[economy] = KeySource.parse(text, folder=installation.folder)
        except ValueError as error:
            raise SettingsError(
                file=str(installation.folder / FILE),
                key=f"keys.{economy}",
                reason=str(error),
            ) from error
    places = KeySources(configured, passphrase=passphrase)
    return KeyHolder(store=store, places=places)


@runtime_checkable
class KeyStock(Protocol):
    """A source of signers that also tells what else is there."""

    def held(self, economy: str) -> Sequence[Signer]:
        """Return every key of an economy, also those that are not published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyHolder:
    """Implements `issuer.office.SignerSource` on the keys of an installation."""

    store: Store
    places: KeyPlaces

    def signer(
        self, economy: str, use: KeyUse, *, now: datetime
    ) -> tuple[Signer, KeyRecord]:
        """Return the key that signs now, and what is published of it.

        Args:
            economy: Alpha-3 code.
            use: A card key has been published for `HEAD_START`; a status key need not
                have been, as it goes out together with what it signs.
            now: The moment of signing; timezone-aware.

        Raises:
            SigningError: None may sign at ``now``, or the newest that may is not among
                the economy's keys: an older one does not take its place.
            KeyFileError, SettingsError: What is configured cannot be used.
        """
        record = self._record(economy, use, require_aware(now))
        for signer in self.places.signers(economy):
            if record.is_of(signer):
                return signer, record
        raise SigningError(
            f"key {record.key_id} of {economy} is not where its keys are"
        )

    def batch(
        self, economy: str, *, now: datetime
    ) -> AbstractContextManager[BatchSigner]:
        """Return what signs many cards with the key that signs now, until it is left.

        Raises:
            SigningError, KeyFileError, SettingsError: As for `signer`.
        """
        signer, _ = self.signer(economy, "card", now=now)
        return self.places.batch(economy, signer)

    def held(self, economy: str) -> Sequence[Signer]:
        """Return every key of an economy, also those that are not published.

        Raises:
            SigningError, KeyFileError, SettingsError: As for `signer`.
        """
        return self.places.signers(economy)

    def _record(self, economy: str, use: KeyUse, now: datetime) -> KeyRecord:
        rows = self.store.read(
            lambda session: session.scalars(
                select(SigningKey)
                .where(
                    SigningKey.economy == economy,
                    SigningKey.use == use,
                    SigningKey.state != KeyState.RETIRED,
                )
                .order_by(SigningKey.signs_from.desc(), SigningKey.id.desc())
            ).all()
        )
        records = [record_of(row) for row in rows if is_ready(row, now)]
        for record in records:
            if record.signs_at(now):
                return record
        raise SigningError(
            f"{economy} has no {use} key that may sign now; a card key may 24 hours"
            " after its first publication, see publication status"
            if use == "card"
            else f"{economy} has no {use} key that may sign now"
        )


def is_ready(row: SigningKey, now: datetime) -> bool:
    """Tell whether a key has been published for long enough to sign."""
    if row.use == "status":
        return row.state != KeyState.RETIRED
    return (
        row.state == KeyState.PUBLISHED
        and row.published_at is not None
        and row.published_at + HEAD_START <= now
    )


def record_of(row: SigningKey) -> KeyRecord:
    """Return what is published of a key."""
    return KeyRecord(
        key_id=row.key_id,
        use=cast("KeyUse", row.use),
        public_key=public_key_from_jwk(json.loads(row.public_key)),
        signs_from=row.signs_from,
        signs_until=row.signs_until,
        proof=row.proof,
    )
