"""A back office to test with: real keys, real database, an account for each role.

Four economies are hosted: AUS, NZL, JPN and the transitional USA.  ``desk("AUS")`` is
the desk of somebody who may do everything there; ``desk("AUS", who="bob")`` is another
such person's, for what needs two; ``desk("AUS", roles={Role.AUDIT})`` is the desk of
somebody with just that role.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from issuer.documents import key_row
from issuer.installation import Installation
from issuer.keys import FileSigner, KeyRecord, KeyUse, Signer, generate_key_file
from issuer.office import Actor, Desk, Office
from issuer.scheme import Scheme
from issuer.store import (
    Account,
    AccountKind,
    AccountRole,
    HostedEconomy,
    KeyState,
    Role,
    SigningKey,
    Store,
)
from tests.databases import Prepared
from tests.simulator import NOW

HOSTED = ("AUS", "NZL", "JPN", "USA")
PASSPHRASE = b"correct horse"
SCHEME = Scheme.load()
KEYS_FROM = NOW - timedelta(days=365)
EVERYBODY = ("ann", "bob", "eve")
"""Three persons for each economy, each with every role."""


@dataclass(slots=True, kw_only=True)
class FileKeys:
    """Keys in files, made once for each folder."""

    folder: Path
    scheme: Scheme
    _made: dict[tuple[str, KeyUse], tuple[Signer, KeyRecord]] = field(
        default_factory=dict
    )

    def signer(
        self, economy: str, use: KeyUse, *, now: datetime
    ) -> tuple[Signer, KeyRecord]:
        if (economy, use) not in self._made:
            self._made[economy, use] = self._make(economy, use)
        return self._made[economy, use]

    def _make(self, economy: str, use: KeyUse) -> tuple[Signer, KeyRecord]:
        folder = self.folder / economy
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{economy.lower()}-{use}-1.{use}.pem"
        if not path.exists():
            generate_key_file(
                folder, key_id=f"{economy.lower()}-{use}-1", use=use,
                passphrase=PASSPHRASE,
            )  # fmt: skip
        signer = FileSigner.load(path, passphrase=PASSPHRASE)
        url = self.scheme.economy(economy).issuer_url
        return signer, KeyRecord.of(signer, issuer_url=url, signs_from=KEYS_FROM)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackOffice:
    """An office with people in it."""

    office: Office

    @property
    def store(self) -> Store:
        return self.office.store

    def desk(
        self,
        economy: str,
        *,
        who: str = "ann",
        roles: Iterable[Role] = tuple(Role),
        now: datetime = NOW,
        reason: str = "a test",
        request_key: str | None = None,
    ) -> Desk:
        login = f"{who}-{economy.lower()}"
        account = self.store.read(
            lambda session: session.scalars(
                select(Account.id).where(Account.login == login)
            ).one()
        )
        return Desk(
            office=self.office,
            actor=Actor(
                account_id=account,
                economy=economy,
                login=login,
                roles=frozenset(roles),
                kind=AccountKind.PERSON,
            ),
            now=now,
            reason=reason,
            request_key=request_key,
        )


def open_office(
    store: Store, folder: Path, *, hosted: Iterable[str] = HOSTED
) -> BackOffice:
    """Fill an empty database and open an office on it; keys lie below ``folder``."""
    fill_office(store, folder, hosted=hosted)
    return office_on(store, folder)


def office_at(prepared: Prepared, *, hosted: Iterable[str] = HOSTED) -> BackOffice:
    """Open the same office; what is in it is made once, and copied."""
    codes = tuple(hosted)
    prepared.fill(("office", codes), partial(fill_office, hosted=codes))
    return office_on(prepared.store, prepared.folder)


def fill_office(store: Store, folder: Path, *, hosted: Iterable[str]) -> None:
    """Make people and keys of some economies."""
    keys = FileKeys(folder=folder / "keys", scheme=SCHEME)

    def people(session: Session) -> None:
        for code in hosted:
            session.add(HostedEconomy(code=code, since=KEYS_FROM))
            session.flush()
            for who in EVERYBODY:
                _account(session, code, f"{who}-{code.lower()}", AccountKind.PERSON)
            _account(session, code, f"system-{code.lower()}", AccountKind.SYSTEM)
            for use in ("card", "status"):
                _, record = keys.signer(code, use, now=NOW)
                session.add(key_row_of(code, record))

    store.write(people, now=NOW)
    (folder / "outside").mkdir(exist_ok=True)


def office_on(store: Store, folder: Path) -> BackOffice:
    """Open an office that was filled."""
    return BackOffice(
        office=Office(
            installation=Installation(folder=folder),
            store=store,
            signers=FileKeys(folder=folder / "keys", scheme=SCHEME),
            packaged_scheme=SCHEME,
        )
    )


def _account(session: Session, economy: str, login: str, kind: AccountKind) -> None:
    account = Account(
        economy=economy,
        login=login,
        display_name=login.title(),
        kind=kind,
        created_at=KEYS_FROM,
    )
    session.add(account)
    session.flush()
    if kind == AccountKind.PERSON:
        session.add_all(
            AccountRole(account_id=account.id, role=role, given_at=KEYS_FROM)
            for role in Role
        )


def key_row_of(economy: str, record: KeyRecord) -> SigningKey:
    """Return the row of a key that has been published for long."""
    row = key_row(record)
    return SigningKey(
        economy=economy,
        key_id=record.key_id,
        use=record.use,
        public_key=json.dumps(row["jwk"], sort_keys=True),
        proof=record.proof,
        signs_from=record.signs_from,
        signs_until=record.signs_until,
        state=KeyState.PUBLISHED,
        published_at=KEYS_FROM,
        added_by=1,
        added_at=KEYS_FROM,
    )
