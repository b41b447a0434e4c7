"""The database: what it refuses, what it does again, what it never forgets."""

import sqlite3
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import TextClause, event, select, text
from sqlalchemy.orm import Session

from issuer.errors import Forbidden, SchemaError, StoreDown, StoreError
from issuer.store import (
    Account,
    AccountKind,
    Content,
    HostedEconomy,
    Receipt,
    Store,
)
from issuer.store import database as store_database
from issuer.store.database import ANSWER_KEPT, COMMIT_KEPT
from issuer.store.rows import add_rows, table_of
from tests.components import needs
from tests.databases import PostgreSQL

NOW = datetime(2030, 1, 15, 12, tzinfo=UTC)


def add_economy(code: str) -> Callable[[Session], None]:
    return lambda session: session.add(HostedEconomy(code=code, since=NOW))


def codes(store: Store) -> list[str]:
    return store.read(lambda session: list(session.scalars(select(HostedEconomy.code))))


def test_what_was_written_is_there_after_opening_again(database: str) -> None:
    store = Store.open(database)
    store.write(add_economy("AUS"), now=NOW)
    store.close()
    again = Store.open(database)
    assert codes(again) == ["AUS"]
    again.close()


def test_work_that_fails_leaves_nothing(store: Store) -> None:
    def work(session: Session) -> None:
        add_economy("AUS")(session)
        session.flush()
        raise LookupError

    with pytest.raises(LookupError):
        store.write(work, now=NOW)
    assert codes(store) == []


def test_w12_text_with_a_nul_does_not_look_like_a_database_that_is_down(
    store: Store,
) -> None:
    """Anybody may send one; SQLite finds nothing, and PostgreSQL's driver refuses."""
    try:
        assert store.read(lambda session: session.get(HostedEconomy, "A\0B")) is None
    except StoreError as error:
        assert not isinstance(error, StoreDown)  # noqa: PT017  # either is right


def test_a_broken_rule_is_named_alike_on_both(store: Store) -> None:
    store.write(add_economy("AUS"), now=NOW)
    with pytest.raises(Forbidden) as refused:
        store.write(add_economy("AUS"), now=NOW)
    assert refused.value.rule == "pk_hosted_economy"

    def same_login_twice(session: Session) -> None:
        for _ in range(2):
            session.add(
                Account(
                    economy="AUS",
                    login="ann",
                    display_name="Ann",
                    kind=AccountKind.PERSON,
                    created_at=NOW,
                )
            )

    with pytest.raises(Forbidden) as refused:
        store.write(same_login_twice, now=NOW)
    assert refused.value.rule == "uq_account_login"


def test_a_reference_to_nothing_is_refused(store: Store) -> None:
    def nobodys(session: Session) -> None:
        session.add(
            Account(
                economy="NZL",
                login="ann",
                display_name="Ann",
                kind=AccountKind.PERSON,
                created_at=NOW,
            )
        )

    with pytest.raises(Forbidden):
        store.write(nobodys, now=NOW)


def test_a_moment_comes_back_as_it_was_and_in_utc(store: Store) -> None:
    moment = datetime.fromisoformat("2030-01-15T23:59:59.123456+11:00")
    store.write(lambda s: s.add(HostedEconomy(code="AUS", since=moment)), now=NOW)
    found = store.read(lambda s: s.scalars(select(HostedEconomy.since)).one())
    assert found == moment
    assert found.utcoffset() == NOW.utcoffset()


def test_a_reader_cannot_write(store: Store) -> None:
    with pytest.raises(StoreError):
        store.read(add_economy("AUS"))
    assert codes(store) == []


def test_a_reader_cannot_write_behind_a_writer(store: Store) -> None:
    """Connections are used again: each time as whoever uses them says."""
    for code in ("AUS", "NZL"):
        store.write(add_economy(code), now=NOW)
        for _ in range(2):
            with pytest.raises(StoreError):
                store.read(add_economy("SGP"))
    assert sorted(codes(store)) == ["AUS", "NZL"]


def test_r6_an_empty_database_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="no back office"):
        Store.open(f"sqlite:///{tmp_path}/new.sqlite3")


@needs("PostgreSQL")
def test_r6_an_empty_database_is_refused_by_postgresql_too(
    postgresql_server: PostgreSQL,
) -> None:
    with pytest.raises(SchemaError, match="no back office"):
        Store.open(postgresql_server.empty())


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE alembic_version SET version_num = '9999'",
        "DROP TABLE bulk_item",
        "ALTER TABLE person DROP COLUMN email",
        "ALTER TABLE person ADD COLUMN nickname VARCHAR(10)",
        "DROP INDEX ix_preclearance_incoming",
    ],
)
def test_r6_a_database_of_another_shape_is_refused(database: str, damage: str) -> None:
    store = Store.open(database)
    store.write(lambda session: session.execute(text(damage)), now=NOW)
    store.close()
    with pytest.raises(SchemaError):
        Store.open(database)


def test_i4_a_database_without_its_triggers_is_refused(database: str) -> None:
    store = Store.open(database)
    where = " ON audit" if "postgresql" in database else ""
    drop = text(f"DROP TRIGGER tr_audit_kept{where}")
    store.write(lambda session: session.execute(drop), now=NOW)
    store.close()
    with pytest.raises(SchemaError, match="tr_audit_kept"):
        Store.open(database)


@pytest.mark.parametrize(
    ("kind", "damage"),
    [
        (
            "sqlite",
            "DROP TRIGGER tr_card_kept; CREATE TRIGGER tr_card_kept BEFORE DELETE ON"
            " card FOR EACH ROW WHEN 0 BEGIN SELECT RAISE(ABORT, 'tr_card_kept'); END",
        ),
        (
            "sqlite",
            "CREATE TRIGGER tidy AFTER UPDATE ON credential BEGIN"
            " UPDATE credential SET state_reason = ''; END",
        ),
        ("postgresql", "ALTER TABLE card DISABLE TRIGGER tr_card_kept"),
        (
            "postgresql",
            "CREATE OR REPLACE FUNCTION abtc_refuse() RETURNS trigger LANGUAGE plpgsql"
            " AS $$ BEGIN RETURN NEW; END $$",
        ),
    ],
)
def test_i4_a_rule_that_was_made_toothless_is_noticed(
    database: str, kind: str, damage: str
) -> None:
    """Its name alone says nothing: switched off, emptied, or one more beside it."""
    if not database.startswith(kind):
        pytest.skip("the other kind of database")
    store = Store.open(database)
    steps = damage.replace("; CREATE", "\0CREATE").split("\0")
    for step in steps if kind == "sqlite" else [damage]:
        store.write(partial(_run, text(step)), now=NOW)
    store.close()
    with pytest.raises(SchemaError, match=r"tr_|tidy"):
        Store.open(database)


def _run(statement: TextClause, session: Session) -> None:
    session.execute(statement)


def test_sqlite_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    store = Store.create(f"sqlite:///{tmp_path}/a.sqlite3")
    with store.engine.connect() as connection:
        found = {
            pragma: connection.exec_driver_sql(f"PRAGMA {pragma}").scalar_one()
            for pragma in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_r4_a_busy_database_is_asked_again(tmp_path: Path) -> None:
    """Whoever holds the lock for a moment costs a wait, not an error."""
    path = f"{tmp_path}/a.sqlite3"
    store = Store.create(f"sqlite:///{path}")
    attempts = []
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")

    def work(session: Session) -> None:
        attempts.append(1)
        add_economy("AUS")(session)

    release = threading.Timer(0.5, other.close)
    release.start()
    store.write(work, now=NOW)
    release.join()
    assert attempts == [1]
    assert codes(store) == ["AUS"]


def test_r4_a_read_only_database_says_so(tmp_path: Path) -> None:
    path = f"{tmp_path}/a.sqlite3"
    Store.create(f"sqlite:///{path}").close()
    store = Store.open(f"sqlite:///file:{path}?mode=ro&uri=true")
    with pytest.raises(StoreDown):
        store.write(add_economy("AUS"), now=NOW)


def test_a_database_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(StoreError):
        Store.open("mysql://nobody@nowhere/x")
    with pytest.raises(StoreError):
        Store.open("not a url")


def receipts(store: Store) -> set[str]:
    """The keys that are left, without those that `Store.write` made just now."""
    made = select(Receipt.key).where(Receipt.answer == "old")
    return store.read(lambda session: {*session.scalars(made)})


def add_receipts(store: Store, ages: dict[str, timedelta]) -> None:
    """Those whose names begin with ``commit`` are of transactions."""

    def work(session: Session) -> None:
        for key, age in ages.items():
            digest = "" if key.startswith("commit") else "0" * 64
            session.add(Receipt(key=key, digest=digest, answer="old", at=NOW - age))

    store.write(work, now=NOW)


def test_old_receipts_are_taken_away_by_and_by(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a commit after a day; an answer is given again for thirty."""
    monkeypatch.setattr(store_database, "_SELDOM", 10**9)
    moment = timedelta(seconds=1)
    add_receipts(
        store,
        {
            "commit:old": COMMIT_KEPT + moment,
            "commit:new": COMMIT_KEPT - moment,
            "AUS:1:old": ANSWER_KEPT + moment,
            "AUS:1:new": ANSWER_KEPT - moment,
        },
    )
    store.write(add_economy("AUS"), now=NOW)
    assert len(receipts(store)) == 4  # seldom is not always
    monkeypatch.setattr(store_database, "_SELDOM", 1)
    store.write(add_economy("NZL"), now=NOW)
    assert receipts(store) == {"commit:new", "AUS:1:new"}


def test_receipts_are_taken_away_a_few_at_a_time(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No request waits until years of them are gone; the oldest go first."""
    add_receipts(store, {f"commit:{day}": timedelta(days=day) for day in range(2, 7)})
    monkeypatch.setattr(store_database, "_SELDOM", 1)
    monkeypatch.setattr(store_database, "MOST_PRUNED", 2)
    store.write(add_economy("AUS"), now=NOW)
    assert receipts(store) == {"commit:2", "commit:3", "commit:4"}


@needs("PostgreSQL")
@pytest.mark.parametrize(
    ("setting", "value"), [("plan_cache_mode", "force_custom_plan"), ("jit", "off")]
)
def test_postgresql_plans_for_the_values_it_is_asked_with(
    postgresql_server: PostgreSQL, setting: str, value: str
) -> None:
    """A plan for all values is slow for the busiest economy; compiling one, for all."""
    store = Store.open(postgresql_server.new())
    shown = text(f"SHOW {setting}")
    assert store.read(lambda session: session.scalar(shown)) == value
    store.close()


def test_sqlite_lets_writers_stand_in_line(tmp_path: Path) -> None:
    """Who waits takes no connection, and does not knock at the database meanwhile."""
    store = Store.create(f"sqlite:///{tmp_path}/a.sqlite3")
    inside, knocked = threading.Event(), threading.Event()

    def knock(_: object) -> None:
        if inside.is_set():
            knocked.set()

    event.listen(store.engine, "begin", knock, insert=True)
    second = threading.Thread(target=store.write, args=(add_economy("NZL"),),
                              kwargs={"now": NOW})  # fmt: skip
    seen = []

    def first(session: Session) -> None:
        add_economy("AUS")(session)
        inside.set()
        second.start()
        seen.append(knocked.wait(0.3))

    store.write(first, now=NOW)
    second.join()
    assert seen == [False]
    assert sorted(codes(store)) == ["AUS", "NZL"]


def test_sqlite_lets_nobody_stand_in_line_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_database, "_BUSY", 0.01)
    store = Store.create(f"sqlite:///{tmp_path}/a.sqlite3")
    refused: list[StoreDown] = []

    def second() -> None:
        try:
            store.write(add_economy("NZL"), now=NOW)
        except StoreDown as error:
            refused.append(error)

    def first(session: Session) -> None:
        add_economy("AUS")(session)
        other = threading.Thread(target=second)
        other.start()
        other.join()

    store.write(first, now=NOW)
    assert len(refused) == 1
    assert codes(store) == ["AUS"]


def test_many_rows_keep_every_kind_of_value(store: Store) -> None:
    """Also text that a database could take for something else, and bytes."""
    moment = NOW.replace(microsecond=123456)
    names = {'a "quoted" \\ one', "日本語 'x'", "%s :rows $1"}

    def work(session: Session) -> None:
        rows = [
            {"sha256": name, "media_type": "x", "data": bytes(range(256))}
            for name in names
        ]
        add_rows(session, table_of(Content), rows)
        kept = {"key": "k", "digest": "d", "answer": "", "at": moment}
        add_rows(session, table_of(Receipt), [kept])
        add_rows(session, table_of(Receipt), [])

    store.write(work, now=NOW)
    found = store.read(lambda session: [*session.scalars(select(Content))])
    assert {each.sha256 for each in found} == names
    assert {each.data for each in found} == {bytes(range(256))}
    kept = store.read(lambda session: session.get_one(Receipt, "k"))
    assert kept.at == moment


def test_many_rows_break_a_rule_by_its_name(store: Store) -> None:
    rows = [{"key": "k", "digest": "d", "answer": "old", "at": NOW}] * 2
    with pytest.raises(Forbidden) as refused:
        store.write(lambda session: add_rows(session, table_of(Receipt), rows), now=NOW)
    assert refused.value.rule == "pk_receipt"
    assert receipts(store) == set()
