"""The restore drill, on copies: what would come back if the database was lost today?

A copy of the installation gets throwaway keys and a repository of its own.  There it is
backed up, cards are revoked and issued and published, the backup is put back, and
everything is asked that must hold: publishing is refused before two people have
reconciled, nothing that has ended returns, and each card that was issued since is named
and revoked.  The installation itself is only read.
"""

import json
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from issuer import audit
from issuer.audit import Heads
from issuer.backup import make_backup, restore_backup
from issuer.demo.filling import fill
from issuer.documents import scheme_document
from issuer.entries import differences, state_at
from issuer.errors import BackupError, Conflict, Forbidden
from issuer.installation import Installation, PublishPlaces
from issuer.issuance import Prepared, sign
from issuer.issue_log import IssueLog, Logged
from issuer.jws import canonical
from issuer.keyholder import HEAD_START, open_keys
from issuer.keys import FileSigner, KeyRecord, generate_key_file
from issuer.lifecycle import CREDENTIAL, Side
from issuer.lifecycle import Credential as CredentialState
from issuer.lists import Status, draw_index
from issuer.office import Actor, Desk, Office
from issuer.publication import (
    PublishLists,
    open_publisher,
    publish,
    published_lists,
)
from issuer.publish.moments import whole_second
from issuer.restoring import ConfirmReconcile, Reconcile, confirm, reconcile
from issuer.setting_up import add_signing_key
from issuer.standing import Published
from issuer.store import (
    Account,
    AccountKind,
    Card,
    Credential,
    HostedEconomy,
    Issue,
    IssueState,
    KeyState,
    Person,
    Restoration,
    Role,
    StatusList,
    Store,
)

REVOKED: Final = 10
ISSUED: Final = 20
_FINAL: Final = (Status.REVOKED, Status.SUPERSEDED)
_TOP_UP: Final = 60
"""Travellers that are invented where a copy has too few cards."""
_STEP: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """What was found."""

    economy: str
    is_refused: bool
    """Publishing was refused before anybody had reconciled."""
    needs_two: bool
    """One person alone could not reconcile."""
    revoked: int
    """Of ten that were revoked after the backup, how many are revoked at the end."""
    listed: int
    """Of twenty that were issued after the backup, how many the report names."""
    issued_ended: int
    """Of those, how many are revoked in what is published."""
    un_revoked: int
    """Entries that had ended in what was published, and have not at the end."""

    @property
    def is_good(self) -> bool:
        """Tell whether all is as it must be."""
        return (
            self.is_refused
            and self.needs_two
            and self.revoked == REVOKED
            and self.listed == self.issued_ended == ISSUED
            and self.un_revoked == 0
        )

    def to_object(self) -> dict[str, object]:
        """Write it for JSON."""
        return {
            "economy": self.economy,
            "refused_until_reconciled": self.is_refused,
            "needs_two_people": self.needs_two,
            "revoked": self.revoked,
            "of_revoked": REVOKED,
            "issued_listed": self.listed,
            "issued_revoked": self.issued_ended,
            "of_issued": ISSUED,
            "un_revoked": self.un_revoked,
        }

    def lines(self) -> Iterator[str]:
        """Write it for people."""
        yield f"restore drill of {self.economy}: {'good' if self.is_good else 'BAD'}"
        refused = "refused" if self.is_refused else "NOT REFUSED"
        yield f"publishing before reconciling: {refused}"
        yield f"one person alone: {'refused' if self.needs_two else 'NOT REFUSED'}"
        yield f"revoked after the backup, and revoked now: {self.revoked}/{REVOKED}"
        yield f"issued after the backup, and named: {self.listed}/{ISSUED}"
        yield f"issued after the backup, and revoked now: {self.issued_ended}/{ISSUED}"
        yield f"ended before, and good now: {self.un_revoked}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """An index."""

    number: int
    index: int


def run_drill(
    installation: Installation, *, databases: Sequence[str] = (), now: datetime
) -> Drill:
    """Do the whole drill.

    Args:
        installation: What is copied; nothing of it is changed.
        databases: Two empty databases for the copies, of the kind that the
            installation has; none for SQLite.
        now: This moment.

    Raises:
        BackupError: A copy cannot be made.
        IssuerError: A step failed that must not.
    """
    work = Path(tempfile.mkdtemp(prefix="abtc-drill-"))
    try:
        first, second = databases or (
            f"sqlite:///{work}/first.sqlite3",
            f"sqlite:///{work}/second.sqlite3",
        )
        archive = work / "installation.tar.gz"
        make_backup(installation, archive, now=now, is_noted=False)
        copy = _Copy.make(archive, work / "live", first, now)
        try:
            return _drill(copy, work, second, now)
        finally:
            copy.office.store.close()
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _drill(copy: "_Copy", work: Path, second: str, now: datetime) -> Drill:
    copy.prepare(now)
    copy.publish(now)
    archive = work / "live.tar.gz"
    make_backup(copy.office.installation, archive, now=now)
    revoked = copy.revoke(now + _STEP)
    issued = copy.issue(now + 2 * _STEP)
    copy.publish(now + 3 * _STEP)
    before = published_lists(copy.office, copy.economy)

    restore_backup(archive, work / "again", database=second, now=now + 4 * _STEP)
    again = copy.on(second)
    try:
        at = now + 5 * _STEP
        is_refused = _refuses(again, at)
        report = reconcile(again.desk(0, at), Reconcile())
        confirmation = ConfirmReconcile(digest=report.digest)
        needs_two = _needs_two(again, confirmation, at)
        confirm(again.desk(1, at), confirmation)
        again.publish(at + _STEP)
        after = published_lists(again.office, again.economy)
    finally:
        again.office.store.close()
    named = {(each.list, each.index) for each in report.lost_cards}
    return Drill(
        economy=copy.economy,
        is_refused=is_refused,
        needs_two=needs_two,
        revoked=_ended(after, revoked),
        listed=sum((each.number, each.index) in named for each in issued),
        issued_ended=_ended(after, issued),
        un_revoked=_un_revoked(before, after),
    )


def _refuses(copy: "_Copy", at: datetime) -> bool:
    try:
        copy.publish(at)
    except Conflict as error:
        return error.code == "publication.restored"
    return False


def _needs_two(copy: "_Copy", given: ConfirmReconcile, at: datetime) -> bool:
    try:
        confirm(copy.desk(0, at), given)
    except Forbidden as error:
        return error.rule == "ck_restoration_four_eyes"
    return False


def _ended(published: Published, places: Sequence[_Place]) -> int:
    return sum(
        state_at(published.own.get(each.number, b""), each.index) in _FINAL
        for each in places
    )


def _un_revoked(before: Published, after: Published) -> int:
    return sum(
        each.before in _FINAL and each.before != each.after
        for number, entries in before.own.items()
        for each in differences(entries, after.own.get(number, b""))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Copy:
    """A copy of the installation, with keys and a repository of its own."""

    office: Office
    economy: str
    people: tuple[int, int]
    since: datetime

    @classmethod
    def make(cls, archive: Path, folder: Path, database: str, now: datetime) -> "_Copy":
        _, restored = restore_backup(archive, folder, database=database, now=now)
        installation = restored.model_copy(
            update={
                "outside": "outside",
                "publish": PublishPlaces(),
                "keys": {},
            }
        )
        store = Store.open(installation.database_url)
        economy = store.read(_busiest)
        people = store.write(lambda s: _add_people(s, economy, now), now=now)
        installation = installation.model_copy(
            update={"keys": {economy: f"file:keys/{economy}"}}
        )
        office = _office(installation, store)
        copy = cls(office=office, economy=economy, people=people, since=now)
        store.write(lambda s: _unmark(s, people, now), now=now)
        copy.make_keys(now)
        return copy

    def on(self, database: str) -> "_Copy":
        """Return the same on a database that was put back."""
        installation = self.office.installation.model_copy(
            update={"database": database}
        )
        store = Store.open(installation.database_url)
        office = _office(installation, store)
        return replace(self, office=office)

    def desk(self, person: int, at: datetime) -> Desk:
        actor = Actor(
            account_id=self.people[person],
            economy=self.economy,
            login=_login(person),
            roles=frozenset(Role),
            kind=AccountKind.PERSON,
        )
        return Desk(
            office=self.office, actor=actor, now=at, reason="a restore drill, on a copy"
        )

    def make_keys(self, now: datetime) -> None:
        """Make keys that are good for this copy only, and sign at once."""
        passphrase = _passphrase(self.economy)
        folder = self.office.installation.path(f"keys/{self.economy}")
        folder.mkdir(mode=0o700, parents=True)
        scheme = self.office.store.read(self.office.scheme)
        url = scheme.economy(self.economy).issuer_url
        start = whole_second(now)
        for use in ("card", "status"):
            path = generate_key_file(
                folder,
                key_id=f"{self.economy}-drill-{use}",
                use="card" if use == "card" else "status",
                passphrase=passphrase,
            )
            signer = FileSigner.load(path, passphrase=passphrase)
            record = KeyRecord.of(signer, issuer_url=url, signs_from=start)
            self.office.store.write(
                lambda session, key=record: self._add_key(session, key, now),  # type: ignore[misc]
                now=now,
            )

    def _add_key(self, session: Session, record: KeyRecord, now: datetime) -> None:
        row = add_signing_key(session, self.economy, record, by=self.people[0], now=now)
        row.state, row.published_at = KeyState.PUBLISHED, now - HEAD_START

    def prepare(self, now: datetime) -> None:
        """See that there are cards enough, and make the repository."""
        while self.office.store.read(self._live) < REVOKED + ISSUED:
            known = self.office.store.read(self._travellers)
            wanted = {self.economy: known + _TOP_UP}
            for _ in fill(self.office, wanted, seed=known, now=now):
                pass
        installation = self.office.installation
        for place in (installation.outside, *installation.publish.keys):
            installation.path(place).mkdir(mode=0o700, parents=True, exist_ok=True)
        # What was published from the installation, its own file outside remembers.
        head = self.office.store.read(audit.heads)[self.economy]
        Heads(path=installation.audit_heads).keep(head, at=now)
        scheme = self.office.store.read(self.office.scheme)
        publisher = open_publisher(self.office)
        publisher.init(scheme_document(scheme, issued_at=now), now=now)
        publisher.add_economy(self.economy, now=now)

    def publish(self, at: datetime) -> None:
        publish(self.desk(0, at), PublishLists())

    def revoke(self, at: datetime) -> list[_Place]:
        """Revoke ten cards that live."""
        desk = self.desk(0, at)

        def work(session: Session) -> list[_Place]:
            rows = self._some(session, REVOKED)
            for row in rows:
                _change(desk, session, row, "revoke")
            return [_place(row) for row in rows]

        return desk.write(work)

    def issue(self, at: datetime) -> list[_Place]:
        """Replace twenty cards that live by new ones, each signed and logged."""
        desk = self.desk(0, at)
        rows = desk.read(lambda session: self._some(session, ISSUED))
        return [self._replace(desk, row) for row in rows]

    def _replace(self, desk: Desk, old: Credential) -> _Place:
        issue = desk.read(lambda session: _last_issue(session, old))
        place = desk.read(lambda session: self._free(session, old.list_number))
        number = f"D{secrets.token_hex(4).upper()}"
        prepared = self._prepared(issue, place, number, desk.now)
        requested_by = next(each for each in self.people if each != issue.approved_by)
        self._log(place, prepared, number, old.form, desk.now)
        signer, key = self.office.signers.signer(self.economy, "card", now=desk.now)
        signed = sign(prepared, signer, key=key, now=desk.now, last_issued_at=None)

        def work(session: Session) -> None:
            before = session.get_one(Credential, old.id)
            _change(desk, session, before, "supersede")
            session.flush()
            new = Credential(
                **_values(old)
                | {
                    "document_number": number,
                    "list_index": place.index,
                    "state": CredentialState.VALID,
                    "created_at": desk.now,
                    "changed_at": desk.now,
                }
            )
            session.add(new)
            session.flush()
            session.add(
                Issue(
                    **_values(issue)
                    | {
                        "request_key": f"drill:{number}",
                        "credential_id": new.id,
                        "state": IssueState.SIGNED,
                        "header": prepared.header,
                        "payload": prepared.payload,
                        "claims_sha256": sha256(prepared.payload).hexdigest(),
                        "key_id": prepared.key_id,
                        "text": signed.text,
                        "requested_by": requested_by,
                        "intended_at": desk.now,
                        "recorded_at": desk.now,
                    }
                )
            )

        desk.write(work)
        return place

    def _prepared(
        self, issue: Issue, place: _Place, number: str, at: datetime
    ) -> Prepared:
        """Write the claims of the old card with another number, index and date."""
        claims: dict[str, Any] = json.loads(issue.payload)
        claims["iat"] = int(at.timestamp())
        claims["status"]["status_list"]["idx"] = place.index
        claims["document_number"] = number
        header = json.loads(issue.header) | {"kid": f"{self.economy}-drill-card"}
        return Prepared(header=canonical(header), payload=canonical(claims))

    def _log(
        self, place: _Place, prepared: Prepared, number: str, form: str, at: datetime
    ) -> None:
        line = Logged(
            economy=self.economy,
            list=place.number,
            index=place.index,
            document_number=number,
            form=form,
            request_key=f"drill:{number}",
            claims_sha256=sha256(prepared.payload).hexdigest(),
            at=at.isoformat(timespec="seconds"),
        )
        IssueLog(path=self.office.installation.issue_log).append([line])

    def _free(self, session: Session, number: int) -> _Place:
        mine = Credential.economy == self.economy, Credential.list_number == number
        used = set(session.scalars(select(Credential.list_index).where(*mine)))
        capacity = session.get_one(StatusList, (self.economy, number)).capacity
        return _Place(number=number, index=draw_index(used, capacity))

    def _some(self, session: Session, count: int) -> list[Credential]:
        signed = select(Issue.credential_id).where(Issue.state == IssueState.SIGNED)
        query = (
            select(Credential)
            .join(Card, Card.id == Credential.card_id)
            .where(
                Credential.economy == self.economy,
                Credential.state == CredentialState.VALID,
                Credential.id.in_(signed),
                Card.expires_at > self.since + timedelta(days=1),
            )
            .order_by(Credential.id)
            .limit(count)
        )
        return list(session.scalars(query))

    def _live(self, session: Session) -> int:
        return len(self._some(session, REVOKED + ISSUED))

    def _travellers(self, session: Session) -> int:
        query = select(func.count()).where(Person.economy == self.economy)
        return int(session.scalar(query) or 0)


def _office(installation: Installation, store: Store) -> Office:
    return Office(
        installation=installation,
        store=store,
        signers=open_keys(installation, store, passphrase=_passphrase),
        publish_passphrase=_passphrase,
    )


def _passphrase(_: str) -> bytes:
    """The keys are gone with the copy: what closes them is no secret."""
    return b"a restore drill"


def _busiest(session: Session) -> str:
    """Name the economy with the most cards; one with none will do."""
    count = func.count(Credential.id)
    found = session.scalars(
        select(HostedEconomy.code)
        .outerjoin(Credential, Credential.economy == HostedEconomy.code)
        .group_by(HostedEconomy.code)
        .order_by(count.desc(), HostedEconomy.code)
        .limit(1)
    ).first()
    if found is None:
        raise BackupError("the installation works for no economy")
    return found


def _login(person: int) -> str:
    return f"restore-drill-{person}"


def _add_people(session: Session, economy: str, now: datetime) -> tuple[int, int]:
    rows = [
        Account(
            economy=economy,
            login=_login(number),
            display_name="Restore drill",
            kind=AccountKind.PERSON,
            created_at=now,
        )
        for number in (0, 1)
    ]
    session.add_all(rows)
    session.flush()
    return rows[0].id, rows[1].id


def _unmark(session: Session, people: tuple[int, int], now: datetime) -> None:
    """Let the first copy be worked with: its own outside is new as well."""
    for row in session.scalars(select(Restoration)):
        if row.reconciled_at is None:
            row.proposed_by, row.approved_by = people
            row.reconciled_at = now


def _change(desk: Desk, session: Session, row: Credential, event: str) -> None:
    before = row.state
    row.state = CREDENTIAL.after(before, event, by=Side.HOME)
    row.state_reason, row.changed_at = desk.reason, desk.now
    desk.log(
        session,
        f"credential:{event}",
        f"credential:{row.id}",
        before=before,
        after=row.state,
    )


def _last_issue(session: Session, credential: Credential) -> Issue:
    query = (
        select(Issue)
        .where(Issue.credential_id == credential.id, Issue.state == IssueState.SIGNED)
        .order_by(Issue.id.desc())
        .limit(1)
    )
    return session.scalars(query).one()


def _place(row: Credential) -> _Place:
    return _Place(number=row.list_number, index=row.list_index)


def _values(row: Credential | Issue) -> dict[str, Any]:
    """Return a row's columns but for its identity."""
    return {
        column.key: getattr(row, column.key)
        for column in row.__table__.columns
        if column.key != "id"
    }
