"""A few economies on one table: keys in files, lists in memory, documents published.

What a back office will do with a database, in the smallest honest form: real keys, real
signatures, the scheme's real rules. The demonstration and the benchmarks use it.
"""

import secrets
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
from issuer.profile import CardData, card_expiry
from issuer.scheme import Scheme
from wallet_api.holder import Phone

LIST_LIFE = timedelta(days=7)
"""How long a list may be used at all."""
LIST_REFRESH = timedelta(hours=12)
"""When a device should look for a newer one."""
TRUST_LIFE = timedelta(days=14)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A traveller, as the passport has it."""

    issuer: str
    family_name: str
    given_name: str
    birthdate: date
    sex: str
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
    used: set[int] = field(default_factory=set)
    overlays: dict[str, OverlayStates] = field(default_factory=dict)
    last_issued_at: datetime | None = None
    """The latest ``iat`` it has signed: its clock may not go back behind it."""

    @property
    def list_uri(self) -> str:
        """Address of the economy's only list."""
        return f"{self.url}/status/1"


class Table:
    """Economies that issue and accept, at one moment.

    Args:
        folder: Where their private keys are stored, encrypted; emptied by nobody.
        economies: Codes of those that take part.
        now: The present; keys sign since a year, cards were issued a month ago.
    """

    def __init__(self, folder: Path, economies: Iterable[str], now: datetime) -> None:
        self.scheme = Scheme.load()
        self.now = now
        self.issued_at = now - timedelta(days=30)
        folder.mkdir(parents=True, exist_ok=True)
        self.offices = {code: self._open(folder, code) for code in economies}
        self._cards_issued = 0

    def issue(
        self,
        holder: Holder,
        form: Literal["app", "physical"],
        phone: Phone | None = None,
    ) -> Credential:
        """Prepare, lint and sign a card; a phone also receives it."""
        office = self.offices[holder.issuer]
        index = draw_index(office.used, office.states.capacity)
        office.used.add(index)
        self._cards_issued += 1
        card = CardData(
            issuer=holder.issuer,
            document_number=f"{holder.issuer[:2]}{700_000 + self._cards_issued}",
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
        prepared = prepare(
            card,
            scheme=self.scheme,
            key_id=office.signers["card"].key_id,
            holder_key=holder_key_from_jwk(phone.cnf_jwk()) if phone else None,
            status_uri=office.list_uri,
            status_index=index,
            iat=self.issued_at,
            exp=card_expiry(
                self.issued_at.date(),
                self.scheme.card_term(holder.issuer, self.issued_at) or 5,
                holder.passport_expires_on,
            ),
        )
        credential = sign(
            prepared,
            office.signers["card"],
            key=office.records["card"],
            now=self.issued_at,
            last_issued_at=office.last_issued_at,
        )
        office.last_issued_at = credential.issued_at
        if phone:
            phone.receive(credential.text)
        return credential

    def set_status(self, credential: Credential, state: Status) -> None:
        """Change a credential's state in its issuer's list."""
        office = self._issuer_of(credential)
        office.states = office.states.with_state(credential.status_index, state)

    def set_overlay(
        self, destination: str, credential: Credential, state: Overlay
    ) -> None:
        """Change what a destination says of a credential."""
        issuer = self._issuer_of(credential).code
        overlays = self.offices[destination].overlays
        before = overlays.get(issuer) or self._empty_overlay(issuer)
        overlays[issuer] = before.with_state(credential.status_index, state)

    def trust(
        self, destination: str, *, age: timedelta = timedelta(hours=2)
    ) -> verifier.Trust:
        """Publish everything and return what a device of a destination believes.

        Args:
            destination: Whose device; it gets this economy's policy and overlays.
            age: How long ago the publication was.
        """
        at = self.now - age
        documents = {"scheme.json": scheme_document(self.scheme, issued_at=at)}
        for office in self.offices.values():
            documents |= self._documents_of(office, destination, at)
        name = f"{destination}/policy.json"
        documents[name] = policy_document(self.scheme, destination, issued_at=at)
        return verifier.Trust.from_documents(
            documents, version=1, issued_at=at, expires_at=at + TRUST_LIFE
        )

    def _documents_of(
        self, office: BackOffice, destination: str, at: datetime
    ) -> dict[str, bytes]:
        ours = self.offices[destination]
        overlay = ours.overlays.get(office.code) or self._empty_overlay(office.code)
        life = {"iat": at, "exp": at + LIST_LIFE}
        return {
            f"{office.code}/issuer.json": issuer_document(
                self.scheme,
                office.code,
                keys=[*office.records.values()],
                issued_at=at,
            ),
            f"{office.code}/status/1.jwt": status_token(
                office.states,
                uri=office.list_uri,
                ttl=LIST_REFRESH,
                signer=office.signers["status"],
                **life,
            ),
            f"{destination}/overlay/{office.code}/1.jwt": overlay_token(
                overlay,
                uri=f"{ours.url}/overlay/{office.code}/1",
                ttl=LIST_REFRESH,
                signer=ours.signers["status"],
                **life,
            ),
        }

    def _open(self, folder: Path, code: str) -> BackOffice:
        economy = self.scheme.economy(code)
        uses: tuple[KeyUse, ...] = ("card", "status")
        signers = {use: _signer(folder, code, use) for use in uses}
        since = self.now - timedelta(days=365)
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
        )

    def _empty_overlay(self, issuer: str) -> OverlayStates:
        return OverlayStates.of({}, capacity=self.offices[issuer].states.capacity)

    def _issuer_of(self, credential: Credential) -> BackOffice:
        offices = self.offices.values()
        return next(each for each in offices if each.list_uri == credential.status_uri)


def _signer(folder: Path, code: str, use: KeyUse) -> FileSigner:
    passphrase = secrets.token_bytes(32)  # known to this process alone
    name = f"{code}-{secrets.token_hex(3)}"
    path = generate_key_file(folder, key_id=name, use=use, passphrase=passphrase)
    return FileSigner.load(path, passphrase=passphrase)
