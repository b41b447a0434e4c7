"""Putting a backup back: nothing comes back to life, and nothing is forgotten (R5)."""

import gzip
import json
import sqlite3
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from issuer import audit
from issuer.audit import Break, Heads
from issuer.backup import make_backup, restore_backup, verify_backup
from issuer.demo.filling import fill
from issuer.errors import BackupError, Conflict, Forbidden, NotFound, SchemaError
from issuer.installation import Installation
from issuer.issue_log import Logged
from issuer.lifecycle import Credential as CredentialState
from issuer.lifecycle import Preclearance as PreclearanceState
from issuer.store import (
    Account,
    Credential,
    Issue,
    IssueState,
    Preclearance,
    Restoration,
    StatusList,
    Store,
    StrayIndex,
)
from tests.components import needs
from tests.databases import PostgreSQL, Prepared, planned_rows
from tests.issuer.back_office import PASSPHRASE
from tests.issuer.office.publishing import (
    HOSTED,
    Held,
    Publishing,
    issue_log_line,
    minutes,
)
from tests.simulator import NOW

NewDatabase = Callable[[], str]


@pytest.fixture
def new_database(
    request: pytest.FixtureRequest, database: str, tmp_path: Path
) -> NewDatabase:
    """Gives the URL of an empty place, of the kind that the test runs on."""
    numbers = iter(range(100))

    def place() -> str:
        if database.startswith("postgresql"):
            url: str = request.getfixturevalue("postgresql_server").empty()
            return url
        return f"sqlite:///{tmp_path}/restored-{next(numbers)}.sqlite3"

    return place


@pytest.fixture
def office(prepared: Prepared, tmp_path: Path) -> Publishing:
    folder = tmp_path / "office"
    folder.mkdir()
    return Publishing.at(prepared, folder=folder, cards=60)


def back_up(office: Publishing, name: str = "backup.tar.gz") -> Path:
    target = office.folder.parent / name
    make_backup(office.back_office.office.installation, target, now=minutes(1))
    return target


@pytest.fixture
def put_back(
    office: Publishing, new_database: NewDatabase, tmp_path: Path
) -> Iterator[Callable[[Path], Publishing]]:
    opened: list[Store] = []

    def restored(archive: Path) -> Publishing:
        folder = tmp_path / f"again-{len(opened)}"
        _, installation = restore_backup(
            archive, folder, database=new_database(), now=minutes(30)
        )
        opened.append(Store.open(installation.database_url))
        return Publishing.restored(opened[-1], office, folder)

    yield restored
    for store in opened:
        store.close()


def revoke(office: Publishing, count: int) -> list[Held]:
    chosen = [office.held(number, by=()) for number in range(count)]
    for held in chosen:
        office.set_credential(held, CredentialState.REVOKED, at=minutes(5))
    return chosen


def issue(office: Publishing, up_to: int) -> list[Logged]:
    """Issue cards to as many travellers more; the issue log has each of them."""
    before = set(places(office))
    list(fill(office.back_office.office, {"SGP": up_to}, seed=1, now=NOW))
    new = [
        Logged(
            economy="SGP", list=number, index=index, form="physical", request_key="r",
            claims_sha256="0",
            document_number=f"SG{index}", at="2030-01-15T12:06:00Z",
        )
        for number, index in places(office)
        if (number, index) not in before
    ]  # fmt: skip
    with office.back_office.office.installation.issue_log.open("a") as log:
        log.writelines(map(issue_log_line, new))
    return new


def places(office: Publishing) -> list[tuple[int, int]]:
    query = select(Credential.list_number, Credential.list_index)
    return [(n, i) for n, i in office.store.read(lambda s: s.execute(query).all())]


def reconcile(office: Publishing, economy: str = "SGP", **given: Any) -> None:
    at = minutes(31)
    report = office.perform("backup.reconcile", economy, at=at, **given)
    office.perform(
        "backup.confirm", economy, who="bob", at=at, digest=report.digest, **given
    )


def state_of(office: Publishing, held: Held) -> str:
    query = select(Credential.state).where(Credential.id == held.credential_id)
    return office.store.read(lambda s: s.scalars(query).one())


def test_r5_a_restored_backup_brings_nothing_back(
    office: Publishing, put_back: Callable[[Path], Publishing]
) -> None:
    archive = back_up(office)
    revoked = revoke(office, 10)
    issued = issue(office, up_to=90)
    assert len(issued) >= 20
    office.publish(at=minutes(10))

    again = put_back(archive)
    for economy in HOSTED:
        with pytest.raises(Conflict, match=r"publication\.restored"):
            again.perform("lists.publish", economy, at=minutes(31))
    report = again.perform("backup.reconcile", at=minutes(31))
    listed = {(each.list, each.index) for each in report.lost_cards}
    assert listed == {each.place for each in issued}
    assert len([each for each in report.ended if each.was == "valid"]) == 10
    with pytest.raises(Forbidden, match="ck_restoration_four_eyes"):
        again.perform("backup.confirm", at=minutes(31), digest=report.digest)
    done = again.perform(
        "backup.confirm", who="bob", at=minutes(31), digest=report.digest
    )
    assert done.is_done
    assert {state_of(again, held) for held in revoked} == {CredentialState.REVOKED}

    again.publish("SGP", at=minutes(32))
    device = again.device("NZL", at=minutes(33))
    trust = device.store.load()
    for held in revoked:
        assert device.ask(held, at=minutes(33)) == "status.revoked"
    uri = (
        f"{again.back_office.office.packaged_scheme.economy('SGP').issuer_url}/status/"
    )
    for each in issued:
        status = trust.status_list(f"{uri}{each.list}")
        assert status is not None
        assert status.state(each.index) == 1


def test_r5_the_log_goes_on_and_stays_whole(
    office: Publishing, put_back: Callable[[Path], Publishing]
) -> None:
    archive = back_up(office)
    revoke(office, 1)
    office.publish(at=minutes(10))
    again = put_back(archive)
    reconcile(again)
    again.publish("SGP", at=minutes(32))
    kept = Heads(path=again.back_office.office.installation.audit_heads).all()
    *_, end = again.store.read(lambda s: list(audit.verify(s, "SGP", kept=kept)))
    assert not isinstance(end, Break)
    again.publish("SGP", at=minutes(33))


def test_r5_a_database_that_nobody_marked_is_noticed_too(
    office: Publishing, put_back: Callable[[Path], Publishing]
) -> None:
    archive = back_up(office)
    held = revoke(office, 1)[0]
    office.publish(at=minutes(10))
    again = put_back(archive)

    def unmark(session: Session) -> None:
        for row in session.scalars(select(Restoration)):
            row.proposed_by, row.approved_by = 1, 2
            row.reconciled_at = minutes(30)

    again.store.write(unmark, now=minutes(30))
    with pytest.raises(Conflict, match=r"publication\.audit_behind"):
        again.perform("lists.publish", at=minutes(31))
    reconcile(again)
    again.publish("SGP", at=minutes(32))
    assert state_of(again, held) == CredentialState.REVOKED


def test_r5_while_it_is_not_reconciled_no_key_is_asked(
    office: Publishing, put_back: Callable[[Path], Publishing]
) -> None:
    """The database itself takes no intent to sign."""
    again = put_back(back_up(office))

    def intend(session: Session) -> None:
        old = session.scalars(select(Issue).limit(1)).one()
        values = {
            column.key: getattr(old, column.key) for column in Issue.__table__.columns
        }
        del values["id"]
        values |= {"state": IssueState.INTENDED, "text": None, "request_key": "new"}
        session.add(Issue(**values))

    with pytest.raises(Forbidden, match="tr_issue_after_restore"):
        again.store.write(intend, now=minutes(31))
    reconcile(again)
    again.store.write(intend, now=minutes(32))


def test_r5_without_the_issue_log_every_unknown_index_is_revoked(
    office: Publishing, put_back: Callable[[Path], Publishing]
) -> None:
    archive = back_up(office)
    issued = issue(office, up_to=90)
    office.publish(at=minutes(10))
    again = put_back(archive)
    again.back_office.office.installation.issue_log.unlink()
    good = again.held(by=["NZL"])
    reconcile(again, issue_log_lost=True)
    again.publish("SGP", at=minutes(32))
    device = again.device("NZL", at=minutes(33))
    assert device.ask(good, at=minutes(33)) == "entry.cleared"
    url = again.back_office.office.packaged_scheme.economy("SGP").issuer_url
    status = device.store.load().status_list(f"{url}/status/1")
    assert status is not None
    assert {status.state(each.index) for each in issued} == {1}
    fresh = device.store.load().status_list(f"{url}/status/2")
    assert fresh is not None
    assert fresh.state(0) == 0


def test_s10_no_index_of_before_is_given_out_again(
    office: Publishing, put_back: Callable[[Path], Publishing]
) -> None:
    archive = back_up(office)
    lost = issue(office, up_to=70)[0]
    again = put_back(archive)
    reconcile(again)

    def give_out(session: Session) -> None:
        old = session.scalars(select(Credential).limit(1)).one()
        values = {
            column.key: getattr(old, column.key)
            for column in Credential.__table__.columns
        }
        del values["id"]
        values |= {"list_index": lost.index, "state": CredentialState.VOID}
        values |= {"document_number": "NEW1"}
        session.add(Credential(**values))

    with pytest.raises(Forbidden, match="tr_credential_"):
        again.store.write(give_out, now=minutes(32))
    strays = again.store.read(lambda s: s.scalars(select(StrayIndex)).all())
    assert lost.document_number in {each.document_number for each in strays}
    lists = again.store.read(
        lambda s: s.scalars(select(StatusList).where(StatusList.economy == "SGP")).all()
    )
    assert [(each.number, each.is_closed) for each in lists] == [(1, True), (2, False)]


def test_s13_an_answer_taken_back_since_is_taken_back_again(
    office: Publishing, put_back: Callable[[Path], Publishing]
) -> None:
    archive = back_up(office)
    held = office.held()
    office.answer(held, "NZL", PreclearanceState.WITHDRAWN, at=minutes(5))
    office.publish("NZL", at=minutes(10))
    again = put_back(archive)
    reconcile(again, "NZL")
    query = select(Preclearance.state).where(
        Preclearance.card_id == held.card_id, Preclearance.destination == "NZL"
    )
    assert again.store.read(lambda s: s.scalars(query).one()) == "withdrawn"
    again.publish("NZL", at=minutes(32))
    at = minutes(33)
    assert again.device("NZL", at=at).ask(held, at=at) == "entry.withdrawn"


def test_s11_what_was_superseded_stays_superseded(
    office: Publishing, put_back: Callable[[Path], Publishing]
) -> None:
    archive = back_up(office)
    held, other = office.held(0), office.held(1)
    office.set_credential(held, CredentialState.SUPERSEDED, at=minutes(5))
    office.set_credential(other, CredentialState.SUSPENDED, at=minutes(5))
    office.publish("SGP", at=minutes(10))
    again = put_back(archive)
    reconcile(again)
    assert state_of(again, held) == CredentialState.SUPERSEDED
    assert state_of(again, other) == CredentialState.SUSPENDED


def test_a_report_that_has_changed_is_not_carried_out(
    office: Publishing, put_back: Callable[[Path], Publishing]
) -> None:
    again = put_back(back_up(office))
    with pytest.raises(NotFound):
        again.perform("backup.confirm", who="bob", digest="0" * 64)
    report = again.perform("backup.reconcile", at=minutes(31))
    more = Logged(
        economy="SGP", list=1, request_key="r", claims_sha256="0",
        index=131_071, form="app", document_number="X",
        at="t",
    )  # fmt: skip
    with again.back_office.office.installation.issue_log.open("a") as log:
        log.write(issue_log_line(more))
    with pytest.raises(Conflict, match=r"backup\.changed"):
        again.perform("backup.confirm", who="bob", at=minutes(31), digest=report.digest)


def test_a_database_in_step_has_nothing_to_reconcile(office: Publishing) -> None:
    with pytest.raises(Conflict, match=r"backup\.in_step"):
        office.perform("backup.reconcile", at=minutes(5))


def test_what_was_done_can_be_read_afterwards(
    office: Publishing, put_back: Callable[[Path], Publishing]
) -> None:
    again = put_back(back_up(office))
    reconcile(again)
    (done,) = again.perform("backup.list", at=minutes(40)).restorations
    assert done.reconciled_at == minutes(31)
    assert done.report.new_list == 2


# The archive itself


def content(archive: Path) -> bytes:
    return gzip.decompress(archive.read_bytes())


def test_r7_a_backup_holds_no_key_and_no_passphrase(office: Publishing) -> None:
    archive = back_up(office)
    assert archive.stat().st_mode & 0o077 == 0
    data = content(archive)
    assert b"PRIVATE KEY" not in data
    assert PASSPHRASE not in data
    assert b"quiet river" not in data
    for key in (office.folder / "keys").rglob("*.pem"):
        body = key.read_bytes().splitlines()[1]
        assert body not in data


def test_a_backup_says_what_it_holds(office: Publishing) -> None:
    archive = back_up(office)
    found = verify_backup(archive)
    assert found.manifest.rows["credential"] == len(places(office))
    assert set(found.manifest.economies) == set(HOSTED)
    with pytest.raises(BackupError, match="exists already"):
        back_up(office)


def test_an_archive_that_was_cut_or_changed_is_refused(office: Publishing) -> None:
    archive = back_up(office)
    data = archive.read_bytes()
    raw = bytearray(content(archive))
    with tarfile.open(archive) as tar:
        raw[tar.getmember("database").offset_data + 50] ^= 1
    for bad in (b"", data[:-100], data[: len(data) // 2], b"x" * 100,
                gzip.compress(bytes(raw))):  # fmt: skip
        archive.write_bytes(bad)
        with pytest.raises(BackupError):
            verify_backup(archive)


def test_a_backup_goes_into_an_empty_place_only(
    office: Publishing, new_database: NewDatabase, tmp_path: Path
) -> None:
    archive = back_up(office)
    here = office.back_office.office.installation
    with pytest.raises(BackupError):
        restore_backup(archive, here.folder, now=minutes(30))
    url = new_database()
    restore_backup(archive, tmp_path / "new", database=url, now=minutes(30))
    with closing(Store.open(url)) as restored:
        assert planned_rows(restored, "account") > 0
    with pytest.raises(BackupError):
        restore_backup(archive, tmp_path / "new", database=url, now=minutes(30))


def packed(manifest: dict[str, Any], members: dict[str, bytes]) -> bytes:
    """Pack an archive as its maker would, with whatever members."""
    out = BytesIO()
    text = json.dumps(manifest).encode()
    with tarfile.open(fileobj=out, mode="w:gz", format=tarfile.PAX_FORMAT) as tar:
        for name, data in {"manifest.json": text, **members}.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, BytesIO(data))
    return out.getvalue()


def unpacked(archive: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    with tarfile.open(archive) as tar:
        members = {each.name: tar.extractfile(each).read() for each in tar}  # type: ignore[union-attr]
    return json.loads(members.pop("manifest.json")), members


def again(archive: Path, **changed: bytes) -> None:
    """Pack an archive anew, with members changed and a manifest that says so."""
    manifest, members = unpacked(archive)
    members |= changed
    for name, data in members.items():
        manifest["files"][name] = [len(data), sha256(data).hexdigest()]
    archive.write_bytes(packed(manifest, members))


@pytest.mark.parametrize(
    "name", ["../evil", "/srv/evil", "a/../../evil", "database/../x", "./database"]
)
def test_r5_nothing_is_unpacked_elsewhere(
    office: Publishing, tmp_path: Path, name: str
) -> None:
    archive = back_up(office)
    manifest, members = unpacked(archive)
    manifest["files"][name] = [1, sha256(b"x").hexdigest()]
    archive.write_bytes(packed(manifest, {name: b"x", **members}))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(BackupError):
        restore_backup(archive, tmp_path / "new", now=minutes(30))
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_r5_a_link_in_an_archive_is_no_member(
    office: Publishing, tmp_path: Path, kind: bytes
) -> None:
    archive = back_up(office)
    manifest, _ = unpacked(archive)
    out = BytesIO()
    text = json.dumps(manifest).encode()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        first = tarfile.TarInfo("manifest.json")
        first.size = len(text)
        tar.addfile(first, BytesIO(text))
        link = tarfile.TarInfo("database")
        link.type, link.linkname = kind, "manifest.json"
        tar.addfile(link)
    archive.write_bytes(out.getvalue())
    with pytest.raises(BackupError):
        restore_backup(archive, tmp_path / "new", now=minutes(30))


def test_r5_a_changed_archive_that_fits_its_own_manifest_is_not_the_noted_one(
    office: Publishing, new_database: NewDatabase, tmp_path: Path
) -> None:
    """Whoever changes an archive changes its manifest too, but not what was noted."""
    archive = back_up(office)
    noted = verify_backup(archive).sha256
    again(archive, **{"office.toml": b"# changed\n"})
    verify_backup(archive)
    url = new_database()
    with pytest.raises(BackupError, match="expected"):
        restore_backup(
            archive, tmp_path / "new", database=url, expected_sha256=noted,
            now=minutes(30),
        )  # fmt: skip
    assert not (tmp_path / "new").exists()


def test_r5_a_database_whose_rules_were_taken_out_is_not_put_back(
    office: Publishing, database: str, tmp_path: Path
) -> None:
    if database.startswith("postgresql"):
        pytest.skip("the dump of PostgreSQL is changed in the same way, by its tools")
    archive = back_up(office)
    _, members = unpacked(archive)
    copy = tmp_path / "copy"
    copy.write_bytes(members["database"])
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("DROP TRIGGER tr_credential_final")
    again(archive, database=copy.read_bytes())
    target = tmp_path / "new.sqlite3"
    url = f"sqlite:///{target}"
    with pytest.raises(SchemaError, match="tr_credential_final"):
        restore_backup(archive, tmp_path / "new", database=url, now=minutes(30))
    assert not target.exists()


def kept_heads(office: Publishing, folder: Path) -> None:
    """Put the records outside where the backup goes, as they are today."""
    here = office.back_office.office.installation
    outside = folder / here.outside
    outside.mkdir(parents=True)
    (outside / here.audit_heads.name).write_bytes(here.audit_heads.read_bytes())


def test_r5_a_backup_of_another_installation_is_refused(
    office: Publishing, new_database: NewDatabase, tmp_path: Path
) -> None:
    """Its administrators are others, who would confirm each other's reports."""
    other = tmp_path / "other"
    other.mkdir()
    store = Store.create(new_database())
    theirs = Publishing(store, other, cards=3)
    theirs.publish()
    kept_heads(theirs, tmp_path / "new")
    store.close()
    archive = back_up(office)
    with pytest.raises(BackupError, match="another installation"):
        restore_backup(
            archive, tmp_path / "new", database=new_database(), now=minutes(30)
        )


def test_r5_a_backup_goes_beside_the_heads_that_are_newer(
    office: Publishing, new_database: NewDatabase, tmp_path: Path
) -> None:
    archive = back_up(office)
    revoke(office, 3)
    office.publish(at=minutes(6))
    kept_heads(office, tmp_path / "new")
    restore_backup(archive, tmp_path / "new", database=new_database(), now=minutes(30))


def test_a_backup_of_one_kind_does_not_go_into_another(
    office: Publishing, database: str, tmp_path: Path
) -> None:
    archive = back_up(office)
    other = "sqlite:///x.sqlite3"
    if database.startswith("sqlite"):
        other = "postgresql+psycopg://nobody@localhost/x"
    with pytest.raises(BackupError, match="name another"):
        restore_backup(archive, tmp_path / "new", database=other, now=minutes(30))


@needs("PostgreSQL")
def test_without_pg_dump_there_is_no_backup_and_no_half_of_one(
    postgresql_server: PostgreSQL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    installation = Installation(folder=tmp_path, database=postgresql_server.new())
    with pytest.raises(BackupError, match="pg_dump is not installed"):
        make_backup(installation, tmp_path / "b.tar.gz", now=NOW)
    assert list(tmp_path.iterdir()) == []


def test_a_backup_is_of_one_state_while_others_write(
    office: Publishing, put_back: Callable[[Path], Publishing]
) -> None:
    """Two accounts are renamed together, all the time: in no backup do they differ."""
    office.store.write(partial(rename, name="Name 0"), now=NOW)
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            office.store.write(partial(rename, name=f"Name {number}"), now=NOW)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        archives = [back_up(office, f"{number}.tar.gz") for number in range(3)]
    finally:
        stop.set()
        writer.join()
    for archive in archives:
        names = put_back(archive).store.read(lambda s: s.scalars(TWO_NAMES).all())
        assert len(names) == 2
        assert names[0] == names[1]


TWO_NAMES = (
    select(Account.display_name)
    .where(Account.login.in_(("eve-sgp", "eve-jpn")))
    .order_by(Account.id)
)


def rename(session: Session, *, name: str) -> None:
    for login in ("eve-sgp", "eve-jpn"):
        row = session.scalars(select(Account).where(Account.login == login)).one()
        row.display_name = name
        session.flush()
