"""A few economies on one table: keys in files, a repository, and officers' devices.

What a back office will do with a database, in the smallest honest form: real keys, real
signatures, the scheme's real rules, a published repository, and devices that know what
a stick has brought them and nothing else. The demonstration uses it.
"""

import secrets
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Literal

import verifier
from issuer.documents import issuer_document, policy_document, scheme_document
from issuer.issuance import Credential, holder_key_from_jwk, prepare, sign
from issuer.keys import FileSigner, KeyRecord, KeyUse, generate_key_file
from issuer.lists import (
    Overlay,
    OverlayStates,
    Status,
    StatusStates,
    draw_index,
    overlay_token,
    status_token,
)
from issuer.plastic import Sex
from issuer.profile import CardData, card_expiry
from issuer.publish import Journal, Keyring, Publication, Publisher, write_bundle
from issuer.scheme import Scheme
from wallet_api.holder import Phone

LIST_LIFE = timedelta(days=7)
"""How long a list may be used at all."""
LIST_REFRESH = timedelta(hours=12)
"""When a device should look for a newer one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A traveller, as the passport has it."""

    issuer: str
    family_name: str
    given_name: str
    birthdate: date
    sex: Sex
    nationality: str
    passport_country: str
    passport_number: str
    passport_expires_on: date
    economies: tuple[str, ...]
    """Economies that have cleared the holder."""

    def passport(self) -> verifier.Passport:
        """Return what an officer's reader finds in the linked passport."""
        return verifier.Passport(
            country=self.passport_country,
            number=self.passport_number,
            family_name=self.family_name,
            given_name=self.given_name,
            nationality=self.nationality,
            birthdate=f"{self.birthdate:%y%m%d}",
            expires_on=self.passport_expires_on,
        )


@dataclass(slots=True)
class BackOffice:
    """One economy: its keys, its list, and its overlays over others' lists."""

    code: str
    url: str
    signers: dict[KeyUse, FileSigner]
    records: dict[KeyUse, KeyRecord]
    states: StatusStates
    overlays: dict[str, OverlayStates]
    """By issuer: every other economy on the table."""
    changed: set[str]
    """Whose list has to be signed anew: its own by its own code, an overlay by the
    issuer's."""
    documents: dict[str, bytes] = field(default_factory=dict)
    """What it has published, by name."""
    used: set[int] = field(default_factory=set)
    last_issued_at: datetime | None = None
    """The latest ``iat`` it has signed: its clock may not go back behind it."""

    @property
    def list_uri(self) -> str:
        """Address of the economy's only list."""
        return f"{self.url}/status/1"


class Table:
    """Economies that issue and accept, and the scheme that publishes for all of them.

    Args:
        folder: Gets ``keys`` (encrypted), ``public`` (the repository) and ``bundles``.
        economies: Codes of those that take part.
        now: The present; keys sign since a year.
    """

    def __init__(self, folder: Path, economies: Iterable[str], now: datetime) -> None:
        self.scheme = Scheme.load()
        self.public = folder / "public"
        self._bundles = folder / "bundles"
        keys = folder / "keys"
        keys.mkdir(parents=True, exist_ok=True)
        self.publisher = _publisher(self.public, keys)
        codes = tuple(economies)
        self.offices = {code: self._open(keys, code, codes, now) for code in codes}
        self._cards_issued = 0

    def issue(
        self,
        holder: Holder,
        form: Literal["app", "physical"],
        phone: Phone | None = None,
        *,
        at: datetime,
        replaces: Credential | None = None,
    ) -> Credential:
        """Prepare, lint and sign a card; a phone also receives it.

        Args:
            holder: Whose card it is.
            form: What it is shown on.
            phone: The holder's, for the form ``app``.
            at: The moment of signing.
            replaces: The same card's credential on another phone: its number and its
                end are kept, and it is superseded.
        """
        office = self.offices[holder.issuer]
        index = draw_index(office.used, office.states.capacity)
        office.used.add(index)
        prepared = prepare(
            self._card_data(holder, form, replaces),
            scheme=self.scheme,
            key_id=office.signers["card"].key_id,
            holder_key=holder_key_from_jwk(phone.cnf_jwk()) if phone else None,
            status_uri=office.list_uri,
            status_index=index,
            iat=at,
            exp=replaces.expires_at if replaces else self._expiry(holder, at),
        )
        credential = sign(
            prepared,
            office.signers["card"],
            key=office.records["card"],
            now=at,
            last_issued_at=office.last_issued_at,
        )
        office.last_issued_at = credential.issued_at
        if phone:
            phone.receive(credential.text)
        if replaces:
            self.set_status(replaces, Status.SUPERSEDED)
        return credential

    def set_status(self, credential: Credential, state: Status) -> None:
        """Change a credential's state in its issuer's list; `publish` signs it."""
        office = self._issuer_of(credential)
        office.states = office.states.with_state(credential.status_index, state)
        office.changed.add(office.code)

    def set_overlay(
        self, destination: str, credential: Credential, state: Overlay
    ) -> None:
        """Change what a destination says of a credential; `publish` signs it."""
        issuer, office = self._issuer_of(credential).code, self.offices[destination]
        office.overlays[issuer] = office.overlays[issuer].with_state(
            credential.status_index, state
        )
        office.changed.add(issuer)

    def open_repository(self, now: datetime) -> tuple[Publication, ...]:
        """Hold the key ceremony: publish the scheme, give each economy a role."""
        scheme = scheme_document(self.scheme, issued_at=now)
        first = self.publisher.init(scheme, now=now)
        roles = [self.publisher.add_economy(code, now=now) for code in self.offices]
        return first, *roles

    def publish(self, now: datetime) -> tuple[Publication, ...]:
        """Sign the lists that have changed, and publish for each economy with one."""
        offices = [office for office in self.offices.values() if office.changed]
        return tuple(self._publish(office, now) for office in offices)

    def bundle(self, destination: str) -> Path:
        """Put what a destination's devices need into one file; return the file."""
        file = self._bundles / f"{destination}.zip"
        write_bundle(self.public, file, economy=destination)
        return file

    def _publish(self, office: BackOffice, now: datetime) -> Publication:
        code = office.code
        if not office.documents:
            keys = [*office.records.values()]
            office.documents = {
                f"{code}/issuer.json": issuer_document(
                    self.scheme, code, keys=keys, issued_at=now
                ),
                f"{code}/policy.json": policy_document(
                    self.scheme, code, issued_at=now
                ),
            }
        for issuer in office.changed:
            name = "status" if issuer == code else f"overlay/{issuer}"
            office.documents[f"{code}/{name}/1.jwt"] = _list_of(office, issuer, now)
        office.changed.clear()
        return self.publisher.publish_lists(code, office.documents, now=now)

    def _card_data(
        self,
        holder: Holder,
        form: Literal["app", "physical"],
        replaces: Credential | None,
    ) -> CardData:
        self._cards_issued += 1
        number = f"{holder.issuer[:2]}{700_000 + self._cards_issued}"
        return CardData(
            issuer=holder.issuer,
            document_number=replaces.document_number if replaces else number,
            family_name=holder.family_name,
            given_name=holder.given_name,
            birthdate=holder.birthdate,
            nationality=holder.nationality,
            passport_country=holder.passport_country,
            passport_number=holder.passport_number,
            passport_expires_on=holder.passport_expires_on,
            form=form,
            economies=holder.economies,
        )

    def _expiry(self, holder: Holder, at: datetime) -> datetime:
        years = self.scheme.card_term(holder.issuer, at) or 5
        return card_expiry(at.date(), years, holder.passport_expires_on)

    def _open(
        self, keys: Path, code: str, codes: tuple[str, ...], now: datetime
    ) -> BackOffice:
        economy = self.scheme.economy(code)
        uses: tuple[KeyUse, ...] = ("card", "status")
        signers = {use: _signer(keys, code, use) for use in uses}
        since = now - timedelta(days=365)
        return BackOffice(
            code=code,
            url=economy.issuer_url,
            signers=signers,
            records={
                use: KeyRecord.of(
                    signer, issuer_url=economy.issuer_url, signs_from=since
                )
                for use, signer in signers.items()
            },
            states=StatusStates.of({}, capacity=economy.list_capacity),
            overlays={
                other: OverlayStates.of(
                    {}, capacity=self.scheme.economy(other).list_capacity
                )
                for other in codes
                if other != code
            },
            changed={*codes},
        )

    def _issuer_of(self, credential: Credential) -> BackOffice:
        offices = self.offices.values()
        return next(each for each in offices if each.list_uri == credential.status_uri)


class Device:
    """An officer's device of one economy: a trust store, and the root it came with.

    All that it knows is on its disk: each call opens the store as after a restart.

    Args:
        folder: Where its store is.
        economy: Code of the destination whose officer it belongs to.
        root: The first root metadata.
    """

    def __init__(self, folder: Path, economy: str, root: bytes) -> None:
        self._folder = folder
        self._economy = economy
        self._root = root

    def sync(
        self, stick: Path, now: datetime
    ) -> verifier.SyncReport | verifier.SyncError:
        """Bring the device up to date from a bundle; return what it says of it."""
        try:
            return verifier.TrustStore(self._folder).sync(
                stick, root=self._root, now=now, economy=self._economy
            )
        except verifier.SyncError as error:
            return error

    def trust(self) -> verifier.Trust:
        """Return what the device believes at present."""
        return verifier.TrustStore(self._folder).load()


def _list_of(office: BackOffice, issuer: str, at: datetime) -> bytes:
    """Sign an economy's own list, or its overlay over another issuer's."""
    exp, signer = at + LIST_LIFE, office.signers["status"]
    if issuer == office.code:
        return status_token(
            office.states,
            uri=office.list_uri,
            iat=at,
            exp=exp,
            ttl=LIST_REFRESH,
            signer=signer,
        )
    return overlay_token(
        office.overlays[issuer],
        uri=f"{office.url}/overlay/{issuer}/1",
        iat=at,
        exp=exp,
        ttl=LIST_REFRESH,
        signer=signer,
    )


def _publisher(public: Path, keys: Path) -> Publisher:
    # Known to this process alone, one for each key.
    passphrases: dict[str, bytes] = defaultdict(lambda: secrets.token_bytes(32))
    return Publisher(
        folder=public,
        journal=Journal(path=keys / "journal.jsonl"),
        keyring=Keyring([keys], passphrases.__getitem__),
    )


def _signer(folder: Path, code: str, use: KeyUse) -> FileSigner:
    passphrase = secrets.token_bytes(32)  # known to this process alone
    name = f"{code}-{secrets.token_hex(3)}"
    path = generate_key_file(folder, key_id=name, use=use, passphrase=passphrase)
    return FileSigner.load(path, passphrase=passphrase)
